"""Clean lines out of whatever terminals send: telnet's sequences, four line ends, lines without end."""

from __future__ import annotations

import sys
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport
from twisted.protocols.basic import LineReceiver

from chatroom.protocols.telnet import CUT, MAX_LINE, LineInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

IAC, DONT, DO, WONT, WILL, SB, SE = b"\xff", b"\xfe", b"\xfd", b"\xfc", b"\xfb", b"\xfa", b"\xf0"
NOP, AYT, IP, DM, GA, EOF, SUSP = b"\xf1", b"\xf6", b"\xf4", b"\xf2", b"\xf9", b"\xec", b"\xed"
BINARY, ECHO, SGA, TIMING_MARK, NAWS = b"\x00", b"\x01", b"\x03", b"\x06", b"\x1f"

SEQUENCES = {
    # what it is: (sent, clean, answers)
    "nothing": (b"", b"", b""),
    "plain lines": (b"hi\nho\n", b"hi\nho\n", b""),
    "UTF-8": ("grüß dich 🦊\n".encode(), "grüß dich 🦊\n".encode(), b""),
    "a doubled IAC is a byte of data": (b"a" + IAC + IAC + b"b\n", b"a\xffb\n", b""),
    "three IACs and a command": (IAC + IAC + IAC + NOP + b"x\n", b"\xffx\n", b""),
    "commands of two bytes": (b"a".join(IAC + x for x in (NOP, AYT, IP, DM, GA, EOF, SUSP, SE)), b"aaaaaaa", b""),
    "Ctrl-C, as inetutils-telnet sends it": (
        IAC + IP + IAC + DO + TIMING_MARK + b"x\n",
        b"x\n",
        IAC + WONT + TIMING_MARK + IAC + DO + BINARY,
    ),
    "every timing mark is answered, and the first shows a telnet, which is asked for 8 bits": (
        (IAC + DO + TIMING_MARK) * 3,
        b"",
        IAC + WONT + TIMING_MARK + IAC + DO + BINARY + (IAC + WONT + TIMING_MARK) * 2,
    ),
    "the answer to that needs none": (
        IAC + DO + TIMING_MARK + IAC + WILL + BINARY + IAC + WILL + BINARY,
        b"",
        IAC + WONT + TIMING_MARK + IAC + DO + BINARY,
    ),
    "who offers 8 bits and asks for them gets them": (
        IAC + DO + BINARY + IAC + WILL + BINARY + IAC + DO + TIMING_MARK,
        b"",
        IAC + WILL + BINARY + IAC + DO + BINARY + IAC + WONT + TIMING_MARK,
    ),
    "an offered timing mark is an option as others": ((IAC + WILL + TIMING_MARK) * 2, b"", IAC + DONT + TIMING_MARK),
    "PuTTY says all it can": (
        IAC + WILL + NAWS + IAC + DO + ECHO + IAC + WILL + SGA + IAC + DO + SGA + b"alice\r\n",
        b"alice\n",
        IAC + DONT + NAWS + IAC + WONT + ECHO + IAC + DONT + SGA + IAC + WONT + SGA,
    ),
    "an option is refused once": (
        (IAC + DO + ECHO + IAC + WILL + ECHO) * 3,
        b"",
        IAC + WONT + ECHO + IAC + DONT + ECHO,
    ),
    "WONT and DONT are never answered": (IAC + WONT + ECHO + IAC + DONT + ECHO + IAC + DONT + TIMING_MARK, b"", b""),
    "the option 255 is not doubled": (IAC + WILL + IAC + b"x", b"x", IAC + DONT + IAC),
    "an option may look like a line end": (
        IAC + DO + b"\n" + IAC + DO + b"\r\nx",
        b"\nx",
        IAC + WONT + b"\n" + IAC + WONT + b"\r",
    ),
    "a subnegotiation": (b"a" + IAC + SB + NAWS + b"\0\x50\0\x18" + IAC + SE + b"b\n", b"ab\n", b""),
    "its end doubled is not its end": (IAC + SB + NAWS + IAC + IAC + SE + b"no" + IAC + SE + b"yes\n", b"yes\n", b""),
    "only its end ends it": (IAC + SB + IAC + DO + ECHO + IAC + SB + b"\n" + IAC + SE + b"yes\n", b"yes\n", b""),
    "an empty one": (IAC + SB + IAC + SE + b"x\n", b"x\n", b""),
    "one that never ends": (b"a" + IAC + SB + b"b\r\nc" + IAC + IAC, b"a", b""),
    "no command at all (conch raises ValueError)": (IAC + b":x\n", b":x\n", b""),
    "a line end is no command": (b"\xff\n\xff\r\nx\n", b"\n\nx\n", b""),
    "an unfinished command": (b"x" + IAC, b"x", b""),
    "an unfinished option": (b"x" + IAC + DO, b"x", b""),
}

