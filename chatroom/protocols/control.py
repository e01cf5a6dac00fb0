"""The socket beside the storage's file, through which who owns the server asks it: both ends, and who is at the other.

Knows paths, modes and users; not what is asked.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Callable
from contextlib import suppress
from errno import EEXIST
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import UNIXServerEndpoint
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from zope.interface import implementer

ADDRESS_BYTES = 107
"""Bytes of a path in the address of a Unix socket, beside its end (unix(7)); longer ones go by their directory."""

_MODE = 0o600
"""What can be asked there is nobody else's to ask."""

_CREDENTIALS = struct.Struct("iII")
"""Process, user and group (struct ucred)."""


def user_of(connection: socket.socket) -> int:
    """The number of the user at the other end of a Unix socket, as the kernel knows it; of a server, who listens."""
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(told)
    return int(user)


def connect(path: str) -> socket.socket:
    """Reach the server that listens there; raises OSError."""
    short, directory = _short(path)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(short)
    except BaseException:
        connection.close()
        raise
    finally:
        if directory is not None:
            os.close(directory)
    return connection


def _short(path: str) -> tuple[str, int | None]:
    """The path as it fits into an address; for as long as its directory is held open, if one is given."""
    if len(os.fsencode(path)) <= ADDRESS_BYTES:
        return path, None
    directory = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY)
    return f"/proc/self/fd/{directory}/{os.path.basename(path)}", directory


@implementer(IStreamServerEndpoint)
class ControlEndpoint:
    """Listens for the owner alone."""

    def __init__(self, reactor: Any, path: Callable[[], str]) -> None:
        """`path` is asked for when the server listens, which may be in another directory than it was started in."""
        self._reactor = reactor
        self._path = path
        self._directory: int | None = None
        """Held open for as long as we listen: by it the socket is removed at the end."""

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Only while the storage is ours: then what a killed server left there is nobody's."""
        return maybeDeferred(self._listen, factory)

    def _listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        path = self._path()
        with suppress(FileNotFoundError):
            if not stat.S_ISSOCK(os.lstat(path).st_mode):
                raise FileExistsError(EEXIST, "it is there already, and no socket", path)
            os.unlink(path)
        short, self._directory = _short(path)
        mask = os.umask(~_MODE & 0o777)  # so that it is never more open, not even between bind(2) and chmod(2)
        try:
            listening: Deferred[IListeningPort] = UNIXServerEndpoint(self._reactor, short, mode=_MODE).listen(
                OwnerOnly(factory)
            )
            return listening
        finally:
            os.umask(mask)


class OwnerOnly(Factory):
    """Lets in who runs this server, and root; for all others the connection ends at once."""

    noisy = False

    def __init__(self, factory: IProtocolFactory) -> None:
        self.factory = factory

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _Door(self.factory, addr)


class _Door(Protocol):
    """Until it is known who comes: then the real protocol takes over, or nobody does."""

    _log = Logger()

    def __init__(self, factory: IProtocolFactory, address: Any) -> None:
        self._factory = factory
        self._address = address

    def connectionMade(self) -> None:
        transport: Any = self.transport
        user = user_of(transport.socket)
        protocol: Any = self._factory.buildProtocol(self._address) if user in (os.geteuid(), 0) else None
        if protocol is None:
            self._log.warn("user {user} tried to control this server, and may not", user=user)
            transport.abortConnection()
            return
        transport.protocol = protocol
        protocol.makeConnection(transport)
