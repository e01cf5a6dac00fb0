"""What one person does from coming to going: by lot, at the pace of people."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from .formats import Json
from .people import WORDS, Around, Person, Wire

BUSY = "busy"
"""The room of long lines, in which who stalls is soon far behind."""

PAUSE = 3.0
"""Seconds between two things that somebody does, on average."""

STAY = 35.0
"""Seconds that somebody stays, on average; hence six come and go each second of 200."""

STAY_LEAST = 3.0

STALLS = (5.0, 25.0)
"""Seconds of reading nothing: the server lets go of who does so for longer than its --stalled."""

AWAY = (0.5, 8.0)
"""Seconds without a connection: well below the server's --grace."""

VANISHED = 90.0
"""Seconds after which it is looked whether the server has let go of who vanished."""

PATIENCE = 60.0
"""Seconds within which the server has done what it is asked: longer is a fault."""

HISTORY = 600
"""Long lines that are asked for before stalling: more than the kernel takes."""

DOES: dict[str, int] = {
    "say": 63, "burst": 2, "loose": 5, "who": 5, "history": 3, "search": 2, "whois": 4, "nick": 2,
    "message": 8, "ignore": 1, "join": 4, "leave": 2, "go_away": 2, "open": 1, "stall": 3, "drop": 4,
}  # fmt: skip
"""What people do, and how often."""

ENDS: dict[str, int] = {"bye": 40, "end of input": 10, "close": 20, "reset": 25, "vanish": 5}


class Crowd(Around, Protocol):
    """What a life needs of the others."""

    clock: IReactorTime

    def somebody(self) -> Person | None: ...
    def room(self) -> str: ...
    def on_the_way_out(self, life: Life) -> None:
        """They do nothing any more; another may come."""

    def over(self, life: Life) -> None: ...


