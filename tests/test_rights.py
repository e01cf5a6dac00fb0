"""Who may ask for what: the whole table, told once more by hand and asked through real sessions."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import chatroom
from chatroom.commands import COMMANDS
from chatroom.names import nickname
from chatroom.rights import Right, Role, may

from .chatting import PASSWORD, JsonClient, TextClient, World
from .test_moderation_rights import FIELDS as EXAMPLES
from .test_moderation_rights import OF_RIGHTS, TABLE, WORDS, Owner, missing
from .test_resume import code

STRANGER, GUEST, ACCOUNT, OPERATOR, CONSOLE = Role.STRANGER, Role.GUEST, Role.ACCOUNT, Role.OPERATOR, Role.CONSOLE
ROLES = (STRANGER, GUEST, ACCOUNT, OPERATOR, CONSOLE)
"""What one is without a role in a room."""

FIELDS = {**EXAMPLES, "close": {"room": "lobby"}}

ALLOWED_AND_YET = {("nick", ACCOUNT), ("nick", OPERATOR)}
"""Have the right, and are refused in the same words: an account has its name."""


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


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("role", ROLES)
def test_who_may_is_not_refused_and_who_may_not_is_told_what_is_missing(role: Role, name: str) -> None:
    _, person = somebody_who_is(role)
    before = len(person.told())
    person.ask(name.partition("+")[0], "r1", **FIELDS.get(name, {}))
    told = [one for one in person.told()[before:] if one.get("id") == "r1" and "refused" in one]
    codes = [one["refused"]["code"] for one in told]
    if role not in TABLE[name]:
        assert codes == [missing(role, name)]
    elif (name, role) not in ALLOWED_AND_YET:
        assert not OF_RIGHTS & set(codes)


@pytest.mark.parametrize("name", TABLE)
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
    words = ["on" if value is True else str(value) for value in FIELDS.get(name, {}).values()]
    typing.line(" ".join([f"/{name.partition('+')[0].replace('server-', 'server ')}", *words]))
    refused = [line[2:] for line in typing.lines()[before:] if line.startswith("! ")]
    if role not in TABLE[name]:
        assert [WORDS[words] for words in refused] == [missing(role, name)]


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
    for role in ROLES:
        _, person = somebody_who_is(role)
        person.ask("help")
        shown = set(person.told()[-1]["commands"])
        asked = GUEST if role is STRANGER else role  # who looks around is shown what there is
        assert shown == {ask.name for ask in COMMANDS if ask.listed and asked in TABLE[ask.name]}


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
    assert asking == {"rights.py", "rules.py"}
    assert "Right" not in names_in(INSIDE / "rules.py")  # there it is who has which role in a room
