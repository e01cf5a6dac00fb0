"""Reading back: the last lines of talk in a log, and who was there when it ended; however many, a few at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

from .event import Entry, Kind, Position, Sort
from .log import Log
from .page import PAGE_BYTES
from .seams import Storage

PRESENCE = frozenset(kind for kind in Kind if kind.sort is Sort.PRESENCE)
STATE = frozenset(kind for kind in Kind if kind.sort is Sort.STATE)

FOLDED_ENTRIES = 4096
"""Entries of presence or state read at a time: some 1 MiB."""

RECALL_ENTRIES = 128
"""Entries read at a time: at most 512 KiB of the longest lines."""


async def recall(
    log: Log, limit: int, until: Position | None = None, before: Position | None = None
) -> AsyncIterator[list[Entry]]:
    """The last `limit` entries of talk up to a position (`until`: this one too), oldest first, a few at a time."""
    found = 0
    oldest: list[Entry] = []
    while found < limit:  # backwards, only to find where they begin
        older = await log.talk.newest(before, min(limit - found, RECALL_ENTRIES))
        if not older:
            break
        before = older[0].position
        known = [entry for entry in older if until is None or entry.position <= until]
        found += len(known)
        oldest = known or oldest
    entries = oldest
    while found > 0 and entries:
        yield entries
        found -= len(entries)
        if found > 0:
            entries = await log.talk.after(entries[-1].position, min(found, RECALL_ENTRIES))


async def since(log: Log, start: Position, until: Position, end: int | None, limit: int) -> AsyncIterator[list[Entry]]:
    """At most `limit` entries of talk behind a position and up to another, from before a time (`end`), oldest first."""
    while limit > 0 and (entries := await log.talk.after(start, min(limit, RECALL_ENTRIES))):
        start = entries[-1].position
        wanted = [entry for entry in entries if entry.position <= until and (end is None or entry.event.time < end)]
        yield wanted
        if len(wanted) < len(entries):
            return
        limit -= len(entries)


def pages(pieces: Sequence[bytes]) -> Iterator[bytes]:
    """The pieces joined into pages of at most PAGE_BYTES (or one piece)."""
    page: list[bytes] = []
    size = 0
    for piece in pieces:
        if page and size + len(piece) > PAGE_BYTES:
            yield b"".join(page)
            page, size = [], 0
        page.append(piece)
        size += len(piece)
    yield b"".join(page)


async def since_start(storage: Storage, log: str) -> AsyncIterator[list[Entry]]:
    """Entries of presence from the last start of the server on: nobody of before is there after it. All of them of a log
    that was begun since."""
    entries = await storage.read(log, limit=1, kinds={Kind.STARTED})
    entries = entries or await storage.read(log, after=storage.start, limit=FOLDED_ENTRIES, kinds=PRESENCE)
    while entries:
        yield entries
        entries = await storage.read(log, after=entries[-1].position, limit=FOLDED_ENTRIES, kinds=PRESENCE)


async def state(storage: Storage, log: str) -> AsyncIterator[list[Entry]]:
    """All entries of state, oldest first."""
    start = storage.start
    while entries := await storage.read(log, after=start, limit=FOLDED_ENTRIES, kinds=STATE):
        yield entries
        start = entries[-1].position
