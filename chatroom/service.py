"""The running server: binds its listeners, opens the storage and the chat, then lets people in; ends in the other order."""

from __future__ import annotations

import atexit
import os
import socket
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults, maybeDeferred
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IProtocolFactory, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from .chat import Chat
from .operations.readiness import Readiness
from .request import Refused
from .seams import Storage
from .storage.refused import StorageRefused

BACKLOG = 1024
"""Connections that may wait to be accepted: Twisted's 50 is less than what comes back at once after a restart."""

FAREWELL_TIMEOUT = 2.5
"""Seconds at the end for all that was accepted to be saved and shown, and for everyone to be told: with the flush, below 5."""

FLUSH_TIMEOUT = 1.0
"""Seconds at the end for what is pending to reach the sockets of those who read."""

CLOSE_TIMEOUT = 0.5
"""Seconds at the end for the storage: a disk that stalls must not keep the server."""

FAREWELL = "the server is stopping; come back soon"


@dataclass(frozen=True)
class Listener:
    """One way in: the option and endpoint that opened it, and what speaks there."""

    option: str
    description: str
    endpoint: IStreamServerEndpoint
    factory: IProtocolFactory
    invitation: Callable[[str, IAddress], str]
    """How one gets in there, by the description and the address."""
    always: bool = False
    """Also before people are let in, and when no more are."""


