"""/search and /export: all that one may read is found, and nothing else; all that one said is taken along, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatroom.commands.history import EXPORTED, FOUND, SEARCHED_WORDS
from chatroom.times import DAY, rfc3339

from .chatting import PASSWORD, Client, JsonClient, SlowStorage, World
from .support import examples
from .test_amending import FORMATS, Person, Program, Town, client, company, opened, say, town
from .test_moderation import HOME, come, do, hush, log_in, refused
from .test_resume import code

__all__ = ["client", "opened", "town"]  # fixtures

OLDER = re.compile(r"\* the newest (\d+); older ones: /(search .*)")

KINDS = pytest.mark.parametrize("kind", FORMATS.values(), ids=FORMATS)


class Said(NamedTuple):
    """Something that was said, where, and by whom."""

    room: str
    nick: str
    text: str


def page(person: Any, asked: str) -> tuple[list[Said], str]:
    """What they find, the newest first, and what is to be asked next."""
    if isinstance(person, JsonClient):
        before = len(person.told())
        lines = do(person, asked)
        shown = [told for told in person.told()[before:] if "history" in told]
        found = [Said(told["room"], told["nick"], told["text"]) for told in shown]
    else:
        lines = do(person, asked)
        hits = [re.fullmatch(r"\[then\] #(\S+) (\S+): (.*)", line) for line in lines]
        found = [Said(*hit.groups()) for hit in hits if hit]
    (*_, last) = lines
    more = OLDER.fullmatch(last)
    told = len(found) if more is None else int(more[1])
    assert told == len(found)
    assert last == (more[0] if more else f"* {len(found)} found" if found else "* nothing was found")
    return found, more[2] if more else ""


def found(person: Any, words: str) -> list[Said]:
    """All, as each page tells how to look on."""
    asked, all_of_them = f"search {words}", []
    while asked:
        some, asked = page(person, asked)
        all_of_them += some
    return all_of_them


def texts(person: Any, words: str) -> list[str]:
    return [hit.text for hit in found(person, words)]


# Words


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("teapot", ["a TEAPOT, of Alice's", "the teapot sings"]),
        ("TeaPot", ["a TEAPOT, of Alice's", "the teapot sings"]),
        ("apo", ["a TEAPOT, of Alice's", "the teapot sings"]),
        ("sings teapot", ["the teapot sings"]),
        ('"teapot sings"', ["the teapot sings"]),
        ('"sings teapot"', []),
        ("喜欢", ["我喜欢喝茶"]),
        ("茶", ["我喜欢喝茶"]),
        ("喜欢喝茶", ["我喜欢喝茶"]),
        ("茶喝", []),
        ("ЁЛКА", ["ёлка и жар-птица"]),
        ("of", ["a TEAPOT, of Alice's"]),
        ("100%", ["100% and snake_case"]),
        ("%", ["100% and snake_case"]),
        ("e_c", ["100% and snake_case"]),
        ("coffee", []),
    ],
)
def test_words_are_found_whole_or_in_part_in_any_script_and_case(town: Town, words: str, expected: list[str]) -> None:
    _, bob, carol = company(town.world)
    say(bob, "the teapot sings", "a TEAPOT, of Alice's", "我喜欢喝茶", "ёлка и жар-птица", "100% and snake_case")
    assert texts(carol, words) == expected


@pytest.mark.parametrize(
    "words",
    [
        '"', '""', "tea OR pot", "NOT tea", "NEAR(tea pot)", "tea*", "^tea", "text:tea", "rank:x", "(tea", "tea)", "-tea", "'",
        "tea'; DROP TABLE entries; --", '"tea', 'te"a', "*", "\\", "tea AND", "{tea}", "[t]ea",
        "?1", ":logs", "more:", "in:", "from:",
    ],
)  # fmt: skip
def test_whatever_is_typed_does_no_harm_and_is_only_words(town: Town, words: str) -> None:
    _, bob, carol = company(town.world)
    say(bob, "a teapot")
    assert texts(carol, words) == []
    say(bob, f"literally {words} it is")
    if '"' not in words:
        assert texts(carol, words) == [f"literally {words} it is"]
    assert texts(carol, "teapot") == ["a teapot"]


def test_what_was_said_just_before_is_found(town: Town) -> None:
    _, bob, carol = company(town.world)
    for number in range(3):
        say(bob, f"number {number}")
        assert texts(carol, "number")[0] == f"number {number}"
    carol.say("number of carol")
    assert texts(carol, "number")[0] == "number of carol"


@KINDS
def test_what_cannot_be_looked_for_is_refused(kind: Any) -> None:
    world = World(kind, grace=0, registrations_an_hour=0)
    _, _, carol = company(world)
    assert refused(carol, "search in:den") == "look for at least one word"
    many = " ".join("abcdefghijk"[: SEARCHED_WORDS + 1])
    assert refused(carol, f"search {many}") == f"look for at most {SEARCHED_WORDS} words at once"
    for place in ("x", "1.2", "1.2.", "a.2.den", "1.b.den", f"{'9' * 16}.1.den", f"1.{'9' * 19}.den"):
        assert refused(carol, f"search tea more:{place}") == "that is no place to look on from"
    assert "a time is written like" in refused(carol, "search tea after:yesterday")


# Whose, where and when


def test_it_may_be_somebodys_in_a_room_and_of_a_time(town: Town) -> None:
    alice, bob, carol = company(town.world)
    say(bob, "tea of bob")
    town.world.after(DAY / 1000)
    say(carol, "tea of carol")
    do(alice, "join nest")
    say(alice, "tea in the nest")
    all_of_it = ["tea in the nest", "tea of carol", "tea of bob"]
    for words, expected in (
        ("tea", all_of_it),
        ("tea from:bob", ["tea of bob"]),
        ("from:BOB tea", ["tea of bob"]),
        ("tea from:nobody", []),
        ("tea in:den", ["tea of carol", "tea of bob"]),
        ("tea in:#nest", ["tea in the nest"]),
        ("tea after:2026-11-21", ["tea in the nest", "tea of carol"]),
        ("tea before:2026-11-21", ["tea of bob"]),
        ("tea after:2026-11-20 before:2026-11-21", ["tea of bob"]),
        ("tea after:2026-11-22", []),
        ("tea in:den after:2026-11-21 from:carol", ["tea of carol"]),
    ):
        assert texts(alice, words) == expected


def test_each_hit_tells_of_which_room_it_is(town: Town) -> None:
    alice, bob, _ = company(town.world)
    say(bob, "tea")
    assert found(alice, "tea") == [Said("den", "bob", "tea")]
    do(alice, "join nest")
    say(alice, "tea too")
    assert found(alice, "tea") == [Said("nest", "alice", "tea too"), Said("den", "bob", "tea")]


# Only where one is


def test_what_was_said_where_one_is_not_is_neither_found_nor_counted(town: Town) -> None:
    alice, bob, carol = company(town.world)
    do(alice, "join private")
    do(alice, "private on")
    for _ in range(FOUND + 5):
        say(alice, "tea for few")
    do(alice, "join nest")
    say(alice, "tea in the nest")
    bob.msg("carol", "tea for two")
    say(bob, "tea for all")
    hush(bob, carol)
    assert found(carol, "tea") == [Said("den", "bob", "tea for all")]
    place = "9999999999999.9"
    assert found(carol, f"tea more:{place}.private") == found(carol, "tea")
    refusals = {room: refused(carol, f"search tea in:{room}").replace(room, "") for room in ("private", "nest", "none")}
    assert len(set(refusals.values())) == 1
    do(carol, "leave")
    assert do(carol, "search tea") == ["* nothing was found"]


def test_where_one_was_put_out_one_finds_nothing_any_more(town: Town) -> None:
    alice, bob, carol = company(town.world)
    say(bob, "tea")
    assert texts(carol, "tea") == ["tea"]
    do(alice, "kick carol")
    assert do(carol, "search tea") == ["* nothing was found"]


# Page by page


@KINDS
@given(st.data())
@settings(max_examples=examples(25), deadline=None)
def test_looked_on_for_to_the_end_it_is_what_a_look_at_all_that_was_said_would_find(
    kind: Any, data: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("chatroom.commands.history.FOUND", data.draw(st.integers(1, 5)))
        world = World(kind, grace=0, registrations_an_hour=0)
        alice, bob, carol = company(world)
        do(alice, "join nest")
        do(bob, "join nest")
        said: list[tuple[int, Said]] = []
        for number in range(data.draw(st.integers(0, 25))):
            person, nick = data.draw(st.sampled_from([(alice, "alice"), (bob, "bob")]))
            room = data.draw(st.sampled_from(["den", "nest"]))
            do(person, f"room {room}")
            text = f"{' '.join(data.draw(st.lists(st.sampled_from(['tea', 'Teapot', '喝茶', '茶']), max_size=3)))} {number}"
            say(person, text)
            said.append((world.chat.milliseconds(), Said(room, nick, text)))
            world.after(data.draw(st.sampled_from([0, 0.001, 40_000])))
        words = data.draw(st.lists(st.sampled_from(["tea", "pot", "茶", "喝茶", "TEA"]), min_size=1, max_size=2))
        nick, room = data.draw(st.sampled_from(["", "bob"])), data.draw(st.sampled_from(["", "den", "nest"]))
        after, before = data.draw(st.sampled_from([None, 1, 2])), data.draw(st.sampled_from([None, 1, 2]))
        start = said[0][0] // DAY * DAY if said else 0
        asked = [*words]
        asked += [f"from:{nick}"] if nick else []
        asked += [f"in:{room}"] if room else []
        asked += [] if after is None else [f"after:{rfc3339(start + after * DAY)[:10]}"]
        asked += [] if before is None else [f"before:{rfc3339(start + before * DAY)[:10]}"]
        expected = [
            hit
            for time, hit in said
            if all(word.lower() in hit.text.lower() for word in words)
            and hit.nick == (nick or hit.nick)
            and hit.room == (room or hit.room)
            and (after is None or time >= start + after * DAY)
            and (before is None or time < start + before * DAY)
        ]
        got = found(alice, " ".join(asked))
        assert sorted(got) == sorted(expected)
        times = {hit: time for time, hit in said}
        assert [times[hit] for hit in got] == sorted([times[hit] for hit in got], reverse=True)
        if room != "nest":
            hits = found(carol, " ".join(asked))
            assert sorted(hits) == sorted(hit for hit in expected if hit.room == "den")


@pytest.mark.parametrize("words", ["cup", '"a cup" tea', "from:bob cup", '"more:of it"', '"and more:of it" tea'])
def test_how_to_look_on_is_told_whatever_was_asked(town: Town, words: str) -> None:
    _, bob, carol = company(town.world)
    lines = [f"a cup of tea, and more:of it {number}" for number in range(2 * FOUND + 1)]
    for line in lines:
        say(bob, line, "tea, and more of it")
    assert texts(carol, words) == lines[::-1]


def test_a_program_looks_on_by_what_it_is_told(opened: Callable[..., Town]) -> None:
    town = opened(Program)
    _, bob, carol = company(town.world)
    say(bob, *[f"tea {number}" for number in range(FOUND + 1)])
    carol.ask("search", words="tea")
    town.world.settle()
    answer = carol.told()[-1]
    assert answer["found"] == FOUND
    carol.ask("search", "s", words=f"tea more:{answer['more']}")
    town.world.settle()
    *_, hit, answer = carol.told()
    assert hit["text"] == "tea 0"
    assert {**answer, "words": ""} == {"answer": "search", "found": 1, "words": "", "id": "s"}


# /export


def exported(person: Any) -> list[dict[str, Any]]:
    """What they take along, each line read as JSON."""
    before = len(person.text())
    do(person, "export")
    lines = person.text()[before:].splitlines()
    if isinstance(person, JsonClient):
        return [told["exported"] for told in map(json.loads, lines) if "exported" in told]
    return [json.loads(line) for line in lines if not line.startswith("* ")]


def test_all_that_one_said_in_rooms_and_in_private_is_taken_along_once(town: Town) -> None:
    alice, bob, carol = company(town.world)
    other = log_in(town.world, "alice")
    say(alice, "in the den")
    other.me("waves")
    town.world.settle()
    do(alice, "join nest")
    say(alice, "in the nest")
    alice.msg("bob", "to a guest")
    other.msg("alice", "to myself")
    bob.msg("alice", "to alice")
    say(carol, "of carol")
    hush(alice, bob, carol, other)
    lines = exported(alice)
    assert sorted((line["kind"], line.get("room", ""), line.get("to", ""), line["text"]) for line in lines) == [
        ("did", "den", "", "waves"),
        ("private", "", "alice", "to myself"),
        ("private", "", "bob", "to a guest"),
        ("said", "den", "", "in the den"),
        ("said", "nest", "", "in the nest"),
    ]
    assert {line["nick"] for line in lines} == {"alice"}
    assert all(re.fullmatch(r"2026-11-20T09:1\dZ", line["time"]) for line in lines)
    assert [line["text"] for line in exported(bob)] == ["to alice"]
    assert [line["text"] for line in exported(carol)] == ["of carol"]


def test_of_a_guest_what_they_said_as_who_they_are_now(town: Town) -> None:
    _, bob, _ = company(town.world)
    say(bob, "of the first bob")
    bob.quit()
    town.world.settle()
    other = come(town.world, "bob", HOME)
    assert exported(other) == []
    say(other, "of the second")
    other.register(PASSWORD)
    hush(other)
    say(other, "of the account")
    assert [line["text"] for line in exported(other)] == ["of the second", "of the account"]


def test_many_are_all_there_and_hurt_no_line(town: Town) -> None:
    _, bob, _ = company(town.world)
    lines = [f'line {number} "quoted" \\ 茶' for number in range(EXPORTED + 7)]
    say(bob, *lines)
    assert [line["text"] for line in exported(bob)] == lines


@KINDS
def test_who_stalls_is_sent_no_more_than_they_take(kind: Any) -> None:
    world = World(kind, grace=0, registrations_an_hour=0)
    _, bob, _ = company(world)
    lines = [f"line {number} {'x' * 400}" for number in range(3 * EXPORTED)]
    say(bob, *lines)
    bob.stall()
    bob.do("export")
    world.settle()
    assert pending(bob) < 200_000
    before = len(bob.text())
    bob.wake()
    world.settle()
    taken = bob.text()[before:]
    assert [taken.count(f"line {number} ") for number in range(len(lines))] == [1] * len(lines)


class Counting(SlowStorage):
    """Remembers how often it was asked what somebody wrote."""

    asked = 0

    def written(self, by: str, **wanted: Any) -> Any:
        self.asked += 1
        return super().written(by, **wanted)


@KINDS
def test_for_who_is_gone_amid_it_nothing_more_is_looked_for(kind: Any) -> None:
    storage = Counting()
    world = World(kind, storage=storage, grace=0, registrations_an_hour=0)
    _, bob, _ = company(world)
    say(bob, *[f"line {number} {'x' * 400}" for number in range(5 * EXPORTED)])
    bob.stall()
    bob.do("export")
    world.settle()
    asked = storage.asked
    assert 0 < asked < 5
    bob.hang_up()
    world.settle()
    assert storage.asked == asked


def pending(person: Client) -> int:
    """Bytes that wait to be taken."""
    transport: Any = person.transport  # type: ignore[attr-defined]
    waiting: int = len(transport.dataBuffer) + transport._tempDataLen
    return waiting


def test_what_was_removed_is_not_taken_along(opened: Callable[..., Town]) -> None:
    town = opened(Person)
    alice, bob, _ = company(town.world)
    say(bob, "one", "two", "three")
    do(alice, "delete bob 2")
    assert [line["text"] for line in exported(bob)] == ["one"]


def test_strangers_take_nothing_along() -> None:
    world = World(JsonClient)
    stranger: Any = world.connect()
    for asked in ("export", "search", "history"):
        stranger.ask(asked, words="tea")
        world.settle()
        assert code(stranger) == "not_entered"
