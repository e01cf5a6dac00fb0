"""Facts: what a nickname and a room's name may be, and the two forms by which they are compared. Knows no other name.

A nickname is taken when either form of it is: the folded one tells that two are the same but for case, the skeleton
that two look alike as they are shown. Neither implies the other: Greek νν is ΝΝ, yet looks like vv, and ΝΝ like NN.
"""

from __future__ import annotations

import json
import pkgutil
import re
import unicodedata
from string import ascii_letters, ascii_lowercase, digits
from typing import Any, NamedTuple, NoReturn
from unicodedata import normalize

import confusable_homoglyphs
import regex
from precis_i18n import get_profile

from .request import Refused

LONGEST = 32
"""Characters, counted after normalising: fits beside what is said on a line of 80 columns."""

ROOM_LONGEST = 50
"""The same of a room's name, which stands alone or before what is said."""

FORBIDDEN = frozenset("!@#$&*+,/:;<>=?'\"%~{}")
"""Have a meaning in commands, IRC's prefixes and room names, or URLs."""

ASCII = frozenset(ascii_letters + digits + "_-[]\\^|`")
"""All that a nickname has where only ASCII is allowed: what IRC (RFC 2812, section 2.3.1) allows without { and }."""

_PLAIN = re.compile(rf"[A-Za-z_][A-Za-z0-9_-]{{,{LONGEST - 1}}}")
"""Names that PRECIS leaves as they are, that break no rule, and fold to lower case: to find that out takes 20 us, and they
are most. tests/test_names.py holds that it is so."""

RESERVED = ("you", "server", "system", "all", "here", "everyone")
"""Would be read as the server's own words, or as a call to all."""

REMOVED = "removed-"
"""So begins what an account is called that is no more: nobody can have said what it said."""

TABLES = {"Unicode": unicodedata.unidata_version, "confusables": confusable_homoglyphs.__version__}
"""Versions of the tables that make folded forms and skeletons: forms made by newer ones are not to be compared with ours."""


class Name(NamedTuple):
    """A nickname or a room's name that may be, and the forms by which it is compared with others."""

    shown: str
    """As its owner writes it: PRECIS UsernameCasePreserved (RFC 8265, section 3.4)."""
    folded: str
    """Equal for names that differ by case: PRECIS UsernameCaseMapped with full case folding."""
    skeleton: str
    """Equal for names that look alike as they are shown: see `_skeleton`. For comparing only, never for showing."""


class _Sort(NamedTuple):
    """What differs by what is named."""

    code: str
    """How the codes of its refusals begin."""
    words: str
    longest: int
    one_script: bool
    """Whether look-alikes are kept away also within a name. Of a room's, the skeleton is enough: who sees the name of a
    room does not see whose words they are by it."""


_NICKNAME = _Sort("nick", "a nickname", LONGEST, one_script=True)
_ROOM = _Sort("room", "a room's name", ROOM_LONGEST, one_script=False)


def nickname(text: str, *, ascii_only: bool = False) -> Name:
    """The nickname that this text asks for. Raises Refused: `nick_invalid` with the rule broken, or `nick_reserved`."""
    shown, folded = (text, text.lower()) if _PLAIN.fullmatch(text) else _enforced(text, ascii_only)
    return _free(shown, folded, _NICKNAME)


def room_name(text: str, *, ascii_only: bool = False) -> Name:
    """The room's name that this text asks for, with or without # before it. Raises Refused: `room_invalid` with the rule
    broken, or `room_reserved`."""
    text = text.removeprefix("#")
    shown, folded = (text, text.lower()) if _PLAIN.fullmatch(text) else _enforced(text, ascii_only, _ROOM)
    return _free(shown, folded, _ROOM)


def _free(shown: str, folded: str, sort: _Sort) -> Name:
    """With its forms, when it is not reserved."""
    skeleton = _skeleton(shown)
    if word := _RESERVED_SKELETONS.get(skeleton):
        like = "" if folded == word else f"is too like {word}, which "
        raise Refused(f"{sort.code}_reserved", f"{shown} {like}is reserved")
    if skeleton.startswith(_REMOVED_SKELETON):
        raise Refused(
            f"{sort.code}_reserved", f"{shown} is reserved: names that begin so are of accounts that are no more"
        )
    # Most names are their own folded form and skeleton: one string for all three, for as long as they stay.
    folded = shown if folded == shown else folded
    return Name(shown, folded, folded if skeleton == folded else skeleton)


def _enforced(text: str, ascii_only: bool, sort: _Sort = _NICKNAME) -> tuple[str, str]:
    """As it is shown and folded, when it breaks no rule."""
    # No character is composed of more than four, so a longer text stays too long, and the work is bounded.
    if len(text) > 4 * sort.longest:
        _refuse(sort, f"has at most {sort.longest} characters")
    try:
        shown = _PRESERVED.enforce(text)
        if len(shown) > sort.longest:
            _refuse(sort, f"has at most {sort.longest} characters, and this one has {len(shown)}")
        folded = _FOLDED.enforce(shown)
    except UnicodeEncodeError as error:
        _refuse(sort, _words(error))
    for char in shown:
        if char in FORBIDDEN:
            _refuse(sort, f"cannot hold {_visible(char)}")
        if ascii_only and char not in ASCII:
            _refuse(sort, f"has only ASCII letters, digits and _-[]\\^|` here, not {_visible(char)}")
    if shown[0].isdigit() or shown[0] in "-.":
        _refuse(sort, f"cannot begin with {_visible(shown[0])}")
    if unicodedata.category(shown[0]).startswith("M"):  # `<` and U+0338 would become one character, ≮
        _refuse(sort, f"cannot begin with {_visible(shown[0])}, which changes the character before it")
    if sort.one_script and not _ONE_SCRIPT.fullmatch(shown):
        _refuse(sort, "cannot mix scripts, such as Latin and Cyrillic: letters of one can pass for those of another")
    return shown, folded


