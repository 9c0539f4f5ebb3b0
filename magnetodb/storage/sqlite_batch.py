"""A batch of changes as SQL statements, inside a transaction that others share."""

import sqlite3
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

from magnetodb.errors import RowTableNotFound
from magnetodb.model.rows import ANY, CHECK, Change, Committed, Expected, Lost, Row, RowKey
from magnetodb.storage.commit_queue import CHANGE_BYTES, Work
from magnetodb.storage.other_processes import OtherProcesses
from magnetodb.storage.row_cache import RowCache
from magnetodb.storage.row_tables import RowTables
from magnetodb.storage.writer_lock import OWNERS_MAX

TOKEN_OFFSET: Final = 2**31
"""Tokens are stored as crc32 - 2**31: four bytes. As `TokenRange` counts them they are 2**32 times as large. Written to
disk: do not change."""

VERSION = "SELECT version FROM rows WHERE table_id = ? AND token = ? AND partition = ? AND sort = ?"
INSERT = (
    "INSERT INTO rows (table_id, token, partition, sort, version, value) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
UPDATE = (
    "UPDATE rows SET version = ?, value = ?"
    " WHERE table_id = ? AND token = ? AND partition = ? AND sort = ? AND version = ?"
)
DELETE = "DELETE FROM rows WHERE table_id = ? AND token = ? AND partition = ? AND sort = ? AND version = ?"
DELETE_ANY = "DELETE FROM rows WHERE table_id = ? AND token = ? AND partition = ? AND sort = ?"
# The version stays one of this process.
PUT_ANY = (
    "INSERT INTO rows (table_id, token, partition, sort, version, value) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET value = excluded.value, version = CASE WHEN excluded.version > version"
    f" THEN excluded.version ELSE version + {OWNERS_MAX} - (version - excluded.version) % {OWNERS_MAX} END"
    " RETURNING version"
)
PUT_DERIVED = (
    "INSERT INTO rows (table_id, token, partition, sort, version, value) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET version = excluded.version, value = excluded.value"
)

_new: Any = tuple.__new__
"""A named tuple's own constructor takes three times as long."""

RowPosition = tuple[int, int, bytes, bytes]
"""The primary key: table_id, token, partition, sort."""


class PlannedChange:
    """A change at its place in a batch, where its rows are, and the version that it gives them."""

    __slots__ = ("change", "derived", "place", "position", "version")

    def __init__(
        self,
        place: int,
        change: Change,
        position: RowPosition,
        version: int,
        derived: Sequence[tuple[RowPosition, bytes | None]],
    ) -> None:
        self.place = place
        self.change = change
        self.position = position
        self.version = version
        self.derived = derived


NO_CHECKS: Final[list[PlannedChange]] = []


class BatchWork(Work):
    """A batch to be committed. Where one row is written, that compares it, behind the checks of all others; where
    several are, all rows are compared before.

    `written` are the rows as they will be, with b"" for those deleted; `pending` is where the driver keeps them until
    the batch is settled, `cache` where it keeps those that are durable.
    """

    __slots__ = (
        "_blind", "_cache", "_changes", "_checked", "_checks", "_connection", "_derived_keys", "_generation", "_lost",
        "_mark", "_next", "_others", "_pending", "_tables", "_writes", "lost", "refusal", "size", "table", "written",
    )  # fmt: skip

    def __init__(
        self,
        connection: sqlite3.Connection,
        changes: list[PlannedChange],
        pending: dict[RowKey, Row],
        cache: RowCache,
        tables: RowTables,
        others: OtherProcesses | None = None,
    ) -> None:
        self.table = changes[-1].change.key.table if changes else ""
        self._connection = connection
        self._tables = tables
        self._generation = tables.generation
        self._others = others
        self._mark = 0
        self._changes = changes
        self._pending = pending
        self._cache = cache
        self._blind = False
        self.refusal = None
        self._derived_keys: list[RowKey] = []
        self.written = written = list[Row]()
        size = CHANGE_BYTES * len(changes)
        for planned in changes:
            key, expected, value, derived = planned.change
            if expected is ANY:
                self._blind = True
            if value is not CHECK:
                written.append(_new(Row, (key, value or b"", planned.version, True, None)))
                size += len(value or b"")
            for derived_key, derived_value in derived:
                self._derived_keys.append(derived_key)
                size += CHANGE_BYTES + len(derived_value or b"")
        self.size = size
        if len(written) == len(changes) == 1:
            self._writes, self._checks = changes, NO_CHECKS
        else:
            self._writes = [planned for planned in changes if planned.change.value is not CHECK or planned.derived]
            checks = [planned for planned in changes if planned.change.value is CHECK]
            self._checks = changes if len(self._writes) > 1 else checks
        self._checked = self._next = 0
        self._lost: int | None = None
        self.lost = False

    def restart(self) -> None:
        """See Work."""
        self._checked = self._next = 0
        self._lost = None
        self.lost = False

    def apply(self, deadline: float) -> bool:
        """See Work. A batch is refused if a table was dropped since it was planned: its rows would stay for ever."""
        if self._generation != self._tables.generation and not self._has_tables():
            return self._lose(0)
        if self._others is not None:
            self._mark_rows(self._others)
        checks, writes = self._checks, self._writes
        while self._checked < len(checks):
            if not self._holds(checks[self._checked]):
                return self._lose(next(planned.place for planned in self._changes if not self._holds(planned)))
            self._checked += 1
        while self._next < len(writes):
            if self._next and monotonic() > deadline:
                return False
            if not self._write(writes[self._next]):
                return self._lose(writes[self._next].place)
            self._next += 1
        return True

    def _lose(self, place: int) -> bool:
        self._lost = place
        self.lost = True
        return True

    def result(self) -> Committed | Lost:
        """See Work."""
        if self._lost is not None:
            return Lost(self._lost)
        return Committed(tuple([planned.version for planned in self._changes]))

    def settle(self, *, durable: bool) -> None:
        """See Work. A row that a later batch has changed again stays pending."""
        pending, cache = self._pending, self._cache
        for key in self._derived_keys:
            cache.discard(key)
        # What version a blind write gave its row is not in `written`. Of a table that is gone nothing is remembered:
        # another one may have its name.
        current = self._generation == self._tables.generation
        cached = durable and current and self._lost is None and not self._blind
        for row in self.written:
            key, value, version, _, _ = row
            if pending.get(key) is row:
                del pending[key]
                if cached and value:
                    cache.put(_new(Row, (key, value, version, False, None)), self._mark)

    def _has_tables(self) -> bool:
        """All row tables of the batch are still there."""
        numbers = self._tables.numbers
        for planned in self._changes:
            change = planned.change
            rows = [(change.key, planned.position)]
            rows += [(row.key, position) for row, (position, _) in zip(change.derived, planned.derived, strict=True)]
            for key, position in rows:
                if numbers.get(key.table) != position[0]:
                    self.refusal = RowTableNotFound(key.table)
                    return False
        self._generation = self._tables.generation
        return True

    def _mark_rows(self, others: OtherProcesses) -> None:
        for row in self.written:
            self._mark = others.mark(row.key)
        for key in self._derived_keys:
            others.mark(key)

    def _holds(self, planned: PlannedChange) -> bool:
        """The row is as expected. What the cache has of a row is right, and no change of it waits."""
        expected = planned.change.expected
        if expected is ANY:
            return True
        cached = self._cache.get(planned.change.key)
        if cached is not None:
            return cached.version == _version(expected)
        found = self._connection.execute(VERSION, planned.position).fetchone()
        return bool((None if found is None else found[0]) == _version(expected))

    def _write(self, planned: PlannedChange) -> bool:
        """Write the row if it is as expected, and then the rows derived from it."""
        if not self._write_row(planned):
            return False
        execute = self._connection.execute
        for position, value in planned.derived:
            if value is None:
                execute(DELETE_ANY, position)
            else:
                execute(PUT_DERIVED, (*position, planned.version, value))
        return True

    def _write_row(self, planned: PlannedChange) -> bool:
        position, (_, expected, value, _) = planned.position, planned.change
        execute = self._connection.execute
        if expected is ANY:
            if value is None:
                execute(DELETE_ANY, position)
            elif value is not CHECK:
                ((planned.version,),) = execute(PUT_ANY, (*position, planned.version, value)).fetchall()
            return True
        version = _version(expected)
        if value is CHECK or (value is None and version is None):
            return self._holds(planned)
        if value is None:
            return execute(DELETE, (*position, version)).rowcount == 1
        if version is None:
            return execute(INSERT, (*position, planned.version, value)).rowcount == 1
        return execute(UPDATE, (planned.version, value, *position, version)).rowcount == 1


def _version(expected: Row | Expected) -> int | None:
    """The version that the row must have; None: nothing may be there, because nothing was or because its deletion was
    pending."""
    return expected.version if type(expected) is Row and expected.value else None
