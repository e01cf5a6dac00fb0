"""A chat in memory, and people in it whatever they speak: what the suites over all protocols are written with.

To have a protocol or a format join every suite: derive a class from Client (LineClient for lines over TCP), say in it how
each verb is spoken and how what is shown reads in the common form (`Shown`, below), and give it a name in CLIENTS.
Nothing else changes: each test runs once for each name.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from errno import ECONNRESET, EPIPE, EWOULDBLOCK
from functools import partial
from hashlib import sha256
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.tcp import Server
from twisted.logger import Logger
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure

from chatroom.account import Accounts
from chatroom.auth.portal import Checker, PortalLogin
from chatroom.chat import Chat
from chatroom.commands import COMMANDS
from chatroom.event import Entry, Kind, Position, Sort
from chatroom.protocols.line import LineFactory
from chatroom.protocols.tcp import Pulse
from chatroom.protocols.telnet import MAX_LINE
from chatroom.seams import Batch, Hit, Login, NotSaved, Storage
from chatroom.settings import Settings
from chatroom.storage.memory import MemoryStorage
from chatroom.table import Table
from chatroom.tap import secret_of

MORNING = 1_795_165_920
"""2026-11-20 09:12 UTC: when each test begins."""

Shown = tuple[Any, ...]
"""What somebody was shown, in the form common to all formats:

("greeted",)                           asked for a nickname
("recalled", "said" or "did", who, text)   history
("entered", nick, others)              others: a tuple, those who are here longest first
("said", who, text), ("did", who, text), ("joined", who), ("left", who, reason), ("renamed", who, new)
("here", nick, nick, ...)              the answer to `who`; `nick (away)` for who is away
("private", who, text)                 somebody wrote to one in private
("wrote", to, text)                    one wrote so oneself, on another device
("recalled", "private" or "wrote", ...)    private messages of before
("kept", who)                          what was written to somebody waits for them
("away", who, why), ("back", who)      also told to who writes to somebody
("asked",)                             more is needed, such as a password: a person is asked, a program refused
("refused",)                           what was asked is not done
("told", words)                        all else that the server says
("echoed", "said", "did" or "wrote", text)  one's own words, in formats that send them back
("answered", name)                     that a command is done, in formats that tell
"""

SIGNS = ("echoed", "answered")
"""Told of in some formats only, hence only to who asks for them by kind."""

PASSWORD = "correct horse"
"""Everybody's, in these suites."""


class World:
    """One node of a chat, with a clock that only the test turns, and no limits but those it asks for."""

    def __init__(
        self,
        client: type[Client] | None = None,
        *,
        storage: Storage | None = None,
        clock: Clock | None = None,
        stamp: str = "n1.",
        table: Table = COMMANDS,
        login: Login | None = None,
        **settings: Any,
    ) -> None:
        """`client` is what people in it use. Nodes of one chat share a storage and a clock, and have stamps of their own."""
        self.clock = clock or Clock()
        self.turns = Turns(self.clock)
        self.client = client or TextClient
        self.storage = storage or MemoryStorage()
        limits: dict[str, Any] = {"line_interval": 0.0, "presence_burst": 0}
        chosen = Settings(**limits | settings)
        self.chat = chat_of(self.clock, lambda: MORNING + self.clock.seconds(), stamp, chosen, login)
        self.factory = LineFactory(self.chat, table, MAX_LINE)
        # By a clock that stands: none of these connections dies without a word, and in a test of days a look at each of
        # them every 15 seconds would be most of the work. What the pulse does: test_tcp.py.
        self.factory.pulse = Pulse(Clock())
        self.opened = ensureDeferred(self.chat.open(self.storage))
        self.settle()

    def connect(self, address: str = "127.0.0.1", client: type[Client] | None = None) -> Any:
        return (client or self.client)(self, address)

    def enter(self, nick: str, client: type[Client] | None = None) -> Any:
        """Somebody who has come in, and forgets what they have been shown so far."""
        somebody = self.connect(client=client)
        somebody.enter(nick)
        somebody.heard()
        return somebody

    def enter_all(self, *nicks: str) -> list[Any]:
        everybody = [self.enter(nick) for nick in nicks]
        for somebody in everybody:
            somebody.heard()
        return everybody

    def register(self, nick: str, client: type[Client] | None = None) -> Any:
        """Somebody who has come in, made the nickname their own, and forgets what they have been shown so far."""
        somebody = self.enter(nick, client)
        somebody.register(PASSWORD)
        somebody.heard()
        return somebody

    def log_in(self, nick: str, client: type[Client] | None = None) -> Any:
        """Somebody who has an account, on a device of theirs."""
        somebody = self.connect(client=client)
        somebody.login(nick, PASSWORD)
        somebody.heard()
        return somebody

    def settle(self) -> None:
        """Until nothing is under way but what waits for time to pass."""
        while self.turns.turn() or self._due(self.clock.seconds()):
            self.clock.advance(0)

    def after(self, seconds: float) -> None:
        """Let time pass, and everything in it happen when it is due."""
        self.settle()
        end = self.clock.seconds() + seconds
        while due := self._due(end):
            self.clock.advance(max(0.0, min(due) - self.clock.seconds()))
            self.settle()
        self.clock.advance(end - self.clock.seconds())
        self.settle()

    def _due(self, until: float) -> list[float]:
        return [call.getTime() for call in self.clock.getDelayedCalls() if call.getTime() <= until]


