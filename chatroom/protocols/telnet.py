"""What people's terminals send, made into clean lines before LineReceiver sees it: telnet's sequences are taken out and
answered, every line end becomes LF, an over-long line is cut. Bytes in, bytes out; knows no transport and no text.
"""

from __future__ import annotations

import re

MAX_LINE = 4096
"""Bytes of one line without its end: eight times IRC's 512, and one page of memory for a line without end."""

CUT = b"\r"
"""Ends a line that was longer than `max_line`. Nothing else can: every CR that was sent has become LF."""

_LF, _IAC, _WILL, _WONT, _DO, _DONT, _SB = b"\n", b"\xff", b"\xfb", b"\xfc", b"\xfd", b"\xfe", b"\xfa"

_BINARY, _ECHO, _TIMING_MARK = 0, 1, 6

_SEQUENCE = re.compile(
    rb"""\xff(?:
      (?P<verb>[\xfb-\xfe]) (?P<option>.)         # WILL, WONT, DO, DONT
    | (?P<escaped>\xff)                           # IAC IAC: the byte 0xFF itself
    | \xfa [^\xff]*+ (?:\xff[^\xf0][^\xff]*+)*+   # SB, its contents in which IAC is doubled,
      (?:\xff\xf0 | (?P<open>\xff?)\Z)            #    IAC SE, or the end of what has come so far
    | [\xec-\xf9]                                 # a command alone: NOP, AYT, IP, ... (from EOF, RFC 1184, to GA)
    | (?=[\x00-\xeb])                             # none at all: only the IAC goes, lest a line end went with it
    | (?P<half>[\xfb-\xfe]?)\Z                    # the rest has not come yet
    )""",
    re.DOTALL | re.VERBOSE,
)


class LineInput:
    """What one connection has sent, as far as it matters for what comes next: 100 to 300 bytes, whatever was sent.

    Chunks of 4 KiB, lines of 64 bytes: 3,500 MB/s with LF, 480 MB/s with CR LF; a line that comes alone takes 0.6 us.
    """

    __slots__ = ("_after_cr", "_pending", "_settled", "_skipping", "_unfinished", "max_line", "telnet")

    def __init__(self, max_line: int = MAX_LINE, telnet: bool = True) -> None:
        self.max_line = max_line
        """May change at any time; lines that have been cut stay cut."""
        self.telnet = telnet
        """Off where 0xFF may be text (IRC: a Latin-1 y with diaeresis). May change at any time."""
        self._pending = b""  # the start of a telnet sequence, at most three bytes: contents of SB are not kept
        self._settled = 0  # one bit for each verb and option that needs no answer (any more)
        self._after_cr = False  # that CR was an LF already; an LF or NUL that comes next belongs to it
        self._unfinished = 0  # bytes of the line that has no end yet
        self._skipping = False  # it was cut: nothing more of it until its end

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """The clean bytes for LineReceiver and the answers for the peer, however the input was split into chunks.

        Lines end in LF. Of a line longer than `max_line` come its first `max_line` bytes, CUT and LF, once and as soon
        as it is too long. Give the clean bytes to LineReceiver also when empty: so it goes on after a pause.
        """
        answers = b""
        if self._pending or _IAC in data:
            data, answers = self._without_sequences(data)
        if self._after_cr or b"\r" in data:
            data = self._with_plain_ends(data)
        size = self._unfinished + len(data)
        if size > self.max_line or self._skipping:
            return self._cut(data), answers
        end = data.rfind(_LF)
        self._unfinished = size if end < 0 else len(data) - end - 1
        return data, answers

    def hide(self, hidden: bool) -> bytes:
        """What has a telnet not show what is typed, because we would (RFC 857), and show it again. Without SUPPRESS-GO-AHEAD
        it goes on sending whole lines. Others show these three bytes."""
        if not self.telnet:
            return b""
        self._settled |= 1 << 256 + _ECHO  # its DO is the answer, and needs none
        return _IAC + (_WILL if hidden else _WONT) + bytes([_ECHO])

    def _without_sequences(self, data: bytes) -> tuple[bytes, bytes]:
        data = self._pending + data
        self._pending = b""
        if not self.telnet:
            return data, b""
        clean: list[bytes] = []
        answers: list[bytes] = []
        at = 0
        for sequence in _SEQUENCE.finditer(data):
            clean.append(data[at : sequence.start()])
            at = sequence.end()
            verb, option, escaped, unclosed, half = sequence.groups()
            if verb is not None:
                answers.append(self._answer(verb, option))
            elif escaped is not None:
                clean.append(escaped)
            elif unclosed is not None:
                self._pending = _IAC + _SB + unclosed
            elif half is not None:
                self._pending = _IAC + half
        clean.append(data[at:])
        return b"".join(clean), b"".join(answers)

    def _answer(self, verb: bytes, option: bytes) -> bytes:
        """No to every option but BINARY, once: a peer that asks again knows, and one that asks 100,000 times costs no memory.

        Without BINARY, Debian's telnet takes a byte of UTF-8 that is a control character but for its highest bit for that
        character: of "Ü" it makes BREAK, of "у" Ctrl-C, each with a DO TIMING-MARK behind it. So whoever sends that is
        asked for BINARY (RFC 856). To ask at once would show three odd bytes to those who are no telnet.

        To WONT and DONT there is never an answer, so no two programs answer each other for ever (RFC 854, RFC 1143).
        An option that we offer ourselves, such as ECHO around a password, has its DO settled when it is offered.
        """
        if verb in (_WONT, _DONT):
            return b""
        number = option[0]
        if verb == _DO:
            if number == _TIMING_MARK:  # each time: until then telnet throws away all output after a Ctrl-C (RFC 860)
                return _IAC + _WONT + option + self._ask_for_binary()
            number += 256
        if self._settled >> number & 1:
            return b""
        self._settled |= 1 << number
        if option[0] == _BINARY:
            return _IAC + (_WILL if verb == _DO else _DO) + option
        return _IAC + (_WONT if verb == _DO else _DONT) + option

    def _ask_for_binary(self) -> bytes:
        if self._settled >> _BINARY & 1:
            return b""
        self._settled |= 1 << _BINARY  # its WILL is the answer, and needs none
        return _IAC + _DO + bytes([_BINARY])

    def _with_plain_ends(self, data: bytes) -> bytes:
        if not data:
            return data
        if self._after_cr and data[0] in b"\n\0":
            data = data[1:]
        self._after_cr = data.endswith(b"\r")
        data = data.replace(b"\r\n", _LF)
        if b"\r" in data:
            data = data.replace(b"\r\0", _LF).replace(b"\r", _LF)
        return data

    def _cut(self, data: bytes) -> bytes:
        start = 0  # of a line, or of what has come of it now
        if self._skipping:
            start = data.find(_LF) + 1
            if not start:
                return b""
            self._skipping = False
        kept: list[bytes] = []
        copied = start
        room = max(self.max_line - self._unfinished, 0)
        while len(data) - start > room:
            # All lines up to the last LF in reach fit: a step for every max_line bytes, not for every line.
            end = data.rfind(_LF, start, start + room + 1)
            if end < 0:
                kept += data[copied : start + room], CUT, _LF
                end = data.find(_LF, start + room)
                copied = end + 1
                if end < 0:
                    self._unfinished, self._skipping = 0, True
                    return b"".join(kept)
            start = end + 1
            self._unfinished, room = 0, self.max_line
        end = data.rfind(_LF, start)
        self._unfinished = self._unfinished + len(data) - start if end < 0 else len(data) - end - 1
        kept.append(data[copied:])
        return b"".join(kept)
