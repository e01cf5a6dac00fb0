"""Passwords: what is kept of them, in which threads, and who is asked whether one is right."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import VerifyMismatchError
from twisted.cred.checkers import ANONYMOUS, ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import LoginDenied, UnauthorizedLogin
from twisted.cred.strcred import makeChecker
from twisted.internet.defer import CancelledError, Deferred, fail, gatherResults, succeed
from zope.interface import implementer

from chatroom.auth.argon2 import AT_ONCE, DUMMY, HASHER, LANES, MEMORY, PASSES, Argon2
from chatroom.auth.portal import NAME_BYTES, PASSWORD_BYTES, Checker, PortalLogin
from chatroom.seams import Hasher, Login

from .support import bounded

PATIENCE = 5.0


@pytest.fixture
def argon2() -> Iterator[Argon2]:
    from twisted.internet import reactor

    argon2 = Argon2(reactor)
    yield argon2
    argon2.stop()


# What is kept


@bounded(10)
async def test_a_password_is_known_again_and_no_other(argon2: Argon2) -> None:
    kept = await argon2.hash("correct horse")
    assert await argon2.verify(kept, "correct horse")
    assert not await argon2.verify(kept, "correct horse ")
    assert not await argon2.verify(kept, "")


@bounded(10)
async def test_what_is_kept_is_argon2id_with_19_mib_and_two_passes_and_salted(argon2: Argon2) -> None:
    one, other = await argon2.hash("secret"), await argon2.hash("secret")
    assert one != other
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    kept = extract_parameters(one)
    assert (kept.type, kept.memory_cost * 1024, kept.time_cost, kept.parallelism) == (Type.ID, MEMORY, PASSES, LANES)


def test_the_hash_of_nobody_takes_as_long_as_one_that_is_kept() -> None:
    assert extract_parameters(DUMMY) == extract_parameters(HASHER.hash("secret"))


@bounded(10)
@pytest.mark.parametrize("kept", ["", "plain", "$argon2id$", DUMMY[:-5], "$argon2id$v=19$m=19456,t=2,p=1$ß$ß"])
async def test_of_what_cannot_be_read_no_password_is_right(argon2: Argon2, kept: str) -> None:
    assert not await argon2.verify(kept, "secret")


@bounded(10)
async def test_a_password_that_utf_8_has_not_is_wrong_and_no_error(argon2: Argon2) -> None:
    assert not await argon2.verify(await argon2.hash("secret"), "\ud800")


# In which threads


class Watched(PasswordHasher):
    """Counts what is hashed at once and in which threads; the passwords are the hashes."""

    __slots__ = ("asked", "at_once", "lock", "most", "together", "within")

    def __init__(self, together: threading.Barrier | None = None) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.together = together
        self.asked: list[str] = []
        self.within: set[int] = set()
        self.at_once = self.most = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.within.add(threading.get_ident())
        return password.decode() if isinstance(password, bytes) else password

    def verify(self, kept: Any, password: str | bytes) -> Any:
        with self.lock:
            self.within.add(threading.get_ident())
            self.asked.append(kept)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        if self.together is not None:
            self.together.wait(PATIENCE)
            self.together.wait(PATIENCE)
        with self.lock:
            self.at_once -= 1
        if kept != self.hash(password):
            raise VerifyMismatchError
        return True


@bounded(10)
async def test_four_are_hashed_at_once_and_no_fifth() -> None:
    from twisted.internet import reactor

    together = threading.Barrier(AT_ONCE + 1)  # with this thread: when it is through, so many are under way
    hasher = Watched(together)
    argon2 = Argon2(reactor, hasher)
    verified = [argon2.verify("secret", "secret") for _ in range(2 * AT_ONCE)]
    for done in [AT_ONCE, 2 * AT_ONCE]:
        together.wait(PATIENCE)
        assert (hasher.at_once, len(hasher.asked)) == (AT_ONCE, done)
        together.wait(PATIENCE)
    assert await gatherResults(verified) == [True] * 2 * AT_ONCE
    assert len(hasher.within) == hasher.most == AT_ONCE
    argon2.stop()


@bounded(10)
async def test_nothing_is_hashed_in_the_reactors_thread() -> None:
    from twisted.internet import reactor

    hasher = Watched()
    argon2 = Argon2(reactor, hasher)
    assert await argon2.hash("secret") == "secret"
    for kept in ["secret", "wrong", ""]:
        await argon2.verify(kept, "secret")
    assert hasher.within
    assert threading.get_ident() not in hasher.within
    argon2.stop()


def test_threads_begin_with_the_first_password() -> None:
    from twisted.internet import reactor

    before = threading.active_count()
    Argon2(reactor).stop()
    assert threading.active_count() == before


@bounded(10)
async def test_at_the_end_what_has_not_begun_is_cancelled() -> None:
    from twisted.internet import reactor

    together = threading.Barrier(AT_ONCE + 1)
    argon2 = Argon2(reactor, Watched(together))
    verified = [argon2.verify("secret", "secret") for _ in range(2 * AT_ONCE)]
    together.wait(PATIENCE)
    argon2._stopped = True  # as `stop` does, which waits for those that have begun
    together.wait(PATIENCE)
    argon2.stop()
    assert await gatherResults(verified[:AT_ONCE]) == [True] * AT_ONCE
    for late in [*verified[AT_ONCE:], argon2.hash("secret")]:
        with pytest.raises(CancelledError):
            await late


# Who is asked


class Plain:
    """A Hasher that keeps passwords as they are, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def hash(self, password: str) -> Deferred[str]:
        return succeed(password)

    def verify(self, kept: str, password: str) -> Deferred[bool]:
        self.asked.append((kept, password))
        return succeed(bool(kept) and kept == password)


