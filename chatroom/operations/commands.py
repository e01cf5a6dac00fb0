"""What only who owns the machine asks of the running server. Rows of a table like those of the chat, answered by the same
session, through the socket of chatroomctl.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from ..person import Person
from ..request import Answer, Refused
from ..rights import Right
from ..session import Session
from ..table import Parameter, Table, Takes

if TYPE_CHECKING:
    from .node import Node

_log = Logger("chatroom.decisions")

DRAINING = "the server lets nobody more in, and stops when the last has gone"


def commands(node: Node | None) -> Table:
    """Without a node, when no server runs, all are refused."""
    table = Table()

    def running() -> Node:
        if node is None:
            raise Refused("no_server", "no server runs here that could do it")
        return node

    @table.command("status", right=Right.RUN)
    async def status(session: Session) -> Answer:
        """Show how the server is."""
        return Answer(*running().status())

    @table.command("who", Parameter("room", "ROOM", optional=True), right=Right.RUN)
    async def who(session: Session, room: str = "") -> Answer:
        """Show who is here, in which rooms, from where."""
        chat = running().chat
        only = chat.find_room(room) if room else None
        if room and only is None:
            raise Refused("no_room", f"there is no room {room}")
        present = [each for each in chat.people.values() if only is None or only in each.rooms]
        told = [_told(session, each) for each in sorted(present, key=lambda each: each.name.folded)]
        count = f"{len(told)} {'person is' if len(told) == 1 else 'people are'} here"
        return Answer("\n".join([count, *(words for words, _ in told)]), {"people": [fields for _, fields in told]})

    @table.command("tail", Parameter("room", "ROOM", optional=True), right=Right.RUN)
    async def tail(session: Session, room: str = "") -> Answer:
        """Show what happens in all rooms, or one, from now on."""
        node = running()
        only = node.chat.find_room(room) if room else None
        if room and only is None:
            raise Refused("no_room", f"there is no room {room}")
        if session.reading:  # they ask for another one
            session.reading.stop()
        session.reading = node.tail(session, only.forms.folded if only else "")
        return Answer()

    @table.command("reload", right=Right.RUN)
    async def reload(session: Session) -> Answer:
        """Read configuration and certificates again."""
        node = running()
        _log.info("server: its owner reloads it")
        renewed = node.reload()
        fields: dict[str, object] = {"changed": renewed.changed, "later": renewed.later, "wrong": renewed.wrong}
        if renewed.wrong:
            raise Refused("not_reloaded", renewed.words, fields)
        return Answer(renewed.words, fields)

    @table.command("claim-code", right=Right.RUN)
    async def claim_code(session: Session) -> Answer:
        """Show the code with which somebody becomes the first operator."""
        chat = running().chat
        if not chat.directory.accounts.code:
            raise Refused("code_wrong", "there is no claim code any more: it was used")
        if not chat.claim_code:
            raise Refused(
                "code_wrong", "an earlier start of the server had the claim code; --operator NICK names operators"
            )
        return Answer(chat.claim_code, {"code": chat.claim_code})

    @table.command("drain", Parameter("words", "TEXT", Takes.REST, optional=True), right=Right.RUN)
    async def drain(session: Session, words: str = DRAINING) -> Answer:
        """Let nobody more in, tell everyone, and stop when the last has gone."""
        node = running()
        _log.info("server: its owner drains it")
        await node.drain(words)
        left = len(node.chat.connections)
        return Answer(f"nobody more is let in; {left} {'connection is' if left == 1 else 'connections are'} left")

    @table.command("stop", right=Right.RUN)
    async def stop(session: Session) -> Answer:
        """Stop the server, when all that was said is saved."""
        node = running()
        _log.info("server: its owner stops it")
        node.stop()
        return Answer("the server stops")

    return table


def _told(session: Session, person: Person) -> tuple[str, dict[str, object]]:
    """Who somebody is, in words and fields."""
    chat = session.chat
    connections = [device.connection for device in person.devices if device.connection]
    here = [f"{each.protocol}{f' from {each.peer.address}' if each.peer.address else ''}" for each in connections]
    rooms = [room.name for room in person.rooms]
    what = "guest" if person.account is None else "operator" if chat.is_operator(person.account) else "account"
    away = chat.directory.away.get(person.id)
    words = [what, ", ".join(f"#{room}" for room in rooms) or "in no room", *(here or ["may come back"])]
    if away is not None:
        words.append(f"away: {away}" if away else "away")
    fields: dict[str, object] = {
        "nick": person.name.shown,
        "is": what,
        "rooms": rooms,
        "connections": [{"protocol": each.protocol, "address": each.peer.address} for each in connections],
        **({} if away is None else {"away": away}),
    }
    return f"{person.name.shown}: {'; '.join(words)}", fields
