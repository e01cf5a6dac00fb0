"""The client's conversation: nothing lost, nothing twice and in order, wherever connections are cut and servers end.

A real server in memory, a cable that the test cuts at any byte, and clocks that only the test turns.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.error import ConnectionRefusedError as NobodyThere
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from chatroom.client.address import Address
from chatroom.client.connection import LONGEST_DELAY, WELCOME_TIMEOUT, Link
from chatroom.client.core import Conversation
from chatroom.client.face import Said
from chatroom.client.identity import NICK_LONGEST, NICKS_TRIED, Identity
from chatroom.client.outbox import WINDOW_BYTES, WINDOW_REQUESTS
from chatroom.client.questions import Decided, Dialogue
from chatroom.names import LONGEST
from chatroom.request import Command, Refused
from chatroom.storage.memory import MemoryStorage
from chatroom.wire.json import MAX_LINE

from .chatting import World

EVERYTHING = 1 << 30


class Witness:
    """A face that remembers what it was shown."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.welcomes: list[Said] = []
        self.troubles: list[str] = []
        self.ends: list[str] = []
        self.moves = 0

    def welcomed(self, welcome: Said, again: bool) -> None:
        assert again == bool(self.welcomes)
        self.welcomes.append(welcome["welcome"])

    def show(self, said: Said, own: bool) -> None:
        self.said.append(said)

    def question(self, dialogue: Dialogue, decided: Decided) -> bool:
        return False

    def moved(self) -> None:
        self.moves += 1

    def away(self, why: str) -> None:
        self.troubles.append(why)

    def over(self, why: str = "") -> None:
        self.ends.append(why)

    @property
    def flow(self) -> list[str]:
        """Positions of what happened while we were in, in the order of being shown."""
        return [said["position"] for said in self.said if "event" in said and not said.get("history")]

    def of(self, kind: str) -> list[Said]:
        return [said for said in self.said if kind in said]


class Transport(StringTransport):
    """What was written waits until the test carries it."""

    def abortConnection(self) -> None:
        self.aborting = True

    aborting = False


@implementer(IStreamClientEndpoint)
class Cable:
    """Between a client and a server in memory: carries as many bytes as the test says, and breaks when it says."""

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._starts = 0
        self.storage = MemoryStorage()
        self.time = Clock()
        self.up = True
        self.tries = 0
        self.protocol: Any = None
        self.start()
        self.face = Witness()
        self.conversation = Conversation(self.face, "c-", Identity("bot"))
        self.link = Link(self.time, Address("there:6000", self), self.conversation, jitter=lambda: 0.5)

    # The server

    def start(self) -> None:
        """A server starts on what the one before kept. That one was killed: what it was about to do never happens."""
        self._starts += 1
        self.world = World(storage=self.storage, stamp=f"n{self._starts}.", **self._settings)

    def kill(self) -> None:
        self.start()
        self.cut()

    def log(self) -> list[Any]:
        """What is in the room's log."""
        found: list[Any] = []
        self.storage.read("#lobby", limit=EVERYTHING).addCallback(found.extend)
        return found

    def texts(self) -> list[str]:
        return [entry.event.text for entry in self.log() if entry.event.kind.value == "said"]

    # The cable

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        self.tries += 1
        if not self.up:
            return fail(NobodyThere())
        self.person = self.world.connect()
        self.transport = Transport()
        self._sending = b""
        self._given = 0
        self.protocol = factory.buildProtocol(None)  # type: ignore[arg-type]
        self.protocol.makeConnection(self.transport)
        return succeed(self.protocol)

    def carry_up(self, count: int = EVERYTHING) -> None:
        if self.protocol is not None:
            self._sending += self.transport.value()
            self.transport.clear()
            data, self._sending = self._sending[:count], self._sending[count:]
            if data:
                self.person.send(data)
            self._look()

    def carry_down(self, count: int = EVERYTHING) -> None:
        self.world.settle()
        if self.protocol is not None:
            taken = self.person.socket.taken[self._given : self._given + count]
            self._given += len(taken)
            if taken:
                self.protocol.dataReceived(taken)
            self._look()

    def cut(self, noticed: bool = True) -> None:
        """The server may not notice, as when a machine between has gone."""
        if self.protocol is not None:
            protocol, self.protocol = self.protocol, None
            protocol.connectionLost(Failure(ConnectionLost()))
            if noticed:
                self.person.hang_up()

    def _look(self) -> None:
        if self.protocol is None:
            return
        ended = self.transport.aborting or self.transport.disconnecting
        if ended or (self.person.gone and self._given == len(self.person.socket.taken)):
            protocol, self.protocol = self.protocol, None
            self.person.end()
            protocol.connectionLost(Failure(ConnectionDone()))

    # Both

    def go_on(self, turns: int = 10) -> None:
        """Until nothing is under way."""
        for _ in range(turns):
            self.carry_up()
            self.carry_down()

    def after(self, seconds: float) -> None:
        self.time.advance(seconds)
        self.world.after(seconds)

    def enter(self) -> Cable:
        self.link.start()
        self.go_on()
        return self

    def say(self, *texts: str) -> None:
        for text in texts:
            self.conversation.ask(Command("say", text))
        self.conversation.send()

    def recover(self) -> None:
        """Whatever happened before: nothing more happens, and all is well in the end."""
        self.up = True
        for _ in range(20):
            self.after(LONGEST_DELAY)
            self.go_on()


