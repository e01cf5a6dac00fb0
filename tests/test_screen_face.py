"""The face that fills a terminal, and a conversation with a real server in memory: what is typed is seen once, and where it
belongs, wherever connections are cut and windows changed. A stand-in has the place of the screen; test_screen_app.py has one.
"""

from __future__ import annotations

import json
from copy import copy
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatroom.client.address import Address
from chatroom.client.connection import Link
from chatroom.client.core import Conversation
from chatroom.client.identity import Identity
from chatroom.client.screen.app import App
from chatroom.client.screen.asking import LONG, TYPED_MOST
from chatroom.client.screen.cells import Row
from chatroom.client.screen.face import SILENT_MOST, ScreenFace
from chatroom.client.screen.looks import now
from chatroom.event import Kind
from chatroom.text import safe
from chatroom.wire.json import MAX_LINE, MAX_LINES

from .support import examples
from .test_client_rooms import PASSWORD, Rooms, other_device

WIDE, HIGH = 200, 1000


class Screen:
    """What the face does to a screen."""

    def __init__(self) -> None:
        self.bells = 0
        self.hints: list[str] = []
        self.question: tuple[str, bool] | None = None

    def redraw(self) -> None: ...

    def bell(self) -> None:
        self.bells += 1

    def hint(self, words: str) -> None:
        self.hints.append(words)

    def ask(self, words: str, hidden: bool) -> None:
        self.question = (words, hidden)

    def asked(self) -> None:
        self.question = None

    def asks(self) -> bool:
        return self.question is not None

    def asks_hidden(self) -> bool:
        return self.question is not None and self.question[1]


class Desk(Rooms):
    """Somebody at a screen, and the server's side."""

    def __init__(
        self,
        *rooms: str,
        password: str = "",
        logs_in: bool = True,
        history: int = 0,
        bell: str = "mentions",
        **settings: Any,
    ) -> None:
        super().__init__(password=password, **settings)
        self.screen = Screen()
        self.seen = ScreenFace(self.time, bell)
        identity = Identity("bot", password=password if logs_in else "")
        self.conversation = Conversation(self.seen, "c-", identity, rooms=rooms, history=history)
        self.seen.begin(self.conversation, cast(App, self.screen))
        self.link = Link(self.time, Address("there:6000", self), self.conversation, jitter=lambda: 0.5)

    def type(self, *lines: str) -> None:
        for line in lines:
            assert self.seen.submit(line), line

    def says(self, text: str, room: str = "lobby") -> None:
        self.alice.ask("say", room=room, text=text)
        self.go_on()

    def look(self, room: str) -> None:
        window = self.seen.windows.get(room)
        assert window is not None
        self.seen.show_window(window)

    def is_over(self) -> bool:
        return bool(self.seen.ended.called)

    @property
    def looks_at(self) -> str:
        return self.seen.windows.current.room

    @property
    def names(self) -> list[str]:
        return [window.room for window in self.seen.windows]

    def rows(self, room: str | None = None) -> list[Row]:
        window = self.seen.windows.current if room is None else self.seen.windows.get(room)
        assert window is not None
        return copy(window.transcript).view(WIDE, HIGH)  # which moves nothing in it

    def shown(self, room: str | None = None) -> list[str]:
        """Without the times, and without the rules."""
        rows = self.rows(room)
        return ["".join(cell.text for cell in row).rstrip()[6:] for row in rows if row[0].text != "─"]

    def talk(self, room: str | None = None) -> list[str]:
        return [text for text in self.shown(room) if ": " in text and text[0] not in "*!"]

    def style(self, text: str) -> str:
        """Of the end of the one row that has it."""
        (row,) = [row for row in self.rows() if text in "".join(cell.text for cell in row)]
        return row[-1].style

    def bar(self) -> str:
        return "".join(piece.text for piece in self.seen.bar(WIDE))


@pytest.fixture
def desk() -> Desk:
    """Who is in lobby and dev, and looks at dev."""
    desk = Desk()
    desk.enter()
    desk.type("/join dev")
    desk.go_on()
    return desk


