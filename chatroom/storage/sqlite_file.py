"""The SQLite file as a file: whose it is, whether it is ours, and connections to it.

Refuses at opening what would fail or do damage later. Keeps no connection, only the lock: a daemon forks after opening,
and a connection must not be carried over a fork.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
from contextlib import closing, suppress
from typing import Literal
from urllib.parse import quote

from .refused import InUse, StorageRefused
from .sqlite_migrations import migrate
from .sqlite_schema import APPLICATION, SCHEMA, VERSION

Durability = Literal["power", "process"]
"""What a committed entry survives: loss of power (a sync of the disk for each commit), or only the process's end."""

_SYNCHRONOUS = {"power": "FULL", "process": "NORMAL"}

MODE = 0o600
"""What people wrote to each other is nobody else's to read."""

MAGIC = b"SQLite format 3\0"

UNREADABLE = "is damaged: its tables cannot be read"
"""Said where SQLite's own message quotes a damaged schema: sqlite3 cannot decode it, and raises UnicodeDecodeError."""

_BUSY_SECONDS = 5.0
"""How long to wait while another program, say an operator's sqlite3 shell, holds the file's write lock."""

_CHECKPOINT_PAGES = 1000
"""4 MiB. The commit that crosses it copies the WAL into the database; the slowest of thousands took 32 ms, no more than
without checkpoints. One in a thread of its own never catches up under load: at 64 MiB of WAL a commit took 700 ms."""

_WAL_BYTES = 16 << 20
"""To this the WAL file is cut back after an exceptional batch or a long read made it grow."""


class DatabaseFile:
    """The file, ours alone from its opening until `release`."""

    def __init__(self, path: str, durability: Durability) -> None:
        if not path:
            raise StorageRefused("no file is named: write sqlite:PATH")
        self.path = os.path.realpath(path)
        self._read_only = f"file:{quote(self.path)}?mode=ro"
        self._durability = durability
        self._lock = lock(self.path)
        self._pages: int | None = None
        try:
            make_private(self.path)
            self._check()
        except sqlite3.Error as error:
            self.release()
            raise StorageRefused(f"{self.path} cannot be used as a database: {error}") from error
        except UnicodeDecodeError as error:
            self.release()
            raise StorageRefused(f"{self.path} {UNREADABLE}") from error
        except OSError as error:
            self.release()
            raise StorageRefused(f"{self.path} cannot be opened: {error.strerror}") from error
        except BaseException:
            self.release()
            raise

    def writer(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
        connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[self._durability]}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        connection.execute("PRAGMA secure_delete = ON")
        return connection

    def reader(self) -> sqlite3.Connection:
        return sqlite3.connect(self._read_only, timeout=_BUSY_SECONDS, isolation_level=None, uri=True)

    def beside(self, path: str) -> sqlite3.Connection:
        """To another file, with this one as `store`, to be read only."""
        connection = sqlite3.connect(f"file:{quote(path)}", timeout=_BUSY_SECONDS, isolation_level=None, uri=True)
        try:
            connection.execute("ATTACH ? AS store", (self._read_only,))
        except BaseException:
            connection.close()
            raise
        return connection

    def pages(self) -> int:
        """The database as a plain file, from the first call until `release`: to close it lets go of the locks that our
        connections hold on it (fcntl(2)), and another program might take the write-ahead log from under them."""
        if self._pages is None:
            self._pages = os.open(self.path, os.O_RDWR)
        return self._pages

    def release(self) -> None:
        if self._pages is not None:
            os.close(self._pages)
        os.close(self._lock)

    def _check(self) -> None:
        with closing(self.writer()) as connection:
            version = version_of(connection, self.path)
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise StorageRefused(f"{self.path} is where SQLite cannot keep a write-ahead log")
            if version is None:
                connection.executescript(SCHEMA)
            (verdict,) = connection.execute("PRAGMA quick_check(logs)").fetchone()
            if verdict != "ok":
                raise StorageRefused(f"{self.path} is damaged: {verdict}")
            if version is not None:
                migrate(connection, version)


def version_of(connection: sqlite3.Connection, path: str) -> int | None:
    """Of our schema; None for a file in which nothing is yet. Raises StorageRefused for what is not ours, or too new."""
    # The first to be read: fails for a damaged header and for a file that is shorter than it should be.
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if tables == application == version == 0:
        return None
    if application != APPLICATION:
        raise StorageRefused(f"{path} is the database of another program")
    if version > VERSION:
        raise StorageRefused(
            f"{path} was written by a newer server: it has schema {version}, and this one knows {VERSION}"
        )
    return int(version)


def owner(path: str) -> tuple[int, int]:
    """User and group to whom what is made beside this store belongs: root looks after those of others. The owner of the store,
    or where there is none yet, of its directory; raises OSError."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    try:
        found = os.stat(path)
    except FileNotFoundError:
        found = os.stat(os.path.dirname(path) or ".")
    return found.st_uid, found.st_gid


def lock(path: str) -> int:
    """Held for life; the kernel lets go of it however that ends. The lock file stays: removing it would be a race. It belongs
    to whom the store belongs, or its server could not open it."""
    try:
        held = os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, MODE)
    except OSError as error:
        raise StorageRefused(f"{path}-lock cannot be opened: {error.strerror}") from error
    try:
        os.fchmod(held, MODE)
        if os.geteuid() == 0:
            with suppress(PermissionError):  # a root that may not give files away, say in a container, keeps its own
                os.fchown(held, *owner(path))
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        if isinstance(error, BlockingIOError):
            raise InUse(f"{path} is in use by another server") from error
        raise StorageRefused(f"{path} cannot be locked: {error.strerror}") from error
    return held


def make_private(path: str) -> None:
    """Create the file or look at it, and make it readable by us only; SQLite gives its WAL and index the same mode."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, MODE)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise StorageRefused(f"{path} is not a file")
        start = os.read(file, len(MAGIC))
        if start and start != MAGIC:
            raise StorageRefused(f"{path} is not an SQLite database")
        if not start and os.path.exists(f"{path}-wal") and os.path.getsize(f"{path}-wal"):
            # SQLite would take the database for a new one, and throw the WAL away.
            raise StorageRefused(f"{path} is empty, but {path}-wal is not: is the database somewhere else?")
        os.fchmod(file, MODE)
        for companion in (f"{path}-wal", f"{path}-shm"):
            if os.path.exists(companion):
                os.chmod(companion, MODE)
    finally:
        os.close(file)
