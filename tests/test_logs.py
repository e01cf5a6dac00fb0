"""The log's formats: whatever stands in an event it is one line, no longer than 4 KiB, and steers no terminal; and the server
goes on whoever reads it.
"""

from __future__ import annotations

import json
import os
import re
import select
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel
from twisted.python.failure import Failure
from twisted.python.reflect import namedAny
from zope.interface.verify import verifyObject

from chatroom.operations import logs
from chatroom.operations.addresses import Addresses
from chatroom.operations.logs import (
    LINE_BYTES,
    TRACEBACK_LINES,
    Observer,
    ShortenedPrefixes,
    as_journal,
    as_json,
    choose,
)

from . import harm

FORMATS = {"json": as_json, "journal": as_journal}

DANGERS = [
    "two\nlines", "\r[chatroom.service] forged", "\x1b[2J", "\x9b2J", "%(x)s", "{x}", "{log_time}", "x" * 1_000_000, "\0",
    "\x7f", "\n2026-11-21T00:00:00+0000 [chatroom.service#info] forged", "\n<2>[chatroom.service] forged", "\u202eeve",
    "\u2028", '"}\n{"level": "critical"}', "\ud800", "\U000e0041", "\N{GRINNING FACE}" * 3000, "\\", "é" * 5000, "\n" * 10_000,
]  # fmt: skip


class Written:
    """All that an observer wrote, by a real pipe."""

    def __init__(self, lines_of: Callable[[LogEvent], list[bytes]]) -> None:
        self._read, write = os.pipe()
        os.set_blocking(self._read, False)
        self.observer = Observer(write, lines_of)
        self.log = Logger(namespace="chatroom.tests", observer=self.observer)

    def taken(self) -> list[bytes]:
        """The lines since the last time."""
        taken = b""
        while select.select([self._read], [], [], 0)[0] and (more := os.read(self._read, 1 << 16)):
            taken += more
        assert taken.endswith(b"\n") or not taken
        return taken.split(b"\n")[:-1]

    def stop_reading(self) -> None:
        os.close(self._read)


@pytest.fixture(params=FORMATS)
def format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def written(format: str) -> Written:
    return Written(FORMATS[format])


@pytest.fixture
def as_objects() -> Written:
    return Written(as_json)


@pytest.fixture
def as_lines() -> Written:
    return Written(as_journal)


def harmless(lines: list[bytes]) -> bool:
    return not any(harm.HARM.search(line.decode()) or len(line) >= LINE_BYTES for line in lines)


def failed(why: str, deep: int = 0) -> Failure:
    try:
        if deep:
            failed_at(deep)
        raise ValueError(why)
    except (ValueError, RecursionError):
        return Failure()


def failed_at(deep: int) -> None:
    if deep:
        failed_at(deep - 1)
    raise RecursionError("too deep")


# What a line is


def test_json_is_one_object_with_the_time_the_level_where_what_and_the_events_own_plain_fields(
    as_objects: Written,
) -> None:
    as_objects.log.emit(
        LogLevel.warn, "{who} did {what}", who="alice", what=3, share=0.5, sure=True, thing=object(), log_time=1.25
    )
    (line,) = as_objects.taken()
    assert re.fullmatch(
        rb'\{"time": "20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "level": "warn", "namespace": "chatroom\.tests", '
        rb'"message": "alice did 3", "who": "alice", "what": 3, "share": 0\.5, "sure": true\}',
        line,
    )


def test_the_time_is_utc(as_objects: Written) -> None:
    as_objects.observer({"log_format": "hello", "log_time": 1_795_255_200.25})
    (line,) = as_objects.taken()
    assert json.loads(line)["time"] == "2026-11-21T10:00:00.250Z"


def test_the_journal_is_told_the_priority_and_where_it_happened_and_no_time(as_lines: Written) -> None:
    for level in (LogLevel.critical, LogLevel.error, LogLevel.warn, LogLevel.info, LogLevel.debug):
        as_lines.log.emit(level, "it is {how}", how=level.name)
    assert as_lines.taken() == [
        b"<2>[chatroom.tests] it is critical",
        b"<3>[chatroom.tests] it is error",
        b"<4>[chatroom.tests] it is warn",
        b"<6>[chatroom.tests] it is info",
        b"<7>[chatroom.tests] it is debug",
    ]


def test_a_traceback_is_a_field_of_json(as_objects: Written) -> None:
    as_objects.log.failure("it failed", failed("no\nwonder"))
    (line,) = as_objects.taken()
    told = json.loads(line)
    assert told["message"] == "it failed"
    assert told["level"] == "critical"
    assert told["traceback"].startswith("Traceback (most recent call last):\n")
    assert told["traceback"].endswith("builtins.ValueError: no\nwonder")


