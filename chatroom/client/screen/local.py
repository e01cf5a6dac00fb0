"""Commands that the client does itself: of the screen, which the server does not know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from ...request import Command, Refused
from .keys import HELP as KEYS
from .windows import HOME, Window, Windows

BELLS = {
    "mentions": "the bell rings for private messages, and where you are named",
    "all": "the bell rings for everything that others say",
    "off": "the bell does not ring",
}
"""For what it may ring."""

USAGE = {
    "bell": "/bell [off|mentions|all]",
    "clear": "/clear",
    "keys": "/keys",
}
"""What is completed and told of them beside the server's own."""


ALIASES = {"names": "who", "part": "leave", "query": "msg", "window": "room", "win": "room", "exit": "quit"}
"""What people type who come from clients for IRC."""


class Told(Protocol):
    """The face, which these commands have show something, or leave."""

    windows: Windows

    def notice(self, words: str) -> None: ...
    def show_window(self, window: Window) -> None: ...
    def leave(self, reason: str = "") -> None: ...


class Local:
    """Does those commands, and keeps for what the bell is to ring."""

    def __init__(self, told: Told, bell: str) -> None:
        self.bell = bell
        self._told = told
        self._commands: Mapping[str, Callable[[str], bool]] = {
            "quit": self._quit,
            "bell": self._bell,
            "clear": self._clear,
            "keys": self._keys,
            "help": self._help,
            "room": self._room,
            "leave": self._leave,
            "export": self._export,
        }

    def obey(self, command: Command) -> bool:
        """Whether it is done, and nothing is asked of the server; raises Refused."""
        own = self._commands.get(command.name)
        return own is not None and command.fields is None and own(command.words.strip())

    def _quit(self, words: str) -> bool:
        self._told.leave(words)
        return True

    def _bell(self, words: str) -> bool:
        chosen = {"on": "mentions", "": self.bell}.get(words.lower(), words.lower())
        if chosen not in BELLS:
            raise Refused("bad_arguments", f"it is {USAGE['bell']}")
        self.bell = chosen
        self._told.notice(BELLS[chosen])
        return True

    def _clear(self, words: str) -> bool:
        self._told.windows.current.transcript.clear()
        return True

    def _keys(self, words: str) -> bool:
        self._told.notice(KEYS)
        return True

    def _help(self, words: str) -> bool:
        """Of one of ours; the server tells of its own."""
        name = words.removeprefix("/").lower()
        if name in USAGE:
            self._told.notice(USAGE[name])
        return name in USAGE

    def helped(self, commands: object) -> None:
        """The server has told of these."""
        if isinstance(commands, dict) and len(commands) > 1:
            own = "of this screen: /keys lists the keys, /bell says when it rings, /clear empties this window"
            self._told.notice(f"{own}; PageUp looks back")

    def rings(self, calls: bool, talk: bool) -> bool:
        """Whether the bell does, for what others said (`talk`), perhaps to us (`calls`)."""
        return (calls and self.bell != "off") or (talk and self.bell == "all")

    def _room(self, words: str) -> bool:
        """A window's number, or the name of a room that has one."""
        windows = self._told.windows
        window = windows.at(int(words)) if words.isdecimal() and words.isascii() and len(words) < 5 else None
        window = window or (windows.get(words.removeprefix("#")) if words else None)
        if window is None and words.isdecimal():  # no room's name begins with a digit
            raise Refused("bad_arguments", f"there is no window {words[:5]}; there are {len(windows)}")
        if window is not None:
            self._told.show_window(window)
        return window is not None

    def _export(self, words: str) -> bool:
        """It is for a file, or a program."""
        raise Refused("bad_arguments", "not on a screen; into a file: echo /export | chatroom ... > FILE")

    def _leave(self, words: str) -> bool:
        """The window of a room in which we are not any more."""
        windows = self._told.windows
        window = windows.get(words.removeprefix("#") or windows.current.room)
        if window is None or window.people or window.room == HOME:
            return False
        windows.close(window)
        self._told.show_window(windows.current)
        return True
