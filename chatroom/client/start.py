"""The console script: brings the program into memory, without looking for garbage in what has just come in."""

from __future__ import annotations

import gc
from typing import NoReturn


def main() -> NoReturn:
    gc.disable()  # a tenth of the time until somebody can type: `make bench-client`
    from .main import main as begin

    begin()
