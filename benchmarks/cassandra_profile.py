"""make bench-cassandra ARGS=--profile: where our process's time goes, in microseconds for each layer of a request.

As `make profile`, with a node of Cassandra behind real sockets. The node takes a part of the machine, so layers are
measured by the processor time of the loop's thread. Answers come in the loop that is measured: reading sockets is in
the loop's time, and of the layers only what is done with the bytes.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from benchmarks.layers import CLOCKS, Cost, Seam, crossing_cost
from benchmarks.profile_request import (
    AUTHENTICATE,
    DOOR,
    ENCODE,
    HOST,
    JSON,
    MANAGER,
    OPERATION,
    PARSE,
    SEAMS,
    SHAPE,
    WRITE,
    Bench,
    Measured,
    combined,
)
from benchmarks.sample_items import Sample
from benchmarks.signed_requests import FILLERS, raw_request
from benchmarks.text_tables import table
from magnetodb import conf
from magnetodb.service import open_service

CONNECTIONS: Final = 64
ROUNDS: Final = 5
CLOCK: Final = "processor"
REQUESTS: Final = {"get": 6_000, "put": 3_000, "gsi": 1_500}
"""Of one round."""

ROWS: Final = "driver: keys, rows"
PROTOCOL: Final = "write protocol"
SESSION: Final = "session: values bound, requests kept"
SEND: Final = "message made (cassandra-driver)"
RECEIVE: Final = "answer decoded (cassandra-driver)"
FLUSH: Final = "written to Cassandra's socket"
LAYERS: Final = (
    *(PARSE, AUTHENTICATE, DOOR, JSON, SHAPE, OPERATION, MANAGER),
    *(ROWS, PROTOCOL, SESSION, SEND, RECEIVE, FLUSH, ENCODE, WRITE),
)

SQLITE: Final = "magnetodb.storage.sqlite:", "magnetodb.storage.group_commit:"
CASSANDRA_SEAMS: Final = (
    *[seam for seam in SEAMS if not seam.owner.startswith(SQLITE)],
    Seam(ROWS, "magnetodb.storage.late_driver:LateDriver", ("get", "commit")),
    Seam(PROTOCOL, "magnetodb.storage.cassandra.detached:Detached", ("_step",)),
    Seam(
        SESSION,
        "magnetodb.storage.cassandra.connection:CassandraSession",
        ("execute", "execute_together", "read", "read_together"),
    ),
    Seam(SEND, "magnetodb.storage.cassandra.direct_messages:DirectMessages", ("send",)),
    Seam(RECEIVE, "magnetodb.storage.cassandra.loop_connection:LoopConnection", ("process_io_buffer",)),
    Seam(FLUSH, "magnetodb.storage.cassandra.loop_connection:LoopConnection", ("_flush",)),
)


async def profile(
    flags: Sequence[str], samples: dict[str, Sample], *, rounds: int = ROUNDS, scale: float = 1.0, clock: str = CLOCK
) -> tuple[dict[str, Measured], Cost]:
    """Each workload's measurements, on the table that its sample describes, which is made and filled; and what the
    instruments cost."""
    cost = crossing_cost(CLOCKS[clock])
    service = await open_service(conf.configure([*flags]))
    try:
        filling = Bench(service, connections=FILLERS)
        bench = Bench(service, connections=CONNECTIONS, layers=LAYERS, seams=CASSANDRA_SEAMS)
        found = {}
        for name, sample in samples.items():
            await filling.run([raw_request(HOST, "CreateTable", sample.create_table())])
            await filling.run([raw_request(HOST, "BatchWriteItem", body) for body in sample.batches()])
            count = max(CONNECTIONS, round(REQUESTS[name] * scale))
            pairs = []
            for number in range(rounds + 1):
                first, second = ([*islice(requests(name, sample), count)] for _ in range(2))
                pair = await bench.pair(first, CLOCKS[clock], second)
                if number:  # The first one lets the JVM compile.
                    pairs.append(pair)
            found[name] = combined(pairs, count, cost)
        return found, cost
    finally:
        await service.close()


def requests(name: str, sample: Sample) -> Iterator[bytes]:
    """Requests of a workload, without end."""
    while True:
        yield raw_request(HOST, *(sample.get() if name == "get" else sample.put()))


def report(found: dict[str, Measured], cost: Cost, names: dict[str, str]) -> str:
    """The table, and how to read it."""
    rows = [[layer, *(f"{each.layers[place]:.1f}" for each in found.values())] for place, layer in enumerate(LAYERS)]
    rows.append(["sum of the layers", *(f"{sum(each.layers):.1f}" for each in found.values())])
    rows.append(["the loop's thread without instruments", *(f"{each.plain:.1f}" for each in found.values())])
    rows.append(["other threads", *(f"{each.others:.1f}" for each in found.values())])
    rows.append(["the loop's thread with instruments", *(f"{each.instrumented:.1f}" for each in found.values())])
    rows.append(["seams crossed", *(f"{each.crossings:.1f}" for each in found.values())])
    head = ["", *(names[name] for name in found)]
    return (
        f"Microseconds for each request, {CONNECTIONS} connections without sockets, medians:\n\n{table(head, rows)}\n\n"
        f"A seam costs {(cost.inner + cost.outer) / 1000:.2f}, which is taken off the layers. What the loop's thread "
        "takes beside the layers is the event loop, and reading Cassandra's sockets."
    )
