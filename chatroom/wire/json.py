"""The format for programs: one JSON object on a line, both ways (docs/json.md). Bytes to commands, entries to bytes.

-> {"hello": {"nick": "alice"}}            <- {"welcome": {...}}
-> {"say": {"text": "hi"}, "id": "1"}      <- {"event": "said", "room": "lobby", "position": "17", ...}
-> {"who": {}}                             <- {"answer": "who", ...} or {"refused": {"code": ..., "words": ...}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from time import gmtime, strftime

from ..event import Entry, Kind
from ..request import Answer, Arrived, Command, Refused, Welcome
from ..text import clean_lines, safe, safe_lines
from .fields import fields_of, is_told

MAX_LINE = 64 * 1024
"""Bytes in one line: a text of several lines is one message here."""

ID_LONGEST = 200
"""Characters of a request's id: it is kept with what was said."""

MAX_LINES = 500
"""Lines of one text: people's terminals are shown the nickname before each, and so many of the longest fill a page."""

_encode = json.JSONEncoder(separators=(",", ":")).encode
_quoted = json.encoder.encode_basestring_ascii
"""ASCII alone, so that whatever reads it, a terminal too, is safe. What is read from it is made safe as well, whoever
stored it: most programs show it on a terminal."""

_OF_LINES = ("words", "notice", "text", "reason")


class JsonFormat:
    """JSON lines for programs."""

    echoes = True
    resumes = True
    welcomes_first = True
    name = "JSON"
    asks: None = None

    @property
    def several(self) -> JsonFormat:
        """Itself: every event of a room tells of which."""
        return self

    # In

    def parse(self, line: bytes, entered: bool) -> Command | None:
        if not line.strip():
            return None
        try:
            asked: object = json.loads(line.decode())  # of bytes it would take UTF-16 and surrogates too
        except (ValueError, RecursionError):
            raise Refused("not_json", "that is not a JSON object") from None
        if not isinstance(asked, dict):
            raise Refused("not_json", "that is JSON, but not an object")
        id = asked.pop("id", None)
        if id is None:
            id = ""
        elif not isinstance(id, str) or len(id) > ID_LONGEST or safe(id) != id:
            # Not cleaned: two that differ would become one, and what is sent under the second would not be kept.
            raise Refused("bad_id", f"an id is a string of at most {ID_LONGEST} characters that can be shown")
        for name, fields in asked.items():
            if isinstance(fields, dict):
                clean = {field: _clean(value, id) for field, value in fields.items()}
                match clean:
                    case {"words": str(words), **rest} if not rest:  # as people give them, in order
                        return Command(name, words, id=id)
                    case {"words": str(words), "room": str(room), **rest} if not rest:
                        return Command(name, words, id=id, room=room)
                return Command(name, fields=clean, id=id)
        raise Refused("no_request", 'a request is {"NAME": {...}}, such as {"say": {"text": "hi"}}', id=id)

    def talk(self, lines: bytes) -> list[str] | None:
        return None

    # Out, for everybody

    def render(self, log: str, entries: Sequence[Entry]) -> list[bytes]:
        return [self._event(log, entry, "") for entry in entries]

    def recall(self, log: str, entries: Sequence[Entry], several: bool) -> list[bytes]:
        return [self._event(log, entry, ',"history":true') for entry in entries]

    def _event(self, log: str, entry: Entry, more: str) -> bytes:
        kind, time, eid, _, nick, text, details = entry.event
        # Nearly all is said, and not changed; what follows takes thrice as long.
        if kind is Kind.SAID and "removed" not in details and "edited" not in details:
            more += f',"text":{_quoted(safe_lines(text))}'
            if "id" in details:
                more += f',"id":{_quoted(safe(details["id"]))}'
        elif not is_told(kind, log):
            return b""
        elif fields := fields_of(entry.event, log):
            more += f",{_object(fields)[1:-1]}"
        room = f'"room":{_quoted(safe(log[1:]))},' if log[:1] == "#" else ""
        return (
            f'{{"event":"{kind.word}",{room}"position":"{entry.position}","eid":{_quoted(safe(eid))},'
            f'"time":"{_second(time // 1000)}.{time % 1000:03}Z","nick":{_quoted(safe(nick))}{more}}}\n'
        ).encode()

    # Out, for one

    def greet(self, server_name: str, room: str, present: int) -> bytes:
        return b""

    def welcome(self, welcome: Welcome) -> bytes:
        rooms = {
            arrived.room: {"members": [welcome.nick, *arrived.others], **_place(arrived)} for arrived in welcome.rooms
        }
        return _line(
            {
                "welcome": {
                    "nick": welcome.nick,
                    "account": welcome.account,
                    "server": welcome.server,
                    "version": welcome.version,
                    "rooms": rooms,
                    **({"room": welcome.rooms[0].room} if welcome.rooms else {}),
                    "resume": welcome.token,
                    **({} if welcome.inbox is None else {"inbox": {"position": str(welcome.inbox)}}),
                }
            }
        )

    def joined(self, arrived: Arrived, command: Command | None, several: bool) -> bytes:
        told = {"room": arrived.room, "others": arrived.others, **_place(arrived)}
        return _line({"joined": told}) if command is None else self.answer(Answer(fields=told), command)

    def exported(self, told: Mapping[str, object]) -> bytes:
        return _line({"exported": told})

    def answer(self, answer: Answer, command: Command | None = None) -> bytes:
        if command is None:
            return _line({"notice": answer.words})
        told = {"answer": command.name, **answer.fields}
        if command.fields is None:  # who asks in words is answered in words too
            told["words"] = answer.words
        return _line({**told, **({"id": command.id} if command.id else {})})

    def refuse(self, refused: Refused, id: str) -> bytes:
        told = {"code": refused.code, "words": refused.words, **refused.fields}
        return _line({"refused": told, **({"id": id} if id else {})})


@lru_cache(64)
def _second(seconds: int) -> str:
    """RFC 3339, without its end."""
    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(seconds))


def _place(arrived: Arrived) -> dict[str, object]:
    return {"position": str(arrived.position), **({"topic": arrived.topic} if arrived.topic else {})}


def _line(told: Mapping[str, object]) -> bytes:
    return f"{_object(told)}\n".encode()


def _object(told: Mapping[str, object]) -> str:
    text = _encode(told)
    return _encode(_safe(told)) if "\\" in text else text  # all that could harm is escaped


def _safe(told: object, field: str = "") -> object:
    if isinstance(told, str):
        return safe_lines(told) if field in _OF_LINES else safe(told)
    if isinstance(told, Mapping):
        return {safe(field): _safe(value, field) for field, value in told.items()}
    if isinstance(told, list | tuple):
        return [_safe(value) for value in told]
    return told


def _clean(value: object, id: str) -> object:
    if not isinstance(value, str):
        return value
    text = clean_lines(value)
    if text.count("\n") >= MAX_LINES:
        raise Refused("too_many_lines", f"a text has at most {MAX_LINES} lines; yours was not said", id=id)
    return text


JSON = JsonFormat()
