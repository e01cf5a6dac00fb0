"""One log in memory: its tail, the pages that readers share, and the readers that stand in it.

Knows positions, pages and who stands where; not what an entry means, nor where the entries live.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from itertools import accumulate
from operator import attrgetter
from typing import Protocol

from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.python.failure import Failure

from .event import NO_DETAILS, TALK, Entry, Position, Sort, person_of
from .request import Refused
from .seams import Format, Sink, Storage
from .text import shortened

PAGE_BYTES = 64 * 1024
"""A page is at most this long (or one entry): it is what a reader who stalls costs."""

TAIL_BYTES = 512 * 1024
"""Entries kept in memory of each log, reckoned by ENTRY_BYTES and their texts: a reader who is a little behind costs no
read from the storage."""

PAGE_ENTRIES = 1024
"""A page has at most so many entries: with ordinary lines it is about full then."""

PAGES_BYTES = 1024 * 1024
"""Rendered pages kept of each log; past it they are rendered anew for who still needs them."""

TALK_ENTRIES = 256
"""Newest entries of talk kept in memory of each log, for all who enter: more than the history most are shown."""

ENTRY_BYTES = 64
"""What an entry is reckoned to take beside its text when a page or the tail is measured before it is rendered."""

READ_ENTRIES = 256
"""Entries read from the storage at a time for a reader behind the tail: about one page of ordinary lines."""

POSITION_SHOWN = 50
"""Characters of a position that is not there."""

_position = attrgetter("position")
_TALK = Sort.TALK  # to look a member up in its Enum takes 0.2 us each time


def _sizes(entries: Sequence[Entry]) -> list[int]:
    return [ENTRY_BYTES + len(entry.event.text) for entry in entries]


class Page:
    """Entries rendered once for all readers of a format: the bytes, and where in them each connection's own words stand."""

    __slots__ = ("_own", "data", "end")

    def __init__(self, log: str, entries: Sequence[Entry], format: Format) -> None:
        """Take as many of the entries as fit, and at least one."""
        pieces = format.render(log, entries)
        ends = list(accumulate(map(len, pieces)))
        if ends[-1] > PAGE_BYTES:
            fit = bisect_right(ends, max(PAGE_BYTES, ends[0]))  # and what an earlier piece shows too
            entries, pieces, ends = entries[:fit], pieces[:fit], ends[:fit]
        self.data = b"".join(pieces)
        self.end = entries[-1].position
        self._own: dict[str, list[int]] = {}
        """Where the page goes on without a connection's words, and where they begin again, in turn."""
        start, last, borders = 0, None, [0]
        for entry, end in zip(entries, ends, strict=True):
            event = entry.event
            if event.kind.sort is not _TALK:
                last = None
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

    def hiding(self, by: str, people: Collection[str]) -> bytes:
        """As `without`, and without the words of some people, whatever device they wrote them on."""
        hidden = [each for each in self._own if each == by or person_of(each) in people]
        if not hidden:
            return self.data
        # Where each one's words begin and end: nobody's lie within another's, so in order they are gaps as of one.
        gaps = sorted(gap for each in hidden for gap in self._gaps(each))
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


class Owner(Protocol):
    """Whose cursor it is: not a function of theirs, which takes 64 bytes for each reader."""

    def failed(self, failure: Failure) -> None:
        """There is a bug in what was to be shown to them, and they are shown nothing more."""


class Reader:
    """A cursor into a log, and the connection that is shown what lies behind it."""

    __slots__ = ("busy", "by", "cursor", "echo", "format", "ignored", "owner", "sink", "stopped", "waiting")

    def __init__(self, cursor: Position, format: Format, sink: Sink, by: str, echo: bool, owner: Owner) -> None:
        self.ignored: Collection[str] = ()
        """Whose words it is not shown."""
        self.cursor = cursor
        self.format = format
        self.sink = sink
        self.by = by
        self.echo = echo
        self.owner = owner
        self.busy = False
        self.stopped = False
        self.waiting: list[tuple[Position, Deferred[None]]] | None = None  # an empty list would take 72 bytes

    def takes_more(self) -> bool:
        return not (self.sink.full or self.stopped)

    def take(self, page: Page) -> None:
        """Show one page and stand behind it."""
        self.cursor = page.end
        if self.ignored:
            data = page.hiding("" if self.echo else self.by, self.ignored)
        else:
            data = page.data if self.echo else page.without(self.by)
        if data:
            self.sink.write(data)


