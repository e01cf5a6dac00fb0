"""Rooms as windows, of which one is looked at: numbered, with what was not read in the others. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from .transcript import Transcript

HOME = ""
"""The window that is there while one is in no room."""


SPEAKERS = 20
"""People who spoke lately, whose names are completed before others'."""


class Window:
    """One room, as it is looked at."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.transcript = Transcript()
        self.topic = ""
        self.people: dict[str, None] = {}
        """Who is in the room; empty once we are not."""
        self.spoke: list[str] = []
        """Who spoke lately, the last first."""
        self.unread = 0
        """Lines of talk that came while it was not looked at."""
        self.mentions = 0
        """Of these, those that are meant for us."""

    def heard(self, nick: str) -> None:
        """Somebody spoke."""
        self.spoke = [nick, *(one for one in self.spoke if one != nick)][:SPEAKERS]


class Windows:
    """All of them, in the order in which they came: so each keeps its number while others come."""

    def __init__(self) -> None:
        self.current = Window(HOME)
        self._windows: list[Window] = [self.current]

    def __iter__(self) -> Iterator[Window]:
        return iter(self._windows)

    def __len__(self) -> int:
        return len(self._windows)

    def get(self, room: str) -> Window | None:
        """The window of a room, however it is capitalised."""
        return next((window for window in self._windows if window.room.casefold() == room.casefold()), None)

    def number(self, window: Window) -> int:
        """From 1."""
        return self._windows.index(window) + 1

    def open(self, room: str) -> Window:
        """The window of a room; the first room has what was told before there was one."""
        window = self.get(room)
        if window is None:
            window = self.get(HOME)
            if window is None:
                window = Window(room)
                window.transcript.mark()
                self._windows.append(window)
            window.room = room
        return window

    def close(self, window: Window) -> None:
        if len(self._windows) == 1:
            self.current = Window(HOME)
            self._windows = [self.current]
            return
        at = self._windows.index(window)
        self._windows.remove(window)
        if window is self.current:
            self.current = self._windows[max(0, at - 1)]
            self._looked_at()

    def show(self, window: Window) -> None:
        if window is not self.current:
            self.current.transcript.to_the_end()
            self.current.transcript.mark()
            self.current = window
            self._looked_at()

    def at(self, number: int) -> Window | None:
        """The window of that number, from 1."""
        return self._windows[number - 1] if 0 < number <= len(self._windows) else None

    def beside(self, step: int) -> Window:
        """So many further on, round and round."""
        return self._windows[(self._windows.index(self.current) + step) % len(self._windows)]

    def unread(self) -> Window | None:
        """Where something was said to us, or else at all, that was not read."""
        waiting = [window for window in self._windows if window.unread]
        return next((window for window in waiting if window.mentions), waiting[0] if waiting else None)

    def with_person(self, nick: str) -> Collection[Window]:
        return [window for window in self._windows if nick in window.people]

    def _looked_at(self) -> None:
        window = self.current
        window.unread = window.mentions = 0
        window.transcript.read_on()
