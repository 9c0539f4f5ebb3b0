"""make soak: mixed load, tables made and deleted, kill -9 of the server; then the same without kills: nothing may grow.

Exit code 1: an acknowledged write was lost, an answer was an error, or memory, descriptors, files or times have grown.
"""

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import uvloop

from benchmarks import line_charts, machine, servers
from benchmarks.line_charts import Chart, Line, Panel
from benchmarks.processes import tree
from benchmarks.servers import ROOT, Choices
from benchmarks.signed_requests import Endpoint
from benchmarks.soak_checks import RESTART_SECONDS_MAX, Moment, Verdict, growth_verdicts, percentile
from benchmarks.soak_load import TABLE, Churner, Client, Log, Requester, create_table
from benchmarks.text_tables import table

CLIENTS: Final = 8
MINUTES: Final = 10.0
KILLING_SHARE: Final = 0.4
"""Of the time: kills come first, so that the steady part has files that are no longer young."""

KILLS: Final = 12
KILL_SECONDS_MIN: Final = 8.0
SAMPLE_SECONDS: Final = 1.0
SETTLE_SECONDS: Final = 3.0
"""After the last kill, before the steady part begins."""

STOP_SECONDS_MAX: Final = 60.0
CHECK_SECONDS_MAX: Final = 600
FILE_NAME: Final = "magnetodb.sqlite"
GRAPH: Final = Path(__file__).with_name("soak.svg")


class Soak:
    """One run on one directory."""

    def __init__(self, directory: Path, choices: Choices, minutes: float) -> None:
        self.directory = directory
        self.choices = choices
        self.seconds = minutes * 60
        self.log = Log()
        self.moments: list[Moment] = []
        self.kills: list[float] = []
        self.restarts: list[float] = []
        self.descriptors_before = 0
        self.server = servers.start("ours", directory, choices)
        self._began = time.monotonic()
        self._stop = asyncio.Event()

    @property
    def passed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    async def run(self) -> list[Verdict]:
        """The whole run."""
        endpoint = Endpoint(self.server.url)
        endpoint.call("CreateTable", create_table())
        endpoint.wait_active(TABLE)
        endpoint.close()
        self.descriptors_before = self.server.usage().descriptors
        self._began = time.monotonic()
        loads = [asyncio.create_task(Client(number, self._requester()).run()) for number in range(CLIENTS)]
        loads.append(asyncio.create_task(Churner(self._requester()).run()))
        others = [asyncio.create_task(self._sample()), asyncio.create_task(self._kill())]
        try:
            done, _ = await asyncio.wait((*loads, *others), timeout=self.seconds, return_when=asyncio.FIRST_EXCEPTION)
            for each in done:
                each.result()
        finally:
            self._stop.set()
            await asyncio.wait(loads, timeout=STOP_SECONDS_MAX)
            for each in (*loads, *others):
                each.cancel()
        return [*growth_verdicts(self._steady(), self.moments), *self._last_verdicts()]

    def _requester(self) -> Requester:
        return Requester(self.server.port, self.log, self._stop)

    async def _sample(self) -> None:
        """Every second, until it is cancelled."""
        last, answers = self.passed, self.log.answers
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            usage = self.server.usage()
            reads, writes = self.log.take()
            now, data = self.passed, self.directory / "data"
            self.moments.append(
                Moment(
                    seconds=now,
                    memory_mb=usage.proportional_bytes / 1e6,
                    descriptors=usage.descriptors,
                    log_mb=megabytes(data / f"{FILE_NAME}-wal"),
                    file_mb=megabytes(data / FILE_NAME),
                    read_p50=percentile(reads, 50),
                    read_p99=percentile(reads, 99),
                    write_p50=percentile(writes, 50),
                    write_p99=percentile(writes, 99),
                    per_second=(self.log.answers - answers) / (now - last),
                )
            )
            last, answers = now, self.log.answers

    async def _kill(self) -> None:
        """Kill the server, start it again, and so on, for the first part of the time."""
        killing = self.seconds * KILLING_SHARE
        pause = max(KILL_SECONDS_MIN, killing / KILLS)
        rng = random.Random(1)
        while self.passed + pause < killing:
            await asyncio.sleep(pause * rng.uniform(0.8, 1.0))
            self.kills.append(self.passed)
            members = tree(self.server.pid)
            if len(members) > 1 and len(self.kills) % 2 == 0:
                os.kill(rng.choice(members[1:]), signal.SIGKILL)  # A worker: the others go on, and it comes again.
                continue
            self.server.kill()
            self.server = await asyncio.to_thread(servers.start, "ours", self.directory, self.choices, self.server.port)
            self.restarts.append(self.server.start_seconds)

    def _steady(self) -> list[Moment]:
        begins = (self.kills[-1] if self.kills else 0.0) + SETTLE_SECONDS
        return [moment for moment in self.moments if moment.seconds > begins]

    def _last_verdicts(self) -> list[Verdict]:
        """What is known when all clients have gone, and when the server has stopped."""
        log = self.log
        left = self._descriptors_left()
        code = self.server.stop()
        differing = self._index_differences()
        slowest = max(self.restarts, default=0.0)
        wrong = sum(log.wrong.values())
        return [
            Verdict("errors, wrong and lost items", f"{wrong} of {log.answers:,} answers", "0", wrong == 0),
            Verdict("kills survived", f"{len(self.kills)}, {log.verified:,} items verified", ">= 1", bool(self.kills)),
            Verdict(
                "slowest restart, s", f"{slowest:.2f}", f"<= {RESTART_SECONDS_MAX}", slowest <= RESTART_SECONDS_MAX
            ),
            Verdict("tables made and deleted", f"{log.churned}", ">= 1", log.churned > 0),
            Verdict(
                "descriptors after the load",
                f"{left}",
                f"<= {self.descriptors_before + 2}",
                left <= self.descriptors_before + 2,
            ),
            Verdict("exit code of the server", f"{code}", "0", code == 0),
            Verdict("index rows that differ", differing or "none", "none", not differing),
        ]

    def _descriptors_left(self) -> int:
        """Of the server without clients, which it takes a moment to notice."""
        ends = time.monotonic() + SETTLE_SECONDS
        left = self.server.usage().descriptors
        while left > self.descriptors_before and time.monotonic() < ends:
            time.sleep(SAMPLE_SECONDS / 10)
            left = self.server.usage().descriptors
        return left

    def _index_differences(self) -> str:
        """The last line of what `magnetodb-manage index check` complains of; "" if nothing."""
        command = [sys.executable, "-m", "magnetodb.commands.manage", "index", "check"]
        command += ["--data-dir", str(self.directory / "data")]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=CHECK_SECONDS_MAX, check=False, env=environment
        )
        return "" if run.returncode == 0 else (run.stdout + run.stderr).strip().splitlines()[-1]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 1 where something does not hold."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="(%(default)s)")
    parser.add_argument("--graph", type=Path, default=GRAPH, help="the SVG file (%(default)s)")
    parser.add_argument("--data-dir", type=Path, help="where the data directory is made: choose the disk")
    parser.add_argument("server_flags", nargs="*", help="flags of magnetodb-api, behind --")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # So that the server ends with this.
    print(machine.described(), flush=True)
    with tempfile.TemporaryDirectory(prefix="magnetodb-soak-", dir=options.data_dir) as directory:
        soak, verdicts = uvloop.run(soaked(Path(directory), Choices(tuple(options.server_flags)), options.minutes))
    line_charts.write(chart_of(soak), options.graph)
    print(
        table(
            ["", "found", "bound", "holds"], [[*verdict[:3], "yes" if verdict.holds else "NO"] for verdict in verdicts]
        )
    )
    for what, times in soak.log.wrong.items():
        print(f"{times} times: {what}")
    path = machine.kept("soak", plain(soak, verdicts))
    print(f"graph: {options.graph}\nwritten to {path}")
    return 0 if all(verdict.holds for verdict in verdicts) else 1


