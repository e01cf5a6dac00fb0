"""One log: pages that readers share, readers that advance at their own rate, and the law that none misses anything."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.python.failure import Failure

from chatroom import kept as kept_module
from chatroom import log as log_module
from chatroom import page as page_module
from chatroom.event import Entry, Event, Kind, Position
from chatroom.log import Log
from chatroom.page import PAGE_BYTES, Page, Reader
from chatroom.request import Refused
from chatroom.seams import Storage
from chatroom.storage.memory import MemoryStorage
from chatroom.wire.json import JSON
from chatroom.wire.text import TEXT
from chatroom.witness import NOBODY, Nobody, Witness

from .chatting import SlowStorage
from .support import examples

_ids = count(1)


def event(by: str, text: str = "", kind: Kind = Kind.SAID) -> Event:
    return Event(kind, 0, f"e{next(_ids)}", by, by, text)


class Plain:
    """Each entry in a piece of its own, by which it can be told."""

    def render(self, log: str, entries: Sequence[Entry]) -> list[bytes]:
        return [f"{entry.event.eid} {entry.event.text}\n".encode() for entry in entries]


class Folding:
    """Like the format for people: those who join next to one another stand in one piece, where the first of them does."""

    def render(self, log: str, entries: Sequence[Entry]) -> list[bytes]:
        pieces: list[bytes] = []
        joined: list[str] = []
        for entry in entries:
            if entry.event.kind is Kind.JOINED:
                joined.append(entry.event.eid)
                pieces.append(b"")
                pieces[-len(joined)] = f"{','.join(joined)} joined\n".encode()
            else:
                joined = []
                pieces.append(f"{entry.event.eid} {entry.event.text}\n".encode())
        return pieces


PLAIN, FOLDING = Plain(), Folding()


class Buggy(Plain):
    """Cannot render the word `poison`."""

    def render(self, log: str, entries: Sequence[Entry]) -> list[bytes]:
        if any(entry.event.text == "poison" for entry in entries):
            raise ZeroDivisionError
        return super().render(log, entries)


class Screen:
    """A connection that takes so many bytes until it is drained, and the reader it belongs to."""

    def __init__(
        self,
        log: Log,
        *,
        by: str = "",
        start: Position | None = None,
        room: float = float("inf"),
        format: Plain | Folding = PLAIN,
        echo: bool = False,
        eager: bool = False,
    ) -> None:
        """An `eager` one is drained again before the write that filled it is over."""
        self.log = log
        self.full = False
        self.shown = b""
        self.written = 0
        self.pending = 0
        self.most_pending = 0
        self.room = room
        self.eager = eager
        self.on_write: Callable[[], None] = lambda: None
        self.failures: list[Failure] = []
        self.reader = Reader(log, log.tip if start is None else start, format, self, by, echo, self)

    def write(self, data: bytes) -> None:
        self.shown += data
        self.written += 1
        self.pending += len(data)
        self.most_pending = max(self.most_pending, self.pending)
        self.on_write()
        if self.pending > self.room and not self.full:
            self.full = True
            self.log.hold(self.reader)
            if self.eager:
                self.drain()

    several = False

    def reads_elsewhere(self, reader: Reader, event: Event) -> bool:
        return False

    def failed(self, failure: Failure) -> None:
        self.failures.append(failure)

    def drain(self) -> None:
        self.pending = 0
        if self.full:
            self.full = False
            self.log.advance(self.reader)

    @property
    def eids(self) -> list[str]:
        return re.findall(r"e\d+", self.shown.decode())


class Chalk:
    """A log, and what was committed to it."""

    def __init__(self, storage: Storage | None = None, witness: Witness = NOBODY) -> None:
        self.storage = storage or MemoryStorage()
        self.entries: list[Entry] = []
        self.log = Log("#tea", self.storage, self.entries.extend, witness=witness)
        self.opened = ensureDeferred(self.log.open())

    def commit(self, *events: Event) -> None:
        self.storage.append([("#tea", event) for event in events])

    def say(self, words: str, by: str = "ann") -> None:
        """Each word is said, all in one batch."""
        self.commit(*[event(by, word) for word in words.split()])

    def say_each(self, words: str) -> None:
        """Each word is said in a batch of its own."""
        for word in words.split():
            self.say(word)

    def reads(self, **how: object) -> Screen:
        """Somebody who reads from now on."""
        screen = Screen(self.log, **how)  # type: ignore[arg-type]
        self.log.advance(screen.reader)
        return screen


@pytest.fixture
def chalk() -> Chalk:
    return Chalk()


def texts(screen: Screen) -> str:
    return " ".join(line.partition(" ")[2] for line in screen.shown.decode().splitlines())


def tiny_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of about one word each."""
    monkeypatch.setattr(page_module, "PAGE_BYTES", 10)
    monkeypatch.setattr(page_module, "ENTRY_BYTES", 5)


