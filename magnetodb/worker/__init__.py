"""What a process does by itself, beside answering requests: time instead of HTTP.

`jobs` says what a job is, `worker` runs them, `storage/leases.py` sees to it that of many processes one does.
"""

from typing import Final

from magnetodb.worker import (
    change_indexes,
    change_time_to_live,
    count_items,
    expire_items,
    flush_counts,
    remove_expired_tokens,
)
from magnetodb.worker.jobs import Job

JOBS: Final[dict[str, Job]] = {
    "change_indexes": Job(change_indexes.step, interval_seconds=0.2),
    "change_time_to_live": Job(change_time_to_live.step, interval_seconds=0.2),
    "count_items": Job(count_items.step, interval_seconds=2.0),
    "expire_items": Job(expire_items.step, interval_seconds=10.0),
    "flush_counts": Job(flush_counts.step, interval_seconds=5.0, leased=False),
    "remove_expired_tokens": Job(remove_expired_tokens.step, interval_seconds=30.0),
}
"""Every job. `step` is the function of that name in the job's own file."""
