"""What can be chosen on the command line: each option's name, default, help and the values it takes."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from twisted.cred.checkers import FilePasswordDB
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.strcred import AuthOptionMixin
from twisted.python import usage

from . import __version__
from .console import take_terminal
from .names import LONGEST, Name, nickname, room_name
from .protocols.line import LONGEST_LINE
from .protocols.telnet import MAX_LINE
from .request import Refused
from .settings import Settings
from .times import DAY, duration

DEFAULT_LINE = "tcp:6000:interface=127.0.0.1"

UNLIMITED = sys.maxsize


def whole(least: int, most: int = UNLIMITED) -> Callable[[str], int]:
    """Reads a whole number of at least `least`, and at most `most`."""
    bounds = f"of at least {least}" if most == UNLIMITED else f"from {least} to {most}"

    def read(value: str) -> int:
        if (
            not (value.isascii() and value.isdecimal())
            or len(value) > len(str(most))
            or not least <= int(value) <= most
        ):
            raise ValueError(f"{value!r} is not a whole number {bounds}")
        return int(value)

    return read


def seconds(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1
    if not 0 < number < float("inf"):
        raise ValueError(f"{value!r} is not a number of seconds above 0")
    return number


def one_of(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in words:
            raise ValueError(f"{value!r} is none of {', '.join(words)}")
        return value

    return read


def rate(value: str) -> tuple[float, int]:
    """LINES_PER_SECOND[:BURST]: seconds for each line, and lines at once."""
    lines, _, burst = value.partition(":")
    try:
        a_second = float(lines)
    except ValueError:
        a_second = -1
    if not 0 <= a_second < float("inf"):
        raise ValueError(f"{value!r} is not LINES_PER_SECOND[:BURST]")
    return (1 / a_second if a_second else 0.0), whole(1)(burst or str(DEFAULTS.line_burst))


def period(value: str) -> int:
    """Milliseconds; 0 for ever."""
    if value in ("", "forever"):
        return 0
    try:
        return duration(value)
    except Refused as refused:
        raise ValueError(f"{value!r}: {refused.words}") from None


def line(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError(f"{value!r} is not one line of text")
    return value


def lines_of(path: str) -> tuple[str, ...]:
    """The lines of a text file; none without one."""
    if not path:
        return ()
    try:
        return tuple(Path(path).read_text(encoding="utf-8").rstrip().splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from None


def password_in(path: str) -> str:
    """The first line of a file that is not everybody's to read; empty without one."""
    if not path:
        return ""
    lines = lines_of(path)
    if not lines or not lines[0].strip():
        raise ValueError(f"{path}: it has no first line")
    if Path(path).stat().st_mode & stat.S_IROTH:
        raise ValueError(f"{path}: everybody on this machine can read it; chmod o-r it first")
    return lines[0].strip()


DEFAULTS = Settings()
DEFAULT_RATE = f"{1 / DEFAULTS.line_interval:g}:{DEFAULTS.line_burst}"


