"""Runs every scenario with every server in turn, each alone on one core and the load on another; see --help."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .report import machine, whole
from .scenarios import SCENARIOS, Run, Scenario, middle
from .servers import SERVERS, CannotRun, Options, Server, load_generator, on_core, running

RUN_SECONDS = 180
"""A run that has not ended by then hangs."""

QUICK = {"seconds": 0.7, "repeats": 1, "only": "A,E,H,J", "servers": "limit,chatroom,naive,ngircd"}
FULL = {"seconds": 5.0, "repeats": 3, "only": ",".join(SCENARIOS), "servers": ",".join(SERVERS)}


def measure(scenario: Scenario, server: Server, options: Options, seconds: float) -> Run:
    """One run of a scenario with a server started for it."""
    allowed = sorted(os.sched_getaffinity(0))
    with running(server, options, core=allowed[0]) as (port, pid):
        command = [str(options.directory / "load"), *scenario.arguments.split()]
        command += [f"--port={port}", f"--pid={pid}", f"--joining={server.joining}", f"--seconds={seconds}"]
        if server.irc:
            command += ["--irc", *scenario.for_irc.split()]
        try:
            with on_core(allowed[-1]):
                done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            raise CannotRun(f"not done in {RUN_SECONDS} s") from None
    if done.returncode:
        raise CannotRun(done.stderr.strip())
    run: Run = json.loads(done.stdout)
    if "with" in run:
        run["kept"] = run["with"] / run["without"]
    return run


def measure_all(
    only: Sequence[str], servers: Sequence[str], options: Options, seconds: float, repeats: int
) -> tuple[dict[str, dict[str, list[Run]]], dict[str, str]]:
    """All runs, and why some could not be had. Repeats go round by round, so that a slow minute meets every server."""
    runs: dict[str, dict[str, list[Run]]] = {key: {} for key in only}
    problems: dict[str, str] = {}
    for repeat in range(repeats):
        for key in only:
            for name in servers:
                if f"{key} {name}" in problems:
                    continue
                sys.stderr.write(f"{repeat + 1}/{repeats} {key} {name}\n")
                try:
                    run = measure(SCENARIOS[key], SERVERS[name], options, seconds)
                except CannotRun as problem:
                    problems[f"{key} {name}"] = str(problem)
                else:
                    runs[key].setdefault(name, []).append(run)
    return runs, problems


def words_from(known: Sequence[str]) -> type:
    """An argparse type: words with commas between, each one of `known`."""

    def words(text: str) -> list[str]:
        chosen = text.split(",")
        for word in chosen:
            if word not in known:
                raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(known)}")
        return chosen

    return words


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    lists = [f"  {name:17} {entry.words}" for table in (SCENARIOS, SERVERS) for name, entry in table.items()]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="This server beside others: deliveries a second, latency, joins, memory.",
        epilog="\n".join(lists),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="under a minute: less of everything")
    parser.add_argument("--only", type=words_from([*SCENARIOS]), help="scenarios, such as A,B")
    parser.add_argument("--servers", type=words_from([*SERVERS]), help="servers, such as limit,chatroom")
    parser.add_argument("--seconds", type=float, help="how long a run is measured")
    parser.add_argument("--repeats", type=int, help="how often; the medians are shown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured to FILE")
    parser.add_argument("--miniircd", metavar="FILE", help="the program, where it is not in the path")
    parser.add_argument("--directory", metavar="DIR", help="on which disk to store (default: that of temporary files)")
    chosen = parser.parse_args(arguments)
    for name, default in (QUICK if chosen.quick else FULL).items():
        if getattr(chosen, name) is None:
            setattr(chosen, name, default.split(",") if isinstance(default, str) else default)
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = parse(arguments)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="chatroom-bench-", dir=chosen.directory) as directory:
        options = Options(Path(directory), chosen.miniircd)
        try:
            load_generator(options.directory)
        except CannotRun as problem:
            sys.stderr.write(f"{problem}\n")
            return 2
        about = machine(options.directory)
        runs, problems = measure_all(chosen.only, chosen.servers, options, chosen.seconds, chosen.repeats)
    results = {key: {name: middle(all_runs) for name, all_runs in by_name.items()} for key, by_name in runs.items()}
    sys.stdout.write(whole(about, results, chosen.servers, problems) + "\n")
    if chosen.json:
        everything = {"machine": about, "medians": results, "runs": runs, "not_measured": problems}
        chosen.json.write_text(json.dumps(everything, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