class ChatService(Service):
    """One node of a chat."""

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        chat: Chat,
        open_storage: Callable[[], Storage],
        listeners: Sequence[Listener],
        complain: Callable[[str], None],
        control: Listener | None,
        readiness: Readiness,
        stop: Callable[[], None],
        *,
        log_code: bool = True,
    ) -> None:
        """`complain` tells whoever starts the server, in one line, why it does not. `control` is where its owner comes in;
        `stop` lets go of what the chat was given. With `log_code` the claim code stands in the log."""
        self._log_code = log_code
        self._control = control
        self._readiness = readiness
        self._stop_more = stop
        self._reactor = reactor
        self._chat = chat
        self._open_storage = open_storage
        self._listeners = listeners
        self._complain = complain
        self._ports: list[Any] = []
        """In the order of the listeners."""
        self._control_port: Any = None
        self._storage: Storage | None = None
        self._ending = False
        self.opened: Deferred[None] = Deferred()
        """Fires when people are let in."""

    def privilegedStartService(self) -> None:
        """Bind, while we may bind any port; who connects waits until the chat is open."""
        for listener in self._listeners:
            failures: list[Failure] = []
            listener.endpoint.listen(listener.factory).addCallbacks(self._ports.append, failures.append)
            if failures:
                why: Any = getattr(failures[0].value, "socketError", failures[0].value)
                self._complain(f"{listener.option} {listener.description}: {getattr(why, 'strerror', None) or why}")
                raise SystemExit(1)
            if not listener.always:
                self._ports[-1].stopReading()

    def startService(self) -> None:
        super().startService()
        if not self._ports and self._listeners:
            self.privilegedStartService()
        try:
            self._storage = self._open_storage()
        except StorageRefused as refused:
            self._complain(f"--storage: {refused}")
            raise SystemExit(1) from None
        ensureDeferred(self._open()).addErrback(self._cannot_open)

    async def _open(self) -> None:
        assert self._storage is not None
        await self._chat.open(self._storage)
        if not self.running:  # stopped meanwhile: nothing is opened any more
            return
        await self._open_control()
        if not self.running:
            return
        for listener, port in zip(self._listeners, self._ports, strict=True):
            if not listener.always:
                _lengthen_backlog(port)
                port.startReading()
        for description, invitation in self.ways_in():
            self._log.info("listening on {description}: {invitation}", description=description, invitation=invitation)
        if self._chat.claim_code:
            self._tell_claim(self._chat.claim_code)
        self._readiness.ready()
        self.opened.callback(None)

    def _tell_claim(self, claim_code: str) -> None:
        if self._log_code or self._control is None:  # else there is no other way to learn it
            words = "first start: who registers a nickname and says /claim {claim_code} is the operator"
            self._log.info(words, claim_code=claim_code)
        else:  # what programs collect is read by many, and kept for long
            self._log.info(
                "first start: who registers a nickname and says /claim CODE is the operator; the code is shown by "
                "chatroomctl claim-code"
            )

    def ways_in(self) -> list[tuple[str, str]]:
        """Where one gets in, as it was written, and how; without those that are closed."""
        return [
            (listener.description, listener.invitation(listener.description, port.getHost()))
            for listener, port in zip(self._listeners, self._ports, strict=True)
            if port.connected
        ]

    async def _open_control(self) -> None:
        """Now that the storage is ours, so is the socket beside it."""
        if self._control:
            try:
                self._control_port = await self._control.endpoint.listen(self._control.factory)
                if not self.running:  # it is too late for those who stop it
                    await maybeDeferred(self._control_port.stopListening)
            except (CannotListenError, OSError) as error:
                self._log.warn(
                    "chatroomctl cannot reach this server, since its socket beside {storage} cannot be opened: {error}",
                    storage=self._control.description,
                    error=error,
                )

    def _cannot_open(self, failure: Failure) -> None:
        if not self.running:
            self._log.info("stopped before the chat was open: {why}", why=failure.getErrorMessage())
            return
        if not failure.check(sqlite3.Error, OSError, Refused):  # those are the disk's fault, the others are ours
            self._log.failure("the chat cannot be opened", failure)
        why = (
            failure.value.words
            if isinstance(failure.value, Refused)
            else f"cannot be read: {failure.getErrorMessage()}"
        )
        self._complain(f"--storage: {why}")
        atexit.register(os._exit, 1)  # while the reactor runs, twistd has no other way to tell that it failed
        self._reactor.stop()

    async def drain(self, words: str) -> None:
        """Let nobody more in, tell everyone, and stop when the last has gone."""
        self._readiness.draining()
        await gatherResults(
            [
                maybeDeferred(port.stopListening)
                for listener, port in zip(self._listeners, self._ports, strict=True)
                if not listener.always and port.connected
            ]
        )
        for person in self._chat.people.values():
            person.tell(words)
        self._log.info("no more people are let in; the server stops when the last has gone")
        self._chat.connections.gone().addCallback(lambda _: self.end())

    def end(self) -> None:
        """Stop, as after a signal."""
        if self.running and not self._ending:
            self._ending = True
            self._reactor.callLater(0, self._reactor.stop)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        self._readiness.stopping()
        closed = [maybeDeferred(port.stopListening) for port in (*self._ports, self._control_port) if port]
        # In the same turn: under load, a second's input may come in the next.
        told = _waiting_for(ensureDeferred(self._chat.stop(FAREWELL))).addTimeout(FAREWELL_TIMEOUT, self._reactor)
        await gatherResults(closed)
        try:
            await told
        except Late:
            self._log.warn("not everyone took what was said to the end")
        try:
            await _waiting_for(ensureDeferred(self._chat.gone())).addTimeout(FLUSH_TIMEOUT, self._reactor)
        except Late:
            self._log.warn("some connections were not closed from the other side in time")
            for present in self._chat.connections:  # who is behind would be shown more, from a storage that closes
                present.lose()
        if self._storage is not None:
            try:
                await _waiting_for(self._storage.close()).addTimeout(CLOSE_TIMEOUT, self._reactor)
            except Late:
                self._log.warn("the storage was not closed in time; what was seen is in it")
        self._stop_more()


def _waiting_for(done: Deferred[None]) -> Deferred[None]:
    """Can be cancelled alone: with it all that it waits for would fail, and who waits could not go on."""
    waiting: Deferred[None] = Deferred()
    done.chainDeferred(waiting)
    return waiting


def _lengthen_backlog(port: Any) -> None:
    with socket.socket(fileno=socket.dup(port.fileno())) as listening:
        listening.listen(BACKLOG)
