"""All that is asked of the server over HTTP, put together: the figures, what looks after them, and the site that shows them."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from prometheus_client import Gauge
from twisted.application.service import Service
from twisted.web.server import Site

from ..chat import Chat
from .census import Census
from .lag import Lag
from .meters import Meters
from .pages import metrics_site
from .readiness import Readiness
from .store import Certificates, Disk, files_of


class Monitoring(Service):
    """Counts from the start on; what is there now is asked of the chat that it watches."""

    def __init__(self, reactor: Any, readiness: Readiness, storage: str, expiry: Callable[[], float | None]) -> None:
        """`expiry`: when the first certificate in use runs out, in seconds since 1970."""
        self.meters = Meters()
        registry = self.meters.registry
        self.site: Site = metrics_site(registry, readiness.why_not, reactor)
        self._lag = Lag(reactor, time.monotonic, registry)
        registry.register(Disk(partial(files_of, storage)))
        registry.register(Certificates(expiry))
        pending = Gauge(
            "chatroom_commit_pending_seconds", "For how long the storage has been at a commit.", registry=registry
        )
        pending.set_function(readiness.waiting)

    def watch(self, chat: Chat) -> None:
        self.meters.registry.register(Census(chat))

    def startService(self) -> None:
        super().startService()
        self._lag.startService()

    def stopService(self) -> None:
        super().stopService()
        self._lag.stopService()
