"""Whether a wrong login tells by its time that the account exists: `python -m benchmarks.login`, half a minute."""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Sequence
from math import erfc, sqrt
from typing import Any

from twisted.internet.task import react

from chatroom.auth.argon2 import Argon2
from chatroom.auth.portal import Checker, PortalLogin
from chatroom.seams import Login

EACH = 500
"""Wrong logins for a name; half are for one that nobody has."""

WARM_UP = 10


async def interleaved(login: Login, names: Sequence[str], each: int) -> dict[str, list[float]]:
    """Milliseconds of wrong logins one after another, with the names in turn, and who begins a turn drawn by lot."""
    took: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(each):
        for name in random.sample(names, len(names)):
            start = time.perf_counter()
            assert await login.check(name, "wrong") is None
            took[name].append((time.perf_counter() - start) * 1000)
    return took


def mann_whitney(one: Sequence[float], other: Sequence[float]) -> float:
    """How likely two samples differ at least so much when nothing tells them apart: p of the U test, by the normal
    approximation; equal values share their ranks, which corrects nothing else."""
    values = sorted([*one, *other])
    first, last = {}, {}
    for rank, value in enumerate(values, 1):
        first.setdefault(value, rank)
        last[value] = rank
    ranks = sum((first[value] + last[value]) / 2 for value in one)
    u = ranks - len(one) * (len(one) + 1) / 2
    mean = len(one) * len(other) / 2
    deviation = sqrt(mean * (len(values) + 1) / 6)
    return erfc(abs(u - mean) / deviation / sqrt(2))


async def measure(reactor: Any) -> None:
    hasher = Argon2(reactor)
    kept = await hasher.hash("right")
    login = PortalLogin([Checker(lambda name: ("alice", kept) if name == "alice" else None, hasher)])
    await interleaved(login, ["alice", "nobody"], WARM_UP)
    took = await interleaved(login, ["alice", "nobody"], EACH)
    hasher.stop()
    known, unknown = (statistics.median(took[name]) for name in ("alice", "nobody"))
    p = mann_whitney(took["alice"], took["nobody"])
    sys.stdout.write(
        f"{EACH} wrong logins each, milliseconds (median): known {known:.3f}, unknown {unknown:.3f}, "
        f"difference {abs(known - unknown):.3f}; Mann-Whitney p = {p:.3f}\n"
    )


if __name__ == "__main__":
    react(measure)
