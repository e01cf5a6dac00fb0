"""The server as an operator meets it: options, what it says, how it starts, ends and starts again."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from chatroom import __version__
from chatroom.operations.choices import DEFAULT_LINE
from chatroom.options import Options

from .server import ANY_PORT, ENVIRONMENT, PATIENCE, RUN_TWISTD, Listener, Person, Server, Talker, nc, until
from .support import needs

pytestmark = pytest.mark.process


def refused(where: Path, *options: str) -> tuple[str, Server]:
    """What a start says that does not come about."""
    server = Server(where, *options, lines=()).begin()
    assert server.end() == 1
    assert "Traceback" not in f"{server.log}{server.stderr}"
    (line,) = server.stderr.lines
    return line, server


# Options


def test_without_options_it_listens_for_this_machine_only() -> None:
    options = Options()
    options.parseOptions([])
    assert options["line"] == ("tcp:6000:interface=127.0.0.1",)
    assert options["storage"] == "sqlite:chatroom.db"
    assert [room.shown for room in options["room"]] == ["lobby"]
    assert (options["history"], options["rate"]) == (20, (1 / 5, 30))


def test_without_options_it_starts(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 6000))
            free = True
        except OSError:
            free = False
    with Server(tmp_path, lines=()).begin() as server:
        if free:
            assert "telnet localhost 6000" in server.wait_for_line("listening on")
            with Person(server, "alice", at=6000):
                pass
            assert (tmp_path / "chatroom.db").exists()
            assert not (tmp_path / "twistd.pid").exists()
            server.terminate()
        else:  # somebody else has the port: then it says so
            assert server.end() == 1
            assert server.stderr.lines == [f"chatroom: --line {DEFAULT_LINE}: Address already in use"]


def test_the_help_names_every_option_and_its_default(tmp_path: Path) -> None:
    server = Server(tmp_path, "--help", lines=()).begin()
    assert server.end() == 0
    said = " ".join(str(server.log).split())
    assert DEFAULT_LINE in said
    options = (
        "line",
        "storage",
        "durability",
        "history",
        "room",
        "motd",
        "server-name",
        "rate",
        "room-creation",
        "rooms",
    )
    for option in (*options, "rooms-per-account", "retention", "address-days"):
        assert f"--{option}=" in said
    assert "sqlite:chatroom.db]" in said


def test_the_version_is_ours(tmp_path: Path) -> None:
    server = Server(tmp_path, "--version", lines=()).begin()
    assert server.end() == 0
    assert server.log.lines == [f"chatroom {__version__}"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["word"], "word: no option, which would begin with --"),
        (["--line"], "--line requires argument"),
        (["--history", "-1"], "--history: '-1' is not a whole number"),
        (["--rate", "fast"], "--rate: 'fast' is not LINES_PER_SECOND"),
        (["--rate", "5:0"], "--rate: '0' is not a whole number of at least 1"),
        (["--stalled", "0"], "--stalled: '0' is not a number of seconds"),
        (["--greeting-timeout", "nan"], "--greeting-timeout: 'nan' is not a number of seconds"),
        (["--durability", "luck"], "--durability: 'luck' is none of power, process"),
        (["--nicknames", "any"], "--nicknames: 'any' is none of unicode, ascii"),
        (["--room", "two words"], "--room: a room's name cannot hold U+0020, space"),
        (["--room", "x" * 51], "--room: a room's name has at most 50 characters, and this one has 51"),
        (["--room-creation", "nobody"], "--room-creation: 'nobody' is none of anyone, accounts, operators"),
        (["--rooms", "0"], "--rooms: '0' is not a whole number of at least 1"),
        (["--retention", "long"], "--retention: 'long': a duration is written like 30s, 10m, 2h, 7d, 4w or 1h30m"),
        (["--address-days", "0"], "--address-days: '0' is not a whole number from 1 to 3650"),
        (["--motd", "/nonexistent"], "--motd: /nonexistent: No such file"),
        (["--server-name", ""], "--server-name: '' is not one line of text"),
        (["--max-line", "3"], "--max-line: '3' is not a whole number from 32"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_value_is_told_with_its_option(options: list[str], told: str) -> None:
    with pytest.raises(SystemExit, match=f"^chatroom: .*{re.escape(told)}[^\\n]*$"):
        Options().parseOptions(options)


@pytest.mark.parametrize(
    ("options", "named", "told"),
    [
        (["--bogus"], "--bogus", "not recognized"),
        (["--history", "many"], "--history", "whole number"),
        (["--line", "carrier-pigeon:6000"], "--line carrier-pigeon:6000", "Unknown endpoint type"),
        (["--line", "tcp:70000"], "--line tcp:70000", "'70000' is no port: a number up to 65535"),
        (["--line", "tcp:0:interface=203.0.113.1"], "--line tcp:0:interface=203.0.113.1", "Cannot assign"),
        (["--line", "ssl:0:privateKey=/nonexistent"], "--line ssl:", "No such file"),
        (["--line", "unix:/nonexistent/place/socket"], "--line unix:", "No such file"),
        (["--line", "systemd:domain=INET:index=0"], "--line systemd:", "not an endpoint"),
        (["--line", "haproxy:carrier-pigeon:1"], "--line haproxy:", "Unknown endpoint type"),
        (["--storage", "paper:", "--line", "off"], "--storage", "memory:, sqlite:"),
        (["--storage", "sqlite:", "--line", "off"], "--storage", "no file is named"),
        (["--storage", "sqlite:/nonexistent/place/db", "--line", "off"], "--storage", "No such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_told_in_one_line_that_names_the_option(
    tmp_path: Path, options: list[str], named: str, told: str
) -> None:
    line, _ = refused(tmp_path, *options)
    assert line.startswith("chatroom: ")
    assert named in line
    assert told in line
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        endpoint = f"tcp:{other.getsockname()[1]}:interface=127.0.0.1"
        line, server = refused(tmp_path, "--line", endpoint)
    assert line == f"chatroom: --line {endpoint}: Address already in use"
    assert line.removeprefix("chatroom: ") in str(server.log)
    assert list(tmp_path.iterdir()) == []


def test_a_second_server_on_the_same_database_is_refused(tmp_path: Path) -> None:
    with Server(tmp_path) as first:
        line, _ = refused(tmp_path, "--line", ANY_PORT)
        assert line == f"chatroom: --storage: {tmp_path}/chatroom.db is in use by another server"
        with Person(first, "alice"):
            pass


def test_a_second_server_on_the_same_unix_socket_is_refused(tmp_path: Path) -> None:
    with Server(tmp_path, lines=(f"unix:{tmp_path}/line",)) as first:
        line, _ = refused(tmp_path, "--line", f"unix:{tmp_path}/line", "--storage", "memory:")
        assert line.startswith(f"chatroom: --line unix:{tmp_path}/line: ")
        with Person(first, "alice", at=f"{tmp_path}/line"):
            pass


def make_database(path: Path, *statements: str) -> bytes:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()
    return path.read_bytes()


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        (("PRAGMA application_id = 1667785076", "PRAGMA user_version = 99"), "newer server"),
        (("CREATE TABLE recipes (name)",), "another program"),
    ],
)
def test_a_database_that_is_not_for_this_server_is_refused_and_left_alone(
    tmp_path: Path, statements: tuple[str, ...], told: str
) -> None:
    before = make_database(tmp_path / "chatroom.db", *statements)
    line, _ = refused(tmp_path, "--line", "off")
    assert line.startswith("chatroom: --storage: ")
    assert told in line
    assert (tmp_path / "chatroom.db").read_bytes() == before


def test_nothing_can_be_written_where_the_filesystem_is_read_only(tmp_path: Path) -> None:
    line, _ = refused(tmp_path, "--line", "off", "--storage", "sqlite:/proc/chatroom.db")
    assert line.startswith("chatroom: --storage: /proc/chatroom.db")


# Listeners


def test_every_listener_says_where_it_is_and_leads_into_the_same_room(tmp_path: Path) -> None:
    lines = (ANY_PORT, ANY_PORT, f"unix:{tmp_path}/line", f"haproxy:{ANY_PORT}")
    with Server(tmp_path, lines=lines) as server:
        first, second, third, fourth = server.invitations
        assert fourth.startswith("for a proxy that sends the PROXY protocol, at localhost ")
        ports = [int(invitation.rpartition(" ")[2]) for invitation in (first, second, fourth)]
        assert [first, second] == [f"telnet localhost {port}" for port in ports[:2]]
        assert third == f"nc -U {tmp_path}/line"
        places = {"alice": ports[0], "bob": ports[1], "carol": f"{tmp_path}/line"}
        people = [Person(server, nick, at=place) for nick, place in places.items()]
        proxied = Person(server, at=ports[2])
        proxied.send(b"PROXY TCP4 10.1.2.3 10.0.0.1 40000 6000\r\ndave\nhello from afar\n")
        for person in people:
            person.expect(r"dave: hello from afar\r\n")
        with Person(server) as last:
            last.say("erin")
            assert "with alice, bob, carol and dave." in last.expect(r"\* You are erin.*\n")
        server.terminate()
        assert not (tmp_path / "line").exists()


def listens(server: Server) -> bool:
    """Whether the kernel knows a TCP socket of that process that listens."""
    state, inode = 3, 9
    rows = [line.split() for line in Path(f"/proc/{server.pid}/net/tcp").read_text().splitlines()[1:]]
    listening = {f"socket:[{row[inode]}]" for row in rows if row[state] == "0A"}
    return bool(listening.intersection(server.descriptors()))


def opened(server: Server) -> bool:
    """Whether its first entry is in the database."""
    try:
        return bool(server.query("SELECT 1 FROM entries"))
    except sqlite3.OperationalError:
        return False


def test_line_off_opens_none(tmp_path: Path) -> None:
    with Server(tmp_path, "--line", "off", lines=()).begin() as server:
        until(lambda: opened(server), "an open storage")
        assert not listens(server)
        server.terminate()
        assert "listening" not in str(server.log)
        assert not (tmp_path / "twistd.pid").exists()


INHERIT = """import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="line")
os.execv(sys.argv[2], sys.argv[2:])
"""
"""What systemd does for a service with a socket unit."""


def test_a_socket_from_systemd_is_used(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(
            tmp_path,
            lines=("systemd:domain=INET:name=line",),
            before=(sys.executable, "-c", INHERIT, str(listening.fileno())),
            inherited=(listening.fileno(),),
        )
        early = Person(server, at=listening.getsockname()[1])  # waits in its queue before the server runs
        with server:
            assert server.port == listening.getsockname()[1]
            early.enter("alice")


# What the options do


def test_the_server_and_its_room_have_names_and_there_is_a_message_of_the_day(tmp_path: Path) -> None:
    (tmp_path / "motd").write_text("Be kind.\nDas Café öffnet um 9.\n")
    names = ("--server-name", "The Café", "--room", "#garden", "--motd", "motd")
    with Server(tmp_path, *names) as server, Person(server) as alice:
        greeting = alice.expect("nickname.*\n")
        assert greeting.startswith("Welcome to The Café, room #garden:")
        alice.say("alice")
        said = alice.expect(r"\* You are alice, alone in #garden\..*\n")
        assert said.splitlines()[:2] == ["* Be kind.", "* Das Café öffnet um 9."]


@pytest.fixture(scope="module")
def long_history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a database in which 3,000 lines were said."""
    where = tmp_path_factory.mktemp("history")
    with Server(where, "--rate", "0", "--history", "0") as server:
        with Person(server, "bob") as bob:
            bob.say(*[f"line {number}" for number in range(3000)], "/quit")
            bob.rest()
        server.terminate()
    return where


