"""What was typed: it comes back in the next session as it was, whatever became of its file, and no password is among it."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.client.screen.typed import (
    BYTES_MOST,
    ENTRIES_MOST,
    ENTRY_MOST,
    GROWN,
    SECRET,
    Typed,
    is_secret,
    typed_file,
)
from chatroom.commands import COMMANDS
from chatroom.table import Ask

PASSWORDS = ("password", "code", "old", "new")
"""Parameters of commands that nobody else is to know."""

ANY_TEXT = st.text(st.characters(exclude_categories=[]) | st.sampled_from('\n\r\t"\\\x00\x1b\u2028\udc80'))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "chatroom" / "typed"


def type_in(path: Path | None, *lines: str) -> Typed:
    typed = Typed(path)
    for line in lines:
        typed.append_string(line)
    return typed


def kept(path: Path) -> list[str]:
    """What the next session has, the oldest first."""
    typed = Typed(path)
    assert typed.trouble == ""
    return typed.get_strings()


@contextmanager
def files_hold_at_most(most: int) -> Iterator[None]:
    """As on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# What comes back


def test_what_was_typed_comes_back_in_the_next_session(path: Path) -> None:
    type_in(path, "one", "two")
    type_in(path, "three")
    assert kept(path) == ["one", "two", "three"]


def test_prompt_toolkit_loads_the_newest_first(path: Path) -> None:
    async def loaded() -> list[str]:
        return [line async for line in type_in(path, "two").load()]

    type_in(path, "one")
    assert asyncio.run(loaded()) == ["two", "one"]


@given(st.lists(ANY_TEXT.filter(str.strip)))
def test_any_text_of_any_lines_comes_back_exactly(lines: list[str]) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory, "typed")
        shown = type_in(path, *lines).get_strings()
        assert Typed(path).get_strings() == shown
    assert [line for line, _ in groupby(line for line in lines if not is_secret(line))] == shown


def test_the_same_line_is_kept_once_in_a_row(path: Path) -> None:
    type_in(path, "a", "a", "b", "a")
    type_in(path, "a")
    assert kept(path) == ["a", "b", "a"]


def test_the_same_line_of_two_clients_is_shown_once(path: Path) -> None:
    one, other = Typed(path), Typed(path)
    one.append_string("a")
    other.append_string("a")
    assert kept(path) == ["a"]


def test_nothing_is_kept_of_an_empty_line(path: Path) -> None:
    assert type_in(path, "", " ", "\n").get_strings() == []
    assert kept(path) == []


