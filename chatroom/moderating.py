"""Order is kept in a room by its moderators, and on the server by its operators: the same is done in both, and told in the
log of the one or of the other. Knows what all such deeds have in common; the deeds are elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .admission import held_by
from .bans import Who, told
from .chat import Chat
from .directory import SERVER_LOG
from .event import NO_DETAILS, Event, Kind
from .request import Refused
from .rights import Role
from .room import Room
from .rules import Rules
from .seams import Batch, not_saved
from .session import Session


class Scope(NamedTuple):
    """Where order is kept: in a room, or on the whole server."""

    chat: Chat
    room: Room | None = None

    @property
    def log(self) -> str:
        return self.room.log.name if self.room else SERVER_LOG

    @property
    def rules(self) -> Rules:
        return self.room.rules if self.room else self.chat.directory.rules

    @property
    def shown(self) -> str:
        return f"#{self.room.name}" if self.room else "this server"

    @property
    def fields(self) -> dict[str, object]:
        return {"room": self.room.name} if self.room else {}

    def role(self, id: str) -> Role:
        return self.chat.role(id, self.room)


def above(session: Session, scope: Scope, id: str, shown: str) -> None:
    """Raises Refused unless who asks outranks somebody."""
    asking = scope.role(session.person.id) if session.device else Role.CONSOLE
    other = scope.role(id)
    if not asking.outranks(other):
        raise Refused("outranked", f"{shown} is {other.value} here, and you are {asking.value}")


def refuse_muted(scope: Scope, asking: Who) -> None:
    """Raises Refused for who may not talk there."""
    mute = held_by(scope.chat, scope.rules.mutes, asking, scope.room)
    if mute:
        words = f"you are muted in {scope.shown}: {told(mute, scope.chat.milliseconds(), places=False)}"
        raise Refused("muted", words, scope.fields)


def deed(
    session: Session, scope: Scope, kind: Kind, text: str = "", details: Mapping[str, Any] = NO_DETAILS
) -> tuple[str, Event]:
    """What somebody does to keep order, as it is told in the log."""
    person = session.device.person if session.device else None
    id, nick = (person.id, person.name.shown) if person else ("", "")
    return scope.log, scope.chat.event(kind, id, nick, text, details)


async def save(scope: Scope, events: Batch) -> None:
    failed = await scope.chat.save(events)
    if failed:
        raise not_saved("that", failed)


async def set_(session: Session, scope: Scope, setting: str, value: object = None, text: str = "") -> None:
    details = {"setting": setting} if value is None else {"setting": setting, "value": value}
    await save(scope, [deed(session, scope, Kind.SET, text, details)])
