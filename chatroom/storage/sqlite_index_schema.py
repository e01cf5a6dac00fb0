"""What is in the file of the search index, and the statements that keep it in step with the store.

Pure text: knows no connection and no thread. The store is attached as `store`, and read only.
"""

from __future__ import annotations

from ..event import HISTORY, Kind

INDEX_VERSION = 1
"""In `PRAGMA user_version`. An index with another one is thrown away and made anew."""

POSITION_BITS = 40
"""Of an entry's number in the index, below those of its log's number: a million millions of entries in one log."""

HIGHEST_POSITION = (1 << POSITION_BITS) - 1

_HISTORY = ", ".join(sorted(f"'{kind.value}'" for kind in HISTORY - {Kind.PRIVATE}))

INDEX_SCHEMA = f"""
BEGIN;
CREATE VIRTUAL TABLE talk USING fts5 (   -- its rowid is the number of log and position in one
    time UNINDEXED, text, tokenize = 'trigram', columnsize = 0
);
INSERT INTO talk (talk, rank) VALUES ('usermerge', 2);   -- or a merge that was begun would not be ended
CREATE TABLE times (time INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (time, id)) WITHOUT ROWID;
CREATE TABLE logs (
    id       INTEGER PRIMARY KEY,   -- as in the store
    name     TEXT    NOT NULL UNIQUE,
    reached  INTEGER NOT NULL,      -- the position of the newest entry of talk that was looked at
    eid      TEXT    NOT NULL       -- and its eid, by which another store is told from ours
);
CREATE TABLE cleaning (forgotten INTEGER NOT NULL, cleaned INTEGER NOT NULL);   -- equal when nothing remains to be done
INSERT INTO cleaning VALUES (0, 0);
PRAGMA user_version = {INDEX_VERSION};
COMMIT;
"""
# Why the text stands here too: an index without could only forget what it is told anew, and a store that was amended
# before it was told would leave words in it for ever.

SLICE = """CREATE TEMP TABLE slice
    (log INTEGER, position INTEGER, kind TEXT, time INTEGER, eid TEXT, text TEXT)"""
"""What was read of the store and is to be indexed: so that the store is read for 2 ms at a time, and not for 60."""

FOREIGN = """SELECT count(*) FROM logs AS ours WHERE NOT EXISTS (SELECT 1 FROM store.logs AS theirs
    WHERE theirs.id = ours.id AND theirs.name = ours.name AND ifnull(
        (SELECT eid = ours.eid FROM store.entries WHERE log = ours.id AND sort = 0 AND position = ours.reached),
        theirs.deleted >= ours.reached))"""
"""How many logs are not the store's, or go beyond: it is another one, or an older copy of ours."""

BEHIND = """INSERT INTO slice SELECT log, position, kind, time, eid, text FROM store.logs AS theirs
    CROSS JOIN store.entries ON log = theirs.id AND sort = 0
        AND position > ifnull((SELECT reached FROM main.logs AS ours WHERE ours.id = theirs.id), 0)
    WHERE name GLOB '#*' ORDER BY theirs.name, position LIMIT ?"""
"""What is not in the index yet."""

AMENDED = f"""INSERT INTO slice SELECT log, position, kind, time, entries.eid, text
    FROM main.logs AS ours CROSS JOIN json_each(:positions)
    CROSS JOIN store.entries ON log = ours.id AND sort = 0 AND position = value AND position <= reached
    WHERE ours.name = :log AND NOT EXISTS (SELECT 1 FROM talk WHERE talk.rowid = ours.id << {POSITION_BITS} | value)"""
"""What was taken out of the index, as it is now."""

_WORDS = f"FROM slice WHERE kind IN ({_HISTORY}) AND text <> ''"

INDEX = (
    f"INSERT INTO talk (rowid, time, text) SELECT log << {POSITION_BITS} | position, time, text {_WORDS}",
    f"INSERT INTO times SELECT time, log << {POSITION_BITS} | position {_WORDS}",
    """INSERT INTO main.logs SELECT log, theirs.name, max(position), eid FROM slice
        JOIN store.logs AS theirs ON theirs.id = log GROUP BY log
        ON CONFLICT (id) DO UPDATE SET reached = excluded.reached, eid = excluded.eid
        WHERE excluded.reached > reached""",
)

_AS_IT_WAS = f"""EXISTS (SELECT 1 FROM store.entries WHERE log = talk.rowid >> {POSITION_BITS} AND sort = 0
    AND position = talk.rowid & {HIGHEST_POSITION} AND entries.text = talk.text)"""

STALE_AMENDED = f"""SELECT talk.rowid AS id FROM main.logs AS ours CROSS JOIN json_each(:positions)
    CROSS JOIN talk ON talk.rowid = ours.id << {POSITION_BITS} | value
    WHERE name = :log AND NOT {_AS_IT_WAS} LIMIT :rows"""

STALE_ERASED = f"""SELECT talk.rowid AS id FROM main.logs AS ours CROSS JOIN talk
    ON talk.rowid BETWEEN ours.id << {POSITION_BITS} AND ours.id << {POSITION_BITS} | {HIGHEST_POSITION}
    WHERE name = :log AND NOT {_AS_IT_WAS} LIMIT :rows"""

STALE_EXPIRED = f"""SELECT talk.rowid AS id FROM times CROSS JOIN talk ON talk.rowid = id
    WHERE times.time < :time AND NOT {_AS_IT_WAS} LIMIT :rows"""
"""What is in the index and no longer in the store, or not in the same words."""

FORGET = (
    """DELETE FROM times WHERE (time, id) IN (
        SELECT talk.time, talk.rowid FROM json_each(:stale) JOIN talk ON talk.rowid = value)""",
    "DELETE FROM talk WHERE rowid IN (SELECT value FROM json_each(:stale))",
    "UPDATE cleaning SET forgotten = forgotten + 1",
)

MERGE = "INSERT INTO talk (talk, rank) VALUES ('merge', ?)"
"""With so many pages at most; a negative number begins the merging of all into one (https://sqlite.org/fts5.html, 6.8)."""
