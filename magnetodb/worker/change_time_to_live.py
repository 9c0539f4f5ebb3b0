"""Begins and ends the expiry of items: what UpdateTimeToLive ordered, one table at a time.

Writers keep the rows that say when items expire in step from the moment at which it is ENABLING; this job puts those of
the items that were there before, as a new index is filled. Only then do items expire. DISABLING is the way back.
"""

import asyncio
from dataclasses import replace

from magnetodb.errors import ResourceInUseException, RowTableNotFound
from magnetodb.model.table import Table, TimeToLive
from magnetodb.storage.job_positions import Task, done, order, tasks
from magnetodb.storage.tables import CHANGE_TIME_TO_LIVE, EXPIRE_ITEMS, TableInfo
from magnetodb.worker.change_indexes import LOOK_AGAIN_SECONDS, TABLES_AT_ONCE, fill
from magnetodb.worker.count_items import table_of
from magnetodb.worker.jobs import JobRun
from magnetodb.worker.settling import settled


async def step(run: JobRun) -> bool:
    """A page of the first table whose items shall expire or no longer."""
    ordered = await tasks(run.driver, CHANGE_TIME_TO_LIVE, TABLES_AT_ONCE)
    if not ordered:
        run.memory.clear()
        run.first_seen.clear()
    for task in ordered:
        info = await table_of(run.cell.tables, task)
        expiry = None if info is None else info.table.time_to_live
        if info is None or expiry is None or expiry.status == "ENABLED":
            await run.driver.commit([(done(task),)])
            return True
        if await settled(run, info.table):
            await change_or_look_again(run, info, expiry, task)
            return True
    return False


async def change_or_look_again(run: JobRun, info: TableInfo, expiry: TimeToLive, task: Task) -> None:
    """A step of one table."""
    try:
        await change(run, info, expiry, task)
    except (ResourceInUseException, RowTableNotFound):
        # Something else of the table was changed at this moment; the next step looks again.
        run.report(f"table {info.table.name} is being changed by others too")
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def change(run: JobRun, info: TableInfo, expiry: TimeToLive, task: Task) -> None:
    """A step of one table. Raises ResourceInUseException if the table was changed meanwhile."""
    codec = info.keys.expiry
    if codec is None:
        await disable(run, info.table, expiry, task)
    elif not await fill(run, info, codec, "time to live", task):
        await enable(run, info.table, expiry, task)


async def enable(run: JobRun, table: Table, expiry: TimeToLive, task: Task) -> None:
    """Of every item it is known when it expires."""
    enabled = replace(table, time_to_live=replace(expiry, status="ENABLED"))
    expire = order(EXPIRE_ITEMS, table.id, {"project": table.project, "name": table.name})
    await run.cell.tables.update(enabled, done(task), expire)
    run.report(f"items of table {table.name} expire by {expiry.attribute}")
    run.memory.clear()


async def disable(run: JobRun, table: Table, expiry: TimeToLive, task: Task) -> None:
    """Nobody writes these rows any more: drop them, then forget them."""
    await run.driver.drop_table(expiry.rows_id)
    await run.cell.tables.update(replace(table, time_to_live=None), done(task))
    run.memory.clear()
    run.report(f"items of table {table.name} expire no longer")
