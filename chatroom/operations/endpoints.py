"""From an endpoint string, as an operator writes it, to an endpoint, and to how a person gets in there."""

from __future__ import annotations

from collections.abc import Callable, Collection
from ipaddress import IPv4Network, IPv6Network
from os import fsdecode
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IAddress, IStreamServerEndpoint

from ..protocols.pem import PemEndpoint
from ..protocols.proxied import ProxiedEndpoint

TLS = ("ssl", "tls", "pem")
"""Kinds of endpoints at which one shakes hands first."""

HOSTS = {"0.0.0.0": "this-machine", "::": "this-machine", "127.0.0.1": "localhost", "::1": "localhost"}
"""What people would write for addresses at which a server listens."""


def endpoint(
    reactor: Any,
    description: str,
    proxies: Collection[IPv4Network | IPv6Network] = (),
    stranger: Callable[[str], None] = lambda address: None,
) -> IStreamServerEndpoint:
    """Raises ValueError in words. At `haproxy:` only these proxies are believed, if any are named; `stranger` is told the
    address of another."""
    kind, _, within = description.partition(":")
    try:
        if kind == "haproxy":
            inner = serverFromString(reactor, within)
            if isinstance(inner, PemEndpoint):  # a proxy that passes TLS on sends its header before the handshake
                return inner.behind(lambda opened: ProxiedEndpoint(opened, proxies, stranger))
            return ProxiedEndpoint(inner, proxies, stranger)
        known: IStreamServerEndpoint = serverFromString(reactor, description)
        return known
    except (
        Exception
    ) as error:  # each endpoint parser, plugins too, has errors of its own: KeyError, TypeError, OSError ...
        raise ValueError(f"not an endpoint that can be opened: {_why(error, description)}") from None


def _why(error: Exception, description: str) -> str:
    if description.isdecimal():
        return f"did you mean tcp:{description}?"
    if isinstance(error, OSError):
        return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
    if isinstance(error, LookupError):
        if "systemd" in description:
            return f"systemd gave no such socket ({error}); its .socket unit names them by FileDescriptorName="
        return f"{type(error).__name__}: {error}"
    return str(error)


def line_invitation(description: str, address: IAddress) -> str:
    """How a person gets in at an address that speaks lines."""
    if isinstance(address, UNIXAddress):
        return f"nc -U {fsdecode(address.name or b'')}"
    kind = description.partition(":")[0]
    return f"{'openssl s_client -quiet -connect {}:{}' if kind in TLS else 'telnet {} {}'}".format(*_place(address))


def metrics_invitation(description: str, address: IAddress) -> str:
    """The same, for a program that asks by HTTP."""
    if isinstance(address, UNIXAddress):
        return f"curl --unix-socket {fsdecode(address.name or b'')} http://localhost/metrics"
    scheme = "https" if description.partition(":")[0] in TLS else "http"
    return "{}://{}:{}/metrics".format(scheme, *_place(address))


def _place(address: IAddress) -> tuple[str, int]:
    assert isinstance(address, IPv4Address | IPv6Address)
    return HOSTS.get(address.host, address.host), address.port
