"""The search in an SQLite storage, on the reactor's side: gives work to the thread that has the index.

One thread searches and indexes: so neither waits for the other's locks, and commits and reads have threads of their own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredLock, fail, inlineCallbacks
from twisted.internet.interfaces import IDelayedCall, IReactorFromThreads, IReactorTime
from twisted.logger import Logger

from ..event import HISTORY
from ..seams import Hit, NotSaved
from ..threads import Threads
from .repeats import News
from .sqlite_file import DatabaseFile
from .sqlite_index import Index, Slices
from .sqlite_search import Search, look, written
from .sqlite_writer import trouble

T = TypeVar("T")

_LAG = 1.0
"""Seconds from a commit to its being indexed: a search does not wait for them, but many commits are indexed at once."""


class Searching:
    """What was said, found again."""

    _log = Logger()

    def __init__(self, file: DatabaseFile, reactor: IReactorFromThreads) -> None:
        self._file = file
        self._index = Index(file)
        self._thread = Threads("search", 1, reactor)
        self._clock: IReactorTime | None = IReactorTime(
            reactor, None
        )  # without one, it is indexed when it is looked for
        self._due: IDelayedCall | None = None
        self._behind = self._following = False
        self._cleaning = DeferredLock()
        self._in_trouble = False
        self._closed = False

    def committed(self, news: News) -> None:
        """This was appended."""
        if any(entry.event.kind in HISTORY for log, some in news.items() if log[:1] == "#" for entry in some):
            self._behind = True
            self._follow_later()

    @inlineCallbacks
    def search(self, search: Search) -> Generator[Deferred[Any], Any, list[Hit]]:
        yield self._catch_up()
        found: list[Hit] = yield self._do(partial(self._search, search))
        return found

    def written(self, by: str, after: Hit | None, limit: int) -> Deferred[list[Hit]]:
        return self._do(partial(self._written, by, after, limit))

    def amend(self, log: str, texts: Mapping[int, str | None]) -> Deferred[None]:
        slices = self._index.amend(log, list(texts))
        # The first words of what was corrected are found no more; to have them in no file would take a second.
        return self._forget(slices) if None in texts.values() else self._proceed(slices)

    def expire(self, time: int) -> Deferred[None]:
        return self._forget(self._index.expire(time))

    def erase(self, log: str) -> Deferred[None]:
        return self._forget(self._index.erase(log))

    @inlineCallbacks
    def close(self) -> Generator[Deferred[Any], Any, None]:
        self._closed = True
        if self._due is not None:
            self._due.cancel()
        self._index.interrupt()
        yield self._thread.do(self._index.close)
        self._thread.stop()

    def _follow_later(self) -> None:
        if self._clock is not None and self._due is None and not self._following and not self._closed:
            self._due = self._clock.callLater(_LAG, self._follow)

    @inlineCallbacks
    def _follow(self) -> Generator[Deferred[Any], Any, None]:
        """Behind the commits; those that come meanwhile are followed afterwards."""
        self._due, self._behind, self._following = None, False, True
        try:
            yield self._cleaning.run(lambda: None)  # what is being merged should not grow
            yield self._catch_up()
            self._in_trouble = False
        except NotSaved as error:
            if not self._in_trouble and not self._closed:
                self._log.warn("What is said cannot be searched for now: {words}", words=error.words)
            self._in_trouble = True
        self._following = False
        if self._behind:
            self._follow_later()

    @inlineCallbacks
    def _catch_up(self) -> Generator[Deferred[Any], Any, None]:
        more = True
        while more:
            more = yield self._do(self._index.catch_up)

    @inlineCallbacks
    def _forget(self, slices: Slices) -> Generator[Deferred[Any], Any, None]:
        """Fires when nothing of it is in the index's files any more: one cleaning serves all who wait for it."""
        yield self._proceed(slices)
        yield self._cleaning.run(lambda: self._proceed(self._index.clean()))

    @inlineCallbacks
    def _proceed(self, slices: Slices) -> Generator[Deferred[Any], Any, None]:
        under_way = True
        while under_way:  # others' searches come between
            under_way = yield self._do(partial(self._index.proceed, slices))

    def _do(self, work: Callable[[], T]) -> Deferred[T]:
        if self._closed:
            return fail(NotSaved("the storage is closed"))
        return self._thread.do(work)

    # In the search's thread

    def _search(self, search: Search) -> list[Hit]:
        return self._index.asking(lambda connection: self._some(look(connection, search), search.limit))

    def _written(self, by: str, after: Hit | None, limit: int) -> list[Hit]:
        try:
            with closing(self._file.reader()) as connection:
                return self._some(written(connection, by, after, limit), limit)
        except sqlite3.Error as error:
            raise NotSaved(trouble(error)) from None

    def _some(self, hits: Iterator[list[Hit]], limit: int) -> list[Hit]:
        found: list[Hit] = []
        while len(found) < limit and (more := next(hits, None)) is not None:
            if self._closed:
                raise NotSaved("the storage is closed")
            found += more
        return found[:limit]
