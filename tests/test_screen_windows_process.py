"""The full screen as a person at a terminal has it: rooms as windows, and what was said before."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from .screen import SIZES, Screen, friend
from .server import Person, Server, until
from .support import needs

pytestmark = [pytest.mark.process, needs("tmux", "tmux")]

SAID = 700
"""Lines in #old: more than a screen fetches at once, several times."""

TWO_DAYS = 2 * 86_400_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """In #old somebody talked long ago."""
    where = tmp_path_factory.mktemp("server")
    options = ("--no-limits", "--room-creation", "anyone")
    with Server(where, *options) as before, friend(before, "old", "historian") as historian:
        historian.say(*(f"old line {number}." for number in range(SAID)))
        until(lambda: f"old line {SAID - 1}." in before.said(), "the last line")
        before.kill()
    with contextlib.closing(sqlite3.connect(where / "chatroom.db")) as database, database:
        database.execute(
            f"UPDATE entries SET time = time - {TWO_DAYS} WHERE text LIKE 'old line ___' OR text LIKE 'old line __.'"
        )
        database.execute(
            f"UPDATE entries SET time = time - {TWO_DAYS} WHERE text LIKE 'old line ____' AND text < 'old line 350.'"
        )
    with Server(where, *options) as running:
        yield running


def on_screen(alice: Screen) -> list[int]:
    """The numbers of the old lines that are."""
    return [int(number) for number in re.findall(r"historian: old line (\d+)\.$", alice.text, re.MULTILINE)]


def page_up(alice: Screen, now: list[int]) -> list[int]:
    """The numbers on the page before these, when all of it is there; the first page may have less."""
    alice.keys("PPage")

    def turned() -> list[int]:
        numbers = on_screen(alice)
        whole = numbers and (numbers[0] == 0 or numbers[-1] <= now[0] + 1)
        return numbers if whole and numbers != now else []

    return until(turned, "another page")


def test_page_up_fetches_what_is_older_and_alt_end_returns(server: Server, tmp_path: Path) -> None:
    columns, rows = SIZES[2]
    with Screen.to(server, tmp_path, "--room", "old", size=(columns, rows)) as alice:
        alice.expect("You are alice")
        alice.expect(rf"^\d\d:\d\d historian: old line {SAID - 1}\.$")
        assert "old line 600." not in alice.text
        alice.type("half a line")
        alice.expect_typed("alice> half a line")
        now = on_screen(alice)
        seen = {*now}
        while 0 not in seen:
            now = page_up(alice, now)
            assert now == [*range(now[0], now[-1] + 1)], "a gap, or twice"
            assert {now[-1], now[-1] + 1} & seen, "something was passed over"
            seen |= {*now}
        assert seen == {*range(SAID)}
        alice.expect("further down")
        alice.expect_typed("alice> half a line")
        alice.keys("PPage")
        alice.expect("^there is nothing older")
        with friend(server, "old") as bob:
            bob.say("meanwhile")
            alice.keys("NPage")
            alice.expect(r"old line 60\.$")
            assert "meanwhile" not in alice.text
            alice.resize(*SIZES[0])
            alice.expect("1 new below: Alt-End *$")
            assert "meanwhile" not in alice.text
            alice.keys("M-End")
            alice.expect(r"bob: meanwhile$")
        alice.expect_typed("alice> half a line")


def test_a_day_line_stands_between_two_days(server: Server, tmp_path: Path) -> None:
    with Screen.to(server, tmp_path, "--room", "old", size=(40, 50)) as alice:
        alice.expect(rf"old line {SAID - 1}\.$")
        while not re.search(r"old line 349\.\n── \w+, .* ─+\n.*old line 350\.$", alice.text, re.MULTILINE):
            assert 1 not in page_up(alice, on_screen(alice))


