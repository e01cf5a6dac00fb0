"""The format for people: plain lines, as telnet and nc show them. Bytes to commands, entries to bytes; nothing else.

<- Welcome to chatroom ...          -> a line: the nickname
<- * You are alice, in #lobby ...   -> a line is said; #room line; /command words; //text says /text; bye
<- bob: hello    * bob waves    * bob joined    * ... what the server says    ! ... what is refused
<- bob -> you: in private    you -> bob: said so on another device
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from json import dumps
from time import gmtime, strftime

from ..event import Entry, Event, Kind
from ..request import Answer, Arrived, Command, Refused, Welcome
from ..text import clean, decode, safe
from .words import because, in_words, merging, people

END = "\r\n"
"""Telnet's end of line (RFC 854), which terminals in every mode show right."""

END_OF_FILE = b"\x04"
"""What telnet sends for Ctrl-D."""

LEAVING = ("bye", "/quit")
"""What leaves in the place of any answer too."""


class TextFormat:
    """Lines for people: as who is in one room reads them, or as `several` for who is in several."""

    echoes = False
    resumes = False
    welcomes_first = False
    name = "text"

    def __init__(self, tells_rooms: bool = False) -> None:
        self._tells_rooms = tells_rooms
        self.several: TextFormat = self if tells_rooms else TextFormat(tells_rooms=True)

    @property
    def asks(self) -> TextFormat:
        return self

    # In

    def parse(self, line: bytes, entered: bool) -> Command | None:
        text = clean(decode(line))
        words = text.strip()
        if line == END_OF_FILE or words.lower() == "bye":
            return Command("quit")
        if words[:1] == "/" and words[:2] != "//":  # a blank before it, or what became one, must not tell a password
            return _command(words)
        if not entered:
            return Command("enter", words)
        if not words:
            return None
        if text[0] == "#" and (there := _in_room(text)):
            return there
        return Command("say", text[1:] if text[:2] == "//" else text)

    def reply(self, line: bytes) -> str | None:
        text = clean(decode(line)).strip()
        return None if line == END_OF_FILE or text in LEAVING else text

    def talk(self, lines: bytes) -> list[str] | None:
        try:
            text = lines.decode()
        except UnicodeDecodeError:
            return None
        # Whatever may be a command, an empty line or no clean text is left to `parse`; some that is none of these too.
        if text[0] in "/# \n" or "\n/" in text or "\n#" in text or "\n " in text or "\n\n" in text:
            return None
        if "bye" in text.lower():
            return None
        said = text[:-1].split("\n")
        whole = "".join(said)  # of which each part is printable and clean if it is so itself
        return said if whole.isprintable() and (whole.isascii() or clean(whole) == whole) else None

    # Out, for everybody

    def render(self, log: str, entries: Sequence[Entry]) -> list[bytes]:
        said, joined = Kind.SAID, Kind.JOINED  # looked up once: each takes 0.2 us
        room = _before(log, self._tells_rooms)
        pieces: list[bytes] = []
        crowd = _Crowd(room)
        nicks = crowd.nicks
        for entry in entries:
            event = entry.event
            if nicks and not crowd.takes(event):
                crowd.tell(pieces)
            if event.kind is said:
                line = f"{room}{event.nick}: {event.text}"
                details = event.details
                plain = line.isprintable() and not (details and ("removed" in details or "edited" in details))
                pieces.append(f"{line}\r\n".encode() if plain else _told(event, log, room))
            elif event.kind is joined or merging(event):
                crowd.add(event, len(pieces))
                pieces.append(b"")
            else:
                pieces.append(_told(event, log, room))
        crowd.tell(pieces)
        return pieces

    def recall(self, log: str, entries: Sequence[Entry], several: bool) -> list[bytes]:
        room = _before(log, several)
        return [
            _told(event, log, room, strftime("[%Y-%m-%d %H:%M] ", gmtime(event.time / 1000))) for _, event in entries
        ]

    # Out, for one

    def greet(self, server_name: str, room: str, present: int) -> bytes:
        people = {0: "nobody is here yet", 1: "one is here"}.get(present, f"{present} are here")
        return _lines([f"Welcome to {server_name}, room #{room}: {people}.", "What nickname would you like?"])

    def welcome(self, welcome: Welcome) -> bytes:
        rooms = welcome.rooms
        if not rooms:
            where = "in no room; /rooms lists them, /join ROOM enters one"
        elif len(rooms) == 1:
            where = _company(rooms[0])
        else:
            each = [f"in #{at.room} {f'with {people(at.others)}' if at.others else 'alone'}" for at in rooms]
            where = f"{', '.join(each)}; what you say goes to #{rooms[0].room}"
        topics = [line for arrived in rooms for line in _topic(arrived)]
        return _lines([f"* You are {welcome.nick}, {where}. /help lists the commands, bye leaves.", *topics])

    def joined(self, arrived: Arrived, command: Command | None, several: bool) -> bytes:
        line = f"* You are {_company(arrived)}."
        if several and command:
            line += " What you say goes there now; /room changes that."
        elif several:  # each device talks where it did
            line += " (asked on another device)"
        return _lines([line, *_topic(arrived)])

    def exported(self, told: Mapping[str, object]) -> bytes:
        return f"{dumps(told)}{END}".encode()

    def answer(self, answer: Answer, command: Command | None = None) -> bytes:
        return _lines([f"* {line}" for line in answer.words.split("\n")]) if answer.words else b""

    def ask(self, words: str) -> bytes:
        return _lines([f"* {words}"])

    def refuse(self, refused: Refused, id: str) -> bytes:
        return _lines([f"! {refused.words}"])


