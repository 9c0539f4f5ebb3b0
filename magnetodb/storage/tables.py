"""table_info: tables as rows of a system table, cached with all that a request needs of them worked out.

A table comes and goes in steps that a crash may cut short. Its row tables are made before its row says that it exists,
and dropped after its row is gone; a row of the system table `row_tables_in_doubt` names them in between:

    create   note the row tables · make them · row of the table appears, note goes (one commit)
    delete   row of the table goes, note appears (one commit) · drop the row tables · note goes
    recover  drop the row tables of every note, then the notes

An index of an existing table comes and goes in the same steps, and in between a job (ordered in the commit that says
CREATING or DELETING) fills or drops its row table.

Where several processes share a storage, every change steps the generation (`generations.py`), and `Freshness` says how
they notice.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple
from uuid import uuid4

from magnetodb.errors import (
    ResourceInUseException,
    ResourceNotFoundException,
    ServiceUnavailable,
    StorageError,
    ThrottlingException,
)
from magnetodb.model.keys import TableKeys
from magnetodb.model.rows import (
    ABSENT,
    ANY,
    CHECK,
    Batch,
    Change,
    Committed,
    Lost,
    Row,
    RowKey,
    SortRange,
    TokenRange,
)
from magnetodb.model.table import Table
from magnetodb.storage.commit_epochs import CommitEpochs
from magnetodb.storage.counts import COUNTS, Counts
from magnetodb.storage.driver import StorageDriver
from magnetodb.storage.generations import (
    COPY_SECONDS_MAX,
    GENERATION,
    GENERATIONS,
    Freshness,
    Generation,
    What,
    with_change,
)
from magnetodb.storage.job_positions import JOB_POSITIONS, LEASES, cancelled, order
from magnetodb.storage.row_tables_in_doubt import (
    IN_DOUBT,
    IN_DOUBT_SECONDS,
    RowTablesInDoubt,
    note_of,
    rows_ids_of,
)
from magnetodb.storage.service_errors import service_error
from magnetodb.storage.tokens import TOKEN_EXPIRIES, TOKENS

TABLES: Final = "tables"
"""Partition: project; sort: name; value: Table.to_json()."""

SYSTEM_TABLES: Final = (TABLES, IN_DOUBT, GENERATIONS, COUNTS, JOB_POSITIONS, LEASES, TOKENS, TOKEN_EXPIRIES)

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

GENERATION_ATTEMPTS_MAX: Final = 64
"""Changes of other tables may come first so often."""

READ_ATTEMPTS_MAX: Final = 4
"""A table that changes while it is read is read again so often, and then not remembered."""

NOT_FOUND: Final = "Requested resource not found"

_PRESENT: Final = b"-"
"""In the place of the value of a row of which only the version is compared."""


class TableInfo(NamedTuple):
    """A table and what follows from it. Immutable; a change of the table makes a new one.

    `guard` belongs into every batch that was decided from this state, behind all other changes: where processes check
    tables strictly, the batch is lost if the table was changed meanwhile.
    """

    table: Table
    keys: TableKeys
    guard: Batch = ()


class Tables:
    """The tables of all projects. `open` comes before everything else.

    `freshness`: what makes the cache right; the same for all processes that share the storage. `clock`: seconds since
    the epoch. Only POLLED needs `commit_seconds`: how long a commit can be under way, by `monotonic`, from its decision
    until it either has happened or never will; and `epochs`, which knows the commits that are under way.
    """

    def __init__(
        self,
        driver: StorageDriver,
        *,
        freshness: Freshness = Freshness.OFF,
        clock: Callable[[], float] = time.time,
        commit_seconds: float = 0.0,
        epochs: CommitEpochs | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._driver = driver
        self._freshness = freshness
        self._monotonic = monotonic
        owner = uuid4().hex
        self.counts = Counts(driver, owner=None if freshness is Freshness.OFF else owner, monotonic=monotonic)
        self._in_doubt = RowTablesInDoubt(driver, self.counts, clock, monotonic)
        self._cached: dict[tuple[str, str], TableInfo] = {}
        self._changed: dict[str, TableInfo] = {}
        self._named: dict[str, tuple[str, str]] = {}
        self._generation = Generation()
        self._changes_seen = 0
        self._changing = asyncio.Lock()
        """Changes of one process need not lose races to each other."""
        polled = freshness is Freshness.POLLED
        self._writes_until: float | None = float("-inf") if polled else None
        self.settle_seconds = COPY_SECONDS_MAX + commit_seconds if polled else 0.0
        """So long after its commit a change of a table counts for everybody who may still write."""
        self._epochs = epochs or CommitEpochs()
        self._epochs.seconds_max = self.settle_seconds

    @property
    def shared(self) -> bool:
        """Whether other processes have the storage too."""
        return self._freshness is not Freshness.OFF

    @property
    def polled(self) -> bool:
        """Whether `poll` must be called."""
        return self._freshness is Freshness.POLLED

    async def open(self) -> None:
        """Make the system tables, and finish what a crash left half done: at once where this process alone has the
        storage, else `finish_changes` does, which somebody must call now and then."""
        await self.make_system_tables()
        if self.polled:
            await self.poll()
        elif self.shared:
            await self.notice()
        else:
            await self._driver.recover()
            await self.finish_changes(float("-inf"))

    async def make_system_tables(self) -> None:
        """Those that are missing. Raises StorageErrors."""
        for system_table in SYSTEM_TABLES:
            await self._driver.create_table(system_table)

    async def finish_changes(self, older_seconds: float = IN_DOUBT_SECONDS, *, most: int | None = None) -> bool:
        """Drop the row tables of deleted tables, and of changes that were begun so long ago and left half done, at most
        so many; whether there are more. Raises StorageErrors."""
        return await self._in_doubt.finish(older_seconds, most=most)

    def known(self, project: str, name: str) -> TableInfo | None:
        """The table if it is cached and nothing need be looked at, as it is for all requests but the first."""
        return None if self._freshness is Freshness.STRICT else self._cached.get((project, name))

    async def get(self, project: str, name: str, *, missing: str = NOT_FOUND) -> TableInfo:
        """The table. Raises ResourceNotFoundException with the words `missing`."""
        if self._freshness is Freshness.STRICT:
            await self.notice()
        info = self._cached.get((project, name))
        return info if info is not None else await self._read(project, name, missing)

    async def newest(self, project: str, name: str, *, missing: str = NOT_FOUND) -> TableInfo:
        """The table as the storage has it now, for requests about the table itself. Raises as `get` does."""
        if self._freshness is not Freshness.POLLED:
            return await self.get(project, name, missing=missing)
        info = await self.refreshed(project, name)
        if info is None:
            raise ResourceNotFoundException(missing)
        return info

    async def refreshed(self, project: str, name: str) -> TableInfo | None:
        """The table as the storage has it now, which from then on is what everybody here gets; None if it is gone.

        For jobs: a commit is in the storage a moment before the one who made it has told the cache.
        """
        row, certain = await self._settled_row(_key(project, name))
        known = self._cached.get((project, name))
        if row is None:
            if known is not None:
                self._forget(known.table)
            return None
        if known is not None and known.table.version == row.version:
            return known
        table = Table.from_json(row.value, version=row.version)
        return self._updated(table) if certain else self._info(table)

    async def of_rows(self, rows_id: str) -> TableInfo | None:
        """The table whose items are the rows of this row table; None if there is none, or none any more. Raises
        ServiceErrors."""
        if rows_id not in self._named:
            await self.notice()
            self._named = {table.rows_id: (table.project, table.name) async for table in self.all()}
        named = self._named.get(rows_id)
        info = None if named is None else await self.refreshed(*named)
        return info if info is not None and info.table.rows_id == rows_id else None

    def current(self, info: TableInfo) -> TableInfo:
        """The newest state of a table that was got earlier. Raises ServiceUnavailable where that may be too old.

        Whoever decides a write from this, and commits it without waiting in between, misses no index: a new index is
        filled only after everybody sees it here.
        """
        if self._writes_until is not None and self._monotonic() > self._writes_until:
            raise ServiceUnavailable(
                "What is known of the tables could not be refreshed for too long. Nothing was written."
            )
        return self._changed.get(info.table.id, info) if self._changed else info

    async def renew(self, info: TableInfo) -> None:
        """Learn of a change for want of which a batch was lost, so that `current` gives the state to decide from anew.
        Raises ResourceNotFoundException if the table is gone."""
        renewed = await self.refreshed(info.table.project, info.table.name)
        if renewed is None or renewed.table.id != info.table.id:
            raise ResourceNotFoundException(NOT_FOUND)

    async def notice(self) -> bool:
        """Learn of the changes that others have made; whether there were some. Raises ServiceErrors."""
        return await self._adopt(await self._row(GENERATION))

    async def generation(self) -> int:
        """The number of changes of tables that this process knows of, which are all that there were when this was
        called. Raises ServiceErrors."""
        await self.notice()
        return self._generation.number

    async def everybody_knows(self, generation: int) -> bool:
        """Whether all processes that may write do so by this generation or a later one, and nothing that they wrote
        before is under way. Raises StorageErrors."""
        return await self.counts.all_acknowledge(generation)

    async def _adopt(self, row: Row | None) -> bool:
        if row is None or row.version == self._generation.version:
            return False
        generation = Generation.of(row)
        changes = generation.since(self._generation.number)
        if changes is None:
            for info in {**self._changed, **{each.table.id: each for each in self._cached.values()}}.values():
                await self._look_again(info.table.project, info.table.name, info.table.id)
        for _, what, project, name, table_id in changes or ():
            if what != "created":
                await self._look_again(project, name, table_id)
        self._changes_seen += 1
        if generation.number > self._generation.number:
            self._generation = generation
            self._epochs.turn(generation.number, self._monotonic())
        return True

    async def may_be_behind(self) -> bool:
        """Whether what was not found may be there, now that this process has learnt of all changes. Raises
        ServiceErrors."""
        if self.shared:
            await self.notice()
        return self.shared

    async def poll(self) -> None:
        """Learn of the changes that others have made, and tell them how far that is; for COPY_SECONDS_MAX from now this
        process may write. Raises ServiceErrors."""
        try:
            while True:
                began = self._monotonic()
                row, mark = await self._driver.get((GENERATION, self.counts.mark_key))
                await self._adopt(row)
                await self.counts.acknowledge(self._epochs.settled(began), missing=mark is None)
                # Whose mark was missing was not waited for: what was read may be too old.
                if mark is not None:
                    break
        except StorageError as error:
            raise service_error(error) from error
        if self._writes_until is not None:
            self._writes_until = max(self._writes_until, began + COPY_SECONDS_MAX)

    async def all(self) -> AsyncIterator[Table]:
        """The tables of all projects, read from the storage. Raises StorageErrors."""
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
        note = note_of(table)
        rows_ids = rows_ids_of(table)
        try:
            if self.polled:
                await self._in_doubt.drop_namesakes(table)
            noted = await self._in_doubt.note(note, ABSENT, rows=rows_ids)
            await self._driver.create_table(table.rows_id)
            for index in table.indexes.values():
                local_to = table.rows_id if index.kind == "LSI" else None
                await self._driver.create_table(index.rows_id, local_to=local_to)
            table = _active(table)
            done = Change(note, ANY if noted is None else noted, None)
            outcome = await self._commit_change("created", table, Change(key, ABSENT, table.to_json()), done)
            if isinstance(outcome, Lost):
                await self._give_up(note, rows_ids, outcome)
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
        outcome = await self._commit_change("updated", table, Change(key, row, table.to_json()), *also)
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
            noted = await self._in_doubt.note(note, ABSENT, rows=[rows_id])
            await self._driver.create_table(rows_id)
            try:
                return await self.update(table, ordered, Change(note, ANY if noted is None else noted, None))
            except (ResourceInUseException, ResourceNotFoundException):
                await self._give_up(note, [rows_id], Lost(0))
                raise
        except StorageError as error:
            raise service_error(error) from error

    async def delete(self, table: Table) -> None:
        """Remove the table and all its rows. Raises as `update` does."""
        key, note, rows_ids = _key(table.project, table.name), note_of(table), rows_ids_of(table)
        row = await self._current(key, table)
        # A driver that others share may take long to drop tables: `finish_changes` does it, or who wants the name.
        noted = self._in_doubt.noted_deletion(table, at_leisure=self.polled)
        outcome = await self._commit_change("deleted", table, Change(key, row, None), noted)
        if isinstance(outcome, Lost):
            raise _in_use(table)
        self._forget(table)
        self._changes_seen += 1
        if self.polled:
            return
        try:
            await self._in_doubt.drop(note, rows_ids)
        except StorageError as error:
            # The table is gone all the same; the note has the rest done later.
            raise service_error(error) from error

    async def _give_up(self, note: RowKey, rows_ids: Sequence[str], lost: Lost) -> None:
        """Drop what was made for a change that was lost. Raises ServiceUnavailable where others do it, because they
        hold the change for one of a process that has ended."""
        if lost.position:
            raise ServiceUnavailable("The change took too long and was given up.")
        if self.polled:
            await self._in_doubt.note(note, ANY, rows=rows_ids, at=0.0)
        else:
            await self._in_doubt.drop(note, rows_ids)

    async def _read(self, project: str, name: str, missing: str) -> TableInfo:
        """The table, which is not cached."""
        row, certain = await self._settled_row(_key(project, name))
        if row is None:
            raise ResourceNotFoundException(missing)
        table = Table.from_json(row.value, version=row.version)
        return self._remember(table) if certain else self._info(table)

    async def _settled_row(self, key: RowKey) -> tuple[Row | None, bool]:
        """The row, and whether it may be remembered: no change was noticed while it was read, which it could be from
        before."""
        row = None
        for _ in range(READ_ATTEMPTS_MAX):
            seen = self._changes_seen
            row = await self._row(key)
            if seen == self._changes_seen:
                return row, True
        return row, False

    async def _look_again(self, project: str, name: str, table_id: str) -> None:
        """Others have changed or deleted a table of this id."""
        renewed = await self.refreshed(project, name)
        if renewed is None or renewed.table.id != table_id:
            self._changed.pop(table_id, None)

    def _forget(self, table: Table) -> None:
        """It is gone."""
        self._cached.pop((table.project, table.name), None)
        self._changed.pop(table.id, None)

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
        if row.version != table.version and not self._is_known_as(row, table):
            raise _in_use(table)
        return row

    def _is_known_as(self, row: Row, table: Table) -> bool:
        """Whether the row, which has another version, says the same as the one from which the table was made."""
        known = self._cached.get((table.project, table.name))
        if not self.polled or known is None or known.table.version != table.version:
            return False
        return known.table == Table.from_json(row.value)

    async def _commit_change(self, what: What, table: Table, *changes: Change) -> Committed | Lost:
        """Commit a change of a table, and step the generation with it where others must notice."""
        if not self.shared:
            return await self._commit(changes)
        async with self._changing:
            return await self._commit_and_step(what, table, changes)

    async def _commit_and_step(self, what: What, table: Table, changes: Batch) -> Committed | Lost:
        for attempt in range(GENERATION_ATTEMPTS_MAX):
            generation = await self._row(GENERATION)
            outcome = await self._commit((*changes, with_change(generation, what, table)))
            if isinstance(outcome, Committed):
                return outcome
            await asyncio.sleep(random.random() * min(0.001 * 2**attempt, 0.1))
            again = await self._again(changes)
            if isinstance(again, Lost):
                return again
            changes = again
        raise ThrottlingException(
            "Rate of requests exceeds the allowed throughput. Too many changes of tables at once."
        )

    async def _again(self, changes: Batch) -> Batch | Lost:
        """Changes that were lost, to be made if all rows still are what they were expected to be: an attempt that came
        to nothing may have given them a new version all the same."""
        try:
            rows = await self._driver.get([change.key for change in changes])
        except StorageError as error:
            raise service_error(error) from error
        again = []
        for position, (change, row) in enumerate(zip(changes, rows, strict=True)):
            expected = change.expected
            if isinstance(expected, Row):
                if row is None or row.value != expected.value:
                    return Lost(position)
                change = change._replace(expected=row)
            elif expected is ABSENT and row is not None:
                return Lost(position)
            again.append(change)
        return tuple(again)

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
        # One that says the same stays, whatever became of the row's version: somebody may be about to change it.
        same = self.polled and known is not None and known.table == table
        if known is not None and known.table.id == table.id and (same or known.table.version >= table.version):
            return known
        if len(cached) >= CACHED_TABLES_MAX:
            del cached[next(iter(cached))]
        info = cached[table.project, table.name] = self._info(table)
        if table.id in self._changed:
            self._changed[table.id] = info
        return info

    def _info(self, table: Table) -> TableInfo:
        if self._freshness is not Freshness.STRICT:
            return TableInfo(table, TableKeys(table))
        key = _key(table.project, table.name)
        return TableInfo(table, TableKeys(table), (Change(key, Row(key, _PRESENT, table.version), CHECK),))


def _key(project: str, name: str) -> RowKey:
    return RowKey(TABLES, project.encode(), name.encode())


def _active(table: Table) -> Table:
    indexes = {name: replace(index, status="ACTIVE") for name, index in table.indexes.items()}
    return replace(table, status="ACTIVE", indexes=indexes)


def _exists(table: Table) -> ResourceInUseException:
    return ResourceInUseException(f"Table already exists: {table.name}")


def _in_use(table: Table) -> ResourceInUseException:
    return ResourceInUseException(
        f"Attempt to change a resource which is still in use: Table is being updated: {table.name}"
    )
