"""The journal: everything is committed in the order of appending, and who appended is told what does not come back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail

from chatroom import journal as journal_module
from chatroom.event import Entry, Event, Kind
from chatroom.journal import Journal
from chatroom.seams import Batch, NotSaved, Repeated
from chatroom.storage.memory import MemoryStorage

from .support import LoggedErrors


class Turns:
    """The ends of the reactor's turns, which come when they are told to."""

    def __init__(self) -> None:
        self._calls: deque[Callable[[], None]] = deque()

    def __call__(self, call: Callable[[], None]) -> None:
        self._calls.append(call)

    def pass_by(self) -> None:
        while self._calls:
            self._calls.popleft()()


class Disk(MemoryStorage):
    """Fails as it is told to: with NotSaved for what is in `trouble`, and always for a batch with the text `poison`."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: list[NotSaved] = []
        self.commits = 0

    def append(self, batch: Batch) -> Deferred[Sequence[Repeated]]:
        self.commits += 1
        if self.trouble:
            return fail(self.trouble.pop(0))
        if any(event.text == "poison" for _, event in batch):
            return fail(ValueError("poison"))
        return super().append(batch)

    def entries(self, log: str = "#tea") -> list[Entry]:
        found: list[Entry] = []
        self.read(log, limit=1000).addCallback(found.extend)
        return found

    @property
    def texts(self) -> str:
        return " ".join(entry.event.text for entry in self.entries())


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def journal(disk: Disk, turns: Turns) -> Journal:
    return Journal(disk, turns)


def said(eid: str, text: str, id: str | None = None) -> Event:
    return Event(Kind.SAID, 1_700_000_000_000, eid, "n1-7", "ann", text, {} if id is None else {"id": id})


def tea(eid: str, text: str, id: str | None = None) -> Batch:
    return [("#tea", said(eid, text, id))]


# What was sent before


def test_who_sends_an_id_again_is_told_what_it_became(journal: Journal, turns: Turns, disk: Disk) -> None:
    told: list[NotSaved | Repeated] = []
    journal.append(tea("e1", "a", "1"), told.append)
    turns.pass_by()
    assert told == []
    journal.append(tea("e2", "again", "1"), told.append)
    turns.pass_by()
    assert told == [Repeated("e2", "#tea", disk.entries()[0])]
    assert disk.texts == "a"


def test_two_chats_on_one_storage_keep_an_id_once(disk: Disk, turns: Turns) -> None:
    told: list[NotSaved | Repeated] = []
    for eid in ("e1", "e2"):
        Journal(disk, turns).append(tea(eid, f"as {eid}", "1"), told.append)
    turns.pass_by()
    assert told == [Repeated("e2", "#tea", disk.entries()[0])]
    assert disk.texts == "as e1"


def test_of_a_batch_only_those_are_told_whose_events_were_repeats(journal: Journal, turns: Turns, disk: Disk) -> None:
    told: list[tuple[str, str]] = []

    def teller(who: str) -> Callable[[NotSaved | Repeated], None]:
        def tell(outcome: NotSaved | Repeated) -> None:
            assert isinstance(outcome, Repeated)
            told.append((who, outcome.eid))

        return tell

    journal.append(tea("e1", "a", "1"), teller("ann"))
    journal.append(tea("e2", "b"), teller("bob"))
    journal.append([*tea("e3", "again", "1"), *tea("e4", "c", "2"), *tea("e5", "again", "2")], teller("cyn"))
    journal.append(tea("e6", "again", "2"), teller("dan"))
    turns.pass_by()
    assert disk.commits == 1
    assert told == [("cyn", "e3"), ("cyn", "e5"), ("dan", "e6")]
    assert disk.texts == "a b c"


def test_a_repeat_in_several_logs_is_told_once(journal: Journal, turns: Turns, disk: Disk) -> None:
    told: list[NotSaved | Repeated] = []
    for eid in ("e1", "e2"):
        message = said(eid, "psst", "1")
        journal.append([("#ann", message), ("#bob", message)], told.append)
    turns.pass_by()
    assert told == [Repeated("e2", "#ann", disk.entries("#ann")[0])]


def test_a_repeat_is_told_after_followers_and_before_the_journal_has_settled(
    journal: Journal, turns: Turns, disk: Disk
) -> None:
    order: list[str] = []
    disk.follow("#tea", lambda entries: order.extend(entry.event.text for entry in entries))
    journal.append(tea("e1", "a", "1"), print)
    journal.append(tea("e2", "again", "1"), lambda _: order.append("told"))
    journal.append(tea("e3", "b"), print)
    journal.settled().addCallback(lambda _: order.append("settled"))
    turns.pass_by()
    assert order == ["a", "b", "told", "settled"]


# What was not saved


def test_what_was_not_saved_is_told_and_kept_when_it_is_sent_again(
    journal: Journal, turns: Turns, disk: Disk, logged: LoggedErrors
) -> None:
    told: list[NotSaved | Repeated] = []
    full = NotSaved("the disk is full")
    disk.trouble.append(full)
    journal.append(tea("e1", "a", "1"), told.append)
    turns.pass_by()
    assert told == [full]
    journal.append(tea("e2", "a", "1"), told.append)
    turns.pass_by()
    assert told == [full]
    assert [entry.event.eid for entry in disk.entries()] == ["e2"]
    logged.flush("the disk is full")


def test_a_repeat_does_not_count_as_a_sign_that_the_storage_saves_again(
    journal: Journal, turns: Turns, disk: Disk, logged: LoggedErrors
) -> None:
    journal.append(tea("e1", "a", "1"), print)
    turns.pass_by()
    told: list[NotSaved | Repeated] = []
    for eid in ("e2", "e4"):
        disk.trouble.append(NotSaved("the disk is full"))
        journal.append(tea(eid, "b"), told.append)
        turns.pass_by()
        journal.append(tea(f"{eid} again", "a", "1"), told.append)
        turns.pass_by()
    assert [type(outcome) for outcome in told] == [NotSaved, Repeated] * 2
    assert len(logged.flush("the disk is full")) == 1


def test_beside_an_event_that_cannot_be_kept_a_repeat_is_told_once(
    journal: Journal, turns: Turns, disk: Disk, logged: LoggedErrors
) -> None:
    told: list[tuple[str, NotSaved | Repeated]] = []
    for eid, text, id in [("e1", "a", "1"), ("e2", "poison", "2"), ("e3", "again", "1"), ("e4", "b", "2")]:
        journal.append(tea(eid, text, id), lambda outcome, eid=eid: told.append((eid, outcome)))  # type: ignore[misc]
    turns.pass_by()
    assert disk.texts == "a b"
    (poisoned, why), (repeated, outcome) = told
    assert (poisoned, repeated) == ("e2", "e3")
    assert isinstance(why, NotSaved)
    assert outcome == Repeated("e3", "#tea", disk.entries()[0])
    logged.flush(ValueError)


@pytest.mark.parametrize("trouble", [True, False])
def test_who_fails_when_told_is_logged_and_costs_the_others_nothing(
    journal: Journal, turns: Turns, disk: Disk, logged: LoggedErrors, trouble: bool
) -> None:
    def fail(outcome: NotSaved | Repeated) -> None:
        raise ZeroDivisionError

    told: list[NotSaved | Repeated] = []
    if trouble:
        disk.trouble.append(NotSaved("the disk is full"))
    for eid, tell in [("e1", fail), ("e2", fail), ("e3", told.append)]:
        journal.append(tea(eid, "a", "1"), tell)
    turns.pass_by()
    assert len(told) == 1
    journal.append(tea("e4", "b"), print)
    turns.pass_by()
    assert disk.texts.endswith("b")
    assert len(logged.flush(ZeroDivisionError)) == (2 if trouble else 1)
    logged.flush("the disk is full")


# Group commit


class SlowDisk(Disk):
    """Commits when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way: deque[tuple[Batch, Deferred[Sequence[Repeated]]]] = deque()
        self.sizes: list[int] = []

    def append(self, batch: Batch) -> Deferred[Sequence[Repeated]]:
        self.sizes.append(len(batch))
        appended: Deferred[Sequence[Repeated]] = Deferred()
        self.under_way.append((batch, appended))
        return appended

    def commit(self) -> None:
        batch, appended = self.under_way.popleft()
        super().append(batch).chainDeferred(appended)


