"""From an endpoint string, as an operator writes it, to an endpoint, and to how a person gets in there."""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Network
from os import fsdecode
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import StandardIOEndpoint, serverFromString
from twisted.internet.interfaces import IAddress, IStreamServerEndpoint

from ..protocols.pem import HIGHEST_PORT, PemEndpoint
from ..protocols.proxied import ProxiedEndpoint, Stranger
from .values import shown

TLS = ("ssl", "tls", "pem")
"""Kinds of endpoints at which one shakes hands first."""

PORTS = ("tcp", "tcp6", "ssl")
"""Those of Twisted's that begin with a port."""

SEVERAL = re.compile(r"\s(tcp6?|ssl|tls|pem|unix|systemd|haproxy):")
"""Where one ends and another begins, as in the environment."""

PROXIED = "haproxy:"
"""In front of an endpoint to which proxies come, that tell whose a connection is."""

HOSTS = {"0.0.0.0": "this-machine", "::": "this-machine", "127.0.0.1": "localhost", "::1": "localhost"}
"""What people would write for addresses at which a server listens."""


def endpoint(
    reactor: Any,
    description: str,
    proxies: Collection[IPv4Network | IPv6Network] = (),
    stranger: Stranger = lambda address, refused: None,
) -> IStreamServerEndpoint:
    """Raises ValueError in words. At `haproxy:` only these proxies are believed, or those on this machine if none are named;
    `stranger` is told of others."""
    behind_proxy = description.startswith(PROXIED)
    within = description.removeprefix(PROXIED)
    try:
        if fault := _fault(within):
            raise ValueError(fault)
        inner: IStreamServerEndpoint = serverFromString(reactor, within)
        if isinstance(inner, StandardIOEndpoint):
            raise ValueError("nobody can come in there; to be in the chat from this terminal, there is --console")
        if not behind_proxy:
            return inner
        if isinstance(inner, PemEndpoint):  # a proxy that passes TLS on sends its header before the handshake
            return inner.behind(lambda opened: ProxiedEndpoint(opened, proxies, stranger))
        return ProxiedEndpoint(inner, proxies, stranger)
    except (
        Exception
    ) as error:  # each endpoint parser, plugins too, has errors of its own: KeyError, TypeError, OSError ...
        raise ValueError(f"not an endpoint that can be opened: {_why(error, description)}") from None


def _fault(description: str) -> str:
    """What parsers take, or tell in the words of Python; empty where they may go on."""
    kind, _, parts = description.partition(":")
    first = parts.partition(":")[0]
    if SEVERAL.search(description):
        return "each is given by itself: on the command line by an option of its own, in the file as one of a list"
    if kind == "haproxy":
        return "haproxy: is written once"
    if kind == "unix" and first in ("", "address="):
        return "unix: names no path: unix:PATH"
    port = first.removeprefix("port=")
    if kind in PORTS and "=" not in port and not _is_port(port):
        return f"{shown(port)} is no port: a number up to {HIGHEST_PORT}"
    return ""


def _is_port(text: str) -> bool:
    short = len(text) <= len(str(HIGHEST_PORT))
    return short and text.isascii() and text.isdecimal() and int(text) <= HIGHEST_PORT


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
    where = fsdecode(address.name or b"") if isinstance(address, UNIXAddress) else "{} {}".format(*_place(address))
    if description.startswith(PROXIED):
        return f"for a proxy that sends the PROXY protocol, at {where}"
    if isinstance(address, UNIXAddress):
        return f"nc -U {where}"
    if description.partition(":")[0] in TLS:
        return f"openssl s_client -quiet -connect {where.replace(' ', ':')}"
    return f"telnet {where}"


def metrics_invitation(description: str, address: IAddress) -> str:
    """The same, for a program that asks by HTTP."""
    if isinstance(address, UNIXAddress):
        return f"curl --unix-socket {fsdecode(address.name or b'')} http://localhost/metrics"
    scheme = "https" if description.partition(":")[0] in TLS else "http"
    return "{}://{}:{}/metrics".format(scheme, *_place(address))


def _place(address: IAddress) -> tuple[str, int]:
    assert isinstance(address, IPv4Address | IPv6Address)
    return HOSTS.get(address.host, address.host), address.port
