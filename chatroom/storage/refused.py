"""Why a storage was not opened."""

from __future__ import annotations


class StorageRefused(Exception):
    """A storage cannot be opened, or had better not be. `words` are one line for whoever started the server."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class InUse(StorageRefused):
    """Another server has it open."""