LINE_ENDS = {
    "LF": (b"a\nb\n", b"a\nb\n"),
    "CR LF": (b"a\r\nb\r\n", b"a\nb\n"),
    "CR NUL": (b"a\r\0b\r\0", b"a\nb\n"),
    "CR": (b"a\rb\r", b"a\nb\n"),
    "all of them": (b"a\r\nb\rc\nd\r\0e\r", b"a\nb\nc\nd\ne\n"),
    "CR CR LF": (b"a\r\r\nb", b"a\n\nb"),
    "CR CR NUL": (b"a\r\r\0b", b"a\n\nb"),
    "LF CR": (b"a\n\rb", b"a\n\nb"),
    "only one LF or NUL belongs to the CR": (b"\r\n\0\r\0\n\r\0\0\r\n\n", b"\n\0\n\n\n\0\n\n"),
    "other NULs stay": (b"a\0b\n\0", b"a\0b\n\0"),
    "a command between CR and LF": (b"a\r" + IAC + NOP + b"\nb\n", b"a\nb\n"),
    "a CR at the end is an LF at once": (b"a\r", b"a\n"),
}

LONG_LINES = {  # the limit is eight bytes
    "just not": (b"12345678\n12345678\r\n", b"12345678\n12345678\n"),
    "one byte": (b"123456789\n", b"12345678\r\n"),
    "between good lines": (b"good\n" + b"x" * 99 + b"\ngood\n", b"good\nxxxxxxxx\r\ngood\n"),
    "two of them, after one another": (b"x" * 30 + b"\r\n" + b"y" * 30 + b"\r\nz\r\n", b"xxxxxxxx\r\nyyyyyyyy\r\nz\n"),
    "told before it ends": (b"x" * 99, b"xxxxxxxx\r\n"),
    "its end is no line of its own": (b"x" * 99 + b"\n", b"xxxxxxxx\r\n"),
    "then an empty line": (b"x" * 9 + b"\n\n", b"xxxxxxxx\r\n\n"),
    "many short lines": (b"a\nbb\nccc\n" * 9, b"a\nbb\nccc\n" * 9),
    "a good unfinished one behind it": (b"x" * 9 + b"\r12345678", b"xxxxxxxx\r\n12345678"),
    "commands do not count": (b"1234" + (IAC + NOP) * 9 + b"5678\n", b"12345678\n"),
}


def splits(data: bytes) -> Iterator[list[bytes]]:
    """The whole, byte by byte, and in two at every place (the ends give an empty part)."""
    yield [data]
    yield [bytes([byte]) for byte in data]
    for at in range(len(data) + 1):
        yield [data[:at], data[at:]]


def feed(lines: LineInput, parts: Iterable[bytes]) -> tuple[bytes, bytes]:
    fed = [lines.feed(part) for part in parts]
    return b"".join(clean for clean, _ in fed), b"".join(answers for _, answers in fed)


def memory(lines: LineInput) -> int:
    return sys.getsizeof(lines) + sum(sys.getsizeof(getattr(lines, slot)) for slot in LineInput.__slots__)


@pytest.mark.parametrize(("sent", "clean", "answers"), SEQUENCES.values(), ids=SEQUENCES)
def test_telnet_sequences_are_taken_out_and_answered(sent: bytes, clean: bytes, answers: bytes) -> None:
    for parts in splits(sent):
        assert feed(LineInput(), parts) == (clean, answers), parts


@pytest.mark.parametrize(("sent", "clean"), LINE_ENDS.values(), ids=LINE_ENDS)
def test_every_line_end_becomes_lf(sent: bytes, clean: bytes) -> None:
    for parts in splits(sent):
        assert feed(LineInput(), parts) == (clean, b""), parts


@pytest.mark.parametrize(("sent", "clean"), LONG_LINES.values(), ids=LONG_LINES)
def test_an_over_long_line_is_cut_and_told_once(sent: bytes, clean: bytes) -> None:
    for parts in splits(sent):
        assert feed(LineInput(max_line=8), parts) == (clean, b""), parts


@pytest.mark.parametrize(
    "sent", [b"\xff\n", b"\xff\xff\xfd\x06\xfa\r\n", b"\xe4\xff", b"\xff\xfa" + b"x" * 9 + b"\xff\n"]
)
def test_without_telnet_0xff_is_text(sent: bytes) -> None:
    for parts in splits(sent):
        assert feed(LineInput(telnet=False), parts) == (sent.replace(b"\r\n", b"\n"), b"")


