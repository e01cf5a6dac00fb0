"""What one person sends harms nobody's terminal and no program: every dangerous sequence, in every field, to every format.

And what stands in a log that another program wrote does not either; what is too long, or no text at all, is taken so too.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import regex
from twisted.internet.defer import ensureDeferred

from chatroom.event import Event, Kind
from chatroom.names import LONGEST, Name
from chatroom.storage.memory import MemoryStorage
from chatroom.text import MARKS
from chatroom.wire.json import ID_LONGEST

from . import harm
from .chatting import MORNING, JsonClient, LineClient, TextClient, World

CODE_POINTS = [
    *range(0x80, 0xA0),
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
    *(0x2028, 0x2029, 0x061C, 0xFEFF, 0xFFF9, 0xFFFB),
    *range(0xE0001, 0xE0080),
]
SURROGATES = "\ud800", "\udbff", "\udc00", "\udfff", "\udc9b", "\ude00\ud83d"
SEQUENCES = [
    "\x1b[2J",
    "\x1b[6n",
    "\x1b]52;c;aGk=\x07",
    "\x1b]8;;http://evil\x1b\\x\x1b]8;;\x1b\\",
    *("\x1bPdcs\x1b\\", "\x1b_apc\x1b\\", "\x1b^pm\x1b\\", "\x1bXsos\x1b\\"),
    *("\x90dcs\x9c", "\x9fapc\x9c", "\x9epm\x9c", "\x98sos\x9c", "\x9b2J", "\x9d52;c;aGk=\x9c"),
    *("\r", "\r\x1b[K", "\0", "\r\0", "\r\n", "\n", "\x85", "\u2028", "\u2029"),
    *("\u202eeve\u202c", "\u2066a\u2069", "e\u200b\u0301", "\u1100\u202e\u1161"),
]
TEXTS = [*map(chr, range(0x100)), *map(chr, CODE_POINTS), *SURROGATES, *SEQUENCES]

RAW = [bytes([byte]) for byte in range(0x100)]
AS_UTF_8 = [text.encode(errors="surrogatepass") for text in TEXTS]
AS_LATIN_1 = [text.encode("latin-1") for text in SEQUENCES if max(text) <= "\xff"]
AS_JSON = [json.dumps(text)[1:-1].encode() for text in TEXTS]

DANGERS = {TextClient: {*RAW, *AS_UTF_8, *AS_LATIN_1}, JsonClient: {*RAW, *AS_UTF_8, *AS_JSON}}
"""Exactly these bytes, in a line of text and in a string of JSON."""

RECEIVERS = {TextClient: harm.in_text, JsonClient: harm.in_json}


class Field(NamedTuple):
    """A way in: `<n>` is a number that tells one line from all others, `<!>` the danger."""

    line: bytes
    enters: bool = False
    """It is how one comes in; else it is for who is in."""
    leaves: bool = False
    recalled: bool = False
    """It comes back with history."""


FIELDS: dict[tuple[type[LineClient], str], Field] = {
    (TextClient, "message"): Field(b"<n>. <!>a<!>b<!>", recalled=True),
    (TextClient, "message behind two slashes"): Field(b"//<n>. <!>a<!>b<!>", recalled=True),
    (TextClient, "action"): Field(b"/me <n>. <!>a<!>b<!>", recalled=True),
    (TextClient, "nickname on entering"): Field(b"n<n><!>a<!>", enters=True),
    (TextClient, "new nickname"): Field(b"/nick n<n><!>a<!>"),
    (TextClient, "reason for leaving"): Field(b"/quit <n>. <!>a<!>b<!>", leaves=True),
    (TextClient, "command"): Field(b"/<!>co<!><n>"),
    (TextClient, "command asked for"): Field(b"/help <n><!>co<!>"),
    (TextClient, "number"): Field(b"/history <n><!>"),
    (TextClient, "switch"): Field(b"/echo on<!><n>"),
    (JsonClient, "message"): Field(b'{"say": {"text": "<n>. <!>a<!>b<!>"}}', recalled=True),
    (JsonClient, "action"): Field(b'{"me": {"text": "<n>. <!>a<!>b<!>"}}', recalled=True),
    (JsonClient, "action in words"): Field(b'{"me": {"words": "<n>. <!>a<!>b<!>"}}', recalled=True),
    (JsonClient, "nickname on entering"): Field(b'{"hello": {"nick": "n<n><!>a<!>"}}', enters=True),
    (JsonClient, "new nickname"): Field(b'{"nick": {"name": "n<n><!>a<!>"}}'),
    (JsonClient, "reason for leaving"): Field(b'{"quit": {"reason": "<n>. <!>a<!>b<!>"}}', leaves=True),
    (JsonClient, "id of a message"): Field(b'{"say": {"text": "<n>."}, "id": "<!>a<!><n>"}', recalled=True),
    (JsonClient, "id of a question"): Field(b'{"who": {}, "id": "<!>a<!><n>"}'),
    (JsonClient, "id of what is refused"): Field(b'{"dance": {}, "id": "<!>a<!><n>"}'),
    (JsonClient, "command"): Field(b'{"<!>co<!><n>": {}}'),
    (JsonClient, "command asked for"): Field(b'{"help": {"command": "<n><!>co<!>"}}'),
    (JsonClient, "room of a message"): Field(b'{"say": {"text": "a", "room": "<n><!>b<!>"}}'),
    (JsonClient, "room of a question"): Field(b'{"who": {"room": "<n><!>b<!>"}}'),
    (JsonClient, "room on entering"): Field(b'{"hello": {"nick": "eve", "rooms": {"<n><!>b<!>": {}}}}', enters=True),
    (JsonClient, "position on entering"): Field(
        b'{"hello": {"nick": "eve", "rooms": {"lobby": {"after": "<n><!>b<!>"}}}}', enters=True
    ),
    (JsonClient, "token on entering"): Field(b'{"hello": {"resume": "<n><!>b<!>"}}', enters=True),
    (JsonClient, "position"): Field(b'{"history": {"before": "<n><!>b<!>"}}'),
    (JsonClient, "number"): Field(b'{"history": {"limit": "<n><!>"}}'),
    (JsonClient, "name of a field"): Field(b'{"say": {"<n><!>": "a"}}'),
}


@pytest.fixture(scope="module")
def checked(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """How often it was looked what arrived: told when all is done."""
    counted: Counter[str] = Counter()
    yield counted
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        leaks = counted.pop("leaks", 0)
        print(f"\n{leaks} leaks of {counted.total():,} ({', '.join(f'{n:,} {what}' for what, n in counted.items())})")


def taken(client: LineClient) -> bytes:
    """What has arrived since this was asked last."""
    client.world.settle()
    data, client.socket.taken = client.socket.taken, b""
    return data


def came_in(world: World, nick: str, format: type[LineClient]) -> LineClient:
    somebody: LineClient = world.enter(nick, format)
    taken(somebody)
    return somebody


@pytest.mark.parametrize(("format", "name"), FIELDS, ids=lambda value: getattr(value, "__name__", value))
def test_nothing_dangerous_reaches_anybody(format: type[LineClient], name: str, checked: Counter[str]) -> None:
    field = FIELDS[format, name]
    world = World(history=0, grace=0.0)
    receivers = {receiver: world.enter(receiver.__name__, receiver) for receiver in RECEIVERS}
    eve: LineClient | None = None
    leaks: list[str] = []
    heard_of = dict.fromkeys(RECEIVERS, 0)
    for number, danger in enumerate(sorted(DANGERS[format])):
        if eve is None:
            eve = world.connect(client=format) if field.enters else world.enter("eve", format)
            for receiver in receivers.values():
                taken(receiver)
            taken(eve)
        eve.send(field.line.replace(b"<n>", b"%d" % number).replace(b"<!>", danger) + b"\n")
        for receiver, harm_in in RECEIVERS.items():
            arrived = taken(receivers[receiver])
            heard_of[receiver] += b"%d." % number in arrived
            leaks += [f"{danger!r} to {receiver.__name__}: {leak}" for leak in harm_in(arrived)]
        answered = harm.NEGOTIATED.sub(b"", taken(eve))
        leaks += [f"{danger!r} back to eve: {leak}" for leak in RECEIVERS[format](answered)]
        checked["live"] += len(RECEIVERS)
        checked["back to who sent it"] += 1
        if field.enters or field.leaves:
            eve.hang_up()
            eve = None
    for receiver, harm_in in RECEIVERS.items():
        receivers[receiver].command("history", limit=1_000_000)
        recalled = taken(receivers[receiver])
        leaks += [f"in the history to {receiver.__name__}: {leak}" for leak in harm_in(recalled)]
        if field.recalled:
            assert recalled.count(b"\n") >= heard_of[receiver]
            checked["in history"] += heard_of[receiver]
    checked["leaks"] += len(leaks)
    assert leaks == []
    if field.recalled or field.leaves:
        assert min(heard_of.values()) > 250  # all but what is no JSON, or no id; else this would prove nothing


# What others wrote

WORDS = "a\x1b[2Jb\x9b\x7f\u202e\u2028\u200b\ufeff\U000e0041\ud800\r\x00\x07c"


def unclean(kind: Kind, by: str) -> Event:
    forms = [WORDS, "folded", "skeleton", ""]
    details = {"id": WORDS, "new": WORDS, "kept": {by: forms}, "folded": WORDS, "skeleton": WORDS}
    return Event(kind, MORNING * 1000, WORDS, by, WORDS, f"{WORDS}\n{WORDS}", details)


def harms(client: LineClient) -> list[str]:
    data = taken(client)
    assert data
    return RECEIVERS[type(client)](data)  # type: ignore[index]


@pytest.mark.parametrize("receiver", RECEIVERS)
@pytest.mark.parametrize("kind", Kind)
def test_what_an_older_or_foreign_store_holds_unclean_leaves_clean(kind: Kind, receiver: type[LineClient]) -> None:
    storage = MemoryStorage()
    storage.append([("#lobby", unclean(kind, "old")), ("server", unclean(kind, "old"))])
    world = World(storage=storage, grace=0.0)
    alice, bob = world.connect(client=receiver), world.enter("bob")
    alice.enter("alice")
    assert harms(alice) == []
    storage.append([("#lobby", unclean(kind, "new"))])
    bob.say("that was all")
    assert harms(alice) == []
    alice.command("who")
    alice.command("history", limit=100)
    assert harms(alice) == []


def test_who_is_like_somebody_of_an_unclean_store_is_refused_in_clean_words() -> None:
    storage = MemoryStorage()
    details = {"folded": "mallory", "skeleton": "mallory", "token": "x"}
    claimed = Event(Kind.CLAIMED, MORNING * 1000, "e1", "old", WORDS, "", details)
    storage.append([("#lobby", claimed._replace(kind=Kind.JOINED)), ("server", claimed)])
    world = World(storage=storage)
    for format in RECEIVERS:
        eve = world.connect(client=format)
        eve.enter("mallory")
        assert harms(eve) == []


def test_what_the_operator_chose_is_shown_clean() -> None:
    dirty = Name(WORDS, "words", "words")
    world = World(server_name=WORDS, version=WORDS, rooms=[dirty], motd=(WORDS, f"{WORDS}\n{WORDS}"))
    everybody = []
    for format in RECEIVERS:
        alice = world.connect(client=format)
        alice.enter(format.__name__)
        alice.command("who")
        alice.say("hello")
        assert harms(alice) == []
        everybody.append(alice)
    ensureDeferred(world.chat.stop(WORDS))
    assert [harms(somebody) for somebody in everybody] == [[], []]


# Length, and what is no text (threat 20, and Markus Kuhn's UTF-8 stress test)


def said(world: World, sender: type[LineClient], line: bytes) -> str:
    """What others read of a line, as a program reads it."""
    listener, eve = world.enter("listener", JsonClient), world.enter("eve", sender)
    taken(listener)
    eve.send(line + b"\n")
    texts = [told["text"] for told in map(json.loads, taken(listener).splitlines()) if told["event"] == "said"]
    return "\n".join(texts)


def in_a_say(text: str) -> bytes:
    return json.dumps({"say": {"text": text}}).encode()


def test_a_nickname_is_counted_when_it_is_normalised() -> None:
    world = World()
    for format in RECEIVERS:
        longest, longer = ("e\u0301" * count for count in (LONGEST, LONGEST + 1))
        eve = world.connect(client=format)
        eve.enter(longer)
        assert eve.heard("refused", "entered") == [("refused",)]
        eve.enter(longest)
        assert eve.heard("entered") == [("entered", "é" * LONGEST, ())]
        eve.quit()


def test_ten_thousand_characters_that_would_grow_are_said_as_they_are() -> None:
    text = "\ufdfa" * 10_000  # NFKC would make 18 of each
    line = json.dumps({"say": {"text": text}}, ensure_ascii=False).encode()
    assert said(World(), JsonClient, line) == text


@pytest.mark.parametrize("marks", ["\u0301" * 10_000, "\u0301" * 5_000 + "\u0316" * 5_000, "\u0344" * 10_000])
def test_of_ten_thousand_marks_a_character_keeps_as_many_as_can_be_sorted_at_once(marks: str) -> None:
    text = said(World(), JsonClient, json.dumps({"say": {"text": f"q{marks}y"}}, ensure_ascii=False).encode())
    assert re.fullmatch(rf"q\W{{{MARKS}}}y", text)
    assert unicodedata.is_normalized("NFC", text)


def test_what_is_not_there_is_told_in_a_few_words_however_long_it_is() -> None:
    eve = came_in(World(), "eve", JsonClient)
    for shown in (
        {"".join(map(chr, range(0x4E00, 0x4E00 + 10_000))): {}},
        {"help": {"command": "x" * 60_000}},
        {"who": {"room": "x" * 60_000}},
        {"history": {"before": "x" * 60_000}},
        {"history": {"after": "x" * 60_000}},
        {"join": {"room": "x" * 60_000}},
        {"nick": {"name": "x" * 60_000}},
    ):
        eve.line(json.dumps(shown, ensure_ascii=False))
        (told,) = map(json.loads, taken(eve).splitlines())
        assert len(told["refused"]["words"]) < 150


@pytest.mark.parametrize("asked", ['{{"{}": {{}}}}', '{{"who": {{"room": "{}"}}}}', '{{"history": {{"after": "{}"}}}}'])
@pytest.mark.parametrize("character", ["x\u0323\u0302", "👩🏽\u200d👩\u200d👧", "🇩🇪", "\u1100\u119e\u11ab", "క్\u200cష"])
def test_what_is_told_in_part_is_cut_between_characters(asked: str, character: str) -> None:
    whole = regex.findall(r"\X", character * 20)
    for before in range(12):
        eve = came_in(World(), "eve", JsonClient)
        eve.line(asked.format("x" * before + character * 20))
        (told,) = map(json.loads, taken(eve).splitlines())
        words = told["refused"]["words"].partition("; ")[0].partition(" is no position")[0]
        shown = words.removeprefix("no command /").removeprefix("you are not in #")
        assert 24 < len(shown) <= 50
        assert regex.findall(r"\X", shown) == (["x"] * before + whole)[: len(regex.findall(r"\X", shown))]


def test_a_character_arrives_whole_wherever_its_bytes_were_parted() -> None:
    text = "é☃😀각👩\u200d👩\u200d👧ﷺ"
    data = text.encode()
    for format, line in (
        (TextClient, data),
        (JsonClient, json.dumps({"say": {"text": text}}, ensure_ascii=False).encode()),
    ):
        world = World()
        alice, eve = world.enter("alice", TextClient), world.enter("eve", format)
        taken(alice)
        for at in range(len(line) + 1):
            for part in (line[:at], line[at:] + b"\n"):
                eve.send(part)
                world.settle()
            assert taken(alice) == b"eve: " + data + b"\r\n"


KUHN = {
    "a lone continuation byte": b"\x80",
    "more of them": b"\x80\xbf\x80\xbf\x80\xbf\x80",
    "all of them": bytes(range(0x80, 0xC0)),
    "first bytes, each before a space": b"".join(bytes([byte, 0x20]) for byte in range(0xC0, 0xFE)),
    "bytes that cannot be": b"\xfe\xfe",
    "overlong, 2 bytes": b"\xc0\xaf",
    "overlong, 3 bytes": b"\xe0\x80\xaf",
    "overlong, 4 bytes": b"\xf0\x80\x80\xaf",
    "overlong, 5 bytes": b"\xf8\x80\x80\x80\xaf",
    "overlong, 6 bytes": b"\xfc\x80\x80\x80\x80\xaf",
    "the longest that are overlong": b"\xc1\xbf \xe0\x9f\xbf \xf0\x8f\xbf\xbf \xf8\x87\xbf\xbf\xbf \xfc\x83\xbf\xbf\xbf\xbf",
    "an overlong NUL": b"\xc0\x80",
    "an overlong LF": b"\xc0\x8a",
    "an overlong ESC": b"\xc0\x9b[2J",
    "a surrogate": b"\xed\xa0\x80",
    "the last surrogate": b"\xed\xbf\xbf",
    "a pair of them": b"\xed\xa0\xbd\xed\xb8\x80",
    "past U+10FFFF": b"\xf4\x90\x80\x80",
    "5 bytes": b"\xf8\x88\x80\x80\x80",
    "6 bytes": b"\xfc\x84\x80\x80\x80\x80",
    **{f"{char} cut behind {n}": char.encode()[:n] for char in "é☃😀" for n in range(1, len(char.encode()))},
    "several of these": b"\xc3\xe2\x98\xf0\x9f\x98\xc3",
    "good, bad, good": "é☃".encode() + b"\x98" + "😀".encode(),
}


@pytest.mark.parametrize("bad", KUHN.values(), ids=KUHN)
def test_what_is_no_utf_8_is_read_as_latin_1_and_goes_out_as_utf_8(bad: bytes) -> None:
    world = World()
    alice, bob, eve = world.enter("alice", TextClient), world.enter("bob", JsonClient), world.enter("eve", TextClient)
    line = b"a" + bad + b"b"
    latin = bad.decode("latin-1") if bad != KUHN["good, bad, good"] else "é☃\x98😀"
    read = "".join(char for char in f"a{latin}b".replace("\x85", " ") if not harm.HARM.match(char))
    for at in range(1, len(line)):
        taken(alice), taken(bob)
        eve.send(line[:at])
        world.settle()
        eve.send(line[at:] + b"\n")
        assert taken(alice) == f"eve: {read}\r\n".encode()
        (told,) = map(json.loads, taken(bob).splitlines())
        assert told["text"] == read
    assert not eve.gone


@pytest.mark.parametrize("bad", KUHN.values(), ids=KUHN)
def test_from_a_program_what_is_no_utf_8_is_refused_and_costs_nobody_else_anything(bad: bytes) -> None:
    world = World()
    alice, eve = world.enter("alice", TextClient), world.enter("eve", JsonClient)
    taken(alice), taken(eve)
    eve.send(b'{"say": {"text": "a' + bad + b'b"}}\n{"say": {"text": "good"}}\n')
    first, second = map(json.loads, taken(eve).splitlines())
    assert first["refused"]["code"] == "not_json"
    assert second["text"] == "good"
    assert taken(alice) == b"eve: good\r\n"


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_a_lone_surrogate_that_json_can_bring_goes_and_all_else_is_said(surrogate: str) -> None:
    assert said(World(), JsonClient, in_a_say(f"a{surrogate}b")) == "ab"


@pytest.mark.parametrize("danger", [*map(chr, range(0x20)), *SURROGATES, "\u202e", "\x9b"])
def test_an_id_that_could_do_harm_is_refused_and_nothing_is_said(danger: str) -> None:
    world = World()
    alice, eve = world.enter("alice"), world.enter("eve", JsonClient)
    alice.heard()
    eve.line(json.dumps({"say": {"text": "a"}, "id": f"1{danger}"}))
    eve.line(json.dumps({"say": {"text": "b"}, "id": "x" * (ID_LONGEST + 1)}))
    assert [told["refused"]["code"] for told in eve.told()[-2:]] == ["bad_id", "bad_id"]
    assert alice.heard() == []
