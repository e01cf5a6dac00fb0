"""How one comes in: with a nickname, as an account, or back after a lost connection. Whatever the way and the format, it ends
in the same welcome, of which this knows nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex

from . import naming
from .account import Account
from .accounts import admit, checked, register_stranger, still
from .admission import held_by, is_open, no_room, place_of, refuse_banned, refuse_guests, rooms_for, who
from .asking import ask_password, may_send_password, warn_of_plaintext
from .bans import Who
from .chat import Chat
from .device import Device, attach, digest
from .event import Position
from .inbox import check_position
from .names import Name
from .person import Person
from .request import Arrived, Refused
from .room import Room
from .session import Session
from .welcome import NO_WISH, Coming, Starts, Wish, welcome

TOKEN_BYTES = 16
"""128 bits, that nobody guesses."""

GUEST_BYTES = 3
"""Of the name that a guest gets whose nickname is an account's."""


async def enter(session: Session, nickname: str, password: str = "", wish: Wish = NO_WISH) -> None:
    """Come in under a nickname: as a guest, or as the account to which it belongs."""
    chat = session.chat
    name = chat.settings.nickname(nickname)
    if password:
        await log_in(session, name.shown, password, wish)
    elif chat.directory.accounts.named(name):
        await _ask_to_log_in(session, f"{name.shown} is somebody's own.", name, wish)
    elif chat.hasher is None and not chat.settings.guests:  # who has an account is known elsewhere
        await _ask_to_log_in(session, "Only accounts are let in here.", name, wish)
    else:
        await _enter_anew(session, name, wish)


async def _ask_to_log_in(session: Session, why: str, name: Name, wish: Wish) -> None:
    async def come(password: str) -> bool:
        await come_in(session, await checked(session, name.shown, password), wish)
        return True

    question = f"{why} What is the password of {name.shown}?"
    if not await ask_password(session, question, "(An empty line: another nickname.)", come):
        _ask_for_nickname(session)


async def _enter_anew(session: Session, name: Name, wish: Wish) -> None:
    """Under a nickname that is nobody's own."""
    if not session.admitted:

        async def come(password: str) -> bool:
            admit(session, password)
            return True

        question = "This server has a password; what is it?"
        if not await ask_password(session, question, "(An empty line: another nickname.)", come, "server_password"):
            _ask_for_nickname(session)
            return
    if session.chat.settings.guests:
        await _enter_as_guest(session, name, wish)
        return
    try:
        account = await register_stranger(session, name)
    except Refused as refused:
        if refused.code != "password_invalid" or session.wire.asks is None:
            raise
        _ask_for_nickname(session)
    else:
        await come_in(session, account, wish)


def _ask_for_nickname(session: Session) -> None:
    if not session.answers.over:
        session.answers.tell("What nickname would you like?")


async def _enter_as_guest(session: Session, name: Name, wish: Wish) -> None:
    chat = session.chat
    id, token = chat.new_id(), _token(session)
    asking = who(chat, id, name, session.peer.address)
    refuse_banned(chat, asking)
    refuse_guests(chat, id)
    starts = _starts(chat, asking, wish, lambda room: not room.rules.private)
    wanted = [*starts] or [chat.entrance]
    refused: list[Refused] = []

    def admitted() -> tuple[list[Room], list[str]]:
        refuse_banned(chat, asking)
        refuse_guests(chat, id)
        rooms, refused[:] = rooms_for(chat, asking, [], wanted)
        return rooms, []

    where = place_of(session.peer.address)
    device, arrived = await naming.enter(chat, id, name, wanted, admitted, id, _digest(token), where)
    await welcome(session, Coming(device, token, arrived, starts, wish, refused=refused))


async def log_in(session: Session, nickname: str, password: str, wish: Wish = NO_WISH) -> None:
    """Be the account of that name from now on; raises Refused, in the same words and time whether there is one."""
    may_send_password(session)
    account = await checked(session, nickname, password)
    await come_in(session, account, wish)
    warn_of_plaintext(session)


async def come_in(session: Session, account: Account, wish: Wish) -> None:
    """Be this account, as was proved, on one more device."""
    chat = session.chat
    asking = who(chat, account.id, account.name, session.peer.address)
    refuse_banned(chat, asking)
    starts = _starts(chat, asking, wish, lambda room: is_open(chat, account.id, room) or room.name in account.rooms)
    if wish.inbox is not None:
        await check_position(chat.storage, account.id, wish.inbox)
    token = _token(session)
    # Of several devices that come at once, the first enters and the others join it. Only that is awaited there: a device
    # that does not read must not keep the others out.
    async with chat.alone(account.id):
        still(chat, account)
        device, arrived, refused = await _be_here(session, account, token, asking, [*starts])
        try:
            inbox = await device.person.open_inbox()
        except BaseException:
            device.leave()
            raise
    await welcome(session, Coming(device, token, arrived, starts, wish, inbox, refused))


