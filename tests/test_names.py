"""What a nickname may be, and which of two are too alike."""

from __future__ import annotations

import json
import pkgutil
import random
import re
import sys
import time
import timeit
import unicodedata
from collections.abc import Callable, Iterator
from string import ascii_lowercase, ascii_uppercase, printable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom import names
from chatroom.names import LONGEST, RESERVED, ROOM_LONGEST, TABLES, Name, nickname, room_name
from chatroom.request import Refused
from chatroom.text import clean, safe

CONFUSABLES = json.loads(pkgutil.get_data("confusable_homoglyphs", "confusables.json") or b"")
PAIRS = sorted(
    {
        tuple(sorted((char.replace("\u200e", ""), other["c"].replace("\u200e", ""))))
        for char, others in CONFUSABLES.items()
        for other in others
    }
)
LOOK_ALIKE = {
    char: [other["c"] for other in CONFUSABLES[char]]
    for char in ascii_lowercase + ascii_uppercase
    if char in CONFUSABLES
}


def alike(one: Name, other: Name) -> bool:
    """As the directory compares."""
    return not {one.folded, one.skeleton}.isdisjoint((other.folded, other.skeleton))


def answer(text: str, *, ascii_only: bool = False, rule: Callable[..., Name] = nickname) -> Name | Refused:
    try:
        return rule(text, ascii_only=ascii_only)
    except Refused as refused:
        return refused


def passes_beside(first: str, second: str) -> bool:
    """Whether both can be registered, one after the other."""
    one, other = answer(first), answer(second)
    return isinstance(one, Name) and isinstance(other, Name) and not alike(one, other)


def why(text: str, *, ascii_only: bool = False) -> str:
    with pytest.raises(Refused) as refused:
        nickname(text, ascii_only=ascii_only)
    assert refused.value.code == "nick_invalid"
    return refused.value.words


@pytest.mark.parametrize(
    "name",
    [
        *("alice", "Alice", "x", "_", "[away]", "a-b.c", "x|y", "`tick`", "r2d2", "José", "Ólafur", "Müller", "Łukasz"),
        *("Иван", "Вера", "Ελένη", "Άννα", "Հայկ", "გიორგი", "አበበ", "عمر", "محمد", "רונית", "دانیال"),
        *(
            "अनिता",
            "বাংলা",
            "தமிழ்",
            "ไทย",
            "山田太郎",
            "やまだ",
            "ヤマダ",
            "ラーメン",
            "山田のヤマダ",
            "김철수",
            "金철수",
            "王小明",
        ),
        *("ㄅ王", "ꦮꦪꦤ", "Ꮳꮃꭹ", "می\u200cنا"),
        "x" * LONGEST,
        "é" * LONGEST,
    ],
)
def test_an_ordinary_name_is_a_nickname_as_it_is_written(name: str) -> None:
    assert nickname(name).shown == name


def test_it_is_counted_and_shown_as_normalised() -> None:
    assert nickname("e\u0301" * LONGEST).shown == "é" * LONGEST
    assert nickname("ａｌｉｃｅ").shown == "alice"
    assert nickname("ﾔﾏﾀﾞ").shown == "ヤマダ"


