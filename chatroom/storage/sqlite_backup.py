"""A copy of a store in a file of its own, while a server writes to it or not; and a file that is there whole or not at all.

Asks no server, takes no lock of the store's, and never writes to it.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
from contextlib import suppress
from types import TracebackType

from .refused import StorageRefused
from .sqlite_contents import Contents, expect_ours, expect_sound, looking_at
from .sqlite_file import MODE
from .sqlite_writer import WORDS

COMPANIONS = ("-wal", "-shm", "-journal", "-search", "-search-wal", "-search-shm", "-search-journal")
"""What stands beside a store and belongs to it alone, by the ends of their names."""

_OF_THE_SERVER = ("", "-lock", "-control", *COMPANIONS)

_JOURNAL = "-journal"
"""What SQLite leaves beside a copy that it could not end: it would be applied to the next one."""

_STEPS = 100_000
"""Of SQLite's machine, some 10 ms: so often it is looked whether Ctrl-C was pressed."""


def back_up(store: str, to: str, *, replace: bool = False) -> Contents:
    """What is in the copy: all that was committed before it began, and passes SQLite's check. Raises StorageRefused, and then
    nothing new is left behind. For as long as it lasts the server forgets nothing: what is to be forgotten would stay in the
    write-ahead log, which a reader holds."""
    store = os.path.realpath(store)
    to = os.path.join(os.path.realpath(os.path.dirname(to) or "."), os.path.basename(to))
    if to in [f"{store}{end}" for end in _OF_THE_SERVER]:
        raise StorageRefused(f"{to} is the server's own: name another file")
    _expect_room_for(to, replace)
    with looking_at(store) as connection:
        expect_ours(connection, store)
        with Whole(to) as copy:
            contents = copied(connection, copy)
            copy.place()
    return contents


def _expect_room_for(path: str, replace: bool) -> None:
    with suppress(FileNotFoundError):
        mode = os.lstat(path).st_mode
        if not stat.S_ISREG(mode):
            raise StorageRefused(f"{path} is there already, and not a file")
        if not replace:
            raise StorageRefused(f"{path} is there already; --force replaces it")


class Whole:
    """A file under another name until it is whole. What is killed leaves that other file behind, and the next one takes it."""

    def __init__(self, path: str, owner: tuple[int, int] | None = None) -> None:
        """`owner`: user and group, where it is not to be ours."""
        self.path = path
        self.part = f"{path}.part"
        self._owner = owner

    def __enter__(self) -> Whole:
        try:
            self._file = os.open(self.part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, MODE)
        except OSError as error:
            raise StorageRefused(f"{self.part} cannot be made: {error.strerror}") from error
        try:
            self._take()
        except BaseException:
            os.close(self._file)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            if kind is not None:
                self._remove("", _JOURNAL)
        finally:
            os.close(self._file)

    def place(self) -> None:
        """It is whole: on the disk, and there under its name."""
        try:
            os.fsync(self._file)
            os.replace(self.part, self.path)
            sync_directory(self.path)
        except OSError as error:
            raise StorageRefused(f"{self.path} cannot be written: {error.strerror}") from error

    def _remove(self, *ends: str) -> None:
        for end in ends:
            with suppress(FileNotFoundError):
                os.unlink(f"{self.part}{end}")

    def _take(self) -> None:
        found = os.fstat(self._file)
        if not stat.S_ISREG(found.st_mode):
            raise StorageRefused(f"{self.part} is not a file")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = os.path.samestat(found, os.stat(self.part))
        except (BlockingIOError, FileNotFoundError):
            taken = False
        if not taken:
            raise StorageRefused(f"{self.path} is being written by another chatroomctl")
        self._remove(_JOURNAL)
        os.ftruncate(self._file, 0)
        os.fchmod(self._file, MODE)
        if self._owner and self._owner != (found.st_uid, found.st_gid):
            os.fchown(self._file, *self._owner)


def copied(connection: sqlite3.Connection, to: Whole) -> Contents:
    """Copy the store in one read transaction; what is in the copy, which is sound. It has no write-ahead log, so one file is
    all of it, and nothing in it of what was forgotten: each row is written anew (https://sqlite.org/lang_vacuum.html)."""
    connection.set_progress_handler(
        lambda: None, _STEPS
    )  # in which KeyboardInterrupt is raised, and stops the statement
    try:
        connection.execute("VACUUM INTO ?", (to.part,))
    except sqlite3.OperationalError as error:
        code = error.sqlite_errorcode & 0xFF
        if code == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from None
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY):
            raise StorageRefused(f"{to.path} cannot be written: {WORDS[code]}") from error
        raise
    with looking_at(to.part) as copy:
        return expect_sound(copy, to.part)


def sync_directory(path: str) -> None:
    """The names in the directory of that file are on the disk when it returns."""
    directory = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
