"""One connection: order, held input, limits, and what becomes of it when something goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, ensureDeferred

from chatroom import journal as journal_module
from chatroom import kept as kept_module
from chatroom import page as page_module
from chatroom import recall as recall_module
from chatroom.commands import COMMANDS
from chatroom.event import Kind
from chatroom.intake import Hold, Intake
from chatroom.request import Answer, Refused
from chatroom.rights import Right
from chatroom.seams import Peer
from chatroom.session import Session
from chatroom.table import Parameter, Table, Takes
from chatroom.wire.text import TEXT

from .chatting import DISK_FULL, Client, FailingStorage, JsonClient, SlowStorage, TextClient, World, chat_of
from .support import LoggedErrors, examples


def talk(client: Client) -> list[str]:
    return [one[-1] for one in client.heard("said", "recalled")]


# Order


def test_input_is_held_while_somebody_enters() -> None:
    storage = SlowStorage()
    world = World(storage=storage)
    alice = world.enter("alice")
    storage.slow = True
    bot = world.connect()
    bot.send(b"bot\nhi\n/who\nho\n")
    assert alice.heard() == []
    storage.commit()
    assert alice.heard() == [("joined", "bot")]
    assert bot.heard("entered", "here") == [("entered", "bot", ("alice",))]
    storage.commit()
    assert alice.heard() == [("said", "bot", "hi")]
    assert bot.heard() == [("here", "alice", "bot")]
    storage.commit()
    assert alice.heard() == [("said", "bot", "ho")]


def test_an_answer_comes_after_what_was_said_before_it_and_before_what_is_asked_after_it() -> None:
    storage = SlowStorage()
    world = World(storage=storage)
    alice = world.enter("alice")
    alice.line("/echo on")
    alice.heard()
    storage.slow = True
    alice.send(b"one\n/who\n/whoo\ntwo\n/history 1\n")
    assert alice.heard() == []
    storage.commit()
    assert alice.heard() == [("said", "alice", "one"), ("here", "alice"), ("refused",)]
    storage.commit()
    answer = ("told", "earlier: /history before 4")
    assert alice.heard() == [("said", "alice", "two"), ("recalled", "said", "alice", "two"), answer]


def test_a_refusal_stands_where_it_was_caused() -> None:
    world = World()
    alice = world.enter("alice")
    alice.line("/echo on")
    alice.heard()
    alice.send(b"one\n" + b"x" * 5000 + b"\ntwo\n/me\nthree\n")
    assert alice.heard() == [
        ("said", "alice", "one"),
        ("refused",),
        ("said", "alice", "two"),
        ("refused",),
        ("said", "alice", "three"),
    ]
    assert "! a line has at most 4096 bytes; yours was not said" in alice.lines()


def test_a_slow_commit_of_others_keeps_nobody_waiting_for_an_answer() -> None:
    storage = SlowStorage()
    world = World(storage=storage)
    alice, bob = world.enter_all("alice", "bob")
    alice.say("before")
    bob.heard()
    storage.slow = True
    alice.say("on its way")
    world.settle()
    bob.line("/who")
    bob.line("/history 5")
    assert bob.heard() == [("here", "alice", "bob"), ("recalled", "said", "alice", "before")]


def test_who_reads_slower_than_others_talk_is_answered_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "PAGE_BYTES", 1000)
    world = World()
    alice, bob = world.enter_all("alice", "bob")
    bob.stall()
    for _ in range(10):
        alice.say("x" * 900)
        world.settle()
    bob.line("/who")
    for _ in range(30):
        alice.say("x" * 900)
        bob.wake(700)
        world.settle()
    bob.stall()
    assert bob.heard("here") == [("here", "alice", "bob")]


def test_end_of_input_waits_for_all_that_was_asked_before() -> None:
    storage = SlowStorage()
    world = World(storage=storage)
    storage.slow = True
    bot = world.connect()
    bot.send(b"bot\nhi\n/who")
    bot.end()
    assert not bot.gone
    storage.commit()
    world.settle()
    storage.commit()
    assert bot.heard("here") == [("here", "bot")]
    assert bot.gone


# Much at once


def test_a_client_that_writes_much_before_it_reads_loses_nothing() -> None:
    world = World()
    alice, bob = world.enter_all("alice", "bob")
    bob.stall()
    lines = [f"line {n}" for n in range(5000)]
    bob.send("".join(f"{line}\n" for line in lines).encode())
    for _ in range(50):
        alice.say("y" * 3000)
        world.settle()
    assert talk(alice) == lines
    bob.wake()
    assert len(talk(bob)) == 50


def test_who_asks_and_does_not_read_costs_one_answer_of_memory() -> None:
    table, answered = Table(), 0
    table.command("enter", *COMMANDS.find("enter").parameters, right=Right.ASK)(COMMANDS.find("enter").function)

    @table.command("tell")
    async def tell(session: Session) -> Answer:
        """Tell much."""
        nonlocal answered
        answered += 1
        return Answer(f"{answered} " + "x" * 10_000)

    world = World(table=table)
    alice = world.enter("alice")
    alice.stall()
    asked = 60
    alice.send(b"/tell\n" * asked)
    while alice.text().count("\n") < asked + 3:
        taken = len(alice.text()) // 10_000
        world.settle()
        assert answered <= taken + 1
        alice.wake(7_000)
    assert [line[:5] for line in alice.lines()[3:]] == [f"* {n} x"[:5] for n in range(1, asked + 1)]


def test_a_stranger_who_asks_and_does_not_read_costs_one_answer_too() -> None:
    world = World()
    desk = Desk(world)
    desk.room = 0
    asked = 0
    while not desk.paused:
        desk.session.receive(b"/help")
        world.settle()
        asked += 1
        assert asked < 3
    desk.drain()
    assert not desk.paused


def test_who_left_unread_answers_behind_and_is_gone_is_no_ghost() -> None:
    world = World()
    alice, bob = world.enter_all("alice", "bob")
    bob.stall()
    bob.send(b"/who\n" * 3 + b"last words\n/who\n")
    bob.hang_up()
    assert alice.heard() == [("said", "bob", "last words"), ("left", "bob", "")]


@pytest.mark.parametrize("lines", [b"/echo on\n/history 3\n/who\nhi\n", b"/quit\n", b"/nick robert\n"])
def test_who_is_gone_before_they_have_come_in_is_seen_to_come_and_go(lines: bytes) -> None:
    storage = SlowStorage()
    world = World(storage=storage)
    alice = world.enter("alice")
    storage.slow = True
    bob = world.connect()
    bob.send(b"bob\n" + lines)
    bob.hang_up()
    storage.slow = False
    storage.commit()
    shown = [one[0] for one in alice.heard() if one[0] not in ("said", "renamed")]
    assert shown == ["joined", "left"]
    alice.line("/who")
    assert alice.heard() == [("here", "alice")]


def test_input_is_held_while_too_much_waits_for_its_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "BATCH_BYTES", 500)
    monkeypatch.setattr(journal_module, "PENDING_BYTES", 2000)
    storage = SlowStorage()
    world = World(storage=storage)
    alice = world.enter("alice")
    desk = Desk(world)
    desk.session.receive(b"bob")
    world.settle()
    storage.slow = True
    lines: list[str] = []
    while not desk.paused:
        lines.append(f"line {len(lines)}")
        desk.session.receive(lines[-1].encode())
        world.settle()
        assert len(lines) < 50
    assert len(lines) > 10
    while storage.under_way:
        storage.commit()
        world.settle()
    assert not desk.paused
    assert talk(alice) == lines


def test_input_is_taken_again_when_nothing_holds_it_any_more() -> None:
    world = World()
    desk = Desk(world)
    intake = Intake(desk, world.clock, 0.0, 1)
    intake.hold(Hold.ANSWERING)
    intake.hold(Hold.FULL)
    intake.release(Hold.FULL)
    intake.release(Hold.FULL)
    assert desk.paused
    intake.release(Hold.ANSWERING)
    assert not desk.paused


# The pace


def test_a_paste_of_500_lines_arrives_whole_and_in_order_a_little_later() -> None:
    world = World(line_interval=0.25, line_burst=30)
    alice, bob = world.enter_all("alice", "bob")
    lines = [f"line {n}" for n in range(500)]
    alice.send("".join(f"{line}\n" for line in lines).encode())
    assert talk(bob) == lines[:29]  # a nickname is a line too
    world.after(10)
    assert talk(bob) == lines[29:69]
    world.after(200)
    assert talk(bob) == lines[69:]


@pytest.mark.parametrize("burst", [1, 2, 30])
def test_so_many_lines_are_taken_at_once_and_then_one_for_each_interval(burst: int) -> None:
    world = World(line_interval=0.5, line_burst=burst)
    alice, bob = world.enter("alice"), world.enter("bob")
    world.after(100)
    bob.heard()
    for n in range(burst + 5):
        alice.say(f"{n}")
    assert len(talk(bob)) == burst
    for _ in range(5):
        world.after(0.499)
        assert talk(bob) == []
        world.after(0.001)
        assert len(talk(bob)) == 1


def test_lines_that_are_together_are_counted_each(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(line_interval=0.5, line_burst=10)
    alice, bob = world.enter("alice"), world.enter("bob")
    world.after(100)
    bob.heard()
    for _ in range(3):
        alice.send(b"one\ntwo\nthree\n")
    alice.send(b"four\n")
    alice.send(b"five\n")
    assert len(talk(bob)) == 10
    world.after(0.5)
    assert talk(bob) == ["five"]


def test_empty_and_refused_lines_count_too() -> None:
    world = World(line_interval=0.5, line_burst=10)
    alice, bob = world.enter("alice"), world.enter("bob")
    world.after(100)
    bob.heard()
    alice.send(b"\n" * 4 + b"/whoo\n" * 3 + b"x" * 5000 + b"\n" + b"hi\nho\nhu\n")
    assert talk(bob) == ["hi", "ho"]
    world.after(0.5)
    assert talk(bob) == ["hu"]


def test_who_hung_up_has_all_their_lines_taken_at_once() -> None:
    world = World(line_interval=0.5, line_burst=3)
    alice = world.enter("alice")
    world.after(100)
    timers = world.clock.getDelayedCalls()
    bob = world.enter("bob")
    bob.send(b"1\n2\n3\n4\n5\n6")
    bob.hang_up()
    assert [one[-1] for one in alice.heard("said")] == list("123456")
    later = [call for call in world.clock.getDelayedCalls() if call.getTime() > world.clock.seconds() + 60]
    assert set(later) <= set(timers)


# How long


def test_a_stranger_has_a_minute_from_connecting_whatever_they_do() -> None:
    world = World(greeting_timeout=60.0)
    silent, dribbling, asking = world.connect(), world.connect(), world.connect()
    for _ in range(59):
        world.after(1)
        dribbling.send(b"x")
        asking.line("")
    for stranger in (silent, dribbling, asking):
        assert not stranger.gone
    world.after(1)
    for stranger in (silent, dribbling, asking):
        assert stranger.gone
        assert stranger.lines()[-1] == "! no nickname came in time; come again"


def test_who_has_entered_may_be_silent_for_ever() -> None:
    world = World(greeting_timeout=60.0)
    alice = world.enter("alice")
    world.after(100_000)
    assert not alice.gone


def test_who_is_let_go_while_they_enter_is_no_ghost() -> None:
    storage = SlowStorage()
    world = World(storage=storage, greeting_timeout=60.0)
    alice = world.enter("alice")
    storage.slow = True
    bob = world.connect()
    bob.enter("bob")
    world.after(60)
    assert bob.gone
    storage.slow = False
    storage.commit()
    assert alice.heard() == [("joined", "bob"), ("left", "bob", "")]
    alice.line("/who")
    assert alice.heard() == [("here", "alice")]
    assert bob.heard("entered") == []
    assert world.enter("bob")


def test_who_is_let_go_while_they_take_another_nickname_keeps_neither() -> None:
    storage = SlowStorage()
    world = World(storage=storage)
    alice = world.enter("alice")
    desk = Desk(world)
    desk.session.receive(b"bob")
    world.settle()
    storage.slow = True
    desk.session.receive(b"/nick robert")
    world.settle()
    desk.session.close()
    storage.slow = False
    storage.commit()
    assert alice.heard() == [("joined", "bob"), ("renamed", "bob", "robert"), ("left", "bob", "")]
    for nick in ("bob", "robert"):
        assert world.enter(nick).heard("refused") == []
    alice.line("/who")
    assert alice.heard("here") == [("here", "alice", "bob", "robert")]


class Desk:
    """The seams of a session, in the test's hands: where lines come from, and what it writes to."""

    def __init__(self, world: World, table: Table = COMMANDS) -> None:
        self.full = False
        self.written = b""
        self.closed = False
        self.paused = False
        self.waiting = 0
        self.room = float("inf")
        self.session = Session(world.chat, table, TEXT, self)
        self.session.start(self, Peer("127.0.0.1", True, True, "TCP"))

    def write(self, data: bytes) -> None:
        self.written += data
        self.waiting += len(data)
        if self.waiting > self.room and not self.full:
            self.full = True
            self.session.held()

    def drain(self) -> None:
        self.waiting = 0
        self.full = False
        self.session.drained()

    def untaken(self) -> int:
        return self.waiting

    def close(self) -> None:
        self.closed = True

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False


