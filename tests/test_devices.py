"""Several connections of one account are one person, whatever each speaks; and who comes back is who they were."""

from __future__ import annotations

import pytest
from twisted.internet.defer import ensureDeferred

from chatroom.accounts import create
from chatroom.device import DEVICES
from chatroom.door import PAUSE
from chatroom.names import nickname

from .again import again
from .chatting import (
    CLIENTS,
    DISK_FULL,
    PASSWORD,
    Client,
    FailingStorage,
    JsonClient,
    SlowStorage,
    TextClient,
    World,
)  # fmt: skip
from .support import LoggedErrors
from .test_resume import back, code, position, token, welcome

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


def commit_all(world: World, storage: SlowStorage) -> None:
    world.settle()
    while storage.under_way:
        storage.commit()
        world.settle()


# One person


def test_others_see_one_join_and_one_leave(world: World) -> None:
    bob = world.enter("bob")
    devices = [world.register("alice"), world.log_in("alice"), world.log_in("alice")]
    bob.command("who")
    assert bob.heard() == [("joined", "alice"), ("here", "bob", "alice")]
    for device in devices:
        assert bob.heard() == []
        device.quit()
    assert bob.heard() == [("left", "alice", "")]


def test_each_device_is_told_who_is_here_and_sees_everything(world: World) -> None:
    bob, alice = world.enter("bob"), world.register("alice")
    other = world.connect()
    other.login("alice", PASSWORD)
    assert other.heard("entered") == [("entered", "alice", ("bob",))]
    hear_all(alice, bob)
    bob.say("hello")
    bob.me("waves")
    for device in (alice, other):
        assert device.heard() == [("said", "bob", "hello"), ("did", "bob", "waves")]


def test_what_one_said_on_one_device_is_shown_on_the_others_and_once(world: World) -> None:
    bob, alice = world.enter("bob"), world.register("alice")
    other, third = world.log_in("alice"), world.log_in("alice")
    hear_all(alice, bob)
    alice.say("from the desk")
    other.me("waves")
    shown = [("said", "alice", "from the desk"), ("did", "alice", "waves")]
    assert bob.heard() == third.heard() == shown
    assert alice.heard() == shown[1:]
    assert other.heard() == shown[:1]
    alice.command("echo", on=True)
    other.command("echo", on=False)
    hear_all(alice, other)
    alice.say("again")
    assert [one[-1] for one in alice.heard("said", "echoed")] == ["again"]
    assert other.heard() == [("said", "alice", "again")]


def test_people_on_devices_that_speak_differently_are_one_person_too() -> None:
    world = World()
    bob, alice = world.enter("bob"), world.register("alice")
    others = [world.log_in("alice", client) for client in CLIENTS.values()]
    hear_all(alice, bob)
    alice.say("everywhere")
    for other in others:
        assert other.heard() == [("said", "alice", "everywhere")]
    for other in others:
        other.quit()
    assert bob.heard() == [("said", "alice", "everywhere")]


def test_history_has_what_one_said_on_any_device(world: World) -> None:
    alice, other = world.register("alice"), world.log_in("alice")
    alice.say("one")
    world.settle()
    other.say("two")
    world.settle()
    third = world.connect()
    third.login("alice", PASSWORD)
    assert third.heard("recalled") == [("recalled", "said", "alice", "one"), ("recalled", "said", "alice", "two")]


def test_quit_ends_that_connection_only(world: World) -> None:
    bob, alice = world.enter("bob"), world.register("alice")
    other = world.log_in("alice")
    bob.heard()
    other.quit("off")
    assert other.gone
    assert not alice.gone
    world.after(3 * GRACE)
    alice.say("still here")
    assert bob.heard() == [("said", "alice", "still here")]
    alice.quit("off to bed")
    assert bob.heard() == [("left", "alice", "off to bed")]


@pytest.mark.parametrize("first", [0, 1])
def test_whichever_is_lost_first_others_see_the_last_only(world: World, first: int) -> None:
    bob = world.enter("bob")
    devices = [world.register("alice"), world.log_in("alice")]
    bob.heard()
    devices[first].hang_up()
    world.after(3 * GRACE)
    assert bob.heard() == []
    devices[1 - first].hang_up()
    world.after(3 * GRACE)
    assert [one[:2] for one in bob.heard()] == [("left", "alice")]


def test_a_telnet_that_closes_leaves_at_once_and_a_program_may_come_back(client: type[Client]) -> None:
    for way in ("end", "hang_up"):
        world = World(client, grace=GRACE)
        bob, alice = world.enter("bob"), world.register("alice")
        bob.heard()
        getattr(alice, way)()
        left = [one[:2] for one in bob.heard()]
        assert left == ([] if client is JsonClient else [("left", "alice")])
        world.after(GRACE + 1)
        assert [one[:2] for one in bob.heard()] == ([("left", "alice")] if client is JsonClient else [])


