"""Who is let in, and as whom: passwords that are guessed or overheard, kept names, closed doors. Whatever one speaks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chatroom.names import nickname
from chatroom.settings import Plaintext

from .again import again
from .chatting import CLIENTS, PASSWORD, Client, JsonClient, TextClient, World, WrappedTextClient
from .test_resume import code, welcome

ELSEWHERE, FURTHER = "192.0.2.1", "198.51.100.7"

SECRET = "open sesame"
"""The server's password."""


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> type[Client]:
    return CLIENTS[request.param]


@pytest.fixture
def world(client: type[Client]) -> World:
    return World(client)


def outcome(person: Client) -> list[Any]:
    """What became of wanting in."""
    return [one[:2] for one in person.heard("entered", "refused", "asked")]


IN = [("entered", "alice")]
NO = [("refused",)]


def words(person: TextClient) -> str:
    """The last that the server said."""
    return person.lines()[-1]


# The same whether there is an account


@pytest.mark.parametrize("nick", ["nobody", "server", "no good!", "x" * 40, "1st", "bob", "a\u0430"])
def test_a_wrong_password_and_a_name_without_an_account_are_refused_in_the_same_words(world: World, nick: str) -> None:
    world.register("alice").quit()
    world.enter("bob")
    said = []
    for name in ("alice", nick.replace(" ", "")):
        somebody = world.connect()
        somebody.command("login", nick=name, password="wrong horse")
        assert outcome(somebody) == NO
        said.append(words(somebody))
        if isinstance(somebody, JsonClient):
            assert code(somebody) == "login_failed"
    assert said[0] == said[1]


def test_whois_tells_nobody_whether_there_is_an_account(world: World) -> None:
    world.register("alice").quit()
    bob = world.enter("bob")
    said = []
    for nick in ("alice", "carol"):
        bob.command("whois", nick=nick)
        said.append(words(bob).replace(nick, "NICK"))
    assert said[0] == said[1]


# Guessing


def test_a_sixth_wrong_login_within_a_minute_is_not_looked_at(world: World) -> None:
    world.register("alice").quit()
    somebody = world.connect(ELSEWHERE)
    for _ in range(5):
        somebody.command("login", nick="alice", password="wrong horse")
        assert outcome(somebody) == NO
    somebody.command("login", nick="alice", password=PASSWORD)
    assert outcome(somebody) == NO
    assert "too many tries to log in; try again in 60 seconds" in words(somebody)
    world.after(61)
    somebody = world.connect(ELSEWHERE)
    somebody.login("alice", PASSWORD)
    assert outcome(somebody) == IN


def test_one_counter_counts_for_all_formats_protocols_and_ways_of_asking() -> None:
    world = World()
    world.register("alice").quit()
    by_line, wrapped, program, resident, prompted = (
        world.connect(ELSEWHERE, client)
        for client in (TextClient, WrappedTextClient, JsonClient, TextClient, TextClient)
    )
    resident.enter("bob")
    world.settle()
    by_line.line("/login alice wrong horse")
    wrapped.line("/login ALICE wrong horse")
    program.ask("hello", nick="Alice", password="wrong horse")
    resident.line("/login alice wrong horse")
    prompted.enter("alice")
    prompted.line("wrong horse")
    world.settle()
    for client in CLIENTS.values():
        somebody = world.connect(ELSEWHERE, client)
        somebody.login("alice", PASSWORD)
        assert outcome(somebody) == NO
    assert code(somebody) == "too_many_logins"
    assert 0 < somebody.told()[-1]["refused"]["seconds"] <= 60


def test_the_owner_still_gets_in_from_elsewhere_and_others_from_there_do_too(world: World) -> None:
    world.register("alice").quit()
    world.register("bob").quit()
    guessing = world.connect(ELSEWHERE)
    for _ in range(8):
        guessing.command("login", nick="alice", password="wrong horse")
    guessing.heard()
    owner, other = world.connect(FURTHER), world.connect(ELSEWHERE)
    owner.login("alice", PASSWORD)
    other.login("bob", PASSWORD)
    assert outcome(owner) == IN
    assert outcome(other) == [("entered", "bob")]


def test_right_logins_are_not_counted(world: World) -> None:
    world.register("alice")
    for _ in range(12):
        device = world.connect(ELSEWHERE)
        device.login("alice", PASSWORD)
        assert outcome(device) == IN
        device.quit()


