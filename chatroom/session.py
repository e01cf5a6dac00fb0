"""One person on one connection: what comes in is obeyed in order, what a reader shows goes out, and the end is seen by all.

Knows neither bytes nor transports: the wire format and the outlet are given.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .chat import Chat, Delayed
from .directory import SERVER_LOG
from .event import Entry, Event, Kind, Position
from .intake import Hold, Intake, Source
from .log import Format, NotSaved, Reader, Sink
from .names import Name
from .recall import pages, recall
from .request import Answer, Command, Refused
from .room import Room
from .table import Table

STALL_CHECKS = 10
"""How often within the time a reader may stall it is looked at whether the connection took anything."""


class Wire(Format, Protocol):
    """Bytes to meaning and back. Pure: the same bytes for the same meaning, and no error but Refused."""

    echoes: bool
    """Whether one's own words are sent back, as the sign that they are saved."""

    def greet(self, server_name: str, room: str, present: int) -> bytes:
        """What who connects reads first."""

    def parse(self, line: bytes, entered: bool) -> Command | None:
        """What a line asks for; None for nothing. Who has not `entered` says a nickname first."""

    def welcome(self, nick: str, server_name: str, room: str, position: Position, others: Sequence[str]) -> bytes:
        """What who has entered reads before anything that happens from then on."""

    def recall(self, log: str, entries: Sequence[Entry]) -> list[bytes]:
        """History: like `render`, with times."""

    def answer(self, answer: Answer, command: Command | None = None) -> bytes:
        """What only the asker reads; without a command, what the server says to one person by itself."""

    def refuse(self, refused: Refused, id: str) -> bytes:
        """That what was asked, under this id if it had one, is not done, and why."""


class Outlet(Sink, Protocol):
    """What a session needs of a connection to write to. It calls back `held` and `drained`."""

    def close(self) -> None:
        """Write what is pending, then end the connection; within seconds, whether or not the other side reads."""

    def untaken(self) -> int:
        """Bytes that the system holds because the other side has not taken them yet."""


