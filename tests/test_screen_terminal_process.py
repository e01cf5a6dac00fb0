"""The full screen on its terminal: how it begins, how it ends, and what it leaves behind."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from chatroom.client.screen.run import BUGS_TOLD

from .screen import CLIENT, PLAIN, SIZES, Screen, friend
from .server import ENVIRONMENT, PATIENCE, Person, Server, until
from .support import needs

pytestmark = [pytest.mark.process, needs("tmux", "tmux")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), "--no-limits", "--room-creation", "anyone") as running:
        yield running


@pytest.fixture
def bob(server: Server) -> Iterator[Person]:
    with friend(server, "lobby") as person:
        yield person


@pytest.fixture
def alice(server: Server, bob: Person, tmp_path: Path) -> Iterator[Screen]:
    with Screen.to(server, tmp_path) as screen:
        screen.expect(r"\* You are alice, in #lobby with bob\.")
        assert screen.modes != PLAIN
        yield screen


# Keys


def test_control_c_clears_the_line_and_twice_on_an_empty_one_leaves(alice: Screen, bob: Person) -> None:
    alice.type("not said")
    alice.keys("C-c")
    alice.expect_typed("alice> ")
    alice.keys("C-c")
    alice.expect("^Ctrl-C once more leaves, and so does Ctrl-D$")
    alice.type("x")
    alice.keys("BSpace", "C-c")
    alice.expect("^Ctrl-C once more leaves, and so does Ctrl-D$")
    assert not re.search("left", alice.text)
    alice.keys("C-c")
    assert alice.gone() == 0
    assert alice.text.strip() == ""
    bob.expect(r"alice left\r\n")


def test_control_d_takes_away_what_follows_and_leaves_on_an_empty_line(alice: Screen, bob: Person) -> None:
    alice.type("abc")
    alice.keys("Home", "C-d")
    alice.expect_typed("alice> ", "bc")
    alice.keys("C-d", "C-d")
    alice.expect_typed("alice> ")
    alice.keys("C-d")
    assert alice.gone() == 0
    bob.expect(r"alice left\r\n")


def test_control_l_draws_anew(alice: Screen) -> None:
    alice.type("half a line")
    alice.expect_typed("half a line")
    before = alice.text
    Path(alice.show("pane_tty")).write_text("\x1b[5;1Hgarbage of another program\x1b[22;9H")
    alice.expect("^garbage of another program")
    alice.keys("C-l")
    until(lambda: alice.text == before, "the screen as it was")


def test_control_z_suspends_and_fg_goes_on(server: Server, bob: Person, tmp_path: Path) -> None:
    with Screen(tmp_path, shell=True) as shell:
        shell.expect(r"^\$")
        shell.say(f"{' '.join(CLIENT)} 127.0.0.1:{server.port} --nick alice")
        shell.expect("You are alice")
        shell.type("half a line")
        shell.expect_typed("alice> half a line")
        modes = shell.modes
        for _ in range(2):
            shell.keys("C-z")
            shell.expect(r"Stopped(.*\n)*\$$")
            assert shell.modes == PLAIN
            shell.say("stty -a | grep -ow -e -echo -e echo -e -icanon -e icanon")
            shell.expect(r"^icanon\necho$")
            bob.say("meanwhile")
            shell.say("clear")
            shell.say("fg")
            shell.expect("bob: meanwhile$")
            shell.expect_typed("alice> half a line")
            assert shell.modes == modes
            assert "Stopped" not in shell.text
            bob.say("and now")
            shell.expect("bob: and now$")
        shell.keys("C-u", "C-d")
        shell.expect(r"\$$")
        assert shell.modes == PLAIN


# Ends


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_room_and_the_terminal_as_it_was(alice: Screen, bob: Person, number: int) -> None:
    alice.type("half a line")
    alice.expect_typed("half a line")
    alice.kill(number)
    assert alice.gone() == 128 + number
    assert alice.text.strip() == ""
    bob.expect(r"alice left\r\n")


def test_a_terminal_that_is_closed_is_left_by_who_was_in_the_room(server: Server, bob: Person, tmp_path: Path) -> None:
    with Screen.to(server, tmp_path, nick="carol") as carol:
        carol.expect("You are carol")
    bob.expect(r"carol left\r\n")


def test_no_server_is_told_when_the_screen_is_gone(tmp_path: Path) -> None:
    with Screen(tmp_path, "127.0.0.1:1") as alice:
        assert alice.gone() == 1
        assert re.fullmatch(r"chatroom: .*127\.0\.0\.1:1.*", alice.text.strip())


def test_who_is_put_out_is_told_when_the_screen_is_gone(server: Server, tmp_path: Path) -> None:
    with Screen.to(server, tmp_path, "--room", "not a name!") as alice:
        assert alice.gone() == 1
        assert alice.text.startswith("chatroom: ")


BUGS = {
    "in drawing": "from chatroom.client.screen.transcript import Transcript as Broken; name = 'view'",
    "in the bottom line": "from chatroom.client.screen.face import ScreenFace as Broken; name = 'bar'",
    "in a key": "from chatroom.client.screen.face import ScreenFace as Broken; name = 'submit'",
}

BREAK = """
import sys
from pathlib import Path
{bug}
before = getattr(Broken, name)
def broken(*arguments):
    if Path({flag!r}).exists():
        raise RuntimeError("a bug that the test wants")
    return before(*arguments)
