"""One person on one connection: what comes in is obeyed in order, what a reader shows goes out, and the end is seen by all.

Knows neither bytes nor transports: the wire format and the outlet are given.
"""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from secrets import token_hex
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .chat import Chat
from .event import Kind, Position
from .intake import Hold, Intake
from .log import Log, Reader
from .patience import Patience
from .person import Person, digest, not_saved
from .recall import pages, recall
from .request import Answer, Command, Refused, Welcome
from .room import Arrival, Room
from .seams import NotSaved, Outlet, Repeated, Source, Wire
from .table import Table

TOKEN_BYTES = 16
"""128 bits, that nobody guesses."""


class Session:
    """One connection, and the person on it."""

    __slots__ = (
        "_appended", "_blocked", "_intake", "_owed", "_patience", "_request", "_table",
        "chat", "ended", "lost", "outlet", "person", "reader", "wire",
    )  # fmt: skip
    _log = Logger()

    outlet: Outlet

    def __init__(self, chat: Chat, table: Table, wire: Wire, source: Source) -> None:
        self.chat = chat
        self.wire = wire
        self.person: Person | None = None
        """None for a stranger, who has not entered yet."""
        self.reader: Reader | None = None
        self.lost = False
        """The connection is gone; what it gave before still counts."""
        self.ended = False
        self._table = table
        self._intake = Intake(source, chat.clock, chat.settings.line_interval, chat.settings.line_burst)
        self._request = ""
        self._appended = 0
        self._patience = Patience(chat.clock, self)
        self._blocked: Deferred[None] | None = None
        self._owed: list[Repeated] = []
        """Answers that wait until the outlet takes more."""

    # What the protocol calls

    def start(self, outlet: Outlet, address: str) -> None:
        """Somebody connected, from an IP address, or over a Unix socket from none."""
        self.outlet = outlet
        try:
            self.chat.connections.admit(self, address)
        except Refused as refused:
            self.outlet.write(self.wire.refuse(refused, ""))
            self.close()
            return
        self._patience.connected(self.chat.settings.greeting_timeout)

    def speak(self, wire: Wire) -> None:
        """The first words are in another format."""
        self.wire = wire

    def receive(self, line: bytes) -> None:
        """A line came in. Not called while the source is paused."""
        if self.ended:
            return
        self._patience.spoke()
        self._intake.pace()
        id = ""
        try:
            command = self.wire.parse(line, self.person is not None)
            if command is None:
                return
            self._request = id = command.id
            ask = self._table.find(command.name)
            if self.person is None and not ask.for_strangers:
                raise Refused("not_entered", "say a nickname first")
            answering = ask.function(self, **ask.bind(command))
        except Refused as refused:
            self._work(self._refuse(refused, refused.id or id))
        except Exception:  # a bug in one command costs who asked for it, not the reactor
            self._bug(Failure())
        else:
            if answering is not None:
                self._work(self._answer(answering, command))

    def receive_talk(self, lines: bytes) -> bool:
        """Whole lines came in: taken at once if they are nothing but talk, else not at all. Together each takes a fifth of
        what it takes alone (1.1 us against 5.7): under load most lines come with others."""
        if self.person is None or self.ended:
            return False
        texts = self.wire.talk(lines)
        if not texts or not self._intake.take(len(texts)):
            return False
        self._appended = self.person.talk(texts, self._told)
        self._hold_if_full()
        return True

    def refuse(self, refused: Refused) -> None:
        """What came in cannot even be read as a line."""
        self._intake.pace()
        self._work(self._refuse(refused, ""))

    def reply(self, data: bytes) -> None:
        """What the protocol itself has to answer."""
        self._write_answer(data)

    def end(self) -> None:
        """No more input comes: close, once all that came has been answered."""
        self._work(self._end())

    def lose(self) -> None:
        """The connection is gone. `end` follows when what it gave before has been received."""
        self.lost = True
        self.chat.connections.release(self)
        self._intake.hurry()
        self._stop_reading()
        self._unblock()
        self._intake.release(Hold.FULL)

    def held(self) -> None:
        """The outlet has bytes pending: the cursor stays where it is."""
        if self.reader and self.person:
            self.person.room.log.hold(self.reader)
        self._patience.held(self.outlet, self.chat.settings.stalled_timeout)

    def drained(self) -> None:
        """The outlet takes more: read on from where the cursor stayed."""
        self._patience.drained()
        self._unblock()
        while self._owed and not self.outlet.full:
            self._repeat(self._owed.pop(0))
        if not self.outlet.full:
            self._intake.release(Hold.FULL)
        if self.reader and self.person:
            self.person.room.log.advance(self.reader)

    # What commands use, and the server

    def append(self, kind: Kind, text: str) -> None:
        """Have something that this person says or does in the room committed; once, if the request has an id."""
        assert self.person is not None  # a stranger was refused
        id = self._request
        self._appended = self.person.append(kind, text, id, partial(self._told, id=id) if id else self._told)
        self._hold_if_full()

    def greet(self) -> None:
        """Ask a stranger for a nickname."""
        room = self._entrance()
        self._write_answer(self.wire.greet(self.chat.settings.server_name, room.name, len(room.members.nicks)))

    async def enter(self, nickname: str, after: str | None = None, history: int | None = None) -> None:
        """Come in under a nickname: history, or exactly what followed a position; then who is here, and what happens."""
        self._be_a_stranger()
        chat, room = self.chat, self._entrance()
        start = None if after is None else room.log.position(after)
        name = chat.settings.nickname(nickname)
        token = token_hex(TOKEN_BYTES) if self.wire.resumes else ""
        person, arrival = await Person.enter(chat, chat.new_id(), name, room, digest(token) if token else "")
        if self.ended:  # meanwhile; and nobody was told how to come back
            person.leave()
            return
        if chat.settings.motd:
            self.outlet.write(self.wire.answer(Answer("\n".join(chat.settings.motd))))
        await self._take_place(person, token, arrival, start, chat.settings.history if history is None else history)

    async def resume(self, token: str, after: str | None = None, history: int = 0) -> None:
        """Come back after a lost connection: the same person, and exactly what they missed."""
        self._be_a_stranger()
        person = self.chat.staying.get(digest(token))
        if person is None:
            raise Refused("resume_unknown", "nobody is expected back with that; it was too late, or of another server")
        room = person.room
        start = None if after is None else room.log.position(after)
        others = tuple(nick for by, nick in room.members.nicks.items() if by != person.id)
        await self._take_place(person, token, Arrival(room.log.tip, others), start, history)

    async def _take_place(
        self, person: Person, token: str, arrival: Arrival, start: Position | None, history: int
    ) -> None:
        """Be this person's connection from now on, and read on: from `start`, or from the arrival, with history before."""
        chat, log = self.chat, person.room.log
        self._patience.entered()
        self.person = person
        person.stay(self)
        if start is not None:  # what is read from there on is history enough
            arrival, history = Arrival(start, arrival.others), 0
        settings = chat.settings
        welcome = self.wire.welcome(
            Welcome(person.name.shown, settings.server_name, settings.version, person.room.name, *arrival, token)
        )
        if self.wire.welcomes_first:
            self.outlet.write(welcome)
        await self._recall(log, history, until=arrival.position)
        if not self.wire.welcomes_first:
            self.outlet.write(welcome)
        self.reader = Reader(arrival.position, self.wire, self.outlet, person.id, self.wire.echoes, self._bug)
        if self._nobody_reads():
            log.stop(self.reader)
        else:
            log.advance(self.reader)

    async def history(self, limit: int, before: str = "") -> None:
        """Show the last `limit` lines of talk (before a position); what is said meanwhile follows after."""
        reader, person = self.reader, self.person
        assert reader is not None
        assert person is not None
        log = person.room.log
        log.suspend(reader)
        try:
            if before:
                await self._recall(log, limit, before=log.position(before))
            else:
                await self._recall(log, limit, until=reader.cursor)
        finally:
            log.resume(reader)

    async def _recall(
        self, log: Log, limit: int, until: Position | None = None, before: Position | None = None
    ) -> None:
        async for entries in recall(log, limit, until, before):
            for page in pages(self.wire.recall(log.name, entries)):
                await self._writable()
                if self._nobody_reads():
                    return
                self.outlet.write(page)

    def quit(self, reason: str) -> None:
        """Leave for good."""
        if self.person:
            self.person.leave(reason)
        self.close()

    def displaced(self) -> None:
        """The person came back on another connection."""
        self.outlet.write(self.wire.refuse(Refused("resumed", "you came back on another connection"), ""))
        self.close()

    def close(self, reason: str = "") -> None:
        """End the connection when what is pending has been written. Who can come back may; who cannot leaves."""
        if self.ended:
            return
        self.ended = True
        self._patience.end()
        self._stop_reading()
        if self.person and self.person.connection is self:
            self.person.linger(self.chat.settings.grace, reason)
        self.outlet.close()

    async def dismiss(self, words: str) -> None:
        """The server stops: say so once all that was accepted has been shown, and close."""
        self._intake.hold(Hold.STOPPING)
        await self.chat.journal.settled()
        await self._settled()
        if not self.ended:
            self.outlet.write(self.wire.answer(Answer(words)))
            self.close()

    # Order: an answer comes after what the asker said before it, and before what is asked after it

    def _work(self, coroutine: Coroutine[Any, Any, None]) -> None:
        done = Deferred.fromCoroutine(coroutine).addErrback(self._bug)
        if not done.called:
            self._intake.hold(Hold.ANSWERING)
            done.addCallback(lambda _: self._intake.release(Hold.ANSWERING))

    async def _answer(self, answering: Coroutine[Any, Any, Answer | None], command: Command) -> None:
        await self._settled()
        if self.ended:  # meanwhile; what is lost without an end is still obeyed
            answering.close()
            return
        try:
            answer = await answering
        except Refused as refused:
            self._write_answer(self.wire.refuse(refused, command.id))
        else:
            if answer is not None:
                self._write_answer(self.wire.answer(answer, command))

    async def _refuse(self, refused: Refused, id: str) -> None:
        await self._settled()
        self._write_answer(self.wire.refuse(refused, id))

    async def _end(self) -> None:
        await self._settled()
        self.close()

    async def _settled(self) -> None:
        """Until all that this person appended has come back, and the cursor has passed it."""
        await self.chat.journal.settled(self._appended)
        if self.reader and self.person:
            await self.person.room.log.at_tip(self.reader)

    def _write_answer(self, data: bytes) -> None:
        """Answers go around the cursor: who asks and does not read must not fill the memory, so no more is asked."""
        if not data or self._nobody_reads():
            return
        self.outlet.write(data)
        if self.outlet.full:
            self._intake.hold(Hold.FULL)

    # What the outlet makes wait

    async def _writable(self) -> None:
        """Until the outlet takes more."""
        while self.outlet.full and not self.lost:
            self._blocked = Deferred()
            await self._blocked

    def _unblock(self) -> None:
        blocked, self._blocked = self._blocked, None
        if blocked:
            blocked.callback(None)

    # What goes wrong

    def _told(self, outcome: NotSaved | Repeated, id: str = "") -> None:
        """What this person appended does not come back from the log: it was not saved, or had been said before."""
        if not isinstance(outcome, Repeated):
            self._write_answer(self.wire.refuse(not_saved("your line", outcome), id))
        elif self.outlet.full:  # a short request may have a long answer, and many of them one batch
            self._owed.append(outcome)
            self._intake.hold(Hold.FULL)
        else:
            self._repeat(outcome)

    def _repeat(self, known: Repeated) -> None:
        self._write_answer(b"".join(self.wire.recall(known.log, [known.entry])))

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

    def _nobody_reads(self) -> bool:
        return self.ended or self.lost

    def _entrance(self) -> Room:
        return self.chat.rooms[self.chat.settings.room]

    def _be_a_stranger(self) -> None:
        if self.person is not None:
            raise Refused("entered", f"you are {self.person.name.shown} already; /nick takes another nickname")

    def _stop_reading(self) -> None:
        if self.reader and self.person:
            self.person.room.log.stop(self.reader)

    def _bug(self, failure: Failure) -> None:
        """One connection must not cost the others anything: log it, let this one go, keep serving."""
        self._log.failure("a session failed", failure)
        self.outlet.write(self.wire.refuse(Refused("bug", "something went wrong in the server; come again"), ""))
        self.close()
