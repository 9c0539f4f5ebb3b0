"""Deletes items that have expired, by the same writes as everybody's, so that indexes and sums follow.

What is due is found in a hidden index by time, never by a scan. A deletion decides from the item as it is at that
moment: one that was rewritten meanwhile, to expire later or never, stays.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from magnetodb.errors import RowTableNotFound
from magnetodb.model.expiry_keys import EXPIRY_BUCKETS, ExpiryCodec, due_range
from magnetodb.model.items import StoredItem
from magnetodb.model.rows import Change, Row
from magnetodb.storage.index_check import TIME_TO_LIVE, Difference, repair
from magnetodb.storage.job_positions import Task, tasks
from magnetodb.storage.manager import ItemWrite
from magnetodb.storage.tables import EXPIRE_ITEMS, TableInfo
from magnetodb.worker.count_items import table_of
from magnetodb.worker.jobs import JobRun

BUCKET_ROWS: Final = 32
"""So many items of a bucket are deleted side by side: about three milliseconds of the loop's time."""

BUCKETS_AT_ONCE: Final = 4
"""While the items of one bucket are committed, those of others are decided."""

STEP_ITEMS: Final = 512
STEP_TABLES: Final = 256
"""A step ends with the table with which it has dealt with so many items or tables."""


class Due(NamedTuple):
    """What was done in one table: rows of items that were due, items deleted of them, and whether more are due."""

    rows: int = 0
    deleted: int = 0
    more: bool = False


async def step(run: JobRun) -> bool:
    """Some items of each of the next tables, round after round until a round leaves nothing."""
    memory = run.memory
    rows = 0
    for _ in range(STEP_TABLES):
        following = await tasks(run.driver, EXPIRE_ITEMS, 1, after=memory.get("after"))
        if not following:
            memory.pop("after", None)
            return bool(memory.pop("more", False))
        [task] = following
        memory["after"] = task.subject
        due = await expire(run, task)
        if due.rows or due.more:
            rows += due.rows
            memory["more"] = due.more or memory.get("more", False)
            memory["deleted"] = memory.get("deleted", 0) + due.deleted
            run.report(f"{memory['deleted']} items expired since the start")
        if rows >= STEP_ITEMS:
            break
        await asyncio.sleep(0)
    return True


async def expire(run: JobRun, task: Task) -> Due:
    """Delete what is due in one table, some items of each bucket."""
    info = await table_of(run.cell.tables, task)
    if info is None:
        await run.driver.commit([(Change(task.row.key, task.row, None),)])
        return Due()
    expiry, codec = info.table.time_to_live, info.keys.expiry
    if expiry is None or codec is None or expiry.status != "ENABLED":
        return Due()
    found: list[Due] = []
    for first in range(0, len(EXPIRY_BUCKETS), BUCKETS_AT_ONCE):
        buckets = EXPIRY_BUCKETS[first : first + BUCKETS_AT_ONCE]
        found += await asyncio.gather(*[empty(run, info, codec, *numbered) for numbered in enumerate(buckets)])
    return Due(sum(each.rows for each in found), sum(each.deleted for each in found), any(each.more for each in found))


async def empty(run: JobRun, info: TableInfo, codec: ExpiryCodec, turn: int, bucket: bytes) -> Due:
    """Delete what is due in one bucket, beginning some turns of the loop later so that others have it in between."""
    for _ in range(turn):
        await asyncio.sleep(0)
    now = run.cell.settings.clock()
    try:
        page = await run.cell.manager.due_rows.first(codec.rows_id, bucket, due_range(now), limit=BUCKET_ROWS)
    except RowTableNotFound:
        # The table, or the expiry of its items, has come to its end in this moment.
        return Due()
    deleted = await delete(run, info, codec, page.rows, now) if page.rows else 0
    return Due(len(page.rows), deleted, page.more)


async def delete(run: JobRun, info: TableInfo, codec: ExpiryCodec, rows: Sequence[Row], now: float) -> int:
    """Delete the items of these rows, if they still are to expire; returns how many were."""

    def unless_rewritten(old: StoredItem | None) -> StoredItem | None:
        return None if old is None or codec.is_due(old.item, now) else old

    due = {codec.table_key(row.key): row for row in rows}
    writes = [ItemWrite(info, key, unless_rewritten) for key in due]
    outcomes = await run.cell.manager.write_each(writes)
    deleted = 0
    for (item_key, row), written in zip(due.items(), outcomes, strict=True):
        if written is None:
            continue
        if written.new is not written.old:
            deleted += 1
            continue
        # A write that came first has moved the row; one that has no item behind it would be found for ever.
        current = run.cell.tables.current(info)
        if current.keys.expiry is not None:
            await repair(run.driver, current, Difference(TIME_TO_LIVE, "surplus", row.key, item_key))
    return deleted
