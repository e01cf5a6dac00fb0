"""What was chosen is read again while the server runs: what may change counts from now on, and where the new is wrong, the old
does. Knows options and who is told of them; not what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from twisted.logger import Logger

from .choices import OPTIONS, SECRETS, Option
from .sources import Settled


class Renewed(NamedTuple):
    """What reading again came to, in a line each. Where something is wrong, all else has changed nevertheless."""

    changed: Sequence[str]
    later: Sequence[str]
    """What counts from the next start on."""
    wrong: Sequence[str]
    """What is as it was before, and why."""

    @property
    def words(self) -> str:
        done = "changed: " if self.wrong else ""  # else nobody asks whether it was
        lines = [
            *(f"not changed: {each}" for each in self.wrong),
            *(f"{done}{each}" for each in self.changed),
            *self.later,
        ]
        return "\n".join(lines) or "nothing has changed"


class Notified(Protocol):
    """Who started the server, as far as they want to know (sd_notify(3))."""

    def reloading(self) -> None: ...
    def reloaded(self) -> None: ...


class Reload:
    """Reads again. Each option is looked at by itself: one that is wrong stays as it was, and the others change. A file that
    cannot be read, or is wrong as a whole, changes no option."""

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
                        later.append(f"{_told(option, old, new)}; takes a restart")
                elif self._values[name] != settled.values[name] or old != new:
                    self._values[name], self._texts[name] = settled.values[name], new
                    changed.append(_told(option, old, new) if old != new else f"{name}: {_shown(new)}, read again")
        if changed:
            self._adopt(self._values)
        certificates, wrong = self._renew()
        renewed = Renewed([*changed, *certificates], later, [*settled.faults.values(), *wrong])
        for line in renewed.wrong:
            self._log.error("reloaded, but not changed: {line}", line=line)
        for line in renewed.changed:
            self._log.info("reloaded: {line}", line=line)
        for line in renewed.later:
            self._log.warn("reloaded: {line}", line=line)
        if not any(renewed):
            self._log.info("reloaded: nothing has changed")
        return renewed


def _told(option: Option, old: Sequence[str], new: Sequence[str]) -> str:
    """What was chosen for it now, and before; of a list what came and what went."""
    if option.name in SECRETS:
        return f"{option.name}: another value"
    if not option.several:
        return f"{option.name}: {_shown(new)} instead of {_shown(old)}"
    came, went = [f"+ {each}" for each in new if each not in old], [f"- {each}" for each in old if each not in new]
    return f"{option.name}: {', '.join([*came, *went]) or 'the same in another order'}"


def _shown(texts: Sequence[str]) -> str:
    return " ".join(texts) or "none"
