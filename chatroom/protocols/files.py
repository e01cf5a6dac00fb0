"""Small files that whoever runs the server names: read whole, and so that no file, whatever it is, keeps the reactor waiting.

Knows not what stands in them.
"""

from __future__ import annotations

import os
import stat

LARGEST_FILE = 1 << 20
"""Bytes of a file that is read: a chain of ten certificates has 20 KiB, and who named the wrong file should not wait."""


def content_of(path: str | os.PathLike[str]) -> tuple[bytes, int]:
    """Of a file, and its mode, both of the one that was opened. Raises OSError, and ValueError in words that name it."""
    # Whatever it is, opening it does not wait: a named pipe would, for somebody who writes. No terminal becomes ours.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{path} is no file")
        content = b""
        # Of some, as of /proc, the size is told as 0; others grow meanwhile.
        while len(content) <= LARGEST_FILE and (more := os.read(descriptor, LARGEST_FILE + 1 - len(content))):
            content += more
        if len(content) > LARGEST_FILE:
            raise ValueError(f"{path} is larger than {LARGEST_FILE >> 20} MiB")
        return content, stat.S_IMODE(found.st_mode)
    finally:
        os.close(descriptor)
