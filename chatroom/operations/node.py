"""The running server as who owns it asks for it: how it is, and that it reads its configuration again, drains or stops."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from time import gmtime, strftime
from typing import NamedTuple, Protocol

from .. import __version__
from ..chat import Chat
from ..storage.opening import file_of
from .reload import Renewed
from .tail import Tail


class Running(Protocol):
    """The service."""

    def ways_in(self) -> list[tuple[str, str]]: ...
    async def drain(self, words: str) -> None: ...
    def end(self) -> None: ...


class Status(NamedTuple):
    """How it is."""

    words: str
    fields: dict[str, object]


class Node:
    """One running server."""

    def __init__(
        self,
        chat: Chat,
        service: Running,
        reload: Callable[[], Renewed],
        why_not_ready: Callable[[], str],
        storage: str,
    ) -> None:
        self.chat = chat
        self.reload = reload
        self.drain = service.drain
        self.stop = service.end
        self.tail = Tail
        self._service = service
        self._why_not_ready = why_not_ready
        self._storage = storage
        self._started = chat.clock.seconds()

    def summary(self) -> str:
        """How it is, in a line."""
        chat = self.chat
        rooms = sum(bool(room.members.nicks) for room in chat.rooms.values())
        people, connections = len(chat.people), len(chat.connections)
        return (
            f"{self._why_not_ready() or 'ready'}: {_count(people, 'person', 'people')} in {_count(rooms, 'room')}, "
            + _count(connections, "connection")
        )

    def status(self) -> Status:
        chat = self.chat
        protocols = Counter(session.protocol for session in chat.connections)
        rooms = sum(bool(room.members.nicks) for room in chat.rooms.values())
        seconds = int(chat.clock.seconds() - self._started)
        file = file_of(self._storage)
        state = self._why_not_ready() or "ready"
        fields: dict[str, object] = {
            "state": state,
            "version": __version__,
            "pid": os.getpid(),
            "seconds": seconds,
            "people": len(chat.people),
            "connections": dict(protocols),
            "rooms": rooms,
            "storage": file or self._storage,
            "bytes": os.path.getsize(file) if file else 0,
            "listening": [{"endpoint": at, "how": how} for at, how in self._service.ways_in()],
        }
        since = strftime("%Y-%m-%d %H:%M UTC", gmtime(chat.milliseconds() / 1000 - seconds))
        by = ", ".join(f"{count} {protocol}" for protocol, count in sorted(protocols.items()))
        lines = [
            f"{state}: chatroom {__version__}, pid {os.getpid()}, since {since}",
            f"people: {len(chat.people)}, in {rooms} of {len(chat.rooms)} rooms",
            f"connections: {sum(protocols.values())}" + (f": {by}" if by else ""),
            f"storage: {fields['storage']}" + (f", {fields['bytes']:,} bytes" if file else ""),
            *(f"listening on {at}: {how}" for at, how in self._service.ways_in()),
        ]
        return Status("\n".join(lines), fields)


def _count(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or f'{one}s'}"
