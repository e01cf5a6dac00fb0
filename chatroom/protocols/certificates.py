"""A certificate and its private key as they lie in PEM files: whom it is for, until when, and what is wrong with it, in words.

Knows files and X.509; not when they are read, nor connections.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL.SSL import Context
from OpenSSL.SSL import Error as TLSError

from .files import content_of
from .handshake import context_of

NAMES_TOLD = 5
"""Names of a certificate that are told: some have a hundred."""

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_KEY = re.compile(rb"-----BEGIN (\w+ )*PRIVATE KEY-----")

Stamp = tuple[int, ...]
"""What changes when a file does."""


def stamp_of(path: Path) -> Stamp:
    """Of what the path leads to, through symbolic links, without reading it. The time of the last change of its state
    (st_ctime, inode(7)) is in it, so that a permission which was mended is noticed too."""
    try:
        found = os.stat(path)
    except OSError as error:
        return (error.errno or 0,)
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@dataclass(frozen=True)
class Certificate:
    """One that can be shown."""

    chain: tuple[x509.Certificate, ...]
    """Its own first, then those that are sent with it."""
    context: Context
    names: tuple[str, ...]
    """Those of hosts (dNSName, RFC 5280, section 4.2.1.6), without a dot at the end and in lower case; a name in the subject
    counts for nothing (RFC 9525, section 2)."""

    @property
    def begins(self) -> datetime:
        return self.chain[0].not_valid_before_utc

    @property
    def expires(self) -> datetime:
        return self.chain[0].not_valid_after_utc

    def __str__(self) -> str:
        more = [f"{len(self.names) - NAMES_TOLD} more"] if len(self.names) > NAMES_TOLD else []
        whom = ", ".join([*self.names[:NAMES_TOLD], *more]) or self.chain[0].subject.rfc4514_string() or "no name"
        return f"the certificate for {whom} (until {day(self.expires)})"


def day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


class Files(NamedTuple):
    """Where a certificate and its key lie; both may lie in one file."""

    certificate: Path
    key: Path

    def stamp(self) -> tuple[Stamp, Stamp]:
        return stamp_of(self.certificate), stamp_of(self.key)

    def read(self) -> Certificate:
        """Raises OSError, and ValueError in words, which name the file."""
        content, mode = content_of(self.certificate)
        chain = _chain(self.certificate, content)
        if self.key != self.certificate:
            content, mode = content_of(self.key)
        key = _private_key(self.key, content, mode)
        try:
            together = chain[0].public_key() == key.public_key()
            certificate = Certificate(chain, context_of(chain, key), tuple(_names(chain[0]))) if together else None
        except Exception as error:  # of several kinds: two libraries say in their own ways what they do not take
            raise ValueError(f"{self.certificate} holds a certificate of no use for TLS: {_why(error)}") from error
        if certificate is None:
            if any(_fits(other, key) for other in chain[1:]):
                raise ValueError(
                    f"{self.certificate}: its own certificate must stand first, before those of who signed it"
                )
            raise ValueError(f"{self} do not belong together")
        return certificate

    def __str__(self) -> str:
        if self.certificate == self.key:
            return f"the certificate and the key in {self.certificate}"
        return f"the certificate {self.certificate} and the key {self.key}"


def holds_both(path: Path) -> bool:
    """Whether a file looks as if it held a certificate and a key; one that cannot be read does, and is told of when it is."""
    try:
        content, _ = content_of(path)
    except (OSError, ValueError):
        return True
    return _CERTIFICATE in content and _KEY.search(content) is not None


def _chain(path: Path, content: bytes) -> tuple[x509.Certificate, ...]:
    begun = content.count(_CERTIFICATE)
    if not begun:
        raise ValueError(f"{path} holds no certificate")
    try:
        chain = tuple(x509.load_pem_x509_certificates(content))
    except Exception as error:  # ValueError, or InvalidVersion, which is none
        raise ValueError(f"{path}: the certificate in it cannot be read") from error
    if len(chain) < begun:  # an unfinished one at the end is passed over
        raise ValueError(f"{path} ends in the midst of a certificate")
    return chain


def _private_key(path: Path, content: bytes, mode: int) -> Any:
    """A group may read it, as certbot's may; who is in none of its may not."""
    if not _KEY.search(content):
        raise ValueError(f"{path} holds no private key")
    if mode & stat.S_IRWXO:
        raise ValueError(f"{path}: everybody on this machine can get at the key (mode {mode:04o}): chmod o= {path}")
    try:
        return load_pem_private_key(content, None)
    except TypeError as error:
        raise ValueError(f"{path}: the key is encrypted, and nobody is there to type its password") from error
    except Exception as error:  # ValueError, or UnsupportedAlgorithm, which is none
        raise ValueError(f"{path}: the key in it cannot be read") from error


def _fits(certificate: x509.Certificate, key: Any) -> bool:
    """One whose kind of key the library does not know fits none."""
    try:
        return bool(certificate.public_key() == key.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return False


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        told = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [folded(name) for name in told.get_values_for_type(x509.DNSName)]


def folded(name: str) -> str:
    """A host's name as names are compared."""
    return name.lower().removesuffix(".")


def _why(error: Exception) -> str:
    """OpenSSL tells in lists of (library, function, reason)."""
    if isinstance(error, TLSError) and error.args and error.args[0]:
        return str(error.args[0][-1][-1])
    return str(error)
