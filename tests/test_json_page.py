"""docs/json.md: what the page says of the format for programs holds, and its examples run."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatroom.commands import COMMANDS
from chatroom.commands.history import HISTORY, PERIOD
from chatroom.entering import TOKEN_BYTES
from chatroom.event import Kind
from chatroom.names import LONGEST, ROOM_LONGEST, room_name
from chatroom.patience import GREETING_PAUSE
from chatroom.table import NUMBER_MAX
from chatroom.wire.fields import UNTOLD
from chatroom.wire.json import ID_LONGEST, MAX_LINE, MAX_LINES

from .chatting import JsonClient, TextClient, World
from .server import ENVIRONMENT, PATIENCE, Person, Server
from .support import needs

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "json.md").read_text("utf-8")

NOT_FOR_PROGRAMS = {
    "newer_tables",  # told to whoever starts the server
    "damaged", "failed", "in_use", "is_there", "no_server", "not_made", "not_reloaded", "storage",  # by chatroomctl
    "no_proxy_header", "unknown_proxy",  # to nobody but the log
}  # fmt: skip
"""Codes that no program at a line is ever told."""


def rows(heading: str) -> list[str]:
    """The first cells of the tables under a heading, without the tables' heads."""
    (section,) = re.findall(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    found = re.findall(r"^\| *(.*?) *\|", section, re.MULTILINE)
    return [cell for cell, below in zip(found, [*found[1:], ""], strict=True) if "---" not in cell + below]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


# What is in the tables


def codes(file: Path) -> Iterator[str]:
    """Those with which this file refuses something."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refused":
            one = node.args[0]
            for code in (one.body, one.orelse) if isinstance(one, ast.IfExp) else (one,):
                match code:
                    case ast.Constant(value=str(word)):
                        yield word
                    case ast.JoinedStr(values=[_, ast.Constant(value=end)]):  # of a name, by what it is the name of
                        yield from (f"{sort}{end}" for sort in ("nick", "room"))
                    case ast.Attribute(attr="code"):  # passed on
                        pass
                    case _:
                        raise AssertionError(f"{file}:{node.lineno} refuses without a code to read")


def test_the_page_has_the_codes_of_the_server_and_no_others() -> None:
    server = [file for file in (ROOT / "chatroom").rglob("*.py") if "client" not in file.parts]
    told = {code for file in server for code in codes(file)}
    assert sorted(cell.strip("`") for cell in rows("Refusal codes")) == sorted(told - NOT_FOR_PROGRAMS)


def test_the_page_has_every_command_with_all_its_fields() -> None:
    asked = dict(re.findall(r'^`\{"([\w-]+)": (.*)\}`$', row)[0] for row in rows("In: requests"))
    asked["hello"] = re.findall(r'^`\{"hello": (.*)\}`$', PAGE, re.MULTILINE)[0]
    commands = {ask.name: ask for ask in COMMANDS if ask.name != "enter"}  # the word of people for hello
    assert asked.keys() == commands.keys()
    for name, fields in asked.items():
        shown = re.findall(r'"(\w+)"(\??):', re.sub(r'\{"(?:lobby".*?\}|after".*?)\}', "{}", fields))
        known = {parameter.field: parameter.optional for parameter in commands[name].parameters}
        if name == "hello":  # this or that
            known["nick"] = False
        assert {field: bool(optional) for field, optional in shown} == known


def test_the_page_has_every_kind_of_event_that_is_read_in_a_room_or_an_inbox() -> None:
    in_server_log = {
        Kind.CLAIMED, Kind.RELEASED, Kind.ATTACHED, Kind.DETACHED, Kind.REGISTERED, Kind.PASSWORD, Kind.OPERATOR,
        Kind.CODE, Kind.IGNORED, Kind.UNIGNORED, Kind.FORGOTTEN,
    }  # fmt: skip
    kinds = {kind.value for kind in Kind if kind not in in_server_log | UNTOLD}
    (heads,) = re.findall(r"^\| `event` \|.*?\n\n", PAGE, re.DOTALL | re.MULTILINE)
    assert set(re.findall(r"^\| `(\w+)` \|", heads, re.MULTILINE)) - {"event"} == kinds


@pytest.mark.parametrize(
    "words",
    [
        f"silent for {GREETING_PAUSE} s",
        f"| a line | {MAX_LINE // 1024} KiB |",
        f"more than {MAX_LINE // 1024} KiB",
        f"| lines of one text | {MAX_LINES} |",
        f"more than {MAX_LINES} lines",
        f"| an `id` | {ID_LONGEST} characters |",
        f"at most {ID_LONGEST} characters",
        f"| a nickname | {LONGEST} characters |",
        f"| a room's name | {ROOM_LONGEST} characters |",
        f"from 0 to {NUMBER_MAX - 1} |",
        f"the last N ({HISTORY}) messages",
        f"at most {PERIOD} unless `limit` says",
        f"secret of {8 * TOKEN_BYTES} bits",
        f"`--grace` seconds ({World().chat.settings.grace:g})",
        f"`--stalled` seconds ({World().chat.settings.stalled_timeout:g})",
        f"`--greeting-timeout` seconds ({World().chat.settings.greeting_timeout:g})",
        "`--rate`: 30 at once and 5 a second",
    ],
)
def test_the_page_has_the_limits_of_the_code(words: str) -> None:
    assert words in PAGE


# What happens


class Replay:
    """The transcript once more, with a server of today."""

    def __init__(self) -> None:
        rooms = [room_name("lobby"), room_name("dev")]
        self.world = World(JsonClient, server_name="our chat", version="0.1.0", rooms=rooms)
        self.alice = self.world.connect()
        self.bob: TextClient | None = None
        self._secret = ("", "")

    def sends(self, line: str) -> None:
        self.alice.line(line.replace(*self._secret) if self._secret[0] else line)
        self.world.settle()

    def reads(self, lines: list[str]) -> None:
        told = self.alice.told()
        expected = [json.loads(line) for line in lines]
        if not self._secret[0]:
            self._secret = expected[0]["welcome"]["resume"], told[0]["welcome"]["resume"]
        assert list(map(self._lasting, told)) == list(map(self._lasting, expected))

    def _lasting(self, told: dict[str, Any]) -> dict[str, Any]:
        """Without what is another each time; the form of that is checked."""
        if "of" in told:  # an eid, or several
            told = {**told, "of": len(told["of"]) if isinstance(told["of"], list) else 1}
        if "event" in told:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["time"])
            return {field: value for field, value in told.items() if field not in ("time", "eid")}
        if "welcome" in told:
            assert re.fullmatch("[0-9a-f]{32}", told["welcome"]["resume"])
            return {field: value for field, value in told["welcome"].items() if field != "resume"}
        return told

    def happens(self, what: str) -> None:
        if "connection is lost" in what:
            self.alice.hang_up()
        if "connects again" in what:
            self.alice = self.world.connect()
        if words := re.search(r"bob.* says: (.*)\)", what):
            if self.bob is None:
                self.bob = self.world.connect(client=TextClient)
                self.bob.enter("bob")
            if joins := re.search(r"bob joins (\w+)", what):
                self.bob.line(f"/join {joins[1]}")
                self.world.settle()
            self.bob.say(words[1])
        self.world.settle()


def test_the_transcript_is_what_happens() -> None:
    (transcript,) = blocks("transcript")
    replay, read = Replay(), []
    for line in transcript.splitlines():
        if line.startswith("<- "):
            read.append(line[3:])
            continue
        if line.startswith("-> "):
            replay.sends(line[3:])
            continue
        if "connection is lost" in line:
            replay.reads(read)
            read = []
        replay.happens(line)
    replay.reads(read)
    assert replay.alice.gone


# The examples


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as server:
        yield server


def run(program: str, server: Server, sent: str = "") -> str:
    """What an example writes, at this server; no example may fail."""
    here = program.replace("localhost:6000", f"localhost:{server.port}").replace(
        "localhost 6000", f"localhost {server.port}"
    )
    here = here.replace('("localhost", 6000)', f'("localhost", {server.port})')
    assert str(server.port) in here
    command = [sys.executable, "-c", here] if "import" in here else ["bash", "-e", "-c", here]
    done = subprocess.run(
        command,
        input=sent,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        text=True,
        cwd=server.where,
        env=ENVIRONMENT,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def example(part: str) -> str:
    (found,) = [block for block in [*blocks("python"), *blocks("bash")] if part in block]
    return found


def everybody(server: Server) -> str:
    """Who is here now, besides who asks."""
    with Person(server) as person:
        person.say('{"hello": {"nick": "asker"}}', '{"who": {}}', '{"quit": {}}')
        (who,) = re.findall(r'"answer":"who".*"members":\[(.*)\]', person.rest())
    return str(who)


def test_every_example_is_tried_here() -> None:
    parts = ("import json, socket", "fromjson", "coproc", "curl", "grep")
    assert len({example(part) for part in parts}) == len([*blocks("python"), *blocks("bash")]) - 1
    assert [block for block in blocks("bash") if "deploy done" in block and "curl" not in block]


@pytest.mark.process
def test_the_example_in_python(server: Server) -> None:
    program = example("import json, socket")
    assert len(program.splitlines()) <= 17
    for _ in range(2):
        (line,) = run(program, server).splitlines()
        saved = ast.literal_eval(line.removeprefix("saved: "))
        assert (saved["text"], saved["id"]) == ("build 17 is green", "build-17")
    assert everybody(server) == '"asker"'


@pytest.mark.process
def test_the_example_in_python_says_why_it_cannot(server: Server) -> None:
    with Person(server, "builder"), pytest.raises(AssertionError, match="builder is taken"):
        run(example("import json, socket"), server)


@pytest.mark.process
@needs("nc", "netcat-openbsd")
@needs("jq", "jq")
def test_the_example_with_jq_says_whatever_is_in_a_line(server: Server) -> None:
    lines = ["one", 'two "quoted" \\ $HOME `id`', "drei: äöü 😀", '{"quit": {}}']
    assert run(example("fromjson"), server, "\n".join(lines)).splitlines() == [f"saved: {line}" for line in lines]
    assert server.said() == lines
    assert everybody(server) == '"asker"'


@pytest.mark.process
@needs("nc", "netcat-openbsd")
def test_the_example_that_waits_for_a_word_ends_with_it(server: Server) -> None:
    with Person(server, "alice") as alice:
        script = example("coproc").replace("6000", str(server.port))
        with subprocess.Popen(["bash", "-c", script], env=ENVIRONMENT, stdin=subprocess.DEVNULL) as waiting:
            alice.expect("waiting joined")
            alice.say("not yet")
            assert waiting.poll() is None
            alice.say("deploy")
            alice.expect(re.escape("waiting left (off to work)"))
            assert waiting.wait(PATIENCE) == 0


@pytest.mark.process
@needs("nc", "netcat-openbsd")
@needs("curl", "curl")
@pytest.mark.parametrize("program", [block for block in blocks("bash") if "deploy done" in block])
def test_a_line_says_something(server: Server, program: str) -> None:
    assert '"text":"deploy done"' in run(program, server)
    assert server.said() == ["deploy done"]
    assert everybody(server) == '"asker"'


@pytest.mark.process
@needs("nc", "netcat-openbsd")
def test_the_line_at_the_top_says_something(server: Server) -> None:
    (program,) = re.findall(r"^    (printf .*)$", PAGE, re.MULTILINE)
    run(program, server)
    assert server.said() == ["deploy done"]


@pytest.mark.process
@needs("nc", "netcat-openbsd")
def test_a_line_reads_the_last_messages(server: Server) -> None:
    with Person(server, "alice") as alice:
        alice.say("one", "two", "three", "four", "/who")
        alice.expect("1 in #lobby")
    found = [json.loads(line)["text"] for line in run(example("grep"), server).splitlines()]
    assert found == ["two", "three", "four"]