def test_in_the_journal_each_line_of_a_traceback_has_the_priority_and_none_looks_like_another_event(
    as_lines: Written,
) -> None:
    as_lines.log.failure("it failed", failed("no wonder\n<6>[chatroom.service] forged\n[chatroom.service] forged"))
    first, *others = as_lines.taken()
    assert first == b"<2>[chatroom.tests] it failed"
    assert others[0] == b"<2>  Traceback (most recent call last):"
    assert others[-1] == b"<2>  [chatroom.service] forged"
    assert all(line.startswith(b"<2>  ") for line in others)


def test_of_a_traceback_without_an_end_the_first_and_the_last_are_there(as_lines: Written) -> None:
    as_lines.log.failure("it failed", failed("", 500))
    lines = as_lines.taken()
    assert len(lines) == 1 + TRACEBACK_LINES + 1
    assert lines[1] == b"<2>  Traceback (most recent call last):"
    assert re.fullmatch(rb"<2>  \(\d+ lines are left out\)", lines[1 + TRACEBACK_LINES // 2])
    assert lines[-1] == b"<2>  builtins.RecursionError: too deep"


def test_what_says_nothing_is_not_logged(written: Written) -> None:
    written.observer({"log_level": LogLevel.info, "log_time": 1.0})
    assert not written.taken()


# What is in it


@pytest.mark.parametrize("danger", DANGERS, ids=lambda danger: ascii(danger)[:30])
def test_whatever_is_in_a_field_is_one_line_that_harms_nobody(format: str, written: Written, danger: str) -> None:
    written.log.info("somebody {did} it", did=danger, other=danger, x="no")
    lines = written.taken()
    assert len(lines) == 1
    assert harmless(lines)
    if format == "json":
        told = json.loads(lines[0])
        assert told["level"] == "info"
        assert told["namespace"] == "chatroom.tests"
        if not told.get("cut"):
            assert told["message"] == f"somebody {danger} it"
            assert told["other"] == danger


@pytest.mark.parametrize("danger", DANGERS, ids=lambda danger: ascii(danger)[:30])
def test_whatever_is_in_a_failure_no_line_of_it_is_another_event(format: str, written: Written, danger: str) -> None:
    written.log.failure("it failed", failed(danger))
    lines = written.taken()
    assert harmless(lines)
    assert len([line for line in lines if not line.startswith(b"<2>  ")]) == 1
    if format == "json":
        assert json.loads(lines[0])["traceback"].startswith("Traceback")


def test_an_event_of_many_long_fields_is_one_line_and_tells_that_it_was_cut(as_objects: Written) -> None:
    as_objects.log.info("all of it", **{f"field_{number}": "x" * 1000 for number in range(1000)})
    (line,) = as_objects.taken()
    told = json.loads(line)
    assert len(line) < LINE_BYTES
    assert told["message"] == "all of it"
    assert told["cut"] is True


def test_a_line_of_the_journal_that_is_too_long_is_cut_and_says_so(as_lines: Written) -> None:
    as_lines.log.info("{text}", text="é" * 4000)
    (line,) = as_lines.taken()
    assert LINE_BYTES - 3 < len(line) < LINE_BYTES
    assert line.endswith("é (cut)".encode())


NUMBERS = [float("nan"), float("inf"), 10**5000, -(1 << 64)]


@pytest.mark.parametrize("number", NUMBERS, ids=["nan", "inf", "huge", "long"])
def test_a_number_that_is_none_in_json_is_left_out(as_objects: Written, number: float) -> None:
    as_objects.log.info("hello", number=number, system="-", isError=0)
    (line,) = as_objects.taken()
    assert {*json.loads(line)} == {"time", "level", "namespace", "message"}


class Unspeakable:
    def __str__(self) -> str:
        raise ValueError("\x1b no words")

    __repr__ = __str__


def test_what_cannot_be_formatted_is_told_in_a_line_too(written: Written) -> None:
    written.log.info("it is {what}", what=Unspeakable())
    written.log.info("it is {nothing}", log_time="yesterday", log_level="loud")
    written.observer({"log_format": "when?", "log_time": "yesterday", "log_failure": "none", "log_namespace": "n"})
    lines = written.taken()
    assert len(lines) == 3
    assert harmless(lines)
    assert b"an event of n could not be written: " in lines[2]


@given(
    event=st.dictionaries(st.sampled_from(["log_format", "log_namespace", "a", "b", "why"]), st.text() | st.integers())
)
def test_any_text_at_all_is_one_line(event: dict[str, Any]) -> None:
    for lines_of in FORMATS.values():
        lines = [line.removesuffix(b"\n") for line in lines_of({"log_time": 0.0, **event})]
        assert len(lines) <= 1
        assert harmless(lines)
        if lines_of is as_json and lines:
            json.loads(lines[0])


# Who takes it


def test_nobody_who_reads_costs_the_log_but_not_the_server(written: Written) -> None:
    written.stop_reading()
    written.log.info("into the void")
    written.log.info("and again")


def test_a_standard_error_that_was_closed_from_the_start_is_written_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "__stderr__", None)
    assert logs.standard_error() is None
    observer = logs.json_log()
    observer({"log_format": "hello", "log_time": 0.0})
    assert verifyObject(ILogObserver, observer)


def test_who_does_not_read_loses_events_and_is_told_how_many(written: Written) -> None:
    fill = "x" * 1000
    for number in range(1000):
        written.log.info("{number} {fill}", number=number, fill=fill)
    taken = written.taken()
    assert 0 < len(taken) < 1000
    written.log.info("and now")
    lost, now = written.taken()
    assert f"{1000 - len(taken)} events are not in the log".encode() in lost
    assert b"and now" in now
    written.log.info("and so on")
    assert len(written.taken()) == 1


def test_threads_that_log_at_once_write_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("ab") as file:
        observer = Observer(file.fileno(), as_json)
        start = Barrier(4)

        def log(thread: int) -> None:
            start.wait()
            for number in range(500):
                observer({"log_format": "{thread} {number}", "thread": thread, "number": number, "log_time": 0.0})

        threads = [Thread(target=log, args=(thread,)) for thread in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    told = [json.loads(line)["message"] for line in path.read_text().splitlines()]
    assert sorted(told) == sorted(f"{thread} {number}" for thread in range(4) for number in range(500))


def test_on_a_disk_that_was_full_what_follows_a_torn_line_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write of which the kernel took a part: a real full disk is tried by test_logs_process.py."""
    path = tmp_path / "log"
    with path.open("wb") as file:
        observer = Observer(file.fileno(), as_journal)
        write = os.write
        monkeypatch.setattr(os, "write", lambda file, line: write(file, line[:7]))
        observer({"log_format": "first", "log_namespace": "n"})
        monkeypatch.undo()
        observer({"log_format": "second", "log_namespace": "n"})
    torn, lost, second = path.read_text().splitlines()
    assert torn == "<6>[n] "
    assert "1 events are not in the log" in lost
    assert second == "<6>[n] second"


# Choosing it


def test_text_leaves_twistd_as_it_is() -> None:
    twistd: dict[str, Any] = {"nodaemon": False, "logfile": "x"}
    choose(twistd, "text")
    assert twistd == {"nodaemon": False, "logfile": "x"}


def test_twistd_is_told_the_name_of_what_makes_the_observer(format: str) -> None:
    twistd: dict[str, Any] = {"nodaemon": True, "logfile": None, "syslog": 0, "logger": None}
    choose(twistd, format)
    observer = namedAny(twistd["logger"])()
    assert verifyObject(ILogObserver, observer)


@pytest.mark.parametrize(
    ("twistd", "words"),
    [
        ({}, "only together with twistd -n"),
        ({"nodaemon": False}, "only together with twistd -n"),
        ({"nodaemon": True, "logfile": "x"}, "and without --logfile"),
        ({"nodaemon": True, "logfile": "-", "syslog": 1}, "and without --logfile and --syslog"),
        ({"nodaemon": True, "logger": "twisted.logger.globalLogPublisher"}, "and without --logger"),
    ],
)
def test_where_standard_error_is_not_where_the_log_goes_that_is_said(
    format: str, twistd: dict[str, Any], words: str
) -> None:
    with pytest.raises(
        ValueError, match=f"^{format} goes to standard error: only together with twistd -n.*{words}?$|{words}$"
    ):
        choose(twistd, format)


# Addresses in what twistd writes itself


@pytest.mark.parametrize(
    ("how", "told"), [(Addresses.FULL, "192.0.2.7"), (Addresses.NETWORK, "192.0.2.0/24"), (Addresses.NONE, "-")]
)
def test_what_twisted_says_of_a_connection_tells_no_more_of_its_address(how: Addresses, told: str) -> None:
    event: dict[str, Any] = {"log_system": "LineProtocol (TLS),7,192.0.2.7", "system": "-"}
    ShortenedPrefixes(how)(event)
    assert event == {"log_system": f"LineProtocol (TLS),7,{told}", "system": "-"}
    event = {"peer": "IPv4Address(type='TCP', host='192.0.2.7', port=5)"}
    ShortenedPrefixes(how)(event)
    assert event == {"peer": f"IPv4Address(type='TCP', host='{told}', port=5)"}
