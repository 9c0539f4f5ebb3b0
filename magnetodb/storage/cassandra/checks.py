"""Batches that write no item: comparisons, and hidden rows of items that stay as they are."""

from collections.abc import Sequence
from typing import Final

from magnetodb.errors import StorageBusy, StorageUnavailable
from magnetodb.model.rows import Batch, Committed, Lost
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.direct_path import write_all
from magnetodb.storage.cassandra.equipment import Equipment
from magnetodb.storage.cassandra.expectations import Expectations
from magnetodb.storage.cassandra.item_row import Position
from magnetodb.storage.cassandra.session import Bound
from magnetodb.storage.cassandra.session_errors import TableGone

COLLECTS_MAX: Final = 8


async def compare(expectations: Expectations, batch: Batch) -> Committed | Lost:
    """Whether all rows are as expected at one moment: all of them are read, and read again, until nothing changed in
    between; then they were so between the two. Raises StorageErrors and CassandraErrors."""
    lost = await expectations.meet()
    if lost is None and len(batch) == 1:
        lost = None if expectations.compared else await expectations.meet_again()
        return _compared(expectations.rows) if lost is None else Lost(lost)
    for _ in range(COLLECTS_MAX):
        if lost is not None:
            return Lost(lost)
        before = list(expectations.rows)
        lost = await expectations.meet_again()
        if lost is None and _same(before, expectations.rows):
            return _compared(expectations.rows)
    if lost is not None:
        return Lost(lost)
    raise StorageBusy("Too many writes of the same items.")


async def put_hidden(
    equipment: Equipment, expectations: Expectations, batch: Batch, positions: Sequence[Position], until: float
) -> Committed | Lost:
    """Put hidden rows of items that stay as they are: each with its item's version as timestamp, so that whatever later
    versions make of it comes after it, whenever it arrives. Should the process end in between, some are there and some
    are not, and each is right.

    The items are read serially: a write that was decided before anybody knew of the index, and is still on its way, is
    not applied afterwards. Raises StorageErrors and CassandraErrors.
    """
    lost = await expectations.meet_serially()
    if lost is not None:
        return Lost(lost)
    statements = []
    for change, row in zip(batch, expectations.rows, strict=True):
        for derived in change.derived:
            hidden = equipment.position(derived.key)
            statements.append(Bound(cql.put_hidden(hidden.table), (row.ver, derived.value, *hidden.key)))
    errors = [error for error in await write_all(equipment.session, statements, until) if error is not None]
    for error in errors:
        if isinstance(error, TableGone):
            raise error
    if errors:
        raise StorageUnavailable("Cassandra did not take all rows of an index.")
    return _compared(expectations.rows)


def _same(before: Sequence[ItemRow], after: Sequence[ItemRow]) -> bool:
    return all((one.ver, one.tok) == (other.ver, other.tok) for one, other in zip(before, after, strict=True))


def _compared(rows: Sequence[ItemRow]) -> Committed:
    return Committed(tuple([row.ver or 0 for row in rows]))
