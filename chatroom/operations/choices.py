"""What can be chosen: one row for each option of `twistd chatroom`, of its file and of its environment.

Knows names, defaults, help and what reads a value; not where a value comes from, nor what becomes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..names import LONGEST
from ..protocols.line import LONGEST_LINE
from ..protocols.telnet import MAX_LINE
from ..settings import Settings
from ..times import DAY
from .values import (
    account,
    checker,
    checker_at,
    file_at,
    line,
    lines_of,
    network,
    one_of,
    password_in,
    period,
    rate,
    room,
    seconds,
    store,
    switch,
    switch_or_none,
    text,
    whole,
)

DEFAULTS = Settings()
DEFAULT_LINE = "tcp:6000:interface=127.0.0.1"
DEFAULT_RATE = f"{1 / DEFAULTS.line_interval:g}:{DEFAULTS.line_burst}"


class Option(NamedTuple):
    """One option."""

    name: str
    default: str
    """As it would be written; empty for none."""
    help: str
    read: Callable[[str], object]
    """Raises ValueError in words."""
    letter: str = ""
    several: bool = False
    """May be given several times: its value is a tuple."""
    live: bool = False
    """A change counts while the server runs, when it is told to read its configuration again."""


OPTIONS = (
    Option(
        "line",
        DEFAULT_LINE,
        "Where telnet, nc and programs come in: an endpoint string (tcp:, pem:, unix:, systemd:, haproxy: ...). "
        "May be given several times; off for nowhere",
        text,
        letter="l",
        several=True,
    ),
    Option(
        "proxy",
        "",
        "An address or network whose proxies are believed at haproxy: endpoints; without any, those on this machine. "
        "May be given several times",
        network,
        several=True,
    ),
    Option("storage", "sqlite:chatroom.db", "Where the log is kept: sqlite:PATH, or memory: which forgets", store, "s"),
    Option(
        "durability",
        "power",
        "What survives: power, or process for what a kill -9 leaves",
        one_of("power", "process"),
    ),
    Option(
        "room",
        DEFAULTS.rooms[0].shown,
        "A room that always exists; everybody comes in in the first. May be given several times",
        room,
        letter="r",
        several=True,
    ),
    Option(
        "room-creation",
        "accounts",
        "Who opens other rooms, by joining them: anyone, accounts, or operators",
        one_of("anyone", "accounts", "operators"),
        live=True,
    ),
    Option(
        "rooms-per-account",
        str(DEFAULTS.rooms_of_one),
        "Rooms that one account, or one guest, opens",
        whole(0),
        live=True,
    ),
    Option("rooms", str(DEFAULTS.rooms_in_all), "Rooms in all", whole(1), live=True),
    Option("retention", "forever", "For how long is kept what people say, such as 90d", period, live=True),
    Option(
        "address-days",
        str(DEFAULTS.addresses_for // DAY),
        "Days for which is kept where people came from",
        whole(1, 3650),
        live=True,
    ),
    Option("server-name", DEFAULTS.server_name, "The server's name, in the greeting", line, live=True),
    Option("motd", "", "A file whose lines are shown to who enters", lines_of, live=True),
    Option(
        "history",
        str(DEFAULTS.history),
        "Lines of what was said that are shown to who enters",
        whole(0),
        live=True,
    ),
    Option("nicknames", "unicode", "What nicknames may hold: unicode, or ascii", one_of("unicode", "ascii")),
    Option(
        "rate",
        DEFAULT_RATE,
        "LINES_PER_SECOND[:BURST] taken of one connection; 0 for any",
        rate(DEFAULTS.line_burst),
        live=True,
    ),
    Option("max-line", str(MAX_LINE), "Bytes in one line", whole(LONGEST, LONGEST_LINE)),
    Option(
        "greeting-timeout",
        f"{DEFAULTS.greeting_timeout:g}",
        "Seconds to say a nickname",
        seconds,
        live=True,
    ),
    Option(
        "stalled",
        f"{DEFAULTS.stalled_timeout:g}",
        "Seconds without taking a byte until a reader is let go",
        seconds,
        live=True,
    ),
    Option(
        "grace",
        f"{DEFAULTS.grace:g}",
        "Seconds in which a program may come back after a lost connection",
        seconds,
        live=True,
    ),
    Option("connections", str(DEFAULTS.connections), "Connections in all", whole(1), live=True),
    Option(
        "connections-per-address",
        str(DEFAULTS.connections_per_address),
        "Connections from one IPv4 address or IPv6 /64",
        whole(1),
        live=True,
    ),
    Option(
        "operator",
        "",
        "The name of an account whose owner is an operator. May be given several times",
        account,
        several=True,
        live=True,
    ),
    Option(
        "registration",
        "open",
        "Whether people may make accounts: open, or closed",
        one_of("open", "closed"),
        live=True,
    ),
    Option(
        "guests",
        "",
        "Whether one may chat without an account: on, or off; off with --auth, else on",
        switch_or_none,
        live=True,
    ),
    Option(
        "server-password-file",
        "",
        "A file with the password that who has no account must know to come in",
        password_in,
        live=True,
    ),
    Option(
        "plaintext-passwords",
        DEFAULTS.plaintext.value,
        "What becomes of passwords over connections that others can read: allow, warn, or refuse",
        one_of("allow", "warn", "refuse"),
        live=True,
    ),
    Option(
        "auth",
        "",
        "Where passwords are kept instead of here: a checker of Twisted's (--help-auth). May be given several times",
        checker,
        several=True,
    ),
    Option(
        "metrics",
        "",
        "Where monitoring asks by HTTP for /metrics, /healthz and /readyz: an endpoint string; keep it from strangers",
        text,
    ),
    Option(
        "log-format",
        "text",
        "text; or, on standard error, json: an object a line, or journal: for systemd",
        one_of("text", "json", "journal"),
    ),
    Option(
        "log-addresses",
        "full",
        "How much of people's addresses the log tells: full, network, or none",
        one_of("full", "network", "none"),
    ),
    Option(
        "console",
        "",
        "Be in the room yourself, as NICK, from this terminal; the log goes to a file. With -n",
        text,
    ),
    Option(
        "no-limits",
        "off",
        "Lift the rate, the connections, wrong logins and new accounts from one address together, for tests and "
        "benchmarks. What a file turns on is turned off by CHATROOM_NO_LIMITS=off",
        switch,
        live=True,
    ),
)
"""In the order of the help."""

FLAGS = frozenset(option.name for option in OPTIONS if option.read is switch)
"""On the command line they stand alone; elsewhere they are on or off."""

SWITCHES = frozenset(option.name for option in OPTIONS if option.read in (switch, switch_or_none))
"""In the file they may also be true or false."""

SECRETS = frozenset({"auth"})
"""Passwords may stand in them (memory:NAME:PASSWORD): what they are is told nowhere."""

FILES = {
    **{option.name: file_at for option in OPTIONS if option.read in (lines_of, password_in)},
    **{option.name: checker_at for option in OPTIONS if option.read is checker},
}
"""They name files, as seen from where the server was started, wherever it runs; and what a directory makes of them."""
