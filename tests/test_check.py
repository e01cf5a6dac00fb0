"""--check: whether a server could start with what was chosen, told at once, while nothing is started."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

from chatroom.operations.check import check
from chatroom.options import Options
from chatroom.storage.sqlite_schema import VERSION

from .server import ANY_PORT, ENVIRONMENT, PATIENCE, RUN_TWISTD, Person, Server
from .support import needs

NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else: run it as root")

AS_NOBODY = f"""import os, sys
from twisted.internet import endpoints, reactor
from twisted.internet.interfaces import IStreamServerEndpointStringParser
from twisted.plugin import getPlugins
from chatroom.tap import Options, makeService
found = [*getPlugins(IStreamServerEndpointStringParser)]
endpoints.getPlugins = lambda *_: found  # who becomes nobody may not look any more where Python lies
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
options = Options()
options.parseOptions(sys.argv[2:])
makeService(options)"""

RIGHT = "nothing is wrong with what was chosen"


class Told(NamedTuple):
    """What a check said, and its status."""

    status: int
    notes: list[str]
    faults: list[str]


def checked(
    where: Path, *options: str, twistd: tuple[str, ...] = (), program: str = RUN_TWISTD, line: str = ANY_PORT
) -> Told:
    """Asks twistd without -n, as whoever runs a daemon would."""
    lines = ("--line", line) if line else ()
    command = [sys.executable, "-c", program, *twistd, "chatroom", "--check", *lines, *options]
    done = subprocess.run(
        command, cwd=where, env=ENVIRONMENT, capture_output=True, timeout=PATIENCE, check=False, text=True
    )
    assert "Traceback" not in done.stderr, done.stderr
    faults = done.stderr.splitlines()
    assert all(fault.startswith("chatroom: ") for fault in faults), faults
    notes = done.stdout.splitlines()
    assert (RIGHT in notes) == (not faults)
    return Told(
        done.returncode,
        [note.removeprefix("note: ") for note in notes if note != RIGHT],
        [fault.removeprefix("chatroom: ") for fault in faults],
    )


def looked(*options: str) -> Told:
    """The same in this process, of what has to do with no process."""
    from twisted.internet import reactor

    chosen = Options()
    chosen.parseOptions(["--check", "--line", "off", *options])
    found = check(reactor, chosen.settled)
    faults = [*chosen.faults, *found.faults]
    return Told(bool(faults), [*found.notes], faults)


def everything(where: Path) -> dict[str, tuple[int, int, bytes]]:
    """Each file, as it is."""
    found = {}
    for path in sorted(where.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (status.st_mode, status.st_mtime_ns, content)
    return found


@pytest.mark.parametrize("twistd", [(), ("-n",), ("-n", "--pidfile=here.pid"), ("--logfile=log",)], ids=" ".join)
@pytest.mark.process
def test_what_is_right_is_told_and_nothing_is_made(tmp_path: Path, twistd: tuple[str, ...]) -> None:
    lines = ("--line", f"unix:{tmp_path}/way-in", "--metrics", ANY_PORT)
    assert checked(tmp_path, *lines, twistd=twistd) == (0, [f"--storage: {tmp_path}/chatroom.db will be made"], [])
    assert everything(tmp_path) == {}


@pytest.mark.process
def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    config = tmp_path / "chatroom.toml"
    config.write_text('history = -1\nroms = 5\nmotd = "/nonexistent"\nserver-password-file = "secret"\n')
    (tmp_path / "secret").write_text("sesame\n")
    (tmp_path / "secret").chmod(0o644)
    before = everything(tmp_path)
    told = checked(
        tmp_path,
        *("--config", str(config), "--grace", "x", "--log-format", "json", "--storage", "sqlite:/nonexistent/db"),
        *("--line", "carrier-pigeon:6000", "--line", "unix:/nonexistent/way-in", "--metrics", "6000"),
    )
    assert (told.status, told.notes) == (1, [])
    assert told.faults == [
        f"{config}: there is no option roms; did you mean rooms?",
        f"{config}: motd: /nonexistent: No such file or directory",
        f"{config}: history: '-1' is not a whole number of at least 0",
        "--grace: 'x' is not a number of seconds above 0",
        f"{config}: server-password-file: {tmp_path}/secret: everybody on this machine can read it; chmod o-r it first",
        "--log-format: json goes to standard error: only together with twistd -n",
        "--line carrier-pigeon:6000: not an endpoint that can be opened: Unknown endpoint type: 'carrier-pigeon'",
        "--line unix:/nonexistent/way-in: /nonexistent: No such file or directory",
        "--metrics 6000: not an endpoint that can be opened: did you mean tcp:6000?",
        "--storage: /nonexistent: No such file or directory",
    ]
    assert everything(tmp_path) == before


@pytest.mark.process
def test_a_file_that_is_no_toml_is_told_with_what_else_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "chatroom.toml").write_text("history =\n")
    told = checked(tmp_path, "--config", "chatroom.toml", "--storage", "paper:x")
    assert told.status == 1
    assert told.faults[0].startswith(f"{tmp_path}/chatroom.toml: Invalid value (at line 1, column 10)")
    assert told.faults[1:] == ["--storage: there is no storage 'paper:x': write one of memory:, sqlite:"]


@pytest.mark.process
def test_variables_that_are_no_option_are_notes_and_faults_when_one_is_nearly_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENVIRONMENT, "CHATROOM_METRICS_PORT", "tcp://10.96.0.7:6000")
    told = checked(tmp_path)
    assert (told.status, told.notes[0]) == (0, "CHATROOM_METRICS_PORT is the name of no option")
    monkeypatch.setitem(ENVIRONMENT, "CHATROOM_SERVR_NAME", "x")
    told = checked(tmp_path)
    assert told.status == 1
    assert told.faults == ["CHATROOM_SERVR_NAME is the name of no option; did you mean CHATROOM_SERVER_NAME?"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("tcp:70000", "'70000' is no port: a number up to 65535"),
        ("tcp:0:interface=203.0.113.1", "Cannot assign requested address"),
        ("tcp:0:interface=host.invalid", ""),
        ("tcp:port", "'port' is no port: a number up to 65535"),
        ("tcp:", "'' is no port"),
        ("tcp:" + "9" * 5000, "'" + "9" * 60 + "'... is no port"),
        ("tcp6:x", "'x' is no port"),
        ("haproxy:tcp:x", "'x' is no port"),
        ("pem:" + "9" * 5000 + ":cert=file:key=file", "'9999999999...' is no port: a number up to 65535"),
        ("stdio:", "to be in the chat from this terminal, there is --console"),
        ("haproxy:stdio:", "there is --console"),
        ("unix:", "unix: names no path"),
        ("unix:mode=600", ""),
        ("haproxy:haproxy:tcp:0", "haproxy: is written once"),
        ("tcp:6000 tcp:6001", "each is given by itself: on the command line by an option of its own"),
        ("tcp6:0:interface=\\:\\:2", "Cannot assign requested address"),
        ("unix:file", "file is there already, and no socket"),
        ("unix:missing/socket", "{}/missing: No such file or directory"),
        ("unix:" + "x" * 120, "a path of more than 107 bytes"),
        ("ssl:0:privateKey=/nonexistent", "No such file or directory: /nonexistent"),
        ("pem:0:cert=/nonexistent:key=/nonexistent", "No such file or directory: /nonexistent"),
        ("pem:0:cert=file:key=file", ""),
        ("pem:0", ""),
        ("haproxy:carrier-pigeon:1", "Unknown endpoint type: 'carrier-pigeon'"),
        ("haproxy:tcp:0:interface=203.0.113.1", "Cannot assign requested address"),
        ("haproxy:pem:0:cert=/nonexistent:key=/nonexistent", "No such file or directory: /nonexistent"),
        ("systemd:domain=INET:name=line", "systemd gave no such socket"),
        ("systemd:domain=INET:index=0", "systemd gave no such socket"),
        ("", ""),
    ],
)
def test_an_endpoint_that_cannot_be_opened_is_told_with_its_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("no certificate\n")
    before = everything(tmp_path)
    for option in ("--line", "--metrics") if line else ("--line",):
        status, _, (fault,) = looked(option, line)
        assert status == 1
        assert fault.startswith(f"{option} {line}: ")
        assert told.format(tmp_path) in fault
    assert everything(tmp_path) == before


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("tcp:{}", "tcp:{}"),
        ("tcp:{}", "tcp:{}:interface=127.0.0.1"),
        ("tcp:{}:interface=127.0.0.1", "haproxy:tcp:{}:interface=127.0.0.1"),
        ("tcp6:{}", "tcp:{}"),
        ("unix:way-in", "unix:./way-in"),
    ],
)
def test_what_is_there_twice_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, second: str) -> None:
    monkeypatch.chdir(tmp_path)
    port = free_port()
    first, second = first.format(port), second.format(port)
    twice = "another one of these listens there already"
    assert looked("--line", first, "--line", second).faults == [f"--line {second}: {twice}"]
    assert looked("--line", first, "--metrics", second).faults == [f"--metrics {second}: {twice}"]


def test_different_places_are_not_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    port = free_port()
    local = (
        f"tcp:{port}:interface=127.0.0.1",
        f"tcp:{port}:interface=127.0.0.2",
        "unix:a",
        "unix:b",
        ANY_PORT,
        ANY_PORT,
    )
    assert looked(*(word for line in local for word in ("--line", line))).faults == []


def test_an_endpoint_of_somebody_elses_that_fails_in_its_own_way_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Odd:
        def listen(self, factory: object) -> None:
            raise NotImplementedError

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("chatroom.operations.check.endpoint", lambda *_: Odd())
    assert looked("--line", "odd:").faults == ["--line odd:: NotImplementedError"]


@needs("openssl", "openssl")
@pytest.mark.parametrize("which", ["right", "key of another", "cut off", "expired"])
def test_certificates_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "another"):
        days = "1" if which == "expired" else "30"
        made = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -days {days}"
        files = f"-keyout {name}.key -out {name}.pem"
        subprocess.run(["openssl", *made.split(), *files.split()], cwd=tmp_path, capture_output=True, check=True)
    if which == "cut off":
        whole = (tmp_path / "mine.pem").read_text()
        (tmp_path / "mine.pem").write_text(whole[: len(whole) // 2])
    key = "another.key" if which == "key of another" else "mine.key"
    told = looked("--line", f"pem:0:interface=127.0.0.1:cert=mine.pem:key={key}")
    assert told.status == (1 if which in ("key of another", "cut off") else 0), told
    if told.faults:
        assert re.match(r"--line pem:.*: .*mine\.pem", told.faults[0])


@pytest.mark.process
def test_while_a_server_runs_there_its_ports_and_files_are_noted_only(tmp_path: Path) -> None:
    where = tmp_path / "server"
    where.mkdir()
    with Server(where, lines=(ANY_PORT, f"unix:{where}/way-in")) as server:
        alice, bob = Person(server, "alice"), Person(server, "bob")
        alice.expect("bob joined")
        names = sorted(os.listdir(where))
        (where / "twistd.pid").write_text(str(server.pid))
        port = f"tcp:{server.port}:interface=127.0.0.1"
        told = checked(where, "--line", f"unix:{where}/way-in", line=port)
        in_use = "in use at present; that is right if it is by this server"
        assert told == (0, [f"--line {port}: {in_use}", f"--line unix:{where}/way-in: {in_use}"], [])
        assert (where / "twistd.pid").read_text() == str(server.pid)
        (where / "twistd.pid").unlink()
        assert sorted(os.listdir(where)) == names
        bob.say("still here")
        alice.expect("bob: still here\r\n")
        server.terminate()


@pytest.mark.process
def test_a_stale_pid_file_stays(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    (tmp_path / "twistd.pid").write_text(str(ended.pid))
    assert checked(tmp_path).status == 0
    assert os.listdir(tmp_path) == ["twistd.pid"]


@pytest.mark.process
def test_no_port_is_bound_when_it_ends(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    line = f"tcp:{port}:interface=127.0.0.1"
    assert checked(tmp_path, line=line).status == 0
    with Server(tmp_path, lines=(line,)) as server:
        server.terminate()


# Storage


def database(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.process
def test_a_storage_that_a_server_could_not_open_is_told_and_left_alone(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        Person(server, "alice")
        server.terminate()
    file, told = tmp_path / "chatroom.db", []
    assert checked(tmp_path) == (0, [], [])
    database(file, f"PRAGMA user_version = {VERSION + 1}")
    told.append("was written by a newer server")
    before = everything(tmp_path)
    assert told[-1] in checked(tmp_path).faults[0]
    assert everything(tmp_path) == before
    database(file, "PRAGMA application_id = 7")
    assert "is the database of another program" in checked(tmp_path).faults[0]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no database at all, but a text", "is not an SQLite database"),
        (b"SQLite format 3\0" + bytes(2000), "is damaged"),
        (b"SQLite", "is not an SQLite database"),
    ],
)
def test_a_file_that_is_no_database_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chatroom.db").write_bytes(content)
    before = everything(tmp_path)
    status, notes, (fault,) = looked()
    assert (status, notes) == (1, [])
    assert fault.startswith(f"--storage: {tmp_path}/chatroom.db ")
    assert told in fault
    assert everything(tmp_path) == before


@pytest.mark.process
def test_a_database_that_is_damaged_is_told(tmp_path: Path) -> None:
    with Server(tmp_path, "--rate", "0") as server:
        alice = Person(server, "alice")
        alice.say(*(f"{number} {'x' * 400}" for number in range(500)), "/who")
        alice.expect("1 in #lobby")
        server.terminate()
    file = tmp_path / "chatroom.db"
    with closing(sqlite3.connect(file)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'logs'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as opened:
        opened.seek((page - 1) * size)
        opened.write(b"\xff" * size)
    before = everything(tmp_path)
    status, _, (fault,) = checked(tmp_path)
    assert status == 1
    assert "damaged" in fault or "cannot be used as a database" in fault
    assert {path: found[2] for path, found in everything(tmp_path).items()} == {
        path: found[2] for path, found in before.items()
    }
    server = Server(tmp_path).begin()  # which is right: it does not start
    assert server.end() == 1


def test_a_storage_that_is_an_old_one_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "chatroom.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript((Path(__file__).parent / "version_1.sql").read_text())
    before = everything(tmp_path)
    assert looked().status == 0
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    ("storage", "told"),
    [
        ("sqlite:", "no file is named"),
        ("sqlite:missing/chatroom.db", "missing: No such file or directory"),
        ("sqlite:directory", "is not a file"),
        ("", "there is no storage ''"),
        ("sqlite:file/chatroom.db", "file: Not a directory"),
        ("paper:x", "there is no storage 'paper:x'"),
    ],
)
def test_a_storage_that_cannot_be_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").touch()
    status, _, (fault,) = looked("--storage", storage)
    assert (status, fault.startswith("--storage: ")) == (1, True)
    assert told in fault


def test_memory_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert looked("--storage", "memory:") == (0, [], [])


# Who may


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory into which everybody may look; those of pytest are for one user."""
    with TemporaryDirectory(prefix="chatroom-check-") as made:
        where = Path(made)
        where.chmod(0o755)
        yield where


