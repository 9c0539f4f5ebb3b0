"""Empties dropped tables in small steps beside the traffic, and gives their space back to the file system."""

import asyncio
import logging
import sqlite3
from time import monotonic
from typing import Final

from magnetodb.errors import StorageBusy, StorageFull, StorageUnavailable
from magnetodb.storage.commit_queue import Work
from magnetodb.storage.group_commit import GroupCommit
from magnetodb.storage.log_copier import LogCopier
from magnetodb.storage.writer_lock import WriterLock

EMPTY_ROWS_MAX: Final = 200
"""So many rows are deleted in one step."""

EMPTY_BYTES_MAX: Final = 1024 * 1024
"""A step ends with the row that reaches this many bytes of values."""

VACUUM_PAGES: Final = 64
"""So many free pages leave the file in one step."""

REST: Final = 3
"""Pause after each step, in multiples of the time that it took: traffic keeps three quarters."""

TURN_SECONDS: Final = 1.0
"""So often a process looks whether another one still empties."""

COPIES_MAX: Final = 20
COPY_SECONDS: Final = 0.1
"""So often, and with such pauses, the log is copied into the file to make it shrink at once. With so many writes that
none of them copies all, it shrinks when the log begins anew."""

RETRY_SECONDS: Final = (1.0, 60.0)
"""Pause after an error: the first, doubled up to the last."""

FIRST_DROPPED = "SELECT id FROM row_tables WHERE dropped ORDER BY id LIMIT 1"
FORGET_DROPPED = "DELETE FROM row_tables WHERE id = ?"
FIRST_ROWS = (
    "SELECT token, partition, sort, length(value) FROM rows WHERE table_id = ? ORDER BY token, partition, sort LIMIT ?"
)
DELETE_UNTIL = "DELETE FROM rows WHERE table_id = ? AND (token, partition, sort) <= (?, ?, ?)"

_log = logging.getLogger(__name__)


class DroppedTables:
    """The background task of a driver. Its progress is in the file, so it goes on after a restart.

    `lock`: only one of several processes is at it.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        reader: sqlite3.Connection,
        commits: GroupCommit,
        copier: LogCopier | None,
        lock: WriterLock | None = None,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._commits = commits
        self._copier = copier
        self._lock = lock
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def start(self) -> None:
        """Work through what was dropped, if that is not under way."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop after the step in hand."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._again:
            self._again = False
            if await self._its_turn():
                try:
                    await self._empty()
                finally:
                    if self._lock is not None:
                        self._lock.stop_emptying()

    async def _empty(self) -> None:
        if await self._repeat(_EmptyTable) and self._copier is not None:
            await self._repeat(_Vacuum)
            # The file itself shrinks only when the whole log is copied into it, which a read may hinder.
            for _ in range(COPIES_MAX):
                self._copier.order()
                await asyncio.sleep(COPY_SECONDS)
                if self._copier.has_copied():
                    break

    async def _its_turn(self) -> bool:
        """Whether it is up to this process: waits until the one that is at it has done all, or has been killed."""
        if self._lock is None:
            return True
        while not self._lock.empty_dropped_tables():
            await asyncio.sleep(TURN_SECONDS)
            if self._reader.execute(FIRST_DROPPED).fetchone() is None:
                return False
        return True

    async def _repeat(self, kind: "type[_EmptyTable] | type[_Vacuum]") -> bool:
        """Steps until nothing is left; False if nothing was there."""
        worked = False
        while True:
            began = monotonic()
            if not await self._step(kind(self._connection)):
                return worked
            worked = True
            await asyncio.sleep((monotonic() - began) * REST)

    async def _step(self, work: Work) -> bool:
        retry_seconds, longest = RETRY_SECONDS
        while True:
            try:
                (future,) = self._commits.submit((work,))
                return bool(await future)
            except StorageBusy:
                pass
            except (StorageFull, StorageUnavailable) as error:
                _log.warning("Emptying dropped tables waits: %s", error)
            await asyncio.sleep(retry_seconds)
            retry_seconds = min(retry_seconds * 2, longest)


class _Step(Work):
    """Its result: there may be more to do."""

    __slots__ = ("_connection", "_more")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._more = True

    def result(self) -> bool:
        return self._more


class _EmptyTable(_Step):
    """Delete the first rows of the first dropped table; forget the table when it has none."""

    __slots__ = ()

    def apply(self, deadline: float) -> bool:
        execute = self._connection.execute
        dropped = execute(FIRST_DROPPED).fetchone()
        self._more = dropped is not None
        if dropped is None:
            return True
        size, last = 0, None
        for row in execute(FIRST_ROWS, (*dropped, EMPTY_ROWS_MAX)).fetchall():
            last = row[:3]
            size += row[3]
            if size >= EMPTY_BYTES_MAX:
                break
        if last is None:
            execute(FORGET_DROPPED, dropped)
        else:
            execute(DELETE_UNTIL, (*dropped, *last))
        return True


class _Vacuum(_Step):
    """Move the file's last pages into free ones and cut it."""

    __slots__ = ()

    def apply(self, deadline: float) -> bool:
        # One at a time: through Python's module a larger number moves no more than one.
        for _ in range(VACUUM_PAGES):
            self._connection.execute("PRAGMA incremental_vacuum(1)")
            if monotonic() > deadline:
                break
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        self._more = free > 0
        return True