# Pages

PIECES = st.lists(st.tuples(st.sampled_from(["ann", "bob", "cyn"]), st.sampled_from([Kind.SAID, Kind.DID, Kind.JOINED]),
                            st.text("ab", max_size=4)), min_size=1, max_size=12)  # fmt: skip


@given(made=PIECES, reader=st.sampled_from(["ann", "bob", "nobody"]), most=st.integers(1, 60))
def test_a_page_without_ones_own_words_is_what_rendering_without_them_would_give(
    made: list[tuple[str, Kind, str]], reader: str, most: int
) -> None:
    entries = [Entry(place, event(by, text, kind)) for place, (by, kind, text) in enumerate(made)]
    for format in (PLAIN, FOLDING, TEXT):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(page_module, "PAGE_BYTES", most)
            page = Page("#tea", entries, format)
        within = [entry for entry in entries if entry.position <= page.end]
        pieces = format.render("#tea", within)
        assert page.data == b"".join(pieces)
        assert page.without(reader) == b"".join(
            piece
            for entry, piece in zip(within, pieces, strict=True)
            if entry.event.by != reader or entry.event.kind is Kind.JOINED
        )


@given(made=PIECES, most=st.integers(1, 60))
def test_a_page_is_at_most_so_long_or_one_piece_and_pages_tell_everything_once(
    made: list[tuple[str, Kind, str]], most: int
) -> None:
    entries = [Entry(place, event(by, text, kind)) for place, (by, kind, text) in enumerate(made)]
    for format in (PLAIN, FOLDING):
        rest, shown = entries, b""
        while rest:
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(page_module, "PAGE_BYTES", most)
                page = Page("#tea", rest, format)
            assert len(page.data) <= most or len([piece for piece in page.data.split(b"\n") if piece]) == 1
            shown += page.data
            rest = [entry for entry in rest if not entry.position <= page.end]  # type: ignore[operator]
        assert re.findall(r"e\d+", shown.decode()) == [entry.event.eid for entry in entries]


def test_a_page_is_at_most_64_kib(chalk: Chalk) -> None:
    assert PAGE_BYTES == 64 * 1024
    slow = chalk.reads(room=1)
    chalk.commit(*[event("ann", "x" * 1000) for _ in range(200)])
    assert 0 < slow.most_pending <= PAGE_BYTES


def test_one_entry_is_shown_whole_however_long_it_is(chalk: Chalk) -> None:
    screen = chalk.reads()
    chalk.commit(event("ann", "x" * 100_000), event("ann", "y"))
    assert len(screen.shown) > 100_000
    assert screen.written == 2


def test_a_page_is_rendered_once_for_all_readers_of_a_format(chalk: Chalk) -> None:
    class Counting(Plain):
        rendered = 0

        def render(self, log: str, entries: Sequence[Entry]) -> list[bytes]:
            self.rendered += 1
            return super().render(log, entries)

    counting = Counting()
    screens = [chalk.reads(format=counting) for _ in range(5)]
    late = chalk.reads(format=counting, room=0)
    late.write(b".")
    chalk.say("a b")
    assert counting.rendered == 1
    late.drain()
    assert counting.rendered == 1
    assert {screen.shown for screen in screens} == {late.shown[1:]}


# Readers


