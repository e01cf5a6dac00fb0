"""Makes of recorded sessions what nobody recorded."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any, NamedTuple

from . import recordings

MOST_PEOPLE = 4
LONGEST = 3 * 64 * 1024
LONGEST_FOR_PARTS = 2000


class Step(NamedTuple):
    """One thing that happens on the stage."""

    verb: str
    who: int = 0
    what: bytes = b""
    number: float = 0


class Case(NamedTuple):
    """All of it, and under which figures."""

    steps: list[Step]
    settings: dict[str, Any]
    small: bool = False
    """Pages, tails and batches of some hundred bytes: few lines cross every border."""
    max_line: int = 4096

    def as_json(self) -> dict[str, Any]:
        steps = [[verb, who, what.decode("latin-1"), number] for verb, who, what, number in self.steps]
        return {"steps": steps, "settings": self.settings, "small": self.small, "max_line": self.max_line}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Case:
        steps = [Step(verb, who, what.encode("latin-1"), number) for verb, who, what, number in told["steps"]]
        return cls(steps, told["settings"], told["small"], told["max_line"])


def mutated(chance: Random, data: bytes) -> bytes:
    """Somewhere else than it was, by a few changes."""
    for _ in range(chance.choice((0, 0, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(data) + 1)
        to = min(len(data), at + chance.randrange(1, 12))
        match chance.randrange(9):
            case 0 | 1 | 2:
                data = data[:at] + chance.choice(recordings.PIECES) + data[at:]
            case 3:
                data = data[:at] + chance.randbytes(chance.randrange(1, 9)) + data[at:]
            case 4:
                data = data[:at] + data[to:]
            case 5:
                data = data[:at] + data[at:to] * chance.choice((2, 3, 50)) + data[to:]
            case 6 if data:
                at %= len(data)
                data = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
            case 7:
                other = b"".join(chance.choice((*recordings.TEXT, *recordings.JSON)))
                data = data[:at] + other[chance.randrange(len(other)) :]
            case 8 if chance.random() < 0.05:
                data = data[:at] + chance.choice((b"x", b"\n", b"\r", b"\xff", b"\xcc\x81", b"{")) * chance.choice(
                    (4097, 70_000)
                )
    return data[:LONGEST]


def any_bytes(chance: Random) -> bytes:
    """For a single part: a piece of a session, mutated; or nothing that anybody ever sent."""
    if chance.random() < 0.2:
        return chance.randbytes(chance.randrange(40))
    return mutated(chance, chance.choice(chance.choice((*recordings.TEXT, *recordings.JSON))))[:LONGEST_FOR_PARTS]


def any_case(chance: Random) -> Case:
    """Several people at once, each with a mutated session, in pieces that come in turn with what else happens."""
    scripts = [_script(chance, who) for who in range(chance.randrange(1, MOST_PEOPLE + 1))]
    steps: list[Step] = []
    while any(scripts):
        steps.append(chance.choice([script for script in scripts if script]).pop(0))
        if chance.random() < 0.25:
            steps.append(_elsewhere(chance))
    settings = {
        "line_interval": chance.choice((0.0, 0.0, 0.2)),
        "line_burst": chance.choice((1, 3, 30)),
        "history": chance.choice((0, 3, 20)),
        "grace": chance.choice((1.0, 120.0)),
        "connections_per_address": chance.choice((2, 100)),
        "motd": chance.choice(((), ("be kind", ""))),
    }
    return Case(steps, settings, chance.random() < 0.5, chance.choice((32, 4096)))


def _script(chance: Random, who: int) -> list[Step]:
    kind = chance.choice(("text", "text", "wrapped", "json", "json"))
    recorded = chance.choice(recordings.JSON if kind == "json" else recordings.TEXT)
    script = [Step("connect", who, kind.encode())]
    for piece in recorded:
        if piece == b"<RESUME>":
            script.append(Step("resume", who))
            continue
        if chance.random() < 0.1:
            script.append(_mishap(chance, who))
        script += [Step("send", who, part) for part in _parts(chance, mutated(chance, piece))]
    script.append(Step(chance.choice(("end", "hang up", "stay")), who))
    return script


def _parts(chance: Random, data: bytes) -> list[bytes]:
    most = chance.choice((0, 0, 0, 1, 2, 5, 40))
    places = sorted({0, len(data), *(chance.randrange(len(data) + 1) for _ in range(most))})
    return [data[start:end] for start, end in pairwise(places)]


def _mishap(chance: Random, who: int) -> Step:
    match chance.randrange(6):
        case 0:
            return Step("hang up", who)
        case 1:
            return Step("end", who)
        case 2:
            return Step("resume", who)
        case 3:
            return Step("wake", who, number=chance.choice((1, 7, 100, 5000)))
        case 4:
            return Step("wake", who, number=float("1e18"))
    return Step("stall", who)


def _elsewhere(chance: Random) -> Step:
    match chance.randrange(10):
        case 0 | 1 | 2 | 3 | 4:
            return Step("tell", what=chance.choice((b"lobby", b"lobby", b"dev")))
        case 5 | 6:
            return Step("wait", number=chance.choice((0.05, 1, 30, 400)))
        case 7:
            return Step("disk", what=chance.choice((b"breaks", b"recovers", b"recovers")))
        case 8:
            return Step("disk", what=chance.choice((b"is slow", b"commits", b"commits", b"is quick")))
    return Step("disk", what=chance.choice((b"reads slowly", b"comes back", b"comes back", b"reads at once")))
