"""The next start of a server in memory: what it finds is what was committed, and time has gone on."""

from __future__ import annotations

from copy import copy
from typing import Any

from twisted.internet.task import Clock

from chatroom.storage.memory import MemoryStorage

from .chatting import World


def left_behind(storage: MemoryStorage) -> MemoryStorage:
    """What the next process finds, and the one before cannot change any more."""
    found = MemoryStorage()
    for name, kept in vars(storage).items():
        if isinstance(kept, dict):  # all else is of the process: who follows, and what is under way
            setattr(found, name, {key: copy(value) for key, value in kept.items()})
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