def chat_of(clock: Clock, now: Callable[[], float], stamp: str, settings: Settings, login: Login | None = None) -> Chat:
    """A chat whose accounts have passwords of its own, unless a `login` of elsewhere knows them."""
    accounts, hasher = Accounts(), QuickHasher()
    ours = PortalLogin([Checker(partial(secret_of, accounts, settings.nickname), hasher)])
    return Chat(clock, now, stamp, settings, accounts, login or ours, None if login else hasher)


class QuickHasher:
    """Keeps passwords as a test can afford: 20 ms each would be a minute. Real ones: test_auth.py, and with a real server."""

    def hash(self, password: str) -> Deferred[str]:
        return succeed(f"quick${sha256(password.encode()).hexdigest()}")

    def verify(self, kept: str, password: str) -> Deferred[bool]:
        return succeed(kept == f"quick${sha256(password.encode()).hexdigest()}")


# Storages


class SlowStorage:
    """A storage that commits and reads when the test says, once it is told to be slow."""

    def __init__(self, storage: Storage | None = None) -> None:
        self.storage = storage or MemoryStorage()
        self.start = self.storage.start
        self.slow = False
        self.slow_reads = False
        self.batches: list[Batch] = []
        """All that was to be committed, also what was refused."""
        self._commits: deque[tuple[Batch, Deferred[Any]]] = deque()
        self._reads: deque[Callable[[bool], object]] = deque()

    @property
    def under_way(self) -> int:
        return len(self._commits)

    @property
    def reads_under_way(self) -> int:
        return len(self._reads)

    def append(self, batch: Batch) -> Deferred[Any]:
        self.batches.append(batch)
        if not self.slow:
            return self.storage.append(batch)
        appended: Deferred[Any] = Deferred()
        self._commits.append((batch, appended))
        return appended

    def commit(self) -> None:
        """The oldest commit comes through."""
        batch, appended = self._commits.popleft()
        self.storage.append(batch).chainDeferred(appended)

    def fail(self, error: Exception) -> None:
        """The oldest commit does not."""
        self._commits.popleft()[1].errback(Failure(error))

    def read(
        self,
        log: str,
        *,
        after: Position | None = None,
        before: Position | None = None,
        limit: int,
        kinds: Collection[Kind] | None = None,
    ) -> Deferred[list[Entry]]:
        def read() -> Deferred[list[Entry]]:
            return self.storage.read(log, after=after, before=before, limit=limit, kinds=kinds)

        if not self.slow_reads:
            return read()
        found: Deferred[list[Entry]] = Deferred()
        as_of_now = read()
        self._reads.append(lambda anew: (read() if anew else as_of_now).chainDeferred(found))
        return found

    def come_back(self, anew: bool = False) -> None:
        """The oldest read comes back, with what there was when it was asked for, or `anew` with what there is."""
        self._reads.popleft()(anew)

    def follow(self, log: str, committed: Callable[[Sequence[Entry]], None]) -> Deferred[Position]:
        return self.storage.follow(log, committed)

    def unfollow(self, log: str, committed: Callable[[Sequence[Entry]], None]) -> None:
        self.storage.unfollow(log, committed)

    def place(self, log: str, time: int) -> Deferred[Position]:
        return self.storage.place(log, time)

    def search(self, logs: Collection[str], words: Sequence[str], **wanted: Any) -> Deferred[list[Hit]]:
        return self.storage.search(logs, words, **wanted)

    def written(self, by: str, **wanted: Any) -> Deferred[list[Hit]]:
        return self.storage.written(by, **wanted)

    def rename(self, by: str, nick: str) -> Deferred[None]:
        return self.storage.rename(by, nick)

    def blank(self, detail: str, *, log: str, by: str, before: Position) -> Deferred[None]:
        return self.storage.blank(detail, log=log, by=by, before=before)

    def expire(self, time: int, sort: Sort) -> Deferred[None]:
        return self.storage.expire(time, sort)

    def fade(self, detail: str, time: int) -> Deferred[None]:
        return self.storage.fade(detail, time)

    def amend(self, log: str, texts: Mapping[Position, str | None]) -> Deferred[None]:
        return self.storage.amend(log, texts)

    def erase(self, log: str) -> Deferred[None]:
        return self.storage.erase(log)

    def position(self, text: str) -> Position:
        return self.storage.position(text)

    def close(self) -> Deferred[None]:
        return self.storage.close()


