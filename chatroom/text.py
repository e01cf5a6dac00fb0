"""Facts: what text may hold. `clean` at the edge in, `safe` at the edge out; knows no wire format and no length limit.

What both promise: no character steers a terminal, turns around what stands beside the text, ends its line, or cannot
be written as UTF-8.
"""

from __future__ import annotations

import codecs
from unicodedata import normalize

import regex

# One regex each, since text that needs them is rare and `str.translate` looks up every character in a dict.
_BREAKS = regex.compile(r"\r\n|[\t-\r\x85\u2028\u2029]")
"""What separates words: it becomes a space."""

_UNSEEN = regex.compile(
    "["
    r"\x00-\x1F\x7F-\x9F"  # C0, DEL and C1: escape sequences, IRC's colours, NUL
    r"\u200B\uFEFF"  # zero width space and byte order mark: two texts that look the same would differ
    # LRM, RLM and ALM too: they pull digits, brackets and the words after ours to the other side, and unlike an
    # embedding nothing could close them at the end of the text. Letters still run as their scripts want.
    r"\u200E\u200F\u061C"
    r"\u202A-\u202E\u2066-\u2069"  # bidi embeddings, overrides and isolates (UAX 9, section 2)
    r"\u206A-\u206F"  # deprecated: they switch mirroring, Arabic shaping and digits
    r"\uFFF9-\uFFFB"  # interlinear annotation
    r"\U000E0000-\U000E007F"  # tags, hence England's flag is shown as a black one: they carry text nobody sees
    r"\uD800-\uDFFF"  # lone surrogates, which JSON can bring: not encodable
    r"\p{Noncharacter_Code_Point}"
    "]+"
)
"""What leaves no space. ZWNJ, ZWJ and variation selectors stay: Persian, Indic scripts and emoji need them."""

MARKS = 30
"""Combining marks in a row, further ones go: no language needs more (Stream-Safe Text, UAX 15, section 13), and
normalising sorts them in quadratic time (9 ms for a line of 4096 bytes without this)."""

_MARKS_TOO_MANY = regex.compile(rf"(?<=\P{{ccc=0}}{{{MARKS}}})\P{{ccc=0}}+")

_CHARACTER = regex.compile(r"\X")


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("latin-1"), error.end


_LATIN_1 = "chatroom.latin-1"
codecs.register_error(_LATIN_1, _as_latin_1)


def decode(line: bytes) -> str:
    """Bytes as UTF-8; those that are not UTF-8 are read as Latin-1, as old clients mean them, and no others with them."""
    return line.decode("utf-8", _LATIN_1)


def clean(text: str) -> str:
    """One line as it may stand in a log: `safe`, and in Normalization Form C (UAX 15). clean(clean(x)) == clean(x)."""
    if text.isascii() and text.isprintable():
        return text  # on the path of every line: 0.2 us
    # Removing comes first, since it can bring together what composes. A few characters decompose to two marks, hence
    # marks are counted again, which leaves normal text normal: those that stay keep apart what they kept apart.
    return _MARKS_TOO_MANY.sub("", normalize("NFC", _MARKS_TOO_MANY.sub("", safe(text))))


def clean_lines(text: str) -> str:
    """Text of several lines as it may stand in a log: CR LF, CR and LF become LF, each line is cleaned."""
    return "\n".join(map(clean, text.replace("\r\n", "\n").replace("\r", "\n").split("\n")))


def safe(text: str) -> str:
    """One line as a terminal may get it, whoever stored it: breaks (also line feeds) are spaces, the unseen is gone."""
    if text.isprintable():
        return text  # everything above is in categories that str.isprintable excludes: Cc, Cf, Cn, Cs, Zl or Zp
    return _UNSEEN.sub("", _BREAKS.sub(" ", text))


def safe_lines(text: str) -> str:
    """Text of several lines as a program may get it, which shows it on some terminal."""
    return text if text.isprintable() else "\n".join(map(safe, text.split("\n")))


def shortened(text: str, most: int) -> str:
    """At most so many code points of it, and no character cut (UAX 29): for telling what was asked for and is not there."""
    if len(text) <= most:
        return text
    ends = [character.end() for character in _CHARACTER.finditer(text[: most + 1])]  # one more tells where one ends
    return text[: max((end for end in ends if end <= most), default=0)]
