"""The one way into the logs: collects what everybody appends, and commits it in batches, one at a time.

While a commit is on its way, what arrives becomes the next batch: under load batches grow by themselves, as in the group
commit of databases. Knows nothing of rooms and people.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from itertools import count

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from .page import ENTRY_BYTES
from .seams import Batch, NotSaved, Repeated, Storage
from .witness import NOBODY, Witness

BATCH_BYTES = 1024 * 1024
"""A commit is about this large at most, so that none lasts long."""

PENDING_BYTES = 8 * 1024 * 1024
"""What may wait for its commit, of all connections together, before those that append more are held back: a disk that
stalls for a second under full load stays below it."""

Told = Callable[[NotSaved | Repeated], None]

Group = tuple[Batch, Told]
"""What is appended together, all or none, and whom to tell when it cannot be, or was before."""


class Journal:
    """Group commit for the whole server."""

    _log = Logger()

    def __init__(
        self,
        storage: Storage,
        later: Callable[[Callable[[], None]], object],
        witness: Witness = NOBODY,
        seconds: Callable[[], float] = float,
    ) -> None:
        """`later` calls a function at the end of this turn of the reactor; `seconds` is the time by which the witness is told
        how long a commit took."""
        self._storage = storage
        self._later = later
        self._witness = witness
        self._seconds = seconds
        self._batches: deque[list[Group]] = deque()
        self._last_size = 0
        self._committing = False
        self._appended = 0
        self._finished = 0
        self._waiting: list[tuple[int, int, Deferred[None]]] = []
        self._waiters = count()
        self._failing = False

    @property
    def full(self) -> bool:
        """So much waits for its commit that who appends should wait for `settled` before going on."""
        return len(self._batches) * BATCH_BYTES > PENDING_BYTES

    def append(self, events: Batch, told: Told) -> int:
        """Have the events committed together. `told` is called when they were not, and for each event that was left out
        because its author sent it before, after all followers have had the others; else their logs tell. Returns what
        `settled` takes to wait for these."""
        size = sum([ENTRY_BYTES + len(event.text) for _, event in events])
        if not self._batches or self._last_size + size > BATCH_BYTES:
            self._batches.append([])
            self._last_size = 0
        self._last_size += size
        self._batches[-1].append((events, told))
        self._appended += 1
        if not self._committing:
            self._committing = True
            self._later(self._commit)
        return self._appended

    def settled(self, appended: int | None = None) -> Deferred[None]:
        """Fires when what was appended, up to what `append` returned or all of it so far, is committed and has been shown to
        the logs' followers, or was refused."""
        if appended is None:
            appended = self._appended
        if appended <= self._finished:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        heappush(self._waiting, (appended, next(self._waiters), waiter))
        return waiter

    def _commit(self) -> None:
        groups = self._batches.popleft()
        batch = [item for events, _ in groups for item in events]
        self._witness.committing()
        maybeDeferred(self._storage.append, batch).addCallbacks(
            self._committed, self._failed, callbackArgs=(groups, batch, self._seconds()), errbackArgs=(groups,)
        )

    def _committed(self, repeats: Sequence[Repeated], groups: list[Group], batch: Batch, began: float) -> None:
        self._witness.committed(batch, self._seconds() - began)
        if repeats:
            self._tell_repeats({repeat.eid: repeat for repeat in repeats}, groups)
        elif self._failing:  # all of a batch with repeats may be repeats: that proves nothing
            self._failing = False
            self._log.info("the storage saves again")
        self._finish(len(groups))

    def _failed(self, failure: Failure, groups: list[Group]) -> None:
        if isinstance(failure.value, NotSaved):
            if not self._failing:  # said once, not for each message that a full disk refuses
                self._failing = True
                self._log.error("the storage cannot save: {words}", words=failure.value.words)
            why = failure.value
            self._witness.failed(why)
        elif len(groups) > 1:
            # One event that cannot be kept must not cost the others of its batch: each group on its own.
            self._batches.extendleft([group] for group in reversed(groups))
            self._finish(0)
            return
        else:
            self._log.failure("an event could not be kept", failure)
            why = NotSaved("the server could not keep it")
        for _, told in groups:
            self._tell(told, why)
        self._finish(len(groups))

    def _tell_repeats(self, repeats: Mapping[str, Repeated], groups: list[Group]) -> None:
        for events, told in groups:
            for eid in dict.fromkeys(event.eid for _, event in events):  # an event may stand in several logs
                if eid in repeats:
                    self._tell(told, repeats[eid])

    def _tell(self, told: Told, outcome: NotSaved | Repeated) -> None:
        try:
            told(outcome)
        except Exception:  # a bug of whoever appended must not stop the journal for all
            self._log.failure("who appended could not be told what became of it")

    def _finish(self, groups: int) -> None:
        self._finished += groups
        while self._waiting and self._waiting[0][0] <= self._finished:
            heappop(self._waiting)[2].callback(None)
        if self._batches:
            self._later(self._commit)
        else:
            self._committing = False
