"""What is in the SQLite file, and the statements that write and read it.

Pure text and rows: knows no connection and no thread.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from ..event import NO_DETAILS, Entry, Event, Kind, Sort

VERSION = 3
"""In `PRAGMA user_version`. A file with a higher one was written by a newer server and is refused: it has kinds of entries
that this one does not know. The versions before had the same tables: 1 nothing of accounts, devices and private messages,
and 2 nothing of rooms that people open and look after, nor of words that were changed."""

APPLICATION = 0x63686174
"""In `PRAGMA application_id` ("chat"): so that another program's database is refused, not filled with our tables."""

SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE logs (
    id       INTEGER PRIMARY KEY,         -- stands for the name in `entries`
    name     TEXT    NOT NULL UNIQUE,     -- '#lobby', 'server', ...
    deleted  INTEGER NOT NULL DEFAULT 0   -- the highest position of a deleted entry: no position is given twice
);
CREATE TABLE entries (
    log      INTEGER NOT NULL,   -- logs.id
    sort     INTEGER NOT NULL,   -- of the kind: 0 talk, 1 state, 2 presence
    position INTEGER NOT NULL,   -- 1, 2, 3, ... in each log, over all sorts
    kind     TEXT    NOT NULL,   -- 'said', 'joined', ...
    time     INTEGER NOT NULL,   -- UTC, milliseconds since 1970
    eid      TEXT    NOT NULL,   -- the event's own id
    by       TEXT    NOT NULL,   -- whose it is, or ''
    nick     TEXT    NOT NULL,   -- the nickname as it was then, or ''
    text     TEXT    NOT NULL,
    details  TEXT,               -- a JSON object, or NULL for none
    id       TEXT,               -- the `id` in `details`, by which a repeat is known; NULL for none, and for an
                                 -- event of which another log has the entry that says so
    PRIMARY KEY (log, sort, position)
) WITHOUT ROWID;
CREATE UNIQUE INDEX entries_sent ON entries (by, id) WHERE id IS NOT NULL;
CREATE TRIGGER entries_deleted AFTER DELETE ON entries BEGIN
    UPDATE logs SET deleted = max(deleted, OLD.position) WHERE id = OLD.log;
END;
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
COMMIT;
"""
# Why the sort is in the key: each sort of a log lies together, so history is read past any run of joins, and state out
# of any history, without a second index for each insert to keep up. The newest 100 of talk before a million joins:
# 0.1 ms; 57 ms with the key (log, position); 0.2 ms with partial indexes too, which make an insert a quarter dearer.

SORTS = {Sort.TALK: 0, Sort.STATE: 1, Sort.PRESENCE: 2}
_SORT_OF = {kind.word: SORTS[kind.sort] for kind in Kind}
_KINDS = {kind.value: kind for kind in Kind}
_KINDS_OF = {sort: frozenset(kind for kind in Kind if kind.sort is sort) for sort in Sort}

COLUMNS = 10
"""Of `entries`, the id left out: that many values make a row; one more in a batch with ids."""

NEW_LOG = "INSERT INTO logs (name) VALUES (?) RETURNING id"

_NEWEST = ", ".join(
    f"ifnull((SELECT max(position) FROM entries WHERE log = logs.id AND sort = {sort}), 0)" for sort in SORTS.values()
)
LAST = f"SELECT id, max(deleted, {_NEWEST}) FROM logs WHERE name = ?"
"""The id of a log and the last position that was given in it."""

HIGHEST = 2**63 - 1
"""No position is as high: SQLite's integers end there."""


# A log's entries of one sort stand in the order of their times, all but those of a clock that was put back: so halves of
# them are looked at, in one statement, for the same reason as in `select`. All up to `low` are from before the time, and
# all behind `high` are not.
def _newest(column: str, last: str) -> str:
    return f"""(SELECT {column} FROM entries WHERE log = (SELECT id FROM logs WHERE name = :log) AND sort = :sort
        AND position <= {last} ORDER BY position DESC LIMIT 1)"""


