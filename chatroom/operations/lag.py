"""How late the reactor comes to what is due: the one figure that tells whether anything keeps all others waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from twisted.application.service import Service

from ..seams import Clock, Delayed

INTERVAL = 1.0
"""Seconds from one look to the next: one timer of the thousands that a busy server has."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""A turn under full load takes 5 to 20 ms; 50 are felt, and 10 s are as good as dead."""


class Lag(Service, Collector):
    """A timer that looks how late it is. While something blocks the reactor it is collected no more either: what it finds
    afterwards is what it took."""

    def __init__(self, clock: Clock, seconds: Callable[[], float], registry: CollectorRegistry) -> None:
        """`seconds` is a time that no one can set: Twisted's timers go by one that can be."""
        self._clock = clock
        self._seconds = seconds
        self._due = 0.0
        self._next: Delayed | None = None
        self._most = 0.0
        self._late = Histogram(
            "chatroom_reactor_lag_seconds", "How late a timer of one second came.", buckets=SECONDS, registry=None
        )
        registry.register(self)

    def startService(self) -> None:
        super().startService()
        self._wait()

    def stopService(self) -> None:
        super().stopService()
        if self._next:
            self._next.cancel()
            self._next = None

    def _wait(self) -> None:
        self._due = self._seconds() + INTERVAL
        self._next = self._clock.callLater(INTERVAL, self._look)

    def _look(self) -> None:
        late = max(0.0, self._seconds() - self._due)
        self._late.observe(late)
        self._most = max(self._most, late)
        self._wait()

    def collect(self) -> Iterator[Metric]:
        yield from self._late.collect()
        overdue = self._seconds() - self._due if self._next else 0.0  # whoever collects may come first
        most, self._most = max(0.0, overdue, self._most), 0.0
        yield GaugeMetricFamily(
            "chatroom_reactor_lag_max_seconds", "The latest that it came since this was collected last.", most
        )
