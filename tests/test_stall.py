"""Who stops reading holds nobody up, costs little, and misses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from .server import SPEAKER_LEFT, Person, Server, hear, numbers, speak, warm_up

pytestmark = pytest.mark.process

SMALL = 4096
"""Bytes that the kernel keeps for a reader that is to stall soon; it doubles them."""


GROWTH = 4 * 1024
"""KiB by which the server may grow under load, once it has had such load: tail and pages are never quite alike."""


def test_a_reader_that_stalls_holds_nobody_up_and_gets_everything_when_it_wakes(tmp_path: Path) -> None:
    lines = 15_000  # 6 MB: more than kernel and tail keep
    with Server(tmp_path, "--no-limits", "--history", "0") as server:
        listener = Person(server, "listener")
        warm_up(server, [listener], lines)
        sleeper = Person(server, "sleeper", buffer=SMALL)
        listener.expect(r"\* sleeper joined\r\n")
        before = server.memory()
        (heard,) = speak(server, [listener], lines)
        assert numbers(heard) == list(range(lines))
        assert server.memory() - before < GROWTH
        assert numbers(sleeper.expect(SPEAKER_LEFT)) == list(range(lines))
        sleeper.say("awake", "/who")
        sleeper.expect(r"\* 2 in #lobby: listener, sleeper\r\n")
        listener.expect(r"^sleeper: awake\r\n")


def test_a_reader_that_stalls_too_long_is_let_go_and_others_see_it_leave_once(tmp_path: Path) -> None:
    lines = 5_000  # 2 MB: more than the kernel keeps for one who takes nothing
    with Server(tmp_path, "--no-limits", "--stalled", "1", "--history", "0") as server:
        sleeper = Person(server, "sleeper", buffer=SMALL)
        listener = Person(server, "listener")
        (heard,) = speak(server, [listener], lines)
        if "sleeper" not in heard:
            heard += listener.expect(r"\* sleeper left.*\r\n")
        assert heard.count("* sleeper left (not reading)\r\n") == 1
        assert numbers(heard) == list(range(lines))
        taken = numbers(sleeper.rest())
        assert taken == list(range(len(taken)))
        with Person(server, "sleeper") as again:  # the nickname is free
            assert listener.silent(again).splitlines() == ["* sleeper joined"]


def test_a_hundred_of_three_hundred_that_stall_cost_64_kib_each_at_most_and_miss_nothing(tmp_path: Path) -> None:
    lines, sleepers, listeners = 1_200, 100, 200  # 0.5 MB to each: twice what the kernel keeps
    with Server(tmp_path, "--no-limits", "--history", "0") as server:
        awake = [Person(server, f"listener-{number}") for number in range(listeners)]
        warm_up(server, awake, lines)
        asleep = [Person(server, f"sleeper-{number}", buffer=SMALL) for number in range(sleepers)]
        before = server.memory()
        for heard in speak(server, awake, lines):
            assert numbers(heard) == list(range(lines))
        assert server.memory() - before < GROWTH + 64 * sleepers
        for heard in hear(asleep, SPEAKER_LEFT):
            assert numbers(heard) == list(range(lines))
