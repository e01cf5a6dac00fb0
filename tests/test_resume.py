"""Who loses the connection comes back as who they were, reads on where they stood, and says nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, ensureDeferred, succeed

from chatroom import log as log_module
from chatroom.event import Entry, Kind, Position, Sort
from chatroom.seams import Batch, Hit, NotSaved
from chatroom.storage.memory import MemoryStorage
from chatroom.storage.sqlite import SqliteStorage

from .again import left_behind
from .chatting import FailingStorage, JsonClient, SlowStorage, TextClient, World
from .support import LoggedErrors, examples

GRACE = 30.0

Told = dict[str, Any]


# Servers that end and start again


class Disk:
    """An SQLite file, whose threads are waited for when the test says."""

    under_way = 0

    def __init__(self, path: Path) -> None:
        self._calls: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._storage = SqliteStorage(str(path), reactor=self)  # type: ignore[arg-type]
        self.start = self._storage.start
        self.position = self._storage.position
        self.unfollow = self._storage.unfollow

    def callFromThread(self, call: Callable[..., object], *args: object) -> None:
        self._calls.put(partial(call, *args))

    def come_back(self) -> None:
        self._calls.get(timeout=30)()

    def append(self, batch: Batch) -> Deferred[Any]:
        return self._watched(self._storage.append(batch))

    def read(self, log: str, **wanted: Any) -> Deferred[list[Entry]]:
        return self._watched(self._storage.read(log, **wanted))

    def place(self, log: str, time: int) -> Deferred[Position]:
        return self._watched(self._storage.place(log, time))

    def search(self, logs: Collection[str], words: Sequence[str], **wanted: Any) -> Deferred[list[Hit]]:
        return self._watched(self._storage.search(logs, words, **wanted))

    def written(self, by: str, **wanted: Any) -> Deferred[list[Hit]]:
        return self._watched(self._storage.written(by, **wanted))

    def follow(self, log: str, committed: Any) -> Deferred[Position]:
        return self._watched(self._storage.follow(log, committed))

    def rename(self, by: str, nick: str) -> Deferred[None]:
        return self._watched(self._storage.rename(by, nick))

    def blank(self, detail: str, *, log: str, by: str, before: Position) -> Deferred[None]:
        return self._watched(self._storage.blank(detail, log=log, by=by, before=before))

    def expire(self, time: int, sort: Sort) -> Deferred[None]:
        return self._watched(self._storage.expire(time, sort))

    def fade(self, detail: str, time: int) -> Deferred[None]:
        return self._watched(self._storage.fade(detail, time))

    def amend(self, log: str, texts: Mapping[Position, str | None]) -> Deferred[None]:
        return self._watched(self._storage.amend(log, texts))

    def erase(self, log: str) -> Deferred[None]:
        return self._watched(self._storage.erase(log))

    def _watched(self, work: Deferred[Any]) -> Deferred[Any]:
        self.under_way += 1
        return work.addBoth(self._done)

    def _done(self, outcome: object) -> object:
        self.under_way -= 1
        return outcome

    def close(self) -> Deferred[None]:
        closed = self._storage.close()
        while not closed.called:
            self.come_back()
        return succeed(None)


class DiskWorld(World):
    def settle(self) -> None:
        super().settle()
        while self.storage.under_way:  # type: ignore[attr-defined]
            self.storage.come_back()  # type: ignore[attr-defined]
            super().settle()


class Place:
    """Where one server runs after the other, on one storage."""

    def __init__(self, scheme: str, where: Path) -> None:
        self._path = where / "chat.db" if scheme == "sqlite" else None
        self._starts = 0
        self._memory = MemoryStorage()
        self.world = self._start()

    def _start(self) -> World:
        self._starts += 1
        settings: dict[str, Any] = {"stamp": f"n{self._starts}.", "grace": GRACE}
        if self._path:
            return DiskWorld(JsonClient, storage=Disk(self._path), **settings)  # type: ignore[arg-type]
        self._memory = left_behind(self._memory)
        return World(JsonClient, storage=self._memory, **settings)

    def stop(self) -> None:
        """As SIGTERM does."""
        ensureDeferred(self.world.chat.stop("back soon"))
        self.world.settle()
        self.kill()

    def kill(self) -> None:
        """As SIGKILL does: no time passes for that server any more."""
        self.world.storage.close()

    def restart(self, how: str = "kill") -> World:
        getattr(self, how)()
        self.world = self._start()
        return self.world

    def entries(self, log: str = "#lobby") -> list[Entry]:
        found: list[Entry] = []
        self.world.storage.read(log, limit=1_000_000).addCallback(found.extend)
        self.world.settle()
        return found

    def said(self) -> list[str]:
        return [entry.event.text for entry in self.entries() if entry.event.kind is Kind.SAID]


SCHEMES = ["memory", "sqlite"]


@pytest.fixture(params=SCHEMES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    place = Place(request.param, tmp_path)
    yield place
    place.kill()


@pytest.fixture
def world(place: Place) -> World:
    return place.world


HOW = pytest.mark.parametrize("how", ["kill", "stop"])


# Programs


def welcome(client: JsonClient) -> Told:
    """The last one."""
    found: Told = [told for told in client.told() if "welcome" in told][-1]["welcome"]
    return found


def token(client: JsonClient) -> str:
    return str(welcome(client)["resume"])


def position(client: JsonClient) -> str:
    """The last that a program keeps: of the events in order, not of what it was shown again."""
    told = [one for one in client.told() if "event" in one and "history" not in one]
    return str(told[-1]["position"] if told else welcome(client)["rooms"]["lobby"]["position"])


def back(world: World, token: str, after: str | None = None, **more: object) -> Any:
    """Somebody who says that they are back, on a connection of their own."""
    client = world.connect(client=JsonClient)
    rooms = {} if after is None else {"rooms": {"lobby": {"after": after}}}
    client.ask("hello", "back", resume=token, **rooms, **more)
    return client


def events(client: JsonClient) -> list[tuple[str, ...]]:
    """What happened, as the program was told: kind, nickname and what else there is; history in brackets."""
    return [
        (
            f"[{told['event']}]" if "history" in told else told["event"],
            told["nick"],
            *(told[field] for field in ("text", "reason", "new") if field in told),
        )
        for told in client.told()
        if "event" in told
    ]


def code(client: JsonClient) -> str:
    """With which the last request was refused."""
    return str(client.told()[-1]["refused"]["code"])


def others_saw(client: JsonClient) -> list[tuple[str, ...]]:
    """Without what was said."""
    return [event for event in events(client) if event[0] not in ("said", "did")]


# Exact resume


def test_who_comes_back_in_time_is_the_same_person_and_others_see_nothing_of_it(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    before = welcome(alice)
    alice.hang_up()
    world.after(GRACE - 1)
    alice = back(world, before["resume"])
    assert welcome(alice)["nick"] == "alice"
    assert welcome(alice)["resume"] == before["resume"]
    assert welcome(alice)["rooms"]["lobby"]["members"] == ["alice", "bob"]
    alice.say("I am back")
    world.after(10 * GRACE)
    assert events(bob) == [("said", "alice", "I am back")]


def test_the_secret_has_128_bits_and_each_has_their_own(world: World) -> None:
    tokens = {token(client) for client in world.enter_all("alice", "bob", "carol")}
    assert len(tokens) == 3
    assert all(len(bytes.fromhex(one)) * 8 == 128 for one in tokens)


def test_with_a_position_one_reads_exactly_what_was_missed(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    bob.say("one")
    alice.say("two")
    assert events(alice)[-2:] == [("said", "bob", "one"), ("said", "alice", "two")]
    seen = position(alice)
    alice.hang_up()
    bob.say("three")
    bob.ask("nick", name="rob")
    bob.told()
    carol = world.enter("carol")
    carol.quit("lunch")
    alice = back(world, token(alice), seen, history=20)
    bob.me("waves")
    assert welcome(alice)["rooms"]["lobby"] == {"members": ["alice", "rob"], "position": seen}
    assert events(alice) == [
        ("said", "bob", "three"),
        ("renamed", "bob", "rob"),
        ("joined", "carol"),
        ("left", "carol", "lunch"),
        ("did", "rob", "waves"),
    ]


def test_whatever_the_position_the_rest_follows_once_and_in_order(place: Place) -> None:
    alice, bob = place.world.enter_all("alice", "bob")
    for n in range(9):
        bob.say(str(n))
    bob.told()
    there_is = [str(entry.position) for entry in place.entries()]
    for start in ("0", *there_is):
        alice = back(place.world, token(alice), start)
        got = [told["position"] for told in alice.told() if "event" in told]
        assert got == there_is[there_is.index(start) + 1 if start != "0" else 0 :]


def test_without_a_position_one_reads_on_from_now_with_as_much_history_as_asked_for(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.hang_up()
    for n in range(3):
        bob.say(str(n))
    bob.told()
    alice = back(world, token(alice))
    assert events(alice) == []
    alice = back(world, token(alice), history=2)
    bob.say("3")
    assert events(alice) == [("[said]", "bob", "1"), ("[said]", "bob", "2"), ("said", "bob", "3")]


def test_who_missed_more_than_is_in_memory_reads_all_of_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "TAIL_BYTES", 1000)
    alice, bob = place.world.enter_all("alice", "bob")
    seen = position(alice)
    alice.hang_up()
    for n in range(600):
        bob.say(str(n))
        if n % 50 == 0:
            bob.told()
    alice = back(place.world, token(alice), seen)
    bob.say("600")
    place.world.settle()
    assert [event[2] for event in events(alice) if event[0] == "said"] == [str(n) for n in range(601)]


@HOW
def test_over_a_restart_one_is_the_same_person_and_reads_exactly_what_was_missed(place: Place, how: str) -> None:
    alice, bob = place.world.enter_all("alice", "bob")
    bob.say("one")
    assert events(alice)[-1] == ("said", "bob", "one")
    seen = position(alice)
    alice.hang_up()
    bob.say("two")
    bob.told()
    bob_saw = position(bob)
    world = place.restart(how)
    bob = back(world, token(bob), bob_saw)
    bob.say("three")
    bob.told()
    alice = back(world, token(alice), seen)
    alice.say("four")
    assert welcome(alice)["nick"] == "alice"
    assert welcome(alice)["rooms"]["lobby"]["members"] == ["alice", "bob"]
    assert events(alice) == [
        ("said", "bob", "two"), ("started", ""), ("said", "bob", "three"), ("said", "alice", "four"),
    ]  # fmt: skip
    world.after(10 * GRACE)
    assert events(bob) == [("started", ""), ("said", "bob", "three"), ("said", "alice", "four")]


@HOW
def test_a_start_tells_who_is_still_here_those_who_are_here_longest_first(place: Place, how: str) -> None:
    for start in range(5):
        programs = place.world.enter_all(*(f"carol{start} alice{start} bob{start} dave{start}").split())
        place.world.enter("eve", client=TextClient)  # who cannot come back
        seen = position(programs[0])
        world = place.restart(how)
        first = back(world, token(programs[0]), seen)
        (started,) = [told for told in first.told() if told.get("event") == "started"]
        assert started["members"] == [f"{name}{start}" for name in ("carol", "alice", "bob", "dave")]
        for program in programs:
            back(world, token(program)).quit()
        world.settle()


def test_once_the_time_is_over_others_see_them_leave_and_nobody_can_come_back(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.hang_up()
    world.after(GRACE - 0.1)
    assert events(bob) == []
    world.after(0.1)
    assert events(bob) == [("left", "alice", "connection lost")]
    back_too_late = back(world, token(alice))
    assert code(back_too_late) == "resume_unknown"
    assert back_too_late.told()[-1]["id"] == "back"
    back_too_late.enter("alice")  # the connection goes on, and the nickname is free
    assert welcome(back_too_late)["nick"] == "alice"
    assert token(back_too_late) != token(alice)
    world.after(10 * GRACE)
    assert events(bob) == [("left", "alice", "connection lost"), ("joined", "alice")]


@HOW
def test_the_time_begins_anew_with_the_server_and_then_is_over_too(place: Place, how: str) -> None:
    alice, bob = place.world.enter_all("alice", "bob")
    alice.hang_up()
    place.world.after(GRACE - 1)
    world = place.restart(how)
    bob = back(world, token(bob))
    world.after(GRACE - 1)
    assert events(bob) == []
    world.after(1)
    assert events(bob) == [("left", "alice", "connection lost")]
    assert code(back(world, token(alice))) == "resume_unknown"


@HOW
def test_people_at_terminals_are_gone_after_a_restart_and_their_nicknames_are_free(place: Place, how: str) -> None:
    place.world.enter("alice", client=TextClient)
    place.world.enter("bob")
    bob = place.restart(how).enter("alice")
    assert welcome(bob)["rooms"]["lobby"]["members"] == ["alice", "bob"]


def test_the_nickname_is_held_meanwhile_also_against_what_looks_like_it(world: World) -> None:
    alice = world.enter("alice")
    alice.hang_up()
    for nick in ("alice", "ALICE", "aIice"):
        other = world.connect()
        other.enter(nick)
        assert code(other) == "nick_taken"


@HOW
def test_the_nickname_is_held_over_a_restart(place: Place, how: str) -> None:
    place.world.enter("alice")
    world = place.restart(how)
    other = world.connect()
    other.enter("Alice")
    assert code(other) == "nick_taken"
    world.after(GRACE)
    other.enter("Alice")
    assert welcome(other)["nick"] == "Alice"


def test_who_comes_back_while_still_connected_displaces_that_connection(world: World) -> None:
    first, bob = world.enter_all("alice", "bob")
    second = back(world, token(first))
    assert code(first) == "resumed"
    assert first.gone
    told = len(first.told())
    first.say("from the first")
    bob.say("hello")
    second.say("from the second")
    assert events(second) == [("said", "bob", "hello"), ("said", "alice", "from the second")]
    assert len(first.told()) == told
    world.after(10 * GRACE)
    assert others_saw(bob) == []
    third = back(world, token(first))
    assert code(second) == "resumed"
    third.say("from the third")
    assert events(bob)[-1] == ("said", "alice", "from the third")


def test_a_displaced_connection_costs_nothing_any_more(world: World) -> None:
    first = world.enter("alice")
    second = back(world, token(first))
    second.told()
    live = world.chat.rooms["lobby"].log._live
    assert [len(readers) for readers in live.values() if readers] == [1]


def test_what_a_displaced_connection_had_asked_is_not_answered_and_no_harm_is_done() -> None:
    storage = SlowStorage()
    world = World(JsonClient, storage=storage)
    first = world.enter("alice")
    storage.slow = True
    first.say("one")
    for request in ("who", "history", "help"):
        first.ask(request)
    first.ask("nick", name="al")
    first.say("two")
    world.settle()
    second = back(world, token(first))
    assert code(first) == "resumed"
    storage.commit()
    assert events(second) == [("said", "alice", "one")]
    assert storage.under_way == 0
    second.ask("who")
    assert second.told()[-1]["members"] == ["alice"]
    assert code(first) == "resumed"


def test_a_new_nickname_under_way_on_a_displaced_connection_is_the_persons_all_the_same() -> None:
    storage = SlowStorage()
    world = World(JsonClient, storage=storage)
    first, bob = world.enter_all("alice", "bob")
    storage.slow = True
    first.ask("nick", name="al")
    world.settle()
    second = back(world, token(first))
    storage.commit()
    assert events(second) == [("renamed", "alice", "al")]
    second.quit()
    world.settle()
    storage.commit()
    assert events(bob) == [("renamed", "alice", "al"), ("left", "al")]
    storage.slow = False
    world.enter("alice")
    world.enter("al")


def test_who_is_gone_before_their_new_nickname_is_saved_leaves_neither_behind() -> None:
    storage = SlowStorage()
    world = World(TextClient, storage=storage, stalled_timeout=10.0)
    alice, bob = world.enter_all("alice", "bob")
    storage.slow = True
    bob.say("more than alice takes")
    world.settle()
    alice.line("/nick al")
    alice.stall()
    storage.commit()
    world.after(20)
    assert alice.gone
    while storage.under_way:
        storage.commit()
        world.settle()
    assert [event[0] for event in bob.heard()] == ["renamed", "left"]
    storage.slow = False
    world.enter_all("alice", "al")


def test_a_position_alone_proves_nothing(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    seen = position(alice)
    alice.hang_up()
    stranger = world.connect()
    stranger.ask("hello", nick="alice", rooms={"lobby": {"after": seen}})
    assert code(stranger) == "nick_taken"
    stranger.ask("hello", rooms={"lobby": {"after": seen}})
    assert code(stranger) == "bad_arguments"
    stranger.ask("hello", nick="carol", rooms={"lobby": {"after": seen}})
    assert welcome(stranger)["nick"] == "carol"
    assert events(bob) == [("joined", "carol")]


@pytest.mark.parametrize("wrong", ["0" * 32, "x", "\ud800", "é" * 200, " 0", "None"])
def test_a_token_that_is_none_brings_nobody_back(world: World, wrong: str) -> None:
    world.enter("alice").hang_up()
    stranger = back(world, wrong)
    assert code(stranger) in ("resume_unknown", "bad_arguments")
    assert not stranger.gone


@pytest.mark.parametrize("wrong", [0, True, ["0"], {}])
def test_a_token_is_text(world: World, wrong: Any) -> None:
    assert code(back(world, wrong)) == "bad_arguments"


def test_what_the_store_knows_of_a_token_brings_nobody_back(world: World) -> None:
    alice = world.enter("alice")
    digest = sha256(token(alice).encode()).hexdigest()
    assert digest in world.chat.devices
    assert code(back(world, digest)) == "resume_unknown"


def test_the_store_has_the_tokens_digest_and_never_the_token(tmp_path: Path) -> None:
    place = Place("sqlite", tmp_path)
    alice = place.world.enter("alice")
    secret = token(alice)
    alice.ask("nick", name="al")
    alice.say("hi")
    alice.told()
    back(place.restart("stop"), secret).told()
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    place.kill()
    files += b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"alice" in files
    assert sha256(secret.encode()).hexdigest().encode() in files
    assert secret.encode() not in files
    assert bytes.fromhex(secret) not in files


def test_nobody_is_told_of_anothers_token_or_its_digest(place: Place) -> None:
    alice = place.world.enter("alice")
    alice.ask("nick", name="al")
    alice.told()
    bob = place.restart().connect()
    bob.ask("hello", nick="bob", rooms={"lobby": {"after": "0"}})
    for request in ("who", "history", "help"):
        bob.ask(request)
    assert "started" in bob.text()
    assert token(alice) not in bob.text()
    assert sha256(token(alice).encode()).hexdigest() not in bob.text()


@pytest.mark.parametrize("after", ["", "x", "-1", "1.0", "99", "9" * 18, "9" * 400, "\ud800\x1b"])
def test_a_position_that_is_none_is_refused_with_what_there_is_and_one_may_try_again(world: World, after: str) -> None:
    alice = world.enter("alice")
    lost = token(alice)
    client = back(world, lost, after)
    refused = client.told()[-1]["refused"]
    assert (refused["code"], refused["room"], refused["position"]) == ("position_unknown", "lobby", "2")
    alice.say("still here")
    assert events(alice) == [("said", "alice", "still here")]
    client.ask("hello", resume=lost, rooms={"lobby": {"after": refused["position"]}})
    assert events(client) == [("said", "alice", "still here")]


def test_who_is_in_cannot_come_back_as_well(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    bob.ask("hello", resume=token(alice))
    assert code(bob) == "entered"
    assert not alice.gone


def test_people_at_terminals_are_gone_as_soon_as_their_connection_is(world: World) -> None:
    bob = world.enter("bob")
    world.enter("alice", client=TextClient).hang_up()
    world.enter("carol", client=TextClient).end()
    assert [event[:2] for event in others_saw(bob)] == [
        ("joined", "alice"), ("left", "alice"), ("joined", "carol"), ("left", "carol"),
    ]  # fmt: skip
    world.enter("alice")


def test_people_at_terminals_see_nothing_of_who_comes_back(world: World) -> None:
    bob = world.enter("bob", client=TextClient)
    alice = world.enter("alice")
    bob.heard()
    alice.hang_up()
    back(world, token(alice)).told()
    world.after(10 * GRACE)
    assert bob.heard() == []


def test_one_comes_back_again_and_again(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    secret, seen = token(alice), position(alice)
    for n in range(5):
        alice.hang_up()
        world.after(GRACE - 1)
        bob.say(str(n))
        bob.told()
        alice = back(world, secret, seen)
        assert events(alice) == [("said", "bob", str(n))]
        seen = position(alice)
    assert others_saw(bob) == []


@HOW
def test_one_comes_back_after_two_restarts_and_between_them_or_not(place: Place, how: str) -> None:
    alice, bob = place.world.enter_all("alice", "bob")
    seen, bob_saw = position(alice), position(bob)
    bob = back(place.restart(how), token(bob), bob_saw)
    bob.say("between")
    bob.told()
    bob_saw = position(bob)
    world = place.restart(how)
    alice, bob = back(world, token(alice), seen), back(world, token(bob), bob_saw)
    bob.say("after")
    assert welcome(alice)["nick"] == "alice"
    assert events(alice) == [
        ("started", ""), ("said", "bob", "between"), ("started", ""), ("said", "bob", "after"),
    ]  # fmt: skip
    assert events(bob) == [("started", ""), ("said", "bob", "after")]


@HOW
def test_a_new_nickname_is_kept_over_restarts_and_the_old_one_is_free(place: Place, how: str) -> None:
    alice = place.world.enter("alice")
    alice.ask("nick", name="al")
    alice.ask("nick", name="Al")
    alice.told()
    for _ in range(2):
        world = place.restart(how)
        stranger = world.connect()
        stranger.enter("al")
        assert code(stranger) == "nick_taken"
    world.enter("alice")
    alice = back(world, token(alice))
    assert welcome(alice)["nick"] == "Al"
    alice.ask("nick", name="bob")
    assert events(alice)[-1] == ("renamed", "Al", "bob")
    world.enter("al")


def test_who_takes_a_new_nickname_comes_back_under_it(world: World) -> None:
    alice = world.enter("alice")
    alice.ask("nick", name="al")
    alice.told()
    alice.hang_up()
    assert welcome(back(world, token(alice)))["nick"] == "al"


@pytest.mark.parametrize("how", [None, "kill", "stop"])
def test_who_quits_has_left_at_once_and_cannot_come_back(place: Place, how: str | None) -> None:
    alice, bob = place.world.enter_all("alice", "bob")
    alice.quit("lunch")
    assert alice.gone
    assert events(bob) == [("left", "alice", "lunch")]
    world = place.restart(how) if how else place.world
    assert code(back(world, token(alice))) == "resume_unknown"
    world.enter("alice")


def test_who_came_back_and_quits_has_left_too(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.hang_up()
    alice = back(world, token(alice))
    alice.quit()
    world.after(10 * GRACE)
    assert events(bob) == [("left", "alice")]
    assert code(back(world, token(alice))) == "resume_unknown"


def test_the_end_of_input_is_a_lost_connection_after_all_was_answered(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.say("last words")
    alice.end()
    assert events(alice)[-1] == ("said", "alice", "last words")
    assert alice.gone
    assert others_saw(bob) == []
    assert welcome(back(world, token(alice)))["nick"] == "alice"


def test_who_is_let_go_for_not_reading_comes_back_and_misses_nothing(place: Place) -> None:
    world = place.world
    alice, bob = world.enter_all("alice", "bob")
    seen = position(alice)
    alice.stall()
    for n in range(5):
        bob.say(str(n))
    world.settle()
    world.after(world.chat.settings.stalled_timeout + 10)
    assert alice.socket.closed
    alice = back(world, token(alice), seen)
    assert events(alice) == [("said", "bob", str(n)) for n in range(5)]
    assert others_saw(bob) == []


def test_who_is_too_late_with_a_nickname_while_it_is_being_saved_is_nobody(logged: LoggedErrors) -> None:
    storage = SlowStorage()
    world = World(JsonClient, storage=storage, greeting_timeout=5.0)
    bob = world.enter("bob")
    storage.slow = True
    alice = world.connect()
    alice.enter("alice")
    world.after(5)
    assert code(alice) == "too_late"
    storage.commit()
    world.settle()
    storage.commit()
    assert events(bob) == [("joined", "alice"), ("left", "alice")]
    assert len(world.chat.devices) == 1


def test_who_is_back_too_late_on_a_connection_that_ended_may_still_come_back_on_another() -> None:
    storage = SlowStorage()
    world = World(JsonClient, storage=storage, greeting_timeout=5.0)
    alice, bob = world.enter_all("alice", "bob")
    alice.hang_up()
    storage.slow = True
    late = world.connect()
    late.enter("carol")
    late.ask("hello", resume=token(alice))
    world.after(5)
    assert code(late) == "too_late"
    storage.slow = False
    storage.commit()
    assert welcome(back(world, token(alice)))["nick"] == "alice"
    assert ("left", "alice", "connection lost") not in events(bob)


def test_who_is_lost_before_they_are_told_how_to_come_back_leaves_when_the_time_is_over(world: World) -> None:
    bob = world.enter("bob")
    alice = world.connect()
    alice.enter("alice")
    alice.hang_up()
    assert events(bob) == [("joined", "alice")]
    world.after(GRACE)
    assert events(bob)[1:] == [("left", "alice", "connection lost")]


def test_what_was_sent_behind_a_hello_on_a_connection_that_is_lost_does_no_harm(place: Place) -> None:
    alice = place.world.connect()
    hello, others = {"hello": {"nick": "alice"}}, [{"history": {}}, {"echo": {"on": False}}, {"who": {}}]
    alice.socket.push("".join(f"{json.dumps(one)}\n" for one in [hello, {"say": {"text": "hi"}}, *others]).encode())
    alice.hang_up()
    bob = place.world.enter("bob")
    assert place.said() == ["hi"]
    assert welcome(bob)["rooms"]["lobby"]["members"] == ["bob", "alice"]


# Exactly once


def test_what_was_said_before_under_an_id_is_not_said_again_and_only_the_asker_is_told_what_it_became(
    place: Place,
) -> None:
    alice, bob = place.world.enter_all("alice", "bob")
    alice.ask("say", "1", text="hi")
    alice.ask("say", "2", text="ho")
    said, _ = alice.told()[-2:]
    for name, text in (("say", "hi"), ("say", "something else"), ("me", "waves")):
        alice.ask(name, "1", text=text)
        assert alice.told()[-1] == said | {"history": True}
    alice.ask("who")
    assert "answer" in alice.told()[-1]
    assert events(bob) == [("said", "alice", "hi"), ("said", "alice", "ho")]
    assert place.said() == ["hi", "ho"]


def test_what_is_said_again_does_not_move_the_position_that_a_program_keeps(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.ask("say", "1", text="one")
    bob.say("two")
    alice.ask("say", "1", text="one")
    assert events(alice)[-2:] == [("said", "bob", "two"), ("[said]", "alice", "one")]
    assert events(back(world, token(alice), position(alice))) == []


def test_an_id_is_the_persons_own(place: Place) -> None:
    alice, bob = place.world.enter_all("alice", "bob")
    alice.ask("say", "1", text="of alice")
    alice.told()
    bob.ask("say", "1", text="of bob")
    bob.told()
    alice.quit()
    alice = place.world.enter("alice")  # the same nickname, another person
    alice.ask("say", "1", text="of another alice")
    alice.told()
    assert place.said() == ["of alice", "of bob", "of another alice"]


@pytest.mark.parametrize("id", ["0", "x" * 200, "😀 é\u200d", "'; --", "null"])
def test_an_id_is_any_string_that_can_be_shown(place: Place, id: str) -> None:
    alice = place.world.enter("alice")
    for _ in range(3):
        alice.ask("say", id, text="hi")
    assert [told["id"] for told in alice.told() if "event" in told] == [id] * 3
    assert place.said() == ["hi"]


def test_without_an_id_one_may_repeat_oneself(place: Place) -> None:
    alice = place.world.enter("alice")
    alice.ask("say", text="ha")
    alice.ask("say", "", text="ha")
    alice.told()
    assert place.said() == ["ha", "ha"]


@pytest.mark.parametrize("how", [None, "kill", "stop"])
def test_who_comes_back_resends_what_they_saw_no_event_for(place: Place, how: str | None) -> None:
    alice, bob = place.world.enter_all("alice", "bob")
    seen = position(alice)
    alice.ask("say", "1", text="one")
    bob.told()  # it is committed, and the sign of it lost on the way
    if how:
        world = place.restart(how)
    else:
        world = place.world
        alice.hang_up()
    alice = back(world, token(alice), seen)
    alice.told()  # all that was missed: without waiting for it, the disk decides which comes first
    for id, text in (("1", "one"), ("2", "two")):
        alice.ask("say", id, text=text)
    talk = [event for event in events(alice) if event != ("started", "")]
    assert talk[0] == ("said", "alice", "one")
    assert set(talk[1:]) == {("[said]", "alice", "one"), ("said", "alice", "two")}
    assert place.said() == ["one", "two"]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_is_resent_while_the_first_is_on_its_way_is_not_said_twice(elsewhere: bool) -> None:
    storage = SlowStorage()
    world = World(JsonClient, storage=storage)
    alice, bob = world.enter_all("alice", "bob")
    storage.slow = True
    alice.ask("say", "1", text="one")
    again = back(world, token(alice), position(alice)) if elsewhere else alice
    again.ask("say", "1", text="one")
    world.settle()
    again.ask("say", "1", text="one")
    again.ask("say", "2", text="two")
    while storage.under_way:
        storage.commit()
        world.settle()
    talk = [event for event in events(again) if event[0] != "joined"]
    assert [event for event in talk if event[0] == "said"] == [("said", "alice", "one"), ("said", "alice", "two")]
    assert talk.count(("[said]", "alice", "one")) == 2
    assert events(bob) == [("said", "alice", "one"), ("said", "alice", "two")]


def test_what_was_not_saved_may_be_resent(logged: LoggedErrors) -> None:
    storage = FailingStorage()
    world = World(JsonClient, storage=storage)
    alice, bob = world.enter_all("alice", "bob")
    storage.break_down(NotSaved("the disk is full"))
    alice.ask("say", "1", text="one")
    assert code(alice) == "not_saved"
    assert logged.flush("disk is full")
    storage.recover()
    alice.ask("say", "1", text="one")
    assert events(alice)[-1] == events(bob)[-1] == ("said", "alice", "one")


def test_what_may_not_have_been_saved_and_was_is_not_said_twice_when_it_is_resent(logged: LoggedErrors) -> None:
    storage = SlowStorage()
    world = World(JsonClient, storage=storage)
    alice, bob = world.enter_all("alice", "bob")
    storage.slow = True
    alice.ask("say", "1", text="one")
    world.settle()
    storage.storage.append(storage.batches[-1])  # on the disk all the same
    storage.fail(NotSaved("the disk failed", certain=False))
    assert "may not" in alice.told()[-1]["refused"]["words"]
    assert logged.flush("disk failed")
    storage.slow = False
    alice.ask("say", "1", text="one")
    assert [event for event in events(alice) if event[0] != "joined"] == [
        ("said", "alice", "one"), ("[said]", "alice", "one"),
    ]  # fmt: skip
    assert events(bob) == [("said", "alice", "one")]


def test_who_is_lost_before_the_storage_answers_is_told_nothing_of_it(logged: LoggedErrors) -> None:
    storage = SlowStorage()
    world = World(JsonClient, storage=storage)
    alice, bob = world.enter_all("alice", "bob")
    storage.slow = True
    alice.ask("say", "1", text="one")
    world.settle()
    alice.hang_up()
    storage.fail(NotSaved("the disk is full"))
    assert logged.flush("disk is full")
    storage.slow = False
    alice = back(world, token(alice), position(alice))
    alice.ask("say", "1", text="one")
    assert events(bob) == [("said", "alice", "one")]


# Whatever happens to the connection


class Program:
    """Says things, each once, over connections that are cut; keeps what docs/json.md tells it to keep."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.said: list[str] = []
        self.seen: list[str] = []
        """Texts, as they came in order."""
        self.since = ""
        """The position behind which that begins."""
        self.unexpected: list[Told] = []
        self._position = ""
        self._token = ""
        self._names = 0
        self._unseen: dict[str, str] = {}
        self._client: JsonClient | None = None
        self._read = 0
        self._on_the_way = b""
        self._welcome = False

    @property
    def connected(self) -> bool:
        return self._client is not None

    @property
    def at_rest(self) -> bool:
        return self.connected and self._welcome and not self._unseen and not self._on_the_way

    def say(self) -> None:
        text = f"{self.name} {len(self.said)}"
        self.said.append(text)
        self._unseen[text] = text
        if self._token:
            self._send({"say": {"text": text}, "id": text})

    def connect(self, world: World) -> None:
        self._client = world.connect()
        self._read = 0
        self._on_the_way = b""
        self._welcome = False
        if self._token:
            self._send({"hello": {"resume": self._token, "rooms": {"lobby": {"after": self._position}}}})
            self._resend()
        else:
            self._names += 1
            self._send({"hello": {"nick": f"{self.name}-{self._names}"}})

    def deliver(self, size: int | None = None) -> None:
        """So many bytes of what was sent arrive."""
        assert self._client
        some = self._on_the_way[:size]
        self._on_the_way = self._on_the_way[len(some) :]
        if some:
            self._client.send(some)

    def read(self, size: int | None = None) -> None:
        """So many of the bytes that the server wrote arrive; of a line only in part, nothing."""
        assert self._client
        new = self._client.socket.taken[self._read :][:size]
        lines, end, _ = new.rpartition(b"\n")
        self._read += len(lines) + len(end)
        for line in lines.splitlines():
            self._take(json.loads(line))

    def cut(self, arrived: int | None, came: int | None, noticed: bool) -> None:
        """Some bytes still made it, either way; whether the server notices is another matter."""
        assert self._client
        self.deliver(arrived)
        self.read(came)
        if noticed:
            self._client.socket.reset()
        self._client = None

    def _take(self, told: Told) -> None:
        match told:
            case {"welcome": {"resume": token, "rooms": {"lobby": {"position": position}}}}:
                self._welcome = True
                if not self._token:
                    self._token = token
                    self.since = position
                    self._position = position
                    self._resend()
                elif position != self._position:
                    self.unexpected.append(told)
            case {"event": kind, "position": position}:
                if told.get("id"):
                    self._unseen.pop(told["id"], None)
                if "history" not in told:
                    self._position = position
                    if kind == "said":
                        self.seen.append(told["text"])
            case _:
                self.unexpected.append(told)

    def _resend(self) -> None:
        for id, text in self._unseen.items():
            self._send({"say": {"text": text}, "id": id})

    def _send(self, request: Told) -> None:
        self._on_the_way += f"{json.dumps(request)}\n".encode()


