"""Lines over TCP, TLS and Unix sockets: a shell around a session. Telnet, nc and scripts come in here.

Knows transports and line ends; not what a line means.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, ITCPTransport, IUNIXTransport
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from ..chat import Chat
from ..request import Refused
from ..session import Session
from ..table import Table
from ..wire import OPENINGS
from ..wire.text import END_OF_FILE, TEXT
from .outlet import outlet_for
from .peer import peer_of
from .tcp import Pulse
from .telnet import CUT, LineInput

LONGEST_LINE = 1 << 20
"""Bytes in one line that may be allowed at most: one line of each of 10,000 connections fits into 10 GiB."""

SLICE = 2048
"""Bytes given to LineReceiver at a time: it copies the rest of its buffer for each line, so that 64 KiB of empty lines at
once would take 98 ms instead of 12."""

NOT_LINES = re.compile(rb"[A-Z]+ \S+ HTTP/[0-9]|[A-Z]+ /\S*\r\Z|\x16\x03")
"""How HTTP requests, those too with a first line that was cut, and TLS handshakes begin. Of what follows, something would
become a nickname, and the rest be said."""


@implementer(IHalfCloseableProtocol)
class LineProtocol(LineReceiver):
    """One connection that speaks lines."""

    delimiter = b"\n"
    MAX_LENGTH = LONGEST_LINE + len(CUT)  # never passed: LineInput cuts lines before
    _undecided = True
    _first = True
    _transport_paused = False
    _no_more = False
    _ended = False

    def __init__(self, factory: LineFactory) -> None:
        self._factory = factory
        self._input = LineInput(factory.max_line)

    def connectionMade(self) -> None:
        transport: Any = self.transport
        if ITCPTransport.providedBy(transport) and not IUNIXTransport.providedBy(transport):  # those provide both
            self._factory.pulse.watch(transport)
        self.session = Session(self._factory.chat, self._factory.table, TEXT, self, console=self._factory.console)
        self._outlet = outlet_for(transport, self.session, self._factory.chat.clock)
        self._outlet.start()
        self.session.start(self._outlet, peer_of(transport))

    def dataReceived(self, data: bytes) -> None:
        if self.session.ended:
            return
        if self._undecided and data:
            self._undecided = False
            self._choose_format(data)
        clean, answers = self._input.feed(data)
        if answers:
            self.session.reply(answers)
        whole = clean.rfind(b"\n") + 1
        if whole and not self._buffer and not self.paused and self.session.receive_talk(clean[:whole]):
            clean = clean[whole:]
        if self.paused and data:
            self._transport_paused = True
            transport: Any = self.transport
            transport.pauseProducing()
        for start in range(0, max(len(clean), 1), SLICE):
            super().dataReceived(clean[start : start + SLICE])
        if self._buffer == END_OF_FILE and not self.paused:  # without an end of line, while the person waits
            self.lineReceived(self.clearLineBuffer())

    def _choose_format(self, data: bytes) -> None:
        for opening in OPENINGS:
            if data.startswith(opening.begins):
                self.session.speak(opening.format)
                self._input.max_line = opening.max_line
                self._input.telnet = False

    def lineReceived(self, line: bytes) -> None:
        first, self._first = self._first, False
        if first and NOT_LINES.match(line):
            self.session.refuse(
                Refused("not_lines", "people and programs that send lines chat here; this is no web server")
            )
            self.session.end()
        elif line.endswith(CUT):
            self.session.refuse(
                Refused("line_too_long", f"a line has at most {self._input.max_line} bytes; yours was not said")
            )
        else:
            self.session.receive(line)

    def pauseProducing(self) -> None:
        """Take no more lines. The transport is paused only when more comes: most answers are given before that."""
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False
        self.dataReceived(b"")
        # What is here already comes first, or for each line that is taken 64 KiB more would be read.
        if self._transport_paused and not self.paused:
            self._transport_paused = False
            transport: Any = self.transport
            transport.resumeProducing()
        self._end_when_all_is_received()

    def hide(self, hidden: bool) -> bytes:
        # Behind a Unix socket is nc or a program, and no telnet.
        return b"" if IUNIXTransport.providedBy(self.transport) else self._input.hide(hidden)

    def readConnectionLost(self) -> None:
        if self.session.ended:
            self.session.took_all()
        self._outlet.no_more_input()
        self._no_more = True
        self._end_when_all_is_received()

    def writeConnectionLost(self) -> None:
        """Nobody reads any more; connectionLost follows."""

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._factory.pulse.forget(self.transport)
        self._outlet.lost()
        self._no_more = True
        self.session.lose()
        self._end_when_all_is_received()

    def _end_when_all_is_received(self) -> None:
        """The last line counts, also without its end; after it the session ends, when it takes input again."""
        if self._no_more and not self.paused and not self._ended:
            rest = self.clearLineBuffer()
            if rest:
                self.lineReceived(rest)
            if not self.paused:
                self._ended = True
                self.session.end()


class LineFactory(Factory):
    """Makes a LineProtocol for each connection to one chat."""

    noisy = False

    def __init__(self, chat: Chat, table: Table, max_line: int, *, console: bool = False) -> None:
        """`console`: who comes in here owns the server, and is nobody in the chat."""
        self.console = console
        self.chat = chat
        self.table = table
        self.max_line = max_line
        self.pulse = Pulse(chat.clock)

    def buildProtocol(self, addr: IAddress | None) -> LineProtocol:
        return LineProtocol(self)
