"""One line of a window: what happened, or was told, kept as text and laid out when it is looked at. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from .cells import Piece, Row, rows
from .hyperlinks import links

INDENT = 6
"""Columns: what is wrapped stands below the words, beside the time (`21:40 `)."""

CROWD_MOST = 5000
"""People who came or left that are told in one line. Each takes a hundred bytes, until something else happens."""

TOGETHER = {
    ("joined", "left"): "came and went",
    ("came and went", "joined"): "joined",
    ("left", "joined"): "left and came back",
    ("left and came back", "left"): "left",
}
"""What somebody has done who did this, and now that: where they are now is what counts."""


class Line:
    """Somebody's words, an event, or an answer."""

    __slots__ = ("_laid", "_width", "eid", "head", "note", "position", "stamp", "style", "text", "when")

    def __init__(
        self, when: datetime, head: Sequence[Piece], text: str, style: str = "", *, eid: str = "", position: str = ""
    ) -> None:
        """`when`: local time. `head`: what stands before the text. `position`: in the log of the window's room."""
        self.when = when
        self.stamp = f"{when:%H:%M} "
        self.head = head
        self.text = text
        self.style = style
        self.note = ""
        """What is told of it, behind the text."""
        self.eid = eid
        self.position = position
        self._laid: list[Row] = []
        self._width = 0

    def change(self, text: str, style: str, note: str = "") -> None:
        self.text, self.style, self.note = text, style, note
        self.forget()

    def forget(self) -> None:
        """It is laid out again when it is looked at, and takes less memory until then."""
        self._laid, self._width = [], 0

    def rows(self, width: int) -> list[Row]:
        if width != self._width:
            self._laid, self._width = self._lay(width), width
        return self._laid

    def _lay(self, width: int) -> list[Row]:
        time = Piece("class:time", self.stamp)
        first, *others = self.text.split("\n")
        note = [Piece("class:time", f" ({self.note})")] if self.note else []
        laid = rows([time, *self.head, *linked(first, self.style), *(() if others else note)], width, INDENT)
        beside = Piece("", " " * min(INDENT, width // 2))
        for number, text in enumerate(others, 2):
            end = note if number > len(others) else []
            laid += rows([beside, *linked(text, self.style), *end], width, INDENT)
        return laid


def linked(text: str, style: str) -> list[Piece]:
    """Text in a style, in which links are links."""
    pieces, at = [], 0
    for begin, end in links(text):
        pieces += [Piece(style, text[at:begin]), Piece(style, text[begin:end], text[begin:end])]
        at = end
    return [*pieces, Piece(style, text[at:])]


def rule(words: str, style: str, width: int) -> Row:
    """A line across the window, with words in it."""
    words = f"── {words} " if len(words) + 4 <= width else "── "
    return rows([Piece(style, words + "─" * max(0, width - len(words)))], width, 0)[0]


def names(nick: str, text: str) -> bool:
    """Whether somebody is called by their nickname in a text: as a word, in any case."""
    return bool(nick) and re.search(rf"(?<!\w){re.escape(nick)}(?!\w)", text, re.IGNORECASE) is not None


class Crowd(Line):
    """Who came and who left, next to one another: one line, in which each person stands once."""

    __slots__ = ("_groups", "_people")

    SHOWN = 8
    """So many are named of those who did the same, and so many reasons are told."""

    def __init__(self, when: datetime) -> None:
        super().__init__(when, (), "", "class:event")
        self._people: dict[str, tuple[str, str]] = {}
        """In which group each is."""
        self._groups: dict[tuple[str, str], dict[str, None]] = {}
        """Who did the same, and told the same reason."""

    def takes(self, nick: str) -> bool:
        return nick in self._people or len(self._people) < CROWD_MOST

    def add(self, nick: str, word: str, why: str) -> None:
        """`word`: what they did, `joined` or `left`."""
        was = self._people.get(nick)
        if was is not None:
            word = TOGETHER.get((was[0], word), was[0])
            del self._groups[was][nick]
            if not self._groups[was]:
                del self._groups[was]
        group = (word, why) if (word, why) in self._groups or len(self._groups) < self.SHOWN else (word, "")
        group = next((known for known in self._groups if known == group), group)  # the same for all of them
        self._people[nick] = group
        self._groups.setdefault(group, {})[nick] = None
        told = [
            f"{_people(list(islice(nicks, self.SHOWN)), len(nicks) - self.SHOWN)} {did}{f' ({reason})' if reason else ''}"
            for (did, reason), nicks in self._groups.items()
        ]
        self.change(f"* {', '.join(told)}", self.style)

    def settle(self) -> None:
        """Nobody is added any more: the words are all that is kept."""
        self._people, self._groups = {}, {}


def _people(nicks: Sequence[str], more: int) -> str:
    if more > 0:
        return f"{', '.join(nicks)} and {more} more"
    *most, last = nicks
    return f"{', '.join(most)} and {last}" if most else last