OPTIONS: list[tuple[str, str | None, str, str, Callable[[str], object]]] = [
    ("storage", "s", "sqlite:chatroom.db", "Where the log is kept: sqlite:PATH, or memory: which forgets", str),
    (
        "durability",
        None,
        "power",
        "What survives: power, or process for what a kill -9 leaves",
        one_of("power", "process"),
    ),
    (
        "room-creation",
        None,
        "accounts",
        "Who opens other rooms, by joining them: anyone, accounts, or operators",
        one_of("anyone", "accounts", "operators"),
    ),
    ("rooms-per-account", None, str(DEFAULTS.rooms_of_one), "Rooms that one account, or one guest, opens", whole(0)),
    ("rooms", None, str(DEFAULTS.rooms_in_all), "Rooms in all", whole(1)),
    ("retention", None, "forever", "For how long is kept what people say, such as 90d", period),
    (
        "address-days",
        None,
        str(DEFAULTS.addresses_for // DAY),
        "Days for which is kept where people came from",
        whole(1, 3650),
    ),
    ("server-name", None, DEFAULTS.server_name, "The server's name, in the greeting", line),
    ("motd", None, "", "A file whose lines are shown to who enters", lines_of),
    ("history", None, str(DEFAULTS.history), "Lines of what was said that are shown to who enters", whole(0)),
    ("nicknames", None, "unicode", "What nicknames may hold: unicode, or ascii", one_of("unicode", "ascii")),
    ("rate", None, DEFAULT_RATE, "LINES_PER_SECOND[:BURST] taken of one connection; 0 for any", rate),
    ("max-line", None, str(MAX_LINE), "Bytes in one line", whole(LONGEST, LONGEST_LINE)),
    ("greeting-timeout", None, f"{DEFAULTS.greeting_timeout:g}", "Seconds to say a nickname", seconds),
    (
        "stalled",
        None,
        f"{DEFAULTS.stalled_timeout:g}",
        "Seconds without taking a byte until a reader is let go",
        seconds,
    ),
    ("grace", None, f"{DEFAULTS.grace:g}", "Seconds in which a program may come back after a lost connection", seconds),
    ("connections", None, str(DEFAULTS.connections), "Connections in all", whole(1)),
    (
        "connections-per-address",
        None,
        str(DEFAULTS.connections_per_address),
        "Connections from one IPv4 address or IPv6 /64",
        whole(1),
    ),
    ("registration", None, "open", "Whether people may make accounts: open, or closed", one_of("open", "closed")),
    (
        "guests",
        None,
        "",
        "Whether one may chat without an account: on, or off; off with --auth, else on",
        one_of("on", "off", ""),
    ),
    (
        "server-password-file",
        None,
        "",
        "A file with the password that who has no account must know to come in",
        password_in,
    ),
    (
        "plaintext-passwords",
        None,
        DEFAULTS.plaintext.value,
        "What becomes of passwords over connections that others can read: allow, warn, or refuse",
        one_of("allow", "warn", "refuse"),
    ),
    ("console", None, "", "Be in the room yourself, as NICK, from this terminal; the log goes to a file. With -n", str),
]
"""One row for each option: name, letter, default, help, and what reads its value; it raises ValueError in words."""


class Options(usage.Options, AuthOptionMixin):
    """Options of `twistd chatroom`. What is wrong is told in one line that names the option."""

    synopsis = "[options]"
    longdesc = "One chat for telnet, nc and programs. Without options: telnet localhost 6000."
    optFlags: ClassVar = [
        [
            "no-limits",
            None,
            "Lift the rate, the connections, wrong logins and new accounts from one address together, for tests and benchmarks",
        ],
    ]
    optParameters: ClassVar = [
        [name, letter, default or None, words, None] for name, letter, default, words, _ in OPTIONS
    ]

    def __init__(self) -> None:
        self.supportedInterfaces = (IUsernamePassword,)
        super().__init__()
        self.lines: list[str] = []
        self.operators: list[Name] = []
        self.rooms: list[Name] = []

    def opt_line(self, endpoint: str) -> None:
        self.lines.append(endpoint)

    opt_line.__doc__ = (
        "Where telnet, nc and programs come in: an endpoint string (tcp:, ssl:, tls:, unix:, systemd:, haproxy:). "
        f"May be given several times; off for nowhere. [default: {DEFAULT_LINE}]"
    )
    opt_l = opt_line

    def opt_room(self, name: str) -> None:
        try:
            self.rooms.append(room_name(name))
        except Refused as refused:
            raise usage.UsageError(f"--room: {refused.words}") from None

    opt_room.__doc__ = (
        "A room that always exists; everybody comes in in the first. May be given several times. "
        f"[default: {DEFAULTS.rooms[0].shown}]"
    )
    opt_r = opt_room

    def opt_operator(self, name: str) -> None:
        """The name of an account whose owner is an operator. May be given several times."""
        try:
            self.operators.append(nickname(name))
        except Refused as refused:
            raise usage.UsageError(f"--operator: {refused.words}") from None

    def opt_version(self) -> None:
        """Tell the version and exit."""
        sys.stdout.write(f"chatroom {__version__}\n")
        raise SystemExit(0)

    def postOptions(self) -> None:
        if self.parent and self.parent.get("nodaemon") and self.parent.get("pidfile") == "twistd.pid":
            # Nobody asked for it, and a stale one keeps the server from starting: of a container, where it names PID 1.
            self.parent["pidfile"] = ""
        for name, _, _, _, read in OPTIONS:
            try:
                self[name] = read(self[name] or "")
            except ValueError as error:
                raise usage.UsageError(f"--{name}: {error}") from None
        for checker in self.get("credCheckers") or ():
            if isinstance(checker, FilePasswordDB):  # it would be looked for at each login, and found missing then
                try:
                    lines_of(checker.filename)
                except ValueError as error:
                    raise usage.UsageError(f"--auth: {error}") from None
        if self["console"]:
            try:
                self["log"] = take_terminal({} if self.parent is None else self.parent)
            except ValueError as error:
                raise usage.UsageError(f"--console: {error}") from None

    def parseOptions(self, options: object = None) -> None:
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            raise SystemExit(f"chatroom: {error} (twistd chatroom --help tells the options)") from None
