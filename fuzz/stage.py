"""Where a case is played: a whole server in memory, those whom the case moves, and three who see that all goes well."""

from __future__ import annotations

import gc
import re
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from twisted.logger import LogEvent, LogLevel, eventAsText, globalLogPublisher

from chatroom import journal, kept, log, page, recall
from chatroom.names import room_name
from tests import harm
from tests.chatting import (
    CLIENTS,
    DISK_FULL,
    FailingStorage,
    JsonClient,
    LineClient,
    TextClient,
    World,
)

from .mutation import Case, Step

SMALL: tuple[tuple[ModuleType, str, int], ...] = (
    (page, "PAGE_BYTES", 600),
    (recall, "PAGE_BYTES", 600),
    (page, "PAGE_ENTRIES", 8),
    (log, "PAGES_BYTES", 2000),
    (log, "TAIL_BYTES", 2000),
    (log, "READ_ENTRIES", 3),
    (kept, "TALK_ENTRIES", 4),
    (kept, "TALK_BYTES", 1500),
    (recall, "RECALL_ENTRIES", 3),
    (recall, "FOLDED_ENTRIES", 2),
    (journal, "BATCH_BYTES", 400),
    (journal, "PENDING_BYTES", 800),
)
"""Figures under which few lines cross every border."""

KINDS: dict[bytes, type[LineClient]] = {
    b"text": TextClient,
    b"wrapped": CLIENTS["text through a wrapper"],  # type: ignore[dict-item]
    b"json": JsonClient,
}

LOBBY, DEV = "lobby", "dev"
"""Rooms that there are, and nobody here may open more; the reader is in the first, and the other two are in both."""

EXPECTED = "the storage cannot save"
"""Told of a disk that the case broke; any other error in the log is a finding."""

END = 1000.0
"""Seconds after which nothing of a case goes on: longer than every limit of time."""


class Finding(Exception):
    """Something that must not be."""


def play(case: Case) -> int:
    """Play a case, and return how many bytes were sent; raises Finding."""
    logged: list[LogEvent] = []
    globalLogPublisher.addObserver(logged.append)
    try:
        with figures(case.small):
            stage = Stage(case)
            try:
                stage.play(case.steps)
                stage.end()
            except Exception as error:
                if isinstance(error, Finding):
                    raise
                raise Finding(f"{type(error).__name__}: {error}") from error
        gc.collect()  # a failure that nobody took from its Deferred is logged when the Deferred goes
    finally:
        globalLogPublisher.removeObserver(logged.append)
        for event in logged:
            if is_error(event):
                raise Finding(f"logged: {eventAsText(event)}")
    return stage.sent


def is_error(event: LogEvent) -> bool:
    if event.get("log_failure") or event.get("failure"):
        return True
    level = event.get("log_level")
    return level is not None and level >= LogLevel.error and EXPECTED not in eventAsText(event)


@contextmanager
def figures(small: bool) -> Iterator[None]:
    before = [getattr(module, name) for module, name, _ in SMALL]
    if small:
        for module, name, figure in SMALL:
            setattr(module, name, figure)
    try:
        yield
    finally:
        for (module, name, _), figure in zip(SMALL, before, strict=True):
            setattr(module, name, figure)


