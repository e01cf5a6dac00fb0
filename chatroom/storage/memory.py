"""Entries kept in memory, for as long as the process lives: for tests, and for rooms that may forget.

Several chats may share one, as nodes share a database: each follows for itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed

from ..event import NO_DETAILS, Entry, Kind, Position, renamed
from ..seams import Batch, Repeated
from .followers import Committed, Followers, numbered
from .repeats import First, Sent, repeated, sent_as, sift


class MemoryStorage:
    """A list of entries for each log. The position of an entry is its number, from 1 on, those that were erased counted;
    an empty log starts at 0."""

    start: Position = 0

    def __init__(self) -> None:
        self._logs: dict[str, list[Entry]] = {}
        self._erased: dict[str, int] = {}
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
                entries.append(Entry(self._last(log) + 1, event))
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
        erased = self._erased.get(log, 0)
        told = self._followers.told(log)
        end = self._last(log) if told is None else cast(int, told)
        if before is not None:
            end = max(0, min(end, cast(int, before) - 1))
        start = erased if after is None else max(erased, cast(int, after))
        places: Iterable[int] = range(start, end)
        if after is None:
            places = range(end - 1, start - 1, -1)
        reached = (entries[place - erased] for place in places)
        wanted = (entry for entry in reached if kinds is None or entry.event.kind in kinds)
        found = list(islice(wanted, max(0, limit)))
        return succeed(found if after is not None else found[::-1])

    def follow(self, log: str, committed: Committed) -> Deferred[Position]:
        followed: Deferred[Position] = Deferred()

        def follow() -> None:
            start = self._last(log)
            self._followers.add(log, committed, start)
            followed.callback(start)

        self._followers.expect(log, committed)
        self._in_turn(follow)
        return followed

    def unfollow(self, log: str, committed: Committed) -> None:
        self._followers.remove(log, committed)

    def rename(self, by: str, nick: str) -> Deferred[None]:
        def rename() -> None:
            for log, entries in self._logs.items():
                self._logs[log] = [entry._replace(event=renamed(entry.event, by, nick)) for entry in entries]

        return self._redact(rename)

    def blank(self, log: str, by: str, detail: str, before: Position) -> Deferred[None]:
        def blanked(entry: Entry) -> Entry:
            if entry.event.by != by or not entry.position < before:
                return entry
            return entry._replace(event=entry.event._replace(details=_without(detail, entry.event.details)))

        def blank() -> None:
            if log in self._logs:
                self._logs[log] = list(map(blanked, self._logs[log]))

        return self._redact(blank)

    def erase(self, log: str) -> Deferred[None]:
        def erase() -> None:
            self._erased[log] = self._last(log)
            self._logs.pop(log, None)

        return self._redact(erase)

    def position(self, text: str) -> Position:
        return numbered(text)

    def close(self) -> Deferred[None]:
        """Nothing to let go of; and others may share it."""
        return succeed(None)

    def _last(self, log: str) -> int:
        """The position of the newest entry, were it not erased."""
        return self._erased.get(log, 0) + len(self._logs.get(log, ()))

    def _redact(self, work: Callable[[], None]) -> Deferred[None]:
        redacted: Deferred[None] = Deferred()

        def redact() -> None:
            work()
            firsts: dict[Sent, First] = {}
            for sent, (log, first) in self._firsts.items():
                place = cast(int, first.position) - self._erased.get(log, 0) - 1
                if place >= 0 and sent_as(self._logs[log][place].event) == sent:
                    firsts[sent] = log, self._logs[log][place]
            self._firsts = firsts
            redacted.callback(None)

        self._in_turn(redact)
        return redacted

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


def _without(detail: str, details: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in details.items() if name != detail} or NO_DETAILS
