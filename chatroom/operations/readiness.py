"""Whether people are let in, and whether what they say can be saved: for probes, and for who started the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..seams import Batch, NotSaved
from ..witness import Nobody


class Notified(Protocol):
    """Who started the server, as far as they want to know (sd_notify(3))."""

    def starting(self, words: str) -> None: ...
    def ready(self) -> None: ...
    def stopping(self, words: str) -> None: ...


STARTING = "starting"

LATE = 10.0
"""Seconds from which on a commit counts as stuck: thousands of times what it takes, and longer than a disk sleeps."""


class Readiness(Nobody):
    """What the server is at, and the storage's trouble if it has one."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._committing: float | None = None
        """Since when."""
        self._notified: list[Notified] = []
        self._at = STARTING
        self._trouble = ""

    def tell(self, notified: Notified) -> None:
        """From now on also somebody who wants to know at once."""
        self._notified.append(notified)

    def why_not(self) -> str:
        """Why people had better not be sent here; empty when they may."""
        return self._at or self._trouble or self._stuck()

    def waiting(self) -> float:
        """Seconds for which the storage has been at a commit; 0 when it is at none."""
        return 0.0 if self._committing is None else self._seconds() - self._committing

    def _stuck(self) -> str:
        seconds = self.waiting()
        return f"the storage has not saved anything for {seconds:.0f} s" if seconds > LATE else ""

    def ready(self) -> None:
        self._at = ""
        for each in self._notified:
            each.ready()

    def draining(self) -> None:
        self._at = "draining: nobody more is let in"

    def stopping(self) -> None:
        self._at = "stopping"
        for each in self._notified:
            each.stopping("stopping")

    # As a witness

    def committing(self) -> None:
        self._committing = self._seconds()

    def committed(self, batch: Batch, seconds: float) -> None:
        self._committing, self._trouble = None, ""

    def failed(self, why: NotSaved) -> None:
        self._committing = None
        self._trouble = f"the storage cannot save: {why.words}"
        if self._at == STARTING:  # it is tried again and again, and whoever waits for the start is to know why
            for each in self._notified:
                each.starting(self._trouble)
