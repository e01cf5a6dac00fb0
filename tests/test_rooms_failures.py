"""What becomes of rooms when the disk is full, the storage cannot forget, or somebody is gone in the middle of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from twisted.internet.defer import Deferred, ensureDeferred, fail

from chatroom.event import Entry, Kind, Position, Sort
from chatroom.names import nickname
from chatroom.recall import recall
from chatroom.request import Refused
from chatroom.rights import Right
from chatroom.seams import Batch, NotSaved
from chatroom.storage.memory import MemoryStorage

from .again import left_behind
from .chatting import DISK_FULL, FailingStorage, TextClient, World
from .support import LoggedErrors

NOT_SAVED = "not saved: the disk is full"


class Plain:
    """A storage that can neither be made to forget nor be searched."""

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.start = self.storage.start

    def append(self, batch: Batch) -> Deferred[Any]:
        return self.storage.append(batch)

    def read(self, log: str, **wanted: Any) -> Deferred[list[Entry]]:
        return self.storage.read(log, **wanted)

    def follow(self, log: str, committed: Callable[[Sequence[Entry]], None]) -> Deferred[Position]:
        return self.storage.follow(log, committed)

    def unfollow(self, log: str, committed: Callable[[Sequence[Entry]], None]) -> None:
        self.storage.unfollow(log, committed)

    def place(self, log: str, time: int) -> Deferred[Position]:
        return self.storage.place(log, time)

    def position(self, text: str) -> Position:
        return self.storage.position(text)

    def close(self) -> Deferred[None]:
        return self.storage.close()


def told(person: Any, line: str) -> list[str]:
    """What somebody is shown who types this."""
    before = len(person.lines())
    person.line(line)
    person.world.settle()
    return list(person.lines()[before:])


def session_of(world: World, nick: str) -> Any:
    """Somebody's session."""
    (person,) = [each for each in world.chat.people.values() if each.name.shown == nick]
    return person.connections[0]


def test_a_storage_that_can_only_keep_is_asked_for_nothing_else() -> None:
    world = World(TextClient, storage=Plain(), room_creation=Right.CHAT, addresses_for=0, retention=1000)
    alice = world.enter("alice")
    alice.register("correct horse")
    told(alice, "/join dev")
    told(alice, "hello")
    assert told(alice, "/search hello") == ["! nothing can be looked for here"]
    assert told(alice, "/export") == ["! nothing can be looked for here"]
    assert told(alice, "/delete")[-1] == "* 1 message removed"
    assert told(alice, "/close dev")[-1] == "* #dev is closed, and what was said there forgotten"
    world.chat.stopping = True
    world.after(2 * 24 * 60 * 60)
    assert told(alice, "/rooms") == ["* #lobby: 1 person, you too"]


def test_a_room_that_was_closed_is_forgotten_before_the_next_start_lets_anybody_in(logged: LoggedErrors) -> None:
    class Reluctant(MemoryStorage):
        fails = 1

        def erase(self, log: str) -> Deferred[None]:
            if self.fails:
                self.fails -= 1
                return fail(NotSaved("the disk is full"))
            return super().erase(log)

    world = World(TextClient, room_creation=Right.CHAT)
    alice = world.enter("alice")
    alice.register("correct horse")
    told(alice, "/join dev")
    told(alice, "secret")
    world.storage.erase = lambda log: Deferred()  # type: ignore[attr-defined]
    alice.line("/close dev")
    world.settle()
    storage = Reluctant()
    storage.__dict__.update(vars(left_behind(world.storage)))  # type: ignore[arg-type]
    storage.fails = 1
    started = World(TextClient, storage=storage, stamp="n99.", clock=world.clock, room_creation=Right.CHAT)
    started.after(5)
    assert not [e for e in storage._logs.get("#dev", []) if e.event.kind is Kind.SAID]
    assert "dev" not in started.chat.rooms


