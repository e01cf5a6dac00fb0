"""chatroomctl: what its owner asks a server that runs, and the storage of one that does not."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pexpect
import pytest
from twisted.internet.defer import ensureDeferred
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from chatroom.commands import COMMANDS
from chatroom.control import asking, main, options
from chatroom.control.asking import Failed, said_in
from chatroom.control.completing import LOCALS
from chatroom.control.options import read
from chatroom.control.table import ENDLESS, IN_ROOMS, ON_FILE, TABLE, ours
from chatroom.directory import SERVER_LOG
from chatroom.event import Kind
from chatroom.operations.choices import OPTIONS
from chatroom.protocols.control import ADDRESS_BYTES, ControlEndpoint, connect, user_of
from chatroom.request import Answer, Refused
from chatroom.rights import Right
from chatroom.seams import Storage
from chatroom.session import Session
from chatroom.storage.memory import MemoryStorage
from chatroom.table import Parameter, Table, Takes

from .chatting import QuickHasher, World
from .server import ENVIRONMENT, PATIENCE, Person, Server, until
from .support import bounded

SECRET = "correct horse battery"
OTHER = "another staple"
NOBODY = 65534

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else: run it as root")

RUN_AS_NOBODY = f"import os, socket; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"


def asked(storage: Storage, name: str, words: str = "", table: Table = COMMANDS) -> dict[str, Any]:
    """What is answered without a server."""
    clock, said = Clock(), []
    line = json.dumps({name: {"words": words}}).encode()
    ensureDeferred(said_in(storage, clock, QuickHasher(), line, table)).addCallback(said.append)
    for _ in range(100):
        clock.advance(0)
    ((answer,),) = [one.splitlines() for one in said]
    found: dict[str, Any] = json.loads(answer)
    return found


def events(storage: Storage, log: str) -> list[Kind]:
    found: list[Kind] = []
    storage.read(log, limit=100).addCallback(lambda entries: found.extend(entry.event.kind for entry in entries))
    return found


# The command line


@pytest.fixture(autouse=True)
def of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_its_storage_is_the_servers_by_default() -> None:
    (default,) = [option.default for option in OPTIONS if option.name == "storage"]
    assert options.DEFAULT_STORAGE == default == read(["accounts"]).storage


def test_the_help_is_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        read(["--help"])
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if len(line) > 80] == []
    parts = [part for part in said.split("\n\n") if part.startswith("commands ")]
    # Each is a line, or two, of which what is said goes on below itself.
    lists = [re.sub(r"\n {10,}", "  ", part).splitlines()[1:] for part in parts]
    listed = [[tuple(re.sub(" {2,}", "  ", line.strip()).split("  ", 1)) for line in lines] for lines in lists]
    on_file, running, local = [{(usage, does.replace("  ", " ")) for usage, does in lines} for lines in listed]
    for lines in listed[:2]:
        assert lines == sorted(lines)
    assert ("accounts", COMMANDS.find("accounts").help) in on_file
    assert ("add-account NAME", COMMANDS.find("add-account").help) in on_file
    assert ("kick NICK [why]", COMMANDS.find("server-kick").help) in running
    assert ("backup FILE [--force]", LOCALS["backup"].help) in local
    names = [usage.partition(" ")[0] for usage, _ in (*on_file, *running, *local)]
    assert len(set(names)) == len(names)
    assert not {"help", "quit", "say", "register"} & {*names}, "of a connection, or of the chat"


def test_a_command_that_the_table_gets_later_is_there_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(COMMANDS)

    @table.command(
        "ban", Parameter("nick", "NAME"), Parameter("why", "WHY", Takes.REST, optional=True), right=Right.ACCOUNTS
    )
    async def ban(session: Session, nick: str, why: str = "") -> Answer:
        """Keep somebody out."""
        return Answer(f"{nick} is out: {why}")

    chosen = read(["ban", "bob", "--json", "he", "shouts"], table)
    assert (chosen.command.name, chosen.words, chosen.json) == ("ban", "bob he shouts", True)
    assert asked(MemoryStorage(), "ban", chosen.words, table)["words"] == "bob is out: he shouts"
    with pytest.raises(SystemExit, match=r"^0$"):
        read(["-h"], table)
    assert re.search(r"ban NAME \[WHY\] +Keep somebody out\.", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["kick", "--help"], "usage: chatroomctl kick NICK [why]\n\nPut somebody out; they may come back.\n"),
        (["-h", "server-bans"], "usage: chatroomctl server-bans\n\nShow who is banned or muted,"),
        (["set-password", "--help"], "The password is read from standard input"),
        (["backup", "--help"], "options:\n  --force     "),
    ],
)
def test_the_help_of_a_command_is_about_that_alone(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        read(arguments)
    said = capsys.readouterr().out
    assert told in said
    assert len(said.splitlines()) < 8


def test_the_help_is_as_wide_as_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = []
    for columns in (72, 120):
        monkeypatch.setenv("COLUMNS", str(columns))
        with pytest.raises(SystemExit):
            read(["--help"])
        lengths.append(max(map(len, capsys.readouterr().out.splitlines())))
    assert 60 < lengths[0] <= 72 < 100 < lengths[1] <= 120


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "which command? chatroomctl --help shows them"),
        (["say"], "no command 'say'; there are "),
        (["completion", "fish"], "it is chatroomctl completion bash|zsh\n"),
        (["ad-account", "bob"], "no command 'ad-account'; did you mean add-account?"),
        (["xyzzy"], "no command 'xyzzy'; there are "),
        (["bann", "bob"], "no command 'bann'; did you mean ban?"),
        (["lockdown"], "it is chatroomctl lockdown on|off\n"),
        (["server-lockdown"], "it is chatroomctl lockdown on|off\n"),
        (["kick"], "it is chatroomctl kick NICK [why]\n"),
        (["backup"], "it is chatroomctl backup FILE [--force]\n"),
        (["backup", "a", "b"], "it is chatroomctl backup FILE [--force]\n"),
        (["restore", "a", "--force"], "--force goes with chatroomctl backup or make-cert\n"),
        (["check", "a", "b"], "it is chatroomctl check [FILE]\n"),
        (["make-cert", "--days", "many"], "argument --days: invalid int value: 'many'"),
        (["completion"], "it is chatroomctl completion bash|zsh\n"),
        (["say", "hello"], "no command 'say'"),
        (["accounts", "of", "bob"], "it is chatroomctl accounts\n"),
        (["add-account"], "it is chatroomctl add-account NAME; the password is read from standard input"),
        (["add-account", "bob", SECRET], "the password is read from standard input, since the list of processes shows"),
        (["add-account", f"bob {SECRET}"], "the password is read from standard input"),
        (["add-account", f"bob\t{SECRET}"], "the password is read from standard input"),
        (["set-password", "bob", SECRET], "the password is read from standard input"),
        (["--password", SECRET, "add-account", "bob"], ""),
        (["accounts", "--storage", "memory:"], "'memory:' names no file"),
        (["accounts", "--storage", "sqlite:"], "'sqlite:' names no file"),
        (["accounts", "--storage", "paper:log"], "'paper:log' names no file"),
        (["accounts", "--stor", "sqlite:x"], "--stor"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_command_line_is_told_and_the_status_is_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        read(arguments)
    said = capsys.readouterr()
    assert told in said.err
    assert said.out == ""


def test_a_wrong_use_of_a_command_repeats_the_usage_of_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read(["kick"])
    assert capsys.readouterr().err == "chatroomctl: it is chatroomctl kick NICK [why]\n"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("/accounts", "accounts"), ("ban", "server-ban"), ("server-ban", "server-ban"), ("/server-ban", "server-ban")],
)
def test_a_command_may_have_the_name_that_it_has_in_the_chat(typed: str, meant: str) -> None:
    words = ["bob", "he", "shouts"] if meant == "server-ban" else []
    assert read([typed, *words]).command is COMMANDS.find(meant)


def test_a_name_that_another_command_has_stays_as_it_is() -> None:
    table = Table(COMMANDS)

    @table.command("ban", right=Right.ACCOUNTS)
    async def ban(session: Session) -> Answer:
        """Something else."""
        return Answer()

    assert read(["ban"], table).command is table.find("ban")
    assert read(["server-ban", "bob"], table).command is table.find("server-ban")


def test_what_is_said_of_commands_without_a_server_is_about_commands_that_there_are() -> None:
    assert {ask.name for ask in ours(TABLE).values()} >= ON_FILE | IN_ROOMS | ENDLESS


# What is shown


ANSWER = b'{"answer":"accounts","accounts":[],"words":"0 accounts"}\n'
REFUSED = b'{"refused":{"code":"no_account","words":"there is no account bob"}}\n'
NOTICE = b'{"notice":"the server is stopping"}\n'


@pytest.mark.parametrize(
    ("lines", "as_json", "status", "out", "err"),
    [
        ([ANSWER], False, 0, "0 accounts\n", ""),
        ([ANSWER], True, 0, ANSWER.decode(), ""),
        ([REFUSED], False, 1, "", "chatroomctl: there is no account bob\n"),
        ([REFUSED], True, 1, REFUSED.decode(), "chatroomctl: there is no account bob\n"),
        ([NOTICE, ANSWER], False, 0, "the server is stopping\n0 accounts\n", ""),
        ([NOTICE, ANSWER], True, 0, (NOTICE + ANSWER).decode(), ""),
        ([b'{"answer":"reload"}\n'], False, 0, "", ""),
        ([ANSWER, REFUSED], False, 0, "0 accounts\n", ""),
    ],
)
def test_the_answer_is_shown_and_makes_the_status(
    capsys: pytest.CaptureFixture[str], lines: list[bytes], as_json: bool, status: int, out: str, err: str
) -> None:
    assert main.tell(lines, as_json) == status
    assert capsys.readouterr() == (out, err)


def test_the_answer_has_the_name_that_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    main.tell([b'{"answer":"server-ban","target":"b\xc3\xb6b"}\n'], as_json=True, typed="ban")
    assert capsys.readouterr().out == '{"answer":"ban","target":"böb"}\n'
    assert read(["ban", "bob"]).typed == "ban"
    assert read(["/server-ban", "bob"]).typed == "server-ban"


def test_no_answer_is_a_failure() -> None:
    with pytest.raises(Failed, match="no answer came"):
        main.tell([NOTICE], as_json=True)


EVENT = b'{"event":"said","room":"lobby","nick":"alice","text":"hi"}\n'


@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_endless_goes_on_after_its_answer_as_json(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    answer = b'{"answer":"tail","words":""}\n'
    assert main.tell([EVENT, answer, EVENT, EVENT], as_json, endless=True) == 0
    assert capsys.readouterr().out == EVENT.decode() + (answer.decode() if as_json else "") + 2 * EVENT.decode()


def test_a_refusal_names_commands_as_they_are_typed_here(capsys: pytest.CaptureFixture[str]) -> None:
    words = "it is /filter add WORDS, /server unban NICK or /whois; look at /etc/motd"
    main.tell([json.dumps({"refused": {"code": "x", "words": words}}).encode()], as_json=False)
    said = "it is chatroomctl filter add WORDS, chatroomctl unban NICK or /whois; look at /etc/motd"
    assert capsys.readouterr().err == f"chatroomctl: {said}\n"


# Without a server


def test_without_a_server_the_answers_are_those_of_the_server() -> None:
    world, alone = World(), MemoryStorage()
    heard: list[dict[str, Any]] = []
    for name, words in [
        ("accounts", ""),
        ("add-account", f"Alice {SECRET}"),
        ("add-account", f"alice {SECRET}"),
        ("add-account", "bob short"),
        ("add-account", "bob"),
        ("add-account", f"a/b {SECRET}"),
        ("set-password", f"alice {OTHER}"),
        ("set-password", f"bob {OTHER}"),
        ("accounts", ""),
        ("say", "hello"),
        ("who", ""),
    ]:
        mine, servers = asked(alone, name, words), asked(world.storage, name, words)
        assert mine == servers
        heard.append(mine)
    assert [("answer" in answer, answer.get("refused", {}).get("code", "")) for answer in heard] == [
        (True, ""),
        (True, ""),
        (False, "nick_taken"),
        (False, "password_weak"),
        (False, "password_needed"),
        (False, "nick_invalid"),
        (True, ""),
        (False, "no_account"),
        (True, ""),
        (False, "not_here"),
        (False, "not_here"),
    ]


def test_without_a_server_nobody_is_told_anything_and_no_stay_is_ended() -> None:
    world = World()
    alice = world.enter("alice")
    before = events(world.storage, "#lobby")
    assert asked(world.storage, "add-account", f"bob {SECRET}")["nick"] == "bob"
    assert events(world.storage, "#lobby") == before
    assert events(world.storage, SERVER_LOG).count(Kind.STARTED) == 1
    assert alice.heard() == []


def test_what_a_newer_server_wrote_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = MemoryStorage()
    World(storage=storage)
    monkeypatch.setattr("chatroom.directory.TABLES", {})
    failed: list[Failure] = []
    ensureDeferred(said_in(storage, Clock(), QuickHasher(), b"{}")).addErrback(failed.append)
    assert failed[0].check(Refused)
    assert "newer than ours" in failed[0].value.words


def look_after(storage: str) -> None:
    asking.expect_file(storage)
    asking.answers(storage, COMMANDS.find("accounts"), "")


@pytest.mark.parametrize("what", ["nothing", "a directory", "no database", "below a file"])
def test_a_storage_that_cannot_be_used_is_told_in_words(tmp_path: Path, what: str) -> None:
    path = tmp_path / "chat.db"
    match what:
        case "a directory":
            path.mkdir()
        case "no database":
            path.write_text("dear diary, " * 100)
        case "below a file":
            path /= "within"
            (tmp_path / "chat.db").write_text("")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Failed, match=rf"^(there is no )?{re.escape(str(path))}[^\n]+$"):
        look_after(f"sqlite:{path}")
    assert [one for one in sorted(tmp_path.rglob("*")) if one.suffix != ".db-lock"] == before


@pytest.mark.parametrize("name", ["accounts", "announce"])
def test_a_server_that_does_not_answer_is_waited_for_and_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    now, path = [0.0], tmp_path / "chat.db"
    path.touch()
    monkeypatch.setattr("chatroom.control.asking.time.monotonic", lambda: now[0])
    monkeypatch.setattr("chatroom.control.asking.time.sleep", lambda seconds: now.append(now.pop() + seconds))
    with open(f"{path}-lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Failed) as failed:
            asking.answers(f"sqlite:{path}", TABLE.find(name), "")
    words = f"{path} is in use by another server, which does not answer at {path}-control: No such file or directory"
    assert str(failed.value) == words
    assert asking.PATIENCE <= now[0] < asking.PATIENCE + 2 * asking.LOOK_AGAIN


# The socket


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where a socket's path just fits no more."""
    deep = tmp_path
    while len(os.fsencode(deep / "socket")) <= ADDRESS_BYTES:
        deep /= "d" * 20
    deep.mkdir(parents=True)
    return deep


