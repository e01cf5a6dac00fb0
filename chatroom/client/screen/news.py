"""What happened, as the server tells it, brought into the windows that it concerns. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..face import Said
from ..happened import moment
from ..look import Who
from .looks import TALK, Looks, now
from .windows import Window, Windows

OF_PEOPLE = ("left", "renamed", "away", "back")
"""Told once, under one room, of somebody who may be in several of ours."""


class News:
    """Keeps all windows as the server tells: their lines, who is in each room, and what was not read."""

    def __init__(self, windows: Windows, looks: Looks, who: Who) -> None:
        self._windows = windows
        self._looks = looks
        self._who = who

    # Where we are

    def welcomed(self, rooms: Mapping[str, Any], talks: str) -> None:
        """We are in just these rooms, and talk in that one."""
        for room in sorted(rooms, key=lambda one: one != talks):  # which gets the first window
            there = rooms[room]
            self.came(room, there.get("members", ()), there.get("topic", ""))
        for window in self._windows:
            if window.room not in rooms:
                window.people.clear()

    def greet(self) -> None:
        """Tell who we are, and with whom."""
        current, us = self._windows.current, self._who.nick
        others = [nick for nick in current.people if nick != us]
        current.transcript.add(self._looks.welcome(current.room, others, current.topic))

    def came(self, room: str, people: object, topic: object) -> Window:
        """We are in that room, with these people."""
        known = self._windows.get(room)
        if known is not None and not known.people:
            known.transcript.clear()  # we have been away: between what is kept and what comes there would be a gap
        window = self._windows.open(room)
        named = people if isinstance(people, list) else ()
        window.people = dict.fromkeys([*map(str, named), self._who.nick])
        window.topic = str(topic)
        return window

    # What happened

    def happened(self, said: Said) -> bool:
        """Whether it is meant for us, and just happened."""
        kind, nick, current = said["event"], str(said.get("nick")), self._windows.current
        room = said.get("room")
        window = (self._windows.get(room) if isinstance(room, str) else None) or current
        if kind == "announced":  # to everybody, wherever they are
            window = current
        calls = self._looks.calls_us(said) and not said.get("history")
        match kind:
            case "joined" | "parted" | "left":
                self._moved(said, window, kind, nick)
            case "started":
                members = said.get("members")
                window.people = dict.fromkeys(map(str, members)) if isinstance(members, list) else {}
                if room in self._who.rooms:  # where nobody is, we are not either
                    window.people[self._who.nick] = None
            case "edited":
                if said.get("removed") is not True:
                    window.transcript.correct(str(said.get("of")), str(said.get("text", "")))
            case "deleted":
                gone = said.get("of")
                for eid in gone if isinstance(gone, list) else ():
                    window.transcript.remove(str(eid))
                if nick not in self._who.nicks or said.get("whom") not in self._who.nicks:  # else it is answered
                    self._tell(said, [window])
            case _ if kind in OF_PEOPLE:
                self._tell(said, self._windows.with_person(nick))
                if kind == "renamed":
                    self._renamed(nick, str(said.get("new")))
            case _:
                if kind == "set" and said.get("setting") == "topic":
                    window.topic = str(said.get("value", ""))
                self._tell(said, [window])
                if kind in TALK and not said.get("history") and nick not in self._who.nicks:
                    self._spoken(window, nick, calls)
        return calls

    def _tell(self, said: Said, windows: Iterable[Window]) -> None:
        talk = said["event"] in TALK and not said.get("history")
        ours = said.get("nick") in self._who.nicks
        for window in windows:
            line = self._looks.line(said)
            if talk and ours:
                window.transcript.read_on()
            if line is not None:
                if window.room != said.get("room"):
                    line.position = ""  # which is one in another room's log
                if said.get("history"):
                    window.transcript.recall(line)
                else:
                    window.transcript.add(line, counts=talk)

    def _moved(self, said: Said, window: Window, kind: str, nick: str) -> None:
        """Somebody came, or is in these rooms no more."""
        windows = self._windows.with_person(nick) if kind == "left" else [window]
        when = moment(said.get("time")) or now()
        for each in windows:
            if kind == "joined":
                each.people[nick] = None
            elif nick in self._who.nicks and kind == "parted":
                each.people.clear()
            else:
                each.people.pop(nick, None)
            if said.get("put_out") is not True:  # which another event tells
                word = "joined" if kind == "joined" else "left"
                each.transcript.moved(when, nick, word, str(said.get("reason", "")))

    def _renamed(self, nick: str, new: str) -> None:
        for window in self._windows.with_person(nick):
            window.people = {new if one == nick else one: None for one in window.people}
            window.spoke = [new if one == nick else one for one in window.spoke]

    def _spoken(self, window: Window, nick: str, calls: bool) -> None:
        window.heard(nick)
        if window is not self._windows.current:
            window.unread += 1
            window.mentions += calls
