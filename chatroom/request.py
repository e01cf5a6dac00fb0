"""Facts: what a connection can ask for, and the one way to say no."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Command(NamedTuple):
    """Something asked for, as a wire format read it; commands.py gives its words to the parameters."""

    name: str
    words: str = ""
    """All behind the name, where the format has no names for parameters."""
    fields: Mapping[str, object] | None = None
    """Parameters by name, where the format has them."""
    id: str = ""
    """What the asker calls this request, to be given back with its answer."""


class Refused(Exception):
    """What was asked is not done: the words are for the person, the code for programs."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(code, words)
        self.code = code
        self.words = words


class Answer(NamedTuple):
    """What only the asker reads: in words for people, and the same in fields for programs."""

    words: str = ""
    """Lines; empty when there is nothing to say."""
    fields: Mapping[str, object] = MappingProxyType({})
