"""Order is kept in a room by its moderators, and on the server by its operators: the same is done in both, and told in the
log of the one or of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from .account import Account
from .bans import Ban, Bans, Target, Who, target, told
from .chat import Chat
from .connection import Connection
from .directory import SERVER_LOG
from .event import NO_DETAILS, Entry, Event, Kind, Position, person_of
from .joining import banned, held_by, place_of, put_out_banned, who_is
from .names import Name
from .person import Person, not_saved
from .request import Refused
from .rights import Role
from .room import Room
from .rules import Rules
from .seams import Batch
from .session import Session

BANS_MOST = 1000
"""Bans, and as many mutes, in one room or on the server: each takes some memory for as long as it holds."""

CLAIMS_READ = 1000
"""Claims of nicknames read at a time to find a guest who has left."""

CLAIMS_PAGES = 10
"""So many times: who left longer ago is not found by their nickname."""


class Scope(NamedTuple):
    """Where order is kept: in a room, or on the whole server."""

    chat: Chat
    room: Room | None = None

    @property
    def log(self) -> str:
        return self.room.log.name if self.room else SERVER_LOG

    @property
    def rules(self) -> Rules:
        return self.room.rules if self.room else self.chat.directory.rules

    @property
    def shown(self) -> str:
        return f"#{self.room.name}" if self.room else "this server"

    @property
    def fields(self) -> dict[str, object]:
        return {"room": self.room.name} if self.room else {}

    def role(self, id: str) -> Role:
        return self.chat.role(id, self.room)


class Whom(NamedTuple):
    """Somebody who is to be put in their place."""

    id: str
    name: Name
    account: Account | None
    here: Person | None
    address: str
    """Where they come or came from; empty for this machine."""


# Whom it concerns


async def whom(scope: Scope, nick: str) -> Whom:
    """Who is called so: somebody who is here, an account, or a guest who has left lately; raises Refused."""
    chat = scope.chat
    name = chat.settings.nickname(nick)
    account = chat.directory.accounts.named(name)
    here = (chat.people.get(account.id) if account else None) or chat.people.get(chat.directory.holder(name))
    if here:
        return Whom(here.id, here.name, here.account, here, await _came_from(chat, here.id, here.connections))
    if account:
        return Whom(account.id, account.name, account, None, await _came_from(chat, account.id))
    claim = await _claim(chat, lambda event: event.details.get("folded") == name.folded)
    if claim is None:
        raise Refused("nobody", f"nobody called {name.shown} is here, or was lately")
    id = person_of(claim.by)
    return Whom(id, name._replace(shown=claim.nick), None, None, await _came_from(chat, id))


async def _came_from(chat: Chat, id: str, connections: Sequence[Connection] = ()) -> str:
    """From where somebody is here, or came when they were last; they may have taken another nickname since."""
    places = [place for connection in connections if (place := place_of(connection.address))]
    if places or connections:
        return places[0] if places else ""
    claim = await _claim(chat, lambda event: person_of(event.by) == id and "address" in event.details)
    return str(claim.details["address"]) if claim else ""


async def _claim(chat: Chat, wanted: Callable[[Event], bool]) -> Event | None:
    """The last of the claims of nicknames that is wanted."""
    before: Position | None = None
    for _ in range(CLAIMS_PAGES):
        entries: list[Entry] = await chat.storage.read(
            SERVER_LOG, before=before, limit=CLAIMS_READ, kinds={Kind.CLAIMED}
        )
        for entry in reversed(entries):
            event: Event = entry.event
            if wanted(event):
                return event
        if len(entries) < CLAIMS_READ:
            break
        before = entries[0].position
    return None


def above(session: Session, scope: Scope, id: str, shown: str) -> None:
    """Raises Refused unless who asks outranks somebody."""
    asking = scope.role(session.person.id) if session.device else Role.CONSOLE
    other = scope.role(id)
    if not asking.outranks(other):
        raise Refused("outranked", f"{shown} is {other.value} here, and you are {asking.value}")


def deed(
    session: Session, scope: Scope, kind: Kind, text: str = "", details: Mapping[str, Any] = NO_DETAILS
) -> tuple[str, Event]:
    """What somebody does to keep order, as it is told in the log."""
    person = session.device.person if session.device else None
    id, nick = (person.id, person.name.shown) if person else ("", "")
    return scope.log, scope.chat.event(kind, id, nick, text, details)


async def save(scope: Scope, events: Batch) -> None:
    failed = await scope.chat.save(events)
    if failed:
        raise not_saved("that", failed)


# Putting out


async def kick(session: Session, scope: Scope, nick: str, why: str) -> str:
    """Put somebody out of a room, or off the server; they may come back."""
    found = await whom(scope, nick)
    above(session, scope, found.id, found.name.shown)
    kicked = deed(session, scope, Kind.KICKED, why, {"whom": found.id, "name": found.name.shown})
    by = kicked[1].nick or "the server"
    refused = Refused("kicked", f"{by} put you out of {scope.shown}{f' ({why})' if why else ''}", scope.fields)
    if found.here is None and found.account and scope.room and scope.room.name in found.account.rooms:
        others = [room for room in found.account.rooms if room != scope.room.name]  # they would come back to it
        rooms = scope.chat.event(Kind.ROOMS, found.id, found.name.shown, details={"rooms": others})
        await save(scope, [kicked, (SERVER_LOG, rooms)])
    elif found.here is None or not await _put_out(scope, kicked, {found.here: refused}, only_if_here=True):
        raise Refused("nobody", f"{found.name.shown} is not in {scope.shown}")
    return found.name.shown


async def ban(session: Session, scope: Scope, text: str, duration: int, why: str, mute: bool = False) -> Ban:
    """Keep somebody out, or from talking, whatever they call themselves."""
    chat = scope.chat
    aim = target(text, chat.settings.nickname)
    details: dict[str, Any] = {"name": aim.shown}
    if aim.name is None:
        details["network"] = aim.network
    else:
        found = await _aimed_at(scope, aim, aim.name)
        above(session, scope, found.id, found.name.shown)
        details |= {"whom": found.id, "name": aim.shown if aim.account else found.name.shown}
        details |= {"account": found.id} if found.account else {"forms": [*found.name[1:]]}
        details |= {"address": found.address} if found.address else {}
    if duration:
        details["until"] = chat.milliseconds() + duration
    bans = scope.rules.mutes if mute else scope.rules.bans
    if len(bans.current(chat.milliseconds())) >= BANS_MOST:
        raise Refused("too_many_bans", f"{scope.shown} has {BANS_MOST} of them already, the most there can be")
    log, event = deed(session, scope, Kind.MUTED if mute else Kind.BANNED, why, details)
    made = Bans(event.kind, Kind.UNMUTED if mute else Kind.UNBANNED)
    made.fold(Entry(chat.storage.start, event))
    (the_ban,) = made.current(event.time)
    if mute:
        await save(scope, [(log, event)])
        return the_ban
    affected = {person: banned(the_ban, event.time, scope.room) for person in _held(scope, made)}
    await _put_out(scope, (log, event), affected)
    for person in _held(scope, made):  # who came in while it was on its way
        async with chat.alone(person.id):
            await put_out_banned(chat, person, [scope.room] if scope.room else [])
    if scope.room is None:
        for connection in chat.connections:
            connection.refuse_banned()
    return the_ban


async def _aimed_at(scope: Scope, aim: Target, name: Name) -> Whom:
    if not aim.account:
        return await whom(scope, name.shown)
    account = scope.chat.directory.accounts.named(name)
    if account is None:
        raise Refused("no_account", f"there is no account {name.shown}")
    return await whom(scope, account.name.shown)


def _held(scope: Scope, bans: Bans) -> list[Person]:
    """Who is here for whom a ban holds."""
    return [
        person
        for person in scope.chat.people.values()
        if (scope.room is None or scope.room in person.rooms)
        and any(held_by(scope.chat, bans, each, scope.room) for each in who_is(person))
    ]


async def _put_out(
    scope: Scope, deed: tuple[str, Event], people: Mapping[Person, Refused], only_if_here: bool = False
) -> bool:
    """What was done, and that these are here no more: at once for all who see it. Tells whether it was done: not, with
    `only_if_here`, when none of them was there."""
    chat, room = scope.chat, scope.room
    done, events = deed[1], [deed]
    reason = f"{done.kind.word} by {done.nick or 'the server'}{f': {done.text}' if done.text else ''}"
    async with AsyncExitStack() as stack:  # in rooms and under nicknames as they are when it is their turn
        for id in sorted(person.id for person in people):
            await stack.enter_async_context(chat.alone(id))
        out = [person for person in people if not person.left and (room is None or room in person.rooms)]
        if only_if_here and not out:
            return False
        chat.new_moment()
        for person in out:
            events += person.parting_from(room, put_out=True) if room else person.leaving(reason)
        going = room.going if room else chat.going
        going |= {person.id for person in out}
        try:
            await save(scope, events)
        finally:
            going -= {person.id for person in out}
        for person in out:
            if room is None:
                person.dismiss(people[person])
            else:
                for connection in person.connections:
                    connection.told_no(people[person])
    return True


async def lift(session: Session, scope: Scope, text: str, mute: bool = False) -> str:
    """End what was asked for against somebody."""
    aim = target(text, scope.chat.settings.nickname)
    bans = scope.rules.mutes if mute else scope.rules.bans
    found = bans.named(aim, scope.chat.milliseconds())
    if not found:
        raise Refused("not_banned", f"{aim.shown} is not {'muted' if mute else 'banned'} in {scope.shown}")
    if session.device and any(session.person.id in (each.whom, each.account) for each in found):
        raise Refused("outranked", "that is about you: somebody else has to end it")
    details: dict[str, Any] = {"name": found[0].name, "bans": [each.eid for each in found]}
    if aim.network:
        details["network"] = aim.network
    await save(scope, [deed(session, scope, Kind.UNMUTED if mute else Kind.UNBANNED, details=details)])
    return aim.shown


# What a room is like, and who decides


async def set_(session: Session, scope: Scope, setting: str, value: object = None, text: str = "") -> None:
    details = {"setting": setting} if value is None else {"setting": setting, "value": value}
    await save(scope, [deed(session, scope, Kind.SET, text, details)])


async def give(session: Session, room: Room, nick: str, role: Role | None) -> str:
    """Make an account something in a room; None for nothing special."""
    scope = Scope(session.chat, room)
    found = await whom(scope, nick)
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


def _refuse_if_banned(scope: Scope, found: Whom) -> None:
    """Raises Refused for who is not let in, to be made somebody there."""
    if scope.rules.bans.of(Who(found.id, None, (), ""), scope.chat.milliseconds()):
        shown = found.name.shown
        raise Refused("banned", f"{shown} is banned from {scope.shown}; /unban {shown} first")


def refuse_muted(scope: Scope, asking: Who) -> None:
    """Raises Refused for who may not talk there."""
    mute = held_by(scope.chat, scope.rules.mutes, asking, scope.room)
    if mute:
        words = f"you are muted in {scope.shown}: {told(mute, scope.chat.milliseconds(), places=False)}"
        raise Refused("muted", words, scope.fields)


async def transfer(session: Session, room: Room, nick: str) -> str:
    """Give the room away; who owned it moderates it from then on."""
    scope = Scope(session.chat, room)
    found = await whom(scope, nick)
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


def _role(session: Session, scope: Scope, id: str, shown: str, role: Role | None) -> tuple[str, Event]:
    details = {"whom": id, "name": shown, "role": role.value if role else ""}
    return deed(session, scope, Kind.ROLE, details=details)
