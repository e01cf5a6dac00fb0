"""What was decided is logged as it was committed: who did what to whom, until when and why; the same that an audit tells.

Of what people said, of filters, topics, reports and announcements, the words stand in no log: only that it was done.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from operator import itemgetter
from typing import Any

from twisted.logger import Logger

from ..commands.audit import DEEDS
from ..event import Event, Kind
from ..seams import Batch, Clock
from ..text import safe
from ..text import shortened as cut
from ..times import rfc3339
from ..witness import Nobody
from .addresses import UNTOLD, Addresses, shortened
from .floods import WINDOW, Floods

WHY_LONGEST = 500
"""Characters of a reason, of 4096 bytes that a line of the log has at most: enough for a sentence or two in any script."""

NAME_LONGEST = 100
"""Characters of a name, as one that another program wrote into the storage may be longer than ours are."""

FEW = 20
"""Decisions of one kind by one person that are logged one by one in a minute: more than people make by hand. What a bot does
beyond is counted; an audit tells all of it."""

DONE: Mapping[Kind, str] = {
    Kind.OPENED: "opened #{whom}",
    Kind.CLOSED: "closed #{whom}",
    Kind.SET: "set {setting}",
    Kind.ROLE: "made {whom} {role}",
    Kind.INVITED: "invited {whom}",
    Kind.KICKED: "kicked {whom}",
    Kind.BANNED: "banned {whom}",
    Kind.UNBANNED: "unbanned {whom}",
    Kind.MUTED: "muted {whom}",
    Kind.UNMUTED: "unmuted {whom}",
    Kind.FILTER: "added filter {filter} ({action})",
    Kind.DELETED: "removed {messages} of {whom}'s messages",
    Kind.REPORTED: "reported {whom}",
    Kind.ANNOUNCED: "announced something to everybody",
    Kind.OPERATOR: "became operator by the claim code",
}
"""In the words of the log, for all of DEEDS."""

REASONED = frozenset({Kind.KICKED, Kind.BANNED, Kind.MUTED})
"""Whose text is the reason of who decided, and told; any other text is of people."""

_kind_of = itemgetter(Event._fields.index("kind"))
_event_of = itemgetter(1)


class Decisions(Nobody):
    """Logs what moderators, operators and the server's owner did, and the server by itself, at level info."""

    def __init__(self, clock: Clock, how: Addresses) -> None:
        """How much is told of an address that was banned or muted. Exactly it stands in the list of bans, for those who may
        see it there; a log is read by others, on other machines."""
        self._how = how
        self._floods = Floods[tuple[Kind, str]](clock, FEW, self._tell_counted)
        self._log = Logger("chatroom.decisions")  # of the class, it would be called as the class is

    def committed(self, batch: Batch, seconds: float) -> None:
        if not DEEDS.isdisjoint(map(_kind_of, map(_event_of, batch))):  # for each batch of talk: 4 us for 100 lines
            told: set[str] = set()
            for log, event in batch:
                if event.kind in DEEDS and event.eid not in told:  # what concerns several logs stands in each of them
                    told.add(event.eid)
                    if not self._floods.is_one_more((event.kind, event.nick), log):
                        self._tell(log, event)

    def stop(self) -> None:
        """Log what was counted so far."""
        self._floods.stop()

    def _tell_counted(self, sort: tuple[Kind, str], times: int, logs: Collection[str]) -> None:
        kind, nick = sort
        self._log.info(
            f"{{where}}: {'{by}' if nick else 'the server'}: {{what}} {times:,} times more within {WINDOW:g} s",
            where=_place(*logs) if len(logs) == 1 else "several rooms",
            by=_name(nick),
            what=kind.word,
            times=times,
        )

    def _tell(self, log: str, event: Event) -> None:
        fields = self._fields(event)
        who = "{by}" if event.nick else "the server"
        done = DONE[event.kind]
        if event.kind is Kind.ROLE and not fields["role"]:
            done = "took away {whom}'s role"
        elif fields.get("change") == "remove":
            done = done.replace("added", "removed")
        value = (
            " to {value}" if "value" in fields else " of {whom}" if event.kind is Kind.SET and "whom" in fields else ""
        )
        until = " until {until}" if "until" in fields else ""
        why = ": {why}" if "why" in fields else ""
        self._log.info(
            f"{{where}}: {who} {done}{value}{until}{why}",  # of our own words: a format has none that were typed
            where=_place(log),
            by=_name(event.nick),
            what=event.kind.word,
            **fields,
        )

    def _fields(self, event: Event) -> dict[str, Any]:
        details, fields = event.details, dict[str, Any]()
        if "name" in details or "{whom}" in DONE[event.kind]:
            fields["whom"] = self._whom(details)
        for name in ("setting", "role", "change", "action"):
            if name in details or f"{{{name}}}" in DONE[event.kind]:  # else the event could not be told
                fields[name] = _name(details.get(name, ""))
        if event.kind is Kind.FILTER:
            fields["filter"] = _number(details.get("filter"))
        if isinstance(value := details.get("value"), bool | int):
            fields["value"] = ("on" if value else "off") if isinstance(value, bool) else _number(value)
        if event.kind is Kind.DELETED:
            eids = details.get("eids")
            fields["messages"] = len(eids) if isinstance(eids, list | tuple) else 0
        if _number(details.get("until")):
            fields["until"] = rfc3339(_number(details["until"]))
        if event.kind in REASONED and event.text:
            fields["why"] = cut(safe(event.text), WHY_LONGEST)
        return fields

    def _whom(self, details: Mapping[str, Any]) -> str:
        if not details.get("network"):
            return _name(details.get("name", ""))
        network = shortened(_name(details["network"]), self._how)
        return "an address" if network == UNTOLD else network


def _place(log: str) -> str:
    return _name(log) if log.startswith("#") else "server"


def _name(name: object) -> str:
    return cut(safe(name), NAME_LONGEST) if isinstance(name, str) else ""


def _number(value: object) -> int:
    """Not of any length, as JSON has them."""
    return value if isinstance(value, int) and abs(value) < 1 << 63 else 0
