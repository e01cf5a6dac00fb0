"""Somebody in the chat, for as long as they stay: a nickname, rooms, an inbox. Others see one person, on however many devices.

Knows of a device only whether a connection shows it the chat; not how it comes and goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from .seams import Batch, Clock, NotSaved, Storage
from .witness import Witness


class Server(Protocol):
    """What a person needs of the chat they are in."""

    clock: Clock
    directory: Directory
    journal: Journal
    storage: Storage
    people: dict[str, Person]
    leaving: dict[str, Deferred[None]]
    opening: DeferredLock
    going: set[str]
    stopping: bool
    witness: Witness

    def event(
        self, kind: Kind, by: str = "", nick: str = "", text: str = "", details: Mapping[str, Any] = ...
    ) -> Event: ...
    def milliseconds(self) -> int: ...
    async def save(self, events: Batch) -> NotSaved | None: ...
    async def save_surely(self, events: Batch) -> None: ...


class Way(Protocol):
    """One way in which they are here: a device."""

    connection: Connection | None
    room: Room | None
    """Where what is said there is said, unless told otherwise."""

    def detached(self) -> tuple[str, Event] | None:
        """What tells that they are here by it no more, if the log knows of it."""

    def drop(self) -> None:
        """They are here by it no more."""


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
        self.devices: tuple[Way, ...] = ()
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

    # Rooms

    def joined(self, room: Room, arrived: Arrived, on: Way) -> None:
        """Be in one more room, as was read in its log; who asked for it on a device talks there from now on."""
        self.rooms = (*self.rooms, room) if self.rooms else room.alone
        on.room = room
        for device in self.devices:
            device.room = device.room or room
            if device is not on and device.connection:
                device.connection.shown.joined(room, arrived)

    def parted(self, room: Room, entry: Entry) -> None:
        """Be in a room no more, as stands in its log."""
        rooms = tuple(each for each in self.rooms if each is not room)
        self.rooms = rooms[0].alone if len(rooms) == 1 else rooms
        for device in self.devices:
            if device.room is room:  # who was put out says nothing elsewhere that was meant for there
                device.room = rooms[-1] if rooms and not entry.event.details.get("put_out") else None
            if device.connection:
                device.connection.shown.parted(room, entry)

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
                    connection.shown.read_inbox(inbox.log.tip)
                if self.left:
                    inbox.close()

        return ensureDeferred(opened())

    def _taken(self) -> Position | None:
        taken = [connection.shown.taken() for connection in self.connections]
        return max((position for position in taken if position is not None), default=None)

    # What is said to them, and what not

    def tell(self, words: str) -> None:
        """Say something to them, wherever they are."""
        for connection in self.connections:
            connection.answers.tell(words)

    def ignore(self, ignored: Mapping[str, str]) -> None:
        """Read nothing more of these people, by id, and of nobody else's words less."""
        self.ignored = ignored
        for connection in self.connections:
            connection.shown.ignore()

    # Leaving the chat

    def parting(self, but: Way | None) -> list[tuple[str, Event]]:
        """What tells that all devices but one are here no more; the person leaves with the last."""
        if but not in self.devices:
            return self.leaving("")
        return [event for device in self.devices if device is not but and (event := device.detached())]

    def dismiss(self, why: Refused, but: Way | None = None) -> None:
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
