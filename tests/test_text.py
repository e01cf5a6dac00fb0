"""What text may hold: at the edge in, and at the edge out."""

from __future__ import annotations

import json
import time
import timeit
from collections.abc import Callable
from functools import partial
from unicodedata import category, combining, is_normalized

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.text import MARKS, clean, clean_lines, decode, safe

SEPARATORS = "\t\n\v\f\r\x85\u2028\u2029"
REMOVED = [
    *(range(0x20)),
    *(range(0x7F, 0xA0)),
    *(0x061C, 0x200B, 0x200E, 0x200F),
    *(range(0x202A, 0x202F)),
    *(range(0x2066, 0x2070)),
    *(0xFEFF, 0xFFF9, 0xFFFA, 0xFFFB),
    *(range(0xD800, 0xE000)),
    *(range(0xFDD0, 0xFDF0)),
    *(plane * 0x10000 + last for plane in range(17) for last in (0xFFFE, 0xFFFF)),
    *(range(0xE0000, 0xE0080)),
]
DANGEROUS = {*map(chr, REMOVED), *SEPARATORS}

EDGES = pytest.mark.parametrize("edge", [clean, clean_lines, safe])
ANY_EDGE = st.sampled_from([clean, clean_lines, safe])
ANY_TEXT = st.text(st.characters() | st.sampled_from(sorted(DANGEROUS)) | st.sampled_from("e\u0301\u0316\u0344각"))


@EDGES
def test_no_dangerous_character_passes_an_edge(edge: Callable[[str], str]) -> None:
    kept = "\n" if edge is clean_lines else ""
    for char in DANGEROUS:
        left = edge(f"a{char}é{char}")
        assert not (set(left) & DANGEROUS) - set(kept), f"U+{ord(char):04X}"


@EDGES
def test_what_separates_words_becomes_a_space_and_the_rest_leaves_none(edge: Callable[[str], str]) -> None:
    for char in DANGEROUS:
        if edge is clean_lines and char in "\r\n":
            continue
        assert edge(f"one{char}two") == ("one two" if char in SEPARATORS else "onetwo"), f"U+{ord(char):04X}"


@EDGES
@pytest.mark.parametrize(
    ("attack", "left"),
    [
        ("\x1b[2J", "[2J"),
        ("\x1b[6n", "[6n"),
        ("\x1b]52;c;aGk=\x07", "]52;c;aGk="),
        ("\x1b]8;;http://evil\x1b\\x\x1b]8;;\x1b\\", "]8;;http://evil\\x]8;;\\"),
        ("\x9b31m", "31m"),
        ("\x90q\x9c \x9fapc\x9c \x9epm\x9c \x98sos\x9c", "q apc pm sos"),
        ("hi\x00", "hi"),
        ("\x02bold\x1d", "bold"),
        ("\x01VERSION\x01", "VERSION"),
        ("abc\u202egpj.exe", "abcgpj.exe"),
        ("\ufeffhi", "hi"),
        ("\ud83d", ""),
    ],
)
def test_an_attack_is_left_as_harmless_text(edge: Callable[[str], str], attack: str, left: str) -> None:
    assert edge(attack) == left


@EDGES
@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "  two  spaces ",
        "Привет, Иван!",
        "no\u00a0break",
        "山田太郎",
        "می\u200cخواهم",  # ZWNJ: Persian wants it
        "क्\u200dष",  # ZWJ: half forms of Devanagari
        "👩\u200d👩\u200d👧 ❤\ufe0f 🇩🇪 👍🏽",
        "葛\U000e0100",  # ideographic variation
        "soft\u00adhyphen",
        "\ue000",  # private use: some fonts show it
    ],
)
def test_what_people_write_stays(edge: Callable[[str], str], text: str) -> None:
    assert edge(text) == text


def test_tags_go_and_leave_a_black_flag() -> None:
    assert clean("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f") == "🏴"


