"""`twistd chatroom`: the one place where all parts meet."""

from __future__ import annotations

import atexit
import gc
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from twisted.application.service import IService, MultiService
from twisted.internet.interfaces import IAddress, IProtocolFactory
from twisted.logger import Logger

from .account import Accounts
from .auth.argon2 import Argon2
from .auth.portal import Checker, PortalLogin
from .chat import Chat
from .commands import COMMANDS
from .console import Console
from .names import Name
from .operations.addresses import Addresses
from .operations.check import check
from .operations.chosen import settings_of
from .operations.clocks import leave_timers_alone, time_of_day
from .operations.commands import commands
from .operations.decisions import Decisions
from .operations.endpoints import endpoint, line_invitation, metrics_invitation
from .operations.logs import shorten_prefixes
from .operations.node import Node
from .operations.notify import Notify, from_environment
from .operations.readiness import Readiness
from .operations.refusals import Refusals
from .operations.reload import Reload
from .operations.signals import ReloadOnHangup, StopAtOnce
from .operations.sources import Settled
from .operations.witnesses import Witnesses
from .options import Options
from .protocols.control import ControlEndpoint
from .protocols.line import LineFactory
from .protocols.pem import LIVE
from .request import Refused
from .service import ChatService, Listener
from .storage.opening import control_of, open_storage
from .table import Table
from .witness import Witness

if TYPE_CHECKING:
    from .operations.monitoring import Monitoring

__all__ = ["Options", "makeService"]

STAMP_BYTES = 6
"""Random bytes that tell this start of the server from all others in the ids of its events."""


def makeService(options: Options) -> IService:
    """The service that `twistd` runs."""
    from twisted.internet import reactor  # here, since it chooses the reactor

    leave_timers_alone(reactor)
    if options["check"]:
        raise SystemExit(_check(reactor, options))
    return service(options, reactor)


def _check(reactor: Any, options: Options) -> int:
    """Tell what would be wrong with a start; the status."""
    twistd: Mapping[str, Any] = options.parent or {}
    try:
        os.chdir(twistd.get("rundir") or ".")  # as twistd does, before anything is opened
    except OSError as error:
        options.faults.append(f"--rundir: {error.filename}: {error.strerror}")
    checked = check(reactor, options.settled)
    faults = (*options.faults, *options.settled.slips, *checked.faults)
    for note in (*options.settled.doubts, *checked.notes):
        sys.stdout.write(f"note: {note}\n")
    for fault in faults:
        sys.stderr.write(f"chatroom: {fault}\n")
    if not faults:
        sys.stdout.write("nothing is wrong with what was chosen\n")
    return 1 if faults else 0


def service(options: Options, reactor: Any) -> MultiService:
    """Put the parts together as the options say."""
    for doubt in (*options.settled.doubts, *options.settled.slips):
        Logger(__name__).warn("{doubt}", doubt=doubt)

    def hung_up() -> None:  # the reactor runs by then, and all below is there
        reload.now()

    hangup = ReloadOnHangup(reactor, hung_up)
    root, values = MultiService(), options.settled.values
    storage, max_line = values["storage"], values["max-line"]
    readiness = Readiness(time.monotonic)
    addresses = Addresses(values["log-addresses"])
    refusals, decisions = Refusals(reactor, addresses), Decisions(reactor, addresses)
    shorten_prefixes(addresses)
    monitoring = _monitoring(reactor, readiness, storage) if values["metrics"] else None
    argon2 = Argon2(reactor)
    witnesses = Witnesses([readiness, refusals, decisions, *([monitoring.meters] if monitoring else [])])
    chat = _chat(reactor, values, argon2, witnesses)
    console = Console(reactor, values["console"], options["log"]) if values["console"] else None
    listen = partial(_listener, reactor, options.settled, refusals)
    listeners = _for_people(listen, values, LineFactory(chat, COMMANDS, max_line), console)
    if monitoring:
        monitoring.watch(chat)
        monitoring.setServiceParent(root)
        listeners.append(listen("--metrics", values["metrics"], monitoring.site, metrics_invitation, always=True))
    _raise_open_files()
    _collect_less_garbage()
    control = LineFactory(chat, COMMANDS, max_line, console=True)

    def let_go() -> None:
        argon2.stop()
        refusals.stop()
        decisions.stop()

    in_text = values["log-format"] == "text"
    running = ChatService(
        reactor,
        chat,
        partial(open_storage, storage, reactor=reactor, durability=values["durability"]),
        listeners,
        partial(_complain, options.parent or {}, in_text),
        _control(storage, reactor, control),
        readiness,
        let_go,
        log_code=in_text,
    )
    reload = Reload(options.settled, options.settle, lambda values: chat.adopt(settings_of(values)), LIVE.reload)
    node = Node(chat, running, reload.now, readiness.why_not, storage)
    control.table = Table(COMMANDS, commands(node))
    notify = Notify(reactor, from_environment(os.environ), node.summary)
    readiness.tell(notify)
    readiness.tell(StopAtOnce())
    reload.tell(notify)
    for part in (notify, hangup, running):
        part.setServiceParent(root)
    if console:
        running.opened.addCallback(lambda _: console.come_in())
        console.setServiceParent(root)
    return root


