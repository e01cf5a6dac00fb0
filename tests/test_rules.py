"""Rules as a fold: whatever moderators decided, in whatever order it stands, the same follows from the same log."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatroom.event import Entry, Event, Kind
from chatroom.rights import Role
from chatroom.rules import RoomRules, Rules

NOW = 1_795_165_920_000

WHO = st.sampled_from(["a", "b", "c", ""])
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, NOW + 5000),
    st.text(max_size=5),
    st.lists(st.text(max_size=3), max_size=2),
)
DETAILS: dict[str, st.SearchStrategy[Any]] = {
    "whom": WHO,
    "name": WHO,
    "account": WHO,
    "role": st.sampled_from(["", "voiced", "moderator", "owner", "operator", "king", 7]),
    "setting": st.sampled_from(["topic", "description", "private", "announce-only", "slow", "lockdown", "colour"]),
    "value": st.one_of(st.booleans(), st.integers(0, 60), st.text(max_size=3)),
    "network": st.sampled_from(["192.0.2.0/24", "2001:db8::/32", "", "no network"]),
    "address": st.sampled_from(["192.0.2.7", "2001:db8::1", "127.0.0.1", "", "nowhere"]),
    "forms": st.lists(WHO, max_size=2),
    "until": st.integers(NOW - 5000, NOW + 5000),
    "bans": st.lists(st.integers(0, 30).map(lambda n: f"e{n}"), max_size=3),
    "change": st.sampled_from(["add", "remove", "burn"]),
    "filter": st.integers(1, 4),
    "pattern": st.sampled_from(["badger", "/b+/", "/(/", ""]),
    "action": st.sampled_from(["refuse", "mute", "report", "burn"]),
}
"""Of each detail what a server writes, and some of what none does."""

PLAUSIBLE = st.fixed_dictionaries({}, optional=DETAILS)
WILD = st.dictionaries(st.sampled_from(sorted(DETAILS)), ANYTHING)
KINDS = st.sampled_from([*Kind])
DECIDED = st.sampled_from(
    [Kind.ROLE, Kind.SET, Kind.INVITED, Kind.KICKED, Kind.BANNED, Kind.UNBANNED, Kind.MUTED, Kind.UNMUTED, Kind.FILTER]
)


@st.composite
def logs(draw: st.DrawFn, details: st.SearchStrategy[Any] = PLAUSIBLE, kinds: Any = DECIDED) -> list[Entry]:
    """Entries in an order, of times that do not go back."""
    made = draw(st.lists(st.tuples(kinds, details, st.integers(0, 2000), st.text(max_size=3)), max_size=30))
    entries, time = [], NOW - 5000
    for number, (kind, told, later, text) in enumerate(made):
        time += later
        entries.append(Entry(number, Event(kind, time, f"e{number}", "m", "mod", text, told)))
    return entries


def folded(entries: list[Entry], owner: str = "a") -> RoomRules:
    rules = RoomRules(lambda: 0.0, owner)
    for entry in entries:
        rules.fold(entry)
    return rules


def seen(rules: RoomRules) -> tuple[Any, ...]:
    """All that follows from it for anybody."""
    return (
        rules.bans.current(NOW), rules.mutes.current(NOW), [*rules.filters], rules.roles, rules.topic, rules.description,
        rules.private, rules.announce_only, rules.slow, rules.invited, rules.lockdown, rules.free,
    )  # fmt: skip


@given(entries=st.one_of(logs(), logs(WILD), logs(WILD, KINDS)))
@settings(deadline=None)
def test_any_entries_in_any_order_are_folded(entries: list[Entry]) -> None:
    rules = folded(entries)
    server = Rules(lambda: 0.0)
    for entry in entries:
        server.fold(entry)
    rules.fade(NOW)
    server.fade(NOW)
    assert isinstance(seen(rules)[-1], bool)


@given(entries=st.one_of(logs(), logs(WILD, KINDS)))
@settings(deadline=None)
def test_from_the_same_log_the_same_follows(entries: list[Entry]) -> None:
    assert seen(folded(entries)) == seen(folded(entries))


@given(entries=logs())
@settings(deadline=None)
def test_nothing_restricts_who_talks_where_it_says_so_and_only_there(entries: list[Entry]) -> None:
    rules = folded(entries)
    restricted = len(rules.mutes) or [*rules.filters] or rules.slow or rules.announce_only
    assert rules.free == (not restricted)
    if rules.free:
        assert not rules.mutes.current(0)
        assert rules.filters.match("badger").filter is None


@given(entries=logs())
@settings(deadline=None)
def test_nobody_has_a_role_but_who_was_given_one(entries: list[Entry]) -> None:
    rules = folded(entries)
    given_roles = [entry.event.details for entry in entries if entry.event.kind is Kind.ROLE]
    last = {details.get("whom", ""): details.get("role", "") for details in given_roles}
    expected = {"a": "owner"} | last
    known = {role.value for role in Role}
    for who in ("a", "b", "c"):
        role = rules.role(who)
        assert (role.value if role else "") == (expected.get(who, "") if expected.get(who) in known else "")
    assert {*rules.having(Role.OWNER)} == {who for who in rules.roles if rules.role(who) is Role.OWNER}


def test_a_room_that_nobody_opened_has_no_owner() -> None:
    assert folded([], "").roles == {}


@pytest.mark.parametrize("kind", [Kind.KICKED, Kind.BANNED])
def test_who_is_put_out_is_invited_no_more(kind: Kind) -> None:
    entries = [
        Entry(n, Event(k, NOW, f"e{n}", "m", "mod", "", {"whom": "b"})) for n, k in enumerate([Kind.INVITED, kind])
    ]
    assert folded(entries[:1]).invited == {"b"}
    assert folded(entries).invited == set()


def test_a_setting_that_this_version_does_not_know_changes_nothing() -> None:
    entry = Entry(1, Event(Kind.SET, NOW, "e1", "m", "mod", "x", {"setting": "colour", "value": True}))
    assert seen(folded([entry])) == seen(folded([]))
