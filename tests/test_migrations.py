"""Files of every version that ever landed become ours, whole, whenever that is cut short; and none of a newer server does."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chatroom.storage import sqlite_file
from chatroom.storage.refused import StorageRefused
from chatroom.storage.sqlite_check import check
from chatroom.storage.sqlite_file import DatabaseFile
from chatroom.storage.sqlite_migrations import MIGRATIONS
from chatroom.storage.sqlite_schema import SCHEMA, VERSION

from .chatting import PASSWORD, JsonClient
from .server import PATIENCE, Person, Server
from .test_control import ctl, told
from .test_resume import Disk, DiskWorld

VERSIONS = range(1, VERSION + 1)

KEPT = Path(__file__).parent

STOPS = 20
"""At so many points a migration is killed, from its first step to its last."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chatroom.db"


def as_left_by(version: int, path: Path) -> None:
    with closing(sqlite3.connect(path)) as older:
        older.executescript((KEPT / f"version_{version}.sql").read_text("utf-8"))


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as outsider:
        return int(outsider.execute("PRAGMA user_version").fetchone()[0])


def rows(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as outsider:
        return outsider.execute("SELECT name, entries.* FROM entries JOIN logs ON logs.id = log").fetchall()


def tables(path: Path | str, script: str = "") -> set[tuple[str, str]]:
    """As they were declared, but for comments and spaces."""
    with closing(sqlite3.connect(path)) as outsider:
        outsider.executescript(script)
        declared = outsider.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    return {(name, re.sub(r"\s+", "", re.sub("--.*", "", sql))) for name, sql in declared}


# What there is of each version


def test_each_version_has_its_step() -> None:
    assert [*MIGRATIONS] == [*VERSIONS[1:]], "a new VERSION takes a step that leads to it"


@pytest.mark.parametrize("version", VERSIONS)
def test_of_each_version_a_file_is_kept(path: Path, version: int) -> None:
    """Of a new VERSION: `.dump` what a server that has it left behind, and put both PRAGMAs at its end."""
    as_left_by(version, path)
    assert version_of(path) == version
    assert {"registered", "said", "private"} & {row[4] for row in rows(path)}


def test_the_tables_are_those_of_the_kept_file_of_their_version(path: Path) -> None:
    """Where they differ, there are files of this VERSION with other tables: it is time for a new one."""
    as_left_by(VERSION, path)
    assert tables(path) == tables(":memory:", SCHEMA)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_of_each_version_becomes_ours_and_nothing_in_it_changes(path: Path, version: int) -> None:
    as_left_by(version, path)
    before = rows(path)
    for _ in range(2):
        DatabaseFile(str(path), "power").release()
        assert version_of(path) == VERSION
        assert tables(path) == tables(":memory:", SCHEMA)
        assert rows(path) == before
        assert check(str(path)).faults == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.process
def test_a_server_serves_what_a_server_of_each_version_left_behind(tmp_path: Path, version: int) -> None:
    as_left_by(version, tmp_path / "chatroom.db")
    with Server(tmp_path, "--history", "20") as server, Person(server) as zoe:
        zoe.say("zoe")
        shown = zoe.expect(r"\* You are zoe.*\n")
        assert {1: "carol: three", 2: "alice: with an id", 3: "alice: in the lobby"}[version] in shown
        with Person(server, "yan") as yan:
            zoe.say("hello")
            yan.expect("zoe: hello")
        server.terminate()
    assert told(ctl(tmp_path, "check"))[::2] == (0, "")


def test_what_the_last_version_before_the_managed_service_kept_is_all_there(path: Path) -> None:
    as_left_by(3, path)
    world = DiskWorld(JsonClient, storage=Disk(path), stamp="n3.", grace=30.0)  # type: ignore[arg-type]
    alice = world.log_in("alice")
    alice.ask("history", room="tea", limit=20)
    alice.ask("bans", room="tea")
    alice.ask("server-bans")
    alice.ask("filter", change="list", room="tea")
    told = alice.told()
    heard = [each.get("text") for each in told if each.get("event") in ("said", "did") and each.get("room") == "tea"]
    assert "one, corrected" in heard
    assert "pours" in heard
    assert not {"one", "to be removed", "buy cheap pills"} & {*heard}
    (of_tea,) = [each["bans"] for each in told if each.get("answer") == "bans"]
    assert [(ban["target"], ban["why"]) for ban in of_tea] == [("carol", "advertising")]
    (of_all,) = [each["bans"] for each in told if each.get("answer") == "server-bans"]
    assert [(ban["what"], ban["target"]) for ban in of_all] == [("banned", "192.0.2.0/24"), ("muted", "eve")]
    (filters,) = [each["filters"] for each in told if each.get("answer") == "filter"]
    assert [each["pattern"] for each in filters] == ["pills"]
    assert {*world.chat.rooms} == {"lobby", "tea", "soup"}
    bob = world.connect()
    bob.login("bob", PASSWORD)
    assert [each["text"] for each in bob.told() if each.get("event") == "private"] == ["in private"]
    assert world.chat.directory.accounts.forgotten() == {}
    assert {account.name.shown for account in world.chat.directory.accounts.all()} == {
        "alice", "bob", "carol", "dave", "erin",
    }  # fmt: skip
    world.storage.close()


# A newer server's


@pytest.mark.process
def test_a_file_of_a_newer_server_is_refused_by_both_programs_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "chatroom.db"
    as_left_by(VERSION, path)
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = path.read_bytes()
    words = f"{path} was written by a newer server: it has schema {VERSION + 1}, and this one knows {VERSION}"
    server = Server(tmp_path).begin()
    assert server.end() == 1
    assert server.stderr.lines == [f"chatroom: --storage: {words}"]
    (tmp_path / "good.db").write_bytes(b"")
    for command in (["accounts"], ["check"], ["check", "chatroom.db"], ["backup", "b.db"], ["restore", "chatroom.db",
                    "--storage", "sqlite:good.db"]):  # fmt: skip
        assert told(ctl(tmp_path, *command)) == (1, "", f"chatroomctl: {words}\n")
    assert path.read_bytes() == before
    assert not (tmp_path / "b.db").exists()


# Cut short

ROWS = 3000

OLD = "SELECT log, sort, position, text, details FROM entries ORDER BY log, sort, position"
NEW = "SELECT log, sort, position, words, details FROM kept ORDER BY log, sort, position"

STEPS = {
    VERSION + 1: """
        CREATE TABLE kept (log INTEGER, sort INTEGER, position INTEGER, words TEXT, details TEXT,
            PRIMARY KEY (log, sort, position)) WITHOUT ROWID;
        INSERT INTO kept SELECT log, sort, position, text, details FROM entries;
        DROP TABLE entries;""",
    VERSION + 2: "ALTER TABLE logs ADD COLUMN topic TEXT NOT NULL DEFAULT ''; UPDATE logs SET topic = upper(name);",
}
"""Such as no version had yet: they move all that there is."""

MIGRATE = f"""if True:
    import os, signal, sys
    from chatroom.storage import sqlite_file, sqlite_migrations
    from chatroom.storage.sqlite_file import DatabaseFile
    steps, left = {STEPS!r}, int(sys.argv[2])
    done = 0
    def step(*_):
        global done
        done += 1
        if done == left:
            os.kill(os.getpid(), signal.SIGKILL)
    def migrate(connection, version):
        connection.set_trace_callback(step)       # each statement
        connection.set_progress_handler(step, 500)  # and amid them
        sqlite_migrations.migrate(connection, version, steps)
    sqlite_file.migrate, sqlite_file.VERSION = migrate, max(steps)
    DatabaseFile(sys.argv[1], "power").release()
    print(done)"""


def migrated(path: Path, left: int = 0) -> subprocess.CompletedProcess[str]:
    """Killed at that point; 0 for none."""
    command = [sys.executable, "-c", MIGRATE, str(path), str(left)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def state(path: Path) -> tuple[int, list[Any], list[Any]]:
    """Its version, its entries and its logs; fails where it has some of one version and some of another."""
    with closing(sqlite3.connect(path)) as outsider:
        assert outsider.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (version,) = outsider.execute("PRAGMA user_version").fetchone()
        names = {name for (name,) in outsider.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        assert names == {"logs", "kept" if version > VERSION else "entries"}
        columns = [row[1] for row in outsider.execute("PRAGMA table_info(logs)")]
        assert ("topic" in columns) == (version > VERSION + 1)
        logs = outsider.execute("SELECT name, deleted FROM logs ORDER BY name").fetchall()
        return version, outsider.execute(NEW if version > VERSION else OLD).fetchall(), logs


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("older") / "chatroom.db"
    as_left_by(VERSION, path)
    with closing(sqlite3.connect(path)) as filled, filled:
        values = [(number, f"e{number}", "x" * 200) for number in range(1000, 1000 + ROWS)]
        filled.executemany(
            "INSERT INTO entries VALUES (2, 0, ?, 'said', 1795165920000, ?, 'n1.5', 'alice', ?, NULL, NULL)", values
        )
    return path.read_bytes()


@pytest.mark.process
def test_a_migration_that_is_killed_at_any_moment_loses_nothing_and_is_never_there_by_half(
    tmp_path: Path, older: bytes
) -> None:
    path = tmp_path / "whole.db"
    path.write_bytes(older)
    before = state(path)
    steps = int(migrated(path).stdout)
    assert state(path) == (VERSION + 2, *before[1:])
    assert steps > 3 * STOPS
    stops = sorted({1, 2, 3, steps - 2, steps - 1, steps} | {steps * stop // STOPS for stop in range(1, STOPS)})
    versions = []
    for stop in stops:
        path = tmp_path / f"{stop}.db"
        path.write_bytes(older)
        assert migrated(path, stop).returncode == -signal.SIGKILL
        version, *rest = state(path)  # SQLite rolls back what was begun
        assert tuple(rest) == before[1:]
        versions.append(version)
        assert migrated(path).returncode == 0
        assert state(path) == (VERSION + 2, *before[1:])
    assert versions == sorted(versions)
    assert {*versions} >= {VERSION, VERSION + 1}
    assert len(stops) >= STOPS


def test_a_step_that_fails_is_taken_back_and_the_file_is_let_go(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_left_by(VERSION, path)
    before = state(path)

    def migrate(connection: sqlite3.Connection, version: int) -> None:
        from chatroom.storage.sqlite_migrations import migrate

        migrate(connection, version, {VERSION + 1: STEPS[VERSION + 1] + "INSERT INTO kept SELECT * FROM nowhere;"})

    monkeypatch.setattr(sqlite_file, "migrate", migrate)
    with pytest.raises(StorageRefused, match="cannot be used as a database: no such table: nowhere"):
        DatabaseFile(str(path), "power")
    assert state(path) == before
    monkeypatch.undo()
    DatabaseFile(str(path), "power").release()
    assert state(path) == before
    assert os.path.exists(f"{path}-lock")