# What is typed


def test_what_is_typed_is_dim_until_it_is_committed_and_there_once_afterwards(desk: Desk) -> None:
    desk.type("hello")
    assert desk.talk() == ["bot: hello"]
    assert desk.style("hello") == "class:pending"
    desk.go_on()
    assert desk.talk() == ["bot: hello"]
    assert desk.style("hello") == ""
    assert desk.texts("dev") == ["hello"]


def test_what_is_typed_while_away_is_marked_and_sent_once_on_return(desk: Desk) -> None:
    desk.cut()
    desk.type("one", "/me waves", "/msg alice psst", "two\nlines", "/topic new")
    assert desk.shown()[-6:] == [
        "bot: one (not sent yet)",
        "* bot waves (not sent yet)",
        "you -> alice: psst (not sent yet)",
        "bot: two",
        "lines (not sent yet)",
        "/topic new (not sent yet)",
    ]
    assert desk.style("waves") == "class:time"
    assert "trying again: there:6000 closed the connection" in desk.bar()
    assert desk.bar().endswith(" offline, 5 not sent ")
    desk.recover()
    assert desk.texts("dev") == ["one", "two\nlines"]
    assert [text for text in desk.shown() if "one" in text or "waves" in text or "psst" in text] == [
        "bot: one",
        "* bot waves",
        "you -> alice: psst",
    ]
    assert "not sent" not in "".join(desk.shown())
    assert "offline" not in desk.bar()


def test_what_is_refused_is_told_and_its_words_stay_to_be_seen(desk: Desk) -> None:
    desk.alice.ask("mute", target="bot", room="dev")
    desk.go_on()
    desk.type("a long speech")
    desk.go_on()
    assert desk.shown()[-1].startswith("bot: a long speech (not said: ")
    desk.look("lobby")
    desk.type("#dev once more")  # typed where its window is not seen
    desk.go_on()
    assert "once more (not said: " in desk.shown("dev")[-1]
    assert desk.shown("lobby")[-1].startswith("! ")


def test_a_line_that_cannot_be_asked_is_refused_with_a_word(desk: Desk) -> None:
    for line in ("/echo off", "#dev /topic x", "/bell loud"):
        assert not desk.seen.submit(line)
        assert desk.shown()[-1].startswith("! ")
    assert desk.seen.submit("   ")
    desk.go_on()
    assert desk.texts("dev") == []


