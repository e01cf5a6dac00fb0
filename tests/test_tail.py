"""A tail that ended, or was replaced by another, leaves nothing behind."""

from __future__ import annotations

from chatroom.operations.tail import LOOK_AGAIN
from chatroom.rights import Right

from .test_running import Owned


def test_after_a_second_tail_on_a_connection_later_rooms_come_once() -> None:
    world = Owned(room_creation=Right.CHAT)
    alice = world.enter("alice")
    timers = len(world.clock.getDelayedCalls())
    owner = world.watch()
    for _ in range(3):
        owner.ask("tail")
    assert [each["answer"] for each in owner.told()] == ["tail"] * 3
    assert len(world.clock.getDelayedCalls()) == timers + 1
    alice.line("/join tea")
    alice.say("in tea")
    world.after(3 * LOOK_AGAIN)
    assert [text for kind, _, text in owner.events() if kind == "said"] == ["in tea"]


def test_a_tail_leaves_no_timer_when_its_connection_is_gone() -> None:
    world = Owned()
    world.enter("alice")
    timers = len(world.clock.getDelayedCalls())
    owner = world.watch()
    assert len(world.clock.getDelayedCalls()) == timers + 1
    owner.hang_up()
    assert len(world.clock.getDelayedCalls()) == timers
