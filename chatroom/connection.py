"""What a person needs of a connection that shows them the chat."""

from __future__ import annotations

from typing import Protocol

from .event import Entry, Position
from .request import Arrived, Refused
from .room import Room


class Connection(Protocol):
    """One of them: a session, whatever the protocol."""

    @property
    def address(self) -> str:
        """Where it comes from; empty for this machine."""

    @property
    def protocol(self) -> str:
        """What it speaks, and over what, in words."""

    spoke: float
    """When something came from it, by the server's clock."""

    def dismissed(self, why: Refused) -> None:
        """The person is here by this connection no more."""

    def told(self, words: str) -> None:
        """The server says something to the person."""

    def told_no(self, why: Refused) -> None:
        """The person may not be what they were, or where."""

    def joined(self, room: Room, arrived: Arrived) -> None:
        """The person is in one more room, as they asked for elsewhere."""

    def parted(self, room: Room, entry: Entry) -> None:
        """The person is in a room no more, as stands in this entry of its log."""

    def read_inbox(self, start: Position) -> None:
        """Show the person their private messages from a position in the inbox on, and go on so."""

    def ignoring(self) -> None:
        """The person changed whom they ignore."""

    def taken(self) -> Position | None:
        """Up to where in the inbox the other side has certainly got all; None for nowhere."""
