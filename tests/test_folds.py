"""State is a fold: who is here, and whose a nickname is, follow from the entries of a log and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import ensureDeferred

from chatroom.directory import SERVER_LOG, Directory
from chatroom.event import Entry, Event, Kind
from chatroom.names import Name, nickname
from chatroom.request import Refused
from chatroom.room import Members, Room
from chatroom.storage.memory import MemoryStorage

NAMES = [nickname(text) for text in ("alice", "Alice", "a1ice", "bob", "BOB", "carol")]
BYS = ["n1.1", "n1.2", "n2.1"]


def claim_of(name: Name, kind: Kind = Kind.CLAIMED, by: str = "n1.1", token: str = "") -> Event:
    details: dict[str, Any] = {"folded": name.folded, "skeleton": name.skeleton}
    if token:
        details["token"] = token
    return Event(kind, 0, "", by, name.shown, "", details)


def started(**kept: Name) -> Event:
    return Event(Kind.STARTED, 0, "", "", "", "", {"kept": {by: [*name, ""] for by, name in kept.items()}})


def entries_of(events: Sequence[Event]) -> list[Entry]:
    return [Entry(place, event) for place, event in enumerate(events, 1)]


EVENTS = st.lists(
    st.one_of(
        st.builds(
            claim_of, st.sampled_from(NAMES), st.sampled_from([Kind.CLAIMED, Kind.RELEASED]), st.sampled_from(BYS)
        ),
        st.builds(
            lambda kind, by, nick, new: Event(kind, 0, "", by, nick, "", {"new": new} if kind is Kind.RENAMED else {}),
            st.sampled_from([kind for kind in Kind if kind not in (Kind.CLAIMED, Kind.RELEASED)]),
            st.sampled_from(BYS),
            st.sampled_from(["alice", "bob", "carol"]),
            st.sampled_from(["dave", "eve"]),
        ),
        st.builds(
            lambda kept: started(**kept), st.dictionaries(st.sampled_from(BYS), st.sampled_from(NAMES), max_size=2)
        ),
    ),
    max_size=30,
)


# Members


def members_of(events: Sequence[Event]) -> dict[str, str]:
    members = Members()
    for entry in entries_of(events):
        members.fold(entry)
    return members.nicks


@given(events=EVENTS)
def test_whatever_stands_in_a_log_there_is_one_answer_to_who_is_here(events: list[Event]) -> None:
    members = members_of(events)
    assert list(members.items()) == list(members_of(events).items())
    last = {}
    for event in events:
        if event.kind is Kind.STARTED:
            last = dict.fromkeys(event.details.get("kept", {}), "joined")
        elif event.kind in (Kind.JOINED, Kind.LEFT):
            last[event.by] = event.kind.value
    assert set(members) == {by for by, kind in last.items() if kind == "joined"}


@given(events=EVENTS)
def test_talk_changes_nothing_of_who_is_here(events: list[Event]) -> None:
    quiet = [event for event in events if event.kind not in (Kind.SAID, Kind.DID)]
    assert members_of(events) == members_of(quiet)


def test_who_is_here_longest_comes_first_also_under_a_new_nickname() -> None:
    events = [Event(Kind.JOINED, 0, "", by, nick) for by, nick in (("1", "alice"), ("2", "bob"), ("3", "carol"))]
    events += [Event(Kind.RENAMED, 0, "", "1", "alice", "", {"new": "dave"}), Event(Kind.LEFT, 0, "", "2", "bob")]
    assert list(members_of(events).values()) == ["dave", "carol"]


# Whose a nickname is


def directory_of(events: Sequence[Event]) -> Directory:
    directory = Directory()
    for entry in entries_of(events):
        directory.fold(entry)
    return directory


def owners(directory: Directory) -> dict[str, str]:
    """Who is in the way of somebody new, for each of the names."""
    found = {}
    for name in NAMES:
        try:
            directory.reserve(name, "somebody new")
            directory.cancel(name, "somebody new")
        except Refused as refused:
            found[name.shown] = refused.words
    return found


@given(events=EVENTS)
def test_whatever_stands_in_the_server_s_log_there_is_one_answer_to_whose_a_nickname_is(events: list[Event]) -> None:
    one, other = directory_of(events), directory_of(events)
    assert owners(one) == owners(other)
    assert one.claims() == other.claims()


@given(events=EVENTS, last=st.sampled_from(NAMES), by=st.sampled_from(BYS))
def test_what_was_claimed_last_is_taken_until_it_is_released(events: list[Event], last: Name, by: str) -> None:
    claimed = [*events, claim_of(last, by=by)]
    with pytest.raises(Refused):
        directory_of(claimed).reserve(last, "somebody new")
    directory_of(claimed).reserve(last, by)
    directory_of([*claimed, claim_of(last, Kind.RELEASED, by)]).reserve(last, "somebody new")
    directory_of([*claimed, started()]).reserve(last, "somebody new")
    with pytest.raises(Refused):
        directory_of([*claimed, claim_of(last, Kind.RELEASED, "another")]).reserve(last, "somebody new")


@pytest.mark.parametrize(
    ("taken", "wanted", "words"),
    [
        ("alice", "alice", "alice is taken"),
        ("alice", "ALICE", "ALICE is too like alice, which is taken"),
        ("alice", "aIice", "aIice is too like alice, which is taken"),
        ("modern", "rnodern", "rnodern is too like modern, which is taken"),
        ("bob", "ΒΟΒ", "ΒΟΒ is too like bob, which is taken"),
        ("ΟΔΟΣ", "οδοσ", "οδοσ is too like ΟΔΟΣ, which is taken"),
    ],
)
def test_who_is_the_same_or_looks_alike_is_refused(taken: str, wanted: str, words: str) -> None:
    for one, other in ((taken, wanted), (wanted, taken)):
        directory = directory_of([claim_of(nickname(one))])
        with pytest.raises(Refused) as refused:
            directory.reserve(nickname(other), "n1.2")
        assert refused.value.code == "nick_taken"
        if one == taken:
            assert refused.value.words == words


def test_what_is_reserved_is_taken_until_it_is_cancelled() -> None:
    directory = Directory()
    directory.reserve(nickname("alice"), "n1.1")
    directory.reserve(nickname("Alice"), "n1.1")
    with pytest.raises(Refused):
        directory.reserve(nickname("ALICE"), "n1.2")
    directory.cancel(nickname("Alice"), "n1.2")  # it is not theirs
    with pytest.raises(Refused):
        directory.reserve(nickname("ALICE"), "n1.2")
    directory.cancel(nickname("Alice"), "n1.1")
    directory.reserve(nickname("ALICE"), "n1.2")


def test_what_is_claimed_is_reserved_no_more() -> None:
    directory = Directory()
    alice = nickname("alice")
    directory.reserve(alice, "n1.1")
    directory.fold(Entry(1, claim_of(alice)))
    directory.fold(Entry(2, claim_of(alice, Kind.RELEASED)))
    directory.reserve(alice, "n1.2")


def test_what_somebody_who_leaves_had_is_free_when_the_log_says_so() -> None:
    alice = nickname("alice")
    directory = directory_of([claim_of(alice)])
    assert not directory.freeing(alice)
    directory.let_go("n1.1")
    assert directory.freeing(alice)
    with pytest.raises(Refused):
        directory.reserve(alice, "n1.2")
    directory.fold(Entry(2, claim_of(alice, Kind.RELEASED)))
    assert not directory.freeing(alice)
    directory.reserve(alice, "n1.2")


def test_a_new_way_of_writing_ones_nickname_keeps_it() -> None:
    alice, shout = nickname("alice"), nickname("ALICE")
    directory = directory_of([claim_of(alice), claim_of(alice, Kind.RELEASED), claim_of(shout)])
    with pytest.raises(Refused, match="alice is too like ALICE"):
        directory.reserve(alice, "n1.2")
    assert {claim.name for claim in directory.claims()} == {shout}


def test_who_could_come_back_is_still_here_after_a_start() -> None:
    alice, bob = nickname("alice"), nickname("bob")
    events = [
        claim_of(alice, token="t"),
        claim_of(bob, by="n1.2"),
        Event(Kind.STARTED, 0, "", "", "", "", {"kept": {"n1.1": [*alice, "t"]}}),
    ]
    directory = directory_of(events)
    assert [(claim.by, claim.name, claim.token) for claim in directory.claims()] == [("n1.1", alice, "t")]
    directory.reserve(bob, "n1.3")


# Nodes


@given(batches=st.lists(EVENTS, max_size=4))
def test_nodes_that_share_a_storage_agree_whose_a_nickname_is_and_who_is_here(batches: list[list[Event]]) -> None:
    storage = MemoryStorage()
    nodes = [(Directory(), Room("tea", storage)) for _ in range(2)]
    for directory, room in nodes:
        ensureDeferred(directory.open(storage))
        ensureDeferred(room.open())
    for batch in batches:
        storage.append([(log, event) for event in batch for log in (SERVER_LOG, "#tea")])
        (one, tea), (other, same_tea) = nodes
        assert owners(one) == owners(other)
        assert list(tea.members.nicks.items()) == list(same_tea.members.nicks.items())


@given(events=EVENTS)
def test_who_opens_a_log_later_finds_what_those_know_who_were_there(events: list[Event]) -> None:
    storage = MemoryStorage()
    storage.append([(log, started()) for log in (SERVER_LOG, "#tea")])
    early, room = Directory(), Room("tea", storage)
    ensureDeferred(early.open(storage))
    ensureDeferred(room.open())
    storage.append([(log, event) for event in events for log in (SERVER_LOG, "#tea")])
    late, same_room = Directory(), Room("tea", storage)
    ensureDeferred(late.open(storage))
    ensureDeferred(same_room.open())
    assert owners(early) == owners(late)
    assert list(room.members.nicks.items()) == list(same_room.members.nicks.items())


def test_who_arrives_is_told_how_the_room_was_at_that_very_entry() -> None:
    storage = MemoryStorage()
    room = Room("tea", storage)
    ensureDeferred(room.open())
    joined = [
        ("#tea", Event(Kind.JOINED, 0, "", by, nick)) for by, nick in (("1", "alice"), ("2", "bob"), ("3", "carol"))
    ]
    room.expect("2")
    storage.append(joined)
    arrival = room.arrived("2")
    assert arrival is not None
    assert arrival.others == ("alice",)
    assert arrival.position < room.log.tip  # type: ignore[operator]
    room.expect("4")
    assert room.arrived("4") is None
