"""Facts: what can happen, one event of it, and the entry that an event becomes in a log.

Everything else in the program makes events, keeps them, folds them or renders them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol


class Sort(Enum):
    """How long an event matters, and to whom."""

    TALK = "talk"
    """What people said and did: the history."""
    STATE = "state"
    """What stays true until another event changes it: folded when a log is opened, never dropped."""
    PRESENCE = "presence"
    """Who is here: folded from the last STARTED on, since nobody of before is here after it."""


class Kind(Enum):
    """What happened: its name on the wire and in the store, and its sort."""

    SAID = "said", Sort.TALK
    DID = "did", Sort.TALK
    EDITED = "edited", Sort.TALK
    PRIVATE = "private", Sort.TALK
    REGISTERED = "registered", Sort.STATE
    PASSWORD = "password", Sort.STATE
    OPERATOR = "operator", Sort.STATE
    CODE = "code", Sort.STATE
    IGNORED = "ignored", Sort.STATE
    UNIGNORED = "unignored", Sort.STATE
    READ = "read", Sort.STATE
    FORGOTTEN = "forgotten", Sort.STATE
    ERASED = "erased", Sort.STATE
    CHANGED = "changed", Sort.STATE
    ROOMS = "rooms", Sort.STATE
    OPENED = "opened", Sort.STATE
    CLOSED = "closed", Sort.STATE
    SET = "set", Sort.STATE
    ROLE = "role", Sort.STATE
    INVITED = "invited", Sort.STATE
    KICKED = "kicked", Sort.STATE
    BANNED = "banned", Sort.STATE
    UNBANNED = "unbanned", Sort.STATE
    MUTED = "muted", Sort.STATE
    UNMUTED = "unmuted", Sort.STATE
    FILTER = "filter", Sort.STATE
    DELETED = "deleted", Sort.STATE
    REPORTED = "reported", Sort.STATE
    ANNOUNCED = "announced", Sort.STATE
    JOINED = "joined", Sort.PRESENCE
    PARTED = "parted", Sort.PRESENCE
    LEFT = "left", Sort.PRESENCE
    RENAMED = "renamed", Sort.PRESENCE
    CLAIMED = "claimed", Sort.PRESENCE
    RELEASED = "released", Sort.PRESENCE
    ATTACHED = "attached", Sort.PRESENCE
    DETACHED = "detached", Sort.PRESENCE
    AWAY = "away", Sort.PRESENCE
    BACK = "back", Sort.PRESENCE
    STARTED = "started", Sort.PRESENCE

    sort: Sort
    word: str
    """Its name, as `value`, which takes thrice as long."""

    __hash__ = object.__hash__  # that of Enum takes four times as long, for each entry that a log is given

    def __new__(cls, word: str, sort: Sort) -> Kind:
        kind = object.__new__(cls)
        kind._value_ = word
        kind.sort = sort
        kind.word = word
        return kind


def person_of(by: str) -> str:
    """Who somebody is, on whatever device."""
    return by.partition("/")[0]


TALK = frozenset(kind for kind in Kind if kind.sort is Sort.TALK)

HISTORY = TALK - {Kind.EDITED}
"""What is shown as history: what was corrected stands there as it is now."""

INBOX = HISTORY | {Kind.REPORTED, Kind.INVITED}
"""What one is shown of one's inbox."""

OF_ONESELF = frozenset(kind for kind in Kind if kind.sort is Sort.PRESENCE) | {
    Kind.REGISTERED, Kind.PASSWORD, Kind.OPERATOR, Kind.IGNORED, Kind.UNIGNORED, Kind.READ, Kind.ROOMS,
}  # fmt: skip
"""What concerns nobody but who did it: of who is forgotten nothing of it has to stay."""


NO_DETAILS: Mapping[str, Any] = MappingProxyType({})


class Position(Protocol):
    """A place in one log. Opaque outside the storage that made it: compared, kept, shown as text, never computed with."""

    def __lt__(self, other: Any, /) -> bool: ...
    def __le__(self, other: Any, /) -> bool: ...
    def __hash__(self) -> int: ...


class Event(NamedTuple):
    """One thing that happened. A NamedTuple, since one is made of every line: 0.4 us; a frozen dataclass takes 1.3."""

    kind: Kind
    time: int
    """UTC, in milliseconds since 1970: for showing. Order is the log's matter."""
    eid: str
    """Unique over all logs and nodes; an event that stands in several logs has one."""
    by: str
    """Whose it is: the id of a guest's stay or of an account, unique over all nodes and restarts; of an account's talk, behind
    a slash, also on which of their devices, since what is written on one is shown on the others. Empty for the server's
    own."""
    nick: str
    """Who: the nickname as it was then; empty for the server's own."""
    text: str = ""
    """What was said or done, or the reason for leaving. May hold line feeds."""
    details: Mapping[str, Any] = NO_DETAILS
    """What else belongs to the kind, as in JSON; of each kind, what `DETAILS` says."""


