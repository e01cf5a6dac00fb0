"""Limits that no other suite crosses; docs/limits.md names the test of each."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorPluggableNameResolver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from zope.interface import alsoProvides

from chatroom import service
from chatroom.client.address import CONNECT_TIMEOUT, NEXT_ADDRESS, address
from chatroom.client.connection import LONGEST_LINE, ServerLines
from chatroom.commands import private
from chatroom.commands.history import HISTORY
from chatroom.commands.people import AWAY_LONGEST
from chatroom.device import DEVICES
from chatroom.event import Entry, Event, Kind
from chatroom.log import Log
from chatroom.names import ROOM_LONGEST, room_name
from chatroom.operations.readiness import Readiness
from chatroom.operations.values import whole
from chatroom.page import PAGE_ENTRIES, Reader
from chatroom.passwords import LONGEST, SHORTEST
from chatroom.protocols import line
from chatroom.protocols.proxied import HEADER_TIMEOUT, _ProxiedFactory
from chatroom.protocols.tcp import LOOK_AGAIN, LOOKS_APART, Pulse
from chatroom.recall import FOLDED_ENTRIES
from chatroom.request import Refused
from chatroom.seams import NotSaved
from chatroom.storage import sqlite_file
from chatroom.storage.memory import MemoryStorage
from chatroom.storage.sqlite import SqliteStorage
from chatroom.wire.text import TEXT

from .chatting import SlowStorage, Socket, World
from .support import Fails, bounded
from .test_folds import tea_room


def event(kind: Kind, number: int, text: str = "") -> Event:
    return Event(kind, 1, f"e{number}", f"by{number}", f"nick{number}", text)


# What may be sent, and who may come in


def test_a_room_has_a_name_of_so_many_characters() -> None:
    assert room_name("x" * ROOM_LONGEST).shown == "x" * ROOM_LONGEST
    with pytest.raises(Refused) as refused:
        room_name("x" * (ROOM_LONGEST + 1))
    assert refused.value.words == "a room's name has at most 50 characters, and this one has 51"
    alice = World().register("alice")
    alice.line(f"/join {'x' * (ROOM_LONGEST + 1)}")
    assert alice.lines()[-1] == f"! {refused.value.words}"


def test_a_password_has_so_many_characters() -> None:
    world = World()
    alice, bob = world.enter_all("alice", "bob")
    alice.line(f"/register {'x' * (SHORTEST - 1)}")
    assert alice.lines()[-1] == f"! a password has at least {SHORTEST} characters"
    alice.line(f"/register {'x' * SHORTEST}")
    assert "alice is your own now" in alice.lines()[-1]
    bob.line(f"/register {'x' * (LONGEST + 1)}")
    assert bob.lines()[-1] == f"! a password has 1 to {LONGEST} characters, none of them a control character"
    bob.line(f"/register {'x' * LONGEST}")
    assert "bob is your own now" in bob.lines()[-1]


def test_an_account_is_here_on_so_many_devices() -> None:
    world = World()
    first = world.enter("alice")
    first.line("/register correct horse")
    world.settle()
    devices = [world.connect() for _ in range(DEVICES)]
    for device in devices:
        device.line("/login alice correct horse")
    assert [device.lines()[-1].startswith("* You are alice, ") for device in devices] == [True] * (DEVICES - 1) + [
        False
    ]
    assert devices[-1].lines()[-1] == f"! alice is here on {DEVICES} devices already, the most there can be"
    first.line("/quit")
    world.settle()
    devices[-1].line("/login alice correct horse")
    assert devices[-1].lines()[-1].startswith("* You are alice, ")


def test_one_ignores_so_many_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private, "IGNORED", 2)
    world = World()
    alice, *_ = world.enter_all("alice", "bob", "carol", "dave")
    for nick in ("bob", "carol", "carol", "dave"):
        alice.line(f"/ignore {nick}")
    assert alice.lines()[-2:] == [
        "* you read nothing more of carol",
        "! you ignore 2 people already, the most there can be",
    ]


def test_who_wrote_last_is_looked_for_among_so_many_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private, "REPLY_ENTRIES", 3)
    world = World()
    alice, bob = world.enter_all("alice", "bob")
    alice.line("/register correct horse")
    bob.line("/msg alice hello")
    world.settle()
    for own in (2, 3):
        alice.line("/quit")
        world.settle()
        alice = world.connect()  # what came while one is here is remembered longer
        alice.line("/login alice correct horse")
        for number in range(own - 1):
            alice.line(f"/msg bob {number}")
        alice.line(f"/reply {own}")
        bob.heard()
        assert (bob.lines()[-1] == f"alice -> you: {own}") == (own == 2)
    assert alice.lines()[-1] == "! nobody has written to you lately"


def test_why_one_is_away_has_so_many_characters() -> None:
    alice = World().enter("alice")
    alice.line(f"/away {'x' * (AWAY_LONGEST + 1)}")
    assert alice.lines()[-1] == f"! why you are away has at most {AWAY_LONGEST} characters"
    alice.line(f"/away {'x' * AWAY_LONGEST}")
    assert alice.lines()[-1] == f"* alice is away ({'x' * AWAY_LONGEST})"


def test_no_longer_lines_can_be_allowed_than_fit() -> None:
    assert whole(1, line.LONGEST_LINE)("1048576") == line.LONGEST_LINE
    with pytest.raises(ValueError, match="is not a whole number from 1 to 1048576"):
        whole(1, line.LONGEST_LINE)("1048577")


def test_so_many_connections_may_wait_to_be_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "BACKLOG", 7)
    waiting = [socket.socket(socket.AF_UNIX) for _ in range(20)]
    with socket.socket(socket.AF_UNIX) as port:
        port.bind(str(tmp_path / "port"))
        port.listen(2)
        service._lengthen_backlog(port)
        tried = [somebody.setblocking(False) or somebody.connect_ex(port.getsockname()) for somebody in waiting]  # type: ignore[func-returns-value]
    assert tried.count(0) in (7, 8)  # Linux counts from 0
    for somebody in waiting:
        somebody.close()


def test_a_proxy_that_sends_no_header_is_let_go() -> None:
    clock, told = Clock(), list[str]()
    factory = _ProxiedFactory(Factory.forProtocol(Protocol), (), lambda address, refused: told.append(refused.code))
    connection: Any = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
    connection.callLater = clock.callLater
    transport = StringTransport()
    transport.abortConnection = transport.loseConnection  # type: ignore[method-assign]
    connection.makeConnection(transport)
    clock.advance(HEADER_TIMEOUT - 0.1)
    connection.dataReceived(b"PROXY TC")
    assert not transport.disconnecting
    clock.advance(0.1)
    assert transport.disconnecting
    assert told == ["no_proxy_header"]


# Who is gone


class Looked:
    """A transport that notes when somebody looks whether its other side is there."""

    def __init__(self, clock: Clock) -> None:
        self.socket: Any = Socket()
        self.at: list[float] = []
        self.socket.getsockopt = lambda level, option, size: self.at.append(clock.seconds()) or bytes(size)  # type: ignore[func-returns-value]


def test_connections_are_looked_at_in_rounds() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    connections = []
    for _ in range(200):
        connections.append(Looked(clock))
        pulse.watch(connections[-1])
        clock.advance(LOOKS_APART / 10)
    clock.pump([LOOKS_APART / 10] * int(3 * LOOK_AGAIN / LOOKS_APART * 10))
    rounds = sorted({at for connection in connections for at in connection.at})
    assert len(rounds) > 10
    assert min(later - sooner for sooner, later in pairwise(rounds)) > LOOKS_APART * 0.999
    assert all(2 <= len(connection.at) <= 3 for connection in connections)


# What is shown, kept and read


def test_history_without_a_number_shows_so_many_lines() -> None:
    alice = World().enter("alice")
    for number in range(HISTORY + 5):
        alice.say(f"line {number}")
    alice.heard()
    alice.line("/history")
    assert [one[-1] for one in alice.heard("recalled")] == [f"line {number}" for number in range(5, HISTORY + 5)]


class Pages:
    """A connection that remembers in what pieces it was written to."""

    full = False

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


def test_a_page_has_so_many_entries() -> None:
    storage, pages = MemoryStorage(), Pages()
    log = Log("#tea", storage, lambda entries: None)
    ensureDeferred(log.open())
    reader = Reader(log, log.tip, TEXT, pages, "me", False, Fails())
    storage.append([("#tea", event(Kind.SAID, number, "x")) for number in range(PAGE_ENTRIES + 1)])
    log.advance(reader)
    assert [page.count(b"\n") for page in pages.written] == [PAGE_ENTRIES, 1]


class CountingStorage(MemoryStorage):
    """Notes how many entries each read gave."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[int] = []

    def read(self, log: str, **wanted: Any) -> Deferred[list[Entry]]:
        def note(entries: list[Entry]) -> list[Entry]:
            self.given.append(len(entries))
            return entries

        return super().read(log, **wanted).addCallback(note)


