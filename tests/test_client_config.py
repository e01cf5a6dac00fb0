"""The client's configuration file and its command line: what is chosen, and how each mistake is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chatroom.client import config
from chatroom.client.options import read
from chatroom.client.screen.local import BELLS

from .server import ENVIRONMENT, PATIENCE, Person, Server

FINGERPRINT = ":".join(["AB"] * 32)
OTHER = ":".join(["CD"] * 32)
CLIENT = [sys.executable, "-m", "chatroom.client"]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's, in their home, which has none yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    path = tmp_path / ".config" / "chatroom" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is told of what is wrong."""
    with pytest.raises(SystemExit) as ended:
        read(arguments)
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    return told.err


# Where it is


def test_it_is_in_the_home_directory(file: Path) -> None:
    assert config.path() == str(file)


def test_it_is_where_xdg_says_if_that_is_absolute(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "elsewhere")
    assert config.path() == str(file)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    assert config.path() == str(tmp_path / "elsewhere" / "chatroom" / "config.toml")


def test_who_has_no_home_has_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", "nowhere")
    assert config.path() is None
    assert config.read() == {}


# What is chosen


def test_without_a_file_all_is_as_it_comes(file: Path) -> None:
    options = read([])
    assert (options.server, options.nick, options.theme, options.bell) == ("localhost:6000", None, "auto", "mentions")
    assert (options.fingerprint, options.server_in) == (None, "")


def test_a_file_in_the_way_of_its_directory_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "chatroom").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config.read() == {}


def test_the_file_is_taken_and_the_command_line_wins(file: Path) -> None:
    file.write_text(
        f'server = "tls:there:1"\nnick = "al"\ntheme = "dark"\nbell = "off"\nfingerprint = "{FINGERPRINT}"\n'
    )
    options = read([])
    assert (options.server, options.nick, options.theme, options.bell) == ("tls:there:1", "al", "dark", "off")
    assert options.fingerprint == FINGERPRINT
    options = read(["--nick", "bo", "--theme", "light", "--bell", "all", "--fingerprint", OTHER])
    assert (options.server, options.nick, options.theme, options.bell) == ("tls:there:1", "bo", "light", "all")
    assert options.fingerprint == OTHER


def test_the_fingerprint_in_the_file_is_for_the_server_in_the_file(file: Path) -> None:
    file.write_text(f'server = "tls:there:1"\nfingerprint = "{FINGERPRINT}"\n')
    assert read(["tls:there:1"]).fingerprint == FINGERPRINT
    assert read(["tls:elsewhere:1"]).fingerprint is None
    assert read(["tls:elsewhere:1", "--fingerprint", OTHER]).fingerprint == OTHER


def test_where_the_server_stands_is_told_with_what_is_wrong_with_it(file: Path) -> None:
    file.write_text('server = "pigeon:1:2"\n')
    assert read([]).server_in == f"{file}: server: "
    assert read(["localhost"]).server_in == ""


@pytest.mark.parametrize(
    "written",
    [
        FINGERPRINT,
        FINGERPRINT.lower(),
        FINGERPRINT.replace(":", ""),
        FINGERPRINT.replace(":", "").lower(),
        f"sha256:{FINGERPRINT}",
        f"SHA256:{FINGERPRINT.replace(':', '')}",
    ],
)
def test_a_fingerprint_is_written_in_several_ways(file: Path, written: str) -> None:
    assert read(["tls:there:1", "--fingerprint", written]).fingerprint == FINGERPRINT


@pytest.mark.parametrize(
    "written",
    [
        "",
        "AB",
        FINGERPRINT + ":AB",
        FINGERPRINT[:-1],
        FINGERPRINT.replace("AB:AB", "ABA:B", 1),
        FINGERPRINT.replace("A", "G"),
        f"sha1:{FINGERPRINT}",
        "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        FINGERPRINT.replace("A", "\N{FULLWIDTH LATIN CAPITAL LETTER A}"),
    ],
)
def test_anything_else_is_no_fingerprint(file: Path, capsys: pytest.CaptureFixture[str], written: str) -> None:
    told = refused(capsys, "tls:there:1", "--fingerprint", written)
    assert f"--fingerprint: '{written}' is no SHA-256 fingerprint: 64 hexadecimal digits" in told


