"""From `sqlite:PATH`, as an operator writes it, to an open storage."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorFromThreads

from ..seams import Storage
from . import SCHEMES
from .refused import StorageRefused
from .sqlite_file import Durability


def open_storage(url: str, *, reactor: IReactorFromThreads, durability: Durability = "power") -> Storage:
    """Raises StorageRefused, with words for the operator, when it cannot be opened."""
    scheme, _, path = url.partition(":")
    if scheme not in SCHEMES:
        known = ", ".join(f"{known}:" for known in SCHEMES)
        raise StorageRefused(f"there is no storage {url!r}: write one of {known} and its path")
    return SCHEMES[scheme](path, reactor, durability)