def test_a_start_reads_who_came_and_went_however_many() -> None:
    storage = CountingStorage()
    joined = [("#tea", event(Kind.JOINED, number)) for number in range(FOLDED_ENTRIES + 3)]
    storage.append([("#tea", event(Kind.STARTED, 0)), *joined])
    tea = tea_room(storage)
    ensureDeferred(tea.open())
    assert len(tea.members.nicks) == len(joined)
    assert storage.given[:5] == [0, 1, FOLDED_ENTRIES, 3, 0]  # first what was decided: nothing


# SQLite


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteStorage]:
    from twisted.internet import reactor

    storage = SqliteStorage(str(tmp_path / "chat.db"), reactor=reactor)
    yield storage
    pytest_twisted.blockon(storage.close())


@bounded(20)
async def test_another_program_that_writes_is_waited_for_so_long(
    sqlite: SqliteStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = sqlite_file.DatabaseFile(str(tmp_path / "other.db"), "power")
    for connection in (file.writer(), file.reader()):
        with closing(connection):
            assert connection.execute("PRAGMA busy_timeout").fetchone() == (1000 * sqlite_file._BUSY_SECONDS,)
    file.release()
    monkeypatch.setattr(sqlite_file, "_BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(NotSaved, match=r"^another program has locked the database$"):
            await sqlite.append([("#tea", event(Kind.SAID, 1, "x"))])
        shell.execute("ROLLBACK")
        await sqlite.append([("#tea", event(Kind.SAID, 2, "y"))])


@bounded(60)
async def test_the_write_ahead_log_is_copied_and_cut_back(sqlite: SqliteStorage, tmp_path: Path) -> None:
    def size(file: str) -> int:
        return os.path.getsize(tmp_path / file)

    pages = sqlite_file._CHECKPOINT_PAGES
    await sqlite.append([("#tea", event(Kind.SAID, 0, "x" * (4096 * pages // 2)))])
    assert size("chat.db") < 4096 * pages // 2  # not copied yet
    await sqlite.append([("#tea", event(Kind.SAID, 1, "x" * 4096 * pages))])
    assert size("chat.db") > 4096 * pages
    await sqlite.append([("#tea", event(Kind.SAID, 2, "x" * (sqlite_file._WAL_BYTES + 1)))])
    assert size("chat.db-wal") > sqlite_file._WAL_BYTES
    await sqlite.append([("#tea", event(Kind.SAID, 3, "x"))])
    assert size("chat.db-wal") <= sqlite_file._WAL_BYTES


# When the server stops


def test_the_server_stops_in_time_though_the_disk_and_a_reader_do_not() -> None:
    storage = SlowStorage()
    world = World(storage=storage)
    alice, bob = world.enter_all("alice", "bob")
    serving = service.ChatService(
        world.clock, world.chat, lambda: storage, [], pytest.fail, None, Readiness(float), lambda: None
    )
    serving._storage = storage
    bob.stall()
    storage.slow = True
    alice.say("never saved")
    stopped: list[object] = []
    serving.stopService().addCallback(stopped.append)
    world.after(service.FAREWELL_TIMEOUT + service.FLUSH_TIMEOUT - 0.01)
    assert not stopped
    world.after(0.01)
    assert stopped
    storage.commit()  # too late, and no harm
    world.settle()


class HangingStorage(MemoryStorage):
    """A storage that never closes."""

    def close(self) -> Deferred[None]:
        return Deferred()


def test_a_storage_that_does_not_close_keeps_the_server_no_longer() -> None:
    storage = HangingStorage()
    world = World(storage=storage)
    serving = service.ChatService(
        world.clock, world.chat, lambda: storage, [], pytest.fail, None, Readiness(float), lambda: None
    )
    serving._storage = storage
    stopped: list[object] = []
    serving.stopService().addCallback(stopped.append)
    world.after(service.CLOSE_TIMEOUT - 0.01)
    assert not stopped
    world.after(0.01)
    assert stopped


# The client


class TwoAddresses:
    """A host that has two, neither of which answers."""

    def resolveHostName(self, receiver: Any, name: str, portNumber: int, **more: object) -> Any:
        receiver.resolutionBegan(None)
        receiver.addressResolved(IPv6Address("TCP", "::1", portNumber))
        receiver.addressResolved(IPv4Address("TCP", "127.0.0.1", portNumber))
        receiver.resolutionComplete()


def test_the_client_tries_a_host_so_long_and_its_next_address_so_soon() -> None:
    reactor: Any = MemoryReactorClock()
    alsoProvides(reactor, IReactorPluggableNameResolver)
    reactor.nameResolver = TwoAddresses()
    connecting: Any = address(reactor, "there:6000").endpoint.connect(Factory.forProtocol(Protocol))
    connecting.addErrback(lambda failure: None)
    reactor.advance(NEXT_ADDRESS * 0.9)
    assert [host for host, *_ in reactor.tcpClients] == ["::1"]
    reactor.advance(NEXT_ADDRESS * 0.2)
    assert [(host, timeout) for host, _, _, timeout, _ in reactor.tcpClients] == [
        ("::1", CONNECT_TIMEOUT),
        ("127.0.0.1", CONNECT_TIMEOUT),
    ]
    connecting.cancel()


class Nobody:
    """Takes whatever it is told."""

    def __getattr__(self, name: str) -> Any:
        return lambda *told: self.__dict__.setdefault("told", []).append((name, *told))


def test_a_server_whose_lines_do_not_end_is_left() -> None:
    nobody: Any = Nobody()
    lines, transport = ServerLines(nobody, nobody), StringTransport()
    lines.makeConnection(transport)
    lines.dataReceived(b"{" + b" " * (LONGEST_LINE - 2) + b"}\n")
    assert not transport.disconnecting
    lines.dataReceived(b"x" * (LONGEST_LINE + 1))
    assert transport.disconnecting
    assert [len(told[1]) for told in nobody.told if told[0] == "received"] == [LONGEST_LINE]
