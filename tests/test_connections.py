"""Who is connected: how many may be, in all and from one address, and when all are gone."""

from __future__ import annotations

import pytest

from chatroom.connections import Connections
from chatroom.request import Refused


class Somebody:
    async def dismiss(self, words: str) -> None:
        """Nobody asks for it here."""


def connect(connections: Connections, *addresses: str) -> list[bool]:
    """Tells of each whether it was let in; all stay connected."""
    let_in = []
    for address in addresses:
        try:
            connections.admit(Somebody(), address)
            let_in.append(True)
        except Refused:
            let_in.append(False)
    return let_in


def test_in_all_there_are_so_many_and_the_next_is_told() -> None:
    connections = Connections(3, 3)
    assert connect(connections, "192.0.2.1", "192.0.2.2", "192.0.2.3") == [True] * 3
    with pytest.raises(Refused, match="the server is full: it takes 3 connections; come again later") as refused:
        connections.admit(Somebody(), "192.0.2.4")
    assert refused.value.code == "too_many"


def test_from_one_address_there_are_so_many_and_the_next_is_told() -> None:
    connections = Connections(100, 2)
    assert connect(connections, "192.0.2.1", "192.0.2.1", "192.0.2.2") == [True] * 3
    with pytest.raises(Refused, match="2 connections from your address are the most") as refused:
        connections.admit(Somebody(), "192.0.2.1")
    assert refused.value.code == "too_many_from_one"


@pytest.mark.parametrize(
    "addresses",
    [
        ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::"],
        ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"],
        ["fe80::1%eth0", "fe80::2%eth0", "fe80::3%lo"],
    ],
)
def test_these_count_as_one_address(addresses: list[str]) -> None:
    assert connect(Connections(100, 2), *addresses) == [True, True, False]


@pytest.mark.parametrize(
    "addresses",
    [
        ["2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:2::1"],
        ["192.0.2.1", "192.0.2.2", "192.0.2.3"],
    ],
)
def test_these_count_as_several_addresses(addresses: list[str]) -> None:
    assert connect(Connections(100, 1), *addresses) == [True] * 3


@pytest.mark.parametrize("address", ["", "127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_this_machine_may_have_as_many_as_all(address: str) -> None:
    assert connect(Connections(5, 1), *[address] * 6) == [True] * 5 + [False]


def test_who_is_gone_makes_room_once() -> None:
    connections = Connections(2, 1)
    one, two = Somebody(), Somebody()
    connections.admit(one, "192.0.2.1")
    connections.admit(two, "192.0.2.2")
    connections.release(one)
    connections.release(one)
    assert connect(connections, "192.0.2.1", "192.0.2.3") == [True, False]


def test_who_was_refused_takes_a_place_until_they_are_gone() -> None:
    connections = Connections(1, 1)
    one, two = Somebody(), Somebody()
    connections.admit(one, "192.0.2.1")
    with pytest.raises(Refused):
        connections.admit(two, "192.0.2.2")
    connections.release(one)
    assert connect(connections, "192.0.2.3") == [False]
    assert set(connections) >= {two}


def test_it_is_told_when_nobody_is_connected_any_more() -> None:
    connections = Connections(9, 9)
    assert connections.gone().called
    one, two = Somebody(), Somebody()
    connections.admit(one, "")
    connections.admit(two, "")
    gone = connections.gone()
    connections.release(one)
    assert not gone.called
    connections.release(two)
    assert gone.called
    assert connections.gone().called


def test_who_is_connected_may_go_while_all_are_looked_at() -> None:
    connections = Connections(9, 9)
    people = [Somebody() for _ in range(3)]
    for somebody in people:
        connections.admit(somebody, "")
    for somebody in connections:
        connections.release(somebody)
    assert list(connections) == []


def test_an_address_that_is_none_counts_as_itself() -> None:
    """A proxy's header says anything."""
    connections = Connections(100, 1)
    connections.admit(Somebody(), "nonsense")
    with pytest.raises(Refused):
        connections.admit(Somebody(), "nonsense")


def test_without_memory_nobody_more_is_let_in_and_who_is_here_stays() -> None:
    left = True
    connections = Connections(9, 9, lambda: left)
    somebody, newcomer = Somebody(), Somebody()
    connections.admit(somebody, "192.0.2.1")
    left = False
    with pytest.raises(Refused, match="no memory left"):
        connections.admit(newcomer, "192.0.2.2")
    assert somebody in [*connections]
