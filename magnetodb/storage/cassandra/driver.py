"""The storage driver on Apache Cassandra: reads, and what else is not the write protocol.

Reads are SELECTs with a LIMIT, each by itself: nothing is kept open at the cluster between two pages.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, Self

from cassandra.metadata import Murmur3Token

from magnetodb.errors import RowTableNotFound, StorageError, StorageUnavailable
from magnetodb.model.rows import (
    TOKEN_MAX,
    TOKEN_MIN,
    Batch,
    Committed,
    Lost,
    Page,
    Row,
    RowKey,
    SortRange,
    TokenRange,
)
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.clock import HybridClock
from magnetodb.storage.cassandra.cluster_options import ClusterOptions
from magnetodb.storage.cassandra.commit import Committer
from magnetodb.storage.cassandra.connection import CassandraSession, connect
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.crash_points import CrashingSession
from magnetodb.storage.cassandra.detached import Detached
from magnetodb.storage.cassandra.equipment import Derive
from magnetodb.storage.cassandra.hidden_rows import BATCH_BYTES_MAX
from magnetodb.storage.cassandra.item_row import MISSING
from magnetodb.storage.cassandra.page_filling import PageFilling, RowSizes
from magnetodb.storage.cassandra.partition_keys import partition_of, stored_partition
from magnetodb.storage.cassandra.schema import Place, RowTables, check_format, create_schema
from magnetodb.storage.cassandra.session import Consistency
from magnetodb.storage.cassandra.session_errors import CassandraError, TableGone
from magnetodb.storage.cassandra.storage_errors import NOT_KNOWN, not_written, storage_error

TEXTS_MAX: Final = 8192
READ_TOGETHER_MAX: Final = 128
"""So many rows of one call are read side by side."""

MESSAGE_BYTES_MAX: Final = 8_388_608
"""Of a batch, far below what a message to Cassandra may have."""

COLLIDING_MAX: Final = 1000
"""Partitions of one token that are looked at together: there is one, unless somebody has made an effort."""

get_text = lru_cache(TEXTS_MAX)(cql.get)
get_value_text = lru_cache(TEXTS_MAX)(cql.get_value)
query_text = lru_cache(TEXTS_MAX)(cql.query)
scan_text = lru_cache(TEXTS_MAX)(cql.scan)
partitions_text = lru_cache(TEXTS_MAX)(cql.partitions)


class CassandraDriver:
    """The storage driver on a keyspace, which any number of processes share. Made by `open`."""

    def __init__(self, session: CassandraSession, options: ClusterOptions, derive: Derive | None = None) -> None:
        self.session = session
        self._loop = asyncio.get_running_loop()
        self._eventually = options.read_consistency
        self._tables = RowTables(session, options.keyspace)
        self._places = self._tables.places
        point = options.crash_point
        self._committer = Committer(
            session if point is None else CrashingSession(session, point),
            HybridClock(session.now),
            self._tables,
            derive=derive,
            batch_bytes_max=_batch_bytes_max(session.batch_bytes_max),
        )
        self._sizes = RowSizes()
        self._is_closed = False
        self._commits: dict[Detached[list[Committed | Lost]], Sequence[Batch]] = {}

    @classmethod
    async def open(cls, options: ClusterOptions, *, derive: Derive | None = None) -> Self:
        """Connect to the cluster; with `options.create_schema` make what is missing of the schema.

        Raises ClusterError if an operator has to do something, which its message says; StorageUnavailable if it may
        help to try again.
        """
        session = await connect(options)
        try:
            if options.create_schema:
                await create_schema(session, options.keyspace)
            await check_format(session, options.keyspace)
        except CassandraError as error:
            await session.close()
            raise StorageUnavailable(f"Cassandra does not answer as it should: {error}") from error
        except BaseException:
            await session.close()
            raise
        return cls(session, options, derive)

    def use_derive(self, derive: Derive) -> None:
        """From now on `derive` says which derived rows an item has, so that what others left undone can be finished."""
        self._committer.use_derive(derive)

    async def create_table(self, table: str, *, local_to: str | None = None) -> None:
        """See StorageDriver."""
        try:
            await self._tables.create(table, local_to)
        except CassandraError as error:
            raise not_written(error) from error

    async def drop_table(self, table: str) -> None:
        """See StorageDriver."""
        with self._tables.dropping(table):
            for commit, batches in list(self._commits.items()):
                if any(_touches(batch, table) for batch in batches):
                    await commit.wait_ended()
            try:
                await self._tables.drop(table)
            except CassandraError as error:
                raise not_written(error) from error

    async def get(
        self, keys: Sequence[RowKey], *, consistent: bool = True, for_write: bool = False
    ) -> list[Row | None]:
        """See StorageDriver. Rows that were read consistently have an ItemRow as their state."""
        try:
            if not consistent and not for_write:
                return await self._get_values(keys)
            if not for_write:
                return await self._get_rows(keys)
            committer = self._committer
            pending = [committer.pending(key) or committer.known(key) for key in keys]
            unknown = [key for key, row in zip(keys, pending, strict=True) if row is None]
            if not unknown:
                return list(pending)
            found = iter(await self._get_rows(unknown, for_write=True))
            return [next(found) if row is None else row for row in pending]
        except CassandraError as error:
            raise await self._read_error(error, *[key.table for key in keys]) from error

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
        filling = PageFilling(table, limit)
        try:
            place = await self._place(table)
            ended = await self._fill(filling, place, partition, sorts, reverse=reverse, consistent=consistent)
        except CassandraError as error:
            raise await self._read_error(error, table) from error
        return filling.page(more=not ended)

    def token(self, partition: bytes) -> int:
        """See StorageDriver: the cluster's own."""
        token: int = Murmur3Token.hash_fn(stored_partition(partition))
        return token

    async def scan(self, table: str, tokens: TokenRange, *, limit: int, after: RowKey | None = None) -> Page:
        """See StorageDriver. Scans are consistent."""
        filling = PageFilling(table, limit)
        try:
            place = await self._place(table)
            ended = await self._fill_range(filling, place, tokens, after)
        except CassandraError as error:
            raise await self._read_error(error, table) from error
        return filling.page(more=not ended)

    async def commit(self, batches: Sequence[Batch]) -> list[Committed | Lost]:
        """See StorageDriver. A commit goes on to its end even if its caller is gone."""
        if self._is_closed:
            raise StorageUnavailable("The storage is closed.")
        commit = Detached(self._loop, self._committer.commit(batches), self._ended)
        if commit.is_running:
            self._commits[commit] = batches
        return await commit.future

    async def recover(self) -> bool:
        """See StorageDriver: one step of the recovery of all processes, which one of them at a time should make."""
        return (await self._committer.recover()).more

    async def close(self) -> None:
        """See StorageDriver."""
        if self._is_closed:
            return
        self._is_closed = True
        for commit in list(self._commits):
            await commit.wait_ended()
        await self.session.close()

    def _ended(self, commit: Detached[list[Committed | Lost]]) -> None:
        self._commits.pop(commit, None)

    async def _place(self, table: str) -> Place:
        place = self._places.get(table)
        if place is None:
            await self._tables.find((table,))
            place = self._places[table]
        return place

    async def _get_values(self, keys: Sequence[RowKey]) -> list[Row | None]:
        """Rows that may be a moment old, without their state."""
        if len(keys) == 1:
            (key,) = keys
            table, partition, sort = key
            name, x = self._places.get(table) or await self._place(table)
            values = (stored_partition(partition), x, sort)
            rows = await self.session.read(get_value_text(name), values, self._eventually)
            if not rows or rows[0][0] is None:
                return [None]
            value, version = rows[0]
            return [Row(key, value, version or 0)]
        found = await self._read_each(keys, get_value_text, self._eventually)
        return [
            None if not rows or rows[0][0] is None else Row(key, rows[0][0], rows[0][1] or 0)
            for key, rows in zip(keys, found, strict=True)
        ]

    async def _get_rows(self, keys: Sequence[RowKey], *, for_write: bool = False) -> list[Row | None]:
        """Rows with their state, as all decided transactions left them."""
        found = await self._read_each(keys, get_text, Consistency.LOCAL_QUORUM)
        rows = [ItemRow(*each[0]) if each else MISSING for each in found]
        if any(row.ltx is not None for row in rows):
            if for_write:
                rows = await self._committer.settled(keys, rows)
            else:
                values = await self._committer.values(rows)
                rows = [row._replace(v=value) for row, value in zip(rows, values, strict=True)]
        if for_write:
            for key, row in zip(keys, rows, strict=True):
                self._committer.remember(key, row)
        return [
            None if row.v is None else Row(key, row.v, row.ver or 0, False, row)
            for key, row in zip(keys, rows, strict=True)
        ]

    async def _read_each(
        self, keys: Sequence[RowKey], text: Callable[[str], str], consistency: Consistency
    ) -> list[list[tuple[Any, ...]]]:
        """What a SELECT of one row finds for each of the keys, which are read side by side."""
        if any(key.table not in self._places for key in keys):
            await self._tables.find([key.table for key in keys])
        reads = []
        for table, partition, sort in keys:
            name, x = self._places[table]
            reads.append((text(name), (stored_partition(partition), x, sort)))
        found: list[list[tuple[Any, ...]]] = []
        for start in range(0, len(reads), READ_TOGETHER_MAX):
            found += await self.session.read_together(reads[start : start + READ_TOGETHER_MAX], consistency)
        return found

    async def _fill(
        self,
        filling: PageFilling,
        place: Place,
        partition: bytes,
        sorts: SortRange,
        *,
        reverse: bool = False,
        consistent: bool = True,
    ) -> bool:
        """Add rows of one partition; whether these are all."""
        start, end = sorts
        stored = stored_partition(partition)
        consistency = Consistency.LOCAL_QUORUM if consistent else self._eventually
        while end is None or start < end:
            limit = self._sizes.rows(place.table, filling.wanted)
            text = query_text(place.table, bounded=end is not None, reverse=reverse, locks=consistent)
            bounds = (start,) if end is None else (start, end)
            found = await self.session.read(text, (stored, place.x, *bounds, limit), consistency)
            rows = await self._decided(found, 1) if consistent else found
            self._add(filling, place, [(partition, *row) for row in rows])
            if len(found) < limit:
                return not filling.is_full
            if filling.has_enough:
                return False
            last = found[-1][0]
            if reverse:
                end = last
            else:
                start = last + b"\x00"
        return True

    async def _fill_range(self, filling: PageFilling, place: Place, tokens: TokenRange, after: RowKey | None) -> bool:
        """Add rows of a range of tokens behind `after`; whether these are all."""
        first, last = tokens
        # A range that ends at the smallest token has no end for Cassandra, and no partition has that token.
        while TOKEN_MIN < last and first <= last:
            if after is not None:
                token = self.token(after.partition)
                if token >= first:
                    if token > last:
                        return True
                    if not await self._fill_behind(filling, place, after, token):
                        return False
                    if token == TOKEN_MAX:
                        return True
                    first = token + 1
                    after = None
                    continue
            limit = self._sizes.rows(place.table, filling.wanted)
            local = place.table in self._tables.parents
            x = (place.x,) if local else ()
            text = scan_text(place.table, local=local)
            found = await self.session.read(text, (first, last, *x, limit), Consistency.LOCAL_QUORUM)
            rows = await self._decided(found, 2)
            self._add(filling, place, [(partition_of(row[0]), *row[1:]) for row in rows])
            if len(found) < limit:
                return not filling.is_full
            if filling.has_enough:
                return False
            after = RowKey(place.table, partition_of(found[-1][0]), found[-1][1])
        return True

    async def _fill_behind(self, filling: PageFilling, place: Place, after: RowKey, token: int) -> bool:
        """Add what is left of a partition behind a row, and partitions with the same token behind that one; whether
        these are all."""
        if not await self._fill(filling, place, after.partition, SortRange(after.sort + b"\x00")):
            return False
        partition = stored_partition(after.partition)
        text = partitions_text(place.table)
        found = await self.session.read(text, (token, token, COLLIDING_MAX), Consistency.LOCAL_QUORUM)
        for (each,) in found:
            if each > partition and not await self._fill(filling, place, partition_of(each), SortRange()):
                return False
        return True

    async def _decided(self, found: Sequence[tuple[Any, ...]], at: int) -> Sequence[tuple[Any, ...]]:
        """Rows with v, ver, ltx, lnew from column `at` on, without the last two: as all decided transactions left
        them."""
        end = at + 2
        if all(row[end] is None for row in found):
            return [row[:end] for row in found]
        rows = [ItemRow(v=row[at], ver=row[at + 1], ltx=row[end], lnew=row[end + 1]) for row in found]
        values = await self._committer.values(rows)
        return [(*row[:at], value, row[at + 1]) for row, value in zip(found, values, strict=True)]

    def _add(self, filling: PageFilling, place: Place, rows: Sequence[tuple[Any, ...]]) -> None:
        rows_before, bytes_before = len(filling.rows), filling.bytes
        filling.add(rows)
        self._sizes.learn(place.table, len(filling.rows) - rows_before, filling.bytes - bytes_before)

    async def _read_error(self, error: CassandraError, *tables: str) -> StorageError:
        if isinstance(error, TableGone):
            for table in await self._tables.gone(tables):
                return RowTableNotFound(table)
            return StorageUnavailable(NOT_KNOWN)
        return storage_error(error)


def _touches(batch: Batch, table: str) -> bool:
    return any(
        change.key.table == table or any(derived.key.table == table for derived in change.derived) for change in batch
    )


def _batch_bytes_max(threshold: int | None) -> int:
    """What may be in a logged batch where nodes refuse those over the threshold, which count a little more."""
    return BATCH_BYTES_MAX if threshold is None else min(threshold, MESSAGE_BYTES_MAX) * 4 // 5
