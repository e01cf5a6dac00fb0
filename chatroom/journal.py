"""The one way into the logs: collects what everybody appends, and commits it in batches, one at a time.

While a commit is on its way, what arrives becomes the next batch: under load batches grow by themselves, as in the group
commit of databases. Knows nothing of rooms and people.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from .log import ENTRY_BYTES, Batch, NotSaved, Storage

BATCH_BYTES = 1024 * 1024
"""A commit is about this large at most, so that none lasts long."""

PENDING_BYTES = 8 * 1024 * 1024
"""What may wait for its commit, of all connections together, before those that append more are held back: a disk that
stalls for a second under full load stays below it."""

Group = tuple[Batch, Callable[[NotSaved], None]]
"""What is appended together, all or none, and whom to tell when it cannot be."""


class Journal:
    """Group commit for the whole server."""

    _log = Logger()

    def __init__(self, storage: Storage, later: Callable[[Callable[[], None]], object]) -> None:
        """`later` calls a function at the end of this turn of the reactor."""
        self._storage = storage
        self._later = later
        self._batches: deque[list[Group]] = deque()
        self._last_size = 0
        self._committing = False
        self._appended = 0
        self._finished = 0
        self._waiting: deque[tuple[int, Deferred[None]]] = deque()
        self._failing = False

    @property
    def full(self) -> bool:
        """So much waits for its commit that who appends should wait for `settled` before going on."""
        return len(self._batches) * BATCH_BYTES > PENDING_BYTES

    def append(self, events: Batch, unsaved: Callable[[NotSaved], None]) -> None:
        """Have the events committed together. `unsaved` is called when they were not; else their logs tell."""
        for _, event in events:
            self._last_size += ENTRY_BYTES + len(event.text)
        if self._last_size > BATCH_BYTES or not self._batches:
            self._batches.append([])
            self._last_size = 0
        self._batches[-1].append((events, unsaved))
        self._appended += 1
        if not self._committing:
            self._committing = True
            self._later(self._commit)

    def settled(self) -> Deferred[None]:
        """Fires when all that was appended so far is committed and has been shown to the logs' followers, or was refused."""
        if self._finished == self._appended:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        self._waiting.append((self._appended, waiter))
        return waiter

    def _commit(self) -> None:
        groups = self._batches.popleft()
        batch = [item for events, _ in groups for item in events]
        self._storage.append(batch).addCallbacks(
            self._committed, self._failed, callbackArgs=(groups,), errbackArgs=(groups,)
        ).addErrback(lambda failure: self._log.failure("the journal stopped", failure))

    def _committed(self, _: None, groups: list[Group]) -> None:
        if self._failing:
            self._failing = False
            self._log.info("the storage saves again")
        self._finish(len(groups))

    def _failed(self, failure: Failure, groups: list[Group]) -> None:
        if isinstance(failure.value, NotSaved):
            if not self._failing:  # said once, not for each message that a full disk refuses
                self._failing = True
                self._log.error("the storage cannot save: {words}", words=failure.value.words)
            why = failure.value
        elif len(groups) > 1:
            # One event that cannot be kept must not cost the others of its batch: each group on its own.
            self._batches.extendleft([group] for group in reversed(groups))
            self._finish(0)
            return
        else:
            self._log.failure("an event could not be kept", failure)
            why = NotSaved("the server could not keep it")
        for _, unsaved in groups:
            unsaved(why)
        self._finish(len(groups))

    def _finish(self, groups: int) -> None:
        self._finished += groups
        while self._waiting and self._waiting[0][0] <= self._finished:
            self._waiting.popleft()[1].callback(None)
        if self._batches:
            self._later(self._commit)
        else:
            self._committing = False
