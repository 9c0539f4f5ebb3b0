"""Rows in one SQLite file: the embedded driver.

One SQL table holds the rows of all row tables, so that creating and dropping tables changes no schema. Reads run on a
connection of their own, in the event loop's thread, and never suspend; they see what is durable. Writes go through
`group_commit`.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from time import time_ns
from typing import Any, Final
from zlib import crc32

from magnetodb.errors import RowTableNotFound, StorageError
from magnetodb.model.rows import (
    CHECK,
    Batch,
    Committed,
    Lost,
    Page,
    PartitionRows,
    Row,
    RowKey,
    SortRange,
    TokenRange,
)
from magnetodb.storage.driver import READ_BYTES_MAX
from magnetodb.storage.dropped_tables import DroppedTables
from magnetodb.storage.group_commit import GroupCommit
from magnetodb.storage.log_copier import LOG_PAGES
from magnetodb.storage.row_cache import RowCache, SharedRowCache
from magnetodb.storage.row_tables import CreateTable, DropTable, RowTables
from magnetodb.storage.sqlite_batch import TOKEN_OFFSET, BatchWork, PlannedChange, RowPosition
from magnetodb.storage.sqlite_errors import storage_error
from magnetodb.storage.sqlite_file import open_file, read_file, share_file
from magnetodb.storage.writer_lock import OWNERS_MAX

GET = "SELECT version, value FROM rows WHERE table_id = ? AND token = ? AND partition = ? AND sort = ?"
QUERY = {
    (bounded, reverse): (
        "SELECT sort, version, value FROM rows WHERE table_id = ? AND token = ? AND partition = ? AND sort >= ?"
        f"{' AND sort < ?' if bounded else ''} ORDER BY sort{' DESC' if reverse else ''} LIMIT ?"
    )
    for bounded in (False, True)
    for reverse in (False, True)
}
SCAN = (
    "SELECT partition, sort, version, value FROM rows WHERE table_id = ? AND token BETWEEN ? AND ?"
    " ORDER BY token, partition, sort LIMIT ?"
)
SCAN_AFTER = (
    "SELECT partition, sort, version, value FROM rows"
    " WHERE table_id = ? AND (token, partition, sort) > (?, ?, ?) AND token <= ?"
    " ORDER BY token, partition, sort LIMIT ?"
)

FETCH_ROWS: Final = 16
"""SQLite's rows are taken in lists of so many: of the largest items they are 6 MB more than a page needs."""

SWEEP_SECONDS: Final = 0.5
"""So often a process that reads looks whether others have committed, even if nobody asks it."""

_new: Any = tuple.__new__
"""Makes rows of pages: a named tuple's own constructor takes three times as long, and pages have many."""


