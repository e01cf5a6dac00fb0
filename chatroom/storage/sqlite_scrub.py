"""What SQLite leaves behind inside its pages: found and overwritten, so that what was forgotten is nowhere in the file.

Knows the file's format (https://sqlite.org/fileformat2.html, 1.6) and no connection.
"""
# Why: with `secure_delete` SQLite overwrites what it deletes. But when it divides or rebuilds a page, copies of cells stay
# in the part that the page does not use (rebuildPage in btree.c), and no later deletion finds those: of 30,000 entries
# that were renamed, 82 old nicknames. VACUUM would take them along, and hold up every commit for as long as it copies the
# whole file, for each password that is changed.

from __future__ import annotations

import os
from mmap import mmap
from struct import unpack_from

from ..seams import NotSaved

_SCRUB_BYTES = 8 << 20
"""Looked through at a time, some 4 ms: a commit of others waits as long."""

_HEADERS = {2: 12, 5: 12, 10: 8, 13: 8}
"""The kinds of pages that hold cells, and how long the header of each is."""


def scrub(file: int, start: int) -> int | None:
    """Overwrite what the pages from this byte on do not use: the next byte to go on from, or None at the end. Meanwhile
    the write-ahead log is to be empty, and nobody may write."""
    first = os.pread(file, 100, 0)
    (size,) = unpack_from(">H", first, 16)
    size = 65536 if size == 1 else size
    # Other pages begin with the number of a page, or with the kind of an entry of `auto_vacuum`: ours can be told apart
    # while numbers are below 2**25 (128 GiB), and without `auto_vacuum`.
    if os.fstat(file).st_size // size >= 1 << 25 or any(first[52:56]):
        raise NotSaved("the database is one in which nothing can be forgotten")
    # Not a string of so many bytes: once malloc has freed one, it gives back to the system far less of what it frees.
    with mmap(-1, _SCRUB_BYTES) as pages:
        length = os.preadv(file, [pages], start)
        for place in range(0, length, size):
            header = place if start + place else 100  # the first page begins with the file's own
            if pages[header] in _HEADERS:
                cells, content = unpack_from(">HH", pages, header + 3)
                low, high = header + _HEADERS[pages[header]] + 2 * cells, place + (content or 65536)
                if low < high <= place + size and pages[low:high].count(0) < high - low:
                    os.pwrite(file, bytes(high - low), start + low)
    if not length:
        os.fsync(file)
        return None
    return start + length
