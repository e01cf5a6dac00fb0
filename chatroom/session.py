"""One connection: what comes in is obeyed in order, what its readers show goes out, and the end is seen by all.

Knows neither bytes nor transports: the wire format and the outlet are given. How one comes in is told in entering.py.
"""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from . import speaking
from .bans import Who, told
from .chat import Chat
from .event import Entry, Event, Kind, Position
from .granting import granted, room_of
from .intake import Hold, Intake
from .order import Order
from .page import Reader
from .patience import Patience
from .person import Device, Person, not_saved
from .reading import Reading
from .request import Answer, Arrived, Command, Refused
from .rights import Role
from .room import Room
from .seams import NotSaved, Outlet, Peer, Repeated, Source, Wire
from .table import Table


class Session:
    """One connection, and the person on it."""

    __slots__ = (
        "_appended", "_hidden", "_intake", "_order", "_owed", "_patience", "_source", "admitted", "chat",
        "console", "device", "ended", "lost", "outlet", "peer", "reading", "request", "spoke", "table", "wire",
    )  # fmt: skip
    _log = Logger()

    outlet: Outlet
    peer: Peer

    def __init__(self, chat: Chat, table: Table, wire: Wire, source: Source, *, console: bool = False) -> None:
        self.chat = chat
        self.wire = wire
        self.device: Device | None = None
        """None for a stranger, who has not entered yet."""
        self.reading: Reading | None = None
        """What is shown to who has entered."""
        self.lost = False
        """The connection is gone; what it gave before still counts."""
        self.ended = False
        self.admitted = not chat.settings.password
        """Gave the server's password, or need not."""
        self.console = console
        """The server's owner asks, who is nobody in the chat."""
        self.spoke = chat.clock.seconds()
        self.table = table
        self._source = source
        self._intake = Intake(source, chat.clock, chat.settings.line_interval, chat.settings.line_burst)
        self.request = ""
        """What whoever asks calls what they ask for now."""
        self._appended = 0
        self._patience = Patience(chat.clock, self)
        self._order = Order(self._intake, self)
        self._hidden = False
        """What is typed is not shown."""
        self._owed: list[Repeated] | None = None
        """Answers that wait until the outlet takes more."""

    # What the protocol calls

    def start(self, outlet: Outlet, peer: Peer) -> None:
        """Somebody connected."""
        self.outlet = outlet
        self.peer = peer
        if self.console:
            return
        try:
            self.chat.connections.admit(self, peer.address)
        except Refused as refused:
            self.dismissed(refused)
            return
        self._patience.connected(self.chat.settings.greeting_timeout)
        self.refuse_banned()

    def refuse_banned(self) -> None:
        """Nobody may be a stranger from where somebody was banned from the server."""
        now = self.chat.milliseconds()
        ban = self.chat.directory.rules.bans.of(Who("", None, (), self.peer.address), now)
        if ban and self.device is None:
            self.dismissed(Refused("banned", f"you are banned from this server: {told(ban, now, places=False)}"))

    def speak(self, wire: Wire) -> None:
        """The first words are in another format."""
        self.wire = wire

    def receive(self, line: bytes) -> None:
        """A line came in. Not called while the source is paused."""
        if self.ended:
            return
        self.spoke = self.chat.clock.seconds()
        self._patience.spoke()
        self._intake.pace()
        if self._order.asking:
            self._reply(line)
            return
        id = ""
        try:
            command = self.wire.parse(line, self.device is not None)
            if command is None:
                return
            self.request = id = command.id
            ask = self.table.find(command.name)
            answering = ask.function(self, **granted(self, ask, command))
        except Refused as refused:
            self._order.work(self._refuse(refused, refused.id or id))
        except Exception:  # a bug in one command costs who asked for it, not the reactor
            self.failed(Failure())
        else:
            if answering is not None:
                self._order.work(self._answer(answering, command))

    def receive_talk(self, lines: bytes) -> bool:
        """Whole lines came in: taken at once if they are nothing but talk, else not at all. Together each takes a fifth of
        what it takes alone (1.1 us against 5.7): under load most lines come with others."""
        if self.device is None or self._order.asking or self.ended:
            return False
        room = self.device.room
        if room is None or room.going or not (room.rules.free and self.chat.directory.rules.free):
            return False
        texts = self.wire.talk(lines)
        if not texts or not self._intake.take(len(texts)):
            return False
        self.spoke = self.chat.clock.seconds()
        self._appended = speaking.talk(self.device, room, texts, self._told)
        self._hold_if_full()
        return True

    def refuse(self, refused: Refused) -> None:
        """What came in cannot even be read as a line."""
        self._intake.pace()
        if self._order.asking:
            self.write_answer(self.wire.refuse(refused, ""))
        else:
            self._order.work(self._refuse(refused, ""))

    def reply(self, data: bytes) -> None:
        """What the protocol itself has to answer."""
        self.write_answer(data)

    def end(self) -> None:
        """No more input comes: close, once all that came has been answered."""
        self._intake.hold(Hold.ENDING)
        self._order.no_more()
        self._order.work(self._end())

    def took_all(self) -> None:
        """The other side closed the connection after we did: it has taken what was under way."""
        if self.reading:
            self.reading.took_all()

    def lose(self) -> None:
        """The connection is gone. `end` follows when what it gave before has been received."""
        self.lost = True
        self.chat.connections.release(self)
        self._intake.hurry()
        if self.reading:
            self.reading.stop()
        self._intake.release(Hold.FULL)

    def held(self) -> None:
        """The outlet has bytes pending: the cursors stay where they are."""
        if self.reading:
            self.reading.hold()
        self._patience.held(self.outlet, self.chat.settings.stalled_timeout)

    def drained(self) -> None:
        """The outlet takes more: read on from where the cursors stayed."""
        self._patience.drained()
        while self._owed and not self.outlet.full:
            self._repeat(self._owed.pop(0))
        if not self.outlet.full:
            self._intake.release(Hold.FULL)
        if self.reading:
            self.reading.advance()

    # What commands use, and the server

    @property
    def role(self) -> Role:
        """What whoever is here may do on the server follows from it."""
        if self.device is None:
            return Role.CONSOLE if self.console else Role.STRANGER
        return self.chat.role(self.device.person.id)

    def room(self, name: object = None) -> Room:
        """The room of that name, or the one in which they talk; raises Refused unless whoever asks is in it."""
        return room_of(self.chat, self.here, name)

    @property
    def here(self) -> Device:
        """On which whoever asks is here; not for strangers, who have no right to what asks for it."""
        assert self.device is not None
        return self.device

    @property
    def person(self) -> Person:
        """Who asks; not for strangers."""
        return self.here.person

    @property
    def shown(self) -> Reading:
        """What whoever asks is shown; not for strangers."""
        assert self.reading is not None
        return self.reading

    def append(self, room: Room, kind: Kind, text: str) -> None:
        """Have something that this person says or does in a room committed; once, if the request has an id."""
        id = self.request
        self._appended = speaking.append(
            self.here, room, kind, text, id, partial(self._told, id=id) if id else self._told
        )
        self._hold_if_full()

    async def write(self, to: str, inbox: str, text: str) -> bool:
        """Have a private message committed; tells whether it was, which is told otherwise where not."""
        outcomes: list[NotSaved | Repeated] = []
        id = self.request

        def told(outcome: NotSaved | Repeated) -> None:
            outcomes.append(outcome)
            self._told(outcome, id)

        self._appended = speaking.write(self.here, to, inbox, text, id, told)
        await self._settled()
        return not outcomes

    async def ask(self, words: str, hidden: bool = False, what: str = "password", aside: str = "") -> str:
        """Ask a question; the next line is the answer, which is empty when there is none. Where that cannot be, it raises
        Refused: all had to be said at once. `what` tells programs which password is meant, `aside` is for people only."""
        if self.wire.asks is None:
            if hidden:
                raise Refused("password_needed", words, {"asked": what})
            raise Refused("not_sure", words)
        self._hide(hidden)
        self.write_answer(self.wire.asks.ask(f"{words} {aside}".rstrip()))
        return await self._order.reply()

    @property
    def no_more(self) -> bool:
        """Nobody answers any more."""
        return self._order.over

    def _hide(self, hidden: bool) -> None:
        """What is typed from now on is not shown, or again: from question to question it stays as it is."""
        if hidden is not self._hidden:
            self._hidden = hidden
            self.write_answer(self._source.hide(hidden))

    # Being somebody: entering.py

    def be(self, device: Device) -> Reading:
        """Be this device's connection from now on. Whoever reads the room already, reads on as who they are now."""
        self._patience.entered()
        self._hide(False)
        self.device = device
        if self.reading is None:
            self.reading = Reading(self)
        self.reading.become(device)
        device.stay(self)
        return self.reading

    def be_nobody(self) -> None:
        """Be a stranger again."""
        self.shown.reached()
        self.shown.stop()
        self.device = self.reading = None
        self._patience.connected(self.chat.settings.greeting_timeout)

    def greet(self) -> None:
        """Ask a stranger for a nickname."""
        room = self.chat.entrance
        present = 0 if room.rules.private else len(room.members.nicks)
        self.write_answer(self.wire.greet(self.chat.settings.server_name, room.name, present))

    # What the person calls

    @property
    def address(self) -> str:
        return self.peer.address

    @property
    def protocol(self) -> str:
        return f"{self.wire.name} over {self.peer.over}"

    def told_no(self, why: Refused) -> None:
        """What was asked for is not done, but something else."""
        self.write_answer(self.wire.refuse(why, ""))

    def dismissed(self, why: Refused) -> None:
        """The person is not here by this connection any more."""
        self.told_no(why)
        self.close()

    def told(self, words: str) -> None:
        """The server tells something that was not asked for."""
        self.write_answer(self.wire.answer(Answer(words)))

    def joined(self, room: Room, arrived: Arrived) -> None:
        """The person asked on another device to be in one more room."""
        ensureDeferred(self.shown.arrive(room, arrived)).addErrback(self.failed)

    def parted(self, room: Room, left: Entry) -> None:
        """The person is in a room no more."""
        ensureDeferred(self.shown.end_room(room, left)).addErrback(self.failed)

    def read_inbox(self, start: Position) -> None:
        """Show the private messages behind a position, and all that come."""
        self.shown.read_inbox(start)

    def ignoring(self) -> None:
        """The person changed whom they ignore."""
        self.shown.ignore()

    def taken(self) -> Position | None:
        """Up to where in the inbox the other side has got all."""
        return self.reading.taken() if self.reading else None

    # The end

    def quit(self, reason: str) -> None:
        """Be here no more."""
        if self.device:
            self.shown.reached()
            self.device.leave(reason)
        self.close()

    def close(self, reason: str = "") -> None:
        """End the connection when what is pending has been written. Who can come back may; who cannot leaves."""
        if self.ended:
            return
        if self.reading:
            self.reading.reached()
        self.ended = True
        self._patience.end()
        if self.reading:
            self.reading.stop()
        if self.device and self.device.connection is self:
            self.device.linger(self.chat.settings.grace, reason)
        self.outlet.close()
        self._order.no_more()

    async def dismiss(self, words: str) -> None:
        """The server stops: say so once all that was accepted has been shown, and close."""
        self._intake.hold(Hold.STOPPING)
        self._order.no_more()
        await self._order.done()
        await self.chat.journal.settled()
        await self._settled()
        if not self.ended:
            if self.reading:
                self.reading.reached()  # before the farewell is under way
            self.outlet.write(self.wire.answer(Answer(words)))
            self.close()

    # Order: an answer comes after what the asker said before it, and before what is asked after it

    def _reply(self, line: bytes) -> None:
        """The answer to a question came."""
        answer = self.wire.asks.reply(line) if self.wire.asks else ""
        if answer is None:
            self.end()
        else:
            self._order.answer(answer)

    async def _answer(self, answering: Coroutine[Any, Any, Answer | None], command: Command) -> None:
        await self._settled()
        if self.ended:  # meanwhile; what is lost without an end is still obeyed
            answering.close()
            return
        try:
            answer = await answering
            told = b"" if answer is None else self.wire.answer(answer, command)
        except Refused as refused:
            told = self.wire.refuse(refused, command.id)
        self._hide(False)
        self.write_answer(told)

    async def _refuse(self, refused: Refused, id: str) -> None:
        await self._settled()
        self.write_answer(self.wire.refuse(refused, id))

    async def _end(self) -> None:
        await self._order.done()
        await self._settled()
        self.close()

    async def _settled(self) -> None:
        """Until all that this person appended has come back, and the cursors have passed it."""
        await self.chat.journal.settled(self._appended)
        if self.reading:
            await self.reading.at_tip()

    def write_answer(self, data: bytes) -> None:
        """Answers go around the cursors: who asks and does not read must not fill the memory, so no more is asked."""
        if not data or self.nobody_reads:
            return
        self.outlet.write(data)
        if self.outlet.full:
            self._intake.hold(Hold.FULL)

    # What goes wrong

    def _told(self, outcome: NotSaved | Repeated, id: str = "") -> None:
        """What this person appended does not come back from the log: it was not saved, or had been said before."""
        if not isinstance(outcome, Repeated):
            self.write_answer(self.wire.refuse(not_saved("your line", outcome), id))
        elif self.outlet.full:  # a short request may have a long answer, and many of them one batch
            self._owed = [*(self._owed or ()), outcome]
            self._intake.hold(Hold.FULL)
        else:
            self._repeat(outcome)

    def _repeat(self, known: Repeated) -> None:
        self.write_answer(b"".join(self.wire.recall(known.log, [known.entry], self.several)))

    def too_late(self) -> None:
        """No nickname came in time."""
        self.outlet.write(self.wire.refuse(Refused("too_late", "no nickname came in time; come again"), ""))
        self.close()

    def stalled(self) -> None:
        """The other side has taken nothing for too long."""
        self.close("not reading")

    # Small things

    def _hold_if_full(self) -> None:
        journal = self.chat.journal
        if journal.full:
            self._intake.hold(Hold.JOURNAL)
            journal.settled().addCallback(lambda _: self._intake.release(Hold.JOURNAL))

    @property
    def nobody_reads(self) -> bool:
        return self.ended or self.lost

    @property
    def several(self) -> bool:
        return self.reading is not None and self.reading.several

    def new_moment(self) -> int:
        self.chat.new_moment()
        return self.chat.milliseconds()

    async def all_told(self) -> None:
        await self.chat.pause(0)

    def reads_elsewhere(self, reader: Reader, event: Event) -> bool:
        return self.reading is not None and self.reading.reads_elsewhere(reader, event)

    def failed(self, failure: Failure) -> None:
        """One connection must not cost the others anything: log it, let this one go, keep serving."""
        self._log.failure("a session failed", failure)
        self.outlet.write(self.wire.refuse(Refused("bug", "something went wrong in the server; come again"), ""))
        self.close()
