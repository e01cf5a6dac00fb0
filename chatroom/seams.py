"""What the heart is given from outside: the three seams, Storage, Wire and Outlet, and what goes with them.

Whatever has these methods fits; nothing here knows who has them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from twisted.internet.defer import Deferred

from .event import Entry, Event, Kind, Position, Sort
from .request import Answer, Arrived, Command, Refused, Welcome

Batch = Sequence[tuple[str, Event]]
"""Events to be appended, each with the name of its log."""


class NotSaved(Exception):
    """The storage could not append a batch. `words` are for people; nothing of the batch was saved, unless not `certain`."""

    def __init__(self, words: str, certain: bool = True) -> None:
        super().__init__(words)
        self.words = words
        self.certain = certain


def not_saved(what: str, why: NotSaved) -> Refused:
    outcome = "was not saved" if why.certain else "may not have been saved"
    return Refused("not_saved", f"{what} {outcome}: {why.words}")


class Repeated(NamedTuple):
    """An event that was not kept, since its author had one appended before under the same id."""

    eid: str
    """Of the event that was not kept."""
    log: str
    entry: Entry
    """What it became the first time, and where."""


class Storage(Protocol):
    """Where entries live. Logs are named, and come into being with their first entry."""

    start: Position
    """Before every entry of every log."""

    def append(self, batch: Batch) -> Deferred[Sequence[Repeated]]:
        """Keep all of the batch or none of it, in order. Fires when it is durable and every follower has had it; fails with
        NotSaved for the disk's or database's troubles, with any other exception for an event that cannot be kept.

        Of the events with a string as `id` in their details one is kept under each id of each `by`, in whichever log, for
        as long as its entry is. A repeat is left out, also one of an event of the same batch; it fires with all of these,
        each once: none for nearly all batches. One event in several logs of a batch is no repeat of itself."""

    def read(
        self,
        log: str,
        *,
        after: Position | None = None,
        before: Position | None = None,
        limit: int,
        kinds: Collection[Kind] | None = None,
    ) -> Deferred[list[Entry]]:
        """At most `limit` entries, oldest first, both ends left out: with `after` the oldest of them, else the newest.
        `kinds`: only entries of these kinds count. Of a log that is followed, nothing its followers have not had yet."""

    def follow(self, log: str, committed: Callable[[Sequence[Entry]], None]) -> Deferred[Position]:
        """From now on give `committed` what is appended to the log, by us or another node, in order, once.
        Fires with the position behind which that begins: the newest entry's, or the log's start."""

    def unfollow(self, log: str, committed: Callable[[Sequence[Entry]], None]) -> None:
        """Give it nothing more of this log, from this moment on; nothing for what does not follow."""

    def place(self, log: str, time: int) -> Deferred[Position]:
        """Of the newest entry of talk from before a time (UTC, in milliseconds since 1970); the log's start when there is
        none. Where times went back, of one that fits."""

    def position(self, text: str) -> Position:
        """The position that was shown as this text; raises ValueError for what none can be."""

    def close(self) -> Deferred[None]:
        """Finish what is under way and let go of everything."""


@runtime_checkable
class Redactable(Protocol):
    """A storage that can be made to forget. What it forgot is in none of its files when the Deferred fires; to ask again
    does no harm. Positions stay, and followers are told nothing. Fails with NotSaved, partly done perhaps."""

    def rename(self, by: str, nick: str) -> Deferred[None]:
        """Have all that somebody did on all their devices (`by`, and `by` with a slash and more), in every log, read under
        this nickname. Except of talk, the details of these entries are forgotten, since they tell the old one: RENAMED
        has this one as `new`, and of STARTED what is theirs goes, by whomever it is. As `event.renamed` has it."""

    def blank(self, detail: str, *, log: str, by: str, before: Position) -> Deferred[None]:
        """Forget this detail of the entries that are `by` just this one, before a position in a log."""

    def expire(self, time: int, sort: Sort) -> Deferred[None]:
        """Forget all entries of talk, or of presence, from before a time (UTC, in milliseconds since 1970), in every log;
        but none of presence from a log's newest STARTED on."""

    def fade(self, detail: str, time: int) -> Deferred[None]:
        """Forget this detail of all entries from before a time, in every log."""

    def amend(self, log: str, texts: Mapping[Position, str | None]) -> Deferred[None]:
        """Have what was said at these positions read otherwise: with another text, and `edited` in its details; or for
        None with none, and `removed` there. What is not there any more is left out. Only what is removed is then in none
        of the files: of what is corrected, nobody is promised that."""

    def erase(self, log: str) -> Deferred[None]:
        """Forget all entries of a log."""


class Hit(NamedTuple):
    """Something that was found."""

    log: str
    entry: Entry


