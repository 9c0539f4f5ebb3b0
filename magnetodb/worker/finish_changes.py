"""Finishes what processes that are no more left half done above the storage: changes of tables, and sums of items that
they had in memory."""

from magnetodb.worker.count_items import order_lost
from magnetodb.worker.jobs import JobRun


async def step(run: JobRun) -> bool:
    """One change, and all that was lost."""
    tables = run.cell.tables
    await tables.counts.look_for_lost()
    await order_lost(tables, run.driver)
    return await tables.finish_changes(most=1)
