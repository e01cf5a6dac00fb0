"""A nickname of one's own."""

from __future__ import annotations

from time import gmtime, strftime

from .. import accounts
from ..account import Account
from ..asking import ask_password
from ..entering import come_in, log_in
from ..request import Answer, Refused
from ..rights import Right
from ..session import Session
from ..table import Parameter, Table, Takes
from ..welcome import Wish

ACCOUNT = Table()


@ACCOUNT.command(
    "register",
    Parameter("password", "PASSWORD", Takes.REST, optional=True),
    Parameter("nick", "NICKNAME", optional=True, by_order=False),
    right=Right.REGISTER,
)
async def register(session: Session, password: str = "", nick: str = "") -> Answer | None:
    """Make your nickname your own, with a password."""
    if session.device is None:
        if not nick:
            raise Refused("not_entered", "say a nickname first; /register makes it your own then")
        accounts.may_come_in(session)
        account = await accounts.register_stranger(session, session.chat.settings.nickname(nick), password)
        await come_in(session, account, Wish(history=0))
    else:
        account = await accounts.register(session, password)
    name = account.name.shown
    more = " You are an operator of this server." if session.chat.is_operator(account) else ""
    return Answer(f"{name} is your own now: /login {name} makes you {name} on any device.{more}", {"nick": name})


@ACCOUNT.command(
    "login",
    Parameter("nick", "NAME"),
    Parameter("password", "PASSWORD", Takes.REST, optional=True),
    right=Right.LOG_IN,
)
async def login(session: Session, nick: str, password: str = "") -> Answer:
    """Be who you are: your nickname is your account's then."""
    wish = Wish(history=None if session.wire.asks else 0)
    if password:
        await log_in(session, nick, password, wish)
        return Answer()

    async def come(password: str) -> bool:
        await come_in(session, await accounts.checked(session, nick, password), wish)
        return True

    if not await ask_password(session, f"What is the password of {nick}?", "(An empty line: not now.)", come):
        raise Refused("password_invalid", "no password was given; nothing was changed")
    return Answer()


@ACCOUNT.command("logout", right=Right.OWN)
async def logout(session: Session) -> Answer:
    """Be nobody on this connection; you are asked for a nickname again."""
    device = session.here
    session.be_nobody()
    device.leave()
    return Answer("you are logged out")


@ACCOUNT.command("account")
async def account(session: Session) -> Answer:
    """Show your account."""
    person, known = session.person, session.person.account
    if known is None:
        return Answer(f"{person.name.shown} is a guest; /register makes the nickname your own", {"account": False})
    since = strftime("%Y-%m-%d", gmtime(known.since / 1000))
    devices = len(person.devices)
    facts = [f"{known.name.shown}, since {since}", f"here on {devices} device{'' if devices == 1 else 's'}"]
    if session.chat.is_operator(known):
        facts.append("operator of this server")
    if known.ignored:
        facts.append(f"ignores {', '.join(sorted(known.ignored.values()))}")
    operator = session.chat.is_operator(known)
    fields = {"account": True, "nick": known.name.shown, "since": since, "devices": devices, "operator": operator}
    return Answer("; ".join(facts), fields)


@ACCOUNT.command(
    "password",
    Parameter("old", "OLD", by_order=False, optional=True),
    Parameter("new", "NEW", by_order=False, optional=True),
    right=Right.OWN,
)
async def password(session: Session, old: str = "", new: str = "") -> Answer:
    """Take another password; your other devices are logged out."""
    await accounts.change_password(session, _own(session), old, new)
    return Answer("your password was changed, and your other devices are logged out")


@ACCOUNT.command("forget-me", Parameter("sure", "sure", Takes.SWITCH, by_order=False, optional=True), right=Right.OWN)
async def forget_me(session: Session, sure: bool = False) -> None:
    """Remove your account; what you said stays, under another name."""
    own = _own(session)
    name = own.name.shown
    if not sure:
        words = "Your account goes for good, and what you said stays under another name."
        if await session.answers.ask(words, aside=f"To go on, type just your name: {name}") != name:
            raise Refused("not_sure", f"that was not {name}; nothing was changed")
    await accounts.forget(session.chat, own)


@ACCOUNT.command("claim", Parameter("code", "CODE"), right=Right.CLAIM)
async def claim(session: Session, code: str) -> Answer:
    """Become operator, with the code that the first start told."""
    await accounts.claim(session, code)
    if session.person.account:
        return Answer("you are an operator of this server", {"operator": True})
    return Answer("that is right; now /register, and you are an operator of this server", {"operator": False})


def _own(session: Session) -> Account:
    account = session.person.account
    assert account is not None  # by the right; whose account is removed has no session any more
    return account
