"""Whom one talks to over TLS: takes the server's certificate or does not, before anything is sent, and explains why not.

It verifies, or it is the one whose fingerprint was told beforehand. Knows TLS; not what is said over it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

from OpenSSL.crypto import X509
from OpenSSL.SSL import VERIFY_FAIL_IF_NO_PEER_CERT, VERIFY_PEER, Connection
from service_identity.cryptography import (
    extract_patterns,
    verify_certificate_hostname,
    verify_certificate_ip_address,
)
from service_identity.hazmat import DNSPattern, IPAddressPattern
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from ..text import safe, shortened

NAMES_TOLD = 5
"""Names of a certificate that are told: some have hundreds."""

NAME_LONGEST = 100
"""Characters that are told of each name in it: whoever sends it chose them."""

SELF_SIGNED = {18}
UNKNOWN_ISSUER = {2, 19, 20, 21, 27}
NOT_YET_VALID = {9}
EXPIRED = {10}
"""Errors of X509_verify_cert(3), which pyOpenSSL has no names for."""

_FINGERPRINT = re.compile(r"(?:sha256:)?((?:[0-9a-f]{2}:){31}[0-9a-f]{2}|[0-9a-f]{64})", re.ASCII | re.IGNORECASE)


def fingerprint(text: str) -> str:
    """Of SHA-256, as `openssl x509 -fingerprint -sha256` writes it; raises ValueError in words for what is none."""
    found = _FINGERPRINT.fullmatch(text)
    if not found:
        raise ValueError(f"'{text}' is no SHA-256 fingerprint: 64 hexadecimal digits, with or without colons")
    return bytes.fromhex(found[1].replace(":", "")).hex(":").upper()


def _fingerprint_of(certificate: X509) -> str:
    return certificate.digest("sha256").decode()


class NotTaken(Exception):
    """The server's certificate is not taken."""

    def __init__(self, certificate: X509, faults: list[str], pinned: str | None) -> None:
        """`faults` say what is wrong with it, behind the word "it"; none are needed where another one was pinned."""
        super().__init__(*faults)
        self._certificate = certificate
        self._faults = faults
        self._pinned = pinned

    def told(self, server: str) -> str:
        """In words; `server` is how it was called."""
        seen = _fingerprint_of(self._certificate)
        if self._pinned:
            return (
                f"the certificate of {server} is not the one with the fingerprint {self._pinned}, but has {seen}. "
                f"{_described(self._certificate)} Somebody may be between you and the server; or it has a new certificate: "
                "ask whoever runs it"
            )
        return (
            f"the certificate of {server} does not verify: it {', and it '.join(self._faults)}. "
            f"{_described(self._certificate)} If whoever runs the server tells you the same SHA-256 fingerprint: "
            f"chatroom {shlex.quote(server)} --fingerprint {seen}"
        )


def _described(certificate: X509) -> str:
    """Whose it says it is: nobody has checked that."""
    try:
        read = certificate.to_cryptography()
        subject, issuer = _shown(read.subject.rfc4514_string()), _shown(read.issuer.rfc4514_string())
        return f"It says it is {subject}, signed by {issuer}, valid until {_day(read.not_valid_after_utc)}."
    except Exception:  # of several kinds: OpenSSL is less strict than what reads it here
        return "What else it says cannot be read."


