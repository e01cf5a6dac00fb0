"""What operators do with accounts, and who owns the machine."""

from __future__ import annotations

from time import gmtime, strftime

from .. import accounts
from ..account import Account
from ..asking import may_send_password, warn_of_plaintext
from ..event import Event, Kind
from ..moderating import Scope, deed
from ..names import Name
from ..request import Answer, Refused
from ..rights import Right
from ..session import Session
from ..table import Parameter, Table, Takes

OPERATOR = Table()


@OPERATOR.command("accounts", right=Right.ACCOUNTS)
async def accounts_(session: Session) -> Answer:
    """Show all accounts."""
    chat = session.chat
    known = sorted(chat.directory.accounts.all(), key=lambda account: account.name.folded)
    lines = [f"{len(known)} account{'' if len(known) == 1 else 's'}"]
    fields = []
    for account in known:
        since = strftime("%Y-%m-%d", gmtime(account.since / 1000))
        operator, here = chat.is_operator(account), account.id in chat.people
        more = ", operator" if operator else ""
        lines.append(f"{account.name.shown}, since {since}{more}{', here' if here else ''}")
        fields.append({"nick": account.name.shown, "since": since, "operator": operator, "here": here})
    return Answer("\n".join(lines), {"accounts": fields})


@OPERATOR.command(
    "add-account",
    Parameter("nick", "NAME"),
    Parameter("password", "PASSWORD", Takes.REST, optional=True),
    right=Right.ACCOUNTS,
)
async def add_account(session: Session, nick: str, password: str = "") -> Answer:
    """Make an account for somebody."""
    chat = session.chat
    hasher = accounts.hasher_of(chat)
    name = chat.settings.nickname(nick)
    if chat.directory.accounts.like(name):
        raise Refused("nick_taken", f"{name.shown} is an account already, or too like one")
    may_send_password(session)
    known = await accounts.asked_twice(session, name, password)
    id = chat.new_id()
    made = await accounts.create(chat, id, name, await hasher.hash(known), _decided(session, "account", id, name))
    if password:
        warn_of_plaintext(session)
    return Answer(f"{made.name.shown} has an account now", {"nick": made.name.shown})


@OPERATOR.command(
    "set-password",
    Parameter("nick", "NAME"),
    Parameter("password", "PASSWORD", Takes.REST, optional=True),
    right=Right.ACCOUNTS,
)
async def set_password(session: Session, nick: str, password: str = "") -> Answer:
    """Change a password, and log its devices out."""
    account = _account(session, nick)
    name = account.name.shown
    may_send_password(session)
    known = await accounts.asked_twice(session, account.name, password)
    decided = _decided(session, "password", account.id, account.name)
    await accounts.set_password(session.chat, account, known, None, decided)
    if password:
        warn_of_plaintext(session)
    return Answer(f"{name} has another password now", {"nick": name})


def _decided(session: Session, what: str, id: str, name: Name) -> tuple[str, Event]:
    """As an audit tells it: the account's own entries tell only what it is from then on."""
    return deed(session, Scope(session.chat), Kind.SET, details={"setting": what, "whom": id, "name": name.shown})


def _account(session: Session, nick: str) -> Account:
    chat = session.chat
    account = chat.directory.accounts.named(chat.settings.nickname(nick))
    if account is None:
        raise Refused("no_account", f"there is no account {nick}")
    return account
