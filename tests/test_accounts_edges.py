"""Accounts at the edges: what happens once in a long while, and must be right then too."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred, succeed

from chatroom.accounts import create, forget
from chatroom.names import nickname
from chatroom.request import Refused
from chatroom.storage.memory import MemoryStorage
from chatroom.tidy import TIDY_AGAIN

from .chatting import DISK_FULL, PASSWORD, FailingStorage, JsonClient, SlowStorage, World
from .test_accounts_races import come_back_all
from .test_devices import add_account, commit_all
from .test_forgetting import Unforgetting


class Zed:
    """Knows zed, and nobody else."""

    def check(self, name: str, password: str) -> Any:
        return succeed("zed" if (name, password) == ("zed", PASSWORD) else None)


class Unredactable:
    """A storage that cannot forget."""

    def __init__(self) -> None:
        storage = MemoryStorage()
        self.logs = storage._logs
        for name in ("append", "read", "follow", "unfollow", "position", "close", "start"):
            setattr(self, name, getattr(storage, name))


def test_where_passwords_are_kept_elsewhere_they_are_not_kept_here() -> None:
    world = World(login=Zed())
    bob, zed = world.enter("bob"), world.connect()
    bob.line(f"/register {PASSWORD}")
    zed.line(f"/login zed {PASSWORD}")
    zed.line("/password")
    for person in (bob, zed):
        assert "! passwords are kept elsewhere than on this server" in person.lines()


def test_where_only_accounts_known_elsewhere_are_let_in_everybody_is_asked_for_the_password() -> None:
    world = World(login=Zed(), guests=False)
    zed = world.connect()
    for line in ("zed", "wrong horse", PASSWORD):
        zed.line(line)
    assert zed.heard("asked", "entered") == [("asked",), ("asked",), ("entered", "zed", ())]


def test_of_two_nodes_that_make_one_account_the_first_entry_counts() -> None:
    storage = SlowStorage()
    one = World(storage=storage)
    two = World(storage=storage, clock=one.clock, stamp="n2.")
    storage.slow = True
    outcomes: list[Any] = []
    for world, id in ((one, "a"), (two, "b")):
        made = ensureDeferred(create(world.chat, id, nickname("zoe"), "kept"))
        made.addCallbacks(outcomes.append, lambda failure: outcomes.append(failure.check(Refused)))
    commit_all(one, storage)
    assert [getattr(outcome, "id", outcome) for outcome in outcomes] == ["a", Refused]
    for world in (one, two):
        assert [account.id for account in world.chat.directory.accounts.all()] == ["a"]


def test_an_account_whose_owner_is_not_here_can_be_forgotten() -> None:
    world = World()
    world.register("alice").quit()
    world.settle()
    (account,) = world.chat.directory.accounts.all()
    ensureDeferred(forget(world.chat, account))
    world.settle()
    assert world.chat.directory.accounts.all() == []
    assert world.chat.directory.accounts.forgotten() == {}


def test_what_goes_wrong_after_the_right_password_is_told_and_it_is_not_asked_for_again(logged: Any) -> None:
    storage = FailingStorage()
    world = World(storage=storage)
    world.register("alice").quit()
    world.settle()
    alice = world.connect()
    alice.line("alice")
    world.settle()
    storage.break_down(DISK_FULL)
    alice.line(PASSWORD)
    assert alice.heard("asked", "refused") == [("asked",), ("refused",)]
    assert alice.lines()[-1] == "! alice was not saved: the disk is full"
    logged.flush("the storage cannot save")


def test_a_second_device_that_cannot_be_saved_is_none(logged: Any) -> None:
    storage = FailingStorage()
    world = World(JsonClient, storage=storage)
    world.register("alice")
    storage.break_down(DISK_FULL)
    second = world.connect()
    second.login("alice", PASSWORD)
    assert second.heard("entered", "refused") == [("refused",)]
    (person,) = world.chat.people.values()
    assert len(person.devices) == 1
    logged.flush("the storage cannot save")


def test_with_a_storage_that_cannot_forget_an_account_goes_all_the_same() -> None:
    storage: Any = Unredactable()
    world = World(storage=storage)
    alice = world.register("alice")
    for line in ("/password", PASSWORD, "battery staple", "battery staple", "/forget-me", "alice"):
        alice.line(line)
    assert alice.gone
    accounts = world.chat.directory.accounts
    assert (accounts.all(), accounts.forgotten(), accounts.stale) == ([], {}, {})


def test_a_server_that_stops_does_not_try_again_to_forget() -> None:
    storage = Unforgetting()
    storage.can, storage.fails = True, 10**9
    world = World(storage=storage)
    alice = world.register("alice")
    for line in ("/forget-me", "alice"):
        alice.line(line)
    assert alice.gone
    ensureDeferred(world.chat.stop("back soon"))
    world.after(TIDY_AGAIN)  # what was planned before
    left = storage.fails
    world.after(10 * TIDY_AGAIN)
    assert storage.fails == left


def test_operators_are_asked_twice_for_a_password_too() -> None:
    world = World(operators=[nickname("root")])
    root = world.register("root")
    for line in ("/add-account eve", PASSWORD, "a mistake", PASSWORD, PASSWORD):
        root.line(line)
    for line in ("/set-password eve", "battery staple", "battery staple", "/add-account eve"):
        root.line(line)
    assert root.lines()[-2:] == ["* eve has another password now", "! eve is an account already, or too like one"]
    eve = world.connect()
    eve.login("eve", "battery staple")
    assert eve.heard("entered") == [("entered", "eve", ("root",))]


def test_two_who_write_to_somebody_at_once_open_their_inbox_once() -> None:
    storage = SlowStorage()
    world = World(storage=storage)
    alice, bob, carol = world.enter_all("alice", "bob", "carol")
    storage.slow_reads = True
    alice.line("/msg bob hi")
    carol.line("/msg bob hello")
    world.settle()
    come_back_all(world, storage)
    assert sorted(bob.heard("private")) == [("private", "alice", "hi"), ("private", "carol", "hello")]


def test_who_left_while_somebody_wrote_to_them_gets_nothing() -> None:
    storage = SlowStorage()
    world = World(storage=storage)
    alice, dave = world.enter_all("alice", "dave")
    alice.line("/inbox")
    world.settle()
    storage.slow_reads = True
    alice.line("/msg dave hi")
    world.settle()
    dave.quit()
    world.settle()
    storage.slow_reads = False
    while storage.reads_under_way:
        storage.come_back()
        world.settle()
    assert "! dave is gone" in alice.lines()


def test_an_inbox_is_opened_once() -> None:
    storage = SlowStorage()
    world = World(storage=storage)
    world.enter("alice")
    (person,) = world.chat.people.values()
    storage.slow_reads = True
    opened: list[Any] = []
    for _ in range(2):
        ensureDeferred(person.open_inbox()).addCallback(opened.append)
    assert opened == []
    storage.slow_reads = False
    while storage.reads_under_way:
        storage.come_back()
        world.settle()
    assert opened == [person.inbox, person.inbox]


def test_repeats_that_fill_the_connection_again_go_on_when_there_is_room() -> None:
    world = World(JsonClient)
    alice = world.enter("alice")
    text = "x" * 4000
    alice.ask("say", "a", text=text)
    alice.heard()
    alice.stall()
    alice.send(b"".join(json.dumps({"say": {"text": text}, "id": "a"}).encode() + b"\n" for _ in range(10)))
    world.settle()
    for room in (6000, 6000, float("inf")):
        alice.wake(room)
        world.settle()
    assert sum(told.get("history", False) for told in alice.told()) == 10


def test_who_is_away_with_a_token_is_renamed_too_when_the_owner_comes() -> None:
    world = World(JsonClient)
    guest = world.enter("alice")
    guest.hang_up()
    add_account(world, "alice")
    owner = world.connect()
    owner.login("alice", PASSWORD)
    assert owner.heard("entered", "refused")[0][:2] == ("entered", "alice")
    names = [person.name.shown for person in world.chat.people.values()]
    assert sorted(name.partition("-")[0] for name in names) == ["alice", "guest"]


def test_who_has_left_is_gone_once() -> None:
    world = World()
    bob, _ = world.enter_all("bob", "alice")
    (person,) = [person for person in world.chat.people.values() if person.name.shown == "alice"]
    person.leave()
    person.gone()
    assert bob.heard() == [("left", "alice", "")]
    assert len(world.chat.people) == 1


def test_who_is_logged_out_while_the_inbox_is_opened_is_shown_nothing_of_it() -> None:
    storage = SlowStorage()
    world = World(storage=storage, operators=[nickname("root")])
    root, alice = world.register("root"), world.register("alice")
    storage.slow_reads = True
    alice.line("/inbox")
    world.settle()
    root.line("/set-password alice battery staple")
    world.settle()
    come_back_all(world, storage)
    assert alice.gone
    assert alice.heard("recalled") == []


def test_a_line_that_is_too_long_is_no_answer() -> None:
    alice = World().enter("alice")
    alice.line("/register")
    alice.line("x" * 5000)
    assert alice.heard("asked", "refused") == [("asked",), ("refused",)]
    for _ in range(2):
        alice.line(PASSWORD)
    assert "alice is your own now" in alice.lines()[-1]


def test_a_name_of_accounts_that_are_no_more_is_nobodys() -> None:
    for text in ("removed-1", "Removed-x", "rem0ved-y"):
        with pytest.raises(Refused, match="is reserved: names that begin so"):
            nickname(text)
    assert nickname("removed").shown == "removed"


def test_who_comes_back_too_late_for_the_greeting_may_come_back_again() -> None:
    storage = SlowStorage()
    world = World(JsonClient, storage=storage, grace=1000.0)
    alice = world.enter("alice")
    (token,) = [told["welcome"]["resume"] for told in alice.told() if "welcome" in told]
    alice.hang_up()
    storage.slow_reads = True
    late = world.connect()
    late.ask("hello", resume=token)
    world.after(61)
    come_back_all(world, storage)
    assert late.gone
    storage.slow_reads = False
    again = world.connect()
    again.ask("hello", resume=token)
    assert again.heard("entered") == [("entered", "alice", ())]
