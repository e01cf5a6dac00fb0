"""The format for people, to the word: other programs and tests rely on these words."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.event import DETAILS, Entry, Event, Kind
from chatroom.names import room_name
from chatroom.request import Answer, Arrived, Command, Refused, Welcome
from chatroom.wire.text import TEXT

from .chatting import MORNING, SlowStorage, TextClient, World


@pytest.fixture
def world() -> World:
    return World(TextClient)


def enter(world: World, nick: str) -> TextClient:
    client: TextClient = world.enter(nick)
    return client


def shown(client: TextClient) -> list[str]:
    """Lines since this was asked last; every line ends as telnet's do."""
    text = client.text()
    assert text == "".join(f"{line}\r\n" for line in text.split("\r\n")[:-1])
    seen = getattr(client, "seen", 0)
    client.seen = len(text)  # type: ignore[attr-defined]
    return text[seen:].split("\r\n")[:-1]


def people(world: World, *nicks: str) -> list[TextClient]:
    everybody = [enter(world, nick) for nick in nicks]
    for somebody in everybody:
        shown(somebody)
    return everybody


# Coming in


def test_the_greeting_is_at_most_four_lines_and_asks_for_a_nickname(world: World) -> None:
    stranger: TextClient = world.connect()
    world.after(1)
    greeting = shown(stranger)
    assert 1 <= len(greeting) <= 4
    assert greeting[0].split()[0] == "Welcome"
    assert "nickname" in greeting[-1]
    world.after(10)
    assert shown(stranger) == []


def test_the_greeting_tells_where_one_is_and_how_many_are_here() -> None:
    world = World(server_name="teahouse", rooms=[room_name("tea")])
    for here in ("nobody is here yet", "one is here", "2 are here"):
        stranger: TextClient = world.connect()
        world.after(1)
        assert shown(stranger)[0] == f"Welcome to teahouse, room #tea: {here}."
        stranger.line("a" * (5 + len(here)))


def test_an_empty_line_asks_again(world: World) -> None:
    stranger: TextClient = world.connect()
    world.after(1)
    greeting = shown(stranger)
    for line in ("", "   ", "\t"):
        stranger.line(line)
        assert shown(stranger) == greeting


def test_who_speaks_before_being_greeted_is_greeted_first(world: World) -> None:
    alice: TextClient = world.connect()
    alice.line("alice")
    assert shown(alice) == [
        "Welcome to chatroom, room #lobby: nobody is here yet.",
        "What nickname would you like?",
        "* You are alice, alone in #lobby. /help lists the commands, bye leaves.",
    ]
    world.after(1)
    assert shown(alice) == []


def test_help_and_quit_work_before_one_has_a_nickname(world: World) -> None:
    stranger: TextClient = world.connect()
    world.after(1)
    shown(stranger)
    stranger.line("/help")
    assert "* /who  Show who is in the room." in shown(stranger)
    stranger.line("/who")
    assert shown(stranger) == ["! say a nickname first"]
    stranger.line("/quit")
    assert shown(stranger) == []
    assert stranger.gone


@pytest.mark.parametrize("line", ["bye", "BYE", "Bye ", "/quit", "/quit tired", "/QUIT", "\x04"])
def test_a_stranger_leaves_as_everybody_else_does(world: World, line: str) -> None:
    alice = enter(world, "alice")
    shown(alice)
    stranger: TextClient = world.connect()
    stranger.line(line)
    assert stranger.gone
    assert shown(alice) == []


def test_history_stands_before_the_welcome_each_line_with_its_time_in_utc(world: World) -> None:
    alice, bob = people(world, "alice", "bob")
    bob.say("hello")
    world.after(60)
    alice.me("waves")
    world.after(3600)
    carol: TextClient = world.connect()
    carol.line("carol")
    assert shown(carol)[2:] == [
        "[2026-11-20 09:12] bob: hello",
        "[2026-11-20 09:13] * alice waves",
        "* You are carol, in #lobby with alice and bob. /help lists the commands, bye leaves.",
    ]


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ([], "alone in #lobby"),
        (["bob"], "in #lobby with bob"),
        (["bob", "carol"], "in #lobby with bob and carol"),
        (["bob", "carol", "dave"], "in #lobby with bob, carol and dave"),
        (list("abcdefghij"), "in #lobby with a, b, c, d, e, f, g, h, i and j"),
        (list("abcdefghijk"), "in #lobby with a, b and 9 others"),
        (["bob", "carol", *["x"] * 498], "in #lobby with bob, carol and 498 others"),
    ],
)
def test_the_welcome_tells_who_is_here(others: list[str], words: str) -> None:
    assert welcomed(Arrived("lobby", 1, others)) == [f"* You are alice, {words}. /help lists the commands, bye leaves."]


def welcomed(*rooms: Arrived) -> list[str]:
    return as_lines(TEXT.welcome(Welcome("alice", "chatroom", "1", rooms, "")))


def as_lines(data: bytes) -> list[str]:
    *lines, end = data.decode().split("\r\n")
    assert end == ""
    return lines


