"""What a chat takes up when it is opened, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from chatroom.directory import SERVER_LOG
from chatroom.event import Event, Kind
from chatroom.names import TABLES
from chatroom.request import Refused
from chatroom.settings import Settings
from chatroom.storage.memory import MemoryStorage

from .chatting import chat_of


def opened(storage: MemoryStorage) -> list[Any]:
    """Open a chat on the storage; what came of it."""
    clock = Clock()
    outcome: list[Any] = []
    ensureDeferred(chat_of(clock, lambda: 0.0, "stamp", Settings()).open(storage)).addBoth(outcome.append)
    clock.advance(0)
    return outcome


def started_with(tables: dict[str, str]) -> MemoryStorage:
    storage = MemoryStorage()
    storage.append([(SERVER_LOG, Event(Kind.STARTED, 0, "1", "", "", details={"kept": {}, "tables": tables}))])
    return storage


def test_a_store_tells_which_tables_made_its_nicknames_comparable() -> None:
    storage = MemoryStorage()
    assert opened(storage) == [None]
    (entry,) = storage.read(SERVER_LOG, limit=1, kinds={Kind.STARTED}).result
    assert entry.event.details["tables"] == TABLES


@pytest.mark.parametrize("tables", [TABLES, {"Unicode": "3.0.0"}, {}])
def test_a_store_made_by_the_same_or_older_tables_is_taken_up(tables: dict[str, str]) -> None:
    assert opened(started_with(tables)) == [None]


@pytest.mark.parametrize("tables", [{"Unicode": "99.0.0"}, {"confusables": "99.0"}, {"a table not known yet": "1"}])
def test_a_store_made_by_newer_tables_is_refused_in_words(tables: dict[str, str]) -> None:
    (failure,) = opened(started_with(tables))
    assert isinstance(failure, Failure)
    assert failure.check(Refused)
    (table,) = tables
    assert table in failure.value.words
