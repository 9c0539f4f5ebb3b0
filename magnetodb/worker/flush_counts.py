"""Stores what this process has added up of the items of tables."""

from magnetodb.worker.count_items import order_lost
from magnetodb.worker.jobs import JobRun


async def step(run: JobRun) -> bool:
    """Up to a commit's worth of sums. Before that, what a full disk prevented at the start."""
    await order_lost(run.cell.tables, run.driver)
    return await run.cell.manager.counts.flush()
