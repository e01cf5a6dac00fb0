"""What the client on a screen takes to start, to show a key, and to show 20,000 lines that come at once; and how much memory:
`python -m benchmarks.client`, half a minute.
"""

from __future__ import annotations

import os
import re
import signal
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pexpect

from tests.server import ENVIRONMENT, Person, Server, until

EACH = 20
"""How often it is started, and a key pressed."""

FLOODS = 5

LINES = 20_000

SIZE = (24, 80)

WITHIN = 30
"""Seconds after which something does not come any more."""


class Client:
    """A real one on a terminal, of which we see the bytes."""

    def __init__(self, server: Server, nick: str, home: str) -> None:
        environment = {**ENVIRONMENT, "HOME": home, "TERM": "xterm-256color"}
        self._nick = nick
        self.began = time.perf_counter()
        self.process = pexpect.spawn(
            sys.executable,
            ["-m", "chatroom.client", f"127.0.0.1:{server.port}", "--nick", nick],
            env=environment,
            dimensions=SIZE,
            encoding="utf-8",
            timeout=WITHIN,
        )
        self.process.delaybeforesend = None

    def shows(self, pattern: str) -> float:
        """When."""
        self.process.expect(pattern)
        return time.perf_counter()

    def end(self) -> None:
        self.process.send("\x04")
        self.process.expect(pexpect.EOF)
        self.process.close()
        assert self.process.exitstatus == 0, self.process.exitstatus

    @property
    def memory(self) -> float:
        """MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        assert found
        return int(found[1]) / 1024

    @property
    def stopped(self) -> bool:
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def started(server: Server, home: str) -> tuple[float, float]:
    """Milliseconds until one can type, and until one is in the room."""
    client = Client(server, "starter", home)
    typed = client.shows("starter")  # the prompt
    there = client.shows("You are")
    client.end()
    return (typed - client.began) * 1000, (there - client.began) * 1000


def key(client: Client, letter: str) -> float:
    """Milliseconds until what is typed is seen."""
    began = time.perf_counter()
    client.process.send(letter)
    return (client.shows(letter) - began) * 1000


def flooded(server: Server, client: Client, number: int) -> float:
    """Milliseconds until the last of so many lines is on the screen, which all wait when it is looked at."""
    end = "ABCDEFGH"[number] * 20  # of which no letter stands there already: what does not change is not drawn again
    os.kill(client.process.pid, signal.SIGSTOP)
    until(lambda: client.stopped, "it is stopped")
    with Person(server, f"talker{number}") as talker:
        talker.say("/echo off")
        talker.expect("not sent back")
        talker.say(*(f"flood {number}, line {line} of many" for line in range(LINES - 1)), end)
        talker.say("/rooms")
        talker.expect(r"\* #lobby.*\r\n")
    began = time.perf_counter()
    os.kill(client.process.pid, signal.SIGCONT)
    return (client.shows(end) - began) * 1000


def told(what: str, took: Sequence[float]) -> None:
    sys.stdout.write(f"| {what} | {len(took)} | {statistics.median(took):.0f} | {max(took):.0f} |\n")
    sys.stdout.flush()


def measure(where: Path) -> None:
    sys.stdout.write("milliseconds\n\n| what | times | p50 | max |\n| --- | --- | --- | --- |\n")
    with Server(where, "--no-limits").start() as server:
        starts = [started(server, str(where)) for _ in range(EACH)]
        told("from the command to the prompt", [typed for typed, _ in starts])
        told("from the command to being in the room", [there for _, there in starts])
        client = Client(server, "alice", str(where))
        client.shows("You are")
        before = client.memory
        told("from a key to its letter", [key(client, letter) for letter in "quickbrownfxjmpsvthl"])
        client.process.send("\x03")
        told(
            f"{LINES:,} lines at once, until the last is shown",
            [flooded(server, client, each) for each in range(FLOODS)],
        )
        after = client.memory
        client.end()
        server.terminate()
    sys.stdout.write(f"\nmemory: {before:.1f} MiB at first, {after:.1f} after {FLOODS * LINES:,} lines\n")


def main() -> None:
    with TemporaryDirectory(prefix="chatroom-bench-") as where:
        measure(Path(where))


if __name__ == "__main__":
    main()