def test_several_clients_lose_nothing_of_one_another(path: Path) -> None:
    clients = [
        Thread(target=type_in, args=(path, *(f"{client} said {line} {'é' * line}" for line in range(50))))
        for client in range(4)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    lines = kept(path)
    assert len(lines) == 200
    for client in range(4):
        assert [line for line in lines if line.startswith(f"{client} ")] == [
            f"{client} said {line} {'é' * line}" for line in range(50)
        ]


# Passwords


@pytest.mark.parametrize(
    "text",
    [
        "/login al hunter22",
        "/LOGIN al hunter22",
        "  /login al hunter22",
        "\u3000\xa0/login\u2003al hunter22",
        "/login\tal hunter22",
        "/login",
        "//login al hunter22",
        "/ login al hunter22",
        "#dev /login al hunter22",
        "/lo\u200bgin al hunter22",
        "/lo\x1cgin al hunter22",
        "\ufeff/login al hunter22",
        "/ſet-paſſword al hunter22",
        "hello\n/login al hunter22\nbye",
        "hello\r/login al hunter22",
        "hello\r\n  /login al hunter22",
        "hello\u2028/login al hunter22",
        "hello\x0b/login al hunter22",
        "/register hunter22",
        "/password old new",
        "/claim 1234-5678",
        "/add-account al hunter22",
        "/set-password al hunter22",
        "/server password hunter22",
        "/Server  Login al hunter22",
        "/server-login al hunter22",
        "/logn al hunter22",
        "/loginn al hunter22",
        "/regster hunter22",
        "/pasword old new",
        "/setpassword al hunter22",
    ],
)
def test_a_password_is_never_kept_however_it_is_typed(path: Path, text: str) -> None:
    assert is_secret(text)
    typed = type_in(path, "before", text, "after")
    assert typed.get_strings() == ["before", "after"]
    assert b"hunter" not in path.read_bytes()
    assert kept(path) == ["before", "after"]


@pytest.mark.parametrize(
    "text",
    [
        "login al",
        "I forgot my /login",
        "/me /login",
        "/help login",
        "/msg al hi",
        "/",
        "//",
        "#dev",
        "#dev hi",
        "",
        "\n",
        "/server",
    ],
)
def test_what_holds_no_password_is_no_secret(text: str) -> None:
    assert not is_secret(text)


@pytest.mark.parametrize("ask", [*COMMANDS], ids=lambda ask: ask.name)
def test_just_the_commands_that_are_given_a_password_are_secret(ask: Ask) -> None:
    fields = [parameter.field for parameter in ask.parameters if parameter.by_order]
    name = ask.name
    given_one = any(field in PASSWORDS for field in fields) or name == "password"
    assert is_secret(f"/{name} x") is (name in SECRET) is given_one


@given(ANY_TEXT, st.sampled_from(SECRET), ANY_TEXT, ANY_TEXT)
def test_a_secret_is_one_among_any_other_lines(before: str, command: str, words: str, after: str) -> None:
    assert is_secret(f"{before}\n/{command} {words}\n{after}")


def test_a_password_that_somebody_wrote_into_the_file_is_not_shown(path: Path) -> None:
    type_in(path, "a")
    with path.open("a") as file:
        file.write(json.dumps("/login al hunter22") + "\n")
    assert kept(path) == ["a"]


# The file


def test_the_file_is_for_nobody_else(path: Path) -> None:
    type_in(path, "a")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    type_in(path, "a")
    path.chmod(0o644)
    type_in(path, "b")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_only_so_many_entries_are_shown(path: Path) -> None:
    typed = type_in(path, *map(str, range(ENTRIES_MOST + 5)))
    assert len(typed.get_strings()) == ENTRIES_MOST
    assert kept(path) == typed.get_strings() == [str(line) for line in range(5, ENTRIES_MOST + 5)]


def test_a_file_of_too_many_entries_is_written_anew_with_the_last(path: Path) -> None:
    lines = [str(line) for line in range(GROWN * ENTRIES_MOST + 1)]
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert kept(path) == lines[-ENTRIES_MOST:]
    assert path.read_text().splitlines() == [json.dumps(line) for line in lines[-ENTRIES_MOST:]]


def test_a_file_that_grows_too_large_is_written_anew_while_one_types(path: Path) -> None:
    lines = [f"{line:04}" + "x" * (ENTRY_MOST // 2) for line in range(GROWN * BYTES_MOST * 2 // ENTRY_MOST)]
    type_in(path, *lines)
    size = path.stat().st_size
    assert BYTES_MOST // 2 < size <= BYTES_MOST
    assert kept(path) == lines[-len(kept(path)) :]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [*path.parent.iterdir()] == [path]


def test_of_a_large_file_only_the_end_is_read(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(f"{json.dumps('first' + 'x' * BYTES_MOST)}\n{json.dumps('last')}\n")
    assert kept(path) == ["last"]


def test_a_file_that_its_owner_put_elsewhere_stays_there(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "dotfiles"
    path.parent.mkdir(parents=True)
    path.symlink_to(elsewhere)
    type_in(path, *("x" * (ENTRY_MOST - 10) + str(line) for line in range(1 + GROWN * BYTES_MOST // ENTRY_MOST)))
    assert path.is_symlink()
    assert elsewhere.stat().st_size <= BYTES_MOST
    assert len(kept(path)) > 1


def test_what_is_very_long_is_there_in_this_session_only(path: Path) -> None:
    long = "x" * ENTRY_MOST
    assert type_in(path, "a", long).get_strings() == ["a", long]
    assert kept(path) == ["a"]


def test_a_file_that_is_removed_meanwhile_is_made_again(path: Path) -> None:
    typed = type_in(path, "a")
    path.unlink()
    path.parent.rmdir()
    typed.append_string("b")
    assert kept(path) == ["b"]


# Trouble


def test_who_wants_nothing_kept_has_it_in_this_session() -> None:
    typed = type_in(None, "a", "b")
    assert (typed.get_strings(), typed.trouble) == (["a", "b"], "")


@pytest.mark.parametrize(
    "content", [b"\x00\xff\n\x80", b"\x00" * 3 * BYTES_MOST, b"#!/bin/sh\nexit\n", b"[1]\n", b"[" * 100_000, b"\n"]
)
def test_a_file_that_holds_something_else_is_left_as_it_is(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    typed = type_in(path, "a")
    assert typed.get_strings() == ["a"]
    assert typed.trouble == f"what is typed is not kept for the next time: {path}: holds something else"
    assert path.read_bytes() == content


@given(st.binary() | st.text().map(str.encode))
def test_a_file_of_any_bytes_disturbs_nobody(content: bytes) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory, "typed")
        path.write_bytes(b'"before"\n' + content)
        typed = type_in(path, "line")
        assert typed.trouble == ""
        assert typed.get_strings()[-1] == "line"
        assert Typed(path).get_strings()[0] == "before"
        assert Typed(path).get_strings()[-1] == "line"


def test_a_damaged_line_costs_that_line_only(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b'"a"\n"tor\n"b"\n\xff\n"c"\n"torn')
    type_in(path, "d")
    assert kept(path) == ["a", "b", "c", "d"]


def test_a_directory_in_its_place_is_told(path: Path) -> None:
    path.mkdir(parents=True)
    typed = type_in(path, "a")
    assert typed.get_strings() == ["a"]
    assert typed.trouble.endswith(f"{path}: Is a directory")


def test_a_file_where_its_directory_should_be_is_told(path: Path) -> None:
    path.parent.parent.mkdir()
    path.parent.touch()
    assert type_in(path, "a").trouble.endswith(f"{path}: File exists")


def test_a_pipe_in_its_place_does_not_hold_us_up(path: Path) -> None:
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    assert type_in(path, "a").trouble.endswith(f"{path}: is not a file")


@pytest.mark.parametrize("room", [1, 3])
def test_a_full_disk_is_told_when_something_is_typed(path: Path, room: int) -> None:
    typed = type_in(path, "a")
    with files_hold_at_most(path.stat().st_size + room - 1):
        typed.append_string("b")
    assert typed.trouble.endswith((f"{path}: No space left on device", f"{path}: File too large"))
    typed.append_string("c")
    assert typed.get_strings() == ["a", "b", "c"]
    type_in(path, "d")
    assert kept(path) == ["a", "d"]


def test_a_file_that_cannot_be_written_anew_stays_whole(path: Path) -> None:
    lines = [str(line) for line in range(GROWN * ENTRIES_MOST + 1)]
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    before = path.read_bytes()
    with files_hold_at_most(100):
        assert Typed(path).trouble.endswith("File too large")
    assert path.read_bytes() == before
    assert [*path.parent.iterdir()] == [path]


# Where it is


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"HOME": "/home/al"}, "/home/al/.local/state/chatroom/typed"),
        ({"HOME": "/home/al", "XDG_STATE_HOME": "/var/al"}, "/var/al/chatroom/typed"),
        ({"HOME": "/home/al", "XDG_STATE_HOME": ""}, "/home/al/.local/state/chatroom/typed"),
        ({"HOME": "/home/al", "XDG_STATE_HOME": "state"}, "/home/al/.local/state/chatroom/typed"),
        ({"XDG_STATE_HOME": "/var/al"}, "/var/al/chatroom/typed"),
        ({"HOME": ""}, None),
        ({}, None),
    ],
)
def test_it_is_where_state_is_kept(environ: dict[str, str], path: str | None) -> None:
    assert typed_file(environ) == (None if path is None else Path(path))
