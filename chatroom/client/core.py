"""A conversation with a server, kept whole over however many connections it takes: up to where we have read in each room, and
what we asked of which no outcome has been seen. JSON lines in and out; knows no transport, clock or screen.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from ..request import Command
from .bookmarks import position_in
from .channel import Channel, Stage
from .coming import Coming
from .face import Face, Said, Transport
from .identity import Identity
from .outbox import LOOKING_BACK, Asked, Outbox, line_of
from .whereabouts import ANYWHERE, Whereabouts

DISMISSED = ("password_changed", "forgotten", "resumed", "kicked", "banned")
"""Codes with which the server ends a connection of somebody who is not here by it any more."""

NOT_BESIDE = {"event", "welcome", "joined", "refused"}
"""What tells of other things, and is none of an answer."""


class Conversation:
    """Our side of it."""

    def __init__(
        self, face: Face, stamp: str, identity: Identity, *, rooms: Sequence[str] = (), history: int = 0
    ) -> None:
        """`stamp` begins the ids of our requests: no other client's begins so. `rooms` are to be entered instead of the
        server's first. `history`: lines to be shown on entering."""
        self._face = face
        self._stamp = stamp
        self._history = history
        self._identity = identity
        self._where = Whereabouts(stamp, rooms)
        self._outbox = Outbox(stamp)
        self._unsent: list[bytes] = []
        self._needed: set[str] = set()
        """Requests without which we are not where we wanted to be."""
        self._channel = Channel()
        self._coming = Coming(self._channel, face, identity, self._where, self._outbox, stamp, history, self._be_here)

    # What the connection calls

    def connected(self, transport: Transport) -> None:
        self._channel.connected(transport)
        self._coming.hello()

    def received(self, line: bytes) -> None:
        """One line came. What is no JSON is the greeting for people, who speak later than we do."""
        try:
            said: Any = json.loads(line) if line[:1] == b"{" else None
        except (ValueError, RecursionError):
            return
        match said:
            case {"event": str()}:
                self._happened(said)
            case {"welcome": {"nick": str(nick), "resume": str(token), "rooms": dict(rooms)}} if _are_rooms(rooms):
                self._coming.welcomed(said, nick, token, rooms)
            case {"joined": {"room": str(room)} as there}:
                self._where.came(room, position_in(there))
                self._face.show(said, own=False)
            case {"refused": {"code": str(), "words": str()} as refused}:
                self._channel.heard = True
                self._refused(said, refused)
            case {"answer": str(), "id": str(id)} if id.startswith(self._stamp):
                self._answered(said, id)
            case {"answer": str()} | {"notice": str()} | {"exported": dict()} if not said.keys() & NOT_BESIDE:
                self._face.show(said, own=False)

    def caught_up(self) -> None:
        """All that has come so far was received."""
        if self._channel.stage is Stage.HERE:
            self._release()
            self._face.moved()

    def lost(self, why: str) -> None:
        """The connection is gone, or did not come about."""
        stage = self._channel.lost()
        if stage is Stage.LEAVING:
            self._face.over()
        elif not self._coming.lost(why) and stage is not Stage.AWAY:
            self._face.away(why)

    @property
    def entering(self) -> bool:
        return self._channel.stage in (Stage.ENTERING, Stage.ASKING)

    @property
    def heard(self) -> bool:
        """The server has said something on this connection."""
        return self._channel.heard

    # What the face calls

    @property
    def nick(self) -> str:
        return self._identity.nick

    @property
    def nicks(self) -> Collection[str]:
        """All that were ours."""
        return self._identity.had

    @property
    def account(self) -> bool:
        return self._identity.account

    @property
    def rooms(self) -> Collection[str]:
        """All that we are in."""
        return self._where.rooms

    @property
    def room(self) -> str:
        """Where what is typed goes; empty for nowhere."""
        return self._where.room

    @property
    def takes_more(self) -> bool:
        return self._channel.stage is Stage.HERE and not self._outbox.full

    @property
    def here(self) -> bool:
        """What is asked now goes out at once, or soon."""
        return self._channel.stage is Stage.HERE

    @property
    def asks(self) -> bool:
        """What is asked now is kept, and sent once we are here."""
        return self._coming.entered and not self._outbox.full

    @property
    def moving(self) -> bool:
        """Where what is typed goes is not sure."""
        return self._outbox.moving

    @property
    def under_way(self) -> int:
        """Requests whose outcome has not been seen."""
        return len(self._outbox)

    def ask(self, command: Command) -> str:
        """Have something done, once, in order with what was asked before; it goes out with `send`. Tells the id; raises
        Refused."""
        named = command.words.removeprefix("#") if command.name in ("join", "room") else ""
        command = self._where.bind(command, self._history)
        room = str((command.fields or {}).get("room", "")).removeprefix("#") or named or self.room
        if command.name == "leave":
            room = self._where.named(room)
        bound = command.fields is not None or (command.name in ANYWHERE and bool(named or command.name != "room"))
        id, asked = self._outbox.add(command, room, bound)
        if self._channel.stage is Stage.HERE and self._outbox.due(id):
            self._unsent += [self._where.lead(asked), asked.line]
        return id

    def _release(self) -> None:
        held = self._outbox.released()
        if held:
            self._unsent.append(held.line)
            self.send()

    def send(self) -> None:
        """What was asked goes out, in one piece."""
        if self._unsent:
            self._channel.write(b"".join(self._unsent))
            self._unsent.clear()

    def talk_in(self, room: str) -> None:
        """What is typed goes to that one of our rooms from now on."""
        self._where.goes(room)

    def informed(self) -> None:
        """Whoever types has seen that a room is not open to them: what comes now is meant for where they talk."""
        self._where.informed()

    def leave(self, reason: str = "") -> bool:
        """Say that we leave; `over` follows. False when there is no connection to say it on."""
        if not self._channel.there:
            return False
        self.send()
        self._channel.stage = Stage.LEAVING
        self._channel.write(line_of({"quit": {"reason": reason} if reason else {}}))
        return True

    # Here

    def _be_here(self) -> None:
        """We have read all: what has had no outcome was not taken, and is asked again."""
        self._identity.names = {self.nick}
        self._channel.stage = Stage.HERE
        self._unsent.clear()
        for id, asked in self._outbox.all():
            if self._where.misses(asked):
                self._outbox.done(id)
                words = f"/{asked.name} may not have been done: you are not in #{asked.room} any more"
                self._face.show({"refused": {"code": "not_in_room", "words": words}, "id": id}, own=True)
            elif self._outbox.due(id):
                self._unsent += [self._where.lead(asked), asked.line]
        for command in self._where.moves(self.account):
            id = self.ask(command)
            if command.name == "join":
                self._needed.add(id)
        self.send()
        self._release()
        self._face.moved()

    # What the server says

    def _happened(self, said: Said) -> None:
        us, id, nick, history = self._identity, said.get("id"), said.get("nick"), bool(said.get("history"))
        kind, room = said["event"], said.get("room")
        if not all(said.get(name) is None or isinstance(said[name], str) for name in ("nick", "room", "new")):
            return
        ours = nick in us.names
        self._where.bookmarks.read(said)
        if self._where.bookmarks.knows(said):
            return
        own = isinstance(id, str) and id.startswith(self._stamp) and ours
        outcome = own and self._outbox.done(str(id))
        if not own and kind == "renamed" and ours and isinstance(said.get("new"), str):
            us.renamed(said["new"])
        if history and own and (outcome or not self._outbox.named(LOOKING_BACK)):
            if outcome:  # we said it again, though it had been said: it was or will be shown where it stands
                self._face.show(said, own=True)
            return
        correcting = kind == "edited" and ours and bool(self._outbox.named(("edit",)))  # which is answered
        self._face.show(said, (own or correcting) and not history)
        if room and ours and not history:
            if kind == "parted":
                self._where.left(room)
            elif kind == "joined" and room not in self.rooms:  # read late, of when another device came back there
                self._where.came(room, position_in(said))

    def _refused(self, said: Said, refused: Said) -> None:
        id, stage = said.get("id"), self._channel.stage
        if stage is Stage.ENTERING:
            self._coming.refused(said, refused)
        elif stage is Stage.ASKING:
            return  # the person was slow to answer; the connection ends, and comes back
        elif id is None and refused["code"] in DISMISSED and "room" not in refused:
            self._dismissed(said, refused)
        elif id != self._stamp:
            own = isinstance(id, str) and id.startswith(self._stamp)
            asked = self._outbox.done(str(id)) if own else None
            if asked and id in self._needed:
                self._coming.end(refused["words"])
                return
            if asked and asked.name in ("join", "room"):
                self._where.barred(asked)
            self._face.show(said, own)

    def _dismissed(self, said: Said, refused: Said) -> None:
        """We are not here by this connection any more; it ends."""
        if refused["code"] == "password_changed":
            self._identity.let_go()
            self._face.show(said, own=False)
            return
        asked = self._outbox.done(self._outbox.becoming)
        if asked and asked.name == "forget-me":
            self._face.show(said, own=False)
            self._coming.end("")
        else:
            self._coming.end(refused["words"])

    def _answered(self, said: Said, id: str) -> None:
        self._where.bookmarks.answered(id)
        if id == self._stamp:
            if self._channel.stage is Stage.CATCHING_UP:
                self._be_here()
            return
        asked = self._outbox.done(id)
        if asked and asked.name in ("register", "password"):
            self._identity.own(asked.secret)
        if asked:
            self._moved(asked, said)
        self._face.show(said, own=True)
        if said["answer"] == "logout":
            self.leave()

    def _moved(self, asked: Asked, said: Said) -> None:
        """Where what is typed goes, after what we asked."""
        match asked.name, said.get("room"):
            case "join", str(room):
                if "position" in said:
                    self._where.came(room, position_in(said))
                self._where.talks(room)
            case "room", str(room):
                self._where.talks(room)
            case "leave", str(room):
                self._where.turned(room)


def _are_rooms(rooms: dict[str, Any]) -> bool:
    return all(isinstance(there, dict) for there in rooms.values())
