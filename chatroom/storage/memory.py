"""Entries kept in memory, for as long as the process lives: for tests, and for rooms that may forget.

Several chats may share one, as nodes share a database: each follows for itself.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import cast

from twisted.internet.defer import Deferred, succeed

from ..event import NO_DETAILS, Entry, Event, Kind, Position, Sort, renamed
from ..seams import Batch, Hit, Repeated
from .followers import Committed, Followers, numbered
from .memory_search import found, written_by
from .repeats import First, Sent, repeated, sent_as, sift

_position = attrgetter("position")


class MemoryStorage:
    """A list of entries for each log. The position of an entry is its number, from 1 on, those that were forgotten
    counted; an empty log starts at 0."""

    start: Position = 0

    def __init__(self) -> None:
        self._logs: dict[str, list[Entry]] = {}
        self._lasts: dict[str, int] = {}
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
                self._lasts[log] = self._last(log) + 1
                entries.append(Entry(self._lasts[log], event))
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
        end = len(entries) if told is None else bisect_right(entries, told, key=_position)
        if before is not None:
            end = min(end, bisect_left(entries, before, key=_position))
        start = 0 if after is None else bisect_right(entries, after, key=_position)
        places = range(start, end) if after is not None else range(end - 1, start - 1, -1)
        reached = (entries[place] for place in places)
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

    def place(self, log: str, time: int) -> Deferred[Position]:
        talk = self._of(log, Sort.TALK)
        place = bisect_left(talk, time, key=lambda entry: entry.event.time)
        return succeed(talk[place - 1].position if place else self.start)

    def search(
        self,
        logs: Collection[str],
        words: Sequence[str],
        *,
        nick: str = "",
        after: int | None = None,
        before: int | None = None,
        older: Hit | None = None,
        limit: int,
    ) -> Deferred[list[Hit]]:
        hits = [Hit(log, entry) for log in set(logs) if log.startswith("#") for entry in self._logs.get(log, ())]
        return succeed(found(hits, words, nick, after, before, older)[:limit])

    def written(self, by: str, *, after: Hit | None = None, limit: int) -> Deferred[list[Hit]]:
        return succeed(written_by(by, self._logs, after)[:limit])

    def rename(self, by: str, nick: str) -> Deferred[None]:
        return self._change(lambda event: renamed(event, by, nick))

    def blank(self, detail: str, *, log: str, by: str, before: Position) -> Deferred[None]:
        def blank() -> None:
            self._logs[log] = [
                entry._replace(event=_without(detail, entry.event))
                if entry.event.by == by and entry.position < before
                else entry
                for entry in self._logs.get(log, ())
            ]

        return self._redact(blank)

    def fade(self, detail: str, time: int) -> Deferred[None]:
        return self._change(lambda event: _without(detail, event) if event.time < time else event)

    def amend(self, log: str, texts: Mapping[Position, str | None]) -> Deferred[None]:
        def amended(entry: Entry) -> Entry:
            if entry.position not in texts or entry.event.kind.sort is not Sort.TALK:
                return entry
            return entry._replace(event=_amended(entry.event, texts[entry.position]))

        def amend() -> None:
            self._logs[log] = [amended(entry) for entry in self._logs.get(log, ())]

        return self._redact(amend)

    def expire(self, time: int, sort: Sort) -> Deferred[None]:
        def expire() -> None:
            for log, entries in self._logs.items():
                last = self._before_start(log) if sort is Sort.PRESENCE else self._last(log)
                self._logs[log] = [
                    entry
                    for entry in entries
                    if not (entry.event.kind.sort is sort and entry.event.time < time and entry.position <= last)
                ]

        return self._redact(expire)

    def erase(self, log: str) -> Deferred[None]:
        return self._redact(lambda: self._logs.pop(log, None))

    def position(self, text: str) -> Position:
        return numbered(text)

    def close(self) -> Deferred[None]:
        """Nothing to let go of; and others may share it."""
        return succeed(None)

    def _last(self, log: str) -> int:
        """The position of the newest entry, were it not forgotten."""
        return self._lasts.get(log, 0)

    def _before_start(self, log: str) -> int:
        """The position before the newest STARTED; 0 when there is none."""
        started = [entry for entry in self._logs[log] if entry.event.kind is Kind.STARTED]
        return cast(int, started[-1].position) - 1 if started else 0

    def _of(self, log: str, sort: Sort) -> list[Entry]:
        told = self._followers.told(log)
        return [
            entry
            for entry in self._logs.get(log, ())
            if entry.event.kind.sort is sort and (told is None or entry.position <= told)
        ]

    def _change(self, changed: Callable[[Event], Event]) -> Deferred[None]:
        """Every entry of every log."""

        def change() -> None:
            for log, entries in self._logs.items():
                self._logs[log] = [entry._replace(event=changed(entry.event)) for entry in entries]

        return self._redact(change)

    def _redact(self, work: Callable[[], object]) -> Deferred[None]:
        redacted: Deferred[None] = Deferred()

        def redact() -> None:
            work()
            firsts: dict[Sent, First] = {}
            for sent, (log, first) in self._firsts.items():
                entries = self._logs.get(log, [])
                place = bisect_left(entries, first.position, key=_position)
                left = entries[place : place + 1]
                if left and left[0].position == first.position and sent_as(left[0].event) == sent:
                    firsts[sent] = log, left[0]
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


def _without(detail: str, event: Event) -> Event:
    if detail not in event.details:
        return event
    left = {name: value for name, value in event.details.items() if name != detail}
    return event._replace(details=left or NO_DETAILS)


def _amended(event: Event, text: str | None) -> Event:
    """What was removed stays so, though older corrections of it are asked for again."""
    if text is not None and "removed" in event.details:
        return event
    return event._replace(text=text or "", details={**event.details, "removed" if text is None else "edited": True})
