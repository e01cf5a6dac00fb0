"""What a room may be called, and which names are one."""

from __future__ import annotations

import json

import pytest

from chatroom.names import RESERVED, ROOM_LONGEST
from chatroom.rights import Right

from .chatting import JsonClient, World
from .test_rooms import code, in_rooms, last, new, said_in


@pytest.fixture
def world() -> World:
    return World(room_creation=Right.CHAT)


def test_a_name_in_other_case_is_the_same_room_and_is_shown_as_it_was_opened(world: World) -> None:
    alice, bob = in_rooms(world, "alice", "Dev"), in_rooms(world, "bob")
    bob.line("/join #dEV")
    assert new(bob)[0].startswith("* You are in #Dev with alice.")
    bob.line("#DEV hello")
    assert new(alice)[-1] == "#Dev bob: hello"
    assert sorted(world.chat.rooms) == ["dev", "lobby"]


@pytest.mark.parametrize("name", ["ԁev", "dеv", "l0bby", "Iobby"])
def test_a_name_that_looks_like_a_room_is_refused(world: World, name: str) -> None:
    alice, bob = in_rooms(world, "alice", "dev"), world.enter("bob", JsonClient)
    new(alice)
    alice.line(f"/join {name}")
    (line,) = new(alice)
    assert line.startswith(f"! #{name} is too like #")
    bob.ask("join", room=name)
    assert code(bob) == "room_taken"
    assert sorted(world.chat.rooms) == ["dev", "lobby"]


@pytest.mark.parametrize(
    "name", ["1dev", "-dev", ".dev", "d ev", "dev/", "##dev", "d" * (ROOM_LONGEST + 1), "d" * 65_000]
)
def test_what_is_no_name_is_refused_by_the_rule_it_breaks(world: World, name: str) -> None:
    alice = world.enter("alice", JsonClient)
    alice.ask("join", room=name)
    assert code(alice) == "room_invalid"
    assert len(json.dumps(last(alice))) < 500
    alice.ask("say", room=name, text="hello")
    assert code(alice) == "not_in_room"
    assert len(json.dumps(last(alice))) < 500
    assert [*world.chat.rooms] == ["lobby"]


@pytest.mark.parametrize("name", [*RESERVED, "Serνer", "removed-1f"])
def test_reserved_names_and_what_looks_like_them_are_refused(world: World, name: str) -> None:
    alice = world.enter("alice", JsonClient)
    alice.ask("join", room=name)
    assert code(alice) == "room_reserved"
    assert [*world.chat.rooms] == ["lobby"]


def test_a_name_may_be_50_characters_of_several_scripts(world: World) -> None:
    name = "разработка-dev-開発".ljust(ROOM_LONGEST, "x")
    alice = in_rooms(world, "alice", name)
    alice.line("hello")
    world.settle()
    assert said_in(world, name) == ["hello"]
