"""What must be: everybody reads the same numbered words in the same order, none twice, and none is missing.

What one reader heard is held against what the others heard; knows no socket, no format and no clock.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from typing import NamedTuple

NUMBERED = re.compile(r"@(\d+)\.([a-z]+)\.(\d+)\b")
"""How who says something, where, and the how manieth of theirs it is there stand in front of their words."""

STRANGE_KEPT = 20
"""Faults of which the words are kept: more tell nothing new."""


class Key(NamedTuple):
    """What tells one message from all others."""

    who: int
    room: str
    number: int

    def __str__(self) -> str:
        return f"@{self.who}.{self.room}.{self.number}"


def key_in(text: str) -> Key | None:
    """That of the first numbered words in a line."""
    found = NUMBERED.search(text)
    return Key(int(found[1]), found[2], int(found[3])) if found else None


class Faults:
    """How often something was not as it must be, and the words of the first few."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.words: list[str] = []

    def add(self, what: str, words: str, count: int = 1) -> None:
        self.counts[what] += count
        if len(self.words) < STRANGE_KEPT:
            self.words.append(f"{what}: {words}")

    def missing_turned_up(self) -> None:
        """What was counted as lost came later than it should."""
        self.counts["lost"] -= 1
        self.add("reordered", "what was lost came later")


class RoomLog:
    """What was said in a room, in the order in which the first of its readers heard it."""

    def __init__(self, room: str, faults: Faults) -> None:
        self.room = room
        self.faults = faults
        self.readers: set[Reader] = set()
        self.numbers: dict[int, int] = {}
        """The last number of each who talks here."""
        self.heard = 0
        self._first = 0
        self._keys: deque[Key] = deque()
        self._places: dict[Key, int] = {}

    @property
    def end(self) -> int:
        return self._first + len(self._keys)

    def place(self, key: Key) -> int | None:
        return self._places.get(key)

    def add(self, key: Key) -> None:
        last = self.numbers.get(key.who, 0)
        if key.number <= last:
            self.faults.add("doubled", f"{key} was said after {last}")
        elif key.number > last + 1:
            self.faults.add("lost", f"{key} was said after {last}", key.number - last - 1)
        self.numbers[key.who] = max(last, key.number)
        self._places[key] = self.end
        self._keys.append(key)

    def between(self, start: int, end: int) -> list[Key]:
        return [self._keys[place - self._first] for place in range(start, end)]

    def trim(self) -> None:
        """Forget what every reader has heard."""
        until = min([reader.place for reader in self.readers if reader.place is not None], default=self.end)
        while self._first < until:
            del self._places[self._keys.popleft()]
            self._first += 1


class Reader:
    """One person in one room: each numbered line that comes live must be the next one of the room's log."""

    def __init__(self, log: RoomLog, name: str, optional: set[int], *, from_start: bool = False) -> None:
        """`optional`: of these people they may miss something: whom they ignore, and of some formats themselves."""
        self.name = name
        self.place: int | None = 0 if from_start else None
        """Of the next line in the log; None until a line has come that others have heard as well."""
        self.live = from_start
        self._log = log
        self._optional = optional
        self._early: deque[Key] = deque()
        """What they heard before anybody had who hears everything: only those tell in which order it was said."""
        self._missed: set[Key] = set()
        log.readers.add(self)

    @property
    def behind(self) -> list[Key]:
        """What others have heard and this reader must hear still, or the other way round."""
        if self.place is None:
            return []
        self._catch_up()
        unheard = [key for key in self._log.between(self.place, self._log.end) if key.who not in self._optional]
        return [*self._early, *unheard]

    def recall(self, key: Key) -> None:
        """It was shown as history to who comes in: what is live follows it."""
        place = self._log.place(key)
        if not self.live:
            self.place = None if place is None else place + 1

    def hear(self, key: Key) -> None:
        """It was shown live."""
        log = self._log
        log.heard += 1
        self.live = True
        place = log.place(key)
        if self.place is None:
            if place is not None:  # else nobody has heard it of whom it is known that nothing is missing
                self.place = place + 1
        elif self._optional:
            self._early.append(key)
            self._catch_up()
        elif place is None:
            self._miss(log.end, key)
            log.add(key)
            self.place = log.end
        else:
            self._take(key, place)

    def _catch_up(self) -> None:
        while self._early and (place := self._log.place(self._early[0])) is not None:
            self._take(self._early.popleft(), place)

    def _take(self, key: Key, place: int) -> None:
        assert self.place is not None
        if place >= self.place:
            self._miss(place, key)
            self.place = place + 1
        elif key in self._missed:
            self._missed.discard(key)
            self._log.faults.missing_turned_up()
        else:
            self._log.faults.add("doubled", f"{key} for {self.name}")

    def _miss(self, place: int, heard: Key) -> None:
        assert self.place is not None
        missed = [key for key in self._log.between(self.place, place) if key.who not in self._optional]
        self._missed.update(missed)
        for key in missed:
            self._log.faults.add("lost", f"{key} for {self.name}, who heard {heard}")

    def end(self) -> None:
        """They left the room."""
        self._log.readers.discard(self)


class Oracle:
    """All rooms that are watched."""

    def __init__(self, rooms: tuple[str, ...]) -> None:
        self.faults = Faults()
        self.logs = {room: RoomLog(room, self.faults) for room in rooms}
        self.privates = 0
        self._private: dict[tuple[int, int], int] = {}

    def private(self, sender: int, receiver: int, number: int, name: str) -> None:
        """Somebody heard a numbered private message, and none of an earlier number may come behind it."""
        self.privates += 1
        last = self._private.get((sender, receiver), 0)
        if number <= last:
            self.faults.add(
                "doubled" if number == last else "reordered", f"private {sender} to {name}: {number} after {last}"
            )
        self._private[sender, receiver] = number

    def check_said(self, who: int, room: str, number: int) -> None:
        """So many of theirs were certainly said; later than everybody can have heard them."""
        heard = self.logs[room].numbers.get(who, 0)
        if heard < number:
            self.faults.add("lost", f"@{who}.{room}: {heard} heard, {number} said", number - heard)

    def forget(self, who: int) -> None:
        """They are gone, and nothing of theirs comes any more."""
        for log in self.logs.values():
            log.numbers.pop(who, None)
        for pair in [pair for pair in self._private if who in pair]:
            del self._private[pair]

    def trim(self) -> None:
        for log in self.logs.values():
            log.trim()

    def behind(self) -> list[str]:
        """Who has not heard yet what others have."""
        return [
            f"{reader.name} in {log.room}: {len(reader.behind)}"
            for log in self.logs.values()
            for reader in log.readers
            if reader.behind
        ]

    @property
    def said(self) -> int:
        return sum(log.end for log in self.logs.values())

    @property
    def heard(self) -> int:
        return sum(log.heard for log in self.logs.values())
