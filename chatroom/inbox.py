"""One person's private messages: a log under their own id, never under the nickname, so that nobody who has it later reads
them. Remembers how far they were read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from twisted.internet.defer import ensureDeferred

from .event import INBOX, Entry, Event, Kind, Position, person_of
from .log import Log
from .positions import position_in
from .recall import RECALL_ENTRIES
from .seams import Batch, Clock, Delayed, NotSaved, Storage
from .witness import Witness

READ_PAUSE = 5.0
"""Seconds after a private message came until it is noted that it was read: one entry for a conversation's burst, and who
loses the connection before is shown it again."""


class Server(Protocol):
    """What an inbox needs of the chat it is in."""

    clock: Clock
    storage: Storage
    witness: Witness

    def event(
        self, kind: Kind, by: str = ..., nick: str = ..., text: str = ..., details: dict[str, str] = ...
    ) -> Event: ...
    async def save(self, events: Batch) -> NotSaved | None: ...


def inbox_log(id: str) -> str:
    """The log's name; those of rooms begin with `#`."""
    return f"@{id}"


async def check_position(storage: Storage, id: str, text: str) -> None:
    """Raises Refused for what is no position in somebody's inbox, which need not be open."""
    newest = await storage.read(inbox_log(id), limit=1)
    position_in(inbox_log(id), newest[-1].position if newest else storage.start, storage, text)


class Inbox:
    """The log, followed while its owner is here, and up to where they have read it on any device."""

    def __init__(self, server: Server, id: str, taken: Callable[[], Position | None]) -> None:
        """`taken` tells up to where it has certainly reached the owner: the furthest of their connections."""
        self.log = Log(inbox_log(id), server.storage, self._came, INBOX, server.witness)
        self.read: Position = server.storage.start
        self._noted = self.read
        self.last: Event | None = None
        """The newest message of somebody else that came while its owner was here."""
        self._server = server
        self._id = id
        self._taken = taken
        self._pause: Delayed | None = None

    async def open(self) -> None:
        """To be awaited before anything else."""
        storage = self._server.storage
        try:
            await self.log.open()
            for entry in await storage.read(self.log.name, limit=1, kinds={Kind.READ}):
                self.read = self._noted = storage.position(str(entry.event.details.get("position", "")))
        except BaseException:
            self.close()
            raise

    async def between(self, start: Position, end: Position) -> AsyncIterator[list[Entry]]:
        """The messages behind one position and up to another, oldest first, a few at a time."""
        while start < end and (entries := await self.log.talk.after(start, RECALL_ENTRIES)):
            yield [entry for entry in entries if entry.position <= end]
            start = entries[-1].position

    def reached(self, position: Position) -> None:
        """A connection has certainly shown its owner all up to here."""
        self.read = max(self.read, position)

    def look(self) -> None:
        """See how far it has reached its owner by now."""
        taken = self._taken()
        if taken is not None:
            self.reached(taken)

    def mark(self) -> list[tuple[str, Event]]:
        """What notes in the log how far it was read, if that is not noted yet."""
        if self.read == self._noted:
            return []
        self._noted = self.read
        return [(self.log.name, self._server.event(Kind.READ, self._id, details={"position": str(self.read)}))]

    def close(self) -> None:
        """Its owner is not here any more."""
        self.log.close()
        if self._pause:
            self._pause.cancel()
            self._pause = None

    def _came(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.event.kind in INBOX:
                self.soon()
            if entry.event.kind is Kind.PRIVATE and person_of(entry.event.by) != self._id:
                self.last = entry.event

    def soon(self) -> None:
        """Something is shown: note in a while how far it was read."""
        if self._pause is None:
            self._pause = self._server.clock.callLater(READ_PAUSE, self._note)

    def _note(self) -> None:
        self._pause = None
        self.look()
        self.note()

    def note(self) -> None:
        """Note how far it was read."""
        if marks := self.mark():
            ensureDeferred(self._server.save(marks))  # where it cannot be saved, the messages are shown again
