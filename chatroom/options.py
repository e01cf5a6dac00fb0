"""The command line of `twistd chatroom`, made of the table of options; what is chosen there, in the environment and in the
file, as one.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, ClassVar

from twisted.cred.credentials import IUsernamePassword
from twisted.cred.strcred import AuthOptionMixin
from twisted.python import usage

from . import __version__
from .console import take_terminal
from .operations import logs
from .operations.choices import FLAGS, OPTIONS, Option
from .operations.sources import CONFIG, NAMES, PREFIX, Settled, command_line, environment, file, settle


def _help(option: Option) -> str:
    return f"{option.help} [default: {option.default}]" if option.default and option.name not in FLAGS else option.help


def _several(name: str) -> Callable[[Options, str], None]:
    def take(self: Options, value: str) -> None:
        self.several.setdefault(name, []).append(value)

    take.__doc__ = _help(NAMES[name])
    return take


class Options(usage.Options, AuthOptionMixin):
    """Options of `twistd chatroom`. What is wrong is told in lines that name the option."""

    synopsis = "[options]"
    longdesc = (
        "One chat for telnet, nc and programs. Without options: telnet localhost 6000. "
        f'Each option may also stand in the file of --config, as `server-name = "..."`, or in the environment, as '
        f"{PREFIX}SERVER_NAME; the command line wins over the environment, and that over the file."
    )
    optFlags: ClassVar = [
        *([option.name, None, option.help] for option in OPTIONS if option.name in FLAGS),
        [
            "check",
            None,
            "Tell what is wrong with all that is chosen, files, keys, endpoints and storage; start nothing",
        ],
    ]
    optParameters: ClassVar = [
        [CONFIG, "c", None, "A file in TOML with what is chosen", None],
        *(
            [option.name, option.letter or None, None, _help(option), None]
            for option in OPTIONS
            if not option.several and option.name not in FLAGS
        ),
    ]
    opt_line = opt_l = _several("line")
    opt_proxy = _several("proxy")
    opt_room = opt_r = _several("room")
    opt_operator = _several("operator")
    opt_auth = _several("auth")

    def __init__(self) -> None:
        self.supportedInterfaces = (IUsernamePassword,)
        super().__init__()
        self.several: dict[str, list[str]] = {}
        self.settled: Settled
        """What counts, at the start."""
        self.faults: list[str] = []
        """What is wrong with it, in a line each."""
        self._words: tuple[str, ...] = ()

    def opt_version(self) -> None:
        """Tell the version and exit."""
        sys.stdout.write(f"chatroom {__version__}\n")
        raise SystemExit(0)

    def parseArgs(self, *words: str) -> None:
        self._words = words

    def settle(self) -> Settled:
        """What counts now: the command line stays, the file may have changed."""
        return settle((self._chosen, environment(os.environ), file(self._path)), self._directory)

    def postOptions(self) -> None:
        twistd: Any = {} if self.parent is None else self.parent
        if self["check"] or (twistd.get("nodaemon") and twistd.get("pidfile") == "twistd.pid"):
            # Nobody asked for it, and a stale one keeps the server from starting: of a container, where it names PID 1.
            # A check minds no server that runs.
            twistd["pidfile"] = ""
        self._chosen = command_line({**self, **self.several})
        self._directory = os.getcwd()  # twistd changes it, by --rundir
        path = self[CONFIG] or os.environ.get(f"{PREFIX}{CONFIG.upper()}", "")
        self._path = os.path.abspath(path) if path else ""
        self.settled = self.settle()
        self.faults = [f"{word}: no option, which would begin with --" for word in self._words]
        self.faults += self.settled.faults.values()
        self.update(self.settled.values)
        # A check goes on with what is right, to tell all at once; it takes neither the log nor the terminal.
        self._prepare(dict(twistd) if self["check"] else twistd)
        if self.faults and not self["check"]:
            raise usage.UsageError("\nchatroom: ".join(self.faults))

    def _prepare(self, twistd: Any) -> None:
        """Have twistd do what its own options would."""
        chosen = self.settled.values
        if chosen.get("console") and chosen.get("log-format", "text") != "text":
            self.faults.append("--log-format: it goes to standard error, where --console has its terminal")
        try:
            logs.choose(twistd, chosen.get("log-format", "text"))
        except ValueError as error:
            self.faults.append(f"--log-format: {error}")
        if chosen.get("console"):
            try:
                self["log"] = take_terminal(twistd)
            except ValueError as error:
                self.faults.append(f"--console: {error}")

    def parseOptions(self, options: object = None) -> None:
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            raise SystemExit(
                f"chatroom: {error}{self._meant(str(error))} (twistd chatroom --help tells the options)"
            ) from None

    def _meant(self, words: str) -> str:
        """What may have been meant by an option that there is not."""
        unknown = re.fullmatch(r"option --(\S+) not recognized", words)
        known = [long.rstrip("=") for long in self.longOpt]
        near = get_close_matches(unknown[1], known, n=1) if unknown else []
        return f"; did you mean --{near[0]}?" if near else ""
