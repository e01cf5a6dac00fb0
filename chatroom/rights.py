"""Who may do what: one table of roles and rights, and the one function that every command of every format is asked by."""

from __future__ import annotations

from enum import Enum

from .request import Refused


class Role(Enum):
    """What somebody is to the server."""

    STRANGER = "stranger"
    """Connected, and has not entered yet."""
    GUEST = "guest"
    """Has a nickname for as long as they stay."""
    ACCOUNT = "account"
    """Is logged in."""
    OPERATOR = "operator"
    """Is logged in, and runs the server."""
    CONSOLE = "console"
    """The server's owner, at the machine: is in no room."""


class Right(Enum):
    """What one may do, and who may."""

    ASK = "ask what one can do, and leave", *Role
    ENTER = "come in", Role.STRANGER
    LOG_IN = "be somebody who has an account", Role.STRANGER, Role.GUEST
    REGISTER = "make a nickname one's own", Role.STRANGER, Role.GUEST
    CHAT = "read and write, in rooms and in private", Role.GUEST, Role.ACCOUNT, Role.OPERATOR
    CLAIM = "give the claim code", Role.GUEST, Role.ACCOUNT
    OWN = "look after one's own account", Role.ACCOUNT, Role.OPERATOR
    SEE_ADDRESSES = "see where people connect from", Role.OPERATOR, Role.CONSOLE
    ACCOUNTS = "look after all accounts", Role.OPERATOR, Role.CONSOLE

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
    raise Refused("operator_needed", "only operators of the server may do that")