class Life:
    """One person's."""

    def __init__(self, crowd: Crowd, person: Person, chance: Random, connect: Callable[[], Deferred[Wire]]) -> None:
        self.person = person
        self.ending = ""
        self._crowd = crowd
        self._chance = chance
        self._connect = connect
        self._away = False
        self._begun = False
        self._timers: list[Any] = []

    def begin(self) -> None:
        """Come, or come back."""
        self._connect().addCallbacks(self._met, self._failed)

    def _met(self, wire: Wire) -> None:
        if self.ending:
            wire.abort()
            return
        self._away = False
        self.person.meet(wire)

    def _failed(self, failure: Failure) -> None:
        self._crowd.errors[f"could not connect: {failure.getErrorMessage()}"] += 1
        self._over()

    def entered(self) -> None:
        """They are in, for the first time or again."""
        if self._begun:
            return
        self._begun = True
        self._later(max(STAY_LEAST, self._chance.expovariate(1 / STAY)), self.end)
        for _ in range(self._chance.randrange(3)):
            self.person.join(self._crowd.room())
        self._next()

    def gone(self) -> None:
        """The connection is, as they wanted or not."""
        if self._away and not self.ending:
            self._later(self._chance.uniform(*AWAY), self.begin)
            return
        if not self.ending:
            self._crowd.errors["cut off"] += 1
        elif self.ending == "vanish":
            self._crowd.counts["let go by the server"] += 1
        elif self.person.leaving:
            self.person.let_go = True
            if unseen := self.person.unseen:
                self._crowd.oracle.faults.add("lost", f"{self.person.nick} did not see {unseen}", len(unseen))
        self._over()

    # What they do

    def _next(self) -> None:
        self._later(self._chance.expovariate(1 / PAUSE), self._act)

    def _act(self) -> None:
        person = self.person
        if person.inside and not person.stalled and person.rooms:
            does = self._chance.choices([*DOES], [*DOES.values()])[0]
            getattr(self, f"_{does}")()
        self._next()

    def _words(self) -> str:
        words = self._chance.choices(WORDS.split(), k=self._chance.randint(2, 12))
        return " ".join([*words, *self._chance.choices(["", "Привет", "日本語", "😀"], [30, 1, 1, 1])]).strip()

    def _say(self) -> None:
        verb = self._chance.choices(["say", "me"], [20, 1])[0]
        self.person.say(self._chance.choice(self.person.rooms), self._words(), verb)

    def _burst(self) -> None:
        for _ in range(self._chance.randint(5, 40)):
            self._say()

    def _loose(self) -> None:
        """Something that is corrected or removed: not on an account, of which another device may have spoken last."""
        if not self.person.password:
            self.person.loose(self._words())
            verb, words = self._chance.choice([("edit", self._words()), ("delete", ""), ("search", "lorem ipsum")])
            self.person.ask(verb, words)

    def _who(self) -> None:
        self.person.ask(self._chance.choice(["who", "rooms"]))

    def _history(self) -> None:
        self.person.ask("history", str(self._chance.choice([5, 20, 100])))

    def _search(self) -> None:
        self.person.ask("search", " ".join(self._chance.choices(WORDS.split(), k=2)))

    def _whois(self) -> None:
        if other := self._crowd.somebody():
            self.person.ask("whois", other.nick)

    def _nick(self) -> None:
        if not self.person.password:
            self.person.nick = f"g{self.person.number}n{self._chance.randrange(10**6)}"
            self.person.ask("nick", self.person.nick)

    def _message(self) -> None:
        if other := self._crowd.somebody():
            self.person.message(other.nick, self._words())

    def _ignore(self) -> None:
        other = self._crowd.somebody()
        if other and not other.password and not self.person.password and other is not self.person:
            self.person.optional.add(other.number)
            self.person.ask("ignore", other.nick)

    def _join(self) -> None:
        self.person.join(self._crowd.room())

    def _leave(self) -> None:
        """Not the last room, nor with an account, whose other devices would leave too."""
        if len(self.person.rooms) > 1 and not self.person.password:
            self.person.leave(self._chance.choice(self.person.rooms[1:]))

    def _go_away(self) -> None:
        self.person.ask("away", self._words())
        self.person.ask("back")

    def _open(self) -> None:
        """A room of one's own, closed again: accounts can."""
        if self.person.password:
            room = f"of{self.person.number}x{self._chance.randrange(10**6)}"
            self.person.ask("join", room)
            self.person.loose(self._words())
            self.person.ask("close", room)

    def _stall(self) -> None:
        self._stop_reading()
        self._crowd.counts["stalls"] += 1
        self._later(self._chance.uniform(*STALLS), self.person.wake)

    def _stop_reading(self) -> None:
        """With more to read than the kernel takes."""
        if BUSY not in self.person.readers:
            self.person.join(BUSY)
        self.person.ask("history", str(HISTORY))
        self.person.stall()

    def _drop(self) -> None:
        """Lose the connection, and come back."""
        person = self.person
        if not isinstance(person, Json) or not person.token:
            return
        self._away = True
        self._crowd.counts["drops"] += 1
        match self._chance.choice(["reset", "close", "desert"]):
            case "reset":
                person.reset()
            case "close":
                person.close()
            case "desert":
                deserted = person.wire
                person.desert()
                self._crowd.clock.callLater(PATIENCE, deserted.abort)
                self.gone()

    # How they go

    def end(self, how: str = "") -> None:
        """Go, in one way or another."""
        if self.ending:
            return
        person = self.person
        self.ending = how or self._chance.choices([*ENDS], [*ENDS.values()])[0]
        self._cancel()
        self._crowd.on_the_way_out(self)
        if self._away:  # they lost the connection, or do at the moment, and do not come back
            self.ending = "away"
        if person.wire is None:
            self._over()
            return
        if person.stalled:
            person.wake()
        self._later(PATIENCE, self._not_let_go)
        match self.ending:
            case "bye":
                person.quit()
            case "end of input" if person.wire.can_half_close and not person.resumes:
                person.leaving = True
                person.wire.transport.loseWriteConnection()
            case "vanish":
                self._cancel()
                self._stop_reading()
                self._later(VANISHED, self._look_whether_let_go)
            case "reset":
                person.reset()
            case "close" | "end of input":
                person.close()

    def _look_whether_let_go(self) -> None:
        """Reading what came until then, one hears of it; in a quiet room the kernel may have taken all."""
        self.person.wake()
        self._later(PATIENCE, self.abort)

    def _not_let_go(self) -> None:
        self._crowd.errors[f"not let go: {self.ending}"] += 1
        self.abort()

    def rest(self) -> None:
        """Do nothing more, and read."""
        self._cancel()
        if self.person.stalled:
            self.person.wake()

    def abort(self) -> None:
        """Be gone now, however one stands."""
        self.ending = "aborted"
        self.person.leaving = False
        if self.person.wire:
            self.person.reset()
        else:
            self._over()

    def _over(self) -> None:
        self._cancel()
        if not self.ending:
            self.ending = "cut off"
            self._crowd.on_the_way_out(self)
        self.person.end()
        self._crowd.over(self)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self._timers = [timer for timer in self._timers if timer.active()]
        self._timers.append(self._crowd.clock.callLater(seconds, call))

    def _cancel(self) -> None:
        for timer in self._timers:
            if timer.active():
                timer.cancel()
        self._timers.clear()
