"""The welcome of who has come in: the server's own words, who is here, what was said before, and what they missed; then they
read on.

Knows what they wish to be shown; not which way they came in, nor who may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from .admission import put_out_banned
from .device import Device
from .event import Entry, Position, person_of
from .inbox import Inbox
from .reading import Reading
from .recall import recall
from .request import Arrived, Refused, Welcome
from .room import Room
from .session import Session

NO_ROOMS: Mapping[str, str | None] = MappingProxyType({})


class Wish(NamedTuple):
    """What who comes in wants: rooms, the positions after which to read on there, or so many lines of history."""

    rooms: Mapping[str, str | None] = NO_ROOMS
    inbox: str | None = None
    history: int | None = None


NO_WISH = Wish()

Starts = Mapping[Room, Position | None]
"""Rooms to come into, and the positions after which to read on there, if told."""


class Coming(NamedTuple):
    """Somebody who is let in."""

    device: Device
    token: str
    """With which they come back."""
    arrived: Sequence[Arrived]
    starts: Starts
    wish: Wish
    inbox: Inbox | None = None
    """None for a guest who comes for the first time."""
    refused: Sequence[Refused] = ()
    """Why they are not in some room."""
    again: bool = False
    """They are back after a lost connection: of the inbox, what follows what was read."""

    def begin(self) -> Position | None:
        """Where in the inbox they read on; None where there is none."""
        if self.inbox is None:
            return None
        if self.wish.inbox is not None:
            return self.inbox.log.position(self.wish.inbox)
        return self.inbox.read if self.again else self.inbox.log.tip


async def welcome(session: Session, coming: Coming) -> None:
    """Be on this device now, told who is here; then read on where they wish, or from the arrival, with history before."""
    device, person, chat = coming.device, coming.device.person, session.chat
    if session.ended:  # meanwhile; and nobody was told how to come back
        if not coming.again:
            device.leave()
        return
    since, was_here, begin = chat.milliseconds(), session.device is not None, coming.begin()
    if chat.settings.motd and not (was_here or coming.again):
        session.answers.tell("\n".join(chat.settings.motd))
    reading = session.be(device)
    await put_out_banned(chat, person, person.rooms)  # at the very moment, or from where they come back
    if person.left:
        return
    found = _found(coming)
    names = (person.name.shown, chat.settings.server_name, chat.settings.version)
    places = [place for _, place, _ in found]
    told = session.wire.welcome(Welcome(*names, places, coming.token, person.account is not None, begin))
    if session.wire.welcomes_first:
        session.outlet.write(told)
    most = chat.settings.history if coming.wish.history is None else coming.wish.history
    for room, place, reads_on in found:
        if not (was_here or reads_on):  # else that is history enough
            history = recall(room.log, most, until=place.position)
            await reading.retelling.recall(room.log, history, len(found) > 1)
    if not session.wire.welcomes_first:
        session.outlet.write(told)
    for why in coming.refused:
        session.answers.refuse(why)
    if coming.inbox and begin is not None:
        if coming.wish.inbox is None and not coming.again:
            await _tell_news(session, reading, coming.inbox, begin)
        reading.read_inbox(begin)
    reading.read_rooms((room, place.position, 0 if reads_on else since) for room, place, reads_on in found)


def _found(coming: Coming) -> list[tuple[Room, Arrived, bool]]:
    """The rooms in which they still are, first that in which they talk; what they find there, and whether they read on after
    a position that they told."""
    device = coming.device
    rooms = {room.name: room for room in device.person.rooms}
    starts = {room.name: start for room, start in coming.starts.items() if start is not None}
    talks = device.room.name if device.room else ""
    return [
        (rooms[each.room], each._replace(position=starts.get(each.room, each.position)), each.room in starts)
        for each in sorted(coming.arrived, key=lambda each: each.room != talks)
        if each.room in rooms
    ]


async def _tell_news(session: Session, reading: Reading, inbox: Inbox, until: Position) -> None:
    """What others wrote in private, and no device has surely shown: those that are here may be lost, or stalled."""
    ignored = session.person.ignored
    inbox.look()
    start = inbox.read

    def by_others(entries: list[Entry]) -> list[Entry]:
        return [entry for entry in entries if person_of(entry.event.by) not in (session.person.id, *ignored)]

    count = 0
    async for entries in inbox.between(start, until):
        count += len(by_others(entries))
    if count:
        session.answers.tell(f"{count} {'message' if count == 1 else 'messages'} while you were away:")
        async for entries in inbox.between(start, until):
            await reading.retelling.show(inbox.log.name, by_others(entries))
        inbox.soon()
