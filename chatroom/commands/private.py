"""Private messages, and whom one does not read."""

from __future__ import annotations

from twisted.python.failure import Failure

from ..accounts import ignore as ignore_
from ..event import Kind, person_of
from ..inbox import inbox_log
from ..person import Person
from ..request import Answer, Refused
from ..session import Session
from ..table import Parameter, Table, Takes
from ..talking import check_private
from .history import HISTORY

PRIVATE = Table()

REPLY_ENTRIES = 1000
"""Newest private messages among which it is looked who wrote last."""

IGNORED = 200
"""People whom one person ignores: each is looked for in every page that the person is shown."""


@PRIVATE.command("msg", Parameter("to", "NICK"), Parameter("text", "TEXT", Takes.REST))
async def msg(session: Session, to: str, text: str) -> Answer | None:
    """Write to somebody in private; an account reads it later too."""
    id, nick = someone(session, to)
    return await _write(session, id, nick, text)


@PRIVATE.command("reply", Parameter("text", "TEXT", Takes.REST))
async def reply(session: Session, text: str) -> Answer | None:
    """Write in private to who wrote to you last."""
    person = session.person
    inbox = await person.open_inbox()
    newest = [entry.event for entry in await inbox.log.talk.newest(None, REPLY_ENTRIES)]
    for event in [*([inbox.last] if inbox.last else []), *reversed(newest)]:
        id = person_of(event.by)
        if event.kind is Kind.PRIVATE and id not in (person.id, *person.ignored):
            known = session.chat.people.get(id) or session.chat.directory.accounts.get(id)
            if known is None:
                raise Refused("nobody", f"{event.nick} is gone")
            return await _write(session, id, known.name.shown, text)
    raise Refused("nobody", "nobody has written to you lately")


@PRIVATE.command(
    "inbox",
    Parameter("limit", "N", Takes.NUMBER, optional=True),
    Parameter("before", "POSITION", optional=True, by_order=False),
)
async def inbox(session: Session, limit: int = HISTORY, before: str = "") -> Answer:
    """Show the last N private messages, yours too (20)."""
    await session.shown.messages(limit, before)
    return Answer()


@PRIVATE.command("ignore", Parameter("nick", "NICK", optional=True))
async def ignore(session: Session, nick: str = "") -> Answer:
    """Read nothing more of somebody; alone, show whom you ignore."""
    person = session.person
    if not nick:
        names = sorted(person.ignored.values())
        return Answer(f"you ignore {', '.join(names) or 'nobody'}", {"ignored": names})
    id, shown = someone(session, nick)
    if id == person.id:
        raise Refused("bad_arguments", "that is you")
    if id not in person.ignored and len(person.ignored) >= IGNORED:
        raise Refused("too_many_ignored", f"you ignore {IGNORED} people already, the most there can be")
    await ignore_(session.chat, person, id, shown, True)
    return Answer(f"you read nothing more of {shown}", {"nick": shown})


@PRIVATE.command("unignore", Parameter("nick", "NICK"))
async def unignore(session: Session, nick: str) -> Answer:
    """Read somebody again."""
    person = session.person
    names = {shown: session.chat.settings.nickname(shown).folded for shown in person.ignored.values()}
    name = session.chat.settings.nickname(nick)
    ignored = [(id, shown) for id, shown in person.ignored.items() if names[shown] == name.folded]
    if not ignored:
        raise Refused("nobody", f"you do not ignore {name.shown}")
    for id, shown in ignored:  # several, of guests who had the nickname one after the other
        await ignore_(session.chat, person, id, shown, False)
    return Answer(f"you read {name.shown} again", {"nick": name.shown})


def someone(session: Session, nick: str) -> tuple[str, str]:
    """The id and nickname of somebody who is here or has an account; raises Refused."""
    chat = session.chat
    name = chat.settings.nickname(nick)
    account = chat.directory.accounts.named(name)
    if account:
        return account.id, account.name.shown
    here = chat.people.get(chat.directory.holder(name))
    if here is None:
        raise Refused("nobody", f"nobody called {name.shown} is here, and no account has that name")
    return here.id, here.name.shown


async def _write(session: Session, id: str, nick: str, text: str) -> Answer | None:
    chat = session.chat
    check_private(session, text)
    await session.person.open_inbox()
    if here := chat.people.get(id):
        try:
            await here.open_inbox()  # before it is written, that it is shown there
        except Exception:  # it is kept for them, and who writes is not to blame
            chat.bug(Failure())
    if id not in chat.people and chat.directory.accounts.get(id) is None:  # left meanwhile
        raise Refused("nobody", f"{nick} is gone")
    if not await session.speaking.write(nick, inbox_log(id), text):
        return None
    away = chat.directory.away.get(id)
    fields = {"to": nick, "here": here is not None, **({} if away is None else {"away": away})}
    guest = here is None and chat.directory.holder(chat.settings.nickname(nick))
    return Answer(_state(here, nick, away, bool(guest)), fields)


def _state(here: Person | None, nick: str, away: str | None, guest: bool) -> str:
    """What who writes to somebody had better know. A guest may be called like an account that was made meanwhile."""
    if here is None and guest:
        return f"{nick} is an account, and its owner reads it on coming back; the guest who is called so now does not"
    if here is None:
        return f"{nick} is not here, and reads it on coming back"
    if away is None:
        return ""
    return f"{nick} is away: {away}" if away else f"{nick} is away"
