"""The command line of `chatroom`, and its help."""

from __future__ import annotations

import argparse
import os
import pwd
import stat
from collections.abc import Sequence

from .. import __version__

DEFAULT_SERVER = "localhost:6000"

DESCRIPTION = "Chat in a terminal, or from a script: what comes in is said, and what others say is shown."

EPILOG = """\
examples:
  chatroom                                     chat on this machine, under your login name
  chatroom chat.example.org --nick alice
  chatroom tls:chat.example.org:6697
  echo "deploy done" | chatroom --nick ci      say it, and leave when it is saved
  tail -f log | chatroom --nick log            what is lost on the way is sent again, once
  cmd | chatroom --nick bot --password-file F  under a nickname that has an account
  cmd | chatroom --room builds                 into another room
  chatroom --json | jq 'select(.event == "said").text'

A line that begins with / is a command (/help lists them), //text says /text, and bye leaves, as does the end of the input.
In a pipe the status is 0 when all that was sent is saved, 1 when not or there is no server, 2 for a wrong command line.
"""


def read(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What was chosen; exits with words, and status 2 for what is wrong."""
    parser = argparse.ArgumentParser(
        "chatroom", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "server",
        nargs="?",
        default=DEFAULT_SERVER,
        metavar="HOST[:PORT] | ENDPOINT",
        help=f"where the server is: a host, [IPv6]:PORT, tcp:HOST:PORT, tls:HOST:PORT or unix:PATH ({DEFAULT_SERVER})",
    )
    parser.add_argument(
        "--nick", type=_word, help="your nickname, with a number behind it if it is taken (your login name)"
    )
    parser.add_argument(
        "--password-file",
        type=_password_in,
        metavar="FILE",
        help="its first line is the password of your nickname, which has an account; without it you are asked",
    )
    parser.add_argument(
        "--server-password-file",
        type=_password_in,
        metavar="FILE",
        help="its first line is the server's password, where guests need one; without it you are asked",
    )
    parser.add_argument(
        "--room",
        type=_room,
        action="append",
        default=[],
        dest="rooms",
        help="the room to enter, and to open if there is none (the server's first); several: you talk in the first of them",
    )
    parser.add_argument("--plain", action="store_true", help="lines only, as in a pipe, also in a terminal")
    parser.add_argument("--json", action="store_true", help="show what the server says as one JSON object a line")
    parser.add_argument("--no-history", action="store_true", help="do not show what was said before")
    parser.add_argument("--timestamps", action="store_true", help="show the local time before each line: [HH:MM]")
    parser.add_argument("--version", action="version", version=f"chatroom {__version__}")
    return parser.parse_args(arguments)


def login_name() -> str:
    """Of who runs this; empty for a user number without a name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""


def _word(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty")
    return text


def _password_in(path: str) -> str:
    """The first line of a file that is not everybody's to read."""
    try:
        with open(path, encoding="utf-8") as file:
            everybodys = os.fstat(file.fileno()).st_mode & stat.S_IROTH
            password = "" if everybodys else file.readline().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        raise argparse.ArgumentTypeError(f"{path}: {why}") from None
    if everybodys:
        raise argparse.ArgumentTypeError(f"{path}: everybody on this machine can read it; chmod o-r it first")
    if not password:
        raise argparse.ArgumentTypeError(f"{path}: its first line is empty")
    return password


def _room(text: str) -> str:
    return _word(text).removeprefix("#")
