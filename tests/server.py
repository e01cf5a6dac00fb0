"""What tests share that start real programs: a twistd with its log, and people at sockets, nc and telnet.

Every wait has a deadline; none is for a time only. Ports are free ones of 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

import pexpect

T = TypeVar("T")

ROOT = Path(__file__).parent.parent

PATIENCE = 30.0
"""Seconds that anything may take: what takes a tenth of a second here may take long on a machine that is busy."""

RUN_TWISTD = "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; sys.exit(run())"

ANY_PORT = "tcp:0:interface=127.0.0.1"

THEIRS = ("CHATROOM_", "NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_")
"""What is said in the environment to a server of whoever runs the tests: their store is no test's business."""

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV", *THEIRS))},
    "PYTHONPATH": str(ROOT),
    "LC_ALL": "C.UTF-8",
    "TERM": "xterm",
}

LOOK_BACK = 8192
"""Bytes of what was searched before that are searched again, since a pattern may begin in them."""

LISTENING = re.compile(r"listening on (.*?): (telnet \S+ (\d+)|.*)$")


def until(condition: Callable[[], T], what: str) -> T:
    """Asks again and again until the answer is true."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
        threading.Event().wait(0.01)
    return answer


class Output(threading.Thread):
    """The lines that a program has written, as they come."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._file = file
        self._news = threading.Condition()
        self.lines: list[str] = []
        self.start()

    def run(self) -> None:
        with self._file:
            for line in self._file:
                with self._news:
                    self.lines.append(line.decode().rstrip("\n"))
                    self._news.notify_all()

    def wait(self, enough: Callable[[list[str]], T], alive: Callable[[], bool]) -> T:
        """Until `enough` of the lines is true; fails when the program ends before."""
        deadline = time.monotonic() + PATIENCE
        with self._news:
            while not (answer := enough(self.lines)):
                assert alive() or self.is_alive(), f"ended: {self}"
                assert time.monotonic() < deadline, f"not within {PATIENCE} s: {self}"
                self._news.wait(0.1)
        return answer

    def __str__(self) -> str:
        return "\n".join(self.lines)


