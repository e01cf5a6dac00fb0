"""What is measured: the scenarios, the figures each yields, and the targets for this server."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

Run = dict[str, float]
"""What the load generator reported for one run of one scenario with one server."""

Results = dict[str, dict[str, Run]]
"""Medians over the runs: scenario, server, figure."""

FAULTS = ("lost", "doubled", "reordered", "strange")


class Figure(NamedTuple):
    """A number a scenario yields: its name in the report, its column and how to write it; `divisor` suits the unit."""

    name: str
    title: str
    form: str
    divisor: float = 1
    more_is_better: bool = True
    ratios: bool = True


@dataclass(frozen=True)
class Scenario:
    """One thing to measure: the load generator's arguments for it, and what more it needs to know over IRC."""

    words: str
    arguments: str
    figures: tuple[Figure, ...]
    for_irc: str = ""


def less(name: str, title: str, form: str) -> Figure:
    return Figure(name, title, form, more_is_better=False)


RATE = (Figure("rate", "M/s", "{:.2f}", 1e6),)
LATENCY = (less("p50", "p50 ms", "{:.1f}"), less("p99", "p99 ms", "{:.1f}"))

# The windows are the smallest that keep every server's core busy: about 1,000 messages on their way in all. With fewer,
# servers that leave Nagle's algorithm on wait for acknowledgements and the figure is no longer one of the server.
SCENARIOS = {
    "A": Scenario("100 readers, 10 senders", "flood --readers 100 --senders 10 --window 100", RATE),
    "B": Scenario("1,000 readers, 10 senders", "flood --readers 1000 --senders 10 --window 100", RATE),
    "E": Scenario("300 who all send", "flood --readers 0 --senders 300 --window 4", RATE),
    "C": Scenario("1,000 readers, 1 sender, 20 a second", "pace --readers 1000 --senders 1 --rate 20", LATENCY),
    "H": Scenario("110 who send 200 a second in all", "pace --readers 0 --senders 110 --rate 200", LATENCY),
    "J": Scenario(
        "1,000 join one room; each is told of all who come later",
        "join --readers 0 --senders 0 --joins 1000",
        (Figure("joins", "joins/s", "{:.0f}"),),
    ),
    # Over IRC a hundred to a channel, or the lists of names alone would be 90 MB.
    "D": Scenario(
        "memory for an idle connection, of 5,000",
        "idle --readers 0 --senders 0 --joins 5000",
        (less("kib", "KiB", "{:.2f}"),),
        for_irc="--room-size 100",
    ),
    "S": Scenario(
        "A, without and with a reader that stalls",
        "stall --readers 100 --senders 10 --window 100 --rounds 2",
        (
            Figure("kept", "kept", "{:.2f}", ratios=False),
            Figure("growth_kib", "grew MiB", "{:.1f}", 1024, more_is_better=False, ratios=False),
            Figure("cut_off", "cut off", "{:.0f}", more_is_better=False, ratios=False),
        ),
    ),
}


class Target(NamedTuple):
    """A bound on a figure of this server, as it is or as a multiple of another server's."""

    scenario: str
    figure: str
    bound: float
    of: str | None = None
    reach_for: float | None = None

    def more(self) -> bool:
        return next(f.more_is_better for f in SCENARIOS[self.scenario].figures if f.name == self.figure)

    def words(self) -> str:
        words = f"{self.scenario} {self.figure} {'at least' if self.more() else 'at most'} {self.bound:g}"
        words += f" x {self.of}" if self.of else ""
        return words + (f" (reach for {self.reach_for:g})" if self.reach_for else "")

    def measured(self, results: Results, server: str) -> float | None:
        """This server's figure, or its ratio; None when one of the two was not measured."""
        runs = results.get(self.scenario, {})
        if server not in runs or (self.of and not runs.get(self.of, {}).get(self.figure)):
            return None
        return runs[server][self.figure] / (runs[self.of][self.figure] if self.of else 1)

    def reached(self, measured: float) -> bool:
        return measured >= self.bound if self.more() else measured <= self.bound


TARGETS = (
    Target("A", "rate", 0.5, "limit"),
    Target("A", "rate", 3, "ngircd"),
    Target("B", "rate", 0.4, "limit"),
    Target("B", "rate", 2, "ngircd", reach_for=3),
    Target("E", "rate", 2, "ngircd"),
    Target("C", "p50", 1.3, "ngircd"),
    Target("H", "p99", 5),
    Target("D", "kib", 4, reach_for=2.5),
    Target("J", "joins", 2000),
    Target("S", "kept", 0.95),
    Target("S", "growth_kib", 1024),
)


def middle(runs: list[Run]) -> Run:
    """The median of each figure; of the faults the worst, since one is too many."""
    worst = (*FAULTS, "cut_off")
    return {name: (max if name in worst else median)([run[name] for run in runs]) for name in runs[0]}


def faults(run: Run) -> str:
    """What went wrong with deliveries, in words; empty when nothing did."""
    return ", ".join(f"{run[name]:,.0f} {name}" for name in FAULTS if run[name])


def doubt(run: Run) -> str:
    """Why a run in which everyone hurries may show less than the server can do; empty when its core was busy."""
    if run["load_cpu"] >= 0.95 > run["server_cpu"]:
        return "the load generator was the bottleneck"
    return "neither core was busy: it waits for the disk, or others had the cores" if run["server_cpu"] < 0.9 else ""
