"""What was to be forgotten is in no file of a real server, while it runs and after it stopped, and whenever it is killed."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest

from .server import Person, Server, until

pytestmark = pytest.mark.process

PASSWORD = "correct horse"

OLD, YOUNG = "antediluvian", "contemporary"
"""A word in all that is older than it is kept, and one in all that is not."""

LINES = 6_000
"""Of each: so that forgetting the old ones takes several slices."""

DAYS = 24 * 60 * 60 * 1000

KILLS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds from the beginning of what is not to be cut short until it is."""


def holding(where: Path, words: str) -> list[str]:
    """The files in which the words stand."""
    return [path.name for path in sorted(where.iterdir()) if path.is_file() and words.encode() in path.read_bytes()]


def lacking(where: Path, words: str) -> bool:
    return not holding(where, words)


def gone(where: Path, *words: str) -> None:
    """Waits until they stand nowhere."""
    for each in words:
        until(partial(lacking, where, each), f"{each} in none of the files")


def numbers(server: Server, word: str) -> list[int]:
    """Of the lines with this word, as they stand in the database."""
    found = [re.fullmatch(rf"{word} (\d+) \w+", text) for text in server.said()]
    return [int(number[1]) for number in found if number]


def line(word: str, number: int) -> str:
    return f"{word} {number} of{number:x}many"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path, "--no-limits") as server:
        yield server


def indexed(person: Person, word: str) -> None:
    """Look for it, so that it stands in the index too."""
    person.say(f"/search {word}")
    person.expect(r"\* (?:the newest )?\d+(?: found|; older ones)")


# While it runs, and after it stopped


def test_removed_words_stand_in_no_file(server: Server) -> None:
    with Person(server, "alice") as alice, Person(server, "bob") as bob:
        for number in range(200):
            alice.say(f"chatter {number}")
        alice.say("the plan is clandestine")
        bob.expect("clandestine")
        alice.say("/edit the plan is surreptitious")
        bob.expect("surreptitious")
        indexed(bob, "surreptitious")
        assert "chatroom.db-search" in "".join(holding(server.where, "surreptitious"))
        alice.say("/delete")
        alice.expect(r"\* 1 message removed")
        for words in ("surreptitious", "clandestine"):
            assert holding(server.where, words) == []
        bob.say("/history 3")
        bob.expect(r"alice: \(removed\)")
        server.terminate()
    for words in ("surreptitious", "clandestine"):
        assert holding(server.where, words) == []
    assert server.query("PRAGMA integrity_check") == [("ok",)]


def test_who_goes_for_good_leaves_no_name_no_password_and_no_private_words(server: Server) -> None:
    with Person(server, "bartholomew") as one, Person(server, "bob") as bob:
        one.say(f"/register {PASSWORD}")
        one.expect("bartholomew is your own now")
        one.say("/msg bartholomew an unspeakable secret", "words that stay")
        bob.expect("words that stay")
        indexed(bob, "stay")
        assert all(holding(server.where, words) for words in ("bartholomew", "unspeakable", "$argon2"))
        one.say("/forget-me", "bartholomew")
        assert "your account is no more" in one.rest()
        gone(server.where, "bartholomew", "unspeakable", "$argon2")
        indexed(bob, "stay")
        server.terminate()
    assert not any(holding(server.where, words) for words in ("bartholomew", "unspeakable", "$argon2"))
    ((nick,),) = server.query("SELECT nick FROM entries WHERE kind = 'said'")
    assert nick.startswith("removed-")


# Killed in the midst of it


@pytest.mark.parametrize("seconds", KILLS)
def test_killed_while_words_are_removed_they_are_gone_after_the_next_start(tmp_path: Path, seconds: float) -> None:
    server = Server(tmp_path, "--no-limits")
    with server, Person(server, "alice") as alice:
        alice.say(*[line(YOUNG, number) for number in range(500)], "all is clandestine")
        alice.say("/search clandestine")
        alice.expect(r"\* 1 found")
        alice.say("/delete")
        kill_after(server, seconds)
        told = alice.rest()
    with server, Person(server, "bob") as bob:
        decided = server.query("SELECT count(*) FROM entries WHERE kind = 'deleted'")
        if decided == [(1,)]:
            gone(tmp_path, "clandestine")
            bob.say("/history 1")
            bob.expect(r"alice: \(removed\)")
        else:
            assert "message removed" not in told
            assert "all is clandestine" in server.said()
        assert numbers(server, YOUNG) == [*range(500)]
        server.terminate()
    if decided == [(1,)]:
        assert holding(tmp_path, "clandestine") == []
    assert server.query("PRAGMA integrity_check") == [("ok",)]


def kill_after(server: Server, seconds: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        server.process.wait(seconds)
    server.process.send_signal(signal.SIGKILL)
    assert server.end() == -signal.SIGKILL


@pytest.fixture
def aged(tmp_path: Path) -> Server:
    """A server that has not started, and of whose store half was said 30 days ago, and searched for."""
    server = Server(tmp_path, "--no-limits")
    with server, Person(server, "alice") as alice:
        for word in (OLD, YOUNG):
            alice.say(*[line(word, number) for number in range(LINES)])
            alice.say(f"/search {word}")
            alice.expect("older ones")
        server.terminate()
    with closing(sqlite3.connect(tmp_path / "chatroom.db")) as database:
        database.execute(f"UPDATE entries SET time = time - 30 * {DAYS} WHERE kind = 'said' AND text LIKE '{OLD}%'")
        database.commit()
    with closing(sqlite3.connect(tmp_path / "chatroom.db-search")) as index:
        index.execute(f"UPDATE talk SET time = time - 30 * {DAYS} WHERE text LIKE '{OLD}%'")
        index.execute(
            f"UPDATE times SET time = time - 30 * {DAYS} WHERE id IN (SELECT rowid FROM talk WHERE text LIKE '{OLD}%')"
        )
        index.commit()
    assert holding(tmp_path, OLD) == ["chatroom.db", "chatroom.db-search"]
    return Server(tmp_path, "--no-limits", "--retention", "7d")


def test_what_is_too_old_stands_in_no_file_soon_after_the_start(aged: Server) -> None:
    with aged, Person(aged, "bob") as bob:
        gone(aged.where, OLD)
        bob.say(f"/search {OLD}")
        bob.expect("nothing was found")
        assert numbers(aged, YOUNG) == [*range(LINES)]
        aged.terminate()
    assert holding(aged.where, OLD) == []


def test_killed_again_and_again_while_it_forgets_it_loses_nothing_else_and_is_done_in_the_end(aged: Server) -> None:
    for seconds in KILLS:
        aged.begin()
        aged.wait_for_line("listening on")
        kill_after(aged, seconds)
        left = numbers(aged, OLD)
        assert left == [*range(LINES - len(left), LINES)]
        assert numbers(aged, YOUNG) == [*range(LINES)]
    with aged, Person(aged, "bob") as bob:
        gone(aged.where, OLD)
        bob.say(f"/search {YOUNG}")
        bob.expect("older ones")
        aged.terminate()
    assert holding(aged.where, OLD) == []
    assert numbers(aged, YOUNG) == [*range(LINES)]
    assert aged.query("PRAGMA integrity_check") == [("ok",)]