def test_telnet_can_be_switched_off_and_on_between_two_bytes() -> None:
    lines = LineInput()
    assert lines.feed(b"a" + IAC + DO + ECHO + b"b" + IAC) == (b"ab", IAC + WONT + ECHO)
    lines.telnet = False
    assert lines.feed(DO + b"c") == (IAC + DO + b"c", b"")
    lines.telnet = True
    assert lines.feed(IAC + DO + SGA + b"d") == (b"d", IAC + WONT + SGA)


def test_the_limit_can_be_raised_in_the_middle_of_a_line() -> None:
    lines = LineInput(max_line=4)
    assert lines.feed(b"1234")[0] == b"1234"
    lines.max_line = 8
    assert lines.feed(b"5678\n123456789") == (b"5678\n12345678\r\n", b"")
    lines.max_line = 64
    assert lines.feed(b"still skipped\nnot skipped\n") == (b"not skipped\n", b"")


def test_the_limit_can_be_lowered_in_the_middle_of_a_line() -> None:
    for rest, clean in {b"\nab\n": b"\nab\n", b"9\nab\n": b"\r\nab\n", b"": b"", b"\r\nabcde": b"\nabcd\r\n"}.items():
        lines = LineInput(max_line=8)
        lines.feed(b"12345678")
        lines.max_line = 4
        assert lines.feed(rest) == (clean, b"")


def bytewise(data: bytes, limit: int) -> bytes:
    """What the clean bytes must be, said once more in the plainest way; for data without IAC."""
    clean, length, before = bytearray(), 0, b""
    for byte in (bytes([number]) for number in data):
        belongs = before == b"\r" and byte in b"\n\0"
        before = b"" if belongs else byte
        if belongs:
            continue
        if byte in b"\r\n":
            if length <= limit:
                clean += b"\n"
            length = 0
        else:
            length += 1
            if length <= limit:
                clean += byte
            elif length == limit + 1:
                clean += b"\r\n"
    return bytes(clean)


pieces = st.sampled_from(
    [
        IAC,
        DONT,
        DO,
        WONT,
        WILL,
        SB,
        SE,
        NOP,
        ECHO,
        TIMING_MARK,
        b"\r",
        b"\n",
        b"\0",
        b"a",
        b"bcdefghi",
        IAC + SB,
        IAC + SE,
    ]
)
streams = st.lists(st.binary(max_size=8) | pieces, max_size=40)


@given(streams, st.integers(0, 12), st.booleans())
@example([IAC, b":"], MAX_LINE, True)
def test_no_bytes_raise_and_how_they_were_split_does_not_matter(parts: list[bytes], limit: int, telnet: bool) -> None:
    sent = b"".join(parts)
    whole = LineInput(limit, telnet)
    clean, answers = whole.feed(sent)
    assert feed(LineInput(limit, telnet), parts) == (clean, answers)
    assert feed(LineInput(limit, telnet), [bytes([byte]) for byte in sent]) == (clean, answers)
    assert b"\r" not in clean.replace(CUT + b"\n", b"\n")
    assert all(len(line.removesuffix(CUT)) <= limit for line in clean.split(b"\n"))
    assert all(len(line) == limit + 1 for line in clean.split(b"\n") if line.endswith(CUT))
    assert memory(whole) < 600


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\0", b"a", b"bcd"]), max_size=40).map(b"".join), st.integers(0, 6))
def test_line_ends_and_cuts_are_as_a_reading_byte_by_byte_makes_them(sent: bytes, limit: int) -> None:
    assert LineInput(limit).feed(sent) == (bytewise(sent, limit), b"")


@given(st.binary(max_size=200))
def test_without_telnet_nothing_but_line_ends_changes(sent: bytes) -> None:
    assert LineInput(telnet=False).feed(sent) == (bytewise(sent, MAX_LINE), b"")


@given(st.binary(max_size=200))
def test_what_is_sent_with_iac_doubled_arrives(sent: bytes) -> None:
    assert LineInput().feed(sent.replace(IAC, IAC + IAC)) == (bytewise(sent, MAX_LINE), b"")


CHUNK = 65536


