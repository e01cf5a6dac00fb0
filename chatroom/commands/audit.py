"""Who decided what: read from the log, which is all that there is to it."""

from __future__ import annotations

from ..event import Entry, Kind
from ..moderating import Scope
from ..request import Answer, Refused
from ..rights import Right, may
from ..room import Room
from ..session import Session
from ..table import Parameter, Table, Takes
from ..times import told_time

AUDIT = Table()

AUDITED = 20
"""Entries of an audit that are shown unless told how many."""

AUDITED_MOST = 500
"""Entries of an audit at once."""

DEEDS = frozenset({
    Kind.OPENED, Kind.CLOSED, Kind.SET, Kind.ROLE, Kind.INVITED, Kind.KICKED, Kind.BANNED, Kind.UNBANNED, Kind.MUTED,
    Kind.UNMUTED,
    Kind.FILTER, Kind.DELETED, Kind.REPORTED, Kind.ANNOUNCED, Kind.OPERATOR,
})  # fmt: skip
"""What an audit tells of."""


@AUDIT.command(
    "audit",
    Parameter("room", "ROOM", Takes.ROOM, optional=True),
    Parameter("limit", "N", Takes.NUMBER, optional=True),
    right=Right.MODERATE,
)
async def audit(session: Session, room: Room, limit: int = AUDITED) -> Answer:
    """Show who decided what in a room, when and why."""
    return await _audit(session, Scope(session.chat, room), limit)


@AUDIT.command(
    "server-audit",
    Parameter("where", "ROOM", optional=True),
    Parameter("limit", "N", Takes.NUMBER, optional=True),
    right=Right.OPERATE,
)
async def server_audit(session: Session, where: str = "", limit: int = AUDITED) -> Answer:
    """Show who decided what on the server, or in any room."""
    if where.isdecimal():
        where, limit = "", min(int(where[:9]), AUDITED_MOST)
    room = session.chat.find_room(where) if where else None
    if where and room is None:
        raise Refused("no_room", f"there is no room {where}")
    return await _audit(session, Scope(session.chat, room), limit)


async def _audit(session: Session, scope: Scope, limit: int) -> Answer:
    entries = await session.chat.storage.read(scope.log, limit=min(limit, AUDITED_MOST), kinds=DEEDS)
    places = may(session.role, Right.SEE_ADDRESSES)
    lines = [_told(entry, places) for entry in entries]
    fields = [_fields(entry, places) for entry in entries]
    return Answer("\n".join(lines) or f"nothing was decided in {scope.shown}", {"deeds": fields})


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) or "none"


def _told(entry: Entry, places: bool) -> str:
    """Who did what to whom, when and why."""
    event, fields = entry.event, _fields(entry, places)
    names = ("change", "whom", "role", "setting", "value", "filter", "action", "pattern")
    told = [_word(fields[name]) for name in names if name in fields]
    until = f" until {fields['until']}" if "until" in fields else ""
    why = f" ({event.text})" if event.text else ""
    return f"{told_time(event.time)} {event.nick or 'the server'}: {' '.join([event.kind.word, *told])}{until}{why}"


def _fields(entry: Entry, places: bool) -> dict[str, object]:
    event, details = entry.event, entry.event.details
    fields: dict[str, object] = {"time": told_time(event.time), "by": event.nick, "what": event.kind.word}
    if "name" in details:
        fields["whom"] = "an address" if details.get("network") and not places else details["name"]
    for name in ("role", "setting", "value", "filter", "action", "pattern", "change"):
        if name in details:
            fields[name] = details[name]
    if "until" in details:
        fields["until"] = told_time(int(details["until"]))
    if places and details.get("address"):
        fields["address"] = details["address"]
    return {**fields, **({"why": event.text} if event.text else {})}
