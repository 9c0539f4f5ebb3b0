"""make profile: where the time of a request goes, in microseconds for each layer.

The real door, connections, operations and data file run in this process; sixteen clients are objects that hand their
next request to their connection when they get an answer, so that writes share commits as they do under load. Rounds
with and without instruments alternate. What sockets and the kernel take is the difference to a real server under wrk.
"""

import argparse
import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Final, NamedTuple

import uvloop

from benchmarks import machine, wrk
from benchmarks.layers import CLOCKS, Clock, Cost, Instruments, Seam, Stopwatch, corrected, crossing_cost
from benchmarks.sample_items import BATCH_ITEMS, SMALL_ITEM_BYTES, Body, Sample
from benchmarks.servers import running
from benchmarks.signed_requests import ACCESS_KEY, REGION, SECRET_KEY, Endpoint, fill, raw_request
from benchmarks.text_tables import table
from magnetodb import conf, operations
from magnetodb.api import auth, dynamodb
from magnetodb.api.http_messages import Request, Response
from magnetodb.api.server import Connection, Limits, Server
from magnetodb.api.signature import AccessKey
from magnetodb.service import Service, open_service

CONNECTIONS: Final = 16
ROUNDS: Final = 7
ITEMS: Final = 10_000
ANSWER_SECONDS_MAX: Final = 300.0
HOST: Final = "127.0.0.1:8480"

REQUESTS: Final = {"GetItem": 4000, "PutItem": 2000, "Query": 2000, "UpdateItem": 2000, "BatchWriteItem": 160}
"""Of one round."""

PARSE: Final = "connection: parse the request"
AUTHENTICATE: Final = "authentication (none)"
DOOR: Final = "door: operation, request id, metrics"
JSON: Final = "JSON of the request"
SHAPE: Final = "shape of the request"
OPERATION: Final = "operation, keys, expressions"
MANAGER: Final = "manager, index rows"
DRIVER: Final = "driver: SQLite, group commit"
ENCODE: Final = "encoding of the answer"
WRITE: Final = "connection: head and write"
LAYERS: Final = (PARSE, AUTHENTICATE, DOOR, JSON, SHAPE, OPERATION, MANAGER, DRIVER, ENCODE, WRITE)

SEAMS: Final = (
    Seam(PARSE, "magnetodb.api.server:Connection", ("data_received",)),
    Seam(WRITE, "magnetodb.api.server:Connection", ("_send",)),
    Seam(WRITE, "magnetodb.api.server:Server", ("flush",)),
    Seam(DOOR, "magnetodb.api.dynamodb:Door", ("answer",)),
    Seam(JSON, "magnetodb.api.dynamodb", ("body_parameters",)),
    Seam(ENCODE, "magnetodb.api.dynamodb", ("response",)),
    Seam(MANAGER, "magnetodb.storage.manager:StorageManager", ("get_item", "query", "write_item", "write_each")),
    Seam(MANAGER, "magnetodb.storage.manager:ItemPages", ("__anext__",)),
    Seam(DRIVER, "magnetodb.storage.sqlite:SqliteDriver", ("get", "query", "commit")),
    Seam(DRIVER, "magnetodb.storage.group_commit:GroupCommit", ("_begin", "_open", "_apply", "_commit_ended")),
)
"""Where layers meet, but for those that `instrumented` puts in by hand."""


class Measured(NamedTuple):
    """Microseconds for each request: of each layer; of the loop's thread, plain and with instruments; of the other
    threads, plain; of a server's process under wrk (None: not measured). `crossings` of seams."""

    layers: list[float]
    plain: float
    instrumented: float
    others: float
    crossings: float
    server: float | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the profile. The exit code: 0."""
    parser = argparse.ArgumentParser(prog="make profile", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="with and without instruments (%(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of requests in a round (%(default)s)")
    parser.add_argument("--seconds", type=int, default=3, help="of each load on a real server; 0: none (%(default)s)")
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall", help="of layers; on a busy machine: processor")
    options = parser.parse_args(arguments)
    print(machine.described(), flush=True)
    clock = CLOCKS[options.clock]
    cost = crossing_cost(clock)
    counts = {name: max(CONNECTIONS, round(count * options.scale)) for name, count in REQUESTS.items()}
    found, signature = uvloop.run(profile(options.rounds, counts, clock, cost))
    if options.seconds:
        wrk.check_wrk()
        served = server_microseconds(options.seconds)
        found = {name: each._replace(server=served[name]) for name, each in found.items()}
    print(report(found, signature, cost))
    kept = {"operations": {name: each._asdict() for name, each in found.items()}, "signature_us": signature}
    print(f"written to {machine.kept('profile', {'layers': LAYERS, **kept})}")
    return 0


async def profile(
    rounds: int, counts: dict[str, int], clock: Clock, cost: Cost, *, items: int = ITEMS
) -> tuple[dict[str, Measured], float]:
    """Each operation's measurements, and the microseconds that verifying a signature takes."""
    with tempfile.TemporaryDirectory(prefix="magnetodb-profile-") as directory:
        service = await open_service(conf.configure(["--data-dir", str(Path(directory) / "data")]))
        try:
            bench = Bench(service)
            sample = Sample("profiled", items)
            await bench.run([raw_request(HOST, "CreateTable", sample.create_table())])
            await bench.run([raw_request(HOST, "BatchWriteItem", body) for body in sample.batches()])
            gc.freeze()
            found = {}
            for name, count in counts.items():
                requests = [raw_request(HOST, name, body) for body in islice(bodies(sample, name), count)]
                await bench.run(requests)
                pairs = [await bench.pair(requests, clock) for _ in range(rounds)]
                found[name] = combined(pairs, count, cost)
            gets = [raw_request(HOST, "GetItem", body) for body in islice(bodies(sample, "GetItem"), 1000)]
            return found, await bench.signature_microseconds(gets)
        finally:
            await service.close()


