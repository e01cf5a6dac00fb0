"""What has happened, counted: the witness that makes figures of it, and the registry in which all figures stand.

Knows what can be told; not how it is shown. What is there now is asked in census.py, store.py and lag.py.
"""

from __future__ import annotations

import platform
from collections import Counter as Tally
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, disable_created_metrics
from prometheus_client.gc_collector import GCCollector

import twisted

from .. import __version__
from ..event import HISTORY, Kind
from ..request import Refused
from ..seams import Batch, NotSaved
from ..witness import Nobody
from .process import Process

CODES_MOST = 200
"""Codes of refusals that have a figure of their own, twice as many as there are; all others are counted under OTHER. Each
takes memory here and in whatever collects them, so that a code made of what somebody typed must not make one."""

OTHER = "other"

FAILED_LOGINS = ("login_failed", "password_wrong", "code_wrong", "too_many_logins")
"""Refused for a secret that was not right: of an account, the server's own, the claim code; or not looked at any more."""

BATCH_ENTRIES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
"""A batch has at most about 16,000 entries: 1 MiB, each reckoned at 64 bytes beside its text."""

COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""From SQLite in memory (20 us) over a disk that syncs (0.5 to 3 ms) to one that stalls."""


class Meters(Nobody):
    """Counts what the chat tells. Labels are bound once: to find one takes thrice as long as to count."""

    def __init__(self) -> None:
        disable_created_metrics()  # a second series for each counter, of which nothing asks when it began
        self.registry = registry = CollectorRegistry()
        counter = partial(Counter, registry=registry)
        messages = counter("chatroom_messages", "What people said, committed.", ["kind"])
        entries = counter("chatroom_entries", "Entries committed to logs, messages among them.", ["sort"])
        self._messages = {kind: messages.labels(kind.word) for kind in sorted(HISTORY, key=lambda kind: kind.word)}
        self._entries = {kind: entries.labels(kind.sort.value) for kind in Kind}
        self._batches = Histogram(
            "chatroom_batch_entries", "Entries in one commit.", buckets=BATCH_ENTRIES, registry=registry
        )
        self._commits = Histogram(
            "chatroom_commit_seconds",
            "From giving a batch to the storage until it is durable.",
            buckets=COMMIT_SECONDS,
            registry=registry,
        )
        self._failures = counter("chatroom_commit_failures", "Batches that could not be saved.")
        self._delivered = counter("chatroom_deliveries", "Entries handed to the connections of readers.").inc
        self._refusals = counter("chatroom_refusals", "Told that something is not done.", ["code"])
        self._codes: dict[str, Counter] = {}
        failed = counter("chatroom_login_failures", "Secrets that were not right, or not looked at.", ["code"])
        self._failed_logins = {code: failed.labels(code) for code in FAILED_LOGINS}
        Info("chatroom_build", "What runs.", registry=registry).info(
            {"version": __version__, "python": platform.python_version(), "twisted": twisted.__version__}
        )
        GCCollector(registry)
        Process(registry=registry)

    def committed(self, batch: Batch, seconds: float) -> None:
        self._batches.observe(len(batch))
        self._commits.observe(max(0.0, seconds))  # a clock that was put back must not take from the sum
        for kind, count in Tally([event.kind for _, event in batch]).items():
            self._entries[kind].inc(count)
            if kind is Kind.PRIVATE:  # it stands in the inboxes of both
                self._messages[kind].inc(len({event.eid for _, event in batch if event.kind is kind}))
            elif kind in self._messages:
                self._messages[kind].inc(count)

    def failed(self, why: NotSaved) -> None:
        self._failures.inc()

    def delivered(self, messages: int) -> None:
        self._delivered(messages)

    def refused(self, nick: str, address: str, protocol: str, refused: Refused) -> None:
        code = refused.code
        (self._codes.get(code) or self._counted(code)).inc()
        if code in self._failed_logins:
            self._failed_logins[code].inc()

    def _counted(self, code: str) -> Counter:
        """The figure of a code that comes for the first time."""
        if len(self._codes) >= CODES_MOST:
            return self._refusals.labels(OTHER)
        self._codes[code] = self._refusals.labels(code)
        return self._codes[code]
