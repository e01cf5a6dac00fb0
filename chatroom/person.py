"""Somebody in the chat, for as long as they stay: a nickname, a room, an inbox, and the devices they are here on.

Others see one person, on however many devices. A device shows it to them by a connection; that may be lost, and another
take its place, while they stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from hashlib import sha256
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredLock, ensureDeferred

from .account import Account, forms_of
from .directory import SERVER_LOG, Directory
from .event import Event, Kind, Position
from .inbox import Inbox, inbox_log
from .journal import Journal, Told
from .names import Name
from .request import Refused
from .room import Arrival, Room
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
    stopping: bool

    def alone(self, id: str) -> AbstractAsyncContextManager[None]: ...

    def event(
        self, kind: Kind, by: str = "", nick: str = "", text: str = "", details: Mapping[str, Any] = ...
    ) -> Event: ...
    def talk(self, by: str, nick: str, texts: Sequence[str]) -> list[Event]: ...
    def new_id(self) -> str: ...
    async def save(self, events: Batch) -> NotSaved | None: ...
    async def save_surely(self, events: Batch) -> None: ...


class Connection(Protocol):
    """What a person needs of a connection that shows them the chat."""

    @property
    def address(self) -> str:
        """Where it comes from; empty for this machine."""

    @property
    def protocol(self) -> str:
        """What it speaks, and over what, in words."""

    spoke: float
    """When something came from it, by the server's clock."""

    def dismissed(self, why: Refused) -> None:
        """The person is here by this connection no more."""

    def told(self, words: str) -> None:
        """The server says something to the person."""

    def read_inbox(self, start: Position) -> None:
        """Show the person their private messages from a position in the inbox on, and go on so."""

    def ignoring(self) -> None:
        """The person changed whom they ignore."""

    def taken(self) -> Position | None:
        """Up to where in the inbox the other side has certainly got all; None for nowhere."""


