"""Text laid out in rows of a terminal: clusters of characters, each so many columns wide. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, groupby
from typing import NamedTuple
from unicodedata import category

import regex
from wcwidth import iter_graphemes, wcswidth, wcwidth

from ...text import safe

NARROWEST = 4
"""Columns that text has on a row, however little is left beside what stands before it."""

EMOJI_LONGEST = 16
"""Characters of one that is shown as one: a kiss of two with skins has 10. Terminals that know none of more show each part of
it, and what stands behind would be pushed away."""

_EMOJI = regex.compile(
    r"\p{RI}{2}|[0-9#*]\uFE0F\u20E3?|"  # flags and keycaps
    r"\p{ExtPict}(?:\uFE0F|\p{EMod})?(?:\u200D\p{ExtPict}(?:\uFE0F|\p{EMod})?)*"
)
"""Emoji sequences (UTS 51, section 1.4), without those of tags, which `safe` takes out."""

SPACING = "Mc"
"""Category of vowel signs that stand beside their letter: some terminals give each a column, others none."""


class Piece(NamedTuple):
    """Text in one style, as part of a line."""

    style: str
    text: str
    link: str = ""
    """Where it leads; it is kept on one row if it fits on one."""


class Cell(NamedTuple):
    """One cluster of characters, as it is shown: a letter with its marks, an emoji made of several."""

    text: str
    width: int
    """Columns: one or two."""
    style: str
    link: str


Row = list[Cell]


def cells(piece: Piece) -> Row:
    style, text, link = piece
    if text.isascii() and text.isprintable():
        return [Cell(each, 1, style, link) for each in text]
    found: Row = []
    for cluster in clusters(safe(text)):
        width = wcswidth(cluster) or int(category(cluster[0]) == SPACING)
        if width > 0:
            found.append(Cell(cluster, min(width, 2), style, link))
        elif found:  # a mark with nothing below it joins what stands before
            found[-1] = found[-1]._replace(text=found[-1].text + cluster)
        else:
            found.append(Cell(f" {cluster}", 1, style, link))
    return found


def clusters(text: str) -> Iterator[str]:
    """What is drawn as one: a letter with its marks, or an emoji. Terminals do not agree on how wide several letters together
    are, as they are one in Indic scripts and old Korean, and some show but the first: each is drawn by itself."""
    for grapheme in iter_graphemes(text):
        if len(grapheme) == 1 or (len(grapheme) <= EMOJI_LONGEST and _EMOJI.fullmatch(grapheme)):
            yield grapheme
            continue
        begin = wide = 0
        for at, character in enumerate(grapheme):
            width, spacing = wcwidth(character), category(character) == SPACING
            if at > begin and (width > 0 or (spacing and wide > 1)):
                yield grapheme[begin:at]
                begin, wide = at, 0
            wide += 1 if spacing and at > begin else 2 if spacing else max(0, width)
        yield grapheme[begin:]


def width_of(text: str) -> int:
    """Columns."""
    return sum(cell.width for cell in cells(Piece("", text)))


def cut(text: str, width: int) -> str:
    """As much of it as fits, with an ellipsis for the rest; safe for a terminal."""
    row = cells(Piece("", text))
    if sum(cell.width for cell in row) <= width:
        return "".join(cell.text for cell in row)
    kept, left = "", width - 1
    for cell in row:
        if cell.width > left:
            break
        kept += cell.text
        left -= cell.width
    return f"{kept.rstrip()}…" if width > 0 else ""


def rows(pieces: Sequence[Piece], width: int, indent: int) -> list[Row]:
    """One line of text, wrapped between words. `indent`: columns left free on all rows but the first."""
    indent = max(0, min(indent, width - NARROWEST))
    lines: list[Row] = [[]]
    at = 0
    for word in _words(pieces):
        wide = sum(cell.width for cell in word)
        blank = word[0].text == " "
        if at + wide > width and not blank and wide <= width - indent and at > (indent if len(lines) > 1 else 0):
            at = _next(lines, indent)
        for cell in word:
            if at + cell.width > width:
                if blank:
                    break  # blanks at the end of a row are not seen
                at = _next(lines, indent)
            lines[-1].append(cell)
            at += cell.width
    return lines


def _next(lines: list[Row], indent: int) -> int:
    lines.append([Cell(" ", 1, "", "")] * indent)
    return indent


def _words(pieces: Sequence[Piece]) -> Iterator[Row]:
    """What stays together on a row: blanks, words, links. Scripts with wide characters put no blanks between words: a row
    may end behind each."""
    numbers = count()

    def sort(cell: Cell) -> str | int:
        if cell.link:
            return cell.link
        return "blank" if cell.text == " " else "word" if cell.width == 1 else next(numbers)

    return (list(word) for _, word in groupby((cell for piece in pieces for cell in cells(piece)), sort))
