"""What was asked of the past: the server tells it before its answer, and it belongs to the oldest question. Pure."""

from __future__ import annotations

from typing import NamedTuple

from ..face import Said
from .windows import Window


class Wanted(NamedTuple):
    """By one request."""

    window: Window | None
    """Above whose lines it goes; None where hits are listed."""
    found: list[Said]
    before: str = ""
    """Where that window began when it was asked."""
    passes: bool = False
    """It stands behind history that nobody looked for: what comes until its answer is no hit."""


class Lookback:
    """Requests, in order, with what has come of them so far."""

    def __init__(self) -> None:
        self._wanted: dict[str, Wanted] = {}

    def ask(self, id: str, window: Window | None, before: str = "") -> None:
        self._wanted[id] = Wanted(window, [], before)

    def mark(self, id: str) -> None:
        """Until this is answered comes what is told of where we came in."""
        self._wanted[id] = Wanted(None, [], passes=True)

    def asked(self, window: Window) -> bool:
        """Whether older lines of that window are on their way."""
        return any(wanted.window is window for wanted in self._wanted.values())

    def takes(self, said: Said) -> bool:
        """Whether it was asked for."""
        first = next(iter(self._wanted.values()), None)
        if first is None or first.passes or not said.get("history"):
            return False
        if first.window is not None and said.get("room") != first.window.room:
            return False
        first.found.append(said)
        return True

    def done(self, id: str) -> Wanted | None:
        return self._wanted.pop(id, None)

    def again(self) -> None:
        """The connection is lost: all that has no answer yet is asked again."""
        for wanted in self._wanted.values():
            wanted.found.clear()
