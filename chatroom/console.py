"""`--console NICK`: who starts the server is in the room from that same terminal, by the client as a child process on it.

Knows the terminal and the child; of the server only that it is open, and a private socket that leads into it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, MutableMapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

LOG = "chatroom.log"
"""Where the log goes when nobody said where: it would be in the way on the terminal."""

LEAVE_TIMEOUT = 2.0
"""Seconds at the end of the server for the client to leave the room and the terminal; with the rest, below 5."""

STANDARD = {0: 0, 1: 1, 2: 2}
"""The files that the client gets: the terminal."""


def take_terminal(twistd: MutableMapping[str, Any]) -> str:
    """Keep the terminal for the client: where the log goes from now on. Raises ValueError in words where there is none."""
    if not twistd.get("nodaemon"):
        raise ValueError("only together with twistd -n, which keeps the terminal")
    if not os.isatty(0) or not os.isatty(1):
        raise ValueError("standard input and output are no terminal")
    if twistd.get("logfile") == "-":
        raise ValueError("the log cannot go to the same terminal (--logfile=-)")
    if not (twistd.get("logfile") or twistd.get("syslog") or twistd.get("logger")):
        twistd["logfile"] = os.path.abspath(os.path.join(twistd.get("rundir", "."), LOG))
    return str(twistd.get("logfile") or "where --syslog or --logger sends it")


class Console(Service):
    """The client on the server's terminal. Leaving ends the client only."""

    _log = Logger()

    def __init__(self, reactor: Any, nick: str, log: str) -> None:
        """`log`: where the log is, as the person is told."""
        self._reactor = reactor
        self._nick = nick
        self._where = log
        self._child: Any = None
        self._directory = TemporaryDirectory(prefix="chatroom-")  # nobody else may look into it
        self._gone: Deferred[None] = Deferred()
        self.endpoint = f"unix:{self._directory.name}/console:mode=600"
        """Where the server is to listen for the client: private, and there whatever --line says."""

    def come_in(self) -> None:
        """The server is open."""
        if not self.running:
            return
        self._reactor.addSystemEventTrigger("after", "shutdown", self._directory.cleanup)
        _tell(f"the log goes to {self._where}; bye leaves the room, Ctrl-C stops the server")
        place = Path(__file__).parent.parent  # where this package was found, also when nothing is installed
        path = os.pathsep.join([str(place), *filter(None, [os.environ.get("PYTHONPATH")])])
        server = self.endpoint.removesuffix(":mode=600")
        # Plain, since on a screen Ctrl-C would be the client's: here it stops the server.
        client = [sys.executable, "-m", "chatroom.client", server, "--plain", f"--nick={self._nick}"]
        self._child = self._reactor.spawnProcess(
            _Client(self._ended), sys.executable, client, {**os.environ, "PYTHONPATH": path}, childFDs=STANDARD
        )

    def _ended(self, reason: Failure) -> None:
        self._log.info("the console ended: {reason}", reason=reason.getErrorMessage())
        self._child = None
        self._gone.callback(None)
        if self.running:
            what = "you left the room" if reason.check(ProcessDone) else "the client on this terminal ended"
            _tell(f"{what}; the server runs on, Ctrl-C stops it")

    async def _leave(self) -> None:
        if self._child is not None:
            try:
                self._child.signalProcess("TERM")
                await self._gone.addTimeout(LEAVE_TIMEOUT, self._reactor)
            except ProcessExitedAlready:
                pass
            except Late:
                self._child.signalProcess("KILL")

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._leave())


def _tell(words: str) -> None:
    os.write(2, f"chatroom: {words}\n".encode())  # in place of sys.stderr stands the log


class _Client(ProcessProtocol):
    def __init__(self, ended: Callable[[Failure], None]) -> None:
        self._ended = ended

    def processEnded(self, reason: Failure) -> None:
        self._ended(reason)
