"""What is to be there no more is taken out of the storage: by and by, again after a failure, and again after a start."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .directory import SERVER_LOG
from .event import HISTORY, Kind, Position, Sort
from .inbox import inbox_log
from .person import Server as PersonsServer
from .room import Room
from .seams import Delayed, NotSaved, Redactable
from .times import DAY, WEEK

TIDY_AGAIN = 60.0
"""Seconds until it is tried again to take something out of the storage: the whole of it is looked through."""

EXPIRING = 24 * 60 * 60.0
"""Seconds after which it is looked again for what has become too old: to the day is exact enough, and the whole of the file
may have to be read."""

EXPIRING_PARTS = 24
"""What is kept for less than so many times that is looked for so many times in its time."""

CLOCK_DOUBTED = WEEK
"""Milliseconds. When the clock is further from where it was when it was looked last, or at a start from what the logs tell,
nothing is taken for old until it has been there for EXPIRING: a clock that is wrong for an hour must not have all forgotten."""

READ_AT_ONCE = 256
"""Entries of the server's own log that are read at a time to see where the clock was: those of a quiet server's month."""

PRESENCE_DAYS = 1
"""For so long is kept who came and went before the server's last start: programs read on where they were."""


class Server(PersonsServer, Protocol):
    """What is needed of the chat."""

    rooms: dict[str, Room]

    def alone(self, id: str) -> AbstractAsyncContextManager[None]: ...
    def bug(self, failure: Failure) -> None: ...
    def told_by_the_clock(self) -> int: ...


