"""What people can ask for: one function for one thing. Its docstring is its help."""

from __future__ import annotations

from collections.abc import Mapping

from .event import Kind
from .request import NO_FIELDS, Answer, Refused
from .session import Session
from .table import Parameter, Table, Takes
from .text import shortened

COMMANDS = Table()

HISTORY = 20
"""Lines that /history shows unless told how many."""

HELLO_VERSION = 1
"""Of the JSON format: what a program may rely on."""

ROOM_SHOWN = 50
"""Characters of a room that is not there."""

NAMES_IN_LINE = 10
"""So many names stand in one line of /who."""


ROOM = Parameter("room", "ROOM", optional=True, by_order=False)
"""Where it is to be done; only programs say so."""


@COMMANDS.command("help", Parameter("command", "command", optional=True), for_strangers=True)
async def help_(session: Session, command: str | None = None) -> Answer:
    """Show the commands, or what one of them does."""
    if command is None:
        shown = [ask for ask in COMMANDS if ask.listed]
    else:
        shown = [COMMANDS.find(command.removeprefix("/").lower())]
    return Answer(
        "\n".join(f"{ask.usage}  {ask.help}" for ask in shown),
        {"commands": {ask.name: {"usage": ask.usage, "help": ask.help} for ask in shown}},
    )


@COMMANDS.command("enter", Parameter("nick", "NICKNAME", Takes.REST, optional=True), for_strangers=True, listed=False)
async def enter(session: Session, nick: str | None = None) -> Answer:
    """Come in under a nickname."""
    if nick is None:
        session.greet()
    else:
        await session.enter(nick)
    return Answer()


@COMMANDS.command(
    "hello",
    Parameter("nick", "NICKNAME", optional=True, by_order=False),
    Parameter("resume", "TOKEN", optional=True, by_order=False),
    Parameter("rooms", "ROOMS", Takes.OBJECT, optional=True, by_order=False),
    Parameter("history", "N", Takes.NUMBER, optional=True, by_order=False),
    Parameter("version", "1", Takes.NUMBER, optional=True, by_order=False),
    for_strangers=True,
    listed=False,
)
async def hello(
    session: Session,
    nick: str = "",
    resume: str = "",
    rooms: Mapping[str, object] = NO_FIELDS,
    history: int = 0,
    version: int = HELLO_VERSION,
) -> None:
    """Come in, or come back with the token of a welcome, and read on after a position."""
    if version != HELLO_VERSION:
        raise Refused("version", f"this server speaks version {HELLO_VERSION}", {"version": HELLO_VERSION})
    after = None
    for name, wanted in rooms.items():
        _be_there(session, name)
        if not isinstance(wanted, Mapping) or not isinstance(wanted.get("after"), str | None):
            raise Refused("bad_arguments", 'rooms are {"NAME": {"after": "POSITION"}}; a position is a string')
        after = wanted.get("after")
    if resume:
        await session.resume(resume, after, history)
    elif nick:
        await session.enter(nick, after, history)
    else:
        raise Refused("bad_arguments", "a hello has a nick, or the token to resume with")


@COMMANDS.command("say", Parameter("text", "TEXT", Takes.REST), ROOM, listed=False)
def say(session: Session, text: str, room: str | None = None) -> None:
    """Say something to the room."""
    _be_there(session, room)
    session.append(Kind.SAID, text)


@COMMANDS.command("me", Parameter("text", "ACTION", Takes.REST), ROOM)
def me(session: Session, text: str, room: str | None = None) -> None:
    """Say what you do: others see * you waves."""
    _be_there(session, room)
    session.append(Kind.DID, text)


@COMMANDS.command("who", ROOM)
async def who(session: Session, room: str | None = None) -> Answer:
    """Show who is here."""
    assert session.person is not None  # only for those who entered
    _be_there(session, room)
    here = session.person.room
    nicks = list(here.members.nicks.values())
    lines = [", ".join(nicks[start : start + NAMES_IN_LINE]) for start in range(0, len(nicks), NAMES_IN_LINE)]
    head = f"{len(nicks)} in #{here.name}: "
    return Answer(head + "\n".join(lines), {"room": here.name, "members": nicks})


@COMMANDS.command("nick", Parameter("name", "NAME", Takes.REST))
async def nick(session: Session, name: str) -> Answer:
    """Take another nickname."""
    person = session.person
    assert person is not None  # only for those who entered
    new = session.chat.settings.nickname(name)
    if new.shown == person.name.shown:
        raise Refused("nick_same", f"you are {new.shown} already")
    await person.rename(new)
    return Answer(fields={"nick": new.shown})


@COMMANDS.command(
    "history",
    Parameter("limit", "N", Takes.NUMBER, optional=True),
    Parameter("before", "POSITION", optional=True, by_order=False),
    ROOM,
)
async def history(session: Session, limit: int = HISTORY, before: str = "", room: str | None = None) -> Answer:
    """Show the last N lines of what was said here (20)."""
    _be_there(session, room)
    await session.history(limit, before)
    return Answer()


@COMMANDS.command("echo", Parameter("on", "on|off", Takes.SWITCH))
async def echo(session: Session, on: bool) -> Answer:
    """Have your own lines sent back to you too, or not."""
    assert session.reader is not None  # only for those who entered
    session.reader.echo = on
    return Answer(f"your own lines are {'sent back to you' if on else 'not sent back to you'}", {"on": on})


@COMMANDS.command("quit", Parameter("reason", "why", Takes.REST, optional=True), for_strangers=True)
async def quit_(session: Session, reason: str = "") -> None:
    """Leave; so does bye."""
    session.quit(reason)


def _be_there(session: Session, room: str | None) -> None:
    """Refuse what is meant for another room, lest it be said in this one."""
    if room is not None and room not in session.chat.rooms:
        raise Refused("no_room", f"there is no room {shortened(room, ROOM_SHOWN)}")
