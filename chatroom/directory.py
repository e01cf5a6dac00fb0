"""The server's own log, folded: which nicknames are in use, and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .event import Entry, Event, Kind
from .log import Storage
from .names import Name
from .request import Refused

SERVER_LOG = "server"
"""Rooms' logs begin with `#`, so none has this name."""


class Claim(NamedTuple):
    """Whose a nickname is."""

    by: str
    shown: str


class Directory:
    """Nicknames in use. Two that fold alike, or look alike, count as the same."""

    def __init__(self) -> None:
        self._claims: dict[str, Claim] = {}
        """By folded form and by skeleton. Pure: only entries change it, and they are only compared."""
        self._reserved: dict[str, Claim] = {}
        """What is on its way into the log."""

    async def open(self, storage: Storage) -> None:
        await storage.follow(SERVER_LOG, self._fold)

    def reserve(self, name: Name, by: str) -> None:
        """Keep a nickname for a connection until its claim is read in the log; raises Refused when another has it."""
        keys = {name.folded, name.skeleton}
        for key in keys:
            owner = self._claims.get(key) or self._reserved.get(key)
            if owner and owner.by != by:
                same = owner.shown == name.shown
                raise Refused(
                    "nick_taken",
                    f"{name.shown} is taken" if same else f"{name.shown} is too like {owner.shown}, which is taken",
                )
        for key in keys:
            self._reserved[key] = Claim(by, name.shown)

    def cancel(self, name: Name, by: str) -> None:
        """The claim was not saved: the nickname is free again."""
        for key in (name.folded, name.skeleton):
            if key in self._reserved and self._reserved[key].by == by:
                del self._reserved[key]

    def _fold(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self.fold(entry)

    def fold(self, entry: Entry) -> None:
        event = entry.event
        match event.kind:
            case Kind.CLAIMED:
                for key in _keys(event):
                    self._claims[key] = Claim(event.by, event.nick)
                    self._reserved.pop(key, None)
            case Kind.RELEASED:
                for key in _keys(event):
                    if self._claims.get(key) == (event.by, event.nick):
                        del self._claims[key]
            case Kind.STARTED:
                self._claims.clear()


def _keys(event: Event) -> set[str]:
    return {str(event.details[form]) for form in ("folded", "skeleton") if form in event.details}
