"""What a person needs of a connection that shows them the chat, and of what it shows."""

from __future__ import annotations

from typing import Protocol

from .event import Entry, Position
from .request import Arrived, Refused
from .room import Room
from .seams import Peer


class Connection(Protocol):
    """One of them: a session, whatever the protocol."""

    peer: Peer

    @property
    def protocol(self) -> str:
        """What it speaks, and over what, in words."""

    spoke: float
    """When something came from it, by the server's clock."""

    def dismissed(self, why: Refused) -> None:
        """The person is here by this connection no more."""

    @property
    def answers(self) -> Told: ...

    @property
    def shown(self) -> View: ...


class Told(Protocol):
    """What only the person is told."""

    def tell(self, words: str) -> None:
        """The server says something."""

    def refuse(self, why: Refused, /) -> None:
        """The person may not be what they were, or where."""


class View(Protocol):
    """What it shows, and on what it goes on so."""

    def joined(self, room: Room, arrived: Arrived) -> None:
        """The person is in one more room, as they asked for elsewhere."""

    def parted(self, room: Room, entry: Entry) -> None:
        """The person is in a room no more, as stands in this entry of its log."""

    def read_inbox(self, start: Position) -> None:
        """Show the person their private messages from a position in the inbox on, and go on so."""

    def ignore(self) -> None:
        """The person changed whom they ignore."""

    def taken(self) -> Position | None:
        """Up to where in the inbox the other side has certainly got all; None for nowhere."""
