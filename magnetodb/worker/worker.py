"""Runs the jobs of a process: each in a task of the core's event loop, under its lease, with pauses for all others."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Mapping
from itertools import count
from time import monotonic
from typing import Any, Final
from uuid import uuid4

from magnetodb.errors import ServiceError, StorageError
from magnetodb.operations.cell import Cell
from magnetodb.storage.driver import StorageDriver
from magnetodb.storage.leases import Lease
from magnetodb.worker.jobs import Job, JobRun

BACKOFF_SECONDS: Final = 0.5
"""Pause after a failure, doubled with each further one up to the job's own maximum."""

LEASE_RETRY_SECONDS: Final = 5.0
"""How often a process asks for a lease that another has, but four times while it lasts at least."""

LOUD_SECONDS: Final = 5.0
"""Failures that are so far apart are all logged."""

REST: Final = 0.1
"""Pause between two steps, in multiples of the time that the last one took."""

STOP_SECONDS: Final = 5.0
"""How long `stop` waits for steps to end by themselves. One that is cut short may have written what is not counted."""

_log = logging.getLogger(__name__)


class Worker:
    """All methods belong to the event loop that `start` was called in.

    `intervals` replace the intervals of jobs by name. `sole`: no other process runs jobs on this storage.
    """

    def __init__(
        self,
        cell: Cell,
        driver: StorageDriver,
        jobs: Mapping[str, Job],
        *,
        intervals: Mapping[str, float] | None = None,
        sole: bool = False,
    ) -> None:
        owner = f"{socket.gethostname()}/{os.getpid()}/{uuid4().hex[:12]}"
        clock = cell.settings.clock
        intervals = intervals or {}
        self._running = [
            _RunningJob(
                job,
                JobRun(name, cell, driver),
                intervals.get(name, job.interval_seconds),
                Lease(driver, name, owner=owner, clock=clock, sole=sole, seconds=job.lease_seconds)
                if job.leased
                else None,
                clock,
            )
            for name, job in jobs.items()
        ]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Run the jobs until `stop`."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(job.run(), name=f"job {job.name}") for job in self._running]

    async def stop(self) -> None:
        """Stop after the steps in hand (those that last too long are cut short), and let other processes have the
        leases."""
        for job in self._running:
            job.end()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            for task in late:
                _log.warning("%s did not end in time", task.get_name().capitalize())
                task.cancel()
            if late:
                await asyncio.wait(late)
        self._tasks = []
        await asyncio.gather(*[job.release() for job in self._running])

    def wake(self, name: str | None = None) -> None:
        """End the rest of a job, or of all: something is due, or the clock was moved."""
        for job in self._running:
            if name is None or name == job.name:
                job.wake()

    async def settle(self) -> None:
        """Return when every job has come to rest and none has found more to do in a round of all. For tests: it has no
        end while there is always more, while a job fails, or while another process has a lease."""
        for rounds in count(1):
            worked = sum(job.worked for job in self._running)
            await asyncio.gather(*[job.rested() for job in self._running])
            # What one job does may be the beginning of another's work, which may have rested before.
            if rounds > 1 and worked == sum(job.worked for job in self._running):
                return

    def states(self) -> dict[str, dict[str, Any]]:
        """The state of each job by name, as `magnetodb-manage jobs` shows it."""
        return {job.name: job.state() for job in self._running}


class _RunningJob:
    """One job: its status, its failures, its loop."""

    def __init__(self, job: Job, run: JobRun, interval_seconds: float, lease: Lease | None, clock: Any) -> None:
        self.name = run.name
        self._job = job
        self._run = run
        self._interval_seconds = interval_seconds
        self._lease = lease
        self._clock = clock
        self._status = "idle"
        self._steps = 0
        self._failures = 0
        self._error = ""
        self._since = clock()
        self._writes = 0
        self._woken = asyncio.Event()
        self._ending = False
        self._begun = 0
        self._resting: list[tuple[int, asyncio.Future[None]]] = []
        self.worked = 0

    def state(self) -> dict[str, Any]:
        """Status: idle, working, failing, waiting (another process has the lease), stopped."""
        return {
            "status": self._status,
            "since": self._since,
            "progress": self._run.progress,
            "steps": self._steps,
            "failures": self._failures,
            "error": self._error,
        }

    def wake(self) -> None:
        self._woken.set()

    def end(self) -> None:
        """Take no further step."""
        self._ending = True
        self._woken.set()

    def rested(self) -> asyncio.Future[None]:
        """Done when the job comes to rest from a step that has not begun yet; it begins at once."""
        future = asyncio.get_running_loop().create_future()
        self._resting.append((self._begun + 1, future))
        self.wake()
        return future

    def _say_rested(self) -> None:
        for step, future in self._resting:
            if step <= self._begun and not future.done():
                future.set_result(None)
        self._resting = [(step, future) for step, future in self._resting if not future.done()]

    async def run(self) -> None:
        """Steps and pauses until `end`. Never ends by itself, whatever a step raises."""
        while not self._ending:
            began = monotonic()
            try:
                if self._lease is not None and not await self._lease.hold(self.state()):
                    self._become("waiting")
                    await self._rest(min(LEASE_RETRY_SECONDS, self._job.lease_seconds / 4))
                    continue
                self._begun += 1
                more = await self._job.step(self._run)
                self._run.busy = self._written()
            except Exception as error:
                # The one place where a job's failure ends: logged, shown, and tried again.
                await self._rest(self._failed(error))
                continue
            self._steps += 1
            self._failures = 0
            self._error = ""
            if more:
                self.worked += 1
                self._become("working")
                await asyncio.sleep((monotonic() - began) * REST)
            else:
                self._become("idle")
                self._say_rested()
                await self._rest(self._interval_seconds)

    def _written(self) -> bool:
        """Whether items were written since this was last asked."""
        writes = self._run.cell.manager.counts.writes
        written = writes != self._writes
        self._writes = writes
        return written

    async def release(self) -> None:
        """The job has ended with the process."""
        self._become("stopped")
        if self._lease is not None:
            try:
                await self._lease.release(self.state())
            except StorageError as error:
                _log.warning("The lease of job %s runs out by itself: %s", self.name, error)

    def _failed(self, error: Exception) -> float:
        """Note a failure; returns the pause in seconds."""
        self._failures += 1
        self._error = f"{type(error).__name__}: {error}"
        self._run.memory = {}
        self._become("failing")
        pause: float = min(BACKOFF_SECONDS * 2 ** min(self._failures - 1, 20), self._job.retry_seconds_max)
        expected = isinstance(error, StorageError | ServiceError)
        # A job that tries again in a second says so less and less often.
        level = logging.WARNING if self._failures & (self._failures - 1) == 0 or pause > LOUD_SECONDS else logging.DEBUG
        _log.log(
            level,
            "Job %s failed (%d in a row), next attempt in %.1f s: %s",
            self.name,
            self._failures,
            pause,
            self._error,
            exc_info=None if expected else error,
        )
        return pause

    def _become(self, status: str) -> None:
        if status == self._status:
            return
        if self._run.progress and status == "idle":
            _log.info("Job %s: %s", self.name, self._run.progress)
        elif status == "working":
            _log.info("Job %s works", self.name)
        self._status = status
        self._since = self._clock()

    async def _rest(self, seconds: float) -> None:
        # Not wait_for, which may return where it should be cancelled.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        if not self._ending:
            self._woken.clear()
