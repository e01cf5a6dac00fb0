"""A real server as systemd runs it: what it tells the service manager, which sockets it gets, what it asks of the kernel."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .authority import Authority, pem, put
from .server import ANY_PORT, ENVIRONMENT, PATIENCE, ROOT, Person, Server, until
from .support import needs

pytestmark = pytest.mark.process

GIVE = 'given=$1; shift; [ "$given" = 3 ] || exec 3<&"$given"; LISTEN_FDS=1 LISTEN_FDNAMES=line LISTEN_PID=$$ exec "$@"'
"""As systemd gives a socket (sd_listen_fds(3)): the first is number 3, and it says for whom it is."""


# What it tells


class ServiceManager:
    """Listens where NOTIFY_SOCKET says."""

    def __init__(self, where: Path) -> None:
        self.address = str(where / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address)
        self.socket.settimeout(PATIENCE)
        self.heard: list[str] = []

    def wait_for(self, part: str) -> str:
        """The next datagram with this in it; those before are heard too."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.heard.append(self.socket.recv(4096).decode())
            if part in self.heard[-1]:
                return self.heard[-1]
        raise AssertionError(f"not within {PATIENCE} s: {part!r}, in {self.heard}")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    manager = ServiceManager(tmp_path)
    with manager.socket:
        yield manager


def supervised(manager: ServiceManager, where: Path, *options: str, watchdog: int = 200_000) -> Server:
    variables = (f"NOTIFY_SOCKET={manager.address}", f"WATCHDOG_USEC={watchdog}")
    return Server(where, *options, before=("env", *variables))


def test_the_service_manager_is_told_of_the_whole_life_in_order(manager: ServiceManager, tmp_path: Path) -> None:
    with supervised(manager, tmp_path) as server:
        ready = manager.wait_for("READY=1")
        Person(server, "alice")  # as soon as it is ready
        assert "STATUS=ready: 0 people" in ready
        assert "WATCHDOG=1\nSTATUS=ready: 1 person in 1 room, 1 connection" in manager.wait_for("1 person")
        server.process.send_signal(signal.SIGHUP)
        assert re.search(r"^MONOTONIC_USEC=\d+$", manager.wait_for("RELOADING=1"), re.MULTILINE)
        manager.wait_for("READY=1")
        server.process.send_signal(signal.SIGTERM)
        manager.wait_for("STOPPING=1")
        assert server.end() in (0, -signal.SIGTERM)  # systemd takes both for a clean end, and does not start it again
    told = [re.sub("=.*", "", line) for message in manager.heard for line in message.splitlines()]
    order = [name for name in told if name in ("READY", "RELOADING", "STOPPING")]
    assert order == ["READY", "RELOADING", "READY", "STOPPING"]
    assert "WATCHDOG" not in told[: told.index("READY")]


def test_a_server_that_cannot_start_never_says_that_it_is_ready(manager: ServiceManager, tmp_path: Path) -> None:
    (tmp_path / "chatroom.db").write_text("no database")
    assert supervised(manager, tmp_path).begin().end() == 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.sendto(b"that is all", manager.address)
    manager.wait_for("that is all")
    assert "READY=1" not in "".join(manager.heard)