@bounded(10)
@pytest.mark.parametrize("long", [False, True])
async def test_a_socket_is_reached_however_long_its_path_is(tmp_path: Path, directory: Path, long: bool) -> None:
    from twisted.internet import reactor

    path = (directory if long else tmp_path) / "socket"
    port = await ControlEndpoint(reactor, lambda: str(path)).listen(Factory())
    with connect(str(path)) as connection:
        assert user_of(connection) == os.getuid()
    await port.stopListening()
    assert not path.exists()


@bounded(10)
async def test_a_path_of_which_the_socket_has_one_byte_more_goes_by_its_directory(tmp_path: Path) -> None:
    from twisted.internet import reactor

    for length in (ADDRESS_BYTES, ADDRESS_BYTES + 1):
        path = tmp_path / ("s" * (length - len(f"{tmp_path}/")))
        port = await ControlEndpoint(reactor, lambda path=path: str(path)).listen(Factory())
        assert (b"/proc/" in port.getHost().name) == (length > ADDRESS_BYTES)
        connect(str(path)).close()
        await port.stopListening()


@bounded(10)
async def test_the_socket_is_its_owners_from_the_first_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from twisted.internet import reactor

    path = tmp_path / "socket"
    monkeypatch.setattr(os, "chmod", lambda *_: None)  # after binding is too late
    mask = os.umask(0)
    try:
        port = await ControlEndpoint(reactor, lambda: str(path)).listen(Factory())
        assert os.umask(0) == 0, "what others make is as it was"
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await port.stopListening()


