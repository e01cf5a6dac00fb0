"""What a conversation is shown to, and what carries it: the two sides between which the core stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from .questions import Decided, Dialogue

Said = Mapping[str, Any]
"""One line of the server; docs/json.md tells what can be in it."""


class Face(Protocol):
    """A person's terminal or a program's pipe. It calls the conversation's `ask`, `send` and `leave`."""

    def welcomed(self, welcome: Said, again: bool) -> None:
        """We are in; again after a lost connection, of which the server may not know us any more."""

    def show(self, said: Said, own: bool) -> None:
        """The server said something: an event, an answer, a refusal or a notice. `own`: it came of what was asked here;
        an event that is history besides was or will be shown where it stands, and is but the outcome."""

    def question(self, dialogue: Dialogue, decided: Decided) -> bool:
        """More is to be known before we are in. False where nobody can be asked; else `decided` is called, later."""

    def moved(self) -> None:
        """Outcomes came, or we are in again: more may be asked (`takes_more`)."""

    def away(self, why: str) -> None:
        """The connection is lost. It is tried again by itself, and what is under way is kept."""

    def over(self, why: str = "") -> None:
        """It ended: we left, or (why) cannot come in."""


class Transport(Protocol):
    def write(self, data: bytes) -> None: ...
    def abortConnection(self) -> None: ...
