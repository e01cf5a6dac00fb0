"""One chat: its rooms, its directory and its journal as one object, and what they all are given from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.logger import Logger

from .connections import Connections
from .directory import SERVER_LOG, Directory
from .event import NO_DETAILS, Event, Kind
from .journal import Journal
from .names import TABLES, Name, nickname
from .person import Person
from .request import Refused
from .room import Room
from .seams import Batch, Clock, NotSaved, Repeated, Storage

SAVE_AGAIN = 1.0
"""Seconds until what must not be lost (who left) is appended again after the storage could not save it."""


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


class Chat:
    """The rooms, the directory and the journal of one server."""

    _log = Logger()

    def __init__(self, clock: Clock, now: Callable[[], float], stamp: str, settings: Settings) -> None:
        """`now` tells seconds since 1970; `stamp` is unlike that of any other start of any node."""
        self.settings = settings
        self.clock = clock
        self.directory = Directory()
        self.connections = Connections(settings.connections, settings.connections_per_address)
        self.rooms: dict[str, Room] = {}
        self.staying: dict[str, Person] = {}
        """Who can come back after a lost connection, by what tells them."""
        self.stopping = False
        self._now = now
        self._time = 0
        self._stamp = stamp
        self._counter = count(1)

    async def open(self, storage: Storage) -> None:
        """Take up the logs where the storage has them; to be awaited before anyone comes in. Until the storage can save,
        which a full disk may prevent, it is tried again. Raises Refused for a storage that a newer server wrote."""
        self.journal = Journal(storage, lambda call: self.clock.callLater(0, call))
        await _refuse_newer_tables(storage)
        await self.directory.open(storage)
        room = Room(self.settings.room, storage)
        await room.open()
        self.rooms[room.name] = room
        claims = {claim.by: claim for claim in self.directory.claims() if claim.token}
        kept = {by: claims[by] for by in room.members.nicks if by in claims}
        forms = {by: [*claim.name, claim.token] for by, claim in kept.items()}
        started = self.event(Kind.STARTED, details={"kept": forms, "tables": TABLES})
        await self.save_surely([(SERVER_LOG, started), (room.log.name, started)])
        for by, claim in kept.items():
            Person(self, by, claim.name, room, claim.token).linger(self.settings.grace)

    async def stop(self, words: str) -> None:
        """Take no more; tell everyone when all that was accepted has been committed and shown to them. Nobody leaves:
        the next start tells who is still expected, and that all others are gone."""
        self.stopping = True
        dismissed = [ensureDeferred(present.dismiss(words)) for present in self.connections]
        for one in dismissed:  # one that fails must not keep the others from being told, nor the storage open
            one.addErrback(lambda failure: self._log.failure("somebody could not be told", failure))
        await gatherResults(dismissed)

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

    async def save_surely(self, events: Batch) -> None:
        """Append what must not be lost, such as that somebody left: again and again, until the storage saves it."""
        while await self.save(events):
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