_HALF = "(low + high + 1) / 2"
_IS_BEFORE = f"ifnull({_newest('time', _HALF)} < :time, 1)"
PLACE = f"""WITH RECURSIVE narrowed(low, high) AS (
    SELECT 0, ifnull({_newest("position", ":told")}, 0)
    UNION ALL
    SELECT iif({_IS_BEFORE}, {_HALF}, low), iif({_IS_BEFORE}, high, {_HALF} - 1) FROM narrowed WHERE low < high)
    SELECT ifnull({_newest("position", "low")}, 0) FROM narrowed WHERE low = high"""
"""The position of the newest entry of a sort from before a time; 0 when there is none."""

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@cache
def insert(rows: int, ids: bool) -> str:
    """Takes the values of so many rows, with an id each or none at all, and how many of them to insert: a few statements
    serve for all batches."""
    row = f"({', '.join('?' * (COLUMNS + ids))})"
    return f"INSERT INTO entries SELECT *{'' if ids else ', NULL'} FROM (VALUES {', '.join([row] * rows)}) LIMIT ?"


@cache
def firsts(rows: int) -> str:
    """Takes so many authors and ids, and gives what was kept under them, as JSON in one row: the log, then as `select`."""
    return f"""WITH sent(author, given) AS (VALUES {", ".join(["(?, ?)"] * rows)})
        SELECT json_group_array(json_array(name, position, kind, time, eid, by, nick, text, json(details)))
        FROM sent CROSS JOIN entries INDEXED BY entries_sent ON by = author AND entries.id = given
        CROSS JOIN logs ON logs.id = log"""


def values(log: int, position: int, event: Event) -> tuple[object, ...]:
    kind, time, eid, by, nick, text, details = event
    word = kind.word
    return log, _SORT_OF[word], position, word, time, eid, by, nick, text, encode(dict(details)) if details else None


def select(kinds: Collection[Kind] | None, newest: bool) -> str:
    """The statement for a read; the newest come in reverse. All entries come as one row of JSON: sqlite3 gives up the
    interpreter's lock for each row, and while the reactor is busy may wait 5 ms for it each time."""
    order = "DESC" if newest else "ASC"
    ranges = []
    for sort, number in SORTS.items():
        wanted = _KINDS_OF[sort] if kinds is None else _KINDS_OF[sort].intersection(kinds)
        if kinds is not None and not wanted:
            continue
        words = ", ".join(f"'{kind.value}'" for kind in wanted)
        only = "" if wanted == _KINDS_OF[sort] else f"AND kind IN ({words})"
        ranges.append(f"""SELECT * FROM (
            SELECT position, kind, time, eid, by, nick, text, details FROM entries
            WHERE log = (SELECT id FROM logs WHERE name = :log) AND sort = {number}
            AND position > :after AND position < :before AND position <= :told {only}
            ORDER BY position {order} LIMIT :limit)""")
    return f"""SELECT json_group_array(json_array(position, kind, time, eid, by, nick, text, json(details))) FROM (
        {" UNION ALL ".join(ranges)} ORDER BY position {order} LIMIT :limit)"""


def entries(rows: str) -> list[Entry]:
    """What `select` gave, as entries in the same order."""
    found: Sequence[Sequence[Any]] = json.loads(rows)
    return [_entry(*row) for row in found]


def logs_and_entries(rows: str) -> list[tuple[str, Entry]]:
    """What `firsts` gave."""
    found: Sequence[Sequence[Any]] = json.loads(rows)
    return [(log, _entry(*row)) for log, *row in found]


def _entry(
    position: int, word: str, time: int, eid: str, by: str, nick: str, text: str, details: dict[str, Any] | None
) -> Entry:
    return Entry(position, Event(_KINDS[word], time, eid, by, nick, text, _frozen(details)))


def _frozen(details: dict[str, Any] | None) -> Mapping[str, Any]:
    return NO_DETAILS if details is None else MappingProxyType(details)