def _refuse(sort: _Sort, rule: str) -> NoReturn:
    raise Refused(f"{sort.code}_invalid", f"{sort.words} {rule}") from None


def _words(error: UnicodeEncodeError) -> str:
    """Why PRECIS refuses. Its reason is one for the whole text, or concerns the character at `start`."""
    match error.reason.removeprefix("DISALLOWED/"):
        case "empty":
            return "has at least one character"
        case "bidi_rule":
            return "cannot mix directions: what is written from right to left has only such letters, and ends in one"
    return f"cannot hold {_visible(error.object[error.start])}"


def _visible(char: str) -> str:
    """A character such that a person can tell which, and no terminal obeys it: `! (U+0021, exclamation mark)`."""
    stands_alone = char.isprintable() and char != " " and not unicodedata.category(char).startswith("M")
    name = unicodedata.name(char, "").lower()
    code = f"U+{ord(char):04X}, {name}" if name else f"U+{ord(char):04X}"
    return f"{char} ({code})" if stands_alone else code


_PRESERVED = get_profile("UsernameCasePreserved")
_FOLDED = get_profile("UsernameCaseMapped:CaseFold")
# RFC 8265 maps to lower case, which suits what is shown. For comparing, folding is stricter: ΟΔΟΣ and οδοσ are one.


def _table(name: str) -> Any:
    # Not through the package's modules: they read it in the locale's encoding, and would keep 9 MB for ever.
    return json.loads(pkgutil.get_data("confusable_homoglyphs", name) or b"")


def _one_script() -> regex.Pattern[str]:
    """Matches text whose augmented script sets have one in common (UTS 39, section 5.1): Han counts as part of
    Japanese, of Chinese with Bopomofo and of Korean; what is common to all scripts counts as part of each."""
    common = ("COMMON", "INHERITED")
    # Which scripts there are is asked of the older table, which has none that the confusables do not know yet.
    scripts = [(script,) for script in _table("categories.json")["iso_15924_aliases"] if script not in common]
    systems = [*scripts, ("HAN", "HIRAGANA", "KATAKANA"), ("HAN", "BOPOMOFO"), ("HAN", "HANGUL")]
    classes = ("".join(rf"\p{{scx={script}}}" for script in (*system, *common)) for system in systems)
    return regex.compile("|".join(f"[{each}]+" for each in classes))


def _prototypes() -> dict[int, str | None]:
    """What each character looks like: UTS 39's confusables, and what they leave to the font."""
    alike: dict[str, list[dict[str, str]]] = {
        char.replace("\u200e", ""): others for char, others in _table("confusables.json").items()
    }  # U+200E only holds the table's right-to-left characters in place
    table: dict[str, str] = {}
    for char, others in alike.items():
        # The table holds each pair both ways round. A character has one prototype, a prototype often many characters;
        # where it is a pair of two that are alike, either will do.
        other = others[0]["c"].replace("\u200e", "")
        if len(char) == len(others) == 1 and (len(other) > 1 or len(alike[other]) > 1 or char > other):
            table[char] = other
    ours: dict[int, str | None] = {
        0x200C: None,  # ZWNJ and ZWJ: the only ignorable characters that PRECIS allows
        0x200D: None,
        0x0654: "\u0674",  # hamza: the table has it by either, as ئ is composed or not
    }
    for letter in ascii_lowercase.replace("x", ""):  # which has no small capital
        # UTS 39 has small capitals for some letters only: ᴀʟɪᴄᴇ. Through them в and В, н and Н meet as well.
        small = unicodedata.lookup(f"LATIN LETTER SMALL CAPITAL {letter}")
        ours[ord(table.get(small, small))] = table.get(letter, letter)
    ours[ord("i")] = "l"  # I looks like l, and is i
    return {ord(char): prototype.translate(ours) for char, prototype in table.items()} | ours


def _skeleton(shown: str) -> str:
    """UTS 39's skeleton (section 4) of the name as it is shown, folded, and of that again. Of the folded form alone
    it would miss what looks alike in capitals only: Cyrillic ВОВ and BOB."""
    return _look(_look(shown).casefold())


def _look(text: str) -> str:
    # The standard starts at NFD, and so never finds the composed characters that its own table has (Й like Ѝ).
    composed = normalize("NFC", text).translate(_PROTOTYPES)
    return normalize("NFD", normalize("NFD", composed).translate(_PROTOTYPES))


_ONE_SCRIPT = _one_script()
_PROTOTYPES = _prototypes()
_REMOVED_SKELETON = _skeleton(REMOVED)
_RESERVED_SKELETONS = {_skeleton(word): word for word in RESERVED}