MIXED_SCRIPTS = (
    "a nickname cannot mix scripts, such as Latin and Cyrillic: letters of one can pass for those of another"
)
MIXED_DIRECTIONS = (
    "a nickname cannot mix directions: what is written from right to left has only such letters, and ends in one"
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a nickname has at least one character"),
        ("x" * 33, "a nickname has at most 32 characters, and this one has 33"),
        ("e\u0301" * 33, "a nickname has at most 32 characters, and this one has 33"),
        ("x" * 129, "a nickname has at most 32 characters"),
        ("O'Brien", "a nickname cannot hold ' (U+0027, apostrophe)"),
        ("a b", "a nickname cannot hold U+0020, space"),
        ("a\u00a0b", "a nickname cannot hold U+00A0, no-break space"),
        ("a\x1b[2J", "a nickname cannot hold U+001B"),
        ("a\x00", "a nickname cannot hold U+0000"),
        ("a\u200bb", "a nickname cannot hold U+200B, zero width space"),
        ("a\u202eb", "a nickname cannot hold U+202E, right-to-left override"),
        ("a\ufeff", "a nickname cannot hold U+FEFF, zero width no-break space"),
        ("a\ud800", "a nickname cannot hold U+D800"),
        ("a\U000e0041", "a nickname cannot hold U+E0041, tag latin capital letter a"),
        ("a\u20dd", "a nickname cannot hold U+20DD, combining enclosing circle"),
        ("😀", "a nickname cannot hold 😀 (U+1F600, grinning face)"),
        ("ﬁ", "a nickname cannot hold ﬁ (U+FB01, latin small ligature fi)"),
        ("al\u00b7ice", "a nickname cannot hold · (U+00B7, middle dot)"),
        ("a\u200db", "a nickname cannot hold U+200D, zero width joiner"),
        ("1abc", "a nickname cannot begin with 1 (U+0031, digit one)"),
        ("２abc", "a nickname cannot begin with 2 (U+0032, digit two)"),
        ("१अ", "a nickname cannot begin with १ (U+0967, devanagari digit one)"),
        ("-x", "a nickname cannot begin with - (U+002D, hyphen-minus)"),
        (".x", "a nickname cannot begin with . (U+002E, full stop)"),
        ("אa", MIXED_DIRECTIONS),
        ("a٣", MIXED_DIRECTIONS),
        *(
            (mixed, MIXED_SCRIPTS)
            for mixed in ("аlice", "alιce", "Aliceー", "aあ", "ㄅか", "ㄅ한", "あ한", "alice۰", "aँ", "а\u0951б")
        ),
    ],
)
def test_a_refusal_names_the_rule_broken(text: str, words: str) -> None:
    assert why(text) == words


def test_no_mark_begins_a_name_and_changes_the_character_before_it() -> None:
    assert why("\u0338a") == (
        "a nickname cannot begin with U+0338, combining long solidus overlay, which changes the character before it"
    )


@pytest.mark.parametrize("char", "!@#$&*+,/:;<>=?'\"%~{}")
def test_what_has_a_meaning_elsewhere_is_not_possible(char: str) -> None:
    assert f"cannot hold {char} (" in why(f"a{char}b")
    assert f"cannot hold {char} (" in why(f"{char}")


def test_no_digit_of_any_script_begins_a_name() -> None:
    for char in map(chr, range(0x110000)):
        if char.isdigit():
            why(char + "a")
            why(char)


@pytest.mark.parametrize("name", ["alice", "r2d2", "_-[]\\^|`", "x" * LONGEST])
def test_ascii_nicknames_have_letters_digits_and_some_marks(name: str) -> None:
    assert nickname(name, ascii_only=True) == nickname(name)


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        ("José", "é (U+00E9, latin small letter e with acute)"),
        ("a.b", ". (U+002E, full stop)"),
        ("(a)", "( (U+0028, left parenthesis)"),
        ("Иван", "И (U+0418, cyrillic capital letter i)"),
    ],
)
def test_ascii_nicknames_have_nothing_else(text: str, culprit: str) -> None:
    words = why(text, ascii_only=True)
    assert words == f"a nickname has only ASCII letters, digits and _-[]\\^|` here, not {culprit}"


@pytest.mark.parametrize("text", ["1abc", "-x", "O'Brien", "", "x" * 33])
def test_ascii_nicknames_obey_the_other_rules_too(text: str) -> None:
    assert why(text, ascii_only=True) == why(text)


ALICE = [
    *(
        "alice",
        "ALICE",
        "Alice",
        "aLiCe",
        "aIice",
        "alIce",
        "al1ce",
        "a1ice",
        "a|ice",
        "aIIce",
        "ａｌｉｃｅ",
        "ＡＬＩＣＥ",
    ),
    *("аlice", "аӏісе", "αlιcε", "alıce", "alɩce", "ᴀʟɪᴄᴇ", "ali\u200bce", "\u202eecila", "alice\u2066", "al\u0456ce"),
    *("𝐚𝐥𝐢𝐜𝐞", "ⓐⓛⓘⓒⓔ", "aℓice", "alic\u0435", "alice ", " alice", "alice\u00ad", "alice\ufe0f", "a\u034flice"),
]


