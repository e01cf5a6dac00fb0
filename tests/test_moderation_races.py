"""Bans, mutes, kicks and filters hold for everybody of lower rank, whatever they do at the same moment or had begun before;
and who is ignored, muted or forgotten comes through no back door.
"""

from __future__ import annotations

from typing import Any

import pytest

from chatroom.banning import BANS_MOST
from chatroom.event import Kind
from chatroom.names import nickname
from chatroom.times import HOUR

from .again import again
from .chatting import PASSWORD, SlowStorage, World
from .test_moderation import (
    ELSEWHERE,
    FORMATS,
    HOME,
    Asking,
    Typing,
    come,
    company,
    do,
    entries,
    here,
    hush,
    log_in,
    news,
    refused,
    said,
    world_of,
)  # fmt: skip
from .test_moderation_server import Owner
from .test_resume import token
from .test_rooms_races import again_in, rooms_of, shown, slowly


@pytest.fixture(params=FORMATS)
def client(request: pytest.FixtureRequest) -> Any:
    return FORMATS[request.param]


@pytest.fixture
def world(client: Any) -> World:
    return world_of(client)


def operator(world: World) -> Any:
    """root, who is in the lobby."""
    root = world.register("root")
    hush(root)
    return root


def codes(program: Any) -> list[str]:
    """With which a program was refused so far."""
    world: World = program.world
    world.settle()
    return [told["refused"]["code"] for told in program.told() if "refused" in told]


# Of higher rank


def test_a_moderator_is_muted_and_banned_by_who_is_above_them_and_cannot_lift_it(world: World) -> None:
    alice, *_ = company(world)
    dave = come(world, "dave", account=True)
    do(alice, "op dave")
    do(alice, "mute dave")
    assert said(dave, "and loud").startswith("! you are muted in #den")
    refused(dave, "unmute dave")
    assert said(dave, "still loud").startswith("! you are muted in #den")
    do(alice, "unmute dave")
    assert said(dave, "thanks") == ""
    hush(dave)
    do(alice, "ban dave 2h abuse")
    banned = "you are banned from #den: dave, by alice, until 2026-11-20 11:12 UTC (abuse)"
    assert f"! {banned}" in news(dave)
    assert here(world) == ["alice", "bob", "carol"]
    refused(dave, "unban dave")
    assert refused(dave, "join den") == banned
    world.after(2 * HOUR / 1000 + 1)
    do(dave, "join den")
    assert "dave" in here(world)


def test_an_operator_is_muted_and_banned_by_who_owns_the_server() -> None:
    world = world_of(Asking)
    root, owner = operator(world), world.connect(client=Owner)
    do(owner, "server mute root")
    assert said(root, "hello").startswith("! you are muted in this server")
    refused(root, "server unmute root")
    hush(root)
    do(owner, "server ban root 2h stolen")
    banned = "! you are banned from this server: root, by the server, until 2026-11-20 11:12 UTC (stolen)"
    assert news(root)[-1] == banned
    assert root.gone
    assert news(log_in(world, "root", ELSEWHERE)) == [banned]


def test_who_is_banned_is_made_neither_moderator_nor_owner(world: World) -> None:
    alice, *_ = company(world)
    come(world, "vic", account=True).quit()
    do(alice, "ban account:vic")
    refused(alice, "op vic")
    refused(alice, "transfer vic")
    vic = log_in(world, "vic")
    assert refused(vic, "join den").startswith("you are banned from #den")


# Put out while something of theirs is under way


def test_who_is_kicked_while_they_enter_another_room_is_in_this_one_no_more(client: Any) -> None:
    world = world_of(client, storage=SlowStorage())
    alice, bob, carol = [world.register(nick) for nick in ("alice", "bob", "carol")]
    do(carol, "join other")
    for asked in ("join den", "private on", "invite bob"):
        do(alice, asked)
    do(bob, "join den")
    slowly(world, (alice, "kick bob"), (bob, "join other"))
    assert rooms_of(world, "bob") == ["lobby", "other"]
    assert refused(bob, "join den") == "#den is entered by invitation only"
    bob.quit()
    said(alice, "a secret")
    assert again_in(world, "bob") == ["lobby", "other"]
    world = again(world, grace=0)
    bob = log_in(world, "bob")
    assert rooms_of(world, "bob") == ["lobby", "other"]
    assert "secret" not in shown(bob)


