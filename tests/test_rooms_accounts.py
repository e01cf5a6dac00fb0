"""Who has an account returns to their rooms, on whatever device and after whatever end of the server; a guest who comes back
in time too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred

from chatroom.rights import Right
from chatroom.storage.memory import MemoryStorage

from .again import again
from .chatting import CLIENTS, PASSWORD, Client, JsonClient, TextClient, World
from .test_resume import Disk, DiskWorld, token, welcome
from .test_rooms import in_rooms, new

GRACE = 30.0

FORMATS = [TextClient, JsonClient]

SETTINGS: dict[str, Any] = {"room_creation": Right.CHAT, "grace": GRACE, "registrations_an_hour": 0}


class Servers:
    """One after the other, on one storage."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._starts = 1
        self.world = self._on_disk() if path else World(**SETTINGS)

    def _on_disk(self) -> World:
        return DiskWorld(storage=Disk(self._path), stamp=f"n{self._starts}.", **SETTINGS)  # type: ignore[arg-type]

    def stop(self) -> World:
        """As SIGTERM does, and start again."""
        ensureDeferred(self.world.chat.stop("back soon"))
        self.world.settle()
        return self.kill()

    def kill(self) -> World:
        """As SIGKILL does, and start again."""
        self._starts += 1
        if self._path is None:
            self.world = again(self.world, **SETTINGS)
        else:
            self.world.storage.close()
            self.world = self._on_disk()
        return self.world


@pytest.fixture(params=["memory", "sqlite"])
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Servers]:
    servers = Servers(tmp_path / "chat.db" if request.param == "sqlite" else None)
    yield servers
    servers.world.storage.close()


@pytest.fixture
def world() -> World:
    return World(**SETTINGS)


def registered(world: World, nick: str, *rooms: str, client: type[Client] = TextClient) -> Any:
    """An account who is in the lobby and in these rooms."""
    somebody = world.register(nick, client)
    for room in rooms:
        somebody.command("join", room=room)
    world.settle()
    return somebody


def rooms_of(world: World, nick: str) -> list[str]:
    world.settle()
    return [room.name for person in world.chat.people.values() if person.name.shown == nick for room in person.rooms]


def coming(world: World, nick: str) -> str:
    """The line that tells where somebody is who logs in with telnet."""
    somebody = world.connect()
    somebody.login(nick, PASSWORD)
    (line,) = [line for line in somebody.lines() if line.startswith("* You are")]
    return str(line)


# Returning


ENDS: list[Callable[[Servers], World]] = [Servers.stop, Servers.kill]


@pytest.mark.parametrize("end", ENDS)
def test_an_account_returns_to_its_rooms_after_the_server_ended(
    servers: Servers, end: Callable[[Servers], World]
) -> None:
    registered(servers.world, "alice", "dev", "help").command("leave", room="lobby")
    servers.world.settle()
    world = end(servers)
    assert coming(world, "alice").startswith(
        "* You are alice, in #help alone, in #dev alone; what you say goes to #help."
    )
    assert rooms_of(world, "alice") == ["dev", "help"]


@pytest.mark.parametrize("end", ENDS)
def test_rooms_topics_owners_and_what_was_said_outlast_the_server(
    servers: Servers, end: Callable[[Servers], World]
) -> None:
    alice = registered(servers.world, "alice", "Dev")
    alice.command("topic", text="release on Friday")
    alice.say("hello")
    servers.world.settle()
    world = end(servers)
    bob = world.enter("bob")
    bob.line("/rooms")
    assert "* #Dev: nobody: release on Friday" in bob.lines()
    bob.line("/join dev")
    assert [line for line in bob.lines() if "alice: hello" in line]
    bob.line("/topic mine")
    assert bob.lines()[-1] == "! only moderators of the room may do that"
    alice = world.log_in("alice")
    alice.line("/room dev")
    alice.line("/topic still mine")
    assert bob.lines()[-1] == "#Dev * alice set the topic: still mine"


def test_an_account_returns_after_it_left_whatever_the_format(world: World) -> None:
    registered(world, "alice", "dev").quit()
    world.settle()
    program = world.log_in("alice", JsonClient)
    assert [*welcome(program)["rooms"]] == ["dev", "lobby"]
    assert welcome(program)["room"] == "dev"
    program.ask("join", room="help")
    program.quit()
    world.settle()
    assert "in #help alone, in #lobby alone, in #dev alone" in coming(world, "alice")


def test_an_account_that_left_all_rooms_is_not_lost(world: World) -> None:
    alice = registered(world, "alice")
    alice.line("/leave")
    alice.quit()
    world.settle()
    assert coming(world, "alice").startswith("* You are alice, alone in #lobby.")


def test_an_account_does_not_return_into_a_room_that_it_was_put_out_of(world: World) -> None:
    owner, alice = registered(world, "owner", "dev"), registered(world, "alice", "dev")
    owner.line("/kick alice enough")
    alice.quit()
    world.settle()
    assert coming(world, "alice").startswith("* You are alice, in #lobby with owner.")


# Several devices


@pytest.mark.parametrize("client", FORMATS)
@pytest.mark.parametrize("other", FORMATS)
def test_a_second_device_is_in_the_same_rooms(world: World, client: type[Client], other: type[Client]) -> None:
    bob, alice = in_rooms(world, "bob", "dev"), registered(world, "alice", "dev", client=client)
    second = world.log_in("alice", other)
    second.heard()
    alice.heard()
    bob.line("in dev")
    bob.line("#lobby in the lobby")
    for device in (alice, second):
        shown = [one for one in device.text().splitlines() if "in dev" in one or "in the lobby" in one]
        assert len(shown) == 2
    assert rooms_of(world, "alice") == ["lobby", "dev"]


