"""How long a connection may keep us waiting: for its first words, for a nickname, for taking what it is shown."""

from __future__ import annotations

from typing import Protocol

from .request import Refused
from .seams import Clock, Delayed, Outlet

GREETING_PAUSE = 0.1
"""Seconds in which who connects may speak first: a program that speaks JSON is not greeted in words."""

STALL_CHECKS = 10
"""How often within the time a reader may stall it is looked at whether the connection took anything."""


class Waiting(Protocol):
    """Whose patience it is."""

    def greet(self) -> None:
        """It is time to speak."""

    def dismissed(self, why: Refused) -> None:
        """They are told so, and let go."""

    def close(self, reason: str) -> None:
        """They are let go, as others are told."""


class Patience:
    """The timers of one connection: at most three, and none while it chats and reads."""

    __slots__ = ("_clock", "_deadline", "_greeting", "_stall", "_waiting")

    def __init__(self, clock: Clock, waiting: Waiting) -> None:
        self._clock = clock
        self._waiting = waiting
        self._greeting: Delayed | None = None
        self._deadline: Delayed | None = None
        self._stall: Delayed | None = None

    def connected(self, timeout: float) -> None:
        """Greet after a pause; and whoever has not entered `timeout` seconds from now is too late, dribbling bytes or not."""
        self._greeting = self._clock.callLater(GREETING_PAUSE, self._greet_now)
        self._deadline = self._clock.callLater(timeout, self._give_up)

    def spoke(self) -> None:
        """The first words came: no more waiting with the greeting."""
        if self._greeting:
            self._greeting.cancel()
            self._greet_now()

    def entered(self) -> None:
        _cancel(self._deadline)
        self._deadline = None

    def held(self, outlet: Outlet, timeout: float) -> None:
        """Bytes are pending: from now on look whether any are taken. Its connection need not tell when it died."""
        self._stall = self._clock.callLater(
            timeout / STALL_CHECKS, self._look, outlet, outlet.untaken(), timeout, timeout
        )

    def drained(self) -> None:
        _cancel(self._stall)
        self._stall = None

    def end(self) -> None:
        _cancel(self._greeting)
        self._greeting = None
        self.entered()
        self.drained()

    def _greet_now(self) -> None:
        self._greeting = None
        self._waiting.greet()

    def _give_up(self) -> None:
        self._deadline = None
        self._waiting.dismissed(Refused("too_late", "no nickname came in time; come again"))

    def _look(self, outlet: Outlet, untaken: int, timeout: float, left: float) -> None:
        now_untaken = outlet.untaken()
        left = timeout if now_untaken != untaken else left - timeout / STALL_CHECKS
        if left > 0:
            self._stall = self._clock.callLater(timeout / STALL_CHECKS, self._look, outlet, now_untaken, timeout, left)
        else:
            self._stall = None
            self._waiting.close("not reading")


def _cancel(delayed: Delayed | None) -> None:
    if delayed:
        delayed.cancel()
