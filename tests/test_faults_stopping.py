"""SIGTERM in full flow: nothing that was acknowledged is lost, nobody new is let in, and all are told."""

from __future__ import annotations

import json
import re
import signal
import socket
import threading
from pathlib import Path

import pytest

from .server import Listener, Person, Server

pytestmark = pytest.mark.process

STOPS = 3
"""Each takes three seconds, and more the more has been said before: twenty, as once tried, took 91."""

LINES_BETWEEN = 250
"""So many lines of one sender are acknowledged before the next stop."""

FAREWELL = "* the server is stopping; come back soon"


class Sender(threading.Thread):
    """A program that says numbered lines as fast as they are taken. Those that come back to it are acknowledged."""

    def __init__(self, server: Server, nick: str) -> None:
        super().__init__(daemon=True)
        self._nick = nick
        self._person = Person(server)
        self._person.say(json.dumps({"hello": {"nick": nick}}))
        self._person.expect('"welcome".*\n')
        self._listener = Listener(self._person)
        self.start()

    def run(self) -> None:
        try:
            for number in range(10**9):
                self._person.say(json.dumps({"say": {"text": f"{number}"}, "id": f"{self._nick}-{number}"}))
        except OSError:  # it is gone
            pass

    def heard(self) -> list[dict[str, object]]:
        """All whole lines that came."""
        return [json.loads(line) for line in re.findall(r".*\n", self._listener.rest())]

    def acknowledged(self) -> list[int]:
        return [
            int(str(event["text"]))
            for event in self.heard()
            if event.get("event") == "said" and event["nick"] == self._nick
        ]


SAID = "SELECT nick, text FROM entries WHERE kind = 'said' ORDER BY position"


def is_refused(server: Server) -> bool:
    with socket.socket() as newcomer:
        return newcomer.connect_ex(("127.0.0.1", server.port)) != 0


def test_what_was_acknowledged_is_kept_and_all_are_told_however_often_it_is_stopped(tmp_path: Path) -> None:
    server = Server(tmp_path, "--no-limits", "--history", "0")
    logged = 0
    for stop in range(STOPS):
        with server:
            listeners = [Listener(Person(server, f"listener-{number}")) for number in range(3)]
            watcher = Person(server, "watcher")
            nicks = [f"sender-{stop}{letter}" for letter in "abc"]
            senders = {nick: Sender(server, nick) for nick in nicks}
            watcher.expect(rf"{nicks[0]}: {LINES_BETWEEN}\r\n")
            server.process.send_signal(signal.SIGTERM)
            server.wait_for_line("UNIX Port")  # it is closed after those for people, and in the same turn
            assert is_refused(server)
            assert watcher.rest().splitlines()[-1] == FAREWELL
            assert server.end() == -signal.SIGTERM
            waiting = tmp_path / "chatroom.db-wal"  # of what is in the database itself by now
            assert not waiting.exists() or waiting.stat().st_size == 0
            log = server.query(f"{SAID} LIMIT -1 OFFSET {logged}")
            logged += len(log)
            for nick, sender in senders.items():
                acknowledged = sender.acknowledged()
                assert acknowledged == [int(text) for author, text in log if author == nick]
                assert acknowledged == [*range(len(acknowledged))]
                assert {"notice": FAREWELL.removeprefix("* ")} in sender.heard()[-2:]
            for listener in listeners:
                assert listener.rest().splitlines()[-1] == FAREWELL
    assert server.query("PRAGMA integrity_check") == [("ok",)]
    assert logged >= STOPS * LINES_BETWEEN


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_tells_it_twice_does_not_wait_and_nothing_is_lost(tmp_path: Path, number: signal.Signals) -> None:
    with Server(tmp_path, "--rate", "0", "--history", "0") as server:
        sleeper, bob = Person(server, "sleeper", buffer=4096), Person(server, "bob")
        bob.say(*["x" * 1000] * 2000)
        bob.say("/who")
        bob.expect(r"\* 2 in")
        server.process.send_signal(number)
        bob.expect("the server is stopping")
        server.process.send_signal(number)
        assert server.end() == -number
        assert "Main loop terminated" not in str(server.log)  # it did not come to the end of its farewell
        assert sleeper.socket.fileno() > 0
    with server, Person(server, "bob"):
        assert server.said() == ["x" * 1000] * 2000
        server.terminate()
