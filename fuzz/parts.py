"""The pure parts, each with what must be true of it whatever it is given. What fails raises; a Refused is an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from unicodedata import is_normalized

from chatroom.commands import COMMANDS
from chatroom.event import Entry, Event, Kind
from chatroom.names import LONGEST, ROOM_LONGEST, Name, nickname, room_name
from chatroom.protocols.telnet import CUT, LineInput
from chatroom.request import Answer, Arrived, Command, Refused, Welcome
from chatroom.text import clean, clean_lines, decode, safe, safe_lines, shortened
from chatroom.times import moment, told_time
from chatroom.wire.json import JSON
from chatroom.wire.text import TEXT
from tests import harm

MAX_LINE = 50


def line_input(data: bytes) -> None:
    """However the input is parted, the same lines and answers come of it, none too long, and nothing is kept."""
    whole, parted = LineInput(MAX_LINE), LineInput(MAX_LINE)
    step = data[0] % 5 + 1 if data else 1
    parts = [parted.feed(data[at : at + step]) for at in range(0, len(data), step)]
    clean_bytes, answers = whole.feed(data)
    assert b"".join(clean for clean, _ in parts) == clean_bytes
    assert b"".join(answer for _, answer in parts) == answers
    assert all(len(line.removesuffix(CUT)) <= MAX_LINE for line in clean_bytes.split(b"\n"))
    assert b"\r" not in clean_bytes.replace(CUT + b"\n", b"")
    assert len(whole._pending) <= 3


def text(data: bytes) -> None:
    """What is clean stays so, does no harm, and can be written."""
    for read in (decode(data), data.decode("utf-16", "surrogatepass") if len(data) % 2 == 0 else ""):
        one, many = clean(read), clean_lines(read)
        assert clean(one) == safe(one) == one
        assert clean_lines(many) == safe_lines(many) == many
        assert is_normalized("NFC", one)
        for line in (one, safe(read), shortened(one, 10), *many.split("\n"), *safe_lines(read).split("\n")):
            assert not harm.HARM.search(line)
            line.encode()
        assert len(shortened(one, 10)) <= 10


def name_of(rule: Callable[[str], Name], longest: int) -> Callable[[bytes], None]:
    """A name stays what it is, is as long as it may be, and is refused in words that can be shown."""

    def name(data: bytes) -> None:
        try:
            found = rule(decode(data))
        except Refused as refused:
            _refused_in_words(refused)
            return
        assert rule(found.shown) == found
        assert 0 < len(found.shown) <= longest
        assert found.shown == clean(found.shown)
        assert not any(char.isspace() for char in found.shown)

    return name


def time(data: bytes) -> None:
    """What is written as a time, or as how long ago, is a stretch of time that can be told; or refused."""
    try:
        start, end = moment(decode(data), 1 << 40)
    except Refused as refused:
        _refused_in_words(refused)
        return
    assert start < end
    assert told_time(start) <= told_time(end)


def command_in_text(data: bytes) -> None:
    for entered in (True, False):
        try:
            _understand(TEXT.parse(data, entered=entered))
        except Refused as refused:
            _refused_in_words(refused, refused.id)


def command_in_json(data: bytes) -> None:
    for line in data.split(b"\n"):
        try:
            _understand(JSON.parse(line, entered=True))
        except Refused as refused:
            _refused_in_words(refused, refused.id)


def _understand(command: Command | None) -> None:
    if command is None:
        return
    assert not harm.HARM.search(command.id)
    for given in (command.words, *(command.fields or {}).values()):
        assert not isinstance(given, str) or not any(map(harm.HARM.search, given.split("\n")))
    try:
        COMMANDS.find(command.name).bind(command)
    except Refused as refused:
        _refused_in_words(refused, command.id)


def _refused_in_words(refused: Refused, id: str = "") -> None:
    assert not harm.in_text(TEXT.refuse(refused, id))
    assert not harm.in_json(JSON.refuse(refused, id))


def talk(data: bytes) -> None:
    """Lines that are taken together are those that would be said one by one."""
    lines = data.replace(b"\r", b"") + b"\n"
    if not lines.startswith(b"\n"):
        said = TEXT.talk(lines)
        assert said is None or [TEXT.parse(line, True) for line in lines[:-1].split(b"\n")] == [
            Command("say", line) for line in said
        ]


def events(data: bytes) -> None:
    """Whatever a store holds, there is one piece for each entry, and it harms nobody."""
    kinds = [*Kind]
    words = data.decode("utf-16", "surrogatepass") if len(data) % 2 == 0 else decode(data)
    entries = [
        Entry(n, Event(kinds[byte % len(kinds)], byte << 33, words, f"{byte & 3}", words[n:], words, _details(words)))
        for n, byte in enumerate(data[:12])
    ]
    for format, harmful in ((TEXT, harm.in_text), (JSON, harm.in_json)):
        for pieces in (
            *(each.render(log, entries) for each in (format, format.several) for log in ("#lobby", "@n1.1")),
            *(format.recall("#lobby", entries, several) for several in (False, True)),
        ):
            assert len(pieces) == len(entries)
            assert harmful(b"".join(pieces)) == []
        for told in (
            format.greet(words, words, len(data)),
            format.welcome(Welcome(words, words, words, [_arrived(words, data)] * (len(data) % 3), words)),
            format.joined(_arrived(words, data), Command("join", fields={}), several=True),
            format.joined(_arrived(words, data), None, several=False),
            format.exported({"text": words, "room": words}),
            format.answer(Answer(words)),
            format.answer(Answer(words, {words: [words], "notice": words}), Command("who", words)),
            format.refuse(Refused("code", words, {"room": words}), words),
        ):
            assert harmful(told) == []


def _arrived(words: str, data: bytes) -> Arrived:
    return Arrived(words, 1, [words] * (len(data) % 20), words)


def _details(words: str) -> dict[str, Any]:
    given: dict[str, Any] = dict.fromkeys(("id", "new", "to", "name", "room", "role", "setting", "eid"), words)
    return {**given, "eids": [words], "until": len(words) << 33, "kept": {words: [words, words, words, words]}}


def numbers(data: bytes) -> None:
    """What JSON can hold where a command takes a number, a switch or an object."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    for ask in COMMANDS:
        for parameter in ask.parameters:
            _understand(Command(ask.name, fields={parameter.field: value}))


PARTS: dict[str, Callable[[bytes], None]] = {
    "line input": line_input,
    "text": text,
    "nickname": name_of(nickname, LONGEST),
    "room's name": name_of(room_name, ROOM_LONGEST),
    "time": time,
    "text to commands": command_in_text,
    "json to commands": command_in_json,
    "talk": talk,
    "events to bytes": events,
    "values": numbers,
}
