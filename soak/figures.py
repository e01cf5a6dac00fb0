"""Figures over time, and what they mean: whether memory, latency and descriptors are flat. Knows no server and no clock."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import NamedTuple, TypeVar

T = TypeVar("T")

JUDGED_FROM = 120
"""Samples from which on a series is judged, ten minutes: a quarter of less is too short to tell anything."""

MEMORY_FROM = 300
"""Samples from which on memory is judged, 25 minutes: the tails and pages that each log keeps take a quarter of an hour to fill
where some lines a second are said in each."""

MEMORY_MORE = 0.03
"""Of the third quarter's memory, so much may have come by the last quarter: for a server of 200 MiB that 330 people leave in
a minute, in half an hour, 2.5 KB for each of them, and in a longer run less. An idle connection takes more than that. What
the allocator needs more or less from one minute to the next is less."""

LATENCY_MORE = 0.25
"""Of the second quarter's latency, the same."""

LATENCY_LEAST = 0.5
"""Milliseconds below which a difference is none: the clock that wakes processes is as coarse on a busy machine."""

BUSIER = 1.5
"""So many times as long as before has the server waited for a processor: then a latency tells of others."""

DAY = 86_400.0


class Sample(NamedTuple):
    """What was measured at one moment; what is counted, from the start on."""

    at: float
    """Seconds since the start."""
    rss: float
    """MiB."""
    descriptors: int
    threads: int
    store: int
    """Bytes of the database and its index."""
    wal: int
    ticks: int
    """Of processor time; 100 are a second."""
    waited: float
    """Milliseconds that the server was ready to run, and others had the processor."""
    people: int
    said: int
    heard: int
    arrivals: int
    departures: int
    stalls: int
    resumed: int
    p50: float
    """Milliseconds, of what the probe said since the sample before; 0 if nothing came back."""


class Verdict(NamedTuple):
    """One thing that must be: whether it is, None where that cannot be told."""

    what: str
    fine: bool | None
    words: str

    def __str__(self) -> str:
        return f"{ {True: 'fine', False: 'NOT FINE', None: 'not judged'}[self.fine]:<11} {self.what}: {self.words}"


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which so much of them lies; 0 of none."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] if values else 0.0


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Theil and Sen's: the median of the slopes between all pairs, which single steps and spikes do not move."""
    points = points[:: max(1, len(points) // 200)]
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2) if b[0] > a[0]]
    return statistics.median(slopes) if slopes else 0.0


def quarter(values: Sequence[T], which: int) -> Sequence[T]:
    """The first is 0."""
    return values[which * len(values) // 4 : (which + 1) * len(values) // 4]


def judge_memory(samples: Sequence[Sample]) -> Verdict:
    """By the medians of the third and the last quarter: what goes up and down within some minutes, as a log's tail does that
    fills and is cut, moves neither; what grows with each person does. The slope over both is told beside it."""
    if len(samples) < MEMORY_FROM:
        return Verdict("memory", None, "too short a run to tell; 25 minutes at least")
    before, after = (statistics.median(sample.rss for sample in quarter(samples, which)) for which in (2, 3))
    people = samples[len(samples) * 7 // 8].departures - samples[len(samples) * 5 // 8].departures
    half = [(sample.at, sample.rss) for sample in samples[len(samples) // 2 :]]
    words = (
        f"{before:.1f} MiB in the third quarter, {after:.1f} in the last ({after / before - 1:+.1%}; at most "
        f"{MEMORY_MORE:.0%}), while {people:,} people left; the slope over both is {slope(half) * DAY:+.0f} MiB a day"
    )
    return Verdict("memory", after <= before * (1 + MEMORY_MORE), words)


def judge_latency(samples: Sequence[Sample]) -> Verdict:
    """By the best quarter of the medians of each sample: others who use the machine only ever add to a latency, now and then;
    a server that becomes slower does so in every sample, in the best ones too. Where the others had the processor far more
    often than before, nothing can be said."""
    measured = [sample.p50 for sample in samples if sample.p50]
    if len(measured) < JUDGED_FROM:
        return Verdict("latency", None, "too short a run to tell; ten minutes at least")
    before, after = (quantile(values, 0.25) for values in (quarter(measured, 1), quarter(measured, 3)))
    idle_before, idle_after = (waited(quarter(samples, which)) for which in (1, 3))
    more = f"{after / before - 1:+.0%}; at most {LATENCY_MORE:.0%}"
    words = (
        f"{before:.2f} ms in the second quarter, {after:.2f} in the last ({more}); the server waited for a processor "
        f"{idle_before:.0f} ms of each second, and {idle_after:.0f}"
    )
    if after <= before * (1 + LATENCY_MORE) or after - before <= LATENCY_LEAST:
        return Verdict("latency", True, words)
    return Verdict("latency", None if idle_after > idle_before * BUSIER else False, words)


def waited(samples: Sequence[Sample]) -> float:
    """Milliseconds of each second, in the best quarter of these."""
    pairs = pairwise(samples)
    return quantile([(b.waited - a.waited) / (b.at - a.at) for a, b in pairs], 0.25)


def judge_descriptors(first: Sequence[str], last: Sequence[str], most: int) -> Verdict:
    """By what is open before anybody comes and when all are gone, of each kind."""
    more = Counter(map(kind_of, last)) - Counter(map(kind_of, first))
    words = f"{len(first)} before anybody came, {most} at most, {len(last)} when all were gone"
    return Verdict(
        "descriptors", not more, "; ".join([words, *(f"{count} more {kind}" for kind, count in more.items())])
    )


def kind_of(opened: str) -> str:
    """A file by its name, all sockets alike, and so all pipes."""
    return opened.partition(":[")[0].rpartition("/")[2]


def judge_threads(samples: Sequence[Sample]) -> Verdict:
    """They come when they are needed, up to a number."""
    if len(samples) < JUDGED_FROM:
        return Verdict("threads", None, "too short a run to tell; ten minutes at least")
    before, after = (max(sample.threads for sample in quarter(samples, which)) for which in (1, 3))
    return Verdict("threads", after <= before, f"{before:.0f} in the second quarter, {after:.0f} in the last")
