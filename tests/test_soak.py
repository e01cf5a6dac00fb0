"""Soaking: a short run of it works, and what would be wrong with a server is found."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from random import Random

import pytest

from soak.figures import JUDGED_FROM, Sample, judge_descriptors, judge_latency, judge_memory, judge_threads, slope
from soak.oracle import Key, Oracle, Reader
from soak.report import head, row

from .server import ENVIRONMENT, PATIENCE, ROOT, Output
from .support import needs

ALICE, BOB = 1, 2

SAMPLES = 360
"""Half an hour of them."""


def series(
    rss: Callable[[int], float] = lambda _: 80.0,
    p50: Callable[[int], float] = lambda _: 1.0,
    waited: Callable[[int], float] = lambda n: 50.0 * n,
    threads: Callable[[int], int] = lambda _: 6,
    count: int = SAMPLES,
) -> list[Sample]:
    zeros = dict.fromkeys(Sample._fields, 0)
    made = [
        {"at": 5.0 * n, "rss": rss(n), "p50": p50(n), "threads": threads(n), "waited": waited(n), "departures": 30 * n}
        for n in range(count)
    ]
    return [Sample(**{**zeros, **one}) for one in made]  # type: ignore[arg-type]


def noise(seed: int, width: float) -> Callable[[], float]:
    chance = Random(seed)
    return lambda: chance.uniform(-width, width)


# What figures mean


def test_memory_that_fills_caches_and_goes_up_and_down_is_flat() -> None:
    some = noise(1, 3.0)
    verdict = judge_memory(series(lambda n: 80 - 30 / (1 + n / 10) + some() + (20 if n == 350 else 0)))
    assert verdict.fine, verdict


def test_memory_that_grows_with_each_person_is_told() -> None:
    some = noise(2, 3.0)
    kib = 1 / 1024
    verdict = judge_memory(series(lambda n: 80 + 3 * 30 * n * kib + some()))  # three KiB for each who left
    assert verdict.fine is False
    assert "2,700 people left" in str(verdict)
    assert "MiB a day" in str(verdict)


def test_a_latency_that_others_add_to_now_and_then_is_flat() -> None:
    chance = Random(3)
    verdict = judge_latency(
        series(p50=lambda n: 1.5 + chance.random() / 10 + (9 * chance.random() if n > 200 else 0) * (n % 2))
    )
    assert verdict.fine, verdict


def test_a_latency_that_grows_is_told_on_a_noisy_machine_too() -> None:
    chance = Random(4)
    verdict = judge_latency(series(p50=lambda n: 1.5 + n / 180 + 9 * chance.random() * (n % 2)))
    assert verdict.fine is False


def test_a_latency_that_grows_while_others_take_the_processor_is_not_judged() -> None:
    verdict = judge_latency(series(p50=lambda n: 1.5 + n / 180, waited=lambda n: 50.0 * n + n * n))
    assert verdict.fine is None
    assert "waited for a processor" in str(verdict)


def test_threads_that_become_more_are_told() -> None:
    assert judge_threads(series()).fine
    assert judge_threads(series(threads=lambda n: 6 + n // 100)).fine is False


def test_descriptors_that_stay_open_are_told() -> None:
    first = ["/dev/null", "socket:[17]", "/x/chatroom.db", "/x/chatroom.db"]
    assert judge_descriptors(first, ["/dev/null", "socket:[99]", "/x/chatroom.db"], 250).fine
    verdict = judge_descriptors(first, [*first, "socket:[18]", "socket:[19]"], 250)
    assert verdict.fine is False
    assert "2 more socket" in str(verdict)


def test_a_short_run_is_not_judged() -> None:
    short = series(rss=float, p50=float, threads=int, count=JUDGED_FROM - 1)
    assert [judge(short).fine for judge in (judge_memory, judge_latency, judge_threads)] == [None, None, None]


def test_single_steps_do_not_move_the_slope() -> None:
    assert slope([(n, 2.0 * n + (1000 if n in (5, 50) else 0)) for n in range(100)]) == pytest.approx(2.0)


def test_a_minute_is_a_row_of_what_came_within_it() -> None:
    first, *samples = series(count=13)
    samples[-1] = samples[-1]._replace(said=1234, ticks=1500, people=7)
    told = row(3, first, samples, [1.0] * 98 + [50.0] * 2)
    assert [cell.strip() for cell in told.split("|")[1:9]] == ["3", "7", "80.0", "0", "6", "1.00", "50.0", "10"]
    assert "1,234" in told
    assert "25%" in told
    assert told.count("|") == head().splitlines()[0].count("|")


# What everybody must hear


def heard(*readers: Sequence[int], optional: tuple[int, ...] = ()) -> dict[str, int]:
    """The faults when alice's lines of these numbers came to these readers, one reader after the other."""
    oracle = Oracle(("lobby",))
    for place, numbers in enumerate(readers):
        reader = Reader(oracle.logs["lobby"], f"reader {place}", {*optional} if place else set(), from_start=not place)
        for number in numbers:
            reader.hear(Key(ALICE, "lobby", number))
    return {**+oracle.faults.counts}


def test_all_in_order_is_as_it_must_be() -> None:
    assert heard([1, 2, 3, 4], [1, 2, 3, 4], [3, 4], []) == {}


