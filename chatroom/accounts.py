"""What is done with accounts: made, proved by a password, changed, forgotten. Each is an entry of the server's log first.

Knows who asks by their session; not where the words for it came from.
"""

from __future__ import annotations

from secrets import compare_digest, token_hex

from twisted.internet.defer import ensureDeferred

from .account import Account, forms_of
from .chat import Chat, Plaintext
from .connections import site_of
from .directory import SERVER_LOG
from .event import Event, Kind
from .names import REMOVED, Name
from .passwords import new_password
from .passwords import password as normal
from .person import Device, Person, digest, not_saved
from .request import Refused
from .seams import Hasher
from .session import Session

REMOVED_BYTES = 4
"""Of the name under which the words of an account stay that is no more."""

WRONG = "wrong name or password"
"""Whatever was wrong with it: who guesses learns nothing."""


# Passwords on their way


def may_send_password(session: Session) -> None:
    """Raises Refused where a password had better not be sent; called before one is asked for."""
    if session.chat.settings.plaintext is Plaintext.REFUSE and not session.peer.secret:
        raise Refused("plaintext_password", "passwords are taken over TLS only here: others could read this connection")


def warn_of_plaintext(session: Session) -> None:
    if session.chat.settings.plaintext is Plaintext.WARN and not session.peer.secret:
        session.told("others on the way could read your password: this connection has no TLS")


def admit(session: Session, given: str) -> None:
    """Who gives the server's password may come in without an account; raises Refused."""
    chat, site = session.chat, site_of(session.peer.address)
    chat.attempts.begin(site, "the server's password")
    if not compare_digest(given.encode(), chat.settings.password.encode()):
        raise Refused("password_wrong", "that is not the server's password; what nickname would you like?")
    chat.attempts.right(site, "the server's password")
    session.admitted = True


# Who one is


async def checked(session: Session, nickname: str, password: str) -> Account:
    """The account of that name, if that is its password; raises Refused in the same words and time whether there is one."""
    chat, site = session.chat, site_of(session.peer.address)
    key = _key(chat, nickname)
    chat.attempts.begin(site, key)
    name = await chat.login.check(nickname, _normal(password))
    if name is None:
        raise Refused("login_failed", WRONG)
    chat.attempts.right(site, key)
    known = chat.settings.nickname(name)
    account = chat.directory.accounts.named(known)
    if account is None:
        if chat.hasher:  # it was forgotten meanwhile
            raise Refused("login_failed", WRONG)
        account = await create(chat, chat.new_id(), known, "")
    return account


def _normal(password: str) -> str:
    try:
        return normal(password)
    except Refused:  # it is nobody's
        return password


def _key(chat: Chat, nickname: str) -> str:
    try:
        return chat.settings.nickname(nickname).folded
    except Refused:
        return ""


# Registering


async def register(session: Session, password: str) -> Account:
    """Make the guest's nickname their own; raises Refused."""
    person = session.person
    name, directory = person.name, session.chat.directory
    kept = await _hash_of_new(session, name, password, person.may_claim and bool(directory.accounts.code))
    if session.chat.people.get(person.id) is not person or person.name != name:
        raise Refused("nick_taken", f"you are not {name.shown} any more")
    events = [(SERVER_LOG, _ignoring(session.chat, person.id, id, nick)) for id, nick in person.ignored.items()]
    if person.may_claim and directory.accounts.code:
        events.append((SERVER_LOG, session.chat.event(Kind.OPERATOR, person.id, name.shown)))
    account = await create(session.chat, person.id, name, kept, *events)
    warn_of_plaintext(session)
    return account


def may_come_in(session: Session) -> None:
    """Raises Refused for who has to give the server's password first."""
    if not session.admitted:
        raise Refused(
            "password_needed", "this server has a password: say hello with it first", {"asked": "server_password"}
        )


async def register_stranger(session: Session, name: Name, password: str = "") -> Account:
    """Make a nickname that nobody has a stranger's own; raises Refused."""
    chat = session.chat
    if chat.directory.accounts.like(name) or chat.directory.holders(name):
        raise Refused("nick_taken", f"{name.shown} is taken, or too like one that is")
    kept = await _hash_of_new(session, name, password, may_claim=False)
    account = await create(chat, chat.new_id(), name, kept)
    warn_of_plaintext(session)
    return account


async def _hash_of_new(session: Session, name: Name, password: str, may_claim: bool) -> str:
    """What is to be kept of a new account's password, which is asked for unless given; raises Refused."""
    chat = session.chat
    hasher = hasher_of(chat)
    if not chat.settings.registration:
        why = "" if chat.settings.guests else "; only accounts are let in here: /login NAME PASSWORD"
        raise Refused("registration_closed", f"the operators make the accounts here{why}")
    if chat.is_for_operators(name) and not (session.peer.local or may_claim):
        words = f"{name.shown} is kept for an operator: register it at the server's machine, or /claim CODE first"
        raise Refused("operator_name", words)
    may_send_password(session)
    password = await _asked_twice(session, name, password)
    chat.registrations.begin(site_of(session.peer.address))
    return await hasher.hash(password)