@pytest.mark.parametrize("takes_at", [[], [40.0], [40.0, 139.0, 200.0]])
def test_who_takes_nothing_is_let_go_so_long_after_the_last_byte_they_took(takes_at: list[float]) -> None:
    world = World(stalled_timeout=100.0)
    alice = world.enter("alice")
    desk = Desk(world)
    desk.session.receive(b"bob")
    world.settle()
    alice.heard()
    desk.room = 0
    alice.say("hello")
    world.settle()
    began = world.clock.seconds()
    for moment in takes_at:
        world.after(began + moment - world.clock.seconds())
        desk.waiting -= 1
    world.after(began + (takes_at or [0.0])[-1] + 99.9 - world.clock.seconds())
    assert not desk.closed
    world.after(10.2)  # it is looked at ten times within the timeout
    assert desk.closed
    assert alice.heard() == [("left", "bob", "not reading")]


def test_who_reads_again_in_time_stays() -> None:
    world = World(stalled_timeout=100.0)
    alice = world.enter("alice")
    desk = Desk(world)
    desk.session.receive(b"bob")
    world.settle()
    for _ in range(5):
        desk.room = 0
        alice.say("hello")
        world.after(99)
        desk.drain()
    world.after(1000)
    assert not desk.closed


def test_a_stranger_who_does_not_read_is_let_go_too() -> None:
    world = World(stalled_timeout=10.0, greeting_timeout=1000.0)
    stranger = world.connect()
    stranger.stall()
    world.after(1)
    assert not stranger.gone
    world.after(20)
    stranger.wake()
    assert stranger.gone


