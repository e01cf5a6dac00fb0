"""What is refused and what was decided stands in the log, with who and why: of a flood a number, of people's words nothing,
and of addresses as much as was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from chatroom.commands.audit import DEEDS
from chatroom.event import Event, Kind
from chatroom.operations import decisions
from chatroom.operations.addresses import Addresses, shortened
from chatroom.operations.decisions import DONE, WHY_LONGEST, Decisions
from chatroom.operations.floods import SOURCES_COUNTED, WINDOW
from chatroom.operations.refusals import FEW, Refusals
from chatroom.operations.witnesses import Witnesses
from chatroom.request import Refused
from chatroom.seams import NotSaved
from chatroom.witness import NOBODY, Nobody

from .support import LoggedErrors

FULL, NETWORK, NONE = Addresses
HOME = "192.0.2.7"
TEXT = "text over TLS"


@pytest.fixture
def events() -> Iterator[list[LogEvent]]:
    """All that is logged in a test."""
    found: list[LogEvent] = []
    globalLogPublisher.addObserver(found.append)  # type: ignore[arg-type]
    yield found
    globalLogPublisher.removeObserver(found.append)  # type: ignore[arg-type]


def said(events: list[LogEvent]) -> list[str]:
    return [formatEvent(event) for event in events]


def fields(event: LogEvent) -> dict[str, Any]:
    return {name: value for name, value in event.items() if not name.startswith("log_")}


# Refusals


def test_a_refusal_is_told_with_its_code_who_from_where_and_by_what_and_never_in_its_words(
    events: list[LogEvent],
) -> None:
    Refusals(Clock(), FULL).refused("alice", HOME, TEXT, Refused("no_command", "there is no command /s3cret"))
    assert said(events) == ["refused no_command: alice from 192.0.2.7 by text over TLS"]
    assert fields(events[0]) == {"code": "no_command", "nick": "alice", "address": HOME, "protocol": TEXT}
    assert events[0]["log_level"] is LogLevel.info
    assert events[0]["log_namespace"] == "chatroom.refusals"
    assert "s3cret" not in str(events)


@pytest.mark.parametrize(
    ("nick", "address", "how", "told"),
    [
        ("", HOME, FULL, "refused login_failed: a stranger from 192.0.2.7 by text over TLS"),
        ("", "", FULL, "refused login_failed: someone on this machine by text over TLS"),
        ("", HOME, NONE, "refused login_failed: a stranger by text over TLS"),
        ("alice", "", FULL, "refused login_failed: alice by text over TLS"),
        ("alice", HOME, NONE, "refused login_failed: alice by text over TLS"),
        ("alice", HOME, NETWORK, "refused login_failed: alice from 192.0.2.0/24 by text over TLS"),
        ("{x}\x1b[2J\n", "\x1b[2J\nforged", FULL, "refused login_failed: {x}[2J  from [2J forged by text over TLS"),
    ],
)
def test_who_it_was_is_told_as_far_as_it_is_known_and_asked_for(
    events: list[LogEvent], nick: str, address: str, how: Addresses, told: str
) -> None:
    Refusals(Clock(), how).refused(nick, address, TEXT, Refused("login_failed", "no"))
    assert said(events) == [told]


def test_of_a_flood_the_first_are_told_and_of_the_others_how_many_there_were(events: list[LogEvent]) -> None:
    clock = Clock()
    refusals = Refusals(clock, FULL)
    for number in range(FEW + 1204):
        refusals.refused("", f"192.0.2.{number % 3}", TEXT, Refused("too_many_logins", "no"))
    refusals.refused("alice", HOME, TEXT, Refused("no_command", "no"))
    assert len(said(events)) == FEW + 1
    clock.advance(WINDOW)
    assert said(events)[FEW + 1 :] == ["refused too_many_logins 1,204 times more within 60 s, from 3 addresses"]
    assert events[-1]["log_level"] is LogLevel.warn
    assert fields(events[-1]) == {"code": "too_many_logins", "times": 1204}
    assert not clock.getDelayedCalls()


def test_after_a_flood_the_next_is_told_again(events: list[LogEvent]) -> None:
    clock = Clock()
    refusals = Refusals(clock, FULL)
    for _ in range(2):
        for _ in range(FEW + 1):
            refusals.refused("bob", HOME, TEXT, Refused("too_early", "no"))
        clock.advance(WINDOW)
    one, more = "refused too_early: bob from 192.0.2.7 by text over TLS", "refused too_early 1 times more within 60 s"
    assert said(events) == [*[one] * FEW, f"{more}, from 1 address"] * 2
    assert events[FEW]["log_level"] is LogLevel.info


def test_a_flood_from_everywhere_takes_no_more_memory(events: list[LogEvent]) -> None:
    clock = Clock()
    refusals = Refusals(clock, NONE)
    for number in range(FEW + 3 * SOURCES_COUNTED):
        refusals.refused("", f"2001:db8::{number:x}", TEXT, Refused("banned", "no"))
    assert len(refusals._floods._floods["banned"].sources) == SOURCES_COUNTED + 1
    clock.advance(WINDOW)
    assert said(events)[-1] == "refused banned 3,000 times more within 60 s, from more than 1,000 addresses"
    assert not refusals._floods._floods
    assert "2001:db8" not in str(events)


def test_a_flood_by_chatroomctl_is_told_to_come_from_this_machine(events: list[LogEvent]) -> None:
    clock = Clock()
    refusals = Refusals(clock, NONE)
    for _ in range(FEW + 2):
        refusals.refused("", "", "JSON over a Unix socket", Refused("no_command", "no"))
    clock.advance(WINDOW)
    assert said(events)[-1] == "refused no_command 2 times more within 60 s, from this machine"


def test_at_the_end_what_was_counted_is_told_and_no_timer_is_left(events: list[LogEvent]) -> None:
    clock = Clock()
    refusals = Refusals(clock, FULL)
    refusals.stop()
    assert not clock.getDelayedCalls()
    for _ in range(FEW + 7):
        refusals.refused("bob", HOME, TEXT, Refused("not_saved", "no"))
    refusals.stop()
    refusals.stop()
    assert said(events)[FEW:] == ["refused not_saved 7 times more within 60 s, from 1 address"]
    assert not clock.getDelayedCalls()


# Decisions

WORDS = "s3cret-words"
UNTIL = 1_795_255_200_000
"""2026-11-21T10:00Z"""


def event_of(kind: Kind, text: str = "", by: str = "alice", eid: str = "n1.7", **details: Any) -> Event:
    return Event(kind, 1, eid, "a1" if by else "", by, text, details)


@pytest.mark.parametrize(
    ("log", "event", "told"),
    [
        ("#dev", event_of(Kind.KICKED, "spam", name="bob"), "#dev: alice kicked bob: spam"),
        ("#dev", event_of(Kind.KICKED, name="bob"), "#dev: alice kicked bob"),
        ("server", event_of(Kind.KICKED, by="", name="bob"), "server: the server kicked bob"),
        (
            "#dev",
            event_of(Kind.BANNED, "spam", name="bob", address="192.0.2.0", forms=["bob"], until=UNTIL),
            "#dev: alice banned bob until 2026-11-21T10:00Z: spam",
        ),
        ("server", event_of(Kind.BANNED, name="account:bob", whom="a2"), "server: alice banned account:bob"),
        ("server", event_of(Kind.BANNED, name=HOME, network=f"{HOME}/32"), "server: alice banned 192.0.2.7"),
        ("#dev", event_of(Kind.UNBANNED, name="bob", bans=["n1.6"]), "#dev: alice unbanned bob"),
        ("#dev", event_of(Kind.MUTED, "what was said", "", name="bob"), "#dev: the server muted bob: what was said"),
        ("#dev", event_of(Kind.UNMUTED, name="bob"), "#dev: alice unmuted bob"),
        ("server", event_of(Kind.OPENED, name="dev"), "server: alice opened #dev"),
        ("server", event_of(Kind.CLOSED, name="dev"), "server: alice closed #dev"),
        ("#dev", event_of(Kind.SET, setting="slow", value=10), "#dev: alice set slow to 10"),
        ("#dev", event_of(Kind.SET, setting="private", value=False), "#dev: alice set private to off"),
        ("#dev", event_of(Kind.SET, WORDS, setting="topic"), "#dev: alice set topic"),
        ("#dev", event_of(Kind.ROLE, name="bob", role="moderator"), "#dev: alice made bob moderator"),
        ("#dev", event_of(Kind.ROLE, name="bob", role=""), "#dev: alice took away bob's role"),
        ("#dev", event_of(Kind.INVITED, name="bob", room="dev"), "#dev: alice invited bob"),
        (
            "#dev",
            event_of(Kind.FILTER, change="add", filter=3, pattern=WORDS, action="refuse"),
            "#dev: alice added filter 3 (refuse)",
        ),
        (
            "#dev",
            event_of(Kind.FILTER, "took too long", "", change="remove", filter=3, pattern=WORDS, action="mute"),
            "#dev: the server removed filter 3 (mute)",
        ),
        ("#dev", event_of(Kind.DELETED, WORDS, name="bob", eids=["1", "2"]), "#dev: alice removed 2 of bob's messages"),
        ("#dev", event_of(Kind.REPORTED, WORDS, name="bob"), "#dev: alice reported bob"),
        ("server", event_of(Kind.ANNOUNCED, WORDS), "server: alice announced something to everybody"),
        ("server", event_of(Kind.OPERATOR), "server: alice became operator by the claim code"),
    ],
)
def test_a_decision_is_told_with_who_whom_until_when_and_why_and_no_words_of_people(
    events: list[LogEvent], log: str, event: Event, told: str
) -> None:
    Decisions(Clock(), FULL).committed([("#lobby", event_of(Kind.SAID, WORDS)), (log, event)], 0.1)
    assert said(events) == [told]
    assert WORDS not in str(events)
    assert fields(events[0])["what"] == event.kind.word
    assert events[0]["log_namespace"] == "chatroom.decisions"


def test_all_that_an_audit_tells_has_words_in_the_log() -> None:
    assert DONE.keys() == DEEDS


@pytest.mark.parametrize("kind", sorted(DEEDS, key=lambda kind: kind.word), ids=lambda kind: kind.word)
@pytest.mark.parametrize("danger", ["\n", "\x1b[2J", "x" * 1_000_000, "{x}", 10**5000, ["\n"], None], ids=range(7))
def test_whatever_another_program_wrote_into_a_storage_a_decision_is_one_short_line(
    events: list[LogEvent], kind: Kind, danger: Any
) -> None:
    names = ("name", "setting", "value", "role", "change", "filter", "action", "until", "eids", "network")
    details = dict.fromkeys(names, danger)
    text = danger if isinstance(danger, str) else ""
    Decisions(Clock(), FULL).committed([(f"#{text}", Event(kind, 1, "n1.1", "a1", text, text, details))], 0.1)
    (told,) = said(events)
    assert told.isprintable()
    assert len(told) < WHY_LONGEST + 1000
    assert "Unable" not in told


def test_talk_and_who_comes_and_goes_is_no_decision(events: list[LogEvent]) -> None:
    others = [("#dev", event_of(kind, WORDS, name="x", hash="y")) for kind in Kind if kind not in DEEDS]
    Decisions(Clock(), FULL).committed(others, 0.1)
    assert not events


def test_what_stands_in_several_logs_is_told_once(events: list[LogEvent]) -> None:
    closed, kicked = event_of(Kind.CLOSED, name="dev"), event_of(Kind.KICKED, name="bob", eid="n1.8")
    Decisions(Clock(), FULL).committed([("server", closed), ("#dev", closed), ("#dev", kicked), ("@a2", kicked)], 0.1)
    assert said(events) == ["server: alice closed #dev", "#dev: alice kicked bob"]


@pytest.mark.parametrize(
    ("how", "told"), [(FULL, "198.51.100.0/28"), (NETWORK, "198.51.100.0/24"), (NONE, "an address")]
)
def test_of_an_address_that_is_banned_as_much_is_told_as_was_asked_for(
    events: list[LogEvent], how: Addresses, told: str
) -> None:
    network = "198.51.100.0/28"
    Decisions(Clock(), how).committed([("server", event_of(Kind.BANNED, "spam", name=network, network=network))], 0.1)
    assert said(events) == [f"server: alice banned {told}: spam"]
    assert fields(events[0]) == {"where": "server", "by": "alice", "what": "banned", "whom": told, "why": "spam"}


def flood(
    count: int, by: str = "bot", kind: Kind = Kind.MUTED, log: str = "#dev", first: int = 0
) -> list[tuple[str, Event]]:
    """So many decisions of one kind, each about somebody else."""
    return [(log, event_of(kind, by=by, eid=f"{by}{kind.word}{n}", name=f"p{n}")) for n in range(first, first + count)]


def test_of_a_flood_of_decisions_the_first_are_told_and_of_the_others_how_many_there_were(
    events: list[LogEvent],
) -> None:
    clock = Clock()
    told = Decisions(clock, FULL)
    told.committed(flood(1000), 0.1)
    told.committed([*flood(1), *flood(1, "alice"), *flood(1, kind=Kind.UNMUTED)], 0.1)  # of the first kind one more
    assert said(events) == [
        *[f"#dev: bot muted p{n}" for n in range(decisions.FEW)],
        "#dev: alice muted p0",
        "#dev: bot unmuted p0",
    ]
    clock.advance(WINDOW)
    assert said(events)[decisions.FEW + 2 :] == ["#dev: bot: muted 981 times more within 60 s"]
    assert events[-1]["log_level"] is LogLevel.info
    assert fields(events[-1]) == {"where": "#dev", "by": "bot", "what": "muted", "times": 981}
    assert not clock.getDelayedCalls()
    told.committed(flood(1, first=1000), 0.1)
    assert said(events)[-1] == "#dev: bot muted p1000"


def test_what_was_counted_of_decisions_is_told_at_the_end_and_of_several_rooms_as_such(events: list[LogEvent]) -> None:
    clock = Clock()
    told = Decisions(clock, FULL)
    told.committed([*flood(decisions.FEW + 1), *flood(1, log="#tea", first=500)], 0.1)
    told.committed(flood(decisions.FEW + 3, "", log="server"), 0.1)
    told.stop()
    assert said(events)[-2:] == [
        "several rooms: bot: muted 2 times more within 60 s",
        "server: the server: muted 3 times more within 60 s",
    ]
    assert not clock.getDelayedCalls()


# Addresses


@pytest.mark.parametrize(
    ("address", "full", "network"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("2001:DB8::1", "2001:db8::1", "2001:db8::/48"),
        ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.0/24"),
        ("fe80::1%eth0", "fe80::1", "fe80::/48"),
        ("fe80::1%\x1b[2J", "fe80::1", "fe80::/48"),
        ("192.0.2.0/28", "192.0.2.0/28", "192.0.2.0/24"),
        ("10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8"),
        ("2001:db8::/32", "2001:db8::/32", "2001:db8::/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24", "192.0.2.0/24"),
        ("somewhere\n\x1b[2J", "somewhere [2J", "-"),
        ("x" * 100, "x" * 45, "-"),
    ],
)
def test_an_address_is_told_in_full_by_its_network_or_not_at_all(address: str, full: str, network: str) -> None:
    assert shortened(address, FULL) == full
    assert shortened(address, NETWORK) == network
    assert shortened(address, NONE) == "-"


@pytest.mark.parametrize("how", Addresses)
def test_a_unix_socket_has_no_address(how: Addresses) -> None:
    assert shortened("", how) == ""


# Several witnesses


class Clumsy:
    """Fails whatever it is told."""

    def committing(self) -> None:
        raise ValueError("clumsy")

    def committed(self, batch: object, seconds: float) -> None:
        raise ValueError("clumsy")

    def failed(self, why: object) -> None:
        raise ValueError("clumsy")

    def delivered(self, messages: int) -> None:
        raise ValueError("clumsy")

    def refused(self, nick: str, address: str, protocol: str, refused: Refused) -> None:
        raise (KeyError if nick else ValueError)("clumsy")


class Attentive(Nobody):
    """Remembers how often it was told something."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def committing(self) -> None:
        self.told.append("committing")

    def committed(self, batch: object, seconds: float) -> None:
        self.told.append("committed")

    def failed(self, why: object) -> None:
        self.told.append("failed")

    def delivered(self, messages: int) -> None:
        self.told.append("delivered")

    def refused(self, nick: str, address: str, protocol: str, refused: Refused) -> None:
        self.told.append("refused")


def test_a_witness_that_fails_costs_nobody_anything_and_is_logged_once_for_each_sort(logged: LoggedErrors) -> None:
    attentive = Attentive()
    witnesses = Witnesses([Clumsy(), attentive, NOBODY])
    for _ in range(3):
        witnesses.committing()
        witnesses.committed([], 0.1)
        witnesses.failed(NotSaved("full"))
        witnesses.delivered(1)
        witnesses.refused("", "", "", Refused("x", "x"))
        witnesses.refused("alice", "", "", Refused("x", "x"))
    assert attentive.told == ["committing", "committed", "failed", "delivered", "refused", "refused"] * 3
    words = logged.flush(ValueError, KeyError)
    assert [word.partition(" ")[0] for word in words] == [
        "Clumsy.committing", "Clumsy.committed", "Clumsy.failed", "Clumsy.delivered", "Clumsy.refused", "Clumsy.refused",
    ]  # fmt: skip
