"""The client as a person at a terminal has it: a real one, in a tmux of its own. What is read from it is what tmux shows.

Every wait has a deadline and is for something to be seen; none is for a time only.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from .server import ENVIRONMENT, PATIENCE, Person, Server, until

CLIENT = (sys.executable, "-m", "chatroom.client")

SIZES = ((80, 24), (40, 10), (200, 50))
"""Columns and rows: the usual, the smallest, a large one."""

# The status line would take a row; a pane that has ended is still to be looked at.
CONFIGURATION = """\
set -g default-terminal tmux-256color
set -g status off
set -g remain-on-exit on
set -g monitor-bell on
set -g history-limit 50000
"""

# It restores nothing, as an interactive shell would: what the client leaves behind is seen. The client has its own process
# number told before there is a screen, and the shell stays with the terminal until somebody presses Enter.
AROUND = """\
stty -a > {of}/stty-before
sh -c 'echo $$ > {of}/pid; exec "$@"' sh {command}
echo $? > {of}/status.new
stty -a > {of}/stty-after
mv {of}/status.new {of}/status
read line
"""


CURSOR = "#{cursor_x} #{cursor_y}"

MODES = (
    "#{alternate_on} #{cursor_flag} #{insert_flag} #{keypad_cursor_flag} #{keypad_flag} #{mouse_any_flag} #{wrap_flag}"
)

PLAIN = "0 1 0 0 0 0 1"
"""The main screen, with a cursor, and lines that wrap."""


class Screen:
    """One terminal with one client on it; `with` ends both, whatever happens."""

    def __init__(
        self,
        home: Path,
        *options: str,
        size: tuple[int, int] = SIZES[0],
        environ: Mapping[str, str] | None = None,
        client: tuple[str, ...] = CLIENT,
        background: str = "",
        shell: bool = False,
    ) -> None:
        """`home`: where the person's files are. `background`: a colour that the terminal tells who asks. `shell`: an
        interactive one, at which nothing is started."""
        home.mkdir(exist_ok=True)
        self._own = tempfile.TemporaryDirectory(prefix="screen-")
        self._of = Path(self._own.name)
        style = f'set -g window-style "bg={background}"\n' if background else ""
        (self._of / "conf").write_text(CONFIGURATION + style)
        left_out = ("TMUX", "TMUX_PANE", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "NO_COLOR", "COLORFGBG", "TZ")
        self._environ = {name: value for name, value in ENVIRONMENT.items() if name not in left_out}
        self._environ |= {"HOME": str(home), "TZ": "UTC", **(environ or {})}
        command = shlex.join([*client, *options])
        script = AROUND.format(of=self._of, command=command)
        run = ["env", "PS1=$ ", "bash", "--norc", "--noediting"] if shell else ["sh", "-c", script]
        size_of = ["-x", str(size[0]), "-y", str(size[1])]
        self.tmux("-f", f"{self._of}/conf", "new-session", "-d", *size_of, "-c", str(home), shlex.join(run))
        self._server = int(self.show("pid"))

    @classmethod
    def to(cls, server: Server, home: Path, *options: str, nick: str = "alice", **how: object) -> Screen:
        """Somebody who comes to a server."""
        return cls(home, f"127.0.0.1:{server.port}", "--nick", nick, *options, **how)  # type: ignore[arg-type]

    def tmux(self, *command: str) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-S", f"{self._of}/socket", *command],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"tmux {shlex.join(command)}: {done.stderr.decode()}"
        return done.stdout.decode()

    # What a person does

    def keys(self, *names: str) -> None:
        """As tmux calls them: Enter, C-c, M-1, PPage."""
        self.tmux("send-keys", *names)

    def type(self, text: str) -> None:
        self.tmux("send-keys", "-l", "--", text)

    def say(self, line: str) -> None:
        self.type(line)
        self.keys("Enter")

    def paste(self, text: str) -> None:
        """As terminals do it: in brackets, if the program has asked for these."""
        (self._of / "pasted").write_text(text)
        self.tmux("load-buffer", f"{self._of}/pasted")
        self.tmux("paste-buffer", "-p")

    def resize(self, columns: int, rows: int) -> None:
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    # What they see

    @property
    def text(self) -> str:
        return self.tmux("capture-pane", "-p")

    @property
    def coloured(self) -> str:
        """With the escapes that make it look so."""
        return self.tmux("capture-pane", "-e", "-p")

    @property
    def rows(self) -> list[str]:
        return self.text.split("\n")[:-1]

    @property
    def bar(self) -> str:
        """The bottom line."""
        return self.rows[-1]

    @property
    def cursor(self) -> tuple[int, int]:
        """Its column and row, from 0."""
        x, y = map(int, self.tmux("display-message", "-p", CURSOR).split())
        return x, y

    def show(self, variable: str) -> str:
        return self.tmux("display-message", "-p", f"#{{{variable}}}").strip()

    def column(self, text: str) -> int:
        """Where the last that looks so begins, in columns of the terminal from 0."""
        self.tmux("copy-mode")
        try:
            self.tmux("send-keys", "-X", "search-backward-text", text)
            return int(self.show("copy_cursor_x"))
        finally:
            self.tmux("send-keys", "-X", "cancel")

    def expect(self, pattern: str, *, coloured: bool = False) -> re.Match[str]:
        """Until the screen shows it."""
        regex = re.compile(pattern, re.MULTILINE)
        seen = ""

        def found() -> re.Match[str] | None:
            nonlocal seen
            seen = self.coloured if coloured else self.text
            return regex.search(seen)

        try:
            return until(found, "the screen")  # type: ignore[return-value]
        except AssertionError:
            raise AssertionError(f"no {pattern!r} on the screen:\n{seen}") from None

    def typed(self) -> tuple[str, str]:
        """The row on which the cursor is: what stands before it, and what behind. Each character is one column."""
        seen, _, place = (
            self.tmux("capture-pane", "-p", ";", "display-message", "-p", CURSOR).rstrip("\n").rpartition("\n")
        )
        x, y = map(int, place.split())
        row = seen.split("\n")[y].ljust(x)
        return row[:x], row[x:]

    def expect_typed(self, before: str, after: str = "") -> None:
        """Until the cursor stands between these, at the end of its row."""
        typed = self.typed()

        def found() -> bool:
            nonlocal typed
            typed = self.typed()
            return typed[0].endswith(before) and typed[1] == after

        try:
            until(found, "the line")
        except AssertionError:
            raise AssertionError(f"not {(before, after)} but {typed} on the screen:\n{self.text}") from None

    def expect_cursor(self, column: int) -> None:
        try:
            until(lambda: self.cursor[0] == column, "the cursor")
        except AssertionError:
            raise AssertionError(f"in column {self.cursor[0]}, not {column}, is the cursor of:\n{self.text}") from None

    def look(self, text: str) -> Look:
        """How the last that reads so looks, where it begins."""
        return look_of(self.coloured, text)

    def expect_look(self, text: str, wanted: Callable[[Look], bool]) -> Look:
        """Until it looks as is wanted."""
        self.expect(re.escape(text))
        return until(lambda: (look := self.look(text)) and wanted(look) and look, f"another look of {text}")

    def bell(self) -> bool:
        """Whether it rang; it is quiet again."""
        rang = self.show("window_bell_flag") == "1"
        self.tmux("kill-session", "-C")  # clears alerts, and kills nothing
        return rang

    # How it ends

    @property
    def pid(self) -> int:
        """The client's."""
        return until(lambda: self._client, "a process")

    def memory(self) -> int:
        """KiB of main memory that the client takes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)[1])  # type: ignore[index]

    def kill(self, number: int) -> None:
        os.kill(self.pid, number)

    def gone(self) -> int:
        """Wait for the client's end; the status. The terminal is as it was before, or this fails."""
        path = self._of / "status"
        try:
            until(path.exists, "the end of the client")
        except AssertionError:
            raise AssertionError(f"it has not ended:\n{self.text}") from None
        before, after = ((self._of / f"stty-{when}").read_text() for when in ("before", "after"))
        assert after == before
        assert self.modes == PLAIN, self.modes
        return int(path.read_text())

    @property
    def modes(self) -> str:
        """What a program may have changed, as tmux has it."""
        return self.tmux("display-message", "-p", MODES).strip()

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.tmux("kill-server")
            until(lambda: _ended(self._server), "the end of tmux")
            until(lambda: not self._client or _ended(self._client), "the end of the client")
        finally:
            if self._client and not _ended(self._client):
                os.kill(self._client, signal.SIGKILL)
            self._own.cleanup()

    @property
    def _client(self) -> int:
        """Its process; 0 while there is none."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int((self._of / "pid").read_text())
        return 0


def _ended(pid: int) -> bool:
    """Whether that process is no more, though its parent may not know yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@contextlib.contextmanager
