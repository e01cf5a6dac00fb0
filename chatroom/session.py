"""One connection: what comes in is obeyed in order, what its readers show goes out, and the end is seen by all.

Knows neither bytes nor transports: the wire format and the outlet are given. How one comes in is told in entering.py.
"""

from __future__ import annotations

from twisted.logger import Logger
from twisted.python.failure import Failure

from .admission import refuse_banned
from .answers import Answers
from .bans import Who
from .chat import Chat
from .device import Device
from .granting import granted
from .intake import Hold, Intake
from .order import Order
from .patience import Patience
from .person import Person
from .reading import Reading
from .request import Refused
from .rights import Role
from .seams import Outlet, Peer, Source, Wire
from .speaking import Speaking
from .table import Table


class Session:
    """One connection, and the person on it."""

    __slots__ = (
        "_intake", "_order", "_patience", "admitted", "answers", "chat", "console", "device", "ended",
        "lost", "outlet", "peer", "reading", "request", "speaking", "spoke", "table", "wire",
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
        self._intake = Intake(source, chat.clock, chat.settings.line_interval, chat.settings.line_burst)
        self.request = ""
        """What whoever asks calls what they ask for now."""
        self._order = Order(self._intake, self)
        self._patience = Patience(chat.clock, self)
        self.answers = Answers(self, self._intake, self._order, source)
        self.speaking = Speaking(self, self._intake)

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
        try:
            refuse_banned(self.chat, Who("", None, (), self.peer.address))
        except Refused as refused:
            if self.device is None:
                self.dismissed(refused)

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
            self.answers.reply(line)
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
            self._order.work(self.answers.refuse_in_order(refused, refused.id or id))
        except Exception:  # a bug in one command costs who asked for it, not the reactor
            self.failed(Failure())
        else:
            if answering is not None:
                self._order.work(self.answers.give(answering, command))

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
        self.speaking.talk(self.device, room, texts)
        return True

    def refuse(self, refused: Refused) -> None:
        """What came in cannot even be read as a line."""
        self._intake.pace()
        if self._order.asking:
            self.answers.refuse(refused)
        else:
            self._order.work(self.answers.refuse_in_order(refused))

    def reply(self, data: bytes) -> None:
        """What the protocol itself has to answer."""
        self.answers.write(data)

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
        self.answers.drained()
        if self.reading:
            self.reading.advance()

    # What commands use, and the server

    @property
    def role(self) -> Role:
        """What whoever is here may do on the server follows from it."""
        if self.device is None:
            return Role.CONSOLE if self.console else Role.STRANGER
        return self.chat.role(self.device.person.id)

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
    def nick(self) -> str:
        return self.device.person.name.shown if self.device else ""

    @property
    def shown(self) -> Reading:
        """What whoever asks is shown; not for strangers."""
        assert self.reading is not None
        return self.reading

    @property
    def several(self) -> bool:
        return self.reading is not None and self.reading.several

    @property
    def nobody_reads(self) -> bool:
        return self.ended or self.lost

    # Being somebody: welcome.py

    def be(self, device: Device) -> Reading:
        """Be this device's connection from now on. Whoever reads the room already, reads on as who they are now."""
        self._patience.entered()
        self.answers.hide(False)
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
        self.answers.write(self.wire.greet(self.chat.settings.server_name, room.name, present))

    # What the person calls

    @property
    def protocol(self) -> str:
        return f"{self.wire.name} over {self.peer.over}"

    def dismissed(self, why: Refused) -> None:
        """The person is not here by this connection any more."""
        self.answers.refuse(why)
        self.close()

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

    async def _end(self) -> None:
        await self._order.done()
        await self.speaking.settled()
        self.close()

    async def dismiss(self, words: str) -> None:
        """The server stops: say so once all that was accepted has been shown, and close."""
        self._intake.hold(Hold.STOPPING)
        self._order.no_more()
        await self._order.done()
        await self.chat.journal.settled()
        await self.speaking.settled()
        if not self.ended:
            if self.reading:
                self.reading.reached()  # before the farewell is under way
            self.answers.tell(words)
            self.close()

    def failed(self, failure: Failure) -> None:
        """One connection must not cost the others anything: log it, let this one go, keep serving."""
        self._log.failure("a session failed", failure)
        self.answers.refuse(Refused("bug", "something went wrong in the server; come again"))
        self.close()
