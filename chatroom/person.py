"""Somebody in the chat, for as long as they stay: a nickname, a room, and the right to come back to both.

A connection shows it to them; it may be lost and another take its place, while they stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Protocol

from twisted.internet.defer import ensureDeferred

from .directory import SERVER_LOG, Directory
from .event import Event, Kind
from .journal import Journal, Told
from .names import Name
from .request import Refused
from .room import Arrival, Room
from .seams import Batch, Clock, Delayed, NotSaved


class Server(Protocol):
    """What a person needs of the chat they are in."""

    clock: Clock
    directory: Directory
    journal: Journal
    staying: dict[str, Person]
    stopping: bool

    def event(
        self, kind: Kind, by: str = "", nick: str = "", text: str = "", details: dict[str, Any] = ...
    ) -> Event: ...
    def talk(self, by: str, nick: str, texts: Sequence[str]) -> list[Event]: ...
    async def save(self, events: Batch) -> NotSaved | None: ...
    async def save_surely(self, events: Batch) -> None: ...


class Connection(Protocol):
    """What a person needs of the connection that shows them the chat."""

    def displaced(self) -> None:
        """The person came back on another connection."""


class Person:
    """Somebody in the chat."""

    __slots__ = ("_gone", "_left", "_server", "connection", "id", "name", "room", "token")

    def __init__(self, server: Server, id: str, name: Name, room: Room, token: str = "") -> None:
        """`token` is the digest of what they come back with; empty when they cannot."""
        self.id = id
        self.name = name
        self.room = room
        self.token = token
        self.connection: Connection | None = None
        self._server = server
        self._gone: Delayed | None = None
        self._left = False
        if token:
            server.staying[token] = self

    @classmethod
    async def enter(cls, server: Server, id: str, name: Name, room: Room, token: str) -> tuple[Person, Arrival]:
        """Claim a nickname and join a room, both or neither; raises Refused. Tells also how the room was just then."""
        room.expect(id)
        try:
            joined = server.event(Kind.JOINED, id, name.shown)
            await _claim(server, id, name, token, (room.log.name, joined))
        finally:
            arrival = room.arrived(id)
        assert arrival is not None  # else the claim was refused
        return cls(server, id, name, room, token), arrival

    def append(self, kind: Kind, text: str, id: str, told: Told) -> int:
        """Have something that this person says or does in the room committed: once, if it has an id. Returns what the
        journal's `settled` takes to wait for it."""
        event = self._server.event(kind, self.id, self.name.shown, text, *({"id": id},) if id else ())
        return self._server.journal.append(((self.room.log.name, event),), told)

    def talk(self, texts: Sequence[str], told: Told) -> int:
        """Have several lines that this person says committed together."""
        log = self.room.log.name
        return self._server.journal.append(
            [(log, event) for event in self._server.talk(self.id, self.name.shown, texts)], told
        )

    async def rename(self, name: Name) -> None:
        """Take another nickname; everyone, this person too, reads it in the room."""
        old = self.name
        renamed = self._server.event(Kind.RENAMED, self.id, old.shown, details={"new": name.shown})
        await _claim(self._server, self.id, name, self.token, self._released(), (self.room.log.name, renamed))
        self.name = name
        if self._left:  # meanwhile, under the old nickname
            await self._server.save_surely([self._released()])

    def stay(self, connection: Connection) -> None:
        """Be here through this connection; the one before is let go."""
        before, self.connection = self.connection, connection
        if before:
            before.displaced()
        if self._gone:
            self._gone.cancel()
            self._gone = None

    def linger(self, grace: float, reason: str = "") -> None:
        """The connection is lost. For `grace` seconds others see nothing of it, if this person can come back."""
        self.connection = None
        if self.token:
            self._gone = self._server.clock.callLater(grace, self._give_up)
        else:
            self.leave(reason)

    def _give_up(self) -> None:
        self._gone = None
        self.leave("connection lost")

    def leave(self, reason: str = "") -> None:
        """Be gone, as everybody sees once. When the server stops nobody leaves: its next start tells who is still here."""
        self.connection = None
        if self._server.stopping:
            return
        self._left = True
        self._server.staying.pop(self.token, None)
        self._server.directory.let_go(self.id)
        left = self._server.event(Kind.LEFT, self.id, self.name.shown, reason)
        ensureDeferred(self._server.save_surely([(self.room.log.name, left), self._released()]))

    def _released(self) -> tuple[str, Event]:
        return SERVER_LOG, self._server.event(Kind.RELEASED, self.id, self.name.shown, details=_forms(self.name))


def digest(token: str) -> str:
    """What is kept of a token: who reads the store cannot come back as anyone."""
    return sha256(token.encode()).hexdigest()


def not_saved(what: str, why: NotSaved) -> Refused:
    outcome = "was not saved" if why.certain else "may not have been saved"
    return Refused("not_saved", f"{what} {outcome}: {why.words}")


async def _claim(server: Server, id: str, name: Name, token: str, *events: tuple[str, Event]) -> None:
    """Have a nickname claimed together with what depends on it, all or nothing; raises Refused."""
    if server.directory.freeing(name):  # said bye and came back at once, faster than the disk
        await server.journal.settled()
    server.directory.reserve(name, id)
    details = _forms(name) | ({"token": token} if token else {})
    claimed = server.event(Kind.CLAIMED, id, name.shown, details=details)
    failed = await server.save([*events, (SERVER_LOG, claimed)])
    if failed:
        server.directory.cancel(name, id)
        raise not_saved(name.shown, failed)


def _forms(name: Name) -> dict[str, Any]:
    return {"folded": name.folded, "skeleton": name.skeleton}
