"""Rules about words: which takes hold of a text, and that none takes long."""

from __future__ import annotations

import sys
import time
import timeit
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom import filters
from chatroom.event import Entry, Event, Kind
from chatroom.filters import (
    ACTIONS,
    CHUNK,
    FILTERS_MOST,
    MATCH_SECONDS,
    PATTERN_LONGEST,
    WORDS_MOST,
    Filter,
    Filters,
    Verdict,
    check_pattern,
)
from chatroom.request import Refused

SLOW = "/(a+)+$/"


@pytest.fixture
def untraced() -> Iterator[None]:
    """Measures the code without what measures its coverage."""
    trace = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(trace)


def changed(**details: Any) -> Event:
    return Event(Kind.FILTER, 0, "", "n1.1", "alice", "", details)


def added(number: int, pattern: str, action: str = "refuse") -> Event:
    return changed(change="add", filter=number, pattern=pattern, action=action)


def removed(number: int) -> Event:
    return changed(change="remove", filter=number)


def folded(events: Sequence[Event], seconds: Any = time.process_time) -> Filters:
    made = Filters(seconds)
    for place, event in enumerate(events, 1):
        made.fold(Entry(place, event))
    return made


def holds(pattern: str, text: str) -> bool:
    return folded([added(1, pattern)]).match(text).filter is not None


def why(pattern: str) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        check_pattern(pattern)
    return refused.value.code, refused.value.words


# What takes hold


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("spam", "spam"),
        ("spam", "buy SPAM, now"),
        ("SPAM", "(spam)"),
        ("spam", "no-spam!"),
        ("spam", "a line\nof spam\n"),
        ("spam eggs", "only eggs"),
        ("spam  eggs", "only spam"),
        ("straße", "STRASSE"),
        ("STRASSE", "straße"),
        ("ΟΔΟΣ", "η οδος"),
        ("café", "cafe\u0301"),
        ("cafe\u0301", "CAFÉ"),
        ("привет", "Привет!"),
        ("c++", "I like C++."),
        ("t.me/x", "see https://t.me/x"),
        (":)", "hello:)"),
        ("赌博", "来赌博吧"),
        ("spam", "来spam吧"),
        ("赌bet", "来赌bet"),
        ("ラーメン", "美味しいラーメンです"),
        ("ไทย", "ภาษาไทยครับ"),
        ("नमस्ते", "नमस्ते दुनिया"),
        ("/", "and/or"),
        ("/spam", "do /spam it"),
        ("/sp[a4]m/", "xxSP4Mxx"),
        ("/^buy/", "Buy now"),
        ("/café/", "cafe\u0301"),
        (r"/\bspam\b/", "some spam"),
        ("/a/b/", "A/B"),
    ],
)
def test_takes_hold_of(pattern: str, text: str) -> None:
    assert holds(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("spam", "spammer"),
        ("spam", "antispam"),
        ("spam", "spam_spammer".replace("spam_", "spam4")),
        ("spam", "s p a m"),
        ("spam", ""),
        ("ass", "class assessment pass"),
        ("नमस्त", "नमस्ते"),
        ("bet赌", "alphabet赌"),
        ("a.b", "axb"),
        ("c++", "abc++"),
        ("/", "or"),
        (r"/\bspam\b/", "spammer"),
        ("/^buy/", "I buy"),
        ("//", "anything"),
    ],
)
def test_leaves_alone(pattern: str, text: str) -> None:
    assert holds(pattern, text) == (pattern == "//")


WORDS = ["spam", "Eggs", "赌博", "c++"]


@given(st.lists(st.sampled_from([*WORDS, "spammer", "ham"]), max_size=5))
def test_a_word_is_found_exactly_where_it_stands_alone(said: list[str]) -> None:
    text = ", ".join(said)
    for word in WORDS:
        assert holds(word, text) == (word in said)


