"""The server's own log, folded: which nicknames are in use, and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .event import Entry, Event, Kind
from .names import Name
from .recall import since_start
from .request import Refused
from .seams import Storage

SERVER_LOG = "server"
"""Rooms' logs begin with `#`, so none has this name."""


class Claim(NamedTuple):
    """Whose a nickname is."""

    by: str
    name: Name
    token: str = ""
    """The digest of what its owner can come back with after a lost connection; empty for who cannot."""


class Directory:
    """Nicknames in use. Two that fold alike, or look alike, count as the same."""

    def __init__(self) -> None:
        self._claims: dict[str, Claim] = {}
        """By folded form and by skeleton, `name[1:]`. Pure: only entries change it, and they are only compared."""
        self._reserved: dict[str, Claim] = {}
        """What is on its way into the log."""
        self._leaving: set[str] = set()
        """Of whom it is on its way into the log that they released what they had."""

    async def open(self, storage: Storage) -> None:
        """Read who was here when the server stopped, and from then on every claim."""
        await storage.follow(SERVER_LOG, self._fold)
        async for entries in since_start(storage, SERVER_LOG):
            self._fold(entries)

    def claims(self) -> set[Claim]:
        return set(self._claims.values())

    def reserve(self, name: Name, by: str) -> None:
        """Keep a nickname for a connection until its claim is read in the log; raises Refused when another has it."""
        keys = name[1:]
        for key in keys:
            owner = self._claims.get(key) or self._reserved.get(key)
            if owner and owner.by != by:
                like = "" if owner.name.shown == name.shown else f"too like {owner.name.shown}, which is "
                raise Refused("nick_taken", f"{name.shown} is {like}taken")
        for key in keys:
            self._reserved[key] = Claim(by, name)

    def cancel(self, name: Name, by: str) -> None:
        """The claim was not saved: the nickname is free again."""
        for key in name[1:]:
            if key in self._reserved and self._reserved[key].by == by:
                del self._reserved[key]

    def let_go(self, by: str) -> None:
        """Whoever this is has left; what they had is free when that is read in the log."""
        self._leaving.add(by)

    def freeing(self, name: Name) -> bool:
        """Whether who has this nickname has left, as far as the log does not tell yet."""
        return any(key in self._claims and self._claims[key].by in self._leaving for key in name[1:])

    def _fold(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self.fold(entry)

    def fold(self, entry: Entry) -> None:
        event = entry.event
        match event.kind:
            case Kind.CLAIMED:
                claim = Claim(event.by, _name(event), str(event.details.get("token", "")))
                for key in claim.name[1:]:
                    self._claims[key] = claim
                    self._reserved.pop(key, None)
            case Kind.RELEASED:
                self._leaving.discard(event.by)
                name = _name(event)
                for key in name[1:]:
                    if key in self._claims and self._claims[key][:2] == (event.by, name):
                        del self._claims[key]
            case Kind.STARTED:
                kept = event.details.get("kept", {})
                claims = [Claim(by, Name(*forms), token) for by, (*forms, token) in kept.items()]
                self._claims = {key: claim for claim in claims for key in claim.name[1:]}


def _name(event: Event) -> Name:
    """The forms by which it is compared are those of the day it was claimed."""
    return Name(event.nick, str(event.details.get("folded", "")), str(event.details.get("skeleton", "")))
