"""Learns of the changes of tables that other servers made. A server that cannot for too long may not write."""

from magnetodb.worker.jobs import JobRun


async def step(run: JobRun) -> bool:
    """One look."""
    await run.cell.tables.poll()
    return False
