"""What GET / and GET /healthcheck say, in AWS's words, and what is wrong with a storage that does not work."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from magnetodb.api.metrics import Metrics
from magnetodb.errors import StorageError
from magnetodb.model.rows import ANY, Change, RowKey
from magnetodb.storage.driver import StorageDriver
from magnetodb.storage.job_positions import LEASES

CHECK_SECONDS_MAX: Final = 5.0

CHECKED: Final = RowKey(LEASES, b"\x00healthcheck", b"")
"""Value: when the storage was last checked, in ns. No job has this name."""

StorageCheck = Callable[[], str | None]
"""Looks whether the storage works: None, or a sentence that says what does not. Called outside the loop's thread."""


class Inspection(NamedTuple):
    """What operators may look at, beside what clients ask. `metrics` None: nobody sees them; `metrics_remote`: not only
    this machine does."""

    metrics: Metrics | None = None
    metrics_remote: bool = False
    storage_check: StorageCheck | None = None


def healthy(region: str) -> bytes:
    """The text of a service that answers. The space at the end is AWS's."""
    return f"healthy: dynamodb.{region}.amazonaws.com ".encode()


def unhealthy(fault: str) -> bytes:
    """The text of a service whose storage does not work."""
    return f"unhealthy: {fault}\n".encode()


def storage_check(
    driver: StorageDriver, loop: asyncio.AbstractEventLoop, *, seconds_max: float = CHECK_SECONDS_MAX
) -> StorageCheck:
    """Reads a row, and writes it with another value: what only compares is no use of the disk, and a full one would not
    be noticed. The driver belongs to that loop."""

    async def read() -> None:
        await driver.get((CHECKED,))

    async def commit() -> None:
        await driver.commit([(Change(CHECKED, ANY, b"%d" % time.time_ns()),)])

    def check() -> str | None:
        for what, steps in (("reading", read), ("committing", commit)):
            try:
                asyncio.run_coroutine_threadsafe(steps(), loop).result(seconds_max)
            except TimeoutError:
                return f"{what} did not end within {seconds_max:g} seconds"
            except StorageError as error:
                return f"{what} failed: {error}"
        return None

    return check
