"""Pages out of what Cassandra returns: rows that are there, up to a number and a size; and how many to ask for."""

from collections.abc import Iterable
from typing import Any, Final

from magnetodb.model.rows import Page, Row, RowKey
from magnetodb.storage.driver import READ_BYTES_MAX

ROWS_FIRST: Final = 64
ROWS_MIN: Final = 4
ROWS_MAX: Final = 1000
"""Rows of one message: so many if nothing is known of the table, and the bounds of what its rows' size says."""

TABLES_MAX: Final = 4096

_new: Any = tuple.__new__
"""Makes rows of pages: a named tuple's own constructor takes three times as long, and pages have many."""


class RowSizes:
    """How large the rows of each table have been lately."""

    def __init__(self) -> None:
        self._bytes: dict[str, float] = {}

    def rows(self, table: str, limit: int) -> int:
        """How many rows to ask for at once, of `limit` that are wanted."""
        size = self._bytes.get(table)
        likely = ROWS_FIRST if size is None else int(READ_BYTES_MAX / size) + 1
        return min(limit, max(ROWS_MIN, min(likely, ROWS_MAX)))

    def learn(self, table: str, rows: int, size: int) -> None:
        """So many rows had so many bytes in all."""
        if rows == 0:
            return
        average = max(size / rows, 1.0)
        known = self._bytes.get(table)
        if known is None and len(self._bytes) >= TABLES_MAX:
            del self._bytes[next(iter(self._bytes))]
        self._bytes[table] = average if known is None else (known + average) / 2


class PageFilling:
    """A page in the making, of at most `limit` rows of one row table."""

    def __init__(self, table: str, limit: int) -> None:
        self.rows: list[Row] = []
        self.bytes = 0
        self.is_full = False
        """There is a row more, for which there is no room."""
        self._table = table
        self._limit = limit

    @property
    def wanted(self) -> int:
        """How many rows more are worth asking for: those for which there is room, and one that says there is more."""
        return self._limit + 1 - len(self.rows)

    @property
    def has_enough(self) -> bool:
        """No row more will be taken."""
        return self.is_full or self.bytes >= READ_BYTES_MAX

    def add(self, found: Iterable[tuple[bytes, bytes, bytes | None, int | None]]) -> None:
        """Take rows (partition, sort, v, ver) in their order. Dead ones are left out."""
        table, rows, limit, size = self._table, self.rows, self._limit, self.bytes
        for partition, sort, value, version in found:
            if value is None:
                continue
            if len(rows) == limit or size >= READ_BYTES_MAX:
                self.is_full = True
                break
            key = _new(RowKey, (table, partition, sort))
            rows.append(_new(Row, (key, value, version or 0, False, None)))
            size += len(value)
        self.bytes = size

    def page(self, *, more: bool) -> Page:
        """The page; whether there is more behind it."""
        return Page(self.rows, more)
