"""A certificate to begin with: what OpenSSL and our client say of it, and what becomes of files that are there already."""

from __future__ import annotations

import os
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509

from chatroom.client.certificate import fingerprint
from chatroom.operations.self_signed import make_certificate, own_names
from chatroom.protocols.certificates import Files

from .server import ANY_PORT, ENVIRONMENT, PATIENCE, Server
from .support import needs


def names_of(path: Path) -> list[str]:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def openssl(*arguments: str | Path) -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@needs("openssl", "openssl")
@pytest.mark.process
def test_openssl_takes_it_for_itself_and_for_its_names_only(tmp_path: Path) -> None:
    certificate = tmp_path / "cert.pem"
    make_certificate(certificate, tmp_path / "key.pem", ["chat.example.org", "192.0.2.1"])
    verify = ("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", certificate)
    assert openssl(*verify, certificate) == f"{certificate}: OK\n"
    assert openssl(*verify, "-verify_hostname", "chat.example.org", certificate).endswith(": OK\n")
    assert openssl(*verify, "-verify_ip", "192.0.2.1", certificate).endswith(": OK\n")
    assert "hostname mismatch" in openssl(*verify, "-verify_hostname", "example.org", certificate)


@needs("openssl", "openssl")
@pytest.mark.process
def test_the_fingerprint_is_that_of_openssl_and_our_client_takes_it(tmp_path: Path) -> None:
    certificate = tmp_path / "cert.pem"
    told = make_certificate(certificate, tmp_path / "key.pem")
    assert openssl("x509", "-in", certificate, "-noout", "-fingerprint", "-sha256") == f"sha256 Fingerprint={told}\n"
    assert fingerprint(told) == told


@pytest.mark.process
def test_a_server_shows_it_and_our_client_knows_it_by_its_fingerprint(tmp_path: Path) -> None:
    told = make_certificate(tmp_path / "c.pem", tmp_path / "k.pem")
    line = f"pem:0:interface=127.0.0.1:cert={tmp_path}/c.pem:key={tmp_path}/k.pem"
    with Server(tmp_path, lines=(line, ANY_PORT)) as server:
        command = [sys.executable, "-m", "chatroom.client", f"tls:localhost:{server.port}", "--nick", "ann"]

        def say_hello(fingerprint: str) -> subprocess.CompletedProcess[bytes]:
            pinned = [*command, "--fingerprint", fingerprint]
            return subprocess.run(
                pinned, input=b"hello\n", env=ENVIRONMENT, capture_output=True, timeout=PATIENCE, check=False
            )

        assert say_hello(told).returncode == 0
        assert server.said() == ["hello"]
        assert b"is not the one with the fingerprint" in say_hello("AA" * 32).stderr
        assert server.said() == ["hello"]


def test_it_signs_nobody(tmp_path: Path) -> None:
    make_certificate(tmp_path / "c", tmp_path / "k")
    read = x509.load_pem_x509_certificate((tmp_path / "c").read_bytes())
    assert read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def test_without_names_it_is_for_this_machine(tmp_path: Path) -> None:
    make_certificate(tmp_path / "c", tmp_path / "k")
    assert names_of(tmp_path / "c") == [name.lower() for name in own_names()]
    assert own_names()[:3] == ["localhost", "127.0.0.1", "::1"]


@pytest.mark.parametrize(
    ("name", "stands"),
    [
        ("Chat.Example.ORG.", "chat.example.org"),
        ("*.example.org", "*.example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("2001:DB8::1", "2001:db8::1"),
        ("[::1]", "::1"),
    ],
)
def test_names_stand_in_it_as_they_are_compared(tmp_path: Path, name: str, stands: str) -> None:
    make_certificate(tmp_path / "c", tmp_path / "k", [name])
    assert names_of(tmp_path / "c") == [stands]


@pytest.mark.parametrize(
    "name", ["", "a b", "-x", "a..b", "x" * 64, "*.*.org", "https://x.org", "x.org:6697", "a." * 130]
)
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is neither the name of a host nor an address"):
        make_certificate(tmp_path / "c", tmp_path / "k", [name])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("days", [0, -1, 36501])
def test_days_that_cannot_be_are_refused(tmp_path: Path, days: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 36500"):
        make_certificate(tmp_path / "c", tmp_path / "k", days=days)


@pytest.mark.parametrize("together", [True, False])
def test_nobody_else_reads_the_key_whatever_the_umask_is(tmp_path: Path, together: bool) -> None:
    certificate, key = tmp_path / "c", tmp_path / ("c" if together else "k")
    before = os.umask(0)
    try:
        make_certificate(certificate, key)
    finally:
        os.umask(before)
    assert mode(key) == 0o600
    assert together or mode(certificate) == 0o644
    assert sorted(os.listdir(tmp_path)) == sorted({certificate.name, key.name})
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    assert Files(certificate, key).read().names[0] == "localhost"


@pytest.mark.parametrize("there", ["c", "k"])
def test_what_is_there_is_replaced_only_when_that_is_asked_for(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious")
    with pytest.raises(FileExistsError) as raised:
        make_certificate(tmp_path / "c", tmp_path / "k")
    assert raised.value.filename == str(tmp_path / there)
    assert os.listdir(tmp_path) == [there]
    assert (tmp_path / there).read_text() == "precious"
    make_certificate(tmp_path / "c", tmp_path / "k", replace=True)
    assert Files(tmp_path / "c", tmp_path / "k").read()
    assert mode(tmp_path / "k") == 0o600


def test_a_name_that_is_given_twice_stands_in_it_once(tmp_path: Path) -> None:
    make_certificate(tmp_path / "c", tmp_path / "k", ["a.example", "::1", "A.example.", "[::1]"])
    assert names_of(tmp_path / "c") == ["a.example", "::1"]


def test_where_it_cannot_be_written_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        make_certificate(tmp_path / "missing" / "c", tmp_path / "k")
    assert raised.value.filename == str(tmp_path / "missing" / "c"), "and not one beside it"
    (tmp_path / "directory").mkdir()
    with pytest.raises(IsADirectoryError):
        make_certificate(tmp_path / "directory", tmp_path / "k", replace=True)
    assert os.listdir(tmp_path) == ["directory"]


def test_python_verifies_it_strictly(tmp_path: Path) -> None:
    make_certificate(tmp_path / "c", tmp_path / "k")
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=tmp_path / "c")
    server.load_cert_chain(tmp_path / "c", tmp_path / "k")
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(down, up, server_hostname="localhost")
    there = server.wrap_bio(up, down, server_side=True)
    for side in (here, there, here):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert here.getpeercert()
