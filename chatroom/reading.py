"""What one connection is shown of the logs: a cursor in each, which comes and goes with the room.

Knows whose they are by what the session tells; not what is asked, nor in which order it is answered.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from operator import attrgetter
from typing import Protocol

from twisted.internet.defer import ensureDeferred
from twisted.python.failure import Failure

from .answers import Answers
from .chat import Chat
from .device import Device
from .event import Entry, Event, Position
from .inbox import Inbox
from .page import Readable, Reader
from .person import Person
from .recall import recall
from .request import Arrived, Command, Refused
from .retelling import Retelling
from .retelling import Shown as RetellingShown
from .room import Room


class Shown(RetellingShown, Protocol):
    """To whom it is shown."""

    answers: Answers
    chat: Chat
    lost: bool
    """The connection is gone."""

    def failed(self, failure: Failure) -> None:
        """There is a bug in what was to be shown."""


class Reading:
    """A cursor in each room, and one in the inbox once there is something to read."""

    __slots__ = ("_echo", "_inbox", "_left", "_to", "_unsure", "retelling", "rooms")

    def __init__(self, to: Shown) -> None:
        self._to = to
        self.rooms: tuple[Reader, ...] = ()
        """A cursor in each."""
        self._left: tuple[Reader, ...] = ()
        """Of rooms that were left, while others may still be shown what happened in both."""
        self._inbox: Reader | None = None
        self.retelling = Retelling(to)
        self._echo = to.wire.echoes
        self._unsure: tuple[Inbox, Position] | None = None
        """What was shown of the inbox at the end, and may not have been taken."""

    # Rooms

    def cursor(self, room: Room) -> Position:
        """Up to where a room was shown; raises Refused for one that is not read."""
        reader = self._reader(room)
        if reader is None:
            raise Refused("not_in_room", f"you are not in #{room.name} any more")
        return reader.cursor

    @property
    def several(self) -> bool:
        return len(self.rooms) > 1

    def read_rooms(self, starts: Iterable[tuple[Room, Position, int]]) -> None:
        """Show what happens in these rooms behind a position, unless they are read already; and since when they are, as of
        the times of events: of what happened in others too before, those show it."""
        readers = [reader for start in starts if (reader := self._suspended(*start))]
        self._name_rooms()
        for reader in readers:  # when all are there: what happened in several is shown by one
            self._begin(reader)

    async def arrive(self, room: Room, arrived: Arrived, command: Command | None = None, history: int = 0) -> None:
        """Tell how it is in one more room, and read on there; without a command, it was asked for on another device."""
        to, several = self._to, bool(self.rooms)
        to.chat.new_moment()
        reader = self._suspended(room, arrived.position, to.chat.milliseconds())
        self._name_rooms()
        for each in self.rooms:
            if each.log is room.log and each is not reader:  # they left it a moment ago, and are still to be shown how
                await room.log.at_tip(each)
        told = to.wire.joined(arrived, command, several)
        if to.wire.welcomes_first:
            to.answers.write(told)
        await self.retelling.recall(room.log, recall(room.log, history, until=arrived.position), several)
        if not to.wire.welcomes_first:
            to.answers.write(told)
        if reader:
            self._begin(reader)

    def joined(self, room: Room, arrived: Arrived) -> None:
        """They asked on another device to be in one more room."""
        ensureDeferred(self.arrive(room, arrived)).addErrback(self.failed)

    def parted(self, room: Room, left: Entry) -> None:
        """They are in a room no more."""
        ensureDeferred(self._end_room(room, left)).addErrback(self.failed)

    async def _end_room(self, room: Room, left: Entry) -> None:
        """Show no more of a room than up to where one left it."""
        reader = self._reader(room)
        if reader:
            reader.until = left.event.time
            reader.log.end(reader, left.position)
            await reader.log.at_tip(reader)
            self._left = (*self._left, reader)
            self._drop(reader)
            await self._to.chat.pause(0)  # what is being told to one log has been told to all then
            await self.at_tip()
            self._left = tuple(each for each in self._left if each is not reader)

    def reads_elsewhere(self, reader: Reader, event: Event) -> bool:
        """Whether an event that stands in the logs of several rooms is shown by another reader: it is by the first of those
        rooms that were read when it happened, or else by that of which the reading began first."""
        if len(self.rooms) + len(self._left) < 2:
            return False
        readers = [
            each
            for name in event.details["rooms"]
            for each in (*self.rooms, *self._left)
            if each.log.name[1:] == name and (each.until is None or event.time < each.until)
        ]
        then = [each for each in readers if each.since <= event.time]
        return bool(readers) and reader is not (then[0] if then else min(readers, key=attrgetter("since")))

    def _reader(self, room: Room) -> Reader | None:
        return next((reader for reader in self.rooms if reader.log is room.log and reader.until is None), None)

    def _suspended(self, room: Room, start: Position, since: int) -> Reader | None:
        """A cursor that stays where it is until it begins; None for a room that is read already."""
        if room not in self._person.rooms or self._reader(room):
            return None
        reader = self._reader_of(room.log, start)
        reader.since = since
        reader.log.suspend(reader)
        self.rooms = (*self.rooms, reader)
        return reader

    def _drop(self, reader: Reader) -> None:
        reader.log.stop(reader)
        self.rooms = tuple(each for each in self.rooms if each is not reader)
        self._name_rooms()

    def _name_rooms(self) -> None:
        """Who is in several rooms is told with each line which one it is of."""
        format = self._to.wire.several if self.several else self._to.wire
        for reader in self.rooms:
            if reader.format is not format:
                reader.log.hold(reader)
                reader.format = format
                reader.log.advance(reader)

    # All cursors

    def read_inbox(self, start: Position) -> None:
        """Show the private messages behind a position, and all that come."""
        inbox = self._person.inbox
        assert inbox is not None  # who has it read has opened it
        self._inbox = self._reader_of(inbox.log, start)
        self._begin(self._inbox)

    def become(self, device: Device) -> None:
        """Who reads rooms already, and is in them as this device too, reads on as it."""
        if self._inbox:
            self._inbox.log.stop(self._inbox)
            self._inbox = None
        logs = [room.log for room in device.person.rooms]
        for reader in self.rooms:
            reader.by, reader.ignored = device.by, device.person.ignored
            if reader.log not in logs:
                self._drop(reader)

    def hold(self) -> None:
        """The connection takes no more: the cursors stay where they are."""
        for reader in self._readers:
            reader.log.hold(reader)

    def advance(self) -> None:
        """It takes more: read on."""
        self.retelling.go_on()
        for reader in self._readers:
            reader.log.advance(reader)

    def stop(self) -> None:
        """Nobody reads any more."""
        for reader in self._readers:
            reader.log.stop(reader)
        self.retelling.go_on()

    async def at_tip(self) -> None:
        """Until all that is there now was shown."""
        for reader in self._readers:
            await reader.log.at_tip(reader)

    def echo(self, on: bool) -> None:
        """Whether one's own words are shown too."""
        self._echo = on
        for reader in self._readers:
            reader.echo = on

    def ignore(self) -> None:
        """The person changed whom they ignore."""
        for reader in self._readers:
            reader.ignored = self._person.ignored

    def taken(self) -> Position | None:
        """Up to where in the inbox the other side has certainly got all; None for nowhere."""
        return None if self._to.nobody_reads or self._to.outlet.untaken() else self._in_inbox()

    def reached(self) -> None:
        """What was shown so far has reached the person, if the connection is well."""
        inbox = self._person.inbox
        reached = None if self._to.lost else self._in_inbox()
        if inbox and reached is not None:
            if self._to.outlet.untaken():
                self._unsure = inbox, reached
            else:
                inbox.reached(reached)

    def took_all(self) -> None:
        """The other side has taken what was under way at the end."""
        if self._unsure:
            inbox, reached = self._unsure
            inbox.reached(reached)
            inbox.note()

    def _in_inbox(self) -> Position | None:
        """Up to where in the inbox it was shown; None for nowhere, or not surely."""
        return None if self._inbox is None or self._to.outlet.full else self._inbox.cursor

    @property
    def _readers(self) -> tuple[Reader, ...]:
        return (*self.rooms, self._inbox) if self._inbox else self.rooms

    # What was said before

    async def history(self, room: Room, entries: AsyncIterator[list[Entry]]) -> None:
        """Show something of what was said in a room; what is said meanwhile follows after."""
        await self.retelling.instead(self._reader(room), room.log, entries)

    async def messages(self, limit: int, before: str = "") -> None:
        """Show the last `limit` private messages (before a position)."""
        inbox = await self._person.open_inbox()
        reader = self._inbox
        if reader:
            place = {"before": inbox.log.position(before)} if before else {"until": reader.cursor}
            await self.retelling.instead(reader, inbox.log, recall(inbox.log, limit, **place))

    def failed(self, failure: Failure) -> None:
        """There is a bug in what was to be shown."""
        self._to.failed(failure)

    @property
    def _person(self) -> Person:
        return self._to.here.person

    def _reader_of(self, log: Readable, start: Position) -> Reader:
        to, device = self._to, self._to.here
        reader = Reader(log, start, to.wire, to.outlet, device.by, self._echo, self)
        reader.ignored = device.person.ignored
        return reader

    def _begin(self, reader: Reader) -> None:
        if self._to.nobody_reads:
            reader.log.stop(reader)
        else:
            reader.log.resume(reader)
