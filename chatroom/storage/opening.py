"""From `sqlite:PATH`, as an operator writes it, to an open storage."""

from __future__ import annotations

import os

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


def file_of(url: str) -> str:
    """The file in which it is; empty where it is in none."""
    scheme, _, path = url.partition(":")
    return os.path.realpath(path) if scheme == "sqlite" and path else ""


def control_of(url: str) -> str:
    """Where the server that has this storage open is asked by who owns it: a Unix socket beside the file; empty where the
    storage has no file."""
    file = file_of(url)
    return f"{file}-control" if file else ""
