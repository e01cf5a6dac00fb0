"""Where a server is, as people write it: HOST, HOST:PORT, [IPv6]:PORT, or an endpoint string of Twisted. And why it cannot be
reached, in words.
"""

from __future__ import annotations

import os
import re
from ipaddress import IPv6Address
from typing import Any, NamedTuple

from OpenSSL.SSL import Error as TLSError
from twisted.internet.endpoints import HostnameEndpoint, clientFromString, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.internet.error import ConnectionRefusedError as NobodyThere
from twisted.internet.error import TimeoutError as Late
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS

from .certificate import Examined, NotTaken

PORT = 6000

CONNECT_TIMEOUT = 15.0
"""Seconds for one attempt: Twisted's 30 are long for who waits at a prompt; a SYN is sent again after 1, 3 and 7."""

NEXT_ADDRESS = 0.1
"""Seconds until the next address of a host is tried as well: `localhost` is often ::1 first, where no server listens."""

_HOST = re.compile(
    r"(?!tls:[^\[]|ssl:|unix:)(?P<kind>tcp:|tls:)?(?:\[(?P<v6>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^\s:\[\]/=]+))(?::(?P<port>[0-9]{1,5}))?"
)
_ENDPOINT = re.compile(r"(?:tcp|tcp6|tls|ssl|unix):.")
_SECURE = ("tls:", "ssl:")
_FIELD = re.compile(r"(?:\\.|[^:\\])+")


class Address(NamedTuple):
    """Where a server is, in words, and how one gets there."""

    words: str
    endpoint: IStreamClientEndpoint


def address(reactor: Any, text: str, fingerprint: str | None = None) -> Address:
    """Reads what a person wrote; raises ValueError with words for what is no address. `fingerprint`: that of the only
    certificate that is taken there, as certificate.py writes it."""
    if fingerprint and not text.startswith(_SECURE):
        raise ValueError(
            f"{text}: without TLS there is no certificate to have a fingerprint; did you mean tls:HOST:PORT?"
        )
    if _is_ipv6(text):
        text = f"[{text}]"
    named = _HOST.fullmatch(text)
    if named:
        host, port = named["v6"] or named["host"], int(named["port"] or PORT)
        if not 0 < port < 1 << 16:
            raise ValueError(f"{text}: a port is a number from 1 to 65535")
        words = f"[{host}]:{port}" if named["v6"] else f"{host}:{port}"
        endpoint: IStreamClientEndpoint
        endpoint = HostnameEndpoint(reactor, host, port, CONNECT_TIMEOUT, attemptDelay=NEXT_ADDRESS)
        if named["kind"] == "tls:":  # whose parser does not know IPv6
            return Address(text, Examined(wrapClientTLS(optionsForClientTLS(host), endpoint), host, fingerprint))
        return Address(words, endpoint)
    if not _ENDPOINT.match(text):
        raise ValueError(f"{text}: not HOST, HOST:PORT, [IPv6]:PORT or an endpoint (tls:HOST:PORT, unix:PATH)")
    if re.fullmatch(r"tls:[^:\[\]]+", text):
        raise ValueError(f"{text}: at which port? tls:HOST:PORT")
    try:
        endpoint = clientFromString(reactor, text)
    except Exception as error:  # each endpoint parser has errors of its own: KeyError, TypeError, OSError ...
        raise ValueError(f"{text}: not an endpoint that can be connected to: {error}") from None
    if text.startswith("ssl:") and "caCertsDir=" not in text and not fingerprint:
        raise ValueError(f"{text}: checks no certificate; tls:HOST:PORT does, and so does caCertsDir= or --fingerprint")
    if text.startswith(_SECURE):
        endpoint = Examined(endpoint, _certified(text), fingerprint)
    return Address(text, endpoint)


def _certified(text: str) -> str | None:
    """The name that the certificate is to be for, by an endpoint string that Twisted has understood; ssl: may have none."""
    kind, *fields = _FIELD.findall(text)
    placed = [field for field in fields if "=" not in field]
    named = dict(field.split("=", 1) for field in fields if "=" in field)
    host = named.get("hostname") if kind == "ssl" else named.get("host") or placed[0]
    return host and re.sub(r"\\(.)", r"\1", host)


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def trouble(error: BaseException | None, words: str) -> str:
    """Why there is no connection to the server that is called so."""
    match error:
        case NotTaken():
            return error.told(words)
        case TLSError():
            return f"{words} does not speak TLS as we do: {_reason(error)}"
        case DNSLookupError():
            return f"{words}: there is no such host"
        case NobodyThere():
            return f"{words} refuses the connection: no server runs there"
        case Late():
            return f"{words} does not answer"
        case ConnectError(osError=int(number)):
            return f"{words}: {os.strerror(number)}"
        case ConnectionClosed():
            return f"{words} closed the connection"
    return f"{words}: {_last_words(error)}"


def _reason(error: TLSError) -> str:
    """The last one of OpenSSL's, each of which is told with the library and the function, or the system's."""
    match error.args:
        case ([*_, (_, _, str(reason))],) if reason:
            return reason
        case (int(), str(reason)) if reason:
            return reason
    return _last_words(error)


def _last_words(error: BaseException | None) -> str:
    return str(error) or type(error).__name__
