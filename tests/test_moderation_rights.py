"""Who may ask for what: every role and every command, told once more by hand and asked through real sessions."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.protocol import Factory

from chatroom.commands import COMMANDS
from chatroom.names import nickname
from chatroom.protocols.line import LineFactory
from chatroom.protocols.telnet import MAX_LINE
from chatroom.rights import Role

from .chatting import PASSWORD, JsonClient, TextClient, World
from .rights_page import BEGIN, END, PAGE, page

# The roles, each by one letter: Stranger, Guest, Account, Voiced, Moderator, Owner, Operator (P), Console. A dot: may not.
MAY = """
help            S G A V M O P C
enter           S . . . . . . .
hello           S . . . . . . .
say             . G A V M O P .
me              . G A V M O P .
who             . G A V M O P .
nick            . G A V M O P .
echo            . G A V M O P .
quit            S G A V M O P C
join            . G A V M O P .
leave           . G A V M O P .
room            . G A V M O P .
close           . . . . . O P .
rooms           . G A V M O P C
history         . G A V M O P .
search          . G A V M O P .
export          . G A V M O P .
msg             . G A V M O P .
reply           . G A V M O P .
inbox           . G A V M O P .
ignore          . G A V M O P .
unignore        . G A V M O P .
whois           . G A V M O P .
away            . G A V M O P .
back            . G A V M O P .
register        S G . . . . . .
login           S G . . . . . .
logout          . . A V M O P .
account         . G A V M O P .
password        . . A V M O P .
forget-me       . . A V M O P .
claim           . G A V M O . .
kick            . . . . M O P .
server-kick     . . . . . . P C
ban             . . . . M O P .
server-ban      . . . . . . P C
unban           . . . . M O P .
server-unban    . . . . . . P C
bans            . . . . M O P .
server-bans     . . . . . . P C
mute            . . . . M O P .
server-mute     . . . . . . P C
unmute          . . . . M O P .
server-unmute   . . . . . . P C
lockdown        . . . . M O P .
server-lockdown . . . . . . P C
filter          . . . . M O P .
server-filter   . . . . . . P C
slow            . . . . M O P .
topic           . G A V M O P .
topic+text      . . . . M O P .
describe        . . . . . O P .
private         . . . . . O P .
announce-only   . . . . . O P .
op              . . . . . O P .
deop            . . . . . O P .
voice           . . . . M O P .
devoice         . . . . M O P .
transfer        . . . . . O P .
invite          . . . . M O P .
announce        . . . . . . P C
report          . G A V M O P .
delete          . G A V M O P .
delete+nick     . . . . M O P .
edit            . G A V M O P .
audit           . . . . M O P .
server-audit    . . . . . . P C
accounts        . . . . . . P C
add-account     . . . . . . P C
set-password    . . . . . . P C
"""
"""A new command has a row here, or nobody thought of who may. Behind a `+`: the same, asked for with more."""

LETTERS = dict(zip("SGAVMOPC", Role, strict=True))

TABLE = {
    name: {LETTERS[letter] for letter in letters if letter != "."}
    for name, *letters in map(str.split, MAY.split("\n")[1:-1])
}

ON_NICKS = ("kick", "server-kick", "invite", "op", "deop", "voice", "devoice", "transfer")

ON_TARGETS = ("ban", "server-ban", "unban", "server-unban", "mute", "server-mute", "unmute", "server-unmute")

FIELDS: dict[str, dict[str, Any]] = {
    "enter": {"nick": "newcomer"},
    "hello": {"nick": "newcomer"},
    "say": {"text": "hi"},
    "me": {"text": "waves"},
    "nick": {"name": "other"},
    "echo": {"on": True},
    "join": {"room": "elsewhere"},
    "close": {"room": "den"},
    "search": {"words": "hi"},
    "msg": {"to": "somebody", "text": "hi"},
    "reply": {"text": "hi"},
    "ignore": {"nick": "somebody"},
    "unignore": {"nick": "somebody"},
    "whois": {"nick": "somebody"},
    "register": {"password": PASSWORD, "nick": "newcomer"},
    "login": {"nick": "somebody", "password": PASSWORD},
    "claim": {"code": "0000"},
    "forget-me": {"sure": True},
    **{name: {"nick": "somebody"} for name in ON_NICKS},
    **{name: {"target": "somebody"} for name in ON_TARGETS},
    **{name: {"on": True} for name in ("lockdown", "server-lockdown", "private", "announce-only")},
    **{name: {"change": "list"} for name in ("filter", "server-filter")},
    "slow": {"seconds": 5},
    "topic+text": {"text": "bears"},
    "describe": {"text": "of animals"},
    "announce": {"text": "hi"},
    "report": {"nick": "somebody", "why": "rude"},
    "delete+nick": {"nick": "somebody"},
    "edit": {"text": "ho"},
    "add-account": {"nick": "newcomer", "password": PASSWORD},
    "set-password": {"nick": "somebody", "password": PASSWORD},
}

OF_RIGHTS = {
    "not_entered", "not_here", "entered", "account_needed", "operator_needed", "owner_needed", "moderator_needed",
    "voice_needed",
}  # fmt: skip
"""Codes that tell that one may not."""

WORDS = {
    "say a nickname first": "not_entered",
    "this way leads to the server, not into a room": "not_here",
    "you are a guest; /register makes your nickname your own": "account_needed",
    "only operators of the server may do that": "operator_needed",
    "only the owner of the room may do that": "owner_needed",
    "only moderators of the room may do that": "moderator_needed",
    "you are in already; /nick takes another nickname": "entered",
    "you are logged in already; /logout ends that": "entered",
    "you are an operator already": "entered",
}
"""With which the same is told to people."""

ALLOWED_AND_YET = {"nick": "entered"}
"""Who has an account has the right, and is refused in the same words: their nickname is its name."""

NICKS = {
    Role.GUEST: "guest",
    Role.ACCOUNT: "account",
    Role.VOICED: "voiced",
    Role.MODERATOR: "moderator",
    Role.OWNER: "owner",
    Role.OPERATOR: "root",
}


def missing(role: Role, name: str) -> str:
    """The code with which it is refused to who may not."""
    if role in (Role.STRANGER, Role.CONSOLE):
        return "not_entered" if role is Role.STRANGER else "not_here"
    if name in ("enter", "hello", "login", "register", "claim"):
        return "entered"
    may = TABLE[name]
    lowest = min(may, key=[*Role].index)
    return {
        Role.ACCOUNT: "account_needed",
        Role.MODERATOR: "moderator_needed",
        Role.OWNER: "owner_needed",
        Role.OPERATOR: "operator_needed",
    }[lowest]


class Owner(JsonClient):
    """Who owns the server, at its control socket."""

    def _factory(self) -> Factory:
        return LineFactory(self.world.chat, COMMANDS, MAX_LINE, console=True)


def den() -> tuple[World, dict[Role, Any]]:
    """A room in which there is somebody of each role, and somebody else."""
    world = World(JsonClient, operators=[nickname("root")], registrations_an_hour=0, logins_of_address_a_minute=0)
    people: dict[Role, Any] = {Role.STRANGER: world.connect(), Role.CONSOLE: world.connect(client=Owner)}
    for role in (Role.OWNER, Role.ACCOUNT, Role.VOICED, Role.MODERATOR, Role.OPERATOR, Role.GUEST):
        people[role] = world.connect()
        people[role].enter(NICKS[role])
        if role is not Role.GUEST:
            people[role].register(PASSWORD)
        people[role].ask("join", room="den")
        world.settle()
    somebody = world.connect()
    somebody.enter("somebody")
    somebody.register(PASSWORD)
    somebody.ask("join", room="den")
    somebody.ask("say", text="hi", room="den")
    people[Role.OWNER].ask("voice", nick="voiced")
    people[Role.OWNER].ask("op", nick="moderator")
    world.settle()
    return world, people


def test_each_command_has_a_row() -> None:
    assert {ask.name for ask in COMMANDS} == {name.partition("+")[0] for name in TABLE}


@pytest.mark.parametrize("name", TABLE)
def test_who_may_is_not_refused_and_who_may_not_is_told_what_is_missing(name: str) -> None:
    for role in Role:
        world, people = den()
        person = people[role]
        before = len(person.told())
        person.ask(name.partition("+")[0], "r1", **FIELDS.get(name, {}))
        world.settle()
        told = [one for one in person.told()[before:] if one.get("id") == "r1" and "refused" in one]
        codes = [one["refused"]["code"] for one in told]
        if role not in TABLE[name]:
            assert codes == [missing(role, name)], role
        elif codes != [ALLOWED_AND_YET.get(name)]:
            assert not OF_RIGHTS & {*codes}, role


@pytest.mark.parametrize("name", TABLE)
def test_people_who_ask_in_words_are_asked_by_the_same_table(name: str) -> None:
    for role in [*Role][:-1]:
        world, _ = den()
        typing: Any = world.connect(client=TextClient)
        if role is Role.GUEST:
            typing.enter("typing")
            typing.line("/join den")
        elif role is not Role.STRANGER:
            typing.login(NICKS[role], PASSWORD)
            typing.line("/room den")
        world.settle()
        before = len(typing.lines())
        words = [("on" if value is True else str(value)) for value in FIELDS.get(name, {}).values()]
        command = name.partition("+")[0].replace("server-", "server ")
        typing.line(" ".join([f"/{command}", *words]))
        world.settle()
        codes = [WORDS.get(line[2:], "") for line in typing.lines()[before:] if line.startswith("! ")]
        if name == "hello" and role is Role.STRANGER:
            continue  # for programs: its parameters have no order
        if role not in TABLE[name]:
            assert codes == [missing(role, name)], role
        else:
            assert not OF_RIGHTS & {*codes}, role


SPEAK = {Role.VOICED, Role.MODERATOR, Role.OWNER, Role.OPERATOR}


@pytest.mark.parametrize("name", ["say", "me"])
def test_where_only_announcements_are_made_so_many_may_talk(name: str) -> None:
    for role in NICKS:
        world, people = den()
        people[Role.OWNER].ask("announce-only", on=True)
        world.settle()
        people[role].ask(name, "r1", text="hi", room="den")
        world.settle()
        codes = [one["refused"]["code"] for one in people[role].told() if one.get("id") == "r1" and "refused" in one]
        assert codes == ([] if role in SPEAK else ["voice_needed"]), role


def test_a_role_in_one_room_is_none_in_another() -> None:
    world, people = den()
    for role in (Role.VOICED, Role.MODERATOR, Role.OWNER):
        people[role].ask("kick", "r1", nick="somebody", room="lobby")
        world.settle()
        (code,) = [one["refused"]["code"] for one in people[role].told() if one.get("id") == "r1"]
        assert code == "moderator_needed"


def test_addresses_are_for_operators() -> None:
    for role in NICKS:
        world, people = den()
        world.connect("192.0.2.1").enter("far")
        world.settle()
        people[role].ask("whois", "r1", nick="far")
        world.settle()
        assert ("192.0.2.1" in people[role].text()) == (role is Role.OPERATOR), role


def test_help_lists_what_one_may_ask_on_the_server() -> None:
    for role in (Role.STRANGER, Role.GUEST, Role.ACCOUNT, Role.OPERATOR, Role.CONSOLE):
        world, people = den()
        people[role].ask("help", "r1")
        world.settle()
        (shown,) = [one["commands"] for one in people[role].told() if one.get("id") == "r1"]
        asked = Role.GUEST if role is Role.STRANGER else role  # who looks around is shown what there is
        for ask in COMMANDS:
            if not ask.in_room:
                assert (ask.name in shown) == (ask.listed and asked in TABLE[ask.name]), (role, ask.name)


def test_the_page_has_the_table_that_the_program_has() -> None:
    written = PAGE.read_text("utf-8")
    assert written.count(BEGIN) == written.count(END) == 1
    assert written == page(), "make rights"


def test_the_table_on_the_page_is_the_one_written_here() -> None:
    _, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    lines = [line for line in rest.partition(END)[0].splitlines() if line.startswith("| ")]
    found: dict[str, list[bool]] = {}
    for _, what, *cells, _ in (line.split("|") for line in lines[2:]):
        found[what.strip().strip("`/").replace("server ", "server-")] = [cell.strip() == "yes" for cell in cells]
    for name, may in TABLE.items():
        if "+" not in name:
            assert found[name] == [role in may for role in Role], name