def test_who_is_in_no_room_is_told_how_to_enter_one() -> None:
    assert welcomed() == [
        "* You are alice, in no room; /rooms lists them, /join ROOM enters one. /help lists the commands, bye leaves."
    ]


def test_who_is_in_several_rooms_is_told_who_is_in_each_and_where_they_talk() -> None:
    rooms = Arrived("dev", 1, ["bob"]), Arrived("lobby", 2, []), Arrived("tea", 3, ["bob", "carol"])
    (line,) = welcomed(*rooms)
    assert line.startswith("* You are alice, in #dev with bob, in #lobby alone, in #tea with bob and carol; ")
    assert line.endswith("; what you say goes to #dev. /help lists the commands, bye leaves.")


def test_the_topic_of_each_room_that_has_one_stands_below_the_welcome() -> None:
    dev, lobby, tea = Arrived("dev", 1, [], "Ship it"), Arrived("lobby", 2, []), Arrived("tea", 3, [], "Earl Grey")
    assert welcomed(dev)[1:] == ["* Topic of #dev: Ship it"]
    assert welcomed(lobby)[1:] == []
    assert welcomed(dev, lobby, tea)[1:] == ["* Topic of #dev: Ship it", "* Topic of #tea: Earl Grey"]


@pytest.mark.parametrize(
    ("others", "command", "several", "line"),
    [
        (["bob", "carol"], Command("join", "dev"), False, "* You are in #dev with bob and carol."),
        ([], Command("join", "dev"), False, "* You are alone in #dev."),
        ([], Command("join", "dev"), True, "* You are alone in #dev. What you say goes there now; /room changes that."),
        (["bob"], None, True, "* You are in #dev with bob. (asked on another device)"),
        (["bob"], None, False, "* You are in #dev with bob."),
    ],
)
def test_who_comes_into_a_room_is_told_who_is_there(
    others: list[str], command: Command | None, several: bool, line: str
) -> None:
    assert as_lines(TEXT.joined(Arrived("dev", 1, others), command, several)) == [line]
    with_topic = Arrived("dev", 1, others, "Ship it")
    assert as_lines(TEXT.joined(with_topic, command, several)) == [line, "* Topic of #dev: Ship it"]


def test_what_is_exported_is_one_line_of_json() -> None:
    line = TEXT.exported({"nick": "zoë\x1b", "said": ["one\ntwo"]})
    assert re.fullmatch(rb"[ -~]+\r\n", line)
    assert json.loads(line) == {"nick": "zoë\x1b", "said": ["one\ntwo"]}


def test_the_message_of_the_day_is_shown_to_who_enters() -> None:
    world = World(motd=["Be kind.", "Tea is at five."])
    alice: TextClient = world.connect()
    alice.line("alice")
    assert shown(alice)[2:4] == ["* Be kind.", "* Tea is at five."]


@pytest.mark.parametrize(
    ("nick", "words"),
    [
        ("alice", "! alice is taken"),
        ("ALICE", "! ALICE is too like alice, which is taken"),
        ("a1ice", "! a1ice is too like alice, which is taken"),
        ("server", "! server is reserved"),
        ("a:b", "! a nickname cannot hold : (U+003A, colon)"),
        ("x" * 33, "! a nickname has at most 32 characters, and this one has 33"),
    ],
)
def test_a_nickname_is_refused_with_the_reason(world: World, nick: str, words: str) -> None:
    enter(world, "alice")
    stranger: TextClient = world.connect()
    stranger.line(nick)
    assert shown(stranger)[-1] == words


# Live


def test_what_happens_is_shown_in_these_words(world: World) -> None:
    alice, bob = people(world, "alice", "bob")
    bob.say("hello")
    bob.me("waves")
    bob.command("nick", name="robert")
    bob.quit("off to bed")
    assert shown(alice) == ["bob: hello", "* bob waves", "* bob is now robert", "* robert left (off to bed)"]
    people(world, "carol")[0].quit()
    assert shown(alice) == ["* carol joined", "* carol left"]


def together(world: World, *doing: Any) -> None:
    """Have it all happen in one commit, and so in one page."""
    storage: Any = world.storage
    storage.slow = True
    for do in doing:
        do()
    world.settle()
    storage.slow = False
    storage.commit()
    world.settle()


def test_joins_and_leaves_that_stand_next_to_one_another_are_one_line() -> None:
    world = World(storage=SlowStorage())
    alice, bob = people(world, "alice", "bob")
    newcomers: list[TextClient] = [world.connect() for _ in range(12)]
    together(
        world, *[lambda who=who, n=n: who.enter(f"guest{n}") for who, n in zip(newcomers, "abcdefghjkmn", strict=True)]
    )
    assert shown(alice) == ["* guesta, guestb and 10 others joined"]
    together(world, newcomers[0].quit, newcomers[1].quit, lambda: newcomers[2].quit("tired"), newcomers[3].quit)
    assert shown(alice) == ["* guesta and guestb left", "* guestc left (tired)", "* guestd left"]
    together(world, newcomers[4].quit, lambda: bob.say("so few"), newcomers[5].quit)
    assert shown(alice) == ["* gueste left", "bob: so few", "* guestf left"]
    assert shown(bob)[-2:] == ["* gueste left", "* guestf left"]