async def _asked_twice(session: Session, name: Name, password: str) -> str:
    if not password:
        password = await session.ask(f"What is to be the password of {name.shown}?", True, "new_password")
        if not password:
            raise Refused("password_invalid", "nothing was changed")
        new_password(password, name.shown)  # what is wrong with it is said before it is asked for again
        if await session.ask("The same once more?", hidden=True) != password:
            raise Refused("passwords_differ", "these were two passwords; nothing was changed")
    return new_password(password, name.shown)


def hasher_of(chat: Chat) -> Hasher:
    if chat.hasher is None:
        raise Refused("registration_closed", "passwords are kept elsewhere than on this server")
    return chat.hasher


async def create(chat: Chat, id: str, name: Name, kept: str, *more: tuple[str, Event]) -> Account:
    """Make an account, and what depends on it, all or nothing; raises Refused."""
    accounts, keys = chat.directory.accounts, {*name[1:]}
    if accounts.like(name) or keys & chat.registering:
        raise Refused("nick_taken", f"{name.shown} is an account already, or too like one")
    registered = chat.event(Kind.REGISTERED, id, name.shown, details={**forms_of(name), "hash": kept})
    chat.registering |= keys
    try:
        await _saved(chat, name.shown, (SERVER_LOG, registered), *more)
    finally:
        chat.registering -= keys
    account = accounts.get(id)
    if account is None:  # somebody else was faster
        raise Refused("nick_taken", f"{name.shown} is taken")
    return account


# Changing


async def change_password(session: Session, account: Account, old: str, new: str) -> None:
    """Take another password; who was here by the old one is not any more, but for the session that asks."""
    hasher_of(session.chat)
    may_send_password(session)
    if not old:
        old = await session.ask("What is the password now?", hidden=True)
    await checked(session, account.name.shown, old)
    await set_password(session.chat, account, await _asked_twice(session, account.name, new), session.device)


async def set_password(chat: Chat, account: Account, password: str, but: Device | None = None) -> None:
    kept = await hasher_of(chat).hash(new_password(password, account.name.shown))
    if chat.directory.accounts.get(account.id) is None:  # forgotten meanwhile: nothing of it is kept any more
        raise Refused("no_account", f"there is no account {account.name.shown}")
    changed = chat.event(Kind.PASSWORD, account.id, account.name.shown, details={"hash": kept})
    await _saved(chat, "the password", (SERVER_LOG, changed))
    await chat.blank_old_passwords()
    person = chat.people.get(account.id)
    if person:
        person.dismiss(Refused("password_changed", "the password was changed; log in again"), but)


async def forget(chat: Chat, account: Account) -> None:
    """The account is no more; what it said stays, under another name."""
    nick = f"{REMOVED}{token_hex(REMOVED_BYTES)}"
    await _saved(chat, account.name.shown, (SERVER_LOG, chat.event(Kind.FORGOTTEN, account.id, nick)))
    person = chat.people.get(account.id)
    if person:
        person.dismiss(Refused("forgotten", "your account is no more; farewell"))
    ensureDeferred(chat.forget(account.id, nick)).addErrback(chat.bug)


async def ignore(chat: Chat, person: Person, id: str, nick: str, ignored: bool) -> None:
    """Read nothing of somebody any more, or again. Kept with the account; a guest's lasts as long as they stay."""
    if person.account:
        await _saved(chat, "it", (SERVER_LOG, _ignoring(chat, person.id, id, nick, ignored)))
    others = {other: name for other, name in person.ignored.items() if other != id}
    person.ignore({**others, id: nick} if ignored else others)


def _ignoring(chat: Chat, by: str, id: str, nick: str, ignored: bool = True) -> Event:
    return chat.event(Kind.IGNORED if ignored else Kind.UNIGNORED, by, text=nick, details={"whom": id})


async def claim(session: Session, code: str) -> None:
    """Prove, by the code that the server told at its first start, that one may be an operator; raises Refused."""
    chat, person, site = session.chat, session.person, site_of(session.peer.address)
    chat.attempts.begin(site, "the claim code")
    if not compare_digest(digest(code), chat.directory.accounts.code):
        raise Refused("code_wrong", "that is not the claim code, or it was used")
    chat.attempts.right(site, "the claim code")
    if person.account:
        await _saved(chat, "it", (SERVER_LOG, chat.event(Kind.OPERATOR, person.id, person.name.shown)))
    else:
        person.may_claim = True


async def _saved(chat: Chat, what: str, *events: tuple[str, Event]) -> None:
    failed = await chat.save(events)
    if failed:
        raise not_saved(what, failed)
