"""`python -m soak --minutes 30`: people come, talk, stall and vanish, and the server's memory, descriptors and latency are
to stay as they are. Ctrl-C ends it sooner, with the report."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import SystemRandom
from tempfile import TemporaryDirectory
from threading import Event
from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import globalLogBeginner

from .crowd import Gathering, Ways
from .figures import Sample, Verdict, judge_descriptors, judge_latency, judge_memory, judge_threads
from .measuring import Measuring
from .report import head
from .serving import Soaked

LOOK_AGAIN = 0.2
"""Seconds until it is looked again whether something has happened."""

HEARD_WITHIN = 60.0
"""Seconds at the end within which everybody has heard everything: who stalled reads again."""

GONE_WITHIN = 60.0
"""Seconds within which all are gone who said farewell, and their descriptors are closed."""


WRONG_SHOWN = 5
"""Tracebacks that are shown: the first ones tell most."""


class Soak:
    """One run."""

    def __init__(self, reactor: Any, server: Soaked, size: int, seed: int, stopping: Event) -> None:
        """`stopping`: set when it is to end sooner."""
        self._reactor = reactor
        self._server = server
        ways = Ways(reactor, server.port, server.tls_port, server.path, server.certificate)
        self._crowd = Gathering(reactor, ways, size, str(seed))
        self._measuring = Measuring(reactor, server, self._crowd, tell)
        self._stopping = stopping
        self.verdicts: list[Verdict] = []

    async def run(self, seconds: float) -> None:
        server, crowd, measuring = self._server, self._crowd, self._measuring
        server.prepare()
        descriptors = server.descriptors()
        crowd.station()
        stopping = self._stopping.is_set
        if not await self._until(lambda: crowd.ready or stopping(), HEARD_WITHIN):
            crowd.errors["who watches could not come in"] += 1
        elif not stopping():
            end = monotonic() + seconds
            measuring.begin()
            crowd.begin()
            await self._until(lambda: stopping() or monotonic() > end or not server.alive, float("inf"))
            measuring.end()
        crowd.close()
        if not await self._until(lambda: not crowd.oracle.behind() or not server.alive, HEARD_WITHIN):
            for words in crowd.oracle.behind():
                crowd.oracle.faults.add("lost", f"never heard: {words}")
        crowd.check()
        crowd.dismiss()
        if not await self._until(lambda: crowd.empty or not server.alive, GONE_WITHIN):
            crowd.errors["not let go at the end"] += 1
        crowd.abort()
        if server.alive:
            await self._until(lambda: len(server.descriptors()) <= len(descriptors), GONE_WITHIN)
            most = max((sample.descriptors for sample in measuring.samples), default=0)
            self.verdicts.append(judge_descriptors(descriptors, server.descriptors(), most))
            tell(f"\nwhen all were gone: {server.memory() / 1024:.1f} MiB, {server.threads} threads")
        self._judge(measuring.samples)

    def _judge(self, samples: Sequence[Sample]) -> None:
        crowd, server = self._crowd, self._server
        faults, errors = crowd.oracle.faults, crowd.errors
        wrong = server.wrong() if server.alive else ["the server ended", *server.wrong()]
        figures = ", ".join(f"{faults.counts[what]} {what}" for what in ("lost", "doubled", "reordered", "strange"))
        people = ", ".join(f"{count:,} {what}" for what, count in crowd.counts.items())
        told = (
            f"{crowd.oracle.said:,} said, {crowd.oracle.heard:,} heard, {crowd.oracle.privates:,} in private: {figures}"
        )
        self.verdicts += [
            judge_memory(samples),
            judge_latency(samples),
            judge_threads(samples),
            Verdict("delivery", not +faults.counts, told),
            Verdict("people", not errors, "; ".join([people, *(f"{count} {what}" for what, count in errors.items())])),
            Verdict("log", not wrong, f"{len(wrong)} of {len(server.log.lines)} lines tell of something wrong"),
        ]
        for words in [*faults.words, *wrong[:WRONG_SHOWN]]:
            tell(words)

    async def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether it has come true within that time."""
        deadline = monotonic() + seconds
        while not condition():
            if monotonic() > deadline:
                return False
            await deferLater(self._reactor, LOOK_AGAIN)
        return True


def tell(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def soak(reactor: Any, run: Soak, seconds: float) -> list[Verdict]:
    """Start it all, and wait for the end."""
    failed: list[Any] = []

    def begin() -> None:
        ended = Deferred.fromCoroutine(run.run(seconds)).addErrback(failed.append)
        ended.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run(installSignalHandlers=False)
    if failed:
        failed[0].raiseException()
    return run.verdicts


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long [10]")
    parser.add_argument("--clients", type=int, default=200, help="how many are there at a time [200]")
    parser.add_argument("--seed", type=int, default=None, help="what people do [something else each time]")
    chosen = parser.parse_args(arguments)
    from twisted.internet import reactor  # here, since it chooses the reactor

    stopping = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    seed = SystemRandom().randrange(1 << 32) if chosen.seed is None else chosen.seed
    globalLogBeginner.beginLoggingTo((), discardBuffer=True, redirectStandardIO=False)
    tell(f"soak: {chosen.minutes:g} minutes, {chosen.clients} people at a time, seed {seed}\n\n{head()}")
    with TemporaryDirectory(prefix="chatroom-soak-") as where:
        server = Soaked(Path(where))
        with server:
            verdicts = soak(reactor, Soak(reactor, server, chosen.clients, seed, stopping), 60 * chosen.minutes)
            if server.alive:
                server.terminate()
    tell("\n" + "\n".join(map(str, verdicts)))
    return 0 if all(verdict.fine is not False for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
