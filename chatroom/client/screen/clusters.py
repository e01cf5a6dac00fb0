"""Characters that are one to who types them, an emoji made of several say, in the line that is typed: drawn in as many
columns as in the window above it, and passed or taken away at once. prompt_toolkit counts each character by itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.formatted_text.utils import fragment_list_to_text
from prompt_toolkit.layout import BufferControl, Dimension, Window
from prompt_toolkit.layout.mouse_handlers import MouseHandlers
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.layout.screen import Screen, WritePosition
from prompt_toolkit.layout.utils import explode_text_fragments
from wcwidth import grapheme_boundary_before, wcwidth

from .cells import Cell, Piece, cells, clusters
from .pane import put

PLACES = (range(0x10F000, 0x10FFFE), range(0x3F000, 0x3FFFE))
"""Characters that stand for one cluster each, one column wide and two, as long as the program runs: of the last private plane,
where fonts with icons have none, and of the end of plane 3, where none are assigned. Who types one of these sees it too: it is
a cluster. When all are taken, further clusters are drawn as prompt_toolkit does it."""

CHARACTERS_KNOWN = 50_000
"""Of the lines last drawn, which are not looked through again at each drawing; the last is known however long."""

LONGEST_CLUSTER = 64
"""Characters that are looked at for the end of one."""


class Clusters(Processor):
    """Puts one character in place of several that are one."""

    def __init__(self) -> None:
        self._free = [iter(places) for places in PLACES]
        self._places: dict[str, str] = {}
        self.cells: dict[str, Cell] = {}
        """What stands in each place."""
        self._known: dict[tuple[tuple[str, str], ...], Transformation] = {}
        """The lines last drawn, with their styles."""
        self._characters = 0
        """Of these."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        fragments = transformation_input.fragments
        text = fragment_list_to_text(fragments)
        if text.isascii():
            return Transformation(fragments)
        styled = tuple((fragment[0], fragment[1]) for fragment in fragments)
        known = self._known.pop(styled, None)
        if known is None:
            known = self._transform(fragments, text)
            self._characters += len(text)
        self._known[styled] = known
        while self._characters > CHARACTERS_KNOWN and len(self._known) > 1:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._characters -= sum(len(part) for _, part in oldest)
        return known

    def _transform(self, fragments: StyleAndTextTuples, text: str) -> Transformation:
        exploded = explode_text_fragments(fragments)
        drawn: StyleAndTextTuples = []
        begins, at = [], 0
        for cluster in clusters(text):
            begins.append(at)
            drawn.append((exploded[at][0], self._place(cluster)))
            at += len(cluster)
        begins.append(at)
        last = len(begins) - 1

        def drawn_at(typed: int) -> int:
            return bisect_right(begins, typed) - 1 + max(0, typed - at)

        def typed_at(place: int) -> int:
            return begins[min(place, last)] + max(0, place - last)

        return Transformation(drawn, drawn_at, typed_at)

    def _place(self, cluster: str) -> str:
        ours = len(cluster) == 1 and any(ord(cluster) in places for places in PLACES)
        if len(cluster) == 1 and not ours and wcwidth(cluster) != 0:
            return cluster
        if cluster not in self._places:
            (cell, *more) = cells(Piece("", cluster)) or [Cell("", 1, "", "")]
            free = next(self._free[cell.width - 1], None) if cell.text and not more else None
            if free is None:
                return cluster[0]
            self._places[cluster] = chr(free)
            self.cells[chr(free)] = cell
        return self._places[cluster]


class LineWindow(Window):
    """Draws the clusters in their places."""

    def __init__(self, content: BufferControl, clusters: Clusters, height: Callable[[], Dimension]) -> None:
        super().__init__(content, wrap_lines=True, dont_extend_height=True, height=height)
        self._clusters = clusters

    def write_to_screen(
        self,
        screen: Screen,
        mouse_handlers: MouseHandlers,
        write_position: WritePosition,
        parent_style: str,
        erase_bg: bool,
        z_index: int | None,
    ) -> None:
        super().write_to_screen(screen, mouse_handlers, write_position, parent_style, erase_bg, z_index)
        left, top = write_position.xpos, write_position.ypos
        for y in range(top, top + write_position.height):
            row = screen.data_buffer[y]
            before = None
            for x in range(left, left + write_position.width):
                char = row[x]
                cell = self._clusters.cells.get(char.char)
                if cell is not None or (before and char.char):
                    put(screen, (cell or Cell(char.char, char.width, "", ""))._replace(style=char.style), before, x, y)
                if char.char:
                    before = cell


def before_cursor(buffer: Buffer) -> int:
    """Characters of the cluster before the cursor."""
    at = buffer.cursor_position
    if not at:
        return 0
    *_, last = clusters(buffer.text[grapheme_boundary_before(buffer.text, at) : at])
    return len(last)


def after_cursor(buffer: Buffer) -> int:
    """The same of the one behind it."""
    at = buffer.cursor_position
    return len(next(clusters(buffer.text[at : at + LONGEST_CLUSTER]), ""))
