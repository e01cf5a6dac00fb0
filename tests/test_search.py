"""What was said is found again: in every storage that can, and in SQLite whatever becomes of the index's file."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_twisted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.internet.task import Clock
from zope.interface import implementer

from chatroom.event import Event, Kind, Sort
from chatroom.seams import Hit, NotSaved, Redactable, Searchable
from chatroom.storage import searching, sqlite_index, sqlite_search
from chatroom.storage.opening import open_storage
from chatroom.storage.sqlite_file import DatabaseFile
from chatroom.storage.sqlite_index_schema import BEHIND

from .support import bounded, examples

SCHEMES = ["memory", "sqlite"]
_ids = count(1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[..., Any]]:
    """Opens a storage; they are closed after the test."""
    from twisted.internet import reactor

    storages: list[Any] = []

    def opened(scheme: str = "sqlite", on: Any = reactor) -> Any:
        storages.append(open_storage(f"{scheme}:{path}", reactor=on))
        return storages[-1]

    yield opened
    for storage in storages:
        pytest_twisted.blockon(storage.close())


@pytest.fixture(params=SCHEMES)
def storage(request: pytest.FixtureRequest, opened: Callable[..., Any]) -> Any:
    return opened(request.param)


@pytest.fixture
def storages(opened: Callable[..., Any]) -> list[Any]:
    return [opened(scheme) for scheme in SCHEMES]


def said(text: str, time: int = 1, kind: Kind = Kind.SAID, by: str = "7/a", nick: str = "ann", **details: Any) -> Event:
    return Event(kind, time, f"e{next(_ids)}", by, nick, text, details)


async def tell(storage: Any, *texts: str, log: str = "#tea", **fields: Any) -> None:
    await storage.append([(log, said(text, **{"time": time, **fields})) for time, text in enumerate(texts, 1)])


async def found(
    storage: Any, *words: str, logs: Sequence[str] = ("#tea",), limit: int = 100, **wanted: Any
) -> list[str]:
    return [hit.entry.event.text for hit in await storage.search(logs, words, limit=limit, **wanted)]


# What is found


def test_both_storages_can_search_and_forget(storages: list[Any]) -> None:
    assert all(isinstance(storage, Searchable) and isinstance(storage, Redactable) for storage in storages)


@bounded()
async def test_words_are_found_as_parts_of_others_and_in_whatever_case_the_newest_first(storage: Any) -> None:
    await tell(storage, "The teapot", "TEA time", "coffee", "steam")
    assert await found(storage, "tea") == ["steam", "TEA time", "The teapot"]
    assert await found(storage, "TEAPOT") == ["The teapot"]
    assert await found(storage, "pot", "THE") == ["The teapot"]
    assert await found(storage, "e tea") == ["The teapot"]
    assert await found(storage, "tea", "coffee") == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("我喜欢喝茶", "喜欢"), ("我喜欢喝茶", "茶"), ("我喜欢喝茶", "喜欢喝"), ("ÄPFEL", "äpf"), ("Äpfel", "ä"), ("äÖ", "Äö"),
        ("жар-птица", "ПТИЦА"), ("x", "X"), ("☕ now", "☕"), ("a𝄞b", "𝄞b"), ("two\nlines", "o\nl"),
    ],
)  # fmt: skip
@bounded()
async def test_words_in_all_scripts_are_found_however_short(storage: Any, text: str, word: str) -> None:
    await tell(storage, "before", text, "-")
    assert await found(storage, word) == [text]


@pytest.mark.parametrize(
    "word",
    [
        '"', '""', '"""', "'", "a AND b", "NOT", "OR x", "NEAR(a b)", "text:a", "time:1", "*", "a*", "^a", "(", ")", "-a", "+",
        "%", "_", "%%", "\\", "\\%", "a%b", "a_b", "%_%", "{a b}: c", "; DROP TABLE talk", ":match", "?1", "[a-z]", "--", "😀",
    ],
)  # fmt: skip
@bounded()
async def test_whatever_is_typed_is_words_and_nothing_else(storage: Any, word: str) -> None:
    await tell(storage, "a plain b c text of x and y z", f"<{word}>", "axb")
    assert await found(storage, word) == [f"<{word}>"]
    assert await found(storage, "plain", word) == []


