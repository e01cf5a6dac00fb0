"""What is refused is logged: to whom, and why by its code; of a flood a few, and how many more there were.

Knows nothing of what was asked for: what people type, and the words of a refusal, which repeat it, stand in no log.
"""

from __future__ import annotations

from collections.abc import Collection

from twisted.logger import Logger, LogLevel

from ..request import Refused
from ..seams import Clock
from ..text import safe
from ..witness import Nobody
from .addresses import UNTOLD, Addresses, shortened
from .floods import SOURCES_COUNTED, WINDOW, Floods

FEW = 5
"""Refusals with one code that are logged one by one in a window: enough to see who it is, and too few to fill a disk."""

ATTACKS = frozenset({
    "banned", "code_wrong", "login_failed", "password_wrong", "too_many", "too_many_from_one", "too_many_logins",
    "too_many_registrations",
})  # fmt: skip
"""Codes of which a flood is a warning: somebody tries to get in, or to keep others out."""


class Refusals(Nobody):
    """Logs what is refused, at level info; what a flood of it adds up to, at warn where it is an attack."""

    def __init__(self, clock: Clock, how: Addresses) -> None:
        self._log = Logger("chatroom.refusals")  # of the class, it would be called as the class is
        self._how = how
        self._floods = Floods(clock, FEW, self._tell_counted)

    def refused(self, nick: str, address: str, protocol: str, refused: Refused) -> None:
        if not self._floods.is_one_more(refused.code, address):
            self._tell(refused.code, nick, address, protocol)

    def stop(self) -> None:
        """Log what was counted so far."""
        self._floods.stop()

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

    def _tell_counted(self, code: str, times: int, addresses: Collection[str]) -> None:
        told = f"refused {{code}} {times:,} times more within {WINDOW:g} s, from {_told(addresses)}"
        self._log.emit(LogLevel.warn if code in ATTACKS else LogLevel.info, told, code=code, times=times)


def _told(addresses: Collection[str]) -> str:
    if "" in addresses and len(addresses) == 1:
        return "this machine"
    if len(addresses) > SOURCES_COUNTED:
        return f"more than {SOURCES_COUNTED:,} addresses"
    return f"{len(addresses):,} address{'' if len(addresses) == 1 else 'es'}"
