"""Links on the screen: found in a text as people mean them, and told to the terminal just where they are drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import StringIO
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit import Application
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import DummyInput
from prompt_toolkit.layout import FormattedTextControl, Layout, Window
from prompt_toolkit.layout.mouse_handlers import MouseHandlers
from prompt_toolkit.layout.screen import Char, Screen, WritePosition
from prompt_toolkit.output.vt100 import Vt100_Output

from chatroom.client.screen.hyperlinks import URL_MOST, LinkingOutput, cell_style, link_escape, links
from chatroom.client.screen.palette import Background, style

ROWS, COLUMNS = 4, 12
A, B = "https://a.example/", "https://b.example/?q=1;2"
CLOSE = "\x1b]8;;\x1b\\"

Cell = tuple[str, str]
"""A character, and the link of which it is."""

TOKEN = re.compile(
    r"\x1b\]8;(?P<id>[^;]*);(?P<url>[!-~]*)\x1b\\|\x1b\[(?P<count>[0-9;?]*)(?P<what>[A-Za-z])|(?P<character>.)",
    re.DOTALL,
)


class Terminal:
    """As much of one as a Renderer needs."""

    def __init__(self) -> None:
        self.cells: dict[tuple[int, int], Cell] = {}
        self.link = ""
        self.ids: set[str] = set()
        self._row = self._column = 0

    def take(self, written: str) -> None:
        for token in TOKEN.finditer(written):
            if token["id"] is not None:
                self.link = token["url"]
                self.ids.add(token["id"])
            elif token["what"]:
                self._control(token["what"], token["count"])
            else:
                self._show(token["character"])

    def _control(self, what: str, count: str) -> None:
        steps = int(count) if count.isdecimal() else 1
        match what:
            case "A":
                self._row -= steps
            case "C":
                self._column += steps
            case "D":
                self._column -= steps
            case "H":
                self._row = self._column = 0
            case "K":
                self.cells = {
                    at: cell for at, cell in self.cells.items() if at < (self._row, self._column) or at[0] > self._row
                }
            case "J":
                self.cells = {at: cell for at, cell in self.cells.items() if at < (self._row, self._column)}

    def _show(self, character: str) -> None:
        match character:
            case "\r":
                self._column = 0
            case "\n":
                self._row += 1
            case "\b":
                self._column -= 1
            case _:
                self.cells[self._row, self._column] = (character, self.link)
                self._column += 1

    def row(self, row: int) -> list[Cell]:
        cells = [self.cells.get((row, column), (" ", "")) for column in range(COLUMNS)]
        while cells and cells[-1] == (" ", ""):
            cells.pop()
        return cells


class Canvas(Window):
    """Draws cells straight to the screen, as the message area does."""

    def __init__(self) -> None:
        super().__init__(FormattedTextControl("", focusable=True))
        self.rows: Sequence[Sequence[Cell]] = ()

    def write_to_screen(
        self,
        screen: Screen,
        mouse_handlers: MouseHandlers,
        write_position: WritePosition,
        parent_style: str,
        erase_bg: bool,
        z_index: int | None,
    ) -> None:
        for y, row in enumerate(self.rows):
            for x, (character, url) in enumerate(row):
                screen.data_buffer[y][x] = Char(character, cell_style(url) if url else "")
                if url:
                    screen.zero_width_escapes[y][x] = link_escape(url)
        screen.width, screen.height = COLUMNS, ROWS
        screen.visible_windows_to_write_positions[self] = write_position


class Desk:
    """A Renderer, and the terminal to which it writes."""

    def __init__(self, term: str = "xterm-256color") -> None:
        self.terminal = Terminal()
        self.canvas = Canvas()
        self._file = StringIO()
        self.output = LinkingOutput(self._file, lambda: Size(ROWS, COLUMNS), term=term)
        self._app: Application[None] = Application(
            Layout(self.canvas),
            style(Background.DARK, True),
            full_screen=True,
            input=DummyInput(),
            output=self.output,
        )

    def draw(self, *rows: Sequence[Cell]) -> str:
        """Tells what was written for it."""
        self.canvas.rows = rows
        self._app.renderer.render(self._app, self._app.layout)
        return self.written()

    def written(self) -> str:
        written = self._file.getvalue()
        self._file.seek(0)
        self._file.truncate()
        self.terminal.take(written)
        return written

    def leave(self) -> str:
        self._app.renderer.erase()
        return self.written()


def cells(text: str, url: str = "") -> list[Cell]:
    return [(character, url) for character in text]


# What is a link


@pytest.mark.parametrize(
    "text",
    [
        "<https://a.example/>",
        "see <https://a.example/>.",
        "(see <https://a.example/>)",
        "[<http://a.example>](<http://b.example>)",
        '"<https://a.example/x>"',
        "'<https://a.example/x>'",
        "“<https://a.example/x>”",
        "<https://a.example/x>, <https://b.example/y>; or?",
        "is it <https://a.example/?q=1&r=2#s>?",
        "<https://en.wikipedia.org/wiki/Heart_(symbol)>",
        "(<https://en.wikipedia.org/wiki/Heart_(symbol)>).",
        "<https://a.example/(x)/y>)))...",
        "<HTTPS://A.EXAMPLE/>",
        "<http://[::1]:8080/x>",
        "[<http://[::1]>]",
        "<http://user@a.example:8000/~me/a,b;c:d!e'f>",
        "*<https://a.example/x>*",
        "<https://a.example/straße/日本>",
        "看<https://a.example/看>。然后",
        "（<https://a.example/x>）",
        "a\t<https://a.example/>\u3000b\xa0<http://c.example>\nd",
        "<https://a.example/>\x1b[31m",
        "https:// http://. http://) xhttps://a.example ftp://a.example https:a.example",
        "httpſ://a.example",
        "https",
        "",
    ],
)
def test_links_are_found_as_people_mean_them(text: str) -> None:
    """Here they stand between < and >, which are part of no link."""
    whole = text.replace("<", "").replace(">", "")
    expected, at = [], 0
    for before, link in re.findall(r"([^<]*)<([^>]*)>", text):
        expected.append(whole[at + len(before) : at + len(before) + len(link)])
        at += len(before) + len(link)
    assert [whole[begin:end] for begin, end in links(whole)] == expected


def test_a_link_ends_at_an_angle_bracket() -> None:
    assert links("<https://a.example/>x") == [(1, 19)]


@given(st.text(st.sampled_from("http://s:[]().,a\u3002 <\x1b")) | st.text())
def test_links_of_any_text_are_in_order_and_begin_as_links_do(text: str) -> None:
    spans = links(text)
    assert [*chain.from_iterable(spans)] == sorted(chain.from_iterable(spans))
    assert all(re.match(r"https?://[\w\[]", text[begin:end], re.IGNORECASE) for begin, end in spans)


# What the terminal is told


def test_what_is_not_ascii_is_told_in_percent_escapes_and_what_is_one_stays() -> None:
    assert ";https://a.example/%C3%A9/%25?a;b\x1b\\" in link_escape("https://a.example/é/%25?a;b")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "httpſ://a.example",
        "",
        "https://a.example/\x1b\\x",
        "https://a.example/\x07",
        "https://a.example/\x9c",
        "https://a.example/\n",
        "https://a.example/\udc80",
    ],
)
def test_other_schemes_and_control_characters_make_no_link(url: str) -> None:
    assert link_escape(url) == ""


def test_a_link_that_is_too_long_for_terminals_is_none() -> None:
    longest = A + "x" * (URL_MOST - len(A))
    assert longest in link_escape(longest)
    assert link_escape(longest + "x") == ""
    assert link_escape(A + "é" * (URL_MOST // 6 + 1)) == ""


@given(st.text())
def test_whatever_the_link_the_escape_is_one_whole_escape(rest: str) -> None:
    escape = link_escape(f"https://{rest}")
    assert escape == "" or re.fullmatch(r"\x1b\]8;id=[0-9a-f]+;https://[!-~]*\x1b\\", escape)


# Where it is told


def test_a_link_is_opened_once_for_all_its_characters_and_closed_behind_them() -> None:
    desk = Desk()
    written = desk.draw([*cells("see "), *cells("link", A), *cells(" now")])
    assert written.count("\x1b]8;") == 2
    assert desk.terminal.row(0) == [*cells("see "), *cells("link", A), *cells(" now")]
    assert re.search(
        r"\x1b\]8;id=[^;]*;https://a\.example/\x1b\\(\x1b\[[0-9;]*m)?link(\x1b\[[0-9;]*m)?\x1b\]8;;\x1b\\", written
    )


def test_a_link_broken_over_rows_is_one_link() -> None:
    desk = Desk()
    desk.draw(cells("ab", A), [*cells("cd", A), *cells(" x")])
    assert [desk.terminal.row(row) for row in (0, 1)] == [cells("ab", A), [*cells("cd", A), *cells(" x")]]
    assert len(desk.terminal.ids - {""}) == 1


def test_two_links_side_by_side_stay_two() -> None:
    desk = Desk()
    desk.draw([*cells("ab", A), *cells("ab", B)])
    assert desk.terminal.row(0) == [*cells("ab", A), *cells("ab", B)]
    assert len(desk.terminal.ids - {""}) == 2


def test_when_the_link_under_the_same_characters_changes_they_are_written_again() -> None:
    desk = Desk()
    desk.draw(cells("link", A))
    desk.draw(cells("link", B))
    assert desk.terminal.row(0) == cells("link", B)
    desk.draw(cells("link"))
    assert desk.terminal.row(0) == cells("link")


def test_only_what_changed_of_a_link_is_written_and_is_of_it() -> None:
    desk = Desk()
    desk.draw(cells("a---b", A))
    written = desk.draw(cells("x---y", A))
    assert "-" not in written
    assert desk.terminal.row(0) == cells("x---y", A)


def test_wide_characters_of_a_link_are_of_it() -> None:
    desk = Desk()
    assert f"日本{CLOSE}" in re.sub(
        r"\x1b\[[0-9;]*m", "", desk.draw([("日", A), ("", A), ("本", A), ("", A), ("!", "")])
    )


def test_the_screen_is_left_without_an_open_link() -> None:
    desk = Desk()
    desk.draw(*[cells("x" * COLUMNS, A)] * ROWS)
    assert desk.terminal.link == ""
    desk.leave()
    assert desk.terminal.link == ""
    assert desk.terminal.row(0) == []


@given(
    st.lists(
        st.lists(
            st.lists(st.tuples(st.sampled_from("ab "), st.sampled_from(["", A, B])), max_size=COLUMNS), max_size=ROWS
        )
    )
)
def test_after_any_screens_the_terminal_shows_the_last_with_its_links(screens: list[list[list[Cell]]]) -> None:
    desk = Desk()
    for rows in screens:
        desk.draw(*rows)
        assert desk.terminal.link == ""
    for y, row in enumerate(screens[-1] if screens else []):
        while row and row[-1] == (" ", ""):
            row.pop()
        assert desk.terminal.row(y) == row


# The output by itself


@pytest.mark.parametrize(
    "elsewhere", ["cursor_up", "erase_down", "erase_end_of_line", "bell", "hide_cursor", "ask_for_cpr"]
)
def test_whatever_is_no_text_closes_the_link_first(elsewhere: str) -> None:
    desk = Desk()
    desk.output.write_raw(link_escape(A))
    desk.output.write("a")
    getattr(desk.output, elsewhere)(*([2] if elsewhere == "cursor_up" else []))
    desk.output.flush()
    assert f"a{CLOSE}\x1b" in desk.written().replace("\x07", "\x1b")


def test_what_is_written_before_a_link_with_it_is_written_outside_of_it() -> None:
    desk = Desk()
    for character in "ab":
        desk.output.write_raw(f"\x1b[5G{link_escape(A)}")
        desk.output.write(character)
    desk.output.flush()
    assert desk.written().endswith("".join(f"\x1b[5G{link_escape(A)}{character}{CLOSE}" for character in "ab"))


def test_a_link_of_which_no_character_came_is_never_opened() -> None:
    desk = Desk()
    desk.output.write_raw(link_escape(A))
    desk.output.flush()
    desk.output.write("a")
    desk.output.flush()
    assert desk.written().endswith("a")
    assert desk.terminal.ids == set()


def test_a_cell_whose_link_is_unsafe_is_text() -> None:
    desk = Desk()
    desk.draw(cells("x", A), cells("y", "https://a.example/\x07"))
    assert desk.terminal.row(1) == cells("y")


def test_without_links_not_a_byte_is_other_than_without_us() -> None:
    outputs = []
    for kind in (LinkingOutput, Vt100_Output):
        file = StringIO()
        output = kind(file, lambda: Size(ROWS, COLUMNS))
        output.hide_cursor()
        output.write("a\x1b]8;;x\x1b\\b")
        output.cursor_forward(3)
        output.set_title("title")
        output.flush()
        outputs.append(file.getvalue())
    assert outputs[0] == outputs[1]


def test_a_terminal_that_would_show_the_escapes_gets_none() -> None:
    desk = Desk("linux")
    assert "\x1b]8" not in desk.draw(cells("link", A))
    assert desk.terminal.row(0) == cells("link")
