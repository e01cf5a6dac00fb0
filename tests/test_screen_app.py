"""The client's screen itself, with keys that come from a pipe and an output that is only kept: what each key does to the
conversation with a real server in memory, and to the line that is typed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from errno import EBADF, EIO
from io import StringIO

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.layout import BufferControl
from prompt_toolkit.layout.processors import Transformation, TransformationInput
from prompt_toolkit.output.vt100 import Vt100_Output

from chatroom.client.questions import Dialogue, Question
from chatroom.client.screen.app import ESCAPE_TIMEOUT, LINE_SHARE, MENU_ROWS, REDRAW_INTERVAL, App
from chatroom.client.screen.clusters import CHARACTERS_KNOWN, LONGEST_CLUSTER, PLACES, Clusters
from chatroom.client.screen.completing import Names
from chatroom.client.screen.keys import HELP, WINDOWS
from chatroom.client.screen.palette import Background, style
from chatroom.client.screen.run import is_gone
from chatroom.request import Command
from chatroom.wire.json import MAX_LINE

from .test_client_rooms import PASSWORD
from .test_screen_face import Desk

BOUND = 10
"""Seconds for one test."""

ENTER, TAB, UP, ALT = "\r", "\t", "\x1b[A", "\x1b"
CTRL_C, CTRL_D, CTRL_L = "\x03", "\x04", "\x0c"
PAGE_UP, PAGE_DOWN, ALT_END = "\x1b[5~", "\x1b[6~", "\x1b\x1b[F"
ALT_LEFT, ALT_RIGHT = "\x1b[1;3D", "\x1b[1;3C"
COLUMNS, ROWS = 80, 12
MARK = "\u0301"


class Stage:
    """Somebody at the keys."""

    def __init__(self, keyboard: PipeInput) -> None:
        self.desk = Desk()
        self.drawn = StringIO()
        self.size = Size(ROWS, COLUMNS)
        face = self.desk.seen
        output = Vt100_Output(self.drawn, lambda: self.size, term="xterm-256color", enable_cpr=False)
        self.app = App(
            face,
            lambda: style(Background.DARK, True),
            Names(face.known),
            InMemoryHistory(),
            keyboard=keyboard,
            output=output,
        )
        face.begin(self.desk.conversation, self.app)
        self._keyboard = keyboard
        self.desk.enter()
        self.desk.type("/join dev")
        self.desk.go_on()

    async def keys(self, *keys: str, until: Callable[[], bool]) -> None:
        self._keyboard.send_text("".join(keys))
        await self.wait(until)

    async def wait(self, until: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        while not until():
            turn = loop.create_future()
            loop.call_soon(turn.set_result, None)
            await turn

    def put(self, text: str) -> None:
        """All that is typed is this."""
        self.app._line.text = text
        self.app._line.cursor_position = len(text)

    async def draw(self) -> str:
        """All that is drawn from now on, until something has been."""
        self.drawn.truncate(0)
        self.drawn.seek(0)
        self.app.redraw_all()
        self.app.redraw()
        await self.wait(lambda: "dev" in self.drawn.getvalue())
        return self.drawn.getvalue()

    @property
    def left(self) -> bool:
        """That we leave was said."""
        return b'"quit"' in bytes(self.desk.transport.value())  # type: ignore[no-untyped-call]

    @property
    def held(self) -> int:
        """Lines that wait for their outcome."""
        return self.desk.conversation.under_way


def play(script: Callable[[Stage], Coroutine[None, None, None]]) -> None:
    async def run() -> None:
        with create_pipe_input() as keyboard:
            stage = Stage(keyboard)
            began = asyncio.Event()
            done = stage.app.run(began.set).asFuture(asyncio.get_running_loop())
            await began.wait()
            try:
                await script(stage)
            finally:
                stage.app.exit()
                await done

    asyncio.run(asyncio.wait_for(run(), BOUND))


def test_what_is_typed_is_said_with_enter_and_comes_back_with_up() -> None:
    async def script(stage: Stage) -> None:
        await stage.keys("hello", until=lambda: stage.app.text == "hello")
        assert stage.held == 0
        await stage.keys(ENTER, until=lambda: stage.app.text == "")
        stage.desk.go_on()
        assert stage.desk.texts("dev") == ["hello"]
        await stage.keys(UP, until=lambda: stage.app.text == "hello")

    play(script)


def test_nothing_is_said_of_an_empty_line() -> None:
    async def script(stage: Stage) -> None:
        await stage.keys("  ", until=lambda: stage.app.text == "  ")
        await stage.keys(ENTER, until=lambda: stage.app.text == "")
        assert stage.held == 0

    play(script)


def test_the_half_typed_line_survives_whatever_arrives() -> None:
    async def script(stage: Stage) -> None:
        await stage.keys("half a li", until=lambda: stage.app.text == "half a li")
        stage.desk.says("hi bot", "dev")
        stage.desk.says("other room")
        stage.desk.cut()
        assert "bot> half a li" in plain(await stage.draw())
        stage.desk.recover()
        await stage.keys("ne", ENTER, until=lambda: stage.app.text == "")
        stage.desk.go_on()
        assert stage.desk.texts("dev") == ["hi bot", "half a line"]

    play(script)


def plain(drawn: str) -> str:
    """Without what steers the terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn)


