"""Many writers, one fsync: what waits is applied in one SQL transaction, and a thread does nothing but COMMIT.

The statements run in the event loop's thread, where they cost no hand-over of the interpreter lock; only the fsync runs
beside it. While one group is being committed the next one gathers.
"""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from time import monotonic
from typing import Any

from magnetodb.errors import StorageBusy, StorageUnavailable
from magnetodb.storage.sqlite_errors import storage_error

COMMIT_CHANGES_MAX = 1000
"""A group ends with the work that reaches this many changes."""

COMMIT_BYTES_MAX = 8 * 1024 * 1024
"""A group ends with the work that reaches this many bytes."""

QUEUE_BYTES_MAX = 64 * 1024 * 1024
"""More than this may not wait."""

COMMIT_BITS_MAX = 16
"""Sizes of groups are counted by their bits."""

HOLD_SECONDS_MAX = 0.002
"""Statements run so long before the loop gets its turn."""


class Work:
    """Something to do inside a transaction that others may share.

    `outside`: a statement that COMMIT's thread runs instead, in no transaction.
    """

    __slots__ = ("alone", "future")
    outside: str | None = None
    changes = 1
    size = 1024
    future: "asyncio.Future[Any]"
    alone: bool

    def apply(self, deadline: float) -> bool:
        """Run the statements; False: `deadline` (of the monotonic clock) came first, call again to go on.

        May be applied a second time from the start after a rollback, which `restart` announces.
        """
        return True

    def restart(self) -> None:
        """The transaction was rolled back; `apply` is called anew."""

    def result(self) -> Any:
        """What the waiter gets when the work is durable."""

    def settle(self, *, durable: bool) -> None:
        """The work is durable, or has failed for good."""


class GroupCommit:
    """The queue in front of the one writing connection. All methods belong to the event loop's thread.

    `before_group` is called when a group begins; `idle` is True while no transaction is open. `sizes` counts the
    commits by the bits of the number of works in them (`sizes[3]`: 4 to 7), `works` those works.
    """

    def __init__(self, connection: sqlite3.Connection, before_group: Callable[[], None]) -> None:
        self.idle = True
        self.sizes = [0] * COMMIT_BITS_MAX
        self.works = 0
        self._connection = connection
        self._before_group = before_group
        self._waiting: deque[Work] = deque()
        self._waiting_size = 0
        self._group: list[Work] = []
        self._group_changes = 0
        self._group_size = 0
        self._current: Work | None = None
        self._closed = False
        self._drained: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._statements: SimpleQueue[str | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run_statements, name="magnetodb-commit", daemon=True)

    def submit(self, works: Sequence[Work]) -> "list[asyncio.Future[Any]]":
        """Queue all of them, in this order. Each future is resolved when its work is durable.

        Raises StorageBusy when too much waits; then none is queued.
        """
        if self._closed:
            raise StorageUnavailable("The storage is closed.")
        size = self._waiting_size + sum([work.size for work in works])
        if self._waiting and size > QUEUE_BYTES_MAX:
            raise StorageBusy("Too many writes are waiting.")
        loop = self._loop or self._start()
        futures = []
        for work in works:
            work.future = loop.create_future()
            work.alone = work.outside is not None
            futures.append(work.future)
        self._waiting.extend(works)
        self._waiting_size = size
        if self.idle and works:
            self.idle = False
            loop.call_soon(self._begin)
        return futures

    async def close(self) -> None:
        """Refuse new work, wait for what was queued, end the thread."""
        self._closed = True
        if not self.idle:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained
        if self._loop is not None:
            self._statements.put(None)
            self._thread.join()
            self._loop = None

    def _start(self) -> asyncio.AbstractEventLoop:
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        return self._loop

    def _begin(self) -> None:
        """Open a transaction for what waits."""
        self._before_group()
        statement = self._waiting[0].outside
        if statement is not None:
            self._group.append(self._take())
            self._statements.put(statement)
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._current = self._take()
            self._failed(error)
            return
        self._apply()

    def _apply(self) -> None:
        """Apply what waits, with pauses for the loop; then hand the COMMIT over."""
        deadline = monotonic() + HOLD_SECONDS_MAX
        group = self._group
        try:
            while self._current is not None or self._next_fits():
                work = self._current = self._current or self._take()
                if not work.apply(deadline):
                    self._later(self._apply)
                    return
                group.append(work)
                self._current = None
                if monotonic() > deadline and self._next_fits():
                    self._later(self._apply)
                    return
        except Exception as error:
            # Whatever it is, the waiters must hear of it and the next group must begin.
            self._failed(error)
            return
        self._statements.put("COMMIT")

    def _later(self, step: Callable[[], None]) -> None:
        assert self._loop is not None
        self._loop.call_soon(step)

    def _next_fits(self) -> bool:
        if not self._waiting:
            return False
        if not self._group:
            return True
        return (
            self._group_changes < COMMIT_CHANGES_MAX
            and self._group_size < COMMIT_BYTES_MAX
            and not self._waiting[0].alone
            and not self._group[-1].alone
        )

    def _take(self) -> Work:
        work = self._waiting.popleft()
        self._waiting_size -= work.size
        self._group_changes += work.changes
        self._group_size += work.size
        return work

    def _run_statements(self) -> None:
        """The thread: one statement after the other, and one call into the loop for each."""
        assert self._loop is not None
        loop, connection = self._loop, self._connection
        while (statement := self._statements.get()) is not None:
            error: Exception | None = None
            try:
                connection.execute(statement).fetchall()
            except sqlite3.Error as caught:
                error = caught
            loop.call_soon_threadsafe(self._committed, error)

    def _committed(self, error: Exception | None) -> None:
        if error is not None:
            self._failed(error)
            return
        group = self._clear_group()
        self.sizes[len(group).bit_length()] += 1
        self.works += len(group)
        for work in group:
            work.settle(durable=True)
            if not work.future.done():
                work.future.set_result(work.result())
        self._go_on()

    def _failed(self, error: Exception) -> None:
        """Nothing of the group was written. A work that was not alone gets a second chance alone, so that one that
        cannot be written takes no neighbour with it."""
        group = self._clear_group()
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as caught:
            error = caught
        if len(group) == 1:
            work = group[0]
            work.settle(durable=False)
            if not work.future.done():
                work.future.set_exception(storage_error(error))
        else:
            for work in reversed(group):
                work.alone = True
                work.restart()
                self._waiting.appendleft(work)
                self._waiting_size += work.size
        self._go_on()

    def _clear_group(self) -> list[Work]:
        group = self._group
        if self._current is not None:
            group.append(self._current)
            self._current = None
        self._group = []
        self._group_changes = self._group_size = 0
        return group

    def _go_on(self) -> None:
        if self._waiting:
            # By the loop, not by a call: a row of failures must not grow the stack.
            self._later(self._begin)
            return
        self.idle = True
        if self._drained is not None:
            self._drained.set_result(None)
