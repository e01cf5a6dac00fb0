"""Lines over TLS, and through a proxy: where a connection is not a plain socket."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import selectors
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper, HAProxyWrappingFactory
from twisted.protocols.tls import TLSMemoryBIOProtocol

from chatroom.protocols.outlet import BufferedOutlet, DirectOutlet, outlet_for

from .server import ANY_PORT, PATIENCE, SPEAKER_LEFT, WORDS, Person, Server, numbers, speak, until, warm_up


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("certificate") / "localhost.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


def secure_server(where: Path, certificate: Path, *options: str, **more: Any) -> Server:
    """One that listens over TLS first, and without second."""
    lines = (f"ssl:0:interface=127.0.0.1:privateKey={certificate}:certKey={certificate}", ANY_PORT)
    return Server(where, *options, lines=lines, **more)


def plain_port(server: Server) -> int:
    return int(server.invitations[1].split()[-1])


class Secure(Person):
    """Somebody who comes over TLS, and checks whom they talk to."""

    def __init__(self, server: Server, certificate: Path, nick: str, *, at: int = 0, buffer: int = 0) -> None:
        super().__init__(server, at=at, buffer=buffer)
        self.socket = ssl.create_default_context(cafile=certificate).wrap_socket(
            self.socket, server_hostname="localhost"
        )
        self.enter(nick)


class Tap(threading.Thread):
    """Passes bytes on between who connects to it and a port, and keeps a copy."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.wire = b""
        self.start()

    def run(self) -> None:
        with self._listening, selectors.DefaultSelector() as selector:
            near, _ = self._listening.accept()
            far = socket.create_connection(("127.0.0.1", self._to))
            for side in (near, far):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with near, far:
                selector.register(near, selectors.EVENT_READ, far)
                selector.register(far, selectors.EVENT_READ, near)
                while True:
                    for key, _ in selector.select():
                        data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                        if not data:
                            return
                        self.wire += data
                        key.data.sendall(data)


@pytest.mark.process
def test_people_talk_over_tls_and_nothing_of_it_is_in_clear(tmp_path: Path, certificate: Path) -> None:
    with secure_server(tmp_path, certificate) as server:
        assert re.fullmatch(r"openssl s_client -quiet -connect localhost:\d+", server.invitations[0])
        tap = Tap(server.port)
        alice = Secure(server, certificate, "alice", at=tap.port)
        bob = Person(server, "bob", at=plain_port(server))
        for number in range(20):
            alice.say(f"a secret {number}")
            bob.expect(rf"alice: a secret {number}\r\n")
            bob.say(f"and an answer {number}")
            alice.expect(rf"bob: and an answer {number}\r\n")
        alice.say("/who", "bye")
        assert alice.rest().startswith("* 2 in #lobby: alice, bob\r\n")
        bob.expect(r"\* alice left\r\n")
        tap.join(PATIENCE)
        assert len(tap.wire) > 40 * len("a secret 0")
        for word in (b"secret", b"answer", b"alice", b"bob", b"Welcome", b"lobby"):
            assert word not in tap.wire


@pytest.mark.process
@pytest.mark.parametrize("through", ["TLS", "a proxy"])
def test_who_stalls_and_wakes_gets_everything_in_order(tmp_path: Path, certificate: Path, through: str) -> None:
    lines = 20_000  # 8 MB
    options: Any = {"lines": (f"haproxy:{ANY_PORT}", ANY_PORT)}
    server = Server(tmp_path, "--rate", "0", "--history", "0", **options)
    if through == "TLS":
        server = secure_server(tmp_path, certificate, "--rate", "0", "--history", "0")
    with server:
        listener = Person(server, "listener", at=plain_port(server))
        warm_up(server, [listener], lines, at=plain_port(server))
        if through == "TLS":
            sleeper: Person = Secure(server, certificate, "sleeper", buffer=4096)
        else:
            sleeper = Person(server, buffer=4096)
            sleeper.send(b"PROXY TCP4 10.1.2.3 10.0.0.1 40000 6000\r\n")
            sleeper.enter("sleeper")
        before = server.memory()
        (heard,) = speak(server, [listener], lines, at=plain_port(server))
        assert numbers(heard) == list(range(lines))
        assert server.memory() - before < 4 * 1024  # KiB: half of what waits for the sleeper
        assert numbers(sleeper.expect(SPEAKER_LEFT)) == list(range(lines))
        sleeper.say("/who")
        sleeper.expect(r"\* 2 in #lobby: listener, sleeper\r\n")


@pytest.mark.process
def test_idle_tls_connections_take_no_processor_time(tmp_path: Path, certificate: Path) -> None:
    """A pull producer, right for plain sockets, would be called for ever on one of these."""
    with secure_server(tmp_path, certificate) as server:
        people = [Secure(server, certificate, f"idler-{number}") for number in range(10)]
        people[0].say("/who")
        people[0].expect(r"\* 10 in")
        before = server.ticks()
        people[0].socket.settimeout(2)
        with pytest.raises(TimeoutError):
            people[0].rest()
        assert server.ticks() - before < 20  # of 200 in two seconds


