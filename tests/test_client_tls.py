"""Whose certificate the client takes: one that verifies, or the one that was pinned. What it tells of all others, and that
nothing is sent to whoever has one of them."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL.crypto import FILETYPE_ASN1, load_certificate
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint, wrapServerTLS
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.python.failure import Failure

from chatroom.client.address import address, trouble
from chatroom.client.certificate import NAME_LONGEST, NAMES_TOLD

from .server import ENVIRONMENT, PATIENCE, Server, until
from .support import bounded

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
CLIENT = [sys.executable, "-m", "chatroom.client"]
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
HELLO = b"hello, with a password\n"


class Made(NamedTuple):
    """A certificate, its key, and what else the server sends with it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()

    def write(self, where: Path) -> Path:
        """The file that a server reads, and that can be trusted too."""
        where.parent.mkdir(exist_ok=True)
        private = self.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        where.write_bytes(private + self.certificate.public_bytes(PEM))
        return where


def made(
    *names: str,
    subject: str = "somebody",
    by: Made | None = None,
    since: dt.datetime = NOW - DAY,
    until: dt.datetime = NOW + DAY,
    chain: tuple[x509.Certificate, ...] = (),
) -> Made:
    """A certificate for these names, signed by itself or by another one."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(by.certificate.subject if by else own)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=not by, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
    return Made(builder.sign(by.key if by else key, hashes.SHA256()), key, chain)


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Listening(Protocol):
    """A server that says something as soon as it can, and notes all that it is told."""

    def __init__(self) -> None:
        self.heard = b""
        self.ended: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.factory.connections.append(self)  # type: ignore[union-attr]
        self.transport.write(b"welcome\n")  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        self.transport.loseConnection()  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(None)


class Calling(Protocol):
    """A client that says hello at once; `ended` fires with why it ended."""

    def __init__(self) -> None:
        self.heard = b""
        self.ended: Deferred[BaseException] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(HELLO)  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(reason.value)


class Met(NamedTuple):
    """What became of one connection."""

    words: str
    """Why it ended; empty when both had said what they had to say."""
    told: bytes
    """What the server was told."""
    port: int


async def meet(server: Made, where: str = "tls:localhost:{port}", pin: str | None = None, **more: Any) -> Met:
    """Connect to a server that has this certificate; `more` are its options."""
    from twisted.internet import reactor

    creator = CertificateOptions(server.key, server.certificate, extraCertChain=[*server.chain], **more)
    listening = Factory.forProtocol(Listening)
    listening.connections = []  # type: ignore[attr-defined]
    port = await wrapServerTLS(creator, TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")).listen(listening)
    try:
        number = port.getHost().port
        to = address(reactor, where.format(port=number), pin)
        calling = await to.endpoint.connect(Factory.forProtocol(Calling))
        why = await calling.ended
        (one,) = listening.connections  # type: ignore[attr-defined]
        await one.ended
        words = "" if one.heard == HELLO and calling.heard == b"welcome\n" else trouble(why, to.words)
        return Met(words, one.heard, number)
    finally:
        await port.stopListening()


def trusting(where: Path, *made: Made) -> str:
    """The address of a server whose certificate verifies by these alone."""
    for number, one in enumerate(made):
        one.write(where / "roots" / f"{number}.pem")
    return f"tls:localhost:{{port}}:trustRoots={where}/roots"


# What verifies


@bounded()
async def test_a_certificate_that_verifies_is_taken(tmp_path: Path) -> None:
    root = made(subject="root")
    met = await meet(made("localhost", by=root), trusting(tmp_path, root))
    assert (met.words, met.told) == ("", HELLO)


@bounded()
@pytest.mark.parametrize(
    "where", ["tls:127.0.0.1:{port}:trustRoots={roots}", "tls:port={port}:host=127.0.0.1:trustRoots={roots}"]
)
async def test_a_certificate_may_be_for_an_address(tmp_path: Path, where: str) -> None:
    root = made(subject="root")
    trusting(tmp_path, root)
    where = where.replace("{roots}", f"{tmp_path}/roots")
    assert (await meet(made("127.0.0.1", by=root), where)).words == ""
    assert "is for another name: 127.0.0.2" in (await meet(made("127.0.0.2", by=root), where)).words


@bounded()
async def test_the_other_kind_of_endpoint_checks_the_name_it_is_given(tmp_path: Path) -> None:
    root = made(subject="root")
    trusting(tmp_path, root)
    where = f"ssl:127.0.0.1:{{port}}:caCertsDir={tmp_path}/roots"
    server = made("chat.example.org", by=root)
    assert (await meet(server, f"{where}:hostname=chat.example.org")).words == ""
    assert "is for another name: chat.example.org" in (await meet(server, f"{where}:hostname=localhost")).words
    assert "does not verify" in (await meet(made("chat.example.org"), where)).words


# What does not


@bounded()
async def test_one_that_is_signed_by_itself_is_explained() -> None:
    server = made("localhost", subject="chat")
    met = await meet(server)
    assert met.words == (
        f"the certificate of tls:localhost:{met.port} does not verify: it is signed by itself. "
        f"It says it is CN=chat, signed by CN=chat, valid until {NOW + DAY:%Y-%m-%d %H:%M} UTC. "
        "If whoever runs the server tells you the same SHA-256 fingerprint: "
        f"chatroom tls:localhost:{met.port} --fingerprint {server.fingerprint}"
    )
    assert met.told == b""


@bounded()
@pytest.mark.parametrize("whole", [False, True])
async def test_one_whose_issuer_nobody_knows_is_explained(whole: bool) -> None:
    root = made(subject="root")
    server = made("localhost", subject="chat", by=root, chain=(root.certificate,) if whole else ())
    met = await meet(server)
    assert "it is signed by nobody whom this machine trusts. It says it is CN=chat, signed by CN=root, " in met.words
    assert met.words.endswith(f"--fingerprint {server.fingerprint}")
    assert met.told == b""


@bounded()
async def test_one_that_has_expired_is_explained(tmp_path: Path) -> None:
    root = made(subject="root", since=NOW - 9 * DAY)
    expired = made("localhost", by=root, since=NOW - 9 * DAY, until=NOW - 2 * DAY)
    met = await meet(expired, trusting(tmp_path, root))
    assert "does not verify: it has expired. It says it is CN=somebody, signed by CN=root, valid until" in met.words
    assert f"valid until {NOW - 2 * DAY:%Y-%m-%d %H:%M} UTC" in met.words
    assert met.told == b""


@bounded()
async def test_one_that_is_not_valid_yet_is_explained(tmp_path: Path) -> None:
    root = made(subject="root")
    early = made("localhost", by=root, since=NOW + DAY, until=NOW + 2 * DAY)
    met = await meet(early, trusting(tmp_path, root))
    assert f"does not verify: it is not valid before {NOW + DAY:%Y-%m-%d %H:%M} UTC. It" in met.words
    assert met.told == b""


@bounded()
@pytest.mark.parametrize(
    ("since", "until", "words"), [(-9, -2, "has expired"), (2, 3, "is not valid yet")], ids=["expired", "early"]
)
async def test_what_is_wrong_with_the_issuer_is_told_with_its_name(
    tmp_path: Path, since: int, until: int, words: str
) -> None:
    root = made(subject="root", since=NOW + since * DAY, until=NOW + until * DAY)
    server = made("localhost", subject="chat", by=root)
    met = await meet(server, trusting(tmp_path, root))
    assert f"it rests on a certificate that {words}, of CN=root. It says it is CN=chat, " in met.words
    assert met.words.endswith(server.fingerprint)
    assert met.told == b""


@bounded()
@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("elsewhere",), "it is for another name: elsewhere."),
        (("elsewhere", "*.example.org", "127.0.0.1"), "it is for another name: elsewhere, *.example.org, 127.0.0.1."),
        ((), "it names no host that it is for."),
    ],
)
async def test_one_for_another_name_is_told_with_its_names(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    root = made(subject="root")
    met = await meet(made(*names, by=root), trusting(tmp_path, root))
    assert f"does not verify: {words} It says" in met.words
    assert met.told == b""


@bounded()
async def test_all_that_is_wrong_is_told() -> None:
    met = await meet(made("elsewhere", since=NOW - 3 * DAY, until=NOW - DAY))
    assert "it is signed by itself, and it has expired, and it is for another name: elsewhere. " in met.words


@bounded()
async def test_so_many_names_are_told_and_so_much_of_each(tmp_path: Path) -> None:
    long = ".".join(["x" * 60] * 3)
    assert len(long) > NAME_LONGEST
    root = made(subject="root")
    names = [long, *(f"n{number}" for number in range(NAMES_TOLD + 1))]
    met = await meet(made(*names, by=root), trusting(tmp_path, root))
    shown = ", ".join([f"{long[:NAME_LONGEST]}...", *names[1:NAMES_TOLD]])
    assert f"it is for another name: {shown}, 2 more." in met.words


@bounded()
async def test_what_stands_in_it_does_nothing_to_the_terminal() -> None:
    met = await meet(made("localhost", subject="red\x1b[31m\nline"))
    assert met.words.isprintable()
    assert "It says it is CN=red[31m line, " in met.words


@bounded()
async def test_an_error_that_has_no_words_here_is_told_by_its_number(tmp_path: Path) -> None:
    root = made(subject="root")
    middle = made("middle", subject="middle", by=root)  # which may not sign others
    met = await meet(made("localhost", by=middle, chain=(middle.certificate,)), trusting(tmp_path, root))
    assert re.search(r"it is wrong in OpenSSL's eyes \(error \d+ of X509_verify_cert at depth \d\)\. ", met.words)
    assert met.told == b""


def strange(server: Made) -> Made:
    """The same with a version that there is not, which OpenSSL takes and what reads it does not."""
    changed = server.certificate.public_bytes(DER).replace(b"\xa0\3\2\1\2", b"\xa0\3\2\1\5", 1)
    certificate: Any = load_certificate(FILETYPE_ASN1, changed)
    return server._replace(certificate=certificate)


@bounded()
@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL X509 objects is deprecated")
async def test_one_that_cannot_be_read_is_told_with_its_fingerprint_and_can_be_pinned() -> None:
    server = strange(made("localhost"))
    seen = server.certificate.digest("sha256").decode()  # type: ignore[attr-defined]
    met = await meet(server)
    assert met.words.startswith(
        f"the certificate of tls:localhost:{met.port} does not verify: it cannot be read. "
        "What else it says cannot be read. "
    )
    assert met.words.endswith(seen)
    assert met.told == b""
    met = await meet(server, pin=seen)
    assert (met.words, met.told) == ("", HELLO)


@bounded()
async def test_an_address_with_blanks_is_told_as_a_shell_takes_it(tmp_path: Path) -> None:
    (tmp_path / "the roots").mkdir()
    met = await meet(made("localhost"), f"tls:localhost:{{port}}:trustRoots={tmp_path}/the roots")
    assert f"chatroom 'tls:localhost:{met.port}:trustRoots={tmp_path}/the roots' --fingerprint" in met.words


@bounded()
@pytest.mark.parametrize("pinned", [False, True])
async def test_less_than_tls_1_2_is_not_spoken(pinned: bool) -> None:
    server = made("localhost")
    old = {"insecurelyLowerMinimumTo": TLSVersion.TLSv1_0, "lowerMaximumSecurityTo": TLSVersion.TLSv1_1}
    met = await meet(server, pin=server.fingerprint if pinned else None, **old)
    assert met.words.startswith(f"tls:localhost:{met.port} does not speak TLS as we do: ")
    assert met.told == b""


# What is pinned


@bounded()
@pytest.mark.parametrize("where", ["tls:localhost:{port}", "tls:127.0.0.1:{port}", "ssl:127.0.0.1:{port}"])
@pytest.mark.parametrize(
    "server",
    [
        made("localhost"),
        made("localhost", since=NOW - 3 * DAY, until=NOW - DAY),
        made("localhost", since=NOW + DAY, until=NOW + 3 * DAY),
        made("elsewhere"),
        made(),
        made("elsewhere", by=made(subject="root")),
    ],
    ids=["signed by itself", "expired", "early", "other name", "no name", "unknown issuer"],
)
async def test_the_one_that_was_pinned_is_taken_whatever_it_says(where: str, server: Made) -> None:
    met = await meet(server, where, server.fingerprint)
    assert (met.words, met.told) == ("", HELLO)


@bounded()
@pytest.mark.parametrize("where", ["tls:localhost:{port}", "ssl:127.0.0.1:{port}"])
@pytest.mark.parametrize(
    "version",
    [{"lowerMaximumSecurityTo": TLSVersion.TLSv1_2}, {"raiseMinimumTo": TLSVersion.TLSv1_3}],
    ids=["1.2", "1.3"],
)
async def test_another_than_the_one_that_was_pinned_is_refused_with_both_and_is_told_nothing(
    where: str, version: dict[str, Any]
) -> None:
    pinned, server = made("localhost"), made("localhost", subject="mallory")
    met = await meet(server, where, pinned.fingerprint, **version)
    assert met.told == b""
    assert met.words.startswith(
        f"the certificate of {where.format(port=met.port)} is not the one with the fingerprint {pinned.fingerprint}, "
        f"but has {server.fingerprint}. It says it is CN=mallory, signed by CN=mallory, valid until "
    )


@bounded()
async def test_one_that_verifies_is_refused_too_when_another_was_pinned(tmp_path: Path) -> None:
    root = made(subject="root")
    server = made("localhost", by=root, chain=(root.certificate,))
    for pin in (made("localhost").fingerprint, root.fingerprint):  # its issuer's is not its own
        met = await meet(server, trusting(tmp_path, root), pin)
        assert "is not the one with the fingerprint" in met.words
        assert met.told == b""


@pytest.mark.parametrize("text", ["localhost", "localhost:6000", "tcp:localhost:6000", "unix:/run/line", "::1", "tls"])
def test_without_tls_there_is_nothing_to_pin(text: str) -> None:
    from twisted.internet import reactor

    with pytest.raises(ValueError, match=r"without TLS there is no certificate to have a fingerprint"):
        address(reactor, text, made().fingerprint)


# The real program, and a real server


def over_tls(where: Path, file: Path, port: int) -> Server:
    """One that listens with the certificate in a file."""
    secure = f"ssl:{port}:interface=127.0.0.1:privateKey={file}:certKey={file}"
    return Server(where, "--no-limits", lines=(secure,))


@contextmanager
def client(to: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    pipe = subprocess.PIPE
    command = [*CLIENT, to, "--nick", "bot", "--no-history", *options]
    with subprocess.Popen(command, env=ENVIRONMENT, stdin=pipe, stdout=pipe, stderr=pipe) as running:
        try:
            yield running
        finally:
            running.kill()


def say(client: subprocess.Popen[bytes], line: str) -> None:
    assert client.stdin is not None
    client.stdin.write(f"{line}\n".encode())
    client.stdin.flush()


@pytest.mark.process
def test_who_is_told_the_fingerprint_gets_in_with_it(tmp_path: Path) -> None:
    file = made("elsewhere").write(tmp_path / "pem" / "server.pem")
    with over_tls(tmp_path, file, 0) as server:
        to = f"tls:localhost:{server.port}"
        with client(to) as refused:
            out, err = refused.communicate(b"a secret\n", timeout=PATIENCE)
        assert (refused.returncode, out) == (1, b"")
        told = re.search(r"chatroom (tls:\S+) --fingerprint (\S+)$", err.decode())
        assert told is not None
        assert told[1] == to
        with client(to, "--fingerprint", told[2].lower().replace(":", "")) as taken:
            _, err = taken.communicate(b"hello\n", timeout=PATIENCE)
        assert (taken.returncode, err) == (0, b"")
        assert server.said() == ["hello"]


@pytest.mark.process
def test_a_lost_connection_is_made_again_to_the_one_that_was_pinned_and_to_no_other(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    pinned, other = made("localhost"), made("localhost", subject="mallory")
    file = pinned.write(tmp_path / "pem" / "server.pem")
    server = over_tls(tmp_path, file, port)
    with server, client(f"tls:localhost:{port}", "--fingerprint", pinned.fingerprint) as bot:
        assert bot.stderr is not None
        say(bot, "one")
        until(lambda: server.said() == ["one"], "a line")
        server.kill()
        server.start()
        say(bot, "two")
        until(lambda: server.said() == ["one", "two"], "a line after a lost connection")
        server.kill()
        other.write(file)
        server.start()
        say(bot, "three")
        errors = iter(bot.stderr.readline, b"")
        words = next(line for line in errors if b"fingerprint" in line).decode()
        assert f"is not the one with the fingerprint {pinned.fingerprint}, but has {other.fingerprint}. " in words
        assert server.said() == ["one", "two"]
        server.kill()
        pinned.write(file)
        server.start()
        until(lambda: server.said() == ["one", "two", "three"], "what was said meanwhile")


@pytest.mark.process
@pytest.mark.parametrize("options", [["localhost:1"], ["tcp:localhost:1"], ["unix:/nowhere"], []])
def test_to_pin_what_is_not_there_is_wrong_usage(options: list[str]) -> None:
    command = [*CLIENT, *options, "--fingerprint", made().fingerprint]
    done = subprocess.run(
        command,
        check=False,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "without TLS there is no certificate to have a fingerprint; did you mean tls:HOST:PORT?" in done.stderr
