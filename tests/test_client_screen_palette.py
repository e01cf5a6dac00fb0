"""The screen's colours: each can be read on the background it is for, at every depth of colour, and none is there where none is
wanted.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.output.vt100 import _256_colors
from prompt_toolkit.styles import Attrs, default_ui_style, merge_styles

from chatroom.client.screen.palette import CLASSES, HUES, NICKS, Background, nick_style, style

ON = {
    Background.DARK: ("000000", "303030"),
    Background.LIGHT: ("ffffff", "f0f0e8"),
    Background.UNKNOWN: ("000000", "ffffff"),
}
"""What terminals have."""

DIM = ("time", "pending", "waiting", "hint", "auto-suggestion", "bar.dim")
READABLE, LARGE = 4.5, 3.0
"""Contrasts of WCAG 2.2, 1.4.3: of text, and of what may be less than that."""

TOLD_APART = 30.0
"""Distance of colours in CIE 1976 L*a*b*; one from 2.3 on can just be noticed, side by side."""

NAMES = [*CLASSES, *(f"nick.{number}" for number in range(NICKS))]
WITH_BACKGROUND = ("bar", "completion-menu", "scrollbar")

EACH_BACKGROUND = pytest.mark.parametrize("background", Background)
EACH_NAME = pytest.mark.parametrize("name", NAMES)


def linear(colour: str) -> list[float]:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def luminance(colour: str) -> float:
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def lab(colour: str) -> tuple[float, float, float]:
    red, green, blue = linear(colour)
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in (x, y, z))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def attributes(background: Background, name: str, colours: bool = True) -> Attrs:
    """As on the screen, where prompt_toolkit's own style lies beneath."""
    merged = merge_styles([default_ui_style(), style(background, colours)])
    return merged.get_attrs_for_style_str(f"class:{name}")


def given_colour(colour: str | None) -> str:
    return "" if colour in (None, "default") else str(colour)


def in_256(colour: str) -> str:
    red, green, blue = bytes.fromhex(colour)
    return bytes(_256_colors.colors[_256_colors[red, green, blue]]).hex()


@EACH_BACKGROUND
@EACH_NAME
def test_each_colour_can_be_read_where_it_stands_in_all_and_in_256_colours(background: Background, name: str) -> None:
    attrs = attributes(background, name)
    ours, beneath = given_colour(attrs.color), given_colour(attrs.bgcolor)
    least = LARGE if name in DIM or (background is Background.UNKNOWN and not beneath) else READABLE
    for under in [beneath] if beneath else ON[background]:
        if ours:
            assert contrast(ours, under) >= least
            assert contrast(in_256(ours), in_256(under) if beneath else under) >= least


@EACH_BACKGROUND
@EACH_NAME
def test_only_the_bar_and_the_menus_have_a_background(background: Background, name: str) -> None:
    for colours in (True, False):
        has_one = given_colour(attributes(background, name, colours).bgcolor) != ""
        assert has_one is (colours and name.startswith(WITH_BACKGROUND))


@EACH_BACKGROUND
@EACH_NAME
def test_where_no_colours_are_wanted_there_are_none(background: Background, name: str) -> None:
    attrs = attributes(background, name, colours=False)
    assert (given_colour(attrs.color), given_colour(attrs.bgcolor)) == ("", "")


@EACH_BACKGROUND
def test_without_colours_what_matters_is_told_apart_all_the_same(background: Background) -> None:
    look = {name: attributes(background, name, colours=False) for name in NAMES}
    assert look["nick.3"].bold
    assert look["link"].underline
    assert look["bar"].reverse
    assert look["bar.mention"].reverse
    for one, other in [
        ("pending", "failed"),
        ("mention", "event"),
        ("bar", "bar.unread"),
        ("bar.unread", "bar.mention"),
        ("completion-menu.completion", "completion-menu.completion.current"),
        ("scrollbar.background", "scrollbar.button"),
    ]:
        assert attributes(background, one, colours=False) != attributes(background, other, colours=False)


@EACH_BACKGROUND
def test_no_two_hues_of_nicknames_look_alike(background: Background) -> None:
    hues = [hue.removeprefix("#") for hue in HUES[background]]
    assert len(hues) == NICKS
    assert min(math.dist(lab(one), lab(other)) for one, other in combinations(hues, 2)) >= TOLD_APART


@EACH_BACKGROUND
def test_what_is_not_yet_said_does_not_look_as_what_failed_or_is_for_oneself(background: Background) -> None:
    colours = [attributes(background, name).color for name in ("pending", "failed", "mention", "private", "unread")]
    assert len({*colours}) == len(colours)


def test_a_link_is_underlined_and_keeps_the_colour_of_its_line() -> None:
    attrs = style(Background.DARK, True).get_attrs_for_style_str("class:private class:link")
    assert (attrs.color, attrs.underline) == ("d7afff", True)


@given(st.text())
def test_any_nickname_has_one_of_the_hues_however_it_is_capitalised(nick: str) -> None:
    assert nick_style(nick) in {f"class:nick.{number}" for number in range(NICKS)}
    assert nick_style(nick) == nick_style(nick.casefold())


@pytest.mark.process
def test_a_nickname_has_the_same_hue_in_another_process() -> None:
    program = "from chatroom.client.screen.palette import nick_style; print(nick_style('Zoë'), nick_style('al'))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.split() == [nick_style("zoë"), nick_style("AL")]


def test_nicknames_are_spread_over_all_hues() -> None:
    counts = Counter(nick_style(f"guest{number}") for number in range(100 * NICKS))
    assert len(counts) == NICKS
    assert max(counts.values()) < 2 * min(counts.values())


def test_the_same_style_is_the_same_object_so_that_nothing_is_repainted_for_it() -> None:
    assert style(Background.DARK, True) is style(Background.DARK, True)
    assert style(Background.DARK, True) is not style(Background.LIGHT, True)
