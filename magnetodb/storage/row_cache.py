"""Rows read or written lately, so that the next read of an item, or the read before its next write, needs no SQL.

Right because the cache belongs to one event loop: a row leaves the cache when a change of it is queued, and the new row
comes in when it is durable. While a change is queued the row is not cached, so that no read that comes through the
cache is older than one that came from the file. What other processes change is marked in memory that they share.
"""

from collections import OrderedDict
from typing import Final

from magnetodb.model.rows import Row, RowKey
from magnetodb.storage.other_processes import NOT_SETTLED, OtherProcesses, place_of_mark

CACHE_BYTES_MAX: Final = 16 * 1024 * 1024
ROW_BYTES: Final = 512
"""What a cached row weighs besides its value: the tuples, the key and the mark."""

ROW_VALUE_BYTES_MAX: Final = 16 * 1024
"""Larger values are not cached: their copying costs more than their reading."""


class RowCache:
    """The rows that were used last, up to `bytes_max`. Rows that are not there are not remembered as such.

    Marks are of no use here: the file belongs to this process.
    """

    __slots__ = ("_bytes", "_bytes_max", "_rows")

    def __init__(self, bytes_max: int = CACHE_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._rows: OrderedDict[RowKey, Row] = OrderedDict()

    def get(self, key: RowKey) -> Row | None:
        """The row, None if it is not cached."""
        row = self._rows.get(key)
        if row is not None:
            self._rows.move_to_end(key)
        return row

    def mark_of(self, key: RowKey) -> int:
        """The mark for `put`, to be asked for before the row is read."""
        return 0

    def put(self, row: Row, mark: int = 0) -> None:
        """Remember a durable row, in place of what was remembered of its key. `mark`: its mark as it was before it was
        read, or when it was written."""
        self.discard(row.key)
        size = len(row.value)
        if size > ROW_VALUE_BYTES_MAX:
            return
        self._rows[row.key] = row
        self._bytes += size + ROW_BYTES
        while self._bytes > self._bytes_max:
            self.discard(next(iter(self._rows)))

    def discard(self, key: RowKey) -> None:
        """Forget a row."""
        row = self._rows.pop(key, None)
        if row is not None:
            self._bytes -= len(row.value) + ROW_BYTES

    def discard_table(self, table: str) -> None:
        """Forget the rows of a table."""
        for key in [key for key in self._rows if key.table == table]:
            self.discard(key)

    def clear(self) -> None:
        """Forget everything."""
        while self._rows:
            self.discard(next(iter(self._rows)))


class SharedRowCache(RowCache):
    """The same where other processes change rows too: right as long as a row has the mark with which it came in."""

    __slots__ = ("_marks", "_memory", "_others")

    def __init__(self, others: OtherProcesses, bytes_max: int = CACHE_BYTES_MAX) -> None:
        super().__init__(bytes_max)
        self._others = others
        self._memory = others.lock.memory
        self._marks: dict[RowKey, tuple[int, int]] = {}
        """Of every row: where its mark is, and what it was."""

    def get(self, key: RowKey) -> Row | None:
        """See RowCache."""
        row = self._rows.get(key)
        if row is None:
            return None
        place, mark = self._marks[key]
        if self._memory[place] != mark:
            self.discard(key)
            return None
        self._rows.move_to_end(key)
        return row

    def mark_of(self, key: RowKey) -> int:
        """See RowCache."""
        return self._others.mark_of(key)

    def put(self, row: Row, mark: int = NOT_SETTLED) -> None:
        """See RowCache."""
        if mark == NOT_SETTLED:
            self.discard(row.key)
            return
        super().put(row)
        if row.key in self._rows:
            self._marks[row.key] = place_of_mark(row.key), mark

    def discard(self, key: RowKey) -> None:
        """See RowCache."""
        self._marks.pop(key, None)
        super().discard(key)