def test_what_stands_between_two_joins_is_shown_between_them() -> None:
    entries = happened(
        (Kind.JOINED, "bob", ""), (Kind.SAID, "bob", "hi"), (Kind.JOINED, "carol", ""), (Kind.LEFT, "bob", ""),
        (Kind.RENAMED, "carol", ""), (Kind.JOINED, "dave", ""), (Kind.JOINED, "eve", ""), (Kind.STARTED, "", ""),
        (Kind.JOINED, "frank", ""),
    )  # fmt: skip
    assert b"".join(TEXT.render("#tea", entries)).decode().split("\r\n")[:-1] == [
        "* bob joined",
        "bob: hi",
        "* carol joined",
        "* bob left",
        "* carol is now new",
        "* dave and eve joined",
        "* frank joined",
    ]


def test_who_parts_is_shown_among_those_who_leave() -> None:
    entries = happened((Kind.LEFT, "bob", ""), (Kind.PARTED, "carol", ""), (Kind.PARTED, "dave", "lunch"))
    assert shown_to_all(entries) == ["* bob and carol left", "* dave left (lunch)"]


def test_what_some_readers_are_told_in_another_room_is_told_alone() -> None:
    bob, carol, dave, eve, frank = happened(
        *[(Kind.LEFT, nick, "") for nick in ("bob", "carol", "dave", "eve", "frank")]
    )
    entries = [bob, carol, in_several(dave), in_several(eve), frank]
    assert TEXT.render("#tea", entries) == [
        b"* bob and carol left\r\n", b"", b"* dave left\r\n", b"* eve left\r\n", b"* frank left\r\n",
    ]  # fmt: skip


def in_several(entry: Entry) -> Entry:
    return Entry(entry.position, entry.event._replace(details={"rooms": ["tea", "dev"]}))


def shown_to_all(entries: Sequence[Entry], log: str = "#tea") -> list[str]:
    return as_lines(b"".join(TEXT.render(log, entries)))


def test_text_of_several_lines_is_several_such_lines() -> None:
    entries = happened((Kind.SAID, "bob", "one\ntwo"), (Kind.DID, "bob", "sings\nand dances"))
    assert TEXT.render("#tea", entries) == [b"bob: one\r\nbob: two\r\n", b"* bob sings\r\n* bob and dances\r\n"]
    assert (
        TEXT.recall("#tea", entries, several=False)[0]
        == b"[2026-11-20 09:12] bob: one\r\n[2026-11-20 09:12] bob: two\r\n"
    )


UNTIL = MORNING * 1000

