"""What Tab completes, as it became known: the server's commands, the rooms there are, who is here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ...request import Command
from ..face import Said
from .local import USAGE
from .windows import Windows

COMMANDS, ROOMS = Command("help", fields={}), Command("rooms", fields={})
"""What is asked of the server, and shown to nobody."""


class Known:
    """Keeps the commands and rooms that the server told; who is here the windows know."""

    def __init__(self, windows: Windows, ask: Callable[[Command], None]) -> None:
        self.commands: Mapping[str, str] = USAGE
        self._ask = ask
        self._windows = windows
        self._rooms: list[str] = []

    def welcomed(self) -> None:
        """We may be somebody else now, or the server another version."""
        self._ask(COMMANDS)
        self._ask(ROOMS)

    def refresh(self) -> None:
        self._ask(ROOMS)

    def told(self, answer: Said) -> None:
        """An answer, to one of these perhaps."""
        match answer:
            case {"answer": "help", "commands": dict(commands)} if len(commands) > 1:  # else one was asked about
                usages = {name: str(told.get("usage", "")) for name, told in commands.items() if isinstance(told, dict)}
                usages.pop("echo", None)  # which this program needs for itself
                self.commands = {name.replace("server-", "server "): usage for name, usage in usages.items()} | USAGE
            case {"answer": "rooms", "rooms": list(rooms)}:
                self._rooms = [str(there.get("room")) for there in rooms if isinstance(there, dict)]

    @property
    def people(self) -> Iterable[str]:
        window = self._windows.current
        spoke = [nick for nick in window.spoke if nick in window.people]
        return dict.fromkeys([*spoke, *sorted(window.people, key=str.casefold)])

    @property
    def rooms(self) -> Iterable[str]:
        return dict.fromkeys([*(window.room for window in self._windows if window.room), *self._rooms])
