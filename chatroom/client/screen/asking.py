"""What is typed becomes requests, in the order in which it was typed; what has had no outcome yet is shown as waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from ...request import Command, Refused
from ...wire.json import MAX_LINE, MAX_LINES
from ...wire.text import TEXT
from ..core import Conversation
from ..face import Said
from ..outbox import LOOKING_BACK, line_of
from .line import Line
from .local import ALIASES
from .lookback import Lookback
from .looks import Looks
from .typed import is_secret
from .windows import Window, Windows

TYPED_MOST = 1000
"""Lines typed that wait until it is sure where they go."""

LONG = timedelta(seconds=10)
"""Without an answer, to be told of: much longer than a disk that is busy takes."""

SHOWN = ("say", "me", "msg", "reply")
"""Commands whose words are shown before their outcome is."""

LONGEST_CHARACTER = 6
"""Bytes of one as JSON: `\\u0007`."""

AROUND = 500
"""Bytes of a request beside its words: its name, the room's, an id."""

WAITING = "not sent yet"

LEADING = ("join", "room")
"""Commands that name a room: what is typed next is meant for that one, though its window is not there yet."""


class Held(NamedTuple):
    """What was typed, and cannot be asked yet."""

    id: str
    command: Command
    window: Window
    """Where it was typed."""
    led: bool
    """It is meant for where a request before it leads."""


