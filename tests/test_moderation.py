"""Keeping order in a room: who may, what it does, and what they are told to whom it is done. The same in every format."""

from __future__ import annotations

from collections.abc import Iterator
from json import dumps, loads
from time import process_time
from typing import Any

import pytest
import regex

from chatroom import filters
from chatroom.banning import BANS_MOST
from chatroom.commands.moderation import TOPIC_LONGEST
from chatroom.event import Kind
from chatroom.filters import FILTERS_MOST
from chatroom.names import nickname
from chatroom.rights import Right
from chatroom.talking import FILTER_MUTE, SPOKE_KEPT
from chatroom.times import DAY, HOUR, MINUTE
from chatroom.whom import CLAIMS_PAGES, CLAIMS_READ

from .again import again
from .chatting import DISK_FULL, PASSWORD, FailingStorage, JsonClient, Shown, SlowStorage, TextClient, World
from .support import LoggedErrors
from .test_resume import back, code, token

HOME = "192.0.2.1"
"""Where guests come from who say nothing else; bob's, say."""

ELSEWHERE = "198.51.100.9"

NO_DEN = "there is no room #den, and only accounts (/register) open rooms here"
"""What who may open no room is told of a private one."""

# What people ask for, and what they are shown, in the words of the text format


class Typing(TextClient):
    """A person, who types what they ask for."""

    def do(self, asked: str) -> None:
        self.line(f"/{asked}")

    def _shown(self) -> list[Shown]:
        return [("told", line) for line in self.lines()]


class Asking(JsonClient):
    """A program that asks for the same, and of which what it is told is read as people would be told it."""

    def do(self, asked: str) -> None:
        name, _, words = asked.partition(" ")
        if name == "server":
            name, _, words = words.partition(" ")
            name = f"server-{name}"
        self.ask(name, words=words)

    def told(self) -> list[dict[str, Any]]:
        """Who is turned away before they said a word is so in words: nobody knows yet what they speak."""
        lines = self.text().rpartition("\n")[0].splitlines()
        return [loads(line) if line[:1] == "{" else {"refused": {"words": line[2:]}} for line in lines]

    def _shown(self) -> list[Shown]:
        return [("told", line) for told in self.told() for line in self._lines(told)]

    def _lines(self, told: dict[str, Any]) -> Iterator[str]:
        match told:
            case {"welcome": {"nick": nick}}:
                self._nick = nick
            case {"refused": {"words": words}}:
                yield f"! {words}"
            case {"notice": words} | {"answer": _, "words": words} if words:
                yield from (f"* {line}" for line in words.split("\n"))
            case {"event": "private", "nick": nick, "text": text}:
                yield f"{nick} -> you: {text}"
            case {"event": "said" | "did" as kind, "nick": nick, "text": text} if nick != self._nick:
                before = "* " if kind == "did" else ""
                after = " " if kind == "did" else ": "
                yield f"{'[then] ' if 'history' in told else ''}{before}{nick}{after}{text}"
            case {"event": "joined" | "left" as word, "nick": nick}:
                yield f"* {nick} {word}{because(told)}"
            case {"event": "parted", "nick": nick} if "put_out" not in told:
                yield f"* {nick} left{because(told)}"
            case {"event": kind, "nick": nick, **rest} if kind in DEEDS:
                yield f"* {nick or 'the server'} {DEEDS[kind](rest)}"
            case {"event": "renamed", "nick": nick, "new": new}:
                self._nick = new if self._nick == nick else self._nick
                yield f"* {nick} is now {new}"
            case {"event": "announced", "nick": nick, "text": text}:
                yield f"* {nick or 'the server'} tells everybody: {text}"


def because(told: dict[str, Any]) -> str:
    return f" ({told['reason']})" if "reason" in told else ""


def until(told: dict[str, Any]) -> str:
    return f" until {told['until'].replace('T', ' ').replace('Z', ' UTC')}" if "until" in told else ""


DEEDS: dict[str, Any] = {
    "kicked": lambda told: f"kicked {told['whom']}{because(told)}",
    "banned": lambda told: f"banned {told.get('whom', 'an address')}{until(told)}{because(told)}",
    "muted": lambda told: f"muted {told.get('whom', 'an address')}{until(told)}{because(told)}",
    "unbanned": lambda told: f"lifted the ban of {told.get('whom', 'an address')}",
    "unmuted": lambda told: f"let {told.get('whom', 'an address')} speak again",
    "invited": lambda told: (
        f"invites you to #{told['to']}: /join {told['to']}" if "to" in told else f"invited {told['whom']}"
    ),
    "reported": lambda told: f"reports {told['whom']} in #{told['in']}: {told['reason']}",
    "role": lambda told: {"voiced": f"gave {told['whom']} a voice", "": f"took {told['whom']}'s role away"}.get(
        told["role"], f"made {told['whom']} {told['role']}"
    ),
    "set": lambda told: {
        ("lockdown", True): "locked #den: only accounts may enter",
        ("private", True): "made #den private",
        ("private", False): "made #den public",
        ("announce-only", True): "lets only who has a voice talk",
        ("announce-only", False): "lets everybody talk",
        ("slow", 60): "slowed #den: a message each in 1 minute",
        ("slow", 0): "slows #den no more",
        ("topic", "bears"): "set the topic: bears",
        ("topic", ""): "took the topic away",
    }.get((told["setting"], told["value"]), f"set {told['setting']} to {told['value']}"),
}

FORMATS = {"text": Typing, "json": Asking}


@pytest.fixture(params=FORMATS)
def client(request: pytest.FixtureRequest) -> Any:
    return FORMATS[request.param]


@pytest.fixture(params=FORMATS)
def other(request: pytest.FixtureRequest) -> Any:
    """What somebody tries next."""
    return FORMATS[request.param]


@pytest.fixture
def world(client: Any) -> World:
    return world_of(client)


def world_of(client: Any, **settings: Any) -> World:
    limits: dict[str, Any] = {"grace": 0, "registrations_an_hour": 0, "logins_of_address_a_minute": 0}
    return World(client, **limits | {"operators": [nickname("root")]} | settings)


def come(
    world: World, nick: str, address: str = "127.0.0.1", *, account: bool = False, client: Any = None, room: str = "den"
) -> Any:
    """Somebody who is in that room and no other; the first opens it."""
    person = world.connect(address, client)
    person.enter(nick)
    if account:
        person.register(PASSWORD)
    person.do(f"join {room}")
    person.do("leave lobby")
    news(person)
    return person


def log_in(world: World, nick: str, address: str = "127.0.0.1", client: Any = None) -> Any:
    person = world.connect(address, client)
    person.login(nick, PASSWORD)
    return person


def company(world: World) -> tuple[Any, Any, Any]:
    """alice, whose the room is; bob, a guest from elsewhere; carol, who only looks on."""
    people = come(world, "alice", account=True), come(world, "bob", HOME), come(world, "carol")
    hush(*people)
    return people


def news(person: Any) -> list[str]:
    """The lines that they were shown since this was asked last."""
    return [line for _, line in person.heard()]


def hush(*people: Any) -> None:
    for person in people:
        news(person)


def do(person: Any, asked: str) -> list[str]:
    """What they are shown when they ask for something."""
    hush(person)
    person.do(asked)
    return news(person)


def refused(person: Any, asked: str) -> str:
    """The words with which it is refused."""
    (line,) = [line for line in do(person, asked) if line.startswith("! ")]
    return line[2:]


def said(person: Any, text: str) -> str:
    """What is told to who says something; nothing when it is said."""
    hush(person)
    person.say(text)
    return "\n".join(news(person))


def here(world: World, room: str = "den") -> list[str]:
    """Who is in a room."""
    world.settle()
    return [*world.chat.rooms[room].members.nicks.values()]


