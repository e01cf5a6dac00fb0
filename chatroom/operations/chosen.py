"""From what was chosen, option by option, to what the chat is told."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from .. import __version__
from ..names import nickname, room_name
from ..rights import Right
from ..settings import Plaintext, Settings
from ..times import DAY
from .memory import has_memory
from .values import UNLIMITED

ROOM_CREATION = {"anyone": Right.CHAT, "accounts": Right.OWN, "operators": Right.OPERATE}
"""What one has to be, to open a room."""

NO_LIMITS: Mapping[str, Any] = {
    "logins_a_minute": 0,
    "logins_of_address_a_minute": 0,
    "registrations_an_hour": 0,
    "presence_burst": 0,
}


def settings_of(values: Mapping[str, Any]) -> Settings:
    """What the chat itself goes by."""
    unlimited = values["no-limits"]
    interval, burst = values["rate"]
    ascii_only = values["nicknames"] == "ascii"
    return Settings(
        server_name=values["server-name"],
        version=__version__,
        rooms=values["room"],
        room_name=partial(room_name, ascii_only=ascii_only),
        room_creation=ROOM_CREATION[values["room-creation"]],
        rooms_of_one=values["rooms-per-account"],
        rooms_in_all=values["rooms"],
        retention=values["retention"],
        addresses_for=values["address-days"] * DAY,
        motd=values["motd"],
        history=values["history"],
        nickname=partial(nickname, ascii_only=ascii_only),
        line_interval=0.0 if unlimited else interval,
        line_burst=burst,
        greeting_timeout=values["greeting-timeout"],
        connections=values["connections"],
        has_memory=has_memory,
        connections_per_address=UNLIMITED if unlimited else values["connections-per-address"],
        stalled_timeout=values["stalled"],
        grace=values["grace"],
        operators=values["operator"],
        registration=values["registration"] == "open",
        guests=not values["auth"] if values["guests"] is None else values["guests"],
        password=values["server-password-file"],
        plaintext=Plaintext(values["plaintext-passwords"]),
        **(NO_LIMITS if unlimited else {}),
    )
