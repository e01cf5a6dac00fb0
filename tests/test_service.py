"""The running server by itself: one that is stopped while its chat is still opening opens nothing any more."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Factory

from chatroom.operations.readiness import Readiness
from chatroom.seams import Storage
from chatroom.service import ChatService, Listener
from chatroom.storage.memory import MemoryStorage

from .chatting import MORNING, SlowStorage, World, chat_of
from .support import LoggedErrors


class Port:
    """Notes what is done with it, and goes only when the test says."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.connected = True

    def stopReading(self) -> None:
        self.did.append("stopReading")

    def startReading(self) -> None:
        self.did.append("startReading")

    def stopListening(self) -> Deferred[None]:
        self.did.append("stopListening")
        self.connected = False
        return succeed(None)

    def getHost(self) -> UNIXAddress:
        return UNIXAddress(b"chat")

    def fileno(self) -> int:
        raise AssertionError("closed")


class Endpoint:
    """Listens when the test says, or at once."""

    def __init__(self, at_once: bool = True) -> None:
        self.port = Port()
        self.listening: Deferred[Any] = Deferred()
        self.asked = 0
        if at_once:
            self.listening.callback(self.port)

    def listen(self, factory: object) -> Deferred[Any]:
        self.asked += 1
        return self.listening


class Serving:
    """A service whose storage opens when the test says."""

    def __init__(self, storage: Storage, control_at_once: bool = True) -> None:
        self.world = World()
        chosen = self.world.chat.settings
        self.chat = chat_of(self.world.clock, lambda: MORNING + self.world.clock.seconds(), "n2.", chosen, None)
        self.line, self.control = Endpoint(), Endpoint(control_at_once)
        self.readiness = Readiness(self.world.clock.seconds)
        clock: Any = self.world.clock
        self.service = ChatService(
            clock,
            self.chat,
            lambda: storage,
            [self._listener("--line", self.line)],
            pytest.fail,
            self._listener("--storage", self.control),
            self.readiness,
            lambda: None,
        )
        self.service.privilegedStartService()
        self.service.startService()
        self.world.settle()

    def _listener(self, option: str, endpoint: Any) -> Listener:
        return Listener(option, "unix:chat", endpoint, Factory(), lambda *_: "")

    def stop(self) -> None:
        stopped: list[object] = []
        self.service.stopService().addCallback(stopped.append)
        self.world.after(10)
        assert stopped

    def check(self) -> None:
        """Nothing is open."""
        self.world.after(10)
        assert self.readiness.why_not() == "stopping"
        assert self.line.port.did == ["stopReading", "stopListening"]
        assert not self.service.opened.called


@pytest.mark.parametrize("reads", range(4))
def test_stopped_while_the_storage_is_read_it_lets_nobody_in(reads: int) -> None:
    storage = SlowStorage()
    storage.slow_reads = True
    serving = Serving(storage)
    for _ in range(reads):
        storage.come_back()
        serving.world.settle()
    assert serving.readiness.why_not() == "starting"
    serving.stop()
    while storage.reads_under_way:
        storage.come_back()
        serving.world.settle()
    serving.check()
    assert serving.control.asked == 0


def test_stopped_while_its_first_entries_are_committed_it_lets_nobody_in() -> None:
    storage = SlowStorage()
    storage.slow = True
    serving = Serving(storage)
    serving.stop()
    while storage.under_way:
        storage.commit()
        serving.world.settle()
    serving.check()
    assert serving.control.asked == 0


def test_stopped_while_the_socket_of_chatroomctl_is_opened_that_is_closed_again() -> None:
    serving = Serving(MemoryStorage(), control_at_once=False)
    assert serving.control.asked == 1
    serving.stop()
    serving.control.listening.callback(serving.control.port)
    serving.check()
    assert serving.control.port.did == ["stopListening"]


def test_a_storage_that_was_closed_while_it_was_read_is_no_fault(logged: LoggedErrors) -> None:
    class Closing(MemoryStorage):
        reading: Deferred[Any] = Deferred()

        def read(self, log: str, **wanted: Any) -> Any:
            return self.reading

    serving = Serving(Closing())
    serving.stop()
    Closing.reading.errback(sqlite3.ProgrammingError("Cannot operate on a closed database."))
    serving.check()
    assert logged.flush() == []
