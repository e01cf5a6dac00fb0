"""Makes the README's pictures of the client again: a real server, a real client in tmux, a scene that is played, and the
cells that tmux shows of it, drawn. `make screenshots`, with tmux; look at them before they are committed.
"""

from __future__ import annotations

import re
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.screen import Screen
from tests.server import Person, Server

try:
    from PIL import Image, ImageDraw, ImageFont
except ImportError:
    sys.exit("This needs Pillow, which chatroom does not: .venv/bin/pip install pillow")

IMAGES = Path(__file__).parent / "images"

FONTS = Path("/usr/share/fonts")
DEJAVU, NOTO = "truetype/dejavu/DejaVuSansMono", "opentype/noto/NotoSansCJK"
SYMBOLA = "truetype/ancient-scripts/Symbola_hint"

SCALE = 2
"""Pixels of the picture for one of the page."""

FONT = 14.117  # at which a character of DejaVu Sans Mono is 8.5 wide, so that lines have no gaps
WIDTH, HEIGHT, BASELINE, MARGIN = 17, 33, 25, 20
"""Of a cell, in pixels of the picture; MARGIN: around all cells."""

SHADES = 8
"""Of text on its background, which make its edges smooth: all that the palette has."""

THEMES = {"dark": ((0x16, 0x18, 0x1D), (0xDC, 0xDC, 0xDC)), "light": ((0xFC, 0xFC, 0xFA), (0x20, 0x20, 0x20))}
"""What a terminal has of itself: its background, and the colour of text."""

Colour = tuple[int, int, int]


Enter = Callable[[], Screen]
"""Alice comes in."""


# The scenes: what alice sees


def play(where: Path, name: str, theme: str, size: tuple[int, int], scene: Callable[[Server, Enter], Screen]) -> None:
    """One, with a server of its own; the picture is of how it ends."""
    where.mkdir()
    options = ("--room", "lobby", "--room", "dev", "--operator", "bob", "--rate", "0")
    with Server(where, *options) as server, ExitStack() as stack:

        def enter() -> Screen:
            options = (f"localhost:{server.port}", "--nick", "alice", "--theme", theme)
            screen = stack.enter_context(Screen(where / "home", *options, size=size))
            screen.expect("You are alice")
            return screen

        picture(scene(server, enter), theme).save(IMAGES / f"client-{name}.png", optimize=True)


def talk(server: Server, enter: Enter) -> Screen:
    """A morning in two rooms."""
    bob, lin = Person(server, "bob"), Person(server, "林")
    bob.say("/register correct-horse-battery", "/topic Twisted 26.10 is out")
    bob.say("good morning! 26.10 is out, and the notes are here:", "https://docs.twisted.org/en/stable/")
    lin.expect("en/stable")
    lin.say("太好了，我今天就升级 🚀")
    bob.expect("🚀")
    alice = enter()
    grace = come(alice, server, "grace")
    come(alice, server, "Zoë")
    says(alice, "I have tried it: no surprises, and it starts faster")
    hears(alice, grace, "same here, on three machines")
    hears(alice, grace, "/me pours coffee for everyone ☕", "coffee")
    hears(alice, bob, "alice: did the wheel for Python 3.14 go out too?")
    says(alice, "an hour ago")
    hears(alice, lin, "+1，谢谢 alice")
    hears(alice, bob, "/msg alice can you look at the flaky test before lunch?", "flaky")
    says(alice, "/msg bob sure, right after this", "sure, right after")
    bob.say("/join dev", "/room lobby")
    lin.say("/join dev", "/room lobby")
    lin.expect("in #dev with bob")
    alice.say("/join dev")
    alice.expect("You are in #dev")
    hears(alice, bob, "lunch at noon, the usual place?", "1:#lobby 1")
    hears(alice, lin, "好的！", "1:#lobby 2")
    Person(server, "dave").close()
    grace.expect("dave left")
    Person(server, "carol")
    grace.expect("carol joined")
    hears(alice, grace, "I bring the cake 🎂", "1:#lobby 3")
    alice.keys("M-1")
    alice.expect("cake")
    hears(alice, bob, "#dev it fails one time in a hundred", "2:#dev 1")
    hears(alice, lin, "#dev alice: 我也看到了，only with 3.14", "2:#dev 2!")
    hears(alice, grace, "does somebody want tea instead?")
    return types(alice, "no, but I would take a piece of")


def narrow(server: Server, enter: Enter) -> Screen:
    """On a telephone, say."""
    alice = enter()
    bob = come(alice, server, "bob")
    hears(alice, bob, "the build is green, shall we release today?")
    says(alice, "yes: I write the notes")
    hears(alice, bob, "alice: 谢谢 🚀")
    return types(alice, "give me an hour")


def away(server: Server, enter: Enter) -> Screen:
    """The server is gone, and she goes on."""
    alice = enter()
    bob = come(alice, server, "bob")
    hears(alice, bob, "I restart the server now, back in a minute")
    says(alice, "go ahead")
    server.kill()
    alice.expect("offline")
    says(alice, "meanwhile: who writes the release notes?", "not sent yet")
    return types(alice, "I could do it to")