@pytest.mark.parametrize("wanted", [0, 20, 3000])
def test_who_enters_is_shown_as_much_history_as_the_option_says(long_history: Path, wanted: int) -> None:
    with Server(long_history, "--history", str(wanted)) as server, Person(server) as alice:
        alice.expect("nickname.*\n")
        alice.say("alice")
        *history, welcome = alice.expect(r"\* You are alice.*\n").splitlines()
        assert welcome.startswith("* You are alice, alone in #lobby.")
        assert len(history) == wanted
        for number, line in enumerate(history, 3000 - wanted):
            assert re.fullmatch(rf"\[20\d\d-\d\d-\d\d \d\d:\d\d] bob: line {number}", line)
        alice.say("/history 2")
        assert [line.partition("] ")[2] for line in alice.lines(2)] == ["bob: line 2998", "bob: line 2999"]


def test_memory_forgets(tmp_path: Path) -> None:
    for _ in range(2):
        with Server(tmp_path, "--storage", "memory:") as server:
            assert "forgotten" not in nc(server, "-N", sent=b"alice\nto be forgotten\n")
            server.terminate()
    assert list(tmp_path.iterdir()) == []


COMMITS = 100


@needs("strace", "strace")
@pytest.mark.parametrize(("durability", "synced"), [("power", True), ("process", False)])
def test_durability_decides_whether_a_commit_waits_for_the_disk(tmp_path: Path, durability: str, synced: bool) -> None:
    trace = tmp_path / "trace"
    with Server(tmp_path, "--durability", durability, "--rate", "0") as server, Person(server, "alice") as alice:
        tracing = subprocess.Popen(
            ["strace", "-f", "-e", "trace=fsync,fdatasync", "-o", trace, "-p", str(server.pid)],
            stderr=subprocess.PIPE,
        )
        try:
            assert tracing.stderr is not None
            assert b"attached" in tracing.stderr.readline()
            alice.say("/echo on")
            for number in range(COMMITS):
                alice.say(f"line {number}")
                alice.expect(f"alice: line {number}\r\n")  # seen, hence committed
            syncs = trace.read_text().count("sync(")
        finally:
            tracing.terminate()
            tracing.communicate(timeout=PATIENCE)
        # What is forgotten at the start, and the index of searches, are synced a few times.
        assert syncs >= COMMITS if synced else syncs < COMMITS / 2