def entries(world: World, log: str) -> list[Any]:
    found: list[Any] = []
    world.storage.read(log, limit=100_000).addCallback(found.extend)
    return [entry.event for entry in found]


# Roles


def test_who_opens_a_room_with_an_account_owns_it(world: World) -> None:
    alice, *_ = company(world)
    come(world, "dave", account=True)
    assert do(alice, "op dave") == ["* alice made dave moderator"]


def test_a_guest_who_opens_a_room_owns_it_once_they_have_an_account(client: Any) -> None:
    world = world_of(client, room_creation=Right.CHAT)
    bob, _ = come(world, "bob"), come(world, "carol", account=True)
    assert refused(bob, "op carol") == "only the owner of the room may do that"
    bob.register(PASSWORD)
    assert do(bob, "op carol") == ["* bob made carol moderator"]


def test_a_room_that_always_exists_has_no_owner_and_operators_decide_there(world: World) -> None:
    root, alice = world.register("root"), world.register("alice")
    assert refused(alice, "op alice") == "only the owner of the room may do that"
    assert do(root, "op alice") == ["* root made alice moderator"]
    assert do(root, "transfer alice") == ["* root made alice owner"]
    assert do(alice, "transfer root") == ["* alice made root owner", "* alice made alice moderator"]


def test_what_each_role_makes_of_somebody_is_told_to_all_and_lasts_until_it_is_taken(world: World) -> None:
    alice, _, carol = company(world)
    dave = come(world, "dave", account=True)
    for asked, told, may_ban, may_talk in (
        ("announce-only on", "lets only who has a voice talk", False, False),
        ("voice dave", "gave dave a voice", False, True),
        ("devoice dave", "took dave's role away", False, False),
        ("op dave", "made dave moderator", True, True),
        ("deop dave", "took dave's role away", False, False),
    ):
        hush(carol, dave)
        assert do(alice, asked) == [f"* alice {told}"]
        assert f"* alice {told}" in news(carol)
        assert (not said(dave, "hi")) == may_talk
        assert do(dave, "mute carol") == (
            ["* dave muted carol", "* muted: carol, by dave, for good"]
            if may_ban
            else ["! only moderators of the room may do that"]
        )


def test_a_role_is_of_the_account_wherever_they_are_and_whenever_they_come(world: World, other: Any) -> None:
    alice, *_ = company(world)
    come(world, "dave", account=True).quit()
    do(alice, "op dave")
    dave = log_in(world, "dave", ELSEWHERE, other)
    assert "* dave banned bob" in do(dave, "ban bob")
    dave.quit()
    world.settle()
    world = again(world, grace=0)
    dave = log_in(world, "DAVE", client=other)
    assert do(dave, "bans") == ["* banned: bob, by dave, for good"]
    assert do(dave, "unban bob") == ["* dave lifted the ban of bob", "* bob is banned no more"]


def test_guests_have_no_role_and_a_role_is_not_given_twice(world: World) -> None:
    alice, *_ = company(world)
    come(world, "dave", account=True)
    guest = "bob is a guest, and may be somebody else tomorrow: roles are of accounts"
    for command in ("op", "voice", "deop", "transfer"):
        assert refused(alice, f"{command} bob") == guest
    do(alice, "op dave")
    assert refused(alice, "op dave") == "dave is moderator already"
    assert refused(alice, "voice dave") == "dave is moderator, and may talk as it is"
    do(alice, "deop dave")
    assert refused(alice, "deop dave") == "dave has no role in #den"
    assert refused(alice, "transfer alice") == "alice is owner already"
    assert refused(alice, "op zoe") == "nobody called zoe is here, or was lately"


def test_a_room_is_given_away_and_who_owned_it_moderates_it(world: World) -> None:
    alice, _, carol = company(world)
    dave = come(world, "dave", account=True)
    hush(carol)
    do(alice, "transfer dave")
    assert news(carol) == ["* alice made dave owner", "* alice made alice moderator"]
    assert refused(alice, "op dave") == "only the owner of the room may do that"
    assert "* alice kicked bob" in do(alice, "kick bob")
    assert do(dave, "deop alice") == ["* dave took alice's role away"]


def test_of_a_room_whose_owner_is_forgotten_the_next_owner_is_told_alone(world: World) -> None:
    alice, _, carol = company(world)
    come(world, "dave", account=True)
    root = come(world, "root", account=True)
    alice.command("forget-me", **({"sure": True} if isinstance(alice, Asking) else {}))
    alice.say("alice")  # in words one is asked whether one means it
    hush(carol, root)
    assert do(root, "transfer dave") == ["* root made dave owner"]
    assert news(carol) == ["* root made dave owner"]


RANKS = ["bob", "dave", "voiced", "mod", "alice", "root"]
"""A guest, an account, and who is voiced, moderator, owner and operator: later ones outrank those before."""


@pytest.fixture
def ranks(world: World) -> dict[str, Any]:
    alice, bob, _ = company(world)
    people = {nick: come(world, nick, account=True) for nick in ("dave", "voiced", "mod", "mod2", "root", "root2")}
    people |= {"alice": alice, "bob": bob}
    world.chat.settings.operators.append(nickname("root2"))  # type: ignore[attr-defined]
    do(alice, "voice voiced")
    do(alice, "op mod")
    do(alice, "op mod2")
    hush(*people.values())
    return people


@pytest.mark.parametrize("deed", ["kick", "ban", "mute"])
@pytest.mark.parametrize("by", ["mod", "alice", "root"])
def test_nobody_puts_those_in_their_place_who_are_as_high_or_higher(ranks: dict[str, Any], by: str, deed: str) -> None:
    shown = {"mod": "moderator", "alice": "owner", "root": "operator"}
    for whom in RANKS:
        told = do(ranks[by], f"{deed} {whom}")
        if RANKS.index(by) > RANKS.index(whom):
            assert f"* {by} {({'kick': 'kicked', 'ban': 'banned', 'mute': 'muted'})[deed]} {whom}" in told
        else:
            assert told == [f"! {whom} is {shown[whom]} here, and you are {shown[by]}"]


def test_equals_do_not_put_each_other_out(ranks: dict[str, Any]) -> None:
    assert refused(ranks["mod"], "kick mod2") == "mod2 is moderator here, and you are moderator"
    assert refused(ranks["root"], "kick root2") == "root2 is operator here, and you are operator"
    assert refused(ranks["root"], "server ban root2") == "root2 is operator here, and you are operator"
    assert refused(ranks["mod"], "ban account:mod2") == "mod2 is moderator here, and you are moderator"
    assert refused(ranks["alice"], "deop alice") == "alice is owner here, and you are owner"
    assert refused(ranks["mod"], "devoice mod2") == "mod2 is moderator here, and you are moderator"


def test_an_address_from_which_moderators_come_puts_out_those_who_are_none(ranks: dict[str, Any], world: World) -> None:
    for nick in ("mod2", "dave"):
        far = log_in(world, nick, ELSEWHERE)
        hush(far)
    do(ranks["mod"], "ban 198.51.100.0/24")
    assert "dave" not in here(world)
    assert "mod2" in here(world)
    far = log_in(world, "mod2", ELSEWHERE)
    assert not any("banned" in line for line in news(far))


# Kicked


def test_who_is_kicked_is_out_as_all_are_told_and_may_come_back(world: World) -> None:
    alice, bob, carol = company(world)
    assert do(alice, "kick bob no spam") == ["* alice kicked bob (no spam)", "* bob is out of #den"]
    assert news(carol) == ["* alice kicked bob (no spam)"]
    assert news(bob) == ["* alice kicked bob (no spam)", "! alice put you out of #den (no spam)"]
    assert here(world) == ["alice", "carol"]
    bob.say("still here?")
    assert news(bob) == ["! you are in no room; /join ROOM enters one, /rooms lists them"]
    bob.do("join den")
    assert here(world) == ["alice", "carol", "bob"]


