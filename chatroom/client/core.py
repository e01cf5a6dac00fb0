"""A conversation with a server, kept whole over however many connections it takes: who we are there, up to where we have
read, and what we asked of which no outcome has been seen. JSON lines in and out; knows no transport, clock or screen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, Protocol

from ..request import Command, Refused
from ..wire.json import MAX_LINE
from .outbox import Outbox

NICKS_TRIED = 50
"""Numbers put behind a nickname that is taken, until we give up: so many of one name are a mistake."""

NICK_LONGEST = 32
"""As in names.py, whose tables would take 70 ms of each start."""

Said = Mapping[str, Any]
"""One line of the server; docs/json.md tells what can be in it."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Face(Protocol):
    """What the conversation is shown to, a person's terminal or a program's pipe. It calls `ask`, `send` and `leave`."""

    def welcomed(self, welcome: Said, again: bool) -> None:
        """We are in; again after a lost connection, of which the server may not know us any more."""

    def show(self, said: Said, own: bool) -> None:
        """The server said something: an event, an answer, a refusal or a notice. `own`: it came of what was asked here."""

    def moved(self) -> None:
        """Outcomes came, or we are in again: more may be asked (`takes_more`)."""

    def away(self, why: str) -> None:
        """The connection is lost. It is tried again by itself, and what is under way is kept."""

    def over(self, why: str = "") -> None:
        """It ended: we left, or (why) cannot come in."""


class Transport(Protocol):
    def write(self, data: bytes) -> None: ...
    def abortConnection(self) -> None: ...


class Stage(Enum):
    """How far one connection has come."""

    AWAY = "there is none"
    ENTERING = "we said hello"
    CATCHING_UP = "we are welcome, and read what we missed"
    HERE = "we read and ask"
    LEAVING = "we said that we leave"


