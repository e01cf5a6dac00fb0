"""What who owns the machine asks of the server that runs: how it is, who is here, what happens; and that nobody else may."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

from chatroom.commands import COMMANDS
from chatroom.names import nickname
from chatroom.operations.commands import DRAINING, commands
from chatroom.operations.node import Node
from chatroom.operations.reload import Renewed
from chatroom.operations.tail import LOOK_AGAIN
from chatroom.protocols.line import LineFactory
from chatroom.protocols.tcp import Pulse
from chatroom.protocols.telnet import MAX_LINE
from chatroom.request import Refused
from chatroom.rights import Right
from chatroom.table import Table
from chatroom.witness import Nobody

from .chatting import PASSWORD, LineClient, World
from .server import Person, Server
from .test_reload_process import asked

ASKED_OF_RUNNING = ("status", "tail", "reload", "claim-code", "drain", "stop")
"""`who` is a command of the chat too, and another one there."""


class Service:
    """Notes what the server was asked to do."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.renewed = Renewed([], [], [])
        self.why_not = ""

    def ways_in(self) -> list[tuple[str, str]]:
        return [("tcp:6000", "telnet localhost 6000")]

    async def drain(self, words: str) -> None:
        self.did.append(f"drain: {words}")

    def end(self) -> None:
        self.did.append("end")

    def reload(self) -> Renewed:
        self.did.append("reload")
        return self.renewed

    def why_not_ready(self) -> str:
        return self.why_not


