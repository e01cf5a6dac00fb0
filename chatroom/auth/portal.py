"""Logging in by twisted.cred: a name and a password go to each checker in turn, the name of an account comes back.

Ours looks up the accounts of this server; a site may have others (`--auth`). Knows no session, and counts no attempts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.cred.checkers import ICredentialsChecker, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import IUsernamePassword, UsernamePassword
from twisted.cred.error import LoginDenied, LoginFailed, UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from zope.interface import Interface, implementer

from ..names import LONGEST
from ..seams import Hasher

NAME_BYTES = 4 * 4 * LONGEST
"""Of a name that is looked up, in UTF-8: what is longer before it is normalised can be no nickname (names.py)."""

PASSWORD_BYTES = 4096
"""Of a password in UTF-8: more than any has that can be chosen here, normalised. What is longer is wrong without a look."""


class IAccountName(Interface):
    """What one is here once logged in: a str, the name of an account as whoever keeps it writes it."""


class PortalLogin:
    """The Login of this server: asks each checker until one says yes, and for a wrong password always all of them."""

    def __init__(self, checkers: Sequence[ICredentialsChecker]) -> None:
        # A Portal asks only the last checker for the same kind of credentials.
        self._portals = [Portal(_Realm(), [_in_bytes(checker)]) for checker in checkers]

    def check(self, name: str, password: str) -> Deferred[str | None]:
        """Fails with whatever a site's checker fails with, but for what tells that the password is wrong."""
        return Deferred.fromCoroutine(self._check(name, password))

    async def _check(self, name: str, password: str) -> str | None:
        credentials = UsernamePassword(_encoded(name), _encoded(password))
        for portal in self._portals:
            try:
                _, account, _ = await portal.login(credentials, None, IAccountName)
            except LoginFailed:
                continue
            return str(account)
        return None


@implementer(ICredentialsChecker)
class Checker:
    """The accounts of this server. A name that nobody has takes the same way as a wrong password, and as long."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, hash_of: Callable[[str], tuple[str, str] | None], hasher: Hasher) -> None:
        """`hash_of` gives an account's name, as it is shown, and what is kept of its password; None when there is none."""
        self._hash_of = hash_of
        self._hasher = hasher

    def requestAvatarId(self, credentials: UsernamePassword) -> Deferred[bytes | tuple[()]]:
        return Deferred.fromCoroutine(self._account(credentials.username, credentials.password))

    async def _account(self, name: bytes, password: bytes) -> bytes | tuple[()]:
        asked, secret = _text(name, NAME_BYTES), _text(password, PASSWORD_BYTES)
        account = None if asked is None else self._hash_of(asked)
        shown, kept = ("", "") if account is None or secret is None else account
        if not await self._hasher.verify(kept, secret or ""):
            raise UnauthorizedLogin
        return shown.encode()


@implementer(IRealm)
class _Realm:
    """Where one is but the name of an account."""

    def requestAvatar(
        self, avatarId: object, mind: object, *interfaces: type[Interface]
    ) -> tuple[type[Interface], str, Callable[[], None]]:
        """Some checkers say it in bytes, as they should, and some in text; what is neither is nobody's name."""
        try:
            name = avatarId.decode() if isinstance(avatarId, bytes) else avatarId
        except UnicodeDecodeError:
            raise LoginDenied from None
        if not isinstance(name, str) or not name:
            raise LoginDenied
        return IAccountName, name, lambda: None


def _text(wire: bytes, longest: int) -> str | None:
    """None for what is too long, or not UTF-8."""
    try:
        return None if len(wire) > longest else wire.decode()
    except UnicodeDecodeError:
        return None


def _in_bytes(checker: ICredentialsChecker) -> ICredentialsChecker:
    # `--auth memory:` keeps text, and so would never find what all other checkers take: bytes.
    if isinstance(checker, InMemoryUsernamePasswordDatabaseDontUse):
        checker.users = {_encoded(name): _encoded(password) for name, password in checker.users.items()}
    return checker


def _encoded(text: str | bytes) -> bytes:
    # What UTF-8 has not goes through as well, and takes the same way as anything else that is wrong.
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
