"""What one connection is shown of the logs: its cursors, history when it is asked for, and no more than it takes.

Knows whose they are by what the session tells; not what is asked, nor in which order it is answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .event import Entry, Position, person_of
from .log import Log
from .page import Reader
from .person import Device, Person
from .recall import pages, recall
from .seams import Outlet, Wire


class Shown(Protocol):
    """To whom it is shown."""

    outlet: Outlet
    wire: Wire

    @property
    def here(self) -> Device: ...

    @property
    def nobody_reads(self) -> bool:
        """The connection is gone, or about to be."""

    def failed(self, failure: Failure) -> None:
        """There is a bug in what was to be shown."""


class Reading:
    """A cursor in the room, and one in the inbox once there is something to read."""

    __slots__ = ("_blocked", "_inbox", "_room", "_to")

    def __init__(self, to: Shown) -> None:
        self._to = to
        self._room: Reader | None = None
        self._inbox: Reader | None = None
        self._blocked: Deferred[None] | None = None

    def read_room(self, start: Position) -> None:
        """Show what happens in the room behind a position, unless the room is read already."""
        if self._room is None:
            self._room = self._begin(self._person.room.log, start)

    def read_inbox(self, start: Position) -> None:
        """Show the private messages behind a position, and all that come."""
        inbox = self._person.inbox
        assert inbox is not None  # who has it read has opened it
        self._inbox = self._begin(inbox.log, start)

    def become(self, device: Device) -> None:
        """Who reads the room already, reads on as this device."""
        if self._room:
            self._room.by, self._room.ignored = device.by, device.person.ignored
        self._inbox = None

    def cursors(self) -> list[tuple[Log, Reader]]:
        """The logs that are read, and where."""
        cursors = [(self._person.room.log, self._room)] if self._room else []
        if self._inbox and self._person.inbox:
            cursors.append((self._person.inbox.log, self._inbox))
        return cursors

    def hold(self) -> None:
        """The connection takes no more: the cursors stay where they are."""
        for log, reader in self.cursors():
            log.hold(reader)

    def advance(self) -> None:
        """It takes more: read on."""
        self._unblock()
        for log, reader in self.cursors():
            log.advance(reader)

    def stop(self) -> None:
        """Nobody reads any more."""
        for log, reader in self.cursors():
            log.stop(reader)
        self._unblock()

    async def at_tip(self) -> None:
        """Until all that is there now was shown."""
        for log, reader in self.cursors():
            await log.at_tip(reader)

    def echo(self, on: bool) -> None:
        """Whether one's own words are shown too."""
        for _, reader in self.cursors():
            reader.echo = on

    def ignore(self) -> None:
        """The person changed whom they ignore."""
        for _, reader in self.cursors():
            reader.ignored = self._person.ignored

    def in_inbox(self) -> Position | None:
        """Up to where in the inbox it was shown; None for nowhere, or not surely."""
        return None if self._inbox is None or self._to.outlet.full else self._inbox.cursor

    # What was said before

    async def history(self, limit: int, before: str = "") -> None:
        """Show the last `limit` lines of talk in the room (before a position); what is said meanwhile follows after."""
        await self._look_back(self._person.room.log, self._room, limit, before)

    async def messages(self, limit: int, before: str = "") -> None:
        """Show the last `limit` private messages (before a position)."""
        inbox = await self._person.open_inbox()
        await self._look_back(inbox.log, self._inbox, limit, before)

    async def _look_back(self, log: Log, reader: Reader | None, limit: int, before: str) -> None:
        if reader is None:  # the connection is gone
            return
        log.suspend(reader)
        try:
            if before:
                await self.recall(log, limit, before=log.position(before))
            else:
                await self.recall(log, limit, until=reader.cursor)
        finally:
            log.resume(reader)

    async def recall(self, log: Log, limit: int, until: Position | None = None, before: Position | None = None) -> None:
        """Show history, as recall.py tells it."""
        async for entries in recall(log, limit, until, before):
            await self.show(log.name, entries)
            if self._to.nobody_reads:
                return

    async def show(self, log: str, entries: Sequence[Entry]) -> None:
        """Show these as history, but what of them is ignored."""
        ignored = self._person.ignored
        entries = [entry for entry in entries if person_of(entry.event.by) not in ignored]
        for page in pages(self._to.wire.recall(log, entries)):
            while self._to.outlet.full and not self._to.nobody_reads:
                self._blocked = Deferred()
                await self._blocked
            if self._to.nobody_reads:
                return
            self._to.outlet.write(page)

    @property
    def _person(self) -> Person:
        return self._to.here.person

    def _begin(self, log: Log, start: Position) -> Reader:
        to, device = self._to, self._to.here
        echo = self._room.echo if self._room else to.wire.echoes
        reader = Reader(start, to.wire, to.outlet, device.by, echo, to)
        reader.ignored = device.person.ignored
        if to.nobody_reads:
            log.stop(reader)
        else:
            log.advance(reader)
        return reader

    def _unblock(self) -> None:
        blocked, self._blocked = self._blocked, None
        if blocked:
            blocked.callback(None)
