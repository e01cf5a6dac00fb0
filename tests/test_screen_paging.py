"""Looking back on a screen: what comes of the past stands where it belongs, and nothing is missing between, whatever is typed
or pressed while it is on its way. A real server in memory, as in test_screen_face.py.
"""

from __future__ import annotations

import pytest

from chatroom.client.screen import transcript
from chatroom.client.screen.paging import FETCHED

from .test_client_core import EVERYTHING
from .test_client_rooms import PASSWORD
from .test_screen_face import Desk

ROWS, WIDE, HIGH = 10, 80, 12

PIECES = (1, 7, 100, 1000, EVERYTHING)
"""Bytes that come at once."""


def fill(desk: Desk, room: str, count: int, text: str = "old") -> None:
    """Somebody says so much there."""
    for number in range(count):
        desk.alice.ask("say", room=room, text=f"{text} {number}")
    desk.world.settle()


def turn(desk: Desk) -> None:
    desk.seen.turn(ROWS, WIDE, HIGH)


def go_on(desk: Desk, size: int) -> None:
    """So many bytes at once come down."""
    for _ in range(30_000 // size + 10):
        desk.carry_up()
        desk.carry_down(size)


def numbers(desk: Desk, room: str, text: str = "old") -> list[int]:
    """Which lines are shown of these."""
    return [int(line.rpartition(" ")[2]) for line in desk.talk(room) if f": {text} " in line]


def looked_back() -> Desk:
    """Somebody in lobby, where there is more to be seen than was asked for yet."""
    desk = Desk(history=5)
    fill(desk, "lobby", 2 * FETCHED)
    desk.enter()
    return desk


# Hits, and what was not looked for


@pytest.mark.parametrize("size", PIECES)
def test_what_was_said_in_a_room_that_is_entered_is_no_hit_of_a_search_behind_it(size: int) -> None:
    desk = Desk(history=5)
    fill(desk, "ops", 5)
    desk.alice.ask("say", room="lobby", text="a needle")
    desk.enter()
    desk.type("/join ops", "/search needle")
    go_on(desk, size)
    assert numbers(desk, "ops") == [0, 1, 2, 3, 4]
    assert [line for room in desk.names for line in desk.shown(room) if "#ops" in line and "old" in line] == []
    assert sum("#lobby alice: a needle" in line for line in desk.shown("lobby") + desk.shown("ops")) == 1
    assert desk.conversation.under_way == 0


@pytest.mark.parametrize("size", PIECES)
def test_what_was_said_where_one_comes_in_is_no_hit_of_a_search_typed_before(size: int) -> None:
    desk = Desk(history=5)
    fill(desk, "lobby", 5)
    desk.type("/search nothing")
    desk.link.start()
    go_on(desk, size)
    assert numbers(desk, "lobby") == [0, 1, 2, 3, 4]
    assert [line for line in desk.shown() if "#lobby alice: old" in line] == []


@pytest.mark.parametrize("size", PIECES)
def test_what_was_written_to_who_logs_in_is_no_hit_of_a_search_behind_it(size: int) -> None:
    desk = Desk(password=PASSWORD, logs_in=False)
    desk.conversation._identity.nick = "guest"
    desk.alice.ask("msg", to="bot", text="psst")
    desk.enter()
    desk.type(f"/login bot {PASSWORD}", "/search nothing")
    go_on(desk, size)
    assert desk.seen.prompt() == "bot"
    assert [line for line in desk.shown() if "psst" in line] == ["alice -> you: psst"]


@pytest.mark.parametrize("size", range(20, 1500, 60))
def test_a_connection_lost_on_entering_a_room_makes_no_hits_of_what_was_said_there(size: int) -> None:
    desk = Desk(history=5)
    fill(desk, "ops", 5)
    desk.alice.ask("say", room="lobby", text="a needle")
    desk.enter()
    desk.type("/join ops", "/search needle")
    desk.carry_up()
    desk.carry_down(size)
    desk.carry_up()
    desk.cut()
    desk.recover()
    shown = [line for room in desk.names for line in desk.shown(room)]
    assert [line for line in shown if "#ops alice: old" in line] == []
    assert sum("#lobby alice: a needle" in line for line in shown) == 1
    assert desk.conversation.under_way == 0


# Pages


def test_a_page_of_what_is_older_stands_above_and_is_looked_at() -> None:
    desk = looked_back()
    turn(desk)
    desk.go_on()
    assert desk.seen.windows.current.transcript.looks_back
    desk.seen.to_the_end()
    assert numbers(desk, "lobby") == [*range(FETCHED - 5, 2 * FETCHED)]


def test_a_page_that_comes_when_its_window_was_cleared_is_asked_for_again() -> None:
    desk = looked_back()
    turn(desk)
    desk.type("/clear")
    desk.go_on()
    assert numbers(desk, "lobby") == []
    turn(desk)
    desk.go_on()
    desk.seen.to_the_end()
    assert numbers(desk, "lobby") == [*range(FETCHED, 2 * FETCHED)]


def test_a_page_that_comes_when_lines_were_dropped_leaves_none_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "KEPT", 20)
    monkeypatch.setattr(transcript, "SPARE", 5)
    desk = looked_back()
    turn(desk)
    desk.go_on()
    while not desk.conversation.under_way:
        turn(desk)
    desk.seen.to_the_end()
    kept = numbers(desk, "lobby")
    assert kept == [*range(181, 200)]
    desk.go_on()  # the page stands before what was dropped, and is all that is older
    assert (numbers(desk, "lobby"), desk.seen.windows.current.transcript.whole) == (kept, False)
    for _ in range(4 * FETCHED // ROWS):
        turn(desk)
        desk.go_on()
    lines = desk.seen.windows.current.transcript._lines  # to see the end of them would drop what is far from it
    assert [line.text for line in lines if line.eid] == [f"old {number}" for number in range(2 * FETCHED)]


def test_who_went_to_the_end_stays_there_when_the_page_comes() -> None:
    desk = looked_back()
    turn(desk)
    desk.seen.to_the_end()
    desk.go_on()
    assert not desk.seen.windows.current.transcript.looks_back
    assert numbers(desk, "lobby") == [*range(FETCHED - 5, 2 * FETCHED)]


def test_one_may_look_back_in_a_second_window_before_the_page_of_the_first_comes() -> None:
    desk = looked_back()
    fill(desk, "dev", 2 * FETCHED)
    desk.type("/join dev")
    desk.go_on()
    desk.look("lobby")
    turn(desk)
    desk.look("dev")
    turn(desk)
    desk.go_on()
    assert desk.seen.windows.current.transcript.looks_back
    desk.look("lobby")
    assert not desk.seen.windows.current.transcript.looks_back


# What was said, and comes back as what was said before


def test_what_was_said_and_comes_back_as_history_waits_no_more(desk: Desk) -> None:
    desk.type("hello")
    desk.carry_up()
    desk.world.settle()
    desk.cut()
    assert desk.shown()[-1] == "bot: hello (not sent yet)"
    desk.conversation._where.bookmarks.rooms["dev"] = ""  # the server has refused the position, say
    desk.type("/search hello")
    desk.recover()
    assert desk.texts("dev") == ["hello"]
    assert [line for line in desk.talk("dev") if line.startswith("bot: hello")] == ["bot: hello"]
    assert sum("#dev bot: hello" in line for line in desk.shown("dev")) == 1
    assert desk.seen._asking.waiting == 0


@pytest.fixture
def desk() -> Desk:
    """Who is in lobby and dev, and looks at dev."""
    desk = Desk()
    desk.enter()
    desk.type("/join dev")
    desk.go_on()
    return desk
