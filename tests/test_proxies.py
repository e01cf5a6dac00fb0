"""Proxies that tell whose a connection is: those of --proxy are believed, or those on this machine, and who is none of them
comes to nothing.
"""

from __future__ import annotations

import re
import socket
import struct
from ipaddress import IPv4Address as IPv4
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from chatroom.protocols.proxied import HEADER_TIMEOUT, _ProxiedFactory
from chatroom.request import Refused

from .server import ANY_PORT, PATIENCE, Person, Server, until

PROXY, STRANGER = "127.0.0.2", "127.0.0.1"
TOLD = "192.0.2.7"
"""Where the proxy says that somebody is (RFC 5737)."""

V1 = f"PROXY TCP4 {TOLD} 10.0.0.1 40000 6000\r\n".encode()
V2 = (
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11"
    + struct.pack("!H", 12)
    + IPv4(TOLD).packed
    + IPv4("10.0.0.1").packed
    + struct.pack("!HH", 40000, 6000)
)
"""The same in version 2 of the protocol, section 2.2."""

NETWORKS = ("10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1")


class Taker(Protocol):
    """Notes where it is told that somebody is."""

    got: list[tuple[Any, bytes]]

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.got.append((self.transport.getPeer(), data))


def let_in(address: Any, networks: tuple[str, ...] = NETWORKS, header: bytes = V1) -> tuple[str, list[str]]:
    """Where who connects from an address is believed to be, and who was told to be a stranger."""
    strangers: list[str] = []

    def stranger(address: str, refused: Refused) -> None:
        assert refused.code == "unknown_proxy"
        strangers.append(address)

    got: list[tuple[Any, bytes]] = []
    inner = Factory.forProtocol(type("Noting", (Taker,), {"got": got}))
    factory = _ProxiedFactory(inner, [ip_network(each) for each in networks], stranger)
    protocol = factory.buildProtocol(address)
    if protocol is None:
        return "", strangers
    protocol.makeConnection(StringTransport(peerAddress=address))
    protocol.dataReceived(header + b"hello")
    protocol.setTimeout(None)
    ((peer, data),) = got
    assert data == b"hello"
    return peer.host, strangers


@pytest.mark.parametrize("header", [V1, V2], ids=["version 1", "version 2"])
@pytest.mark.parametrize(
    "address", ["10.0.0.1", "10.255.255.255", "192.0.2.1", "2001:db8::1", "::1", "::ffff:10.0.0.1", "2001:db8::1%eth0"]
)
def test_who_comes_from_a_proxys_address_is_believed(address: str, header: bytes) -> None:
    kind = IPv6Address if ":" in address else IPv4Address
    assert let_in(kind("TCP", address, 1), header=header) == (TOLD, [])


@pytest.mark.parametrize(
    "address", ["11.0.0.1", "192.0.2.2", "127.0.0.1", "2001:db9::1", "::2", "::ffff:11.0.0.1", "fe80::1%eth0"]
)
def test_all_others_are_let_go_and_told_of(address: str) -> None:
    kind = IPv6Address if ":" in address else IPv4Address
    assert let_in(kind("TCP", address, 1)) == ("", [address])


def test_who_comes_by_a_unix_socket_is_always_believed() -> None:
    assert let_in(UNIXAddress(None)) == (TOLD, [])
    assert let_in(UNIXAddress(b"/run/way-in")) == (TOLD, [])


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_without_any_those_on_this_machine_are_believed(address: str) -> None:
    kind = IPv6Address if ":" in address else IPv4Address
    assert let_in(kind("TCP", address, 1), ()) == (TOLD, [])


@pytest.mark.parametrize(
    "address", ["203.0.113.9", "10.0.0.1", "192.168.0.1", "::2", "fe80::1%eth0", "::ffff:10.0.0.1"]
)
def test_without_any_nobody_from_elsewhere_is_believed(address: str) -> None:
    kind = IPv6Address if ":" in address else IPv4Address
    assert let_in(kind("TCP", address, 1), ()) == ("", [address])


@pytest.mark.parametrize("sent", [b"", b"PROXY TCP4 ", b"hello, this is no header", b"PROXY NONSENSE a b c d\r\n"])
def test_who_sends_no_header_is_let_go_and_told_of_once(sent: bytes) -> None:
    told: list[tuple[str, str]] = []
    factory = _ProxiedFactory(
        Factory.forProtocol(Protocol), [], lambda address, refused: told.append((address, refused.code))
    )
    clock = Clock()
    protocol = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
    protocol.callLater = clock.callLater
    wire = StringTransport(peerAddress=IPv4Address("TCP", "127.0.0.1", 1))
    protocol.makeConnection(wire)
    if sent:
        protocol.dataReceived(sent)
    clock.advance(HEADER_TIMEOUT)
    assert told == [("127.0.0.1", "no_proxy_header")]
    assert wire.disconnecting or wire.disconnected