def test_what_is_not_saved_leaves_rooms_as_they_were(logged: LoggedErrors) -> None:
    storage = FailingStorage()
    world = World(TextClient, storage=storage, room_creation=Right.CHAT)
    alice = world.enter("alice")
    alice.register("correct horse")
    told(alice, "/join dev")
    storage.break_down(DISK_FULL)
    for line in ("/join games", "/leave dev", "/close dev"):
        assert NOT_SAVED in told(alice, line)[-1], line
    storage.recover()
    assert told(alice, "/close dev")[-1].startswith("* #dev is closed")
    assert logged.flush("the disk is full")


def test_a_join_that_is_not_saved_is_none(logged: LoggedErrors) -> None:
    storage = FailingStorage()
    world = World(TextClient, storage=storage, room_creation=Right.CHAT)
    alice, bob = world.enter_all("alice", "bob")
    told(alice, "/join dev")
    storage.break_down(DISK_FULL)
    assert NOT_SAVED in told(bob, "/join dev")[-1]
    storage.recover()
    assert "bob" not in told(alice, "/who")[-1]
    assert logged.flush("the disk is full")


def test_who_quits_while_they_enter_a_room_is_not_in_it() -> None:
    storage = FailingStorage()
    world = World(TextClient, storage=storage, room_creation=Right.CHAT)
    alice, bob = world.enter_all("alice", "bob")
    told(alice, "/join dev")
    storage.slow = True
    bob.line("/join dev")
    world.settle()
    (person,) = [each for each in world.chat.people.values() if each.name.shown == "bob"]
    person.leave("gone")
    world.settle()
    storage.slow = False
    while storage.under_way:
        storage.commit()
        world.settle()
    world.after(300)
    assert told(alice, "/who")[-1] == "* 1 in #dev: alice"


def test_two_who_leave_and_are_put_out_at_once_leave_once() -> None:
    storage = FailingStorage()
    world = World(TextClient, storage=storage, room_creation=Right.CHAT)
    alice = world.enter("alice")
    alice.register("correct horse")
    bob = world.enter("bob")
    told(alice, "/join dev")
    told(bob, "/join dev")
    storage.slow = True
    alice.line("/kick bob")
    world.settle()
    bob.line("/leave dev")
    world.settle()
    storage.slow = False
    while storage.under_way:
        storage.commit()
        world.settle()
    assert [line for line in alice.lines() if "bob left" in line] == []
    assert told(alice, "/who")[-1] == "* 1 in #dev: alice"


def test_a_name_whose_room_is_being_forgotten_is_taken_for_a_moment() -> None:
    world = World(TextClient, room_creation=Right.CHAT)
    alice, bob = world.enter_all("alice", "bob")
    alice.register("correct horse")
    told(alice, "/join dev")
    forgotten: Deferred[None] = Deferred()
    world.storage.erase = lambda log: forgotten  # type: ignore[attr-defined]
    alice.line("/close dev")
    world.settle()
    assert told(bob, "/join dev") == ["! what was said in #dev is being forgotten; come again in a moment"]
    forgotten.callback(None)
    world.settle()
    assert told(bob, "/join dev")[-1].startswith("* You are alone in #dev.")


def test_of_two_rooms_that_look_alike_the_first_is_one_on_every_node() -> None:
    storage = MemoryStorage()
    one = World(TextClient, storage=storage, room_creation=Right.CHAT)
    two = World(TextClient, storage=storage, clock=one.clock, stamp="n2.", room_creation=Right.CHAT)
    alice, bob = one.enter("alice"), two.enter("bob")
    name = one.chat.settings.room_name("Iobby-two")
    event = one.chat.event(Kind.OPENED, details={"name": name.shown, "folded": name.folded, "skeleton": name.skeleton})
    appended = two.chat.save

    async def slower(events: Batch) -> NotSaved | None:
        """The other node is faster."""
        if any(each.kind is Kind.OPENED for _, each in events):
            await one.chat.save([("server", event)])
        return await appended(events)

    two.chat.save = slower  # type: ignore[method-assign]
    assert told(bob, "/join lobby-two") == ["! #lobby-two is too like a room that there is"]
    assert told(alice, "/join Iobby-two")[-1].startswith("* You are alone in #Iobby-two.")


