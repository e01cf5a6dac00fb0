"""The endpoint `pem:PORT:cert=FILE:key=FILE`: TLS with certificates that are taken up again when they are renewed; with
`systemd=NAME` in place of the port, on a socket that systemd listens at.

Knows how it is written, and all that are open; not files, nor TLS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakSet

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint, quoteStringArgument, serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from zope.interface import implementer

from ..seams import Clock
from .certificates import Files
from .handshake import Securing
from .renewing import Folder, Renewing

BACKLOG = 50
"""Connections that may wait to be accepted where `backlog=` says nothing, as at Twisted's other endpoints."""

HIGHEST_PORT = (1 << 16) - 1
"""Ports have two bytes (RFC 9293, section 3.1)."""

_TAKES = "it takes PORT, cert=, key=, interface= and backlog=, or systemd= in place of PORT"


@implementer(IStreamServerEndpoint)
class PemEndpoint:
    """TLS above another endpoint."""

    def __init__(self, clock: Clock, within: IStreamServerEndpoint, certificates: Renewing) -> None:
        self._clock = clock
        self._within = within
        self.certificates = certificates

    def behind(self, wrap: Callable[[IStreamServerEndpoint], IStreamServerEndpoint]) -> PemEndpoint:
        """The same with something between TCP and TLS: a proxy that passes TLS on sends its header before the handshake."""
        return PemEndpoint(self._clock, wrap(self._within), self.certificates)

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        self.certificates.begin()
        listening: Deferred[IListeningPort] = self._within.listen(
            Securing(self.certificates, protocolFactory, self._clock)
        )
        return listening


class Reloaded(NamedTuple):
    """What reading all certificates again came to, in words."""

    changed: list[str]
    wrong: list[str]


class _Live:
    """All certificates that may be shown: those of each endpoint that was made, for as long as it is there."""

    def __init__(self) -> None:
        self._all: WeakSet[Renewing] = WeakSet()

    def add(self, certificates: Renewing) -> None:
        self._all.add(certificates)

    def reload(self) -> Reloaded:
        """Read all files now, changed or not. Where they are wrong, or a certificate is out of date, the words come back, and
        the old ones are kept; nothing is raised, and nothing logged."""
        told = {each for certificates in self._all for each in certificates.reload()}
        return Reloaded(
            sorted(words for words, wrong in told if not wrong), sorted(words for words, wrong in told if wrong)
        )

    def expiry(self) -> float | None:
        """When the first of them expires, in seconds since 1970; None without any."""
        moments = [one.expires.timestamp() for certificates in self._all for one in certificates.shown]
        return min(moments, default=None)


LIVE = _Live()
"""Endpoints are made from strings, in several places, and within one another: who reloads them has no list of them."""


def endpoint(reactor: Any, *arguments: str, **named: str) -> PemEndpoint:
    """From the parts of its string. Raises OSError, and ValueError in words."""
    unknown = named.keys() - {"cert", "key", "interface", "backlog", "systemd"}
    if unknown:
        raise ValueError(f"{min(unknown)}= is unknown: {_TAKES}")
    within = _listening(reactor, arguments, named)
    if not named.get("cert"):
        raise ValueError(f"cert= is missing: {_TAKES}")
    certificates = Renewing(_where(named["cert"], named.get("key", "")))
    LIVE.add(certificates)
    return PemEndpoint(reactor, within, certificates)


def _listening(reactor: Any, arguments: Sequence[str], named: Mapping[str, str]) -> IStreamServerEndpoint:
    if "systemd" in named:
        if arguments or named.keys() & {"interface", "backlog"}:
            raise ValueError("systemd= says where it listens: PORT, interface= and backlog= say nothing more")
        given: IStreamServerEndpoint = serverFromString(
            reactor, f"systemd:domain=INET6:name={quoteStringArgument(named['systemd'])}"
        )
        return given
    if len(arguments) != 1:
        raise ValueError(f"it has {len(arguments)} parts without a name: {_TAKES}")
    port = _number("port", arguments[0], HIGHEST_PORT)
    backlog = _number("backlog", named["backlog"], (1 << 31) - 1) if "backlog" in named else BACKLOG
    return TCP4ServerEndpoint(reactor, port, backlog, named.get("interface", ""))


def _number(what: str, text: str, most: int) -> int:
    short = len(text) <= len(str(most))  # int() refuses thousands of digits in words of its own
    if not (short and text.isascii() and text.isdecimal() and int(text) <= most):
        raise ValueError(f"'{text if short else f'{text[:10]}...'}' is no {what}: a number up to {most}")
    return int(text)


def _where(certificates: str, keys: str) -> Folder | list[Files]:
    # From here: a daemon may work elsewhere later.
    chains = [Path(name).absolute() for name in certificates.split(",")]
    if len(chains) == 1 and chains[0].is_dir():
        if keys:
            raise ValueError(f"key= says nothing more where cert={chains[0]} is a directory: the keys lie in it")
        return Folder(chains[0])
    if not keys:
        return [Files(chain, chain) for chain in chains]
    private = [Path(name).absolute() for name in keys.split(",")]
    if len(chains) != len(private):
        raise ValueError(f"cert= and key= belong together in pairs, and are {len(chains)} and {len(private)}")
    return [Files(chain, key) for chain, key in zip(chains, private, strict=True)]
