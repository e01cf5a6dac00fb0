"""Whether there is memory for more people: who is in must not suffer from who comes."""

from __future__ import annotations

import mmap
import resource

RESERVE = 8 * 1024 * 1024
"""Bytes that are left for those who are in, or nobody more is let in: several times what a batch of the journal and its pages
take. Without it the last megabyte went to newcomers, and reading failed for everybody."""


def has_memory() -> bool:
    """Whether so much could be had now, where the address space is limited (setrlimit(2), RLIMIT_AS): 6 us. The limit of a
    control group does not show so; there the kernel ends the process."""
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        return True
    try:
        mmap.mmap(-1, RESERVE).close()
    except OSError:
        return False
    return True
