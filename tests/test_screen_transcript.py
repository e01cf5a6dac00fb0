"""What a window of the screen shows: all that came, in order, where one looks. A list of rows is the oracle."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chatroom.client.screen.cells import Row
from chatroom.client.screen.line import CROWD_MOST, Line
from chatroom.client.screen.transcript import (
    FARTHEST,
    FARTHEST_CHARACTERS,
    KEPT,
    KEPT_CHARACTERS,
    LAID_OUT,
    SPARE,
    SPARE_CHARACTERS,
    Transcript,
)

MORNING = datetime(2026, 11, 20, 9, 12, tzinfo=UTC)
WIDTH, HEIGHT = 40, 6
TODAY = "── Friday, 20 November 2026 ────────────"
NEW = "── new ─────────────────────────────────"


def line(text: str, *, eid: str = "", position: str = "", when: datetime = MORNING) -> Line:
    return Line(when, (), text, eid=eid, position=position)


def texts(rows: list[Row]) -> list[str]:
    return ["".join(cell.text for cell in row).rstrip() for row in rows]


def shown(transcript: Transcript, width: int = WIDTH, height: int = 1000) -> list[str]:
    """Without the times."""
    return [text.removeprefix("09:12 ") for text in texts(transcript.view(width, height))]


def filled(count: int) -> Transcript:
    transcript = Transcript()
    for number in range(count):
        transcript.add(line(f"{number}", eid=f"e{number}", position=f"{number + 1}"))
    return transcript


@pytest.fixture
def transcript() -> Transcript:
    return Transcript()


# What is shown


def test_an_empty_window_shows_nothing_and_is_looked_at_all_the_same(transcript: Transcript) -> None:
    assert transcript.view(WIDTH, HEIGHT) == []
    assert transcript.up(3, WIDTH, HEIGHT) == 3
    transcript.down(3, WIDTH)
    transcript.to_the_end()
    assert (transcript.oldest, len(transcript), transcript.looks_back) == ("", 0, False)


def test_lines_stand_in_order_below_the_day(transcript: Transcript) -> None:
    transcript.add(line("one"))
    transcript.add(line("two"))
    assert shown(transcript) == [TODAY, "one", "two"]
    assert shown(transcript, height=1) == ["two"]
    assert shown(transcript, height=0) == []


def test_each_day_has_its_rule(transcript: Transcript) -> None:
    for days in (0, 0, 1, 3):
        transcript.add(line(f"{days}", when=MORNING + timedelta(days)))
    rules = [text.strip("─ ") for text in shown(transcript) if text.startswith("──")]
    assert rules == ["Friday, 20 November 2026", "Saturday, 21 November 2026", "Monday, 23 November 2026"]


def test_an_event_that_came_is_shown_once(transcript: Transcript) -> None:
    transcript.add(line("one", eid="e"))
    transcript.add(line("one", eid="e"))
    transcript.older([line("one", eid="e"), line("zero", eid="d")])
    assert shown(transcript) == [TODAY, "zero", "one"]


def test_older_lines_stand_before_all_others(transcript: Transcript) -> None:
    transcript.add(line("told"))
    transcript.add(line("three", eid="3", position="7"))
    assert transcript.oldest == "7"
    transcript.older([line("one", eid="1", position="5"), line("two", eid="2", position="6")])
    assert shown(transcript) == [TODAY, "one", "two", "told", "three"]
    assert transcript.oldest == "5"


def test_what_is_corrected_or_removed_changes_in_its_place(transcript: Transcript) -> None:
    for number in range(3):
        transcript.add(line(f"{number}", eid=f"e{number}"))
    shown(transcript)
    transcript.correct("e0", "nought")
    transcript.remove("e1")
    transcript.correct("e7", "nothing")
    transcript.remove("e7")
    assert shown(transcript) == [TODAY, "nought (edited)", "(removed)", "2"]


def test_what_waits_stands_below_all_until_its_outcome(transcript: Transcript) -> None:
    transcript.wait("a", line("mine"))
    transcript.add(line("another's"))
    assert shown(transcript) == [TODAY, "another's", "mine"]
    transcript.mark_waiting("class:waiting", "not sent yet")
    assert shown(transcript)[-1] == "mine (not sent yet)"
    transcript.mark_waiting("class:pending", "")
    assert shown(transcript)[-1] == "mine"
    assert transcript.done("a") is not None
    assert transcript.done("a") is None
    assert shown(transcript) == [TODAY, "another's"]


def test_what_was_cleared_is_shown_no_more_and_can_be_fetched_again(transcript: Transcript) -> None:
    transcript.add(line("one", eid="1", position="4"))
    transcript.wait("a", line("mine"))
    transcript.whole = True
    transcript.clear()
    assert shown(transcript) == [TODAY, "mine"]
    assert (transcript.oldest, transcript.whole) == ("", False)
    transcript.older([line("one", eid="1", position="4")])
    assert shown(transcript) == [TODAY, "one", "mine"]


# Where one stopped reading


def test_where_one_stopped_reading_a_rule_stands(transcript: Transcript) -> None:
    transcript.add(line("read"))
    transcript.mark()
    transcript.add(line("joined"), counts=False)
    transcript.add(line("unread"))
    transcript.add(line("more"))
    assert shown(transcript) == [TODAY, "read", "joined", NEW, "unread", "more"]
    transcript.mark()
    assert NEW not in shown(transcript)


def test_who_read_on_has_no_rule(transcript: Transcript) -> None:
    transcript.add(line("read"))
    transcript.mark()
    transcript.read_on()
    transcript.add(line("read too"))
    assert NEW not in shown(transcript)


def test_above_all_lines_there_is_nothing_that_was_read(transcript: Transcript) -> None:
    transcript.mark()
    transcript.add(line("unread"))
    assert shown(transcript) == [TODAY, "unread"]


# Who comes and goes


def test_who_comes_and_goes_is_folded_until_something_else_happens(transcript: Transcript) -> None:
    transcript.moved(MORNING, "al", "joined", "")
    shown(transcript)
    transcript.moved(MORNING, "bo", "joined", "")
    transcript.add(line("words"))
    transcript.moved(MORNING, "al", "left", "")
    transcript.moved(MORNING + timedelta(1), "bo", "left", "")
    assert [text for text in shown(transcript) if not text.startswith("──")] == [
        "* al and bo joined",
        "words",
        "* al left",
        "* bo left",
    ]


def test_who_comes_and_goes_is_no_reason_for_a_rule(transcript: Transcript) -> None:
    transcript.add(line("read"))
    transcript.mark()
    transcript.moved(MORNING, "al", "joined", "")
    assert NEW not in shown(transcript)


def test_of_very_many_who_come_and_go_one_line_tells_of_so_many(transcript: Transcript) -> None:
    for number in range(CROWD_MOST + 1):
        transcript.moved(MORNING, f"p{number}", "joined", "")
    transcript.moved(MORNING, f"p{CROWD_MOST}", "left", "")
    assert [text.split()[-3:] for text in shown(transcript, 200)[1:]] == [
        [f"{CROWD_MOST - 8}", "more", "joined"],
        ["came", "and", "went"],
    ]


# How much is kept


def test_a_window_keeps_so_many_lines_and_drops_some_at_once() -> None:
    transcript = filled(KEPT + SPARE)
    transcript.whole = True
    assert len(transcript) == KEPT + SPARE
    transcript.add(line("last"))
    assert (len(transcript), transcript.whole) == (KEPT, False)
    assert shown(transcript, height=10_000)[1:] == [*map(str, range(SPARE + 1, KEPT + SPARE)), "last"]
    assert transcript.oldest == f"{SPARE + 2}"
    transcript.older([line("again", eid=f"e{SPARE}")])  # it is known no more
    assert shown(transcript, height=10_000)[1] == "again"


def test_while_one_looks_back_more_are_kept_and_nothing_moves() -> None:
    transcript = filled(KEPT)
    transcript.up(100, WIDTH, HEIGHT)
    before = shown(transcript, height=HEIGHT)
    for _ in range(FARTHEST + SPARE - KEPT):
        transcript.add(line("more"))
    assert len(transcript) == FARTHEST + SPARE
    assert transcript.full
    assert shown(transcript, height=HEIGHT) == before
    transcript.add(line("more"))
    assert len(transcript) == FARTHEST
    assert shown(transcript, height=HEIGHT) == before
    for _ in range(KEPT):
        transcript.add(line("more"))
    assert shown(transcript, height=HEIGHT) == [TODAY, *["more"] * (HEIGHT - 1)]
    assert transcript.looks_back
    transcript.to_the_end()
    assert len(transcript) == KEPT
    assert not transcript.full


def test_lines_fetched_while_the_newest_are_looked_at_go_with_the_next() -> None:
    transcript = filled(KEPT)
    transcript.older([line(f"older {number}") for number in range(SPARE)])
    transcript.add(line("new"))
    assert len(transcript) == KEPT


def long(number: int, length: int) -> Line:
    return line(f"{number} ".ljust(length, "x"), eid=f"e{number}", position=f"{number + 1}")


def test_of_long_lines_a_window_keeps_so_many_characters(transcript: Transcript) -> None:
    length = SPARE_CHARACTERS // 4
    many = KEPT_CHARACTERS // length
    for number in range(many + 4):
        transcript.add(long(number, length))
    assert len(transcript) == many + 4
    transcript.whole = True
    transcript.add(line("last"))
    assert (len(transcript), transcript.whole) == (many, False)
    assert shown(transcript, height=1) == ["last"]


def test_while_one_looks_back_more_characters_are_kept(transcript: Transcript) -> None:
    length = SPARE_CHARACTERS // 2
    many = FARTHEST_CHARACTERS // length
    transcript.add(long(0, length))
    transcript.add(line("end"))
    transcript.up(1, WIDTH, HEIGHT)
    before = shown(transcript, height=HEIGHT)
    for number in range(1, many - 1):
        transcript.add(long(number, length))
        assert not transcript.full
    transcript.older([long(-1, length)])
    assert transcript.full
    assert shown(transcript, height=HEIGHT) == before
    transcript.to_the_end()
    assert len(transcript) == KEPT_CHARACTERS // length
    assert not transcript.full


def test_a_line_longer_than_all_that_is_kept_is_shown_all_the_same(transcript: Transcript) -> None:
    for number in range(3):
        transcript.add(long(number, KEPT_CHARACTERS * 2))
        assert (len(transcript), transcript.oldest) == (1, f"{number + 1}")
    transcript.correct("e2", "y" * (LAID_OUT + WIDTH))
    assert shown(transcript, height=2)[0] == f"{'':6}{'y' * (WIDTH - 6)}"
    transcript.remove("e2")
    transcript.add(line("short", eid="short"))
    assert shown(transcript)[1:] == ["(removed)", "short"]
    transcript.correct("short", "s" * KEPT_CHARACTERS * 2)
    transcript.add(line("last"))
    assert shown(transcript)[1:] == ["last"]


@pytest.mark.parametrize(("many", "length"), [(KEPT, 400), (8, 65_536)])
def test_only_so_many_cells_are_kept_laid_out(transcript: Transcript, many: int, length: int) -> None:
    width = 100
    for number in range(many):
        transcript.add(long(number, length))
    tracemalloc.start()
    try:
        while not transcript.up(width, width, HEIGHT):
            transcript.view(width, HEIGHT)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < LAID_OUT * 120 < many * length * 70  # bytes of a cell, in a list or not
    assert shown(transcript, width, HEIGHT)[1].startswith("0 xxx")


# Looking back


def test_what_was_waiting_and_looked_at_leaves_the_view_where_it_is() -> None:
    transcript = filled(20)
    for number in range(5):
        transcript.wait(f"{number}", line(f"mine {number}"))
    transcript.up(2, WIDTH, HEIGHT)
    assert shown(transcript, height=HEIGHT)[-1] == "mine 2"
    for number in range(5):
        transcript.done(f"{number}")
        transcript.add(line(f"said {number}"))
    assert shown(transcript, height=HEIGHT)[-2:] == ["said 0", "said 1"]
    assert transcript.looks_back


@pytest.mark.parametrize(("width", "height"), [(200, HEIGHT), (WIDTH, 20), (200, 100)])
def test_a_screen_that_grows_at_the_top_is_filled_from_below(width: int, height: int) -> None:
    transcript = Transcript()
    for number in range(20):
        transcript.add(line(f"{number} {'word ' * 15}"))
    transcript.up(1000, WIDTH, HEIGHT)
    found = shown(transcript, width, height)
    assert found[0].startswith("── Friday")
    assert len(found) == min(height, 21 if width == 200 else 61)
    transcript.down(1, width)
    assert height == 100 or shown(transcript, width, height)[0].startswith("0 word")


def test_each_turn_moves_by_so_much_however_wide_the_screen_was_before() -> None:
    transcript = Transcript()
    for number in range(20):
        transcript.add(line(f"{number} {'word ' * 15}"))
    transcript.up(3, WIDTH, HEIGHT)
    before = shown(transcript, 200, HEIGHT)
    assert transcript.up(1, 200, HEIGHT) == 0
    assert shown(transcript, 200, HEIGHT)[1:] == before[:-1]


class Looking(RuleBasedStateMachine):
    """The rows of all lines, one below the other, and a view on some of them."""

    def __init__(self) -> None:
        super().__init__()
        self.transcript = Transcript()
        self.lines: list[Line] = []
        self.pending: dict[str, Line] = {}
        self.first = self.last = 0
        self.width, self.height = 24, 5

    # The oracle

    def everything(self) -> list[str]:
        other = Transcript()
        for one in [*self.lines, *self.pending.values()]:
            other.add(Line(one.when, (), one.text))
        return texts(other.view(self.width, 10_000))

    def seen(self) -> list[str]:
        return texts(self.transcript.view(self.width, self.height))

    def below(self) -> int:
        """How many rows are not seen that stand below."""
        everything, seen = self.everything(), self.seen()
        ends = [at for at in range(len(everything) + 1) if everything[at - len(seen) : at] == seen and at >= len(seen)]
        assert len(ends) == 1 or not seen, (everything, seen)  # rows are different
        return len(everything) - ends[0] if seen else 0

    def make(self, number: int, words: int) -> Line:
        text = " ".join(f"{number}.{word}" for word in range(words + 1))
        after = timedelta(minutes=number) if number > 0 else timedelta(hours=number)  # the older ones on several days
        return Line(MORNING + after, (), text, eid=f"e{number}")

    # What happens

    @rule(words=st.integers(0, 30), many=st.integers(1, 4))
    def comes(self, words: int, many: int) -> None:
        before, pending = self.seen(), self.looks_at_pending()
        for _ in range(many):
            self.last += 1
            one = self.make(self.last, words)
            self.lines.append(one)
            self.transcript.add(one)
        if self.transcript.looks_back and not pending:
            assert self.seen() == before

    @rule(words=st.integers(0, 30), many=st.integers(0, 6))
    def older(self, words: int, many: int) -> None:
        before = [row for row in self.seen() if "──" not in row]
        self.first -= many
        found = [self.make(number, words) for number in range(self.first, self.first + many)]
        self.lines[:0] = found
        self.transcript.older(found)
        after = [row for row in self.seen() if "──" not in row]
        many = min(len(before), len(after))
        if before:
            assert before[-many:] == after[-many:]

    @rule(words=st.integers(0, 30))
    def waits(self, words: int) -> None:
        self.last += 1
        one = self.pending[f"{self.last}"] = self.make(self.last, words)
        self.transcript.wait(f"{self.last}", one)

    @precondition(lambda self: self.pending)
    @rule()
    def settles(self) -> None:
        before, pending = self.seen(), self.looks_at_pending()
        id = next(iter(self.pending))
        one = self.pending.pop(id)
        assert self.transcript.done(id) is one
        self.lines.append(one)
        self.transcript.add(one)
        if self.transcript.looks_back and not pending:
            assert self.seen() == before

    @rule(rows=st.integers(1, 12))
    def up(self, rows: int) -> None:
        was, most = self.below(), max(0, len(self.everything()) - self.height)
        assert self.transcript.up(rows, self.width, self.height) == max(0, was + rows - most)
        assert self.below() == min(was + rows, most)

    @rule(rows=st.integers(1, 12))
    def down(self, rows: int) -> None:
        was = self.below()
        self.transcript.down(rows, self.width)
        assert self.below() == max(0, was - rows)

    @rule(rows=st.integers(1, 12))
    def up_and_down(self, rows: int) -> None:
        before = self.seen()
        if not self.transcript.up(rows, self.width, self.height):
            self.transcript.down(rows, self.width)
            assert self.seen() == before

    @rule()
    def to_the_end(self) -> None:
        self.transcript.to_the_end()
        assert self.below() == 0

    @rule(width=st.integers(16, 60), height=st.integers(1, 12))
    def resized(self, width: int, height: int) -> None:
        self.width, self.height = width, height

    def looks_at_pending(self) -> bool:
        """Which stands below all that comes."""
        waits = sum(len(one.rows(self.width)) for one in self.pending.values())
        return bool(self.pending) and self.below() < waits

    @invariant()
    def the_view_is_full(self) -> None:
        assert len(self.seen()) == min(self.height, len(self.everything()))

    @invariant()
    def at_the_end_the_newest_stands_last(self) -> None:
        assert (self.below() == 0) or self.transcript.looks_back
        if not self.transcript.looks_back:
            assert self.seen() == self.everything()[-self.height :]


TestLooking = Looking.TestCase
TestLooking.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
