"""The command line of `twistd chatroom`: it is the table of options, and says what twistd is to do for it."""

from __future__ import annotations

import os
from typing import Any

import pytest

from chatroom.operations.choices import FILES, FLAGS, OPTIONS, SWITCHES, Option
from chatroom.operations.chosen import settings_of
from chatroom.operations.sources import CONFIG, PREFIX
from chatroom.options import Options
from chatroom.settings import Settings


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody has in their environment is no test's business."""
    for variable in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(variable)


def chosen(*arguments: str, **twistd: Any) -> tuple[Options, dict[str, Any]]:
    options, parent = Options(), {"pidfile": "twistd.pid", "nodaemon": False, **twistd}
    options.parent = parent
    options.parseOptions(arguments)
    return options, parent


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_the_help_shows_each_option_with_its_default(option: Option) -> None:
    shown = " ".join(str(Options()).split())
    assert f"--{option.name}{'' if option.name in FLAGS else '='}" in shown
    assert " ".join(option.help.split()) in shown
    if option.default and option.name not in FLAGS:
        assert f"[default: {option.default}]" in shown
    if option.letter:
        assert f"-{option.letter}, --{option.name}=" in shown


def test_the_help_shows_what_stands_in_no_file_too() -> None:
    shown = str(Options())
    assert "--check" in shown
    assert f"-c, --{CONFIG}=" in shown


def test_names_and_letters_are_given_once() -> None:
    names = [option.name for option in OPTIONS]
    letters = [option.letter for option in OPTIONS if option.letter] + ["c"]
    assert len({*names, CONFIG, "check"}) == len(names) + 2
    assert len(set(letters)) == len(letters)


def test_of_each_kind_that_has_rules_of_its_own_there_is_an_option() -> None:
    assert {"no-limits"} == FLAGS
    assert {"no-limits", "guests"} == SWITCHES
    assert {"motd", "server-password-file", "auth"} == FILES.keys()


def test_each_default_can_be_read_and_is_that_of_the_chat() -> None:
    options, _ = chosen()
    settings, defaults = settings_of(options.settled.values), Settings()
    same = [name for name in Settings.__slots__ if name != "version" and not callable(getattr(defaults, name))]
    assert {name: getattr(settings, name) for name in same} == {name: getattr(defaults, name) for name in same}


@pytest.mark.parametrize(
    ("twistd", "arguments", "pidfile"),
    [
        ({}, [], "twistd.pid"),
        ({"nodaemon": True}, [], ""),
        ({"nodaemon": True, "pidfile": "/run/chatroom.pid"}, [], "/run/chatroom.pid"),
        ({}, ["--check"], ""),
        ({"pidfile": "/run/chatroom.pid"}, ["--check"], ""),
    ],
)
def test_nobody_minds_a_pid_file_that_was_not_asked_for(
    twistd: dict[str, Any], arguments: list[str], pidfile: str
) -> None:
    assert chosen(*arguments, **twistd)[1]["pidfile"] == pidfile


@pytest.mark.parametrize("format", ["json", "journal"])
def test_a_log_for_programs_is_twistds_logger(format: str) -> None:
    assert "logger" not in chosen(nodaemon=True)[1]
    assert chosen("--log-format", format, nodaemon=True)[1]["logger"].startswith("chatroom.")
    for twistd in ({"nodaemon": False}, {"nodaemon": True, "logfile": "x"}, {"nodaemon": True, "syslog": True}):
        with pytest.raises(
            SystemExit, match=f"^chatroom: --log-format: {format} goes to standard error: only together"
        ):
            chosen("--log-format", format, **twistd)


def test_a_check_takes_no_log_and_tells_nothing_yet() -> None:
    options, parent = chosen("--check", "--log-format", "json", "--history", "x", "--console", "alice")
    assert "logger" not in parent
    assert [fault.partition(":")[0] for fault in options.faults] == [
        "--history",
        "--log-format",
        "--log-format",
        "--console",
    ]


def test_what_twistd_cannot_do_is_told_with_what_else_is_wrong() -> None:
    with pytest.raises(SystemExit) as ended:
        chosen("--log-format", "json", "--history", "x")
    first, second = str(ended.value).splitlines()
    assert first.startswith("chatroom: --history: ")
    assert second.startswith("chatroom: --log-format: ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--histroy", "3"], "option --histroy not recognized; did you mean --history?"),
        (["--chek"], "option --chek not recognized; did you mean --check?"),
        (["--xyzzy"], "option --xyzzy not recognized"),
        (["--line"], "option --line requires argument"),
    ],
)
def test_an_option_that_there_is_not_is_told_with_one_that_may_be_meant(arguments: list[str], told: str) -> None:
    with pytest.raises(SystemExit) as ended:
        chosen(*arguments)
    assert str(ended.value) == f"chatroom: {told} (twistd chatroom --help tells the options)"


def test_words_that_are_no_option_are_told_with_what_else_is_wrong() -> None:
    with pytest.raises(SystemExit) as ended:
        chosen("--history", "x", "start", "6000")
    assert [line.partition(" (")[0] for line in str(ended.value).splitlines()] == [
        "chatroom: start: no option, which would begin with --",
        "chatroom: 6000: no option, which would begin with --",
        "chatroom: --history: 'x' is not a whole number of at least 0",
    ]


def test_the_help_tells_how_no_limits_is_turned_off_again() -> None:
    assert "turned off by CHATROOM_NO_LIMITS=off" in " ".join(str(Options()).split())