def bodies(sample: Sample, name: str) -> Iterator[Body]:
    """Requests of an operation, without end."""
    while True:
        if name == "BatchWriteItem":
            start = sample.random.randrange(sample.items - BATCH_ITEMS)
            yield sample.batch(range(start, start + BATCH_ITEMS))
        else:
            yield MAKE[name](sample)[1]


MAKE: Final[dict[str, Callable[[Sample], tuple[str, Body]]]] = {
    "GetItem": Sample.get,
    "PutItem": Sample.put,
    "Query": Sample.query,
    "UpdateItem": Sample.update,
}


class Round(NamedTuple):
    """Seconds of processor time in the loop's thread and in the others."""

    loop: float
    others: float


class Pair(NamedTuple):
    """A round without and one with instruments."""

    plain: Round
    instrumented: Round
    stopwatch: Stopwatch


class Bench:
    """A server without sockets, and the clients that use it; its layers, and the seams between them."""

    def __init__(
        self,
        service: Service,
        *,
        connections: int = CONNECTIONS,
        layers: tuple[str, ...] = LAYERS,
        seams: tuple[Seam, ...] = SEAMS,
    ) -> None:
        self.service = service
        self.connections = connections
        self.layers = layers
        self.seams = seams
        self.server = Server(service.door, lambda: None, Limits())

    async def run(self, requests: list[bytes]) -> Round:
        """Have all requests answered. Raises RuntimeError where one is not with 200."""
        waiting = iter(requests)
        clients = [Client(self.server, waiting) for _ in range(self.connections)]
        loop, others = time.thread_time(), time.process_time()
        for client in clients:
            client.begin()
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            await asyncio.gather(*(client.ended for client in clients))
        loop, others = time.thread_time() - loop, time.process_time() - others
        for client in clients:
            client.connection.connection_lost(None)
        return Round(loop, others - loop)

    async def pair(self, requests: list[bytes], clock: Clock, again: list[bytes] | None = None) -> Pair:
        """The requests without instruments, and the same or others like them (`again`) with."""
        plain = await self.run(requests)
        stopwatch = Stopwatch(self.layers, clock)
        with Instruments(stopwatch, self.seams) as instruments:
            self.instrument(instruments)
            return Pair(plain, await self.run(again or requests), stopwatch)

    def instrument(self, instruments: Instruments) -> None:
        """The seams that are no functions of a module or a class."""
        instruments.replace(self.service.door, "_authenticate", AUTHENTICATE)
        served = operations._SERVED
        for name in REQUESTS:
            check, run, shape = served[name]
            timed_check = instruments.timed(check, SHAPE)
            instruments.put_entry(served, name, (timed_check, instruments.timed(run, OPERATION), shape))
        orjson = dynamodb.orjson
        known = {name: getattr(orjson, name) for name in ("loads", "JSONDecodeError")}
        dumps = instruments.timed(orjson.dumps, ENCODE)
        instruments.put(dynamodb, "orjson", SimpleNamespace(dumps=dumps, **known))

    async def signature_microseconds(self, raw: list[bytes]) -> float:
        """What auth = sigv4 takes more than auth = none: the median over rounds."""
        key = AccessKey(ACCESS_KEY, SECRET_KEY, "default", "admin")
        verify = auth.signed([key], region=REGION, account_id="000000000000")
        catcher = Catcher()
        server = Server(catcher, lambda: None, Limits())  # type: ignore[arg-type]
        connection = Connection(server)
        connection.connection_made(Discarding())
        for each in raw:
            connection.data_received(each)
        rounds = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            for request in catcher.requests:
                verify(request, "")
            rounds.append((time.perf_counter() - began) / len(raw) * 1e6)
        return median(rounds)


