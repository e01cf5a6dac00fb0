"""Who is told what was committed to which log; every storage has one of these.

Knows neither where entries live nor how they got there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from twisted.logger import Logger

from ..event import Entry, Position

Committed = Callable[[Sequence[Entry]], None]


class Followers:
    """Tells each follower of a log of its new entries, and remembers how far they have been told."""

    _log = Logger()

    def __init__(self) -> None:
        self._of: dict[str, list[Committed]] = {}
        self._told: dict[str, Position] = {}
        self._expected: list[tuple[str, Committed]] = []

    def expect(self, log: str, committed: Committed) -> None:
        """It asked to follow, and does from `add` on; not if it is removed before."""
        self._expected.append((log, committed))

    def add(self, log: str, committed: Committed, start: Position) -> None:
        if (log, committed) not in self._expected:
            return
        self._expected.remove((log, committed))
        self._of.setdefault(log, []).append(committed)
        self._told[log] = start

    def remove(self, log: str, committed: Committed) -> None:
        """Nothing is kept of a log that nobody follows any more: a server that runs for long opens and closes many."""
        self._expected = [asked for asked in self._expected if asked != (log, committed)]
        if log not in self._of:
            return
        self._of[log] = [follower for follower in self._of[log] if follower != committed]
        if not self._of[log]:
            del self._of[log], self._told[log]

    def told(self, log: str) -> Position | None:
        """The newest position that was told; None for a log that nobody follows. A read that went beyond it would show
        its reader what the followers are still to be told, so that it comes twice or is skipped."""
        return self._told.get(log)

    def tell(self, news: Mapping[str, Sequence[Entry]]) -> None:
        for log, entries in news.items():
            if log not in self._of:
                continue
            self._told[log] = entries[-1].position
            for committed in tuple(self._of[log]):
                if committed not in self._of.get(log, ()):  # another one has just removed it
                    continue
                # The entries are committed: one follower's bug must not hide them from the others.
                try:
                    committed(entries)
                except Exception:
                    self._log.failure("A follower of {name!r} failed", name=log)


def numbered(text: str) -> int:
    """A position that is a number, as both our storages have them; raises ValueError for what is none."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:  # below 2**63
        raise ValueError(f"{text[:20]!r} is no position")
    return int(text)