@pytest.mark.parametrize("word", ["\0", "a\0b", "abc\0", "\ud800", "abc\udfff"])
@bounded()
async def test_what_no_text_can_hold_is_not_found(storage: Any, word: str) -> None:
    await tell(storage, "abc a b")
    assert await found(storage, word) == []
    assert await found(storage, "abc", word) == []


@given(texts=st.lists(st.text(st.sampled_from('abAB"%_\\ äÄ'), max_size=6), max_size=8), data=st.data())
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@bounded(20)
async def test_all_storages_find_what_a_look_at_each_text_would(
    storages: list[Any], texts: list[str], data: st.DataObject
) -> None:
    words = data.draw(st.lists(st.text(st.sampled_from('abAB"%_\\ äÄ'), max_size=4), max_size=3))
    log = f"#example{next(_ids)}"
    wanted = [text for text in texts if text and all(word.lower() in text.lower() for word in words)]
    for storage in storages:
        await tell(storage, *texts, log=log)
        assert await found(storage, *words, logs=[log]) == wanted[::-1]


@bounded()
async def test_only_talk_of_these_rooms_is_found(storage: Any) -> None:
    kinds = [Kind.SAID, Kind.DID, Kind.EDITED, Kind.SET, Kind.LEFT]
    for log in ("#tea", "#milk", "@ann", "server"):
        await storage.append([(log, said(f"word {log} {kind.value}", kind=kind)) for kind in kinds])
    assert await found(storage, "word") == ["word #tea did", "word #tea said"]
    assert await found(storage, "word", logs=["#milk", "#none", "#milk"]) == ["word #milk did", "word #milk said"]
    assert await found(storage, "word", logs=[]) == []
    assert await found(storage, "wo", logs=["@ann", "server"]) == []
    assert await found(storage, "word", logs=["@ann", "server"]) == []


@pytest.mark.parametrize("word", ["word", "wo"])
@bounded()
async def test_hits_of_several_rooms_come_by_time_then_log_then_position(storage: Any, word: str) -> None:
    places = [("#b", 5), ("#a", 5), ("#c", 9), ("#a", 5), ("#c", 2), ("#b", 7)]
    await storage.append([(log, said(f"word {n}", time)) for n, (log, time) in enumerate(places)])
    logs = ["#a", "#b", "#c"]
    expected = ["word 2", "word 5", "word 0", "word 3", "word 1", "word 4"]
    assert await found(storage, word, logs=logs) == expected
    assert await found(storage, word, logs=logs, limit=2) == expected[:2]
    assert await found(storage, word, logs=logs, limit=0) == []
    hits = await storage.search(logs, [word], limit=100)
    for at, hit in enumerate(hits):
        assert await storage.search(logs, [word], older=hit, limit=100) == hits[at + 1 :]
        assert await storage.search(logs, [word], older=hit, limit=2) == hits[at + 1 : at + 3]


@pytest.mark.parametrize("word", ["word", "wo", ""])
@bounded()
async def test_what_is_looked_for_may_be_somebodys_and_of_a_certain_time(storage: Any, word: str) -> None:
    nicks = ["ann", "Ann", "bob", "änn", "Änn", "ann"]
    await storage.append([("#tea", said(f"word {n}", 10 * n, nick=nick)) for n, nick in enumerate(nicks)])
    assert await found(storage, word, nick="ANN") == ["word 5", "word 1", "word 0"]
    assert await found(storage, word, nick="änn") == ["word 3"]
    assert await found(storage, word, nick="%") == []
    assert await found(storage, word, after=20) == ["word 5", "word 4", "word 3", "word 2"]
    assert await found(storage, word, before=20) == ["word 1", "word 0"]
    assert await found(storage, word, after=10, before=50, nick="ann") == ["word 1"]
    assert await found(storage, word, after=50, before=10) == []


@bounded()
async def test_no_words_find_all_that_was_said(storage: Any) -> None:
    await tell(storage, "a", "b")
    assert await found(storage) == ["b", "a"]


@bounded()
async def test_a_hit_is_the_entry_as_it_is_read(storage: Any) -> None:
    await tell(storage, "word", id="1", more=["ü"])
    entries = await storage.read("#tea", limit=1)
    assert await storage.search(["#tea"], ["word"], limit=1) == [Hit("#tea", entries[0])]


@bounded()
async def test_what_was_just_appended_is_found(storage: Any) -> None:
    for number in range(5):
        await tell(storage, f"word {number}")
        assert len(await found(storage, "word")) == number + 1


