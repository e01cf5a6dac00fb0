"""Rooms entered and left: who may, what is told of it, and from where on it is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack

from .account import forms_of
from .bans import Ban, Bans, Who, told
from .chat import Chat
from .connections import site_of
from .directory import SERVER_LOG
from .event import Kind
from .names import Name
from .opened import Opened
from .person import Person, not_saved
from .request import Answer, Arrived, Command, Refused
from .rights import Right, Role, may
from .room import Room
from .seams import NotSaved
from .session import Session
from .text import shortened

ROOM_SHOWN = 50
"""Characters of a room that is not there."""


# Who may


def who(chat: Chat, id: str, name: Name, address: str) -> Who:
    """Somebody, as bans know them."""
    account = chat.directory.accounts.get(id)
    return Who(id, account.since if account else None, name[1:], address)


def who_is(person: Person) -> list[Who]:
    """The same, of who is here, perhaps from several places."""
    places = {connection.address for connection in person.connections} or {""}
    since = person.account.since if person.account else None
    return [Who(person.id, since, person.name[1:], address) for address in sorted(places)]


def held_by(chat: Chat, bans: Bans, asking: Who, room: Room | None) -> Ban | None:
    """What holds for somebody. Who keeps order is held only by what is against themselves, not by what concerns all who come
    from somewhere, or are called so."""
    if chat.role(asking.id, room).outranks(Role.VOICED if room else Role.OWNER):
        asking = asking._replace(forms=(), address="")
    return bans.of(asking, chat.milliseconds())


def refuse_banned(chat: Chat, asking: Who, room: Room | None = None) -> None:
    """Raises Refused for who is banned from the server, or from a room."""
    rules = room.rules if room else chat.directory.rules
    ban = held_by(chat, rules.bans, asking, room)
    if ban:
        raise banned(ban, chat.milliseconds(), room)


def banned(ban: Ban, now: int, room: Room | None) -> Refused:
    """What who is banned is told."""
    where = f"#{room.name}" if room else "this server"
    fields = {"room": room.name} if room else {}
    return Refused("banned", f"you are banned from {where}: {told(ban, now, places=False)}", fields)


def refuse_guests(chat: Chat, id: str, room: Room | None = None) -> None:
    """Raises Refused while only accounts may enter."""
    rules = room.rules if room else chat.directory.rules
    if rules.lockdown and chat.directory.accounts.get(id) is None:
        if room:
            raise Refused("lockdown", f"only accounts may enter #{room.name} at present; /register makes you one")
        raise Refused("lockdown", "only accounts may enter this server at present; if you have one, /login NAME")


def may_join(chat: Chat, asking: Who, room: Room, called: str) -> None:
    """Raises Refused for who may not enter a room, which they called so."""
    refuse_banned(chat, asking, room)
    refuse_guests(chat, asking.id, room)
    if not is_open(chat, asking.id, room):
        refuse_opening(chat, asking.id, called)  # who may open none is not told that there is one
        raise Refused("room_private", f"#{room.name} is entered by invitation only")


def is_open(chat: Chat, id: str, room: Room) -> bool:
    """Whether somebody need not be invited, or is."""
    return not room.rules.private or id in room.rules.invited or chat.role(id, room).outranks(Role.ACCOUNT)


def refuse_opening(chat: Chat, id: str, name: str) -> None:
    """Raises Refused for who may open no room."""
    creation = chat.settings.room_creation
    if not may(chat.role(id), creation):
        whose = "operators open" if creation is Right.OPERATE else "accounts (/register) open"
        raise no_room(name, f", and only {whose} rooms here")


def rooms_for(
    chat: Chat, asking: Who, known: Sequence[Room], wanted: Sequence[Room]
) -> tuple[list[Room], list[Refused]]:
    """Which of the rooms somebody was in, and of others, they may enter; and why not the rest."""
    rooms: list[Room] = []
    refused: list[Refused] = []
    for room in dict.fromkeys([*known, *wanted]):
        try:
            if room.closing:
                raise no_room(room.name)
            refuse_banned(chat, asking, room)
            refuse_guests(chat, asking.id, room)
            if room not in known:
                may_join(chat, asking, room, room.name)
            if len(rooms) >= chat.settings.rooms_at_once:
                raise too_many(chat)
            rooms.append(room)
        except Refused as why:
            refused.append(why)
    return rooms, refused


def too_many(chat: Chat) -> Refused:
    words = f"you are in {chat.settings.rooms_at_once} rooms, the most there can be; /leave one of them"
    return Refused("too_many_rooms", words)


async def put_out_banned(chat: Chat, person: Person, rooms: Iterable[Room]) -> None:
    """Who was banned at the moment when they entered leaves again."""
    if why := _banned(chat, person):
        await chat.save_surely(person.leaving("banned"))
        person.dismiss(why)
        return
    for room in rooms:
        if room in person.rooms and (why := _banned(chat, person, room)):
            chat.new_moment()
            await chat.save_surely(person.parting_from(room, put_out=True))
            for connection in person.connections:
                connection.told_no(why)


def _banned(chat: Chat, person: Person, room: Room | None = None) -> Refused | None:
    """What somebody is told who is here and should not be."""
    for asking in who_is(person):
        try:
            refuse_banned(chat, asking, room)
        except Refused as why:
            return why
    return None


# Entering and leaving


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


def no_room(name: str, more: str = "") -> Refused:
    """The same for a room that is not there and one that they may not know of."""
    shown = shortened(name.removeprefix("#"), ROOM_SHOWN)
    return Refused("no_room", f"there is no room #{shown}{more}", {"room": shown})


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


def place_of(address: str) -> str:
    """What is kept of where somebody comes from; nothing of this machine."""
    return address if site_of(address) else ""
