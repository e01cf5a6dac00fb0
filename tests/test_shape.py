"""What speed rests on, as a shape and not as a time: what is done once stays done once, however many read."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from twisted.internet.defer import Deferred, ensureDeferred

from chatroom.event import Entry, Event, Kind
from chatroom.journal import Journal
from chatroom.log import Log
from chatroom.page import PAGE_BYTES, Reader
from chatroom.protocols.outlet import DirectOutlet
from chatroom.seams import Batch
from chatroom.storage.memory import MemoryStorage
from chatroom.wire.json import JsonFormat
from chatroom.wire.text import TEXT, TextFormat
from tests.support import Fails

from .chatting import Client, JsonClient, SlowStorage, Socket, TextClient, World

FEW, MANY = 10, 1000


def crowd(world: World, people: int, client: type[Client] = TextClient) -> list[Any]:
    """People in the room who have been shown all that happened before, and who goes with them."""
    everybody = [world.connect(client=client) for _ in range(people)]
    for number, somebody in enumerate(everybody):
        somebody.enter(f"p{client.__name__}{number}")
    world.settle()
    return everybody


def counted(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> list[Any]:
    """From now on, the arguments of every call of a method, the object first."""
    calls: list[Any] = []
    method: Callable[..., Any] = getattr(owner, name)

    def call(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        return method(*arguments, **named)

    monkeypatch.setattr(owner, name, call)
    return calls


@pytest.fixture
def sends(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Socket, bytes]]:
    """The socket and the bytes of each system call that would send something."""
    return counted(monkeypatch, Socket, "send")


@pytest.fixture
def renders(monkeypatch: pytest.MonkeyPatch) -> list[type]:
    """The format of each page that is rendered."""
    formats: list[type] = []
    for format in (TextFormat, JsonFormat):

        def render(
            self: Any, log: str, entries: Sequence[Entry], original: Callable[..., list[bytes]] = format.render
        ) -> list[bytes]:
            formats.append(type(self))
            return original(self, log, entries)

        monkeypatch.setattr(format, "render", render)
    return formats


# Rendered once


@pytest.mark.parametrize("readers", [FEW, MANY])
def test_a_page_is_rendered_once_however_many_read_it(renders: list[type], readers: int) -> None:
    world = World()
    speaker, *_ = crowd(world, readers)
    renders.clear()
    speaker.send(b"one\ntwo\nthree\n")
    world.settle()
    assert renders == [TextFormat]


def test_a_page_is_rendered_once_for_each_format(renders: list[type]) -> None:
    world = World()
    speaker, *_ = crowd(world, FEW)
    crowd(world, FEW, JsonClient)
    renders.clear()
    speaker.say("hi")
    world.settle()
    assert sorted(renders, key=repr) == [JsonFormat, TextFormat]


@pytest.mark.parametrize(("here", "format"), [(TextClient, TextFormat), (JsonClient, JsonFormat)])
def test_nothing_is_rendered_for_a_format_in_which_nobody_reads(
    renders: list[type], here: type[Client], format: type
) -> None:
    world = World(grace=0)
    speaker, *_ = crowd(world, FEW, here)
    left = crowd(world, FEW, JsonClient if here is TextClient else TextClient)
    for somebody in left:
        somebody.hang_up()
    world.after(1)
    renders.clear()
    speaker.say("hi")
    world.settle()
    assert renders == [format]


def test_who_falls_behind_is_shown_the_pages_that_were_rendered_for_others(renders: list[type]) -> None:
    world = World()
    speaker, listener, *sleepers = crowd(world, FEW)
    for sleeper in sleepers:
        sleeper.stall()
    for text in ("one", "two", "three"):
        speaker.say(text)
        world.settle()
    assert renders.count(TextFormat) > 0
    renders.clear()
    for somebody in (listener, *sleepers):
        somebody.wake()
        assert somebody.heard("said")[-1][-1] == "three"
    assert renders == []


# Committed together


def test_one_commit_is_under_way_at_a_time_and_what_comes_meanwhile_is_the_next() -> None:
    storage = SlowStorage()
    world = World(storage=storage)
    people = crowd(world, FEW)
    storage.slow = True
    storage.batches.clear()
    for somebody in people:
        somebody.say("hi")
        world.settle()
        assert storage.under_way == 1
    assert [len(batch) for batch in storage.batches] == [1]
    storage.commit()
    world.settle()
    assert [len(batch) for batch in storage.batches] == [1, FEW - 1]


def test_what_comes_in_one_turn_is_given_to_the_storage_at_once() -> None:
    storage = SlowStorage()
    world = World(storage=storage)
    people = crowd(world, FEW)
    storage.batches.clear()
    for somebody in people:
        somebody.send(b"one\ntwo\n")
    world.settle()
    assert [len(batch) for batch in storage.batches] == [2 * FEW]


def test_lines_that_come_together_are_one_group(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    speaker, *_ = crowd(world, FEW)
    groups = counted(monkeypatch, Journal, "append")
    speaker.send(b"hello\n" * 500)
    world.settle()
    assert [len(events) for _, events, _ in groups] == [500]


# Sent once


@pytest.mark.parametrize("readers", [FEW, MANY])
def test_a_batch_is_sent_once_to_each_who_is_not_its_only_author(
    sends: list[tuple[Socket, bytes]], readers: int
) -> None:
    world = World()
    speaker, other, *_ = everybody = crowd(world, readers)
    assert isinstance(speaker.transport.protocol._outlet, DirectOutlet)
    sends.clear()
    speaker.send(b"one\ntwo\n")
    world.settle()
    assert {id(socket) for socket, _ in sends} == {id(each.socket) for each in everybody if each is not speaker}
    assert len(sends) == readers - 1
    sends.clear()
    speaker.send(b"one\ntwo\n")
    other.send(b"three\n")
    world.settle()
    assert len(sends) == readers


def test_who_wrote_nothing_is_given_the_very_same_bytes(sends: list[tuple[Socket, bytes]]) -> None:
    world = World()
    speaker, other, *readers = crowd(world, MANY)
    sends.clear()
    speaker.say("hi")
    other.say("ho")
    world.settle()
    sockets = {id(reader.socket) for reader in readers}
    given = [data for socket, data in sends if id(socket) in sockets]
    assert len(given) == len(readers)
    assert all(data is given[0] for data in given)


# Nothing for each reader or message


def deferreds(monkeypatch: pytest.MonkeyPatch, readers: int, said: bytes) -> int:
    world = World()
    speaker, *_ = crowd(world, readers)
    with monkeypatch.context() as while_said:
        made = counted(while_said, Deferred, "__init__")
        speaker.send(said)
        world.settle()
    return len(made)


def test_no_deferred_is_made_for_each_reader_or_message(monkeypatch: pytest.MonkeyPatch) -> None:
    once = deferreds(monkeypatch, FEW, b"hi\n")
    assert 0 < once < FEW
    assert deferreds(monkeypatch, MANY, b"hi\n") == once
    assert deferreds(monkeypatch, FEW, b"hi\n" * 100) == once


class Nowhere:
    """A connection that takes everything and keeps nothing."""

    full = False

    def write(self, data: bytes) -> None: ...


def peak(readers: int, batch: Batch) -> int:
    """The most bytes that were in use at once beyond those before, while a batch was committed and shown."""
    storage = MemoryStorage()
    log = Log("#lobby", storage, lambda entries: None)
    ensureDeferred(log.open())
    for number in range(readers):
        log.advance(Reader(log, log.tip, TEXT, Nowhere(), f"{number}", echo=False, owner=Fails()))
    storage.append(batch)  # what is made only once
    tracemalloc.start()
    try:
        storage.append(batch)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class Failed(Exception):
    """Nobody's connection fails here."""


def test_a_reader_costs_no_memory_while_it_is_shown_something_but_its_place_in_the_loop() -> None:
    batch = [("#lobby", Event(Kind.SAID, 0, f"n1.{number}", "a", "alice", "x" * 60)) for number in range(100)]
    place = tuple(range(MANY)).__sizeof__() - tuple(range(FEW)).__sizeof__()
    assert peak(MANY, batch) - peak(FEW, batch) < place + 1024


# Who stalls


def test_who_stalls_keeps_one_page_pending_at_most() -> None:
    world = World()
    speaker, sleeper, *_ = crowd(world, FEW)
    sleeper.stall()
    for _ in range(50):
        speaker.send(b"x" * 999 + b"\n" + b"y" * 999 + b"\n")
        speaker.send((b"z" * 99 + b"\n") * 200)
        world.settle()
        transport = sleeper.transport
        pending = len(transport.dataBuffer) - transport.offset + sum(map(len, transport._tempDataBuffer))
        assert 0 < pending <= PAGE_BYTES
    sleeper.wake()
    assert len(sleeper.heard("said")) == 50 * 202