@pytest.mark.parametrize(
    "chunk",
    [b"x" * CHUNK, IAC + SB + b"x" * CHUNK, IAC + SB + IAC * CHUNK, IAC + SB + (IAC + b"x") * (CHUNK // 2)],
    ids=["a line", "a subnegotiation", "a subnegotiation of IACs", "a subnegotiation of commands"],
)
def test_what_never_ends_is_not_kept(chunk: bytes) -> None:
    lines = LineInput()
    tracemalloc.start()
    try:
        kept = sum(len(lines.feed(chunk)[0]) for _ in range(160))  # 10 MB
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept <= MAX_LINE + 2
    assert peak < 8 * CHUNK
    assert memory(lines) < 600
    assert lines.feed(IAC + SE + b"\ngood\n")[0].endswith(b"good\n")


def test_a_hundred_thousand_options_get_one_answer_each() -> None:
    lines = LineInput()
    sent = b"".join(IAC + (DO, WILL)[number & 1] + bytes([number >> 1 & 255]) for number in range(100_000))
    asked = b"".join(IAC + (WONT, DONT)[number & 1] + bytes([number >> 1]) for number in range(2, 512))
    asked = IAC + WILL + BINARY + IAC + DO + BINARY + asked
    timing_marks = sent.count(IAC + DO + TIMING_MARK) - 1
    clean, answers = feed(lines, [sent[at : at + 4096] for at in range(0, len(sent), 4096)])
    assert clean == b""
    assert len(answers) == len(asked) + 3 * timing_marks
    assert answers.startswith(asked)
    assert memory(lines) < 600


def test_a_connection_that_says_nothing_costs_little() -> None:
    assert not hasattr(LineInput(), "__dict__")
    assert sys.getsizeof(LineInput()) <= 100


class Lines(LineReceiver):
    """How a line protocol uses it, with all traps of LineReceiver within reach."""

    delimiter = b"\n"
    largest = 8

    def __init__(self) -> None:
        self.input = LineInput(max_line=8)
        self.MAX_LENGTH = self.largest + len(CUT)
        self.lines: list[bytes] = []
        self.pause_at: bytes | None = None
        self.peer = StringTransport()
        self.makeConnection(self.peer)

    def dataReceived(self, data: bytes) -> None:
        clean, answers = self.input.feed(data)
        if answers:
            self.peer.write(answers)
        super().dataReceived(clean)

    def lineReceived(self, line: bytes) -> None:
        self.lines.append(line)
        if self.pause_at is not None and line.startswith(self.pause_at):
            self.pauseProducing()

    def lineLengthExceeded(self, line: bytes) -> None:
        raise AssertionError(line)


def test_line_receiver_is_told_of_an_over_long_line_once_and_in_its_place() -> None:
    sent = (
        b"before\r\n"
        + b"x" * 50
        + b"\r\nafter\r\n12345678\r\n"
        + b"y" * 9
        + b"\r\n"
        + IAC
        + DO
        + TIMING_MARK
        + b"last\r\n"
    )
    for parts in splits(sent):
        protocol = Lines()
        for part in parts:
            protocol.dataReceived(part)
        assert protocol.lines == [b"before", b"xxxxxxxx" + CUT, b"after", b"12345678", b"yyyyyyyy" + CUT, b"last"]
        assert protocol.peer.value() == IAC + WONT + TIMING_MARK + IAC + DO + BINARY
        assert protocol.clearLineBuffer() == b""


def test_line_receiver_holds_at_most_one_line_of_an_endless_one() -> None:
    protocol = Lines()
    for _ in range(160):
        protocol.dataReceived(b"x" * CHUNK)
    assert protocol.lines == [b"xxxxxxxx" + CUT]
    protocol.dataReceived(b"\n1234567")
    assert protocol.clearLineBuffer() == b"1234567"


def test_a_pause_in_the_middle_of_the_buffer_loses_nothing() -> None:
    sent = b"one\r\ntoo long a line\r\ntwo\r\nthree\rpart"
    for pause_at in (b"one", b"too", b"two", b"three"):
        for parts in splits(sent):
            protocol = Lines()
            protocol.pause_at = pause_at
            for part in parts:
                protocol.dataReceived(part)
            assert protocol.lines[-1].startswith(pause_at)
            protocol.resumeProducing()
            protocol.dataReceived(b"ial\n")
            assert protocol.lines == [b"one", b"too long" + CUT, b"two", b"three", b"partial"]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n", b"\r\0"])
def test_64_kib_of_line_ends_are_so_many_empty_lines(end: bytes) -> None:
    protocol = Lines()
    protocol.dataReceived(end * (CHUNK // len(end)))
    assert protocol.lines == [b""] * (CHUNK // len(end))


class FirstLineDecides(Lines):
    """The first line is fed alone: what it changes must hold for what came with it."""

    largest = 64

    def dataReceived(self, data: bytes) -> None:
        while data and not self.lines:
            first, end, data = data.partition(b"\n")
            super().dataReceived(first + end)
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        super().lineReceived(line)
        if len(self.lines) == 1:
            self.input.max_line = self.largest
            self.input.telnet = False


def test_the_first_line_can_change_the_limit_for_what_came_with_it() -> None:
    sent = b"{}\n" + b"x" * 60 + b"\xff\r\n" + b"y" * 65 + b"\nz\n"
    for parts in splits(sent):
        protocol = FirstLineDecides()
        for part in parts:
            protocol.dataReceived(part)
        assert protocol.lines == [b"{}", b"x" * 60 + b"\xff", b"y" * 64 + CUT, b"z"]
