"""The screen: prompt_toolkit's application, with the window that is looked at, the line that is typed, and the bottom line.
Knows how things are drawn and typed; nothing of a conversation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from prompt_toolkit.application import Application, run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.clipboard import DummyClipboard, DynamicClipboard, InMemoryClipboard
from prompt_toolkit.completion import Completer
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import DummyHistory, History
from prompt_toolkit.input import Input
from prompt_toolkit.layout import (
    BufferControl,
    ConditionalContainer,
    Dimension,
    Float,
    FloatContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    Window,
)  # fmt: skip
from prompt_toolkit.layout.menus import CompletionsMenu
from prompt_toolkit.layout.processors import BeforeInput, ConditionalProcessor, PasswordProcessor
from prompt_toolkit.output import Output
from prompt_toolkit.styles import BaseStyle, DynamicStyle
from prompt_toolkit.widgets import SearchToolbar
from twisted.internet.defer import Deferred

from ...text import clean_lines
from ..signals import stop
from .cells import Piece, Row, cells, cut, rows
from .clusters import Clusters, LineWindow, after_cursor
from .keys import Looking, keys
from .pane import Pane
from .typed import is_secret

REDRAW_INTERVAL = 0.016
"""Seconds between two drawings at least: what comes faster than anybody reads is drawn together."""

REFRESH_INTERVAL = 5.0
"""Seconds after which it is looked anew: that a server does not answer is told by nothing else than time."""

ESCAPE_TIMEOUT = 0.1
"""Seconds until Escape counts as a key of its own, and not as the beginning of another's: what comes over a network may be
torn in two."""

TAB = 4
"""Columns of a tab in what is pasted, which would become one space."""

LINE_SHARE = 3
"""What is typed takes at most one part in so many of the screen's rows."""

MENU_ROWS = 8
"""Completions that are shown at once."""


class Typist(Looking, Protocol):
    """Who is told what is typed, and tells what is shown."""

    def submit(self, text: str) -> bool:
        """Enter was pressed; whether the line was taken, and not refused with a word."""

    def answer(self, text: str) -> bool:
        """To the question; False when none is to be answered yet."""

    def cancel(self) -> None:
        """There is no answer to the question, or no waiting for the next."""

    def leave(self) -> None: ...
    def too_long(self, text: str) -> str:
        """What to say while the line cannot be said; empty while it can."""

    def turn(self, rows: int, width: int, height: int) -> None:
        """So many rows up; down, if it is less than none."""

    def view(self, width: int, height: int) -> list[Row]: ...
    def bar(self, width: int) -> Sequence[Piece]: ...
    def prompt(self) -> str:
        """Who types."""


