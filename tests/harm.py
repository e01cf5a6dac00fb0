"""What must reach nobody, found in bytes as they arrived. Written from the standards, not from what the server removes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
UNSEEN = "\u200b\ufeff\ufff9-\ufffb\U000e0001-\U000e007f"
HARM = re.compile(f"[\x00-\x1f\x7f-\x9f{BIDI}{UNSEEN}\u2028\u2029\ud800-\udfff]")
"""Controls of both sets, what turns text around, what is not seen, what ends lines, and what is no character."""

NEGOTIATED = re.compile(rb"\xff[\xfb-\xfe].", re.DOTALL)
"""What a text connection answers to telnet: only whoever asked reads it."""

LINES = {"text", "reason", "words", "notice"}
"""Fields whose texts may have several lines: what was said, and what the server says."""


def in_text(taken: bytes) -> list[str]:
    """What would harm a terminal that is sent these bytes."""
    try:
        text = taken.decode()
    except UnicodeDecodeError as error:
        return [f"no UTF-8: {taken[error.start - 20 : error.end + 20]!r}"]
    if text and not text.endswith("\r\n"):
        return [f"no whole line: {text[-40:]!r}"]
    return [ascii(line) for line in text.split("\r\n") if HARM.search(line)]


def in_json(taken: bytes) -> list[str]:
    """What would harm a program, or the terminal that shows what it read."""
    harm = []
    for line in taken.split(b"\n")[:-1]:
        if not re.fullmatch(rb"[ -~]+", line):
            harm.append(f"not printable ASCII: {line!r}")
        else:
            harm += [ascii(text) for text in strings(json.loads(line)) if HARM.search(text)]
    return harm if taken.endswith(b"\n") or not taken else [*harm, f"no whole line: {taken[-40:]!r}"]


def strings(value: object, field: str = "") -> Iterator[str]:
    """Every string in it, as a program gets it; those of several lines one by one."""
    if isinstance(value, str):
        yield from value.split("\n") if field in LINES else (value,)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from strings(inner, name)
