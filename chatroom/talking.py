"""Whether something may be said in a room: by whom, how soon, and in which words. Asked only where anything restricts it."""

from __future__ import annotations

from collections.abc import Coroutine
from math import ceil
from typing import Any

from twisted.internet.defer import ensureDeferred

from .admission import place_of, who
from .banning import BANS_MOST
from .bans import Who
from .chat import Chat
from .connections import site_of
from .event import Kind
from .filters import Filter
from .moderating import Scope, refuse_muted, save
from .person import Person
from .request import Refused
from .rights import Right, may, require
from .room import Room
from .session import Session
from .telling import report

FILTER_MUTE = 10 * 60 * 1000
"""Milliseconds for which is muted who says what a filter mutes for: long enough to be told why."""

SPOKE_KEPT = 1000
"""People of whom is remembered when they spoke in a slow room, until those are forgotten for whom it matters no more."""


def check(session: Session, room: Room, text: str) -> None:
    """Raises Refused for what may not be said; past this, it is said."""
    chat = session.chat
    for rules in (room.rules, chat.directory.rules):
        if not rules.free:
            rules.look(chat.milliseconds())
    if room.rules.free and chat.directory.rules.free:
        return
    person = session.person
    _restrain(session, room, who(chat, person.id, person.name, session.peer.address), text)
    if room.rules.slow and not may(chat.role(person.id, room), Right.MODERATE):
        _slow_down(chat, room, session)


def check_reason(session: Session, why: str) -> None:
    """Raises Refused for who may say nothing, or not this, in one of their rooms: why they are away or leave is read there."""
    chat, person = session.chat, session.person
    asking = who(chat, person.id, person.name, session.peer.address)
    for room in person.rooms if why else ():
        _restrain(session, room, asking, why)


def _restrain(session: Session, room: Room, asking: Who, text: str) -> None:
    chat, person = session.chat, session.person
    for scope in (Scope(chat), Scope(chat, room)):
        refuse_muted(scope, asking)
        if not may(scope.role(person.id), Right.MODERATE if scope.room else Right.OPERATE):
            _look_for_words(scope, person, asking, room, text)
    if room.rules.announce_only:
        require(chat.role(person.id, room), Right.SPEAK)


def reason(session: Session, why: str) -> str:
    """The same, said on leaving, which nobody is kept from: nothing where they may not say it."""
    try:
        check_reason(session, why)
    except Refused:
        return ""
    return why


def check_private(session: Session, text: str) -> None:
    """Raises Refused for who is muted on the server, or what may not be said on it, and so to nobody."""
    chat, person = session.chat, session.person
    if not chat.directory.rules.free:
        asking = who(chat, person.id, person.name, session.peer.address)
        refuse_muted(Scope(chat), asking)
        if not may(chat.role(person.id), Right.OPERATE):
            _look_for_words(Scope(chat), person, asking, None, text)


def _slow_down(chat: Chat, room: Room, session: Session) -> None:
    person, request = session.person, session.request
    # A guest who comes again is another one, and the same to us.
    key = person.id if person.account else f"{site_of(session.peer.address)} {person.name.folded}"
    now, spoke = chat.clock.seconds(), room.spoke
    at, last = spoke.get(key, (now - room.rules.slow, ""))
    if request and request == last:  # the very message that was said: it is known by that, and not said again
        return
    wait = at + room.rules.slow - now
    if wait > 0:
        seconds = ceil(wait)
        words = f"#{room.name} is slow: your next message in {seconds} second{'' if seconds == 1 else 's'}"
        raise Refused("too_early", words, {"room": room.name, "seconds": seconds})
    if len(spoke) >= SPOKE_KEPT:
        for id in [id for id, (at, _) in spoke.items() if at + room.rules.slow <= now]:
            del spoke[id]
    spoke[key] = now, request


def _look_for_words(scope: Scope, person: Person, asking: Who, room: Room | None, text: str) -> None:
    verdict = scope.rules.filters.match(text)
    for slow in verdict.slow:
        _later(scope, _take_out(scope, slow))
    if verdict.filter is None:
        return
    found = verdict.filter
    if found.action == "report":
        why = f"said what filter {found.number} looks for"
        _later(scope, report(Scope(scope.chat, room), ("", ""), person.id, person.name.shown, why))
        return
    if found.action == "mute":
        _later(scope, _mute(scope, person, asking))
    raise Refused("filtered", f"that was not said: {scope.shown} has a filter for words in it", scope.fields)


def _later(scope: Scope, doing: Coroutine[Any, Any, None]) -> None:
    ensureDeferred(doing).addErrback(scope.chat.bug)


async def _mute(scope: Scope, person: Person, asking: Who) -> None:
    """Once, however many such lines they say before it is committed."""
    async with scope.chat.alone(person.id):
        mutes = scope.rules.mutes
        if mutes.of(asking, scope.chat.milliseconds()) is None and len(mutes) < BANS_MOST:
            await _muted(scope, person, place_of(asking.address))


async def _muted(scope: Scope, person: Person, address: str) -> None:
    chat, account = scope.chat, person.account
    details = {
        "whom": person.id,
        "name": person.name.shown,
        **({"account": person.id} if account else {"forms": [*person.name[1:]]}),
        **({"address": address} if address else {}),
        "until": chat.milliseconds() + FILTER_MUTE,
    }
    await save(scope, [(scope.log, chat.event(Kind.MUTED, text="what was said", details=details))])


async def _take_out(scope: Scope, slow: Filter) -> None:
    """A filter that holds everybody up is one no more, and moderators are told why; once, however many lines it held up."""
    chat = scope.chat
    async with chat.alone(scope.log):
        if scope.rules.filters.get(slow.number) is not slow:
            return
        details = {"change": "remove", "filter": slow.number, "pattern": slow.pattern, "action": slow.action}
        await save(scope, [(scope.log, chat.event(Kind.FILTER, text="took too long", details=details))])
    await report(scope, ("", ""), "", f"filter {slow.number}", "it took too long, and was taken out")
