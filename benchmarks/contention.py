"""What writes do to reads: the time of GetItem alone, and while PutItem runs at half of its peak."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks import wrk
from benchmarks.sample_items import SMALL_ITEM_BYTES, Sample
from benchmarks.servers import ROOT, Server
from benchmarks.signed_requests import Endpoint, fill, raw_request

ITEMS: Final = 10_000
DIFFERENT_REQUESTS: Final = 5_000
READ_CONNECTIONS: Final = (1, 16)
WRITES_HEAD_START_SECONDS: Final = 1.0


class Contention(NamedTuple):
    """`alone` and `beside` by the number of connections that read; `writes` is what the paced writer measured."""

    peak_per_second: float
    alone: dict[int, wrk.Load]
    beside: dict[int, wrk.Load]
    writes: dict[int, dict[str, Any]]

    def ratio(self, connections: int) -> float:
        """How much longer the p99 of GetItem is beside writes."""
        return self.beside[connections].p99_us / max(1, self.alone[connections].p99_us)


def measured(server: Server, seconds: float) -> Contention:
    """Measure a server that has no other load: a table of its own, filled, read alone, written, read beside writes."""
    read, written = Sample("contention_read", ITEMS), Sample("contention_written", ITEMS)
    endpoint = Endpoint(server.url)
    for sample in (read, written):
        endpoint.create(sample)
        fill(server.url, sample, SMALL_ITEM_BYTES)
    alone = {count: reads(server, read, seconds, count) for count in READ_CONNECTIONS}
    peak = wrk.measured(server, written.put, different=DIFFERENT_REQUESTS, seconds=seconds).per_second
    beside, writes = {}, {}
    for count in READ_CONNECTIONS:
        with PacedWriter(server, written, peak / 2, seconds + 2 + WRITES_HEAD_START_SECONDS) as writer:
            beside[count] = reads(server, read, seconds, count)
            writes[count] = writer.result()
    endpoint.close()
    return Contention(peak, alone, beside, writes)


def reads(server: Server, sample: Sample, seconds: float, connections: int) -> wrk.Load:
    """GetItem in a closed loop."""
    return wrk.measured(server, sample.get, different=DIFFERENT_REQUESTS, seconds=seconds, connections=connections)


class PacedWriter:
    """A process that writes at a rate; it ends by itself after `seconds`, or with the block."""

    def __init__(self, server: Server, sample: Sample, rate: float, seconds: float) -> None:
        self._file = tempfile.NamedTemporaryFile(prefix="requests-")  # noqa: SIM115 - Closed by __exit__.
        host = server.url.removeprefix("http://")
        for _ in range(DIFFERENT_REQUESTS):
            request = raw_request(host, *sample.put())
            self._file.write(b"%d\n%b" % (len(request), request))
        self._file.flush()
        command = [sys.executable, "-m", "benchmarks.paced_writes", str(server.port), self._file.name]
        self._process = subprocess.Popen(
            [*command, str(rate), str(seconds)], stdout=subprocess.PIPE, text=True, cwd=Path(ROOT)
        )
        self._seconds = seconds

    def __enter__(self) -> "PacedWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._file.close()

    def result(self) -> dict[str, Any]:
        """Wait for its end. Raises SystemExit where it failed."""
        output, _ = self._process.communicate(timeout=self._seconds + wrk.END_SECONDS_MAX)
        if self._process.returncode:
            raise SystemExit("The paced writer failed.")
        found: dict[str, Any] = json.loads(output)
        return found
