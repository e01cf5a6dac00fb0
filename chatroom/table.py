"""What can be asked for, as one table: each command's name, parameters, help and function.

Both forms of asking come from it: words in order for people, fields by name for programs.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Any, TypeVar

from .request import Answer, Command, Refused
from .rights import Right
from .text import shortened
from .times import duration

F = TypeVar("F", bound="Function")

NUMBER_MAX = 10**9
"""Numbers people ask for are below this, so that every storage can count with them."""

NAME_SHOWN = 32
"""Characters of a command that is not there; the nearest one is looked for by these too: by 64 KiB it would take 50 ms."""


class Takes(Enum):
    """What a parameter takes."""

    WORD = "a word"
    REST = "text"
    NUMBER = "a whole number"
    SWITCH = "on or off"
    ROOM = "a room"
    DURATION = "a duration, such as 10m or 7d"
    """In order, left out where the next word is none."""
    OBJECT = "an object"
    """Only by field."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a command: its field's name for programs, and how it is shown to people."""

    field: str
    shown: str
    takes: Takes = Takes.WORD
    optional: bool = False
    by_order: bool = True
    """False for what only programs give, by its field."""

    def __str__(self) -> str:
        return f"[{self.shown}]" if self.optional else self.shown


Function = Callable[..., Coroutine[Any, Any, Answer | None] | None]
"""What does a command: called with who asks and the parameters by field, raises Refused to say no. A coroutine is answered
in order: it begins when all that the asker appended before has come back, and no input is taken until it is done. A plain
function is done at once and has no answer: what it did is read back from the log."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One command."""

    name: str
    parameters: tuple[Parameter, ...]
    function: Function
    right: Right
    """Without it one is refused."""
    listed: bool
    """False for what one does without naming it, such as talking."""

    @property
    def in_room(self) -> bool:
        """It is done in a room: the one that is named, or in which who asks talks."""
        return any(parameter.field == "room" and parameter.takes is Takes.ROOM for parameter in self.parameters)

    @property
    def help(self) -> str:
        return " ".join((self.function.__doc__ or "").split())

    @property
    def usage(self) -> str:
        name = self.name.replace("server-", "server ", 1)
        return " ".join([f"/{name}", *(str(parameter) for parameter in self.parameters if parameter.by_order)])

    def bind(self, command: Command) -> dict[str, object]:
        """The parameters by field; raises Refused for what is missing, too much, or not of its kind."""
        given = command.fields
        if given is None:
            where = {} if command.room is None else {"room": command.room}
            given = {**where, **self._by_order(command.words)}
        bound: dict[str, object] = {}
        for parameter in self.parameters:
            value = given.get(parameter.field)
            if value is not None:
                bound[parameter.field] = self._read(parameter, value)
            elif not parameter.optional:
                raise self._refused()
        return bound

    def _by_order(self, words: str) -> dict[str, object]:
        given: dict[str, object] = {}
        for parameter in self.parameters:
            if not parameter.by_order:
                continue
            if parameter.takes is Takes.REST:
                word, words = words, ""
            else:
                word, _, after = words.partition(" ")
                if parameter.takes is Takes.DURATION and not _is_duration(word):
                    continue
                if parameter.takes is Takes.ROOM and parameter.optional and word[:1].isdecimal():
                    continue  # with which no room's name begins
                words = after
            words = words.lstrip()
            if word:
                given[parameter.field] = word
        if words:
            raise self._refused()
        return given

    def _read(self, parameter: Parameter, value: object) -> object:
        match parameter.takes, value:
            case ((Takes.WORD | Takes.REST | Takes.ROOM), str()) if value.strip():
                return value
            case Takes.OBJECT, dict():
                return value
            case Takes.DURATION, str():
                return duration(value)
            case Takes.NUMBER, bool():
                raise self._refused()
            case Takes.NUMBER, int() if 0 <= value < NUMBER_MAX:
                return value
            case Takes.NUMBER, str() if value.isdecimal() and len(value) < len(str(NUMBER_MAX)):
                return int(value)
            case Takes.SWITCH, bool():
                return value
            case Takes.SWITCH, ("on" | "off"):
                return value == "on"
        raise self._refused()

    def _refused(self) -> Refused:
        return Refused("bad_arguments", f"it is {self.usage}")


def _is_duration(word: str) -> bool:
    try:
        return duration(word) > 0
    except Refused as refused:
        return word[:1].isdecimal() and refused.code == "bad_duration" and word[-1:].isalpha()


class Table:
    """All commands, by name, in the order in which help shows them."""

    def __init__(self, *parts: Table) -> None:
        self._asks: dict[str, Ask] = {name: ask for part in parts for name, ask in part._asks.items()}

    def __iter__(self) -> Iterator[Ask]:
        return iter(self._asks.values())

    def command(
        self, name: str, *parameters: Parameter, right: Right = Right.CHAT, listed: bool = True
    ) -> Callable[[F], F]:
        """Declare a command. The function's docstring is its help."""

        def declare(function: F) -> F:
            self._asks[name] = Ask(name, parameters, function, right, listed)
            return function

        return declare

    def find(self, name: str) -> Ask:
        """The command of that name; raises Refused, naming the nearest one."""
        ask = self._asks.get(name)
        if ask is None:
            name = shortened(name, NAME_SHOWN)
            near = get_close_matches(name, self._asks, n=1, cutoff=0.5)
            meant = f"; did you mean /{near[0]}?" if near else "; /help lists the commands"
            raise Refused("no_command", f"no command /{name}{meant}")
        return ask
