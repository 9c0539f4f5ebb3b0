"""Rows as this process last left them or found them, so that whoever writes them again need not read them first.

Another process may have written such a row since. The lightweight transaction finds that out, as it compares the
version; so a known row is good for a write, and for nothing that is answered without one: it is `pending`. Where others
write the same rows too often, reading first costs less, and rows are only watched until that is over.
"""

from typing import Final

from magnetodb.model.rows import Row, RowKey
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.item_row import in_step

KNOWN_BYTES_MAX: Final = 16 * 1024 * 1024
VALUE_BYTES_MAX: Final = 16 * 1024
"""A larger row is not kept."""

ROW_BYTES: Final = 400
"""What a row takes beside its value and its key, roughly."""

RIGHT_SHARE_MIN: Final = 0.9
"""Rows are used while so many of those of the last time were still right."""

SMOOTHING: Final = 64
"""Over so many rows, about."""


class KnownRows:
    """The rows of a process that were last read or written, as far as they fit in `bytes_max`."""

    def __init__(self, *, bytes_max: int = KNOWN_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._rows: dict[RowKey, ItemRow] = {}
        self._bytes = 0
        self._right_share = 1.0

    def row(self, key: RowKey) -> Row | None:
        """The row, `pending`, if it is known and likely to be right."""
        row = self._rows.get(key)
        if row is None or self._right_share < RIGHT_SHARE_MIN:
            return None
        assert row.v is not None
        return Row(key, row.v, row.ver or 0, True, row)

    def made(self, key: RowKey, row: ItemRow) -> None:
        """A write of this process has left the row so."""
        if key in self._rows:
            self._count(right=True)
        self._keep(key, row)

    def found(self, key: RowKey, row: ItemRow) -> None:
        """The row was read."""
        known = self._rows.get(key)
        if known is not None:
            if (row.ver or 0) < (known.ver or 0):
                return  # Read before it was written here, or a dead row that is gone.
            self._count(right=known.tok == row.tok)
        self._keep(key, row)

    def lost(self, key: RowKey) -> None:
        """A write of the row came to nothing."""
        if key in self._rows:
            self._count(right=False)
            self._drop(key)

    def _keep(self, key: RowKey, row: ItemRow) -> None:
        self._drop(key)
        if row.v is None or row.ltx is not None or len(row.v) > VALUE_BYTES_MAX or not in_step(row):
            return
        # Of a row in step nobody looks at `pend`, which has the keys of hidden rows.
        self._rows[key] = row._replace(pend=None)
        self._bytes += _size(key, row.v)
        while self._bytes > self._bytes_max:
            self._drop(next(iter(self._rows)))

    def _drop(self, key: RowKey) -> None:
        row = self._rows.pop(key, None)
        if row is not None:
            assert row.v is not None
            self._bytes -= _size(key, row.v)

    def _count(self, *, right: bool) -> None:
        self._right_share += (right - self._right_share) / SMOOTHING


def _size(key: RowKey, value: bytes) -> int:
    return ROW_BYTES + len(key.partition) + len(key.sort) + len(value)
