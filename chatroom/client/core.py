"""A conversation with a server, kept whole over however many connections it takes: up to where we have read, and what we
asked of which no outcome has been seen. JSON lines in and out; knows no transport, clock or screen.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any

from ..request import Command
from .bookmarks import Bookmarks
from .face import Face, Said, Transport
from .identity import Identity, Then
from .outbox import IN_PRIVATE, LOOKING_BACK, Outbox, line_of

DISMISSED = ("password_changed", "forgotten", "resumed")
"""Codes with which the server ends a connection of somebody who is not here by it any more."""


class Stage(Enum):
    """How far one connection has come."""

    AWAY = "there is none"
    ENTERING = "we said hello"
    ASKING = "the person is asked what the server wants to know first"
    CATCHING_UP = "we are welcome, and read what we missed"
    HERE = "we read and ask"
    LEAVING = "we said that we leave"


class Conversation:
    """Our side of it."""

    def __init__(self, face: Face, stamp: str, identity: Identity, *, room: str = "", history: int = 0) -> None:
        """`stamp` begins the ids of our requests: no other client's begins so. `history`: lines to be shown on entering."""
        self.room = room
        self.heard = False
        """The server has said something on this connection."""
        self._face = face
        self._stamp = stamp
        self._history = history
        self._identity = identity
        self._bookmarks = Bookmarks()
        self._entered = False
        self._asking = False
        self._why = ""
        self._outbox = Outbox(stamp)
        self._unsent: list[bytes] = []
        self._stage = Stage.AWAY
        self._transport: Transport | None = None

    # What the connection calls

    def connected(self, transport: Transport) -> None:
        self._transport = transport
        self.heard = False
        self._hello()

    def received(self, line: bytes) -> None:
        """One line came. What is no JSON is the greeting for people, who speak later than we do."""
        try:
            said: Any = json.loads(line) if line[:1] == b"{" else None
        except (ValueError, RecursionError):
            return
        match said:
            case {"event": str()}:
                self._happened(said)
            case {"welcome": {"nick": str(nick), "resume": str(token), "rooms": dict(rooms)}} if rooms:
                self._welcomed(said, nick, token, rooms)
            case {"refused": {"code": str(), "words": str()} as refused}:
                self.heard = True
                self._refused(said, refused)
            case {"answer": str(), "id": str(id)} if id.startswith(self._stamp):
                self._answered(said, id)
            case {"answer": str()} | {"notice": str()}:
                self._face.show(said, own=False)

    def caught_up(self) -> None:
        """All that has come so far was received."""
        if self._stage is Stage.HERE:
            self._face.moved()

    def lost(self, why: str) -> None:
        """The connection is gone, or did not come about."""
        stage, self._stage, self._transport = self._stage, Stage.AWAY, None
        if stage is Stage.LEAVING:
            self._face.over()
        elif self._asking:  # who was slow to answer; it is told when they have
            self._why = why
        elif not self._entered:
            self._face.over(why)
        elif stage is not Stage.AWAY:
            self._face.away(why)

    # What the face calls

    @property
    def entering(self) -> bool:
        return self._stage in (Stage.ENTERING, Stage.ASKING)

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
    def takes_more(self) -> bool:
        return self._stage is Stage.HERE and not self._outbox.full

    @property
    def under_way(self) -> int:
        """Requests whose outcome has not been seen."""
        return len(self._outbox)

    def ask(self, command: Command) -> None:
        """Have something done, once, in order with what was asked before; it goes out with `send`. Raises Refused."""
        line = self._outbox.add(command)
        if self._stage is Stage.HERE:
            self._unsent.append(line)

    def send(self) -> None:
        """What was asked goes out, in one piece."""
        if self._unsent:
            self._write(b"".join(self._unsent))
            self._unsent.clear()

    def leave(self, reason: str = "") -> bool:
        """Say that we leave; `over` follows. False when there is no connection to say it on."""
        if self._transport is None:
            return False
        self.send()
        self._stage = Stage.LEAVING
        self._write(line_of({"quit": {"reason": reason} if reason else {}}))
        return True

    # Coming in, and coming back

    def _hello(self) -> None:
        hello = self._identity.hello()
        if self._bookmarks.inbox:
            hello["inbox"] = {"after": self._bookmarks.inbox}
        if self._bookmarks.room:
            hello["rooms"] = {self.room: {"after": self._bookmarks.room}}
        else:
            hello["history"] = self._history
            if self.room:
                hello["rooms"] = {self.room: {}}
        self._stage = Stage.ENTERING
        self._write(line_of({"hello": hello, "id": self._stamp}))

    def _not_in(self, said: Said, refused: Said) -> None:
        """The server does not take us as we are: as somebody else, perhaps."""
        if refused["code"] == "position_unknown" and self._bookmarks.forget():
            self._hello()
            return
        then = self._identity.refused(refused, self._entered)
        match then:
            case Then.AGAIN:
                self._hello()
            case Then.TOLD:
                self._face.show(said, own=False)
                self._hello()
            case Then.LATER if self._entered:
                self._face.show(said, own=False)
                if self._transport:
                    self._transport.abortConnection()
            case Then.LATER | Then.NEVER:
                self._end(refused["words"])
            case dialogue:
                self._stage = Stage.ASKING
                self._asking = self._asking or self._face.question(dialogue, self._decided)
                if not self._asking:
                    self._end(refused["words"])

    def _decided(self, command: Command | None) -> None:
        """The person has answered, or would rather not."""
        self._asking = False
        if self.nick not in self.nicks:
            self._bookmarks.inbox = ""  # which was of somebody else
        if command is None:
            self._end("you did not come in")
        elif self._stage is Stage.AWAY:
            self._face.away(self._why)
        elif self._stage is not Stage.ASKING:
            return  # it is said when the hello that is on its way has been refused
        elif command.fields is None:
            self._hello()
        else:
            self._stage = Stage.ENTERING
            self._write(line_of({command.name: command.fields, "id": f"{self._stamp}0"}))

    def _end(self, why: str) -> None:
        self._stage = Stage.LEAVING
        self._face.over(why)

    def _welcomed(self, said: Said, nick: str, token: str, rooms: Mapping[str, Any]) -> None:
        us, becoming = self._identity, self._stage is Stage.HERE
        resumed, after, inbox_after = bool(us.token), self._bookmarks.room, self._bookmarks.inbox
        us.welcomed(nick, token, said["welcome"].get("account") is True)
        inbox = said["welcome"].get("inbox")
        shown = {"welcome": {name: value for name, value in said["welcome"].items() if name != "resume"}}  # a secret
        if becoming:
            self._became(shown, inbox)
            return
        again, self._entered = self._entered, True
        self.room, there = next(iter(rooms.items()))
        self._bookmarks.welcomed(there, inbox, self._stamp)
        if self._stage is Stage.ENTERING:
            self._stage = Stage.CATCHING_UP
        self._face.welcomed(shown, again)
        if self._stage is Stage.LEAVING:
            return
        if again and not resumed and not (inbox and inbox_after):
            self._forsake()
        if after or inbox:
            # Its answer comes behind all that we missed. What has not come back until then was not taken, so nothing is said
            # twice even where the server does not know us any more.
            self._write(line_of({"echo": {"on": True}, "id": self._stamp}))
        else:
            self._be_here()

    def _became(self, shown: Said, inbox: object) -> None:
        """We are somebody else from now on, without having left."""
        us, id = self._identity, self._outbox.becoming
        us.names = {us.nick}
        self._bookmarks.inbox = ""
        self._bookmarks.welcomed({}, inbox, id)
        asked = self._outbox.done(id)
        us.password = asked.secret if asked else ""
        self._face.show(shown, own=False)

    def _forsake(self) -> None:
        """Private messages that had no outcome yet: we cannot see whether they were sent by who we were."""
        for id in self._outbox.named(IN_PRIVATE):
            self._outbox.done(id)
            words = "a private message may not have been sent: the server does not know you any more"
            self._face.show({"refused": {"code": "not_saved", "words": words}, "id": id}, own=True)

    def _be_here(self) -> None:
        self._identity.names = {self.nick}
        self._stage = Stage.HERE
        if self._outbox:
            self._write(self._outbox.all())
        self._unsent.clear()
        self._face.moved()

    # What the server says

    def _happened(self, said: Said) -> None:
        us, id, nick, history = self._identity, said.get("id"), said.get("nick"), bool(said.get("history"))
        self._bookmarks.read(said)
        own = isinstance(id, str) and id.startswith(self._stamp) and nick in us.names
        outcome = own and self._outbox.done(str(id))
        if not own and said["event"] == "renamed" and nick in us.names:
            us.renamed(str(said.get("new")))
        if history and own and (outcome or not self._outbox.named(LOOKING_BACK)):
            return  # we said it again, though it had been said: it was or will be shown where it stands
        self._face.show(said, own and not history)

    def _refused(self, said: Said, refused: Said) -> None:
        id = said.get("id")
        own = isinstance(id, str) and id.startswith(self._stamp)
        if self._stage is Stage.ENTERING:
            self._not_in(said, refused)
        elif self._stage is Stage.ASKING:
            return  # the person was slow to answer; the connection ends, and comes back
        elif id is None and refused["code"] in DISMISSED:
            self._dismissed(said, refused)
        elif id != self._stamp:
            if own:
                self._outbox.done(str(id))
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
            self._end("")
        else:
            self._end(refused["words"])

    def _answered(self, said: Said, id: str) -> None:
        self._bookmarks.answered(id)
        if id == self._stamp:
            if self._stage is Stage.CATCHING_UP:
                self._be_here()
            return
        asked = self._outbox.done(id)
        if asked and asked.name in ("register", "password"):
            self._identity.own(asked.secret)
        self._face.show(said, own=True)
        if said["answer"] == "logout":
            self.leave()

    def _write(self, data: bytes) -> None:
        if self._transport:
            self._transport.write(data)
