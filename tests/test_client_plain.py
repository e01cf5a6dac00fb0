"""The client's plain face: what is piped in is said, what is said is shown, and it ends with the right status, in time."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from OpenSSL.SSL import Error as TLSError
from OpenSSL.SSL import SysCallError
from twisted.internet.error import ConnectError, ConnectionDone, DNSLookupError
from twisted.internet.error import TimeoutError as Late
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from chatroom.client.address import PORT, address, trouble
from chatroom.client.core import Conversation
from chatroom.client.identity import Identity
from chatroom.client.look import Look
from chatroom.client.main import complain
from chatroom.client.options import read
from chatroom.client.plain import FAILED, FLUSH_TIMEOUT, HINT, LEAVE_TIMEOUT, OK, PATIENCE, PlainFace
from chatroom.wire.json import MAX_LINE

MORNING = "2026-11-20T09:12:00.000Z"


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is an hour ahead of UTC."""
    monkeypatch.setenv("TZ", "XYZ-1")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class Server(StringTransport):
    """A server whose answers the test writes."""

    def abortConnection(self) -> None: ...

    def asked(self) -> list[dict[str, object]]:
        lines = [json.loads(line) for line in self.value().splitlines()]
        self.clear()
        return lines


class Terminal(StringTransport):
    """Standard input and output."""

    def registerProducer(self, producer: object, streaming: bool) -> None: ...
    def unregisterProducer(self) -> None: ...


class Keys:
    """The terminal's keys, which show what is typed on them, or not."""

    shows = True
    hidden = False

    def hide(self, hidden: bool) -> None:
        self.hidden = hidden


WELCOME: dict[str, Any] = {
    "welcome": {
        "nick": "bot",
        "account": False,
        "resume": "secret",
        "rooms": {"lobby": {"members": ["bot", "al"], "position": "1"}},
        "room": "lobby",
    }
}


class Desk:
    """Somebody at a plain face, and the server's side."""

    def __init__(
        self, *, json_lines: bool = False, typed: bool = False, piped: bool = True, times: bool = False
    ) -> None:
        self.clock = Clock()
        self.complaints: list[str] = []
        self.keys = Keys()
        look = None if json_lines else Look(times, lambda: 1_795_165_920.0)
        self.face = PlainFace(
            self.clock, look, terminal=self.keys if typed else None, piped=piped, complain=self.complaints.append
        )  # type: ignore[arg-type]
        self.conversation = self.face.conversation = Conversation(self.face, "c-", Identity("bot"))
        self.terminal = Terminal()
        self.face.makeConnection(self.terminal)
        self.status: int | None = None
        self.face.ended.addCallback(lambda _: self.face.close()).addCallback(self._ended)

    def _ended(self, status: int) -> None:
        self.status = status

    def welcome(self, account: bool = False) -> Desk:
        self.server = Server()
        self.conversation.connected(self.server)
        self.tell({"welcome": {**WELCOME["welcome"], "account": account}})
        self.server.clear()
        self.shown()
        return self

    def in_dev_too(self) -> Desk:
        """They have joined it, and talk there."""
        self.type("/join dev")
        (asked,) = self.server.asked()
        self.tell({"answer": "join", "room": "dev", "others": [], "position": "5", "id": asked["id"]})
        self.shown()
        return self

    def tell(self, *said: dict[str, object]) -> None:
        for one in said:
            self.conversation.received(json.dumps(one).encode())
        self.conversation.caught_up()

    def confirm(self, *ids: int) -> None:
        self.tell(
            *(
                {"event": "said", "nick": "bot", "id": f"c-{id}", "position": f"{id + 1}", "text": "x", "time": MORNING}
                for id in ids
            )
        )

    def shown(self) -> str:
        text = self.terminal.value().decode()
        self.terminal.clear()
        return text

    def type(self, *lines: str) -> None:
        self.face.dataReceived("".join(f"{line}\n" for line in lines).encode())

    def flush(self) -> None:
        """All that was shown is taken."""
        self.face.connectionLost(Failure(ConnectionDone()))


# What comes in


