"""The other side of a connection, from what carries it: where it is, and whether others can read what it sends."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from twisted.internet.interfaces import ISSLTransport, IUNIXTransport
from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper
from twisted.protocols.policies import ProtocolWrapper

from ..seams import Peer

UNIX = Peer("", local=True, secret=True, over="a Unix socket")


def peer_of(transport: Any) -> Peer:
    proxied = _is_proxied(transport)
    if not proxied and IUNIXTransport.providedBy(transport):
        return UNIX
    return _peer(str(getattr(transport.getPeer(), "host", "")), proxied, ISSLTransport.providedBy(transport))


@lru_cache(1024)
def _peer(address: str, proxied: bool, tls: bool) -> Peer:
    """One for many connections from one place: of 150 bytes each."""
    local = not proxied and _is_loopback(address)  # a proxy's header says anything
    return Peer(address, local, tls or local, "TLS" if tls else "TCP")


def _is_proxied(transport: Any) -> bool:
    while isinstance(transport, ProtocolWrapper):
        if isinstance(transport, HAProxyProtocolWrapper):
            return True
        transport = transport.transport
    return False


def _is_loopback(address: str) -> bool:
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback
