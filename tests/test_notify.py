"""What a service manager is told, and when; it is a real socket at which the test listens in its place."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from chatroom.operations.notify import START_INTERVAL, STATUS_INTERVAL, Notify, Supervisor, from_environment

from .support import LoggedErrors

WATCHDOG = 30.0


class ServiceManager:
    """Hears what is sent to it."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self.socket.setblocking(False)
        self.address = address

    def heard(self) -> list[str]:
        """Since it was last asked: each datagram, as one line."""
        datagrams = []
        while True:
            try:
                datagrams.append(self.socket.recv(4096).decode().replace("\n", " "))
            except BlockingIOError:
                return datagrams


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServiceManager]:
    name = f"{tmp_path}/notify" if request.param == "path" else f"@chatroom-test-{os.getpid()}-{time.monotonic_ns()}"
    manager = ServiceManager(name)
    with manager.socket:
        yield manager


@pytest.fixture
def clock() -> Clock:
    return Clock()


Start = Callable[..., Notify]


@pytest.fixture
def start(clock: Clock) -> Iterator[Start]:
    """Begins to notify, of a server on which is whoever `status` says."""
    begun: list[Notify] = []

    def begin(address: str, status: Callable[[], str] = lambda: "nobody", watchdog: float = WATCHDOG) -> Notify:
        notify = Notify(clock, Supervisor(address, watchdog), status)
        notify.startService()
        begun.append(notify)
        return notify

    yield begin
    for notify in begun:
        if notify.running:
            notify.stopService()
    assert not clock.getDelayedCalls()


