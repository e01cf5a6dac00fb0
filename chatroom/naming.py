"""Nicknames of who is here: claimed in the server's log together with what depends on it, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from .account import forms_of
from .device import Device
from .device import Server as DevicesServer
from .directory import SERVER_LOG
from .door import PAUSE
from .event import Kind
from .names import Name
from .person import Person
from .request import Arrived
from .room import Room
from .seams import Batch, not_saved


class Server(DevicesServer, Protocol):
    """What is needed of the chat."""

    def alone(self, id: str) -> AbstractAsyncContextManager[None]: ...
    async def pause(self, seconds: float) -> None: ...


async def enter(
    server: Server,
    id: str,
    name: Name,
    wanted: Sequence[Room],
    admitted: Callable[[], tuple[Sequence[Room], Sequence[str]]],
    by: str,
    token: str,
    address: str = "",
    instead_of: Person | None = None,
) -> tuple[Device, list[Arrived]]:
    """Claim a nickname and join rooms with one device, all or nothing; raises Refused. Tells also how the rooms were just
    then. In the same moment leaves who they were until then, if anybody. Of the rooms that are `wanted`, `admitted` tells
    at the last moment which they may enter, and the names of those to which an account returns from then on, if these are
    others than before; it too raises Refused. `address`: what is kept of where they come from."""
    for room in wanted:
        await room.door.come()
    rooms: list[Room] = []
    returning: list[str] = []

    def before() -> Batch:
        may, names = admitted()
        rooms.extend(may)
        returning.extend(names)
        for room in rooms:
            room.expect(id)
        return instead_of.leaving(f"now {name.shown}") if instead_of else []

    def after() -> Batch:
        events = [(SERVER_LOG, server.event(Kind.ATTACHED, by, details={"token": token}))] if token else []
        if returning:
            events.append((SERVER_LOG, server.event(Kind.ROOMS, id, name.shown, details={"rooms": returning})))
        return [*events, *((room.log.name, server.event(Kind.JOINED, id, name.shown)) for room in rooms)]

    try:
        name, since = await _claim(server, id, name, before, after, instead_of, address)
    finally:
        arrived = [room.arrived(id) for room in rooms]
    if instead_of:
        instead_of.gone()
    inside = [(room, each) for room, each in zip(rooms, arrived, strict=True) if each and not room.closing]
    device = Device(server, Person(server, id, name, tuple(room for room, _ in inside), since), by, token)
    return device, [each for _, each in inside]


async def rename(person: Person, name: Name, server: Server) -> None:
    """Take another nickname; everyone, this person too, reads it in their rooms. One at a time."""
    async with server.alone(person.id):
        details = {"new": name.shown}
        person.name, _ = await _claim(
            server,
            person.id,
            name,
            lambda: [person.released()],
            lambda: person.everywhere(Kind.RENAMED, details=details),
        )
        if person.left:  # meanwhile, under the old nickname
            await server.save_surely([person.released()])


async def let_leave(server: Server, leaving: Callable[[], bool]) -> None:
    """Until it is told that somebody left, who said bye and came back at once: faster than the disk, or than a room tells."""
    if leaving():
        await server.journal.settled()
    if leaving():
        await server.pause(PAUSE)
        await server.journal.settled()


async def _claim(
    server: Server,
    id: str,
    name: Name,
    before: Callable[[], Batch],
    after: Callable[[], Batch],
    instead_of: Person | None = None,
    address: str = "",
) -> tuple[Name, int]:
    """Have a nickname claimed together with what it depends on and what depends on it, all or nothing; raises Refused. Gives
    the nickname as it is kept, and when that was."""
    await let_leave(server, lambda: server.directory.freeing(name))
    server.directory.reserve(name, id, instead_of.id if instead_of else "")
    # What tells of it is made now that nothing is awaited any more: the times of events tell which was appended first.
    details = {**forms_of(name), **({"address": address} if address else {})}
    try:
        first = before()
    except BaseException:
        server.directory.cancel(name, id)
        raise
    claimed = server.event(Kind.CLAIMED, id, name.shown, details=details)
    failed = await server.save([*first, (SERVER_LOG, claimed), *after()])
    if failed:
        server.directory.cancel(name, id)
        raise not_saved(name.shown, failed)
    return server.directory.claimed(name), claimed.time
