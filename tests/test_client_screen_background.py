"""The terminal's background: what it is like is read from any answer, and what is typed beside the answer stays as it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.keys import Keys

from chatroom.client.screen.background import (
    COLOUR_MOST,
    QUESTION,
    FilteredReader,
    Replies,
    background_from,
    background_of,
)
from chatroom.client.screen.palette import Background

DARK, LIGHT, UNKNOWN = Background.DARK, Background.LIGHT, Background.UNKNOWN

BEL, ST = "\x07", "\x1b\\"
REPLY = f"\x1b]11;rgb:1e1e/1e1e/1e1e{ST}"
HELD_MOST = len("\x1b]11;") + COLOUR_MOST + len("\x1b")
PASTE, PASTE_END = "\x1b[200~", "\x1b[201~"

ANSWER = re.compile(r"\x1b\]11;(rgba?:[0-9a-f/]+|#[0-9a-f]{6})(\x07|\x1b\\)", re.IGNORECASE)

REPLIES = st.builds(
    lambda colour, end: f"\x1b]11;{colour}{end}",
    st.sampled_from(["rgb:0000/2b2b/3636", "rgb:f/f/f", "rgba:ffff/ffff/ffff/dddd", "RGB:00/00/00", "#fdf6e3"]),
    st.sampled_from([BEL, ST]),
)
PASTES = st.text(st.characters() | st.sampled_from("\x1b[]20~1;\x07\\")) | REPLIES
KEYS = (
    st.characters()
    | st.sampled_from(["\x1b", "\x1b]", "\x1b[", "\x1b\\", "]", "1", ";", BEL, "\\", "~"])
    | st.sampled_from(["\x1b[A", "\x1bOP", "\x1b[1;5C", "\x1b[3~", "\x1b[12;40R", "\x1b[<0;1;2M", "\x1b[20~"])
    | st.sampled_from(
        ["\x1b]10;rgb:0/0/0\x07", "\x1b]4;11;rgb:0/0/0\x1b\\", "\x1b]11;", "\x1b]11;?\x07", "\x1b]11;#12"]
    )
    | PASTES.filter(lambda text: PASTE_END not in text).map(lambda text: f"{PASTE}{text}{PASTE_END}")
)
TYPED = st.lists(KEYS)
"""What a person types and pastes, and other answers of the terminal: one piece for each."""


class Told:
    """A filter, and what it told."""

    def __init__(self) -> None:
        self.backgrounds: list[Background] = []
        self.replies = Replies(self.backgrounds.append)

    def feed(self, *chunks: str) -> str:
        return "".join(map(self.replies.feed, chunks))


def split(text: str, at: Sequence[int]) -> list[str]:
    ends = sorted({0, len(text), *(number % (len(text) + 1) for number in at)})
    return [text[begin:end] for begin, end in pairwise(ends)]


def is_typed(keys: Sequence[str]) -> bool:
    """Pieces typed one after the other make no answer, and no beginning of a paste, that was none of them."""
    text = "".join("P" if key.startswith(PASTE) else key for key in keys)
    return PASTE not in text and not ANSWER.search(text)


# What a colour is like


@pytest.mark.parametrize(
    ("colour", "background"),
    [
        ("rgb:0000/0000/0000", DARK),
        ("rgb:ffff/ffff/ffff", LIGHT),
        ("rgb:0/0/0", DARK),
        ("rgb:f/f/f", LIGHT),
        ("rgb:00/2b/36", DARK),
        ("rgb:fd/f6/e3", LIGHT),
        ("rgb:000/fff/000", LIGHT),
        ("rgb:0000/0000/ffff", DARK),
        ("rgba:ffff/ffff/ffff/8000", LIGHT),
        ("rgba:2e2e/3434/4040/cccc", DARK),
        ("RGB:FF/FF/FF", LIGHT),
        ("#000000", DARK),
        ("#FDF6E3", LIGHT),
        ("rgb:7575/7575/7575", DARK),
        ("rgb:7676/7676/7676", LIGHT),
        ("", UNKNOWN),
        ("?", UNKNOWN),
        ("black", UNKNOWN),
        ("#fff", UNKNOWN),
        ("rgb:00000/0/0", UNKNOWN),
        ("rgb:0/0", UNKNOWN),
        ("rgb:0/0/g", UNKNOWN),
        ("rgb:0/0/0/0/0", UNKNOWN),
        ("rgb:0/0/0 ", UNKNOWN),
    ],
)
def test_a_background_is_as_light_as_its_colour(colour: str, background: Background) -> None:
    assert background_of(colour) is background


@given(st.text())
def test_whatever_is_answered_is_a_background_or_unknown(colour: str) -> None:
    assert background_of(colour) in Background


@pytest.mark.parametrize(
    ("told", "background"),
    [
        ("15;0", DARK),
        ("15;default;0", DARK),
        ("7;8", DARK),
        ("0;15", LIGHT),
        ("0;7", LIGHT),
        ("0;default;15", LIGHT),
        ("0;10", LIGHT),
        ("15;default", UNKNOWN),
        ("0;16", UNKNOWN),
        ("0;", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_the_environment_gives_a_hint(told: str, background: Background) -> None:
    assert background_from({"COLORFGBG": told}) is background


def test_an_environment_without_the_hint_gives_none() -> None:
    assert background_from({}) is UNKNOWN


def test_the_question_is_xterms() -> None:
    assert QUESTION == "\x1b]11;?\x1b\\"


# What is typed


@given(TYPED, TYPED, REPLIES, st.lists(st.integers(min_value=0)))
def test_an_answer_between_any_keys_is_taken_out_and_told_once(
    before: list[str], after: list[str], reply: str, at: list[int]
) -> None:
    assume(is_typed(before))
    told = Told()
    chunks = split("".join([*before, reply, *after]), at)
    assert told.feed(*chunks) == "".join([*before, *after])
    assert told.backgrounds == [background_of(reply[5:].rstrip("\x07\x1b\\"))]


@given(TYPED, REPLIES)
def test_an_answer_that_comes_byte_by_byte_is_taken_out(before: list[str], reply: str) -> None:
    assume(is_typed(before))
    told = Told()
    assert told.feed(*"".join(before), *reply, *"end") == "".join(before) + "end"
    assert len(told.backgrounds) == 1


@given(st.lists(st.text() | KEYS))
def test_what_is_typed_without_an_answer_comes_through_whenever_it_is_flushed(chunks: list[str]) -> None:
    assume("\x1b]11;" not in "".join(chunks))
    told, through = Told(), ""
    for chunk in chunks:
        through += told.replies.feed(chunk) + told.replies.flush()
    assert through == "".join(chunks)
    assert told.backgrounds == []


@given(st.lists(st.text() | KEYS | st.sampled_from([REPLY[:end] for end in range(len(REPLY))])))
def test_never_more_is_held_back_than_an_answer_has(chunks: list[str]) -> None:
    told, held = Told(), 0
    for chunk in chunks:
        held += len(chunk) - len(told.replies.feed(chunk))
        assert told.backgrounds or 0 <= held <= HELD_MOST


@pytest.mark.parametrize("key", ["\x1b", "\x1b]", "\x1b[", "\x1b]1", "\x1b]11;rgb:00"])
def test_a_key_that_an_answer_may_begin_with_comes_when_it_is_flushed_once(key: str) -> None:
    told = Told()
    assert told.feed(f"a{key}") == "a"
    assert told.replies.flush() == key
    assert told.replies.flush() == ""


@pytest.mark.parametrize(
    "key", ["\x1b]b", "\x1b[A", "\x1ba", "\x1b]10;", "\x1b]11;x", "\x1b\x1b[A", "]11;rgb:0/0/0\x07"]
)
def test_what_no_answer_begins_with_comes_at_once(key: str) -> None:
    assert Told().feed(key) == key
    assert Told().feed(*key) == key


@pytest.mark.parametrize(
    "reply", ["\x1b]11;cyan\x07", "\x1b]11;?\x1b\\", "\x1b]11;rgb:0/0\x07", "\x1b]10;rgb:0/0/0\x07"]
)
def test_what_tells_no_colour_of_the_background_is_no_answer(reply: str) -> None:
    told = Told()
    assert told.feed(reply) == reply
    assert told.backgrounds == []


def test_an_answer_that_somebody_pastes_is_pasted() -> None:
    told = Told()
    pasted = f"{PASTE}a{REPLY}b{PASTE_END}"
    assert told.feed(*pasted) == pasted
    assert told.backgrounds == []
    assert told.feed(REPLY, "c") == "c"
    assert told.backgrounds == [DARK]


def test_the_end_of_a_paste_is_seen_though_it_is_flushed_within() -> None:
    told = Told()
    through = ""
    for chunk in (PASTE, "a\x1b[20", "1~"):
        through += told.replies.feed(chunk) + told.replies.flush()
    assert through == f"{PASTE}a{PASTE_END}"
    assert told.feed(REPLY) == ""


def test_after_an_answer_all_is_typed() -> None:
    told = Told()
    assert told.feed(f"a{REPLY}b{REPLY}", "\x1b", REPLY) == f"ab{REPLY}\x1b{REPLY}"
    assert told.backgrounds == [DARK]


def test_when_no_answer_is_expected_any_more_all_is_typed() -> None:
    told = Told()
    assert told.feed("a\x1b]1") == "a"
    told.replies.stop()
    assert told.feed(REPLY, "\x1b") == f"\x1b]1{REPLY}\x1b"
    assert told.backgrounds == []


# Within prompt_toolkit


class Pipe:
    """A reader with what was written to it."""

    closed = False

    def __init__(self, *chunks: str) -> None:
        self._chunks = list(chunks)

    def read(self, count: int = 1024) -> str:
        chunk = self._chunks.pop(0)
        self.closed = not self._chunks
        return chunk


def test_when_the_input_ends_what_was_held_back_comes() -> None:
    reader = FilteredReader(Pipe("a\x1b", "]1"), Told().replies)
    assert [reader.read(), reader.closed, reader.read(), reader.closed] == ["a", False, "\x1b]1", True]


def test_prompt_toolkit_reads_the_keys_and_not_the_answer() -> None:
    told = Told()
    with create_pipe_input() as terminal:
        assert isinstance(terminal, Vt100Input)
        terminal.stdin_reader = FilteredReader(terminal.stdin_reader, told.replies)  # type: ignore[assignment]
        keys = []
        for sent in ("a\x1b", "[A\x1b]11;rgb:ff", "ff/ffff/ffff\x1b", "\\b\x1b", "]"):
            terminal.send_text(sent)
            keys += [press.key for press in terminal.read_keys()]
        assert keys == ["a", Keys.Up, "b", Keys.Escape, "]"]
    assert told.backgrounds == [LIGHT]