def test_a_reader_is_shown_what_is_committed_after_it_began(chalk: Chalk) -> None:
    chalk.say("before")
    screen = chalk.reads()
    chalk.say("a b")
    chalk.say("c")
    assert texts(screen) == "a b c"


def test_a_reader_may_begin_anywhere(chalk: Chalk) -> None:
    chalk.say("a b c d")
    assert texts(chalk.reads(start=chalk.entries[1].position)) == "c d"


def test_ones_own_words_are_left_out_but_not_what_one_did_otherwise(chalk: Chalk) -> None:
    screen = chalk.reads(by="ann")
    chalk.commit(
        event("ann", "mine"), event("bob", "his"), event("ann", "joined", Kind.JOINED), event("ann", "me", Kind.DID)
    )
    assert texts(screen) == "his joined"


def test_who_asks_for_their_own_words_gets_them_too(chalk: Chalk) -> None:
    screen = chalk.reads(by="ann", echo=True)
    chalk.say("mine")
    assert texts(screen) == "mine"


def test_who_wrote_all_of_a_page_is_written_nothing(chalk: Chalk) -> None:
    screen = chalk.reads(by="ann")
    chalk.say("a b")
    assert screen.written == 0
    chalk.say("c", by="bob")
    assert texts(screen) == "c"


def test_who_is_held_up_stays_where_they_are_and_reads_on_from_there(chalk: Chalk) -> None:
    slow, fast = chalk.reads(room=0), chalk.reads()
    chalk.say_each("a b c d")
    assert texts(slow) == "a"
    assert texts(fast) == "a b c d"
    slow.drain()
    assert texts(slow) == "a b"
    slow.room = 100
    slow.drain()
    assert texts(slow) == "a b c d"


def test_who_was_drained_is_live_again(chalk: Chalk) -> None:
    slow = chalk.reads(room=0)
    chalk.say("a")
    slow.drain()
    chalk.say("b")
    slow.drain()
    assert texts(slow) == "a b"


def test_a_reader_behind_the_tail_is_shown_it_from_the_storage(chalk: Chalk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "TAIL_BYTES", 200)
    slow = chalk.reads(room=0)
    words = [f"w{n}" for n in range(50)]
    for word in words:
        chalk.say(word)
    while texts(slow) != " ".join(words):
        shown = len(slow.shown)
        slow.drain()
        assert len(slow.shown) > shown


def test_between_storage_and_tail_nothing_is_lost_however_late_the_storage_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "TAIL_BYTES", 200)
    monkeypatch.setattr(log_module, "READ_ENTRIES", 2)
    storage = SlowStorage()
    chalk = Chalk(storage)
    slow = chalk.reads(room=0)
    chalk.say_each("a b c d e f")
    storage.slow_reads = True
    slow.drain()
    assert storage.reads_under_way == 1
    chalk.say("g")  # while the read is under way
    slow.room = float("inf")
    while storage.reads_under_way:
        storage.come_back()
        chalk.say("h")
    chalk.say("i")
    heard = texts(slow)
    assert heard == " ".join(entry.event.text for entry in chalk.entries)


def test_who_leaves_while_the_storage_reads_for_them_is_shown_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "TAIL_BYTES", 100)
    storage = SlowStorage()
    chalk = Chalk(storage)
    chalk.say_each("a b c d")
    storage.slow_reads = True
    screen = chalk.reads(start=0)
    chalk.log.stop(screen.reader)
    storage.come_back()
    assert screen.shown == b""


