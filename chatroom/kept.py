"""The talk of a log, read back: the newest from memory, since everyone who enters asks for the same few lines.

Knows not who asks, nor in how many steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence

from .event import Entry, Kind, Position
from .page import size_of
from .seams import Storage

TALK_ENTRIES = 256
"""Newest entries of talk kept in memory of each log, for all who enter: more than the history most are shown."""

TALK_BYTES = 256 * 1024
"""Of these, reckoned as the tail is, so that long ones do not fill the memory of a server with many inboxes: 256 entries
of a kilobyte, when nearly all are far shorter."""


class Talk:
    """All of it, wherever it is."""

    _start: Position
    """Where it was begun to keep what comes."""

    def __init__(
        self, log: str, storage: Storage, kinds: Collection[Kind], now: Callable[[list[Entry]], list[Entry]]
    ) -> None:
        """`kinds`: what counts as talk; `now` gives entries of the storage as they are to be read."""
        self._log = log
        self._storage = storage
        self._kinds = kinds
        self._now = now
        self.kept = KeptTalk(kinds)

    def keep(self, start: Position) -> None:
        """Keep what comes from here on, and nothing of before."""
        self._start = start
        self.kept = KeptTalk(self._kinds)

    async def newest(self, before: Position | None, limit: int) -> list[Entry]:
        """The newest `limit` entries (before a position), oldest first: from memory where they are there."""
        while not (kept := self.kept).loaded:
            start = self._start
            newest = self._now(await self._storage.read(self._log, limit=TALK_ENTRIES, kinds=self._kinds))
            if kept is self.kept and not kept.loaded:  # else somebody who asked at the same time was faster
                kept.load(newest, start, whole=len(newest) < TALK_ENTRIES)
        talk = kept.newest(before, limit)
        if talk is not None:
            return talk
        return self._now(await self._storage.read(self._log, before=before, limit=limit, kinds=self._kinds))

    async def after(self, position: Position, limit: int) -> list[Entry]:
        """The `limit` entries that follow a position."""
        return self._now(await self._storage.read(self._log, after=position, limit=limit, kinds=self._kinds))


class KeptTalk:
    """Nothing lacks between the oldest entry that is kept and the newest of the log."""

    def __init__(self, kinds: Collection[Kind]) -> None:
        self._kinds = kinds
        self.loaded = False
        """What was there before is kept too, as far as it is: until then there may be more in the storage."""
        self._talk: deque[Entry] = deque()
        self._size = 0
        self._all = True
        """Nothing that came was let go."""

    def newest(self, before: Position | None, limit: int) -> list[Entry] | None:
        """The newest `limit` entries (before a position), oldest first; None where some of them are not kept."""
        kept = [entry for entry in self._talk if before is None or entry.position < before]
        if len(kept) >= limit or self._all:
            return kept[-limit:] if limit else []
        return None

    def load(self, newest: Sequence[Entry], start: Position, whole: bool) -> None:
        """What the storage has up to where it was begun to keep what comes; `whole`: and it has nothing before that."""
        self.loaded = True
        if self._all:  # else what was before is not next to what is kept
            before = [entry for entry in newest if entry.position <= start]
            before.reverse()
            self._talk.extendleft(before)
            self._size += size_of(before)
            self._all = whole
            self._trim()

    def add(self, entries: Sequence[Entry], size: int) -> None:
        """What came of the log, and the size of it all."""
        kinds = self._kinds
        talk = [entry for entry in entries if entry.event.kind in kinds]
        self._talk += talk
        self._size += size if len(talk) == len(entries) else size_of(talk)
        self._trim()

    def rewrite(self, read_now: Callable[[Entry], Entry]) -> None:
        """Have each entry read otherwise."""
        self._talk = deque(map(read_now, self._talk))
        self._size = size_of(self._talk)

    def drop(self, time: int) -> None:
        """Keep nothing from before a time."""
        while self._talk and self._talk[0].event.time < time:
            self._size -= size_of([self._talk.popleft()])
            self._all = False

    def _trim(self) -> None:
        gone = [self._talk.popleft() for _ in range(len(self._talk) - TALK_ENTRIES)]
        self._size -= size_of(gone)
        while self._size > TALK_BYTES:
            gone = [self._talk.popleft()]
            self._size -= size_of(gone)
        if gone:
            self._all = False
