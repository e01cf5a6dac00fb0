"""A thread of its own for work that may wait for the disk."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

T = TypeVar("T")


class _Daemon(Thread):
    """Keeps no process alive that has nothing else to do: to end amid a commit is as safe as kill -9."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, daemon=True, **kwargs)


class _Pool(ThreadPool):
    threadFactory = _Daemon


class OneThread:
    """Does one piece of work after another. Results come back to the reactor's thread in the same order."""

    def __init__(self, name: str, reactor: IReactorFromThreads) -> None:
        self._reactor = reactor
        self._pool = _Pool(1, 1, name)

    def do(self, work: Callable[[], T]) -> Deferred[T]:
        if not self._pool.started:
            self._pool.start()
        return deferToThreadPool(self._reactor, self._pool, work)

    def stop(self) -> None:
        """When all work is done; nothing may be given to it afterwards."""
        self._pool.stop()
