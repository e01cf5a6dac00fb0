"""Accounts on a real server: real telnets whose screens show no password, argon2 in its threads, and kill -9."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pexpect
import pytest

from .server import Person, Server, telnet
from .support import needs

pytestmark = pytest.mark.process

PASSWORD, ANOTHER, WRONG = "correct-horse-1", "battery-staple-2", "wrong-horse-3"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as server:
        yield server


def seen(terminal: pexpect.spawn[str]) -> StringIO:
    """All that the screen shows from now on."""
    terminal.logfile_read = StringIO()
    return terminal.logfile_read


@needs("busybox", "busybox")
def test_the_telnet_of_busybox_shows_no_password_that_is_asked_for_first(server: Server) -> None:
    with Person(server, "alice") as alice:
        alice.say(f"/register {PASSWORD}", "/quit")
        alice.rest()
    with telnet(server, program="busybox telnet") as alice:
        screen = seen(alice)
        alice.sendline("alice")
        alice.expect_exact("What is the password of alice?")
        alice.expect("\n")
        alice.sendline(PASSWORD)
        alice.expect_exact("* You are alice, ")
        assert PASSWORD not in screen.getvalue()


@needs("telnet", "inetutils-telnet")
def test_a_telnet_at_a_terminal_shows_no_password(server: Server) -> None:
    with telnet(server, "alice") as alice:
        screen = seen(alice)
        alice.sendline("/register")
        for answer in (PASSWORD, PASSWORD):
            alice.expect_exact("*")
            alice.expect("\n")
            alice.sendline(answer)
        alice.expect_exact("alice is your own now")
        alice.sendline("/password")
        for question, answer in (("now?", PASSWORD), ("password of alice?", ANOTHER), ("once more?", ANOTHER)):
            alice.expect_exact(question)
            alice.expect("\n")
            alice.sendline(answer)
        alice.expect_exact("your password was changed")
        alice.sendline("seen again")  # what is typed is shown again
        alice.expect_exact("seen again")
    with telnet(server) as alice:
        again = seen(alice)
        alice.sendline("alice")
        for answer, shown in ((WRONG, "Wrong name or password. "), (ANOTHER, "* You are alice, ")):
            alice.expect_exact("What is the password of alice?")
            alice.expect("\n")
            alice.sendline(answer)
            alice.expect_exact(shown)
    for password in (PASSWORD, ANOTHER, WRONG):
        assert password not in screen.getvalue() + again.getvalue()


def test_no_password_is_in_the_log_the_list_of_processes_or_the_store(server: Server) -> None:
    with Person(server, "alice") as alice, Person(server) as bob:
        alice.say(f"/register {PASSWORD}")
        alice.expect("alice is your own now")
        bob.say(f"/login alice {WRONG}", f"/login alice {PASSWORD}")
        bob.expect(r"! wrong name or password\r\n(.*\n)*\* You are alice, ")
        bob.send(json.dumps({"hello": {"nick": "alice", "password": ANOTHER}}).encode() + b"\n")
        alice.say("/history 100")
        history = alice.expect(r"alice: .*\n")
        files = b"".join(path.read_bytes() for path in server.where.iterdir() if path.is_file())
        arguments = Path(f"/proc/{server.pid}/cmdline").read_bytes() + Path(f"/proc/{server.pid}/environ").read_bytes()
        for password in (PASSWORD, WRONG):
            assert password.encode() not in files + arguments
            assert password not in "\n".join(server.log.lines) + history


def test_after_kill_9_accounts_and_what_waits_for_them_are_there(server: Server) -> None:
    with Person(server, "alice") as alice:
        alice.say(f"/register {PASSWORD}")
        alice.expect("alice is your own now")
        alice.say("/quit")
        alice.rest()
    with Person(server, "bob") as bob:
        bob.say("/msg alice first", "/msg alice second")
        bob.expect(r"(\* alice is not here.*\n){2}")
        server.kill()
    server.start()
    with Person(server) as alice:
        alice.say(f"/login alice {WRONG}", f"/login alice {PASSWORD}", "/account")
        heard = alice.expect(r"\* alice, since .*\n")
    assert "! wrong name or password" in heard
    assert re.findall(r"(?:bob -> you: .*|\* \d messages.*)\r\n", heard) == [
        "* 2 messages while you were away:\r\n",
        "bob -> you: first\r\n",
        "bob -> you: second\r\n",
    ]


def test_of_200_wrong_passwords_few_are_looked_at_whatever_they_are_sent_by(server: Server) -> None:
    with Person(server, "alice") as alice:
        alice.say(f"/register {PASSWORD}")
        alice.expect("alice is your own now")
        answers: list[str] = []
        for number in range(100):
            with Person(server) as text, Person(server) as program:
                text.say(f"/login alice {WRONG}{number}", "/quit")
                program.say(json.dumps({"hello": {"nick": "alice", "password": f"{WRONG}{number}"}}), '{"quit": {}}')
                answers += re.findall(r"wrong name or password|too many tries", text.rest() + program.rest())
        assert len(answers) == 200
        assert answers.count("wrong name or password") == 5
        alice.say("hello")
        alice.say("/whois alice")
        alice.expect(r"\* alice: here since")
