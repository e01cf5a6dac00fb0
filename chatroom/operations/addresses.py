"""Where people come from, as much of it as whoever runs the server wants to stand in a log.

Knows addresses and networks; not who tells of them.
"""

from __future__ import annotations

from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_network

from ..text import safe
from ..text import shortened as cut

IPV4_TOLD = 24
"""Bits that are left of an IPv4 address: the smallest network that is routed by itself, 256 addresses."""

IPV6_TOLD = 48
"""Bits that are left of an IPv6 address: the largest that one customer is given (RFC 6177, section 2)."""

IPV6_MAPPED = 96
"""Bits of an IPv6 address before the IPv4 address that it may hold (RFC 4291, section 2.5.5.2)."""

NO_ADDRESS_LONGEST = 45
"""Characters of what a proxy gave for an address, and is none: as many as the longest address has."""

UNTOLD = "-"
"""In place of an address that is not to be told."""


class Addresses(Enum):
    """How much of them is told."""

    FULL = "full"
    NETWORK = "network"
    NONE = "none"


def shortened(address: str, how: Addresses) -> str:
    """What is told of an address or a network: itself, the network of 24 or 48 bits around it, or `-`. Nothing for a Unix
    socket, which is on this machine. A proxy can give anything for an address: what is none is told only in full."""
    if not address:
        return ""
    if how is Addresses.NONE:
        return UNTOLD
    network = _network(address)
    if how is Addresses.FULL:
        if network is None:
            return cut(safe(address), NO_ADDRESS_LONGEST)
        single = network.prefixlen == network.max_prefixlen
        return str(network.network_address if single else network)
    if network is None:
        return UNTOLD
    told = IPV4_TOLD if network.version == 4 else IPV6_TOLD
    return str(network if network.prefixlen <= told else network.supernet(new_prefix=told))


def _network(text: str) -> IPv4Network | IPv6Network | None:
    """IPv4 within IPv6 as IPv4, without the zone (`%eth0`); None for what is no address."""
    try:
        network = ip_network(text.partition("%")[0], strict=False)
    except ValueError:
        return None
    if isinstance(network, IPv6Network) and network.prefixlen >= IPV6_MAPPED:
        mapped = network.network_address.ipv4_mapped
        if mapped:
            return IPv4Network((int(mapped), network.prefixlen - IPV6_MAPPED), strict=False)
    return network