class Device:
    """One way in which somebody is here: by a connection, or by the right to come back after one was lost."""

    __slots__ = ("_gone", "by", "connection", "person", "token")

    def __init__(self, person: Person, by: str, token: str = "") -> None:
        """`by` is what its talk is told by; `token` the digest of what it comes back with, empty where it cannot."""
        self.person = person
        self.by = by
        self.token = token
        self.connection: Connection | None = None
        self._gone: Delayed | None = None
        person.devices = (*person.devices, self)
        if token:
            person.server.devices[token] = self

    def append(self, kind: Kind, text: str, id: str, told: Told) -> int:
        """Have something that is said or done here committed in the room: once, if it has an id. Returns what the
        journal's `settled` takes to wait for it."""
        person = self.person
        event = person.server.event(kind, self.by, person.name.shown, text, *({"id": id},) if id else ())
        return person.server.journal.append(((person.room.log.name, event),), told)

    def talk(self, texts: Sequence[str], told: Told) -> int:
        """Have several lines that are said here committed together."""
        person = self.person
        log = person.room.log.name
        return person.server.journal.append(
            [(log, event) for event in person.server.talk(self.by, person.name.shown, texts)], told
        )

    def write(self, to: str, inbox: str, text: str, id: str, told: Told) -> int:
        """Have a private message committed, for whoever is called `to` now and has that inbox, and in one's own."""
        person = self.person
        details = {"to": to, **({"id": id} if id else {})}
        event = person.server.event(Kind.PRIVATE, self.by, person.name.shown, text, details)
        # One's own first: a repeat is told by it. One log, of who writes to themselves.
        logs = dict.fromkeys((inbox_log(person.id), inbox))
        return person.server.journal.append([(log, event) for log in logs], told)

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

    __slots__ = ("_left", "devices", "id", "ignored", "inbox", "may_claim", "name", "room", "server", "since")

    def __init__(self, server: Server, id: str, name: Name, room: Room, since: int = 0) -> None:
        """`since`: when they came, in milliseconds since 1970."""
        self.server = server
        self.id = id
        self.name = name
        self.room = room
        self.since = since
        self.devices: tuple[Device, ...] = ()
        self.inbox: Inbox | None = None
        """None until there is something to read, or to be read."""
        self.ignored: Mapping[str, str] = {} if self.account is None else self.account.ignored
        """Whom they do not read: ids, and nicknames."""
        self.may_claim = False
        """Gave the claim code, and has not registered yet."""
        self._left = False
        server.people[id] = self

    @property
    def account(self) -> Account | None:
        """None for a guest."""
        return self.server.directory.accounts.get(self.id)

    @classmethod
    async def enter(
        cls, server: Server, id: str, name: Name, room: Room, by: str, token: str, instead_of: Person | None = None
    ) -> tuple[Device, Arrival]:
        """Claim a nickname and join a room with one device, all or nothing; raises Refused. Tells also how the room was just
        then. In the same moment leaves who they were until then, if anybody."""
        room.expect(id)
        before = instead_of.leaving(f"now {name.shown}") if instead_of else []
        joined = server.event(Kind.JOINED, id, name.shown)
        attached = [(SERVER_LOG, server.event(Kind.ATTACHED, by, details={"token": token}))] if token else []
        try:
            name = await _claim(server, id, name, before, [*attached, (room.log.name, joined)], instead_of)
        finally:
            arrival = room.arrived(id)
        assert arrival is not None  # else the claim was refused
        if instead_of:
            instead_of.gone()
        return Device(cls(server, id, name, room, joined.time), by, token), arrival

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

    async def rename(self, name: Name) -> None:
        """Take another nickname; everyone, this person too, reads it in the room. One at a time."""
        async with self.server.alone(self.id):
            await self._rename(name)

    async def _rename(self, name: Name) -> None:
        old = self.name
        renamed = self.server.event(Kind.RENAMED, self.id, old.shown, details={"new": name.shown})
        self.name = await _claim(self.server, self.id, name, [self._released()], [(self.room.log.name, renamed)])
        if self._left:  # meanwhile, under the old nickname
            await self.server.save_surely([self._released()])

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
                for device in self.devices:
                    if device.connection:
                        device.connection.read_inbox(inbox.log.tip)
                if self._left:
                    inbox.close()

        return ensureDeferred(opened())

    def _taken(self) -> Position | None:
        taken = [device.connection.taken() for device in self.devices if device.connection]
        return max((position for position in taken if position is not None), default=None)

    def tell(self, words: str) -> None:
        """Say something to them, wherever they are."""
        for device in self.devices:
            if device.connection:
                device.connection.told(words)

    def ignore(self, ignored: Mapping[str, str]) -> None:
        """Read nothing more of these people, by id, and of nobody else's words less."""
        self.ignored = ignored
        for device in self.devices:
            if device.connection:
                device.connection.ignoring()

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
        events = self.leaving(reason)
        self.gone()
        self.server.directory.let_go(self.id)
        saved = ensureDeferred(self.server.save_surely(events))
        self.server.leaving[self.id] = saved
        saved.addCallback(self._told)

    def _told(self, _: None) -> None:
        del self.server.leaving[self.id]

    def leaving(self, reason: str) -> list[tuple[str, Event]]:
        """What tells that they leave."""
        server = self.server
        events = [(self.room.log.name, server.event(Kind.LEFT, self.id, self.name.shown, reason)), self._released()]
        events += [event for device in self.devices if (event := device.detached())]
        if self.id in server.directory.away:
            events.append((SERVER_LOG, server.event(Kind.BACK, self.id, self.name.shown)))
        if self.inbox:
            events += self.inbox.mark()
        return events

    def gone(self) -> None:
        """They have left, as it was told."""
        if self._left:
            return
        self._left = True
        for device in self.devices:
            device.drop()
        if self.inbox:
            self.inbox.close()
        del self.server.people[self.id]

    def _released(self) -> tuple[str, Event]:
        return SERVER_LOG, self.server.event(Kind.RELEASED, self.id, self.name.shown, details=forms_of(self.name))


def digest(token: str) -> str:
    """What is kept of a token: who reads the store cannot come back as anyone."""
    return sha256(token.encode()).hexdigest()


def not_saved(what: str, why: NotSaved) -> Refused:
    outcome = "was not saved" if why.certain else "may not have been saved"
    return Refused("not_saved", f"{what} {outcome}: {why.words}")


async def _claim(
    server: Server, id: str, name: Name, before: Batch, after: Batch, instead_of: Person | None = None
) -> Name:
    """Have a nickname claimed together with what it depends on and what depends on it, all or nothing; raises Refused. Gives
    the nickname as it is kept."""
    if server.directory.freeing(name):  # said bye and came back at once, faster than the disk
        await server.journal.settled()
    server.directory.reserve(name, id, instead_of.id if instead_of else "")
    claimed = server.event(Kind.CLAIMED, id, name.shown, details=forms_of(name))
    failed = await server.save([*before, (SERVER_LOG, claimed), *after])
    if failed:
        server.directory.cancel(name, id)
        raise not_saved(name.shown, failed)
    return server.directory.claimed(name)
