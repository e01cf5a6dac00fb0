"""Passwords on their way in: whether one may be sent, and questions that are asked again until the answer is right or empty.

Knows no account: what becomes of an answer is given.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from .request import Refused
from .session import Session
from .settings import Plaintext

AGAIN = (
    "login_failed", "too_many_logins", "password_weak", "password_invalid", "passwords_differ", "password_wrong",
)  # fmt: skip
"""Refused for what was answered: another answer may do."""

T = TypeVar("T")


def may_send_password(session: Session) -> None:
    """Raises Refused where a password had better not be sent; called before one is asked for."""
    if session.chat.settings.plaintext is Plaintext.REFUSE and not session.peer.secret:
        raise Refused("plaintext_password", "passwords are taken over TLS only here: others could read this connection")


def warn_of_plaintext(session: Session) -> None:
    """After a password came that nobody had asked for."""
    if session.chat.settings.plaintext is Plaintext.WARN and not session.peer.secret:
        session.answers.tell("others on the way could read your password: this connection has no TLS")


async def ask_password(
    session: Session,
    question: str,
    aside: str,
    becomes: Callable[[str], Coroutine[Any, Any, T]],
    what: str = "password",
) -> T | None:
    """What becomes of the password that is asked for; None when none is given. One that is refused is asked for again: what is
    typed next would else be said to all, or become a nickname. `aside` tells people how to get away; `what`, as of
    `Answers.ask`."""
    may_send_password(session)
    if session.chat.settings.plaintext is Plaintext.WARN and not session.peer.secret:
        aside += " Others on the way can read it: this connection has no TLS."
    words = question
    while given := await session.answers.ask(words, hidden=True, what=what, aside=aside):
        try:
            return await becomes(given)
        except Refused as refused:
            if refused.code not in AGAIN:
                raise
            session.answers.witnessed(refused)
            words = f"{refused.words[:1].upper()}{refused.words[1:]}. {question}"
    return None
