"""A table with a row for each minute, written as the minutes pass."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from .figures import Sample, quantile

COLUMNS = (
    ("minute", 6), ("people", 6), ("RSS MiB", 7), ("fds", 4), ("threads", 7), ("p50 ms", 6), ("p99 ms", 7), ("waited", 6),
    ("said", 6), ("heard", 7), ("came", 5), ("went", 5), ("stalls", 6), ("resumed", 7), ("store MiB", 9), ("WAL MiB", 7),
    ("CPU", 4),
)  # fmt: skip

MIB = 1 << 20


def head() -> str:
    """The names of the columns; what they mean, docs/performance.md says."""
    names = " | ".join(f"{name:>{width}}" for name, width in COLUMNS)
    rules = " | ".join("-" * (width - 1) + ":" for _, width in COLUMNS)
    return f"| {names} |\n| {rules} |"


def row(minute: int, before: Sample, samples: Sequence[Sample], took: Sequence[float]) -> str:
    """One minute: its samples, the one before them, and how long the probe's lines took, in milliseconds."""
    last = samples[-1]
    figures = (
        str(minute),
        str(last.people),
        f"{statistics.median(sample.rss for sample in samples):.1f}",
        str(max(sample.descriptors for sample in samples)),
        str(last.threads),
        f"{quantile(took, 0.5):.2f}",
        f"{quantile(took, 0.99):.1f}",
        f"{(last.waited - before.waited) / (last.at - before.at):.0f}",
        f"{last.said - before.said:,}",
        f"{last.heard - before.heard:,}",
        str(last.arrivals - before.arrivals),
        str(last.departures - before.departures),
        str(last.stalls - before.stalls),
        str(last.resumed - before.resumed),
        f"{last.store / MIB:.1f}",
        f"{last.wal / MIB:.1f}",
        f"{(last.ticks - before.ticks) / (last.at - before.at) / 100:.0%}",
    )
    return f"| {' | '.join(f'{figure:>{width}}' for figure, (_, width) in zip(figures, COLUMNS, strict=True))} |"
