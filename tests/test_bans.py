"""Bans and mutes: whom they hold for and until when follows from the entries of a log, and from the time that is given."""

from __future__ import annotations

import sys
import time
import timeit
from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.bans import Ban, Bans, Target, Who, target, told
from chatroom.event import Entry, Event, Kind
from chatroom.names import nickname
from chatroom.request import Refused

MADE, NOW = 1000, 2000
STRANGER = Who("", None, (), "")


@pytest.fixture
def untraced() -> Iterator[None]:
    """Measures the code without what measures its coverage."""
    trace = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(trace)


def banned(eid: str = "e1", time: int = MADE, why: str = "", **details: Any) -> Event:
    return Event(Kind.BANNED, time, eid, "n1.1/n1.5", "alice", why, details)


def unbanned(*eids: str) -> Event:
    return Event(Kind.UNBANNED, MADE, "", "n1.1", "alice", "", {"bans": list(eids)})


def folded(*events: Event) -> Bans:
    bans = Bans(Kind.BANNED, Kind.UNBANNED)
    for place, event in enumerate(events, 1):
        bans.fold(Entry(place, event))
    return bans


def forms(text: str) -> tuple[str, ...]:
    return tuple(nickname(text)[1:])


GUEST = banned(name="eve", whom="n1.7", forms=[*forms("eve")], address="192.0.2.7")
ACCOUNT = banned(name="account:eve", whom="n1.7", account="n1.7", address="2001:db8::1")
NETWORK = banned(name="192.0.2.0/24", network="192.0.2.0/24")


@pytest.mark.parametrize(
    ("event", "who"),
    [
        (GUEST, Who("n1.7", None, (), "")),
        (GUEST, Who("n1.7", 0, (), "")),  # who made an account meanwhile is the same
        (GUEST, Who("", None, forms("eve"), "")),
        (GUEST, Who("", None, forms("EVE"), "198.51.100.1")),
        (banned(forms=[*forms("alice")]), Who("", None, forms("a1ice"), "")),
        (GUEST, Who("n2.1", MADE, forms("eve"), "")),
        (GUEST, Who("", None, forms("bob"), "192.0.2.7")),
        (GUEST, Who("", None, (), "::ffff:192.0.2.7")),
        (GUEST, Who("n2.1", MADE, forms("bob"), "192.0.2.7")),
        (ACCOUNT, Who("n1.7", 1, forms("eve"), "198.51.100.1")),
        (ACCOUNT, Who("", None, forms("bob"), "2001:db8::ffff")),
        (ACCOUNT, Who("", None, forms("bob"), "2001:db8::2%eth0")),
        (banned(address="2001:db8::/64"), Who("", None, (), "2001:db8::2")),
        (NETWORK, Who("n2.1", 1, forms("bob"), "192.0.2.255")),
        (NETWORK, Who("", None, (), "192.0.2.1")),
        (banned(network="2001:db8::/32"), Who("n2.1", 1, (), "2001:db8:ffff::1")),
        (banned(network="192.0.2.7/32"), Who("n2.1", 1, (), "192.0.2.7")),
    ],
)
def test_it_holds_for(event: Event, who: Who) -> None:
    ban = folded(event).of(who, NOW)
    assert ban
    assert ban.eid == "e1"


@pytest.mark.parametrize(
    ("event", "who"),
    [
        (GUEST, STRANGER),
        (GUEST, Who("n2.1", None, forms("bob"), "192.0.2.8")),
        (GUEST, Who("n2.1", MADE - 1, forms("eve"), "")),  # their own name, from before
        (GUEST, Who("n2.1", MADE - 1, forms("bob"), "192.0.2.7")),
        (ACCOUNT, Who("", None, forms("eve"), "198.51.100.1")),
        (ACCOUNT, Who("", None, (), "2001:db8:0:1::1")),
        (NETWORK, Who("", None, (), "192.0.3.1")),
        (NETWORK, Who("", None, (), "")),
        (NETWORK, Who("", None, (), "unknown")),
        (NETWORK, Who("", None, (), "2001:db8::1")),
        (banned(network="127.0.0.0/8"), Who("", None, (), "127.0.0.1")),
        (banned(network="::/64"), Who("", None, (), "::1")),
        (banned(address="127.0.0.1"), Who("", None, (), "127.0.0.1")),
        (banned(address=""), Who("", None, (), "")),
        (banned(whom=""), Who("", None, (), "")),
        (Event(Kind.MUTED, MADE, "e1", "", "", "", GUEST.details), Who("n1.7", None, (), "")),
    ],
)
def test_it_does_not_hold_for(event: Event, who: Who) -> None:
    assert folded(event).of(who, NOW) is None