TOLD: list[tuple[Kind, str, dict[str, Any], list[str]]] = [
    (Kind.SAID, "hi", {"id": "7"}, ["alice: hi"]),
    (Kind.SAID, "", {"removed": True}, ["alice: (removed)"]),
    (Kind.DID, "", {"removed": True}, ["* alice (removed)"]),
    (Kind.SAID, "one\ntwo", {"edited": True}, ["alice: one", "alice: two (edited)"]),
    (Kind.DID, "waves", {"edited": True}, ["* alice waves (edited)"]),
    (Kind.SAID, "", {"edited": True, "removed": True}, ["alice: (removed)"]),
    (Kind.EDITED, "one\ntwo", {"eid": "n1.2"}, ["* alice corrects: one", "* alice corrects: two"]),
    (Kind.EDITED, "", {"eid": "n1.2", "removed": True}, []),
    (Kind.DELETED, "", {"name": "bob", "eids": ["n1.2"]}, ["* alice removed a message of bob"]),
    (Kind.DELETED, "", {"name": "bob", "eids": ["1", "2", "3"]}, ["* alice removed 3 messages of bob"]),
    (Kind.DELETED, "", {"name": "alice", "eids": ["n1.2"]}, ["* alice removed a message"]),
    (Kind.DELETED, "", {"name": "alice", "eids": ["1", "2"]}, ["* alice removed 2 messages"]),
    (Kind.JOINED, "", {}, ["* alice joined"]),
    (Kind.LEFT, "lunch", {}, ["* alice left (lunch)"]),
    (Kind.LEFT, "lunch", {"rooms": ["dev", "tea"]}, ["* alice left (lunch)"]),
    (Kind.PARTED, "", {}, ["* alice left"]),
    (Kind.PARTED, "lunch", {}, ["* alice left (lunch)"]),
    (Kind.PARTED, "", {"put_out": True}, []),
    (Kind.AWAY, "lunch", {"rooms": ["dev"]}, ["* alice is away (lunch)"]),
    (Kind.BACK, "", {}, ["* alice is back"]),
    (Kind.KICKED, "", {"name": "eve"}, ["* alice kicked eve"]),
    (Kind.KICKED, "spam", {"name": "eve"}, ["* alice kicked eve (spam)"]),
    (Kind.BANNED, "", {"name": "eve"}, ["* alice banned eve"]),
    (Kind.BANNED, "spam", {"name": "eve", "until": UNTIL}, ["* alice banned eve until 2026-11-20 09:12 UTC (spam)"]),
    (Kind.BANNED, "spam", {"name": "192.0.2.7", "network": "192.0.2.7"}, ["* alice banned an address (spam)"]),
    (Kind.MUTED, "", {"name": "eve"}, ["* alice muted eve"]),
    (Kind.MUTED, "spam", {"name": "eve", "until": UNTIL}, ["* alice muted eve until 2026-11-20 09:12 UTC (spam)"]),
    (Kind.MUTED, "", {"name": "192.0.2.7", "network": "192.0.2.7"}, ["* alice muted an address"]),
    (Kind.UNBANNED, "", {"name": "eve"}, ["* alice lifted the ban of eve"]),
    (Kind.UNBANNED, "", {"name": "192.0.2.7", "network": "192.0.2.7"}, ["* alice lifted the ban of an address"]),
    (Kind.UNMUTED, "", {"name": "eve"}, ["* alice let eve speak again"]),
    (Kind.UNMUTED, "", {"name": "192.0.2.7", "network": "192.0.2.7"}, ["* alice let an address speak again"]),
    (Kind.SET, "Ship it", {"setting": "topic"}, ["* alice set the topic: Ship it"]),
    (Kind.SET, "", {"setting": "topic"}, ["* alice took the topic away"]),
    (Kind.SET, "a {room}", {"setting": "description"}, ["* alice described #dev: a {room}"]),
    (Kind.SET, "", {"setting": "description"}, ["* alice took the description away"]),
    (Kind.SET, "", {"setting": "private", "value": True}, ["* alice made #dev private"]),
    (Kind.SET, "", {"setting": "private", "value": False}, ["* alice made #dev public"]),
    (Kind.SET, "", {"setting": "announce-only", "value": True}, ["* alice lets only who has a voice talk"]),
    (Kind.SET, "", {"setting": "announce-only", "value": False}, ["* alice lets everybody talk"]),
    (Kind.SET, "", {"setting": "slow", "value": 10}, ["* alice slowed #dev: a message each in 10 seconds"]),
    (Kind.SET, "", {"setting": "slow", "value": 0}, ["* alice slows #dev no more"]),
    (Kind.SET, "", {"setting": "lockdown", "value": True}, ["* alice locked #dev: only accounts may enter"]),
    (Kind.SET, "", {"setting": "lockdown", "value": False}, ["* alice unlocked #dev"]),
    (Kind.SET, "", {"setting": "colour", "value": "red"}, ["* alice set colour"]),
    (Kind.ROLE, "", {"name": "bob", "role": "owner"}, ["* alice made bob owner"]),
    (Kind.ROLE, "", {"name": "bob", "role": "moderator"}, ["* alice made bob moderator"]),
    (Kind.ROLE, "", {"name": "bob", "role": "voiced"}, ["* alice gave bob a voice"]),
    (Kind.ROLE, "", {"name": "bob", "role": ""}, ["* alice took bob's role away"]),
    (Kind.INVITED, "", {"name": "bob", "room": "dev"}, ["* alice invited bob"]),
    (Kind.ANNOUNCED, "one\ntwo", {}, ["* alice tells everybody: one", "* alice tells everybody: two"]),
    *((kind, "x", {}, []) for kind in (Kind.FILTER, Kind.OPENED, Kind.ROOMS, Kind.ERASED, Kind.READ, Kind.STARTED)),
    (Kind.CHANGED, "x", {"eid": "n1.1", "positions": ["5"]}, []),
    *((kind, "x", {}, []) for kind in (Kind.REGISTERED, Kind.PASSWORD, Kind.CLAIMED, Kind.ATTACHED, Kind.CODE)),
]


@pytest.mark.parametrize(("kind", "text", "details", "lines"), TOLD)
def test_an_event_of_a_room_is_told_so(kind: Kind, text: str, details: dict[str, Any], lines: list[str]) -> None:
    entry = Entry(1, Event(kind, MORNING * 1000, "n1.1", "n1.7", "alice", text, details))
    assert shown_to_all([entry], "#dev") == lines
    assert as_lines(TEXT.recall("#dev", [entry], several=False)[0]) == [f"[2026-11-20 09:12] {line}" for line in lines]


@pytest.mark.parametrize(("kind", "text", "details", "lines"), TOLD)
def test_who_is_in_several_rooms_is_told_in_which_except_what_everybody_is_told(
    kind: Kind, text: str, details: dict[str, Any], lines: list[str]
) -> None:
    entry = Entry(1, Event(kind, MORNING * 1000, "n1.1", "n1.7", "alice", text, details))
    before = "" if kind is Kind.ANNOUNCED else "#dev "
    assert as_lines(TEXT.several.render("#dev", [entry])[0]) == [before + line for line in lines]
    timed = [f"[2026-11-20 09:12] {before}{line}" for line in lines]
    assert as_lines(TEXT.recall("#dev", [entry], several=True)[0]) == timed


@pytest.mark.parametrize(
    ("kind", "text", "details", "line"),
    [
        (Kind.SET, "Tea", {"setting": "topic"}, "* the server set the topic: Tea"),
        (Kind.KICKED, "", {"name": "eve"}, "* the server kicked eve"),
        (Kind.DELETED, "", {"name": "eve", "eids": ["1"]}, "* the server removed a message of eve"),
        (Kind.ANNOUNCED, "Tea", {}, "* the server tells everybody: Tea"),
    ],
)
def test_what_nobody_did_was_done_by_the_server(kind: Kind, text: str, details: dict[str, Any], line: str) -> None:
    assert shown_to_all([Entry(1, Event(kind, 0, "", "", "", text, details))]) == [line]


