"""The bottom line: the room, its topic, who is here, the other rooms with what was not read, and the connection. As much of it
as fits: what one must know goes first. Pure.
"""

from __future__ import annotations

from .cells import Piece, cut, width_of
from .windows import HOME, Window, Windows

TOPIC_NARROWEST = 12
"""Columns: less of a topic tells nothing."""


def bar(windows: Windows, width: int, trouble: str, waiting: int) -> list[Piece]:
    """`trouble`: why there is no connection; empty while there is one. `waiting`: so many lines are not sent yet."""
    room = windows.current
    left = [Piece("class:bar.room", cut(f" {_name(windows, room)} ", width))]
    right: list[Piece] = []
    if trouble:
        held = f", {waiting} not sent" if waiting else ""
        words = f" not connected, trying again{held}: {trouble} "
        right.append(Piece("class:bar.trouble", cut(words, max(width - _width(left), 0))))
    free = width - _width(left) - _width(right)
    down = Piece("class:bar.dim", " further down: PageDown ")
    if room.transcript.looks_back and not trouble and _width([down]) <= free:
        right.append(down)
        free -= _width([down])
    for window in sorted(windows, key=lambda one: (-bool(one.mentions), not one.unread)):
        told = _unread(windows, window)
        if window is not room and told and _width([told]) <= free:
            left.append(told)
            free -= _width([told])
    people = Piece("class:bar.dim", f" {len(room.people)} here ")
    if room.people and _width([people]) <= free:
        right.insert(0, people)
        free -= _width([people])
    if room.topic and free >= TOPIC_NARROWEST:
        left.append(Piece("class:bar.dim", cut(f" {room.topic}", free)))
        free = width - _width(left) - _width(right)
    return [*left, Piece("class:bar", " " * max(0, free)), *right]


def _name(windows: Windows, window: Window) -> str:
    name = f"#{window.room}" if window.room != HOME else "no room"
    return f"{windows.number(window)}:{name}" if len(windows) > 1 else name


def _unread(windows: Windows, window: Window) -> Piece | None:
    name = _name(windows, window)
    if window.mentions:
        return Piece("class:bar.mention", f" {name} {window.unread}! ")
    if window.unread:
        return Piece("class:bar.unread", f" {name} {window.unread} ")
    return Piece("class:bar.dim", f" {name} ")


def _width(pieces: list[Piece]) -> int:
    return sum(width_of(piece.text) for piece in pieces)
