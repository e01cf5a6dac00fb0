"""Backup, restore, check: what chatroomctl does with the store itself, while a server writes to it, dies, or is not there."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chatroom.storage.refused import InUse, StorageRefused
from chatroom.storage.sqlite_backup import COMPANIONS, back_up
from chatroom.storage.sqlite_check import check
from chatroom.storage.sqlite_contents import Contents, looking_at
from chatroom.storage.sqlite_file import DatabaseFile
from chatroom.storage.sqlite_restore import restore

from .server import ENVIRONMENT, PATIENCE, Person, Server, Talker, until
from .test_control import AS_ROOT, NOBODY, RUN_AS_NOBODY, ctl, run, told
from .test_faults import DAMAGES, fill, mounted
from .test_migrations import as_left_by

NOW = 1_795_165_920.0
"""2026-11-20 09:12 UTC."""

KEPT_AS = "chatroom.db.before-restore-20261120T091200Z"

IN_VERSION_3 = Contents(messages=6, accounts=5, rooms=3, version=3)
"""What is in version_3.sql: "pours" of carol's, "one, corrected" of bob's, what alice said and wrote to bob, what frank
said before he was forgotten, and what erin said; in #lobby, #tea and #soup."""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """That of a server which was killed: what it wrote last is in the write-ahead log only."""
    path = tmp_path / "chatroom.db"
    as_left_by(3, path)
    change_and_be_killed(path, "UPDATE entries SET text = 'in the log' WHERE text = 'in the lobby'")
    return path


def change_and_be_killed(path: Path, statement: str) -> None:
    program = f"""if True:
        import os, sqlite3
        store = sqlite3.connect({str(path)!r}, isolation_level=None)
        store.execute("PRAGMA journal_mode = WAL")
        store.execute({statement!r})
        os._exit(0)"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert os.path.getsize(f"{path}-wal") > 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    where = tmp_path / "disk"
    where.mkdir()
    mounted(where, "size=1m")
    yield where
    subprocess.run(["umount", "--lazy", where], check=True)


def texts(path: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as outsider:
        assert outsider.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [text for (text,) in outsider.execute("SELECT text FROM entries ORDER BY log, sort, position")]


def names(where: Path) -> set[str]:
    return {path.name for path in where.iterdir()}


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as outsider, outsider:
        for statement in statements:
            outsider.execute(statement)


# Backup


def test_a_backup_is_one_private_file_with_all_that_is_in_the_store(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    mask = os.umask(0)
    try:
        assert back_up(str(store), str(copy)) == IN_VERSION_3
    finally:
        os.umask(mask)
    assert texts(copy) == texts(store)
    assert "in the log" in texts(copy)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert names(tmp_path) - {f"chatroom.db{end}" for end in ("", "-wal", "-shm")} == {"copy.db"}
    with closing(sqlite3.connect(copy)) as outsider:
        assert outsider.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_while_it_is_written_nobody_else_can_read_it(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    monkeypatch.setattr(
        "chatroom.storage.sqlite_backup.expect_sound",
        lambda connection, path: modes.append(stat.S_IMODE(os.stat(path).st_mode)),
    )
    mask = os.umask(0)
    try:
        back_up(str(store), str(tmp_path / "copy.db"))
    finally:
        os.umask(mask)
    assert modes == [0o600]


def test_what_was_forgotten_is_not_in_a_backup(store: Path, tmp_path: Path) -> None:
    secret = "a-secret-that-somebody-had"
    values = f"(2, 0, 500, 'said', 1, 'e', 'b', 'n', '{secret}', NULL, NULL)"
    change(store, f"INSERT INTO entries VALUES {values}")
    change(store, "PRAGMA secure_delete = OFF", "DELETE FROM entries WHERE position = 500")
    assert secret.encode() in store.read_bytes()
    back_up(str(store), str(tmp_path / "copy.db"))
    assert secret.encode() not in (tmp_path / "copy.db").read_bytes()


def test_a_file_that_is_there_is_replaced_only_when_that_is_asked_for(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("precious")
    with pytest.raises(StorageRefused, match=r"copy\.db is there already; --force replaces it"):
        back_up(str(store), str(copy))
    assert copy.read_text() == "precious"
    assert back_up(str(store), str(copy), replace=True) == IN_VERSION_3
    assert texts(copy) == texts(store)


@pytest.mark.parametrize("end", ["", "-lock", "-control", *COMPANIONS])
def test_what_is_the_servers_own_is_never_replaced(store: Path, tmp_path: Path, end: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    before = texts(store)
    with pytest.raises(StorageRefused, match="the server's own"):
        back_up(str(store), str(tmp_path / "link" / f"chatroom.db{end}"), replace=True)
    assert texts(store) == before


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("what", ["a directory", "a link", "a pipe", "no directory", "beside a link", "beside a pipe"])
def test_what_is_no_place_for_a_backup_is_told_and_left_alone(
    store: Path, tmp_path: Path, what: str, force: bool
) -> None:
    copy = tmp_path / "within" / "copy.db"
    precious = tmp_path / "precious"
    precious.write_text("precious")
    if what != "no directory":
        copy.parent.mkdir()
    match what:
        case "a directory":
            copy.mkdir()
        case "a link":
            copy.symlink_to(precious)
        case "a pipe":
            os.mkfifo(copy)
        case "beside a link":
            Path(f"{copy}.part").symlink_to(precious)
        case "beside a pipe":
            os.mkfifo(f"{copy}.part")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(StorageRefused, match=rf"^{re.escape(str(copy))}[^\n]+$"):
        back_up(str(store), str(copy), replace=force)
    assert sorted(tmp_path.rglob("*")) == before
    assert precious.read_text() == "precious"


def test_a_full_disk_is_told_and_nothing_is_left_behind(store: Path, small_disk: Path) -> None:
    change(store, "UPDATE entries SET text = text || hex(zeroblob(20000))")
    with pytest.raises(StorageRefused, match=r"/disk/copy\.db cannot be written: the disk is full$"):
        back_up(str(store), str(small_disk / "copy.db"))
    assert names(small_disk) == set()
    (small_disk / "copy.db").write_text("precious")
    fill(small_disk)
    with pytest.raises(StorageRefused, match="the disk is full"):
        back_up(str(store), str(small_disk / "copy.db"), replace=True)
    assert names(small_disk) == {"copy.db", "ballast"}
    assert (small_disk / "copy.db").read_text() == "precious"


def test_two_at_a_time_into_the_same_file_do_not_mix(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    program = f"""if True:
        from chatroom.storage.sqlite_backup import Whole
        with Whole({str(copy)!r}):
            print("begun", flush=True)
            input()"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], env=ENVIRONMENT, **pipes) as other:  # type: ignore[call-overload]
        assert other.stdout.readline() == b"begun\n"
        with pytest.raises(StorageRefused, match="is being written by another chatroomctl"):
            back_up(str(store), str(copy))
        other.kill()
    assert names(tmp_path) >= {"copy.db.part"}
    assert back_up(str(store), str(copy)) == IN_VERSION_3
    assert texts(copy) == texts(store)
    assert "copy.db.part" not in names(tmp_path)