@pytest.fixture
def slow() -> SlowDisk:
    return SlowDisk()


def nobody(outcome: NotSaved | Repeated) -> None:
    raise AssertionError(outcome)


def test_what_is_appended_in_one_turn_is_one_batch(journal: Journal, turns: Turns, disk: Disk) -> None:
    for n in range(10):
        journal.append(tea(f"e{n}", str(n)), nobody)
    assert disk.commits == 0
    turns.pass_by()
    assert disk.commits == 1
    assert disk.texts == "0 1 2 3 4 5 6 7 8 9"


def test_one_commit_is_under_way_at_a_time_and_what_comes_meanwhile_is_the_next(turns: Turns, slow: SlowDisk) -> None:
    journal = Journal(slow, turns)
    for n in range(6):
        journal.append(tea(f"e{n}", str(n)), nobody)
        turns.pass_by()
        assert len(slow.under_way) == 1
    slow.commit()
    turns.pass_by()
    assert slow.sizes == [1, 5]
    slow.commit()
    turns.pass_by()
    journal.append(tea("e6", "6"), nobody)
    turns.pass_by()
    slow.commit()
    assert slow.sizes == [1, 5, 1]
    assert slow.texts == "0 1 2 3 4 5 6"


def test_a_commit_is_only_so_large(turns: Turns, slow: SlowDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "BATCH_BYTES", 1000)
    journal = Journal(slow, turns)
    for n in range(100):
        journal.append(tea(f"e{n}", f"{n:03}" * 10), nobody)
    turns.pass_by()
    while slow.under_way:
        assert sum(journal_module.ENTRY_BYTES + len(event.text) for _, event in slow.under_way[0][0]) <= 1000
        slow.commit()
        turns.pass_by()
    assert slow.texts.split() == [f"{n:03}" * 10 for n in range(100)]
    assert len(slow.sizes) < 15


