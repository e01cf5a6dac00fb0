"""The full screen as a person at a terminal has it: what they type, and what they see of what others say."""

from __future__ import annotations

import itertools
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from unicodedata import normalize

import pytest

from .screen import SIZES, Screen, friend
from .server import Person, Server, until
from .support import needs

pytestmark = [pytest.mark.process, needs("tmux", "tmux")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), "--no-limits", "--room-creation", "anyone") as running:
        yield running


ROOMS = (f"room{number}" for number in itertools.count(1))


@pytest.fixture
def room() -> str:
    """One that nobody was in before."""
    return next(ROOMS)


@pytest.fixture
def bob(server: Server, room: str) -> Iterator[Person]:
    with friend(server, room) as person:
        yield person


@pytest.fixture
def alice(server: Server, room: str, bob: Person, tmp_path: Path) -> Iterator[Screen]:
    with Screen.to(server, tmp_path, "--room", room) as screen:
        screen.expect(rf"\* You are alice, in #{room} with bob\.")
        yield screen


# What is typed

WORDS = " ".join(f"word{number}" for number in range(20))


def laid_out(alice: Screen, columns: int) -> str:
    """The words of the last message, of which no row is too long and no word is broken."""
    rows = alice.rows[:-2]
    begin = max(number for number, row in enumerate(rows) if "bob: " in row)
    assert all(len(row) <= columns for row in rows)
    assert all(re.fullmatch(r" {6}(word\d+ ?)+", row) for row in rows[begin + 1 :])
    return " ".join(row.strip() for row in rows[begin:]).partition("bob: ")[2]


@pytest.mark.parametrize("size", SIZES, ids=[f"{columns}x{rows}" for columns, rows in SIZES])
def test_the_half_typed_line_stays_whatever_comes_and_however_large_the_window_is(
    server: Server, room: str, bob: Person, tmp_path: Path, size: tuple[int, int]
) -> None:
    with Screen.to(server, tmp_path, "--room", room, size=size) as alice:
        alice.expect("You are alice")
        alice.type("half a line")
        alice.keys("Left", "Left", "Left", "Left")
        alice.expect_typed("alice> half a ", "line")
        bob.say(*(f"{number} {'and more ' * (number % 30)}" for number in range(300)), "that was all")
        alice.expect("bob: that was all$")
        alice.expect_typed("alice> half a ", "line")
        for columns, rows in (*SIZES[::-1], size):
            alice.resize(columns, rows)
            bob.say(f"now {columns} columns", WORDS)
            alice.expect(rf"now {columns} columns\n(.*\n)*alice> half a line\n #{room} .*2 here *\n\Z")
            alice.expect("word19$")
            alice.expect_typed("alice> half a ", "line")
            assert len(alice.rows) == rows
            assert laid_out(alice, columns) == WORDS
        alice.type("typed ")
        alice.expect_typed("alice> half a typed ", "line")
        alice.keys("Enter")
        bob.expect("alice: half a typed line\r\n")
        alice.expect("alice: half a typed line$")
        alice.expect_typed("alice> ")


WIDTHS = {
    "CJK": ("你好", 4, 2),
    "Hangul": ("한글", 4, 2),
    "full width": ("Ａ！", 4, 2),
    "half width": ("ｱﾞ", 2, 2),
    "a mark that combines": ("e\N{COMBINING ACUTE ACCENT}", 1, 1),
    "two of them": ("o\N{COMBINING DIAERESIS}\N{COMBINING MACRON}", 1, 1),
    "an emoji": ("🙂", 2, 1),
    "an emoji by its selector": ("❤\N{VARIATION SELECTOR-16}", 2, 1),
    "a family": ("👨\N{ZERO WIDTH JOINER}👩\N{ZERO WIDTH JOINER}👧", 2, 1),
    "a tone of skin": ("👍🏽", 2, 1),
    "a flag": ("🇩🇪", 2, 1),
    "Devanagari": ("नमस्ते", 4, 4),
}
"""Columns that each takes, and the keys that take it back."""


def test_what_stands_behind_wide_and_combined_characters_stands_in_its_column(alice: Screen, bob: Person) -> None:
    bob.say(*(f"{text}|{number}" for number, (text, _, _) in enumerate(WIDTHS.values())), "all of them")
    alice.expect("bob: all of them$")
    begin = alice.column("all of them")
    assert {name: alice.column(f"|{number}") - begin for number, name in enumerate(WIDTHS)} == {
        name: width for name, (_, width, _) in WIDTHS.items()
    }
    alice.resize(40, 10)
    bob.say("你" * 29 + "|and")
    alice.expect(r"^ {6}你+\|and$")
    rows = alice.rows
    first = next(number for number, row in enumerate(rows) if "bob: 你" in row)
    assert (rows[first].count("你"), rows[first + 1].count("你")) == (14, 15)
    assert alice.column("|and") == 6 + 2 * 15


