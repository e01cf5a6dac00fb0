"""The full screen while the connection comes and goes, and what is asked that nobody is to see."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from json import dumps
from pathlib import Path

import pytest

from .screen import SIZES, Screen
from .server import Person, Server, until
from .support import needs

pytestmark = [pytest.mark.process, needs("tmux", "tmux")]

PASSWORD = "correct horse"


@pytest.fixture
def serve(tmp_path: Path) -> Callable[[], Server]:
    """Start a server: always the same one, with the same port and storage."""
    port = 0

    def start() -> Server:
        nonlocal port
        server = Server(tmp_path, "--no-limits", lines=(f"tcp:{port}:interface=127.0.0.1",)).start()
        port = server.port
        return server

    return start


@pytest.mark.parametrize("size", SIZES, ids=[f"{columns}x{rows}" for columns, rows in SIZES])
def test_a_server_that_is_killed_twice_in_a_conversation(
    serve: Callable[[], Server], tmp_path: Path, size: tuple[int, int]
) -> None:
    with serve() as server, Screen.to(server, tmp_path / "home", size=size) as alice:
        alice.expect("You are alice")
        with Person(server, "bob") as bob:
            bob.say("before")
            alice.expect("bob: before$")
            alice.say("mine")
            bob.expect("alice: mine")
            alice.type("half a line")
            server.kill()
        for again in ("once", "twice"):
            alice.expect("^ #lobby .*offline")
            alice.expect_typed("half a line")
            alice.keys("C-u")
            alice.say(f"typed {again} meanwhile")
            alice.expect(rf"alice: typed {again} meanwhile\s\(not\s+sent\s+yet\)$")
            alice.expect("^ #lobby .*offline, 1 not sent")
            alice.type("half a line")
            alice.expect_typed("half a line")
            alice.resize(*(SIZES[0] if again == "once" else size))
            alice.kill(signal.SIGSTOP)
            with serve() as server, Person(server, f"carol-{again}") as carol:  # noqa: PLW2901
                carol.say(f"missed {again} 1", f"missed {again} 2")
                until(lambda: f"missed {again} 2" in server.said(), "it was said")  # noqa: B023
                alice.kill(signal.SIGCONT)
                carol.expect(f"alice: typed {again} meanwhile")
                alice.expect(
                    rf"carol-{again}: missed {again} 1\n.*missed {again} 2\n(.*\n)*.*alice: typed {again} meanwhile$"
                )
                alice.expect(r"^ #lobby .*2 here *$")
                alice.expect_typed("half a line")
                assert alice.text.count(f"missed {again} 1") == alice.text.count(f"typed {again} meanwhile") == 1
                assert "not sent" not in alice.text
                server.kill()
        assert server.said() == [
            "before", "mine", "missed once 1", "missed once 2", "typed once meanwhile",
            "missed twice 1", "missed twice 2", "typed twice meanwhile",
        ]  # fmt: skip
        alice.expect("offline")
        alice.keys("C-c", "C-c", "C-c")
        assert alice.gone() == 0


def test_who_leaves_with_lines_that_were_not_sent_is_asked_once(serve: Callable[[], Server], tmp_path: Path) -> None:
    with serve() as server, Screen.to(server, tmp_path / "home") as alice:
        alice.expect("You are alice")
        server.kill()
        alice.expect("offline")
        alice.say("never said")
        alice.expect("not sent yet")
        alice.keys("C-d")
        alice.expect("^1 line was not sent yet; once more leaves without$")
        alice.keys("C-d")
        assert alice.gone() == 1
        alice.expect("^chatroom: 1 line may not have been said$")


def test_passwords_are_asked_for_hidden_and_the_half_typed_line_comes_back(
    serve: Callable[[], Server], tmp_path: Path
) -> None:
    with serve() as server, Screen.to(server, tmp_path / "home") as alice:
        alice.expect("You are alice")
        seen = []

        def answer(question: str, words: str) -> None:
            alice.expect(question)
            alice.type(words)
            alice.expect(rf"^\*{{{len(words)}}}$")
            seen.append(alice.text)
            alice.keys("Enter")

        alice.say("/register")
        answer("^What is to be the password of alice", "too s")
        answer("^A password has at least 8 characters", PASSWORD)
        answer("^The same once more", PASSWORD)
        alice.expect("is yours now|your own|registered")
        alice.expect_typed("alice> ")
        alice.type("half a line")
        alice.keys("Home")
        with Person(server) as other:
            other.say(dumps({"hello": {"nick": "alice", "password": PASSWORD}}))
            other.expect("welcome")
            other.say(dumps({"password": {"old": PASSWORD, "new": f"{PASSWORD} 2"}}))
            answer("^.*hat is the password of alice", "wrong horse")
            answer("^wrong name or password; what is the password of alice", f"{PASSWORD} 2")
            alice.expect("^alice> half a line$")
            alice.expect_typed("alice> ", "half a line")
            alice.keys("C-c")
            seen.append(alice.text)
        alice.say("/logout")
        assert alice.gone() == 0
        seen.append(alice.text)
        assert not re.search("horse|too s", "".join(seen))
    with serve() as server, Screen.to(server, tmp_path / "home", nick="guest") as guest:
        guest.expect("You are guest")
        guest.say("/login alice")
        guest.expect("^What is the password of alice")
        guest.keys("C-c")
        guest.expect("nothing was changed")
        guest.say("/login alice")
        guest.expect("^What is the password of alice")
        guest.say(f"{PASSWORD} 2")
        guest.expect("^alice> $|^alice>$")
        guest.keys("Up")
        guest.expect_typed("alice> /logout")  # of the session before