def test_names_are_counted_whether_there_is_an_account_or_not(world: World) -> None:
    for nick in ("nobody", "no good!"):
        somebody = world.connect(ELSEWHERE)
        for _ in range(6):
            somebody.command("login", nick=nick.replace(" ", ""), password="wrong horse")
        assert "too many tries" in words(somebody)


def test_from_one_address_not_even_many_names_are_tried(world: World) -> None:
    somebody = world.connect(ELSEWHERE)
    for n in range(20):
        somebody.command("login", nick=f"nobody{n}", password="wrong horse")
        assert "too many" not in words(somebody)
    somebody.command("login", nick="nobody", password="wrong horse")
    assert "too many tries" in words(somebody)


def test_an_old_password_that_is_wrong_is_counted_as_a_login() -> None:
    world = World(JsonClient)
    alice = world.register("alice")
    for _ in range(5):
        alice.ask("password", old="wrong horse", new="another password")
        assert code(alice) == "login_failed"
    alice.ask("password", old=PASSWORD, new="another password")
    assert code(alice) == "too_many_logins"


def test_accounts_made_from_one_address_are_counted() -> None:
    world = World(JsonClient)
    for n in range(11):
        somebody = world.connect(ELSEWHERE)
        somebody.ask("register", nick=f"somebody{n}", password=PASSWORD)
        assert "welcome" in somebody.told()[-2] if n < 10 else code(somebody) == "too_many_registrations", n
    other = world.connect(FURTHER)
    other.ask("register", nick="other", password=PASSWORD)
    assert welcome(other)["nick"] == "other"


# Overhearing


WARNING = "this connection has no TLS"


@pytest.mark.parametrize("address", [ELSEWHERE, "127.0.0.1", "::1", "2001:db8::1"])
@pytest.mark.parametrize("plaintext", ["allow", "warn", "refuse"])
def test_a_password_over_a_connection_that_others_can_read(client: type[Client], plaintext: str, address: str) -> None:
    world = World(client, plaintext=Plaintext(plaintext))
    world.register("alice").quit()
    world.settle()
    remote = address in (ELSEWHERE, "2001:db8::1")
    somebody = world.connect(address)
    somebody.login("alice", PASSWORD)
    assert outcome(somebody) == (NO if remote and plaintext == "refuse" else IN)
    assert (WARNING in somebody.text()) == (remote and plaintext == "warn")
    guest = world.connect(address)
    guest.enter("bob")
    guest.heard()
    guest.register(PASSWORD)
    refused = bool(guest.heard("refused"))
    assert refused == (remote and plaintext == "refuse")
    assert (WARNING in guest.text()) == (remote and plaintext == "warn")


def test_where_it_is_refused_it_is_not_even_asked_for() -> None:
    world = World(TextClient, plaintext=Plaintext.REFUSE, password=SECRET)
    local = world.connect()
    local.enter("alice")
    local.line(SECRET)
    local.register(PASSWORD)
    world.settle()
    for asking in (["alice"], ["/login alice"], ["/login alice " + PASSWORD], ["bob"]):
        somebody = world.connect(ELSEWHERE)
        for line in asking:
            somebody.line(line)
        assert outcome(somebody) == NO
        assert "over TLS only" in words(somebody)


def test_where_it_is_refused_a_guest_registers_and_changes_nothing() -> None:
    world = World(TextClient, plaintext=Plaintext.REFUSE)
    bob = world.connect(ELSEWHERE)
    bob.enter("bob")
    bob.line("/register")
    assert outcome(bob) == [("entered", "bob"), *NO]
    bob.line("/register " + PASSWORD)
    assert outcome(bob) == NO
    assert len(world.chat.directory.accounts.all()) == 0


def test_for_programs_that_has_a_code() -> None:
    world = World(JsonClient, plaintext=Plaintext.REFUSE)
    world.register("alice").quit()
    somebody = world.connect(ELSEWHERE)
    for hello in ({"nick": "alice", "password": PASSWORD}, {"nick": "alice"}):
        somebody.ask("hello", **hello)
        assert code(somebody) == "plaintext_password"


# Operators


KEPT = ["root", "ROOT", "r00t", "rооt"]
"""An operator's name, and what looks like it."""


