"""How a conversation comes in, and back in after a lost connection: hello, what has to be said first, and the welcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..request import Command
from .channel import Channel, Stage
from .face import Face, Said
from .identity import Identity, Then
from .outbox import IN_PRIVATE, Outbox, line_of
from .whereabouts import Whereabouts


class Coming:
    """From hello to being here."""

    def __init__(
        self,
        channel: Channel,
        face: Face,
        identity: Identity,
        where: Whereabouts,
        outbox: Outbox,
        stamp: str,
        history: int,
        here: Callable[[], None],
    ) -> None:
        """`here` is called when we are welcome, and have read what we missed."""
        self._channel = channel
        self._face = face
        self._identity = identity
        self._where = where
        self._outbox = outbox
        self._stamp = stamp
        self._history = history
        self._here = here
        self._asking = False
        self._why = ""
        self.entered = False

    def hello(self) -> None:
        hello = {**self._identity.hello(), **self._where.hello(self.entered), "history": self._history}
        self._channel.stage = Stage.ENTERING
        self._channel.write(line_of({"hello": hello, "id": self._stamp}))

    def end(self, why: str) -> None:
        self._channel.stage = Stage.LEAVING
        self._face.over(why)

    def lost(self, why: str) -> bool:
        """The connection is; whether that was all."""
        if self._asking:  # who was slow to answer; it is told when they have
            self._why = why
        elif not self.entered:
            self._face.over(why)
        else:
            return False
        return True

    # Not yet

    def refused(self, said: Said, refused: Said) -> None:
        """The server does not take us as we are: as somebody else, perhaps, or in fewer rooms."""
        if self._where.without(refused, self.entered):
            if self.entered and refused["code"] != "position_unknown":
                self._face.show(said, own=False)
            self.hello()
            return
        then = self._identity.refused(refused, self.entered)
        match then:
            case Then.AGAIN:
                self.hello()
            case Then.TOLD:
                self._face.show(said, own=False)
                self.hello()
            case Then.LATER if self.entered:
                self._face.show(said, own=False)
                self._channel.abort()
            case Then.LATER | Then.NEVER:
                self.end(refused["words"])
            case dialogue:
                self._channel.stage = Stage.ASKING
                self._asking = self._asking or self._face.question(dialogue, self._decided)
                if not self._asking:
                    self.end(refused["words"])

    def _decided(self, command: Command | None) -> None:
        """The person has answered, or would rather not."""
        us, channel = self._identity, self._channel
        self._asking = False
        if us.nick not in us.had:
            self._where.bookmarks.inbox = ""  # which was of somebody else
        if command is None:
            self.end("you did not come in")
        elif channel.stage is Stage.AWAY:
            self._face.away(self._why)
        elif channel.stage is not Stage.ASKING:
            return  # it is said when the hello that is on its way has been refused
        elif command.fields is None:
            self.hello()
        else:
            channel.stage = Stage.ENTERING
            channel.write(line_of({command.name: command.fields, "id": f"{self._stamp}0"}))

    # Welcome

    def welcomed(self, said: Said, nick: str, token: str, rooms: Mapping[str, Any]) -> None:
        us, where, channel = self._identity, self._where, self._channel
        resumed, known, inbox_after = bool(us.token), {**where.bookmarks.rooms}, where.bookmarks.inbox
        welcome = said["welcome"]
        us.welcomed(nick, token, welcome.get("account") is True)
        inbox = welcome.get("inbox")
        shown = {"welcome": {name: value for name, value in welcome.items() if name != "resume"}}  # a secret
        if channel.stage is Stage.HERE:
            self._became(shown, rooms, inbox)
            return
        again, self.entered = self.entered, True
        where.bookmarks.welcomed(rooms, inbox, self._stamp)
        where.welcomed(rooms, welcome.get("room"), again)
        if channel.stage is Stage.ENTERING:
            channel.stage = Stage.CATCHING_UP
        self._face.welcomed(shown, again)
        if channel.stage is Stage.LEAVING:
            return
        if again:
            self._tell_moves(known, rooms, resumed)
        if again and not resumed and not (inbox and inbox_after):
            self._forsake()
        if any(known.get(room) for room in rooms) or inbox or self._history:
            # Its answer comes behind all that we missed, and the history asked for, which could be taken for what is looked
            # for. What has not come back until then was not taken, so nothing is said twice even where the server does not
            # know us any more.
            channel.write(line_of({"echo": {"on": True}, "id": self._stamp}))
        else:
            self._here()

    def _became(self, shown: Said, rooms: Mapping[str, Any], inbox: object) -> None:
        """We are somebody else from now on, without having left."""
        us, where, id = self._identity, self._where, self._outbox.becoming
        us.names = {us.nick}
        where.bookmarks.inbox = ""
        where.bookmarks.welcomed(rooms, inbox, id)
        where.welcomed(rooms, shown["welcome"].get("room"), entered=where.room in rooms)
        asked = self._outbox.done(id)
        us.password = asked.secret if asked else ""
        self._face.show(shown, own=False)

    def _tell_moves(self, known: Mapping[str, str], rooms: Mapping[str, Any], resumed: bool) -> None:
        """What became of our rooms while the connection was lost: by what we asked, or otherwise."""
        where = self._where
        joins, leaves = (
            {asked.room.casefold(): id for id, asked in self._outbox.named((name,))} for name in ("join", "leave")
        )
        for room, there in rooms.items():
            if room not in known:
                members = there.get("members", ())
                told = {"room": room, "others": [one for one in members if one != self._identity.nick]}
                told |= {name: there[name] for name in ("position", "topic") if name in there}
                id = joins.get(room.casefold())
                if id and self._outbox.done(id):
                    where.goes(room)
                    self._face.show({"answer": "join", **told, "id": id}, own=True)
                else:
                    self._face.show({"joined": told}, own=False)
        where.room = where.room or next(iter(rooms), "")
        for room, id in leaves.items():
            if room and not where.named(room) and (asked := self._outbox.done(id)):
                where.turned(asked.room)
                self._face.show({"answer": "leave", "room": asked.room, "id": id}, own=True)
        for room in known:
            if resumed and room not in rooms and room.casefold() not in leaves:
                self._face.show({"notice": f"you are not in #{room} any more"}, own=False)

    def _forsake(self) -> None:
        """Private messages that had no outcome yet: we cannot see whether they were sent by who we were."""
        for id, _ in self._outbox.named(IN_PRIVATE):
            self._outbox.done(id)
            words = "a private message may not have been sent: the server does not know you any more"
            self._face.show({"refused": {"code": "not_saved", "words": words}, "id": id}, own=True)
