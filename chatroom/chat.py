"""One chat: its rooms, its directory and its journal as one object, and what they all are given from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from secrets import token_hex
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock, ensureDeferred, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from .account import Account, Accounts
from .attempts import Attempts, Registrations
from .connections import Connections
from .directory import SERVER_LOG, Directory
from .event import NO_DETAILS, Event, Kind, Position, person_of
from .inbox import inbox_log
from .journal import Journal
from .names import TABLES, Name, nickname
from .person import Device, Person, digest
from .request import Refused
from .room import Room
from .seams import Batch, Clock, Hasher, Login, NotSaved, Redactable, Repeated, Storage

SAVE_AGAIN = 1.0
"""Seconds until what must not be lost (who left) is appended again after the storage could not save it."""

TIDY_AGAIN = 60.0
"""Seconds until it is tried again to take something out of the storage: the whole of it is looked through."""

CLAIM_CODE_BYTES = 8
"""64 bits: who may guess five times a minute never finds it."""


class Plaintext(Enum):
    """What to do with a password that came over a connection which others can read."""

    ALLOW = "allow"
    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator chooses about the chat itself."""

    server_name: str = "chatroom"
    version: str = ""
    room: str = "lobby"
    motd: Sequence[str] = ()
    history: int = 20
    """Lines of talk shown to who enters."""
    nickname: Callable[[str], Name] = field(default=nickname)
    """What a nickname may be."""
    line_interval: float = 1 / 5
    """Seconds in which a connection earns one line of input."""
    line_burst: int = 30
    """Lines of input at once before they must be earned: a paste of a screenful."""
    greeting_timeout: float = 60.0
    """Seconds from connecting within which a stranger says a nickname."""
    connections: int = 10_000
    """Connections in all."""
    connections_per_address: int = 100
    """Connections from one IPv4 address or IPv6 /64: a large office behind one address is below it."""
    grace: float = 120.0
    """Seconds within which who lost the connection may come back, unnoticed by others."""
    stalled_timeout: float = 300.0
    """Seconds after the last byte it took until a reader that takes no more is let go."""
    operators: Collection[Name] = ()
    """Accounts that are operators: these names, and what looks like them, are registered only by who is at this machine or
    has the claim code."""
    registration: bool = True
    """Whether people may make accounts themselves."""
    guests: bool = True
    """Whether one may chat without an account."""
    password: str = ""
    """What who has no account is asked for first; empty for nothing."""
    plaintext: Plaintext = Plaintext.WARN
    """What becomes of passwords over connections that others can read."""
    logins_a_minute: int = 5
    """Wrong passwords for one account from one address that are looked at: enough for who mistypes, and nothing for who
    guesses; 0 for any."""
    logins_of_address_a_minute: int = 20
    """Those to all accounts together: several people may share an address, and names can be guessed too; 0 for any."""
    registrations_an_hour: int = 10
    """Accounts made from one address: each takes a nickname from everybody else; 0 for any."""


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
    ) -> None:
        """`now` tells seconds since 1970; `stamp` is unlike that of any other start of any node. Without a `hasher` passwords
        are kept elsewhere, and `login` alone knows of them."""
        self.settings = settings
        self.clock = clock
        self.login = login
        self.hasher = hasher
        self.directory = Directory(accounts)
        self.connections = Connections(settings.connections, settings.connections_per_address)
        self.attempts = Attempts(clock, settings.logins_a_minute, settings.logins_of_address_a_minute)
        self.registrations = Registrations(clock, settings.registrations_an_hour)
        self.rooms: dict[str, Room] = {}
        self.people: dict[str, Person] = {}
        """Who is here, by id."""
        self.devices: dict[str, Device] = {}
        """What can come back after a lost connection, by what tells it."""
        self.leaving: dict[str, Deferred[None]] = {}
        """Who has left as far as the log does not tell yet, by id."""
        self._alone: dict[str, DeferredLock] = {}
        """Held while something is done with an account or a guest that must not be done twice at once."""
        self.registering: set[str] = set()
        """Names, in both forms, of accounts that are on their way into the log."""
        self.opening = DeferredLock()
        """Held while an inbox is opened."""
        self.claim_code = ""
        """With which somebody becomes the first operator, when this is the server's first start."""
        self.stopping = False
        self._now = now
        self._time = 0
        self._stamp = stamp
        self._counter = count(1)

    async def open(self, storage: Storage) -> None:
        """Take up the logs where the storage has them; to be awaited before anyone comes in. Until the storage can save,
        which a full disk may prevent, it is tried again. Raises Refused for a storage that a newer server wrote."""
        await self.open_directory(storage)
        room = Room(self.settings.room, storage)
        await room.open()
        self.rooms[room.name] = room
        await self._start(room)
        if not self.directory.accounts.started_before:
            self.claim_code = token_hex(CLAIM_CODE_BYTES)
            await self.save_surely([(SERVER_LOG, self.event(Kind.CODE, details={"digest": digest(self.claim_code)}))])
        self._tidy_again()  # what the server was stopped before it was done

    async def open_directory(self, storage: Storage) -> None:
        """Take up the server's own log only: enough to look after accounts."""
        self.storage = storage
        self.journal = Journal(storage, lambda call: self.clock.callLater(0, call))
        await _refuse_newer_tables(storage)
        await self.directory.open(storage)

    async def _start(self, room: Room) -> None:
        """Tell that nobody is here but who may still come back, and expect them."""
        directory = self.directory
        devices: dict[str, list[tuple[str, str]]] = {}
        for token, by in directory.devices.items():
            devices.setdefault(person_of(by), []).append((token, by))
        names = {claim.by: claim.name for claim in directory.claims()}
        forgotten = directory.accounts.forgotten()  # killed before it was told that they left
        kept = {id: names[id] for id in room.members.nicks if id in names and id in devices and id not in forgotten}
        details = {
            "kept": {id: [*name] for id, name in kept.items()},
            "devices": {token: by for id in kept for token, by in devices[id]},
            "away": {id: directory.away[id] for id in kept if id in directory.away},
            "tables": TABLES,
        }
        started = self.event(Kind.STARTED, details=details)
        await self.save_surely([(SERVER_LOG, started), (room.log.name, started)])
        for id, name in kept.items():
            person = Person(self, id, name, room, started.time)
            for token, by in devices[id]:
                Device(person, by, token).linger(self.settings.grace)

    async def tidy(self) -> None:
        """Take out of the storage what is to be there no more: what is kept of passwords that count no more; of who is no
        account any more the nickname in all that they said, and their inbox. What cannot be done now is tried again."""
        async with self.alone(""):
            try:
                for id, position in tuple(self.directory.accounts.stale.items()):
                    await self._blank(id, position)
                await self.journal.settled()
                for id, nick in tuple(self.directory.accounts.forgotten().items()):
                    await self._forget(id, nick)
            except NotSaved as why:
                if not self.stopping:
                    self._log.warn("what is to be forgotten is still in the storage: {words}", words=why.words)
                    self.clock.callLater(TIDY_AGAIN, self._tidy_again)

    def _tidy_again(self) -> None:
        ensureDeferred(self.tidy()).addErrback(self.bug)

    async def _blank(self, id: str, position: Position) -> None:
        stale = self.directory.accounts.stale
        del stale[id]
        if isinstance(self.storage, Redactable):
            try:
                await self.storage.blank(SERVER_LOG, id, "hash", position)
            except NotSaved:
                stale.setdefault(id, position)  # unless yet another has come meanwhile
                raise

    async def _forget(self, id: str, nick: str) -> None:
        self._rename(id, nick)
        if isinstance(self.storage, Redactable):
            await self.storage.rename(id, nick)
            self._rename(id, nick)  # what was read from it meanwhile
            await self.storage.erase(inbox_log(id))
        await self.save_surely([(SERVER_LOG, self.event(Kind.ERASED, id, nick))])

    def _rename(self, id: str, nick: str) -> None:
        """In all logs that are in memory."""
        inboxes = [person.inbox for person in self.people.values() if person.inbox]
        for log in [*(room.log for room in self.rooms.values()), *(inbox.log for inbox in inboxes)]:
            log.rename(id, nick)

    def bug(self, failure: Failure) -> None:
        """What nobody waits for failed."""
        self._log.failure("something was not done to the end", failure)

    async def stop(self, words: str) -> None:
        """Take no more; tell everyone when all that was accepted has been committed and shown to them. Nobody leaves:
        the next start tells who is still expected, and that all others are gone."""
        self.stopping = True
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

    def is_operator(self, account: Account) -> bool:
        return account.operator or any(account.name.folded == name.folded for name in self.settings.operators)

    def is_for_operators(self, name: Name) -> bool:
        """Whether it is the name that an operator's account is to have, or looks like it."""
        return any(key in operator[1:] for operator in self.settings.operators for key in name[1:])

    @asynccontextmanager
    async def alone(self, id: str) -> AsyncIterator[None]:
        """One after the other, of what is done with one account or guest."""
        lock = self._alone.setdefault(id, DeferredLock())
        await lock.acquire()
        try:
            yield
        finally:
            lock.release()
            if not lock.locked:
                self._alone.pop(id, None)

    async def save_surely(self, events: Batch) -> None:
        """Append what must not be lost, such as that somebody left: again and again, until the storage saves it."""
        while await self.save(events):
            await self._pause()

    async def _pause(self) -> None:
        again: Deferred[None] = Deferred()
        self.clock.callLater(SAVE_AGAIN, again.callback, None)
        await again

    async def save(self, events: Batch) -> NotSaved | None:
        """Append events, all or none, and wait until they are committed; tells why when they were not."""
        outcomes: list[NotSaved | Repeated] = []
        await self.journal.settled(self.journal.append(events, outcomes.append))
        return next((outcome for outcome in outcomes if isinstance(outcome, NotSaved)), None)


async def _refuse_newer_tables(storage: Storage) -> None:
    for entry in await storage.read(SERVER_LOG, limit=1, kinds={Kind.STARTED}):
        for table, version in entry.event.details.get("tables", {}).items():
            if _numbers(version) > _numbers(TABLES.get(table, "")):
                raise Refused("newer_tables", f"its nicknames were compared by {table} {version}, newer than ours")


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".") if number.isdecimal()]