@runtime_checkable
class Searchable(Protocol):
    """A storage in which one can look for words. No search holds up a commit, or a read."""

    def search(
        self,
        logs: Collection[str],
        words: Sequence[str],
        *,
        nick: str = "",
        after: int | None = None,
        before: int | None = None,
        older: Hit | None = None,
        limit: int,
    ) -> Deferred[list[Hit]]:
        """What was said in these logs that has all of these words, in whatever case, also as parts of others: the newest
        first, by time, then log, then position. Only what is told of (`nick`), not from before `after` and from before
        `before` (in milliseconds since 1970); with `older`, what follows that hit. All that was committed is looked
        through."""

    def written(self, by: str, *, after: Hit | None = None, limit: int) -> Deferred[list[Hit]]:
        """What somebody said, in rooms and in private, on all their devices (`by`, and `by` with a slash and more): of each
        log what stands there, oldest first; of what stands in several, as private messages, once. With `after`, what
        follows that hit."""


class Hasher(Protocol):
    """Keeps passwords such that nobody can read them."""

    def hash(self, password: str) -> Deferred[str]:
        """What is kept of a password."""

    def verify(self, kept: str, password: str) -> Deferred[bool]:
        """Whether it is the password of which this was kept. Takes as long for an empty one, of which it is never."""


class Login(Protocol):
    """Who says whose password is right."""

    def check(self, name: str, password: str) -> Deferred[str | None]:
        """The name of the account, as whoever says so writes it, or None: in the same time for a name that nobody has."""


class Format(Protocol):
    """What a page needs of a wire format."""

    def render(self, log: str, entries: Sequence[Entry]) -> list[bytes]:
        """One piece for each entry, the same for every reader; empty where there is nothing to show, or where an
        earlier piece shows it too."""


class Wire(Format, Protocol):
    """Bytes to meaning and back. Pure: the same bytes for the same meaning, and no error but Refused."""

    echoes: bool
    """Whether one's own words are sent back, as the sign that they are saved."""
    resumes: bool
    """Whether one can come back after a lost connection, with what the welcome tells."""
    welcomes_first: bool
    """Whether the welcome stands before the history."""
    name: str
    """What it is called when people are told who speaks it."""

    @property
    def asks(self) -> Asks | None:
        """None where one cannot be asked for more on the next line."""

    @property
    def several(self) -> Format:
        """The same, for who is in several rooms: it tells of each event in which room it is."""

    def greet(self, server_name: str, room: str, present: int) -> bytes:
        """What who connects reads first."""

    def parse(self, line: bytes, entered: bool) -> Command | None:
        """What a line asks for; None for nothing. Who has not `entered` says a nickname first."""

    def welcome(self, welcome: Welcome) -> bytes:
        """What who has entered reads before anything that happens from then on."""

    def joined(self, arrived: Arrived, command: Command | None, several: bool) -> bytes:
        """What who has come into one more room reads before anything that happens there from then on; without a command,
        they asked for it on another device. `several`: they are in other rooms too."""

    def talk(self, lines: bytes) -> list[str] | None:
        """The lines, when they are nothing but talk, and clean; None when each is to be parsed."""

    def recall(self, log: str, entries: Sequence[Entry], several: bool) -> list[bytes]:
        """History: like `render`, with times; `several`: and with rooms."""

    def exported(self, told: Mapping[str, object]) -> bytes:
        """Something of one's own, as one line of JSON for whoever keeps it."""

    def answer(self, answer: Answer, command: Command | None = None) -> bytes:
        """What only the asker reads; without a command, what the server says to one person by itself."""

    def refuse(self, refused: Refused, id: str) -> bytes:
        """That what was asked, under this id if it had one, is not done, and why."""


class Asks(Protocol):
    """What a format has for people, who can be asked for what is missing and answer on the next line."""

    def ask(self, words: str) -> bytes:
        """The question."""

    def reply(self, line: bytes) -> str | None:
        """The answer; None for the end of all input."""


class Sink(Protocol):
    """What a reader needs of a connection."""

    full: bool
    """Bytes are pending: what is written now waits in memory."""

    def write(self, data: bytes) -> None: ...


class Outlet(Sink, Protocol):
    """What a session needs of a connection to write to. It calls back `held` and `drained`."""

    def close(self) -> None:
        """Write what is pending, then end the connection; within seconds, whether or not the other side reads."""

    def untaken(self) -> int:
        """Bytes that the system holds because the other side has not taken them yet."""


class Source(Protocol):
    """Where lines come from. While paused it keeps them, and gives them in order afterwards."""

    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...

    def hide(self, hidden: bool) -> bytes:
        """What has to be sent so that what is typed next is not shown on the screen, or is again; nothing where that
        cannot be."""


class Peer(NamedTuple):
    """The other side of a connection."""

    address: str
    """An IP address, or whatever a proxy told; empty for a Unix socket."""
    local: bool
    """Surely on this machine."""
    secret: bool
    """Nobody on the way can read what is sent."""
    over: str
    """What carries it, in words: TCP, TLS, a Unix socket."""


class Delayed(Protocol):
    def cancel(self) -> None: ...


class Clock(Protocol):
    """Time that only goes forward, for timers."""

    def seconds(self) -> float: ...
    def callLater(self, delay: float, callable: Callable[..., object], *args: object) -> Delayed: ...
