"""The endpoint pem: without a network: which certificate is shown to whom, and what becomes of files that change."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL
from twisted.internet.interfaces import IProtocolNegotiationFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogEvent, globalLogPublisher
from zope.interface import implementer

from chatroom.protocols.certificates import Files
from chatroom.protocols.files import LARGEST_FILE
from chatroom.protocols.handshake import HANDSHAKE_TIMEOUT, Securing
from chatroom.protocols.peer import peer_of
from chatroom.protocols.pem import LIVE, PemEndpoint, endpoint
from chatroom.protocols.proxied import ProxiedEndpoint
from chatroom.protocols.renewing import Folder, Renewing
from chatroom.seams import Peer

from .authority import Authority, Signed, named, pem, put, store
from .server import ENVIRONMENT


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What was logged of certificates."""
    logged: list[str] = []

    def observe(event: LogEvent) -> None:
        if "words" in event:
            logged.append(f"{event['log_level'].name}: {event['words']}")

    globalLogPublisher.addObserver(observe)
    yield logged
    globalLogPublisher.removeObserver(observe)


def pair(where: Path, name: str, signed: Signed) -> Files:
    return Files(put(where / f"{name}.crt", signed.certificate, 0o644), put(where / f"{name}.key", signed.key))


def serials(renewing: Renewing) -> list[int]:
    return [shown.chain[0].serial_number for shown in renewing.shown]


# Whom it is shown to


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (b"chat.example.org", "chat.example.org"),
        (b"CHAT.Example.org", "chat.example.org"),
        (b"chat.example.org.", "chat.example.org"),
        (b"second.example.org", "chat.example.org"),
        (b"other.example.org", "*.example.org"),
        (b"*.example.org", "*.example.org"),
        (b"shown.example.net", "Shown.Example.NET"),
        (b"a.b.example.org", "first.test"),
        (b"example.org", "first.test"),
        (b".example.org", "first.test"),
        (b"part-1.example.com", "first.test"),
        (b"org", "first.test"),
        (b"elsewhere.test", "first.test"),
        (b"twice.test", "first.test"),
        (b"", "first.test"),
        (b".", "first.test"),
        (b"\xff\x00", "first.test"),
        (None, "first.test"),
    ],
)
def test_the_certificate_is_chosen_by_name(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, asked: bytes | None, names: str
) -> None:
    where = tmp_path_factory.mktemp("names")
    signed = [
        authority.sign("first.test", "twice.test"),
        authority.sign("*.example.org"),
        authority.sign("chat.example.org", "second.example.org", "twice.test"),
        authority.sign("Shown.Example.NET"),
        authority.sign("part-*.example.com"),
    ]
    renewing = Renewing([pair(where, f"{number}", each) for number, each in enumerate(signed)])
    assert renewing.choose(asked).chain[0].serial_number == {each.names[0]: each.serial for each in signed}[names]


# What is wrong at the start


