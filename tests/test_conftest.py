"""The rules of conftest.py, tried on tests that break them, in a pytest of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

RULE_BREAKERS = """
import pytest
from hypothesis import given, strategies
from twisted.internet import defer
from twisted.logger import Logger
from twisted.python import log as old_log
from tests.support import bounded, needs

def test_logs_an_error():
    Logger().error("the disk is {state}", state="full")

def test_loses_a_failure():
    defer.fail(ValueError("lost"))

def test_loses_a_failure_in_a_cycle():
    deferred = defer.fail(ValueError("going round"))
    deferred.itself = deferred

@bounded(0.01)
async def test_never_ends():
    await defer.Deferred()

def test_the_reactor_still_runs_and_a_warning_is_no_error():
    Logger().warn("take care")

@bounded(5)
async def test_flushes_what_it_expects(logged):
    old_log.err(KeyError("old"))
    Logger().error("the disk is {state}", state="full")
    try:
        raise ValueError("new")
    except ValueError:
        Logger().failure("odd")
    assert len(logged.flush(KeyError)) == 1
    assert logged.flush("disk is full") == ["the disk is full"]
    assert "new" in logged.flush()[0]

@pytest.mark.parametrize("parameter", [1, 2])
@given(number=strategies.integers())
@bounded(30)
async def test_waits_with_each_parameter(parameter, number):
    await defer.succeed(number)

@needs("no-such-program", "no-such-package")
def test_is_skipped():
    pass

@pytest.mark.xfail(reason="known")
def test_is_known_to_fail():
    raise AssertionError
"""


def run_pytest(tests: str, tmp_path: Path, ci: str) -> str:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    (tmp_path / "test_rules.py").write_text(tests)
    options = ["-v", "-ra", "-p", "tests.conftest", "-p", "no:cacheprovider", "-W", "error"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_rules.py"],
        cwd=tmp_path,
        env={**os.environ, "CI": ci, "COLUMNS": "200", "PYTHONPATH": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return run.stdout + run.stderr


@pytest.mark.process
def test_each_rule_fails_who_breaks_it(tmp_path: Path) -> None:
    said = run_pytest(RULE_BREAKERS, tmp_path, ci="")
    assert "ERROR test_rules.py::test_logs_an_error - Failed: logged, and not expected: the disk is full" in said
    assert "ERROR test_rules.py::test_loses_a_failure - Failed: logged, and not expected: Unhandled error" in said
    assert "ERROR test_rules.py::test_loses_a_failure_in_a_cycle - Failed: logged, and not" in said
    assert "FAILED test_rules.py::test_never_ends - TimeoutError: test_never_ends did not end within 0.01 s" in said
    assert ">       await defer.Deferred()" in said
    assert ": needs no-such-program: apt install no-such-package" in said
    assert "1 failed, 7 passed, 1 skipped, 1 xfailed, 3 errors" in said


@pytest.mark.process
def test_ci_skips_nothing(tmp_path: Path) -> None:
    said = run_pytest(RULE_BREAKERS, tmp_path, ci="true")
    assert "CI skips nothing. Skipped: needs no-such-program" in said
    assert "1 failed, 7 passed, 1 xfailed, 4 errors" in said


@pytest.mark.process
def test_ci_skips_no_module(tmp_path: Path) -> None:
    assert "1 error" in run_pytest("import pytest; pytest.importorskip('no_such_module')", tmp_path, ci="true")


@pytest.mark.process
def test_an_async_test_has_a_bound(tmp_path: Path) -> None:
    said = run_pytest("async def test_waits(): pass", tmp_path, ci="")
    assert "test_rules.py::test_waits waits without a bound" in said
