"""Somebody in the chat, for as long as they stay: a nickname, rooms, an inbox, and the devices they are here on.

Others see one person, on however many devices. A device shows it to them by a connection; that may be lost, and another
take its place, while they stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredLock, ensureDeferred

from .account import Account, forms_of
from .connection import Connection
from .directory import SERVER_LOG, Directory
from .event import NO_DETAILS, Entry, Event, Kind, Position
from .inbox import Inbox
from .journal import Journal
from .names import Name
from .request import Arrived, Refused
from .room import Room
from .seams import Batch, Clock, Delayed, NotSaved, Storage

DEVICES = 20
"""Of one person at once: more are a mistake, and each costs as much as a person."""


class Server(Protocol):
    """What a person needs of the chat they are in."""

    clock: Clock
    directory: Directory
    journal: Journal
    storage: Storage
    people: dict[str, Person]
    devices: dict[str, Device]
    leaving: dict[str, Deferred[None]]
    opening: DeferredLock
    going: set[str]
    stopping: bool

    def event(
        self, kind: Kind, by: str = "", nick: str = "", text: str = "", details: Mapping[str, Any] = ...
    ) -> Event: ...
    def talk(self, by: str, nick: str, texts: Sequence[str]) -> list[Event]: ...
    def milliseconds(self) -> int: ...
    async def save(self, events: Batch) -> NotSaved | None: ...
    async def save_surely(self, events: Batch) -> None: ...


class Device:
    """One way in which somebody is here: by a connection, or by the right to come back after one was lost."""

    __slots__ = ("_gone", "by", "connection", "person", "room", "token")

    def __init__(self, person: Person, by: str, token: str = "") -> None:
        """`by` is what its talk is told by; `token` the digest of what it comes back with, empty where it cannot."""
        self.person = person
        self.room = person.rooms[0] if person.rooms else None
        """Where what is said here is said, unless told otherwise."""
        self.by = by
        self.token = token
        self.connection: Connection | None = None
        self._gone: Delayed | None = None
        person.devices = (*person.devices, self)
        if token:
            person.server.devices[token] = self

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
            self._gone = self.person.server.clock.callLater(grace, self._give_up)
        else:
            self.leave(reason)

    def _give_up(self) -> None:
        self._gone = None
        self.leave("connection lost")

    def leave(self, reason: str = "") -> None:
        """Be here no more; the person leaves with their last device. When the server stops nobody leaves: its next start
        tells who is still here."""
        self.connection = None
        if self not in self.person.devices or self.person.server.stopping:
            return
        if len(self.person.devices) == 1:
            self.person.leave(reason)
        else:
            detached = self.detached()
            self.drop()
            if detached:
                ensureDeferred(self.person.server.save_surely([detached]))

    def detached(self) -> tuple[str, Event] | None:
        """What tells that this device is here no more, if the log knows of it."""
        if not self.token:
            return None
        return SERVER_LOG, self.person.server.event(Kind.DETACHED, self.by, details={"token": self.token})

    def drop(self) -> None:
        """Belong to nobody any more, and have no connection."""
        self.connection = None
        if self._gone:
            self._gone.cancel()
            self._gone = None
        self.person.devices = tuple(device for device in self.person.devices if device is not self)
        self.person.server.devices.pop(self.token, None)


class Person:
    """Somebody in the chat."""

    __slots__ = ("devices", "id", "ignored", "inbox", "left", "may_claim", "name", "rooms", "server", "since")

    def __init__(self, server: Server, id: str, name: Name, rooms: tuple[Room, ...], since: int = 0) -> None:
        """`since`: when they came, in milliseconds since 1970."""
        self.server = server
        self.id = id
        self.name = name
        self.rooms = rooms[0].alone if len(rooms) == 1 else rooms
        """In the order in which they joined."""
        self.since = since
        self.devices: tuple[Device, ...] = ()
        self.inbox: Inbox | None = None
        """None until there is something to read, or to be read."""
        self.ignored: Mapping[str, str] = {} if self.account is None else self.account.ignored
        """Whom they do not read: ids, and nicknames."""
        self.may_claim = False
        """Gave the claim code, and has not registered yet."""
        self.left = False
        server.people[id] = self

    @property
    def account(self) -> Account | None:
        """None for a guest."""
        return self.server.directory.accounts.get(self.id)

    @property
    def connections(self) -> list[Connection]:
        return [device.connection for device in self.devices if device.connection]

    async def attach(self, by: str, token: str) -> Device:
        """Be here on one more device; raises Refused."""
        if len(self.devices) >= DEVICES:
            raise Refused(
                "too_many_devices", f"{self.name.shown} is here on {DEVICES} devices already, the most there can be"
            )
        device = Device(self, by, token)
        if token:
            failed = await self.server.save(
                [(SERVER_LOG, self.server.event(Kind.ATTACHED, by, details={"token": token}))]
            )
            if failed:
                device.drop()
                raise not_saved("your coming in", failed)
        return device

    # Rooms

    def joined(self, room: Room, arrived: Arrived, on: Device) -> None:
        """Be in one more room, as was read in its log; who asked for it on a device talks there from now on."""
        self.rooms = (*self.rooms, room) if self.rooms else room.alone
        on.room = room
        for device in self.devices:
            device.room = device.room or room
            if device is not on and device.connection:
                device.connection.joined(room, arrived)

    def parted(self, room: Room, entry: Entry) -> None:
        """Be in a room no more, as stands in its log."""
        rooms = tuple(each for each in self.rooms if each is not room)
        self.rooms = rooms[0].alone if len(rooms) == 1 else rooms
        for device in self.devices:
            if device.room is room:  # who was put out says nothing elsewhere that was meant for there
                device.room = rooms[-1] if rooms and not entry.event.details.get("put_out") else None
            if device.connection:
                device.connection.parted(room, entry)

    def parting_from(self, room: Room, why: str = "", put_out: bool = False) -> list[tuple[str, Event]]:
        """What tells that they are in a room no more."""
        details = {"put_out": True} if put_out else NO_DETAILS
        parted = self.server.event(Kind.PARTED, self.id, self.name.shown, why, details)
        return [(room.log.name, parted), *self.returning([each for each in self.rooms if each is not room])]

    def returning(self, rooms: Sequence[Room]) -> list[tuple[str, Event]]:
        """What tells to which rooms they are to return, if they have an account."""
        return [] if self.account is None else self.returning_to(rooms)

    def returning_to(self, rooms: Sequence[Room]) -> list[tuple[str, Event]]:
        """The same, for who is about to have one."""
        details = {"rooms": [room.name for room in rooms]}
        return [(SERVER_LOG, self.server.event(Kind.ROOMS, self.id, self.name.shown, details=details))]

    def everywhere(
        self, kind: Kind, text: str = "", details: Mapping[str, Any] = NO_DETAILS, also: Sequence[str] = ()
    ) -> list[tuple[str, Event]]:
        """One event in the logs of all their rooms, and in some others."""
        if len(self.rooms) > 1:
            details = {**details, "rooms": [room.name for room in self.rooms]}
        event = self.server.event(kind, self.id, self.name.shown, text, details)
        return [(log, event) for log in (*also, *(room.log.name for room in self.rooms))]

    # The inbox

    async def open_inbox(self) -> Inbox:
        """Their private messages, shown on every device from now on."""
        if self.inbox is None:
            await self.server.opening.run(self._open_inbox)
        assert self.inbox is not None
        return self.inbox

    def _open_inbox(self) -> Deferred[None]:
        async def opened() -> None:
            if self.inbox is None:
                inbox = Inbox(self.server, self.id, self._taken)
                await inbox.open()
                self.inbox = inbox
                for connection in self.connections:
                    connection.read_inbox(inbox.log.tip)
                if self.left:
                    inbox.close()

        return ensureDeferred(opened())

    def _taken(self) -> Position | None:
        taken = [connection.taken() for connection in self.connections]
        return max((position for position in taken if position is not None), default=None)

    # What is said to them, and what not

    def tell(self, words: str) -> None:
        """Say something to them, wherever they are."""
        for connection in self.connections:
            connection.told(words)

    def ignore(self, ignored: Mapping[str, str]) -> None:
        """Read nothing more of these people, by id, and of nobody else's words less."""
        self.ignored = ignored
        for connection in self.connections:
            connection.ignoring()

    # Leaving the chat

    def parting(self, but: Device | None) -> list[tuple[str, Event]]:
        """What tells that all devices but one are here no more; the person leaves with the last."""
        if but not in self.devices:
            return self.leaving("")
        return [event for device in self.devices if device is not but and (event := device.detached())]

    def dismiss(self, why: Refused, but: Device | None = None) -> None:
        """All devices but one are here no more, as it was told: end their connections."""
        connections = [device.connection for device in self.devices if device is not but and device.connection]
        if but in self.devices:
            for device in self.devices:
                if device is not but:
                    device.drop()
        else:
            self.gone()
        for connection in connections:
            connection.dismissed(why)

    def leave(self, reason: str = "") -> None:
        """Be gone, as everybody sees once."""
        if self.id in self.server.going:  # which is told already
            self.gone()
            return
        events = self.leaving(reason)
        self.gone()
        self.server.directory.let_go(self.id)
        saved = ensureDeferred(self._tell(events))
        self.server.leaving[self.id] = saved
        saved.addCallback(self._told)

    async def _tell(self, events: Batch) -> None:
        for room in self.rooms:
            await room.door.leave()
        now = self.server.milliseconds()  # not when they left: the times of events tell which was appended first
        await self.server.save_surely([(log, event._replace(time=now)) for log, event in events])

    def _told(self, _: None) -> None:
        del self.server.leaving[self.id]

    def leaving(self, reason: str) -> list[tuple[str, Event]]:
        """What tells that they leave."""
        server = self.server
        events = [*self.everywhere(Kind.LEFT, reason), self.released()]
        events += [event for device in self.devices if (event := device.detached())]
        if self.id in server.directory.away:
            events.append((SERVER_LOG, server.event(Kind.BACK, self.id, self.name.shown)))
        if self.inbox:
            events += self.inbox.mark()
        return events

    def gone(self) -> None:
        """They have left, as it was told."""
        if self.left:
            return
        self.left = True
        for device in self.devices:
            device.drop()
        if self.inbox:
            self.inbox.close()
        del self.server.people[self.id]

    def released(self) -> tuple[str, Event]:
        """What tells that their nickname is free."""
        return SERVER_LOG, self.server.event(Kind.RELEASED, self.id, self.name.shown, details=forms_of(self.name))


def digest(token: str) -> str:
    """What is kept of a token: who reads the store cannot come back as anyone."""
    return sha256(token.encode()).hexdigest()


def not_saved(what: str, why: NotSaved) -> Refused:
    outcome = "was not saved" if why.certain else "may not have been saved"
    return Refused("not_saved", f"{what} {outcome}: {why.words}")
