"""What every storage promises: one suite, and a fixture parameter for each storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest
import pytest_twisted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from chatroom.event import TALK, Entry, Event, Kind
from chatroom.log import Storage
from chatroom.storage.opening import open_storage

from .support import LoggedErrors, bounded

_ids = count(1)


SCHEMES = ["memory", "sqlite"]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[str], Storage]]:
    from twisted.internet import reactor

    storages: list[Storage] = []

    def opened(scheme: str) -> Storage:
        storages.append(open_storage(f"{scheme}:{tmp_path / 'chat.db'}", reactor=reactor))
        return storages[-1]

    yield opened
    for storage in storages:
        pytest_twisted.blockon(storage.close())


@pytest.fixture(params=SCHEMES)
def storage(request: pytest.FixtureRequest, opened: Callable[[str], Storage]) -> Storage:
    return opened(request.param)


@pytest.fixture
def storages(opened: Callable[[str], Storage]) -> list[Storage]:
    """All of them, for the model: pytest-twisted wraps a test of hypothesis once more for each fixture parameter."""
    return [opened(scheme) for scheme in SCHEMES]


def event(text: str = "", kind: Kind = Kind.SAID, **details: str | int) -> Event:
    return Event(kind, 1_700_000_000_000, f"e{next(_ids)}", "n1-7", "ann", text, details)


def said(words: str) -> list[tuple[str, Event]]:
    return [("#tea", event(word)) for word in words.split()]


def texts(entries: Sequence[Entry]) -> str:
    return " ".join(entry.event.text for entry in entries)


class Follower:
    def __init__(self) -> None:
        self.batches: list[Sequence[Entry]] = []

    def __call__(self, entries: Sequence[Entry]) -> None:
        self.batches.append(entries)

    @property
    def heard(self) -> str:
        return " | ".join(map(texts, self.batches))


# What is appended and read


@bounded()
async def test_a_log_that_nobody_wrote_to_is_empty(storage: Storage) -> None:
    assert await storage.read("#tea", limit=10) == []
    start = await storage.follow("#tea", Follower())
    assert await storage.read("#tea", after=start, limit=10) == []
    assert await storage.read("#tea", before=start, limit=10) == []


@bounded()
async def test_entries_are_read_in_the_order_of_appending(storage: Storage) -> None:
    one, other = storage.append(said("a b c")), storage.append(said("d e"))
    await one
    await other
    entries = await storage.read("#tea", limit=10)
    assert texts(entries) == "a b c d e"
    positions = [entry.position for entry in entries]
    assert sorted(set(positions)) == positions


@bounded()
async def test_an_empty_batch_is_appended_at_once_and_is_nothing(storage: Storage) -> None:
    await storage.append([])
    assert await storage.read("#tea", limit=10) == []


@bounded()
async def test_a_batch_is_what_it_was_when_it_was_appended(storage: Storage) -> None:
    batch = said("a b")
    appended = storage.append(batch)
    batch.clear()
    await appended
    assert texts(await storage.read("#tea", limit=10)) == "a b"


@bounded()
async def test_one_batch_may_hold_entries_of_several_logs_and_one_event_for_all(storage: Storage) -> None:
    renamed = event(kind=Kind.RENAMED, new="anna")
    await storage.append([("#tea", renamed), ("#milk", event("m")), ("#tea", event("t")), ("#milk", renamed)])
    tea, milk = [await storage.read(log, limit=10) for log in ("#tea", "#milk")]
    assert [tea[0].event, milk[1].event] == [renamed, renamed]
    assert [tea[1].event.text, milk[0].event.text] == ["t", "m"]


@bounded()
async def test_both_ends_of_a_read_are_left_out(storage: Storage) -> None:
    await storage.append(said("a b c d e"))
    _, b, _, d, _ = [entry.position for entry in await storage.read("#tea", limit=10)]
    assert texts(await storage.read("#tea", after=b, limit=10)) == "c d e"
    assert texts(await storage.read("#tea", before=d, limit=10)) == "a b c"
    assert texts(await storage.read("#tea", after=b, before=d, limit=10)) == "c"
    assert await storage.read("#tea", after=d, before=b, limit=10) == []
    assert await storage.read("#tea", after=b, before=b, limit=10) == []


@bounded()
async def test_a_limited_read_gives_the_oldest_behind_a_position_or_else_the_newest(storage: Storage) -> None:
    await storage.append(said("a b c d e"))
    a, _, _, _, e = [entry.position for entry in await storage.read("#tea", limit=10)]
    assert texts(await storage.read("#tea", limit=2)) == "d e"
    assert texts(await storage.read("#tea", after=a, limit=2)) == "b c"
    assert texts(await storage.read("#tea", before=e, limit=2)) == "c d"
    assert texts(await storage.read("#tea", after=a, before=e, limit=2)) == "b c"
    assert texts(await storage.read("#tea", limit=5)) == "a b c d e"
    assert await storage.read("#tea", limit=0) == []


@bounded()
async def test_only_the_wanted_kinds_are_read_and_count(storage: Storage) -> None:
    kinds = [Kind.SAID, Kind.JOINED, Kind.DID, Kind.LEFT, Kind.SAID, Kind.JOINED]
    await storage.append([("#tea", event(text, kind)) for text, kind in zip("abcdef", kinds, strict=True)])
    first = (await storage.read("#tea", limit=10))[0].position
    assert texts(await storage.read("#tea", limit=2, kinds=TALK)) == "c e"
    assert texts(await storage.read("#tea", limit=10, kinds=[Kind.SAID])) == "a e"
    assert texts(await storage.read("#tea", limit=2, kinds={Kind.JOINED, Kind.DID})) == "c f"
    assert texts(await storage.read("#tea", after=first, limit=2, kinds={Kind.SAID, Kind.LEFT})) == "d e"
    assert await storage.read("#tea", limit=10, kinds=[Kind.CLAIMED]) == []
    assert await storage.read("#tea", limit=10, kinds=[]) == []


@pytest.mark.parametrize(
    "text", ["", " ", "two\nlines", "naïve ☕ 𝄞 עברית", "e\u0301", "'; --", '"\\u0000"', "x" * 70_000]
)
@bounded()
async def test_an_event_is_read_as_it_was_appended(storage: Storage, text: str) -> None:
    appended = Event(Kind.DID, 2**45, text, text, text, text, {"new": text, text: 2**40})
    await storage.append([(text, appended)])
    (entry,) = await storage.read(text, limit=10)
    assert entry.event == appended


@bounded()
async def test_every_kind_can_be_kept(storage: Storage) -> None:
    await storage.append([("#tea", event(kind=kind)) for kind in Kind])
    assert [entry.event.kind for entry in await storage.read("#tea", limit=100)] == list(Kind)


# Followers


@bounded()
async def test_a_follower_has_had_a_batch_when_its_append_fires(storage: Storage) -> None:
    follower = Follower()
    await storage.follow("#tea", follower)
    heard: list[str] = []
    await storage.append(said("a b")).addCallback(lambda _: heard.append(follower.heard))
    assert heard == ["a b"]


@bounded()
async def test_a_follower_has_everything_once_and_in_order(storage: Storage) -> None:
    follower = Follower()
    await storage.follow("#tea", follower)
    for appended in [storage.append(said(words)) for words in ("a b", "c", "d e f")]:
        await appended
    assert follower.heard == "a b | c | d e f"
    assert [entry for batch in follower.batches for entry in batch] == await storage.read("#tea", limit=10)


@bounded()
async def test_a_follower_is_given_the_very_events_that_were_appended(storage: Storage) -> None:
    follower = Follower()
    await storage.follow("#tea", follower)
    batch = said("a b")
    await storage.append(batch)
    assert all(entry.event is event for entry, (_, event) in zip(follower.batches[0], batch, strict=True))


@bounded()
async def test_following_begins_behind_the_position_it_fires_with(storage: Storage) -> None:
    follower = Follower()
    before = storage.append(said("a b"))
    followed = storage.follow("#tea", follower)
    after = storage.append(said("c"))
    start = await followed
    await before
    await after
    assert follower.heard == "c"
    assert await storage.read("#tea", after=start, limit=10) == follower.batches[0]
    assert start == (await storage.read("#tea", limit=2))[0].position


@bounded()
async def test_the_start_of_an_empty_log_is_before_its_first_entry(storage: Storage) -> None:
    follower = Follower()
    start = await storage.follow("#tea", follower)
    await storage.append(said("a"))
    assert start < follower.batches[0][0].position
    assert texts(await storage.read("#tea", after=start, limit=1)) == "a"


@bounded()
async def test_a_follower_hears_of_its_own_log_only_and_of_each_batch_once(storage: Storage) -> None:
    tea, milk = Follower(), Follower()
    await storage.follow("#tea", tea)
    await storage.follow("#milk", milk)
    await storage.append([("#tea", event("a")), ("#milk", event("m")), ("#tea", event("b")), ("#nobody", event("x"))])
    assert (tea.heard, milk.heard) == ("a b", "m")


@bounded()
async def test_two_chats_on_one_storage_hear_the_same(storage: Storage) -> None:
    one, other, late = Follower(), Follower(), Follower()
    await storage.follow("#tea", one)
    await storage.follow("#tea", other)
    await storage.append(said("a b"))
    await storage.follow("#tea", late)
    await storage.append(said("c"))
    assert one.batches == other.batches
    assert (one.heard, late.heard) == ("a b | c", "c")


@bounded()
async def test_all_followers_hear_what_a_follower_appends_after_what_it_answers(storage: Storage) -> None:
    answered: list[Deferred[None]] = []

    def answer(entries: Sequence[Entry]) -> None:
        if texts(entries) == "a":
            answered.append(storage.append(said("b")))

    follower = Follower()
    await storage.follow("#tea", answer)
    await storage.follow("#tea", follower)
    await storage.append(said("a"))
    await answered[0]
    assert follower.heard == "a | b"


@bounded()
async def test_who_follows_while_followers_are_told_hears_nothing_twice(storage: Storage) -> None:
    late = Follower()
    followed: list[Deferred[object]] = []
    await storage.follow("#tea", lambda _: followed.append(storage.follow("#milk", late)))
    await storage.append([("#tea", event("a")), ("#milk", event("m"))])
    start = await followed[0]
    assert start == (await storage.read("#milk", limit=1))[0].position
    assert late.batches == []


@bounded()
async def test_a_read_shows_what_a_follower_was_told_and_no_more(storage: Storage) -> None:
    reads: list[Deferred[list[Entry]]] = []
    await storage.follow("#tea", lambda _: reads.append(storage.read("#tea", limit=10)))
    one, other = storage.append(said("a")), storage.append(said("b"))
    await one
    await other
    assert [texts(await read) for read in reads] == ["a", "a b"]


@bounded()
async def test_a_follower_that_fails_is_logged_and_hides_nothing_from_the_others(
    storage: Storage, logged: LoggedErrors
) -> None:
    def fail(entries: Sequence[Entry]) -> None:
        raise ZeroDivisionError

    follower = Follower()
    await storage.follow("#tea", fail)
    await storage.follow("#tea", follower)
    await storage.append(said("a"))
    assert follower.heard == "a"
    assert len(logged.flush(ZeroDivisionError)) == 1


# Against a model

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_events = st.builds(
    Event,
    st.sampled_from(Kind),
    st.integers(0, 2**53),
    _texts,
    _texts,
    _texts,
    _texts,
    st.dictionaries(_texts, _texts | st.integers(), max_size=2),
)
_batches = st.lists(st.lists(st.tuples(st.sampled_from(["a", "b"]), _events), max_size=5), max_size=5)
_ends = st.none() | st.integers(0, 12)
_kinds = st.none() | st.sets(st.sampled_from(Kind))


@given(batches=_batches, after=_ends, before=_ends, limit=st.integers(0, 12), kinds=_kinds)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@bounded()
async def test_a_read_gives_what_a_list_would(
    storages: list[Storage],
    batches: list[list[tuple[str, Event]]],
    after: int | None,
    before: int | None,
    limit: int,
    kinds: set[Kind] | None,
) -> None:
    example = f"example {next(_ids)}: "
    for storage in storages:
        follower = Follower()
        start = await storage.follow(example + "a", follower)
        for batch in batches:
            await storage.append([(example + name, event) for name, event in batch])
        entries = await storage.read(example + "a", limit=100)
        assert [entry.event for entry in entries] == [
            event for batch in batches for name, event in batch if name == "a"
        ]
        assert [entry for batch in follower.batches for entry in batch] == entries

        # Behind the nth place stand all but the first n entries.
        places = [start, *(entry.position for entry in entries)]
        low = None if after is None else min(after, len(entries))
        high = None if before is None else min(before, len(entries))
        wanted = entries[low or 0 : len(entries) if high is None else max(0, high - 1)]
        wanted = [entry for entry in wanted if kinds is None or entry.event.kind in kinds]
        wanted = wanted[:limit] if low is not None else wanted[max(0, len(wanted) - limit) :]
        read = await storage.read(
            example + "a",
            after=None if low is None else places[low],
            before=None if high is None else places[high],
            limit=limit,
            kinds=kinds,
        )
        assert read == wanted
