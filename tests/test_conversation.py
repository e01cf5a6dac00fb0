"""What a person sees, whatever they speak: one suite over every protocol and format."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock

from chatroom import log as log_module
from chatroom import page as page_module
from chatroom.commands import COMMANDS
from chatroom.seams import NotSaved
from chatroom.table import Takes

from .chatting import (
    CLIENTS,
    DISK_FULL,
    Client,
    FailingStorage,
    JsonClient,
    SlowStorage,
    TextClient,
    World,
    WrappedTextClient,
)  # fmt: skip
from .support import LoggedErrors, examples

GRACE = 10.0
"""Seconds within which who lost the connection may come back, in formats where one can."""


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> type[Client]:
    return CLIENTS[request.param]


@pytest.fixture
def world(client: type[Client]) -> World:
    return World(client, grace=GRACE)


# Coming in


def test_who_is_first_is_alone(world: World) -> None:
    alice = world.connect()
    alice.enter("alice")
    assert alice.heard("entered") == [("entered", "alice", ())]


def test_who_enters_is_told_who_is_here_those_who_are_here_longest_first(world: World) -> None:
    world.enter_all("carol", "alice", "bob")
    dave = world.connect()
    dave.enter("dave")
    assert dave.heard("entered") == [("entered", "dave", ("carol", "alice", "bob"))]


def test_others_see_somebody_join_and_who_joins_does_not(world: World) -> None:
    alice = world.enter("alice")
    bob = world.connect()
    bob.enter("bob")
    assert alice.heard() == [("joined", "bob")]
    assert bob.heard("joined") == []


def test_who_enters_reads_first_what_was_said_and_done_but_not_who_came_and_went(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.say("hello")
    bob.me("waves")
    world.enter("dave").quit()
    carol = world.connect()
    carol.enter("carol")
    shown = [one for one in carol.heard() if one[0] != "greeted"]
    assert sorted(shown[:3], key=lambda one: one[0] != "entered") == [
        ("entered", "carol", ("alice", "bob")),
        ("recalled", "said", "alice", "hello"),
        ("recalled", "did", "bob", "waves"),
    ]
    assert shown[3:] == []


@pytest.mark.parametrize("lines", [0, 1, 3, 300])
def test_history_is_as_long_as_the_operator_wants_and_ends_with_the_newest(client: type[Client], lines: int) -> None:
    world = World(client, history=lines)
    alice = world.enter("alice")
    for n in range(400):
        alice.say(f"line {n}")
    bob = world.connect()
    bob.enter("bob")
    assert bob.heard("recalled") == [("recalled", "said", "alice", f"line {n}") for n in range(400 - lines, 400)]


def test_who_enters_misses_nothing_and_reads_nothing_twice_while_others_talk(client: type[Client]) -> None:
    storage = SlowStorage()
    world = World(client, storage=storage)
    alice = world.enter("alice")
    alice.say("before")
    storage.slow = True
    alice.say("in the same breath, before")
    bob = world.connect()
    bob.enter("bob")
    alice.say("in the same breath, after")
    world.settle()
    storage.commit()
    world.settle()
    alice.say("after")
    world.settle()
    storage.commit()
    words = [one[-1] for one in bob.heard("recalled", "said")]
    assert words == ["before", "in the same breath, before", "in the same breath, after", "after"]


@pytest.mark.parametrize("nick", ["bob", "BOB", "b0b"])
def test_a_nickname_that_is_taken_is_refused_and_the_person_may_try_again(world: World, nick: str) -> None:
    world.enter("Bob")
    somebody = world.connect()
    somebody.enter(nick)
    assert somebody.heard("refused", "entered") == [("refused",)]
    somebody.enter("alice")
    assert somebody.heard("refused", "entered") == [("entered", "alice", ("Bob",))]


@pytest.mark.parametrize("nick", ["a b", "!", "server", "x" * 33, "1st"])
def test_a_nickname_that_cannot_be_is_refused_and_the_person_may_try_again(world: World, nick: str) -> None:
    somebody = world.connect()
    somebody.enter(nick)
    assert somebody.heard("refused", "entered") == [("refused",)]
    somebody.enter("alice")
    assert somebody.heard("entered") == [("entered", "alice", ())]


def test_of_two_who_ask_for_a_nickname_at_once_the_first_gets_it(world: World) -> None:
    one, two = world.connect(), world.connect()
    one.enter("alice")
    two.enter("alice")
    assert one.heard("entered", "refused") == [("entered", "alice", ())]
    assert two.heard("entered", "refused") == [("refused",)]


def test_a_stranger_sees_nothing_and_is_seen_by_nobody(world: World) -> None:
    alice = world.enter("alice")
    stranger = world.connect()
    alice.say("psst")
    assert stranger.heard("said", "recalled") == []
    stranger.hang_up()
    world.after(GRACE)
    assert alice.heard() == []


def test_a_stranger_may_not_ask_who_is_here(world: World) -> None:
    stranger = world.connect()
    stranger.command("who")
    assert stranger.heard("here", "refused") == [("refused",)]


# Talking


def test_what_one_says_and_does_the_others_see(world: World) -> None:
    alice, bob, carol = world.enter_all("alice", "bob", "carol")
    alice.say("hello")
    alice.me("waves")
    for other in (bob, carol):
        assert other.heard() == [("said", "alice", "hello"), ("did", "alice", "waves")]
    assert alice.heard() == []


@pytest.mark.parametrize(
    "text", ["grüß dich 🦊", "سلام", "a  b", "100 % sure", "<b>", "a: b", "* bob left", "\\n {} %s"]
)
def test_text_arrives_as_it_was_said(world: World, text: str) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.say(text)
    assert bob.heard() == [("said", "alice", text)]


def test_everybody_sees_one_order(world: World) -> None:
    people = world.enter_all("alice", "bob", "carol", "dave")
    for turn in range(3):
        for number, person in enumerate(people):
            person.say(f"{turn}.{number}")
    seen = [person.heard() for person in people]
    order = [
        ("said", ["alice", "bob", "carol", "dave"][number], f"{turn}.{number}")
        for turn in range(3)
        for number in range(4)
    ]
    for number, person in enumerate(["alice", "bob", "carol", "dave"]):
        assert seen[number] == [one for one in order if one[1] != person]


def test_nobody_sees_anything_before_it_is_saved(client: type[Client]) -> None:
    storage = SlowStorage()
    world = World(client, storage=storage)
    alice, bob = world.enter_all("alice", "bob")
    storage.slow = True
    alice.say("hello")
    assert bob.heard() == []
    assert alice.heard("echoed") == []
    storage.commit()
    assert bob.heard() == [("said", "alice", "hello")]


def test_what_could_not_be_saved_is_told_to_who_said_it_and_seen_by_nobody(
    client: type[Client], logged: LoggedErrors
) -> None:
    storage = FailingStorage()
    world = World(client, storage=storage)
    alice, bob = world.enter_all("alice", "bob")
    storage.break_down(DISK_FULL)
    alice.say("lost")
    assert alice.heard() == [("refused",)]
    assert bob.heard() == []
    storage.recover()
    alice.say("found")
    assert bob.heard() == [("said", "alice", "found")]
    carol = world.connect()
    carol.enter("carol")
    assert carol.heard("recalled") == [("recalled", "said", "alice", "found")]
    assert len(logged.flush("the disk is full")) == 1


def test_who_could_not_be_let_in_may_try_again(client: type[Client], logged: LoggedErrors) -> None:
    storage = FailingStorage()
    world = World(client, storage=storage)
    storage.break_down(DISK_FULL)
    alice = world.connect()
    alice.enter("alice")
    assert alice.heard("refused", "entered") == [("refused",)]
    storage.recover()
    alice.enter("alice")
    assert alice.heard("refused", "entered") == [("entered", "alice", ())]
    logged.flush("the disk is full")


def test_what_is_not_known_is_refused_to_the_asker_only(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.command("whoo")
    assert alice.heard() == [("refused",)]
    assert bob.heard() == []


# Other names


def test_everybody_sees_a_new_nickname_also_who_takes_it(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    bob.command("nick", name="robert")
    bob.say("it is me")
    assert alice.heard() == [("renamed", "bob", "robert"), ("said", "robert", "it is me")]
    assert bob.heard() == [("renamed", "bob", "robert")]


def test_a_nickname_that_is_given_up_is_free_and_the_new_one_is_taken(world: World) -> None:
    bob = world.enter("bob")
    bob.command("nick", name="robert")
    somebody = world.connect()
    somebody.enter("robert")
    assert somebody.heard("refused", "entered") == [("refused",)]
    somebody.enter("bob")
    assert somebody.heard("refused", "entered") == [("entered", "bob", ("robert",))]


@pytest.mark.parametrize("name", ["alice", "ALICE", "bob", "no good", "all"])
def test_a_new_nickname_that_is_taken_or_cannot_be_or_is_the_old_one_is_refused(world: World, name: str) -> None:
    alice, bob = world.enter_all("alice", "bob")
    bob.command("nick", name=name)
    bob.say("still bob")
    assert bob.heard() == [("refused",)]
    assert alice.heard() == [("said", "bob", "still bob")]


def test_ones_own_nickname_may_be_written_in_another_way(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    bob.command("nick", name="Bob")
    assert alice.heard() == [("renamed", "bob", "Bob")]


def test_a_new_nickname_that_could_not_be_saved_is_free(client: type[Client], logged: LoggedErrors) -> None:
    storage = FailingStorage()
    world = World(client, storage=storage)
    alice, bob = world.enter_all("alice", "bob")
    storage.break_down(DISK_FULL)
    bob.command("nick", name="robert")
    assert bob.heard() == [("refused",)]
    storage.recover()
    alice.command("nick", name="robert")
    assert alice.heard() == [("renamed", "alice", "robert")]
    logged.flush("the disk is full")


# Asking


def test_one_may_ask_who_is_here(world: World) -> None:
    alice, _ = world.enter_all("alice", "bob")
    alice.command("who")
    assert alice.heard() == [("here", "alice", "bob")]


def test_one_may_ask_for_as_much_history_as_there_is(client: type[Client]) -> None:
    world = World(client, history=0)
    alice, bob = world.enter_all("alice", "bob")
    for n in range(5):
        alice.say(f"line {n}")
    bob.heard()
    for limit, shown in ((2, range(3, 5)), (100, range(5)), (0, range(0))):
        bob.command("history", limit=limit)
        assert bob.heard("recalled", "said") == [("recalled", "said", "alice", f"line {n}") for n in shown]


def test_one_may_have_ones_own_words_sent_back_or_not(world: World) -> None:
    alice = world.enter("alice")
    for on in (True, False):
        alice.command("echo", on=on)
        alice.heard()
        alice.say("hello")
        assert [one[-1] for one in alice.heard("said", "echoed")] == (["hello"] if on else [])


def test_an_answer_comes_after_what_was_said_before_it(client: type[Client]) -> None:
    storage = SlowStorage()
    world = World(client, storage=storage)
    alice = world.enter("alice")
    alice.command("echo", on=True)
    alice.heard()
    storage.slow = True
    alice.say("one")
    alice.command("who")
    alice.say("two")
    assert alice.heard("said", "echoed", "here") == []
    storage.commit()
    assert [one[-1] for one in alice.heard("said", "echoed", "here")] == ["one", "alice"]
    storage.commit()
    assert [one[-1] for one in alice.heard("said", "echoed", "here")] == ["two"]


# Leaving


def test_others_see_once_that_somebody_quit_and_why(world: World) -> None:
    alice, bob, carol = world.enter_all("alice", "bob", "carol")
    bob.quit("off to bed")
    carol.quit()
    assert alice.heard() == [("left", "bob", "off to bed"), ("left", "carol", "")]
    assert bob.gone
    bob.hang_up()
    world.after(GRACE)
    assert alice.heard() == []


@pytest.mark.parametrize("way", ["end", "hang_up"])
def test_others_see_once_that_a_connection_ended_after_what_was_said_on_it(world: World, way: str) -> None:
    alice, bob = world.enter_all("alice", "bob")
    bob.say("last words")
    getattr(bob, way)()
    world.after(GRACE)
    world.after(10 * GRACE)
    shown = alice.heard()
    assert [one[:2] for one in shown] == [("said", "bob"), ("left", "bob")]


def test_who_ends_the_input_is_let_go(world: World) -> None:
    alice = world.enter("alice")
    alice.end()
    assert alice.gone
    stranger = world.connect()
    stranger.end()
    assert stranger.gone


def test_the_nickname_of_who_left_is_free(world: World) -> None:
    world.enter("alice").quit()
    alice = world.connect()
    alice.enter("ALICE")
    assert alice.heard("entered") == [("entered", "ALICE", ())]


def test_who_left_while_the_disk_was_full_is_seen_to_leave_when_it_is_not(
    client: type[Client], logged: LoggedErrors
) -> None:
    storage = FailingStorage()
    world = World(client, storage=storage)
    alice, bob = world.enter_all("alice", "bob")
    storage.break_down(DISK_FULL)
    bob.quit("bye")
    assert alice.heard() == []
    world.after(60)
    storage.recover()
    world.after(60)
    assert alice.heard() == [("left", "bob", "bye")]
    world.enter("bob")
    assert len(logged.flush("the disk is full")) == 1


def test_what_is_asked_behind_a_quit_is_not_heard(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    bob.quit()
    bob.say("I am gone")
    assert alice.heard() == [("left", "bob", "")]


# Slow and stalled readers


def test_who_does_not_read_holds_nobody_up_and_misses_nothing(world: World) -> None:
    alice, bob, carol = world.enter_all("alice", "bob", "carol")
    carol.stall()
    texts = [f"{n} " + "x" * 2000 for n in range(300)]
    for text in texts:
        alice.say(text)
        world.settle()
    assert [one[-1] for one in bob.heard()] == texts
    assert carol.heard() == []
    carol.wake()
    assert [one[-1] for one in carol.heard()] == texts
    alice.say("and on")
    assert carol.heard() == [("said", "alice", "and on")]


def test_who_reads_slower_than_others_talk_misses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "TAIL_BYTES", 64 * 1024)
    alice, bob = world.enter_all("alice", "bob")
    bob.stall()
    texts = [f"{n} " + "x" * 2000 for n in range(300)]
    for text in texts:
        alice.say(text)
        bob.wake(1500)
        world.settle()
    bob.wake()
    assert [one[-1] for one in bob.heard()] == texts


def test_who_does_not_read_may_still_talk(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    bob.stall()
    for n in range(100):
        alice.say("x" * 2000)
        bob.say(f"{n}")
        world.settle()
    assert alice.heard() == [("said", "bob", f"{n}") for n in range(100)]


# The server


def test_when_the_server_stops_everybody_is_told_after_all_that_was_accepted(client: type[Client]) -> None:
    storage = SlowStorage()
    world = World(client, storage=storage)
    alice, bob = world.enter_all("alice", "bob")
    storage.slow = True
    alice.say("last words")
    stopped = ensureDeferred(world.chat.stop("the server is stopping"))
    assert bob.heard() == []
    assert not stopped.called
    storage.slow = False
    storage.commit()
    assert bob.heard() == [("said", "alice", "last words"), ("told", "the server is stopping")]
    assert alice.heard() == [("told", "the server is stopping")]
    assert stopped.called
    assert alice.gone
    assert bob.gone
    assert world.chat.connections.gone().called


def test_while_the_server_stops_nothing_more_is_taken(client: type[Client]) -> None:
    storage = SlowStorage()
    world = World(client, storage=storage)
    alice, bob = world.enter_all("alice", "bob")
    storage.slow = True
    alice.say("one")
    alice.command("who")
    ensureDeferred(world.chat.stop("the server is stopping"))
    alice.say("two")
    world.settle()
    storage.slow = False
    storage.commit()
    assert bob.heard("said", "told") == [("said", "alice", "one"), ("told", "the server is stopping")]
    assert alice.heard("here", "told") == [("here", "alice", "bob"), ("told", "the server is stopping")]
    assert "two" not in [event.text for batch in storage.batches for _, event in batch]


def test_people_on_two_nodes_that_share_a_storage_are_in_one_room(client: type[Client]) -> None:
    clock, storage = Clock(), SlowStorage()
    one = World(client, clock=clock, storage=storage, stamp="n1.")
    two = World(client, clock=clock, storage=storage, stamp="n2.")
    alice, bob = one.enter("alice"), two.connect()
    bob.enter("alice")
    assert bob.heard("refused", "entered") == [("refused",)]
    bob.enter("bob")
    assert bob.heard("entered") == [("entered", "bob", ("alice",))]
    assert alice.heard() == [("joined", "bob")]
    alice.say("hello")
    bob.me("waves")
    one.settle()
    assert (alice.heard(), bob.heard()) == ([("did", "bob", "waves")], [("said", "alice", "hello")])
    bob.quit()
    assert alice.heard() == [("left", "bob", "")]


# The law, over all formats at once

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(0, 3), st.integers(0, 300)),
        st.tuples(st.just("stall"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("wake"), st.integers(0, 3), st.integers(1, 400)),
        st.tuples(st.just("who"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("settle"), st.just(0), st.just(0)),
        st.tuples(st.just("commit"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=examples(60), deadline=None)
@given(actions=ACTIONS)
def test_whatever_they_speak_and_however_slowly_they_read_all_are_shown_all_in_one_order(
    actions: list[tuple[str, int, int]],
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(page_module, "PAGE_BYTES", 500)
        for name, value in [("TAIL_BYTES", 1500), ("PAGES_BYTES", 1000), ("READ_ENTRIES", 3)]:
            patched.setattr(log_module, name, value)
        storage = SlowStorage()
        world = World(storage=storage)
        nicks = ["alice", "bob", "carol", "dave"]
        kinds = list(CLIENTS.values())
        people = [world.enter(nick, kinds[place % len(kinds)]) for place, nick in enumerate(nicks)]
        for person in people:
            person.heard()
        storage.slow = True
        said: list[tuple[str, str, str]] = []
        for number, (action, place, size) in enumerate(actions):
            person = people[place]
            if action == "say":
                said.append(("said", nicks[place], f"{number}." + "x" * size))
                person.say(said[-1][2])
            elif action == "stall":
                person.stall()
            elif action == "wake":
                person.wake(size)
            elif action == "who":
                person.command("who")
            elif action == "settle":
                world.settle()
            elif storage.under_way:
                storage.commit()
        storage.slow = False
        for person in people:
            person.wake()
        while storage.under_way:
            storage.commit()
            world.settle()
        orders = [person.heard("said", "echoed") for person in people]
        for nick, shown in zip(nicks, orders, strict=True):
            others = [one for one in shown if one[0] == "said"]
            order = [one for one in said if one[1] != nick]
            assert sorted(others) == sorted(order)
        # Who asked something is answered before what they say behind it is taken: so the log is asked for the one order.
        late = world.connect(client=kinds[0])
        late.enter("eve")
        late.heard()
        late.command("history", limit=1000)
        order = [one[1:] for one in late.heard("recalled")]
        for nick, shown in zip(nicks, orders, strict=True):
            assert [one for one in shown if one[0] == "said"] == [one for one in order if one[1] != nick]


def test_an_unknown_outcome_is_worded_so(client: type[Client], logged: LoggedErrors) -> None:
    storage = FailingStorage()
    world = World(client, storage=storage)
    alice = world.enter("alice")
    storage.break_down(NotSaved("the disk failed", certain=False))
    alice.say("perhaps")
    assert "may not have been saved" in alice.text()
    logged.flush("the disk failed")


# What one person writes makes no line at another


EVIL = "x\n* victim: EVIL\r\nEVIL: says so\n! EVIL\u2028EVIL"
"""Were its line feeds told, somebody else, or the server, would be seen to have said it."""

FIELDS = [
    (ask.name, parameter.field)
    for ask in COMMANDS
    for parameter in ask.parameters
    if parameter.takes in (Takes.WORD, Takes.REST)
]

LINE = re.compile(
    r"(\[\d{4}-\d\d-\d\d \d\d:\d\d\] )?"
    r"(\* mallory |\* mallory: |\* text over |\* JSON over |\* \d+ in #|mallory: |mallory -> you: |you -> mallory: |! )"
)
"""How whatever the victim is shown begins."""


@pytest.mark.parametrize("kind", [TextClient, WrappedTextClient])
@pytest.mark.parametrize(("name", "field"), [*FIELDS, *((name, "words") for name in dict(FIELDS))])
def test_no_text_of_one_person_is_shown_as_a_line_of_another_or_the_servers(
    kind: type[TextClient], name: str, field: str
) -> None:
    world = World()
    victim = world.register("victim", kind)
    stranger, mallory = world.connect(client=JsonClient), world.enter("mallory", JsonClient)
    victim.line("/msg mallory hello")
    world.settle()
    before = len(victim.lines())
    parameters = next(ask for ask in COMMANDS if ask.name == name).parameters
    some: dict[str, object] = {
        parameter.field: {"to": "victim", "nick": "victim"}.get(parameter.field, "x")
        for parameter in parameters
        if not parameter.optional and parameter.takes in (Takes.WORD, Takes.REST)
    }
    asked = [{**some, field: EVIL}]
    if field == "words":
        asked = [{"words": EVIL}, {"words": f"victim {EVIL}"}]
    for fields in asked:
        for asking in (stranger, mallory):
            asking.ask(name, **fields)
    for line in ("/who", "/whois mallory", "/msg mallory psst", "/reply psst", "/history", "/inbox", "/ignore mallory"):
        victim.line(line)
    world.settle()
    assert not victim.gone
    shown = [line for line in victim.lines()[before:] if line != "* you read nothing more of mallory"]
    assert [line for line in shown if not LINE.match(line)] == []
    assert [line for line in shown if re.match(r"(\[.*?\] )?(\* |! )?(victim: )?EVIL", line)] == []


@pytest.mark.parametrize("name", ["say", "me", "msg"])
def test_lines_of_one_text_are_each_told_with_who_said_them(name: str) -> None:
    world = World()
    victim, mallory = world.enter("victim"), world.enter("mallory", JsonClient)
    before = len(victim.lines())
    mallory.ask(name, **({"to": "victim"} if name == "msg" else {}), text="one\n* bob left\nbob: two")
    mark = {"say": "mallory: ", "me": "* mallory ", "msg": "mallory -> you: "}[name]
    assert victim.lines()[before:] == [f"{mark}{line}" for line in ("one", "* bob left", "bob: two")]
