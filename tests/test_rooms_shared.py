"""What somebody does in all of their rooms at once is seen once by whoever shares one of them, however many they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chatroom.rights import Right

from .again import again
from .chatting import JsonClient, LineClient, TextClient, World
from .test_resume import token, welcome

GRACE = 30.0

FORMATS: list[type[LineClient]] = [TextClient, JsonClient]


@pytest.fixture
def world() -> World:
    return World(room_creation=Right.CHAT, grace=GRACE)


def in_rooms(world: World, nick: str, *rooms: str, client: type[LineClient] = TextClient) -> Any:
    """Somebody who is in the lobby and in these rooms."""
    somebody = world.enter(nick, client)
    for room in rooms:
        somebody.command("join", room=room)
    return somebody


def seen(client: Any, what: str) -> list[str]:
    """In which rooms somebody was shown something, an empty one where they are not told."""
    client.world.settle()
    if isinstance(client, JsonClient):
        return [one["room"] for one in client.told() if what == f"{one.get('event')} {one.get('nick')}"]
    lines = [line for line in client.lines() if what in line and not line.startswith("* You are")]
    return [line[1:].partition(" ")[0] if line[0] == "#" else "" for line in lines]


DEEDS: dict[str, tuple[Callable[[Any], object], str, str]] = {
    "rename": (lambda bob: bob.command("nick", name="rob"), "bob is now rob", "renamed bob"),
    "away": (lambda bob: bob.command("away", why="lunch"), "bob is away", "away bob"),
    "quit": (lambda bob: bob.quit("enough"), "bob left", "left bob"),
    "lost connection": (lambda bob: bob.hang_up(), "bob left", "left bob"),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_who_shares_rooms_sees_it_once_and_who_shares_none_does_not(world: World, deed: str) -> None:
    do, in_text, in_json = DEEDS[deed]
    bob = in_rooms(world, "bob", "dev", "help")
    watchers = {
        rooms: [in_rooms(world, f"{client.__name__}{number}", *rooms, client=client) for client in FORMATS]
        for number, rooms in enumerate([(), ("dev",), ("dev", "help"), ("help", "dev"), ("other",)])
    }
    strangers = [in_rooms(world, f"stranger{client.__name__}", "other", client=client) for client in FORMATS]
    for stranger in strangers:
        stranger.command("leave", room="lobby")
    world.settle()
    do(bob)
    world.settle()
    for rooms, (person, program) in watchers.items():
        assert seen(person, in_text) == ["lobby" if rooms else ""]
        assert seen(program, in_json) == ["lobby"]
    assert seen(strangers[0], in_text) == seen(strangers[1], in_json) == []


def test_who_does_it_sees_it_once_too(world: World) -> None:
    bob, other = in_rooms(world, "bob", "dev", "help"), in_rooms(world, "other", "dev", client=JsonClient)
    for somebody, in_text in ((bob, "bob is now rob"), (other, "renamed other")):
        somebody.command("nick", name="rob" if somebody is bob else "elsewhere")
        assert len(seen(somebody, in_text)) == 1


def test_being_back_is_seen_once(world: World) -> None:
    bob, alice = in_rooms(world, "bob", "dev"), in_rooms(world, "alice", "dev")
    bob.command("away", why="lunch")
    bob.command("back")
    assert seen(alice, "bob is back") == ["lobby"]


def test_it_is_seen_where_one_shares_a_room_though_not_the_first(world: World) -> None:
    bob, alice = in_rooms(world, "bob", "dev", "help"), in_rooms(world, "alice", "help")
    alice.command("leave", room="lobby")
    world.settle()
    bob.command("nick", name="rob")
    assert seen(alice, "bob is now rob") == [""]


# Behind


@pytest.mark.parametrize("client", FORMATS)
def test_who_stalled_sees_it_once_when_they_read_on(world: World, client: type[LineClient]) -> None:
    bob, alice = in_rooms(world, "bob", "dev"), in_rooms(world, "alice", "dev", client=client)
    alice.stall()
    for room in ("lobby", "dev", "lobby"):
        bob.line(f"#{room} {'x' * 300}")
    bob.command("nick", name="rob")
    bob.line("#lobby after")
    world.settle()
    alice.wake()
    assert len(seen(alice, "bob is now rob" if client is TextClient else "renamed bob")) == 1


def test_who_stalled_before_they_joined_the_other_room_sees_it_where_they_were(world: World) -> None:
    alice = world.register("alice")
    other, bob = world.log_in("alice"), in_rooms(world, "bob", "dev")
    alice.stall()
    bob.line(f"#lobby {'x' * 300}")
    bob.command("nick", name="rob")
    world.settle()
    other.command("join", room="dev")
    bob.command("away", why="after")
    world.settle()
    alice.wake()
    for device in (alice, other):
        assert len(seen(device, "bob is now rob")) == 1
        assert len(seen(device, "rob is away")) == 1


def test_who_stalled_before_they_left_a_room_sees_in_it_what_happened_before(world: World) -> None:
    alice = world.register("alice")
    alice.command("join", room="dev")
    other, bob = world.log_in("alice"), in_rooms(world, "bob", "dev")
    world.settle()
    alice.stall()
    bob.line(f"#lobby {'x' * 300}")
    bob.line("#lobby before")
    bob.command("nick", name="rob")
    world.settle()
    other.command("leave", room="lobby")
    world.settle()
    bob.line("#lobby after")
    bob.command("away", why="after")
    world.settle()
    alice.wake()
    for device in (alice, other):
        assert len(seen(device, "bob is now rob")) == 1
        assert len(seen(device, "rob is away")) == 1
        assert seen(device, "bob: before") == ["lobby"]
        assert seen(device, "rob: after") == []


# At the same moment: one commit has both


@pytest.mark.parametrize("client", FORMATS)
def test_who_leaves_one_of_the_rooms_in_the_same_commit_sees_it_once(world: World, client: type[LineClient]) -> None:
    bob, alice = in_rooms(world, "bob", "dev"), in_rooms(world, "alice", "dev", client=client)
    world.settle()
    bob.command("away", why="lunch")
    alice.command("leave", room="lobby")
    assert len(seen(alice, "bob is away" if client is TextClient else "away bob")) == 1


@pytest.mark.parametrize("client", FORMATS)
def test_who_joins_one_of_the_rooms_in_the_same_commit_sees_it_once(world: World, client: type[LineClient]) -> None:
    bob, alice = in_rooms(world, "bob", "dev"), in_rooms(world, "alice", "dev", client=client)
    alice.command("leave", room="lobby")
    world.settle()
    alice.command("join", room="lobby")
    bob.command("away", why="lunch")
    assert len(seen(alice, "bob is away" if client is TextClient else "away bob")) == 1


def test_who_joins_one_of_the_rooms_while_a_leave_waits_at_the_door_sees_it_once() -> None:
    world = World(room_creation=Right.CHAT, presence_burst=1)
    bob, alice = world.enter("bob"), world.enter("alice")
    for somebody, room in ((alice, "other"), (bob, "dev")):
        somebody.command("join", room=room)
        world.after(5)
    carol = world.connect()
    carol.enter("carol")  # the one who passes at once
    world.settle()
    bob.quit("enough")
    world.settle()
    alice.command("join", room="dev")
    world.after(5)
    assert len(seen(alice, "bob left")) == 1


# Programs that come back


def back(world: World, token: str, **after: str | None) -> Any:
    client = world.connect(client=JsonClient)
    client.ask("hello", resume=token, rooms={room: {"after": at} if at else {} for room, at in after.items()})
    return client


def marks(client: JsonClient) -> dict[str, str]:
    """The positions that a program keeps: of the last that it saw of each room."""
    kept = {room: at["position"] for room, at in welcome(client)["rooms"].items()}
    return kept | {one["room"]: one["position"] for one in client.told() if "room" in one and "position" in one}


@pytest.mark.parametrize("rooms", [("dev",), ("dev", "help"), ("help", "dev")])
@pytest.mark.parametrize("restarted", [False, True])
def test_who_resumes_is_not_shown_again_what_they_saw_in_another_room(
    world: World, rooms: tuple[str, ...], restarted: bool
) -> None:
    bob, alice = in_rooms(world, "bob", "dev", "help"), in_rooms(world, "alice", *rooms, client=JsonClient)
    world.settle()
    bob.command("nick", name="rob")
    assert seen(alice, "renamed bob") == ["lobby"]
    kept, secret = marks(alice), token(alice)
    alice.hang_up()
    bob.command("away", why="unseen")
    world.settle()
    if restarted:
        world = again(world, grace=GRACE)
    alice = back(world, secret, **kept)
    assert seen(alice, "renamed bob") == []
    assert seen(alice, "away rob") == ["lobby"]


@pytest.mark.parametrize("known", ["lobby", "dev"])
def test_who_resumes_with_the_position_of_one_room_only_misses_nothing_of_it(world: World, known: str) -> None:
    bob, alice = in_rooms(world, "bob", "dev"), in_rooms(world, "alice", "dev", client=JsonClient)
    world.settle()
    kept, secret = marks(alice), token(alice)
    alice.hang_up()
    bob.command("away", why="unseen")
    world.settle()
    alice = back(world, secret, **{known: kept[known]})
    assert seen(alice, "away bob") == [known]


def test_who_was_lost_before_they_joined_the_other_room_on_another_device_misses_nothing() -> None:
    world = World(room_creation=Right.CHAT, grace=GRACE)
    alice = world.register("alice", JsonClient)
    bob, other = in_rooms(world, "bob", "dev"), world.log_in("alice")
    bob.command("leave", room="lobby")
    bob.command("join", room="lobby")
    world.settle()
    kept, secret = marks(alice), token(alice)
    alice.hang_up()
    bob.command("away", why="unseen")
    world.settle()
    other.command("join", room="dev")
    world.settle()
    alice = back(world, secret, **kept)
    assert seen(alice, "away bob") == ["lobby"]


def test_a_stalled_guest_who_logs_in_misses_nothing_of_the_room_in_which_they_were() -> None:
    world = World(room_creation=Right.CHAT, presence_burst=1)
    alice = world.register("alice")
    alice.command("join", room="dev")
    world.after(5)
    alice.quit()
    world.after(5)
    bob = world.enter("bob")
    world.after(5)
    bob.command("join", room="dev")
    bob.command("leave", room="lobby")
    bob.command("join", room="lobby")
    world.after(5)
    guest = world.enter("guest")
    world.after(5)
    for somebody in ("x", "y"):  # whom the doors let through before
        one = world.connect()
        one.enter(somebody)
    world.settle()
    guest.login("alice", "correct horse")  # waits at the door of a room
    guest.stall()
    bob.line(f"#lobby {'x' * 300}")
    bob.command("away", why="unseen")
    world.after(10)
    guest.wake()
    assert len(seen(guest, "bob is away")) == 1