def test_a_message_that_cannot_be_said_is_told_before(desk: Desk) -> None:
    assert desk.seen.too_long("x" * 60_000) == ""
    assert desk.seen.too_long("x" * MAX_LINE).endswith("it cannot be said")
    assert desk.seen.too_long("漢" * (MAX_LINE // 3)) != ""
    assert desk.seen.too_long("x\n" * 8000) != ""
    assert desk.seen.too_long("x\n" * (MAX_LINES - 1)) == ""
    assert f"at most {MAX_LINES} lines" in desk.seen.too_long("x\n" * MAX_LINES)
    assert f"at most {MAX_LINES} lines" in desk.seen.too_long("xxxxxxxxxxxxxxxx\n" * 2000)


@pytest.mark.parametrize("text", ["\udcff\ud800", "a\udcff\nb", "/me \udcff"])
def test_what_no_encoding_knows_is_said_somehow(desk: Desk, text: str) -> None:
    assert desk.seen.too_long(text) == ""
    desk.type(text)
    desk.go_on()
    assert "?" in desk.shown()[-1] or "?" in desk.shown()[-2]


def test_so_many_lines_are_held_and_no_more(desk: Desk) -> None:
    desk.cut()
    desk.type("/join ops", *map(str, range(TYPED_MOST)))
    assert not desk.seen.submit("one too many")
    assert desk.bar().count(f"{TYPED_MOST + 1} not sent") == 1
    desk.recover()
    assert desk.texts("ops") == [*map(str, range(TYPED_MOST))]
    assert desk.talk("ops") == [f"bot: {number}" for number in range(TYPED_MOST)]


def test_what_is_typed_before_we_are_in_is_said_then() -> None:
    desk = Desk()
    desk.type("early")
    desk.enter()
    assert desk.texts() == ["early"]
    assert desk.talk() == ["bot: early"]


# Where it is answered


@pytest.mark.parametrize(
    ("line", "answer"), [("/who", "* 2 in #dev"), ("/bogus", "! no command"), ("/ignore nobody", "! ")]
)
def test_answers_and_refusals_stand_where_was_asked(desk: Desk, line: str, answer: str) -> None:
    desk.type(line)
    desk.look("lobby")
    desk.go_on()
    assert desk.shown("dev")[-1].startswith(answer)
    assert not desk.shown("lobby")[-1].startswith(answer)


def test_an_answer_whose_window_is_gone_stands_where_one_looks(desk: Desk) -> None:
    desk.type("/whois alice")
    desk.seen.windows.close(desk.seen.windows.current)
    desk.seen.show_window(desk.seen.windows.current)
    desk.go_on()
    assert any("alice" in line for line in desk.shown("lobby"))


def test_nothing_is_shown_of_what_nobody_asked(desk: Desk) -> None:
    assert {"who", "topic", "bell"} <= {*desk.seen.known.commands}
    assert {*desk.seen.known.rooms} == {"lobby", "dev", "ops"}
    shown = [desk.shown(room) for room in desk.names]
    desk.seen.known.refresh()
    desk.seen.known.refresh()
    desk.seen.known.refresh()
    assert desk.conversation.under_way == SILENT_MOST
    desk.cut()
    desk.seen.known.refresh()
    desk.recover()
    assert desk.conversation.under_way == 0
    assert [desk.shown(room) for room in desk.names] == shown


# Rooms


def test_a_room_that_is_joined_opens_a_window_and_is_looked_at(desk: Desk) -> None:
    assert (desk.names, desk.looks_at) == (["lobby", "dev"], "dev")
    desk.type("/join ops")
    assert desk.looks_at == "dev"
    desk.go_on()
    assert (desk.names, desk.looks_at) == (["lobby", "dev", "ops"], "ops")
    assert desk.shown()[0].startswith("* You are in #ops with alice")
    desk.type("hi")
    desk.go_on()
    assert desk.texts("ops") == ["hi"]


def test_a_room_that_is_left_has_no_window_any_more(desk: Desk) -> None:
    desk.type("/leave")
    desk.go_on()
    assert (desk.names, desk.looks_at) == (["lobby"], "lobby")
    desk.type("/leave")
    desk.go_on()
    assert (desk.names, desk.looks_at) == ([""], "")
    assert "/join" in desk.shown()[-1]
    assert not desk.seen.submit("hello?")
    desk.type("/join dev")
    desk.go_on()
    assert (desk.names, desk.looks_at) == (["dev"], "dev")


def test_who_is_put_out_keeps_the_window_and_says_nothing_elsewhere(desk: Desk) -> None:
    desk.alice.ask("kick", nick="bot", room="dev", why="enough")
    desk.go_on()
    assert (desk.names, desk.looks_at) == (["lobby", "dev"], "dev")
    assert "enough" in desk.shown()[-1]
    assert not desk.seen.submit("but why")
    assert [desk.texts(room) for room in ("lobby", "dev")] == [[], []]
    desk.look("lobby")
    desk.look("dev")
    assert not desk.seen.submit("but why")
    desk.type("/leave")
    assert (desk.names, desk.looks_at) == (["lobby"], "lobby")
    desk.type("hello")
    desk.go_on()
    assert desk.texts() == ["hello"]


def test_the_window_that_is_looked_at_decides_where_talk_goes_whatever_the_server_thinks(desk: Desk) -> None:
    desk.look("lobby")
    desk.type("one", "/topic of the lobby")
    desk.seen.beside(1)
    desk.type("two")
    desk.seen.window(1)
    desk.type("three", "/who")
    desk.cut()
    desk.type("four")
    desk.seen.window(2)
    desk.type("five", "/me six")
    desk.recover()
    assert (desk.texts(), desk.texts("dev")) == (["one", "three", "four"], ["two", "five"])
    assert desk.talk("lobby") == ["bot: one", "bot: three", "bot: four"]
    desk.seen.window(7)
    assert "no window 7" in desk.screen.hints[-1]


def test_what_is_typed_behind_a_join_is_meant_for_that_room(desk: Desk) -> None:
    desk.type("/join ops", "hello", "/topic of ops")
    desk.look("lobby")  # which is not what was on the screen
    desk.go_on()
    assert [desk.texts(room) for room in ("lobby", "dev", "ops")] == [[], [], ["hello"]]
    assert desk.talk("ops") == ["bot: hello"]


def test_what_is_typed_behind_a_join_that_is_refused_is_said_nowhere(desk: Desk) -> None:
    desk.alice.ask("join", room="priv")
    desk.alice.ask("private", room="priv", on=True)
    desk.go_on()
    desk.type("/join priv", "a secret")
    desk.go_on()
    assert [desk.texts(room) for room in ("lobby", "dev", "ops", "priv")] == [[], [], [], []]
    assert any(line.startswith("bot: a secret (not said: ") for line in desk.shown())
    desk.type("hello")
    desk.go_on()
    assert desk.texts("dev") == ["hello"]


def test_who_looks_elsewhere_while_a_join_is_under_way_talks_there(desk: Desk) -> None:
    desk.type("/join ops")
    desk.look("lobby")
    desk.type("for the lobby", "/me waves")
    desk.go_on()
    assert (desk.texts(), desk.texts("ops")) == (["for the lobby"], [])
    assert (desk.looks_at, desk.names) == ("lobby", ["lobby", "dev", "ops"])
    assert desk.shown("lobby")[-2:] == ["bot: for the lobby", "* bot waves"]


def test_what_is_typed_in_a_room_that_is_being_left_is_said_in_no_other(desk: Desk) -> None:
    desk.type("/leave", "to whom?")
    desk.go_on()
    assert [desk.texts(room) for room in ("lobby", "dev")] == [[], []]


def test_what_is_the_screen_s_own_is_done_at_once(desk: Desk) -> None:
    desk.cut()
    desk.type("/join ops", "for ops", "/room lobby", "for the lobby", "/bell off", "/room 2")
    assert desk.looks_at == "dev"
    desk.recover()
    assert (desk.texts(), desk.texts("dev"), desk.texts("ops")) == (["for the lobby"], [], ["for ops"])


def test_rooms_of_another_device_open_windows_and_nothing_moves() -> None:
    desk = Desk(password=PASSWORD)
    desk.enter()
    other = other_device(desk)
    other.ask("join", room="dev")
    desk.go_on()
    assert (desk.names, desk.looks_at) == (["lobby", "dev"], "lobby")
    other.ask("say", room="dev", text="from there")
    desk.go_on()
    assert (desk.talk("dev"), "dev 1" in desk.bar()) == (["bot: from there"], False)


# What others do


def test_what_was_not_read_is_counted_and_who_calls_us_rings(desk: Desk) -> None:
    desk.says("hi")
    assert "1:#lobby 1 " in desk.bar()
    assert desk.screen.bells == 0
    desk.says("bot: hi")
    assert "1:#lobby 2! " in desk.bar()
    assert desk.screen.bells == 1
    desk.alice.ask("msg", to="bot", text="psst")
    desk.go_on()
    assert (desk.screen.bells, desk.shown()[-1]) == (2, "alice -> you: psst")
    desk.seen.to_unread()
    assert desk.looks_at == "lobby"
    assert "#lobby  2:#dev " in desk.bar()
    desk.seen.to_unread()
    assert desk.looks_at == "lobby"


@pytest.mark.parametrize(("bell", "bells"), [("off", 0), ("mentions", 1), ("all", 2)])
def test_it_rings_for_what_was_chosen(bell: str, bells: int) -> None:
    desk = Desk(bell=bell)
    desk.enter()
    desk.says("hi")
    desk.says("hi bot")
    desk.type("bot myself")
    desk.go_on()
    assert desk.screen.bells == bells


def test_a_rule_stands_where_one_stopped_reading(desk: Desk) -> None:
    desk.look("lobby")
    desk.says("read")
    desk.look("dev")
    desk.says("unread")
    desk.cut()
    desk.alice.ask("say", room="lobby", text="missed")
    desk.recover()
    rows = ["".join(cell.text for cell in row).rstrip("─ ") for row in desk.rows("lobby")]
    assert rows[-3] == "── new"
    assert rows[-2].endswith("unread")


def test_a_new_name_an_edit_and_a_deletion_change_what_stands_there(desk: Desk) -> None:
    desk.says("teh", "dev")
    desk.alice.ask("edit", room="dev", text="the")
    desk.says("secret", "dev")
    desk.alice.ask("delete", room="dev")
    desk.type("mien")
    desk.go_on()
    desk.type("/edit mine")
    desk.type("/nick robot")
    desk.go_on()
    assert desk.talk()[:3] == ["alice: the (edited)", "alice: (removed)", "bot: mine (edited)"]
    assert desk.seen.prompt() == "robot"
    desk.type("me")
    desk.go_on()
    assert desk.talk()[-1] == "robot: me"


# Found by who read it


@pytest.mark.parametrize(
    ("typed", "room", "text"),
    [
        ("one\ntwo", "dev", "one\ntwo"),
        ("//one\n/two", "dev", "/one\n/two"),
        ("#lobby one\ntwo", "lobby", "one\ntwo"),
        ("bye\nfor now", "dev", "bye\nfor now"),
    ],
)
def test_a_message_of_several_lines_goes_where_its_first_line_says(
    desk: Desk, typed: str, room: str, text: str
) -> None:
    desk.type(typed)
    desk.go_on()
    assert {name: desk.texts(name) for name in ("lobby", "dev")} == {"lobby": [], "dev": [], room: [text]}


def test_what_one_does_may_take_several_lines(desk: Desk) -> None:
    desk.type("/me waves\nand bows")
    desk.go_on()
    assert desk.shown()[-2:] == ["* bot waves", "and bows"]


def test_a_private_message_of_several_lines_is_private(desk: Desk) -> None:
    desk.type("/msg alice one\ntwo")
    desk.go_on()
    assert [desk.texts(room) for room in ("lobby", "dev")] == [[], []]
    assert [line for line in desk.shown() if line.startswith("you -> ")] == ["you -> alice: one"]


@pytest.mark.parametrize("typed", ["/login alice hunter2hunter2\nx", "/topic one\ntwo", "#lobby /topic x\ntwo"])
def test_a_command_of_several_lines_is_refused(desk: Desk, typed: str) -> None:
    assert not desk.seen.submit(typed)
    desk.go_on()
    assert [desk.texts(room) for room in ("lobby", "dev")] == [[], []]
    assert desk.shown()[-1].startswith("! ")


def test_what_was_typed_before_a_question_is_said_before_its_answer_is_asked(desk: Desk) -> None:
    desk.cut()
    desk.type("hello", "/register")
    for _ in range(2):
        desk.seen.answer("correct horse")
    desk.recover()
    assert desk.texts("dev") == ["hello"]
    assert desk.conversation.account


def test_what_was_not_said_is_told_also_when_its_window_is_closed(desk: Desk) -> None:
    desk.cut()
    desk.type("hello")
    window = desk.seen.windows.current
    desk.seen.windows.close(window)
    desk.seen._asking.settle(next(iter(desk.seen._asking._shown)), "you are not there")
    assert desk.shown()[-1] == "bot: hello (not said: you are not there)"


def test_a_connection_lost_and_back_with_nothing_missed_leaves_no_mark(desk: Desk) -> None:
    desk.cut()
    desk.recover()
    desk.says("after", room="dev")
    assert not any("── new ─" in "".join(cell.text for cell in row) for row in desk.rows())
    desk.cut()
    desk.alice.ask("say", room="dev", text="missed")
    desk.recover()
    assert any("── new ─" in "".join(cell.text for cell in row) for row in desk.rows())


def test_a_server_that_does_not_answer_is_told_of(desk: Desk) -> None:
    asking = desk.seen._asking
    assert not asking.unanswered(now() + 2 * LONG)
    desk.type("hello")
    assert not asking.unanswered(now())
    assert asking.unanswered(now() + 2 * LONG)
    desk.seen.windows.current.transcript.waiting(next(iter(asking._shown))).when -= 2 * LONG
    assert desk.bar().endswith(" no answer yet ")
    desk.go_on()
    assert "no answer" not in desk.bar()


def test_who_types_on_after_leaving_was_asked_about_is_asked_again(desk: Desk) -> None:
    desk.cut()
    desk.type("one")
    desk.seen.leave()
    desk.type("two")
    desk.seen.leave()
    assert not desk.seen.ended.called
    desk.seen.leave()
    assert desk.seen.ended.called


# Whatever a server says

WORDS = st.text(max_size=8) | st.sampled_from([
    "lobby", "dev", "bot", "alice", "", "x\n\x1b[31m", "\ud800", "c-1", "c-", "17", "2026-11-20T10:00:00Z",
    "0001-01-01T00:00:00+23:59",
])  # fmt: skip
FIELDS = st.sampled_from([
    "room", "position", "eid", "time", "nick", "text", "id", "history", "of", "new", "whom", "setting", "value", "role", "to",
    "in", "reason", "until", "removed", "edited", "put_out", "members", "words", "before", "rooms", "commands", "others",
    "topic", "code", "account", "inbox", "asked",
])  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=3),
    max_leaves=6,
)
SAID = st.dictionaries(FIELDS, VALUES, max_size=8)
IDS = st.none() | st.sampled_from(["c-", "c-1", "c-2", "c-3", "c-4", "x"])
USUAL = st.sampled_from([
    {}, {"room": "lobby", "nick": "alice", "time": "2026-11-20T10:00:00.000Z", "position": "5", "eid": "e", "text": "hi"}
])  # fmt: skip
KINDS = st.sampled_from([kind.value for kind in Kind]) | WORDS
CODES = st.sampled_from(["kicked", "banned", "no_room", "password_changed", "resumed", "login_failed"]) | WORDS
ANSWERS = st.sampled_from(["join", "leave", "help", "rooms", "history", "search", "who", "password", "room"]) | WORDS
LINES = st.one_of(
    st.builds(lambda kind, usual, said: {"event": kind, **usual, **said}, KINDS, USUAL, SAID),
    st.builds(lambda name, id, said: {**said, "answer": name, "id": id}, ANSWERS, IDS, SAID),
    st.builds(
        lambda code, words, said, id: {"refused": {**said, "code": code, "words": words}, "id": id},
        CODES, WORDS, SAID, IDS,
    ),
    st.builds(
        lambda nick, rooms, said: {"welcome": {**said, "nick": nick, "resume": "t", "rooms": rooms}},
        WORDS, st.dictionaries(WORDS, SAID, max_size=3), SAID,
    ),
    st.builds(lambda room, said: {"joined": {**said, "room": room}}, WORDS, SAID),
    st.dictionaries(st.sampled_from(["event", "welcome", "joined", "refused", "answer", "notice", "exported", "id"]), VALUES),
)  # fmt: skip


@settings(max_examples=examples(100))
@given(st.lists(LINES, max_size=5), st.booleans(), st.integers(1, 60))
def test_nothing_that_a_server_says_is_a_bug_of_ours(said: list[object], lost: bool, width: int) -> None:
    desk = Desk()
    desk.enter()
    desk.type("/history", "hello", "/search x")
    if lost:
        desk.cut()
    for line in said:
        desk.conversation.received(json.dumps(line).encode())
    desk.conversation.caught_up()
    desk.seen.bar(width)
    assert isinstance(desk.seen.prompt(), str)
    assert all(isinstance(name, str) for name in (*desk.seen.known.people, *desk.seen.known.rooms))
    for row in desk.seen.view(width, HIGH):
        assert all(cell.text == safe(cell.text) for cell in row)
    if desk.conversation.here and not desk.is_over():
        desk.type("/keys")
