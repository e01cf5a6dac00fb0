"""Who answers a request: the server that runs, through the socket beside its storage; or a session in this process, from the
file, where that is enough. Either way it is the same line of JSON, and the same words and rights.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from secrets import token_hex
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.python.failure import Failure

from .. import __version__
from ..account import Accounts
from ..auth.argon2 import Argon2
from ..auth.portal import PortalLogin
from ..chat import Chat
from ..protocols.control import connect, user_of
from ..protocols.peer import UNIX
from ..request import Refused
from ..seams import Clock, Hasher, Storage
from ..session import Session
from ..settings import Settings
from ..storage.opening import control_of, file_of, open_storage
from ..storage.refused import InUse, StorageRefused
from ..storage.sqlite_file import lock
from ..table import Ask, Table
from ..wire.json import JSON
from .options import request
from .table import ENDLESS, IN_ROOMS, ON_FILE, TABLE

PATIENCE = 5.0
"""Seconds in which a storage may be in use and nobody answer: while a server starts or stops, or another of us is at work."""

LOOK_AGAIN = 0.1
"""Seconds until it is looked again whether somebody does."""

ANSWER = 30.0
"""Seconds until a server that was reached says something: one whose disk stalls is slower than any other, and one that was
stopped by a signal never does."""

STAMP_BYTES = 6
"""Random bytes that tell the ids of what is done here from those of all servers."""


class Failed(Exception):
    """It cannot be done; the words are for whoever asked."""


def expect_file(storage: str) -> None:
    """Raises Failed where there is none: to make one is the server's part."""
    path = file_of(storage)
    try:
        os.stat(path)
    except FileNotFoundError:
        raise Failed(
            f"there is no {path}: a server makes it when it starts; start it first, or name its --storage"
        ) from None
    except OSError as error:
        raise Failed(f"{path} cannot be opened: {error.strerror}") from None


def answers(storage: str, ask: Ask, words: str) -> Iterator[bytes]:
    """What is said to it, line by line."""
    control, path = control_of(storage), file_of(storage)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return _said_by(connect(control), control, path, request(ask, words), ask.name in ENDLESS)
        except OSError as error:
            why = error.strerror or error
        try:
            return _without_server(storage, ask, words)
        except InUse as refused:
            if time.monotonic() >= deadline:
                raise Failed(f"{refused}, which does not answer at {control}: {why}") from None
            time.sleep(LOOK_AGAIN)
        except StorageRefused as refused:
            raise Failed(str(refused)) from None


# By a server


def _said_by(server: socket.socket, control: str, path: str, request: bytes, endless: bool) -> Iterator[bytes]:
    with server:
        server.settimeout(ANSWER)
        try:
            listening = _inode(control)
            if user_of(server) not in (os.geteuid(), 0, os.stat(path).st_uid):  # others may make files too, say in /tmp
                raise Failed(f"who answers beside {path} is not its owner, and was asked nothing")
            server.sendall(request + b"\n")
            with server.makefile("rb") as lines:
                for line in lines:
                    if line.startswith(b"{") and line.endswith(b"\n"):
                        server.settimeout(None if endless else ANSWER)
                        yield line
        except TimeoutError:
            raise Failed(
                f"the server did not answer within {ANSWER:g} seconds; it may still do what was asked"
            ) from None
        except OSError as error:
            raise Failed(f"the server ended the connection: {error.strerror}") from None
    if endless and listening is not None and _inode(control) == listening:  # one that stops removes it first
        raise Failed("the server is gone; it did not stop as it should")


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


# Without one


def _without_server(storage: str, ask: Ask, words: str) -> Iterator[bytes]:
    """Raises InUse where there is one that does not answer."""
    if ask.name not in ON_FILE:
        path = file_of(storage)
        os.close(lock(path))
        words = f"no server runs on {path}; only one that runs can do that"
        return iter([JSON.refuse(Refused("no_server", words), "")])
    from twisted.internet import reactor  # here, since it chooses the reactor

    threads: Any = reactor
    return _said_here(open_storage(storage, reactor=threads), threads, request(ask, words), ask.name in IN_ROOMS)


def _said_here(storage: Storage, reactor: Any, request: bytes, rooms: bool) -> Iterator[bytes]:
    ended: list[bytes | Failure] = []
    hasher = Argon2(reactor)

    async def do() -> bytes:
        try:
            return await said_in(storage, reactor, hasher, request, rooms=rooms)
        finally:
            hasher.stop()
            await storage.close()

    def begin() -> None:
        ensureDeferred(do()).addBoth(ended.append).addCallback(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    if not ended:
        raise Failed("interrupted")
    said = ended[0]
    if isinstance(said, Failure):
        if isinstance(said.value, Refused):
            raise Failed(said.value.words)
        if isinstance(said.value, sqlite3.Error | OSError):
            raise Failed(f"the storage cannot be read: {said.getErrorMessage()}")
        said.raiseException()
    return iter(said.splitlines(keepends=True))


async def said_in(
    storage: Storage, clock: Clock, hasher: Hasher, request: bytes, table: Table = TABLE, *, rooms: bool = False
) -> bytes:
    """All that a session says to it, in a chat in which nobody is, and of which no member notices anything. `rooms`: whether it
    may be about one."""
    stamp, settings = token_hex(STAMP_BYTES), Settings(version=__version__)
    chat = Chat(clock, time.time, stamp, settings, Accounts(), PortalLogin([]), hasher)
    await chat.open_directory(storage)
    for opened in chat.directory.rooms if rooms else ():
        await chat.open_room(opened)
    end = _End()
    session = Session(chat, table, JSON, end, console=True)
    session.start(end, UNIX)
    session.receive(request)
    session.end()
    await end.closed
    return end.said


class _End:
    """The other end of a session, without a connection: a Source and an Outlet."""

    full = False

    def __init__(self) -> None:
        self.said = b""
        self.closed: Deferred[None] = Deferred()

    def write(self, data: bytes) -> None:
        self.said += data

    def close(self) -> None:
        self.closed.callback(None)

    def untaken(self) -> int:
        return 0

    def hide(self, hidden: bool) -> bytes:
        return b""

    def pauseProducing(self) -> None:
        """There is but one request."""

    def resumeProducing(self) -> None:
        """There is but one request."""
