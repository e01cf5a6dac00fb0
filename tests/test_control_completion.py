"""What a real bash and a real zsh complete on chatroomctl's command line, by the scripts that it makes."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from chatroom.control.completing import LOCALS
from chatroom.control.table import TABLE, ours
from chatroom.storage.sqlite_backup import COMPANIONS

from .server import ENVIRONMENT, PATIENCE
from .support import needs

pytestmark = pytest.mark.process

COMMANDS = {*ours(TABLE), *LOCALS}

LINES = [
    ("chatroomctl ", COMMANDS),
    ("chatroomctl ba", {"ban", "bans", "backup"}),
    ("chatroomctl --json unb", {"unban"}),
    ("chatroomctl --storage sqlite:x.db unb", {"unban"}),
    ("chatroomctl --storage=sqlite:x.db unb", {"unban"}),
    ("chatroomctl lockdown ", {"on", "off"}),
    ("chatroomctl --json lockdown o", {"on", "off"}),
    ("chatroomctl filter ", {"add", "remove", "list"}),
    ("chatroomctl filter add re", {"refuse", "report"}),
    ("chatroomctl completion ", {"bash", "zsh"}),
    ("chatroomctl backup ch", {"chat.db", "chat room.db"}),
    ("chatroomctl --force backup ch", {"chat.db", "chat room.db"}),
    ("chatroomctl restore o", {"other.db"}),
    ("chatroomctl check o", {"other.db"}),
    ("chatroomctl backup --f", {"--force"}),
    ("chatroomctl make-cert --cert o", {"other.db"}),
    ("chatroomctl make-cert --cert=o", {"other.db"}),
    (
        "chatroomctl make-cert --",
        {"--storage", "--json", "--help", "--version", "--cert", "--key", "--days", "--force"},
    ),
    ("chatroomctl --cert other.db make-c", {"make-cert"}),
    ("chatroomctl --js", {"--json"}),
    ("chatroomctl --storage sql", {"sqlite:"}),
]


@pytest.fixture
def where(tmp_path: Path) -> Path:
    for name in (
        "chat.db",
        "chat room.db",
        "other.db",
        *(f"other.db{end}" for end in ("-lock", "-control", *COMPANIONS)),
    ):
        (tmp_path / name).touch()
    return tmp_path


@functools.cache
def script(shell: str) -> str:
    command = [sys.executable, "-m", "chatroom.control", "completion", shell]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout


# bash takes the command line apart as readline does only at a terminal: so it is given in its words, which : and = are too

COMPLETE = """\
source /dev/stdin <<< "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_chatroomctl
printf '%s\\n' "${COMPREPLY[@]}"
"""


def in_bash(where: Path, line: str) -> set[str]:
    words = line.replace(":", " : ").replace("=", " = ").split(" ")
    words = [word for number, word in enumerate(words) if word or number == len(words) - 1]
    command = ["bash", "--norc", "-c", COMPLETE, "bash", script("bash"), *words]
    done = subprocess.run(command, cwd=where, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return {*filter(None, done.stdout.split("\n"))}


@pytest.mark.parametrize(("line", "offered"), LINES)
def test_bash_completes(where: Path, line: str, offered: set[str]) -> None:
    assert in_bash(where, line) == offered


@pytest.mark.parametrize(
    "line", ["chatroomctl ban ", "chatroomctl accounts ", "chatroomctl lockdown on ", "chatroomctl --days "]
)
def test_bash_offers_nothing_where_nothing_is_known(where: Path, line: str) -> None:
    assert in_bash(where, line) == set()


def test_bash_completes_the_file_of_a_storage(where: Path) -> None:
    assert in_bash(where, "chatroomctl --storage sqlite:o") == {"other.db"}
    assert in_bash(where, "chatroomctl --storage=sqlite:o") == {"other.db"}


def test_in_a_real_bash_tab_completes(where: Path) -> None:
    (where / "script").write_text(script("bash"))
    bash: pexpect.spawn[str] = pexpect.spawn(
        "bash", ["--norc", "--noprofile"], cwd=str(where), env=ENVIRONMENT, encoding="utf-8", timeout=PATIENCE
    )
    bash.sendline("PS1='> '; source ./script; chatroomctl() { printf '<%s>' \"$@\"; }; echo rea''dy")
    bash.expect_exact("ready\r\n")
    bash.send("chatroomctl --storage sqlite:ot\tresto\tchat\\ \t\n")
    bash.expect_exact("<--storage><sqlite:other.db><restore><chat room.db>")
    bash.close(force=True)


# zsh


@pytest.fixture
def zsh(where: Path) -> Iterator[pexpect.spawn[str]]:
    (where / "script").write_text(script("zsh"))
    shell: pexpect.spawn[str] = pexpect.spawn(
        "zsh", ["-f"], cwd=str(where), env=ENVIRONMENT, encoding="utf-8", timeout=PATIENCE, dimensions=(60, 200)
    )
    shell.sendline(
        "PS1='> '; unsetopt zle_bracketed_paste beep; autoload -Uz compinit; compinit -D -u; source ./script"
    )
    shell.sendline("chatroomctl() { printf '<%s>' \"$@\"; }; echo rea''dy")
    shell.expect_exact("ready\r\n")
    yield shell
    shell.close(force=True)


@needs("zsh", "zsh")
@pytest.mark.parametrize(
    ("typed", "done"),
    [
        ("acc\t", "<accounts>"),
        ("--js\tlockd\ton", "<--json><lockdown><on>"),
        ("backup oth\t", "<backup><other.db>"),
        ("--fo\tbackup chat\\ \t", "<--force><backup><chat room.db>"),
        ("--storage sql\toth\tche\t", "<--storage><sqlite:other.db><check>"),
        ("filter ad\tref\t", "<filter><add><refuse>"),
        ("completion z\t", "<completion><zsh>"),
        ("make-cert --cer\toth\t", "<make-cert><--cert=other.db>"),
    ],
)
def test_in_a_real_zsh_tab_completes(zsh: pexpect.spawn[str], typed: str, done: str) -> None:
    zsh.send(f"chatroomctl {typed}\n")
    zsh.expect_exact(done)


@needs("zsh", "zsh")
def test_zsh_tells_what_each_command_does(zsh: pexpect.spawn[str]) -> None:
    zsh.send("chatroomctl back\t\x15chatroomctl \t")
    zsh.expect(r"backup +-- Copy the store into FILE, also while the server runs\.")
    assert "event not found" not in (zsh.before or "")
