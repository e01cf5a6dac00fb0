"""Coming, talking and going."""

from __future__ import annotations

from collections.abc import Mapping

from ..accounts import admit
from ..asking import warn_of_plaintext
from ..entering import enter
from ..entering import resume as come_back
from ..event import Kind
from ..naming import rename
from ..request import NO_FIELDS, Answer, Refused
from ..rights import Right, Role, may
from ..room import Room
from ..session import Session
from ..table import Parameter, Table, Takes
from ..talking import check, check_reason
from ..talking import reason as allowed
from ..welcome import Wish

TALK = Table()

HELLO_VERSION = 1
"""Of the JSON format: what a program may rely on."""

NAMES_IN_LINE = 10
"""So many names stand in one line of /who."""


ROOM = Parameter("room", "ROOM", Takes.ROOM, optional=True, by_order=False)
"""Where it is to be done; only programs say so."""


@TALK.command("help", Parameter("command", "command", optional=True), right=Right.ASK)
async def help_(session: Session, command: str | None = None) -> Answer:
    """Show the commands, or what one of them does."""
    table = session.table
    if command is None:
        role = Role.GUEST if session.role is Role.STRANGER else session.role  # who looks around is shown what there is
        here = session.device
        there = session.chat.role(here.person.id, here.room) if here and here.room else role
        shown = [ask for ask in table if ask.listed and may(there if ask.in_room else role, ask.right)]
    else:
        shown = [table.find(command.removeprefix("/").lower())]
    return Answer(
        "\n".join(f"{ask.usage}  {ask.help}" for ask in shown),
        {"commands": {ask.name: {"usage": ask.usage, "help": ask.help} for ask in shown}},
    )


@TALK.command("enter", Parameter("nick", "NICKNAME", Takes.REST, optional=True), right=Right.ENTER, listed=False)
async def enter_(session: Session, nick: str | None = None) -> Answer:
    """Come in under a nickname."""
    if nick is None:
        session.greet()
    else:
        await enter(session, nick)
    return Answer()


@TALK.command(
    "hello",
    Parameter("nick", "NICKNAME", optional=True, by_order=False),
    Parameter("password", "PASSWORD", optional=True, by_order=False),
    Parameter("server_password", "PASSWORD", optional=True, by_order=False),
    Parameter("resume", "TOKEN", optional=True, by_order=False),
    Parameter("rooms", "ROOMS", Takes.OBJECT, optional=True, by_order=False),
    Parameter("inbox", "POSITION", Takes.OBJECT, optional=True, by_order=False),
    Parameter("history", "N", Takes.NUMBER, optional=True, by_order=False),
    Parameter("version", "1", Takes.NUMBER, optional=True, by_order=False),
    right=Right.ENTER,
    listed=False,
)
async def hello(
    session: Session,
    nick: str = "",
    password: str = "",
    server_password: str = "",
    resume: str = "",
    rooms: Mapping[str, object] = NO_FIELDS,
    inbox: Mapping[str, object] = NO_FIELDS,
    history: int = 0,
    version: int = HELLO_VERSION,
) -> None:
    """Come in, or come back with the token of a welcome, and read on after a position."""
    if version != HELLO_VERSION:
        raise Refused("version", f"this server speaks version {HELLO_VERSION}", {"version": HELLO_VERSION})
    if len(rooms) > session.chat.settings.rooms_at_once:
        raise Refused("too_many_rooms", f"one is in {session.chat.settings.rooms_at_once} rooms at most")
    wish = Wish({name: _after(wanted) for name, wanted in rooms.items()}, _after(inbox), history)
    if resume:
        await come_back(session, resume, wish)
    elif nick:
        if server_password and not session.admitted:
            admit(session, server_password)
            warn_of_plaintext(session)
        await enter(session, nick, password, wish)
    else:
        raise Refused("bad_arguments", "a hello has a nick, or the token to resume with")


def _after(wanted: object) -> str | None:
    if not isinstance(wanted, Mapping) or not isinstance(wanted.get("after"), str | None):
        words = 'rooms are {"NAME": {"after": "POSITION"}}, the inbox {"after": "POSITION"}; a position is a string'
        raise Refused("bad_arguments", words)
    after: str | None = wanted.get("after")
    return after


@TALK.command("say", Parameter("text", "TEXT", Takes.REST), ROOM, listed=False)
def say(session: Session, text: str, room: Room) -> None:
    """Say something to the room."""
    check(session, room, text)
    session.speaking.append(room, Kind.SAID, text)


@TALK.command("me", Parameter("text", "ACTION", Takes.REST), ROOM)
def me(session: Session, text: str, room: Room) -> None:
    """Say what you do: others see * you waves."""
    check(session, room, text)
    session.speaking.append(room, Kind.DID, text)


@TALK.command("who", ROOM)
async def who(session: Session, room: Room) -> Answer:
    """Show who is in the room."""
    away, members = session.chat.directory.away, room.members.nicks
    nicks = [f"{nick} (away)" if id in away else nick for id, nick in members.items()]
    lines = [", ".join(nicks[start : start + NAMES_IN_LINE]) for start in range(0, len(nicks), NAMES_IN_LINE)]
    head = f"{len(nicks)} in #{room.name}: "
    gone = {nick: away[id] for id, nick in members.items() if id in away}
    fields = {"room": room.name, "members": [*members.values()], **({"away": gone} if gone else {})}
    return Answer(head + "\n".join(lines), fields)


@TALK.command("nick", Parameter("name", "NAME", Takes.REST))
async def nick(session: Session, name: str) -> Answer:
    """Take another nickname."""
    person = session.person
    new = session.chat.settings.nickname(name)
    if person.account:
        raise Refused("entered", f"{person.name.shown} is your account's name; /logout, and be a guest of another name")
    owner = session.chat.directory.accounts.named(new)
    if owner:
        raise Refused("nick_taken", f"{owner.name.shown} is somebody's own; if it is yours: /login {owner.name.shown}")
    if new.shown == person.name.shown:
        raise Refused("nick_same", f"you are {new.shown} already")
    check_reason(session, new.shown)  # everybody reads it
    await rename(person, new, session.chat)
    return Answer(fields={"nick": new.shown})


@TALK.command("echo", Parameter("on", "on|off", Takes.SWITCH))
async def echo(session: Session, on: bool) -> Answer:
    """Have your own lines sent back to you too, or not."""
    session.shown.echo(on)
    return Answer(f"your own lines are {'sent back to you' if on else 'not sent back to you'}", {"on": on})


@TALK.command("quit", Parameter("reason", "why", Takes.REST, optional=True), right=Right.ASK)
async def quit_(session: Session, reason: str = "") -> None:
    """Leave; so does bye."""
    session.quit(allowed(session, reason) if session.device else reason)
