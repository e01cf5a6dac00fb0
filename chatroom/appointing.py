"""What an account is in a room, owner, moderator or with a voice, is given to it by others, and taken away."""

from __future__ import annotations

from .bans import Who
from .event import Event, Kind
from .moderating import Scope, above, deed, save
from .request import Refused
from .rights import Role
from .room import Room
from .session import Session
from .whom import Whom, whom


async def give(session: Session, room: Room, nick: str, role: Role | None) -> str:
    """Make an account something in a room; None for nothing special."""
    scope = Scope(session.chat, room)
    found = await whom(scope.chat, nick)
    shown = found.name.shown
    if found.account is None:
        raise Refused("account_needed", f"{shown} is a guest, and may be somebody else tomorrow: roles are of accounts")
    above(session, scope, found.id, shown)
    _refuse_if_banned(scope, found)
    now = scope.role(found.id)
    if now is role:
        raise Refused("role_same", f"{shown} is {now.value} already")
    if role is Role.VOICED and now.outranks(role):
        raise Refused("role_same", f"{shown} is {now.value}, and may talk as it is")
    if role is None and now is Role.ACCOUNT:
        raise Refused("role_same", f"{shown} has no role in #{room.name}")
    await save(scope, [_role(session, scope, found.id, shown, role)])
    return shown


async def transfer(session: Session, room: Room, nick: str) -> str:
    """Give the room away; who owned it moderates it from then on."""
    scope = Scope(session.chat, room)
    found = await whom(scope.chat, nick)
    shown = found.name.shown
    if found.account is None:
        raise Refused("account_needed", f"{shown} is a guest, and may be somebody else tomorrow: roles are of accounts")
    _refuse_if_banned(scope, found)
    owners = room.rules.having(Role.OWNER)
    if found.id in owners:
        raise Refused("role_same", f"{shown} is owner already")
    before = [account for id in owners if (account := scope.chat.directory.accounts.get(id))]  # others are forgotten
    events = [_role(session, scope, found.id, shown, Role.OWNER)]
    events += [_role(session, scope, account.id, account.name.shown, Role.MODERATOR) for account in before]
    await save(scope, events)
    return shown


def _refuse_if_banned(scope: Scope, found: Whom) -> None:
    """Raises Refused for who is not let in, to be made somebody there."""
    if scope.rules.bans.of(Who(found.id, None, (), ""), scope.chat.milliseconds()):
        shown = found.name.shown
        raise Refused("banned", f"{shown} is banned from {scope.shown}; /unban {shown} first")


def _role(session: Session, scope: Scope, id: str, shown: str, role: Role | None) -> tuple[str, Event]:
    details = {"whom": id, "name": shown, "role": role.value if role else ""}
    return deed(session, scope, Kind.ROLE, details=details)