class Owned(World):
    """A world with an owner, who asks as chatroomctl does."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.service = Service()
        self.node = Node(self.chat, self.service, self.service.reload, self.service.why_not_ready, "memory:")
        self.console = LineFactory(self.chat, Table(COMMANDS, commands(self.node)), MAX_LINE, console=True)
        self.console.pulse = Pulse(Clock())

    def ask(self, name: str, words: str = "") -> dict[str, Any]:
        """By a connection of its own; the answer."""
        owner = Owner(self)
        owner.ask(name, words)
        answers = owner.told()
        owner.hang_up()
        (answer,) = answers
        return answer

    def watch(self, room: str = "") -> Owner:
        """Somebody who is shown what happens."""
        owner = Owner(self)
        owner.ask("tail", room)
        assert [each["answer"] for each in owner.told()] == ["tail"]
        return owner

    def operator(self, nick: str) -> Any:
        assert self.ask("add-account", f"{nick} {PASSWORD}")["answer"] == "add-account"
        return self.log_in(nick)

    def readers(self) -> int:
        """Those that stand in the rooms and take more."""
        return sum(len(live) for room in self.chat.rooms.values() for live in room.log._live.values())


class Owner(LineClient):
    """Who owns the machine, at the control socket."""

    world: Owned

    def __init__(self, world: Owned) -> None:
        super().__init__(world, "127.0.0.1")
        self._told = 0

    def _factory(self) -> Factory:
        return self.world.console

    def ask(self, name: str, words: str = "") -> None:
        self.line(json.dumps({name: {"words": words}}))

    def told(self) -> list[dict[str, Any]]:
        """What came since this was asked last."""
        lines = [json.loads(line) for line in self.lines()]
        new, self._told = lines[self._told :], len(lines)
        return new

    def events(self) -> list[tuple[str, str, str]]:
        """The same, of a tail."""
        return [(each["event"], each["room"], each.get("text", each.get("nick", ""))) for each in self.told()]

    enter = say = me = command = _shown = None  # type: ignore[assignment]


# Asked by others


@pytest.mark.parametrize("name", ASKED_OF_RUNNING)
def test_nobody_in_the_chat_may_ask_for_it(name: str) -> None:
    world = Owned(operators=())
    alice = world.enter("alice")
    alice.line(f"/{name}")
    (line,) = alice.lines()[-1:]
    assert line.startswith(f"! no command /{name}")
    assert world.service.did == []


def test_nobody_in_the_chat_is_helped_to_it() -> None:
    world = Owned()
    alice = world.enter("alice")
    alice.line("/help")
    shown = alice.text()
    assert not [name for name in ASKED_OF_RUNNING if f"/{name} " in shown]


@pytest.mark.parametrize("name", [*ASKED_OF_RUNNING, "who"])
def test_without_a_server_it_is_refused(name: str) -> None:
    world = Owned()
    world.console.table = Table(COMMANDS, commands(None))
    assert world.ask(name)["refused"] == {"code": "no_server", "words": "no server runs here that could do it"}


def test_what_it_asks_of_the_chat_works_as_before() -> None:
    world = Owned()
    alice, bob = world.enter_all("alice", "bob")
    assert world.ask("announce", "at noon")["answer"] == "announce"
    assert ("told", "at noon") in [(kind, words[-7:]) for kind, words, *_ in bob.heard()]
    assert world.ask("server-kick", "bob noise")["answer"] == "server-kick"
    assert bob.gone
    assert world.ask("server-ban", "alice")["answer"] == "server-ban"
    assert alice.gone
    assert "alice" in world.ask("server-bans")["words"]
    assert world.ask("server-unban", "alice")["answer"] == "server-unban"
    assert world.ask("say", "hello")["refused"]["code"] == "not_here"


# How it is, and who is here


def test_the_status_tells_how_it_is() -> None:
    world = Owned()
    world.enter_all("alice", "bob")
    world.after(61)
    answer = world.ask("status")
    found = {name: answer[name] for name in ("state", "seconds", "people", "rooms", "storage", "bytes")}
    assert found == {"state": "ready", "seconds": 61, "people": 2, "rooms": 1, "storage": "memory:", "bytes": 0}
    assert answer["connections"] == {"text over TCP": 2}
    assert answer["listening"] == [{"endpoint": "tcp:6000", "how": "telnet localhost 6000"}]
    first, *more = answer["words"].splitlines()
    assert first.startswith("ready: chatroom ")
    assert first.endswith("since 2026-11-20 09:12 UTC")
    assert more == [
        "people: 2, in 1 of 1 rooms",
        "connections: 2: 2 text over TCP",
        "storage: memory:",
        "listening on tcp:6000: telnet localhost 6000",
    ]
    assert world.node.summary() == "ready: 2 people in 1 room, 2 connections"


def test_the_status_tells_why_it_is_not_ready() -> None:
    world = Owned()
    world.service.why_not = "draining: nobody more is let in"
    assert world.ask("status")["state"] == "draining: nobody more is let in"
    assert world.node.summary() == "draining: nobody more is let in: 0 people in 0 rooms, 0 connections"


def test_who_tells_who_is_here_and_where() -> None:
    world = Owned(grace=60.0)
    world.register("alice")
    bob = world.enter("bob")
    bob.line("/join tea")
    bob.line("/away at lunch")
    world.settle()
    answer = world.ask("who")
    assert [(each["nick"], each["is"]) for each in answer["people"]] == [("alice", "account"), ("bob", "guest")]
    assert answer["words"].splitlines()[0] == "2 people are here"
    assert answer["words"].splitlines()[1] == "alice: account; #lobby; text over TCP from 127.0.0.1"
    assert answer["people"][1]["away"] == "at lunch"
    assert answer["people"][0]["connections"] == [{"protocol": "text over TCP", "address": "127.0.0.1"}]
    assert [each["nick"] for each in world.ask("who", "LOBBY")["people"]] == ["alice", "bob"]
    assert world.ask("who", "nowhere")["refused"] == {"code": "no_room", "words": "there is no room nowhere"}


def test_one_is_a_person() -> None:
    world = Owned()
    world.enter("alice")
    assert world.ask("who")["words"].startswith("1 person is here\n")


# What happens


def test_a_tail_shows_what_happens_from_now_on_in_order() -> None:
    world = Owned()
    alice = world.enter("alice")
    alice.say("before")
    world.settle()
    owner = world.watch()
    bob = world.enter("bob")
    bob.say("one")
    alice.say("two")
    bob.me("waves")
    bob.line("/nick rob")
    bob.quit("late")
    assert owner.events() == [
        ("joined", "lobby", "bob"),
        ("said", "lobby", "one"),
        ("said", "lobby", "two"),
        ("did", "lobby", "waves"),
        ("renamed", "lobby", "bob"),
        ("left", "lobby", "rob"),
    ]


def test_a_tail_shows_every_room_once_and_those_that_are_opened_later_from_their_beginning() -> None:
    world = Owned(room_creation=Right.CHAT)
    alice, bob = world.enter_all("alice", "bob")
    owner = world.watch()
    alice.line("/join tea")
    bob.line("/join tea")
    alice.say("in tea")
    alice.line("/nick alicia")
    alice.line("/join lobby")
    alice.say("in lobby")
    world.after(LOOK_AGAIN)
    bob.say("still in tea")
    alice.quit()
    world.after(3 * LOOK_AGAIN)
    events = owner.events()
    talk = [(room, text) for kind, room, text in events if kind == "said"]
    assert sorted(talk) == [("lobby", "in lobby"), ("tea", "in tea"), ("tea", "still in tea")]
    assert [text for room, text in talk if room == "tea"] == ["in tea", "still in tea"]
    assert [kind for kind, *_ in events].count("renamed") == 1
    assert [kind for kind, *_ in events].count("left") == 1


def test_a_tail_of_one_room_shows_that_one_only() -> None:
    world = Owned(room_creation=Right.CHAT)
    alice = world.enter("alice")
    alice.line("/join tea")
    world.settle()
    owner = world.watch("Tea")
    alice.say("in tea")
    alice.line("/join lobby")
    alice.say("in lobby")
    alice.line("/join den")
    alice.say("in den")
    world.after(3 * LOOK_AGAIN)
    assert [text for kind, _, text in owner.events() if kind == "said"] == ["in tea"]
    owner = Owner(world)
    owner.ask("tail", "nowhere")
    assert [each["refused"]["code"] for each in owner.told()] == ["no_room"]


def test_a_tail_outlives_a_room_and_reads_the_next_of_its_name() -> None:
    world = Owned(room_creation=Right.CHAT, operators=(nickname("alice"),))
    alice = world.operator("alice")
    alice.line("/join tea")
    world.settle()
    owner = world.watch()
    alice.say("the first tea")
    world.settle()
    alice.line("/close tea")
    world.settle()
    world.after(2 * LOOK_AGAIN)
    alice.line("/join tea")
    alice.say("the second tea")
    world.after(2 * LOOK_AGAIN)
    talk = [(room, text) for kind, room, text in owner.events() if kind == "said"]
    assert talk == [("tea", "the first tea"), ("tea", "the second tea")]


def test_a_room_that_is_closed_while_a_tail_stalls_costs_it_nothing() -> None:
    world = Owned(room_creation=Right.CHAT, operators=(nickname("alice"),))
    alice = world.operator("alice")
    alice.line("/join tea")
    world.settle()
    owner = world.watch()
    owner.stall()
    alice.say("in tea")
    world.settle()
    alice.line("/close tea")
    world.settle()
    world.after(2 * LOOK_AGAIN)
    alice.line("/room lobby")
    alice.say("in lobby")
    owner.wake()
    world.after(2 * LOOK_AGAIN)
    assert [text for kind, room, text in owner.events() if kind == "said" and room == "lobby"] == ["in lobby"]


@pytest.mark.parametrize("lines", [30, 5000])
def test_a_tail_that_stalls_and_wakes_is_shown_all(lines: int) -> None:
    world = Owned()
    alice = world.enter("alice")
    owner = world.watch()
    owner.stall()
    for number in range(lines):
        alice.say(f"{number} {'x' * 200}")
    world.settle()
    assert [each for each in owner.told() if "event" in each] == []
    owner.wake()
    world.settle()
    shown = [text for kind, _, text in owner.events() if kind == "said"]
    assert [int(text.split()[0]) for text in shown] == list(range(lines))


def test_a_tail_shows_nothing_private() -> None:
    world = Owned()
    alice, bob = world.register("alice"), world.enter("bob")
    owner = world.watch()
    alice.msg("bob", "between us")
    bob.msg("alice", "yes, us")
    alice.command("password", old="correct horse", new="battery staple")
    alice.say("done")
    world.after(2 * LOOK_AGAIN)
    shown = "\n".join(owner.lines())
    assert "done" in shown
    assert "us" not in shown
    assert "horse" not in shown
    assert "staple" not in shown


@pytest.mark.parametrize("end", [Owner.hang_up, Owner.end], ids=["gone", "said so"])
def test_a_tail_that_ends_leaves_nothing(end: Callable[[Owner], None]) -> None:
    world = Owned(room_creation=Right.CHAT)
    alice = world.enter("alice")
    alice.line("/join tea")
    world.settle()
    before, timers = world.readers(), len(world.clock.getDelayedCalls())
    for stalled in (False, True):
        owner = world.watch()
        assert world.readers() == before + 2
        if stalled:
            owner.stall()
            alice.say("x" * 100)
            world.settle()
            assert world.readers() < before + 2
        end(owner)
        owner.wake()
        world.after(LOOK_AGAIN)
        assert world.readers() == before
        assert len(world.clock.getDelayedCalls()) == timers


def test_to_ask_for_a_second_tail_replaces_the_first() -> None:
    world = Owned()
    alice = world.enter("alice")
    before = world.readers()
    owner = world.watch()
    owner.ask("tail", "lobby")
    assert [each["answer"] for each in owner.told()] == ["tail"]
    assert world.readers() == before + 1
    alice.say("once")
    assert owner.events() == [("said", "lobby", "once")]
    owner.hang_up()
    world.after(LOOK_AGAIN)
    assert world.readers() == before


def test_nobody_notices_a_tail() -> None:
    world = Owned()
    alice = world.enter("alice")
    world.watch()
    alice.line("/who")
    assert alice.heard() == [("here", "alice")]
    assert len(world.chat.connections) == 1


# Reload


def test_a_reload_tells_what_changed() -> None:
    world = Owned()
    assert world.ask("reload")["words"] == "nothing has changed"
    world.service.renewed = Renewed(["history: 5 instead of 20"], ["line: off takes a restart"], [])
    answer = world.ask("reload")
    assert answer["words"] == "history: 5 instead of 20\nline: off takes a restart"
    assert (answer["changed"], answer["later"], answer["wrong"]) == (
        ["history: 5 instead of 20"],
        ["line: off takes a restart"],
        [],
    )


def test_a_reload_is_refused_with_all_that_is_wrong() -> None:
    world = Owned()
    world.service.renewed = Renewed(["history: 5"], [], ["a: b", "c: d"])
    refused = world.ask("reload")["refused"]
    assert (refused["code"], refused["wrong"], refused["changed"]) == ("not_reloaded", ["a: b", "c: d"], ["history: 5"])
    assert refused["words"] == "not changed: a: b\nnot changed: c: d\nchanged: history: 5"


class Noting(Nobody):
    """Notes what is refused."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def refused(self, nick: str, address: str, protocol: str, refused: Refused) -> None:
        self.codes.append(refused.code)


