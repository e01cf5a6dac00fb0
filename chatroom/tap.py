"""`twistd chatroom`: the one place where all parts meet."""

from __future__ import annotations

import atexit
import gc
import os
import resource
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from os import fsdecode
from pathlib import Path
from secrets import token_hex
from typing import Any

from twisted.application.service import IService, MultiService
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IAddress, IStreamServerEndpoint
from twisted.logger import Logger

from . import __version__
from .account import Accounts
from .auth.argon2 import Argon2
from .auth.portal import Checker, PortalLogin
from .chat import Chat
from .commands import COMMANDS
from .console import Console
from .names import Name, nickname, room_name
from .options import DEFAULT_LINE, DEFAULTS, UNLIMITED, Options
from .protocols.control import ControlEndpoint
from .protocols.line import LineFactory
from .protocols.proxied import ProxiedEndpoint
from .request import Refused
from .rights import Right
from .service import ChatService, Listener
from .settings import Plaintext, Settings
from .storage.opening import control_of, open_storage
from .times import DAY

__all__ = ["Options", "makeService"]

STAMP_BYTES = 6
"""Random bytes that tell this start of the server from all others in the ids of its events."""


ROOM_CREATION = {"anyone": Right.CHAT, "accounts": Right.OWN, "operators": Right.OPERATE}
"""What one has to be, to open a room."""

NO_LIMITS: Mapping[str, Any] = {
    "logins_a_minute": 0,
    "logins_of_address_a_minute": 0,
    "registrations_an_hour": 0,
    "presence_burst": 0,
}


def makeService(options: Options) -> IService:
    """The service that `twistd` runs."""
    from twisted.internet import reactor  # here, since it chooses the reactor

    if not options["console"]:
        return service(options, reactor)
    both = MultiService()
    console = Console(reactor, options["console"], options["log"])
    server = service(options, reactor, console.endpoint)
    server.opened.addCallback(lambda _: console.come_in())
    server.setServiceParent(both)
    console.setServiceParent(both)
    return both


def service(options: Options, reactor: Any, *more_lines: str) -> ChatService:
    """Put the parts together as the options say."""
    unlimited = bool(options["no-limits"])
    interval, burst = options["rate"]
    settings = Settings(
        server_name=options["server-name"],
        version=__version__,
        rooms=options.rooms or DEFAULTS.rooms,
        room_name=partial(room_name, ascii_only=options["nicknames"] == "ascii"),
        room_creation=ROOM_CREATION[options["room-creation"]],
        rooms_of_one=options["rooms-per-account"],
        rooms_in_all=options["rooms"],
        retention=options["retention"],
        addresses_for=options["address-days"] * DAY,
        motd=options["motd"],
        history=options["history"],
        nickname=partial(nickname, ascii_only=options["nicknames"] == "ascii"),
        line_interval=0.0 if unlimited else interval,
        line_burst=burst,
        greeting_timeout=options["greeting-timeout"],
        connections=options["connections"],
        connections_per_address=UNLIMITED if unlimited else options["connections-per-address"],
        stalled_timeout=options["stalled"],
        grace=options["grace"],
        operators=options.operators,
        registration=options["registration"] == "open",
        guests=options["guests"] == "on" or not (options["guests"] or options.get("credCheckers")),
        password=options["server-password-file"],
        plaintext=Plaintext(options["plaintext-passwords"]),
        **(NO_LIMITS if unlimited else {}),
    )
    accounts, argon2 = Accounts(), Argon2(reactor)
    checkers = options.get("credCheckers")  # of --auth
    login = PortalLogin(checkers or [Checker(partial(secret_of, accounts, settings.nickname), argon2)])
    hasher = None if checkers else argon2
    chat = Chat(reactor, time.time, token_hex(STAMP_BYTES), settings, accounts, login, hasher)
    factory = LineFactory(chat, COMMANDS, options["max-line"])
    listeners = [
        Listener("--line", line, _endpoint(reactor, "--line", line), factory, partial(_invitation, line))
        for line in (*(options.lines or [DEFAULT_LINE]), *more_lines)
        if line != "off"
    ]
    _raise_open_files()
    _collect_less_garbage()
    return ChatService(
        reactor,
        chat,
        partial(open_storage, options["storage"], reactor=reactor, durability=options["durability"]),
        listeners,
        partial(_complain, options.parent or {}),
        _control(options["storage"], reactor, LineFactory(chat, COMMANDS, options["max-line"], console=True)),
        argon2.stop,
    )


def _control(storage: str, reactor: Any, factory: LineFactory) -> Listener | None:
    """Where chatroomctl comes in: beside the file of the storage, for its owner alone."""
    if not control_of(storage):
        return None
    endpoint = ControlEndpoint(reactor, partial(control_of, storage))
    return Listener("--storage", storage, endpoint, factory, lambda address: f"chatroomctl --storage {storage}")


def secret_of(accounts: Accounts, nickname: Callable[[str], Name], name: str) -> tuple[str, str] | None:
    """The name of an account, and what is kept of its password."""
    try:
        account = accounts.named(nickname(name))
    except Refused:
        return None
    return (account.name.shown, account.hash) if account else None


def _complain(twistd: Mapping[str, Any], words: str) -> None:
    """Tell whoever starts the server why it does not: in the log, and where a log does not hide it."""
    Logger(__name__).error("{words}", words=words)
    pipe = twistd.get("statusPipe")
    if pipe is None:
        os.write(2, f"chatroom: {words}\n".encode())  # in place of sys.stderr stands the log
    else:  # a daemon, whose parent waits at the terminal for "0", or for "1 " and words, 100 bytes in all
        with suppress(OSError):  # it waits no longer
            os.write(pipe, f"1 {words}".encode()[:100])
    if twistd.get("pidfile"):
        atexit.register(Path(twistd["pidfile"]).unlink, missing_ok=True)


def _endpoint(reactor: Any, option: str, description: str) -> IStreamServerEndpoint:
    kind, _, within = description.partition(":")
    try:
        if kind == "haproxy":
            return ProxiedEndpoint(serverFromString(reactor, within))
        endpoint: IStreamServerEndpoint = serverFromString(reactor, description)
        return endpoint
    except (
        Exception
    ) as error:  # each endpoint parser, plugins too, has errors of its own: KeyError, TypeError, OSError ...
        raise SystemExit(
            f"chatroom: {option} {description}: not an endpoint that can be opened: {_why(error, description)}"
        ) from None


def _why(error: Exception, description: str) -> str:
    if description.isdecimal():
        return f"did you mean tcp:{description}?"
    if isinstance(error, OSError):
        return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
    return f"{type(error).__name__}: {error}" if isinstance(error, LookupError) else str(error)


def _invitation(description: str, address: IAddress) -> str:
    """How a person gets in at an address that speaks lines."""
    if isinstance(address, UNIXAddress):
        return f"nc -U {fsdecode(address.name or b'')}"
    assert isinstance(address, IPv4Address | IPv6Address)
    host = {"0.0.0.0": "this-machine", "::": "this-machine", "127.0.0.1": "localhost", "::1": "localhost"}
    place = host.get(address.host, address.host), address.port
    if description.partition(":")[0] in ("ssl", "tls"):
        return "openssl s_client -quiet -connect {}:{}".format(*place)
    return "telnet {} {}".format(*place)


def _raise_open_files() -> None:
    """As many connections as the system lets us have, not as many as a shell may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _collect_less_garbage() -> None:
    """Nothing made so far is garbage, so it need not be looked through again and again: with the defaults of Python under
    full load a tenth of the processor's time goes there, and pauses of some ms come from it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
