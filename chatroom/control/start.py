"""The console script: brings the program into memory, and ends without a traceback also when Ctrl-C is pressed meanwhile."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    try:
        from .main import main as begin

        begin()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)  # as shells have it, and ours once it is in memory
