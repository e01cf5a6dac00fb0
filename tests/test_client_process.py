"""The program `chatroom` as scripts and people run it: real processes, pipes and terminals, and a real server."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import os
import random
import re
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chatroom import __version__
from chatroom.client.plain import FLUSH_TIMEOUT, LEAVE_TIMEOUT
from chatroom.client.signals import LAST_RESORT

from .server import ANY_PORT, ENVIRONMENT, PATIENCE, RUN_TWISTD, Person, Server, until

pytestmark = pytest.mark.process

CLIENT = [sys.executable, "-m", "chatroom.client"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path, "--no-limits") as running:
        yield running


@pytest.fixture
def alice(server: Server) -> Iterator[Person]:
    with Person(server, "alice") as person:
        yield person


def begin(to: Server | str, *options: str, **files: Any) -> subprocess.Popen[bytes]:
    """Start the client, and wait for nothing."""
    where = to if isinstance(to, str) else f"127.0.0.1:{to.port}"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*CLIENT, where, *options], env=ENVIRONMENT, **pipes | files)


def run(to: Server | str, *options: str, sent: bytes = b"", **files: Any) -> tuple[int, str, str]:
    """Pipe something into the client: its status, and what it wrote to standard output and error."""
    given = {"stdin": subprocess.PIPE} if sent else {"stdin": subprocess.DEVNULL}
    with begin(to, *options, **given | files) as client:
        try:
            out, err = client.communicate(sent or None, timeout=PATIENCE)
        finally:
            client.kill()
    return client.returncode, (out or b"").decode(), (err or b"").decode()


def shell(script: str, server: Server) -> subprocess.CompletedProcess[bytes]:
    """What a person writes in a shell; `chatroom` stands for the client and this server."""
    command = f"{' '.join(CLIENT)} 127.0.0.1:{server.port}"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", script.replace("chatroom", command)],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


# In a pipe


def test_a_script_says_a_line_and_leaves(server: Server, alice: Person) -> None:
    done = shell('echo "deploy done" | chatroom --nick ci', server)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"* You are ci, in #lobby with alice. /help lists the commands, bye leaves.\n"
    assert alice.expect(r"ci left\r\n") == "* ci joined\r\nci: deploy done\r\n* ci left\r\n"


def test_the_last_line_counts_without_its_end(server: Server) -> None:
    assert shell("printf 'one\ntwo' | chatroom", server).returncode == 0
    assert server.said() == ["one", "two"]


def test_nothing_comes_in(server: Server, alice: Person) -> None:
    assert shell("chatroom --nick nobody < /dev/null", server).returncode == 0
    alice.expect(r"\* nobody joined\r\n\* nobody left\r\n")


def test_a_file_is_said_and_output_goes_to_a_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("".join(f"{number}\n" for number in range(3000)))
    done = shell(f"chatroom --json < {tmp_path}/in > {tmp_path}/out", server)
    assert (done.returncode, done.stderr) == (0, b"")
    assert server.said() == [str(number) for number in range(3000)]
    shown = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert [said["text"] for said in shown if said.get("event") == "said"] == server.said()


def test_a_full_disk_is_told_and_fails_but_what_was_piped_in_is_said(server: Server) -> None:
    done = shell("echo hi | chatroom --json > /dev/full", server)
    assert done.returncode == 1
    assert done.stderr == b"chatroom: standard output cannot be written to\n"
    assert server.said() == ["hi"]


def test_a_reader_who_has_enough_ends_it(server: Server, alice: Person) -> None:
    client = begin(server, "--json", "--nick", "bot")
    assert client.stdin is not None
    assert client.stdout is not None
    with client:
        assert b"welcome" in client.stdout.readline()
        client.stdout.close()
        alice.expect("bot joined")
        alice.say("anything")
        assert client.wait(PATIENCE) == 1
    alice.expect(r"bot left\r\n")


def test_head_gets_its_line(server: Server) -> None:
    done = shell("seq 1 2000 | chatroom --json | head -1", server)
    assert json.loads(done.stdout)["welcome"]["nick"]
    assert done.stderr == b""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_file_is_none_of_ours(server: Server, closed: str) -> None:
    assert shell(f"chatroom {closed}", server).returncode == 0


def test_lines_are_said_while_the_input_stays_open(server: Server, alice: Person) -> None:
    with begin(server, "--nick", "log") as client:
        assert client.stdin is not None
        client.stdin.write(b"first\n")
        client.stdin.flush()
        alice.expect("log: first\r\n")
        client.stdin.write(b"second")
        client.stdin.close()
        alice.expect("log: second\r\n")
        alice.expect("log left")
        assert client.wait(PATIENCE) == 0


def test_commands_and_bye(server: Server, alice: Person) -> None:
    status, out, _ = run(server, "--nick", "bot", sent=b"/me waves\n//text\n/nick robot\n/who\nbye\nnever said\n")
    assert status == 0
    assert out.splitlines()[1:] == ["* bot is now robot", "* 2 in #lobby: alice, robot"]
    assert alice.expect("left\r\n").splitlines() == [
        "* bot joined",
        "* bot waves",
        "bot: /text",
        "* bot is now robot",
        "* robot left",
    ]


def test_a_command_that_is_none_fails_and_the_rest_is_said(server: Server) -> None:
    status, out, err = run(server, "--no-history", sent=b"/bogus\nsaid\n")
    assert (status, err) == (1, "")
    assert "! no command /bogus; " in out
    assert server.said() == ["said"]


def test_what_others_say_is_shown_without_control_bytes(server: Server, alice: Person) -> None:
    alice.say("before")
    with begin(server, "--nick", "bot", "--timestamps") as client:
        alice.expect("bot joined")
        alice.send("now \x1b[31mred \N{SNOWMAN}\n/me waves\nbye\n".encode())
        alice.rest()
        out, _ = client.communicate(timeout=PATIENCE)
    text = out.decode()
    assert text.replace("\n", "").isprintable()
    stripped = [re.sub(r"^\[[-0-9 ]*\d\d:\d\d\] ", "", line) for line in text.splitlines()]
    assert (
        stripped[1:]
        == ["alice: before", "alice: now [31mred \N{SNOWMAN}", "* alice waves", "* alice left"][: len(stripped) - 1]
    )
    assert all(line.startswith("[") for line in text.splitlines())


def test_history_is_left_out_on_request(server: Server, alice: Person) -> None:
    alice.say("before")
    run(server, sent=b"/who\n")
    _, out, _ = run(server, "--no-history")
    assert "before" not in out
    _, out, _ = run(server)
    assert "alice: before\n" in out


def test_json_is_one_object_a_line(server: Server) -> None:
    status, out, _ = run(server, "--json", "--nick", "bot", sent=b"hi\n/who\n")
    assert status == 0
    welcome, said, who = map(json.loads, out.splitlines())
    assert welcome["welcome"]["nick"] == "bot"
    assert "resume" not in welcome["welcome"]
    assert (said["event"], said["nick"], said["text"]) == ("said", "bot", "hi")
    assert who["members"] == ["bot"]


def test_a_nickname_that_is_taken_gets_a_number(server: Server, alice: Person) -> None:
    _, out, _ = run(server, "--nick", "alice", sent=b"hi\n")
    assert out.splitlines()[0] == "! alice is taken"
    alice.expect("alice2: hi")


def test_a_signal_takes_leave(server: Server, alice: Person) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with begin(server, "--nick", "bot") as client:
            alice.expect("bot joined")
            client.send_signal(number)
            assert client.wait(PATIENCE) == 128 + number
        alice.expect(r"bot left\r\n")


def test_a_signal_ends_it_whatever_the_server_and_the_reader_do(server: Server, alice: Person) -> None:
    reads, writes = os.pipe()
    with begin(server, "--nick", "bot", stdout=writes) as client:
        alice.expect("bot joined")
        os.kill(server.pid, signal.SIGSTOP)
        client.send_signal(signal.SIGTERM)
        assert client.wait(LEAVE_TIMEOUT + FLUSH_TIMEOUT + LAST_RESORT) == 128 + signal.SIGTERM
        os.kill(server.pid, signal.SIGCONT)
    os.close(reads)
    os.close(writes)


def test_the_files_are_left_as_they_were(server: Server) -> None:
    """The next in a list of commands reads from the same pipe."""
    script = f"{sys.executable} -c 'import os; print(*map(os.get_blocking, range(2)), file=open(2, \"w\"))'"
    done = shell(f"echo hi | (chatroom; {script})", server)
    assert done.stderr == b"True True\n"


def test_a_full_window_stops_the_reading(server: Server, alice: Person) -> None:
    with begin(server, "--nick", "bot") as client:
        alice.expect("bot joined")
        os.kill(server.pid, signal.SIGSTOP)
        assert client.stdin is not None
        os.set_blocking(client.stdin.fileno(), False)
        taken = 0
        with contextlib.suppress(BlockingIOError):
            while select.select([], [client.stdin], [], 2.0)[1]:
                taken += os.write(client.stdin.fileno(), b"y" * 59 + b"\n")
        os.kill(server.pid, signal.SIGCONT)
        assert taken < 4_000_000
        os.set_blocking(client.stdin.fileno(), True)
        client.stdin.close()
        assert client.wait(PATIENCE) == 0
    assert len("".join(server.said())) + len(server.said()) >= taken - 60


# Lost connections


class Cutter(threading.Thread):
    """Between clients and a server: carries bytes both ways, and cuts each connection after some."""

    def __init__(self, to: int, seed: int, least: int, most: int) -> None:
        super().__init__(daemon=True)
        self._to = to
        self._random = random.Random(seed)
        self._bounds = least, most
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.cuts = 0
        self.start()

    def run(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", self._to)) as server:
                self._carry(client, server, self._random.randint(*self._bounds))

    def _carry(self, client: socket.socket, server: socket.socket, left: int) -> None:
        while True:
            ready, _, _ = select.select([client, server], [], [])
            for one in ready:
                other = server if one is client else client
                try:
                    some = one.recv(min(left, 1 << 16))
                    other.sendall(some)
                except OSError:
                    return
                left -= len(some)
                if not some or not left:
                    self.cuts += not left
                    return

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_or_said_twice_through_a_line_that_is_cut_again_and_again(server: Server, seed: int) -> None:
    cutter = Cutter(server.port, seed, 1000, 60_000)
    lines = [f"{number} {'x' * (number % 40)}" for number in range(3000)]
    sent = "".join(f"{line}\n" for line in lines).encode()
    status, out, err = run(f"127.0.0.1:{cutter.port}", "--json", "--nick", "bot", sent=sent)
    cutter.close()
    assert status == 0, err
    assert cutter.cuts > 3
    assert server.said() == lines
    shown = [json.loads(line) for line in out.splitlines()]
    assert [said["text"] for said in shown if said.get("event") == "said"] == lines
    assert {said["event"] for said in shown if "event" in said} == {"said"}  # the same person all the time


def test_a_server_killed_again_and_again_gets_every_line_once_and_in_order(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = Server(tmp_path, "--no-limits", lines=(f"tcp:{port}:interface=127.0.0.1",))
    with server:
        lines = [str(number) for number in range(30_000)]
        (tmp_path / "in").write_text("".join(f"{line}\n" for line in lines))
        with (
            (tmp_path / "in").open("rb") as piped,
            begin(f"127.0.0.1:{port}", "--nick", "seq", "--no-history", stdin=piped) as client,
        ):
            for more in range(1, 4):
                until(lambda more=more: len(server.said()) > more * 5000 or client.poll() is not None, "lines")  # type: ignore[misc]
                server.kill()
                server.start()
            _, err = client.communicate(timeout=PATIENCE)
        assert client.returncode == 0, err
        assert server.said() == lines
        assert b"trying again" in err
        joined = server.query("SELECT kind FROM entries WHERE nick = 'seq' AND kind IN ('joined', 'left')")
        assert joined == [("joined",), ("left",)]


# Rooms

IN_TWO = ("lobby", "dev")


@pytest.fixture
def open_server(tmp_path: Path) -> Iterator[Server]:
    """Where anybody opens rooms."""
    with Server(tmp_path, "--no-limits", "--room-creation", "anyone") as running:
        yield running


def said_in(server: Server, room: str) -> list[str]:
    rows = server.query(
        "SELECT text FROM entries JOIN logs ON logs.id = entries.log WHERE kind = 'said' "
        f"AND logs.name = '#{room}' ORDER BY position"
    )
    return [text for (text,) in rows]


def in_two(lines: int) -> bytes:
    """Lines 1..N to each of two rooms, by all the ways to say where."""
    sent = []
    for number in range(lines):
        if number % 100 == 0:
            sent.append(f"/room {IN_TWO[number // 100 % 2]}")
        here = IN_TWO[number // 100 % 2]
        other = IN_TWO[1 - number // 100 % 2]
        sent += [f"{number} {here}", f"#{other} {number} {other}"]
    return "".join(f"{line}\n" for line in sent).encode()


def test_what_follows_a_join_in_a_pipe_is_said_there(open_server: Server) -> None:
    done = shell(r"printf '/join dev\nhello\n/leave\nbye then\n' | chatroom --nick bot --no-history", open_server)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (said_in(open_server, "lobby"), said_in(open_server, "dev")) == (["bye then"], ["hello"])
    assert done.stdout.decode().splitlines() == [
        "* You are bot, alone in #lobby. /help lists the commands, bye leaves.",
        "* You are alone in #dev. What you say goes there now; /room changes that.",
        "#dev * bot left",
        "* what you say goes to #lobby now",
    ]


def test_what_follows_a_join_that_is_refused_is_said_nowhere_and_the_pipe_fails(server: Server) -> None:
    done = shell(r"printf '/join dev\na secret\n' | chatroom --nick bot", server)
    assert done.returncode == 1
    assert server.said() == []


def test_a_pipe_says_it_in_the_room_that_it_asks_for(open_server: Server) -> None:
    with Person(open_server, "alice") as alice:
        assert run(open_server, "--room", "builds", "--nick", "ci", sent=b"one\n")[0] == 0
        alice.expect(r"\* ci joined\r\n.*\* ci left\r\n")
        status, out, err = run(open_server, "--room", "#builds", "--nick", "ci", sent=b"two\n")
        assert (status, err) == (0, "")
        assert out.splitlines()[0].startswith("* You are ci, alone in #builds.")
        assert out.splitlines()[1].endswith("ci: one")
        alice.say("/join builds")
        alice.expect(r"\* You are alone in #builds\.")
    assert (said_in(open_server, "lobby"), said_in(open_server, "builds")) == ([], ["one", "two"])


def test_a_pipe_whose_room_may_not_be_opened_fails_and_says_nothing(server: Server) -> None:
    status, _, err = run(server, "--room", "builds", sent=b"one\n")
    assert status == 1
    assert err.splitlines()[0].startswith("chatroom: there is no room #builds, and only accounts")
    assert server.said() == []


def test_what_one_said_is_taken_along_as_json_lines(open_server: Server) -> None:
    account(open_server, "bot")
    status, out, _ = run(open_server, "--nick", "bot2", sent=b"one\n/export\n")
    (taken,) = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert (status, taken["room"], taken["text"]) == (0, "lobby", "one")


@pytest.mark.parametrize("seed", range(3))
def test_two_rooms_get_what_was_said_to_them_through_a_line_that_is_cut_again_and_again(
    open_server: Server, seed: int
) -> None:
    cutter = Cutter(open_server.port, seed, 1000, 60_000)
    rooms = [option for room in IN_TWO for option in ("--room", room)]
    sent = in_two(1500)
    status, out, err = run(f"127.0.0.1:{cutter.port}", "--json", "--nick", "bot", *rooms, sent=sent)
    cutter.close()
    assert status == 0, err
    assert cutter.cuts > 3
    shown = [json.loads(line) for line in out.splitlines()]
    for room in IN_TWO:
        lines = [f"{number} {room}" for number in range(1500)]
        assert said_in(open_server, room) == lines
        assert [said["text"] for said in shown if said.get("event") == "said" and said["room"] == room] == lines


def test_two_rooms_of_a_server_killed_again_and_again_get_every_line_once_and_in_order(tmp_path: Path) -> None:
    options = ("--no-limits", "--room-creation", "anyone")
    server = Server(tmp_path, *options, lines=(f"tcp:{free_port()}:interface=127.0.0.1",))
    with server:
        (tmp_path / "in").write_bytes(in_two(10_000))
        with (
            (tmp_path / "in").open("rb") as piped,
            begin(server, "--nick", "seq", "--no-history", "--room", "lobby", "--room", "dev", stdin=piped) as client,
        ):
            for more in range(1, 4):
                until(lambda more=more: len(server.said()) > more * 3000 or client.poll() is not None, "lines")  # type: ignore[misc]
                server.kill()
                server.start()
            _, err = client.communicate(timeout=PATIENCE)
        assert client.returncode == 0, err
        assert b"trying again" in err
        for room in IN_TWO:
            assert said_in(server, room) == [f"{number} {room}" for number in range(10_000)]


def test_a_server_that_stops_and_starts_is_come_back_to(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = Server(tmp_path, lines=(f"tcp:{port}:interface=127.0.0.1",))
    with server, begin(f"127.0.0.1:{port}", "--nick", "bot") as client:
        assert client.stdin is not None
        server.wait_for_line("listening on")
        until(lambda: server.query("SELECT 1 FROM entries WHERE kind = 'joined'"), "the client in the room")
        server.terminate()
        server.start()
        out, err = client.communicate(b"still here\n", timeout=PATIENCE)
        assert client.returncode == 0, err
        assert "* the server is stopping; come back soon\n" in out.decode()
        assert err.decode().splitlines() == [
            f"chatroom: 127.0.0.1:{port} closed the connection; trying again",
            "chatroom: connected again",
        ]
        assert server.said() == ["still here"]


# Accounts

PASSWORD = "correct horse"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file with the password."""
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    path.chmod(0o600)
    return path


