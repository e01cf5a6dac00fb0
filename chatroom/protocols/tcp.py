"""TCP as chat needs it: sent at once, and a connection that died without a word is noticed within 150 seconds.

Knows sockets only; not what is carried.
"""

from __future__ import annotations

import socket
import struct
from itertools import takewhile
from typing import Any

from ..seams import Clock

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
"""Seconds between two looks at a connection: 10,000 take 0.7 % of a processor. With SILENT below 150."""

LOOKS_APART = 0.1
"""Seconds between two rounds of looks at least: what came within them is looked at in one, some 200 connections in 2 ms."""

UNSENT = 256 * 1024
"""Bytes that the kernel keeps for a reader that takes nothing, beyond what is on its way: four pages. Left alone it would take
2.8 MB, of memory that counts nowhere, for each reader that stalls."""

_TCP_NOTSENT_LOWAT = 25  # linux/tcp.h

_PROBES, _UNACKNOWLEDGED, _LAST_ACK = 3, 12, 20
_INFO = struct.Struct("8B13I")
"""The start of `struct tcp_info` (linux/tcp.h): 8 small numbers, then 13 larger ones."""


class Pulse:
    """Watches connections, and ends each whose other side is gone: one timer for all, since one for each takes 0.4 KiB.

    The kernel's keep-alive is for connections where nothing is under way. Where something is, it would try for 15 minutes;
    and TCP_USER_TIMEOUT ends with the dead also those who are there and read nothing for a while.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looked: dict[Any, float] = {}
        """When each transport was looked at last, the longest ago first."""
        self._waiting = False

    def watch(self, transport: Any) -> None:
        """Set a new connection up, and look after it until `forget`."""
        connection: socket.socket = transport.socket
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # Nagle and delayed ACK take 35 ms at p99
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEP_IDLE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEP_INTERVAL)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEP_COUNT)
        connection.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, UNSENT)
        self._looked[transport] = self._clock.seconds()
        self._wait()

    def forget(self, transport: Any) -> None:
        """The connection is gone; it need not have been watched."""
        self._looked.pop(transport, None)

    def _wait(self) -> None:
        if self._looked and not self._waiting:
            self._waiting = True
            due = next(iter(self._looked.values())) + LOOK_AGAIN
            self._clock.callLater(max(LOOKS_APART, due - self._clock.seconds()), self._feel)

    def _feel(self) -> None:
        self._waiting = False
        now = self._clock.seconds()
        for transport in [*takewhile(lambda each: self._looked[each] <= now - LOOK_AGAIN, self._looked)]:
            if self._looked.pop(transport, None) is not None:  # else it went with one before it
                self._looked[transport] = now
                try:
                    silent = silence(transport.socket)
                except OSError:  # closed a moment ago
                    continue
                if silent > SILENT:
                    transport.abortConnection()
        self._wait()


def silence(connection: socket.socket) -> float:
    """Seconds for which the other side has answered nothing, though something waits for its answer; 0 when nothing does."""
    info = _INFO.unpack(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size))
    waiting = info[_UNACKNOWLEDGED] or info[_PROBES]
    return info[_LAST_ACK] / 1000 if waiting else 0.0
