"""Options from the command line, the environment and a file: each in each of them, which one wins, and what is wrong there."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from chatroom.operations.choices import FLAGS, OPTIONS, Option
from chatroom.operations.sources import CONFIG, NAMES, PREFIX, Settled, environment, file, settle
from chatroom.options import Options
from chatroom.protocols.files import LARGEST_FILE

from .server import ANY_PORT, ENVIRONMENT, RUN_TWISTD, Person, Server

SAMPLES: Mapping[str, tuple[str, ...]] = {
    "line": ("unix:first", "off"),
    "proxy": ("192.0.2.7", "2001:db8::/32"),
    "storage": ("memory:",),
    "durability": ("process",),
    "room": ("tearoom", "bar"),
    "room-creation": ("anyone",),
    "rooms-per-account": ("3",),
    "rooms": ("7",),
    "retention": ("90d",),
    "address-days": ("12",),
    "server-name": ("The Fox & Hound",),
    "motd": ("FILE",),
    "history": ("5",),
    "nicknames": ("ascii",),
    "rate": ("7:70",),
    "max-line": ("9000",),
    "greeting-timeout": ("12.5",),
    "stalled": ("13.5",),
    "grace": ("14.5",),
    "connections": ("17",),
    "connections-per-address": ("4",),
    "operator": ("alice", "bob"),
    "registration": ("closed",),
    "guests": ("off",),
    "server-password-file": ("FILE",),
    "plaintext-passwords": ("refuse",),
    "auth": ("memory:alice:secret", "memory:bob:secret"),
    "metrics": ("tcp:0",),
    "log-format": ("json",),
    "log-addresses": ("none",),
    "console": ("alice",),
    "no-limits": ("on",),
}
"""A value for each option that is not its default; FILE stands for one with text."""


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody has in their environment is no test's business."""
    for variable in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(variable)


def parsed(*arguments: str) -> Settled:
    options = Options()
    options.parseOptions(arguments)
    return options.settled


def refused(*arguments: str) -> list[str]:
    """What is told, in lines."""
    with pytest.raises(SystemExit) as ended:
        parsed(*arguments)
    end = " (twistd chatroom --help tells the options)"
    told = str(ended.value)
    assert told.endswith(end)
    lines = told.removesuffix(end).splitlines()
    assert all(line.startswith("chatroom: ") for line in lines)
    return [line.removeprefix("chatroom: ") for line in lines]


def written(where: Path, text: str | bytes) -> str:
    path = where / "chatroom.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def known(settled: Settled) -> dict[str, Any]:
    """What can be compared."""
    return {name: [type(each) for each in value] if name == "auth" else value for name, value in settled.values.items()}


def sample(option: Option, where: Path) -> tuple[str, ...]:
    path = where / "text"
    path.write_text("a line of text\n")
    path.chmod(0o600)
    return tuple(str(path) if text == "FILE" else text for text in SAMPLES[option.name])


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_each_option_is_given_in_each_of_the_three_ways(
    option: Option, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, texts = option.name, sample(option, tmp_path)
    monkeypatch.setattr(Options, "_prepare", lambda self, twistd: None)  # there is no terminal, and no log to choose
    flags = [f"--{name}"] if name in FLAGS else [part for text in texts for part in (f"--{name}", text)]
    by_line = parsed(*flags)
    value = f"[{', '.join(map(quoted, texts))}]" if option.several else quoted(*texts)
    by_file = parsed("--config", written(tmp_path, f"{name} = {value}\n"))
    monkeypatch.setenv(f"{PREFIX}{name.upper().replace('-', '_')}", " ".join(texts))
    by_environment = parsed()
    assert by_line.texts[name] == by_file.texts[name] == by_environment.texts[name] == texts
    assert known(by_line) == known(by_file) == known(by_environment)
    monkeypatch.delenv(f"{PREFIX}{name.upper().replace('-', '_')}")
    assert known(by_line)[name] != known(parsed())[name]


def test_there_is_a_sample_of_each_option_and_of_nothing_else() -> None:
    assert SAMPLES.keys() == NAMES.keys()


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, 'server-name = "file"\nhistory = 1\nrooms = 1\nconnections = 1\n')
    monkeypatch.setenv("CHATROOM_SERVER_NAME", "environment")
    monkeypatch.setenv("CHATROOM_HISTORY", "2")
    monkeypatch.setenv("CHATROOM_ROOMS", "2")
    settled = parsed("--config", path, "--server-name", "line", "--history", "3")
    found = settled.values
    assert [found[name] for name in ("server-name", "history", "rooms", "connections")] == ["line", 3, 2, 1]
    assert found["grace"] == 120.0