@AS_ROOT
@pytest.mark.process
def test_what_this_user_may_not_write_or_read_is_told(shared: Path) -> None:
    told = checked(shared, "--line", f"unix:{shared}/way-in", program=AS_NOBODY)
    assert told == (
        1,
        [],
        [
            f"--line unix:{shared}/way-in: {shared} cannot be written to",
            f"--storage: {shared} cannot be written to",
        ],
    )
    mine = shared / "mine"
    mine.mkdir()
    os.chown(mine, NOBODY, NOBODY)
    (mine / "chatroom.db").write_bytes(b"")
    (mine / "chatroom.db").chmod(0o600)
    (shared / "motd").write_text("hello\n")
    (shared / "motd").chmod(0o600)
    told = checked(mine, "--motd", "../motd", "--config", "../motd", program=AS_NOBODY)
    assert told.faults == [
        f"{shared}/motd: Permission denied",
        f"--motd: {mine}/../motd: Permission denied",
        f"--storage: {mine}/chatroom.db cannot be read and written",
    ]


@AS_ROOT
@pytest.mark.process
def test_a_lock_that_is_somebody_elses_is_told(shared: Path) -> None:
    os.chown(shared, NOBODY, NOBODY)
    (shared / "chatroom.db-lock").touch(0o600)
    told = checked(shared, program=AS_NOBODY)
    assert (told.status, told.faults) == (1, [f"--storage: {shared}/chatroom.db-lock cannot be read and written"])


