"""Looking for words in entries that are in memory: by looking at each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..event import HISTORY, Entry, Kind, person_of
from ..seams import Hit


def found(
    hits: Iterable[Hit], words: Sequence[str], nick: str, after: int | None, before: int | None, older: Hit | None
) -> list[Hit]:
    """Of these what was said with all of the words; the newest first."""

    def wanted(hit: Hit) -> bool:
        event = hit.entry.event
        return bool(
            event.kind in HISTORY
            and event.text  # what was removed has none
            and all(word.lower() in event.text.lower() for word in words)
            and (not nick or _ascii_lower(event.nick) == _ascii_lower(nick))
            and (after is None or event.time >= after)
            and (before is None or event.time < before)
            and (older is None or _age(hit) < _age(older))
        )

    return sorted(filter(wanted, hits), key=_age, reverse=True)


def written_by(by: str, logs: Mapping[str, Sequence[Entry]], after: Hit | None) -> list[Hit]:
    """What somebody said, log by log; a private message where it stands in their own inbox, if it does."""
    own = f"@{by}"
    private = {entry.event.eid for entry in logs.get(own, ()) if entry.event.kind is Kind.PRIVATE}
    return [
        Hit(log, entry)
        for log in sorted(logs)
        if log.startswith(("#", "@"))
        for entry in logs[log]
        if entry.event.kind in HISTORY
        and person_of(entry.event.by) == by
        and (log == own or entry.event.kind is not Kind.PRIVATE or entry.event.eid not in private)
        and (after is None or (log, entry.position) > (after.log, after.entry.position))
    ]


def _age(hit: Hit) -> tuple[Any, ...]:
    return hit.entry.event.time, hit.log, hit.entry.position


def _ascii_lower(nick: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in nick)
