"""The command line of `chatroom`, and its help."""

from __future__ import annotations

import argparse
import os
import pwd
import stat
from collections.abc import Sequence

from .. import __version__
from . import config
from .certificate import fingerprint

DEFAULT_SERVER = "localhost:6000"

DEFAULTS = {
    "server": DEFAULT_SERVER,
    "nick": None,
    "theme": config.THEMES[0],
    "bell": config.BELLS[0],
    "fingerprint": None,
}
"""Of what the configuration file may hold."""

DESCRIPTION = """\
Chat. In a terminal it fills the screen, with a window for each room. With --plain, where TERM is dumb, and in a pipe it
is lines only: what comes in is said, and what others say is shown.
"""

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

On the screen: Alt-1 to Alt-9 go to a room, PageUp to what was said before, Tab completes a name or a command; Ctrl-C twice
or Ctrl-D leaves. /keys lists all keys, docs/chatroom.1, a man page, tells of everything.

A line that begins with / is a command (/help lists them), //text says /text, and bye leaves, as does the end of the input.
In a pipe the status is 0 when all that was sent is saved, 1 when not or there is no server, 2 for a wrong command line.

~/.config/chatroom/config.toml (in $XDG_CONFIG_HOME, where that is set) may hold server, nick, theme, bell, and fingerprint,
which is that server's: a line each, such as server = "tls:chat.example.org:6697". What the command line says comes first.
"""


def read(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What was chosen, here or in the configuration file; exits with words, and status 2 for what is wrong. `server_in` is
    what to say before the server where that is wrong: the place in the file, if it stands there."""
    ours = parser()
    options = ours.parse_args(arguments)
    try:
        kept = config.read()
    except ValueError as error:
        ours.exit(2, f"chatroom: {error}\n")
    if options.server not in (None, kept.get("server")):
        kept.pop("fingerprint", None)
    options.server_in = f"{config.path()}: server: " if options.server is None and "server" in kept else ""
    for key, default in DEFAULTS.items():
        if getattr(options, key) is None:
            setattr(options, key, kept.get(key, default))
    return options


def parser() -> argparse.ArgumentParser:
    """Of the command line. What the configuration file may hold is None where it was not said."""
    parser = argparse.ArgumentParser(
        "chatroom", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "server",
        nargs="?",
        metavar="HOST[:PORT] | ENDPOINT",
        help=f"where the server is: a host, [IPv6]:PORT, tcp:HOST:PORT, tls:HOST:PORT or unix:PATH ({DEFAULT_SERVER})",
    )
    parser.add_argument(
        "--fingerprint",
        type=_fingerprint,
        metavar="SHA256",
        help="the certificate of the server's TLS is the one with this fingerprint, whoever signed it, and no other",
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
        metavar="ROOM",
        help="the room to enter, and to open if there is none (the server's first); several: you talk in the first of them",
    )
    parser.add_argument("--plain", action="store_true", help="lines only, as in a pipe, also in a terminal")
    parser.add_argument(
        "--theme",
        choices=config.THEMES,
        help="the screen's colours; auto: by the terminal's background, if it tells (auto)",
    )
    parser.add_argument(
        "--bell",
        choices=config.BELLS,
        help="what the screen rings for; mentions: private messages and your nickname (mentions)",
    )
    parser.add_argument(
        "--json", action="store_true", help="lines only: show what the server says as one JSON object a line"
    )
    parser.add_argument("--no-history", action="store_true", help="do not show what was said before")
    parser.add_argument(
        "--timestamps", action="store_true", help="lines only: show the local time before each, as [HH:MM]"
    )
    parser.add_argument("--version", action="version", version=f"chatroom {__version__}")
    return parser


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


def _fingerprint(text: str) -> str:
    try:
        return fingerprint(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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