class Outage:
    """Programs, and a server whose storage commits when the test says, and which may be killed."""

    def __init__(self) -> None:
        self._starts = 0
        self._memory = MemoryStorage()
        self.start()

    def start(self) -> None:
        self._starts += 1
        self._memory = left_behind(self._memory)
        self.storage = SlowStorage(self._memory)
        self.world = World(JsonClient, storage=self.storage, stamp=f"n{self._starts}.", grace=1e6)
        self.storage.slow = True

    def commit(self) -> None:
        self.world.settle()
        if self.storage.under_way:
            self.storage.commit()
        self.world.settle()


BYTES = st.none() | st.integers(0, 300)
"""Of what is under way; None for all of it."""

STEP = st.one_of(
    st.tuples(st.just("say"), st.integers(1, 4)),
    st.tuples(st.just("deliver"), BYTES),
    st.tuples(st.just("read"), BYTES),
    st.just(("commit",)),
    st.tuples(st.just("cut"), BYTES, BYTES, st.booleans()),
    st.just(("kill",)),
)


@settings(max_examples=examples(150), deadline=None)
@given(
    st.lists(st.booleans(), min_size=2, max_size=2),
    st.lists(st.tuples(st.integers(0, 1), STEP), min_size=12, max_size=60),
)
def test_wherever_a_connection_is_cut_all_is_said_once_and_read_once(
    entered: list[bool], steps: list[tuple[int, tuple[Any, ...]]]
) -> None:
    outage = Outage()
    programs = Program("a"), Program("b")
    for program, is_in in zip(programs, entered, strict=True):
        if is_in:
            go_on(outage, program)
    for which, (step, *how) in steps:
        program = programs[which]
        if step == "say":
            for _ in range(how[0]):
                program.say()
        elif step == "commit":
            outage.commit()
        elif step == "kill":
            for each in programs:
                if each.connected:
                    each.cut(0, 0, noticed=False)
            outage.start()
        else:
            if not program.connected:
                program.connect(outage.world)
            getattr(program, step)(*how)
    for _ in range(10):
        for program in programs:
            go_on(outage, program)
    for program in programs:
        program.read()
        assert program.at_rest
        assert program.unexpected == []

    log: list[Entry] = []
    outage.storage.read("#lobby", limit=100_000).addCallback(log.extend)
    assert {entry.event.kind for entry in log} <= {Kind.SAID, Kind.JOINED, Kind.STARTED}  # nobody left
    said = [entry for entry in log if entry.event.kind is Kind.SAID]
    for program in programs:
        assert [entry.event.text for entry in said if entry.event.text.startswith(program.name)] == program.said
        assert [entry.event.text for entry in said if int(str(entry.position)) > int(program.since)] == program.seen


def go_on(outage: Outage, program: Program) -> None:
    """Whatever is under way arrives."""
    if not program.connected:
        program.connect(outage.world)
    program.deliver()
    outage.commit()
    program.read()