def test_who_only_looks_whether_somebody_listens_is_not_told_of() -> None:
    """As HAProxy does to know whether the server is there."""
    told: list[str] = []
    factory = _ProxiedFactory(Factory.forProtocol(Protocol), [], lambda address, refused: told.append(address))
    clock = Clock()
    protocol = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
    protocol.callLater = clock.callLater
    protocol.makeConnection(StringTransport())
    protocol.connectionLost(Failure(ConnectionDone()))
    clock.advance(2 * HEADER_TIMEOUT)
    assert told == []


# A real server


def reach(server: Server, source: str, port: int, sent: bytes) -> Person:
    """Somebody who comes from one of the addresses that all mean this machine."""
    person = Person.__new__(Person)
    person.socket = socket.create_connection(("127.0.0.1", port), PATIENCE, (source, 0))
    server.people.append(person)
    person._read, person._searched = b"", 0
    person.send(sent)
    return person


def ports(server: Server) -> list[int]:
    return [int(re.findall(r"\d+", each)[-1]) for each in server.invitations]


@pytest.mark.process
@pytest.mark.parametrize("header", [V1, V2], ids=["version 1", "version 2"])
def test_only_proxies_that_are_named_are_believed_and_others_come_to_nothing(tmp_path: Path, header: bytes) -> None:
    lines = (ANY_PORT, f"haproxy:{ANY_PORT}", f"haproxy:unix:{tmp_path}/way-in")
    with Server(tmp_path, "--proxy", f"{PROXY}", "--connections-per-address", "1", lines=lines) as server:
        plain, proxied, *_ = ports(server)
        alice = Person(server, "alice", at=plain)
        for _ in range(3):
            false = reach(server, STRANGER, proxied, header + b"mallory\nI am somebody else\n")
            assert false.rest() == ""
        bob = reach(server, PROXY, proxied, header + b"bob\n")
        bob.expect(r"\* You are bob, in #lobby with alice")
        bob.say("hello")
        assert "mallory" not in alice.expect("bob: hello\r\n")
        again = reach(server, PROXY, proxied, header)
        assert "! 1 connections from your address are the most" in again.rest()
        bob.close()
        alice.expect("bob left")
        carol = Person(server, at=str(tmp_path / "way-in"))
        carol.send(header + b"carol\n")
        carol.expect(r"\* You are carol, in #lobby with alice")
        line = server.wait_for_line("refused unknown_proxy")
        assert f"a stranger from {STRANGER} by HAProxy's protocol" in line
        until(lambda: sum("refused unknown_proxy" in line for line in server.log.lines) == 3, "each refusal")
        server.terminate()
    assert [nick for (nick,) in server.query("SELECT DISTINCT nick FROM entries WHERE nick <> ''")] == [
        "alice",
        "bob",
        "carol",
    ]


@pytest.mark.process
def test_without_proxies_that_are_named_those_on_this_machine_are_believed(tmp_path: Path) -> None:
    with Server(tmp_path, lines=(f"haproxy:{ANY_PORT}",)) as server:
        assert server.invitations == [f"for a proxy that sends the PROXY protocol, at localhost {server.port}"]
        alice = reach(server, STRANGER, server.port, V1 + b"alice\n")
        alice.expect(r"\* You are alice")
        server.terminate()


@pytest.mark.process
def test_who_sends_no_header_stands_in_the_log(tmp_path: Path) -> None:
    with Server(tmp_path, lines=(f"haproxy:{ANY_PORT}",)) as server:
        assert reach(server, STRANGER, server.port, b"alice\nhello, I came by telnet\n").rest() == ""
        line = server.wait_for_line("refused no_proxy_header")
        assert f"a stranger from {STRANGER} by HAProxy's protocol" in line
        server.terminate()


@pytest.mark.process
def test_proxies_mean_nothing_where_none_is_expected(tmp_path: Path) -> None:
    with Server(tmp_path, "--proxy", PROXY) as server:
        Person(server, "alice")
        server.terminate()


@pytest.mark.process
def test_a_flood_of_strangers_is_counted_and_costs_the_others_nothing(tmp_path: Path) -> None:
    lines = (ANY_PORT, f"haproxy:{ANY_PORT}")
    with Server(tmp_path, "--proxy", PROXY, lines=lines) as server:
        plain, proxied = ports(server)
        alice, bob = Person(server, "alice", at=plain), Person(server, "bob", at=plain)
        alice.expect("bob joined")
        sockets = sum("socket:" in name for name in server.descriptors())
        for _ in range(200):
            assert reach(server, STRANGER, proxied, V1).rest() == ""
        bob.say("still here")
        alice.expect("bob: still here\r\n")
        until(lambda: sum("socket:" in name for name in server.descriptors()) <= sockets, "all are closed")
        server.terminate()
        assert sum("refused unknown_proxy:" in line for line in server.log.lines) == 5
        assert sum("refused unknown_proxy 195 times more" in line for line in server.log.lines) == 1
