"""Rooms that are closed, entered, left and come back to, all at once: nobody is where they may not be, nor is there twice."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from chatroom.names import room_name
from chatroom.rights import Right

from .again import again
from .chatting import PASSWORD, JsonClient, SlowStorage, World
from .test_moderation import FORMATS, Asking, Typing, do, entries, here, hush, log_in, news, refused, said, world_of

PASSING = 5.0
"""Seconds within which a door is passed by all who wait at it."""


@pytest.fixture(params=FORMATS)
def client(request: pytest.FixtureRequest) -> Any:
    return FORMATS[request.param]


def commit(world: World) -> None:
    """All that is under way comes through, one after the other."""
    storage: Any = world.storage
    world.settle()
    while storage.under_way:
        storage.commit()
        world.settle()
    storage.slow = False
    world.settle()


def slowly(world: World, *deeds: tuple[Any, str]) -> None:
    """These ask for something one after the other, and only then the first of it is committed."""
    storage: Any = world.storage
    storage.slow = True
    for person, asked in deeds:
        person.do(asked)
        world.settle()
    commit(world)


def close(*people: Any, room: str = "den") -> None:
    """They close it, all at once."""
    for person in people:
        person.do(f"close {room}")


def rooms_of(world: World, nick: str) -> list[str]:
    """The rooms in which somebody is, all of which there are, and know of them."""
    world.settle()
    (person,) = [person for person in world.chat.people.values() if person.name.shown == nick]
    for room in person.rooms:
        assert room in world.chat.rooms.values()
        assert person.id in room.members.nicks
    knowing = [room.name for room in world.chat.rooms.values() if person.id in room.members.nicks]
    assert sorted(knowing) == sorted(room.name for room in person.rooms)
    return [room.name for room in person.rooms]


def again_in(world: World, nick: str) -> list[str]:
    """The rooms in which an account is that has left and comes again."""
    world.settle()
    log_in(world, nick)
    return rooms_of(world, nick)


def lobbyist(world: World, nick: str, *rooms: str) -> Any:
    """An account that is in the lobby, and then in these rooms too; each time the doors are free again."""
    person = world.register(nick)
    for room in rooms:
        world.after(PASSING)
        person.do(f"join {room}")
    world.after(PASSING)
    news(person)
    return person


def at_the_door(world: World) -> tuple[Any, Any, Any]:
    """alice, whose the den is; bob, who waits at its door, past which xen just came; carol, in the lobby."""
    alice, bob, xen, carol = [lobbyist(world, nick) for nick in ("alice", "bob", "xen", "carol")]
    do(alice, "join den")
    world.after(PASSING)
    do(xen, "join den")
    hush(bob)
    bob.do("join den")
    world.after(0.1)
    return alice, bob, carol


def shown(person: Any) -> str:
    """All that somebody was shown since they came."""
    return str(person.text())


# Closed


def test_a_closed_room_is_not_come_back_to_though_another_one_has_its_name(client: Any) -> None:
    world = world_of(client)
    alice = lobbyist(world, "alice", "den")
    lobbyist(world, "bob", "den").quit()
    close(alice)
    world.settle()
    carol = lobbyist(world, "carol", "den")
    do(carol, "private on")
    said(carol, "a secret")
    bob = log_in(world, "bob")
    assert rooms_of(world, "bob") == ["lobby"]
    assert here(world) == ["carol"]
    assert "secret" not in shown(bob)
    world = again(world, grace=0)
    bob = log_in(world, "bob")
    assert rooms_of(world, "bob") == ["lobby"]
    assert "secret" not in shown(bob)


def test_who_closes_a_room_that_is_being_closed_is_not_put_off_the_server(client: Any) -> None:
    world = world_of(client)
    alice, root = lobbyist(world, "alice", "den"), lobbyist(world, "root", "den")
    close(alice, root)
    world.settle()
    assert (alice.gone, root.gone) == (False, False)
    assert "den" not in world.chat.rooms
    assert "went wrong" not in shown(alice) + shown(root)


def nobody_haunts(world: World, carol: Any, bob: Any) -> None:
    """bob, who was on his way into a room that was closed, was told so, and is not in the next one."""
    assert not bob.gone
    assert any(word in shown(bob) for word in ("! ", "refused", "closed"))
    assert "went wrong" not in shown(bob)
    do(carol, "join den")
    world.after(PASSING)
    assert here(world) == ["carol"]
    assert rooms_of(world, "bob") == ["lobby"]
    said(bob, "from the dead")
    assert "from the dead" not in [event.text for event in entries(world, "#den")]


def test_who_waited_at_the_door_of_a_room_that_is_closed_does_not_haunt_the_next() -> None:
    world = world_of(Typing, presence_burst=1)
    alice, bob, carol = at_the_door(world)
    close(alice)
    world.settle()
    world.after(PASSING)
    nobody_haunts(world, carol, bob)


def test_who_waited_at_the_door_may_be_in_the_next_room_by_right_only() -> None:
    world = world_of(Typing, presence_burst=1)
    alice, bob, carol = at_the_door(world)
    close(alice)
    do(carol, "join den")  # while bob still waits
    do(carol, "private on")
    do(carol, "ban bob")
    said(carol, "a secret")
    world.after(PASSING)
    assert here(world) == ["carol"]
    assert rooms_of(world, "bob") == ["lobby"]
    assert "secret" not in shown(bob)
    assert not bob.gone


def test_who_comes_back_while_one_of_their_rooms_is_closed_does_not_haunt_the_next() -> None:
    world = world_of(Typing, presence_burst=1)
    alice, bob = [lobbyist(world, nick, "den") for nick in ("alice", "bob")]
    carol, xen = lobbyist(world, "carol"), lobbyist(world, "xen")
    bob.quit()
    world.after(PASSING)
    do(xen, "join den")
    bob = log_in(world, "bob")
    world.after(0.2)
    close(alice)
    world.settle()
    world.after(PASSING)
    do(carol, "join den")
    world.after(PASSING)
    assert here(world) == ["carol"]
    assert rooms_of(world, "bob") == ["lobby"]
    assert "went wrong" not in shown(bob)


def test_who_is_on_their_way_into_a_room_that_is_closed_does_not_haunt_the_next(client: Any) -> None:
    world = world_of(client, storage=SlowStorage())
    alice, carol, bob = lobbyist(world, "alice", "den"), lobbyist(world, "carol"), lobbyist(world, "bob")
    world.storage.slow = True  # type: ignore[attr-defined]
    bob.do("join den")
    close(alice)  # while that is under way
    commit(world)
    nobody_haunts(world, carol, bob)


def test_a_room_that_was_closed_is_empty_though_the_server_was_killed_before_it_was_forgotten() -> None:
    storage = SlowStorage()
    world = world_of(Typing, storage=storage)
    alice = lobbyist(world, "alice", "den")
    do(alice, "topic the old one")
    said(alice, "old words")
    storage.erase = lambda log: Deferred()  # type: ignore[method-assign]
    close(alice)
    world.settle()
    for start, words in enumerate(("first", "second")):
        world = again(world, rooms=[room_name("lobby"), room_name("den")], grace=0)
        bob = world.enter(f"bob-{'ab'[start]}")
        do(bob, "join den")
        assert world.chat.rooms["den"].rules.topic == ""
        assert world.chat.rooms["den"].rules.roles == {}
        assert "old" not in shown(bob)
        assert ("first" in shown(bob)) == bool(start)  # what was said since is there
        said(bob, words)
    assert not [event for event in entries(world, "#den") if "old" in event.text]


# Always there


def test_the_entrance_is_not_closed_though_it_only_looks_like_it() -> None:
    world = world_of(Typing, rooms=[room_name("main")])
    lobbyist(world, "alice", "Iobby")  # with a capital i
    world = again(world, rooms=[room_name("lobby")], grace=0)
    assert world.chat.entrance.name == "Iobby"
    alice = log_in(world, "alice")
    hush(alice)
    close(alice, room="Iobby")
    assert "! #Iobby is one that always exists" in news(alice)
    world.connect().enter("eve")
    assert rooms_of(world, "eve") == ["Iobby"]


def test_a_private_entrance_is_entered_by_invitation_only(client: Any) -> None:
    world = world_of(client)
    root = lobbyist(world, "root")
    do(root, "private on")
    said(root, "a secret")
    eve, carol = world.connect(), world.connect()
    for person, nick in ((eve, "eve"), (carol, "carol")):
        person.enter(nick)
        assert rooms_of(world, nick) == []
        assert "secret" not in shown(person)
    carol.register(PASSWORD)
    carol.quit()
    world.settle()
    carol = log_in(world, "carol")
    assert rooms_of(world, "carol") == []
    assert "secret" not in shown(carol)
    assert here(world, "lobby") == ["root"]
    assert said(eve, "hi").startswith("! you ")
    do(root, "invite eve")
    do(eve, "join lobby")
    assert rooms_of(world, "eve") == ["lobby"]


# Doors


def test_who_was_banned_while_they_waited_at_the_door_is_shown_nothing_of_the_room() -> None:
    world = world_of(Typing, presence_burst=1)
    alice, bob, _ = at_the_door(world)
    do(alice, "ban bob")
    said(alice, "a secret")
    world.after(PASSING)
    assert here(world) == ["alice", "xen"]
    assert rooms_of(world, "bob") == ["lobby"]
    assert "! you are banned from #den: bob, by alice, for good" in news(bob)
    assert "secret" not in shown(bob)
    assert "bob joined" not in " ".join(line for line in shown(alice).splitlines() if "#den" in line)


def test_who_waited_at_the_door_of_a_room_that_became_private_is_not_let_in() -> None:
    world = world_of(Typing, presence_burst=1)
    alice, bob, _ = at_the_door(world)
    do(alice, "private on")
    said(alice, "a secret")
    world.after(PASSING)
    assert here(world) == ["alice", "xen"]
    assert "! #den is entered by invitation only" in news(bob)
    assert "secret" not in shown(bob)


def test_who_was_banned_while_they_came_back_is_shown_nothing_of_the_room() -> None:
    world = world_of(Typing, presence_burst=1)
    alice = lobbyist(world, "alice", "den")
    lobbyist(world, "bob", "den").quit()
    world.after(PASSING)
    world.connect().enter("xen")
    bob = log_in(world, "bob")  # waits at the door of the lobby
    world.after(0.1)
    do(alice, "ban bob")
    said(alice, "a secret")
    world.after(PASSING)
    assert rooms_of(world, "bob") == ["lobby"]
    assert "secret" not in shown(bob)
    assert any("you are banned from #den" in line for line in news(bob))


def test_guests_who_waited_at_the_door_of_a_server_in_lockdown_are_not_let_in() -> None:
    world = world_of(Typing, presence_burst=1)
    root = lobbyist(world, "root")
    world.connect().enter("bill")
    cyd = world.connect()
    cyd.enter("cyd")  # waits, until bill's coming has been told of
    world.after(0.1)
    do(root, "server lockdown on")
    world.after(PASSING)
    assert here(world, "lobby") == ["root", "bill"]
    assert any(line.startswith("! only accounts may enter this server") for line in news(cyd))
    assert "cyd joined" not in shown(root)


def test_a_stranger_is_told_to_log_in_while_only_accounts_may_enter() -> None:
    world = world_of(Typing)
    do(lobbyist(world, "root"), "server lockdown on")
    eve = world.connect()
    eve.enter("eve")
    (line,) = [line for line in news(eve) if line.startswith("! ")]
    assert "/login" in line
    assert "/register" not in line


def test_who_may_not_open_rooms_cannot_tell_a_private_room_from_none(client: Any) -> None:
    world = world_of(client)
    do(lobbyist(world, "alice", "layoffs"), "private on")
    eve = world.enter("eve")
    told = [refused(eve, f"join {room}").replace(room, "ROOM") for room in ("layoffs", "layups", "Iayoffs", "LAYOFFS")]
    assert told == told[:1] * 4


# At hello, and after it


def test_no_more_rooms_are_entered_by_hello_than_one_can_be_in() -> None:
    names = [room_name(f"r{number}") for number in range(8)]
    world = world_of(Asking, rooms=names, rooms_at_once=3)
    alice = world.register("alice")
    for name in names[1:3]:
        do(alice, f"join {name.shown}")
    alice.quit()
    world.settle()
    asking: dict[str, dict[str, str]] = {name.shown: {} for name in names[3:6]}
    for fields in ({"nick": "alice", "password": PASSWORD}, {"nick": "guest"}):
        program = world.connect()
        program.ask("hello", **fields, rooms=asking)
        world.settle()
        answer = program.told()[0]
        if "refused" in answer:
            assert answer["refused"]["code"] == "too_many_rooms"
        assert all(len(person.rooms) <= 3 for person in world.chat.people.values())
        program.quit()
    guest = world.enter("gus")
    do(guest, "join r4")
    guest.login("alice", PASSWORD)
    world.settle()
    assert all(len(person.rooms) <= 3 for person in world.chat.people.values())


def test_rooms_entered_by_hello_or_as_a_guest_are_come_back_to() -> None:
    world = world_of(JsonClient, room_creation=Right.CHAT, rooms=[room_name(name) for name in ("lobby", "games")])
    world.register("alice").quit()
    world.settle()
    program = world.connect()
    program.ask("hello", nick="alice", password=PASSWORD, rooms={"games": {}})
    assert "games" in rooms_of(world, "alice")
    program.quit()
    assert "games" in again_in(world, "alice")
    guest = world.enter("gus")
    guest.ask("join", room="dev")
    guest.register(PASSWORD)
    guest.quit()
    assert "dev" in again_in(world, "gus")
    guest = world.enter("guest")
    guest.ask("join", room="zoo")
    world.register("zoe").quit()
    guest.login("zoe", PASSWORD)
    assert "zoo" in rooms_of(world, "zoe")
    guest.quit()
    assert "zoo" in again_in(world, "zoe")


def test_who_comes_back_talks_in_the_room_that_they_joined_last(client: Any) -> None:
    world = world_of(client)
    lobbyist(world, "alice", "den").quit()
    for start in range(2):
        bob = world.enter("bob")
        alice = log_in(world, "alice")
        said(alice, f"to the den {start}")
        assert "to the den" not in shown(bob)
        assert f"to the den {start}" in [event.text for event in entries(world, "#den")]
        world = again(world, grace=0)