def test_search_lists_hits(server: Server, tmp_path: Path) -> None:
    with Screen.to(server, tmp_path, "--room", "old", size=SIZES[1]) as alice:
        alice.expect("old line 699")
        alice.say("/search line 123")
        alice.expect(r"^20\d\d-\d\d-\d\d \d\d:\d\d #old historian: old\n +line 123\.$")
        alice.expect(r"\* 1 found$")


@contextlib.contextmanager
def owner(server: Server, room: str) -> Iterator[Person]:
    """Somebody who has opened that room, and may do what only moderators do."""
    with Person(server, "olive") as person:
        person.say("/register correct horse", f"/join {room}", "/leave lobby")
        person.expect(rf"what you say goes to #{room} now\r\n")
        yield person


def looked_at(alice: Screen, window: str) -> None:
    """Until it is the one in the bottom line that stands out."""
    alice.expect_look(f" {window} ", lambda look: "1" in look.marks)


def test_rooms_are_windows_with_what_was_not_read(server: Server, tmp_path: Path) -> None:
    with (
        owner(server, "first") as olive,
        friend(server, "second", "carol") as carol,
        friend(server, "third", "dave") as dave,
        Screen.to(server, tmp_path, "--room", "first", "--room", "second") as alice,
    ):
        alice.expect("^ 1:#first .* 2 here *$")
        assert "2:#second" in alice.bar
        alice.say("/join third")
        looked_at(alice, "3:#third")
        dave.expect("alice joined")
        alice.type("half")
        olive.say("read by nobody yet", "nor this, Alice!")
        carol.say("and this")
        alice.expect("^ 1:#first 2!  2:#second 1  3:#third .*2 here *$")
        assert "nobody" not in alice.text
        alice.keys("M-1")
        alice.expect(
            r"^── new ─+\n\d\d:\d\d olive: read by nobody yet\n\d\d:\d\d olive: nor this, Alice!\nalice> half$"
        )
        alice.expect("^ 1:#first  2:#second 1  3:#third ")
        alice.keys("M-Right")
        alice.expect("carol: and this\nalice> half\n 1:#first  2:#second  3:#third")
        alice.keys("M-Right", "M-Right")
        looked_at(alice, "1:#first")
        alice.keys("M-Left")
        looked_at(alice, "3:#third")
        alice.type(" of it")
        alice.keys("Enter")
        dave.expect("alice: half of it")
        alice.say("/room second")
        looked_at(alice, "2:#second")
        alice.say("hello")
        carol.expect("alice: hello")
        olive.say("one more")
        alice.expect("1:#first 1 ")
        alice.keys("M-a")
        alice.expect("olive: one more\nalice>")
        assert alice.text.count("── new ─") == 1
        alice.keys("M-9")
        alice.expect("^there is no window 9")
        olive.say("/topic what there is to say")
        alice.expect("^ 1:#first .* what there is to say .*2 here *$")
        alice.say("/leave")
        olive.expect("alice left")
        alice.expect("^ 1:#second  2:#third ")


def test_where_one_stopped_reading_and_who_is_here(server: Server, tmp_path: Path) -> None:
    """In the smallest of terminals."""
    with (
        friend(server, "small") as bob,
        friend(server, "other", "carol") as carol,
        Screen.to(server, tmp_path, "--room", "small", "--room", "other", size=SIZES[1]) as alice,
    ):
        alice.expect("^ 1:#small .* 2 here *$")
        bob.say("read")
        alice.expect("bob: read$")
        alice.keys("M-2")
        looked_at(alice, "2:#other")
        bob.say("unread", "too")
        alice.expect("1:#small 2 ")
        carol.say("over here")
        alice.expect("carol: over here$")
        with friend(server, "other", "dave"):
            alice.expect("3 here *$")
        alice.expect("2 here *$")
        alice.keys("M-1")
        alice.expect(r"bob: read\n── new ─+\n.*bob: unread\n.*bob: too\nalice>")
        alice.say("I see")
        bob.expect("alice: I see")
        bob.say("good")
        alice.expect("bob: good$")
        assert alice.text.count("── new ─") == 1