def test_nothing_is_read_before_we_are_in() -> None:
    desk = Desk()
    assert desk.terminal.producerState == "paused"
    desk.welcome()
    assert desk.terminal.producerState == "producing"


def test_lines_are_said_however_they_are_cut() -> None:
    desk = Desk().welcome()
    for byte in "one\r\n\n  \n//two\n/me waves\nbé".encode():
        desk.face.dataReceived(bytes([byte]))
    desk.face.readConnectionLost()
    assert desk.server.asked() == [
        {"say": {"room": "lobby", "text": "one"}, "id": "c-1"},
        {"say": {"room": "lobby", "text": "/two"}, "id": "c-2"},
        {"me": {"room": "lobby", "text": "waves"}, "id": "c-3"},
        {"say": {"room": "lobby", "text": "bé"}, "id": "c-4"},
    ]


def test_input_waits_while_the_window_is_full_and_goes_on_in_order() -> None:
    desk = Desk().welcome()
    desk.face.dataReceived(b"".join(b"%d\n" % number for number in range(1500)))
    assert desk.conversation.under_way == 1000
    assert desk.terminal.producerState == "paused"
    desk.confirm(*range(1, 601))
    assert desk.terminal.producerState == "producing"
    said = [asked["say"]["text"] for asked in desk.server.asked()]  # type: ignore[index]
    assert said == [str(number) for number in range(1500)]


def test_input_waits_while_there_is_no_server() -> None:
    desk = Desk().welcome()
    desk.conversation.lost("gone")
    assert desk.terminal.producerState == "paused"
    assert desk.complaints == ["gone; trying again"]


@pytest.mark.parametrize("line", [b"x" * MAX_LINE, b"x" * (3 * MAX_LINE)])
def test_a_line_that_is_too_long_is_told_and_the_next_is_said(line: bytes) -> None:
    desk = Desk().welcome()
    desk.face.dataReceived(line + b"\nshort\n")
    assert [asked.get("say") for asked in desk.server.asked()] == [{"room": "lobby", "text": "short"}]
    assert desk.shown().startswith("! a line has at most")
    desk.confirm(1)
    desk.face.readConnectionLost()
    desk.conversation.lost("closed")
    desk.flush()
    assert desk.status == FAILED


def test_bye_leaves_when_all_is_confirmed_and_what_follows_is_not_read() -> None:
    desk = Desk().welcome()
    desk.face.dataReceived(b"one\n/quit enough\nnot said\n")
    assert [*desk.server.asked()[0]] == ["say", "id"]
    assert desk.terminal.producerState == "paused"
    desk.confirm(1)
    assert desk.server.asked() == [{"quit": {"reason": "enough"}}]
    desk.conversation.lost("closed")
    desk.flush()
    assert (desk.status, desk.complaints) == (OK, [])


# How it ends


def test_the_end_of_input_leaves_when_all_is_confirmed() -> None:
    desk = Desk().welcome()
    desk.face.dataReceived(b"one\ntwo")
    desk.face.readConnectionLost()
    desk.confirm(1)
    assert not any("quit" in asked for asked in desk.server.asked())
    desk.confirm(2)
    assert desk.server.asked() == [{"quit": {}}]
    assert desk.status is None
    desk.clock.advance(LEAVE_TIMEOUT)  # the server does not close
    desk.flush()
    assert desk.status == OK


def test_a_pipe_gives_up_when_nothing_is_confirmed_for_long() -> None:
    desk = Desk().welcome()
    desk.clock.advance(PATIENCE * 10)  # with nothing to be confirmed it may last
    desk.face.dataReceived(b"one\ntwo\n")
    desk.clock.advance(PATIENCE - 1)
    desk.confirm(1)
    desk.clock.advance(PATIENCE - 1)
    assert desk.status is None
    desk.clock.advance(1)
    desk.flush()
    assert desk.status == FAILED
    assert "gave up" in desk.complaints[0]
    assert desk.complaints[1] == "1 line may not have been said"


