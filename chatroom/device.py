"""One way in which somebody is here: shown by a connection, which may be lost, and another take its place, while they stay.

Knows when a device is there no more; not what it is shown.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Protocol

from twisted.internet.defer import ensureDeferred

from .connection import Connection
from .directory import SERVER_LOG
from .event import Event, Kind
from .person import Person
from .person import Server as PersonsServer
from .request import Refused
from .room import Room
from .seams import Delayed, not_saved

DEVICES = 20
"""Of one person at once: more are a mistake, and each costs as much as a person."""


class Server(PersonsServer, Protocol):
    """What a device needs of the chat."""

    devices: dict[str, Device]


class Device:
    """One way in which somebody is here: by a connection, or by the right to come back after one was lost."""

    __slots__ = ("_gone", "_server", "by", "connection", "person", "room", "token")

    def __init__(self, server: Server, person: Person, by: str, token: str = "") -> None:
        """`by` is what its talk is told by; `token` the digest of what it comes back with, empty where it cannot."""
        self._server = server
        self.person = person
        self.room: Room | None = person.rooms[0] if person.rooms else None
        """Where what is said here is said, unless told otherwise."""
        self.by = by
        self.token = token
        self.connection: Connection | None = None
        self._gone: Delayed | None = None
        person.devices = (*person.devices, self)
        if token:
            server.devices[token] = self

    def stay(self, connection: Connection) -> None:
        """Be here by this connection; the one before is let go."""
        before, self.connection = self.connection, connection
        if before:
            before.dismissed(Refused("resumed", "you came back on another connection"))
        if self._gone:
            self._gone.cancel()
            self._gone = None

    def linger(self, grace: float, reason: str = "") -> None:
        """The connection is lost. For `grace` seconds others see nothing of it, if this device can come back."""
        self.connection = None
        if self.token:
            self._gone = self._server.clock.callLater(grace, self._give_up)
        else:
            self.leave(reason)

    def _give_up(self) -> None:
        self._gone = None
        self.leave("connection lost")

    def leave(self, reason: str = "") -> None:
        """Be here no more; the person leaves with their last device. When the server stops nobody leaves: its next start
        tells who is still here."""
        self.connection = None
        if self not in self.person.devices or self._server.stopping:
            return
        if len(self.person.devices) == 1:
            self.person.leave(reason)
        else:
            detached = self.detached()
            self.drop()
            if detached:
                ensureDeferred(self._server.save_surely([detached]))

    def detached(self) -> tuple[str, Event] | None:
        """What tells that this device is here no more, if the log knows of it."""
        if not self.token:
            return None
        return SERVER_LOG, self._server.event(Kind.DETACHED, self.by, details={"token": self.token})

    def drop(self) -> None:
        """Belong to nobody any more, and have no connection."""
        self.connection = None
        if self._gone:
            self._gone.cancel()
            self._gone = None
        self.person.devices = tuple(device for device in self.person.devices if device is not self)
        self._server.devices.pop(self.token, None)


async def attach(server: Server, person: Person, by: str, token: str) -> Device:
    """Have somebody be here on one more device; raises Refused."""
    if len(person.devices) >= DEVICES:
        raise Refused(
            "too_many_devices", f"{person.name.shown} is here on {DEVICES} devices already, the most there can be"
        )
    device = Device(server, person, by, token)
    if token:
        failed = await server.save([(SERVER_LOG, server.event(Kind.ATTACHED, by, details={"token": token}))])
        if failed:
            device.drop()
            raise not_saved("your coming in", failed)
    return device


def digest(token: str) -> str:
    """What is kept of a token: who reads the store cannot come back as anyone."""
    return sha256(token.encode()).hexdigest()
