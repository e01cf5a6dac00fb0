"""What is kept of passwords: argon2id, in threads of its own. Knows nobody whose they are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.interfaces import IReactorFromThreads

from ..threads import Threads

MEMORY = 19 * 1024 * 1024
"""Bytes that one hash takes: with two passes the least that OWASP's password storage cheat sheet takes for safe."""

PASSES = 2
"""Over that memory, of which each makes a guess as much dearer: a login takes 20 to 30 ms."""

LANES = 1
"""Of one hash: several hashes share the cores already."""

AT_ONCE = 4
"""Hashes at once, and so 76 MiB: further ones wait, and the reactor's thread keeps its share of the cores."""

HASHER = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY // 1024, parallelism=LANES, type=Type.ID)

DUMMY = "$argon2id$v=19$m=19456,t=2,p=1$8C8AGDnFTRWdeKlwnfvoWQ$Pi1xeuvo/53lu6oCm0E0wFG+uwru2WbB5Np48TTk/ps"
"""Of a random password that nobody kept, by HASHER: to verify against it takes as long as for an account."""

T = TypeVar("T")


class Argon2:
    """The Hasher of this server: never in the reactor's thread."""

    def __init__(self, reactor: IReactorFromThreads, hasher: PasswordHasher = HASHER) -> None:
        self._hasher = hasher
        self._threads = Threads("passwords", AT_ONCE, reactor)
        self._stopped = False

    def hash(self, password: str) -> Deferred[str]:
        return self._do(partial(self._hasher.hash, _bytes(password)))

    def verify(self, kept: str, password: str) -> Deferred[bool]:
        return self._do(partial(self._verify, kept, _bytes(password)))

    def stop(self) -> None:
        """Waits for the hashes that have begun; all others are cancelled, also those asked for later."""
        self._stopped = True
        self._threads.stop()

    def _do(self, work: Callable[[], T]) -> Deferred[T]:
        return fail(CancelledError()) if self._stopped else self._threads.do(partial(self._unless_stopped, work))

    # In a thread

    def _unless_stopped(self, work: Callable[[], T]) -> T:
        if self._stopped:
            raise CancelledError
        return work()

    def _verify(self, kept: str, password: bytes) -> bool:
        if kept:
            try:
                return self._hasher.verify(kept, password)
            except VerifyMismatchError:
                return False
            except (VerificationError, InvalidHashError, UnicodeEncodeError):
                pass  # it cannot be read, which took no time
        with suppress(VerifyMismatchError):
            self._hasher.verify(DUMMY, password)
        return False


def _bytes(password: str) -> bytes:
    # JSON can spell halves of characters, which UTF-8 has not: such a password is wrong, and no error.
    return password.encode("utf-8", "surrogatepass")
