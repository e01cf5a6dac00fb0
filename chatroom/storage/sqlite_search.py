"""Looks for words in the search index, and for what somebody wrote in the store. Lives in the search's thread.

Reads the store for some milliseconds at a time: a checkpoint of the writer, and with it commits, may wait for readers.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

from ..event import HISTORY
from ..seams import Hit
from .sqlite_forgetting import THEIRS
from .sqlite_index_schema import HIGHEST_POSITION, POSITION_BITS
from .sqlite_schema import HIGHEST, logs_and_entries

_TRIGRAM = 3
"""Letters: the index knows no shorter words."""

_SCANNED_ROWS = 20_000
"""Looked through in one statement, some 40 ms."""

_FOUND_ROWS = 500
"""Read from the store in one statement, some 2 ms."""

_MORE = 20
"""So many times as many hits are asked of the index when those before were not enough: it goes through all of them again."""

_MOST = 100_000
"""Hits that are asked for at once, some 4 MiB of numbers."""

_HITS = f"""SELECT json_group_array(json_array(number, time, name, position)) FROM (
    SELECT talk.rowid AS number, {{time}} AS time, ours.name, talk.rowid & {HIGHEST_POSITION} AS position FROM {{place}}
    WHERE {{wanted}} AND {{time}} >= :after AND {{time}} < :before
    AND ({{time}}, ours.name, talk.rowid & {HIGHEST_POSITION}) < (:older_time, :older_log, :older_position)
    ORDER BY {{time}} DESC, ours.name DESC, talk.rowid DESC LIMIT :most)"""

_MATCHING = f"""json_each(:logs) AS room CROSS JOIN main.logs AS ours ON ours.name = room.value CROSS JOIN talk
    ON talk MATCH :match
    AND talk.rowid BETWEEN ours.id << {POSITION_BITS} AND ours.id << {POSITION_BITS} | {HIGHEST_POSITION}"""

_SCANNED = f"""times CROSS JOIN main.logs AS ours ON ours.id = times.id >> {POSITION_BITS}
    CROSS JOIN talk ON talk.rowid = times.id"""

_EARLIER = "SELECT time FROM times WHERE time >= :after AND time < :before ORDER BY time DESC LIMIT 1 OFFSET :rows - 1"
"""Of the entry so many before a time."""

_FOUND = f"""SELECT json_group_array(json_array(name, position, kind, time, eid, by, nick, text, json(details))) FROM (
    SELECT logs.name, entries.* FROM json_each(:ids) AS hit CROSS JOIN talk ON talk.rowid = hit.value
    CROSS JOIN store.entries ON log = hit.value >> {POSITION_BITS} AND sort = 0
        AND position = hit.value & {HIGHEST_POSITION} AND entries.text = talk.text
    CROSS JOIN store.logs ON logs.id = log
    WHERE :nick = '' OR entries.nick = :nick COLLATE NOCASE ORDER BY hit.key)"""
"""The entries, but for those that read otherwise by now."""

_LOGS = "SELECT id, name FROM logs WHERE name >= :log AND (name GLOB '#*' OR name GLOB '@*') ORDER BY name"

_WRITTEN_TO = """SELECT position FROM entries WHERE log = :log AND sort = 0 AND position > :after
    ORDER BY position LIMIT 1 OFFSET :rows - 1"""

_WRITTEN = f"""SELECT json_group_array(json_array(:name, position, kind, time, eid, by, nick, text, json(details))) FROM (
    SELECT * FROM entries WHERE log = :log AND sort = 0 AND position > :after AND position <= :last AND {THEIRS}
    AND kind IN ({", ".join(sorted(f"'{kind.value}'" for kind in HISTORY))})
    AND (kind <> 'private' OR :name = '@' || :by OR eid NOT IN (
        SELECT eid FROM entries AS own WHERE kind = 'private' AND sort = 0
        AND own.log = (SELECT id FROM logs WHERE name = '@' || :by)))
    ORDER BY position LIMIT :limit)"""
"""What somebody said in a log; of private messages none that stands in their own inbox too."""


class Search(NamedTuple):
    """What is looked for, as `Searchable.search` has it."""

    logs: Sequence[str]
    words: Sequence[str]
    nick: str
    after: int | None
    before: int | None
    older: Hit | None
    limit: int


def look(connection: sqlite3.Connection, search: Search) -> Iterator[list[Hit]]:
    """Some hits at a time, in order, until there are no more."""
    for ids in _hits(connection, search):
        for start in range(0, len(ids), _FOUND_ROWS):
            some = {"ids": json.dumps(ids[start : start + _FOUND_ROWS]), "nick": search.nick}
            (rows,) = connection.execute(_FOUND, some).fetchone()
            yield [Hit(log, entry) for log, entry in logs_and_entries(rows)]


def written(connection: sqlite3.Connection, by: str, after: Hit | None, limit: int) -> Iterator[list[Hit]]:
    """As `Searchable.written` has it, some at a time; the connection is one to the store."""
    first = after.log if after else ""
    for number, name in connection.execute(_LOGS, {"log": first}).fetchall():
        last = after.entry.position if after and name == first else 0
        while last < HIGHEST:
            place: dict[str, Any] = {"log": number, "name": name, "by": by, "after": last, "rows": _SCANNED_ROWS}
            (last,) = connection.execute(_WRITTEN_TO, place).fetchone() or (HIGHEST,)
            (rows,) = connection.execute(_WRITTEN, {**place, "last": last, "limit": limit}).fetchone()
            yield [Hit(log, entry) for log, entry in logs_and_entries(rows)]


def _hits(connection: sqlite3.Connection, search: Search) -> Iterator[list[int]]:
    """Their numbers in the index."""
    if any("\0" in word or not _is_whole(word) for word in (*search.words, *search.logs, search.nick)):
        return  # in no text that was ever kept
    long = [word for word in search.words if len(word) >= _TRIGRAM]
    values, wanted = _wanted([word for word in search.words if len(word) < _TRIGRAM])
    values |= _bounds(search)
    if not long:
        yield from _scanned(connection, values, wanted)
        return
    values["match"] = " AND ".join(f'''"{word.replace('"', '""')}"''' for word in long)
    values["most"] = search.limit
    statement = _HITS.format(time="talk.time", place=_MATCHING, wanted=wanted)
    hits: list[list[Any]] = []
    while not hits or len(hits) == values["most"]:
        if hits:
            values |= dict(zip(("older_time", "older_log", "older_position"), hits[-1][1:], strict=True))
            values["most"] = min(values["most"] * _MORE, _MOST)
        hits = json.loads(connection.execute(statement, values).fetchone()[0])
        yield [hit[0] for hit in hits]
        if not hits:
            return


def _scanned(connection: sqlite3.Connection, values: dict[str, Any], wanted: str) -> Iterator[list[int]]:
    """For words that are too short for the index: all that was said, from the newest on."""
    values |= {"rows": _SCANNED_ROWS, "most": -1}
    wanted += " AND ours.name IN (SELECT value FROM json_each(:logs))"
    statement = _HITS.format(time="times.time", place=_SCANNED, wanted=wanted)
    first = values["after"]
    while values["before"] > first:
        (earlier,) = connection.execute(_EARLIER, {**values, "after": first}).fetchone() or (first,)
        values["after"] = earlier
        yield [hit[0] for hit in json.loads(connection.execute(statement, values).fetchone()[0])]
        values["before"] = earlier


def _bounds(search: Search) -> dict[str, Any]:
    older = search.older
    before = HIGHEST if search.before is None else search.before
    return {
        "logs": json.dumps([*dict.fromkeys(log for log in search.logs if log.startswith("#"))]),
        "after": -HIGHEST if search.after is None else search.after,
        "before": min(before, older.entry.event.time + 1) if older else before,
        "older_time": older.entry.event.time if older else HIGHEST,
        "older_log": older.log if older else "",
        "older_position": older.entry.position if older else 0,
    }


def _wanted(short: Sequence[str]) -> tuple[dict[str, Any], str]:
    """The values and the condition for short words: any of the ways to write each in capitals and small letters, since
    LIKE knows those of ASCII only."""
    values: dict[str, Any] = {}
    conditions = ["1"]
    for word in short:
        ways = {"".join(way) for way in product(*({letter, letter.lower(), letter.upper()} for letter in word))}
        names = [f"way{len(values) + number}" for number in range(len(ways))]
        values |= {name: f"%{_escaped(way)}%" for name, way in zip(names, sorted(ways), strict=True)}
        conditions.append("(" + " OR ".join(f"talk.text LIKE :{name} ESCAPE '\\'" for name in names) + ")")
    return values, " AND ".join(conditions)


def _escaped(way: str) -> str:
    return "".join(f"\\{letter}" if letter in "\\%_" else letter for letter in way)


def _is_whole(word: str) -> bool:
    """No half of a surrogate pair."""
    return not any("\ud800" <= letter <= "\udfff" for letter in word)
