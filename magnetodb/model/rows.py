"""Rows: all that a storage driver knows. Everything stored is a row; a write is a batch of changes to rows."""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any, Final, Literal, NamedTuple, overload

TOKEN_MIN: Final = -(2**63)
TOKEN_MAX: Final = 2**63 - 1


class RowKey(NamedTuple):
    """Where a row is. `table` is the id of a row table (never a user's name); rows of one `partition` lie together,
    ordered by `sort` as unsigned bytes. `sort` is b"" where a table has no sort key."""

    table: str
    partition: bytes
    sort: bytes


class Row(NamedTuple):
    """A row as it was read. `version` grows with every change of the row and is what compare-and-set compares. `value`
    is never empty.

    `pending` says that the row was not read now: it is a write that this process has queued and the storage has not
    acknowledged yet, or one that this process knows of. Only `get(..., for_write=True)` returns such rows, and nothing
    may be answered from one before a commit that expects it.
    A pending row with the value b"" is a deletion: a change that expects it expects that nothing is there.
    `state` belongs to the driver.
    """

    key: RowKey
    value: bytes
    version: int
    pending: bool = False
    state: object = None


class Expected(Enum):
    """What a change may expect of a row other than a `Row` read before."""

    ABSENT = "absent"
    ANY = "any"


class Check(Enum):
    """The new value of a change that only compares."""

    CHECK = "check"


ABSENT: Final = Expected.ABSENT
ANY: Final = Expected.ANY
CHECK: Final = Check.CHECK


class DerivedRow(NamedTuple):
    """A row of a hidden table that follows from an item row: its value, or None to delete it."""

    key: RowKey
    value: bytes | None


class Change(NamedTuple):
    """One item row: what it must be now, what it shall be, and the derived rows that follow from it.

    `value` None deletes. Derived rows are written only if the whole batch is.
    """

    key: RowKey
    expected: Row | Expected
    value: bytes | Literal[Check.CHECK] | None
    derived: tuple[DerivedRow, ...] = ()


Batch = tuple[Change, ...]
"""Changes that happen all or not at all. At most one change per row key."""


class Committed(NamedTuple):
    """A batch that is durable. `versions` has each change's new version, in the order of the changes (a CHECK's and a
    delete's too)."""

    versions: tuple[int, ...]


class Lost(NamedTuple):
    """A batch of which nothing was written: `position` is the first change whose row was not as expected."""

    position: int


class SortRange(NamedTuple):
    """Sort keys between `start` (inclusive) and `end` (exclusive; None: no end), as bytes."""

    start: bytes = b""
    end: bytes | None = None


class TokenRange(NamedTuple):
    """Partitions whose token lies in [start, end], both inclusive. All tokens: the default."""

    start: int = TOKEN_MIN
    end: int = TOKEN_MAX


class PartitionRows(Sequence[Row]):
    """Rows of one partition in key order, as a storage found them: (sort, version, value). Each becomes a Row when it
    is asked for, because most pages are answered from the values alone."""

    __slots__ = ("_found", "_partition", "_table")

    def __init__(self, table: str, partition: bytes, found: list[tuple[bytes, int, bytes]]) -> None:
        self._table = table
        self._partition = partition
        self._found = found

    def values(self) -> list[bytes]:
        """Of all rows."""
        return [value for _, _, value in self._found]

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Row]:
        table, partition = self._table, self._partition
        return iter(
            [
                _new(Row, (_new(RowKey, (table, partition, sort)), value, version, False, None))
                for sort, version, value in self._found
            ]
        )

    @overload
    def __getitem__(self, position: int) -> Row: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[Row]: ...
    def __getitem__(self, position: int | slice) -> Row | Sequence[Row]:
        if isinstance(position, slice):
            return PartitionRows(self._table, self._partition, self._found[position])
        sort, version, value = self._found[position]
        return Row(RowKey(self._table, self._partition, sort), value, version)


_new: Any = tuple.__new__
"""A named tuple's own constructor takes three times as long, and pages have many rows."""


class Page(NamedTuple):
    """Rows in key order, and whether the range may hold more behind the last one."""

    rows: Sequence[Row]
    more: bool