def come(alice: Screen, server: Server, nick: str) -> Person:
    person = Person(server, nick)
    alice.expect(rf"\* .*{nick} joined")
    return person


def hears(alice: Screen, person: Person, line: str, seen: str = "") -> None:
    """Somebody says it; what of it she sees, if not the beginning."""
    person.say(line)
    alice.expect(re.escape(seen or line[:16]))


def says(alice: Screen, line: str, seen: str = "") -> None:
    alice.say(line)
    alice.expect(re.escape(seen or f"alice: {line[:16]}"))


def types(alice: Screen, line: str) -> Screen:
    """She says it later, perhaps."""
    alice.type(line)
    alice.expect(f"{re.escape(line)}$")
    return alice


# The pictures


class Look(NamedTuple):
    """Of one cell."""

    colour: str
    background: str
    marks: frozenset[str]


def cells(coloured: str) -> Iterator[tuple[int, int, str, Look]]:
    """Column, row, character with what combines with it, and look of each cell, from what tmux tells (SGR of ECMA-48)."""
    look, x, y = Look("39", "49", frozenset()), 0, 0
    for escape, character in re.findall(r"\x1b\[([0-9;:]*)m|(\n|[^\x1b][\u0300-\u036f\ufe0f]*)", coloured):
        if character == "\n":
            x, y = 0, y + 1
        elif character:
            yield x, y, character, look
            x += width_of(character)
        for part in re.findall(r"[34]8[;:]5[;:]\d+|\d+", escape or ("" if character else "0")):
            if part == "0":
                look = Look("39", "49", frozenset())
            elif part[:2] in ("38", "39"):
                look = look._replace(colour=part)
            elif part[:2] in ("48", "49"):
                look = look._replace(background=part)
            else:
                look = look._replace(marks=look.marks | {part})


def width_of(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character[0]) in "WF" else 1


def rgb(told: str, default: Colour) -> Colour:
    """One of the 256 colours, of which the client uses the cube and the greys."""
    if told in ("39", "49"):
        return default
    number = int(re.split("[;:]", told)[-1])
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3
    assert number >= 16, f"how colour {number} looks is the terminal's to say"
    red, green, blue = ((number - 16) // place % 6 for place in (36, 6, 1))
    return tuple(40 * step + 55 if step else 0 for step in (red, green, blue))  # type: ignore[return-value]


def picture(screen: Screen, theme: str) -> Image.Image:
    """All that is on a screen, with its cursor."""
    shown, cursor = screen.tmux("capture-pane", "-e", "-p", "-N").removesuffix("\n"), screen.cursor
    columns, rows = int(screen.show("pane_width")), int(screen.show("pane_height"))
    image = Image.new("RGB", (columns * WIDTH + 2 * MARGIN, rows * HEIGHT + 2 * MARGIN), THEMES[theme][0])
    draw = ImageDraw.Draw(image)
    found = {(x, y): (character, look) for x, y, character, look in cells(shown)}
    found.setdefault(cursor, (" ", Look("39", "49", frozenset())))
    shades = set()
    for (x, y), (character, look) in found.items():
        below, above = rgb(look.background, THEMES[theme][0]), rgb(look.colour, THEMES[theme][1])
        if ((x, y) == cursor) != ("7" in look.marks):
            below, above = above, below
        left, top, width = MARGIN + x * WIDTH, MARGIN + y * HEIGHT, WIDTH * width_of(character)
        draw.rectangle((left, top, left + width - 1, top + HEIGHT - 1), below)
        for one in range(SHADES):
            shades.add(tuple(a + (b - a) * one // (SHADES - 1) for a, b in zip(below, above, strict=True)))
        if character.strip():
            draw.text((left + width / 2, top + BASELINE), character, above, font_of(character, look.marks), "ms")
        if "4" in look.marks:
            draw.rectangle((left, top + BASELINE + 3, left + width - 1, top + BASELINE + 4), above)
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for shade in sorted(shades) for part in shade])
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


def font_of(character: str, marks: frozenset[str]) -> ImageFont.FreeTypeFont:
    """The one that has it."""
    if unicodedata.category(character[0]) == "So" and ord(character[0]) > 0x2600:
        return font(SYMBOLA + ".ttf", 14)
    if width_of(character) == 2:
        return font(f"{NOTO}-{'Bold' if '1' in marks else 'Regular'}.ttc", 15)
    kind = ("Bold" if "1" in marks else "") + ("Oblique" if "3" in marks else "")
    return font(f"{DEJAVU}{'-' if kind else ''}{kind}.ttf", FONT)


def font(path: str, size: float) -> ImageFont.FreeTypeFont:
    if not (FONTS / path).exists():
        sys.exit(f"This needs {path}: apt install fonts-dejavu-core fonts-dejavu-extra fonts-noto-cjk fonts-symbola")
    return ImageFont.truetype(FONTS / path, size * SCALE)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as own:
        for theme in THEMES:
            play(Path(own) / theme, theme, theme, (80, 24), talk)
        play(Path(own) / "narrow", "narrow", "dark", (40, 10), narrow)
        play(Path(own) / "away", "away", "dark", (80, 10), away)
