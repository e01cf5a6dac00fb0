"""What was found, for people: the machine, one table, the targets."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .scenarios import SCENARIOS, TARGETS, Figure, Results, Run, doubt, faults
from .servers import LIMIT, OURS, PEERS


def first_line(*command: str) -> str:
    try:
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout.splitlines()[0]
    except (OSError, IndexError):
        return "none"


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.processor()


def sync_milliseconds(directory: Path) -> float:
    """What a commit to this disk costs at least: if next to nothing, the disk or its host does not really sync."""
    took = []
    with (directory / "sync").open("wb", buffering=0) as file:
        for _ in range(20):
            file.write(bytes(4096))
            start = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - start)
    return round(statistics.median(took) * 1000, 3)


def machine(directory: Path) -> dict[str, object]:
    try:
        twisted = version("twisted")
    except PackageNotFoundError:
        twisted = "none"
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": processor(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "twisted": twisted,
        "cc": first_line("cc", "--version"),
        "fsync_ms": sync_milliseconds(directory),
        "load_before": os.getloadavg()[0],
    }


def best_peer(runs: dict[str, Run], figure: Figure) -> float | None:
    values = [runs[peer][figure.name] for peer in PEERS if peer in runs]
    return (max if figure.more_is_better else min)(values, default=None)


def cell(runs: dict[str, Run], server: str, figure: Figure) -> str:
    """A figure, and how it stands to the limit and to the best peer."""
    value = runs[server][figure.name]
    words = figure.form.format(value / figure.divisor)
    if figure.ratios:
        for other in (runs.get(LIMIT, {}).get(figure.name), best_peer(runs, figure)):
            words += f"  {value / other:.2f}" if other else "  -"
    return words


def columns(results: Results, servers: list[str]) -> Iterator[list[str]]:
    yield ["", *servers]
    for key, runs in results.items():
        for figure in SCENARIOS[key].figures:
            cells = [cell(runs, server, figure) if server in runs else "-" for server in servers]
            yield [f"{key} {figure.title}", *cells]


def table(results: Results, servers: list[str]) -> str:
    """Servers down, figures across."""
    aligned = []
    for column in columns(results, servers):
        width = max(map(len, column))
        aligned.append([words.ljust(width) for words in column])
    return "\n".join(" | ".join(row).rstrip() for row in zip(*aligned, strict=True))


def cores(results: Results) -> Iterator[str]:
    """How busy the load generator's core was, so that nobody has to believe that it was not in the way."""
    for key, runs in results.items():
        if any(figure.name == "rate" for figure in SCENARIOS[key].figures):
            busy = [f"{name} {run['load_cpu']:.0%}/{run['server_cpu']:.0%}" for name, run in runs.items()]
            yield f"{key}: {', '.join(busy)}"
            for name, run in runs.items():
                if doubt(run):
                    yield f"   {name} may do more: {doubt(run)}"


def deliveries(results: Results) -> Iterator[str]:
    for key, runs in results.items():
        for name, run in runs.items():
            if faults(run):
                yield f"{key} {name}: {faults(run)}" + (f"; {run['cut_off']:.0f} cut off" if run["cut_off"] else "")


def targets(results: Results) -> Iterator[str]:
    for target in TARGETS:
        measured = target.measured(results, OURS)
        if measured is None:
            yield f"not measured  {target.words()}"
        else:
            yield f"{'reached    ' if target.reached(measured) else 'NOT reached'}   {target.words()}: {measured:.2f}"
    faulty = [
        f"; in {key} {faults(runs[OURS])}" for key, runs in results.items() if OURS in runs and faults(runs[OURS])
    ]
    if any(OURS in runs for runs in results.values()):
        yield f"{'NOT reached' if faulty else 'reached    '}   nothing lost, doubled or reordered" + "".join(faulty)


def whole(about: dict[str, object], results: Results, servers: list[str], problems: dict[str, str]) -> str:
    parts = {
        "machine": [", ".join(f"{name} {value}" for name, value in about.items())],
        "scenarios": [f"{key}: {SCENARIOS[key].words}" for key in results],
        "figures, with the ratio to the limit and to the best peer": [table(results, servers)],
        "core of the load generator / of the server": list(cores(results)),
        "deliveries": list(deliveries(results)) or ["none lost, doubled or reordered, with any server"],
        "targets": list(targets(results)),
        "not measured": [f"{what}: {why}" for what, why in problems.items()],
    }
    return "\n\n".join(f"{title}\n" + "\n".join(lines) for title, lines in parts.items() if lines)
