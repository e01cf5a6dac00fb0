"""Several witnesses of one chat, each told of what it looks at, and none of them able to harm the chat or another.

Knows nothing of what they do with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.logger import Logger

from ..request import Refused
from ..seams import Batch, NotSaved
from ..witness import Nobody, Witness

Look = Callable[..., None]


class Witnesses:
    """All of them, as one. What one raises is logged, once for each sort of failure, and goes no further."""

    _log = Logger()

    def __init__(self, witnesses: Sequence[Witness]) -> None:
        self._failed: set[tuple[str, type[BaseException]]] = set()
        self._committing = _looking(witnesses, "committing")
        self._committed = _looking(witnesses, "committed")
        self._failing = _looking(witnesses, "failed")
        self._delivered = _looking(witnesses, "delivered")
        self._refused = _looking(witnesses, "refused")

    def committing(self) -> None:
        self._tell(self._committing)

    def committed(self, batch: Batch, seconds: float) -> None:
        self._tell(self._committed, batch, seconds)

    def failed(self, why: NotSaved) -> None:
        self._tell(self._failing, why)

    def delivered(self, messages: int) -> None:
        self._tell(self._delivered, messages)

    def refused(self, nick: str, address: str, protocol: str, refused: Refused) -> None:
        self._tell(self._refused, nick, address, protocol, refused)

    def _tell(self, looking: Sequence[Look], *told: Any) -> None:
        for look in looking:
            try:
                look(*told)
            except Exception as error:  # whoever chats must not notice
                sort = look.__qualname__, type(error)
                if sort not in self._failed:
                    self._failed.add(sort)
                    self._log.failure("{look} failed; it is not told of such failures again", look=look.__qualname__)


def _looking(witnesses: Sequence[Witness], what: str) -> list[Look]:
    """Of those who look at it: some is told a hundred thousand times a second, and most look at one thing only."""
    return [getattr(each, what) for each in witnesses if getattr(type(each), what) is not getattr(Nobody, what)]