@pytest.mark.parametrize("nick", KEPT)
def test_an_operators_name_is_not_registered_from_elsewhere(client: type[Client], nick: str) -> None:
    world = World(client, operators=[nickname("root")])
    somebody = world.connect(ELSEWHERE)
    somebody.enter(nick)
    if not somebody.heard("entered"):
        return  # it mixes scripts
    somebody.register(PASSWORD)
    assert somebody.heard("refused") == NO
    assert len(world.chat.directory.accounts.all()) == 0
    if client is JsonClient:
        other = world.connect(ELSEWHERE)
        other.ask("register", nick="root2", password=PASSWORD)
        assert welcome(other)["nick"] == "root2"
        other = world.connect(ELSEWHERE)
        somebody.quit()
        world.settle()
        other.ask("register", nick=nick, password=PASSWORD)
        assert code(other) == "operator_name"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"])
def test_it_is_from_this_machine_and_is_an_operators(client: type[Client], address: str) -> None:
    world = World(client, operators=[nickname("root")])
    root = world.connect(address)
    root.enter("root")
    root.register(PASSWORD)
    assert root.heard("refused") == []
    root.command("accounts")
    assert root.heard("refused") == []
    account = world.chat.directory.accounts.all()[0]
    assert world.chat.is_operator(account)


def test_a_name_that_looks_like_an_operators_is_no_operators(client: type[Client]) -> None:
    world = World(client, operators=[nickname("root")])
    other = world.connect()
    other.enter("r00t")
    other.register(PASSWORD)
    other.heard()
    other.command("accounts")
    assert other.heard("refused") == NO


def test_with_the_claim_code_it_is_registered_from_anywhere(client: type[Client]) -> None:
    world = World(client, operators=[nickname("root")])
    root = world.connect(ELSEWHERE)
    root.enter("root")
    root.command("claim", code=world.chat.claim_code)
    root.register(PASSWORD)
    root.command("accounts")
    assert root.heard("refused") == []
    assert world.chat.directory.accounts.all()[0].operator


def test_a_guest_who_gave_the_code_is_an_operator_once_registered(client: type[Client]) -> None:
    world = World(client)
    alice = world.connect(ELSEWHERE)
    alice.enter("alice")
    alice.heard()
    alice.command("claim", code=world.chat.claim_code)
    alice.command("accounts")
    assert alice.heard("refused") == NO
    alice.register(PASSWORD)
    alice.command("accounts")
    assert alice.heard("refused") == []


def test_an_account_that_gives_the_code_is_an_operator_at_once_also_after_a_restart(client: type[Client]) -> None:
    world = World(client)
    alice = world.register("alice")
    alice.command("claim", code=world.chat.claim_code)
    alice.command("accounts")
    assert alice.heard("refused") == []
    world = again(world)
    alice = world.log_in("alice")
    alice.command("accounts")
    assert alice.heard("refused") == []


def test_the_code_is_used_up_by_the_first_who_is_made_operator(client: type[Client]) -> None:
    world = World(client)
    alice, bob, carol = world.register("alice"), world.enter("bob"), world.enter("carol")
    carol.command("claim", code=world.chat.claim_code)
    assert carol.heard("refused") == []
    alice.command("claim", code=world.chat.claim_code)
    world.settle()
    bob.heard()
    bob.command("claim", code=world.chat.claim_code)
    assert bob.heard("refused") == NO
    carol.register(PASSWORD)  # who gave it before is too late
    carol.command("accounts")
    assert carol.heard("refused") == NO
    assert [account.operator for account in world.chat.directory.accounts.all()] == [True, False]


def test_a_wrong_code_is_refused_and_counted(client: type[Client]) -> None:
    world = World(client)
    alice = world.connect(ELSEWHERE)
    alice.enter("alice")
    alice.heard()
    for wrong in ("0000", world.chat.claim_code[:-1], world.chat.claim_code.upper() + "0", "é", "x" * 300):
        alice.command("claim", code=wrong)
        assert alice.heard() == NO
        assert "too many" not in words(alice)
    alice.command("claim", code=world.chat.claim_code)
    assert alice.heard() == NO
    assert "too many" in words(alice)


