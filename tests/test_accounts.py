"""A nickname of one's own, whatever one speaks: made, proved by its password, kept, given up."""

from __future__ import annotations

import pytest

from .chatting import CLIENTS, DISK_FULL, PASSWORD, Client, FailingStorage, JsonClient, SlowStorage, TextClient, World
from .support import LoggedErrors
from .test_resume import code, welcome

GRACE = 10.0

WRONG = ["wrong horse", "x", "y" * 300, "Correct horse"]


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> type[Client]:
    return CLIENTS[request.param]


@pytest.fixture
def world(client: type[Client]) -> World:
    return World(client, grace=GRACE, logins_a_minute=0, logins_of_address_a_minute=0)


def told(person: TextClient) -> list[str]:
    """What the server said, in words."""
    return [" ".join(one[1:]) for one in person.heard("told", "did")]


def is_account(person: Client) -> bool:
    """Whether they are logged in, and so may do what only accounts may."""
    person.heard()
    person.command("password", **{"old": "x", "new": "y"} if isinstance(person, JsonClient) else {})
    if isinstance(person, JsonClient):
        return code(person) != "account_needed"
    asked = person.heard("asked", "refused") == [("asked",)]
    if asked:
        person.line("")
        person.heard()
    return asked


# Registering


def test_without_an_account_one_chats_at_once(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.say("hello")
    assert bob.heard() == [("said", "alice", "hello")]
    assert not is_account(alice)


def test_register_makes_the_present_nickname_ones_own_and_others_see_nothing_of_it(world: World) -> None:
    alice, bob = world.enter_all("alice", "bob")
    alice.register(PASSWORD)
    alice.say("it is me")
    assert bob.heard() == [("said", "alice", "it is me")]
    assert alice.heard("refused", "entered", "left", "joined") == []
    assert is_account(alice)


def test_after_it_whoever_asks_for_the_nickname_is_asked_for_its_password(world: World) -> None:
    world.register("alice").quit()
    for nick in ("alice", "ALICE"):
        somebody = world.connect()
        somebody.enter(nick)
        assert somebody.heard("entered", "asked", "refused") == [("asked",)]
        assert world.chat.directory.claims() == set()


def test_also_while_its_owner_is_here(world: World) -> None:
    alice = world.register("alice")
    somebody = world.connect()
    somebody.enter("alice")
    assert somebody.heard("entered", "asked", "refused") == [("asked",)]
    assert alice.heard() == []


def test_with_the_password_one_is_who_one_was(world: World) -> None:
    world.register("alice").quit()
    bob = world.enter("bob")
    alice = world.connect()
    alice.login("alice", PASSWORD)
    assert alice.heard("entered", "refused") == [("entered", "alice", ("bob",))]
    assert bob.heard() == [("joined", "alice")]
    assert is_account(alice)


def test_the_rest_of_the_line_is_the_password_and_spaces_around_it_do_not_count(world: World) -> None:
    alice = world.enter("alice")
    alice.register("  one two  three ")
    alice.heard()
    alice.quit()
    again = world.connect()
    again.login("alice", "one two  three")
    assert again.heard("entered", "refused") == [("entered", "alice", ())]


@pytest.mark.parametrize("password", ["short", "1234567", "x" * 257, "alexander", "ALEXANDER"])
def test_a_password_that_is_guessed_at_once_or_cannot_be_is_refused(world: World, password: str) -> None:
    alice = world.enter("alexander")
    alice.register(password)
    assert alice.heard("refused") == [("refused",)]
    assert not is_account(alice)


def test_who_has_an_account_cannot_register_another(world: World) -> None:
    alice = world.register("alice")
    alice.register("another password")
    assert alice.heard() == [("refused",)]


def test_an_account_that_could_not_be_saved_is_none(client: type[Client], logged: LoggedErrors) -> None:
    storage = FailingStorage()
    world = World(client, storage=storage)
    alice = world.enter("alice")
    storage.break_down(DISK_FULL)
    alice.register(PASSWORD)
    assert alice.heard() == [("refused",)]
    assert "was not saved" in alice.text()
    storage.recover()
    assert not is_account(alice)
    alice.register(PASSWORD)
    assert is_account(alice)
    logged.flush("the disk is full")


def test_of_two_who_register_at_once_under_one_nickname_one_has_it(client: type[Client]) -> None:
    """A guest, and who runs the server makes an account of that name."""
    storage = SlowStorage()
    world = World(client, storage=storage, operators=(World().chat.settings.nickname("root"),))
    root, alice = world.register("root"), world.enter("alice")
    storage.slow = True
    root.command("add-account", nick="alice", password="another password")
    alice.register(PASSWORD)
    world.settle()
    storage.slow = False
    while storage.under_way:
        storage.commit()
        world.settle()
    assert alice.heard("refused") == [("refused",)]
    assert len(world.chat.directory.accounts.all()) == 2
    somebody = world.connect()
    somebody.login("alice", "another password")
    assert somebody.heard("entered") == [("entered", "alice", ("root", *guests(world)))]


def guests(world: World) -> list[str]:
    """The nicknames of who was renamed, since the owner of theirs came."""
    return [nick for nick in world.chat.rooms["lobby"].members.nicks.values() if nick.startswith("guest-")]


def test_a_password_is_asked_for_twice_where_it_was_not_given() -> None:
    world = World()
    alice = world.enter("alice")
    for answer in ("/register", PASSWORD):
        alice.line(answer)
        assert alice.heard() == [("asked",)]
    alice.line(PASSWORD)
    assert told(alice) == ["alice is your own now: /login alice makes you alice on any device."]
    assert world.log_in("alice").heard("refused") == []


def test_two_that_differ_change_nothing_nor_does_an_empty_one() -> None:
    alice = World().enter("alice")
    for answers in ((PASSWORD, "correct house", ""), ("",), ("short", ""), (PASSWORD, "", "")):
        alice.line("/register")
        for answer in answers:
            alice.line(answer)
        assert alice.heard("refused") == [("refused",)]
        alice.say("not a password")
        assert not is_account(alice)


def test_an_answer_is_no_command_and_is_not_said() -> None:
    world = World()
    alice, bob = world.enter_all("alice", "bob")
    alice.line("/register")
    alice.line("/quit and more")
    alice.line("/quit and more")
    assert bob.heard() == []
    assert not alice.gone
    bob.quit()
    alice.quit()
    again = world.connect()
    again.login("alice", "/quit and more")
    assert again.heard("entered") == [("entered", "alice", ())]


def test_who_hangs_up_instead_of_an_answer_has_changed_nothing() -> None:
    for way in ("end", "hang_up"):
        world = World()
        alice, bob = world.enter_all("alice", "bob")
        alice.line("/register")
        alice.heard()
        getattr(alice, way)()
        assert bob.heard() == [("left", "alice", "")]
        assert len(world.chat.directory.accounts.all()) == 0


def test_ctrl_d_instead_of_an_answer_is_the_end() -> None:
    world = World()
    world.register("alice").quit()
    somebody = world.connect()
    somebody.enter("alice")
    somebody.send(b"\x04\n")
    assert somebody.gone


def test_a_program_has_to_give_the_password_with_the_request() -> None:
    world = World(JsonClient)
    alice = world.enter("alice")
    alice.ask("register")
    assert code(alice) == "password_needed"
    world.register("bob")
    somebody = world.connect()
    somebody.ask("hello", nick="bob")
    assert code(somebody) == "password_needed"
    somebody.ask("hello", nick="bob", password="wrong horse")
    assert code(somebody) == "login_failed"
    somebody.ask("hello", nick="bob", password=PASSWORD)
    assert welcome(somebody)["nick"] == "bob"
    assert welcome(somebody)["account"] is True


def test_a_program_may_register_as_its_first_request() -> None:
    world = World(JsonClient)
    bob = world.enter("bob")
    alice = world.connect()
    alice.ask("register", nick="alice", password=PASSWORD)
    assert welcome(alice)["nick"] == "alice"
    assert welcome(alice)["account"] is True
    alice.say("hello")
    assert bob.heard() == [("joined", "alice"), ("said", "alice", "hello")]
    for nick in ("alice", "ALICE", "bob", "b0b"):
        somebody = world.connect()
        somebody.ask("register", nick=nick, password=PASSWORD)
        assert code(somebody) == "nick_taken"


# Logging in


def test_the_password_is_asked_for_until_it_is_right_or_the_line_is_empty() -> None:
    world = World()
    world.register("alice").quit()
    somebody = world.connect()
    somebody.enter("alice")
    assert somebody.heard() == [("greeted",), ("asked",)]
    somebody.line("")
    assert somebody.heard() == [("greeted",)]
    somebody.enter("alice")
    assert somebody.heard() == [("asked",)]
    for wrong in ("wrong horse", "correct hoarse"):
        somebody.line(wrong)
        assert somebody.heard() == [("asked",)]
        assert somebody.lines()[-1].startswith("* Wrong name or password. ")
    somebody.line(PASSWORD)
    assert somebody.heard() == [("entered", "alice", ())]


def test_what_is_typed_after_a_password_was_refused_is_no_nickname_and_not_said() -> None:
    world = World()
    world.register("alice").quit()
    bob = world.enter("bob")
    somebody = world.connect()
    for line in ("alice", "mistyped one", PASSWORD):
        somebody.line(line)
    assert somebody.heard("entered") == [("entered", "alice", ("bob",))]
    for line in ("/password", "mistyped one", PASSWORD, "short", "battery staple", "bettery staple", "", "said"):
        somebody.line(line)
    carol = world.enter("carol")
    for line in ("/register", "short", "carol", "battery staple", "battery staple", "said too"):
        carol.line(line)
    assert bob.heard() == [
        ("joined", "alice"), ("said", "alice", "said"), ("joined", "carol"), ("said", "carol", "said too"),
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["/quit", "bye"])
def test_one_leaves_from_a_question_too(word: str) -> None:
    world = World()
    world.register("alice").quit()
    somebody = world.connect()
    somebody.line("alice")
    somebody.line(word)
    assert somebody.gone
    assert somebody.heard("refused", "greeted") == [("greeted",)]


def test_who_gives_no_password_may_take_another_nickname(world: World) -> None:
    world.register("alice").quit()
    somebody = world.connect()
    somebody.enter("alice")
    if isinstance(somebody, TextClient):
        somebody.line("")
    somebody.enter("bob")
    assert somebody.heard("entered") == [("entered", "bob", ())]
    assert not is_account(somebody)


@pytest.mark.parametrize("password", WRONG)
def test_a_wrong_password_lets_nobody_in(world: World, password: str) -> None:
    world.register("alice").quit()
    somebody = world.connect()
    somebody.login("alice", password)
    assert somebody.heard("entered", "refused") == [("refused",)]
    assert world.chat.people == {}
    somebody.login("alice", PASSWORD)
    assert somebody.heard("entered", "refused") == [("entered", "alice", ())]


def test_login_may_be_the_first_line_and_is_followed_by_what_is_said() -> None:
    world = World()
    world.register("alice").quit()
    bob, alice = world.enter("bob"), world.connect()
    alice.send(f"/login alice {PASSWORD}\nhello\n/quit\n".encode())
    assert alice.heard() == [("greeted",), ("entered", "alice", ("bob",))]
    assert bob.heard() == [("joined", "alice"), ("said", "alice", "hello"), ("left", "alice", "")]
    line = next(line for line in alice.lines() if "You are" in line)
    assert line == "* You are alice, in #lobby with bob. /help lists the commands, bye leaves."


def test_login_without_a_password_asks_for_it() -> None:
    world = World()
    world.register("alice").quit()
    alice = world.connect()
    alice.line("/login alice")
    assert alice.heard() == [("greeted",), ("asked",)]
    alice.line(PASSWORD)
    assert alice.heard() == [("entered", "alice", ())]


def test_who_logs_in_reads_what_was_said_before(world: World) -> None:
    alice, bob = world.register("alice"), world.enter("bob")
    bob.say("hello")
    alice.quit()
    alice = world.connect()
    alice.login("alice", PASSWORD)
    assert alice.heard("recalled") == [("recalled", "said", "bob", "hello")]


def test_a_guest_who_logs_in_is_seen_to_leave_once_and_the_account_to_join_once(world: World) -> None:
    world.register("alice").quit()
    bob, somebody = world.enter_all("bob", "somebody")
    bob.say("before")
    somebody.heard()
    somebody.login("alice", PASSWORD)
    somebody.say("it is me")
    shown = bob.heard()
    assert shown == [("left", "somebody", "now alice"), ("joined", "alice"), ("said", "alice", "it is me")]
    assert somebody.heard("entered", "recalled", "said") == [("entered", "alice", ("bob",))]
    bob.say("after")
    assert somebody.heard() == [("said", "bob", "after")]
    world.enter("somebody")  # the nickname is free
    world.after(10 * GRACE)
    assert bob.heard() == [("joined", "somebody")]


def test_a_guest_who_logs_in_to_an_account_that_is_here_is_seen_to_leave_only(world: World) -> None:
    alice = world.register("alice")
    bob, somebody = world.enter_all("bob", "somebody")
    alice.heard()
    somebody.login("alice", PASSWORD)
    assert somebody.heard("entered") == [("entered", "alice", ("bob",))]
    assert bob.heard() == alice.heard() == [("left", "somebody", "now alice")]
    somebody.say("it is me")
    assert bob.heard() == alice.heard() == [("said", "alice", "it is me")]


def test_a_guest_may_log_in_to_the_account_of_the_very_nickname(world: World) -> None:
    """It was made by who runs the server while the guest was here."""
    root = World().chat.settings.nickname("root")
    world = World(world.client, operators=(root,))
    alice, bob = world.enter_all("alice", "bob")
    world.register("root").command("add-account", nick="alice", password="given password")
    bob.heard()
    alice.heard()
    alice.login("alice", "given password")
    assert bob.heard() == [("left", "alice", "now alice"), ("joined", "alice")]
    assert alice.heard("entered") == [("entered", "alice", ("bob", "root"))]


def test_who_is_logged_in_cannot_log_in_again_nor_come_in(world: World) -> None:
    alice = world.register("alice")
    world.register("bob")
    alice.heard()
    alice.login("bob", PASSWORD)
    alice.login("alice", PASSWORD)
    assert alice.heard() == [("refused",), ("refused",)]


def test_a_login_that_could_not_be_saved_leaves_a_guest_a_guest(client: type[Client], logged: LoggedErrors) -> None:
    storage = FailingStorage()
    world = World(client, storage=storage)
    world.register("alice").quit()
    bob, somebody = world.enter_all("bob", "somebody")
    world.settle()
    storage.break_down(DISK_FULL)
    somebody.login("alice", PASSWORD)
    assert somebody.heard("refused", "entered") == [("refused",)]
    storage.recover()
    somebody.say("still here")
    assert bob.heard() == [("said", "somebody", "still here")]
    somebody.login("alice", PASSWORD)
    assert somebody.heard("refused", "entered") == [("entered", "alice", ("bob",))]
    logged.flush("the disk is full")


def test_over_a_restart_an_account_is_what_it_was(client: type[Client]) -> None:
    from .again import again

    world = World(client)
    world.register("Alice")
    world = again(world)
    guest = world.connect()
    guest.enter("alice")
    assert guest.heard("asked") == [("asked",)]
    alice = world.connect()
    alice.login("alice", PASSWORD)
    assert alice.heard("entered") == [("entered", "Alice", ())]


# Looking after it


def test_account_shows_ones_account() -> None:
    world = World()
    alice = world.register("alice")
    alice.command("account")
    assert told(alice) == ["alice, since 2026-11-20; here on 1 device"]
    world.log_in("alice")
    world.enter("bob")
    alice.command("ignore", nick="bob")
    alice.heard()
    alice.command("account")
    assert told(alice) == ["alice, since 2026-11-20; here on 2 devices; ignores bob"]
    bob = world.enter("carol")
    bob.command("account")
    assert told(bob) == ["carol is a guest; /register makes the nickname your own"]


def test_account_for_programs() -> None:
    world = World(JsonClient)
    alice, bob = world.register("alice"), world.enter("bob")
    alice.ask("account")
    facts = {"account": True, "nick": "alice", "since": "2026-11-20", "devices": 1, "operator": False}
    assert alice.told()[-1] == {"answer": "account", **facts}
    bob.ask("account")
    assert bob.told()[-1] == {"answer": "account", "account": False}


def change(person: Client, old: str, new: str) -> None:
    if isinstance(person, JsonClient):
        person.ask("password", old=old, new=new)
    else:
        assert isinstance(person, TextClient)
        person.line("/password")
        for answer in (old, new, new):
            person.line(answer)


def test_another_password_counts_at_once_and_the_old_one_no_more(world: World) -> None:
    alice = world.register("alice")
    change(alice, PASSWORD, "another password")
    assert alice.heard("refused") == []
    somebody = world.connect()
    somebody.login("alice", PASSWORD)
    assert somebody.heard("refused", "entered") == [("refused",)]
    somebody.login("alice", "another password")
    assert somebody.heard("refused", "entered") == [("entered", "alice", ())]


@pytest.mark.parametrize(
    ("old", "new"), [("wrong horse", "another password"), (PASSWORD, "short"), (PASSWORD, "alice")]
)
def test_with_a_wrong_old_one_or_a_weak_new_one_the_password_stays(world: World, old: str, new: str) -> None:
    alice, other = world.register("alice"), world.log_in("alice")
    if isinstance(alice, JsonClient):
        alice.ask("password", old=old, new=new)
    else:
        for line in ("/password", old, *([new] if old == PASSWORD else []), ""):
            alice.line(line)
    assert alice.heard("refused") == [("refused",)]
    assert not other.gone
    assert world.log_in("alice").heard("refused") == []


def test_who_was_here_by_the_old_password_is_told_and_is_not_any_more(world: World) -> None:
    bob = world.enter("bob")
    alice, other, lost = world.register("alice"), world.log_in("alice"), world.log_in("alice")
    bob.heard()
    lost.hang_up()
    change(alice, PASSWORD, "another password")
    assert other.gone
    assert other.heard("refused") == [("refused",)]
    assert "the password was changed; log in again" in other.text()
    assert not alice.gone
    alice.say("still here")
    world.after(10 * GRACE)
    assert bob.heard() == [("said", "alice", "still here")]
    if isinstance(lost, JsonClient):
        back = world.connect()
        back.ask("hello", resume=welcome(lost)["resume"])
        assert code(back) == "resume_unknown"


def test_the_old_hash_is_in_the_store_no_more(client: type[Client]) -> None:
    from chatroom.directory import SERVER_LOG

    world = World(client)
    alice = world.register("alice")
    change(alice, PASSWORD, "another password")
    change(alice, "another password", "a third password")
    world.settle()
    entries = world.storage._logs[SERVER_LOG]  # type: ignore[attr-defined]
    kept = [entry.event.details["hash"] for entry in entries if "hash" in entry.event.details]
    assert kept == [world.chat.directory.accounts.all()[0].hash]


def test_no_password_is_in_the_store(world: World) -> None:
    alice = world.register("alice")
    world.log_in("alice")
    change(alice, PASSWORD, "another password")
    world.settle()
    kept = repr(world.storage._logs)  # type: ignore[attr-defined]
    assert PASSWORD not in kept
    assert "another password" not in kept


def test_who_logs_out_is_asked_for_a_nickname_and_others_see_them_leave(world: World) -> None:
    alice, bob = world.register("alice"), world.enter("bob")
    alice.heard()
    alice.command("logout")
    assert bob.heard() == [("left", "alice", "")]
    bob.say("psst")
    assert alice.heard("said", "refused") == []
    assert not alice.gone
    alice.say("carol")
    if isinstance(alice, JsonClient):
        alice.enter("carol")
    assert alice.heard("entered") == [("entered", "carol", ("bob",))]
    assert not is_account(alice)
    alice.say("hello")
    assert bob.heard() == [("joined", "carol"), ("said", "carol", "hello")]


def test_who_logs_out_on_one_device_stays_on_the_others(world: World) -> None:
    alice, bob = world.register("alice"), world.enter("bob")
    other = world.log_in("alice")
    other.command("logout")
    world.after(2 * GRACE)
    assert bob.heard() == []
    alice.say("still here")
    assert bob.heard() == [("said", "alice", "still here")]
    other.login("alice", PASSWORD)
    assert other.heard("entered") == [("entered", "alice", ("bob",))]


def test_who_logs_out_and_takes_no_nickname_in_time_is_let_go(world: World) -> None:
    alice = world.register("alice")
    alice.command("logout")
    world.after(100)
    assert alice.gone