def test_who_enters_another_room_while_they_are_kicked_comes_back_to_it(client: Any) -> None:
    world = world_of(client, storage=SlowStorage())
    alice, bob, carol = [world.register(nick) for nick in ("alice", "bob", "carol")]
    do(carol, "join other")
    do(alice, "join den")
    do(bob, "join den")
    slowly(world, (bob, "join other"), (alice, "kick bob"))
    assert rooms_of(world, "bob") == ["lobby", "other"]
    bob.quit()
    assert again_in(world, "bob") == ["lobby", "other"]


@pytest.mark.parametrize("asked", ["nick bobby", "join den"])
def test_who_is_put_off_the_server_while_something_is_under_way_leaves_nothing_behind(client: Any, asked: str) -> None:
    world = world_of(client, storage=SlowStorage())
    root, alice = operator(world), world.register("alice")
    do(alice, "join den")
    bob = world.enter("bob")
    slowly(world, (bob, asked), (root, "server kick bob"))
    assert bob.gone
    assert here(world) == ["alice"]
    assert here(world, "lobby") == ["root", "alice"]
    assert sorted(person.name.shown for person in world.chat.people.values()) == ["alice", "root"]
    for nick in ("bobby", "bob"):
        next_one = world.connect()
        next_one.enter(nick)
        assert rooms_of(world, nick) == ["lobby"]
    assert here(again(world, grace=0), "den") == []


def test_who_leaves_while_they_are_put_off_the_server_leaves_once(client: Any) -> None:
    world = world_of(client, storage=SlowStorage())
    root, bob = operator(world), world.enter("bob")
    hush(root)
    slowly(world, (root, "server kick bob"), (bob, "quit bye"))
    assert len([line for line in news(root) if line.startswith("* bob left")]) == 1
    left = [event for event in entries(world, "#lobby") if event.kind is Kind.LEFT]
    assert len(left) == 1


# Shown and read


def test_the_history_of_a_room_ends_for_who_is_banned_from_it() -> None:
    world = world_of(Asking)
    alice = come(world, "alice", account=True)
    for number in range(1000):
        alice.say(f"line {number} {'x' * 1000}")
    world.settle()
    bob = world.enter("bob")
    do(bob, "join den")
    bob.stall()
    bob.ask("history", limit=1000, room="den")
    do(alice, "ban bob")
    bob.wake()
    world.after(1)
    assert shown(bob).count('"history":true') < 500
    assert "banned" in codes(bob)
    bob.ask("who", room="lobby")
    world.settle()
    assert bob.told()[-1]["answer"] == "who"  # and nothing else ended


def test_who_comes_back_from_a_network_that_was_banned_meanwhile_is_in_the_room_no_more() -> None:
    world = world_of(Asking, grace=120)
    alice = come(world, "alice", account=True)
    bob = world.connect(HOME)
    bob.enter("bob")
    do(bob, "join den")
    resume = token(bob)
    bob.hang_up()
    do(alice, "ban 192.0.2.0/24")
    bob = world.connect(HOME)
    bob.ask("hello", resume=resume)
    world.settle()
    said(alice, "a secret")
    assert here(world) == ["alice"]
    assert "secret" not in shown(bob)
    assert said(bob, "still here") == "" or "still here" not in [event.text for event in entries(world, "#den")]
    assert rooms_of(world, "bob") == ["lobby"]
    assert "banned" in codes(bob)


def test_who_is_banned_is_told_no_position_of_the_room() -> None:
    world = world_of(Asking)
    alice = come(world, "alice", account=True)
    come(world, "bob", account=True).quit()
    do(alice, "ban account:bob")
    for after in ("999", "1", "no position"):
        bob = world.connect()
        bob.ask("hello", nick="bob", password=PASSWORD, rooms={"den": {"after": after}})
        assert codes(bob) == ["banned"]
        assert not any("position" in told.get("refused", {}) for told in bob.told())
        bob.quit()


# Ended


def test_a_mute_that_has_ended_takes_no_memory_and_no_time(world: World) -> None:
    alice, bob, _ = company(world)
    rules = world.chat.rooms["den"].rules
    do(alice, "mute bob 1m")
    do(alice, "ban 192.0.2.77 1m")
    assert not rules.free
    world.after(61)
    assert said(bob, "at last") == ""
    do(alice, "bans")
    assert (len(rules.mutes), len(rules.bans), rules.free) == (0, 0, True)


def test_mutes_by_a_filter_take_no_memory_once_they_have_ended() -> None:
    world = world_of(Typing)
    alice = come(world, "alice", account=True)
    do(alice, "filter add mute spam")
    for number in range(8):  # of whom none looks like another
        bob = come(world, f"bob-{chr(97 + number)}", f"198.51.{number}.7")
        assert "that was not said" in said(bob, "spam")
        bob.quit()
    assert world.chat.rooms["den"].rules.mutes.current(world.chat.milliseconds())
    world.after(HOUR / 1000)
    assert said(alice, "is anybody here?") == ""
    assert do(alice, "bans") == ["* nobody is banned or muted in #den"]
    assert len(world.chat.rooms["den"].rules.mutes) == 0