setattr(Broken, name, broken)
from chatroom.client.main import main
main()
"""


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_told_when_the_screen_is_gone(server: Server, bob: Person, tmp_path: Path, bug: str) -> None:
    flag = tmp_path / "from now on"
    program = BREAK.format(bug=BUGS[bug], flag=str(flag))
    with Screen.to(server, tmp_path, client=(sys.executable, "-c", program)) as alice:
        alice.expect("You are alice")
        alice.type("half a line")
        alice.expect_typed("half a line")
        flag.touch()
        alice.keys("Enter")
        assert alice.gone() == 1
        assert "a bug that the test wants" in alice.text
    bob.expect(r"alice left\r\n")


def test_the_first_bugs_in_what_comes_are_told_in_the_window_and_at_the_end(
    server: Server, bob: Person, tmp_path: Path
) -> None:
    flag = tmp_path / "from now on"
    bug = "from chatroom.client.screen.news import News as Broken; name = 'happened'"
    program = BREAK.format(bug=bug, flag=str(flag))
    with Screen.to(server, tmp_path, client=(sys.executable, "-c", program)) as alice:
        alice.expect("You are alice")
        alice.type("half a line")
        flag.touch()
        for number in range(BUGS_TOLD + 1):
            bob.say(f"word {number}")
        alice.expect(rf"(?s)(.*a bug that the test wants){{{BUGS_TOLD}}}")
        flag.unlink()
        bob.say("another word")
        alice.expect("bob: another word$")
        alice.expect_typed("half a line")
        alice.kill(signal.SIGTERM)
        assert alice.gone() == 128 + signal.SIGTERM
        assert alice.tmux("capture-pane", "-p", "-S", "-").count("RuntimeError: a bug that the test wants") == BUGS_TOLD
    bob.expect(r"alice left\r\n")


# How it begins


def test_the_configuration_file_says_where_to_and_who_and_the_command_line_has_the_last_word(
    server: Server, bob: Person, tmp_path: Path
) -> None:
    config = tmp_path / "elsewhere" / "chatroom"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(f'server = "127.0.0.1:{server.port}"\nnick = "carol"\nbell = "off"\n')
    environ = {"XDG_CONFIG_HOME": str(config.parent)}
    with Screen(tmp_path, environ=environ) as carol:
        carol.expect(r"\* You are carol, in #lobby with bob\.")
        bob.say("carol, are you there?")
        carol.expect("are you there")
        bob.say("/msg carol psst")
        carol.expect("psst$")
        assert not carol.bell()
    with Screen(tmp_path, "--bell", "all", "--nick", "dave", environ=environ) as dave:
        dave.expect(r"\* You are dave, in #lobby with bob\.")
        bob.say("anything")
        dave.expect("anything$")
        until(dave.bell, "a bell")


# Where there is no screen


def test_plain_and_dumb_terminals_have_lines(server: Server, bob: Person, tmp_path: Path) -> None:
    for client, options in ((CLIENT, ["--plain"]), (("env", "TERM=dumb", *CLIENT), [])):
        with Screen.to(server, tmp_path, *options, client=client) as alice:
            alice.expect(r"^\* You are alice")
            assert alice.modes == PLAIN
            assert alice.text.startswith("*")
            alice.say("bye")
            assert alice.gone() == 0
            bob.expect(r"alice left\r\n")


def test_a_pipe_does_without_prompt_toolkit(server: Server) -> None:
    command = [sys.executable, "-X", "importtime", *CLIENT[1:], f"127.0.0.1:{server.port}"]
    done = subprocess.run(command, env=ENVIRONMENT, input=b"hi\n", capture_output=True, timeout=PATIENCE, check=True)
    assert b"chatroom.client.plain" in done.stderr
    assert b"prompt_toolkit" not in done.stderr


# What no screen shows


def test_the_terminal_is_told_the_links(server: Server, bob: Person, tmp_path: Path) -> None:
    bob.say("see https://example.org/links, please")
    client: pexpect.spawn[str] = pexpect.spawn(
        CLIENT[0],
        [*CLIENT[1:], f"127.0.0.1:{server.port}", "--nick", "alice"],
        env={**ENVIRONMENT, "HOME": str(tmp_path), "TERM": "xterm-256color"},
        encoding="utf-8",
        timeout=PATIENCE,
        dimensions=(24, 80),
    )
    client.delaybeforesend = None
    try:
        client.expect_exact("\x1b]11;?\x1b\\")
        client.expect(r"\x1b\]8;id=\w+;https://example\.org/links\x1b\\")
        client.expect_exact("\x1b]8;;\x1b\\")
        client.send("\x1b]11;rgb:fdfd/f6f6")
        client.send("/e3e3\x1b")
        client.send("\\")
        client.expect(r"38;5;238[;m]")
        client.send("typed")
        client.expect("typed")
        client.sendcontrol("c")
        client.sendcontrol("d")
        client.expect(pexpect.EOF)
        assert client.wait() == 0
    finally:
        client.close(force=True)


# Much at once

FLOOD = 20_000

GROWTH_MOST = 8 * 1024
"""KiB that they may leave behind: it is 2 MiB; if all were kept it would be 17."""


def test_twenty_thousand_lines_at_once_leave_the_line_alone_and_little_behind(server: Server, tmp_path: Path) -> None:
    with friend(server, "flood") as bob, Screen.to(server, tmp_path, "--room", "flood") as alice:
        alice.expect("You are alice")
        alice.type("half a line")
        alice.expect_typed("half a line")
        before = alice.memory()
        bob.say(*(f"flood {number}." for number in range(FLOOD)), "that was all, alice")
        alice.expect("that was all, alice$")
        alice.expect(rf"flood {FLOOD - 1}\.$")
        alice.expect_typed("alice> half a line")
        assert alice.memory() - before < GROWTH_MOST
        until(alice.bell, "a bell")
        alice.resize(*SIZES[1])
        alice.expect(rf"flood {FLOOD - 1}\.$")
        alice.expect_typed("alice> half a line")
        alice.keys("C-u")
        alice.type("the last word")
        alice.keys("Enter")
        bob.expect("alice: the last word")