def test_a_question_is_answered_unseen_and_the_half_typed_line_waits() -> None:
    decided: list[Command | None] = []

    def dialogue() -> Dialogue:
        yield Question("first?")
        return Command("login", f"bot {(yield Question('password?', hidden=True))}")

    async def script(stage: Stage) -> None:
        await stage.keys("half", until=lambda: stage.app.text == "half")
        stage.desk.seen.question(dialogue(), decided.append)
        await stage.keys("yes", ENTER, until=lambda: "password?" in stage.drawn.getvalue())
        await stage.keys(PASSWORD, until=lambda: "*" * len(PASSWORD) in stage.drawn.getvalue())
        await stage.keys(ENTER, until=lambda: bool(decided))
        assert decided == [Command("login", f"bot {PASSWORD}")]
        # Until the server has looked at it, what is typed may be the answer to another question.
        await stage.keys("too early", ENTER, until=lambda: "*" * len("too early") in stage.drawn.getvalue())
        assert (stage.app.text, stage.app.asking, "too early" in stage.drawn.getvalue()) == ("half", True, False)
        stage.desk.cut()
        assert (stage.app.text, stage.app.asking) == ("half", False)
        assert PASSWORD not in await stage.draw()
        assert PASSWORD not in stage.drawn.getvalue()
        await stage.keys(UP, CTRL_C, UP, until=lambda: stage.app.text == "")

    play(script)


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_a_question_need_not_be_answered(key: str) -> None:
    async def script(stage: Stage) -> None:
        await stage.keys("/register", ENTER, until=lambda: stage.app.asking)
        await stage.keys("secr", key, until=lambda: not stage.app.asking)
        assert stage.desk.shown()[-1] == "* nothing was changed"
        assert not stage.desk.is_over()

    play(script)


DELETING = ["\x15", "\x01\x0b", "\x17", "\x01\x1bd", "\x1b\x7f", "\x00\x01\x1bw\x15", "\x00\x01\x17"]
"""Ctrl-U, Ctrl-K from the beginning, Ctrl-W, Alt-D, Alt-Backspace; Alt-W and Ctrl-W with all of it selected."""


@pytest.mark.parametrize("deleting", DELETING)
def test_what_is_deleted_of_an_answer_is_not_to_be_had_again(deleting: str) -> None:
    async def script(stage: Stage) -> None:
        await stage.keys("/register", ENTER, until=lambda: stage.app.asking)
        await stage.keys(PASSWORD, deleting, CTRL_C, until=lambda: not stage.app.asking)
        await stage.keys("\x19", "!", until=lambda: stage.app.text.endswith("!"))
        assert stage.app.text == "!"
        await stage.keys("\x15", "\x19\x19", until=lambda: stage.app.text == "!!")

    play(script)


def test_an_answer_is_not_found_again_in_the_next_question() -> None:
    decided: list[Command | None] = []

    def dialogue() -> Dialogue:
        yield Question("password?", hidden=True)
        return Command("login", (yield Question("again?")))

    async def script(stage: Stage) -> None:
        stage.desk.seen.question(dialogue(), decided.append)
        await stage.keys(PASSWORD, "\x0f", ENTER, until=lambda: "again?" in stage.drawn.getvalue())
        found = UP, "\x10", "\x1b<", "\x12", "\x1b.", "\x1f"  # Ctrl-P, Alt-<, Ctrl-R, Alt-. and undoing
        await stage.keys(*found, "ok", ENTER, until=lambda: bool(decided))
        assert decided == [Command("login", "ok")]

    play(script)


