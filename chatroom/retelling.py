"""What was said before is shown on one connection: a few entries at a time, as they are taken, and nothing of who is ignored.

Knows neither where it was read nor who asked for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred

from .device import Device
from .event import Entry, person_of
from .log import Log
from .page import Reader
from .recall import pages
from .seams import Outlet, Wire


class Shown(Protocol):
    """To whom it is shown."""

    outlet: Outlet
    wire: Wire

    @property
    def here(self) -> Device: ...

    @property
    def several(self) -> bool:
        """Whether they are in several rooms."""

    @property
    def nobody_reads(self) -> bool:
        """The connection is gone, or about to be."""


class Retelling:
    """History, on its way to who asked for it."""

    __slots__ = ("_blocked", "_to")

    def __init__(self, to: Shown) -> None:
        self._to = to
        self._blocked: Deferred[None] | None = None

    async def instead(self, reader: Reader | None, log: Log, entries: AsyncIterator[list[Entry]]) -> None:
        """Show a reader what was said before; what is said meanwhile follows after."""
        if reader is None:  # the connection is gone
            return
        log.suspend(reader)
        try:
            await self.recall(log, entries, reader=reader)
        finally:
            log.resume(reader)

    async def recall(
        self, log: Log, history: AsyncIterator[list[Entry]], several: bool = False, reader: Reader | None = None
    ) -> None:
        """Show history, as recall.py tells it. `several`: of several rooms. `reader`: while they read the log."""
        async for entries in history:
            await self.show(log.name, entries, several, reader)
            if self._to.nobody_reads or _left(reader):
                return

    async def show(
        self, log: str, entries: Sequence[Entry], several: bool = False, reader: Reader | None = None
    ) -> None:
        """Show these as history, but what of them is ignored."""
        ignored = self._to.here.person.ignored
        entries = [entry for entry in entries if person_of(entry.event.by) not in ignored]
        await self.write(self._to.wire.recall(log, entries, several or self._to.several), reader)

    async def write(self, pieces: Sequence[bytes], reader: Reader | None = None) -> None:
        """Show these, as they are taken; no more of them once the `reader` has left the log."""
        for page in pages(pieces):
            while self._to.outlet.full and not self._to.nobody_reads:
                self._blocked = Deferred()
                await self._blocked
            if self._to.nobody_reads or _left(reader):
                return
            self._to.outlet.write(page)

    def go_on(self) -> None:
        """The connection takes more, or nothing ever again."""
        blocked, self._blocked = self._blocked, None
        if blocked:
            blocked.callback(None)


def _left(reader: Reader | None) -> bool:
    return reader is not None and reader.until is not None
