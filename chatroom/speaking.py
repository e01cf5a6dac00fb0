"""What somebody says on one connection, on its way into the log: one event of each line, in the rooms or inboxes where it is
to be read.

Knows when all of it has come back; not who may say it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from .answers import Answers
from .chat import Chat
from .device import Device
from .event import Kind
from .inbox import inbox_log
from .intake import Hold, Intake
from .reading import Reading
from .room import Room
from .seams import NotSaved, Repeated


class Speaker(Protocol):
    """Who says it."""

    answers: Answers
    chat: Chat
    reading: Reading | None
    request: str
    """What they call what they ask for now."""

    @property
    def here(self) -> Device: ...


class Speaking:
    """Of one connection."""

    __slots__ = ("_appended", "_intake", "_of")

    def __init__(self, of: Speaker, intake: Intake) -> None:
        self._of = of
        self._intake = intake
        self._appended = 0

    def append(self, room: Room, kind: Kind, text: str) -> None:
        """Have something that is said or done here committed in a room; once, if the request has an id."""
        of = self._of
        device, id, told = of.here, of.request, of.answers.outcome
        event = of.chat.event(kind, device.by, device.person.name.shown, text, *({"id": id},) if id else ())
        self._appended = of.chat.journal.append(((room.log.name, event),), partial(told, id=id) if id else told)
        self._hold_if_full()

    def talk(self, device: Device, room: Room, texts: Sequence[str]) -> None:
        """Have several lines that are said on this device committed together."""
        of, log = self._of, room.log.name
        said = of.chat.talk(device.by, device.person.name.shown, texts)
        self._appended = of.chat.journal.append([(log, event) for event in said], of.answers.outcome)
        self._hold_if_full()

    async def write(self, to: str, inbox: str, text: str) -> bool:
        """Have a private message committed, for whoever is called `to` now and has that inbox, and in one's own. Tells whether
        it was; where not, that is told otherwise."""
        of, outcomes = self._of, list[NotSaved | Repeated]()
        device, id = of.here, of.request

        def told(outcome: NotSaved | Repeated) -> None:
            outcomes.append(outcome)
            of.answers.outcome(outcome, id)

        details = {"to": to, **({"id": id} if id else {})}
        event = of.chat.event(Kind.PRIVATE, device.by, device.person.name.shown, text, details)
        # One's own first: a repeat is told by it. One log, of who writes to themselves.
        logs = dict.fromkeys((inbox_log(device.person.id), inbox))
        self._appended = of.chat.journal.append([(log, event) for log in logs], told)
        await self.settled()
        return not outcomes

    async def settled(self) -> None:
        """Until all that was said here has come back, and the cursors have passed it."""
        await self._of.chat.journal.settled(self._appended)
        if self._of.reading:
            await self._of.reading.at_tip()

    def _hold_if_full(self) -> None:
        journal = self._of.chat.journal
        if journal.full:
            self._intake.hold(Hold.JOURNAL)
            journal.settled().addCallback(lambda _: self._intake.release(Hold.JOURNAL))