class App:
    """One screen, and who types on it."""

    def __init__(
        self,
        typist: Typist,
        style: Callable[[], BaseStyle],
        completer: Completer,
        history: History,
        *,
        keyboard: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self._typist = typist
        self.asking = False
        self._question = self._hint = ""
        self._hidden = False
        self._leaving = False
        """Ctrl-C was pressed on an empty line."""
        self._pane = Pane(typist.view)
        self._line = Buffer(name="line", completer=completer, history=history, multiline=True)
        self._answer = Buffer(name="answer", history=DummyHistory())
        search = SearchToolbar(text_if_not_searching="", ignore_case=True)
        clusters = Clusters()
        self._line_control = BufferControl(
            self._line, [clusters, BeforeInput(self._prompt)], search_buffer_control=search.control, preview_search=True
        )
        hidden = Condition(lambda: self._hidden)
        self._answer_control = BufferControl(self._answer, [ConditionalProcessor(PasswordProcessor(), hidden)])
        asking = Condition(lambda: self.asking)
        told = Condition(lambda: bool(self._told()))
        body = HSplit([
            self._pane,
            ConditionalContainer(
                Window(FormattedTextControl(self._shown_hint), wrap_lines=True, dont_extend_height=True, height=self._share),
                told,
            ),
            ConditionalContainer(Window(self._answer_control, height=1), asking),
            ConditionalContainer(LineWindow(self._line_control, clusters, self._share), ~asking),
            search,
            Pane(self._bar, rows=1),
        ])  # fmt: skip
        # What is deleted of an answer, which may be a password, is not to be had again.
        clipboard, nowhere = InMemoryClipboard(), DummyClipboard()
        menu = CompletionsMenu(max_height=MENU_ROWS, scroll_offset=1)
        self._app: Application[None] = Application(
            Layout(FloatContainer(body, [Float(menu, xcursor=True, ycursor=True)]), self._line_control),
            key_bindings=keys(self, typist),
            clipboard=DynamicClipboard(lambda: nowhere if self.asking else clipboard),
            style=DynamicStyle(style),
            include_default_pygments_style=False,
            full_screen=True,
            editing_mode=EditingMode.EMACS,
            enable_page_navigation_bindings=False,
            min_redraw_interval=REDRAW_INTERVAL,
            refresh_interval=REFRESH_INTERVAL,
            input=keyboard,
            output=output,
        )
        self._app.ttimeoutlen = ESCAPE_TIMEOUT
        self._app.key_processor.before_key_press += lambda _: self.hint("")

    # The whole

    def run(self, began: Callable[[], None]) -> Deferred[None]:
        """Fires when it has gone from the terminal, which is as it was; fails with what a bug raised."""
        running = self._app.run_async(began, set_exception_handler=False, handle_sigint=False)
        done: Deferred[None] = Deferred.fromFuture(asyncio.ensure_future(running))
        return done

    def exit(self) -> None:
        if self._app.is_running and not self._app.is_done:
            self._app.exit()

    def redraw(self) -> None:
        """Something is to be seen that was not; soon."""
        self._app.invalidate()

    def bell(self) -> None:
        self._app.output.bell()
        self._app.output.flush()

    def hint(self, words: str) -> None:
        """Tell something about what is typed, until the next key."""
        self._hint = words

    def ask(self, words: str, hidden: bool) -> None:
        """The half-typed line waits meanwhile."""
        self.asking, self._question, self._hidden = True, words, hidden
        self._answer.reset()
        self._app.layout.focus(self._answer_control)
        self.redraw()

    def asked(self) -> None:
        """There is no question any more."""
        self.asking = False
        self._answer.reset()
        self._app.layout.focus(self._line_control)
        self.redraw()

    @property
    def text(self) -> str:
        return self._line.text

    # What keys ask for

    def enter(self) -> None:
        buffer = self._line
        if self.asking:
            text = self._answer.text
            self._answer.reset()
            if not self._typist.answer(text):
                self._answer.insert_text(text)
        elif buffer.complete_state:
            buffer.complete_state = None
        elif words := self._typist.too_long(buffer.text):
            self.hint(words)
        elif not buffer.text.strip():
            self._empty()
        else:
            self._typist.submit(buffer.text)
            self._empty(keep=True)

    def _empty(self, keep: bool = False) -> None:
        self._line.reset(append_to_history=keep)
        self._line.load_history_if_not_yet_loaded()  # now, since the next drawing may come after the next key

    def new_line(self) -> None:
        self._line.insert_text("\n")

    def complete(self, back: bool) -> None:
        buffer = self._line
        if buffer.complete_state:
            buffer.complete_previous() if back else buffer.complete_next()
        else:
            buffer.start_completion(insert_common_part=True)

    def paste(self, text: str) -> None:
        text = clean_lines(text.expandtabs(TAB)).strip("\n")
        if self.asking:
            self._answer.insert_text(text.partition("\n")[0])
        else:
            self._line.insert_text(text)

    def interrupt(self, again: bool) -> None:
        if self.asking:
            self._typist.cancel()
        elif self._line.text:
            self._empty()
            self._leaving = False
        elif again and self._leaving:
            self._typist.leave()
        else:
            self._leaving = True
            self.hint("Ctrl-C once more leaves, and so does Ctrl-D")

    def end_of_input(self) -> None:
        if self.asking:
            self._typist.cancel()
        elif self._line.text:
            self._line.delete(after_cursor(self._line))
        else:
            self._typist.leave()

    def redraw_all(self) -> None:
        self._app.renderer.clear()

    def suspend(self) -> None:
        run_in_terminal(stop)

    def turn(self, pages: int) -> None:
        width, height = self._pane.width, self._pane.height
        self._typist.turn(pages * max(1, height - 1), width, height)

    # What is drawn

    def _prompt(self) -> StyleAndTextTuples:
        return [("class:prompt", f"{cut(self._typist.prompt(), self._columns // 3)}> ")]

    def _bar(self, width: int, height: int) -> list[Row]:
        return [[cell for piece in self._typist.bar(width) for cell in cells(piece)]]

    def _told(self) -> str:
        """What is told about the line, or asked."""
        if self.asking:
            return self._question
        text = self._line.text
        if self._hint:
            return self._hint
        if words := self._typist.too_long(text):
            return words
        lines = text.count("\n") + 1
        secret = ", with what looks like a password" if is_secret(text) else ""
        return f"{lines} lines{secret}: Enter says them as one message, Ctrl-C drops them" if lines > 1 else ""

    def _shown_hint(self) -> StyleAndTextTuples:
        told = rows([Piece("", self._told())], self._columns, 0)
        words = "\n".join("".join(cell.text for cell in row) for row in told)
        return [("class:question" if self.asking else "class:hint", words)]

    def _share(self) -> Dimension:
        return Dimension(min=1, max=max(1, self._app.output.get_size().rows // LINE_SHARE))

    @property
    def _columns(self) -> int:
        return self._app.output.get_size().columns
