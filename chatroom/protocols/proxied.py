"""Connections through a proxy that tells first whose they are (the PROXY protocol of HAProxy, versions 1 and 2).

Twisted's own `haproxy:` lets the protocol begin before that is known, and everyone counts as coming from the proxy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableProtocol,
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
    ITransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper, HAProxyWrappingFactory
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import directlyProvides, implementer, providedBy

from ..request import Refused

HEADER_TIMEOUT = 5.0
"""Seconds for the proxy's header, which comes with the connection: the specification says 3 at least."""

HERE = (ip_network("127.0.0.0/8"), ip_network("::1"))
"""Where proxies are believed if none are named: who else is on this machine could ask the server without any."""

Stranger = Callable[[str, Refused], None]
"""Is told the address of who comes to nothing here, and why."""


@implementer(IHalfCloseableProtocol)
class _Proxied(HAProxyProtocolWrapper, TimeoutMixin):
    """Twisted's wrapper, but the protocol within begins when the header has come."""

    factory: _ProxiedFactory
    _begun = False
    _refused = False

    def makeConnection(self, transport: ITransport) -> None:
        self._within: Any = self.wrappedProtocol
        self._rest = self.wrappedProtocol = _Rest()
        directlyProvides(self, providedBy(transport))
        Protocol.makeConnection(self, transport)
        self.factory.registerProtocol(self)
        self.setTimeout(HEADER_TIMEOUT)

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if self._proxyInfo is not None and not self._begun:
            self._begin()
        elif self.disconnecting and not self._begun:
            self._refuse("what came first is no header of its")

    def _begin(self) -> None:
        self._begun = True
        self.setTimeout(None)
        self.wrappedProtocol = self._within
        self._within.makeConnection(self)
        if self._rest.data:
            self._within.dataReceived(self._rest.data)

    def timeoutConnection(self) -> None:
        self._refuse("no header came")
        self.abortConnection()

    def _refuse(self, why: str) -> None:
        if not self._refused:
            self._refused = True
            address = str(getattr(self.getPeer(), "host", ""))
            self.factory.stranger(address, Refused("no_proxy_header", why))

    def readConnectionLost(self) -> None:
        if self._begun:
            self._within.readConnectionLost()
        else:
            self.abortConnection()

    def writeConnectionLost(self) -> None:
        """Nobody reads any more; connectionLost follows."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.setTimeout(None)
        super().connectionLost(reason)


class _Rest(Protocol):
    """What came in one piece with the header."""

    data = b""

    def dataReceived(self, data: bytes) -> None:
        self.data += data


class _ProxiedFactory(HAProxyWrappingFactory):
    protocol: Any = _Proxied
    noisy = False

    def __init__(
        self,
        factory: IProtocolFactory,
        proxies: Collection[IPv4Network | IPv6Network],
        stranger: Stranger,
    ) -> None:
        super().__init__(factory)
        self._proxies = proxies or HERE
        self.stranger = stranger

    def buildProtocol(self, addr: IAddress | None) -> Any:
        address = str(getattr(addr, "host", ""))
        if address and not self._believed(address):
            self.stranger(address, Refused("unknown_proxy", "it is not one of --proxy, nor on this machine"))
            return None
        return super().buildProtocol(addr)

    def _believed(self, address: str) -> bool:
        ip = ip_address(address.partition("%")[0])
        ip = getattr(ip, "ipv4_mapped", None) or ip
        return any(ip in network for network in self._proxies)


@implementer(IStreamServerEndpoint)
class ProxiedEndpoint:
    """Listens where another endpoint does, for proxies: what they tell is believed, so it had better be only these."""

    def __init__(
        self,
        within: IStreamServerEndpoint,
        proxies: Collection[IPv4Network | IPv6Network],
        stranger: Stranger,
    ) -> None:
        """Without any `proxies` those on this machine are believed; who comes by a Unix socket always is. Who is not one of
        them is let go, as is who sends no header, and `stranger` told."""
        self._within = within
        self._proxies = proxies
        self._stranger = stranger

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        listening: Deferred[IListeningPort] = self._within.listen(
            _ProxiedFactory(factory, self._proxies, self._stranger)
        )
        return listening
