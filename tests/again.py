"""The next start of a server in memory: what it finds is what was committed, and time has gone on."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from chatroom.storage.memory import MemoryStorage

from .chatting import World


def left_behind(storage: MemoryStorage) -> MemoryStorage:
    """What the next process finds, and the one before cannot change any more."""
    found = MemoryStorage()
    found._logs = {log: entries.copy() for log, entries in storage._logs.items()}
    found._erased = storage._erased.copy()
    found._firsts = storage._firsts.copy()
    return found


_starts = 1


def again(world: World, **settings: Any) -> World:
    """The server was killed, and starts again: no time passes for the one before any more."""
    global _starts
    _starts += 1
    storage = world.storage
    while not isinstance(storage, MemoryStorage):
        storage = storage.storage
    clock = Clock()
    clock.advance(world.clock.seconds())
    return World(world.client, storage=left_behind(storage), clock=clock, stamp=f"n{_starts}.", **settings)