def test_more_devices_than_one_can_have_are_refused_and_one_more_when_one_is_gone(world: World) -> None:
    devices = [world.register("alice"), *[world.log_in("alice") for _ in range(DEVICES - 1)]]
    late = world.connect()
    late.login("alice", PASSWORD)
    assert late.heard("refused", "entered") == [("refused",)]
    devices[3].quit()
    late.login("alice", PASSWORD)
    assert late.heard("refused", "entered") == [("entered", "alice", ())]
    assert DEVICES == 20


def test_two_devices_that_log_in_at_the_same_moment_make_one_join(client: type[Client]) -> None:
    storage = SlowStorage()
    world = World(client, storage=storage, grace=GRACE)
    world.register("alice").quit()
    bob = world.enter("bob")
    storage.slow = True
    devices = [world.connect() for _ in range(3)]
    for device in devices:
        device.login("alice", PASSWORD)
    commit_all(world, storage)
    for device in devices:
        assert device.heard("entered", "refused") == [("entered", "alice", ("bob",))]
    assert bob.heard() == [("joined", "alice")]
    for device in devices:
        device.quit()
    commit_all(world, storage)
    assert bob.heard() == [("left", "alice", "")]


def test_a_device_that_comes_while_the_last_ones_leaving_is_under_way_joins_after_it(client: type[Client]) -> None:
    storage = SlowStorage()
    world = World(client, storage=storage, grace=GRACE)
    bob, alice = world.enter("bob"), world.register("alice")
    bob.heard()
    storage.slow = True
    alice.quit()
    world.settle()
    late, later = world.connect(), world.connect()
    late.login("alice", PASSWORD)
    later.login("alice", PASSWORD)
    commit_all(world, storage)
    assert bob.heard() == [("left", "alice", ""), ("joined", "alice")]
    for device in (late, later):
        assert device.heard("entered", "refused") == [("entered", "alice", ("bob",))]
    bob.command("who")
    assert bob.heard("here") == [("here", "bob", "alice")]
    late.quit()
    later.quit()
    commit_all(world, storage)
    assert bob.heard() == [("left", "alice", "")]


def test_a_device_that_comes_while_the_disk_is_full_is_refused_and_may_come_later(
    client: type[Client], logged: LoggedErrors
) -> None:
    storage = FailingStorage()
    world = World(client, storage=storage, grace=GRACE)
    bob, alice = world.enter("bob"), world.register("alice")
    bob.heard()
    storage.break_down(DISK_FULL)
    alice.quit()
    world.settle()
    late = world.connect()
    late.login("alice", PASSWORD)
    world.after(PAUSE)
    assert late.heard("entered", "refused") == [("refused",)]
    assert bob.heard() == []
    storage.recover()
    world.after(5)
    assert bob.heard() == [("left", "alice", "")]
    late.login("alice", PASSWORD)
    assert late.heard("entered", "refused") == [("entered", "alice", ("bob",))]
    assert bob.heard() == [("joined", "alice")]
    logged.flush("the disk is full")


@pytest.mark.parametrize("way", ["hang_up", "end", "quit"])
@pytest.mark.parametrize("is_here", [False, True])
def test_a_guest_whose_connection_ends_while_they_log_in_is_seen_to_leave_once(
    client: type[Client], way: str, is_here: bool
) -> None:
    storage = SlowStorage()
    world = World(client, storage=storage, grace=GRACE)
    alice, bob, guest = world.register("alice"), world.enter("bob"), world.enter("guest")
    if not is_here:
        alice.quit()
    bob.heard()
    storage.slow = True
    guest.login("alice", PASSWORD)
    world.settle()
    getattr(guest, way)()
    commit_all(world, storage)
    world.after(3 * GRACE)
    commit_all(world, storage)
    shown = [one[:2] for one in bob.heard()]
    assert shown == [("left", "guest"), *([] if is_here else [("joined", "alice"), ("left", "alice")])]
    assert [len(person.devices) for person in world.chat.people.values()] == ([1, 1] if is_here else [1])


# A nickname and its owner


def add_account(world: World, nick: str) -> None:
    """Who runs the server makes it."""
    chat = world.chat
    assert chat.hasher
    chat.hasher.hash(PASSWORD).addCallback(
        lambda kept: ensureDeferred(create(chat, chat.new_id(), chat.settings.nickname(nick), kept))
    )
    world.settle()


