"""Looking back, page by page: at what is kept, and at what the server is asked for when that is not enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...request import Command
from ..core import Conversation
from ..face import Said
from .lookback import Lookback
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
        self._turned: tuple[int, int, int] | None = None
        """What one wanted to look back, when there was not so much yet."""

    def turn(self, rows: int, width: int, height: int) -> None:
        """So many rows up; down, if it is less than none."""
        window = self._windows.current
        if rows < 0:
            window.transcript.down(-rows, width)
            return
        seen = len(window.transcript.view(width, height))  # it may not be full yet: nothing is to be passed over
        if missing := window.transcript.up(min(rows, max(1, seen - 1)), width, height):
            self._turned = (missing, width, height)
            self._fetch(window)

    def to_the_end(self) -> None:
        self._windows.current.transcript.to_the_end()

    def fetched(self, window: Window, found: Sequence[Said], whole: bool) -> None:
        """What was asked for has come; `whole`: there is nothing older."""
        window.transcript.older([line for said in found if (line := self._looks.line(said))])
        window.transcript.whole = whole
        if window is self._windows.current and self._turned:
            window.transcript.up(*self._turned)
        self._turned = None

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
            self._lookback.ask(conversation.ask(Command("history", fields=fields)), window)
            conversation.send()
