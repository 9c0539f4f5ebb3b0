"""What writes make of partitions: plain ones are mutations, lightweight transactions are decided from a partition."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from tests.storage.cassandra_model.cells import NOTHING, Cell, Hashed, Liveness, Partition, Rows, StoredRow
from tests.storage.cassandra_model.statements import CreateTable, UnknownCql, Write, parse
from tests.storage.cassandra_model.terms import Values, columns_of, compare, options, order, value_of, whole

WRITES_MAX: Final = 200_000
"""So many mutations and decisions are remembered: the explorer meets the same ones again and again."""

PartitionName = tuple[str, Values]
"""A table and a partition key."""

Statements = tuple[tuple[str, Values], ...]
"""Texts and what is bound."""


class Mutation(Hashed):
    """What a write does to one partition of one table: all of it is seen, or nothing."""

    __slots__ = ("rows", "table", "where")

    def __init__(self, table: str, key: Values, rows: Rows) -> None:
        self.table = table
        self.where = (table, key)
        self.rows = rows
        super().__init__((table, key, rows))


class Outcome(NamedTuple):
    """What a lightweight transaction came to. `found` are a failed one's current columns, of rows that are there; if
    there are none, {}."""

    applied: bool
    found: tuple[dict[str, object], ...]


def written(text: str) -> Write:
    """The statement of a write."""
    write = parse(text)
    if not isinstance(write, Write):
        raise UnknownCql(text)
    return write


@lru_cache(WRITES_MAX)
def mutation(table: CreateTable, text: str, values: Values, timestamp: int, second: int, own: bool = True) -> Mutation:
    """What one statement does. `own`: its own USING TIMESTAMP counts."""
    write = written(text)
    keys = _keys(table, write, values)
    key = tuple([keys[column] for column in table.partition])
    clustering = tuple([keys[name] for name, _ in table.clustering])
    if own and write.timestamp is not None:
        timestamp = whole(value_of(write.timestamp, values))
    if write.verb == "DELETE" and not write.cells:
        return Mutation(table.table, key, ((clustering, StoredRow(deleted=timestamp)),))
    time_to_live = table.time_to_live
    if write.time_to_live is not None:
        time_to_live = whole(value_of(write.time_to_live, values) or 0)
    expires = second + time_to_live if time_to_live else None
    known = {column for column, _ in table.columns} - set(keys)
    cells = {}
    for column, term in write.cells:
        if column in keys and write.verb == "INSERT":
            continue
        if column not in known:
            raise UnknownCql(f"{table.table}.{column} cannot be set")
        value = value_of(term, values)
        cells[column] = Cell(timestamp, None) if value is None else Cell(timestamp, value, expires, time_to_live)
    liveness = Liveness(timestamp, expires, time_to_live) if write.verb == "INSERT" else None
    return Mutation(table.table, key, ((clustering, StoredRow(liveness, None, tuple(sorted(cells.items())))),))


def together(mutations: Sequence[Mutation]) -> tuple[Mutation, ...]:
    """One mutation for each partition of each table."""
    if len(mutations) == 1:
        return tuple(mutations)
    found: dict[PartitionName, Partition] = {}
    for each in mutations:
        found[each.where] = found.get(each.where, NOTHING).merged(each.rows)
    return tuple([Mutation(table, key, partition.rows) for (table, key), partition in found.items()])


@lru_cache(WRITES_MAX)
def conditional_partition(table: CreateTable, statements: Statements) -> Values:
    """The key of the one partition that a lightweight transaction is about."""
    writes = [written(text) for text, _ in statements]
    # Cassandra ignores a timestamp in a conditional batch, and refuses it on a statement alone.
    if not any(write.conditional for write in writes) or any(write.timestamp is not None for write in writes):
        raise UnknownCql(f"no lightweight transaction: {statements}")
    if {write.table for write in writes} != {table.table}:
        raise UnknownCql("a lightweight transaction of several tables")
    keys = {
        tuple([_keys(table, write, values)[column] for column in table.partition])
        for write, (_, values) in zip(writes, statements, strict=True)
    }
    if len(keys) != 1:
        raise UnknownCql("a lightweight transaction of several partitions")
    return keys.pop()


@lru_cache(WRITES_MAX)
def decided(
    table: CreateTable, statements: Statements, key: Values, partition: Partition, ballot: int, second: int
) -> tuple[Partition, Outcome]:
    """A lightweight transaction or conditional batch. All that it writes gets the ballot's timestamp, which is larger
    than that of the partition's last one."""
    writes = [(written(text), values) for text, values in statements]
    if not all(_conditions_hold(table, partition, write, values, second) for write, values in writes):
        return partition, Outcome(False, _current(table, key, partition, writes, second))
    ballot = max(ballot, partition.ballot + 1)
    mutations = [mutation(table, text, values, ballot, second, own=False) for text, values in statements]
    # A statement of a batch that only compares changes nothing.
    (whole_batch,) = together(mutations)
    return partition.merged(whole_batch.rows).with_ballot(ballot), Outcome(True, ())


def _keys(table: CreateTable, write: Write, values: Values) -> dict[str, object]:
    """The values of the key columns."""
    columns = [*table.partition, *[name for name, _ in table.clustering]]
    if write.verb == "INSERT":
        found = {column: value_of(term, values) for column, term in write.cells if column in columns}
    else:
        if any(each.operator != "=" for each in write.keys):
            raise UnknownCql(f"{table.table}: a write by range")
        found = {each.column: value_of(each.terms[0], values) for each in write.keys}
    if set(found) != set(columns) or any(value is None for value in found.values()):
        raise UnknownCql(f"{table.table}: a write needs the whole key, not {sorted(found)}")
    return found


def _conditions_hold(table: CreateTable, partition: Partition, write: Write, values: Values, second: int) -> bool:
    if not write.conditional:
        return True
    keys = _keys(table, write, values)
    row = partition.row(tuple([keys[name] for name, _ in table.clustering]))
    if write.exists is not None:
        return (row is not None and row.live(second)) == write.exists
    cells = {} if row is None else row.values(second)
    for relation in write.conditions:
        cell = cells.get(relation.column)
        current = None if cell is None else cell.value
        if relation.operator in {"IN", "IN ?"}:
            if current not in options(relation, values):
                return False
        elif not compare(relation.operator, current, value_of(relation.terms[0], values)):
            return False
    return True


def _current(
    table: CreateTable, key: Values, partition: Partition, writes: Sequence[tuple[Write, Values]], second: int
) -> tuple[dict[str, object], ...]:
    """The rows that a failed lightweight transaction answers with: of those that are there, the columns of its
    conditions (all columns for [NOT] EXISTS; a batch's have their key as well)."""
    conditional = [(write, values) for write, values in writes if write.conditional]
    columns: list[str] = []
    if len(writes) > 1:
        columns += [*table.partition, *[name for name, _ in table.clustering]]
    if any(write.exists is not None for write, _ in conditional):
        columns = [name for name, _ in table.columns]
    for write, _ in conditional:
        columns += [relation.column for relation in write.conditions if relation.column not in columns]
    found = {}
    for write, values in conditional:
        keys = _keys(table, write, values)
        clustering = tuple([keys[name] for name, _ in table.clustering])
        row = partition.row(clustering)
        if row is not None and row.live(second):
            cells = columns_of(table, key, clustering, row, second)
            found[clustering] = {name: cells.get(name) for name in columns}
    return tuple([found[each] for each in sorted(found, key=order)]) or ({},)