def test_a_room_that_is_joined_on_one_device_is_there_on_the_others_which_talk_where_they_did(world: World) -> None:
    bob, alice = in_rooms(world, "bob", "dev"), registered(world, "alice")
    person, program = world.log_in("alice"), world.log_in("alice", JsonClient)
    new(person)
    alice.line("/join dev")
    assert new(person) == ["* You are in #dev with bob. (asked on another device)"]
    assert program.told()[-1]["joined"]["room"] == "dev"
    bob.line("hello")
    person.line("from the lobby")
    assert "#dev bob: hello" in new(person)
    assert new(bob)[-1] == "#lobby alice: from the lobby"


def test_a_room_that_is_left_on_one_device_is_left_on_the_others(world: World) -> None:
    bob, alice = in_rooms(world, "bob", "dev"), registered(world, "alice", "dev")
    person, program = world.log_in("alice"), world.log_in("alice", JsonClient)
    person.line("/room dev")
    new(person)
    alice.line("/leave dev")
    bob.line("unheard")
    bob.line("#lobby heard")
    assert new(person) == ["#dev * alice left", "bob: heard"]
    assert [one["text"] for one in program.told() if one.get("event") == "said"] == ["heard"]
    person.line("where?")
    assert new(bob)[-1] == "#lobby alice: where?"


# Guests who become accounts


def test_a_guest_who_registers_stays_where_they_are_and_returns_there(world: World) -> None:
    alice, bob = in_rooms(world, "alice", "dev"), in_rooms(world, "bob", "dev")
    alice.register(PASSWORD)
    world.settle()
    assert rooms_of(world, "alice") == ["lobby", "dev"]
    assert not [line for line in new(bob) if "left" in line or "joined" in line]
    alice.line("/join help")
    alice.quit()
    world.settle()
    assert "in #help alone, in #lobby with bob, in #dev with bob" in coming(world, "alice")


def test_a_guest_who_registers_and_goes_returns_to_the_rooms_of_then(world: World) -> None:
    alice = in_rooms(world, "alice", "dev")
    alice.register(PASSWORD)
    alice.quit()
    world.settle()
    assert "in #dev alone, in #lobby alone" in coming(world, "alice")


def test_a_guest_who_logs_in_is_in_the_rooms_of_both(world: World) -> None:
    registered(world, "alice", "dev").quit()
    world.settle()
    guest = in_rooms(world, "guest", "help")
    guest.login("alice", PASSWORD)
    world.settle()
    assert sorted(rooms_of(world, "alice")) == ["dev", "help", "lobby"]
    assert rooms_of(world, "guest") == []
    carol = in_rooms(world, "carol", "dev", "help")
    new(guest)
    carol.line("#dev one")
    carol.line("#help two")
    assert [line for line in new(guest) if "carol:" in line] == ["#dev carol: one", "#help carol: two"]


def test_a_guest_who_logs_in_where_the_account_is_here_already_is_in_its_rooms(world: World) -> None:
    alice, guest = registered(world, "alice", "dev"), in_rooms(world, "guest", "help")
    guest.login("alice", PASSWORD)
    world.settle()
    assert rooms_of(world, "alice") == ["lobby", "dev"]
    carol = in_rooms(world, "carol", "dev", "help")
    new(guest)
    for room in ("lobby", "dev", "help"):
        carol.line(f"#{room} in {room}")
    assert [line for line in new(guest) if "carol:" in line] == ["#lobby carol: in lobby", "#dev carol: in dev"]
    assert [*world.chat.rooms["help"].members.nicks.values()] == ["carol"]
    assert not alice.gone


# Guests who come back


@pytest.mark.parametrize("end", ENDS)
def test_a_guest_keeps_their_rooms_over_the_end_of_the_server(
    servers: Servers, end: Callable[[Servers], World]
) -> None:
    guest = in_rooms(servers.world, "guest", "dev", "help", client=JsonClient)
    guest.ask("leave", room="lobby")
    secret = token(guest)
    world = end(servers)
    program = world.connect(client=JsonClient)
    program.ask("hello", resume=secret)
    assert {*welcome(program)["rooms"]} == {"dev", "help"}
    bob = in_rooms(world, "bob", "dev", "help")
    bob.line("in help")
    bob.line("#dev in dev")
    bob.line("#lobby in the lobby")
    world.settle()
    assert [one["text"] for one in program.told() if one.get("event") == "said"] == ["in help", "in dev"]


def test_a_guest_who_comes_back_talks_where_they_did(world: World) -> None:
    guest = in_rooms(world, "guest", "dev", "help", client=JsonClient)
    guest.ask("room", room="dev")
    secret = token(guest)
    guest.hang_up()
    program = world.connect(client=JsonClient)
    program.ask("hello", resume=secret)
    assert welcome(program)["room"] == "dev"


def test_who_was_not_kept_is_in_no_room_after_the_server_ended(servers: Servers) -> None:
    in_rooms(servers.world, "guest", "dev")
    world = servers.kill()
    world.after(10 * GRACE)
    assert all(not room.members.nicks for room in world.chat.rooms.values())
    bob = world.enter("bob")
    bob.line("/rooms")
    assert bob.lines()[-2:] == ["* #lobby: 1 person, you too", "* #dev: nobody"]


@pytest.mark.parametrize("client", CLIENTS.values())
def test_whatever_they_speak_an_account_comes_into_its_rooms(client: type[Client]) -> None:
    world = World(client, **SETTINGS)
    assert isinstance(world.storage, MemoryStorage)
    alice = registered(world, "alice", "dev", client=client)
    alice.quit()
    world.settle()
    world.log_in("alice")
    assert rooms_of(world, "alice") == ["lobby", "dev"]
