"""What a server writes into its own log, whatever people do and however slow the disk is: all of it is so from then on,
and who reads it later, be it after a kill, knows what the server knew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import ensureDeferred

from chatroom.account import name_of
from chatroom.directory import SERVER_LOG, Directory
from chatroom.event import Entry, Kind, person_of
from chatroom.storage.memory import MemoryStorage

from .chatting import JsonClient, SlowStorage, TextClient, World
from .support import examples
from .test_folds import OF_ACCOUNTS, check, folded, new_directory, state_of, works
from .test_resume import left_behind

GRACE = 30.0
PEOPLE = 4
PASSWORDS = ["correct horse", "battery staple"]


class Town:
    """A server, few people who do what they are told, and all that was ever in the server's log."""

    def __init__(self) -> None:
        self.written: list[Entry] = []
        """As it was committed: before the store was made to forget any of it."""
        self.memory = MemoryStorage()
        self._starts = 0
        self._tokens: dict[int, str] = {}
        self._start()

    def _start(self) -> None:
        self._starts += 1
        self.memory.follow(SERVER_LOG, self._write)
        self.storage = SlowStorage(self.memory)
        limits = {"logins_a_minute": 0, "logins_of_address_a_minute": 0, "registrations_an_hour": 0}
        self.world = World(JsonClient, storage=self.storage, stamp=f"n{self._starts}.", grace=GRACE, **limits)
        self.clients: dict[int, Any] = {}

    # What people do

    def do(self, who: int, what: str, name: str, password: str, settle: bool) -> None:
        doing: Callable[[Any, str, str], None] = getattr(self, what)
        client = self.clients.get(who)
        if what in ("come", "come_by_telnet", "resume"):
            doing(who, name, password)
        elif client is not None:
            doing(client, name, password)
        if settle:
            self.world.settle()

    def come(self, who: int, name: str, password: str) -> None:
        client = self.clients[who] = self.world.connect(client=JsonClient)
        client.enter(name)

    def come_by_telnet(self, who: int, name: str, password: str) -> None:
        client = self.clients[who] = self.world.connect(client=TextClient)
        client.line(f"/login {name} {password}")
        client.line(name)

    def resume(self, who: int, name: str, password: str) -> None:
        if who in self._tokens:
            client = self.clients[who] = self.world.connect(client=JsonClient)
            client.ask("hello", resume=self._tokens[who])

    def leave(self, client: Any, name: str, password: str) -> None:
        client.quit()

    def lose(self, client: Any, name: str, password: str) -> None:
        client.socket.reset()

    def nick(self, client: Any, name: str, password: str) -> None:
        client.command("nick", name=name)

    def register(self, client: Any, name: str, password: str) -> None:
        client.command("register", password=password)

    def login(self, client: Any, name: str, password: str) -> None:
        client.command("login", nick=name, password=password)

    def logout(self, client: Any, name: str, password: str) -> None:
        client.command("logout")

    def password(self, client: Any, name: str, password: str) -> None:
        if isinstance(client, JsonClient):
            for old in PASSWORDS:
                client.command("password", old=old, new=password)

    def forget(self, client: Any, name: str, password: str) -> None:
        if isinstance(client, JsonClient):
            client.command("forget-me", sure=True)

    def claim(self, client: Any, name: str, password: str) -> None:
        client.command("claim", code=self.world.chat.claim_code or "lost")

    def away(self, client: Any, name: str, password: str) -> None:
        client.command("away", why=name)

    def back(self, client: Any, name: str, password: str) -> None:
        client.command("back")

    def ignore(self, client: Any, name: str, password: str) -> None:
        client.command("ignore", nick=name)

    def unignore(self, client: Any, name: str, password: str) -> None:
        client.command("unignore", nick=name)

    def write(self, client: Any, name: str, password: str) -> None:
        client.command("msg", to=name, text="hi")

    # What happens to the server

    def slow_down(self) -> None:
        self.storage.slow = True

    def commit(self) -> None:
        if self.storage.under_way:
            self.storage.commit()
        self.world.settle()

    def be_quick(self) -> None:
        """All that is under way is done."""
        self.storage.slow = False
        self.world.settle()
        while self.storage.under_way:
            self.commit()

    def wait(self) -> None:
        self.world.after(GRACE / 2)

    def remember(self) -> None:
        """How those can come back who are told."""
        for who, client in self.clients.items():
            if isinstance(client, JsonClient):
                tokens = [told["welcome"]["resume"] for told in client.told() if "welcome" in told]
                self._tokens |= {who: tokens[-1]} if tokens else {}

    def kill(self) -> None:
        self.remember()
        found = left_behind(self.memory)
        self.memory.unfollow(SERVER_LOG, self._write)
        self.be_quick()  # on a disk that nobody sees any more: what waits for it has an end
        self.memory = found
        self._start()

    def _write(self, entries: Sequence[Entry]) -> None:
        self.written += entries

    def stop(self) -> None:
        self.remember()
        ensureDeferred(self.world.chat.stop("back soon"))
        self.be_quick()
        self.kill()

    def happen(self, what: str) -> None:
        getattr(self, what)()

    # What is looked at

    @property
    def directory(self) -> Directory:
        return self.world.chat.directory

    def stored(self) -> list[Entry]:
        found: list[Entry] = []
        self.memory.read(SERVER_LOG, limit=1_000_000).addCallback(found.extend)
        return found

    def forgotten(self) -> set[str]:
        return {entry.event.by for entry in self.written if entry.event.kind is Kind.FORGOTTEN}


