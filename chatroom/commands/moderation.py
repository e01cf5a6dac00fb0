"""Keeping order: in a room by its moderators, on the server by its operators."""

from __future__ import annotations

from collections.abc import Callable

from .. import amending, appointing, banning, telling
from ..bans import told
from ..event import Kind
from ..filters import ACTIONS, FILTERS_MOST, check_pattern
from ..moderating import Scope, deed, save, set_
from ..request import Answer, Refused
from ..rights import Right, Role, may, require
from ..room import Room
from ..session import Session
from ..table import F, Parameter, Table, Takes
from ..text import safe
from ..times import rfc3339
from ..whom import whom
from .talk import ROOM

MODERATION = Table()

TOPIC_LONGEST = 300
"""Characters of a topic, which stands in lists."""

SLOWEST = 6 * 60 * 60
"""Seconds between two messages of one person: what is slower is announce-only."""

NICK = Parameter("nick", "NICK")
TARGET = Parameter("target", "NICK|account:NAME|ADDRESS|NETWORK")
DURATION = Parameter("duration", "2h", Takes.DURATION, optional=True)
WHY = Parameter("why", "why", Takes.REST, optional=True)
ON = Parameter("on", "on|off", Takes.SWITCH)


def _scope(session: Session, room: Room | None) -> Scope:
    return Scope(session.chat, room)


def in_both(name: str, *parameters: Parameter) -> Callable[[F], F]:
    """Declare a command that is there twice: in a room for its moderators, and `/server` before it for operators."""

    def declare(function: F) -> F:
        MODERATION.command(name, *parameters, ROOM, right=Right.MODERATE)(function)
        MODERATION.command(f"server-{name}", *parameters, right=Right.OPERATE)(function)
        return function

    return declare


# Putting out


@in_both("kick", NICK, WHY)
async def kick(session: Session, nick: str, why: str = "", room: Room | None = None) -> Answer:
    """Put somebody out; they may come back."""
    shown = await banning.kick(session, _scope(session, room), nick, why)
    return Answer(f"{shown} is out of {_scope(session, room).shown}", {"nick": shown})


@in_both("ban", TARGET, DURATION, WHY)
async def ban(session: Session, target: str, duration: int = 0, why: str = "", room: Room | None = None) -> Answer:
    """Keep somebody out."""
    made = await banning.ban(session, _scope(session, room), target, duration, why)
    return Answer(f"banned: {told(made, made.since, places=True)}", {"target": made.name})


@in_both("unban", TARGET)
async def unban(session: Session, target: str, room: Room | None = None) -> Answer:
    """End a ban."""
    shown = await banning.lift(session, _scope(session, room), target)
    return Answer(f"{shown} is banned no more", {"target": shown})


@in_both("bans")
async def bans(session: Session, room: Room | None = None) -> Answer:
    """Show who is banned or muted, by whom, why and until when."""
    scope = _scope(session, room)
    now, places = session.chat.milliseconds(), may(session.role, Right.SEE_ADDRESSES)
    lines, fields = [], []
    for what, held in (("banned", scope.rules.bans), ("muted", scope.rules.mutes)):
        for each in held.current(now):
            lines.append(f"{what}: {told(each, now, places)}")
            name = each.name if places or not each.network else None
            until = {"until": rfc3339(each.until)} if each.until else {}
            fields.append({"what": what, "target": name, "by": each.by, "why": each.why, **until})
    return Answer("\n".join(lines) or f"nobody is banned or muted in {scope.shown}", {"bans": fields})


@in_both("mute", TARGET, DURATION, WHY)
async def mute(session: Session, target: str, duration: int = 0, why: str = "", room: Room | None = None) -> Answer:
    """Keep them silent."""
    made = await banning.ban(session, _scope(session, room), target, duration, why, mute=True)
    return Answer(f"muted: {told(made, made.since, places=True)}", {"target": made.name})


@in_both("unmute", TARGET)
async def unmute(session: Session, target: str, room: Room | None = None) -> Answer:
    """Let somebody talk again."""
    shown = await banning.lift(session, _scope(session, room), target, mute=True)
    return Answer(f"{shown} may talk again", {"target": shown})


