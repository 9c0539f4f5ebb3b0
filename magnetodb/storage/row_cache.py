"""Rows read or written lately, so that the next read of an item, or the read before its next write, needs no SQL.

Right because the cache belongs to one event loop, and is cleared when another process has committed: a row leaves the
cache when a change of it is queued, and the new row comes in when it is durable. While a change is queued the row is
not cached, so that no read that comes through the cache is older than one that came from the file.
"""

from collections import OrderedDict
from typing import Final

from magnetodb.model.rows import Row, RowKey

CACHE_BYTES_MAX: Final = 16 * 1024 * 1024
ROW_BYTES: Final = 512
"""What a cached row weighs besides its value: the tuples and the key."""

ROW_VALUE_BYTES_MAX: Final = 16 * 1024
"""Larger values are not cached: their copying costs more than their reading."""


class RowCache:
    """The rows that were used last, up to `bytes_max`. Rows that are not there are not remembered as such."""

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

    def put(self, row: Row) -> None:
        """Remember a durable row, in place of what was remembered of its key."""
        self.discard(row.key)
        size = len(row.value)
        if size > ROW_VALUE_BYTES_MAX:
            return
        self._rows[row.key] = row
        self._bytes += size + ROW_BYTES
        while self._bytes > self._bytes_max:
            _, oldest = self._rows.popitem(last=False)
            self._bytes -= len(oldest.value) + ROW_BYTES

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
        self._rows.clear()
        self._bytes = 0