def test_a_pipe_gives_up_when_the_server_stays_away_and_a_person_does_not() -> None:
    pipe, person = Desk().welcome(), Desk(typed=True).welcome()
    for desk in (pipe, person):
        desk.clock.advance(PATIENCE - 1)
        desk.conversation.lost("gone")
        desk.clock.advance(PATIENCE - 1)
        assert desk.status is None
        desk.clock.advance(1)
        desk.flush()
    assert (pipe.status, person.status) == (FAILED, None)


def test_a_connection_that_comes_and_goes_is_no_progress() -> None:
    desk = Desk().welcome()
    desk.face.dataReceived(b"one\n")
    for _ in range(int(PATIENCE) // 10):
        desk.conversation.lost("gone")
        desk.welcome()
        desk.tell({"answer": "echo", "id": "c-"})
        desk.clock.advance(10)
    desk.flush()
    assert desk.status == FAILED


def test_a_refused_line_has_failed_in_a_pipe_but_not_for_a_person() -> None:
    for typed, status in ((False, FAILED), (True, OK)):
        desk = Desk(typed=typed).welcome()
        desk.face.dataReceived(b"/bogus\n")
        desk.tell({"refused": {"code": "no_command", "words": "no command /bogus"}, "id": "c-1"})
        assert desk.shown() == "! no command /bogus\n"
        desk.face.readConnectionLost()
        desk.conversation.lost("closed")
        desk.flush()
        assert desk.status == status


def test_a_full_disk_silences_nobody() -> None:
    desk = Desk(piped=False).welcome()
    desk.face.writeConnectionLost()
    desk.face.dataReceived(b"one\n")
    desk.face.readConnectionLost()
    desk.confirm(1)
    desk.conversation.lost("closed")
    assert desk.status == FAILED
    assert desk.complaints == ["standard output cannot be written to"]


def test_a_reader_who_has_enough_ends_it_when_what_was_sent_is_confirmed() -> None:
    desk = Desk().welcome()
    desk.face.dataReceived(b"one\n")
    desk.face.writeConnectionLost()
    assert desk.terminal.producerState == "paused"
    desk.confirm(1)
    assert {"quit": {}} in desk.server.asked()
    desk.conversation.lost("closed")
    assert desk.status == FAILED


def test_a_reader_who_takes_nothing_at_the_end_does_not_keep_us() -> None:
    desk = Desk().welcome()
    desk.face.readConnectionLost()
    desk.conversation.lost("closed")
    assert desk.status is None
    desk.clock.advance(FLUSH_TIMEOUT)
    assert desk.status == FAILED


def test_a_signal_leaves_at_once() -> None:
    desk = Desk().welcome()
    desk.face.dataReceived(b"one\n")
    desk.face.leave()
    assert desk.server.asked()[-1] == {"quit": {}}


# What a person is asked

NEEDED: dict[str, Any] = {
    "refused": {"code": "password_needed", "words": "bot is somebody's own. What is it?", "asked": "password"},
    "id": "c-",
}


def stranger(**more: bool) -> Desk:
    """Somebody who is about to come in, and has to say more."""
    desk = Desk(**more)
    desk.server = Server()
    desk.conversation.connected(desk.server)
    desk.server.clear()
    desk.tell(NEEDED)
    return desk


def test_a_password_is_asked_for_hidden_and_the_next_line_is_it() -> None:
    desk = stranger(typed=True)
    assert desk.shown() == "* bot is somebody's own. What is it? (An empty line: another nickname.)\n"
    assert desk.keys.hidden
    assert desk.terminal.producerState == "producing"
    desk.type("correct horse")
    assert not desk.keys.hidden
    assert [asked["hello"] for asked in desk.server.asked()] == [
        {"nick": "bot", "password": "correct horse", "history": 0},
    ]
    assert desk.shown() == ""


def test_a_pipe_that_is_asked_fails_with_the_words() -> None:
    desk = stranger()
    desk.flush()
    assert desk.status == FAILED
    assert desk.complaints == ["bot is somebody's own. What is it?", HINT]


def test_the_end_of_input_is_no_answer() -> None:
    desk = stranger(typed=True)
    desk.face.readConnectionLost()
    desk.flush()
    assert not desk.keys.hidden
    assert desk.status == FAILED
    assert desk.complaints == ["you did not come in"]


def test_a_signal_at_a_question_leaves_and_what_is_typed_is_seen() -> None:
    desk = stranger(typed=True)
    desk.face.leave()
    assert not desk.keys.hidden
    assert desk.server.asked() == [{"quit": {}}]


def test_what_was_typed_before_a_question_is_no_answer_to_it() -> None:
    desk = Desk(typed=True).welcome()
    desk.conversation.lost("gone")
    desk.type("to the room")
    desk.conversation.connected(desk.server)
    desk.server.clear()
    desk.tell({"refused": {"code": "resume_unknown", "words": "nobody"}, "id": "c-"})
    desk.tell({**NEEDED, "refused": {**NEEDED["refused"], "asked": "server_password"}})
    assert desk.keys.hidden
    assert not any("to the room" in str(asked) for asked in desk.server.asked())
    desk.type("secret one")
    assert [asked["hello"]["server_password"] for asked in desk.server.asked()] == ["secret one"]  # type: ignore[index]
    desk.tell(WELCOME)
    desk.tell({"answer": "echo", "on": True, "id": "c-"})
    assert [asked["say"] for asked in desk.server.asked() if "say" in asked] == [
        {"room": "lobby", "text": "to the room"}
    ]


@pytest.mark.parametrize(
    ("account", "typed", "asked"),
    [
        (False, ["/register", "correct horse", "correct horse"], {"register": {"words": "correct horse"}}),
        (False, ["/login al", "correct horse"], {"login": {"words": "al correct horse"}}),
        (
            True,
            ["/password", "old horse", "new horse", "new horse"],
            {"password": {"old": "old horse", "new": "new horse"}},
        ),
        (True, ["/forget-me", "bot"], {"forget-me": {"sure": True}}),
    ],
)
def test_before_a_command_the_person_is_asked_what_it_takes(
    account: bool, typed: list[str], asked: dict[str, object]
) -> None:
    command, *answers = typed
    desk = Desk(typed=True).welcome(account)
    desk.type(command)
    for answer in answers:
        assert desk.keys.hidden == (command != "/forget-me")
        desk.type(answer)
    assert not desk.keys.hidden
    assert desk.server.asked() == [{**asked, "id": "c-1"}]
    assert all(answer not in desk.shown() for answer in answers if answer != "bot")


def test_an_empty_answer_changes_nothing_and_the_next_line_is_said() -> None:
    desk = Desk(typed=True).welcome()
    desk.type("/register", "", "hello")
    assert (
        desk.shown()
        == "* What is to be the password of bot? (8 characters or more; an empty line: none.)\n* nothing was changed\n"
    )
    assert [asked["say"] for asked in desk.server.asked()] == [{"room": "lobby", "text": "hello"}]


def test_events_are_shown_while_a_question_waits() -> None:
    desk = Desk(typed=True).welcome()
    desk.type("/register")
    desk.tell(event("said", text="hi"))
    assert desk.shown() == "* What is to be the password of bot? (8 characters or more; an empty line: none.)\nal: hi\n"
    assert desk.keys.hidden


def test_a_pipe_is_not_asked_before_a_command() -> None:
    desk = Desk().welcome()
    desk.type("/register")
    assert desk.server.asked() == [{"register": {"words": ""}, "id": "c-1"}]


@pytest.mark.parametrize(("json_lines", "shows"), [(True, True), (False, False)])
def test_a_question_does_not_go_where_a_program_reads(json_lines: bool, shows: bool) -> None:
    desk = Desk(typed=True, json_lines=json_lines).welcome()
    desk.keys.shows = shows
    desk.type("/register")
    assert desk.shown() == ""
    assert desk.complaints == ["What is to be the password of bot? (8 characters or more; an empty line: none.)"]


# What is shown


def event(kind: str, **more: object) -> dict[str, object]:
    return {"event": kind, "room": "lobby", "position": "2", "eid": "e", "time": MORNING, "nick": "al", **more}


SHOWN = [
    (event("said", text="hi"), "al: hi\n"),
    (event("said", text="two\nlines"), "al: two\nal: lines\n"),
    (event("did", text="waves"), "* al waves\n"),
    (event("joined"), "* al joined\n"),
    (event("left"), "* al left\n"),
    (event("left", reason="enough"), "* al left (enough)\n"),
    (event("renamed", new="alex"), "* al is now alex\n"),
    (event("started", members=[]), ""),
    (event("away", text="lunch"), "* al is away (lunch)\n"),
    (event("away", text=""), "* al is away\n"),
    (event("back"), "* al is back\n"),
    (event("private", to="bot", text="hi\nthere"), "al -> you: hi\nal -> you: there\n"),
    (event("private", nick="bot", to="al", text="hi"), "you -> al: hi\n"),
    (event("private", nick="bot", to="bot", text="hi"), "you -> bot: hi\n"),
    (event("private", nick="bob", to="al", text="hi"), "bob -> al: hi\n"),
    (event("private", to="bot", text="hi", history=True), "[2026-11-20 10:12] al -> you: hi\n"),
    (event("rolled", dice=6), ""),
    (event("said", text="before", history=True), "[2026-11-20 10:12] al: before\n"),
    (event("said", text="red\x1b[31m\x07\u202e \r\x9b"), "al: red[31m  \n"),
    ({"notice": "the server is stopping\nsoon"}, "* the server is stopping\n* soon\n"),
    ({"refused": {"code": "c", "words": "no \x1b!"}}, "! no !\n"),
    ({"answer": "who", "words": "1 in #lobby: al"}, "* 1 in #lobby: al\n"),
    ({"answer": "nick", "words": ""}, ""),
    ({"answer": "who", "members": []}, ""),
]


@pytest.mark.parametrize(("said", "text"), SHOWN, ids=lambda value: value if isinstance(value, str) else "")
def test_it_has_the_look_of_the_text_format(said: dict[str, object], text: str) -> None:
    desk = Desk().welcome()
    desk.tell(said)
    assert desk.shown() == text


def done(kind: str, **more: object) -> dict[str, object]:
    return event(kind, room="dev", **more)


DEV = [
    (done("said", text="hi"), "#dev al: hi\n"),
    (done("said", text="", removed=True), "#dev al: (removed)\n"),
    (done("did", text="waves", edited=True), "#dev * al waves (edited)\n"),
    (
        done("said", text="two\nlines", history=True),
        "[2026-11-20 10:12] #dev al: two\n[2026-11-20 10:12] #dev al: lines\n",
    ),
    (event("said", text="hi"), "#lobby al: hi\n"),
    (event("announced", text="tea"), "* al tells everybody: tea\n"),
    (done("edited", text="hi", of="e"), "#dev * al corrects: hi\n"),
    (done("edited", text="", of="e", removed=True), ""),
    (done("deleted", of=["e", "f"], whom="eve"), "#dev * al removed 2 messages of eve\n"),
    (done("deleted", of=["e"], whom="al"), "#dev * al removed a message\n"),
    (done("joined"), "#dev * al joined\n"),
    (done("parted"), "#dev * al left\n"),
    (done("parted", reason="tired"), "#dev * al left (tired)\n"),
    (done("parted", put_out=True), ""),
    (done("set", setting="topic", value="tea"), "#dev * al set the topic: tea\n"),
    (done("set", setting="topic", value=""), "#dev * al took the topic away\n"),
    (done("set", setting="slow", value=90), "#dev * al slowed #dev: a message each in 1 minute 30 seconds\n"),
    (done("set", setting="slow", value=0), "#dev * al slows #dev no more\n"),
    (done("set", setting="slow", value="x"), "#dev * al slows #dev no more\n"),
    (done("set", setting="private", value=True), "#dev * al made #dev private\n"),
    (done("set", setting="private", value=False), "#dev * al made #dev public\n"),
    (done("set", setting=["odd"], value=None), "#dev * al set ['odd']\n"),
    (done("role", whom="eve", role="moderator"), "#dev * al made eve moderator\n"),
    (done("role", whom="eve", role="voiced"), "#dev * al gave eve a voice\n"),
    (done("role", whom="eve", role=""), "#dev * al took eve's role away\n"),
    (done("invited", whom="eve"), "#dev * al invited eve\n"),
    (done("kicked", whom="eve", reason="spam"), "#dev * al kicked eve (spam)\n"),
    (done("kicked", whom="eve", nick=""), "#dev * the server kicked eve\n"),
    (done("banned", whom="eve", until="2026-11-20T09:12Z"), "#dev * al banned eve until 2026-11-20 09:12 UTC\n"),
    (done("banned", reason="spam"), "#dev * al banned an address (spam)\n"),
    (done("muted", whom="eve", until="some day"), "#dev * al muted eve\n"),
    (done("unbanned", whom="eve"), "#dev * al lifted the ban of eve\n"),
    (done("unmuted", whom="eve"), "#dev * al let eve speak again\n"),
    ({**done("invited", whom="bot", to="ops"), "room": None}, "* al invites you to #ops: /join ops\n"),
    (
        {**done("reported", whom="eve", reason="spam", **{"in": "dev"}), "room": None},
        "* al reports eve in #dev: spam\n",
    ),
    (done("deleted", of=5), "#dev * al removed 0 messages of \n"),
    (
        {"joined": {"room": "ops", "others": ["al"], "position": "7", "topic": "tea"}},
        "* You are in #ops with al. (asked on another device)\n* Topic of #ops: tea\n",
    ),
    ({"exported": {"room": "dev", "text": "h\u00e9"}}, '{"room": "dev", "text": "h\\u00e9"}\n'),
]


@pytest.mark.parametrize(("said", "text"), DEV, ids=lambda value: value if isinstance(value, str) else "")
def test_who_is_in_several_rooms_is_told_with_each_line_of_which(said: dict[str, object], text: str) -> None:
    desk = Desk().welcome().in_dev_too()
    desk.tell({name: value for name, value in said.items() if value is not None or name == "value"})
    assert desk.shown() == text


def test_who_comes_into_several_rooms_is_told_of_each_and_where_they_talk() -> None:
    desk = Desk()
    desk.server = Server()
    desk.conversation.connected(desk.server)
    rooms = {
        "lobby": {"members": ["bot"], "position": "1"},
        "dev": {"members": ["al", "bot"], "position": "4", "topic": "tea"},
    }
    desk.tell({"welcome": {**WELCOME["welcome"], "rooms": rooms, "room": "dev"}})
    first, second = desk.shown().splitlines()
    assert first.startswith("* You are bot, in #dev with al, in #lobby alone; what you say goes to #dev.")
    assert second == "* Topic of #dev: tea"


def test_who_comes_into_no_room_is_told_how_to_enter_one() -> None:
    desk = Desk()
    desk.server = Server()
    desk.conversation.connected(desk.server)
    desk.tell({"welcome": {"nick": "bot", "resume": "t", "rooms": {}}})
    assert desk.shown().startswith("* You are bot, in no room; /rooms lists them, /join ROOM enters one.")
    desk.type("hello?")
    assert desk.shown() == "! you are in no room; /join ROOM enters one, /rooms lists them\n"


def test_rooms_joined_and_left_are_told_as_by_telnet() -> None:
    desk = Desk().welcome()
    desk.type("/join dev")
    desk.tell({"answer": "join", "room": "dev", "others": ["al"], "position": "5", "topic": "tea", "id": "c-1"})
    assert desk.shown() == (
        "* You are in #dev with al. What you say goes there now; /room changes that.\n* Topic of #dev: tea\n"
    )
    desk.type("/join dev")
    desk.tell({"answer": "join", "room": "dev", "id": "c-2"})
    assert desk.shown() == "* what you say goes to #dev now\n"
    desk.type("/leave")
    desk.tell(done("parted", nick="bot"), {"answer": "leave", "room": "dev", "id": "c-3"})
    assert desk.shown() == "#dev * bot left\n* what you say goes to #lobby now\n"
    desk.tell(event("said", text="hi"))
    assert desk.shown() == "al: hi\n"
    desk.type("/leave")
    desk.tell(event("parted", nick="bot"), {"answer": "leave", "room": "lobby", "id": "c-4"})
    assert desk.shown() == "* bot left\n* you are in no room; /join ROOM enters one\n"


def test_each_line_is_sent_with_the_room_for_which_it_was_typed() -> None:
    desk = Desk().welcome()
    desk.type("one", "/join dev", "two", "#lobby three", "/me four")
    assert desk.server.asked() == [
        {"say": {"room": "lobby", "text": "one"}, "id": "c-1"},
        {"join": {"room": "dev", "history": 0}, "id": "c-2"},
    ]
    desk.tell({"answer": "join", "room": "dev", "others": [], "position": "5", "id": "c-2"})
    assert desk.server.asked() == [
        {"say": {"room": "dev", "text": "two"}, "id": "c-3"},
        {"say": {"room": "lobby", "text": "three"}, "id": "c-4"},
        {"me": {"room": "dev", "text": "four"}, "id": "c-5"},
    ]


def test_a_command_behind_a_room_s_name_that_cannot_be_there_is_refused() -> None:
    desk = Desk().welcome()
    desk.type("#dev /topic tea")
    assert desk.shown() == "! after #dev stands what is to be said; /room dev talks there from now on\n"
    assert desk.server.asked() == []


NOT_FOR_US = {"refused": {"code": "room_private", "words": "#dev is entered by invitation only"}, "id": "c-1"}


@pytest.mark.parametrize("typed", [False, True])
def test_what_was_typed_ahead_for_a_room_that_is_refused_is_said_nowhere(typed: bool) -> None:
    desk = Desk(typed=typed).welcome()
    desk.type("/join dev")
    desk.type("a secret")
    desk.tell(NOT_FOR_US)
    assert desk.shown() == (
        "! #dev is entered by invitation only\n! you are not in #dev: what was meant for it is said nowhere\n"
    )
    desk.server.clear()
    desk.type("hello")
    said = [{"say": {"room": "lobby", "text": "hello"}, "id": "c-2"}]
    assert desk.server.asked() == (said if typed else [])  # a person has seen it, a pipe sees nothing


def test_a_person_is_read_on_while_a_room_is_joined() -> None:
    desk = Desk(typed=True).welcome()
    desk.type("/join dev")
    assert desk.terminal.producerState == "producing"
    desk.type("one", "two")
    assert desk.terminal.producerState == "producing"


def test_one_s_own_correction_is_answered_and_not_told_too() -> None:
    desk = Desk().welcome()
    desk.type("/edit hi")
    desk.tell(
        event("edited", nick="bot", text="hi", of="e"),
        {"answer": "edit", "words": "your message reads so now", "of": "e", "id": "c-1"},
        event("edited", nick="bot", text="of another device", of="e"),
    )
    assert desk.shown() == "* your message reads so now\n* bot corrects: of another device\n"


def test_one_s_own_lines_are_not_shown() -> None:
    desk = Desk().welcome()
    desk.face.dataReceived(b"mine\n")
    desk.confirm(1)
    assert desk.shown() == ""


def test_one_s_own_private_messages_are_not_shown_but_what_is_said_of_them() -> None:
    desk = Desk().welcome()
    desk.type("/msg al hi")
    desk.tell(
        event("private", nick="bot", to="al", text="hi", id="c-1"),
        {"answer": "msg", "words": "al is away: lunch", "to": "al", "id": "c-1"},
    )
    assert desk.shown() == "* al is away: lunch\n"


def test_what_was_written_under_a_nickname_that_one_had_is_one_s_own() -> None:
    desk = Desk().welcome()
    desk.tell(event("renamed", nick="bot", new="robot"))
    desk.shown()
    desk.tell(event("private", nick="bot", to="al", text="hi"), event("private", to="bot", text="hi"))
    assert desk.shown() == "you -> al: hi\nal -> you: hi\n"


def test_the_welcome_is_shown_once() -> None:
    desk = Desk()
    desk.server = Server()
    desk.conversation.connected(desk.server)
    desk.tell(WELCOME)
    assert desk.shown() == "* You are bot, in #lobby with al. /help lists the commands, bye leaves.\n"
    desk.conversation.lost("gone")
    desk.conversation.connected(desk.server)
    desk.tell(WELCOME)
    assert desk.shown() == ""
    assert desk.complaints == ["gone; trying again", "connected again"]


def test_time_stamps_are_local() -> None:
    desk = Desk(times=True).welcome()
    desk.tell(event("said", text="hi"), event("said", text="hi", time="whenever"), {"notice": "so"})
    assert desk.shown() == "[10:12] al: hi\n[10:12] al: hi\n[10:12] * so\n"


@pytest.mark.parametrize("json_lines", [True, False])
def test_what_was_said_and_comes_back_as_history_is_not_shown_a_second_time(json_lines: bool) -> None:
    desk = Desk(json_lines=json_lines).welcome()
    desk.type("hello")
    desk.tell({"event": "said", "room": "lobby", "nick": "bot", "text": "hello", "id": "c-1", "history": True})
    assert (desk.shown(), desk.conversation.under_way) == ("", 0)


def test_json_is_one_object_a_line_with_one_s_own_and_without_the_token() -> None:
    desk = Desk(json_lines=True)
    desk.server = Server()
    desk.conversation.connected(desk.server)
    desk.tell(WELCOME)
    desk.face.dataReceived(b"mine\n")
    desk.confirm(1)
    desk.tell(event("said", text="\x9bé"))
    text = desk.shown()
    assert "secret" not in text
    assert text.isascii()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line.get("event") for line in lines] == [None, "said", "said"]
    assert lines[2]["text"] == "\x9bé"


