"""What a server said, as lines of text: the same look as who comes by telnet has. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Protocol

from ..event import Entry, Event, Kind
from ..request import Answer, Refused, Welcome
from ..wire.text import TEXT
from .face import Said

KINDS = {kind.value: kind for kind in Kind}


class Who(Protocol):
    """Whose private messages these are."""

    @property
    def nick(self) -> str: ...
    @property
    def nicks(self) -> Collection[str]:
        """All that were theirs."""


class Look:
    """How it looks."""

    def __init__(self, times: bool, now: Callable[[], float]) -> None:
        """`times`: the local time before each line. `now` tells seconds since 1970, of what has no time of its own."""
        self._times = times
        self._now = now

    def lines(self, said: Said, who: Who) -> list[str]:
        """Each without its end, and safe for a terminal."""
        when, lines = self._read(said, who)
        if said.get("history"):
            prefix = f"[{when:%Y-%m-%d %H:%M}] "
        else:
            prefix = f"[{when:%H:%M}] " if self._times else ""
        return [prefix + line for line in lines]

    def _read(self, said: Said, who: Who) -> tuple[datetime, list[str]]:
        when = datetime.fromtimestamp(self._now()).astimezone()
        match said:
            case {"event": "private", "nick": str(nick), "to": str(to), "time": str(time)}:
                when = _local(time) or when
                shown = _event("said", _between(nick, to, who), said)
            case {"event": str(word), "nick": str(nick), "time": str(time)}:
                when = _local(time) or when
                shown = _event(word, nick, said)
            case {"welcome": dict(welcome)}:
                shown = _welcome(welcome)
            case {"refused": {"code": str(code), "words": str(words)}}:
                shown = TEXT.refuse(Refused(code, words), "")
            case {"answer": "password"}:  # which is asked for in fields, and so not answered in words
                shown = TEXT.answer(Answer("your password was changed, and your other devices are logged out"))
            case {"answer": str(), "words": str(words)} | {"notice": str(words)}:
                shown = TEXT.answer(Answer(words))
            case _:
                shown = b""
        return when, shown.decode().split("\r\n")[:-1]


def _between(nick: str, to: str, who: Who) -> str:
    """Who wrote to whom, as they see it; by their names where that is not sure, of long ago."""
    if nick == who.nick:
        return f"you -> {to}"
    if to in who.nicks:
        return f"{nick} -> you"
    return f"you -> {to}" if nick in who.nicks else f"{nick} -> {to}"


def _local(time: str) -> datetime | None:
    try:
        return datetime.fromisoformat(time).astimezone()
    except (ValueError, OverflowError):
        return None


def _event(word: str, nick: str, said: Said) -> bytes:
    kind = KINDS.get(word)
    if kind is None:
        return b""  # of a newer server
    text = said.get("reason" if kind is Kind.LEFT else "text", "")
    event = Event(kind, 0, "", "", nick, str(text), {"new": str(said.get("new", ""))})
    return b"".join(TEXT.render("", [Entry(0, event)]))


def _welcome(welcome: dict[str, Any]) -> bytes:
    nick = str(welcome.get("nick"))
    for room, there in welcome.get("rooms", {}).items():
        others = [str(member) for member in there.get("members", ()) if member != nick]
        return TEXT.welcome(Welcome(nick, "", "", str(room), 0, others, ""))
    return b""
