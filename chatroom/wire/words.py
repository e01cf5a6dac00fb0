"""What happened, in words: the lines in which a format for people tells one event.

The same for every reader, whatever room they look at; knows no bytes, nor what stands before a line.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..event import Event, Kind, person_of
from ..times import told_duration, told_time

NAMED = 10
"""Up to so many people are all named; of more, two, and the number of the others."""

UNTOLD = frozenset(
    {
        Kind.STARTED, Kind.READ, Kind.ROOMS, Kind.OPENED, Kind.ERASED, Kind.FILTER, Kind.REGISTERED, Kind.PASSWORD,
        Kind.OPERATOR, Kind.CODE, Kind.IGNORED, Kind.UNIGNORED, Kind.FORGOTTEN, Kind.CLAIMED, Kind.RELEASED,
        Kind.ATTACHED, Kind.DETACHED, Kind.CHANGED,
    }
)  # fmt: skip
"""What nobody is told of: nobody was there, or it is the server's own, or nobody else's business."""

SETTINGS = {
    "topic": ("set the topic: {value}", "took the topic away"),
    "description": ("described {room}: {value}", "took the description away"),
    "private": ("made {room} private", "made {room} public"),
    "announce-only": ("lets only who has a voice talk", "lets everybody talk"),
    "slow": ("slowed {room}: a message each in {value}", "slows {room} no more"),
    "lockdown": ("locked {room}: only accounts may enter", "unlocked {room}"),
}
"""How it is told that a room was given a setting, and that it was taken away."""

ROLES = {"voiced": "gave {whom} a voice", "": "took {whom}'s role away"}
"""How it is told that somebody was given these roles; every other is told by its name."""


def in_words(event: Event, log: str) -> list[str]:
    """An event in words; what it says may be several lines, and there are none of what is not told."""
    details, who = event.details, event.nick or "the server"
    match event.kind:
        case Kind.SAID:
            return _said(f"{event.nick}:", event)
        case Kind.DID:
            return _said(f"* {event.nick}", event)
        case Kind.PRIVATE:
            own = log[1:] == person_of(event.by)  # an inbox is called by its owner's id
            return _each(f"you -> {details.get('to', '')}:" if own else f"{event.nick} -> you:", event)
        case Kind.EDITED:
            return [] if details.get("removed") else _each(f"* {who} corrects:", event)
        case Kind.ANNOUNCED:
            return _each(f"* {who} tells everybody:", event)
        case Kind.PARTED if details.get("put_out"):  # another entry tells who did it
            return []
        case Kind.REPORTED if log[:1] == "#":  # to its moderators alone, in their inboxes
            return []
        case kind if kind in UNTOLD:
            return []
    return [f"* {who} {_done(event, log)}"]


def merging(event: Event) -> str:
    """The word in which several such that stand next to one another are told; empty for what is told alone."""
    match event.kind:
        case Kind.JOINED:
            return "joined"
        case Kind.LEFT if "rooms" not in event.details:  # else some readers are told in another room
            return "left"
        case Kind.PARTED if not event.details.get("put_out"):
            return "left"
    return ""


def because(what: str, why: str) -> str:
    return f"{what} ({why})" if why else what


def people(nicks: Sequence[str]) -> str:
    if len(nicks) > NAMED:
        return f"{nicks[0]}, {nicks[1]} and {len(nicks) - 2} others"
    *most, last = nicks
    return f"{', '.join(most)} and {last}" if most else last


def _said(who: str, event: Event) -> list[str]:
    if event.details.get("removed"):
        return [f"{who} (removed)"]
    said = _each(who, event)
    if event.details.get("edited"):
        said[-1] += " (edited)"
    return said


def _each(who: str, event: Event) -> list[str]:
    return [f"{who} {line}" for line in event.text.split("\n")]


def _done(event: Event, log: str) -> str:
    """What somebody did, to stand behind their name."""
    match event.kind:
        case Kind.RENAMED:
            return f"is now {event.details.get('new', '')}"
        case Kind.AWAY | Kind.BACK:
            return because(f"is {event.kind.word}", event.text)
        case Kind.PARTED:
            return because("left", event.text)
        case Kind.CLOSED:
            return f"closed {log}"
        case Kind.SET:
            return _set(event, log)
        case Kind.INVITED if log[:1] == "@":
            room = event.details.get("room", "")
            return f"invites you to #{room}: /join {room}"
        case Kind.INVITED | Kind.REPORTED | Kind.DELETED | Kind.ROLE:
            return _done_to(event)
        case Kind.KICKED | Kind.BANNED | Kind.MUTED | Kind.UNBANNED | Kind.UNMUTED:
            return _barred(event)
    return because(event.kind.word, event.text)


def _set(event: Event, room: str) -> str:
    setting, value = event.details.get("setting", ""), event.details.get("value", event.text)
    if setting not in SETTINGS:
        return f"set {setting}"
    given, taken = SETTINGS[setting]
    if not value:
        return taken.format(room=room)
    return given.format(room=room, value=told_duration(value * 1000) if setting == "slow" else value)


def _done_to(event: Event) -> str:
    details, name = event.details, event.details.get("name", "")
    match event.kind:
        case Kind.INVITED:
            return f"invited {name}"
        case Kind.REPORTED:
            return f"reports {name} in #{details.get('room', '')}: {event.text}"
        case Kind.DELETED:
            many = len(details.get("eids", ()))
            removed = "removed a message" if many == 1 else f"removed {many} messages"
            return removed if event.nick == name else f"{removed} of {name}"
    given = details.get("role", "")
    return ROLES.get(given, "made {whom} {role}").format(whom=name, role=given)


def _barred(event: Event) -> str:
    """Who must not be here or speak, or may again; addresses are told to nobody."""
    whom = "an address" if "network" in event.details else event.details.get("name", "")
    if event.kind is Kind.UNBANNED:
        return f"lifted the ban of {whom}"
    if event.kind is Kind.UNMUTED:
        return f"let {whom} speak again"
    until = event.details.get("until")
    end = "" if until is None else f" until {told_time(until)}"
    return because(f"{event.kind.word} {whom}{end}", event.text)