def test_what_belongs_together_is_in_one_batch_however_large(
    turns: Turns, slow: SlowDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "BATCH_BYTES", 100)
    journal = Journal(slow, turns)
    journal.append(tea("e0", "small"), nobody)
    journal.append([("#tea", said(f"e{n}", "x" * 100)) for n in range(1, 4)], nobody)
    turns.pass_by()
    slow.commit()
    turns.pass_by()
    assert slow.sizes == [1, 3]


def test_it_is_full_when_too_much_waits_and_has_room_again_when_it_is_saved(
    turns: Turns, slow: SlowDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "BATCH_BYTES", 200)
    monkeypatch.setattr(journal_module, "PENDING_BYTES", 1000)
    journal = Journal(slow, turns)
    waiting = 0
    while not journal.full:
        journal.append(tea(f"e{waiting}", "x" * 100), nobody)
        turns.pass_by()
        waiting += 1
        assert waiting < 20
    settled = journal.settled()
    while slow.under_way:
        slow.commit()
        turns.pass_by()
    assert settled.called
    assert not journal.full


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # what is logged is flushed each time
@given(
    groups=st.lists(st.integers(1, 4), max_size=20),
    poisoned=st.sets(st.integers(0, 19)),
    turns_at=st.sets(st.integers(0, 19)),
)
def test_order_is_kept_and_each_group_is_saved_once_or_refused(
    logged: LoggedErrors, groups: list[int], poisoned: set[int], turns_at: set[int]
) -> None:
    turns, slow = Turns(), SlowDisk()
    journal = Journal(slow, turns)
    refused: list[int] = []
    settled: list[int] = []
    too_early: list[int] = []

    def done(number: int) -> None:
        settled.append(number)
        if number not in refused and f"{number}.0" not in slow.texts.split():
            too_early.append(number)

    poison = ValueError("poison")
    for number, size in enumerate(groups):
        texts = [f"{number}.{part}" for part in range(size)]
        if number in poisoned:
            texts[-1] = "poison"
        events = [("#tea", said(text, text)) for text in texts]
        place = journal.append(events, lambda outcome, number=number: refused.append(number))  # type: ignore[misc]
        journal.settled(place).addCallback(lambda _, number=number: done(number))
        if number in turns_at:
            turns.pass_by()
    turns.pass_by()
    while slow.under_way:
        if any(event.text == "poison" for _, event in slow.under_way[0][0]):
            slow.under_way.popleft()[1].errback(poison)
        else:
            slow.commit()
        turns.pass_by()
    logged.flush(ValueError)
    bad = [number for number in range(len(groups)) if number in poisoned]
    assert refused == bad
    assert slow.texts.split() == [
        f"{number}.{part}" for number, size in enumerate(groups) for part in range(size) if number not in poisoned
    ]
    assert settled == list(range(len(groups)))
    assert too_early == []


