"""Tells the service manager how the server is: people are let in, it reloads, it stops, and time and again that it lives.

Speaks sd_notify(3): lines NAME=VALUE in a datagram to a Unix socket. Knows nothing of the chat; what to tell is given to it.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

STATUS_INTERVAL = 30.0
"""Seconds between two looks at whether the status has changed, where no watchdog asks for more: it is for people to read."""

BEATS = 2
"""Times we tell that we live within the time of the watchdog: sd_watchdog_enabled(3) recommends every half of it."""

START_INTERVAL = 10.0
"""Seconds between two times at which a start that takes long asks for more time."""

START_EXTENSION = 30.0
"""Seconds that it asks for, from then on: three times as long as until it asks again, for a machine that is busy."""

_MICROSECONDS = 1_000_000
"""In a second: what sd_notify(3) counts in."""


@dataclass(frozen=True, slots=True)
class Supervisor:
    """What a service manager told this process about itself."""

    socket: str = ""
    """Where it listens: a path, or, with @ in front, a name in the abstract namespace (unix(7)); empty for nowhere."""
    watchdog: float = 0.0
    """Seconds within which it wants to hear that we live; 0 for never."""


def from_environment(environ: MutableMapping[str, str]) -> Supervisor:
    """Who started us, by the variables of sd_notify(3) and sd_watchdog_enabled(3). They are taken away: what we start
    ourselves must not speak in our name."""
    where = environ.pop("NOTIFY_SOCKET", "")
    within = environ.pop("WATCHDOG_USEC", "")
    whose = environ.pop("WATCHDOG_PID", "")
    watched = within.isascii() and within.isdecimal() and whose in ("", str(os.getpid()))
    return Supervisor(where, int(within) / _MICROSECONDS if watched else 0.0)


class _Stage(Enum):
    STARTING = auto()
    OPEN = auto()
    STOPPING = auto()


class Notify(Service):
    """Without a service manager it does nothing. It speaks from timers of the reactor: one that hangs is not heard of any
    more, and the watchdog ends it."""

    _log = Logger()

    def __init__(self, clock: Any, supervisor: Supervisor, status: Callable[[], str]) -> None:
        """`status`: how the server is, in one line for people."""
        self._supervisor = supervisor
        self._status = status
        self._stage = _Stage.STARTING
        self._shown = ""
        self._untold: dict[str, str] = {}
        self._reachable = True
        self._timer = LoopingCall(self._beat)
        self._timer.clock = clock
        self._beating: Deferred[LoopingCall] | None = None

    def startService(self) -> None:
        super().startService()
        if self._supervisor.socket:
            self._every(START_INTERVAL)
            self.starting("opening the storage")

    def stopService(self) -> None:
        super().stopService()
        if self._beating is not None:
            self.stopping("stopping")
            self._timer.stop()
            self._beating = None

    # What happens to the server

    def starting(self, words: str) -> None:
        """It goes on, and why it takes long: nobody is let in yet."""
        if self._stage is _Stage.STARTING:
            self._tell(EXTEND_TIMEOUT_USEC=_microseconds(START_EXTENSION), STATUS=words)

    def ready(self) -> None:
        """People are let in."""
        if self._stage is _Stage.STARTING:
            self._stage = _Stage.OPEN
            self._tell(READY="1", STATUS=self._words())
        if self._beating is not None:
            self._every(self._supervisor.watchdog / BEATS or STATUS_INTERVAL)

    def reloading(self) -> None:
        """It reads its configuration again; `reloaded` follows, whatever comes of it."""
        if self._stage is _Stage.OPEN:  # else READY would tell of more than the end of this
            # The time is for Type=notify-reload (systemd 253), and nothing to others.
            self._tell(RELOADING="1", MONOTONIC_USEC=str(time.monotonic_ns() // 1000))

    def reloaded(self) -> None:
        """That is done, or the old one stays."""
        if self._stage is _Stage.OPEN:
            self._tell(READY="1", STATUS=self._words())

    def stopping(self, words: str) -> None:
        """It is about to end."""
        if self._stage is not _Stage.STOPPING:
            self._stage = _Stage.STOPPING
            self._tell(STOPPING="1", STATUS=words)

    # Time and again

    def _every(self, interval: float) -> None:
        if self._timer.running:
            self._timer.stop()
        self._beating = self._timer.start(interval, now=False)

    def _beat(self) -> None:
        match self._stage:
            case _Stage.STARTING:
                self._tell(EXTEND_TIMEOUT_USEC=_microseconds(START_EXTENSION))
            case _Stage.OPEN:
                words = self._words()
                self._tell(**self._alive(), **({} if words == self._shown else {"STATUS": words}))
            case _Stage.STOPPING:
                self._tell(**self._alive())

    def _alive(self) -> dict[str, str]:
        return {"WATCHDOG": "1"} if self._supervisor.watchdog else {}

    def _words(self) -> str:
        try:
            return self._status()
        except Exception:  # a bug in words is no reason for the watchdog to end the server
            self._log.failure("the status cannot be told")
            return self._shown

    # The socket

    def _tell(self, **news: str) -> None:
        """Never waits, and never fails: what cannot be told now is told with what comes next."""
        if not self._supervisor.socket:
            return
        if "STATUS" in news:
            self._shown = news["STATUS"]
            news["STATUS"] = " ".join(self._shown.split())  # a line of its own would be a message of its own
        if "READY" in news:
            self._untold.pop("RELOADING", None)
        self._untold |= news
        if not self._untold:
            return
        try:
            _send(self._supervisor.socket, "\n".join(f"{name}={value}" for name, value in self._untold.items()))
        except (OSError, ValueError) as error:
            if self._reachable:
                self._log.warn(
                    "the service manager cannot be told how the server is, at {socket}: {error}",
                    socket=self._supervisor.socket,
                    error=getattr(error, "strerror", None) or error,
                )
            self._reachable = False
        else:
            self._reachable = True
            self._untold.clear()


def _send(where: str, message: str) -> None:
    address = f"\0{where[1:]}" if where.startswith("@") else where
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sending:
        sending.sendto(message.encode(), address)


def _microseconds(seconds: float) -> str:
    return str(round(seconds * _MICROSECONDS))
