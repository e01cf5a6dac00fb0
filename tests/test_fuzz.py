"""Fuzzing finds nothing in the server as it is, and what is planted there."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

import pytest

from chatroom.connections import Connections
from chatroom.page import Page, Reader
from chatroom.protocols.telnet import LineInput
from chatroom.storage.memory import MemoryStorage
from fuzz.__main__ import Fuzzing, replay
from fuzz.stage import EXPECTED

from .support import LoggedErrors, examples

CASES = 250


def fuzzed(directory: Path, cases: int = CASES) -> Fuzzing:
    fuzzing = Fuzzing(2026, directory)
    fuzzing.run(until=inf, most=cases)
    return fuzzing


def test_nothing_is_found(tmp_path: Path, logged: LoggedErrors) -> None:
    cases = examples(CASES)
    fuzzing = fuzzed(tmp_path, cases)
    logged.flush(EXPECTED)
    assert [*tmp_path.iterdir()] == []
    assert fuzzing.number == cases
    assert fuzzing.counts["steps"] > 20 * cases  # else little was tried
    assert f"{cases} cases" in fuzzing.closing()


def test_the_same_seed_makes_the_same_cases(tmp_path: Path, logged: LoggedErrors) -> None:
    assert fuzzed(tmp_path, 10).counts == fuzzed(tmp_path, 10).counts
    logged.flush(EXPECTED)


def never_released(connections: Connections, who: object) -> None:
    """Who is gone counts for ever."""


def shown_twice(reader: Reader, page: Page) -> None:
    reader.cursor = page.end
    reader.sink.write(page.data * 2)


def one_left_out(read: Any) -> Any:
    def read_but_one(*args: Any, **wanted: Any) -> Any:
        return read(*args, **wanted).addCallback(lambda entries: entries[:-1] if len(entries) > 2 else entries)

    return read_but_one


def cut_amid_a_sequence(feed: Any) -> Any:
    def feed_and_forget(lines: LineInput, data: bytes) -> Any:
        fed = feed(lines, data)
        lines._pending = b""
        return fed

    return feed_and_forget


FAULTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "what is unsafe is shown": lambda patch: patch.setattr("chatroom.wire.text.safe", lambda text: text),
    "who is gone is counted": lambda patch: patch.setattr(Connections, "release", never_released),
    "everything is shown twice": lambda patch: patch.setattr(Reader, "take", shown_twice),
    "history leaves one out": lambda patch: patch.setattr(MemoryStorage, "read", one_left_out(MemoryStorage.read)),
    "telnet is lost between two pieces": lambda patch: patch.setattr(
        LineInput, "feed", cut_amid_a_sequence(LineInput.feed)
    ),
    "a command fails": lambda patch: patch.setattr("chatroom.commands.talk.NAMES_IN_LINE", 0),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_planted_is_found_and_made_short(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: LoggedErrors
) -> None:
    with monkeypatch.context() as patched:
        FAULTS[fault](patched)
        fuzzing = fuzzed(tmp_path)
        assert fuzzing.number < CASES
        (found,) = tmp_path.iterdir()
        assert replay(found)
    told = json.loads(found.read_text("utf-8"))
    assert len(told.get("steps", ())) <= 6
    assert len(told.get("data", "")) <= 12
    assert (told["seed"], told["number"]) == (2026, fuzzing.number)
    assert not replay(found)
    logged.flush()
