"""One after the other: whoever wants a turn waits until all before have had theirs."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred


class Turns:
    """Whose turn ends at once does not give the next within its own, as Twisted's DeferredLock does: of some hundred who wait,
    the last would stand too deep in Python's stack, and nobody behind them ever had a turn."""

    __slots__ = ("_handing_on", "_taken", "_waiting")

    def __init__(self) -> None:
        self._taken = False
        self._waiting: deque[Deferred[None]] = deque()
        self._handing_on = False

    @property
    def idle(self) -> bool:
        """It is nobody's turn."""
        return not (self._taken or self._waiting)

    async def take(self) -> None:
        """Wait for it; `end` is to follow."""
        if self.idle:
            self._taken = True
        else:
            waiter: Deferred[None] = Deferred()
            self._waiting.append(waiter)
            await waiter

    def end(self) -> None:
        self._taken = False
        if self._handing_on:  # the loop below, which gave this turn, gives the next
            return
        self._handing_on = True
        try:
            while self._waiting and not self._taken:
                self._taken = True
                self._waiting.popleft().callback(None)
        finally:
            self._handing_on = False