def test_what_the_owner_is_refused_is_none_of_the_refusals_that_are_counted_and_logged() -> None:
    world = Owned()
    world.chat.witness = noting = Noting()
    world.service.renewed = Renewed([], [], ["a: b"])
    assert world.ask("reload")["refused"]["code"] == "not_reloaded"
    assert world.ask("who", "nowhere")["refused"]["code"] == "no_room"
    assert noting.codes == []
    alice = world.enter("alice")
    alice.line("/nonsense")
    assert noting.codes == ["no_command"]


# The claim code


def test_the_code_is_shown_until_it_was_used() -> None:
    world = Owned(operators=())
    answer = world.ask("claim-code")
    assert answer["words"] == answer["code"] == world.chat.claim_code != ""
    alice = world.register("alice")
    alice.line(f"/claim {answer['code']}")
    assert "you are an operator" in alice.lines()[-1]
    assert world.ask("claim-code")["refused"] == {
        "code": "code_wrong",
        "words": "there is no claim code any more: it was used",
    }


def test_the_code_of_an_earlier_start_is_known_to_nobody_any_more() -> None:
    world = Owned(operators=())
    again = Owned(operators=(), storage=world.storage)
    assert world.chat.claim_code
    assert again.ask("claim-code")["refused"] == {
        "code": "code_wrong",
        "words": "an earlier start of the server had the claim code; --operator NICK names operators",
    }