def test_mutes_are_kept_apart_from_bans() -> None:
    mutes = Bans(Kind.MUTED, Kind.UNMUTED)
    muted = Event(Kind.MUTED, MADE, "e1", "n1.1", "alice", "", {"whom": "n1.7"})
    for place, event in enumerate([muted, GUEST, unbanned("e1")]):
        mutes.fold(Entry(place, event))
    assert [ban.eid for ban in mutes.current(NOW)] == ["e1"]
    mutes.fold(Entry(9, Event(Kind.UNMUTED, MADE, "", "n1.1", "alice", "", {"bans": ["e1"]})))
    assert len(mutes) == 0


def test_what_is_known_of_one() -> None:
    event = banned(why="spam", until=5000, **GUEST.details)
    assert folded(event).current(NOW) == [
        Ban("e1", "eve", "n1.7", "", forms("eve"), "", "192.0.2.7/32", "alice", "n1.1", "spam", MADE, 5000)
    ]


def test_it_holds_until_its_end_and_not_after() -> None:
    bans = folded(banned(whom="n1.7", until=3000))
    eve = Who("n1.7", None, (), "")
    assert bans.of(eve, 2999)
    assert bans.of(eve, 3000) is None
    assert bans.current(3000) == []


def test_of_several_the_first_that_has_not_ended_holds() -> None:
    bans = folded(
        banned("e1", whom="n1.7", until=1500),
        banned("e2", address="192.0.2.7"),
        banned("e3", whom="n1.7"),
        NETWORK._replace(eid="e4"),
    )
    eve = Who("n1.7", 1, (), "192.0.2.7")
    assert bans.of(eve, 1499) == bans.current(1499)[0]
    assert bans.of(eve, 1500) == bans.current(1500)[1]
    guest = bans.of(eve._replace(account_since=None), 1500)
    assert guest
    assert guest.eid == "e2"


def test_it_is_ended_by_its_eid() -> None:
    bans = folded(GUEST, banned("e2", whom="n1.7"), unbanned("e1", "e9"))
    assert [ban.eid for ban in bans.current(NOW)] == ["e2"]
    assert bans.of(Who("", None, forms("eve"), "192.0.2.7"), NOW) is None
    bans.fold(Entry(9, unbanned("e2")))
    assert bans.of(Who("n1.7", None, (), ""), NOW) is None
    assert len(bans) == 0


def test_the_same_entry_twice_is_one() -> None:
    assert len(folded(GUEST, GUEST)) == 1


def test_what_has_ended_takes_no_memory_once_another_is_made() -> None:
    bans = folded(
        banned("e1", whom="a", until=1500),
        banned("e2", whom="b", until=1600),
        banned("e2", whom="b", until=9000),  # the same, for longer
        banned("e3", whom="c", until=1700),
        unbanned("e3"),
        banned("e4", whom="d"),
    )
    assert len(bans) == 3
    bans.fold(Entry(9, banned("e5", time=1800, whom="e")))
    assert [ban.eid for ban in bans.current(0)] == ["e2", "e4", "e5"]


def test_where_they_came_from_is_forgotten_after_a_while_and_the_rest_stays() -> None:
    bans = folded(GUEST, banned("e2", time=MADE + 1, address="198.51.100.1"), banned("e3", network="192.0.2.0/24"))
    bans.fade(MADE + 1)
    assert [(ban.eid, ban.address, ban.network) for ban in bans.current(NOW)] == [
        ("e1", "", ""),
        ("e2", "198.51.100.1/32", ""),
        ("e3", "", "192.0.2.0/24"),
    ]
    found = bans.of(Who("", None, (), "192.0.2.7"), NOW)
    assert found
    assert found.eid == "e3"
    assert bans.of(Who("", None, forms("eve"), ""), NOW) == bans.current(NOW)[0]
    bans.fade(MADE + 2)
    assert bans.of(Who("", None, (), "198.51.100.1"), NOW) is None


# Beside a naive model