def test_who_is_in_a_room_no_more_is_shown_nothing_of_it() -> None:
    world = World(TextClient, room_creation=Right.CHAT)
    alice, bob = world.enter_all("alice", "bob")
    told(alice, "/join dev")
    room, session = world.chat.rooms["dev"], session_of(world, "bob")
    with pytest.raises(Refused) as refused:
        session.shown.cursor(room)
    assert refused.value.words == "you are not in #dev any more"
    before = len(bob.lines())
    ensureDeferred(session.shown.history(room, recall(room.log, 20)))
    ensureDeferred(session.shown.arrive(room, room.now()))
    told(alice, "a secret of dev")
    assert "secret" not in "".join(bob.lines()[before:])


def test_filters_of_the_server_hold_in_private_too() -> None:
    world = World(TextClient, operators=[nickname("root")])
    root, bob = world.register("root"), world.enter("bob")
    told(root, "/server filter add refuse pills")
    assert told(bob, "/msg root buy pills") == ["! that was not said: this server has a filter for words in it"]
    assert told(root, "/msg bob no pills here") == []
    assert told(bob, "/msg root hello") == []


def test_presence_that_cannot_expire_is_tried_again(logged: LoggedErrors) -> None:
    class Stubborn(MemoryStorage):
        fails = 1

        def expire(self, time: int, sort: Sort) -> Deferred[None]:
            self.fails -= 1
            return fail(DISK_FULL) if self.fails >= 0 else super().expire(time, sort)

    storage = Stubborn()
    world = World(TextClient, storage=storage)
    world.after(120)
    assert storage.fails < 0
    storage.fails = 1
    world.chat.stopping = True  # then nothing is looked for any more
    world.after(2 * 24 * 60 * 60)
    assert storage.fails == 1


def test_who_leaves_a_room_on_two_devices_at_once_leaves_it_once() -> None:
    storage = FailingStorage()
    world = World(TextClient, storage=storage, room_creation=Right.CHAT)
    alice = world.register("alice")
    told(alice, "/join dev")
    other = world.log_in("alice")
    storage.slow = True
    for device in (alice, other):
        device.line("/leave dev")
        world.settle()
    storage.slow = False
    while storage.under_way:
        storage.commit()
        world.settle()
    assert told(other, "/who")[-1] == "* 1 in #lobby: alice"
    assert alice.text().count("alice left") == 1


class Closing(MemoryStorage):
    closed: Deferred[Any] | None = None

    def expire(self, time: int, sort: Sort) -> Deferred[None]:
        self.closed = Deferred()
        return self.closed


def test_a_bug_while_it_is_looked_for_what_is_old_is_logged(logged: LoggedErrors) -> None:
    storage = Closing()
    world = World(TextClient, storage=storage)
    world.after(1)
    assert storage.closed is not None
    storage.closed.errback(RuntimeError("a bug"))
    world.settle()
    assert logged.flush(RuntimeError)


def test_a_search_that_the_disk_does_not_allow_is_refused() -> None:
    class Full(MemoryStorage):
        def search(self, *_: object, **__: object) -> Deferred[Any]:  # type: ignore[override]
            return fail(DISK_FULL)

    world = World(TextClient, storage=Full())
    alice = world.enter("alice")
    assert told(alice, "/search tea") == [f"! nothing can be looked for at present: {DISK_FULL.words}"]


@pytest.mark.parametrize("error", [RuntimeError("the storage is closed"), DISK_FULL])
def test_a_storage_that_is_closed_while_it_is_looked_for_what_is_old_is_no_bug(
    logged: LoggedErrors, error: Exception
) -> None:
    storage = Closing()
    world = World(TextClient, storage=storage)
    world.after(1)
    assert storage.closed is not None
    world.chat.stopping = True
    storage.closed.errback(error)
    world.settle()
    assert logged.flush() == []
