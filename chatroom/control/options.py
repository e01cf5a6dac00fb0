"""The command line of `chatroomctl`, and its help: made from the server's own table of commands, and checked by it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

from .. import __version__
from ..commands import COMMANDS
from ..request import Command, Refused
from ..rights import Role, may
from ..storage.opening import file_of
from ..table import Ask, Table
from ..wire.json import JSON

DEFAULT_STORAGE = "sqlite:chatroom.db"

PASSWORD = "password"
"""The field that is never given on the command line."""

DESCRIPTION = "Look after a chatroom server at the machine on which it runs; after its accounts also while it does not."

EPILOG = """\
commands:
{commands}

A password is read from standard input, as one line, or typed unseen. It is no argument, since the list of processes and the
shell's history would show it. The status is 0 when it is done, 1 when not, 2 for a wrong command line.

examples:
  chatroomctl add-account alice
  chatroomctl --storage sqlite:/srv/chat/chatroom.db set-password alice < password-file
  chatroomctl accounts --json | jq -r '.accounts[].nick'
"""


def read(arguments: Sequence[str] | None = None, table: Table = COMMANDS) -> argparse.Namespace:
    """What was chosen: `command`, an Ask, with its `words`, `storage` and `json`; exits with words, and status 2 for what
    is wrong."""
    ours = {ask.name: ask for ask in table if ask.listed and _is_ours(ask)}

    def command(name: str) -> Ask:
        ask = ours.get(name.removeprefix("/"))
        if ask is None:
            near = get_close_matches(name, ours, n=1, cutoff=0.5)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(ours)}"
            raise argparse.ArgumentTypeError(f"no command {name!r}; {meant}")
        return ask

    width = max(len(_usage(ask)) for ask in ours.values())
    parser = argparse.ArgumentParser(
        "chatroomctl",
        description=DESCRIPTION,
        epilog=EPILOG.format(commands="\n".join(f"  {_usage(ask):{width}}  {ask.help}" for ask in ours.values())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("command", type=command, metavar="COMMAND", help="what to do: one of those below")
    parser.add_argument("words", nargs="*", default=[], metavar="WORD", help="what the command takes, in order")
    parser.add_argument(
        "--storage", type=_storage, default=DEFAULT_STORAGE, help=f"that of the server ({DEFAULT_STORAGE})"
    )
    parser.add_argument("--json", action="store_true", help="show the answer as one line of JSON")
    parser.add_argument("--version", action="version", version=f"chatroomctl {__version__}")
    options = parser.parse_intermixed_args(arguments)
    options.words = " ".join(options.words)
    if fault := _fault(options.command, options.words):
        parser.error(fault)
    return options


def wants_password(ask: Ask) -> bool:
    return any(parameter.field == PASSWORD for parameter in ask.parameters)


def request(ask: Ask, words: str) -> bytes:
    """As a line of JSON, in words: so the answer has words too."""
    return json.dumps({ask.name: {"words": words}}).encode()


def _is_ours(ask: Ask) -> bool:
    """What a stranger may do too is about a connection, such as to end it."""
    return may(Role.CONSOLE, ask.right) and not may(Role.STRANGER, ask.right)


def _storage(url: str) -> str:
    if not file_of(url):
        raise argparse.ArgumentTypeError(
            f"{url!r} names no file: write sqlite:PATH. A server that keeps all in memory cannot be reached so; "
            "its operators look after it in the chat"
        )
    return url


def _fault(ask: Ask, words: str) -> str:
    """What is wrong with the words, as the server is going to read them; a password is to stand behind them."""
    try:
        command = JSON.parse(request(ask, words), entered=False)
        assert isinstance(command, Command)
        _without_password(ask).bind(command)
    except Refused as refused:
        why = _in_shell(refused.words).replace("it is /", "it is chatroomctl ")
        if wants_password(ask):
            why += "; the password is read from standard input, since the list of processes shows all arguments"
        return why
    return ""


def _without_password(ask: Ask) -> Ask:
    return replace(ask, parameters=tuple(parameter for parameter in ask.parameters if parameter.field != PASSWORD))


def _usage(ask: Ask) -> str:
    return _in_shell(_without_password(ask).usage).removeprefix("/")


def _in_shell(words: str) -> str:
    """Here a command is one word."""
    return words.replace("/server ", "/server-")
