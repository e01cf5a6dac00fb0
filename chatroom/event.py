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
    JOINED = "joined", Sort.PRESENCE
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
    """What else belongs to the kind, as in JSON. SAID, DID and PRIVATE: `id`, what its author calls it. PRIVATE: `to`, the
    nickname it was sent to. RENAMED: `new`, the nickname from now on. CLAIMED, RELEASED and REGISTERED: `folded` and
    `skeleton`, for comparing nicknames, as the rules and tables of that day made them. REGISTERED and PASSWORD: `hash`, what
    is kept of the password. CODE: `digest`, of the claim code. IGNORED and UNIGNORED: `whom`. READ: `position`, up to
    which an inbox was read. ATTACHED and DETACHED: `token`, the digest of what a device comes back with. STARTED: `kept`,
    names and forms by id of those who could still come back: nobody else is here from then on; `devices`, with what and on
    which; `away`, which of them were, and why; `tables`, which versions made these forms."""


def renamed(event: Event, id: str, nick: str) -> Event:
    """The event when somebody is forgotten: what they did on any device is read under this nickname, and of what is no talk
    nothing else is left, since it tells the old one; and STARTED does not tell that they were here."""
    if not _is_by(id, event.by):
        return event._replace(details=_without(id, event.details)) if event.kind is Kind.STARTED else event
    if event.kind is Kind.RENAMED:
        return event._replace(nick=nick, details={"new": nick})
    return event._replace(nick=nick, details=event.details if event.kind.sort is Sort.TALK else NO_DETAILS)


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
