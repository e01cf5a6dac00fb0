"""One chat: its rooms, its directory and its journal as one object, and what they all are given from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from secrets import token_hex
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock, ensureDeferred, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from .account import Account, Accounts, forms_of
from .attempts import Attempts, Registrations
from .connections import Connections
from .device import Device, digest
from .directory import SERVER_LOG, Directory
from .door import Door
from .event import NO_DETAILS, Entry, Event, Kind, person_of
from .journal import Journal
from .names import TABLES, Name
from .opened import Opened
from .person import Person
from .request import Refused
from .rights import Role
from .room import Room
from .seams import Batch, Clock, Hasher, Login, NotSaved, Repeated, Storage
from .settings import Settings
from .tidy import Tidy
from .turns import Turns
from .witness import NOBODY, Witness

SAVE_AGAIN = 1.0
"""Seconds until what must not be lost (who left) is appended again after the storage could not save it."""

CLAIM_CODE_BYTES = 8
"""64 bits: who may guess five times a minute never finds it."""


class Chat:
    """The rooms, the directory and the journal of one server."""

    _log = Logger()

    def __init__(
        self,
        clock: Clock,
        now: Callable[[], float],
        stamp: str,
        settings: Settings,
        accounts: Accounts,
        login: Login,
        hasher: Hasher | None,
        witness: Witness = NOBODY,
    ) -> None:
        """`now` tells seconds since 1970; `stamp` is unlike that of any other start of any node. Without a `hasher` passwords
        are kept elsewhere, and `login` alone knows of them."""
        self.settings = settings
        self.clock = clock
        self.login = login
        self.witness = witness
        self.hasher = hasher
        self.directory = Directory(accounts, clock.seconds)
        self.connections = Connections(settings.connections, settings.connections_per_address, settings.has_memory)
        self.attempts = Attempts(clock, settings.logins_a_minute, settings.logins_of_address_a_minute)
        self.registrations = Registrations(clock, settings.registrations_an_hour)
        self.tidy = Tidy(self, settings.retention, settings.addresses_for)
        self.rooms: dict[str, Room] = {}
        """By folded name."""
        self.people: dict[str, Person] = {}
        """Who is here, by id."""
        self.devices: dict[str, Device] = {}
        """What can come back after a lost connection, by what tells it."""
        self.leaving: dict[str, Deferred[None]] = {}
        """Who has left as far as the log does not tell yet, by id."""
        self._alone: dict[str, Turns] = {}
        """Held while something is done with an account or a guest that must not be done twice at once."""
        self.registering: set[str] = set()
        """Names, in both forms, of accounts that are on their way into the log."""
        self.going: set[str] = set()
        """Ids of who is being put off the server: the log will tell it."""
        self.opening = DeferredLock()
        """Held while an inbox is opened."""
        self.claim_code = ""
        """With which somebody becomes the first operator, when this is the server's first start."""
        self.stopping = False
        self._now = now
        self._time = 0
        self._stamp = stamp
        self._counter = count(1)

    def adopt(self, settings: Settings) -> None:
        """Go by these from now on. Who is connected keeps the rate with which they came; rooms are opened at the start."""
        self.settings = settings
        self.connections.limit(settings.connections, settings.connections_per_address, settings.has_memory)
        self.attempts.limit(settings.logins_a_minute, settings.logins_of_address_a_minute)
        self.registrations.limit(settings.registrations_an_hour)
        self.tidy.keep(settings.retention, settings.addresses_for)
        self.tidy.expiring()

    async def open(self, storage: Storage) -> None:
        """Take up the logs where the storage has them; to be awaited before anyone comes in. Until the storage can save,
        which a full disk may prevent, it is tried again. Raises Refused for a storage that a newer server wrote."""
        await self.open_directory(storage)
        while self.directory.rooms.closed:  # else what was said there would be read in the next one of that name
            await self.tidy.now()
            if self.directory.rooms.closed:
                await self.pause(SAVE_AGAIN)
        for name in self.settings.rooms:
            if self.directory.rooms.like(name) is None:
                details = {"name": name.shown, **forms_of(name)}
                await self.save_surely([(SERVER_LOG, self.event(Kind.OPENED, details=details))])
        for opened in self.directory.rooms:
            await self.open_room(opened)
        await self._start()
        if not self.directory.accounts.started_before:
            self.claim_code = token_hex(CLAIM_CODE_BYTES)
            await self.save_surely([(SERVER_LOG, self.event(Kind.CODE, details={"digest": digest(self.claim_code)}))])
        self.tidy.begin()

    async def open_directory(self, storage: Storage) -> None:
        """Take up the server's own log only: enough to look after accounts."""
        self.storage = storage
        self.journal = Journal(storage, lambda call: self.clock.callLater(0, call), self.witness, self.clock.seconds)
        await self.directory.open(storage)

    async def open_room(self, opened: Opened) -> Room:
        """Take up a room's log."""
        name = opened.name
        if name.folded not in self.rooms:
            door = Door(self.clock, self.settings.presence_burst)
            room = Room(name, opened.by, self.storage, door, self._parted, self.witness)
            await room.open()
            self.rooms.setdefault(name.folded, room)
        return self.rooms[name.folded]

    def close_room(self, room: Room) -> None:
        """It is there no more."""
        self.rooms.pop(room.forms.folded, None)
        room.log.close()

    @property
    def entrance(self) -> Room:
        """The room in which everybody comes in."""
        name = self.settings.rooms[0]
        opened = self.directory.rooms.like(name)
        return self.rooms[opened.name.folded if opened else name.folded]

    def find_room(self, name: str) -> Room | None:
        """The room of this name, in whatever case; None when there is none."""
        try:
            return self.rooms.get(self.settings.room_name(name).folded)
        except Refused:
            return None

    def _parted(self, room: Room, entry: Entry) -> None:
        if person := self.people.get(entry.event.by):
            person.parted(room, entry)

    async def _start(self) -> None:
        """Tell that nobody is here but who may still come back, and expect them."""
        directory = self.directory
        devices: dict[str, list[tuple[str, str]]] = {}
        for token, by in directory.devices.items():
            devices.setdefault(person_of(by), []).append((token, by))
        names = {claim.by: claim.name for claim in directory.claims()}
        forgotten = directory.accounts.forgotten()  # killed before it was told that they left
        kept = {id: name for id, name in names.items() if id in devices and id not in forgotten}
        details = {
            "devices": {token: by for id in kept for token, by in devices[id]},
            "away": {id: directory.away[id] for id in kept if id in directory.away},
            "tables": TABLES,
        }
        started = [(SERVER_LOG, self.event(Kind.STARTED, details={"kept": _forms(kept), **details}))]
        inside = {room: {id: kept[id] for id in room.members.nicks if id in kept} for room in self.rooms.values()}
        started += [
            (room.log.name, self.event(Kind.STARTED, details={"kept": _forms(names)}))
            for room, names in inside.items()
            if room.members.nicks or room is self.entrance
        ]
        await self.save_surely(started)
        for id, name in kept.items():
            account = directory.accounts.get(id)
            order = [*account.rooms] if account else []
            rooms = [room for room, names in inside.items() if id in names]
            rooms.sort(key=lambda room: order.index(room.name) if room.name in order else -1)
            person = Person(self, id, name, tuple(rooms), started[0][1].time)
            for token, by in devices[id]:
                device = Device(self, person, by, token)
                device.room = rooms[-1] if rooms else None  # which they joined last, as far as is known
                device.linger(self.settings.grace)

    def bug(self, failure: Failure) -> None:
        """What nobody waits for failed."""
        self._log.failure("something was not done to the end", failure)

    async def stop(self, words: str) -> None:
        """Take no more; tell everyone when all that was accepted has been committed and shown to them. Nobody leaves:
        the next start tells who is still expected, and that all others are gone."""
        self.stopping = True
        self.tidy.stop()
        dismissed = [ensureDeferred(present.dismiss(words)) for present in self.connections]
        for one in dismissed:  # one that fails must not keep the others from being told, nor the storage open
            one.addErrback(lambda failure: self._log.failure("somebody could not be told", failure))
        await gatherResults(dismissed)
        read = [mark for person in self.people.values() if person.inbox for mark in person.inbox.mark()]
        if read:
            await self.save(read)

    async def gone(self) -> None:
        """Until nobody is connected any more, and what they took at the very end is noted."""
        await self.connections.gone()
        await self.journal.settled()

    def new_id(self) -> str:
        """Unique over all nodes and restarts."""
        return f"{self._stamp}{next(self._counter):x}"

    def milliseconds(self) -> int:
        """The time of what happens now, since 1970. It never goes back, whatever the clock does."""
        return self._tick()

    def told_by_the_clock(self) -> int:
        """The time now, since 1970, which goes back where the clock does."""
        return int(self._now() * 1000)

    def new_moment(self) -> None:
        """What happens from now on is later than all before."""
        self._time = max(self._time + 1, int(self._now() * 1000))

    def event(
        self, kind: Kind, by: str = "", nick: str = "", text: str = "", details: Mapping[str, Any] = NO_DETAILS
    ) -> Event:
        """Something that happens now. Times of one server never go back, whatever its clock does."""
        return Event(kind, self._tick(), self.new_id(), by, nick, text, details)

    def talk(self, by: str, nick: str, texts: Sequence[str]) -> list[Event]:
        """What somebody says now, in several lines."""
        said, time, stamp = Kind.SAID, self._tick(), self._stamp
        return [
            Event(said, time, f"{stamp}{n:x}", by, nick, text) for text, n in zip(texts, self._counter, strict=False)
        ]

    def _tick(self) -> int:
        self._time = max(self._time, int(self._now() * 1000))
        return self._time

    def role(self, id: str, room: Room | None = None) -> Role:
        """What somebody who is here, or has an account, is to the server, or in a room."""
        account = self.directory.accounts.get(id)
        if account is None:
            return Role.GUEST
        if self.is_operator(account):
            return Role.OPERATOR
        return (room.rules.role(id) if room else None) or Role.ACCOUNT

    def is_operator(self, account: Account) -> bool:
        return account.operator or any(account.name.folded == name.folded for name in self.settings.operators)

    def is_for_operators(self, name: Name) -> bool:
        """Whether it is the name that an operator's account is to have, or looks like it."""
        return any(key in operator[1:] for operator in self.settings.operators for key in name[1:])

    @asynccontextmanager
    async def alone(self, id: str) -> AsyncIterator[None]:
        """One after the other, of what is done with one account or guest."""
        turns = self._alone.setdefault(id, Turns())
        await turns.take()
        try:
            yield
        finally:
            turns.end()
            if turns.idle:
                self._alone.pop(id, None)

    async def save_surely(self, events: Batch) -> None:
        """Append what must not be lost, such as that somebody left: again and again, until the storage saves it."""
        while await self.save(events):
            await self.pause(SAVE_AGAIN)

    async def pause(self, seconds: float) -> None:
        again: Deferred[None] = Deferred()
        self.clock.callLater(seconds, again.callback, None)
        await again

    async def save(self, events: Batch) -> NotSaved | None:
        """Append events, all or none, and wait until they are committed; tells why when they were not."""
        outcomes: list[NotSaved | Repeated] = []
        await self.journal.settled(self.journal.append(events, outcomes.append))
        return next((outcome for outcome in outcomes if isinstance(outcome, NotSaved)), None)


def _forms(names: Mapping[str, Name]) -> dict[str, list[str]]:
    return {id: [*name] for id, name in names.items()}