class FailingStorage(SlowStorage):
    """A storage whose commits and reads fail while `failing` holds an error for them."""

    def __init__(self, storage: Storage | None = None) -> None:
        super().__init__(storage)
        self.failing: Exception | None = None
        self.failing_reads: Exception | None = None

    def append(self, batch: Batch) -> Deferred[Any]:
        appended = super().append(batch)
        if self.failing and not appended.called:
            self.fail(self.failing)
        return appended

    def break_down(self, error: Exception) -> None:
        """From now on nothing is saved."""
        self.slow, self.failing = True, error

    def recover(self) -> None:
        self.slow, self.failing = False, None

    def read(self, log: str, **wanted: Any) -> Deferred[list[Entry]]:
        if self.failing_reads:
            failed: Deferred[list[Entry]] = Deferred()
            failed.errback(Failure(self.failing_reads))
            return failed
        return super().read(log, **wanted)


DISK_FULL = NotSaved("the disk is full")


# Connections


class Turns:
    """What a reactor does for connections, on the clock of the test."""

    _log = Logger()

    def __init__(self, clock: Clock) -> None:
        self.callLater = clock.callLater
        self._readers: dict[Server, None] = {}
        self._writers: dict[Server, None] = {}

    def addReader(self, connection: Server) -> None:
        self._readers[connection] = None

    def addWriter(self, connection: Server) -> None:
        self._writers[connection] = None

    def removeReader(self, connection: Server) -> None:
        self._readers.pop(connection, None)

    def removeWriter(self, connection: Server) -> None:
        self._writers.pop(connection, None)

    def turn(self) -> bool:
        """Tells whether anything moved."""
        moved = False
        for connection in tuple(self._readers):
            moved |= self.read(connection)
        for connection in tuple(self._writers):
            if connection in self._writers and connection.socket.room:
                moved = True
                self._do(connection, connection.doWrite)
        return moved

    def read(self, connection: Server) -> bool:
        if connection in self._readers and connection.socket.readable:
            self._do(connection, connection.doRead)
            return True
        return False

    def _do(self, connection: Server, work: Callable[[], Any]) -> None:
        why: Any
        try:
            why = work()
        except Exception as error:
            self._log.failure("a connection failed")
            why = error
        if why:  # as the reactors of Twisted do
            self.removeReader(connection)
            if isinstance(why, ConnectionDone) and work == connection.doRead:
                connection.readConnectionLost(Failure(why))
            else:
                self.removeWriter(connection)
                connection.connectionLost(Failure(why))


