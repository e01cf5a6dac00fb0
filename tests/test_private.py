"""Private messages, whatever one speaks: they arrive where they should, and never at somebody else's."""

from __future__ import annotations

import pytest

from .again import again
from .chatting import (
    CLIENTS,
    DISK_FULL,
    PASSWORD,
    Client,
    FailingStorage,
    JsonClient,
    SlowStorage,
    TextClient,
    World,
)  # fmt: skip
from .support import LoggedErrors
from .test_inbox import GRACE, hear_all, kept, leave, news, returned
from .test_resume import back, code, token


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> type[Client]:
    return CLIENTS[request.param]


@pytest.fixture
def world(client: type[Client]) -> World:
    return World(client, grace=GRACE, registrations_an_hour=0)


# Between people who are here


def test_a_private_message_is_shown_to_whom_it_is_for_and_to_nobody_else(world: World) -> None:
    alice, bob, carol = world.enter_all("alice", "bob", "carol")
    alice.msg("bob", "psst")
    assert bob.heard() == [("private", "alice", "psst")]
    assert carol.heard() == []
    assert alice.heard() == []
    late = world.connect()
    late.enter("dave")
    assert late.heard("recalled") == []


def test_between_accounts_too(world: World) -> None:
    alice, bob, carol = world.register("alice"), world.register("bob"), world.enter("carol")
    hear_all(alice, bob)
    alice.msg("BOB", "psst")
    bob.msg("alice", "yes?")
    assert bob.heard() == [("private", "alice", "psst")]
    assert alice.heard() == [("private", "bob", "yes?")]
    assert carol.heard() == []


@pytest.mark.parametrize("text", ["grüß dich 🦊", "a -> you: b", "* bob left", "/quit", "you -> x: y", "100 % {}"])
def test_text_arrives_as_it_was_written(world: World, text: str) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.msg("bob", text)
    assert bob.heard() == [("private", "alice", text)]


def test_they_come_in_the_order_in_which_they_were_written_and_after_what_was_said_before(world: World) -> None:
    alice, bob, carol = world.enter_all("alice", "bob", "carol")
    order = [alice, carol, alice, alice, carol]
    for n, person in enumerate(order):
        person.msg("bob", f"{n}")
        world.settle()
    shown = bob.heard()
    assert shown == [("private", "alice" if p is alice else "carol", f"{n}") for n, p in enumerate(order)]


def test_one_is_shown_what_one_wrote_only_where_one_wants_it(world: World) -> None:
    alice, _ = world.enter_all("alice", "bob")
    for on in (True, False, True):
        alice.command("echo", on=on)
        alice.heard()
        alice.msg("bob", f"psst {on}")
        assert [one[-1] for one in alice.heard("wrote", "echoed")] == ([f"psst {on}"] if on else [])


def test_it_is_shown_on_all_devices_of_both_but_the_one_it_was_written_on(world: World) -> None:
    alice, bob = world.register("alice"), world.register("bob")
    alice2, bob2, bob3 = world.log_in("alice"), world.log_in("bob"), world.log_in("bob")
    hear_all(alice, bob, alice2, bob2, bob3)
    alice.msg("bob", "psst")
    for device in (bob, bob2, bob3):
        assert device.heard() == [("private", "alice", "psst")]
    assert alice2.heard() == [("wrote", "bob", "psst")]
    assert alice.heard() == []
    bob3.msg("alice", "yes?")
    for device in (alice, alice2):
        assert device.heard() == [("private", "bob", "yes?")]
    for device in (bob, bob2):
        assert device.heard() == [("wrote", "alice", "yes?")]
    assert bob3.heard() == []


def test_one_may_write_to_oneself(world: World) -> None:
    alice = world.register("alice")
    other = world.log_in("alice")
    alice.msg("alice", "buy milk")
    assert alice.heard("private", "refused", "wrote") == []
    assert other.heard() == [("wrote", "alice", "buy milk")]
    alice.command("inbox")
    assert alice.heard("recalled") == [("recalled", "wrote", "alice", "buy milk")]
    hear_all(other)
    leave(alice)
    leave(other)
    assert news(returned(world, "alice")) == []


@pytest.mark.parametrize("to", ["nobody", "server", "no good!", "x" * 40])
def test_to_whom_there_is_not_it_is_refused(world: World, to: str) -> None:
    alice = world.enter("alice")
    alice.command("msg", to=to, text="psst")
    assert alice.heard() == [("refused",)]