@AS_ROOT
@pytest.mark.process
def test_a_port_for_root_only_is_told(shared: Path) -> None:
    least = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    os.chown(shared, NOBODY, NOBODY)
    line = "tcp:1:interface=127.0.0.1"
    told = checked(shared, line=line, program=AS_NOBODY)
    anybody = least <= 1  # as in Docker's containers
    assert told.faults == ([] if anybody else [f"--line {line}: Permission denied"])


@AS_ROOT
@pytest.mark.process
def test_who_may_not_look_into_a_directory_is_told(shared: Path) -> None:
    hidden = shared / "hidden"
    hidden.mkdir(0o700)
    os.chown(shared, NOBODY, NOBODY)
    told = checked(shared, "--storage", f"sqlite:{hidden}/chatroom.db", program=AS_NOBODY)
    assert told.faults == [f"--storage: {hidden} cannot be written to"]


@pytest.mark.process
def test_what_is_relative_is_looked_for_where_the_server_would_run(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for rundir, status in (("there", 0), ("nowhere", 1)):
        program = ("-c", RUN_TWISTD, "-n", f"--rundir={rundir}", "chatroom")
        server = Server(tmp_path, "--check", "--storage", "sqlite:chatroom.db", program=program).begin()
        assert server.end() == status
        told = f"{server.log}{server.stderr}"
        assert (
            f"{tmp_path}/there/chatroom.db will be made" in told
            if status == 0
            else "--rundir: nowhere: No such file" in told
        )
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
