"""What a window shows: lines in order, of which a part is looked at. As many are kept as are looked at, and some more: older
ones are asked for again. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from .cells import Row
from .line import Crowd, Line, rule

KEPT = 1000
"""Lines that a window keeps while the newest are looked at: some twenty screens."""

KEPT_CHARACTERS = 2_000_000
"""Their characters, if that is less: one line may have 65,000. A character takes one byte to four."""

SPARE = 100
"""Lines that are dropped at once, so that not each new one moves all others."""

SPARE_CHARACTERS = 200_000
"""The same in characters."""

FARTHEST = 20_000
"""Lines that a window keeps while one looks back: a day or more of a busy room."""

FARTHEST_CHARACTERS = 20_000_000
"""Their characters, if that is less. Only one window is looked back in."""

LAID_OUT = 200_000
"""Cells that are kept laid out, in 20 megabytes: more than is on the largest of screens, and two of the longest lines, of
which the end of one and the beginning of the other are looked at together. What is laid out last is kept however long."""


class Transcript:
    """Of one window."""

    def __init__(self) -> None:
        self.whole = False
        """There is nothing older."""
        self.below = 0
        """Lines that came while one looked back."""
        self._lines: list[Line] = []
        self._eids: dict[str, Line] = {}
        self._pending: dict[str, Line] = {}
        self._marked: Line | None = None
        """Above it stands where one stopped reading."""
        self._marking = False
        self._bottom: tuple[Line, int] | None = None
        """While one looks back: the last line that is looked at, and how many of its rows are below. None: the newest."""
        self._characters = 0
        self._laid: dict[Line, int] = {}
        """The cells of those that are laid out, the ones last looked at last."""
        self._cells = 0
        """Of all these."""

    def __len__(self) -> int:
        return len(self._lines)

    # What is shown

    def add(self, line: Line, *, counts: bool = True) -> None:
        """`counts`: one would want to know that it came."""
        if line.eid:
            if line.eid in self._eids:
                return
            self._eids[line.eid] = line
        if self._marking and counts:
            self._marked, self._marking = line, False
        self.below += bool(counts and self._bottom)
        if self._lines and isinstance(self._lines[-1], Crowd):
            self._lines[-1].settle()
        self._lines.append(line)
        self._characters += len(line.text)
        self._drop()

    def recall(self, line: Line) -> None:
        """What was said before we came stands before what was told when we did."""
        if line.eid in self._eids:
            return
        if line.eid:
            self._eids[line.eid] = line
        at = len(self._lines)
        while at and self._lines[at - 1].when > line.when:
            at -= 1
        self._lines.insert(at, line)
        self._characters += len(line.text)

    def moved(self, when: datetime, nick: str, word: str, why: str) -> None:
        """Somebody came or left."""
        last = self._lines[-1] if self._lines else None
        if not (
            isinstance(last, Crowd)
            and last.when.date() == when.date()
            and last is not self._marked
            and last.takes(nick)
        ):
            last = Crowd(when)
            self.add(last, counts=False)
        last.add(nick, word, why)

    def older(self, lines: Sequence[Line]) -> None:
        """What stands before all others."""
        new = [line for line in lines if not line.eid or line.eid not in self._eids]
        self._eids.update((line.eid, line) for line in new if line.eid)
        self._lines[:0] = new
        self._characters += sum(len(line.text) for line in new)

    def correct(self, eid: str, text: str) -> None:
        line = self._eids.get(eid)
        if line is not None:
            self._change(line, text, line.style, "edited")

    def remove(self, eid: str) -> None:
        line = self._eids.get(eid)
        if line is not None:
            self._change(line, "(removed)", "class:event", "")

    def clear(self) -> None:
        """Nothing is shown any more; it can be looked back at."""
        self._bottom = self._marked = None
        self.whole = False
        self._lines.clear()
        self._eids.clear()
        self._laid.clear()
        self._characters = self._cells = 0

    @property
    def oldest(self) -> str:
        """The position of the first line that has one: what is older stands before it."""
        return next((line.position for line in self._lines if line.position), "")

    @property
    def full(self) -> bool:
        """No more older lines are kept."""
        return len(self._lines) >= FARTHEST or self._characters >= FARTHEST_CHARACTERS

    # What was typed, and has had no outcome yet

    def wait(self, id: str, line: Line) -> None:
        self._pending[id] = line

    def waiting(self, id: str) -> Line | None:
        return self._pending.get(id)

    def done(self, id: str) -> Line | None:
        line = self._pending.get(id)
        if self._bottom and self._bottom[0] is line:
            lines = self._all()
            at = lines.index(line)
            self._bottom = (lines[at - 1], 0) if at else None
        return self._pending.pop(id, None)

    def mark_waiting(self, style: str, note: str) -> None:
        """All that waits looks so."""
        for line in self._pending.values():
            line.change(line.text, style, note)

    # Where one looks

    def mark(self) -> None:
        """One stops reading here."""
        self._marked, self._marking = None, True

    def missed(self) -> None:
        """What comes next was not read when it happened."""
        self._marking = True

    def read_on(self) -> None:
        """One reads what comes."""
        self._marking = False

    @property
    def looks_back(self) -> bool:
        return self._bottom is not None

    def to_the_end(self) -> None:
        self._bottom = None
        self._drop()

    def view(self, width: int, height: int) -> list[Row]:
        """The rows that are looked at: the last of them is to stand at the bottom."""
        lines = self._all()
        at, seen = self._place(lines, width)
        view = self._block(lines, at, width)[:seen] if lines else []
        while at > 0 and len(view) < height:
            at -= 1
            view[:0] = self._block(lines, at, width)
        if len(view) < height and self._bottom:  # the screen has grown, say
            self.down(height - len(view), width)
            return self.view(width, height)
        return view[-height:] if height > 0 else []

    def up(self, rows: int, width: int, height: int) -> int:
        """Look further back; tells how many rows are missing."""
        lines = self._all()
        at, left = self._place(lines, width)
        if at < 0:
            return rows
        above = self._above(lines, at, width, rows + height - left)  # with these, that many are to be seen at the end
        can = min(rows, max(0, above + left - height))
        missing = rows - can
        while can >= left and at > 0:
            can -= left
            at -= 1
            left = len(self._block(lines, at, width))
        if can or at < len(lines) - 1 or self._bottom:
            self.below = self.below if self._bottom else 0
            self._bottom = (lines[at], len(self._block(lines, at, width)) - left + can)
        return missing

    def down(self, rows: int, width: int) -> None:
        """Look at what is newer."""
        if self._bottom is None:
            return
        lines = self._all()
        at, left = self._place(lines, width)
        left += rows
        while at < len(lines) - 1 and left > (many := len(self._block(lines, at, width))):
            left -= many
            at += 1
        below = len(self._block(lines, at, width)) - left
        if at == len(lines) - 1 and below <= 0:
            self.to_the_end()
        else:
            self._bottom = (lines[at], below)

    # Within

    def _change(self, line: Line, text: str, style: str, note: str) -> None:
        self._characters += len(text) - len(line.text)
        line.change(text, style, note)

    def _all(self) -> list[Line]:
        return [*self._lines, *self._pending.values()]

    def _place(self, lines: Sequence[Line], width: int) -> tuple[int, int]:
        """The index of the last line that is looked at, and how many of its rows."""
        if not lines:
            return -1, 0
        line, below = self._bottom or (lines[-1], 0)
        at = lines.index(line)
        return at, max(1, len(self._block(lines, at, width)) - below)

    def _above(self, lines: Sequence[Line], at: int, width: int, enough: int) -> int:
        """How many rows stand above that line; counted up to what is enough."""
        rows = 0
        while at > 0 and rows < enough:
            at -= 1
            rows += len(self._block(lines, at, width))
        return rows

    def _block(self, lines: Sequence[Line], at: int, width: int) -> list[Row]:
        """The rows of a line, with the rules above it."""
        line = lines[at]
        rows = line.rows(width)
        wide = sum(map(len, rows))
        self._cells += wide - self._laid.pop(line, 0)
        self._laid[line] = wide
        while self._cells > LAID_OUT and len(self._laid) > 1:
            oldest = next(iter(self._laid))
            self._cells -= self._laid.pop(oldest)
            oldest.forget()
        rules = []
        if at == 0 or lines[at - 1].when.date() != line.when.date():
            rules.append(rule(f"{line.when:%A, %-d %B %Y}", "class:day", width))
        if line is self._marked and at > 0:
            rules.append(rule("new", "class:unread", width))
        return [*rules, *rows] if rules else rows

    def _drop(self) -> None:
        """The oldest, when there are too many; never the last."""
        most, characters = (FARTHEST, FARTHEST_CHARACTERS) if self._bottom else (KEPT, KEPT_CHARACTERS)
        if len(self._lines) <= most + SPARE and self._characters <= characters + SPARE_CHARACTERS:
            return
        kept = self._characters = 0  # counted anew, since some lines have changed
        for line in reversed(self._lines[-most:]):
            if kept and self._characters + len(line.text) > characters:
                break
            kept += 1
            self._characters += len(line.text)
        gone, self._lines = self._lines[:-kept], self._lines[-kept:]
        if not gone:
            return
        self.whole = False
        if self._bottom and self._bottom[0] not in self._all():
            self._bottom = (self._lines[0], 0)  # which is as near as can be
        for line in gone:
            self._eids.pop(line.eid, None)
            self._cells -= self._laid.pop(line, 0)
