"""The generation: one row from which every change of every table can be noticed by processes that share a storage.

It is written in the same commit as the change, so neither is there without the other. Its value is JSON
{"number", "changes"}: how many changes there were, and the last of them. Written to disk: do not change.
"""

from enum import Enum
from typing import Final, Literal, NamedTuple

import orjson

from magnetodb.model.rows import ABSENT, Change, Row, RowKey
from magnetodb.model.table import Table

GENERATIONS: Final = "generations"

GENERATION: Final = RowKey(GENERATIONS, b"tables", b"")

CHANGES_KEPT_MAX: Final = 128
"""Who is further behind looks at every table that it knows."""

What = Literal["created", "updated", "deleted"]


COPY_SECONDS_MAX: Final = 10.0
"""POLLED: nobody writes by what he knew of a table so long ago."""


class Freshness(Enum):
    """How a process knows that what it remembers of tables is what the storage has.

    OFF: nobody else changes tables, because this process alone has the storage. Costs nothing.

    STRICT: every request looks at the generation first, and every write is committed only while its table is as it was
    when the write was decided (`TableInfo.guard`). A change counts for everybody from its commit on. For storages where
    a row that is read again and again costs next to nothing.

    POLLED: `poll`, to be called about once a second, looks at the generation; who has not managed to for
    COPY_SECONDS_MAX may not write. A change counts for everybody `settle_seconds` after its commit.
    """

    OFF = "off"
    STRICT = "strict"
    POLLED = "polled"


class TableChange(NamedTuple):
    """One change: its number, what became of the table, and which one it was."""

    number: int
    what: What
    project: str
    name: str
    id: str


class Generation(NamedTuple):
    """The row, read. Where there is none, nothing was changed yet."""

    number: int = 0
    version: int = 0
    changes: tuple[TableChange, ...] = ()

    @classmethod
    def of(cls, row: Row | None) -> "Generation":
        """What a row says."""
        if row is None:
            return cls()
        members = orjson.loads(row.value)
        return cls(members["number"], row.version, tuple([TableChange(*each) for each in members["changes"]]))

    def since(self, number: int) -> tuple[TableChange, ...] | None:
        """The changes behind that number in their order; None if not all of them are kept."""
        if self.number - number > len(self.changes):
            return None
        return self.changes[len(self.changes) - (self.number - number) :]


def with_change(row: Row | None, what: What, table: Table) -> Change:
    """The change of the row, as it was read, that belongs into the commit of a change of a table."""
    before = Generation.of(row)
    change = TableChange(before.number + 1, what, table.project, table.name, table.id)
    kept = (*before.changes, change)[-CHANGES_KEPT_MAX:]
    value = orjson.dumps({"number": change.number, "changes": [list(each) for each in kept]})
    return Change(GENERATION, ABSENT if row is None else row, value)