class Socket:
    """What Twisted's TCP asks of a socket, in memory: the rest is Twisted's own."""

    def __init__(self) -> None:
        self.taken = bytearray()
        """What the other side has been sent and has taken."""
        self.room = float("inf")
        """Bytes that it still takes."""
        self.shut = False
        """We said that nothing more comes."""
        self.closed = False
        self._sent = b""
        self._ended = False
        self._reset = False

    # The other side

    def push(self, data: bytes) -> None:
        self._sent += data

    def end(self) -> None:
        self._ended = True

    def reset(self) -> None:
        self._reset = True

    @property
    def readable(self) -> bool:
        return bool(self._sent or self._ended or self._reset)

    # Ours

    def recv(self, size: int) -> bytes:
        if not self._sent and self._reset:
            raise ConnectionResetError(ECONNRESET, "reset")
        data, self._sent = self._sent[:size], self._sent[size:]
        return data

    def send(self, data: bytes) -> int:
        if self._reset:
            raise BrokenPipeError(EPIPE, "broken")
        if data and not self.room:
            raise BlockingIOError(EWOULDBLOCK, "would block")
        some = bytes(data[: min(len(data), self.room)])  # type: ignore[misc]  # infinite room is a float
        self.room -= len(some)
        self.taken += some
        return len(some)

    def shutdown(self, how: int) -> None:
        self.shut = True

    def close(self) -> None:
        self.shut = self.closed = True

    def fileno(self) -> int:
        return -1

    def setblocking(self, blocking: bool) -> None: ...
    def setsockopt(self, level: int, option: int, value: int) -> None: ...

    def getsockopt(self, level: int, option: int, size: int = 0) -> bytes | int:
        return bytes(size) if size else 0


# People


class Client(ABC):
    """Somebody, and the program they use. What they do arrives at once, in that order; it is committed, and shown to
    others, when somebody next looks at what they `heard`, or the world settles."""

    def __init__(self, world: World, address: str) -> None:
        """Connect, from an IP address."""
        self.world = world
        self._heard = 0

    @abstractmethod
    def enter(self, nick: str) -> None:
        """Say a nickname."""

    @abstractmethod
    def say(self, text: str) -> None: ...

    @abstractmethod
    def me(self, action: str) -> None: ...

    @abstractmethod
    def command(self, name: str, /, **fields: str | int | bool) -> None:
        """Ask for anything else; the fields in the order of the command's parameters."""

    def register(self, password: str) -> None:
        """Make the nickname one's own."""
        self.command("register", password=password)

    def login(self, nick: str, password: str) -> None:
        """Be an account, also as the first that is said at all."""
        self.command("login", nick=nick, password=password)

    def msg(self, to: str, text: str) -> None:
        """Write in private."""
        self.command("msg", to=to, text=text)

    def quit(self, reason: str = "") -> None:
        self.command("quit", **({"reason": reason} if reason else {}))

    @abstractmethod
    def end(self) -> None:
        """Say that nothing more comes, as a pipe does at the end of the file."""

    @abstractmethod
    def hang_up(self) -> None:
        """The connection is gone without a word."""

    @abstractmethod
    def stall(self) -> None:
        """Take nothing that is sent, as Ctrl-S does."""

    @abstractmethod
    def wake(self) -> None: ...

    @property
    @abstractmethod
    def gone(self) -> bool:
        """The server ended the connection."""

    @abstractmethod
    def _shown(self) -> list[Shown]:
        """All that was shown and taken since the connection began."""

    def heard(self, *kinds: str) -> list[Shown]:
        """What has been shown since this was asked last; only of these kinds, if any are named."""
        self.world.settle()
        shown = self._shown()
        new, self._heard = shown[self._heard :], len(shown)
        return [one for one in new if (one[0] in kinds if kinds else one[0] not in SIGNS)]