def test_who_does_not_even_take_the_end_is_let_go_within_seconds() -> None:
    world = World()
    alice, bob = world.enter_all("alice", "bob")
    bob.stall()
    alice.say("x" * 1000)
    bob.quit()
    world.after(0.1)
    bob.line("/quit")
    world.after(400)
    assert bob.socket.closed


# How many


def test_connections_over_the_limit_are_told_so_and_closed() -> None:
    world = World(connections=3)
    people = [world.connect("192.0.2.1") for _ in range(3)]
    late = world.connect("192.0.2.2")
    assert late.gone
    assert late.lines() == ["! the server is full: it takes 3 connections; come again later"]
    late.line("late")
    people[0].hang_up()
    later = world.connect("192.0.2.2")
    world.after(1)
    assert not later.gone


def test_connections_from_one_address_over_the_limit_are_told_so_and_closed() -> None:
    world = World(connections_per_address=2)
    people = [world.connect("192.0.2.1") for _ in range(3)]
    assert [person.gone for person in people] == [False, False, True]
    assert people[2].lines() == ["! 2 connections from your address are the most"]
    assert not world.connect("192.0.2.2").gone
    assert not any(world.connect("127.0.0.1").gone for _ in range(5))


# History


@given(
    said=st.integers(0, 60),
    wanted=st.integers(0, 70),
    page=st.integers(1, 300),
    kept=st.integers(1, 20),
    at_a_time=st.integers(1, 7),
    meanwhile=st.integers(0, 5),
    room=st.integers(1, 400),
)
@settings(deadline=None, max_examples=examples(60))
def test_history_of_any_length_comes_page_by_page_while_others_talk(
    said: int, wanted: int, page: int, kept: int, at_a_time: int, meanwhile: int, room: int
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kept_module, "TALK_ENTRIES", kept)
        patched.setattr(recall_module, "PAGE_BYTES", page)
        patched.setattr(recall_module, "RECALL_ENTRIES", at_a_time)
        storage = SlowStorage()
        world = World(storage=storage, history=0)
        alice, bob = world.enter_all("alice", "bob")
        lines = [f"line {n}" for n in range(said)]
        for line in lines:
            alice.say(line)
            world.settle()
        bob.heard()
        storage.slow_reads = True
        bob.stall()
        bob.line(f"/history {wanted}")
        new = [f"new {n}" for n in range(meanwhile)]
        for line in new:
            alice.say(line)
        while storage.reads_under_way or bob.socket.room == 0:
            bob.wake(room)
            world.settle()
            if storage.reads_under_way:
                storage.come_back()
        bob.wake()
        shown = bob.heard("recalled", "said")
        assert [one[-1] for one in shown if one[0] == "recalled"] == lines[max(0, said - wanted) :]
        assert [one[-1] for one in shown if one[0] == "said"] == new
        assert shown == sorted(shown, key=lambda one: one[0] == "said")


