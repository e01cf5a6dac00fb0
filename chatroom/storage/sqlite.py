"""Entries kept in an SQLite file: one thread commits, another reads, a third searches, and the reactor's waits for none.

This is the reactor's side: gives work to the threads, and tells the followers what came back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

from twisted.internet.defer import Deferred, fail, inlineCallbacks, succeed
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..event import Entry, Kind, Position, Sort
from ..seams import Batch, Hit, NotSaved, Repeated
from ..threads import Threads
from .followers import Committed, Followers, numbered
from .repeats import News
from .searching import Searching
from .sqlite_contents import unreadable_in
from .sqlite_file import DatabaseFile, Durability
from .sqlite_redaction import Redaction
from .sqlite_schema import HIGHEST, PLACE, SORTS, entries, select
from .sqlite_search import Search
from .sqlite_writer import Writer


class SqliteStorage:
    """One file, ours from construction to `close`. Threads and connections come with the first call: a daemon may fork
    before it, and not after."""

    start: Position = 0
    _log = Logger()

    def __init__(self, path: str, *, reactor: IReactorFromThreads, durability: Durability = "power") -> None:
        """Raises StorageRefused when the file cannot be used, or had better not be."""
        self._file = DatabaseFile(path, durability)
        self._followers = Followers()
        self._writer = Writer(self._file)
        self._redaction = Redaction(self._file, self._writer)
        self._reader: sqlite3.Connection | None = None
        self._writing = Threads("writer", 1, reactor)
        self._reading = Threads("reader", 1, reactor)
        self._searching = Searching(self._file, reactor)
        self._closed = False

    def append(self, batch: Batch) -> Deferred[Sequence[Repeated]]:
        if self._closed:
            return fail(NotSaved("the storage is closed"))

        def tell(committed: tuple[News, Sequence[Repeated]]) -> Sequence[Repeated]:
            news, repeats = committed
            self._followers.tell(news)
            self._searching.committed(news)
            return repeats

        return self._writing.do(partial(self._writer.commit, tuple(batch))).addCallback(tell)

    def read(
        self,
        log: str,
        *,
        after: Position | None = None,
        before: Position | None = None,
        limit: int,
        kinds: Collection[Kind] | None = None,
    ) -> Deferred[list[Entry]]:
        if self._closed:
            return fail(RuntimeError("the storage is closed"))
        if limit <= 0 or (kinds is not None and not kinds):
            return succeed([])
        told = cast("int | None", self._followers.told(log))
        values = {
            "log": log,
            "after": 0 if after is None else after,
            "before": HIGHEST if before is None else before,
            "told": HIGHEST if told is None else told,
            "limit": limit,
        }
        newest = after is None
        return self._reading.do(partial(self._read, select(kinds, newest), values, newest))

    def follow(self, log: str, committed: Committed) -> Deferred[Position]:
        if self._closed:
            return fail(RuntimeError("the storage is closed"))

        def follow(last: int) -> Position:
            self._followers.add(log, committed, last)
            return last

        self._followers.expect(log, committed)
        # Asked of the writer's thread, whose results come back in order: no commit slips in between.
        followed = self._writing.do(partial(self._writer.last, log))
        return followed.addCallbacks(follow, partial(self._not_followed, log, committed))

    def unfollow(self, log: str, committed: Committed) -> None:
        self._followers.remove(log, committed)

    def place(self, log: str, time: int) -> Deferred[Position]:
        if self._closed:
            return fail(RuntimeError("the storage is closed"))
        told = cast("int | None", self._followers.told(log))
        values = {"log": log, "sort": SORTS[Sort.TALK], "time": time, "told": HIGHEST if told is None else told}
        return self._reading.do(partial(self._place, values))

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
        """Fails with NotSaved for the disk's or database's troubles. The nickname is as it is shown there, but for
        capitals of ASCII."""
        if limit <= 0:
            return succeed([])
        return self._searching.search(Search(tuple(logs), tuple(words), nick, after, before, older, limit))

    def written(self, by: str, *, after: Hit | None = None, limit: int) -> Deferred[list[Hit]]:
        """Fails with NotSaved for the disk's or database's troubles."""
        return self._searching.written(by, after, limit)

    def rename(self, by: str, nick: str) -> Deferred[None]:
        return self._redact(self._redaction.rename(by, nick))

    def blank(self, detail: str, *, log: str, by: str, before: Position) -> Deferred[None]:
        return self._redact(self._redaction.blank(detail, log, by, cast(int, before)))

    def fade(self, detail: str, time: int) -> Deferred[None]:
        return self._redact(self._redaction.fade(detail, time))

    # What was said is in the search index too, and forgotten there when the index can see that it is gone

    @inlineCallbacks
    def expire(self, time: int, sort: Sort) -> Generator[Deferred[Any], Any, None]:
        yield self._redact(self._redaction.expire(time, sort))
        if sort is Sort.TALK:
            yield self._searching.expire(time)

    @inlineCallbacks
    def amend(self, log: str, texts: Mapping[Position, str | None]) -> Generator[Deferred[Any], Any, None]:
        amended = cast("dict[int, str | None]", dict(texts))
        yield self._redact(self._redaction.amend(log, amended))
        yield self._searching.amend(log, amended)

    @inlineCallbacks
    def erase(self, log: str) -> Generator[Deferred[Any], Any, None]:
        yield self._redact(self._redaction.erase(log))
        yield self._searching.erase(log)

    def position(self, text: str) -> Position:
        return numbered(text)

    @inlineCallbacks
    def close(self) -> Generator[Deferred[Any], None, None]:
        if self._closed:
            return
        self._closed = True
        yield self._searching.close()
        # The writer last: the last connection to go takes the WAL with it.
        for thread, close in ((self._reading, self._close_reader), (self._writing, self._writer.close)):
            try:
                yield thread.do(close)
            except sqlite3.Error:
                self._log.failure("{path} could not be closed properly; nothing is lost", path=self._file.path)
            thread.stop()
        self._file.release()

    @inlineCallbacks
    def _redact(self, slices: Iterator[None]) -> Generator[Deferred[Any], Any, None]:
        # One at a time: what others append meanwhile is committed between two slices.
        under_way = True
        while under_way:
            if self._closed:
                raise NotSaved("the storage is closed")
            under_way = yield self._writing.do(partial(self._redaction.proceed, slices))

    def _not_followed(self, log: str, committed: Committed, failure: Failure) -> Failure:
        self._followers.remove(log, committed)
        return failure

    # In the reader's thread

    def _read(self, statement: str, values: Mapping[str, object], newest: bool) -> list[Entry]:
        try:
            (rows,) = self._one(statement, values)
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) != sqlite3.SQLITE_ERROR:
                raise
            # No text, or no JSON. SQLite's words quote what somebody said, and these stand in the server's log.
            assert self._reader is not None
            raise sqlite3.DataError(unreadable_in(self._reader, str(values["log"]))) from None
        found = entries(rows)
        return found[::-1] if newest else found

    def _place(self, values: Mapping[str, object]) -> Position:
        (position,) = self._one(PLACE, values)
        return cast(int, position)

    def _one(self, statement: str, values: Mapping[str, object]) -> tuple[Any, ...]:
        if self._reader is None:
            self._reader = self._file.reader()
        row: tuple[Any, ...] = self._reader.execute(statement, values).fetchone()
        return row

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
