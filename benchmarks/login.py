"""Whether a wrong login tells by its time that the account exists, by itself and through a real server; and what others
notice of 100 a second: `python -m benchmarks.login`, a minute and a half.
"""

from __future__ import annotations

import random
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from math import erfc, sqrt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.task import react

from chatroom.auth.argon2 import Argon2
from chatroom.auth.portal import Checker, PortalLogin
from chatroom.seams import Login
from tests.server import Person, Server

EACH = 500
"""Wrong logins for a name; half are for one that nobody has."""

WARM_UP = 10

FLOOD = 100
"""Wrong logins a second."""

GUESSERS = 20
"""Connections that they come from."""

SECONDS = 20

PAUSE = 0.01
"""Seconds from one message's arrival to the next."""


async def interleaved(login: Login, names: Sequence[str], each: int) -> dict[str, list[float]]:
    """Milliseconds of wrong logins one after another, with the names in turn, and who begins a turn drawn by lot."""
    took: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(each):
        for name in random.sample(names, len(names)):
            start = time.perf_counter()
            assert await login.check(name, "wrong") is None
            took[name].append((time.perf_counter() - start) * 1000)
    return took


def through(server: Server, names: Sequence[str], each: int) -> dict[str, list[float]]:
    """The same as a person asks."""
    took: dict[str, list[float]] = {name: [] for name in names}
    with Person(server) as stranger:
        for _ in range(each):
            for name in random.sample(names, len(names)):
                start = time.perf_counter()
                stranger.say(f"/login {name} wrong horse")
                stranger.expect("! wrong name or password\r\n")
                took[name].append((time.perf_counter() - start) * 1000)
    return took


def while_others_log_in(server: Server) -> list[float]:
    """Milliseconds until what somebody says is shown to somebody else, while FLOOD wrong logins a second come."""
    took: list[float] = []
    over = threading.Event()

    def guess(place: int) -> None:
        with Person(server) as stranger:
            for turn in range(SECONDS * FLOOD // GUESSERS):
                due = start + (turn + place / GUESSERS) * GUESSERS / FLOOD
                time.sleep(max(0.0, due - time.monotonic()))
                stranger.say("/login alice wrong horse")
        over.set()

    with Person(server, "speaker") as speaker, Person(server, "listener") as listener:
        start = time.monotonic()
        guessers = [threading.Thread(target=guess, args=(place,)) for place in range(GUESSERS)]
        for guesser in guessers:
            guesser.start()
        while not over.is_set():
            said = time.perf_counter()
            speaker.say("hello")
            listener.expect("speaker: hello\r\n")
            took.append((time.perf_counter() - said) * 1000)
            time.sleep(PAUSE)
        for guesser in guessers:
            guesser.join()
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
    tell("by itself", await interleaved(login, ["alice", "nobody"], EACH))
    hasher.stop()


def tell(what: str, took: dict[str, list[float]]) -> None:
    known, unknown = (statistics.median(took[name]) for name in ("alice", "nobody"))
    p = mann_whitney(took["alice"], took["nobody"])
    sys.stdout.write(
        f"{what}: {len(took['alice'])} wrong logins each, milliseconds (median): known {known:.3f}, unknown {unknown:.3f}, "
        f"difference {abs(known - unknown):.3f}; Mann-Whitney p = {p:.3f}\n"
    )


def main() -> None:
    with TemporaryDirectory() as where, Server(Path(where), "--no-limits") as server:
        with Person(server, "alice") as alice:
            alice.say("/register correct horse")
            alice.expect("alice is your own now")
        through(server, ["alice", "nobody"], WARM_UP)
        tell("through a server", through(server, ["alice", "nobody"], EACH))
        took = while_others_log_in(server)
        p99 = statistics.quantiles(took, n=100)[98]
        sys.stdout.write(
            f"with {FLOOD} wrong logins a second: {len(took)} messages, milliseconds: "
            f"p50 {statistics.median(took):.1f}, p99 {p99:.1f}\n"
        )
    react(measure)


if __name__ == "__main__":
    main()
