"""A wrong login does the same work whether the account exists or not; what it takes, benchmarks/login.py measures."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher, extract_parameters
from twisted.internet.task import Clock

from benchmarks.login import interleaved, mann_whitney
from chatroom.attempts import Attempts
from chatroom.auth.argon2 import HASHER, Argon2
from chatroom.auth.portal import Checker, PortalLogin
from chatroom.request import Refused

from .support import bounded


class Counted(PasswordHasher):
    """Remembers with which parameters a password was verified, and how long it was."""

    __slots__ = ("work",)

    def __init__(self) -> None:
        super().__init__()
        self.work: list[object] = []

    def verify(self, kept: str, password: str | bytes) -> bool:
        self.work.append((extract_parameters(kept), len(password)))
        return HASHER.verify(kept, password)


@bounded(30)
async def test_a_wrong_login_is_the_same_work_for_a_name_that_nobody_has() -> None:
    from twisted.internet import reactor

    counted = Counted()
    argon2 = Argon2(reactor, counted)
    login = PortalLogin([Checker({"alice": ("alice", HASHER.hash("right"))}.get, argon2)])
    took = await interleaved(login, ["alice", "nobody"], 3)
    assert [len(took["alice"]), len(took["nobody"])] == [3, 3]
    assert len(counted.work) == 6
    assert len({repr(work) for work in counted.work}) == 1
    argon2.stop()


def test_too_many_are_refused_in_the_same_words_and_after_as_many() -> None:
    told = []
    for account in ["alice", "nobody"]:
        attempts = Attempts(Clock(), 5, 20)
        for number in range(10):
            try:
                attempts.begin("192.0.2.1", account)
            except Refused as refused:
                told.append((number, refused.code, refused.words, dict(refused.fields)))
    assert told[:5] == told[5:]


@pytest.mark.parametrize(
    ("one", "other", "p"),
    [
        (range(10), range(10), 1.0),
        (range(10), range(100, 110), 0.000157),
        ([1, 4, 5, 8, 9, 12], [2, 3, 6, 7, 10, 11], 1.0),
        ([1, 2, 3, 5, 7, 9], [4, 6, 8, 10, 11, 12], 0.0547),
    ],
)
def test_the_measurement_tells_two_samples_apart(one: list[float], other: list[float], p: float) -> None:
    assert mann_whitney(one, other) == mann_whitney(other, one) == pytest.approx(p, rel=0.01)