class LineClient(Client):
    """Lines over TCP: whatever the format, the connection is the same."""

    def __init__(self, world: World, address: str) -> None:
        super().__init__(world, address)
        self.socket = Socket()
        self.transport = Server(self.socket, None, (address, 50000), None, 1, world.turns)
        protocol = self._factory().buildProtocol(IPv4Address("TCP", address, 50000))
        self.transport.protocol = protocol
        protocol.makeConnection(self.transport)

    def _factory(self) -> Factory:
        return self.world.factory

    def send(self, data: bytes) -> None:
        """Exactly these bytes, in one piece."""
        self.socket.push(data)
        self.world.turns.read(self.transport)

    def line(self, line: str) -> None:
        self.send(f"{line}\n".encode())

    def end(self) -> None:
        self.socket.end()
        self.world.settle()

    def hang_up(self) -> None:
        self.socket.reset()
        self.world.settle()

    def stall(self) -> None:
        self.world.settle()
        self.socket.room = 0

    def wake(self, room: float = float("inf")) -> None:
        self.socket.room = room

    @property
    def gone(self) -> bool:
        self.world.settle()
        if self.socket.shut and not self.socket.closed:
            self.end()  # as telnet and nc do
        return self.socket.closed

    def text(self) -> str:
        """All that was taken, as it looks."""
        self.world.settle()
        return re.sub(b"\xff[\xfb-\xfe].", b"", self.socket.taken).decode()  # without what telnet obeys

    def lines(self) -> list[str]:
        return self.text().splitlines()


class TextClient(LineClient):
    """A person with telnet, or nc."""

    def enter(self, nick: str) -> None:
        self.line(nick)

    def say(self, text: str) -> None:
        self.line(text)

    def me(self, action: str) -> None:
        self.line(f"/me {action}")

    def command(self, name: str, /, **fields: str | int | bool) -> None:
        words = ["on" if field is True else "off" if field is False else str(field) for field in fields.values()]
        self.line(" ".join([f"/{name}", *words]))

    def _shown(self) -> list[Shown]:
        return [shown for line in self.lines() for shown in self._read(line)]

    def _read(self, line: str) -> Iterator[Shown]:
        time, talk = re.fullmatch(r"(\[\d{4}-\d\d-\d\d \d\d:\d\d\] )?(.*)", line).groups()  # type: ignore[union-attr]
        if talk.startswith("! "):
            yield ("refused",)
        elif talk.endswith("nickname would you like?"):
            yield ("greeted",)
        elif talk.startswith("Welcome"):
            return
        elif entered := re.fullmatch(r"\* You are (\S+), (?:alone )?in #\w+(?: with (.*))?\. /help .*", talk):
            yield ("entered", entered[1], tuple(names(entered[2] or "")))
        elif here := re.fullmatch(r"\* \d+ in #\w+: (.*)", talk):
            yield ("here", *here[1].split(", "))
        elif left := re.fullmatch(r"\* (.*) left(?: \((.*)\))?", talk):
            yield from (("left", nick, left[2] or "") for nick in names(left[1]))
        elif joined := re.fullmatch(r"\* (.*) joined", talk):
            yield from (("joined", nick) for nick in names(joined[1]))
        elif renamed := re.fullmatch(r"\* (\S+) is now (\S+)", talk):
            yield ("renamed", *renamed.groups())
        elif away := re.fullmatch(r"\* (\S+) is away(?:: (.*)| \((.*)\))?", talk):
            yield ("away", away[1], away[2] or away[3] or "")
        elif back := re.fullmatch(r"\* (\S+) is back", talk):
            yield ("back", back[1])
        elif kept := re.fullmatch(r"\* (\S+) is not here, and reads it on coming back", talk):
            yield ("kept", kept[1])
        elif QUESTION.fullmatch(talk):
            yield ("asked",)
        else:
            yield from self._talk(talk, recalled=time is not None)

    def _talk(self, talk: str, recalled: bool) -> Iterator[Shown]:
        if said := re.fullmatch(r"([^\s*]\S*): (.*)", talk):
            shown: Shown = ("said", *said.groups())
        elif private := re.fullmatch(r"(\S+) -> you: (.*)", talk):
            shown = ("private", *private.groups())
        elif wrote := re.fullmatch(r"you -> (\S+): (.*)", talk):
            shown = ("wrote", *wrote.groups())
        elif (did := re.fullmatch(r"\* (\S+) (.*)", talk)) and did[1] in PEOPLE:
            shown = ("did", *did.groups())
        else:
            shown = ("told", talk.removeprefix("* "))
        yield ("recalled", *shown) if recalled else shown


