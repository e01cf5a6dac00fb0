"""Who is away, who somebody is, and whom one does not read, whatever one speaks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatroom.commands.people import AWAY_LONGEST
from chatroom.commands.private import IGNORED

from .again import again
from .chatting import CLIENTS, DISK_FULL, PASSWORD, Client, FailingStorage, JsonClient, TextClient, World
from .support import LoggedErrors, examples
from .test_devices import add_account
from .test_resume import back, code, token

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


# Away


@pytest.mark.parametrize("why", ["", "lunch", "back at 3 (or 4)"])
def test_all_see_who_is_away_and_why_and_who_is_back(world: World, why: str) -> None:
    alice, bob = world.enter_all("alice", "bob")
    bob.command("away", **({"why": why} if why else {}))
    assert alice.heard() == bob.heard() == [("away", "bob", why)]
    bob.command("back")
    assert alice.heard() == bob.heard() == [("back", "bob")]


def test_who_writes_to_somebody_who_is_away_is_told(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    bob.command("away", why="lunch")
    hear_all(alice, bob)
    alice.msg("bob", "psst")
    assert alice.heard() == [("away", "bob", "lunch")]
    assert bob.heard() == [("private", "alice", "psst")]
    bob.msg("alice", "yes?")
    world.settle()
    bob.command("back")
    hear_all(alice, bob)
    alice.command("reply", text="hello")
    assert alice.heard() == []


def test_who_shows_who_is_away(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    bob.command("away", why="lunch")
    world.settle()
    alice.command("who")
    assert alice.heard("here") == [("here", "alice", "bob (away)")]
    if isinstance(alice, JsonClient):
        assert alice.told()[-1]["away"] == {"bob": "lunch"}
    bob.command("nick", name="robert")
    world.settle()
    alice.command("who")
    assert alice.heard("here") == [("here", "alice", "robert (away)")]


def test_who_is_away_may_say_why_in_other_words_and_who_is_not_cannot_be_back(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    bob.command("back")
    assert bob.heard() == [("refused",)]
    bob.command("away", why="lunch")
    world.settle()
    bob.command("away", why="a long lunch")
    assert alice.heard() == [("away", "bob", "lunch"), ("away", "bob", "a long lunch")]
    bob.heard()
    bob.command("away", why="x" * (AWAY_LONGEST + 1))
    assert bob.heard() == [("refused",)]
    bob.command("away", why="x" * AWAY_LONGEST)
    assert bob.heard() == [("away", "bob", "x" * AWAY_LONGEST)]


def test_being_away_ends_with_leaving(world: World) -> None:
    alice, bob = world.enter("alice"), world.register("bob")
    bob.command("away", why="lunch")
    world.settle()
    bob.quit()
    world.settle()
    world.log_in("bob")
    alice.heard()
    alice.command("who")
    assert alice.heard("here") == [("here", "alice", "bob")]
    assert world.chat.directory.away == {}


def test_a_person_is_away_on_all_devices(world: World) -> None:
    alice, bob = world.enter("alice"), world.register("bob")
    other = world.log_in("bob")
    bob.command("away", why="lunch")
    world.settle()
    bob.quit()
    hear_all(alice, other)
    alice.command("who")
    assert alice.heard("here") == [("here", "alice", "bob (away)")]
    other.command("back")
    assert other.heard("back", "refused") == [("back", "bob")]


def test_who_is_away_and_expected_back_is_away_after_a_restart() -> None:
    world = World(JsonClient, grace=GRACE)
    bob = world.register("bob")
    bob.ask("away", why="lunch")
    world.settle()
    for _ in range(2):
        world = again(world, grace=GRACE)
    bob = back(world, token(bob))
    alice = world.enter("alice")
    alice.command("who")
    assert alice.heard("here") == [("here", "bob (away)", "alice")]
    bob.quit()
    world.settle()
    world = again(world, grace=GRACE)
    assert world.chat.directory.away == {}


def test_that_one_is_away_is_not_told_when_it_cannot_be_saved(client: type[Client], logged: LoggedErrors) -> None:
    storage = FailingStorage()
    world = World(client, storage=storage)
    alice, bob = world.enter_all("alice", "bob")
    storage.break_down(DISK_FULL)
    bob.command("away")
    assert bob.heard() == [("refused",)]
    assert alice.heard() == []
    storage.recover()
    bob.command("back")
    assert bob.heard() == [("refused",)]
    logged.flush("the disk is full")


# Who somebody is


def whois(person: TextClient, nick: str) -> list[str]:
    before = len(person.lines())
    person.command("whois", nick=nick)
    return person.lines()[before:]


def test_whois_tells_of_a_guest() -> None:
    world = World()
    alice = world.enter("alice")
    world.after(3600)
    world.enter("Bob")
    world.after(59)
    assert whois(alice, "BOB") == [
        "* Bob: here since 2026-11-20T10:12Z, a guest", "* text over TCP, spoke within the last minute",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "silent"),
    [(60, "1 minute"), (119, "1 minute"), (150, "2 minutes"), (3600, "1 hour"), (7300, "2 hours"), (172800, "2 days")],
)
def test_whois_tells_of_an_account_of_each_device_and_how_long_it_was_silent(seconds: float, silent: str) -> None:
    world = World(grace=1e6)
    alice, bob = world.enter("alice"), world.register("bob")
    bob.command("away", why="lunch")
    world.settle()
    world.after(seconds)
    world.log_in("bob", JsonClient)
    assert whois(alice, "bob") == [
        "* bob: here since 2026-11-20T09:12Z, an account since 2026-11-20, away: lunch",
        f"* text over TCP, silent for {silent}",
        "* JSON over TCP, spoke within the last minute",
    ]


def test_whois_for_programs() -> None:
    world = World(JsonClient, grace=1e6)
    alice, bob = world.enter("alice"), world.register("bob")
    bob.ask("away")
    world.after(90)
    alice.ask("whois", nick="bob")
    facts = {"nick": "bob", "here": True, "since": "2026-11-20T09:12Z", "account": True, "away": ""}
    assert alice.told()[-1] == {
        "answer": "whois", **facts, "account_since": "2026-11-20T09:12Z", "devices": [{"protocol": "JSON over TCP", "idle": 90}]
    }  # fmt: skip
    alice.ask("whois", nick="alice")
    told = alice.told()[-1]
    assert (told["account"], told["devices"][0]["idle"]) == (False, 0)
    assert "account_since" not in told
    bob.hang_up()
    alice.ask("whois", nick="bob")
    assert alice.told()[-1]["devices"] == []


def test_of_who_is_not_here_whois_tells_nothing(world: World) -> None:
    world.register("bob").quit()
    alice = world.enter("alice")
    for nick in ("bob", "nobody", "no-good!"):
        alice.command("whois", nick=nick)
        assert alice.heard() == [("refused",)]


def test_an_operator_is_told_of_an_account_that_is_not_here() -> None:
    from chatroom.names import nickname

    world = World(operators=[nickname("root")])
    world.register("bob").quit()
    root = world.register("root")
    assert whois(root, "bob") == ["* bob is not here; an account since 2026-11-20"]
    assert whois(root, "root")[-1] == "* text over TCP, spoke within the last minute, from 127.0.0.1"


# Whom one does not read


def test_of_whom_one_ignores_one_reads_nothing(world: World) -> None:
    alice, bob, carol = world.enter_all("alice", "bob", "carol")
    alice.command("ignore", nick="BOB")
    hear_all(alice)
    for text in ("one", "two"):
        bob.say(text)
        bob.me(text)
    carol.say("three")
    bob.msg("alice", "psst")
    assert alice.heard() == [("said", "carol", "three")]
    carol.heard()
    alice.command("history")
    assert alice.heard() == [("recalled", "said", "carol", "three")]
    alice.command("inbox")
    assert alice.heard() == []
    bob.command("reply", text="x")
    alice.command("reply", text="y")
    assert alice.heard() == [("refused",)]
    alice.command("unignore", nick="bob")
    hear_all(alice, bob)
    bob.say("four")
    assert alice.heard() == [("said", "bob", "four")]
    alice.command("inbox")
    assert alice.heard() == [("recalled", "private", "bob", "psst")]


def test_others_still_read_them_and_they_read_everybody(world: World) -> None:
    alice, bob, carol = world.enter_all("alice", "bob", "carol")
    alice.command("ignore", nick="bob")
    hear_all(alice)
    bob.say("one")
    alice.say("two")
    assert carol.heard() == [("said", "bob", "one"), ("said", "alice", "two")]
    assert bob.heard() == [("said", "alice", "two")]
    bob.quit()
    assert alice.heard() == [("left", "bob", "")]  # that somebody comes and goes one sees


def test_it_is_the_person_not_the_nickname(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.command("ignore", nick="bob")
    world.settle()
    bob.command("nick", name="rob")
    hear_all(alice)
    bob.say("it is me")
    assert alice.heard() == []
    bob.quit()
    world.settle()
    later = world.enter("bob")
    hear_all(alice)
    later.say("another bob")
    assert alice.heard() == [("said", "bob", "another bob")]


@pytest.mark.parametrize("nick", ["alice", "nobody", "no-good!"])
def test_oneself_and_nobody_cannot_be_ignored(world: World, nick: str) -> None:
    alice = world.enter("alice")
    for command in ("ignore", "unignore"):
        alice.command(command, nick=nick)
        assert alice.heard() == [("refused",)]


def test_alone_it_shows_whom_one_ignores() -> None:
    world = World()
    alice, *_ = world.enter_all("alice", "carol", "bob")
    alice.line("/ignore")
    assert alice.lines()[-1] == "* you ignore nobody"
    alice.line("/ignore carol")
    alice.line("/ignore bob")
    alice.line("/ignore")
    assert alice.lines()[-1] == "* you ignore bob, carol"
    program = world.enter("dave", JsonClient)
    program.ask("ignore", nick="bob")
    program.ask("ignore")
    assert program.told()[-1] == {"answer": "ignore", "ignored": ["bob"]}


def test_more_people_than_one_can_ignore_are_refused() -> None:
    world = World(JsonClient)
    alice = world.enter("alice")
    for n in range(IGNORED + 1):
        world.enter(f"x{n}x")
        alice.ask("ignore", nick=f"x{n}x")
        world.settle()
    assert code(alice) == "too_many_ignored"
    alice.ask("ignore", nick="x3x")
    assert alice.told()[-1]["answer"] == "ignore"


def test_an_accounts_are_kept_over_a_restart_and_on_every_device(world: World) -> None:
    world.register("bob").quit()
    alice, other = world.register("alice"), world.log_in("alice")
    bob = world.log_in("bob")
    alice.command("ignore", nick="bob")
    world.settle()
    bob.say("one")
    hear_all(alice)
    assert other.heard("said") == []
    world = again(world, grace=0.1)
    world.after(1)
    bob = world.log_in("bob")
    bob.say("two")
    bob.msg("alice", "psst")
    world.settle()
    alice = world.connect()
    alice.login("alice", PASSWORD)
    shown = alice.heard("entered", "recalled", "told", "said", "private")
    assert shown == [("entered", "alice", ("bob",))]
    for command in ("unignore", "ignore", "unignore"):
        alice.command(command, nick="bob")
        alice.heard()
        world = again(world)
        world.log_in("bob")
        alice = world.connect()
        alice.login("alice", PASSWORD)
        assert (("recalled", "said", "bob", "two") in alice.heard("recalled")) == (command == "unignore")


def test_messages_of_who_is_ignored_are_not_counted(world: World) -> None:
    alice, bob, carol = world.register("alice"), world.enter("bob"), world.enter("carol")
    alice.command("ignore", nick="bob")
    world.settle()
    alice.quit()
    world.settle()
    bob.msg("alice", "one")
    carol.msg("alice", "two")
    bob.msg("alice", "three")
    world.settle()
    alice = world.connect()
    alice.login("alice", PASSWORD)
    shown = alice.heard("told", "recalled")
    assert shown == [("told", "1 message while you were away:"), ("recalled", "private", "carol", "two")]


def test_a_guests_go_along_into_the_account_and_else_end_with_the_stay(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.command("ignore", nick="bob")
    world.settle()
    alice.register(PASSWORD)
    hear_all(alice)
    bob.say("one")
    assert alice.heard() == []
    alice.quit()
    world.settle()
    alice = world.connect()
    alice.login("alice", PASSWORD)
    assert alice.heard("recalled") == []
    bob.say("two")
    assert alice.heard() == []
    carol = world.enter("carol")
    carol.command("ignore", nick="bob")
    world.settle()
    carol.quit()
    world.settle()
    carol = world.connect()
    carol.enter("carol")
    assert ("recalled", "said", "bob", "two") in carol.heard("recalled")


def test_what_could_not_be_saved_is_not_ignored(client: type[Client], logged: LoggedErrors) -> None:
    storage = FailingStorage()
    world = World(client, storage=storage)
    alice, bob = world.register("alice"), world.enter("bob")
    alice.heard()
    storage.break_down(DISK_FULL)
    alice.command("ignore", nick="bob")
    assert alice.heard() == [("refused",)]
    storage.recover()
    bob.say("hello")
    assert alice.heard() == [("said", "bob", "hello")]
    logged.flush("the disk is full")


@settings(max_examples=examples(60), deadline=None)
@given(
    order=st.lists(st.integers(0, 3), max_size=30),
    ignored=st.sets(st.integers(1, 3)),
    kind=st.sampled_from(sorted(CLIENTS)),
    stalled=st.booleans(),
)
def test_whoever_is_ignored_and_wherever_they_stand_in_a_page_the_others_are_read_in_order(
    order: list[int], ignored: set[int], kind: str, stalled: bool
) -> None:
    """Several in a row, at its start, in the middle and at its end."""
    world = World(history=100)
    nicks = ["alice", "bob", "carol", "dave"]
    people = [world.enter(nick, CLIENTS[kind]) for nick in nicks]
    alice = people[0]
    for other in sorted(ignored):
        alice.command("ignore", nick=nicks[other])
    hear_all(*people)
    if stalled:
        alice.stall()
        people[1].say("x" * 1000)
    for number, author in enumerate(order):
        people[author].say(f"{number}")
    world.settle()
    alice.wake()
    read = [one for one in alice.heard("said") if len(one[2]) < 100]
    said = [("said", nicks[author], f"{number}") for number, author in enumerate(order)]
    visible = {nicks[author] for author in range(1, 4) if author not in ignored}
    assert sorted(read) == sorted(one for one in said if one[1] in visible)
    alice.command("history", limit=100)
    recalled = [one[1:] for one in alice.heard("recalled") if len(one[3]) < 100]
    assert [one for one in recalled if one[1] != "alice"] == read
    assert {one[1] for one in recalled} <= visible | {"alice"}


# Guests and accounts of one nickname


def test_a_guest_whose_nickname_becomes_somebodys_own_is_the_one_who_is_here_and_gets_none_of_the_owners_messages(
    world: World,
) -> None:
    guest, carol = world.enter_all("bob", "carol")
    add_account(world, "bob")
    hear_all(guest, carol)
    carol.command("whois", nick="bob")
    if isinstance(carol, JsonClient):
        told = carol.told()[-1]
        assert (told["answer"], told["nick"], told["here"], told["account"]) == ("whois", "bob", True, False)
    else:
        assert "bob: here since 2026-11-20T09:12Z, a guest" in carol.text()
    carol.heard()
    carol.msg("bob", "for the owner")
    if isinstance(carol, JsonClient):
        assert carol.heard() == [("kept", "bob")]
    else:
        assert "the guest who is called so now does not" in carol.lines()[-1]
    assert guest.heard("private", "recalled") == []
    bob = world.connect()
    bob.login("bob", PASSWORD)
    assert ("recalled", "private", "carol", "for the owner") in bob.heard()
    hear_all(carol, guest, bob)
    carol.msg("bob", "and this")
    assert carol.heard("kept", "refused") == []
    assert bob.heard("private") == [("private", "carol", "and this")]
    assert guest.heard("private") == []


def test_unignore_frees_all_of_that_nickname(world: World) -> None:
    alice, one = world.register("alice"), world.enter("bob")
    alice.command("ignore", nick="bob")
    world.settle()
    one.command("nick", name="rob")
    world.settle()
    other = world.enter("bob")
    alice.command("ignore", nick="bob")
    world.settle()
    other.say("not read")
    hear_all(alice)
    alice.command("unignore", nick="BOB")
    assert alice.heard("refused") == []
    one.say("one")
    other.say("two")
    assert alice.heard("said") == [("said", "rob", "one"), ("said", "bob", "two")]
    alice.command("unignore", nick="bob")
    assert alice.heard("refused") == [("refused",)]
    world = again(world)
    assert [account.ignored for account in world.chat.directory.accounts.all()] == [{}]


@pytest.mark.parametrize("nick", ["you", "You", "YOU", "yоu"])
def test_nobody_is_called_as_one_is_in_what_one_wrote(world: World, nick: str) -> None:
    """`you -> bob: psst` is told of one's own words."""
    somebody, alice = world.connect(), world.enter("alice")
    somebody.enter(nick)
    assert somebody.heard("entered") == []
    alice.command("nick", name=nick)
    assert alice.heard("refused", "renamed") == [("refused",)]
