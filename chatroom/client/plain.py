"""The face for pipes, and for terminals that can do no more than lines: standard input is said, standard output shows.

Input that ends, or `bye`, leaves when the outcome of all that was asked is seen.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ..protocols.telnet import CUT
from ..request import Command, Refused
from ..wire.json import MAX_LINE
from ..wire.text import TEXT
from .core import Conversation
from .face import Said
from .lines import Lines
from .look import Look
from .patience import Patience
from .questions import Decided, Dialogue, Interview, Question, before
from .terminal import Terminal

PATIENCE = 120.0
"""Seconds that a pipe waits without seeing the outcome of anything it sent, connected or not, before it gives up: a server
that stops expects us back for as long (its --grace)."""

LEAVE_TIMEOUT = 5.0
"""Seconds for the server to end the connection after we said that we leave."""

FLUSH_TIMEOUT = 5.0
"""Seconds at the end for what is shown to be taken by who reads it."""

HINT = "nobody can be asked here: it is taken from --password-file FILE (--server-password-file FILE)"
"""Where a password was wanted of a pipe."""

OK, FAILED = 0, 1
"""Exit statuses; 2 is for a wrong command line."""


@implementer(IHalfCloseableProtocol)
class PlainFace(Protocol):
    """One conversation at standard input and output; `ended` fires when it is over."""

    conversation: Conversation
    """To be given before the transport is."""

    def __init__(
        self,
        clock: IReactorTime,
        look: Look | None,
        *,
        terminal: Terminal | None,
        piped: bool,
        complain: Callable[[str], None],
    ) -> None:
        """`look`: how it is shown; None for JSON as it came. `terminal`: on which a person types, who sees what goes wrong,
        can be asked, and may wait for ever. `piped`: shown to another program, without which we go on no more. `complain`
        tells what is not the server's words."""
        self.ended: Deferred[None] = Deferred()
        self._clock = clock
        self._look = look
        self._terminal = terminal
        self._typed = terminal is not None
        self._patience = Patience(clock, PATIENCE, self._out_of_patience, endless=self._typed)
        self._piped = piped
        self._complain = complain
        self._lines = Lines()
        self._interview = Interview(self._put)
        self._reading = True
        self._left = False
        self._broken = False
        self._reason = ""
        self._nick = self._hint = ""
        self._status = OK
        self._under_way = 0
        self._closed: Deferred[None] = Deferred()

    # Standard input and output

    def connectionMade(self) -> None:
        self._regulate()

    def dataReceived(self, data: bytes) -> None:
        if self._typed and not self.conversation.moving:
            self.conversation.informed()  # a pipe sees nothing
        self._lines.feed(data)
        self._go_on()

    def readConnectionLost(self) -> None:
        self._lines.end()
        self._go_on()

    def writeConnectionLost(self) -> None:
        """Nobody reads, or the disk is full. Who has read enough wants no more of us; a full disk silences nobody."""
        self._status = FAILED
        self._broken = True
        self._typed = self._patience.endless = False
        if self._piped:
            self._lines.stop()
        else:
            self._complain("standard output cannot be written to")
        self._patience.begin()
        self._go_on()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._closed.called:
            self._closed.callback(None)

    def close(self) -> Deferred[int]:
        """Fires with the exit status when what is shown has been taken, or nobody takes it."""
        transport: Any = self.transport
        transport.unregisterProducer()
        transport.loseConnection()
        if self._broken and not self._closed.called:
            self._closed.callback(None)
        closed = self._closed.addTimeout(FLUSH_TIMEOUT, self._clock)
        return closed.addCallbacks(lambda _: self._status, lambda _: FAILED)

    # What the conversation tells

    def welcomed(self, welcome: Said, again: bool) -> None:
        nick = welcome["welcome"]["nick"]
        if again:
            self._complain("connected again" if nick == self._nick else f"connected again, as {nick}")
        else:
            self._patience.begin()
            self.show(welcome, own=False)

    def show(self, said: Said, own: bool) -> None:
        if own and said.get("history"):
            return  # it has had its outcome, and is shown where it stands
        if own and not self._typed and "refused" in said:
            self._status = FAILED
        if self._look is None:
            self._write(f"{json.dumps(said, separators=(',', ':'))}\n")
        elif not (own and "event" in said):
            self._write("".join([f"{line}\n" for line in self._look.lines(said, self.conversation)]))

    def question(self, dialogue: Dialogue, decided: Decided) -> bool:
        if self._terminal is None or self._lines.over:
            self._hint = HINT
            return False

        def put_back(command: Command | None) -> None:
            self._lines.put_back()
            decided(command)

        self._lines.put_by()
        self._interview.begin(dialogue, put_back)
        self._regulate()
        return True

    def moved(self) -> None:
        if self.conversation.under_way < self._under_way or not self.conversation.under_way:
            self._patience.begin()
        self._go_on()

    def away(self, why: str) -> None:
        self._complain(f"{why}; trying again")
        self._nick = self.conversation.nick
        if not self.conversation.under_way:
            self._patience.begin()
        self._go_on()

    def over(self, why: str = "") -> None:
        if self.ended.called:
            return
        self._lines.stop()
        self._interview.end()
        self._patience.end()
        lost = self.conversation.under_way
        if why:
            self._status = FAILED
            self._complain(why)
            if self._hint:
                self._complain(self._hint)
        if lost:
            self._status = FAILED
            self._complain(f"{lost} {'line' if lost == 1 else 'lines'} may not have been said")
        self.ended.callback(None)

    # What is typed, or piped

    def leave(self) -> None:
        """Leave at once, whatever is under way."""
        self._lines.stop()
        self._interview.end()
        self._leave()

    def _go_on(self) -> None:
        conversation = self.conversation
        while self._lines and (self._interview.under_way or conversation.takes_more):
            line = self._lines.take()
            if self._interview.under_way:
                self._interview.answer(TEXT.reply(line) or "")
            else:
                self._obey(line)
        if self._lines.over and self._interview.under_way:
            self._interview.cancel()
        conversation.send()
        before, self._under_way = self._under_way, conversation.under_way
        if self._under_way and not before:
            self._patience.begin()
        if self._lines.over and not self._lines and not self._under_way and not conversation.entering:
            self._leave()
        self._regulate()

    def _obey(self, line: bytes) -> None:
        try:
            if line.endswith(CUT):
                raise Refused("line_too_long", f"a line has at most about {MAX_LINE} bytes; yours was not said")
            command = TEXT.parse(line, True)
            if command is None or (command.name == "say" and not (command.fields or command.words.strip())):
                return
            if command.name == "quit":
                self._reason = command.words
                self._lines.stop()
            else:
                self._ask(command)
        except Refused as refused:
            self.show({"refused": {"code": refused.code, "words": refused.words}}, own=True)

    def _ask(self, command: Command) -> None:
        conversation = self.conversation
        dialogue = before(command, conversation.nick, conversation.account) if self._terminal else None
        if dialogue is None:
            conversation.ask(command)
        else:
            self._interview.begin(dialogue, self._decided)

    def _decided(self, command: Command | None) -> None:
        if command is None:
            self._tell("nothing was changed")
        else:
            self.conversation.ask(command)

    def _put(self, question: Question | None) -> None:
        """Ask the person; nothing more, when there is no question any more."""
        if self._terminal:
            self._terminal.hide(question is not None and question.hidden)
        if question:
            self._tell(question.words)

    def _tell(self, words: str) -> None:
        """Say something to the person that is no part of the conversation."""
        if self._look and self._terminal and self._terminal.shows:
            self.show({"notice": words}, own=False)
        else:
            self._complain(words)

    def _leave(self) -> None:
        if self._left or self.ended.called:
            return
        self._left = True
        if self.conversation.leave(self._reason):
            self._patience.only(LEAVE_TIMEOUT, self.over)
        else:
            self.over()

    def _regulate(self) -> None:
        """Read on when what was read has been asked, and more may be."""
        transport: Any = self.transport
        takes_more = self.conversation.takes_more or self._interview.under_way
        # What a person types before they see whether a room is open to them has to be known from what they type after.
        ahead = self._typed and self.conversation.moving
        reads = (ahead or (takes_more and not self._lines)) and not self._lines.over
        if transport is not None and reads != self._reading and not self.ended.called:
            self._reading = reads
            if reads:
                transport.resumeProducing()
            else:
                transport.pauseProducing()

    def _write(self, text: str) -> None:
        if self.transport is not None:
            self.transport.write(text.encode())

    def _out_of_patience(self) -> None:
        if self.conversation.under_way or not self.conversation.takes_more:
            self.over(f"gave up: the server has confirmed nothing for {PATIENCE:g} seconds")
        else:
            self._patience.begin()
