"""What every storage promises: one suite, and a fixture parameter for each storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from chatroom.event import NO_DETAILS, OF_ONESELF, TALK, Entry, Event, Kind, Sort
from chatroom.seams import Repeated, Storage
from chatroom.storage.opening import open_storage

from .support import LoggedErrors, bounded, examples

_ids = count(1)

LATER = 2**50
"""After all that is appended here."""


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
    answered: list[Deferred[Sequence[Repeated]]] = []

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


@bounded()
async def test_who_unfollows_is_told_nothing_more_and_others_are(storage: Storage) -> None:
    one, other = Follower(), Follower()
    for follower in (one, other):
        await storage.follow("#tea", follower)
        await storage.follow("#milk", follower)
    await storage.append(said("a"))
    storage.unfollow("#tea", one)
    await storage.append([*said("b"), ("#milk", event("m"))])
    assert (one.heard, other.heard) == ("a | m", "a | b | m")


@bounded()
async def test_to_unfollow_what_one_does_not_follow_is_nothing(storage: Storage) -> None:
    one, other = Follower(), Follower()
    storage.unfollow("#tea", one)
    await storage.follow("#tea", other)
    storage.unfollow("#tea", one)
    storage.unfollow("#milk", other)
    await storage.append(said("a"))
    assert (one.heard, other.heard) == ("", "a")


@bounded()
async def test_who_unfollows_what_is_under_way_is_told_nothing_of_it(storage: Storage) -> None:
    follower = Follower()
    followed = storage.follow("#tea", follower)
    storage.unfollow("#tea", follower)
    await followed
    await storage.append(said("a"))
    await storage.follow("#tea", follower)
    appended = storage.append(said("b"))
    heard = follower.heard  # the storage in memory has told it already
    storage.unfollow("#tea", follower)
    await appended
    assert follower.heard == heard
    assert texts(await storage.read("#tea", limit=10)) == "a b"


@bounded()
async def test_followers_may_unfollow_themselves_and_others_while_they_are_told(storage: Storage) -> None:
    heard: list[str] = []
    last = Follower()

    def once(entries: Sequence[Entry]) -> None:
        heard.append(f"once {texts(entries)}")
        storage.unfollow("#tea", once)

    def jealous(entries: Sequence[Entry]) -> None:
        heard.append(f"jealous {texts(entries)}")
        storage.unfollow("#tea", rival)

    def rival(entries: Sequence[Entry]) -> None:
        heard.append("rival")

    for follower in (once, jealous, rival, last):
        await storage.follow("#tea", follower)
    await storage.append(said("a"))
    await storage.append(said("b"))
    assert heard == ["once a", "jealous a", "jealous b"]
    assert last.heard == "a | b"


@bounded()
async def test_the_only_follower_may_unfollow_while_it_is_told_and_follow_again(storage: Storage) -> None:
    heard: list[str] = []

    def once(entries: Sequence[Entry]) -> None:
        heard.append(texts(entries))
        storage.unfollow("#tea", once)

    await storage.follow("#tea", once)
    await storage.append([*said("a"), ("#milk", event("m"))])
    await storage.append(said("b"))
    start = await storage.follow("#tea", once)
    await storage.append(said("c"))
    assert heard == ["a", "c"]
    assert texts(await storage.read("#tea", after=start, limit=10)) == "c"


@bounded()
async def test_nothing_is_kept_of_logs_that_nobody_follows_any_more(storage: Any) -> None:
    for log in map(str, range(3)):
        one, other = Follower(), Follower()
        await storage.follow(log, one)
        await storage.follow(log, other)
        storage.unfollow(log, one)
        storage.unfollow(log, other)
        unfollowed = storage.follow(log, one)
        storage.unfollow(log, one)
        await unfollowed
        await storage.append([(log, event("a"))])
    assert not any(vars(storage._followers).values())


# Exactly once


def sent(text: str, id: str, by: str = "n1-7") -> Event:
    return event(text, id=id)._replace(by=by)


@bounded()
async def test_an_id_sent_twice_is_kept_once_and_told_what_it_became(storage: Storage) -> None:
    await storage.append(said("before"))
    first, second = sent("a", "1"), sent("a again", "1")
    assert not await storage.append([("#tea", first)])
    repeats = await storage.append([("#tea", second)])
    _, entry = await storage.read("#tea", limit=10)
    assert entry.event == first
    assert list(repeats) == [Repeated(second.eid, "#tea", entry)]


@bounded()
async def test_an_id_sent_to_another_log_is_a_repeat_and_begins_no_log(storage: Storage) -> None:
    await storage.append([("#tea", sent("a", "1"))])
    again = sent("a", "1")
    repeats = await storage.append([("#milk", again)])
    (entry,) = await storage.read("#tea", limit=10)
    assert list(repeats) == [Repeated(again.eid, "#tea", entry)]
    assert await storage.read("#milk", limit=10) == []


@bounded()
async def test_an_id_twice_in_one_batch_is_kept_where_it_stands_first(storage: Storage) -> None:
    events = [sent("a", "1"), sent("b", "2"), sent("a again", "1"), sent("a once more", "1")]
    repeats = await storage.append([("#tea", event) for event in events])
    entries = await storage.read("#tea", limit=10)
    assert texts(entries) == "a b"
    assert list(repeats) == [Repeated(event.eid, "#tea", entries[0]) for event in events[2:]]


@bounded()
async def test_a_repeat_of_a_repeat_became_what_the_first_did(storage: Storage) -> None:
    await storage.append([("#tea", sent("a", "1"))])
    (entry,) = await storage.read("#tea", limit=10)
    again = [sent("again", "1"), sent("and again", "1")]
    repeats = await storage.append([("#tea", event) for event in again])
    assert list(repeats) == [Repeated(event.eid, "#tea", entry) for event in again]


@bounded()
async def test_the_same_event_appended_again_is_a_repeat(storage: Storage) -> None:
    """As when it was unknown whether the commit before had succeeded."""
    once = sent("a", "1")
    await storage.append([("#tea", once)])
    repeats = await storage.append([("#tea", once)])
    (entry,) = await storage.read("#tea", limit=10)
    assert list(repeats) == [Repeated(once.eid, "#tea", entry)]


@bounded()
async def test_the_same_id_of_another_author_is_another(storage: Storage) -> None:
    assert not await storage.append([("#tea", sent("a", "1", "n1-7")), ("#tea", sent("b", "1", "n1-8"))])
    assert not await storage.append([("#tea", sent("c", "1", "")), ("#tea", sent("d", "1", "n1-71"))])
    assert not await storage.append([("#tea", sent("e", "11", "n1-7"))])
    assert texts(await storage.read("#tea", limit=10)) == "a b c d e"


@pytest.mark.parametrize("details", [NO_DETAILS, {}, {"new": "1"}, {"id": 1}, {"id": None}, {"id": ["1"]}])
@bounded()
async def test_an_event_without_an_id_is_never_a_repeat(storage: Storage, details: Mapping[str, Any]) -> None:
    await storage.append([("#tea", sent("a", "1"))])
    without = event("b")._replace(details=details)
    assert not await storage.append([("#tea", without), ("#tea", without)])
    assert not await storage.append([("#tea", without), ("#tea", sent("c", "2"))])
    entries = await storage.read("#tea", limit=10)
    assert texts(entries) == "a b b b c"
    assert [entry.event.details for entry in entries[1:4]] == [details] * 3


@pytest.mark.parametrize(
    "ids",
    [
        ["", " ", "  "],
        ["1", "01", "1.0", "+1"],
        ["a", "A"],
        ["\0", "\0a", "\0b", "a\0", "a\0b"],
        ["\u00e9", "e\u0301"],
        ["x" * 199 + "y", "x" * 200],
        ["'; --", '"', "%", "\\u0041", "\n", "\U0001d11e"],
    ],
)
@bounded()
async def test_ids_are_any_strings_and_compared_exactly(storage: Storage, ids: list[str]) -> None:
    assert not await storage.append([("#tea", sent("a", id)) for id in ids])
    entries = await storage.read("#tea", limit=10)
    assert [entry.event.details for entry in entries] == [{"id": id} for id in ids]
    again = [sent("again", id) for id in ids]
    repeats = await storage.append([("#tea", event) for event in again])
    assert list(repeats) == [Repeated(event.eid, "#tea", entry) for event, entry in zip(again, entries, strict=True)]


@bounded()
async def test_what_is_new_beside_a_repeat_is_kept_in_order(storage: Storage) -> None:
    follower = Follower()
    await storage.follow("#tea", follower)
    await storage.append([("#tea", sent("a", "1"))])
    (repeat,) = await storage.append(
        [
            ("#tea", event("b")),
            ("#tea", sent("again", "1")),
            ("#milk", event("m")),
            ("#tea", sent("c", "2")),
            ("#tea", event("d")),
        ]
    )
    entries = await storage.read("#tea", limit=10)
    assert repeat.entry == entries[0]
    assert texts(entries) == "a b c d"
    assert texts(await storage.read("#milk", limit=10)) == "m"
    assert [entry for batch in follower.batches for entry in batch] == entries


@bounded()
async def test_a_repeat_leaves_no_gap_between_positions(storage: Storage) -> None:
    await storage.append([("#tea", sent("a", "1")), ("#milk", event("a"))])
    await storage.append([("#tea", sent("again", "1")), ("#tea", event("b")), ("#milk", event("b"))])
    await storage.append([("#tea", event("c")), ("#milk", event("c"))])
    tea, milk = [[entry.position for entry in await storage.read(log, limit=10)] for log in ("#tea", "#milk")]
    assert tea == milk


@bounded()
async def test_followers_hear_of_the_first_only(storage: Storage) -> None:
    one, other, elsewhere = Follower(), Follower(), Follower()
    await storage.follow("#tea", one)
    await storage.follow("#tea", other)
    await storage.follow("#milk", elsewhere)
    for _ in range(3):
        await storage.append([("#tea", sent("a", "1"))])
    await storage.append([("#milk", sent("a", "1")), ("#tea", event("b"))])
    assert (one.heard, other.heard, elsewhere.heard) == ("a | b", "a | b", "")


@bounded()
async def test_a_repeat_is_told_when_all_followers_have_had_the_rest_of_its_batch(storage: Storage) -> None:
    follower = Follower()
    await storage.follow("#tea", follower)
    await storage.append([("#tea", sent("a", "1"))])
    heard: list[str] = []
    repeated = storage.append([("#tea", sent("a", "1")), ("#tea", event("b"))])
    await repeated.addCallback(lambda repeats: heard.append(f"{follower.heard}; {len(repeats)}"))
    assert heard == ["a | b; 1"]


@bounded()
async def test_two_who_send_the_same_at_once_are_told_the_same(storage: Storage) -> None:
    """As when the connection was lost, and what it had sent is sent again before the first is committed."""
    first, second = sent("a", "1"), sent("a", "1")
    appended, repeated = storage.append([("#tea", first)]), storage.append([("#tea", second)])
    assert not await appended
    (entry,) = await storage.read("#tea", limit=10)
    assert list(await repeated) == [Repeated(second.eid, "#tea", entry)]


@bounded()
async def test_one_event_in_several_logs_is_no_repeat_of_itself_and_repeated_it_is_told_once(storage: Storage) -> None:
    message, again = sent("a", "1"), sent("a", "1")
    assert not await storage.append([("ann", event("b")), ("bob", message), ("ann", message)])
    ann, bob = [await storage.read(log, limit=10) for log in ("ann", "bob")]
    assert [ann[1].event, bob[0].event] == [message, message]
    (repeat,) = await storage.append([("bob", again), ("ann", again)])
    assert repeat.eid == again.eid
    assert repeat in [Repeated(again.eid, "ann", ann[1]), Repeated(again.eid, "bob", bob[0])]
    assert [await storage.read(log, limit=10) for log in ("ann", "bob")] == [ann, bob]


_sent = st.tuples(
    st.sampled_from(["a", "b"]), st.sampled_from(["ann", "bob"]), st.none() | st.sampled_from(["1", "2", "3", "\0"])
)


@given(batches=st.lists(st.lists(_sent, max_size=6), max_size=4))
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@bounded()
async def test_each_id_is_kept_once_however_it_is_sent(
    storages: list[Storage], batches: list[list[tuple[str, str, str | None]]]
) -> None:
    for storage in storages:
        example = f"example {next(_ids)}: "
        followers = {log: Follower() for log in "ab"}
        for log, follower in followers.items():
            await storage.follow(example + log, follower)
        kept: dict[str, list[Event]] = {"a": [], "b": []}
        firsts: dict[tuple[str, str], Event] = {}
        became: dict[str, Event] = {}
        told: list[Repeated] = []
        for batch in batches:
            appended = []
            for log, by, id in batch:
                one = (event() if id is None else event(id=id))._replace(by=example + by)
                appended.append((example + log, one))
                if id is None or firsts.setdefault((by, id), one) is one:
                    kept[log].append(one)
                else:
                    became[one.eid] = firsts[by, id]
            told += await storage.append(appended)
        entries = {log: await storage.read(example + log, limit=100) for log in "ab"}
        assert {log: [entry.event for entry in entries[log]] for log in "ab"} == kept
        for log, follower in followers.items():
            assert [entry for batch in follower.batches for entry in batch] == entries[log]
        assert [(repeat.eid, repeat.entry.event) for repeat in told] == list(became.items())
        assert all(repeat.entry in entries[repeat.log.removeprefix(example)] for repeat in told)


# Where a time is


def at(time: int, text: str = "", kind: Kind = Kind.SAID, **details: Any) -> Event:
    return event(text, kind, **details)._replace(time=time)


async def text_at(storage: Storage, time: int, log: str = "#tea") -> str:
    place = await storage.place(log, time)
    return texts([entry for entry in await storage.read(log, limit=1000) if entry.position == place])


@bounded()
async def test_the_place_of_a_time_is_the_newest_talk_from_before_it(storage: Storage) -> None:
    assert await storage.place("#tea", 10) == storage.start
    kinds = [Kind.JOINED, Kind.SAID, Kind.SET, Kind.DID, Kind.EDITED, Kind.LEFT, Kind.SAID, Kind.AWAY]
    await storage.append([("#milk", at(1, "m"))])
    await storage.append([("#tea", at(10 * n, f"t{n}", kind)) for n, kind in enumerate(kinds)])
    assert await storage.place("#tea", 10) == storage.start
    found = [await text_at(storage, time) for time in (11, 21, 30, 31, 40, 41, 60, 61, LATER)]
    assert found == ["t1", "t1", "t1", "t3", "t3", "t4", "t4", "t6", "t6"]


@bounded()
async def test_the_place_of_a_time_is_none_that_followers_were_not_told_of(storage: Storage) -> None:
    places: list[Deferred[Any]] = []
    await storage.follow("#tea", lambda _: places.append(storage.place("#tea", LATER)))
    one, other = storage.append(said("a")), storage.append(said("b"))
    await one
    await other
    positions = [entry.position for entry in await storage.read("#tea", limit=10)]
    assert [await place for place in places] == positions


@given(steps=st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 3), st.sampled_from(Kind)), max_size=40))
@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@bounded()
async def test_a_place_is_what_counting_would_find(storages: list[Storage], steps: list[tuple[str, int, Kind]]) -> None:
    example = f"example {next(_ids)}: "
    for storage in storages:
        now, batch = 0, []
        for log, later, kind in steps:
            now += later
            batch.append((example + log, at(now, str(now), kind)))
        await storage.append(batch)
        entries = await storage.read(example + "a", limit=100)
        for time in range(now + 2):
            earlier = [entry for entry in entries if entry.event.kind in TALK and entry.event.time < time]
            expected = earlier[-1].position if earlier else storage.start
            assert await storage.place(example + "a", time) == expected


@bounded()
async def test_where_times_went_back_a_place_is_one_that_fits(storage: Storage) -> None:
    times = [10, 20, 30, 15, 25, 35]
    await storage.append([("#tea", at(time, str(time))) for time in times])
    for time in range(5, 40):
        place = await storage.place("#tea", time)
        before = [place >= entry.position for entry in await storage.read("#tea", limit=10)]
        edge = before.count(True)
        assert edge == 0 or times[edge - 1] < time
        assert edge == len(times) or times[edge] >= time


# What is to be forgotten


def by(author: str, kind: Kind = Kind.SAID, **details: Any) -> Event:
    return Event(kind, 1, f"e{next(_ids)}", author, "ann", "x", details)


async def kept(storage: Any, log: str) -> list[tuple[str, str, Mapping[str, Any]]]:
    entries = await storage.read(log, limit=10_000)
    return [(entry.event.by, entry.event.nick, entry.event.details) for entry in entries]


@bounded()
async def test_somebody_is_renamed_in_every_log_and_on_every_device(storage: Any) -> None:
    theirs, others = ["7", "7/a", "7/b/c", "7/é"], ["", "70", "7x", "7.", "7-", "07", "77/a", "70/a", "/7", "8/7"]
    for log in ("#tea", "#milk"):
        await storage.append([(log, by(author)) for author in [*theirs, *others]])
    await storage.rename("7", "gone")
    for log in ("#tea", "#milk"):
        named = {author: nick for author, nick, _ in await kept(storage, log)}
        assert named == dict.fromkeys(theirs, "gone") | dict.fromkeys(others, "ann")


@bounded()
async def test_renaming_forgets_details_of_what_concerned_nobody_else(storage: Any) -> None:
    for kind in Kind:
        await storage.append([("#tea", by("7/a", kind, new=kind.value)), ("#tea", by("8", kind, new=kind.value))])
    before = await storage.read("#tea", limit=100)
    for _ in range(2):  # to ask again does no harm
        await storage.rename("7", "gone")
        after = await storage.read("#tea", limit=100)
        assert [entry.position for entry in after] == [entry.position for entry in before]
        for was, now in zip(before, after, strict=True):
            details = NO_DETAILS if was.event.kind in OF_ONESELF else was.event.details
            if was.event.kind is Kind.RENAMED:
                details = {"new": "gone"}
            renamed = was.event._replace(nick="gone", details=details)
            assert now.event == (renamed if was.event.by == "7/a" else was.event)


@bounded()
async def test_renaming_takes_somebody_out_of_those_who_were_kept_at_a_start(storage: Any) -> None:
    ids = ["7", "70", "8", "07", "8/7", "7.1"]
    words = 'out "now"\n\\ to \u20ac \U0001f600'
    kept: dict[str, Any] = {id: [f"nick{id}", f"folded{id}", f"skeleton{id}"] for id in ids}
    devices = {f"t{n}": by for n, by in enumerate(["7", "8", "7/a", "70/7", "8/7", "7/b/c", "7/é", "7.1"])}
    away = dict.fromkeys(ids, words)
    older = {id: [*forms, "token"] for id, forms in kept.items()}
    started = [
        {"kept": kept, "devices": devices, "away": away, "tables": {"unicode": "7"}},
        {"kept": older, "tables": {"unicode": "7"}},
        {"kept": {"7": ["é", "é", "é"]}, "devices": {"t": "7"}, "away": {}, "tables": {}},
        {"kept": {"8": ["é", "é", "é"]}, "devices": {"t": "8"}, "away": {"8": "7"}, "tables": {}},
        {},
    ]
    for log in ("#tea", "server"):
        await storage.append([(log, by("", Kind.STARTED, **details)) for details in started])
    others = {id: forms for id, forms in kept.items() if id != "7"}
    left = [
        {
            "kept": others,
            "devices": {"t1": "8", "t3": "70/7", "t4": "8/7", "t7": "7.1"},
            "away": dict.fromkeys(others, words),
            "tables": {"unicode": "7"},
        },
        {"kept": {id: [*forms, "token"] for id, forms in others.items()}, "tables": {"unicode": "7"}},
        {"kept": {}, "devices": {}, "away": {}, "tables": {}},
        started[3],
        {},
    ]
    for _ in range(2):
        await storage.rename("7", "gone")
        for log in ("#tea", "server"):
            entries = await storage.read(log, limit=10)
            assert [entry.event.details for entry in entries] == left
            assert {entry.event.nick for entry in entries} == {"ann"}
            assert [list(entry.event.details.get("kept", ())) for entry in entries] == [
                list(details.get("kept", ())) for details in left
            ]  # in the same order, which is that of their coming


@bounded()
async def test_an_id_is_kept_once_also_when_its_author_was_renamed(storage: Any) -> None:
    await storage.append([("#tea", by("7/a", id="1")), ("#tea", by("7/a", Kind.AWAY, id="2"))])
    await storage.rename("7", "gone")
    talk, _ = await storage.read("#tea", limit=10)
    again = by("7/a", id="1")
    assert list(await storage.append([("#tea", again)])) == [Repeated(again.eid, "#tea", talk)]
    assert talk.event.nick == "gone"
    assert not await storage.append([("#tea", by("7/a", id="2"))])  # the id was among the details of what is no talk


@bounded()
async def test_a_detail_is_blanked_of_one_author_in_one_log_before_a_position(storage: Any) -> None:
    def entries(log: str) -> list[tuple[str, Event]]:
        authors = ["7", "7/a", "8", "7", "7", "7"]
        return [
            (log, by(author, Kind.PASSWORD, hash=f"h{place}", at=place or None)) for place, author in enumerate(authors)
        ]

    await storage.append([*entries("#tea"), *entries("#milk"), ("#tea", by("7", Kind.PASSWORD, hash="only"))])
    tea, milk = [await storage.read(log, limit=10) for log in ("#tea", "#milk")]
    for _ in range(2):
        await storage.blank("hash", log="#tea", by="7", before=tea[4].position)
        events = [entry.event for entry in await storage.read("#tea", limit=10)]
        for place, entry in enumerate(tea):
            details = {"at": place or None} if place in (0, 3) else entry.event.details
            assert events[place] == entry.event._replace(details=details)
    assert await storage.read("#milk", limit=10) == milk
    await storage.blank("nothing", log="#tea", by="7", before=tea[6].position)
    await storage.blank("hash", log="#none", by="7", before=tea[6].position)
    assert [entry.event for entry in await storage.read("#tea", limit=10)] == events


@bounded()
async def test_details_of_which_the_last_was_blanked_are_none(storage: Any) -> None:
    await storage.append([("#tea", by("7", Kind.CODE, code="c")), ("#tea", by("7", id="1")), *said("end")])
    end = (await storage.read("#tea", limit=1))[0].position
    await storage.blank("code", log="#tea", by="7", before=end)
    await storage.blank("id", log="#tea", by="7", before=end)
    assert [details for _, _, details in await kept(storage, "#tea")] == [NO_DETAILS] * 3
    assert not await storage.append([("#tea", by("7", id="1"))])


@bounded()
async def test_an_erased_log_is_empty_and_its_positions_go_on(storage: Any) -> None:
    await storage.append([("#tea", event(kind=kind)) for kind in Kind])
    await storage.append([("#milk", event("m"))])
    last = (await storage.read("#tea", limit=1))[0].position
    milk = await storage.read("#milk", limit=10)
    for _ in range(2):  # to ask again does no harm
        await storage.erase("#tea")
        assert await storage.read("#tea", limit=10) == []
        assert await storage.read("#tea", after=storage.position("1"), limit=10) == []
        assert await storage.follow("#tea", Follower()) == last
    await storage.erase("#none")
    await storage.append(said("a b"))
    new = await storage.read("#tea", after=last, limit=10)
    assert texts(new) == "a b"
    assert all(last < entry.position for entry in new)
    assert await storage.read("#tea", limit=10) == new
    assert await storage.read("#tea", before=new[1].position, limit=10) == new[:1]
    assert await storage.read("#milk", limit=10) == milk
    await storage.erase("#tea")
    await storage.append(said("c"))
    assert new[1].position < (await storage.read("#tea", limit=10))[0].position


@bounded()
async def test_an_id_whose_entry_was_erased_is_kept_again(storage: Any) -> None:
    await storage.append([("#tea", sent("a", "1")), ("#milk", sent("m", "2"))])
    await storage.erase("#tea")
    repeats = await storage.append([("#tea", sent("b", "1")), ("#tea", sent("again", "2"))])
    assert [repeat.entry.event.text for repeat in repeats] == ["m"]
    assert texts(await storage.read("#tea", limit=10)) == "b"


@bounded()
async def test_followers_are_told_nothing_of_what_is_forgotten_and_all_that_comes_after(storage: Any) -> None:
    follower = Follower()
    await storage.follow("#tea", follower)
    await storage.append(said("a"))
    first = (await storage.read("#tea", limit=1))[0].position
    for redacted in (
        storage.rename("n1-7", "gone"),
        storage.blank("id", log="#tea", by="n1-7", before=9),
        storage.fade("id", LATER),
        storage.amend("#tea", {first: "other"}),
        storage.expire(LATER, Sort.TALK),
        storage.erase("#tea"),
    ):
        assert await redacted is None
    await storage.append(said("b"))
    assert follower.heard == "a | b"
    assert texts(await storage.read("#tea", limit=10)) == "b"


@bounded(20)
async def test_others_append_while_somebody_is_renamed(storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatroom.storage.sqlite_redaction._SLICE_ROWS", 100)
    follower = Follower()
    await storage.follow("#tea", follower)
    for log in ("#tea", "#milk", "#tea"):
        await storage.append([(log, by(f"7/{number}" if number % 2 else "8")) for number in range(1000)])
    renamed = storage.rename("7", "gone")
    appended = 0
    while not renamed.called or not appended:
        appended += 1
        await storage.append([("#tea", by("8")), ("#milk", by("8"))])
    await renamed
    tea, milk = await kept(storage, "#tea"), await kept(storage, "#milk")
    assert (len(tea), len(milk)) == (2000 + appended, 1000 + appended)
    assert all(nick == ("ann" if author == "8" else "gone") for author, nick, _ in tea + milk)
    assert sum(map(len, follower.batches)) == len(tea)


@bounded()
async def test_what_was_done_to_somebody_is_done_to_who_is_called_otherwise(storage: Any) -> None:
    theirs = [by("9", Kind.KICKED, whom="7", name="ann", more=1), by("7/a", Kind.ROLE, role="op", name="ann", whom="7")]
    nobodys = [
        by("9", Kind.IGNORED, whom="7"),
        by("", Kind.SET, name="ann"),
        by("9", Kind.MUTED, name="bob", whom="70"),
    ]
    others = [by("9", Kind.BANNED, name="7", whom="8"), by("9", Kind.KICKED, name="bob", whom=7, note='"whom"')]
    await storage.append([("#tea", event) for event in (*theirs, *nobodys, *others)])
    for _ in range(2):
        await storage.rename("7", "gone")
        told = [details for _, _, details in await kept(storage, "#tea")]
        assert told[0] == {"whom": "7", "name": "gone", "more": 1}
        assert told[1] == {"role": "op", "name": "gone", "whom": "7"}
        assert told[2:] == [event.details for event in (*nobodys, *others)]


@bounded()
async def test_what_is_amended_reads_otherwise_and_keeps_the_rest(storage: Any) -> None:
    batch = [event("a", id="1", more=2), event("b"), event("c", Kind.DID), event("d", Kind.SET), event("e")]
    await storage.append([(log, event) for log in ("#tea", "#milk") for event in batch])
    a, b, c, d, e = [entry.position for entry in await storage.read("#tea", limit=10)]
    milk = await storage.read("#milk", limit=10)
    wanted = {a: None, b: 'new "words"\nand \u20ac', c: "", d: "state stays", 99: "nobody's"}
    for _ in range(2):  # to ask again does no harm
        await storage.amend("#tea", wanted)
        tea = await storage.read("#tea", limit=10)
        assert [entry.event.text for entry in tea] == ["", 'new "words"\nand \u20ac', "", "d", "e"]
        assert [entry.event.details for entry in tea] == [
            {"id": "1", "more": 2, "removed": True},
            {"edited": True},
            {"edited": True},
            {},
            {},
        ]
        assert [entry.event.eid for entry in tea] == [event.eid for event in batch]
    assert await storage.read("#milk", limit=10) == milk
    await storage.amend("#none", {e: None})
    await storage.amend("#tea", {})
    assert await storage.read("#tea", limit=10) == tea


@bounded()
async def test_what_was_removed_is_not_brought_back_by_an_older_correction(storage: Any) -> None:
    await storage.append(said("a"))
    (entry,) = await storage.read("#tea", limit=1)
    await storage.amend("#tea", {entry.position: "better"})
    await storage.amend("#tea", {entry.position: None})
    await storage.amend("#tea", {entry.position: "better"})
    (entry,) = await storage.read("#tea", limit=1)
    assert (entry.event.text, entry.event.details) == ("", {"edited": True, "removed": True})


@bounded()
async def test_an_id_is_kept_once_also_when_its_words_were_removed(storage: Any) -> None:
    await storage.append([("#tea", sent("a", "1"))])
    (entry,) = await storage.read("#tea", limit=1)
    await storage.amend("#tea", {entry.position: None})
    (entry,) = await storage.read("#tea", limit=1)
    again = sent("a", "1")
    assert list(await storage.append([("#tea", again)])) == [Repeated(again.eid, "#tea", entry)]


@bounded()
async def test_talk_expires_in_every_log_and_nothing_else_does(storage: Any) -> None:
    batch = [at(10 * n, f"{kind.value}{n}", kind) for n in range(6) for kind in (Kind.SAID, Kind.SET, Kind.JOINED)]
    batch.insert(0, at(0, "private0", Kind.PRIVATE))
    for log in ("#tea", "@ann"):
        await storage.append([(log, event) for event in batch])
    before = await storage.read("#tea", limit=100)
    for _ in range(2):
        await storage.expire(30, Sort.TALK)
        for log in ("#tea", "@ann"):
            left = [event for event in batch if event.kind not in TALK or event.time >= 30]
            assert [entry.event for entry in await storage.read(log, limit=100)] == left
    positions = [entry.position for entry in before if entry.event in left]
    assert [entry.position for entry in await storage.read("#tea", limit=100)] == positions
    assert texts(await storage.read("#tea", after=before[0].position, limit=2)) == "set0 joined0"
    assert texts(await storage.read("#tea", before=before[2].position, limit=9)) == ""


@bounded()
async def test_positions_of_what_expired_are_not_given_again(storage: Any) -> None:
    follower = Follower()
    await storage.append(said("a b c"))
    last = await storage.follow("#tea", follower)
    await storage.expire(LATER, Sort.TALK)
    assert await storage.read("#tea", limit=10) == []
    assert await storage.place("#tea", LATER) == storage.start
    await storage.append(said("d"))
    (entry,) = await storage.read("#tea", limit=10)
    assert last < entry.position
    assert follower.heard == "d"


@bounded()
async def test_an_id_whose_entry_expired_is_kept_again(storage: Any) -> None:
    await storage.append([("#tea", sent("a", "1"))])
    await storage.expire(LATER, Sort.TALK)
    assert not await storage.append([("#tea", sent("b", "1"))])


@bounded()
async def test_presence_expires_up_to_the_newest_start(storage: Any) -> None:
    kinds = [Kind.STARTED, Kind.JOINED, Kind.SAID, Kind.STARTED, Kind.JOINED, Kind.LEFT]
    await storage.append([("#tea", at(n, str(n), kind)) for n, kind in enumerate(kinds)])
    await storage.append(
        [("#late", at(n, str(n), kind)) for n, kind in enumerate([Kind.JOINED, Kind.STARTED, Kind.LEFT])]
    )
    await storage.append([("#none", at(n, str(n), kind)) for n, kind in enumerate([Kind.JOINED, Kind.LEFT])])
    await storage.expire(2, Sort.PRESENCE)
    assert texts(await storage.read("#tea", limit=10)) == "2 3 4 5"
    for _ in range(2):
        await storage.expire(LATER, Sort.PRESENCE)
        assert texts(await storage.read("#tea", limit=10)) == "2 3 4 5"
        assert texts(await storage.read("#late", limit=10)) == "1 2"
        assert texts(await storage.read("#none", limit=10)) == "0 1"


@bounded()
async def test_a_detail_fades_in_every_log_and_of_every_sort(storage: Any) -> None:
    kinds = [Kind.CLAIMED, Kind.BANNED, Kind.SAID]
    batch = [at(n, str(n), kind, address="::1", more=n) for n in range(4) for kind in kinds]
    batch.append(at(1, "only", address="::1"))
    for log in ("server", "#tea"):
        await storage.append([(log, event) for event in batch])
    for _ in range(2):
        await storage.fade("address", 2)
        for log in ("server", "#tea"):
            details = [entry.event.details for entry in await storage.read(log, limit=100)]
            assert details == [
                event.details if event.time >= 2 else {k: v for k, v in event.details.items() if k == "more"}
                for event in batch
            ]


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
    st.dictionaries(_texts.filter(lambda key: key != "id"), _texts | st.integers(), max_size=2),
)
_batches = st.lists(st.lists(st.tuples(st.sampled_from(["a", "b"]), _events), max_size=5), max_size=5)
_ends = st.none() | st.integers(0, 12)
_kinds = st.none() | st.sets(st.sampled_from(Kind))


@given(batches=_batches, after=_ends, before=_ends, limit=st.integers(0, 12), kinds=_kinds)
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
