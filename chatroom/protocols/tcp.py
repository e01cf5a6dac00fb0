"""TCP as chat needs it: sent at once, and a connection that died without a word is noticed within 150 seconds.

Knows sockets only; not what is carried.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

from ..person import Clock, Delayed

KEEP_IDLE = 60
"""Seconds without a word from the other side until the kernel asks whether it is there. Most routers forget a silent
connection after some minutes, and asking keeps them from it."""

KEEP_INTERVAL = 15
"""Seconds until it asks again."""

KEEP_COUNT = 4
"""Questions without an answer until the connection counts as dead: noticed after 60 + 4 * 15 = 120 seconds."""

SILENT = 125.0
"""Seconds in which nothing that we sent was acknowledged until the connection counts as dead. The kernel asks a reader that
takes nothing every 120 s at least (TCP_RTO_MAX), and who is there answers that at once."""

LOOK_AGAIN = 15.0
"""Seconds between two looks: 10,000 connections take 0.7 % of a processor. With SILENT below 150."""

_PROBES, _UNACKNOWLEDGED, _LAST_ACK = 3, 12, 20
_INFO = struct.Struct("8B13I")
"""The start of `struct tcp_info` (linux/tcp.h): 8 small numbers, then 13 larger ones."""


class Pulse:
    """Watches one connection, and ends it when its other side is gone.

    The kernel's keep-alive is for connections where nothing is under way. Where something is, it would try for 15 minutes;
    and TCP_USER_TIMEOUT ends with the dead also those who are there and read nothing for a while.
    """

    __slots__ = ("_clock", "_look", "_transport")

    def __init__(self, transport: Any, clock: Clock) -> None:
        connection: socket.socket = transport.socket
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # Nagle and delayed ACK take 35 ms at p99
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEP_IDLE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEP_INTERVAL)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEP_COUNT)
        self._transport = transport
        self._clock = clock
        self._look: Delayed = clock.callLater(LOOK_AGAIN, self._feel)

    def stop(self) -> None:
        """The connection is gone."""
        self._look.cancel()

    def _feel(self) -> None:
        self._look = self._clock.callLater(LOOK_AGAIN, self._feel)
        if silence(self._transport.socket) > SILENT:
            self._transport.abortConnection()


def silence(connection: socket.socket) -> float:
    """Seconds for which the other side has answered nothing, though something waits for its answer; 0 when nothing does."""
    info = _INFO.unpack(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size))
    waiting = info[_UNACKNOWLEDGED] or info[_PROBES]
    return info[_LAST_ACK] / 1000 if waiting else 0.0
