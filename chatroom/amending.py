"""What was said is removed, or corrected: told in the room's log first, and then read so everywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from .chat import Chat
from .event import TALK, Entry, Kind, Position, person_of
from .granting import room_of
from .moderating import Scope, above, deed, save
from .request import Refused
from .room import Room
from .seams import not_saved
from .session import Session
from .talking import check
from .times import MINUTE
from .whom import whom

EDITING = 5 * MINUTE
"""Milliseconds in which one may correct oneself: who reads later reads what was meant."""

LOOKED_BACK = 10_000
"""Entries of talk that are looked through for somebody's last words: some 100 ms."""

READ = 500
"""Of these at a time."""

DELETED_MOST = 100
"""Messages that are removed at once."""


async def _back(chat: Chat, room: Room) -> AsyncIterator[Entry]:
    """What was said in a room, the newest first."""
    before: Position | None = None
    for _ in range(LOOKED_BACK // READ):
        entries = await chat.storage.read(room.log.name, before=before, limit=READ, kinds=TALK)
        for entry in reversed(room.log.now(entries)):
            yield entry
        if len(entries) < READ:
            return
        before = entries[0].position


async def _last(chat: Chat, room: Room, wanted: Callable[[Entry], bool], most: int) -> tuple[list[Entry], list[Entry]]:
    """The last messages that are wanted and still there, newest first; and what corrected them."""
    found: list[Entry] = []
    corrections: list[Entry] = []
    async for entry in _back(chat, room):
        if entry.event.kind is Kind.EDITED:
            corrections.append(entry)
        elif wanted(entry) and not entry.event.details.get("removed"):
            found.append(entry)
            if len(found) == most:
                break
    eids = {entry.event.eid for entry in found}
    return found, [entry for entry in corrections if entry.event.details.get("eid") in eids]


async def delete_own(session: Session, room: Room) -> int:
    """Remove one's own last message."""
    id = session.person.id
    return await _delete(session, room, lambda entry: person_of(entry.event.by) == id, 1, id, session.person.name.shown)


async def delete_of(session: Session, room: Room, nick: str, count: int) -> int:
    """Remove the last messages of somebody."""
    if not 0 < count <= DELETED_MOST:
        raise Refused("bad_arguments", f"from 1 to {DELETED_MOST} messages are removed at once")
    chat = session.chat
    found = await whom(chat, nick)
    if found.id != session.person.id:
        above(session, Scope(chat, room), found.id, found.name.shown)
    return await _delete(
        session, room, lambda entry: person_of(entry.event.by) == found.id, count, found.id, found.name.shown
    )


async def delete_this(session: Session, room: Room, eid: str, may_others: Callable[[], None]) -> int:
    """Remove the message that has this eid; `may_others` raises Refused for who may not remove that of somebody else."""
    chat = session.chat
    found, _ = await _last(chat, room, lambda entry: entry.event.eid == eid, 1)
    if not found:
        raise Refused("no_message", f"there is no such message in #{room.name}, or it was removed, or too long ago")
    event = found[0].event
    id = person_of(event.by)
    if id != session.person.id:
        may_others()
        above(session, Scope(chat, room), id, event.nick)
    return await _delete(session, room, lambda entry: entry.event.eid == eid, 1, id, event.nick)


async def _delete(
    session: Session, room: Room, wanted: Callable[[Entry], bool], count: int, id: str, shown: str
) -> int:
    chat = session.chat
    async with chat.alone(room.log.name):  # or a correction that comes meanwhile stays
        found, corrections = await _last(chat, room, wanted, count)
        if not found:
            raise Refused("no_message", f"nothing of {shown} is to be removed in #{room.name}")
        details = {
            "whom": id,
            "name": shown,
            "eids": [entry.event.eid for entry in reversed(found)],
            "positions": [str(entry.position) for entry in (*found, *corrections)],
        }
        await save(Scope(chat, room), [deed(session, Scope(chat, room), Kind.DELETED, details=details)])
    await chat.tidy.now()
    return len(found)


async def edit(session: Session, room: Room, text: str) -> str:
    """Correct one's own last message."""
    async with session.chat.alone(room.log.name):  # or what is removed meanwhile comes back
        eid = await _edit(session, room, text)
    session.chat.tidy.soon()
    return eid


async def _edit(session: Session, room: Room, text: str) -> str:
    chat, person, here = session.chat, session.person, session.here
    found, _ = await _last(chat, room, lambda entry: person_of(entry.event.by) == person.id, 1)
    if not found:
        raise Refused("no_message", f"you have said nothing in #{room.name} that could be corrected")
    if chat.milliseconds() - found[0].event.time > EDITING:
        raise Refused("too_late_to_edit", f"your last message is older than {EDITING // MINUTE} minutes")
    check(session, room_of(chat, here, room.name), text)  # they may have been put out meanwhile
    eid, log = found[0].event.eid, room.log.name
    edited = chat.event(Kind.EDITED, here.by, person.name.shown, text, {"eid": eid})
    changed = chat.event(Kind.CHANGED, here.by, person.name.shown, "", {"positions": [str(found[0].position)]})
    failed = await chat.save([(log, edited), (log, changed)])
    if failed:
        raise not_saved("your correction", failed)
    return eid
