"""All who are there: as many as there are to be, whoever goes is replaced; and those who watch every room from the first
to the last line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any
from weakref import WeakSet

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.ssl import Certificate, optionsForClientTLS

from .formats import Json, Text
from .lives import BUSY, Life
from .oracle import Oracle
from .people import WORDS, Person, Wire

ROOMS = ("lobby", "dev", "ops", "tea", BUSY)
"""Those that are watched; one comes in in the first."""

KINDS = {"tcp": 60, "tls": 20, "unix": 20}
"""How people come, and how often."""

PROGRAMS = 0.4
"""Of them, so many speak JSON."""

HAVE_ACCOUNT = 0.15

ACCOUNTS = 10
"""As many as may be made from one address in an hour: a server's memory of accounts grows with them, so they stay the same."""

RAMP = 0.05
"""Seconds between two arrivals at the start: 20 a second, whatever their number."""

REPLACED = 2.0
"""Seconds within which another comes for who goes."""

FORGET = 45.0
"""Seconds after which everything that somebody said has been heard by those who watch, or is lost."""

TALKERS = 2
"""Programs that talk in BUSY all the time."""

TALKS = 0.2
"""Seconds between two lines of one of them: with LONG, 12 KB a second, so that who stalls there fills the kernel's buffers
in some 20 seconds."""

LONG = 12
"""How often WORDS stand in a line there."""


def password_of(account: int) -> str:
    return f"long enough {account}"


def account_name(account: int) -> str:
    return f"member{account}"


class Ways:
    """How one gets to the server."""

    def __init__(self, reactor: Any, port: int, tls_port: int, path: Path, certificate: Path) -> None:
        self.wires: WeakSet[Wire] = WeakSet()
        """Those that were made and are not forgotten yet, also by whom they belonged to."""
        trusted = optionsForClientTLS("localhost", trustRoot=Certificate.loadPEM(certificate.read_bytes()))
        self._endpoints: dict[str, IStreamClientEndpoint] = {
            "tcp": TCP4ClientEndpoint(reactor, "127.0.0.1", port),
            "tls": wrapClientTLS(trusted, TCP4ClientEndpoint(reactor, "127.0.0.1", tls_port)),
            "unix": UNIXClientEndpoint(reactor, str(path)),
        }

    def to(self, kind: str) -> Callable[[], Deferred[Wire]]:
        """As often as one likes."""

        def wire() -> Wire:
            made = Wire(kind)
            self.wires.add(made)
            return made

        def connect() -> Deferred[Wire]:
            connecting: Deferred[Any] = self._endpoints[kind].connect(Factory.forProtocol(wire))
            return connecting

        return connect


