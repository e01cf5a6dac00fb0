"""What only the SQLite storage promises: about its file, the disk, and who waits for whom."""

from __future__ import annotations

import os
import resource
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_twisted

from chatroom.event import HISTORY, TALK, Event, Kind, Sort
from chatroom.seams import NotSaved, Repeated
from chatroom.storage.memory import MemoryStorage
from chatroom.storage.opening import open_storage
from chatroom.storage.refused import StorageRefused
from chatroom.storage.sqlite import SqliteStorage
from chatroom.storage.sqlite_file import DatabaseFile
from chatroom.storage.sqlite_forgetting import AMEND, BLANK, ERASE, EXPIRE, FADE, FURTHER, RENAME
from chatroom.storage.sqlite_schema import HIGHEST, PLACE, firsts, select

from .chatting import JsonClient
from .support import LoggedErrors, bounded
from .test_resume import Disk, DiskWorld, back, welcome

Open = Callable[..., SqliteStorage]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Open]:
    """Opens the storage at `path`, or another; they are closed after the test."""
    from twisted.internet import reactor

    storages: list[SqliteStorage] = []

    def opened(at: Path = path) -> SqliteStorage:
        storages.append(SqliteStorage(str(at), reactor=reactor))
        return storages[-1]

    yield opened
    for storage in storages:
        pytest_twisted.blockon(storage.close())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"needs to mount a small disk: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@contextmanager
