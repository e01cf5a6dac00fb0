"""Draws a window's rows into prompt_toolkit's screen, cell by cell: its own way knows no clusters of characters, nor links."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from prompt_toolkit.layout import Container, Dimension
from prompt_toolkit.layout.mouse_handlers import MouseHandlers
from prompt_toolkit.layout.screen import Char, Screen, WritePosition
from wcwidth import wcwidth

from .cells import Cell, Row
from .hyperlinks import cell_style, link_escape

CELLS_KNOWN = 20_000
"""Different cells that are kept ready to be drawn: some MiB."""

ERASE = "\x1b[{}X"
"""Erase Character (ECMA-48, 8.3.38): so many, the cursor stays."""

TO_COLUMN = "\x1b[{}G"
"""Cursor Character Absolute (ECMA-48, 8.3.9)."""


class Pane(Container):
    """What is looked at, at the bottom of its place."""

    def __init__(self, view: Callable[[int, int], list[Row]], rows: int | None = None) -> None:
        """`view` tells the rows for a width and a height. `rows`: its own height; None for all that others leave."""
        self._view = view
        self._rows = rows
        self.width, self.height = 80, 24
        """As it was last drawn."""

    def reset(self) -> None: ...

    def preferred_width(self, max_available_width: int) -> Dimension:
        return Dimension()

    def preferred_height(self, width: int, max_available_height: int) -> Dimension:
        return Dimension() if self._rows is None else Dimension.exact(self._rows)

    def write_to_screen(
        self,
        screen: Screen,
        mouse_handlers: MouseHandlers,
        write_position: WritePosition,
        parent_style: str,
        erase_bg: bool,
        z_index: int | None,
    ) -> None:
        left, top = write_position.xpos, write_position.ypos
        self.width, self.height = write_position.width, write_position.height
        rows = self._view(self.width, self.height)
        for y, row in enumerate(rows, top + self.height - len(rows)):
            self._draw(screen, row, left, y)
        screen.height = max(screen.height, top + self.height)

    def _draw(self, screen: Screen, row: Row, x: int, y: int) -> None:
        right = x + self.width
        before = None
        for cell in row:
            x = put(screen, cell, before, x, y)
            before = cell
        if x < right:
            put(screen, _BLANK, before, x, y)

    def get_children(self) -> list[Container]:
        return []


def put(screen: Screen, cell: Cell, before: Cell | None, x: int, y: int) -> int:
    """Draw it there, and tell the column after it. `before`: what it stands behind on its row."""
    escape = ""
    if before is not None and (len(before.text) > 1 or wcwidth(before.text) != before.width):
        # How wide several characters together are, or a vowel sign, is for each terminal to say: what follows them is put
        # where it belongs, and drawn whenever they are. To prompt_toolkit brackets in a style mean nothing, but that it is
        # another one.
        escape = TO_COLUMN.format(x + 1)
        # A blank at the end of a row is drawn only if it has a colour.
        colour = " fg:default" if cell.text == " " else ""
        cell = cell._replace(style=f"{cell.style}{colour} [{before.text.encode().hex()}{hash(before.style)}]")
    if len(cell.text) > 1:
        escape += ERASE.format(cell.width)  # where a terminal has it narrower, what stood there before would stay
    if cell.link:
        escape += link_escape(cell.link)
    if escape:
        screen.zero_width_escapes[y][x] = escape
    screen.data_buffer[y][x] = _char(cell)
    if cell.width == 2:
        screen.data_buffer[y][x + 1] = _NOTHING
    return x + cell.width


@lru_cache(CELLS_KNOWN)
def _char(cell: Cell) -> Char:
    style = f"{cell.style} {cell_style(cell.link)}" if cell.link else cell.style
    char = Char(cell.text, style)
    char.width = cell.width
    return char


_NOTHING = Char("", "")
"""Behind a wide cell."""

_BLANK = Cell(" ", 1, "", "")
"""At the end of a row."""