def _chat(reactor: Any, values: Mapping[str, Any], argon2: Argon2, witness: Witness) -> Chat:
    settings, accounts = settings_of(values), Accounts()
    ours = Checker(partial(secret_of, accounts, settings.nickname), argon2)
    login = PortalLogin(values["auth"] or [ours])
    hasher = None if values["auth"] else argon2
    return Chat(reactor, time_of_day(), token_hex(STAMP_BYTES), settings, accounts, login, hasher, witness)


def _monitoring(reactor: Any, readiness: Readiness, storage: str) -> Monitoring:
    from .operations.monitoring import Monitoring  # 5 MiB, and 40 ms, for those who want it

    return Monitoring(reactor, readiness, storage, LIVE.expiry)


def _for_people(
    listen: Callable[..., Listener], values: Mapping[str, Any], factory: LineFactory, console: Console | None
) -> list[Listener]:
    lines = [line for line in (*values["line"], *([console.endpoint] if console else [])) if line != "off"]
    return [listen("--line", line, factory, line_invitation) for line in lines]


def _listener(
    reactor: Any,
    settled: Settled,
    witness: Witness,
    option: str,
    description: str,
    factory: IProtocolFactory,
    invitation: Callable[[str, IAddress], str],
    *,
    always: bool = False,
) -> Listener:
    def stranger(address: str, refused: Refused) -> None:
        witness.refused("", address, "HAProxy's protocol", refused)

    name = option.removeprefix("--")
    # That of a console is nowhere written.
    place = settled.places[name] if description in settled.texts[name] else option
    try:
        opened = endpoint(reactor, description, settled.values["proxy"], stranger)
    except ValueError as error:
        raise SystemExit(f"chatroom: {place} {description}: {error}") from None
    return Listener(place, description, opened, factory, invitation, always)


def _control(storage: str, reactor: Any, factory: LineFactory) -> Listener | None:
    """Where chatroomctl comes in: beside the file of the storage, for its owner alone."""
    if not control_of(storage):
        return None
    opened = ControlEndpoint(reactor, partial(control_of, storage))
    return Listener("--storage", storage, opened, factory, lambda *_: f"chatroomctl --storage {storage}")


def secret_of(accounts: Accounts, nickname: Callable[[str], Name], name: str) -> tuple[str, str] | None:
    """The name of an account, and what is kept of its password."""
    try:
        account = accounts.named(nickname(name))
    except Refused:
        return None
    return (account.name.shown, account.hash) if account else None


def _complain(twistd: Mapping[str, Any], in_text: bool, words: str) -> None:
    """Tell whoever starts the server why it does not: in the log, and where a log does not hide it. In another format than text
    it is on standard error already, where each line is for a program."""
    Logger(__name__).error("{words}", words=words)
    pipe = twistd.get("statusPipe")
    if pipe is not None:  # a daemon, whose parent waits for "0", or for "1 " and words, 100 bytes in all
        with suppress(OSError):  # it waits no longer
            os.write(pipe, f"1 {words}".encode()[:100])
    elif in_text:
        os.write(2, f"chatroom: {words}\n".encode())  # in place of sys.stderr stands the log
    if twistd.get("pidfile"):
        atexit.register(Path(twistd["pidfile"]).unlink, missing_ok=True)


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