@pytest.mark.parametrize(
    ("second", "found"),
    [
        ([1, 2, 4], {"lost": 1}),
        ([1, 4], {"lost": 2}),
        ([1, 2, 2, 3], {"doubled": 1}),
        ([1, 3, 2, 4], {"reordered": 1}),
        ([2, 1], {"doubled": 1}),
    ],
)
def test_what_one_reader_hears_otherwise_than_the_others_is_found(second: list[int], found: dict[str, int]) -> None:
    assert heard([1, 2, 3, 4], second) == found


def test_what_nobody_heard_is_found_by_its_number() -> None:
    assert heard([1, 3]) == {"lost": 1}
    assert heard([1, 2, 1]) == {"doubled": 1}


def test_who_ignores_somebody_may_miss_what_they_say_but_hears_nothing_twice() -> None:
    assert heard([1, 2, 3, 4], [1, 4], optional=(ALICE,)) == {}
    assert heard([1, 2, 3, 4], [1, 4, 2], optional=(ALICE,)) == {"doubled": 1}


def test_who_does_not_hear_themselves_does_not_tell_in_which_order_all_was_said() -> None:
    oracle = Oracle(("lobby",))
    alice, bob = (
        Reader(oracle.logs["lobby"], name, own, from_start=True) for name, own in (("a", {ALICE}), ("b", set()))
    )
    alice.hear(Key(BOB, "lobby", 1))
    assert alice.behind == [Key(BOB, "lobby", 1)]
    bob.hear(Key(ALICE, "lobby", 1))
    bob.hear(Key(BOB, "lobby", 1))
    assert (alice.behind, oracle.faults.counts) == ([], {})


def test_between_the_history_and_what_is_live_nothing_may_be_missing() -> None:
    oracle = Oracle(("lobby",))
    keys = [Key(ALICE, "lobby", number) for number in range(1, 6)]
    watcher, comer = (
        Reader(oracle.logs["lobby"], name, set(), from_start=start) for name, start in (("a", True), ("b", False))
    )
    for key in keys:
        watcher.hear(key)
    comer.recall(keys[0])
    comer.recall(keys[1])
    comer.hear(keys[3])
    assert +oracle.faults.counts == {"lost": 1}
    assert [str(key) for key in comer.behind] == ["@1.lobby.5"]
    assert oracle.behind() == ["b in lobby: 1"]


def test_what_was_certainly_said_and_nobody_heard_is_found() -> None:
    oracle = Oracle(("lobby",))
    Reader(oracle.logs["lobby"], "watcher", set(), from_start=True).hear(Key(ALICE, "lobby", 1))
    oracle.check_said(ALICE, "lobby", 1)
    assert oracle.faults.counts == {}
    oracle.check_said(ALICE, "lobby", 3)
    assert oracle.faults.counts == {"lost": 2}


def test_private_messages_come_in_order_and_once() -> None:
    oracle = Oracle(("lobby",))
    for number in (1, 3, 2, 2):
        oracle.private(ALICE, BOB, number, "bob")
    assert oracle.faults.counts == {"reordered": 1, "doubled": 1}


def test_what_all_have_heard_is_forgotten_and_what_follows_still_checked() -> None:
    oracle = Oracle(("lobby",))
    log = oracle.logs["lobby"]
    readers = [Reader(log, name, set(), from_start=True) for name in "ab"]
    for number in range(1, 101):
        for reader in readers:
            reader.hear(Key(ALICE, "lobby", number))
    oracle.trim()
    assert (log.between(100, 100), log.place(Key(ALICE, "lobby", 100)), log.end) == ([], None, 100)
    readers[0].hear(Key(ALICE, "lobby", 101))
    readers[1].hear(Key(ALICE, "lobby", 101))
    assert oracle.faults.counts == {}
    oracle.forget(ALICE)
    assert log.numbers == {}


# A real run


def run(*options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "soak", "--clients", "25", "--seed", "7", *options]
    return subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def verdicts(lines: Sequence[str]) -> dict[str, str]:
    """By what they are about."""
    found = [re.match(r"(fine|NOT FINE|not judged) +(\w+): (.*)", line) for line in lines]
    return {each[2]: each[1] for each in found if each}


@pytest.mark.process
@needs("setpriv", "util-linux")
def test_a_short_run_finds_nothing_and_leaves_nothing() -> None:
    with run("--minutes", "0.1") as soaking:
        out, err = soaking.communicate(timeout=6 * PATIENCE)
    text = out.decode()
    assert (soaking.returncode, err) == (0, b""), text
    told = verdicts(text.splitlines())
    assert {what for what, word in told.items() if word == "fine"} == {"descriptors", "delivery", "people", "log"}, text
    (said, listened) = re.findall(r"([\d,]+) said, ([\d,]+) heard", text)[0]
    assert int(said.replace(",", "")) > 50
    assert int(listened.replace(",", "")) > 500  # else little was tried


@pytest.mark.process
@needs("setpriv", "util-linux")
def test_ctrl_c_ends_it_sooner_with_the_report() -> None:
    with run("--minutes", "60") as soaking:
        assert soaking.stdout is not None
        assert soaking.stderr is not None
        out, err = Output(soaking.stdout), Output(soaking.stderr)
        out.wait(lambda lines: any("minute" in line for line in lines[1:]), lambda: soaking.poll() is None)
        soaking.send_signal(signal.SIGINT)
        assert soaking.wait(4 * PATIENCE) == 0, f"{out}\n{err}"
        out.join(PATIENCE)
    assert verdicts(out.lines)["delivery"] == "fine"
