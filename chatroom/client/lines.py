"""What was typed, or piped in: whole lines that wait until they can be taken. Pure."""

from __future__ import annotations

from collections import deque

from ..protocols.telnet import LineInput
from ..wire.json import MAX_LINE


class Lines:
    """Those of one person or program, in order."""

    def __init__(self) -> None:
        self.over = False
        """No more come."""
        self._input = LineInput(MAX_LINE, telnet=False)
        self._rest = b""
        self._lines: deque[bytes] = deque()
        self._put_by: deque[bytes] = deque()

    def __len__(self) -> int:
        return len(self._lines)

    def feed(self, data: bytes) -> None:
        clean, _ = self._input.feed(data)
        *lines, self._rest = (self._rest + clean).split(b"\n")
        self._lines.extend(lines)

    def take(self) -> bytes:
        return self._lines.popleft()

    def put_by(self) -> None:
        """What was typed is no answer to what somebody wants to know now."""
        self._put_by, self._lines = self._lines, deque()

    def put_back(self) -> None:
        self._lines.extendleft(reversed(self._put_by))
        self._put_by.clear()

    def end(self) -> None:
        """The last line counts, also without its end."""
        if self._rest:
            self._lines.append(self._rest)
            self._rest = b""
        self.over = True

    def stop(self) -> None:
        """What has not been taken is not wanted any more."""
        self.over = True
        self._rest = b""
        self._lines.clear()
        self._put_by.clear()
