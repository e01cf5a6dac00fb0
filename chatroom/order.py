"""What one connection asks for is done one after the other: no line is taken while one is not done, but as the answer to a
question that it asks. Knows nothing of what is asked for.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .intake import Hold, Intake


class Owner(Protocol):
    """Whose connection it is."""

    def failed(self, failure: Failure) -> None:
        """There is a bug in what was to be done."""


class Order:
    """What is under way, and whether it waits for an answer."""

    __slots__ = ("_asked", "_intake", "_owner", "_working", "over")

    def __init__(self, intake: Intake, owner: Owner) -> None:
        self._intake = intake
        self._owner = owner
        self._working: Deferred[None] | None = None
        self._asked: Deferred[str] | None = None
        self.over = False
        """No answer comes any more."""

    def work(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Do this, and take no line until it is done."""
        working = Deferred.fromCoroutine(coroutine).addErrback(self._owner.failed)
        if not working.called:
            self._working = working
            self._hold()
            working.addCallback(self._worked, working)

    @property
    def asking(self) -> bool:
        """Whether the next line is the answer to a question."""
        return self._asked is not None

    async def reply(self) -> str:
        """The next line; empty when there is none."""
        if self.over:
            return ""
        self._asked = asked = Deferred[str]()
        self._intake.release(Hold.ANSWERING)
        return await asked

    def answer(self, text: str) -> None:
        """The next line has come."""
        asked, self._asked = self._asked, None
        if asked:
            asked.callback(text)
            self._hold()

    def no_more(self) -> None:
        """No answer comes any more, to any question."""
        self.over = True
        self.answer("")

    async def done(self) -> None:
        """Until nothing is under way."""
        if self._working:
            await self._working

    def _hold(self) -> None:
        if self._working and not self._asked:
            self._intake.hold(Hold.ANSWERING)

    def _worked(self, _: None, working: Deferred[None]) -> None:
        if self._working is working:
            self._working = None
            self._intake.release(Hold.ANSWERING)
