"""What an operator chooses about the chat itself; each is an option of the command line, or a limit for the tests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum

from .names import Name, nickname, room_name
from .rights import Right
from .times import DAY


class Plaintext(Enum):
    """What to do with a password that came over a connection which others can read."""

    ALLOW = "allow"
    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator chooses about the chat itself."""

    server_name: str = "chatroom"
    version: str = ""
    rooms: Sequence[Name] = (room_name("lobby"),)
    """Those that always exist; one comes in in the first."""
    room_name: Callable[[str], Name] = field(default=room_name)
    """What a room may be called."""
    room_creation: Right = Right.OWN
    """Who opens others, by joining them: with this right."""
    rooms_of_one: int = 20
    """Rooms that one account, or one guest, opens."""
    rooms_at_once: int = 20
    """Rooms in which one person is: each costs as much as a reader."""
    rooms_in_all: int = 1000
    """Rooms on the server: each takes some kilobytes, and a moment when it starts."""
    presence_burst: int = 20
    """Who come and go in a room within a second, until all others are told of together; 0 for any."""
    retention: int = 0
    """Milliseconds for which is kept what people say; 0 for ever."""
    addresses_for: int = 30 * DAY
    """Milliseconds for which is kept where people came from."""
    motd: Sequence[str] = ()
    history: int = 20
    """Lines of talk shown to who enters."""
    nickname: Callable[[str], Name] = field(default=nickname)
    """What a nickname may be."""
    line_interval: float = 1 / 5
    """Seconds in which a connection earns one line of input."""
    line_burst: int = 30
    """Lines of input at once before they must be earned: a paste of a screenful."""
    greeting_timeout: float = 60.0
    """Seconds from connecting within which a stranger says a nickname."""
    connections: int = 10_000
    """Connections in all."""
    has_memory: Callable[[], bool] = lambda: True
    """Whether the machine has any left for one more."""
    connections_per_address: int = 100
    """Connections from one IPv4 address or IPv6 /64: a large office behind one address is below it."""
    grace: float = 120.0
    """Seconds within which who lost the connection may come back, unnoticed by others."""
    stalled_timeout: float = 300.0
    """Seconds after the last byte it took until a reader that takes no more is let go."""
    operators: Collection[Name] = ()
    """Accounts that are operators: these names, and what looks like them, are registered only by who is at this machine or
    has the claim code."""
    registration: bool = True
    """Whether people may make accounts themselves."""
    guests: bool = True
    """Whether one may chat without an account."""
    password: str = ""
    """What who has no account is asked for first; empty for nothing."""
    plaintext: Plaintext = Plaintext.WARN
    """What becomes of passwords over connections that others can read."""
    logins_a_minute: int = 5
    """Wrong passwords for one account from one address that are looked at: enough for who mistypes, and nothing for who
    guesses; 0 for any."""
    logins_of_address_a_minute: int = 20
    """Those to all accounts together: several people may share an address, and names can be guessed too; 0 for any."""
    registrations_an_hour: int = 10
    """Accounts made from one address: each takes a nickname from everybody else; 0 for any."""
