"""Where the values of options come from: the command line wins over the environment, which wins over the file.

Knows how they are written there; of what is wrong, all is told at once, with the place where it stands.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from ..text import safe
from .choices import FILES, FLAGS, OPTIONS, SWITCHES, Option

PREFIX = "CHATROOM_"
"""Of our variables in the environment."""

CONFIG = "config"
"""The option that names the file, which cannot stand in it."""

NAMES = {option.name: option for option in OPTIONS}


class Given(NamedTuple):
    """What was written for one option."""

    texts: tuple[str, ...]
    where: str
    """As whoever wrote it calls the place."""


class Source(NamedTuple):
    """What was written in one place, by option, and what cannot be understood there."""

    given: Mapping[str, Given]
    faults: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    """What may be meant for something else."""


class Settled(NamedTuple):
    """What counts, by option."""

    values: Mapping[str, Any]
    """Without those that are wrong."""
    texts: Mapping[str, tuple[str, ...]]
    """As they were written, or would be."""
    faults: Mapping[str, str]
    """What is wrong, in a line each; under the name of its option, or of the file."""
    doubts: tuple[str, ...] = ()


def environment(variables: Mapping[str, str]) -> Source:
    """CHATROOM_SERVER_NAME and so on; of what may be given several times, with spaces between. One that is empty counts as
    none, as whoever starts containers leaves them."""
    given, doubts = {}, []
    for variable, value in sorted(variables.items()):
        if not variable.startswith(PREFIX) or not value.strip():
            continue
        name = variable.removeprefix(PREFIX).lower().replace("_", "-")
        option = NAMES.get(name)
        if option:
            given[name] = Given(tuple(value.split()) if option.several else (value,), variable)
        elif name != CONFIG:  # no fault: an orchestrator calls variables of its own after the service
            near = get_close_matches(name, NAMES, n=1)
            meant = f"; did you mean {PREFIX}{near[0].upper().replace('-', '_')}?" if near else ""
            doubts.append(f"{variable} is the name of no option{meant}")
    return Source(given, doubts=tuple(doubts))


def file(path: str) -> Source:
    """A file in TOML: `server-name = "..."` and so on, without tables."""
    if not path:
        return Source({})
    try:
        with open(path, "rb") as opened:
            table = tomllib.load(opened)
    except OSError as error:
        return Source({}, (f"{path}: {error.strerror}",))
    except (ValueError, RecursionError) as error:
        return Source({}, (f"{path}: {_why(error)}",))
    given, faults = {}, []
    for name, value in table.items():
        try:
            given[name] = Given(_texts(name, value), f"{path}: {name}")
        except ValueError as error:
            faults.append(f"{path}: {error}")
    return Source(given, tuple(faults))


def _why(error: ValueError | RecursionError) -> str:
    match error:
        case tomllib.TOMLDecodeError():
            return str(error)
        case UnicodeDecodeError():
            return f"it is not UTF-8 text: byte {error.start} is {error.object[error.start]:#x}"
        case RecursionError():
            return "its lists are too deep"
    return "a number in it has more digits than can be read"  # int() refuses it


def _texts(name: str, value: object) -> tuple[str, ...]:
    option = NAMES.get(name)
    if option is None:
        near = get_close_matches(name, NAMES, n=1)
        raise ValueError(f"there is no option {safe(name)}" + (f"; did you mean {near[0]}?" if near else ""))
    if isinstance(value, list):
        if not option.several:
            raise ValueError(f"{name} is given once, not as a list")
        if option.default and not value:
            raise ValueError(f"{name}: there is none in the list")
        return tuple(_text(name, each) for each in value)
    return (_text(name, value),)


def _text(name: str, value: object) -> str:
    match value:
        case bool() if name in SWITCHES:
            return "on" if value else "off"
        case bool():
            raise ValueError(f"{name} is a number or a word, not true or false")
        case str() | int() | float():
            return str(value)
    raise ValueError(f"{name} is neither text nor a number")


def settle(sources: Iterable[Source], directory: str = "") -> Settled:
    """The first source in which an option is given counts. Files that are named lie as seen from the directory."""
    sources = tuple(sources)
    values: dict[str, Any] = {}
    texts: dict[str, tuple[str, ...]] = {}
    faults = {f"{CONFIG} {n}": fault for n, fault in enumerate(fault for each in sources for fault in each.faults)}
    for option in OPTIONS:
        name = option.name
        default = Given((option.default,) if option.default or not option.several else (), f"--{name}")
        texts[name], where = next((each.given[name] for each in sources if name in each.given), default)
        try:
            values[name] = _read(option, texts[name], directory)
        except ValueError as error:
            faults[name] = f"{where}: {error}"
    return Settled(values, texts, faults, tuple(doubt for each in sources for doubt in each.doubts))


def _read(option: Option, texts: tuple[str, ...], directory: str) -> object:
    if option.several:
        return tuple(map(option.read, texts))
    (text,) = texts
    if text and option.name in FILES:
        text = os.path.join(directory, text)
    return option.read(text)


def command_line(chosen: Mapping[str, Any]) -> Source:
    """What `twistd` read of it."""
    given = {}
    for name, option in NAMES.items():
        value = chosen.get(name)
        if name in FLAGS:
            value = "on" if value else None
        if value is not None:
            given[name] = Given(tuple(value) if option.several else (value,), f"--{name}")
    return Source(given)
