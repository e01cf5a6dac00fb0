"""In which rooms we are, and in which of them we talk: what is typed is meant for that one, whatever becomes of it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..request import Command, Refused
from .bookmarks import Bookmarks
from .face import Said
from .outbox import BECOMING, IN_PRIVATE, MOVING, Asked, line_of

TALKING = ("say", "me")

ANYWHERE = frozenset({
    *IN_PRIVATE, *BECOMING, *MOVING, "help", "nick", "rooms", "search", "export", "inbox", "ignore", "unignore", "whois",
    "away", "back", "register", "account", "password", "claim", "accounts", "add-account", "set-password", "announce",
    "server-kick", "server-ban", "server-unban", "server-bans", "server-mute", "server-unmute", "server-lockdown",
    "server-filter", "server-audit",
})  # fmt: skip
"""What is asked by these is the same in every room."""


class Whereabouts:
    """Ours."""

    def __init__(self, stamp: str, wanted: Sequence[str]) -> None:
        """`wanted`: the rooms to be entered, instead of the server's first; one talks in the first of them."""
        self.bookmarks = Bookmarks()
        self.room = ""
        """Where what is typed goes, if we are still there; empty for nowhere."""
        self._stamp = stamp
        self._wanted = list(wanted)
        self._opens = False
        """Some of these are not there yet."""
        self._refused = ""
        """A room that we were to talk in, and may not: what was typed for it, not knowing that, is said nowhere."""
        self._there = ""
        """Where the server takes what names no room to be meant for; empty where that is not known."""

    @property
    def rooms(self) -> Collection[str]:
        """All that we are in."""
        return self.bookmarks.rooms

    # What is asked

    def bind(self, command: Command, history: int) -> Command:
        """The command so that it means the same wherever the server thinks that we talk, if it can be said so; raises Refused
        for what was meant for a room in which we are not. `history`: lines to be shown of a room that is joined."""
        if command.fields is not None:
            return command
        name, words = command.name, command.words
        room, _, why = words.partition(" ")
        if name == "join" and room and not why:
            return Command("join", fields={"room": room, "history": history})
        if name == "leave" and room and not room[0].isdecimal():
            return Command("leave", fields={"room": room, **({"why": why} if why.strip() else {})})
        if name in ANYWHERE and name != "leave":
            return command
        self._check(alike=name not in (*TALKING, "leave"))
        if name == "leave":
            return Command("leave", fields={"room": self.room, **({"why": words} if words else {})})
        return Command(name, fields={"room": self.room, "text": words.lstrip()}) if name in TALKING else command

    def _check(self, alike: bool) -> None:
        """`alike`: of who is in no room, the server knows that too."""
        if self._refused:
            raise Refused("not_in_room", f"you are not in #{self._refused}: what was meant for it is said nowhere")
        if not (self.room or alike):
            raise Refused("not_in_room", "you are in no room; /join ROOM enters one, /rooms lists them")
        if self.room and self.room not in self.rooms:
            raise Refused("not_in_room", f"you are not in #{self.room} any more; /join or /room tells where to talk")

    def lead(self, asked: Asked) -> bytes:
        """What goes before a request that names no room, so that it is done where it was meant."""
        if asked.bound or asked.room == self._there or asked.room not in self.rooms:
            return b""
        self._there = asked.room
        return line_of({"room": {"room": asked.room}, "id": self._stamp})

    def misses(self, asked: Asked) -> bool:
        """Whether the request, sent again, would be done elsewhere than it was meant."""
        return not asked.bound and asked.room not in self.rooms and bool(self.rooms)

    def informed(self) -> None:
        """Whoever types knows what has been refused: what comes now is meant for the room in which they talk."""
        self._refused = ""

    # Coming in

    def hello(self, entered: bool) -> dict[str, Any]:
        """What is said of it. `entered`: we were in before."""
        hello: dict[str, Any] = {"inbox": {"after": self.bookmarks.inbox}} if self.bookmarks.inbox else {}
        if entered:
            rooms = {room: {"after": after} if after else {} for room, after in self.bookmarks.rooms.items()}
        else:
            rooms = {} if self._opens else {room: {} for room in self._wanted}
        return {**hello, "rooms": rooms} if rooms else hello

    def without(self, refused: Said, entered: bool) -> bool:
        """Whether we may come in after all, asking for less."""
        rooms, room = self.bookmarks.rooms, refused.get("room")
        match refused["code"]:
            case "position_unknown":
                return self.bookmarks.forget(room)
            case "no_room" if not entered and self._wanted and not self._opens:
                self._opens = True
                return True
            case "no_room" if rooms:
                # Some servers tell which in words only.
                named = room or next((one for one in rooms if refused["words"].endswith(f"#{one}")), next(iter(rooms)))
                return rooms.pop(str(named), None) is not None
            case "too_many_rooms" if rooms:
                rooms.popitem()
                return True
        return False

    def welcomed(self, rooms: Mapping[str, Any], room: object, entered: bool) -> None:
        """We are in just these rooms, as the bookmarks know already, and in the server's eyes talk in that one."""
        self._there = room if isinstance(room, str) and room in rooms else ""
        if not entered:
            self.room = self._there

    def moves(self, account: bool) -> list[Command]:
        """What is to be asked, once, to be just where we wanted."""
        wanted, self._wanted = self._wanted, []
        if not wanted:
            return []
        missing = [room for room in reversed(wanted) if not self.named(room)]
        if wanted[0] not in missing and (missing or self.named(wanted[0]) != self.room):
            missing.append(wanted[0])  # of which is told that we talk there
        entrance = self.rooms if self._opens and not account else ()  # accounts have rooms of their own
        left = [room for room in entrance if room not in [self.named(one) for one in wanted]]
        return [*(Command("join", room) for room in missing), *(Command("leave", room) for room in left)]

    def named(self, room: str) -> str:
        """Which of our rooms is called so."""
        room = room.removeprefix("#").casefold()
        return next((one for one in self.rooms if one.casefold() == room), "")

    # What becomes of it

    def came(self, room: str, position: str) -> None:
        """We are in one more room."""
        self.bookmarks.rooms[room] = position
        self.room = self.room or room

    def talks(self, room: str) -> None:
        """What is typed goes to that room from now on, in our eyes and in the server's."""
        self._there = room
        self.goes(room)

    def goes(self, room: str) -> None:
        """The same, in our eyes only."""
        self.room, self._refused = room, ""

    def left(self, room: str) -> None:
        """We are in a room no more. What is typed goes to another only when we asked for it."""
        self.bookmarks.rooms.pop(room, None)
        if room == self._there:
            self._there = ""

    def turned(self, room: str) -> None:
        """We left it as we asked: what is typed goes to another."""
        self.left(room)
        if self.room == room:
            self.room = next(reversed(self.bookmarks.rooms), "")

    def barred(self, asked: Asked) -> None:
        """We may not talk where we asked to."""
        if asked.room != self.room:  # which it is where none was named
            self._refused = asked.room
