"""Accounts: the fold of all that stays true in the server's own log. Whose a nickname is for good, and who may do more.

Knows no password: what is kept of one is only carried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from .event import Entry, Event, Kind, Position
from .names import Name


class Account(NamedTuple):
    """A nickname of one's own."""

    id: str
    """That of the stay in which it was made, or its own: nobody else's, ever."""
    name: Name
    hash: str
    """What is kept of the password; empty where that is kept elsewhere."""
    since: int
    """UTC, in milliseconds since 1970."""
    operator: bool = False
    ignored: Mapping[str, str] = MappingProxyType({})
    """Whom they do not read: ids, and the nicknames under which they were put here."""
    rooms: Sequence[str] = ()
    """To which they return; none for the one in which everybody comes in."""


def name_of(event: Event) -> Name:
    """The forms by which it is compared are those of the day it was written."""
    return Name(event.nick, str(event.details.get("folded", "")), str(event.details.get("skeleton", "")))


def forms_of(name: Name) -> dict[str, str]:
    return {"folded": name.folded, "skeleton": name.skeleton}


class Accounts:
    """Pure: only entries change it, and they are only compared. Of two who register one nickname, or two that look alike,
    the first has it; the other entry is void."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        """By id."""
        self._keys: dict[str, str] = {}
        """Ids by folded form and by skeleton, `name[1:]`."""
        self._forgotten: dict[str, str] = {}
        """Who is to be forgotten, and is not yet in all of the store; and what they are called instead."""
        self.stale: dict[str, Position] = {}
        """Whose older passwords are to be taken out of the store, and where the one stands that counts."""
        self.code = ""
        """The digest of the claim code, with which somebody becomes the first operator; empty while there is none, and
        once it was used."""
        self.started_before = False
        """Whether there ever was a claim code."""

    def all(self) -> list[Account]:
        """In the order in which they were made."""
        return list(self._accounts.values())

    def get(self, id: str) -> Account | None:
        return self._accounts.get(id)

    def keyed(self, folded: str) -> Account | None:
        """Whose nickname folds so."""
        account = self._accounts.get(self._keys.get(folded, ""))
        return account if account and account.name.folded == folded else None

    def named(self, name: Name) -> Account | None:
        """Whose nickname this is, in whatever case."""
        return self.keyed(name.folded)

    def like(self, name: Name) -> Account | None:
        """Whose nickname it is, or looks like."""
        ids = (self._keys[key] for key in name[1:] if key in self._keys)
        return next((self._accounts[id] for id in ids), None)

    def forgotten(self) -> Mapping[str, str]:
        return self._forgotten

    def fold(self, entry: Entry) -> None:
        event = entry.event
        if event.kind is Kind.CODE:
            self.code, self.started_before = str(event.details.get("digest", "")), True
        elif event.kind is Kind.REGISTERED:
            self._register(event)
        elif event.kind is Kind.FORGOTTEN:
            self._forget(event)
        elif event.kind is Kind.ERASED:
            self._forgotten.pop(event.by, None)
        elif event.kind is Kind.CLOSED:
            self._close(event.details.get("name"))
        else:
            if event.kind is Kind.OPERATOR:
                self.code = ""  # also where the store has forgotten whose account it was
            if (account := self._accounts.get(event.by)) is not None:
                self._change(account, entry)

    def _close(self, room: object) -> None:
        """Nobody returns to a room that was closed, nor to the next one of its name."""
        for id, account in self._accounts.items():
            if room in account.rooms:
                self._accounts[id] = account._replace(rooms=tuple(each for each in account.rooms if each != room))

    def _register(self, event: Event) -> None:
        name = name_of(event)
        # Without its forms it is one that was forgotten, before that is read.
        if event.by not in self._accounts and name.folded and not any(key in self._keys for key in name[1:]):
            self._accounts[event.by] = Account(event.by, name, str(event.details.get("hash", "")), event.time)
            self._keys |= dict.fromkeys(name[1:], event.by)

    def _change(self, account: Account, entry: Entry) -> None:
        event = entry.event
        match event.kind:
            case Kind.PASSWORD:
                if account.hash:  # else it is out of the store already
                    self.stale[account.id] = entry.position
                account = account._replace(hash=str(event.details.get("hash", "")))
            case Kind.OPERATOR:
                account = account._replace(operator=True)
            case Kind.IGNORED:
                account = account._replace(ignored={**account.ignored, str(event.details.get("whom", "")): event.text})
            case Kind.UNIGNORED:
                gone = str(event.details.get("whom", ""))
                account = account._replace(ignored={id: nick for id, nick in account.ignored.items() if id != gone})
            case Kind.ROOMS:
                account = account._replace(rooms=tuple(map(str, event.details.get("rooms", ()))))
        self._accounts[account.id] = account

    def _forget(self, event: Event) -> None:
        self._forgotten[event.by] = event.nick
        self.stale.pop(event.by, None)
        account = self._accounts.pop(event.by, None)  # None where the store has forgotten it already
        if account:
            for key in {*account.name[1:]}:
                del self._keys[key]