def test_it_is_told_of_a_life_in_order(manager: ServiceManager, clock: Clock, start: Start) -> None:
    notify = start(manager.address, lambda: "12 people in 3 rooms, 14 connections")
    assert manager.heard() == ["EXTEND_TIMEOUT_USEC=30000000 STATUS=opening the storage"]
    notify.ready()
    assert manager.heard() == ["READY=1 STATUS=12 people in 3 rooms, 14 connections"]
    notify.reloading()
    (reloading,) = manager.heard()
    assert reloading.startswith("RELOADING=1 MONOTONIC_USEC=")
    assert int(reloading.rpartition("=")[2]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notify.reloaded()
    assert manager.heard() == ["READY=1 STATUS=12 people in 3 rooms, 14 connections"]
    clock.advance(WATCHDOG / 2)
    assert manager.heard() == ["WATCHDOG=1"]
    notify.stopping("everyone is told")
    assert manager.heard() == ["STOPPING=1 STATUS=everyone is told"]
    notify.stopService()
    assert manager.heard() == []


def test_that_it_stops_is_told_also_when_nobody_said_so(manager: ServiceManager, start: Start) -> None:
    notify = start(manager.address)
    notify.ready()
    manager.heard()
    notify.stopService()
    assert manager.heard() == ["STOPPING=1 STATUS=stopping"]


def test_a_start_that_takes_long_asks_for_time_again_and_again_and_says_why(
    manager: ServiceManager, clock: Clock, start: Start
) -> None:
    notify = start(manager.address)
    manager.heard()
    clock.advance(START_INTERVAL)
    assert manager.heard() == ["EXTEND_TIMEOUT_USEC=30000000"]
    notify.starting("the disk is full; it is tried again")
    assert manager.heard() == ["EXTEND_TIMEOUT_USEC=30000000 STATUS=the disk is full; it is tried again"]
    clock.advance(START_INTERVAL)
    assert manager.heard() == ["EXTEND_TIMEOUT_USEC=30000000"]
    notify.ready()
    manager.heard()
    notify.starting("too late to be told")
    clock.advance(START_INTERVAL)
    assert manager.heard() == []


def test_the_watchdog_is_told_at_half_its_time_and_the_status_when_it_changed(
    manager: ServiceManager, clock: Clock, start: Start
) -> None:
    people = ["nobody"]
    notify = start(manager.address, lambda: people[0])
    notify.ready()
    manager.heard()
    clock.pump([WATCHDOG / 4] * 4)
    assert manager.heard() == ["WATCHDOG=1", "WATCHDOG=1"]
    people[0] = "1 person"
    clock.advance(WATCHDOG / 2)
    assert manager.heard() == ["WATCHDOG=1 STATUS=1 person"]
    clock.advance(WATCHDOG / 2)
    assert manager.heard() == ["WATCHDOG=1"]


def test_without_a_watchdog_only_a_changed_status_is_told(manager: ServiceManager, clock: Clock, start: Start) -> None:
    people = ["nobody"]
    notify = start(manager.address, lambda: people[0], watchdog=0)
    notify.ready()
    manager.heard()
    clock.advance(STATUS_INTERVAL)
    assert manager.heard() == []
    people[0] = "1 person"
    clock.advance(STATUS_INTERVAL)
    assert manager.heard() == ["STATUS=1 person"]


def test_the_watchdog_is_told_until_the_end_while_a_server_stops(
    manager: ServiceManager, clock: Clock, start: Start
) -> None:
    notify = start(manager.address)
    notify.ready()
    notify.stopping("everyone is told")
    manager.heard()
    clock.advance(WATCHDOG / 2)
    assert manager.heard() == ["WATCHDOG=1"]


def test_neither_a_reload_at_the_start_nor_one_at_the_end_says_that_people_are_let_in(
    manager: ServiceManager, start: Start
) -> None:
    notify = start(manager.address)
    notify.reloading()
    notify.reloaded()
    assert len(manager.heard()) == 1
    notify.stopping("everyone is told")
    notify.reloading()
    notify.reloaded()
    notify.ready()
    assert manager.heard() == ["STOPPING=1 STATUS=everyone is told"]


def test_no_status_makes_a_message_of_its_own(manager: ServiceManager, start: Start) -> None:
    start(manager.address, lambda: "12 people\nSTOPPING=1\r\n").ready()
    assert manager.heard()[-1] == "READY=1 STATUS=12 people STOPPING=1"


def test_a_bug_in_the_status_is_logged_and_ends_nothing(
    manager: ServiceManager, clock: Clock, start: Start, logged: LoggedErrors
) -> None:
    broken: list[bool] = []

    def status() -> str:
        if broken:
            raise LookupError("who is there?")
        return "nobody"

    start(manager.address, status).ready()
    manager.heard()
    broken.append(True)
    clock.advance(WATCHDOG / 2)
    assert manager.heard() == ["WATCHDOG=1"]
    assert logged.flush(LookupError)
    broken.clear()
    clock.advance(WATCHDOG / 2)
    assert manager.heard() == ["WATCHDOG=1"]


def test_without_a_service_manager_nothing_is_sent_and_no_time_is_kept(clock: Clock, start: Start) -> None:
    notify = start("")
    notify.starting("the disk is full")
    notify.ready()
    notify.reloading()
    notify.reloaded()
    assert not clock.getDelayedCalls()
    notify.stopService()


@pytest.mark.parametrize("address", ["{}/missing", "@nobody-listens-there", "vsock:2:1234", "{}/" + "x" * 200, "\0"])
def test_one_that_cannot_be_reached_is_logged_once_and_harms_nothing(
    address: str, tmp_path: Path, clock: Clock, start: Start, warned: list[str]
) -> None:
    notify = start(address.format(tmp_path))
    notify.ready()
    clock.advance(WATCHDOG / 2)
    notify.stopService()
    (words,) = warned
    assert words.startswith(f"the service manager cannot be told how the server is, at {address.format(tmp_path)}: ")


@pytest.fixture
def warned() -> Iterator[list[str]]:
    """The warnings that were logged."""
    words: list[str] = []

    def observe(event: LogEvent) -> None:
        if event["log_level"] is LogLevel.warn:
            words.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield words
    globalLogPublisher.removeObserver(observe)


def test_what_could_not_be_told_is_told_as_soon_as_it_can_be(
    tmp_path: Path, clock: Clock, start: Start, warned: list[str]
) -> None:
    address = f"{tmp_path}/notify"
    notify = start(address)
    notify.ready()
    manager = ServiceManager(address)
    with manager.socket:
        clock.advance(WATCHDOG / 2)
        assert manager.heard() == ["EXTEND_TIMEOUT_USEC=30000000 STATUS=nobody READY=1 WATCHDOG=1"]
        clock.advance(WATCHDOG / 2)
        assert manager.heard() == ["WATCHDOG=1"]
    assert len(warned) == 1


def test_one_that_reads_nothing_holds_up_nobody(
    manager: ServiceManager, clock: Clock, start: Start, warned: list[str]
) -> None:
    notify = start(manager.address)
    notify.ready()
    beats = 0
    while not warned:
        clock.advance(WATCHDOG / 2)
        beats += 1
        assert beats < 10_000
    manager.heard()
    clock.advance(WATCHDOG / 2)
    assert manager.heard() == ["WATCHDOG=1"]


def test_the_end_of_a_reload_that_was_not_told_of_is_no_beginning_of_one(tmp_path: Path, start: Start) -> None:
    address = f"{tmp_path}/notify"
    manager = ServiceManager(address)
    notify = start(address)
    notify.ready()
    manager.socket.close()
    os.unlink(address)
    notify.reloading()
    manager = ServiceManager(address)
    with manager.socket:
        notify.reloaded()
        (told,) = manager.heard()
        assert "READY=1" in told
        assert "RELOADING" not in told


# The environment


def test_what_the_service_manager_said_is_taken_from_the_environment_so_that_no_child_speaks_for_us() -> None:
    environ = {
        "NOTIFY_SOCKET": "/run/systemd/notify",
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": str(os.getpid()),
        "HOME": "/",
    }
    assert from_environment(environ) == Supervisor("/run/systemd/notify", 30.0)
    assert environ == {"HOME": "/"}


def test_a_watchdog_without_a_process_is_ours() -> None:
    assert from_environment({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "200000"}) == Supervisor("@n", 0.2)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"NOTIFY_SOCKET": ""},
        {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "often"},
        {"WATCHDOG_USEC": "-1"},
    ],
)
def test_no_watchdog_where_none_is_meant_for_us(environ: dict[str, str]) -> None:
    assert from_environment(environ) == Supervisor()