def account(server: Server, nick: str) -> None:
    """Make one."""
    assert run(server, "--nick", nick, sent=f"/register {PASSWORD}\n".encode())[0] == 0


def test_a_pipe_with_a_password_file_is_who_it_says(server: Server, alice: Person, secret: Path) -> None:
    account(server, "bot")
    status, out, err = run(
        server, "--nick", "bot", "--no-history", "--password-file", str(secret), sent=b"deploy done\n"
    )
    assert (status, err) == (0, "")
    assert out.splitlines()[0].startswith("* You are bot, in #lobby with alice.")
    alice.expect("bot: deploy done\r\n")


def test_a_pipe_without_it_fails_with_the_words_and_does_not_wait(server: Server, secret: Path) -> None:
    account(server, "bot")
    status, out, err = run(server, "--nick", "bot", sent=b"deploy done\n")
    assert (status, out) == (1, "")
    first, hint = err.splitlines()
    assert first == "chatroom: bot is somebody's own. What is the password of bot?"
    assert "--password-file FILE" in hint
    assert server.said() == []
    secret.write_text("another one\n")
    status, out, err = run(server, "--nick", "bot", "--password-file", str(secret), sent=b"deploy done\n")
    assert (status, out) == (1, "")
    assert err.splitlines()[0] == "chatroom: wrong name or password"


