"""Links in messages, told to the terminal (OSC 8) so that one that is broken over rows stays whole for who clicks on it.

A cell of a link is drawn in `cell_style` and has `link_escape` among the escapes of its `Screen`; LinkingOutput opens and
closes links where they are written.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import quote

from prompt_toolkit.output.vt100 import Vt100_Output

URL_MOST = 2000
"""Bytes of a link that the terminal is told: VTE and iTerm2 take 2,083."""

ID_BYTES = 8
"""Of a digest that tells one link from all others on the screen."""

LINKS_KNOWN = 256
"""Escapes that are kept: as many links as a screen has, of which each cell asks at each drawing."""

NO_LINKS = ("linux", "eterm-color")
"""Terminals ($TERM) that show what they do not know, as prompt_toolkit knows of its titles."""

_OPEN, _CLOSE = "\x1b]8;", "\x1b]8;;\x1b\\"

_ESCAPE = re.compile(r"(\x1b\]8;[^\x1b]+\x1b\\)")

_ATTRIBUTES = re.compile(r"\x1b\[[0-9;]*m")
"""What changes how the next character looks, and not where it stands."""

_SCHEME = re.compile(r"(?ai:https?)://")

_UNSAFE = re.compile(r"[\x00-\x1F\x7F-\x9F\uD800-\uDFFF]")

_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))

_BEGIN = re.compile(r"(?<![A-Za-z0-9])(?ai:https?)://(?=\w|\[[0-9A-Fa-f:.]+\])")

_WORD = re.compile(r"""[^\s\x00-\x1F\x7F-\x9F<>"“”„«»‘’、。〈-】〔-〛！（），：；？［］｛｝]+""")
"""In which a link may be. Chinese and Japanese are written without spaces: their punctuation ends it."""

_SENTENCE = ".,:;!?'…*`|^\\([{"
"""What ends a sentence, or stands around a link, and not at the end of one."""

_CLOSING = {")": "(", "]": "[", "}": "{"}


def links(text: str) -> list[tuple[int, int]]:
    """Where each begins and ends; the full stop after it is none of it, nor the bracket in which it stands."""
    found = []
    for word in _WORD.finditer(text):
        at = word.start()
        while begin := _BEGIN.search(text, at, word.end()):
            at = _end(text, begin.end(), word.end())
            found.append((begin.start(), begin.start() + len(text[begin.start() : at].rstrip(_SENTENCE))))
    return found


def _end(text: str, begin: int, end: int) -> int:
    """Before the first bracket that closes what was opened outside; one of its own, as in /wiki/Heart_(symbol), stays."""
    brackets: Counter[str] = Counter()
    for at in range(begin, end):
        brackets[text[at]] += 1
        if text[at] in _CLOSING and brackets[text[at]] > brackets[_CLOSING[text[at]]]:
            return at
    return end


@lru_cache(LINKS_KNOWN)
def link_escape(url: str) -> str:
    """For each cell of a link; empty for what the terminal is not told."""
    if not _SCHEME.match(url) or _UNSAFE.search(url):
        return ""
    ascii_only = quote(url[: URL_MOST + 1], safe=_PRINTABLE)
    return f"{_OPEN}id={_digest(url)};{ascii_only}\x1b\\" if len(ascii_only) <= URL_MOST else ""


@lru_cache(LINKS_KNOWN)
def cell_style(url: str) -> str:
    """Of each cell of a link: another link under the same characters is another style, and so is written again."""
    return f"class:link [{_digest(url)}]"  # brackets mean nothing to prompt_toolkit; each class more doubles its work


def _digest(url: str) -> str:
    return blake2b(url.encode("utf-8", "surrogatepass"), digest_size=ID_BYTES).hexdigest()


class LinkingOutput(Vt100_Output):
    """A link holds for just the next character written; it is closed before anything else is, and at each flush."""

    _next = ""
    """The escape of the link of which the next character is."""
    _current = ""
    """That of the link which is open."""

    def write_raw(self, data: str) -> None:
        for piece in _ESCAPE.split(data):
            if piece.startswith(_OPEN):
                self._next = "" if self.term in NO_LINKS else piece
            elif piece:
                if not _ATTRIBUTES.fullmatch(piece):
                    self._go_to("")
                super().write_raw(piece)

    def write(self, data: str) -> None:
        link, self._next = self._next, ""
        self._go_to(link)
        super().write(data)

    def flush(self) -> None:
        self._next = ""
        self._go_to("")
        super().flush()

    def _go_to(self, link: str) -> None:
        if link != self._current:
            self._current = link
            super().write_raw(link or _CLOSE)
