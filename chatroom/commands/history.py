"""What was said: read back, looked for, taken along."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable

from ..event import Entry, Event, Kind, Position, person_of
from ..granting import room_of
from ..log import Log
from ..recall import recall, since
from ..request import Answer, Refused
from ..room import Room
from ..seams import Hit, NotSaved, Searchable, Storage
from ..session import Session
from ..table import NUMBER_MAX, Parameter, Table, Takes
from ..times import moment, rfc3339, span
from .talk import ROOM

PAST = Table()

HISTORY = 20
"""Lines that are shown unless told how many."""

PERIOD = 200
"""Lines of a period that are shown at once; then it is told how to go on."""

FOUND = 20
"""Messages that a search shows at once."""

EXPORTED = 200
"""Messages read at a time when one's own are taken along."""

SEARCHED_WORDS = 10
"""Words that are looked for at once: each is a look into the index."""

_WORDS = re.compile(r'"([^"]+)"|(\S+)')
"""A phrase in quotes, or a word."""


class Seen:
    """What passes on its way to be shown: how much, and from where to where."""

    def __init__(self) -> None:
        self.first: Entry | None = None
        self.last: Entry | None = None

    async def pass_on(self, history: AsyncIterator[list[Entry]]) -> AsyncIterator[list[Entry]]:
        async for entries in history:
            if entries:
                self.first, self.last = self.first or entries[0], entries[-1]
            yield entries


@PAST.command(
    "history",
    Parameter("limit", "N", Takes.NUMBER, optional=True, by_order=False),
    Parameter("before", "POSITION", optional=True, by_order=False),
    Parameter("after", "POSITION", optional=True, by_order=False),
    Parameter("time", "2h", optional=True, by_order=False),
    Parameter("what", "N|2h|DATE|before TIME", Takes.REST, optional=True),
    ROOM,
)
async def history(
    session: Session,
    room: Room,
    limit: int | None = None,
    before: str = "",
    after: str = "",
    time: str = "",
    what: str = "",
) -> Answer:
    """Show what was said: the last lines (20)."""
    seen, log, shown = Seen(), room.log, session.shown
    if what:
        word, _, place = what.partition(" ")
        if word.isdecimal() and not place:
            limit = int(word[: len(str(NUMBER_MAX)) - 1])
        elif word == "before" and place:
            before = place
        elif word == "after" and place:
            after = place
        else:
            time = what
    if time or after:
        return await _forward(session, room, seen, after, time, limit or PERIOD)
    until = shown.cursor(room)
    count = HISTORY if limit is None else limit
    start = await _before(session, log, before) if before else None
    past = recall(log, count, until=until, before=start)
    await shown.history(room, seen.pass_on(past))
    if seen.first is None or session.nobody_reads or not await log.talk.newest(seen.first.position, 1):
        return Answer()
    place = str(seen.first.position)
    return Answer(f"earlier: /history before {place}", {"before": place})


async def _before(session: Session, log: Log, text: str) -> Position | None:
    """Where what is not older begins; None when all is older."""
    storage = session.chat.storage
    try:
        storage.position(text)
    except ValueError:
        place = await storage.place(log.name, span(text).start)
    else:
        return log.position(text)
    newer = await log.talk.after(place, 1)
    return newer[0].position if newer else None


async def _forward(session: Session, room: Room, seen: Seen, after: str, time: str, limit: int) -> Answer:
    """From a time on, or a position."""
    log, chat, end = room.log, session.chat, None
    if after:
        start = log.position(after)
    else:
        period = moment(time, chat.milliseconds() + 1)  # what was said in this very moment is of the last hours too
        start, end = await chat.storage.place(log.name, period.start), period.end
    until = session.shown.cursor(room)
    await session.shown.history(room, seen.pass_on(since(log, start, until, end, limit)))
    if seen.last is None:
        return Answer("nothing was said then")
    more = await log.talk.after(seen.last.position, 1)
    if not more or not more[0].position <= until or (end is not None and more[0].event.time >= end):
        return Answer()
    place = str(seen.last.position)
    return Answer(f"more: /history after {place}", {"after": place})


