"""`chatroomctl`: reads the command line and perhaps a password, has it answered or done, shows the answer, and ends with a
status.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from getpass import getpass
from typing import Any, NoReturn

from ..auth.portal import PASSWORD_BYTES
from .asking import Failed, answers, expect_file
from .local import Local
from .options import read, wants_password
from .table import ENDLESS, TABLE, in_shell, ours

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The console script."""
    try:
        sys.exit(_main(arguments))
    except Failed as failed:
        complain(str(failed))
    except BrokenPipeError:  # who read our output is gone; what is left in the buffer must not fail again at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(1)


def _main(arguments: Sequence[str] | None) -> int:
    options = read(arguments)
    command = options.command
    if isinstance(command, Local):
        return tell(command.answers(options), options.json)
    expect_file(options.storage)
    words = options.words
    if wants_password(command):
        words = f"{words} {password()}"
    return tell(answers(options.storage, command, words), options.json, endless=command.name in ENDLESS)


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


def tell(answers: Iterable[bytes], as_json: bool, *, endless: bool = False) -> int:
    """Show what comes, up to the answer, or what is endless, up to its end; the status that goes with it."""
    answered = False
    for line in answers:
        said: dict[str, Any] = json.loads(line)
        if as_json or (endless and "event" in said):
            _show(line.decode().rstrip("\n"))
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
    if words:
        sys.stdout.write(f"{words}\n")
        sys.stdout.flush()


def complain(words: str) -> None:
    sys.stderr.write(f"chatroomctl: {words}\n")