@bounded(10)
async def test_a_socket_that_a_killed_server_left_is_replaced_and_nothing_else_is(tmp_path: Path) -> None:
    from twisted.internet import reactor

    path = tmp_path / "socket"
    with closing(socket.socket(socket.AF_UNIX)) as killed:
        killed.bind(str(path))
    port = await ControlEndpoint(reactor, lambda: str(path)).listen(Factory())
    connect(str(path)).close()
    await port.stopListening()
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="no socket"):
        await ControlEndpoint(reactor, lambda: str(path)).listen(Factory())
    assert path.read_text() == "precious"


# With real servers, real files and real processes


def run(command: list[str], where: Path, said: bytes = b"") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=where, env=ENVIRONMENT, input=said, capture_output=True, timeout=PATIENCE, check=False
    )
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def ctl(where: Path, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    done = run([sys.executable, "-m", "chatroom.control", *arguments], where, f"{said}\n".encode())
    assert "Traceback" not in done.stderr, done.stderr
    return done


def log_in(server: Server, nick: str, password: str) -> Person:
    person = Person(server)
    person.say(f"/login {nick} {password}")
    person.expect(rf"\* You are {nick}, .*\n")
    return person


def is_refused(server: Server, nick: str, password: str) -> None:
    with Person(server) as person:
        person.say(f"/login {nick} {password}")
        person.expect("! wrong name or password\r\n")


def told(done: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    return done.returncode, done.stdout, done.stderr


def files_have(where: Path, text: str) -> list[str]:
    """The names of those files that have this text in them."""
    return [path.name for path in where.iterdir() if path.is_file() and text.encode() in path.read_bytes()]


def hash_of(where: Path) -> str:
    """The only one that there is."""
    with closing(sqlite3.connect(where / "chatroom.db")) as database:
        rows = database.execute("SELECT details FROM entries WHERE details LIKE '%argon2id%'").fetchall()
    ((details,),) = rows
    return str(json.loads(details)["hash"])


@pytest.mark.process
def test_an_account_made_while_the_server_runs_can_log_in(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert told(ctl(tmp_path, "add-account", "alice", said=SECRET)) == (0, "alice has an account now\n", "")
        log_in(server, "alice", SECRET)
        code, out, _ = told(ctl(tmp_path, "accounts"))
        assert (code, out.splitlines()[0]) == (0, "1 account")
        assert re.fullmatch(r"alice, since [\d-]{10}, here", out.splitlines()[1])
        (account,) = json.loads(ctl(tmp_path, "accounts", "--json").stdout)["accounts"]
        assert (account["nick"], account["here"]) == ("alice", True)
        server.terminate()
    assert not (tmp_path / "chatroom.db-control").exists()
    assert SECRET not in str(server.log)
    assert files_have(tmp_path, SECRET) == []


@pytest.mark.process
def test_an_account_made_without_a_server_can_log_in_when_there_is_one(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        before = len(server.query("SELECT 1 FROM entries"))
        server.kill()
    assert told(ctl(tmp_path, "add-account", "álice", said="pässwörd ist gut")) == (0, "álice has an account now\n", "")
    assert told(ctl(tmp_path, "accounts"))[:2] == (
        0,
        f"1 account\nálice, since {time.strftime('%Y-%m-%d', time.gmtime())}\n",
    )
    assert len(server.query("SELECT 1 FROM entries")) == before + 2  # it, and that the owner made it
    with Server(tmp_path) as server:
        log_in(server, "álice", "pässwörd ist gut")


@pytest.mark.process
@pytest.mark.parametrize("running", [True, False])
def test_another_password_ends_what_came_in_by_the_old_one(tmp_path: Path, running: bool) -> None:
    with Server(tmp_path) as server:
        ctl(tmp_path, "add-account", "alice", said=SECRET)
        old = hash_of(tmp_path)
        assert files_have(tmp_path, old) != []
        alice = log_in(server, "alice", SECRET)
        if not running:
            server.kill()
        assert told(ctl(tmp_path, "set-password", "alice", said=OTHER)) == (0, "alice has another password now\n", "")
        assert files_have(tmp_path, old) == []
        if running:
            alice.expect("! the password was changed; log in again\r\n")
            alice.rest()
    with server if running else Server(tmp_path) as server:
        is_refused(server, "alice", SECRET)
        log_in(server, "alice", OTHER)


@pytest.mark.process
@pytest.mark.parametrize("running", [True, False])
def test_what_is_refused_is_told_and_the_status_is_1(tmp_path: Path, running: bool) -> None:
    with Server(tmp_path) as server:
        if not running:
            server.terminate()
        no_account = "there is no account bob"
        assert told(ctl(tmp_path, "set-password", "bob", said=SECRET)) == (1, "", f"chatroomctl: {no_account}\n")
        code, out, err = told(ctl(tmp_path, "--json", "set-password", "bob", said=SECRET))
        assert (code, err) == (1, f"chatroomctl: {no_account}\n")
        assert json.loads(out) == {"refused": {"code": "no_account", "words": no_account}}


@pytest.mark.process
@pytest.mark.parametrize("command", ["announce tea is served", "kick alice", "rooms", "server-kick alice", "status"])
def test_what_only_a_server_that_runs_can_do_is_refused_without_one(tmp_path: Path, command: str) -> None:
    with Server(tmp_path) as server:
        server.kill()
    before = server.query("SELECT * FROM entries")
    words = f"no server runs on {tmp_path}/chatroom.db; only one that runs can do that"
    assert told(ctl(tmp_path, *command.split())) == (1, "", f"chatroomctl: {words}\n")
    done = ctl(tmp_path, "--json", *command.split())
    assert json.loads(done.stdout) == {"refused": {"code": "no_server", "words": words}}
    assert server.query("SELECT * FROM entries") == before


@pytest.mark.process
def test_a_server_does_by_its_short_names_what_it_does_in_the_chat(tmp_path: Path) -> None:
    with Server(tmp_path) as server, Person(server, "alice") as alice, Person(server, "bob") as bob:
        assert told(ctl(tmp_path, "announce", "tea", "is", "served")) == (0, "told to 2 people\n", "")
        bob.expect(r"tea is served\r\n")
        assert told(ctl(tmp_path, "rooms")) == (0, "#lobby: 2 people\n", "")
        assert told(ctl(tmp_path, "kick", "bob", "too", "loud")) == (0, "bob is out of this server\n", "")
        assert "too loud" in bob.rest()
        alice.expect(r"\* bob left .*\r\n")
        deeds = json.loads(ctl(tmp_path, "audit", "--json").stdout)["deeds"]
        assert [deed["what"] for deed in deeds][-2:] == ["announced", "kicked"]
        assert told(ctl(tmp_path, "kick", "bob"))[::2] == (1, "chatroomctl: bob is not in this server\n")


@pytest.mark.process
def test_what_is_decided_without_a_server_holds_when_there_is_one(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        ctl(tmp_path, "add-account", "alice", said=SECRET)
        with log_in(server, "alice", SECRET) as alice:
            alice.say("/join #tea", "/topic green")
            alice.expect(r"green\r\n")
        server.terminate()
    assert told(ctl(tmp_path, "ban", "account:alice", "7d", "go", "away"))[0] == 0
    assert told(ctl(tmp_path, "filter", "add", "refuse", "pills"))[0] == 0
    assert ctl(tmp_path, "bans").stdout.startswith("banned: account:alice, ")
    assert "alice: set topic (green)" in ctl(tmp_path, "audit", "#tea").stdout
    assert told(ctl(tmp_path, "audit", "#soup"))[::2] == (1, "chatroomctl: there is no room #soup\n")
    with Server(tmp_path) as server:
        with Person(server, "bob") as bob:
            bob.say("pills")
            bob.expect(r"! .*\r\n")
            bob.say(f"/login alice {SECRET}")
            bob.expect(r"! .*go away.*\r\n")
        assert told(ctl(tmp_path, "unban", "account:alice"))[0] == 0
        log_in(server, "alice", SECRET)


@pytest.mark.process
@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "no password came on standard input"),
        (b" \nsecond line\n", "no password came on standard input"),
        (b"sn\xe5rt\n", "the password on standard input is not UTF-8"),
        (b"x" * 100_000, "a password has 1 to 256 characters, none of them a control character"),
        (b"short\r\n", "a password has at least 8 characters"),
    ],
)
def test_what_is_no_password_is_told(tmp_path: Path, said: bytes, words: str) -> None:
    (tmp_path / "chatroom.db").touch()
    done = run([sys.executable, "-m", "chatroom.control", "add-account", "bob"], tmp_path, said)
    assert told(done) == (1, "", f"chatroomctl: {words}\n")


def links(directory: Path) -> list[str]:
    """What these point to, of those that are not gone meanwhile."""
    found = []
    for file in directory.iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(file))
    return found


@pytest.mark.process
def test_a_password_is_in_no_list_of_processes(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        command = [sys.executable, "-m", "chatroom.control", "add-account", "alice"]
        waiting = subprocess.Popen(
            command, cwd=tmp_path, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert waiting.stdin is not None
        seen: list[bytes] = []
        proc = Path(f"/proc/{waiting.pid}")
        until(lambda: b"add-account" in (proc / "cmdline").read_bytes(), "it runs")
        waiting.stdin.write(f"{SECRET}\n")  # not flushed: it waits for it
        seen.append((proc / "cmdline").read_bytes() + (proc / "environ").read_bytes())
        os.kill(server.pid, signal.SIGSTOP)  # now it waits for the answer
        waiting.stdin.close()
        until(lambda: any("socket:" in link for link in links(proc / "fd")), "it asks")
        seen.append((proc / "cmdline").read_bytes() + (proc / "environ").read_bytes())
        os.kill(server.pid, signal.SIGCONT)
        with waiting:
            assert waiting.wait(PATIENCE) == 0
        assert not any(SECRET.encode() in one for one in seen)
        log_in(server, "alice", SECRET)
        assert SECRET not in str(server.log)
        assert files_have(tmp_path, SECRET) == []


@pytest.mark.process
@pytest.mark.parametrize(
    ("typed", "end", "status"),
    [
        ([SECRET, SECRET], "alice has an account now", 0),
        ([SECRET, OTHER], "these were two passwords; nothing was changed", 1),
        ([""], "nothing was changed", 1),
        (["\x04"], "nothing was changed", 1),
        (["\x03"], "", 130),
    ],
    ids=["the same", "two", "none", "Ctrl-D", "Ctrl-C"],
)
def test_at_a_terminal_it_is_typed_twice_and_not_seen(tmp_path: Path, typed: list[str], end: str, status: int) -> None:
    (tmp_path / "chatroom.db").touch()
    arguments = ["-m", "chatroom.control", "add-account", "alice"]
    terminal: pexpect.spawn[str] = pexpect.spawn(
        sys.executable, arguments, cwd=str(tmp_path), env=ENVIRONMENT, encoding="utf-8", timeout=PATIENCE
    )
    shown = ""
    for line, prompt in zip(typed, ["Password: ", "The same once more: "], strict=False):
        terminal.expect_exact(prompt)
        shown += terminal.before or ""
        terminal.send(line if line in ("\x03", "\x04") else f"{line}\n")
    terminal.expect(pexpect.EOF)
    shown += terminal.before or ""
    terminal.close()
    assert end in shown
    assert SECRET not in shown
    assert "Traceback" not in shown
    assert terminal.exitstatus == status


@pytest.mark.process
def test_what_a_killed_server_leaves_behind_matters_to_nobody(tmp_path: Path) -> None:
    left = tmp_path / "chatroom.db-control"
    with Server(tmp_path) as server:
        server.kill()
    assert left.is_socket()
    assert told(ctl(tmp_path, "add-account", "alice", said=SECRET))[0] == 0
    with Server(tmp_path) as server:
        assert stat.S_IMODE(left.stat().st_mode) == 0o600
        assert "alice" in ctl(tmp_path, "accounts").stdout
        server.terminate()
    assert not left.exists()


@pytest.mark.process
def test_where_there_is_no_storage_none_is_made(tmp_path: Path) -> None:
    words = (
        f"there is no {tmp_path}/chatroom.db: a server makes it when it starts; start it first, or name its --storage"
    )
    assert told(ctl(tmp_path, "accounts")) == (1, "", f"chatroomctl: {words}\n")
    assert told(ctl(tmp_path, "add-account", "alice", said=SECRET)) == (1, "", f"chatroomctl: {words}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.process
def test_the_storage_may_be_elsewhere_and_so_may_the_server(tmp_path: Path) -> None:
    (tmp_path / "rundir").mkdir()
    program = ("-c", "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; sys.exit(run())")
    with Server(tmp_path, program=(*program, "-n", "--pidfile=", "--rundir=rundir", "chatroom")) as server:
        storage = f"--storage=sqlite:{tmp_path}/rundir/chatroom.db"
        assert told(ctl(tmp_path, storage, "add-account", "alice", said=SECRET))[0] == 0
        log_in(server, "alice", SECRET)


@pytest.mark.process
def test_long_paths_make_no_difference(directory: Path) -> None:
    with Server(directory) as server:
        assert told(ctl(directory, "add-account", "alice", said=SECRET))[0] == 0
        log_in(server, "alice", SECRET)
        assert (directory / "chatroom.db-control").is_socket()
        server.terminate()
    assert not (directory / "chatroom.db-control").exists()


@pytest.mark.process
def test_a_name_that_no_socket_can_have_is_told_by_both(tmp_path: Path) -> None:
    storage = f"sqlite:{'x' * 120}.db"
    with Server(tmp_path, "--storage", storage) as server:
        server.wait_for_line("chatroomctl cannot reach this server")
        code, _, err = told(ctl(tmp_path, "--storage", storage, "accounts"))
        assert code == 1
        assert "in use by another server, which does not answer" in err
        assert "too long" in err


# Who may


@AS_ROOT
@pytest.mark.process
def test_other_users_are_turned_away_even_if_they_may_open_the_socket(tmp_path: Path) -> None:
    ask = RUN_AS_NOBODY + (
        "connection = socket.socket(socket.AF_UNIX)\n"
        "connection.connect('chatroom.db-control')\n"
        "try:\n"
        "    connection.sendall(b'{\"accounts\": {}}\\n')\n"
        "    print(connection.recv(1000))\n"
        "except OSError:\n"
        "    print(b'')\n"
    )
    with Server(tmp_path) as server:
        tmp_path.chmod(0o711)
        done = run([sys.executable, "-c", ask], tmp_path)
        assert "PermissionError" in done.stderr  # by its mode alone
        (tmp_path / "chatroom.db-control").chmod(0o666)
        done = run([sys.executable, "-c", ask], tmp_path)
        assert (done.stdout, done.stderr) == ("b''\n", "")
        server.wait_for_line(f"user {NOBODY} tried to control this server, and may not")
        assert ctl(tmp_path, "accounts").returncode == 0


@AS_ROOT
@pytest.mark.process
def test_a_socket_that_somebody_else_put_there_learns_no_password(tmp_path: Path) -> None:
    (tmp_path / "chatroom.db").touch()
    tmp_path.chmod(0o777)
    listen = RUN_AS_NOBODY + (
        "server = socket.socket(socket.AF_UNIX)\n"
        "server.bind('chatroom.db-control')\n"
        "server.listen()\n"
        "print('ready', flush=True)\n"
        "print(server.accept()[0].recv(1000))\n"
    )
    false = subprocess.Popen(
        [sys.executable, "-c", listen], cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    with false:
        assert false.stdout is not None
        assert false.stdout.readline() == "ready\n"
        code, _, err = told(ctl(tmp_path, "add-account", "alice", said=SECRET))
        assert (code, "is not its owner, and was asked nothing" in err) == (1, True)
        assert false.stdout.read() == "b''\n"


@AS_ROOT
@pytest.mark.process
def test_who_may_not_read_the_storage_is_told_so(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        start = "from chatroom.control.main import main\nfrom twisted.internet import reactor\n"
        done = run([sys.executable, "-c", f"{start}{RUN_AS_NOBODY}main(['accounts'])"], tmp_path)
        assert done.returncode == 1
        assert re.fullmatch(r"chatroomctl: /.*chatroom\.db.* cannot be opened: Permission denied\n", done.stderr)
        server.terminate()


WHAT_TESTS_INHERIT = """
import os, signal
import tests.conftest
from tests.server import ENVIRONMENT
print([name for name in (*os.environ, *ENVIRONMENT) if name.startswith(("CHATROOM", "NOTIFY", "WATCHDOG", "LISTEN"))])
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""


@pytest.mark.process
def test_the_store_of_who_runs_the_tests_is_no_tests_business_nor_where_they_are_run(tmp_path: Path) -> None:
    theirs = "CHATROOM_STORAGE=sqlite:precious.db NOTIFY_SOCKET=@x WATCHDOG_USEC=1 LISTEN_FDS=1"
    done = in_shell(tmp_path, f"trap '' INT; {theirs} {sys.executable} -c '{WHAT_TESTS_INHERIT}'")
    assert told(done) == (0, "[]\nTrue\n", "")


def in_shell(where: Path, script: str) -> subprocess.CompletedProcess[str]:
    """`chatroomctl` is ours."""
    ours = f'chatroomctl() {{ {sys.executable} -m chatroom.control "$@"; }}\n'
    return run(["bash", "--norc", "-c", ours + script], where)


@pytest.mark.process
@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize(
    ("output", "words"),
    [
        (">/dev/full", "the answer cannot be shown: No space left on device"),
        (">&-", "the answer cannot be shown: standard output is closed"),
        ("--json >&-", "the answer cannot be shown: standard output is closed"),
    ],
)
def test_an_output_that_takes_nothing_is_told(tmp_path: Path, output: str, words: str, running: bool) -> None:
    with Server(tmp_path) as server:
        if not running:
            server.terminate()
        assert told(in_shell(tmp_path, f"chatroomctl accounts {output}")) == (1, "", f"chatroomctl: {words}\n")


@pytest.mark.process
@pytest.mark.parametrize("what", ["--help >/dev/full", "kick 2>/dev/full", "kick 2>&-", "check >/dev/full 2>/dev/full"])
def test_without_an_output_the_status_tells_it(tmp_path: Path, what: str) -> None:
    code, out, err = told(in_shell(tmp_path, f"chatroomctl {what}"))
    assert (code in (1, 2), out, err) == (True, "", "")


@pytest.mark.process
def test_what_cannot_be_done_is_an_object_too(tmp_path: Path) -> None:
    done = ctl(tmp_path, "accounts", "--json")
    words = json.loads(done.stdout)["refused"].pop("words")
    assert json.loads(done.stdout) == {"refused": {"code": "failed", "words": words}}
    assert (done.returncode, done.stderr) == (1, f"chatroomctl: {words}\n")


@pytest.mark.process
@pytest.mark.parametrize("stopped", [True, False])
def test_a_tail_tells_whether_its_server_was_stopped_or_is_gone(tmp_path: Path, stopped: bool) -> None:
    with Server(tmp_path) as server:
        command = [sys.executable, "-m", "chatroom.control", "tail", "--json"]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, **pipes) as tail:
            assert json.loads(tail.stdout.readline())["answer"] == "tail"
            if stopped:
                server.terminate()
            else:
                server.kill()
            gone = "chatroomctl: the server is gone; it did not stop as it should\n"
            assert (tail.wait(PATIENCE), tail.stderr.read()) == ((0, "") if stopped else (1, gone))


@pytest.mark.process
def test_a_server_that_says_nothing_is_waited_for_so_long(tmp_path: Path) -> None:
    program = "from chatroom.control import asking, main; asking.ANSWER = 0.2; main.main(['status'])"
    with Server(tmp_path) as server:
        os.kill(server.pid, signal.SIGSTOP)
        done = run([sys.executable, "-c", program], tmp_path)
        os.kill(server.pid, signal.SIGCONT)
        words = "the server did not answer within 0.2 seconds; it may still do what was asked"
        assert told(done) == (1, "", f"chatroomctl: {words}\n")


@pytest.mark.process
def test_what_is_endless_is_waited_for_without_end_once_it_has_begun(tmp_path: Path) -> None:
    program = "from chatroom.control import asking, main; asking.ANSWER = 2; main.main(['tail', '--json'])"
    with Server(tmp_path) as server:
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, env=ENVIRONMENT, **pipes) as tail:
            tail.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                tail.wait(3)
            server.terminate()
            assert tail.wait(PATIENCE) == 0


@pytest.mark.process
def test_ctrl_c_while_it_comes_into_memory_is_no_error(tmp_path: Path) -> None:
    program = """if True:
        import signal, sys
        class Pressing:
            def find_spec(self, name, *_):
                if name == "chatroom.control.asking":
                    signal.raise_signal(signal.SIGINT)
        sys.meta_path.insert(0, Pressing())
        from chatroom.control.start import main
        main()"""
    assert told(run([sys.executable, "-c", program], tmp_path)) == (130, "", "")


@AS_ROOT
@pytest.mark.process
def test_root_leaves_no_lock_that_the_server_of_another_cannot_open(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        server.terminate()
    lock = tmp_path / "chatroom.db-lock"
    lock.unlink()
    os.chown(tmp_path / "chatroom.db", NOBODY, NOBODY)
    assert told(ctl(tmp_path, "accounts"))[0] == 0
    assert (lock.stat().st_uid, lock.stat().st_gid) == (NOBODY, NOBODY)


@pytest.mark.process
def test_who_reads_no_more_of_the_answer_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "chatroom.db").touch()
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write) as output:
        done = subprocess.run(
            [sys.executable, "-m", "chatroom.control", "accounts"],
            cwd=tmp_path,
            env=ENVIRONMENT,
            stdout=output,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"")