class Server:
    """A real twistd that runs chatroom in a directory of its own; `with` ends it, whatever happens."""

    process: subprocess.Popen[bytes]
    log: Output
    stderr: Output

    def __init__(
        self,
        where: Path,
        *options: str,
        lines: tuple[str, ...] = (ANY_PORT,),
        program: tuple[str, ...] = ("-c", RUN_TWISTD, "-n", "--pidfile=", "chatroom"),
        before: tuple[str, ...] = (),
        inherited: tuple[int, ...] = (),
    ) -> None:
        """`before`: a command that runs ours. `inherited`: files that it is given open."""
        self.where = where
        self.people: list[Person] = []
        self._lines = lines
        self._command = [*before, sys.executable, *program]
        for line in lines:
            self._command += ["--line", line]
        self._command += options
        self._inherited = inherited

    def begin(self) -> Server:
        """Start it, and wait for nothing."""
        self.process = subprocess.Popen(
            self._command,
            cwd=self.where,
            env=ENVIRONMENT,
            pass_fds=self._inherited,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.log, self.stderr = Output(self.process.stdout), Output(self.process.stderr)
        return self

    def start(self) -> Server:
        """Start it, and wait until it listens everywhere."""
        self.begin()
        self.wait_for_log(lambda lines: sum("listening on" in line for line in lines) == len(self._lines))
        return self

    def wait_for_log(self, enough: Callable[[list[str]], T]) -> T:
        return self.log.wait(enough, lambda: self.process.poll() is None)

    def wait_for_line(self, part: str) -> str:
        """The first line of the log that has `part` in it."""
        return self.wait_for_log(lambda lines: next((line for line in lines if part in line), ""))

    @property
    def invitations(self) -> list[str]:
        """How one gets in, for each listener in order."""
        return [found[2] for line in self.log.lines if (found := LISTENING.search(line))]

    @property
    def port(self) -> int:
        """That of the first listener."""
        return int(re.findall(r"\d+", self.invitations[0])[-1])

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        self.process.kill()
        self.end()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.end() in (0, -signal.SIGTERM), f"{self.log}\n{self.stderr}"

    def end(self) -> int:
        """Wait for its end; the status."""
        status = self.process.wait(PATIENCE)
        self.log.join(PATIENCE)
        self.stderr.join(PATIENCE)
        return status

    def __enter__(self) -> Server:
        """Started, unless it has begun already."""
        running = hasattr(self, "process") and self.process.poll() is None
        return self if running else self.start()

    def __exit__(self, kind: object, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
        for person in self.people:
            person.close()
        if kind is None:
            assert "Traceback" not in f"{self.log}{self.stderr}", f"{self.log}\n{self.stderr}"

    # What the kernel tells of it

    def memory(self) -> int:
        """KiB of main memory that it takes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)[1])  # type: ignore[index]

    def ticks(self) -> int:
        """Of processor time that it has had; 100 are a second."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def descriptors(self) -> list[str]:
        """What it has open."""
        found = []
        for path in Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.append(os.readlink(path))
        return found

    # What stands in its database, which it may be writing to

    def query(self, statement: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(f"file:{self.where}/chatroom.db?mode=ro", uri=True)) as database:
            return database.execute(statement).fetchall()

    def said(self) -> list[str]:
        """What was said, in order."""
        return [text for (text,) in self.query("SELECT text FROM entries WHERE kind = 'said' ORDER BY position")]


class Person:
    """Somebody at a socket."""

    def __init__(self, server: Server, nick: str = "", *, at: int | str = 0, buffer: int = 0) -> None:
        """With a nickname, wait until they are in. `at`: another of its ports, or the path of its Unix socket; `buffer`:
        bytes that the kernel keeps for them unread."""
        to: Any = at if isinstance(at, str) else ("127.0.0.1", at or server.port)
        self.socket = socket.socket(socket.AF_UNIX if isinstance(at, str) else socket.AF_INET)
        server.people.append(self)
        self.socket.settimeout(PATIENCE)
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect(to)
        if not isinstance(at, str):
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""
        self._searched = 0
        if nick:
            self.enter(nick)

    def enter(self, nick: str) -> None:
        self.say(nick)
        self.expect(rf"\* You are {re.escape(nick)}, .*\n")

    def send(self, sent: bytes) -> None:
        self.socket.sendall(sent)

    def say(self, *lines: str) -> None:
        self.send("".join(f"{line}\n" for line in lines).encode())

    def receive(self) -> bool:
        """Read what is there, at least one byte; False at the end."""
        more = self.socket.recv(1 << 16)
        self._read += more
        return bool(more)

    def expect(self, pattern: str) -> str:
        """All that comes up to where the pattern ends, which may be a while."""
        while (text := self.found(pattern)) is None:
            try:
                assert self.receive(), f"closed, and no {pattern!r} in {self._read[-2000:]!r}"
            except TimeoutError:
                raise AssertionError(f"no {pattern!r} in {self._read[-2000:]!r}") from None
        return text

    def found(self, pattern: str) -> str | None:
        """What has come up to where the pattern ends, if it has come."""
        found = re.compile(pattern.encode()).search(self._read, max(0, self._searched - LOOK_BACK))
        if found is None:
            self._searched = len(self._read)
            return None
        text, self._read = self._read[: found.end()], self._read[found.end() :]
        self._searched = 0
        return text.decode()

    def rest(self) -> str:
        """All that comes until the connection is closed, or reset; then it is closed here too."""
        with contextlib.suppress(ConnectionResetError):
            while self.receive():
                pass
        self.close()
        text, self._read = self._read, b""
        return text.decode()

    def silent(self, other: Person) -> str:
        """What has come so far, when something that `other` says now has: nothing else is under way."""
        word = f"silence-{time.monotonic_ns()}"
        other.say(word)
        return self.expect(rf".*: {word}\r\n").rpartition(word)[0].rpartition("\n")[0]

    def lines(self, count: int) -> list[str]:
        """So many lines."""
        return [self.expect(r".*?\r\n").removesuffix("\r\n") for _ in range(count)]

    def reset(self) -> None:
        """Be gone without a farewell: an RST instead of a FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def hear(people: Sequence[Person], pattern: str) -> list[str]:
    """What each of them hears up to where the pattern ends: all of them read at the same time."""
    heard: dict[Person, str] = {}
    deadline = time.monotonic() + 2 * PATIENCE
    with selectors.DefaultSelector() as selector:
        for person in people:
            selector.register(person.socket, selectors.EVENT_READ, person)
        while len(heard) < len(people):
            assert time.monotonic() < deadline, (
                f"{len(people) - len(heard)} of {len(people)} have not heard {pattern!r}"
            )
            for key, _ in selector.select(1):
                assert key.data.receive(), f"closed before {pattern!r}"
                text = key.data.found(pattern)
                if text is not None:
                    heard[key.data] = text
                    selector.unregister(key.fileobj)
    return [heard[person] for person in people]


WORDS = "x" * 400

SPEAKER_LEFT = r"\* speaker left\r\n"

ROUND = 300
"""Lines that are said before all who listen have heard them: what waits for its commit takes memory too."""


def speak(server: Server, listeners: Sequence[Person], lines: int, at: int = 0) -> list[str]:
    """Somebody comes, says so many numbered lines of 400 bytes and leaves; what each of those who listen hears of it."""
    speaker = Person(server, "speaker", at=at)
    heard = [""] * len(listeners)
    for start in range(0, lines, ROUND):
        end = min(start + ROUND, lines)
        speaker.say(*[f"{number} {WORDS}" for number in range(start, end)])
        for place, words in enumerate(hear(listeners, rf"speaker: {end - 1} {WORDS}\r\n")):
            heard[place] += words
    speaker.say("/quit")
    speaker.rest()
    return [before + after for before, after in zip(heard, hear(listeners, SPEAKER_LEFT), strict=True)]


def warm_up(server: Server, listeners: Sequence[Person], lines: int, at: int = 0) -> None:
    """The load under which memory is measured, once before: what Python, SQLite and the tail take for it is theirs. So is
    what the index takes, which follows a second behind; a search waits for it, however fast the lines went."""
    speak(server, listeners, lines, at)
    listeners[0].say("/search nothing-like-it")
    listeners[0].expect(r"nothing was found")


def numbers(heard: str) -> list[int]:
    """Of the speaker's lines, as they were heard."""
    return [int(number) for number in re.findall(rf"^speaker: (\d+) {WORDS}\r\n", heard, re.MULTILINE)]


class Listener(threading.Thread):
    """Takes down all that comes, until the connection ends."""

    def __init__(self, person: Person) -> None:
        super().__init__(daemon=True)
        self.person = person
        self._heard = ""
        self.start()

    def run(self) -> None:
        self._heard = self.person.rest()

    def rest(self) -> str:
        self.join(PATIENCE)
        assert not self.is_alive(), "not closed"
        return self._heard


class Talker(threading.Thread):
    """Says numbered lines as fast as they are taken, and listens, until the connection ends."""

    def __init__(self, person: Person, lines: int = 10**9) -> None:
        super().__init__(daemon=True)
        self._person = person
        self._lines = lines
        self._listener = Listener(person)
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError):
            for start in range(0, self._lines, 10):
                self._person.say(*[f"{number}" for number in range(start, start + 10)])

    def rest(self) -> str:
        self.join(PATIENCE)
        assert not self.is_alive(), "not all was taken"
        return self._listener.rest()


def nc(server: Server, *options: str, sent: bytes) -> str:
    """What netcat shows to who pipes something into it."""
    command = ["nc", *options, "127.0.0.1", str(server.port)]
    return subprocess.run(command, input=sent, capture_output=True, timeout=PATIENCE, check=True).stdout.decode()


@contextlib.contextmanager
def telnet(server: Server, nick: str = "", program: str = "telnet") -> Iterator[pexpect.spawn[str]]:
    """A real telnet at a terminal of its own."""
    command, *arguments = [*program.split(), "127.0.0.1", str(server.port)]
    where = shutil.which(command)
    assert where is not None
    terminal: pexpect.spawn[str] = pexpect.spawn(
        where, arguments, env=ENVIRONMENT, encoding="utf-8", timeout=PATIENCE, dimensions=(24, 200)
    )
    terminal.delaybeforesend = None
    try:
        terminal.expect("nickname.*\n")
        if nick:
            terminal.sendline(nick)
            terminal.expect(rf"\* You are {nick}, .*\n")
        yield terminal
    finally:
        terminal.close(force=True)