@in_both("lockdown", ON)
async def lockdown(session: Session, on: bool, room: Room | None = None) -> Answer:
    """Let only accounts enter, or guests too."""
    await set_(session, _scope(session, room), "lockdown", on)
    who = "only accounts" if on else "guests too"
    return Answer(f"{who} may enter {_scope(session, room).shown}", {"on": on})


@in_both(
    "filter",
    Parameter("change", "add|remove|list"),
    Parameter("action", "N|refuse|mute|report", optional=True),
    Parameter("pattern", "WORDS", Takes.REST, optional=True),
)
async def filter_(
    session: Session, change: str, action: str = "", pattern: str = "", room: Room | None = None
) -> Answer:
    """Look for words."""
    scope = _scope(session, room)
    filters = scope.rules.filters
    if change == "list":
        known = [f"{each.number}. {each.action}: {each.pattern} (by {each.by or 'the server'})" for each in filters]
        fields = [{"filter": each.number, "action": each.action, "pattern": each.pattern} for each in filters]
        return Answer("\n".join(known) or f"{scope.shown} has no filters", {"filters": fields})
    if change == "remove":
        found = filters.get(int(action)) if action.isdecimal() and len(action) < 10 else None
        if found is None:
            raise Refused("no_filter", "which one? /filter list shows their numbers")
        number, action, pattern = found.number, found.action, found.pattern
    elif change == "add" and action in ACTIONS and pattern:
        if len(filters) >= FILTERS_MOST:
            raise Refused(
                "too_many_filters", f"{scope.shown} has {FILTERS_MOST} filters already, the most there can be"
            )
        check_pattern(pattern)
        number = max((each.number for each in filters), default=0) + 1
    else:
        words = "it is /filter add refuse|mute|report WORDS, /filter remove NUMBER or /filter list"
        raise Refused("bad_arguments", words)
    details = {"change": change, "filter": number, "pattern": pattern, "action": action}
    await save(scope, [deed(session, scope, Kind.FILTER, details=details)])
    what = "is there" if change == "add" else "is gone"
    return Answer(f"filter {number} {what}: {action}: {pattern}", {"filter": number})


@MODERATION.command("slow", Parameter("seconds", "SECONDS", Takes.NUMBER), ROOM, right=Right.MODERATE)
async def slow(session: Session, seconds: int, room: Room) -> Answer:
    """Let each say one message in so many seconds; 0 for any."""
    if seconds > SLOWEST:
        raise Refused("bad_arguments", f"a room is slowed to {SLOWEST} seconds at most")
    await set_(session, _scope(session, room), "slow", seconds)
    return Answer(fields={"seconds": seconds})


# What the room is like


@MODERATION.command("topic", Parameter("text", "TEXT", Takes.REST, optional=True), ROOM)
async def topic(session: Session, room: Room, text: str | None = None) -> Answer:
    """Show what the room is about; moderators say it (- for nothing)."""
    if text is None:
        words = f"topic of #{room.name}: {room.rules.topic}" if room.rules.topic else f"#{room.name} has no topic"
        return Answer(words, {"room": room.name, "topic": room.rules.topic})
    require(session.chat.role(session.person.id, room), Right.MODERATE)
    return await _describe(session, room, "topic", text)


@MODERATION.command("describe", Parameter("text", "TEXT", Takes.REST), ROOM, right=Right.OWN_ROOM)
async def describe(session: Session, room: Room, text: str) -> Answer:
    """Say more about the room ("-" for nothing)."""
    return await _describe(session, room, "description", text)


async def _describe(session: Session, room: Room, setting: str, text: str) -> Answer:
    text = "" if text == "-" else safe(text)
    if len(text) > TOPIC_LONGEST:
        raise Refused("bad_arguments", f"a {setting} has at most {TOPIC_LONGEST} characters")
    await set_(session, _scope(session, room), setting, text=text)
    return Answer(fields={"room": room.name})


@MODERATION.command("private", ON, ROOM, right=Right.OWN_ROOM)
async def private(session: Session, on: bool, room: Room) -> Answer:
    """List the room no more, and let in only who is invited."""
    await set_(session, _scope(session, room), "private", on)
    return Answer(fields={"on": on})


