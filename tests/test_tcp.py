"""What is asked of the kernel for each TCP connection, and who counts as gone."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from chatroom.protocols import tcp
from chatroom.protocols.tcp import LOOK_AGAIN, SILENT, Pulse, silence

from .server import PATIENCE, RUN_TWISTD, Person, Server


class Transport:
    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a TCP connection: ours, and one that keeps little unread."""
    with socket.socket() as listening, socket.socket() as theirs:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        theirs.connect(listening.getsockname())
        ours, _ = listening.accept()
        with ours:
            yield ours, theirs


def test_a_connection_is_set_up_for_chat(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair
    Pulse(Clock()).watch(Transport(ours))

    def option(name: str) -> int:
        return ours.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))

    assert option("TCP_NODELAY")
    assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert option("TCP_KEEPIDLE") + option("TCP_KEEPCNT") * option("TCP_KEEPINTVL") < 150
    assert SILENT + LOOK_AGAIN < 150


def test_the_kernel_keeps_little_for_who_takes_nothing(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair
    Pulse(Clock()).watch(Transport(ours))
    ours.setblocking(False)
    kept = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            kept += ours.send(bytes(65536))
    assert tcp.UNSENT <= kept < 2 * tcp.UNSENT


def test_who_is_there_is_never_silent(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    assert silence(ours) == 0
    ours.sendall(b"hello")
    assert theirs.recv(5) == b"hello"
    assert silence(ours) < PATIENCE


class Gone:
    """A connection of which the kernel says what it would say had nothing been acknowledged for so long."""

    def __init__(self, **told: int) -> None:
        self._told = told
        self.aborted = 0

    @property
    def socket(self) -> Any:
        return self

    def setsockopt(self, *_: int) -> None: ...

    def getsockopt(self, *_: int) -> bytes:
        numbers = [0] * 21
        numbers[3] = self._told.get("probes", 0)
        numbers[12] = self._told.get("unacknowledged", 0)
        numbers[20] = self._told["last_ack"]
        return struct.pack("8B13I", *numbers)

    def abortConnection(self) -> None:
        self.aborted += 1


@pytest.mark.parametrize(
    ("told", "gone"),
    [
        ({"last_ack": 10**6}, False),  # nothing was sent: silence says nothing
        ({"last_ack": 130_000, "unacknowledged": 1}, True),
        ({"last_ack": 130_000, "probes": 1}, True),
        ({"last_ack": 120_000, "unacknowledged": 1, "probes": 1}, False),
    ],
)
def test_who_acknowledges_nothing_for_too_long_is_let_go(told: dict[str, int], gone: bool) -> None:
    clock, transport = Clock(), Gone(**told)
    pulse = Pulse(clock)
    pulse.watch(transport)
    clock.advance(LOOK_AGAIN)
    assert bool(transport.aborted) is gone
    pulse.forget(transport)
    clock.advance(LOOK_AGAIN)
    clock.advance(LOOK_AGAIN)
    assert transport.aborted == int(gone)
    assert clock.getDelayedCalls() == []


# The network itself, where a test may make one


def impatient(silent: float) -> tuple[str, ...]:
    """twistd with all these times cut short."""
    short = f"tcp.KEEP_IDLE, tcp.KEEP_INTERVAL, tcp.KEEP_COUNT, tcp.SILENT, tcp.LOOK_AGAIN = 1, 1, 1, {silent}, 0.1"
    return "-c", f"from chatroom.protocols import tcp; {short}; {RUN_TWISTD}", "-n", "chatroom"


NEAR, FAR = "198.51.100.1", "198.51.100.2"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=PATIENCE)


@pytest.fixture
def far() -> Iterator[str]:
    """A network namespace that is joined to ours by one cable."""
    name = f"far{os.getpid()}"
    if shutil.which("ip") is None:
        pytest.skip("needs ip: apt install iproute2")
    try:
        ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespace can be made here: {error.stderr.decode().strip()}")
    try:
        ip("link", "add", f"n{name}", "type", "veth", "peer", "name", "cable", "netns", name)
        ip("addr", "add", f"{NEAR}/24", "dev", f"n{name}")
        ip("link", "set", f"n{name}", "up")
        ip("-n", name, "addr", "add", f"{FAR}/24", "dev", "cable")
        ip("-n", name, "link", "set", "cable", "up")
        yield name
    finally:
        ip("link", "delete", f"n{name}")  # at once, cable and all; with the namespace it would go some time later
        ip("netns", "delete", name)


@pytest.mark.process
@pytest.mark.parametrize("talking", [False, True], ids=["while nobody talks", "while others talk"])
def test_a_member_whose_network_is_gone_is_seen_to_leave(tmp_path: Path, far: str, talking: bool) -> None:
    lines = ("tcp:0:interface=127.0.0.1", f"tcp:0:interface={NEAR}")
    with Server(tmp_path, lines=lines, program=impatient(silent=1)) as server:
        bob = Person(server, "bob")
        port = server.invitations[1].split()[-1]
        command = ["ip", "netns", "exec", far, "nc", NEAR, port]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as alice:
            try:
                assert alice.stdin is not None
                alice.stdin.write(b"alice\nhello\n")
                alice.stdin.flush()
                bob.expect(r"alice: hello\r\n")
                ip("-n", far, "link", "set", "cable", "down")
                if talking:
                    bob.say("are you there?")
                bob.expect(r"\* alice left\r\n")
            finally:
                alice.kill()


@pytest.mark.process
def test_who_is_there_and_reads_nothing_is_not_taken_for_gone(tmp_path: Path) -> None:
    """The kernel asks after 0.2, 0.4, 0.8, 1.6, 3.2 seconds, and so on up to 120, which is below SILENT."""
    with Server(tmp_path, "--rate", "0", program=impatient(silent=3)) as server:
        bob = Person(server, "bob")
        sleeper = Person(server, "sleeper", buffer=4096)
        bob.say(*["x" * 1000] * 1000)
        bob.say("/who")
        bob.expect(r"\* 2 in #lobby")
        bob.socket.settimeout(4)  # longer than the silence that counts as death
        with pytest.raises(TimeoutError):
            bob.socket.recv(1)
        assert sleeper.lines(1000) == [f"bob: {'x' * 1000}"] * 1000
