"""The servers that are compared: what each needs, how it is started, and how it is stopped again."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
CHECKOUT = HERE.parent
SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
START_SECONDS = 20
STOP_SECONDS = 10

NGIRCD = """\
[Global]
Name = bench.invalid
Info = benchmark
Listen = 127.0.0.1
Ports = {port}
MotdPhrase = benchmark
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxNickLength = 16
MaxPenaltyTime = 0
PingTimeout = 3600
[Options]
DNS = no
Ident = no
PAM = no
"""


class CannotRun(Exception):
    """A server or the load generator is missing or did not work; the words say what to do, or what it said."""


class Options(NamedTuple):
    """What the person at the keyboard chose and the servers need to know."""

    directory: Path
    """Where everything built and stored lies; a real disk, since commits are measured."""
    miniircd: str | None


class Server(NamedTuple):
    """`command` gives the command line for a port, or raises CannotRun."""

    words: str
    command: Callable[[int, Options], list[str]]
    irc: bool = False
    joining: int = 64
    """How many enter at once: no more than its listen backlog, or connecting waits for the kernel to try again."""


def cc(output: Path, *sources: str) -> str:
    """Compile C from this directory; warnings are errors."""
    compiler = shutil.which("cc")
    if not compiler:
        raise CannotRun("needs a C compiler: apt install gcc libc6-dev")
    command = [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(output)]
    command += [str(HERE / source) for source in sources]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise CannotRun(done.stderr)
    return str(output)


def load_generator(directory: Path) -> str:
    return cc(directory / "load", "load.c", "member.c", "check.c")


def limit(port: int, options: Options) -> list[str]:
    return [cc(options.directory / "coalesce", "coalesce.c"), str(port)]


def naive(port: int, options: Options) -> list[str]:
    return [sys.executable, str(HERE / "naive_twisted.py"), str(port)]


def chatroom(*storage: str) -> Callable[[int, Options], list[str]]:
    """This server, out of the checkout; {database} in an option is a file that does not exist yet."""

    def command(port: int, options: Options) -> list[str]:
        twistd = shutil.which("twistd", path=os.pathsep.join([str(Path(sys.executable).parent), SYSTEM_PATH]))
        if not twistd:
            raise CannotRun("needs Twisted: pip install twisted")
        chosen = [option.format(database=options.directory / f"{port}.sqlite") for option in storage]
        listen = ["--line", f"tcp:{port}:interface=127.0.0.1"]
        log = f"--logfile={options.directory / f'{port}.log'}"
        return [twistd, "-n", "--pidfile=", log, "chatroom", *listen, *chosen, "--no-limits", "--history", "0"]

    return command


def ngircd(port: int, options: Options) -> list[str]:
    program = shutil.which("ngircd", path=SYSTEM_PATH)
    if not program:
        raise CannotRun("not installed: apt install ngircd")
    config = options.directory / "ngircd.conf"
    config.write_text(NGIRCD.format(port=port))
    return [program, "-n", "-f", str(config)]


def miniircd(port: int, options: Options) -> list[str]:
    program = shutil.which(options.miniircd or "miniircd", path=SYSTEM_PATH)
    if not program:
        raise CannotRun("not installed: pip install miniircd (or --miniircd FILE)")
    as_root = ["--setuid", "root"] if os.geteuid() == 0 else []
    return [program, "--listen", "127.0.0.1", "--ports", str(port), *as_root]


SERVERS = {
    "limit": Server("C, epoll, one send to each reader and wake-up; keeps nothing", limit),
    "chatroom": Server("this server, SQLite, synchronous=FULL", chatroom("--storage", "sqlite:{database}")),
    "chatroom-process": Server(
        "this server, SQLite, synchronous=NORMAL",
        chatroom("--storage", "sqlite:{database}", "--durability", "process"),
    ),
    "chatroom-memory": Server("this server, nothing on disk", chatroom("--storage", "memory:")),
    "naive": Server("Twisted as everybody writes it", naive),
    "ngircd": Server("IRC, C", ngircd, irc=True, joining=10),
    "miniircd": Server("IRC, Python", miniircd, irc=True, joining=5),
}

OURS = "chatroom"
LIMIT = "limit"
PEERS = ("naive", "ngircd", "miniircd")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started meanwhile stays on that core, with all its threads."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise CannotRun("did not start")


@contextmanager
def running(server: Server, options: Options, core: int) -> Iterator[tuple[int, int]]:
    """The server, alone on its core: its port and process id."""
    port = free_port()
    command = server.command(port, options)
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
    output = options.directory / f"{port}.out"
    with output.open("wb") as out, on_core(core):
        process = subprocess.Popen(command, cwd=options.directory, env=environment, stdout=out, stderr=out)
    try:
        wait_until_it_listens(process, port)
        yield port, process.pid
    except CannotRun as problem:
        said = output.read_text(errors="replace").strip().splitlines()
        raise CannotRun(f"{problem}: {said[-1] if said else 'it said nothing'}") from None
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
