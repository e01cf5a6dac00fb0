"""The table of commands: what is asked for by words in order and by fields comes to the same, or is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.commands import COMMANDS
from chatroom.request import Command, Refused
from chatroom.rights import Right
from chatroom.table import NUMBER_MAX, Parameter, Table, Takes

TABLE = Table()


@TABLE.command(
    "send",
    Parameter("to", "WHOM"),
    Parameter("times", "N", Takes.NUMBER, optional=True),
    Parameter("loud", "on|off", Takes.SWITCH, optional=True),
    Parameter("text", "TEXT", Takes.REST, optional=True),
    Parameter("more", "MORE", Takes.OBJECT, optional=True, by_order=False),
)
def send() -> None:
    """Send something
    to somebody."""


@TABLE.command("hush", listed=False, right=Right.ASK)
def hush() -> None:
    """Be quiet."""


SEND = TABLE.find("send")

BY_ORDER = {
    "bob": {"to": "bob"},
    "bob 3": {"to": "bob", "times": 3},
    "bob   3   on": {"to": "bob", "times": 3, "loud": True},
    "bob 3 off  hello  there ": {"to": "bob", "times": 3, "loud": False, "text": "hello  there "},
    f"bob {NUMBER_MAX - 1}": {"to": "bob", "times": NUMBER_MAX - 1},
    "bob 007": {"to": "bob", "times": 7},
}

BY_FIELDS: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"to": "bob"}, {"to": "bob"}),
    ({"to": "bob", "times": 3, "loud": True}, {"to": "bob", "times": 3, "loud": True}),
    ({"to": "bob", "times": "3", "loud": "off"}, {"to": "bob", "times": 3, "loud": False}),
    ({"to": "bob", "text": "hi\nthere", "unknown": 1}, {"to": "bob", "text": "hi\nthere"}),
    ({"to": "bob", "times": None}, {"to": "bob"}),
    ({"to": "bob", "more": {"a": 1}}, {"to": "bob", "more": {"a": 1}}),
    ({"to": "bob", "times": 0}, {"to": "bob", "times": 0}),
]


@pytest.mark.parametrize(("words", "bound"), BY_ORDER.items())
def test_words_are_bound_in_their_order(words: str, bound: dict[str, object]) -> None:
    assert SEND.bind(Command("send", words)) == bound


@pytest.mark.parametrize(("fields", "bound"), BY_FIELDS)
def test_fields_are_bound_by_their_names(fields: dict[str, object], bound: dict[str, object]) -> None:
    assert SEND.bind(Command("send", fields=fields)) == bound


@pytest.mark.parametrize(
    "words",
    ["", " ", "bob many", "bob -1", "bob 1.5", "bob ²", f"bob {NUMBER_MAX}", "bob 3 maybe", "bob 3 ON"],
)
def test_words_that_are_missing_or_not_of_their_kind_are_refused_with_the_usage(words: str) -> None:
    with pytest.raises(Refused) as refused:
        SEND.bind(Command("send", words))
    assert refused.value.code == "bad_arguments"
    assert refused.value.words == "it is /send WHOM [N] [on|off] [TEXT]"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"to": None},
        {"to": 1},
        {"to": ["bob"]},
        {"to": "bob", "times": True},
        {"to": "bob", "times": -1},
        {"to": "bob", "times": NUMBER_MAX},
        {"to": "bob", "times": 1.0},
        {"to": "bob", "times": {}},
        {"to": "bob", "loud": 1},
        {"to": "bob", "loud": "yes"},
        {"to": "bob", "more": "x"},
        {"to": "bob", "more": []},
    ],
)
def test_fields_that_are_missing_or_not_of_their_kind_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(Refused, match="it is /send"):
        SEND.bind(Command("send", fields=fields))


def test_too_many_words_are_refused() -> None:
    with pytest.raises(Refused, match="it is /hush"):
        TABLE.find("hush").bind(Command("hush", "a"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(name=st.sampled_from([ask.name for ask in COMMANDS]), words=st.text(), fields=st.none() | st.dictionaries(
    st.sampled_from(["nick", "name", "text", "limit", "on", "reason", "command", "before", "rooms"]), JSON))  # fmt: skip
def test_whatever_is_asked_with_a_command_is_bound_to_its_parameters_or_refused(
    name: str, words: str, fields: dict[str, object] | None
) -> None:
    ask = COMMANDS.find(name)
    try:
        bound = ask.bind(Command(name, words, fields))
    except Refused:
        return
    assert bound.keys() <= {parameter.field for parameter in ask.parameters}
    assert all(parameter.optional or parameter.field in bound for parameter in ask.parameters)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [("sned", "send"), ("sen", "send"), ("sends", "send"), ("hushh", "hush"), ("xyzzy", None), ("", None)],
)
def test_an_unknown_command_is_refused_with_the_nearest(asked: str, meant: str | None) -> None:
    with pytest.raises(Refused) as refused:
        TABLE.find(asked)
    assert refused.value.code == "no_command"
    assert refused.value.words == f"no command /{asked}; " + (
        f"did you mean /{meant}?" if meant else "/help lists the commands"
    )


def test_help_is_the_docstring_in_one_line() -> None:
    assert SEND.help == "Send something to somebody."
    assert SEND.usage == "/send WHOM [N] [on|off] [TEXT]"
    assert [ask.name for ask in TABLE] == ["send", "hush"]


@pytest.mark.parametrize("ask", list(COMMANDS), ids=lambda ask: ask.name)
def test_every_command_has_help_that_fits_a_line(ask: object) -> None:
    command = COMMANDS.find(ask.name)  # type: ignore[attr-defined]
    assert command.help.endswith(".") or not command.listed
    assert command.help
    assert len(f"* {command.usage}  {command.help}") <= 80 or not command.listed


def test_every_parameter_behind_the_rest_could_never_be_given() -> None:
    for ask in COMMANDS:
        by_order = [parameter for parameter in ask.parameters if parameter.by_order]
        assert all(parameter.takes is not Takes.REST for parameter in by_order[:-1])
