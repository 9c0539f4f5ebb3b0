"""Many writers, one fsync: what waits is applied in one SQL transaction, and threads do nothing but wait for the disk.

The statements run in the event loop's thread, where they cost no hand-over of the interpreter lock; only the fsync, and
the wait for other processes' turns, runs beside it. Where the file belongs to this process, the fsync is part of
COMMIT, and the next group gathers meanwhile. Where processes share it, COMMIT does not wait for the disk, so that the
next one can have its turn, and `LogSync` brings several turns to the disk at once.
"""

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from time import monotonic
from typing import Any, Final, Protocol

from magnetodb.errors import StorageUnavailable
from magnetodb.storage.commit_queue import GROUP_BYTES, QUEUE_BYTES_MAX, CommitQueue, Work
from magnetodb.storage.log_copier import LogCopier
from magnetodb.storage.log_sync import LogSync
from magnetodb.storage.sqlite_errors import is_busy, storage_error

GROUPS_MAX: Final = 16
"""What waits is committed with one of so many of the next commits."""

TURNS_MAX: Final = 3
"""The same where other processes commit in between."""

COMMIT_BITS_MAX = 16
"""Sizes of groups are counted by their bits."""

HOLD_SECONDS_MAX = 0.002
"""Statements run so long before the loop gets its turn."""

CHANCES_MAX: Final = 4
"""Whoever has lost has so many rounds of the loop to come again in the same turn."""

UNSYNCED_BYTES_MAX: Final = QUEUE_BYTES_MAX // 4
"""While more than this is committed and not on the disk, no turn begins: what comes waits in the queue, whose bound is
told to clients."""

LOOP_COMMIT_BYTES_MAX: Final = 256 * 1024
"""A COMMIT that does not wait for the disk runs in the loop, unless it has more to write than this."""

BUSY_SECONDS: Final = 0.001
BUSY_SECONDS_MAX: Final = 1.0
"""SQLite itself says busy for a moment while another process repairs the log's index after a kill: so often, and so
long, a transaction is tried to begin."""


NOT_SYNCED: Final = "The disk has failed: what was written last may be lost. Start the service anew."

_log = logging.getLogger(__name__)


class Turns(Protocol):
    """Processes take turns to write. See WriterLock."""

    def enter(self) -> bool:
        """Begin a turn; False: it is not ours yet, `wait` must be called."""

    def wait(self) -> None:
        """Wait for the turn, in a thread."""

    def leave(self) -> int:
        """End the turn, in any thread; its number."""

    def give_up(self) -> None:
        """Do without the turn that was asked for."""


