"""Who may do what: one table of roles and rights, and the one function that every command of every format is asked by."""

from __future__ import annotations

from enum import Enum

from .request import Refused


class Role(Enum):
    """What somebody is: to the server, and where it is about a room, in that room. Later ones outrank those before."""

    STRANGER = "stranger"
    """Connected, and has not entered yet."""
    GUEST = "guest"
    """Has a nickname for as long as they stay."""
    ACCOUNT = "account"
    """Is logged in."""
    VOICED = "voiced"
    """May talk in a room where not everybody may."""
    MODERATOR = "moderator"
    """Keeps order in a room."""
    OWNER = "owner"
    """Opened the room, or was given it."""
    OPERATOR = "operator"
    """Is logged in, and runs the server."""
    CONSOLE = "console"
    """The server's owner, at the machine: is in no room."""

    def outranks(self, other: Role) -> bool:
        """Whether one may put the other in their place."""
        return _RANKS.index(self) > _RANKS.index(other)


_RANKS = tuple(Role)
_HERE = _RANKS[1:-1]
_ACCOUNTS = _RANKS[2:-1]
_MODERATORS = (Role.MODERATOR, Role.OWNER, Role.OPERATOR)


class Right(Enum):
    """What one may do, and who may."""

    ASK = "ask what one can do, and leave", *Role
    ENTER = "come in", Role.STRANGER
    LOG_IN = "be somebody who has an account", Role.STRANGER, Role.GUEST
    REGISTER = "make a nickname one's own", Role.STRANGER, Role.GUEST
    CHAT = "read and write, in rooms and in private", *_HERE
    LOOK_AROUND = "see which rooms there are", *_HERE, Role.CONSOLE
    SPEAK = "talk where not everybody may", Role.VOICED, *_MODERATORS
    CLAIM = "give the claim code", *_HERE[:-1]
    OWN = "look after one's own account", *_ACCOUNTS
    MODERATE = "keep order in a room", *_MODERATORS
    OWN_ROOM = "decide who moderates a room, and what it is", Role.OWNER, Role.OPERATOR
    OPERATE = "keep order on the server", Role.OPERATOR, Role.CONSOLE
    SEE_ADDRESSES = "see where people connect from", Role.OPERATOR, Role.CONSOLE
    ACCOUNTS = "look after all accounts", Role.OPERATOR, Role.CONSOLE
    RUN = "run the server", Role.CONSOLE

    roles: frozenset[Role]

    def __new__(cls, words: str, *roles: Role) -> Right:
        right = object.__new__(cls)
        right._value_ = words
        right.roles = frozenset(roles)
        return right


def may(role: Role, right: Right) -> bool:
    return role in right.roles


def require(role: Role, right: Right) -> None:
    """Raises Refused, saying what is missing."""
    if may(role, right):
        return
    if role is Role.STRANGER:
        raise Refused("not_entered", "say a nickname first")
    if role is Role.CONSOLE:
        raise Refused("not_here", "this way leads to the server, not into a room")
    if right is Right.ENTER:
        raise Refused("entered", "you are in already; /nick takes another nickname")
    if right in (Right.LOG_IN, Right.REGISTER):
        raise Refused("entered", "you are logged in already; /logout ends that")
    if right is Right.CLAIM:
        raise Refused("entered", "you are an operator already")
    if right is Right.OWN:
        raise Refused("account_needed", "you are a guest; /register makes your nickname your own")
    if right is Right.SPEAK:
        raise Refused("voice_needed", "only who has a voice may talk here; moderators give it")
    if right is Right.MODERATE:
        raise Refused("moderator_needed", "only moderators of the room may do that")
    if right is Right.OWN_ROOM:
        raise Refused("owner_needed", "only the owner of the room may do that")
    raise Refused("operator_needed", "only operators of the server may do that")
