"""The items that the raw driver reads and writes: the server's own rows, and the statements that our driver would send.

Each item has two values between which it is written to and fro, worked out beforehand, so that a load does nothing but
send statements. What it leaves behind is as right as what a server leaves: `index check` finds nothing.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

from benchmarks.sample_items import Sample
from magnetodb.api.auth import NOBODYS_PROJECT
from magnetodb.model.derived_rows import derived
from magnetodb.model.items import StoredItem, canonical_item
from magnetodb.model.keys import TableKeys
from magnetodb.model.rows import Row, RowKey
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.cluster_options import ClusterOptions
from magnetodb.storage.cassandra.driver import CassandraDriver
from magnetodb.storage.cassandra.hidden_rows import HiddenWrite
from magnetodb.storage.cassandra.intents import Intent
from magnetodb.storage.cassandra.item_row import Followed, HiddenRows, Position, encode_positions, followed
from magnetodb.storage.cassandra.partition_keys import stored_partition
from magnetodb.storage.cassandra.session import Bound
from magnetodb.storage.tables import Tables

READ_TOGETHER: Final = 500


class Version(NamedTuple):
    """One of the two values of an item. `rows`: the index rows that it puts, and those of the other that it deletes;
    `pend`: these as the item's row keeps them."""

    value: bytes
    rows: Followed
    pend: bytes | None


class StoredRow(NamedTuple):
    """An item as it was found, and what it may become."""

    position: Position
    ver: int
    tok: UUID
    versions: tuple[Version, Version]

    @classmethod
    def of(cls, keys: TableKeys, row: Row, other: StoredItem) -> Self:
        """Of a row that was read to be written, and another value of the item."""
        stored = StoredItem(row.value)
        position = position_of(row.key)
        there, back = version(keys, position, stored, other), version(keys, position, other, stored)
        state: Any = row.state
        return cls(position, state.ver, state.tok, (there, back))


class RawItem:
    """An item under load: which of its versions comes next."""

    __slots__ = ("_turn", "position", "tok", "ver", "versions")

    def __init__(self, row: StoredRow) -> None:
        self.position, self.ver, self.tok, self.versions = row
        self._turn = 0

    def next_version(self) -> Version:
        """The version that is not there now."""
        found = self.versions[self._turn]
        self._turn = 1 - self._turn
        return found


def position_of(key: RowKey) -> Position:
    """Where a row is in Cassandra, whose table is no local index."""
    return Position(key.table, 0, stored_partition(key.partition), key.sort)


def version(keys: TableKeys, position: Position, old: StoredItem, new: StoredItem) -> Version:
    """What it takes to write `new` where `old` is."""
    rows = [(position_of(each.key), each.value) for each in derived(keys, old, new).rows]
    found = followed(position, rows)
    return Version(new.value, found, encode_positions(found.deletes) if found.deletes else None)


# ---- the statements of one PutItem


def item_statement(item: RawItem, chosen: Version, before: tuple[int, UUID], ver: int, tok: UUID) -> Bound:
    """The lightweight transaction."""
    iver = ver if chosen.rows.hidden else None
    values = (0, chosen.value, ver, tok, iver, chosen.pend, *item.position.key, *before)
    return Bound(cql.put(item.position.table), values)


def intent_statement(intent: Intent) -> Bound:
    """The note for recovery."""
    slot, ts, tok, position = intent
    return Bound(cql.INSERT_INTENT, (slot, ts, tok, position.table, *position.key, ts))


def batch_statements(item: RawItem, chosen: Version, ver: int, intent: Intent) -> list[Bound]:
    """The logged batch behind it."""
    hidden = HiddenRows(item.position, ver, 0, chosen.rows.puts, chosen.rows.deletes)
    write = HiddenWrite(hidden, (intent,))
    return [*write.row_statements(), write.done_statement(), intent.removal()]


# ---- reading them


def stored_rows(options: ClusterOptions, sample: Sample) -> list[StoredRow]:
    """All items of a table that a server has filled. Raises StorageErrors, ServiceErrors."""
    return asyncio.run(_stored_rows(options, sample))


async def _stored_rows(options: ClusterOptions, sample: Sample) -> list[StoredRow]:
    driver = await CassandraDriver.open(options)
    try:
        keys = (await Tables(driver).get(NOBODYS_PROJECT, sample.table)).keys
        found: list[StoredRow] = []
        for start in range(0, sample.items, READ_TOGETHER):
            items = [sample.item(sample.key(each)) for each in range(start, min(start + READ_TOGETHER, sample.items))]
            others = [StoredItem.from_item(*canonical_item(item)) for item in items]
            found += await _read(driver, keys, others)
        return found
    finally:
        await driver.close()


async def _read(driver: CassandraDriver, keys: TableKeys, others: Sequence[StoredItem]) -> list[StoredRow]:
    places = []
    for other in others:
        key = keys.row_key(other.item)
        assert key is not None
        places.append(key)
    rows = await driver.get(places, for_write=True)
    found = []
    for row, other in zip(rows, others, strict=True):
        assert row is not None, "the table is not filled"
        found.append(StoredRow.of(keys, row, other))
    return found
