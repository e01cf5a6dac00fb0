"""A real server that reads its configuration again: at SIGHUP, and when its owner asks; people notice what changed only."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chatroom.protocols.control import connect

from .server import ANY_PORT, ENVIRONMENT, PATIENCE, RUN_TWISTD, Output, Person, Server, Talker, until
from .test_faults import small_disk
from .test_twistd import daemon, gone

__all__ = ["small_disk"]

pytestmark = pytest.mark.process

SECRET = "correct horse battery"


def asked(where: Path, name: str, words: str = "") -> dict[str, Any]:
    """What the server answers to its owner."""
    with connect(f"{where}/chatroom.db-control") as control:
        control.settimeout(PATIENCE)
        control.sendall(json.dumps({name: {"words": words}}).encode() + b"\n")
        with control.makefile("rb") as lines:
            answer: dict[str, Any] = json.loads(next(lines))
    return answer


class Configured(Server):
    """One whose options stand in a file."""

    def __init__(self, where: Path, text: str = "", *options: str, **more: Any) -> None:
        self.config = where / "chatroom.toml"
        self.config.write_text(text)
        super().__init__(where, "--config", "chatroom.toml", *options, **more)

    def becomes(self, text: str, end: str = "reloaded") -> list[str]:
        """Write it anew, and have it read by a signal; what the log tells of it."""
        self.config.write_text(text)
        return self.hang_up(end)

    def hang_up(self, end: str = "reloaded") -> list[str]:
        told = len(self.log.lines)
        self.process.send_signal(signal.SIGHUP)
        self.wait_for_log(lambda lines: any(end in line for line in lines[told:]))
        return [
            line.partition("] ")[2].partition("] ")[2] or line for line in self.log.lines[told:] if "reloaded" in line
        ]


def test_a_signal_changes_what_can_be_changed_and_tells_what_cannot(tmp_path: Path) -> None:
    (tmp_path / "motd").write_text("mind the step\n")
    with Configured(tmp_path, "history = 0\n") as server:
        alice = Person(server, "alice")
        alice.say("first", "second", "third")
        server.becomes(
            'server-name = "The Fox"\nmotd = "motd"\nhistory = 2\nroom = ["den"]\nconnections = 2\n',
            "room: + den, - lobby; takes a restart",
        )
        for told in (
            "reloaded: server-name: The Fox instead of chatroom",
            "reloaded: motd: motd instead of none",
            "reloaded: history: 2 instead of 0",
            "reloaded: connections: 2 instead of 10000",
        ):
            server.wait_for_line(told)
        bob = Person(server)
        bob.expect("Welcome to The Fox, room #lobby")
        bob.say("bob")
        shown = bob.expect(r"\* You are bob.*\n") + bob.silent(alice)
        assert ("mind the step" in shown, "third" in shown, "first" in shown) == (True, True, False)
        carol = Person(server)
        assert "! the server is full: it takes 2 connections" in carol.rest()
        (tmp_path / "motd").write_text("mind the gap\n")
        server.becomes(server.config.read_text().replace("= 2\n", "= 9\n"), "reloaded: history: 9")
        server.wait_for_line("reloaded: motd: motd, read again")
        dave = Person(server)
        dave.say("dave")
        assert "mind the gap" in dave.expect(r"\* You are dave.*\n") + dave.silent(alice)
        server.terminate()


def test_without_a_change_it_says_so(tmp_path: Path) -> None:
    with Configured(tmp_path, "history = 5\n") as server:
        server.hang_up("reloaded: nothing has changed")
        assert asked(tmp_path, "reload")["words"] == "nothing has changed"
        server.terminate()


def test_what_is_wrong_is_told_and_the_old_stays(tmp_path: Path) -> None:
    with Configured(tmp_path, 'server-name = "The Fox"\n') as server:
        server.becomes('server-name = ""\ngrace = 7\n', "reloaded, but not changed: ")
        server.wait_for_line("reloaded: grace: 7 instead of 120")
        refused = asked(tmp_path, "reload")["refused"]
        assert refused["code"] == "not_reloaded"
        assert refused["words"].endswith("server-name: '' is not one line of text")
        server.becomes("server-name = \n", "not changed: ")
        server.wait_for_line("Invalid value (at line 1, column 15)")
        server.config.unlink()
        assert "No such file or directory" in asked(tmp_path, "reload")["refused"]["words"]
        bob = Person(server)
        bob.expect("Welcome to The Fox")
        server.config.write_text('server-name = "The Hound"\ngrace = 7\n')
        assert asked(tmp_path, "reload")["changed"] == ["server-name: The Hound instead of The Fox"]
        server.terminate()


def test_who_is_named_an_operator_is_one_at_once_and_then_is_not(tmp_path: Path) -> None:
    with Configured(tmp_path) as server:
        asked(tmp_path, "add-account", f"alice {SECRET}")
        alice = Person(server)
        alice.say(f"/login alice {SECRET}")
        alice.expect(r"\* You are alice")
        alice.say("/announce hello")
        alice.expect("! only operators of the server may do that\r\n")
        server.becomes('operator = ["alice"]\n', "reloaded: operator: + alice")
        alice.say("/announce hello")
        assert "!" not in alice.expect("hello\r\n")
        server.becomes("", "reloaded: operator: - alice")
        alice.say("/announce hello")
        alice.expect("! only operators of the server may do that\r\n")
        server.terminate()


def test_a_shorter_retention_takes_words_out_of_the_file_at_once(tmp_path: Path) -> None:
    with Configured(tmp_path, "history = 9\n") as server:
        alice, bob = Person(server, "alice"), Person(server, "bob")
        alice.say("to be forgotten")
        bob.expect("to be forgotten\r\n")
        until(lambda: server.said() == ["to be forgotten"], "it is saved")
        server.becomes('retention = "1s"\n', "reloaded: retention: 1s instead of forever")
        until(lambda: "to be forgotten" not in server.said(), "it is forgotten")
        server.terminate()


def test_the_servers_password_and_registration_count_for_who_comes(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("sesame\n")
    (tmp_path / "secret").chmod(0o600)
    with Configured(tmp_path) as server:
        alice = Person(server, "alice")
        server.becomes('server-password-file = "secret"\nregistration = "closed"\n', "server-password-file: secret")
        bob = Person(server)
        bob.say("bob")
        while b"password" not in bob._read:
            assert bob.receive()
        bob._read = b""  # with what hides it on a telnet's screen
        bob.say("sesame")
        while b"* You are bob" not in bob._read:
            assert bob.receive()
        alice.say("/register")
        alice.expect("! ")
        assert "sesame" not in str(server.log)
        server.terminate()


def test_a_hundred_signals_under_load_lose_nothing_and_drop_nobody(tmp_path: Path) -> None:
    with Configured(tmp_path, "history = 0\nrate = 0\n") as server:
        listener = Person(server, "listener")
        talkers = [Person(server, nick) for nick in ("ann", "ben", "cyd")]
        listener.expect("cyd joined")
        lines = 2000
        talking = [Talker(person, lines) for person in talkers]
        for number in range(100):
            server.config.write_text(f"history = {number + 1}\nrate = 0\n")
            server.process.send_signal(signal.SIGHUP)
            until(
                lambda number=number: any(f"reloaded: history: {number + 1} " in line for line in server.log.lines),
                "each is read",
            )
        heard: dict[str, list[int]] = {"ann": [], "ben": [], "cyd": []}
        while any(len(each) < lines for each in heard.values()):
            nick, number = re.findall(r"(\w+): (\d+)\r\n$", listener.expect(r"\w+: \d+\r\n"))[0]
            heard[nick].append(int(number))
        assert all(each == list(range(lines)) for each in heard.values())
        server.terminate()
        for each in talking:
            each.rest()
        assert sorted(server.said()) == sorted([str(number) for number in range(lines)] * 3)


def test_many_signals_at_once_are_one_or_more(tmp_path: Path) -> None:
    with Configured(tmp_path, "history = 5\n") as server:
        for _ in range(50):
            server.process.send_signal(signal.SIGHUP)
        server.wait_for_line("reloaded: nothing has changed")
        alice, bob = Person(server, "alice"), Person(server, "bob")
        bob.say("hello")
        alice.expect("bob: hello\r\n")
        server.terminate()


HANGS_UP = f"""
import os, signal
from chatroom import tap
made = tap.service
def service(options, reactor):
    root = made(options, reactor)
    os.kill(os.getpid(), signal.SIGHUP)
    return root