# What is wrong


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('sever = "there"', "sever: there is no such key; did you mean server?"),
        ('zzz = "there"', "zzz: there is no such key; there are server, nick, theme, bell, fingerprint"),
        ("nick = 7", "nick: it is to be a text, in quotes"),
        ("bell = true", "bell: it is to be a text, in quotes"),
        ('[server]\nhost = "there"', "server: it is to be a text, in quotes"),
        ('nick = " "', "nick: it is empty"),
        ('server = ""', "server: it is empty"),
        ('theme = "drak"', "theme: 'drak' is none; did you mean dark?"),
        ('bell = "x"', "bell: 'x' is none; there are mentions, all, off"),
        ('server = "tls:there:1"\nfingerprint = "AB"', "fingerprint: 'AB' is no SHA-256 fingerprint: "),
        (f'fingerprint = "{FINGERPRINT}"', "fingerprint: it is that of the server, and there is no server"),
        ("nick = al", "not TOML: Invalid value (at line 1, column 8)"),
        ("nick", "not TOML: "),
        ("nick = " + "[" * 10_000, "not TOML: "),
        ('nick = "al"\nnick = "bo"', "not TOML: "),
    ],
)
def test_a_mistake_is_told_with_the_file_and_the_key(
    file: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    file.write_text(text)
    told = refused(capsys)
    assert told.startswith(f"chatroom: {file}: {words}")
    assert told.count("\n") == 1


def test_what_is_not_utf_8_is_told(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_bytes(b'nick = "\xff"')
    assert refused(capsys) == f"chatroom: {file}: not UTF-8 text\n"


def test_a_file_that_cannot_be_read_is_told(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.mkdir()
    assert refused(capsys) == f"chatroom: {file}: Is a directory\n"


def test_help_and_version_are_told_whatever_stands_in_the_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("nick")
    for option, words in (("--help", ".config/chatroom/config.toml"), ("--version", "chatroom ")):
        with pytest.raises(SystemExit) as ended:
            read([option])
        assert ended.value.code == 0
        assert words in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--theme", "--bell"])
def test_a_choice_that_is_none_is_told_with_those_there_are(
    file: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert f"argument {option}: invalid choice: 'x' (choose from " in refused(capsys, option, "x")


# The real program


def piped(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**ENVIRONMENT, "XDG_CONFIG_HOME": str(home)}
    return subprocess.run(
        [*CLIENT, *arguments],
        check=False,
        env=environment,
        input="hello\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.mark.process
def test_a_pipe_goes_to_the_server_in_the_file_under_the_nickname_there(tmp_path: Path) -> None:
    (tmp_path / "chatroom").mkdir()
    with Server(tmp_path) as server, Person(server, "alice") as alice:
        (tmp_path / "chatroom" / "config.toml").write_text(f'server = "127.0.0.1:{server.port}"\nnick = "ci"\n')
        assert piped(tmp_path).returncode == 0
        alice.expect("ci: hello\r\n")
        assert piped(tmp_path, "--nick", "bot").returncode == 0
        alice.expect("bot: hello\r\n")


@pytest.mark.process
def test_nothing_is_started_with_a_file_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "chatroom").mkdir()
    where = tmp_path / "chatroom" / "config.toml"
    where.write_text('server = "localhost:66000"\nbel = "off"\n')
    done = piped(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"chatroom: {where}: bel: there is no such key; did you mean bell?\n"
    where.write_text('server = "localhost:66000"\n')
    done = piped(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"chatroom: {where}: server: localhost:66000: a port is a number from 1 to 65535\n"


def test_the_screen_knows_the_same_bells() -> None:
    assert tuple(BELLS) == config.BELLS
