"""What looks on while people chat, for whoever looks after the server: told what has happened, and asked nothing.

Knows what can be told; not what becomes of it.
"""

from __future__ import annotations

from typing import Protocol

from .request import Refused
from .seams import Batch, NotSaved


class Witness(Protocol):
    """Called in the midst of things: returns at once, and raises nothing."""

    def committing(self) -> None:
        """A batch is given to the storage; `committed` or `failed` follows."""

    def committed(self, batch: Batch, seconds: float) -> None:
        """A batch is durable, so many seconds after the storage was given it."""

    def failed(self, why: NotSaved) -> None:
        """A batch could not be saved."""

    def delivered(self, messages: int) -> None:
        """So many entries were handed to connections, to all readers of a page together."""

    def refused(self, nick: str, address: str, protocol: str, refused: Refused) -> None:
        """Somebody was told that something is not done; without a nickname a stranger, or who owns the server."""


class Nobody:
    """Looks on where nobody does."""

    def committing(self) -> None:
        pass

    def committed(self, batch: Batch, seconds: float) -> None:
        pass

    def failed(self, why: NotSaved) -> None:
        pass

    def delivered(self, messages: int) -> None:
        pass

    def refused(self, nick: str, address: str, protocol: str, refused: Refused) -> None:
        pass


NOBODY = Nobody()
