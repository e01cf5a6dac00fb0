"""What is told to some, or to everybody, whatever rooms they are in: invitations, reports, announcements."""

from __future__ import annotations

from collections.abc import Collection

from .admission import who, who_is
from .event import Kind
from .inbox import inbox_log
from .moderating import Scope, deed, refuse_muted, save
from .request import Refused
from .rights import Role
from .room import Room
from .seams import Batch
from .session import Session
from .whom import whom


async def invite(session: Session, room: Room, nick: str) -> str:
    """Let somebody in though the room is private, and tell them."""
    scope = Scope(session.chat, room)
    found = await whom(scope.chat, nick)
    if found.here is None and found.account is None:
        raise Refused("nobody", f"{found.name.shown} is gone")
    if found.here and room in found.here.rooms:
        raise Refused("here_already", f"{found.name.shown} is in #{room.name} already")
    asking = who_is(found.here) if found.here else [who(session.chat, found.id, found.name, found.address)]
    person = session.person
    refuse_muted(Scope(session.chat), who(session.chat, person.id, person.name, session.peer.address))
    if found.id in room.rules.invited:
        raise Refused("invited_already", f"{found.name.shown} is invited already")
    for each in asking:
        if room.rules.bans.of(each, session.chat.milliseconds()):
            raise Refused("banned", f"{found.name.shown} is banned from #{room.name}; /unban {found.name.shown} first")
    details = {"whom": found.id, "name": found.name.shown, "room": room.name}
    invited = deed(session, scope, Kind.INVITED, details=details)
    ignored = found.here.ignored if found.here else found.account.ignored if found.account else ()
    await _tell(scope, [invited], [] if person.id in ignored else [found.id])
    return found.name.shown


async def report(scope: Scope, by: tuple[str, str], id: str, shown: str, why: str) -> None:
    """Tell the moderators, wherever they are; kept where it happened."""
    chat = scope.chat
    details = {"whom": id, "name": shown, **({"room": scope.room.name} if scope.room else {})}
    event = chat.event(Kind.REPORTED, *by, why, details)
    operators = [account.id for account in chat.directory.accounts.all() if chat.is_operator(account)]
    moderators = scope.room.rules.having(Role.OWNER, Role.MODERATOR) if scope.room else []
    known = [each for each in dict.fromkeys([*moderators, *operators]) if chat.directory.accounts.get(each)]
    await _tell(scope, [(scope.log, event)], [each for each in known if each not in (by[0], id)])


async def _tell(scope: Scope, deeds: Batch, ids: Collection[str]) -> None:
    """Have something committed, and shown in the inboxes of some too: to who is away when they come."""
    ((_, event),) = deeds
    for id in ids:
        if here := scope.chat.people.get(id):
            await here.open_inbox()
    await save(scope, [*deeds, *((inbox_log(id), event) for id in ids)])


async def announce(session: Session, text: str) -> None:
    """Tell everybody, in whatever rooms they are."""
    chat = session.chat
    scope = Scope(chat)
    rooms = [room for room in chat.rooms.values() if room.members.nicks]
    log, event = deed(session, scope, Kind.ANNOUNCED, text, {"rooms": [room.name for room in rooms]})
    await save(scope, [(log, event), *((room.log.name, event) for room in rooms)])
    for person in chat.people.values():
        if not person.rooms:
            person.tell(f"{event.nick or 'the server'} tells everybody: {text}")
