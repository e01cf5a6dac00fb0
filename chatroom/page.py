"""A page of a log, rendered once for all readers of a format, and a reader: a cursor that is shown page after page.

Knows what is one's own and what of an entry takes room; not where entries come from, nor who is shown what when.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from itertools import accumulate
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .event import Entry, Event, Position, Sort, person_of
from .seams import Format, Sink

PAGE_BYTES = 64 * 1024
"""A page is at most this long (or one entry): it is what a reader who stalls costs."""

PAGE_ENTRIES = 1024
"""A page has at most so many entries: with ordinary lines it is about full then."""

ENTRY_BYTES = 64
"""What an entry is reckoned to take beside its text when a page or the tail is measured before it is rendered."""

_TALK = Sort.TALK  # to look a member up in its Enum takes 0.2 us each time


def size_of(entries: Sequence[Entry]) -> int:
    """What they are reckoned to take in memory."""
    return sum([ENTRY_BYTES + len(entry.event.text) for entry in entries])


def page_of(log: str, entries: Sequence[Entry], start: int, format: Format) -> Page:
    """What follows from a place on, as much of it as makes a page."""
    entries = entries[start : start + PAGE_ENTRIES]
    # A page that is too long is cut when it is rendered; but none is rendered that must be many times too long.
    fit = bisect_right(list(accumulate([len(entry.event.text) for entry in entries])), PAGE_BYTES)
    return Page(log, entries[: max(1, fit)], format)


class Page:
    """Entries rendered once for all readers of a format: the bytes, and where in them each connection's own words stand."""

    __slots__ = ("_own", "copies", "data", "end", "entries")

    def __init__(self, log: str, entries: Sequence[Entry], format: Format) -> None:
        """Take as many of the entries as fit, and at least one."""
        pieces = format.render(log, entries)
        ends = list(accumulate(map(len, pieces)))
        if ends[-1] > PAGE_BYTES:
            fit = bisect_right(ends, max(PAGE_BYTES, ends[0]))  # and what an earlier piece shows too
            entries, pieces, ends = entries[:fit], pieces[:fit], ends[:fit]
        self.data = b"".join(pieces)
        self.end = entries[-1].position
        self.entries = len(entries)
        self._own: dict[str, list[int]] = {}
        """Where the page goes on without a connection's words, and where they begin again, in turn."""
        self.copies: tuple[tuple[Event, int, int], ...] = ()
        """What stands in the logs of several rooms, and where it begins and ends here."""
        start, last, borders = 0, None, [0]
        for entry, end in zip(entries, ends, strict=True):
            event = entry.event
            if event.kind.sort is not _TALK:
                last = None
                if "rooms" in event.details:
                    self.copies += ((event, start, end),)
            elif event.by == last:  # next to one's words before: one gap
                borders[-1] = end
            else:
                last = event.by
                borders = self._own.setdefault(last, [0])
                if borders[-1] == start:
                    borders[-1] = end
                else:
                    borders += start, end
            start = end

    def without(self, by: str) -> bytes:
        """The page as the connection `by` sees it, to whom its own words are not sent back."""
        borders = self._own.get(by)
        if borders is None:
            return self.data
        if len(borders) == 1:
            return self.data[borders[0] :]
        return self._pieces(borders)

    def hiding(self, by: str, people: Collection[str], copies: Sequence[tuple[int, int]] = ()) -> bytes:
        """As `without`, and without the words of some people, whatever device they wrote them on, and some of the copies."""
        hidden = [each for each in self._own if each == by or person_of(each) in people]
        if not (hidden or copies):
            return self.data
        # Where each one's words begin and end: nobody's lie within another's, so in order they are gaps as of one.
        gaps = sorted([*(gap for each in hidden for gap in self._gaps(each)), *copies])
        borders = [0]
        for start, end in gaps:
            if borders[-1] == start:
                borders[-1] = end
            else:
                borders += start, end
        return self._pieces(borders)

    def _gaps(self, by: str) -> list[tuple[int, int]]:
        borders = [0, *self._own[by]]
        if borders[1] == 0:  # the page does not begin with them
            borders = borders[2:]
        return list(zip(borders[0::2], borders[1::2], strict=True))

    def _pieces(self, borders: Sequence[int]) -> bytes:
        data = memoryview(self.data)
        starts, ends = borders[0::2], borders[1::2]
        return b"".join([data[start:end] for start, end in zip(starts, [*ends, len(data)], strict=False)])


class Readable(Protocol):
    """The log in which a reader stands, as far as whoever holds the reader has to know."""

    name: str

    def advance(self, reader: Reader) -> None: ...
    def hold(self, reader: Reader) -> None: ...
    def suspend(self, reader: Reader) -> None: ...
    def resume(self, reader: Reader) -> None: ...
    def end(self, reader: Reader, position: Position) -> None: ...
    def stop(self, reader: Reader) -> None: ...
    def at_tip(self, reader: Reader) -> Deferred[None]: ...


class Owner(Protocol):
    """Whose cursor it is: not a function of theirs, which takes 64 bytes for each reader."""

    def failed(self, failure: Failure) -> None:
        """There is a bug in what was to be shown to them, and they are shown nothing more."""

    def reads_elsewhere(self, reader: Reader, event: Event) -> bool:
        """Whether an event that stands in several logs is shown to them by another reader."""


class Reader:
    """A cursor into a log, and the connection that is shown what lies behind it."""

    __slots__ = (
        "busy", "by", "cursor", "echo", "format", "ignored", "log", "owner", "since", "sink", "stopped", "until", "waiting",
    )  # fmt: skip

    def __init__(
        self, log: Readable, cursor: Position, format: Format, sink: Sink, by: str, echo: bool, owner: Owner
    ) -> None:
        self.ignored: Collection[str] = ()
        """Whose words it is not shown."""
        self.log = log
        self.cursor = cursor
        self.format = format
        self.sink = sink
        self.by = by
        self.echo = echo
        self.owner = owner
        self.since = 0
        """When they came into the room, by the times of events, if they were in others before."""
        self.until: int | None = None
        """When they left it."""
        self.busy = False
        self.stopped = False
        self.waiting: list[tuple[Position, Deferred[None]]] | None = None  # an empty list would take 72 bytes

    def takes_more(self) -> bool:
        return not (self.sink.full or self.stopped)

    def take(self, page: Page) -> None:
        """Show one page and stand behind it."""
        self.cursor = page.end
        copies = self._shown_elsewhere(page) if page.copies else ()
        if self.ignored or copies:
            data = page.hiding("" if self.echo else self.by, self.ignored, copies)
        else:
            data = page.data if self.echo else page.without(self.by)
        if data:
            self.sink.write(data)

    def _shown_elsewhere(self, page: Page) -> list[tuple[int, int]]:
        return [
            (start, end) for event, start, end in page.copies if start < end and self.owner.reads_elsewhere(self, event)
        ]