def _shown(name: str) -> str:
    told = safe(name)
    return (shortened(told, NAME_LONGEST) + "..." if len(told) > NAME_LONGEST else told) or "nobody"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _faults(leaf: X509, error: int, at_fault: X509, depth: int, host: str | None) -> Iterator[str]:
    """All that is wrong with a certificate: what OpenSSL stopped at, and what it had not looked at yet."""
    read = leaf.to_cryptography()
    late, early = read.not_valid_after_utc < datetime.now(UTC), read.not_valid_before_utc > datetime.now(UTC)
    if error in SELF_SIGNED:
        yield "is signed by itself"
    elif error in UNKNOWN_ISSUER:
        yield "is signed by nobody whom this machine trusts"
    elif depth and error in EXPIRED | NOT_YET_VALID:
        when = "has expired" if error in EXPIRED else "is not valid yet"
        yield f"rests on a certificate that {when}, of {_shown(at_fault.to_cryptography().subject.rfc4514_string())}"
    elif error and not (late or early):
        yield f"is wrong in OpenSSL's eyes (error {error} of X509_verify_cert at depth {depth})"
    if late:
        yield "has expired"
    if early:
        yield f"is not valid before {_day(read.not_valid_before_utc)}"
    if host and not _is_for(leaf, host):
        names = _names(leaf)
        yield f"is for another name: {names}" if names else "names no host that it is for"


def _is_for(certificate: X509, host: str) -> bool:
    try:
        try:
            ip_address(host)
        except ValueError:
            verify_certificate_hostname(certificate.to_cryptography(), host)
        else:
            verify_certificate_ip_address(certificate.to_cryptography(), host)
    except Exception:  # it is for others, or for none, or cannot be read
        return False
    return True


def _names(certificate: X509) -> str:
    """Of hosts, for which it is."""
    names = []
    for pattern in extract_patterns(certificate.to_cryptography()):
        if isinstance(pattern, DNSPattern):
            names.append(_shown(pattern.pattern.decode("ascii", "replace")))
        elif isinstance(pattern, IPAddressPattern):
            names.append(str(pattern.pattern))
    more = [f"{len(names) - NAMES_TOLD} more"] if len(names) > NAMES_TOLD else []
    return ", ".join(names[:NAMES_TOLD] + more)


class _Examined(ProtocolWrapper):
    """One connection over TLS. What stands above it may write at once: it is sent when the certificate has been taken."""

    factory: _Examining
    _not_taken: NotTaken | None = None

    def makeConnection(self, transport: Any) -> None:
        connection = transport.getHandle()  # whose handshake begins when this returns
        if self.factory.pinned or connection.get_verify_mode() & VERIFY_PEER:
            connection.set_verify(VERIFY_PEER | VERIFY_FAIL_IF_NO_PEER_CERT, self._takes)
        super().makeConnection(transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(Failure(self._not_taken) if self._not_taken else reason)

    def _takes(self, connection: Connection, certificate: X509, error: int, depth: int, verifies: int) -> bool:
        """OpenSSL asks for each certificate of the chain, the server's own (of depth 0) last, and once more for each error."""
        host, pinned = self.factory.host, self.factory.pinned
        if pinned:
            if depth or _fingerprint_of(certificate) == pinned:
                return True
            self._not_taken = NotTaken(certificate, [], pinned)
            return False
        if verifies and (depth or host is None or _is_for(certificate, host)):
            return True
        own = (connection.get_peer_cert_chain() or [certificate])[0]
        try:
            faults = list(_faults(own, 0 if verifies else error, certificate, depth, host))
        except Exception:  # as above
            faults = ["cannot be read"]
        self._not_taken = NotTaken(own, faults, None)
        return False


class _Examining(WrappingFactory):
    protocol = _Examined
    noisy = False

    def __init__(self, factory: Any, host: str | None, pinned: str | None) -> None:
        super().__init__(factory)
        self.host = host
        self.pinned = pinned


@implementer(IStreamClientEndpoint)
class Examined:
    """An endpoint over TLS that is left when the server's certificate is not taken; the reason is then NotTaken."""

    def __init__(self, endpoint: IStreamClientEndpoint, host: str | None, pinned: str | None) -> None:
        """`host`: the name that the certificate is to be for, if any. `pinned`: the fingerprint that it is to have, whatever
        else it says and whoever signed it."""
        self._endpoint = endpoint
        self._host = host
        self._pinned = pinned

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        connecting: Deferred[Any] = self._endpoint.connect(_Examining(protocolFactory, self._host, self._pinned))
        return connecting.addCallback(lambda examined: examined.wrappedProtocol)
