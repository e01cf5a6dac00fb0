"""The server's own log, folded: which nicknames are in use and whose they are, for now by claims and for good by accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from .account import Accounts, name_of
from .event import Entry, Kind, Sort
from .names import TABLES, Name
from .opened import OpenedRooms
from .recall import since_start, state
from .request import Refused
from .rules import Rules
from .seams import Storage

SERVER_LOG = "server"
"""Rooms' logs begin with `#`, so none has this name."""


class Claim(NamedTuple):
    """Whose a nickname is, for as long as they stay."""

    by: str
    name: Name


class Directory:
    """Nicknames in use. Two that fold alike, or look alike, count as the same. Who claims one that another has, does so in
    vain: the first entry counts."""

    def __init__(self, accounts: Accounts, seconds: Callable[[], float]) -> None:
        self.accounts = accounts
        self.rooms = OpenedRooms()
        self.rules = Rules(seconds)
        """Of the whole server."""
        self.devices: dict[str, str] = {}
        """By digest of what can come back after a lost connection: by whom."""
        self.away: dict[str, str] = {}
        """Who is away, by id, and why."""
        self._claims: dict[str, Claim] = {}
        """By folded form and by skeleton, `name[1:]`. Pure: only entries change it, and they are only compared."""
        self._reserved: dict[str, Claim] = {}
        """What is on its way into the log."""
        self._leaving: set[str] = set()
        """Of whom it is on its way into the log that they released what they had."""

    async def open(self, storage: Storage) -> None:
        """Read all accounts, and who was here when the server stopped, and from then on every entry. Raises Refused for a
        storage that a newer server wrote."""
        await _refuse_newer_tables(storage)
        await storage.follow(SERVER_LOG, self._fold)
        async for entries in state(storage, SERVER_LOG):
            self._fold(entries)
        async for entries in since_start(storage, SERVER_LOG):
            self._fold(entries)

    def claims(self) -> set[Claim]:
        return set(self._claims.values())

    def holder(self, name: Name) -> str:
        """The id of who has this nickname now, in whatever case; empty when nobody has."""
        claim = self._claims.get(name.folded)
        return claim.by if claim and claim.name.folded == name.folded else ""

    def claimed(self, name: Name) -> Name:
        """The same, as it is kept here, so that it takes memory once."""
        claim = self._claims.get(name.folded)
        return claim.name if claim and claim.name == name else name

    def holders(self, name: Name) -> set[str]:
        """The ids of who has this nickname now, or one that looks like it."""
        return {self._claims[key].by for key in name[1:] if key in self._claims}

    def reserve(self, name: Name, by: str, instead_of: str = "") -> None:
        """Keep a nickname for somebody until their claim is read in the log; raises Refused when another has it who is not
        the one they were until then (`instead_of`)."""
        for key in name[1:]:
            owner = self._claims.get(key) or self._reserved.get(key)
            if owner and owner.by not in (by, instead_of):
                raise _taken(name, owner.name)
        account = self.accounts.like(name)
        if account and account.id != by:
            raise _taken(name, account.name)
        for key in name[1:]:
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
        if event.kind.sort is Sort.STATE:
            self.accounts.fold(entry)
            self.rooms.fold(entry)
            self.rules.fold(entry)
            return
        match event.kind:
            case Kind.CLAIMED:
                claim = Claim(event.by, name_of(event))
                self.cancel(claim.name, event.by)
                if claim.name.folded and all(self._free(key, event.by) for key in claim.name[1:]):
                    self._claims |= dict.fromkeys(claim.name[1:], claim)
                    if token := event.details.get("token"):  # as it was before devices had entries of their own
                        self.devices[str(token)] = event.by
            case Kind.RELEASED:
                self._leaving.discard(event.by)
                self._release(event.by, name_of(event))
            case Kind.ATTACHED:
                self.devices[str(event.details.get("token", ""))] = event.by
            case Kind.DETACHED:
                token = event.details.get("token")
                for each in (str(token),) if token else [t for t, by in self.devices.items() if by == event.by]:
                    self.devices.pop(each, None)
            case Kind.AWAY:
                self.away[event.by] = event.text
            case Kind.BACK:
                self.away.pop(event.by, None)
            case Kind.STARTED:
                self._start(event.details)

    def _start(self, details: Mapping[str, Any]) -> None:
        """Nobody is here but who is kept."""
        claims: list[Claim] = []
        self.devices = dict(details.get("devices", {}))
        for by, (shown, folded, skeleton, *token) in details.get("kept", {}).items():
            claims.append(Claim(by, Name(shown, folded, skeleton)))
            if token and token[0]:  # as it was before devices had entries of their own
                self.devices[token[0]] = by
        self._claims = {key: claim for claim in claims for key in claim.name[1:]}
        self.away = dict(details.get("away", {}))

    def _release(self, by: str, name: Name) -> None:
        claim = Claim(by, name)
        keys: Sequence[str] = name[1:]
        if (
            not name.folded
        ):  # of who was forgotten since, the forms are forgotten too; a STARTED before may still tell them
            keys = [key for key, held in self._claims.items() if held.by == by]
        for key in keys:
            if not name.folded or self._claims.get(key) == claim:
                del self._claims[key]

    def _free(self, key: str, by: str) -> bool:
        return key not in self._claims or self._claims[key].by == by


def _taken(name: Name, other: Name) -> Refused:
    like = "" if other.shown == name.shown else f"too like {other.shown}, which is "
    return Refused("nick_taken", f"{name.shown} is {like}taken")


async def _refuse_newer_tables(storage: Storage) -> None:
    for entry in await storage.read(SERVER_LOG, limit=1, kinds={Kind.STARTED}):
        for table, version in entry.event.details.get("tables", {}).items():
            if _numbers(version) > _numbers(TABLES.get(table, "")):
                raise Refused("newer_tables", f"its nicknames were compared by {table} {version}, newer than ours")


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".") if number.isdecimal()]
