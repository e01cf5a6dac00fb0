"""The log of a real server in each format: what is refused and decided is in it, words, passwords and, where so asked for,
addresses are not; and it stands in no one's way, whoever takes it.
"""

from __future__ import annotations

import json
import os
import re
import select
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from .server import ANY_PORT, RUN_TWISTD, Person, Server, until

pytestmark = pytest.mark.process

PASSWORD, WRONG, SAID = "correct-horse-1", "wrong-horse-2", "s3cret-words"

TROLL = "192.0.2.77"
HEADER = f"PROXY TCP4 {TROLL} 10.0.0.1 40000 6000\r\n".encode()

CRASH = """
from chatroom.commands import COMMANDS
from chatroom.rights import Right
@COMMANDS.command("crash", right=Right.ASK)
def crash(session):
    "Fail, as a bug would."
    raise ValueError("a bug")
"""
"""A command with a bug, since ours have none that is known."""

PROGRAM = ("-c", f"{CRASH}\n{RUN_TWISTD}", "-n", "--pidfile=", "chatroom")

BEFORE = {"json": r"\{", "journal": r"<\d>", "text": r"20\d\d-"}
"""How each line begins."""


class Logging(Server):
    """The first of its ports is behind a proxy, the second is for who is at the machine."""

    def __init__(self, where: Path, format: str, *options: str) -> None:
        more = ("--operator", "root", "--log-format", format, *options)
        super().__init__(where, *more, lines=(f"haproxy:{ANY_PORT}", ANY_PORT), program=PROGRAM)
        self._format = format

    def begin(self) -> Server:
        super().begin()
        if self._format != "text":  # the others go to standard error
            self.log, self.stderr = self.stderr, self.log
        return self

    def __exit__(self, kind: object, *more: object) -> None:
        super().__exit__(kind or Exception, *more)  # its log has a traceback

    @property
    def told(self) -> list[str]:
        """What the log says, without what the format has before it."""
        if self._format == "json":
            return [json.loads(line)["message"] for line in self.log.lines]
        return [line.partition("] ")[2] for line in self.log.lines]


def last_number(text: str) -> int:
    return int(re.findall(r"\d+", text)[-1])


def from_afar(server: Server) -> Person:
    person = Person(server)
    person.send(HEADER)
    return person


def trouble(server: Server) -> None:
    """All that may go wrong among people; then the server stops."""
    root = Person(server, "root", at=last_number(server.invitations[1]))
    root.say(f"/register {PASSWORD}")
    root.expect("root is your own now")
    bob = from_afar(server)
    bob.enter("bob")
    bob.say(SAID, f"/nosuchthing {SAID}", f"/msg nobody {SAID}", f"/topic {SAID}", f"/register {SAID}")
    bob.expect("bob is your own now")
    for _ in range(10):
        with from_afar(server) as stranger:
            stranger.say(f"/login root {WRONG}", "/quit")
            stranger.rest()
    with from_afar(server) as unlucky:
        unlucky.enter("unlucky")
        unlucky.say("/crash")
        unlucky.rest()
    root.say(f"/topic {SAID}", f"/filter add refuse {SAID}", f"/announce {SAID}", "/server ban 192.0.2.64/27 1h spam")
    root.expect("banned: ")
    bob.expect("! you are banned from this server")
    with from_afar(server) as banned:
        banned.rest()
    root.say("/server unban 192.0.2.64/27", "/server kick root", "/nosuchthing")
    root.expect("nosuchthing")
    server.terminate()


