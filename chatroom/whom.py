"""Who is meant by a nickname: somebody who is here, an account, or a guest who has left lately. Knows not what for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .account import Account
from .admission import place_of
from .chat import Chat
from .connection import Connection
from .directory import SERVER_LOG
from .event import Entry, Event, Kind, Position, person_of
from .names import Name
from .person import Person
from .request import Refused

CLAIMS_READ = 1000
"""Claims of nicknames read at a time to find a guest who has left."""

CLAIMS_PAGES = 10
"""So many times: who left longer ago is not found by their nickname."""


class Whom(NamedTuple):
    """Somebody who is to be put in their place."""

    id: str
    name: Name
    account: Account | None
    here: Person | None
    address: str
    """Where they come or came from; empty for this machine."""


async def whom(chat: Chat, nick: str) -> Whom:
    """Who is called so: somebody who is here, an account, or a guest who has left lately; raises Refused."""
    name = chat.settings.nickname(nick)
    account = chat.directory.accounts.named(name)
    here = (chat.people.get(account.id) if account else None) or chat.people.get(chat.directory.holder(name))
    if here:
        return Whom(here.id, here.name, here.account, here, await _came_from(chat, here.id, here.connections))
    if account:
        return Whom(account.id, account.name, account, None, await _came_from(chat, account.id))
    claim = await _claim(chat, lambda event: event.details.get("folded") == name.folded)
    if claim is None:
        raise Refused("nobody", f"nobody called {name.shown} is here, or was lately")
    id = person_of(claim.by)
    return Whom(id, name._replace(shown=claim.nick), None, None, await _came_from(chat, id))


async def _came_from(chat: Chat, id: str, connections: Sequence[Connection] = ()) -> str:
    """From where somebody is here, or came when they were last; they may have taken another nickname since."""
    places = [place for connection in connections if (place := place_of(connection.peer.address))]
    if places or connections:
        return places[0] if places else ""
    claim = await _claim(chat, lambda event: person_of(event.by) == id and "address" in event.details)
    return str(claim.details["address"]) if claim else ""


async def _claim(chat: Chat, wanted: Callable[[Event], bool]) -> Event | None:
    """The last of the claims of nicknames that is wanted."""
    before: Position | None = None
    for _ in range(CLAIMS_PAGES):
        entries: list[Entry] = await chat.storage.read(
            SERVER_LOG, before=before, limit=CLAIMS_READ, kinds={Kind.CLAIMED}
        )
        for entry in reversed(entries):
            event: Event = entry.event
            if wanted(event):
                return event
        if len(entries) < CLAIMS_READ:
            break
        before = entries[0].position
    return None
