"""The format for people, to the word: other programs and tests rely on these words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.event import Entry, Event, Kind
from chatroom.request import Answer, Command, Refused, Welcome
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
    world = World(server_name="teahouse", room="tea")
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
    assert "* /who  Show who is here." in shown(stranger)
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
    welcome = Welcome("alice", "chatroom", "1", "lobby", 1, others, "")
    assert TEXT.welcome(welcome).decode() == f"* You are alice, {words}. /help lists the commands, bye leaves.\r\n"


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


def test_text_of_several_lines_is_several_such_lines() -> None:
    entries = happened((Kind.SAID, "bob", "one\ntwo"), (Kind.DID, "bob", "sings\nand dances"))
    assert TEXT.render("#tea", entries) == [b"bob: one\r\nbob: two\r\n", b"* bob sings\r\n* bob and dances\r\n"]
    assert TEXT.recall("#tea", entries)[0] == b"[2026-11-20 09:12] bob: one\r\n[2026-11-20 09:12] bob: two\r\n"


def test_a_page_has_one_piece_for_each_entry() -> None:
    entries = happened(*[(kind, "bob", "x") for kind in Kind for _ in range(3)])
    assert len(TEXT.render("#tea", entries)) == len(TEXT.recall("#tea", entries)) == len(entries)


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


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/me", "! it is /me ACTION"),
        ("/me   ", "! it is /me ACTION"),
        ("/who is there", "! it is /who"),
        ("/history many", "! it is /history [N]"),
        ("/history 1 2", "! it is /history [N]"),
        ("/history -1", "! it is /history [N]"),
        ("/history 99999999999999999999", "! it is /history [N]"),
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
        "help", "me", "who", "nick", "history", "echo", "quit", "msg", "reply", "inbox", "ignore", "unignore", "whois",
        "away", "back", "register", "login", "account", "claim",
    ]  # fmt: skip
    assert "* /quit [why]  Leave; so does bye." in listed
    assert "* /history [N]  Show the last N lines of what was said here (20)." in listed
    for line in ("/help who", "/help /who", "/HELP WHO"):
        alice.line(line)
        assert shown(alice) == ["* /who  Show who is here."]
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
    (b" /me", Command("say", " /me")),
    (b"/", Command("", "")),
    (b"bye", Command("quit")),
    (b"\tBye\x07", Command("quit")),
    (b"\x04", Command("quit")),
    (b"a\x04", Command("say", "a")),
]


@pytest.mark.parametrize(("line", "command"), PARSED)
def test_a_line_is_read_so(line: bytes, command: Command | None) -> None:
    assert TEXT.parse(line, entered=True) == command


@pytest.mark.parametrize(("line", "command"), PARSED)
def test_a_stranger_s_line_is_read_so(line: bytes, command: Command | None) -> None:
    if command is None:
        command = Command("enter", "")
    elif command.name == "say":
        command = Command("enter", ("/" if line[:2] == b"//" else "") + command.words.strip())
    assert TEXT.parse(line, entered=False) == command


def test_only_the_asker_reads_in_these_words() -> None:
    assert TEXT.answer(Answer("one\ntwo")) == b"* one\r\n* two\r\n"
    assert TEXT.answer(Answer()) == b""
    assert TEXT.answer(Answer("done"), Command("who")) == b"* done\r\n"
    assert TEXT.refuse(Refused("no", "not\x1b[2J now"), "7") == b"! not[2J now\r\n"


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
        command.words.encode()
        assert is_safe(command.words.replace("\n", ""))


TALK = [
    *(b"hi", b"ho ho", b"x bye", b"/x", b"a /b", b" ", b" /x", b"\xff"),
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
            st.dictionaries(st.sampled_from(["new", "folded", "skeleton", "kept"]), WORDS, max_size=2),
        ),
        max_size=6,
    )
)
def test_whatever_the_log_holds_is_shown_and_harms_no_terminal(events: list[Event]) -> None:
    entries = [Entry(place, event) for place, event in enumerate(events)]
    for pieces in (TEXT.render("#tea", entries), TEXT.recall("#tea", entries)):
        assert len(pieces) == len(entries)
        text = b"".join(pieces).decode()
        assert text == "" or text.endswith("\r\n")
        assert all(is_safe(line) for line in text.split("\r\n"))


@given(WORDS, st.lists(WORDS, max_size=12))
def test_whatever_the_server_says_to_one_harms_no_terminal(words: str, others: list[str]) -> None:
    for said in (
        TEXT.greet(words, words, len(others)),
        TEXT.welcome(Welcome(words, words, words, words, 1, others, words)),
        TEXT.answer(Answer(words)),
        TEXT.refuse(Refused(words, words), words),
    ):
        assert all(is_safe(line) for line in said.decode().split("\r\n"))