class _Crowd:
    """Joins, or leaves for one reason, that stand next to one another: told in one line, where the first of them stands."""

    def __init__(self, room: str) -> None:
        self._room = room
        self._word = ""
        self._reason = ""
        self.nicks: list[str] = []
        self._place = 0

    def takes(self, event: Event) -> bool:
        return merging(event) == self._word and event.text == self._reason

    def add(self, event: Event, place: int) -> None:
        if not self.nicks:
            self._word, self._reason, self._place = merging(event), event.text, place
        self.nicks.append(event.nick)

    def tell(self, pieces: list[bytes]) -> None:
        if self.nicks:
            pieces[self._place] = _lines(
                [f"{self._room}* {because(f'{people(self.nicks)} {self._word}', self._reason)}"]
            )
            self.nicks.clear()


def _command(text: str) -> Command:
    name, _, words = text[1:].partition(" ")
    name, words = name.lower(), words.strip()
    if name == "server" and words:
        word, _, words = words.partition(" ")
        name, words = f"server-{word.lower()}", words.strip()
    return Command(name, words)


def _in_room(text: str) -> Command | None:
    """What a line that begins with a room's name asks for there; None for one that only looks a little like it."""
    room, _, line = text[1:].partition(" ")
    if not room or room[0] == "#" or room[0].isdigit() or room[0].isspace() or not line.strip():
        return None
    if line[0] != "/" or line[:2] == "//":
        return Command("say", fields={"room": room, "text": line.removeprefix("/")})
    command = _command(line)
    if command.name == "me":
        return Command("me", fields={"room": room, "text": command.words})
    raise Refused("bad_arguments", f"after #{room} stands what is to be said; /room {room} talks there from now on")


def _before(log: str, tells_rooms: bool) -> str:
    return f"{log} " if tells_rooms and log[:1] == "#" else ""


def _told(event: Event, log: str, room: str, time: str = "") -> bytes:
    """All lines of one event, each with what stands before it; what everybody is told is told in no room."""
    before = time if event.kind is Kind.ANNOUNCED else time + room
    return _lines([before + line for line in in_words(event, log)])


def _company(arrived: Arrived) -> str:
    return f"in #{arrived.room} with {people(arrived.others)}" if arrived.others else f"alone in #{arrived.room}"


def _topic(arrived: Arrived) -> list[str]:
    return [f"* Topic of #{arrived.room}: {arrived.topic}"] if arrived.topic else []


def _lines(lines: Sequence[str]) -> bytes:
    """Each line made safe for a terminal once more, whatever the store held."""
    return "".join([f"{safe(line)}{END}" for line in lines]).encode()


TEXT = TextFormat()
