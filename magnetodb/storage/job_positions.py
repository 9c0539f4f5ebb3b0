"""What background jobs still have to do, and how far they have come: rows of the system table `job_positions`.

A task is ordered in the same commit as its cause, so neither exists without the other; it is there until the job has
done it, however often the process ends in between.
"""

from typing import Any, Final, NamedTuple

import orjson

from magnetodb.model.rows import ABSENT, ANY, Change, Committed, Row, RowKey, SortRange
from magnetodb.storage.driver import StorageDriver

JOB_POSITIONS: Final = "job_positions"
"""Partition: name of the job; sort: the subject of the task; value: JSON object, the task's position."""

LEASES: Final = "leases"
"""Partition: name of a job; value: who runs it, and its state. See `leases.py`."""


class Task(NamedTuple):
    """Something that a job has to do. `subject` is what it is about (a table's id); `position` what the job saved."""

    job: str
    subject: str
    position: dict[str, Any]
    row: Row


def order(job: str, subject: str, position: dict[str, Any]) -> Change:
    """The change that orders a task, or begins it anew if it is ordered already."""
    return Change(_key(job, subject), ANY, orjson.dumps(position))


def done(task: Task) -> Change:
    """The change that removes a task; it is lost if the task was ordered anew meanwhile."""
    return Change(task.row.key, task.row, None)


def cancelled(job: str, subject: str) -> Change:
    """The change that removes a task that need not be there."""
    return Change(_key(job, subject), ANY, None)


async def tasks(driver: StorageDriver, job: str, limit: int = 100, *, after: str | None = None) -> list[Task]:
    """The first tasks of a job in the order of their subjects, behind the subject `after`. Raises StorageErrors, as all
    that asks a driver does."""
    start = b"" if after is None else after.encode() + b"\x00"
    page = await driver.query(JOB_POSITIONS, job.encode(), SortRange(start), limit=limit)
    return [Task(job, row.key.sort.decode(), orjson.loads(row.value), row) for row in page.rows]


async def save(driver: StorageDriver, task: Task, position: dict[str, Any]) -> Task | None:
    """The task at a new position; None if it was ordered anew or is gone, and nothing was saved."""
    value = orjson.dumps(position)
    (outcome,) = await driver.commit([(Change(task.row.key, task.row, value),)])
    if not isinstance(outcome, Committed):
        return None
    return Task(task.job, task.subject, position, Row(task.row.key, value, outcome.versions[0]))


async def order_once(driver: StorageDriver, job: str, subject: str, position: dict[str, Any]) -> None:
    """Order a task unless it is ordered already."""
    await driver.commit([(Change(_key(job, subject), ABSENT, orjson.dumps(position)),)])


def _key(job: str, subject: str) -> RowKey:
    return RowKey(JOB_POSITIONS, job.encode(), subject.encode())
