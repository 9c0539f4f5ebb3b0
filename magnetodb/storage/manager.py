"""Items out of rows: reads in pages, and writes that are decided from the item as it is.

A write is a pure function from the old item to the new one. It is called again when another write came first; only the
manager retries.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Final, NamedTuple, Self

from magnetodb.errors import ServiceError, StorageError, ThrottlingException
from magnetodb.model.derived_rows import NOTHING, Derived, derived
from magnetodb.model.items import StoredItem
from magnetodb.model.rows import ABSENT, CHECK, Batch, Change, Committed, Lost, Page, Row, RowKey, SortRange, TokenRange
from magnetodb.storage.driver import StorageDriver
from magnetodb.storage.due_rows import DueRows
from magnetodb.storage.service_errors import service_error
from magnetodb.storage.tables import TableInfo, Tables
from magnetodb.storage.tokens import CLOCKS_APART_SECONDS, Tokens

WRITE_ATTEMPTS_MAX: Final = 16
"""A write that lost so many races is given up."""

RETRY_SECONDS_MAX: Final = 0.1
"""The second attempt is made at once, while a storage that told of the loss may still keep others out. The pause before
the third is up to 2 ms, and doubles up to this."""

PAGE_ROWS_FIRST: Final = 64
PAGE_ROWS_MAX: Final = 512
"""A page starts with few rows and doubles."""

HOLD_SECONDS_MAX: Final = 0.002
"""After so long without a pause, pages let others have the loop."""

Replace = Callable[[StoredItem | None], StoredItem | None]
"""From the item as it is (None: no item) to the item as it shall be. Pure; may be called again. Raises ServiceErrors.
Returning the same object means no change."""


class ItemWrite(NamedTuple):
    """One item of a write."""

    info: TableInfo
    key: RowKey
    replace: Replace


class Written(NamedTuple):
    """What a write found and what it left behind. The same object: it changed nothing."""

    old: StoredItem | None
    new: StoredItem | None


class WritesRefused(Exception):
    """Nothing of a batch was written because functions raised; `reasons` has an error or None for each write."""

    def __init__(self, reasons: tuple[ServiceError | None, ...]) -> None:
        super().__init__(reasons)
        self.reasons = reasons


class WritesLost(Exception):
    """Nothing of a batch was written because the write at `position` lost too many races."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


class FirstLost(Exception):
    """Nothing of a batch was written because the change that came first in it was lost."""