class Stage:
    """A server, and who is connected to it."""

    def __init__(self, case: Case) -> None:
        self.sent = 0
        self.storage = FailingStorage()
        self.world = World(storage=self.storage, rooms=[room_name(LOBBY), room_name(DEV)], **case.settings)
        self.world.factory.max_line = case.max_line
        self._people: dict[int, LineClient] = {}
        self._tokens: dict[int, str] = {}
        self._protocols: list[weakref.ref[Any]] = []
        self._at_first = held(self.world)
        self._calls_at_first = calls(self.world)
        self._reader: TextClient = self.world.enter("reader", TextClient)
        self._program: JsonClient = self.world.enter("program", JsonClient)
        self._teller: JsonClient = self.world.enter("teller", JsonClient)
        for program in (self._program, self._teller):
            program.ask("join", room=DEV)
            self.world.after(END)  # however slowly lines are taken
        self._told = 0

    def play(self, steps: list[Step]) -> None:
        for step in steps:
            self._do(step)

    def _do(self, step: Step) -> None:
        somebody = self._people.get(step.who)
        match step.verb:
            case "connect":
                self._connect(step.who, KINDS[step.what])
            case "resume":
                self._resume(step.who)
            case "tell":
                self._told += 1
                self._teller.ask("say", str(self._told), text=f"oracle {self._told}", room=step.what.decode())
            case "wait":
                self.world.after(step.number)
            case "disk":
                self._disturb(step.what)
            case _ if somebody is None:
                pass
            case "send":
                self.sent += len(step.what)
                somebody.send(step.what)
            case "end":
                somebody.end()
            case "hang up":
                somebody.hang_up()
            case "stall":
                somebody.stall()
            case "wake":
                somebody.wake(step.number)

    def _connect(self, who: int, kind: type[LineClient]) -> None:
        if who in self._people:
            self._people[who].hang_up()
        self._people[who] = client = kind(self.world, f"10.0.0.{who % 2}")
        self._protocols.append(weakref.ref(client.transport.protocol))

    def _resume(self, who: int) -> None:
        """Come back with the token of the last welcome, as a program does that lost its connection or believes so."""
        somebody = self._people.get(who)
        if not isinstance(somebody, JsonClient):
            return
        self.world.settle()
        tokens = re.findall(rb'"resume":"([0-9a-f]+)"', somebody.socket.taken)
        before = self._people.pop(who)
        self._connect(who, JsonClient)
        self._people[who].send(b'{"hello": {"resume": "%s"}}\n' % (tokens or [b"x"])[-1])
        self.world.settle()
        before.hang_up()

    def _disturb(self, how: bytes) -> None:
        storage = self.storage
        match how:
            case b"breaks":
                storage.break_down(DISK_FULL)
                while storage.under_way:
                    storage.fail(DISK_FULL)
            case b"recovers":
                storage.recover()
            case b"is slow" if not storage.failing:
                storage.slow = True
            case b"commits" if storage.under_way:
                storage.commit()
            case b"is quick" if not storage.failing:
                storage.slow = False
                self._commit_all()
            case b"reads slowly":
                storage.slow_reads = True
            case b"comes back" if storage.reads_under_way:
                storage.come_back()
            case b"reads at once":
                storage.slow_reads = False
                self._read_all()

    def _commit_all(self) -> None:
        while self.storage.under_way:
            self.storage.commit()
            self.world.settle()

    def _read_all(self) -> None:
        while self.storage.reads_under_way:
            self.storage.come_back()
            self.world.settle()

    # What must be at the end

    def end(self) -> None:
        self.world.settle()
        self.storage.recover()
        self.storage.slow_reads = False
        self._commit_all()
        self._read_all()
        for somebody in self._people.values():
            somebody.wake()
            somebody.hang_up()
        self.world.after(END)
        self._check_what_was_told()
        for oracle in (self._reader, self._program, self._teller):
            oracle.quit()
        self.world.after(END)
        self._check_that_nothing_is_left()

    def _check_what_was_told(self) -> None:
        """Every number that the teller said was saved and shown once and in order to everyone in that room, and to nobody
        else; or refused."""
        lines = self._teller.told()
        shown = {room: said(lines, room) for room in (LOBBY, DEV)}
        refused = [int(line["id"]) for line in lines if "refused" in line]
        expect("answers to the teller", sorted([*shown[LOBBY], *shown[DEV], *refused]), list(range(1, self._told + 1)))
        for room, numbers in shown.items():
            expect(f"what the teller is shown of {room}", numbers, sorted(numbers))
            expect(f"what the program is shown of {room}", said(self._program.told(), room), numbers)
            before = len(self._program.told())
            self._program.ask("history", limit=999999, room=room)
            self.world.after(END)
            recalled = self._program.told()[before:]
            expect(f"what the history tells of {room}", said(recalled, room), numbers)
            expect("what that tells of other rooms", [line for line in recalled if line.get("room", room) != room], [])
        told = re.findall(r"^teller: (.*)\r$", self._reader.text(), re.MULTILINE)
        expect("what the reader is shown", told, [f"oracle {n}" for n in shown[LOBBY]])
        self._reader.line("/history 999999")
        recalled = re.findall(r"^\[.{16}\] teller: (.*)\r$", self._reader.text(), re.MULTILINE)
        expect("what the history tells", recalled, told)
        expect("what harms the reader's terminal", harm.in_text(self._reader.socket.taken), [])
        expect("what harms programs", harm.in_json(self._program.socket.taken), [])
        expect("that the oracles stay", [self._reader.gone, self._program.gone, self._teller.gone], [False] * 3)

    def _check_that_nothing_is_left(self) -> None:
        world = self.world
        expect("what the chat holds", held(world), self._at_first)
        expect("calls that are still to come", calls(world), self._calls_at_first)
        self._people.clear()
        gc.collect()
        expect("connections that stay in memory", [ref() for ref in self._protocols if ref() is not None], [])


def said(lines: list[dict[str, Any]], room: str) -> list[int]:
    """Which numbers of the teller these lines tell, in a room."""
    by_teller = [line for line in lines if line.get("nick") == "teller" and line.get("event") == "said"]
    return [int(line["text"].removeprefix("oracle ")) for line in by_teller if line["room"] == room]


def calls(world: World) -> list[object]:
    """What is still to be called."""
    return [call.func for call in world.clock.getDelayedCalls()]


def expect(what: str, is_: object, should_be: object) -> None:
    if is_ != should_be:
        raise Finding(f"{what}: {is_!r}, not {should_be!r}")


COLLECTIONS = dict, list, set, deque
BOUNDED = {"_tail", "_batches", "_pages"}
"""Of a log, what is kept whoever is there."""


def held(world: World) -> dict[str, int]:
    """How much of everything the server holds."""
    chat = world.chat
    holders = [chat, chat.directory, chat.connections, chat.journal, world.turns, world.factory, world.factory.pulse]
    for room in chat.rooms.values():
        holders += room, room.log, room.members
    sizes = {}
    for holder in holders:
        for name in getattr(holder, "__slots__", None) or vars(holder):
            kept = getattr(holder, name, None)
            if isinstance(kept, COLLECTIONS) and not (holder.__class__ is log.Log and name in BOUNDED):
                of_each = kept.values() if name == "_live" else ()  # type: ignore[union-attr]
                sizes[f"{holder.__class__.__name__}.{name}"] = sum(map(len, of_each)) if name == "_live" else len(kept)
    return sizes
