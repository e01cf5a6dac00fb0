"""State is a fold: who is here, and whose a nickname is, follow from the entries of a log and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock

from chatroom.account import Accounts, name_of
from chatroom.directory import SERVER_LOG, Claim, Directory
from chatroom.door import Door
from chatroom.event import Entry, Event, Kind, Sort
from chatroom.names import Name, nickname, room_name
from chatroom.opened import Opened
from chatroom.recall import FOLDED_ENTRIES
from chatroom.request import Refused
from chatroom.room import Members, Room
from chatroom.storage.memory import MemoryStorage
from chatroom.witness import NOBODY

NAMES = [nickname(text) for text in ("alice", "Alice", "a1ice", "bob", "BOB", "carol")]
BYS = ["n1.1", "n1.2", "n2.1"]


def claim_of(name: Name, kind: Kind = Kind.CLAIMED, by: str = "n1.1", token: str = "") -> Event:
    details: dict[str, Any] = {"folded": name.folded, "skeleton": name.skeleton}
    if token:
        details["token"] = token
    return Event(kind, 0, "", by, name.shown, "", details)


def registered(name: Name, by: str = "n1.1", kept: str = "kept") -> Event:
    details = {"folded": name.folded, "skeleton": name.skeleton, "hash": kept}
    return Event(Kind.REGISTERED, 7, "", by, name.shown, "", details)


def done(kind: Kind, by: str = "n1.1", text: str = "", **details: object) -> Event:
    return Event(kind, 0, "", by, "", text, details)


def started(**kept: Name) -> Event:
    return Event(Kind.STARTED, 0, "", "", "", "", {"kept": {by: [*name] for by, name in kept.items()}})


def opened(name: Name, by: str = "n1.1") -> Event:
    return done(Kind.OPENED, by, name=name.shown, folded=name.folded, skeleton=name.skeleton)


def closed(name: Name) -> Event:
    return done(Kind.CLOSED, "", name=name.shown, folded=name.folded)


def new_directory() -> Directory:
    return Directory(Accounts(), Clock().seconds)


def tea_room(storage: MemoryStorage) -> Room:
    return Room(room_name("tea"), "", storage, Door(Clock(), 0), lambda room, entry: None, NOBODY)


def entries_of(events: Sequence[Event]) -> list[Entry]:
    return [Entry(place, event) for place, event in enumerate(events, 1)]


TOKENS = ["t1", "t2", ""]
FORMS = sorted({key for name in NAMES for key in name[1:]})

KEPT = st.dictionaries(
    st.sampled_from(BYS),
    st.builds(
        lambda name, token: [*name, *token],
        st.sampled_from(NAMES),
        st.lists(st.sampled_from(TOKENS), max_size=1),  # the digest stood here before devices had entries of their own
    ),
    max_size=2,
)
DEVICES = [*BYS, "n1.1/n1.7", "n1.1/n1.8"]

DETAILS = st.fixed_dictionaries(
    {},
    optional={
        "folded": st.sampled_from(FORMS),
        "skeleton": st.sampled_from(FORMS),
        "hash": st.sampled_from(["one", "two", ""]),
        "digest": st.sampled_from(["one", "two"]),
        "whom": st.sampled_from(BYS),
        "position": st.just("7"),
        "token": st.sampled_from(TOKENS),
        "new": st.sampled_from(["dave", "eve"]),
        "to": st.just("bob"),
        "name": st.sampled_from([name.shown for name in NAMES]),
        "rooms": st.lists(st.sampled_from(["tea", "dev"]), max_size=2),
        "kept": KEPT,
        "devices": st.dictionaries(st.sampled_from(TOKENS), st.sampled_from(DEVICES), max_size=2),
        "away": st.dictionaries(st.sampled_from(BYS), st.just("lunch"), max_size=2),
    },
)
"""What can belong to an event, and may be missing or belong to another kind."""

EVENTS = st.lists(
    st.one_of(
        st.builds(
            claim_of, st.sampled_from(NAMES), st.sampled_from([Kind.CLAIMED, Kind.RELEASED]), st.sampled_from(BYS)
        ),
        st.builds(registered, st.sampled_from(NAMES), st.sampled_from(BYS)),
        st.builds(opened, st.sampled_from(NAMES), st.sampled_from(BYS)),
        st.builds(closed, st.sampled_from(NAMES)),
        st.builds(
            lambda kind, by, nick, text, details: Event(kind, 0, "", by, nick, text, details),
            st.sampled_from(Kind),
            st.sampled_from(DEVICES),
            st.sampled_from(["alice", "bob", "carol"]),
            st.sampled_from(["", "lunch"]),
            DETAILS,
        ),
        st.builds(
            lambda kept: started(**kept), st.dictionaries(st.sampled_from(BYS), st.sampled_from(NAMES), max_size=2)
        ),
    ),
    max_size=30,
)
"""Whatever may stand in a log, written by whom it may be."""


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
        elif event.kind in (Kind.JOINED, Kind.PARTED, Kind.LEFT):
            last[event.by] = event.kind.value
    assert set(members) == {by for by, kind in last.items() if kind == "joined"}


@given(events=EVENTS)
def test_talk_changes_nothing_of_who_is_here(events: list[Event]) -> None:
    quiet = [event for event in events if event.kind.sort is not Sort.TALK]
    assert members_of(events) == members_of(quiet)


def test_who_is_here_longest_comes_first_also_under_a_new_nickname() -> None:
    events = [Event(Kind.JOINED, 0, "", by, nick) for by, nick in (("1", "alice"), ("2", "bob"), ("3", "carol"))]
    events += [Event(Kind.RENAMED, 0, "", "1", "alice", "", {"new": "dave"}), Event(Kind.LEFT, 0, "", "2", "bob")]
    assert list(members_of(events).values()) == ["dave", "carol"]


# Whose a nickname is


def directory_of(events: Sequence[Event]) -> Directory:
    return folded(entries_of(events))


def folded(entries: Sequence[Entry]) -> Directory:
    directory = new_directory()
    for entry in entries:
        directory.fold(entry)
    return directory


def state_of(directory: Directory) -> dict[str, object]:
    """All that was folded."""
    accounts = directory.accounts
    return {
        "accounts": accounts.all(),
        "keys": dict(accounts._keys),
        "forgotten": dict(accounts.forgotten()),
        "stale": dict(accounts.stale),
        "code": (accounts.code, accounts.started_before),
        "rooms": [*directory.rooms],
        "closed": dict(directory.rooms.closed),
        "claims": dict(directory._claims),
        "devices": dict(directory.devices),
        "away": dict(directory.away),
    }


def check(directory: Directory) -> None:
    """That a state is legal."""
    accounts = directory.accounts
    keys = {key: account.id for account in accounts.all() for key in account.name[1:]}
    assert accounts._keys == keys
    assert len(keys) == sum(len({*account.name[1:]}) for account in accounts.all()), "two accounts share a key"
    for account in accounts.all():
        assert account.name.folded
        assert accounts.get(account.id) == accounts.named(account.name) == accounts.like(account.name) == account
    assert set(accounts.stale) <= {account.id for account in accounts.all()}
    rooms = [room.name for room in directory.rooms]
    assert len({key for name in rooms for key in name[1:]}) == sum(len({*name[1:]}) for name in rooms)
    for room in directory.rooms:
        assert directory.rooms.find(room.name) == directory.rooms.like(room.name) == room
    for by in DEVICES:
        assert directory.rooms.count(by) == sum(room.by == by for room in directory.rooms)
    for key, claim in directory._claims.items():
        assert key in claim.name[1:]
        assert claim.by in directory.holders(claim.name)


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
    assert state_of(one) == state_of(other)
    assert owners(one) == owners(other)
    assert one.claims() == other.claims()


@given(events=EVENTS)
def test_whatever_stands_in_the_server_s_log_every_state_on_the_way_is_legal(events: list[Event]) -> None:
    directory = new_directory()
    for entry in entries_of(events):
        directory.fold(entry)
        check(directory)


@given(
    events=EVENTS,
    name=st.sampled_from(NAMES),
    alike=st.sampled_from(NAMES),
    by=st.sampled_from(BYS),
    other=st.sampled_from(BYS),
)
def test_of_two_who_claim_a_nickname_the_first_has_it_until_it_is_released(
    events: list[Event], name: Name, alike: Name, by: str, other: str
) -> None:
    quiet = [event for event in events if event.kind not in (Kind.REGISTERED, Kind.STARTED, Kind.RELEASED)]
    claimed = [*quiet, started(), claim_of(name, by=by)]
    if other != by and {*name[1:]} & {*alike[1:]}:
        before = state_of(directory_of(claimed))
        claimed.append(claim_of(alike, by=other))
        assert state_of(directory_of(claimed)) == before
    with pytest.raises(Refused):
        directory_of(claimed).reserve(name, "somebody new")
    directory_of(claimed).reserve(name, by)
    directory_of([*claimed, claim_of(name, Kind.RELEASED, by)]).reserve(name, "somebody new")
    directory_of([*claimed, started()]).reserve(name, "somebody new")
    for released in (claim_of(name, Kind.RELEASED, "another"), claim_of(nickname("zoe"), Kind.RELEASED, by)):
        with pytest.raises(Refused):
            directory_of([*claimed, released]).reserve(name, "somebody new")


@given(events=EVENTS, name=st.sampled_from(NAMES), by=st.sampled_from(BYS))
def test_what_is_claimed_be_it_in_vain_is_reserved_no_more_and_what_others_reserved_is_all_the_same(
    events: list[Event], name: Name, by: str
) -> None:
    directory = directory_of(events)
    other = nickname("zoe")
    directory.reserve(other, by)
    try:
        directory.reserve(name, by)
    except Refused:
        reserved = False
    else:
        reserved = True
    assert reserved == any(key in directory._reserved for key in name[1:])
    directory.fold(Entry(99, claim_of(name, by=by)))
    assert set(directory._reserved) == {*other[1:]}


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
    directory = new_directory()
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
    directory = new_directory()
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


def test_who_has_a_nickname_may_claim_it_anew_or_one_that_is_like_it() -> None:
    alice, like = nickname("alice"), nickname("a1ice")
    for again in (alice, like):
        directory = directory_of([claim_of(alice), claim_of(again)])
        assert Claim("n1.1", again) in directory.claims()
        assert directory.holders(again) == {"n1.1"}


def test_who_could_come_back_is_still_here_after_a_start() -> None:
    alice, bob = nickname("alice"), nickname("bob")
    here = [
        claim_of(alice), done(Kind.ATTACHED, "n1.1", token="t"), done(Kind.AWAY, "n1.1", "lunch"),
        claim_of(bob, by="n1.2"), done(Kind.ATTACHED, "n1.2", token="u"), done(Kind.AWAY, "n1.2"),
    ]  # fmt: skip
    assert directory_of(here).devices == {"t": "n1.1", "u": "n1.2"}
    kept = done(Kind.STARTED, "", kept={"n1.1": [*alice]}, devices={"t": "n1.1"}, away={"n1.1": "lunch"})
    directory = directory_of([*here, kept])
    assert directory.claims() == {Claim("n1.1", alice)}
    assert directory.devices == {"t": "n1.1"}
    assert directory.away == {"n1.1": "lunch"}
    directory.reserve(bob, "n1.3")


def test_of_a_log_of_before_devices_the_one_that_a_claim_tells_can_come_back() -> None:
    alice, bob = nickname("alice"), nickname("bob")
    here = [claim_of(alice, token="t"), claim_of(bob, by="n1.2", token="")]
    assert directory_of(here).devices == {"t": "n1.1"}
    kept = done(Kind.STARTED, "", kept={"n1.1": [*alice, "t"], "n1.2": [*bob, ""]})
    directory = directory_of([*here, kept])
    assert directory.claims() == {Claim("n1.1", alice), Claim("n1.2", bob)}
    assert directory.devices == {"t": "n1.1"}
    al = nickname("al")
    renamed = directory_of([*here, kept, claim_of(alice, Kind.RELEASED), claim_of(al, token="t")])
    assert renamed.claims() == {Claim("n1.1", al), Claim("n1.2", bob)}
    assert renamed.devices == {"t": "n1.1"}


# Accounts


def works(directory: Directory, event: Event) -> bool:
    """Whether what an entry tells is so, once it has been folded."""
    accounts, details, name = directory.accounts, event.details, name_of(event)
    account = accounts.get(event.by)
    token, whom = str(details.get("token", "")), str(details.get("whom", ""))
    match event.kind:
        case Kind.CLAIMED:
            return {directory._claims.get(key) for key in name[1:]} == {Claim(event.by, name)}
        case Kind.RELEASED:
            mine = {claim.name for claim in directory.claims() if claim.by == event.by}
            return name not in mine if name.folded else not mine
        case Kind.ATTACHED:
            return directory.devices.get(token) == event.by
        case Kind.DETACHED:
            return token not in directory.devices if token else event.by not in directory.devices.values()
        case Kind.AWAY:
            return directory.away.get(event.by) == event.text
        case Kind.BACK:
            return event.by not in directory.away
        case Kind.CODE:
            return accounts.started_before and accounts.code == details.get("digest", "")
        case Kind.FORGOTTEN:
            return account is None and accounts.forgotten().get(event.by) == event.nick
        case Kind.ERASED:
            return event.by not in accounts.forgotten() and details.get("name") not in directory.rooms.closed
        case Kind.OPENED:
            return Opened(room_of(event), event.by) in directory.rooms
        case Kind.CLOSED:
            return details.get("folded") not in {room.name.folded for room in directory.rooms}
        case Kind.ROOMS:
            return account is not None and account.rooms == tuple(details.get("rooms", ()))
        case Kind.REGISTERED:
            return account is not None and (account.name, account.since) == (name, event.time)
        case Kind.PASSWORD:
            return account is not None and account.hash == details.get("hash", "")
        case Kind.OPERATOR:
            return account is not None and account.operator
        case Kind.IGNORED:
            return account is not None and account.ignored.get(whom) == event.text
        case Kind.UNIGNORED:
            return account is not None and whom not in account.ignored
    return True


def room_of(event: Event) -> Name:
    return Name(*(str(event.details.get(name)) for name in ("name", "folded", "skeleton")))


OF_ACCOUNTS = (Kind.PASSWORD, Kind.OPERATOR, Kind.IGNORED, Kind.UNIGNORED, Kind.ROOMS)
"""What changes an account, if there is one."""


@given(events=EVENTS)
def test_void_is_only_what_claims_another_s_nickname_or_room_or_changes_what_is_no_account(
    events: list[Event],
) -> None:
    directory = new_directory()
    for entry in entries_of(events):
        event = entry.event
        name, accounts = name_of(event), directory.accounts
        match event.kind:
            case Kind.CLAIMED:
                void = not name.folded or not directory.holders(name) <= {event.by}
            case Kind.REGISTERED:
                void = not name.folded or accounts.like(name) is not None or accounts.get(event.by) is not None
            case Kind.OPENED:
                void = directory.rooms.like(room_of(event)) is not None
            case _:
                void = event.kind in OF_ACCOUNTS and accounts.get(event.by) is None
        before = state_of(directory)
        directory.fold(entry)
        if void:
            used = {"code": ("", accounts.started_before)} if event.kind is Kind.OPERATOR else {}
            assert state_of(directory) == before | used
        else:
            assert works(directory, event)


@given(events=EVENTS)
def test_talk_and_presence_change_no_account_and_state_and_talk_nobody_s_being_here(events: list[Event]) -> None:
    whole, state = state_of(directory_of(events)), [event for event in events if event.kind.sort is Sort.STATE]
    presence = [event for event in events if event.kind.sort is Sort.PRESENCE]
    here = ("claims", "devices", "away")
    # Positions are those of the entries that are left, so it is told of whom something is stale, not since when.
    of_state, of_presence = state_of(directory_of(state)), state_of(directory_of(presence))
    assert set(of_state.pop("stale")) == set(whole.pop("stale"))  # type: ignore[call-overload]
    assert {part: whole[part] for part in here} == {part: of_presence[part] for part in here}
    assert {part: whole[part] for part in of_state if part not in here} == {
        part: of_state[part] for part in of_state if part not in here
    }


@given(events=EVENTS, more=EVENTS)
def test_who_reads_all_state_and_then_who_is_here_since_the_last_start_knows_all_that_the_whole_log_tells(
    events: list[Event], more: list[Event]
) -> None:
    # Of any log with a start in it: a start tells all of who is here, and what is state does not depend on presence.
    entries = entries_of([*events, started(n1=NAMES[0]), *more])
    last = max(place for place, entry in enumerate(entries) if entry.event.kind is Kind.STARTED)
    state = [entry for entry in entries if entry.event.kind.sort is Sort.STATE]
    since = [entry for entry in entries[last:] if entry.event.kind.sort is Sort.PRESENCE]
    assert state_of(folded([*state, *since])) == state_of(folded(entries))


@pytest.mark.parametrize("before", [0, FOLDED_ENTRIES - 1, FOLDED_ENTRIES, FOLDED_ENTRIES + 1])
def test_all_state_is_read_however_much_it_is_and_how_long_before_the_last_start(before: int) -> None:
    storage = MemoryStorage()
    storage.append([(SERVER_LOG, done(Kind.IGNORED, "nobody", whom=str(n))) for n in range(before)])
    storage.append([(SERVER_LOG, registered(NAMES[0])), (SERVER_LOG, started())])
    storage.append([(SERVER_LOG, done(Kind.AWAY, by=str(n))) for n in range(before)])
    storage.append([(SERVER_LOG, done(Kind.PASSWORD, hash="new"))])
    directory = new_directory()
    ensureDeferred(directory.open(storage))
    (account,) = directory.accounts.all()
    assert account.hash == "new"
    assert len(directory.away) == before


@given(events=EVENTS, name=st.sampled_from(NAMES), alike=st.sampled_from(NAMES))
def test_of_two_who_register_a_nickname_the_first_has_it_until_they_are_forgotten(
    events: list[Event], name: Name, alike: Name
) -> None:
    quiet = [event for event in events if event.kind is not Kind.REGISTERED]
    taken = [*quiet, registered(name, "first")]
    if {*name[1:]} & {*alike[1:]}:
        both = [*taken, registered(alike, "second"), done(Kind.OPERATOR, "second")]
        (account,) = directory_of(both).accounts.all()
        assert (account.id, account.name, account.operator) == ("first", name, False)
        with pytest.raises(Refused):
            directory_of([*both, started()]).reserve(alike, "second")
    directory_of([*taken, started()]).reserve(name, "first")
    gone = directory_of([*taken, done(Kind.FORGOTTEN, "first"), started(), registered(alike, "second")])
    assert [account.id for account in gone.accounts.all()] == ["second"]


def redacted(events: Sequence[Event], by: str, nick: str) -> list[Event]:
    """As a storage keeps them that was made to forget who somebody was."""
    storage = MemoryStorage()
    storage.append([(SERVER_LOG, event) for event in events])
    storage.rename(by, nick)
    kept: list[Entry] = []
    storage.read(SERVER_LOG, limit=len(events)).addCallback(kept.extend)
    return [entry.event for entry in kept]


@given(before=EVENTS, during=EVENTS, after=EVENTS, name=st.sampled_from(NAMES))
def test_who_is_forgotten_is_no_account_however_much_of_them_the_store_forgot_until_all_of_it_is_erased(
    before: list[Event], during: list[Event], after: list[Event], name: Name
) -> None:
    forgotten = done(Kind.FORGOTTEN, "gone")._replace(nick="removed-1")
    told = [*before, registered(name, "gone"), done(Kind.PASSWORD, "gone", hash="2"), *during, forgotten, *after]
    for log in (told, redacted(told, "gone", "removed-1")):
        accounts = directory_of(log).accounts
        assert accounts.get("gone") is None
        assert accounts.forgotten()["gone"] == "removed-1"
        assert "gone" not in accounts.stale
        assert "gone" not in directory_of([*log, done(Kind.ERASED, "gone")]).accounts.forgotten()
    assert not any("hash" in event.details for event in redacted(told, "gone", "removed-1") if event.by == "gone")


def test_the_claim_code_is_used_up_also_by_who_was_forgotten() -> None:
    used = [done(Kind.CODE, "", digest="d"), registered(NAMES[0], "gone"), done(Kind.OPERATOR, "gone")]
    assert directory_of(used[:2]).accounts.code == "d"
    told = [*used, done(Kind.FORGOTTEN, "gone")._replace(nick="removed-1"), done(Kind.ERASED, "gone")]
    for log in (used, told, redacted(told, "gone", "removed-1")):
        accounts = directory_of(log).accounts
        assert (accounts.code, accounts.started_before) == ("", True)


def test_who_was_forgotten_claims_no_nickname_and_no_device_though_a_start_before_tells_them() -> None:
    alice, like = nickname("alice"), nickname("a1ice")
    told = [
        done(Kind.STARTED, "", kept={"gone": [*alice]}, devices={"t": "gone"}, away={"gone": "lunch"}),
        registered(alice, "gone"), done(Kind.ATTACHED, "gone/n1.7", token="u"),
        done(Kind.FORGOTTEN, "gone")._replace(nick="removed-1"), done(Kind.DETACHED, "gone", token="t"),
        done(Kind.DETACHED, "gone/n1.7", token="u"), done(Kind.BACK, "gone"), claim_of(alice, Kind.RELEASED, "gone"),
        claim_of(like, by="n1.2"), done(Kind.ATTACHED, "n1.2", token="v"),
    ]  # fmt: skip
    for log in (told, redacted(told, "gone", "removed-1")):
        directory = directory_of(log)
        assert directory.claims() == {Claim("n1.2", like)}
        assert directory.devices == {"v": "n1.2"}
        assert directory.away == {}


@given(events=EVENTS)
def test_whose_password_is_stale_has_another_and_where_it_stands_all_older_ones_are_out_of_date(
    events: list[Event],
) -> None:
    entries = entries_of([registered(nickname("zoe"), "zoe", "1"), *events])
    for kept in ("2", "3"):
        entries.append(Entry(len(entries) + 1, done(Kind.PASSWORD, "zoe", hash=kept)))
        accounts = folded(entries).accounts
        account = accounts.get("zoe")
        assert account is not None
        assert account.hash == kept
        assert accounts.stale["zoe"] == entries[-1].position
        # What a storage blanked before then is not stale again when it is read the next time.
        blank = [
            entry._replace(event=entry.event._replace(details={**entry.event.details, "hash": ""}))
            if entry.event.by == "zoe" and entry is not entries[-1]
            else entry
            for entry in entries
        ]
        assert "zoe" not in folded(blank).accounts.stale


# Nodes


@given(batches=st.lists(EVENTS, max_size=4))
def test_nodes_that_share_a_storage_agree_whose_a_nickname_is_and_who_is_here(batches: list[list[Event]]) -> None:
    storage = MemoryStorage()
    nodes = [(new_directory(), tea_room(storage)) for _ in range(2)]
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
    early, room = new_directory(), tea_room(storage)
    ensureDeferred(early.open(storage))
    ensureDeferred(room.open())
    storage.append([(log, event) for event in events for log in (SERVER_LOG, "#tea")])
    late, same_room = new_directory(), tea_room(storage)
    ensureDeferred(late.open(storage))
    ensureDeferred(same_room.open())
    assert owners(early) == owners(late)
    assert list(room.members.nicks.items()) == list(same_room.members.nicks.items())


def test_who_arrives_is_told_how_the_room_was_at_that_very_entry() -> None:
    storage = MemoryStorage()
    room = tea_room(storage)
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
