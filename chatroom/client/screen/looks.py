"""What a server said, as lines of a window. Pure: tells the look of each, not where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from ...wire.words import people
from ..face import Said
from ..happened import moment
from ..look import Who, words_of
from .cells import Piece
from .line import Line, names
from .palette import nick_style

TALK = ("said", "did", "private")


class Looks:
    """As one person sees it."""

    def __init__(self, who: Who) -> None:
        self._who = who

    def calls_us(self, said: Said) -> bool:
        """Somebody wrote to us, or names us."""
        who = self._who
        if said.get("nick") in who.nicks or said["event"] not in TALK:
            return False
        return said["event"] == "private" or names(who.nick, str(said.get("text", "")))

    def line(self, said: Said) -> Line | None:
        """What is shown of it; None for nothing."""
        when = moment(said.get("time")) or now()
        if said.get("event") not in TALK:
            return self.told(said, when)
        text, style, note = str(said.get("text", "")), self._style(said), ""
        if said.get("removed") is True:
            text, style = "(removed)", "class:event"
        elif said.get("edited") is True:
            note = "edited"
        line = Line(when, self._head(said), text, style, eid=str(said.get("eid", "")), position=_position(said))
        line.note = note
        return line

    def told(self, said: Said, when: datetime) -> Line | None:
        """What is no talk, in words."""
        lines = words_of(said, self._who, several=False)
        if not lines:
            return None
        style = "class:refused" if "refused" in said else "class:event" if "event" in said else "class:notice"
        if said.get("event") == "announced":
            style = "class:mention"
        return Line(when, (), "\n".join(lines), style, position=_position(said))

    def found(self, said: Said) -> Line | None:
        """The same, among other things that were looked for."""
        line = self.line(said)
        if line is not None:
            room = f"#{said['room']} " if "room" in said else ""
            line.stamp, line.when = f"{line.when:%Y-%m-%d %H:%M} {room}", now()
            line.eid = line.position = ""
        return line

    def welcome(self, room: str, others: Sequence[str], topic: str) -> Line:
        """Who we are, and where."""
        where = f"in #{room} with {people(others)}" if others else f"alone in #{room}" if room else "in no room"
        about = f"\n* Topic of #{room}: {topic}" if topic else ""
        return Line(
            now(), (), f"* You are {self._who.nick}, {where}. /help: commands, /keys: keys.{about}", "class:notice"
        )

    def pending(self, name: str, to: str, text: str) -> Line:
        """What was typed, until its outcome is seen: words that are said have a head, commands have none."""
        head = {
            "say": (*nick_of(self._who.nick), Piece("class:pending", ": ")),
            "me": (Piece("class:pending", "* "), *nick_of(self._who.nick), Piece("", " ")),
            "msg": (Piece("class:pending", f"you -> {to}: "),),
            "reply": (Piece("class:pending", "you -> ...: "),),
        }.get(name, ())
        return Line(now(), head, text, "class:pending")

    def _head(self, said: Said) -> tuple[Piece, ...]:
        nick = str(said.get("nick"))
        match said["event"]:
            case "did":
                return (Piece("class:event", "* "), *nick_of(nick), Piece("", " "))
            case "private":
                who, to = self._who, str(said.get("to"))
                ours = nick in who.nicks
                other = to if ours else nick
                if ours:
                    return (Piece("class:private", "you -> "), *nick_of(other), Piece("class:private", ": "))
                return (*nick_of(other), Piece("class:private", " -> you: "))
        return (*nick_of(nick), Piece("", ": "))

    def _style(self, said: Said) -> str:
        if said["event"] == "private":
            return "class:private"
        return "class:mention" if self.calls_us(said) else ""


@lru_cache(1000)
def nick_of(nick: str) -> tuple[Piece, ...]:
    return (Piece(nick_style(nick), nick),)


def now() -> datetime:
    return datetime.now().astimezone()


def _position(said: Said) -> str:
    return str(said.get("position", "")) if "room" in said else ""
