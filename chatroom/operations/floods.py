"""Of what comes often within a minute the first are told one by one, and then how many more there were.

Knows nothing of what it is, nor how it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Generic, TypeVar

from ..seams import Clock, Delayed

WINDOW = 60.0
"""Seconds for which more of them are counted only: as long as wrong logins are, by which most floods come."""

SOURCES_COUNTED = 1000
"""Sources that are told apart in one flood: some 100 KB. Beyond, that they are more is all that matters."""

Sort = TypeVar("Sort")


class _Flood:
    """Those of one sort, in this window."""

    __slots__ = ("count", "sources")

    def __init__(self) -> None:
        self.count = 0
        self.sources: set[str] = set()
        """From which those came that were counted only."""


class Floods(Generic[Sort]):
    """Counts in windows, each of which begins with the first that comes."""

    def __init__(self, clock: Clock, few: int, tell: Callable[[Sort, int, Collection[str]], None]) -> None:
        """`few` of each sort are told one by one. At the end of the window `tell` is given of each other sort how many more
        there were, and their sources: at most one more than SOURCES_COUNTED."""
        self._clock = clock
        self._few = few
        self._tell = tell
        self._floods: dict[Sort, _Flood] = {}
        self._timer: Delayed | None = None
        """None while nothing came."""

    def is_one_more(self, sort: Sort, source: str = "") -> bool:
        """Whether what has just come is counted only."""
        if self._timer is None:
            self._timer = self._clock.callLater(WINDOW, self._end)
        flood = self._floods.setdefault(sort, _Flood())
        flood.count += 1
        if flood.count <= self._few:
            return False
        if len(flood.sources) <= SOURCES_COUNTED:
            flood.sources.add(source)
        return True

    def stop(self) -> None:
        """Tell what was counted so far; nothing is counted afterwards, until more comes."""
        if self._timer is not None:
            self._timer.cancel()
            self._end()

    def _end(self) -> None:
        self._timer = None
        floods, self._floods = self._floods, {}
        for sort, flood in floods.items():
            if flood.count > self._few:
                self._tell(sort, flood.count - self._few, flood.sources)
