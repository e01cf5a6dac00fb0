"""Who opens rooms and how many, and private rooms: who was not invited cannot tell them from rooms that are not there."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chatroom.names import nickname
from chatroom.rights import Right

from .again import again
from .chatting import JsonClient, TextClient, World
from .test_resume import token
from .test_rooms import code, in_rooms, last, new, said_in

FORMATS = [TextClient, JsonClient]

OWNER: dict[str, Any] = {"registrations_an_hour": 0, "operators": (nickname("root"),)}


def refused(client: Any) -> str:
    """How the last request was refused: the code for programs, the words for people; empty when it was not."""
    if isinstance(client, JsonClient):
        return str(last(client).get("refused", {}).get("code", ""))
    line = client.lines()[-1]
    return line[2:] if line.startswith("! ") else ""


def private(world: World) -> Any:
    """The owner of #secret, a private room in which something was said."""
    owner = world.register("owner")
    owner.line("/join secret")
    owner.line("/private on")
    owner.line("/topic the takeover")
    owner.line("xyzzy")
    world.settle()
    return owner


# Who opens rooms


@pytest.mark.parametrize(
    ("creation", "openers"),
    [(Right.CHAT, ["guest", "alice", "root"]), (Right.OWN, ["alice", "root"]), (Right.OPERATE, ["root"])],
)
@pytest.mark.parametrize("client", FORMATS)
def test_rooms_are_opened_by_who_may_and_all_join_them_then(
    creation: Right, openers: list[str], client: type[Any]
) -> None:
    world = World(client, room_creation=creation, **OWNER)
    people = {"guest": world.enter("guest"), "alice": world.register("alice"), "root": world.register("root")}
    for nick, person in people.items():
        person.command("join", room=f"of-{nick}")
        world.settle()
        assert (f"of-{nick}" in world.chat.rooms) is (nick in openers)
        if nick not in openers:
            assert refused(person).startswith(
                "no_room" if client is JsonClient else f"there is no room #of-{nick}, and"
            )
    people["guest"].command("join", room=f"of-{openers[-1]}")
    world.settle()
    assert "guest" in world.chat.rooms[f"of-{openers[-1]}"].members.nicks.values()


@pytest.mark.parametrize("client", FORMATS)
def test_one_account_opens_so_many_rooms_and_they_count_after_a_restart(client: type[Any]) -> None:
    world = World(client, rooms_of_one=2, **OWNER)
    alice = world.register("alice")
    for room in ("one", "two"):
        alice.command("join", room=room)
        alice.command("leave", room=room)
    alice.command("join", room="three")
    world.settle()
    assert refused(alice) in ("too_many_rooms", "you opened 2 rooms already, the most for one")
    world = again(world, rooms_of_one=2, **OWNER)
    alice = world.log_in("alice")
    alice.command("join", room="three")
    world.settle()
    assert refused(alice)
    bob = world.register("bob")
    bob.command("join", room="three")
    world.settle()
    assert [*world.chat.rooms] == ["lobby", "one", "two", "three"]


@pytest.mark.parametrize("client", FORMATS)
def test_one_is_in_so_many_rooms_at_once(client: type[Any]) -> None:
    world = World(client, rooms_at_once=2, room_creation=Right.CHAT)
    alice = world.enter("alice")
    alice.command("join", room="dev")
    alice.command("join", room="help")
    world.settle()
    assert refused(alice) in ("too_many_rooms", "you are in 2 rooms, the most there can be; /leave one of them")
    alice.command("join", room="lobby")  # where they are already
    world.settle()
    assert not refused(alice)
    alice.command("leave", room="dev")
    alice.command("join", room="help")
    world.settle()
    assert "alice" in world.chat.rooms["help"].members.nicks.values()


def test_a_program_that_says_hello_with_more_rooms_than_one_may_be_in_is_refused() -> None:
    world = World(JsonClient, rooms_at_once=2)
    bot = world.connect()
    bot.ask("hello", nick="bot", rooms={f"room{number}": {} for number in range(3)})
    assert code(bot) == "too_many_rooms"


@pytest.mark.parametrize("client", FORMATS)
def test_the_server_has_so_many_rooms_in_all(client: type[Any]) -> None:
    world = World(client, rooms_in_all=2, room_creation=Right.CHAT)
    alice, bob = world.enter("alice"), world.enter("bob")
    alice.command("join", room="dev")
    bob.command("join", room="help")
    world.settle()
    assert refused(bob) in ("too_many_rooms", "the server has 2 rooms, the most it takes")
    bob.command("join", room="dev")
    world.settle()
    assert [*world.chat.rooms] == ["lobby", "dev"]
    assert len(world.chat.rooms["dev"].members.nicks) == 2


def test_of_two_who_open_a_room_at_the_same_moment_both_are_in_it_and_the_first_owns_it() -> None:
    world = World(**OWNER)
    alice, bob = world.register("alice"), world.register("bob")
    alice.line("/join dev")
    bob.line("/join DEV")
    alice.line("/topic mine")
    bob.line("/topic no, mine")
    world.settle()
    (dev,) = [room for room in world.chat.rooms.values() if room.name != "lobby"]
    assert sorted(dev.members.nicks.values()) == ["alice", "bob"]
    assert dev.rules.topic == "mine"


# Private rooms

ASKED: dict[str, dict[str, Any]] = {
    "say": {"text": "hello"}, "me": {"text": "waves"}, "who": {}, "history": {}, "topic": {}, "room": {}, "leave": {},
    "report": {"nick": "owner", "why": "x"}, "delete": {}, "edit": {"text": "x"}, "kick": {"nick": "owner"},
    "invite": {"nick": "owner"}, "private": {"on": True}, "bans": {}, "audit": {},
}  # fmt: skip


