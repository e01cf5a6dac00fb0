"""History: the last lines of talk in a log, however many, without holding more than a few of them in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from .event import Entry, Position
from .log import PAGE_BYTES, Log

RECALL_ENTRIES = 128
"""Entries read at a time: at most 512 KiB of the longest lines."""


async def recall(log: Log, until: Position, limit: int) -> AsyncIterator[list[Entry]]:
    """The last `limit` entries of talk up to a position, this one too, oldest first, a few at a time."""
    found = 0
    oldest: list[Entry] = []
    before: Position | None = None
    while found < limit:  # backwards, only to find where they begin
        older = await log.talk(before, min(limit - found, RECALL_ENTRIES))
        if not older:
            break
        before = older[0].position
        known = [entry for entry in older if entry.position <= until]
        found += len(known)
        oldest = known or oldest
    entries = oldest
    while found > 0:
        yield entries[:found]
        found -= len(entries)
        if found > 0:
            entries = await log.talk_after(entries[-1].position, min(found, RECALL_ENTRIES))


def pages(pieces: list[bytes]) -> Iterator[bytes]:
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