def test_only_who_is_in_the_room_is_kicked(world: World) -> None:
    alice, bob, _ = company(world)
    do(bob, "leave")
    assert refused(alice, "kick bob") == "bob is not in #den"
    assert refused(alice, "kick zoe") == "nobody called zoe is here, or was lately"


def test_who_is_kicked_is_out_on_all_their_devices(world: World, other: Any) -> None:
    alice, *_ = company(world)
    dave = come(world, "dave", HOME, account=True)
    second = log_in(world, "dave", ELSEWHERE, other)
    hush(dave, second)
    do(alice, "kick dave")
    for device in (dave, second):
        assert "! alice put you out of #den" in news(device)
        device.say("hi")
        assert news(device) == ["! you are in no room; /join ROOM enters one, /rooms lists them"]


# Banned


UNTIL = "until 2026-11-20 09:22 UTC (spam)"


def test_a_ban_is_told_to_all_with_who_why_and_until_when(world: World) -> None:
    alice, bob, carol = company(world)
    told = [f"* alice banned bob {UNTIL}", f"* banned: bob, by alice, {UNTIL}"]
    assert do(alice, "ban bob 10m spam") == told
    assert news(carol) == told[:1]
    assert news(bob) == [told[0], f"! you are banned from #den: bob, by alice, {UNTIL}"]
    assert do(alice, "bans") == told[1:]
    assert here(world) == ["alice", "carol"]
    assert refused(bob, "join den") == f"you are banned from #den: bob, by alice, {UNTIL}"


def test_programs_are_told_the_same_in_fields() -> None:
    world = world_of(Asking)
    alice, bob, _ = company(world)
    before = len(bob.told())
    alice.ask("ban", "b1", target="bob", duration="10m", why="spam")
    world.settle()
    banned, parted, no = bob.told()[before:]
    assert {name: banned[name] for name in ("event", "room", "nick", "whom", "reason", "until")} == {
        "event": "banned", "room": "den", "nick": "alice", "whom": "bob", "reason": "spam", "until": "2026-11-20T09:22Z"
    }  # fmt: skip
    assert (parted["event"], parted["nick"], parted["put_out"]) == ("parted", "bob", True)
    assert (no["refused"]["code"], no["refused"]["room"]) == ("banned", "den")
    assert alice.told()[-1] == {"answer": "ban", "target": "bob", "id": "b1"}
    alice.ask("bans", "b2", room="den")
    (one,) = alice.told()[-1]["bans"]
    assert one == {"what": "banned", "target": "bob", "by": "alice", "why": "spam", "until": "2026-11-20T09:22Z"}
    bob.ask("join", "j1", room="den")
    assert (code(bob), bob.told()[-1]["id"]) == ("banned", "j1")


@pytest.mark.parametrize(
    ("asked", "seconds"), [("10m", 600), ("2h", 7200), ("7d", 7 * 86400), ("1h30m", 5400), ("30s", 30)]
)
def test_a_ban_and_a_mute_end_by_themselves(world: World, asked: str, seconds: int) -> None:
    alice, bob, carol = company(world)
    do(alice, f"ban bob {asked} spam")
    do(alice, f"mute carol {asked}")
    world.after(seconds - 1)
    assert "banned" in refused(bob, "join den")
    assert "muted" in said(carol, "hi")
    world.after(2)
    bob.do("join den")
    assert "bob" in here(world)
    assert said(carol, "hi") == ""
    assert do(alice, "bans") == ["* nobody is banned or muted in #den"]


def test_without_a_duration_it_is_for_good_and_a_number_alone_is_no_duration(world: World) -> None:
    alice, bob, _ = company(world)
    assert do(alice, "ban bob 3 strikes")[-1] == "* banned: bob, by alice, for good (3 strikes)"
    world.after(30 * DAY / 1000)
    assert "for good (3 strikes)" in refused(bob, "join den")
    assert refused(alice, "ban carol 11y") == "a duration is written like 30s, 10m, 2h, 7d, 4w or 1h30m"
    assert refused(alice, "ban carol 9999d") == "a duration is longer than nothing and at most 3650d"


def test_a_ban_is_lifted(world: World) -> None:
    alice, bob, carol = company(world)
    do(alice, "ban bob")
    do(alice, "ban BOB 2h again")
    hush(carol)
    assert do(alice, "unban Bob") == ["* alice lifted the ban of bob", "* Bob is banned no more"]
    assert news(carol) == ["* alice lifted the ban of bob"]
    bob.do("join den")
    assert "bob" in here(world)
    assert refused(alice, "unban bob") == "bob is not banned in #den"
    assert refused(alice, "unmute bob") == "bob is not muted in #den"


@pytest.mark.parametrize("times", [1, 2])
def test_bans_mutes_roles_and_settings_last_over_restarts(world: World, times: int) -> None:
    alice, *_ = company(world)
    come(world, "dave", account=True)
    for asked in (
        "ban bob 2h spam", "mute carol 10m", "ban 203.0.113.0/24 trolls", "voice dave", "topic bears", "slow 60",
        "announce-only on", "private on", "lockdown on", "filter add refuse badger", "describe of animals",
    ):  # fmt: skip
        do(alice, asked)
    alice.quit()
    for _ in range(times):
        world.after(305)
        world = again(world, grace=0)
    alice = log_in(world, "alice")
    hush(alice)
    bans = do(alice, "bans")
    assert bans[:2] == [
        "* banned: bob, by alice, until 2026-11-20 11:12 UTC (spam)",
        "* banned: an address, by alice, for good (trolls)",
    ]
    assert bans[2:] == (["* muted: carol, by alice, until 2026-11-20 09:22 UTC"] if times == 1 else [])
    assert do(alice, "filter list") == ["* 1. refuse: badger (by alice)"]
    assert do(alice, "room")[1:] == [
        "* topic: bears", "* of animals", "* private", "* only who has a voice may talk",
        "* a message each in 60 seconds", "* only accounts may enter",
    ]  # fmt: skip
    bob = stranger(world, "bob", HOME)
    assert "banned from #den: bob, by alice, until 2026-11-20 11:12 UTC (spam)" in refused(bob, "join den")
    world.after(2 * HOUR / 1000)
    assert do(alice, "bans") == ["* banned: an address, by alice, for good (trolls)"]


def kept_out(world: World, person: Any) -> None:
    """They do not get into the room, and are told why."""
    inside = here(world)
    assert "you are banned from #den" in refused(person, "join den")
    assert here(world) == inside


def stranger(world: World, nick: str, address: str, client: Any = None) -> Any:
    """A guest who comes in, not into the room yet."""
    person = world.connect(address, client)
    person.enter(nick)
    return person


def test_a_banned_guest_does_not_come_back_by_another_nickname(world: World) -> None:
    alice, bob, _ = company(world)
    do(alice, "ban bob")
    bob.do("nick rob")
    kept_out(world, bob)


def test_a_banned_guest_does_not_come_back_by_another_connection_format_or_nickname(world: World, other: Any) -> None:
    alice, bob, _ = company(world)
    do(alice, "ban bob")
    bob.quit()
    for nick, address in (("bob", HOME), ("rob", HOME), ("bob", ELSEWHERE), ("BOB", ELSEWHERE), ("b0b", ELSEWHERE)):
        person = stranger(world, nick, address, other)
        kept_out(world, person)
        person.quit()
    stranger(world, "rob", ELSEWHERE, other).do("join den")
    assert "rob" in here(world)  # somebody else, as far as anybody can tell


