"""Counts a table's items anew: when sums were lost with a process, and when an index was filled.

The count lives in memory: after a restart it begins again, because the task stays until it is done.

The writes of this process are taken into account while it counts. Those of others are not: if they have stored sums of
the table between the beginning of the count and the moment by which each must have stored what it had, the table is
counted again, unless that never ends.
"""

import asyncio
from typing import Any, Final

from magnetodb.model.keys import TableKeys
from magnetodb.model.rows import TokenRange
from magnetodb.storage.counts import Recount
from magnetodb.storage.job_positions import Task, done, order_once, tasks
from magnetodb.storage.tables import COUNT_ITEMS, TableInfo, Tables
from magnetodb.worker.jobs import JobRun

PAGE_ROWS: Final = 256

SETTLE_TURNS: Final = 8
"""Turns of the loop that a write needs at most from its commit to the sums."""

OTHERS_STORE_SECONDS: Final = 12.0
"""Other processes store what they have added up at least so often."""

COUNTS_MAX: Final = 5
"""A table that others write to all the time is counted so often; then the last count is near enough."""

TABLES_AT_ONCE: Final = 100
"""So many may wait for what others store."""

RECOUNTED_ITEMS_MAX: Final = 100_000
"""Of a table that is counted anew because a server on a cluster was killed."""


class Counting:
    """The count of one table. `disturbances`: as they were at its beginning; `ended`: when all pages were counted;
    `counts`: how often it has begun again."""

    __slots__ = ("counts", "disturbances", "ended", "recount")

    def __init__(self, recount: Recount, disturbances: int) -> None:
        self.recount = recount
        self.disturbances = disturbances
        self.ended: float | None = None
        self.counts = 0

    def waits(self, now: float) -> bool:
        """Others may have something to store yet."""
        return self.ended is not None and now - self.ended < OTHERS_STORE_SECONDS


async def step(run: JobRun) -> bool:
    """A page of the first table that is to be counted and does not wait."""
    ordered = await tasks(run.driver, COUNT_ITEMS, TABLES_AT_ONCE)
    for subject in run.memory.keys() - {task.subject for task in ordered}:
        run.cell.manager.counts.end_recount(run.memory.pop(subject).recount, counted=False)
    for task in ordered:
        counting: Counting | None = run.memory.get(task.subject)
        if counting is None or not counting.waits(run.monotonic()):
            await advance(run, task)
            return True
    return False


async def advance(run: JobRun, task: Task) -> None:
    """Count a page of a table, or end its count."""
    info = await table_of(run.cell.tables, task)
    if info is None:
        await run.driver.commit([(done(task),)])
        return
    counting = await counting_of(run, info)
    recount = counting.recount
    if counting.ended is None:
        if await count_page(run, recount):
            run.report(f"{recount.items} items of table {info.table.name} counted")
            return
        counting.ended = run.monotonic()
    if run.cell.tables.shared and not await holds(run, counting):
        return
    # The stored sums must be known, or they would be added to the new ones when they are read later.
    await run.cell.manager.counts.of(info.table)
    run.cell.manager.counts.end_recount(recount, counted=True)
    del run.memory[info.table.id]
    await run.cell.manager.counts.flush()
    # Unless the count was ordered again meanwhile, because an index was filled.
    await run.driver.commit([(done(task),)])
    run.report(f"table {info.table.name} has {recount.items} items")


async def order_all(tables: Tables, driver: Any) -> None:
    """Have all tables counted: nobody knows which sums were lost. On a cluster the large ones keep theirs: some seconds
    of one of many servers are not worth reading them all."""
    async for table in tables.all():
        if tables.polled and (await tables.counts.of(table))[table.rows_id][0] > RECOUNTED_ITEMS_MAX:
            continue
        await order_once(driver, COUNT_ITEMS, table.id, {"project": table.project, "name": table.name})


async def order_lost(tables: Tables, driver: Any) -> None:
    """Have all tables counted if an earlier process lost sums and that is not ordered yet."""
    if tables.counts.lost:
        await order_all(tables, driver)
        await tables.counts.counting_is_ordered()


async def table_of(tables: Tables, task: Task) -> TableInfo | None:
    """The table that a task is about; None if it is gone."""
    info = await tables.refreshed(task.position["project"], task.position["name"])
    return info if info is not None and info.table.id == task.subject else None


async def counting_of(run: JobRun, info: TableInfo) -> Counting:
    """The count that is under way, or a new one if the table or its indexes have changed."""
    counting: Counting | None = run.memory.get(info.table.id)
    if counting is None or counting.recount.keys is not info.keys:
        counting = run.memory[info.table.id] = await begun(run, info.keys)
    return counting


async def begun(run: JobRun, keys: TableKeys) -> Counting:
    """A new count."""
    counts = run.cell.manager.counts
    recount = counts.begin_recount(keys)
    return Counting(recount, await counts.disturbances(recount) if run.cell.tables.shared else 0)


async def holds(run: JobRun, counting: Counting) -> bool:
    """Whether a count that has come to its end holds although other processes may write. False if that cannot be told
    yet, or if it begins again."""
    if counting.waits(run.monotonic()):
        return False
    if await run.cell.manager.counts.disturbances(counting.recount) == counting.disturbances:
        return True
    if counting.counts + 1 >= COUNTS_MAX:
        return True
    again = run.memory[counting.recount.keys.table.id] = await begun(run, counting.recount.keys)
    again.counts = counting.counts + 1
    return False


async def count_page(run: JobRun, recount: Recount) -> bool:
    """Count a page; whether there are more."""
    recount.begin_page()
    page = await run.driver.scan(recount.keys.base.rows_id, TokenRange(), limit=PAGE_ROWS, after=recount.last)
    # Commits are settled in the order in which they came: after this one, all writes are that the page may have seen.
    await run.driver.commit([()])
    for _ in range(SETTLE_TURNS):
        await asyncio.sleep(0)
    recount.end_page(page.rows, more=page.more)
    return page.more