ACCOUNTS = {"alice": ("Alice", "secret"), "елена": ("Елена", "пароль"), "site": ("site", "")}


def ours(hasher: Hasher) -> Login:
    return PortalLogin([Checker(ACCOUNTS.get, hasher)])


@bounded()
async def test_who_knows_the_password_is_told_the_name_as_it_is_shown() -> None:
    assert await ours(Plain()).check("alice", "secret") == "Alice"
    assert await ours(Plain()).check("елена", "пароль") == "Елена"


@bounded(10)
async def test_it_works_with_what_argon2_keeps(argon2: Argon2) -> None:
    kept = await argon2.hash("secret")
    login = PortalLogin([Checker({"alice": ("Alice", kept)}.get, argon2)])
    assert [await login.check("alice", password) for password in ["secret", "wrong"]] == ["Alice", None]
    assert await login.check("nobody", "secret") is None


@bounded()
@pytest.mark.parametrize(
    ("name", "password", "asked"),
    [
        ("alice", "wrong", ("secret", "wrong")),
        ("nobody", "wrong", ("", "wrong")),
        ("site", "wrong", ("", "wrong")),
        ("", "", ("", "")),
        ("a" * (NAME_BYTES + 1), "wrong", ("", "wrong")),
        ("\ud800", "wrong", ("", "wrong")),
        ("alice", "\ud800", ("", "")),
        ("alice", "a" * (PASSWORD_BYTES + 1), ("", "")),
    ],
)
async def test_whatever_is_wrong_one_password_is_verified(name: str, password: str, asked: tuple[str, str]) -> None:
    hasher = Plain()
    assert await ours(hasher).check(name, password) is None
    assert hasher.asked == [asked]


@bounded()
async def test_a_password_may_be_so_long_and_no_longer() -> None:
    longest = "a" * PASSWORD_BYTES
    login = PortalLogin([Checker({"alice": ("alice", longest), "bob": ("bob", longest + "a")}.get, Plain())])
    assert await login.check("alice", longest) == "alice"
    assert await login.check("bob", longest + "a") is None


# Those of a site


@implementer(ICredentialsChecker)
class Site:
    """Says the same of everybody."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, says: object) -> None:
        self.says = says
        self.asked = 0

    def requestAvatarId(self, credentials: object) -> Any:
        self.asked += 1
        if isinstance(self.says, Exception):
            return fail(self.says)
        return self.says


@pytest.fixture
def passwords(tmp_path: Path) -> str:
    path = tmp_path / "passwords"
    path.write_text("alice:secret\nелена:пароль\n", "utf-8")
    return f"file:{path}"


@bounded()
@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_accounts_given_on_the_command_line_get_in(kind: str, passwords: str) -> None:
    login = PortalLogin([makeChecker(passwords if kind == "file" else "memory:alice:secret:елена:пароль")])
    assert await login.check("alice", "secret") == "alice"
    assert await login.check("елена", "пароль") == "елена"
    for name, password in [("alice", "wrong"), ("alice", ""), ("nobody", "secret"), ("", ""), ("\ud800", "\ud800")]:
        assert await login.check(name, password) is None


@bounded()
async def test_of_several_checkers_one_that_says_yes_is_enough() -> None:
    login = PortalLogin([makeChecker("memory:alice:secret"), makeChecker("memory:bob:secret")])
    assert [await login.check(name, "secret") for name in ["alice", "bob", "carol"]] == ["alice", "bob", None]


@bounded()
async def test_of_a_wrong_password_all_are_asked() -> None:
    sites = [Site(UnauthorizedLogin()), Site(LoginDenied()), Site(UnauthorizedLogin())]
    assert await PortalLogin(sites).check("alice", "wrong") is None
    assert [site.asked for site in sites] == [1, 1, 1]


@bounded()
@pytest.mark.parametrize(
    ("says", "account"),
    [
        (b"alice", "alice"),
        ("alice", "alice"),
        ("елена".encode(), "елена"),
        (succeed(b"alice"), "alice"),
        (b"\xff", None),
        (b"", None),
        (ANONYMOUS, None),
        (None, None),
    ],
)
async def test_an_account_is_named_in_bytes_or_in_text(says: object, account: str | None) -> None:
    assert await PortalLogin([Site(says)]).check("alice", "secret") == account


@bounded()
async def test_what_fails_at_a_sites_checker_is_not_taken_for_a_wrong_password() -> None:
    with pytest.raises(ConnectionError, match="the directory is down"):
        await PortalLogin([Site(ConnectionError("the directory is down"))]).check("alice", "secret")


@bounded()
async def test_without_checkers_nobody_gets_in() -> None:
    assert await PortalLogin([]).check("alice", "secret") is None
