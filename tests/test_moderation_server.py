"""Keeping order on the whole server: by operators, and by who owns it, with `/server` before it. The same in every format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

from chatroom.commands import COMMANDS
from chatroom.event import Sort
from chatroom.names import nickname
from chatroom.protocols.line import LineFactory
from chatroom.protocols.telnet import MAX_LINE
from chatroom.times import DAY

from .again import again
from .chatting import PASSWORD, JsonClient, SlowStorage, World
from .test_moderation import (
    ELSEWHERE,
    FORMATS,
    HOME,
    Asking,
    Typing,
    come,
    company,
    do,
    here,
    hush,
    log_in,
    news,
    refused,
    said,
    send_all,
    stranger,
    world_of,
)
from .test_resume import Disk, DiskWorld, back, code, token


@pytest.fixture(params=FORMATS)
def client(request: pytest.FixtureRequest) -> Any:
    return FORMATS[request.param]


@pytest.fixture(params=FORMATS)
def other(request: pytest.FixtureRequest) -> Any:
    return FORMATS[request.param]


@pytest.fixture
def world(client: Any) -> World:
    return world_of(client)


@pytest.fixture
def root(world: World) -> Any:
    return operator(world)


def operator(world: World) -> Any:
    root = world.register("root")
    root.do("leave lobby")
    hush(root)
    return root


BANNED = "you are banned from this server: bob, by root, until 2026-11-20 11:12 UTC (spam)"


def turned_away(person: Any) -> bool:
    """Told that they are banned, and disconnected."""
    return any(line.startswith("! you are banned from this server: ") for line in news(person)) and person.gone


def comes_in(person: Any, nick: str) -> bool:
    """Whether they get in under a nickname."""
    hush(person)
    person.enter(nick)
    return not any(line.startswith("! ") for line in news(person)) and not person.gone


# Banned


def test_who_is_banned_from_the_server_is_told_and_disconnected_as_others_are_told(world: World, root: Any) -> None:
    _, bob, carol = company(world)
    assert do(root, "server ban bob 2h spam") == ["* banned: bob, by root, until 2026-11-20 11:12 UTC (spam)"]
    assert news(bob)[-1] == f"! {BANNED}"
    assert bob.gone
    assert news(carol) == ["* bob left (banned by root: spam)"]
    assert here(world) == ["alice", "carol"]
    assert do(root, "server bans") == ["* banned: bob, by root, until 2026-11-20 11:12 UTC (spam)"]


def test_who_is_banned_is_refused_at_the_greeting(world: World, root: Any, other: Any) -> None:
    company(world)
    do(root, "server ban bob 2h spam")
    person = world.connect(HOME, other)
    assert news(person)[-1] == f"! {BANNED}"
    assert person.gone
    assert not any("nickname" in line for line in person.lines())


def test_by_nickname_who_is_banned_is_known_from_elsewhere_too(world: World, root: Any, other: Any) -> None:
    company(world)
    do(root, "server ban bob 2h spam")
    for nick in ("bob", "BOB", "b0b"):
        person = world.connect(ELSEWHERE, other)
        hush(person)
        person.enter(nick)
        assert news(person)[-1:] == [f"! {BANNED}"]
        person.quit()
    assert comes_in(world.connect(ELSEWHERE, other), "rob")


def test_a_banned_account_gets_in_nowhere(world: World, root: Any, other: Any) -> None:
    dave = come(world, "dave", account=True)
    device = log_in(world, "dave", ELSEWHERE, other)
    hush(dave, device)
    do(root, "server ban account:dave 2h spam")
    no = BANNED.replace("bob", "account:dave")
    for one in (dave, device):
        assert news(one)[-1] == f"! {no}"
        assert one.gone
    person = world.connect("127.0.0.1", other)
    person.login("dave", PASSWORD)
    assert f"! {no}" in news(person)
    guest = stranger(world, "rob", "127.0.0.1", other)
    guest.login("dave", PASSWORD)
    assert f"! {no}" in news(guest)
    assert [person.name.shown for person in world.chat.people.values()] == ["root", "rob"]


@pytest.mark.parametrize("by", [HOME, "192.0.2.0/24"])
def test_from_a_banned_address_or_network_nobody_connects(world: World, root: Any, other: Any, by: str) -> None:
    come(world, "dave", account=True).quit()
    zoe = stranger(world, "zoe", "192.0.2.1", other)
    nobody = world.connect("192.0.2.1", other)  # who has said nothing yet
    guest = stranger(world, "rob", ELSEWHERE, other)
    hush(zoe, nobody)
    do(root, f"server ban {by} 2h trolls")
    assert turned_away(zoe)
    assert turned_away(nobody)
    assert "192.0.2" not in zoe.text() + nobody.text()
    assert turned_away(world.connect("192.0.2.1", other))
    assert not guest.gone


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1", ""])
def test_this_machine_is_never_banned(world: World, root: Any, other: Any, address: str) -> None:
    company(world)
    stranger(world, "zoe", address)
    do(root, "server ban zoe")
    assert comes_in(world.connect(address, other), "yan")
    for asked in ("127.0.0.1", "127.0.0.0/8", "::1"):
        assert refused(root, f"server ban {asked}") == "that is this machine itself: nobody is kept out by it"


def test_a_ban_ends_by_itself_and_when_it_is_lifted(world: World, root: Any) -> None:
    company(world)
    do(root, "server ban bob 2h")
    world.after(2 * 3600 + 1)
    assert comes_in(world.connect(HOME), "bob")
    do(root, "server ban bob")
    assert turned_away(world.connect(HOME))
    assert do(root, "server unban bob") == ["* bob is banned no more"]
    assert comes_in(world.connect(HOME), "bob")
    assert do(root, "server bans") == ["* nobody is banned or muted in this server"]
    assert refused(root, "server unban bob") == "bob is not banned in this server"


def test_bans_mutes_filters_and_lockdown_of_the_server_last_over_restarts(world: World, root: Any) -> None:
    company(world)
    for asked in (
        "server ban bob 2h spam",
        "server mute carol",
        "server lockdown on",
        "server filter add refuse badger",
    ):
        do(root, asked)
    root.quit()
    world.after(60)
    world = again(world, grace=0, operators=[nickname("root")])
    person = world.connect(HOME)
    assert news(person)[-1] == f"! {BANNED}"
    root = log_in(world, "root")
    assert do(root, "server bans") == [f"* banned: {BANNED[33:]}", "* muted: carol, by root, for good"]
    assert do(root, "server filter list") == ["* 1. refuse: badger (by root)"]
    guest = world.connect(ELSEWHERE)
    assert not comes_in(guest, "yan")


def test_who_is_banned_does_not_come_back_with_what_they_were_to_come_back_with() -> None:
    world = world_of(Asking, grace=30)
    root = operator(world)
    _, bob, carol = company(world)
    secret = token(bob)
    bob.hang_up()
    do(root, "server ban bob spam")
    assert "* bob left (banned by root: spam)" in news(carol)
    assert turned_away(world.connect(HOME))
    for address in (ELSEWHERE, "127.0.0.1"):
        person = world.connect(address)
        person.ask("hello", resume=secret, rooms={"den": {"after": "0"}}, history=20)
        assert code(person) == "resume_unknown"
    assert here(world) == ["alice", "carol"]


def test_who_comes_back_from_where_somebody_was_banned_meanwhile_is_refused() -> None:
    world = world_of(Asking, grace=30)
    root = operator(world)
    _, bob, _ = company(world)
    secret = token(bob)
    bob.hang_up()
    do(root, "server ban 198.51.100.0/24 1h")
    assert turned_away(world.connect(ELSEWHERE))
    assert back(world, secret).told()[-1]["welcome"]["nick"] == "bob"


def test_with_an_account_made_afterwards_who_is_banned_gets_in_neither(client: Any) -> None:
    world = world_of(client)
    root = operator(world)
    _, bob, _ = company(world)
    do(root, "server ban bob")
    bob.register(PASSWORD)
    assert bob.gone
    person = world.connect(ELSEWHERE, JsonClient)
    person.ask("register", nick="bob", password=PASSWORD)
    world.settle()
    assert code(person) == "banned"
    person.ask("hello", nick="bob", password=PASSWORD)
    world.settle()
    assert code(person) == "banned"


@pytest.mark.parametrize("first", ["come", "ban"])
@pytest.mark.parametrize(
    ("nick", "target"), [("bob", HOME), ("dave", "account:dave"), ("dave", HOME), ("bob", "192.0.0.0/8")]
)
def test_who_is_banned_while_they_come_in_is_out(client: Any, first: str, nick: str, target: str) -> None:
    storage = SlowStorage()
    world = world_of(client, storage=storage)
    root = operator(world)
    come(world, "dave", account=True).quit()
    carol = come(world, "carol")
    person = world.connect(HOME)
    hush(person, carol)
    storage.slow = True

    def come_in() -> None:
        if nick == "dave":
            person.login("dave", PASSWORD)
        else:
            person.enter("bob")

    def ban() -> None:
        root.do(f"server ban {target}")

    for what in (come_in, ban) if first == "come" else (ban, come_in):
        what()
        world.settle()
    while storage.under_way:
        storage.commit()
        world.settle()
    if target == "account:dave" and first == "ban":
        assert any("you are banned from this server" in line for line in news(person))
    else:
        assert turned_away(person)
    assert {one.name.shown for one in world.chat.people.values()} == {"root", "carol"}


def test_an_operator_is_not_put_out_by_an_address(world: World, root: Any) -> None:
    far = log_in(world, "root", HOME)
    do(root, "server ban 192.0.2.0/24")
    assert not far.gone


# Put off, muted, locked


def test_who_is_kicked_off_the_server_may_come_back(world: World, root: Any) -> None:
    _, bob, carol = company(world)
    assert do(root, "server kick bob enough") == ["* bob is out of this server"]
    assert news(bob)[-1] == "! root put you out of this server (enough)"
    assert bob.gone
    assert news(carol) == ["* bob left (kicked by root: enough)"]
    assert comes_in(world.connect(HOME), "bob")
    assert refused(root, "server kick zoe") == "nobody called zoe is here, or was lately"
    come(world, "dave", account=True).quit()
    world.settle()
    assert refused(root, "server kick dave") == "dave is not in this server"


def test_who_is_muted_on_the_server_says_nothing_in_any_room_nor_in_private(world: World, root: Any) -> None:
    alice, bob, carol = company(world)
    do(root, "server mute bob 2h noise")
    hush(alice, carol)
    no = "! you are muted in this server: bob, by root, until 2026-11-20 11:12 UTC (noise)"
    assert said(bob, "hi") == no
    bob.do("join lobby")
    assert said(bob, "hi") == no
    assert do(bob, "msg carol psst") == [no]
    carol.say("peace")
    assert "carol: peace" in str(news(bob))
    assert not [line for line in news(carol) if "psst" in line or "hi" in line]
    assert do(root, "server unmute bob") == ["* bob may talk again"]
    assert said(bob, "hi") == ""
    do(bob, "msg carol psst")
    assert news(carol) == ["bob -> you: psst"]


def test_in_lockdown_only_accounts_come_in_and_who_is_here_stays(world: World, root: Any, other: Any) -> None:
    _, bob, _ = company(world)
    assert do(root, "server lockdown on") == ["* only accounts may enter this server"]
    assert said(bob, "still here") == ""
    guest = world.connect(ELSEWHERE, other)
    hush(guest)
    guest.enter("zoe")
    assert news(guest)[-1] == "! only accounts may enter this server at present; if you have one, /login NAME"
    person = world.connect(ELSEWHERE, JsonClient)
    person.ask("register", nick="zoe", password=PASSWORD)
    world.settle()
    assert "welcome" in person.text()
    assert log_in(world, "alice", client=other).gone is False
    do(root, "server lockdown off")
    assert comes_in(world.connect(ELSEWHERE, other), "yan")


def test_words_are_looked_for_in_every_room_and_in_every_line(world: World, root: Any) -> None:
    alice, bob, carol = company(world)
    assert do(root, "server filter add refuse badger") == ["* filter 1 is there: refuse: badger"]
    hush(carol)
    no = "! that was not said: this server has a filter for words in it"
    assert said(alice, "badger") == no  # whoever is no operator, also where they moderate
    alice.me("is a badger")
    assert news(alice) == [no]
    hush(bob)
    send_all(bob, ["one", "badger", "two"])
    assert news(bob) == [no]
    assert news(carol) == ["bob: one", "bob: two"]
    root.do("join den")
    assert said(root, "badger") == ""
    assert do(root, "server filter remove 1") == ["* filter 1 is gone: refuse: badger"]
    assert said(bob, "badger") == ""


def test_a_filter_of_the_server_mutes_on_the_whole_server(world: World, root: Any) -> None:
    _, bob, _ = company(world)
    do(root, "server filter add mute badger")
    said(bob, "badger")
    bob.do("join lobby")
    assert "you are muted in this server: bob, by the server" in said(bob, "hi")


def test_operators_are_told_of_words_that_a_filter_of_the_server_reports(world: World, root: Any) -> None:
    _, bob, carol = company(world)
    do(root, "server filter add report badger")
    hush(carol)
    said(bob, "badger")
    assert news(root) == ["* the server reports bob in #den: said what filter 1 looks for"]
    assert news(carol) == ["bob: badger"]


# Announced


ANNOUNCED = "* root tells everybody: tea is ready"


def test_what_is_announced_everybody_is_told_once_in_however_many_rooms_they_are(world: World, root: Any) -> None:
    alice, bob, carol = company(world)
    carol.do("join lobby")
    do(bob, "leave")
    nobody = world.connect(ELSEWHERE)
    hush(alice, bob, carol, nobody)
    root_told = do(root, "announce tea is ready")
    for person in (alice, bob, carol):
        assert [line for line in news(person) if "tells everybody" in line] == [ANNOUNCED]
    assert [line for line in root_told if "tells everybody" in line] == [ANNOUNCED]
    assert news(nobody) == []


def test_what_is_announced_is_told_to_both_formats_alike(client: Any, other: Any) -> None:
    world = world_of(client)
    root = operator(world)
    person = come(world, "zoe", client=other)
    hush(person)
    do(root, "announce tea is ready")
    assert news(person) == [ANNOUNCED]


# The server's owner, at the machine


class Owner(Asking):
    def _factory(self) -> Factory:
        return LineFactory(self.world.chat, COMMANDS, MAX_LINE, console=True)


def test_who_owns_the_server_keeps_order_from_the_machine() -> None:
    world = world_of(Asking)
    operator(world)
    _, bob, carol = company(world)
    owner = world.connect(client=Owner)
    assert do(owner, "server ban bob 2h spam") == ["* banned: bob, by the server, until 2026-11-20 11:12 UTC (spam)"]
    assert news(bob)[-1] == f"! {BANNED.replace('root', 'the server')}"
    assert news(carol) == ["* bob left (banned by the server: spam)"]
    do(owner, "announce hi")
    assert news(carol) == ["* the server tells everybody: hi"]
    assert do(owner, "server kick root")[-1] == "* root is out of this server"
    assert "the server: banned bob" in str(do(owner, "server audit"))
    assert do(owner, "server audit den") == ["* 2026-11-20 09:12 UTC the server: announced (hi)"]


# Who did what


def test_an_audit_tells_who_did_what_on_the_server_and_in_any_room(world: World, root: Any) -> None:
    alice, *_ = company(world)
    for asked in ("server ban bob 2h spam", "server unban bob", "server mute carol", "server lockdown on"):
        do(root, asked)
        world.after(60)
    do(alice, "kick carol noise")
    do(root, "server filter add refuse badger")
    do(root, "announce tea")
    assert do(root, "server audit")[-6:] == [
        "* 2026-11-20 09:12 UTC root: banned bob until 2026-11-20 11:12 UTC (spam)",
        "* 2026-11-20 09:13 UTC root: unbanned bob",
        "* 2026-11-20 09:14 UTC root: muted carol",
        "* 2026-11-20 09:15 UTC root: set lockdown on",
        "* 2026-11-20 09:16 UTC root: filter add 1 refuse badger",
        "* 2026-11-20 09:16 UTC root: announced (tea)",
    ]
    assert do(root, "server audit 1") == ["* 2026-11-20 09:16 UTC root: announced (tea)"]
    assert do(root, "server audit den 2")[0] == "* 2026-11-20 09:16 UTC alice: kicked carol (noise)"
    assert do(root, "server audit 999999999999")[-1] == "* 2026-11-20 09:16 UTC root: announced (tea)"
    assert refused(root, "server audit nowhere") == "there is no room nowhere"


def test_who_decided_for_others_and_is_forgotten_leaves_what_they_decided(world: World, root: Any) -> None:
    alice, bob, _ = company(world)
    come(world, "dave", account=True)
    for asked in ("ban bob spam", "mute carol", "op dave", "topic bears", "slow 60", "filter add refuse badger"):
        do(alice, asked)
    do(root, "server ban 203.0.113.0/24")
    bob.quit()
    for person in (alice, root):
        nick = "alice" if person is alice else "root"
        person.command("forget-me", **({"sure": True} if isinstance(person, Asking) else {}))
        person.say(nick)
        hush(person)
    for start in range(2):
        dave = log_in(world, "dave")
        hush(dave)
        bans = do(dave, "bans")
        assert [line.partition(", by ")[0] for line in bans] == ["* banned: bob", "* muted: carol"]
        assert "alice" not in str(do(dave, "audit"))
        assert "1. refuse: badger" in str(do(dave, "filter list"))
        if start:  # who is in memory as they were called then, is so until the next start
            assert "alice" not in str(bans) + str(do(dave, "filter list"))
        assert do(dave, "room")[1:] == ["* topic: bears", "* a message each in 60 seconds"]
        assert turned_away(world.connect("203.0.113.9"))
        assert "you are banned from #den" in refused(stranger(world, "bob", ELSEWHERE), "join den")
        dave.quit()
        world.after(60)
        if not start:
            world = again(world, grace=0)


# In the file


class WholeDisk(Disk):
    """With all that can be taken out of it."""

    def expire(self, time: int, sort: Sort) -> Deferred[None]:
        return self._watched(self._storage.expire(time, sort))

    def fade(self, detail: str, time: int) -> Deferred[None]:
        return self._watched(self._storage.fade(detail, time))

    def amend(self, *what: Any) -> Deferred[None]:
        return self._watched(self._storage.amend(*what))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


def found_in(place: Path, words: str) -> bool:
    """Whether they are in the database, or in what stands beside it."""
    return any(words.encode() in file.read_bytes() for file in place.parent.glob("chat.db*"))


def test_addresses_are_taken_out_of_the_file_after_some_days(place: Path) -> None:
    storage: Any = WholeDisk(place)
    world = DiskWorld(
        Typing, storage=storage, grace=0, registrations_an_hour=0, addresses_for=2 * DAY, operators=[nickname("root")]
    )
    alice, bob = come(world, "alice", account=True), come(world, "bob", "203.0.113.77")
    do(alice, "ban bob")
    bob.quit()
    world.settle()
    assert found_in(place, "203.0.113.77")
    world.after(3 * DAY / 1000)
    assert not found_in(place, "203.0.113.77")
    assert do(alice, "bans") == ["* banned: bob, by alice, for good"]
    storage.close()