def test_who_gave_the_code_registers_no_kept_name_after_it_was_used(client: type[Client]) -> None:
    world = World(client, operators=[nickname("root")])
    alice, root = world.register("alice"), world.connect(ELSEWHERE)
    root.enter("root")
    root.command("claim", code=world.chat.claim_code)
    world.settle()
    alice.command("claim", code=world.chat.claim_code)
    world.settle()
    root.heard()
    root.register(PASSWORD)
    assert root.heard("refused") == NO


def test_a_guests_claim_is_theirs_alone(client: type[Client]) -> None:
    world = World(client)
    alice = world.enter("alice")
    alice.command("claim", code=world.chat.claim_code)
    alice.quit()
    world.settle()
    later = world.register("alice")
    later.command("accounts")
    assert later.heard("refused") == NO


def test_only_the_first_start_has_a_code_which_stays_good_until_it_is_used(client: type[Client]) -> None:
    world = World(client)
    first = world.chat.claim_code
    assert len(first) >= 16
    world = again(world)
    assert world.chat.claim_code == ""
    alice = world.register("alice")
    alice.command("claim", code=first)
    alice.command("accounts")
    assert alice.heard("refused") == []
    world = again(world)
    bob = world.register("bob")
    bob.command("claim", code=first)
    assert bob.heard("refused") == NO


def test_the_code_itself_is_not_in_the_store(world: World) -> None:
    assert world.chat.claim_code not in repr(world.storage._logs)  # type: ignore[attr-defined]


# Closed doors


def test_where_registration_is_closed_only_operators_make_accounts(client: type[Client]) -> None:
    world = World(client)
    world.register("root").quit()
    world = again(world, registration=False, operators=[nickname("root")])
    alice = world.enter("alice")
    alice.register(PASSWORD)
    assert alice.heard() == NO
    alice.say("still a guest")
    root = world.log_in("root")
    root.command("add-account", nick="bob", password=PASSWORD)
    assert root.heard("refused") == []
    assert world.log_in("bob").heard("refused") == []
    if client is JsonClient:
        program = world.connect()
        program.ask("register", nick="carol", password=PASSWORD)
        assert code(program) == "registration_closed"


def test_where_guests_are_not_let_in_people_are_asked_to_register() -> None:
    world = World(TextClient, guests=False)
    alice = world.connect()
    alice.enter("alice")
    for _ in range(2):
        assert alice.heard("asked", "entered") == [("asked",)]
        alice.line(PASSWORD)
    assert alice.heard("entered") == [("entered", "alice", ())]
    assert world.chat.directory.accounts.all()[0].name.shown == "alice"
    alice.quit()
    assert outcome(world.log_in("alice")) == []


def test_where_guests_are_not_let_in_two_passwords_that_differ_let_nobody_in() -> None:
    world = World(TextClient, guests=False)
    alice = world.connect()
    for lines in (("alice", PASSWORD, "correct house"), ("alice", ""), ("alice", "short")):
        for line in lines:
            alice.line(line)
        assert "entered" not in [one[0] for one in alice.heard()]
    assert world.chat.people == {}


def test_where_guests_are_not_let_in_programs_register_with_a_nickname() -> None:
    world = World(JsonClient, guests=False)
    alice = world.connect()
    alice.ask("hello", nick="alice")
    assert code(alice) == "password_needed"
    alice.ask("register", nick="alice", password=PASSWORD)
    assert welcome(alice)["account"] is True


def test_where_neither_is_open_only_accounts_come_in(client: type[Client]) -> None:
    world = World(client)
    world.register("alice").quit()
    world = again(world, guests=False, registration=False)
    bob = world.connect()
    bob.enter("bob")
    assert outcome(bob) == NO
    alice = world.connect()
    alice.login("alice", PASSWORD)
    assert outcome(alice) == IN


# The server's password


def with_password(client: type[Client], **more: Any) -> World:
    world = World(client)
    world.register("alice").quit()
    world.settle()
    return again(world, password=SECRET, **more)


def test_who_has_no_account_is_asked_for_the_servers_password() -> None:
    world = with_password(TextClient)
    bob = world.connect()
    bob.enter("bob")
    assert outcome(bob) == [("asked",)]
    bob.line("wrong sesame")
    assert outcome(bob) == [("asked",)]
    bob.line(SECRET)
    assert outcome(bob) == [("entered", "bob")]
    assert SECRET not in repr(world.storage._logs)  # type: ignore[attr-defined]