def test_no_key_throws_the_line_away_unsaid_or_keeps_what_is_typed_to_type_it_again() -> None:
    async def script(stage: Stage) -> None:
        await stage.keys("half", "\x0f", ALT, "#", "!", until=lambda: stage.app.text == "half!")
        await stage.keys("\x18(", "ab", "\x18)", "\x18e", "!", until=lambda: stage.app.text == "half!ab!")
        assert stage.held == 0

    play(script)


def test_letters_that_are_one_in_some_scripts_are_drawn_and_taken_away_one_by_one() -> None:
    async def script(stage: Stage) -> None:
        for text in ("राष्ट्रीय", "\u1100\u1100\u1161", "\u0930\u093e\u093e"):
            stage.put(text)
            assert text in plain(await stage.draw())
        stage.put("राष्ट्रीय")
        await stage.keys("\x7f\x7f", until=lambda: stage.app.text == "राष्ट्")
        await stage.keys("\x01", CTRL_D, until=lambda: stage.app.text == "ष्ट्")

    play(script)


def test_what_the_server_calls_us_steers_no_terminal() -> None:
    async def script(stage: Stage) -> None:
        stage.desk.conversation.received(
            b'{"event": "renamed", "nick": "bot", "new": "b\\u001b[31mo\\u202et", "room": "dev", "position": "9"}'
        )
        assert "b[31mot>" in plain(await stage.draw())
        assert "\u202e" not in stage.drawn.getvalue()

    play(script)


@pytest.mark.parametrize(
    ("error", "gone"), [(EOFError(), True), (OSError(EIO, ""), True), (OSError(EBADF, ""), False), (KeyError(), False)]
)
def test_a_terminal_that_is_gone_is_no_bug(error: BaseException, gone: bool) -> None:
    assert is_gone(error) is gone


def test_ctrl_c_clears_the_line_and_twice_on_an_empty_one_leaves() -> None:
    async def script(stage: Stage) -> None:
        await stage.keys("half", until=lambda: stage.app.text == "half")
        await stage.keys(CTRL_C, until=lambda: stage.app.text == "")
        await stage.keys(CTRL_C, "x", until=lambda: stage.app.text == "x")
        await stage.keys(CTRL_C, CTRL_C, until=lambda: "once more leaves" in stage.drawn.getvalue())
        assert not stage.desk.is_over()
        await stage.keys(CTRL_C, until=lambda: stage.left)
        stage.desk.go_on()
        assert stage.desk.is_over()

    play(script)


def test_ctrl_d_deletes_within_a_line_and_leaves_on_an_empty_one() -> None:
    async def script(stage: Stage) -> None:
        await stage.keys("ab\x01", CTRL_D, until=lambda: stage.app.text == "b")
        await stage.keys(CTRL_D, CTRL_D, until=lambda: stage.left)

    play(script)


def test_who_leaves_with_unsent_lines_is_told_where_they_look() -> None:
    async def script(stage: Stage) -> None:
        stage.desk.cut()
        await stage.keys(
            "unsent", ENTER, "/quit", ENTER, until=lambda: "not sent yet; once more" in stage.drawn.getvalue()
        )
        assert not stage.desk.is_over()
        await stage.keys(CTRL_D, until=lambda: stage.desk.is_over())

    play(script)


def test_alt_and_a_number_or_an_arrow_changes_the_window() -> None:
    async def script(stage: Stage) -> None:
        await stage.keys(ALT, "1", until=lambda: stage.desk.looks_at == "lobby")
        await stage.keys("for the lobby", ENTER, until=lambda: stage.held == 1)
        await stage.keys(ALT_RIGHT, until=lambda: stage.desk.looks_at == "dev")
        await stage.keys("for dev", ENTER, until=lambda: stage.held == 2)
        stage.desk.go_on()
        assert (stage.desk.texts(), stage.desk.texts("dev")) == (["for the lobby"], ["for dev"])
        stage.desk.says("new")
        await stage.keys(ALT, "a", until=lambda: stage.desk.looks_at == "lobby")
        await stage.keys(ALT_LEFT, until=lambda: stage.desk.looks_at == "dev")
        await stage.keys(ALT, str(WINDOWS), until=lambda: f"no window {WINDOWS}" in stage.drawn.getvalue())

    play(script)


