"""What the server does at signals: SIGHUP reads the configuration again, and a second signal to stop does not wait.

Twisted has the first SIGTERM and SIGINT.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from twisted.application.service import Service


class ReloadOnHangup(Service):
    """Reads again at SIGHUP. When the terminal from which the server was started is gone, it stops instead: nobody could stop
    it from there any more; unless whoever started it had it ignore SIGHUP (nohup(1)), so that it outlives the terminal."""

    def __init__(self, reactor: Any, reload: Callable[[], object]) -> None:
        """From now on SIGHUP ends us no more: one that comes before the reactor runs is obeyed as soon as it does."""
        self._reactor = reactor
        self._reload = reload
        outlives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._terminal = os.isatty(0) and not outlives
        self._stopping = False
        signal.signal(signal.SIGHUP, self._hung_up)

    def _hung_up(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._obey)  # a signal may come in the midst of anything

    def _obey(self) -> None:
        if not self.running or self._stopping:
            return
        if self._terminal and not _has_terminal():
            self._stopping = True  # the shell tells it too
            self._reactor.stop()
        else:
            self._reload()


def _has_terminal() -> bool:
    with suppress(OSError):
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
        return True
    return False


class StopAtOnce:
    """Once the server is stopping, the next SIGTERM or SIGINT ends it there and then: what anybody saw is saved."""

    def starting(self, words: str) -> None:
        """The first is obeyed in order."""

    def ready(self) -> None:
        """So it is now."""

    def stopping(self, words: str) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as whoever started us in the background may want it
                signal.signal(number, signal.SIG_DFL)