class StorageManager:
    """Reads and writes items. Raises ServiceErrors only, but for what `write_items` says.

    `tables` is where the TableInfos of writes come from.
    """

    def __init__(self, driver: StorageDriver, tables: Tables | None = None) -> None:
        self._driver = driver
        self._tables = tables if tables is not None else Tables(driver)
        self.counts = self._tables.counts
        self.tokens = Tokens(driver, clocks_apart_seconds=CLOCKS_APART_SECONDS if self._tables.polled else 0)
        self.due_rows = DueRows(driver)

    async def get_item(self, key: RowKey, *, consistent: bool = False) -> StoredItem | None:
        """The item in a row, None where there is none."""
        try:
            (row,) = await self._driver.get((key,), consistent=consistent)
        except StorageError as error:
            raise service_error(error) from error
        return None if row is None else StoredItem(row.value)

    async def get_items(self, keys: Sequence[RowKey], *, consistent: bool = False) -> list[StoredItem | None]:
        """The items in the order of `keys`."""
        try:
            rows = await self._driver.get(keys, consistent=consistent)
        except StorageError as error:
            raise service_error(error) from error
        return [None if row is None else StoredItem(row.value) for row in rows]

    def query(
        self,
        rows_id: str,
        partition: bytes,
        sorts: SortRange,
        *,
        after: bytes | None = None,
        limit: int | None = None,
        reverse: bool = False,
        consistent: bool = False,
    ) -> "ItemPages":
        """Items of one partition of a table or index in the order of their sort keys (`reverse`: from the end), behind
        the sort key `after`, which needs not exist; at most `limit`."""
        driver = self._driver
        position = sorts if after is None else _behind(sorts, after, reverse)

        async def next_page(rows: int) -> Page:
            nonlocal position
            page = await driver.query(rows_id, partition, position, limit=rows, reverse=reverse, consistent=consistent)
            if page.rows:
                position = _behind(position, page.rows[-1].key.sort, reverse)
            return page

        return ItemPages(next_page, limit)

    def scan(
        self,
        rows_id: str,
        tokens: TokenRange = TokenRange(),  # noqa: B008 - Immutable.
        *,
        after: RowKey | None = None,
        limit: int | None = None,
    ) -> "ItemPages":
        """Items of a table or index whose partitions lie in a token range, in an order that is always the same, behind
        the row `after`, which needs not exist; at most `limit`."""
        driver, position = self._driver, after

        async def next_page(rows: int) -> Page:
            nonlocal position
            page = await driver.scan(rows_id, tokens, limit=rows, after=position)
            if page.rows:
                position = page.rows[-1].key
            return page

        return ItemPages(next_page, limit)

    def token(self, partition: bytes) -> int:
        """The token of a partition, by which `scan` shares a table."""
        return self._driver.token(partition)

    async def write_item(self, info: TableInfo, key: RowKey, replace: Replace) -> Written:
        """Replace one item, and its index rows with it.

        Raises what `replace` raises, ThrottlingException after too many lost races.
        """
        for attempt in range(WRITE_ATTEMPTS_MAX):
            try:
                (row,) = await self._driver.get((key,), for_write=True)
                old = StoredItem(row.value) if row is not None and row.value else None
                try:
                    new = replace(old)
                except ServiceError:
                    if row is None or not row.pending or await self._still(row):
                        raise
                    continue
                if new is old:
                    if row is None or not row.pending or await self._still(row):
                        return Written(old, new)
                    continue
                current = self._tables.current(info)
                followed = derived(current.keys, old, new)
                (outcome,) = await self._driver.commit(((_change(key, row, old, new, followed), *current.guard),))
            except StorageError as error:
                raise service_error(error) from error
            if type(outcome) is Committed:
                self.counts.add(key, old, new, followed)
                return Written(old, new)
            if type(outcome) is Lost and outcome.position:
                await self._tables.renew(info)
            await _pause(attempt)
        raise _too_many_races()

    async def write_each(self, writes: Sequence[ItemWrite]) -> list[Written | None]:
        """Replace items independently of each other, by functions that raise nothing, side by side in one commit. At
        most one write per item. None stands for a write that lost too many races."""
        outcomes: list[Written | None] = [None] * len(writes)
        left = list(range(len(writes)))
        for attempt in range(WRITE_ATTEMPTS_MAX):
            try:
                lost = await self._write_each(writes, left, outcomes)
            except StorageError as error:
                raise service_error(error) from error
            if not lost:
                break
            left = lost
            await _pause(attempt)
        return outcomes

    async def _write_each(
        self, writes: Sequence[ItemWrite], left: list[int], outcomes: list[Written | None]
    ) -> list[int]:
        """One attempt of those `left`; which of them lost."""
        rows = await self._driver.get([writes[each].key for each in left], for_write=True)
        batches = []
        decided = []
        for each, row in zip(left, rows, strict=True):
            info, key, replace = writes[each]
            old = StoredItem(row.value) if row is not None and row.value else None
            new = replace(old)
            current = self._tables.current(info)
            followed = NOTHING if new is old else derived(current.keys, old, new)
            decided.append((Written(old, new), followed))
            batches.append((_change(key, row, old, new, followed), *current.guard))
        failure = None
        try:
            committed: Sequence[object] = await self._driver.commit(batches)
        except StorageError as error:
            failure, committed = error, error.outcomes
        lost = []
        outdated: dict[str, TableInfo] = {}
        for each, (written, followed), outcome in zip(left, decided, committed, strict=failure is None):
            if type(outcome) is not Committed:
                lost.append(each)
                if type(outcome) is Lost and outcome.position:
                    outdated[writes[each].info.table.id] = writes[each].info
                continue
            outcomes[each] = written
            if written.new is not written.old:
                self.counts.add(writes[each].key, *written, followed)
        if failure is not None:
            raise failure
        for info in outdated.values():
            await self._tables.renew(info)
        return lost

    async def write_items(
        self,
        writes: Sequence[ItemWrite],
        *,
        first: Change | None = None,
        check: Callable[[list[Written]], None] | None = None,
    ) -> list[Written]:
        """Replace several items, all or nothing. Items that do not change are compared nevertheless: the batch is
        written only if they still are what the decision was made from.

        `first` is another change in the same batch; where functions refuse, its row is compared all the same. `check`
        may raise ServiceErrors about what is to be written.

        Raises WritesRefused if a function raised, FirstLost if `first` was lost, WritesLost after too many lost races.
        """
        position = 0
        leading = () if first is None else (first,)
        for attempt in range(WRITE_ATTEMPTS_MAX):
            try:
                batch, decided, followed, guarded = await self._decide(writes)
                if isinstance(decided, WritesRefused):
                    batch = (*[each._replace(value=CHECK, derived=()) for each in leading], *batch)
                else:
                    if check is not None:
                        check(decided)
                    batch = (*leading, *batch)
                (outcome,) = await self._driver.commit((batch,))
            except StorageError as error:
                raise service_error(error) from error
            if isinstance(outcome, Committed):
                if isinstance(decided, WritesRefused):
                    raise decided
                for write, (old, new), each in zip(writes, decided, followed, strict=True):
                    if new is not old:
                        self.counts.add(write.key, old, new, each)
                return decided
            position = outcome.position - len(leading)
            if position < 0:
                raise FirstLost
            if position >= len(writes):
                await self._tables.renew(guarded[position - len(writes)])
                position = 0
            await _pause(attempt)
        raise WritesLost(position)

    async def _decide(self, writes: Sequence[ItemWrite]) -> "_Decision":
        """What a batch of writes comes to, as things are. Large ones let others have the loop in between."""
        rows = await self._driver.get([write.key for write in writes], for_write=True)
        written: list[Written] = []
        reasons: list[ServiceError | None] = []
        began = monotonic()
        for write, row in zip(writes, rows, strict=True):
            old = new = StoredItem(row.value) if row is not None and row.value else None
            reason = None
            try:
                new = write.replace(old)
            except ServiceError as error:
                reason = error
            reasons.append(reason)
            written.append(Written(old, new))
            if monotonic() - began > HOLD_SECONDS_MAX:
                await asyncio.sleep(0)
                began = monotonic()
        if any(reasons):
            # A refusal, too, must not be decided from what is not durable yet.
            checks = [Change(row.key, row, CHECK) for row in rows if row is not None and row.pending]
            return _Decision(tuple(checks), WritesRefused(tuple(reasons)), [], [])
        batch: list[Change] = []
        followed: list[Derived] = []
        guarded: dict[str, TableInfo] = {}
        for write, row, (old, new) in zip(writes, rows, written, strict=True):
            if new is old:
                followed.append(NOTHING)
            else:
                info = guarded[write.info.table.id] = self._tables.current(write.info)
                followed.append(derived(info.keys, old, new))
            batch.append(_change(write.key, row, old, new, followed[-1]))
        for info in guarded.values():
            batch += info.guard
        return _Decision(tuple(batch), written, followed, list(guarded.values()))

    async def _still(self, row: Row) -> bool:
        """Wait until a pending row is durable; False if it never was or has changed."""
        (outcome,) = await self._driver.commit(((Change(row.key, row, CHECK),),))
        return type(outcome) is Committed


