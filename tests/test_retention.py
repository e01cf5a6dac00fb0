"""--retention: what people said goes after its time, everywhere; what was decided stays. Whatever one speaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, ensureDeferred

from chatroom.event import Kind, Sort
from chatroom.names import nickname
from chatroom.seams import NotSaved
from chatroom.tidy import EXPIRING, EXPIRING_PARTS, PRESENCE_DAYS, TIDY_AGAIN
from chatroom.times import DAY, HOUR

from .chatting import PASSWORD, JsonClient, SlowStorage, World
from .test_amending import FORMATS, Person, Program, Town, client, company, opened, past, say, searched
from .test_moderation import ELSEWHERE, HOME, come, do, hush, log_in, news, refused

__all__ = ["client", "opened"]  # fixtures

KEPT = 7 * DAY

A_DAY = DAY / 1000


@pytest.fixture
def town(opened: Callable[..., Town], client: Any) -> Town:
    return opened(client, retention=KEPT)


def test_what_was_said_goes_after_its_time_and_what_is_younger_stays(town: Town) -> None:
    _, bob, carol = company(town.world)
    say(bob, "an old secret")
    town.world.after(4 * A_DAY)
    say(bob, "a young secret")
    town.world.after(2.9 * A_DAY)
    assert past(carol) == ["bob: an old secret", "bob: a young secret"]
    town.world.after(0.5 * A_DAY)
    assert past(carol) == ["bob: a young secret"]
    assert searched(carol, "secret") == ["bob: a young secret"]
    assert not town.holds("an old secret")
    assert town.holds("a young secret")
    town.world.after(4 * A_DAY)
    assert past(carol) == searched(carol, "secret") == []
    assert not town.holds("secret")
    town.restart()
    assert past(come(town.world, "dave")) == []


def test_private_messages_go_too(town: Town) -> None:
    alice, bob, _ = company(town.world)
    alice.msg("bob", "for you alone")
    hush(alice, bob)
    town.world.after(8 * A_DAY)
    for person in (alice, bob):
        assert past(person, "inbox") == []
    assert not town.holds("for you alone")


def test_corrections_go_with_what_they_correct(town: Town) -> None:
    _, bob, carol = company(town.world)
    say(bob, "a coffee")
    do(bob, "edit a secret")
    town.world.after(8 * A_DAY)
    assert past(carol) == []
    assert not town.holds("a secret")


def test_it_is_looked_for_again_as_often_as_it_is_kept_for_demands(opened: Callable[..., Town]) -> None:
    town = opened(Person, retention=2 * HOUR)
    _, bob, _ = company(town.world)
    say(bob, "a secret")
    town.world.after(2 * 3600 * (1 + 1 / EXPIRING_PARTS) + 1)
    assert not town.holds("a secret")


def test_without_it_all_is_kept_for_ever(opened: Callable[..., Town]) -> None:
    town = opened(Person)
    _, bob, carol = company(town.world)
    say(bob, "for ever")
    town.world.after(20 * A_DAY)
    assert past(carol) == ["bob: for ever"]


def test_what_was_decided_stays_and_holds(town: Town) -> None:
    alice, *_ = company(town.world)
    come(town.world, "dave", account=True)
    for asked in ("topic tea", "op dave", "ban bob", "filter add refuse coffee", "private on"):
        do(alice, asked)
    say(alice, "words")
    town.world.after(8 * A_DAY)
    for _ in range(2):
        assert do(alice, "topic") == ["* topic of #den: tea"]
        assert do(alice, "bans") == ["* banned: bob, by alice, for good"]
        assert do(alice, "filter list") == ["* 1. refuse: coffee (by alice)"]
        assert past(alice) == []
        eve = town.world.connect(HOME)
        eve.enter("eve")
        assert refused(eve, "join den").startswith("you are banned from #den")
        eve.quit()
        told = "\n".join(do(alice, "audit"))
        assert all(word in told for word in ("dave moderator", "banned bob", "filter", "private"))
        town.restart()
        alice, dave = log_in(town.world, "alice"), log_in(town.world, "dave")
        assert do(dave, "slow 6")[-1] != "! only moderators of the room may do that"
        do(dave, "slow 0")


def test_positions_go_on_where_they_were(town: Town) -> None:
    alice, *_ = company(town.world)
    say(alice, "one", "two")
    for text in ("three", "four"):
        tip = town.world.chat.rooms["den"].log.tip
        town.world.after(8 * A_DAY)
        town.restart()
        say(log_in(town.world, "alice"), text)
        (entry,) = [entry for entry in town.entries() if entry.event.kind is Kind.SAID]
        assert entry.event.text == text
        assert tip < entry.position


def test_a_program_that_comes_back_from_before_gets_what_there_is(opened: Callable[..., Town]) -> None:
    town = opened(Program, retention=KEPT, grace=60 * A_DAY)
    _, bob, carol = company(town.world)
    say(bob, "seen")
    token = next(told["welcome"]["resume"] for told in carol.told() if "welcome" in told)
    seen = [told["position"] for told in carol.told() if told.get("room") == "den" and "position" in told][-1]
    carol.hang_up()
    say(bob, "missed for ever")
    town.world.after(8 * A_DAY)
    say(bob, "missed")
    for _ in range(2):
        again = town.world.connect(client=JsonClient)
        again.ask("hello", resume=token, rooms={"den": {"after": seen}})
        town.world.settle()
        texts = [told["text"] for told in again.told() if told.get("event") == "said"]
        assert [text for text in texts if text] == ["missed"]
        assert "missed for ever" not in again.text()
        again.hang_up()
        town.restart()


def test_who_was_behind_for_so_long_reads_none_of_it(town: Town) -> None:
    _, bob, carol = company(town.world)
    carol.stall()
    say(bob, "fills the pipe", "a secret")
    town.world.after(200)
    assert town.world.chat.settings.stalled_timeout > 200
    town.world.chat.rooms["den"].log.forget(town.world.chat.milliseconds())
    carol.wake()
    assert "a secret" not in "\n".join(news(carol))


def test_where_people_came_from_fades_in_its_time(opened: Callable[..., Town], client: Any) -> None:
    town = opened(client, addresses_for=30 * DAY)
    alice, _, _ = company(town.world)
    do(alice, "ban bob")
    assert town.holds(HOME)
    town.world.after(29 * A_DAY)
    town.restart()
    assert town.holds(HOME)
    back = town.world.connect(HOME)
    back.enter("somebody")
    assert "banned" in refused(back, "join den")
    back.quit()
    town.world.after(32 * A_DAY)
    assert not town.holds(HOME)
    somebody = town.world.connect(HOME)
    somebody.enter("eve")
    assert not [line for line in do(somebody, "join den") if line.startswith("! ")]
    bob = town.world.connect(ELSEWHERE)
    bob.enter("bob")
    assert "banned" in refused(bob, "join den")


def test_where_it_is_to_be_kept_for_ever_it_never_fades(opened: Callable[..., Town]) -> None:
    town = opened(Person, addresses_for=0)
    alice, _, _ = company(town.world)
    do(alice, "ban bob")
    town.world.after(400 * A_DAY)
    assert town.holds(HOME)
    back = town.world.connect(HOME)
    back.enter("somebody")
    assert "banned" in refused(back, "join den")


def test_who_came_and_went_before_the_last_start_is_forgotten_after_a_day(town: Town) -> None:
    come(town.world, "dave").quit()
    town.world.after(1)

    def told() -> list[str]:
        return [entry.event.nick for entry in town.entries("#lobby") if entry.event.kind.sort is Sort.PRESENCE]

    town.restart()
    assert "dave" in told()
    town.world.after(PRESENCE_DAYS * A_DAY + EXPIRING)
    assert "dave" not in told()


class Unforgetting(SlowStorage):
    """A storage in which nothing expires until it can."""

    can = False

    def expire(self, time: int, sort: Sort) -> Any:
        if self.can:
            return super().expire(time, sort)
        raise NotSaved("the disk is full")


@pytest.mark.parametrize("kind", FORMATS.values(), ids=FORMATS)
def test_what_fails_is_tried_again(kind: Any) -> None:
    storage = Unforgetting()
    world = World(kind, storage=storage, grace=0, retention=KEPT, registrations_an_hour=0, operators=[nickname("root")])
    _, bob, carol = company(world)
    say(bob, "a secret")
    world.after(8 * A_DAY)
    assert past(carol) == ["bob: a secret"]
    storage.can = True
    world.after(TIDY_AGAIN + 1)
    assert past(carol) == []
    assert not [e for e in storage.storage._logs["#den"] if e.event.kind is Kind.SAID]  # type: ignore[attr-defined]
    carol.register(PASSWORD)
    assert do(carol, "who") != []


@pytest.mark.parametrize("can", [True, False])
def test_when_the_server_stops_nothing_is_looked_for_any_more(can: bool) -> None:
    storage = Unforgetting()
    storage.can = can
    world = World(Person, storage=storage)
    assert [call.getTime() for call in world.clock.getDelayedCalls()] == [EXPIRING if can else TIDY_AGAIN]
    ensureDeferred(world.chat.stop("back soon"))
    assert world.clock.getDelayedCalls() == []


def test_when_the_server_stops_meanwhile_it_is_not_looked_for_again() -> None:
    under_way: Deferred[None] = Deferred()

    class Slow(SlowStorage):
        def expire(self, time: int, sort: Sort) -> Any:
            return under_way

    world = World(Person, storage=Slow(), addresses_for=0)
    ensureDeferred(world.chat.stop("back soon"))
    under_way.callback(None)
    assert world.clock.getDelayedCalls() == []
