"""Rows in the order of a time, of which those that are due are removed from the front, again and again.

On Cassandra what was removed stays in the way of reads for ten days, and a read fails that passes by too much of it
(`tombstone_failure_threshold`). As soon as that happens a partition is read in windows of time, and what lies before
the first row that was found is left alone for an hour: so rows that come there late, because they were due when they
were written, are found within that hour and else at once.
"""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

from magnetodb.errors import StorageUnavailable
from magnetodb.model.rows import Page, RowKey, SortRange
from magnetodb.storage.driver import StorageDriver

SECONDS_BYTES: Final = 8
"""With so many bytes, the second when the row is due, big-endian, a sort key begins."""

FROM_FRONT_SECONDS: Final = 3600.0
"""So often a partition that is read in windows is read from its front again."""

NEWEST_SECONDS: Final = 600
"""Rows that have become due so lately are always looked at."""

READS_MAX: Final = 16
"""So many windows are read at once; the next call goes on."""

_log = logging.getLogger(__name__)


class _Windows:
    """How a partition is read: from the sort key `begin` on, so many seconds together. `ends`: when it is to be read
    from its front again."""

    __slots__ = ("begin", "ends", "seconds")

    def __init__(self, begin: bytes, seconds: int, ends: float) -> None:
        self.begin = begin
        self.seconds = seconds
        self.ends = ends


class DueRows:
    """The rows that are due in any partitions of one storage. `monotonic`: a clock in seconds."""

    def __init__(self, driver: StorageDriver, monotonic: Callable[[], float] = monotonic) -> None:
        self._driver = driver
        self._monotonic = monotonic
        self._windows: dict[tuple[str, bytes], _Windows] = {}
        self._going_on: dict[tuple[str, bytes], bytes] = {}

    async def first(self, table: str, partition: bytes, due: SortRange, *, limit: int) -> Page:
        """The first rows of a range, which ends now and is given in seconds of SECONDS_BYTES; `more`: there may be
        others, also where this brings none. Raises StorageErrors."""
        windows = self._windows.get((table, partition))
        if windows is None or self._monotonic() >= windows.ends:
            self._windows.pop((table, partition), None)
            begin = max(self._going_on.get((table, partition), b""), due.start)
            try:
                page = await self._driver.query(table, partition, due._replace(start=begin), limit=limit)
            except StorageUnavailable:
                await self._reach(table, partition)
                _log.warning("What is due in %s is read in windows of time: too much was removed before it", table)
                ends = self._monotonic() + FROM_FRONT_SECONDS
                seconds = max(1, (_seconds(due.end) - _seconds(begin)) // 2)
                windows = self._windows[table, partition] = _Windows(begin, seconds, ends)
            else:
                self._go_on(table, partition, begin, page)
                return page
        return await self._first_in_windows(windows, table, partition, due, limit)

    def _go_on(self, table: str, partition: bytes, begin: bytes, page: Page) -> None:
        """While there is more, have the next read begin where this one found the first row: that it is removed is what
        its reader is about to do."""
        if page.more and page.rows and page.rows[0].key.sort != begin:
            self._going_on[table, partition] = page.rows[0].key.sort
        else:
            self._going_on.pop((table, partition), None)

    async def _first_in_windows(
        self, windows: _Windows, table: str, partition: bytes, due: SortRange, limit: int
    ) -> Page:
        end = _seconds(due.end)
        for _ in range(READS_MAX):
            begin = max(windows.begin, due.start)
            stop = min(_seconds(begin) + windows.seconds, end)
            if stop <= _seconds(begin):
                return Page((), False)
            try:
                page = await self._driver.query(table, partition, SortRange(begin, _sort(stop)), limit=limit)
            except StorageUnavailable:
                await self._reach(table, partition)
                if windows.seconds > 1:
                    windows.seconds = max(1, (stop - _seconds(begin)) // 2)
                    continue
                _log.warning("What was due in %s in the second %d cannot be read yet", table, stop - 1)
            else:
                if page.rows:
                    windows.begin = page.rows[0].key.sort
                    return Page(page.rows, page.more or stop < end)
                windows.seconds *= 2
            if stop == end:
                windows.begin = _sort(max(0, end - NEWEST_SECONDS))
                return Page((), False)
            windows.begin = _sort(stop)
        return Page((), True)

    async def _reach(self, table: str, partition: bytes) -> None:
        """Raises StorageErrors where the storage fails for other reasons than what was removed, which is in nobody's
        way to a single row."""
        await self._driver.get((RowKey(table, partition, _sort(0)),))


def _seconds(sort: bytes | None) -> int:
    return int.from_bytes((sort or b"")[:SECONDS_BYTES], "big")


def _sort(seconds: int) -> bytes:
    return seconds.to_bytes(SECONDS_BYTES, "big")
