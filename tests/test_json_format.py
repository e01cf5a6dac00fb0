"""The format for programs: a table of cases both ways, then whatever can come."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import ensureDeferred

from chatroom.commands import COMMANDS
from chatroom.event import DETAILS, Entry, Event, Kind
from chatroom.names import room_name
from chatroom.patience import GREETING_PAUSE
from chatroom.request import Answer, Arrived, Command, Refused, Welcome
from chatroom.rights import Right, Role, may
from chatroom.storage.memory import MemoryStorage
from chatroom.table import NUMBER_MAX, Ask, Takes
from chatroom.text import clean, clean_lines
from chatroom.wire.json import ID_LONGEST, JSON, MAX_LINE, MAX_LINES

from .chatting import DISK_FULL, FailingStorage, JsonClient, TextClient, World
from .support import LoggedErrors

TIME = 1_795_165_920_007
"""2026-11-20 09:12 UTC, and 7 ms."""


def parsed(line: bytes | str) -> Command | None:
    return JSON.parse(line.encode() if isinstance(line, str) else line, entered=True)


def refused(line: bytes | str) -> Refused:
    with pytest.raises(Refused) as refused:
        parsed(line)
    return refused.value


# In


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ('{"hello": {"nick": "alice"}}', Command("hello", fields={"nick": "alice"})),
        (
            '{"hello": {"resume": "T", "rooms": {"lobby": {"after": "17"}}, "history": 5, "version": 1}}',
            Command(
                "hello", fields={"resume": "T", "rooms": {"lobby": {"after": "17"}}, "history": 5, "version": 1}
            ),
        ),
        ('{"say": {"text": "hi"}}', Command("say", fields={"text": "hi"})),
        ('{"say": {"room": "lobby", "text": "hi"}}', Command("say", fields={"room": "lobby", "text": "hi"})),
        ('{"say": {"text": "hi"}, "id": "a 1"}', Command("say", fields={"text": "hi"}, id="a 1")),
        ('{"id": "a", "say": {"text": "hi"}}', Command("say", fields={"text": "hi"}, id="a")),
        ('{"who": {}}', Command("who", fields={})),
        ('{"nick": {"name": "al"}}', Command("nick", fields={"name": "al"})),
        ('{"history": {"before": "9", "limit": 3}}', Command("history", fields={"before": "9", "limit": 3})),
        ('{"quit": {"reason": "lunch"}}', Command("quit", fields={"reason": "lunch"})),
        # Space, and what is no line
        (' \t{ "who" : { } } \r', Command("who", fields={})),
        ("", None),
        (" \t ", None),
        # Text is clean when it has been parsed, whatever field it is in
        (r'{"say": {"text": "a\nb\r\nc\rd"}}', Command("say", fields={"text": "a\nb\nc\nd"})),
        (r'{"say": {"text": "a\u001b[2J\u0007\u0000b\u202e\tc"}}', Command("say", fields={"text": "a[2Jb c"})),
        (r'{"say": {"text": "\ud83d\ude00 \ud83d e\u0301"}}', Command("say", fields={"text": "😀  é"})),
        (r'{"nick": {"name": "a\ud800l"}}', Command("nick", fields={"name": "al"})),
        # Unknown fields, and null for what is not there
        ('{"v": 1, "say": {"text": "hi", "colour": [1]}, "at": null}', Command("say", fields={"text": "hi", "colour": [1]})),
        ('{"say": {"text": "hi"}, "trace": {"span": 1}}', Command("say", fields={"text": "hi"})),
        ('{"say": {"text": "hi"}, "id": null}', Command("say", fields={"text": "hi"})),
        ('{"say": {"text": "hi"}, "id": ""}', Command("say", fields={"text": "hi"})),
        ('{"say": {"text": "one"}, "say": {"text": "two"}}', Command("say", fields={"text": "two"})),
        # As people give it, in order
        (r'{"nick": {"words": "a\ud800l"}, "id": "1"}', Command("nick", "al", id="1")),
        ('{"who": {"words": ""}}', Command("who", "")),
        ('{"say": {"words": "hi", "text": "ho"}}', Command("say", fields={"words": "hi", "text": "ho"})),
        ('{"say": {"words": 1}}', Command("say", fields={"words": 1})),
        # What the table of commands is to judge
        ('{"dance": {}}', Command("dance", fields={})),
        ('{"say": {"text": 5}}', Command("say", fields={"text": 5})),
        ('{"": {}}', Command("", fields={})),
    ],
)  # fmt: skip
def test_a_line_is_read_as(line: str, command: Command | None) -> None:
    assert parsed(line) == command


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"hello", "not_json"),
        (b"{", "not_json"),
        (b'{"say": {"text": "hi"}', "not_json"),
        (b'{"say": {"text": "hi"}} {"say": {"text": "ho"}}', "not_json"),
        (b"{'say': {'text': 'hi'}}", "not_json"),
        (b'{"say": {"text": "\xff"}}', "not_json"),
        (b'{"say": {"text": "\xed\xa0\x80"}}', "not_json"),  # a surrogate, as UTF-8 never has it
        ('{"who": {}}'.encode("utf-16"), "not_json"),
        ('{"who": {}}'.encode("utf-32-le"), "not_json"),
        (b'\xef\xbb\xbf{"who": {}}', "not_json"),
        (b'{"say": {"text": "a\tb"}}', "not_json"),
        (b'{"say": {"text": "a\x00b"}}', "not_json"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not_json"),  # more digits than Python reads
        (b"\x04", "not_json"),
        (b"[" * MAX_LINE, "not_json"),
        (b'{"a":' * (MAX_LINE // 5), "not_json"),
        (b"[]", "not_json"),
        (b'"say"', "not_json"),
        (b"17", "not_json"),
        (b"null", "not_json"),
        (b"{}", "no_request"),
        (b'{"say": "hi"}', "no_request"),
        (b'{"say": ["hi"]}', "no_request"),
        (b'{"say": null, "id": "1"}', "no_request"),
        (b'{"who": {}, "id": 1}', "bad_id"),
        (b'{"who": {}, "id": false}', "bad_id"),
        (b'{"who": {}, "id": {"id": {}}}', "bad_id"),
        (b'{"who": {}, "id": ["1"]}', "bad_id"),
        (rb'{"who": {}, "id": "\ud800"}', "bad_id"),
        (rb'{"who": {}, "id": "1\n"}', "bad_id"),
        (rb'{"who": {}, "id": "\u001b[2J"}', "bad_id"),
        (rb'{"who": {}, "id": "\u202e1"}', "bad_id"),
        (b'{"who": {}, "id": "%s"}' % (b"x" * (ID_LONGEST + 1)), "bad_id"),
        (b'{"say": {"text": "%s"}}' % (rb"\n" * MAX_LINES), "too_many_lines"),
        (b'{"quit": {"reason": "%s"}}' % (rb"\r" * MAX_LINES), "too_many_lines"),
    ],
)  # fmt: skip
def test_a_line_is_refused_as(line: bytes, code: str) -> None:
    assert refused(line).code == code


def test_an_id_may_hold_anything_that_can_be_shown_and_200_characters() -> None:
    id = 'e\u0301 \\"' + "😀" * 195  # as it is, not normalised: the author looks for the same
    assert parsed(json.dumps({"who": {}, "id": id})) == Command("who", fields={}, id=id)
    assert ID_LONGEST == 200


def test_a_text_may_have_as_many_lines_as_fill_a_page() -> None:
    text = "\n".join("x" * MAX_LINES)
    assert parsed(json.dumps({"say": {"text": text}})) == Command("say", fields={"text": text})


def test_what_is_refused_for_its_contents_is_refused_under_its_id() -> None:
    assert refused('{"id": "7"}').id == "7"
    assert refused(json.dumps({"say": {"text": "\n" * MAX_LINES}, "id": "8"})).id == "8"
    assert refused("{").id == ""
    assert refused('{"id": 7}').id == ""


# Out


def rendered(kind: Kind, text: str = "", nick: str = "alice", **details: Any) -> dict[str, Any]:
    (line,) = JSON.render("#lobby", [Entry(17, Event(kind, TIME, "n1.2", "n1.1", nick, text, details))])
    return told(line)


def in_inbox(kind: Kind, nick: str, text: str, **details: Any) -> dict[str, Any]:
    """What an event tells in an inbox, of which all that is in no room tells."""
    (line,) = JSON.render("@n1.1", [Entry(17, Event(kind, TIME, "n1.2", "n1.7", nick, text, details))])
    return told(line)


def told(line: bytes) -> dict[str, Any]:
    """What a line tells; it must be one line, and safe wherever it is shown."""
    assert re.fullmatch(rb"[ -~]+\n", line)
    found: dict[str, Any] = json.loads(line)
    assert isinstance(found, dict)
    return found


EVENT = {
    "room": "lobby", "position": "17", "eid": "n1.2", "time": "2026-11-20T09:12:00.007Z", "nick": "alice",
}  # fmt: skip
"""What all events tell."""

EVENTS: list[tuple[Kind, str, dict[str, Any], dict[str, Any]]] = [
    (Kind.SAID, "hi", {}, {"text": "hi"}),
    (Kind.SAID, "hi\nho é\u200d😀", {"id": '"1"\\'}, {"text": "hi\nho é\u200d😀", "id": '"1"\\'}),
    # Whoever stored it
    (Kind.SAID, "hi\nho \x1b[2J\u200b\r!", {"id": "1\n\x7f"}, {"text": "hi\nho [2J !", "id": "1 "}),
    (Kind.DID, "waves", {}, {"text": "waves"}),
    (Kind.DID, "waves", {"id": "1"}, {"text": "waves", "id": "1"}),
    (Kind.JOINED, "", {}, {}),
    (Kind.LEFT, "", {}, {}),
    (Kind.LEFT, "lunch", {}, {"reason": "lunch"}),
    (Kind.RENAMED, "", {"new": "al"}, {"new": "al"}),
    (Kind.STARTED, "", {}, {"members": []}),
    (
        Kind.STARTED,
        "",
        {"kept": {"n1.1": ["bob", "bob", "bob", "secret"], "n1.7": ["É", "é", "e", "secret"]}},
        {"members": ["bob", "É"]},
    ),
    (Kind.PRIVATE, "hi\nho", {"to": "bob"}, {"to": "bob", "text": "hi\nho"}),
    (Kind.PRIVATE, "hi", {"to": "bob", "id": "1"}, {"to": "bob", "text": "hi", "id": "1"}),
    (Kind.PRIVATE, "hi \x1b[2J", {"to": "b\x1bob\n"}, {"to": "bob ", "text": "hi [2J"}),
    (Kind.AWAY, "lunch", {}, {"text": "lunch"}),
    (Kind.AWAY, "", {}, {"text": ""}),
    (Kind.BACK, "", {}, {}),
    # These stand in the server's own log, which nobody reads so far: no secret is told all the same.
    (Kind.CLAIMED, "", {"folded": "alice", "skeleton": "allce", "token": "secret"}, {}),
    (Kind.RELEASED, "", {"folded": "alice", "skeleton": "allce"}, {}),
    (Kind.ATTACHED, "", {"token": "secret"}, {}),
    (Kind.DETACHED, "", {"token": "secret"}, {}),
    (Kind.STARTED, "", {"kept": {}, "devices": {"secret": "n1.1"}, "away": {"n1.1": "secret"}}, {"members": []}),
    (Kind.REGISTERED, "", {"folded": "alice", "skeleton": "allce", "hash": "secret"}, {}),
    (Kind.PASSWORD, "", {"hash": "secret"}, {}),
    (Kind.OPERATOR, "", {}, {}),
    (Kind.CODE, "", {"digest": "secret"}, {}),
    (Kind.IGNORED, "bob", {"whom": "n1.7"}, {}),
    (Kind.UNIGNORED, "bob", {"whom": "n1.7"}, {}),
    (Kind.FORGOTTEN, "", {}, {}),
    # Rooms and moderation
    (Kind.SAID, "", {"removed": True, "id": "1"}, {"text": "", "removed": True, "id": "1"}),
    (Kind.SAID, "hi\nho", {"edited": True, "id": "1"}, {"text": "hi\nho", "edited": True, "id": "1"}),
    (Kind.DID, "waves\n\x1b", {"edited": True}, {"text": "waves\n", "edited": True}),
    (Kind.EDITED, "hi\nho", {"eid": "n1.1"}, {"of": "n1.1", "text": "hi\nho"}),
    (Kind.EDITED, "", {"eid": "n1.1", "removed": True}, {"of": "n1.1", "text": "", "removed": True}),
    (
        Kind.DELETED,
        "",
        {"eids": ["n1.1", "n1.2"], "positions": ["5", "6"], "whom": "n1.7", "name": "bob"},
        {"of": ["n1.1", "n1.2"], "whom": "bob"},
    ),
    (Kind.PARTED, "", {}, {}),
    (Kind.PARTED, "lunch", {}, {"reason": "lunch"}),
    (Kind.PARTED, "", {"put_out": True}, {"put_out": True}),
    (Kind.LEFT, "lunch", {"rooms": ["lobby", "dev"]}, {"reason": "lunch"}),
    (Kind.KICKED, "", {"whom": "n1.7", "name": "eve"}, {"whom": "eve"}),
    (Kind.KICKED, "spam", {"whom": "n1.7", "name": "eve"}, {"whom": "eve", "reason": "spam"}),
    (Kind.BANNED, "", {"whom": "n1.7", "name": "eve", "account": "n1.7"}, {"whom": "eve"}),
    (
        Kind.BANNED,
        "spam",
        {"name": "eve", "forms": ["eve"], "address": "192.0.2.7", "until": TIME},
        {"whom": "eve", "reason": "spam", "until": "2026-11-20T09:12Z"},
    ),
    (Kind.BANNED, "", {"name": "192.0.2.7", "network": "192.0.2.7"}, {}),
    (Kind.MUTED, "spam", {"name": "eve"}, {"whom": "eve", "reason": "spam"}),
    (Kind.MUTED, "", {"name": "n", "network": "192.0.2.7", "until": TIME}, {"until": "2026-11-20T09:12Z"}),
    (Kind.UNBANNED, "", {"name": "eve", "bans": ["n1.1"]}, {"whom": "eve"}),
    (Kind.UNBANNED, "", {"name": "192.0.2.7", "network": "192.0.2.7", "bans": ["n1.1"]}, {}),
    (Kind.UNMUTED, "", {"name": "eve", "bans": ["n1.1"]}, {"whom": "eve"}),
    (Kind.SET, "Ship \x1bit", {"setting": "topic"}, {"setting": "topic", "value": "Ship it"}),
    (Kind.SET, "", {"setting": "description"}, {"setting": "description", "value": ""}),
    (Kind.SET, "", {"setting": "slow", "value": 10}, {"setting": "slow", "value": 10}),
    (Kind.SET, "", {"setting": "private", "value": False}, {"setting": "private", "value": False}),
    (Kind.ROLE, "", {"whom": "n1.7", "name": "bob", "role": "owner"}, {"whom": "bob", "role": "owner"}),
    (Kind.ROLE, "", {"whom": "n1.7", "name": "bob", "role": ""}, {"whom": "bob", "role": ""}),
    (Kind.INVITED, "", {"whom": "n1.7", "name": "bob", "room": "lobby"}, {"whom": "bob"}),
    (Kind.CLOSED, "", {"name": "lobby", "folded": "lobby", "skeleton": "lobby"}, {}),
    (Kind.ANNOUNCED, "tea\nis ready", {"rooms": ["lobby", "dev"]}, {"text": "tea\nis ready"}),
]


@pytest.mark.parametrize(("kind", "text", "details", "more"), EVENTS)
def test_an_event_reads(kind: Kind, text: str, details: dict[str, Any], more: dict[str, Any]) -> None:
    assert rendered(kind, text, **details) == {"event": kind.value, **EVENT, **more}


def test_every_kind_of_event_is_in_the_table() -> None:
    assert {kind for kind, *_ in EVENTS} == set(Kind) - {*UNTOLD, Kind.REPORTED}


UNTOLD = [Kind.READ, Kind.ROOMS, Kind.OPENED, Kind.ERASED, Kind.FILTER, Kind.CHANGED]


@pytest.mark.parametrize("kind", UNTOLD)
def test_what_is_nobody_elses_business_is_shown_to_nobody(kind: Kind) -> None:
    entry = Entry(18, Event(kind, TIME, "n1.2", "n1.1", "", details={"position": "17"}))
    for log in ("@n1.1", "#lobby"):
        assert JSON.render(log, [entry]) == JSON.recall(log, [entry], several=True) == [b""]


def test_of_what_is_reported_nobody_reads_in_the_room() -> None:
    entry = Entry(18, Event(Kind.REPORTED, TIME, "n1.2", "n1.1", "bob", "spam", {"name": "eve", "room": "lobby"}))
    assert JSON.render("#lobby", [entry]) == JSON.recall("#lobby", [entry], several=True) == [b""]


@pytest.mark.parametrize(
    ("kind", "text", "details", "more"),
    [
        (Kind.PRIVATE, "hi", {"to": "alice"}, {"to": "alice", "text": "hi"}),
        (Kind.INVITED, "", {"name": "alice", "room": "dev"}, {"whom": "alice", "to": "dev"}),
        (Kind.REPORTED, "spam", {"name": "eve", "room": "dev"}, {"whom": "eve", "in": "dev", "reason": "spam"}),
    ],
)
def test_what_stands_in_an_inbox_is_in_no_room(
    kind: Kind, text: str, details: dict[str, Any], more: dict[str, Any]
) -> None:
    told_by_all = {field: value for field, value in EVENT.items() if field != "room"}
    assert in_inbox(kind, "bob", text, **details) == {"event": kind.value, **told_by_all, "nick": "bob", **more}


FIELDS_OF: dict[Kind, set[str]] = {
    Kind.SAID: {"id", "removed", "edited"},
    Kind.DID: {"id", "removed", "edited"},
    Kind.PRIVATE: {"id", "to"},
    Kind.EDITED: {"eid", "removed"},
    Kind.DELETED: {"eids", "name"},
    Kind.PARTED: {"put_out"},
    Kind.RENAMED: {"new"},
    Kind.STARTED: {"kept"},
    Kind.SET: {"setting", "value"},
    Kind.ROLE: {"name", "role"},
    Kind.INVITED: {"name", "room"},
    Kind.REPORTED: {"name", "room"},
    **{kind: {"name"} for kind in (Kind.KICKED, Kind.BANNED, Kind.MUTED, Kind.UNBANNED, Kind.UNMUTED)},
}
"""Details that programs read."""


@pytest.mark.parametrize("log", ["#lobby", "@n1.1", "server"])
@pytest.mark.parametrize("kind", Kind)
def test_no_detail_is_told_that_is_not_meant_to_be(kind: Kind, log: str) -> None:
    details: dict[str, Any] = {name: f"secret-{name}" for name in DETAILS}
    details |= {"until": TIME, "eids": ["secret-eids"], "kept": {"secret-id": ["secret-kept", "secret-form"]}}
    for left_out in ("none", "network", "removed"):
        given = {name: value for name, value in details.items() if name != left_out}
        entry = Entry(17, Event(kind, TIME, "n1.2", "secret-by", "alice", "text", given))
        lines = b"".join([*JSON.render(log, [entry]), *JSON.recall(log, [entry], several=True)])
        meant = FIELDS_OF.get(kind, set()) - ({"name"} if "network" in given else set())
        meant -= {"room"} if kind is Kind.INVITED and log != "@n1.1" else set()
        meant = set() if kind is Kind.REPORTED and log == "#lobby" else meant
        assert {name.decode() for name in re.findall(rb"secret-(\w+)", lines)} == meant - {left_out}


def test_history_is_marked() -> None:
    entry = Entry(17, Event(Kind.SAID, TIME, "n1.2", "n1.1", "alice", "hi"))
    (line,) = JSON.recall("#lobby", [entry], several=False)
    assert told(line) == {"event": "said", **EVENT, "text": "hi", "history": True}


def test_a_welcome_reads() -> None:
    lobby = Arrived("lobby", 17, ("bob", "carol"))
    welcome = Welcome("alice", "our chat", "1.0", [lobby], "secret")
    assert told(JSON.welcome(welcome)) == {
        "welcome": {
            "nick": "alice",
            "account": False,
            "server": "our chat",
            "version": "1.0",
            "rooms": {"lobby": {"members": ["alice", "bob", "carol"], "position": "17"}},
            "room": "lobby",
            "resume": "secret",
        }
    }
    owned = told(JSON.welcome(welcome._replace(account=True, inbox=5)))["welcome"]
    assert (owned["account"], owned["inbox"]) == (True, {"position": "5"})


def test_a_welcome_tells_of_every_room_and_in_which_one_talks() -> None:
    dev, lobby = Arrived("dev", 5, [], "Ship\x1b it"), Arrived("lobby", 17, ["bob"])
    welcome = told(JSON.welcome(Welcome("alice", "our chat", "1.0", [dev, lobby], "secret")))["welcome"]
    assert welcome["room"] == "dev"
    assert welcome["rooms"] == {
        "dev": {"members": ["alice"], "position": "5", "topic": "Ship it"},
        "lobby": {"members": ["alice", "bob"], "position": "17"},
    }


def test_who_is_in_no_room_is_welcomed_with_none() -> None:
    welcome = told(JSON.welcome(Welcome("alice", "our chat", "1.0", [], "secret")))["welcome"]
    assert welcome["rooms"] == {}
    assert "room" not in welcome


@pytest.mark.parametrize("several", [False, True])
def test_to_come_into_a_room_is_an_answer_or_is_told_where_it_was_asked_on_another_device(several: bool) -> None:
    dev = Arrived("dev", 5, ("bob",), "Ship it")
    there = {"room": "dev", "others": ["bob"], "position": "5", "topic": "Ship it"}
    join = Command("join", fields={"room": "dev"}, id="7")
    assert told(JSON.joined(dev, join, several)) == {"answer": "join", **there, "id": "7"}
    assert told(JSON.joined(dev, None, several)) == {"joined": there}
    assert "topic" not in told(JSON.joined(dev._replace(topic=""), None, several))["joined"]


def test_what_is_exported_reads_back_as_it_was() -> None:
    export = {"nick": "zo\u00eb", "messages": [{"text": "one\ntwo", "room": "dev"}]}
    assert told(JSON.exported(export)) == {"exported": export}


def test_the_format_is_the_same_for_who_is_in_several_rooms() -> None:
    assert JSON.several is JSON


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        (JSON.answer(Answer("words", {"a": 1}), Command("who", fields={})), {"answer": "who", "a": 1}),
        (
            JSON.answer(Answer("words", {"a": 1}), Command("who", fields={}, id="é")),
            {"answer": "who", "a": 1, "id": "é"},
        ),
        (JSON.answer(Answer(), Command("history", fields={})), {"answer": "history"}),
        (
            JSON.answer(Answer("1\n2\x1b", {"n": 1, "of": ["é\x1b", True]}), Command("who", "words", id="1")),
            {"answer": "who", "n": 1, "of": ["é", True], "words": "1\n2", "id": "1"},
        ),
        (JSON.answer(Answer("hello\nall")), {"notice": "hello\nall"}),
        (JSON.refuse(Refused("c", "no: é"), ""), {"refused": {"code": "c", "words": "no: é"}}),
        (JSON.refuse(Refused("c", "no"), "1"), {"refused": {"code": "c", "words": "no"}, "id": "1"}),
        (
            JSON.refuse(Refused("c", "no", {"position": "9"}), ""),
            {"refused": {"code": "c", "words": "no", "position": "9"}},
        ),
    ],
)
def test_an_answer_reads(line: bytes, meaning: dict[str, Any]) -> None:
    assert told(line) == meaning


def test_nobody_is_greeted_in_json() -> None:
    assert JSON.greet("our chat", "lobby", 3) == b""


# Whatever comes

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = sorted({parameter.field for ask in COMMANDS for parameter in ask.parameters})
ANY_REQUEST = st.dictionaries(
    st.sampled_from([*(ask.name for ask in COMMANDS), "id", "dance"]),
    st.dictionaries(st.sampled_from(FIELDS), ANY_JSON, max_size=4) | ANY_JSON,
    max_size=3,
)
ANY_LINE = st.text().map(clean)
ANY_TEXT = st.text().map(clean_lines)


@given(st.binary() | st.binary().map(b'{"a": %b}'.__mod__))
def test_any_bytes_are_parsed_or_refused(line: bytes) -> None:
    try:
        command = parsed(line)
    except Refused:
        return
    assert command is None or command.fields is not None


@given(ANY_JSON | ANY_REQUEST)
def test_any_json_is_parsed_or_refused(asked: object) -> None:
    try:
        command = parsed(json.dumps(asked))
    except Refused:
        return
    assert command is not None
    assert command.fields is not None
    command.id.encode()
    for field in command.fields.values():
        assert not isinstance(field, str) or all(line.isprintable() or line.encode() for line in field.split("\n"))


@given(
    st.builds(
        Event,
        kind=st.sampled_from([kind for kind in Kind if kind not in {*UNTOLD, Kind.REPORTED}]),
        time=st.integers(0, 4_102_444_800_000),
        eid=ANY_LINE,
        by=ANY_LINE,
        nick=ANY_LINE,
        text=ANY_TEXT,
        details=st.fixed_dictionaries(
            {},
            optional={
                **dict.fromkeys(("id", "new", "name", "setting", "role", "room", "network"), ANY_LINE),
                "until": st.integers(0),
                "value": st.booleans() | st.integers(),
                "eids": st.lists(ANY_LINE),
            },
        ),
    ),
    st.integers(1),
    st.sampled_from([JSON.render, partial(JSON.recall, several=True)]),
)
def test_any_event_is_one_line_that_reads_back_as_it_was(event: Event, position: int, render: Any) -> None:
    (line,) = render("#lobby", [Entry(position, event)])
    back = told(line)
    assert back["event"] == event.kind.value
    assert back["position"] == str(position)
    assert (back["eid"], back["nick"]) == (event.eid, event.nick)
    assert back.get("text", back.get("reason", "")) in ("", event.text)
    if event.kind in (Kind.SAID, Kind.DID, Kind.PRIVATE, Kind.AWAY):
        assert back["text"] == event.text
    fields = {Kind.SAID: ["id"], Kind.DID: ["id"], Kind.PRIVATE: ["id"], Kind.RENAMED: ["new"], Kind.SET: ["value"]}
    for field in event.details.keys() & fields.get(event.kind, []):
        assert back[field] == event.details[field]


@given(ANY_TEXT, st.dictionaries(ANY_LINE.filter(lambda name: name not in ("answer", "id")), ANY_LINE), ANY_LINE)
def test_any_answer_is_one_line_that_reads_back_as_it_was(words: str, fields: dict[str, str], id: str) -> None:
    back = told(JSON.answer(Answer(words, fields), Command("who", fields={}, id=id)))
    assert back == {"answer": "who", **fields, **({"id": id} if id else {})}
    assert told(JSON.answer(Answer(words))) == {"notice": words}
    assert told(JSON.refuse(Refused("code", words), id))["refused"]["words"] == words


@given(st.lists(ANY_REQUEST.map(json.dumps) | st.text() | st.binary(), max_size=6), st.booleans())
def test_whatever_a_program_sends_the_connection_goes_on_and_no_line_is_anything_but_json(
    lines: list[str | bytes], entered: bool
) -> None:
    world = World(JsonClient)
    program = world.enter("alice") if entered else world.connect()
    program.line('{"who": {}}')
    for line in lines:
        sent = line.encode(errors="replace") if isinstance(line, str) else line
        program.send(sent.replace(b"quit", b"bye").replace(b"\n", b" ") + b"\n")
    program.ask("hello", nick="alice")
    program.ask("who", "last")
    program.told()
    assert told(program.socket.taken.splitlines(keepends=True)[-1])["id"] == "last"
    assert all(told(line) for line in program.socket.taken.splitlines(keepends=True))
    assert not program.gone


# In a chat


@pytest.fixture
def world() -> World:
    return World(JsonClient)


@pytest.fixture
def alice(world: World) -> JsonClient:
    """Has come in."""
    client: JsonClient = world.enter("alice")
    return client


def answers(client: JsonClient, *lines: str) -> list[dict[str, Any]]:
    """What a program is told when it sends these lines."""
    before = len(client.told())
    for line in lines:
        client.line(line)
    return client.told()[before:]


def codes(client: JsonClient, *lines: str) -> list[str]:
    """With which codes these lines are refused, one after the other."""
    return [told["refused"]["code"] for told in answers(client, *lines)]


def test_what_one_says_comes_back_as_the_sign_that_it_is_kept(world: World, alice: JsonClient) -> None:
    said, did = answers(alice, '{"say": {"room": "lobby", "text": "hi"}, "id": "1"}', '{"me": {"text": "waves"}}')
    assert said.pop("eid") != did.pop("eid")
    assert said == {
        "event": "said", "room": "lobby", "position": "3", "time": "2026-11-20T09:12:00.000Z", "nick": "alice",
        "text": "hi", "id": "1",
    }  # fmt: skip
    assert did == {
        "event": "did", "room": "lobby", "position": "4", "time": "2026-11-20T09:12:00.000Z", "nick": "alice",
        "text": "waves",
    }  # fmt: skip


def test_every_command_of_the_table_is_asked_for_by_its_name() -> None:
    alice: JsonClient = World(JsonClient, rooms=[room_name("lobby"), room_name("dev")]).enter("alice")
    asked = {"join": {"room": "dev"}, "leave": {"room": "dev"}, "close": {"room": "lobby"}}
    done, refused = set(), {}
    for ask in COMMANDS:
        if ask.name not in ("hello", "enter", "quit"):
            *_, last = answers(alice, json.dumps({ask.name: asked.get(ask.name) or needed(ask), "id": ask.name}))
            assert last["id"] == ask.name
            assert last.get("answer", ask.name) == ask.name
            if "refused" in last:
                refused[ask.name] = last["refused"]["code"]
            else:
                done.add(ask.name)
    rights = {
        Right.OWN: "account_needed", Right.MODERATE: "moderator_needed", Right.OWN_ROOM: "owner_needed",
        Right.ACCOUNTS: "operator_needed", Right.OPERATE: "operator_needed",
    }  # fmt: skip
    assert {name: code for name, code in refused.items() if name not in ("reply", "unignore", "claim")} == {
        "register": "password_needed", "login": "password_needed",
        **{ask.name: rights[ask.right] for ask in COMMANDS if ask.right in rights},
    }  # fmt: skip
    assert done == {
        "help", "say", "me", "who", "nick", "echo", "join", "leave", "room", "rooms", "history", "search", "export",
        "msg", "inbox", "ignore", "whois", "away", "back", "account", "topic", "report", "delete", "edit",
    }  # fmt: skip


def needed(ask: Ask) -> dict[str, object]:
    """What the command cannot do without."""
    of_kinds: dict[Takes, object] = {Takes.NUMBER: 1, Takes.SWITCH: True}
    return {each.field: of_kinds.get(each.takes, "al") for each in ask.parameters if not each.optional}


def test_the_help_tells_of_each_command_how_it_is_used(alice: JsonClient) -> None:
    (told,) = answers(alice, '{"help": {"command": "who"}}')
    assert told == {"answer": "help", "commands": {"who": {"usage": "/who", "help": "Show who is in the room."}}}


def test_who_is_here(world: World, alice: JsonClient) -> None:
    world.enter("bob")
    assert answers(alice, '{"who": {"room": "lobby"}, "id": "w"}') == [
        {"answer": "who", "room": "lobby", "members": ["alice", "bob"], "id": "w"},
    ]
    assert answers(alice, '{"away": {"why": "lunch"}}', '{"who": {}}')[-1]["away"] == {"alice": "lunch"}
    assert "away" not in answers(alice, '{"back": {}}', '{"who": {}}')[-1]


def test_another_nickname_is_read_back_and_answered(alice: JsonClient) -> None:
    renamed, answer = answers(alice, '{"nick": {"name": "al"}, "id": "n"}')
    assert (renamed["event"], renamed["nick"], renamed["new"]) == ("renamed", "alice", "al")
    assert answer == {"answer": "nick", "nick": "al", "id": "n"}


def test_who_asks_in_words_is_answered_in_words_too(alice: JsonClient) -> None:
    said, answer, refused = answers(
        alice, '{"say": {"words": " two  words"}}', '{"who": {"words": ""}}', '{"help": {"words": "who what"}}'
    )
    assert said["text"] == " two  words"
    assert answer == {
        "answer": "who", "room": "lobby", "members": ["alice"], "words": "1 in #lobby: alice",
    }  # fmt: skip
    assert refused["refused"]["code"] == "bad_arguments"


@pytest.mark.parametrize("fields", ['{"words": 1}', '{"words": "hi", "room": 1}', '{"words": "hi", "why": "x"}'])
def test_words_that_are_none_or_not_alone_are_a_field_like_any_other(alice: JsonClient, fields: str) -> None:
    (refused,) = answers(alice, f'{{"say": {fields}}}')
    assert refused["refused"]["code"] == "bad_arguments"


def test_words_may_be_meant_for_a_room(alice: JsonClient) -> None:
    (said,) = answers(alice, '{"say": {"words": "hi", "room": "lobby"}}')
    assert (said["room"], said["text"]) == ("lobby", "hi")
    assert codes(alice, '{"say": {"words": "hi", "room": "kitchen"}}') == ["not_in_room"]


def test_a_command_may_be_given_in_words_and_is_answered_in_words_too(alice: JsonClient) -> None:
    renamed, answer = answers(alice, '{"nick": {"words": "al"}, "id": "n"}')
    assert renamed["new"] == "al"
    assert answer == {"answer": "nick", "nick": "al", "words": "", "id": "n"}
    assert answers(alice, '{"who": {"words": ""}}') == [
        {"answer": "who", "room": "lobby", "members": ["al"], "words": "1 in #lobby: al"}
    ]
    assert codes(alice, '{"who": {"words": "else"}}', '{"me": {"words": " "}}') == ["bad_arguments"] * 2


def test_history_comes_before_its_answer(alice: JsonClient) -> None:
    said = answers(alice, *(f'{{"say": {{"text": "{n}"}}}}' for n in range(5)))
    *history, answer = answers(alice, '{"history": {"limit": 2}, "id": "h"}')
    assert history == [one | {"history": True} for one in said[3:]]
    assert answer == {"answer": "history", "before": said[3]["position"], "id": "h"}
    *history, answer = answers(alice, json.dumps({"history": {"before": said[3]["position"], "limit": 2}}))
    assert history == [one | {"history": True} for one in said[1:3]]
    assert answers(alice, '{"history": {"limit": 0}}') == [{"answer": "history"}]


def test_who_enters_gets_as_much_history_as_they_ask_for(world: World, alice: JsonClient) -> None:
    for n in range(5):
        alice.say(str(n))
    none, some = world.connect(), world.connect()
    none.ask("hello", nick="bob")
    assert [*none.told()[0]] == ["welcome"]
    some.ask("hello", nick="carol", history=3, version=1, rooms={"lobby": {}})
    welcome, *history = some.told()
    assert welcome["welcome"]["rooms"]["lobby"]["members"] == ["carol", "alice", "bob"]
    assert [(one["text"], one["history"]) for one in history] == [("2", True), ("3", True), ("4", True)]


def test_who_enters_may_read_on_after_a_position_of_before(world: World, alice: JsonClient) -> None:
    for n in range(4):
        alice.say(str(n))
    alice.told()
    bob = world.connect()
    bob.ask("hello", nick="bob", rooms={"lobby": {"after": "4"}}, history=20)
    welcome, *events = bob.told()
    assert welcome["welcome"]["rooms"]["lobby"]["position"] == "4"
    assert [(one["event"], one.get("text"), "history" in one) for one in events] == [
        ("said", "2", False), ("said", "3", False), ("joined", None, False),
    ]  # fmt: skip
    assert [one["position"] for one in events] == ["5", "6", "7"]


def test_whoever_leaves_says_why_and_everything_before_is_answered(world: World, alice: JsonClient) -> None:
    bob = world.enter("bob")
    alice.say("one")
    alice.ask("quit", reason="lunch")
    assert alice.told()[-1]["text"] == "one"
    assert alice.gone
    assert bob.heard() == [("said", "alice", "one"), ("left", "alice", "lunch")]


def test_a_text_of_several_lines_is_one_message_and_reads_as_lines(world: World, alice: JsonClient) -> None:
    world.client = TextClient
    bob = world.enter("bob")
    (said,) = answers(alice, r'{"say": {"text": "one\r\ntwo\n\nfour"}}')
    assert said["text"] == "one\ntwo\n\nfour"
    assert bob.lines()[-4:] == ["alice: one", "alice: two", "alice: ", "alice: four"]


@pytest.mark.parametrize(
    "text", ["", " ", "\t", "\n", " \n ", "\u200b", "\x00", "\u2028", None, 5, True, [], ["hi"], {}, {"text": "hi"}]
)
def test_a_text_with_nothing_to_see_is_refused(alice: JsonClient, text: object) -> None:
    assert (
        codes(alice, json.dumps({"say": {"text": text}}), json.dumps({"me": {"text": text}})) == ["bad_arguments"] * 2
    )


@pytest.mark.parametrize("limit", [-1, NUMBER_MAX, 10**400, 1.5, 1e300, True, "", "x", "-1", "9" * 10, [], {}])
def test_a_number_out_of_range_is_refused(alice: JsonClient, limit: object) -> None:
    assert codes(alice, json.dumps({"history": {"limit": limit}})) == ["bad_arguments"]


@pytest.mark.parametrize("limit", [0, NUMBER_MAX - 1, "3"])
def test_a_number_within_range_is_taken(alice: JsonClient, limit: object) -> None:
    assert answers(alice, json.dumps({"history": {"limit": limit}})) == [{"answer": "history"}]


@pytest.mark.parametrize(
    ("rooms", "code"),
    [
        ({"kitchen": {}}, "no_room"),
        ({"lobby": {}, "kitchen": {}}, "no_room"),
        ({"\ud800\x1b": {}}, "no_room"),
        ({"lobby": "2"}, "bad_arguments"),
        ({"lobby": None}, "bad_arguments"),
        ({"lobby": {"after": 2}}, "bad_arguments"),
        ({"lobby": {"after": ["2"]}}, "bad_arguments"),
        ({"lobby": {"after": {}}}, "bad_arguments"),
        ({"lobby": {"after": ""}}, "position_unknown"),
        ({"lobby": {"after": "-1"}}, "position_unknown"),
        ({"lobby": {"after": "1e3"}}, "position_unknown"),
        ({"lobby": {"after": "\ud800\x1b"}}, "position_unknown"),
        ({"lobby": {"after": "9" * 400}}, "position_unknown"),
        ({"lobby": {"after": "2"}}, "position_unknown"),
        (["lobby"], "bad_arguments"),
        ("lobby", "bad_arguments"),
    ],
)
def test_rooms_and_positions_are_refused_before_anybody_comes_in(world: World, rooms: object, code: str) -> None:
    bob = world.connect()
    assert codes(bob, json.dumps({"hello": {"nick": "bob", "rooms": rooms}})) == [code]
    bob.enter("bob")
    assert bob.told()[-1]["welcome"]["nick"] == "bob"


def test_a_position_in_the_depths_of_lists_is_refused_like_any_other(world: World, alice: JsonClient) -> None:
    for depth in (10, 100, 500, 900, 950, 960, 970, 980, 990, 1000, 30_000):
        line = '{"hello": {"nick": "b", "rooms": {"lobby": {"after": %s}}}}' % ("[" * depth + "]" * depth)
        assert codes(world.connect(), line)[0] in ("bad_arguments", "not_json")


def test_a_position_that_is_not_there_is_refused_with_what_there_is(world: World, alice: JsonClient) -> None:
    bob = world.connect()
    assert answers(bob, '{"hello": {"nick": "bob", "rooms": {"lobby": {"after": "99"}}}, "id": "1"}') == [
        {
            "refused": {
                "code": "position_unknown",
                "words": "99 is no position in #lobby, which ends at 2",
                "room": "lobby",
                "position": "2",
            },
            "id": "1",
        }
    ]


@pytest.mark.parametrize("name", ["say", "me", "who", "history"])
def test_what_is_meant_for_another_room_is_not_done_in_this_one(world: World, alice: JsonClient, name: str) -> None:
    bob = world.enter("bob")
    alice.told()
    assert codes(alice, json.dumps({name: {"room": "kitchen", "text": "for the cook alone"}})) == ["not_in_room"]
    assert bob.heard() == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"dance": {}}', "no_command"),
        ('{"": {}}', "no_command"),
        (r'{"\u001b\ud800": {}}', "no_command"),
        ('{"hello": {"nick": "al"}}', "entered"),
        ('{"hello": {}}', "entered"),
        ('{"nick": {"name": "alice"}}', "nick_same"),
        ('{"nick": {"name": "a!"}}', "nick_invalid"),
        ('{"nick": {"name": "server"}}', "nick_reserved"),
        ('{"nick": {}}', "bad_arguments"),
        ('{"echo": {"on": "maybe"}}', "bad_arguments"),
        ('{"history": {"before": "x"}}', "bad_time"),
        ('{"history": {"before": "99"}}', "position_unknown"),
        ('{"history": {"after": "99"}}', "position_unknown"),
        ('{"history": {"after": "x"}}', "position_unknown"),
        ("[1]", "not_json"),
        ("{}", "no_request"),
    ],
)  # fmt: skip
def test_what_is_refused_has_a_code_and_the_connection_goes_on(alice: JsonClient, line: str, code: str) -> None:
    assert codes(alice, line) == [code]
    assert answers(alice, '{"who": {}}')[0]["answer"] == "who"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"hello": {}}', "bad_arguments"),
        ('{"hello": {"nick": "al", "version": 2}}', "version"),
        ('{"hello": {"nick": "alice"}}', "nick_taken"),
        ('{"hello": {"nick": "al", "password": "wrong"}}', "login_failed"),
        ('{"hello": {"nick": "al", "inbox": {"after": 1}}}', "bad_arguments"),
        ('{"login": {"nick": "al", "password": "wrong"}}', "login_failed"),
        ('{"register": {"password": "a good one"}}', "not_entered"),
    ],
)  # fmt: skip
def test_a_stranger_who_is_refused_may_come_in_all_the_same(
    world: World, alice: JsonClient, line: str, code: str
) -> None:
    stranger = world.connect()
    assert codes(stranger, line) == [code]
    stranger.enter("al")
    assert stranger.told()[-1]["welcome"]["nick"] == "al"


def test_the_version_that_is_spoken_is_told_to_who_wants_another(world: World) -> None:
    (told,) = answers(world.connect(), '{"hello": {"nick": "al", "version": 2}}')
    assert told["refused"]["version"] == 1


def test_a_stranger_may_do_nothing_but_come_in_ask_for_help_and_go(world: World, alice: JsonClient) -> None:
    stranger = world.connect()
    to_come_in = {"enter", "hello", "login", "register"}
    assert {ask.name for ask in COMMANDS if may(Role.STRANGER, ask.right)} == to_come_in | {"help", "quit"}
    for ask in COMMANDS:
        if not may(Role.STRANGER, ask.right):
            assert codes(stranger, json.dumps({ask.name: {"text": "hi"}})) == ["not_entered"]
    stranger.ask("help")
    stranger.ask("quit")
    assert stranger.gone
    assert alice.heard() == []


def test_to_ask_for_nothing_by_the_word_of_people_is_answered_too(world: World) -> None:
    assert answers(world.connect(), '{"enter": {}, "id": "1"}') == [{"answer": "enter", "id": "1"}]


def test_a_line_of_64_kib_is_said(world: World, alice: JsonClient) -> None:
    text = "x" * (MAX_LINE - len('{"say":{"text":""}}'))
    (said,) = answers(alice, f'{{"say":{{"text":"{text}"}}}}')
    assert said["text"] == text


@pytest.mark.parametrize("more", [1, 1000, 10 * MAX_LINE])
def test_a_longer_line_is_refused_and_the_next_is_good(world: World, alice: JsonClient, more: int) -> None:
    text = "x" * (MAX_LINE - len('{"say":{"text":""}}') + more)
    long, good = answers(alice, f'{{"say":{{"text":"{text}"}}}}', '{"say":{"text":"good"}}')
    assert long["refused"]["code"] == "line_too_long"
    assert str(MAX_LINE) in long["refused"]["words"]
    assert good["text"] == "good"


def test_what_could_not_be_saved_is_refused_under_its_id(logged: LoggedErrors) -> None:
    storage = FailingStorage()
    world = World(JsonClient, storage=storage)
    alice = world.enter("alice")
    storage.break_down(DISK_FULL)
    (told,) = answers(alice, '{"say": {"text": "hi"}, "id": "1"}')
    assert told["refused"]["code"] == "not_saved"
    assert told["id"] == "1"
    assert logged.flush("disk is full")


def test_the_words_of_the_day_and_of_the_end_are_notices() -> None:
    world = World(JsonClient, motd=("Be kind.", "Or be gone."))
    alice = world.connect()
    alice.ask("hello", nick="alice")
    notice, welcome = alice.told()
    assert notice == {"notice": "Be kind.\nOr be gone."}
    assert "welcome" in welcome
    ensureDeferred(world.chat.stop("back soon"))
    assert alice.told()[-1] == {"notice": "back soon"}
    assert alice.gone


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_lines_are_the_same_in_however_many_pieces_they_come(size: int) -> None:
    lines = (
        '{"hello": {"nick": "alice"}}\r\n\n{"say": {"text": "hé"}, "id": "1"}\n{\n{"who": {}}\r{"quit": {}}\n'.encode()
    )

    def told_in_pieces(size: int) -> list[dict[str, Any]]:
        program = World(JsonClient).connect()
        for start in range(0, len(lines), size):
            program.send(lines[start : start + size])
        assert program.gone
        return [one for one in program.told() if "welcome" not in one]  # which has a secret

    assert told_in_pieces(size) == told_in_pieces(len(lines))
    assert [next(iter(one)) for one in told_in_pieces(size)] == ["event", "refused", "answer"]


def test_bytes_that_telnet_would_take_for_its_own_are_no_utf8_and_nothing_else(alice: JsonClient) -> None:
    alice.send(b'{"say": {"text": "\xff\xf4\xff\xfd\x06"}}\n')
    assert alice.told()[-1]["refused"]["code"] == "not_json"
    assert b"\xff" not in alice.socket.taken


# The greeting


def test_who_speaks_first_in_json_is_not_greeted(world: World) -> None:
    program = world.connect()
    world.after(GREETING_PAUSE * 0.9)
    program.enter("alice")
    world.after(10)
    (line,) = program.lines()
    assert line.startswith('{"welcome":')


def test_nor_is_who_begins_to_speak_json_and_takes_their_time(world: World) -> None:
    program = world.connect()
    program.send(b"{")
    world.after(10)
    program.send(b'"hello": {"nick": "alice"}}\n')
    (line,) = program.lines()
    assert line.startswith('{"welcome":')


def test_who_waits_is_greeted_in_words_which_stand_before_the_first_line_of_json(world: World) -> None:
    program = world.connect()
    world.after(GREETING_PAUSE)
    program.enter("alice")
    greeting, question, welcome = program.lines()
    assert (greeting, question) == (
        "Welcome to chatroom, room #lobby: nobody is here yet.", "What nickname would you like?",
    )  # fmt: skip
    assert welcome.startswith('{"welcome":')


def test_a_person_who_speaks_first_is_greeted_in_words_at_once(world: World) -> None:
    world.client = TextClient
    person = world.connect()
    person.enter("alice")
    assert [one[0] for one in person.heard()] == ["greeted", "entered"]


def test_people_cannot_come_in_by_the_word_of_programs(world: World) -> None:
    world.client = TextClient
    person = world.connect()
    person.line("/hello alice")
    assert person.heard()[-1] == ("refused",)


def test_what_programs_said_is_kept_for_who_comes_later() -> None:
    storage = MemoryStorage()
    alice = World(JsonClient, storage=storage).enter("alice")
    alice.ask("say", "1", text="one\ntwo")
    alice.told()
    later = World(JsonClient, storage=storage, stamp="n2.").connect()
    later.ask("hello", nick="bob", history=1)
    _, said = later.told()
    assert (said["nick"], said["text"], said["id"], said["history"]) == ("alice", "one\ntwo", "1", True)