@pytest.mark.parametrize("format", ["text", "json", "journal"])
@pytest.mark.parametrize(
    ("how", "place", "network"),
    [
        ("full", f" from {TROLL}", "192.0.2.64/27"),
        ("network", " from 192.0.2.0/24", "192.0.2.0/24"),
        ("none", "", "an address"),
    ],
)
def test_the_log_tells_what_was_refused_and_decided_and_no_words_passwords_or_more_of_addresses_than_asked_for(
    tmp_path: Path, format: str, how: str, place: str, network: str
) -> None:
    with Logging(tmp_path, format, "--log-addresses", how) as server:
        trouble(server)
    told = server.told
    assert f"refused no_command: bob{place} by text over TCP" in told
    assert told.count(f"refused login_failed: a stranger{place} by text over TCP") == 5
    assert f"refused too_many_logins: a stranger{place} by text over TCP" in told
    assert "#lobby: root set topic" in told
    assert "#lobby: root added filter 1 (refuse)" in told
    assert "server: root announced something to everybody" in told
    assert any(re.fullmatch(rf"server: root banned {re.escape(network)} until 20\S+Z: spam", line) for line in told)
    assert f"server: root unbanned {network}" in told
    assert "a session failed" in told
    everything = "\n".join([*server.log.lines, *server.stderr.lines])
    for never in (SAID, PASSWORD, WRONG):
        assert never not in everything
    assert (TROLL in everything) == (how == "full")
    if how == "none":
        assert "192.0.2" not in everything
    lines = server.log.lines
    assert all(re.match(BEFORE[format], line) for line in lines if format != "text" or not line.startswith("\t"))
    assert all(len(line.encode()) < 4096 for line in lines)
    if format != "text":
        assert not server.stderr.lines  # standard output


def test_a_flood_is_told_as_a_number_at_the_end_at_the_latest(tmp_path: Path) -> None:
    with Server(tmp_path, "--rate", "0") as server, Person(server, "bob") as bob:
        bob.say(*[f"/nosuchthing {number}" for number in range(1000)])
        bob.expect(r"nosuchthing(.|\n)*\n")
        bob.say("/quit")
        bob.rest()
        server.terminate()
    assert sum("refused no_command: " in line for line in server.log.lines) == 5
    assert (
        sum("refused no_command 995 times more within 60 s, from 1 address" in line for line in server.log.lines) == 1
    )


def serves_on(where: Path, format: str, standard_error: str, meanwhile: Callable[[], None] = lambda: None) -> Server:
    """A server with another standard error (of the shell's words), after people talked and were refused on it."""
    command = f'exec 2>{standard_error}; exec "$@"'
    server = Server(where, "--log-format", format, lines=("unix:people",), before=("sh", "-c", command, "sh"))
    server.begin()
    place = str(where / "people")
    try:
        until(lambda: listens(place), "it listens")
        with Person(server, "alice", at=place) as alice, Person(server, "bob", at=place) as bob:
            alice.say(*["/nosuchthing"] * 3, "hello")
            bob.expect("alice: hello")
            meanwhile()
            alice.say("/nosuchthing", "still here")
            bob.expect("alice: still here")
        server.terminate()
    finally:
        server.__exit__(None)
    assert not server.log.lines  # standard output
    assert server.said() == ["hello", "still here"]
    return server


def listens(place: str) -> bool:
    with socket.socket(socket.AF_UNIX) as trying:
        try:
            trying.connect(place)
        except (FileNotFoundError, ConnectionRefusedError):  # not bound yet, or bound and not listening yet
            return False
    return True


@pytest.mark.parametrize("format", ["json", "journal"])
def test_a_server_whose_log_nobody_takes_serves_on(tmp_path: Path, format: str) -> None:
    """Standard error is a pipe that is full, and then one that nobody reads."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read, write = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    while select.select([], [write], [], 0)[1]:
        os.write(write, b"x" * 4096)
    os.close(write)
    serves_on(tmp_path, format, str(pipe), lambda: os.close(read))


def test_a_server_whose_log_is_on_a_full_disk_serves_on(tmp_path: Path) -> None:
    serves_on(tmp_path, "json", "/dev/full")


def test_a_server_without_a_standard_error_serves_and_writes_to_no_other_file(tmp_path: Path) -> None:
    serves_on(tmp_path, "json", "&-")
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert files
    assert not any(b"refused no_command" in path.read_bytes() for path in files)


@pytest.mark.parametrize(
    ("twistd", "words"),
    [
        ((), "--log-format: json goes to standard error: only together with twistd -n"),
        (("-n", "--logfile=x"), "only together with twistd -n, and without --logfile"),
        (("-n", "--syslog"), "only together with twistd -n, and without --syslog"),
    ],
)
def test_where_there_is_no_standard_error_that_is_said_and_nothing_starts(
    tmp_path: Path, twistd: tuple[str, ...], words: str
) -> None:
    server = Server(
        tmp_path, "--log-format=json", program=("-c", RUN_TWISTD, *twistd, "--pidfile=", "chatroom")
    ).begin()
    assert server.end() == 1
    assert words in str(server.stderr)
    assert not [*tmp_path.iterdir()]
