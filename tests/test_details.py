"""What belongs to each kind of event is what `DETAILS` says: told by all that a server writes in a long day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred

from chatroom.event import DETAILS, Event, Kind
from chatroom.inbox import READ_PAUSE
from chatroom.seams import Batch
from chatroom.storage.memory import MemoryStorage

from .chatting import PASSWORD, JsonClient, World

HOME = "192.0.2.1"
"""Not of this machine: of that no address is kept."""


class Recorder(MemoryStorage):
    """Remembers also what is forgotten later."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[Event] = []

    def append(self, batch: Batch) -> Deferred[Any]:
        self.written += [event for _, event in batch]
        return super().append(batch)

    def events(self) -> Iterator[Event]:
        """As they were written, and as they are read now."""
        yield from self.written
        for entries in self._logs.values():
            yield from (entry.event for entry in entries)


def declared() -> set[tuple[Kind, str]]:
    """Each kind, with each of its details: `KIND, KIND: words. KIND: words`."""
    listed = [(detail, kinds) for detail, words in DETAILS.items() for kinds in re.findall(r"([A-Z, ]{3,}): ", words)]
    return {(Kind[kind], detail) for detail, kinds in listed for kind in kinds.replace(",", " ").split()}


class Program(JsonClient):
    def ask(self, request: str, id: str | None = None, /, **fields: object) -> None:
        super().ask(request, id, **fields)
        self.world.settle()


def come(world: World, nick: str, password: str = "") -> Program:
    program: Program = world.connect(HOME)
    program.ask("hello", nick=nick, **({"password": password} if password else {}))
    return program


def a_long_day(storage: Recorder) -> None:
    """Everything happens that a server writes down."""
    world = World(Program, storage=storage, grace=60.0)
    owner, bob, carol = come(world, "owner"), come(world, "bob"), come(world, "carol")
    owner.ask("claim", code=world.chat.claim_code)
    for somebody in (owner, bob):
        somebody.ask("register", password=PASSWORD)
    talk(world, bob)  # where it stays: in a room that is closed it is forgotten
    for somebody in (owner, bob, carol):
        somebody.ask("join", room="den")
    about_oneself(world, bob, carol)
    order(owner, bob, carol)
    owner.ask("join", room="pit")
    owner.ask("away", why="gone")
    ensureDeferred(world.chat.stop("back soon"))
    world.after(1)
    world = World(Program, storage=storage, clock=world.clock, stamp="n2.", grace=60.0)
    come(world, "bob", PASSWORD[::-1]).ask("forget-me", sure=True)
    world.after(61)


def talk(world: World, bob: Program) -> None:
    for kind in ("say", "me"):
        bob.ask(kind, kind, text="teh words")
        bob.ask("edit", text="the words")
        bob.ask("delete")
    bob.ask("msg", "m1", to="owner", text="hi")
    world.after(READ_PAUSE + 1)


def about_oneself(world: World, bob: Program, carol: Program) -> None:
    for somebody in (bob, carol):
        somebody.ask("away", why="tea")
        somebody.ask("back")
    bob.ask("ignore", nick="owner")
    bob.ask("unignore", nick="owner")
    carol.ask("nick", name="caroline")
    come(world, "owner", PASSWORD).ask("logout")
    bob.ask("password", old=PASSWORD, new=PASSWORD[::-1])


def order(owner: Program, bob: Program, carol: Program) -> None:
    owner.ask("private", on=True)
    owner.ask("topic", text="tea")
    owner.ask("op", nick="bob")
    owner.ask("deop", nick="bob")
    owner.ask("filter", change="add", action="refuse", pattern="coffee")
    bob.ask("report", nick="caroline", why="rude")
    for deed in ("mute", "ban"):
        for target in ("caroline", "account:bob", "198.51.100.0/24"):
            owner.ask(deed, target=target, duration="2h")
            owner.ask(f"un{deed}", target=target)
    owner.ask("invite", nick="caroline")
    carol.ask("join", room="den")
    owner.ask("kick", nick="caroline")
    owner.ask("announce", text="tea is ready")
    owner.ask("add-account", nick="dave", password=PASSWORD)
    owner.ask("close", room="den")
    bob.ask("join", room="lobby")
    bob.ask("join", room="tea")
    bob.ask("quit")
    carol.ask("quit")


def test_each_kind_has_the_details_that_are_declared_and_no_others() -> None:
    storage = Recorder()
    a_long_day(storage)
    written = list(storage.events())
    assert {event.kind for event in written} == set(Kind)
    assert {(event.kind, detail) for event in written for detail in event.details} == declared()
