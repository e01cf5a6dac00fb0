"""What is done with accounts: made, proved by a password, changed, forgotten. Each is an entry of the server's log first.

Knows who asks by their session; not where the words for it came from.
"""

from __future__ import annotations

from secrets import compare_digest, token_hex

from .account import Account, forms_of
from .asking import ask_password, may_send_password, warn_of_plaintext
from .chat import Chat
from .connections import site_of
from .device import Device, digest
from .directory import SERVER_LOG
from .event import Event, Kind
from .names import REMOVED, Name
from .passwords import SHORTEST, new_password
from .passwords import password as normal
from .person import Person
from .request import Refused
from .seams import Hasher, not_saved
from .session import Session

REMOVED_BYTES = 4
"""Of the name under which the words of an account stay that is no more."""

WRONG = "wrong name or password"
"""Whatever was wrong with it: who guesses learns nothing."""


# The server's own password


def admit(session: Session, given: str) -> None:
    """Who gives the server's password may come in without an account; raises Refused."""
    may_send_password(session)
    chat, site = session.chat, site_of(session.peer.address)
    chat.attempts.begin(site, "the server's password")
    if not compare_digest(given.encode(), chat.settings.password.encode()):
        raise Refused("password_wrong", "that is not the server's password")
    chat.attempts.right(site, "the server's password")
    session.admitted = True


# Who one is


async def checked(session: Session, nickname: str, password: str) -> Account:
    """The account of that name, if that is its password; raises Refused in the same words and time whether there is one."""
    chat, site = session.chat, site_of(session.peer.address)
    key = _key(chat, nickname)
    chat.attempts.begin(site, key)
    before = chat.directory.accounts.keyed(key)
    name = await chat.login.check(nickname, _normal(password))
    if name is None:
        raise Refused("login_failed", WRONG)
    known = chat.settings.nickname(name)
    if chat.hasher is None:
        account = await _known_elsewhere(chat, known)
    else:
        now = chat.directory.accounts.named(known)
        if now is None or before is None or (now.id, now.hash) != (before.id, before.hash):
            raise Refused("login_failed", WRONG)  # it was changed, or forgotten, while that was looked at
        account = now
    chat.attempts.right(site, key)
    return account


async def _known_elsewhere(chat: Chat, name: Name) -> Account:
    """The account of who is known to a checker of the site, made when they come for the first time."""
    async with chat.alone(name.folded):
        account = chat.directory.accounts.named(name)
        return account or await create(chat, chat.new_id(), name, "")


def still(chat: Chat, account: Account) -> None:
    """Raises Refused for who is no account any more, or has another password by now."""
    now = chat.directory.accounts.get(account.id)
    if now is None or now.hash != account.hash:
        raise Refused("login_failed", WRONG)


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
    events += person.returning_to(person.rooms)
    account = await create(session.chat, person.id, name, kept, *events)
    if password:
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
    question = f"{name.shown} is free, and only accounts are let in here. What is to be its password?"
    kept = await _hash_of_new(session, name, password, may_claim=False, question=question)
    account = await create(chat, chat.new_id(), name, kept)
    if password:
        warn_of_plaintext(session)
    return account


async def _hash_of_new(session: Session, name: Name, password: str, may_claim: bool, question: str = "") -> str:
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
    password = await asked_twice(session, name, password, question)
    chat.registrations.begin(site_of(session.peer.address))
    return await hasher.hash(password)


async def asked_twice(session: Session, name: Name, password: str = "", question: str = "") -> str:
    """A new password, which is asked for unless given, and typed twice since it is not seen; raises Refused."""
    if password:
        return new_password(password, name.shown)

    async def twice(given: str) -> str:
        known = new_password(given, name.shown)
        if await session.answers.ask("The same once more?", hidden=True) != given:
            raise Refused("passwords_differ", "these were two passwords")
        return known

    question = question or f"What is to be the password of {name.shown}?"
    aside = f"({SHORTEST} characters or more; an empty line: none.)"
    known = await ask_password(session, question, aside, twice, "new_password")
    if known is None:
        raise Refused("password_invalid", "no password was given; nothing was changed")
    return known


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

    async def proved(given: str) -> Account:
        return await checked(session, account.name.shown, given)

    if old:
        now: Account | None = await proved(old)
        warn_of_plaintext(session)
    else:
        now = await ask_password(session, "What is the password now?", "(An empty line: nothing is changed.)", proved)
    if now is None:
        raise Refused("password_invalid", "no password was given; nothing was changed")
    await set_password(session.chat, now, await asked_twice(session, now.name, new), session.device)


async def set_password(
    chat: Chat, account: Account, password: str, but: Device | None = None, *more: tuple[str, Event]
) -> None:
    """Raises Refused. All devices of the account but one are logged out. What depends on it is saved with it."""
    kept = await hasher_of(chat).hash(new_password(password, account.name.shown))
    async with chat.alone(account.id):
        still(chat, account)
        person = chat.people.get(account.id)
        changed = chat.event(Kind.PASSWORD, account.id, account.name.shown, details={"hash": kept})
        await _saved(chat, "the password", (SERVER_LOG, changed), *(person.parting(but) if person else ()), *more)
        if person:
            person.dismiss(Refused("password_changed", "the password was changed; log in again"), but)
    await chat.tidy.now()


async def forget(chat: Chat, account: Account) -> None:
    """The account is no more; what it said stays, under another name."""
    nick = f"{REMOVED}{token_hex(REMOVED_BYTES)}"
    async with chat.alone(account.id):
        still(chat, account)
        person = chat.people.get(account.id)
        forgotten = chat.event(Kind.FORGOTTEN, account.id, nick)
        await _saved(chat, account.name.shown, (SERVER_LOG, forgotten), *(person.leaving("") if person else ()))
        if person:
            person.dismiss(Refused("forgotten", "your account is no more; farewell"))
    await chat.tidy.now()


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