def test_what_may_be_given_several_times_is_replaced_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, 'room = ["one", "two"]\noperator = ["alice", "bob"]\nproxy = ["192.0.2.1", "192.0.2.2"]\n')
    monkeypatch.setenv("CHATROOM_OPERATOR", "  carol   dave ")
    values = parsed("--config", path, "-r", "three").values
    assert [room.shown for room in values["room"]] == ["three"]
    assert [name.shown for name in values["operator"]] == ["carol", "dave"]
    assert values["proxy"] == (ip_network("192.0.2.1"), ip_network("192.0.2.2"))


def test_one_of_several_needs_no_list(tmp_path: Path) -> None:
    assert [room.shown for room in parsed("-c", written(tmp_path, 'room = "den"')).values["room"]] == ["den"]


@pytest.mark.parametrize("name", ["room", "line"])
def test_where_there_must_be_one_an_empty_list_is_wrong(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, f"{name} = []")
    assert refused("--config", path) == [f"{path}: {name}: there is none in the list"]


def test_an_empty_list_takes_away_what_none_is_needed_of(tmp_path: Path) -> None:
    assert parsed("--config", written(tmp_path, "operator = []\nproxy = []\nauth = []")).values["operator"] == ()


def test_an_empty_variable_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, 'room = "den"\nserver-name = "file"\n')
    for variable in ("ROOM", "SERVER_NAME", "HISTORY", "CONFIG", "NO_SUCH_THING"):
        monkeypatch.setenv(f"{PREFIX}{variable}", "" if variable == "HISTORY" else "  " if variable != "CONFIG" else "")
    settled = parsed("--config", path)
    assert (settled.values["server-name"], settled.values["history"], settled.doubts) == ("file", 20, ())
    assert settled.texts["room"] == ("den",)


def test_an_empty_value_on_the_command_line_counts(tmp_path: Path) -> None:
    assert parsed("--config", written(tmp_path, 'motd = "/nonexistent"'), "--motd", "").values["motd"] == ()


