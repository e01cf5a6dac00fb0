"""What happens to an account while something else does: whoever is faster, nobody is here who should not be, and nobody is
kept waiting for who does not read. Whatever one speaks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, ensureDeferred, succeed

from chatroom.device import DEVICES
from chatroom.directory import SERVER_LOG
from chatroom.event import Kind
from chatroom.names import nickname

from .again import again
from .chatting import CLIENTS, PASSWORD, Client, FailingStorage, JsonClient, Shown, SlowStorage, World
from .support import LoggedErrors
from .test_accounts import change
from .test_devices import add_account, commit_all
from .test_forgetting import Unforgetting, forget
from .test_inbox import kept, news, returned
from .test_resume import back, code, token, welcome

GRACE = 10.0

OTHER = "another password"

PEOPLE_CLIENTS = {name: client for name, client in CLIENTS.items() if client is not JsonClient}
"""What asks questions."""


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> type[Client]:
    return CLIENTS[request.param]


@pytest.fixture(params=PEOPLE_CLIENTS)
def person_client(request: pytest.FixtureRequest) -> type[Client]:
    return PEOPLE_CLIENTS[request.param]


@pytest.fixture
def world(client: type[Client]) -> World:
    return World(client, grace=GRACE, logins_a_minute=0, logins_of_address_a_minute=0)


ROOT = {"operators": [nickname("root")]}


class Verifying:
    """Tells whether a password was right when the test says so, once it is held."""

    def __init__(self, world: World) -> None:
        self.held = False
        self._waiting: deque[Callable[[], object]] = deque()
        hasher: Any = world.chat.hasher
        self._verify = hasher.verify
        hasher.verify = self.verify

    def verify(self, kept: str, password: str) -> Deferred[bool]:
        verified: Deferred[bool] = self._verify(kept, password)
        if not self.held:
            return verified
        later: Deferred[bool] = Deferred()
        self._waiting.append(lambda: verified.chainDeferred(later))
        return later

    def go_on(self) -> None:
        """The oldest is known now."""
        self._waiting.popleft()()


def here(world: World) -> dict[str, int]:
    """Who is here, on how many devices."""
    return {person.name.shown: len(person.devices) for person in world.chat.people.values()}


def is_refused(person: Client, why: str) -> bool:
    """Whether the one thing that was asked was refused so, and nobody came in."""
    shown = person.heard("entered", "refused")
    return shown == [("refused",)] and (not isinstance(person, JsonClient) or code(person) == why)


def present(shown: list[Shown]) -> set[str]:
    """Who came and did not go, as somebody was shown it."""
    come: set[str] = set()
    for one in shown:
        if one[0] == "joined":
            assert one[1] not in come
            come.add(one[1])
        elif one[0] == "left":
            come.remove(one[1])
    return come


def logs_of(world: World) -> dict[str, list[Any]]:
    storage: Any = world.storage
    while not hasattr(storage, "_logs"):
        storage = storage.storage
    found: dict[str, list[Any]] = storage._logs
    return found


def followed(world: World) -> dict[str, int]:
    """How many follow which log."""
    storage: Any = world.storage
    while not hasattr(storage, "_followers"):
        storage = storage.storage
    return {log: len(followers) for log, followers in storage._followers._of.items()}


def commit_until(world: World, storage: SlowStorage, kind: Kind) -> None:
    """Until something of this kind is committed, and nothing after it: the moment to kill the server."""
    world.settle()
    while storage.under_way:
        batch = storage._commits[0][0]
        storage.commit()
        if any(event.kind is kind for _, event in batch):
            return
        world.settle()
    raise AssertionError(f"nothing {kind} was to be committed")


def come_back_all(world: World, storage: SlowStorage) -> None:
    """All reads that are under way come back, and further ones at once."""
    storage.slow_reads = False
    while storage.reads_under_way:
        storage.come_back()
    world.settle()


# Coming in, when the inbox cannot be read on


@pytest.mark.parametrize("position", ["999", "no position", ""])
@pytest.mark.parametrize("is_here", [False, True])
@pytest.mark.parametrize("one_connection", [False, True])
def test_a_wrong_position_in_the_inbox_is_refused_and_leaves_nobody_behind(
    client: type[Client], position: str, is_here: bool, one_connection: bool
) -> None:
    world = World(client, grace=GRACE)
    bob, alice = world.enter("bob"), world.register("alice")
    if not is_here:
        alice.quit()
    bob.heard()
    asking = world.connect(client=JsonClient)
    for _ in range(DEVICES):
        if not one_connection:
            asking = world.connect(client=JsonClient)
        asking.ask("hello", nick="alice", password=PASSWORD, inbox={"after": position})
        assert code(asking) == "position_unknown"
        assert asking.heard("entered") == []
        assert here(world) == {"bob": 1, **({"alice": 1} if is_here else {})}
    assert present(bob.heard()) == set()
    assert len(world.chat.devices) == sum(one.connection is not None for one in world.chat.devices.values())
    asking.login("alice", PASSWORD)
    assert asking.heard("entered", "refused") == [("entered", "alice", ("bob",))]
    assert present(bob.heard()) == (set() if is_here else {"alice"})
    asking.quit()
    if is_here:
        alice.quit()
    world.after(3 * GRACE)
    assert here(world) == {"bob": 1}


@pytest.mark.parametrize("is_here", [False, True])
def test_who_comes_in_while_their_inbox_cannot_be_read_leaves_nobody_behind(
    client: type[Client], is_here: bool, logged: LoggedErrors
) -> None:
    storage = FailingStorage()
    world = World(client, storage=storage, grace=GRACE)
    bob, alice = world.enter("bob"), world.register("alice")
    if not is_here:
        alice.quit()
    bob.heard()
    before = followed(world)
    storage.failing_reads = OSError("the disk does not answer")
    for _ in range(3):
        late = world.connect()
        late.login("alice", PASSWORD)
        assert late.heard("entered") == []
        assert here(world) == {"bob": 1, **({"alice": 1} if is_here else {})}
        assert followed(world) == before
    assert present(bob.heard()) == set()
    storage.failing_reads = None
    world.after(3 * GRACE)
    assert present(bob.heard()) == set()
    late = world.log_in("alice")
    late.say("here now")
    assert [one for one in bob.heard() if one[0] != "joined"] == [("said", "alice", "here now")]
    bob.msg("alice", "psst")
    assert late.heard("private") == [("private", "bob", "psst")]
    logged.flush(OSError)


# A password that was right a moment ago


HOW = ["password", "set-password", "forget-me", "forget-me and register"]
"""How it comes not to be right any more."""


def make_it_wrong(world: World, how: str, alice: Client, root: Client) -> None:
    if how == "password":
        change(alice, PASSWORD, OTHER)
    elif how == "set-password":
        root.command("set-password", nick="alice", password=OTHER)
    else:
        forget(alice)
    world.settle()
    if how == "forget-me and register":
        anew = world.enter("alice")
        anew.register(OTHER)
        world.settle()


@pytest.mark.parametrize("how", HOW)
def test_a_login_whose_password_was_looked_at_while_it_was_changed_is_refused(client: type[Client], how: str) -> None:
    world = World(client, grace=GRACE, **ROOT)
    verifying = Verifying(world)
    root, alice = world.register("root"), world.register("alice")
    verifying.held = True
    thief = world.connect()
    thief.login("alice", PASSWORD)
    world.settle()
    verifying.held = False
    make_it_wrong(world, how, alice, root)
    before = here(world)
    verifying.go_on()
    world.settle()
    assert is_refused(thief, "login_failed")
    assert here(world) == before
    thief.login("alice", OTHER)
    assert bool(thief.heard("entered")) == (how != "forget-me")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("is_guest", [False, True])
def test_so_is_the_login_of_a_guest_and_they_stay_a_guest(client: type[Client], how: str, is_guest: bool) -> None:
    world = World(client, grace=GRACE, **ROOT)
    verifying = Verifying(world)
    root, alice = world.register("root"), world.register("alice")
    thief = world.enter("carol") if is_guest else world.connect()
    verifying.held = True
    thief.command("login", nick="alice", password=PASSWORD)
    world.settle()
    verifying.held = False
    make_it_wrong(world, how, alice, root)
    root.heard()
    verifying.go_on()
    world.settle()
    assert is_refused(thief, "login_failed")
    assert ("carol" in here(world)) == is_guest
    assert root.heard("joined", "left") == []


@pytest.mark.parametrize("how", HOW[:3])
def test_so_is_one_that_waits_behind_another_login_of_the_account(client: type[Client], how: str) -> None:
    storage = SlowStorage()
    world = World(client, storage=storage, grace=GRACE, **ROOT)
    root, alice = world.register("root"), world.register("alice")
    root.heard()
    storage.slow = True
    first, second = world.connect(), world.connect()
    first.login("alice", PASSWORD)
    second.login("alice", PASSWORD)
    world.settle()
    make_it_wrong(world, how, alice, root)
    commit_all(world, storage)
    storage.slow = False
    world.settle()
    for thief in (first, second):  # not let in, or let in before and out again with all others
        assert thief.heard("entered", "refused")[-1:] == [("refused",)]
    assert alice.gone == (how != "password")
    assert here(world) == {"root": 1, **({"alice": 1} if how == "password" else {})}
    for thief in (first, second):
        thief.say("still here?")
    world.after(3 * GRACE)
    assert root.heard("said") == []
    assert here(world) == {"root": 1, **({"alice": 1} if how == "password" else {})}
    if how == "forget-me":
        assert not [entry for entries in logs_of(world).values() for entry in entries if entry.event.nick == "alice"]


@pytest.mark.parametrize("how", HOW[:3])
@pytest.mark.parametrize("is_here", [False, True])
def test_so_is_one_that_comes_while_the_change_is_being_saved(client: type[Client], how: str, is_here: bool) -> None:
    storage = SlowStorage()
    world = World(client, storage=storage, grace=GRACE, **ROOT)
    root, alice = world.register("root"), world.register("alice")
    if how == "set-password" and not is_here:
        alice.quit()
        world.settle()
    storage.slow = True
    make_it_wrong(world, how, alice, root)
    thief = world.connect()
    thief.login("alice", PASSWORD)
    commit_all(world, storage)
    storage.slow = False
    world.settle()
    assert is_refused(thief, "login_failed")
    assert here(world) == {"root": 1, **({"alice": 1} if how == "password" else {})}


def test_so_are_those_who_are_the_first_to_come(client: type[Client]) -> None:
    storage = SlowStorage()
    world = World(client, storage=storage, grace=GRACE, **ROOT)
    root, alice = world.register("root"), world.register("alice")
    alice.quit()
    root.heard()
    storage.slow = True
    first, second, third = (world.connect() for _ in range(3))
    for thief in (first, second, third):
        thief.login("alice", PASSWORD)
    world.settle()
    root.command("set-password", nick="alice", password=OTHER)
    commit_all(world, storage)
    for thief in (first, second, third):
        assert thief.heard("entered", "refused")[-1:] == [("refused",)]
    commit_all(world, storage)
    assert here(world) == {"root": 1}
    assert present(root.heard("joined", "left")) == set()
    storage.slow = False
    world.log_in("alice")
    assert here(world) == {"root": 1}
    late = world.connect()
    late.login("alice", OTHER)
    assert late.heard("entered") == [("entered", "alice", ("root",))]


# Out at once, whatever the storage can


WAYS = ["password", "set-password"]


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("blanking", ["fails", "lasts"])
def test_the_other_devices_are_out_at_once_though_the_old_hash_cannot_be_taken_out_of_the_store(
    client: type[Client], how: str, blanking: str
) -> None:
    storage = Unforgetting()
    storage.fails = 10**9 if blanking == "fails" else 0
    world = World(client, storage=storage, grace=GRACE, **ROOT)
    root, alice = world.register("root"), world.register("alice")
    other, lost = world.log_in("alice"), world.log_in("alice")
    lost.hang_up()
    root.heard()
    make_it_wrong(world, how, alice, root)
    asked = alice if how == "password" else root
    if blanking == "fails":
        told = (
            f'"answer":"{how}"' if client is JsonClient else "password now" if how == "set-password" else "was changed"
        )
        assert told in asked.text()
        asked.say("and on")
        assert asked.heard("refused") == []
    assert other.gone
    assert alice.gone == (how == "set-password")
    assert here(world) == {"root": 1, **({"alice": 1} if how == "password" else {})}
    for device in (other, lost):
        if isinstance(device, JsonClient):
            assert code(back(world, token(device))) == "resume_unknown"
    world.after(100)
    hashes = [entry.event.details["hash"] for entry in logs_of(world)[SERVER_LOG] if "hash" in entry.event.details]
    assert len(hashes) == 3  # root's, and both of alice
    if blanking == "fails":
        storage.can, storage.fails = True, 0
        world.after(100)
    else:  # for ever: it is done by the next start
        world = again(world, **ROOT)
    left = [entry.event for entry in logs_of(world)[SERVER_LOG] if "hash" in entry.event.details]
    assert [event.kind for event in left] == [Kind.REGISTERED, Kind.PASSWORD]
    world.after(3 * GRACE)
    late = world.connect()
    late.login("alice", OTHER)
    assert [one[:2] for one in late.heard("entered", "refused")] == [("entered", "alice")]


@pytest.mark.parametrize("how", WAYS)
def test_what_they_could_come_back_with_is_worth_nothing_after_a_kill_as_soon_as_the_password_is_saved(
    how: str,
) -> None:
    storage = Unforgetting()
    world = World(JsonClient, storage=storage, grace=GRACE, **ROOT)
    root, alice = world.register("root"), world.register("alice")
    other, lost = world.log_in("alice"), world.log_in("alice")
    lost.hang_up()
    storage.slow = True
    make_it_wrong(world, how, alice, root)
    commit_until(world, storage, Kind.PASSWORD)
    world = again(world, grace=GRACE, **ROOT)
    for device in (other, lost, *([alice] if how == "set-password" else [])):
        assert code(back(world, token(device))) == "resume_unknown"
    if how == "password":
        assert welcome(back(world, token(alice)))["nick"] == "alice"
    for password, comes in ((PASSWORD, False), (OTHER, True)):
        late = world.connect()
        late.login("alice", password)
        assert bool(late.heard("entered")) is comes
    left = [entry.event for entry in logs_of(world)[SERVER_LOG] if "hash" in entry.event.details]
    assert [event.kind for event in left] == [Kind.REGISTERED, Kind.PASSWORD]


# Coming back, too late


@pytest.mark.parametrize("registered", [False, True])
def test_who_comes_back_while_their_time_ends_is_too_late(client: type[Client], registered: bool) -> None:
    storage = SlowStorage()
    world = World(client, storage=storage, grace=GRACE)
    bob = world.enter("bob")
    alice = world.register("alice", JsonClient) if registered else world.enter("alice", JsonClient)
    bob.heard()
    alice.hang_up()
    world.after(GRACE - 0.1)
    storage.slow_reads = True
    late = back(world, token(alice))
    world.after(0.2)
    assert bob.heard() == [("left", "alice", "connection lost")]
    come_back_all(world, storage)
    assert code(late) == "resume_unknown"
    late.say("am I here?")
    assert bob.heard() == []
    assert here(world) == {"bob": 1}
    late.login("alice", PASSWORD) if registered else late.enter("alice")
    assert late.heard("entered", "refused")[-1] == ("entered", "alice", ("bob",))
    late.say("now I am")
    assert bob.heard() == [("joined", "alice"), ("said", "alice", "now I am")]
    assert [log for log, followers in followed(world).items() if followers > 1] == []


def test_who_comes_back_while_their_password_is_changed_is_too_late(client: type[Client]) -> None:
    storage = SlowStorage()
    world = World(client, storage=storage, grace=GRACE, **ROOT)
    root, alice = world.register("root"), world.register("alice", JsonClient)
    alice.hang_up()
    root.heard()
    storage.slow_reads = True
    late = back(world, token(alice))
    root.command("set-password", nick="alice", password=OTHER)
    world.settle()
    come_back_all(world, storage)
    assert code(late) == "resume_unknown"
    late.say("am I here?")
    world.after(3 * GRACE)
    assert [one[:2] for one in root.heard("left", "said", "joined")] == [("left", "alice")]
    assert here(world) == {"root": 1}


def test_who_comes_back_while_they_forget_themselves_on_another_device_is_too_late(client: type[Client]) -> None:
    storage = SlowStorage()
    world = World(client, storage=storage, grace=GRACE)
    alice = world.register("alice", JsonClient)
    other = world.log_in("alice", JsonClient)
    world = World(client, storage=storage, clock=world.clock, stamp="n2.", grace=GRACE)
    bob = world.enter("bob")
    back(world, token(alice)).hang_up()  # their inbox is open
    storage.slow_reads = True
    late = back(world, token(alice))
    storage.slow_reads = False
    other = back(world, token(other))
    forget(other)
    come_back_all(world, storage)
    assert "welcome" not in late.text() or late.gone
    assert present([("joined", "alice"), *bob.heard("joined", "left")]) == set()
    late.say("am I here?")
    assert bob.heard("said") == []
    assert here(world) == {"bob": 1}


# Who does not read


@pytest.mark.parametrize("what", ["history", "news"])
def test_who_does_not_read_keeps_no_other_device_of_theirs_from_coming_in(client: type[Client], what: str) -> None:
    world = World(client, grace=GRACE, history=100)
    world.register("alice").quit()
    carol = world.enter("carol", JsonClient)
    texts = [f"{n} " + "x" * 4000 for n in range(60)]
    for text in texts:
        carol.say(text) if what == "history" else carol.msg("alice", text)
        world.settle()
    slow = world.connect()
    slow.socket.room = 5000
    slow.login("alice", PASSWORD)
    world.settle()
    assert here(world) == {"carol": 1, "alice": 1}
    others = [world.connect(client=kind) for kind in CLIENTS.values()]
    for other in others:
        other.login("alice", PASSWORD)
        assert other.heard("entered") == [("entered", "alice", ("carol",))]
        other.say("here")
    world.settle()
    assert [one[2] for one in carol.heard("said")] == ["here"] * len(others)
    slow.wake()
    shown = slow.heard()
    assert ("entered", "alice", ("carol",)) in shown
    assert [one[-1] for one in shown if one[0] == "recalled" and one[-1] in texts] == texts


# Nicknames, while their owner comes


@pytest.mark.parametrize("owner_first", [False, True])
@pytest.mark.parametrize("wanted", ["carl", "bobby"])
def test_a_nickname_taken_while_the_owner_of_the_one_before_comes_is_somebodys_and_free_again_later(
    client: type[Client], owner_first: bool, wanted: str
) -> None:
    storage = SlowStorage()
    world = World(client, storage=storage, grace=GRACE)
    guest, carol = world.enter_all("bob", "carol")
    add_account(world, "bob")
    storage.slow = True
    owner = world.connect()
    for step in ("login", "nick") if owner_first else ("nick", "login"):
        if step == "login":
            owner.login("bob", PASSWORD)
        else:
            guest.command("nick", name=wanted)
        world.settle()
    commit_all(world, storage)
    storage.slow = False
    world.settle()
    if not owner.heard("entered"):  # the nickname was on its way to another
        owner.login("bob", PASSWORD)
        assert owner.heard("entered") != []
    names = {person.id: person.name.shown for person in world.chat.people.values()}
    assert {claim.by: claim.name.shown for claim in world.chat.directory.claims()} == names
    assert dict(world.chat.rooms["lobby"].members.nicks) == names
    assert len(names) == 3
    assert {"bob", "carol"} < set(names.values())
    carol.heard()
    guest.say("who am I?")
    (nick,) = set(names.values()) - {"bob", "carol"}
    assert carol.heard() == [("said", nick, "who am I?")]
    for person in (guest, owner, carol):
        person.quit()
    world.after(3 * GRACE)
    assert world.chat.directory.claims() == set()
    assert here(world) == {}
    for free in sorted({"carl", "bobby", nick}):
        later = world.connect()
        later.enter(free)
        assert [one[:2] for one in later.heard("entered", "refused")] == [("entered", free)]


# When the server stops


@pytest.mark.parametrize("answers", [0, 1, 2])
@pytest.mark.parametrize("verified", ["before", "after"])
def test_the_server_stops_while_somebody_is_asked_for_passwords_and_knows_what_was_read(
    person_client: type[Client], answers: int, verified: str
) -> None:
    world = World(person_client, grace=GRACE)
    verifying = Verifying(world)
    carol, alice, bob = world.enter("carol"), world.register("alice"), world.register("bob")
    for nick, person in (("alice", alice), ("bob", bob)):
        carol.msg(nick, "psst")
        assert person.heard("private") == [("private", "carol", "psst")]
    verifying.held = verified == "after"
    alice.send("".join(f"{line}\n" for line in ["/password", PASSWORD, OTHER][: answers + 1]).encode())
    world.settle()
    stopped: list[None] = []
    ensureDeferred(world.chat.stop("back soon")).addCallback(stopped.append)
    world.settle()
    while verifying._waiting:
        verifying.go_on()
        world.settle()
    assert stopped == [None]
    for person in (carol, alice, bob):
        assert "back soon" in person.text()
        assert person.gone
    world = again(world)
    for nick in ("alice", "bob"):
        assert news(returned(world, nick)) == []


# Accounts that are kept elsewhere


class Elsewhere:
    """Knows everybody whose password is PASSWORD."""

    def check(self, name: str, password: str) -> Deferred[str | None]:
        return succeed(name if password == PASSWORD else None)


def test_two_first_logins_at_once_of_who_is_known_elsewhere_are_one_person(client: type[Client]) -> None:
    storage = SlowStorage()
    world = World(client, storage=storage, login=Elsewhere(), grace=GRACE)
    bob = world.enter("bob")
    storage.slow = True
    devices = [world.connect() for _ in range(3)]
    for device in devices:
        device.login("zed", PASSWORD)
    commit_all(world, storage)
    for device in devices:
        assert device.heard("entered", "refused") == [("entered", "zed", ("bob",))]
    assert bob.heard() == [("joined", "zed")]
    assert here(world) == {"bob": 1, "zed": 3}
    assert [account.name.shown for account in world.chat.directory.accounts.all()] == ["zed"]


def test_what_is_refused_there_makes_no_account(client: type[Client]) -> None:
    world = World(client, login=Elsewhere(), grace=GRACE)
    somebody = world.connect()
    somebody.login("zed", "wrong horse")
    assert is_refused(somebody, "login_failed")
    assert len(world.chat.directory.accounts.all()) == 0


def test_by_it_what_was_written_to_who_was_not_here_is_read_on_return(client: type[Client]) -> None:
    world = World(client, login=Elsewhere(), grace=0.1)
    bob, zed = world.enter("bob"), world.connect()
    zed.login("zed", PASSWORD)
    zed.quit()
    world.after(1)
    bob.msg("zed", "psst")
    world.settle()
    assert news(returned(world, "zed")) == kept(1, ("bob", "psst"))


# Ctrl-D


QUESTIONS: dict[str, tuple[str, ...]] = {
    "register": ("/register",),
    "register again": ("/register", OTHER),
    "login": ("/login alice",),
    "password": ("/login alice " + PASSWORD, "/password"),
    "new password": ("/login alice " + PASSWORD, "/password", PASSWORD),
    "forget-me": ("/login alice " + PASSWORD, "/forget-me"),
    "another's password": ("/login root " + PASSWORD, "/set-password alice"),
}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("pieces", ["whole", "by lines", "verified later"])
def test_ctrl_d_at_a_question_is_the_end_and_what_is_typed_after_it_is_not_obeyed(
    person_client: type[Client], question: str, pieces: str
) -> None:
    world = World(person_client, grace=GRACE, **ROOT)
    verifying = Verifying(world)
    world.register("root").quit()
    world.register("alice").quit()
    dave, carol = world.enter("dave"), world.enter("carol")
    dave.heard()
    verifying.held = pieces == "verified later"
    typed = "\n".join([*QUESTIONS[question], "\x04", OTHER, "/me types on", "and on", "/nick eve", ""]).encode()
    for piece in [typed] if pieces != "by lines" else typed.splitlines(keepends=True):
        carol.send(piece)
        if pieces == "by lines":
            world.settle()
    world.settle()
    while verifying._waiting:
        verifying.go_on()
        world.settle()
    assert carol.gone
    assert dave.heard("said", "did", "renamed", "told") == []
    assert here(world) == {"dave": 1}
    assert {account.name.shown for account in world.chat.directory.accounts.all()} == {"root", "alice"}
    assert world.log_in("alice").heard("refused") == []


@pytest.mark.parametrize("nick", ["alice", "dave"])
@pytest.mark.parametrize("pieces", ["whole", "by lines"])
def test_so_it_is_for_a_stranger(person_client: type[Client], nick: str, pieces: str) -> None:
    world = World(person_client, grace=GRACE)
    world.register("alice").quit()
    world = again(world, password="open sesame", grace=GRACE)
    somebody = world.connect()
    typed = f"{nick}\n\x04\neve\nopen sesame\nhi all\n".encode()
    for piece in [typed] if pieces == "whole" else typed.splitlines(keepends=True):
        somebody.send(piece)
    assert somebody.gone
    assert here(world) == {}
    assert somebody.heard("entered") == []
    assert "hi all" not in repr(logs_of(world))
