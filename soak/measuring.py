"""Looks at the server every few seconds, and asks a probe how long a line takes; tells a row each minute."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any

from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from tests.server import ENVIRONMENT

from .crowd import Gathering
from .figures import Sample
from .report import row
from .serving import Soaked

LOOKS_APART = 5.0
"""Seconds between two samples."""

MINUTE = 60.0
"""Seconds of a row."""


class Probe(ProcessProtocol):
    """The probe's process."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self.took: list[float] = []
        """Milliseconds of each line since these were last taken away."""
        self._ended = ended
        self._rest = b""

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.took += map(float, lines)

    def errReceived(self, data: bytes) -> None:
        sys.stderr.write(data.decode())

    def processEnded(self, reason: Failure) -> None:
        self._ended()


class Measuring:
    """Samples of one run."""

    def __init__(self, reactor: Any, server: Soaked, crowd: Gathering, tell: Callable[[str], None]) -> None:
        self.samples: list[Sample] = []
        self._reactor = reactor
        self._server = server
        self._crowd = crowd
        self._tell = tell
        self._loop = LoopingCall(self._look)
        self._loop.clock = reactor
        self._began = 0.0
        self._ending = False
        self._probe = Probe(self._probe_ended)
        self._process: Any = None
        self._minute: list[Sample] = []
        self._minutes = 0
        self._before: Sample | None = None
        self._took: list[float] = []

    def begin(self) -> None:
        command = [sys.executable, "-m", "soak.probe", str(self._server.port)]
        self._process = self._reactor.spawnProcess(self._probe, sys.executable, command, ENVIRONMENT)
        self._began = monotonic()
        self._loop.start(LOOKS_APART)

    def end(self) -> None:
        if self._loop.running:
            self._loop.stop()
            if self._minute:
                self._end_minute()
        self._ending = True
        if self._process and self._process.pid:
            self._process.signalProcess("KILL")

    def _probe_ended(self) -> None:
        self._process = None
        if not self._ending:
            self._crowd.errors["the probe was cut off"] += 1

    def _look(self) -> None:
        server, crowd, counts = self._server, self._crowd, self._crowd.counts
        if not server.alive:
            return
        crowd.oracle.trim()
        took, self._probe.took = self._probe.took, []
        sample = Sample(
            monotonic() - self._began,
            server.memory() / 1024,
            len(server.descriptors()),
            server.threads,
            *server.sizes(),
            server.ticks(),
            server.waited,
            len(crowd.alive()),
            crowd.oracle.said,
            crowd.oracle.heard,
            counts["arrivals"],
            counts["departures"],
            counts["stalls"],
            counts["resumed"],
            statistics.median(took) if took else 0.0,
        )
        self.samples.append(sample)
        if self._before is None:
            self._before = sample
            return
        self._minute.append(sample)
        self._took += took
        if sample.at - self._before.at >= MINUTE - LOOKS_APART / 2:
            self._end_minute()

    def _end_minute(self) -> None:
        assert self._before is not None
        self._minutes += 1
        self._tell(row(self._minutes, self._before, self._minute, self._took))
        self._before = self._minute[-1]
        self._minute, self._took = [], []
