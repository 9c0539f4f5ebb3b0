"""What a Cassandra cluster holds, as an immutable value, of which reads, mutations and lightweight transactions are
functions.

One copy stands for the replicas: it is what a quorum of them has. That is enough, because a quorum that has
acknowledged meets every quorum that is read; what only a minority has seen is a mutation that is not delivered yet; and
read repair keeps what a quorum read has once shown. Reads below a quorum promise nothing and are not modelled.
"""

from collections.abc import Mapping, Sequence

from tests.storage.cassandra_model.cells import NOTHING, Partition
from tests.storage.cassandra_model.reads import partition_order, partition_rows, selection
from tests.storage.cassandra_model.statements import (
    CreateTable,
    DropTable,
    Select,
    TruncateTable,
    UnknownCql,
    parse,
)
from tests.storage.cassandra_model.terms import Values
from tests.storage.cassandra_model.writes import (
    Mutation,
    Outcome,
    PartitionName,
    Statements,
    conditional_partition,
    decided,
    mutation,
    together,
    written,
)


class NoSuchTable(Exception):
    """A statement names a table that is not there."""


class Database:
    """Tables and partitions. Methods that change return another Database."""

    __slots__ = ("_hash", "partitions", "tables")

    def __init__(
        self,
        tables: Mapping[str, CreateTable] | None = None,
        partitions: Mapping[PartitionName, Partition] | None = None,
    ) -> None:
        self.tables = tables or {}
        self.partitions = partitions or {}
        self._hash: int | None = None

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self.partitions.items()))
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Database)
            and hash(self) == hash(other)
            and self.partitions == other.partitions
            and self.tables.keys() == other.tables.keys()
        )

    def table(self, name: str) -> CreateTable:
        """A table's definition. Raises NoSuchTable."""
        try:
            return self.tables[name]
        except KeyError:
            raise NoSuchTable(name) from None

    def defined(self, text: str) -> "Database":
        """After a CREATE, DROP or TRUNCATE TABLE."""
        statement = parse(text)
        if isinstance(statement, CreateTable):
            if statement.table in self.tables:
                if statement.if_not_exists:
                    return self
                raise UnknownCql(f"{statement.table} exists")
            return Database({**self.tables, statement.table: statement}, self.partitions)
        if isinstance(statement, DropTable | TruncateTable):
            if statement.table not in self.tables:
                if isinstance(statement, DropTable) and statement.if_exists:
                    return self
                raise NoSuchTable(statement.table)
            left = {name: rows for name, rows in self.partitions.items() if name[0] != statement.table}
            tables = dict(self.tables)
            if isinstance(statement, DropTable):
                del tables[statement.table]
            return Database(tables, left)
        raise UnknownCql(text)

    def rows(self, text: str, values: Values, second: int) -> tuple[Values, ...]:
        """What a SELECT returns, in its order; the values of a row in the order of its columns."""
        select = parse(text)
        if not isinstance(select, Select):
            raise UnknownCql(text)
        table = self.table(select.table)
        asked = selection(table, text, values)
        if asked.keys is not None:
            keys = asked.keys
        else:
            keys = [key for name, key in self.partitions if name == table.table and asked.token_holds(key)]
            keys.sort(key=partition_order)
        found: list[Values] = []
        for key in keys:
            partition = self.partitions.get((table.table, key))
            if partition is not None:
                found += partition_rows(asked, key, partition, second)
        return tuple(found[: asked.limit])

    def with_mutations(self, mutations: Sequence[Mutation]) -> "Database":
        """After the delivery of mutations. Those of tables that are gone are dropped, as Cassandra does."""
        partitions = dict(self.partitions)
        for each in mutations:
            if each.table in self.tables:
                partitions[each.where] = partitions.get(each.where, NOTHING).merged(each.rows)
        return Database(self.tables, partitions)

    def mutations(self, statements: Statements, timestamp: int, second: int) -> tuple[Mutation, ...]:
        """What a plain write or batch comes to: a mutation for each partition. `timestamp` is the client's, for
        statements that have none of their own. Raises NoSuchTable."""
        found = []
        for text, values in statements:
            write = written(text)
            if write.conditional:
                raise UnknownCql(text)
            found.append(mutation(self.table(write.table), text, values, timestamp, second))
        return together(found)

    def compare_and_set(self, statements: Statements, ballot: int, second: int) -> "tuple[Database, Outcome]":
        """A lightweight transaction or conditional batch. All that it writes gets the ballot's timestamp, which is
        larger than that of the partition's last one. Raises NoSuchTable."""
        table = self.table(written(statements[0][0]).table)
        key = conditional_partition(table, statements)
        name = (table.table, key)
        before = self.partitions.get(name, NOTHING)
        after, outcome = decided(table, statements, key, before, ballot, second)
        if not outcome.applied:
            return self, outcome
        return Database(self.tables, {**self.partitions, name: after}), outcome
