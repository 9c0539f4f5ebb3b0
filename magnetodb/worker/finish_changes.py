"""Finishes what processes that are no more left half done above the storage: changes of tables, and sums of items that
they had in memory."""

from magnetodb.worker.count_items import order_lost
from magnetodb.worker.jobs import JobRun


async def step(run: JobRun) -> bool:
    """All that is known of; there is little."""
    tables = run.cell.tables
    await tables.finish_changes()
    await tables.counts.look_for_lost()
    await order_lost(tables, run.driver)
    return False
