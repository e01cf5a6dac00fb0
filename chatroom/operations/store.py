"""What the store takes on its disk, what is left there, and when certificates run out: asked whenever figures are collected."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ..storage.opening import file_of


def files_of(storage: str) -> Mapping[str, str]:
    """What lies beside the file of a storage, by what it is called among the figures; nothing where it is in none. As seen from
    where the server is now: twistd goes elsewhere before it opens the storage."""
    store = file_of(storage)
    if not store:
        return {}
    names = {"store": "", "wal": "-wal", "index": "-search", "index_wal": "-search-wal"}
    return {name: f"{store}{end}" for name, end in names.items()}


class Disk(Collector):
    """Sizes of files, and the space that is left where the first of them lies. stat(2) answers from memory, in 2 us each."""

    def __init__(self, files: Callable[[], Mapping[str, str]]) -> None:
        self._files = files

    def collect(self) -> Iterator[Metric]:
        files = self._files()
        if not files:
            return
        sizes = GaugeMetricFamily("chatroom_store_bytes", "Size of each file of the store.", labels=["file"])
        for name, path in files.items():
            sizes.add_metric([name], _size(path))
        yield sizes
        free = _free(os.path.dirname(next(iter(files.values()))))
        if free is not None:
            yield GaugeMetricFamily("chatroom_store_free_bytes", "Left on the disk of the store, for this user.", free)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:  # not made yet, or removed when it was empty
        return 0


def _free(directory: str) -> int | None:
    """None where nobody knows: no figure is better than a wrong one."""
    try:
        disk = os.statvfs(directory)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


class Certificates(Collector):
    """When the first of those in use runs out."""

    def __init__(self, expiry: Callable[[], float | None]) -> None:
        """`expiry`: seconds since 1970; None while no certificate is in use."""
        self._expiry = expiry

    def collect(self) -> Iterator[Metric]:
        expiry = self._expiry()
        if expiry is not None:
            yield GaugeMetricFamily(
                "chatroom_certificate_expiry_timestamp_seconds", "When the first certificate in use runs out.", expiry
            )