class _Decision(NamedTuple):
    """What to commit, and what the outcome is if it is committed; what follows from each write. `guarded`: the tables
    in the order of their guards, which end the batch."""

    batch: Batch
    outcome: list[Written] | WritesRefused
    followed: list[Derived]
    guarded: list[TableInfo]


class ItemPages:
    """Pages of a query or scan: `async for page in pages`. Each is a list of rows that hold StoredItems, none is empty;
    whoever has enough stops asking."""

    __slots__ = ("_began", "_left", "_more", "_next_page", "_rows")

    def __init__(self, next_page: "Callable[[int], Awaitable[Page]]", limit: int | None) -> None:
        self._next_page = next_page
        self._left = limit
        self._rows = PAGE_ROWS_FIRST
        self._more = limit is None or limit > 0
        self._began = monotonic()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[Row]:
        if not self._more:
            raise StopAsyncIteration
        if monotonic() - self._began > HOLD_SECONDS_MAX:
            await asyncio.sleep(0)
            self._began = monotonic()
        rows = self._rows if self._left is None else min(self._rows, self._left)
        try:
            page = await self._next_page(rows)
        except StorageError as error:
            raise service_error(error) from error
        self._rows = min(self._rows * 2, PAGE_ROWS_MAX)
        self._more = page.more
        if self._left is not None:
            self._left -= len(page.rows)
            self._more = self._more and self._left > 0
        if not page.rows:
            raise StopAsyncIteration
        return page.rows


def _change(key: RowKey, row: Row | None, old: StoredItem | None, new: StoredItem | None, followed: Derived) -> Change:
    expected = ABSENT if row is None else row
    if new is old:
        return Change(key, expected, CHECK)
    return Change(key, expected, None if new is None else new.value, followed.rows)


def _behind(sorts: SortRange, after: bytes, reverse: bool) -> SortRange:
    """What is left of a range behind a sort key, in the order of the query."""
    start, end = sorts
    if reverse:
        return SortRange(start, after if end is None or after < end else end)
    return SortRange(max(start, after + b"\x00"), end)


async def _pause(attempt: int) -> None:
    await asyncio.sleep(random.random() * min(0.001 * 2**attempt, RETRY_SECONDS_MAX) if attempt else 0)


def _too_many_races() -> ThrottlingException:
    return ThrottlingException("Rate of requests exceeds the allowed throughput. Too many writes of the same item.")
