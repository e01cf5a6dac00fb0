"""Signals that end the program, or stop it: the room is left first, since who is only gone is waited for."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

LAST_RESORT = 12
"""Seconds after a signal until it ends us in any case: longer than taking leave and the last of the output may take."""


def on_signals(
    reactor: Any,
    leave: Callable[[], None],
    status: Callable[[int], None],
    *,
    at_once: Callable[[], None],
    at_last: Callable[[], None],
) -> None:
    """`leave` is called with the first signal, in the reactor, and `status` told the status to end with; a second one waits
    for nothing. `at_once` and `at_last`: what the terminal needs when a signal comes, and before it ends us."""
    caught: list[int] = []

    def catch(number: int, _: object) -> None:
        at_once()
        if caught:
            at_last()
            os._exit(128 + caught[0])
        caught.append(number)
        status(128 + number)
        signal.alarm(LAST_RESORT)
        reactor.callFromThread(leave)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, catch)
    signal.signal(signal.SIGALRM, catch)


def stop() -> None:
    """All that the shell started with us, until it has us go on; the signal may be caught, to do this."""
    ours = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    os.kill(0, signal.SIGTSTP)
    signal.signal(signal.SIGTSTP, ours)
