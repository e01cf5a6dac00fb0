"""How one leaves: not without a word about what is not sent yet, and not waiting for ever for the server."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from ..core import Conversation
from .asking import Asking

LEAVE_TIMEOUT = 5.0
"""Seconds for the server to end the connection after we said that we leave."""


class Leaving:
    """Once."""

    def __init__(
        self,
        clock: IReactorTime,
        conversation: Conversation,
        asking: Asking,
        hint: Callable[[str], None],
        over: Callable[[], None],
    ) -> None:
        """`over` is called when the server does not let us go, or there is none."""
        self._clock = clock
        self._conversation = conversation
        self._asking = asking
        self._hint = hint
        self._over = over
        self._left = self._warned = False

    def leave(self, reason: str, offline: bool) -> None:
        """At once, though not without what waits for a connection: that is asked about, once."""
        waiting = self._asking.waiting
        if (offline or self._asking.held) and waiting and not self._warned:
            self._warned = True
            lines = "line was" if waiting == 1 else "lines were"
            self._hint(f"{waiting} {lines} not sent yet; once more leaves without")
        else:
            self.end(reason)

    def end(self, reason: str) -> None:
        """Whatever is under way."""
        if self._left:
            return
        self._left = True
        if self._conversation.leave(reason):
            self._clock.callLater(LEAVE_TIMEOUT, self._over)
        else:
            self._over()

    def stay(self) -> None:
        """What was told is not true any more."""
        if self._warned:
            self._warned = False
            self._hint("")
