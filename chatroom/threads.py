"""Threads of their own for work that would keep the reactor's waiting. What the work is, they do not know."""

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


class Threads:
    """Does at most `count` pieces of work at once, in the order in which they come; with a count of 1, results come back
    to the reactor's thread in that order too. The threads come with the first: a daemon may fork before it."""

    def __init__(self, name: str, count: int, reactor: IReactorFromThreads) -> None:
        self._reactor = reactor
        self._pool = _Pool(1, count, name)

    def do(self, work: Callable[[], T]) -> Deferred[T]:
        if not self._pool.started:
            self._pool.start()
        return deferToThreadPool(self._reactor, self._pool, work)

    def stop(self) -> None:
        """When all work is done; nothing may be given to it afterwards."""
        self._pool.stop()