WHAT_PEOPLE_DO = {
    "come": 3, "come_by_telnet": 2, "resume": 1, "leave": 1, "lose": 1, "nick": 2, "register": 3, "login": 2, "logout": 1,
    "password": 1, "forget": 1, "claim": 1, "away": 1, "back": 1, "ignore": 1, "unignore": 1, "write": 1,
}  # fmt: skip
WHAT_HAPPENS = {"slow_down": 2, "commit": 3, "be_quick": 1, "wait": 1, "kill": 1, "stop": 1}
"""And how often each beside the others."""

DEEDS = st.tuples(
    st.integers(1, PEOPLE),
    st.sampled_from(list(Counter(WHAT_PEOPLE_DO).elements())),
    st.sampled_from(["alice", "ALICE", "a1ice", "bob"]),
    st.sampled_from(PASSWORDS),
    st.booleans(),
)
HAPPENINGS = st.sampled_from(list(Counter(WHAT_HAPPENS).elements()))
STORIES = st.lists(DEEDS | DEEDS | DEEDS | HAPPENINGS, max_size=40)


def town_of(story: list[Any]) -> Town:
    """Whatever happened, once all of it is done."""
    town = Town()
    for one in story:
        if isinstance(one, str):
            town.happen(one)
        else:
            town.do(*one)
    town.be_quick()
    return town


@given(story=STORIES)
@settings(max_examples=examples(60))
def test_of_what_a_server_writes_nothing_is_void_but_claims_to_a_nickname_for_good_and_what_came_with_them(
    story: list[Any],
) -> None:
    directory, in_vain = new_directory(), set()
    for entry in town_of(story).written:
        event = entry.event
        directory.fold(entry)
        check(directory)
        if event.kind is Kind.REGISTERED and not works(directory, event):
            in_vain.add(event.by)
        if event.kind in OF_ACCOUNTS and event.by in in_vain:
            continue
        assert works(directory, event) or event.kind is Kind.REGISTERED, entry


@given(story=STORIES)
@settings(max_examples=examples(60))
def test_who_is_here_has_their_nickname_alone_and_nothing_is_left_of_who_is_not(story: list[Any]) -> None:
    town = town_of(story)
    chat, directory = town.world.chat, town.directory
    check(directory)
    claims = directory.claims()
    assert len(directory._claims) == sum(len({*claim.name[1:]}) for claim in claims), "two claims share a key"
    here = {claim.by: claim.name.shown for claim in claims}
    assert len(here) == len(claims)
    assert here == chat.rooms["lobby"].members.nicks
    assert here == {id: person.name.shown for id, person in chat.people.items()}
    assert {person_of(by) for by in directory.devices.values()} <= set(here)
    assert directory.devices == {token: device.by for token, device in chat.devices.items()}
    assert set(directory.away) <= set(here)
    assert not directory._reserved
    assert not directory._leaving
    assert not chat.leaving
    assert not chat._alone
    assert not directory.accounts.stale
    assert not directory.accounts.forgotten()
    for claim in claims:  # nobody has the nickname of another's account
        owner = directory.accounts.like(claim.name)
        assert owner is None or owner.id == claim.by


@given(story=STORIES)
@settings(max_examples=examples(60))
def test_who_reads_the_log_later_knows_what_the_server_knew(story: list[Any]) -> None:
    town = town_of(story)
    assert state_of(folded(town.stored())) == state_of(town.directory)
    later = new_directory()
    ensureDeferred(later.open(town.memory))
    assert state_of(later) == state_of(town.directory)


@given(story=STORIES)
@settings(max_examples=examples(60))
def test_after_a_kill_the_accounts_are_the_same_and_those_are_here_who_can_come_back(story: list[Any]) -> None:
    town = town_of(story)
    before = state_of(town.directory)
    claims, devices = town.directory.claims(), town.directory.devices
    stay = {person_of(by) for by in devices.values()}
    away = {id: why for id, why in town.directory.away.items() if id in stay}
    town.kill()
    after = state_of(town.directory)
    for part in ("accounts", "keys", "code", "devices"):
        assert after[part] == before[part]
    assert town.directory.claims() == {claim for claim in claims if claim.by in stay}
    assert after["away"] == away
    (started,) = [entry.event for entry in town.written if entry.event.kind is Kind.STARTED][-1:]
    assert set(started.details["kept"]) == stay


@given(story=STORIES)
@settings(max_examples=examples(60))
def test_of_who_is_forgotten_the_store_has_neither_password_nor_nickname(story: list[Any]) -> None:
    town = town_of(story)
    for entry in town.stored():
        event = entry.event
        if person_of(event.by) in town.forgotten():
            assert not {"hash", "folded", "skeleton", "new"} & set(event.details), entry
            assert event.nick.startswith("removed-") or not event.nick
    kept = {account.hash for account in town.directory.accounts.all()}
    hashes = [entry.event.details["hash"] for entry in town.stored() if entry.event.details.get("hash")]
    assert set(hashes) <= kept
    assert not any(name_of(entry.event).folded for entry in town.stored() if entry.event.by in town.forgotten())


def test_who_registers_on_two_connections_at_once_has_one_password_and_is_told_which() -> None:
    town = Town()
    town.do(1, "come", "bob", "", settle=True)
    town.remember()
    first = town.clients[1]
    town.slow_down()
    town.do(1, "register", "", PASSWORDS[0], settle=True)
    town.do(1, "resume", "", "", settle=True)
    town.do(1, "register", "", PASSWORDS[1], settle=True)
    town.be_quick()
    (account,) = town.directory.accounts.all()
    assert town.clients[1].told()[-1]["refused"]["code"] == "nick_taken"
    assert [entry.event.details["hash"] for entry in town.stored() if entry.event.kind is Kind.REGISTERED] == [
        account.hash
    ]
    assert first.gone