class Session:
    """One person on one connection."""

    __slots__ = (
        "_blocked", "_deadline", "_intake", "_stall", "_table",
        "chat", "ended", "id", "lost", "name", "outlet", "reader", "room", "wire",
    )  # fmt: skip
    _log = Logger()

    outlet: Outlet

    def __init__(self, chat: Chat, table: Table, wire: Wire, source: Source) -> None:
        self.chat = chat
        self.wire = wire
        self.id = chat.new_id()
        self._deadline: Delayed | None = None
        self._stall: Delayed | None = None
        self.name: Name | None = None
        """The nickname; None for a stranger, who has not entered yet."""
        self.room: Room | None = None
        self.reader: Reader | None = None
        self.lost = False
        """The connection is gone; what it gave before still counts."""
        self.ended = False
        self._table = table
        self._intake = Intake(source, chat.clock, chat.settings.line_interval, chat.settings.line_burst)
        self._blocked: Deferred[None] | None = None

    # What the protocol calls

    def start(self, outlet: Outlet, address: str) -> None:
        """Somebody connected, from an IP address, or over a Unix socket from none."""
        self.outlet = outlet
        try:
            self.chat.connections.admit(self, address)
        except Refused as refused:
            self.outlet.write(self.wire.refuse(refused, ""))
            self.leave()
            return
        self._deadline = self.chat.clock.callLater(self.chat.settings.greeting_timeout, self._too_late)
        self.greet()

    def receive(self, line: bytes) -> None:
        """A line came in. Not called while the source is paused."""
        if self.ended:
            return
        self._intake.pace()
        command = None
        try:
            command = self.wire.parse(line, self.name is not None)
            if command is None:
                return
            ask = self._table.find(command.name)
            if self.name is None and not ask.for_strangers:
                raise Refused("not_entered", "say a nickname first")
            answering = ask.function(self, **ask.bind(command))
        except Refused as refused:
            self._work(self._refuse(refused, command.id if command else ""))
        else:
            if answering is not None:
                self._work(self._answer(answering, command))

    def refuse(self, refused: Refused) -> None:
        """What came in cannot even be read as a line."""
        self._intake.pace()
        self._work(self._refuse(refused, ""))

    def end(self) -> None:
        """No more input comes: leave, once all that came has been answered."""
        self._work(self._end())

    def lose(self) -> None:
        """The connection is gone. `end` follows when what it gave before has been received."""
        self.lost = True
        self.chat.connections.release(self)
        self._intake.hurry()
        if self.reader and self.room:
            self.room.log.stop(self.reader)
        self._unblock()
        self._intake.release(Hold.FULL)

    def held(self) -> None:
        """The outlet has bytes pending: the cursor stays where it is."""
        if self.reader and self.room:
            self.room.log.hold(self.reader)
        self._cancel(self._stall)
        timeout = self.chat.settings.stalled_timeout
        self._stall = self.chat.clock.callLater(timeout / STALL_CHECKS, self._look, self.outlet.untaken(), timeout)

    def _look(self, untaken: int, left: float) -> None:
        """Let go of who has taken nothing for too long. Its connection need not tell when it died."""
        timeout = self.chat.settings.stalled_timeout
        now_untaken = self.outlet.untaken()
        left = timeout if now_untaken != untaken else left - timeout / STALL_CHECKS
        if left > 0:
            self._stall = self.chat.clock.callLater(timeout / STALL_CHECKS, self._look, now_untaken, left)
        else:
            self._stall = None
            self.leave("not reading")

    def drained(self) -> None:
        """The outlet takes more: read on from where the cursor stayed."""
        self._stall = self._cancel(self._stall)
        self._unblock()
        self._intake.release(Hold.FULL)
        if self.reader and self.room:
            self.room.log.advance(self.reader)

    # What commands use, and the server

    def append(self, kind: Kind, text: str) -> None:
        """Have something that this person says or does in the room committed."""
        chat, room, name = self.chat, self.room, self.name
        assert room is not None  # a stranger was refused
        assert name is not None
        chat.journal.append(((room.log.name, chat.event(kind, self.id, name.shown, text)),), self._unsaved)
        if chat.journal.full:
            self._intake.hold(Hold.JOURNAL)
            chat.journal.settled().addCallback(lambda _: self._intake.release(Hold.JOURNAL))

    def greet(self) -> None:
        """Ask a stranger for a nickname."""
        chat = self.chat
        room = chat.rooms[chat.settings.room]
        self.outlet.write(self.wire.greet(chat.settings.server_name, room.name, len(room.members.nicks)))

    async def enter(self, nickname: str) -> None:
        """Come in: claim the nickname and join the room, both or neither; then history, who is here, and what happens."""
        if self.name is not None:
            raise Refused("entered", f"you are {self.name.shown} already; /nick takes another nickname")
        chat = self.chat
        room = chat.rooms[chat.settings.room]
        name = chat.settings.nickname(nickname)
        room.expect(self.id)
        try:
            joined = chat.event(Kind.JOINED, self.id, name.shown)
            await self._claim(name, (room.log.name, joined))
        finally:
            arrival = room.arrived(self.id)
        assert arrival is not None  # else the claim was refused
        self._deadline = self._cancel(self._deadline)
        self.name, self.room = name, room
        reader = Reader(arrival.position, self.wire, self.outlet, self.id, self.wire.echoes, self._cannot_read)
        if chat.settings.motd:
            self.outlet.write(self.wire.answer(Answer("\n".join(chat.settings.motd))))
        await self._recall(room, arrival.position, chat.settings.history)
        self.outlet.write(self.wire.welcome(name.shown, chat.settings.server_name, room.name, *arrival))
        if not self.lost:
            self.reader = reader
            room.log.advance(reader)

    async def rename(self, nickname: str) -> None:
        """Take another nickname; everyone, this person too, reads it in the room."""
        old, room = self.name, self.room
        assert old is not None
        assert room is not None
        name = self.chat.settings.nickname(nickname)
        if name.shown == old.shown:
            raise Refused("nick_same", f"you are {name.shown} already")
        renamed = self.chat.event(Kind.RENAMED, self.id, old.shown, details={"new": name.shown})
        await self._claim(name, self._released(old), (room.log.name, renamed))
        self.name = name

    async def history(self, limit: int) -> None:
        """Show the last `limit` lines of talk up to where this person stands; what is said meanwhile follows after."""
        reader, room = self.reader, self.room
        assert reader is not None
        assert room is not None
        room.log.suspend(reader)
        try:
            await self._recall(room, reader.cursor, limit)
        finally:
            room.log.resume(reader)

    async def _recall(self, room: Room, until: Position, limit: int) -> None:
        async for entries in recall(room.log, until, limit):
            for page in pages(self.wire.recall(room.log.name, entries)):
                await self._writable()
                self.outlet.write(page)

    def leave(self, reason: str = "") -> None:
        """Be gone: others see it once, and the connection ends when what is pending has been written."""
        if self.ended:
            return
        self.ended = True
        self._deadline = self._cancel(self._deadline)
        self._stall = self._cancel(self._stall)
        if self.reader and self.room:
            self.room.log.stop(self.reader)
        if self.name and self.room and not self.chat.stopping:
            left = self.chat.event(Kind.LEFT, self.id, self.name.shown, reason)
            ensureDeferred(self.chat.save_surely([(self.room.log.name, left), self._released(self.name)]))
        self.outlet.close()

    async def dismiss(self, words: str) -> None:
        """The server stops: say so once all that was accepted has been shown, and leave."""
        self._intake.hold(Hold.ANSWERING)
        await self._settled()
        if not self.ended:
            self.outlet.write(self.wire.answer(Answer(words)))
            self.leave()

    # Order: an answer comes after what the asker said before it, and before what is asked after it

    def _work(self, coroutine: Coroutine[Any, Any, None]) -> None:
        done = Deferred.fromCoroutine(coroutine).addErrback(self._bug)
        if not done.called:
            self._intake.hold(Hold.ANSWERING)
            done.addCallback(lambda _: self._intake.release(Hold.ANSWERING))

    async def _answer(self, answering: Coroutine[Any, Any, Answer | None], command: Command) -> None:
        await self._settled()
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
        self.leave()

    async def _settled(self) -> None:
        """Until all that this person appended has come back, and the cursor has passed it."""
        await self.chat.journal.settled()
        if self.reader and self.room:
            await self.room.log.at_tip(self.reader)

    async def _claim(self, name: Name, *events: tuple[str, Event]) -> None:
        """Have a nickname claimed together with what depends on it, all or nothing; raises Refused."""
        chat = self.chat
        chat.directory.reserve(name, self.id)
        claimed = chat.event(Kind.CLAIMED, self.id, name.shown, details=_forms(name))
        failed = await chat.save([*events, (SERVER_LOG, claimed)])
        if failed:
            chat.directory.cancel(name, self.id)
            raise _not_saved("that", failed)

    def _released(self, name: Name) -> tuple[str, Event]:
        return SERVER_LOG, self.chat.event(Kind.RELEASED, self.id, name.shown, details=_forms(name))

    def _write_answer(self, data: bytes) -> None:
        """Answers go around the cursor: who asks and does not read must not fill the memory, so no more is asked."""
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

    def _unsaved(self, why: NotSaved) -> None:
        if not self.ended:
            self._write_answer(self.wire.refuse(_not_saved("your line", why), ""))

    def _too_late(self) -> None:
        self._deadline = None
        self.outlet.write(self.wire.refuse(Refused("too_late", "no nickname came in time; come again"), ""))
        self.leave()

    @staticmethod
    def _cancel(delayed: Delayed | None) -> None:
        if delayed:
            delayed.cancel()

    def _cannot_read(self, failure: Failure) -> None:
        self._bug(failure)

    def _bug(self, failure: Failure) -> None:
        """One connection must not cost the others anything: log it, let this one go, keep serving."""
        self._log.failure("session {id} failed", failure, id=self.id)
        self.outlet.write(self.wire.refuse(Refused("bug", "something went wrong in the server; come again"), ""))
        self.leave()


def _not_saved(what: str, why: NotSaved) -> Refused:
    outcome = "was not saved" if why.certain else "may not have been saved"
    return Refused("not_saved", f"{what} {outcome}: {why.words}")


def _forms(name: Name) -> dict[str, str]:
    return {"folded": name.folded, "skeleton": name.skeleton}