@PAST.command(
    "search",
    Parameter("words", "WORDS [from:NICK in:ROOM after:DATE before:DATE]", Takes.REST),
)
async def search(session: Session, words: str) -> Answer:
    """Find what was said."""
    chat = session.chat
    if not isinstance(chat.storage, Searchable):
        raise Refused("no_search", "nothing can be looked for here")
    wanted, options = _asked_for(words)
    if not wanted and "from" not in options:
        raise Refused("bad_arguments", "look for at least one word")
    if len(wanted) > SEARCHED_WORDS:
        raise Refused("bad_arguments", f"look for at most {SEARCHED_WORDS} words at once")
    rooms = [room_of(chat, session.here, options["in"])] if "in" in options else [*session.person.rooms]
    looking = chat.storage.search(
        [room.log.name for room in rooms],
        wanted,
        nick=options.get("from", ""),
        after=span(options["after"]).start if "after" in options else None,
        before=span(options["before"]).start if "before" in options else None,
        older=_place(chat.storage, options["more"]) if "more" in options else None,
        limit=FOUND + 1,
    )
    found = await _found(looking)
    logs = {room.log.name: room.log for room in rooms if room in session.person.rooms}  # they may have left meanwhile
    hits = [Hit(hit.log, entry) for hit in found[:FOUND] if hit.log in logs for entry in logs[hit.log].now([hit.entry])]
    ignored = session.person.ignored
    hits = [
        hit
        for hit in hits
        if not hit.entry.event.details.get("removed") and person_of(hit.entry.event.by) not in ignored
    ]
    for hit in hits:
        await session.shown.retelling.show(hit.log, [hit.entry], several=True)
    if len(found) <= FOUND:
        return Answer(f"{len(hits)} found" if hits else "nothing was found", {"found": len(hits)})
    last = found[FOUND - 1]
    more = f"{last.entry.event.time}.{last.entry.position}.{last.log[1:]}"
    asked = " ".join(part[0] for part in _WORDS.finditer(words) if not re.match("more:.", part[0]))
    return Answer(
        f"the newest {len(hits)}; older ones: /search {asked} more:{more}", {"found": len(hits), "more": more}
    )


def _asked_for(text: str) -> tuple[list[str], dict[str, str]]:
    """The words, and what stands behind `from:` and the like."""
    words, options = [], {}
    for phrase, word in _WORDS.findall(text):
        name, colon, value = word.partition(":")
        if colon and value and name in ("from", "in", "after", "before", "more"):
            options[name] = value
        else:
            words.append(phrase or word)
    return words, options


def _place(storage: Storage, text: str) -> Hit:
    """Where a search goes on, as it was told."""
    time, _, rest = text.partition(".")
    place, _, room = rest.partition(".")
    try:
        position = storage.position(place)
    except ValueError:
        position = None
    if position is None or not (time.isdecimal() and room and len(time) < 16):
        raise Refused("bad_arguments", "that is no place to look on from")
    return Hit(f"#{room}", Entry(position, Event(Kind.SAID, int(time), "", "", "")))


@PAST.command("export")
async def export(session: Session) -> Answer:
    """Take along all that you said, as lines of JSON."""
    storage, id = session.chat.storage, session.person.id
    if not isinstance(storage, Searchable):
        raise Refused("no_search", "nothing can be looked for here")
    count, last = 0, None
    while hits := await _found(storage.written(id, after=last, limit=EXPORTED)):
        read_now = [Hit(hit.log, entry) for hit in hits for entry in _now(session, hit)]
        theirs = [hit for hit in read_now if not hit.entry.event.details.get("removed")]
        await session.shown.retelling.write([session.wire.exported(_exported(hit)) for hit in theirs])
        count, last = count + len(theirs), hits[-1]
        if session.nobody_reads:
            break
    return Answer(f"{count} message{'' if count == 1 else 's'} of yours", {"messages": count})


async def _found(looking: Awaitable[list[Hit]]) -> list[Hit]:
    """Raises Refused for the storage's troubles."""
    try:
        return await looking
    except NotSaved as why:
        raise Refused("no_search", f"nothing can be looked for at present: {why.words}") from None


def _now(session: Session, hit: Hit) -> list[Entry]:
    """As it is to be read, also while the storage does not know of it yet."""
    room = session.chat.find_room(hit.log[1:]) if hit.log[:1] == "#" else None
    return room.log.now([hit.entry]) if room else [hit.entry]


def _exported(hit: Hit) -> dict[str, object]:
    event = hit.entry.event
    where = {"room": hit.log[1:]} if hit.log[:1] == "#" else {"to": event.details.get("to", "")}
    return {"time": rfc3339(event.time), **where, "kind": event.kind.word, "nick": event.nick, "text": event.text}