def test_of_an_ipv6_address_the_site_is_banned(world: World) -> None:
    alice, *_ = company(world)
    come(world, "dave", "2001:db8:1:2::7")
    do(alice, "ban dave")
    kept_out(world, stranger(world, "zoe", "2001:db8:1:2:ffff::1"))
    stranger(world, "zed", "2001:db8:1:3::7").do("join den")
    assert "zed" in here(world)


def test_a_banned_guest_does_not_come_back_with_an_account_made_afterwards(world: World, other: Any) -> None:
    alice, bob, _ = company(world)
    do(alice, "ban bob")
    bob.register(PASSWORD)
    kept_out(world, bob)
    bob.quit()
    again_bob = log_in(world, "bob", ELSEWHERE, other)
    kept_out(world, again_bob)
    again_bob.quit()
    world.after(1)
    person = stranger(world, "rob", HOME, other)
    person.register(PASSWORD)
    kept_out(world, person)
    person.quit()
    elsewhere = log_in(world, "rob", ELSEWHERE, other)
    elsewhere.do("join den")
    assert "rob" in here(world)  # only where the guest came from they count as the same


def test_who_had_an_account_before_comes_in_from_the_address_of_a_banned_guest(world: World) -> None:
    come(world, "dave", account=True).quit()
    world.after(1)
    alice, *_ = company(world)
    do(alice, "ban bob")
    dave = log_in(world, "dave", HOME)
    assert not any("banned" in line for line in news(dave))
    dave.do("join den")
    assert "dave" in here(world)


@pytest.mark.parametrize("target", ["dave", "account:dave", "account:DAVE"])
def test_a_banned_account_does_not_come_back(world: World, other: Any, target: str) -> None:
    alice, *_ = company(world)
    dave = come(world, "dave", account=True)
    do(alice, f"ban {target} 2h")
    kept_out(world, dave)
    kept_out(world, log_in(world, "dave", ELSEWHERE, other))
    dave.quit()
    again_dave = stranger(world, "rob", "127.0.0.1", other)
    again_dave.login("dave", PASSWORD)
    kept_out(world, again_dave)


def test_an_account_is_banned_that_is_not_here_and_a_guest_who_has_left(world: World) -> None:
    alice, bob, _ = company(world)
    come(world, "dave", HOME, account=True).quit()
    bob.quit()
    do(alice, "ban dave")
    do(alice, "ban bob")
    assert do(alice, "bans") == ["* banned: dave, by alice, for good", "* banned: bob, by alice, for good"]
    for person in (log_in(world, "dave", ELSEWHERE), stranger(world, "rob", HOME)):
        kept_out(world, person)


def test_account_and_a_name_means_the_account_and_not_who_is_called_so(world: World) -> None:
    alice, *_ = company(world)
    assert refused(alice, "ban account:bob") == "there is no account bob"
    assert refused(alice, "ban account:no-such") == "there is no account no-such"


def test_an_account_that_never_came_by_is_banned_by_its_name(world: World) -> None:
    alice, *_ = company(world)
    root = world.register("root")
    root.do(f"add-account zoe {PASSWORD}")
    do(alice, "ban zoe never seen")
    zoe = log_in(world, "zoe", ELSEWHERE)
    kept_out(world, zoe)


@pytest.mark.parametrize(
    ("target", "inside", "outside"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
        ("192.0.2.0/28", "192.0.2.7", "192.0.2.16"),
        ("2001:db8::7", "2001:db8::8", "2001:db8:0:1::7"),
        ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
    ],
)
def test_an_address_or_a_network_keeps_out_all_who_come_from_there(
    world: World, target: str, inside: str, outside: str
) -> None:
    alice, *_ = company(world)
    come(world, "dave", account=True).quit()
    come(world, "zoe", inside)
    do(alice, f"ban {target} 2h trolls")
    assert "zoe" not in here(world)
    for person in (stranger(world, "zed", inside), log_in(world, "dave", inside)):
        kept_out(world, person)
    stranger(world, "yan", outside).do("join den")
    assert "yan" in here(world)
    assert do(alice, f"unban {target}")[0] == "* alice lifted the ban of an address"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", ""])
def test_who_comes_from_this_machine_is_banned_by_name_and_nobody_else_with_them(world: World, address: str) -> None:
    alice, bob = come(world, "alice", account=True), come(world, "bob", address)
    come(world, "carol", address)
    do(alice, "ban bob")
    assert here(world) == ["alice", "carol"]
    bob.quit()
    kept_out(world, stranger(world, "b0b", address))
    stranger(world, "zed", address).do("join den")
    assert "zed" in here(world)
    for event in entries(world, "#den"):
        assert "address" not in event.details


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("127.0.0.1", "that is this machine itself: nobody is kept out by it"),
        ("127.0.0.0/8", "that is this machine itself: nobody is kept out by it"),
        ("::1", "that is this machine itself: nobody is kept out by it"),
        ("0.0.0.0/0", "that is too much of the internet: /8 is the widest network there can be"),
        ("1.2.3", "that is neither a nickname, account:NAME, an address nor a network like 192.0.2.0/24"),
    ],
)
def test_what_cannot_be_banned_is_refused_with_why(world: World, target: str, words: str) -> None:
    alice, *_ = company(world)
    assert refused(alice, f"ban {target}") == words


def test_who_is_banned_neither_reads_nor_searches_there(world: World) -> None:
    alice, bob, carol = company(world)
    carol.say("the badger sleeps")
    hush(bob)
    do(alice, "ban bob")
    hush(bob)
    carol.say("the badger wakes")
    assert news(bob) == []
    assert do(bob, "history")[-1].startswith("! you are in no room")
    assert do(bob, "search badger") == ["* nothing was found"]
    assert refused(bob, "search badger in:den") == "you are not in #den; /join ROOM enters a room"
    assert "badger" not in str(do(bob, "export"))
    bob.do("join lobby")
    hush(bob)
    assert do(bob, "search badger") == ["* nothing was found"]


def test_a_program_that_is_banned_reads_no_history_by_naming_the_room_nor_by_coming_back() -> None:
    world = world_of(Asking, grace=30)
    alice, bob, carol = company(world)
    carol.say("the badger sleeps")
    world.settle()
    seen = [told for told in bob.told() if "event" in told and told["room"] == "den"][-1]["position"]
    secret = token(bob)
    bob.hang_up()
    do(alice, "ban bob")
    carol.say("the badger wakes")
    for rooms in ({"den": {"after": seen}}, {"den": {"after": "0"}}, {"#den": {"after": "0"}}, {}):
        returned = world.connect(HOME)
        returned.ask("hello", resume=secret, rooms=rooms, history=20)
        world.settle()
        assert "badger" not in returned.text()
        for request, fields in (
            ("history", {"room": "den"}), ("history", {"room": "den", "after": "0"}), ("who", {"room": "den"}),
            ("search", {"words": "badger in:den"}), ("say", {"room": "den", "text": "hi"}), ("audit", {"room": "den"}),
            ("topic", {"room": "den"}), ("edit", {"room": "den", "text": "hi"}),
            ("report", {"room": "den", "nick": "carol", "why": "x"}),
        ):  # fmt: skip
            returned.ask(request, **fields)
            assert code(returned) == "not_in_room"
        assert "badger" not in returned.text()
        returned.hang_up()
    other = world.connect(HOME)
    other.ask("hello", nick="rob", rooms={"den": {"after": "0"}}, history=20)
    world.settle()
    assert [told["refused"]["code"] for told in other.told() if "refused" in told] == ["banned"]
    assert "badger" not in other.text()
    assert here(world) == ["alice", "carol"]


