"""Makes short what fails: whatever can be left out is left out, the larger pieces first."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from chatroom.protocols.telnet import MAX_LINE

from .mutation import Case

Pieces = TypeVar("Pieces", bytes, list)  # type: ignore[type-arg]  # of anything

PATIENCE = 60.0
"""Seconds at most."""


def shorter(what: Pieces, fails: Callable[[Pieces], bool], until: float) -> Pieces:
    size = len(what)
    while size and monotonic() < until:
        at = 0
        while at < len(what) and monotonic() < until:
            without = what[:at] + what[at + size :]
            if fails(without):
                what = without
            else:
                at += size
        size //= 2
    return what


def shorter_bytes(data: bytes, fails: Callable[[bytes], bool]) -> bytes:
    return shorter(data, fails, monotonic() + PATIENCE)


def shorter_case(case: Case, fails: Callable[[Case], bool]) -> Case:
    until = monotonic() + PATIENCE
    steps = shorter(case.steps, lambda steps: fails(case._replace(steps=steps)), until)
    for place, step in enumerate(steps):
        if step.verb == "send":

            def fails_with(what: bytes, place: int = place) -> bool:
                changed = [*steps[:place], steps[place]._replace(what=what), *steps[place + 1 :]]
                return fails(case._replace(steps=changed))

            steps[place] = step._replace(what=shorter(step.what, fails_with, until))
    case = case._replace(steps=steps)
    for name in case.settings:
        without = {other: value for other, value in case.settings.items() if other != name}
        if fails(case._replace(settings=without)):
            case = case._replace(settings=without)
    if case.small and fails(case._replace(small=False)):
        case = case._replace(small=False)
    if case.max_line != MAX_LINE and fails(case._replace(max_line=MAX_LINE)):
        case = case._replace(max_line=MAX_LINE)
    return case
