"""Who may come in, to the server or a room, and why not: asked before they do, and again when they are in.

Knows nobody's connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .bans import Ban, Bans, Who, told
from .chat import Chat
from .connections import site_of
from .names import Name
from .person import Person
from .request import Refused
from .rights import Right, Role, may
from .room import Room
from .text import shortened

ROOM_SHOWN = 50
"""Characters of a room that is not there."""


def who(chat: Chat, id: str, name: Name, address: str) -> Who:
    """Somebody, as bans know them."""
    account = chat.directory.accounts.get(id)
    return Who(id, account.since if account else None, name[1:], address)


def who_is(person: Person) -> list[Who]:
    """The same, of who is here, perhaps from several places."""
    places = {connection.peer.address for connection in person.connections} or {""}
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
                connection.answers.refuse(why)


def _banned(chat: Chat, person: Person, room: Room | None = None) -> Refused | None:
    """What somebody is told who is here and should not be."""
    for asking in who_is(person):
        try:
            refuse_banned(chat, asking, room)
        except Refused as why:
            return why
    return None


def no_room(name: str, more: str = "") -> Refused:
    """The same for a room that is not there and one that they may not know of."""
    shown = shortened(name.removeprefix("#"), ROOM_SHOWN)
    return Refused("no_room", f"there is no room #{shown}{more}", {"room": shown})


def place_of(address: str) -> str:
    """What is kept of where somebody comes from; nothing of this machine."""
    return address if site_of(address) else ""
