"""Up to where we have read: in each room, and in our private messages. Positions are the server's, and only kept. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .face import Said

IN_SEVERAL = ("renamed", "away", "back", "left", "announced")
"""Events that may stand in several of our rooms, and come under one of them."""

COPIES_KNOWN = 1000
"""So many of these are known again: after one of the rooms is left, the server takes the copy in another for new."""


class Bookmarks:
    """What is said with a hello, so that all that we missed follows, once."""

    def __init__(self) -> None:
        self.rooms: dict[str, str] = {}
        """Of each room we are in; empty where none is known."""
        self.inbox = ""
        self._newest = ""
        """Where our inbox ended when we came. We have read up to there when `_marker` is answered: before comes, as history,
        what was written to us while we were away."""
        self._marker = ""
        self._copies: dict[str, None] = {}

    def welcomed(self, rooms: Mapping[str, Any], inbox: object, marker: str) -> None:
        """We are in just these rooms. `marker`: the request that is answered when all has come that came while we were
        away."""
        kept = [room for room in self.rooms if room in rooms]
        self.rooms = {room: self.rooms.get(room) or position_in(rooms[room]) for room in dict.fromkeys([*kept, *rooms])}
        self._newest, self._marker = position_in(inbox), marker
        if not self._newest:
            self.inbox = ""  # a new guest's, of which nothing was read

    def read(self, event: Said) -> None:
        history, room = bool(event.get("history")), event.get("room")
        if room is not None:
            if not history and room in self.rooms:
                self.rooms[room] = position_in(event) or self.rooms[room]
        elif not history or self._newest:  # else it was asked for by /inbox
            self.inbox = position_in(event) or self.inbox
            self._newest = self._newest if history else ""

    def knows(self, event: Said) -> bool:
        """Whether it came already, under another room."""
        eid = event.get("eid")
        if event["event"] not in IN_SEVERAL or event.get("history") or not isinstance(eid, str):
            return False
        if eid in self._copies:
            return True
        self._copies[eid] = None
        if len(self._copies) > COPIES_KNOWN:
            del self._copies[next(iter(self._copies))]
        return False

    def answered(self, id: str) -> None:
        if id == self._marker:
            self._marker = ""
            self.inbox = self._newest or self.inbox
            self._newest = ""

    def forget(self, room: object) -> bool:
        """The one there, or without a room that of the inbox, is none of this server's; whether there was one."""
        if isinstance(room, str):
            was, self.rooms = self.rooms.get(room), {**self.rooms, **({room: ""} if room in self.rooms else {})}
            return bool(was)
        inbox, self.inbox = self.inbox, ""
        return bool(inbox)


def position_in(there: object) -> str:
    return str(there["position"]) if isinstance(there, dict) and "position" in there else ""