class SqliteDriver:
    """The storage driver on the file in `directory`, which belongs to this process until `close`.

    `durable` False: an acknowledged write survives a crash of the process, but perhaps not of the machine.
    `pages_max`: the file grows no larger than this. `read_only`: the file may belong to another process; all reads see
    it as it was at the first one, and commits fail. Raises DataFileError if the file cannot be opened.

    `shared`: the file belongs to several processes, each of which has a driver of its own. A process that has none
    takes the directory for them with `lock_directory` before the first one opens it, and keeps it until the last one
    has closed it or is dead. A driver is made in the process that uses it: after a fork, never before, because neither
    SQLite nor the locks survive one. Every read sees what any process has been told is committed. No process may be
    stopped (SIGSTOP) for long: it may have the right to write, for which the others wait; killed, it loses that.
    """

    def __init__(
        self,
        directory: Path,
        *,
        durable: bool = True,
        pages_max: int | None = None,
        read_only: bool = False,
        shared: bool = False,
    ) -> None:
        if read_only:
            self._file = read_file(directory)
        else:
            open_it = share_file if shared else open_file
            self._file = open_it(directory, durable=durable, pages_max=pages_max)
        self.path = self._file.path
        self._others = others = self._file.others
        self._read = self._file.reader.cursor()
        self._holds_snapshot = False
        self._snapshot = b""
        self._sweeper: asyncio.TimerHandle | None = None
        self._tables = RowTables()
        self._pending: dict[RowKey, Row] = {}
        self._cache = RowCache() if others is None else SharedRowCache(others)
        self._last_version = 0
        self._doubt = 0
        copier, sync = self._file.copier, self._file.sync
        self._commits = GroupCommit(
            self._file.writer, self._before_group, copier, others, sync, commit_syncs=durable and sync is None
        )
        self._dropped = DroppedTables(
            self._file.writer,
            self._file.reader,
            self._commits,
            copier,
            others.lock if others is not None else None,
        )
        self._read_tables()

    async def create_table(self, table: str, *, local_to: str | None = None) -> None:
        """See StorageDriver. `local_to` makes no difference here."""
        self._look()
        if table not in self._tables.numbers:
            (future,) = self._commits.submit((CreateTable(self._file.writer, table, self._changing_tables),))
            self._tables.numbers[table] = await future

    async def drop_table(self, table: str) -> None:
        """See StorageDriver."""
        self._look()
        number = self._tables.numbers.pop(table, None)
        if number is None:
            return
        # What waits for this table comes before the drop, and its rows are emptied away with the rest.
        try:
            (future,) = self._commits.submit((DropTable(self._file.writer, table, number, self._changing_tables),))
            await future
        except StorageError:
            self._tables.numbers[table] = number
            raise
        # Not before: what was in the queue put its rows there when it was written.
        self._cache.discard_table(table)
        self._dropped.start()

    async def get(
        self, keys: Sequence[RowKey], *, consistent: bool = True, for_write: bool = False
    ) -> list[Row | None]:
        """See StorageDriver. Every read is consistent."""
        rows: list[Row | None] = []
        if self._others is not None and self._others.tables_changed():
            self._read_tables()
        pending_of, cached, numbers = self._pending.get, self._cache.get, self._tables.numbers
        key = None
        try:
            for key in keys:
                number = numbers[key.table]
                row = pending_of(key)
                if row is None:
                    row = cached(key) or self._read_row(key, number, cache=True)
                elif not for_write:
                    row = self._read_row(key, number, cache=False)
                rows.append(row)
        except KeyError:
            self._doubt = 0
            raise RowTableNotFound(key.table if key else "") from None
        except sqlite3.Error as error:
            self._doubt = 0
            raise storage_error(error) from error
        if self._doubt:
            await self._resolve(rows, for_write)
        return rows

    async def query(
        self,
        table: str,
        partition: bytes,
        sorts: SortRange,
        *,
        limit: int,
        reverse: bool = False,
        consistent: bool = True,
    ) -> Page:
        """See StorageDriver."""
        self._look()
        start, end = sorts
        parameters: list[Any] = [self._number(table), crc32(partition) - TOKEN_OFFSET, partition, start]
        if end is not None:
            parameters.append(end)
        parameters.append(limit + 1)
        found, more = self._found(QUERY[end is not None, reverse], parameters, limit)
        if self._others is not None:
            doubt = self._others.doubt_of_partition(partition)
            if doubt:
                await self._commits.durable(doubt)
        return Page(PartitionRows(table, partition, found), more)

    def token(self, partition: bytes) -> int:
        """See StorageDriver."""
        return (crc32(partition) - TOKEN_OFFSET) << 32

    async def scan(self, table: str, tokens: TokenRange, *, limit: int, after: RowKey | None = None) -> Page:
        """See StorageDriver."""
        self._look()
        number = self._number(table)
        first, last = -(-tokens.start >> 32), tokens.end >> 32
        after_token = crc32(after.partition) - TOKEN_OFFSET if after is not None else first - 1
        if after is not None and after_token >= first:
            parameters = (number, after_token, after.partition, after.sort, last, limit + 1)
            found, more = self._found(SCAN_AFTER, parameters, limit)
        else:
            found, more = self._found(SCAN, (number, first, last, limit + 1), limit)
        if self._others is not None:
            doubt = self._others.doubt_of_all()
            if doubt:
                await self._commits.durable(doubt)
        rows = [
            _new(Row, (_new(RowKey, (table, partition, sort)), value, version, False, None))
            for partition, sort, version, value in found
        ]
        return Page(rows, more)

    async def commit(self, batches: Sequence[Batch]) -> list[Committed | Lost]:
        """See StorageDriver. An error says that its batch was not written, and nothing about the others of the call."""
        self._look()
        if self._others is not None:
            self._last_version = max(self._last_version, self._others.versions())
        works = [self._work(batch) for batch in batches]
        futures = self._commits.submit(works)
        pending = self._pending
        for work in works:
            for row in work.written:
                pending[row.key] = row
                self._cache.discard(row.key)
        if len(futures) == 1:
            return [await futures[0]]
        for future in futures:
            # Those of one group are done together, so that few are waited for.
            if not future.done():
                await asyncio.wait((future,))
        errors = [future.exception() for future in futures]
        for error in errors:
            if isinstance(error, StorageError):
                error.outcomes = tuple([future.result() if future.exception() is None else None for future in futures])
            if error is not None:
                raise error
        return [future.result() for future in futures]

    def commit_sizes(self) -> tuple[list[int], int]:
        """For an operator: how often batches shared a commit, by the bits of their number, and the sum of all. May be
        called in any thread."""
        return list(self._commits.sizes), self._commits.works

    async def recover(self) -> bool:
        """See StorageDriver. SQLite recovers by itself; what is left are tables that were not emptied to the end."""
        self._dropped.start()
        return False

    async def close(self) -> None:
        """See StorageDriver."""
        await self._dropped.stop()
        await self._commits.close()
        if self._file.copier is not None:
            self._file.copier.stop()
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._release_snapshot()
        self._file.close()
        self._others = None  # Its memory is gone; whoever comes now is told so by the commits or the file.

    def _read_row(self, key: RowKey, number: int, *, cache: bool) -> Row | None:
        """The row as the file has it; a row of which a change is queued must not be cached."""
        mark = self._cache.mark_of(key)
        self._hold_snapshot()
        _, partition, sort = key
        found = self._read.execute(GET, (number, crc32(partition) - TOKEN_OFFSET, partition, sort)).fetchone()
        if self._others is not None:
            doubt = self._others.doubt_of_row(key)
            if doubt:
                self._doubt = max(self._doubt, doubt)
                return None if found is None else Row(key, found[1], found[0], True)
        if found is None:
            return None
        row = Row(key, found[1], found[0])
        if cache:
            self._cache.put(row, mark)
        return row

    async def _resolve(self, rows: list[Row | None], for_write: bool) -> None:
        """Wait until what was read is on the disk, unless a commit that expects it will."""
        doubt, self._doubt = self._doubt, 0
        if for_write and None not in rows:
            return
        await self._commits.durable(doubt)
        if not for_write:
            rows[:] = [row._replace(pending=False) if row is not None and row.pending else row for row in rows]

    def _number(self, table: str) -> int:
        try:
            return self._tables.numbers[table]
        except KeyError:
            raise RowTableNotFound(table) from None

    def _look(self) -> None:
        """Know the row tables as they are."""
        if self._others is not None and self._others.tables_changed():
            self._read_tables()

    def _read_tables(self) -> None:
        others = self._others
        try:
            if others is None:
                self._tables.read(self._file.reader)
                return
            self._release_snapshot()
            before = others.before_tables_are_read()
            if self._tables.read(self._file.reader):
                # Another table may have the name of one that was dropped.
                self._cache.clear()
            others.tables_read(before)
        except sqlite3.Error as error:
            raise storage_error(error) from error

    def _changing_tables(self) -> None:
        """In a transaction: it makes or drops row tables."""
        self._tables.generation += 1
        if self._others is not None:
            self._others.mark_tables()

    def _before_group(self) -> None:
        """It is our turn, and a transaction is about to begin."""
        self._release_snapshot()
        if self._others is not None:
            self._look()
            self._others.last_version = self._last_version
            self._others.begin()

    def _hold_snapshot(self) -> None:
        """Keep a read transaction open as long as nothing is written: it saves every read the file locks, a third of
        its time. While a group is written, reads take and release their own, or the log could never be reset."""
        others = self._others
        if self._holds_snapshot:
            if others is None or others.header() == self._snapshot:
                return
            self._release_snapshot()
        if not self._commits.idle:
            return
        if others is not None:
            if others.log.frames() >= LOG_PAGES:
                return  # Whoever waits to reset the log finds a moment without readers sooner.
            self._snapshot = others.header()
            if self._sweeper is None:
                self._sweeper = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)
        self._file.reader.execute("BEGIN")
        self._holds_snapshot = True

    def _sweep(self) -> None:
        """A process that reads nothing for a while must not keep the log from being reset by those that write."""
        assert self._others is not None
        self._sweeper = None
        if self._holds_snapshot and self._others.header() != self._snapshot:
            self._release_snapshot()
        if self._holds_snapshot:
            self._sweeper = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def _release_snapshot(self) -> None:
        if self._holds_snapshot:
            self._holds_snapshot = False
            # SQLite ends the transaction by itself when a read fails for want of memory or by an error of the disk.
            if self._file.reader.in_transaction:
                self._file.reader.execute("COMMIT")

    def _found(self, statement: str, parameters: Sequence[Any], limit: int) -> tuple[list[Any], bool]:
        """What a SELECT finds that was given one row more than `limit`, and whether there is more. The value comes
        last in its rows."""
        self._hold_snapshot()
        found: list[Any] = []
        size = 0
        try:
            cursor = self._file.reader.execute(statement, parameters)
            while rows := cursor.fetchmany(FETCH_ROWS):
                sizes = [len(row[-1]) for row in rows]
                found += rows
                size += sum(sizes)
                if size >= READ_BYTES_MAX:
                    cursor.close()  # Or the statement would stay open, and with it the snapshot.
                    while size - sizes[-1] >= READ_BYTES_MAX:
                        size -= sizes.pop()
                    end = min(len(found) - len(rows) + len(sizes), limit)
                    return found[:end], end < len(found) or len(rows) == FETCH_ROWS
        except sqlite3.Error as error:
            raise storage_error(error) from error
        if len(found) > limit:
            return found[:limit], True
        return found, False

    def _work(self, batch: Batch) -> BatchWork:
        """The batch with its versions issued: later than the clock, than all others issued, than the row's last."""
        clock = time_ns() // 1000
        changes: list[PlannedChange] = []
        for change in batch:
            key, expected, value, derived = change
            version = self._last_version + 1
            if version < clock:
                version = clock
            if type(expected) is Row and expected.version >= version:
                version = expected.version + 1
            if self._others is not None:
                # What one process expects of a row that it has queued itself, and lost, must not be true of the row of
                # another one. So no two processes issue the same version.
                version += (self._others.lock.owner - version) % OWNERS_MAX
            if value is CHECK:
                version = expected.version if type(expected) is Row else 0
            else:
                self._last_version = version
            positions = [(self._position(derived_key), derived_value) for derived_key, derived_value in derived]
            changes.append(PlannedChange(len(changes), change, self._position(key), version, positions))
        return BatchWork(self._file.writer, changes, self._pending, self._cache, self._tables, self._others)

    def _position(self, key: RowKey) -> RowPosition:
        table, partition, sort = key
        try:
            return self._tables.numbers[table], crc32(partition) - TOKEN_OFFSET, partition, sort
        except KeyError:
            raise RowTableNotFound(table) from None
