"""How often passwords may be tried and accounts be made, by a clock that stands until it is moved."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from chatroom.attempts import KEYS, Allowance, Attempts, Registrations
from chatroom.request import Refused
from chatroom.settings import Settings

A_MINUTE, OF_ADDRESS_A_MINUTE = Settings().logins_a_minute, Settings().logins_of_address_a_minute
REGISTRATIONS_AN_HOUR = Settings().registrations_an_hour

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


def begun(attempts: Attempts, times: int, site: str = HERE, account: str = "alice") -> int:
    """How many of so many logins were not refused."""
    count = 0
    for _ in range(times):
        try:
            attempts.begin(site, account)
            count += 1
        except Refused:
            pass
    return count


def test_a_sixth_wrong_login_within_a_minute_is_refused_and_told_when_to_come_again() -> None:
    clock = Clock()
    attempts = Attempts(clock, A_MINUTE, OF_ADDRESS_A_MINUTE)
    for _ in range(A_MINUTE):
        attempts.begin(HERE, "alice")
        clock.advance(10)
    with pytest.raises(Refused, match="too many tries to log in; try again in 10 seconds") as refused:
        attempts.begin(HERE, "alice")
    assert refused.value.code == "too_many_logins"
    assert refused.value.fields == {"seconds": 10}
    clock.advance(9)
    with pytest.raises(Refused, match="in 1 second'"):
        attempts.begin(HERE, "alice")
    clock.advance(1)
    attempts.begin(HERE, "alice")


def test_in_no_minute_there_are_more() -> None:
    clock = Clock()
    attempts = Attempts(clock, A_MINUTE, OF_ADDRESS_A_MINUTE)
    let_in = []
    for _ in range(1000):
        if begun(attempts, 1):
            let_in.append(clock.seconds())
        clock.advance(0.7)
    assert all(later - first >= 60 for first, later in zip(let_in, let_in[A_MINUTE:], strict=False))
    assert len(let_in) >= A_MINUTE * 11


def test_of_100_at_once_none_slips_through() -> None:
    assert begun(Attempts(Clock(), A_MINUTE, OF_ADDRESS_A_MINUTE), 100) == A_MINUTE


def test_who_asks_too_often_does_not_wait_longer_for_it() -> None:
    clock = Clock()
    attempts = Attempts(clock, A_MINUTE, OF_ADDRESS_A_MINUTE)
    assert begun(attempts, 100) == A_MINUTE
    clock.advance(30)
    assert begun(attempts, 100) == 0
    clock.advance(30)
    assert begun(attempts, 100) == A_MINUTE


def test_a_right_login_is_not_counted() -> None:
    attempts = Attempts(Clock(), A_MINUTE, OF_ADDRESS_A_MINUTE)
    for _ in range(100):
        attempts.begin(HERE, "alice")
        attempts.right(HERE, "alice")
    assert begun(attempts, 100) == A_MINUTE


def test_a_right_login_makes_no_wrong_one_forgotten() -> None:
    attempts = Attempts(Clock(), A_MINUTE, OF_ADDRESS_A_MINUTE)
    assert begun(attempts, A_MINUTE - 1) == A_MINUTE - 1
    attempts.begin(HERE, "alice")
    attempts.right(HERE, "alice")
    assert begun(attempts, 100) == 1


def test_the_owner_gets_in_from_elsewhere_and_to_other_accounts_from_there() -> None:
    attempts = Attempts(Clock(), A_MINUTE, OF_ADDRESS_A_MINUTE)
    assert begun(attempts, 100) == A_MINUTE
    assert begun(attempts, 100, site=ELSEWHERE) == A_MINUTE
    assert begun(attempts, 100, account="bob") == A_MINUTE


def test_an_address_has_only_so_many_for_all_accounts() -> None:
    clock = Clock()
    attempts = Attempts(clock, A_MINUTE, OF_ADDRESS_A_MINUTE)
    assert sum(begun(attempts, 1, account=f"user{number}") for number in range(100)) == OF_ADDRESS_A_MINUTE
    assert begun(attempts, 1, site=ELSEWHERE) == 1
    clock.advance(60)
    assert begun(attempts, 1, account="user0") == 1


def test_what_is_refused_is_not_counted() -> None:
    attempts = Attempts(Clock(), A_MINUTE, OF_ADDRESS_A_MINUTE)
    assert begun(attempts, 100) == A_MINUTE
    assert begun(attempts, 100, account="bob") == A_MINUTE
    rest = OF_ADDRESS_A_MINUTE - 2 * A_MINUTE
    assert sum(begun(attempts, 1, account=f"user{number}") for number in range(100)) == rest


def test_the_words_are_the_same_for_every_account_and_for_the_whole_address() -> None:
    attempts = Attempts(Clock(), A_MINUTE, OF_ADDRESS_A_MINUTE)
    told = set()
    for account in [*["alice"] * 6, *["nobody"] * 6, *(f"user{number}" for number in range(OF_ADDRESS_A_MINUTE))]:
        try:
            attempts.begin(HERE, account)
        except Refused as refused:
            told.add(refused.words)
    assert told == {"too many tries to log in; try again in 60 seconds"}


def test_this_machine_is_counted_as_one_address() -> None:
    assert begun(Attempts(Clock(), A_MINUTE, OF_ADDRESS_A_MINUTE), 100, site="") == A_MINUTE


def test_without_limits_there_is_any_number_and_nothing_is_kept() -> None:
    assert begun(Attempts(Clock(), 0, 0), 1000) == 1000
    unlimited = Allowance(Clock(), 0, 60)
    unlimited.take("alice")
    unlimited.give("alice")
    assert len(unlimited) == 0


def test_an_address_registers_so_many_accounts_in_an_hour() -> None:
    clock = Clock()
    registrations = Registrations(clock, REGISTRATIONS_AN_HOUR)
    for _ in range(REGISTRATIONS_AN_HOUR):
        registrations.begin(HERE)
    clock.advance(600.5)
    with pytest.raises(Refused, match="too many accounts were made from your address; try again in 3000 s") as refused:
        registrations.begin(HERE)
    assert (refused.value.code, refused.value.fields) == ("too_many_registrations", {"seconds": 3000})
    registrations.begin(ELSEWHERE)
    clock.advance(3000)
    registrations.begin(HERE)


def test_what_counts_no_more_takes_no_memory() -> None:
    clock = Clock()
    allowance = Allowance(clock, 5, 60)
    for number in range(1000):
        allowance.take(number)
        clock.advance(1)
    assert len(allowance) == 60
    allowance.give(999)
    assert len(allowance) == 59


def test_past_so_many_keys_the_oldest_go() -> None:
    allowance = Allowance(Clock(), 1, 60)
    for number in range(KEYS):
        allowance.take(number)
    allowance.give(1)
    for number in [1, KEYS]:
        allowance.take(number)
    assert len(allowance) == KEYS
    assert [allowance.wait(number) for number in [0, 1, 2, KEYS]] == [0, 60, 60, 60]


def test_to_give_what_nobody_took_is_nothing() -> None:
    allowance = Allowance(Clock(), 1, 60)
    allowance.give("alice")
    allowance.take("alice")
    assert allowance.wait("alice") == 60


def test_a_long_name_takes_as_little_memory_as_a_short_one() -> None:
    allowance = Allowance(Clock(), 1, 60)
    allowance.take("a" * 100_000)
    assert [type(key) for key in allowance._taken] == [int]
    assert allowance.wait("a" * 100_000) == 60