DETAILS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["eve", "account:eve", 7, None]),
        "whom": st.sampled_from(["n1.1", "n1.2", "", None]),
        "account": st.sampled_from(["n1.1", "n1.2", ""]),
        "forms": st.sampled_from([["eve", "eve"], ["bob", "b0b"], [], None, "eve", [7, ""]]),
        "network": st.sampled_from(["192.0.2.0/24", "192.0.2.7/32", "2001:db8::/32", "", "nonsense"]),
        "address": st.sampled_from(
            ["192.0.2.7", "192.0.2.8/32", "2001:db8::1", "2001:db8::/64", "127.0.0.1", "x", None]
        ),
        "until": st.sampled_from([0, 3, 6, None, -1, "5", 10**30]),
    },
)
EIDS = st.sampled_from(["e1", "e2", "e3", "e4"])
EVENTS = st.lists(
    st.builds(lambda eid, time, details: banned(eid, time, **details), EIDS, st.integers(0, 9), DETAILS)
    | st.builds(unbanned, EIDS)
    | st.builds(
        lambda bans: Event(Kind.UNBANNED, 0, "", "", "", "", {"bans": bans}), st.sampled_from([None, 7, "e1", [7]])
    ),
    max_size=8,
)
PEOPLE = st.builds(
    Who,
    st.sampled_from(["", "n1.1", "n1.2"]),
    st.none() | st.integers(0, 9),
    st.sampled_from([(), ("eve", "eve"), ("b0b", "b0b")]),
    st.sampled_from(
        ["", "127.0.0.1", "192.0.2.7", "::ffff:192.0.2.8", "192.0.3.1", "2001:db8::9", "2001:db8:1::1", "?"]
    ),
)


def within(address: str, network: str) -> bool:
    try:
        ip, net = ip_address(address), ip_network(network)
    except ValueError:
        return False
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return not ip.is_loopback and ip in net


def holds(ban: Ban, who: Who, now: int) -> bool:
    recent = who.account_since is None or who.account_since >= ban.since
    return not (ban.until and ban.until <= now) and (
        (who.id != "" and who.id in (ban.whom, ban.account))
        or within(who.address, ban.network)
        or (recent and bool({*ban.forms} & {*who.forms}))
        or (recent and within(who.address, ban.address))
    )


def naive(events: Sequence[Event]) -> list[str]:
    """The eids of all that were made and not ended, in order."""
    eids: list[str] = []
    for event in events:
        ended = event.details.get("bans")
        gone = [event.eid] if event.kind is Kind.BANNED else ended if isinstance(ended, list) else []
        eids = [eid for eid in eids if eid not in gone] + [event.eid] * (event.kind is Kind.BANNED)
    return eids


@given(EVENTS, PEOPLE, st.integers(9, 12), st.integers(0, 12))
def test_it_holds_for_whom_a_look_at_each_would_find(events: list[Event], who: Who, now: int, faded: int) -> None:
    bans = folded(*events)
    for _ in range(2):
        current = bans.current(now)
        assert bans.of(who, now) == next((ban for ban in current if holds(ban, who, now)), None)
        bans.fade(faded)
    assert [ban.eid for ban in bans.current(now)] == [ban.eid for ban in current]
    assert all(not ban.address or ban.since >= faded for ban in bans.current(now))


@given(EVENTS)
def test_those_are_kept_that_were_made_and_have_not_ended(events: list[Event]) -> None:
    kept = {ban.eid: ban for ban in folded(*events).current(0)}
    made = naive(events)
    assert list(kept) == [eid for eid in made if eid in kept]
    newest = max((event.time for event in events if event.kind is Kind.BANNED), default=0)
    lasting = {event.eid: event.details.get("until") in (0, None, -1, "5", 10**30) for event in events}
    assert all(eid in kept for eid in made if lasting[eid] or newest < 3)


@given(EVENTS)
def test_when_all_are_ended_nothing_is_left(events: list[Event]) -> None:
    bans = folded(*events, unbanned("e1", "e2", "e3", "e4"))
    assert (len(bans), len(bans._keyed), len(bans._widths), len(bans._places)) == (0, 0, 0, 0)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("address", ["198.51.100.77", "2001:db8:ffff::1"])
def test_of_ten_thousand_it_is_found_at_once_that_none_holds(address: str) -> None:
    bans = Bans(Kind.BANNED, Kind.UNBANNED)
    for number in range(10_000):
        one = number % 250
        widths = [{"network": f"10.{one}.0.0/{8 + number % 17}"}, {"address": f"203.0.113.{one}"}, {}]
        details = {"whom": f"x{number}", "forms": [f"f{number}", f"s{number}"], **widths[number % 3]}
        bans.fold(Entry(number, banned(f"e{number}", until=NOW + number, **details)))
    who = Who("n9.9", 1, forms("bob"), address)
    assert bans.of(who, NOW) is None
    assert min(timeit.repeat(lambda: bans.of(who, NOW), time.process_time, repeat=5, number=100)) / 100 < 0.0001


