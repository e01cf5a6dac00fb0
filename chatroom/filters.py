"""Facts: rules about words, as a log tells them, and which of them takes hold of a text. What then becomes of it is not
decided here. What they may cost is: it is matched where everybody waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any, NamedTuple
from unicodedata import normalize

import regex

from .event import Entry, Kind, person_of
from .request import Refused
from .text import safe

FILTERS_MOST = 50
"""Of one room, or of the server: with so many of words a line of talk takes 20 us, and the longest 0.3 ms."""

PATTERN_LONGEST = 200
"""Characters: as long as a person can read, and an expression of so many is compiled in some 20 ms at the worst."""

WORDS_MOST = 10
"""Words in one filter: without spaces around them (Chinese), those of 50 such filters take 50 us for a line of talk."""

COPIES_MOST = 10_000
"""Parts of an expression, where repeated groups count as often as they are copied when it is compiled: some 10 ms.
(a{1000}){1000} takes 300 ms and 260 MB, and so do 16 groups with + within one another, each of which doubles them."""

MATCH_SECONDS = 0.001
"""For all filters together, and each CHUNK of a text: a hundred times what an ordinary one takes for a long line. Words
are looked for also when it is over: they take no longer for one text than for another, and nobody can hide them."""

CHUNK = 4096
"""Characters, the longest line of text: a longer text has as many times MATCH_SECONDS, so that it hides nothing."""

FAIR_SECONDS = MATCH_SECONDS / 2
"""What one expression may take for a CHUNK. One that had less when others were done with theirs is not called slow."""

TRIES = 3
"""How often an expression may take too long in a trial: the time that `regex` measures is that of the whole program, so
that passwords hashed in another thread meanwhile count."""

TRIAL_PIECES = 12
"""Runs of letters of an expression that are tried, and as many of its characters: some 60 texts in all, 30 ms at the worst."""

ACTIONS = ("mute", "refuse", "report")
"""What becomes of who says such things, the sternest first."""

# V0, the syntax that people know from elsewhere: in V1 `[[`, `--` and `||` have a meaning. Without FULLCASE, a character
# matches one character, so that `.{3}` and sets count what one sees. Words are folded in full, beforehand.
_FLAGS = regex.VERSION0 | regex.IGNORECASE

_REPEATED = regex.compile(r"\)\s*(?:\+|\{\s*(\d+))")
_COUNT = regex.compile(r"\{\s*(\d+)")
_RUN = regex.compile(r"(?<!\\)\w+")

_ORDINARY = ("a", "A", "1", " ", "a ", "a1", ".", "é")
"""What lines are made of that have nothing to do with an expression."""

# Where words stand without spaces, no border tells them from their neighbours.
_WITHOUT_SPACES = "".join(rf"\p{{scx={script}}}" for script in ("Han", "Hira", "Kana", "Thai", "Laoo", "Khmr", "Mymr"))
_SPACED = rf"[^\W{_WITHOUT_SPACES}]"
_WORD = regex.compile(f"{_SPACED}+")
_BEGINS = regex.compile(_SPACED)
_ENDS = regex.compile(rf"{_SPACED}$")


class Filter(NamedTuple):
    """A rule about words."""

    number: int
    pattern: str
    """As it was asked for: words, each of which counts, or a regular expression between slashes."""
    action: str
    by: str
    """The nickname of who made it."""


class Verdict(NamedTuple):
    """What the filters say of a text."""

    filter: Filter | None
    """The one that takes hold."""
    slow: tuple[Filter, ...] = ()
    """Those that ran out of time, and so matched nothing: better taken out."""


class _Rule(NamedTuple):
    """A filter, ready for matching."""

    filter: Filter
    words: frozenset[str] = frozenset()
    """Those that stand between spaces: a text is taken apart once, for all filters."""
    others: tuple[str, ...] = ()
    """Those that do not, or hold something else than letters."""
    expression: regex.Pattern[str] | None = None


class Filters:
    """The filters that a log tells of. Pure but for the clock, which measures what they take: the processor's time in
    seconds, as `regex` measures it."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._filters: dict[int, Filter] = {}
        self._makers: dict[int, str] = {}
        """Their ids, by the number of the filter."""
        self._rules: list[_Rule] | None = []
        """In the order in which they take hold; None when a filter has changed since."""

    def __len__(self) -> int:
        return len(self._filters)

    def __iter__(self) -> Iterator[Filter]:
        """In the order of their numbers."""
        return iter([self._filters[number] for number in sorted(self._filters)])

    def get(self, number: int) -> Filter | None:
        return self._filters.get(number)

    def fold(self, entry: Entry) -> None:
        """A filter that this version cannot make sense of is kept, and takes hold of nothing."""
        event = entry.event
        number: Any = event.details.get("filter")
        if event.kind is not Kind.FILTER or not isinstance(number, int):
            return
        match event.details.get("change"):
            case "add":
                pattern, action = (str(event.details.get(name, "")) for name in ("pattern", "action"))
                self._filters[number] = Filter(number, pattern, action, event.nick)
                self._makers[number] = person_of(event.by)
            case "remove":
                self._filters.pop(number, None)
                self._makers.pop(number, None)
        self._rules = None

    def rename(self, id: str, nick: str) -> None:
        """Somebody is called so from now on."""
        for number, each in self._filters.items():
            if self._makers[number] == id:
                self._filters[number] = each._replace(by=nick)
        self._rules = None

    def match(self, text: str) -> Verdict:
        """The filter that takes hold: of several the sternest, and of these the one with the lowest number; and which are
        slow."""
        if self._rules is None:
            self._rules = sorted(map(_rule, self._filters.values()), key=_order)
        if not self._rules:
            return Verdict(None)
        began = self._seconds()
        text = normalize("NFC", text)
        folded = _folded(text)
        words = frozenset(_WORD.findall(folded))
        chunks = 1 + max(0, len(text) - 1) // CHUNK
        slow: list[Filter] = []
        for rule in self._rules:
            if rule.expression is None:
                if not words.isdisjoint(rule.words) or any(_stands(word, folded) for word in rule.others):
                    return Verdict(rule.filter, tuple(slow))
            elif (left := began + MATCH_SECONDS * chunks - self._seconds()) > 0:
                try:
                    if rule.expression.search(text, timeout=left):
                        return Verdict(rule.filter, tuple(slow))
                except TimeoutError:
                    if left >= FAIR_SECONDS * chunks:
                        slow.append(rule.filter)
        return Verdict(None, tuple(slow))


