"""Who disturbs is put out, kept out or kept from talking, and let in again: in a room, or on the whole server.

Whom a ban holds for is told in bans.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from .admission import banned, held_by, put_out_banned, who_is
from .bans import Ban, Bans, Target, target
from .directory import SERVER_LOG
from .event import Entry, Event, Kind
from .moderating import Scope, above, deed, save
from .names import Name
from .person import Person
from .request import Refused
from .session import Session
from .whom import Whom, whom

BANS_MOST = 1000
"""Bans, and as many mutes, in one room or on the server: each takes some memory for as long as it holds."""


async def kick(session: Session, scope: Scope, nick: str, why: str) -> str:
    """Put somebody out of a room, or off the server; they may come back."""
    found = await whom(scope.chat, nick)
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
        return await whom(scope.chat, name.shown)
    account = scope.chat.directory.accounts.named(name)
    if account is None:
        raise Refused("no_account", f"there is no account {name.shown}")
    return await whom(scope.chat, account.name.shown)


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
                    connection.answers.refuse(people[person])
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