def test_who_leaves_during_a_delivery_is_shown_nothing_more(chalk: Chalk, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_pages(monkeypatch)
    screen = chalk.reads()
    screen.on_write = lambda: chalk.log.stop(screen.reader)
    chalk.say("first second third")
    assert texts(screen) == "first"


def test_who_makes_another_leave_by_reading_costs_only_that_one_the_rest(chalk: Chalk) -> None:
    screens = [chalk.reads() for _ in range(4)]
    for screen in screens:
        screen.on_write = lambda screen=screen: [  # type: ignore[misc]
            chalk.log.stop(other.reader) for other in screens if other is not screen
        ]
    chalk.say("a")
    chalk.say("b")
    assert sorted(texts(screen) for screen in screens) == ["", "", "", "a b"]


class Counting(Nobody):
    """Counts what is told to be delivered."""

    def __init__(self) -> None:
        self.count = 0

    def delivered(self, messages: int) -> None:
        self.count += messages


def test_what_is_delivered_is_told_of_those_who_were_shown_it() -> None:
    witness = Counting()
    chalk = Chalk(witness=witness)
    screens = [chalk.reads() for _ in range(4)]
    chalk.say("all of it")
    assert witness.count == 4 * 3

    def fail() -> None:
        raise ZeroDivisionError

    for screen in screens:
        screen.on_write = lambda screen=screen: [  # type: ignore[misc]
            chalk.log.stop(other.reader) for other in screens if other is not screen
        ]
    chalk.say("to one")
    assert witness.count == 4 * 3 + 2
    for screen in screens:
        screen.on_write = fail
    chalk.say("to nobody")
    assert witness.count == 4 * 3 + 2


def test_a_connection_that_takes_more_within_the_write_is_shown_nothing_twice(
    chalk: Chalk, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_pages(monkeypatch)
    eager, other = chalk.reads(room=0, eager=True), chalk.reads()
    chalk.say("first second third")
    chalk.say("fourth")
    assert texts(eager) == texts(other) == "first second third fourth"


def test_who_is_suspended_is_shown_nothing_until_they_read_on(chalk: Chalk) -> None:
    screen = chalk.reads()
    chalk.log.suspend(screen.reader)
    chalk.say("a b")
    screen.drain()
    assert screen.shown == b""
    chalk.log.resume(screen.reader)
    chalk.say("c")
    assert texts(screen) == "a b c"


def test_a_storage_that_answers_at_once_may_be_read_as_often_as_it_takes(
    chalk: Chalk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "TAIL_BYTES", 100)
    monkeypatch.setattr(log_module, "READ_ENTRIES", 1)
    for n in range(2000):  # more than a recursion could be deep
        chalk.say(f"w{n}")
    assert len(chalk.reads(start=0).eids) == 2000


def test_what_a_storage_keeps_no_longer_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(MemoryStorage):
        def read(self, log: str, **wanted: object) -> Deferred[list[Entry]]:
            nothing: Deferred[list[Entry]] = Deferred()
            nothing.callback([])
            return nothing

    monkeypatch.setattr(log_module, "TAIL_BYTES", 200)
    chalk = Chalk(Forgetful())
    chalk.say_each("a b c d e")
    screen = chalk.reads(start=0)
    chalk.say("f")
    assert "a b c d e f".endswith(texts(screen))
    assert "d e f" in texts(screen)  # what the tail holds is there


# Waiting for a reader


def test_who_waits_for_a_reader_at_the_tip_waits_for_nothing(chalk: Chalk) -> None:
    assert chalk.log.at_tip(chalk.reads().reader).called


def test_who_waits_for_a_reader_waits_until_it_was_shown_what_was_there_then(chalk: Chalk) -> None:
    slow = chalk.reads(room=0)
    chalk.say("a")
    chalk.say("b")
    waits = chalk.log.at_tip(slow.reader)
    assert not waits.called
    slow.drain()
    assert texts(slow) == "a b"
    assert not waits.called  # it takes nothing more for now
    slow.drain()
    assert waits.called


def test_a_room_that_never_pauses_keeps_nobody_waiting(chalk: Chalk, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_pages(monkeypatch)
    slow = chalk.reads(room=0)
    chalk.say("a")
    waits = chalk.log.at_tip(slow.reader)
    for _ in range(10):
        chalk.say("busy busy")  # faster than it reads
        slow.drain()
    assert waits.called
    assert slow.reader.cursor < chalk.log.tip  # type: ignore[operator]


def test_who_left_keeps_nobody_waiting(chalk: Chalk) -> None:
    slow = chalk.reads(room=0)
    chalk.say("a")
    chalk.say("b")
    waits = [chalk.log.at_tip(slow.reader) for _ in range(3)]
    chalk.log.stop(slow.reader)
    assert [waiter.called for waiter in [*waits, chalk.log.at_tip(slow.reader)]] == [True] * 4


# What goes wrong


def test_a_bug_in_one_format_costs_its_readers_only(chalk: Chalk) -> None:
    buggy = [chalk.reads(format=Buggy()), chalk.reads(format=Buggy())]
    fine = chalk.reads()
    chalk.say("poison")
    chalk.say("b")
    assert texts(fine) == "poison b"
    for screen in buggy:
        assert [failure.type for failure in screen.failures] == [ZeroDivisionError]
        assert screen.shown == b""


def test_a_bug_in_one_connection_costs_that_one_only(chalk: Chalk) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    screens = [chalk.reads() for _ in range(5)]
    screens[2].on_write = fail
    chalk.say("a")
    chalk.say("b")
    assert [len(screen.failures) for screen in screens] == [0, 0, 1, 0, 0]
    assert {texts(screen) for screen in screens if not screen.failures} == {"a b"}
    assert screens[2].written == 1


def test_a_bug_while_somebody_catches_up_costs_that_one_only(chalk: Chalk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "TAIL_BYTES", 100)
    chalk.say_each("poison b c d")
    buggy, fine = chalk.reads(format=Buggy(), start=0), chalk.reads(start=0)
    assert [failure.type for failure in buggy.failures] == [ZeroDivisionError]
    assert texts(fine) == "poison b c d"
    assert chalk.log.at_tip(buggy.reader).called


def test_a_storage_that_cannot_be_read_costs_who_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unreadable(MemoryStorage):
        def read(self, log: str, **wanted: object) -> Deferred[list[Entry]]:
            if wanted.get("after") is None:
                return super().read(log, **wanted)  # type: ignore[arg-type]
            failed: Deferred[list[Entry]] = Deferred()
            failed.errback(Failure(OSError("the disk failed")))
            return failed

    monkeypatch.setattr(log_module, "TAIL_BYTES", 100)
    chalk = Chalk(Unreadable())
    chalk.say_each("a b c d")
    behind, fine = chalk.reads(start=0), chalk.reads()
    chalk.say("e")
    assert [failure.type for failure in behind.failures] == [OSError]
    assert texts(fine) == "e"


# Talk, for history


def newest(log: Log, before: Position | None, limit: int) -> list[Entry]:
    found: list[Entry] = []
    ensureDeferred(log.talk.newest(before, limit)).addCallback(found.extend)
    return found


def following(log: Log, after: Position, limit: int) -> list[Entry]:
    found: list[Entry] = []
    ensureDeferred(log.talk.after(after, limit)).addCallback(found.extend)
    return found


@pytest.mark.parametrize(("kept", "size"), [(3, 10_000), (100, 10_000), (100, 3 * 65)])
@given(kinds=st.lists(st.sampled_from([Kind.SAID, Kind.DID, Kind.JOINED]), max_size=12), before=st.integers(0, 14),
       limit=st.integers(0, 8))  # fmt: skip
def test_the_newest_talk_is_the_same_from_memory_and_from_the_storage(
    kept: int, size: int, kinds: list[Kind], before: int, limit: int
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kept_module, "TALK_ENTRIES", kept)
        patched.setattr(kept_module, "TALK_BYTES", size)
        for opened_after in (0, len(kinds) // 2, len(kinds)):
            storage = MemoryStorage()
            events = [event("ann", "x", kind) for kind in kinds]
            storage.append([("#tea", event) for event in events[:opened_after]])
            log = Log("#tea", storage, lambda entries: None)
            ensureDeferred(log.open())
            storage.append([("#tea", event) for event in events[opened_after:]])
            talk = [place for place, kind in enumerate(kinds, 1) if kind is not Kind.JOINED]
            for end, places in ((None, talk), (before, [place for place in talk if place < before])):
                assert [entry.position for entry in newest(log, end, limit)] == (places[-limit:] if limit else [])


@given(
    before=st.integers(0, 6),
    meanwhile=st.lists(st.integers(1, 4), max_size=6),
    kept=st.integers(1, 12),
    size=st.integers(0, 1000),
    long=st.integers(0, 300),
    anew=st.booleans(),
)
def test_what_comes_while_the_newest_talk_is_read_is_there_once(
    before: int, meanwhile: list[int], kept: int, size: int, long: int, anew: bool
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kept_module, "TALK_ENTRIES", kept)
        patched.setattr(kept_module, "TALK_BYTES", size)
        patched.setattr(log_module, "TAIL_BYTES", 300)
        storage = SlowStorage()
        storage.append([("#tea", event("ann", f"b{n}")) for n in range(before)])
        log = Log("#tea", storage, lambda entries: None)
        ensureDeferred(log.open())
        storage.slow_reads = True
        read = [ensureDeferred(log.talk.newest(None, 100)) for _ in range(2)]
        for place, count in enumerate(meanwhile):
            storage.append([("#tea", event("ann", "x" * (0 if place else long))) for _ in range(count)])
        storage.slow_reads = False
        while storage.reads_under_way:
            storage.come_back(anew)
        assert all(each.called for each in read)
        there = list(range(1, before + sum(meanwhile) + 1))
        for limit in (*there, 100):
            assert [entry.position for entry in newest(log, None, limit)] == there[-limit:]
        screen = Screen(log, start=0)
        log.advance(screen.reader)
        assert len(screen.eids) == before + sum(meanwhile)


@pytest.mark.parametrize("opened_after", [0, 5, 20])
def test_long_talk_is_kept_up_to_so_many_bytes_and_all_of_it_is_read(
    opened_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kept_module.TALK_BYTES == 256 * 1024
    monkeypatch.setattr(log_module, "TAIL_BYTES", 1000)
    storage = MemoryStorage()
    events = [event("ann", f"{number} {'x' * 60_000}") for number in range(20)]
    storage.append([("#tea", event) for event in events[:opened_after]])
    log = Log("#tea", storage, lambda entries: None)
    ensureDeferred(log.open())
    for each in events[opened_after:]:
        storage.append([("#tea", each)])
    read: list[dict[str, object]] = []
    from_storage = storage.read
    monkeypatch.setattr(storage, "read", lambda log, **wanted: read.append(wanted) or from_storage(log, **wanted))

    def talk(limit: int) -> list[Event]:
        return [entry.event for entry in newest(log, None, limit)]

    assert talk(4) == events[-4:]
    read.clear()
    assert talk(4) == events[-4:]
    assert not read  # four are kept
    assert talk(5) == events[-5:]
    assert talk(100) == events
    assert len(read) == 2


def test_one_message_that_is_longer_than_all_that_is_kept_is_read_from_the_storage(
    chalk: Chalk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_module, "TALK_BYTES", 300)
    chalk.say_each(f"a {'x' * 1000} b")
    assert [entry.event.text for entry in newest(chalk.log, None, 2)] == ["x" * 1000, "b"]


def test_who_is_renamed_is_so_in_memory_as_in_the_storage(chalk: Chalk) -> None:
    started = event("", kind=Kind.STARTED)._replace(
        details={
            "kept": {"ann": ["a"] * 3, "bob": ["b"] * 3},
            "devices": {"t": "ann/1", "u": "bob"},
            "away": {"ann": "x"},
        }
    )
    renamed = event("ann", kind=Kind.RENAMED)._replace(details={"new": "anna"})
    chalk.commit(started, renamed, event("ann/1", "hello"), event("bob", "hi"))
    chalk.log.rename("ann", "gone")
    screen = chalk.reads(start=0, format=JSON)
    chalk.storage.rename("ann", "gone")  # type: ignore[attr-defined]
    stored: list[Entry] = []
    chalk.storage.read("#tea", limit=9).addCallback(stored.extend)
    assert screen.shown == b"".join(JSON.render("#tea", stored))
    told = [json.loads(line) for line in screen.shown.splitlines()]
    assert [(one["event"], one["nick"], one.get("new"), one.get("members")) for one in told] == [
        ("started", "", None, ["b"]),
        ("renamed", "gone", "gone", None),
        ("said", "gone", None, None),
        ("said", "bob", None, None),
    ]
    assert chalk.log._tail == stored


def test_talk_after_a_position_leaves_out_what_is_no_talk(chalk: Chalk) -> None:
    chalk.commit(event("ann", "a"), event("bob", kind=Kind.JOINED), event("ann", "b"), event("ann", "c"))
    assert [entry.event.text for entry in following(chalk.log, 1, 2)] == ["b", "c"]
    assert [entry.event.text for entry in following(chalk.log, 1, 1)] == ["b"]


def test_a_position_is_known_by_its_words_up_to_the_tip(chalk: Chalk) -> None:
    chalk.say("a b")
    assert chalk.log.position("1") == chalk.entries[0].position
    assert chalk.log.position("0") < chalk.entries[0].position  # type: ignore[operator]
    for words in ("3", "-1", "", "one", "1" * 30, "²"):
        with pytest.raises(Refused, match="is no position") as refused:
            chalk.log.position(words)
        assert refused.value.fields == {"room": "tea", "position": "2"}


# The law: nothing is lost, nothing comes twice, there is one order


class Law(RuleBasedStateMachine):
    """Somebody commits, readers come, go, fill up and drain, and the storage takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.storage = SlowStorage()
        self.chalk = Chalk(self.storage)
        self.screens: list[Screen] = []
        self.gone: list[tuple[Screen, bytes]] = []
        self.parting: list[tuple[Screen, list[str]]] = []
        self.suspended: list[Screen] = []
        self.waits: list[tuple[Screen, Position, Deferred[None]]] = []

    def expected(self, screen: Screen, start: Position) -> list[str]:
        return [
            entry.event.eid
            for entry in self.chalk.entries
            if start < entry.position  # type: ignore[operator]
            and (screen.reader.echo or entry.event.kind is Kind.JOINED or entry.event.by != screen.reader.by)
        ]

    @initialize(before=st.integers(0, 8))
    def begin(self, before: int) -> None:
        self.chalk.commit(*[event("w0", "old") for _ in range(before)])

    @rule(
        batch=st.lists(
            st.tuples(
                st.sampled_from(["w0", "w1", "w2"]), st.sampled_from([Kind.SAID, Kind.JOINED]), st.integers(0, 20)
            ),
            min_size=1,
            max_size=6,
        )
    )
    def commit(self, batch: list[tuple[str, Kind, int]]) -> None:
        self.chalk.commit(*[event(by, "x" * size, kind) for by, kind, size in batch])

    @rule(
        by=st.sampled_from(["w0", "w1", "r"]),
        back=st.integers(0, 12),
        room=st.integers(0, 60),
        format=st.sampled_from([PLAIN, FOLDING]),
        echo=st.booleans(),
        eager=st.booleans(),
    )
    def join(self, by: str, back: int, room: int, format: Plain, echo: bool, eager: bool) -> None:
        start = max(0, self.chalk.log.tip - back)  # type: ignore[operator]  # this storage's positions are numbers
        screen = Screen(self.chalk.log, by=by, start=start, room=room, format=format, echo=echo, eager=eager)
        screen.start = start  # type: ignore[attr-defined]
        self.screens.append(screen)
        self.chalk.log.advance(screen.reader)

    @precondition(lambda self: self.screens)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        screen = self.screens.pop(data.draw(st.integers(0, len(self.screens) - 1)))
        self.chalk.log.stop(screen.reader)
        self.gone.append((screen, screen.shown))
        if screen in self.suspended:
            self.suspended.remove(screen)
            self.chalk.log.resume(screen.reader)

    @precondition(lambda self: self.screens)
    @rule(data=st.data(), back=st.integers(0, 3))
    def read_no_further_than(self, data: st.DataObject, back: int) -> None:
        screen = self.screens.pop(data.draw(st.integers(0, len(self.screens) - 1)))
        end = max(screen.reader.cursor, self.chalk.log.tip - back)  # type: ignore[type-var, operator]
        told = {entry.event.eid for entry in self.chalk.entries if entry.position <= end}  # type: ignore[operator]
        expected = [eid for eid in self.expected(screen, screen.start) if eid in told]  # type: ignore[attr-defined]
        self.parting.append((screen, expected))
        self.chalk.log.end(screen.reader, end)

    @rule()
    def rest(self) -> None:
        self.chalk.log.rest()

    @precondition(lambda self: self.screens)
    @rule(data=st.data())
    def drain(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.screens)).drain()

    @precondition(lambda self: self.screens)
    @rule(data=st.data())
    def wait(self, data: st.DataObject) -> None:
        screen = data.draw(st.sampled_from(self.screens))
        tip = self.chalk.log.tip
        waits = self.chalk.log.at_tip(screen.reader)
        if data.draw(st.booleans()):  # an answer that is shown in between, such as history
            waits.addCallback(lambda _: self.suspend(screen))
        self.waits.append((screen, tip, waits))

    def suspend(self, screen: Screen) -> None:
        if screen in self.screens and screen not in self.suspended:
            assert screen.full is False
            self.chalk.log.suspend(screen.reader)
            self.suspended.append(screen)

    @precondition(lambda self: self.suspended)
    @rule()
    def resume(self) -> None:
        self.chalk.log.resume(self.suspended.pop(0).reader)

    @rule(slow=st.booleans())
    def storage_slows_down(self, slow: bool) -> None:
        self.storage.slow_reads = slow

    @precondition(lambda self: self.storage.reads_under_way)
    @rule(anew=st.booleans())
    def read_comes_back(self, anew: bool) -> None:
        self.storage.come_back(anew)

    @invariant()
    def nobody_is_shown_anything_but_what_comes_next(self) -> None:
        for screen in self.screens:
            expected = self.expected(screen, screen.start)  # type: ignore[attr-defined]
            assert screen.eids == expected[: len(screen.eids)]
            assert not screen.failures
            assert screen.most_pending <= screen.room + 40 + 1 + max(
                (len(line) for line in screen.shown.split(b"\n")), default=0
            )  # a page: PAGE_BYTES as patched below, or one piece

    @invariant()
    def who_waited_was_told_in_time(self) -> None:
        for screen, tip, waits in self.waits:
            if waits.called and screen in self.screens:
                told = [entry.event.eid for entry in self.chalk.entries if entry.position <= tip]  # type: ignore[operator]
                expected = [eid for eid in self.expected(screen, screen.start) if eid in told]  # type: ignore[attr-defined]
                assert screen.eids[: len(expected)] == expected

    @invariant()
    def who_reads_no_further_is_shown_what_is_left_until_there(self) -> None:
        for screen, expected in self.parting:
            assert screen.eids == expected[: len(screen.eids)]
            assert not screen.failures

    @invariant()
    def who_left_is_shown_nothing_more(self) -> None:
        for screen, shown in self.gone:
            assert screen.shown == shown

    def teardown(self) -> None:
        while self.suspended:
            self.resume()
        screens = [*self.screens, *(screen for screen, _ in self.parting)]
        while self.storage.reads_under_way or any(screen.full for screen in screens):
            while self.storage.reads_under_way:
                self.storage.come_back()
            for screen in screens:
                screen.drain()
            while self.suspended:
                self.resume()
        for screen in self.screens:
            assert screen.eids == self.expected(screen, screen.start)  # type: ignore[attr-defined]
        for screen, expected in self.parting:
            assert screen.eids == expected
            assert screen.reader.stopped
        assert all(waits.called for _, _, waits in self.waits)
        self.nobody_is_shown_anything_but_what_comes_next()


def small(patched: pytest.MonkeyPatch) -> None:
    for module, name, value in [
        (page_module, "PAGE_BYTES", 40),
        (page_module, "ENTRY_BYTES", 10),
        (log_module, "TAIL_BYTES", 64),
        (log_module, "PAGES_BYTES", 80),
        (log_module, "READ_ENTRIES", 3),
    ]:
        patched.setattr(module, name, value)


def test_the_law_every_reader_is_shown_every_entry_once_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    run_state_machine_as_test(Law, settings=settings(max_examples=examples(100), stateful_step_count=60, deadline=None))
