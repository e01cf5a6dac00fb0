"""The format for people: plain lines, as telnet and nc show them. Bytes to commands, entries to bytes; nothing else.

<- Welcome to chatroom ...          -> a line: the nickname
<- * You are alice, in #lobby ...   -> a line is said; /command words; //text says /text; bye
<- bob: hello    * bob waves    * bob joined    * ... what the server says    ! ... what is refused
<- bob -> you: in private    you -> bob: said so on another device
"""

from __future__ import annotations

from collections.abc import Sequence
from time import gmtime, strftime

from ..event import Entry, Event, Kind, person_of
from ..request import Answer, Command, Refused, Welcome
from ..text import clean, decode, safe

END = "\r\n"
"""Telnet's end of line (RFC 854), which terminals in every mode show right."""

END_OF_FILE = b"\x04"
"""What telnet sends for Ctrl-D."""

LEAVING = ("bye", "/quit")
"""What leaves in the place of any answer too."""

NAMED = 10
"""Up to so many people are all named; of more, two, and the number of the others."""


class TextFormat:
    """Lines for people."""

    echoes = False
    resumes = False
    welcomes_first = False
    name = "text"

    @property
    def asks(self) -> TextFormat:
        return self

    # In

    def parse(self, line: bytes, entered: bool) -> Command | None:
        text = clean(decode(line))
        words = text.strip()
        if line == END_OF_FILE or words.lower() == "bye":
            return Command("quit")
        if text[:1] == "/" and text[:2] != "//":
            name, _, rest = text[1:].partition(" ")
            return Command(name.lower(), rest.strip())
        if not entered:
            return Command("enter", words)
        if not words:
            return None
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
        if text[0] in "/ \n" or "\n/" in text or "\n " in text or "\n\n" in text or "bye" in text.lower():
            return None
        said = text[:-1].split("\n")
        whole = "".join(said)  # of which each part is printable and clean if it is so itself
        return said if whole.isprintable() and (whole.isascii() or clean(whole) == whole) else None

    # Out, for everybody

    def render(self, log: str, entries: Sequence[Entry]) -> list[bytes]:
        said, joined, left = Kind.SAID, Kind.JOINED, Kind.LEFT  # looked up once: each takes 0.2 us
        pieces: list[bytes] = []
        crowd = _Crowd()
        for entry in entries:
            event = entry.event
            if crowd.nicks and not crowd.takes(event):
                crowd.tell(pieces)
            if event.kind is said:
                line = f"{event.nick}: {event.text}"
                pieces.append(f"{line}\r\n".encode() if line.isprintable() else _lines(_talk(event, log)))
            elif event.kind is joined or event.kind is left:
                crowd.add(event, len(pieces))
                pieces.append(b"")
            else:
                pieces.append(_lines(_talk(event, log)))
        crowd.tell(pieces)
        return pieces

    def recall(self, log: str, entries: Sequence[Entry]) -> list[bytes]:
        return [
            _lines(
                [
                    strftime("[%Y-%m-%d %H:%M] ", gmtime(entry.event.time / 1000)) + line
                    for line in _talk(entry.event, log)
                ]
            )
            for entry in entries
        ]

    # Out, for one

    def greet(self, server_name: str, room: str, present: int) -> bytes:
        people = {0: "nobody is here yet", 1: "one is here"}.get(present, f"{present} are here")
        return _lines([f"Welcome to {server_name}, room #{room}: {people}.", "What nickname would you like?"])

    def welcome(self, welcome: Welcome) -> bytes:
        company = (
            f"in #{welcome.room} with {_people(welcome.others)}" if welcome.others else f"alone in #{welcome.room}"
        )
        return _lines([f"* You are {welcome.nick}, {company}. /help lists the commands, bye leaves."])

    def answer(self, answer: Answer, command: Command | None = None) -> bytes:
        return _lines([f"* {line}" for line in answer.words.split("\n")]) if answer.words else b""

    def ask(self, words: str) -> bytes:
        return _lines([f"* {words}"])

    def refuse(self, refused: Refused, id: str) -> bytes:
        return _lines([f"! {refused.words}"])


class _Crowd:
    """Joins, or leaves for one reason, that stand next to one another: told in one line, where the first of them stands."""

    def __init__(self) -> None:
        self._kind = Kind.JOINED
        self._reason = ""
        self.nicks: list[str] = []
        self._place = 0

    def takes(self, event: Event) -> bool:
        return event.kind is self._kind and event.text == self._reason

    def add(self, event: Event, place: int) -> None:
        if not self.nicks:
            self._kind, self._reason, self._place = event.kind, event.text, place
        self.nicks.append(event.nick)

    def tell(self, pieces: list[bytes]) -> None:
        if self.nicks:
            pieces[self._place] = _lines([_happened(_people(self.nicks), self._kind.value, self._reason)])
            self.nicks = []


def _talk(event: Event, log: str) -> list[str]:
    """An event in words; what it says may be several lines."""
    match event.kind:
        case Kind.PRIVATE:
            own = log[1:] == person_of(event.by)  # an inbox is called by its owner's id
            between = f"you -> {event.details.get('to', '')}" if own else f"{event.nick} -> you"
            return [f"{between}: {line}" for line in event.text.split("\n")]
        case Kind.SAID:
            return [f"{event.nick}: {line}" for line in event.text.split("\n")]
        case Kind.DID:
            return [f"* {event.nick} {line}" for line in event.text.split("\n")]
        case Kind.RENAMED:
            return [f"* {event.nick} is now {event.details.get('new', '')}"]
        case Kind.AWAY | Kind.BACK:
            return [_happened(event.nick, f"is {event.kind.value}", event.text)]
        case Kind.STARTED | Kind.READ:
            return []  # nobody was there; nobody else's business
    return [_happened(event.nick, event.kind.value, event.text)]


def _happened(who: str, what: str, why: str) -> str:
    return f"* {who} {what} ({why})" if why else f"* {who} {what}"


def _people(nicks: Sequence[str]) -> str:
    if len(nicks) > NAMED:
        return f"{nicks[0]}, {nicks[1]} and {len(nicks) - 2} others"
    *most, last = nicks
    return f"{', '.join(most)} and {last}" if most else last


def _lines(lines: Sequence[str]) -> bytes:
    """Each line made safe for a terminal once more, whatever the store held."""
    return "".join([f"{safe(line)}{END}" for line in lines]).encode()


TEXT = TextFormat()
