"""Who may ask for what: the whole table, told once more by hand and asked through real sessions."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.protocol import Factory

import chatroom
from chatroom.commands import COMMANDS
from chatroom.names import nickname
from chatroom.protocols.line import LineFactory
from chatroom.protocols.telnet import MAX_LINE
from chatroom.request import Refused
from chatroom.rights import Right, Role, may, require

from .chatting import PASSWORD, JsonClient, TextClient, World
from .test_resume import code

STRANGER, GUEST, ACCOUNT, OPERATOR, CONSOLE = Role
PEOPLE = {GUEST, ACCOUNT, OPERATOR}

MAY: dict[str, set[Role]] = {
    "help": {STRANGER, GUEST, ACCOUNT, OPERATOR, CONSOLE},
    "quit": {STRANGER, GUEST, ACCOUNT, OPERATOR, CONSOLE},
    "enter": {STRANGER},
    "hello": {STRANGER},
    "login": {STRANGER, GUEST},
    "register": {STRANGER, GUEST},
    "say": PEOPLE,
    "me": PEOPLE,
    "who": PEOPLE,
    "nick": PEOPLE,
    "history": PEOPLE,
    "echo": PEOPLE,
    "msg": PEOPLE,
    "reply": PEOPLE,
    "inbox": PEOPLE,
    "ignore": PEOPLE,
    "unignore": PEOPLE,
    "whois": PEOPLE,
    "away": PEOPLE,
    "back": PEOPLE,
    "account": PEOPLE,
    "claim": {GUEST, ACCOUNT},
    "logout": {ACCOUNT, OPERATOR},
    "password": {ACCOUNT, OPERATOR},
    "forget-me": {ACCOUNT, OPERATOR},
    "accounts": {OPERATOR, CONSOLE},
    "add-account": {OPERATOR, CONSOLE},
    "set-password": {OPERATOR, CONSOLE},
}
"""A new command has a row here, or nobody thought of who may."""

FIELDS: dict[str, dict[str, Any]] = {
    "enter": {"nick": "newcomer"},
    "hello": {"nick": "newcomer"},
    "login": {"nick": "somebody", "password": PASSWORD},
    "register": {"nick": "newcomer", "password": PASSWORD},
    "say": {"text": "hi"},
    "me": {"text": "waves"},
    "nick": {"name": "other"},
    "echo": {"on": True},
    "msg": {"to": "somebody", "text": "hi"},
    "reply": {"text": "hi"},
    "ignore": {"nick": "somebody"},
    "unignore": {"nick": "somebody"},
    "whois": {"nick": "somebody"},
    "claim": {"code": "0000"},
    "password": {"old": PASSWORD, "new": "another password"},
    "forget-me": {"sure": True},
    "add-account": {"nick": "newcomer", "password": PASSWORD},
    "set-password": {"nick": "somebody", "password": PASSWORD},
}

OF_RIGHTS = {"not_entered", "not_here", "entered", "account_needed", "operator_needed"}
"""Codes that tell that one may not."""

ALLOWED_AND_YET = {("nick", ACCOUNT), ("nick", OPERATOR)}
"""Have the right, and are refused in the same words: an account has its name."""


def missing(role: Role, name: str) -> str:
    """The code with which it is refused to who may not."""
    if role in (STRANGER, CONSOLE):
        return {STRANGER: "not_entered", CONSOLE: "not_here"}[role]
    if name in ("enter", "hello", "login", "register", "claim"):
        return "entered"
    return "account_needed" if MAY[name] == {ACCOUNT, OPERATOR} else "operator_needed"


class Owner(JsonClient):
    """Who owns the server, at its control socket."""

    def _factory(self) -> Factory:
        return LineFactory(self.world.chat, COMMANDS, MAX_LINE, console=True)


def somebody_who_is(role: Role) -> tuple[World, JsonClient]:
    world = World(JsonClient, operators=[nickname("root")])
    world.register("somebody").quit()
    world.settle()
    match role:
        case Role.STRANGER:
            person = world.connect()
        case Role.GUEST:
            person = world.enter("guest")
        case Role.ACCOUNT:
            person = world.register("account")
        case Role.OPERATOR:
            person = world.register("root")
        case Role.CONSOLE:
            person = world.connect(client=Owner)
    return world, person


def test_each_command_has_a_row() -> None:
    assert {ask.name for ask in COMMANDS} == set(MAY)


@pytest.mark.parametrize("name", MAY)
@pytest.mark.parametrize("role", Role)
def test_who_may_is_not_refused_and_who_may_not_is_told_what_is_missing(role: Role, name: str) -> None:
    _, person = somebody_who_is(role)
    before = len(person.told())
    person.ask(name, "r1", **FIELDS.get(name, {}))
    told = [one for one in person.told()[before:] if one.get("id") == "r1" and "refused" in one]
    codes = [one["refused"]["code"] for one in told]
    if role not in MAY[name]:
        assert codes == [missing(role, name)]
    elif (name, role) not in ALLOWED_AND_YET:
        assert not OF_RIGHTS & set(codes)


@pytest.mark.parametrize("name", MAY)
@pytest.mark.parametrize("role", [STRANGER, GUEST, ACCOUNT, OPERATOR])
def test_people_who_ask_in_words_are_asked_by_the_same_table(role: Role, name: str) -> None:
    world, _ = somebody_who_is(role)
    typing = world.connect(client=TextClient)
    if role is GUEST:
        typing.enter("typing")
    elif role is not STRANGER:
        typing.login("root" if role is OPERATOR else "account", PASSWORD)
    world.settle()
    before = len(typing.lines())
    typing.line(" ".join([f"/{name}", *(str(value) for value in FIELDS.get(name, {}).values())]))
    refused = [line[2:] for line in typing.lines()[before:] if line.startswith("! ")]
    if role not in MAY[name]:
        with pytest.raises(Refused) as expected:
            require(role, COMMANDS.find(name).right)
        assert refused == [expected.value.words]


def test_the_rights_that_are_no_command() -> None:
    assert {role for role in Role if may(role, Right.SEE_ADDRESSES)} == {OPERATOR, CONSOLE}


@pytest.mark.parametrize("role", [ACCOUNT, OPERATOR])
def test_an_operator_sees_where_somebody_connects_from_and_others_do_not(role: Role) -> None:
    world, person = somebody_who_is(role)
    world.connect("192.0.2.1").enter("bob")
    world.settle()
    person.ask("whois", nick="bob")
    (device,) = person.told()[-1]["devices"]
    assert device.get("address") == ("192.0.2.1" if role is OPERATOR else None)
    typing = world.log_in("root" if role is OPERATOR else "account", TextClient)
    typing.line("/whois bob")
    assert ("192.0.2.1" in typing.text()) == (role is OPERATOR)


def test_who_is_made_operator_is_one_at_once_on_every_device() -> None:
    world = World(JsonClient)
    alice, other = world.register("alice"), world.log_in("alice")
    for device in (alice, other):
        device.ask("accounts")
        assert code(device) == "operator_needed"
    alice.ask("claim", code=world.chat.claim_code)
    assert alice.told()[-1] == {"answer": "claim", "operator": True}
    for device in (alice, other):
        device.ask("accounts")
        assert device.told()[-1]["accounts"] == [
            {"nick": "alice", "since": "2026-11-20", "operator": True, "here": True}
        ]


def test_an_operator_looks_after_accounts() -> None:
    world, root = somebody_who_is(OPERATOR)
    root.ask("add-account", nick="Bob", password=PASSWORD)
    assert root.told()[-1] == {"answer": "add-account", "nick": "Bob"}
    bob = world.log_in("bob")
    root.ask("set-password", nick="BOB", password="another password")
    assert {"answer": "set-password", "nick": "Bob"} in root.told()
    assert bob.gone
    again = world.connect()
    again.login("bob", "another password")
    assert again.heard("entered") == [("entered", "Bob", ("root",))]
    for name, fields, expected in (
        ("add-account", {"nick": "B0B", "password": PASSWORD}, "nick_taken"),
        ("add-account", {"nick": "no good", "password": PASSWORD}, "nick_invalid"),
        ("add-account", {"nick": "carol", "password": "short"}, "password_weak"),
        ("add-account", {"nick": "carol"}, "password_needed"),
        ("set-password", {"nick": "carol", "password": PASSWORD}, "no_account"),
        ("set-password", {"nick": "bob", "password": "short"}, "password_weak"),
    ):
        root.ask(name, **fields)
        assert code(root) == expected


def test_help_lists_what_one_may_ask() -> None:
    for role in Role:
        _, person = somebody_who_is(role)
        person.ask("help")
        shown = set(person.told()[-1]["commands"])
        asked = GUEST if role is STRANGER else role  # who looks around is shown what there is
        assert shown == {ask.name for ask in COMMANDS if ask.listed and asked in MAY[ask.name]}


# One function


INSIDE = Path(chatroom.__file__).parent


def names_in(path: Path) -> set[str]:
    """All that is imported, looked up or called by name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                found.add(name)
    return found


@pytest.mark.parametrize("part", ["wire", "protocols", "storage", "auth"])
def test_no_format_and_no_protocol_knows_of_roles(part: str) -> None:
    words = {"rights", "Role", "Right", "role", "may", "require", "is_operator", "operators"}
    for path in sorted((INSIDE / part).glob("*.py")):
        assert not words & names_in(path), path.name


def test_who_has_a_right_is_looked_up_by_one_function() -> None:
    asking = {path.name for path in INSIDE.rglob("*.py") if "roles" in names_in(path)}
    assert asking == {"rights.py"}
