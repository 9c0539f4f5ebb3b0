"""magnetodb-manage jobs: what the background jobs last said of themselves, read from the storage."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from magnetodb import conf
from magnetodb.commands.manage_tables import read
from magnetodb.errors import RowTableNotFound
from magnetodb.model.rows import RowKey
from magnetodb.storage.driver import StorageDriver
from magnetodb.storage.job_positions import LEASES, tasks
from magnetodb.storage.leases import StoredLease, stored_lease
from magnetodb.worker import JOBS

TASKS_SHOWN_MAX = 100


def jobs(arguments: Sequence[str]) -> int:
    """See COMMANDS."""
    configuration = conf.configure(arguments)
    print("\n".join(asyncio.run(read(configuration, job_lines, time.time()))))
    return 0


async def job_lines(driver: StorageDriver, now: float) -> list[str]:
    """A line for each job, and one for each thing that it still has to do. Closes the driver."""
    lines = []
    try:
        for name, job in JOBS.items():
            if job.leased:
                lines.append(f"{name}: {await job_state(driver, name, now)}")
                lines += [f"    waits: {subject}" for subject in await waiting(driver, name)]
    finally:
        await driver.close()
    return lines


async def job_state(driver: StorageDriver, name: str, now: float) -> str:
    """What is known of a job, as a sentence."""
    try:
        (row,) = await driver.get((RowKey(LEASES, name.encode(), b""),))
    except RowTableNotFound:
        row = None
    return "never run" if row is None else described(stored_lease(row), now)


async def waiting(driver: StorageDriver, name: str) -> list[str]:
    """The tables that a job has still to work at."""
    try:
        found = await tasks(driver, name, TASKS_SHOWN_MAX)
    except RowTableNotFound:
        return []
    return [f"table {task.position.get('name', task.subject)}" for task in found]


def described(lease: StoredLease, now: float) -> str:
    """Its status, since when, how far, what failed, who runs it. Pure."""
    state = lease.state
    since = datetime.fromtimestamp(state.get("since", 0.0), UTC)
    parts = [f"{state.get('status', 'unknown')} since {since:%Y-%m-%d %H:%M:%S} UTC"]
    if state.get("progress"):
        parts.append(str(state["progress"]))
    if state.get("failures"):
        parts.append(f"failed {state['failures']} times in a row: {state['error']}")
    parts.append(f"run by {lease.owner}" if lease.until > now else "nobody runs it now")
    return "; ".join(parts)