def test_what_is_pasted_is_one_message_of_several_lines_and_told_before() -> None:
    async def script(stage: Stage) -> None:
        await stage.keys("\x1b[200~one\r\ntw\x1bo\nthree\n\x1b[201~", until=lambda: stage.app.text == "one\ntwo\nthree")
        assert "3 lines: Enter says them as one message" in await stage.draw()
        await stage.keys(ENTER, until=lambda: stage.held == 1)
        stage.desk.go_on()
        assert stage.desk.texts("dev") == ["one\ntwo\nthree"]
        await stage.keys("a", ALT, ENTER, "b", until=lambda: stage.app.text == "a\nb")

    play(script)


def test_a_password_among_what_is_pasted_is_told_of() -> None:
    async def script(stage: Stage) -> None:
        text = "hello\n/login al correct horse"
        await stage.keys(f"\x1b[200~{text}\x1b[201~", until=lambda: stage.app.text == text)
        assert "2 lines, with what looks like a password: Enter" in await stage.draw()

    play(script)


def test_what_follows_an_emoji_in_a_topic_stands_in_its_column() -> None:
    async def script(stage: Stage) -> None:
        family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"  # three characters, and two that join them: two columns
        stage.desk.seen.windows.current.topic = f"{family} at home"
        column = len(" 1:#lobby  2:#dev  ") + 2 + 1
        assert re.search(rf"{family}(\x1b\[[\d;]*m)*\x1b\[{column}G", await stage.draw())

    play(script)


def test_tab_completes() -> None:
    async def script(stage: Stage) -> None:
        await stage.keys("al", TAB, until=lambda: stage.app.text == "alice: ")
        await stage.keys(CTRL_C, "/wh", TAB, until=lambda: stage.app.text.startswith("/who"))

    play(script)


def test_what_is_too_long_is_told_before_it_is_said_and_stays() -> None:
    async def script(stage: Stage) -> None:
        text = "x" * MAX_LINE
        stage.put(text)
        await stage.keys(ENTER, until=lambda: "bytes too long" in stage.drawn.getvalue())
        assert (stage.app.text, stage.held) == (text, 0)

    play(script)


def test_what_is_refused_here_comes_back_with_up_to_be_mended() -> None:
    async def script(stage: Stage) -> None:
        await stage.keys("/bell loud", ENTER, until=lambda: stage.desk.shown()[-1].startswith("! it is /bell"))
        assert stage.app.text == ""  # or what is typed next would stand behind it
        await stage.keys(UP, until=lambda: stage.app.text == "/bell loud")

    play(script)


def test_one_looks_back_page_by_page_and_returns() -> None:
    async def script(stage: Stage) -> None:
        for number in range(60):
            stage.desk.alice.ask("say", room="dev", text=f"line {number}")
        stage.desk.go_on()
        assert "line 59" in await stage.draw()
        transcript = stage.desk.seen.windows.current.transcript
        await stage.keys(PAGE_UP, until=lambda: transcript.looks_back)
        stage.desk.says("news", "dev")
        drawn = await stage.draw()
        assert ("line 50" in drawn, "line 59" in drawn, "1 new below" in drawn) == (True, False, True)
        await stage.keys(PAGE_DOWN, PAGE_DOWN, until=lambda: not transcript.looks_back)
        assert "news" in await stage.draw()
        await stage.keys(PAGE_UP, PAGE_UP, ALT_END, until=lambda: not transcript.looks_back)

    play(script)


@pytest.mark.parametrize("size", [Size(1, 1), Size(2, 3), Size(3, 250), Size(40, 10), Size(4, 4)])
def test_a_screen_of_any_size_is_drawn(size: Size) -> None:
    async def script(stage: Stage) -> None:
        stage.desk.says("漢字 👨‍👩‍👧 https://example.org/", "dev")
        stage.size = size
        before = len(stage.drawn.getvalue())
        stage.app.redraw_all()
        stage.app.redraw()
        await stage.wait(lambda: len(stage.drawn.getvalue()) > before)
        await stage.keys("x", PAGE_UP, PAGE_DOWN, CTRL_L, until=lambda: stage.app.text == "x")

    play(script)


