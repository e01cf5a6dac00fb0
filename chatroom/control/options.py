"""The command line of `chatroomctl`, and its help: made from the server's own table of commands, and checked by it, and from
that of what is done here.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

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

DESCRIPTION = """\
Look after a chatroom server at the machine on which it runs; after its accounts, its bans and its store also while it does
not.
"""

EPILOG = """\
commands of a server, which are done on its file while none runs:
{on_file}

commands of a server that runs:
{running}

commands for files, done here:
{local}

A password is read from standard input, as one line, or typed unseen. It is no argument, since the list of processes and the
shell's history would show it. The status is 0 when it is done, 1 when not, 2 for a wrong command line.

examples:
  chatroomctl add-account alice
  chatroomctl ban account:mallory 7d no more advertising
  chatroomctl --storage sqlite:/srv/chat/chatroom.db set-password alice < password-file
  chatroomctl accounts --json | jq -r '.accounts[].nick'
  chatroomctl backup "/var/backups/chatroom-$(date +%F).db"
"""


def read(arguments: Sequence[str] | None = None, table: Table = TABLE) -> argparse.Namespace:
    """What was chosen: `command`, an Ask or a Local, with its `words`, which are one text for an Ask, `storage`, `json` and the
    options of the Locals; exits with words, and status 2 for what is wrong."""
    asks = ours(table)
    parser = _parser(asks)
    options = parser.parse_intermixed_args(arguments)
    for flag, names in flags().items():
        if getattr(options, _field(flag.name)) is not None and options.command.name not in names:
            parser.error(f"{flag.name} goes with chatroomctl {' or '.join(names)}")
    if isinstance(options.command, Local):
        fault = options.command.fault(options.words)
    else:
        options.words = " ".join(options.words)
        fault = _fault(options.command, options.words, asks)
    if fault:
        parser.error(fault)
    return options


def _parser(asks: Mapping[str, Ask]) -> argparse.ArgumentParser:
    known: dict[str, Ask | Local] = {**asks, **LOCALS}
    old = {ask.name: ask for ask in asks.values()}

    def command(name: str) -> Ask | Local:
        name = name.removeprefix("/")
        found = known.get(name) or old.get(name)
        if found is None:
            near = get_close_matches(name, known, n=1, cutoff=0.5)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise argparse.ArgumentTypeError(f"no command {name!r}; {meant}")
        return found

    parser = argparse.ArgumentParser(
        "chatroomctl",
        description=DESCRIPTION,
        epilog=_epilog(asks),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("command", type=command, metavar="COMMAND", help="what to do: one of those below")
    parser.add_argument("words", nargs="*", default=[], metavar="WORD", help="what the command takes, in order")
    parser.add_argument(
        "--storage",
        type=_storage,
        default=os.environ.get("CHATROOM_STORAGE") or DEFAULT_STORAGE,
        help=f"that of the server (CHATROOM_STORAGE, or {DEFAULT_STORAGE})",
    )
    parser.add_argument("--json", action="store_true", help="show the answer as one line of JSON")
    parser.add_argument("--version", action="version", version=f"chatroomctl {__version__}")
    for flag, names in flags().items():
        words = f"{', '.join(names)}: {flag.help}"
        if flag.shown:
            parser.add_argument(flag.name, metavar=flag.shown, type=flag.convert, help=words)
        else:
            parser.add_argument(flag.name, action="store_const", const=True, help=words)
    return parser


def _epilog(asks: Mapping[str, Ask]) -> str:
    usages = {name: _usage(name, ask) for name, ask in asks.items()}
    width = max(map(len, [*usages.values(), *(local.usage for local in LOCALS.values())]))
    shown = {name: f"  {usages[name]:{width}}  {ask.help}" for name, ask in asks.items()}
    return EPILOG.format(
        on_file="\n".join(line for name, line in shown.items() if asks[name].name in ON_FILE),
        running="\n".join(line for name, line in shown.items() if asks[name].name not in ON_FILE),
        local="\n".join(f"  {local.usage:{width}}  {local.help}" for local in LOCALS.values()),
    )


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