class Conversation:
    """Our side of it."""

    def __init__(
        self, face: Face, stamp: str, nick: str, *, instead: str = "", room: str = "", history: int = 0
    ) -> None:
        """`stamp` begins the ids of our requests: no other client's begins so. `instead`: the nickname to have when that
        one cannot be any. `history`: lines to be shown on entering."""
        self.nick = nick
        self.room = room
        self._face = face
        self._stamp = stamp
        self._history = history
        self._wanted = nick
        self._instead = instead
        self._tried = 1
        self._names = {nick}
        """Nicknames under which our own words may come back: while we catch up, also the one we had."""
        self._token = ""
        self._position = ""
        self._entered = False
        self._count = 0
        self._outbox = Outbox()
        self._unsent: list[bytes] = []
        self._stage = Stage.AWAY
        self._transport: Transport | None = None

    # What the connection calls

    def connected(self, transport: Transport) -> None:
        self._transport = transport
        self._stage = Stage.ENTERING
        self._hello()

    def received(self, line: bytes) -> None:
        """One line came. What is no JSON is the greeting for people, who speak later than we do."""
        try:
            said: Any = json.loads(line) if line[:1] == b"{" else None
        except (ValueError, RecursionError):
            return
        match said:
            case {"event": str()}:
                self._happened(said)
            case {"welcome": {"nick": str(nick), "resume": str(token), "rooms": dict(rooms)}} if rooms:
                self._welcomed(said, nick, token, rooms)
            case {"refused": {"code": str(), "words": str()} as refused}:
                self._refused(said, refused)
            case {"answer": str(), "id": str(id)} if id.startswith(self._stamp):
                self._answered(said, id)
            case {"answer": str()} | {"notice": str()}:
                self._face.show(said, own=False)

    def caught_up(self) -> None:
        """All that has come so far was received."""
        if self._stage is Stage.HERE:
            self._face.moved()

    def lost(self, why: str) -> None:
        """The connection is gone, or did not come about."""
        stage, self._stage, self._transport = self._stage, Stage.AWAY, None
        if stage is Stage.LEAVING:
            self._face.over()
        elif not self._entered:
            self._face.over(why)
        elif stage is not Stage.AWAY:
            self._face.away(why)

    # What the face calls

    @property
    def entering(self) -> bool:
        return self._stage is Stage.ENTERING

    @property
    def takes_more(self) -> bool:
        return self._stage is Stage.HERE and not self._outbox.full

    @property
    def under_way(self) -> int:
        """Requests whose outcome has not been seen."""
        return len(self._outbox)

    def ask(self, command: Command) -> None:
        """Have something done, once, in order with what was asked before; it goes out with `send`. Raises Refused."""
        if command.name == "echo":
            raise Refused(
                "no_command", "no /echo here: this program reads its own lines back to know that they are saved"
            )
        id = f"{self._stamp}{self._count + 1}"
        line = _line({command.name: {"words": command.words}, "id": id})
        if len(line) > MAX_LINE:
            raise Refused("line_too_long", f"a line has at most about {MAX_LINE} bytes; yours was not said")
        self._count += 1
        self._outbox.add(id, line)
        if self._stage is Stage.HERE:
            self._unsent.append(line)

    def send(self) -> None:
        """What was asked goes out, in one piece."""
        if self._unsent:
            self._write(b"".join(self._unsent))
            self._unsent.clear()

    def leave(self, reason: str = "") -> bool:
        """Say that we leave; `over` follows. False when there is no connection to say it on."""
        if self._transport is None:
            return False
        self.send()
        self._stage = Stage.LEAVING
        self._write(_line({"quit": {"reason": reason} if reason else {}}))
        return True

    # Coming in, and coming back

    def _hello(self) -> None:
        hello: dict[str, Any] = {"resume": self._token} if self._token else {"nick": self.nick}
        if self._position:
            hello["rooms"] = {self.room: {"after": self._position}}
        else:
            hello["history"] = self._history
            if self.room:
                hello["rooms"] = {self.room: {}}
        self._write(_line({"hello": hello, "id": self._stamp}))

    def _not_in(self, said: Said, refused: Said) -> None:
        """The server does not take us as we are: as somebody else, perhaps."""
        match refused["code"]:
            case "resume_unknown" if self._token:
                self._token = ""
            case "position_unknown" if self._position:
                self._position = ""
            case "nick_invalid" | "nick_reserved" if self._instead:
                self.nick, self._wanted, self._instead = self._instead, self._instead, ""
            case "nick_taken" if self._tried < NICKS_TRIED:
                self._tried += 1
                number = str(self._tried)
                self.nick = self._wanted[: NICK_LONGEST - len(number)] + number
                self._face.show(said, own=False)
            case _ if not self._entered:
                self._stage = Stage.LEAVING
                self._face.over(refused["words"])
                return
            case _:
                self._face.show(said, own=False)
                if self._transport:
                    self._transport.abortConnection()
                return
        self._hello()

    def _welcomed(self, said: Said, nick: str, token: str, rooms: Mapping[str, Any]) -> None:
        self.nick, self._token = nick, token
        self._names.add(nick)
        again, self._entered = self._entered, True
        catching_up = bool(self._position)
        self.room, there = next(iter(rooms.items()))
        if not catching_up:
            self._position = str(there["position"])
        shown = {name: value for name, value in said["welcome"].items() if name != "resume"}  # which is a secret
        if self._stage is Stage.ENTERING:
            self._stage = Stage.CATCHING_UP
        self._face.welcomed({"welcome": shown}, again)
        if self._stage is Stage.LEAVING:
            return
        if catching_up:
            # Its answer comes behind all that we missed. What has not come back until then was not taken, so nothing is said
            # twice even where the server does not know us any more.
            self._write(_line({"echo": {"on": True}, "id": self._stamp}))
        else:
            self._be_here()

    def _be_here(self) -> None:
        self._names = {self.nick}
        self._stage = Stage.HERE
        if self._outbox:
            self._write(self._outbox.all())
        self._unsent.clear()
        self._face.moved()

    # What the server says

    def _happened(self, said: Said) -> None:
        id, nick = said.get("id"), said.get("nick")
        own = isinstance(id, str) and id.startswith(self._stamp) and nick in self._names
        outcome = own and self._outbox.done(str(id))
        if not own and said["event"] == "renamed" and nick in self._names:
            self._names.discard(nick)
            self._names.add(str(said.get("new")))
            self.nick = str(said.get("new"))
        if not said.get("history"):
            self._position = str(said.get("position", self._position))
        elif outcome:
            return  # it had been said before, and was or will be shown where it stands
        else:
            own = False  # asked for by /history
        self._face.show(said, own)

    def _refused(self, said: Said, refused: Said) -> None:
        id = said.get("id")
        own = isinstance(id, str) and id.startswith(self._stamp)
        if self._stage is Stage.ENTERING:
            self._not_in(said, refused)
        elif id != self._stamp:
            if own:
                self._outbox.done(str(id))
            self._face.show(said, own)

    def _answered(self, said: Said, id: str) -> None:
        if id == self._stamp:
            if self._stage is Stage.CATCHING_UP:
                self._be_here()
        else:
            self._outbox.done(id)
            self._face.show(said, own=True)

    def _write(self, data: bytes) -> None:
        if self._transport:
            self._transport.write(data)


def _line(request: Mapping[str, object]) -> bytes:
    return f"{_encode(request)}\n".encode()
