"""The journal: everything is committed in the order of appending, and who appended is told what does not come back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import pytest
from twisted.internet.defer import Deferred, fail

from chatroom.event import Entry, Event, Kind
from chatroom.journal import Journal
from chatroom.log import Batch, NotSaved, Repeated
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