def test_an_account_has_its_name_and_no_other(world: World) -> None:
    alice, bob = world.register("alice"), world.enter("bob")
    alice.heard()
    alice.command("nick", name="alicia")
    assert alice.heard() == [("refused",)]
    assert bob.heard() == []


@pytest.mark.parametrize("nick", ["alice", "Alice", "ALICE", "a1ice"])
def test_a_guest_cannot_take_an_accounts_name(world: World, nick: str) -> None:
    world.register("alice").quit()
    bob = world.enter("bob")
    bob.command("nick", name=nick)
    bob.say("still bob")
    assert bob.heard() == [("refused",)]
    if nick != "a1ice":
        assert "if it is yours: /login alice" in bob.text()


@pytest.mark.parametrize("owned", ["alice", "ALICE", "a1ice"])
def test_a_guest_whose_nickname_is_an_accounts_is_renamed_and_told_when_the_owner_comes(
    world: World, owned: str
) -> None:
    guest, bob = world.enter_all("alice", "bob")
    add_account(world, owned)
    hear_all(guest, bob)
    alice = world.log_in(owned)
    renamed, joined = bob.heard()
    assert renamed[:2] == ("renamed", "alice")
    assert renamed[2].startswith("guest-")
    assert joined == ("joined", owned)
    told = guest.heard()
    assert told[0] == renamed
    assert f"you are {renamed[2]} now, /nick NAME is another" in guest.text()
    guest.say("what happened?")
    assert alice.heard() == bob.heard() == [("said", renamed[2], "what happened?")]
    guest.command("nick", name="carol")
    assert bob.heard() == [("renamed", renamed[2], "carol")]
    guest.command("nick", name="alice")
    assert guest.heard("refused") == [("refused",)]


def test_two_guests_who_look_like_an_account_are_both_renamed(world: World) -> None:
    """One has its folded form, the other its look: Greek νν is ΝΝ, and looks like vv."""
    one, two = world.enter("νν"), world.enter("NN")
    add_account(world, "ΝΝ")
    hear_all(one, two)
    world.log_in("ΝΝ")
    for guest in (one, two):
        assert [shown[0] for shown in guest.heard("renamed")] == ["renamed", "renamed"]
    assert sorted(nick[:6] for nick in world.chat.rooms["lobby"].members.nicks.values()) == ["guest-", "guest-", "ΝΝ"]


LOOKALIKES = [
    "ALICE",
    "Alice",
    "ａｌｉｃｅ",
    "alıce",
    "аlice",
    "аӏісе",
    "al1ce",
    "aIice",
    "ᴀʟɪᴄᴇ",
    "a\u200blice",
    "alice\u202e",
]


@pytest.mark.parametrize("nick", LOOKALIKES)
def test_no_guest_has_a_nickname_that_looks_like_a_registered_one(world: World, nick: str) -> None:
    world.register("alice").quit()
    world.settle()
    somebody = world.connect()
    somebody.enter(nick)
    assert somebody.heard("entered") == []
    assert world.chat.people == {}
    other = world.enter("bob")
    other.command("nick", name=nick)
    assert other.heard("refused", "renamed") == [("refused",)]


@pytest.mark.parametrize("nick", LOOKALIKES)
@pytest.mark.parametrize("lookalike_first", [False, True])
def test_nobody_makes_an_account_that_looks_like_another_in_either_order(nick: str, lookalike_first: bool) -> None:
    first, second = (nick, "alice") if lookalike_first else ("alice", nick)
    for one, another in (("add-account", "register"), ("register", "add-account"), ("register", "register")):
        world = World(JsonClient, operators=[nickname("root")])
        root = world.register("root")
        for command, wanted in ((one, first), (another, second)):
            asking = root if command == "add-account" else world.connect()
            asking.ask(command, nick=wanted, password=PASSWORD)
            world.settle()
        accounts = [account.name.shown for account in world.chat.directory.accounts.all()]
        if asking.told() and "refused" in asking.told()[-1] and code(asking) == "nick_taken":
            assert len(accounts) == 2
        else:  # one of them can be no nickname at all
            assert accounts == ["root", "alice"]


# Coming back after a lost connection