# Waiting


def test_who_waits_for_what_they_appended_does_not_wait_for_others(turns: Turns, slow: SlowDisk) -> None:
    journal = Journal(slow, turns)
    assert journal.settled().called
    mine = journal.append(tea("e1", "mine"), nobody)
    turns.pass_by()
    theirs = journal.append(tea("e2", "theirs"), nobody)
    waits = [journal.settled(theirs), journal.settled(mine), journal.settled(), journal.settled(mine)]
    slow.commit()
    assert [wait.called for wait in waits] == [False, True, False, True]
    assert journal.settled(mine).called
    turns.pass_by()
    slow.commit()
    assert all(wait.called for wait in waits)


def test_all_is_settled_when_followers_have_had_it(journal: Journal, turns: Turns, disk: Disk) -> None:
    had: list[str] = []
    disk.follow("#tea", lambda entries: had.extend(entry.event.text for entry in entries))
    journal.append(tea("e1", "a"), nobody)
    journal.settled().addCallback(lambda _: had.append("settled"))
    turns.pass_by()
    assert had == ["a", "settled"]


# An outage


def test_an_outage_is_said_once_and_so_is_its_end(
    journal: Journal, turns: Turns, disk: Disk, logged: LoggedErrors
) -> None:
    for outage in range(2):
        told: list[NotSaved | Repeated] = []
        disk.trouble += [NotSaved("the disk is full")] * 5
        for n in range(5):
            journal.append(tea(f"{outage} lost {n}", "lost"), told.append)
            turns.pass_by()
        assert len(told) == 5
        journal.append(tea(f"{outage} saved", f"saved{outage}"), nobody)
        turns.pass_by()
        assert len(logged.flush("the disk is full")) == 1
    assert disk.texts == "saved0 saved1"


def test_a_whole_batch_that_is_not_saved_is_told_to_each_of_its_authors(
    journal: Journal, turns: Turns, disk: Disk, logged: LoggedErrors
) -> None:
    told: list[NotSaved | Repeated] = []
    full = NotSaved("the disk is full")
    disk.trouble.append(full)
    for n in range(3):
        journal.append(tea(f"e{n}", "lost"), told.append)
    turns.pass_by()
    assert told == [full] * 3
    assert disk.texts == ""
    logged.flush("the disk is full")


def test_a_storage_that_raises_is_one_that_fails(turns: Turns, logged: LoggedErrors) -> None:
    class Raising(Disk):
        def append(self, batch: Batch) -> Deferred[Sequence[Repeated]]:
            raise ZeroDivisionError

    journal = Journal(Raising(), turns)
    told: list[NotSaved | Repeated] = []
    for n in range(2):
        journal.append(tea(f"e{n}", "lost"), told.append)
        turns.pass_by()
    assert [str(outcome) for outcome in told] == ["the server could not keep it"] * 2
    assert len(logged.flush(ZeroDivisionError)) == 2
