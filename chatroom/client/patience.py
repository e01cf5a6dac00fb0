"""How long something is waited for: one thing at a time. Knows a clock, and no more."""

from __future__ import annotations

from collections.abc import Callable

from ..seams import Clock, Delayed


class Patience:
    """Somebody's."""

    def __init__(self, clock: Clock, seconds: float, spent: Callable[[], None], *, endless: bool) -> None:
        """`spent` is called when nothing came for so long, unless it is `endless`."""
        self.endless = endless
        self._clock = clock
        self._seconds = seconds
        self._spent = spent
        self._timer: Delayed | None = None

    def begin(self) -> None:
        """Something came, or is to come from now on."""
        self.end()
        if not self.endless:
            self._wait(self._seconds, self._spent)

    def only(self, seconds: float, then: Callable[[], None]) -> None:
        """Wait so long and no longer, in any case."""
        self.end()
        self._wait(seconds, then)

    def end(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        def over() -> None:
            self._timer = None
            then()

        self._timer = self._clock.callLater(seconds, over)