@pytest.mark.parametrize(
    ("mode", "text", "words"),
    [
        (0o644, f"{PASSWORD}\n", "everybody on this machine can read it; chmod o-r it first"),
        (0o600, "\n", "its first line is empty"),
        (0o600, "", "its first line is empty"),
        (None, "", "No such file or directory"),
    ],
)
def test_a_password_file_that_cannot_be_one_is_told(tmp_path: Path, mode: int | None, text: str, words: str) -> None:
    path = tmp_path / "password"
    if mode is not None:
        path.write_text(text)
        path.chmod(mode)
    for option in ("--password-file", "--server-password-file"):
        status, _, err = run("localhost:1", option, str(path))
        assert status == 2
        assert err.splitlines()[-1] == f"chatroom: error: argument {option}: {path}: {words}"
        assert PASSWORD not in err


def test_a_server_s_password_comes_from_a_file_too(tmp_path: Path, secret: Path) -> None:
    with Server(tmp_path, "--server-password-file", str(secret)) as server:
        assert run(server, "--server-password-file", str(secret), sent=b"hi\n")[::2] == (0, "")
        status, _, err = run(server, sent=b"hi\n")
        assert (status, err.splitlines()[0]) == (1, "chatroom: This server has a password; what is it?")
        assert server.said() == ["hi"]