@pytest.mark.parametrize(
    ("kind", "nick", "text", "details", "line"),
    [
        (Kind.PRIVATE, "bob", "hi", {"to": "alice"}, "bob -> you: hi"),
        (Kind.INVITED, "bob", "", {"name": "alice", "room": "dev"}, "* bob invites you to #dev: /join dev"),
        (Kind.REPORTED, "bob", "spam", {"name": "eve", "room": "dev"}, "* bob reports eve in #dev: spam"),
        (Kind.REPORTED, "", "spam", {"name": "eve", "room": "dev"}, "* the server reports eve in #dev: spam"),
    ],
)
def test_an_inbox_reads_so_also_for_who_is_in_several_rooms(
    kind: Kind, nick: str, text: str, details: dict[str, Any], line: str
) -> None:
    entry = Entry(1, Event(kind, MORNING * 1000, "n1.1", "n1.7", nick, text, details))
    for format in (TEXT, TEXT.several):
        assert as_lines(format.render("@a1", [entry])[0]) == [line]
        assert as_lines(format.recall("@a1", [entry], several=True)[0]) == [f"[2026-11-20 09:12] {line}"]


def test_joins_and_long_talk_tell_the_room_too_for_who_is_in_several() -> None:
    entries = happened((Kind.JOINED, "bob", ""), (Kind.JOINED, "carol", ""), (Kind.SAID, "bob", "one\ntwo"))
    assert TEXT.several.render("#dev", entries) == [
        b"#dev * bob and carol joined\r\n", b"", b"#dev bob: one\r\n#dev bob: two\r\n",
    ]  # fmt: skip


def test_there_is_one_format_for_who_is_in_several_rooms() -> None:
    assert TEXT.several is TEXT.several
    assert TEXT.several.several is TEXT.several


@pytest.mark.parametrize("log", ["#dev", "@n1.7", "server"])
@pytest.mark.parametrize("kind", Kind)
def test_no_detail_is_shown_that_is_not_meant_to_be(kind: Kind, log: str) -> None:
    details: dict[str, Any] = {name: f"secret-{name}" for name in DETAILS}
    details |= {"until": UNTIL, "eids": ["secret-eids"], "kept": {"secret": ["secret-kept"]}}
    for left_out in ((), ("removed", "put_out"), ("network",), ("network", "removed", "put_out")):
        told = {name: value for name, value in details.items() if name not in left_out}
        entry = Entry(1, Event(kind, 0, "secret-eid", "secret-by", "alice", "text", told))
        shown = b"".join(
            [*TEXT.render(log, [entry]), *TEXT.several.render(log, [entry]), *TEXT.recall(log, [entry], several=True)]
        )
        allowed = SHOWN.get(kind, set()) - ({"name"} if "network" in told and kind in BY_ADDRESS else set())
        allowed -= {"room"} if kind is Kind.INVITED and log[:1] != "@" else set()
        assert {match.decode() for match in re.findall(rb"secret-(\w+)", shown)} <= allowed


BY_ADDRESS = {Kind.BANNED, Kind.MUTED, Kind.UNBANNED, Kind.UNMUTED}

SHOWN = {
    Kind.PRIVATE: {"to"},
    Kind.RENAMED: {"new"},
    Kind.SET: {"setting"},
    Kind.ROLE: {"name", "role"},
    Kind.INVITED: {"name", "room"},
    Kind.REPORTED: {"name", "room"},
    **{kind: {"name"} for kind in (Kind.DELETED, Kind.KICKED, *BY_ADDRESS)},
}
"""Details that people read."""


def test_a_page_has_one_piece_for_each_entry() -> None:
    entries = happened(*[(kind, "bob", "x") for kind in Kind for _ in range(3)])
    assert len(TEXT.render("#tea", entries)) == len(TEXT.recall("#tea", entries, several=False)) == len(entries)


def test_ones_own_words_are_sent_back_only_to_who_asks(world: World) -> None:
    (alice,) = people(world, "alice")
    alice.say("hello")
    assert shown(alice) == []
    alice.line("/echo on")
    alice.say("hello")
    alice.me("waves")
    assert shown(alice) == ["* your own lines are sent back to you", "alice: hello", "* alice waves"]
    alice.line("/echo off")
    alice.say("hello")
    assert shown(alice) == ["* your own lines are not sent back to you"]


# Asking


def test_an_unknown_command_is_refused_to_the_asker_only_and_names_the_nearest(world: World) -> None:
    alice, bob = people(world, "alice", "bob")
    for line, words in [
        ("/whoo", "! no command /whoo; did you mean /who?"),
        ("/WHOO is there", "! no command /whoo; did you mean /who?"),
        ("/xyzzy", "! no command /xyzzy; /help lists the commands"),
        ("/", "! no command /; /help lists the commands"),
        ("/ hello", "! no command /; /help lists the commands"),
        (f"/{'x' * 100}", f"! no command /{'x' * 32}; /help lists the commands"),
    ]:
        alice.line(line)
        assert shown(alice) == [words]
    assert shown(bob) == []


