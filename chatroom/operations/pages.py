"""What a program asks over HTTP of the server: its figures, whether it lives, and whether it is ready for people.

Answers from memory, within one turn of the reactor. Knows neither what is counted nor why it is not ready.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from twisted.web.http import NOT_ALLOWED, NOT_FOUND, OK, SERVICE_UNAVAILABLE
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

HTTP_TIMEOUT = 30.0
"""Seconds without a byte until a connection is closed: twice the 15 that Prometheus is mostly told to leave between two
visits, so that it comes by the same one."""

TEXT = "text/plain; charset=utf-8"

Page = Callable[[], tuple[int, str, bytes]]
"""What gives a page: status, type, and what it says."""


class Pages(Resource):
    """All that can be asked for: three paths. As Twisted's own page for a method that is not allowed is in HTML, and its
    answer to HEAD writes to the log, all methods come to `render`."""

    isLeaf = True

    def __init__(self, registry: CollectorRegistry, why_not_ready: Callable[[], str]) -> None:
        """`why_not_ready`: in words; empty when it is."""
        super().__init__()
        self._registry = registry
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
        return OK, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self._registry)

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


class PagesSite(Site):
    """No access log, hence no timer for its dates. A request has at most 500 headers and 16 KiB of them, which are Twisted's
    limits."""

    noisy = False

    def __init__(self, pages: Pages, reactor: Any) -> None:
        super().__init__(pages, _Request, timeout=HTTP_TIMEOUT, reactor=reactor)

    def startFactory(self) -> None:
        """Nothing is written of who asks."""

    def getContentFile(self, length: int | None) -> BytesIO:
        return _Unread()


def metrics_site(registry: CollectorRegistry, why_not_ready: Callable[[], str], reactor: Any) -> Site:
    """What listens where `--metrics` says. `why_not_ready`: in words; empty when it is."""
    return PagesSite(Pages(registry, why_not_ready), reactor)
