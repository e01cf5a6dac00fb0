"""What a session writes to: an object beside the protocol that knows whether bytes are pending on the connection.

All output of a connection goes through it, or answers would overtake the log.
"""

from __future__ import annotations

import fcntl
import sys
import termios
from typing import Any, Protocol

from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.internet.tcp import Connection
from twisted.protocols.policies import ProtocolWrapper
from zope.interface import implementer

from ..seams import Clock, Delayed

CLOSE_TIMEOUT = 5.0
"""Seconds for the other side to take what is pending at the end; a TLS peer that is gone would keep us for ever."""


class Drain(Protocol):
    """What an outlet tells its session."""

    def held(self) -> None: ...
    def drained(self) -> None: ...


class Outlet:
    """What every outlet does alike: closing, and asking the kernel what it still holds."""

    __slots__ = ("_abort", "_clock", "_closed", "_more_input", "_session", "_transport", "full")

    def __init__(self, transport: Any, session: Drain, clock: Clock) -> None:
        self.full = False
        self._transport = transport
        self._session = session
        self._clock = clock
        self._closed = False
        self._more_input = True
        self._abort: Delayed | None = None

    def close(self) -> None:
        """End the connection when what is pending has been written, or after CLOSE_TIMEOUT."""
        if not self._closed:
            self._closed = True
            self._abort = self._clock.callLater(CLOSE_TIMEOUT, self._abort_now)
            # A registered producer would keep the connection open for ever.
            self._transport.unregisterProducer()
            self._end()

    def _end(self) -> None:
        self._transport.loseConnection()

    def no_more_input(self) -> None:
        """The other side sends no more."""
        self._more_input = False
        if self._closed:
            self._transport.loseConnection()

    def _abort_now(self) -> None:
        self._abort = None
        self._transport.abortConnection()

    def lost(self) -> None:
        """The connection is gone: what is written from now on goes nowhere."""
        self._closed = True
        if self._abort:
            self._abort.cancel()
            self._abort = None

    def untaken(self) -> int:
        """Bytes in the kernel's send buffer that the other side has not acknowledged (TIOCOUTQ, tcp(7) and unix(7))."""
        transport = self._transport
        while isinstance(transport, ProtocolWrapper):
            transport = transport.transport
        try:
            answer = fcntl.ioctl(transport.fileno(), termios.TIOCOUTQ, bytes(4))
        except (OSError, ValueError):  # closed already
            return 0
        return int.from_bytes(answer, sys.byteorder)

    def stopProducing(self) -> None:
        """The transport is gone; its protocol is told in connectionLost."""


@implementer(IPullProducer)
class DirectOutlet(Outlet):
    """Plain TCP and Unix sockets: written to at once when nothing is pending, which spares two epoll_ctl calls and a pass
    through the reactor for each reader (6.7 us against 11.7); by the socket itself, since writeSomeData takes as long again.

    Registered as a pull producer, because Twisted then calls resumeProducing exactly when its own buffer has drained.
    """

    __slots__ = ("_send",)

    def start(self) -> None:
        self._send = self._transport.socket.send
        self._transport.registerProducer(self, False)

    def write(self, data: bytes) -> None:
        if self.full or self._closed:
            self._transport.write(data)
            return
        try:
            sent = self._send(data)
            if sent == len(data):
                return
        except OSError:
            # It takes nothing now, or is gone: that is left for the reactor to find, lest a connection be torn down within
            # the fan-out.
            sent = 0
        self.full = True
        self._transport.write(data[sent:])
        self._session.held()

    def resumeProducing(self) -> None:
        if self.full:
            self.full = False
            self._session.drained()

    def _end(self) -> None:
        if self._more_input:
            # To close a socket while something comes in resets the connection, and what the other side has not taken yet
            # is lost (RFC 1122, 4.2.2.13). So only our half is closed, and what comes goes nowhere, until it closes its own.
            self._transport.loseWriteConnection()
            self._transport.resumeProducing()
        else:
            super()._end()


@implementer(IPushProducer)
class BufferedOutlet(Outlet):
    """Everything else, TLS above all: its `writeSomeData` would be found by delegation, and sends clear text into the TLS
    stream; a pull producer would be called for ever."""

    __slots__ = ()

    def start(self) -> None:
        self._transport.registerProducer(self, True)

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def _end(self) -> None:
        if getattr(self._transport, "_handshakeDone", True):
            super()._end()
        else:  # TLS says farewell only after its handshake, and would wait for that
            self._transport.abortConnection()

    def pauseProducing(self) -> None:
        if not self.full:
            self.full = True
            self._session.held()

    def resumeProducing(self) -> None:
        if getattr(self._transport, "_lostTLSConnection", False):
            # The other side has said farewell in TLS, and nothing reaches it any more. The transport below closes when its
            # producer is gone; one that it paused it asks for more instead, and then waits for ever.
            self._transport.unregisterProducer()
            return
        if self.full:
            self.full = False
            self._session.drained()


def outlet_for(transport: object, session: Drain, clock: Clock) -> DirectOutlet | BufferedOutlet:
    """The outlet for a connection: straight to the socket where nothing stands between."""
    if isinstance(transport, Connection) and not transport.TLS:
        return DirectOutlet(transport, session, clock)
    return BufferedOutlet(transport, session, clock)
