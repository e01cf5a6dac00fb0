"""The search index, in a file of its own beside the store: so that neither a commit nor a read ever waits for it.

It follows behind, and can be made anew from the store at any time. Lives in the search's thread.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from json import dumps
from typing import TypeVar

from twisted.logger import Logger

from ..seams import NotSaved
from .refused import StorageRefused
from .sqlite_file import DatabaseFile, make_private
from .sqlite_index_schema import (
    AMENDED,
    BEHIND,
    FOREIGN,
    FORGET,
    INDEX,
    INDEX_SCHEMA,
    INDEX_VERSION,
    MERGE,
    SLICE,
    STALE_AMENDED,
    STALE_ERASED,
    STALE_EXPIRED,
)  # fmt: skip
from .sqlite_scrub import scrub
from .sqlite_writer import WORDS, code_of, trouble

T = TypeVar("T")

_SLICE_ROWS = 2_000
"""Indexed or taken out in one transaction, some 60 ms, at worst 200: a search that comes meanwhile waits as long."""

_MERGED_PAGES = 500
"""Merged in one transaction, some 40 ms."""

_ROOM_BYTES = 64 << 20
"""Left free on the disk, for what is said: where there is less, the index does not grow."""

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

Slices = Iterator[None]


class Index:
    """What people said in rooms, by every three letters of it."""

    _log = Logger()

    def __init__(self, store: DatabaseFile) -> None:
        self.path = f"{store.path}-search"
        self._store = store
        self._connection: sqlite3.Connection | None = None
        self._thrown_away = False
        self._closing = False

    def asking(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What the work gives; the disk's or database's troubles are NotSaved. What is damaged is thrown away, once:
        then it is perhaps the store itself."""
        try:
            return work(self._opened())
        except (sqlite3.Error, OSError, UnicodeDecodeError, StorageRefused) as error:
            self.let_go()
            if code_of(error) == sqlite3.SQLITE_ERROR:  # ours
                raise
            if _is_damage(error) and not self._thrown_away:
                self._throw_away(error)
                return self.asking(work)
            raise self._not_saved(error) from error

    def catch_up(self) -> bool:
        """Index what was appended meanwhile, a slice of it; tells whether there may be more."""

        def index(connection: sqlite3.Connection) -> bool:
            rows = connection.execute(BEHIND, (_SLICE_ROWS,)).rowcount
            if rows:
                self._index(connection)
            return rows == _SLICE_ROWS

        more = self.asking(index)
        self._thrown_away = self._thrown_away and more
        return more

    def proceed(self, slices: Slices) -> bool:
        """Forget the next slice; tells whether there was one. When that fails all goes: it is made anew from the store."""
        try:
            return next(slices, self) is None
        except (sqlite3.Error, OSError, UnicodeDecodeError, StorageRefused, NotSaved) as error:
            self.let_go()
            if code_of(error) == sqlite3.SQLITE_ERROR:
                raise
            if self._closing:
                raise self._not_saved(error) from error
            self._throw_away(error)
            return False

    def amend(self, log: str, positions: list[int]) -> Slices:
        """What was said at these positions reads otherwise, or not at all."""
        if self._is_there():
            amended = {"log": log, "positions": dumps(positions)}
            yield from self._forget(STALE_AMENDED, amended)
            self._opened().execute(AMENDED, amended)
            self._index(self._opened())

    def erase(self, log: str) -> Slices:
        yield from self._forget(STALE_ERASED, {"log": log})

    def expire(self, time: int) -> Slices:
        yield from self._forget(STALE_EXPIRED, {"time": time})

    def clean(self) -> Slices:
        """What was forgotten still stands in older parts of the index, and in its pages, until these are merged and
        scrubbed: all that was forgotten before it begins is nowhere when it ends."""
        if not self._is_there():
            return
        forgotten, cleaned = self._opened().execute("SELECT forgotten, cleaned FROM cleaning").fetchone()
        if forgotten == cleaned:
            return
        pages, changes = -_MERGED_PAGES, 2
        while changes >= 2:  # or it had nothing to do
            self._leave_room()
            before = self._opened().total_changes
            self._opened().execute(MERGE, (pages,))
            changes, pages = self._opened().total_changes - before, _MERGED_PAGES
            yield
        start: int | None = 0
        while start is not None:
            start = self._scrub(start)
            yield
        self._opened().execute("UPDATE cleaning SET cleaned = ?", (forgotten,))

    def interrupt(self) -> None:
        """From another thread: whatever it does is to end, since the storage closes."""
        self._closing = True
        connection = self._connection
        if connection is not None:
            with suppress(sqlite3.Error):  # it is closed at this moment
                connection.interrupt()

    def close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):  # it is caught up with, or made anew, the next time
                self._connection.execute("PRAGMA main.wal_checkpoint(TRUNCATE)").fetchall()
        self.let_go()

    def let_go(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _is_there(self) -> bool:
        return self._connection is not None or os.path.exists(self.path)

    def _opened(self) -> sqlite3.Connection:
        if self._closing:
            raise NotSaved("the storage is closed")
        if self._connection is None:
            make_private(self.path)
            self._connection = connection = self._store.beside(self.path)
            connection.execute("PRAGMA main.journal_mode = WAL").fetchone()
            connection.execute("PRAGMA main.synchronous = NORMAL")
            connection.execute("PRAGMA main.secure_delete = ON")
            connection.execute("PRAGMA temp_store = MEMORY")
            (version,) = connection.execute("PRAGMA main.user_version").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM main.sqlite_schema").fetchone()
            if not tables:
                connection.executescript(INDEX_SCHEMA)
            elif version != INDEX_VERSION or connection.execute(FOREIGN).fetchone() != (0,):
                self.let_go()
                self._throw_away(StorageRefused(f"{self.path} is not of this database, or of another version"))
                return self._opened()
            connection.execute(SLICE)
        return self._connection

    def _index(self, connection: sqlite3.Connection) -> None:
        """What is in the slice."""
        self._leave_room()
        connection.execute("BEGIN")
        for statement in INDEX:
            connection.execute(statement)
        connection.execute("DELETE FROM slice")
        connection.execute("COMMIT")

    def _forget(self, stale: str, values: Mapping[str, object]) -> Slices:
        while self._is_there():
            connection = self._opened()
            found = f"SELECT json_group_array(id) FROM ({stale})"
            (rows,) = connection.execute(found, {**values, "rows": _SLICE_ROWS}).fetchone()
            if rows == "[]":
                return
            connection.execute("BEGIN")
            for statement in FORGET:
                connection.execute(statement, {"stale": rows})
            connection.execute("COMMIT")
            yield

    def _scrub(self, start: int) -> int | None:
        self.let_go()  # the last connection to go takes the write-ahead log with it
        if os.path.exists(f"{self.path}-wal"):
            raise NotSaved(WORDS[sqlite3.SQLITE_BUSY])
        file = os.open(self.path, os.O_RDWR)
        try:
            return scrub(file, start)
        finally:
            os.close(file)

    def _leave_room(self) -> None:
        disk = os.statvfs(self.path)
        if disk.f_bavail * disk.f_frsize < _ROOM_BYTES:
            self.let_go()
            raise NotSaved(WORDS[sqlite3.SQLITE_FULL])

    def _throw_away(self, error: Exception) -> None:
        self._log.warn("The search index is made anew: {why}", why=error)
        self._thrown_away = True
        for name in (self.path, f"{self.path}-wal", f"{self.path}-shm"):
            try:
                os.unlink(name)
            except FileNotFoundError:
                pass
            except OSError as error:
                raise self._not_saved(error) from error

    def _not_saved(self, error: Exception) -> NotSaved:
        if self._closing:
            return NotSaved("the storage is closed")
        if isinstance(error, sqlite3.Error):
            return NotSaved(trouble(error))
        if isinstance(error, UnicodeDecodeError):  # sqlite3 cannot decode what SQLite says of a damaged schema
            return NotSaved(WORDS[sqlite3.SQLITE_CORRUPT])
        return NotSaved(f"{self.path} cannot be used: {error}")


def _is_damage(error: Exception) -> bool:
    return isinstance(error, StorageRefused | UnicodeDecodeError) or code_of(error) in _DAMAGE
