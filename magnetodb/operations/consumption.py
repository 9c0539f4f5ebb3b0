"""Capacity units that requests consume, added up by table and index for an operator; enforced if asked (`throughput`).

Units of the indexes that a write changes cost more to know than all the rest of the counting. They are counted only
where throughput is enforced, which needs them.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from magnetodb.model.capacity import READ_UNIT_BYTES, WRITE_UNIT_BYTES, index_write_units
from magnetodb.model.items import StoredItem
from magnetodb.model.table import Index
from magnetodb.operations.throughput import Throughput
from magnetodb.storage.tables import TableInfo

COUNTED_MAX: Final = 1000
"""Tables and indexes that are counted by their names. All that come later are counted together, as OTHERS."""

OTHERS: Final = "other"


class Consumer(NamedTuple):
    """Who consumed: a table (`index_name` is ""), or an index of one."""

    project: str
    table: str
    index_name: str


class Consumption:
    """The sums of one cell. Belongs to the event loop's thread; `read_units` and `write_units` may be called in any.

    `throughput`: None where it is not enforced; else it is told of all that is consumed.
    """

    __slots__ = ("_consumers", "_others", "_sums", "throughput")

    def __init__(self, throughput: Throughput | None = None) -> None:
        self.throughput = throughput
        # By the id of the row table: [half read units, write units].
        self._sums: dict[str, list[int]] = {}
        self._consumers: dict[str, Consumer] = {}
        self._others = [0, 0]

    def read(
        self,
        info: TableInfo,
        size: int,
        *,
        consistent: bool,
        index: Index | None = None,
        transactional: bool = False,
    ) -> None:
        """An item, or a page of items, of `size` bytes in all was read from a table or index."""
        steps = -(-size // READ_UNIT_BYTES) or 1
        half_units = steps * 4 if transactional else steps * 2 if consistent else steps
        table = info.table
        sums = self._sums.get(table.rows_id if index is None else index.rows_id)
        if sums is None:
            sums = self._new_sums(info, index)
        sums[0] += half_units
        if self.throughput is not None:
            self.throughput.charge_read(table, index, half_units / 2, consistent=consistent)

    def fetched(self, info: TableInfo, units: float) -> None:
        """Items of a table were read because rows of its local index do not have all that was asked for."""
        table = info.table
        sums = self._sums.get(table.rows_id) or self._new_sums(info, None)
        sums[0] += int(units * 2)
        if self.throughput is not None:
            self.throughput.charge_fetched(table, units)

    def wrote(
        self, info: TableInfo, old: StoredItem | None, new: StoredItem | None, *, transactional: bool = False
    ) -> None:
        """An item was written, or a write left it as it is."""
        size = 0 if new is None else new.size
        if old is not None and old.size > size:
            size = old.size
        units = -(-size // WRITE_UNIT_BYTES) or 1
        if transactional:
            units *= 2
        table = info.table
        sums = self._sums.get(table.rows_id)
        if sums is None:
            sums = self._new_sums(info, None)
        sums[1] += units
        if self.throughput is not None:
            self._charge_write(info, units, index_write_units(info.keys, old, new, transactional=transactional))

    def read_units(self) -> Mapping[Consumer, float]:
        """All that was read since the start."""
        return {consumer: sums[0] / 2 for consumer, sums in self._by_consumer().items()}

    def write_units(self) -> Mapping[Consumer, float]:
        """All that was written since the start."""
        return {consumer: float(sums[1]) for consumer, sums in self._by_consumer().items()}

    def _charge_write(self, info: TableInfo, units: int, index_units: dict[str, float]) -> None:
        assert self.throughput is not None
        table = info.table
        self.throughput.charge_write(table, None, units)
        for name, consumed in index_units.items():
            index = table.indexes[name]
            sums = self._sums.get(index.rows_id) or self._new_sums(info, index)
            sums[1] += int(consumed)
            self.throughput.charge_write(table, index, consumed)

    def _new_sums(self, info: TableInfo, index: Index | None) -> list[int]:
        if len(self._sums) >= COUNTED_MAX:
            return self._others
        table = info.table
        rows_id = table.rows_id if index is None else index.rows_id
        self._consumers[rows_id] = Consumer(table.project, table.name, "" if index is None else index.name)
        sums = self._sums[rows_id] = [0, 0]
        return sums

    def _by_consumer(self) -> dict[Consumer, list[int]]:
        """A table that was deleted and made anew goes on where it was."""
        result: dict[Consumer, list[int]] = {}
        for rows_id, sums in list(self._sums.items()):
            so_far = result.setdefault(self._consumers[rows_id], [0, 0])
            so_far[0] += sums[0]
            so_far[1] += sums[1]
        if any(self._others):
            result[Consumer(OTHERS, OTHERS, OTHERS)] = list(self._others)
        return result
