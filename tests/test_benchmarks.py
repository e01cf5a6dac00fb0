"""The benchmark's own checks: what a server does wrong with a line must show, whatever its speed."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.__main__ import measure, parse
from benchmarks.report import table
from benchmarks.scenarios import FAULTS, TARGETS, Run, Scenario, Target, middle
from benchmarks.servers import SERVERS, Options, load_generator

from .support import needs

TINY = {
    "flood": "flood --readers 3 --senders 2 --window 8 --count 100",
    "pace": "pace --readers 3 --senders 2 --rate 1000",
    "stall": "stall --readers 3 --senders 2 --window 8 --rounds 2",
    "join": "join --readers 5 --senders 0 --joins 5",
    "idle": "idle --readers 0 --senders 0 --joins 5",
}
SENT = 10
HANGS = 60  # seconds; so long no socket of these tests is silent

Lines = list[bytes]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the load generator lies."""
    directory = tmp_path_factory.mktemp("benchmarks")
    load_generator(directory)
    return directory


@pytest.mark.process
@needs("cc", "gcc libc6-dev")
@pytest.mark.parametrize("arguments", TINY.values(), ids=TINY)
def test_nothing_is_wrong_with_the_limit(built: Path, arguments: str) -> None:
    run = measure(Scenario("", arguments, ()), SERVERS["limit"], Options(built, None), seconds=0.05)
    assert {name: run[name] for name in (*FAULTS, "cut_off")} == dict.fromkeys((*FAULTS, "cut_off"), 0)


@pytest.mark.process
@needs("cc", "gcc libc6-dev")
def test_every_delivery_is_counted(built: Path) -> None:
    run = measure(Scenario("", TINY["flood"], ()), SERVERS["limit"], Options(built, None), seconds=HANGS)
    assert run["delivered"] == 100 * (3 + 2 - 1)


def dropped(lines: Lines) -> Lines:
    return lines[:3] + lines[4:]


def doubled(lines: Lines) -> Lines:
    return lines[:4] + lines[3:]


def reordered(lines: Lines) -> Lines:
    return [*lines[:3], lines[4], lines[3], *lines[5:]]


def spoilt(lines: Lines) -> Lines:
    return [*lines[:3], lines[3].replace(b"brown", b"green"), *lines[4:]]


def misnamed(lines: Lines) -> Lines:
    return [*lines[:3], lines[3].replace(b"u0000: ", b"u0001: "), *lines[4:]]


def made_up(lines: Lines) -> Lines:
    return [*lines, lines[-1].replace(b"%08d " % (SENT - 1), b"%08d " % SENT)]


def serve(listener: socket.socket, fault: Callable[[Lines], Lines]) -> None:
    """A chat of one sender and one reader, who gets the sender's lines with a fault in them, and then is cut off."""
    people = []
    for _ in range(2):
        connection, _ = listener.accept()
        connection.settimeout(HANGS)
        words = connection.makefile("rwb")
        words.write(b"* You are " + words.readline())
        words.flush()
        people.append((connection, words))
    (sender, says), (reader, hears) = people
    with sender, says, reader:
        with hears:
            hears.writelines(fault([b"u0000: " + says.readline() for _ in range(SENT)]))
        reader.shutdown(socket.SHUT_RDWR)
        assert not says.readline()


@pytest.mark.process
@needs("cc", "gcc libc6-dev")
@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (list, {}),
        (dropped, {"lost": 1}),
        (doubled, {"doubled": 1}),
        (reordered, {"reordered": 1}),
        (spoilt, {"lost": 1, "strange": 1}),
        (misnamed, {"lost": 1, "strange": 1}),
        (made_up, {"strange": 1}),
    ],
)
def test_a_fault_of_the_server_is_found(built: Path, fault: Callable[[Lines], Lines], found: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as threads:
        listener.settimeout(HANGS)
        server = threads.submit(serve, listener, fault)
        room = ["--readers=1", "--senders=1", "--joining=1", f"--window={4 * SENT}", f"--count={SENT}"]
        command = [str(built / "load"), "flood", f"--port={listener.getsockname()[1]}", f"--seconds={HANGS}", *room]
        done = subprocess.run(command, check=True, capture_output=True)
        server.result()
    run = json.loads(done.stdout)
    assert {name: run[name] for name in FAULTS} == dict.fromkeys(FAULTS, 0) | found
    assert run["cut_off"] == 1


def test_figures_are_medians_and_faults_the_worst_of_all_runs() -> None:
    runs = [
        {"rate": rate, "lost": lost, "doubled": 0, "reordered": 0, "strange": 0, "cut_off": 0}
        for rate, lost in [(3, 0), (1, 7), (2, 0)]
    ]
    assert middle(runs) | {"rate": 2, "lost": 7} == middle(runs)


def test_a_target_is_a_bound_on_a_figure_or_on_a_ratio() -> None:
    results = {"A": {"chatroom": {"rate": 12.0}, "limit": {"rate": 20.0}}, "H": {"chatroom": {"p99": 6.0}}}
    share, latency, unknown = Target("A", "rate", 0.5, "limit"), Target("H", "p99", 5), Target("A", "rate", 3, "ngircd")
    assert share.measured(results, "chatroom") == 0.6
    assert share.reached(0.6)
    assert not latency.reached(6.0)
    assert unknown.measured(results, "chatroom") is None


def test_every_target_names_a_figure_that_is_measured() -> None:
    assert all(target.words() for target in TARGETS)


def test_the_table_shows_ratios_to_the_limit_and_to_the_best_peer() -> None:
    rates = {"limit": 20e6, "chatroom": 12e6, "naive": 1e6, "ngircd": 3e6}
    lines = table({"A": {name: {"rate": rate} for name, rate in rates.items()}}, [*rates, "miniircd"]).splitlines()
    assert [line.split() for line in lines[2:4]] == [
        ["chatroom", "|", "12.00", "0.60", "4.00"],
        ["naive", "|", "1.00", "0.05", "0.33"],
    ]
    assert lines[-1].split() == ["miniircd", "|", "-"]


def test_what_is_measured_can_be_chosen() -> None:
    chosen = parse(["--quick", "--only", "A,B", "--servers", "limit,chatroom"])
    assert (chosen.only, chosen.servers, chosen.repeats) == (["A", "B"], ["limit", "chatroom"], 1)
