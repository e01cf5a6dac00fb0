"""Formats of the log for programs that read it: `json`, an object a line, and `journal`, as systemd takes it from standard
error. `text` is twistd's own.

Whatever stands in an event, it is one line of at most 4 KiB and steers no terminal; and whether or not anybody takes it,
the server goes on.
"""

from __future__ import annotations

import json
import math
import os
import re
import select
import sys
import time
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from zope.interface import implementer

from .addresses import Addresses, shortened

LINE_BYTES = 4096
"""In one line with its end. It is PIPE_BUF of Linux (pipe(7)): so much goes into a pipe whole, and without waiting where
poll(2) says that there is room."""

TRACEBACK_LINES = 60
"""Of a traceback, half of them its first and half its last: one without an end has a thousand times the same in between."""

TRACEBACK_INDENT = "  "
"""Before its lines in the journal: all others begin with a bracket, so none can be taken for another event."""

PATIENCE = 100
"""Milliseconds for which the server waits, once, for who takes the log and has no room now. What comes until they have is
lost, and how much it was is logged."""

JSON_STRINGS = (2048, 512, 128)
"""Characters of each string in an object, fewer until it fits into a line."""

JSON_SURELY = ("time", "level", "namespace", "message", "cut")
"""What fits in any case: three strings of 128 characters, of 12 bytes each at most."""

INTEGER_BITS = 63
"""Of a number that programs take as one."""

PLAIN = (str, int, float, bool)

_OF_TWISTED = frozenset({
    "message", "time", "system", "isError", "failure", "why", "format", "logLevel", "level", "namespace", "traceback", "cut",
})  # fmt: skip
"""Fields that are no event's own: of twisted.python.log, which says the same in others, and ours."""

_PRIORITIES = {
    LogLevel.critical: 2,
    LogLevel.error: 3,
    LogLevel.warn: 4,
    LogLevel.info: 6,
    LogLevel.debug: 7,
}
"""Those of syslog(3), which sd-daemon(3) takes before a line."""

_IN_PREFIXES = {
    "log_system": re.compile(r"(?<=,)[^,]+$"),
    "system": re.compile(r"(?<=,)[^,]+$"),
    "peer": re.compile(r"(?<=host=')[^']+"),
}
"""Where Twisted names an address, in which field of an event."""

Lines = list[bytes]


def journal_log() -> ILogObserver:
    """What twistd is told to log to, for `journal`."""
    return Observer(standard_error(), as_journal)


def json_log() -> ILogObserver:
    """The same for `json`."""
    return Observer(standard_error(), as_json)


FACTORIES = {"json": json_log, "journal": journal_log}


def choose(twistd: MutableMapping[str, Any], format: str) -> None:
    """Have twistd log in this format: by the name of a factory, since it takes nothing else. Raises ValueError in words
    where standard error is not where the log goes."""
    if format == "text":
        return
    others = [f"--{other}" for other in ("logfile", "syslog", "logger") if twistd.get(other)]
    if others or not twistd.get("nodaemon"):
        without = f", and without {' and '.join(others)}" if others else ""
        raise ValueError(f"{format} goes to standard error: only together with twistd -n{without}")
    factory = FACTORIES[format]
    twistd["logger"] = f"{factory.__module__}.{factory.__name__}"


def shorten_prefixes(how: Addresses) -> None:
    """Before logging begins: in what twistd writes itself too, addresses are shortened."""
    if how is not Addresses.FULL:
        globalLogPublisher.addObserver(ShortenedPrefixes(how))


@implementer(ILogObserver)
class ShortenedPrefixes:
    """Changes events, for those who observe them after it. Twisted tells on which connection an error happened that nobody
    caught, as `[LineProtocol,7,192.0.2.1]`, and of which one it gave up, as `IPv4Address(... host='192.0.2.1' ...)`."""

    def __init__(self, how: Addresses) -> None:
        self._how = how

    def __call__(self, event: LogEvent) -> None:
        for name, address in _IN_PREFIXES.items():
            if isinstance(prefix := event.get(name), str):
                event[name] = address.sub(lambda found: shortened(found[0], self._how), prefix)


def standard_error() -> int | None:
    """A descriptor of our own; None when it was closed from the start, since then any file may have its number by now."""
    return None if sys.__stderr__ is None else os.dup(2)


