"""Counts a table's items anew: when sums were lost with a process, and when an index was filled.

The count lives in memory: after a restart it begins again, because the task stays until it is done.
"""

import asyncio
from typing import Any, Final

from magnetodb.model.rows import TokenRange
from magnetodb.storage.counts import Recount
from magnetodb.storage.job_positions import Task, done, first_task, order_once
from magnetodb.storage.tables import COUNT_ITEMS, TableInfo, Tables
from magnetodb.worker.jobs import JobRun

PAGE_ROWS: Final = 256

SETTLE_TURNS: Final = 8
"""Turns of the loop that a write needs at most from its commit to the sums."""


async def step(run: JobRun) -> bool:
    """A page of the first table that is to be counted."""
    task = await first_task(run.driver, COUNT_ITEMS)
    if task is None:
        return False
    info = await table_of(run.cell.tables, task)
    if info is None:
        await run.driver.commit([(done(task),)])
        return True
    recount = current_recount(run, info)
    if await count_page(run, recount):
        run.report(f"{recount.items} items of table {info.table.name} counted")
        return True
    # The stored sums must be known, or they would be added to the new ones when they are read later.
    await run.cell.manager.counts.of(info.table)
    run.cell.manager.counts.end_recount(recount, counted=True)
    del run.memory["recount"]
    await run.cell.manager.counts.flush()
    # Unless the count was ordered again meanwhile, because an index was filled.
    await run.driver.commit([(done(task),)])
    run.report(f"table {info.table.name} has {recount.items} items")
    return True


async def order_all(tables: Tables, driver: Any) -> None:
    """Have all tables counted: nobody knows which sums were lost."""
    async for table in tables.all():
        await order_once(driver, COUNT_ITEMS, table.id, {"project": table.project, "name": table.name})


async def order_lost(tables: Tables, driver: Any) -> None:
    """Have all tables counted if an earlier process lost sums and that is not ordered yet."""
    if tables.counts.lost:
        await order_all(tables, driver)
        tables.counts.lost = False


async def table_of(tables: Tables, task: Task) -> TableInfo | None:
    """The table that a task is about; None if it is gone."""
    info = await tables.refreshed(task.position["project"], task.position["name"])
    return info if info is not None and info.table.id == task.subject else None


def current_recount(run: JobRun, info: TableInfo) -> Recount:
    """The count that is under way, or a new one if the table or its indexes have changed."""
    recount: Recount | None = run.memory.get("recount")
    if recount is None or recount.keys is not info.keys:
        recount = run.memory["recount"] = run.cell.manager.counts.begin_recount(info.keys)
    return recount


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