def test_to_a_guest_who_is_not_there_any_more_it_is_refused(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.msg("bob", "psst")
    leave(bob)
    alice.heard()
    alice.msg("bob", "still there?")
    assert alice.heard() == [("refused",)]


def test_a_text_of_several_lines_is_shown_line_by_line() -> None:
    world = World(JsonClient)
    alice, bob, carol = world.enter("alice"), world.enter("bob", TextClient), world.enter("carol")
    bob.heard()
    alice.msg("bob", "one\ntwo")
    alice.msg("carol", "one\ntwo")
    assert bob.heard() == [("private", "alice", "one"), ("private", "alice", "two")]
    assert carol.heard("private") == [("private", "alice", "one\ntwo")]


def test_what_programs_are_told() -> None:
    world = World(JsonClient)
    alice, bob = world.enter("alice"), world.register("bob")
    alice.ask("msg", "m1", to="BOB", text="psst")
    world.settle()
    event, answer = alice.told()[-2:]
    assert answer == {"answer": "msg", "to": "bob", "here": True, "id": "m1"}
    assert event.pop("eid").startswith("n1.")
    assert event.pop("position")
    expected = {"event": "private", "time": "2026-11-20T09:12:00.000Z", "nick": "alice", "to": "bob", "text": "psst"}
    assert event == {**expected, "id": "m1"}
    assert {field: bob.told()[-1][field] for field in expected} == expected
    leave(bob)
    alice.ask("msg", to="bob", text="psst")
    assert alice.told()[-1] == {"answer": "msg", "to": "bob", "here": False}
    alice.ask("msg", "m3", to="nobody", text="psst")
    assert code(alice) == "nobody"


def test_a_message_with_an_id_is_kept_once() -> None:
    world = World(JsonClient)
    alice, bob = world.enter_all("alice", "bob")
    for _ in range(3):
        alice.ask("msg", "m1", to="bob", text="psst")
    assert bob.heard() == [("private", "alice", "psst")]
    assert [told["eid"] for told in alice.told() if told.get("event") == "private"] == [
        bob.told()[-1]["eid"] for _ in range(3)
    ]


def test_who_does_not_read_is_shown_their_messages_later(world: World) -> None:
    alice, bob, carol = world.enter_all("alice", "bob", "carol")
    alice.msg("bob", "first")
    world.settle()
    bob.heard()
    bob.stall()
    texts = [f"{n} " + "x" * 2000 for n in range(300)]
    for text in texts:
        alice.msg("bob", text)
        world.settle()
    carol.say("meanwhile")
    assert bob.heard() == []
    bob.wake()
    shown = bob.heard()
    assert [one[-1] for one in shown if one[0] == "private"] == texts
    assert ("said", "carol", "meanwhile") in shown
    alice.msg("bob", "and on")
    assert bob.heard() == [("private", "alice", "and on")]


# When it cannot be saved


def test_what_could_not_be_saved_is_told_and_kept_nowhere(client: type[Client], logged: LoggedErrors) -> None:
    storage = FailingStorage()
    world = World(client, storage=storage)
    leave(world.register("carol"))
    alice, bob = world.enter_all("alice", "bob")
    alice.msg("bob", "before")
    hear_all(alice, bob)
    storage.break_down(DISK_FULL)
    alice.msg("bob", "lost")
    assert alice.heard() == [("refused",)]
    alice.msg("carol", "lost")
    assert alice.heard() == [("refused",)]
    assert bob.heard() == []
    storage.recover()
    alice.msg("bob", "found")
    assert bob.heard() == [("private", "alice", "found")]
    alice.command("inbox")
    bob.command("inbox")
    assert alice.heard("recalled") == [("recalled", "wrote", "bob", "before"), ("recalled", "wrote", "bob", "found")]
    assert bob.heard("recalled") == [("recalled", "private", "alice", one) for one in ("before", "found")]
    assert news(returned(world, "carol")) == []
    logged.flush("the disk is full")


def test_nobody_is_shown_it_before_it_is_saved(client: type[Client]) -> None:
    storage = SlowStorage()
    world = World(client, storage=storage)
    alice, bob = world.enter_all("alice", "bob")
    alice.msg("bob", "first")
    hear_all(alice, bob)
    storage.slow = True
    alice.msg("bob", "psst")
    assert bob.heard() == []
    assert alice.heard("echoed", "answered", "kept") == []
    storage.commit()
    assert bob.heard() == [("private", "alice", "psst")]


# Answering, and looking back


def test_reply_goes_to_who_wrote_last(world: World) -> None:
    alice, bob, carol = world.enter_all("alice", "bob", "carol")
    alice.msg("bob", "one")
    world.settle()
    carol.msg("bob", "two")
    world.settle()
    bob.heard()
    bob.command("reply", text="yes?")
    assert carol.heard() == [("private", "bob", "yes?")]
    assert alice.heard() == []
    bob.command("reply", text="and yes?")
    assert carol.heard() == [("private", "bob", "and yes?")]


def test_a_reply_before_anybody_wrote_is_refused(world: World) -> None:
    alice, _ = world.enter_all("alice", "bob")
    alice.command("reply", text="hello?")
    assert alice.heard() == [("refused",)]
    alice.msg("alice", "to myself")
    alice.msg("bob", "to him")
    alice.heard()
    alice.command("reply", text="hello?")
    assert alice.heard() == [("refused",)]


def test_a_reply_goes_to_who_wrote_whatever_they_are_called_now(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.msg("bob", "one")
    world.settle()
    alice.command("nick", name="alicia")
    world.settle()
    other = world.enter("alice")
    hear_all(alice, bob)
    bob.command("reply", text="yes?")
    assert alice.heard() == [("private", "bob", "yes?")]
    assert other.heard() == []


def test_a_later_guest_of_the_same_nickname_gets_no_reply_that_is_for_an_earlier_one(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.msg("bob", "one")
    world.settle()
    leave(alice)
    later = world.enter("alice")
    bob.heard()
    bob.command("reply", text="yes?")
    assert bob.heard() == [("refused",)]
    assert later.heard() == []


def test_a_reply_to_an_account_that_is_not_here_is_kept(world: World) -> None:
    alice, bob = world.register("alice"), world.enter("bob")
    alice.msg("bob", "one")
    world.settle()
    leave(alice)
    bob.heard()
    bob.command("reply", text="yes?")
    assert bob.heard() == [("kept", "alice")]
    assert news(returned(world, "alice")) == kept(1, ("bob", "yes?"))


def test_inbox_shows_the_last_messages_both_ways_as_often_as_one_asks(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    for n in range(4):
        (alice if n % 2 else bob).msg("bob" if n % 2 else "alice", f"{n}")
        world.settle()
    hear_all(alice, bob)
    whole = [("recalled", "private" if n % 2 else "wrote", "alice", f"{n}") for n in range(4)]
    for limit, expected in ((2, whole[-2:]), (100, whole), (0, [])):
        bob.command("inbox", limit=limit)
        assert bob.heard() == expected
    bob.command("inbox")
    assert bob.heard() == whole


def test_inbox_shows_when_it_was_written() -> None:
    world = World()
    alice, bob = world.enter_all("alice", "bob")
    alice.msg("bob", "psst")
    world.after(60)
    bob.command("inbox")
    assert bob.lines()[-2:] == ["alice -> you: psst", "[2026-11-20 09:12] alice -> you: psst"]


def test_an_inbox_is_ones_own_over_a_restart_and_a_guests_is_gone(client: type[Client]) -> None:
    world = World(client, grace=0.5)
    alice, bob = world.register("alice"), world.enter("bob")
    alice.msg("bob", "one")
    world.settle()
    bob.msg("alice", "two")
    world.settle()
    world = again(world, grace=0.5)
    world.after(1)
    alice, bob = world.log_in("alice"), world.enter("bob")
    alice.command("inbox")
    bob.command("inbox")
    assert alice.heard("recalled") == [("recalled", "wrote", "bob", "one"), ("recalled", "private", "bob", "two")]
    assert bob.heard("recalled") == []


def test_programs_page_back_through_the_inbox() -> None:
    world = World(JsonClient)
    alice, bob = world.enter_all("alice", "bob")
    for n in range(10):
        alice.msg("bob", f"{n}")
    world.settle()
    bob.heard()
    bob.ask("inbox", limit=3)
    assert [one[-1] for one in bob.heard()] == ["7", "8", "9"]
    first = next(told["position"] for told in bob.told() if "history" in told)
    bob.ask("inbox", limit=100, before=first)
    assert [one[-1] for one in bob.heard()] == ["0", "1", "2", "3", "4", "5", "6"]
    bob.ask("inbox", before="no position")
    assert code(bob) == "position_unknown"


# Who has a nickname later


def test_a_later_guest_of_the_same_nickname_sees_nothing_of_an_earlier_one(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.msg("bob", "psst")
    world.settle()
    leave(bob)
    later = world.enter("bob")
    later.command("inbox")
    assert later.heard() == []
    alice.msg("bob", "hello, bob")
    assert later.heard() == [("private", "alice", "hello, bob")]


def test_nor_does_an_account_that_is_made_of_it_later(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.msg("bob", "psst")
    world.settle()
    leave(bob)
    later = world.register("bob")
    later.command("inbox")
    assert later.heard() == []
    leave(later)
    assert news(returned(world, "bob")) == []


def test_who_registers_takes_their_messages_along(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.msg("bob", "psst")
    world.settle()
    bob.register(PASSWORD)
    bob.heard()
    bob.command("inbox")
    assert bob.heard("recalled") == [("recalled", "private", "alice", "psst")]
    leave(bob)
    alice.heard()
    alice.msg("bob", "later")
    world.settle()
    assert news(returned(world, "bob")) == kept(1, ("alice", "later"))


def test_a_guest_who_logs_in_does_not_see_what_was_written_to_the_guest_any_more(world: World) -> None:
    leave(world.register("alice"))
    bob, somebody = world.enter_all("bob", "somebody")
    bob.msg("somebody", "psst")
    world.settle()
    somebody.heard()
    somebody.login("alice", PASSWORD)
    somebody.heard()
    somebody.command("inbox")
    assert somebody.heard() == []
    bob.msg("alice", "hello")
    assert somebody.heard() == [("private", "bob", "hello")]


def test_who_logs_out_is_shown_no_more_of_it(world: World) -> None:
    alice, bob = world.register("alice"), world.enter("bob")
    bob.msg("alice", "one")
    world.settle()
    alice.command("logout")
    world.settle()
    bob.heard()
    bob.msg("alice", "two")
    assert bob.heard() == [("kept", "alice")]
    assert alice.heard("private") == [("private", "bob", "one")]
    alice.enter("carol")
    bob.heard()
    bob.msg("carol", "three")
    assert alice.heard("private") == [("private", "bob", "three")]
    assert news(returned(world, "alice")) == kept(1, ("bob", "two"))


# What is asked twice, or cannot be read


def test_a_message_that_is_sent_again_is_told_by_its_place_in_ones_own_inbox() -> None:
    world = World(JsonClient, grace=GRACE)
    bob, alice, carol = world.register("bob"), world.register("alice"), world.enter("carol")
    for n in range(7):
        carol.msg("bob", f"{n}")
    world.settle()
    for to, id in (("bob", "m1"), ("alice", "m2"), ("carol", "m3")):
        alice.ask("msg", id, to=to, text="hi")
        world.settle()
        first = [told for told in alice.told() if told.get("id") == id and told.get("event") == "private"][-1]
        alice.hang_up()
        alice = back(world, token(alice))
        before = len(alice.told())
        alice.ask("msg", id, to=to, text="hi")
        (repeat,) = [told for told in alice.told()[before:] if told.get("event") == "private"]
        assert repeat == {**first, "history": True}
        alice.ask("inbox", limit=1)
        assert alice.told()[-2] == repeat
        alice.hang_up()
        alice = back(world, token(alice), inbox={"after": repeat["position"]})
        assert "welcome" in alice.told()[-1]
    assert len([told for told in bob.told() if told.get("text") == "hi"]) == 1


def test_reply_finds_who_wrote_last_however_much_one_wrote_since(world: World) -> None:
    alice, bob, carol = world.enter_all("alice", "bob", "carol")
    bob.msg("alice", "one")
    world.settle()
    carol.msg("alice", "two")
    world.settle()
    for n in range(60):
        alice.msg("bob", f"{n}")
        world.settle()
    hear_all(alice, bob, carol)
    alice.command("reply", text="yes?")
    assert carol.heard() == [("private", "alice", "yes?")]
    assert bob.heard() == []


def test_so_it_does_for_who_came_back_since(world: World) -> None:
    alice, bob, carol = world.register("alice"), world.enter("bob"), world.enter("carol")
    carol.msg("alice", "two")
    world.settle()
    for n in range(60):
        alice.msg("bob", f"{n}")
        world.settle()
    leave(alice)
    alice = world.log_in("alice")
    hear_all(bob, carol)
    alice.command("reply", text="yes?")
    assert carol.heard("private") == [("private", "alice", "yes?")]
    assert bob.heard("private") == []


@pytest.mark.parametrize("registered", [False, True])
def test_an_inbox_that_cannot_be_read_costs_who_writes_to_it_nothing(
    client: type[Client], registered: bool, logged: LoggedErrors
) -> None:
    storage = FailingStorage()
    world = World(client, storage=storage, grace=GRACE)
    carol, alice = world.enter("carol"), world.enter("alice")
    if registered:
        alice.register(PASSWORD)
    carol.command("inbox")  # hers is open, and the other's is not
    hear_all(carol, alice)
    storage.failing_reads = OSError("the disk does not answer")
    carol.msg("alice", "psst")
    assert carol.heard("refused", "asked") == []
    assert not carol.gone
    storage.failing_reads = None
    carol.say("and on")
    assert ("said", "carol", "and on") in alice.heard()
    alice.command("inbox")
    assert alice.heard("recalled") == [("recalled", "private", "carol", "psst")]
    carol.msg("alice", "once more")
    assert alice.heard("private") == [("private", "carol", "once more")]
    logged.flush(OSError)