@implementer(ILogObserver)
class Observer:
    """Writes events to a file, a pipe, a socket or a terminal. Raises nothing: Twisted would only log that to others."""

    def __init__(self, file: int | None, lines_of: Callable[[LogEvent], Lines]) -> None:
        self._file = file
        self._lines_of = lines_of
        self._lost = 0
        """Events since the last that was taken."""
        self._torn = False
        """A line stands there without its end."""

    def __call__(self, event: LogEvent) -> None:
        if self._file is None:
            return
        if self._lost and self._write(self._file, self._lines_of(_told_lost(self._lost))):
            self._lost = 0
        try:
            lines = self._lines_of(event)
        except Exception as error:
            lines = self._lines_of(_told_unformatted(event, error))
        if self._lost or not self._write(self._file, lines):
            self._lost += 1

    def _write(self, file: int, lines: Lines) -> bool:
        """Whether all was taken."""
        try:
            for line in lines:
                room = select.poll()  # one of its own, since threads log too, and one cannot be asked by two
                room.register(file, select.POLLOUT)
                if not room.poll(0 if self._lost else PATIENCE):
                    return False
                whole = b"\n" + line if self._torn else line
                written = os.write(file, whole)
                self._torn = 0 < written < len(whole) or (self._torn and not written)
                if written < len(whole):  # a disk that is full
                    return False
        except OSError:  # nobody reads it any more, or the disk is full: there is no other place to say so
            return False
        return True


def as_json(event: LogEvent) -> Lines:
    """`{"time": "2026-11-21T09:12:30.123Z", "level": "info", "namespace": ..., "message": ..., ...}`, then the event's own
    fields that are plain, and `traceback`; `cut` where not all is there."""
    message, traceback = formatEvent(event), _traceback(event)
    if not message and not traceback:
        return []
    told: dict[str, object] = {
        "time": _time(event),
        "level": _level(event).name,
        "namespace": str(event.get("log_namespace", "")),
        "message": message,
    }
    told |= {name: value for name, value in event.items() if _is_own(name, value)}
    if traceback:
        told["traceback"] = "\n".join(traceback)
    for longest in JSON_STRINGS:
        line = _json_line(told, longest)
        if len(line) <= LINE_BYTES:
            return [line]
    return [_json_line({name: told[name] for name in JSON_SURELY if name in told} | {"cut": True}, JSON_STRINGS[-1])]


def as_journal(event: LogEvent) -> Lines:
    """`<6>[chatroom.service] listening on ...`: neither time nor process, which the journal knows. Of a failure the traceback
    follows, a line for each of its own."""
    message, traceback = formatEvent(event), _traceback(event)
    if not message and not traceback:
        return []
    priority = f"<{_PRIORITIES[_level(event)]}>"
    lines = [f"[{event.get('log_namespace', '')}] {message}", *(TRACEBACK_INDENT + line for line in traceback)]
    return [_line(priority + line) for line in lines]


def _line(text: str) -> bytes:
    """As one: what is no printable character is written as in Python, `\\n` and `\\x1b`; cut where it is too long."""
    text = text[:LINE_BYTES]  # before it is looked at: it may be of any length
    if not text.isprintable():
        text = "".join([c if c.isprintable() else c.encode("unicode_escape").decode() for c in text])
    line = text.encode()
    if len(line) < LINE_BYTES:
        return line + b"\n"
    mark = " (cut)"
    return line[: LINE_BYTES - len(mark) - 1].decode(errors="ignore").encode() + f"{mark}\n".encode()


def _json_line(told: dict[str, object], longest: int) -> bytes:
    short = {name: _shortened(value, longest) if isinstance(value, str) else value for name, value in told.items()}
    if short != told:
        short["cut"] = True
    text = json.dumps(short, ensure_ascii=False, allow_nan=False)
    if not text.isprintable():  # what JSON leaves as it is: DEL, C1, what turns text around, lone surrogates
        text = "".join([c if c.isprintable() else _as_utf_16(c) for c in text])
    return text.encode() + b"\n"


def _as_utf_16(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def _shortened(text: str, longest: int) -> str:
    """Its beginning and its end: of a traceback, what was asked for and what went wrong."""
    return text if len(text) <= longest else f"{text[: longest // 2]} ... {text[-(longest // 2 - 5) :]}"


def _is_own(name: str, value: object) -> bool:
    if type(value) not in PLAIN or name.startswith("log_") or name in _OF_TWISTED:
        return False
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or value.bit_length() <= INTEGER_BITS


def _traceback(event: LogEvent) -> list[str]:
    failure = event.get("log_failure")
    if failure is None:
        return []
    lines: list[str] = failure.getTraceback().rstrip("\n").split("\n")
    if len(lines) <= TRACEBACK_LINES:
        return lines
    half = TRACEBACK_LINES // 2
    return [*lines[:half], f"({len(lines) - 2 * half} lines are left out)", *lines[-half:]]


def _level(event: LogEvent) -> Any:
    level = event.get("log_level")
    return level if level in _PRIORITIES else LogLevel.info


def _time(event: LogEvent) -> str:
    moment = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
    return f"{moment.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def _told_lost(count: int) -> LogEvent:
    return _of_ours("{lost} events are not in the log, since nobody took them", lost=count)


def _told_unformatted(event: LogEvent, error: Exception) -> LogEvent:
    where, why = str(event.get("log_namespace")), type(error).__name__
    return _of_ours("an event of {where} could not be written: {why}", where=where, why=why)


def _of_ours(format: str, **fields: object) -> LogEvent:
    return {
        "log_time": time.time(),
        "log_level": LogLevel.warn,
        "log_namespace": __name__,
        "log_format": format,
        **fields,
    }
