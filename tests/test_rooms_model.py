"""Random people in random rooms, on devices that stall, are lost and come back, and servers that are killed: what each
connection is shown of each room is what ten lines of model (`Life.shown`) say of that room's log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from chatroom import log as log_module
from chatroom import page as page_module
from chatroom.device import digest
from chatroom.event import TALK, Event
from chatroom.names import nickname
from chatroom.rights import Right
from chatroom.storage.memory import MemoryStorage

from .again import left_behind
from .chatting import PASSWORD, JsonClient, LineClient, SlowStorage, TextClient, World
from .rooms_model import Life, Line, Logs, find, in_json, in_text, told, when
from .support import examples

EXAMPLES = 400

ROOMS = ("lobby", "dev", "dev2")


class Slot(NamedTuple):
    """A device, of a guest or of an account."""

    nick: str
    client: type[LineClient]
    account: bool = False


SLOTS = (
    Slot("alice", TextClient),
    Slot("bob", JsonClient),
    Slot("carol", TextClient, account=True),
    Slot("carol", JsonClient, account=True),
    Slot("dave", JsonClient, account=True),
    Slot("dave", TextClient, account=True),
)
SETTINGS: dict[str, Any] = {
    "operators": (nickname("carol"),), "room_creation": Right.CHAT, "history": 0, "registrations_an_hour": 0,
}  # fmt: skip


def accounts() -> MemoryStorage:
    """What a server leaves on which there are accounts, and nobody else yet."""
    world = World(**SETTINGS)
    for nick in ("carol", "dave"):
        world.register(nick).quit()
        world.settle()
    assert isinstance(world.storage, MemoryStorage)
    return left_behind(world.storage)


ACCOUNTS = accounts()


class Connection:
    """How somebody is here, and what they are shown."""

    def __init__(self, slot: Slot, client: Any, number: int) -> None:
        self.slot = slot
        self.client = client
        self.own = f"{number}."
        """So begins what is said here."""
        self.life: Life | None = None
        self.taken: bytes | bytearray = client.socket.taken

    @property
    def json(self) -> bool:
        return self.slot.client is JsonClient

    def lines(self) -> list[str]:
        """Whole ones: of the last a part may have been taken."""
        return re.sub(b"\xff[\xfb-\xfe].", b"", self.taken).decode().rpartition("\n")[0].splitlines()

    def welcome(self) -> Mapping[str, Any] | None:
        """None for who was not let in."""
        if self.json:
            return next((one["welcome"] for line in self.lines() if "welcome" in (one := json.loads(line))), None)
        return {} if any(line.startswith("* You are") for line in self.lines()) else None

    def bookmarks(self) -> dict[str, int]:
        """Up to where a program was shown each room."""
        marks: dict[str, int] = {}
        nick = ""
        for line in self.lines() if self.json else ():
            match json.loads(line):
                case {"welcome": {"nick": nick, "rooms": rooms}}:
                    marks |= {room: int(at["position"]) for room, at in rooms.items()}
                case {"event": "parted", "nick": who, "room": room} if who == nick:
                    del marks[room]
                case {"event": "renamed", "nick": who, "new": new, "room": room, "position": at}:
                    marks[room], nick = int(at), new if who == nick else nick
                case {"joined": {"room": room, "position": at}} | {"room": room, "position": at}:
                    marks[room] = int(at)
        return marks

    def check(self, logs: Logs, *, whole: bool) -> None:
        """All that was shown is what the model says; or, for a connection that ended, how that begins."""
        assert self.life is not None
        events, before = self.life.shown(logs), self.life.before
        self.life.seen |= before.seen if before else {}
        expected: dict[str, list[tuple[Event, Line]]] = {
            room: [(event, line) for event in happened if (line := told(event, self.own, self.slot.client))]
            for room, happened in events.items()
        }
        owed: set[str] = set()
        for known, line in [one for each in self.lines() for one in (in_json if self.json else in_text)(each)]:
            # Who is in one room only is not told which: it is the one where that happened first.
            rooms = [known] if known else [*expected]
            places = [(room, place) for room in rooms if (place := find(expected[room], line)) is not None]
            assert places, (line, expected)
            room, place = min(places, key=lambda at: when(expected[at[0]][at[1]][0].eid))
            event = expected[room][place][0]
            owed |= {passed.eid for passed, _ in expected[room][:place]}
            del expected[room][: place + 1]
            if "rooms" in event.details:  # once, in whichever of the rooms
                owed.discard(event.eid)
                # While they come into the first of them they are shown it in another; lost then, they do not know that.
                first = next(name for name in event.details["rooms"] if event in events[name])
                self.life.seen[event.eid] = first if first == room else ""
                for left in expected.values():
                    left[:] = [each for each in left if each[0].eid != event.eid]
        owed |= {event.eid for left in expected.values() for event, _ in left}
        assert not (whole and owed - {*(before.seen if before else ())}), (owed, expected)


# What they do


class Conversation:
    """People who do what can be done at the time."""

    def __init__(self, burst: int) -> None:
        self.settings = {**SETTINGS, "presence_burst": burst}
        self.here: dict[int, Connection] = {}
        self.lost: dict[int, Connection] = {}
        self.ended: list[Connection] = []
        self.count = self.starts = 0
        self.start(ACCOUNTS, Clock())

    def start(self, memory: MemoryStorage, clock: Clock) -> None:
        self.starts += 1
        self.memory = left_behind(memory)
        self.storage = SlowStorage(self.memory)
        self.world = World(storage=self.storage, clock=clock, stamp=f"m{self.starts}.", **self.settings)

    def logs(self) -> Logs:
        return {room: [*self.memory._logs.get(f"#{room}", ())] for room in ROOMS}

    def settle(self) -> None:
        """All that was begun is done."""
        self.storage.slow = self.storage.slow_reads = False
        self.world.settle()
        while self.storage.under_way or self.storage.reads_under_way:
            self.commit()
            self.come_back()
            self.world.settle()
        self.world.after(3)

    def end(self) -> None:
        """Everybody reads all that there is."""
        for connection in [*self.ended, *self.here.values()]:
            connection.client.wake()
        self.settle()
        logs = self.logs()
        for connection in self.ended:
            connection.check(logs, whole=False)
        for connection in self.here.values():
            connection.check(logs, whole=not connection.client.socket.shut)
        said = [(room, event.text) for room, log in logs.items() for _, event in log if event.kind in TALK]
        assert len({text for _, text in said}) == len(said)
        assert all(text.endswith(("in", f"in #{room}")) for room, text in said)

    def do(self, what: str, number: int, room: str, other: int) -> None:
        here = self.here.get(number)
        if here and here.client.socket.shut:
            self.gone(number)
            here = None
        if what in ("slow", "commit", "slow_reads", "come_back", "pass_time", "restart"):
            getattr(self, what)()
        elif here is None:
            self.come(number)
        elif what == "hang_up":
            here.client.hang_up()
            self.gone(number)
        elif what == "kick":
            self.kick(here, room, self.here.get(other))
        else:
            getattr(self, what)(here, room)

    # In a room

    def words(self, here: Connection, room: str = "") -> str:
        self.count += 1
        return f"{here.own}{self.count} in {room}".rstrip()

    def say(self, here: Connection, room: str, kind: str = "say") -> None:
        text = self.words(here, f"#{room}")
        if here.json:
            here.client.ask(kind, room=room, text=text)
        else:
            here.client.line(f"#{room} {'/me ' if kind == 'me' else ''}{text}")

    def me(self, here: Connection, room: str) -> None:
        self.say(here, room, "me")

    def talk(self, here: Connection, room: str) -> None:
        """Wherever they talk, several lines at once."""
        texts = [self.words(here) for _ in range(3)]
        lines = [json.dumps({"say": {"text": text}}) for text in texts] if here.json else texts
        here.client.send("".join(f"{line}\n" for line in lines).encode())

    def join(self, here: Connection, room: str) -> None:
        here.client.command("join", room=room)

    def leave(self, here: Connection, room: str) -> None:
        here.client.command("leave", room=room)

    def kick(self, here: Connection, room: str, other: Connection | None) -> None:
        person = other and other.life and self.world.chat.people.get(other.life.id)
        if person:
            here.client.command("room", room=room)
            here.client.command("kick", nick=person.name.shown)

    # In all of one's rooms

    def nick(self, here: Connection, room: str) -> None:
        self.count += 1
        here.client.command("nick", name=f"{here.slot.nick}{self.count}")

    def away(self, here: Connection, room: str) -> None:
        here.client.command("away", why=self.words(here))

    def back(self, here: Connection, room: str) -> None:
        here.client.command("back")

    def quit(self, here: Connection, room: str) -> None:
        here.client.quit("enough")

    # At the connection

    def stall(self, here: Connection, room: str) -> None:
        here.client.socket.room = 0

    def sip(self, here: Connection, room: str) -> None:
        here.client.wake(150)

    def wake(self, here: Connection, room: str) -> None:
        here.client.wake()

    def gone(self, number: int) -> None:
        """The connection is no more; a program may come back with the token."""
        here = self.lost[number] = self.here.pop(number)
        assert here.life is not None
        here.taken = bytes(here.taken)
        here.life.bookmarks = here.bookmarks()
        self.ended.append(here)

    def come(self, number: int) -> None:
        self.settle()
        logs, chat, slot = self.logs(), self.world.chat, SLOTS[number]
        tips = {room: int(str(log[-1].position)) if log else 0 for room, log in logs.items()}
        lost = self.lost.pop(number, None)
        here = Connection(slot, self.world.connect(client=slot.client), len(self.ended) * len(SLOTS) + number)
        token = (lost.welcome() or {}).get("resume") if lost else None
        before = lost.life if lost and token and digest(token) in chat.devices else None
        inside = self.rooms_of(before.id if before else chat.directory.holder(nickname(slot.nick)))
        if before:
            marks = {room: before.bookmarks[room] for room in inside if room in before.bookmarks}
            here.client.ask("hello", resume=token, rooms={room: {"after": str(at)} for room, at in marks.items()})
        elif slot.account:
            marks = {}
            here.client.login(slot.nick, PASSWORD)
        else:
            marks = {}
            here.client.enter(slot.nick)
        self.settle()
        if here.welcome() is None:
            here.client.hang_up()
            return
        id = before.id if before else chat.directory.holder(nickname(slot.nick))
        here.life = Life(id, tips, {room: marks.get(room, tips[room]) for room in inside}, before)
        self.here[number] = here

    def rooms_of(self, id: str) -> list[str]:
        person = self.world.chat.people.get(id)
        return [room.name for room in person.rooms] if person else []

    # The server

    def slow(self) -> None:
        self.storage.slow = True

    def commit(self) -> None:
        if self.storage.under_way:
            self.storage.commit()

    def slow_reads(self) -> None:
        self.storage.slow_reads = True

    def come_back(self) -> None:
        if self.storage.reads_under_way:
            self.storage.come_back()

    def pass_time(self) -> None:
        self.world.after(1.1)

    def restart(self) -> None:
        """It was killed: what it does from now on changes nothing any more."""
        killed, clock = left_behind(self.memory), Clock()
        clock.advance(self.world.clock.seconds())
        for number in tuple(self.here):
            self.gone(number)
        for ended in self.ended:
            ended.client.wake()
            ended.client.hang_up()
        self.settle()
        self.start(killed, clock)


OFTEN = ("wake", "say", "talk", "join", "leave", "nick", "away", "stall")
SELDOM = (
    "me", "back", "quit", "kick", "sip", "hang_up", "slow", "commit", "slow_reads", "come_back", "pass_time", "restart",
)  # fmt: skip

DEEDS = st.tuples(
    st.sampled_from(OFTEN * 3 + SELDOM),
    st.integers(0, len(SLOTS) - 1),
    st.sampled_from(ROOMS),
    st.integers(0, len(SLOTS) - 1),
    st.booleans(),
)


@settings(max_examples=examples(EXAMPLES), deadline=None)
@given(st.lists(DEEDS, min_size=40, max_size=80), st.sampled_from([0, 0, 1]), st.booleans())
def test_everybody_is_shown_what_happens_in_their_rooms_while_they_are_there_once_and_nothing_else(
    deeds: list[tuple[str, int, str, int, bool]], burst: int, small: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if small:  # so that much is read from the storage, in several pages
            patch.setattr(log_module, "TAIL_BYTES", 400)
            patch.setattr(log_module, "READ_ENTRIES", 3)
            patch.setattr(page_module, "PAGE_BYTES", 300)
        conversation = Conversation(burst)
        for number in range(len(SLOTS)):
            conversation.come(number)
        for what, number, room, other, now in deeds:
            conversation.do(what, number, room, other)
            if now:
                conversation.world.settle()
        conversation.end()
