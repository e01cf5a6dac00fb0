"""Facts: how people write durations and times, and how they are told them. Times are UTC, in milliseconds since 1970.

Knows no clock: what depends on the time now is given it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from .request import Refused

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

DURATION_LONGEST = 3650 * DAY
"""Ten years: what is to last longer is for good, and no sum with a time of today leaves the years that can be told."""

_UNITS = {"w": WEEK, "d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND}
_TOLD = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second"))

# Nine digits are more than the longest has of any unit, and no work.
_DURATION = re.compile("".join(f"(?:([0-9]{{1,9}}){unit})?" for unit in _UNITS), re.IGNORECASE | re.ASCII)
_TIME = re.compile(
    "([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?Z?)?", re.IGNORECASE | re.ASCII
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


class Span(NamedTuple):
    """A stretch of time."""

    start: int
    end: int
    """Where the next begins: what happened then is not of it."""


def duration(text: str) -> int:
    """Milliseconds of `30s`, `10m`, `2h`, `7d`, `4w`, or several from the longest to the shortest: `1h30m`."""
    written = _DURATION.fullmatch(text)
    if not text or not written:
        raise Refused("bad_duration", "a duration is written like 30s, 10m, 2h, 7d, 4w or 1h30m")
    length = sum(int(count or 0) * unit for count, unit in zip(written.groups(), _UNITS.values(), strict=True))
    if not 0 < length <= DURATION_LONGEST:
        raise Refused("bad_duration", f"a duration is longer than nothing and at most {DURATION_LONGEST // DAY}d")
    return length


def told_duration(length: int) -> str:
    """In words, by its largest unit and the next; what is less than that is left out."""
    for place, (unit, word) in enumerate(_TOLD):
        if length >= unit:
            smaller = [(length % unit // next_unit, next_word) for next_unit, next_word in _TOLD[place + 1 : place + 2]]
            counts = [(length // unit, word), *smaller]
            return " ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count)
    return "less than a second"


def span(text: str) -> Span:
    """The day, minute or second that is written `2026-11-20`, `2026-11-20T09:12` or `2026-11-20T09:12:30Z`."""
    if written := _TIME.fullmatch(text):
        year, month, day, hour, minute, second = (int(part or 0) for part in written.groups())
        try:
            start = (datetime(year, month, day, hour, minute, second, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
        except ValueError:  # the 30th of February
            start = -1
        if start >= 0:
            return Span(start, start + (SECOND if written[6] else MINUTE if written[4] else DAY))
    raise Refused("bad_time", "a time is written like 2026-11-20 or 2026-11-20T09:12, in UTC, from 1970 on")


def moment(text: str, now: int) -> Span:
    """What is meant by a time, or by how long ago: `2h` are the last two hours."""
    if text and _DURATION.fullmatch(text):
        return Span(now - duration(text), now)
    try:
        return span(text)
    except Refused as refused:
        raise Refused(refused.code, f"{refused.words}; the last two hours are 2h") from None


def told_time(time: int) -> str:
    """`2026-11-20 09:12 UTC`"""
    return f"{_date(time):%Y-%m-%d %H:%M} UTC"


def rfc3339(time: int) -> str:
    """`2026-11-20T09:12Z`"""
    return f"{_date(time):%Y-%m-%dT%H:%M}Z"


def _date(time: int) -> datetime:
    """The nearest in the years 1970 to 9999: a log may hold any number."""
    return _EPOCH + timedelta(milliseconds=max(0, min(time, _LAST)))