def test_mutes_by_a_filter_are_so_many_at_most(world: World) -> None:
    alice, bob, _ = company(world)
    room = world.chat.rooms["den"]
    do(alice, "filter add mute spam")
    details = [{"name": f"n{number}", "whom": f"g{number}"} for number in range(BANS_MOST)]
    muted = [(room.log.name, world.chat.event(Kind.MUTED, "x", "alice", "", each)) for each in details]
    world.chat.journal.append(muted, lambda _: None)
    assert said(bob, "spam").startswith("! that was not said")
    world.settle()
    assert len(room.rules.mutes) == BANS_MOST


# Ignored, muted, filtered


def test_an_invitation_does_not_reach_who_ignores_the_inviter(world: World) -> None:
    alice, bob = world.register("alice"), world.register("bob")
    do(bob, "ignore alice")
    do(alice, "join pills")
    hush(bob)
    do(alice, "invite bob")
    assert news(bob) == []
    bob.quit()
    assert "invites you" not in "".join(news(log_in(world, "bob")))


def test_nobody_is_invited_twice() -> None:
    world = world_of(Asking)
    alice, bob = come(world, "alice", account=True), world.register("bob")
    do(alice, "private on")
    do(alice, "invite bob")
    assert "invites you to #den" in "".join(news(bob))
    do(alice, "invite bob")
    assert codes(alice) == ["invited_already"]
    assert news(bob) == []


def test_who_is_muted_on_the_server_invites_nobody() -> None:
    world = world_of(Asking)
    root, mal, bob = operator(world), world.register("mal"), world.register("bob")
    do(mal, "join pills")
    do(root, "server mute mal")
    hush(bob)
    do(mal, "invite bob")
    assert codes(mal) == ["muted"]
    assert news(bob) == []


def test_nobody_speaks_by_their_nickname_who_may_not_otherwise() -> None:
    world = world_of(Asking)
    root, bob, carol = operator(world), world.enter("bob"), world.enter("carol")
    do(root, "server filter add refuse pills")
    do(carol, "nick buy-pills-now")
    assert codes(carol) == ["filtered"]
    do(carol, "nick caroline")
    do(root, "server mute bob")
    do(bob, "nick the-operators-lie")
    assert codes(bob) == ["muted"]
    assert here(world, "lobby") == ["root", "bob", "caroline"]


def test_a_slow_room_is_slow_for_a_guest_who_comes_again(world: World) -> None:
    alice = come(world, "alice", account=True)
    do(alice, "slow 3600")
    for number in range(3):
        bob = come(world, "bob", HOME)
        assert (said(bob, f"spam {number}") == "") == (number == 0)
        bob.quit()
    world.after(3600)
    assert said(come(world, "bob", HOME), "an hour later") == ""


# Forgotten


def test_who_is_forgotten_is_named_in_no_ban_and_no_filter_that_they_made(world: World) -> None:
    alice, bob, _ = company(world)
    dave = come(world, "dave", account=True)
    do(alice, "op dave")
    do(dave, "ban bob")
    do(dave, "mute carol")
    do(dave, "filter add refuse spam")
    if world.client is Asking:
        dave.ask("forget-me", sure=True)
    else:
        do(dave, "forget-me")
        dave.line("dave")
    world.settle()
    told = [*do(alice, "bans"), *do(alice, "filter list"), refused(bob, "join den")]
    assert len(told) == 4
    assert "dave" not in "".join(told)
    rules = again(world, grace=0).chat.rooms["den"].rules
    assert "dave" not in repr([*rules.bans.current(0), *rules.mutes.current(0)])


def test_what_a_guest_was_called_who_was_banned_is_forgotten_with_their_account() -> None:
    world = world_of(Typing)
    alice, bob = come(world, "alice", account=True), come(world, "bobzilla")
    do(alice, "ban bobzilla")
    bob.register(PASSWORD)
    do(bob, "forget-me")
    bob.line("bobzilla")
    world.settle()
    for log in ("server", "#den", "#lobby"):
        told = repr(entries(world, log))
        assert "bobzilla" not in told
        assert nickname("bobzilla").skeleton not in told
    assert "bobzilla" not in "".join(do(alice, "bans"))
    come(world, "bobzilla")
    assert here(world) == ["alice", "bobzilla"]
