"""The endpoint pem: of a real server, as openssl and people meet it, and while its files change."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from cryptography import x509

from .authority import Authority, pem, put, store
from .server import ANY_PORT, PATIENCE, Person, Server, until
from .support import needs
from .test_tls import Secure, plain_port

pytestmark = pytest.mark.process

ROTATIONS = 20
"""Times that the files are replaced; each costs two handshakes, so a hundred take some seconds."""

TURNS = 100
"""Of the reactor, within which one comes in which it has nothing to do; a dozen timers may be due before."""

WAIT = 100
"""Milliseconds that it then waits: none of the timers for who is in is as short."""


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def root(tmp_path: Path, authority: Authority) -> Path:
    return put(tmp_path / "root.pem", pem(authority.root.own))


def pem_server(where: Path, certificates: Path, *options: str, before: str = "") -> Server:
    """One that listens over TLS first, and without second."""
    return Server(where, *options, lines=(f"{before}pem:0:interface=127.0.0.1:cert={certificates}", ANY_PORT))


def s_client(server: Server, *options: str) -> tuple[str, list[x509.Certificate]]:
    """What openssl tells of a handshake, and the certificates that it was shown."""
    command = ["openssl", "s_client", "-showcerts", "-connect", f"127.0.0.1:{server.port}", *options]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    shown = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", done.stdout, re.DOTALL)
    return done.stdout + done.stderr, [x509.load_pem_x509_certificate(each.encode()) for each in shown]


def shown_to(server: Server, root: Path) -> int:
    """The serial number of the certificate that a new connection is shown, and verifies."""
    context = ssl.create_default_context(cafile=root)
    with (
        socket.create_connection(("127.0.0.1", server.port), PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        own = secure.getpeercert(binary_form=True)
    assert own is not None
    return x509.load_der_x509_certificate(own).serial_number


@needs("openssl", "openssl")
def test_openssl_is_shown_the_certificate_that_it_asks_for_with_its_chain(
    tmp_path: Path, authority: Authority, root: Path
) -> None:
    live = tmp_path / "live"
    live.mkdir()
    first, second = authority.sign("a.test"), authority.sign("*.b.test")
    store(live / "a.test", first)
    store(live / "b.test", second)
    verify = ("-CAfile", str(root), "-verify_return_error")
    with pem_server(tmp_path, live) as server:
        for name, signed in (("a.test", first), ("www.B.test", second), ("elsewhere.test", first)):
            for version in ("-tls1_2", "-tls1_3"):
                told, shown = s_client(server, "-servername", name, version, *verify)
                assert "Verification: OK" in told
                assert [each.serial_number for each in shown] == [signed.serial, authority.between.serial]
        assert s_client(server, "-noservername", *verify)[1][0].serial_number == first.serial
        assert (
            "Verified peername: *.b.test"
            in s_client(server, "-servername", "www.b.test", "-verify_hostname", "www.b.test", *verify)[0]
        )


@needs("openssl", "openssl")
def test_old_versions_are_refused_and_offers_of_protocols_are_not(tmp_path: Path, authority: Authority) -> None:
    store(tmp_path / "localhost", authority.sign("localhost"))
    with pem_server(tmp_path, tmp_path / "localhost") as server:
        for version in ("-tls1", "-tls1_1"):
            assert "alert protocol version" in s_client(server, version, "-cipher", "ALL:@SECLEVEL=0")[0]
        for version in ("-tls1_2", "-tls1_3"):
            told, shown = s_client(server, version, "-alpn", "http/1.1,irc")
            assert "No ALPN negotiated" in told
            assert len(shown) == 2
        assert re.fullmatch(r"openssl s_client -quiet -connect localhost:\d+", server.invitations[0])
        *command, _ = server.invitations[0].split()
        entered = subprocess.run(
            [*command, f"127.0.0.1:{server.port}"],
            input=b"alice\n/quit\n",
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
        assert b"* You are alice, " in entered.stdout


@needs("strace", "strace")
def test_people_talk_and_the_idle_cost_nothing(tmp_path: Path, authority: Authority, root: Path) -> None:
    store(tmp_path / "localhost", authority.sign("localhost"))
    with pem_server(tmp_path, tmp_path / "localhost") as server:
        people = [Secure(server, root, f"idler-{number}") for number in range(10)]
        bob = Person(server, "bob", at=plain_port(server))
        for number, somebody in enumerate(people):
            somebody.say("hello")
            bob.expect(rf"idler-{number}: hello\r\n")
        half_open = Person(server)
        half_open.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        turns = turns_until_it_waits(server)
        assert turns < TURNS


def turns_until_it_waits(server: Server) -> int:
    """Turns of the reactor before one in which it would wait for WAIT, and nothing comes meanwhile; TURNS of one that spins."""
    strace = ["strace", "-p", str(server.pid), "-e", "trace=epoll_wait,epoll_pwait", "-e", "signal=none"]
    with subprocess.Popen(["timeout", str(PATIENCE), *strace], stderr=subprocess.PIPE, text=True) as trace:
        try:
            assert trace.stderr is not None
            count = 0
            for line in trace.stderr:
                if found := re.search(r"epoll_p?wait\(.*, (-?\d+)(?:, NULL, \d+)?\) += (\d+)", line):
                    count += 1
                    if count == TURNS or (int(found[1]) >= WAIT and found[2] == "0"):
                        return count
            raise AssertionError(f"after {count} turns it has not waited for {WAIT} ms within {PATIENCE} s")
        finally:
            trace.terminate()


def test_a_chain_in_the_wrong_order_is_told_in_one_line(tmp_path: Path, authority: Authority) -> None:
    signed = authority.sign("localhost")
    both = put(tmp_path / "both.pem", signed.key + pem(authority.between.own) + pem(signed.own))
    server = pem_server(tmp_path, both).begin()
    assert server.end() == 1
    (line,) = server.stderr.lines
    assert f"{both}: its own certificate must stand first" in line


def test_through_a_proxy_that_passes_tls_on_words_are_secret(tmp_path: Path, authority: Authority, root: Path) -> None:
    store(tmp_path / "localhost", authority.sign("localhost"))
    with pem_server(tmp_path, tmp_path / "localhost", "--plaintext-passwords", "refuse", before="haproxy:") as server:
        alice = Person(server)
        alice.send(b"PROXY TCP4 10.1.2.3 10.0.0.1 40000 6000\r\n")
        context = ssl.create_default_context(cafile=root)
        alice.socket = context.wrap_socket(alice.socket, server_hostname="localhost")
        alice.enter("alice")
        alice.say("/register correct horse battery staple")
        alice.expect(r"alice is your own now")
        alice.socket.shutdown(socket.SHUT_WR)
        alice.rest()


class Talking(threading.Thread):
    """Two people who answer each other until they are told to stop; what went wrong is kept."""

    def __init__(self, stop: threading.Event, one: Person, other: Person, names: tuple[str, str]) -> None:
        super().__init__(daemon=True)
        self._stop_talking = stop
        self._people = ((one, other, names[0]), (other, one, names[1]))
        self.lines = 0
        self.fault: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            while not self._stop_talking.is_set():
                for speaker, listener, name in self._people:
                    speaker.say(f"line {self.lines}")
                    listener.expect(rf"{name}: line {self.lines}\r\n")
                    self.lines += 1
        except BaseException as fault:
            self.fault = fault


def test_certificates_are_replaced_again_and_again_while_people_talk(
    tmp_path: Path, authority: Authority, root: Path
) -> None:
    live = store(tmp_path / "localhost", authority.sign("localhost"))
    stop, bad = threading.Event(), 0
    with pem_server(tmp_path, live, "--rate", "0") as server:
        people = [Secure(server, root, f"p{number}") for number in range(8)]
        talks = [
            Talking(stop, people[number], people[number + 1], (f"p{number}", f"p{number + 1}"))
            for number in range(0, len(people), 2)
        ]
        for number in range(ROTATIONS):
            new = authority.sign("localhost", days=2 + number)
            if number % 4 == 0:
                bad += 1
                before = shown_to(server, root)
                put(live / "fullchain.pem", new.certificate[: 100 * number])
                assert [shown_to(server, root) for _ in range(3)] == [before] * 3
            store(live, new)
            assert shown_to(server, root) == new.serial
        heard = [talk.lines for talk in talks]
        until(lambda: all(talk.lines > lines for talk, lines in zip(talks, heard, strict=True)), "talk after all")
        stop.set()
        for talk in talks:
            talk.join(PATIENCE)
            assert talk.fault is None
        alice = Secure(server, root, "alice")
        alice.say("/who")
        alice.expect(rf"\* {len(people) + 1} in #lobby")
        assert sum("is shown from now on" in line for line in server.log.lines) == ROTATIONS
        assert sum("is kept" in line for line in server.log.lines) == bad
        until(lambda: sum("socket:" in name for name in server.descriptors()) <= len(people) + 7, "closed sockets")