def test_what_is_kept_is_nobody_elses_to_read(tmp_path: Path) -> None:
    with Server(tmp_path, before=("sh", "-c", 'umask 0; exec "$@"', "sh")) as server, Person(server, "alice"):
        names = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.iterdir()}
        assert {"chatroom.db", "chatroom.db-wal", "chatroom.db-shm"} <= set(names)
        assert set(names.values()) == {0}


# Start and end


def test_history_and_nicknames_survive_a_restart(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        alice = Person(server, "alice")
        alice.say("remember this", "/me waves")
        assert "alone" not in nc(server, "-N", sent=b"bob\n/who\n")
        server.terminate()
        alice.expect("the server is stopping")
    with Server(tmp_path) as server:
        said = nc(server, "-N", sent=b"alice\n")
    *history, welcome = said.splitlines()[2:]
    assert [line.partition("] ")[2] for line in history] == ["alice: remember this", "* alice waves"]
    assert welcome.startswith("* You are alice, alone in #lobby.")


def test_python_runs_it_without_twistd(tmp_path: Path) -> None:
    with Server(tmp_path, program=("-m", "twisted", "--log-format=text", "chatroom")) as server:
        assert "* You are bot" in nc(server, "-N", sent=b"bot\nhi\n")
        server.terminate()
        assert server.said() == ["hi"]


def test_python_refuses_in_one_line_too(tmp_path: Path) -> None:
    server = Server(tmp_path, "--storage", "paper:", lines=("off",), program=("-m", "twisted", "chatroom")).begin()
    assert server.end() == 1
    (line,) = server.stderr.lines
    assert line.startswith("chatroom: --storage: ")


def daemon(where: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    """Start it as twistd does without -n; returns when the parent has let go of the terminal."""
    command = [sys.executable, "-c", RUN_TWISTD, "chatroom", *options]
    return subprocess.run(command, cwd=where, env=ENVIRONMENT, capture_output=True, timeout=PATIENCE, check=False)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_daemon_serves_keeps_and_stops(tmp_path: Path) -> None:
    started = daemon(tmp_path, "--line", ANY_PORT)
    assert (started.returncode, started.stdout, started.stderr) == (0, b"", b"")
    pid = int((tmp_path / "twistd.pid").read_text())
    try:
        log = until(lambda: re.search(r"telnet localhost (\d+)", (tmp_path / "twistd.log").read_text()), "listening")
        server = Server(tmp_path)
        with Person(server, "alice", at=int(log[1])) as alice, Person(server, "bob", at=int(log[1])) as bob:
            bob.say("hello")
            alice.expect("bob: hello\r\n")
            os.kill(pid, signal.SIGTERM)
            alice.expect("the server is stopping")
        until(lambda: gone(pid), "its end")
    finally:
        if not gone(pid):
            os.kill(pid, signal.SIGKILL)
    assert not (tmp_path / "twistd.pid").exists()
    assert "Traceback" not in (tmp_path / "twistd.log").read_text()
    with Server(tmp_path) as server:
        assert "bob: hello" in nc(server, "-N", sent=b"carol\n")


def test_a_daemon_that_cannot_start_says_why_on_the_terminal(tmp_path: Path) -> None:
    started = daemon(tmp_path, "--line", "off", "--storage", "sqlite:/nonexistent/place/db")
    assert started.returncode == 1
    assert b"--storage: /nonexistent/place/db-lock cannot be opened: No such file or directory" in started.stderr
    log = (tmp_path / "twistd.log").read_text()
    assert "--storage: /nonexistent" in log
    assert "Traceback" not in log
    assert not (tmp_path / "twistd.pid").exists()


FAREWELL = "* the server is stopping; come back soon"
SAID = "SELECT nick, text FROM entries WHERE kind = 'said' ORDER BY position"


def talk(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("talker-")]


def test_sigterm_under_load_loses_nothing_and_tells_everyone(tmp_path: Path) -> None:
    with Server(tmp_path, "--rate", "0", "--history", "0") as server:
        listeners = [Listener(Person(server, f"listener-{letter}")) for letter in "abcde"]
        slow = Person(server, "slow", buffer=4096)
        nicks = [f"talker-{letter}" for letter in "abcd"]
        talkers = {nick: Talker(person) for nick, person in [(nick, Person(server, nick)) for nick in nicks]}
        until(lambda: len(server.said()) > 1000, "1,000 lines in the log")
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        heard = [slow.rest()]
        assert server.end() in (0, -signal.SIGTERM)
        assert time.monotonic() - started < 5
        log = [f"{nick}: {text}" for nick, text in server.query(SAID)]
        for words in [*heard, *[listener.rest() for listener in listeners]]:
            *lines, farewell = words.splitlines()
            assert farewell == FAREWELL
            assert talk(lines) == log
        for nick, talker in talkers.items():  # to whom their own words are not sent back
            *lines, farewell = talker.rest().splitlines()
            assert farewell == FAREWELL
            others = [line for line in log if not line.startswith(f"{nick}: ")]
            assert talk(lines) == others[len(others) - len(talk(lines)) :]
    with Server(tmp_path) as server:
        assert log[-1] in nc(server, "-N", sent=b"carol\n")


def test_who_reads_nothing_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    with Server(tmp_path, "--rate", "0") as server:
        sleeper, talker = Person(server, "sleeper", buffer=4096), Person(server, "talker")
        talker.say(*["x" * 1000] * 2000)
        talker.say("/who")
        talker.expect(r"\* 2 in")
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        talker.expect("the server is stopping")
        assert server.end() in (0, -signal.SIGTERM)
        assert time.monotonic() - started < 5
        assert server.said() == ["x" * 1000] * 2000
        assert sleeper.socket.fileno() > 0  # was there to the end


def test_sigterm_before_the_storage_is_open_ends_it_too(tmp_path: Path) -> None:
    with Server(tmp_path).begin() as server:
        server.wait_for_line("starting up")
        server.terminate()
