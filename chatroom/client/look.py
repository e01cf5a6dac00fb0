"""What a server said, as lines of text: the same look as who comes by telnet has. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Protocol

from ..request import Answer, Arrived, Command, Refused, Welcome
from ..wire.text import TEXT
from .face import Said
from .happened import in_text, moment


class Who(Protocol):
    """Who is shown it."""

    @property
    def nick(self) -> str: ...
    @property
    def nicks(self) -> Collection[str]:
        """All that were theirs."""

    @property
    def rooms(self) -> Collection[str]: ...
    @property
    def room(self) -> str:
        """In which they talk."""


class Look:
    """How it looks."""

    def __init__(self, times: bool, now: Callable[[], float]) -> None:
        """`times`: the local time before each line. `now` tells seconds since 1970, of what has no time of its own."""
        self._times = times
        self._now = now

    def lines(self, said: Said, who: Who) -> list[str]:
        """Each without its end, and safe for a terminal."""
        if "exported" in said:  # for a program, or a file
            return _lines(TEXT.exported(said["exported"]))
        when = (moment(said.get("time")) if "event" in said else None) or datetime.fromtimestamp(
            self._now()
        ).astimezone()
        if said.get("history"):
            prefix = f"[{when:%Y-%m-%d %H:%M}] "
        else:
            prefix = f"[{when:%H:%M}] " if self._times else ""
        return [prefix + line for line in words_of(said, who, several=len(who.rooms) > 1)]


def words_of(said: Said, who: Who, *, several: bool) -> list[str]:
    """In words; of `several` rooms it is told in which."""
    return _lines(_shown(said, who, several))


def _lines(text: bytes) -> list[str]:
    return text.decode().split("\r\n")[:-1]


def _shown(said: Said, who: Who, several: bool) -> bytes:
    match said:
        case {"event": "private", "nick": str(nick), "to": str(to), "time": str()}:
            return in_text({**said, "event": "said", "nick": _between(nick, to, who)}, several)
        case {"event": str(), "nick": str(), "time": str()}:
            return in_text(said, several)
        case {"welcome": dict(welcome)}:
            return _welcome(welcome)
        case {"refused": {"code": str(code), "words": str(words)}}:
            return TEXT.refuse(Refused(code, words), "")
        case {"joined": dict(there)}:
            return TEXT.joined(_arrived(str(there.get("room")), there.get("others"), there), None, several)
        case {"answer": "join", "room": str(room), "position": str()}:
            return TEXT.joined(_arrived(room, said.get("others"), said), Command("join"), several)
        case {"answer": ("join" | "leave")}:
            now = f"what you say goes to #{who.room} now" if who.room else "you are in no room; /join ROOM enters one"
            return TEXT.answer(Answer(now))
        case {"answer": "password"}:  # which is asked for in fields, and so not answered in words
            return TEXT.answer(Answer("your password was changed, and your other devices are logged out"))
        case {"answer": str(), "words": str(words)} | {"notice": str(words)}:
            return TEXT.answer(Answer(words))
    return b""


def _between(nick: str, to: str, who: Who) -> str:
    """Who wrote to whom, as they see it; by their names where that is not sure, of long ago."""
    if nick == who.nick:
        return f"you -> {to}"
    if to in who.nicks:
        return f"{nick} -> you"
    return f"you -> {to}" if nick in who.nicks else f"{nick} -> {to}"


def _arrived(room: str, others: object, there: Mapping[str, Any]) -> Arrived:
    names = [str(one) for one in others] if isinstance(others, list) else []
    return Arrived(room, 0, names, str(there.get("topic", "")))


def _welcome(welcome: Mapping[str, Any]) -> bytes:
    nick, talks = str(welcome.get("nick")), welcome.get("room")
    rooms = []
    for room, there in sorted(welcome.get("rooms", {}).items(), key=lambda each: each[0] != talks):
        members = there.get("members")
        others = [one for one in members if one != nick] if isinstance(members, list) else []
        rooms.append(_arrived(str(room), others, there))
    return TEXT.welcome(Welcome(nick, "", "", rooms, ""))
