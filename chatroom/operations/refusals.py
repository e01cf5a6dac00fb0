"""What is refused is logged: to whom, and why by its code; of a flood a few, and how many more there were.

Knows nothing of what was asked for: what people type, and the words of a refusal, which repeat it, stand in no log.
"""

from __future__ import annotations

from twisted.logger import Logger, LogLevel

from ..request import Refused
from ..seams import Clock, Delayed
from ..text import safe
from ..witness import Nobody
from .addresses import UNTOLD, Addresses, shortened

FEW = 5
"""Refusals with one code that are logged one by one in a window: enough to see who it is, and too few to fill a disk."""

WINDOW = 60.0
"""Seconds for which more of them are counted only: as long as wrong logins are, by which most floods come."""

ADDRESSES_COUNTED = 1000
"""Addresses that are told apart in a flood of one code: some 100 KB. Beyond, that they are more is all that matters."""

ATTACKS = frozenset({
    "banned", "code_wrong", "login_failed", "password_wrong", "too_many", "too_many_from_one", "too_many_logins",
    "too_many_registrations",
})  # fmt: skip
"""Codes of which a flood is a warning: somebody tries to get in, or to keep others out."""


class _Kind:
    """Refusals with one code, in this window."""

    __slots__ = ("addresses", "count")

    def __init__(self) -> None:
        self.count = 0
        self.addresses: set[str] = set()
        """From which those came that were not logged."""


class Refusals(Nobody):
    """Logs what is refused, at level info; what a flood of it adds up to, at warn where it is an attack."""

    def __init__(self, clock: Clock, how: Addresses) -> None:
        self._log = Logger("chatroom.refusals")  # of the class, it would be called as the class is
        self._clock = clock
        self._how = how
        self._kinds: dict[str, _Kind] = {}
        self._timer: Delayed | None = None
        """None while nothing was refused."""

    def refused(self, nick: str, address: str, protocol: str, refused: Refused) -> None:
        code = refused.code
        if self._timer is None:
            self._timer = self._clock.callLater(WINDOW, self._end)
        kind = self._kinds.setdefault(code, _Kind())
        kind.count += 1
        if kind.count <= FEW:
            self._tell(code, nick, address, protocol)
        elif len(kind.addresses) <= ADDRESSES_COUNTED:
            kind.addresses.add(address)

    def stop(self) -> None:
        """Log what was counted so far; nothing is counted afterwards, until more is refused."""
        if self._timer is not None:
            self._timer.cancel()
            self._end()

    def _end(self) -> None:
        self._timer = None
        self._tell_counted()

    def _tell(self, code: str, nick: str, address: str, protocol: str) -> None:
        shown = shortened(address, self._how)
        who = "{nick}" if nick else "a stranger" if address else "someone on this machine"
        place = "" if shown in ("", UNTOLD) else " from {address}"
        self._log.info(
            f"refused {{code}}: {who}{place} by {{protocol}}",  # of our own words: a format has none that were typed
            code=code,
            nick=safe(nick),
            address=shown,
            protocol=protocol,
        )

    def _tell_counted(self) -> None:
        kinds, self._kinds = self._kinds, {}
        for code, kind in kinds.items():
            if kind.count <= FEW:
                continue
            told = f"refused {{code}} {kind.count - FEW:,} times more within {WINDOW:g} s, from {_told(kind.addresses)}"
            level = LogLevel.warn if code in ATTACKS else LogLevel.info
            self._log.emit(level, told, code=code, times=kind.count - FEW)


def _told(addresses: set[str]) -> str:
    if "" in addresses and len(addresses) == 1:
        return "this machine"
    if len(addresses) > ADDRESSES_COUNTED:
        return f"more than {ADDRESSES_COUNTED:,} addresses"
    return f"{len(addresses):,} address{'' if len(addresses) == 1 else 'es'}"