def test_who_was_banned_while_their_connection_was_lost_comes_back_to_no_room() -> None:
    world = world_of(Asking, grace=30)
    alice, bob, _ = company(world)
    secret = token(bob)
    bob.hang_up()
    do(alice, "ban bob")
    bob = back(world, secret)
    assert bob.told()[-1]["welcome"]["rooms"] == {}
    assert "bob" not in here(world)


def test_an_account_that_is_banned_returns_to_its_other_rooms_only(world: World) -> None:
    alice, *_ = company(world)
    dave = come(world, "dave", account=True)
    dave.do("join lobby")
    dave.quit()
    do(alice, "ban dave 2h spam")
    dave = log_in(world, "dave")
    assert "! you are banned from #den: dave, by alice, until 2026-11-20 11:12 UTC (spam)" in news(dave)
    assert here(world, "lobby") == ["dave"]
    assert "dave" not in here(world)


def test_a_ban_in_a_room_puts_out_of_that_room_only(world: World) -> None:
    alice, bob, carol = company(world)
    for person in (bob, carol):
        person.do("join lobby")
    hush(bob, carol)
    do(alice, "ban bob")
    bob.say("hi")
    assert "bob: hi" in str(news(carol))
    assert here(world, "lobby") == ["bob", "carol"]
    assert not bob.gone


@pytest.mark.parametrize("first", ["join", "ban"])
@pytest.mark.parametrize("target", ["bob", HOME])
def test_who_is_banned_while_they_come_in_is_out(client: Any, first: str, target: str) -> None:
    storage = SlowStorage()
    world = world_of(client, storage=storage)
    alice, carol = come(world, "alice", account=True), come(world, "carol")
    bob = world.connect(HOME)
    bob.enter("bob")
    hush(bob)
    storage.slow = True
    asking = [(bob, "join den"), (alice, f"ban {target}")]
    for person, asked in asking if first == "join" else reversed(asking):
        person.do(asked)
        world.settle()
    while storage.under_way:
        storage.commit()
        world.settle()
    assert here(world) == ["alice", "carol"]
    assert any("you are banned from #den" in line for line in news(bob))
    storage.slow = False
    carol.say("is he gone?")
    assert news(bob) == []


def test_there_are_so_many_bans_at_most_and_those_that_ended_do_not_count(world: World) -> None:
    alice, *_ = company(world)
    room = world.chat.rooms["den"]
    until = world.chat.milliseconds() + MINUTE
    made = [
        (room.log.name, world.chat.event(Kind.BANNED, "x", "alice", "", {"name": f"n{n}", "whom": f"g{n}", "until": until}))
        for n in range(BANS_MOST)
    ]  # fmt: skip
    world.chat.journal.append(made, print)
    world.settle()
    assert refused(alice, "ban bob") == "#den has 1000 of them already, the most there can be"
    world.after(61)
    assert do(alice, "ban bob")[0] == "* alice banned bob"


def test_who_left_very_long_ago_is_not_found_by_their_nickname(world: World) -> None:
    alice, bob, _ = company(world)
    bob.quit()
    world.settle()
    claims = [
        ("server", world.chat.event(Kind.CLAIMED, f"g{n}", "zoe", "", {"folded": "zoe"})) for n in range(CLAIMS_READ)
    ]
    for _ in range(CLAIMS_PAGES):
        world.chat.journal.append(claims, print)
        world.settle()
    assert refused(alice, "ban bob") == "nobody called bob is here, or was lately"


def test_what_is_not_saved_is_not_done_and_told(client: Any, logged: LoggedErrors) -> None:
    storage = FailingStorage()
    world = world_of(client, storage=storage)
    alice, bob, _ = company(world)
    storage.break_down(DISK_FULL)
    for asked in ("ban bob", "kick bob", "mute bob", "lockdown on", "report bob rude"):
        assert do(alice, asked) == ["! that was not saved: the disk is full"]
    storage.recover()
    assert logged.flush("disk is full")
    assert here(world) == ["alice", "bob", "carol"]
    assert do(alice, "bans") == ["* nobody is banned or muted in #den"]
    assert said(bob, "hi") == ""


# Muted


def test_who_is_muted_reads_on_and_says_nothing_in_any_way(world: World) -> None:
    alice, bob, carol = company(world)
    do(alice, "mute bob 10m noise")
    assert news(bob) == [f"* alice muted bob {UNTIL.replace('spam', 'noise')}"]
    carol.say("peace")
    assert "carol: peace" in news(bob)
    hush(carol)
    no = "! you are muted in #den: bob, by alice, until 2026-11-20 09:22 UTC (noise)"
    assert said(bob, "hi") == no
    bob.me("waves")
    assert news(bob) == [no]
    bob.do("nick rob")  # which everybody would read
    assert news(bob) == [no]
    assert said(bob, "hi") == no
    assert news(carol) == []
    assert do(alice, "unmute bob") == ["* alice let bob speak again", "* bob may talk again"]
    assert said(bob, "hi") == ""
    assert news(carol) == ["* alice let bob speak again", "bob: hi"]


def test_who_is_muted_stays_so_on_another_connection_device_and_format(world: World, other: Any) -> None:
    alice, bob, _ = company(world)
    dave = come(world, "dave", HOME, account=True)
    do(alice, "mute bob")
    do(alice, "mute account:dave")
    bob.quit()
    assert "muted" in said(come(world, "rob", HOME, client=other), "hi")
    assert "muted" in said(come(world, "bob", ELSEWHERE, client=other), "hi")
    device = log_in(world, "dave", ELSEWHERE, other)
    for one in (dave, device):
        assert "muted" in said(one, "hi")


def test_a_mute_in_a_room_is_of_that_room_only(world: World) -> None:
    alice, bob, _ = company(world)
    do(alice, "mute bob")
    bob.do("join lobby")
    assert said(bob, "hi") == ""


def test_many_lines_at_once_are_looked_at_one_by_one(world: World) -> None:
    """So many that come in one piece are taken in one step, unless something restricts the room."""
    alice, bob, carol = company(world)
    do(alice, "mute bob")
    hush(bob, carol)
    send_all(bob, [f"line {n}" for n in range(20)])
    assert news(bob) == ["! you are muted in #den: bob, by alice, for good"] * 20
    assert news(carol) == []


# Slow


def test_in_a_slow_room_who_is_early_is_told_when(world: World) -> None:
    alice, bob, carol = company(world)
    hush(bob, carol)
    assert do(alice, "slow 60")[0] == "* alice slowed #den: a message each in 1 minute"
    hush(bob, carol)
    assert said(bob, "one") == ""
    assert said(bob, "two") == "! #den is slow: your next message in 60 seconds"
    world.after(58.5)
    assert said(bob, "two") == "! #den is slow: your next message in 2 seconds"
    assert said(carol, "mine") == ""
    world.after(1)
    hush(bob)
    bob.me("waves")
    assert news(bob) == ["! #den is slow: your next message in 1 second"]
    world.after(0.5)
    assert said(bob, "two") == ""
    assert said(bob, "three") == "! #den is slow: your next message in 60 seconds"
    assert do(alice, "slow 0")[0] == "* alice slows #den no more"
    assert said(bob, "three") == ""
    assert [line for line in news(carol) if line.startswith("bob")] == ["bob: two", "bob: three"]
    assert refused(alice, "slow 21601") == "a room is slowed to 21600 seconds at most"


def test_moderators_are_not_slowed(ranks: dict[str, Any]) -> None:
    do(ranks["alice"], "slow 60")
    for nick in RANKS:
        said(ranks[nick], "one")
        assert (said(ranks[nick], "two") == "") == (nick in ("mod", "alice", "root"))


