"""Fills new indexes of existing tables, and removes old ones: what UpdateTable began, one index of a table at a time.

A new index is CREATING, and writers only delete in it what others may have put; then it is filled, and writers keep it
in step, while this job goes through the items that were there before. Each is committed as a check of the item's row
that carries the index row: lost if the item was written meanwhile, and then looked at again. So an index row is never
older than its item, whoever comes first.

Where several processes write, each step waits until all of them know of the one before (`settling`).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic
from typing import Any, Final

from magnetodb.errors import ResourceInUseException, RowTableNotFound
from magnetodb.model.derived_rows import projected
from magnetodb.model.expiry_keys import ExpiryCodec
from magnetodb.model.items import StoredItem
from magnetodb.model.keys import KeyCodec
from magnetodb.model.rows import CHECK, Batch, Change, DerivedRow, Lost, Row, RowKey, TokenRange
from magnetodb.model.table import Index, Table
from magnetodb.storage.driver import StorageDriver
from magnetodb.storage.job_positions import Task, done, order, save, tasks
from magnetodb.storage.tables import CHANGE_INDEXES, COUNT_ITEMS, TableInfo
from magnetodb.worker.count_items import table_of
from magnetodb.worker.jobs import JobRun
from magnetodb.worker.settling import settled

PAGE_ROWS: Final = 64
"""About a millisecond of the loop's time."""

IDLE_PAGES: Final = 8
BUSY_PAGES: Final = 2
"""So many pages are under way at once while nobody else writes, and while others do."""

BUSY_REST: Final = 0.5
"""Pause after a step while others write, in multiples of the time that it took."""

BATCH_ROWS: Final = 16
"""So many items share a batch, and its fate."""

LOOK_AGAIN_SECONDS: Final = 0.1
"""After a table was changed by others at the same moment."""

SAVE_PAGES: Final = 32
"""The position is saved after so many pages; as many are done again after a crash."""


TABLES_AT_ONCE: Final = 100
"""So many tables may wait until everybody knows them."""


async def step(run: JobRun) -> bool:
    """Some pages of the first table of which an index changes."""
    ordered = await tasks(run.driver, CHANGE_INDEXES, TABLES_AT_ONCE)
    if not ordered:
        run.memory.clear()
        run.first_seen.clear()
    for task in ordered:
        info = await table_of(run.cell.tables, task)
        index = None if info is None else info.table.changing_index
        if info is None or index is None:
            await run.driver.commit([(done(task),)])
            return True
        if await settled(run, info.table):
            await change(run, info, index, task)
            return True
    return False


async def change(run: JobRun, info: TableInfo, index: Index, task: Task) -> None:
    """Take the next step of an index."""
    try:
        if index.status == "DELETING":
            await remove(run, info.table, index, task)
        elif not index.backfilling:
            await run.cell.tables.update(info.table.with_index(replace(index, backfilling=True)))
        elif not await fill(run, info, info.keys.indexes[index.name], f"index {index.name}", task):
            await activate(run, info.table, index, task)
    except (ResourceInUseException, RowTableNotFound):
        # The table was changed or deleted at this moment; the next step looks again.
        run.report(f"table {info.table.name} is being changed by others too")
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def remove(run: JobRun, table: Table, index: Index, task: Task) -> None:
    """Nobody writes to the index any more: drop its rows, then forget it."""
    await run.driver.drop_table(index.rows_id)
    remaining = table.without_index(index.name)
    sums = run.cell.tables.counts.forget([index.rows_id])
    await run.cell.tables.update(replace(remaining, status="ACTIVE"), done(task), *sums)
    run.memory.clear()
    run.report(f"index {index.name} of table {table.name} removed")


async def activate(run: JobRun, table: Table, index: Index, task: Task) -> None:
    """The index has a row of every item that belongs there."""
    filled = replace(table.with_index(replace(index, status="ACTIVE", backfilling=False)), status="ACTIVE")
    count = order(COUNT_ITEMS, table.id, {"project": table.project, "name": table.name})
    await run.cell.tables.update(filled, done(task), count)
    run.report(f"index {index.name} of table {table.name} filled from {run.memory.get('items', 0)} items")
    run.memory.clear()


async def fill(run: JobRun, info: TableInfo, codec: KeyCodec | ExpiryCodec, what: str, task: Task) -> bool:
    """Put the rows that follow from the next page of items into an index, which reports call `what`; whether there are
    more items."""
    memory = run.memory
    if memory.get("rows_id") != codec.rows_id:
        memory |= {"rows_id": codec.rows_id, "pages": 0, "saved": 0} | stored_position(info, codec.rows_id, task)
    began = monotonic()
    pages = BUSY_PAGES if run.busy else IDLE_PAGES
    puts = []
    after, more = memory["after"], True
    while more and len(puts) < pages:
        page = await run.driver.scan(info.keys.base.rows_id, TokenRange(), limit=PAGE_ROWS, after=after)
        after, more = page.rows[-1].key if page.rows else after, page.more
        memory["items"] += len(page.rows)
        puts.append(asyncio.ensure_future(put_index_rows(run.driver, codec, page.rows)))
        await asyncio.sleep(0)
    await asyncio.gather(*puts)
    memory["after"] = after
    memory["pages"] += len(puts)
    run.report(f"{what} of table {info.table.name}: {memory['items']} items")
    if more and memory["pages"] - memory["saved"] >= SAVE_PAGES:
        memory["saved"] = memory["pages"]
        await save_position(run, codec.rows_id, task)
    if run.busy:
        await asyncio.sleep((monotonic() - began) * BUSY_REST)
    return more


def stored_position(info: TableInfo, rows_id: str, task: Task) -> dict[str, Any]:
    """Where the job has come, if it is this index that it was at."""
    position = task.position
    if position.get("rows_id") != rows_id:
        return {"after": None, "items": 0}
    after = RowKey(info.keys.base.rows_id, bytes.fromhex(position["partition"]), bytes.fromhex(position["sort"]))
    return {"after": after, "items": position["items"]}


async def save_position(run: JobRun, rows_id: str, task: Task) -> None:
    """Everything up to `after` is in the index, durably."""
    after: RowKey = run.memory["after"]
    position = {
        "project": task.position["project"],
        "name": task.position["name"],
        "rows_id": rows_id,
        "partition": after.partition.hex(),
        "sort": after.sort.hex(),
        "items": run.memory["items"],
    }
    await save(run.driver, task, position)


async def put_index_rows(driver: StorageDriver, codec: KeyCodec | ExpiryCodec, rows: Sequence[Row]) -> None:
    """Put the index rows of items as they are. Returns when they are durable."""
    size = BATCH_ROWS
    while rows:
        batches = index_batches(codec, rows, size)
        outcomes = await driver.commit(batches)
        lost = [
            change.key
            for batch, outcome in zip(batches, outcomes, strict=True)
            if isinstance(outcome, Lost)
            for change in batch
        ]
        if not lost:
            return
        # As they are now; those that are gone need no index row.
        rows = [row for row in await driver.get(lost) if row is not None]
        size = 1


def index_batches(codec: KeyCodec | ExpiryCodec, rows: Sequence[Row], size: int) -> list[Batch]:
    """Checks of items, `size` in a batch, with their rows in the index. Items that do not belong there are left out.
    Pure."""
    changes: list[Change] = []
    for row in rows:
        item = StoredItem(row.value)
        key = codec.row_key(item.item)
        if key is not None:
            changes.append(Change(row.key, row, CHECK, (DerivedRow(key, projected(codec, item).value),)))
    return [tuple(changes[start : start + size]) for start in range(0, len(changes), size)]
