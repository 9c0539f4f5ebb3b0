"""Finishes what processes that are no more left half done in the storage."""

from magnetodb.worker.jobs import JobRun


async def step(run: JobRun) -> bool:
    """As much as the driver takes for a step."""
    return await run.driver.recover()
