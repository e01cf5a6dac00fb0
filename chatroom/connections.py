"""Who is connected, whatever the protocol: how many may be, in all and from one address, and when all are gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed

from .request import Refused

IPV6_SITE = 64
"""Bits of an IPv6 address that tell one site from another (RFC 6177): within them anyone has as many as they like."""


SITES_KNOWN = 1024
"""Addresses of which it is remembered to which site they belong: it is asked several times for each who enters."""


class Present(Protocol):
    """What is needed of whoever is connected: to end it."""

    @property
    def protocol(self) -> str:
        """By what they come, in words."""

    def dismiss(self, words: str) -> Coroutine[Any, Any, None]: ...
    def refuse_banned(self) -> None:
        """End it if nobody may come from there any more."""

    def lose(self) -> None:
        """It is gone, or as good as that: show it nothing more."""


class Connections:
    """Everyone connected, strangers too."""

    def __init__(self, most: int, most_from_one: int, has_memory: Callable[[], bool] = lambda: True) -> None:
        self.limit(most, most_from_one, has_memory)
        self._present: dict[Present, str] = {}
        self._from: Counter[str] = Counter()
        self._gone: Deferred[None] = succeed(None)

    def __len__(self) -> int:
        return len(self._present)

    def __iter__(self) -> Iterator[Present]:
        return iter(tuple(self._present))

    def limit(self, most: int, most_from_one: int, has_memory: Callable[[], bool]) -> None:
        """At most `most` in all, and `most_from_one` from one address, and nobody more without memory; who is here stays."""
        self._has_memory = has_memory
        self._most = most
        self._most_from_one = most_from_one

    def admit(self, who: Present, address: str) -> None:
        """Count a connection from an address; raises Refused when there are too many. It stays counted until `release`
        either way: it takes its place until it is closed."""
        site = site_of(address)
        self._from[site] += 1
        if not self._present:
            self._gone = Deferred()
        self._present[who] = site
        if len(self._present) > self._most:
            raise Refused("too_many", f"the server is full: it takes {self._most} connections; come again later")
        if not self._has_memory():
            raise Refused("too_many", "the server has no memory left for more connections; come again later")
        if site and self._from[site] > self._most_from_one:
            raise Refused("too_many_from_one", f"{self._most_from_one} connections from your address are the most")

    def release(self, who: Present) -> None:
        """The connection is closed."""
        site = self._present.pop(who, None)
        if site is None:
            return
        self._from[site] -= 1
        if not self._from[site]:
            del self._from[site]
        if not self._present:
            self._gone.callback(None)

    def gone(self) -> Deferred[None]:
        """Fires when nobody is connected any more."""
        return self._gone


@lru_cache(SITES_KNOWN)
def site_of(address: str) -> str:
    """Who is counted as one; empty for what comes from this machine, which is not counted."""
    if not address:  # a Unix socket
        return ""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:  # a proxy's header says anything
        return address
    if isinstance(ip, IPv6Address):
        ip = ip.ipv4_mapped or ip
    if ip.is_loopback:
        return ""
    return str(ip if ip.version == 4 else ip_network((ip, IPV6_SITE), strict=False))