def test_of_several_the_sternest_takes_hold_and_of_these_the_first() -> None:
    made = [added(1, "spam", "report"), added(4, "spam", "mute"), added(2, "/spam/", "refuse"), added(3, "/s/", "mute")]
    assert folded(made).match("spam").filter == Filter(3, "/s/", "mute", "alice")
    assert folded([*made, removed(3)]).match("spam") == Verdict(Filter(4, "spam", "mute", "alice"))
    assert folded([*made, removed(3), removed(4)]).match("spam").filter == Filter(2, "/spam/", "refuse", "alice")
    assert folded(made[:1]).match("spam").filter == Filter(1, "spam", "report", "alice")
    assert folded(made).match("hello").filter is None
    assert folded([]).match("spam") == Verdict(None)


# The fold


def test_filters_are_listed_by_number_and_a_number_that_is_added_again_is_replaced() -> None:
    made = folded([added(3, "c"), added(1, "a"), added(3, "d", "mute"), removed(7)])
    assert list(made) == [Filter(1, "a", "refuse", "alice"), Filter(3, "d", "mute", "alice")]
    assert len(made) == 2
    assert made.get(3) == Filter(3, "d", "mute", "alice")
    assert made.get(2) is None


def test_a_change_is_seen_by_the_next_text() -> None:
    made = folded([added(1, "spam")])
    assert made.match("spam and ham").filter
    made.fold(Entry(2, added(1, "eggs")))
    assert made.match("spam and ham").filter is None
    made.fold(Entry(3, added(2, "ham")))
    assert made.match("spam and ham").filter == Filter(2, "ham", "refuse", "alice")


def test_a_change_of_another_sort_or_without_a_number_is_none() -> None:
    events = [added(1, "a"), changed(change="else", filter=1), changed(change="remove", filter="1"), changed()]
    assert list(folded(events)) == [Filter(1, "a", "refuse", "alice")]


@pytest.mark.parametrize(
    ("pattern", "action"),
    [
        *(("/(/", "refuse"), ("/(a{1000}){1000}/", "refuse"), ("/(?V0)(?V1)a/", "refuse"), ("spam", "shout")),
        *(("/spam/", ""), ("", "refuse")),
    ],
)
def test_what_this_version_makes_no_sense_of_is_listed_and_takes_hold_of_nothing(pattern: str, action: str) -> None:
    made = folded([added(1, pattern, action), added(2, "eggs", "report")])
    assert next(iter(made)) == Filter(1, pattern, action, "alice")
    assert made.match("spam ( a") == Verdict(None)
    assert made.match("eggs").filter == Filter(2, "eggs", "report", "alice")


DETAILS = st.fixed_dictionaries(
    {},
    optional={
        "change": st.sampled_from(["add", "remove", "else", 7, None]),
        "filter": st.integers(1, 3) | st.sampled_from(["1", None, 2.5]),
        "pattern": st.text(max_size=20) | st.sampled_from(["spam", "/spam/", "/(/", 7, None]),
        "action": st.sampled_from([*ACTIONS, "shout", None]),
    },
)
EVENTS = st.lists(
    st.builds(lambda kind, details: Event(kind, 0, "", "", "bob", "", details), st.sampled_from(Kind), DETAILS)
    | st.builds(changed, change=st.just("add"), filter=st.integers(1, 3), pattern=st.sampled_from(WORDS)),
    max_size=12,
)


@given(EVENTS, st.text(max_size=20))
def test_whatever_stands_in_a_log_the_same_filters_follow_and_match_any_text(events: list[Event], text: str) -> None:
    made, again = folded(events), folded(events)
    assert list(made) == list(again)
    assert [each.number for each in made] == sorted({each.number for each in made})
    assert made.match(text).filter == again.match(text).filter


@given(EVENTS)
def test_other_kinds_change_nothing(events: list[Event]) -> None:
    assert list(folded(events)) == list(folded([event for event in events if event.kind is Kind.FILTER]))


# What it costs


