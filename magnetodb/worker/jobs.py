"""What a background job is: a function that takes one bounded step, and what it is given for it.

    async def step(run: JobRun) -> bool          True: more waits, call again at once; False: rest for the interval
    JOBS["my_job"] = Job(step, interval_seconds=1.0)

A step does at most about 100 rows, or 5 ms of the loop's time between two of its awaits. It may be cut short at any
await, by the end of the process too, and is then taken anew, perhaps by another process: what it has done must be in
rows, and doing it twice must do no harm. Now and then two processes may run the same job (see `storage/leases.py`):
compare and set. Whatever it raises is logged and retried with growing pauses.
"""

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, NamedTuple

from magnetodb.operations.cell import Cell
from magnetodb.storage.driver import StorageDriver
from magnetodb.storage.leases import LEASE_SECONDS

Step = Callable[["JobRun"], Awaitable[bool]]


class Job(NamedTuple):
    """`leased`: of many processes one runs it at a time; else each runs its own, whatever the options say. A process
    that has died is succeeded after `lease_seconds`, twice as long as a step and its interval take. The pause
    after failures in a row grows up to `retry_seconds_max`. `shared_only`: it is for storages that several processes
    share; `polled_only`: for those whose processes poll what others have changed."""

    step: Step
    interval_seconds: float
    leased: bool = True
    retry_seconds_max: float = 60.0
    shared_only: bool = False
    polled_only: bool = False
    lease_seconds: float = LEASE_SECONDS


class FirstSeen(NamedTuple):
    """A version of a table that a job has met `at` a time, when the tables had this generation."""

    version: int
    generation: int
    at: float


class JobRun:
    """What a job is given. One object as long as the process runs the job.

    `cell`: the storage; its `settings.clock` is the only clock that decides what is due. `driver`: the rows, for what
    the manager cannot do. `busy`: items were written (by whomever) since the step before the last; while nobody else
    waits, a step may do more. `memory`: the job's own, lost with the process and whenever a step raises. `first_seen`:
    what `settling` remembers of tables by their ids.
    `report(text)`: say how far it is; shown by `magnetodb-manage jobs` and logged when the job comes to rest.
    `monotonic`: for what has to be waited for, in seconds.
    """

    __slots__ = ("busy", "cell", "driver", "first_seen", "memory", "monotonic", "name", "progress")

    def __init__(
        self, name: str, cell: Cell, driver: StorageDriver, *, monotonic: Callable[[], float] = monotonic
    ) -> None:
        self.name = name
        self.busy = False
        self.cell = cell
        self.driver = driver
        self.memory: dict[str, Any] = {}
        self.monotonic = monotonic
        self.first_seen: dict[str, FirstSeen] = {}
        self.progress = ""

    def report(self, progress: str) -> None:
        """See above."""
        self.progress = progress
