"""How everything on the screen looks: one table of classes, for each background that a terminal may have. Pure.

All colours stand in the cube or the greys of 256-colour terminals, so that these show just what others do. The message area
gets no background of ours: the terminal may be transparent. tests/test_client_screen_palette.py measures the contrasts.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from typing import NamedTuple
from zlib import crc32

from prompt_toolkit.styles import Style


class Background(Enum):
    """What the terminal's own is like."""

    DARK = "dark"
    LIGHT = "light"
    UNKNOWN = "unknown"


HUES = {
    Background.DARK: (
        "#ffafaf", "#ff8700", "#ffd700", "#afaf5f", "#5faf00", "#00ff00",
        "#00d787", "#5fd7d7", "#00afff", "#af87d7", "#ff5fff", "#ff5faf",
    ),
    Background.LIGHT: (
        "#d7005f", "#870000", "#d70000", "#875f00", "#005f00", "#005f87",
        "#005fd7", "#0000af", "#0000ff", "#af00d7", "#875f87", "#870087",
    ),
    Background.UNKNOWN: (
        "#ff005f", "#ff0000", "#af5f00", "#878700", "#008700", "#00875f",
        "#0087af", "#005fd7", "#8700ff", "#d75fff", "#ff00af", "#af5f87",
    ),
}  # fmt: skip
"""Of nicknames, in the order of the colour circle: the sets of twelve that can best be told apart (CIE 1976) of all that
contrast enough."""

NICKS = 12
"""Classes of nicknames: with more, two hues on a light background would look alike."""


class Tones(NamedTuple):
    """Of one class."""

    dark: str
    light: str
    unknown: str
    """Of mid tones, to be read on black as on white."""
    plain: str
    """Without colours."""


CLASSES = {
    "nick": Tones("", "", "", "bold"),
    "time": Tones("#8a8a8a", "#767676", "#808080", "dim"),
    "day": Tones("bold #b2b2b2", "bold #444444", "bold #808080", "bold"),
    "event": Tones("#9e9e9e", "#626262", "#808080", "dim"),
    "notice": Tones("#87afff", "#005faf", "#0087af", ""),
    "refused": Tones("#ff8787", "#af0000", "#d75f5f", "bold"),
    "failed": Tones("bold #ff8787", "bold #af0000", "bold #d75f5f", "bold"),
    "pending": Tones("#8a8a8a", "#767676", "#808080", "dim"),
    "waiting": Tones("italic #8a8a8a", "italic #767676", "italic #808080", "dim italic"),
    "mention": Tones("bold #ffd75f", "bold #875f00", "bold #af5f00", "bold"),
    "private": Tones("#d7afff", "#8700af", "#af5fd7", "italic"),
    "unread": Tones("#ff8700", "#af005f", "#d75f00", "bold"),
    "link": Tones("underline", "underline", "underline", "underline"),
    "prompt": Tones("bold", "bold", "bold", "bold"),
    "question": Tones("bold #5fd7d7", "bold #005f5f", "bold #008787", "bold"),
    "hint": Tones("#8a8a8a", "#767676", "#808080", "dim"),
    "bar": Tones("bg:#444444 #e4e4e4", "bg:#d0d0d0 #1c1c1c", "bg:#444444 #e4e4e4", "reverse"),
    "bar.room": Tones("bold", "bold", "bold", "bold"),
    "bar.unread": Tones("#afd7ff", "#0000af", "#afd7ff", "bold"),
    "bar.mention": Tones("bold #ffd75f", "bold #870087", "bold #ffd75f", "bold underline"),
    "bar.trouble": Tones("bold #ffafaf", "bold #870000", "bold #ffafaf", "bold"),
    "bar.dim": Tones("#a8a8a8", "#626262", "#a8a8a8", ""),
    # Below, the style that prompt_toolkit has of itself is taken back, colours and all.
    "completion-menu": Tones("bg:#3a3a3a #d0d0d0", "bg:#dadada #1c1c1c", "bg:#3a3a3a #d0d0d0", "noinherit reverse"),
    "completion-menu.completion.current": Tones(
        "noreverse bg:#87afff #000000", "noreverse bg:#005faf #ffffff", "noreverse bg:#87afff #000000", "noinherit bold"
    ),
    "completion-menu.meta.completion": Tones(
        "bg:#444444 #bcbcbc", "bg:#d0d0d0 #444444", "bg:#444444 #bcbcbc", "noinherit reverse"
    ),
    "completion-menu.meta.completion.current": Tones(
        "bg:#87afff #000000", "bg:#005faf #ffffff", "bg:#87afff #000000", "noinherit bold"
    ),
    "completion-menu.multi-column-meta": Tones(
        "bg:#444444 #bcbcbc", "bg:#d0d0d0 #444444", "bg:#444444 #bcbcbc", "noinherit reverse"
    ),
    "scrollbar.background": Tones("bg:#444444", "bg:#d0d0d0", "bg:#444444", "noinherit reverse"),
    "scrollbar.button": Tones("bg:#8a8a8a", "bg:#767676", "bg:#8a8a8a", "noinherit"),
    "auto-suggestion": Tones("#8a8a8a", "#767676", "#808080", "noinherit dim"),
    "control-character": Tones("#ff8787", "#af0000", "#d75f5f", "noinherit bold"),
    "nbsp": Tones(*["nounderline fg:default"] * 4),
}
"""How each looks; a class with a dot is what its first part is, but for what stands here."""


def nick_style(nick: str) -> str:
    """The same for a nickname always and everywhere, however it is capitalised."""
    return f"class:nick.{crc32(nick.casefold().encode('utf-8', 'surrogatepass')) % NICKS}"


@cache  # prompt_toolkit repaints the screen whole for a style that is not the very one of before
def style(background: Background, colours: bool) -> Style:
    """Without `colours` (https://no-color.org) just bold, dim, italic, underlined and reversed."""
    if not colours:
        return Style([(name, tones.plain) for name, tones in CLASSES.items()])
    classes = [(name, getattr(tones, background.value)) for name, tones in CLASSES.items()]
    return Style([*classes, *((f"nick.{number}", hue) for number, hue in enumerate(HUES[background]))])
