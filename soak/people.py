"""One person at a time: what they can do, and what they hear, given to the oracle; whatever the format.

A person may have several connections one after the other; when they do what, `lives.py` says.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Protocol

from twisted.internet.protocol import Protocol as Connection
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from .oracle import Key, Oracle, Reader, key_in

PRIVATE = re.compile(r"@p(\d+)\.(\d+)\b")
"""What stands in front of private words: who wrote them, and the how manieth of theirs it is."""

EXPECTED = re.compile(
    r"nobody called|nobody has written|you are not in #|there is no room|no message|you have said nothing|is expected back|"
    r"you talk in none|\w is gone|you came back on another|you ignore|that is you|the server is stopping"
)
"""Refusals that are no fault of the server: whom one writes to has just left, and the like."""

WORDS = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore"


class Around(Protocol):
    """What a person knows of the others."""

    oracle: Oracle
    counts: Counter[str]
    errors: Counter[str]

    def entered(self, person: Person) -> None: ...
    def gone(self, person: Person) -> None:
        """A connection of theirs has ended."""


class Wire(Connection):
    """A connection that splits what comes into lines."""

    transport: Any

    def __init__(self, kind: str) -> None:
        """`kind`: tcp, tls or unix."""
        self.person: Person | None = None
        self.can_half_close = kind != "tls"
        self._rest = b""

    def abort(self) -> None:
        if self.connected:
            self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self.person:
                self.person.line(line.decode().rstrip("\r"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.connected = 0
        person, self.person = self.person, None
        if person:
            person.lost()


class Person:
    """Somebody. Numbers tell people apart, however they are called."""

    resumes = False
    own_optional = False

    def __init__(self, around: Around, number: int, nick: str, password: str = "") -> None:
        self.number = number
        self.nick = nick
        self.password = password
        self.wire: Any = None
        self.inside = False
        """They are in the chat, and may talk."""
        self.leaving = False
        """They have said that they go, and are to be let go when all before that was said and heard."""
        self.let_go = False
        """They were: what they said is certainly said."""
        self.stalled = False
        self.said: Counter[str] = Counter()
        self.readers: dict[str, Reader] = {}
        self._around = around
        self._left: set[str] = set()
        self._joining: set[str] = set()
        self._privates = 0
        self.optional: set[int] = {number} if self.own_optional else set()

    # The connection

    def meet(self, wire: Wire) -> None:
        """A connection of theirs is there."""
        self.wire = wire
        wire.person = self
        self.greet()

    def lost(self) -> None:
        self.wire = None
        self.inside = False
        self._around.gone(self)

    def desert(self) -> None:
        """Have nothing to do with the connection any more, which stays open."""
        self.wire.person = None
        self.wire = None
        self.inside = False

    def reset(self) -> None:
        """Be gone without a farewell: an RST instead of a FIN."""
        self.inside = False
        self.wire.abort()

    def close(self) -> None:
        self.inside = False
        self.wire.transport.loseConnection()

    def stall(self) -> None:
        self.stalled = True
        self.wire.transport.pauseProducing()

    def wake(self) -> None:
        self.stalled = False
        if self.wire:
            self.wire.transport.resumeProducing()

    def end(self) -> None:
        """They are no more."""
        for reader in self.readers.values():
            reader.end()
        self.readers.clear()

    def write(self, line: str) -> None:
        self.wire.transport.write(f"{line}\n".encode())

    # What they do

    @property
    def unseen(self) -> list[str]:
        """What they said and did not see come back."""
        return []

    @property
    def rooms(self) -> list[str]:
        return [*self.readers]

    def say(self, room: str, words: str, verb: str = "say") -> None:
        self.said[room] += 1
        self._say(room, f"{Key(self.number, room, self.said[room])} {words}", verb)

    def message(self, nick: str, words: str) -> None:
        self._privates += 1
        self.ask("msg", f"{nick} @p{self.number}.{self._privates} {words}")

    def join(self, room: str) -> None:
        if room not in self._left:
            self._joining.add(room)
            self.ask("join", room)

    def leave(self, room: str) -> None:
        """For good: what is heard of it from now on counts no more."""
        self._left.add(room)
        self.readers.pop(room).end()
        self.ask("leave", room)

    def watch(self, room: str, *, from_start: bool = False) -> bool:
        """They are in a room from now on; whether it is one of those of which all is watched."""
        log = self._around.oracle.logs.get(room)
        if log is None or room in self._left:
            return False
        if room not in self.readers:
            self.readers[room] = Reader(log, self.nick, self.optional, from_start=from_start)
        return True

    # What they hear

    def hear(self, room: str, text: str) -> None:
        key = key_in(text)
        if key is None or key.room in self._left:
            return
        if room and room != key.room:
            self._around.oracle.faults.add("strange", f"{key} in {room} for {self.nick}")
        if self.watch(key.room):
            self.readers[key.room].hear(key)

    def hear_private(self, text: str) -> None:
        if found := PRIVATE.search(text):
            self._around.oracle.private(int(found[1]), self.number, int(found[2]), self.nick)

    def refused(self, words: str) -> None:
        if not EXPECTED.search(words):
            self._around.errors[f"refused: {re.sub('[0-9]+', 'N', words)[:80]}"] += 1

    def come_in(self) -> None:
        self.inside = True
        self._around.entered(self)

    # In either format

    def greet(self) -> None:
        raise NotImplementedError

    def line(self, line: str) -> None:
        raise NotImplementedError

    def ask(self, verb: str, words: str = "") -> None:
        raise NotImplementedError

    def loose(self, words: str) -> None:
        """Say something unnumbered, which may be changed later."""
        raise NotImplementedError

    def quit(self) -> None:
        raise NotImplementedError

    def _say(self, room: str, text: str, verb: str) -> None:
        raise NotImplementedError