tap.service = service
{RUN_TWISTD}
"""
"""twistd with a server that is told to read again while it is put together, before anything of it is started."""


def test_a_signal_while_the_server_starts_is_obeyed_as_soon_as_it_can_be(tmp_path: Path) -> None:
    with Server(tmp_path, program=("-c", HANGS_UP, "-n", "--pidfile=", "chatroom")) as server:
        server.wait_for_line("reloaded: nothing has changed")
        Person(server, "alice")
        server.terminate()


# A terminal


@contextlib.contextmanager
def at_a_terminal(
    where: Path, *options: str, before: tuple[str, ...] = ()
) -> Iterator[tuple[subprocess.Popen[bytes], int, Output]]:
    """twistd -n in a session of its own, whose terminal is ours to close; its process, our end, and what it logs."""
    ours, its = pty.openpty()
    log = (where / "log").open("wb")
    command = [sys.executable, "-c", RUN_TWISTD, "-n", "chatroom", "--line", ANY_PORT, *options]
    with log:
        process = subprocess.Popen(
            [*SETSID, *before, *command], cwd=where, env=ENVIRONMENT, stdin=its, stdout=log, stderr=log
        )
    os.close(its)
    try:
        until(lambda: b"listening on" in (where / "log").read_bytes(), "it listens")
        yield process, ours, where / "log"
    finally:
        with contextlib.suppress(OSError):
            os.close(ours)
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE)


SETSID = ("setsid", "--ctty")
"""util-linux: a new session, with standard input as its terminal."""


def test_a_signal_with_a_terminal_reads_again_and_its_loss_stops_the_server(tmp_path: Path) -> None:
    with at_a_terminal(tmp_path) as (process, ours, log):
        os.kill(process.pid, signal.SIGHUP)
        until(lambda: b"reloaded: nothing has changed" in log.read_bytes(), "it reads again")
        server = Server(tmp_path)
        port = int(re.findall(rb"telnet localhost (\d+)", log.read_bytes())[0])
        alice, bob = Person(server, "alice", at=port), Person(server, "bob", at=port)
        bob.say("the last words")
        alice.expect("the last words\r\n")
        os.close(ours)
        alice.expect(r"\* the server is stopping; come back soon\r\n")
        assert process.wait(PATIENCE) == 0
        assert b"Traceback" not in log.read_bytes()
        for person in server.people:
            person.close()
    assert server.said() == ["the last words"]
    assert not (tmp_path / "chatroom.db-control").exists()


def test_several_hangups_of_a_terminal_stop_it_once(tmp_path: Path) -> None:
    with at_a_terminal(tmp_path) as (process, ours, log):
        os.kill(process.pid, signal.SIGSTOP)
        os.close(ours)
        os.kill(process.pid, signal.SIGHUP)
        os.kill(process.pid, signal.SIGCONT)

        def ended() -> bool:
            process.send_signal(signal.SIGHUP)
            return process.poll() is not None

        until(ended, "its end")
        assert process.returncode in (0, -signal.SIGHUP)  # at its very end Python has taken its hands off signals
        assert b"Server Shut Down" in log.read_bytes()
        assert b"Traceback" not in log.read_bytes()


NOHUP = ("env", "--ignore-signal=HUP")
"""As nohup(1), which would take standard input away too."""


def test_a_server_that_is_to_outlive_its_terminal_reads_again_and_goes_on(tmp_path: Path) -> None:
    with at_a_terminal(tmp_path, before=NOHUP) as (process, ours, log):
        os.close(ours)
        until(lambda: b"reloaded: nothing has changed" in log.read_bytes(), "it reads again")
        assert asked(tmp_path, "status")["state"] == "ready"
        process.terminate()
        assert process.wait(PATIENCE) in (0, -signal.SIGTERM)
        assert b"Traceback" not in log.read_bytes()


# A daemon


@pytest.mark.parametrize("rundir", [False, True])
def test_a_daemon_reads_again_at_a_signal(tmp_path: Path, rundir: bool) -> None:
    (tmp_path / "run").mkdir()
    where = tmp_path / "run" if rundir else tmp_path
    (tmp_path / "motd").write_text("one\n")
    config = tmp_path / "chatroom.toml"
    config.write_text('motd = "motd"\n')
    command = [sys.executable, "-c", RUN_TWISTD, *(("--rundir", "run") if rundir else ()), "chatroom"]
    options = ("--line", ANY_PORT, "--config", "chatroom.toml")
    if rundir:
        started = subprocess.run(
            [*command, *options], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, timeout=PATIENCE, check=False
        )
    else:
        started = daemon(tmp_path, *options)
    assert (started.returncode, started.stdout, started.stderr) == (0, b"", b"")
    pidfile = tmp_path / "twistd.pid"
    pid = int(pidfile.read_text())
    log = tmp_path / "twistd.log"

    def told(words: str) -> Callable[[], bool]:
        return lambda: words in log.read_text()

    try:
        until(told("listening on"), "it listens")
        (tmp_path / "motd").write_text("two\n")
        config.write_text('motd = "motd"\nhistory = 3\n')
        os.kill(pid, signal.SIGHUP)
        until(told("reloaded: history: 3 instead of 20"), "it reads again")
        assert told("reloaded: motd: motd, read again")()
        assert asked(where, "reload")["words"] == "nothing has changed"
        os.kill(pid, signal.SIGTERM)
        until(lambda: gone(pid), "its end")
    finally:
        if not gone(pid):
            os.kill(pid, signal.SIGKILL)
    assert "Traceback" not in log.read_text()
