"""A room's door: how often the room is told of who comes and goes. Past a burst they pass together, once a second, so that
one line tells of all of them.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from .seams import Clock

PAUSE = 1.0
"""Seconds between two times at which all who wait pass: then at most one line tells who left, and one who came."""


class Door:
    """Who passes is told of in the same turn, and so in one batch with all others."""

    def __init__(self, clock: Clock, burst: int) -> None:
        """`burst`: so many pass at once within a second; 0 for any."""
        self.clock = clock
        self._burst = burst
        self._passed = 0
        self._leaving: list[Deferred[None]] = []
        self._coming: list[Deferred[None]] = []

    async def come(self) -> None:
        """Until it may be told that somebody came."""
        await self._pass(self._coming)

    async def leave(self) -> None:
        """Until it may be told that somebody left."""
        await self._pass(self._leaving)

    async def _pass(self, waiting: list[Deferred[None]]) -> None:
        if not self._burst:
            return
        if not self._passed:
            self.clock.callLater(PAUSE, self._open)
        if self._passed < self._burst:
            self._passed += 1
            return
        waiter: Deferred[None] = Deferred()
        waiting.append(waiter)
        await waiter

    def _open(self) -> None:
        passing = [*self._leaving, *self._coming]  # each kind together, and nobody twice: who waits does nothing else
        self._leaving, self._coming = [], []
        self._passed = self._burst if passing else 0
        if passing:
            self.clock.callLater(PAUSE, self._open)
        for waiter in passing:
            waiter.callback(None)