class Discarding:
    """A transport to nowhere."""

    def write(self, data: bytes) -> None:
        """Drop it."""

    def is_closing(self) -> bool:
        """Never."""
        return False

    def get_extra_info(self, name: str) -> tuple[str, int]:
        """The peer."""
        return "127.0.0.1", 1

    def pause_reading(self) -> None:
        """Nothing comes but what is handed over."""

    def resume_reading(self) -> None:
        """Likewise."""


class Catcher:
    """A door that keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    async def answer(self, request: Request) -> Response:
        """Nothing."""
        self.requests.append(request)
        return Response(200, [], b"")


class Client(Discarding):
    """A client in a closed loop: takes the next of the requests that it shares with others when it has its answer.
    `ended` is done when there is none left."""

    def __init__(self, server: Server, requests: Iterator[bytes]) -> None:
        self.loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self.loop.create_future()
        self.requests = requests
        self.connection = Connection(server)
        self.connection.connection_made(self)

    def begin(self) -> None:
        """Send the first request, or the next one."""
        request = next(self.requests, None)
        if request is None:
            self.ended.set_result(None)
        else:
            self.loop.call_soon(self.connection.data_received, request)

    def write(self, data: bytes) -> None:
        """An answer."""
        if not data.startswith(b"HTTP/1.1 200 ") and not self.ended.done():
            self.ended.set_exception(RuntimeError(f"unexpected answer {data[-300:]!r}"))
            return
        self.begin()


def combined(pairs: Sequence[Pair], count: int, cost: Cost) -> Measured:
    """Medians over the rounds, for each request."""
    layers = [corrected(pair.stopwatch, cost) for pair in pairs]
    return Measured(
        layers=[median(values) / count / 1000 for values in zip(*layers, strict=True)],
        plain=median([pair.plain.loop for pair in pairs]) / count * 1e6,
        instrumented=median([pair.instrumented.loop for pair in pairs]) / count * 1e6,
        others=median([pair.plain.others for pair in pairs]) / count * 1e6,
        crossings=median([sum(pair.stopwatch.entered) for pair in pairs]) / count,
    )


def server_microseconds(seconds: int) -> dict[str, float]:
    """Processor time of a real server under wrk, user and system, for each request."""
    found = {}
    sample = Sample("profiled", ITEMS)
    with running("ours") as server:
        endpoint = Endpoint(server.url)
        endpoint.create(sample)
        endpoint.close()
        fill(server.url, sample, SMALL_ITEM_BYTES)
        for name, count in REQUESTS.items():
            of_name = bodies(sample, name)

            def make(name: str = name, of_name: Iterator[Body] = of_name) -> tuple[str, Body]:
                return name, next(of_name)

            load = wrk.measured(server, make, different=count, seconds=seconds, connections=CONNECTIONS)
            found[name] = load.server_cpu_percent / 100 / load.per_second * 1e6
    return found


def report(found: dict[str, Measured], signature: float, cost: Cost) -> str:
    """The table, and how to read it."""
    rows = [[layer, *(f"{each.layers[place]:.1f}" for each in found.values())] for place, layer in enumerate(LAYERS)]
    rows.append(["sum of the layers", *(f"{sum(each.layers):.1f}" for each in found.values())])
    rows.append(["the loop's thread without instruments", *(f"{each.plain:.1f}" for each in found.values())])
    rows.append(["other threads: COMMIT", *(f"{each.others:.1f}" for each in found.values())])
    rows.append(["the loop's thread with instruments", *(f"{each.instrumented:.1f}" for each in found.values())])
    rows.append(["seams crossed", *(f"{each.crossings:.1f}" for each in found.values())])
    if all(each.server is not None for each in found.values()):
        rows.append(["a server's process under wrk", *(f"{each.server:.1f}" for each in found.values())])
        rows.append(["of it sockets and event loop", *(f"{sockets(each):.1f}" for each in found.values())])
    crossing = (cost.inner + cost.outer) / 1000
    return (
        f"Microseconds for each request, {CONNECTIONS} connections, medians:\n\n{table(['', *found], rows)}\n\n"
        f"With auth = sigv4 a request takes {signature:.1f} more. A seam costs {crossing:.2f}, which is taken off the "
        "layers. By the wall's clock they contain what the COMMIT thread and other processes take; threads and "
        "processes are measured by their processor time."
    )


def sockets(found: Measured) -> float:
    """What a server's process takes beside what was measured without sockets."""
    assert found.server is not None
    return found.server - found.plain - found.others


if __name__ == "__main__":
    sys.exit(main())
