"""What people have at hand talks to a real server: telnet at a terminal, netcat, busybox, socat."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .server import ENVIRONMENT, PATIENCE, Person, Server, nc, telnet
from .support import needs

pytestmark = pytest.mark.process

NETCAT = needs("nc", "netcat-openbsd")
TELNET = needs("telnet", "inetutils-telnet")

CTRL_C, CTRL_D, BACKSPACE = "\x03", "\x04", "\x7f"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), "--history", "0") as server:
        yield server


@pytest.fixture
def bob(server: Server) -> Iterator[Person]:
    """Somebody who watches."""
    with Person(server, "bob") as bob:
        yield bob
        bob.say("/quit")
        bob.rest()


# telnet


@TELNET
def test_two_people_at_telnet_talk(server: Server) -> None:
    with telnet(server, "alice") as alice, telnet(server, "carol") as carol:
        alice.expect_exact("* carol joined\r\n")
        carol.sendline("hello, alice")
        alice.expect_exact("carol: hello, alice\r\n")
        alice.sendline("grüße, 你好, γειά, 👋")
        carol.expect_exact("alice: grüße, 你好, γειά, 👋\r\n")
        carol.sendline("/me waves")
        alice.expect_exact("* carol waves\r\n")
        carol.sendline("/who")
        carol.expect_exact("* 2 in #lobby: alice, carol\r\n")
        carol.sendline("bye")
        alice.expect_exact("* carol left\r\n")
        carol.expect("Connection closed by foreign host")
        alice.sendline("/quit")
        alice.expect("Connection closed by foreign host")


@TELNET
def test_telnet_is_healed_of_taking_letters_for_control_characters(server: Server, bob: Person) -> None:
    """It takes the second byte of "Ü" for Ctrl-\\, that of "у" for Ctrl-C, until it is asked for 8 bits."""
    with telnet(server, "alice") as alice:
        alice.sendline("Ü")
        alice.sendline("still here")
        bob.expect(r"alice: still here\r\n")
        for line in ("Übung", "Привет, как у тебя дела? Нормально.", "Ýmir, Ångström, שלום, 👋🏽"):
            alice.sendline(line)
            bob.expect(rf"^alice: {re.escape(line)}\r\n")
            bob.say(f"> {line}")
            alice.expect_exact(f"bob: > {line}\r\n")
        alice.send("never mind")
        alice.send(CTRL_C)
        alice.sendline("bye")
        bob.expect(r"^\* alice left\r\n")


@TELNET
def test_ctrl_c_amid_a_line_throws_it_away_and_the_session_goes_on(server: Server, bob: Person) -> None:
    """telnet shows nothing more after it until the server has answered its DO TIMING-MARK."""
    with telnet(server, "alice") as alice:
        for number in range(3):
            alice.send("never mind")
            alice.expect_exact("never mind")
            alice.send(CTRL_C)
            alice.sendline(f"rather this {number}")
            bob.expect(rf"(^|\n)alice: rather this {number}\r\n")
            bob.say(f"I see {number}")
            alice.expect_exact(f"bob: I see {number}\r\n")


@TELNET
def test_ctrl_d_leaves(server: Server, bob: Person) -> None:
    with telnet(server, "alice") as alice:
        alice.send(CTRL_D)
        bob.expect(r"\* alice left\r\n")
        alice.expect("Connection closed by foreign host")


@TELNET
def test_ctrl_d_behind_words_is_no_end(server: Server, bob: Person) -> None:
    with telnet(server, "alice") as alice:
        alice.send("half")
        alice.send(CTRL_D)
        alice.sendline(" and half")
        bob.expect(r"alice: half and half\r\n")


@TELNET
def test_what_backspace_took_away_is_not_said(server: Server, bob: Person) -> None:
    with telnet(server, "alice") as alice:
        alice.send("helpp" + BACKSPACE * 2 + "lo")
        alice.sendline()
        bob.expect(r"alice: hello\r\n")


@TELNET
def test_a_paste_of_50_lines_arrives_whole_and_in_order(server: Server, bob: Person) -> None:
    with telnet(server, "alice") as alice:
        alice.send("".join(f"line {number}\n" for number in range(50)))
        bob.expect(r"\* alice joined\r\n")
        assert bob.lines(50) == [f"alice: line {number}" for number in range(50)]


@TELNET
def test_killing_telnet_is_seen_as_leaving_once(server: Server, bob: Person) -> None:
    with telnet(server, "alice") as alice:
        alice.sendline("here")
        bob.expect(r"alice: here\r\n")
    bob.expect(r"\* alice left\r\n")
    with Person(server, "carol") as carol:
        assert bob.silent(carol).splitlines() == ["* carol joined"]


# busybox telnet, socat


@needs("busybox", "busybox")
def test_the_telnet_of_busybox_talks(server: Server, bob: Person) -> None:
    with telnet(server, "alice", program="busybox telnet") as alice:
        alice.sendline("grüße")
        bob.expect(r"alice: grüße\r\n")
        bob.say("and to you")
        alice.expect("bob: and to you\r+\n")
        alice.send(CTRL_D)
        bob.expect(r"\* alice left\r\n")


@needs("socat", "socat")
def test_socat_with_a_lone_cr_at_the_end_of_lines_talks(server: Server) -> None:
    said = subprocess.run(
        ["socat", "-t", str(PATIENCE), "-", f"TCP:127.0.0.1:{server.port},cr"],
        input=b"alice\nhello\n/who\nbye\n",
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    ).stdout.decode()
    assert "* You are alice" in said
    assert "* 1 in #lobby: alice" in said


# nc


@NETCAT
@pytest.mark.parametrize("options", [[], ["-C"]], ids=["LF", "CR LF"])
def test_nc_talks(server: Server, bob: Person, options: list[str]) -> None:
    with subprocess.Popen(
        ["nc", *options, "127.0.0.1", str(server.port)], env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"alice\nhello\n")
        process.stdin.flush()
        bob.expect(r"alice: hello\r\n")
        bob.say("hello yourself")
        said = b""
        while b"bob: hello yourself\r\n" not in said:
            said += process.stdout.readline()
        assert b"* You are alice, in #lobby with bob." in said
        process.stdin.write(b"bye\n")
        process.stdin.flush()
        bob.expect(r"\* alice left\r\n")
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


@NETCAT
def test_a_pipe_into_nc_gets_all_its_replies(tmp_path: Path) -> None:
    # Of its own, and without limits: who comes and goes so often is told of once a second, and so is who comes after.
    with Server(tmp_path, "--no-limits", "--history", "0") as server, Person(server, "bob") as bob:
        for time in range(20):
            said = nc(server, "-N", sent=f"bot\nhi {time}\n/who\n".encode())
            assert said.splitlines()[2:] == [
                "* You are bot, in #lobby with bob. /help lists the commands, bye leaves.",
                "* 2 in #lobby: bob, bot",
            ]
            bob.expect(rf"bot: hi {time}\r\n\* bot left\r\n")


@NETCAT
def test_a_last_line_without_an_end_counts(server: Server, bob: Person) -> None:
    assert "* You are bot" in nc(server, "-N", sent=b"bot\nhi")
    bob.expect(r"bot: hi\r\n\* bot left\r\n")
    assert "* You are bot" in nc(server, "-N", sent=b"bot")
    bob.expect(r"\* bot joined\r\n\* bot left\r\n")
    assert "* 2 in #lobby: bob, bot\r\n" in nc(server, "-N", sent=b"bot\r\n/who\r")


@NETCAT
def test_a_pipe_of_2000_lines_arrives_whole(tmp_path: Path) -> None:
    with Server(tmp_path, "--rate", "0") as server, Person(server, "bob") as bob:
        nc(server, "-N", sent=b"".join(b"%d\n" % number for number in [*range(2001)]).replace(b"0\n", b"bot\n", 1))
        heard = bob.expect(r"\* bot left\r\n").splitlines()
        assert heard == ["* bot joined", *[f"bot: {number}" for number in range(1, 2001)], "* bot left"]
        assert server.said() == [str(number) for number in range(1, 2001)]


# A connection that breaks


def test_a_broken_connection_is_seen_as_leaving_once(server: Server, bob: Person) -> None:
    alice = Person(server, "alice")
    alice.say("here")
    bob.expect(r"alice: here\r\n")
    alice.reset()
    bob.expect(r"\* alice left\r\n")
    with Person(server, "alice") as alice:  # the nickname is free again
        assert bob.silent(alice).splitlines() == ["* alice joined"]


def test_what_was_sent_before_the_connection_broke_is_said(server: Server, bob: Person) -> None:
    alice = Person(server, "alice")
    alice.say("last words")
    alice.close()  # what she has not read yet makes this a reset
    assert re.fullmatch(
        r"(?s)\* alice joined\r\nalice: last words\r\n\* alice left\r\n", bob.expect(r"\* alice left\r\n")
    )