@pytest.mark.parametrize("asked", ASKED)
def test_a_program_is_refused_the_same_for_a_private_room_and_for_none(asked: str) -> None:
    world = World(**OWNER)
    private(world)
    bot = world.enter("bot", JsonClient)
    answers = []
    for room in ("secret", "nowhere"):
        bot.ask(asked, room=room, **ASKED[asked])
        answers.append(str(last(bot)).replace(room, "ROOM"))
    assert answers[0] == answers[1]
    assert "refused" in last(bot)


@pytest.mark.parametrize(
    "line", ["#{} hello", "#{} /me waves", "/room {}", "/leave {}", "/search xyzzy in:{}", "/audit {}"]
)
def test_a_person_is_refused_the_same_for_a_private_room_and_for_none(line: str) -> None:
    world = World(**OWNER)
    private(world)
    guest = in_rooms(world, "guest")
    answers = []
    for room in ("secret", "nowhere"):
        guest.line(line.format(room))
        answers.append("\n".join(new(guest)).replace(room, "ROOM"))
    assert answers[0] == answers[1]
    assert answers[0].startswith("! ")


@pytest.mark.parametrize("after", [None, "0", "1", "999"])
def test_who_says_hello_with_a_private_room_is_refused_as_with_none(after: str | None) -> None:
    world = World(**OWNER)
    private(world)
    wanted = {} if after is None else {"after": after}
    answers = []
    for room in ("secret", "nowhere"):
        bot = world.connect(client=JsonClient)
        bot.ask("hello", nick="bot", rooms={room: wanted})
        answers.append(str(last(bot)).replace(room, "ROOM"))
    assert answers[0] == answers[1]
    assert "no_room" in answers[0]


def test_who_comes_back_with_a_private_room_in_which_they_are_not_is_told_nothing_of_it() -> None:
    world = World(grace=30, **OWNER)
    private(world)
    bot = world.enter("bot", JsonClient)
    secret = token(bot)
    bot.hang_up()
    bot = world.connect(client=JsonClient)
    bot.ask("hello", resume=secret, rooms={"secret": {"after": "0"}, "nowhere": {"after": "0"}})
    assert "xyzzy" not in bot.text()
    assert "secret" not in bot.text()


@pytest.mark.parametrize("client", FORMATS)
def test_no_count_list_or_search_tells_of_a_private_room(client: type[Any]) -> None:
    world = World(**OWNER)
    private(world)
    guest = world.enter("guest", client)
    for name, fields in (
        ("rooms", {}), ("search", {"words": "xyzzy"}), ("search", {"words": "takeover"}), ("export", {}),
        ("whois", {"nick": "owner"}), ("who", {}), ("help", {}), ("history", {}), ("inbox", {}),
    ):  # fmt: skip
        guest.command(name, **fields)
    world.settle()
    assert not re.search("secret|takeover|xyzzy: ", guest.text().replace('"words":"xyzzy"', ""))


def test_what_is_done_in_all_rooms_does_not_tell_the_names_of_private_ones() -> None:
    world = World(**OWNER)
    owner = private(world)
    bot = world.enter("bot", JsonClient)
    owner.line("/away lunch")
    owner.quit()
    assert [one["event"] for one in bot.told()[-2:]] == ["away", "left"]
    assert "secret" not in bot.text()


@pytest.mark.parametrize("client", FORMATS)
def test_a_private_room_is_entered_by_invitation_only_and_that_lasts(client: type[Any]) -> None:
    world = World(**OWNER)
    owner, alice, bob = private(world), world.register("alice", client), world.enter("bob", client)
    owner.line("/invite alice")
    world.settle()
    assert "secret" in alice.text()
    assert "secret" not in bob.text()
    for person in (alice, bob):
        person.command("join", room="secret")
    world.settle()
    room = world.chat.rooms["secret"]
    assert [*room.members.nicks.values()] == ["owner", "alice"]
    alice.quit()
    world.settle()
    world = again(world, **OWNER)
    alice = world.log_in("alice")
    world.settle()
    assert [*world.chat.rooms["secret"].members.nicks.values()] == ["alice"]
    assert said_in(world, "secret")


@pytest.mark.parametrize("client", FORMATS)
def test_who_is_not_invited_cannot_open_a_room_of_that_name_nor_one_that_looks_like_it(client: type[Any]) -> None:
    world = World(room_creation=Right.CHAT, **OWNER)
    private(world)
    guest = world.enter("guest", client)
    for name in ("secret", "SECRET", "sеcret"):
        guest.command("join", room=name)
        world.settle()
        assert refused(guest)
    assert [*world.chat.rooms] == ["lobby", "secret"]
    assert "xyzzy" not in guest.text()


def test_who_is_inside_sees_that_it_is_private() -> None:
    world = World(**OWNER)
    owner = private(world)
    new(owner)
    owner.line("/rooms")
    assert "* #secret: 1 person, you too, private: the takeover" in new(owner)


def test_who_was_in_the_room_when_it_became_private_stays_and_who_leaves_comes_back_only_by_invitation() -> None:
    world = World(**OWNER)
    owner, alice = world.register("owner"), in_rooms(world, "alice")
    owner.line("/join dev")
    world.settle()
    alice.line("/join dev")
    world.settle()
    owner.line("/private on")
    alice.line("still here")
    assert said_in(world, "dev")[-1] == "still here"
    alice.line("/leave dev")
    alice.line("/join dev")
    world.settle()
    assert [*world.chat.rooms["dev"].members.nicks.values()] == ["owner"]
    assert new(alice)[-1].startswith("! ")
