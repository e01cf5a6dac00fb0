"""Entries kept in memory, for as long as the process lives: for tests, and for rooms that may forget.

Several chats may share one, as nodes share a database: each follows for itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice
from typing import cast

from twisted.internet.defer import Deferred, succeed

from ..event import Entry, Kind, Position
from ..seams import Batch, Repeated
from .followers import Committed, Followers, numbered
from .repeats import First, Sent, repeated, sent_as, sift


class MemoryStorage:
    """A list of entries for each log. The position of an entry is its number, from 1 on; an empty log starts at 0."""

    def __init__(self) -> None:
        self._logs: dict[str, list[Entry]] = {}
        self._firsts: dict[Sent, First] = {}
        self._followers = Followers()
        self._turns: deque[Callable[[], None]] = deque()
        self._busy = False

    def append(self, batch: Batch) -> Deferred[Sequence[Repeated]]:
        batch = tuple(batch)
        appended: Deferred[Sequence[Repeated]] = Deferred()

        def commit() -> None:
            news: dict[str, list[Entry]] = {}
            new, repeats = sift(batch, self._firsts)
            for log, event in new:
                entries = self._logs.setdefault(log, [])
                entries.append(Entry(len(entries) + 1, event))
                news.setdefault(log, []).append(entries[-1])
                sent = sent_as(event)
                if sent is not None:
                    self._firsts.setdefault(sent, (log, entries[-1]))
            self._followers.tell(news)
            appended.callback(repeated(repeats, self._firsts, {}))

        self._in_turn(commit)
        return appended

    def read(
        self,
        log: str,
        *,
        after: Position | None = None,
        before: Position | None = None,
        limit: int,
        kinds: Collection[Kind] | None = None,
    ) -> Deferred[list[Entry]]:
        entries = self._logs.get(log, [])
        told = self._followers.told(log)
        end = len(entries) if told is None else cast(int, told)
        if before is not None:
            end = max(0, min(end, cast(int, before) - 1))
        start = 0 if after is None else max(0, cast(int, after))
        places: Iterable[int] = range(start, end)
        if after is None:
            places = range(end - 1, start - 1, -1)
        wanted = (entries[place] for place in places if kinds is None or entries[place].event.kind in kinds)
        found = list(islice(wanted, max(0, limit)))
        return succeed(found if after is not None else found[::-1])

    def follow(self, log: str, committed: Committed) -> Deferred[Position]:
        followed: Deferred[Position] = Deferred()

        def follow() -> None:
            start = len(self._logs.get(log, ()))
            self._followers.add(log, committed, start)
            followed.callback(start)

        self._in_turn(follow)
        return followed

    def position(self, text: str) -> Position:
        return numbered(text)

    def close(self) -> Deferred[None]:
        """Nothing to let go of; and others may share it."""
        return succeed(None)

    def _in_turn(self, turn: Callable[[], None]) -> None:
        # A follower may append or follow while it is told: that waits, or the others would be told in another order.
        self._turns.append(turn)
        if self._busy:
            return
        self._busy = True
        try:
            while self._turns:
                self._turns.popleft()()
        finally:
            self._busy = False
