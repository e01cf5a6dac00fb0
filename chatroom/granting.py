"""Whether who asks for something may have it, there where it is to be done; whatever the format and the protocol."""

from __future__ import annotations

from typing import Protocol

from .chat import Chat
from .device import Device
from .request import Command, Refused
from .rights import Role, require
from .room import Room
from .table import NAME_SHOWN, Ask
from .text import shortened


class Asking(Protocol):
    """Who asks."""

    chat: Chat
    device: Device | None
    """None for a stranger, and for the server's owner."""

    @property
    def role(self) -> Role:
        """What they are to the server."""


def granted(asking: Asking, ask: Ask, command: Command) -> dict[str, object]:
    """What the command is to be done with, its room too; raises Refused for who may not, there."""
    device = asking.device
    if not ask.in_room or device is None:
        require(asking.role, ask.right)
        return ask.bind(command)
    given = ask.bind(command)
    given["room"] = room = room_of(asking.chat, device, given.get("room"))
    require(asking.chat.role(device.person.id, room), ask.right)
    return given


def room_of(chat: Chat, here: Device, name: object = None) -> Room:
    """The room of that name, if whoever is here is in it; without a name, the one in which they talk. Raises Refused, the
    same for a room that they may know of and one that is not there."""
    if name is None:
        if here.room is None or here.person.id in here.room.going:
            if here.person.rooms:
                raise Refused("not_in_room", "you talk in none of your rooms; /room ROOM chooses one")
            raise Refused("not_in_room", "you are in no room; /join ROOM enters one, /rooms lists them")
        return here.room
    room = chat.find_room(str(name))
    if room is None or room not in here.person.rooms or here.person.id in room.going:
        shown = shortened(str(name).removeprefix("#"), NAME_SHOWN)
        raise Refused("not_in_room", f"you are not in #{shown}; /join ROOM enters a room")
    return room
