"""Whether a store is whole: the file's structure, and what the server relies on beyond it. Only reads, whoever else writes.

What is wrong is told in words for who looks after the server; none of them are words of people.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from ..event import Kind
from .refused import StorageRefused
from .sqlite_contents import Contents, contents, expect_ours, faults, looking_at, unreadable
from .sqlite_index_schema import INDEX_VERSION
from .sqlite_schema import SCHEMA, SORTS

_KINDS = ", ".join(f"('{kind.value}', {SORTS[kind.sort]})" for kind in Kind)

_WRONG = {
    "belong to no log": "log NOT IN (SELECT id FROM logs)",
    "are of a kind that no server knows": f"(kind, sort) NOT IN (VALUES {_KINDS})",
    "have details that are no JSON object": "details IS NOT NULL AND NOT iif(json_valid(details),"
    " json_type(details) = 'object', 0)",
    "have a time before 1970, or none": "typeof(time) <> 'integer' OR time < 0",
    "have a position below 1, or none": "typeof(position) <> 'integer' OR position < 1",
}
"""What can be said of an entry only when something is wrong."""

_LOGS = """SELECT name, deleted, count(position), count(DISTINCT position),
    count(DISTINCT position) FILTER (WHERE position > deleted), max(position)
    FROM logs LEFT JOIN entries ON log = logs.id GROUP BY logs.id ORDER BY name"""
"""Positions are given one after the other: behind the last that was deleted none is missing."""


class Checked(NamedTuple):
    faults: list[str]
    """In words; empty where all is well."""
    contents: Contents | None
    """None where they cannot be counted."""


def check(path: str) -> Checked:
    """Raises StorageRefused for what cannot be read as a store at all."""
    path = os.path.realpath(path)
    with looking_at(path) as connection:
        version = expect_ours(connection, path)
        connection.execute("BEGIN")  # so that all of it is of one moment
        found = faults(connection) or [*_missing(connection)] or [*unreadable(connection)]
        if found:  # what lies in such a file cannot be told
            return Checked(found, None)
        found = [*_wrong(connection), *_of_index(f"{path}-search")]
        return Checked(found, None if found else contents(connection, version))


def _missing(connection: sqlite3.Connection) -> Iterator[str]:
    """Of what a store is made of."""
    expected = sqlite3.connect(":memory:", isolation_level=None)
    try:
        expected.executescript(SCHEMA)
        wanted = expected.execute("SELECT type, name FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    finally:
        expected.close()
    there = set(connection.execute("SELECT type, name FROM sqlite_schema"))
    for kind, name in wanted:
        if (kind, name) not in there:
            yield f"the {kind} {name} is missing"


def _wrong(connection: sqlite3.Connection) -> Iterator[str]:
    for words, condition in _WRONG.items():
        (count,) = connection.execute(f"SELECT count(*) FROM entries WHERE {condition}").fetchone()
        if count:
            yield f"entries that {words}: {count}"
    for name, deleted, entries, positions, newer, last in connection.execute(_LOGS):
        if not isinstance(deleted, int) or deleted < 0:
            yield f"{name}: its last deleted position is {deleted!r}"
            continue
        if positions != entries:
            yield f"{name}: positions that are there twice: {entries - positions}"
        if missing := max(deleted, last or 0) - deleted - newer:
            yield f"{name}: entries that are missing behind position {deleted}: {missing}"


def _of_index(path: str) -> Iterator[str]:
    """Nothing is lost with the search index: it is made anew of what is in the store."""
    if not os.path.exists(path):
        return
    try:
        with looking_at(path) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            found = [] if version in (0, INDEX_VERSION) else [f"it has version {version}, and not {INDEX_VERSION}"]
            found += faults(connection)[:1]
    except StorageRefused as refused:
        found = [refused.words]
    for words in found:
        yield f"the search index is not as it should be: {words} (remove {path}: a server makes it anew)"
