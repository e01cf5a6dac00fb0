"""What the person is asked, on the screen: before a command, or before they come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ...request import Command
from ...wire.text import TEXT
from ..core import Conversation
from ..face import Said
from ..questions import Decided, Dialogue, Interview, Question, before
from .asking import Asking
from .windows import Windows

ONE_MOMENT = "One moment ... (Ctrl-C leaves)"
"""While the server looks at an answer."""


class Asks(Protocol):
    """Where a question stands."""

    def ask(self, words: str, hidden: bool) -> None: ...
    def asked(self) -> None: ...


class Interviewing:
    """One dialogue at a time."""

    def __init__(
        self, conversation: Conversation, windows: Windows, screen: Asks, tell: Callable[[Said], None]
    ) -> None:
        self._conversation = conversation
        self._windows = windows
        self._screen = screen
        self._tell = tell
        self._interview = Interview(self._put)
        self._entering = False
        """What was asked is wanted to come in."""

    def begin(self, dialogue: Dialogue, decided: Decided) -> None:
        """Before one comes in."""
        self._interview.cancel()
        self._entering = True
        self._interview.begin(dialogue, decided)

    def before(self, command: Command, asking: Asking) -> bool:
        """Whether the person is asked something first; then it is asked of the server."""
        dialogue = before(command, self._conversation.nick, self._conversation.account)
        if dialogue is None:
            return False
        window = self._windows.current

        def decided(command: Command | None) -> None:
            if command is None:
                self._tell({"notice": "nothing was changed"})
            else:
                asking.take(command, window)

        self._interview.cancel()
        self._interview.begin(dialogue, decided)
        return True

    @property
    def under_way(self) -> bool:
        return self._interview.under_way

    def answer(self, text: str) -> None:
        self._interview.answer(TEXT.reply(text.encode(errors="replace")) or "")

    def cancel(self) -> None:
        self._interview.cancel()

    def end(self) -> None:
        """Nobody wants to know any more."""
        self._interview.end()
        if self._entering:
            self._entering = False
            self._screen.asked()

    def _put(self, question: Question | None) -> None:
        if question is not None:
            self._screen.ask(question.words, question.hidden)
        elif self._entering:  # the same may be asked again: what is typed until it is known is not to be seen, nor said
            self._screen.ask(ONE_MOMENT, True)
        else:
            self._screen.asked()