def test_private_messages_go_from_one_to_the_other(server: Server) -> None:
    with begin(server, "--nick", "bob") as bob, begin(server, "--nick", "carol") as carol:
        for client in (bob, carol):
            assert client.stdout is not None
            assert b"You are" in client.stdout.readline()
        assert carol.stdin is not None
        carol.stdin.write(b"/msg bob hi there\n")
        carol.stdin.flush()
        lines = iter(bob.stdout.readline, b"")  # type: ignore[union-attr]
        assert next(line for line in lines if b"->" in line) == b"carol -> you: hi there\n"
        assert bob.stdin is not None
        bob.stdin.write(b"/reply and you\n/away lunch\n")
        bob.stdin.close()
        assert bob.wait(PATIENCE) == 0
        out, err = carol.communicate(timeout=PATIENCE)
    assert (carol.returncode, err) == (0, b"")
    shown = [line for line in out.decode().splitlines() if "joined" not in line]
    assert shown == ["bob -> you: and you", "* bob is away (lunch)", "* bob left"]


def test_what_was_written_to_who_was_away_comes_once_through_a_line_that_is_cut_again_and_again(
    server: Server, secret: Path
) -> None:
    account(server, "bot")
    lines = [f"{number} {'x' * (1 + number % 40)}" for number in range(300)]
    run(server, "--nick", "eve", sent="".join(f"/msg bot {line}\n" for line in lines[:150]).encode())
    cutter = Cutter(server.port, 1, 1000, 20_000)
    with begin(f"127.0.0.1:{cutter.port}", "--json", "--nick", "bot", "--password-file", str(secret)) as client:
        run(server, "--nick", "eve", sent="".join(f"/msg bot {line}\n" for line in lines[150:]).encode())
        assert client.stdin is not None
        client.stdin.write(b"".join(b"/msg bot own %d\n" % number for number in range(100)))
        client.stdin.close()
        assert client.stdout is not None
        shown = [json.loads(line) for line in client.stdout.read().splitlines()]
        assert client.wait(PATIENCE) == 0
    cutter.close()
    assert cutter.cuts > 2
    texts = [said["text"] for said in shown if said.get("event") == "private"]
    assert [text for text in texts if not text.startswith("own")] == lines
    assert [text for text in texts if text.startswith("own")] == [f"own {number}" for number in range(100)]