class Tidy:
    """One at a time: what came meanwhile is done with the next."""

    _log = Logger()

    def __init__(self, server: Server, talk_for: int, addresses_for: int) -> None:
        self._server = server
        self.keep(talk_for, addresses_for)
        self._waiting: list[Delayed] = []
        self._open = False
        self._looked: int | None = None
        """What the clock told when it was looked last for what is too old, and was believed."""
        self._doubted_until: float | None = None
        """By the clock that counts seconds."""
        self._expiring: Delayed | None = None
        self._following: Deferred[None] | None = None
        """That which is not begun yet."""

    def keep(self, talk_for: int, addresses_for: int) -> None:
        """For how many milliseconds what people said is kept, and where they came from; 0 for ever."""
        self._talk_for = talk_for
        self._addresses_for = addresses_for

    def begin(self) -> None:
        """The logs are taken up: do what the server was stopped before it was done, and take out what has become too old, now
        and for as long as the server runs."""
        self._open = True
        self.soon()
        self.expiring()

    def stop(self) -> None:
        """What is not begun is left to the next start."""
        while self._waiting:
            self._waiting.pop().cancel()

    def soon(self) -> None:
        """Do it without anybody waiting."""
        ensureDeferred(self.now()).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        if not self._server.stopping:  # else the storage was closed meanwhile, and the next start does it
            self._server.bug(failure)

    async def now(self) -> None:
        """Take out what is kept of passwords that count no more; the words that were removed or corrected; all that was said
        in rooms that were closed; of who is no account any more the nickname in all that they said, and their inbox. Who asks
        while it is under way is served by the next, with all others who do."""
        following = self._following
        if following is None:
            following = self._following = Deferred()
            ensureDeferred(self._once()).chainDeferred(following)
        await following

    async def _once(self) -> None:
        async with self._server.alone(""):
            self._following = None  # who asks from now on may ask for more
            try:
                await self._do()
            except NotSaved as why:
                self._later(why, self.soon)

    async def _do(self) -> None:
        server = self._server
        for id, position in tuple(server.directory.accounts.stale.items()):
            await self._blank(id, position)
        await server.journal.settled()
        for room in tuple(server.rooms.values()):
            if room.owed:
                await self._amend(room)
        for folded, name in tuple(server.directory.rooms.closed.items()):
            if isinstance(server.storage, Redactable):
                await server.storage.erase(f"#{name}")
            await server.save_surely([(SERVER_LOG, server.event(Kind.ERASED, details={"name": folded}))])
        for id, nick in tuple(server.directory.accounts.forgotten().items()):
            await self._forget(id, nick)

    def expiring(self) -> None:
        """Look now for what has become too old, since what is too old may have changed. Before it was begun that is left to
        the beginning: the logs are not there yet."""
        if not self._open or self._server.stopping:
            return
        if self._expiring in self._waiting:
            self._waiting.remove(self._expiring)
            self._expiring.cancel()
        ensureDeferred(self._expire()).addErrback(self._failed)

    async def _expire(self) -> None:
        server, now = self._server, self._server.told_by_the_clock()
        every = min(
            [EXPIRING, *(kept / 1000 / EXPIRING_PARTS for kept in (self._talk_for, self._addresses_for) if kept)]
        )
        async with server.alone(""):
            doubted = await self._doubts(now, every)
            failed = None if doubted else await self._expire_now(now)
        if failed:
            self._later(failed, self.expiring)
            return
        if doubted:
            self._look_again(doubted)
            return
        for rules in (server.directory.rules, *(room.rules for room in server.rooms.values())):
            if self._addresses_for:
                rules.fade(now - self._addresses_for)
        self._look_again(every)

    def _look_again(self, seconds: float) -> None:
        if not self._server.stopping:
            self._expiring = self._wait(seconds, self.expiring)

    async def _doubts(self, now: int, wait: float) -> float:
        """For how many seconds the clock may still be wrong: what it has told for `wait` is believed."""
        elapsed, stood = self._server.clock.seconds(), 0.0
        if self._looked is None:
            self._looked, stood = await self._known(now, wait)
        if abs(now - self._looked) > CLOCK_DOUBTED:
            if self._doubted_until is None:
                self._doubted_until = elapsed + wait - stood
                self._log.warn(
                    "the clock is {days} days from where it was last: what is too old goes in {hours} h, if it still is then",
                    days=round(abs(now - self._looked) / DAY),
                    hours=round((wait - stood) / 3600, 1),
                )
            if elapsed < self._doubted_until:
                return self._doubted_until - elapsed
        self._looked, self._doubted_until = now, None
        return 0.0

    async def _known(self, now: int, wait: float) -> tuple[int, float]:
        """Where the clock was before, by what the logs tell, and for how many seconds it has been where it is now. From one
        entry of the server's own log to the one before: where its time leaps, or that of this start does, it was set, for
        better or worse. That of this start itself is as old as now, and tells nothing."""
        storage, newer, position = self._server.storage, now, None
        while entries := await storage.read(SERVER_LOG, before=position, limit=READ_AT_ONCE):
            for entry in reversed(entries):
                time = entry.event.time
                if abs(newer - time) > CLOCK_DOUBTED:
                    talked = await self._talked(now, wait)
                    return (now, 0.0) if talked else (time, max(0.0, (now - newer) / 1000))
                if now - time >= wait * 1000:
                    return now, 0.0
                newer = time
            position = entries[0].position
        return now, 0.0

    async def _talked(self, now: int, wait: float) -> bool:
        """Whether something was said in the days before, but not only just now: who talks need not come and go."""
        storage, then = self._server.storage, now - int(wait * 1000)
        for log in [room.log.name for room in self._server.rooms.values()]:
            since = await storage.read(log, after=await storage.place(log, then), limit=1, kinds=HISTORY)
            before = await storage.read(log, before=since[0].position if since else None, limit=1, kinds=HISTORY)
            if any(abs(then - entry.event.time) <= CLOCK_DOUBTED for entry in before):
                return True
        return False

    async def _expire_now(self, now: int) -> NotSaved | None:
        storage = self._server.storage
        if not isinstance(storage, Redactable):
            return None
        try:
            await storage.expire(now - PRESENCE_DAYS * DAY, Sort.PRESENCE)
            if self._addresses_for:
                await storage.fade("address", now - self._addresses_for)
            if self._talk_for:
                await self._expire_talk(storage, now - self._talk_for)
        except NotSaved as why:
            return why
        return None

    async def _expire_talk(self, storage: Redactable, time: int) -> None:
        await storage.expire(time, Sort.TALK)
        inboxes = [person.inbox for person in self._server.people.values() if person.inbox]
        for log in (*(room.log for room in self._server.rooms.values()), *(inbox.log for inbox in inboxes)):
            log.forget(time)

    async def _blank(self, id: str, position: Position) -> None:
        stale, storage = self._server.directory.accounts.stale, self._server.storage
        del stale[id]
        if isinstance(storage, Redactable):
            try:
                await storage.blank("hash", log=SERVER_LOG, by=id, before=position)
            except NotSaved:
                stale.setdefault(id, position)  # unless yet another has come meanwhile
                raise

    async def _amend(self, room: Room) -> None:
        owed = dict(room.owed)
        texts = {position: text for decided in sorted(owed) for position, text in owed[decided].items()}
        if isinstance(self._server.storage, Redactable):
            await self._server.storage.amend(room.log.name, texts)
        done = self._server.event(Kind.ERASED, details={"position": str(max(owed))})
        await self._server.save_surely([(room.log.name, done)])

    async def _forget(self, id: str, nick: str) -> None:
        server = self._server
        self._rename(id, nick)
        if isinstance(server.storage, Redactable):
            await server.storage.rename(id, nick)
            self._rename(id, nick)  # what was read from it meanwhile
            await server.storage.erase(inbox_log(id))
        await server.save_surely([(SERVER_LOG, server.event(Kind.ERASED, id, nick))])

    def _rename(self, id: str, nick: str) -> None:
        """In all logs that are in memory."""
        inboxes = [person.inbox for person in self._server.people.values() if person.inbox]
        for log in [*(room.log for room in self._server.rooms.values()), *(inbox.log for inbox in inboxes)]:
            log.rename(id, nick)
        for rules in (self._server.directory.rules, *(room.rules for room in self._server.rooms.values())):
            rules.rename(id, nick)

    def _later(self, why: NotSaved, again: Callable[[], None]) -> None:
        if not self._server.stopping:
            self._log.warn("what is to be forgotten is still in the storage: {words}", words=why.words)
            self._wait(TIDY_AGAIN, again)

    def _wait(self, seconds: float, again: Callable[[], None]) -> Delayed:
        def due() -> None:
            self._waiting.remove(waiting)
            again()

        waiting = self._server.clock.callLater(seconds, due)
        self._waiting.append(waiting)
        return waiting
