"""What was typed, kept over sessions in a file that several clients share; never a password.

Each entry is one line of the file, a string in JSON: so it is written at once, and comes back exactly as it was.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from io import FileIO
from pathlib import Path
from tempfile import mkstemp

from prompt_toolkit.history import History

from ...text import clean

ENTRIES_MOST = 1000
"""Entries that are read: more than anybody goes back."""

BYTES_MOST = 256 << 10
"""Bytes that are read, at every start: in about 15 ms."""

GROWN = 2
"""The file is written anew when it has so many times what is read: about once in a thousand lines typed."""

ENTRY_MOST = 32 << 10
"""Bytes of one entry; what is longer (a file that was pasted) would push out all others, and is not kept."""

DIRECTORY_MODE, FILE_MODE = 0o700, 0o600
"""For nobody else: private messages are among it. The directory's is the one that XDG asks for."""

SECRET = ("login", "register", "password", "claim", "add-account", "set-password")
"""Commands that are said with a password, or a code that is as good as one."""

ALIKE = 0.8
"""How like one of these (difflib's ratio) a command is that was mistyped: /logn is, at 0.89; /account, at 0.78, is another."""

NAME_LOOKED_AT = 32
"""Characters of a command that are compared, which takes time in proportion to their square."""


def is_secret(text: str) -> bool:
    """Whether there is a password in it: in any line, however its command is written, or nearly."""
    # The server takes out what is unseen before it reads a command, some of which Python takes for the end of a line.
    return any(_is_secret(clean(line)) for line in {*text.split("\n"), *text.split("\r"), *text.splitlines()})


def _is_secret(line: str) -> bool:
    words = line.split()
    if words and words[0][0] == "#":  # a room, before what is to be said there
        words = words[1:]
    if not words or words[0][0] != "/":
        return False
    name, _, after = " ".join(words).lstrip("/ ").casefold().partition(" ")
    if name == "server":
        name = after.partition(" ")[0]
    return bool(get_close_matches(name.removeprefix("server-")[:NAME_LOOKED_AT], SECRET, 1, ALIKE))


def typed_file(environ: Mapping[str, str]) -> Path | None:
    """Where it is kept (https://specifications.freedesktop.org/basedir-spec); None for who has no home."""
    state = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):  # it is to be ignored then
        home = environ.get("HOME", "")
        if not os.path.isabs(home):
            return None
        state = os.path.join(home, ".local", "state")
    return Path(state, "chatroom", "typed")


class Typed(History):
    """The last of it; only what is typed in this session where it cannot be kept, or (None) is not to be."""

    def __init__(self, path: Path | None) -> None:
        super().__init__()
        self.trouble = ""
        """Why nothing is kept over sessions, in words; that may show at once, or with any line that is typed."""
        self._path = path
        self._loaded_strings = [*self.load_history_strings()]
        self._loaded = True

    def append_string(self, string: str) -> None:
        if string.strip() and string != next(iter(self._loaded_strings), "") and not is_secret(string):
            super().append_string(string)
            del self._loaded_strings[ENTRIES_MOST:]

    def load_history_strings(self) -> Iterable[str]:
        if self._path is not None:
            try:
                return reversed(_read(self._path))
            except OSError as error:
                self._fail(self._path, error)
        return []

    def store_string(self, string: str) -> None:
        entry = _line(string)
        if self._path is not None and len(entry) <= ENTRY_MOST:
            try:
                _append(self._path, entry)
            except OSError as error:
                self._fail(self._path, error)

    def _fail(self, path: Path, error: OSError) -> None:
        self._path = None
        self.trouble = f"what is typed is not kept for the next time: {path}: {error.strerror}"


def _read(path: Path) -> list[str]:
    """The oldest first; raises OSError."""
    with _Opened(path) as file:
        lines, torn = file.tail()
        if file.size and not any(line[:1] == b'"' for line in [*lines, torn]):
            raise OSError(errno.EINVAL, "holds something else")
        entries = _entries(lines)
        if len(lines) > GROWN * ENTRIES_MOST or file.grown:
            _rewrite(path, entries)
        elif torn:  # the disk was full, say: what comes next begins a line of its own
            file.write(b"\n")
    return entries


def _append(path: Path, entry: bytes) -> None:
    with _Opened(path) as file:
        if file.write(entry) < len(entry):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if file.grown:
            _rewrite(path, _entries(file.tail()[0]))


def _rewrite(path: Path, entries: list[str]) -> None:
    """All at once. An entry is lost that another client appends just meanwhile."""
    path = path.resolve()  # the file stays where its owner put it
    number, name = mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with open(number, "wb") as file:
            file.writelines(map(_line, entries))
        os.replace(name, path)
    except OSError:
        with suppress(OSError):
            os.unlink(name)
        raise


def _line(entry: str) -> bytes:
    return json.dumps(entry).encode() + b"\n"


def _entries(lines: list[bytes]) -> list[str]:
    """What is none is left out, and what a newer version would not have kept."""
    entries: list[str] = []
    for line in lines:
        with suppress(ValueError):
            entry = json.loads(line) if line[:1] == b'"' else ""
            if entry and entry != "".join(entries[-1:]) and not is_secret(entry):
                entries.append(entry)
    return entries[-ENTRIES_MOST:]


class _Opened(FileIO):
    """The file, to be read and appended to: each write goes whole behind those of others."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(DIRECTORY_MODE, parents=True, exist_ok=True)
        super().__init__(path, "a+", opener=_open)
        mode = os.fstat(self.fileno()).st_mode
        if not stat.S_ISREG(mode):
            self.close()
            raise OSError(errno.EINVAL, "is not a file")
        if stat.S_IMODE(mode) & ~FILE_MODE:
            os.fchmod(self.fileno(), FILE_MODE)

    @property
    def size(self) -> int:
        return os.fstat(self.fileno()).st_size

    @property
    def grown(self) -> bool:
        return self.size > GROWN * BYTES_MOST

    def tail(self) -> tuple[list[bytes], bytes]:
        """Its last lines, and what comes after them without an end."""
        begin = max(0, self.size - BYTES_MOST)
        self.seek(begin)
        *lines, torn = self.readall().split(b"\n")
        return lines[1:] if begin else lines, torn


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY, FILE_MODE)  # whatever may stand there
