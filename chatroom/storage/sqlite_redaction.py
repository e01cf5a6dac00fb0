"""Has the SQLite file forget, a slice at a time: each is a transaction of its own, so that commits come between.

Lives in the writer's thread; knows nothing of followers or Deferreds.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Iterator, Mapping, Sequence

from ..event import Sort
from ..seams import NotSaved
from .sqlite_file import DatabaseFile
from .sqlite_forgetting import AGED, AMEND, BLANK, ERASE, EXPIRE, FADE, FURTHER, RENAME, STARTS
from .sqlite_schema import HIGHEST, LAST, PLACE, SORTS, encode
from .sqlite_scrub import scrub
from .sqlite_writer import WORDS, Writer

_SLICE_ROWS = 20_000
"""Looked at in one transaction: 15 ms when few are changed, 90 ms when all are, and a commit of others waits as long."""

_CHANGED_ROWS = 4_000
"""Deleted or amended in one transaction, some 20 ms: as long waits a commit of others."""

_READERS_WAITED = 200
"""Milliseconds that are waited for who reads the file, and with them every commit: several times what our own reads take.
Another program's, a backup say, may take seconds: then it is tried again later."""

Key = tuple[int, int, int]
"""Of an entry in its table: log, sort and position."""


class Redaction:
    """What can be forgotten. Each method gives slices; it is done when there is no next one."""

    def __init__(self, file: DatabaseFile, writer: Writer) -> None:
        self._file = file
        self._writer = writer

    def proceed(self, slices: Iterator[None]) -> bool:
        """Do the next slice; tells whether there was one."""
        return self._writer.saving(lambda: next(slices, self) is None)

    def rename(self, by: str, nick: str) -> Iterator[None]:
        yield from self._change(RENAME, {"by": by, "nick": nick}, (0, 0, 0), (HIGHEST, 0, 0), _SLICE_ROWS)
        yield from self._scrub()

    def blank(self, detail: str, log: str, by: str, before: int) -> Iterator[None]:
        number, _ = self._log(log)
        values = {"by": by, "detail": detail, "before": before}
        yield from self._change(BLANK, values, (number, 0, 0), (number + 1, 0, 0), _SLICE_ROWS)
        yield from self._scrub()

    def erase(self, log: str) -> Iterator[None]:
        number, last = self._log(log)  # what is appended from now on stays
        yield from self._change(ERASE, {"last": last}, (number, 0, 0), (number + 1, 0, 0), _CHANGED_ROWS)
        yield from self._scrub()

    def expire(self, time: int, sort: Sort) -> Iterator[None]:
        aged = {"sort": SORTS[sort], "time": time}
        for number, log in self._writer.opened().execute(AGED, aged).fetchall():
            start, place = (number, SORTS[sort], 0), {**aged, "log": log, "told": HIGHEST}
            (last,) = self._writer.opened().execute(PLACE, place).fetchone()
            if sort is Sort.PRESENCE:
                last = min(last, (yield from self._started(number)) - 1)
            yield from self._change(EXPIRE, {"time": time}, start, (number, SORTS[sort], max(0, last)), _CHANGED_ROWS)
        yield from self._scrub()

    def fade(self, detail: str, time: int) -> Iterator[None]:
        yield from self._change(FADE, {"detail": detail, "time": time}, (0, 0, 0), (HIGHEST, 0, 0), _SLICE_ROWS)
        yield from self._scrub()

    def amend(self, log: str, texts: Mapping[int, str | None]) -> Iterator[None]:
        number, _ = self._log(log)
        amended = [(number, position, text) for position, text in texts.items()]
        for start in range(0, len(amended), _CHANGED_ROWS):
            self._writer.opened().execute(AMEND, {"texts": encode(amended[start : start + _CHANGED_ROWS])})
            yield
        if None in texts.values():  # a correction promises to nobody that the first words are nowhere
            yield from self._scrub()

    def _log(self, log: str) -> tuple[int, int]:
        """Its number, 0 when there is none, and the position of its newest entry."""
        found: tuple[int, int] | None = self._writer.opened().execute(LAST, (log,)).fetchone()
        return found or (0, 0)

    def _started(self, number: int) -> Generator[None, None, int]:
        """The position of a log's newest STARTED; 0 when there is none."""
        started, before = None, HIGHEST
        while started is None and before is not None:
            ends = {"log": number, "before": before, "rows": _SLICE_ROWS}
            started, before = self._writer.opened().execute(STARTS, ends).fetchone()
            yield
        return started or 0

    def _change(
        self, statements: Sequence[str], values: Mapping[str, object], after: Key, last: Key, rows: int
    ) -> Iterator[None]:
        """To all entries behind a key, up to another, so many rows at a time."""
        while after != last:
            connection = self._writer.opened()
            ends = _ends(after, last)
            to = connection.execute(FURTHER, {**ends, "rows": rows}).fetchone() or last
            connection.execute("BEGIN IMMEDIATE")
            for statement in statements:
                connection.execute(statement, {**values, **_ends(after, to)})
            connection.execute("COMMIT")
            after = to
            yield

    def _scrub(self) -> Iterator[None]:
        start: int | None = 0
        while start is not None:
            connection = self._writer.opened()
            connection.execute(f"PRAGMA busy_timeout = {_READERS_WAITED}")
            # Waits for those who read, and for nobody who begins to read meanwhile: our own are always done in time.
            (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            connection.execute("BEGIN IMMEDIATE")
            try:
                if busy or os.path.getsize(f"{self._file.path}-wal"):
                    raise NotSaved(WORDS[sqlite3.SQLITE_BUSY])
                start = scrub(self._file.pages(), start)
            except OSError as error:
                raise NotSaved(WORDS[sqlite3.SQLITE_IOERR]) from error
            finally:
                # A page that it remembers as it was would come back with the next commit.
                self._writer.let_go()
            yield


def _ends(after: Key, to: Key) -> dict[str, int]:
    return dict(zip(("log", "sort", "position", "to_log", "to_sort", "to_position"), (*after, *to), strict=True))