async def _be_here(
    session: Session, account: Account, token: str, asking: Who, wanted: list[Room]
) -> tuple[Device, list[Arrived], list[Refused]]:
    """A new device of the account, who enters with it or is here already."""
    chat = session.chat
    by = f"{account.id}/{chat.new_id()}"
    guest = session.device.person if session.device else None
    person = chat.people.get(account.id)
    if person is None:
        await naming.let_leave(
            chat, lambda: account.id in chat.leaving
        )  # else who comes would be taken for having left
        if account.id in chat.leaving:
            raise Refused("not_saved", "that you left before is not saved yet; come again in a moment")
        await _take_back(session, account.name, guest)
        known = [room for name in account.rooms if (room := chat.find_room(name))]
        others = [*wanted, *(guest.rooms if guest else ())]
        if not (known or others):
            others = [chat.entrance]
        refused: list[Refused] = []

        def admitted() -> tuple[list[Room], list[str]]:
            still(chat, account)
            refuse_banned(chat, asking)
            rooms, refused[:] = rooms_for(chat, asking, known, others)
            more = [room.name for room in rooms if room.name not in account.rooms]
            changed = more and (account.rooms or more != [chat.entrance.name])
            return rooms, [*account.rooms, *more] if changed else []

        device, arrived = await naming.enter(
            chat,
            account.id,
            account.name,
            [*known, *others],
            admitted,
            by,
            _digest(token),
            place_of(session.peer.address),
            guest,
        )
        if not wanted and device.person.rooms:
            device.room = device.person.rooms[-1]  # which they joined last
        return device, arrived, refused
    device = await attach(chat, person, by, _digest(token))
    chat.new_moment()
    if guest:
        guest.leave(f"now {account.name.shown}")
    return device, [room.now(account.id, *[guest.id] if guest else ()) for room in person.rooms], []


async def _take_back(session: Session, name: Name, but: Person | None) -> None:
    """Who has the nickname of an account, or one like it, gets another: its owner comes."""
    chat = session.chat
    for id in chat.directory.holders(name):
        guest = chat.people.get(id)
        if guest and guest is not but:
            other = chat.settings.nickname(f"guest-{token_hex(GUEST_BYTES)}")
            await naming.rename(guest, other, chat)
            guest.tell(
                f"{name.shown} is somebody's own, who has come; you are {other.shown} now, /nick NAME is another"
            )


async def resume(session: Session, token: str, wish: Wish) -> None:
    """Come back after a lost connection: the same person, and exactly what they missed."""
    device = session.chat.devices.get(digest(token))
    if device is None:
        raise Refused("resume_unknown", "nobody is expected back with that; it was too late, or of another server")
    inside = [room.name for room in device.person.rooms]  # they may have been put out of others meanwhile
    still_in = {name: after for name, after in wish.rooms.items() if name.removeprefix("#") in inside}
    starts = _starts(session.chat, None, wish._replace(rooms=still_in), lambda room: True)
    inbox = await device.person.open_inbox()
    if session.chat.devices.get(digest(token)) is not device:  # their time was over meanwhile, or they were logged out
        raise Refused("resume_unknown", "nobody is expected back with that any more")
    if session.lost and device.connection:  # asked before it was lost, and they are back by a later one
        raise Refused("resumed", "you came back on another connection")
    person = device.person
    refuse_banned(session.chat, who(session.chat, person.id, person.name, session.peer.address))
    session.chat.new_moment()
    arrived = [room.now(person.id) for room in person.rooms]
    await welcome(session, Coming(device, token, arrived, starts, wish, inbox, again=True))


def _starts(chat: Chat, asking: Who | None, wish: Wish, may_know: Callable[[Room], bool]) -> Starts:
    """The rooms that are wished for, and the positions after which to read on; raises Refused for what is not there."""
    starts: dict[Room, Position | None] = {}
    for name, after in wish.rooms.items():
        room = chat.find_room(name)
        if room is None or not may_know(room):
            raise no_room(name)
        # Who is banned there is told so, and not how many entries there are.
        out = asking is not None and held_by(chat, room.rules.bans, asking, room) is not None
        starts[room] = None if after is None or out else room.log.position(after)
    return starts


def _token(session: Session) -> str:
    return token_hex(TOKEN_BYTES) if session.wire.resumes else ""


def _digest(token: str) -> str:
    return digest(token) if token else ""
