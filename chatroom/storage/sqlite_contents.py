"""A store that is only looked at, whoever has it open: whether it is one, whether it is whole, and what is in it.

Takes no lock, and never writes to the file.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple
from urllib.parse import quote

from ..event import HISTORY, Kind, Sort
from .refused import StorageRefused
from .sqlite_file import MAGIC, UNREADABLE, version_of
from .sqlite_schema import SORTS

FAULTS_MOST = 10
"""Of the file's structure that are looked for: where one page is lost, each of its rows would be one."""

_BUSY_SECONDS = 5.0
"""How long to wait while who writes closes the file: the only time that a reader of a write-ahead log waits for another."""

_ROOMS_SINCE = 3
"""The version since which rooms are opened; before, each log of a room is one."""

_STATE = f"FROM entries WHERE log = (SELECT id FROM logs WHERE name = 'server') AND sort = {SORTS[Sort.STATE]} AND kind"
_OPEN_SINCE = {
    True: f"""SELECT count(*) FROM (SELECT kind, max(position) {_STATE} IN ('{Kind.OPENED.value}', '{Kind.CLOSED.value}')
        GROUP BY details ->> 'folded') WHERE kind = '{Kind.OPENED.value}'""",
    False: "SELECT count(*) FROM logs WHERE name GLOB '#*'",
}
_ACCOUNTS = f"""SELECT count(DISTINCT by) {_STATE} = '{Kind.REGISTERED.value}'
    AND by NOT IN (SELECT by {_STATE} = '{Kind.FORGOTTEN.value}')"""
_TALK = ", ".join(sorted(f"'{kind.value}'" for kind in HISTORY))
_MESSAGES = f"""SELECT count(*) FILTER (WHERE kind <> '{Kind.PRIVATE.value}')
    + count(DISTINCT iif(kind = '{Kind.PRIVATE.value}', eid, NULL))
    FROM entries WHERE sort = {SORTS[Sort.TALK]} AND kind IN ({_TALK}) AND text <> ''"""
# What was sent in private stands in the logs of both; what was removed has no words any more.


_TEXT_COLUMNS = ("kind", "eid", "by", "nick", "text", "details", "id")
_TEXTS = f"""SELECT log, position, 'blob' NOT IN ({", ".join(f"typeof({name})" for name in _TEXT_COLUMNS)}),
    CAST({" || char(10) || ".join(f"ifnull({name}, '')" for name in _TEXT_COLUMNS)} AS BLOB) FROM entries"""
# Between two lines' ends no half of a character is made whole by its neighbour.


class Contents(NamedTuple):
    """What is in a store."""

    messages: int
    accounts: int
    rooms: int
    version: int
    """Of its schema."""

    def __str__(self) -> str:
        counts = ((self.messages, "message"), (self.accounts, "account"), (self.rooms, "room"))
        return ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts)


@contextmanager
def looking_at(path: str, *, briefly: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection that reads only; raises StorageRefused, also for what SQLite or the disk say meanwhile. `briefly`: for less
    time than a server takes to start, so that nothing need be made beside the file."""
    try:
        _expect_database(path)
        with closing(_connection(path, briefly)) as connection:
            yield connection
    except OSError as error:
        raise StorageRefused(f"{path} cannot be read: {error.strerror}") from error
    except sqlite3.DatabaseError as error:
        raise StorageRefused(f"{path} {told(error)}") from error
    except UnicodeDecodeError as error:
        raise StorageRefused(f"{path} {UNREADABLE}") from error


def told(error: sqlite3.Error) -> str:
    """What is to stand behind the file's name."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return f"is damaged: {error}"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "is open in another program: end that first"
    return f"cannot be used: {error}"


def expect_ours(connection: sqlite3.Connection, path: str) -> int:
    """The version of its schema; raises StorageRefused for what is no store, an empty one, or one of a newer server."""
    version = version_of(connection, path)
    if version is None:
        raise StorageRefused(f"{path} is empty: no server has kept anything in it")
    return version


def faults(connection: sqlite3.Connection) -> list[str]:
    """What SQLite finds wrong with the file's structure (https://sqlite.org/pragma.html#pragma_integrity_check)."""
    found = [str(words) for (words,) in connection.execute(f"PRAGMA integrity_check({FAULTS_MOST})")]
    return [] if found == ["ok"] else [line for words in found for line in words.splitlines()]


def expect_sound(connection: sqlite3.Connection, path: str) -> Contents:
    """What is in it; raises StorageRefused where it is not whole."""
    version = expect_ours(connection, path)
    if found := faults(connection):
        raise StorageRefused(f"{path} is damaged: {found[0]}")
    for words in unreadable(connection):
        raise StorageRefused(f"{path} is damaged: {words}")
    return contents(connection, version)


def unreadable(connection: sqlite3.Connection) -> Iterator[str]:
    """In words, those logs in which something stands that no server can read: SQLite takes any bytes for text."""
    names: dict[int, str] = {}
    for log, kind, name in connection.execute("SELECT id, typeof(name), CAST(name AS BLOB) FROM logs"):
        if kind == "text" and is_text(name):
            names[log] = name.decode()
        else:
            yield f"the name of log {log} cannot be read"
    found: dict[int, tuple[int, object]] = {}
    for log, position, known, texts in connection.execute(_TEXTS):
        if not (known and is_text(texts)):
            count, first = found.get(log, (0, position))
            found[log] = count + 1, first
    for log, (count, first) in found.items():
        yield f"{names.get(log, f'log {log}')}: entries whose text cannot be read: {count}, the first at position {first}"


def unreadable_in(connection: sqlite3.Connection, log: str) -> str:
    """Which entry of a log no server can read, in words that quote nothing of it."""
    within = f"{_TEXTS} WHERE log = (SELECT id FROM logs WHERE name = ?) ORDER BY position"
    for _, position, known, texts in connection.execute(within, (log,)):
        if not (known and is_text(texts)):
            return f"{log}: the entry at position {position} cannot be read"
    return f"{log}: an entry cannot be read"


def is_text(written: bytes) -> bool:
    """As Python decodes what SQLite hands out."""
    try:
        written.decode()
    except UnicodeDecodeError:
        return False
    return True


def contents(connection: sqlite3.Connection, version: int) -> Contents:
    statements = (_MESSAGES, _ACCOUNTS, _OPEN_SINCE[version >= _ROOMS_SINCE])
    messages, accounts, rooms = (int(connection.execute(statement).fetchone()[0]) for statement in statements)
    return Contents(messages, accounts, rooms, version)


def _expect_database(path: str) -> None:
    if not stat.S_ISREG(os.stat(path).st_mode):  # before it is opened: that of a FIFO would wait
        raise StorageRefused(f"{path} is not a file")
    with open(path, "rb") as file:
        start = file.read(len(MAGIC))
    if start and start != MAGIC:
        raise StorageRefused(f"{path} is not an SQLite database")


def _connection(path: str, briefly: bool) -> sqlite3.Connection:
    # Beside a file with a write-ahead log SQLite makes another, as its owner's (robustFchown in os_unix.c). Where it
    # cannot, and nobody has left one, nobody writes to the file either.
    fixed = (briefly or not os.access(os.path.dirname(path), os.W_OK)) and not os.path.exists(f"{path}-wal")
    address = f"file:{quote(path)}?mode=ro{'&immutable=1' if fixed else ''}"
    return sqlite3.connect(address, timeout=_BUSY_SECONDS, isolation_level=None, uri=True)
