"""The command line of `chatroomctl`, and its help: made from the server's own table of commands, and checked by it, and from
that of what is done here.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from shutil import get_terminal_size
from textwrap import fill, wrap
from typing import NoReturn

from .. import __version__
from ..request import Command, Refused
from ..storage.opening import file_of
from ..table import Ask, Table
from ..wire.json import JSON
from .completing import LOCALS, flags
from .local import Local
from .table import ON_FILE, TABLE, in_shell, ours

DEFAULT_STORAGE = "sqlite:chatroom.db"

PASSWORD = "password"
"""The field that is never given on the command line."""

DESCRIPTION = """Look after a chatroom server at the machine on which it runs; after its accounts, its bans and its store also \
while it does not."""

ON_FILE_TITLE = "commands of a server, which are done on its file while none runs:"
RUNNING_TITLE = "commands of a server that runs:"
LOCAL_TITLE = "commands for files, done here:"

NOTES = """A password is read from standard input, as one line, or typed unseen. It is no argument, since the list of \
processes and the shell's history would show it. The status is 0 when it is done, 1 when not, 2 for a wrong command line. \
chatroomctl COMMAND --help shows that command only."""

EXAMPLES = """\
examples:
  chatroomctl add-account alice
  chatroomctl ban account:mallory 7d no more advertising
  chatroomctl set-password alice < password-file
  chatroomctl accounts --json | jq -r '.accounts[].nick'
  chatroomctl backup "/var/backups/chatroom-$(date +%F).db"
"""

USAGE = "chatroomctl [--storage STORAGE] [--json] COMMAND [WORD ...]"

_INDENT = " " * 32
"""Of what a command does: it stands beside the usage, and below it where that is longer."""


def read(arguments: Sequence[str] | None = None, table: Table = TABLE) -> argparse.Namespace:
    """What was chosen: `command`, an Ask or a Local, as it was `typed`, with its `words`, which are one text for an Ask,
    `storage`, `json` and the options of the Locals; exits with words, and status 2 for what is wrong."""
    asks = ours(table)
    parser = _parser(asks)
    options = parser.parse_intermixed_args(arguments)
    if options.help:
        shown = _help_of(options.command, asks) if options.command else parser.format_help()
        sys.stdout.write(shown)
        parser.exit()
    if options.command is None:
        parser.error("which command? chatroomctl --help shows them")
    for flag, names in flags().items():
        if getattr(options, _field(flag.name)) is not None and options.command[1].name not in names:
            _complain(parser, f"{flag.name} goes with chatroomctl {' or '.join(names)}")
    options.typed, options.command = options.command
    if isinstance(options.command, Local):
        fault = options.command.fault(options.words)
    else:
        options.words = " ".join(options.words)
        fault = _fault(options.command, options.words, asks)
    if fault:
        _complain(parser, fault)
    return options


def _complain(parser: argparse.ArgumentParser, fault: str) -> NoReturn:
    """Of a command that is known: then the usage of all others is in the way."""
    parser.exit(2, f"chatroomctl: {fault}\n")


