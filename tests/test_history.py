"""/history: page by page, back to the very first line and forth to the last, and nothing lost or doubled on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatroom.commands import history as history_module
from chatroom.event import Kind
from chatroom.times import DAY, HOUR, MINUTE, rfc3339

from .chatting import SlowStorage, World
from .support import examples
from .test_amending import FORMATS, Person, Program, Town, client, company, opened, past, say, town
from .test_moderation import do, hush, news, refused
from .test_resume import code

__all__ = ["client", "opened", "town"]  # fixtures

MORE = re.compile(r"\* (?:earlier|more): /(history (?:before|after) \d+)")
"""Where a page tells how to go on."""

KINDS = pytest.mark.parametrize("kind", FORMATS.values(), ids=FORMATS)

PAGE = 7

NO_TIME = "a time is written like 2026-11-20 or 2026-11-20T09:12, in UTC, from 1970 on"


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "HISTORY", PAGE)
    monkeypatch.setattr(history_module, "PERIOD", PAGE)


def page(person: Any, asked: str) -> tuple[list[str], str]:
    """What they are shown, without who said it, and what is to be asked next."""
    lines = do(person, asked)
    shown = [line.removeprefix("[then] ").partition(": ")[2] for line in lines if line.startswith("[then] ")]
    (*_, last) = lines or [""]
    found = MORE.fullmatch(last)
    return shown, found[1] if found else ""


def pages(person: Any, asked: str, between: Callable[[], object] = lambda: None) -> Iterator[list[str]]:
    """All of them, as each tells how to go on."""
    while asked:
        shown, asked = page(person, asked)
        yield shown
        between()


def numbers(count: int, start: int = 0) -> list[str]:
    return [f"line {number}" for number in range(start, start + count)]


# Page by page


@pytest.mark.usefixtures("short_pages")
@pytest.mark.parametrize("count", [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, 3 * PAGE + 2])
def test_one_follows_it_back_to_the_first_line_and_forth_to_the_last(town: Town, count: int) -> None:
    _, bob, carol = company(town.world)
    lines = numbers(count)
    say(bob, *lines)
    back = list(pages(carol, "history"))
    assert [line for shown in reversed(back) for line in shown] == lines
    assert [len(shown) for shown in back[:-1]] == [PAGE] * (len(back) - 1)
    forth = list(pages(carol, "history after 0"))
    assert [line for shown in forth for line in shown] == lines
    assert [len(shown) for shown in forth[:-1]] == [PAGE] * (len(forth) - 1)
    for shown in (back, forth):
        assert len(shown) == max(1, -(-count // PAGE))


@KINDS
@given(st.data())
@settings(max_examples=examples(25), deadline=None)
def test_every_page_is_a_slice_of_what_was_said_whoever_talks_meanwhile(kind: Any, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patched:
        size = data.draw(st.integers(1, 9))
        patched.setattr(history_module, "HISTORY", size)
        patched.setattr(history_module, "PERIOD", size)
        world = World(kind, grace=0, registrations_an_hour=0)
        alice, bob, carol = company(world)
        log: list[str] = []

        def talk() -> None:
            for _ in range(data.draw(st.integers(0, 4)) if len(log) < 40 else 0):
                log.append(f"line {len(log)}")
                say(data.draw(st.sampled_from([alice, bob])), log[-1])
                if data.draw(st.booleans()):
                    do(alice, "topic tea")  # what is no talk lies between

        for _ in range(data.draw(st.integers(0, 5))):
            talk()
        start = len(log)
        first = data.draw(st.integers(1, 12))
        back: list[str] = []
        for shown in pages(carol, f"history {first}", talk):
            end = start - len(back)
            assert shown == log[max(0, end - (first if not back else size)) : end]
            back = shown + back
        assert back == log[:start]
        forth: list[str] = []
        for shown in pages(carol, "history after 0", talk):
            assert shown == log[len(forth) : len(forth) + size]
            forth += shown
        assert forth == log[: len(forth)]


@KINDS
def test_what_is_said_while_a_page_is_shown_follows_it_once(kind: Any) -> None:
    storage = SlowStorage()
    world = World(kind, storage=storage, grace=0, registrations_an_hour=0)
    _, bob, carol = company(world)
    say(bob, *numbers(300))
    hush(carol)
    storage.slow_reads = True
    carol.do("history after 0")
    said = 300
    while True:
        world.settle()
        if not storage.reads_under_way:
            break
        bob.say(f"line {said}")
        said += 1
        world.settle()
        storage.come_back(anew=True)
    lines = [line.removeprefix("[then] ") for line in news(carol) if "line" in line]
    assert lines[:200] == [f"bob: {line}" for line in numbers(200)]
    assert lines[200:] == [f"bob: {line}" for line in numbers(said - 300, 300)]


@KINDS
def test_no_more_is_promised_than_is_not_shown_yet(kind: Any) -> None:
    storage = SlowStorage()
    world = World(kind, storage=storage, grace=0, registrations_an_hour=0)
    _, bob, carol = company(world)
    say(bob, *numbers(3))
    hush(carol)
    storage.slow_reads = True
    carol.do("history after 0")
    world.settle()
    bob.say("line 3")
    world.settle()
    while storage.reads_under_way:
        storage.come_back(anew=True)
        world.settle()
    lines = news(carol)
    assert [line for line in lines if "line 3" in line] == ["bob: line 3"]
    assert not [line for line in lines if MORE.match(line)]


def test_a_program_asks_for_pages_by_fields(opened: Callable[..., Town]) -> None:
    town = opened(Program)
    _, bob, carol = company(town.world)
    say(bob, *numbers(5))

    def asked(**fields: object) -> tuple[list[str], dict[str, Any]]:
        before = len(carol.told())
        carol.ask("history", "h", **fields)
        town.world.settle()
        *shown, answer = carol.told()[before:]
        assert (answer.pop("answer"), answer.pop("id")) == ("history", "h")
        assert all(told["history"] and told["room"] == "den" for told in shown)
        return [told["text"] for told in shown], answer

    shown, answer = asked(limit=2)
    assert shown == ["line 3", "line 4"]
    shown, answer = asked(limit=2, **answer)
    assert shown == ["line 1", "line 2"]
    shown, answer = asked(limit=2, **answer)
    assert (shown, answer) == (["line 0"], {})
    shown, answer = asked(limit=4, after="0")
    assert shown == numbers(4)
    assert asked(limit=4, **answer) == (["line 4"], {})
    assert asked(limit=0) == ([], {})


@KINDS
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("before 99", "99 is no position in #den, which ends at {tip}"),
        ("after 99", "99 is no position in #den, which ends at {tip}"),
        ("before yesterday", NO_TIME),
        ("yesterday", f"{NO_TIME}; the last two hours are 2h"),
        ("0s", "a duration is longer than nothing and at most 3650d"),
        ("2026-02-30", f"{NO_TIME}; the last two hours are 2h"),
    ],
)  # fmt: skip
def test_what_is_no_time_and_no_place_is_refused(kind: Any, asked: str, words: str) -> None:
    world = World(kind, grace=0, registrations_an_hour=0)
    _, _, carol = company(world)
    assert refused(carol, f"history {asked}") == words.format(tip=world.chat.rooms["den"].log.tip)


# Since, on and before a time


def spoken(world: World, person: Any, gaps: Sequence[int]) -> list[tuple[int, str]]:
    """Lines with so many minutes before each, and when they were said."""
    said = []
    for number, gap in enumerate(gaps):
        world.after(gap * 60)
        say(person, f"line {number}")
        said.append((world.chat.milliseconds(), f"line {number}"))
    return said


@KINDS
@pytest.mark.usefixtures("short_pages")
@given(st.lists(st.sampled_from([0, 0, 1, 30, 60, 600, 1440]), max_size=20), st.data())
@settings(max_examples=examples(30), deadline=None)
def test_what_is_shown_of_a_time_is_what_was_said_then(kind: Any, gaps: list[int], data: st.DataObject) -> None:
    world = World(kind, grace=0, registrations_an_hour=0)
    _, bob, carol = company(world)
    said = spoken(world, bob, gaps)
    now = world.chat.milliseconds()

    def all_of(asked: str) -> list[str]:
        shown, more = page(carol, asked)
        assert len(shown) <= PAGE
        return shown + ([line for later in pages(carol, more) for line in later] if more else [])

    hours = data.draw(st.sampled_from([1, 2, 24, 240]))
    assert all_of(f"history {hours}h") == [line for time, line in said if time > now - hours * HOUR]
    length = data.draw(st.sampled_from([DAY, MINUTE]))
    moment = data.draw(st.sampled_from([time for time, _ in said] or [now]))
    start = moment // length * length
    name = rfc3339(start)[:10] if length == DAY else rfc3339(start)
    shown, more = page(carol, f"history {name}")
    of_it = [line for time, line in said if start <= time < start + length]
    assert shown == of_it[:PAGE]
    assert bool(more) == (len(of_it) > PAGE)
    shown, more = page(carol, f"history before {name}")
    assert shown == [line for time, line in said if time < start][-PAGE:]
    assert bool(more) == (len([time for time, _ in said if time < start]) > PAGE)


def test_what_was_said_this_very_moment_is_of_the_last_hours(town: Town) -> None:
    _, bob, carol = company(town.world)
    say(bob, "just now")
    for asked in ("2h", "1s", "2026-11-20", "before 2026-11-21"):
        assert page(carol, f"history {asked}") == (["just now"], "")
    for asked in ("2026-11-19", "2026-11-21"):
        assert do(carol, f"history {asked}") == ["* nothing was said then"]
    assert do(carol, "history before 2026-11-20") == []


def test_far_back_it_is_read_where_it_is_and_not_from_the_end_on() -> None:
    storage = SlowStorage()
    world = World(Person, storage=storage, grace=0, registrations_an_hour=0)
    _, bob, carol = company(world)
    say(bob, "long ago")
    world.after(DAY / 1000)
    for _ in range(20):
        world.chat.journal.append(
            [("#den", world.chat.event(Kind.SAID, "n0.1", "eve", "chatter")) for _ in range(500)], lambda outcome: None
        )
        world.settle()
    storage.slow_reads = True
    hush(carol)
    carol.do("history before 2026-11-21")
    reads = 0
    world.settle()
    while storage.reads_under_way:
        reads += 1
        storage.come_back()
        world.settle()
    assert [line for line in news(carol) if line.startswith("[then]")] == ["[then] bob: long ago"]
    assert reads < 10


# Only of rooms one is in


def test_of_a_room_one_is_not_in_nothing_is_shown(opened: Callable[..., Town]) -> None:
    town = opened(Program)
    alice, bob, carol = company(town.world)
    do(alice, "join private")
    do(alice, "private on")
    say(alice, "for few")
    for room in ("private", "nowhere"):
        carol.ask("history", room=room)
        town.world.settle()
        assert code(carol) == "not_in_room"
    say(bob, "for all")
    do(carol, "leave")
    assert refused(carol, "history") == "you are in no room; /join ROOM enters one, /rooms lists them"
    carol.ask("history", room="den")
    town.world.settle()
    assert code(carol) == "not_in_room"
    assert "for few" not in carol.text()


def test_positions_of_one_room_show_nothing_of_another(town: Town) -> None:
    alice, bob, carol = company(town.world)
    do(alice, "join private")
    do(alice, "private on")
    say(alice, *numbers(9))
    tip = town.world.chat.rooms["private"].log.tip
    say(bob, "for all")
    for asked in ("history", "history before 5", "history after 0", "history 2h", f"history before {tip}"):
        assert not any("line" in line for line in do(carol, asked))


def test_in_several_rooms_each_line_tells_of_which_it_is() -> None:
    world = World(Person, grace=0, registrations_an_hour=0)
    alice, bob, _ = company(world)
    say(bob, "in the den")
    assert past(alice) == ["bob: in the den"]
    do(alice, "join nest")
    say(alice, "in the nest")
    assert past(alice) == ["#nest alice: in the nest"]
    do(alice, "room den")
    assert (
        past(alice) == past(alice, "history 2h") == past(alice, "history before 2027-01-01") == ["#den bob: in the den"]
    )
    do(alice, "leave nest")
    assert past(alice) == ["bob: in the den"]


def test_a_program_is_told_of_which_room_each_line_is() -> None:
    world = World(Program, grace=0, registrations_an_hour=0)
    alice, bob, _ = company(world)
    say(bob, "in the den")
    do(alice, "join nest")
    say(alice, "in the nest")
    for room in ("den", "nest"):
        before = len(alice.told())
        alice.ask("history", room=room)
        world.settle()
        shown = [told for told in alice.told()[before:] if "history" in told]
        assert [(told["room"], told["text"]) for told in shown] == [(room, f"in the {room}")]
