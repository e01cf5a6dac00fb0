"""docs/chatroom.1 and the program are equal: every option, every key of the configuration; and man can read it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from chatroom.client.config import BELLS, KEYS, THEMES
from chatroom.client.options import DEFAULT_SERVER, parser
from chatroom.client.screen.keys import HELP
from chatroom.client.screen.local import USAGE

from .support import needs

PAGE = Path(__file__).parent.parent / "docs" / "chatroom.1"
SECTIONS = [
    *("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "KEYS", "COMMANDS OF THE CLIENT", "FILES", "ENVIRONMENT"),
    *("EXIT STATUS", "EXAMPLES", "SEE ALSO"),
]
CHOICES = [f"--theme {choice}" for choice in THEMES] + [f"--bell {choice}" for choice in BELLS]


def sections() -> dict[str, str]:
    """What stands under each heading, as it is written."""
    _, *parts = re.split(r"^\.SH ", PAGE.read_text("ascii"), flags=re.MULTILINE)
    return {heading: text for heading, _, text in (part.partition("\n") for part in parts)}


def entries(section: str) -> dict[str, str]:
    """What stands behind each tag of a section, both without the marks of roff."""
    _, *parts = re.split(r"^\.TP\n", sections()[section], flags=re.MULTILINE)
    return {tag: text for tag, _, text in (unmarked(part).partition("\n") for part in parts)}


def unmarked(text: str) -> str:
    """As it is read."""
    lines = []
    for line in text.splitlines():
        macro, _, words = line.partition(" ") if line.startswith(".") else ("", "", line)
        alternating = len(macro) == 3 and macro not in (".TP", ".RS", ".RE", ".PP")
        lines.append(words.replace(" ", "") if alternating else words)
    return "\n".join(lines).replace("\\~", " ").replace("\\-", "-").replace("\\(dq", '"')


def test_the_page_has_its_sections_in_order() -> None:
    assert list(sections()) == SECTIONS
    assert DEFAULT_SERVER in unmarked(sections()["DESCRIPTION"])


def test_every_option_stands_in_the_page_and_none_else() -> None:
    options = {option for action in parser()._actions for option in action.option_strings}
    assert set(re.findall(r"(?<!\S)--?\w[\w-]*", "\n".join(entries("OPTIONS")))) == options
    assert set(re.findall(r"(?<![\w-])--\w[\w-]*", unmarked(PAGE.read_text("ascii")))) <= options


def test_every_option_has_its_argument() -> None:
    for action in parser()._actions:
        if action.option_strings and action.nargs != 0:
            argument = action.metavar or action.dest.upper()
            assert f"{action.option_strings[0]} {argument}" in entries("OPTIONS")


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_is_told(choice: str) -> None:
    option, word = choice.split()
    (text,) = (text for tag, text in entries("OPTIONS").items() if tag.startswith(option))
    assert re.search(rf"\b{word}\b", text)


def test_every_key_of_the_configuration_stands_in_the_page_and_none_else() -> None:
    files = entries("FILES")
    assert {tag for tag in files if "/" not in tag} == set(KEYS)
    example = sections()["EXAMPLES"].partition("\n.nf\n")[2].partition("\n.fi")[0]
    assert {line.split(" = ")[0] for line in example.splitlines()} <= set(KEYS)


def test_every_command_of_the_client_stands_in_the_page() -> None:
    assert set(USAGE.values()) <= set(entries("COMMANDS OF THE CLIENT"))


def test_every_key_stands_in_the_page() -> None:
    page = unmarked(sections()["KEYS"])
    keys = {
        key
        for line in HELP.splitlines()
        for key in re.findall(r"(?:(?:Ctrl|Alt)-\w+|Page\w+|Enter|Tab|Up|Down)\b", line)
    }
    assert {"Ctrl-Z", "Alt-A", "PageUp", "Tab"} <= keys
    assert {key for key in keys if not re.search(rf"(?<![\w-]){key}\b", page)} == set()


@needs("man", "man-db")
@pytest.mark.process
def test_man_reads_it_without_a_warning() -> None:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"}
    done = subprocess.run(
        ["man", "--warnings", "-l", PAGE], env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True
    )
    assert done.stderr == b""
    shown = re.sub(".\b", "", done.stdout.decode())
    assert shown.startswith("CHATROOM(1)")
    assert "--fingerprint SHA256\n" in shown
