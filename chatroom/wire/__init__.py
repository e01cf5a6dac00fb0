"""Wire formats: each renders and parses, and knows nothing else. The table tells them apart by how the first line begins."""

from typing import NamedTuple

from .json import JSON, JsonFormat
from .json import MAX_LINE as JSON_MAX_LINE


class Opening(NamedTuple):
    """A format for who begins so; everybody else gets plain text."""

    begins: bytes
    format: JsonFormat
    max_line: int


OPENINGS = (Opening(b"{", JSON, JSON_MAX_LINE),)