def test_all_devices_of_somebody_in_any_format_count_as_one(world: World, other: Any) -> None:
    alice, *_ = company(world)
    dave = come(world, "dave", account=True)
    device = log_in(world, "dave", ELSEWHERE, other)
    do(alice, "slow 60")
    assert said(dave, "one") == ""
    assert said(device, "two") == "! #den is slow: your next message in 60 seconds"
    device.quit()
    assert said(log_in(world, "dave", client=other), "two") == "! #den is slow: your next message in 60 seconds"


def test_a_room_is_slow_by_itself(world: World) -> None:
    alice, bob, carol = company(world)
    do(alice, "slow 60")
    said(bob, "one")
    for person in (bob, carol):
        person.do("join lobby")
    assert [said(bob, "two"), said(bob, "three")] == ["", ""]


def test_of_many_lines_that_come_at_once_the_first_is_said(world: World) -> None:
    alice, bob, carol = company(world)
    do(alice, "slow 60")
    hush(bob, carol)
    send_all(bob, [f"line {n}" for n in range(10)])
    assert news(bob) == ["! #den is slow: your next message in 60 seconds"] * 9
    assert news(carol) == ["bob: line 0"]


def test_what_a_program_said_too_early_it_may_say_again_under_the_same_id() -> None:
    world = world_of(Asking)
    alice, bob, _ = company(world)
    do(alice, "slow 60")
    bob.ask("say", "s1", text="one")
    bob.ask("say", "s2", text="two")
    world.settle()
    early = bob.told()[-1]
    assert early["refused"]["code"] == "too_early"
    assert (early["id"], early["refused"]["seconds"], early["refused"]["room"]) == ("s2", 60, "den")
    world.after(60)
    bob.ask("say", "s2", text="two")
    world.settle()
    assert (bob.told()[-1]["text"], bob.told()[-1]["id"]) == ("two", "s2")
    assert [event.text for event in entries(world, "#den") if event.kind is Kind.SAID] == ["one", "two"]


def test_only_so_many_are_remembered_who_spoke_and_nobody_for_whom_it_matters_no_more(world: World) -> None:
    alice, bob, carol = company(world)
    do(alice, "slow 60")
    spoke = world.chat.rooms["den"].spoke
    spoke |= {f"g{n}": (world.clock.seconds(), "") for n in range(SPOKE_KEPT)}
    said(bob, "one")
    assert len(spoke) == SPOKE_KEPT + 1
    world.after(60)
    said(carol, "one")
    assert len(spoke) == 1


def send_all(person: Any, lines: list[str]) -> None:
    """Say them, in one piece."""
    if isinstance(person, Asking):
        person.send("".join(f"{dumps({'say': {'text': line}})}\n" for line in lines).encode())
    else:
        person.send("".join(f"{line}\n" for line in lines).encode())


# What the room is like


def test_in_lockdown_only_accounts_enter_and_who_is_here_stays(world: World, other: Any) -> None:
    alice, bob, carol = company(world)
    assert do(alice, "lockdown on")[-1] == "* only accounts may enter #den"
    assert news(carol) == ["* alice locked #den: only accounts may enter"]
    assert said(bob, "still here") == ""
    guest = stranger(world, "zoe", ELSEWHERE, other)
    words = "only accounts may enter #den at present; /register makes you one"
    assert refused(guest, "join den") == words
    guest.register(PASSWORD)
    guest.do("join den")
    assert "zoe" in here(world)
    do(bob, "leave")
    assert refused(bob, "join den") == words
    assert do(alice, "lockdown off")[-1] == "* guests too may enter #den"
    bob.do("join den")
    assert "bob" in here(world)


def test_where_only_announcements_are_made_talks_who_has_a_voice(ranks: dict[str, Any]) -> None:
    assert do(ranks["alice"], "announce-only on") == ["* alice lets only who has a voice talk"]
    no = "! only who has a voice may talk here; moderators give it"
    for nick in RANKS:
        mute = nick in ("bob", "dave")
        assert said(ranks[nick], "hi") == (no if mute else "")
        ranks[nick].me("waves")
        assert news(ranks[nick]) == ([no] if mute else [])
    do(ranks["alice"], "announce-only off")
    assert said(ranks["bob"], "hi") == ""


def test_a_private_room_is_not_listed_and_entered_by_invitation_only(world: World, other: Any) -> None:
    alice, bob, _ = company(world)
    zoe = stranger(world, "zoe", ELSEWHERE, other)
    assert "den" in str(do(zoe, "rooms"))
    assert do(alice, "private on") == ["* alice made #den private"]
    assert "den" not in str(do(zoe, "rooms"))
    assert refused(zoe, "join den") == NO_DEN
    assert said(bob, "we are alone") == ""
    assert do(alice, "invite zoe") == ["* alice invited zoe"]
    assert news(zoe) == ["* alice invites you to #den: /join den"]
    zoe.do("join den")
    assert "zoe" in here(world)
    assert refused(alice, "invite zoe") == "zoe is in #den already"
    do(zoe, "leave")
    do(zoe, "join den")
    assert "zoe" in here(world)  # for good
    do(alice, "kick zoe")
    assert refused(zoe, "join den") == NO_DEN


def test_who_is_invited_while_away_is_told_on_coming_back(world: World, other: Any) -> None:
    alice, *_ = company(world)
    come(world, "dave", account=True).quit()
    guest = stranger(world, "zoe", ELSEWHERE)
    guest.quit()
    do(alice, "private on")
    do(alice, "invite dave")
    dave = log_in(world, "dave", client=other)
    assert "* alice invites you to #den: /join den" in str(news(dave) + do(dave, "inbox"))
    assert refused(alice, "invite zoe") == "zoe is gone"
    dave.do("join den")
    assert "dave" in here(world)


def test_a_topic_is_shown_to_all_and_set_by_moderators(world: World) -> None:
    alice, bob, carol = company(world)
    assert do(bob, "topic") == ["* #den has no topic"]
    assert refused(bob, "topic bears") == "only moderators of the room may do that"
    assert do(alice, "topic bears") == ["* alice set the topic: bears"]
    assert news(carol) == ["* alice set the topic: bears"]
    assert do(bob, "topic") == ["* topic of #den: bears"]
    assert "* #den: 3 people: bears" in [line.replace(", you too", "") for line in do(carol, "rooms")]
    assert do(alice, "topic -") == ["* alice took the topic away"]
    assert do(bob, "topic") == ["* #den has no topic"]
    assert refused(alice, f"topic {'x' * (TOPIC_LONGEST + 1)}") == "a topic has at most 300 characters"
    assert refused(bob, "describe of animals") == "only the owner of the room may do that"
    do(alice, "describe of animals")
    assert "* of animals" in do(bob, "room")


# Words


def test_a_word_that_is_filtered_is_not_said_in_any_way(world: World) -> None:
    alice, bob, carol = company(world)
    assert do(alice, "filter add refuse badger weasel") == ["* filter 1 is there: refuse: badger weasel"]
    assert do(alice, "filter list") == ["* 1. refuse: badger weasel (by alice)"]
    assert news(carol) == []
    no = "! that was not said: #den has a filter for words in it"
    assert said(bob, "a Badger!") == no
    bob.me("is a weasel")
    assert news(bob) == [no]
    assert said(bob, "badgers are fine") == ""
    assert said(alice, "badger") == ""  # moderators may
    assert news(carol) == ["bob: badgers are fine", "alice: badger"]
    assert do(alice, "filter remove 1") == ["* filter 1 is gone: refuse: badger weasel"]
    assert said(bob, "badger") == ""
    assert do(alice, "filter list") == ["* #den has no filters"]


def test_every_line_of_many_that_come_at_once_is_looked_at(world: World) -> None:
    alice, bob, carol = company(world)
    do(alice, "filter add refuse /b[a4]dger/")
    hush(bob, carol)
    send_all(bob, ["one", "a b4dger", "two", "BADGER", "three"])
    assert news(bob) == ["! that was not said: #den has a filter for words in it"] * 2
    assert news(carol) == ["bob: one", "bob: two", "bob: three"]