A_TIME = "a time is written like 2026-11-20 or 2026-11-20T09:12, in UTC, from 1970 on"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/me", "! it is /me ACTION"),
        ("/me   ", "! it is /me ACTION"),
        ("/who is there", "! it is /who"),
        ("/history many", f"! {A_TIME}; the last two hours are 2h"),
        ("/history 1 2", f"! {A_TIME}; the last two hours are 2h"),
        ("/history -1", f"! {A_TIME}; the last two hours are 2h"),
        ("/history before", f"! {A_TIME}; the last two hours are 2h"),
        ("/history before noon", f"! {A_TIME}"),
        ("/echo", "! it is /echo on|off"),
        ("/echo maybe", "! it is /echo on|off"),
        ("/nick", "! it is /nick NAME"),
        ("/help /whoo", "! no command /whoo; did you mean /who?"),
        ("/nick alice", "! you are alice already"),
        ("/enter bob", "! you are in already; /nick takes another nickname"),
    ],
)
def test_a_command_that_is_not_asked_for_rightly_is_refused(world: World, line: str, words: str) -> None:
    (alice,) = people(world, "alice")
    alice.line(line)
    assert shown(alice) == [words]


def test_help_shows_every_command_that_one_may_ask_for_with_its_words_and_what_it_does(world: World) -> None:
    (alice,) = people(world, "alice")
    alice.line("/help")
    listed = shown(alice)
    assert [re.match(r"\* /([\w-]+)", line)[1] for line in listed] == [  # type: ignore[index]
        "help", "me", "who", "nick", "echo", "quit", "join", "leave", "room", "rooms", "history", "search", "export",
        "msg", "reply", "inbox", "ignore", "unignore", "whois", "away", "back", "register", "login", "account", "claim",
        "topic", "report", "delete", "edit",
    ]  # fmt: skip
    assert "* /quit [why]  Leave; so does bye." in listed
    assert "* /history [N|2h|DATE|before TIME]  Show what was said: the last lines (20)." in listed
    for line in ("/help who", "/help /who", "/HELP WHO"):
        alice.line(line)
        assert shown(alice) == ["* /who  Show who is in the room."]
    stranger = world.connect()
    stranger.line("/help")
    assert [line for line in stranger.lines() if line.startswith("* ")] == listed


def test_who_tells_ten_names_in_a_line(world: World) -> None:
    people(world, *[f"guest{letter}" for letter in "abcdefghjkmn"])
    alice = enter(world, "alice")
    shown(alice)
    alice.line("/who")
    assert shown(alice) == [
        "* 13 in #lobby: guesta, guestb, guestc, guestd, gueste, guestf, guestg, guesth, guestj, guestk",
        "* guestm, guestn, alice",
    ]


def test_two_slashes_say_one(world: World) -> None:
    alice, bob = people(world, "alice", "bob")
    for line in ("//shrug", "///", "//", "a // b", "http://x", "1/2"):
        alice.line(line)
    assert shown(bob) == ["alice: /shrug", "alice: //", "alice: /", "alice: a // b", "alice: http://x", "alice: 1/2"]


def test_empty_lines_are_nothing(world: World) -> None:
    alice, bob = people(world, "alice", "bob")
    for line in ("", "  ", "\t", "\x07"):
        alice.line(line)
    assert shown(alice) == shown(bob) == []


# Leaving


@pytest.mark.parametrize("line", ["bye", "BYE", " bYe ", "/quit", "\x04"])
def test_a_line_leaves_and_others_see_it_once(world: World, line: str) -> None:
    alice, bob = people(world, "alice", "bob")
    bob.line(line)
    assert bob.gone
    assert shown(alice) == ["* bob left"]


def test_goodbye_and_such_are_only_said(world: World) -> None:
    alice, bob = people(world, "alice", "bob")
    for line in ("goodbye", "bye all", "bye.", "byebye"):
        bob.line(line)
    assert shown(alice) == ["bob: goodbye", "bob: bye all", "bob: bye.", "bob: byebye"]


def test_control_d_leaves_without_a_line_end_too(world: World) -> None:
    alice, bob = people(world, "alice", "bob")
    bob.send(b"\x04")
    assert bob.gone
    assert shown(alice) == ["* bob left"]


def test_the_reason_of_a_quit_is_shown(world: World) -> None:
    alice, bob = people(world, "alice", "bob")
    bob.line("/quit   it is late  ")
    assert shown(alice) == ["* bob left (it is late)"]


@pytest.mark.parametrize("way", ["end", "hang_up"])
def test_the_last_line_counts_without_its_end(world: World, way: str) -> None:
    alice, bob = people(world, "alice", "bob")
    bob.send(b"first\nlast words")
    getattr(bob, way)()
    assert shown(alice) == ["bob: first", "bob: last words", "* bob left"]


