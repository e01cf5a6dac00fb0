"""The face that fills a terminal: what a conversation tells goes into windows, what is typed is asked of it, and keys choose
what is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ...request import Command
from ..core import Conversation
from ..face import Said
from ..questions import Decided, Dialogue
from .app import App
from .asking import Asking
from .bar import bar
from .cells import Piece, Row
from .interviewing import Interviewing
from .known import ROOMS, Known
from .leaving import Leaving
from .local import Local
from .lookback import Lookback
from .looks import TALK, Looks, now
from .news import News
from .paging import Paging
from .windows import HOME, Window, Windows

SILENT_MOST = 2
"""Requests under way that nobody typed: the commands, and the rooms, for Tab."""


class ScreenFace:
    """One conversation on one screen; `ended` fires when it is over."""

    conversation: Conversation
    app: App
    """Both to be given before anything happens."""

    def __init__(self, clock: IReactorTime, bell: str) -> None:
        """`bell`: for what it rings, one of local.py's."""
        self.ended: Deferred[None] = Deferred()
        self.why = ""
        """What is to be told at the end; empty when all is well."""
        self.parting = ""
        """The same, of what was wanted."""
        self.windows = Windows()
        self.known = Known(self.windows, self._ask_silently)
        self._local = Local(self, bell)
        self._clock = clock
        self._lookback = Lookback()
        self._nick = self._room = self._trouble = ""
        self._silent: set[str] = set()
        """What is asked without that anybody typed it."""
        self._back = False
        """The connection is, and what was missed comes."""

    def begin(self, conversation: Conversation, app: App) -> None:
        self.conversation, self.app = conversation, app
        self._looks = Looks(conversation)
        self._news = News(self.windows, self._looks, conversation)
        self._paging = Paging(conversation, self.windows, self._looks, self._lookback, app.hint)
        self._interviewing = Interviewing(conversation, self.windows, app, self._tell)
        self._asking = Asking(conversation, self.windows, self._looks, self._lookback, self._obey, self._tell)
        self._leaving = Leaving(self._clock, conversation, self._asking, app.hint, self.over)

    # What the conversation tells

    def welcomed(self, welcome: Said, again: bool) -> None:
        was = self._nick
        self._trouble, self._back = "", again
        self._interviewing.end()
        self._became(welcome)
        if not again:
            self._news.greet()
        elif was != self._nick:
            self.notice(f"connected again, as {self._nick}")
        self._follow()

    def show(self, said: Said, own: bool) -> None:
        match said:
            case {"event": str()}:
                self._happened(said, own)
            case {"answer": str(), "id": str(id)}:
                self._answered(said, id)
            case {"refused": {"words": str(words)}}:
                self._refused(said, str(said.get("id", "")), words)
            case {"joined": {"room": str(room)} as there}:
                self._news.came(room, there.get("others"), there.get("topic", ""))
                self._tell(said, self.windows.get(room))
            case {"welcome": dict()}:  # we are somebody else from now on
                self._ask_silently(ROOMS, marks=True)
                self._became(said)
                self._tell(said)
            case _:
                self._tell(said)
        self._follow()
        self.app.redraw()

    def question(self, dialogue: Dialogue, decided: Decided) -> bool:
        self._interviewing.begin(dialogue, decided)
        return True

    def moved(self) -> None:
        if self._back:
            self._back = False
            self.windows.current.transcript.read_on()  # all that was missed has come
        self._leaving.stay()
        self._asking.here()
        self._asking.go_on()
        if not self._asking.held:
            self._room = self.windows.current.room
            self.conversation.talk_in(self._room)
        self.app.redraw()

    def away(self, why: str) -> None:
        if not self._trouble:
            self.windows.current.transcript.missed()  # of all others one stopped reading before
        self._trouble = why
        self._interviewing.end()
        self._lookback.again()
        self._asking.away()
        self.app.redraw()

    def over(self, why: str = "") -> None:
        if self.ended.called:
            return
        self._interviewing.end()
        lost = self._asking.waiting
        told = [why] if why else []
        if lost > 0:
            told.append(f"{lost} {'line' if lost == 1 else 'lines'} may not have been said")
        self.why = "; ".join(told)
        self.ended.callback(None)

    # What is typed

    def submit(self, text: str) -> bool:
        self._leaving.stay()
        self._paging.to_the_end()
        taken = self._asking.submit(text)
        self._follow()
        self.app.redraw()
        return taken

    def too_long(self, text: str) -> str:
        return self._asking.too_long(text)

    def answer(self, text: str) -> bool:
        asked = self._interviewing.under_way
        self._interviewing.answer(text)
        return asked

    def cancel(self) -> None:
        if self._interviewing.under_way:
            self._interviewing.cancel()
        else:
            self.leave()

    def leave(self, reason: str = "") -> None:
        self._leaving.leave(reason, bool(self._trouble))

    def end(self, reason: str = "") -> None:
        """Leave, whatever is under way."""
        self._interviewing.end()
        self._leaving.end(reason)

    # What is looked at

    def view(self, width: int, height: int) -> list[Row]:
        return self.windows.current.transcript.view(width, height)

    def bar(self, width: int) -> Sequence[Piece]:
        return bar(self.windows, width, self._trouble, self._asking.waiting, self._asking.unanswered(now()))

    def prompt(self) -> str:
        return self.conversation.nick

    def turn(self, rows: int, width: int, height: int) -> None:
        self._paging.turn(rows, width, height)
        self.app.redraw()

    def to_the_end(self) -> None:
        self._paging.to_the_end()
        self.app.redraw()

    def window(self, number: int) -> None:
        window = self.windows.at(number)
        if window is None:
            self.app.hint(f"there is no window {number}: /join ROOM opens one")
        else:
            self.show_window(window)

    def beside(self, step: int) -> None:
        self.show_window(self.windows.beside(step))

    def to_unread(self) -> None:
        window = self.windows.unread()
        if window is not None:
            self.show_window(window)

    def show_window(self, window: Window) -> None:
        self.windows.show(window)
        self._room = window.room
        self._asking.looked()
        self.conversation.talk_in(window.room)
        self.app.redraw()

    # Within

    def notice(self, words: str) -> None:
        self._tell({"notice": words})

    def _tell(self, said: Said, window: Window | None = None) -> None:
        line = self._looks.told(said, now())
        if line is not None:
            (window or self.windows.current).transcript.add(line)

    def _became(self, welcome: Said) -> None:
        said = welcome["welcome"]
        self._nick = str(said["nick"])
        rooms = said.get("rooms")
        self._news.welcomed(rooms if isinstance(rooms, dict) else {}, str(said.get("room", "")))
        self.known.welcomed()

    def _ask_silently(self, command: Command, *, marks: bool = False) -> None:
        """`marks`: what is told of where we came in has all come when it is answered; what is typed is asked behind it."""
        if marks or (len(self._silent) < SILENT_MOST and self.conversation.asks):
            id = self.conversation.ask(command)
            self._silent.add(id)
            if marks:
                self._lookback.mark(id)
            self.conversation.send()

    def _follow(self) -> None:
        """What is typed goes elsewhere now: look there."""
        room = self.conversation.room
        if room != self._room:
            self._room = room
            window = self.windows.get(room)
            if window is not None and window.room != HOME:
                self.windows.show(window)

    def _happened(self, said: Said, own: bool) -> None:
        if own:
            self._asking.settle(str(said.get("id")))
        elif self.conversation.here and self._lookback.takes(said):
            return
        calls = self._news.happened(said)
        others = said["event"] in TALK and said.get("nick") not in self.conversation.nicks and not said.get("history")
        if self._local.rings(calls, others):
            self.app.bell()

    def _answered(self, said: Said, id: str) -> None:
        typed = self._asking.window_of(id)
        self._asking.settle(id)
        self.known.told(said)
        wanted = self._lookback.done(id)
        if id in self._silent:
            self._silent.discard(id)
            return
        if wanted is not None and wanted.window is not None:
            self._paging.fetched(wanted, wanted.window, whole="before" not in said)
            return
        if wanted is not None:
            self._paging.found(wanted, typed or self.windows.current)
        room = said.get("room")
        if said["answer"] == "logout":
            self.parting = "you are logged out"
        if said["answer"] == "join" and isinstance(room, str) and "others" in said:
            self._ask_silently(ROOMS, marks=True)
            window = self._news.came(room, said["others"], said.get("topic", ""))
            if typed is not None and not self._asking.led:  # another window was chosen since
                self._room = self.conversation.room
            self._follow()
            self._tell(said, window)
        elif said["answer"] == "leave" and isinstance(room, str):
            left = self.windows.get(room)
            if left is not None:
                self.windows.close(left)
            if self.windows.current.room == HOME:
                self._tell(said)
        else:
            self._tell(said, typed)
            if said["answer"] == "help":
                self._local.helped(said.get("commands"))

    def _refused(self, said: Said, id: str, words: str) -> None:
        wanted, typed = self._lookback.done(id), self._asking.window_of(id)
        if id in self._silent:
            self._silent.discard(id)
        elif wanted is not None and wanted.window is not None:
            self._paging.refused(wanted.window, words)
        elif not self._asking.settle(id, words):
            self._tell(said, typed)

    def _obey(self, command: Command) -> bool:
        """What the client does itself, or asks the person about first."""
        return self._local.obey(command) or self._interviewing.before(command, self._asking)
