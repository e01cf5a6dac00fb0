"""Whether people are let in, and whether what they say can be saved."""

from __future__ import annotations

from chatroom.operations.readiness import LATE, Readiness
from chatroom.seams import NotSaved


class Told:
    def __init__(self) -> None:
        self.words: list[str] = []

    def starting(self, words: str) -> None:
        self.words.append(words)

    def ready(self) -> None:
        self.words.append("ready")

    def stopping(self, words: str) -> None:
        self.words.append(words)


def test_it_is_ready_from_when_people_are_let_in_until_nobody_more_is() -> None:
    readiness, told = Readiness(float), Told()
    readiness.tell(told)
    assert readiness.why_not() == "starting"
    readiness.ready()
    assert readiness.why_not() == ""
    readiness.draining()
    assert "draining" in readiness.why_not()
    readiness.stopping()
    assert readiness.why_not() == "stopping"
    assert told.words == ["ready", "stopping"]


def test_what_cannot_be_saved_makes_it_unready_until_something_is() -> None:
    readiness = Readiness(float)
    readiness.ready()
    readiness.committing()
    readiness.failed(NotSaved("the disk is full"))
    assert readiness.why_not() == "the storage cannot save: the disk is full"
    readiness.committing()
    assert readiness.why_not() == "the storage cannot save: the disk is full"
    readiness.committed([], 0.0)
    assert readiness.why_not() == ""


def test_a_commit_that_takes_too_long_makes_it_unready_until_it_is_done() -> None:
    now = 100.0
    readiness = Readiness(lambda: now)
    readiness.ready()
    assert readiness.waiting() == 0.0
    readiness.committing()
    now += LATE
    assert (readiness.waiting(), readiness.why_not()) == (LATE, "")
    now += 1
    assert readiness.why_not() == "the storage has not saved anything for 11 s"
    readiness.committed([], 11.0)
    assert (readiness.waiting(), readiness.why_not()) == (0.0, "")


def test_who_waits_for_the_start_is_told_why_it_takes_long() -> None:
    readiness, told = Readiness(float), Told()
    readiness.tell(told)
    readiness.failed(NotSaved("the disk is full"))
    readiness.ready()
    readiness.failed(NotSaved("the disk is full"))
    assert told.words == ["the storage cannot save: the disk is full", "ready"]
