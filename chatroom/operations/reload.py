"""What was chosen is read again while the server runs: what may change counts from now on, and where the new is wrong, the old
does. Knows options and who is told of them; not what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from twisted.logger import Logger

from .choices import OPTIONS, SECRETS
from .sources import Settled


class Renewed(NamedTuple):
    """What reading again came to, in a line each."""

    changed: Sequence[str]
    later: Sequence[str]
    """What counts from the next start on."""
    wrong: Sequence[str]
    """What is as it was before, and why."""

    @property
    def words(self) -> str:
        lines = [*self.changed, *self.later, *(f"not changed: {each}" for each in self.wrong)]
        return "\n".join(lines) or "nothing has changed"


class Notified(Protocol):
    """Who started the server, as far as they want to know (sd_notify(3))."""

    def reloading(self) -> None: ...
    def reloaded(self) -> None: ...


class Reload:
    """Reads again."""

    _log = Logger()

    def __init__(
        self,
        settled: Settled,
        settle: Callable[[], Settled],
        adopt: Callable[[Mapping[str, Any]], None],
        renew: Callable[[], tuple[Sequence[str], Sequence[str]]],
    ) -> None:
        """`settled` counted until now, `settle` reads again, and `adopt` is given the values that count from then on. `renew`
        reads certificates again, and tells what is another one now, and what is wrong."""
        self._values = dict(settled.values)
        self._texts = dict(settled.texts)
        self._settle = settle
        self._adopt = adopt
        self._renew = renew
        self._notified: list[Notified] = []

    def tell(self, notified: Notified) -> None:
        """From now on also somebody who wants to know when it begins and ends."""
        self._notified.append(notified)

    def now(self) -> Renewed:
        for each in self._notified:
            each.reloading()
        try:
            return self._now()
        finally:
            for each in self._notified:
                each.reloaded()

    def _now(self) -> Renewed:
        settled = self._settle()
        changed, later = [], []
        if settled.faults.keys() <= {option.name for option in OPTIONS}:  # else something could not be read at all
            for option in OPTIONS:
                name = option.name
                if name in settled.faults:
                    continue
                old, new = self._texts[name], settled.texts[name]
                if not option.live:
                    if old != new:
                        later.append(f"{_told(name, old, new)} takes a restart")
                elif self._values[name] != settled.values[name] or old != new:
                    self._values[name], self._texts[name] = settled.values[name], new
                    changed.append(_told(name, old, new) if old != new else f"{name}: {_shown(new)}, read again")
        if changed:
            self._adopt(self._values)
        certificates, wrong = self._renew()
        renewed = Renewed([*changed, *certificates], later, [*settled.faults.values(), *wrong])
        for line in (*renewed.changed, *renewed.later):
            self._log.info("reloaded: {line}", line=line)
        for line in renewed.wrong:
            self._log.error("reloaded, but not changed: {line}", line=line)
        if not any(renewed):
            self._log.info("reloaded: nothing has changed")
        return renewed


def _told(name: str, old: Sequence[str], new: Sequence[str]) -> str:
    return f"{name}: another value" if name in SECRETS else f"{name}: {_shown(new)} instead of {_shown(old)}"


def _shown(texts: Sequence[str]) -> str:
    return " ".join(texts) or "none"
