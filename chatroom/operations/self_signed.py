"""A certificate to begin with, which nobody but itself has signed: whom it is for, and how it gets into files.

Knows X.509 and files; not who shows it. Clients take it by its fingerprint, or where it is named as their authority.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from errno import EEXIST, EISDIR
from ipaddress import ip_address
from pathlib import Path
from secrets import token_hex

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAYS = 3650
"""For which it is valid, where nothing else is said: nobody renews it by a program, and who knows it by its fingerprint looks
at no date."""

DAYS_MOST = 36500
"""Days for which one may be valid: beyond a hundred years it is a slip."""

SKEW = timedelta(hours=1)
"""By which it is valid before it was made: clocks of clients may be slow."""

COMMON_NAME_LONGEST = 64
"""Characters of a name in the subject (RFC 5280, appendix A, ub-common-name)."""

NAME_LONGEST = 253
"""Characters of a host's name (RFC 1035, section 2.3.4)."""

_HOST = re.compile(
    r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*"
)

_OWNER_ALONE, _EVERYBODY = 0o600, 0o644


def own_names() -> list[str]:
    """By what this machine may be called, as far as it knows without asking anybody."""
    names = ["localhost", "127.0.0.1", "::1"]
    own = socket.gethostname()
    with suppress(ValueError):
        _general_name(own)
        names += [own] if own.lower() not in names else []
    return names


def make_certificate(
    certificate: Path, key: Path, names: Sequence[str] = (), days: int = DAYS, *, replace: bool = False
) -> str:
    """Make a key (EC, P-256) and a certificate for these names and addresses, the machine's own without any, and write them
    into two files, or both into one; the key is never open to others. Returns the fingerprint as clients take it.

    Raises ValueError in words for names and days that cannot be; FileExistsError where a file is there already, unless they
    are to be replaced; OSError. Then nothing has changed.
    """
    if not 0 < days <= DAYS_MOST:
        raise ValueError(f"{days} days: from 1 to {DAYS_MOST}")
    private = ec.generate_private_key(ec.SECP256R1())
    made = _signed(private, [*dict.fromkeys(map(_general_name, names or own_names()))], days)
    key_pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    certificate_pem = made.public_bytes(Encoding.PEM)
    if certificate == key:
        _write([(key, key_pem + certificate_pem, _OWNER_ALONE)], replace)
    else:
        _write([(key, key_pem, _OWNER_ALONE), (certificate, certificate_pem, _EVERYBODY)], replace)
    return made.fingerprint(SHA256()).hex(":").upper()


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name.removeprefix("[").removesuffix("]")))
    except ValueError:
        pass
    try:
        host = name.encode("idna").decode().lower().removesuffix(".")
    except UnicodeError:
        host = ""
    if not _HOST.fullmatch(host) or len(host) > NAME_LONGEST:
        raise ValueError(f"'{name}' is neither the name of a host nor an address")
    return x509.DNSName(host)


def _signed(key: ec.EllipticCurvePrivateKey, names: Sequence[x509.GeneralName], days: int) -> x509.Certificate:
    """For a server, and for nothing else: who trusts it as an authority, to verify it, trusts nobody whom it might sign."""
    common = str(names[0].value)
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, common if len(common) <= COMMON_NAME_LONGEST else "chatroom")]
    )
    now = datetime.now(UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, SHA256())
    )


def _write(files: Sequence[tuple[Path, bytes, int]], replace: bool) -> None:
    """All of them or none, each whole as soon as it is there: a server that runs may look at any moment."""
    for path, _, _ in files:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(path))
        if not replace and os.path.lexists(path):
            raise FileExistsError(EEXIST, os.strerror(EEXIST), str(path))
    with _beside(files) as written:
        placed: list[Path] = []
        try:
            for temporary, (path, _, _) in zip(written, files, strict=True):
                with _named(path):
                    if replace:
                        os.replace(temporary, path)
                    else:
                        os.link(temporary, path)  # unlike a rename, it fails where somebody was faster
                        placed.append(path)
        except BaseException:
            for path in placed:
                path.unlink(missing_ok=True)
            raise


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What fails is about this file, and not the one beside it that nobody asked for."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


@contextmanager
def _beside(files: Sequence[tuple[Path, bytes, int]]) -> Iterator[list[Path]]:
    """Each under another name in the same directory, on the disk; what is still there at the end is removed."""
    written: list[Path] = []
    try:
        for path, content, mode in files:
            temporary = path.with_name(f".{path.name}.{token_hex(4)}")
            with _named(path):
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
                written.append(temporary)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(descriptor)
        yield written
    finally:
        for temporary in written:
            temporary.unlink(missing_ok=True)
