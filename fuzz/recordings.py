"""What people and programs send on an ordinary day, and what attackers and broken programs put between."""

from __future__ import annotations

IAC = b"\xff"

TEXT = (
    # telnet, with all it negotiates
    (
        b"\xff\xfd\x03\xff\xfb\x18\xff\xfb\x1f\xff\xfb\x20\xff\xfb\x21\xff\xfb\x22\xff\xfb\x27\xff\xfd\x05",
        b"\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0alice\r\n",
        b"hello, anyone here?\r\n",
        b"/who\r\n",
        b"/me waves\r\0",
        b"caf\xc3\xa9 \xe2\x98\x83 \xf0\x9f\x98\x80\r\n",
        b"\xff\xf4\xff\xfd\x06",  # Ctrl-C
        b"/history 5\r\n",
        b"/nick al\r\n",
        b"bye\r\n",
    ),
    (b"bob\n", b"hi\n", b"/echo on\n", b"again\n/who\nand again\n", b"/help\n/help who\n", b"/quit lunch\n"),
    (b"bot\nline one\nline two\nline three\n/who\nline four\n",),
    (b"paste\n", b"x" * 60 + b"\n", b"".join(b"%d of a paste\n" % n for n in range(60)), b"/history\n"),
    (b"caf\xe9\r", b"\xe9\xe8\xe7\r", b"//not a command\r", b"/nick \xd0\xb8\xd0\xb2\xd0\xb0\xd0\xbd\r", b"\x04"),
    (b"eve\r\n", b"/dance\r\n/\r\n/ \r\n//\r\n\r\n   \r\n", b"/history 999999999\r\n/history x\r\n/nick\r\n/echo\r\n"),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",),
    (b"\x04",),
)
"""For people: each session is what arrives in one piece, one after another."""

JSON = (
    (
        b'{"hello": {"nick": "alice", "history": 20, "version": 1}}\n',
        b'{"say": {"text": "hi"}, "id": "1"}\n',
        b'{"say": {"text": "one\\ntwo\\n\\u001b[2J"}, "id": "2"}\n{"me": {"text": "waves"}, "id": "3"}\n',
        b'{"who": {}, "id": "4"}\n{"history": {"limit": 5}}\n',
        b'{"nick": {"name": "al"}, "id": "5"}\n',
        b'{"quit": {"reason": "lunch"}}\n',
    ),
    (b'{"hello": {"nick": "bot"}}\n{"say": {"text": "a"}}\n{"say": {"text": "b"}}\n{"who": {}}\n',),
    (
        b'{"hello": {"nick": "carol", "rooms": {"lobby": {"after": "3"}}}}\n',
        b'{"say": {"text": "again", "room": "lobby"}, "id": "1"}\n{"say": {"text": "again"}, "id": "1"}\n',
        b'{"history": {"limit": 100, "before": "9"}}\n',
        b'{"me": {"words": "waves"}}\n{"help": {}}\n{"echo": {"on": false}}\n',
    ),
    (b'{"hello": {"resume": "0123456789abcdef0123456789abcdef"}}\n', b'{"hello": {"nick": "dave"}}\n', b"<RESUME>"),
    (b'{"say": {"text": "too early"}}\n{"dance": {}}\n[]\nnot json\n{}\n{"who": {}, "id": 7}\n', b"\n\n \n"),
)
"""For programs. `<RESUME>` stands for coming back: the token of the last welcome on a new connection."""

PIECES = (
    *(
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\0",
        b"\0",
        b"\x04",
        b"\x1b[2J",
        b"\x1b]52;c;aGk=\x07",
        b"\x9b6n",
        b"\x7f",
        b"\t",
        b" ",
    ),
    *(
        IAC,
        b"\xff\xff",
        b"\xff\xfd\x06",
        b"\xff\xfb\x1f",
        b"\xff\xfe\x01",
        b"\xff\xf0",
        b"\xff:",
        b"\xff\xfa",
        b"\xff\xfa\x18\x00",
    ),
    *(
        "\u202e".encode(),
        "\u2028".encode(),
        "\ufeff".encode(),
        "\U000e0041".encode(),
        "e\u0301".encode(),
        "\ufdfa".encode(),
    ),
    *(
        "\u0301".encode() * 40,
        "👩\u200d👩\u200d👧".encode(),
        "\u1100\u1161".encode(),
        b"\xed\xa0\x80",
        b"\xc0\xaf",
        b"\xf4\x90",
    ),
    *(
        b"/",
        b"//",
        b"/me ",
        b"/nick ",
        b"/quit ",
        b"/history ",
        b"/who\n",
        b"/echo on\n",
        b"/echo off\n",
        b"bye\n",
        b"/help ",
    ),
    *(
        b"{",
        b"}",
        b'"',
        b"\\",
        b"\\ud83d",
        b"\\u0000",
        b"[" * 40,
        b'{"a":' * 40,
        b"null",
        b"1e999",
        b"-1",
        b"NaN",
        b"true",
    ),
    *(
        b'"id": "1", ',
        b'"text": ',
        b'"words": ',
        b'"say": {}',
        b'"hello": ',
        b'"resume": ',
        b'"rooms": {"lobby": {"after": "1"}}',
    ),
    *(
        b"0",
        b"1",
        b"999999999",
        b"9" * 30,
        b"server",
        b"alice",
        b"al1ce",
        b"lobby",
        b"#lobby",
        b"HTTP/1.1",
        b"x" * 5000,
    ),
)
"""What mutation puts in."""