class Gathering:
    """The people, and what they have in common."""

    def __init__(self, clock: Any, ways: Ways, size: int, seed: str) -> None:
        self.clock = clock
        self.oracle = Oracle(ROOMS)
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.lives: dict[int, Life] = {}
        self.staff: dict[int, Person] = {}
        self._ways = ways
        self._size = size
        self._seed = seed
        self._chance = Random(seed)
        self._last = 0
        self._open = False
        self._unchecked: dict[int, Person] = {}
        """Who is gone, and may not have been heard by everybody yet."""

    # Who watches, and who talks all the time

    def station(self) -> None:
        """Two who watch each room, and the talkers; `ready` when all are there."""
        for room in ROOMS:
            self._post(Json(self, self._number(), f"watch-{room}", rooms=(room,)), "tcp").watch(room, from_start=True)
            self._post(Text(self, self._number(), f"look-{room}"), "tls")
        for talker in range(TALKERS):
            self._post(Json(self, self._number(), f"talker-{talker}", rooms=(BUSY,)), "unix")

    def _post(self, person: Person, kind: str) -> Person:
        self.staff[person.number] = person
        connecting = self._ways.to(kind)()
        connecting.addCallbacks(person.meet, lambda failure: self.errors.update([f"staff: {failure.value}"]))
        return person

    @property
    def ready(self) -> bool:
        return all(person.inside for person in self.staff.values())

    def _talk(self) -> None:
        if self._open:
            for person in self.staff.values():
                if person.nick.startswith("talker") and person.inside:
                    person.say(BUSY, " ".join([WORDS] * LONG))
            self.clock.callLater(TALKS, self._talk)

    # Coming and going

    def begin(self) -> None:
        """Everybody may come."""
        for person in self.staff.values():
            if person.nick.startswith("look-"):
                person.join(person.nick.removeprefix("look-"))
        self._open = True
        self._talk()
        for place in range(self._size):
            self.clock.callLater(place * RAMP, self._arrive)

    def _number(self) -> int:
        self._last += 1
        return self._last

    def _arrive(self) -> None:
        if not self._open:
            return
        number = self._number()
        chance = Random(f"{self._seed} {number}")
        nick, password = f"g{number}", ""
        if chance.random() < HAVE_ACCOUNT:
            account = chance.randrange(ACCOUNTS)
            nick, password = account_name(account), password_of(account)
        person: Person
        if chance.random() < PROGRAMS:
            rooms = tuple({ROOMS[0], self.room()})
            person = Json(self, number, nick, password, rooms)
        else:
            person = Text(self, number, nick, password)
        life = Life(self, person, chance, self._ways.to(chance.choices([*KINDS], [*KINDS.values()])[0]))
        self.lives[number] = life
        self.counts["arrivals"] += 1
        life.begin()

    def entered(self, person: Person) -> None:
        if person.number in self.lives:
            self.lives[person.number].entered()

    def gone(self, person: Person) -> None:
        if person.number in self.lives:
            self.lives[person.number].gone()
        elif not person.leaving:
            self.errors[f"{person.nick} was cut off"] += 1

    def on_the_way_out(self, life: Life) -> None:
        if self._open:
            self.clock.callLater(self._chance.uniform(0, REPLACED), self._arrive)

    def over(self, life: Life) -> None:
        del self.lives[life.person.number]
        self.counts["departures"] += 1
        self._unchecked[life.person.number] = life.person
        self.clock.callLater(FORGET, self._forget, life.person)

    def _forget(self, person: Person) -> None:
        if self._unchecked.pop(person.number, None):
            self._check(person)
        self.oracle.forget(person.number)

    def check(self) -> None:
        """That of all that is certainly said nothing is missing: everybody has heard everything by now."""
        for person in self._unchecked.values():
            self._check(person)
        self._unchecked.clear()

    def _check(self, person: Person) -> None:
        for room, number in person.said.items() if person.let_go else ():
            self.oracle.check_said(person.number, room, number)

    def somebody(self) -> Person | None:
        """Any of those who are there."""
        life = self._chance.choice([*self.lives.values()])
        return life.person if life.person.inside else None

    def room(self) -> str:
        """Any; few want to be in the busy one."""
        return self._chance.choices(ROOMS, [6, 6, 6, 6, 1])[0]

    # The end

    def close(self) -> None:
        """Nobody comes any more, who stalls reads again, who vanished or lost the connection is gone."""
        self._open = False
        for life in [*self.lives.values()]:
            if life.ending == "vanish" or not (life.ending or life.person.inside):
                life.abort()
            elif not life.ending:
                life.rest()

    def dismiss(self) -> None:
        """Everybody says farewell."""
        for life in [*self.lives.values()]:
            life.end("bye")
        for person in self.staff.values():
            if person.wire:
                person.quit()

    def abort(self) -> None:
        """Nobody is connected any more, nor are those connections that somebody deserted."""
        for life in [*self.lives.values()]:
            life.abort()
        for wire in [*self._ways.wires]:
            wire.abort()

    @property
    def empty(self) -> bool:
        return not self.lives and not any(person.wire for person in self.staff.values())

    def alive(self) -> Sequence[Life]:
        return [life for life in self.lives.values() if not life.ending]