DETAILS: Mapping[str, str] = {
    "id": "SAID, DID, PRIVATE: what its author calls it, by which a repeat is known",
    "removed": "SAID, DID, EDITED: true where the words are gone",
    "edited": "SAID, DID: true where these are not the first words",
    "to": "PRIVATE: the nickname it was sent to",
    "new": "RENAMED: the nickname from now on",
    "folded": "CLAIMED, RELEASED, REGISTERED, OPENED, CLOSED: for comparing names, as the rules and tables of that day made it",
    "skeleton": "CLAIMED, RELEASED, REGISTERED, OPENED, CLOSED: for finding names that look alike",
    "hash": "REGISTERED, PASSWORD: what is kept of the password",
    "digest": "CODE: of the claim code",
    "position": "READ: up to which an inbox was read. ERASED: up to which what was to be read otherwise is so in the storage",
    "token": "ATTACHED, DETACHED: the digest of what a device comes back with",
    "address": "CLAIMED, BANNED, MUTED: where they connected from; forgotten after some days",
    "rooms": "ROOMS: in which an account is. RENAMED, AWAY, BACK, LEFT, ANNOUNCED: those in whose logs it stands",
    "kept": "STARTED: names and forms by id of those who could still come back: nobody else is here from then on",
    "devices": "STARTED: with what they could, and on which",
    "away": "STARTED: which of them were, and why",
    "tables": "STARTED: which versions made these forms",
    "whom": "IGNORED, UNIGNORED, SET, ROLE, INVITED, KICKED, BANNED, MUTED, DELETED, REPORTED: the id of whom it concerns",
    "name": "SET, ROLE, INVITED, KICKED, BANNED, MUTED, UNBANNED, UNMUTED, DELETED, REPORTED: what they are called, or "
    "the address. OPENED, CLOSED, ERASED: the room's name",
    "put_out": "PARTED: true where somebody else did it, as another entry tells",
    "room": "INVITED, REPORTED: which room",
    "setting": "SET: which setting",
    "value": "SET: what it is from now on; of a text, that stands in `text`",
    "role": "ROLE: what they are from now on; empty for nothing special",
    "account": "BANNED, MUTED: the id of the account",
    "forms": "BANNED, MUTED: the forms of a guest's nickname",
    "network": "BANNED, MUTED, UNBANNED, UNMUTED: the network, as it was asked for",
    "until": "BANNED, MUTED: when it ends, in milliseconds since 1970; without it, never",
    "bans": "UNBANNED, UNMUTED: the eids of what ends",
    "change": "FILTER: add or remove",
    "filter": "FILTER: its number",
    "pattern": "FILTER: the words, or the regular expression between slashes",
    "action": "FILTER: what becomes of who says such things",
    "eid": "EDITED: of what was corrected",
    "eids": "DELETED: of what was removed",
    "positions": "DELETED, CHANGED: where what is to be read otherwise stands; CHANGED: as the EDITED before it says",
}


def renamed(event: Event, id: str, nick: str) -> Event:
    """The event when somebody is forgotten: what they did on any device is read under this nickname, and what was done to
    them as done to who is called so. Of what concerned nobody else nothing is left but that, since it tells the old one;
    and STARTED does not tell that they were here."""
    if event.details.get("whom") == id and "name" in event.details:
        told = {detail: value for detail, value in event.details.items() if detail != "forms"}
        event = event._replace(details={**told, "name": nick})
    if not _is_by(id, event.by):
        return event._replace(details=_without(id, event.details)) if event.kind is Kind.STARTED else event
    if event.kind is Kind.RENAMED:
        return event._replace(nick=nick, details={"new": nick})
    return event._replace(nick=nick, details=NO_DETAILS if event.kind in OF_ONESELF else event.details)


def amended(event: Event, text: str | None) -> Event:
    """The event when its author corrected it; or, for None, when its words were removed."""
    mark = "removed" if text is None else "edited"
    return event._replace(text=text or "", details={**event.details, mark: True})


def _is_by(id: str, by: str) -> bool:
    return by == id or by.startswith(f"{id}/")


def _without(id: str, started: Mapping[str, Any]) -> Mapping[str, Any]:
    left = dict(started)
    for name in {"kept", "away"} & left.keys():
        left[name] = {by: told for by, told in left[name].items() if by != id}
    if "devices" in left:
        left["devices"] = {token: by for token, by in left["devices"].items() if not _is_by(id, by)}
    return left


class Entry(NamedTuple):
    """An event and its place in a log."""

    position: Position
    event: Event