def weak(where: Path) -> Files:
    """A certificate of a kind of key that agrees on secrets, and signs nothing."""
    signed = Signed(("weak.test",))
    key = x25519.X25519PrivateKey.generate()
    name = named("weak.test")
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(signed.own.not_valid_before_utc)
        .not_valid_after(signed.own.not_valid_after_utc)
        .sign(signed.secret, SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Files(put(where / "weak.crt", pem(made)), put(where / "weak.key", secret))


def broken(where: Path, authority: Authority) -> dict[str, Files]:
    good, other = authority.sign("good.test"), authority.sign("other.test")
    fine = pair(where, "good", good)

    def certificate(name: str, content: bytes) -> Files:
        return Files(put(where / name, content), fine.key)

    def key(name: str, content: bytes, mode: int = 0o600) -> Files:
        return Files(fine.certificate, put(where / name, content, mode))

    os.mkfifo(where / "pipe")
    return {
        "good.crt and the key .*other.key do not belong together": key("other.key", other.key),
        "the certificate and the key in .*both do not belong together": Files(
            *[put(where / "both", good.certificate + other.key)] * 2
        ),
        "empty holds no certificate": certificate("empty", b""),
        "text holds no certificate": certificate("text", b"\xff\x00 nothing"),
        "only-a-key holds no certificate": certificate("only-a-key", good.key),
        "half: the certificate in it cannot be read": certificate("half", good.certificate[:300]),
        "cut ends in the midst of a certificate": certificate("cut", good.certificate[:-100]),
        "damaged: the certificate in it cannot be read": certificate(
            "damaged", good.certificate[:60] + b"!" + good.certificate[61:]
        ),
        "good.crt holds no private key": Files(fine.certificate, fine.certificate),
        "half.key: the key in it cannot be read": key("half.key", good.key[:80]),
        "locked.key: the key is encrypted": key("locked.key", good.encoded(BestAvailableEncryption(b"x"))),
        "open.key: everybody .* \\(mode 0604\\): chmod o= ": key("open.key", good.key, 0o604),
        "pipe is no file": Files(fine.certificate, where / "pipe"),
        "is no file": Files(where, fine.key),
        "large is larger than 1 MiB": certificate("large", bytes(LARGEST_FILE + 1)),
        "weak.crt holds a certificate of no use for TLS: ": weak(where),
        "No such file or directory: .*missing": Files(where / "missing", fine.key),
    }


def test_what_is_wrong_is_said_with_the_name_of_the_file(tmp_path: Path, authority: Authority) -> None:
    for words, files in broken(tmp_path, authority).items():
        with pytest.raises((OSError, ValueError), match=words):
            Renewing([files])


def test_a_group_may_read_the_key(tmp_path: Path, authority: Authority) -> None:
    files = pair(tmp_path, "a", authority.sign("a.test"))
    files.key.chmod(0o640)
    assert Renewing([files]).shown


@pytest.mark.parametrize(
    ("string", "words"),
    [
        ("", "parts without a name"),
        ("6697", "cert= is missing"),
        ("6697:cert=", "cert= is missing"),
        ("line:cert={a}", "'line' is no port: a number up to 65535"),
        ("-1:cert={a}", "'-1' is no port"),
        ("65536:cert={a}", "'65536' is no port"),
        ("0:cert={a}:backlog=many", "'many' is no backlog"),
        ("0:cert={a}:privateKey={a}", "privateKey= is unknown: it takes PORT, cert=, key="),
        ("0:1:cert={a}", "2 parts without a name"),
        ("0:systemd=tls:cert={a}", "systemd= says where it listens"),
        ("systemd=tls:backlog=5:cert={a}", "systemd= says where it listens"),
        ("0:cert={a},{a}:key={a}", "are 2 and 1"),
        ("0:cert={empty}", "holds no certificate with its key"),
        ("0:cert={empty}:key={a}", "the keys lie in it"),
    ],
)
def test_a_string_that_cannot_be_is_refused_in_words(
    tmp_path: Path, authority: Authority, string: str, words: str
) -> None:
    signed = authority.sign("a.test")
    file = put(tmp_path / "a.pem", signed.key + signed.certificate)
    (tmp_path / "empty").mkdir()
    arguments, named = [], {}
    for part in string.format(a=file, empty=tmp_path / "empty").split(":") if string else []:
        name, equals, value = part.partition("=")
        if equals:
            named[name] = value
        else:
            arguments.append(part)
    with pytest.raises(ValueError, match=words):
        endpoint(Clock(), *arguments, **named)


def test_the_plugin_loads_nothing_of_tls() -> None:
    heavy = ("OpenSSL", "cryptography", "chatroom")
    program = (
        "import sys, twisted.plugins.chatroom_plugin as p;"
        f"print(p.pem.prefix, [name for name in sys.modules if name.startswith({heavy})])"
    )
    ran = subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert ran.stdout == "pem []\n"


# What is renewed


def test_a_renewed_certificate_is_taken_up_and_logged(tmp_path: Path, authority: Authority, lines: list[str]) -> None:
    files = pair(tmp_path, "a", authority.sign("a.test"))
    renewing = Renewing([files])
    renewing.look()
    assert lines == []
    new = authority.sign("a.test", "b.test")
    pair(tmp_path, "a", new)
    renewing.look()
    renewing.look()
    assert serials(renewing) == [new.serial]
    assert renewing.choose(b"b.test").chain[0].serial_number == new.serial
    until = f"{new.own.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    assert lines == [f"info: the certificate for a.test, b.test (until {until}) is shown from now on"]


def test_files_that_have_not_changed_are_not_read(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(tmp_path / "live", authority.sign("a.test"))
    renewing = Renewing(Folder(tmp_path))

    def opened(*_: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "listdir", opened)
    renewing.look()
    with pytest.raises(AssertionError):
        renewing.reload()


def test_what_is_broken_later_leaves_the_old_and_is_logged_once(
    tmp_path: Path, authority: Authority, lines: list[str]
) -> None:
    at = Files(tmp_path / "at.crt", tmp_path / "at.key")
    old = authority.sign("old.test")
    (tmp_path / "broken").mkdir()
    for words, files in broken(tmp_path / "broken", authority).items():
        both = files.certificate == files.key
        now = Files(at.certificate, at.certificate) if both else at
        put(now.certificate, old.certificate + old.key)
        put(now.key, old.certificate + old.key)
        renewing = Renewing([now])
        lines.clear()
        for new, place in zip(files, now, strict=True):
            place.unlink(missing_ok=True)
            if new.exists():
                new.rename(place)
        for _ in range(3):
            renewing.look()
        assert serials(renewing) == [old.serial], words
        assert len(lines) == 1, words
        assert lines[0].startswith("warn: "), words
        assert lines[0].endswith("is kept"), words
        if now.certificate.is_dir():
            shutil.rmtree(now.certificate)
        good = authority.sign("good.test")
        for place in now:
            place.unlink(missing_ok=True)
            put(place, good.certificate + good.key)
        renewing.look()
        assert serials(renewing) == [good.serial], words
        assert len(lines) == 2, words


def test_each_broken_state_is_logged_once_until_it_is_mended(
    tmp_path: Path, authority: Authority, lines: list[str]
) -> None:
    old, new = authority.sign("a.test"), authority.sign("a.test")
    files = pair(tmp_path, "a", old)
    renewing = Renewing([files])
    for _ in range(2):
        for content in (b"", new.certificate[:100], new.certificate[:200], new.certificate[:-9], new.certificate):
            put(files.certificate, content)
            renewing.look()
            assert serials(renewing) == [old.serial]
    assert [line.partition(str(tmp_path))[2].partition(";")[0] for line in lines] == [
        "/a.crt holds no certificate",
        "/a.crt: the certificate in it cannot be read",
        "/a.crt ends in the midst of a certificate",
        f"/a.crt and the key {files.key} do not belong together",
    ]
    put(files.key, new.key)
    renewing.look()
    assert serials(renewing) == [new.serial]
    put(files.certificate, b"")
    renewing.look()
    assert len(lines) == 6


def test_a_key_that_is_opened_to_all_keeps_the_old_until_it_is_closed(
    tmp_path: Path, authority: Authority, lines: list[str]
) -> None:
    files = pair(tmp_path, "a", authority.sign("a.test"))
    renewing = Renewing([files])
    files.key.chmod(0o644)
    renewing.look()
    assert "chmod o=" in lines[0]
    files.key.chmod(0o600)
    renewing.look()
    assert renewing.reload() == []
    assert len(lines) == 1


def test_a_link_that_leads_elsewhere_is_followed(tmp_path: Path, authority: Authority) -> None:
    archive, live = tmp_path / "archive", tmp_path / "live" / "a.test"
    archive.mkdir()
    live.mkdir(parents=True)
    renewing = None
    for number in (1, 2):
        signed = authority.sign("a.test")
        for name, content in (("privkey", signed.key), ("fullchain", signed.certificate)):
            put(archive / f"{name}{number}.pem", content)
            (live / "link").symlink_to(archive / f"{name}{number}.pem")
            (live / "link").rename(live / f"{name}.pem")
        renewing = renewing or Renewing(Folder(tmp_path / "live"))
        renewing.look()
        assert serials(renewing) == [signed.serial]


# Directories


def test_a_directory_holds_what_certbot_leaves_there_and_files_with_both(tmp_path: Path, authority: Authority) -> None:
    b, c = authority.sign("b.test"), authority.sign("c.test")
    store(tmp_path / "b.test", b)
    put(tmp_path / "b.test" / "cert.pem", pem(b.own))
    put(tmp_path / "c.pem", c.key + c.certificate)
    put(tmp_path / "authority.pem", pem(authority.root.own))
    put(tmp_path / "README", b"This directory contains your keys and certificates.")
    (tmp_path / "empty").mkdir()
    assert serials(Renewing(Folder(tmp_path))) == [b.serial, c.serial]
    assert serials(Renewing(Folder(tmp_path / "b.test"))) == [b.serial]


def test_what_comes_into_a_directory_is_taken_up(tmp_path: Path, authority: Authority, lines: list[str]) -> None:
    m, a, b, z = (authority.sign(f"{name}.test") for name in "mabz")
    store(tmp_path / "m", m)
    renewing = Renewing(Folder(tmp_path))
    store(tmp_path / "z", z)
    renewing.look()
    assert serials(renewing) == [m.serial, z.serial]
    (tmp_path / "a").mkdir()
    put(tmp_path / "a" / "fullchain.pem", a.certificate)
    renewing.look()
    assert len(lines) == 1
    put(tmp_path / "a" / "privkey.pem", a.key)
    renewing.look()
    assert serials(renewing) == [a.serial, m.serial, z.serial]
    (tmp_path / "b.pem").write_bytes(b.certificate)
    renewing.look()
    (tmp_path / "b.pem").chmod(0o600)
    (tmp_path / "b.pem").write_bytes(b.certificate + b.key)
    renewing.look()
    assert serials(renewing) == [a.serial, b.serial, m.serial, z.serial]
    assert len(lines) == 3
    assert renewing.choose(b"z.test").chain[0].serial_number == z.serial


def test_what_comes_broken_into_a_directory_disturbs_nobody(
    tmp_path: Path, authority: Authority, lines: list[str]
) -> None:
    good, new = authority.sign("good.test"), authority.sign("new.test")
    store(tmp_path / "good", good)
    renewing = Renewing(Folder(tmp_path))
    store(tmp_path / "a", new)
    put(tmp_path / "a" / "privkey.pem", good.key)
    renewing.look()
    renewing.look()
    assert serials(renewing) == [good.serial]
    assert renewing.choose(b"new.test").chain[0].serial_number == good.serial
    assert len(lines) == 1
    put(tmp_path / "a" / "privkey.pem", new.key)
    renewing.look()
    assert serials(renewing) == [new.serial, good.serial]


def test_what_goes_from_a_directory_is_kept_until_a_reload(
    tmp_path: Path, authority: Authority, lines: list[str]
) -> None:
    a, b = authority.sign("a.test"), authority.sign("b.test")
    store(tmp_path / "a", a)
    store(tmp_path / "b", b)
    renewing = Renewing(Folder(tmp_path))
    shutil.rmtree(tmp_path / "a")
    renewing.look()
    renewing.look()
    assert serials(renewing) == [a.serial, b.serial]
    assert len(lines) == 1
    assert [(told.wrong, told.words.rpartition(") ")[2]) for told in renewing.reload()] == [(False, "is gone")]
    assert serials(renewing) == [b.serial]
    assert renewing.choose(b"a.test").chain[0].serial_number == b.serial
    shutil.rmtree(tmp_path / "b")
    assert [told.wrong for told in renewing.reload()] == [True]
    shutil.rmtree(tmp_path)
    renewing.look()
    assert [told.wrong for told in renewing.reload()] == [True, True]
    assert serials(renewing) == [b.serial]


# Asked to


def test_a_reload_says_what_changed_and_what_is_wrong_and_logs_nothing(
    tmp_path: Path, authority: Authority, lines: list[str]
) -> None:
    signed = [authority.sign("a.test", days=3), authority.sign("b.test", days=2), authority.sign("c.test", days=1)]
    one, two, three = (pair(tmp_path, each.names[0], each) for each in signed)
    made = [
        endpoint(Clock(), "0", cert=str(one.certificate), key=str(one.key)),
        endpoint(
            Clock(), "0", cert=f"{two.certificate},{three.certificate}", key=f"{two.key},{three.key}", backlog="9"
        ),
    ]
    assert LIVE.reload() == ([], [])
    assert LIVE.expiry() == signed[2].own.not_valid_after_utc.timestamp()
    put(two.key, b"")
    pair(tmp_path, "c.test", authority.sign("c.test", days=-1))
    pair(tmp_path, "a.test", authority.sign("a.test"))
    changed, wrong = LIVE.reload()
    assert [words.partition(" (")[0] for words in changed] == [
        "the certificate for a.test",
        "the certificate for c.test",
    ]
    assert [words.partition(" holds")[0] for words in wrong if "holds" in words] == [str(two.key)]
    assert [words.rpartition(") ")[2] for words in wrong if "c.test" in words] == ["has expired"]
    assert LIVE.reload() == ([], wrong)
    for each in made:
        each.certificates.look()
    assert lines == []
    expired = LIVE.expiry()
    assert expired is not None
    del made, each
    assert LIVE.expiry() is None


def test_one_that_has_expired_is_shown_and_warned_of(tmp_path: Path, authority: Authority, lines: list[str]) -> None:
    late = authority.sign("late.test", days=-1)
    renewing = Renewing([pair(tmp_path, "late", late)])
    assert serials(renewing) == [late.serial]
    assert [told.wrong for told in renewing.reload()] == [True]
    assert lines == []
    PemEndpoint(Clock(), Somewhere(), renewing).listen(Factory.forProtocol(Echo))  # type: ignore[arg-type]
    until = f"{late.own.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    assert lines == [f"warn: the certificate for late.test (until {until}) has expired"]


# Shaking hands


class Wire(StringTransport):
    """A connection of which nothing is real but the bytes."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


@implementer(IProtocolNegotiationFactory)
class Wishing(Factory):
    protocol = Echo

    def acceptableProtocols(self) -> list[bytes]:
        return [b"chat", b"irc"]


def connect(renewing: Renewing, factory: Factory, clock: Clock) -> tuple[Any, Wire]:
    transport = Wire()
    protocol = Securing(renewing, factory, clock).buildProtocol(transport.getPeer())
    protocol.makeConnection(transport)
    return protocol, transport


def shake(protocol: Any, wire: Wire, offered: list[bytes], name: bytes) -> SSL.Connection:
    """Hands, as far as it goes."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    if offered:
        context.set_alpn_protos(offered)
    client = SSL.Connection(context, None)
    client.set_tlsext_host_name(name)
    client.set_connect_state()
    for _ in range(5):
        with contextlib.suppress(SSL.WantReadError):
            client.do_handshake()
        with contextlib.suppress(SSL.WantReadError):
            protocol.dataReceived(client.bio_read(1 << 16))
        if wire.value():
            client.bio_write(wire.value())
            wire.clear()
    return client


@pytest.mark.parametrize("name", [b"first.test", b"second.test"])
@pytest.mark.parametrize(
    ("factory", "offered", "agreed"),
    [
        (Factory.forProtocol(Echo), [], b""),
        (Factory.forProtocol(Echo), [b"http/1.1"], b""),
        (Wishing(), [], b""),
        (Wishing(), [b"http/1.1"], b""),
        (Wishing(), [b"http/1.1", b"irc"], b"irc"),
        (Wishing(), [b"irc", b"chat"], b"chat"),
    ],
)
def test_a_protocol_is_agreed_on_where_there_is_one_in_common_and_hands_are_shaken_anyway(
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
    factory: Factory,
    offered: list[bytes],
    agreed: bytes,
    name: bytes,
) -> None:
    where = tmp_path_factory.mktemp("alpn")
    signed = [authority.sign("first.test"), authority.sign("second.test")]
    renewing = Renewing([pair(where, f"{number}", each) for number, each in enumerate(signed)])
    clock = Clock()
    protocol, wire = connect(renewing, factory, clock)
    client = shake(protocol, wire, offered, name)
    assert client.get_alpn_proto_negotiated() == agreed
    shown = client.get_peer_cert_chain(as_cryptography=True)
    assert shown is not None
    assert [each.serial_number for each in shown] == [signed[name == b"second.test"].serial, authority.between.serial]
    clock.advance(HANDSHAKE_TIMEOUT)
    assert not wire.aborted
    assert clock.getDelayedCalls() == []


def test_who_does_not_shake_hands_in_time_is_let_go_however_they_dribble(tmp_path: Path, authority: Authority) -> None:
    clock = Clock()
    renewing = Renewing([pair(tmp_path, "a", authority.sign("a.test"))])
    protocol, wire = connect(renewing, Factory.forProtocol(Echo), clock)
    for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03":
        clock.advance(1)
        protocol.dataReceived(bytes([byte]))
    clock.advance(HANDSHAKE_TIMEOUT - 11.01)
    assert not wire.aborted
    clock.advance(0.01)
    assert wire.aborted
    assert clock.getDelayedCalls() == []


def test_who_hangs_up_before_leaves_nothing_waiting(tmp_path: Path, authority: Authority) -> None:
    clock = Clock()
    renewing = Renewing([pair(tmp_path, "a", authority.sign("a.test"))])
    protocol, _ = connect(renewing, Factory.forProtocol(Echo), clock)
    protocol.connectionLost()
    assert clock.getDelayedCalls() == []


class Somewhere:
    """Where one listens without a network."""

    def listen(self, factory: Factory) -> None:
        self.factory = factory


HEADER = b"PROXY TCP4 10.1.2.3 10.0.0.1 40000 6697\r\n"


def test_what_comes_over_tls_is_secret(tmp_path: Path, authority: Authority) -> None:
    renewing = Renewing([pair(tmp_path, "a", authority.sign("a.test"))])
    protocol, _ = connect(renewing, Factory.forProtocol(Echo), Clock())
    assert peer_of(protocol) == Peer("192.168.1.1", local=False, secret=True, over="TLS")


def test_a_proxy_that_passes_tls_on_may_send_its_header_before(tmp_path: Path, authority: Authority) -> None:
    def stranger(address: str, refused: object) -> None:
        raise AssertionError(f"{address} is none: {refused}")

    clock, somewhere = Clock(), Somewhere()
    renewing = Renewing([pair(tmp_path, "a", authority.sign("a.test"))])
    made = PemEndpoint(clock, somewhere, renewing)  # type: ignore[arg-type]
    made.behind(lambda within: ProxiedEndpoint(within, [ip_network("192.168.0.0/16")], stranger)).listen(
        Factory.forProtocol(Echo)
    )
    wire = Wire()
    protocol: Any = somewhere.factory.buildProtocol(wire.getPeer())
    protocol.makeConnection(wire)
    protocol.dataReceived(HEADER)
    client = shake(protocol, wire, [], b"a.test")
    client.send(b"hello")
    protocol.dataReceived(client.bio_read(1 << 16))
    clock.advance(0)
    client.bio_write(wire.value())
    assert client.recv(9) == b"hello"
    assert peer_of(protocol.wrappedProtocol) == Peer("10.1.2.3", local=False, secret=True, over="TLS")
    protocol.readConnectionLost()
    assert wire.disconnecting
