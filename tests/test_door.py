"""A room is told of who comes and goes at a bearable pace, whoever storms it; everybody gets through, in order."""

from __future__ import annotations

import re
from collections.abc import Coroutine
from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock

from chatroom.door import PAUSE, Door
from chatroom.event import Kind, Sort
from chatroom.rights import Right
from chatroom.tidy import EXPIRING, PRESENCE_DAYS

from .again import again
from .chatting import JsonClient, TextClient, World

BURST = 3

DAY = 24 * 60 * 60.0


class Passing:
    """People who come and go through one door, and who has passed."""

    def __init__(self, burst: int = BURST) -> None:
        self.clock = Clock()
        self.door = Door(self.clock, burst)
        self.passed: list[str] = []

    def comes(self, *who: str) -> None:
        for each in who:
            self._passes(each, self.door.come())

    def leaves(self, *who: str) -> None:
        for each in who:
            self._passes(each, self.door.leave())

    def _passes(self, who: str, passing: Coroutine[Any, Any, None]) -> None:
        ensureDeferred(passing).addCallback(lambda _: self.passed.append(who))

    def new(self) -> list[str]:
        passed, self.passed = self.passed, []
        return passed


# A door


def test_so_many_pass_at_once_and_the_others_together_a_second_later() -> None:
    people = Passing()
    people.comes(*"abcdefgh")
    assert people.new() == ["a", "b", "c"]
    people.clock.advance(PAUSE / 2)
    assert people.new() == []
    people.clock.advance(PAUSE / 2)
    assert people.new() == ["d", "e", "f", "g", "h"]


def test_who_comes_and_who_leaves_pass_each_kind_together() -> None:
    people = Passing(1)
    people.comes("first", "a")
    people.leaves("x")
    people.comes("b")
    people.leaves("y")
    people.clock.advance(PAUSE)
    assert people.new() == ["first", "x", "y", "a", "b"]


def test_while_there_is_a_crowd_all_pass_once_a_second_only() -> None:
    people = Passing(1)
    people.comes("a", "b")
    people.clock.advance(PAUSE)
    assert people.new() == ["a", "b"]
    people.comes("c")
    people.clock.advance(PAUSE * 0.9)
    people.leaves("d")
    assert people.new() == []
    people.clock.advance(PAUSE * 0.1)
    assert people.new() == ["d", "c"]


def test_after_a_second_without_anybody_so_many_pass_at_once_again() -> None:
    people = Passing()
    people.comes(*"abcd")
    people.clock.advance(PAUSE)  # d passes
    people.clock.advance(PAUSE)
    people.new()
    people.comes(*"efgh")
    assert people.new() == ["e", "f", "g"]


def test_a_door_through_which_nobody_passes_needs_no_time() -> None:
    people = Passing()
    people.comes("a")
    people.clock.advance(PAUSE)
    assert people.clock.getDelayedCalls() == []
    people.comes("b")
    assert people.new() == ["a", "b"]


def test_who_is_let_through_may_come_again_and_waits_for_the_next_time() -> None:
    people = Passing(1)
    people.comes("a")
    ensureDeferred(people.door.come()).addCallback(lambda _: people.comes("again"))
    people.clock.advance(PAUSE)
    assert people.new() == ["a"]
    people.clock.advance(PAUSE)
    assert people.new() == ["again"]


def test_without_a_limit_everybody_passes_at_once() -> None:
    people = Passing(0)
    people.comes(*"abcdefgh")
    people.leaves(*"abcdefgh")
    assert people.new() == [*"abcdefgh" * 2]
    assert people.clock.getDelayedCalls() == []


# A storm

CROWD, STORM, SECONDS = 1000, 50, 5
PRESENCE = re.compile(r"^(?:#\S+ )?\* .* (?:joined|left)\b.*$", re.MULTILINE)


def test_a_storm_of_50_shows_a_room_of_1000_at_most_two_lines_a_second() -> None:
    world = World(TextClient, presence_burst=BURST, connections_per_address=0, rooms_at_once=2)
    crowd = [world.connect() for _ in range(CROWD)]
    for number, person in enumerate(crowd):
        person.line(f"p{number}")
    world.after(2)
    readers = [crowd[0], crowd[-1], world.connect(client=JsonClient)]
    readers[2].enter("json")
    storm = [world.connect(client=JsonClient if number % 2 else TextClient) for number in range(STORM)]
    for number, one in enumerate(storm):
        one.enter(f"s{number}")
    world.after(2)
    for person in readers:
        person.heard()
        person.socket.taken.clear()
    for second in range(SECONDS):
        for one in storm:
            for _ in range(5):
                one.command("leave", room="lobby")
                one.command("join", room="lobby")
        world.after(1)
        for person in readers[:2]:
            shown = PRESENCE.findall(person.text())
            assert len(shown) <= (2 if second else 2 + 2 * BURST), shown
            person.socket.taken.clear()
    world.after(60 * SECONDS)
    lobby = world.chat.entrance
    assert sorted(nick for nick in lobby.members.nicks.values() if nick[0] == "s") == sorted(
        f"s{n}" for n in range(STORM)
    )
    assert all(lobby in person.rooms for person in world.chat.people.values())


