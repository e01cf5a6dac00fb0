"""Looking back, page by page: at what is kept, and at what the server is asked for when that is not enough."""

from __future__ import annotations

from collections.abc import Callable

from ...request import Command
from ..core import Conversation
from .lookback import Lookback, Wanted
from .looks import Looks
from .windows import Window, Windows

FETCHED = 100
"""Older lines that are asked for at once: some screens."""


class Paging:
    """In all windows."""

    def __init__(
        self,
        conversation: Conversation,
        windows: Windows,
        looks: Looks,
        lookback: Lookback,
        hint: Callable[[str], None],
    ) -> None:
        self._conversation = conversation
        self._windows = windows
        self._looks = looks
        self._lookback = lookback
        self._hint = hint
        self._turned: dict[Window, tuple[int, int, int]] = {}
        """What one wanted to look back, where there was not so much yet and more is on its way."""

    def turn(self, rows: int, width: int, height: int) -> None:
        """So many rows up; down, if it is less than none."""
        window = self._windows.current
        if rows < 0:
            window.transcript.down(-rows, width)
            return
        seen = len(window.transcript.view(width, height))  # it may not be full yet: nothing is to be passed over
        if missing := window.transcript.up(min(rows, max(1, seen - 1)), width, height):
            self._fetch(window)
            if self._lookback.asked(window):
                self._turned[window] = (missing, width, height)

    def to_the_end(self) -> None:
        """Of the window that is looked at."""
        window = self._windows.current
        self._turned.pop(window, None)
        window.transcript.to_the_end()

    def fetched(self, wanted: Wanted, window: Window, whole: bool) -> None:
        """What was asked for of that window has come; `whole`: there is nothing older."""
        turned = self._turned.pop(window, None)
        if window.transcript.oldest != wanted.before:
            return  # lines were dropped meanwhile, and would be missing between: they are asked for with the next page
        window.transcript.older([line for said in wanted.found if (line := self._looks.line(said))])
        window.transcript.whole = whole
        if window is self._windows.current and turned:
            window.transcript.up(*turned)

    def found(self, wanted: Wanted, window: Window) -> None:
        """Hits are listed in that window."""
        for hit in wanted.found:
            line = self._looks.found(hit)
            if line is not None:
                window.transcript.add(line)

    def refused(self, window: Window, words: str) -> None:
        self._turned.pop(window, None)
        self._hint(words)

    def _fetch(self, window: Window) -> None:
        transcript, conversation = window.transcript, self._conversation
        if self._lookback.asked(window):
            return
        if transcript.whole:
            self._hint("there is nothing older")
        elif transcript.full:
            self._hint(
                "so far back nothing more is kept here; Alt-End goes to the newest, /history TIME asks for a day"
            )
        elif window.room not in conversation.rooms:
            self._hint("you are not in this room")
        elif not conversation.takes_more:
            self._hint("older lines are asked of the server, which is not there now")
        else:
            fields = {"room": window.room, "limit": FETCHED, "before": transcript.oldest or None}
            self._lookback.ask(conversation.ask(Command("history", fields=fields)), window, transcript.oldest)
            conversation.send()