def friend(server: Server, room: str, nick: str = "bob") -> Iterator[Person]:
    """Somebody who is in that room only, and leaves in the end."""
    with Person(server, nick) as person:
        if room != "lobby":
            person.say(f"/join {room}", "/leave lobby")
            person.expect(rf"what you say goes to #{room} now\r\n")
        yield person
        person.say("/quit")
        person.rest()


class Look(NamedTuple):
    """Of one character."""

    colour: str
    """As SGR has it, 38;5;N say; empty for the terminal's own."""
    background: str
    marks: frozenset[str]
    """SGR's numbers: 1 bold, 2 dim, 3 italic, 4 underlined, 7 reversed."""


def look_of(coloured: str, text: str) -> Look:
    """Of the last that reads so, as tmux tells the looks of a screen; AssertionError where nothing does."""
    colour, background, marks = "", "", frozenset[str]()
    plain, looks = "", []
    for escape, character in re.findall(r"\x1b\[([0-9;:]*)m|([\s\S])", coloured):
        if character:
            plain += character
            looks.append(Look(colour, background, marks))
            continue
        for part in re.findall(r"[34]8;5;\d+|[34]8;2;\d+;\d+;\d+|\d+", escape or "0"):
            if part == "0":
                colour, background, marks = "", "", frozenset()
            elif part[0] in "39" and len(part) > 1:
                colour = "" if part == "39" else part
            elif part[0] in "41" and len(part) > 1:
                background = "" if part == "49" else part
            else:
                marks |= {part}
    at = plain.rfind(text)
    assert at >= 0, f"no {text!r} on the screen:\n{plain}"
    return looks[at]
