"""Rules that all tests are held to: no unexpected error is logged, nothing waits without a bound, CI skips nothing."""

from __future__ import annotations

import gc
import inspect
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from twisted.logger import globalLogBeginner, globalLogPublisher

from .server import THEIRS
from .support import LoggedErrors

IN_CI = os.environ.get("CI") == "true"

# What somebody has configured for themselves, or typed, is no test's business.
os.environ["XDG_CONFIG_HOME"] = os.environ["XDG_STATE_HOME"] = os.devnull

for name in [name for name in os.environ if name.startswith(THEIRS)]:
    del os.environ[name]

# In the background of a script SIGINT is ignored, and whatever is started there inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Where coverage is measured each step takes long, and no branch may be tried by luck: few examples, the same each time.
settings.register_profile("coverage", max_examples=10, derandomize=True, database=None, deadline=None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """All tests, or those of a directory, run on every processor, and two more of them while others wait for a server to start
    or a client to type; of what is named more closely, none waits for others to begin. `-n 0` runs all in one process, as
    `--pdb` does."""
    named = [argument for argument in config.args if not Path(argument).is_dir()]
    return 0 if named else len(os.sched_getaffinity(0)) + 2


def pytest_configure() -> None:
    # Until logging begins Twisted keeps the last 65,536 events, and with them whatever they mention.
    globalLogBeginner.beginLoggingTo((), discardBuffer=True, redirectStandardIO=False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function):
            test = getattr(getattr(item.function, "hypothesis", None), "inner_test", item.function)
            if inspect.iscoroutinefunction(test) and not hasattr(test, "bound"):
                raise pytest.UsageError(f"{item.nodeid} waits without a bound: decorate it with @bounded(seconds)")


def pytest_collection_finish() -> None:
    # What was made by importing stays anyway. Without it, to collect after a test takes 1 ms and not 40.
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def logged() -> Iterator[LoggedErrors]:
    """Fails the test when an error was logged while it ran. `logged.flush(...)` takes away those it expects."""
    errors = LoggedErrors()
    globalLogPublisher.addObserver(errors)
    try:
        yield errors
        gc.collect()  # an error that nobody took from its Deferred is logged when the Deferred goes
    finally:
        globalLogPublisher.removeObserver(errors)
    if unexpected := errors.flush():
        pytest.fail("logged, and not expected: " + "\n\n".join(unexpected), pytrace=False)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    # pytest-twisted wraps the function behind @given and leaves it so: with the next parameter it waits for itself.
    hypothesis = getattr(pyfuncitem.obj, "hypothesis", None)
    inner_test = getattr(hypothesis, "inner_test", None)
    try:
        return (yield)
    finally:
        if hypothesis is not None:
            hypothesis.inner_test = inner_test


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        fail_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped:
        fail_in_ci(report)
    return report


def fail_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    if IN_CI:
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"CI skips nothing. {reason}"
