"""A real server, asked by its owner: how it is, what happens in it, and that it lets nobody more in, or stops."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from chatroom import __version__
from chatroom.protocols.control import connect

from .server import ANY_PORT, ENVIRONMENT, PATIENCE, Person, Server, Talker, until
from .test_proxies import ports
from .test_reload_process import asked

pytestmark = pytest.mark.process

FAREWELL = r"\* the server is stopping; come back soon\r\n"
DRAINING = r"\* the server lets nobody more in, and stops when the last has gone\r\n"


class Tail:
    """Somebody at the control socket who is shown what happens."""

    def __init__(self, where: Path, room: str = "", buffer: int = 0) -> None:
        self.socket = connect(f"{where}/chatroom.db-control")
        self.socket.settimeout(PATIENCE)
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.sendall(json.dumps({"tail": {"words": room}}).encode() + b"\n")
        self._lines = self.socket.makefile("rb")
        assert self.next()["answer"] == "tail"

    def next(self) -> dict[str, Any]:
        line: dict[str, Any] = json.loads(next(self._lines))
        return line

    def until(self, text: str) -> list[dict[str, Any]]:
        """All that comes up to when somebody said that."""
        found = [self.next()]
        while found[-1].get("text") != text:
            found.append(self.next())
        return found

    def rest(self) -> Iterator[dict[str, Any]]:
        """All that comes until the end."""
        for line in self._lines:
            yield json.loads(line)

    def close(self) -> None:
        self._lines.close()
        self.socket.close()

    def __enter__(self) -> Tail:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def ended(server: Server) -> int:
    """Its status, when it ends by itself."""
    status = server.end()
    assert "Traceback" not in f"{server.log}{server.stderr}", f"{server.log}{server.stderr}"
    return status


def test_its_owner_is_told_how_it_is(tmp_path: Path) -> None:
    with Server(tmp_path, lines=(ANY_PORT, f"unix:{tmp_path}/way-in")) as server:
        alice, bob = Person(server, "alice"), Person(server, "bob", at=str(tmp_path / "way-in"))
        alice.expect("bob joined")
        answer = asked(tmp_path, "status")
        assert answer["words"].startswith(f"ready: chatroom {__version__}, pid {server.pid}, since ")
        assert f"nc -U {tmp_path}/way-in" in answer["words"]
        assert f"telnet localhost {server.port}" in answer["words"]
        assert "connections: 2: 1 text over TCP, 1 text over a Unix socket" in answer["words"]
        assert str(tmp_path / "chatroom.db") in answer["words"]
        assert asked(tmp_path, "who")["words"].splitlines() == [
            "2 people are here",
            "alice: guest; #lobby; text over TCP from 127.0.0.1",
            "bob: guest; #lobby; text over a Unix socket",
        ]
        bob.say("/status")
        bob.expect("! no command /status")
        server.terminate()


def test_chatroomctl_asks_it_too(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        Person(server, "alice")
        command = [sys.executable, "-m", "chatroom.control", "status"]
        done = subprocess.run(
            command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, timeout=PATIENCE, check=False, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("ready: ")
        server.terminate()


def test_a_tail_shows_each_line_of_every_room_once_also_to_who_is_slow(tmp_path: Path) -> None:
    with Server(tmp_path, "--rate", "0", "--room", "lobby", "--room", "den", "--history", "0") as server:
        ann, ben = Person(server, "ann"), Person(server, "ben")
        ben.say("/join den")
        ben.expect("alone in #den")
        lines = 3000
        with Tail(tmp_path) as quick, Tail(tmp_path, buffer=4096) as slow, Tail(tmp_path, "den") as den:
            talking = [Talker(ann, lines), Talker(ben, lines)]

            def take(tail: Tail) -> dict[str, list[int]]:
                found: dict[str, list[int]] = {"lobby": [], "den": []}
                while sum(map(len, found.values())) < 2 * lines:
                    event = tail.next()
                    if event.get("event") == "said":
                        found[event["room"]].append(int(event["text"]))
                return found

            wanted = {"lobby": list(range(lines)), "den": list(range(lines))}
            assert take(quick) == wanted
            assert take(slow) == wanted
            only = den.until(str(lines - 1))
            assert [int(event["text"]) for event in only if event["event"] == "said"] == wanted["den"]
            assert {event["room"] for event in only} == {"den"}
        ann.socket.shutdown(socket.SHUT_WR)
        ben.socket.shutdown(socket.SHUT_WR)
        for each in talking:
            each.rest()
        server.terminate()


def test_a_tail_that_reads_nothing_costs_the_server_little_and_leaves_nothing(tmp_path: Path) -> None:
    with Server(tmp_path, "--rate", "0", "--history", "0") as server:
        ann, ben = Person(server, "ann"), Person(server, "ben")
        ann.expect("ben joined")
        sockets = sum("socket:" in name for name in server.descriptors())  # of files it may open more at any time
        tails = [Tail(tmp_path, buffer=4096) for _ in range(5)]
        for start in range(0, 2000, 200):
            ben.say(*[f"{number} {'x' * 1000}" for number in range(start, start + 200)])
            ann.expect(f"ben: {start + 199} x+\r\n")
        assert asked(tmp_path, "status")["people"] == 2
        for tail in tails:
            tail.close()
        until(lambda: sum("socket:" in name for name in server.descriptors()) <= sockets, "all are closed")
        ben.say("still here")
        ann.expect("ben: still here\r\n")
        server.terminate()


def test_nothing_private_and_no_password_is_shown_to_a_tail(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        ann, ben = Person(server, "ann"), Person(server, "ben")
        with Tail(tmp_path) as tail:
            asked(tmp_path, "add-account", "cyd correct horse battery")
            ann.say("/msg ben between us")
            ben.expect("between us")
            ben.say("the end")
            shown = json.dumps(tail.until("the end"))
            assert "between us" not in shown
            assert "horse" not in shown
        server.terminate()


# Draining


def test_who_is_here_stays_while_it_drains_and_it_ends_when_the_last_is_gone(tmp_path: Path) -> None:
    with Server(tmp_path, "--metrics", ANY_PORT, lines=(ANY_PORT, f"unix:{tmp_path}/way-in")).begin() as server:
        server.wait_for_log(lambda lines: sum("listening on" in line for line in lines) == 3)
        site = next(way for way in server.invitations if way.startswith("http")).removesuffix("/metrics")
        line = server.port
        alice, bob = Person(server, "alice", at=line), Person(server, "bob", at=str(tmp_path / "way-in"))
        assert urlopen(f"{site}/readyz", timeout=PATIENCE).status == 200
        assert asked(tmp_path, "drain")["words"] == "nobody more is let in; 2 connections are left"
        for person in (alice, bob):
            person.expect(DRAINING)
        assert refuses(line)
        with pytest.raises(OSError, match=r"refused|No such file"), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(tmp_path / "way-in"))
        with pytest.raises(HTTPError) as answer:
            urlopen(f"{site}/readyz", timeout=PATIENCE)
        assert b"draining" in answer.value.read()
        answer.value.close()
        assert urlopen(f"{site}/healthz", timeout=PATIENCE).status == 200
        status = asked(tmp_path, "status")
        assert status["words"].startswith("draining: nobody more is let in")
        assert "telnet" not in status["words"]
        bob.say("one more")
        alice.expect("bob: one more\r\n")
        assert "2 connections are left" in asked(tmp_path, "drain", "hurry up")["words"]
        alice.expect(r"\* hurry up\r\n")
        bob.say("/quit")
        bob.rest()
        alice.expect("bob left")
        assert server.process.poll() is None
        alice.say("/quit")
        alice.rest()
        assert ended(server) == 0
    assert server.said() == ["one more"]


def test_it_ends_at_once_where_nobody_is(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert asked(tmp_path, "drain")["words"] == "nobody more is let in; 0 connections are left"
        assert ended(server) == 0


def test_who_may_still_come_back_does_not_keep_it(tmp_path: Path) -> None:
    with Server(tmp_path, "--grace", "600") as server:
        alice = Person(server, "alice")
        program = Person(server)
        program.send(b'{"enter":{"nick":"robot"}}\n')
        program.expect("robot")
        alice.expect("robot joined")
        program.reset()
        until(lambda: sum(asked(tmp_path, "status")["words"].count(f"connections: {n}") for n in (1,)), "it is gone")
        assert "people: 2" in asked(tmp_path, "status")["words"]
        asked(tmp_path, "drain")
        alice.expect(DRAINING)
        alice.say("/quit")
        alice.rest()
        assert ended(server) == 0


def test_drains_that_overlap_end_it_once(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        alice = Person(server, "alice")
        for _ in range(5):
            asked(tmp_path, "drain")
        alice.reset()
        assert ended(server) == 0


def test_a_signal_ends_it_while_it_drains(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        alice = Person(server, "alice")
        asked(tmp_path, "drain")
        alice.expect(DRAINING)
        server.process.send_signal(signal.SIGTERM)
        alice.expect(FAREWELL)
        alice.rest()
        assert ended(server) in (0, -signal.SIGTERM)


def test_a_drain_under_load_loses_nothing(tmp_path: Path) -> None:
    with Server(tmp_path, "--rate", "0", "--history", "0") as server:
        ann, ben = Person(server, "ann"), Person(server, "ben")
        ann.expect("ben joined")
        ben.say(*[f"{number}" for number in range(1000)], "/quit")
        asked(tmp_path, "drain")
        ann.expect(r"ben: 999\r\n")
        ann.say("/quit")
        ann.rest()
        ben.rest()
        assert ended(server) == 0
    assert server.said() == [str(number) for number in range(1000)]


# Stopping


def test_stop_ends_it_when_all_that_was_said_is_saved_and_everyone_is_told(tmp_path: Path) -> None:
    with Server(tmp_path, "--rate", "0", "--history", "0") as server:
        ann, ben = Person(server, "ann"), Person(server, "ben")
        ann.expect("ben joined")
        lines = [f"{number}" for number in range(500)]
        ben.say(*lines)
        ann.expect(r"ben: 0\r\n")
        assert asked(tmp_path, "stop")["words"] == "the server stops"
        heard = ann.expect(FAREWELL)
        ben.expect(FAREWELL)
        assert ended(server) == 0
    said = server.said()
    assert said == lines[: len(said)]
    assert [line.removeprefix("ben: ") for line in heard.splitlines() if line.startswith("ben: ")] == said[1:]


def test_to_stop_it_twice_is_to_stop_it(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        Person(server, "alice")
        with connect(f"{tmp_path}/chatroom.db-control") as control:
            control.sendall(b'{"stop": {}}\n{"stop": {}}\n{"drain": {}}\n')
            control.settimeout(PATIENCE)
            with contextlib.suppress(ConnectionError):
                while control.recv(4096):
                    pass
        assert ended(server) == 0


def test_a_tail_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        Person(server, "alice")
        with Tail(tmp_path) as tail:
            asked(tmp_path, "stop")
            assert ended(server) == 0
            assert "stopping" not in str([*tail.rest()])


def test_two_ports_are_told_in_their_order(tmp_path: Path) -> None:
    with Server(tmp_path, lines=(ANY_PORT, ANY_PORT)) as server:
        listening = [each["how"] for each in asked(tmp_path, "status")["listening"]]
        assert listening == [f"telnet localhost {port}" for port in ports(server)]
        server.terminate()


def test_without_a_server_it_is_told_so(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        server.terminate()
    for name in ("status", "drain", "stop", "reload", "tail"):
        done = subprocess.run(
            [sys.executable, "-m", "chatroom.control", name],
            cwd=tmp_path, env=ENVIRONMENT, capture_output=True, timeout=PATIENCE, check=False, text=True,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (1, "")
        assert "only one that runs can do that" in done.stderr
    assert not os.path.exists(tmp_path / "chatroom.db-control")
