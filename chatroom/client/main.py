"""`chatroom`: reads the command line, puts conversation, connection and face together, and ends with a status."""

from __future__ import annotations

import gc
import os
import stat
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from secrets import token_hex
from typing import Any, NoReturn

from twisted.internet.stdio import StandardIO
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, eventAsText, globalLogBeginner
from twisted.python.failure import Failure
from zope.interface import implementer

from ..text import safe_lines
from .address import Address, address
from .connection import Link
from .core import Conversation
from .face import Face
from .identity import Identity
from .look import Look
from .options import login_name, read
from .plain import FAILED, OK, PlainFace
from .signals import on_signals
from .terminal import Terminal

HISTORY = 20
"""Lines of what was said before that are shown on entering."""

STAMP_BYTES = 8
"""Random bytes that tell the requests of this run from those of all others."""

SUBSTITUTE = "guest"
"""Whose login name cannot be a nickname."""

WRONG_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Ends with a status."""
    _open_standard_files()
    options = read(arguments)
    bugs = _Bugs()
    globalLogBeginner.beginLoggingTo([bugs], discardBuffer=True, redirectStandardIO=False)
    sys.exit(_on_screen(options, bugs) if _fills_screen(options) else _plain(options))


def _fills_screen(options: Namespace) -> bool:
    """A person sees it, on a terminal that can do more than lines."""
    wanted = not options.plain and not options.json
    return wanted and os.isatty(0) and os.isatty(1) and os.environ.get("TERM", "dumb") not in ("", "dumb")


def _on_screen(options: Namespace, bugs: _Bugs) -> int:
    from .screen.face import ScreenFace  # here, since a pipe does without prompt_toolkit, which takes its time
    from .screen.run import Screen, install

    reactor = install()
    server = _server(reactor, options)
    face = ScreenFace(reactor, options.bell)
    face.conversation = _conversation(options, face)
    screen = Screen(reactor, face, options.theme, os.environ)
    face.begin(face.conversation, screen.app)
    bugs.tell = screen.bug
    ended: list[int] = []
    restore = screen.terminal.restore
    _all_is_here()
    on_signals(reactor, face.end, ended.append, at_once=lambda: None, at_last=restore)
    try:
        screen.run(Link(reactor, server, face.conversation))
    finally:
        bugs.tell = complain
    for words in (*screen.bugs, face.why, face.parting):
        if words:
            complain(words)
    return ended[0] if ended else FAILED if face.why else OK


def _plain(options: Namespace) -> int:
    from twisted.internet import reactor  # here, since it chooses the reactor

    server = _server(reactor, options)
    look = None if options.json else Look(options.timestamps, time.time)
    piped = stat.S_ISFIFO(os.fstat(1).st_mode) or stat.S_ISSOCK(os.fstat(1).st_mode)
    terminal = Terminal(shows=os.isatty(1)) if os.isatty(0) else None
    face = PlainFace(reactor, look, terminal=terminal, piped=piped, complain=complain)
    face.conversation = _conversation(options, face)
    _all_is_here()
    return run(reactor, face, Link(reactor, server, face.conversation), terminal)


def _all_is_here() -> None:
    """What has been imported stays: garbage is looked for in what comes from now on."""
    gc.freeze()
    gc.enable()


def _server(reactor: Any, options: Namespace) -> Address:
    try:
        return address(reactor, options.server, options.fingerprint)
    except ValueError as error:
        complain(f"{options.server_in}{error}")
        sys.exit(WRONG_USAGE)


def _conversation(options: Namespace, face: Face) -> Conversation:
    return Conversation(
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


def run(reactor: Any, face: PlainFace, link: Link, terminal: Terminal | None) -> int:
    """Until it is over; the exit status."""
    blocking = [os.get_blocking(file) for file in range(3)]
    ended: list[int] = []

    def seen() -> None:
        if terminal:
            terminal.hide(False)

    def begin() -> None:
        StandardIO(face, reactor=reactor).registerProducer(link, True)
        on_signals(reactor, face.leave, ended.append, at_once=seen, at_last=seen)
        if terminal:
            terminal.guard()
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
        seen()
    for file, was in enumerate(blocking):  # others go on with these files: the shell, or the next of a list of commands
        with suppress(OSError):
            os.set_blocking(file, was)
    return ended[0] if ended else 1


def _bug(failure: Failure) -> None:
    Logger(__name__).failure("it did not end as it should", failure)


def complain(words: str) -> None:
    """Tell what is not the conversation; words of a server may be among it."""
    with suppress(OSError):
        os.write(2, f"chatroom: {safe_lines(words)}\n".encode(errors="replace"))


def _open_standard_files() -> None:
    """Who closed one of them (`<&-`) would have the first connection take its place."""
    for file in range(3):
        try:
            os.fstat(file)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


@implementer(ILogObserver)
class _Bugs:
    """Takes note of what should not happen."""

    def __init__(self) -> None:
        self.tell: Callable[[str], None] = complain

    def __call__(self, event: LogEvent) -> None:
        if "log_failure" in event or event["log_level"] >= LogLevel.error:
            self.tell(eventAsText(event, includeTimestamp=False, includeSystem=False))
