"""A room: the fold of its log. Who is in it follows from the entries, read in order, and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .event import Entry, Kind, Position, Sort
from .log import Log
from .recall import since_start
from .seams import Storage

_TALK = Sort.TALK  # to look a member up in its Enum takes 0.2 us each time


class Arrival(NamedTuple):
    """What the one who joined finds: as it was at the very entry, so that nobody is told of twice."""

    position: Position
    others: tuple[str, ...]
    """Nicknames, those who are here longest first."""


class Members:
    """Who is in a room. Pure: only entries change it, and they are only compared."""

    def __init__(self) -> None:
        self.nicks: dict[str, str] = {}
        """Nickname of each connection that is in the room, in the order of their joining."""

    def fold(self, entry: Entry) -> None:
        event = entry.event
        match event.kind:
            case Kind.JOINED:
                self.nicks[event.by] = event.nick
            case Kind.LEFT:
                self.nicks.pop(event.by, None)
            case Kind.RENAMED if event.by in self.nicks:
                self.nicks[event.by] = str(event.details.get("new", event.nick))
            case Kind.STARTED:
                self.nicks = {by: forms[0] for by, forms in event.details.get("kept", {}).items()}


class Room:
    """One room: its log, and who is in it."""

    def __init__(self, name: str, storage: Storage) -> None:
        """`name` without the `#`, with which its log's name begins."""
        self.name = name
        self.log = Log(f"#{name}", storage, self._fold)
        self.members = Members()
        self._storage = storage
        self._arriving: dict[str, Arrival | None] = {}

    async def open(self) -> None:
        """Read who was here when the server stopped, and take up the log; to be awaited before anything else."""
        async for entries in since_start(self._storage, self.log.name):
            self._fold(entries)
        await self.log.open()

    def expect(self, by: str) -> None:
        """Note how the room is when this connection's joining is read in the log."""
        self._arriving[by] = None

    def now(self, *but: str) -> Arrival:
        """How the room is now, for somebody who is in it."""
        return Arrival(self.log.tip, tuple(nick for id, nick in self.members.nicks.items() if id not in but))

    def arrived(self, by: str) -> Arrival | None:
        """How the room was when the connection joined it; None when it has not."""
        return self._arriving.pop(by)

    def _fold(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            kind = entry.event.kind
            if kind.sort is _TALK:
                continue
            if kind is Kind.JOINED and entry.event.by in self._arriving:
                self._arriving[entry.event.by] = Arrival(entry.position, tuple(self.members.nicks.values()))
            self.members.fold(entry)
