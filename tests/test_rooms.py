"""Rooms are entered, left and looked at; people talk in the one that they chose, and are told which each line is of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chatroom.rights import Right

from .chatting import Client, JsonClient, TextClient, World

FORMATS = [TextClient, JsonClient]

ANYBODY: dict[str, Any] = {"room_creation": Right.CHAT}
"""Guests open rooms too."""


@pytest.fixture
def world() -> World:
    return World(**ANYBODY)


def new(client: TextClient) -> list[str]:
    """The lines that came since this was asked last."""
    lines = client.lines()
    seen = getattr(client, "seen", 0)
    client.seen = len(lines)  # type: ignore[attr-defined]
    return lines[seen:]


def in_rooms(world: World, nick: str, *rooms: str, client: type[Any] = TextClient) -> Any:
    """Somebody who is in the lobby and in these rooms, and talks in the last."""
    somebody = world.enter(nick, client)
    for room in rooms:
        somebody.command("join", room=room)
    world.settle()
    if client is TextClient:
        new(somebody)
    return somebody


def said_in(world: World, room: str) -> list[str]:
    world.settle()
    memory: Any = world.storage
    return [entry.event.text for entry in memory._logs.get(f"#{room}", ()) if entry.event.text]


def last(client: JsonClient) -> dict[str, Any]:
    return client.told()[-1]


def code(client: JsonClient) -> str:
    refused: dict[str, Any] = last(client)["refused"]
    return str(refused["code"])


# Entering and leaving


def test_who_joins_is_told_who_is_there_and_they_see_it(world: World) -> None:
    alice, bob = in_rooms(world, "alice", "dev"), in_rooms(world, "bob")
    bob.line("/join dev")
    assert new(bob) == ["* You are in #dev with alice. What you say goes there now; /room changes that."]
    assert new(alice) == ["#lobby * bob joined", "#dev * bob joined"]


def test_a_program_is_told_where_the_room_begins_for_it(world: World) -> None:
    alice = in_rooms(world, "alice", "dev", client=JsonClient)
    bob = world.enter("bob", JsonClient)
    bob.ask("join", "j1", room="dev")
    answer = last(bob)
    assert answer == {"answer": "join", "room": "dev", "others": ["alice"], "position": answer["position"], "id": "j1"}
    alice.ask("say", room="dev", text="hello")
    assert int(last(bob)["position"]) > int(answer["position"])
    assert [one["nick"] for one in alice.told() if one.get("event") == "joined" and one["room"] == "dev"] == ["bob"]


def test_who_leaves_a_room_talks_in_the_one_that_they_joined_last_of_the_others(world: World) -> None:
    alice = in_rooms(world, "alice", "dev", "help")
    alice.line("/leave")
    assert new(alice) == ["#help * alice left", "* what you say goes to #dev now"]
    alice.line("/leave lobby with a reason")
    assert new(alice) == ["#lobby * alice left (with a reason)", "* what you say goes to #dev now"]
    alice.line("/leave #DEV")
    assert new(alice) == ["* alice left", "* you are in no room; /join ROOM enters one"]


@pytest.mark.parametrize("client", FORMATS)
def test_who_stayed_sees_why_somebody_left(world: World, client: type[Client]) -> None:
    alice, bob = world.enter("alice"), world.enter("bob", client)
    bob.command("leave", room="lobby", why="lunch")
    assert alice.heard("left") == [("left", "bob", "lunch")]
    assert [*world.chat.entrance.members.nicks.values()] == ["alice"]


def test_in_no_room_one_is_told_so_and_may_ask_for_all_else(world: World) -> None:
    alice, bob = in_rooms(world, "alice"), in_rooms(world, "bob")
    alice.line("/leave")
    new(alice)
    nowhere = "! you are in no room; /join ROOM enters one, /rooms lists them"
    for line in ("hello", "/me waves", "/who", "/history", "/topic", "/room", "/leave"):
        alice.line(line)
        assert new(alice) == [nowhere]
    alice.line("#lobby hello")
    assert new(alice) == ["! you are not in #lobby; /join ROOM enters a room"]
    bob.line("hello")
    bob.line("/msg alice still there?")
    assert new(alice) == ["bob -> you: still there?"]
    alice.line("/search hello")
    alice.line("/rooms")
    alice.line("/join lobby")
    alice.line("back")
    assert new(alice) == [
        "* nothing was found", "* #lobby: 1 person", "[2026-11-20 09:12] bob: hello", "* You are in #lobby with bob.",
    ]  # fmt: skip
    assert "alice: back" in new(bob)


def test_a_program_in_no_room_is_told_so_too(world: World) -> None:
    alice = world.enter("alice", JsonClient)
    alice.ask("leave")
    assert last(alice)["answer"] == "leave"
    alice.say("hello")
    assert code(alice) == "not_in_room"
    alice.ask("say", room="lobby", text="hello")
    assert code(alice) == "not_in_room"
    assert said_in(world, "lobby") == []


def test_joining_again_is_to_talk_there(world: World) -> None:
    alice = in_rooms(world, "alice", "dev")
    alice.line("/join lobby")
    alice.line("hello")
    assert new(alice) == ["* what you say goes to #lobby now"]
    assert said_in(world, "lobby") == ["hello"]
    assert len(world.chat.rooms["dev"].members.nicks) == 1


def test_who_comes_back_into_a_room_is_shown_what_was_said_meanwhile_as_history(world: World) -> None:
    alice, bob = in_rooms(world, "alice", "dev"), in_rooms(world, "bob", "dev")
    alice.line("/leave dev")
    bob.line("you missed this")
    new(bob)
    new(alice)
    alice.line("/join dev")
    recalled, you_are = new(alice)
    assert recalled == "[2026-11-20 09:12] #dev bob: you missed this"
    assert you_are.startswith("* You are in #dev with bob.")


def test_a_program_asks_for_as_much_history_as_it_wants(world: World) -> None:
    alice, bob = in_rooms(world, "alice", "dev"), world.enter("bob", JsonClient)
    for word in ("one", "two", "three"):
        alice.line(word)
    bob.ask("join", room="dev", history=2)
    told = bob.told()[-3:]
    assert "answer" in told[0]
    assert [(one["text"], one["room"], one["history"]) for one in told[1:]] == [
        ("two", "dev", True),
        ("three", "dev", True),
    ]


def test_the_topic_is_shown_to_who_joins_and_who_comes_in(world: World) -> None:
    alice = world.register("alice")
    alice.line("/join dev")
    alice.line("/topic release on Friday")
    world.settle()
    bob, carol = in_rooms(world, "bob"), world.enter("carol", JsonClient)
    bob.line("/join dev")
    assert new(bob)[-1] == "* Topic of #dev: release on Friday"
    carol.ask("join", room="dev")
    assert last(carol)["topic"] == "release on Friday"
    bob.line("/room")
    assert new(bob)[-2:] == ["* what you say goes to #dev", "* topic: release on Friday"]
    other = world.log_in("alice")
    assert "* Topic of #dev: release on Friday" in other.lines()


# Talking


def test_talk_goes_to_the_room_last_joined_or_chosen(world: World) -> None:
    alice = in_rooms(world, "alice", "dev", "help")
    alice.line("in help")
    alice.line("/room DEV")
    alice.line("in dev")
    alice.line("/me is in dev")
    assert new(alice) == ["* what you say goes to #dev"]
    assert said_in(world, "help") == ["in help"]
    assert said_in(world, "dev") == ["in dev", "is in dev"]
    alice.line("/room nowhere")
    assert new(alice) == ["! you are not in #nowhere; /join ROOM enters a room"]
    alice.line("still in dev")
    assert said_in(world, "dev")[-1] == "still in dev"


def test_a_line_that_begins_with_a_room_is_said_there_once(world: World) -> None:
    alice, bob = in_rooms(world, "alice", "dev"), in_rooms(world, "bob", "dev")
    for line in ("#lobby hello", "#LOBBY  two spaces", "#lobby /me waves", "#lobby //not a command", "here again"):
        alice.line(line)
    assert said_in(world, "lobby") == ["hello", " two spaces", "waves", "/not a command"]
    assert said_in(world, "dev") == ["here again"]
    assert new(bob) == [
        "#lobby alice: hello", "#lobby alice:  two spaces", "#lobby * alice waves", "#lobby alice: /not a command",
        "#dev alice: here again",
    ]  # fmt: skip


def test_what_only_begins_like_a_room_is_said_as_it_is(world: World) -> None:
    alice = in_rooms(world, "alice")
    lines = ["#1 in the list", "## heading", "#", "# heading", "#dev", "#dev "]
    for line in lines:
        alice.line(line)
    world.settle()
    assert [line.strip() for line in said_in(world, "lobby")] == [line.strip() for line in lines]
    assert new(alice) == []


def test_who_is_not_in_the_room_that_a_line_begins_with_is_told_so_and_nothing_is_said(world: World) -> None:
    in_rooms(world, "bob", "dev")
    alice = in_rooms(world, "alice")
    for room in ("dev", "nowhere"):
        alice.line(f"#{room} hello")
        assert new(alice) == [f"! you are not in #{room}; /join ROOM enters a room"]
    alice.line("#lobby /who")
    assert new(alice) == ["! after #lobby stands what is to be said; /room lobby talks there from now on"]
    assert said_in(world, "lobby") == said_in(world, "dev") == []


@pytest.mark.parametrize("client", FORMATS)
def test_type_ahead_is_done_in_order(world: World, client: type[Any]) -> None:
    bob = in_rooms(world, "bob", "dev")
    alice = in_rooms(world, "alice", client=client)
    if client is TextClient:
        alice.send(b"/join dev\nhello\n#lobby x\n/leave\nagain\n/rooms\n")
        assert new(alice) == [
            "* You are in #dev with bob. What you say goes there now; /room changes that.",
            "#dev * alice left", "* what you say goes to #lobby now", "* #lobby: 2 people, you too", "* #dev: 1 person",
        ]  # fmt: skip
    else:
        asked = [
            {"join": {"room": "dev"}}, {"say": {"text": "hello"}}, {"say": {"text": "x", "room": "lobby"}}, {"leave": {}},
            {"say": {"text": "again"}}, {"rooms": {}},
        ]  # fmt: skip
        alice.send("".join(f"{json.dumps(one)}\n" for one in asked).encode())
        assert [one.get("answer", one.get("event")) for one in alice.told()[-6:]] == [
            "join", "said", "said", "parted", "leave", "said", "rooms",
        ][-6:]  # fmt: skip
    assert said_in(world, "dev") == ["hello"]
    assert said_in(world, "lobby") == ["x", "again"]
    assert [line for line in new(bob) if "alice" in line] == [
        "#lobby * alice joined", "#dev * alice joined", "#dev alice: hello", "#lobby alice: x", "#dev * alice left",
        "#lobby alice: again",
    ]  # fmt: skip


# Which room each line is of


def test_who_is_in_one_room_is_not_told_which_and_who_is_in_several_is(world: World) -> None:
    alice, bob = in_rooms(world, "alice"), in_rooms(world, "bob")
    bob.line("one")
    alice.line("/join dev")
    world.settle()
    bob.line("two")
    bob.line("/me waves")
    alice.line("/leave dev")
    world.settle()
    bob.line("three")
    assert [line for line in new(alice) if "bob" in line] == [
        "* bob joined", "bob: one", "#lobby bob: two", "#lobby * bob waves", "bob: three",
    ]  # fmt: skip


def test_each_line_of_several_is_told_with_its_room(world: World) -> None:
    alice, bob = in_rooms(world, "alice", "dev"), world.enter("bob", JsonClient)
    bob.say("one\ntwo")
    bob.ask("me", text="three\nfour")
    assert [line for line in new(alice) if "joined" not in line] == [
        "#lobby bob: one", "#lobby bob: two", "#lobby * bob three", "#lobby * bob four",
    ]  # fmt: skip


def test_joins_that_are_told_in_one_line_are_told_with_their_room(world: World) -> None:
    alice = in_rooms(world, "alice", "dev")
    for nick in ("bob", "carol", "dave"):
        world.connect().enter(nick)
    world.settle()
    assert new(alice) == ["#lobby * bob, carol and dave joined"]


def test_history_is_told_with_its_room_to_who_is_in_several_and_else_without(world: World) -> None:
    alice = in_rooms(world, "alice")
    alice.line("in the lobby")
    alice.line("/history")
    assert new(alice) == ["[2026-11-20 09:12] alice: in the lobby"]
    alice.line("/join dev")
    alice.line("in dev")
    new(alice)
    alice.line("/history")
    alice.line("/room lobby")
    alice.line("/history")
    assert new(alice) == [
        "[2026-11-20 09:12] #dev alice: in dev", "* what you say goes to #lobby",
        "[2026-11-20 09:12] #lobby alice: in the lobby",
    ]  # fmt: skip


def test_each_event_of_a_program_has_its_room(world: World) -> None:
    alice, bob = in_rooms(world, "alice", "dev", client=JsonClient), in_rooms(world, "bob", "dev")
    bob.line("in dev")
    bob.line("#lobby in the lobby")
    told = [(one["room"], one["text"]) for one in alice.told() if one.get("event") == "said"]
    assert told == [("dev", "in dev"), ("lobby", "in the lobby")]


# Looking around


def test_rooms_shows_names_people_and_topics_the_fullest_first(world: World) -> None:
    alice = world.register("alice")
    for room in ("dev", "help"):
        alice.line(f"/join {room}")
    alice.line("/topic ask anything")
    alice.line("/leave lobby")
    bob, carol = in_rooms(world, "bob", "dev"), world.enter("carol", JsonClient)
    bob.line("/rooms")
    assert new(bob)[-3:] == [
        "* #dev: 2 people, you too",
        "* #lobby: 2 people, you too",
        "* #help: 1 person: ask anything",
    ]
    carol.ask("rooms")
    assert last(carol)["rooms"] == [
        {"room": "dev", "people": 2, "topic": ""},
        {"room": "lobby", "people": 2, "topic": ""},
        {"room": "help", "people": 1, "topic": "ask anything"},
    ]


def test_a_room_that_everybody_left_stays(world: World) -> None:
    alice = in_rooms(world, "alice", "dev")
    alice.line("/leave dev")
    new(alice)
    alice.line("/rooms")
    assert new(alice) == ["* #lobby: 1 person, you too", "* #dev: nobody"]
