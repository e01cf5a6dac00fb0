"""`chatroomctl make-cert`: a certificate to begin with, and what an operator needs to know of it."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ..request import Answer, Refused
from ..table import Parameter
from .local import FORCE, Flag, Local

CERTIFICATE, KEY = "cert.pem", "key.pem"
"""Their files, where no other is named."""

PORT = 6697
"""That of the example: where chat over TLS is looked for (RFC 7194)."""


def make_cert(options: Namespace) -> Answer:
    """Make a certificate that nobody signed, and its key; the names are the server's."""
    # Here, since these take longer to import than all else that chatroomctl does.
    from cryptography.x509 import load_pem_x509_certificate
    from twisted.internet.endpoints import quoteStringArgument

    from ..operations.self_signed import DAYS, make_certificate

    certificate, key = Path(options.cert or CERTIFICATE).absolute(), Path(options.key or KEY).absolute()
    days = DAYS if options.days is None else options.days
    try:
        fingerprint = make_certificate(certificate, key, options.words, days, replace=bool(options.force))
        made = load_pem_x509_certificate(certificate.read_bytes())
    except ValueError as error:
        raise Refused("bad_arguments", str(error)) from None
    except FileExistsError as error:
        raise Refused("is_there", f"{error.filename} is there already; --force replaces it") from None
    except OSError as error:
        raise Refused("not_made", f"{error.filename} cannot be made: {error.strerror}") from None
    until = made.not_valid_after_utc.strftime("%Y-%m-%d")
    line = f"pem:{PORT}:cert={quoteStringArgument(str(certificate))}:key={quoteStringArgument(str(key))}"
    lines = [
        f"certificate: {certificate}",
        f"key:         {key}",
        f"valid until: {until}",
        f"fingerprint: {fingerprint}",
        f"to use them: --line {line}",
        "             (in place of the default line; another --line, say tcp:6000:interface=127.0.0.1, keeps a local one)",
    ]
    fields = {"cert": str(certificate), "key": str(key), "until": until, "fingerprint": fingerprint, "line": line}
    return Answer("\n".join(lines), fields)


MAKE_CERT = Local(
    "make-cert",
    (Parameter("names", "NAME", optional=True),),
    make_cert,
    (
        Flag("--cert", "FILE", f"the certificate's file ({CERTIFICATE})"),
        Flag("--key", "FILE", f"the key's file ({KEY})"),
        Flag("--days", "N", "for how long it is valid (10 years)", int),
        FORCE,
    ),
    several=True,
)
