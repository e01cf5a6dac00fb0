"""The screen's face and a real server in memory, as in test_screen_face.py: what was said before, what is asked of the person
who types, and how it ends.
"""

from __future__ import annotations

import pytest

from chatroom.client.screen.leaving import LEAVE_TIMEOUT
from chatroom.client.screen.paging import FETCHED

from .test_client_rooms import PASSWORD
from .test_screen_face import WIDE, Desk


@pytest.fixture
def desk() -> Desk:
    """Who is in lobby and dev, and looks at dev."""
    desk = Desk()
    desk.enter()
    desk.type("/join dev")
    desk.go_on()
    return desk


# What was before


def test_history_is_shown_on_entering() -> None:
    desk = Desk(history=5)
    desk.says("before")
    desk.says("in dev", "dev")
    desk.enter()
    assert desk.talk() == ["alice: before"]
    desk.type("/join dev")
    desk.go_on()
    assert desk.talk() == ["alice: in dev"]
    assert "#dev 1" not in desk.bar()


def filled(count: int) -> Desk:
    desk = Desk(history=10)
    for number in range(count):
        desk.alice.ask("say", room="lobby", text=f"line {number}")
    desk.world.settle()
    desk.enter()
    return desk


def test_who_looks_back_is_shown_what_the_server_has_until_there_is_nothing_older() -> None:
    desk = filled(FETCHED + 30)
    assert len(desk.talk()) == 10
    transcript = desk.seen.windows.current.transcript
    before = transcript.view(WIDE, 8)
    while len(desk.talk()) == 10:
        before = transcript.view(WIDE, 8)
        desk.seen.turn(7, WIDE, 8)
        desk.go_on()
    assert len(desk.talk()) == FETCHED + 10
    assert transcript.view(WIDE, 8)[-1] in before  # nothing was passed over
    for _ in range(30):
        desk.seen.turn(7, WIDE, 8)
        desk.go_on()
    assert len(desk.talk()) == FETCHED + 30
    assert desk.talk()[:2] == ["alice: line 0", "alice: line 1"]
    assert desk.screen.hints[-1] == "there is nothing older"
    desk.says("new")
    assert transcript.looks_back
    desk.seen.to_the_end()
    assert desk.talk()[-1] == "alice: new"


def test_what_is_fetched_as_the_connection_is_lost_comes_once() -> None:
    desk = filled(40)
    desk.seen.turn(50, WIDE, 8)
    desk.carry_up()
    desk.carry_down(700)
    desk.cut()
    desk.seen.turn(50, WIDE, 8)
    desk.recover()
    assert desk.talk() == [f"alice: line {number}" for number in range(40)]
    assert desk.conversation.under_way == 0


def test_hits_of_a_search_are_listed_and_not_mixed_with_what_is_fetched() -> None:
    desk = filled(40)
    desk.seen.turn(50, WIDE, 8)
    desk.type("/search 7")
    desk.go_on()
    found = [line for line in desk.shown() if "#lobby" in line and "line" in line]
    assert len(found) == 4
    assert all("2026-11-20" in "".join(cell.text for cell in row) for row in desk.rows()[-5:-1])
    assert desk.talk()[:40] == [f"alice: line {number}" for number in range(40)]


def test_what_was_written_to_us_while_away_is_no_hit_of_a_search(desk: Desk) -> None:
    desk.type("/search nothing")
    desk.cut()
    desk.alice.ask("msg", to="bot", text="psst")
    desk.recover()
    assert "alice -> you: psst" in desk.shown()
    assert "nothing was found" in desk.shown()[-1]


# Questions


def everything(desk: Desk) -> str:
    return "".join("".join(desk.shown(room)) for room in desk.names) + "".join(desk.screen.hints)


@pytest.mark.parametrize("line", ["/login bot {0}", "/register {0}", "/logn bot {0}", " /login bot {0}"])
@pytest.mark.parametrize("how", ["here", "away", "moving"])
def test_a_password_is_shown_nowhere(desk: Desk, line: str, how: str) -> None:
    if how == "away":
        desk.cut()
    if how == "moving":
        desk.cut()
        desk.type("/join ops")
    desk.type(line.format(PASSWORD))
    assert PASSWORD not in everything(desk)
    desk.recover()
    assert PASSWORD not in everything(desk)
    assert [desk.texts(room) for room in ("lobby", "dev", "ops")] == [[], [], []]


def test_a_password_is_asked_for_hidden_and_shown_nowhere(desk: Desk) -> None:
    desk.type("/register")
    assert desk.screen.asks_hidden()
    for _ in range(2):
        desk.seen.answer(PASSWORD)
    desk.go_on()
    assert not desk.screen.asks()
    assert desk.conversation.account
    assert PASSWORD not in everything(desk)
    desk.type("/password")
    desk.seen.cancel()
    assert desk.shown()[-1] == "* nothing was changed"


def test_who_has_to_answer_before_they_are_in_is_asked() -> None:
    desk = Desk(password=PASSWORD, logs_in=False)
    desk.enter()
    assert desk.screen.asks_hidden()
    desk.seen.answer(PASSWORD)
    desk.go_on()
    assert not desk.screen.asks()
    assert (desk.looks_at, desk.conversation.account) == ("lobby", True)
    assert PASSWORD not in everything(desk)


# Leaving


def test_who_leaves_takes_leave_and_it_is_over(desk: Desk) -> None:
    desk.type("bye then", "/quit lunch")
    desk.go_on()
    assert (desk.is_over(), desk.seen.why) == (True, "")
    assert desk.texts("dev") == ["bye then"]
    desk.seen.over("again")
    assert desk.seen.why == ""


def test_a_server_that_does_not_let_us_go_is_left(desk: Desk) -> None:
    desk.seen.leave()
    desk.seen.leave()
    assert not desk.is_over()
    desk.time.advance(LEAVE_TIMEOUT)
    assert desk.is_over()


@pytest.mark.parametrize("line", ["unsent", "/join ops"])
def test_who_leaves_with_lines_that_are_not_sent_is_asked_once(desk: Desk, line: str) -> None:
    desk.cut()
    desk.type(line)
    desk.seen.leave()
    assert "1 line was not sent yet" in desk.screen.hints[-1]
    assert not desk.is_over()
    desk.seen.leave()
    assert (desk.is_over(), desk.seen.why) == (True, "1 line may not have been said")


def test_what_is_held_behind_a_join_is_asked_about_too(desk: Desk) -> None:
    desk.type("/join ops", "one", "two", "/quit")
    assert "2 lines were not sent yet" in desk.screen.hints[-1]
    desk.go_on()
    assert desk.texts("ops") == ["one", "two"]
    desk.type("/quit")
    desk.go_on()
    assert (desk.is_over(), desk.seen.why) == (True, "")


def test_who_is_put_off_the_server_is_told_why_and_what_may_be_lost(desk: Desk) -> None:
    desk.type("one", "two")
    desk.reply({"refused": {"code": "kicked", "words": "alice put you out of this server"}})
    assert desk.seen.why == "alice put you out of this server; 2 lines may not have been said"
