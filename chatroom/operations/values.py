"""What reads the values of options, wherever they were written: each takes a text, and raises ValueError in words.

Knows no option by name.
"""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from os.path import join

from twisted.cred.checkers import FilePasswordDB, ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.strcred import InvalidAuthType, makeChecker

from ..names import Name, nickname, room_name
from ..protocols.files import content_of
from ..request import Refused
from ..storage import SCHEMES
from ..times import duration

UNLIMITED = sys.maxsize

LONGEST_WAIT = 31_536_000.0
"""Seconds: a year. Nobody means more, and what is far more, such as 1e300, is no moment that a clock comes to."""

LONGEST_SHOWN = 60
"""Characters of a wrong value that are told: it may be a file that was pasted."""


def shown(value: str) -> str:
    """What was written, as it is told."""
    return repr(value) if len(value) <= LONGEST_SHOWN else f"{value[:LONGEST_SHOWN]!r}..."


def text(value: str) -> str:
    return value


def whole(least: int, most: int = UNLIMITED) -> Callable[[str], int]:
    """Reads a whole number of at least `least`, and at most `most`."""
    bounds = f"of at least {least}" if most == UNLIMITED else f"from {least} to {most}"

    def read(value: str) -> int:
        if (
            not (value.isascii() and value.isdecimal())
            or len(value) > len(str(most))
            or not least <= int(value) <= most
        ):
            raise ValueError(f"{shown(value)} is not a whole number {bounds}")
        return int(value)

    return read


def seconds(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1
    if not 0 < number < float("inf"):
        raise ValueError(f"{shown(value)} is not a number of seconds above 0")
    if number > LONGEST_WAIT:
        raise ValueError(f"{shown(value)} is more than a year: at most {LONGEST_WAIT:.0f} seconds")
    return number


def one_of(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in words:
            raise ValueError(f"{shown(value)} is none of {', '.join(filter(None, words))}")
        return value

    return read


ON = ("on", "true", "yes", "1")
OFF = ("off", "false", "no", "0")


def switch(value: str) -> bool:
    word = value.lower()
    if word not in ON + OFF:
        raise ValueError(f"{shown(value)} is neither on nor off")
    return word in ON


def switch_or_none(value: str) -> bool | None:
    return switch(value) if value else None


def rate(burst: int) -> Callable[[str], tuple[float, int]]:
    """Reads LINES_PER_SECOND[:BURST]: seconds for each line, and lines at once, which are `burst` unless told."""

    def read(value: str) -> tuple[float, int]:
        lines, _, at_once = value.partition(":")
        try:
            a_second = float(lines)
        except ValueError:
            a_second = -1
        if not 0 <= a_second < float("inf"):
            raise ValueError(f"{shown(value)} is not LINES_PER_SECOND[:BURST]")
        if a_second and a_second * LONGEST_WAIT < 1:
            raise ValueError(f"{shown(value)} is less than a line in a year; 0 is any number of lines")
        return (1 / a_second if a_second else 0.0), whole(1)(at_once or str(burst))

    return read


def period(value: str) -> int:
    """Milliseconds; 0 for ever."""
    if value in ("", "forever"):
        return 0
    try:
        return duration(value)
    except Refused as refused:
        raise ValueError(f"{shown(value)}: {refused.words}") from None


def line(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError(f"{shown(value)} is not one line of text")
    return value


def lines_of(path: str) -> tuple[str, ...]:
    """The lines of a text file; none without one."""
    if not path:
        return ()
    try:
        content, _ = content_of(path)
        return _lines(path, content)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


def _lines(path: str, content: bytes) -> tuple[str, ...]:
    try:
        return tuple(content.decode().rstrip().splitlines())
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not UTF-8 text") from None


def password_in(path: str) -> str:
    """The first line of a file that is not everybody's to read; empty without one."""
    if not path:
        return ""
    try:
        content, mode = content_of(path)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    lines = _lines(path, content)
    if not lines or not lines[0].strip():
        raise ValueError(f"{path}: it has no first line")
    if mode & stat.S_IROTH:
        raise ValueError(f"{path}: everybody on this machine can read it; chmod o-r it first")
    return lines[0].strip()


def store(value: str) -> str:
    """Where the log is kept, as far as that is told without opening it."""
    scheme = value.partition(":")[0]
    if scheme in SCHEMES:
        return value
    if "/" in scheme or value.endswith((".db", ".sqlite")):
        raise ValueError(f"there is no storage {shown(value)}; did you mean sqlite:{value}?")
    raise ValueError(f"there is no storage {shown(value)}: write one of {', '.join(f'{each}:' for each in SCHEMES)}")


def room(value: str) -> Name:
    try:
        return room_name(value)
    except Refused as refused:
        raise ValueError(refused.words) from None


def account(value: str) -> Name:
    try:
        return nickname(value)
    except Refused as refused:
        raise ValueError(refused.words) from None


def network(value: str) -> IPv4Network | IPv6Network:
    """An address, or a network of them."""
    try:
        return ip_network(value)
    except ValueError:
        raise ValueError(f"{shown(value)} is no IP address, and no network such as 192.0.2.0/24") from None


def checker(description: str) -> ICredentialsChecker:
    """Who says whose password is right (`twistd --help-auth-type`)."""
    try:
        made: ICredentialsChecker = makeChecker(description)
    except InvalidAuthType:
        raise ValueError(f"there is no {description.partition(':')[0]!r}; see --help-auth") from None
    except Exception as error:  # each plugin has errors of its own
        raise ValueError(str(error)) from None
    if IUsernamePassword not in made.credentialInterfaces:
        raise ValueError(f"{description.partition(':')[0]!r} takes no passwords; see --help-auth")
    if isinstance(made, FilePasswordDB):  # it would be looked for at each login, and found missing then
        lines_of(made.filename)
    return made


def file_at(directory: str, path: str) -> str:
    """A file that is named as seen from there."""
    return join(directory, path) if path else ""


def checker_at(directory: str, description: str) -> str:
    """The same for a checker that keeps passwords in a file: it looks there at each login, and the server may run elsewhere
    by then."""
    kind, _, path = description.partition(":")
    return f"{kind}:{join(directory, path)}" if kind == "file" and path else description
