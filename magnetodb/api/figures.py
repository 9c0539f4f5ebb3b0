"""Where the figures of /metrics come from that the door does not count itself: the storage, the jobs, the connections.

Sources are asked in a thread that is not the loop's. What only the loop may touch they ask there, with a bound.
"""

import asyncio
from collections.abc import Callable, Mapping, Sized
from typing import Any, Final

from magnetodb.api.metrics import Family, Sizes, Source
from magnetodb.errors import ResourceNotFoundException, ServiceError, StorageError
from magnetodb.operations.cell import Cell
from magnetodb.operations.consumption import Consumer, Consumption
from magnetodb.storage.driver import StorageDriver
from magnetodb.storage.job_positions import tasks
from magnetodb.storage.tables import CHANGE_INDEXES

ANSWER_SECONDS_MAX: Final = 2.0

JOB_STATUSES: Final = ("idle", "working", "failing", "waiting", "stopped")

TABLE_LABELS: Final = ("project", "table", "index")


def capacity(consumption: Consumption) -> Source:
    """What requests consumed, by table and index."""

    def figures() -> list[Family]:
        kinds = (("read", consumption.read_units()), ("write", consumption.write_units()))
        values: dict[tuple[str, ...], float] = {
            (*consumer, kind): units for kind, by_consumer in kinds for consumer, units in by_consumer.items() if units
        }
        words = "Capacity units consumed; those that writes cost in indexes only where throughput is enforced."
        return [Family("magnetodb_consumed_capacity_units", words, "counter", (*TABLE_LABELS, "kind"), values)]

    return figures


def jobs(states: Callable[[], Mapping[str, Mapping[str, Any]]]) -> Source:
    """The state of each background job of this process."""

    def figures() -> list[Family]:
        known = dict(states())
        status: dict[tuple[str, ...], float] = {
            (job, each): float(state["status"] == each) for job, state in known.items() for each in JOB_STATUSES
        }
        since: dict[tuple[str, ...], float] = {(job,): state["since"] for job, state in known.items()}
        steps: dict[tuple[str, ...], float] = {(job,): state["steps"] for job, state in known.items()}
        failures: dict[tuple[str, ...], float] = {(job,): state["failures"] for job, state in known.items()}
        status_words, since_words = "Processes in which the job has the status.", "When the job took its status."
        failure_words = "Failures since it last worked."
        return [
            Family("magnetodb_job_status", status_words, "gauge", ("job", "status"), status),
            Family("magnetodb_job_status_since_seconds", since_words, "gauge", ("job",), since, "max"),
            Family("magnetodb_job_steps", "Steps that the job has taken.", "counter", ("job",), steps),
            Family("magnetodb_job_failures_in_a_row", failure_words, "gauge", ("job",), failures, "max"),
        ]

    return figures


def index_lag(cell: Cell, driver: StorageDriver, loop: asyncio.AbstractEventLoop) -> Source:
    """How many items the indexes that are being filled still lack, as of the last position that was saved. Indexes that
    are ACTIVE never lag: they change together with the item."""

    def figures() -> list[Family]:
        try:
            values = asyncio.run_coroutine_threadsafe(rows_to_go(cell, driver), loop).result(ANSWER_SECONDS_MAX)
        except (TimeoutError, StorageError, ServiceError):
            return []  # Better no figure than a wrong one; /healthcheck says what is the matter.
        words = "Items that an index which is being filled still lacks."
        return [Family("magnetodb_index_backfill_items_left", words, "gauge", TABLE_LABELS, values, "max")]

    return figures


async def rows_to_go(cell: Cell, driver: StorageDriver) -> dict[tuple[str, ...], float]:
    """By project, table and index. Raises StorageErrors and ServiceErrors."""
    left: dict[tuple[str, ...], float] = {}
    for task in await tasks(driver, CHANGE_INDEXES):
        try:
            table = (await cell.tables.get(task.position["project"], task.position["name"])).table
        except ResourceNotFoundException:
            continue
        items, _ = (await cell.tables.counts_of(table)).get(table.rows_id, (0, 0))
        for index in table.indexes.values():
            if index.status == "CREATING":
                filled = task.position.get("items", 0) if task.position.get("rows_id") == index.rows_id else 0
                left[Consumer(table.project, table.name, index.name)] = max(0, items - filled)
    return left


def commits(sizes: Callable[[], tuple[list[int], int]]) -> Source:
    """How many batches share a commit, and an fsync. `sizes`: counters by bits, and their sum."""

    def figures() -> list[Sizes]:
        counters, total = sizes()
        return [Sizes("magnetodb_commit_batches", "Batches that were made durable by one commit.", counters, total)]

    return figures


def connections(open_ones: Sized) -> Source:
    """How many clients are connected to the default server."""

    def figures() -> list[Family]:
        return [Family("magnetodb_connections", "Connections that are open.", "gauge", (), {(): float(len(open_ones))})]

    return figures


def dropped_log_lines(dropped: Callable[[], int]) -> Source:
    """How many lines the request log had no room for."""

    def figures() -> list[Family]:
        words = "Lines of the request log that were not written."
        return [Family("magnetodb_request_log_lines_dropped", words, "counter", (), {(): float(dropped())})]

    return figures