def test_who_says_certain_words_is_muted_for_a_while_and_once(world: World) -> None:
    alice, bob, carol = company(world)
    do(alice, "filter add mute badger")
    hush(bob, carol)
    send_all(bob, ["badger"] * 20)
    told = "* the server muted bob until 2026-11-20 09:22 UTC (what was said)"
    assert [line for line in news(carol) if "muted" in line] == [told]
    assert said(bob, "hi") == (
        "! you are muted in #den: bob, by the server, until 2026-11-20 09:22 UTC (what was said)"
    )
    world.after(FILTER_MUTE / 1000 + 1)
    assert said(bob, "hi") == ""
    dave = come(world, "dave", account=True)
    said(dave, "badger")
    assert do(alice, "bans") == ["* muted: dave, by the server, until 2026-11-20 09:32 UTC (what was said)"]


def test_moderators_are_told_of_certain_words_and_nobody_else(world: World) -> None:
    alice, bob, carol = company(world)
    do(alice, "filter add report badger")
    hush(bob, carol)
    assert said(bob, "badger") == ""
    assert news(alice) == ["bob: badger", "* the server reports bob in #den: said what filter 1 looks for"]
    assert news(carol) == ["bob: badger"]


def test_of_several_filters_the_sternest_takes_hold_and_numbers_go_on(world: World) -> None:
    alice, bob, _ = company(world)
    for asked in ("report badger", "refuse badger", "mute badger"):
        do(alice, f"filter add {asked}")
    do(alice, "filter remove 2")
    assert do(alice, "filter add refuse /weasels?/") == ["* filter 4 is there: refuse: /weasels?/"]
    said(bob, "badger")
    assert "* muted: bob, by the server, until 2026-11-20 09:22 UTC (what was said)" in do(alice, "bans")


def test_a_filter_of_a_room_is_of_that_room_only(world: World) -> None:
    alice, bob, _ = company(world)
    do(alice, "filter add refuse badger")
    bob.do("join lobby")
    assert said(bob, "badger") == ""


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("filter add refuse /(a+)+$/", "that would take too long on some lines"),
        ("filter add refuse /(a|aa)*b/", "that would take too long on some lines"),
        ("filter add refuse /(/", "that is no regular expression"),
        ("filter add refuse /a*/", "that matches a text in which nothing stands"),
        ("filter add burn badger", "it is /filter add refuse|mute|report WORDS, /filter remove NUMBER or /filter list"),
        ("filter add refuse", "it is /filter add refuse|mute|report WORDS, /filter remove NUMBER or /filter list"),
        ("filter blah", "it is /filter add refuse|mute|report WORDS, /filter remove NUMBER or /filter list"),
        ("filter remove 7", "which one? /filter list shows their numbers"),
        ("filter remove badger", "which one? /filter list shows their numbers"),
    ],
)
def test_what_is_no_filter_or_a_slow_one_is_refused_with_why(world: World, asked: str, words: str) -> None:
    alice, *_ = company(world)
    assert refused(alice, asked).startswith(words)
    assert do(alice, "filter list") == ["* #den has no filters"]


def test_a_room_has_so_many_filters_at_most(world: World) -> None:
    alice, *_ = company(world)
    for n in range(FILTERS_MOST):
        alice.do(f"filter add refuse word{n}")
    assert refused(alice, "filter add refuse more") == "#den has 50 filters already, the most there can be"


def put(world: World, pattern: str, action: str = "refuse", number: int = 1) -> None:
    """A filter that a server made which did not know how slow it is."""
    details = {"change": "add", "filter": number, "pattern": pattern, "action": action}
    world.chat.journal.append([("#den", world.chat.event(Kind.FILTER, "x", "alice", "", details))], print)
    world.settle()


EVIL = ["/(a+)+$/", "/(a|a)*$/", "/(a|aa)+$/", "/(.*a){12}$/", "/^(([a-z])+.)+[A-Z]([a-z])+$/"]
WORST = f"{'a' * 60}!c"
"""What each of these takes years for."""


@pytest.mark.parametrize("pattern", EVIL)
def test_a_filter_that_turns_out_slow_is_taken_out_once_and_moderators_are_told(world: World, pattern: str) -> None:
    alice, bob, carol = company(world)
    put(world, pattern)
    hush(alice, bob, carol)
    send_all(bob, [WORST] * 10)
    assert news(carol) == [f"bob: {WORST}"] * 10
    told = [line for line in news(alice) if not line.startswith("bob")]
    assert told == ["* the server reports filter 1 in #den: it took too long, and was taken out"]
    assert news(bob) == []
    assert do(alice, "filter list") == ["* #den has no filters"]
    assert f"the server: filter remove 1 refuse {pattern} (took too long)" in str(do(alice, "audit"))


class Counted:
    """Regular expressions as they are, and how often each was tried and ran out of its time."""

    def __init__(self, expression: Any) -> None:
        self.expression = expression
        self.tried = self.late = 0
        self.allowed: list[float] = []

    def search(self, text: str, timeout: float) -> Any:
        self.tried += 1
        self.allowed.append(timeout)
        try:
            return self.expression.search(text, timeout=timeout)
        except TimeoutError:
            self.late += 1
            raise