def failing_beyond(size: int) -> Iterator[None]:
    """Writing to a file beyond this size is an error meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def said(*texts: str, **fields: Any) -> list[tuple[str, Event]]:
    return [("#tea", Event(Kind.SAID, 1, f"e-{text!r}", "n1-7", "ann", text)._replace(**fields)) for text in texts]


async def read(storage: SqliteStorage, log: str = "#tea", **bounds: Any) -> list[str]:
    return [entry.event.text for entry in await storage.read(log, limit=100_000, **bounds)]


async def positions(storage: SqliteStorage) -> list[Any]:
    return [entry.position for entry in await storage.read("#tea", limit=100)]


# From one run to the next


@bounded()
async def test_what_was_appended_is_there_after_closing_and_opening(opened: Open) -> None:
    storage = opened()
    await storage.append([*said("a", "b", details={"new": "ü", "expiry": 7}), ("#milk", said("m")[0][1])])
    before = await storage.read("#tea", limit=10)
    await storage.close()

    storage = opened()
    assert await storage.read("#tea", limit=10) == before
    start = await storage.follow("#tea", before.extend)
    assert start == before[-1].position
    await storage.append(said("c"))
    assert await storage.read("#tea", limit=10) == before
    assert await read(storage) == ["a", "b", "c"]


@bounded()
async def test_positions_of_deleted_entries_are_not_given_again(opened: Open, path: Path) -> None:
    storage = opened()
    await storage.append(said("a", "b", "c"))
    first, _, last = await positions(storage)
    await storage.close()
    with closing(sqlite3.connect(path)) as outsider, outsider:
        outsider.execute("DELETE FROM entries WHERE position > ?", (first,))

    storage = opened()
    assert await storage.follow("#tea", print) == last
    await storage.append(said("d"))
    new_first, new_last = await positions(storage)
    assert new_first == first
    assert new_last > last


@bounded()
async def test_closing_finishes_what_is_under_way_and_leaves_one_file(opened: Open, path: Path) -> None:
    storage = opened()
    appended, asked = storage.append(said("a")), storage.read("#tea", limit=1)
    await storage.close()
    await appended
    await asked
    assert {file.name for file in path.parent.iterdir()} == {"chat.db", "chat.db-lock"}
    assert await read(opened()) == ["a"]


@bounded()
@pytest.mark.parametrize("forgotten", [False, True])
async def test_closing_leaves_one_file_also_where_reading_was_the_last_thing_that_was_done(
    opened: Open, path: Path, forgotten: bool
) -> None:
    storage = opened()
    if forgotten:  # for which the writer lets go of its connection
        await storage.append(said("a"))
        await storage.expire(1, Sort.TALK)
    await storage.read("#tea", limit=1)
    await storage.close()
    assert {file.name for file in path.parent.iterdir()} - {"chat.db-search"} == {"chat.db", "chat.db-lock"}


@bounded()
async def test_what_is_no_text_is_told_by_its_place_and_never_quoted(opened: Open, path: Path) -> None:
    storage = opened()
    await storage.append(said("a", "b"))
    with closing(sqlite3.connect(path)) as outsider, outsider:
        outsider.execute("UPDATE entries SET text = CAST(x'736563726574ff' AS TEXT) WHERE position = 2")
    with pytest.raises(sqlite3.DataError, match=r"^#tea: the entry at position 2 cannot be read$") as raised:
        await storage.read("#tea", limit=10)
    assert raised.value.__suppress_context__


@bounded()
async def test_a_closed_storage_does_nothing_more(opened: Open) -> None:
    storage = opened()
    await storage.close()
    await storage.close()
    with pytest.raises(NotSaved, match="closed"):
        await storage.append(said("a"))
    with pytest.raises(RuntimeError, match="closed"):
        await storage.read("#tea", limit=1)
    with pytest.raises(RuntimeError, match="closed"):
        await storage.follow("#tea", print)
    with pytest.raises(RuntimeError, match="closed"):
        await storage.place("#tea", 1)
    with pytest.raises(NotSaved, match="closed"):
        await storage.search(["#tea"], ["a"], limit=1)
    with pytest.raises(NotSaved, match="closed"):
        await storage.written("7", limit=1)


@pytest.mark.parametrize(("durability", "synchronous"), [("power", 2), ("process", 1)])
def test_durability_is_how_often_sqlite_syncs(path: Path, durability: Any, synchronous: int) -> None:
    file = DatabaseFile(str(path), durability)
    with closing(file.writer()) as writer:
        assert writer.execute("PRAGMA synchronous").fetchone() == (synchronous,)
        assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    file.release()


# Exactly once


@bounded()
async def test_an_id_sent_before_the_storage_was_closed_is_kept_once(opened: Open) -> None:
    storage = opened()
    details = {"id": "1", "more": "ü"}
    await storage.append([*said("a"), *said("b", details=details), *said("c", details={"id": "2"})])
    before = await storage.read("#tea", limit=10)
    await storage.close()

    storage = opened()
    repeats = await storage.append(
        [*said("again", eid="new", details={"id": "1"}), *said("d", details={"id": "3"}), *said("e")]
    )
    assert list(repeats) == [Repeated("new", "#tea", before[1])]
    assert before[1].event.details == details
    assert await read(storage) == ["a", "b", "c", "d", "e"]
    assert await positions(storage) == [1, 2, 3, 4, 5]


@bounded()
async def test_a_batch_that_fails_saves_no_id(opened: Open) -> None:
    storage = opened()
    ours = said("a", details={"id": "1"})
    for log in ("#tea", "#new"):
        with pytest.raises(UnicodeEncodeError):
            await storage.append([*ours, (log, said("\ud800")[0][1])])
    assert not await storage.append(ours)
    with pytest.raises(UnicodeEncodeError):
        await storage.append([*said("b", details={"id": "\ud800"})])
    with failing_beyond(64 << 10), pytest.raises(NotSaved, match="the disk failed"):
        await storage.append([*said("b", details={"id": "2"}), *said("x" * 100_000)])
    assert not await storage.append(said("b", details={"id": "2"}))
    assert await read(storage) == ["a", "b"]
    assert await positions(storage) == [1, 2]


@pytest.mark.parametrize("log", ["#tea", "#new"])
@bounded()
async def test_a_repeat_beside_what_cannot_be_kept_fails_with_its_batch(opened: Open, log: str) -> None:
    storage = opened()
    ours = said("a", details={"id": "1"})
    await storage.append(ours)
    with pytest.raises(sqlite3.IntegrityError):
        await storage.append([*ours, *said("b"), (log, said("c", text=None)[0][1])])
    assert await read(storage) == ["a"]
    assert await read(storage, log) == (["a"] if log == "#tea" else [])
    assert len(await storage.append([*ours, *said("b")])) == 1
    assert await positions(storage) == [1, 2]


@bounded()
async def test_a_repeat_at_the_end_of_many_statements_leaves_them_whole(opened: Open) -> None:
    storage = opened()
    many = [str(number) for number in range(3000)]
    sent = [("#tea", said(text, eid=text, details={"id": text})[0][1]) for text in many]
    assert not await storage.append(sent[-1:])
    repeats = await storage.append([("#new", event) for _, event in sent])
    assert [repeat.eid for repeat in repeats] == many[-1:]
    assert await read(storage, "#new") == many[:-1]
    repeats = await storage.append(sent)
    assert [(repeat.eid, repeat.entry.event.text) for repeat in repeats] == [(text, text) for text in many]
    assert await read(storage) == many[-1:]


@bounded()
async def test_an_id_is_remembered_for_as_long_as_its_entry_is_kept(opened: Open, path: Path) -> None:
    storage = opened()
    ours = said("a", details={"id": "1"})
    await storage.append([*ours, *said("b", details={"id": "2"})])
    await storage.close()
    with closing(sqlite3.connect(path)) as outsider, outsider:
        outsider.execute("DELETE FROM entries WHERE text = 'a'")

    storage = opened()
    repeats = await storage.append([*ours, *said("b", details={"id": "2"})])
    assert [repeat.entry.event.text for repeat in repeats] == ["b"]
    assert await read(storage) == ["b", "a"]


def test_an_id_is_looked_up_by_its_index(path: Path) -> None:
    file = DatabaseFile(str(path), "process")
    with closing(file.writer()) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {firsts(1)}", ("ann", "1"))]
    assert "SEARCH entries USING INDEX entries_sent (by=? AND id=?)" in plan
    file.release()


# The file


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
@bounded()
async def test_its_files_are_for_their_owner_only(opened: Open, path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        storage = opened()
        await storage.append(said("a"))
        await read(storage)
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(["chat.db", "chat.db-lock", "chat.db-wal", "chat.db-shm"], 0o600)


def test_a_file_that_others_could_read_is_made_private(opened: Open, path: Path) -> None:
    path.touch()
    path.chmod(0o644)
    opened()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_until_its_first_use_it_holds_the_lock_and_no_connection(opened: Open, path: Path) -> None:
    """A daemon forks after opening: connections and threads must not come before that."""
    opened()
    held = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert [file for file in held if file.startswith(str(path))] == [f"{path}-lock"]


@bounded()
async def test_a_second_server_is_refused_until_the_first_has_closed(opened: Open, path: Path) -> None:
    storage = opened()
    link = path.with_name("another name")
    link.symlink_to(path)
    for name in (path, link):
        with pytest.raises(StorageRefused, match=r"chat\.db is in use by another server"):
            opened(name)
    await storage.append(said("a"))
    await storage.close()
    assert await read(opened()) == ["a"]


@pytest.fixture
def other_server(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Has appended to the storage at `path`, and keeps it open."""
    program = f"""if True:
        from twisted.internet import reactor
        from chatroom.event import Event, Kind
        from chatroom.storage.sqlite import SqliteStorage
        storage = SqliteStorage({str(path)!r}, reactor=reactor)
        appended = storage.append([("#tea", Event(Kind.SAID, 1, "e", "by", "ann", "a"))])
        appended.addCallback(lambda _: print("saved", flush=True))
        reactor.run()"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"saved\n"
        yield server
        server.kill()


@bounded(30)
async def test_a_server_that_was_killed_holds_nothing_up(opened: Open, other_server: subprocess.Popen[bytes]) -> None:
    with pytest.raises(StorageRefused, match="in use"):
        opened()
    other_server.kill()
    other_server.wait()
    assert await read(opened()) == ["a"]


def damaged(path: Path) -> None:
    path.write_bytes(b"This is a letter, and no database. " * 1000)


def one_byte(path: Path) -> None:
    path.write_bytes(b"S")


def another_programs(path: Path) -> None:
    with closing(sqlite3.connect(path)) as outsider, outsider:
        outsider.execute("CREATE TABLE bookmarks (url TEXT)")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as outsider, outsider:
        outsider.execute("PRAGMA user_version = 4")


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def without_its_beginning(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xa5" * 4000)


def with_a_bad_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 4096)


def empty_beside_a_wal(path: Path) -> None:
    path.write_bytes(b"")
    path.with_name("chat.db-wal").write_bytes(b"what somebody said")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (damaged, "is not an SQLite database"),
        (one_byte, "is not an SQLite database"),
        (another_programs, "is the database of another program"),
        (newer, "was written by a newer server: it has schema 4, and this one knows 3"),
        (truncated, "malformed"),
        (without_its_beginning, "malformed"),
        (with_a_bad_page, "malformed"),
        (empty_beside_a_wal, "is empty, but .*-wal is not"),
    ],
)
@bounded()
async def test_a_file_that_cannot_be_ours_is_refused_and_left_as_it_is(
    opened: Open, path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    if spoil is not another_programs:
        storage = opened()
        await storage.append(said(*"abcdefgh", text="x" * 3000))
        await storage.close()
    spoil(path)
    before = {file: file.read_bytes() for file in path.parent.iterdir()}
    for _ in range(2):  # the first refusal has let go of the lock
        with pytest.raises(StorageRefused, match=words):
            opened()
    assert {file: file.read_bytes() for file in before} == before


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:/no/such/place/chat.db", "/no/such/place/chat.db-lock cannot be opened: No such file or directory"),
        ("sqlite:/dev/null/chat.db", "Not a directory"),
        ("sqlite:", "no file is named"),
        ("postgres:chat", "there is no storage 'postgres:chat': write one of memory:, sqlite:"),
        ("chat.db", "there is no storage 'chat.db'"),
    ],
)
def test_a_storage_that_cannot_be_opened_is_refused_in_words(url: str, words: str) -> None:
    from twisted.internet import reactor

    with pytest.raises(StorageRefused, match=words) as refused:
        open_storage(url, reactor=reactor)
    assert refused.value.words == str(refused.value)


def test_a_directory_or_device_is_refused(opened: Open, path: Path) -> None:
    path.mkdir()
    with pytest.raises(StorageRefused, match="cannot be opened: Is a directory"):
        opened()
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(StorageRefused, match="is not a file"):
        opened()


@bounded()
async def test_a_url_names_the_storage(path: Path) -> None:
    from twisted.internet import reactor

    assert isinstance(open_storage("memory:", reactor=reactor), MemoryStorage)
    storage = open_storage(f"sqlite:{path}", reactor=reactor)
    assert isinstance(storage, SqliteStorage)
    await storage.close()


# Files of older servers

ALICES, ROBS, CAROLS = (
    "7e6927ebb26b8bea08964541400d9a3d", "dc375bdee7635fd6e556e4e3bab60ddd", "06cb7e56b67dc15e8b60f4eaeb750e2a",
)  # fmt: skip
"""What they come back with."""


def as_left_by(version: int, path: Path) -> None:
    with closing(sqlite3.connect(path)) as older:
        older.executescript((Path(__file__).parent / f"version_{version}.sql").read_text("utf-8"))


def version_and_rows(path: Path) -> tuple[int, list[Any]]:
    with closing(sqlite3.connect(path)) as outsider:
        (version,) = outsider.execute("PRAGMA user_version").fetchone()
        return version, outsider.execute("SELECT name, entries.* FROM entries JOIN logs ON logs.id = log").fetchall()


def test_a_file_of_before_accounts_is_taken_up_with_its_history_and_who_is_here(path: Path) -> None:
    as_left_by(1, path)
    world = DiskWorld(JsonClient, storage=Disk(path), stamp="n3.", grace=30.0)  # type: ignore[arg-type]
    alice = back(world, ALICES, history=20)
    assert welcome(alice)["rooms"]["lobby"]["members"] == ["alice", "carol"]
    recalled = [(told["nick"], told["text"]) for told in alice.told() if "history" in told]
    assert recalled == [("alice", "one"), ("bob", "two"), ("carol", "three")]
    carol = back(world, CAROLS, after="9")
    assert welcome(carol)["nick"] == "carol"
    assert [told["event"] for told in carol.told() if "event" in told] == ["left", "joined", "started"]
    assert back(world, ROBS).told()[-1]["refused"]["code"] == "resume_unknown"
    alice.say("four")
    assert carol.told()[-1]["text"] == "four"
    world.enter("dave")  # whose nickname is free
    world.storage.close()
    assert version_and_rows(path)[0] == 3


@pytest.mark.parametrize("older", [1, 2])
def test_an_older_file_is_only_stamped(opened: Open, path: Path, older: int) -> None:
    as_left_by(older, path)
    version, rows = version_and_rows(path)
    assert version == older
    opened()
    assert version_and_rows(path) == (3, rows)


@bounded()
async def test_a_file_of_before_peoples_own_rooms_is_taken_up_and_searched(opened: Open, path: Path) -> None:
    as_left_by(2, path)
    storage = opened()
    server = await storage.read("server", limit=100)
    assert {entry.event.kind.sort for entry in server} == {Sort.STATE, Sort.PRESENCE}
    assert await read(storage, "#lobby", kinds=HISTORY) == ["one", "with an id", "waves"]
    (inbox,) = await storage.read("@n1.f", limit=1, kinds=TALK)
    assert [(hit.log, hit.entry) for hit in await storage.written("n1.b", limit=9)][2:] == [("@n1.b", inbox)]
    assert [hit.entry.event.text for hit in await storage.search(["#lobby"], ["WITH"], limit=9)] == ["with an id"]
    repeats = await storage.append([("#lobby", said("again", by="n1.b", details={"id": "i1"})[0][1])])
    assert [repeat.entry.event.text for repeat in repeats] == ["with an id"]
    await storage.append([("#lobby", said("a topic", kind=Kind.SET)[0][1])])
    (newest,) = await storage.read("#lobby", limit=1)
    assert newest.position == 13


def test_whenever_the_stamping_is_cut_short_the_file_is_whole(path: Path) -> None:
    program = """if True:
        import os, sys
        from chatroom.storage.sqlite_file import DatabaseFile
        writer = DatabaseFile.writer
        def doomed(self):
            connection = writer(self)
            left = iter(range(int(sys.argv[2])))
            connection.set_trace_callback(lambda statement: next(left, None) is None and os._exit(9))
            return connection
        DatabaseFile.writer = doomed
        DatabaseFile(sys.argv[1], "power")"""
    versions = []
    for statements in range(20):
        doomed = path.with_name(f"{statements}.db")
        as_left_by(1, doomed)
        _, rows = version_and_rows(doomed)
        killed = subprocess.run([sys.executable, "-c", program, doomed, str(statements)], check=False)
        version, found = version_and_rows(doomed)
        versions.append(version)
        assert found == rows
        DatabaseFile(str(doomed), "power").release()
        assert version_and_rows(doomed) == (3, rows)
        if killed.returncode == 0:
            break
        assert killed.returncode == 9
    assert versions == sorted(versions)
    assert {*versions} == {1, 2, 3}
    assert killed.returncode == 0


# What goes wrong


async def fill(storage: SqliteStorage, saved: list[str]) -> None:
    while True:
        number = str(len(saved))
        await storage.append(said(number, "x" * 5000))
        saved += number, "x" * 5000


@bounded(30)
async def test_a_full_disk_saves_nothing_and_loses_nothing_until_there_is_room(opened: Open, small_disk: Path) -> None:
    storage = opened(small_disk / "chat.db")
    saved: list[str] = []
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"." * (400 << 10))
    with pytest.raises(NotSaved, match="the disk is full") as unsaved:
        await fill(storage, saved)
    assert unsaved.value.certain
    assert saved
    assert await read(storage) == saved
    with pytest.raises(NotSaved, match="the disk is full"):
        await storage.append(said("x" * 50_000))

    ballast.unlink()
    await storage.append(said("room again"))
    assert await read(storage) == [*saved, "room again"]
    await storage.close()
    assert await read(opened(small_disk / "chat.db")) == [*saved, "room again"]


@bounded()
async def test_after_a_write_that_failed_nothing_is_certain_and_the_next_may_work(opened: Open) -> None:
    heard: list[Any] = []
    storage = opened()
    await storage.append(said("a"))
    await storage.follow("#tea", heard.append)
    with failing_beyond(64 << 10), pytest.raises(NotSaved, match="the disk failed") as unsaved:
        await storage.append(said("x" * 100_000))
    assert not unsaved.value.certain
    assert heard == []
    await storage.append(said("b"))
    assert await read(storage) == ["a", "b"]
    assert len(heard) == 1


@bounded()
async def test_a_batch_of_many_statements_fails_as_a_whole(opened: Open) -> None:
    storage = opened()
    many = [str(number) for number in range(3000)]
    with pytest.raises(UnicodeEncodeError):
        await storage.append([*said(*many), *said("\ud800")])
    assert await read(storage) == []
    await storage.append(said(*many))
    assert await read(storage) == many


@pytest.mark.parametrize(
    "fields",
    [{"text": "\ud800"}, {"nick": "\udfff"}, {"time": 2**63}, {"text": None}, {"details": {"new": b""}}, {"eid": []}],
)
@bounded()
async def test_an_event_that_cannot_be_kept_fails_alone(opened: Open, fields: dict[str, Any]) -> None:
    storage = opened()
    for log in ("#tea", "#new"):
        with pytest.raises(Exception) as failed:  # noqa: PT011  # any, so that it is not the disk's trouble
            await storage.append([(log, said("a")[0][1]), (log, said("b", **fields)[0][1])])
        assert not isinstance(failed.value, NotSaved)
        assert await read(storage, log) == []
        await storage.append([(log, said("c")[0][1])])
        assert await read(storage, log) == ["c"]


@bounded()
async def test_a_closing_that_fails_is_logged_and_loses_nothing(opened: Open, logged: LoggedErrors) -> None:
    storage = opened()
    await storage.append(said("x" * 100_000))
    with failing_beyond(8 << 10):
        await storage.close()
    assert len(logged.flush(sqlite3.Error)) == 1
    assert await read(opened()) == ["x" * 100_000]


@bounded()
async def test_more_logs_than_it_remembers_are_numbered_rightly(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatroom.storage.sqlite_writer._LOGS", 2)
    storage = opened()
    logs = ["#a", "#b", "#c", "#d"]
    for text in ("1", "2", "3"):
        for log in logs:
            await storage.append([(log, said(text)[0][1])])
    assert [await read(storage, log) for log in logs] == [["1", "2", "3"]] * 4


# What is to be forgotten

SECRET = "a-secret-that-somebody-had"
LOGS = [f"#{number}" for number in range(60)]


def secrets(count: int, words: bool = True) -> list[tuple[str, Event]]:
    """In many logs, so that SQLite divides pages in their middle; a third tell the secret, some of them with many words."""
    dice = Random(1)
    kinds = [Kind.SAID, Kind.JOINED, Kind.PASSWORD, Kind.DID, Kind.SAID, Kind.LEFT, Kind.CLAIMED]
    entries = []
    for number in range(count):
        event = Event(dice.choice(kinds), 1, f"e{number}", "8", "bob", "x" * dice.randrange(200), {"id": f"i{number}"})
        if dice.random() < 0.3:
            text = SECRET * 300 if words and number % 50 == 0 else event.text  # longer than a page
            event = event._replace(by="7/a", nick=SECRET, text=text, details={"id": f"i{number}", "hash": SECRET})
        entries.append((dice.choice(LOGS), event))
    return entries


def told_in(path: Path) -> int:
    files = [path.with_name(f"{path.name}{end}") for end in ("", "-wal", "-search", "-search-wal")]
    return sum(file.read_bytes().count(SECRET.encode()) for file in files if file.exists())


async def append_in_turn(storage: SqliteStorage, entries: list[tuple[str, Event]]) -> None:
    for start in range(0, len(entries), 40):
        await storage.append(entries[start : start + 40])


@pytest.mark.parametrize("forget", ["erase", "rename"])
@bounded(60)
async def test_what_is_forgotten_is_in_none_of_its_files_nor_comes_back(opened: Open, path: Path, forget: str) -> None:
    storage = opened()
    await append_in_turn(storage, secrets(8000, words=forget == "erase"))
    assert told_in(path) > 4000
    await read(storage)
    if forget == "erase":
        for log in LOGS:
            await storage.erase(log)
    else:
        for log in LOGS:
            await storage.blank("hash", log=log, by="7/a", before=HIGHEST)
        await storage.rename("7", "gone")
    assert told_in(path) == 0
    # Were a page remembered as it was, it would come back with what is appended to it.
    for kind in (Kind.SAID, Kind.READ, Kind.LEFT):
        await storage.append([(log, said("more", kind=kind)[0][1]) for log in LOGS])
    assert told_in(path) == 0
    await storage.close()
    assert told_in(path) == 0
    with closing(sqlite3.connect(path)) as outsider:
        assert outsider.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    storage = opened()
    events = [entry.event for log in LOGS for entry in await storage.read(log, limit=10_000)]
    assert {event.nick for event in events} == ({"ann"} if forget == "erase" else {"bob", "gone", "ann"})
    assert len(events) == (180 if forget == "erase" else 8180)


@bounded()
async def test_who_was_kept_at_a_start_is_forgotten_in_all_of_its_files(opened: Open, path: Path) -> None:
    kept = {"7": [SECRET, SECRET, SECRET], "8": ["bob", "bob", "bob"]}
    started = Event(Kind.STARTED, 1, "e", "", "", "", {"kept": kept, "devices": {"t1": "7/a", "t2": "8"}, "away": {}})
    older = started._replace(details={"kept": {id: [*forms, SECRET] for id, forms in kept.items()}})
    renamed = Event(Kind.RENAMED, 1, "e", "7", "ann", "", {"new": SECRET})
    storage = opened()
    await append_in_turn(storage, [(log, event) for log in LOGS for event in (started, older, renamed)])
    assert told_in(path) > 5 * len(LOGS)
    await storage.rename("7", "gone")
    assert told_in(path) == len(LOGS)  # in what is kept of another
    for log in LOGS:
        first, second, third = [entry.event.details for entry in await storage.read(log, limit=9)]
        assert first == {"kept": {"8": kept["8"]}, "devices": {"t2": "8"}, "away": {}}
        assert second == {"kept": {"8": [*kept["8"], SECRET]}}
        assert third == {"new": "gone"}
    await storage.close()
    assert told_in(path) == len(LOGS)


@bounded(60)
async def test_what_is_not_forgotten_is_untouched_by_the_scrubbing(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatroom.storage.sqlite_scrub._SCRUB_BYTES", 64 << 10)
    storage = opened()
    await append_in_turn(storage, secrets(4000))
    before = [await storage.read(log, limit=10_000) for log in LOGS]
    erased = storage.erase("#none")
    appended = 0
    while not erased.called:
        appended += 1
        await storage.append(said(f"while it scrubs {appended}"))
    await erased
    assert appended > 10
    assert len(await read(storage)) == appended
    assert [await storage.read(log, limit=10_000) for log in LOGS] == before
    with closing(sqlite3.connect(path)) as outsider:
        assert outsider.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@bounded(30)
async def test_a_commit_waits_for_one_slice_of_a_renaming_only(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatroom.storage.sqlite_redaction._SLICE_ROWS", 10)
    storage = opened()
    await storage.append(said(*map(str, range(1000))))
    heard: list[str] = []
    renamed = storage.rename("n1-7", "gone").addCallback(lambda _: heard.append("renamed"))
    for number in range(20):
        await storage.append(said(f"new {number}"))
        heard.append("committed")
    await renamed
    assert heard == ["committed"] * 20 + ["renamed"]


@bounded(30)
async def test_a_renaming_that_was_cut_short_is_completed_when_it_is_asked_for_again(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatroom.storage.sqlite_redaction._SLICE_ROWS", 10)
    storage = opened()
    await storage.append(said(*map(str, range(1000)), nick=SECRET))
    renamed = storage.rename("n1-7", "gone")
    for number in range(5):
        await storage.append(said(f"new {number}"))
    await storage.close()
    with pytest.raises(NotSaved, match="the storage is closed"):
        await renamed
    assert told_in(path) > 0

    storage = opened()
    nicks = {entry.event.nick for entry in await storage.read("#tea", limit=10_000)}
    assert nicks == {SECRET, "gone", "ann"}
    await storage.rename("n1-7", "gone")
    assert {entry.event.nick for entry in await storage.read("#tea", limit=10_000)} == {"gone"}
    assert told_in(path) == 0


EXPIRING = """if True:
    import sys
    from twisted.internet import reactor
    from chatroom.event import Event, Kind, Sort
    from chatroom.storage import sqlite_index, sqlite_redaction
    from chatroom.storage.sqlite import SqliteStorage
    sqlite_redaction._CHANGED_ROWS = sqlite_index._SLICE_ROWS = 50
    now = int(sys.argv[2])
    storage = SqliteStorage(sys.argv[1], reactor=reactor)
    def go_on(saved, number):
        if number >= 0:
            print(number, flush=True)
        event = Event(Kind.SAID, now, f"e{now}-{number}", "8", "bob", f"{now} {number + 1}")
        storage.append([("#tea", event)]).addCallback(go_on, number + 1)
    go_on(None, -1)
    storage.expire(now, Sort.TALK).addCallback(lambda _: print("expired", flush=True))
    reactor.run()"""
"""Forgets all that was said before it came, and says more meanwhile."""


def killed_while_expiring(path: Path, now: int, lines: int) -> int:
    """The number of the newest entry that was surely saved, when so many lines had been read."""
    with subprocess.Popen([sys.executable, "-c", EXPIRING, path, str(now)], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        told = [server.stdout.readline() for _ in range(lines)]
        server.kill()
        told += server.stdout.read().splitlines(keepends=True)
    return max(int(line) for line in told if line.endswith(b"\n") and line != b"expired\n")


@pytest.mark.process
@bounded(60)
async def test_an_expiring_that_is_killed_at_any_moment_loses_nothing_and_is_completed_later(
    opened: Open, path: Path
) -> None:
    storage = opened()
    await storage.append(said(*(f"{SECRET} {number}" for number in range(3000)), eid="e"))
    assert await storage.search(["#tea"], [SECRET], limit=1)
    await storage.close()
    dice = Random(1)
    last = 3000
    for now in range(2, 12):
        saved = killed_while_expiring(path, now, dice.randrange(2, 60))
        storage = opened()
        new = [entry for entry in await storage.read("#tea", limit=100_000) if entry.event.time == now]
        assert [entry.event.text for entry in new] == [f"{now} {number}" for number in range(len(new))]
        assert len(new) > saved
        assert [entry.position for entry in new] == [*range(last + 1, last + 1 + len(new))]
        last += len(new)
        await storage.close()
    storage = opened()
    await storage.expire(11, Sort.TALK)
    assert await read(storage) == [entry.event.text for entry in new]
    assert await storage.search(["#tea"], [SECRET], limit=1) == []
    assert len(await storage.search(["#tea"], ["11 "], limit=100_000)) == len(new)
    assert told_in(path) == 0
    await storage.close()
    for file in (path, path.with_name("chat.db-search")):
        with closing(sqlite3.connect(file)) as outsider:
            assert outsider.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@bounded()
async def test_a_closed_storage_forgets_nothing(opened: Open) -> None:
    storage = opened()
    await storage.close()
    for redacted in (
        storage.rename("7", "gone"),
        storage.blank("hash", log="#tea", by="7", before=1),
        storage.fade("hash", 1),
        storage.amend("#tea", {1: None}),
        storage.expire(1, Sort.TALK),
        storage.erase("#tea"),
    ):
        with pytest.raises(NotSaved, match="closed"):
            await redacted


@bounded(20)
async def test_who_is_to_be_forgotten_is_not_while_another_program_reads(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatroom.storage.sqlite_file._BUSY_SECONDS", 60.0)  # for so long it is not waited
    storage = opened()
    await storage.append(said("a", nick=SECRET))
    with closing(sqlite3.connect(path, isolation_level=None)) as outsider:
        outsider.execute("BEGIN")
        outsider.execute("SELECT count(*) FROM entries").fetchone()
        with pytest.raises(NotSaved, match=r"^another program has locked the database$"):
            await storage.rename("n1-7", "gone")
        await storage.append(said("b"))
    await storage.rename("n1-7", "gone")
    assert told_in(path) == 0
    assert await read(storage) == ["a", "b"]


@bounded(30)
async def test_a_full_disk_forgets_nothing_until_there_is_room(opened: Open, small_disk: Path) -> None:
    storage = opened(small_disk / "chat.db")
    texts = [str(number) for number in range(1000)]
    await storage.append(said(*texts, nick=SECRET))
    disk = os.statvfs(small_disk)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"." * (disk.f_bavail * disk.f_frsize))
    with pytest.raises(NotSaved, match="the disk is full"):
        await storage.rename("n1-7", "gone")
    assert {entry.event.nick for entry in await storage.read("#tea", limit=1000)} == {SECRET}
    ballast.unlink()
    await storage.rename("n1-7", "gone")
    assert {entry.event.nick for entry in await storage.read("#tea", limit=1000)} == {"gone"}
    assert await read(storage) == texts
    assert told_in(small_disk / "chat.db") == 0


@bounded()
async def test_a_database_whose_pages_cannot_be_told_apart_forgets_nothing(opened: Open, path: Path) -> None:
    with closing(sqlite3.connect(path)) as outsider:
        outsider.execute("PRAGMA auto_vacuum = FULL")
        outsider.execute("VACUUM")
    storage = opened()
    await storage.append(said("a"))
    with pytest.raises(NotSaved, match="nothing can be forgotten"):
        await storage.erase("#tea")


@pytest.mark.parametrize("statement", [FURTHER, *RENAME, *BLANK, *ERASE, *EXPIRE, *FADE])
def test_a_slice_goes_straight_to_its_place(path: Path, statement: str) -> None:
    file = DatabaseFile(str(path), "process")
    ends = dict.fromkeys(["log", "sort", "position", "to_log", "to_sort", "to_position"], 1)
    values = {"by": "7", "nick": "ann", "detail": "hash", "before": 9, "last": 9, "rows": 10, "time": 1}
    with closing(file.writer()) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", ends | values)]
    ours = [step for step in plan if "SUBQUERY" not in step and "json_each" not in step]
    assert ours == ["SEARCH entries USING PRIMARY KEY ((log,sort,position)>(?,?,?) AND (log,sort,position)<(?,?,?))"]
    file.release()


@bounded(60)
async def test_what_was_amended_faded_or_expired_is_in_none_of_its_files(opened: Open, path: Path) -> None:
    storage = opened()
    told = [(log, event if event.kind in TALK else event._replace(text="")) for log, event in secrets(4000)]
    await append_in_turn(storage, told)
    for log in LOGS:
        entries = await storage.read(log, limit=10_000)
        await storage.amend(log, {entry.position: None for entry in entries if SECRET in entry.event.text})
    await storage.fade("hash", 2)
    await storage.rename("7", "gone")
    assert told_in(path) == 0
    await append_in_turn(storage, [(log, event._replace(details={})) for log, event in secrets(400, words=False)])
    assert told_in(path) > 100
    for sort in (Sort.TALK, Sort.PRESENCE):
        await storage.append([(log, said("", kind=Kind.STARTED)[0][1]) for log in LOGS])
        await storage.expire(2, sort)
    left = {entry.event.kind for log in LOGS for entry in await storage.read(log, limit=10_000)}
    assert left == {Kind.PASSWORD, Kind.STARTED}
    await storage.rename("7", "gone")
    await storage.fade("hash", 2)
    assert told_in(path) == 0


# Who waits for whom


@bounded()
async def test_a_commit_that_takes_long_holds_no_read_up(opened: Open, path: Path) -> None:
    storage = opened()
    await storage.append(said("a"))
    with closing(sqlite3.connect(path, isolation_level=None)) as outsider:
        outsider.execute("BEGIN IMMEDIATE")
        appended = storage.append(said("b"))
        assert await read(storage) == ["a"]
        assert not appended.called
        outsider.execute("COMMIT")
    await appended
    assert await read(storage) == ["a", "b"]


@bounded()
async def test_a_read_never_runs_ahead_of_the_followers(opened: Open, path: Path) -> None:
    storage = opened()
    await storage.append(said("a"))
    await storage.follow("#tea", print)
    with closing(sqlite3.connect(path)) as outsider, outsider:  # as the writer's thread may be ahead of the reactor's
        outsider.execute(
            "INSERT INTO entries SELECT log, sort, 2, kind, time, eid, by, nick, 'b', NULL, NULL FROM entries"
        )
    assert await read(storage) == ["a"]
    assert await read(storage, kinds=TALK) == ["a"]


def test_what_is_amended_is_gone_straight_to(path: Path) -> None:
    file = DatabaseFile(str(path), "process")
    with closing(file.writer()) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {AMEND}", {"texts": "[]"})]
    assert "SEARCH entries USING PRIMARY KEY (log=? AND sort=? AND position=?)" in plan
    file.release()


def test_a_place_is_looked_for_where_it_can_be(path: Path) -> None:
    file = DatabaseFile(str(path), "process")
    values = {"log": "#tea", "sort": 0, "time": 1, "told": HIGHEST}
    with closing(file.writer()) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {PLACE}", values)]
    ours = [step for step in plan if "entries" in step]
    assert set(ours) == {"SEARCH entries USING PRIMARY KEY (log=? AND sort=? AND position<?)"}
    file.release()


@pytest.mark.parametrize("kinds", [None, TALK, {Kind.STARTED, *(kind for kind in Kind if kind.sort is Sort.STATE)}])
@pytest.mark.parametrize("newest", [True, False])
def test_a_read_goes_straight_to_its_place(path: Path, kinds: Any, newest: bool) -> None:
    file = DatabaseFile(str(path), "process")
    bounds = {"log": "#tea", "after": 0, "before": HIGHEST, "told": HIGHEST, "limit": 10}
    with closing(file.writer()) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {select(kinds, newest)}", bounds)]
    ours = [step for step in plan if "entries" in step]
    assert ours
    assert all("USING PRIMARY KEY (log=? AND sort=? AND position>? AND position<?)" in step for step in ours)
    file.release()
