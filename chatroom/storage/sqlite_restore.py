"""A backup in the place of the store, under the store's lock: whenever it is cut short, the old store or the new one is there,
and whole. What was there before is kept.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from time import gmtime, strftime
from typing import NamedTuple

from .refused import InUse, StorageRefused
from .sqlite_backup import COMPANIONS, Whole, copied, sync_directory
from .sqlite_contents import Contents, expect_sound, faults, looking_at, told
from .sqlite_file import MODE, UNREADABLE, lock, owner

_BUSY_SECONDS = 5.0
"""How long to wait for a program that has the store open and is about to end."""

_LOGS = ("-wal", "-journal")
"""What a store that nobody could open any more still has beside it, and with which it is perhaps whole."""


class Restored(NamedTuple):
    contents: Contents
    kept: str | None
    """Where that is which was there before; None where nothing was."""


def restore(store: str, backup: str, now: float) -> Restored:
    """Raises StorageRefused, InUse while a server runs; then all is as it was. `now`: in seconds since 1970, for the name of
    what is kept."""
    store, backup = os.path.realpath(store), os.path.realpath(backup)
    if store == backup:
        raise StorageRefused(f"{backup} is the store itself: name the backup")
    with looking_at(backup) as connection:
        expect_sound(connection, backup)
        try:
            if not os.path.isdir(os.path.dirname(store)):
                raise StorageRefused(f"there is no {os.path.dirname(store)}")
            with _locked(store), Whole(store, owner(store)) as new:
                contents = copied(connection, new)
                kept = _keep(store, now)
                # Not after the new store is there: SQLite would take the log of the old one for its own.
                for end in COMPANIONS:
                    with suppress(FileNotFoundError):
                        os.unlink(f"{store}{end}")
                sync_directory(store)
                new.place()
        except OSError as error:
            raise StorageRefused(f"{error.filename or store} cannot be written: {error.strerror}") from error
    return Restored(contents, kept)


@contextmanager
def _locked(store: str) -> Iterator[None]:
    try:
        held = lock(store)
    except InUse:
        raise InUse(f"{store} is in use: stop its server first") from None
    try:
        yield
    finally:
        os.close(held)


def _keep(store: str, now: float) -> str | None:
    """The store stays where it is, and stands under another name too."""
    if not os.path.exists(store) or not os.path.getsize(store):
        return None
    if _is_whole(store):  # else that is perhaps why a backup is restored: it is kept as it is, with its log
        _take_log_in(store)
    kept = f"{store}.before-restore-{strftime('%Y%m%dT%H%M%SZ', gmtime(now))}"
    os.chmod(store, MODE)  # as a server does when it opens it
    try:
        os.link(store, kept)
        for end in _LOGS:
            with suppress(FileNotFoundError):
                os.link(f"{store}{end}", f"{kept}{end}")
    except FileExistsError:
        raise StorageRefused(f"{kept} is there already: wait a second") from None
    sync_directory(store)
    return kept


def _is_whole(store: str) -> bool:
    """By a connection that only reads: another would throw a log away that does not fit."""
    try:
        with looking_at(store) as connection:
            return not faults(connection)
    except StorageRefused:
        return False


def _take_log_in(store: str) -> None:
    """So that one file is all of it. Nobody else may have it open: at their end they would remove the new store's log."""
    try:
        with closing(sqlite3.connect(store, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.Error as error:
        raise StorageRefused(f"{store} {told(error)}") from error
    except UnicodeDecodeError as error:
        raise StorageRefused(f"{store} {UNREADABLE}") from error
