"""Limits of rooms, of moderation and of looking back that no other suite crosses; docs/limits.md names the test of each."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock

from chatroom.admission import ROOM_SHOWN
from chatroom.client import bookmarks
from chatroom.client.bookmarks import Bookmarks
from chatroom.client.happened import LARGEST, in_text
from chatroom.commands.audit import AUDITED, AUDITED_MOST
from chatroom.commands.moderation import SLOWEST
from chatroom.door import PAUSE, Door
from chatroom.event import Kind
from chatroom.filters import TRIAL_PIECES, _trial_texts
from chatroom.names import room_name

from .chatting import JsonClient, TextClient, World

MOST = 3

DEED = (Kind.SET, "n9.1", "bob", "tea", {"setting": "topic"})


def last(client: TextClient, line: str) -> str:
    """What is told last when somebody types this."""
    client.line(line)
    client.world.settle()
    return client.lines()[-1]


# Rooms


def test_one_opens_so_many_rooms_and_enters_more() -> None:
    world = World(rooms_of_one=MOST)
    alice, bob = world.register("alice"), world.register("bob")
    for room in range(MOST):
        assert last(alice, f"/join r{room}").startswith(f"* You are alone in #r{room}")
    assert last(alice, "/join another") == f"! you opened {MOST} rooms already, the most for one"
    assert last(bob, "/join another").startswith("* You are alone in #another")
    assert last(alice, "/join another").startswith("* You are in #another with bob")
    last(alice, "/close r0")
    assert last(alice, "/join instead").startswith("* You are alone in #instead")


def test_the_server_has_so_many_rooms() -> None:
    alice: TextClient = World(rooms_in_all=MOST).register("alice")
    for room in range(MOST - 1):  # beside the one that always exists
        last(alice, f"/join r{room}")
    assert last(alice, "/join another") == f"! the server has {MOST} rooms, the most it takes"


@pytest.mark.parametrize("client", [TextClient, JsonClient])
def test_one_is_in_so_many_rooms_at_once(client: type[TextClient | JsonClient]) -> None:
    world = World(rooms=[room_name(f"r{n}") for n in range(MOST + 1)], rooms_at_once=MOST)
    alice: TextClient = world.enter("alice", TextClient)
    for room in range(1, MOST):
        assert "#r" in last(alice, f"/join r{room}")
    words = f"you are in {MOST} rooms, the most there can be; /leave one of them"
    assert last(alice, f"/join r{MOST}") == f"! {words}"
    last(alice, "/leave r0")
    assert last(alice, f"/join r{MOST}").startswith(f"* You are alone in #r{MOST}.")
    bob: JsonClient = world.connect(client=JsonClient)
    bob.ask("hello", nick="bob", rooms={f"r{n}": {} for n in range(MOST + 1)})
    assert bob.told()[-1]["refused"]["code"] == "too_many_rooms"


def test_of_a_room_that_is_not_there_a_few_words_are_told() -> None:
    eve: JsonClient = World().connect(client=JsonClient)
    eve.ask("hello", nick="eve", rooms={"x" * 60_000: {}})
    (told,) = eve.told()
    assert told["refused"]["room"] == "x" * ROOM_SHOWN
    assert told["refused"]["words"] == f"there is no room #{told['refused']['room']}"


# Who comes and goes


def passed(who: list[Deferred[None]]) -> int:
    return sum(one.called for one in who)


def test_so_many_come_and_go_within_a_second_and_the_others_together_after_it() -> None:
    clock = Clock()
    door = Door(clock, MOST)
    coming = [ensureDeferred(door.come()) for _ in range(MOST)]
    assert passed(coming) == MOST
    coming += [ensureDeferred(door.come()) for _ in range(10)]
    leaving = [ensureDeferred(door.leave()) for _ in range(10)]
    clock.advance(PAUSE - 0.1)
    assert (passed(coming), passed(leaving)) == (MOST, 0)
    clock.advance(0.1)
    assert (passed(coming), passed(leaving)) == (MOST + 10, 10)
    assert not ensureDeferred(door.come()).called  # as long as there is a rush
    clock.advance(PAUSE)
    clock.advance(PAUSE)
    assert ensureDeferred(door.come()).called


def test_a_rush_is_told_in_a_line_and_misses_nobody() -> None:
    world = World(presence_burst=MOST)
    alice: TextClient = world.enter("alice", TextClient)
    before = len(alice.lines())
    for letter in "abcdefghjkmnpqrstuvw":
        world.connect().enter(f"guest{letter}")
    world.after(2 * PAUSE)
    assert alice.lines()[before:] == [  # and alice herself came just before
        "* guesta and guestb joined",
        "* guestc, guestd and 16 others joined",
    ]
    assert len(world.chat.entrance.members.nicks) == 21


# Keeping order


def test_a_room_is_slowed_to_so_many_seconds() -> None:
    alice: TextClient = World().register("alice")
    last(alice, "/join den")
    assert last(alice, f"/slow {SLOWEST + 1}") == f"! a room is slowed to {SLOWEST} seconds at most"
    assert last(alice, f"/slow {SLOWEST}") == "#den * alice slowed #den: a message each in 6 hours"


def test_an_audit_shows_so_many_deeds_and_at_most_so_many() -> None:
    world = World()
    alice: TextClient = world.register("alice")
    last(alice, "/join den")
    events = [("#den", world.chat.event(*DEED)) for _ in range(AUDITED_MOST)]
    world.chat.journal.append(events, lambda outcome: None)
    world.settle()
    for asked, shown in (("", AUDITED), (f" {AUDITED + 1}", AUDITED + 1), (f" {AUDITED_MOST + 1}", AUDITED_MOST)):
        before = len(alice.lines())
        last(alice, f"/audit{asked}")
        assert len(alice.lines()) - before == shown


def test_of_an_expression_so_many_pieces_are_tried() -> None:
    words = [f"{letter}{letter}{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    tried = {text[:6] for text in _trial_texts(f"/{'|'.join(words)}/")}
    assert {word * 2 for word in words} & tried == {word * 2 for word in words[:TRIAL_PIECES]}


# The client


def test_what_stands_in_several_rooms_is_known_again_among_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bookmarks, "COPIES_KNOWN", MOST)
    known = Bookmarks()
    events = [{"event": "renamed", "eid": f"e{number}", "nick": "bob", "new": "rob"} for number in range(MOST + 1)]
    assert [known.knows(event) for event in events] == [False] * (MOST + 1)
    assert [known.knows(event) for event in reversed(events)] == [*[True] * MOST, False]


def test_a_number_that_no_server_tells_is_none() -> None:
    told = {"event": "set", "room": "den", "nick": "bob", "setting": "slow"}
    assert in_text({**told, "value": LARGEST - 1}, several=False).startswith(b"* bob slowed #den: a message each in ")
    assert in_text({**told, "value": LARGEST}, several=False) == b"* bob slows #den no more\r\n"
