"""Brings a conversation onto the terminal, and the terminal back to how it was, however that ends."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
import termios
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.styles import BaseStyle
from twisted.internet import asyncioreactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

from .app import App
from .background import QUESTION, FilteredReader, Replies, background_from
from .completing import Names
from .face import ScreenFace
from .hyperlinks import NO_LINKS, LinkingOutput
from .palette import Background, style
from .typed import Typed, typed_file

ANSWER_WITHIN = 10.0
"""Seconds in which a terminal tells its background, also over a slow line; what comes later was typed."""

BUGS_TOLD = 3
"""The first ones, of which the others come."""

AS_IT_WAS = "\x1b[?1049l\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[0m"
"""Leave the alternate screen and bracketed paste, wrap lines, show the cursor, in no colour (xterm control sequences)."""


def install() -> Any:
    """A reactor that prompt_toolkit can run under."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)
    from twisted.internet import reactor  # here, since it was to be chosen first

    return reactor


class Link(Protocol):
    """What keeps a conversation connected."""

    def start(self) -> None: ...
    def stop(self) -> Deferred[None]: ...


class Terminal:
    """The terminal of standard input and output, with what is to be undone on it."""

    def __init__(self) -> None:
        self._was = termios.tcgetattr(0)
        self.ours = False
        """The screen is on it."""

    def restore(self) -> None:
        if not self.ours:
            return
        self.ours = False
        with suppress(OSError, termios.error):  # it is gone, perhaps
            os.write(1, AS_IT_WAS.encode())
            termios.tcsetattr(0, termios.TCSANOW, self._was)


class Typing(Vt100Input):
    """Keys, without what the terminal answers to our question about it."""

    def __init__(self, told: Callable[[Background], None]) -> None:
        super().__init__(sys.stdin)
        self.replies = Replies(told)
        self.stdin_reader: Any = FilteredReader(self.stdin_reader, self.replies)

    def flush_keys(self) -> list[KeyPress]:
        self.vt100_parser.feed(self.replies.flush())
        return super().flush_keys()


class Screen:
    """One run of it."""

    def __init__(self, reactor: Any, face: ScreenFace, theme: str, environ: Mapping[str, str]) -> None:
        """`theme`: auto, dark or light."""
        self.terminal = Terminal()
        self.bugs: list[str] = []
        """To be told when the screen is gone."""
        self._reactor = reactor
        self._face = face
        self._background = background_from(environ) if theme == "auto" else Background(theme)
        self._colours = not environ.get("NO_COLOR")
        self._asks = theme == "auto" and self._colours and environ.get("TERM") not in NO_LINKS
        self._input = Typing(self._tell_background)
        self._output = LinkingOutput.from_pty(sys.stdout, term=environ.get("TERM"))
        self._history = Typed(typed_file(environ))
        self._failure: Failure | None = None
        self.app = App(
            face,
            self._style,
            Names(face.known),
            self._history,
            keyboard=self._input,
            output=self._output,
        )

    def run(self, link: Link) -> None:
        """Until it is over, with the reactor."""
        reactor, face = self._reactor, self._face

        def begin() -> None:
            self.terminal.ours = True
            signal.signal(signal.SIGTSTP, lambda *_: reactor.callFromThread(self.app.suspend))
            asyncio.get_event_loop().set_exception_handler(self._bug)
            shown = self.app.run(self._began).addErrback(self._failed)
            shown.addCallback(lambda _: face.end())  # the terminal may be gone: who had it leaves the room all the same
            face.ended.addCallback(lambda _: self.app.exit())
            # Later, since ClientService cannot be stopped from within its own news that it could not connect.
            gatherResults([shown, face.ended]).addCallback(lambda _: reactor.callLater(0, close))
            link.start()

        def close() -> None:
            link.stop().addErrback(self._failed).addCallback(lambda _: reactor.stop())

        reactor.callWhenRunning(begin)
        try:
            reactor.run(installSignalHandlers=False)
        finally:
            self.terminal.restore()
        if self._failure is not None:
            self._failure.raiseException()

    def bug(self, words: str) -> None:
        """Something is wrong with this program; the conversation goes on if it can."""
        if len(self.bugs) < BUGS_TOLD:
            self.bugs.append(words)
            self._face.notice(f"this program has a bug, of which more is told at the end: {words.splitlines()[-1]}")
            self.app.redraw()

    # Within

    def _style(self) -> BaseStyle:
        return style(self._background, self._colours)

    def _began(self) -> None:
        self._reactor.callLater(0, self._ask_background)
        if self._history.trouble:
            self._face.notice(self._history.trouble)

    def _ask_background(self) -> None:
        if self._asks:
            self._output.write_raw(QUESTION)
            self._output.flush()
            self._reactor.callLater(ANSWER_WITHIN, self._input.replies.stop)
        else:
            self._input.replies.stop()

    def _tell_background(self, background: Background) -> None:
        self._background = background
        self.app.redraw()

    def _bug(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What was raised where nobody waits for it: the screen cannot be relied on any more."""
        error = context.get("exception")
        if self._failure is None:
            self._failure = Failure(error if isinstance(error, BaseException) else RuntimeError(context["message"]))
        self._face.over("this program has a bug, and ends")

    def _failed(self, failure: Failure) -> None:
        if not is_gone(failure.value):
            self._failure = self._failure or failure


def is_gone(error: BaseException | None) -> bool:
    """Whether that tells of a terminal that is not there any more, of which no signal need have told."""
    return isinstance(error, EOFError) or (isinstance(error, OSError) and error.errno == errno.EIO)
