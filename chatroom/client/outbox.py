"""What was asked of the server and has had no outcome yet: kept, so that it can be asked again; bounded, so that it fits."""

from __future__ import annotations

WINDOW_REQUESTS = 1000
"""Requests under way at once: at 5 ms for a commit they leave room for 200,000 lines a second."""

WINDOW_BYTES = 1024 * 1024
"""Bytes of requests under way at once: with the longest lines 16 of them. This is what a server that is away costs."""


class Outbox:
    """What was asked, in order, until its outcome is seen."""

    def __init__(self) -> None:
        self._lines: dict[str, bytes] = {}
        self._size = 0

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def full(self) -> bool:
        return len(self._lines) >= WINDOW_REQUESTS or self._size >= WINDOW_BYTES

    def add(self, id: str, line: bytes) -> None:
        self._lines[id] = line
        self._size += len(line)

    def done(self, id: str) -> bool:
        """Whether it waited."""
        line = self._lines.pop(id, b"")
        self._size -= len(line)
        return bool(line)

    def all(self) -> bytes:
        return b"".join(self._lines.values())
