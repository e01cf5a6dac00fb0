"""The two formats in which people and programs do things and hear things: lines, and JSON that resumes."""

from __future__ import annotations

import json
import re
from typing import Any

from .oracle import key_in
from .people import PRIVATE, Around, Person

RECALLED = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d\] ")

IN_ROOM = re.compile(r"#(\w+) ")

ARRIVED = re.compile(r"\* You are (.*?), .*/help lists|\* You are .*#(\w+)")
"""The line behind the history of the rooms that one comes into at first, or of one that one joins."""


class Text(Person):
    """At nc: lines."""

    own_optional = True

    def greet(self) -> None:
        self.write(f"/login {self.nick} {self.password}" if self.password else self.nick)

    def line(self, line: str) -> None:
        if "@" in line and line[0] != "!":
            self._hear(line)
        elif line.startswith("! "):
            self.refused(line[2:])
        elif line.startswith("* You are ") and (arrived := ARRIVED.match(line)):
            for reader in self.readers.values():
                reader.live = True
            if arrived[1]:
                self.come_in()
            else:
                self._joining.discard(arrived[2])
                self.watch(arrived[2])

    def _hear(self, line: str) -> None:
        if RECALLED.match(line):
            key = key_in(line)
            if key and (not self.inside or key.room in self._joining) and self.watch(key.room):
                self.readers[key.room].recall(key)
        elif PRIVATE.search(line):
            self.hear_private(line)
        else:
            room = IN_ROOM.match(line)
            self.hear(room[1] if room else "", line)

    def ask(self, verb: str, words: str = "") -> None:
        self.write(f"/{verb} {words}".rstrip())

    def loose(self, words: str) -> None:
        self.write(words)

    def quit(self) -> None:
        self.leaving = True
        self.write("bye")

    def _say(self, room: str, text: str, verb: str) -> None:
        self.write(f"#{room} {'/me ' if verb == 'me' else ''}{text}")


class Json(Person):
    """A program, which comes back when it lost its connection, and says again what it saw no event for."""

    resumes = True

    def __init__(self, around: Around, number: int, nick: str, password: str = "", rooms: tuple[str, ...] = ()) -> None:
        super().__init__(around, number, nick, password)
        self.token = ""
        self.pending: dict[str, str] = {}
        """What it said and has not seen yet, by the id."""
        self._wanted = rooms
        self._positions: dict[str, str] = {}
        self._inbox: str | None = None

    @property
    def unseen(self) -> list[str]:
        return [*self.pending]

    def greet(self) -> None:
        if self.token:
            rooms = {room: {"after": position} for room, position in self._positions.items()}
            inbox = {"inbox": {"after": self._inbox}} if self._inbox is not None else {}
            self._send({"hello": {"resume": self.token, "rooms": rooms, **inbox}})
        else:
            password = {"password": self.password} if self.password else {}
            self._send({"hello": {"nick": self.nick, **password, "rooms": {room: {} for room in self._wanted}}})

    def line(self, line: str) -> None:
        if not line.startswith("{"):
            return
        told = json.loads(line)
        if "event" in told:
            self._event(told)
        elif "refused" in told:
            self.pending.pop(told.get("id", ""), None)
            if told["refused"]["code"] == "resume_unknown":
                self._around.errors["could not resume"] += 1
                self.wire.transport.loseConnection()
            else:
                self.refused(told["refused"]["words"])
        elif "welcome" in told:
            self._welcome(told["welcome"])
        elif told.get("answer") == "join" and "position" in told:
            self._arrive(told["room"], told["position"])
        elif "joined" in told:
            self._arrive(told["joined"]["room"], told["joined"]["position"])

    def _welcome(self, told: dict[str, Any]) -> None:
        came_back = bool(self.token)
        self.token = told["resume"]
        for room, at in told["rooms"].items():
            if room not in self._positions:
                self._arrive(room, at["position"])
        if not came_back and "inbox" in told:
            self._inbox = told["inbox"]["position"]
        for line in self.pending.values():
            self.write(line)
        if came_back:
            self._around.counts["resumed"] += 1
        self.come_in()

    def leave(self, room: str) -> None:
        del self._positions[room]
        super().leave(room)

    def _arrive(self, room: str, position: str) -> None:
        if self.watch(room):
            self._positions[room] = position

    def _event(self, told: dict[str, Any]) -> None:
        if "id" in told:
            self.pending.pop(told["id"], None)
        if "history" in told:
            return
        room = told.get("room")
        if room is None:
            self._inbox = told["position"]
            if told["event"] == "private":
                self.hear_private(told["text"])
        elif room in self._positions:
            self._positions[room] = told["position"]
            if told["event"] in ("said", "did"):
                self.hear(room, told["text"])

    def ask(self, verb: str, words: str = "") -> None:
        self._send({verb: {"words": words}})

    def loose(self, words: str) -> None:
        self._send({"say": {"text": words}})

    def quit(self) -> None:
        self.leaving = True
        self._send({"quit": {}})

    def _say(self, room: str, text: str, verb: str) -> None:
        id = f"{self.number} {room} {self.said[room]}"  # others are told it too, and have ids of their own
        self.pending[id] = json.dumps({verb: {"text": text, "room": room}, "id": id})
        self.write(self.pending[id])

    def _send(self, asked: dict[str, Any]) -> None:
        self.write(json.dumps(asked))