@bounded(20)
async def test_more_hits_than_are_asked_for_at_a_time_are_all_found(
    storage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, rows in (("_SCANNED_ROWS", 7), ("_FOUND_ROWS", 3), ("_MOST", 30), ("_MORE", 2)):
        monkeypatch.setattr(sqlite_search, name, rows)
    monkeypatch.setattr(sqlite_index, "_SLICE_ROWS", 10)
    dice = Random(1)
    for start in range(0, 300, 50):
        await storage.append(
            [
                (f"#{dice.randrange(3)}", said(f"word {n}", dice.randrange(40), nick="bob" if n % 40 == 0 else "ann"))
                for n in range(start, start + 50)
            ]
        )
    logs = ["#0", "#1", "#2"]
    for word in ("word", "wo"):
        hits = await storage.search(logs, [word], limit=1000)
        keys = [(hit.entry.event.time, hit.log, hit.entry.position) for hit in hits]
        assert keys == sorted(keys, reverse=True)
        assert len(keys) == 300
        pages, older = [], None
        while page := await storage.search(logs, [word], older=older, limit=11):
            pages += page
            older = page[-1]
        assert pages == hits
        assert len(await found(storage, word, logs=logs, nick="bob", limit=5)) == 5
        assert len(await found(storage, word, logs=logs, nick="bob")) == 8


# What is not found any more


@pytest.mark.parametrize("searched_before", [True, False])
@bounded()
async def test_what_was_amended_removed_or_expired_is_found_as_it_is_now(storage: Any, searched_before: bool) -> None:
    await tell(storage, "secret one", "secret two", "secret three", "secret four")
    _, two, three, _ = [entry.position for entry in await storage.read("#tea", limit=10)]
    if searched_before:
        assert len(await found(storage, "secret")) == 4
    await storage.amend("#tea", {two: None, three: "public three"})
    for word in ("secret", "se"):
        assert await found(storage, word) == ["secret four", "secret one"]
        assert await found(storage, word[:1], "public") == []
    assert await found(storage, "public") == ["public three"]
    await storage.expire(2, Sort.TALK)
    assert await found(storage, "secret") == ["secret four"]
    await storage.erase("#tea")
    assert await found(storage, "secret") == await found(storage, "pu") == []
    await tell(storage, "secret five")
    assert await found(storage, "secret") == ["secret five"]


@bounded()
async def test_who_was_renamed_is_found_by_the_new_name_only(storage: Any) -> None:
    await tell(storage, "word")
    assert await found(storage, "word", nick="ann") == ["word"]
    await storage.rename("7", "gone")
    assert await found(storage, "word", nick="ann") == []
    assert await found(storage, "word", nick="gone") == ["word"]


# What somebody wrote


@bounded()
async def test_what_somebody_wrote_is_given_log_by_log_and_a_private_message_once(
    storage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_search, "_SCANNED_ROWS", 3)
    message, lost, answer = [
        said(text, kind=Kind.PRIVATE, by=by) for text, by in (("to bob", "7/a"), ("lost", "7"), ("hi", "8"))
    ]
    await storage.append([("@8", message), ("@7", message), ("@8", lost), ("@7", answer), ("@8", answer)])
    await storage.append([("server", said("joined", kind=Kind.JOINED)), ("other", said("elsewhere"))])
    for log in ("#tea", "#milk"):
        authors = ["7", "70", "7/b", "8", "7/a", "8", "8", "8", "7"]
        await storage.append([(log, said(f"{log} {n}", by=by)) for n, by in enumerate(authors)])
        await storage.append([(log, said("gone", kind=Kind.LEFT)), (log, said("new words", kind=Kind.EDITED))])
    hits = await storage.written("7", limit=100)
    rooms = [f"{log} {n}" for log in ("#milk", "#tea") for n in (0, 2, 4, 8)]
    assert [hit.entry.event.text for hit in hits] == [*rooms, "to bob", "lost"]
    assert [hit.log for hit in hits][-2:] == ["@7", "@8"]
    for at in range(len(hits)):
        assert await storage.written("7", after=hits[at], limit=100) == hits[at + 1 :]
        assert await storage.written("7", after=hits[at], limit=2) == hits[at + 1 : at + 3]
    assert await storage.written("nobody", limit=100) == []


# The index of SQLite

SECRET = "Qwxzjvkyubgp"
"""Of letters that are all different: no trigram of it is kept as the end of one before it."""
TRIGRAMS = [SECRET.lower()[at : at + 3].encode() for at in range(len(SECRET) - 2)]


def beside(path: Path) -> list[Path]:
    return [file for file in path.parent.iterdir() if not file.name.endswith("-lock")]


def told_in(path: Path) -> int:
    """How often the secret stands in all of its files, in its own case or in small letters."""
    return sum(file.read_bytes().lower().count(SECRET.lower().encode()) for file in beside(path))


def trigrams_in(path: Path) -> list[bytes]:
    """Those that stand in a file at the index's place; nobody else says anything with these letters."""
    index = b"".join(file.read_bytes() for file in beside(path) if "-search" in file.name)
    return [trigram for trigram in TRIGRAMS if trigram in index]


async def babble(storage: Any, count: int, secrets: int = 40) -> None:
    """Words of digits, and here and there the secret."""
    dice = Random(1)
    for start in range(0, count, 100):
        texts = [" ".join(str(dice.randrange(10**6)) for _ in range(12)) for _ in range(100)]
        for at in dice.sample(range(100), max(1, secrets * 100 // count)):
            texts[at] = f"{texts[at]} {SECRET} {at}"
        await storage.append([(f"#{dice.randrange(3)}", said(text, start)) for text in texts])
        if start % 500 == 0:
            await found(storage, "nothing like it")


LOGS = ["#0", "#1", "#2"]


async def remove(storage: Any, hits: Sequence[Hit], words: str | None = None) -> None:
    for log in LOGS:
        await storage.amend(log, {hit.entry.position: words for hit in hits if hit.log == log})


@pytest.mark.parametrize("forget", ["remove", "correct and remove", "expire", "erase"])
@bounded(60)
async def test_what_is_forgotten_is_in_none_of_its_files(opened: Any, path: Path, forget: str) -> None:
    storage = opened()
    await babble(storage, 3000)
    hits = await storage.search(LOGS, [SECRET], limit=1000)
    assert len(hits) >= 30
    assert told_in(path) >= 60
    assert trigrams_in(path) == TRIGRAMS
    if forget == "expire":
        await storage.expire(10_000, Sort.TALK)
    elif forget == "erase":
        for log in LOGS:
            await storage.erase(log)
    else:
        if forget == "correct and remove":
            await remove(storage, hits, "other words")
        await remove(storage, hits)
    assert (told_in(path), trigrams_in(path)) == (0, [])
    await tell(storage, "more", log="#0")
    await found(storage, "more", logs=LOGS)
    assert (told_in(path), trigrams_in(path)) == (0, [])
    await storage.close()
    assert (told_in(path), trigrams_in(path)) == (0, [])
    with closing(sqlite3.connect(f"{path}-search")) as outsider:
        outsider.execute("INSERT INTO talk(talk) VALUES ('integrity-check')")
        assert outsider.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert (
            outsider.execute("SELECT count(*) FROM talk").fetchone()
            == outsider.execute("SELECT count(*) FROM times").fetchone()
        )


@bounded(60)
async def test_others_search_and_append_while_something_is_forgotten(opened: Any, path: Path) -> None:
    storage = opened()
    await babble(storage, 3000)
    hits = await storage.search(LOGS, [SECRET], limit=1000)
    amended = [storage.amend(hit.log, {hit.entry.position: None}) for hit in hits[:5]]
    rounds = 0
    while not all(one.called for one in amended):
        rounds += 1
        await tell(storage, f"meanwhile {rounds}")
        assert len(await found(storage, "meanwhile")) == rounds
    for one in amended:
        await one
    assert rounds > 3
    assert len(await storage.search(LOGS, [SECRET], limit=1000)) == len(hits) - 5
    await remove(storage, hits)
    assert (told_in(path), trigrams_in(path)) == (0, [])


def cut_short(steps: int) -> Callable[[sqlite_index.Index, Any], bool]:
    """Forgets so many slices, and then no more."""
    left, proceed = iter(range(steps)), sqlite_index.Index.proceed

    def proceeding(index: sqlite_index.Index, slices: Any) -> bool:
        if next(left, None) is None:
            raise NotSaved("cut short")
        return proceed(index, slices)

    return proceeding


@bounded(60)
async def test_a_forgetting_that_was_cut_short_in_the_index_is_completed_when_it_is_asked_for_again(
    opened: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_index, "_MERGED_PAGES", 4)
    storage = opened()
    await babble(storage, 3000)
    hits = await storage.search(LOGS, [SECRET], limit=1000)
    for steps in (0, 1, 6):
        with monkeypatch.context() as patched:
            patched.setattr(sqlite_index.Index, "proceed", cut_short(steps))
            with pytest.raises(NotSaved, match="cut short"):
                await remove(storage, hits)
        await storage.close()
        assert trigrams_in(path) != []
        storage = opened()
    await remove(storage, hits)
    assert (told_in(path), trigrams_in(path)) == (0, [])


# The index follows behind


@implementer(IReactorFromThreads, IReactorTime)
class Seconds(Clock):
    """A reactor whose time goes on when the test says, and whose threads are those of the real one."""

    def callFromThread(self, call: Any, *args: Any) -> None:
        from twisted.internet import reactor

        reactor.callFromThread(call, *args)  # type: ignore[attr-defined]


def indexed(path: Path) -> int:
    if not os.path.exists(f"{path}-search"):
        return 0
    with closing(sqlite3.connect(f"{path}-search")) as outsider:
        found: int = outsider.execute("SELECT count(*) FROM times").fetchone()[0]
        return found


async def idle(storage: Any) -> None:
    """When the search's thread has done all that it was given before, and what followed from it."""
    for _ in range(5):
        await storage.written("nobody", limit=1)


@bounded()
async def test_what_is_committed_is_indexed_a_little_later_also_under_constant_load(opened: Any, path: Path) -> None:
    clock = Seconds()
    storage = opened(on=clock)
    await tell(storage, "one")
    for number in range(1, 4):
        assert len(clock.getDelayedCalls()) == 1
        clock.advance(searching._LAG - 0.1)
        assert indexed(path) == number - 1
        await tell(storage, f"under load {number}", log="@ann")
        clock.advance(0.1)
        await idle(storage)
        assert indexed(path) == number
        await tell(storage, f"more {number}")
    await storage.close()
    assert clock.getDelayedCalls() == []


@bounded()
async def test_what_is_no_room_wakes_nobody(opened: Any, path: Path) -> None:
    clock = Seconds()
    storage = opened(on=clock)
    await tell(storage, "private", log="@ann")
    assert clock.getDelayedCalls() == []
    assert await found(storage, "private", logs=["@ann"]) == []
    assert indexed(path) == 0


@bounded()
async def test_its_files_are_for_their_owner_only(opened: Any, path: Path) -> None:
    before = os.umask(0)
    try:
        storage = opened()
        await tell(storage, "word")
        await found(storage, "word")
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in beside(path) if "-search" in file.name}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(["chat.db-search", "chat.db-search-wal", "chat.db-search-shm"], 0o600)
    await storage.close()
    assert {file.name for file in beside(path)} == {"chat.db", "chat.db-search"}


def gone(index: Path) -> None:
    index.unlink()


def no_database(index: Path) -> None:
    index.write_bytes(b"This is a letter, and no database. " * 1000)


def cut(index: Path) -> None:
    os.truncate(index, index.stat().st_size // 2)


def damaged(index: Path) -> None:
    with index.open("r+b") as file:
        file.seek(100)
        file.write(b"\xa5" * (index.stat().st_size - 100))


def of_another_version(index: Path) -> None:
    with closing(sqlite3.connect(index)) as outsider, outsider:
        outsider.execute("PRAGMA user_version = 99")


def ahead(index: Path) -> None:
    with closing(sqlite3.connect(index)) as outsider, outsider:
        outsider.execute("UPDATE logs SET reached = reached + 100")


def of_another_store(index: Path) -> None:
    with closing(sqlite3.connect(index)) as outsider, outsider:
        outsider.execute("UPDATE logs SET eid = 'of another'")


def of_other_rooms(index: Path) -> None:
    with closing(sqlite3.connect(index)) as outsider, outsider:
        outsider.execute("UPDATE logs SET name = name || '2'")


@pytest.mark.parametrize(
    "spoil", [gone, no_database, cut, damaged, of_another_version, ahead, of_another_store, of_other_rooms]
)
@bounded(20)
async def test_an_index_that_cannot_be_used_is_made_anew(
    opened: Any, path: Path, spoil: Callable[[Path], None]
) -> None:
    storage = opened()
    await babble(storage, 1000)
    hits = await storage.search(LOGS, [SECRET], limit=1000)
    await storage.close()
    spoil(path.with_name("chat.db-search"))
    storage = opened()
    await tell(storage, SECRET, log="#0", time=10_000)
    again = await storage.search(LOGS, [SECRET], limit=1000)
    assert again[1:] == hits
    await storage.expire(20_000, Sort.TALK)
    assert (told_in(path), trigrams_in(path)) == (0, [])


@bounded(20)
async def test_what_cannot_be_cleaned_is_thrown_away(opened: Any, path: Path) -> None:
    storage = opened()
    await babble(storage, 1000)
    hits = await storage.search(LOGS, [SECRET], limit=1000)
    with closing(sqlite3.connect(f"{path}-search", isolation_level=None)) as outsider:
        outsider.execute("BEGIN")
        outsider.execute("SELECT count(*) FROM times").fetchone()
        await storage.expire(20_000, Sort.TALK)
    assert (told_in(path), trigrams_in(path)) == (0, [])
    assert await found(storage, SECRET, logs=LOGS) == []
    assert hits


@bounded(20)
async def test_an_index_that_cannot_be_written_hurts_no_commit(opened: Any, path: Path) -> None:
    clock = Seconds()
    storage = opened(on=clock)
    path.with_name("chat.db-search").mkdir()
    await tell(storage, "one")
    clock.advance(searching._LAG)
    await idle(storage)
    with pytest.raises(NotSaved, match=r"chat\.db-search cannot be used"):
        await found(storage, "one")
    await tell(storage, "two")
    path.with_name("chat.db-search").rmdir()
    assert await found(storage, "one") == ["one"]


@bounded(20)
async def test_where_the_disk_has_little_room_all_of_it_is_for_what_is_said(
    opened: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Seconds()
    storage = opened(on=clock)
    await babble(storage, 500)
    hits = await storage.search(LOGS, [SECRET], limit=1000)
    monkeypatch.setattr(sqlite_index, "_ROOM_BYTES", 1 << 60)
    await tell(storage, "word")
    clock.advance(searching._LAG)
    await idle(storage)
    with pytest.raises(NotSaved, match=r"^the disk is full$"):
        await found(storage, "word")
    assert indexed(path) == 500
    await remove(storage, hits)  # what cannot be cleaned is thrown away
    assert (told_in(path), trigrams_in(path)) == (0, [])
    monkeypatch.undo()
    assert await found(storage, "word") == ["word"]


@bounded()
async def test_a_search_that_takes_long_holds_up_no_commit_and_no_read(opened: Any) -> None:
    storage = opened()
    searching_on = threading.Event()
    under_way = storage._searching._thread.do(searching_on.wait)
    await tell(storage, "word")
    assert [entry.event.text for entry in await storage.read("#tea", limit=1)] == ["word"]
    assert await storage.place("#tea", 9) == 1
    assert not under_way.called
    searching_on.set()
    assert await found(storage, "word") == ["word"]


@bounded(20)
async def test_a_search_that_is_under_way_does_not_hold_up_the_end(opened: Any, path: Path) -> None:
    storage = opened()
    await babble(storage, 3000)
    searches = [storage.search(LOGS, [str(number)], limit=10) for number in range(200)]
    await storage.close()
    for search in searches:
        outcome = await search.addErrback(lambda failure: failure.trap(NotSaved) and failure.value.words)
        assert isinstance(outcome, list) or outcome == "the storage is closed"
    with closing(sqlite3.connect(path)) as outsider:
        assert outsider.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_slice_of_what_is_behind_reads_no_more_of_the_store_than_itself(path: Path) -> None:
    store = DatabaseFile(str(path), "process")
    index = sqlite_index.Index(store)
    plan = index.asking(lambda connection: connection.execute(f"EXPLAIN QUERY PLAN {BEHIND}", (5,)).fetchall())
    assert "SEARCH store.entries USING PRIMARY KEY (log=? AND sort=? AND position>?)" in [row[3] for row in plan]
    assert not any("TEMP B-TREE" in row[3] for row in plan)
    index.let_go()
    store.release()


def test_a_commit_waits_for_no_indexing(path: Path) -> None:
    """The index's connection may not even write to the store."""
    store = DatabaseFile(str(path), "process")
    index = sqlite_index.Index(store)
    with pytest.raises(NotSaved, match="may not be written to"):
        index.asking(lambda connection: connection.execute("DELETE FROM store.entries").fetchone())
    index.let_go()
    store.release()