def test_what_the_server_starts_cannot_speak_in_its_name(tmp_path: Path) -> None:
    program = (
        "import os; from chatroom.options import Options; from chatroom.tap import makeService; options = Options();"
        "options.parseOptions(['--storage', 'memory:', '--line', 'off']); makeService(options);"
        "print(sorted({'NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID', 'PATH'} & os.environ.keys()))"
    )
    variables = {**ENVIRONMENT, "NOTIFY_SOCKET": "/run/systemd/notify", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['PATH']"


# What it is given


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """What systemd holds open, whichever servers come and go."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        yield listening


def given(listening: socket.socket, where: Path, *options: str, line: str = "systemd:domain=INET:name=line") -> Server:
    number = str(listening.fileno())
    return Server(
        where,
        *options,
        lines=(line,),
        before=("bash", "-c", GIVE, "bash", number),
        inherited=(listening.fileno(),),
    )


class Program:
    """Speaks JSON lines."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, timeout=PATIENCE)
        self._lines = self._socket.makefile("rb")

    def send(self, **command: object) -> None:
        self._socket.sendall(json.dumps(command).encode() + b"\n")

    def hear(self, enough: Callable[[dict[str, object]], object]) -> dict[str, object]:
        """The next object that is it."""
        while True:
            line = self._lines.readline()
            assert line, "closed"
            told: dict[str, object] = json.loads(line)
            if enough(told):
                return told

    def said(self, text: str) -> dict[str, object]:
        return self.hear(lambda told: told.get("event") == "said" and told.get("text") == text)

    def rest(self) -> list[dict[str, object]]:
        """All until the end."""
        with self._socket:
            return [json.loads(line) for line in self._lines]


def test_listening_sockets_outlive_a_restart_and_a_program_that_resumes_misses_nothing(
    listening: socket.socket, tmp_path: Path
) -> None:
    address = listening.getsockname()[:2]
    with given(listening, tmp_path) as first:
        bot, alice = Program(address), Program(address)
        bot.send(hello={"nick": "bot"})
        welcome = bot.hear(lambda told: "welcome" in told)["welcome"]
        alice.send(hello={"nick": "alice"})
        alice.hear(lambda told: "welcome" in told)
        alice.send(say={"text": "one"})
        position = bot.said("one")["position"]
        bot._socket.close()
        bot._lines.close()
        alice.send(say={"text": "two"})
        alice.send(say={"text": "three"})
        alice.said("three")
        first.terminate()
        assert alice.rest()
    # Nobody runs; nobody is refused.
    bot, carol = Program(address), Program(address)
    resume = {"resume": welcome["resume"], "rooms": {"lobby": {"after": position}}}  # type: ignore[index]
    bot.send(hello=resume)
    bot.send(say={"text": "back"})
    carol.send(hello={"nick": "carol"})
    with given(listening, tmp_path) as second:
        assert bot.hear(lambda told: "welcome" in told)["welcome"]["nick"] == "bot"  # type: ignore[index]
        heard = [bot.hear(lambda told: told.get("event") == "said")["text"] for _ in range(3)]
        assert heard == ["two", "three", "back"]
        carol.hear(lambda told: "welcome" in told)
        second.terminate()
        left = [told for told in bot.rest() if told.get("event") == "said"]
        assert left == []  # nothing twice
        carol.rest()


def test_hands_are_shaken_over_tls_on_a_socket_that_outlives_servers(tmp_path: Path, listening: socket.socket) -> None:
    authority = Authority()
    signed = authority.sign("localhost")
    both = put(tmp_path / "both.pem", signed.key + signed.certificate)
    server = given(listening, tmp_path, line=f"pem:systemd=line:cert={both}")
    context = ssl.create_default_context(cadata=pem(authority.root.own).decode())
    with server.begin() as first:
        first.wait_for_line("listening on pem:systemd=line")
        first.terminate()
    waiting = socket.create_connection(listening.getsockname()[:2], PATIENCE)  # while there is no server
    with server, context.wrap_socket(waiting, server_hostname="localhost") as secure:
        secure.settimeout(PATIENCE)
        secure.sendall(b"alice\n")
        told = b""
        while b"You are alice" not in told:
            told += secure.recv(4096)
        server.terminate()


@needs("systemd-socket-activate", "systemd")
def test_systemd_itself_gives_it_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "line"
    before = ("systemd-socket-activate", f"--listen={path}", "--fdname=line", "--setenv=PYTHONPATH", "--setenv=LC_ALL")
    server = Server(tmp_path, lines=("systemd:domain=UNIX:name=line",), before=before)
    server.begin()
    until(path.exists, "systemd listens")
    with server:
        person = Person(server, at=str(path))  # with whom the server begins
        person.expect("What nickname would you like")
        person.enter("alice")
        server.terminate()


def test_a_socket_that_systemd_does_not_give_is_told_in_one_line(tmp_path: Path) -> None:
    server = Server(tmp_path, lines=("systemd:domain=INET:name=line",)).begin()
    assert server.end() == 1
    (line,) = server.stderr.lines
    assert "systemd:domain=INET:name=line" in line
    assert "no such socket" in line


# What it asks of the kernel


def system_calls(*sets: str) -> set[str]:
    """Those in sets of systemd's, and in the sets within them."""
    told = subprocess.run(
        ["systemd-analyze", "syscall-filter", *sets], capture_output=True, text=True, check=True
    ).stdout
    words = {
        line.split()[0] for line in told.splitlines() if line.startswith("    ") and not line.strip().startswith("#")
    }
    within = {word for word in words if word.startswith("@")}
    return (words - within) | (system_calls(*within) if within else set())


def in_unit(name: str) -> list[str]:
    unit = (ROOT / "deploy" / "chatroom.service").read_text("utf-8")
    return re.findall(rf"^{name}=(.*)$", unit, re.MULTILINE)


@needs("strace", "strace")
@needs("openssl", "openssl")
@needs("systemd-analyze", "systemd")
def test_it_asks_the_kernel_for_nothing_that_its_unit_forbids(tmp_path: Path) -> None:
    allowed, forbidden = (words.split() for words in in_unit("SystemCallFilter"))
    may = system_calls(*allowed) - system_calls(*[word.removeprefix("~") for word in forbidden])
    key, certificate, trace = (tmp_path / name for name in ("key.pem", "cert.pem", "trace"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
        capture_output=True, check=True,
    )  # fmt: skip
    tls = f"pem:0:interface=127.0.0.1:cert={certificate}:key={key}"
    with Server(
        tmp_path,
        "--metrics",
        ANY_PORT,
        "--log-format=journal",
        lines=(ANY_PORT, tls),
        before=("strace", "-f", "-qq", "-e", "signal=none", "-o", str(trace)),
    ).begin() as server:
        ports = until(lambda: listening_in(server), "it listens")
        alice = Program(("127.0.0.1", ports[0]))
        alice.send(hello={"nick": "alice"})
        alice.send(register={"password": "correct horse battery"})
        alice.hear(lambda told: told.get("answer") == "register")
        alice.send(search={"words": "hello"})
        alice.hear(lambda told: told.get("answer") == "search")
        subprocess.run(
            ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{ports[1]}"],
            input=b"bob\nover tls\nbye\n", capture_output=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        alice.said("over tls")
        (child,) = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGHUP)
        server.stderr.wait(
            lambda lines: any("reloaded" in line for line in lines), lambda: server.process.poll() is None
        )
        os.kill(int(child), signal.SIGTERM)
        server.end()
        alice.rest()
    lines = trace.read_text().splitlines()
    used = {found[1] for line in lines if (found := re.match(r"\d+ +(\w+)\(", line))}
    if os.geteuid() == 0:
        used.discard("fchown")  # SQLite's, where root writes to another's file: the unit's server is nobody's root
    assert len(used) > 30
    assert used <= may
    families = {found[1] for line in lines if (found := re.search(r"\bsocket(?:pair)?\((AF_\w+)", line))}
    (named,) = in_unit("RestrictAddressFamilies")
    assert families - {"AF_NETLINK"} <= set(named.split())  # getaddrinfo(3) does without


def listening_in(server: Server) -> list[int]:
    """The ports that a log for the journal names, once all are there."""
    assert server.process.poll() is None, server.stderr
    lines = [line for line in server.stderr.lines if "listening on" in line]
    return [int(re.findall(r"\d+", line)[-1]) for line in lines] if len(lines) == 3 else []
