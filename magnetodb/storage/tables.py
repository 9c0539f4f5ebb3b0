"""table_info: tables as rows of a system table, cached with all that a request needs of them worked out.

A table comes and goes in steps that a crash may cut short. Its row tables are made before its row says that it exists,
and dropped after its row is gone; a row of the system table `row_tables_in_doubt` names them in between:

    create   note the row tables · make them · row of the table appears, note goes (one commit)
    delete   row of the table goes, note appears (one commit) · drop the row tables · note goes
    recover  drop the row tables of every note, then the notes

An index of an existing table comes and goes in the same steps, and in between a job (ordered in the commit that says
CREATING or DELETING) fills or drops its row table.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import orjson

from magnetodb.errors import ResourceInUseException, ResourceNotFoundException, StorageError
from magnetodb.model.keys import TableKeys
from magnetodb.model.rows import ABSENT, ANY, Batch, Change, Committed, Lost, Row, RowKey, SortRange, TokenRange
from magnetodb.model.table import Table
from magnetodb.storage.counts import COUNTS, Counts
from magnetodb.storage.driver import StorageDriver
from magnetodb.storage.job_positions import JOB_POSITIONS, LEASES, cancelled, order
from magnetodb.storage.service_errors import service_error
from magnetodb.storage.tokens import TOKEN_EXPIRIES, TOKENS

TABLES: Final = "tables"
"""Partition: project; sort: name; value: Table.to_json()."""

IN_DOUBT: Final = "row_tables_in_doubt"
"""Partition: id of the table, or of the row table of one index; value: JSON list of row table ids."""

SYSTEM_TABLES: Final = (TABLES, IN_DOUBT, COUNTS, JOB_POSITIONS, LEASES, TOKENS, TOKEN_EXPIRIES)

CHANGE_INDEXES: Final = "change_indexes"
"""The job that finishes what `change_index` begins; subject: id of the table; position: {"project", "name", ...}."""

COUNT_ITEMS: Final = "count_items"
"""The job that counts a table anew; subject: id of the table; position: {"project", "name"}."""

CHANGE_TIME_TO_LIVE: Final = "change_time_to_live"
"""The job that finishes what `change_time_to_live` begins; subject and position as those of CHANGE_INDEXES."""

EXPIRE_ITEMS: Final = "expire_items"
"""The job that deletes what has expired; a task stays for as long as the items of a table expire. Subject: id of the
table; position: {"project", "name"}."""

CACHED_TABLES_MAX: Final = 10_000

NOT_FOUND: Final = "Requested resource not found"


class TableInfo(NamedTuple):
    """A table and what follows from it. Immutable; a change of the table makes a new one."""

    table: Table
    keys: TableKeys


class Tables:
    """The tables of all projects. `open` comes before everything else.

    The cache is right at any time because one process has the data file and every change goes through here.
    """

    def __init__(self, driver: StorageDriver) -> None:
        self._driver = driver
        self.counts = Counts(driver)
        self._cached: dict[tuple[str, str], TableInfo] = {}
        self._changed: dict[str, TableInfo] = {}

    async def open(self) -> None:
        """Make the system tables, and finish what a crash left half done."""
        for system_table in SYSTEM_TABLES:
            await self._driver.create_table(system_table)
        await self._driver.recover()
        while True:
            notes = await self._driver.scan(IN_DOUBT, TokenRange(), limit=100)
            for note in notes.rows:
                await self._drop(note.key, orjson.loads(note.value))
            if not notes.more:
                return

    def known(self, project: str, name: str) -> TableInfo | None:
        """The table if it is cached, as it is for all requests but the first."""
        return self._cached.get((project, name))

    async def get(self, project: str, name: str, *, missing: str = NOT_FOUND) -> TableInfo:
        """The table. Raises ResourceNotFoundException with the words `missing`."""
        info = self._cached.get((project, name))
        if info is not None:
            return info
        row = await self._row(_key(project, name))
        if row is None:
            raise ResourceNotFoundException(missing)
        return self._remember(Table.from_json(row.value, version=row.version))

    async def refreshed(self, project: str, name: str) -> TableInfo | None:
        """The table as the storage has it now, which from then on is what everybody here gets; None if it is gone.

        For jobs: a commit is in the storage a moment before the one who made it has told the cache.
        """
        row = await self._row(_key(project, name))
        if row is None:
            return None
        known = self._cached.get((project, name))
        if known is not None and known.table.version >= row.version:
            return known
        return self._updated(Table.from_json(row.value, version=row.version))

    def current(self, info: TableInfo) -> TableInfo:
        """The newest state of a table that was got earlier.

        Whoever decides a write from this, and commits it without waiting in between, misses no index: a new index is
        filled only after everybody sees it here.
        """
        return self._changed.get(info.table.id, info) if self._changed else info

    async def all(self) -> AsyncIterator[Table]:
        """The tables of all projects, read from the storage."""
        after: RowKey | None = None
        more = True
        while more:
            page = await self._driver.scan(TABLES, TokenRange(), limit=100, after=after)
            for row in page.rows:
                yield Table.from_json(row.value, version=row.version)
                after = row.key
            more = page.more

    async def list(self, project: str, after: str | None, limit: int) -> list[str]:
        """At most `limit` names in the order of their bytes, behind `after`, which needs not exist."""
        start = after.encode() + b"\x00" if after is not None else b""
        names: list[str] = []
        try:
            more = True
            while more and len(names) < limit:
                page = await self._driver.query(
                    TABLES, project.encode(), SortRange(start), limit=min(limit - len(names), 100)
                )
                names.extend([row.key.sort.decode() for row in page.rows])
                more = page.more
                if page.rows:
                    start = page.rows[-1].key.sort + b"\x00"
        except StorageError as error:
            raise service_error(error) from error
        return names

    async def create(self, table: Table) -> TableInfo:
        """Make the row tables of a new table and then store it, ACTIVE with all its indexes. Raises
        ResourceInUseException for a name that is taken."""
        key = _key(table.project, table.name)
        if await self._row(key) is not None:
            raise _exists(table)
        note = _note(table)
        rows_ids = _rows_ids(table)
        try:
            await self._driver.commit([(Change(note, ANY, orjson.dumps(rows_ids)),)])
            await self._driver.create_table(table.rows_id)
            for index in table.indexes.values():
                local_to = table.rows_id if index.kind == "LSI" else None
                await self._driver.create_table(index.rows_id, local_to=local_to)
            table = _active(table)
            outcome = await self._commit((Change(key, ABSENT, table.to_json()), Change(note, ANY, None)))
            if isinstance(outcome, Lost):
                await self._drop(note, rows_ids)
                raise _exists(table)
        except StorageError as error:
            raise service_error(error) from error
        return self._remember(self._stored(table, outcome.versions[0]))

    async def counts_of(self, table: Table) -> dict[str, tuple[int, int]]:
        """(items, bytes) by the id of each row table: the table's and its indexes'. A few writes may be missing."""
        try:
            return await self.counts.of(table)
        except StorageError as error:
            raise service_error(error) from error

    async def update(self, table: Table, *also: Change) -> TableInfo:
        """Store a changed table in place of the version that it was made from (`table.version`), and make other changes
        in the same commit.

        Raises ResourceInUseException if that version is no longer the current one, ResourceNotFoundException if the
        table is gone.
        """
        key = _key(table.project, table.name)
        row = await self._current(key, table)
        outcome = await self._commit((Change(key, row, table.to_json()), *also))
        if isinstance(outcome, Lost):
            raise _in_use(table)
        return self._updated(self._stored(table, outcome.versions[0]))

    async def change_index(self, table: Table, name: str) -> TableInfo:
        """Store a table of which one index is new (CREATING) or shall go (DELETING), as `update` does, and order the
        job that does the rest."""
        index = table.indexes[name]
        ordered = order(CHANGE_INDEXES, table.id, {"project": table.project, "name": table.name})
        if index.status == "DELETING":
            return await self.update(table, ordered)
        return await self._update_with_rows(table, index.rows_id, ordered)

    async def change_time_to_live(self, table: Table) -> TableInfo:
        """Store a table whose items shall expire (ENABLING) or no longer (DISABLING), as `update` does, and order the
        job that does the rest."""
        expiry = table.time_to_live
        assert expiry is not None
        ordered = order(CHANGE_TIME_TO_LIVE, table.id, {"project": table.project, "name": table.name})
        if expiry.status == "DISABLING":
            return await self.update(table, ordered, cancelled(EXPIRE_ITEMS, table.id))
        return await self._update_with_rows(table, expiry.rows_id, ordered)

    async def _update_with_rows(self, table: Table, rows_id: str, ordered: Change) -> TableInfo:
        """Store a table that has a hidden row table more."""
        note = RowKey(IN_DOUBT, rows_id.encode(), b"")
        try:
            await self._driver.commit([(Change(note, ANY, orjson.dumps([rows_id])),)])
            await self._driver.create_table(rows_id)
            try:
                return await self.update(table, ordered, Change(note, ANY, None))
            except (ResourceInUseException, ResourceNotFoundException):
                await self._drop(note, [rows_id])
                raise
        except StorageError as error:
            raise service_error(error) from error

    async def delete(self, table: Table) -> None:
        """Remove the table and all its rows. Raises as `update` does."""
        key, note, rows_ids = _key(table.project, table.name), _note(table), _rows_ids(table)
        row = await self._current(key, table)
        outcome = await self._commit((Change(key, row, None), Change(note, ANY, orjson.dumps(rows_ids))))
        if isinstance(outcome, Lost):
            raise _in_use(table)
        self._cached.pop((table.project, table.name), None)
        self._changed.pop(table.id, None)
        try:
            await self._drop(note, rows_ids)
        except StorageError as error:
            # The table is gone all the same; the note has the rest done at the next start.
            raise service_error(error) from error

    async def _drop(self, note: RowKey, rows_ids: Sequence[str]) -> None:
        for rows_id in rows_ids:
            await self._driver.drop_table(rows_id)
        await self._driver.commit([(Change(note, ANY, None), *self.counts.forget(rows_ids))])

    async def _row(self, key: RowKey) -> Row | None:
        try:
            (row,) = await self._driver.get((key,))
        except StorageError as error:
            raise service_error(error) from error
        return row

    async def _current(self, key: RowKey, table: Table) -> Row:
        """The row that the table was read from."""
        row = await self._row(key)
        if row is None:
            raise ResourceNotFoundException(f"{NOT_FOUND}: Table: {table.name} not found")
        if row.version != table.version:
            raise _in_use(table)
        return row

    async def _commit(self, batch: Batch) -> Committed | Lost:
        try:
            (outcome,) = await self._driver.commit((batch,))
        except StorageError as error:
            raise service_error(error) from error
        return outcome

    @staticmethod
    def _stored(table: Table, version: int) -> Table:
        # Made from what was stored, so that nothing differs from what the next process reads.
        return Table.from_json(table.to_json(), version=version)

    def _updated(self, table: Table) -> TableInfo:
        """A newer state of a table that somebody may still have the older one of."""
        info = self._changed[table.id] = self._remember(table)
        return info

    def _remember(self, table: Table) -> TableInfo:
        cached = self._cached
        known = cached.get((table.project, table.name))
        if known is not None and known.table.version >= table.version:
            return known
        if len(cached) >= CACHED_TABLES_MAX:
            del cached[next(iter(cached))]
        info = cached[table.project, table.name] = TableInfo(table, TableKeys(table))
        return info


def _key(project: str, name: str) -> RowKey:
    return RowKey(TABLES, project.encode(), name.encode())


def _active(table: Table) -> Table:
    indexes = {name: replace(index, status="ACTIVE") for name, index in table.indexes.items()}
    return replace(table, status="ACTIVE", indexes=indexes)


def _note(table: Table) -> RowKey:
    return RowKey(IN_DOUBT, table.id.encode(), b"")


def _rows_ids(table: Table) -> list[str]:
    """Index rows first: without them the table's rows harm nobody, the other way round an index would have rows of
    items that are gone."""
    expiry = [] if table.time_to_live is None else [table.time_to_live.rows_id]
    return [index.rows_id for index in table.indexes.values()] + expiry + [table.rows_id]


def _exists(table: Table) -> ResourceInUseException:
    return ResourceInUseException(f"Table already exists: {table.name}")


def _in_use(table: Table) -> ResourceInUseException:
    return ResourceInUseException(
        f"Attempt to change a resource which is still in use: Table is being updated: {table.name}"
    )
