"""What is taken in of one connection: input is held back, never dropped. A flooder is slowed by TCP itself."""

from __future__ import annotations

from enum import Flag, auto

from .seams import Clock, Source


class Hold(Flag):
    """Why nothing is taken in at present."""

    NOTHING = 0
    ANSWERING = auto()
    """What was asked before is not answered yet."""
    RATE = auto()
    """More lines came than are earned."""
    JOURNAL = auto()
    """More waits for its commit than should."""
    FULL = auto()
    """An answer is pending that the other side does not read."""
    ENDING = auto()
    """Who is here sends no more, as they said."""
    STOPPING = auto()
    """The server stops."""


class Intake:
    """One connection's input, and why it is held back."""

    __slots__ = ("_burst", "_clock", "_earliest", "_holds", "_interval", "_source")

    def __init__(self, source: Source, clock: Clock, interval: float, burst: int) -> None:
        """One line is earned each `interval` seconds; `burst` lines may come at once."""
        self._source = source
        self._clock = clock
        self._interval = interval
        self._burst = burst
        self._earliest = 0.0
        self._holds = Hold.NOTHING

    def hold(self, why: Hold) -> None:
        if not self._holds:
            self._source.pauseProducing()
        self._holds |= why

    def release(self, why: Hold) -> None:
        if self._holds & why:
            self._holds &= ~why
            if not self._holds:
                self._source.resumeProducing()

    def pace(self) -> None:
        """Count one line, empty ones too; past the burst, take no more until it is earned.

        The generic cell rate algorithm (ITU-T I.371): one time for each connection does what a bucket of tokens does.
        """
        if not self._interval:
            return
        now = self._clock.seconds()
        self._earliest = max(self._earliest, now) + self._interval
        early = self._earliest - now - self._interval * (self._burst - 1)
        if early > 0:
            self.hold(Hold.RATE)
            self._clock.callLater(early, self.release, Hold.RATE)

    def take(self, lines: int) -> bool:
        """Count lines that came together, if all of them are earned already; else count none."""
        if self._interval:
            now = self._clock.seconds()
            earliest = max(self._earliest, now) + self._interval * lines
            if earliest > now + self._interval * (self._burst - 1):
                return False
            self._earliest = earliest
        return True

    def hurry(self) -> None:
        """Nothing more comes: what is there is taken at once."""
        self._interval = 0
        self.release(Hold.RATE)
