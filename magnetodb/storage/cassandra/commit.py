"""The write protocol: how a batch becomes one of four kinds of commit.

    checks.py         only comparisons; or hidden rows of items that stay as they are
    item_commit.py    rows of one partition: a lightweight transaction, then the hidden rows
    transactions.py   rows of several partitions: two-phase commit
    recover.py        what others left undone

Each is a coroutine that does nothing but call the session and wait for others of this process, so that a test can drive
it step by step.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Final, NamedTuple
from uuid import UUID

from magnetodb.errors import RowTableNotFound, StorageError, StorageUnavailable
from magnetodb.model.rows import ABSENT, CHECK, Batch, Change, Check, Committed, Lost, Row, RowKey
from magnetodb.storage.cassandra.checks import compare, put_hidden
from magnetodb.storage.cassandra.clock import HybridClock
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.decisions import DECISION_SECONDS_MAX, read
from magnetodb.storage.cassandra.equipment import NOTHING, Derive, Equipment, RowTables, random_uuid
from magnetodb.storage.cassandra.expectations import Expectations
from magnetodb.storage.cassandra.hidden_rows import BATCH_BYTES_MAX
from magnetodb.storage.cassandra.item_commit import ItemCommit
from magnetodb.storage.cassandra.item_row import MISSING, Position, plan
from magnetodb.storage.cassandra.known_rows import KnownRows
from magnetodb.storage.cassandra.recover import RECOVERY_AGE_SECONDS, Recovered, Recovery
from magnetodb.storage.cassandra.session import Session
from magnetodb.storage.cassandra.session_errors import CassandraError, TableGone
from magnetodb.storage.cassandra.storage_errors import NOT_KNOWN, not_written, storage_error
from magnetodb.storage.cassandra.transactions import GROUP_BYTES_MAX, TransactionCommit, Transactions
from magnetodb.storage.cassandra.writes_under_way import Writing

SIDE_BY_SIDE_MAX: Final = 32
"""So many batches of one call are under way at once."""


class _Begun(NamedTuple):
    """A batch with its place among the writes of this process. `ahead` and `writings`: for each change."""

    batch: Batch
    positions: tuple[Position, ...]
    ahead: tuple[Writing | None, ...]
    writings: tuple[Writing | None, ...]


class Committer:
    """Commits batches, and tells reads what they need to know of writes. One per process.

    `derive` gives all derived rows of an item as its table is known now; without it, what others left undone is waited
    for, not finished. `batch_bytes_max`: what the servers take of a logged batch. `recovery_age_seconds`: `recover`
    leaves younger intents alone. `new_uuid` never gives the same twice, to no process.
    """

    def __init__(
        self,
        session: Session,
        clock: HybridClock,
        tables: RowTables,
        *,
        derive: Derive | None = None,
        batch_bytes_max: int = BATCH_BYTES_MAX,
        recovery_age_seconds: float = RECOVERY_AGE_SECONDS,
        new_uuid: Callable[[], UUID] = random_uuid,
    ) -> None:
        self._equipment = Equipment(
            session, clock, tables, derive=derive, batch_bytes_max=batch_bytes_max, new_uuid=new_uuid
        )
        self._known = KnownRows()
        self._transactions = Transactions(self._equipment)
        self._recovery = Recovery(self._equipment, self._transactions, age_seconds=recovery_age_seconds)

    def use_derive(self, derive: Derive) -> None:
        """From now on `derive` says what follows from items: whoever knows it may itself need a driver to be made."""
        self._equipment.derive = derive

    async def commit(self, batches: Sequence[Batch]) -> list[Committed | Lost]:
        """See StorageDriver.commit. Raises StorageErrors."""
        if len(batches) == 1 and len(batches[0]) == 1:
            before = self._known_row(batches[0][0])
            if before is not None:
                plain = await self._commit_plain(batches[0][0], before)
                if plain is not None:
                    return [plain]
        await self._find_tables(batches)
        begun = [self._begin(batch) for batch in batches]
        until = monotonic() + DECISION_SECONDS_MAX
        if len(begun) == 1:
            return [await self._run(begun[0], until)]
        outcomes: list[Committed | Lost | StorageError | None] = [None] * len(begun)
        try:
            numbered = iter(enumerate(begun))
            workers = [self._work(numbered, outcomes, until) for _ in range(min(SIDE_BY_SIDE_MAX, len(begun)))]
            await asyncio.gather(*workers)
        finally:
            for each, outcome in zip(begun, outcomes, strict=True):
                if outcome is None:
                    self._end(each, [None] * len(each.batch))
        done = [each for each in outcomes if isinstance(each, Committed | Lost)]
        for outcome in outcomes:
            if isinstance(outcome, StorageError):
                outcome.outcomes = tuple([None if isinstance(each, StorageError) else each for each in outcomes])
                raise outcome
        return done

    def pending(self, key: RowKey) -> Row | None:
        """The row as a write of this process that is under way will leave it; None if there is none."""
        return self._equipment.under_way.row(key)

    def known(self, key: RowKey) -> Row | None:
        """The row as this process has last left or found it, `pending`: good for a write that expects it."""
        return self._known.row(key) if key.table in self._equipment.tables.places else None

    def remember(self, key: RowKey, row: ItemRow) -> None:
        """A row that was read by somebody who may be about to write it: if it is dead, the commit needs its version."""
        self._equipment.under_way.remember(key, row)
        self._known.found(key, row)

    async def settled(self, keys: Sequence[RowKey], rows: Sequence[ItemRow]) -> list[ItemRow]:
        """Rows that were read by somebody who may be about to write them, without the transactions that hold them where
        those are decided. Raises StorageErrors."""
        settled = list(rows)
        try:
            for each, (key, row) in enumerate(zip(keys, rows, strict=True)):
                if row.ltx is None:
                    continue
                free = await self._transactions.settle(self._equipment.position(key), row)
                if free is None:
                    (value,) = await self._transactions.values([row])
                    free = row._replace(v=value)
                settled[each] = free
        except CassandraError as error:
            raise not_written(error) from error
        return settled

    async def values(self, rows: Sequence[ItemRow]) -> list[bytes | None]:
        """The values of rows that were read (`v`, `ltx` and `lnew` are looked at), for a consistent read: of those that
        a committed transaction holds, what it makes of them. Raises StorageErrors."""
        try:
            return await self._transactions.values(rows)
        except CassandraError as error:
            raise not_written(error) from error

    async def recover(self) -> Recovered:
        """Finish what crashed commits left behind. Raises StorageErrors."""
        try:
            return await self._recovery.run()
        except CassandraError as error:
            raise not_written(error) from error

    def _known_row(self, change: Change) -> ItemRow | None:
        """The row of a change from which nothing follows, if nothing has to be done before it is written."""
        key, expected, value, derived = change
        under_way = self._equipment.under_way
        if derived or value is CHECK or key.table not in self._equipment.tables.places or under_way.last(key):
            return None
        if isinstance(expected, Row):
            row = expected.state
        elif expected is ABSENT and value is not None:
            row = under_way.dead(key) or MISSING
        else:
            return None
        # Whoever writes a row that a transaction holds has to settle that first, or takes the row away from it.
        return row if isinstance(row, ItemRow) and row.ltx is None else None

    async def _commit_plain(self, change: Change, before: ItemRow) -> Committed | Lost | None:
        """What is done by one lightweight transaction. None: the row is neither as expected nor otherwise."""
        equipment = self._equipment
        value = change.value
        assert not isinstance(value, Check)
        position = equipment.position(change.key)
        version = equipment.version(before)
        writing = equipment.under_way.begin(change.key, value or b"", version)
        after = None
        try:
            planned = plan(position, before, value, NOTHING, version, equipment.new_uuid())
            decision = await equipment.deciding.decide_one(planned, monotonic() + DECISION_SECONDS_MAX)
            if decision is True:
                after = planned.after
                return Committed((version,))
            if isinstance(decision, CassandraError):
                raise storage_error(decision) from decision
            if change.expected is not ABSENT:
                return Lost(0)
            (row,) = await read(equipment.session, (position,))
            equipment.under_way.remember(change.key, row)
            return None if row.v is None or row.ltx is not None else Lost(0)
        except (CassandraError, RowTableNotFound) as error:
            raise await self._refusal(error, (change,)) from error
        finally:
            self._end_write(writing, after)

    async def _find_tables(self, batches: Sequence[Batch]) -> None:
        places = self._equipment.tables.places
        for batch in batches:
            for change in batch:
                if change.key.table not in places or any(each.key.table not in places for each in change.derived):
                    await self._find(batches)
                    return

    async def _find(self, batches: Sequence[Batch]) -> None:
        names = {change.key.table for batch in batches for change in batch}
        names.update(derived.key.table for batch in batches for change in batch for derived in change.derived)
        try:
            await self._equipment.tables.find(names)
        except CassandraError as error:
            raise not_written(error) from error

    async def _refusal(self, error: CassandraError | RowTableNotFound, batch: Batch) -> StorageError:
        """Why a batch was not written. Whether a table is gone that a node does not know, all nodes say."""
        if isinstance(error, CassandraError) and not isinstance(error, TableGone):
            return not_written(error)
        names = [name for change in batch for name in (change.key.table, *[each.key.table for each in change.derived])]
        for name in await self._equipment.tables.gone(names):
            return RowTableNotFound(name)
        return StorageUnavailable(NOT_KNOWN)

    def _begin(self, batch: Batch) -> _Begun:
        """Take the batch's place behind the writes that are under way."""
        equipment, under_way = self._equipment, self._equipment.under_way
        positions, ahead, writings = [], [], []
        for change in batch:
            key, expected, value, derived = change
            positions.append(equipment.position(key))
            ahead.append(under_way.last(key))
            if value is CHECK:
                writings.append(under_way.begin(key, None, 0) if derived else None)
            else:
                writings.append(under_way.begin(key, value or b"", equipment.clock.now(), expected))
        return _Begun(batch, tuple(positions), tuple(ahead), tuple(writings))

    def _end(self, begun: _Begun, after: Sequence[ItemRow | None]) -> None:
        for writing, row in zip(begun.writings, after, strict=True):
            if writing is not None:
                self._end_write(writing, row)

    def _end_write(self, writing: Writing, after: ItemRow | None) -> None:
        if after is None:
            self._known.lost(writing.key)
        else:
            self._known.made(writing.key, after)
        self._equipment.under_way.end(writing, after)

    async def _work(
        self,
        numbered: Iterator[tuple[int, _Begun]],
        outcomes: list[Committed | Lost | StorageError | None],
        until: float,
    ) -> None:
        for each, begun in numbered:
            try:
                outcomes[each] = await self._run(begun, until)
            except StorageError as error:
                outcomes[each] = error

    async def _run(self, begun: _Begun, until: float) -> Committed | Lost:
        batch = begun.batch
        if not batch:
            return Committed(())
        after: Sequence[ItemRow | None] = [None] * len(batch)
        expectations = Expectations(self._equipment, self._transactions, batch, begun.positions, begun.ahead, until)
        try:
            outcome: Committed | Lost
            if all(_compares(change) for change in batch):
                outcome = await compare(expectations, batch)
            elif self._only_hidden(begun):
                outcome = await put_hidden(self._equipment, expectations, batch, begun.positions, until)
                if type(outcome) is Committed:
                    after = expectations.rows
            else:
                commit: ItemCommit | TransactionCommit
                if self._in_one_partition(begun):
                    commit = ItemCommit(self._equipment, expectations, batch, begun.positions, until)
                else:
                    commit = TransactionCommit(
                        self._equipment, self._transactions, expectations, batch, begun.positions, until
                    )
                outcome = await commit.run()
                after = commit.after
            if type(outcome) is Lost:
                for change in batch:
                    self._known.lost(change.key)
            return outcome
        except (CassandraError, RowTableNotFound) as error:
            raise await self._refusal(error, batch) from error
        finally:
            self._end(begun, after)

    def _only_hidden(self, begun: _Begun) -> bool:
        """Several items stay as they are and get hidden rows. A single one is written like any other change: a new
        version puts right what an old one can't."""
        if len(begun.batch) == 1:
            return False
        for change, position in zip(begun.batch, begun.positions, strict=True):
            if change.value is not CHECK or not isinstance(change.expected, Row):
                return False
            for derived in change.derived:
                if derived.value is None or self._equipment.position(derived.key).home == position.home:
                    return False
        return True

    def _in_one_partition(self, begun: _Begun) -> bool:
        if len(begun.batch) == 1:
            return True
        homes = {position.home for position in begun.positions}
        return len(homes) == 1 and sum(_size(change) for change in begun.batch) <= GROUP_BYTES_MAX


def _compares(change: Change) -> bool:
    """It writes nothing, whatever is found."""
    return not change.derived and (change.value is CHECK or (change.value is None and change.expected is ABSENT))


def _size(change: Change) -> int:
    values = [change.value, *[each.value for each in change.derived]]
    return sum([len(value) for value in values if isinstance(value, bytes)])
