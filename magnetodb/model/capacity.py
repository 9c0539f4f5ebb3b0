"""Capacity units by AWS's rules, and the ConsumedCapacity that answers report.

Reads count 4 KB steps (half for eventual consistency), writes 1 KB steps of the larger of the old and the new item;
in transactions both count double.
"""

from typing import Any, Final, Literal

from magnetodb.model.derived_rows import index_writes, projected
from magnetodb.model.items import StoredItem
from magnetodb.model.keys import TableKeys

READ_UNIT_BYTES: Final = 4096
WRITE_UNIT_BYTES: Final = 1024


def read_units(size: int, *, consistent: bool, transactional: bool = False) -> float:
    """Units of reading an item, or a page of items, of `size` bytes in all; reading nothing costs a step too."""
    steps = max(1, -(-size // READ_UNIT_BYTES))
    if transactional:
        return steps * 2.0
    return float(steps) if consistent else steps / 2


def write_units(old_size: int, new_size: int = 0, *, transactional: bool = False) -> float:
    """Units of a write that turns an item of `old_size` bytes into one of `new_size` (0: no item)."""
    steps = max(1, -(-max(old_size, new_size) // WRITE_UNIT_BYTES))
    return steps * 2.0 if transactional else float(steps)


def index_write_units(
    keys: TableKeys, old: StoredItem | None, new: StoredItem | None, *, transactional: bool = False
) -> dict[str, float]:
    """Units that a write costs in each index that changes: a changed index key is a delete and a put, a row that stays
    in place one write, a row that does not change nothing."""
    units = {}
    for codec, deleted, put in index_writes(keys, old, new):
        assert codec.index is not None
        old_size = projected(codec, old).size if old is not None and deleted is not None else 0
        new_size = projected(codec, new).size if new is not None and put is not None else 0
        if deleted is not None and put is not None and deleted != put:
            cost = write_units(old_size, transactional=transactional)
            cost += write_units(new_size, transactional=transactional)
        else:
            cost = write_units(old_size, new_size, transactional=transactional)
        units[codec.index.name] = cost
    return units


class Capacity:
    """Adds up what one request consumes of one table and its indexes."""

    __slots__ = ("_indexes", "_keys", "_read", "_table", "_write")

    def __init__(self, keys: TableKeys) -> None:
        self._keys = keys
        self._table = [0.0, 0.0]
        self._indexes: dict[str, list[float]] = {}

    def add_read(self, units: float, index: str | None = None) -> None:
        """Count read units of the table, or of an index."""
        self._counter(index)[0] += units

    def add_write(self, units: float, index: str | None = None) -> None:
        """Count write units of the table, or of an index."""
        self._counter(index)[1] += units

    def add_item_write(self, old: StoredItem | None, new: StoredItem | None, *, transactional: bool = False) -> None:
        """Count a write of an item with all that it costs in indexes."""
        sizes = (old.size if old is not None else 0, new.size if new is not None else 0)
        self._table[1] += write_units(*sizes, transactional=transactional)
        for name, units in index_write_units(self._keys, old, new, transactional=transactional).items():
            self.add_write(units, name)

    def consumed(self, wanted: Literal["TOTAL", "INDEXES"], *, by_kind: bool = False) -> dict[str, Any]:
        """The ConsumedCapacity of a response. `by_kind` adds ReadCapacityUnits and WriteCapacityUnits, which AWS
        reports for transactions only."""
        counters = [self._table, *self._indexes.values()]
        total = [sum(each[0] for each in counters), sum(each[1] for each in counters)]
        answer = {"TableName": self._keys.table.name, **_units(total, by_kind)}
        if wanted == "INDEXES":
            answer["Table"] = _units(self._table, by_kind)
            for member, kind in (("LocalSecondaryIndexes", "LSI"), ("GlobalSecondaryIndexes", "GSI")):
                indexes = {
                    name: _units(counter, by_kind)
                    for name, counter in self._indexes.items()
                    if self._keys.table.indexes[name].kind == kind
                }
                if indexes:
                    answer[member] = indexes
        return answer

    def _counter(self, index: str | None) -> list[float]:
        if index is None:
            return self._table
        return self._indexes.setdefault(index, [0.0, 0.0])


def _units(counter: list[float], by_kind: bool) -> dict[str, float]:
    """Of [read units, write units]; a kind that was not consumed is left out."""
    units = {"CapacityUnits": counter[0] + counter[1]}
    if by_kind:
        if counter[0]:
            units["ReadCapacityUnits"] = counter[0]
        if counter[1]:
            units["WriteCapacityUnits"] = counter[1]
    return units
