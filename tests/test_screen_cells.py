"""The client's screen: text is laid out in rows that no terminal has to break, and nothing of it is lost. Pure."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime
from itertools import pairwise
from unicodedata import category

import pytest
import regex
from hypothesis import assume, example, given
from hypothesis import strategies as st
from wcwidth import wcswidth, wcwidth

from chatroom.client.screen.cells import EMOJI_LONGEST, NARROWEST, Cell, Piece, Row, cells, cut, rows, width_of
from chatroom.client.screen.line import CROWD_MOST, INDENT, Crowd, Line, linked, names, rule
from chatroom.text import safe

MORNING = datetime(2026, 11, 20, 9, 12, tzinfo=UTC)

ANY = st.text(max_size=60)
FAMILY, FLAG, CONJUNCT = "\U0001f468\u200d\U0001f469\ufe0f", "\U0001f1e9\U0001f1ea", "\u0915\u094d\u0937"
UNSEEN = "\u200b\x1b\t\n"
HARD = st.text(
    st.sampled_from(f"ab .,:/-_#\u00a0\u3000漢字ｶナ한é\u0301\u0308{FAMILY}{FLAG}{CONJUNCT}{UNSEEN}"), max_size=60
)
TEXT = st.one_of(HARD, ANY)
WIDTHS = st.integers(NARROWEST, 250)
NARROW = st.integers(NARROWEST, 24)
EMOJI = regex.compile(r"[\p{ExtPict}\p{RI}\uFE0F]")
WORDS = st.lists(st.text("abcdefghij", min_size=1, max_size=12), min_size=1, max_size=20)
URL = "https://example.org/"


def text_of(row: Row) -> str:
    return "".join(cell.text for cell in row)


def wide(row: Row) -> int:
    return sum(cell.width for cell in row)


def laid(text: str, width: int, indent: int = 0) -> list[str]:
    """The rows without their indents, as words."""
    found = rows([Piece("", text)], width, indent)
    return [text_of(row[indent if number else 0 :]) for number, row in enumerate(found)]


# Cells


@given(TEXT)
def test_all_that_can_be_seen_is_in_the_cells_in_order(text: str) -> None:
    found = cells(Piece("style", text, "link"))
    assert "".join(cell.text for cell in found).removeprefix(" ").lstrip() == safe(text).lstrip()
    assert {(cell.style, cell.link) for cell in found} <= {("style", "link")}


@given(TEXT)
def test_a_cell_is_as_wide_as_wcwidth_says(text: str) -> None:
    for cell in cells(Piece("", text)):
        assert cell.width in (1, 2)
        assert cell.width == min(2, wcswidth(cell.text) or 1)


@given(TEXT)
@example("\u1100" * 40)
@example("\u0930" + "\u093e" * 40)
@example("\U0001f44d\U0001f3fd\U0001f3fd")
def test_no_terminal_takes_more_columns_for_a_cell_than_it_has_but_for_emoji(text: str) -> None:
    for cell in cells(Piece("", text)):
        columns = [max(wcwidth(each), category(each) == "Mc") for each in cell.text]
        assert sum(columns) <= cell.width or EMOJI.search(cell.text)


@given(st.text("ab漢한\u1100\u0915\u0937\u094d\u0308", max_size=40))
def test_a_text_without_emoji_is_as_wide_as_its_characters(text: str) -> None:
    assume(wcwidth(text[:1]) > 0)
    assert width_of(text) == sum(wcwidth(each) for each in text)


@pytest.mark.parametrize(
    ("text", "widths"),
    [
        ("abc", [1, 1, 1]),
        ("漢字", [2, 2]),
        ("e\u0301x", [1, 1]),
        ("\u0301x", [1, 1]),
        ("👨‍👩‍👧!", [2, 1]),
        ("🇩🇪", [2]),
        ("❤\ufe0f", [2]),
        ("👍🏽", [2]),
        ("각", [2]),
        ("1\ufe0f\u20e3", [2]),
        ("राष्ट्रीय", [2, 1, 1, 2, 1]),
        ("\u1100\u1100\u1161", [2, 2]),
        ("\u0930\u093e\u093e\u093e", [2, 1, 1]),
        ("", []),
    ],
)
def test_letters_with_marks_and_emoji_of_several_are_one_cell(text: str, widths: list[int]) -> None:
    assert [cell.width for cell in cells(Piece("", text))] == widths


def test_an_emoji_of_more_than_any_has_is_drawn_in_parts() -> None:
    most = (EMOJI_LONGEST + 1) // 2
    assert width_of("\u200d".join("👩" * most)) == 2
    assert width_of("\u200d".join("👩" * (most + 1))) == 2 * (most + 1)


def test_nothing_that_steers_a_terminal_gets_into_a_cell() -> None:
    assert "".join(cell.text for cell in cells(Piece("", "a\x1b[2Jb\u202ec\nd\x00"))) == "a[2Jbc d"


# Cut


@given(TEXT, st.integers(0, 80))
@example("漢字", 1)
@example("a\u0600", 1)
def test_what_is_cut_is_never_wider_than_what_it_is_cut_to(text: str, width: int) -> None:
    found = cut(text, width)
    assert width_of(found) <= width
    assert (
        found == text_of(cells(Piece("", text)))
        or found in ("", "…")
        or (found.endswith("…") and text_of(cells(Piece("", text)))[: len(found) - 1])
    )


@given(TEXT, st.integers(0, 80))
def test_only_what_does_not_fit_is_cut(text: str, width: int) -> None:
    assert cut(text, width) == text_of(cells(Piece("", text))) or width_of(text) > width


def test_what_need_not_be_cut_is_safe_as_well() -> None:
    assert cut("a\x1b[2Jb\u202ec\nd", 80) == "a[2Jbc d"


# Rows


@given(TEXT, WIDTHS, st.integers(0, 12))
@example("漢" * 30, NARROWEST, 0)
def test_no_row_is_wider_than_the_width(text: str, width: int, indent: int) -> None:
    for row in rows([Piece("", text)], width, indent):
        assert wide(row) <= width


@given(TEXT, NARROW, st.integers(0, 12))
def test_nothing_is_lost_but_blanks_at_the_ends_of_rows(text: str, width: int, indent: int) -> None:
    indent = min(indent, width - NARROWEST)
    left = cells(Piece("", text))
    for number, row in enumerate(rows([Piece("", text)], width, indent)):
        assert [cell.text for cell in row[:indent]] == [" "] * indent or not number
        shown = row[indent if number else 0 :]
        while number and left and left[0].text == " " and (not shown or shown[0].text != " "):
            del left[0]  # it stood at the end of the row before
        assert left[: len(shown)] == shown
        del left[: len(shown)]
    assert all(cell.text == " " for cell in left)


@given(WORDS, st.integers(12, 80))
def test_a_word_that_fits_on_a_row_is_not_broken(words: list[str], width: int) -> None:
    assert " ".join(laid(" ".join(words), width)).split() == words


@given(WORDS, st.integers(20, 80), st.integers(0, 8))
def test_rows_are_as_full_as_words_allow(words: list[str], width: int, indent: int) -> None:
    found = laid(" ".join(words), width, indent)
    for number, (row, after) in enumerate(pairwise(found)):
        left = width - (indent if number else 0) - len(row.rstrip())
        assert len(after.split()[0]) + 1 > left


@given(st.text("漢字 ", min_size=1, max_size=40), NARROW)
def test_scripts_without_blanks_end_a_row_behind_any_character(text: str, width: int) -> None:
    for row in laid("漢" * len(text), width)[:-1]:
        assert width - width_of(row) < 2


@given(WORDS, st.integers(40 + INDENT, 80), st.text("abc/?=&-", max_size=19))
def test_a_link_that_fits_on_a_row_is_not_broken(words: list[str], width: int, path: str) -> None:
    url = f"{URL}{path}x"
    found = rows(linked(f"{' '.join(words)} {url} {' '.join(words)}", ""), width, INDENT)
    (row,) = [row for row in found if any(cell.link for cell in row)]
    assert "".join(cell.text for cell in row if cell.link == url) == url


def test_a_link_that_fits_on_no_row_is_broken_where_rows_end_and_is_one_link() -> None:
    url = f"{URL}{'x' * 100}"
    found = rows(linked(f"see {url}", ""), 30, 0)
    assert "".join(cell.text for row in found for cell in row if cell.link == url) == url
    assert [wide(row) for row in found] == [30, 30, 30, 30, 4]


def test_what_is_left_beside_an_indent_is_never_too_narrow() -> None:
    found = rows([Piece("", "abcdefghijkl")], NARROWEST + 1, 40)
    assert [text_of(row) for row in found] == ["abcde", " fghi", " jkl"]


# Lines


def shown(line: Line, width: int) -> list[str]:
    return [text_of(row) for row in line.rows(width)]


def test_what_is_wrapped_stands_below_the_words() -> None:
    line = Line(MORNING, [Piece("nick", "al"), Piece("", ": ")], "one two three four")
    assert shown(line, 20) == ["09:12 al: one two ", "      three four"]


def test_lines_of_one_message_stand_below_one_another_with_the_note_behind_the_last() -> None:
    line = Line(MORNING, [Piece("", "al: ")], "first\nsecond is long\n\nlast")
    line.note = "edited"
    assert "|".join(shown(line, 16)) == "09:12 al: first|      second is |      long|      |      last |      (edited)"


def test_a_note_stands_behind_one_line() -> None:
    line = Line(MORNING, (), "words")
    line.change("others", "style", "edited")
    assert shown(line, 80) == ["09:12 others (edited)"]


@given(ANY, WIDTHS, WIDTHS)
def test_a_line_is_laid_out_for_the_width_that_is_asked_for(text: str, one: int, other: int) -> None:
    line = Line(MORNING, (), text.replace("\n", " "))
    for width in (one, other, one):
        assert line.rows(width) == Line(MORNING, (), line.text).rows(width)
        assert all(wide(row) <= width for row in line.rows(width))


@given(st.lists(HARD, min_size=1, max_size=5), NARROW)
def test_no_row_of_a_message_of_several_lines_is_wider_than_the_width(texts: list[str], width: int) -> None:
    line = Line(MORNING, [Piece("", "nick: ")], "\n".join(texts))
    line.note = "edited"
    assert all(wide(row) <= width for row in line.rows(width))


def test_links_of_a_line_are_told_as_links_and_the_rest_is_not() -> None:
    found = linked(f"see {URL}, or {URL}x.", "style")
    assert [(piece.text, piece.link) for piece in found] == [
        ("see ", ""), (URL, URL), (", or ", ""), (f"{URL}x", f"{URL}x"), (".", ""),
    ]  # fmt: skip
    assert all(piece.style == "style" for piece in found)


@given(st.text("abc 12,", max_size=40), WIDTHS)
def test_a_rule_goes_across_the_whole_window(words: str, width: int) -> None:
    assert wide(rule(words, "", width)) == width


def test_a_rule_has_its_words_where_they_fit() -> None:
    assert text_of(rule("new", "", 12)) == "── new ─────"
    assert text_of(rule("Friday, 20 November 2026", "", 12)) == "── ─────────"


# Names


@pytest.mark.parametrize(
    ("nick", "text", "named"),
    [
        ("al", "al: hi", True),
        ("al", "hi AL!", True),
        ("al", "hi (@al)", True),
        ("al", "also", False),
        ("al", "formal", False),
        ("al", "al_x", False),
        ("Zoë", "ZOË?", True),
        ("zoe", "zoë", False),
        ("a.b", "axb", False),
        ("a.b", "a.b, you", True),
        ("[x]", "is [x] here", True),
        ("王", "王!", True),
        ("王", "王五", False),
        ("", "anything", False),
    ],
)
def test_who_is_named_as_a_whole_word_in_any_case_is_called(nick: str, text: str, named: bool) -> None:
    assert names(nick, text) is named


@given(st.text("ab.*[](\\^$|", min_size=1, max_size=8))
def test_any_nickname_is_found_as_it_is(nick: str) -> None:
    assert names(nick, f"hello {nick}")
    assert names(nick.upper(), nick)


# Crowds


def crowd(*moves: tuple[str, str, str]) -> Crowd:
    one = Crowd(MORNING)
    for move in moves:
        one.add(*move)
    return one


def test_who_comes_and_goes_is_told_in_one_line() -> None:
    one = crowd(("al", "joined", ""), ("bo", "joined", ""), ("cy", "left", "lunch"), ("di", "joined", ""))
    assert one.text == "* al, bo and di joined, cy left (lunch)"


def test_of_many_some_are_named() -> None:
    one = crowd(*((f"p{number}", "joined", "") for number in range(Crowd.SHOWN + 1)))
    assert one.text == f"* {', '.join(f'p{number}' for number in range(Crowd.SHOWN))} and 1 more joined"
    exactly = crowd(*((f"p{number}", "joined", "") for number in range(Crowd.SHOWN)))
    assert "more" not in exactly.text


@pytest.mark.parametrize(("reasons", "alike"), [(1, CROWD_MOST), (CROWD_MOST, CROWD_MOST - Crowd.SHOWN)])
def test_thousands_who_come_and_go_are_told_in_few_words_and_kept_in_little_memory(reasons: int, alike: int) -> None:
    one = Crowd(MORNING)
    tracemalloc.start()
    try:
        for number in range(CROWD_MOST):
            assert one.takes(f"person{number}")
            one.add(f"person{number}", "joined", "")
            one.add(f"person{number}", "left", f"reason {number % reasons}")
        meanwhile, _ = tracemalloc.get_traced_memory()
        assert one.takes("person0")
        assert not one.takes("one more")
        one.settle()
        afterwards, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert f"and {alike - Crowd.SHOWN} more came and went" in one.text
    assert len(one.text) < 1000
    assert meanwhile < CROWD_MOST * 400
    assert afterwards < 20_000


@pytest.mark.parametrize(
    ("moves", "told"),
    [
        ("joined", "joined"),
        ("joined left", "came and went"),
        ("joined left joined", "joined"),
        ("left", "left"),
        ("left joined", "left and came back"),
        ("left joined left", "left"),
        ("joined joined", "joined"),
    ],
)
def test_of_each_person_it_is_told_where_they_are_now(moves: str, told: str) -> None:
    one = crowd(("al", "joined", ""), *(("zed", word, "") for word in moves.split()))
    assert one.text == ("* al and zed joined" if told == "joined" else f"* al joined, zed {told}")


def test_whoever_comes_and_goes_all_the_time_is_named_once() -> None:
    flaps = [("al", word, "") for _ in range(50) for word in ("joined", "left")]
    assert crowd(*flaps).text == "* al came and went"
    assert crowd(*flaps, ("al", "joined", "")).text == "* al joined"
    others = [(f"n{number}", "joined", "") for number in range(Crowd.SHOWN)]
    assert crowd(*others, *flaps).text.endswith("n6 and n7 joined, al came and went")


def test_of_reasons_the_last_is_told() -> None:
    one = crowd(("al", "left", "lunch"), ("al", "joined", ""), ("al", "left", "dinner"), ("bo", "left", "lunch"))
    assert one.text == "* al left (dinner), bo left (lunch)"


def test_a_cell_is_what_it_says() -> None:
    assert cells(Piece("s", "a", "l")) == [Cell("a", 1, "s", "l")]