def test_it_is_asked_for_once_on_a_connection() -> None:
    world = with_password(TextClient)
    carol = world.connect()
    carol.enter("no good!")
    assert outcome(carol) == NO
    carol.enter("carol")
    carol.line(SECRET)
    assert outcome(carol) == [("asked",), ("entered", "carol")]
    bob = world.connect()
    bob.enter("carol")  # taken
    bob.line(SECRET)
    assert outcome(bob) == [("asked",), *NO]
    bob.enter("bob")
    assert outcome(bob) == [("entered", "bob")]


def test_programs_give_the_servers_password_with_their_hello() -> None:
    world = with_password(JsonClient)
    bob = world.connect()
    bob.ask("hello", nick="bob")
    assert code(bob) == "password_needed"
    bob.ask("hello", nick="bob", server_password="wrong sesame")
    assert code(bob) == "password_wrong"
    bob.ask("register", nick="bob", password=PASSWORD)
    assert code(bob) == "password_needed"
    bob.ask("hello", nick="bob", server_password=SECRET)
    assert welcome(bob)["nick"] == "bob"


def test_who_has_an_account_needs_none(client: type[Client]) -> None:
    world = with_password(client)
    alice = world.connect()
    alice.login("alice", PASSWORD)
    assert outcome(alice) == IN


def test_wrong_ones_are_counted() -> None:
    world = with_password(TextClient)
    for client in (TextClient, JsonClient):
        for n in range(3):
            bob = world.connect(ELSEWHERE, client)
            if client is JsonClient:
                bob.ask("hello", nick="bob", server_password="wrong sesame" if n < 2 else SECRET)
            else:
                bob.enter("bob")
                bob.line("wrong sesame")
            assert outcome(bob)[-1:] == (NO if client is JsonClient else [("asked",)])
    assert code(bob) == "too_many_logins"
    other = world.connect(FURTHER)
    other.enter("carol")
    other.line(SECRET)
    assert outcome(other) == [("asked",), ("entered", "carol")]


# Passwords over connections that others can read, whoever's


def plaintext_from_now_on(world: World, plaintext: Plaintext) -> None:
    """As if the server had been started so."""
    world.chat.settings = replace(world.chat.settings, plaintext=plaintext)


NEW = "another password"

PASSWORDS: dict[str, dict[str, object]] = {
    "password": {"old": PASSWORD, "new": NEW},
    "set-password": {"nick": "alice", "password": NEW},
    "add-account": {"nick": "dave", "password": NEW},
}


def give(person: Client, command: str) -> None:
    """Ask for it with all that it takes, or answer what is asked."""
    if command == "password" and isinstance(person, TextClient):
        person.line("/password")
        for answer in (PASSWORD, NEW, NEW) if person.heard("asked") else ():
            person.line(answer)
    else:
        person.command(command, **PASSWORDS[command])  # type: ignore[arg-type]
    person.world.settle()


def remote_operator(client: type[Client]) -> tuple[World, Any]:
    """Who came in when a password could be sent."""
    world = World(client, plaintext=Plaintext.ALLOW, operators=[nickname("root")])
    world.register("alice").quit()
    world.register("root").quit()
    root = world.connect(ELSEWHERE)
    root.login("root", PASSWORD)
    root.heard()
    return world, root


@pytest.mark.parametrize("command", PASSWORDS)
@pytest.mark.parametrize("given", [True, False])
def test_where_it_is_refused_nobody_gives_a_password_of_their_own_or_anothers(
    client: type[Client], command: str, given: bool
) -> None:
    world, root = remote_operator(client)
    plaintext_from_now_on(world, Plaintext.REFUSE)
    before = [(account.id, account.hash) for account in world.chat.directory.accounts.all()]
    if given:
        give(root, command)
    else:
        root.command(command, **({} if command == "password" else {"nick": PASSWORDS[command]["nick"]}))
    if command != "password" or given or isinstance(root, JsonClient):
        assert root.heard("asked") == []
    assert "over TLS only" in words(root)
    if isinstance(root, JsonClient):
        assert code(root) == "plaintext_password"
    assert [(account.id, account.hash) for account in world.chat.directory.accounts.all()] == before
    assert not root.gone