class Log:
    """The newest entries of one log, and its readers, each advancing at its own rate."""

    tip: Position
    """Where the newest entry stands; the log's start while it is empty."""

    def __init__(self, name: str, storage: Storage, fold: Callable[[Sequence[Entry]], None]) -> None:
        """`fold` is given what was committed before any reader is."""
        self.name = name
        self._storage = storage
        self._fold = fold
        self._tail: list[Entry] = []
        self._tail_size = 0
        self._batches: deque[tuple[int, int]] = deque()
        """Entries and size of each batch in the tail."""
        self._pages: dict[tuple[Format, Position], Page] = {}
        self._pages_size = 0
        self._talk: deque[Entry] = deque(maxlen=TALK_ENTRIES)
        self._all_talk_kept = True
        self._live: defaultdict[Format, set[Reader]] = defaultdict(set)
        """Readers who stand at the tip and take more: they get each page as it comes. All others are held up or catching up."""

    async def open(self) -> None:
        """Take up the log where the storage has it; to be awaited before anything else."""
        start = self.tip = self._floor = await self._storage.follow(self.name, self._committed)
        newest = await self._storage.read(self.name, limit=TALK_ENTRIES, kinds=TALK)
        came_meanwhile = list(self._talk)
        self._talk.clear()
        self._talk.extend(entry for entry in newest if entry.position <= start)
        self._talk.extend(came_meanwhile)
        self._all_talk_kept = len(self._talk) < TALK_ENTRIES

    def close(self) -> None:
        """Follow it no more: nobody reads it here now."""
        self._storage.unfollow(self.name, self._committed)

    def talk(self, before: Position | None, limit: int) -> Deferred[list[Entry]]:
        """The newest `limit` entries of talk (before a position), oldest first: from memory where they are there, since
        everyone who enters asks for the same few."""
        kept = [entry for entry in self._talk if before is None or entry.position < before]
        if len(kept) >= limit or self._all_talk_kept:
            return succeed(kept[-limit:] if limit else [])
        return self._storage.read(self.name, before=before, limit=limit, kinds=TALK)

    def talk_after(self, after: Position, limit: int) -> Deferred[list[Entry]]:
        """The `limit` entries of talk that follow a position."""
        return self._storage.read(self.name, after=after, limit=limit, kinds=TALK)

    def position(self, text: str) -> Position:
        """The position that was told in these words; raises Refused, telling what there is, when it is none of this log."""
        try:
            position = self._storage.position(text)
        except ValueError:
            position = None
        if position is None or not position <= self.tip:
            words = f"{shortened(text, POSITION_SHOWN)} is no position in {self.name}, which ends at {self.tip}"
            raise Refused("position_unknown", words, {"room": self.name.removeprefix("#"), "position": str(self.tip)})
        return position

    # Readers

    def advance(self, reader: Reader) -> None:
        """Show the reader page after page until it stands at the tip, or takes no more for now."""
        while reader.takes_more() and not reader.busy:
            if reader.waiting and reader.waiting[0][0] <= reader.cursor:
                reader.waiting.pop(0)[1].callback(None)
            elif reader.cursor == self.tip:
                self._live[reader.format].add(reader)
                return
            elif reader.cursor < self._floor:
                ensureDeferred(self._catch_up(reader)).addErrback(self._let_go, reader)
            else:
                reader.take(self._page(reader.format, reader.cursor))

    async def _catch_up(self, reader: Reader) -> None:
        """Show what is in the tail no longer."""
        reader.busy = True
        while reader.cursor < self._floor and reader.takes_more():
            floor = self._floor
            entries = await self._storage.read(self.name, after=reader.cursor, limit=READ_ENTRIES)
            if not entries:
                reader.cursor = floor  # the storage keeps nothing of what lay between
            while entries and reader.takes_more():
                reader.take(Page(self.name, entries, reader.format))
                entries = entries[bisect_right(entries, reader.cursor, key=_position) :]
        self.resume(reader)

    def _let_go(self, failure: Failure, reader: Reader) -> None:
        reader.owner.failed(failure)
        self.stop(reader)

    def hold(self, reader: Reader) -> None:
        """The reader's connection takes no more: its cursor stays where it is until `advance`."""
        self._live[reader.format].discard(reader)

    def suspend(self, reader: Reader) -> None:
        """Show the reader nothing until `resume`: it is being shown something else."""
        self.hold(reader)
        reader.busy = True

    def resume(self, reader: Reader) -> None:
        reader.busy = False
        self.advance(reader)

    def stop(self, reader: Reader) -> None:
        """The reader leaves for good. What waits for it to be shown something waits no longer."""
        self.hold(reader)
        reader.stopped = True
        while reader.waiting:
            reader.waiting.pop(0)[1].callback(None)

    def at_tip(self, reader: Reader) -> Deferred[None]:
        """Fires when the reader has been shown all that is in the log now, and takes more."""
        if reader.stopped or reader in self._live[reader.format]:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        reader.waiting = [*(reader.waiting or ()), (self.tip, waiter)]
        return waiter

    # What was committed

    def _committed(self, entries: Sequence[Entry]) -> None:
        cursor, self.tip = self.tip, entries[-1].position
        size = sum(_sizes(entries))
        self._tail += entries
        self._tail_size += size
        self._batches.append((len(entries), size))
        self._talk.extend([entry for entry in entries if entry.event.kind.sort is _TALK])
        if len(self._talk) == TALK_ENTRIES:
            self._all_talk_kept = False
        self._fold(entries)
        for format, live in tuple(self._live.items()):
            self._deliver(format, live, cursor)
        if self._tail_size > TAIL_BYTES:
            self._trim()

    def _deliver(self, format: Format, live: set[Reader], cursor: Position) -> None:
        while live and cursor != self.tip:
            try:
                page = self._page(format, cursor)
            except Exception:  # a bug in one format: its readers go, the others stay
                failure = Failure()
                for reader in tuple(live):
                    self._let_go(failure, reader)
                return
            start, cursor = cursor, page.end
            for reader in tuple(live):  # a copy: who is held up by this page is taken out of the set
                # Showing it to one may have made another leave, or this one read on by itself.
                if reader in live and reader.cursor == start:
                    try:
                        reader.take(page)
                    except Exception:  # a bug in one connection
                        self._let_go(Failure(), reader)

    def _page(self, format: Format, cursor: Position) -> Page:
        """The page behind a cursor in the tail, rendered once for all who come to stand there."""
        page = self._pages.get((format, cursor))
        if page is None:
            start = bisect_right(self._tail, cursor, key=_position)
            entries = self._tail[start : start + PAGE_ENTRIES]
            # A page that is too long is cut when it is rendered; but none is rendered that must be many times too long.
            fit = bisect_right(list(accumulate([len(entry.event.text) for entry in entries])), PAGE_BYTES)
            page = Page(self.name, entries[: max(1, fit)], format)
            self._pages_size += len(page.data)
            if self._pages_size > PAGES_BYTES:
                self._pages.clear()
                self._pages_size = len(page.data)
            self._pages[format, cursor] = page
        return page

    def rename(self, id: str, nick: str) -> None:
        """What somebody did is read under this nickname from now on; as the storage does it for what is here no longer."""

        def renamed(entry: Entry) -> Entry:
            event = entry.event
            if person_of(event.by) != id:
                return entry
            details = event.details if event.kind.sort is _TALK else NO_DETAILS
            return entry._replace(event=event._replace(nick=nick, details=details))

        self._tail[:] = map(renamed, self._tail)
        talk = [*map(renamed, self._talk)]
        self._talk.clear()
        self._talk.extend(talk)
        self._pages.clear()
        self._pages_size = 0

    def _trim(self) -> None:
        """Let go of the older half of the tail: of many batches at once, so that it costs little for each entry."""
        gone = 0
        while self._tail_size > TAIL_BYTES // 2:
            entries, size = self._batches.popleft()
            gone += entries
            self._tail_size -= size
        self._floor = self._tail[gone - 1].position
        del self._tail[:gone]
        self._pages.clear()  # most begin before the floor now
        self._pages_size = 0