def test_wide_and_combined_characters_are_typed_and_taken_back_whole(alice: Screen, bob: Person) -> None:
    for text, width, keys in WIDTHS.values():
        alice.type(text)
        alice.expect_cursor(7 + width)
        alice.type("x")
        alice.expect_cursor(7 + width + 1)
        assert alice.column("x") == 7 + width
        alice.keys("Left", *["Left"] * keys)
        alice.expect_cursor(7)
        alice.keys("Right")
        alice.expect_cursor(7 + width // keys)
        alice.keys("Home", *["Right"] * keys, *["BSpace"] * keys, "End")
        alice.expect_typed("alice> x")
        alice.type(text)
        alice.keys("Home", "Right", *["DC"] * keys)
        alice.expect_typed("alice> x")
        alice.keys("C-c")
        alice.expect_typed("alice> ")
    line = "".join(text for text, _, _ in WIDTHS.values())
    alice.resize(40, 10)
    alice.type(f"{line} {line}.")
    alice.keys("Left")
    alice.keys("Enter")
    bob.expect(re.escape(f"alice: {normalize('NFC', line)} {normalize('NFC', line)}.\r\n"))


def test_a_paste_of_several_lines_is_asked_about_and_is_one_message(server: Server, alice: Screen, bob: Person) -> None:
    alice.paste("one\ntwo\n  three\n")
    alice.expect(r"^3 lines: Enter says them as one message, Ctrl-C drops them\nalice> one\n *two\n *three$")
    assert "one" not in server.said()
    alice.keys("Enter")
    bob.expect("three\r\n")
    alice.expect_typed("alice> ")
    assert "one\ntwo\n  three" in server.said()
    alice.paste("four\nfive")
    alice.expect("^2 lines: Enter")
    alice.keys("C-c")
    alice.expect_typed("alice> ")
    alice.say("six")
    bob.expect("alice: six\r\n")
    assert "four" not in "".join(server.said())


def test_a_line_that_is_too_long_is_told_before_it_is_sent_and_stays(
    server: Server, alice: Screen, bob: Person
) -> None:
    alice.paste("x" * 66000)
    alice.expect(r"^\d+ bytes too long: a message has at most about 65536; it cannot be said$")
    alice.keys("Enter")
    alice.keys(*["BSpace"] * 3)
    alice.expect(r"x{80}\n")
    alice.keys("C-c")
    alice.expect_typed("alice> ")
    assert "too long" not in alice.text
    alice.paste("y" * 60000)
    alice.expect_typed("y" * (60007 % 80))
    alice.keys("Enter")
    bob.expect("alice: y{60000}\r\n")
    assert not any("x" * 100 in said for said in server.said())


def test_what_was_typed_comes_back_in_the_next_session_but_no_password(
    server: Server, room: str, bob: Person, tmp_path: Path
) -> None:
    with Screen.to(server, tmp_path, "--room", room) as alice:
        alice.expect("You are alice")
        alice.say("the first words")
        alice.say("/login nobody its-password-1")
        alice.expect("! ")
        alice.say("/register short")
        alice.say("/password old-password-1 new-password-1")
        alice.say("/who")
        alice.expect(rf"\* 2 in #{room}: ")
        alice.say("the last\N{COMBINING ACUTE ACCENT} words")
        bob.expect("the last")
        alice.expect_typed("alice> ")
        alice.keys("Up", "Up", "Up")
        alice.expect_typed("alice> the first words")
        alice.keys("C-c", "C-d")
        assert alice.gone() == 0
    with Screen.to(server, tmp_path, "--room", room) as alice:
        alice.expect("You are alice")
        alice.type("half")
        alice.keys("Home", "Up")
        alice.expect("^alice> the last\N{COMBINING ACUTE ACCENT} words$")
        alice.keys("Up")
        alice.expect("^alice> /who$")
        alice.keys("Up")
        alice.expect("^alice> the first words$")
        alice.keys("Down", "Down", "Down")
        alice.expect("^alice> half$")
    (kept,) = [path for path in (tmp_path / ".local/state/chatroom").iterdir() if path.is_file()]
    assert "the first words" in kept.read_text()
    assert not re.search("password|login|register|short", kept.read_text())


def test_tab_completes_commands_nicknames_and_rooms(alice: Screen, bob: Person, room: str) -> None:
    alice.resize(40, 10)
    for typed, whole in (
        ("/sea", "/search "),
        ("/wh", "/who"),
        ("/lea", "/leave "),
        ("bo", "bob: "),
        ("BO", "bob: "),
        ("hello bo", "hello bob "),
        ("/msg b", "/msg bob "),
        ("/join lob", "/join lobby "),
        ("#lob", "#lobby "),
        ("/help sea", "/help search "),
        ("/bel", "/bell "),
        ("nobody-of-that-name", "nobody-of-that-name"),
    ):
        alice.type(typed)
        alice.keys("Tab")
        alice.expect_typed(f"alice> {whole}")
        alice.keys("C-c")
        alice.expect_typed("alice> ")
    alice.type("/wh")
    alice.keys("Tab")
    alice.expect("/whois")
    alice.keys("Tab")
    alice.expect_typed("alice> /who ")
    alice.keys("Tab")
    alice.expect_typed("alice> /whois ")
    alice.type("bo")
    alice.keys("Tab")
    alice.expect_typed("alice> /whois bob ")


# What others say


def test_each_nickname_keeps_its_colour_and_the_theme_and_no_color_are_honoured(
    server: Server, room: str, bob: Person, tmp_path: Path
) -> None:
    bob.say("hello")
    colours, days = [], []
    config = tmp_path / ".config" / "chatroom"
    config.mkdir(parents=True)
    for written, options, background in (
        ("", ["--theme", "dark"], ""),
        ("", ["--theme", "dark"], ""),
        ('theme = "light"', [], "#000000"),
        ("", [], "#fdf6e3"),
        ("", [], "#101010"),
    ):
        (config / "config.toml").write_text(written)
        with Screen.to(server, tmp_path, "--room", room, *options, background=background) as alice:
            alice.expect("bob: hello")
            if background and not written:  # the terminal is asked, and answers a little later
                alice.expect_look("── ", lambda look: look.colour != MIDDLE)
            colours.append(alice.look("bob: hello").colour)
            days.append(alice.look("── ").colour)
            assert alice.look("bob: hello") != alice.look(": hello")
            alice.type("no garbage")
            alice.expect_typed("alice> no garbage")
    dark, same, light, asked_light, asked_dark = zip(colours, days, strict=True)
    assert dark == same == asked_dark
    assert light == asked_light
    assert dark[0] != light[0]
    assert (dark[1], light[1]) == (DARK, LIGHT)
    with Screen.to(server, tmp_path, "--room", room, environ={"NO_COLOR": "1"}) as alice:
        alice.expect("bob: hello")
        assert not re.search(r"\x1b\[[0-9;]*\b([349][0-7]|[34]8|10[0-7])\b", alice.coloured)
        assert alice.look("bob: hello").marks == {"1"}


DARK, LIGHT, MIDDLE = "38;5;249", "38;5;238", "38;5;244"
"""Greys of the day line on a background of that kind, and on one that is not known: #b2b2b2, #444444, #808080."""


def test_times_are_local_and_days_are_told(server: Server, room: str, bob: Person, tmp_path: Path) -> None:
    bob.say("at some time")
    ((milliseconds,),) = until(
        lambda: server.query("SELECT time FROM entries WHERE text = 'at some time'"), "it is kept"
    )
    minutes = milliseconds // 60_000 + 5 * 60 + 45
    local = f"{minutes // 60 % 24:02}:{minutes % 60:02}"
    with Screen.to(server, tmp_path, "--room", room, environ={"TZ": "<+0545>-5:45"}) as alice:
        alice.expect(rf"^── \w+day, \d+ \w+ 20\d\d ─+$\n(.*\n)*{local} bob: at some time$")


def test_ones_own_line_is_dim_until_it_is_committed(server: Server, alice: Screen, bob: Person) -> None:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        alice.say("is it said?")
        dim = alice.expect_look("is it said?", lambda look: look.colour != "")
        alice.type("and on")
        alice.expect_typed("alice> and on")
    finally:
        os.kill(server.pid, signal.SIGCONT)
    bob.expect("alice: is it said")
    assert alice.expect_look("is it said?", lambda look: look.colour == "") != dim
    assert alice.text.count("is it said?") == 1
    alice.expect_typed("alice> and on")


def test_who_comes_and_goes_is_told_in_one_line(server: Server, alice: Screen, bob: Person, room: str) -> None:
    bob.say("before")
    for nick in ("carol", "dave", "erin"):
        with friend(server, room, nick):
            pass
    bob.say("after")
    alice.expect(r"bob: before\n\d\d:\d\d \* carol, dave and erin came and went\n\d\d:\d\d bob: after$")
    alice.expect("2 here *$")


def test_the_bell_rings_for_who_is_called_and_can_be_silenced(alice: Screen, bob: Person) -> None:
    bob.say("malice is another word")
    alice.expect("another word$")
    assert not alice.bell()
    plain = alice.look("malice is")
    bob.say("Alice: look")
    alice.expect("Alice: look$")
    until(alice.bell, "a bell")
    assert alice.look("Alice: look") != plain
    bob.say("/msg alice psst")
    alice.expect("bob -> you: psst$")
    until(alice.bell, "a bell")
    assert alice.look("psst") != plain
    assert alice.look("psst") != alice.look("Alice: look")
    alice.say("/bell off")
    alice.expect("the bell does not ring")
    bob.say("alice, again", "/msg alice again")
    alice.expect("bob -> you: again$")
    assert not alice.bell()
    alice.say("/bell all")
    alice.expect("the bell rings for everything")
    bob.say("anything")
    alice.expect("bob: anything$")
    until(alice.bell, "a bell")


def test_a_link_is_not_broken_where_it_fits_on_a_row(alice: Screen, bob: Person) -> None:
    url = "https://example.org/a/path/that/is/rather/long?but=not&too=long"
    bob.say(f"this is what I found after a while, (see {url}), and more")
    alice.expect(rf"^ {{6}}\(?{re.escape(url)}\), and more$")
    assert "4" in alice.look(url).marks
    assert "4" not in alice.look("), and more").marks
    alice.resize(40, 10)
    alice.expect(rf"{re.escape(url[:20])}\S*\n {{6}}\S+")