@pytest.mark.parametrize("key", ["\x1b[1;3A", "\x1b[1;3B"])
def test_up_and_down_with_alt_do_the_same(key: str) -> None:
    async def script(stage: Stage) -> None:
        await stage.keys(key, until=lambda: stage.desk.looks_at == "lobby")

    play(script)


def test_what_is_typed_takes_its_share_of_the_screen_and_no_more() -> None:
    async def script(stage: Stage) -> None:
        stage.put("\n".join(f"typed {number}" for number in range(30)))
        assert plain(await stage.draw()).count("typed ") == ROWS // LINE_SHARE

    play(script)


def test_so_many_completions_are_shown_at_once() -> None:
    async def script(stage: Stage) -> None:
        stage.size = Size(40, COLUMNS)
        await stage.keys("/", TAB, until=lambda: " /bell " in plain(stage.drawn.getvalue()))
        names = stage.desk.seen.known.commands
        drawn = plain(await stage.draw())
        assert sum(f" /{name} " in drawn for name in names) == MENU_ROWS < len(names)

    play(script)


def test_what_comes_faster_than_anybody_reads_is_drawn_together() -> None:
    async def script(stage: Stage) -> None:
        application = stage.app._app
        assert application.min_redraw_interval == REDRAW_INTERVAL  # which is prompt_toolkit's to keep
        for burst in "abc":
            before = application.render_counter
            for number in range(300):
                stage.desk.seen.notice(f"{number} {burst * 50}")
                stage.app.redraw()
            await stage.wait(lambda before=before: application.render_counter > before)  # type: ignore[misc]
            assert application.render_counter == before + 1
            assert burst * 50 in stage.drawn.getvalue()

    play(script)


def test_escape_alone_is_a_key_after_a_while() -> None:
    async def script(stage: Stage) -> None:
        stage.app.hint("until the next key")
        assert stage.app._app.ttimeoutlen == ESCAPE_TIMEOUT  # which is prompt_toolkit's to wait
        await stage.keys(ALT, until=lambda: True)
        assert "until the next key" in await stage.draw()  # it may be the beginning of another
        while "until the next key" in await stage.draw():
            pass

    play(script)


def test_a_character_of_very_many_is_taken_away_in_parts() -> None:
    async def script(stage: Stage) -> None:
        stage.put(f"e{MARK * LONGEST_CLUSTER}x")
        await stage.keys("\x01", CTRL_D, until=lambda: stage.app.text == f"{MARK}x")
        stage.put(f"e{MARK * (LONGEST_CLUSTER - 1)}x")
        await stage.keys("\x01", CTRL_D, until=lambda: stage.app.text == "x")

    play(script)


def drawn_by(clusters: Clusters, text: str, style: str = "") -> Transformation:
    control, document = BufferControl(), Document(text)
    return clusters.apply_transformation(
        TransformationInput(control, document, 0, lambda at: at, [(style, text)], 80, 5)
    )


def test_a_typed_line_is_looked_through_once_until_it_changes() -> None:
    clusters = Clusters()
    first = drawn_by(clusters, "漢字e\u0301")
    assert drawn_by(clusters, "another 漢") is not first
    assert drawn_by(clusters, "漢字e\u0301") is first
    assert drawn_by(clusters, "漢字e\u0301", "class:selected") is not first
    longest = drawn_by(clusters, "漢" * CHARACTERS_KNOWN)
    assert drawn_by(clusters, "漢" * CHARACTERS_KNOWN) is longest
    assert drawn_by(clusters, "漢字e\u0301") is not first
    assert drawn_by(clusters, "漢" * CHARACTERS_KNOWN) is not longest


def test_icons_of_fonts_are_drawn_as_they_are_and_so_is_what_stands_for_others() -> None:
    clusters = Clusters()
    assert drawn_by(clusters, "\U000f0001").fragments == [("", "\U000f0001")]
    for places in PLACES:
        (_, place), (_, other) = drawn_by(clusters, chr(places[0]) + chr(places[-1])).fragments  # type: ignore[misc]
        assert [clusters.cells[drawn].text for drawn in (place, other)] == [chr(places[0]), chr(places[-1])]


def test_the_keys_that_are_told_are_those_there_are() -> None:
    assert f"Alt-1 to Alt-{WINDOWS}" in HELP
