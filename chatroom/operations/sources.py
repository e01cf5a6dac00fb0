"""Where the values of options come from: the command line wins over the environment, which wins over the file.

Knows how they are written there; of what is wrong, all is told at once, with the place where it stands.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, NamedTuple

from ..protocols.files import content_of
from ..text import safe
from .choices import FILES, FLAGS, OPTIONS, SWITCHES, Option
from .values import text

PREFIX = "CHATROOM_"
"""Of our variables in the environment."""

CONFIG = "config"
"""The option that names the file, which cannot stand in it."""

NAMES = {option.name: option for option in OPTIONS}

ELSEWHERE = {
    CONFIG: f"on the command line, or in {PREFIX}{CONFIG.upper()}",
    **dict.fromkeys(("check", "help", "version", "help-auth", "help-auth-type"), "on the command line only"),
}
"""Where stands what is none of these options."""

ORCHESTRATED = re.compile(r"(.+-)?(service-(host|port(-.+)?)|port(-\d+-.+)?)")
"""What Kubernetes makes of the name of a service (Service, "Discovering services")."""


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
    slips: tuple[str, ...] = ()
    """What hardly is; a server starts none the less, since it was not asked."""


class Settled(NamedTuple):
    """What counts, by option."""

    values: Mapping[str, Any]
    """Without those that are wrong."""
    texts: Mapping[str, tuple[str, ...]]
    """As they were written, or would be."""
    faults: Mapping[str, str]
    """What is wrong, in a line each; under the name of its option, or of the file."""
    doubts: tuple[str, ...] = ()
    slips: tuple[str, ...] = ()
    places: Mapping[str, str] = MappingProxyType({})
    """Where each was written, as whoever did calls it."""


def environment(variables: Mapping[str, str]) -> Source:
    """CHATROOM_SERVER_NAME and so on; of what may be given several times, with spaces between. One that is empty counts as
    none, as whoever starts containers leaves them."""
    given: dict[str, Given] = {}
    faults: list[str] = []
    doubts: list[str] = []
    slips: list[str] = []
    for variable, value in sorted(variables.items()):
        if not variable.startswith(PREFIX) or not value.strip():
            continue
        name = variable.removeprefix(PREFIX).lower().replace("_", "-")
        option = NAMES.get(name)
        if option:
            given[name] = Given(tuple(value.split()) if option.several else (value,), variable)
        elif name == "check":  # who wanted a check does not want a server
            faults.append(f"{variable}: --check stands {ELSEWHERE[name]}")
        elif name in ELSEWHERE:
            doubts += [f"{variable} means nothing: --{name} stands {ELSEWHERE[name]}"] if name != CONFIG else []
        else:  # no fault: an orchestrator calls variables of its own after the service
            near = () if ORCHESTRATED.fullmatch(name) else get_close_matches(name, NAMES, n=1)
            meant = f"; did you mean {PREFIX}{near[0].upper().replace('-', '_')}?" if near else ""
            (slips if near else doubts).append(f"{variable} is the name of no option{meant}")
    return Source(given, tuple(faults), tuple(doubts), tuple(slips))


def file(path: str) -> Source:
    """A file in TOML: `server-name = "..."` and so on, without tables."""
    if not path:
        return Source({})
    try:
        content, _ = content_of(path)
    except OSError as error:
        return Source({}, (f"{path}: {error.strerror}",))
    except ValueError as error:
        return Source({}, (str(error),))
    try:
        table = tomllib.loads(content.decode())
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
            unquoted = str(error).startswith(("Invalid value", "Expected newline or end of document after a statement"))
            return f"{error}{'; text stands in quotes' if unquoted else ''}"
        case UnicodeDecodeError():
            return f"it is not UTF-8 text: byte {error.start} is {error.object[error.start]:#x}"
        case RecursionError():
            return "its lists are too deep"
    return f"a number in it {_TOO_LONG}"  # int() refuses it


_TOO_LONG = "has more digits than can be read"


def _texts(name: str, value: object) -> tuple[str, ...]:
    option = NAMES.get(name)
    if option is None:
        if name in ELSEWHERE:
            raise ValueError(f"{name} stands {ELSEWHERE[name]}")
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
            raise ValueError(f"{name}{_takes(NAMES[name], str(value).lower())}")
        case str() | int() | float():
            try:
                return str(value)
            except ValueError:  # of one that was written in another base
                raise ValueError(f"{name}: the number {_TOO_LONG}") from None
    raise ValueError(f"{name} is neither text nor a number")


def _takes(option: Option, word: str) -> str:
    """What is written there, where true or false was."""
    if option.name not in FILES and option.read is not text:
        try:
            option.read(word)
        except ValueError as error:
            return f": {error}"
    return f" is text: it stands in quotes, and is not {word} without"


def settle(sources: Iterable[Source], directory: str = "") -> Settled:
    """The first source in which an option is given counts. Files that are named lie as seen from the directory."""
    sources = tuple(sources)
    values: dict[str, Any] = {}
    texts: dict[str, tuple[str, ...]] = {}
    places: dict[str, str] = {}
    faults = {f"{CONFIG} {n}": fault for n, fault in enumerate(fault for each in sources for fault in each.faults)}
    for option in OPTIONS:
        name = option.name
        default = Given((option.default,) if option.default or not option.several else (), f"--{name}")
        texts[name], places[name] = next((each.given[name] for each in sources if name in each.given), default)
        try:
            values[name] = _read(option, texts[name], directory)
        except ValueError as error:
            faults[name] = f"{places[name]}: {error}"
    doubts = tuple(doubt for each in sources for doubt in each.doubts)
    slips = tuple(slip for each in sources for slip in each.slips)
    return Settled(values, texts, faults, doubts, slips, places)


def _read(option: Option, texts: tuple[str, ...], directory: str) -> object:
    if at := FILES.get(option.name):
        texts = tuple(at(directory, each) for each in texts)
    if option.several:
        return tuple(map(option.read, texts))
    (only,) = texts
    return option.read(only)


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