async def soaked(directory: Path, choices: Choices, minutes: float) -> tuple[Soak, list[Verdict]]:
    """A run, whose server ends whatever happens."""
    soak = Soak(directory, choices, minutes)
    try:
        return soak, await soak.run()
    finally:
        if soak.server.process.poll() is None:
            soak.server.stop()


def chart_of(soak: Soak) -> Chart:
    """The graph."""

    def line(name: str, field: str) -> Line:
        return Line(name, [getattr(moment, field) for moment in soak.moments])

    return Chart(
        title=f"magnetodb-api, {soak.seconds / 60:g} minutes of mixed load, commit {machine.commit()}",
        times=[moment.seconds for moment in soak.moments],
        panels=[
            Panel("memory of all processes, MB", [line("proportional", "memory_mb")]),
            Panel("open descriptors", [line("descriptors", "descriptors")]),
            Panel("files, MB", [line("data file", "file_mb"), line("write-ahead log", "log_mb")]),
            Panel("reads, ms", [line("p50", "read_p50"), line("p99", "read_p99")]),
            Panel("writes, ms", [line("p50", "write_p50"), line("p99", "write_p99")]),
            Panel("answers a second", [line("answers", "per_second")]),
        ],
        marks=soak.kills,
        mark_name="kill -9 and start",
    )


def plain(soak: Soak, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """What is kept."""
    return {
        "verdicts": [verdict._asdict() for verdict in verdicts],
        "kills": soak.kills,
        "restart_seconds": soak.restarts,
        "moments": [moment._asdict() for moment in soak.moments],
        "wrong": dict(soak.log.wrong),
    }


def megabytes(path: Path) -> float:
    """The size of a file; 0 where there is none."""
    try:
        return path.stat().st_size / 1e6
    except OSError:
        return 0.0


if __name__ == "__main__":
    sys.exit(main())