# Servers that are not there


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def test_no_server_is_told_at_once() -> None:
    port = free_port()
    status, out, err = run(f"localhost:{port}", sent=b"hi\n")
    assert (status, out) == (1, "")
    assert err == f"chatroom: localhost:{port} refuses the connection: no server runs there\n"


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("no-such-host.invalid", "no-such-host.invalid:6000: there is no such host"),
        ("unix:/nonexistent/socket", "unix:/nonexistent/socket: No such file or directory"),
    ],
)
def test_why_there_is_no_connection_is_said_in_words(where: str, words: str) -> None:
    assert run(where) == (1, "", f"chatroom: {words}\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["one", "two"], "unrecognized arguments: two"),
        (["--nick"], "argument --nick: expected one argument"),
        (["--nick", ""], "argument --nick: is empty"),
        (["host:port"], "host:port: not HOST, HOST:PORT"),
        (["pigeon:host:1"], "pigeon:host:1: not HOST"),
    ],
)
def test_a_wrong_command_line_is_told(arguments: list[str], words: str) -> None:
    done = subprocess.run([*CLIENT, *arguments], env=ENVIRONMENT, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2
    assert words in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def test_help_and_version() -> None:
    done = subprocess.run([*CLIENT, "--version"], env=ENVIRONMENT, capture_output=True, timeout=PATIENCE, check=True)
    assert done.stdout.decode() == f"chatroom {__version__}\n"
    done = subprocess.run([*CLIENT, "--help"], env=ENVIRONMENT, capture_output=True, timeout=PATIENCE, check=True)
    for option in ("--nick", "--room", "--plain", "--json", "--no-history", "--timestamps", "localhost:6000", "tls:"):
        assert option in done.stdout.decode()


# Other ways in


def test_a_unix_socket_and_ipv6(tmp_path: Path) -> None:
    lines = (f"unix:{tmp_path}/line", r"tcp:0:interface=\:\:1")
    with Server(tmp_path, lines=lines) as server:
        assert run(f"unix:{tmp_path}/line", sent=b"over unix\n")[0] == 0
        port = re.findall(r"\d+", server.invitations[1])[-1]
        assert run(f"[::1]:{port}", sent=b"over six\n")[0] == 0
        assert server.said() == ["over unix", "over six"]


def certificate(where: Path, name: str) -> None:
    """One that is signed by itself, and its key, in a file that servers and trustRoots= read."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    where.write_bytes(private + signed.public_bytes(pem))


def test_tls_and_a_certificate_that_does_not_verify(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "other").mkdir()
    certificate(tmp_path / "here" / "server.pem", "localhost")
    certificate(tmp_path / "other" / "server.pem", "elsewhere")
    lines = tuple(f"ssl:0:interface=127.0.0.1:privateKey={tmp_path}/{place}/server.pem" for place in ("here", "other"))
    with Server(tmp_path, lines=lines) as server:
        here, other = (re.findall(r"\d+", invitation)[-1] for invitation in server.invitations)
        trusted = f"tls:localhost:{here}:trustRoots={tmp_path}/here"
        assert run(trusted, sent=b"in secret\n")[::2] == (0, "")
        assert server.said() == ["in secret"]
        status, _, err = run(f"tls:localhost:{here}", sent=b"hi\n")
        assert (status, err.count("\n")) == (1, 1)
        assert f"the certificate of tls:localhost:{here} does not verify" in err
        status, _, err = run(f"tls:localhost:{other}:trustRoots={tmp_path}/other", sent=b"hi\n")
        assert (status, err.count("\n")) == (1, 1)
        assert "is for another name" in err
    with Server(tmp_path) as server:
        status, _, err = run(f"tls:localhost:{server.port}", sent=b"hi\n")
        assert status == 1
        assert "does not speak TLS" in err


# On a terminal


@contextlib.contextmanager
def terminal(command: list[str], where: Path) -> Iterator[pexpect.spawn[str]]:
    spawned: pexpect.spawn[str] = pexpect.spawn(
        command[0],
        command[1:],
        cwd=str(where),
        env=ENVIRONMENT,
        encoding="utf-8",
        timeout=PATIENCE,
        dimensions=(24, 200),
    )
    spawned.delaybeforesend = None
    try:
        yield spawned
    finally:
        spawned.close(force=True)


def test_a_plain_terminal(server: Server, alice: Person, tmp_path: Path) -> None:
    with terminal([*CLIENT, f"127.0.0.1:{server.port}", "--plain", "--nick", "bob"], tmp_path) as bob:
        bob.expect(r"\* You are bob, in #lobby with alice\..*\n")
        bob.sendline("hello")
        alice.expect("bob: hello\r\n")
        alice.say("hi bob")
        bob.expect("alice: hi bob\r\n")
        bob.sendline("/bogus")
        bob.expect("! no command /bogus")
        bob.sendeof()
        bob.expect(pexpect.EOF)
        assert bob.wait() == 0
    alice.expect("bob left\r\n")


def echoes(screen: pexpect.spawn[str]) -> bool:
    """Whether what is typed is seen."""
    return bool(termios.tcgetattr(screen.child_fd)[3] & termios.ECHO)


@pytest.fixture
def screen(server: Server, tmp_path: Path) -> Iterator[pexpect.spawn[str]]:
    """Who comes to a terminal as bob, which is an account's nickname; `seen` is all that stood on it."""
    account(server, "bob")
    with terminal([*CLIENT, f"127.0.0.1:{server.port}", "--plain", "--no-history", "--nick", "bob"], tmp_path) as bob:
        bob.logfile_read = seen = io.StringIO()
        bob.expect(r"\* bob is somebody's own\. What is the password of \w+\?.*\n")
        until(lambda: not echoes(bob), "nothing is seen of what is typed")
        yield bob
        assert PASSWORD not in seen.getvalue()


def test_the_nickname_of_an_account_is_asked_for_and_the_password_is_not_seen(
    screen: pexpect.spawn[str], alice: Person
) -> None:
    screen.sendline("wrong one")
    screen.expect(r"\* wrong name or password; what is the password of bob\?.*\n")
    screen.sendline(PASSWORD)
    screen.expect(r"\* You are bob, in #lobby.*\n")
    assert echoes(screen)
    screen.sendline("hello")
    alice.expect("bob: hello\r\n")
    screen.sendline("/password")
    for question, answer in (
        ("What is the password now", PASSWORD),
        ("What is to be the password of bob", f"{PASSWORD} 2"),
        ("The same once more", f"{PASSWORD} 2"),
    ):
        screen.expect(question)
        assert not echoes(screen)
        screen.sendline(answer)
    screen.expect("your password was changed")
    assert echoes(screen)
    screen.sendline("/forget-me")
    screen.expect("type just your name: bob")
    assert echoes(screen)
    screen.sendline("bob")
    screen.expect("your account is no more")
    screen.expect(pexpect.EOF)
    assert screen.wait() == 0


def test_another_nickname_can_be_had_and_registered_and_logged_out_of(screen: pexpect.spawn[str]) -> None:
    screen.sendline("")
    screen.expect(r"\* What nickname would you like\?")
    assert echoes(screen)
    screen.sendline("bert")
    screen.expect(r"\* You are bert")
    screen.sendline("/login bob")
    screen.expect("What is the password of bob")
    assert not echoes(screen)
    screen.sendline(PASSWORD)
    screen.expect(r"\* You are bob")
    assert echoes(screen)
    screen.sendline("/logout")
    screen.expect("you are logged out")
    screen.expect(pexpect.EOF)
    assert screen.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_a_hidden_question_gives_the_terminal_back(screen: pexpect.spawn[str], number: int) -> None:
    screen.kill(number)
    screen.expect(pexpect.EOF)
    assert echoes(screen)
    screen.wait()
    assert screen.exitstatus == 128 + number


def test_the_end_of_input_at_a_hidden_question_gives_the_terminal_back(screen: pexpect.spawn[str]) -> None:
    screen.sendeof()
    screen.expect("you did not come in")
    screen.expect(pexpect.EOF)
    assert echoes(screen)
    assert screen.wait() == 1


def test_a_shell_gets_its_terminal_back_when_the_client_is_stopped_or_ended_at_a_question(
    server: Server, tmp_path: Path
) -> None:
    account(server, "bob")
    with terminal(["bash", "--norc", "--noediting", "-i"], tmp_path) as shell:
        shell.sendline(f"PS1='$''> '; {' '.join(CLIENT)} 127.0.0.1:{server.port} --plain --nick bob")
        shell.expect("What is the password")
        until(lambda: not echoes(shell), "nothing is seen of what is typed")
        shell.sendcontrol("z")
        shell.expect("Stopped")
        shell.expect_exact("$> ")
        shell.sendline("stty -a | grep -ow -e -echo -e echo")
        shell.expect(r"\r\n(-?echo)\r\n")
        assert shell.match[1] == "echo"  # type: ignore[index]
        shell.sendline("fg")
        until(lambda: not echoes(shell), "nothing is seen of what is typed")
        shell.sendline(PASSWORD)
        shell.expect(r"\* You are bob")
        assert echoes(shell)
        shell.sendline("/password")
        shell.expect("What is the password now")
        until(lambda: not echoes(shell), "nothing is seen of what is typed")
        shell.sendintr()
        shell.expect_exact("$> ")
        shell.sendline("stty -a | grep -ow -e -echo -e echo")
        shell.expect(r"\r\n(-?echo)\r\n")
        assert shell.match[1] == "echo"  # type: ignore[index]


CONSOLE = [sys.executable, "-c", RUN_TWISTD, "-n", "--pidfile=", "chatroom", "--line", "off", "--console", "alice"]


def test_who_starts_the_server_is_in_the_room_from_the_same_terminal(tmp_path: Path) -> None:
    with terminal([*CONSOLE, "--line", ANY_PORT], tmp_path) as console:
        console.expect(f"the log goes to {tmp_path}/chatroom.log")
        console.expect(r"\* You are alice, alone in #lobby\..*\n")
        log = tmp_path / "chatroom.log"
        found = until(lambda: re.search(r"telnet localhost (\d+)", log.read_text()), "a listener")
        with Person(Server(tmp_path), "bob", at=int(found[1])) as bob:
            console.expect(r"\* bob joined\r\n")
            console.sendline("hello bob")
            bob.expect("alice: hello bob\r\n")
            bob.say("hello alice")
            console.expect("bob: hello alice\r\n")
            console.sendline("bye")
            bob.expect(r"\* alice left\r\n")
            console.expect("you left the room; the server runs on, Ctrl-C stops it")
            bob.say("/who")
            bob.expect("1 in #lobby: bob")
            console.sendintr()
            bob.expect("the server is stopping")
        console.expect(pexpect.EOF)
        console.close()
        assert console.exitstatus == 0 or console.signalstatus == signal.SIGINT
        assert "Traceback" not in log.read_text()


def test_the_owner_of_the_server_is_asked_for_the_password_on_its_terminal(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        account(server, "alice")
    with terminal(CONSOLE, tmp_path) as console:
        console.logfile_read = seen = io.StringIO()
        console.expect(r"\* alice is somebody's own\. What is the password of \w+\?.*\n")
        until(lambda: not echoes(console), "nothing is seen of what is typed")
        console.sendline(PASSWORD)
        console.expect(r"\* You are alice, alone in #lobby\..*\n")
        assert echoes(console)
        console.sendline("/password")
        console.expect("What is the password now")
        until(lambda: not echoes(console), "nothing is seen of what is typed")
        console.sendintr()
        console.expect(pexpect.EOF)
        assert PASSWORD not in seen.getvalue()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_takes_the_console_with_it(tmp_path: Path, number: int) -> None:
    with terminal(CONSOLE, tmp_path) as console:
        console.expect(r"\* You are alice.*\n")
        if number == signal.SIGINT:
            console.sendintr()
        else:
            console.kill(number)
        console.expect(pexpect.EOF)
        console.close()
        assert console.exitstatus == 0 or console.signalstatus == number
    log = (tmp_path / "chatroom.log").read_text()
    assert "Traceback" not in log
    place = re.search(r"unix:(\S+)/console", log)
    assert place is not None
    assert not Path(place[1]).exists()


def test_the_log_goes_where_it_was_told_to(tmp_path: Path) -> None:
    command = [*CONSOLE]
    command.insert(command.index("-n"), f"--logfile={tmp_path}/elsewhere.log")
    with terminal(command, tmp_path) as console:
        console.expect(f"the log goes to {tmp_path}/elsewhere.log")
        console.expect(r"\* You are alice")
        console.sendintr()
        console.expect(pexpect.EOF)
    assert not (tmp_path / "chatroom.log").exists()


@pytest.mark.parametrize(
    ("daemon", "words"),
    [
        (["-n"], "--console: standard input and output are no terminal"),
        ([], "--console: only together with twistd -n"),
    ],
)
def test_a_console_needs_a_terminal(tmp_path: Path, daemon: list[str], words: str) -> None:
    server = Server(tmp_path, "--console", "alice", program=("-c", RUN_TWISTD, *daemon, "chatroom")).begin()
    assert server.end() == 1
    (line,) = server.stderr.lines
    assert words in line
    assert list(tmp_path.iterdir()) == []