def test_an_empty_store_is_not_backed_up(tmp_path: Path) -> None:
    (tmp_path / "chatroom.db").touch()
    with pytest.raises(StorageRefused, match="is empty"):
        back_up(str(tmp_path / "chatroom.db"), str(tmp_path / "copy.db"))
    assert names(tmp_path) == {"chatroom.db"}


@pytest.mark.process
@pytest.mark.parametrize("signal", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_ctrl_c_ends_a_backup_at_once_and_leaves_nothing_behind(store: Path, tmp_path: Path, signal: str) -> None:
    """The statement that copies is interrupted, not waited for."""
    program = """if True:
        import signal, sys
        from chatroom.control.main import main
        from chatroom.storage import sqlite_backup
        sqlite_backup._STEPS = 10
        copied = sqlite_backup.copied
        class Pressing:
            def __init__(self, connection): self.connection = connection
            def __getattr__(self, name): return getattr(self.connection, name)
            def execute(self, *what):
                signal.setitimer(signal.ITIMER_REAL, 0.001)
                return self.connection.execute(*what)
        signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.Signals[sys.argv[1]]))
        sqlite_backup.copied = lambda connection, to: copied(Pressing(connection), to)
        main(["backup", "copy.db"])"""
    with closing(sqlite3.connect(store)) as outsider, outsider:
        outsider.executemany(
            "INSERT INTO entries VALUES (2, 0, ?, 'said', 1, ?, 'b', 'n', ?, NULL, NULL)",
            [(number, f"e{number}", "x" * 200) for number in range(1000, 60_000)],
        )
    done = run([sys.executable, "-c", program, signal], tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
    assert not {"copy.db", "copy.db.part"} & names(tmp_path)


def lines(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.process
def test_while_it_is_backed_up_under_load_messages_go_on_and_all_of_before_are_in_the_copy(tmp_path: Path) -> None:
    copy, other = tmp_path / "copy.db", tmp_path / "other"
    other.mkdir()
    # Not more than is saved at once: who comes in waits for all that was said before.
    with Server(tmp_path, "--rate", "2000:20000") as server:
        with Person(server, "filler") as filler:
            filler.say(*[f"filling {number} {'x' * 100}" for number in range(20_000)], "/quit")
            filler.rest()
        talkers = [Talker(Person(server, f"talker{number}")) for number in range(3)]
        until(lambda: len(server.said()) > 20_300, "they talk")
        counts = []
        for number in range(3):
            acked = server.said()  # committed: a part of it was told to all
            backup = ctl(tmp_path, "backup", "copy.db", "--json", *(["--force"] if number else []))
            committed = server.said()
            told = lines(backup)
            held = [text for text in texts(copy) if text]
            missing = {*acked} - {*held}
            assert missing == set()
            with closing(sqlite3.connect(copy)) as outsider:
                (highest,) = outsider.execute("SELECT count(*) FROM entries WHERE kind = 'said'").fetchone()
            assert len(acked) <= highest == told["messages"] <= len(committed)
            assert len(committed) > len(acked), "nothing was said meanwhile"
            assert told["bytes"] == copy.stat().st_size
            counts.append(highest)
        assert counts == sorted(set(counts))
        server.kill()
        for talker in talkers:
            talker.rest()
    assert lines(ctl(tmp_path, "check", "copy.db", "--json"))["messages"] == counts[-1]
    shutil.copy(copy, other / "chatroom.db")
    with Server(other, "--history", "10") as server, Person(server) as reader:
        reader.say("reader")
        history = reader.expect(r"\* You are reader.*\n")
        assert [text for text in server.said()[-10:] if f": {text}\r\n" not in history] == []
        assert server.query("PRAGMA journal_mode") == [("wal",)]
        reader.say("/quit")


@pytest.mark.process
def test_a_commit_does_not_wait_for_a_backup(tmp_path: Path) -> None:
    """From within the copying: what alice says meanwhile is heard by bob before it ends."""
    with Server(tmp_path, "--rate", "0") as server, Person(server, "alice") as alice, Person(server, "bob") as bob:
        alice.say(*[f"before {number}" for number in range(2000)])
        bob.expect("before 1999\r\n")
        program = """if True:
            import sys
            from chatroom.storage import sqlite_backup
            sqlite_backup._STEPS = 100
            class Waiting:
                def __init__(self, connection): self.connection, self.waited = connection, False
                def __getattr__(self, name): return getattr(self.connection, name)
                def set_progress_handler(self, _, steps): self.connection.set_progress_handler(self.wait, steps)
                def wait(self):
                    if not self.waited:
                        self.waited = True
                        print("amid it", flush=True)
                        sys.stdin.readline()
            copied = sqlite_backup.copied
            sqlite_backup.copied = lambda connection, to: copied(Waiting(connection), to)
            print(sqlite_backup.back_up("chatroom.db", "copy.db").messages, flush=True)"""
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, env=ENVIRONMENT, **pipes) as backup:
            assert backup.stdout.readline() == "amid it\n"
            alice.say("meanwhile")
            bob.expect("alice: meanwhile\r\n")
            backup.stdin.write("\n")
            backup.stdin.flush()
            assert backup.stdout.readline() == "2000\n"
            assert backup.wait(PATIENCE) == 0
        assert "before 1999" in texts(tmp_path / "copy.db")
        assert "meanwhile" not in texts(tmp_path / "copy.db")


@AS_ROOT
@pytest.mark.parametrize("command", ["backup copy.db", "check"])
@pytest.mark.process
def test_root_leaves_no_file_of_its_own_beside_the_store_of_another(tmp_path: Path, command: str) -> None:
    with tempfile.TemporaryDirectory() as name:  # nobody else may look into tmp_path
        theirs = Path(name)
        path = theirs / "chatroom.db"
        as_left_by(3, path)
        DatabaseFile(str(path), "power").release()
        for each in (theirs, *theirs.iterdir()):
            os.chown(each, NOBODY, NOBODY)
        done = ctl(tmp_path, "--storage", f"sqlite:{path}", *command.split())
        assert (done.returncode, done.stderr) == (0, "")
        assert names(theirs) == {"chatroom.db", "chatroom.db-lock", "chatroom.db-wal", "chatroom.db-shm"}
        found = [each.stat() for each in theirs.iterdir()]
        assert {(each.st_uid, each.st_gid, stat.S_IMODE(each.st_mode)) for each in found} == {(NOBODY, NOBODY, 0o600)}
        start = "from chatroom.storage.sqlite_file import DatabaseFile"
        program = f"{start}\n{RUN_AS_NOBODY}DatabaseFile({str(path)!r}, 'power').release()"
        assert run([sys.executable, "-c", program], theirs).stderr == ""


# Restore


@pytest.fixture
def backup(tmp_path: Path, store: Path) -> Path:
    """Of which `store` goes on to differ."""
    copy = tmp_path / "backup.db"
    back_up(str(store), str(copy))
    change_and_be_killed(store, "UPDATE entries SET text = 'said since' WHERE text = 'in the log'")
    return copy


def test_what_is_restored_is_there_and_what_was_there_is_kept(tmp_path: Path, store: Path, backup: Path) -> None:
    before = texts(store)
    for end in COMPANIONS:
        Path(f"{store}{end}").touch()
    assert restore(str(store), str(backup), NOW) == (IN_VERSION_3, str(tmp_path / KEPT_AS))
    assert names(tmp_path) == {"chatroom.db", "chatroom.db-lock", "backup.db", KEPT_AS}
    assert texts(store) == texts(backup)
    assert texts(tmp_path / KEPT_AS) == before
    assert "said since" in before
    for path in (store, tmp_path / KEPT_AS):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    DatabaseFile(str(store), "power").release()


def test_a_restoring_can_be_taken_back(tmp_path: Path, store: Path, backup: Path) -> None:
    before = texts(store)
    restored = restore(str(store), str(backup), NOW)
    assert restored.kept
    restore(str(store), restored.kept, NOW + 1)
    assert texts(store) == before


def test_where_no_store_is_yet_a_backup_is_one(tmp_path: Path, store: Path, backup: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    assert restore(str(new / "chatroom.db"), str(backup), NOW) == (IN_VERSION_3, None)
    assert names(new) == {"chatroom.db", "chatroom.db-lock"}
    assert texts(new / "chatroom.db") == texts(backup)


def test_a_store_that_is_damaged_is_kept_as_it_is_with_its_log(tmp_path: Path, store: Path, backup: Path) -> None:
    shutil.copy(store, tmp_path / "whole.db")
    with store.open("r+b") as file:
        file.write(b"\0" * 100)
    damaged = store.read_bytes()
    Path(f"{store}-wal").write_bytes(b"what it had not taken in")
    restored = restore(str(store), str(backup), NOW)
    assert restored.kept
    assert Path(restored.kept).read_bytes() == damaged
    assert Path(f"{restored.kept}-wal").read_bytes() == b"what it had not taken in"
    assert texts(store) == texts(backup)
    assert not Path(f"{store}-wal").exists()


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_backup_is_restored_and_taken_up(tmp_path: Path, store: Path, version: int) -> None:
    as_left_by(version, tmp_path / "old.db")
    found = restore(str(store), str(tmp_path / "old.db"), NOW).contents
    assert (found.version, found.rooms) == (version, 1)
    assert texts(store) == texts(tmp_path / "old.db")
    DatabaseFile(str(store), "power").release()


def nothing(path: Path) -> None:
    path.unlink()


def a_letter(path: Path) -> None:
    path.write_text("dear diary, " * 1000)


def another_programs(path: Path) -> None:
    path.unlink()
    change(path, "CREATE TABLE recipes (name)")


def newer(path: Path) -> None:
    change(path, "PRAGMA user_version = 99")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def without_a_row_in_its_index(path: Path) -> None:
    with closing(sqlite3.connect(path)) as outsider, outsider:
        outsider.execute("PRAGMA writable_schema = ON")
        outsider.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, 'id IS NOT NULL', 'by <> ''''') WHERE type = 'index'"
        )


def empty(path: Path) -> None:
    path.write_bytes(b"")


def a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (nothing, "cannot be read: No such file or directory"),
        (a_letter, "is not an SQLite database"),
        (another_programs, "is the database of another program"),
        (newer, "was written by a newer server: it has schema 99"),
        (cut, "is damaged: "),
        (without_a_row_in_its_index, "is damaged: "),
        (empty, "is empty"),
        (a_directory, "is not a file"),
    ],
)
def test_what_is_no_backup_is_refused_and_the_store_left_as_it_is(
    tmp_path: Path, store: Path, backup: Path, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(backup)
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file() and "-shm" not in path.name}
    with pytest.raises(StorageRefused, match=rf"^{re.escape(str(backup))} {words}[^\n]*$"):
        restore(str(store), str(backup), NOW)
    after = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file() and "-shm" not in path.name}
    assert {path: after[path] for path in before} == before
    assert not [path for path in after if path.name.startswith(("chatroom.db.", "chatroom.db-s"))]


def test_the_store_itself_is_no_backup_of_it(store: Path, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(store)
    with pytest.raises(StorageRefused, match="is the store itself"):
        restore(str(store), str(tmp_path / "link.db"), NOW)


def test_while_another_program_has_the_store_open_nothing_is_restored(
    tmp_path: Path, store: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would remove the new store's log when it ends."""
    monkeypatch.setattr("chatroom.storage.sqlite_restore._BUSY_SECONDS", 0.1)
    before = texts(store)
    with closing(sqlite3.connect(store)) as shell:
        shell.execute("SELECT count(*) FROM entries").fetchone()
        with pytest.raises(StorageRefused, match=r"chatroom\.db is open in another program: end that first"):
            restore(str(store), str(backup), NOW)
    assert texts(store) == before
    assert KEPT_AS not in names(tmp_path)
    assert restore(str(store), str(backup), NOW).kept


def test_on_a_full_disk_nothing_is_restored_and_nothing_left_behind(small_disk: Path, tmp_path: Path) -> None:
    as_left_by(3, small_disk / "chatroom.db")
    as_left_by(3, tmp_path / "backup.db")
    before = texts(small_disk / "chatroom.db")
    ballast = fill(small_disk)
    ballast.write_bytes(b"." * (ballast.stat().st_size - 4096))
    with pytest.raises(StorageRefused, match=r"chatroom\.db cannot be written: the disk is full"):
        restore(str(small_disk / "chatroom.db"), str(tmp_path / "backup.db"), NOW)
    assert texts(small_disk / "chatroom.db") == before
    assert names(small_disk) == {"chatroom.db", "chatroom.db-lock", "ballast"}


KILLED_AT_EACH_LINE = f"""if True:
    import os, shutil, signal, sys
    from chatroom.storage import sqlite_backup, sqlite_restore
    files = (sqlite_restore.__file__, sqlite_backup.__file__)
    def restore(where, left):
        def line(frame, event, _):
            nonlocal left
            if frame.f_code.co_filename not in files:
                return None
            left -= event == "line"
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return line
        sys.settrace(line)
        sqlite_restore.restore(f"{{where}}/chatroom.db", f"{{where}}/backup.db", {NOW})
        sys.settrace(None)
    stop, ended = 0, False
    while not ended:
        where = f"{{sys.argv[2]}}/{{stop}}"
        shutil.copytree(sys.argv[1], where)
        child = os.fork()
        if child == 0:
            restore(where, stop)
            os._exit(0)
        ended = os.waitpid(child, 0)[1] == 0
        stop += 1
    print(stop)"""
"""In copies of a directory: at the first line, at the second, and so on; the last one came to its end."""


@pytest.mark.process
def test_whenever_a_restoring_is_killed_the_old_store_is_there_or_the_new_and_whole(
    tmp_path: Path, store: Path, backup: Path
) -> None:
    old, new = texts(store), texts(backup)
    origin, copies = tmp_path / "origin", tmp_path / "copies"
    origin.mkdir()
    copies.mkdir()
    for path in [path for path in tmp_path.iterdir() if path.is_file()]:
        path.rename(origin / path.name)
    Path(f"{origin}/chatroom.db-search").touch()
    assert os.path.getsize(origin / "chatroom.db-wal") > 0
    command = [sys.executable, "-c", KILLED_AT_EACH_LINE, str(origin), str(copies)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE, check=True)
    found = []
    for stop in range(int(done.stdout)):
        where = copies / str(stop)
        DatabaseFile(str(where / "chatroom.db"), "power").release()
        said = texts(where / "chatroom.db")
        assert said in (old, new), stop
        found.append(said == new)
        if said == new:
            assert texts(where / KEPT_AS) == old
        again = restore(str(where / "chatroom.db"), str(where / "backup.db"), NOW + 1)
        assert texts(where / "chatroom.db") == new
        assert again.kept
        assert texts(Path(again.kept)) == said
        assert not [name for name in names(where) if name.endswith((".part", "-search", "-wal"))]
    assert found == sorted(found)
    assert found.count(False) > 30
    assert found.count(True) > 3


@pytest.mark.process
def test_while_a_server_runs_nothing_is_restored_and_then_it_serves_what_was(tmp_path: Path) -> None:
    with Server(tmp_path) as server, Person(server, "alice") as alice, Person(server, "bob") as bob:
        alice.say("before")
        bob.expect("before\r\n")
        assert ctl(tmp_path, "backup", "copy.db").returncode == 0
        alice.say("after")
        bob.expect("after\r\n")
        words = f"{tmp_path}/chatroom.db is in use: stop its server first"
        assert told(ctl(tmp_path, "restore", "copy.db")) == (1, "", f"chatroomctl: {words}\n")
        done = ctl(tmp_path, "restore", "copy.db", "--json")
        assert json.loads(done.stdout) == {"refused": {"code": "in_use", "words": words}}
        alice.say("/search aft")
        alice.expect("after\r\n")
        server.terminate()
    code, out, err = told(ctl(tmp_path, "restore", "copy.db"))
    assert (code, err) == (0, "")
    kept = re.fullmatch(
        rf"{tmp_path}/chatroom\.db is copy\.db now: 1 message, 0 accounts, 1 room; in [\d.]+ s\n"
        rf"what was there before is ({tmp_path}/chatroom\.db\.before-restore-\d{{8}}T\d{{6}}Z)\n",
        out,
    )
    assert kept
    assert "after" in texts(Path(kept[1]))
    with Server(tmp_path, "--history", "10") as server, Person(server) as carol:
        carol.say("carol")
        history = carol.expect(r"\* You are carol.*\n")
        assert "alice: before" in history
        assert "after" not in history
        carol.say("/search before")
        carol.expect("alice: before\r\n")
        carol.say("/search after")
        carol.expect("nothing was found")


@AS_ROOT
def test_what_root_restores_is_its_owners(tmp_path: Path, store: Path, backup: Path) -> None:
    there, new = tmp_path / "there", tmp_path / "new"
    for where in (there, new):
        where.mkdir()
        os.chown(where, NOBODY, NOBODY)
    shutil.copy(store, there / "chatroom.db")
    os.chown(there / "chatroom.db", NOBODY, NOBODY)
    for where in (there, new):
        restore(str(where / "chatroom.db"), str(backup), NOW)
        assert {(path.stat().st_uid, path.stat().st_gid) for path in where.iterdir()} == {(NOBODY, NOBODY)}


def test_what_is_in_use_is_a_word_of_its_own(store: Path, backup: Path) -> None:
    file = DatabaseFile(str(store), "power")
    with pytest.raises(InUse, match="stop its server first"):
        restore(str(store), str(backup), NOW)
    file.release()


# Check


def test_a_whole_store_is_whole_also_while_a_server_writes(store: Path) -> None:
    assert check(str(store)) == ([], IN_VERSION_3)
    with closing(sqlite3.connect(store, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE entries SET text = ''")
        assert check(str(store)) == ([], IN_VERSION_3)


def test_a_store_is_not_written_to_by_looking_at_it(store: Path) -> None:
    before = store.read_bytes(), Path(f"{store}-wal").read_bytes()
    check(str(store))
    with looking_at(str(store)) as connection, pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM entries")
    assert (store.read_bytes(), Path(f"{store}-wal").read_bytes()) == before


INSERT = "INSERT INTO entries VALUES ({}, {}, {}, {}, {}, 'e', 'b', 'n', 'secret words', {}, NULL)"


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (INSERT.format(99, 0, 1, "'said'", 1, "NULL"), "entries that belong to no log: 1"),
        (INSERT.format(2, 0, 500, "'sung'", 1, "NULL"), "entries that are of a kind that no server knows: 1"),
        (INSERT.format(2, 1, 500, "'said'", 1, "NULL"), "entries that are of a kind that no server knows: 1"),
        (INSERT.format(2, 0, 500, "'said'", 1, "'{'"), "entries that have details that are no JSON object: 1"),
        (INSERT.format(2, 0, 500, "'said'", 1, "'[1]'"), "entries that have details that are no JSON object: 1"),
        (INSERT.format(2, 0, 500, "'said'", -1, "NULL"), "entries that have a time before 1970, or none: 1"),
        (INSERT.format(2, 0, 500, "'said'", "'noon'", "NULL"), "entries that have a time before 1970, or none: 1"),
        (INSERT.format(2, 0, -5, "'said'", 1, "NULL"), "entries that have a position below 1, or none: 1"),
        (INSERT.format(2, 2, 7, "'joined'", 1, "NULL"), "#lobby: positions that are there twice: 1"),
        (INSERT.format(2, 0, 500, "'said'", 1, "NULL"), r"#lobby: entries that are missing behind position \d+: \d+"),
        ("UPDATE logs SET deleted = -1 WHERE id = 2", "#lobby: its last deleted position is -1"),
        ("UPDATE logs SET deleted = 'none' WHERE id = 2", "#lobby: its last deleted position is 'none'"),
        ("DROP TRIGGER entries_deleted", "the trigger entries_deleted is missing"),
        ("DROP INDEX entries_sent", "the index entries_sent is missing"),
        ("DROP TABLE logs", "the table logs is missing"),
        ("ALTER TABLE entries RENAME TO old", "the table entries is missing"),
    ],
)
def test_what_is_wrong_is_told_in_words_that_are_nobodys(store: Path, statement: str, words: str) -> None:
    change(store, statement)
    found = check(str(store)).faults
    assert [line for line in found if re.fullmatch(words, line)], found
    assert "secret" not in str(found)


UNREADABLE = [
    (
        "UPDATE entries SET nick = CAST(x'ff41' AS TEXT) WHERE text = 'in the log'",
        r"#lobby: {} 1, the first at position \d+",
    ),
    ("UPDATE entries SET text = x'736563726574' WHERE text = 'in the log'", r"#lobby: {} 1, the first at position \d+"),
    (
        "UPDATE entries SET nick = CAST(x'c3' AS TEXT), text = CAST(x'a9' AS TEXT)",
        r".*: {} \d+, the first at position 1",
    ),
    ("UPDATE entries SET details = CAST(x'ff41' AS TEXT) WHERE log = 1", r"server: {} \d+, the first at position 1"),
    ("UPDATE logs SET name = CAST(x'ff41' AS TEXT) WHERE id = 2", "the name of log 2 cannot be read"),
]
"""What SQLite takes for text, and no server can read."""


@pytest.mark.parametrize(("statement", "words"), UNREADABLE)
def test_a_text_that_no_server_can_read_is_told_and_no_backup(
    store: Path, tmp_path: Path, statement: str, words: str
) -> None:
    change(store, statement)
    pattern = words.format("entries whose text cannot be read:")
    found = check(str(store)).faults
    assert [line for line in found if re.fullmatch(pattern, line)], found
    assert not {"\ufffd", "secret"} & {*re.findall("\ufffd|secret", str(found))}
    with pytest.raises(StorageRefused, match=r"copy\.db\.part is damaged: "):
        back_up(str(store), str(tmp_path / "copy.db"))
    assert not {"copy.db", "copy.db.part"} & names(tmp_path)


@pytest.mark.process
def test_a_server_tells_where_it_cannot_read_and_nothing_of_what_stands_there(tmp_path: Path) -> None:
    as_left_by(3, tmp_path / "chatroom.db")
    change(tmp_path / "chatroom.db", "UPDATE entries SET nick = CAST(x'736563726574ff' AS TEXT) WHERE log = 1")
    server = Server(tmp_path).begin()
    assert server.end() == 1
    words = "chatroom: --storage: cannot be read: server: the entry at position 1 cannot be read"
    assert server.stderr.lines == [words]
    assert "secret" not in str(server.log)


@pytest.mark.parametrize("damage", DAMAGES)
def test_whatever_is_damaged_a_backup_can_take_its_place(
    tmp_path: Path, backup: Path, database: bytes, damage: str
) -> None:
    where = tmp_path / "there"
    where.mkdir()
    (where / "chatroom.db").write_bytes(DAMAGES[damage](database))
    assert restore(str(where / "chatroom.db"), str(backup), NOW).contents == IN_VERSION_3
    assert (where / KEPT_AS).read_bytes() == DAMAGES[damage](database)


def test_an_entry_that_went_missing_is_noticed_unless_it_was_deleted(store: Path) -> None:
    change(store, "DELETE FROM entries WHERE log = 2 AND position = 3")
    assert check(str(store)).faults == []
    trigger = "CREATE TRIGGER entries_deleted AFTER DELETE ON entries BEGIN SELECT 1; END"
    change(store, "DROP TRIGGER entries_deleted", "DELETE FROM entries WHERE log = 2 AND position = 7", trigger)
    assert check(str(store)).faults == ["#lobby: entries that are missing behind position 3: 1"]


def test_an_index_of_another_version_or_damaged_is_told_with_what_to_do(store: Path) -> None:
    index = Path(f"{store}-search")
    change(index, "CREATE TABLE a (b)", "PRAGMA user_version = 77")
    (words,) = check(str(store)).faults
    assert "it has version 77, and not 1" in words
    assert f"(remove {index}: a server makes it anew)" in words
    index.write_text("dear diary, " * 100)
    (words,) = check(str(store)).faults
    assert "is not an SQLite database" in words


def test_a_store_where_nothing_can_be_written_is_checked_all_the_same(tmp_path: Path) -> None:
    where = tmp_path / "disk"
    where.mkdir()
    mounted(where, "size=2m")
    try:
        path = where / "chatroom.db"
        as_left_by(3, path)
        DatabaseFile(str(path), "power").release()
        subprocess.run(["mount", "-o", "remount,ro", where], check=True)
        assert check(str(path)) == ([], IN_VERSION_3)
        assert back_up(str(path), str(tmp_path / "copy.db")) == IN_VERSION_3
        with pytest.raises(StorageRefused, match="Read-only file system"):
            back_up(str(tmp_path / "copy.db"), str(where / "copy.db"))
    finally:
        subprocess.run(["umount", "--lazy", where], check=True)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "chatroom.db"
    as_left_by(3, path)
    change(path, "UPDATE entries SET text = text || hex(zeroblob(3000))")
    DatabaseFile(str(path), "power").release()
    return path.read_bytes()


@pytest.mark.process
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_store_is_told_in_words_and_left_alone(tmp_path: Path, database: bytes, damage: str) -> None:
    path = tmp_path / "chatroom.db"
    damaged = DAMAGES[damage](database)
    path.write_bytes(damaged)
    for command in (
        ["check"],
        ["check", "--json"],
        ["backup", "copy.db"],
        ["restore", "chatroom.db", "--storage", "sqlite:new.db"],
    ):
        code, _, err = told(ctl(tmp_path, *command))
        assert code == 1
        assert err.startswith((f"chatroomctl: {path} is ", "chatroomctl: chatroom.db is ")), err
    assert path.read_bytes() == damaged
    assert not {"copy.db", "copy.db.part", "new.db", "new.db.part"} & names(tmp_path)


@pytest.mark.process
def test_check_tells_what_is_wrong_line_by_line_or_as_json(store: Path, tmp_path: Path) -> None:
    code, out, err = told(ctl(tmp_path, "check"))
    assert (code, err) == (0, "")
    assert re.fullmatch(rf"{store} is whole: 6 messages, 5 accounts, 3 rooms; schema 3, in [\d.]+ s\n", out)
    fields = lines(ctl(tmp_path, "check", "--json"))
    assert (fields["messages"], fields["accounts"], fields["rooms"], fields["schema"]) == IN_VERSION_3
    change(store, "UPDATE logs SET deleted = -1", "UPDATE entries SET time = -1 WHERE kind = 'said'")
    code, out, err = told(ctl(tmp_path, "check", "--json"))
    faults = json.loads(out)["refused"]["faults"]
    assert (code, json.loads(out)["refused"]["code"]) == (1, "damaged")
    assert faults[0] == "entries that have a time before 1970, or none: 6"
    assert err == "\n".join([f"chatroomctl: {store} is not as it should be:", *faults, ""])


@pytest.mark.process
@pytest.mark.parametrize("command", ["backup copy.db", "check"])
def test_where_there_is_no_store_it_is_told(tmp_path: Path, command: str) -> None:
    words = f"{tmp_path}/chatroom.db cannot be read: No such file or directory"
    assert told(ctl(tmp_path, *command.split())) == (1, "", f"chatroomctl: {words}\n")
    assert names(tmp_path) == set()


# A certificate


@pytest.mark.process
def test_a_certificate_is_made_with_what_is_to_be_known_of_it(tmp_path: Path) -> None:
    fields = lines(ctl(tmp_path, "--json", "make-cert", "chat.example.org", "192.0.2.1", "--days", "30"))
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-enddate", "-ext", "subjectAltName", "-in", "cert.pem"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert fields["fingerprint"] in shown
    assert "DNS:chat.example.org, IP Address:192.0.2.1" in shown
    assert fields["line"] == f"pem:6697:cert={tmp_path}/cert.pem:key={tmp_path}/key.pem"
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    code, _, err = told(ctl(tmp_path, "make-cert"))
    assert (code, err) == (1, f"chatroomctl: {tmp_path}/key.pem is there already; --force replaces it\n")
    done = ctl(tmp_path, "make-cert", "--force")
    assert "in place of the default line; another --line, say tcp:6000:interface=127.0.0.1, keeps" in done.stdout
    assert f"fingerprint: {fields['fingerprint']}" not in done.stdout
    assert done.returncode == 0
    for wrong, words in (
        (["--days", "0"], "0 days: from 1 to 36500"),
        (["a b"], "'a b' is neither the name of a host nor an address"),
        (["--key", "no/such/key.pem", "--cert", "c.pem"], "cannot be made: No such file or directory"),
    ):
        code, _, err = told(ctl(tmp_path, "make-cert", "--force", *wrong))
        assert (code, err.count("\n")) == (1, 1)
        assert words in err


@pytest.mark.process
def test_a_server_listens_with_the_certificate_as_it_was_told(tmp_path: Path) -> None:
    fields = lines(ctl(tmp_path, "--json", "make-cert", "localhost"))
    line = fields["line"].replace("6697", "0") + ":interface=127.0.0.1"
    with Server(tmp_path, lines=(line,)) as server:
        command = [
            "openssl",
            "s_client",
            "-quiet",
            "-verify_return_error",
            "-CAfile",
            "cert.pem",
            "-connect",
            f"127.0.0.1:{server.port}",
        ]
        done = subprocess.run(
            command, cwd=tmp_path, input=b"/quit\n", capture_output=True, timeout=PATIENCE, check=False
        )
        assert b"nickname" in done.stdout
