"""A position as somebody tells it, in words that they were told: the storage reads it, and who tells none is refused."""

from __future__ import annotations

from .event import Position
from .request import Refused
from .seams import Storage
from .text import shortened

POSITION_SHOWN = 50
"""Characters of a position that is not there."""


def position_in(log: str, tip: Position, storage: Storage, text: str) -> Position:
    """The position that was told in these words; raises Refused, telling what there is, when it is none of this log."""
    try:
        position = storage.position(text)
    except ValueError:
        position = None
    if position is None or not position <= tip:
        # People know a room by its name; of any other log, only that it is theirs.
        where, room = (log, {"room": log[1:]}) if log[:1] == "#" else ("your inbox", {})
        words = f"{shortened(text, POSITION_SHOWN)} is no position in {where}, which ends at {tip}"
        raise Refused("position_unknown", words, {**room, "position": str(tip)})
    return position