def test_what_fifty_slow_filters_cost_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all filters and for each line together 1 ms, and a slow one is looked for once more at the most."""
    made: list[Counted] = []
    compile_ = regex.compile

    def counting(pattern: str, flags: int = 0) -> Any:
        made.append(Counted(compile_(pattern, flags)))
        return made[-1]

    world = world_of(Typing)
    alice, bob, carol = company(world)
    rules = world.chat.rooms["den"].rules
    rules.filters = filters.Filters(process_time)
    monkeypatch.setattr(regex, "compile", counting)
    for number in range(1, FILTERS_MOST + 1):
        put(world, EVIL[number % len(EVIL)], number=number)
    hush(alice, bob, carol)
    lines = 30
    send_all(bob, [WORST] * lines)
    assert news(carol) == [f"bob: {WORST}"] * lines
    assert sum(each.late for each in made) <= lines + 1
    assert all(allowed <= filters.MATCH_SECONDS for each in made for allowed in each.allowed)


# Reported


def test_a_report_is_shown_to_moderators_and_to_nobody_else(ranks: dict[str, Any], world: World) -> None:
    carol = come(world, "zoe")
    hush(*ranks.values(), carol)
    assert do(carol, "report bob he is rude") == ["* the moderators of #den are told about bob"]
    for nick, person in ranks.items():
        told = ["* zoe reports bob in #den: he is rude"] if nick in ("mod", "mod2", "alice", "root", "root2") else []
        assert news(person) == told, nick
    assert refused(carol, "report nobody-here rude") == "nobody called nobody-here is here, or was lately"
    for asked in ("history", "search rude", "export"):
        assert "he is rude" not in str(do(carol, asked))


def test_a_report_is_kept_for_moderators_who_are_away_wherever_they_come_in(world: World, other: Any) -> None:
    alice, _, carol = company(world)
    alice.quit()
    root = world.register("root")
    root.quit()
    do(carol, "report bob he is rude")
    world.settle()
    world = again(world, grace=0, operators=[nickname("root")])
    for nick in ("alice", "root"):
        back_again = log_in(world, nick, ELSEWHERE, other)
        shown = news(back_again) + do(back_again, "inbox")
        assert "carol reports bob in #den: he is rude" in str(shown), nick
    assert "carol: reported bob (he is rude)" in str(do(log_in(world, "alice"), "audit"))


# Who did what


def test_an_audit_tells_who_did_what_to_whom_when_and_why(world: World) -> None:
    alice, *_ = company(world)
    dave = come(world, "dave", account=True)
    for asked in (
        "kick bob spam", "ban bob 2h more spam", "unban bob", "mute carol 10m noise", "unmute carol", "op dave",
        "topic bears", "slow 60", "private on", "filter add mute badger", "invite bob", "ban 192.0.2.0/24",
    ):  # fmt: skip
        do(alice, asked)
        world.after(60)
    do(dave, "report carol rude")
    assert do(dave, "audit") == [
        "* 2026-11-20 09:12 UTC alice: kicked bob (spam)",
        "* 2026-11-20 09:13 UTC alice: banned bob until 2026-11-20 11:13 UTC (more spam)",
        "* 2026-11-20 09:14 UTC alice: unbanned bob",
        "* 2026-11-20 09:15 UTC alice: muted carol until 2026-11-20 09:25 UTC (noise)",
        "* 2026-11-20 09:16 UTC alice: unmuted carol",
        "* 2026-11-20 09:17 UTC alice: role dave moderator",
        "* 2026-11-20 09:18 UTC alice: set topic (bears)",
        "* 2026-11-20 09:19 UTC alice: set slow 60",
        "* 2026-11-20 09:20 UTC alice: set private on",
        "* 2026-11-20 09:21 UTC alice: filter add 1 mute badger",
        "* 2026-11-20 09:22 UTC alice: invited bob",
        "* 2026-11-20 09:23 UTC alice: banned an address",
        "* 2026-11-20 09:24 UTC dave: reported carol (rude)",
    ]
    assert do(dave, "audit 2")[0] == "* 2026-11-20 09:23 UTC alice: banned an address"
    assert do(dave, "audit den 1") == ["* 2026-11-20 09:24 UTC dave: reported carol (rude)"]
    assert refused(dave, "audit lobby") == "you are not in #lobby; /join ROOM enters a room"


def test_of_a_room_in_which_nothing_was_decided_the_audit_says_so(world: World) -> None:
    alice = come(world, "alice", account=True)
    assert do(alice, "audit") == ["* nothing was decided in #den"]


# Addresses


MARK = "203.0.113.77"


def everything(world: World, person: Any) -> str:
    """All that somebody is shown who asks for whatever might tell of others."""
    for asked in (
        "who", "whois bob", "whois mark", "bans", "audit", "audit 500", "server bans", "server audit", "server audit den",
        "history", "search mark", "inbox", "export", "room", "rooms", "account", "accounts", "filter list", "unban mark",
    ):  # fmt: skip
        do(person, asked)
    return str(person.text())


def test_addresses_are_seen_by_operators_only(world: World, other: Any) -> None:
    alice, bob, carol = company(world)
    people = [alice, bob, carol, come(world, "dave", account=True, client=other)]
    do(alice, "op dave")
    root = come(world, "root", account=True, client=other)
    come(world, "mark", MARK)
    come(world, "known", MARK, account=True)
    for asked in ("server ban 203.0.113.64/27 1m", "ban mark", "mute known 2h", f"ban {MARK} 1h", f"mute {MARK}"):
        do(root, asked)
    do(alice, "ban known again")
    do(root, "announce hi")
    for person in people:
        everything(world, person)
        assert "203.0.113" not in person.text()
    shown = everything(world, root)
    assert MARK in shown
    assert "203.0.113.64/27" in shown


def test_what_comes_of_an_address_is_forgotten_after_some_days(client: Any) -> None:
    world = world_of(client, addresses_for=30 * DAY)
    alice, bob, _ = company(world)
    do(alice, "ban bob")
    do(alice, f"ban {MARK}")
    bob.quit()
    world.after(29 * DAY / 1000)
    kept_out(world, stranger(world, "rob", HOME))
    world.after(2 * DAY / 1000 + DAY / 1000 / 12)
    for log in ("server", "#den"):
        assert not [
            event for event in entries(world, log) if "address" in event.details and event.time < 1_795_165_930_000
        ]
    stranger(world, "zed", HOME).do("join den")
    assert "zed" in here(world)
    kept_out(world, stranger(world, "bob", ELSEWHERE))  # the nickname is known still
    kept_out(world, stranger(world, "yan", MARK))  # and what was asked for as such stays
    world = again(world, grace=0)
    stranger(world, "zed", HOME).do("join den")
    assert "zed" in here(world)


@pytest.mark.parametrize("gone", ["lost", "left"])
def test_the_address_is_known_of_who_took_another_nickname_or_lost_the_connection(client: Any, gone: str) -> None:
    world = world_of(client, grace=30)
    alice, bob, _ = company(world)
    bob.do("nick rob")
    hush(bob)
    if gone == "lost":
        bob.hang_up()
    else:
        bob.quit()
    do(alice, "ban rob")
    kept_out(world, stranger(world, "zed", HOME))


def test_somebody_who_is_here_on_several_devices_is_banned_with_the_address_that_is_one(world: World) -> None:
    alice, *_ = company(world)
    dave = come(world, "dave", account=True)
    log_in(world, "dave", HOME)
    hush(dave)
    do(alice, "ban dave")
    (banned,) = [event for event in entries(world, "#den") if event.kind is Kind.BANNED]
    assert banned.details["address"] == HOME


# Removed


def test_one_removes_what_one_said_and_moderators_what_others_said(world: World) -> None:
    alice, bob, carol = company(world)
    for text in ("one", "two", "three"):
        said(bob, text)
    eids = {event.text: event.eid for event in entries(world, "#den") if event.kind is Kind.SAID}
    assert refused(carol, "delete bob") == "only moderators of the room may do that"
    assert do(bob, "delete")[-1] == "* 1 message removed"
    program = come(world, "zoe", client=Asking)
    program.ask("delete", eid=eids["two"])
    assert code(program) == "moderator_needed"
    assert do(alice, "delete bob 5")[-1] == "* 2 messages removed"
    assert said(carol, "helo") == ""
    assert "your message reads so now" in str(do(carol, "edit hello"))
    assert [event.text for event in entries(world, "#den") if event.kind is Kind.SAID] == ["", "", "", "hello"]


# What is told beside talk, and again


def test_who_may_not_talk_says_nothing_by_the_reason_for_being_away_or_leaving(world: World) -> None:
    alice, bob, carol = company(world)
    do(alice, "filter add refuse rude")
    do(alice, "mute bob")
    assert refused(bob, "away shouting").startswith("you are muted in #den")
    assert refused(carol, "away rude words").startswith("that was not said")
    do(carol, "away lunch")
    hush(alice)
    bob.do("leave den shouting")
    carol.do("quit rude words")
    world.settle()
    told = news(alice)
    assert any("left" in line for line in told)
    assert not any("shouting" in line or "rude" in line for line in told)


def test_who_is_banned_is_not_invited(world: World) -> None:
    alice, _, _ = company(world)
    do(alice, "ban carol")
    assert refused(alice, "invite carol") == "carol is banned from #den; /unban carol first"


def test_a_message_that_is_sent_again_is_not_too_early_in_a_slow_room() -> None:
    world = World(JsonClient, room_creation=Right.CHAT)
    alice, bob = world.enter_all("alice", "bob")
    alice.ask("register", password=PASSWORD)
    for person in (alice, bob):
        world.settle()
        person.ask("join", room="den")
    world.settle()
    alice.ask("slow", seconds=60)
    world.settle()
    bob.ask("say", "b1", text="once", room="den")
    bob.ask("say", "b1", text="once", room="den")
    bob.ask("say", "b2", text="twice", room="den")
    world.settle()
    told = bob.told()
    assert [one["refused"]["code"] for one in told if "refused" in one] == ["too_early"]
    assert len([one for one in told if one.get("event") == "said" and "history" not in one]) == 1
