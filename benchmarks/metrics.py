"""What the figures cost: this server with `--metrics` and without, in turn, round by round, and somebody who collects them
each second: `python -m benchmarks.metrics`, see --help. The status is 1 when a figure is beyond the bar.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import socket
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from .__main__ import measure, words_from
from .report import machine
from .scenarios import SCENARIOS, Figure, Run, faults
from .servers import SERVERS, CannotRun, Options, chatroom, load_generator

BAR = 0.03
"""What it may cost of any figure."""

INTERVAL = 1.0
"""Seconds from one collecting to the next: Prometheus comes every 15 or 60."""

WITHOUT = SERVERS["chatroom"]
WITH = WITHOUT._replace(
    command=chatroom("--storage", "sqlite:{database}", "--metrics", "unix:{database}.pages"),
)
COST = Figure("cost", "us of the processor for 1,000", "{:.1f}", more_is_better=False)


def collect(directory: Path) -> bool:
    """Ask each server that is there for its figures; whether there was one."""
    found = False
    for pages in directory.glob("*.pages"):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as visitor:  # it may just have ended
            visitor.settimeout(5)
            visitor.connect(str(pages))
            visitor.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            while visitor.recv(65536):
                found = True
    return found


@contextlib.contextmanager
def collecting(directory: Path) -> Iterator[list[bool]]:
    """Every INTERVAL, as long as this lasts; one truth for each that had an answer."""
    over, answers = threading.Event(), list[bool]()

    def visit() -> None:
        while not over.wait(INTERVAL):
            answers.extend([True] * collect(directory))

    visits = threading.Thread(target=visit)
    visits.start()
    try:
        yield answers
    finally:
        over.set()
        visits.join()


def pair(key: str, options: Options, seconds: float, first: bool) -> tuple[Run, Run]:
    """A run without and a run with; `first`: in this order, else in the other."""
    scenario = SCENARIOS[key]
    runs = {name: measure(scenario, server, options, seconds) for name, server in _in_turn(first)}
    for run in runs.values():
        if faults(run):
            raise CannotRun(f"{key}: {faults(run)}")
        if run.get("rate"):
            run["cost"] = run["server_cpu"] / run["rate"] * 1e9
    return runs["without"], runs["with"]


def _in_turn(first: bool) -> list[tuple[str, object]]:
    order = [("without", WITHOUT), ("with", WITH)]
    return order if first else order[::-1]


def tell(key: str, figure: Figure, runs: list[tuple[Run, Run]]) -> tuple[bool, str]:
    """Whether it is within the bar; medians, and the median of the ratios of runs next to each other, with its quartiles."""
    ratios = [run[figure.name] / before[figure.name] for before, run in runs]
    without, with_ = (
        statistics.median([pair[place][figure.name] for pair in runs]) / figure.divisor for place in (0, 1)
    )
    low, ratio, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    fine = ratio >= 1 - BAR if figure.more_is_better else ratio <= 1 + BAR
    name = f"{key} {figure.title}"
    numbers = f"without {figure.form.format(without)}  with {figure.form.format(with_)}"
    words = (
        f"{'within' if fine else 'BEYOND'} {BAR:.0%}  {name:32} {numbers}  ratio {ratio:.3f} ({low:.3f} to {high:.3f})"
    )
    return fine, words


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.metrics", description=__doc__)
    parser.add_argument(
        "--only", type=words_from([*SCENARIOS]), default=["A", "B", "E", "H", "J"], help="scenarios, such as A,B"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="how long a run is measured")
    parser.add_argument("--rounds", type=int, default=9, help="pairs of runs for each scenario")
    parser.add_argument("--directory", metavar="DIR", help="on which disk to store (default: that of temporary files)")
    chosen = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    runs: dict[str, list[tuple[Run, Run]]] = {key: [] for key in chosen.only}
    with tempfile.TemporaryDirectory(prefix="chatroom-bench-", dir=chosen.directory) as directory:
        options = Options(Path(directory), None)
        load_generator(options.directory)
        sys.stdout.write(f"{', '.join(f'{name} {value}' for name, value in machine(options.directory).items())}\n")
        with collecting(options.directory) as answers:
            for number in range(chosen.rounds):
                for key in chosen.only:
                    sys.stderr.write(f"{number + 1}/{chosen.rounds} {key}\n")
                    runs[key].append(pair(key, options, chosen.seconds, first=number % 2 == 0))
    fine = True
    for key, pairs in runs.items():
        figures = SCENARIOS[key].figures
        for figure in (*figures, COST) if figures[0].name == "rate" else figures:
            within, words = tell(key, figure, pairs)
            fine = fine and within
            sys.stdout.write(f"{words}\n")
    sys.stdout.write(f"collected {len(answers)} times; load after {os.getloadavg()[0]:.1f}\n")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
