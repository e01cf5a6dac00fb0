"""/forget-me: the account goes, its words stay under another name, and nothing else of it does. Whatever one speaks."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred

from chatroom.chat import Chat
from chatroom.directory import SERVER_LOG
from chatroom.event import Entry, Event, Kind, person_of
from chatroom.inbox import inbox_log
from chatroom.names import nickname
from chatroom.seams import NotSaved
from chatroom.storage.memory import MemoryStorage
from chatroom.tidy import TIDY_AGAIN

from .again import again, left_behind
from .chatting import CLIENTS, PASSWORD, Client, JsonClient, QuickHasher, SlowStorage, TextClient, World
from .test_resume import Disk, DiskWorld, back, code, token

GRACE = 10.0


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> type[Client]:
    return CLIENTS[request.param]


@pytest.fixture
def world(client: type[Client]) -> World:
    return World(client, grace=GRACE)


def hear_all(*people: Client) -> None:
    for person in people:
        person.heard()


def forget(person: Client, sure: str = "") -> None:
    """Says so, and says so once more."""
    if isinstance(person, JsonClient):
        person.ask("forget-me", sure=True)
    else:
        assert isinstance(person, TextClient)
        person.line("/forget-me")
        person.line(sure or "alice")
    person.world.settle()


def removed(shown: list[Any]) -> list[Any]:
    """The same without the digits behind `removed-`, which are random."""
    return [tuple(re.sub(r"^removed-[0-9a-f]{8}$", "removed", part) for part in one) for one in shown]


def recalled(world: World, nick: str = "dave") -> list[Any]:
    """What who comes in is shown."""
    person = world.connect()
    person.enter(nick)
    shown = removed(person.heard("recalled"))
    person.quit()
    world.settle()
    return shown


def test_it_asks_once_more() -> None:
    world = World()
    alice = world.register("alice")
    for line, expected in (("/forget-me", [("asked",)]), ("bob", [("refused",)]), ("/forget-me", [("asked",)])):
        alice.line(line)
        assert alice.heard() == expected
    alice.line("")
    assert alice.heard() == [("refused",)]
    assert len(world.chat.directory.accounts.all()) == 1
    alice.line("/forget-me")
    alice.line("alice")
    assert alice.gone
    assert len(world.chat.directory.accounts.all()) == 0


def test_a_program_has_to_be_sure() -> None:
    world = World(JsonClient)
    alice = world.register("alice")
    for fields in ({}, {"sure": False}):
        alice.ask("forget-me", **fields)
        assert code(alice) == "not_sure"
    assert len(world.chat.directory.accounts.all()) == 1
    forget(alice)
    assert alice.gone
    assert code(alice) == "forgotten"


def test_all_devices_are_told_and_closed_and_others_see_one_leave(world: World) -> None:
    bob, alice = world.enter("bob"), world.register("alice")
    other, lost = world.log_in("alice"), world.log_in("alice")
    bob.heard()
    lost.hang_up()
    forget(alice)
    for device in (alice, other):
        assert device.gone
        assert "your account is no more; farewell" in device.text()
    world.after(3 * GRACE)
    assert bob.heard() == [("left", "alice", "")]
    if isinstance(lost, JsonClient):
        assert code(back(world, token(lost))) == "resume_unknown"


def test_afterwards_words_are_shown_under_another_name_also_after_a_restart(world: World) -> None:
    bob, alice = world.enter("bob"), world.register("alice")
    other = world.log_in("alice")
    alice.say("one")
    world.settle()
    bob.say("two")
    world.settle()
    other.me("waves")
    world.settle()
    forget(alice)
    expected = [
        ("recalled", "said", "removed", "one"),
        ("recalled", "said", "bob", "two"),
        ("recalled", "did", "removed", "waves"),
    ]
    if isinstance(bob, TextClient):  # `* alice waves` is told of whom one knows only
        expected[2] = ("recalled", "told", "")
    bob.heard()
    bob.command("history")

    def alike(shown: list[Any]) -> list[Any]:
        waved = [one for one in shown if one[:2] == ("recalled", "told")]
        assert all(re.fullmatch(r"removed-[0-9a-f]{8} waves", one[2]) for one in waved)
        return [("recalled", "told", "") if one in waved else one for one in shown]

    assert alike(removed(bob.heard("recalled"))) == expected
    assert alike(recalled(world)) == expected
    world = again(world)
    assert alike(recalled(world)) == expected
    assert "alice" not in repr(world.storage._logs).replace("folded': 'alice", "")  # type: ignore[attr-defined]


def test_one_name_for_all_their_words_and_another_for_another_account(world: World) -> None:
    alice, bob = world.register("alice"), world.register("bob")
    for _ in range(2):
        alice.say("one")
        world.settle()
        bob.say("two")
        world.settle()
    forget(alice)
    forget(bob, "bob")
    carol = world.connect()
    carol.enter("carol")
    names = [one[2] for one in carol.heard("recalled")]
    assert names[0] == names[2] != names[1] == names[3]


def test_the_nickname_is_free(world: World) -> None:
    alice = world.register("alice")
    forget(alice)
    later = world.connect()
    later.enter("ALICE")
    assert later.heard("entered", "asked") == [("entered", "ALICE", ())]
    later.register("another password")
    later.quit()
    world.settle()
    somebody = world.connect()
    somebody.login("alice", PASSWORD)
    assert somebody.heard("entered", "refused") == [("refused",)]
    somebody.login("alice", "another password")
    assert somebody.heard("entered", "refused") == [("entered", "ALICE", ())]
    world = again(world, grace=0.1)
    world.after(1)
    somebody = world.connect()
    somebody.login("alice", "another password")
    assert somebody.heard("entered", "refused") == [("entered", "ALICE", ())]


def test_the_inbox_is_gone_and_who_wrote_there_has_it_still(world: World) -> None:
    alice, bob = world.register("alice"), world.register("bob")
    alice.msg("bob", "psst")
    world.settle()
    bob.msg("alice", "yes?")
    world.settle()
    alice.quit()
    world.settle()
    bob.msg("alice", "still there?")
    world.settle()
    alice = world.log_in("alice")
    forget(alice)
    later = world.register("alice")
    later.command("inbox")
    assert later.heard() == []
    bob.heard()
    bob.command("inbox")
    assert removed(bob.heard("recalled")) == [
        ("recalled", "private", "removed", "psst"),
        ("recalled", "wrote", "alice", "yes?"),
        ("recalled", "wrote", "alice", "still there?"),
    ]
    bob.command("reply", text="are you?")
    assert bob.heard("refused") == [("refused",)]
    assert later.heard() == []
    assert inboxes(world) == 1


def inboxes(world: World) -> int:
    return len([log for log in world.storage._logs if log.startswith("@")])  # type: ignore[attr-defined]


def test_to_who_is_no_more_nothing_is_kept(world: World) -> None:
    alice, bob = world.register("alice"), world.enter("bob")
    forget(alice)
    bob.heard()
    bob.msg("alice", "psst")
    assert bob.heard() == [("refused",)]


def test_what_is_kept_of_the_password_is_in_the_store_no_more(world: World) -> None:
    forget(world.register("alice"))
    entries = world.storage._logs[SERVER_LOG]  # type: ignore[attr-defined]
    assert not [entry for entry in entries if "hash" in entry.event.details]
    assert [entry.event.kind for entry in entries][-1] is Kind.ERASED


def test_who_reads_late_reads_them_under_the_other_name(world: World) -> None:
    alice, bob = world.register("alice"), world.enter("bob")
    bob.stall()
    for n in range(300):
        alice.say(f"{n} " + "x" * 1000)
        world.settle()
    forget(alice)
    bob.wake()
    names = {re.sub("-.*", "", one[1]) for one in bob.heard("said")[150:]}
    assert names == {"removed"}


# When the server ends before it is done


class Unforgetting(SlowStorage):
    """A storage that forgets when the test says so: until then it is busy, or fails."""

    fails = 0
    can = False

    def _forget(self, what: str, *about: Any, **where: Any) -> Deferred[None]:
        if self.fails:
            self.fails -= 1
            failed: Deferred[None] = Deferred()
            failed.errback(NotSaved("the disk is full"))
            return failed
        if not self.can:
            return Deferred()
        done: Deferred[None] = getattr(self.storage, what)(*about, **where)
        return done

    def rename(self, *about: Any) -> Deferred[None]:
        return self._forget("rename", *about)

    def blank(self, *about: Any, **where: Any) -> Deferred[None]:
        return self._forget("blank", *about, **where)

    def erase(self, *about: Any) -> Deferred[None]:
        return self._forget("erase", *about)


def test_what_was_begun_when_the_server_was_killed_is_done_at_the_next_start(client: type[Client]) -> None:
    world = World(client, storage=Unforgetting())
    bob, alice = world.enter("bob"), world.register("alice")
    alice.say("one")
    world.settle()
    bob.msg("alice", "psst")
    world.settle()
    forget(alice)
    bob.heard()
    bob.command("history")
    assert removed(bob.heard("recalled")) == [("recalled", "said", "removed", "one")]
    kept = world.storage.storage._logs  # type: ignore[attr-defined]
    assert "alice" in [entry.event.nick for entry in kept["#lobby"]]  # not done yet
    world = again(world)
    assert recalled(world) == [("recalled", "said", "removed", "one")]
    logs = world.storage._logs  # type: ignore[attr-defined]
    assert "alice" not in [entry.event.nick for entries in logs.values() for entry in entries]
    assert not [entry for entry in logs[SERVER_LOG] if "hash" in entry.event.details]
    assert inboxes(world) == 1
    assert world.chat.directory.accounts.forgotten() == {}
    later = world.enter("alice")
    later.command("inbox")
    assert later.heard() == []


def test_it_is_tried_again_until_the_storage_can(client: type[Client]) -> None:
    storage = Unforgetting()
    storage.can, storage.fails = True, 3
    world = World(client, storage=storage)
    alice = world.register("alice")
    alice.say("one")
    forget(alice)
    world.after(TIDY_AGAIN * 2)
    assert world.chat.directory.accounts.forgotten() != {}
    world.after(TIDY_AGAIN)
    entries = storage.storage._logs["#lobby"]  # type: ignore[attr-defined]
    assert "alice" not in [entry.event.nick for entry in entries]
    assert world.chat.directory.accounts.forgotten() == {}


def test_an_old_password_that_was_not_blanked_when_the_server_was_killed_is_at_the_next_start() -> None:
    world = World(JsonClient, storage=Unforgetting())
    alice = world.register("alice")
    alice.ask("password", old=PASSWORD, new="another password")
    world.settle()
    world = again(world)
    entries = world.storage._logs[SERVER_LOG]  # type: ignore[attr-defined]
    assert [entry.event.kind for entry in entries if "hash" in entry.event.details] == [Kind.PASSWORD]
    somebody = world.connect()
    somebody.login("alice", "another password")
    assert somebody.heard("entered", "refused") == [("entered", "alice", ())]


def test_the_words_of_a_guest_who_logs_in_are_not_the_accounts(world: World) -> None:
    world.register("alice").quit()
    world.settle()
    somebody = world.enter("somebody")
    somebody.say("as a guest")
    world.settle()
    somebody.login("alice", PASSWORD)
    somebody.say("as alice")
    world.settle()
    forget(somebody)
    assert recalled(world) == [
        ("recalled", "said", "somebody", "as a guest"), ("recalled", "said", "removed", "as alice"),
    ]  # fmt: skip


def test_what_a_guest_said_who_then_registered_is(world: World) -> None:
    alice = world.enter("alice")
    alice.say("as a guest")
    world.settle()
    alice.register(PASSWORD)
    world.settle()
    forget(alice)
    assert recalled(world) == [("recalled", "said", "removed", "as a guest")]


class SlowHasher(QuickHasher):
    """Hashes when the test says, once it is told to be slow."""

    slow = False

    def __init__(self) -> None:
        self.waiting: list[Callable[[], object]] = []

    def hash(self, password: str) -> Deferred[str]:
        hashed = super().hash(password)
        if not self.slow:
            return hashed
        later: Deferred[str] = Deferred()
        self.waiting.append(lambda: hashed.chainDeferred(later))
        return later


def test_a_password_that_was_being_changed_meanwhile_is_not_kept() -> None:
    world = World(JsonClient)
    hasher = world.chat.hasher = SlowHasher()
    alice, other = world.register("alice"), world.log_in("alice")
    hasher.slow = True
    other.ask("password", old=PASSWORD, new="another password")
    world.settle()
    forget(alice)
    (hash_it,) = hasher.waiting
    hash_it()
    world.settle()
    entries = world.storage._logs[SERVER_LOG]  # type: ignore[attr-defined]
    assert not [entry for entry in entries if "hash" in entry.event.details]


def test_a_guest_whose_nickname_is_somebodys_own_before_they_have_registered_it_is_refused() -> None:
    world = World(JsonClient, operators=[nickname("root")])
    hasher = world.chat.hasher = SlowHasher()
    root, guest = world.register("root"), world.enter("alice")
    hasher.slow = True
    guest.ask("register", password="another password")
    world.settle()
    hasher.slow = False
    root.ask("add-account", nick="alice", password=PASSWORD)
    world.settle()
    world.log_in("alice")
    (hash_it,) = hasher.waiting
    hash_it()
    world.settle()
    assert code(guest) == "nick_taken"
    assert len(world.chat.directory.accounts.all()) == 2


# On a disk


def test_in_the_file_there_is_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    world = DiskWorld(TextClient, storage=Disk(path))  # type: ignore[arg-type]
    bob, alice = world.enter("bob"), world.register("alexandra")
    alice.say("what she said")
    world.settle()
    bob.msg("alexandra", "for her alone")
    world.settle()
    bob.quit()
    world.settle()
    account = world.chat.directory.accounts.named(world.chat.settings.nickname("alexandra"))
    assert account
    forget(alice, "alexandra")
    world.settle()
    world.storage.close()
    found = b"".join(file.read_bytes() for file in sorted(tmp_path.iterdir()))
    assert b"what she said" in found
    assert account.hash.encode() not in found
    world = DiskWorld(TextClient, storage=Disk(path), stamp="n2.")  # type: ignore[arg-type]
    assert recalled(world) == [("recalled", "said", "removed", "what she said")]
    later = world.enter("alexandra")
    later.command("inbox")
    assert later.heard() == []
    world.storage.close()


def test_the_memory_that_a_restart_finds_is_the_store(world: World) -> None:
    """What `again` gives the next server is what was committed, erased entries left out."""
    alice, bob = world.register("alice"), world.enter("bob")
    bob.msg("alice", "psst")
    world.settle()
    account = world.chat.directory.accounts.named(nickname("alice"))
    assert account
    forget(alice)
    storage = world.storage
    assert isinstance(storage, MemoryStorage)
    found = left_behind(storage)
    inbox = inbox_log(account.id)
    assert read_all(found, inbox) == []
    for log in (SERVER_LOG, "#lobby"):
        assert read_all(found, log) == read_all(storage, log) != []
    said = Event(Kind.SAID, 0, "n9.1", "n9.1", "carol", "hi")
    for store in (found, storage):
        store.append([(inbox, said)])
    (entry,) = read_all(found, inbox)
    assert [entry] == read_all(storage, inbox)
    assert entry.position > storage.start + 1  # where something stood once, nothing else does


def read_all(storage: MemoryStorage, log: str) -> list[Entry]:
    found: list[Entry] = []
    storage.read(log, limit=10**6).addCallback(found.extend)
    return found


# Killed in the midst of it


def names_of(world: World, id: str) -> list[tuple[str, str, str]]:
    """Where in the store somebody is called as they were: not in what others wrote."""
    storage: Any = world.storage
    while not hasattr(storage, "_logs"):
        storage = storage.storage
    return [
        (log, entry.event.kind.word, repr(entry.event))
        for log, entries in storage._logs.items()
        for entry in entries
        if person_of(entry.event.by) in (id, "") and re.search("alan|alice", repr(entry.event))
    ]


def with_a_past(client: type[Client], **more: Any) -> tuple[World, Any, Any, str]:
    """Alice, who was alan once, has been away and over a restart, has said, done and written; her other device, her id."""
    world = World(client, grace=GRACE)
    alice = world.enter("alan")
    alice.command("nick", name="alice")
    alice.say("one")
    world.settle()
    alice.register(PASSWORD)
    alice.command("away", why="out")
    world.settle()
    other = world.log_in("alice", JsonClient)
    other.me("waves")
    other.msg("alice", "buy milk")
    world.settle()
    world = again(world, grace=GRACE, **more)
    alice, other = world.log_in("alice"), back(world, token(other))
    alice.say("two")
    world.settle()
    account = world.chat.directory.accounts.all()[0]
    assert names_of(world, account.id) != []
    return world, alice, other, account.id


def test_of_who_has_forgotten_themselves_no_entry_tells_what_they_were_called(client: type[Client]) -> None:
    world, alice, _, id = with_a_past(client)
    bob = world.enter("bob")
    forget(alice)
    world.after(3 * GRACE)
    assert names_of(world, id) == []
    bob.say("and on")
    world = again(world)
    world.after(3 * GRACE)
    assert names_of(world, id) == []
    later = world.enter("alice")
    later.say("another one")
    assert ("recalled", "said", "alice", "another one") in recalled(world, "carol")


def test_killed_as_soon_as_it_is_saved_the_next_start_knows_nobody_of_them(client: type[Client]) -> None:
    world, alice, other, id = with_a_past(client)
    storage = SlowStorage(world.storage)
    world = World(client, storage=storage, clock=world.clock, stamp="n9.", grace=GRACE)
    bob, alice, other = world.enter("bob"), world.log_in("alice"), back(world, token(other))
    storage.slow = True
    forget(alice)
    while storage.under_way:
        batch = storage._commits[0][0]
        storage.commit()
        if any(event.kind is Kind.FORGOTTEN for _, event in batch):
            break
        world.settle()
    assert Kind.FORGOTTEN in [event.kind for _, event in batch]
    newest = {log: len(entries) for log, entries in left_behind(storage.storage)._logs.items()}  # type: ignore[arg-type]
    world = again(world, grace=GRACE)
    assert id not in world.chat.people
    assert id not in [device.person.id for device in world.chat.devices.values()]
    assert id not in world.chat.rooms["lobby"].members.nicks
    assert len(world.chat.directory.accounts.all()) == 0
    for device in (alice, other):
        if isinstance(device, JsonClient):
            late = back(world, token(device))
            assert code(late) == "resume_unknown"
            late.say("it is me")
    world.after(3 * GRACE)
    written = [entry.event for log, entries in world.storage._logs.items() for entry in entries[newest.get(log, 0) :]]  # type: ignore[attr-defined]
    assert not [event for event in written if event.nick in ("alan", "alice") or "it is me" in event.text]
    assert names_of(world, id) == []
    later = world.connect()
    later.enter("alice")
    assert [one[:2] for one in later.heard("entered", "refused")] == [("entered", "alice")]
    if isinstance(bob, JsonClient):
        assert code(back(world, token(bob))) == "resume_unknown"


def test_many_who_ask_while_something_is_forgotten_are_served_by_the_next() -> None:
    """One after the other each would end within the one before, until Python's stack is used up."""
    world = World()
    lock = ensureDeferred(hold(world.chat))
    asked = [ensureDeferred(world.chat.tidy.now()) for _ in range(1000)]
    assert not any(each.called for each in asked)
    lock.cancel()
    world.settle()
    assert all(each.called for each in asked)


async def hold(chat: Chat) -> None:
    with suppress(CancelledError):
        async with chat.alone(""):
            await Deferred()
