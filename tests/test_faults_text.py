"""Bytes that are no UTF-8, in every field and over every kind of connection: nobody sees them, and nobody is cut off."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import harm
from .server import ANY_PORT, Listener, Person, Server
from .test_tls import certificate

__all__ = ["certificate"]  # a fixture

pytestmark = pytest.mark.process

MALFORMED = {
    # The numbers are those of Markus Kuhn's "UTF-8 decoder capability and stress test".
    "3.1 one continuation byte": b"\x80",
    "3.1 another": b"\xbf",
    "3.1 seven of them": b"\x80\xbf\x80\xbf\x80\xbf\x80",
    "3.1.9 all of them": bytes(range(0x80, 0xC0)),
    "3.2.1 all first bytes of two": b"".join(bytes([byte, 0x20]) for byte in range(0xC0, 0xE0)),
    "3.2.2 all first bytes of three": b"".join(bytes([byte, 0x20]) for byte in range(0xE0, 0xF0)),
    "3.2.3 all first bytes of four": b"".join(bytes([byte, 0x20]) for byte in range(0xF0, 0xF8)),
    "3.2.4 all first bytes of five": b"\xf8 \xf9 \xfa \xfb ",
    "3.2.5 all first bytes of six": b"\xfc \xfd ",
    "3.3.1 two, the last missing": b"\xc0",
    "3.3.2 three, the last missing": b"\xe0\x80",
    "3.3.3 four, the last missing": b"\xf0\x80\x80",
    "3.3.4 five, the last missing": b"\xf8\x80\x80\x80",
    "3.3.5 six, the last missing": b"\xfc\x80\x80\x80\x80",
    "3.3.6 two, of a sound one": b"\xdf",
    "3.3.7 three, of a sound one": b"\xef\xbf",
    "3.3.8 four, of a sound one": b"\xf7\xbf\xbf",
    "3.3.9 five, of a sound one": b"\xfb\xbf\xbf\xbf",
    "3.3.10 six, of a sound one": b"\xfd\xbf\xbf\xbf\xbf",
    "3.4 all of these in a row": b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xfc\x80\x80\x80\x80\xdf\xef\xbf\xf7\xbf\xbf",
    "3.5.1 FE": b"\xfe",
    "3.5.2 FF": b"\xff\xff",
    "3.5.3 both": b"\xfe\xfe\xff\xff\xff\xff",
    "4.1 overlong slash of two": b"\xc0\xaf",
    "4.1 overlong slash of three": b"\xe0\x80\xaf",
    "4.1 overlong slash of four": b"\xf0\x80\x80\xaf",
    "4.1 overlong slash of five": b"\xf8\x80\x80\x80\xaf",
    "4.1 overlong slash of six": b"\xfc\x80\x80\x80\x80\xaf",
    "4.2 longest overlong of two": b"\xc1\xbf",
    "4.2 longest overlong of three": b"\xe0\x9f\xbf",
    "4.2 longest overlong of four": b"\xf0\x8f\xbf\xbf",
    "4.3 overlong NUL of two": b"\xc0\x80",
    "4.3 overlong NUL of three": b"\xe0\x80\x80",
    "4.3 overlong NUL of four": b"\xf0\x80\x80\x80",
    "overlong line feed": b"\xc0\x8a",
    "overlong escape": b"\xc0\x9b[2J",
    "C1 control by itself": b"\x9b2J\x9d52;c;aGk=\x9c",
    "5.1 first high surrogate": b"\xed\xa0\x80",
    "5.1 last high surrogate": b"\xed\xaf\xbf",
    "5.1 first low surrogate": b"\xed\xb0\x80",
    "5.1 last low surrogate": b"\xed\xbf\xbf",
    "5.2 a pair of them": b"\xed\xa0\xbd\xed\xb8\x80",
    "beyond U+10FFFF": b"\xf4\x90\x80\x80",
    "far beyond it": b"\xf7\xbf\xbf\xbf",
    "a sound character that is cut": b"\xf0\x9f\x98",
    "UTF-16": "\ufeffhi".encode("utf-16-le"),
}

TEXT_FIELDS = {
    "message": b"<!>a<!>",
    "action": b"/me <!>a<!>",
    "nickname": b"/nick n<!>",
    "room": b"/join #r<!>",
    "topic": b"/topic <!>a<!>",
    "private message": b"/msg watcher <!>a<!>",
    "who a private message is for": b"/msg w<!> hello",
    "why away": b"/away <!>a<!>",
    "command": b"/<!>",
}

JSON_FIELDS = {
    "message": b'{"say": {"text": "<!>a<!>"}}',
    "nickname": b'{"nick": {"name": "n<!>"}}',
    "room": b'{"join": {"room": "r<!>"}}',
    "topic": b'{"topic": {"text": "<!>a<!>"}}',
    "private message": b'{"msg": {"to": "watcher", "text": "<!>a<!>"}}',
    "why away": b'{"away": {"why": "<!>a<!>"}}',
    "password": b'{"login": {"nick": "watcher", "password": "<!>a<!>"}}',
    "id": b'{"say": {"text": "a"}, "id": "<!>"}',
    "name of a request": b'{"<!>": {}}',
}

STRANGERS = [
    (b"n<!>", b"/quit"),
    (b"/login watcher <!>a<!>", b"/quit"),
    (b'{"hello": {"nick": "n<!>"}}', b'{"quit": {}}'),
    (b'{"login": {"nick": "watcher", "password": "<!>"}}', b'{"quit": {}}'),
]


def lines(field: bytes) -> Iterator[bytes]:
    for malformed in MALFORMED.values():
        yield field.replace(b"<!>", malformed) + b"\n"


class Raw(Listener):
    """Takes down the bytes themselves."""

    def run(self) -> None:
        self.taken = b""
        while more := self.person.socket.recv(1 << 16):
            self.taken += more

    def bytes(self) -> bytes:
        super().rest()
        return self.taken


class Way:
    """A way in, and how one enters there."""

    def __init__(self, server: Server, certificate: Path) -> None:
        self._server = server
        self._context = ssl.create_default_context(cafile=certificate)
        ports = [invitation.split()[-1].rpartition(":")[2] for invitation in server.invitations]
        self.ways: dict[str, Callable[[], Person]] = {
            "TCP": lambda: Person(server, at=int(ports[0])),
            "TLS": lambda: self._secure(int(ports[1])),
            "Unix": lambda: Person(server, at=ports[2]),
        }

    def _secure(self, port: int) -> Person:
        person = Person(self._server, at=port)
        person.socket = self._context.wrap_socket(person.socket, server_hostname="localhost")
        return person


def send_split(person: Person, line: bytes) -> None:
    """Each byte by itself."""
    for byte in line:
        person.send(bytes([byte]))


@pytest.fixture
def server(tmp_path: Path, certificate: Path) -> Iterator[Server]:
    secure = f"ssl:0:interface=127.0.0.1:privateKey={certificate}:certKey={certificate}"
    many = ("--no-limits", "--room-creation", "anyone", "--rooms-per-account", "0", "--history", "0")
    with Server(tmp_path, *many, lines=(ANY_PORT, secure, f"unix:{tmp_path}/line")) as server:
        yield server


@pytest.mark.parametrize("over", ["TCP", "TLS", "Unix"])
def test_what_is_no_utf_8_reaches_nobody(server: Server, certificate: Path, over: str) -> None:
    come = Way(server, certificate).ways[over]
    listeners = [Person(server, "watcher"), Person(server)]
    listeners[1].say('{"hello": {"nick": "robot"}}')
    listeners[1].expect('"welcome".*\n')
    raw = [Raw(listener) for listener in listeners]

    sender = come()
    sender.enter("sender")
    for number, field in enumerate(TEXT_FIELDS.values()):
        for line in lines(field):
            send_split(sender, line)
        sender.say(f"/done-{number}")
        sender.expect(rf"! .*done-{number}.*\r\n")
    sender.say("/nick sender", "all was said")

    program = come()
    program.say('{"hello": {"nick": "program"}}')
    program.expect('"welcome".*\n')
    for number, field in enumerate(JSON_FIELDS.values()):
        for line in lines(field):
            send_split(program, line)
        program.say(json.dumps({"nothing": {}, "id": f"done-{number}"}))
        answers = [json.loads(line) for line in program.expect(rf".*done-{number}.*\n").splitlines()]
        refusals = [answer["refused"]["code"] for answer in answers if "refused" in answer]
        assert refusals[:-1] == ["not_json"] * len(MALFORMED)  # each by itself, and the next line is taken
    program.say('{"say": {"text": "all was asked"}}')

    for first, last in STRANGERS:
        for malformed in list(MALFORMED.values())[:: 12 if b"login" in first else 1]:  # a password takes 28 ms
            with come() as stranger:
                send_split(stranger, first.replace(b"<!>", malformed) + b"\n" + last + b"\n")
                Listener(stranger).rest()

    for one in raw:
        one.person.say("/quit" if one is raw[0] else '{"quit": {}}')
    taken = [one.bytes() for one in raw]
    assert b"all was said" in taken[0]
    assert b"all was asked" in taken[0]
    assert b"all was asked" in taken[1]
    assert harm.in_text(taken[0]) == []
    assert harm.in_json(taken[1]) == []