def test_a_whole_conversation_may_come_in_one_chunk(world: World) -> None:
    (alice,) = people(world, "alice")
    bot: TextClient = world.connect()
    bot.send(b"bot\r\nhi\n/me beeps\r\n/who\nbye\n")
    assert shown(alice) == ["* bot joined", "bot: hi", "* bot beeps", "* bot left"]
    assert shown(bot)[-2:] == [
        "* You are bot, in #lobby with alice. /help lists the commands, bye leaves.",
        "* 2 in #lobby: alice, bot",
    ]
    assert bot.gone


def test_half_closed_input_gets_all_its_answers(world: World) -> None:
    bot: TextClient = world.connect()
    bot.send(b"bot\nhi\n/history 1\n/who")
    bot.end()
    assert shown(bot)[-3:] == [
        "* You are bot, alone in #lobby. /help lists the commands, bye leaves.",
        "[2026-11-20 09:12] bot: hi",
        "* 1 in #lobby: bot",
    ]
    assert bot.gone


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_lines_are_the_same_in_however_many_pieces_they_come(size: int) -> None:
    lines = "alice\r\nhé\n#lobby hi\n#lobby //x\n#lobby /me waves\n#lobby /who\n#1 is best\n/who\nbye\n".encode()

    def shown_in_pieces(size: int) -> tuple[list[str], list[str]]:
        world = World(TextClient)
        bob = enter(world, "bob")
        alice: TextClient = world.connect()
        for start in range(0, len(lines), size):
            alice.send(lines[start : start + size])
        assert alice.gone
        return shown(alice), shown(bob)

    assert shown_in_pieces(size) == shown_in_pieces(len(lines))
    _, to_bob = shown_in_pieces(size)
    assert to_bob[-6:] == ["alice: hé", "alice: hi", "alice: /x", "* alice waves", "alice: #1 is best", "* alice left"]


# Both ways, as tables

PARSED: list[tuple[bytes, Command | None]] = [
    (b"hello", Command("say", "hello")),
    (b"  hello ", Command("say", "  hello ")),
    ("grüß".encode(), Command("say", "grüß")),
    ("grüß".encode("latin-1"), Command("say", "grüß")),
    (b"a\tb\x1b[31mc", Command("say", "a b[31mc")),
    (b"", None),
    (b" ", None),
    (b"/me waves", Command("me", "waves")),
    (b"/ME  waves ", Command("me", "waves")),
    (b"//me", Command("say", "/me")),
    (b" /me", Command("me", "")),
    (b"/", Command("", "")),
    (b"bye", Command("quit")),
    (b"\tBye\x07", Command("quit")),
    (b"\x04", Command("quit")),
    (b"a\x04", Command("say", "a")),
    # To a room
    (b"#dev hello", Command("say", fields={"room": "dev", "text": "hello"})),
    (b"#dev  two  words ", Command("say", fields={"room": "dev", "text": " two  words "})),
    (b"#Dev bye", Command("say", fields={"room": "Dev", "text": "bye"})),
    (b"#dev #tea hello", Command("say", fields={"room": "dev", "text": "#tea hello"})),
    (b"#dev //x", Command("say", fields={"room": "dev", "text": "/x"})),
    (b"#dev  /x", Command("say", fields={"room": "dev", "text": " /x"})),
    (b"#dev /me waves", Command("me", fields={"room": "dev", "text": "waves"})),
    (b"#dev /ME  waves ", Command("me", fields={"room": "dev", "text": "waves"})),
    ("#t\u00e9 \u00e9".encode(), Command("say", fields={"room": "t\u00e9", "text": "\u00e9"})),
    *(
        (line, Command("say", line.decode()))
        for line in (b"#", b"##x y", b"# heading", b"#1 is best", b"#dev", b"#dev  ")
    ),
    ("#\u0663 x".encode(), Command("say", "#\u0663 x")),
    ("#\u3000x y".encode(), Command("say", "#\u3000x y")),
    (b" #dev hello", Command("say", " #dev hello")),
    (b"//#dev hello", Command("say", "/#dev hello")),
    # To who runs the server
    (b"/server ban eve 2h", Command("server-ban", "eve 2h")),
    (b"/SERVER  Ban  eve", Command("server-ban", "eve")),
    (b"/server bans", Command("server-bans")),
    (b"/server", Command("server")),
    (b"/servers ban eve", Command("servers", "ban eve")),
]


@pytest.mark.parametrize(("line", "command"), PARSED)
def test_a_line_is_read_so(line: bytes, command: Command | None) -> None:
    assert TEXT.parse(line, entered=True) == command


@pytest.mark.parametrize(("line", "command"), PARSED)
def test_a_stranger_s_line_is_read_so(line: bytes, command: Command | None) -> None:
    if command is None:
        command = Command("enter", "")
    elif command.fields is not None:
        command = Command("enter", line.decode().strip())
    elif command.name == "say":
        command = Command("enter", ("/" if line[:2] == b"//" else "") + command.words.strip())
    assert TEXT.parse(line, entered=False) == command