def _parser(asks: Mapping[str, Ask]) -> argparse.ArgumentParser:
    known: dict[str, Ask | Local] = {**asks, **LOCALS}
    old = {ask.name: ask for ask in asks.values()}

    def command(name: str) -> tuple[str, Ask | Local]:
        name = name.removeprefix("/")
        found = known.get(name) or old.get(name)
        if found is None:
            near = get_close_matches(name, known, n=1, cutoff=0.7)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise argparse.ArgumentTypeError(f"no command {name!r}; {meant}")
        return name, found

    parser = argparse.ArgumentParser(
        "chatroomctl",
        usage=USAGE,
        add_help=False,
        description=_filled(DESCRIPTION),
        epilog=_epilog(asks),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("command", nargs="?", type=command, metavar="COMMAND", help="what to do: one of those below")
    parser.add_argument("words", nargs="*", default=[], metavar="WORD", help="what the command takes, in order")
    parser.add_argument(
        "--storage",
        type=_storage,
        default=os.environ.get("CHATROOM_STORAGE") or DEFAULT_STORAGE,
        help=f"that of the server (CHATROOM_STORAGE, or {DEFAULT_STORAGE})",
    )
    parser.add_argument("--json", action="store_true", help="show the answer as one line of JSON")
    parser.add_argument("-h", "--help", action="store_true", help="show this, or what COMMAND does")
    parser.add_argument("--version", action="version", version=f"chatroomctl {__version__}")
    for flag, names in flags().items():
        words = f"{', '.join(names)}: {flag.help}"
        if flag.shown:
            parser.add_argument(flag.name, metavar=flag.shown, type=flag.convert, help=words)
        else:
            parser.add_argument(flag.name, action="store_const", const=True, help=words)
    return parser


def _epilog(asks: Mapping[str, Ask]) -> str:
    shown = {name: _line(_usage(name, asks[name]), asks[name].help) for name in sorted(asks)}
    on_file = [line for name, line in shown.items() if asks[name].name in ON_FILE]
    running = [line for name, line in shown.items() if asks[name].name not in ON_FILE]
    local = [_line(local.usage, local.help) for local in LOCALS.values()]
    groups = ((ON_FILE_TITLE, on_file), (RUNNING_TITLE, running), (LOCAL_TITLE, local))
    return "\n\n".join([*("\n".join([title, *lines]) for title, lines in groups), _filled(NOTES), EXAMPLES])


def _help_of(chosen: tuple[str, Ask | Local], asks: Mapping[str, Ask]) -> str:
    typed, command = chosen
    usage = command.usage if isinstance(command, Local) else _usage(typed, command)
    parts = [f"usage: chatroomctl {usage}", _filled(command.help)]
    if wants_password(command):
        parts.append(_filled("The password is read from standard input, as one line, or typed unseen."))
    if isinstance(command, Local) and command.flags:
        shown = [_line(f"{flag.name} {flag.shown}".rstrip(), flag.help) for flag in command.flags]
        parts.append("\n".join(["options:", *shown]))
    return "\n\n".join(parts) + "\n"


def _columns() -> int:
    return get_terminal_size().columns - 2


def _filled(words: str) -> str:
    return fill(words, _columns())


def _line(usage: str, words: str) -> str:
    """A command and what it does, in as many lines as the terminal needs."""
    lines = wrap(words, max(_columns() - len(_INDENT), len(_INDENT)))
    first = f"  {usage:{len(_INDENT) - 4}}  "
    if len(first) == len(_INDENT):
        return first + f"\n{_INDENT}".join(lines)
    shown = fill(usage, _columns(), initial_indent="  ", subsequent_indent="      ")
    return f"\n{_INDENT}".join([shown, *lines])


def wants_password(command: Ask | Local) -> bool:
    return any(parameter.field == PASSWORD for parameter in command.parameters)


def request(ask: Ask, words: str) -> bytes:
    """As a line of JSON, in words: so the answer has words too."""
    return json.dumps({ask.name: {"words": words}}).encode()


def _field(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")


def _storage(url: str) -> str:
    if not file_of(url):
        raise argparse.ArgumentTypeError(
            f"{url!r} names no file: write sqlite:PATH. A server that keeps all in memory cannot be reached so; "
            "its operators look after it in the chat"
        )
    return url


def _fault(ask: Ask, words: str, asks: Mapping[str, Ask]) -> str:
    """What is wrong with the words, as the server is going to read them; a password is to stand behind them."""
    try:
        command = JSON.parse(request(ask, words), entered=False)
        assert isinstance(command, Command)
        _without_password(ask).bind(command)
    except Refused as refused:
        why = in_shell(refused.words, asks)
        if wants_password(ask):
            why += "; the password is read from standard input, since the list of processes shows all arguments"
        return why
    return ""


def _without_password(ask: Ask) -> Ask:
    return replace(ask, parameters=tuple(parameter for parameter in ask.parameters if parameter.field != PASSWORD))


def _usage(name: str, ask: Ask) -> str:
    return f"{name} {_without_password(ask).usage.removeprefix('/server ').partition(' ')[2]}".rstrip()