@pytest.mark.parametrize("variant", ALICE)
def test_beside_alice_nobody_passes_for_her(variant: str) -> None:
    assert not passes_beside("alice", variant)
    assert not passes_beside(variant, "alice")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("modern", "rnodern"),
        ("MODERN", "rnodern"),
        ("bob", "b0b"),
        ("BOB", "b0b"),
        ("BOB", "ВОВ"),
        ("bob", "вов"),
        ("Bepa", "Вера"),
        ("HAHA", "НАНА"),
        ("ANNA", "ΑΝΝΑ"),
        ("vv", "νν"),
        ("ΝΝ", "νν"),
        ("ΟΔΟΣ", "οδοσ"),
        ("straße", "STRASSE"),
        ("Ivan", "lvan"),
        ("ıvan", "IVAN"),
        ("ئ", "ى\u0654"),
        ("x|", "xl"),
        ("Иван", "ИВАН"),
        ("Йод", "Ѝод"),
        ("مینا", "می\u200cنا"),
    ],
)
def test_names_that_look_alike_or_fold_alike_exclude_each_other(one: str, other: str) -> None:
    assert alike(nickname(one), nickname(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("alice", "alicia"), ("anna", "hanna"), ("Jose", "José"), ("vv", "NN"), ("van", "nan"), ("dan", "ban")),
        *(("Иван", "Ivan"), ("Олег", "Ольга"), ("山田", "山本"), ("やまだ", "ヤマダ"), ("lea", "tea"), ("kim", "tim")),
        *(("user_1", "user_2"), ("guest_10", "guest_11"), ("günter", "gunter"), ("wes", "vves")),
    ],
)
def test_names_that_look_different_stand_beside_each_other(one: str, other: str) -> None:
    assert passes_beside(one, other)


def test_of_single_letters_only_those_that_look_alike_collide() -> None:
    collide = {(a, b) for a in ascii_lowercase for b in ascii_lowercase if a < b and not passes_beside(a, b)}
    assert collide == {("i", "l")}


@given(st.from_regex(names._PLAIN, fullmatch=True), st.booleans())
def test_a_plain_name_is_what_precis_would_make_of_it(text: str, ascii_only: bool) -> None:
    assert (text, text.lower()) == names._enforced(text, ascii_only)


@given(st.text(printable, max_size=LONGEST + 2), st.booleans())
def test_an_ascii_name_is_the_same_with_the_short_way_and_without(text: str, ascii_only: bool) -> None:
    short = answer(text, ascii_only=ascii_only)
    with pytest.MonkeyPatch.context() as without:
        without.setattr(names, "_PLAIN", re.compile("(?!)"))
        assert str(short) == str(answer(text, ascii_only=ascii_only))


@pytest.mark.parametrize("pair", [*zip(ascii_lowercase, ascii_uppercase, strict=True)])
def test_a_letter_and_its_capital_are_one(pair: tuple[str, str]) -> None:
    small, capital = map(nickname, pair)
    assert (small.folded, small.skeleton) == (capital.folded, capital.skeleton)


def test_of_all_pairs_in_unicodes_table_those_pass_that_a_nickname_never_shows() -> None:
    passed = [one + two for one, two in PAIRS if passes_beside(one, two) or passes_beside(f"x{one}", f"x{two}")]
    assert passed == [
        "(［", ")］",  # shown as [ and ], which nobody takes for ( and )
        "\ufb1d\ufb39", "\ufb2a\ufb49", "\ufb2e\ufb2f", "\ufb2e\ufb30",  # shown as letter and point, which differ
    ]  # fmt: skip
    assert len(passed) < 0.001 * len(PAIRS)


def test_many_of_those_pairs_are_nicknames_that_only_the_skeleton_tells() -> None:
    answers = [(answer(one), answer(other)) for one, other in PAIRS]
    assert sum(isinstance(one, Name) and isinstance(other, Name) for one, other in answers) > 2000


