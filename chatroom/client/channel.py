"""The connection to a server, as a conversation sees it: there or not, and how far it has come."""

from __future__ import annotations

from enum import Enum

from .face import Transport


class Stage(Enum):
    """How far one connection has come."""

    AWAY = "there is none"
    ENTERING = "we said hello"
    ASKING = "the person is asked what the server wants to know first"
    CATCHING_UP = "we are welcome, and read what we missed"
    HERE = "we read and ask"
    LEAVING = "we said that we leave"


class Channel:
    """One connection after another."""

    def __init__(self) -> None:
        self.stage = Stage.AWAY
        self.heard = False
        """The server has said something on this connection."""
        self._transport: Transport | None = None

    @property
    def there(self) -> bool:
        return self._transport is not None

    def connected(self, transport: Transport) -> None:
        self._transport = transport
        self.heard = False

    def lost(self) -> Stage:
        """Tells how far it had come."""
        stage, self.stage, self._transport = self.stage, Stage.AWAY, None
        return stage

    def write(self, data: bytes) -> None:
        if self._transport:
            self._transport.write(data)

    def abort(self) -> None:
        if self._transport:
            self._transport.abortConnection()
