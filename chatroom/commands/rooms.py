"""Rooms: entered, left, looked at."""

from __future__ import annotations

from .. import joining
from ..request import Answer
from ..rights import Right
from ..room import Room
from ..session import Session
from ..table import Parameter, Table, Takes
from ..talking import reason

ROOMS = Table()


@ROOMS.command(
    "join",
    Parameter("room", "ROOM"),
    Parameter("history", "N", Takes.NUMBER, optional=True, by_order=False),
)
async def join(session: Session, room: str, history: int | None = None) -> Answer | None:
    """Enter a room, or open one; what you say goes there."""
    if history is None:
        history = session.chat.settings.history if session.wire.asks else 0
    return await joining.join(session, room, history)


@ROOMS.command(
    "leave", Parameter("room", "ROOM", Takes.ROOM, optional=True), Parameter("why", "why", Takes.REST, optional=True)
)
async def leave(session: Session, room: Room, why: str = "") -> Answer:
    """Leave a room, or the one in which you talk."""
    return await joining.leave(session, room, reason(session, why))


@ROOMS.command("room", Parameter("room", "ROOM", Takes.ROOM, optional=True))
async def room_(session: Session, room: Room) -> Answer:
    """Talk in another of your rooms; alone, show which it is."""
    session.here.room = room
    rules = room.rules
    facts = [f"what you say goes to #{room.name}"]
    facts += [f"topic: {rules.topic}"] if rules.topic else []
    facts += [rules.description] if rules.description else []
    facts += ["private"] if rules.private else []
    facts += ["only who has a voice may talk"] if rules.announce_only else []
    facts += [f"a message each in {rules.slow} seconds"] if rules.slow else []
    facts += ["only accounts may enter"] if rules.lockdown else []
    fields = {"topic": rules.topic, "description": rules.description, "private": rules.private, "slow": rules.slow}
    return Answer(
        "\n".join(facts),
        {"room": room.name, **fields, "announce_only": rules.announce_only, "lockdown": rules.lockdown},
    )


@ROOMS.command("close", Parameter("room", "ROOM", Takes.ROOM), right=Right.OWN_ROOM)
async def close(session: Session, room: Room) -> Answer:
    """Close a room; all that was said there is forgotten."""
    await joining.close(session, room)
    return Answer(f"#{room.name} is closed, and what was said there forgotten", {"room": room.name})


@ROOMS.command("rooms", right=Right.LOOK_AROUND)
async def rooms(session: Session) -> Answer:
    """Show the rooms, and how many are there."""
    inside = session.person.rooms if session.device else tuple(session.chat.rooms.values())
    shown = [room for room in session.chat.rooms.values() if not room.rules.private or room in inside]
    shown.sort(key=lambda room: (-len(room.members.nicks), room.name))
    lines, fields = [], []
    for room in shown:
        people, topic = len(room.members.nicks), room.rules.topic
        yours = ", you too" if session.device and room in inside else ""
        private = ", private" if room.rules.private else ""
        count = f"{people} {'person' if people == 1 else 'people'}{yours}{private}" if people else f"nobody{private}"
        lines.append(f"#{room.name}: {count}{f': {topic}' if topic else ''}")
        about = {"description": room.rules.description} if room.rules.description else {}
        fields.append({"room": room.name, "people": people, "topic": topic, **about})
    return Answer("\n".join(lines), {"rooms": fields})