PEOPLE = ("alice", "bob", "carol", "dave", "eve", "frank")
"""Who does something in these suites: in plain text `* alice waves` and `* the server stops` look the same."""

QUESTION = re.compile(r"\* (.* \(.*mpty line: .*\).*|The same once more\?|Your account goes for good, .*)")
"""What people are asked for when more is needed."""


def names(words: str) -> list[str]:
    return re.split(", | and ", words) if words else []


class WrappedTextClient(TextClient):
    """The same where something stands between us and the socket, as TLS and HAProxy's wrapper do."""

    def _factory(self) -> Factory:
        return WrappingFactory(super()._factory())


class JsonClient(LineClient):
    """A program that speaks JSON."""

    _nick = ""
    _greeted = False

    def __init__(self, world: World, address: str) -> None:
        super().__init__(world, address)
        self._said: Counter[object] = Counter()
        """Texts said here: what else comes under one's own nickname was said on another device."""

    def ask(self, request: str, id: str | None = None, /, **fields: object) -> None:
        self._said[fields.get("text")] += 1
        self.line(json.dumps({request: fields} | ({} if id is None else {"id": id})))

    def enter(self, nick: str) -> None:
        self._greeted = True
        self.ask("hello", nick=nick, history=self.world.chat.settings.history)

    def login(self, nick: str, password: str) -> None:
        if self._greeted:
            super().login(nick, password)
        else:
            self._greeted = True
            self.ask("hello", nick=nick, password=password, history=self.world.chat.settings.history)

    def say(self, text: str) -> None:
        self.ask("say", text=text)

    def me(self, action: str) -> None:
        self.ask("me", text=action)

    def command(self, name: str, /, **fields: str | int | bool) -> None:
        self.ask(name, **fields)

    def told(self) -> list[dict[str, Any]]:
        """All that was taken; the last line may be there in part only."""
        whole, _, _ = self.text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def _shown(self) -> list[Shown]:
        said = self._said.copy()
        return [shown for told in self.told() for shown in self._read(told, said)]

    def _read(self, told: dict[str, Any], said: Counter[object]) -> Iterator[Shown]:
        match told:
            case {"welcome": {"nick": nick, "rooms": {"lobby": {"members": members}}}}:
                self._nick = nick
                yield ("entered", nick, tuple(member for member in members if member != nick))
            case {"event": "said" | "did" | "private" as kind, "nick": nick, "text": text}:
                own = nick == self._nick
                shown: Shown = ("wrote", told["to"], text) if own and kind == "private" else (kind, nick, text)
                if "history" in told:
                    yield ("recalled", *shown)
                elif own and said[text]:
                    said[text] -= 1
                    yield ("echoed", shown[0], text)
                else:
                    yield shown
            case {"event": "away", "nick": nick, "text": why}:
                yield ("away", nick, why)
            case {"event": "back", "nick": nick}:
                yield ("back", nick)
            case {"event": "joined", "nick": nick}:
                yield ("joined", nick)
            case {"event": "left", "nick": nick}:
                yield ("left", nick, told.get("reason", ""))
            case {"event": "renamed", "nick": nick, "new": new}:
                if nick == self._nick:
                    self._nick = new
                yield ("renamed", nick, new)
            case {"answer": "who", "members": members}:
                away = told.get("away", ())
                yield ("here", *(f"{nick} (away)" if nick in away else nick for nick in members))
            case {"answer": "msg" | "reply", "to": to, "here": False}:
                yield ("kept", to)
            case {"answer": "msg" | "reply", "to": to, "away": why}:
                yield ("away", to, why)
            case {"answer": name}:
                yield ("answered", name)
            case {"refused": {"code": "password_needed" | "not_sure"}}:
                yield ("asked",)
            case {"refused": _}:
                yield ("refused",)
            case {"notice": words}:
                yield ("told", words)
            case {"event": "started"}:
                return
            case _:
                raise AssertionError(told)


CLIENTS: dict[str, type[Client]] = {
    "text": TextClient,
    "text through a wrapper": WrappedTextClient,
    "json": JsonClient,
}
"""Every way in. A suite over all protocols takes each of them as a parameter."""
