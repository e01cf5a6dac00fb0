"""Up to where we have read: in the room, and in our private messages. Positions are the server's, and only kept. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .face import Said


class Bookmarks:
    """What is said with a hello, so that all that we missed follows, once."""

    def __init__(self) -> None:
        self.room = ""
        self.inbox = ""
        self._newest = ""
        """Where our inbox ended when we came. We have read up to there when `_marker` is answered: before comes, as history,
        what was written to us while we were away."""
        self._marker = ""

    def welcomed(self, there: Mapping[str, Any], inbox: object, marker: str) -> None:
        """`marker`: the request that is answered when all has come that came while we were away."""
        self.room = self.room or _position_in(there)
        self._newest, self._marker = _position_in(inbox), marker
        if not self._newest:
            self.inbox = ""  # a new guest's, of which nothing was read

    def read(self, event: Said) -> None:
        history = bool(event.get("history"))
        if event["event"] != "private":
            self.room = self.room if history else _position_in(event) or self.room
        elif not history or self._newest:  # else it was asked for by /inbox
            self.inbox = _position_in(event) or self.inbox
            self._newest = self._newest if history else ""

    def answered(self, id: str) -> None:
        if id == self._marker:
            self._marker = ""
            self.inbox = self._newest or self.inbox
            self._newest = ""

    def forget(self) -> bool:
        """They are none of this server's; whether there were any."""
        were = bool(self.room or self.inbox)
        self.room = self.inbox = ""
        return were


def _position_in(there: object) -> str:
    return str(there["position"]) if isinstance(there, dict) and "position" in there else ""
