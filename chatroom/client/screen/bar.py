"""The bottom line: the room, its topic, who is here, the other rooms with what was not read, and the connection. As much of it
as fits: what one must know goes first. Pure.
"""

from __future__ import annotations

from .cells import Piece, cut, width_of
from .windows import HOME, Window, Windows

TOPIC_NARROWEST = 12
"""Columns: less of a topic tells nothing."""


def bar(windows: Windows, width: int, trouble: str, waiting: int, unanswered: bool = False) -> list[Piece]:
    """`trouble`: why there is no connection; empty while there is one. `waiting`: so many lines are not sent yet.
    `unanswered`: there is a connection, but the server says nothing."""
    room = windows.current
    shown = {room: cut(f" {_name(windows, room)} ", width)}
    wrong = (
        f" offline{f', {waiting} not sent' if waiting else ''} " if trouble else " no answer yet " if unanswered else ""
    )
    right = [Piece("class:bar.trouble", wrong)] if wrong else []
    free = width - width_of(shown[room])
    right = [piece._replace(text=cut(piece.text, free)) for piece in right]
    free -= _width(right)
    for piece in _present(room):
        if width_of(piece.text) <= free:
            right.insert(0, piece)
            free -= width_of(piece.text)
    others = [window for window in windows if window is not room]
    others.sort(key=lambda one: (not one.mentions, not one.unread))
    for number, window in enumerate(others, 1):
        told, more = _unread(windows, window), f" +{len(others)} " if number < len(others) else ""
        if width_of(told) + len(more) > free:
            break
        shown[window] = told
        free -= width_of(told)
    left = [Piece(_style(windows, window), shown[window]) for window in windows if window in shown]
    hidden = f" +{len(windows) - len(shown)} "
    if len(shown) < len(windows) and len(hidden) <= free:
        left.append(Piece("class:bar.dim", hidden))
        free -= len(hidden)
    about = f"trying again: {trouble}" if trouble else room.topic
    if about and free >= TOPIC_NARROWEST:
        left.append(Piece("class:bar.dim", cut(f" {about}", free)))
        free = width - _width(left) - _width(right)
    return [*left, Piece("class:bar", " " * max(0, free)), *right]


def _present(room: Window) -> list[Piece]:
    """What there is to know of a room, as far as there is space."""
    transcript = room.transcript
    new = f"{transcript.below} new below: Alt-End" if transcript.below else "further down: PageDown"
    told = (
        [Piece("class:bar.unread" if transcript.below else "class:bar.dim", f" {new} ")]
        if transcript.looks_back
        else []
    )
    return [*told, Piece("class:bar.dim", f" {len(room.people)} here ")] if room.people else told


def _name(windows: Windows, window: Window) -> str:
    name = f"#{window.room}" if window.room != HOME else "no room"
    return f"{windows.number(window)}:{name}" if len(windows) > 1 else name


def _unread(windows: Windows, window: Window) -> str:
    unread = f" {window.unread}{'!' if window.mentions else ''}" if window.unread else ""
    return f" {_name(windows, window)}{unread} "


def _style(windows: Windows, window: Window) -> str:
    if window is windows.current:
        return "class:bar.room"
    return "class:bar.mention" if window.mentions else "class:bar.unread" if window.unread else "class:bar.dim"


def _width(pieces: list[Piece]) -> int:
    return sum(width_of(piece.text) for piece in pieces)