class Steps:
    """A clock that goes on by a step each time it is read."""

    def __init__(self, step: float) -> None:
        self.now = 0.0
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def test_one_that_runs_out_of_time_is_told_and_the_words_still_take_hold() -> None:
    made = folded([added(1, SLOW, "mute"), added(2, "/b+/", "refuse"), added(3, "spam", "report")])
    slow, spam = made.get(1), made.get(3)
    assert slow
    assert made.match("a" * 4000 + "!").slow == (slow,)
    assert made.match("a" * 4000 + "! spam") == Verdict(spam, (slow,))
    assert made.match("aaa") == Verdict(slow)


def test_one_that_had_less_time_than_is_fair_is_not_called_slow() -> None:
    made = folded([added(1, "/b/", "mute"), added(2, SLOW)], Steps(0.3 * MATCH_SECONDS))
    assert made.match("a" * 4000 + "!") == Verdict(None)


def test_when_the_time_is_over_no_other_expression_is_tried() -> None:
    made = folded([added(1, "/b/", "mute"), added(2, "/a/"), added(3, "aaa", "report")], Steps(0.6 * MATCH_SECONDS))
    assert made.match("aaa") == Verdict(made.get(3))


def test_a_long_text_has_time_for_each_of_its_chunks() -> None:
    made = folded([added(1, "/b/", "mute"), added(2, "/c/"), added(3, "/a!/")], Steps(0.4 * MATCH_SECONDS))
    assert made.match("a" * (CHUNK - 1) + "!").filter is None
    assert made.match("a" * CHUNK + "!").filter == made.get(3)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("pattern", [SLOW, "/(a|a)+b$/", "/(.*a){12}$/", "/(?:a?){30}a{30}!?b|(a+)+c/", r"/(a*)*\1c/"])
def test_fifty_bad_expressions_hold_nobody_up(pattern: str) -> None:
    made = folded([added(number, pattern) for number in range(FILTERS_MOST)])
    made.match("")  # they are compiled when they are first asked
    text = "a" * (CHUNK - 2) + "!"
    assert min(timeit.repeat(lambda: made.match(text), time.process_time, repeat=9, number=1)) < 3 * MATCH_SECONDS


@pytest.mark.usefixtures("untraced")
def test_fifty_filters_of_words_are_cheap() -> None:
    made = folded([added(number, f"spam{number} eggs{number} ham{number}") for number in range(FILTERS_MOST)])
    text = "hello everyone, how do you do this fine morning?"
    assert made.match(text).filter is None
    assert min(timeit.repeat(lambda: made.match(text), time.process_time, repeat=9, number=10)) / 10 < 0.0001


# What may be asked for


@pytest.mark.parametrize(
    "pattern",
    [
        *("spam", "spam eggs", "赌博", "c++ :)", "/spam/", "/sp[a4]m|eggs/", r"/\bbuy\b.*\bnow\b/", "/^!+$/", "/"),
        *(r"/\b\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}/", r"/https?:\/\/\S+\.ru\b/", "/v[i1!]agra/", "/(?:ha){3}/", "/é/"),
        *("x" * PATTERN_LONGEST, " ".join(["ab"] * WORDS_MOST), "/" + "x" * (PATTERN_LONGEST - 2) + "/"),
    ],
)
def test_an_ordinary_pattern_may_be(pattern: str) -> None:
    check_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("", "a filter has words, or a regular expression between slashes"),
        ("   ", "a filter has words, or a regular expression between slashes"),
        ("x" * (PATTERN_LONGEST + 1), "a filter has at most 200 characters"),
        (" ".join(["ab"] * (WORDS_MOST + 1)), "a filter has at most 10 words"),
        ("/a(b/", "that is no regular expression: missing ) at position 3"),
        ("/a**/", "that is no regular expression: multiple repeat at position 2"),
        (r"/\p{Nonsense}/", "that is no regular expression: unknown property at position 12"),
        ("/(?V0)(?V1)a/", "that is no regular expression: VERSION0 and VERSION1 flags are mutually incompatible"),
        ("//", "that matches a text in which nothing stands, and so every text"),
        ("/a*/", "that matches a text in which nothing stands, and so every text"),
        ("/spam|/", "that matches a text in which nothing stands, and so every text"),
        ("/^/", "that matches a text in which nothing stands, and so every text"),
    ],
)
def test_a_bad_pattern_is_refused_with_why(pattern: str, words: str) -> None:
    assert why(pattern) == ("bad_pattern", words)


