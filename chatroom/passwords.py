"""Facts: what a password may be, and how two are the same however they were typed. Knows no account, and keeps none."""

from __future__ import annotations

from precis_i18n import get_profile

from .request import Refused

SHORTEST = 8
"""Characters (NIST SP 800-63B, 5.1.1.2)."""

LONGEST = 256
"""Characters: beyond any that a person or a program makes."""

_OPAQUE = get_profile("OpaqueString")


def password(text: str) -> str:
    """The password that this text is: OpaqueString (RFC 8265, section 4.2), without spaces around it, since a line of text
    cannot tell them from those beside it. Raises Refused for what is none."""
    text = text.strip()
    if 0 < len(text) <= LONGEST:
        try:
            return str(_OPAQUE.enforce(text))
        except UnicodeEncodeError:
            pass
    raise Refused("password_invalid", f"a password has 1 to {LONGEST} characters, none of them a control character")


def new_password(text: str, nickname: str) -> str:
    """The same for one that is to be kept: raises Refused too for one that is guessed at once."""
    known = password(text)
    if len(known) < SHORTEST:
        raise Refused("password_weak", f"a password has at least {SHORTEST} characters")
    if known.casefold() == nickname.casefold():
        raise Refused("password_weak", "a password is not the nickname itself")
    return known
