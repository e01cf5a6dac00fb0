"""The statements by which the SQLite file forgets, each for a slice: the entries behind a key, up to another.

Pure text: knows no connection and no thread.
"""

from __future__ import annotations

from ..event import OF_ONESELF

_BETWEEN = (
    "(log, sort, position) > (:log, :sort, :position) AND (log, sort, position) <= (:to_log, :to_sort, :to_position)"
)
"""Behind a key, up to another."""

THEIRS = "(by = :by OR by > :by || '/' AND by < :by || '0')"
"""By somebody on any device: '0' is what follows the slash."""

_KEPT, _DEVICES, _AWAY = (
    f"json((SELECT json_group_object(key, {value}) FROM json_each(details, '$.{name}') WHERE {stays}))"
    for name, value, stays in (
        ("kept", "json(value)", "key <> :by"),
        ("devices", "value", "value <> :by AND substr(value, 1, length(:by) + 1) <> :by || '/'"),
        ("away", "value", "key <> :by"),
    )
)
"""What STARTED tells, without somebody."""

_OF_ONESELF = ", ".join(sorted(f"'{kind.value}'" for kind in OF_ONESELF))

FURTHER = f"""SELECT log, sort, position FROM entries WHERE {_BETWEEN}
    ORDER BY log, sort, position LIMIT 1 OFFSET :rows - 1"""
"""The key so many entries on, if there are as many."""

RENAME = (
    f"UPDATE entries SET nick = :nick WHERE {_BETWEEN} AND {THEIRS} AND nick <> :nick",
    f"""UPDATE entries SET details = CASE kind WHEN 'renamed' THEN json_object('new', :nick) END, id = NULL
        WHERE {_BETWEEN} AND {THEIRS} AND kind IN ({_OF_ONESELF}) AND (details IS NOT NULL OR kind = 'renamed')""",
    f"""UPDATE entries SET details = json_remove(json_replace(details, '$.name', :nick), '$.forms')
        WHERE {_BETWEEN} AND instr(details, '"whom"') AND json_extract(details, '$.whom') = :by""",
    f"""UPDATE entries SET details = json_replace(details, '$.kept', {_KEPT}, '$.devices', {_DEVICES}, '$.away', {_AWAY})
        WHERE {_BETWEEN} AND kind = 'started' AND instr(details, :by)""",
)
"""What `event.renamed` does."""

_FORGET_DETAIL = f"""UPDATE entries SET details = nullif(json_remove(details, '$."' || :detail || '"'), '{{}}'),
    id = CASE :detail WHEN 'id' THEN NULL ELSE id END
    WHERE {_BETWEEN} AND json_type(details, '$."' || :detail || '"') IS NOT NULL"""

BLANK = (f"{_FORGET_DETAIL} AND by = :by AND position < :before",)

FADE = (f"{_FORGET_DETAIL} AND time < :time",)

ERASE = (f"DELETE FROM entries WHERE {_BETWEEN} AND position <= :last",)

EXPIRE = (f"DELETE FROM entries WHERE {_BETWEEN} AND time < :time",)

AGED = """SELECT id, name FROM logs
    WHERE (SELECT time FROM entries WHERE log = logs.id AND sort = :sort ORDER BY position LIMIT 1) < :time"""
"""The logs that begin before a time."""

STARTS = """SELECT max(position) FILTER (WHERE kind = 'started'), min(position) FROM (
    SELECT kind, position FROM entries WHERE log = :log AND sort = 2 AND position < :before
    ORDER BY position DESC LIMIT :rows)"""
"""Of so many entries of presence before a position: the newest STARTED, and how far they go back."""

AMEND = """UPDATE entries SET text = ifnull(words, ''),
    details = json_set(ifnull(details, '{}'), iif(words IS NULL, '$.removed', '$.edited'), json('true'))
    FROM (SELECT json_extract(value, '$[0]') AS number, json_extract(value, '$[1]') AS place,
        json_extract(value, '$[2]') AS words FROM json_each(:texts))
    WHERE log = number AND sort = 0 AND position = place
    AND (words IS NULL OR json_type(ifnull(details, '{}'), '$.removed') IS NULL)"""
"""Takes log, position and text of each, in JSON. What was removed stays so, though older corrections are asked for again."""
