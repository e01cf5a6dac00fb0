"""The terminal on which somebody types: whether what is typed is seen. Whatever ends or stops the program, it is seen again."""

from __future__ import annotations

import os
import signal
import termios
from contextlib import suppress


class Terminal:
    """The one of a file, standard input."""

    def __init__(self, file: int = 0, *, shows: bool) -> None:
        """`shows`: what is written to standard output is seen there, by nobody else."""
        self.shows = shows
        self._file = file
        self._seen: list[object] | None = None
        """How it was while what is typed was seen; None while it is."""

    def hide(self, hidden: bool) -> None:
        """Whether what is typed from now on stays unseen. What was typed already, before it was asked for, goes."""
        if hidden == (self._seen is not None):
            return
        with suppress(termios.error):  # nobody is there any more
            if self._seen is not None:
                seen, self._seen = self._seen, None
                termios.tcsetattr(self._file, termios.TCSANOW, seen)  # type: ignore[arg-type]
            else:
                self._seen = termios.tcgetattr(self._file)
                self._hide()

    def _hide(self) -> None:
        iflag, oflag, cflag, lflag, *more = termios.tcgetattr(self._file)
        termios.tcsetattr(self._file, termios.TCSAFLUSH, [iflag, oflag, cflag, lflag & ~termios.ECHO, *more])

    def guard(self) -> None:
        """Who stops the program, or has it dump core, gets the terminal as it was."""
        for number in (signal.SIGTSTP, signal.SIGQUIT):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, self._stop)

    def _stop(self, number: int, _: object) -> None:
        hidden = self._seen is not None
        self.hide(False)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self._stop)  # it goes on
        self.hide(hidden)
