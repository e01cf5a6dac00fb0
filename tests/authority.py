"""Who signs certificates in tests, over one more between, and puts them into files as certbot does."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOUR = dt.timedelta(hours=1)


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def put(path: Path, content: bytes, mode: int = 0o600) -> Path:
    """Whole at once, in place of what is there."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(content)
    temporary.chmod(mode)
    os.replace(temporary, path)
    return path


class Signed:
    """A certificate with its key."""

    def __init__(
        self, names: tuple[str, ...], issuer: Signed | None = None, *, ca: bool = False, days: float = 9
    ) -> None:
        """`days`: until it expires."""
        self.secret = ec.generate_private_key(ec.SECP256R1())
        self.issuer = issuer
        now = dt.datetime.now(dt.UTC)
        until = now + dt.timedelta(days=days)
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(names[0]))
            .issuer_name(named(issuer.names[0] if issuer else names[0]))
            .public_key(self.secret.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(now, until) - HOUR)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
        )
        if not ca:
            alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(alternative, critical=False)
        self.names = names
        self.own = builder.sign((issuer or self).secret, hashes.SHA256())

    @property
    def serial(self) -> int:
        return self.own.serial_number

    @property
    def certificate(self) -> bytes:
        """With those that are sent with it, all but the root."""
        chain, above = pem(self.own), self.issuer
        while above and above.issuer:
            chain, above = chain + pem(above.own), above.issuer
        return chain

    @property
    def key(self) -> bytes:
        return self.encoded(serialization.NoEncryption())

    def encoded(self, encryption: serialization.KeySerializationEncryption) -> bytes:
        return self.secret.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


class Authority:
    """A root, and one between, who signs."""

    def __init__(self) -> None:
        self.root = Signed(("root",), ca=True)
        self.between = Signed(("between",), self.root, ca=True)

    def sign(self, *names: str, days: float = 9) -> Signed:
        return Signed(names, self.between, days=days)


def store(directory: Path, signed: Signed) -> Path:
    """As certbot lays it out; the key first, so that for a moment the two do not belong together."""
    directory.mkdir(exist_ok=True)
    put(directory / "privkey.pem", signed.key)
    put(directory / "fullchain.pem", signed.certificate, 0o644)
    return directory
