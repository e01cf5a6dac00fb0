"""A room: the fold of its log. Who is in it, and what its moderators decided, follows from the entries, read in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .door import Door
from .event import HISTORY, Entry, Kind, Position, Sort
from .log import Log
from .names import Name
from .recall import since_start, state
from .request import Arrived
from .rules import RoomRules
from .seams import Storage
from .witness import Witness


class Members:
    """Who is in a room. Pure: only entries change it, and they are only compared."""

    def __init__(self) -> None:
        self.nicks: dict[str, str] = {}
        """Nickname of each person who is in the room, in the order of their joining."""

    def fold(self, entry: Entry) -> None:
        event = entry.event
        match event.kind:
            case Kind.JOINED:
                self.nicks[event.by] = event.nick
            case Kind.LEFT | Kind.PARTED:
                self.nicks.pop(event.by, None)
            case Kind.RENAMED if event.by in self.nicks:
                self.nicks[event.by] = str(event.details.get("new", event.nick))
            case Kind.STARTED:
                self.nicks = {id: forms[0] for id, forms in event.details.get("kept", {}).items()}


class Room:
    """One room: its log, who is in it, and its rules."""

    def __init__(
        self,
        name: Name,
        owner: str,
        storage: Storage,
        door: Door,
        parted: Callable[[Room, Entry], None],
        witness: Witness,
    ) -> None:
        """`owner` is the id of who opened it. `parted` is called when somebody is read to have left the room."""
        self.name = name.shown
        self.forms = name
        self.log = Log(f"#{name.shown}", storage, self._fold, witness=witness)
        self.door = door
        self.members = Members()
        self.rules = RoomRules(door.clock.seconds, owner)
        self.alone = (self,)
        """For all who are in no other one: an own one for each would take 48 bytes."""
        self.spoke: dict[str, tuple[float, str]] = {}
        """When somebody said something, and under which id of theirs, by who they are; while it matters."""
        self.going: set[str] = set()
        """Ids of who is being put out: the log will tell it."""
        self.closing = False
        """It is there no more, or is about to be."""
        self.owed: dict[Position, dict[Position, str | None]] = {}
        """What stands at which positions is to be read otherwise, in the storage too; by where that was decided."""
        self._edited = ""
        self._parted = parted
        self._storage = storage
        self._arriving: dict[str, Arrived | None] = {}

    async def open(self) -> None:
        """Read what was decided, and who was here when the server stopped, and take up the log; to be awaited before
        anything else."""
        async for entries in state(self._storage, self.log.name):
            self._read(entries)
        async for entries in since_start(self._storage, self.log.name):
            self._read(entries)
        for decided, texts in self.owed.items():  # the words stand before it, in the same batch
            if "" in texts.values():
                limits: dict[str, Any] = {"before": decided, "limit": 1, "kinds": {Kind.EDITED}}
                for edited in await self._storage.read(self.log.name, **limits):
                    self.owed[decided] = dict.fromkeys(texts, edited.event.text)
        for texts in self.owed.values():
            self.log.amend(texts)
        await self.log.open()

    def expect(self, by: str) -> None:
        """Note how the room is when this person's joining is read in the log."""
        self._arriving[by] = None

    def now(self, *but: str) -> Arrived:
        """How the room is now, for somebody who is in it."""
        return self._arrived(self.log.tip, *but)

    def arrived(self, by: str) -> Arrived | None:
        """How the room was when the person joined it; None when they have not."""
        return self._arriving.pop(by)

    def _arrived(self, position: Position, *but: str) -> Arrived:
        nicks = self.members.nicks
        # All of them at once for who has just come: with 1,000 people that takes 5 us, and one by one 150.
        others = tuple([nick for id, nick in nicks.items() if id not in but] if but else nicks.values())
        return Arrived(self.name, position, others, self.rules.topic)

    def _fold(self, entries: Sequence[Entry]) -> None:
        self._read(entries)
        if not self.members.nicks:
            self.log.rest()

    def _read(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            event = entry.event
            if event.kind in HISTORY:
                continue
            if event.kind is Kind.JOINED and event.by in self._arriving:
                self._arriving[event.by] = self._arrived(entry.position)
            if event.kind.sort is Sort.STATE:
                self.rules.fold(entry)
            else:
                self.members.fold(entry)
            match event.kind:
                case Kind.PARTED:
                    self._parted(self, entry)
                case Kind.EDITED:
                    self._edited = event.text
                case Kind.CHANGED:
                    self._owe(entry, self._edited)
                case Kind.DELETED:
                    self._owe(entry, None)
                case Kind.ERASED:
                    self._paid(self._storage.position(str(event.details.get("position", "0"))))

    def _owe(self, entry: Entry, text: str | None) -> None:
        positions = [self._storage.position(str(position)) for position in entry.event.details.get("positions", ())]
        texts: dict[Position, str | None] = dict.fromkeys(positions, text)
        self.owed[entry.position] = texts
        self.log.amend(texts)

    def _paid(self, until: Position) -> None:
        """All that was decided up to here was done."""
        for decided in [decided for decided in self.owed if decided <= until]:
            self.log.amended(self.owed.pop(decided))
        for texts in self.owed.values():  # of the same words, perhaps
            self.log.amend(texts)