@MODERATION.command("announce-only", ON, ROOM, right=Right.OWN_ROOM)
async def announce_only(session: Session, on: bool, room: Room) -> Answer:
    """Let only who has a voice talk, or everybody."""
    await set_(session, _scope(session, room), "announce-only", on)
    return Answer(fields={"on": on})


# Who decides


@MODERATION.command("op", NICK, ROOM, right=Right.OWN_ROOM)
async def op(session: Session, nick: str, room: Room) -> Answer:
    """Make somebody moderator."""
    return Answer(fields={"nick": await appointing.give(session, room, nick, Role.MODERATOR)})


@MODERATION.command("deop", NICK, ROOM, right=Right.OWN_ROOM)
async def deop(session: Session, nick: str, room: Room) -> Answer:
    """Take somebody's role away."""
    return Answer(fields={"nick": await appointing.give(session, room, nick, None)})


@MODERATION.command("voice", NICK, ROOM, right=Right.MODERATE)
async def voice(session: Session, nick: str, room: Room) -> Answer:
    """Let somebody talk where not everybody may."""
    return Answer(fields={"nick": await appointing.give(session, room, nick, Role.VOICED)})


@MODERATION.command("devoice", NICK, ROOM, right=Right.MODERATE)
async def devoice(session: Session, nick: str, room: Room) -> Answer:
    """Take a voice away again."""
    return Answer(fields={"nick": await appointing.give(session, room, nick, None)})


@MODERATION.command("transfer", NICK, ROOM, right=Right.OWN_ROOM)
async def transfer(session: Session, nick: str, room: Room) -> Answer:
    """Give the room to somebody else; you moderate it then."""
    return Answer(fields={"nick": await appointing.transfer(session, room, nick)})


@MODERATION.command("invite", NICK, ROOM, right=Right.MODERATE)
async def invite(session: Session, nick: str, room: Room) -> Answer:
    """Let somebody in, and tell them."""
    shown = await telling.invite(session, room, nick)
    return Answer(fields={"nick": shown})


# What is told


@MODERATION.command("announce", Parameter("text", "TEXT", Takes.REST), right=Right.OPERATE)
async def announce(session: Session, text: str) -> Answer:
    """Tell everybody on the server."""
    await telling.announce(session, text)
    if not session.console:  # they hear it themselves
        return Answer()
    people = len(session.chat.people)
    return Answer(f"told to {people} {'person' if people == 1 else 'people'}", {"people": people})


@MODERATION.command("report", NICK, Parameter("why", "why", Takes.REST), ROOM)
async def report(session: Session, nick: str, why: str, room: Room) -> Answer:
    """Tell the moderators about somebody."""
    scope, person = _scope(session, room), session.person
    found = await whom(scope.chat, nick)
    await telling.report(scope, (person.id, person.name.shown), found.id, found.name.shown, why)
    return Answer(f"the moderators of #{room.name} are told about {found.name.shown}", {"nick": found.name.shown})


@MODERATION.command(
    "delete",
    Parameter("eid", "EID", optional=True, by_order=False),
    Parameter("nick", "NICK", optional=True),
    Parameter("count", "N", Takes.NUMBER, optional=True),
    ROOM,
)
async def delete(session: Session, room: Room, nick: str = "", count: int = 1, eid: str = "") -> Answer:
    """Remove your last message; moderators, N of somebody's."""

    def may_others() -> None:
        require(session.chat.role(session.person.id, room), Right.MODERATE)

    if eid:
        gone = await amending.delete_this(session, room, eid, may_others)
    elif nick:
        may_others()
        gone = await amending.delete_of(session, room, nick, count)
    else:
        gone = await amending.delete_own(session, room)
    return Answer(f"{gone} message{'' if gone == 1 else 's'} removed", {"removed": gone})


@MODERATION.command("edit", Parameter("text", "TEXT", Takes.REST), ROOM)
async def edit(session: Session, text: str, room: Room) -> Answer:
    """Correct your last message, within 5 minutes."""
    eid = await amending.edit(session, room, text)
    return Answer("your message reads so now", {"of": eid})
