"""The generation: one row from which every change of every table can be noticed by processes that share a storage.

It is written in the same commit as the change, so neither is there without the other. Its value is JSON
{"number", "changes"}: how many changes there were, and the last of them. Written to disk: do not change.
"""

from typing import Final, Literal, NamedTuple

import orjson

from magnetodb.model.rows import ABSENT, Change, Row, RowKey
from magnetodb.model.table import Table

GENERATIONS: Final = "generations"

GENERATION: Final = RowKey(GENERATIONS, b"tables", b"")

CHANGES_KEPT_MAX: Final = 128
"""Who is further behind looks at every table that it knows."""

What = Literal["created", "updated", "deleted"]


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
