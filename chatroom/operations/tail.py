"""What happens in the rooms, shown to who owns the server as it happens: a cursor in each, as anybody has.

Private messages are nobody's to show.
"""

from __future__ import annotations

from ..event import Position
from ..page import Reader
from ..reading import Reading
from ..room import Room
from ..seams import Delayed
from ..session import Session

LOOK_AGAIN = 1.0
"""Seconds until it is looked for rooms that were opened meanwhile: those are read from their beginning, so that nothing is
missed."""


class Tail(Reading):
    """All rooms, or one, from now on, for as long as the connection lasts."""

    def __init__(self, session: Session, room: str = "") -> None:
        """`room`: the folded name of the only one."""
        super().__init__(session)
        self._session = session
        self._room = room
        self._looking: Delayed | None = None
        for each in session.chat.rooms.values():
            self._begin_in(each, each.log.tip)
        self._look()

    def stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        super().stop()

    def reached(self) -> None:
        """There is no inbox of which it would matter."""

    def _begin_in(self, room: Room, start: Position) -> None:
        if self._room in ("", room.forms.folded):
            to = self._session
            reader = Reader(room.log, start, to.wire.several, to.outlet, "", True, self)
            self.rooms = (*self.rooms, reader)
            room.log.advance(reader)

    def _look(self) -> None:
        self._looking = None
        if self._session.nobody_reads:
            return
        chat = self._session.chat
        there = {room.log for room in chat.rooms.values()}
        self.rooms = tuple(reader for reader in self.rooms if reader.log in there)  # the others are closed
        read = {reader.log for reader in self.rooms}
        for room in chat.rooms.values():
            if room.log not in read:
                self._begin_in(room, chat.storage.start)
        self._looking = chat.clock.callLater(LOOK_AGAIN, self._look)
