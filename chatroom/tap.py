"""`twistd chatroom`: the one place where all parts meet."""

from __future__ import annotations

import resource
import time
from functools import partial
from os import fsdecode
from secrets import token_hex
from typing import Any

from twisted.application.service import IService
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IAddress, IStreamServerEndpoint

from .chat import Chat, Settings
from .commands import COMMANDS
from .names import nickname
from .options import DEFAULT_LINE, UNLIMITED, Options
from .protocols.line import LineFactory
from .service import ChatService, Listener
from .storage.opening import open_storage

__all__ = ["Options", "makeService"]

STAMP_BYTES = 6
"""Random bytes that tell this start of the server from all others in the ids of its events."""


def makeService(options: Options) -> IService:
    """The service that `twistd` runs."""
    from twisted.internet import reactor  # here, since it chooses the reactor

    return service(options, reactor)


def service(options: Options, reactor: Any) -> ChatService:
    """Put the parts together as the options say."""
    unlimited = bool(options["no-limits"])
    interval, burst = options["rate"]
    settings = Settings(
        server_name=options["server-name"],
        room=options["room"],
        motd=options["motd"],
        history=options["history"],
        nickname=partial(nickname, ascii_only=options["nicknames"] == "ascii"),
        line_interval=0.0 if unlimited else interval,
        line_burst=burst,
        greeting_timeout=options["greeting-timeout"],
        connections=options["connections"],
        connections_per_address=UNLIMITED if unlimited else options["connections-per-address"],
        stalled_timeout=options["stalled"],
    )
    chat = Chat(reactor, time.time, token_hex(STAMP_BYTES), settings)
    factory = LineFactory(chat, COMMANDS, options["max-line"])
    listeners = [
        Listener("--line", line, _endpoint(reactor, "--line", line), factory, _telnet)
        for line in options.lines or [DEFAULT_LINE]
        if line != "off"
    ]
    _raise_open_files()
    return ChatService(
        reactor,
        chat,
        partial(open_storage, options["storage"], reactor=reactor, durability=options["durability"]),
        listeners,
    )


def _endpoint(reactor: Any, option: str, description: str) -> IStreamServerEndpoint:
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, description)
        return endpoint
    except (
        Exception
    ) as error:  # each endpoint parser, plugins too, has errors of its own: KeyError, TypeError, OSError ...
        raise SystemExit(f"chatroom: {option} {description}: not an endpoint that can be opened: {error!r}") from None


def _telnet(address: IAddress) -> str:
    """How a person gets in at an address that speaks lines."""
    if isinstance(address, UNIXAddress):
        return f"nc -U {fsdecode(address.name or b'')}"
    assert isinstance(address, IPv4Address | IPv6Address)
    host = {"0.0.0.0": "this-machine", "::": "this-machine", "127.0.0.1": "localhost", "::1": "localhost"}
    return f"telnet {host.get(address.host, address.host)} {address.port}"


def _raise_open_files() -> None:
    """As many connections as the system lets us have, not as many as a shell may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