# A file in TOML


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("no-limits = true", "no-limits", True),
        ("no-limits = false", "no-limits", False),
        ('no-limits = "on"', "no-limits", True),
        ("guests = true", "guests", True),
        ("guests = false", "guests", False),
        ('guests = "no"', "guests", False),
        ("no-limits = 1", "no-limits", True),
        ('no-limits = "No"', "no-limits", False),
        ("history = 0", "history", 0),
        ("history = 1_000", "history", 1000),
        ("history = 0x14", "history", 20),
        ("grace = 30", "grace", 30.0),
        ("grace = 0.5", "grace", 0.5),
        ("grace = 1e3", "grace", 1000.0),
        ("rate = 2", "rate", (0.5, 30)),
        ("rate = 0.25", "rate", (4.0, 30)),
        ('rate = "2:7"', "rate", (0.5, 7)),
        ("server-name = 'C:\\chat'", "server-name", "C:\\chat"),
        ('server-name = "caf\\u00e9 ☕"', "server-name", "café ☕"),
        ("server-name = 1984", "server-name", "1984"),
        ('"server-name" = "quoted"', "server-name", "quoted"),
        ('motd = ""', "motd", ()),
    ],
)
def test_values_are_written_as_toml_has_them(tmp_path: Path, line: str, name: str, value: object) -> None:
    assert parsed("--config", written(tmp_path, f"# a comment\n{line}  # another\n")).values[name] == value


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("history = true", "history: 'true' is not a whole number of at least 0"),
        ("server-name = true", "server-name is text: it stands in quotes, and is not true without"),
        ("motd = false", "motd is text: it stands in quotes, and is not false without"),
        ("line = true", "line is text: it stands in quotes, and is not true without"),
        ("registration = false", "registration: 'false' is none of open, closed"),
        ("guests = 2", "guests: '2' is neither on nor off"),
        ("server-name = Tea house", "Invalid value (at line 1, column 15); text stands in quotes"),
        (
            "retention = 90d",
            "Expected newline or end of document after a statement (at line 1, column 15); text stands in quotes",
        ),
        (f"history = 0x{'f' * 6000}", "history: the number has more digits than can be read"),
        ("grace = 1e300", "grace: '1e+300' is more than a year: at most 31536000 seconds"),
        ("rate = 1e-320", "rate: '1e-320' is less than a line in a year; 0 is any number of lines"),
        ('rate = "1e-8:5"', "rate: '1e-8:5' is less than a line in a year; 0 is any number of lines"),
        ('storage = "/tmp/x.db"', "storage: there is no storage '/tmp/x.db'; did you mean sqlite:/tmp/x.db?"),
        ('storage = "x.db"', "storage: there is no storage 'x.db'; did you mean sqlite:x.db?"),
        (f'nicknames = "{"x" * 1000}"', f"nicknames: {'x' * 60!r}... is none of unicode, ascii"),
        ("history = -1", "history: '-1' is not a whole number of at least 0"),
        ("history = 20.0", "history: '20.0' is not a whole number of at least 0"),
        ("grace = inf", "grace: 'inf' is not a number of seconds above 0"),
        ("grace = nan", "grace: 'nan' is not a number of seconds above 0"),
        ("server-name = 1979-05-27", "server-name is neither text nor a number"),
        ("server-name = 07:32:00", "server-name is neither text nor a number"),
        ("server-name = {a = 1}", "server-name is neither text nor a number"),
        ("[server-name]\na = 1", "server-name is neither text nor a number"),
        ("server-name.of = 1", "server-name is neither text nor a number"),
        ('server-name = ["a"]', "server-name is given once, not as a list"),
        ("history = []", "history is given once, not as a list"),
        ('room = [["a"]]', "room is neither text nor a number"),
        ("room = [{}]", "room is neither text nor a number"),
        ("[[room]]\nname = 'a'", "room is neither text nor a number"),
        ('room = ["a b"]', "room: a room's name cannot hold U+0020, space"),
        ('server-name = "a\\nb"', "server-name: 'a\\nb' is not one line of text"),
        ('serer-name = "x"', "there is no option serer-name; did you mean server-name?"),
        ('server_name = "x"', "there is no option server_name; did you mean server-name?"),
        ('Server-Name = "x"', "there is no option Server-Name; did you mean server-name?"),
        ("xyzzy = 1", "there is no option xyzzy"),
        ("[chat]\nhistory = 1", "there is no option chat"),
        ("[xyz.abc]\nhistory = 1", "there is no option xyz"),
        ('config = "other.toml"', "config stands on the command line, or in CHATROOM_CONFIG"),
        ("help = true", "help stands on the command line only"),
        ("check = true", "check stands on the command line only"),
        ('"" = 1', "there is no option "),
        ('"a\\nb" = 1', "there is no option a b"),
        ("history = ", "Invalid value (at line 1, column 11); text stands in quotes"),
        ("\n\nhistory 3", "Expected '=' after a key in a key/value pair (at line 3, column 9)"),
        ("history = 1\nhistory = 2", "Cannot overwrite a value (at line 2, column 12)"),
        ('motd = "\\q"', "Unescaped '\\' in a string (at line 1, column 11)"),
        (f"history = {'9' * 5000}", "a number in it has more digits than can be read"),
        (f"history = {'[' * 3000}", "its lists are too deep"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_is_wrong_in_a_file_is_told_with_its_place(tmp_path: Path, lines: str, told: str) -> None:
    path = written(tmp_path, f"{lines}\n")
    (line,) = refused("--config", path)
    assert line == f"{path}: {told}"


def test_a_file_that_is_not_there_cannot_be_read_or_is_none_is_told(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.toml")
    assert refused("--config", missing) == [f"{missing}: No such file or directory"]
    assert refused("--config", str(tmp_path)) == [f"{tmp_path} is no file"]
    path = written(tmp_path, b'server-name = "caf\xe9"\n')
    assert refused("--config", path) == [f"{path}: it is not UTF-8 text: byte 18 is 0xe9"]


def test_a_file_with_a_byte_order_mark_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffhistory = 1")
    (line,) = refused("--config", path)
    assert line.startswith(f"{path}: ")
    assert "line 1, column 1" in line


def test_an_empty_file_chooses_nothing(tmp_path: Path) -> None:
    assert known(parsed("--config", written(tmp_path, ""))) == known(parsed())


def test_everything_that_is_wrong_is_told_at_once_and_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, 'history = -3\nserer-name = "x"\nmotd = "/nonexistent"\nrooms = 5\n')
    monkeypatch.setenv("CHATROOM_CONNECTIONS", "many")
    monkeypatch.setenv("CHATROOM_ROOMS", "none")
    assert refused("--config", path, "--grace", "long", "--operator", "a/b") == [
        f"{path}: there is no option serer-name; did you mean server-name?",
        "CHATROOM_ROOMS: 'none' is not a whole number of at least 1",
        f"{path}: motd: /nonexistent: No such file or directory",
        f"{path}: history: '-3' is not a whole number of at least 0",
        "--grace: 'long' is not a number of seconds above 0",
        "CHATROOM_CONNECTIONS: 'many' is not a whole number of at least 1",
        "--operator: " + operators_fault(),
    ]


def operators_fault() -> str:
    with pytest.raises(ValueError, match="nickname") as error:
        NAMES["operator"].read("a/b")
    return str(error.value)


def test_what_is_replaced_need_not_be_right(tmp_path: Path) -> None:
    assert parsed("--config", written(tmp_path, "history = -3"), "--history", "3").values["history"] == 3


# The environment


def test_the_file_is_named_in_the_environment_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATROOM_CONFIG", written(tmp_path, "history = 3"))
    assert parsed().values["history"] == 3
    other = tmp_path / "other.toml"
    other.write_text("rooms = 7")
    values = parsed("--config", str(other)).values
    assert (values["history"], values["rooms"]) == (20, 7)
    monkeypatch.setenv("CHATROOM_CONFIG", "/nonexistent")
    assert refused() == ["/nonexistent: No such file or directory"]


def test_a_relative_file_is_the_same_one_after_a_change_of_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hello").write_text("one\n")
    (tmp_path / "secret").write_text("sesame\n")
    (tmp_path / "secret").chmod(0o600)
    (tmp_path / "passwd").write_text("alice:sesame\n")
    written(tmp_path, 'motd = "hello"\nserver-password-file = "secret"\nauth = "file:passwd"')
    options = Options()
    options.parseOptions(["--config", "chatroom.toml"])
    monkeypatch.chdir("/")
    (tmp_path / "hello").write_text("two\n")
    settled = options.settle()
    assert settled.faults == {}
    (checker,) = settled.values["auth"]
    assert checker.filename == f"{tmp_path}/passwd"
    assert settled.texts["auth"] == ("file:passwd",)
    assert (settled.values["motd"], settled.values["server-password-file"]) == (("two",), "sesame")


KUBERNETES = {
    "CHATROOM_PORT": "tcp://10.96.0.7:6000",
    "CHATROOM_PORT_6000_TCP": "tcp://10.96.0.7:6000",
    "CHATROOM_PORT_6000_TCP_ADDR": "10.96.0.7",
    "CHATROOM_SERVICE_HOST": "10.96.0.7",
    "CHATROOM_SERVICE_PORT": "6000",
    "CHATROOM_SERVICE_PORT_LINE": "6000",
}
"""What Kubernetes adds for a service called `chatroom` (Service, "Discovering services")."""


def test_variables_that_are_no_option_are_doubted_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in {**KUBERNETES, "CHATROOM_SERVR_NAME": "x", "XCHATROOM_HISTORY": "x"}.items():
        monkeypatch.setenv(variable, value)
    settled = parsed()
    assert known(settled) == known(settle((environment({}),)))
    assert [doubt.partition(" ")[0] for doubt in settled.doubts] == sorted(KUBERNETES)
    assert settled.slips == ("CHATROOM_SERVR_NAME is the name of no option; did you mean CHATROOM_SERVER_NAME?",)


def test_a_variable_that_asks_for_a_check_starts_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATROOM_CHECK", "1")
    assert refused() == ["CHATROOM_CHECK: --check stands on the command line only"]


def test_variables_for_what_only_the_command_line_has_mean_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image may have its version in one."""
    monkeypatch.setenv("CHATROOM_VERSION", "0.1.0")
    monkeypatch.setenv("CHATROOM_HELP", "1")
    settled = parsed()
    assert settled.slips == ()
    assert settled.doubts == (
        "CHATROOM_HELP means nothing: --help stands on the command line only",
        "CHATROOM_VERSION means nothing: --version stands on the command line only",
    )


@pytest.mark.parametrize("word", ["on", "true", "Yes", "1"])
def test_a_switch_is_turned_as_people_write_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, word: str) -> None:
    monkeypatch.setenv("CHATROOM_NO_LIMITS", word)
    monkeypatch.setenv("CHATROOM_GUESTS", word)
    assert [parsed().values[name] for name in ("no-limits", "guests")] == [True, True]


@pytest.mark.parametrize("word", ["off", "false", "NO", "0"])
def test_what_a_file_turns_on_a_variable_turns_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, word: str) -> None:
    path = written(tmp_path, "no-limits = true\nguests = true\n")
    monkeypatch.setenv("CHATROOM_NO_LIMITS", word)
    monkeypatch.setenv("CHATROOM_GUESTS", word)
    assert [parsed("--config", path).values[name] for name in ("no-limits", "guests")] == [False, False]


@pytest.mark.parametrize("option", ["config", "motd", "server-password-file", "auth"])
@pytest.mark.parametrize("kind", ["pipe", "directory", "device", "large"])
def test_a_file_that_is_none_is_told_and_keeps_nobody_waiting(tmp_path: Path, option: str, kind: str) -> None:
    path = Path("/dev/zero") if kind == "device" else tmp_path / "it"
    if kind == "pipe":
        os.mkfifo(path, 0o600)
    elif kind == "directory":
        path.mkdir()
    elif kind == "large":
        with path.open("wb") as opened:
            opened.truncate(LARGEST_FILE + 1)
        path.chmod(0o600)
    (line,) = refused(f"--{option}", f"file:{path}" if option == "auth" else str(path))
    told = f"{path} is larger than 1 MiB" if kind == "large" else f"{path} is no file"
    assert line == (told if option == "config" else f"--{option}: {told}")


def test_a_file_as_large_as_may_be_is_read(tmp_path: Path) -> None:
    (tmp_path / "motd").write_bytes(b"x" * LARGEST_FILE)
    assert parsed("--motd", str(tmp_path / "motd")).values["motd"] == ("x" * LARGEST_FILE,)


def test_a_file_whose_size_the_system_does_not_tell_is_read() -> None:
    assert os.stat("/proc/self/status").st_size == 0
    assert parsed("--motd", "/proc/self/status").values["motd"][0].startswith("Name:")


def test_where_each_was_written_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, 'metrics = "tcp:0"\n')
    monkeypatch.setenv("CHATROOM_LINE", "tcp:0")
    places = parsed("--config", path, "--room", "den").places
    assert [places[name] for name in ("line", "metrics", "room", "storage")] == [
        "CHATROOM_LINE",
        f"{path}: metrics",
        "--room",
        "--storage",
    ]


def test_what_is_no_text_in_the_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environb, b"CHATROOM_SERVER_NAME", b"caf\xe9")
    monkeypatch.setitem(os.environb, b"CHATROOM_MOTD", b"/caf\xe9")
    monkeypatch.setitem(os.environb, b"CHATROOM_CAF\xe9", b"x")
    name, motd = refused()
    assert name == r"CHATROOM_SERVER_NAME: 'caf\udce9' is not one line of text"
    assert motd.startswith("CHATROOM_MOTD: /caf")
    name.encode(), motd.encode(errors="backslashreplace")


def test_without_a_file_nothing_is_given_by_it() -> None:
    assert file("") == ({}, (), (), ())


def test_a_secret_in_a_value_is_not_told_when_it_is_wrong() -> None:
    (line,) = refused("--auth", "memoty:alice:sesame")
    assert "sesame" not in line


def test_the_help_tells_of_the_three_ways() -> None:
    assert f"--{CONFIG}" in str(Options())
    assert "CHATROOM_SERVER_NAME" in Options().longdesc


# A real twistd


@pytest.mark.process
def test_a_file_alone_makes_a_server(tmp_path: Path) -> None:
    path = written(tmp_path, f'line = "{ANY_PORT}"\nserver-name = "The Fox"\nroom = ["den", "bar"]\nhistory = 0\n')
    with Server(tmp_path, "--config", path, lines=()).begin() as server:
        server.wait_for_line("listening on")
        alice = Person(server)
        alice.expect("Welcome to The Fox")
        alice.say("alice")
        alice.expect(r"\* You are alice, alone in #den")
        server.terminate()


@pytest.mark.process
def test_an_environment_alone_makes_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {"CHATROOM_LINE": f"{ANY_PORT} unix:way-in", "CHATROOM_SERVER_NAME": "The Hound", "CHATROOM_ROOM": "den"}
    for variable, value in {**chosen, **KUBERNETES}.items():
        monkeypatch.setitem(ENVIRONMENT, variable, value)
    with Server(tmp_path, lines=()).begin() as server:
        server.wait_for_log(lambda lines: sum("listening on" in line for line in lines) == 2)
        for at in (server.port, str(tmp_path / "way-in")):
            alice = Person(server, at=at)
            alice.expect("Welcome to The Hound")
        assert sum(bool(re.search(r"CHATROOM_\w+ is the name of no option", line)) for line in server.log.lines) == len(
            KUBERNETES
        )
        server.terminate()


@pytest.mark.process
def test_all_faults_are_told_on_standard_error_and_nothing_is_started(tmp_path: Path) -> None:
    path = written(tmp_path, "history = -1\nconnectoins = 3\n")
    server = Server(tmp_path, "-c", path, "--grace", "x", lines=()).begin()
    assert server.end() == 1
    assert [line.partition(": ")[0] for line in server.stderr.lines] == ["chatroom"] * 3
    assert sorted(os.listdir(tmp_path)) == ["chatroom.toml"]


@pytest.mark.process
def test_passwords_in_a_file_are_found_wherever_the_server_runs(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "passwd").write_text("alice:sesame\n")
    program = ("-c", RUN_TWISTD, "-n", "--pidfile=", "--rundir=there", "chatroom")
    with Server(tmp_path, "--auth", "file:passwd", program=program) as server:
        alice = Person(server)
        alice.say("/login alice sesame")
        alice.expect(r"\* You are alice, alone in #lobby")
        os.kill(server.pid, signal.SIGHUP)
        server.wait_for_line("reloaded: nothing has changed")
        server.terminate()


@pytest.mark.process
def test_a_file_that_became_a_pipe_blocks_nobody_at_a_reload(tmp_path: Path) -> None:
    motd = tmp_path / "motd"
    motd.write_text("hello\n")
    with Server(tmp_path, "--motd", "motd") as server:
        alice = Person(server, "alice")
        motd.unlink()
        os.mkfifo(motd)
        os.kill(server.pid, signal.SIGHUP)
        assert f"{motd} is no file" in server.wait_for_line("reloaded, but not changed")
        alice.say("/who")
        alice.expect(r"\* 1 in #lobby")
        server.terminate()


@pytest.mark.process
@pytest.mark.parametrize(("written_in", "check"), [("file", True), ("file", False), ("environment", False)])
def test_an_endpoint_that_is_wrong_is_told_with_the_place_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written_in: str, check: bool
) -> None:
    path = written(tmp_path, 'line = "tcp:x"\n')
    if written_in == "environment":
        monkeypatch.setitem(ENVIRONMENT, "CHATROOM_LINE", "tcp:x")
    options = ([] if written_in == "environment" else ["--config", path]) + (["--check"] if check else [])
    server = Server(tmp_path, *options, lines=()).begin()
    assert server.end() == 1
    place = f"{path}: line" if written_in == "file" else "CHATROOM_LINE"
    why = "not an endpoint that can be opened: 'x' is no port: a number up to 65535"
    assert server.stderr.lines == [f"chatroom: {place} tcp:x: {why}"]