def test_one_line_stays_one_line() -> None:
    assert clean("hi\r\nQUIT :x") == safe("hi\r\nQUIT :x") == "hi QUIT :x"
    assert clean("hi\rPRIVMSG #a :b") == safe("hi\rPRIVMSG #a :b") == "hi PRIVMSG #a :b"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("a\n\nb\n", "a\n\nb\n"),
        ("e\u0301\n\ta\u2028b\x1b[2J", "é\n a b[2J"),
        ("a\r\x00\nb", "a\n\nb"),
        ("", ""),
    ],
)
def test_line_ends_of_all_sorts_become_line_feeds(text: str, lines: str) -> None:
    assert clean_lines(text) == lines


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("e\u0301", "é"),
        ("e\u200b\u0301", "é"),  # composed only when what stood between has gone
        ("\u1100\u202e\u1161", "가"),
        ("\u212b", "Å"),
        ("ﬁ", "ﬁ"),  # NFC, not NFKC: what looks different stays different
    ],
)
def test_what_comes_in_is_normalised(text: str, normal: str) -> None:
    assert clean(text) == normal


def test_what_goes_out_is_not_normalised_again() -> None:
    assert safe("e\u0301") == "e\u0301"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"hello", "hello"),
        ("Ólafur ☃".encode(), "Ólafur ☃"),
        (b"caf\xe9", "café"),
        (b"\xff\xfe", "ÿþ"),
        (b"\xc0\xaf", "À¯"),  # overlong
        (b"\xed\xa0\x80", "í\xa0\x80"),  # a surrogate
        (b"\xf4\x90\x80\x80", "ô\x90\x80\x80"),  # past U+10FFFF
        (b"\xe2\x82", "â\x82"),  # cut off
        (b"", ""),
    ],
)
def test_bytes_are_utf_8_or_else_latin_1(line: bytes, text: str) -> None:
    assert decode(line) == text


@given(st.binary())
def test_any_bytes_are_read(line: bytes) -> None:
    clean(decode(line)).encode()


@given(edge=ANY_EDGE, text=ANY_TEXT)
def test_cleaning_twice_is_cleaning_once(edge: Callable[[str], str], text: str) -> None:
    assert edge(edge(text)) == edge(text)


@given(edge=ANY_EDGE, text=ANY_TEXT)
def test_what_is_left_is_safe_and_can_be_written(edge: Callable[[str], str], text: str) -> None:
    left = edge(text)
    assert not (set(left) & DANGEROUS) - set("\n" if edge is clean_lines else "")
    assert {category(char) for char in left if char != "\n"}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    left.encode()


@given(text=ANY_TEXT)
def test_what_came_in_clean_goes_out_as_it_is(text: str) -> None:
    assert is_normalized("NFC", clean(text))
    assert safe(clean(text)) == clean(text)
    assert clean_lines("\n".join(["a", clean(text)])) == "a\n" + clean(text)


@given(st.text("e\u0301\u0316\u0344\u1100\u1161\U0001d160\u09c7\u09be\u202e", min_size=MARKS, max_size=4 * MARKS))
def test_marks_in_any_order_are_cleaned_once_for_all(text: str) -> None:
    once = clean(text)
    assert is_normalized("NFC", once)
    assert clean(once) == once


@pytest.mark.parametrize("mark", ["\u0301", "\u0344"])
def test_a_character_has_at_most_so_many_marks(mark: str) -> None:
    text = "x" + mark * MARKS
    assert clean(text + mark + "y") == clean(text + "y")
    assert sum(map(bool, map(combining, clean(text + mark)))) == MARKS


@pytest.mark.parametrize(
    "line",
    [
        "\ufdfa" * 1365,
        "a" + "\u0301" * 2047,
        "a" + "\u0301" * 1024 + "\u0316" * 1023,  # sorted by normalising: quadratic
        ("a" + "\u0301" * 29 + "\u0316") * 66,
        "\u0344" * 2048,
        "\U0001d160" * 1024,
        "\x1b" * 4096,
        "a\t" * 2048,
        "\U000e0041a" * 819,
    ],
)
def test_no_line_of_4096_bytes_takes_more_than_5_ms(line: str) -> None:
    assert len(line.encode()) <= 4096
    for edge in (clean, clean_lines, safe):
        assert min(timeit.repeat(partial(edge, line), time.process_time, repeat=5, number=1)) <= 0.005


@pytest.mark.parametrize("text", ["\ufdfa" * 10_000, "a" + "\u0301" * 5_000 + "\u0316" * 5_000])
def test_ten_thousand_characters_from_json_take_no_more(text: str) -> None:
    assert min(timeit.repeat(partial(clean_lines, text), time.process_time, repeat=5, number=1)) <= 0.005


def test_lone_surrogates_from_json_go_and_pairs_stay() -> None:
    assert clean_lines(json.loads(r'"\ud83d x \ud83d\ude00 \ude00"')) == " x 😀 "
