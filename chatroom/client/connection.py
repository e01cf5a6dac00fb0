"""Keeps a conversation connected: tries again, later and later, until it is stopped. Knows sockets and time; not what is
said.
"""

from __future__ import annotations

from collections.abc import Callable
from random import random
from typing import Any

from twisted.application.internet import ClientService
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IAddress, IPushProducer
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from .address import Address, trouble
from .core import Conversation

FIRST_DELAY = 0.1
"""Seconds until a lost connection is tried again, about: a server that restarts costs a blink."""

LONGEST_DELAY = 10.0
"""Seconds between two tries at most, about: 12 of them fall within the time (120 s) in which a server expects us back."""

FACTOR = 1.6
"""Each try waits so much longer: the longest delay is reached with the tenth."""

WELCOME_TIMEOUT = 15.0
"""Seconds from connecting within which a server says something to our hello."""

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of a line that we take: a welcome names everybody in the room, which may be 10,000 people."""


class ServerLines(LineOnlyReceiver):
    """One connection."""

    transport: Any
    delimiter = b"\n"
    MAX_LENGTH = LONGEST_LINE

    def __init__(self, link: Link, conversation: Conversation) -> None:
        self._link = link
        self._conversation = conversation

    def connectionMade(self) -> None:
        self._link.connected(self)
        self._conversation.connected(self.transport)

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self._conversation.caught_up()

    def lineReceived(self, line: bytes) -> None:
        self._conversation.received(line)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._link.lost(self, reason)


class ServerFactory(Factory):
    """Makes them."""

    noisy = False

    def __init__(self, link: Link, conversation: Conversation) -> None:
        self._link = link
        self._conversation = conversation

    def buildProtocol(self, addr: IAddress | None) -> ServerLines:
        return ServerLines(self._link, self._conversation)


@implementer(IPushProducer)
class Link:
    """What keeps the conversation connected. As a producer it is what the server sends: who shows it may pause it."""

    _log = Logger()

    def __init__(
        self, reactor: Any, address: Address, conversation: Conversation, jitter: Callable[[], float] = random
    ) -> None:
        self._reactor = reactor
        self._address = address
        self._conversation = conversation
        self._jitter = jitter
        self._tries = 0
        self._paused = False
        self._late: Any = None
        self._connection: ServerLines | None = None
        self._service = ClientService(address.endpoint, ServerFactory(self, conversation), self._delay, reactor)

    def start(self) -> None:
        self._service.whenConnected(failAfterFailures=1).addErrback(self._cannot).addErrback(self._bug)
        self._service.startService()

    def stop(self) -> Deferred[None]:
        """Fires when there is no connection any more, and none comes."""
        self._cancel()
        self.resumeProducing()
        stopped: Deferred[None] = self._service.stopService()
        return stopped

    # What one connection tells

    def connected(self, connection: ServerLines) -> None:
        self._connection = connection
        self._late = self._reactor.callLater(WELCOME_TIMEOUT, self._no_welcome)
        if self._paused:
            connection.transport.pauseProducing()

    def lost(self, connection: ServerLines, reason: Failure) -> None:
        if connection is self._connection:
            self._connection = None
            self._cancel()
            if not self._conversation.entering:
                self._tries = 0
            self._conversation.lost(trouble(reason.value, self._address.words))

    # What the face does with what the server sends

    def pauseProducing(self) -> None:
        self._paused = True
        if self._connection is not None:
            self._connection.transport.pauseProducing()

    def resumeProducing(self) -> None:
        self._paused = False
        if self._connection is not None:
            self._connection.transport.resumeProducing()

    def stopProducing(self) -> None:
        """Nobody reads any more: what comes goes nowhere."""
        self.resumeProducing()

    # Within

    def _delay(self, attempt: int) -> float:
        """Until the next try. Counted from the last welcome: who accepts connections and closes them is no server yet."""
        self._tries += 1
        return min(FIRST_DELAY * FACTOR**self._tries, LONGEST_DELAY) * (0.5 + self._jitter())

    def _cannot(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._conversation.lost(trouble(failure.value, self._address.words))

    def _no_welcome(self) -> None:
        self._late = None
        if self._conversation.entering and not self._conversation.heard and self._connection is not None:
            connection, self._connection = self._connection, None
            connection.transport.abortConnection()
            self._conversation.lost(f"{self._address.words} does not answer as a chat server does")

    def _cancel(self) -> None:
        late, self._late = self._late, None
        if late is not None:
            late.cancel()

    def _bug(self, failure: Failure) -> None:
        self._log.failure("the connection failed", failure)
