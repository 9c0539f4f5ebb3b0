"""Stores what this process has added up of the items of tables."""

from magnetodb.worker.jobs import JobRun


async def step(run: JobRun) -> bool:
    """Up to a commit's worth of sums."""
    return await run.cell.manager.counts.flush()
