"""What the terminal's background is like: it is asked (OSC 11), and not waited for. The answer comes among what is typed, and
is taken out of it. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Protocol

from .palette import Background

QUESTION = "\x1b]11;?\x1b\\"

COLOUR_MOST = 24
"""Characters of a colour in an answer: rgba:RRRR/GGGG/BBBB/AAAA."""

READ_MOST = 1024
"""Bytes that are read at once, as prompt_toolkit does it."""

MIDDLE = 0.179
"""Relative luminance (WCAG 2.2) of a background on which black and white can be read equally well."""

_HEX = "([0-9a-f]{1,4})"
_RGB = re.compile(rf"rgba?:{_HEX}/{_HEX}/{_HEX}(?:/[0-9a-f]{{1,4}})?", re.IGNORECASE)
_SHORT = re.compile(r"#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})", re.IGNORECASE)

_LETTERS = rf"[0-9A-Fa-fRGBrgb:/#]{{0,{COLOUR_MOST}}}"
_PASTE, _PASTE_END = "\x1b[200~", "\x1b[201~"
_WHOLE = re.compile(rf"\x1b\]11;(?P<colour>{_LETTERS})(?:\x07|\x1b\\)|{re.escape(_PASTE)}")
_BEGUN = re.compile(rf"\x1b(?:\](?:1(?:1(?:;{_LETTERS}\x1b?)?)?)?|\[(?:2(?:0(?:0)?)?)?)?\Z")

_DARK, _LIGHT = ("0", "1", "2", "3", "4", "5", "6", "8"), ("7", "9", "10", "11", "12", "13", "14", "15")
"""Of the sixteen colours, as vim takes them."""


def background_of(reply: str) -> Background:
    """The one of a colour, as an answer tells it."""
    match = _RGB.fullmatch(reply) or _SHORT.fullmatch(reply)
    if match is None:
        return Background.UNKNOWN
    red, green, blue = (_linear(int(part, 16) / (16 ** len(part) - 1)) for part in match.groups())
    return Background.DARK if 0.2126 * red + 0.7152 * green + 0.0722 * blue < MIDDLE else Background.LIGHT


def _linear(part: float) -> float:
    """As WCAG 2.2 tells it of sRGB."""
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def background_from(environ: Mapping[str, str]) -> Background:
    """What some terminals tell in COLORFGBG, which may be another terminal's: good until there is an answer."""
    number = environ.get("COLORFGBG", "").rpartition(";")[2]
    if number in _DARK:
        return Background.DARK
    return Background.LIGHT if number in _LIGHT else Background.UNKNOWN


class Replies:
    """Takes the answer out of what the terminal sends, and nothing else; in what is pasted there is none."""

    def __init__(self, told: Callable[[Background], None]) -> None:
        self._told = told
        self._held = ""
        """It may be the beginning of an answer, or of a paste."""
        self._over = False
        self._pasted: str | None = None
        """The last that was pasted, as long as the end of a paste at most; None while nothing is."""

    def feed(self, data: str) -> str:
        """What was typed, as far as that is sure."""
        typed, rest = [], self.flush() + data
        while rest and not self._over:
            part, rest = self._look(rest) if self._pasted is None else self._paste(self._pasted, rest)
            typed.append(part)
        return "".join(typed) + rest

    def _look(self, text: str) -> tuple[str, str]:
        """What was typed, and what is still to be looked at."""
        match = _WHOLE.search(text)
        if match is None:
            begun = _BEGUN.search(text)
            end = begun.start() if begun else len(text)
            self._held = text[end:]
            return text[:end], ""
        if match["colour"] is None:
            self._pasted = ""
        elif (background := background_of(match["colour"])) is not Background.UNKNOWN:
            self._over = True
            self._told(background)
            return text[: match.start()], text[match.end() :]
        return text[: match.end()], text[match.end() :]

    def _paste(self, before: str, text: str) -> tuple[str, str]:
        """The same, in a paste that began before."""
        pasted = before + text
        at = pasted.find(_PASTE_END)
        if at < 0:
            self._pasted = pasted[1 - len(_PASTE_END) :]
            return text, ""
        self._pasted = None
        end = at + len(_PASTE_END) - len(before)
        return text[:end], text[end:]

    def flush(self) -> str:
        """What was held back, since nothing more has come for so long: Escape, say."""
        held, self._held = self._held, ""
        return held

    def stop(self) -> None:
        """No answer is expected any more."""
        self._over = True


class Reader(Protocol):
    """What prompt_toolkit reads a terminal by."""

    @property
    def closed(self) -> bool: ...
    def read(self, count: int = ...) -> str: ...


class FilteredReader:
    """The same, without the answer."""

    def __init__(self, reader: Reader, replies: Replies) -> None:
        self._reader = reader
        self._replies = replies

    @property
    def closed(self) -> bool:
        return self._reader.closed

    def read(self, count: int = READ_MOST) -> str:
        typed = self._replies.feed(self._reader.read(count))
        return typed + self._replies.flush() if self.closed else typed
