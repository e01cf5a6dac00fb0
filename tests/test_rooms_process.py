"""Rooms on a real server, with real telnet and nc: talk stays in its room, and all that matters outlasts kill -9."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .server import Person, Server, nc, telnet
from .support import needs
from .test_twistd import refused

pytestmark = pytest.mark.process

OPTIONS = ("--room", "lobby", "--room", "help", "--room-creation", "anyone", "--history", "5")

PASSWORD = "correct horse"


@needs("telnet", "inetutils-telnet")
def test_two_people_at_telnet_talk_in_two_rooms(tmp_path: Path) -> None:
    with Server(tmp_path, *OPTIONS) as server, telnet(server, "alice") as alice, telnet(server, "bob") as bob:
        alice.expect_exact("* bob joined\r\n")
        for somebody in (alice, bob):
            somebody.sendline("/join help")
            somebody.expect(r"\* You are .*in #help.*\r\n")
        alice.expect_exact("#help * bob joined\r\n")
        alice.sendline("in help")
        bob.expect_exact("#help alice: in help\r\n")
        alice.sendline("#lobby in the lobby")
        bob.expect_exact("#lobby alice: in the lobby\r\n")
        bob.sendline("/nick rob")
        alice.expect_exact("#lobby * bob is now rob\r\n")
        bob.sendline("/leave help")
        bob.expect_exact("* what you say goes to #lobby now\r\n")
        alice.expect_exact("#help * rob left\r\n")  # and nothing in between: the rename was told once
        alice.sendline("/leave lobby")
        alice.expect_exact("* what you say goes to #help now\r\n")
        bob.sendline("/join dev")
        bob.expect_exact("* You are alone in #dev. What you say goes there now; /room changes that.\r\n")
        alice.sendline("/rooms")
        alice.expect(r"\* #dev: 1 person\r\n\* #help: 1 person, you too\r\n\* #lobby: 1 person\r\n")


@needs("nc", "netcat-openbsd")
def test_a_pipe_into_nc_joins_talks_and_leaves_in_order(tmp_path: Path) -> None:
    with Server(tmp_path, *OPTIONS) as server, Person(server, "bob") as bob:
        bob.say("/join dev")
        bob.expect(r"#dev.*\r\n")
        sent = b"bot\n/join dev\nhello\n#lobby x\n/leave\nagain\n"
        told = nc(server, "-N", sent=sent).splitlines()[2:]
        assert told == [
            "* You are bot, in #lobby with bob. /help lists the commands, bye leaves.",
            "* You are in #dev with bob. What you say goes there now; /room changes that.",
            "#dev * bot left",
            "* what you say goes to #lobby now",
        ]
        assert bob.expect(r"#lobby \* bot left\r\n").splitlines() == [
            "#lobby * bot joined", "#dev * bot joined", "#dev bot: hello", "#lobby bot: x", "#dev * bot left",
            "#lobby bot: again", "#lobby * bot left",
        ]  # fmt: skip


def test_an_account_returns_to_its_rooms_after_kill_9(tmp_path: Path) -> None:
    server = Server(tmp_path, *OPTIONS)
    with server, Person(server, "alice") as alice:
        alice.say(
            f"/register {PASSWORD}", "/join dev", "/topic release on Friday", "/leave lobby", "last words", "/who"
        )
        alice.expect(r"\* 1 in #dev: alice\r\n")
        server.kill()
    with server, Person(server) as alice, Person(server, "bob") as bob:
        alice.say(f"/login alice {PASSWORD}")
        come_in = alice.expect(r"\* Topic of #dev: release on Friday\r\n")
        assert re.search(
            r"\[\d{4}-\d\d-\d\d \d\d:\d\d\] alice: last words\r\n\* You are alice, alone in #dev\.", come_in
        )
        bob.say("/rooms")
        bob.expect(r"\* #dev: 1 person: release on Friday\r\n\* #lobby: 1 person, you too\r\n\* #help: nobody\r\n")
        bob.say("/join dev", "/topic mine")
        bob.expect(r"! only moderators of the room may do that\r\n")
        alice.say("/topic still mine")
        bob.expect(r"#dev \* alice set the topic: still mine\r\n")
        server.terminate()
    assert server.query("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--room", "two words"], "--room: a room's name cannot hold U+0020, space"),
        (["--room", ""], "--room: a room's name has at least one character"),
        (["--room", "1st"], "--room: a room's name cannot begin with 1 (U+0031, digit one)"),
        (["--room", "x" * 51], "--room: a room's name has at most 50 characters, and this one has 51"),
        (["--room", "server"], "--room: server is reserved"),
        (["--room-creation", "nobody"], "--room-creation: "),
        (["--rooms", "0"], "--rooms: "),
        (["--rooms-per-account", "-1"], "--rooms-per-account: "),
    ],
)
def test_what_is_wrong_with_rooms_is_told_in_one_line(tmp_path: Path, options: list[str], told: str) -> None:
    line, server = refused(tmp_path, *options)
    assert line.startswith(f"chatroom: {told}"), line
    assert not [*server.where.iterdir()]
