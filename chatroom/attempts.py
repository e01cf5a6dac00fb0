"""How often passwords may be tried and accounts be made: counted before anything is hashed, whatever the protocol."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from math import ceil

from .request import Refused
from .seams import Clock

KEYS = 30_000
"""Accounts and addresses that are counted at a time, in some 10 MB: more than argon2 can try in a minute, so that trying
many pushes none out before its time."""


class Allowance:
    """So many of something for each key, in any stretch of so many seconds: a rate that lets more through at first would
    be no bound (5 at once and one each 12 seconds are 9 in a minute). A count of 0 is no limit."""

    def __init__(self, clock: Clock, count: int, seconds: float) -> None:
        self.count = count
        self._clock = clock
        self._seconds = seconds
        # The newest times for each key, in the order of the last of them. A key is kept as its hash, which is as small
        # for a name of any length.
        self._taken: OrderedDict[int, list[float]] = OrderedDict()

    def __len__(self) -> int:
        """Keys that take memory."""
        return len(self._taken)

    def wait(self, key: Hashable) -> float:
        """Seconds until one more may be taken; 0 when it may be now."""
        taken = self._taken.get(hash(key), [])
        if not self.count or len(taken) < self.count:
            return 0.0
        return max(0.0, taken[-self.count] + self._seconds - self._clock.seconds())

    def take(self, key: Hashable) -> None:
        """Count one."""
        if not self.count:
            return
        now = self._clock.seconds()
        taken = self._taken.setdefault(hash(key), [])
        taken.append(now)
        del taken[: -self.count]
        self._taken.move_to_end(hash(key))
        self._forget(now)

    def give(self, key: Hashable) -> None:
        """One that was taken does not count after all."""
        taken = self._taken.get(hash(key), [])
        del taken[-1:]
        if not taken:
            self._taken.pop(hash(key), None)

    def _forget(self, now: float) -> None:
        """Drop what does not count any more, and past KEYS what counts for the shortest time."""
        while len(self._taken) > KEYS or next(iter(self._taken.values()))[-1] + self._seconds <= now:
            self._taken.popitem(last=False)


class Attempts:
    """Logins that were begun and did not turn out right, to one account from one site, and from one site to any."""

    def __init__(self, clock: Clock, a_minute: int, of_address_a_minute: int) -> None:
        self._of_account = Allowance(clock, a_minute, 60)
        self._of_site = Allowance(clock, of_address_a_minute, 60)

    def limit(self, a_minute: int, of_address_a_minute: int) -> None:
        """So many to one account from one site, and from one site to any; 0 for any number."""
        self._of_account.count = a_minute
        self._of_site.count = of_address_a_minute

    def begin(self, site: str, account: str) -> None:
        """Count a login, before it is known how it ends; raises Refused when there were too many."""
        wait = max(self._of_account.wait((site, account)), self._of_site.wait(site))
        if wait:
            seconds, again = _told(wait)
            raise Refused("too_many_logins", f"too many tries to log in; {again}", {"seconds": seconds})
        self._of_account.take((site, account))
        self._of_site.take(site)

    def right(self, site: str, account: str) -> None:
        """That one was right: it is not counted."""
        self._of_account.give((site, account))
        self._of_site.give(site)


class Registrations:
    """Accounts that were made from one site."""

    def __init__(self, clock: Clock, an_hour: int) -> None:
        self._of_site = Allowance(clock, an_hour, 60 * 60)

    def limit(self, an_hour: int) -> None:
        """So many; 0 for any number."""
        self._of_site.count = an_hour

    def begin(self, site: str) -> None:
        """Count one; raises Refused when there were too many."""
        wait = self._of_site.wait(site)
        if wait:
            seconds, again = _told(wait)
            words = f"too many accounts were made from your address; {again}"
            raise Refused("too_many_registrations", words, {"seconds": seconds})
        self._of_site.take(site)


def _told(wait: float) -> tuple[int, str]:
    """In how many whole seconds to try again, for programs and in words."""
    seconds = ceil(wait)
    return seconds, f"try again in {seconds} second{'' if seconds == 1 else 's'}"
