"""What the kernel tells of this process, as prometheus-client has it, also where it tells of nothing else."""

from __future__ import annotations

import time

from prometheus_client import ProcessCollector


class Process(ProcessCollector):
    """The library asks /proc/stat when the machine was started, and without an answer tells nothing at all. In a service
    with `ProcSubset=pid` (systemd.exec(5)) that file is not there; the clocks tell the same (clock_gettime(2))."""

    def _boot_time(self) -> float:
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