class GroupCommit:
    """The queue in front of the one writing connection. All methods belong to the event loop's thread.

    `before_group` is called when a group begins, in its turn. `idle` is True while nothing waits and no transaction is
    open. `sizes` counts the commits by the bits of the number of works in them (`sizes[3]`: 4 to 7), `works` those
    works. `commit_syncs`: COMMIT waits for the disk. `sync`: what is committed becomes durable by it.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        before_group: Callable[[], None],
        copier: LogCopier | None = None,
        turns: Turns | None = None,
        sync: LogSync | None = None,
        *,
        commit_syncs: bool = True,
    ) -> None:
        self.idle = True
        self.sizes = [0] * COMMIT_BITS_MAX
        self.works = 0
        self._connection = connection
        self._before_group = before_group
        self._copier = copier
        self._turns = turns
        self._sync = sync
        self._commit_syncs = commit_syncs
        self._committed: deque[tuple[int, list[Work]]] = deque()
        """The groups that are not on the disk yet, with their turns, in whose order they are."""
        self._unsynced = 0
        """Their bytes."""
        self._held_back = False
        """A turn waits for the disk."""
        self._syncing = False
        self._waiting = CommitQueue(GROUPS_MAX if turns is None else TURNS_MAX)
        self._taken: deque[Work] = deque()
        self._joined = False
        self._group: list[Work] = []
        self._group_size = 0
        self._current: Work | None = None
        self._chances = 0
        self._busy_until = 0.0
        self._closed = False
        self._drained: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run_jobs, name="magnetodb-commit", daemon=True)

    def submit(self, works: Sequence[Work]) -> "list[asyncio.Future[Any]]":
        """Queue all of them; those of one table are done in this order. Each future is resolved when its work is
        durable.

        Raises StorageBusy when too much waits; then none is queued.
        """
        if self._closed:
            raise StorageUnavailable("The storage is closed.")
        if self._sync is not None and self._sync.failed():
            raise StorageUnavailable(NOT_SYNCED)
        self._waiting.put(works)
        loop = self._loop or self._start()
        futures = []
        for work in works:
            work.future = loop.create_future()
            futures.append(work.future)
        if self.idle and works:
            self.idle = False
            loop.call_soon(self._begin)
        return futures

    async def durable(self, turn: int) -> None:
        """Return when that turn, of whatever process, is on the disk. Raises StorageUnavailable where it cannot be."""
        if self._sync is None:
            return
        if self._closed or self._sync.failed():
            raise StorageUnavailable(NOT_SYNCED if self._sync.failed() else "The storage is closed.")
        if turn > self._sync.ended():
            # It is under way, or its process was killed in it: whatever it was, it has ended with a turn of ours.
            await self.submit((Work(),))[0]
            return
        loop = self._loop or self._start()
        work = Work()
        work.future = loop.create_future()
        self._synchronize(turn, [work])
        await work.future

    async def close(self) -> None:
        """Refuse new work, wait for what was queued, end the thread."""
        self._closed = True
        if not self.idle or self._committed:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained
        if self._loop is not None:
            self._jobs.put(None)
            self._thread.join()
            self._loop = None

    def _start(self) -> asyncio.AbstractEventLoop:
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        return self._loop

    def _begin(self) -> None:
        """Begin a turn."""
        try:
            ours = self._turns is None or self._turns.enter()
        except OSError as error:
            self._give_up(error)
            return
        if ours:
            self._open()
        else:
            self._jobs.put(self._wait)

    def _open(self, error: OSError | None = None) -> None:
        """The turn is ours: open a transaction for what waits."""
        if error is not None:
            self._give_up(error)
            return
        try:
            if self._sync is not None and self._sync.failed():
                raise StorageUnavailable(NOT_SYNCED)
            self._before_group()
            self._connection.execute("BEGIN IMMEDIATE")
        except Exception as caught:
            # Whatever it is, the waiters must hear of it and the next turn must begin.
            if is_busy(caught) and self._may_wait():
                self._soon(self._open, BUSY_SECONDS)
                return
            if self._turns is not None:
                self._turns.leave()
            self._refuse(caught)
            return
        self._busy_until = 0.0
        self._apply()

    def _may_wait(self) -> bool:
        if not self._busy_until:
            self._busy_until = monotonic() + BUSY_SECONDS_MAX
        return monotonic() < self._busy_until

    def _apply(self) -> None:
        """Apply what waits, with pauses for the loop; then hand the COMMIT over."""
        deadline = monotonic() + HOLD_SECONDS_MAX
        group, taken = self._group, self._taken
        try:
            while self._current is not None or taken or self._more():
                work = self._current = self._current or taken.popleft()
                if not work.apply(deadline):
                    self._soon(self._apply)
                    return
                self._current = None
                if work.lost and not group:
                    # To what is committed. Who hears it now can decide anew in the same turn, and cannot lose again.
                    self._settle(work, durable=False)
                    self._chances = CHANCES_MAX
                else:
                    group.append(work)
                if taken and monotonic() > deadline:
                    self._soon(self._apply)
                    return
        except Exception as error:
            # Whatever it is, the waiters must hear of it and the next group must begin.
            self._failed(error)
            return
        if self._chances and not group:
            self._chances -= 1
            self._soon(self._apply)
            return
        copier = self._copier
        copies_rest = copier is not None and copier.writers_must_wait()
        # The first commit of a new log waits for the disk.
        waits = self._commit_syncs or copies_rest or (copier is not None and copier.has_copied())
        if waits or self._group_size > LOOP_COMMIT_BYTES_MAX:
            self._jobs.put(partial(self._commit_in_thread, copies_rest))
        else:
            self._commit_ended(*self._commit(False))

    def _soon(self, step: Callable[[], None], seconds: float = 0.0) -> None:
        assert self._loop is not None
        if seconds:
            self._loop.call_later(seconds, step)
        else:
            self._loop.call_soon(step)

    def _more(self) -> bool:
        """Take what waits, for a group that others may join."""
        if self._group and (not self._joined or self._group_size >= GROUP_BYTES):
            return False
        return self._take()

    def _take(self) -> bool:
        if not self._waiting:
            return False
        works, joined = self._waiting.take()
        self._joined = joined
        self._taken.extend(works)
        for work in works:
            self._group_size += work.size
        return True

    def _run_jobs(self) -> None:
        """The thread: whatever waits without the interpreter lock, one after the other."""
        while (job := self._jobs.get()) is not None:
            job()

    def _wait(self) -> None:
        """In the thread: wait for the turn."""
        assert self._loop is not None
        assert self._turns is not None
        failure = None
        try:
            self._turns.wait()
        except OSError as error:
            failure = error
        self._loop.call_soon_threadsafe(self._open, failure)

    def _commit_in_thread(self, copies_rest: bool) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._commit_ended, *self._commit(copies_rest))

    def _commit(self, copies_rest: bool) -> tuple[int, sqlite3.Error | None]:
        """Commit, and let the next process begin: the turn that has ended."""
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            return 0, error
        try:
            if self._copier is not None:
                if copies_rest:
                    self._copier.copy_rest()
                self._copier.after_commit()
        except Exception:
            # The commit stands; the copier is asked again with the next one.
            _log.exception("The log was not copied")
        return self._turns.leave() if self._turns is not None else 0, None

    def _commit_ended(self, turn: int, error: sqlite3.Error | None) -> None:
        if error is not None:
            self._failed(error)
            return
        group = self._clear_group()
        self.sizes[len(group).bit_length()] += 1
        self.works += len(group)
        if self._sync is None:
            for work in group:
                self._settle(work, durable=True)
        else:
            self._synchronize(turn, group)
        self._go_on()

    def _synchronize(self, turn: int, group: list[Work]) -> None:
        """Settle the works when the turn is on the disk."""
        assert self._sync is not None
        if self._committed:
            # A reader may wait for a turn of another process that is later than one of ours which this is told of now.
            turn = max(turn, self._committed[-1][0])
        self._committed.append((turn, group))
        self._unsynced += sum([work.size for work in group])
        if not self._syncing:
            self._syncing = True
            self._sync.order(turn, self._synchronized)

    def _synchronized(self, error: OSError | None) -> None:
        """What was ordered is on the disk, and so may be what came later."""
        assert self._sync is not None
        committed, durable = self._committed, self._sync.durable()
        while committed and (error is not None or committed[0][0] <= durable):
            _, group = committed.popleft()
            self._unsynced -= sum([work.size for work in group])
            if error is None:
                for work in group:
                    self._settle(work, durable=True)
            else:
                self._fail(group, StorageUnavailable(NOT_SYNCED))
        self._syncing = bool(committed)
        if committed:
            self._sync.order(committed[-1][0], self._synchronized)
        if self._held_back and self._unsynced <= UNSYNCED_BYTES_MAX:
            self._held_back = False
            self._go_on()
        self._check_drained()

    @staticmethod
    def _settle(work: Work, *, durable: bool) -> None:
        work.settle(durable=durable)
        if work.future.done():
            return
        if work.refusal is None:
            work.future.set_result(work.result())
        else:
            work.future.set_exception(work.refusal)

    def _failed(self, error: Exception) -> None:
        """Nothing of the group was written. Where one work is to blame it is tried again alone, between those before
        and those behind it; where none is, each half of the group is: so one that cannot be written takes no neighbour
        with it."""
        culprit, behind = self._current, list(self._taken)
        group = self._clear_group()
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as caught:
            error = caught
        if self._turns is not None:
            self._turns.leave()
        if culprit is None and len(group) > 1:
            half = len(group) // 2
            again = [group[:half], group[half:]]
        elif culprit is not None and group:
            again = [group, [culprit], behind]
        else:
            # It was alone in its transaction so far.
            self._fail(group if culprit is None else [culprit], error)
            again = [behind]
        for works in again:
            for work in works:
                work.restart()
        self._waiting.put_back(again)
        self._go_on()

    def _give_up(self, error: OSError) -> None:
        assert self._turns is not None
        self._turns.give_up()
        self._refuse(StorageUnavailable(f"The data file cannot be locked: {error.strerror}."))

    def _refuse(self, error: Exception) -> None:
        """No transaction can begin: the works that it would have begun with fail."""
        self._busy_until = 0.0
        self._take()
        works = list(self._taken)
        self._clear_group()
        self._fail(works, error)
        self._go_on()

    @staticmethod
    def _fail(works: Sequence[Work], error: Exception) -> None:
        for work in works:
            work.settle(durable=False)
            if not work.future.done():
                work.future.set_exception(storage_error(error))

    def _clear_group(self) -> list[Work]:
        """Those whose statements have run. Nothing is taken any more."""
        group = self._group
        self._group = []
        self._group_size = self._chances = 0
        self._current = None
        self._taken.clear()
        return group

    def _go_on(self) -> None:
        if self._unsynced > UNSYNCED_BYTES_MAX:
            self._held_back = True
            return
        if self._waiting:
            # By the loop, not by a call: a row of failures must not grow the stack.
            self._soon(self._begin)
            return
        self.idle = True
        self._check_drained()

    def _check_drained(self) -> None:
        if self._drained is not None and self.idle and not self._committed and not self._drained.done():
            self._drained.set_result(None)
