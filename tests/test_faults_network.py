"""A network that is gone without a word: the connection is freed, what stood in it is not, and who comes back is no ghost."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from .server import PATIENCE, RUN_TWISTD, Person, Server, until

pytestmark = pytest.mark.process

HERE, FAR = "198.51.100.1", "198.51.100.2"

NAMES = count()

LIBC = ctypes.CDLL(None, use_errno=True)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=PATIENCE)


class Networks:
    """Two network namespaces, joined by one cable: the server's, and one from which people may be cut off."""

    def __init__(self) -> None:
        self.here, self.far = (f"chat{os.getpid()}{side}{next(NAMES)}" for side in ("here", "far"))
        self.made: list[str] = []

    def make(self) -> None:
        for name in (self.here, self.far):
            ip("netns", "add", name)
            self.made.append(name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", self.here, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", self.far)
        for name, address in ((self.here, HERE), (self.far, FAR)):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")

    def cut(self) -> None:
        """Nothing comes through in either direction, and neither side is told: no FIN, no RST, no ICMP."""
        ip("-n", self.far, "link", "set", "cable", "down")

    def delete(self) -> None:
        for name in self.made:
            ip("netns", "delete", name)


@pytest.fixture
def networks() -> Iterator[Networks]:
    if shutil.which("ip") is None:
        pytest.skip("needs ip: apt install iproute2")
    networks = Networks()
    try:
        networks.make()
    except subprocess.CalledProcessError as error:
        networks.delete()
        pytest.skip(f"no network namespace can be made here: {error.stderr.decode().strip()}")
    yield networks
    networks.delete()


def socket_in(namespace: str) -> socket.socket:
    """A socket belongs for life to the network in which the thread was that made it (network_namespaces(7))."""

    def make() -> socket.socket:
        with Path(f"/run/netns/{namespace}").open("rb") as file:
            if LIBC.setns(file.fileno(), 0):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), namespace)
        return socket.socket()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(make).result()


class Somewhere(Person):
    """Somebody in one of the networks, who speaks as people do or as programs do."""

    def __init__(self, server: Server, namespace: str, nick: str = "") -> None:
        self.socket = socket_in(namespace)
        server.people.append(self)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((HERE, server.port))
        self._read = b""
        self._searched = 0
        if nick:
            self.enter(nick)

    def ask(self, **request: Any) -> None:
        self.say(json.dumps(request))

    def take(self, field: str) -> Any:
        """The next line that has this field; what comes before is of no interest."""
        told: dict[str, Any] = {}
        while field not in told:
            told = json.loads(self.expect(r".*?\n"))
        return told


IMPATIENT = "tcp.KEEP_IDLE, tcp.KEEP_INTERVAL, tcp.KEEP_COUNT, tcp.SILENT, tcp.LOOK_AGAIN = 1, 1, 1, 1.0, 0.1"
"""What takes 120 to 150 seconds takes 2 here."""


def twistd(networks: Networks, where: Path, *options: str, times: str = IMPATIENT) -> Server:
    """In its network, with times as they are given."""
    program = ("-c", f"from chatroom.protocols import tcp; {times}; {RUN_TWISTD}", "-n", "--pidfile=", "chatroom")
    before = ("ip", "netns", "exec", networks.here)
    lines = (f"tcp:0:interface={HERE}",)
    return Server(where, "--rate", "0", "--history", "0", *options, lines=lines, program=program, before=before)


def connections(server: Server, networks: Networks) -> int:
    """Open between the two networks, as the kernel of the server's tells."""
    command = ["ss", "-N", networks.here, "-Htn", "src", HERE, "dst", FAR]
    return len(subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE).stdout.splitlines())


@pytest.mark.parametrize("talking", [False, True], ids=["while nobody talks", "while others talk"])
def test_who_was_cut_off_comes_back_under_their_name_and_has_missed_nothing(
    tmp_path: Path, networks: Networks, talking: bool
) -> None:
    with twistd(networks, tmp_path) as server:
        bob = Somewhere(server, networks.here, "bob")
        Somewhere(server, networks.far, "carol")
        robot = Somewhere(server, networks.far)
        robot.ask(hello={"nick": "robot"})
        welcome = robot.take("welcome")["welcome"]
        bob.expect(r"\* robot joined\r\n")
        assert connections(server, networks) == 2
        networks.cut()
        missed = [f"line {number}" for number in range(50 if talking else 0)]
        bob.say(*missed)
        bob.expect(r"\* carol left\r\n")
        until(lambda: not connections(server, networks), "freed connections")
        bob.say("/who")
        assert bob.lines(1) == ["* 2 in #lobby: bob, robot"]  # a program is expected back
        with Somewhere(server, networks.here, "carol"):
            bob.expect(r"\* carol joined\r\n")
        robot = Somewhere(server, networks.here)
        robot.ask(hello={"resume": welcome["resume"], "rooms": after(welcome)})
        assert robot.take("welcome")["welcome"]["nick"] == "robot"
        bob.say("the last")
        assert [*said(robot, "the last")] == [*missed, "the last"]


def test_who_comes_back_before_the_server_knows_takes_their_own_place(tmp_path: Path, networks: Networks) -> None:
    with twistd(networks, tmp_path, times="tcp.KEEP_IDLE = 60") as server:
        bob, carol = Somewhere(server, networks.here, "bob"), Somewhere(server, networks.far, "carol")
        carol.say("/register correct horse battery")
        carol.expect("your own now.*\r\n")
        robot = Somewhere(server, networks.far)
        robot.ask(hello={"nick": "robot"})
        welcome = robot.take("welcome")["welcome"]
        bob.expect(r"\* robot joined\r\n")
        networks.cut()
        missed = [f"line {number}" for number in range(50)]
        bob.say(*missed)
        robot = Somewhere(server, networks.here)
        robot.ask(hello={"resume": welcome["resume"], "rooms": after(welcome)})
        assert robot.take("welcome")["welcome"]["nick"] == "robot"
        carol = Somewhere(server, networks.here)
        carol.say("/login carol correct horse battery")
        carol.expect(r"\* You are carol, .*\n")
        assert connections(server, networks) == 2  # of which the server cannot know that they are dead
        bob.say("the last", "/who")
        heard = bob.expect(r"\* 3 in #lobby: .*\n")
        assert "left" not in heard
        assert "joined" not in heard
        assert [*said(robot, "the last")] == [*missed, "the last"]
        carol.expect("bob: the last\r\n")


def after(welcome: dict[str, Any]) -> dict[str, Any]:
    """Where somebody stood when they were told so."""
    return {"lobby": {"after": welcome["rooms"]["lobby"]["position"]}}


def said(person: Somewhere, last: str) -> Iterator[str]:
    """What they are shown to be said, up to the last."""
    text = ""
    while text != last:
        event = person.take("event")
        if event["event"] == "said":
            text = event["text"]
            yield text
