"""`chatroom`: reads the command line, puts conversation, connection and face together, and ends with a status."""

from __future__ import annotations

import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from secrets import token_hex
from typing import Any, NoReturn

from twisted.internet.stdio import StandardIO
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, eventAsText, globalLogBeginner
from twisted.python.failure import Failure
from zope.interface import implementer

from .address import address
from .connection import Link
from .core import Conversation
from .identity import Identity
from .look import Look
from .options import login_name, read
from .plain import PlainFace
from .terminal import Terminal

HISTORY = 20
"""Lines of what was said before that are shown on entering."""

STAMP_BYTES = 8
"""Random bytes that tell the requests of this run from those of all others."""

SUBSTITUTE = "guest"
"""Whose login name cannot be a nickname."""

LAST_RESORT = 12
"""Seconds after a signal until the system ends us: longer than taking leave and the last of the output may take."""

WRONG_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The console script."""
    _open_standard_files()
    options = read(arguments)
    globalLogBeginner.beginLoggingTo([_tell_bug], discardBuffer=True, redirectStandardIO=False)
    from twisted.internet import reactor  # here, since it chooses the reactor

    try:
        server = address(reactor, options.server)
    except ValueError as error:
        complain(str(error))
        sys.exit(WRONG_USAGE)
    look = None if options.json else Look(options.timestamps, time.time)
    piped = stat.S_ISFIFO(os.fstat(1).st_mode) or stat.S_ISSOCK(os.fstat(1).st_mode)
    terminal = Terminal(shows=os.isatty(1)) if os.isatty(0) else None
    face = PlainFace(reactor, look, terminal=terminal, piped=piped, complain=complain)
    face.conversation = Conversation(
        face,
        f"{token_hex(STAMP_BYTES)}-",
        Identity(
            options.nick or login_name() or SUBSTITUTE,
            "" if options.nick else SUBSTITUTE,
            options.password_file or "",
            options.server_password_file or "",
        ),
        rooms=options.rooms,
        history=0 if options.no_history else HISTORY,
    )
    sys.exit(run(reactor, face, Link(reactor, server, face.conversation), terminal))


def run(reactor: Any, face: PlainFace, link: Link, terminal: Terminal | None) -> int:
    """Until it is over; the exit status."""
    blocking = [os.get_blocking(file) for file in range(3)]
    ended: list[int] = []

    def begin() -> None:
        StandardIO(face, reactor=reactor).registerProducer(link, True)
        _on_signals(reactor, face.leave, ended.append, terminal)
        # Later, since ClientService cannot be stopped from within its own news that it could not connect.
        face.ended.addCallback(lambda _: reactor.callLater(0, close))
        link.start()

    def close() -> None:
        link.stop()
        face.close().addCallback(ended.append).addErrback(_bug).addCallback(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    try:
        reactor.run(installSignalHandlers=False)
    finally:
        if terminal:
            terminal.hide(False)
    for file, was in enumerate(blocking):  # others go on with these files: the shell, or the next of a list of commands
        with suppress(OSError):
            os.set_blocking(file, was)
    return ended[0] if ended else 1


def _bug(failure: Failure) -> None:
    Logger(__name__).failure("it did not end as it should", failure)


def complain(words: str) -> None:
    """Tell what is not the conversation."""
    with suppress(OSError):
        os.write(2, f"chatroom: {words}\n".encode())


def _on_signals(
    reactor: Any, leave: Callable[[], None], status: Callable[[int], None], terminal: Terminal | None
) -> None:
    """A signal leaves the room, since who is only gone is waited for; a second one waits for nothing."""
    caught: list[int] = []

    def catch(number: int, _: object) -> None:
        if terminal:
            terminal.hide(False)
        if caught:
            os._exit(128 + number)
        caught.append(number)
        status(128 + number)
        signal.alarm(LAST_RESORT)
        reactor.callFromThread(leave)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, catch)
    if terminal:
        terminal.guard()


def _open_standard_files() -> None:
    """Who closed one of them (`<&-`) would have the first connection take its place."""
    for file in range(3):
        try:
            os.fstat(file)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


@implementer(ILogObserver)
def _tell_bug(event: LogEvent) -> None:
    if "log_failure" in event or event["log_level"] >= LogLevel.error:
        complain(eventAsText(event, includeTimestamp=False, includeSystem=False))
