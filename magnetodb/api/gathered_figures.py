"""The figures of all processes of a service, whichever of them is asked for /metrics.

A process publishes its snapshot when another rings for it, and every few seconds in case it dies. The counts of one
that died are carried on by its successor, so that no counter ever goes back.
"""

import asyncio
import logging
import os
import time
from typing import Final

from magnetodb.api.metrics import Family, Metrics, Snapshot, together
from magnetodb.api.processes import Process, Processes, PublishedFigures

PUBLISH_SECONDS: Final = 5.0
"""What was counted within so long may be lost when a process is killed."""

ANSWER_SECONDS_MAX: Final = 1.0
"""A process that does not publish within so long counts as it last did."""

LOOK_SECONDS: Final = 0.002

_log = logging.getLogger(__name__)


class GatheredFigures:
    """The figures of this process, made those of all. It belongs to the event loop, but for `others`."""

    def __init__(self, metrics: Metrics, process: Process) -> None:
        self._metrics = metrics
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._wanted = False
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        last = process.processes.published(process.number)
        self._before = [] if last is None else [Snapshot.from_json(last.data).counted()]
        metrics.started = process.processes.started
        metrics.others = self.others

    def open(self) -> None:
        """Answer the others from now on."""
        self._loop.add_reader(self._process.processes.bell(self._process.number), self._rung)
        self._again()

    async def close(self) -> None:
        """Publish for the last time."""
        self._loop.remove_reader(self._process.processes.bell(self._process.number))
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            await self._task

    def others(self) -> list[Snapshot]:
        """What is to be added to this process's own snapshot. Waits for the others, not in the event loop's thread."""
        processes = self._process.processes
        numbers = range(1, processes.count + 1)
        asked = time.monotonic_ns()
        for number in numbers:
            processes.ring(number)
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        snapshots = [*self._before, Snapshot({}, of_the_service(processes), [])]
        for number in numbers:
            # For this process too: what was shown once must not be lost with it.
            published = self._published_since(number, asked, deadline)
            if published is not None and number != self._process.number:
                snapshot = Snapshot.from_json(published.data)
                snapshots.append(snapshot if processes.is_there(number) else snapshot.counted())
        return snapshots

    def _published_since(self, number: int, asked: int, deadline: float) -> PublishedFigures | None:
        """What a process, if it is there, has collected since it was asked; else the last that is known of it."""
        processes = self._process.processes
        published = processes.published(number)
        while processes.is_there(number) and (published is None or published.collected < asked):
            if time.monotonic() > deadline:
                _log.warning("Worker %d does not say its figures in time", number)
                break
            time.sleep(LOOK_SECONDS)
            published = processes.published(number)
        return published

    def _rung(self) -> None:
        os.read(self._process.processes.bell(self._process.number), 65536)
        self._publish()

    def _again(self) -> None:
        self._publish()
        self._timer = self._loop.call_later(PUBLISH_SECONDS, self._again)

    def _publish(self) -> None:
        """One at a time; what is rung for meanwhile is published afterwards."""
        self._wanted = True
        if self._task is None or self._task.done():
            self._task = self._loop.create_task(self._publish_while_wanted())

    async def _publish_while_wanted(self) -> None:
        while self._wanted:
            self._wanted = False
            await self._loop.run_in_executor(None, self._collect)

    def _collect(self) -> None:
        collected = time.monotonic_ns()
        figures = together([self._metrics.snapshot(), *self._before]).to_json()
        try:
            self._process.processes.publish(self._process.number, collected, figures)
        except ValueError as error:
            _log.warning("The figures of this process are too many to be shared: %s", error)


def of_the_service(processes: Processes) -> list[Family]:
    """Figures that no process has for itself."""
    there = sum(processes.is_there(number) for number in range(1, processes.count + 1))
    again = "Worker processes started in place of one that had died."
    return [
        Family("magnetodb_worker_processes", "Worker processes that serve.", "gauge", (), {(): there}),
        Family("magnetodb_worker_restarts", again, "counter", (), {(): processes.restarts()}),
    ]