@pytest.mark.process
def test_who_never_shakes_hands_is_let_go_in_time(tmp_path: Path, certificate: Path) -> None:
    with secure_server(tmp_path, certificate, "--greeting-timeout", "1") as server:
        silent, stuck = Person(server), Person(server)
        stuck.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # how a ClientHello begins
        handshaken = Secure.__new__(Secure)
        Person.__init__(handshaken, server)
        context = ssl.create_default_context(cafile=certificate)
        handshaken.socket = context.wrap_socket(handshaken.socket, server_hostname="localhost")
        assert "no nickname came in time" in handshaken.rest()
        silent.rest()
        stuck.rest()
        until(lambda: sum("socket:" in name for name in server.descriptors()) <= 6, "closed sockets")
        Secure(server, certificate, "alice")


@pytest.mark.process
def test_a_tls_handshake_at_a_plain_port_is_no_nickname(tmp_path: Path) -> None:
    with Server(tmp_path, "--greeting-timeout", "1") as server, Person(server, "bob") as bob:
        person = Person(server)
        with pytest.raises((ssl.SSLError, OSError)):
            ssl.create_default_context().wrap_socket(person.socket, server_hostname="localhost")
        hello = Person(server)
        hello.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\nmallory\nhello\n")
        assert "! " in hello.rest()
        with Person(server, "carol") as carol:
            assert bob.silent(carol).splitlines() == ["* carol joined"]


class Handshaking(TLSMemoryBIOProtocol):
    """One whose other side has not shaken hands yet."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def unregisterProducer(self) -> None: ...

    def loseConnection(self) -> None:
        self.calls.append("lose")

    def abortConnection(self) -> None:
        self.calls.append("abort")


@pytest.mark.parametrize(("shaken", "call"), [(False, "abort"), (True, "lose")])
def test_who_has_not_shaken_hands_is_not_waited_for(shaken: bool, call: str) -> None:
    assert TLSMemoryBIOProtocol._handshakeDone is False
    session: Any = None
    transport = Handshaking()
    transport._handshakeDone = shaken
    outlet_for(transport, session, Clock()).close()
    assert transport.calls == [call]


def test_only_a_plain_socket_is_written_to_directly() -> None:
    class Plain(Connection):
        def __init__(self) -> None:
            self.TLS = False

    secure = Plain()
    secure.TLS = True
    factory = HAProxyWrappingFactory(Factory.forProtocol(Protocol))
    session: Any = None
    clock: Any = None
    assert isinstance(outlet_for(Plain(), session, clock), DirectOutlet)
    for transport in (
        secure,
        HAProxyProtocolWrapper(factory, Protocol()),
        TLSMemoryBIOProtocol.__new__(TLSMemoryBIOProtocol),
    ):
        assert isinstance(outlet_for(transport, session, clock), BufferedOutlet)


class Farewell:
    """Somebody over TLS who reads only when told to, and may say farewell in TLS and still read the socket."""

    def __init__(self, server: Server, certificate: Path) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=certificate)
        self._tls = context.wrap_bio(self._in, self._out, server_hostname="localhost")
        self._until_done(self._tls.do_handshake)

    def say(self, words: str) -> None:
        self._tls.write(words.encode())
        self.socket.sendall(self._out.read())

    def farewell(self) -> None:
        """A close_notify (RFC 8446, 6.1), and no waiting for the other side's."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        self.socket.sendall(self._out.read())

    def rest(self) -> int:
        """Bytes until the other side closes."""
        with self.socket:
            return sum(map(len, iter(lambda: self.socket.recv(1 << 16), b"")))

    def _until_done(self, step: Callable[[], None]) -> None:
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                step()
                self.socket.sendall(self._out.read())
                return
            self.socket.sendall(self._out.read())
            self._in.write(self.socket.recv(1 << 16))


@pytest.mark.process
def test_who_is_behind_and_says_farewell_in_tls_is_let_go_and_seen_to_leave(tmp_path: Path, certificate: Path) -> None:
    with secure_server(tmp_path, certificate, "--no-limits") as server:
        plain = plain_port(server)
        watcher = Person(server, "watcher", at=plain)
        speak(server, [watcher], 3000, at=plain)  # 1.2 MB: more than the kernel takes
        slow = Farewell(server, certificate)
        slow.say("slow\n/history 3000\n")
        watcher.expect(r"\* slow joined\r\n")
        watcher.say("/history 3000")  # asked later, and all of it read: slow's is as far as it gets
        watcher.expect(rf"\] speaker: 2999 {WORDS}\r\n")
        slow.farewell()
        assert slow.rest() > 0
        watcher.expect(r"\* slow left\r\n")
