"""What somebody says, on its way into the log: one event of each line, in the rooms or inboxes where it is to be read."""

from __future__ import annotations

from collections.abc import Sequence

from .event import Kind
from .inbox import inbox_log
from .journal import Told
from .person import Device
from .room import Room


def append(device: Device, room: Room, kind: Kind, text: str, id: str, told: Told) -> int:
    """Have something that is said or done here committed in a room: once, if it has an id. Returns what the journal's
    `settled` takes to wait for it."""
    person = device.person
    event = person.server.event(kind, device.by, person.name.shown, text, *({"id": id},) if id else ())
    return person.server.journal.append(((room.log.name, event),), told)


def talk(device: Device, room: Room, texts: Sequence[str], told: Told) -> int:
    """Have several lines that are said on a device committed together."""
    person = device.person
    log = room.log.name
    return person.server.journal.append(
        [(log, event) for event in person.server.talk(device.by, person.name.shown, texts)], told
    )


def write(device: Device, to: str, inbox: str, text: str, id: str, told: Told) -> int:
    """Have a private message committed, for whoever is called `to` now and has that inbox, and in one's own."""
    person = device.person
    details = {"to": to, **({"id": id} if id else {})}
    event = person.server.event(Kind.PRIVATE, device.by, person.name.shown, text, details)
    # One's own first: a repeat is told by it. One log, of who writes to themselves.
    logs = dict.fromkeys((inbox_log(person.id), inbox))
    return person.server.journal.append([(log, event) for log in logs], told)