class Asking:
    """Lines that wait until it is sure where they go, requests that wait for their outcome."""

    def __init__(
        self,
        conversation: Conversation,
        windows: Windows,
        looks: Looks,
        lookback: Lookback,
        obey: Callable[[Command], bool],
        tell: Callable[[Said, Window], None],
    ) -> None:
        """`obey` does what the client does itself, and says whether that was all; `tell` shows what is told here."""
        self._conversation = conversation
        self._windows = windows
        self._looks = looks
        self._lookback = lookback
        self._obey = obey
        self._tell = tell
        self._typed: deque[Held] = deque()
        self._count = 0
        self._led = False
        self._asked: dict[str, Window] = {}
        """Where each was typed."""
        self._shown: dict[str, Window] = {}
        """Where it is shown that something waits."""
        self._away = True

    @property
    def waiting(self) -> int:
        """Lines and requests without an outcome."""
        return len(self._shown)

    def unanswered(self, when: datetime) -> bool:
        """Whether the server has said nothing for long by then to something that is shown as waiting."""
        oldest = next(iter(self._shown.items()), None)
        line = oldest[1].transcript.waiting(oldest[0]) if oldest else None
        return line is not None and when - line.when > LONG

    @property
    def held(self) -> bool:
        """There are lines that cannot be asked yet."""
        return bool(self._typed)

    def window_of(self, id: str) -> Window | None:
        """Where that was typed, if it was and the window is still there."""
        window = self._asked.get(id)
        return window if window and window in self._windows else None

    @property
    def led(self) -> bool:
        """No other window was chosen since it was asked to go to a room."""
        return self._led

    def looked(self) -> None:
        """Another window was chosen: what is typed from now on is meant for that one."""
        self._led = False

    def submit(self, text: str) -> bool:
        """A line was typed, or several that are one message; whether it was taken, and not refused with a word."""
        window = self._windows.current
        try:
            command = self._parse(text)
            return command is None or self._obey(command) or self.take(command, window)
        except Refused as refused:
            self._refuse(refused.words, window)
            return False

    def take(self, command: Command, window: Window) -> bool:
        """Ask it when all that was typed before it has been asked."""
        if len(self._typed) >= TYPED_MOST:
            self._fail(command, window, f"{TYPED_MOST} lines wait already; one moment")
            return False
        if not (self._typed or self._conversation.moving):
            self._led = False
            self._conversation.informed()
        led, self._led = self._led, self._led or command.name in LEADING
        if not self._typed and self._conversation.asks:
            words = self._take(command, window, led)
            if words:
                self._fail(command, window, words)
            return not words
        self._count += 1
        id = f"typed {self._count}"
        self._typed.append(Held(id, command, window, led))
        self._show(id, window, command)
        return True

    def go_on(self) -> None:
        """More can be asked."""
        while self._typed and self._conversation.asks:
            id, command, window, led = self._typed.popleft()
            words = self._take(command, window, led)
            if not self.settle(id, words) and words:
                self._refuse(words, window)

    def settle(self, id: str, failed: str = "") -> bool:
        """It has had its outcome. `failed`: why nobody will see it; whether that is told here."""
        window, typed = self._shown.pop(id, None), self._asked.pop(id, None)
        line = window.transcript.done(id) if window else None
        if not (window and line and failed and line.head):
            return False
        line.change(line.text, "class:failed", f"not said: {failed}")
        there = window in self._windows
        (window if there else self._windows.current).transcript.add(line)
        return not there or typed in (window, None)

    def away(self) -> None:
        """The connection is lost: what waits is sent when it is back."""
        self._away = True
        for window in self._windows:
            window.transcript.mark_waiting("class:waiting", WAITING)

    def here(self) -> None:
        """There is a connection, perhaps again."""
        if not self._away:
            return
        self._away = False
        for window in self._windows:
            window.transcript.mark_waiting("class:pending", "")

    def too_long(self, text: str) -> str:
        """Why that cannot be said; empty while it can."""
        lines = text.count("\n") + 1
        if lines > MAX_LINES:
            return f"a message has at most {MAX_LINES} lines, and these are {lines}: it cannot be said"
        if len(text) * LONGEST_CHARACTER < MAX_LINE - AROUND:
            return ""
        over = len(line_of({"say": {"text": text}})) + AROUND - MAX_LINE
        return f"{over} bytes too long: a message has at most about {MAX_LINE}; it cannot be said" if over > 0 else ""

    # Within

    def _parse(self, text: str) -> Command | None:
        text = text.encode(errors="replace").decode()  # a terminal may send what is no UTF-8
        first, *others = text.split("\n")
        command = TEXT.parse(first.encode(), True)
        if command is not None and command.name in ALIASES:
            command = command._replace(name=ALIASES[command.name])
        return _with(command, others, text) if others else command

    def _take(self, command: Command, window: Window, led: bool) -> str:
        """Ask it, for the room of the window in which it was typed; why not, if it cannot be."""
        conversation = self._conversation
        talks = conversation.room
        if not led:
            conversation.talk_in(window.room)
        try:
            self._ask(command, window)
        except Refused as refused:
            return refused.words
        finally:
            if not led:
                conversation.talk_in(talks)
        return ""

    def _ask(self, command: Command, typed: Window) -> None:
        """Have it done that was typed there; raises Refused for what cannot be asked."""
        conversation = self._conversation
        id = conversation.ask(command)
        conversation.send()
        self._asked[id] = typed
        room = str((command.fields or {}).get("room", "")) or conversation.room
        if command.name in LOOKING_BACK:
            self._lookback.ask(id, None)
        if command.name in SHOWN or not conversation.here:
            self._show(id, self._windows.get(room.removeprefix("#")) or typed, command)

    def _refuse(self, words: str, window: Window) -> None:
        self._tell({"refused": {"code": "not_asked", "words": words}}, window)

    def _fail(self, command: Command, window: Window, words: str) -> None:
        """It was not asked: words that were to be said stay to be seen."""
        line = self._line(command)
        if line.head:
            line.change(line.text, "class:failed", f"not said: {words}")
            window.transcript.add(line)
        else:
            self._refuse(words, window)

    def _line(self, command: Command) -> Line:
        fields = command.fields or {}
        to, text = str(fields.get("to", "")), str(fields.get("text", command.words))
        if command.name == "msg" and not fields:
            to, _, text = command.words.partition(" ")
        name = command.name if command.name in SHOWN and text.strip() else ""
        typed = f"/{command.name} {command.words}".rstrip()
        return self._looks.pending(name, to, text if name else f"/{command.name}" if is_secret(typed) else typed)

    def _show(self, id: str, window: Window, command: Command) -> None:
        line = self._line(command)
        if not self._conversation.here:
            line.change(line.text, "class:waiting", WAITING)
        self._shown[id] = window
        window.transcript.wait(id, line)


def _with(command: Command | None, others: Sequence[str], text: str) -> Command:
    """The message of which the first line reads so; raises Refused where that is no message."""
    match command:
        case Command("say", fields={"room": room, "text": first}):
            return Command("say", fields={"room": room, "text": "\n".join([str(first), *others])})
        case Command("say" | "me" | "reply" as name, words):
            return Command(name, "\n".join([words, *others]))
        case Command("msg", words) if words:
            to, _, first = words.partition(" ")
            return Command("msg", fields={"to": to, "text": "\n".join([first, *others]).lstrip("\n")})
        case Command() if text.lstrip()[0] in "/#":
            words = "a command is one line, and these are several; // at the beginning says them, if they are words"
            raise Refused("bad_arguments", words)
    return Command("say", text)
