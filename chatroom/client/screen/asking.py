"""What is typed becomes requests, in the order in which it was typed; what has had no outcome yet is shown as waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ...request import Command, Refused
from ...wire.json import MAX_LINE, MAX_LINES
from ...wire.text import TEXT
from ..core import Conversation
from ..face import Said
from ..outbox import LOOKING_BACK, line_of
from .lookback import Lookback
from .looks import Looks
from .windows import Window, Windows

TYPED_MOST = 1000
"""Lines typed that wait until it is sure where they go."""

SHOWN = ("say", "me", "msg", "reply")
"""Commands whose words are shown before their outcome is."""

LONGEST_CHARACTER = 6
"""Bytes of one as JSON: `\\u0007`."""

AROUND = 500
"""Bytes of a request beside its words: its name, the room's, an id."""

WAITING = "not sent yet"


class Asking:
    """Of one conversation."""

    def __init__(
        self,
        conversation: Conversation,
        windows: Windows,
        looks: Looks,
        lookback: Lookback,
        obey: Callable[[Command], bool],
        tell: Callable[[Said], None],
    ) -> None:
        """`obey` does what the client does itself, and says whether that was all; `tell` shows what is told here."""
        self._conversation = conversation
        self._windows = windows
        self._looks = looks
        self._lookback = lookback
        self._obey = obey
        self._tell = tell
        self._typed: deque[tuple[str, str]] = deque()
        """Lines with their ids that wait until they can be asked."""
        self._count = 0
        self._shown: dict[str, Window] = {}
        """Where it is shown that something waits."""
        self._away = True

    @property
    def waiting(self) -> int:
        """Lines and requests without an outcome."""
        return len(self._typed) + len(self._shown)

    def submit(self, text: str) -> bool:
        """A line was typed, or several that are one message. False when it is to stay where it is."""
        if len(self._typed) >= TYPED_MOST:
            self._refuse(f"{TYPED_MOST} lines wait already; one moment")
            return False
        if not self._conversation.moving:
            self._conversation.informed()
        if self._typed or not self._conversation.asks:
            self._count += 1
            id = f"typed {self._count}"
            self._typed.append((id, text))
            self._show(id, self._windows.current, Command("say", text))
            return True
        return self._take(text)

    def go_on(self) -> None:
        """More can be asked."""
        while self._typed and self._conversation.asks:
            id, text = self._typed.popleft()
            self.settle(id, "" if self._take(text) else "it could not be asked")

    def ask(self, command: Command) -> str:
        """Have it done; raises Refused for what cannot be asked. Tells the id."""
        conversation = self._conversation
        id = conversation.ask(command)
        conversation.send()
        room = str((command.fields or {}).get("room", "")) or conversation.room
        window = self._windows.get(room.removeprefix("#")) or self._windows.current
        if command.name in LOOKING_BACK:
            self._lookback.ask(id, None)
        if command.name in SHOWN or not conversation.here:
            self._show(id, window, command)
        return id

    def settle(self, id: str, failed: str = "") -> bool:
        """It has had its outcome. `failed`: why nobody will see it; whether that is told here."""
        window = self._shown.pop(id, None)
        line = window.transcript.done(id) if window else None
        if not (window and line and failed and line.head):
            return False
        line.change(line.text, "class:failed", f"not said: {failed}")
        window.transcript.add(line)
        return True

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
        if len(text) * LONGEST_CHARACTER < MAX_LINE - AROUND:
            return ""
        lines = text.count("\n") + 1
        if lines > MAX_LINES:
            return f"a message has at most {MAX_LINES} lines, and these are {lines}: it cannot be said"
        over = len(line_of({"say": {"text": text}})) + AROUND - MAX_LINE
        return f"{over} bytes too long: a message has at most about {MAX_LINE}; it cannot be said" if over > 0 else ""

    # Within

    def _take(self, text: str) -> bool:
        try:
            command = Command("say", text) if "\n" in text else TEXT.parse(text.encode(), True)
            if command is not None and not self._obey(command):
                self.ask(command)
        except Refused as refused:
            self._refuse(refused.words)
            return False
        return True

    def _refuse(self, words: str) -> None:
        self._tell({"refused": {"code": "not_asked", "words": words}})

    def _show(self, id: str, window: Window, command: Command) -> None:
        fields = command.fields or {}
        to, text = str(fields.get("to", "")), str(fields.get("text", command.words))
        if command.name == "msg" and not fields:
            to, _, text = command.words.partition(" ")
        name = command.name if command.name in SHOWN else ""
        line = self._looks.pending(name, to, text if name else f"/{command.name}")
        if not self._conversation.here:
            line.change(line.text, "class:waiting", WAITING)
        self._shown[id] = window
        window.transcript.wait(id, line)