def test_where_it_is_refused_the_servers_password_is_not_taken_from_programs_either() -> None:
    world = World(JsonClient, plaintext=Plaintext.REFUSE, password=SECRET)
    for given in (SECRET, "wrong sesame"):
        somebody = world.connect(ELSEWHERE)
        somebody.ask("hello", nick="bob", server_password=given)
        assert code(somebody) == "plaintext_password"
        assert somebody.heard("entered") == []
    local = world.connect()
    local.ask("hello", nick="bob", server_password=SECRET)
    assert welcome(local)["nick"] == "bob"


@pytest.mark.parametrize("command", PASSWORDS)
@pytest.mark.parametrize("address", [ELSEWHERE, "127.0.0.1"])
def test_where_it_is_warned_of_one_is_told_after_each(client: type[Client], command: str, address: str) -> None:
    world, remote = remote_operator(client)
    root = remote if address == ELSEWHERE else world.log_in("root")
    plaintext_from_now_on(world, Plaintext.WARN)
    assert WARNING not in root.text()
    give(root, command)
    assert root.heard("refused") == []
    assert (WARNING in root.text()) == (address == ELSEWHERE)


@pytest.mark.parametrize("address", [ELSEWHERE, "127.0.0.1"])
def test_so_is_who_gave_the_servers_password(client: type[Client], address: str) -> None:
    world = World(client, password=SECRET)
    bob = world.connect(address)
    if isinstance(bob, JsonClient):
        bob.ask("hello", nick="bob", server_password=SECRET)
    else:
        bob.enter("bob")
        bob.line(SECRET)
    assert bob.heard("entered") == [("entered", "bob", ())]
    assert (WARNING in bob.text()) == (address == ELSEWHERE)


# No answer is no try


NO_ANSWER = ["empty", "ctrl-d", "end", "hang_up"]


def give_no_answer(person: TextClient, way: str) -> None:
    person.world.settle()
    if way in ("empty", "ctrl-d"):
        person.line("" if way == "empty" else "\x04")
    else:
        getattr(person, way)()
    person.world.settle()


@pytest.mark.parametrize("kind", [TextClient, WrappedTextClient])
@pytest.mark.parametrize("way", NO_ANSWER)
@pytest.mark.parametrize("asked", [["alice"], ["/login alice"], ["bob", "/login alice"]])
def test_who_gives_no_password_has_not_tried_one(kind: type[TextClient], way: str, asked: list[str]) -> None:
    world = World(kind)
    world.register("alice").quit()
    world.settle()
    for n in range(30):
        somebody = world.connect(ELSEWHERE)
        for line in asked:
            somebody.line(line.replace("bob", f"bob{n}"))
        give_no_answer(somebody, way)
        assert "wrong name" not in somebody.text()
    alice = world.connect(ELSEWHERE)
    alice.login("alice", PASSWORD)
    assert outcome(alice) == IN


@pytest.mark.parametrize("kind", [TextClient, WrappedTextClient])
@pytest.mark.parametrize("way", NO_ANSWER)
def test_nor_has_who_gives_no_old_one(kind: type[TextClient], way: str) -> None:
    world = World(kind)
    world.register("alice")
    for _ in range(10):
        alice = world.connect(ELSEWHERE)
        alice.login("alice", PASSWORD)
        assert outcome(alice) == IN
        alice.line("/password")
        give_no_answer(alice, way)
        alice.quit()
        world.settle()


@pytest.mark.parametrize("kind", [TextClient, WrappedTextClient])
@pytest.mark.parametrize("way", NO_ANSWER)
def test_nor_has_who_does_not_give_the_servers(kind: type[TextClient], way: str) -> None:
    world = World(kind, password=SECRET)
    for n in range(30):
        somebody = world.connect(ELSEWHERE)
        somebody.enter(f"bob{n}")
        give_no_answer(somebody, way)
        assert outcome(somebody)[:1] == [("asked",)]
    bob = world.connect(ELSEWHERE)
    bob.enter("bob")
    bob.line(SECRET)
    assert outcome(bob) == [("asked",), ("entered", "bob")]
    wrong = world.connect(FURTHER)
    wrong.enter("carol")
    for _ in range(5):
        wrong.line("wrong sesame")
    wrong.line(SECRET)
    assert "too many tries" in words(wrong).lower()