COMPILED_LONG = [
    *("/(a{1000}){1000}/", "/(?:(?:(?:a{100}){100}){100}){100}/", "/" + "(" * 16 + "a" + ")+" * 16 + "/"),
    *("/" + "(?:" * 20 + "a" + ") +" * 20 + "(?x)/", "/" + "(" * 12 + "a" + "){2}" * 12 + "/", "/a{99999}/"),
    *("/" + "(" * 12 + "a" + "){1,3}" * 12 + "/", "/((((a{99}){9}){9}){9})/"),
]


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("pattern", COMPILED_LONG)
def test_what_would_take_long_to_be_compiled_is_refused_at_once(pattern: str) -> None:
    code, words = why(pattern)
    assert (code, words[:26]) == ("bad_pattern", "that repeats too much: gro")
    assert min(timeit.repeat(lambda: why(pattern), time.process_time, repeat=5, number=1)) < 0.001


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(
    "expression",
    [
        *("(a{60}){60}", "(" * 6 + "a" + ")+" * 6, "(" * 5 + "a" + "){2}" * 5, "(?:" * 49 + "a" + ")" * 49),
        *(
            "(?:a|" * 33 + "b" + ")" * 33,
            "[a-z]{9}" * 20,
            "(?:a|é)" * 28,
            r"[\p{L}\p{N}\p{P}]" * 11,
            "((" * 33 + "a" + ")*)" * 33,
        ),
    ],
)
def test_what_is_compiled_takes_little_time(expression: str) -> None:
    def compiled() -> None:
        filters.regex.purge()
        filters._compiled(f"/{expression}/")

    assert min(timeit.repeat(compiled, time.process_time, repeat=3, number=1)) < 0.1


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            SLOW,
            "/(x+x+)+y/",
            r"/(\w+\s?)+:/",
            "/(b|bb)+c$/",
            r"/[a-z]+\d{3}/",
            "/(?:.*,){9}z/",
            "/(?e)(?:abcdefgh){e<=6}$/",
        ),
        *("/(ab|a|b)+$x/", "/n+i+g+/", r"/(a?){50}$\Bb/"),
    ],
)
def test_a_slow_expression_is_refused(pattern: str) -> None:
    code, words = why(pattern)
    assert (code, words[:18]) == ("pattern_slow", "that would take to")


def test_one_that_is_slow_on_nothing_at_all_is_refused() -> None:
    with pytest.MonkeyPatch.context() as without_time:
        without_time.setattr(filters, "MATCH_SECONDS", 0.0)
        assert why("/a*/")[0] == "pattern_slow"


def test_who_is_slow_once_because_others_work_is_not_refused() -> None:
    class Late:
        """As a compiled expression that is late the first times."""

        late = filters.TRIES - 1

        def search(self, text: str, timeout: float) -> None:
            self.late -= 1
            if self.late >= 0:
                raise TimeoutError

    expression: Any = Late()
    assert filters._in_time(expression, "a")


@given(
    st.text(max_size=30)
    | st.text("ab()[]{}|*+?\\^$.,0123:=!<>V ", max_size=14).map(lambda expression: f"/{expression}/")
)
def test_any_text_is_a_pattern_that_compiles_or_refused_in_words_that_can_be_shown(pattern: str) -> None:
    try:
        check_pattern(pattern)
    except Refused as refused:
        words, code = refused.words, refused.code
    else:
        words, code = "", "bad_pattern"
        holds(pattern, "ab")
    assert code in {"bad_pattern", "pattern_slow"}
    assert not words or words.isprintable()
