"""The model by which test_rooms_model.py judges: what somebody is to be shown of each room, as its log has it, and how the
formats tell it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from chatroom.event import Entry, Event, Kind

from .chatting import LineClient, TextClient, names

Logs = Mapping[str, list[Entry]]
"""What was committed, by room."""

Line = tuple[str, ...]
"""What happened, as each format tells it: kind, nickname, and words if there are any."""


class Life:
    """A connection, from the moment when somebody came in by it."""

    def __init__(self, id: str, tips: Mapping[str, int], starts: Mapping[str, int], before: Life | None) -> None:
        """`tips`: where the rooms ended then; `starts`: behind what those are read in which they were already; `before`:
        the connection that was lost, with whose token they came back."""
        self.id = id
        self.tips = tips
        self.starts = starts
        self.before = before
        self.bookmarks: dict[str, int] = {}
        """Up to where each room was shown when it was lost."""
        self.seen: dict[str, str] = {}
        """What happened in several rooms, by eid, and in which it was shown; empty where it might be shown once more."""

    def reads(self, room: str, log: Iterable[Entry]) -> Iterator[Entry]:
        """From when they are in the room up to when they leave it."""
        reading = room in self.starts
        for entry in log:
            position: Any = entry.position
            event = entry.event
            known = position <= self.tips[room]
            if reading and position > self.starts.get(room, 0):
                yield entry
            if event.by == self.id and not known and event.kind in (Kind.JOINED, Kind.PARTED, Kind.LEFT):
                reading = event.kind is Kind.JOINED

    def shown(self, logs: Logs) -> dict[str, list[Event]]:
        """Of each room what happens while they are in it, but not again what they were shown in another before."""
        events = {room: [event for _, event in self.reads(room, log)] for room, log in logs.items()}
        if self.before is None:
            return events
        marks, seen = self.before.bookmarks, self.before.seen
        read_on = {room for room, start in self.starts.items() if marks.get(room) == start}
        return {room: [event for event in events[room] if seen.get(event.eid) not in read_on] for room in events}


def told(event: Event, own: str, client: type[LineClient]) -> Line | None:
    """An event as it is told by a format; None for what is not, such as one's own (`own`) words in plain text."""
    plain, words = client is TextClient, (event.text,) if event.text else ()
    match event.kind:
        case Kind.SAID | Kind.DID:
            return None if plain and event.text.startswith(own) else (event.kind.word, event.nick, event.text)
        case Kind.PARTED if event.details.get("put_out"):
            return None if plain else ("put out", event.nick)
        case Kind.LEFT | Kind.PARTED:
            return ("left", event.nick, *words)
        case Kind.RENAMED:
            return ("renamed", event.nick, event.details["new"])
        case Kind.JOINED | Kind.AWAY | Kind.BACK:
            return (event.kind.word, event.nick, *words)
        case Kind.KICKED:
            return ("kicked", event.nick, event.details["name"])
        case Kind.STARTED:
            return None if plain else ("started", "")
    return None


# What was really shown

ANSWER = re.compile(r"!|\* You are|\* what you say|\* you are in no room|\* \S+ is out of|Welcome|What nickname")
SAID = re.compile(r"(\S+): (.*)")
TOLD = {
    "left": re.compile(r"\* (.*) left(?: \((.*)\))?"),
    "joined": re.compile(r"\* (.*) joined()"),
    "renamed": re.compile(r"\* (\S+) is now (\S+)"),
    "away": re.compile(r"\* (\S+) is away(?:: (.*))?(?: \((.*)\))?"),
    "back": re.compile(r"\* (\S+) is back()"),
    "kicked": re.compile(r"\* (\S+) kicked (\S+)"),
    "did": re.compile(r"\* (\S+) (\d+\..*)"),
}


def in_text(line: str) -> Iterator[tuple[str | None, Line]]:
    """Each that a line tells, and of which room, if it tells; nothing of what answers."""
    room, body = re.fullmatch(r"(?:#(\S+) )?(.*)", line).groups()  # type: ignore[union-attr]
    if ANSWER.match(body):
        assert room is None
    elif said := SAID.fullmatch(body):
        yield room, ("said", *said.groups())
    else:
        kind, found = next((kind, found) for kind, each in TOLD.items() if (found := each.fullmatch(body)))
        who, *words = [group for group in found.groups() if group]
        for nick in names(who):
            yield room, (kind, nick, *words)


def in_json(line: str) -> Iterator[tuple[str | None, Line]]:
    """The room, and what happened there."""
    one = json.loads(line)
    kind = one.get("event")
    if kind:
        assert "history" not in one
        words = [one[field] for field in ("text", "reason", "new", "whom") if one.get(field)]
        kind = "put out" if one.get("put_out") else "left" if kind == "parted" else kind
        yield one["room"], (kind, one["nick"], *words)


def find(lines: Sequence[tuple[Event, Line]], line: Line) -> int | None:
    """Where it stands; only what is shown in another room may be passed over."""
    for place, (event, told) in enumerate(lines):
        if told == line:
            return place
        if "rooms" not in event.details:
            return None
    return None


def when(eid: str) -> tuple[int, int]:
    """In which start of the server, and when in it."""
    start, _, number = eid.removeprefix("m").partition(".")
    return int(start), int(number, 16)