@pytest.fixture
def cable() -> Cable:
    return Cable().enter()


# Coming in


def test_a_conversation_begins_with_a_welcome_of_which_the_token_stays_secret(cable: Cable) -> None:
    (welcome,) = cable.face.welcomes
    assert welcome == {
        "nick": "bot",
        "account": False,
        "server": "chatroom",
        "version": "",
        "rooms": {"lobby": {"members": ["bot"], "position": "2"}},
        "room": "lobby",
    }
    assert cable.conversation.takes_more


def test_a_nickname_that_is_taken_gets_a_number() -> None:
    cable = Cable()
    cable.world.enter("bot")
    cable.world.enter("bot2")
    cable.enter()
    assert cable.conversation.nick == "bot3"
    assert [said["refused"]["code"] for said in cable.face.said] == ["nick_taken", "nick_taken"]
    assert NICK_LONGEST == LONGEST


def test_numbers_end_and_a_long_nickname_stays_one() -> None:
    cable = Cable()
    cable.conversation = Conversation(cable.face, "c-", Identity("x" * LONGEST))
    cable.link = Link(cable.time, Address("there", cable), cable.conversation)
    cable.world.enter("x" * LONGEST)
    for number in range(2, NICKS_TRIED + 1):
        cable.world.enter("x" * (LONGEST - len(str(number))) + str(number))
    cable.link.start()
    cable.go_on(NICKS_TRIED)
    (why,) = cable.face.ends
    assert "taken" in why


@pytest.mark.parametrize(("instead", "becomes"), [("guest", "guest"), ("", None)])
def test_a_login_name_that_is_no_nickname_has_a_substitute(instead: str, becomes: str | None) -> None:
    cable = Cable()
    cable.conversation = Conversation(cable.face, "c-", Identity("DOMAIN/user", instead))
    cable.link = Link(cable.time, Address("there", cable), cable.conversation)
    cable.enter()
    if becomes:
        assert cable.conversation.nick == becomes
    else:
        assert "cannot hold /" in cable.face.ends[0]


def test_what_comes_before_the_first_json_line_is_not_read() -> None:
    cable = Cable()
    cable.link.start()
    cable.after(1)  # the person is greeted, since nothing comes
    cable.go_on()
    assert cable.person.text().startswith("Welcome to chatroom")
    assert cable.conversation.takes_more
    assert cable.face.said == []


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"{}",
        b"[]",
        b"{" * 100_000,
        b'{"event": 1}',
        b'{"welcome": {}}',
        b'{"answer": "who", "id": 5}',
        b"\xff{",
        b'{"event": "said"}',
        b'{"event": "rolled", "nick": 7, "id": {}}',
        b'{"refused": {}}',
        b'{"refused": 1}',
    ],
)
def test_no_line_of_a_server_breaks_it(cable: Cable, line: bytes) -> None:
    cable.conversation.received(line)
    cable.say("still here")
    cable.go_on()
    assert cable.texts() == ["still here"]
    assert cable.conversation.under_way == 0


# Asking


def test_what_is_asked_is_under_way_until_its_outcome_is_seen(cable: Cable) -> None:
    cable.say("hi", "there")
    cable.conversation.ask(Command("me", "waves"))
    cable.conversation.ask(Command("who"))
    cable.conversation.ask(Command("bogus"))
    cable.conversation.send()
    assert cable.conversation.under_way == 5
    cable.go_on()
    assert cable.conversation.under_way == 0
    assert [said["event"] for said in cable.face.of("event")] == ["said", "said", "did"]
    assert [said["words"] for said in cable.face.of("answer")] == ["1 in #lobby: bot"]
    assert [said["refused"]["code"] for said in cable.face.of("refused")] == ["no_command"]


