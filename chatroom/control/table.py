"""What chatroomctl can ask a server, under which names, and what of it is done on the file where none runs."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..commands import COMMANDS
from ..operations.commands import commands
from ..rights import Role, may
from ..table import Ask, Table

TABLE = Table(COMMANDS, commands(None))
"""The server's own, though what only one that runs can answer does nothing here."""

ON_FILE = frozenset({
    "accounts", "add-account", "set-password", "server-ban", "server-unban", "server-bans", "server-mute", "server-unmute",
    "server-lockdown", "server-filter", "server-audit",
})  # fmt: skip
"""What reads the log, or appends to it what the next server finds there. All else is about who is here, or what runs."""

IN_ROOMS = frozenset({"server-audit"})
"""What may be about a room: without a server, these take up their logs too."""

ENDLESS = frozenset({"tail"})
"""What goes on after its answer, until one side ends it."""

_SERVER = "server-"
"""Stands before what is done to the whole server and not in a room. Who asks here is in no room: it goes without saying."""


def ours(table: Table) -> dict[str, Ask]:
    """What the server's owner may ask, by the name that it has in a shell. What a stranger may do too is about a connection,
    such as to end it."""
    asks = [ask for ask in table if ask.listed and may(Role.CONSOLE, ask.right) and not may(Role.STRANGER, ask.right)]
    taken = {ask.name for ask in asks}
    return {_short(ask.name, taken): ask for ask in asks}


def _short(name: str, taken: set[str]) -> str:
    short = name.removeprefix(_SERVER)
    return name if short in taken else short


def in_shell(words: str, known: Mapping[str, Ask]) -> str:
    """What the server says about its commands, as it is typed here."""

    def typed(found: re.Match[str]) -> str:
        return f"chatroomctl {found[1]}" if found[1] in known else found[0]

    return re.sub(r"(?<!\S)/(?:server )?([a-z-]+)", typed, words)
