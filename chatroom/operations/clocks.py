"""The two clocks: timers go by one that nobody sets, and the time of day is believed where it stands.

Knows no chat, and no clock but those it is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

STEP = 10.0
"""Seconds by which the time of day may move at once against the clock that nobody sets, and is believed. NTP moves it by
1 s in half an hour (adjtime(3)) as long as it sets nothing."""

STEPOUT = 300.0
"""Seconds for which a clock that was set has to stand before it is believed, as with ntpd ("stepout" in ntp.conf(5)). What
is right again sooner has stamped nothing, ended no ban, and made nothing old enough to be forgotten."""


class TimeOfDay:
    """Seconds since 1970. A clock that is set is followed when it has stood for STEPOUT."""

    _log = Logger()

    def __init__(self, told: Callable[[], float], elapsed: Callable[[], float]) -> None:
        """`told` is the clock on the wall, `elapsed` counts the seconds since some moment."""
        self._told = told
        self._elapsed = elapsed
        self._offset = self._set_to = told() - elapsed()
        self._set_at: float | None = None

    def __call__(self) -> float:
        elapsed = self._elapsed()
        offset = self._told() - elapsed
        if abs(offset - self._offset) <= STEP:
            self._offset, self._set_at = offset, None
        elif self._set_at is None or abs(offset - self._set_to) > STEP:
            self._set_to, self._set_at = offset, elapsed
            self._log.warn(
                "the clock was set by {seconds} s; this is believed when it stays so for {stepout} s",
                seconds=round(offset - self._offset),
                stepout=round(STEPOUT),
            )
        elif elapsed - self._set_at >= STEPOUT:
            self._offset, self._set_at = offset, None
            self._log.warn("the clock as it was set is believed now")
        return elapsed + self._offset


def time_of_day() -> TimeOfDay:
    """This machine's. Beside it is CLOCK_BOOTTIME, which goes on while a machine is suspended (clock_gettime(2))."""
    return TimeOfDay(time.time, lambda: time.clock_gettime(time.CLOCK_BOOTTIME))


def leave_timers_alone(reactor: Any) -> None:
    """Have the reactor's timers go by CLOCK_MONOTONIC; to be called while there are none. Twisted's go by the time of day:
    set ahead by an hour, all of the next hour fire at once, and set back by one, none does for an hour."""
    reactor.seconds = time.monotonic