def test_lines_go_out_together(cable: Cable) -> None:
    writes: list[bytes] = []
    cable.transport.write = writes.append  # type: ignore[method-assign]
    cable.say(*map(str, range(100)))
    assert len(writes) == 1
    assert writes[0].count(b"\n") == 100


def test_the_window_is_bounded_in_lines_and_in_bytes(cable: Cable) -> None:
    while cable.conversation.takes_more:
        cable.conversation.ask(Command("say", "x"))
    assert cable.conversation.under_way == WINDOW_REQUESTS
    cable.conversation.send()
    cable.go_on()
    assert cable.conversation.takes_more
    asked = 0
    while cable.conversation.takes_more:
        cable.conversation.ask(Command("say", "x" * 60_000))
        asked += 60_000
    assert WINDOW_BYTES <= asked + MAX_LINE < WINDOW_BYTES + 2 * MAX_LINE


def test_a_line_longer_than_the_server_takes_is_refused_here(cable: Cable) -> None:
    with pytest.raises(Refused, match="line_too_long"):
        cable.conversation.ask(Command("say", "x" * MAX_LINE))
    assert cable.conversation.under_way == 0
    cable.say("x" * (MAX_LINE - 60))
    cable.go_on()
    assert len(cable.texts()) == 1


def test_the_echo_that_tells_what_is_saved_cannot_be_turned_off(cable: Cable) -> None:
    with pytest.raises(Refused, match="no_command"):
        cable.conversation.ask(Command("echo", "off"))


def test_the_same_id_said_by_another_is_no_outcome(cable: Cable) -> None:
    other = cable.world.connect()
    other.line('{"hello": {"nick": "eve"}}')
    cable.world.settle()
    cable.say("mine")
    other.line('{"say": {"text": "not yours"}, "id": "c-1"}')
    cable.carry_down()
    assert cable.conversation.under_way == 1
    cable.go_on()
    assert cable.conversation.under_way == 0
    assert cable.texts() == ["not yours", "mine"]


def test_a_new_nickname_is_known_as_ours(cable: Cable) -> None:
    cable.conversation.ask(Command("nick", "robot"))
    cable.say("now")
    cable.cut()
    cable.recover()
    assert cable.conversation.nick == "robot"
    assert cable.conversation.under_way == 0
    assert cable.texts() == ["now"]


def test_what_is_asked_while_away_is_kept_if_we_have_been_in() -> None:
    cable = Cable()
    conversation = cable.conversation
    assert (conversation.here, conversation.asks) == (False, False)
    cable.enter()
    assert (conversation.here, conversation.asks, conversation.takes_more) == (True, True, True)
    cable.cut()
    assert (conversation.here, conversation.asks, conversation.takes_more) == (False, True, False)
    for number in range(WINDOW_REQUESTS):
        cable.say(str(number))
    assert not conversation.asks
    cable.recover()
    assert (conversation.here, conversation.asks) == (True, True)
    assert cable.texts() == [*map(str, range(WINDOW_REQUESTS))]


# Lost, and back


def test_who_comes_back_is_the_same_and_reads_what_was_missed(cable: Cable) -> None:
    alice = cable.world.enter("alice")
    cable.go_on()
    cable.cut()
    alice.say("while you were away")
    assert alice.heard() == []  # nobody saw anybody leave
    cable.recover()
    assert cable.face.troubles == ["there:6000 closed the connection"]
    assert [said["text"] for said in cable.face.of("event") if said["event"] == "said"] == ["while you were away"]
    assert alice.heard() == []


def test_reading_history_moves_nothing(cable: Cable) -> None:
    cable.say("one", "two")
    cable.go_on()
    flow = cable.face.flow
    cable.conversation.ask(Command("history", "2"))
    cable.conversation.send()
    cable.go_on()
    assert [said["text"] for said in cable.face.said if said.get("history")] == ["one", "two"]
    cable.cut()
    cable.recover()
    assert cable.face.flow == flow


def test_what_was_asked_while_away_is_asked_in_order_once_back(cable: Cable) -> None:
    cable.say("one")
    cable.cut()
    cable.say("two")
    assert not cable.conversation.takes_more
    cable.recover()
    assert cable.texts() == ["one", "two"]


def test_after_the_grace_somebody_new_comes_in_and_still_says_nothing_twice(cable: Cable) -> None:
    cable.say("before")
    cable.carry_up()
    cable.cut()
    cable.up = False
    cable.after(200)
    assert [entry.event.kind.value for entry in cable.log()][-1] == "left"
    cable.recover()
    assert cable.texts() == ["before"]
    assert cable.conversation.under_way == 0
    assert len(cable.face.welcomes) == 2


