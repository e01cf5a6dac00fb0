"""Private messages wait for who is not here: read on return, at least once whatever happens, and once if all is well."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import ensureDeferred, gatherResults

from chatroom.inbox import READ_PAUSE
from chatroom.protocols.outlet import Outlet
from chatroom.storage.memory import MemoryStorage

from .again import again, left_behind
from .chatting import CLIENTS, PASSWORD, Client, JsonClient, Shown, TextClient, World
from .support import examples
from .test_resume import Disk, DiskWorld, back, token

GRACE = 10.0


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> type[Client]:
    return CLIENTS[request.param]


@pytest.fixture
def world(client: type[Client]) -> World:
    return World(client, grace=GRACE, registrations_an_hour=0)


def hear_all(*people: Client) -> None:
    for person in people:
        person.heard()


def news(person: Client) -> list[Shown]:
    """What who comes in is shown of private messages."""
    return [
        one
        for one in person.heard("recalled", "told", "private", "wrote")
        if "while you were away" in one[1] or one[1] in ("private", "wrote") or one[0] in ("private", "wrote")
    ]


def kept(count: int, *messages: tuple[str, str]) -> list[Shown]:
    """How messages are shown to who was not here when they were written."""
    words = f"{count} message{'' if count == 1 else 's'} while you were away:"
    return [("told", words), *[("recalled", "private", *message) for message in messages]]


def leave(person: Client) -> None:
    """For good, so that they are not expected back."""
    person.quit()
    assert person.gone


def returned(world: World, nick: str, client: type[Client] | None = None) -> Client:
    """Somebody who logs in, and has not looked yet."""
    person: Client = world.connect(client=client)
    person.login(nick, PASSWORD)
    return person


# What was written while one was not here


def test_what_is_written_to_an_account_that_is_not_here_is_read_on_return_once(world: World) -> None:
    leave(world.register("bob"))
    alice, carol = world.enter_all("alice", "carol")
    alice.msg("bob", "one")
    assert alice.heard() == [("kept", "bob")]
    world.settle()
    carol.msg("bob", "two")
    world.settle()
    leave(alice)
    bob = returned(world, "bob")
    assert news(bob) == kept(2, ("alice", "one"), ("carol", "two"))
    leave(bob)
    assert news(returned(world, "bob")) == []


def test_one_message_is_counted_in_the_singular_and_none_is_not_mentioned(world: World) -> None:
    leave(world.register("bob"))
    alice = world.enter("alice")
    assert news(returned(world, "bob")) == []
    leave(world.log_in("bob"))
    for person in list(world.chat.people.values()):
        if person.name.shown == "bob":
            person.leave()
    world.settle()
    alice.msg("bob", "one")
    assert news(returned(world, "bob")) == kept(1, ("alice", "one"))


def test_what_one_was_shown_while_here_is_not_shown_again(world: World) -> None:
    alice, bob = world.enter("alice"), world.register("bob")
    alice.msg("bob", "one")
    assert bob.heard("private") == [("private", "alice", "one")]
    leave(bob)
    alice.heard()
    alice.msg("bob", "two")
    world.settle()
    assert news(returned(world, "bob")) == kept(1, ("alice", "two"))


def test_what_one_wrote_oneself_is_no_news(world: World) -> None:
    alice, bob = world.register("alice"), world.register("bob")
    alice.heard()
    alice.msg("bob", "one")
    world.settle()
    leave(alice)
    bob.msg("alice", "two")
    world.settle()
    assert news(returned(world, "alice")) == kept(1, ("bob", "two"))


def test_what_was_shown_but_the_connection_was_lost_without_a_word_is_shown_again(client: type[Client]) -> None:
    world = World(client, grace=1.0)
    alice, bob = world.enter("alice"), world.register("bob")
    alice.msg("bob", "one")
    assert bob.heard("private") == [("private", "alice", "one")]
    world.after(READ_PAUSE / 2)
    bob.hang_up()
    world.after(100)
    bob = returned(world, "bob")
    assert news(bob) == kept(1, ("alice", "one"))
    world.after(1)
    bob.hang_up()
    world.after(100)


def test_after_a_while_it_counts_as_read_also_if_the_connection_is_lost_then(client: type[Client]) -> None:
    world = World(client, grace=1.0)
    alice, bob = world.enter("alice"), world.register("bob")
    alice.msg("bob", "one")
    assert bob.heard("private") == [("private", "alice", "one")]
    world.after(READ_PAUSE + 0.1)
    bob.hang_up()
    world.after(100)
    assert news(returned(world, "bob")) == []


def test_a_second_device_is_not_shown_as_news_what_the_first_was(world: World) -> None:
    leave(world.register("bob"))
    alice = world.enter("alice")
    alice.msg("bob", "one")
    assert news(returned(world, "bob")) == kept(1, ("alice", "one"))
    assert news(returned(world, "bob")) == []


def test_who_logs_in_anew_instead_of_coming_back_reads_what_came_meanwhile() -> None:
    world = World(JsonClient, grace=GRACE)
    alice, bob = world.enter("alice"), world.register("bob")
    alice.msg("bob", "one")
    assert bob.heard("private") == [("private", "alice", "one")]
    world.after(READ_PAUSE + 1)
    bob.hang_up()
    alice.msg("bob", "two")
    world.settle()
    assert alice.heard("kept") == []  # he may come back
    for client in (TextClient, JsonClient):
        other = returned(world, "bob", client)
        assert news(other) == (kept(1, ("alice", "two")) if client is TextClient else [])
    world.after(3 * GRACE)
    bob = returned(world, "bob")
    assert news(bob) == []


def test_what_stalls_on_one_device_is_read_on_the_next(world: World) -> None:
    alice, bob = world.enter("alice"), world.register("bob")
    bob.stall()
    texts = [f"{n} " + "x" * 2000 for n in range(100)]
    for text in texts:
        alice.msg("bob", text)
        world.settle()
    other = returned(world, "bob")
    assert news(other) == kept(100, *[("alice", text) for text in texts])
    other.quit()
    bob.hang_up()
    world.after(3 * GRACE)
    assert news(returned(world, "bob")) == []


def test_that_news_were_read_is_noted_while_one_is_still_here(client: type[Client]) -> None:
    world = World(client, grace=GRACE)
    leave(world.register("bob"))
    alice = world.enter("alice")
    alice.msg("bob", "one")
    world.settle()
    assert news(returned(world, "bob")) == kept(1, ("alice", "one"))
    world.after(READ_PAUSE + 1)
    world = again(world)
    assert news(returned(world, "bob")) == []


def test_after_a_kill_nothing_is_missed(client: type[Client]) -> None:
    world = World(client, grace=GRACE)
    alice, bob = world.enter("alice"), world.register("bob")
    alice.msg("bob", "one")
    assert bob.heard("private") == [("private", "alice", "one")]
    world.after(READ_PAUSE + 1)
    alice.msg("bob", "two")
    assert bob.heard("private") == [("private", "alice", "two")]  # and that he read it is not noted yet
    world = again(world)
    bob = returned(world, "bob")
    assert news(bob) == kept(1, ("alice", "two"))
    world.after(READ_PAUSE + 1)
    world = again(world)
    assert news(returned(world, "bob")) == []


def test_after_a_stop_what_was_read_is_not_shown_again(client: type[Client]) -> None:
    world = World(client, grace=GRACE)
    alice, bob = world.enter("alice"), world.register("bob")
    alice.msg("bob", "one")
    assert bob.heard("private") == [("private", "alice", "one")]
    ensureDeferred(world.chat.stop("back soon"))
    world.settle()
    world = again(world)
    assert news(returned(world, "bob")) == []


def test_who_has_many_messages_waiting_is_shown_all_of_them(world: World) -> None:
    leave(world.register("bob"))
    alice = world.enter("alice")
    texts = [f"{n} " + "x" * 500 for n in range(300)]
    for text in texts:
        alice.msg("bob", text)
    world.settle()
    assert news(returned(world, "bob")) == kept(300, *[("alice", text) for text in texts])


def test_on_a_disk_too_messages_and_accounts_stand_after_a_kill(tmp_path: Path) -> None:
    for start in range(3):
        storage = Disk(tmp_path / "chat.db")
        world = DiskWorld(TextClient, storage=storage, stamp=f"n{start}.")  # type: ignore[arg-type]
        if start == 0:
            world.register("bob").quit()
            world.settle()
        else:
            bob = returned(world, "bob")
            assert news(bob) == kept(1, ("alice", f"{start - 1}"))
            bob.command("inbox", limit=100)
            assert [one[-1] for one in bob.heard("recalled")] == [f"{n}" for n in range(start)]
            leave(bob)
        alice = world.enter("alice")
        alice.msg("bob", f"{start}")
        world.settle()
        storage.close()


# Coming back after a lost connection


def test_who_resumes_reads_exactly_the_messages_that_were_missed() -> None:
    world = World(JsonClient, grace=GRACE)
    alice, bob = world.enter("alice"), world.register("bob")
    alice.msg("bob", "one")
    world.settle()
    seen = [told for told in bob.told() if told.get("event") == "private"][-1]["position"]
    bob.hang_up()
    alice.msg("bob", "two")
    assert alice.heard("kept") == []  # he is expected
    world = again(world, grace=GRACE)
    bob = back(world, token(bob), inbox={"after": seen})
    alice = world.enter("alice2")
    alice.msg("bob", "three")
    assert bob.heard("private", "recalled", "told") == [
        ("private", "alice", "two"), ("private", "alice2", "three"),
    ]  # fmt: skip


def test_without_a_position_who_resumes_is_shown_all_that_was_not_surely_read() -> None:
    world = World(JsonClient, grace=GRACE)
    alice, bob = world.enter("alice"), world.register("bob")
    alice.msg("bob", "one")
    world.after(READ_PAUSE + 1)
    alice.msg("bob", "two")
    world.settle()
    bob.hang_up()
    alice.msg("bob", "three")
    world.settle()
    bob = back(world, token(bob))
    assert bob.heard("private", "recalled") == [("private", "alice", "two"), ("private", "alice", "three")]


# The law


NICKS = ["alice", "bob", "carol"]
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("msg"), st.integers(0, 2), st.integers(0, 2)),
        st.tuples(st.just("come"), st.integers(0, 2), st.integers(0, 1)),
        st.tuples(st.just("quit"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("hang_up"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("stall"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("wake"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("time"), st.integers(1, 20), st.just(0)),
        st.tuples(st.just("resume"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("kill"), st.just(0), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=examples(80), deadline=None)
@given(actions=ACTIONS)
def test_everybody_reads_each_message_that_is_for_them_in_order_and_nobody_anothers(
    actions: list[tuple[str, int, int]],
) -> None:
    """Whoever writes on whatever device, over restarts; the model is the list `written`."""
    kinds = [TextClient, JsonClient]
    world = World(grace=3.0)
    devices: dict[str, list[Client]] = {nick: [world.register(nick)] for nick in NICKS}
    for nick in NICKS:
        hear_all(*devices[nick])
    written: list[tuple[str, str, str]] = []
    read: dict[str, list[Shown]] = {nick: [] for nick in NICKS}
    lost: dict[str, list[str]] = {nick: [] for nick in NICKS}

    def look() -> None:
        for nick in NICKS:
            for device in devices[nick]:
                shown = [one[-2:] for one in device.heard("private", "recalled") if "private" in one[:2]]
                numbers = [int(text) for _, text in shown]
                assert numbers == sorted(set(numbers))
                read[nick] += shown
            devices[nick] = [device for device in devices[nick] if not device.gone]

    for number, (action, place, other) in enumerate(actions):
        nick = NICKS[place % 3]
        look()
        if action == "come":
            devices[nick].append(returned(world, nick, kinds[other]))
        elif action == "time":
            world.after(place)
        elif action == "kill":
            for nick in NICKS:
                lost[nick] += [token(device) for device in devices[nick] if isinstance(device, JsonClient)]
            devices = {nick: [] for nick in NICKS}
            world = again(world, grace=3.0)
        elif action == "resume":
            if lost[nick]:
                came = back(world, lost[nick].pop())
                devices[nick] += [came] if "welcome" in came.text() else []
        elif devices[nick]:
            device = devices[nick][number % len(devices[nick])]
            if action in ("msg", "quit"):
                device.wake()  # who does not read is not heard either
                world.settle()
            if action == "msg":
                device.msg(NICKS[other], f"{number}")
                world.settle()
                written.append((nick, NICKS[other], f"{number}"))
            else:
                getattr(device, action)()
                world.settle()
                if action == "hang_up":
                    devices[nick].remove(device)
                    lost[nick] += [token(device)] if isinstance(device, JsonClient) else []
    for nick in NICKS:
        devices[nick].append(returned(world, nick, TextClient))
        for device in devices[nick]:
            device.wake()
    look()
    for nick in NICKS:
        expected = [(by, text) for by, to, text in written if to == nick and by != nick]
        assert list(dict.fromkeys(sorted(read[nick], key=lambda one: int(one[1])))) == expected


# What was written to a connection that nobody reads


@pytest.mark.parametrize("way", ["stop", "quit", "let go", "lost"])
@pytest.mark.parametrize("when", ["at once", "later"])
def test_what_the_other_side_has_not_taken_is_not_read(
    client: type[Client], way: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(client, grace=GRACE, stalled_timeout=60.0)
    alice, bob = world.enter("alice"), world.register("bob")
    alice.msg("bob", "one")
    assert bob.heard("private") == [("private", "alice", "one")]
    world.after(READ_PAUSE + 1)
    unwatched = Outlet.untaken
    monkeypatch.setattr(Outlet, "untaken", lambda _: 9)  # the kernel took it, and nobody acknowledges it
    alice.msg("bob", "two")
    assert bob.heard("private") == [("private", "alice", "two")]
    if when == "later":
        world.after(READ_PAUSE + 1)
    texts = ["two"]
    if way == "stop":
        ensureDeferred(world.chat.stop("back soon"))
    elif way == "quit":
        bob.quit()
    elif way == "let go":
        bob.stall()
        for n in range(30):  # more than a buffer takes
            texts.append(f"{n} " + "x" * 4000)
            alice.msg("bob", texts[-1])
            world.settle()
        world.after(200)
    world.settle()
    bob.hang_up()
    world.after(3 * GRACE)
    monkeypatch.setattr(Outlet, "untaken", unwatched)
    if way == "stop":
        world = again(world)
    assert news(returned(world, "bob")) == kept(len(texts), *[("alice", text) for text in texts])


@pytest.mark.parametrize("way", ["quit", "hang_up"])
def test_what_one_device_has_not_taken_is_not_read_though_another_that_was_not_shown_it_leaves(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(JsonClient, grace=1.0)
    alice, bob = world.enter("alice"), world.register("bob")
    other = world.log_in("bob")
    for device in (bob, other):
        device.stall()
    monkeypatch.setattr(Outlet, "untaken", lambda _: 9)
    alice.msg("bob", "psst")
    world.settle()
    getattr(other, way)()
    world.after(READ_PAUSE + 1)
    other.hang_up()
    bob.hang_up()
    world.after(3 * GRACE)
    monkeypatch.undo()
    assert news(returned(world, "bob", TextClient)) == kept(1, ("alice", "psst"))


@pytest.mark.parametrize("kind", [TextClient, JsonClient])
def test_what_was_taken_after_the_quit_is_read(kind: type[Client], monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(kind, grace=GRACE)
    alice, bob = world.enter("alice"), world.register("bob")
    monkeypatch.setattr(Outlet, "untaken", lambda _: 9)  # it is on its way still
    alice.msg("bob", "psst")
    assert bob.heard("private") == [("private", "alice", "psst")]
    leave(bob)
    monkeypatch.undo()
    world.after(READ_PAUSE + 1)
    assert news(returned(world, "bob")) == []


@pytest.mark.parametrize("kind", [TextClient, JsonClient])
def test_what_was_taken_after_the_farewell_is_noted_before_the_storage_is_closed(
    kind: type[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The farewell itself is on its way when the server closes its half. (Where something stands between us and the socket it
    cannot be known, and they are shown again.)"""
    world = World(kind, grace=GRACE)
    alice, bob = world.enter("alice"), world.register("bob")
    alice.msg("bob", "psst")
    assert bob.heard("private") == [("private", "alice", "psst")]
    monkeypatch.setattr(Outlet, "untaken", lambda _: 9)
    stopped = ensureDeferred(world.chat.stop("back soon"))
    world.settle()
    closed: list[MemoryStorage] = []
    gatherResults([stopped, ensureDeferred(world.chat.gone())]).addCallback(
        lambda _: closed.append(left_behind(world.storage))  # type: ignore[arg-type]
    )
    monkeypatch.undo()
    for person in (alice, bob):
        assert person.gone
    (storage,) = closed
    world = World(kind, storage=storage, clock=world.clock, stamp="n2.", grace=GRACE)
    assert news(returned(world, "bob")) == []
