"""`chatroomctl`: reads the command line and perhaps a password, has it answered or done, shows the answer, and ends with a
status.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from getpass import getpass
from types import FrameType
from typing import Any, NoReturn

from ..auth.portal import PASSWORD_BYTES
from ..request import Refused
from ..wire.json import JSON
from .asking import Failed, answers, expect_file
from .local import Local
from .options import read, wants_password
from .table import ENDLESS, TABLE, in_shell, ours

INTERRUPTED = 128 + signal.SIGINT
"""The status after Ctrl-C, as shells have it."""


class Unshown(Failed):
    """Nobody can be shown what there is to show."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """What the console script does, once it is in memory."""
    _open_what_is_closed()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        status = _main(arguments)
    except Unshown as failed:
        complain(str(failed))
        status = 1
    except BrokenPipeError:  # who read our output is gone
        status = 1
    except KeyboardInterrupt:
        status = INTERRUPTED
    sys.exit(_flushed(status))


def _main(arguments: Sequence[str] | None) -> int:
    try:
        options = read(arguments)
    except SystemExit as ended:  # the help was shown, or the command line was wrong
        return int(ended.code or 0)
    try:
        return _do(options)
    except Unshown:
        raise
    except Failed as failed:
        if options.json:
            _show(JSON.refuse(Refused("failed", str(failed)), "").decode().rstrip("\n"))
        complain(str(failed))
        return 1


def _do(options: Namespace) -> int:
    command = options.command
    if isinstance(command, Local):
        return tell(command.answers(options), options.json)
    expect_file(options.storage)
    words = options.words
    if wants_password(command):
        words = f"{words} {password()}"
    said = answers(options.storage, command, words)
    return tell(said, options.json, endless=command.name in ENDLESS, typed=options.typed)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """As Ctrl-C does: what is half done is taken back."""
    raise KeyboardInterrupt


def _open_what_is_closed() -> None:
    """Or the next file to be opened takes the place of standard output, and is written to."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(opened)


def _flushed(status: int) -> int:
    """What is left in the buffers of an output that takes nothing must not fail once more at the end."""
    for file, number in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            if file is not None:
                file.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
            status = status or 1
    return status


def password() -> str:
    """From standard input; typed twice, and unseen, where that is a terminal."""
    if sys.stdin is None:  # closed
        raise Failed("no password came on standard input")
    if sys.stdin.isatty():
        return _typed()
    line = sys.stdin.buffer.readline(PASSWORD_BYTES + 1)
    try:
        known = line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise Failed("the password on standard input is not UTF-8") from None
    if not known.strip():
        raise Failed("no password came on standard input")
    return known


def _typed() -> str:
    try:
        typed = getpass("Password: ")
        if not typed.strip():
            raise Failed("nothing was changed")
        if getpass("The same once more: ") != typed:
            raise Failed("these were two passwords; nothing was changed")
    except EOFError:
        raise Failed("nothing was changed") from None
    return typed


def tell(answers: Iterable[bytes], as_json: bool, *, endless: bool = False, typed: str = "") -> int:
    """Show what comes, up to the answer, or what is endless, up to its end; the status that goes with it. `typed`: the name by
    which it was asked for, under which it is answered."""
    answered = False
    for line in answers:
        said: dict[str, Any] = json.loads(line)
        shown = line.decode().rstrip("\n")
        if typed and said.get("answer", typed) != typed:
            said["answer"] = typed
            shown = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        if as_json or (endless and "event" in said):
            _show(shown)
        match said:
            case {"refused": {"words": words}}:
                complain(in_shell(words, ours(TABLE)))
                return 1
            case {"answer": _, **more}:
                if not as_json:
                    _show(more.get("words", ""))
                if not endless:
                    return 0
                answered = True
            case {"notice": words} if not as_json:
                _show(words)
    if answered:
        return 0
    raise Failed("no answer came; the server's log tells why")


def _show(words: str) -> None:
    if not words:
        return
    if sys.stdout is None:
        raise Unshown("the answer cannot be shown: standard output is closed")
    try:
        sys.stdout.write(f"{words}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unshown(f"the answer cannot be shown: {error.strerror}") from None


def complain(words: str) -> None:
    if sys.stderr is not None:
        try:
            sys.stderr.write(f"chatroomctl: {words}\n")
        except OSError:  # nobody can be told; the status tells it
            return
