"""Rules: the fold of all that moderators decided, of a room or of the whole server; and of a room, who decides.

Pure: only entries change it. What ends by itself is compared with the time that is given.
"""

from __future__ import annotations

from collections.abc import Callable

from .bans import Bans
from .event import Entry, Event, Kind
from .filters import Filters
from .rights import Role


class Rules:
    """Of the whole server; a room has more."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """`seconds` measures what looking for words takes."""
        self.bans = Bans(Kind.BANNED, Kind.UNBANNED)
        self.mutes = Bans(Kind.MUTED, Kind.UNMUTED)
        self.filters = Filters(seconds)
        self.lockdown = False
        """Only accounts may enter."""
        self.free = True
        """Nothing restricts who may talk, and what may be said: so nobody has to look at each line."""

    def fold(self, entry: Entry) -> None:
        match entry.event.kind:
            case Kind.BANNED | Kind.UNBANNED:
                self.bans.fold(entry)
            case Kind.MUTED | Kind.UNMUTED:
                self.mutes.fold(entry)
            case Kind.FILTER:
                self.filters.fold(entry)
            case Kind.SET:
                self._set(entry.event, str(entry.event.details.get("setting", "")))
        self.free = self._free()

    def fade(self, time: int) -> None:
        """Forget where who was banned before a time came from."""
        self.bans.fade(time)
        self.mutes.fade(time)

    def look(self, now: int) -> None:
        """See what has ended by itself."""
        self.bans.drop_ended(now)
        self.mutes.drop_ended(now)
        self.free = self._free()

    def rename(self, id: str, nick: str) -> None:
        """Somebody is called so from now on."""
        for named in (self.bans, self.mutes, self.filters):
            named.rename(id, nick)

    def _set(self, event: Event, setting: str) -> None:
        if setting == "lockdown":
            self.lockdown = event.details.get("value") is True

    def _free(self) -> bool:
        return not (len(self.mutes) or len(self.filters))


class RoomRules(Rules):
    """Of one room."""

    def __init__(self, seconds: Callable[[], float], owner: str) -> None:
        """`owner` is the id of who opened it; empty for nobody."""
        super().__init__(seconds)
        self.roles: dict[str, Role] = {owner: Role.OWNER} if owner else {}
        """By id; who is not here has none."""
        self.topic = ""
        self.description = ""
        self.private = False
        """Is not listed, and entered by invitation only."""
        self.announce_only = False
        """Only who has a voice may talk."""
        self.slow = 0
        """Seconds between two messages of one person."""
        self.invited: set[str] = set()
        """Ids of who may enter though it is private."""

    def fold(self, entry: Entry) -> None:
        event = entry.event
        whom = str(event.details.get("whom", ""))
        if event.kind is Kind.ROLE:
            self.roles.pop(whom, None)
            role = next((role for role in Role if role.value == event.details.get("role")), None)
            if role:  # and one that this version knows
                self.roles[whom] = role
        elif event.kind is Kind.INVITED:
            self.invited.add(whom)
        else:
            if event.kind in (Kind.KICKED, Kind.BANNED):
                self.invited.discard(whom)
            super().fold(entry)

    def role(self, id: str) -> Role | None:
        """What an account is here; None for nothing special."""
        return self.roles.get(id)

    def having(self, *roles: Role) -> list[str]:
        """The ids of who has one of these roles, those who have it longest first."""
        return [id for id, role in self.roles.items() if role in roles]

    def _set(self, event: Event, setting: str) -> None:
        value = event.details.get("value")
        match setting:
            case "topic":
                self.topic = event.text
            case "description":
                self.description = event.text
            case "private":
                self.private = value is True
            case "announce-only":
                self.announce_only = value is True
            case "slow":
                self.slow = value if isinstance(value, int) else 0
            case _:
                super()._set(event, setting)

    def _free(self) -> bool:
        return super()._free() and not (self.slow or self.announce_only)
