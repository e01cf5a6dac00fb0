"""Which rooms there are: the fold of who opened which, from the server's own log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from .event import Entry, Event, Kind
from .names import Name


class Opened(NamedTuple):
    """A room, and whose it was first."""

    name: Name
    by: str
    """An id; empty for the server's own."""


class OpenedRooms:
    """Pure: only entries change it, and they are only compared. Of two rooms of one name, or two that look alike, the first
    is one."""

    def __init__(self) -> None:
        self._rooms: dict[str, Opened] = {}
        """By folded form."""
        self._like: dict[str, Opened] = {}
        """By folded form and by skeleton, `name[1:]`."""
        self._of: Counter[str] = Counter()
        self.closed: dict[str, str] = {}
        """Names of rooms of which all that was said is to be forgotten, by folded form; until that is done nobody opens one
        of that name."""

    def __iter__(self) -> Iterator[Opened]:
        return iter(self._rooms.values())

    def __len__(self) -> int:
        return len(self._rooms)

    def find(self, name: Name) -> Opened | None:
        """The room of that name, in whatever case."""
        return self._rooms.get(name.folded)

    def like(self, name: Name) -> Opened | None:
        """The room of that name, or one that looks like it."""
        return next((self._like[key] for key in name[1:] if key in self._like), None)

    def count(self, by: str) -> int:
        """How many somebody opened."""
        return self._of[by]

    def fold(self, entry: Entry) -> None:
        match entry.event.kind:
            case Kind.OPENED:
                name = _name(entry.event)
                if self.like(name) is None:
                    opened = self._rooms[name.folded] = Opened(name, entry.event.by)
                    self._like |= dict.fromkeys(name[1:], opened)
                    self._of[opened.by] += 1
            case Kind.CLOSED:
                self._close(str(entry.event.details.get("folded")))
            case Kind.ERASED:
                self.closed.pop(str(entry.event.details.get("name")), None)

    def _close(self, folded: str) -> None:
        opened = self._rooms.pop(folded, None)
        if opened:
            for key in {*opened.name[1:]}:
                del self._like[key]
            self._of[opened.by] -= 1
            self.closed[folded] = opened.name.shown


def _name(event: Event) -> Name:
    details = event.details
    return Name(str(details.get("name")), str(details.get("folded")), str(details.get("skeleton")))
