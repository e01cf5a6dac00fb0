"""Whether a server could start with what was chosen: it is tried, as far as it can be without starting anything.

Tells of everything that is wrong, in a line each.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection
from errno import EADDRINUSE
from ipaddress import IPv4Network, IPv6Network
from stat import S_ISSOCK
from typing import Any, NamedTuple

from twisted.internet.interfaces import IReactorSocket, IReactorSSL, IReactorTCP, IReactorUNIX
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import implementer

from ..protocols.control import ADDRESS_BYTES
from ..storage.opening import file_of
from ..storage.refused import StorageRefused
from ..storage.sqlite_contents import looking_at
from ..storage.sqlite_file import version_of
from .endpoints import endpoint
from .sources import Settled


class Checked(NamedTuple):
    """What came of it."""

    faults: tuple[str, ...]
    notes: tuple[str, ...]
    """What may be as it is meant."""


def check(reactor: Any, settled: Settled) -> Checked:
    """All that would be opened: where people come in, where figures are asked for, and the storage; of what was chosen, in
    which values that are wrong may be missing."""
    values, places = settled.values, settled.places
    faults: list[str] = []
    notes: list[str] = []
    opened = [(places["line"], line) for line in values.get("line", ()) if line != "off"]
    if values.get("metrics"):
        opened.append((places["metrics"], values["metrics"]))
    trial = Trial(reactor)
    for place, description in opened:
        try:
            _try(trial, description, values.get("proxy", ()))
        except InUse as words:
            notes.append(f"{place} {description}: {words}")
        except Exception as error:  # each endpoint, of plugins too, has errors of its own
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            faults.append(f"{place} {description}: {why}")
    if "storage" in values:
        try:
            notes += [f"{places['storage']}: {note}" for note in _storage(values["storage"])]
        except StorageRefused as refused:
            faults.append(f"{places['storage']}: {refused}")
    return Checked(tuple(faults), tuple(notes))


TWICE = "another one of these listens there already"


class InUse(Exception):
    """Somebody listens there already."""

    def __init__(self) -> None:
        super().__init__("in use at present; that is right if it is by this server")


def _try(trial: Any, description: str, proxies: Collection[IPv4Network | IPv6Network]) -> None:
    failures: list[Failure] = []
    endpoint(trial, description, proxies).listen(Factory()).addErrback(failures.append)
    for failure in failures:
        failure.raiseException()


def _storage(url: str) -> list[str]:
    """Raises StorageRefused."""
    scheme, _, path = url.partition(":")
    if scheme != "sqlite":
        return []
    if not path:
        raise StorageRefused("no file is named: write sqlite:PATH")
    file = file_of(url)
    if fault := _fault_of(os.path.dirname(file)):
        raise StorageRefused(fault)
    for each in (file, f"{file}-lock", f"{file}-wal", f"{file}-shm"):
        if os.path.exists(each) and not os.access(each, os.R_OK | os.W_OK):
            raise StorageRefused(f"{each} cannot be read and written")
    if not os.path.exists(file):
        return [f"{file} will be made"]
    with looking_at(file, briefly=True) as store:
        if version_of(store, file) is not None:
            (verdict,) = store.execute("PRAGMA quick_check(logs)").fetchone()  # as a server that starts asks
            if verdict != "ok":
                raise StorageRefused(f"{file} is damaged: {verdict}")
    return []


def _fault_of(directory: str) -> str:
    """Why no file can be made there; empty where it can."""
    try:
        os.stat(os.path.join(directory, ""))  # with a slash at the end: fails for what is no directory
    except OSError as error:
        return f"{directory}: {error.strerror}"
    return "" if os.access(directory, os.W_OK | os.X_OK) else f"{directory} cannot be written to"


@implementer(IReactorTCP, IReactorSSL, IReactorUNIX, IReactorSocket)
class Trial:
    """In place of the reactor, where endpoints are opened: looks whether they could be. All else is the reactor's."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._taken: set[tuple[socket.AddressFamily, int, str]] = set()
        self._paths: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(self, port: int, factory: object, backlog: int = 50, interface: str = "") -> Any:
        family = socket.AF_INET6 if ":" in interface else socket.AF_INET
        everywhere = ("", "0.0.0.0", "::")
        for other, its_port, its_interface in self._taken:
            alike = interface == its_interface or interface in everywhere or its_interface in everywhere
            # "::" takes the addresses of IPv4 too, since Twisted leaves it at what Linux does.
            both = family == other or "::" in (interface, its_interface)
            if port and port == its_port and alike and both:
                raise ValueError(TWICE)
        self._taken.add((family, port, interface))
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((interface, port))
            except OSError as error:
                if error.errno == EADDRINUSE:
                    raise InUse from None
                raise

    def listenSSL(
        self, port: int, factory: object, contextFactory: object, backlog: int = 50, interface: str = ""
    ) -> Any:
        self.listenTCP(port, factory, backlog, interface)

    def listenUNIX(self, address: str, factory: object, backlog: int = 50, mode: int = 0o666, wantPID: int = 0) -> Any:
        if len(os.fsencode(address)) > ADDRESS_BYTES:
            raise ValueError(f"a path of more than {ADDRESS_BYTES} bytes is no address of a socket")
        path = os.path.realpath(address)
        if path in self._paths:
            raise ValueError(TWICE)
        self._paths.add(path)
        if fault := _fault_of(os.path.dirname(os.path.abspath(address))):
            raise ValueError(fault)
        if os.path.lexists(address):
            if S_ISSOCK(os.lstat(address).st_mode):
                raise InUse
            raise ValueError(f"{address} is there already, and no socket")

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: object) -> Any:
        os.fstat(fileDescriptor)