@pytest.mark.process
@pytest.mark.parametrize("format", ["text", "json", "journal"])
def test_only_a_log_for_people_has_the_code_and_the_owner_is_shown_it_always(tmp_path: Path, format: str) -> None:
    with Formatted(tmp_path, "--log-format", format) as server:
        line = server.wait_for_line("first start")
        code = asked(tmp_path, "claim-code")["code"]
        assert (code in f"{server.log}{server.stderr}") is (format == "text")
        assert ("chatroomctl claim-code" in line) is (format != "text")
        root = Person(server, "root")
        root.say(f"/register {PASSWORD}", f"/claim {code}")
        root.expect("you are an operator of this server")
        server.terminate()
        assert (code in f"{server.log}{server.stderr}") is (format == "text")


@pytest.mark.process
def test_where_the_owner_cannot_come_in_the_code_stands_in_the_log(tmp_path: Path) -> None:
    with Formatted(tmp_path, "--log-format", "json", "--storage", "memory:") as server:
        told = json.loads(server.wait_for_line("first start"))
        assert told["message"] == (
            f"first start: who registers a nickname and says /claim {told['claim_code']} is the operator"
        )
        assert "code" not in told


@pytest.mark.process
@pytest.mark.parametrize(("format", "begin"), [("text", "chatroom: "), ("json", "{"), ("journal", "<")])
def test_why_it_does_not_start_is_told_as_the_format_says(tmp_path: Path, format: str, begin: str) -> None:
    (tmp_path / "chatroom.db").write_bytes(b"no database at all" * 1000)
    server = Server(tmp_path, "--log-format", format).begin()
    assert server.end() == 1
    assert [line for line in server.stderr.lines if "chatroom.db" in line]
    assert not [line for line in server.stderr.lines if not line.startswith(begin)]


class Formatted(Server):
    """One whose log may be on standard error."""

    def begin(self) -> Server:
        super().begin()
        if "text" not in self._command:
            self.log, self.stderr = self.stderr, self.log
        return self


# Drain, stop


def test_drain_and_stop_are_asked_of_the_service() -> None:
    world = Owned()
    world.enter("alice")
    assert world.ask("drain")["words"] == "nobody more is let in; 1 connection is left"
    assert world.ask("drain", "we move house")["answer"] == "drain"
    assert world.ask("stop")["words"] == "the server stops"
    assert world.service.did == [f"drain: {DRAINING}", "drain: we move house", "end"]
