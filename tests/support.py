"""What tests share: a bound for those that wait, the errors that were logged, and programs that may be missing."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, ParamSpec

import pytest
import pytest_twisted
from hypothesis import settings
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, LogLevel, eventAsText
from twisted.python.failure import Failure
from zope.interface import implementer

P = ParamSpec("P")
Test = Callable[P, Coroutine[Any, Any, None]]


def bounded(seconds: float = 5) -> Callable[[Test[P]], Test[P]]:
    """An async test that fails after so many seconds, and shows at which `await` it stood. Every async test has one:
    a Deferred that never fires would hang the run, and a signal that stops one stops the reactor of all."""

    def decorate(test: Test[P]) -> Test[P]:
        def out_of_time(result: object, _: float) -> NoReturn:
            stood = result.value if isinstance(result, Failure) else None
            raise TimeoutError(f"{test.__qualname__} did not end within {seconds} s") from stood

        @functools.wraps(test)
        async def run(*args: P.args, **kwargs: P.kwargs) -> None:
            from twisted.internet import reactor

            await Deferred.fromCoroutine(test(*args, **kwargs)).addTimeout(seconds, reactor, out_of_time)

        pytest_twisted.ensureDeferred(run)
        run.bound = seconds  # type: ignore[attr-defined]  # conftest.py looks for it
        return run

    return decorate


def examples(count: int) -> int:
    """So many of hypothesis, and of the same share as elsewhere where a profile asks for more or fewer than its 100."""
    return max(1, count * settings().max_examples // 100)


class Fails:
    """Whose cursor, the only one, must not fail."""

    several = False

    def failed(self, failure: Failure) -> None:
        failure.raiseException()

    def reads_elsewhere(self, reader: object, event: object) -> bool:
        return False


def needs(program: str, package: str) -> pytest.MarkDecorator:
    """Marks a test that drives `program`. Where it is missing the test is skipped, saying what to install; CI fails."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {program}: apt install {package}")


@implementer(ILogObserver)
class LoggedErrors:
    """Every failure, and every message at level error or above, that was logged while one test ran."""

    def __init__(self) -> None:
        self._events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level")
        if failure_of(event) is not None or (level is not None and level >= LogLevel.error):
            self._events.append(event)

    def flush(self, *expected: type[BaseException] | str) -> list[str]:
        """Forget those that were expected, and return their words. An exception's type stands for failures with it,
        a string for messages that have it in their words; nothing stands for all."""
        flushed = [event for event in self._events if not expected or any(is_a(event, one) for one in expected)]
        self._events = [event for event in self._events if event not in flushed]
        return [words_of(event) for event in flushed]


def failure_of(event: LogEvent) -> Failure | None:
    """twisted.logger's name for it, or that of the older twisted.python.log."""
    failure: Failure | None = event.get("log_failure") or event.get("failure")
    return failure


def is_a(event: LogEvent, expected: type[BaseException] | str) -> bool:
    if isinstance(expected, str):
        return expected in words_of(event)
    failure = failure_of(event)
    return failure is not None and failure.check(expected) is not None


def words_of(event: LogEvent) -> str:
    return eventAsText(event, includeTimestamp=False, includeSystem=False)