def check_pattern(pattern: str) -> None:
    """Raises Refused, `bad_pattern` with the reason or `pattern_slow`, for what no filter may look for."""
    if not pattern.strip():
        raise Refused("bad_pattern", "a filter has words, or a regular expression between slashes")
    if len(pattern) > PATTERN_LONGEST:
        raise Refused("bad_pattern", f"a filter has at most {PATTERN_LONGEST} characters")
    if not _is_expression(pattern):
        if len(pattern.split()) > WORDS_MOST:
            raise Refused("bad_pattern", f"a filter has at most {WORDS_MOST} words")
        return
    expression = _compiled(pattern)
    try:
        matches_nothing = expression.search("", timeout=MATCH_SECONDS) is not None
        slow = not all(_in_time(expression, text) for text in _trial_texts(pattern))
    except TimeoutError:
        matches_nothing, slow = False, True
    if matches_nothing:
        raise Refused("bad_pattern", "that matches a text in which nothing stands, and so every text")
    if slow:
        words = "that would take too long on some lines: begin it with \\b or ^, or say {1,9} instead of + and *"
        raise Refused("pattern_slow", words)


def _is_expression(pattern: str) -> bool:
    return len(pattern) >= 2 and pattern[0] == pattern[-1] == "/"


def _compiled(pattern: str) -> regex.Pattern[str]:
    """Raises Refused for what is no regular expression, or takes long already to be made one."""
    expression = pattern[1:-1]
    copied = prod(int(count or 1) + 1 for count in _REPEATED.findall(expression))
    if copied * (len(expression) + sum(map(int, _COUNT.findall(expression)))) > COPIES_MOST:
        raise Refused("bad_pattern", "that repeats too much: groups with + or {N} within one another, or large numbers")
    try:
        return regex.compile(expression, _FLAGS)
    except Exception as error:  # regex.error, for flags at odds ValueError; what else there may be, it does not say
        raise Refused("bad_pattern", f"that is no regular expression: {safe(str(error))}") from None


def _in_time(expression: regex.Pattern[str], text: str) -> bool:
    for _ in range(TRIES):
        try:
            expression.search(text, timeout=FAIR_SECONDS)
        except TimeoutError:
            continue
        return True
    return False


def _trial_texts(pattern: str) -> Iterator[str]:
    """Lines of the longest that are made of what the expression looks for. Behind what matches stands what does not; and
    behind that all that there could have been, since `regex` looks first whether what must be there is."""
    runs = list(dict.fromkeys(_RUN.findall(pattern)))[:TRIAL_PIECES]
    chars = "".join(dict.fromkeys(pattern[1:-1]))
    pieces = dict.fromkeys((*runs, *chars[:TRIAL_PIECES], "".join(runs), " ".join(runs), *_ORDINARY))
    for tail in ("!", f"!{chars}"):
        yield from ((piece * CHUNK)[: CHUNK - len(tail)] + tail for piece in pieces)


def _rule(made: Filter) -> _Rule:
    if made.action not in ACTIONS:
        return _Rule(made)
    if not _is_expression(made.pattern):
        words = frozenset(map(_folded, made.pattern.split()))
        between_spaces = frozenset(filter(_WORD.fullmatch, words))
        return _Rule(made, between_spaces, tuple(words - between_spaces))
    try:
        return _Rule(made, expression=_compiled(made.pattern))
    except Refused:
        return _Rule(made)


def _order(rule: _Rule) -> tuple[int, int]:
    action = rule.filter.action
    return ACTIONS.index(action) if action in ACTIONS else len(ACTIONS), rule.filter.number


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else normalize("NFC", normalize("NFC", text).casefold())


def _stands(word: str, text: str) -> bool:
    """Whether it does beside anything but what would make it another word."""
    if word not in text:  # nearly always: 50 ns
        return False
    before = rf"(?<!{_SPACED})" if _BEGINS.match(word) else ""
    after = rf"(?!{_SPACED})" if _ENDS.search(word) else ""
    return regex.search(f"{before}{regex.escape(word)}{after}", text) is not None
