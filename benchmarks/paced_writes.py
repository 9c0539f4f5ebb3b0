"""Sends requests at a steady rate, whether answers come or not: a process beside wrk, which knows no rates.

`python -m benchmarks.paced_writes PORT REQUESTS_FILE RATE SECONDS` prints a line of JSON. Times count from the moment
when a request was due, so that what waits for a free connection is counted too.
"""

import asyncio
import json
import sys
from collections import deque
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import uvloop

from benchmarks.http_client import HttpClient

CONNECTIONS: Final = 16
TICK_SECONDS: Final = 0.001


class Pace:
    """Requests that are due, and the connections that are free to take them."""

    def __init__(self, requests: list[bytes], rate: float) -> None:
        self.rate = rate
        self.answered = 0
        self.errors = 0
        self.seconds: list[float] = []
        self._requests = cycle(requests)
        self._due: deque[float] = deque()
        self._free: list[HttpClient] = []
        self._time = asyncio.get_running_loop().time

    async def run(self, port: int, seconds: float) -> dict[str, Any]:
        """Send for so long. Returns what was measured."""
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            _, client = await loop.create_connection(
                lambda: HttpClient(self._on_answer, self._on_lost), "127.0.0.1", port
            )
            self._free.append(client)
        began = self._time()
        sent = 0
        while (passed := self._time() - began) < seconds:
            while sent < passed * self.rate:
                self._due.append(began + sent / self.rate)
                sent += 1
            self._send()
            await asyncio.sleep(TICK_SECONDS)
        return self._measured(sent, self._time() - began)

    def _send(self) -> None:
        while self._due and self._free:
            client = self._free.pop()
            client.began = self._due.popleft()
            client.send(next(self._requests))

    def _on_answer(self, client: HttpClient, status: int, _body: bytes) -> None:
        self.answered += 1
        self.errors += status != 200
        self.seconds.append(self._time() - client.began)
        self._free.append(client)
        self._send()

    def _on_lost(self, _client: HttpClient) -> None:
        self.errors += 1

    def _measured(self, due: int, seconds: float) -> dict[str, Any]:
        times = sorted(self.seconds) or [0.0]
        return {
            "due": due,
            "errors": self.errors,
            "per_second": self.answered / seconds,
            "p50_us": round(times[len(times) // 2] * 1e6),
            "p99_us": round(times[len(times) * 99 // 100] * 1e6),
        }


def read_requests(path: Path) -> list[bytes]:
    """The requests of a file, each behind a line with its length."""
    data = path.read_bytes()
    requests = []
    place = 0
    while place < len(data):
        end = data.index(b"\n", place)
        length = int(data[place:end])
        requests.append(data[end + 1 : end + 1 + length])
        place = end + 1 + length
    return requests


async def main() -> None:
    """The command line."""
    port, path, rate, seconds = sys.argv[1:]
    pace = Pace(read_requests(Path(path)), float(rate))
    print(json.dumps(await pace.run(int(port), float(seconds))))


if __name__ == "__main__":
    uvloop.run(main())