# Where the server is


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("localhost", f"localhost:{PORT}"),
        ("chat.example.org:7000", "chat.example.org:7000"),
        ("tcp:chat.example.org:7000", "chat.example.org:7000"),
        ("[::1]:7000", "[::1]:7000"),
        ("::1", f"[::1]:{PORT}"),
        ("[fe80::1%eth0]", f"[fe80::1%eth0]:{PORT}"),
        ("tls:localhost:6697", "tls:localhost:6697"),
        ("tls:[::1]:6697", "tls:[::1]:6697"),
        ("unix:/run/chatroom/line", "unix:/run/chatroom/line"),
    ],
)
def test_an_address_is_a_host_or_an_endpoint(text: str, words: str) -> None:
    from twisted.internet import reactor

    assert address(reactor, text).words == words


@pytest.mark.parametrize(
    "text", ["", "a b", "host:0", "host:65536", "host:port", "pigeon:6000:x", "tls:", "tls:host:six", "[::1", "a/b"]
)
def test_what_is_no_address_is_told(text: str) -> None:
    from twisted.internet import reactor

    with pytest.raises(ValueError, match=r":|not"):
        address(reactor, text)


def test_an_endpoint_that_would_take_any_certificate_is_refused() -> None:
    from twisted.internet import reactor

    with pytest.raises(ValueError, match="checks no certificate; tls:HOST:PORT does"):
        address(reactor, "ssl:chat.example.org:6697")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (DNSLookupError(), "there: there is no such host"),
        (Late(), "there does not answer"),
        (ConnectError(osError=2), f"there: {os.strerror(2)}"),
        (ConnectionDone(), "there closed the connection"),
        (
            TLSError([("SSL routines", "", "wrong version number")]),
            "there does not speak TLS as we do: wrong version number",
        ),
        (SysCallError(-1, "Unexpected EOF"), "there does not speak TLS as we do: Unexpected EOF"),
        (TLSError(), "there does not speak TLS as we do: Error"),
        (RuntimeError("odd"), "there: odd"),
        (RuntimeError(), "there: RuntimeError"),
    ],
)
def test_why_there_is_no_connection_is_said_in_words(error: Exception, words: str) -> None:
    assert trouble(error, "there") == words


def test_without_arguments_it_is_this_machine() -> None:
    options = read([])
    assert (options.server, options.nick, options.rooms) == ("localhost:6000", None, [])
    assert read(["--room", "#attic", "--room", "dev"]).rooms == ["attic", "dev"]


def test_what_is_told_beside_the_conversation_steers_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    complain("the server \x1b[31msaid\x07\u202e \ud800no\nTraceback:\n  of this program")
    assert capfd.readouterr().err == "chatroom: the server [31msaid no\nTraceback:\n  of this program\n"
