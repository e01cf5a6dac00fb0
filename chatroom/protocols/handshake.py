"""Shaking hands over TLS: which certificate is shown, which protocol is agreed on (ALPN), and for how long one is waited for.

Knows connections and OpenSSL; not files, nor where certificates come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from cryptography import x509
from OpenSSL.SSL import NO_OVERLAPPING_PROTOCOLS, Connection, Context
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IProtocolFactory, IProtocolNegotiationFactory
from twisted.internet.protocol import connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from ..seams import Clock, Delayed

HANDSHAKE_TIMEOUT = 20.0
"""Seconds from connecting within which hands are shaken, however many bytes come: Twisted itself waits for ever. Two round
trips are enough; the rest is for links that lose packets."""


class Shown(Protocol):
    """What there is to show; asked when somebody connects."""

    def look(self) -> None:
        """Take up what was renewed."""

    def context_for(self, name: bytes | None) -> Context:
        """The one for the name that a client asks for (SNI, RFC 6066, section 3), or for one that names none."""


def context_of(chain: Sequence[x509.Certificate], key: Any) -> Context:
    """TLS 1.2 and up, with Twisted's choice of ciphers. The certificate itself is first in `chain`, the others are sent with
    it. Raises OpenSSL.SSL.Error for what OpenSSL does not take, such as a key that is too short."""
    own, *others = chain
    pass_on: Any = {"certificate": own, "extraCertChain": others}  # Twisted's types name what OpenSSL takes no longer
    options = CertificateOptions(privateKey=key, **pass_on)
    context = options.getContext()
    # Both on every context: OpenSSL asks the one that it was told to switch to by the name for the protocol.
    context.set_tlsext_servername_callback(_show_what_is_asked_for)
    context.set_alpn_select_callback(_agree_on_protocol)
    return context


def _show_what_is_asked_for(connection: Connection) -> None:
    shown: Shown = connection.get_app_data().factory.shown
    context = shown.context_for(connection.get_servername())
    if context is not connection.get_context():
        connection.set_context(context)


def _agree_on_protocol(connection: Connection, offered: Sequence[bytes]) -> Any:
    """The first of the factory's that the client offers (RFC 7301). For none in common that RFC wants an alert, and Twisted
    sends one even where the factory has no wishes: a client that offers "irc" or "http/1.1" by habit would be turned away."""
    wishing: Any = IProtocolNegotiationFactory(connection.get_app_data().factory.wrappedFactory, None)
    for protocol in wishing.acceptableProtocols() if wishing else ():
        if protocol in offered:
            return protocol
    return NO_OVERLAPPING_PROTOCOLS


class _Secured(BufferingTLSTransport):
    """One connection over TLS, which ends when hands are not shaken in time."""

    factory: Securing
    _late: Delayed | None = None

    def makeConnection(self, transport: Any) -> None:
        self._late = self.factory.clock.callLater(HANDSHAKE_TIMEOUT, self._too_late)
        super().makeConnection(transport)

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if self._late and self._handshakeDone:
            self._wait_no_more()

    def readConnectionLost(self) -> None:
        """A proxy's wrapper passes on that the other side sends no more. TLS has its own end, which has come before."""
        transport: Any = self.transport
        transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._wait_no_more()
        super().connectionLost(reason)

    def _too_late(self) -> None:
        self._late = None
        self.abortConnection()

    def _wait_no_more(self) -> None:
        if self._late:
            self._late.cancel()
            self._late = None


@implementer(IOpenSSLServerConnectionCreator)
class _Creator:
    def __init__(self, shown: Shown) -> None:
        self._shown = shown

    def serverConnectionForTLS(self, tlsProtocol: Any) -> Connection:
        self._shown.look()
        return Connection(self._shown.context_for(None))


class Securing(TLSMemoryBIOFactory):
    """Puts TLS before what another factory makes."""

    protocol = _Secured
    noisy = False

    def __init__(self, shown: Shown, factory: IProtocolFactory, clock: Any) -> None:
        super().__init__(_Creator(shown), False, factory, clock)
        self.shown = shown
        self.clock: Clock = clock
