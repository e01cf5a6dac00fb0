"""How the file of an older server becomes ours: a step for each version, one after the other.

Knows statements and a connection; not where the file is. Versions and what they brought: sqlite_schema.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from types import MappingProxyType

STAMP_ONLY = ""
"""The tables stay as they are; but what we append is not for older servers."""

MIGRATIONS: Mapping[int, str] = MappingProxyType({
    2: STAMP_ONLY,
    3: STAMP_ONLY,
})  # fmt: skip
"""By the version that it leads to: the statements that lead there from the one before. Never changed once it has landed;
`tests/version_N.sql` keeps a file of each."""


def migrate(connection: sqlite3.Connection, version: int, migrations: Mapping[int, str] = MIGRATIONS) -> None:
    """From this version to the newest. Each step is one transaction with the number that it leads to
    (https://sqlite.org/pragma.html#pragma_user_version): whenever it is cut short, the file is whole, and of one version or
    the other. The connection is in no transaction."""
    for step in sorted(known for known in migrations if known > version):
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{migrations[step]}\nPRAGMA user_version = {step};\nCOMMIT;")
        except BaseException:
            connection.rollback()
            raise
