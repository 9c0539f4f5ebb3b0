"""What a SELECT makes of partitions."""

from functools import lru_cache
from typing import Final

from cassandra.metadata import Murmur3Token

from tests.storage.cassandra_model.cells import Partition, StoredRow, serialized
from tests.storage.cassandra_model.statements import CreateTable, Relation, Select, UnknownCql, parse
from tests.storage.cassandra_model.terms import Values, columns_of, compare, options, order, value_of, whole

READS_MAX: Final = 200_000
"""So many reads of one partition are remembered: the explorer meets the same ones again and again."""


@lru_cache(READS_MAX)
def selection(table: CreateTable, text: str, values: Values) -> "Selection":
    """What a SELECT asks for. Raises UnknownCql where Cassandra would refuse it."""
    select = parse(text)
    assert isinstance(select, Select)
    return Selection(table, select, values)


@lru_cache(READS_MAX)
def partition_rows(asked: "Selection", key: Values, partition: Partition, second: int) -> tuple[Values, ...]:
    """Of one partition: the rows that are asked for, in their order, without the limit of all."""
    return asked.rows(key, partition, second)


def partition_order(key: Values) -> tuple[int, bytes]:
    """Partitions are ordered by token; those of one token by key."""
    return token(key), partition_bytes(key)


def token(key: Values) -> int:
    """The token of a partition key, as Murmur3Partitioner computes it."""
    return int(Murmur3Token.hash_fn(partition_bytes(key)))


def partition_bytes(key: Values) -> bytes:
    """A partition key as Cassandra serializes it, if its integers are bigints."""
    if len(key) == 1:
        return serialized(key[0])
    parts = [serialized(each) for each in key]
    return b"".join([len(part).to_bytes(2, "big") + part + b"\0" for part in parts])


class Selection:
    """A SELECT with its values, its relations sorted by what they restrict. Two are equal if they are the same."""

    def __init__(self, table: CreateTable, select: Select, values: Values) -> None:
        known = {column for column, _ in table.columns}
        if strange := {name for each in select.where for name in _names(each)} - known - {"token"}:
            raise UnknownCql(f"{table.table} has no {strange}")
        self._table = table
        self._select = select
        self._values = values
        self._tokens = [each for each in select.where if each.column == "token"]
        named = [each for each in select.where if each.column in table.partition]
        self._others = [each for each in select.where if each not in self._tokens and each not in named]
        self.keys = self._partition_keys(named)
        """The partitions that are named, in the order of their tokens; None: a range of tokens."""
        if not select.filtering:
            self._need_no_filter()
        self.limit = None if select.limit is None else whole(value_of(select.limit, values))
        limit = select.partition_limit
        self._partition_limit = None if limit is None else whole(value_of(limit, values))
        self._descending = _descending(table, select)

    def token_holds(self, key: Values) -> bool:
        """The partition lies in the range of tokens."""
        found = token(key) if self._tokens else 0
        return all(compare(each.operator, found, value_of(each.terms[0], self._values)) for each in self._tokens)

    def rows(self, key: Values, partition: Partition, second: int) -> tuple[Values, ...]:
        """See `partition_rows`."""
        found = [
            entry for entry in partition.rows if entry[1].live(second) and self._holds(key, entry[0], entry[1], second)
        ]
        if self._descending:
            found.reverse()
        limit = 1 if self._select.distinct else self._partition_limit
        return tuple([self._selected(key, clustering, row, second) for clustering, row in found[:limit]])

    def _partition_keys(self, named: list[Relation]) -> list[Values] | None:
        if not named:
            return None
        by_column = {each.column: options(each, self._values) for each in named}
        if set(by_column) != set(self._table.partition):
            raise UnknownCql(f"{self._table.table}: part of a partition key")
        keys: list[Values] = [()]
        for column in self._table.partition:
            keys = [(*key, option) for key in keys for option in by_column[column]]
        return sorted(set(keys), key=partition_order) if len(keys) > 1 else keys

    def _need_no_filter(self) -> None:
        """Raises if Cassandra would ask for ALLOW FILTERING."""
        clustering = [name for name, _ in self._table.clustering]
        equal = [each.column for each in self._others if each.operator in {"=", "IN", "IN ?"}]
        first = {_names(each)[0] for each in self._others}
        prefix = 0
        while prefix < len(clustering) and clustering[prefix] in equal:
            prefix += 1
        allowed = set(clustering[:prefix]) | ((first - set(equal)) & set(clustering[prefix : prefix + 1]))
        if first - allowed or (self._others and self.keys is None):
            raise UnknownCql(f"{self._select} needs ALLOW FILTERING")

    def _holds(self, key: Values, clustering: Values, row: StoredRow, second: int) -> bool:
        """The row is one of those asked for."""
        if not self._others:
            return True
        found = columns_of(self._table, key, clustering, row, second)
        return all(self._relation_holds(each, found) for each in self._others)

    def _relation_holds(self, relation: Relation, found: dict[str, object]) -> bool:
        names = _names(relation)
        if len(names) > 1:
            left = tuple([found.get(name) for name in names])
            return compare(relation.operator, left, tuple([value_of(each, self._values) for each in relation.terms]))
        value = found.get(relation.column)
        if relation.operator in {"IN", "IN ?"}:
            return value is not None and value in options(relation, self._values)
        return value is not None and compare(relation.operator, value, value_of(relation.terms[0], self._values))

    def _selected(self, key: Values, clustering: Values, row: StoredRow, second: int) -> Values:
        select, table = self._select, self._table
        if select.distinct and set(select.columns) - set(table.partition):
            raise UnknownCql("DISTINCT is of partition keys")
        found = columns_of(table, key, clustering, row, second)
        cells = row.values(second)
        for function, column in select.functions:
            cell = cells.get(column)
            name = f"{function}({column})"
            if function == "writetime":
                found[name] = None if cell is None else cell.timestamp
            elif function == "ttl":
                found[name] = None if cell is None or cell.expires is None else cell.expires - second
            elif function == "token":
                found[name] = token(key)
            else:
                raise UnknownCql(function)
        return tuple([found.get(name) for name in select.columns or [name for name, _ in table.columns]])


def clustering_order(clustering: Values) -> object:
    """What rows of a partition are ordered by."""
    return order(clustering)


def _names(relation: Relation) -> list[str]:
    return relation.column.split(", ")


def _descending(table: CreateTable, select: Select) -> bool:
    """The rows of a partition are returned from its end."""
    if not select.order:
        return bool(table.clustering) and table.clustering[0][1]
    columns = [name for name, _ in table.clustering]
    if [name for name, _ in select.order] != columns[: len(select.order)]:
        raise UnknownCql(f"{table.table}: ORDER BY what is no prefix of the clustering")
    (descending,) = {descending for _, descending in select.order}
    return descending
