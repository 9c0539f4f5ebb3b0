"""Cells, rows and partitions as Cassandra keeps them, and how two states of them merge.

Everything is immutable and hashable. A mutation is a partition's fragment; applying it is merging it. The merge is a
join of a semilattice (commutative, associative, idempotent): so a mutation that is delivered late, twice or in any
order comes to the same, and nothing of replicas needs to be kept but what the quorum of them has seen.
"""

import uuid
from functools import lru_cache
from typing import Final, NamedTuple, Self

MERGES_MAX: Final = 500_000
"""So many merges are remembered: the explorer meets the same ones again and again."""


class Hashed:
    """A value whose hash is computed once. Equal if its parts are."""

    __slots__ = ("_hash", "_parts")

    def __init__(self, parts: tuple[object, ...]) -> None:
        self._parts = parts
        self._hash = hash(parts)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            type(self) is type(other) and self._hash == other._hash and self._parts == other._parts  # type: ignore[attr-defined]
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self._parts!r}"


class Cell(NamedTuple):
    """One column's value. `value` None is a tombstone. `expires` is the second in which an expiring cell ends.

    A tombstone's own second of deletion is left out: of tombstones with equal timestamps nobody can tell which is kept.
    """

    timestamp: int
    value: object
    expires: int | None = None
    time_to_live: int = 0

    def live(self, second: int) -> bool:
        """It has a value in that second."""
        return self.value is not None and (self.expires is None or second < self.expires)


def newer_cell(left: Cell, right: Cell) -> Cell:
    """Which cell wins (org.apache.cassandra.db.rows.Cells.resolveRegular): the larger timestamp; among equal ones a
    tombstone, then an expiring cell, then the later end, then the smaller TTL (which was written later), then the
    larger value as unsigned bytes."""
    return left if _rank(left) >= _rank(right) else right


def _rank(cell: Cell) -> tuple[int, int, int, int, bytes]:
    if cell.value is None:
        return (cell.timestamp, 2, 0, 0, b"")
    if cell.expires is not None:
        return (cell.timestamp, 1, cell.expires, -cell.time_to_live, serialized(cell.value))
    return (cell.timestamp, 0, 0, 0, serialized(cell.value))


def serialized(value: object) -> bytes:
    """A value as Cassandra stores and compares it (all integers as eight bytes: the shorter types order alike)."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"\1" if value else b"\0"
    if isinstance(value, int):
        return value.to_bytes(8, "big", signed=True)
    if isinstance(value, uuid.UUID):
        return value.bytes
    assert isinstance(value, str)
    return value.encode()


class Liveness(NamedTuple):
    """A row marker: what an INSERT leaves and an UPDATE does not. The row exists while it lives, without any cell."""

    timestamp: int
    expires: int | None = None
    time_to_live: int = 0

    def live(self, second: int) -> bool:
        """The row exists by it in that second."""
        return self.expires is None or second < self.expires


def newer_liveness(left: Liveness | None, right: Liveness | None) -> Liveness | None:
    """Which marker wins (LivenessInfo.supersedes): the larger timestamp, then an expiring one, then the later end."""
    if left is None or right is None:
        return left or right
    return max(
        left, right, key=lambda each: (each.timestamp, each.expires is not None, each.expires or 0, -each.time_to_live)
    )


class StoredRow(NamedTuple):
    """A row: its marker, the timestamp of its deletion, its cells ordered by column. What a deletion covers (timestamps
    up to its own) is not kept."""

    liveness: Liveness | None = None
    deleted: int | None = None
    cells: tuple[tuple[str, Cell], ...] = ()

    def live(self, second: int) -> bool:
        """A SELECT returns it in that second."""
        if self.liveness is not None and self.liveness.live(second):
            return True
        return any(cell.live(second) for _, cell in self.cells)

    def values(self, second: int) -> dict[str, Cell]:
        """The columns that have a value in that second."""
        return {column: cell for column, cell in self.cells if cell.live(second)}


def merged_row(left: StoredRow, right: StoredRow) -> StoredRow:
    """Both states of a row together."""
    cells = dict(left.cells)
    for column, cell in right.cells:
        known = cells.get(column)
        cells[column] = cell if known is None else newer_cell(known, cell)
    liveness = newer_liveness(left.liveness, right.liveness)
    if left.deleted is None and right.deleted is None:
        return StoredRow(liveness, None, tuple(sorted(cells.items())))
    deleted = max(each for each in (left.deleted, right.deleted) if each is not None)
    if liveness is not None and liveness.timestamp <= deleted:
        liveness = None
    kept = [(column, cell) for column, cell in cells.items() if cell.timestamp > deleted]
    return StoredRow(liveness, deleted, tuple(sorted(kept)))


Rows = tuple[tuple[tuple[object, ...], StoredRow], ...]
"""Rows by their clustering key, ordered by it."""


class Partition:
    """The rows of a partition in clustering order, and the ballot of its last lightweight transaction."""

    __slots__ = ("_hash", "ballot", "rows")

    def __init__(self, rows: Rows = (), ballot: int = 0) -> None:
        self.rows = rows
        self.ballot = ballot
        self._hash = hash((rows, ballot))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Partition)
            and self._hash == other._hash
            and self.rows == other.rows
            and self.ballot == other.ballot
        )

    def __repr__(self) -> str:
        return f"Partition({self.rows!r}, {self.ballot})"

    def row(self, clustering: tuple[object, ...]) -> StoredRow | None:
        """The row of a clustering key."""
        return next((row for key, row in self.rows if key == clustering), None)

    def merged(self, rows: Rows) -> "Partition":
        """This partition after a mutation."""
        return _merged(self, rows)

    def with_ballot(self, ballot: int) -> Self:
        """This partition after a lightweight transaction."""
        return type(self)(self.rows, ballot)


NOTHING: Final = Partition()


@lru_cache(MERGES_MAX)
def _merged(partition: Partition, rows: Rows) -> Partition:
    found = dict(partition.rows)
    for key, row in rows:
        known = found.get(key)
        found[key] = row if known is None else merged_row(known, row)
    return Partition(tuple(sorted(found.items(), key=_clustering_key)), partition.ballot)


def _clustering_key(entry: tuple[tuple[object, ...], StoredRow]) -> tuple[object, ...]:
    return tuple([each.bytes if isinstance(each, uuid.UUID) else each for each in entry[0]])
