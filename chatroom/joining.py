"""Rooms entered and left, opened and closed: what is told of it, and from where on it is read. Who may, admission.py tells."""

from __future__ import annotations

from contextlib import AsyncExitStack

from .account import forms_of
from .admission import may_join, no_room, put_out_banned, refuse_opening, too_many, who_is
from .chat import Chat
from .directory import SERVER_LOG
from .event import Kind
from .names import Name
from .opened import Opened
from .person import Person
from .request import Answer, Arrived, Command, Refused
from .room import Room
from .seams import NotSaved, not_saved
from .session import Session


async def join(session: Session, text: str, history: int) -> Answer | None:
    """Be in a room, which is opened if there is none of that name; or talk in it from now on."""
    chat, person = session.chat, session.person
    name = chat.settings.room_name(text)
    async with chat.alone(person.id):
        room = chat.rooms.get(name.folded)
        if room and room in person.rooms:
            session.here.room = room
            return Answer(f"what you say goes to #{room.name} now", {"room": room.name})
        if len(person.rooms) >= chat.settings.rooms_at_once:
            raise too_many(chat)
        if room is None:
            async with chat.alone("#"):  # one after the other: they are counted
                room = await _open(session, name)
        arrived = await _join(session, room, name.shown)
    # A device that does not read must not keep the others, or who puts them out, waiting.
    if arrived:
        command = Command("join", fields={}, id=session.request)
        await session.shown.arrive(room, arrived, command, history)
    return None


async def _join(session: Session, room: Room, called: str) -> Arrived | None:
    chat, person = session.chat, session.person
    _may_join_now(session, room, called)
    await room.door.come()
    _may_join_now(session, room, called)  # what was decided while they waited
    # Later than all that happened in the other rooms: so it can be told of each event whether they were in both then.
    chat.new_moment()
    joined = chat.event(Kind.JOINED, person.id, person.name.shown)
    room.expect(person.id)
    try:
        failed = await chat.save([(room.log.name, joined), *person.returning([*person.rooms, room])])
    finally:
        arrived = room.arrived(person.id)
    if failed:
        raise not_saved(f"your coming into #{room.name}", failed)
    if room.closing or arrived is None:
        raise no_room(room.name)
    if person.left:  # meanwhile, of which this room was not told
        await chat.save_surely([(room.log.name, chat.event(Kind.LEFT, person.id, person.name.shown))])
        return None
    person.joined(room, arrived, session.here)
    await put_out_banned(chat, person, [room])
    return arrived if room in person.rooms else None


def _may_join_now(session: Session, room: Room, called: str) -> None:
    chat, person = session.chat, session.person
    if room.closing or chat.rooms.get(room.forms.folded) is not room:
        raise no_room(room.name)
    for asking in who_is(person):
        may_join(chat, asking, room, called)


async def _open(session: Session, name: Name) -> Room:
    """A room that was not there before; whose it is follows from who opened it first."""
    chat, person = session.chat, session.person
    opened = chat.directory.rooms.like(name)
    if opened is None or opened.name.folded != name.folded:
        refuse_opening(chat, person.id, name.shown)
    if name.folded in chat.directory.rooms.closed:
        raise Refused("room_taken", f"what was said in #{name.shown} is being forgotten; come again in a moment")
    if opened is None:
        opened = await _opened(chat, person, name)
    elif opened.name.folded != name.folded:
        raise Refused("room_taken", f"#{name.shown} is too like #{opened.name.shown}, which there is")
    return await chat.open_room(opened)


async def _opened(chat: Chat, person: Person, name: Name) -> Opened:
    settings, rooms = chat.settings, chat.directory.rooms
    if rooms.count(person.id) >= settings.rooms_of_one:
        raise Refused("too_many_rooms", f"you opened {settings.rooms_of_one} rooms already, the most for one")
    if len(rooms) >= settings.rooms_in_all:
        raise Refused("too_many_rooms", f"the server has {settings.rooms_in_all} rooms, the most it takes")
    details = {"name": name.shown, **forms_of(name)}
    failed = await chat.save([(SERVER_LOG, chat.event(Kind.OPENED, person.id, person.name.shown, details=details))])
    if failed:
        raise not_saved(f"#{name.shown}", failed)
    opened = rooms.find(name)
    if opened is None:  # one that looks like it was faster
        raise Refused("room_taken", f"#{name.shown} is too like a room that there is")
    return opened


async def leave(session: Session, room: Room, why: str) -> Answer:
    """Be in a room no more."""
    chat, person = session.chat, session.person
    async with chat.alone(person.id):
        await room.door.leave()
        failed = await _leave(chat, person, room, why)
    if failed:
        raise not_saved("that", failed)
    here = session.here.room
    now = f"what you say goes to #{here.name} now" if here else "you are in no room; /join ROOM enters one"
    return Answer(now, {"room": room.name})


async def _leave(chat: Chat, person: Person, room: Room, why: str) -> NotSaved | None:
    if room not in person.rooms:  # any more: they left it on another device
        return None
    chat.new_moment()
    return await chat.save(person.parting_from(room, why))


async def close(session: Session, room: Room) -> None:
    """Have a room be there no more, nor anything that was said in it."""
    chat, person = session.chat, session.person
    needed = [chat.directory.rooms.like(name) for name in chat.settings.rooms]
    if any(opened and opened.name == room.forms for opened in needed):
        raise Refused("room_needed", f"#{room.name} is one that always exists")
    if room.closing:
        raise no_room(room.name)
    details = {"name": room.name, **forms_of(room.forms)}
    closed = chat.event(Kind.CLOSED, person.id, person.name.shown, details=details)
    room.closing = True  # from now on nobody enters
    members = [chat.people[id] for id in room.members.nicks if id in chat.people]
    async with AsyncExitStack() as stack:
        for id in sorted(member.id for member in members):
            await stack.enter_async_context(chat.alone(id))
        chat.new_moment()
        inside = [member for member in members if room in member.rooms and not member.left]
        events = [event for member in inside for event in member.parting_from(room, put_out=True)]
        failed = await chat.save([(SERVER_LOG, closed), (room.log.name, closed), *events])
    if failed:
        room.closing = False
        raise not_saved("that", failed)
    chat.close_room(room)
    await chat.tidy.now()
