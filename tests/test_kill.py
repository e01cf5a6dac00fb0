"""kill -9 in full flow: what anybody had seen is in the log afterwards, once and in order."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from .server import Listener, Person, Server, Talker

pytestmark = pytest.mark.process

KILLS = 20
LINES_BETWEEN = 250
"""So many lines of one talker are seen by somebody before the next kill."""

TALKERS, LISTENERS = 4, 4

SAID = "SELECT nick, text FROM entries WHERE kind = 'said' ORDER BY position"


def talk(heard: str) -> list[tuple[str, int]]:
    """Nickname and number of each whole line of talk, in order."""
    return [(nick, int(number)) for nick, number in re.findall(r"^(talker-\w+): (\d+)\r\n", heard, re.MULTILINE)]


def said(log: list[tuple[str, int]], nick: str) -> int:
    """How many lines of one talker."""
    return sum(talker == nick for talker, _ in log)


def test_what_anybody_had_seen_survives_20_kills_once_and_in_order(tmp_path: Path) -> None:
    server = Server(tmp_path, "--rate", "0", "--history", "0")
    logged = 0
    for kill in range(KILLS):
        with server:
            listeners = [Listener(Person(server, f"listener-{number}")) for number in range(LISTENERS)]
            watcher = Person(server, "watcher")
            nicks = [f"talker-{kill}{letter}" for letter in "abcd"[:TALKERS]]
            talkers = [Talker(person) for person in [Person(server, nick) for nick in nicks]]
            heard = [watcher.expect(rf"{nicks[0]}: {LINES_BETWEEN}\r\n")]
            server.process.send_signal(signal.SIGKILL)
            assert server.end() == -signal.SIGKILL
            heard[0] += watcher.rest()
            heard += [listener.rest() for listener in listeners]
            log = [(nick, int(text)) for nick, text in server.query(f"{SAID} LIMIT -1 OFFSET {logged}")]
            logged += len(log)
            for nick in nicks:  # doubled: 0
                assert [number for talker, number in log if talker == nick] == [*range(said(log, nick))]
            for words in heard:
                seen = talk(words)
                assert seen == log[: len(seen)]  # lost, phantom, reordered: 0
            for nick, talker in zip(nicks, talkers, strict=True):
                seen = talk(talker.rest())
                others = [line for line in log if line[0] != nick]
                start = others.index(seen[0]) if seen else 0
                assert seen == others[start : start + len(seen)]
    with server, Person(server, "alice") as alice:
        alice.say("/echo on", "all is well")
        alice.expect("alice: all is well\r\n")
        server.terminate()
    assert server.query("PRAGMA integrity_check") == [("ok",)]
    assert len(server.said()) == logged + 1 >= KILLS * LINES_BETWEEN
