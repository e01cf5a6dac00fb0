"""One log in memory: its tail, the pages that readers share, and the readers that stand in it.

Knows positions, pages and who stands where; not what an entry means, nor where the entries live.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import attrgetter

from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.python.failure import Failure

from .event import HISTORY, Entry, Kind, Position, Sort, amended, renamed
from .kept import Talk
from .page import Page, Reader, page_of, size_of
from .positions import position_in
from .seams import Format, Storage
from .witness import NOBODY, Witness

TAIL_BYTES = 512 * 1024
"""Entries kept in memory of each log, reckoned by `size_of`: a reader who is a little behind costs no read from the
storage."""

PAGES_BYTES = 1024 * 1024
"""Rendered pages kept of each log; past it they are rendered anew for who still needs them."""

READ_ENTRIES = 256
"""Entries read from the storage at a time for a reader behind the tail: about one page of ordinary lines."""

_position = attrgetter("position")
_TALK = Sort.TALK  # to look a member up in its Enum takes 0.2 us each time


class Log:
    """The newest entries of one log, and its readers, each advancing at its own rate."""

    tip: Position
    """Where the newest entry stands; the log's start while it is empty."""

    def __init__(
        self,
        name: str,
        storage: Storage,
        fold: Callable[[Sequence[Entry]], None],
        kinds: Collection[Kind] = HISTORY,
        witness: Witness = NOBODY,
    ) -> None:
        """`fold` is given what was committed before any reader is; `kinds` are those of `talk`."""
        self.name = name
        self._storage = storage
        self._fold = fold
        self._witness = witness
        self._tail: list[Entry] = []
        self._tail_size = 0
        self._batches: deque[tuple[int, int]] = deque()
        """Entries and size of each batch in the tail."""
        self._pages: dict[tuple[Format, Position], Page] = {}
        self._pages_size = 0
        self.talk = Talk(name, storage, kinds, self.now)
        self._amended: dict[Position, str | None] = {}
        """What the storage is being told to have read otherwise."""
        self._ends: dict[Reader, Position] = {}
        """Readers who are shown no more than up to here."""
        self._live: defaultdict[Format, set[Reader]] = defaultdict(set)
        """Readers who stand at the tip and take more: they get each page as it comes. All others are held up or catching up."""

    async def open(self) -> None:
        """Take up the log where the storage has it; to be awaited before anything else."""
        self.tip = self._floor = await self._storage.follow(self.name, self._committed)
        self.talk.keep(self.tip)

    def close(self) -> None:
        """Follow it no more: nobody reads it here now."""
        self._storage.unfollow(self.name, self._committed)

    def rest(self) -> None:
        """Nobody reads it for now: keep nothing of it in memory."""
        if any(self._live.values()):
            return
        self._floor = self.tip
        self._tail, self._tail_size = [], 0
        self._batches.clear()
        self._forget_pages()
        self.talk.keep(self.tip)

    def position(self, text: str) -> Position:
        """The position that was told in these words; raises Refused when it is none of this log."""
        return position_in(self.name, self.tip, self._storage, text)

    def behind(self, reader: Reader) -> int:
        """Entries of the tail that the reader has not been shown; of all that is older it may lack any."""
        return len(self._tail) - bisect_right(self._tail, reader.cursor, key=_position)

    # Readers

    def advance(self, reader: Reader) -> None:
        """Show the reader page after page until it stands at the tip, or takes no more for now."""
        while reader.takes_more() and not reader.busy:
            if reader.waiting and reader.waiting[0][0] <= reader.cursor:
                reader.waiting.pop(0)[1].callback(None)
            elif reader in self._ends:
                self._show_to_the_end(reader, self._ends[reader])
            elif reader.cursor == self.tip:
                self._live[reader.format].add(reader)
                return
            elif reader.cursor < self._floor:
                ensureDeferred(self._catch_up(reader)).addErrback(self._let_go, reader)
            else:
                self._show(reader, self._page(reader.format, reader.cursor))

    def end(self, reader: Reader, position: Position) -> None:
        """Show the reader all up to a position, and nothing behind it."""
        self.hold(reader)
        self._ends[reader] = position
        self.advance(reader)

    def _show_to_the_end(self, reader: Reader, end: Position) -> None:
        if end <= reader.cursor:
            self.stop(reader)
        elif reader.cursor < self._floor:
            ensureDeferred(self._catch_up(reader)).addErrback(self._let_go, reader)
        else:
            start, stop = (bisect_right(self._tail, place, key=_position) for place in (reader.cursor, end))
            self._show(reader, page_of(self.name, self._tail[:stop], start, reader.format))

    def _show(self, reader: Reader, page: Page) -> None:
        reader.take(page)
        self._witness.delivered(page.entries)

    async def _catch_up(self, reader: Reader) -> None:
        """Show what is in the tail no longer."""
        reader.busy = True
        while reader.cursor < (end := min(self._floor, self._ends.get(reader, self._floor))) and reader.takes_more():
            entries = self.now(await self._storage.read(self.name, after=reader.cursor, limit=READ_ENTRIES))
            if reader in self._ends:
                end = min(end, self._ends[reader])
                entries = [entry for entry in entries if entry.position <= end]
            if not entries:
                reader.cursor = end  # the storage keeps nothing of what lay between
            while entries and reader.takes_more():
                self._show(reader, Page(self.name, entries, reader.format))
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
        self._ends.pop(reader, None)
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
        size = size_of(entries)
        self._tail += entries
        self._tail_size += size
        self._batches.append((len(entries), size))
        self.talk.kept.add(entries, size)
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
            shown = 0
            for reader in tuple(live):  # a copy: who is held up by this page is taken out of the set
                # Showing it to one may have made another leave, or this one read on by itself.
                if reader in live and reader.cursor == start:
                    try:
                        reader.take(page)
                        shown += 1
                    except Exception:  # a bug in one connection
                        self._let_go(Failure(), reader)
            self._witness.delivered(page.entries * shown)

    def _page(self, format: Format, cursor: Position) -> Page:
        """The page behind a cursor in the tail, rendered once for all who come to stand there."""
        page = self._pages.get((format, cursor))
        if page is None:
            page = page_of(self.name, self._tail, bisect_right(self._tail, cursor, key=_position), format)
            self._pages_size += len(page.data)
            if self._pages_size > PAGES_BYTES:
                self._pages.clear()
                self._pages_size = len(page.data)
            self._pages[format, cursor] = page
        return page

    # What is read otherwise than it was

    def rename(self, id: str, nick: str) -> None:
        """What somebody did is read under this nickname from now on; as the storage does it for what is here no longer."""

        def read_now(entry: Entry) -> Entry:
            event = renamed(entry.event, id, nick)
            return entry if event is entry.event else entry._replace(event=event)

        self._read_otherwise(read_now)

    def amend(self, texts: Mapping[Position, str | None]) -> None:
        """What stands at these positions is read so from now on, also while the storage does not know of it yet."""
        self._amended.update(texts)
        self._read_otherwise(self._now)

    def amended(self, positions: Iterable[Position]) -> None:
        """The storage gives it so by itself."""
        for position in positions:
            self._amended.pop(position, None)

    def forget(self, time: int) -> None:
        """Keep no talk in memory from before a time."""
        self.talk.kept.drop(time)

        def read_now(entry: Entry) -> Entry:
            old = entry.event.kind.sort is _TALK and entry.event.time < time
            return entry._replace(event=amended(entry.event, None)) if old else entry

        self._read_otherwise(read_now)

    def now(self, entries: list[Entry]) -> list[Entry]:
        """As they are to be read, also while the storage does not know of it yet."""
        return list(map(self._now, entries)) if self._amended else entries

    def _now(self, entry: Entry) -> Entry:
        if entry.position not in self._amended:
            return entry
        return entry._replace(event=amended(entry.event, self._amended[entry.position]))

    def _read_otherwise(self, read_now: Callable[[Entry], Entry]) -> None:
        self._tail[:] = map(read_now, self._tail)
        self.talk.kept.rewrite(read_now)
        self._forget_pages()

    def _forget_pages(self) -> None:
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
        self._forget_pages()  # most begin before the floor now
