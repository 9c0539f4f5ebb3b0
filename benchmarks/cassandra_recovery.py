"""How long recovery takes: a server is killed while ten thousand items are decided whose index rows are not written.

No server has so many requests in hand. So this program is one that stops short: it does the real commits of a real
service, and where the logged batch of the index rows should go out it waits for ever. Then it kills itself.
"""

import argparse
import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import uvloop

from benchmarks import servers
from benchmarks.sample_items import Item, Sample
from benchmarks.servers import ROOT, Choices
from magnetodb import conf
from magnetodb.api.auth import NOBODYS_PROJECT
from magnetodb.model.items import StoredItem, canonical_item
from magnetodb.service import Service, open_service
from magnetodb.storage.cassandra.session import Call, Kind, Result, Session
from magnetodb.storage.leases import Lease
from magnetodb.storage.tables import TableInfo

INTENTS: Final = 10_000
SIDE_BY_SIDE: Final = 64
LEAVE_SECONDS_MAX: Final = 300.0
RECOVER_SECONDS_MAX: Final = 300.0
POLL_SECONDS: Final = 0.05

DONE: Final = re.compile(r"Recovery: (\d+) intents done, (\d+) left")
"""What a server logs of each of its runs that found something."""


class Recovered(NamedTuple):
    """Seconds from the kill, and from the start of the server that recovers, until all intents are done with. `found`
    by that server, which had so many `processor_seconds`. `clean`: what `index check` says then."""

    intents: int
    from_kill: float
    from_start: float
    found: int
    processor_seconds: float
    clean: bool


class StoppingShort:
    """A session whose logged batches are never sent, nor answered. `left` counts them."""

    def __init__(self, session: Session, stopped: asyncio.Semaphore) -> None:
        self._session = session
        self._stopped = stopped
        self.left = 0

    async def execute(self, call: Call) -> Result:
        """See Session."""
        if call.kind is Kind.LOGGED:
            self.left += 1
            self._stopped.release()
            await asyncio.get_running_loop().create_future()
        return await self._session.execute(call)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


async def leave(configuration: Any, sample: Sample, count: int) -> None:
    """Write so many items of the table up to the point where their index rows should follow, and do not return."""
    service = await open_service(configuration)
    turns = asyncio.Semaphore(SIDE_BY_SIDE)
    stopping = stop_short(service, turns)
    info = await service.cell.tables.get(NOBODYS_PROJECT, sample.table)
    writes = set()
    for number in range(count):
        await turns.acquire()
        writes.add(asyncio.create_task(write(service, info, sample.item(sample.key(number)))))
    async with asyncio.timeout(LEAVE_SECONDS_MAX):
        for _ in range(SIDE_BY_SIDE):
            await turns.acquire()
    failed = [write.exception() for write in writes if write.done()]
    if failed or stopping.left != count:
        raise SystemExit(f"{stopping.left} intents were left, not {count}: {failed[:3]}")
    # A server that is killed was the one that ran the job, for all that the next one can know.
    lease = Lease(service.driver, "recover", owner=f"killed/{os.getpid()}", clock=time.time)
    if not await lease.hold({"status": "idle"}):
        raise SystemExit("another server runs the recovery")
    print(stopping.left, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


async def write(service: Service, info: TableInfo, item: Item) -> None:
    """PutItem."""
    new = StoredItem.from_item(*canonical_item(item))
    key = info.keys.row_key(new.item)
    assert key is not None
    await service.cell.manager.write_item(info, key, lambda _: new)


def stop_short(service: Service, stopped: asyncio.Semaphore) -> StoppingShort:
    """Have the service write no hidden rows any more."""
    driver: Any = service.driver
    hidden = driver._there()._committer._equipment.hidden
    stopping = StoppingShort(hidden._session, stopped)
    hidden._session = stopping
    return stopping


def measured(sample: Sample, flags: Sequence[str], directory: Path, count: int = INTENTS) -> Recovered:
    """Leave so many intents in a table that is filled, start a server, and wait until they are done with. No other
    server may run. Raises SystemExit where that fails."""
    left = run_leave(sample, flags, count)
    killed = time.perf_counter()
    log = directory / "server.log"
    log.unlink(missing_ok=True)
    began = time.perf_counter()
    server = servers.start("ours", directory, Choices((*flags, "--log-level", "info")))
    try:
        while True:
            found, unfinished = told(log.read_text(errors="replace"))
            if found >= left and not unfinished:
                break
            if time.perf_counter() - began > RECOVER_SECONDS_MAX:
                raise SystemExit(f"after {RECOVER_SECONDS_MAX:.0f} s {found} of {left} intents were recovered")
            time.sleep(POLL_SECONDS)
        ended, processor = time.perf_counter(), server.usage().cpu_seconds
    finally:
        server.stop()
    return Recovered(left, ended - killed, ended - began, found, processor, is_clean(sample, flags))


def run_leave(sample: Sample, flags: Sequence[str], count: int) -> int:
    """Run this program; how many intents it has left."""
    command = [sys.executable, "-m", "benchmarks.cassandra_recovery", sample.table, str(sample.rows), str(count)]
    run = subprocess.run([*command, "--", *flags], cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode != -signal.SIGKILL or not run.stdout.strip().isdigit():
        raise SystemExit(f"no intents were left: {run.stdout[-300:]} {run.stderr[-1500:]}")
    return int(run.stdout)


def told(log: str) -> tuple[int, int]:
    """Of a server's log: the intents that recovery is done with, and those that its last run has left."""
    runs = [(int(done), int(left)) for done, left in DONE.findall(log)]
    return sum(done for done, _ in runs), runs[-1][1] if runs else 0


def is_clean(sample: Sample, flags: Sequence[str]) -> bool:
    """Whether `index check` finds every index row right."""
    command = [sys.executable, "-m", "magnetodb.commands.manage", "index", "check", sample.table, *flags]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return run.returncode == 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Leaves intents, and does not return."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cassandra_recovery", description=__doc__)
    parser.add_argument("table")
    parser.add_argument("rows", type=int, help="in each partition")
    parser.add_argument("count", type=int)
    parser.add_argument("flags", nargs="*", help="flags of magnetodb-api, behind --")
    chosen = parser.parse_args(arguments)
    sample = Sample(chosen.table, chosen.count, rows=chosen.rows, indexes=2)
    sample.random.seed()
    configuration = conf.configure(chosen.flags)
    configuration.set_override("run_jobs", False)
    uvloop.run(leave(configuration, sample, chosen.count))
    return 1


if __name__ == "__main__":
    sys.exit(main())
