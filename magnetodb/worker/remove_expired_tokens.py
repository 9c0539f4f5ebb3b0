"""Removes the idempotency tokens of transactions that happened more than ten minutes ago."""

from magnetodb.worker.jobs import JobRun


async def step(run: JobRun) -> bool:
    """Some of those that have expired, the earliest first."""
    removed = await run.cell.manager.tokens.remove_expired(run.cell.settings.clock())
    if removed:
        run.memory["removed"] = run.memory.get("removed", 0) + removed
        run.report(f"{run.memory['removed']} tokens removed since the start")
    return removed > 0
