"""What a process does by itself, beside answering requests: time instead of HTTP.

`jobs` says what a job is, `worker` runs them, `storage/leases.py` sees to it that of many processes one does.
"""

from typing import Final

from magnetodb.storage.tables import Tables
from magnetodb.worker import (
    change_indexes,
    change_time_to_live,
    count_items,
    expire_items,
    finish_changes,
    flush_counts,
    recover,
    refresh_tables,
    remove_expired_tokens,
)
from magnetodb.worker.jobs import Job

JOBS: Final[dict[str, Job]] = {
    "change_indexes": Job(change_indexes.step, interval_seconds=0.2),
    "change_time_to_live": Job(change_time_to_live.step, interval_seconds=0.2),
    "count_items": Job(count_items.step, interval_seconds=2.0),
    "expire_items": Job(expire_items.step, interval_seconds=10.0),
    "finish_changes": Job(finish_changes.step, interval_seconds=5.0, shared_only=True),
    "flush_counts": Job(flush_counts.step, interval_seconds=5.0, leased=False),
    "recover": Job(recover.step, interval_seconds=5.0, shared_only=True, lease_seconds=10.0),
    "refresh_tables": Job(
        refresh_tables.step, interval_seconds=1.0, leased=False, retry_seconds_max=1.0, polled_only=True
    ),
    "remove_expired_tokens": Job(remove_expired_tokens.step, interval_seconds=30.0),
}
"""Every job. `step` is the function of that name in the job's own file."""


def jobs_for(tables: Tables, *, all_of_them: bool) -> dict[str, Job]:
    """The jobs that a process with these tables runs: without `all_of_them` only those that every process must."""
    return {
        name: job
        for name, job in JOBS.items()
        if (all_of_them or not job.leased)
        and (tables.shared or not job.shared_only)
        and (tables.polled or not job.polled_only)
    }
