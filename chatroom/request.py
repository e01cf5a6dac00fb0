"""Facts: what a connection can ask for, and the one way to say no."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from .event import Position

NO_FIELDS: Mapping[str, object] = MappingProxyType({})


class Command(NamedTuple):
    """Something asked for, as a wire format read it; table.py gives its words to the parameters."""

    name: str
    words: str = ""
    """All behind the name, where the format has no names for parameters."""
    fields: Mapping[str, object] | None = None
    """Parameters by name, where the format has them."""
    id: str = ""
    """What the asker calls this request, to be given back with its answer."""
    room: str | None = None
    """In which room it is to be done, beside `words`."""


class Refused(Exception):
    """What was asked is not done: the words are for the person; the code, with what there is to tell, for programs."""

    def __init__(self, code: str, words: str, fields: Mapping[str, object] = NO_FIELDS, id: str = "") -> None:
        super().__init__(code, words)
        self.code = code
        self.words = words
        self.fields = fields
        self.id = id
        """What the asker called the request, where the format learned it before it refused."""


class Answer(NamedTuple):
    """What only the asker reads: in words for people, and the same in fields for programs."""

    words: str = ""
    """Lines; empty when there is nothing to say."""
    fields: Mapping[str, object] = NO_FIELDS


class Arrived(NamedTuple):
    """What who is in a room finds there."""

    room: str
    position: Position
    """What happened up to here has been told, or is told as history; all that happens after it follows."""
    others: Sequence[str]
    """Nicknames of who else is in the room, those who are here longest first."""
    topic: str = ""


class Welcome(NamedTuple):
    """What who has entered finds."""

    nick: str
    server: str
    version: str
    rooms: Sequence[Arrived]
    """The one first in which they talk; none for who has left all."""
    token: str
    """With it, and only with it, one comes back after a lost connection."""
    account: bool = False
    """Whether the nickname is one's own."""
    inbox: Position | None = None
    """Where the private messages begin that follow; None while there are none."""
