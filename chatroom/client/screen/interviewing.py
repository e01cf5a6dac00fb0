"""What the person is asked, on the screen: before a command, or before they come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ...request import Command, Refused
from ...wire.text import TEXT
from ..core import Conversation
from ..face import Said
from ..questions import Decided, Dialogue, Interview, Question, before
from .asking import Asking
from .windows import Windows


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

    def begin(self, dialogue: Dialogue, decided: Decided) -> None:
        self._interview.begin(dialogue, decided)

    def before(self, command: Command, asking: Asking) -> bool:
        """Whether the person is asked something first; then it is asked of the server."""
        dialogue = before(command, self._conversation.nick, self._conversation.account)
        if dialogue is not None:
            self.begin(dialogue, lambda decided: self._decided(decided, asking))
        return dialogue is not None

    def answer(self, text: str) -> None:
        self._interview.answer(TEXT.reply(text.encode(errors="replace")) or "")

    def cancel(self) -> None:
        self._interview.cancel()

    def end(self) -> None:
        self._interview.end()

    def _put(self, question: Question | None) -> None:
        if question is None:
            self._screen.asked()
        else:
            self._screen.ask(question.words, question.hidden)

    def _decided(self, command: Command | None, asking: Asking) -> None:
        if command is None:
            self._tell({"notice": "nothing was changed"})
            return
        try:
            asking.ask(command, self._windows.current)
        except Refused as refused:
            self._tell({"refused": {"code": refused.code, "words": refused.words}})
