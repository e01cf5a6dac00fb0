"""Events as a server tells them in JSON, turned back into what the text format shows in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..event import Entry, Event, Kind
from ..wire.text import TEXT, TextFormat
from .face import Said

KINDS = {kind.value: kind for kind in Kind}

LARGEST = 10**9
"""Numbers a server tells are below this, or are shown as 0."""

INBOX = "@"
"""What the log of events is called that are of no room, but for ourselves only."""


def in_text(said: Said, several: bool) -> bytes:
    """How people are shown it, who are in `several` rooms or not; empty for what a newer server tells."""
    kind = KINDS.get(said["event"])
    if kind is None:
        return b""
    room = said.get("room")
    log = INBOX if room is None else f"#{room}"
    form: TextFormat = TEXT.several if several else TEXT
    words = said.get("reason" if kind in _REASONED else "text", "")
    return b"".join(
        form.render(log, [Entry(0, Event(kind, 0, "", "", said["nick"], str(words), _details(kind, said)))])
    )


_REASONED = frozenset({Kind.LEFT, Kind.PARTED, Kind.REPORTED, Kind.KICKED, Kind.BANNED, Kind.MUTED})

_AT_ADDRESSES = frozenset({Kind.BANNED, Kind.UNBANNED, Kind.MUTED, Kind.UNMUTED})


def _details(kind: Kind, said: Said) -> Mapping[str, Any]:
    """As event.py tells them of each kind, of any line at all."""
    details: dict[str, Any] = {name: True for name in ("removed", "edited", "put_out") if said.get(name) is True}
    for name, field in (("name", "whom"), ("new", "new"), ("setting", "setting"), ("role", "role")):
        if field in said:
            details[name] = str(said[field])
    match kind:
        case Kind.SET:
            value = said.get("value")
            details["value"] = _number(value) if details.get("setting") == "slow" else str(value or "")
        case Kind.INVITED:
            details["room"] = str(said.get("to", ""))
        case Kind.REPORTED:
            details["room"] = str(said.get("in", ""))
        case Kind.DELETED:
            gone = said.get("of")
            details["eids"] = gone if isinstance(gone, list) else []
        case _ if kind in _AT_ADDRESSES:
            if "whom" not in said:
                details["network"] = ""
            until = moment(said.get("until"))
            if until is not None:
                details["until"] = int(until.timestamp() * 1000)
    return details


def _number(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < LARGEST else 0


def moment(time: object) -> datetime | None:
    """Here and then; None for what is no time."""
    try:
        return datetime.fromisoformat(str(time)).astimezone()
    except (ValueError, OverflowError):
        return None