# What a ban is asked for


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Eve", Target("Eve", nickname("Eve"))),
        ("account:Eve", Target("account:Eve", nickname("Eve"), account=True)),
        ("192.0.2.7", Target("192.0.2.7", network="192.0.2.7/32")),
        ("192.0.2.7/24", Target("192.0.2.0/24", network="192.0.2.0/24")),
        ("10.0.0.0/255.0.0.0", Target("10.0.0.0/8", network="10.0.0.0/8")),
        ("2001:db8::7", Target("2001:db8::/64", network="2001:db8::/64")),
        ("2001:db8::7/128", Target("2001:db8::/64", network="2001:db8::/64")),
        ("2001:db8::/32", Target("2001:db8::/32", network="2001:db8::/32")),
        ("2001::/16", Target("2001::/16", network="2001::/16")),
        ("fe80::7%eth0", Target("fe80::/64", network="fe80::/64")),
        ("::ffff:192.0.2.7", Target("192.0.2.7", network="192.0.2.7/32")),
        ("::ffff:192.0.2.0/120", Target("192.0.2.0/24", network="192.0.2.0/24")),
    ],
)
def test_what_is_asked_for_is_a_nickname_an_account_an_address_or_a_network(text: str, meant: Target) -> None:
    assert target(text, nickname) == meant


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("0.0.0.0/0", "ban_too_wide", "that is too much of the internet: /8 is the widest network there can be"),
        ("64.0.0.0/7", "ban_too_wide", "that is too much of the internet: /8 is the widest network there can be"),
        ("::/0", "ban_too_wide", "that is too much of the internet: /16 is the widest network there can be"),
        ("2000::/15", "ban_too_wide", "that is too much of the internet: /16 is the widest network there can be"),
        ("::ffff:0:0/96", "ban_too_wide", "that is too much of the internet: /8 is the widest network there can be"),
        *(
            (loopback, "ban_loopback", "that is this machine itself: nobody is kept out by it")
            for loopback in ("127.0.0.1", "127.0.0.0/8", "127.9.0.0/16", "::1", "::1/128", "::/16", "::ffff:127.0.0.1")
        ),
        *(
            (nothing, "bad_target", "that is neither a nickname, account:NAME, an address nor a network like 192.0.2.0/24")
            for nothing in ("192.0.2", "192.0.2.256", "1eve", "eve/24", "192.0.2.0/33", "2001:db8", "7", "2001:::1", "a:b")
        ),
        ("", "nick_invalid", "a nickname has at least one character"),
        ("account:", "nick_invalid", "a nickname has at least one character"),
        ("eve bob", "nick_invalid", "a nickname cannot hold U+0020, space"),
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str, code: str, words: str) -> None:
    with pytest.raises(Refused) as refused:
        target(text, nickname)
    assert (refused.value.code, refused.value.words) == (code, words)


@given(st.text(max_size=30) | st.text("0123456789abcdef:./%", max_size=30))
def test_any_text_is_meant_for_something_or_refused(text: str) -> None:
    try:
        meant = target(text, nickname)
    except Refused:
        return
    assert (meant.name is None) == (meant.network != "")


@pytest.mark.parametrize(
    ("text", "eids"),
    [
        ("eve", ["e1", "e2"]),
        ("EVE", ["e1", "e2"]),
        ("account:eve", ["e2"]),
        ("bob", ["e3"]),
        ("192.0.2.0/24", ["e4"]),
        ("192.0.2.7", []),
        ("mallory", []),
    ],
)
def test_those_are_found_that_were_asked_for_so(text: str, eids: list[str]) -> None:
    bans = folded(
        banned("e1", name="Eve", whom="n1.7", forms=[*forms("eve")], address="192.0.2.7"),
        banned("e2", name="account:eve", whom="n1.8", account="n1.8"),
        banned("e3", name="guest-3", forms=[*forms("bob")]),
        banned("e4", name="192.0.2.0/24", network="192.0.2.0/24"),
        banned("e5", name="eve", until=NOW),
    )
    assert [ban.eid for ban in bans.named(target(text, nickname), NOW)] == eids


# How they are told


@pytest.mark.parametrize(
    ("event", "now", "places", "words"),
    [
        (
            banned(why="spam", name="eve", until=1795166520000),
            0,
            False,
            "eve, by alice, until 2026-11-20 09:22 UTC (spam)",
        ),
        (banned(name="eve", until=1795166520000), 1795166520000, False, "eve, by alice, ended 2026-11-20 09:22 UTC"),
        (banned(name="eve"), NOW, True, "eve, by alice, for good"),
        (NETWORK, NOW, True, "192.0.2.0/24, by alice, for good"),
        (NETWORK, NOW, False, "an address, by alice, for good"),
        (NETWORK._replace(nick="", text="a flood"), NOW, True, "192.0.2.0/24, by the server, for good (a flood)"),
    ],
)
def test_it_is_told_in_one_line(event: Event, now: int, places: bool, words: str) -> None:
    (ban,) = folded(event).current(0)
    assert told(ban, now, places) == words
