"""Runs wrk, a load generator in C, over requests that are signed before: one thread, a closed loop on each connection.

Used where `run-load` has no workload: other sizes of items, of tables, of partitions, other numbers of indexes.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.sample_items import Body
from benchmarks.servers import Server
from benchmarks.signed_requests import raw_request

SCRIPT: Final = Path(__file__).with_name("replay.lua")
MARK: Final = "MEASURED "
ANSWER_SECONDS_MAX: Final = 10
END_SECONDS_MAX: Final = 60
"""What wrk may take beyond the time it measures: it reads its requests first."""

MakeRequest = Callable[[], tuple[str, Body]]
"""The operation and the body of the next request."""


class Load(NamedTuple):
    """What was measured; `server_cpu_percent` of one core."""

    per_second: float
    p50_us: int
    p99_us: int
    p999_us: int
    max_us: int
    errors: int
    server_cpu_percent: float


def check_wrk() -> None:
    """Raises SystemExit where wrk is not installed."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing; on Debian and Ubuntu: apt-get install wrk.")


def measured(
    server: Server, make: MakeRequest, *, different: int, seconds: float, warm: float = 1, connections: int = 16
) -> Load:
    """Replay so many different requests. Raises SystemExit where wrk fails."""
    host = server.url.removeprefix("http://")
    with tempfile.NamedTemporaryFile(prefix="requests-") as file:
        for _ in range(different):
            request = raw_request(host, *make())
            file.write(b"%d\n%b" % (len(request), request))
        file.flush()
        if warm:
            replayed(server.url, file.name, warm, connections)
        before = server.usage().cpu_seconds
        found = replayed(server.url, file.name, seconds, connections)
    cpu_seconds = server.usage().cpu_seconds - before
    rate = found.pop("requests") / found["seconds"]
    return Load(per_second=rate, server_cpu_percent=100 * cpu_seconds / found.pop("seconds"), **found)


def replayed(url: str, requests: str, seconds: float, connections: int) -> dict[str, Any]:
    """Run wrk once on a file of requests."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", f"{ANSWER_SECONDS_MAX}s"]
    command += ["-s", str(SCRIPT), url, "--", requests]
    limit = seconds + END_SECONDS_MAX
    run = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    for line in run.stdout.splitlines():
        if line.startswith(MARK):
            found: dict[str, Any] = json.loads(line.removeprefix(MARK))
            return found
    raise SystemExit(f"wrk failed: {run.stdout[-300:]} {run.stderr[-300:]}")
