"""`python -m fuzz --minutes 10`: cases without end, each told by a seed and a number; stops at the first finding."""

from __future__ import annotations

import argparse
import gc
import json
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random, SystemRandom
from time import monotonic

from twisted.logger import globalLogBeginner

from .mutation import Case, any_bytes, any_case
from .parts import PARTS
from .shrinking import shorter_bytes, shorter_case
from .stage import Finding, play

PARTS_EACH = 3
"""So often every single part is tried for each case on the stage: about a fifth of the time."""

LOOK_AT_MEMORY = 1000
"""Cases between two looks at what Python has allocated."""

MOST_GROWTH = 20_000
"""Blocks of memory that may come with all cases after the first LOOK_AT_MEMORY: caches that fill late."""


class Fuzzing:
    """One run."""

    def __init__(self, seed: int, directory: Path) -> None:
        self.seed = seed
        self.directory = directory
        self.number = 0
        self.counts: Counter[str] = Counter()
        self._memory_at_first = 0

    def run(self, until: float, most: int = sys.maxsize) -> bool:
        """Whether nothing was found, up to a time or a number of cases."""
        gc.collect()
        gc.freeze()  # what was made so far need not be looked through after each case
        while self.number < most and monotonic() < until:
            self.number += 1
            if not self._one(Random(f"{self.seed} {self.number}")):
                return False
            if self.number % LOOK_AT_MEMORY == 0 and not self._memory_stays():
                return False
        return True

    def _one(self, chance: Random) -> bool:
        for name in PARTS:
            for _ in range(PARTS_EACH):
                data = any_bytes(chance)
                self.counts[name] += 1
                if why := failure_of_part(name, data):
                    data = shorter_bytes(data, lambda less, name=name: failure_of_part(name, less) is not None)
                    self._found(why, {"part": name, "data": data.decode("latin-1")})
                    return False
        case = any_case(chance)
        self.counts["steps"] += len(case.steps)
        if why := failure_of_case(case, self.counts):
            self._found(why, shorter_case(case, lambda less: failure_of_case(less) is not None).as_json())
            return False
        return True

    def _memory_stays(self) -> bool:
        gc.collect()
        blocks = sys.getallocatedblocks()
        if not self._memory_at_first:
            self._memory_at_first = blocks
        self.counts["blocks more"] = blocks - self._memory_at_first
        if self.counts["blocks more"] > MOST_GROWTH:
            self._found(f"memory grows: {self.counts['blocks more']} blocks in {self.number} cases", {})
            return False
        return True

    def _found(self, why: str, shortest: dict[str, object]) -> None:
        path = self.directory / f"fuzz-{self.seed}-{self.number}.json"
        path.write_text(
            json.dumps({"seed": self.seed, "number": self.number, "why": why, **shortest}, indent=1), "utf-8"
        )
        sys.stdout.write(f"{why}\n\nfound in case {self.number} of seed {self.seed}; the shortest that fails: {path}\n")

    def closing(self) -> str:
        counts = dict(self.counts)
        parts = sum(counts.pop(name, 0) for name in PARTS)
        told = ", ".join(f"{count:,} {what}" for what, count in counts.items())
        return f"fuzz: seed {self.seed}, {self.number:,} cases ({told}), {parts:,} inputs to {len(PARTS)} single parts"


def failure_of_part(name: str, data: bytes) -> str | None:
    try:
        PARTS[name](data)
    except Exception:
        return traceback.format_exc()
    return None


def failure_of_case(case: Case, counts: Counter[str] | None = None) -> str | None:
    try:
        sent = play(case)
    except Finding:
        return traceback.format_exc()
    if counts is not None:
        counts["bytes sent"] += sent
    return None


def replay(path: Path) -> str | None:
    told = json.loads(path.read_text("utf-8"))
    if "part" in told:
        return failure_of_part(told["part"], told["data"].encode("latin-1"))
    return failure_of_case(Case.from_json(told))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long [10]")
    parser.add_argument("--seed", type=int, default=None, help="what makes the cases [another each time]")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="play again what was found")
    chosen = parser.parse_args(arguments)
    globalLogBeginner.beginLoggingTo((), discardBuffer=True, redirectStandardIO=False)
    if chosen.replay:
        why = replay(chosen.replay)
        sys.stdout.write(f"{why or 'it does not fail any more'}\n")
        return 1 if why else 0
    fuzzing = Fuzzing(SystemRandom().randrange(1 << 32) if chosen.seed is None else chosen.seed, Path.cwd())
    fine = fuzzing.run(monotonic() + 60 * chosen.minutes)
    sys.stdout.write(f"{fuzzing.closing()}: {'nothing found' if fine else 'FOUND ONE'}\n")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
