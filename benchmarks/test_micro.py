"""What each step of a line's way through the server takes, by itself: `make microbench`. The kernel has no part in it, but
where a name says so; where many are done at once, their number stands in the name, and the time is that of all."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from twisted.internet.defer import Deferred, ensureDeferred, succeed

from chatroom.event import Entry, Event, Kind
from chatroom.log import Log
from chatroom.names import nickname
from chatroom.naming import enter
from chatroom.page import Page, Reader
from chatroom.protocols.outlet import DirectOutlet
from chatroom.seams import Format
from chatroom.storage.memory import MemoryStorage
from chatroom.storage.sqlite_file import DatabaseFile
from chatroom.storage.sqlite_schema import values
from chatroom.storage.sqlite_writer import Writer
from chatroom.text import clean
from chatroom.wire.json import JSON
from chatroom.wire.text import TEXT
from tests.chatting import TextClient, World
from tests.support import Fails

ROOM = "#lobby"
READERS = 1000
AUTHORS = 10
TEXTS = {
    "ascii": "the quick brown fox jumps over the lazy dog and runs away, again",
    "cyrillic": "съешь же ещё этих мягких французских булок, да выпей чаю сейчас!",
    "emoji": "the quick brown fox 🦊 jumps over the lazy dog 🐕 and runs away 👩\u200d🚀",
}


def said(number: int, text: str = TEXTS["ascii"]) -> Event:
    author = number % AUTHORS
    return Event(
        Kind.SAID, 1_795_165_920_000, f"0123456789ab{number:x}", f"0123456789ab{author}", f"user{author}", text
    )


def entries(size: int) -> list[Entry]:
    return [Entry(number + 1, said(number)) for number in range(size)]


# A line comes in


class Journal:
    """Takes everything and keeps nothing, so that what comes before the commit is measured alone."""

    full = False

    def append(self, events: object, told: object) -> int:
        return 0

    def settled(self, appended: int | None = None) -> Deferred[None]:
        return succeed(None)


@pytest.fixture
def speaker() -> TextClient:
    """Somebody in the room, of whom nothing is kept."""
    world = World()
    client: TextClient = world.enter("alice")
    journal: Any = Journal()
    world.chat.journal = journal
    return client


@pytest.mark.parametrize("lines", [1, 100])
@pytest.mark.parametrize("text", ["ascii", "cyrillic"])
def test_take_in_lines(benchmark: BenchmarkFixture, speaker: TextClient, text: str, lines: int) -> None:
    benchmark.group = "in: lines in one piece, up to the journal (ASCII is taken together, others one by one)"
    data = f"{TEXTS[text]}\r\n".encode() * lines
    benchmark(speaker.transport.protocol.dataReceived, data)


@pytest.mark.parametrize("text", TEXTS)
def test_clean(benchmark: BenchmarkFixture, text: str) -> None:
    benchmark.group = "in: what a line may hold"
    benchmark(clean, TEXTS[text])


@pytest.mark.parametrize("name", ["alice", "Some_longer-name42", "Вера"], ids=["short", "long", "cyrillic"])
def test_nickname(benchmark: BenchmarkFixture, name: str) -> None:
    benchmark.group = "in: a nickname"
    benchmark(nickname, name)


# It becomes an event, and a row


def test_event(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "event"
    benchmark(World().chat.event, Kind.SAID, "0123456789ab1", "user1", TEXTS["ascii"])


def test_events_of_100_lines(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "event"
    benchmark(World().chat.talk, "0123456789ab1", "user1", [TEXTS["ascii"]] * 100)


def test_row(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "event"
    benchmark(values, 1, 1, said(0))


@pytest.mark.parametrize("rows", [1, 10, 100, 1000])
def test_commit(benchmark: BenchmarkFixture, tmp_path: Path, rows: int) -> None:
    benchmark.group = "commit: rows to SQLite, synchronous=NORMAL, with the kernel's part"
    file = DatabaseFile(str(tmp_path / "chatroom.db"), "process")
    batch = [(ROOM, said(number)) for number in range(rows)]
    with closing(Writer(file)) as writer:
        benchmark(writer.commit, batch)
    file.release()


# It goes out


@pytest.mark.parametrize("size", [1, 500])
@pytest.mark.parametrize("format", [TEXT, JSON], ids=["text", "json"])
def test_render(benchmark: BenchmarkFixture, format: Format, size: int) -> None:
    benchmark.group = "out: rendering a page of lines"
    benchmark(format.render, ROOM, entries(size))


class Rendered:
    """A format that takes no time."""

    def __init__(self, page: Sequence[Entry]) -> None:
        self._pieces = TEXT.render(ROOM, page)

    def render(self, log: str, page: Sequence[Entry]) -> list[bytes]:
        return self._pieces


@pytest.mark.parametrize("size", [1, 500])
def test_spans(benchmark: BenchmarkFixture, size: int) -> None:
    benchmark.group = "out: whose words stand where in a page of lines"
    page = entries(size)
    benchmark(Page, ROOM, page, Rendered(page))


def test_page_of_500_without_the_words_of_one(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "out: whose words stand where in a page of lines"
    benchmark(Page(ROOM, entries(500), TEXT).without, said(0).by)


class Transport:
    """Of a connection, what a DirectOutlet asks of it; all that is sent is taken."""

    def __init__(self) -> None:
        self.socket = self

    def registerProducer(self, producer: object, streaming: bool) -> None: ...

    def send(self, data: bytes) -> int:
        return len(data)


def wake_all(log: Log, session: Any) -> None:
    for number in range(READERS):
        transport: Any = Transport()
        outlet = DirectOutlet(transport, session, session)
        outlet.start()
        log.advance(Reader(log, log.tip, TEXT, outlet, f"{number}", echo=False, owner=Fails()))


def test_wake_1000_readers(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "out: waking readers"
    storage = MemoryStorage()
    log = Log(ROOM, storage, lambda _: None)
    ensureDeferred(log.open())
    wake_all(log, None)
    batch = [(ROOM, said(0))]
    benchmark(storage.append, batch)


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of one over loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    with ours, theirs:
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield ours, theirs


def test_send_one_line(benchmark: BenchmarkFixture, connection: tuple[socket.socket, socket.socket]) -> None:
    benchmark.group = "out: the kernel's part in waking a reader"
    ours, theirs = connection
    line = TEXT.render(ROOM, entries(1))[0]
    ours.send(line)
    benchmark.pedantic(ours.send, (line,), setup=lambda: theirs.recv(1 << 16) and None, rounds=5000)


# Somebody comes in


def test_enter_a_room_of_1000(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "join: to connect, enter and be seen by all"
    world = World()
    chat, room = world.chat, world.chat.rooms["lobby"]
    for number in range(READERS):
        id = chat.new_id()
        ensureDeferred(enter(chat, id, nickname(f"u{number}"), (room,), id, ""))
    world.settle()
    wake_all(room.log, None)
    numbers = count()
    here: list[TextClient] = []

    def make_room() -> None:
        while here:
            here.pop().hang_up()

    def come() -> None:
        here.append(world.connect())
        here[0].line(f"guest{next(numbers)}")
        world.settle()

    benchmark.pedantic(come, setup=make_room, rounds=100, warmup_rounds=5)
    assert here[0].lines()[-1].startswith("* You are guest")
