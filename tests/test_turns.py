"""Turns: one after the other, however many wait."""

from __future__ import annotations

from twisted.internet.defer import Deferred, ensureDeferred

from chatroom.turns import Turns


async def had(turns: Turns, who: int, order: list[int], until: Deferred[None] | None = None) -> None:
    await turns.take()
    if until:
        await until
    order.append(who)
    turns.end()


def test_a_thousand_who_wait_all_have_their_turn_in_order() -> None:
    turns, order, first = Turns(), list[int](), Deferred[None]()
    waiting = [ensureDeferred(had(turns, who, order, first if who == 0 else None)) for who in range(1000)]
    assert (order, turns.idle) == ([], False)
    first.callback(None)
    assert order == list(range(1000))
    assert turns.idle
    assert all(each.called for each in waiting)


def test_whose_turn_takes_long_keeps_the_others_waiting() -> None:
    turns, order = Turns(), list[int]()
    ends = [Deferred[None]() for _ in range(3)]
    for who, end in enumerate(ends):
        ensureDeferred(had(turns, who, order, end))
    ends[1].callback(None)
    assert order == []
    ends[0].callback(None)
    assert order == [0, 1]
    assert not turns.idle
    ends[2].callback(None)
    assert (order, turns.idle) == ([0, 1, 2], True)


def test_who_asks_within_their_turn_comes_last() -> None:
    turns, order = Turns(), list[int]()

    async def greedy() -> None:
        await turns.take()
        again = ensureDeferred(had(turns, 2, order))
        order.append(0)
        turns.end()
        await again

    done = ensureDeferred(greedy())
    assert done.called
    ensureDeferred(had(turns, 3, order))
    assert (order, turns.idle) == ([0, 2, 3], True)