def test_in_a_storm_everybody_gets_in_and_out_in_order_and_talk_is_not_held_up() -> None:
    world = World(TextClient, presence_burst=1, room_creation=Right.CHAT)
    alice, storm = world.enter("alice"), [world.connect() for _ in range(20)]
    world.after(2)
    for number, one in enumerate(storm):
        one.line(f"s{number}\nhello\n/leave\n/join dev\nin dev\n/join lobby\nback")
    alice.line("as ever")
    world.settle()
    assert "s0: hello" in alice.lines()
    world.after(60)
    said = [line for line in alice.lines() if re.match(r"s\d+: ", line)]
    for number in range(20):
        assert [line for line in said if line.startswith(f"s{number}: ")] == [f"s{number}: hello", f"s{number}: back"]
        rooms = re.findall(r"^\* You are .*?in #(\w+)", storm[number].text(), re.MULTILINE)
        assert rooms == ["lobby", "dev", "lobby"]
    assert len(world.chat.entrance.members.nicks) == 21


@pytest.mark.parametrize("client", [TextClient, JsonClient])
def test_who_quits_while_they_wait_to_come_in_is_no_ghost(client: type[Any]) -> None:
    world = World(client, presence_burst=1, room_creation=Right.CHAT)
    alice = world.enter("alice", TextClient)  # the only one to pass within this second
    bob = world.connect()
    bob.enter("bob")
    bob.hang_up()
    world.after(300)
    assert [*world.chat.entrance.members.nicks.values()] == ["alice"]
    assert [one[:2] for one in alice.heard()] in ([], [("joined", "bob"), ("left", "bob")])
    again_bob = world.connect()
    again_bob.enter("bob")
    world.after(2)
    assert again_bob.heard("entered") == [("entered", "bob", ("alice",))]


@pytest.mark.parametrize("client", [TextClient, JsonClient])
def test_who_quits_while_a_join_waits_is_in_no_room_afterwards(client: type[Any]) -> None:
    world = World(client, presence_burst=1, room_creation=Right.CHAT)
    alice, bob = world.enter("alice"), world.connect()
    alice.command("join", room="dev")
    world.after(5)
    bob.enter("bob")
    world.after(5)
    carol = world.enter("carol")
    carol.command("join", room="dev")  # the one who passes
    bob.command("join", room="dev")
    bob.hang_up()
    world.after(300)
    for room in world.chat.rooms.values():
        assert "bob" not in room.members.nicks.values(), room.name
    assert world.chat.directory.holders(world.chat.settings.nickname("bob")) == set()


def test_who_left_while_others_wait_is_told_of_and_their_nickname_free_within_a_second() -> None:
    world = World(TextClient, presence_burst=1)
    alice, bob = world.enter("alice"), world.connect()
    world.after(5)
    bob.enter("bob")
    world.settle()
    bob.quit("enough")
    world.settle()
    other = world.connect()
    other.enter("bob")
    world.after(2 * PAUSE)
    assert ("left", "bob", "enough") in alice.heard("left")
    assert other.heard("entered")
    world.after(2 * PAUSE)
    assert [*world.chat.entrance.members.nicks.values()] == ["alice", "bob"]


def test_the_log_keeps_who_came_and_went_for_a_day_before_the_last_start_and_no_longer() -> None:
    world = World(TextClient, presence_burst=BURST)
    for number in range(20):
        world.enter(f"p{number}").quit()
        world.after(2)
    world.after((PRESENCE_DAYS + 1) * DAY)
    world = again(world, presence_burst=BURST)
    memory: Any = world.storage
    kept = [entry for entry in memory._logs["#lobby"] if entry.event.kind.sort is Sort.PRESENCE]
    assert [entry.event.kind for entry in kept] == [Kind.STARTED]
    world.enter("alice")
    world.after(EXPIRING)
    assert len(memory._logs["#lobby"]) == 2