def test_a_server_that_has_forgotten_everything_is_entered_anew(cable: Cable) -> None:
    cable.say(*map(str, range(20)))
    cable.go_on()
    cable.say("last")
    cable.storage = MemoryStorage()
    cable.kill()
    cable.recover()
    assert cable.texts() == ["last"]
    assert cable.conversation.takes_more


def test_it_is_tried_again_later_and_later(cable: Cable) -> None:
    cable.up = False
    cable.cut()
    before = cable.tries
    cable.time.pump([0.05] * 20)  # one second
    in_a_second = cable.tries - before
    assert 2 <= in_a_second <= 5
    cable.time.pump([1.0] * 60)
    before = cable.tries
    cable.time.pump([1.0] * 60)
    assert 5 <= cable.tries - before <= 7
    assert len(cable.face.troubles) == 1


def test_who_accepts_and_closes_at_once_is_tried_later_and_later_too(cable: Cable) -> None:
    cable.cut()
    before = cable.tries
    for _ in range(600):
        cable.after(0.1)
        cable.cut()
    assert cable.tries - before < 20


def test_a_first_connection_that_fails_is_the_end() -> None:
    cable = Cable()
    cable.up = False
    cable.link.start()
    assert cable.face.ends == ["there:6000 refuses the connection: no server runs there"]


def test_who_never_says_anything_is_no_server() -> None:
    cable = Cable()
    cable.link.start()
    cable.time.advance(WELCOME_TIMEOUT)
    assert cable.face.ends == ["there:6000 does not answer as a chat server does"]
    assert cable.transport.aborting


def test_who_shows_it_may_pause_what_the_server_sends(cable: Cable) -> None:
    cable.link.pauseProducing()
    assert cable.transport.producerState == "paused"
    cable.cut()
    cable.after(1)
    assert cable.transport.producerState == "paused"
    cable.link.resumeProducing()
    assert cable.transport.producerState == "producing"


# Leaving


def test_who_leaves_has_left_when_the_server_closes(cable: Cable) -> None:
    alice = cable.world.enter("alice")
    cable.say("bye then")
    assert cable.conversation.leave("enough")
    cable.go_on()
    assert cable.face.ends == [""]
    assert alice.heard() == [("said", "bot", "bye then"), ("left", "bot", "enough")]


def test_without_a_connection_there_is_nobody_to_take_leave_of(cable: Cable) -> None:
    cable.cut()
    assert not cable.conversation.leave()


# The law


def step(name: str, *values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(st.just(name), *values)


BYTES = st.one_of(st.integers(1, 300), st.just(EVERYTHING))


@pytest.mark.parametrize("odd", [["x"], {}, 1, True])
@pytest.mark.parametrize("name", ["nick", "room", "new"])
def test_an_event_whose_names_are_no_names_is_none(name: str, odd: object) -> None:
    cable = Cable().enter()
    said = {
        "event": "renamed",
        "room": "lobby",
        "nick": "bot",
        "new": "robot",
        "position": "1",
        "eid": ["x"],
        "id": [1],
    }
    shown = len(cable.face.said)
    cable.conversation.received(json.dumps({**said, name: odd}).encode())
    assert (cable.conversation.nick, len(cable.face.said)) == ("bot", shown)
    cable.conversation.received(json.dumps(said).encode())
    assert (cable.conversation.nick, len(cable.face.said)) == ("robot", shown + 1)


STEPS = st.lists(
    st.one_of(
        step("say", st.integers(1, 5)),
        step("carry_up", BYTES),
        step("carry_down", BYTES),
        step("cut", st.booleans()),
        step("after", st.sampled_from([0.1, 1.0, 20.0, 200.0])),
        step("others"),
        step("kill"),
    ),
    max_size=60,
)


@given(STEPS)
def test_nothing_is_lost_and_nothing_comes_twice_wherever_it_is_cut(steps: list[tuple[Any, ...]]) -> None:
    cable = Cable().enter()
    start = int(cable.face.welcomes[0]["rooms"]["lobby"]["position"])
    said: list[str] = []
    others = 0
    for name, *values in steps:
        if name == "say":
            lines = [str(len(said) + more) for more in range(values[0])]
            said += lines
            cable.say(*lines)
        elif name == "others":
            others += 1
            cable.world.enter(f"other{others}").say("and we?")
        else:
            act: Callable[..., None] = getattr(cable, name)
            act(*values)
    cable.recover()
    assert cable.conversation.under_way == 0
    assert cable.conversation.takes_more
    assert [text for text in cable.texts() if text.isdecimal()] == said
    assert cable.face.flow == [str(entry.position) for entry in cable.log() if int(str(entry.position)) > start]
    assert cable.face.ends == []