def test_an_account_comes_back_unnoticed_also_over_a_restart_each_device_with_its_own_token() -> None:
    world = World(JsonClient, grace=GRACE)
    bob, alice = world.enter("bob"), world.register("alice")
    other = world.log_in("alice")
    assert token(alice) != token(other)
    seen = {device: position(device) for device in (alice, other, bob)}
    alice.hang_up()
    bob.say("while one is away")
    world.settle()
    world = again(world, grace=GRACE)
    bob2 = back(world, token(bob), seen[bob])
    alice2 = back(world, token(alice), seen[alice])
    assert welcome(alice2)["account"] is True
    assert welcome(alice2)["rooms"]["lobby"]["members"] == ["alice", "bob"]
    other2 = back(world, token(other), seen[other])
    for device in (alice2, other2):
        assert device.heard("said") == [("said", "bob", "while one is away")]
    alice2.say("here again")
    assert other2.heard() == [("said", "alice", "here again")]
    world.after(5 * GRACE)
    assert bob2.heard("joined", "left", "said", "renamed") == [
        ("said", "bob", "while one is away"),
        ("said", "alice", "here again"),
    ]
    other2.quit()
    alice2.quit()
    assert bob2.heard() == [("left", "alice", "")]


def test_a_device_that_is_not_back_in_time_is_gone_and_the_other_stays() -> None:
    world = World(JsonClient, grace=GRACE)
    bob, alice = world.enter("bob"), world.register("alice")
    other = world.log_in("alice")
    bob.heard()
    other.hang_up()
    world.after(GRACE + 1)
    assert code(back(world, token(other))) == "resume_unknown"
    assert bob.heard() == []
    alice.hang_up()
    world.after(GRACE - 1)
    alice = back(world, token(alice))
    assert welcome(alice)["nick"] == "alice"
    world.after(3 * GRACE)
    assert bob.heard() == []


def test_a_text_device_is_not_expected_over_a_restart_but_the_program_is() -> None:
    world = World(JsonClient, grace=GRACE)
    alice = world.register("alice")
    world.log_in("alice", TextClient)
    world = again(world, grace=GRACE)
    alice = back(world, token(alice))
    assert welcome(alice)["rooms"]["lobby"]["members"] == ["alice"]
    alice.quit()
    world.settle()
    assert world.chat.people == {}


def test_ids_are_those_of_one_device_and_known_after_it_came_back() -> None:
    world = World(JsonClient, grace=GRACE)
    bob, alice = world.enter("bob"), world.register("alice")
    other = world.log_in("alice")
    bob.heard()
    alice.ask("say", "1", text="from the desk")
    other.ask("say", "1", text="from the train")
    said = [("said", "alice", "from the desk"), ("said", "alice", "from the train")]
    assert bob.heard() == said
    world = again(world, grace=GRACE)
    bob, alice, other = (back(world, token(device)) for device in (bob, alice, other))
    hear_all(alice, other, bob)
    alice.ask("say", "1", text="from the desk")
    other.ask("say", "1", text="from the train")
    alice.ask("say", "2", text="and on")
    assert bob.heard() == [("said", "alice", "and on")]
    assert alice.heard("recalled") == [("recalled", *said[0])]
    assert other.heard("recalled") == [("recalled", *said[1])]


def test_a_device_that_logs_in_anew_is_another() -> None:
    world = World(JsonClient, grace=GRACE)
    bob, alice = world.enter("bob"), world.register("alice")
    bob.heard()
    alice.ask("say", "1", text="once")
    world.settle()
    alice.hang_up()
    other = world.log_in("alice")
    other.ask("say", "1", text="twice")
    assert bob.heard() == [("said", "alice", "once"), ("said", "alice", "twice")]


def test_who_logs_out_cannot_come_back_with_the_token() -> None:
    world = World(JsonClient, grace=GRACE)
    alice = world.register("alice")
    alice.ask("logout")
    world.settle()
    alice.ask("hello", resume=token(alice))
    assert code(alice) == "resume_unknown"


@pytest.mark.parametrize("registered", [False, True])
def test_what_a_lost_connection_asked_too_late_takes_nobody_from_a_later_one(registered: bool) -> None:
    """Its last line counts, without its end too, which is known only when the connection is lost."""
    world = World(JsonClient, grace=GRACE)
    alice = world.register("alice") if registered else world.enter("alice")
    alice.hang_up()
    second = world.connect()
    second.send(b'{"hello": {"resume": "%s"}}' % token(alice).encode())
    third = back(world, token(alice))
    assert welcome(third)["nick"] == "alice"
    second.hang_up()
    assert not third.gone
    third.say("still here")
    assert third.heard("echoed") == [("echoed", "said", "still here")]


def test_what_a_lost_connection_asked_last_counts_if_nobody_came_later() -> None:
    world = World(JsonClient, grace=GRACE)
    bob, alice = world.enter_all("bob", "alice")
    bob.heard()
    alice.hang_up()
    second = world.connect()
    second.send(b'{"hello": {"resume": "%s"}}\n{"say": {"text": "last words"}}' % token(alice).encode())
    second.hang_up()
    assert bob.heard() == [("said", "alice", "last words")]
