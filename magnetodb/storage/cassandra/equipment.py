"""What every part of the write protocol works with."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from random import getrandbits
from typing import Final, Protocol
from uuid import UUID

from magnetodb.errors import RowTableNotFound
from magnetodb.model.rows import CHECK, Change, DerivedRow, RowKey
from magnetodb.storage.cassandra.clock import HybridClock
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.decisions import Deciding
from magnetodb.storage.cassandra.hidden_rows import BATCH_BYTES_MAX, HiddenWrite, HiddenWriter
from magnetodb.storage.cassandra.intents import Intent, Intents
from magnetodb.storage.cassandra.item_row import (
    Followed,
    Position,
    completed,
    decode_positions,
    followed,
    in_step,
    outstanding,
)
from magnetodb.storage.cassandra.partition_keys import partition_of, stored_partition
from magnetodb.storage.cassandra.schema import Place
from magnetodb.storage.cassandra.session import Session
from magnetodb.storage.cassandra.writes_under_way import WritesUnderWay

Derive = Callable[[RowKey, bytes], Awaitable[tuple[DerivedRow, ...] | None]]
"""All derived rows of an item with this value, by what is known of its table now: no older than what writes may be
decided from. None if that is not known now. Empty where a row table has none, or is gone."""

NOTHING: Final = Followed()

_VERSION_BITS: Final = 0xF << 76 | 0x3 << 62
_VERSION_4: Final = 0x4 << 76 | 0x2 << 62


class RowTables(Protocol):
    """Where row tables are; `schema.RowTables`."""

    @property
    def places(self) -> Mapping[str, Place]:
        """Of the row tables that are known."""

    async def find(self, names: Iterable[str]) -> None:
        """Know these. Raises RowTableNotFound, CassandraErrors."""

    async def gone(self, names: Iterable[str]) -> set[str]:
        """Those that are known not to exist any more, which are forgotten."""


def random_uuid() -> UUID:
    """As uuid4, in half the time. Python's generator of random numbers is seeded anew in each process."""
    return UUID(int=getrandbits(128) & ~_VERSION_BITS | _VERSION_4)


class Equipment:
    """One per process. `derive` is needed to finish what others left undone: without it, such items are waited for.
    `new_uuid` never gives the same twice, to no process."""

    def __init__(
        self,
        session: Session,
        clock: HybridClock,
        tables: RowTables,
        *,
        derive: Derive | None = None,
        batch_bytes_max: int = BATCH_BYTES_MAX,
        new_uuid: Callable[[], UUID] = random_uuid,
    ) -> None:
        self.session = session
        self.new_uuid = new_uuid
        self.clock = clock
        self.tables = tables
        self.derive = derive
        self.intents = Intents(session)
        self.hidden = HiddenWriter(session, self.intents, tables.gone, batch_bytes_max=batch_bytes_max)
        self.deciding = Deciding(session)
        self.under_way = WritesUnderWay()

    def position(self, key: RowKey) -> Position:
        """Where a row is, whose table is known."""
        table, x = self.tables.places[key.table]
        return Position(table, x, stored_partition(key.partition), key.sort)

    def version(self, *rows: ItemRow) -> int:
        """A version later than the rows', and than all that this process has issued."""
        for row in rows:
            if row.ver is not None:
                self.clock.observe(row.ver)
        return self.clock.now()

    async def followed(self, position: Position, before: ItemRow, change: Change) -> Followed | None:
        """What follows from a change of the row `before`: what it says, or all there is to be if the row is not in
        step; None if that can't be said."""
        if not change.derived:
            return NOTHING
        rows = followed(position, self._located(change.derived))
        if not rows.hidden or in_step(before):
            return rows
        value = before.v if change.value is CHECK else change.value
        if value is None:
            return rows
        derived = await self._derived(position, value)
        return None if derived is None else followed(position, await self._found(completed(change, derived)))

    async def all_followed(self, position: Position, value: bytes | None) -> Followed | None:
        """All that follows from a row with that value; None if that can't be said."""
        if value is None:
            return NOTHING
        derived = await self._derived(position, value)
        return None if derived is None else followed(position, await self._found(derived))

    async def bring_in_step(self, position: Position, row: ItemRow, intents: tuple[Intent, ...] = ()) -> bool:
        """Write what is outstanding of a row that nobody holds, as it is; whether that is done. `intents` go with it.

        The version stays: whoever writes the row meanwhile has read what is outstanding, and writes it too, later.
        """
        if in_step(row):
            return True
        rows = await self.all_followed(position, row.v)
        if rows is None:
            return False
        (through,) = await self.hidden.write([HiddenWrite(outstanding(position, row, rows.puts), intents)])
        return through

    async def _derived(self, position: Position, value: bytes) -> tuple[DerivedRow, ...] | None:
        if self.derive is None or position.x != 0:
            return None
        return await self.derive(RowKey(position.table, partition_of(position.partition), position.sort), value)

    def _located(self, derived: Iterable[DerivedRow]) -> list[tuple[Position, bytes | None]]:
        return [(self.position(each.key), each.value) for each in derived]

    async def _found(self, derived: Iterable[DerivedRow]) -> list[tuple[Position, bytes | None]]:
        """As `_located`, without the rows of tables that are gone."""
        rows = list(derived)
        gone = set()
        for name in {each.key.table for each in rows} - self.tables.places.keys():
            try:
                await self.tables.find((name,))
            except RowTableNotFound:
                gone.add(name)
        return self._located([each for each in rows if each.key.table not in gone])


def pending_count(row: ItemRow) -> int:
    """How many hidden rows of a row may have to go yet."""
    return 0 if in_step(row) else len(decode_positions(row.pend))
