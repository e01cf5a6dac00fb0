"""What was asked of the server and has had no outcome yet: kept, so that it can be asked again; bounded, so that it fits."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import NamedTuple

from ..request import Command, Refused
from ..wire.json import MAX_LINE
from .questions import secret_of

WINDOW_REQUESTS = 1000
"""Requests under way at once: at 5 ms for a commit they leave room for 200,000 lines a second."""

WINDOW_BYTES = 1024 * 1024
"""Bytes of requests under way at once: with the longest lines 16 of them. This is what a server that is away costs."""

BECOMING = ("login", "logout", "forget-me")
"""After these we are somebody else: what is said meanwhile could not be told from what another says."""

MOVING = ("join", "leave", "room")
"""After these what is typed goes to another room. Nothing more is asked until their outcome is seen: so each line is sent
with the room for which it was typed, and means the same on this connection and, sent again, on any other; and where a
room is refused, what was typed for it is said nowhere. It costs the time there and back for each change of rooms."""

IN_PRIVATE = ("msg", "reply")

LOOKING_BACK = ("history", "inbox", "search")

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def line_of(request: Mapping[str, object]) -> bytes:
    """A request as the server reads it."""
    return f"{_encode(request)}\n".encode(errors="replace")  # a name that it told us may be no UTF-8


class Asked(NamedTuple):
    """One request."""

    name: str
    line: bytes
    room: str
    """The one it names, or in which we talked when it was asked."""
    bound: bool
    """It means the same wherever we talk."""
    secret: str
    """The password that is ours when it is done."""


class Outbox:
    """What was asked, in order, until its outcome is seen."""

    def __init__(self, stamp: str) -> None:
        """`stamp` begins the ids."""
        self._stamp = stamp
        self._count = 0
        self._asked: dict[str, Asked] = {}
        self._size = 0
        self._moves: set[str] = set()
        self._held = ""
        """The id of what is asked when all before it has had its outcome."""
        self.becoming = ""
        """The id of the request by which we become somebody else."""

    def __len__(self) -> int:
        return len(self._asked)

    @property
    def moving(self) -> bool:
        """What is typed goes to another room, perhaps."""
        return bool(self._moves)

    @property
    def full(self) -> bool:
        held = self.becoming or self._moves
        return bool(held) or len(self._asked) >= WINDOW_REQUESTS or self._size >= WINDOW_BYTES

    def add(self, command: Command, room: str, bound: bool) -> tuple[str, Asked]:
        """Tells its id; raises Refused for what cannot be asked."""
        if command.name == "echo":
            words = "no /echo here: this program reads its own lines back to know that they are saved"
            raise Refused("no_command", words)
        id = f"{self._stamp}{self._count + 1}"
        fields = {"words": command.words} if command.fields is None else command.fields
        line = line_of({command.name: fields, "id": id})
        if len(line) > MAX_LINE:
            raise Refused("line_too_long", f"a line has at most about {MAX_LINE} bytes; yours was not said")
        self._count += 1
        asked = self._asked[id] = Asked(command.name, line, room, bound, secret_of(command))
        self._size += len(line)
        if command.name in MOVING:
            self._moves.add(id)
        if command.name == "leave" and len(self._asked) > 1:
            self._held = id
        if command.name in BECOMING:
            self.becoming = id
        return id, asked

    def done(self, id: str) -> Asked | None:
        """What waited under that id, if anything did."""
        asked = self._asked.pop(id, None)
        if asked is not None:
            self._size -= len(asked.line)
        self._moves.discard(id)
        if id == self._held:
            self._held = ""
        if id == self.becoming:
            self.becoming = ""
        return asked

    def named(self, names: Collection[str]) -> list[tuple[str, Asked]]:
        """These requests, by their ids."""
        return [(id, asked) for id, asked in self._asked.items() if asked.name in names]

    def due(self, id: str) -> bool:
        """Whether it can be asked now. A room is left when all that was asked in it has had its outcome: who has left does
        not see it any more."""
        return id != self._held

    def released(self) -> Asked | None:
        """What was held until now, and is due."""
        if not self._held or len(self._asked) > 1:
            return None
        id, self._held = self._held, ""
        return self._asked.get(id)

    def all(self) -> list[tuple[str, Asked]]:
        return [*self._asked.items()]