@pytest.mark.parametrize("line", [b"#dev /who", b"#dev /", b"#dev /mew", b"#dev /server ban eve", b"#dev /me2 x"])
def test_nothing_but_talk_is_asked_for_behind_a_room(line: bytes) -> None:
    with pytest.raises(Refused) as refused:
        TEXT.parse(line, entered=True)
    assert refused.value.code == "bad_arguments"
    assert refused.value.words == "after #dev stands what is to be said; /room dev talks there from now on"
    assert TEXT.parse(line, entered=False) == Command("enter", line.decode())


def test_only_the_asker_reads_in_these_words() -> None:
    assert TEXT.answer(Answer("one\ntwo")) == b"* one\r\n* two\r\n"
    assert TEXT.answer(Answer()) == b""
    assert TEXT.answer(Answer("done"), Command("who")) == b"* done\r\n"
    assert TEXT.refuse(Refused("no", "not\x1b[2J now"), "7") == b"! not[2J now\r\n"


def test_who_is_asked_answers_on_the_next_line_or_leaves() -> None:
    assert TEXT.asks.ask("Your password,\x1b please") == b"* Your password, please\r\n"
    for line in (b" correct horse ", b"correct horse\x07"):
        assert TEXT.asks.reply(line) == "correct horse"
    for line in (b"\x04", b"bye", b" /quit"):
        assert TEXT.asks.reply(line) is None


LINES = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=30).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([line for line, _ in PARSED]),
)


@given(line=LINES, entered=st.booleans())
def test_any_bytes_are_a_command_or_nothing_or_refused(line: bytes, entered: bool) -> None:
    try:
        command = TEXT.parse(line, entered)
    except Refused:
        return
    if command is not None:
        for words in (command.words, *(command.fields or {}).values()):
            assert isinstance(words, str)
            words.encode()
            assert is_safe(words.replace("\n", ""))


TALK = [
    *(b"hi", b"ho ho", b"x bye", b"/x", b"a /b", b" ", b" /x", b"\xff", b"#dev hi", b"#1", b"a #b"),
    *map(
        str.encode,
        ("приве\u0301т", "й", "и\u0306", "\u0306", "\u3000", "\u00a0x", "🦊", "a\u200db", "e" + "\u0301" * 20),
    ),
]


@given(
    lines=st.lists(
        st.one_of(LINES, st.sampled_from(TALK)),
        min_size=1,
        max_size=5,
    )
)
def test_lines_taken_together_are_what_each_would_be_by_itself(lines: Sequence[bytes]) -> None:
    lines = [line.replace(b"\n", b"") for line in lines]
    together = TEXT.talk(b"".join(line + b"\n" for line in lines))
    if together is not None:
        assert not any(line.startswith(b"#") for line in lines)
        assert [Command("say", text) for text in together] == [TEXT.parse(line, entered=True) for line in lines]


def happened(*what: tuple[Kind, str, str]) -> list[Entry]:
    return [
        Entry(
            place,
            Event(kind, MORNING * 1000, f"e{place}", nick, nick, text, {"new": "new"} if kind is Kind.RENAMED else {}),
        )
        for place, (kind, nick, text) in enumerate(what)
    ]


def is_safe(text: str) -> bool:
    return not any(
        unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in "\u202e\u2066\u200e" for char in text
    )


WORDS = st.one_of(st.text(max_size=20), st.text("a\n\r\x1b\x9b\x7f\u202e\u2028\ud800\U000e0041 ", max_size=20))


@given(
    st.lists(
        st.builds(
            Event,
            st.sampled_from(Kind),
            st.integers(0, 250_000_000_000_000),
            WORDS,
            WORDS,
            WORDS,
            WORDS,
            st.dictionaries(st.sampled_from(sorted(DETAILS.keys() - {"until", "value"})), WORDS, max_size=4)
            | st.fixed_dictionaries(
                {"setting": st.sampled_from(["topic", "slow", "private"]), "value": st.integers(0, 10**9)}
            )
            | st.fixed_dictionaries({"name": WORDS, "until": st.integers(0, 250_000_000_000_000)}),
        ),
        max_size=6,
    )
)
def test_whatever_the_log_holds_is_shown_and_harms_no_terminal(events: list[Event]) -> None:
    entries = [Entry(place, event) for place, event in enumerate(events)]
    for pieces in (
        TEXT.render("#tea", entries),
        TEXT.several.render("#tea", entries),
        TEXT.render("@n1.7", entries),
        TEXT.recall("#tea", entries, several=False),
        TEXT.recall("#tea", entries, several=True),
    ):
        assert len(pieces) == len(entries)
        text = b"".join(pieces).decode()
        assert text == "" or text.endswith("\r\n")
        assert all(is_safe(line) for line in text.split("\r\n"))


@given(WORDS, st.lists(WORDS, max_size=12))
def test_whatever_the_server_says_to_one_harms_no_terminal(words: str, others: list[str]) -> None:
    for said in (
        TEXT.greet(words, words, len(others)),
        TEXT.welcome(Welcome(words, words, words, [Arrived(words, 1, others, words)] * (len(others) % 3), words)),
        TEXT.joined(Arrived(words, 1, others, words), None, several=True),
        TEXT.exported({words: others}),
        TEXT.answer(Answer(words)),
        TEXT.refuse(Refused(words, words), words),
    ):
        assert all(is_safe(line) for line in said.decode().split("\r\n"))
