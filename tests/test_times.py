"""How durations and times are written and told; now is a number."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatroom.request import Refused
from chatroom.times import (
    DAY,
    DURATION_LONGEST,
    HOUR,
    MINUTE,
    SECOND,
    WEEK,
    Span,
    duration,
    moment,
    rfc3339,
    span,
    told_duration,
    told_time,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST = (datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
NOON = (datetime(2026, 11, 20, 12, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
LENGTH = {"day": DAY, "hour": HOUR, "minute": MINUTE, "second": SECOND}


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30s", 30 * SECOND),
        ("10m", 10 * MINUTE),
        ("2h", 2 * HOUR),
        ("7d", 7 * DAY),
        ("4w", 4 * WEEK),
        ("1h30m", 90 * MINUTE),
        ("1w1d1h1m1s", WEEK + DAY + HOUR + MINUTE + SECOND),
        ("1d1s", DAY + SECOND),
        ("2H", 2 * HOUR),
        ("090s", 90 * SECOND),
        ("0h1s", SECOND),
        ("3650d", DURATION_LONGEST),
    ],
)
def test_a_duration_is_numbers_and_units(text: str, length: int) -> None:
    assert duration(text) == length


@pytest.mark.parametrize(
    "text",
    ["", "2", "h", "2 h", "2y", "-2h", "2h ", "30m1h", "1h1h", "1.5h", "٣h", "2ſ", "²h", "2h\n", "1234567890s", "2h!"],
)
def test_what_is_no_duration_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(Refused, match="written like 30s, 10m, 2h, 7d, 4w or 1h30m") as refused:
        duration(text)
    assert refused.value.code == "bad_duration"


@pytest.mark.parametrize("text", ["0s", "0w0d", "3650d1s", "522w", "999999999w999999999s"])
def test_a_duration_is_longer_than_nothing_and_at_most_ten_years(text: str) -> None:
    with pytest.raises(Refused, match="longer than nothing and at most 3650d") as refused:
        duration(text)
    assert refused.value.code == "bad_duration"


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (2 * HOUR, "2 hours"),
        (3 * DAY, "3 days"),
        (90 * MINUTE, "1 hour 30 minutes"),
        (DAY + HOUR + MINUTE, "1 day 1 hour"),
        (DAY + 59 * MINUTE, "1 day"),
        (2 * MINUTE - 1, "1 minute 59 seconds"),
        (SECOND, "1 second"),
        (28 * DAY, "28 days"),
        (999, "less than a second"),
        (0, "less than a second"),
    ],
)
def test_a_duration_is_told_by_its_two_largest_units(length: int, words: str) -> None:
    assert told_duration(length) == words


@given(st.integers(SECOND, 2 * DURATION_LONGEST) | st.integers(SECOND, 3 * DAY))
def test_a_told_duration_is_short_by_less_than_the_smallest_unit_shown(length: int) -> None:
    words = told_duration(length).split()
    counts = [(int(count), LENGTH[unit.removesuffix("s")]) for count, unit in zip(words[::2], words[1::2], strict=True)]
    told = sum(count * unit for count, unit in counts)
    assert len(counts) <= 2
    assert all(count > 0 for count, _ in counts)
    assert 0 <= length - told < counts[-1][1]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-11-20", NOON - 12 * HOUR, NOON + 12 * HOUR),
        ("2026-11-20T12:00", NOON, NOON + MINUTE),
        ("2026-11-20T12:00Z", NOON, NOON + MINUTE),
        ("2026-11-20t12:00:30z", NOON + 30 * SECOND, NOON + 31 * SECOND),
        ("1970-01-01", 0, DAY),
        ("9999-12-31", LAST + 1 - DAY, LAST + 1),
        ("2028-02-29T23:59:59", 1835481599000, 1835481600000),
    ],
)
def test_a_time_is_a_day_a_minute_or_a_second(text: str, start: int, end: int) -> None:
    assert span(text) == (start, end)


@pytest.mark.parametrize(
    "text",
    [
        *("", "today", "20.11.2026", "2026-11", "2026-1-2", "2026-11-20T", "2026-11-20T09", "2026-11-20 09:12", "20261120"),
        *("2026-02-30", "2026-13-01", "2026-00-10", "2027-02-29", "2026-11-20T24:00", "2026-11-20T09:60", "0000-01-01"),
        *("1969-12-31", "1969-12-31T23:59:59Z", "10000-01-01", "-2026-11-20", "2026-11-20Z", "2026-11-20T09:12+01:00"),
        *("２０２６-11-20", "٢٠٢٦-11-20", "2026-11-20T09:12:61", "2026-11-20\n", "2026-11-20T09:12:30.5Z"),
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(Refused, match="written like 2026-11-20 or 2026-11-20T09:12, in UTC, from 1970 on") as refused:
        span(text)
    assert refused.value.code == "bad_time"


def test_a_duration_means_since_then_and_a_time_that_time() -> None:
    assert moment("2h", NOON) == Span(NOON - 2 * HOUR, NOON)
    assert moment("2026-11-20", NOON) == span("2026-11-20")


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("0h", "bad_duration", "longer than nothing"),
        ("4000d", "bad_duration", "at most 3650d"),
        ("", "bad_time", "2026-11-20 or .*; the last two hours are 2h"),
        ("yesterday", "bad_time", "2026-11-20 or .*; the last two hours are 2h"),
    ],
)
def test_what_is_neither_is_refused_with_how_to_write_both(text: str, code: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        moment(text, NOON)
    assert refused.value.code == code


def test_times_are_told_in_utc() -> None:
    assert told_time(NOON) == "2026-11-20 12:00 UTC"
    assert rfc3339(NOON + MINUTE - 1) == "2026-11-20T12:00Z"


@pytest.mark.parametrize(
    ("time", "told"),
    [(-1, "1970-01-01 00:00 UTC"), (LAST, "9999-12-31 23:59 UTC"), (10**30, "9999-12-31 23:59 UTC")],
)
def test_no_time_is_too_far_to_be_told(time: int, told: str) -> None:
    assert told_time(time) == told


@given(st.integers(0, LAST))
def test_a_time_that_is_told_to_programs_can_be_asked_for_and_holds_it(time: int) -> None:
    start, end = span(rfc3339(time))
    assert start <= time < end == start + MINUTE
    assert told_time(time) == rfc3339(time).replace("T", " ").replace("Z", " UTC")


GARBAGE = st.text() | st.text("0123456789-:TZwdhms٣²", max_size=25)


@given(text=GARBAGE)
@example("9" * 100_000)
@example("1s" * 50_000)
def test_any_text_is_understood_or_refused(text: str) -> None:
    for asked in (duration, span, lambda text: moment(text, NOON)):
        with suppress(Refused):
            asked(text)


@given(st.integers(1970, 9999), st.integers(1, 12), st.integers(1, 31))
def test_every_day_since_1970_can_be_written(year: int, month: int, day: int) -> None:
    try:
        start = (datetime(year, month, day, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
    except ValueError:
        with pytest.raises(Refused):
            span(f"{year}-{month:02}-{day:02}")
    else:
        assert span(f"{year}-{month:02}-{day:02}") == (start, start + DAY)
