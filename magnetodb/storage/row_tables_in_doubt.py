"""Row tables of which it is not certain that anything needs them: notes of changes of tables that are under way, and of
deleted tables whose rows are not dropped yet. A crash leaves the note behind, and whoever finds it finishes the change.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from time import monotonic
from typing import Any, Final

import orjson

from magnetodb.model.rows import ANY, Change, Committed, Expected, Row, RowKey, TokenRange
from magnetodb.model.table import Table
from magnetodb.storage.counts import Counts
from magnetodb.storage.driver import StorageDriver

IN_DOUBT: Final = "row_tables_in_doubt"
"""Partition: id of the table, or of the row table of one index; value: JSON {"rows": ids of row tables, "at": when,
"project" and "name": of a table that was deleted}, or only the list."""

IN_DOUBT_SECONDS: Final = 120.0
"""A change that is so long under way among several processes was left behind by one that has ended."""


class RowTablesInDoubt:
    """The notes. All methods raise StorageErrors. `clock`: seconds since the epoch, of this machine, and therefore only
    for those who read a note; how old one is is told by watching it, with the clock `monotonic`."""

    def __init__(
        self,
        driver: StorageDriver,
        counts: Counts,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = monotonic,
    ) -> None:
        self._driver = driver
        self._counts = counts
        self._clock = clock
        self._monotonic = monotonic
        self._watched: dict[RowKey, tuple[int, float]] = {}

    async def note(self, note: RowKey, expected: Row | Expected, **noted: Any) -> Row | None:
        """Write a note of `rows`, as of now unless `at` says otherwise; its row, None if it is not as expected."""
        value = orjson.dumps({"at": self._clock(), **noted})
        (outcome,) = await self._driver.commit([(Change(note, expected, value),)])
        return Row(note, value, outcome.versions[0]) if isinstance(outcome, Committed) else None

    def noted_deletion(self, table: Table, *, at_leisure: bool) -> Change:
        """The change that notes that a table is deleted; `at_leisure`: `finish` may drop it at any time."""
        at = 0.0 if at_leisure else self._clock()
        value = {"rows": rows_ids_of(table), "at": at, "project": table.project, "name": table.name}
        return Change(note_of(table), ANY, orjson.dumps(value))

    async def drop(self, note: RowKey, rows_ids: Sequence[str]) -> None:
        """Drop row tables, and then remove the note."""
        for rows_id in rows_ids:
            await self._driver.drop_table(rows_id)
        await self._driver.commit([(Change(note, ANY, None), *self._counts.forget(rows_ids))])

    async def finish(self, older_seconds: float, *, most: int | None = None) -> bool:
        """Drop the row tables of notes that are so old, at most so many; whether there are more. Notes that are met for
        the first time are new, but for those of deletions at leisure."""
        seen: dict[RowKey, tuple[int, float]] = {}
        now = self._monotonic()
        async for note, noted in self._all():
            version, since = self._watched.get(note.key, (note.version, now))
            if version != note.version:
                since = now
            self._watched[note.key] = seen[note.key] = note.version, since
            if noted.get("at", 0.0) and now - since < older_seconds:
                continue
            if most == 0:
                return True
            # From now on whoever wrote it cannot bring his change to its end, should he be alive.
            if await self.note(note.key, note, **noted | {"at": self._clock()}) is not None:
                await self.drop(note.key, noted["rows"])
            most = None if most is None else most - 1
        self._watched = seen
        return False

    async def drop_namesakes(self, table: Table) -> None:
        """Drop what is left of deleted tables of that name: a process that does not know yet that they are deleted
        could write to them."""
        async for note, noted in self._all():
            if (noted.get("project"), noted.get("name")) == (table.project, table.name):
                await self.drop(note.key, noted["rows"])

    async def _all(self) -> AsyncIterator[tuple[Row, dict[str, Any]]]:
        after: RowKey | None = None
        more = True
        while more:
            notes = await self._driver.scan(IN_DOUBT, TokenRange(), limit=100, after=after)
            for note in notes.rows:
                after = note.key
                noted = orjson.loads(note.value)
                yield note, {"rows": noted} if isinstance(noted, list) else noted
            more = notes.more


def note_of(table: Table) -> RowKey:
    """Where the note of a whole table is."""
    return RowKey(IN_DOUBT, table.id.encode(), b"")


def rows_ids_of(table: Table) -> list[str]:
    """All row tables of a table. Index rows first: without them the table's rows harm nobody, the other way round an
    index would have rows of items that are gone."""
    expiry = [] if table.time_to_live is None else [table.time_to_live.rows_id]
    return [index.rows_id for index in table.indexes.values()] + expiry + [table.rows_id]