@given(pieces=st.lists(st.binary(min_size=1, max_size=20), min_size=1), most=st.integers(1, 50))
def test_a_page_of_history_is_at_most_so_long_or_one_line(pieces: list[bytes], most: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(recall_module, "PAGE_BYTES", most)
        made = list(recall_module.pages(pieces))
    assert b"".join(made) == b"".join(pieces)
    assert all(made)
    assert all(len(page) <= most or page in pieces for page in made)


@pytest.mark.parametrize("stalled", [False, True])
def test_who_is_gone_amid_history_stops_it_being_read(stalled: bool) -> None:
    storage = SlowStorage()
    world = World(storage=storage)
    alice = world.enter("alice")
    for n in range(1000):
        alice.say(f"line {n}")
    bob = world.enter("bob")
    if stalled:
        bob.stall()
    storage.slow_reads = True
    bob.line("/history 1000")
    world.settle()
    reads = 0
    while storage.reads_under_way:
        if reads == 7:  # it has found the beginning, and shown some
            bob.hang_up()
        reads += 1
        storage.come_back()
        world.settle()
    bob.hang_up()
    assert reads <= 8
    assert alice.heard("left") == [("left", "bob", "")]


# What goes wrong


def buggy_table() -> Table:
    table = Table()
    for ask in COMMANDS:
        table.command(ask.name, *ask.parameters, right=ask.right, listed=ask.listed)(ask.function)

    @table.command("crash")
    async def crash(session: Session) -> Answer:
        """Fail when it is answered."""
        raise ZeroDivisionError

    @table.command("crash_at_once")
    def crash_at_once(session: Session) -> None:
        """Fail at once."""
        raise ZeroDivisionError

    @table.command("wait", Parameter("seconds", "SECONDS", Takes.NUMBER))
    async def wait(session: Session, seconds: int) -> Answer:
        """Take some time, then refuse."""
        waiting: Deferred[None] = Deferred()
        session.chat.clock.callLater(seconds, waiting.callback, None)
        await waiting
        raise Refused("late", "too late")

    return table


@pytest.mark.parametrize("command", ["/crash", "/crash_at_once"])
def test_a_bug_in_a_command_costs_that_connection_only_and_is_logged_once(command: str, logged: LoggedErrors) -> None:
    world = World(table=buggy_table())
    alice, bob = world.enter_all("alice", "bob")
    bob.send(f"before\n{command}\nbehind\n".encode())
    assert alice.heard() == [("said", "bob", "before"), ("left", "bob", "")]
    assert bob.lines()[-1] == "! something went wrong in the server; come again"
    assert bob.gone
    assert len(logged.flush(ZeroDivisionError)) == 1
    alice.line("/who")
    assert alice.heard() == [("here", "alice")]


def test_what_takes_time_is_answered_before_what_is_asked_next() -> None:
    world = World(table=buggy_table())
    alice, bob = world.enter_all("alice", "bob")
    alice.send(b"/wait 5\nhi\n")
    world.after(4)
    assert bob.heard() == []
    world.after(1)
    assert bob.heard() == [("said", "alice", "hi")]
    assert alice.heard() == [("refused",)]


def test_who_is_gone_is_answered_nothing(logged: LoggedErrors) -> None:
    world = World(table=buggy_table())
    desk = Desk(world, buggy_table())
    desk.session.receive(b"alice")
    world.settle()
    desk.session.receive(b"/wait 5")
    world.settle()
    desk.session.close()
    written = desk.written
    world.after(5)
    assert desk.written == written
    desk.session.receive(b"/who")
    desk.session.refuse(Refused("line_too_long", "too long"))
    assert not desk.session.receive_talk(b"hi\n")
    world.settle()
    assert desk.written == written


def test_a_stranger_who_has_left_is_not_told_that_it_is_late() -> None:
    world = World(greeting_timeout=60.0)
    desk = Desk(world)
    desk.session.receive(b"/quit")
    written = desk.written
    world.after(100)
    assert desk.closed
    assert desk.written == written


def test_a_storage_that_cannot_be_read_costs_who_asks_for_history(logged: LoggedErrors) -> None:
    storage = FailingStorage()
    world = World(storage=storage)
    alice, bob = world.enter_all("alice", "bob")
    for n in range(300):
        alice.say(f"{n}")
    bob.heard()
    storage.failing_reads = OSError("the disk failed")
    bob.line("/history 300")
    assert bob.heard("refused") == [("refused",)]
    assert bob.gone
    assert not alice.gone
    assert len(logged.flush(OSError)) == 1


def test_nobody_leaves_when_the_server_stops_since_its_next_start_tells_who_is_here() -> None:
    world = World()
    alice, bob = world.enter_all("alice", "bob")
    ensureDeferred(world.chat.stop("the server is stopping"))
    world.settle()
    bob.hang_up()
    assert alice.heard() == [("told", "the server is stopping")]
    again = World(storage=world.storage, stamp="n2.")
    carol = again.connect()
    carol.enter("carol")
    assert carol.heard("entered") == [("entered", "carol", ())]


def test_a_chat_opens_when_its_storage_saves(logged: LoggedErrors) -> None:
    storage = FailingStorage()
    storage.break_down(DISK_FULL)
    world = World(storage=storage)
    world.after(10)
    assert not world.opened.called
    storage.recover()
    world.after(1)
    assert world.opened.called
    assert world.enter("alice").heard() == []
    assert len(logged.flush("the disk is full")) == 1


def test_times_never_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    times: list[int] = []
    now = [1000.0]
    chat = chat_of(world.clock, lambda: now[0], "n9.", world.chat.settings)
    for now[0] in (1000.0, 1001.0, 5.0, 1001.5):
        times.append(chat.event(Kind.SAID).time)
    assert times == [1_000_000, 1_001_000, 1_001_000, 1_001_500]


def test_ids_are_unlike_one_another_over_nodes_too() -> None:
    ids: list[Callable[[], str]] = [World(stamp=stamp).chat.new_id for stamp in ("n1.", "n2.")]
    made = [new_id() for new_id in ids for _ in range(1000)]
    assert len(set(made)) == len(made)


def _pending(client: Client) -> int:
    """Bytes that wait in our memory until the client takes them."""
    transport: Any = client.transport  # type: ignore[attr-defined]
    return len(transport.dataBuffer) - transport.offset + transport._tempDataLen


def test_telnets_questions_are_answered_only_to_who_reads() -> None:
    """Each DO TIMING-MARK has an answer: without a bound, who asks and does not read would fill the memory."""
    world = World()
    alice = world.enter("alice")
    alice.stall()
    for _ in range(100):
        alice.send(b"\xff\xfd\x06" * 20_000)
        world.settle()
    assert _pending(alice) < 2_000_000


def test_a_stranger_who_sends_empty_lines_and_does_not_read_is_held_back() -> None:
    world = World()
    stranger = world.connect()
    stranger.stall()
    for _ in range(100):
        stranger.send(b"\n" * 20_000)
        world.settle()
    assert _pending(stranger) < 2_000_000


def test_short_requests_with_long_answers_wait_until_they_are_read() -> None:
    world = World()
    bot = world.enter("bot", JsonClient)
    bot.send(b'{"say": {"text": "' + b"x" * 60_000 + b'"}, "id": "1"}\n')
    world.settle()
    bot.heard()
    bot.stall()
    bot.send(b'{"say": {"text": "again"}, "id": "1"}\n' * 1_000)
    world.settle()
    assert _pending(bot) < 2_000_000
    bot.wake()
    world.settle()
    assert len(bot.heard()) == 1_000


def test_who_comes_back_faster_than_the_disk_waits_for_the_nickname() -> None:
    storage = SlowStorage()
    world = World(storage=storage)
    carol, alice = world.enter_all("carol", "alice")
    storage.slow = True
    alice.line("bye")
    world.settle()
    again = world.connect()
    again.enter("alice")
    world.settle()
    storage.slow = False
    while storage.under_way:
        storage.commit()
        world.settle()
    assert carol.heard() == [("left", "alice", ""), ("joined", "alice")]


def test_a_nickname_stays_its_owners_until_the_storage_could_save_that_they_left(logged: LoggedErrors) -> None:
    """Else somebody would be seen to leave after the next of that name has joined."""
    storage = FailingStorage()
    world = World(storage=storage)
    carol, alice = world.enter_all("carol", "alice")
    storage.break_down(DISK_FULL)
    alice.line("bye")
    world.settle()
    storage.recover()
    again = world.connect()
    again.enter("alice")
    world.settle()
    assert carol.heard() == []
    world.after(2)
    assert carol.heard() == [("left", "alice", ""), ("joined", "alice")]
    assert logged.flush("cannot save")


@pytest.mark.parametrize("end", [b"hi\n\x04", b"\x04"])
def test_ctrl_d_leaves_wherever_the_chunks_end(end: bytes) -> None:
    world = World()
    carol, alice = world.enter_all("carol", "alice")
    alice.send(end)
    world.settle()
    assert carol.heard()[-1] == ("left", "alice", "")


def test_ctrl_d_behind_a_paste_is_obeyed_when_the_paste_is_said() -> None:
    world = World(line_interval=0.2, line_burst=5)
    carol, alice = world.enter_all("carol", "alice")
    alice.send(b"line\n" * 20)
    world.settle()
    alice.send(b"\x04")
    world.after(60)
    assert carol.heard() == [("said", "alice", "line")] * 20 + [("left", "alice", "")]


def test_a_bug_in_what_is_shown_costs_only_who_reads_it(monkeypatch: pytest.MonkeyPatch, logged: LoggedErrors) -> None:
    world = World()
    program = world.enter("alice", JsonClient)
    person = world.enter("bob", TextClient)

    def render(*_: object) -> list[bytes]:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(type(TEXT), "render", render)
        program.say("hi")
        world.settle()
    assert logged.flush(ZeroDivisionError)
    assert person.gone
    assert not program.gone
    assert "! something went wrong in the server; come again" in person.lines()
