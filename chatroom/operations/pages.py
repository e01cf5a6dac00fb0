"""What a program asks over HTTP of the server: its figures, whether it lives, and whether it is ready for people.

Answers from memory, within one turn of the reactor, once for each connection: who asks without end, or takes no answer, must
not cost those who chat. Knows neither what is counted nor why it is not ready.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import NOT_ALLOWED, NOT_FOUND, OK, SERVICE_UNAVAILABLE, HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from ..seams import Clock

HTTP_TIMEOUT = 10.0
"""Seconds from connecting until the request is there, and as many for taking the answer: as long as Prometheus waits for it,
where nobody tells it otherwise."""

CONNECTIONS_MOST = 50
"""At once; one more is closed unheard. Monitoring needs a few, and at this many answers of 10 KB lie in memory at most."""

REUSED = 1.0
"""Seconds for which the page of figures is told again as it is. To make it takes 1 to 18 ms of the time in which nobody else is
served, and Prometheus comes every 15 s."""

TEXT = "text/plain; charset=utf-8"

Page = Callable[[], tuple[int, str, bytes]]
"""What gives a page: status, type, and what it says."""


class Pages(Resource):
    """All that can be asked for: three paths. As Twisted's own page for a method that is not allowed is in HTML, and its
    answer to HEAD writes to the log, all methods come to `render`."""

    isLeaf = True

    def __init__(self, registry: CollectorRegistry, why_not_ready: Callable[[], str], clock: Clock) -> None:
        """`why_not_ready`: in words; empty when it is."""
        super().__init__()
        self._registry = registry
        self._clock = clock
        self._made = -REUSED
        """When `_figures` was made."""
        self._figures = b""
        self._why_not_ready = why_not_ready
        self._pages: dict[bytes, Page] = {b"/metrics": self._metrics, b"/healthz": self._alive, b"/readyz": self._ready}

    def render(self, request: Any) -> bytes:
        page = self._pages.get(request.path)
        if page is None:
            status, kind, said = NOT_FOUND, TEXT, b"there are /metrics, /healthz and /readyz here\n"
        elif request.method not in (b"GET", b"HEAD"):
            status, kind, said = NOT_ALLOWED, TEXT, b"GET and HEAD are what one can do here\n"
            request.setHeader(b"Allow", b"GET, HEAD")
        else:
            status, kind, said = page()
        request.setResponseCode(status)
        request.setHeader(b"Content-Type", kind.encode())
        request.setHeader(b"Cache-Control", b"no-store")
        request.setHeader(b"Content-Length", b"%d" % len(said))
        return b"" if request.method == b"HEAD" else said

    def _metrics(self) -> tuple[int, str, bytes]:
        now = self._clock.seconds()
        if not 0 <= now - self._made < REUSED or not self._figures:  # a clock may be put back
            self._figures, self._made = generate_latest(self._registry), now
        return OK, CONTENT_TYPE_PLAIN_0_0_4, self._figures

    def _alive(self) -> tuple[int, str, bytes]:
        """Whoever asks this restarts what does not answer. What a restart does not mend, a full disk say, is none of it:
        that would only send away who is here."""
        return OK, TEXT, b"ok\n"

    def _ready(self) -> tuple[int, str, bytes]:
        why = self._why_not_ready()
        return (SERVICE_UNAVAILABLE, TEXT, f"{why}\n".encode()) if why else (OK, TEXT, b"ready\n")


class _Unread(BytesIO):
    """What comes with a request goes nowhere: Twisted would keep any amount of it in a file."""

    def write(self, sent: Any) -> int:
        return len(sent)


class _Request(Request):
    defaultContentType = TEXT.encode()

    def write(self, data: bytes) -> None:
        self.setHeader(b"Server", b"chatroom")  # Twisted's own tells which version it is
        super().write(data)


class _Channel(HTTPChannel):
    """One request and its answer, then the end: HTTP lets a connection ask for 40,000 pages at once, and all of them would be
    made in one turn."""

    factory: PagesSite
    transport: Any

    def connectionMade(self) -> None:
        if len(self.factory.visitors) >= CONNECTIONS_MOST:
            self.transport.abortConnection()
            return
        self.factory.visitors.add(self)
        super().connectionMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.visitors.discard(self)
        super().connectionLost(reason)

    def resetTimeout(self) -> None:
        """Who dribbles has no more time than others."""

    def checkPersistence(self, request: Any, version: bytes) -> bool:
        request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        return False

    def requestDone(self, request: Any) -> None:
        super().requestDone(request)
        self.dataReceived = self._drop  # type: ignore[method-assign]  # as Twisted does, one line later
        self.setTimeout(HTTP_TIMEOUT)

    def _drop(self, data: bytes) -> None:
        """Nothing more is asked here."""

    def timeoutConnection(self) -> None:
        """Not as Twisted does it, which logs who it was, and waits 15 s more."""
        self.transport.abortConnection()


class PagesSite(Site):
    """No access log, hence no timer for its dates. A request has at most 500 headers and 16 KiB of them, which are Twisted's
    limits."""

    noisy = False
    protocol = _Channel  # type: ignore[assignment]  # which Twisted takes, and does not say

    def __init__(self, pages: Pages, reactor: Any) -> None:
        super().__init__(pages, _Request, timeout=HTTP_TIMEOUT, reactor=reactor)
        self.visitors: set[_Channel] = set()
        """Those connected."""

    def startFactory(self) -> None:
        """Nothing is written of who asks."""

    def getContentFile(self, length: int | None) -> BytesIO:
        return _Unread()


def metrics_site(registry: CollectorRegistry, why_not_ready: Callable[[], str], reactor: Any) -> Site:
    """What listens where `--metrics` says. `why_not_ready`: in words; empty when it is."""
    return PagesSite(Pages(registry, why_not_ready, reactor), reactor)
