"""Who somebody is, and whether they are away."""

from __future__ import annotations

from time import gmtime, strftime

from ..account import Account
from ..connection import Connection
from ..directory import SERVER_LOG
from ..event import Kind
from ..person import Person
from ..request import Answer, Refused
from ..rights import Right, may
from ..seams import not_saved
from ..session import Session
from ..table import Parameter, Table, Takes
from ..talking import check_reason
from ..text import safe

PEOPLE = Table()

AWAY_LONGEST = 200
"""Characters of why somebody is away: it stands in lines about them."""


@PEOPLE.command("whois", Parameter("nick", "NICK"))
async def whois(session: Session, nick: str) -> Answer:
    """Show who somebody is: since when, by what, how long silent."""
    chat = session.chat
    name = chat.settings.nickname(nick)
    account = chat.directory.accounts.named(name)
    # Who has the nickname of an account that was made meanwhile is here under it until its owner comes.
    here = (chat.people.get(account.id) if account else None) or chat.people.get(chat.directory.holder(name))
    addresses = may(session.role, Right.SEE_ADDRESSES)
    if here:
        return _here(session, here, addresses)
    if account and addresses:
        return Answer(
            f"{account.name.shown} is not here; {_since(account)}", {"nick": account.name.shown, "here": False}
        )
    # Whether there is an account is told to nobody who asks for names one by one.
    raise Refused("nobody", f"nobody called {name.shown} is here")


def _here(session: Session, person: Person, addresses: bool) -> Answer:
    chat, account = session.chat, person.account
    away = chat.directory.away.get(person.id)
    devices = [device.connection for device in person.devices if device.connection]
    facts = [f"here since {_time(person.since)}", _since(account) if account else "a guest"]
    if account and chat.is_operator(account):
        facts.append("operator")
    if away is not None:
        facts.append(f"away: {away}" if away else "away")
    fields: dict[str, object] = {
        "nick": person.name.shown,
        "here": True,
        "since": _time(person.since),
        "account": account is not None,
        **({"account_since": _time(account.since)} if account else {}),
        **({"away": away} if away is not None else {}),
    }
    lines = [f"{person.name.shown}: {', '.join(facts)}"]
    lines += [_device(chat.clock.seconds(), connection, addresses) for connection in devices]
    if not devices:
        lines.append("connection lost, may come back")
    fields["devices"] = [_fields(chat.clock.seconds(), connection, addresses) for connection in devices]
    return Answer("\n".join(lines), fields)


def _device(now: float, connection: Connection, addresses: bool) -> str:
    place = f", from {connection.peer.address or 'this machine'}" if addresses else ""
    return f"{connection.protocol}, {_long(now - connection.spoke)}{place}"


def _fields(now: float, connection: Connection, addresses: bool) -> dict[str, object]:
    told: dict[str, object] = {"protocol": connection.protocol, "idle": int(now - connection.spoke)}
    return {**told, "address": connection.peer.address} if addresses else told


def _since(account: Account) -> str:
    return f"an account since {strftime('%Y-%m-%d', gmtime(account.since / 1000))}"


def _time(milliseconds: int) -> str:
    return strftime("%Y-%m-%dT%H:%MZ", gmtime(milliseconds / 1000))


def _long(seconds: float) -> str:
    """How long somebody was silent."""
    for unit, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        count = int(seconds // unit)
        if count:
            return f"silent for {count} {name}{'' if count == 1 else 's'}"
    return "spoke within the last minute"


@PEOPLE.command("away", Parameter("why", "why", Takes.REST, optional=True))
async def away(session: Session, why: str = "") -> Answer:
    """Be away: who writes to you is told, and why."""
    why = safe(why)  # one line: what is shown with it is the server's own words
    if len(why) > AWAY_LONGEST:
        raise Refused("bad_arguments", f"why you are away has at most {AWAY_LONGEST} characters")
    check_reason(session, why)
    await _told(session, Kind.AWAY, why)
    return Answer(fields={"away": why})


@PEOPLE.command("back")
async def back(session: Session) -> Answer:
    """Be back."""
    if session.person.id not in session.chat.directory.away:
        raise Refused("not_away", "you are not away")
    await _told(session, Kind.BACK)
    return Answer()


async def _told(session: Session, kind: Kind, why: str = "") -> None:
    chat, person = session.chat, session.person
    async with chat.alone(person.id):  # in all rooms in which they are then
        failed = await chat.save(person.everywhere(kind, why, also=[SERVER_LOG]))
    if failed:
        raise not_saved("that", failed)