def test_no_thousand_names_with_letters_swapped_for_look_alikes_pass() -> None:
    draw = random.Random(39)
    passed = []
    for _ in range(1000):
        name = draw.choice(["alice", "modern", "Oliver", "BigBoss", "jorge_10", "williams", "Hercules", "quixotry"])
        swapped = "".join(draw.choice([*LOOK_ALIKE.get(char, ()), char]) for char in name)
        if passes_beside(name, swapped) or passes_beside(swapped, name):
            passed.append((name, swapped))
    assert passed == []


@pytest.mark.parametrize("word", RESERVED)
def test_a_reserved_name_is_nobodys(word: str) -> None:
    for variant in (word, word.upper(), word.title()):
        with pytest.raises(Refused) as refused:
            nickname(variant)
        assert (refused.value.code, refused.value.words) == ("nick_reserved", f"{variant} is reserved")


@pytest.mark.parametrize(
    ("variant", "word"), [("aII", "all"), ("a1l", "all"), ("ail", "all"), ("ʜᴇʀᴇ", "here"), ("неге", "here")]
)
def test_neither_is_what_looks_like_a_reserved_name(variant: str, word: str) -> None:
    with pytest.raises(Refused) as refused:
        nickname(variant)
    assert (refused.value.code, refused.value.words) == (
        "nick_reserved",
        f"{variant} is too like {word}, which is reserved",
    )


ANY_TEXT = st.text(st.characters() | st.sampled_from("aAiIlLeEéßΣσςİıŉǅ가アあ山яЯא1_-\u0301\u200d\ud800"))
# Not ı: its capital is I, whose small letter is i, so that only the skeleton tells them.
LETTERS = st.text(st.characters(categories=["Lu", "Ll"], exclude_characters="ı"), min_size=1, max_size=LONGEST)


@given(text=ANY_TEXT, ascii_only=st.booleans())
def test_any_text_is_a_nickname_or_refused_in_words_that_can_be_shown(text: str, ascii_only: bool) -> None:
    match answer(text, ascii_only=ascii_only):
        case Refused(code=code, words=words):
            assert code in {"nick_invalid", "nick_reserved"}
            assert words.isprintable()
        case Name(shown, folded, skeleton):
            assert 1 <= len(shown) <= LONGEST
            assert clean(shown) == safe(shown) == shown
            assert all(form.encode() for form in (shown, folded, skeleton))
            assert shown.isascii() or not ascii_only


@given(ANY_TEXT | LETTERS)
def test_a_nickname_asked_for_as_it_is_shown_is_the_same_nickname(text: str) -> None:
    match answer(text):
        case Name() as name:
            assert answer(name.shown) == name


@given(LETTERS)
def test_names_that_differ_by_case_fold_alike(text: str) -> None:
    names = [answer(variant) for variant in (text, text.swapcase(), text.casefold())]
    assert len({name.folded for name in names if isinstance(name, Name)}) <= 1


@given(st.text(ascii_lowercase + ascii_uppercase, min_size=1, max_size=LONGEST))
def test_latin_names_that_differ_by_case_look_alike(text: str) -> None:
    match answer(text), answer(text.swapcase()):
        case Name() as name, Name() as swapped:
            assert name.skeleton == swapped.skeleton
        case one, other:
            assert isinstance(one, Refused)
            assert isinstance(other, Refused)


@pytest.fixture
def untraced() -> Iterator[None]:
    """Measures the code without what measures its coverage."""
    trace = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(trace)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(
    "text", ["a" * 32, "漢" * 32, "ა" * 31 + "a", "\ufdfa" * 10_000, "a" + "\u0301\u0316" * 63, "\u0301" * 10_000]
)
def test_no_name_takes_a_millisecond(text: str) -> None:
    assert min(timeit.repeat(lambda: answer(text), time.process_time, repeat=9, number=1)) < 0.001


def test_the_tables_are_told() -> None:
    assert TABLES["Unicode"] == unicodedata.unidata_version
    assert TABLES["confusables"].startswith("3.")


# What rooms are called


