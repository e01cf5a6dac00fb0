"""Where entries live: one module for each kind of storage, and the table of their openers.

Everything goes through the `Storage` Protocol of seams.py; nothing further in knows which one it is.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorFromThreads

from ..seams import Storage
from .memory import MemoryStorage
from .sqlite import SqliteStorage
from .sqlite_file import Durability

SCHEMES: dict[str, Callable[[str, IReactorFromThreads, Durability], Storage]] = {
    "memory": lambda path, reactor, durability: MemoryStorage(),
    "sqlite": lambda path, reactor, durability: SqliteStorage(path, reactor=reactor, durability=durability),
}
"""What stands before the colon, and what opens it."""
