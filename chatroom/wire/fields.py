"""What happened, in fields: what a format for programs tells of one event, beside its kind, place, time and author.

Of an event's details only what stands here goes out: others are secrets, addresses, ids of people, rooms of elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..event import Event, Kind
from ..times import rfc3339

UNTOLD = frozenset({Kind.READ, Kind.ROOMS, Kind.OPENED, Kind.ERASED, Kind.FILTER, Kind.CHANGED})
"""The reader's own notes, what concerns nobody but who runs the server or a room, and what EDITED tells already."""


def is_told(kind: Kind, log: str) -> bool:
    """Whether the readers of a log are told of it; what was reported to moderators stands in their inboxes too."""
    return kind not in UNTOLD and not (kind is Kind.REPORTED and log[:1] == "#")


def fields_of(event: Event, log: str) -> dict[str, object]:
    """None for most kinds."""
    text, details = event.text, event.details
    match event.kind:
        case Kind.SAID | Kind.DID:
            return {"text": text, **_given(details, "id", "removed", "edited")}
        case Kind.PRIVATE:
            return {"to": details.get("to", ""), "text": text, **_given(details, "id")}
        case Kind.AWAY | Kind.ANNOUNCED:
            return {"text": text}
        case Kind.LEFT:
            return _reason(text)
        case Kind.PARTED:
            return {**_reason(text), **_given(details, "put_out")}
        case Kind.RENAMED:
            return {"new": details.get("new", "")}
        case Kind.STARTED:
            return {"members": [forms[0] for forms in details.get("kept", {}).values()]}
        case Kind.EDITED:
            return {"of": details.get("eid", ""), "text": text, **_given(details, "removed")}
        case Kind.SET:
            return {"setting": details.get("setting", ""), "value": details.get("value", text)}
    return _done_to(event, log)


def _done_to(event: Event, log: str) -> dict[str, object]:
    details = event.details
    whom = {} if "network" in details else {"whom": details.get("name", "")}  # else it is called by its address
    match event.kind:
        case Kind.DELETED:
            return {"of": details.get("eids", []), **whom}
        case Kind.ROLE:
            return {**whom, "role": details.get("role", "")}
        case Kind.INVITED:
            return {**whom, **({"to": details.get("room", "")} if log[:1] == "@" else {})}
        case Kind.REPORTED:
            return {**whom, "in": details.get("room", ""), **_reason(event.text)}
        case Kind.BANNED | Kind.MUTED if "until" in details:
            return {**whom, **_reason(event.text), "until": rfc3339(details["until"])}
        case Kind.KICKED | Kind.BANNED | Kind.MUTED:
            return {**whom, **_reason(event.text)}
        case Kind.UNBANNED | Kind.UNMUTED:
            return whom
    return {}


def _reason(text: str) -> dict[str, object]:
    return {"reason": text} if text else {}


def _given(details: Mapping[str, Any], *names: str) -> dict[str, object]:
    return {name: details[name] for name in names if name in details}