@pytest.mark.parametrize(
    "name",
    [
        *("lobby", "python-help", "C_and_D", "x" * ROOM_LONGEST, "é" * ROOM_LONGEST, "山田", "やまだ", "музыка"),
        *("café-мир", "Python教室", "k8s", "r.e.d"),
    ],
)
def test_an_ordinary_name_is_a_rooms_with_the_sign_before_it_and_without(name: str) -> None:
    assert room_name(name).shown == name
    assert room_name(f"#{name}") == room_name(name)


@given(ANY_TEXT | LETTERS)
def test_a_room_may_be_called_what_a_person_may_and_is_compared_alike(text: str) -> None:
    match answer(text):
        case Name() as name:
            assert room_name(text) == name


def why_no_room(text: str, *, ascii_only: bool = False) -> str:
    with pytest.raises(Refused) as refused:
        room_name(text, ascii_only=ascii_only)
    assert refused.value.code == "room_invalid"
    return refused.value.words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a room's name has at least one character"),
        ("#", "a room's name has at least one character"),
        ("##", "a room's name cannot hold # (U+0023, number sign)"),
        ("##lobby", "a room's name cannot hold # (U+0023, number sign)"),
        ("a#b", "a room's name cannot hold # (U+0023, number sign)"),
        ("a,b", "a room's name cannot hold , (U+002C, comma)"),
        ("a b", "a room's name cannot hold U+0020, space"),
        ("x" * 51, "a room's name has at most 50 characters, and this one has 51"),
        ("e\u0301" * 51, "a room's name has at most 50 characters, and this one has 51"),
        ("x" * 201, "a room's name has at most 50 characters"),
        ("#1abc", "a room's name cannot begin with 1 (U+0031, digit one)"),
        ("a\u202eb", "a room's name cannot hold U+202E, right-to-left override"),
        ("a\ud800", "a room's name cannot hold U+D800"),
        ("אa", MIXED_DIRECTIONS.replace("a nickname", "a room's name")),
    ],
)
def test_what_is_no_rooms_name_is_refused_with_the_rule_broken(text: str, words: str) -> None:
    assert why_no_room(text) == words


def test_where_only_ascii_is_allowed_a_room_has_no_other_name() -> None:
    assert room_name("#lobby", ascii_only=True).shown == "lobby"
    assert why_no_room("#café", ascii_only=True) == (
        "a room's name has only ASCII letters, digits and _-[]\\^|` here, not é (U+00E9, latin small letter e with acute)"
    )


@pytest.mark.parametrize("text", [*RESERVED, "#ALL", "ʜᴇʀᴇ", "aII", "removed-7", "Removed-x"])
def test_a_reserved_name_is_no_rooms(text: str) -> None:
    with pytest.raises(Refused) as refused:
        room_name(text)
    assert refused.value.code == "room_reserved"


@pytest.mark.parametrize(
    "variant",
    [
        "LOBBY",
        "Iobby",
        "l0bby",
        "lоbby",
        "lοbby",
        "ⅼobby",
        "1obby",
        "lobbу",
        "#Lobby",
        "ｌｏｂｂｙ",
        "#ʟᴏʙʙʏ",
        "lob\u200dby",
    ],
)
def test_no_room_passes_for_the_lobby_also_where_scripts_may_mix(variant: str) -> None:
    match answer(variant, rule=room_name):
        case Name() as name:
            assert alike(room_name("lobby"), name)
        case Refused(code=code):
            assert code == "room_invalid"


@given(text=ANY_TEXT, ascii_only=st.booleans())
def test_any_text_is_a_rooms_name_or_refused_in_words_that_can_be_shown(text: str, ascii_only: bool) -> None:
    match answer(text, ascii_only=ascii_only, rule=room_name):
        case Refused(code=code, words=words):
            assert code in {"room_invalid", "room_reserved"}
            assert words.isprintable()
        case Name() as name:
            assert 1 <= len(name.shown) <= ROOM_LONGEST
            assert room_name(name.shown) == name


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(
    "text", ["#" * 65536, "x" * 65536, "\u0301" * 65536, "漢" * 65536, "\ufdfa" * 65536, "漢" * 50]
)
def test_no_rooms_name_takes_a_millisecond(text: str) -> None:
    assert min(timeit.repeat(lambda: answer(text, rule=room_name), time.process_time, repeat=9, number=1)) < 0.001
