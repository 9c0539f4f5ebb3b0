"""How cost grows: with connections, the size of items, the items of a table, its indexes, the items of a partition, the
number of tables. Each part measures one of them and returns its table."""

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks import run_load, servers, wrk
from benchmarks.sample_items import SMALL_ITEM_BYTES, Sample
from benchmarks.servers import Choices, Server, running
from benchmarks.signed_requests import Endpoint, fill
from benchmarks.text_tables import table

CONNECTIONS: Final = (1, 4, 16, 64, 256)
ITEM_BYTES: Final = {400: 10_000, 4_000: 5_000, 100_000: 500}
"""Sizes of items, and how many are stored."""

TABLE_ITEMS: Final = (10_000, 1_000_000)
INDEXES: Final = (0, 1, 5, 20)
PARTITION_ITEMS: Final = (10, 1_000, 100_000)
TABLES: Final = (1, 1_000)

ITEMS: Final = 10_000
DIFFERENT_BYTES_MAX: Final = 200_000_000
DIFFERENT_MAX: Final = 100_000
"""Different requests of one load, unless fewer are asked for: many more than are cached."""

Makes = dict[str, wrk.MakeRequest]
"""What makes the requests of each workload."""

Found = list[dict[str, Any]]
"""A figure each: what was varied, the server, the workload, and what was measured."""


class Plan(NamedTuple):
    """How a part is measured."""

    seconds: int
    servers: Sequence[str]
    choices: Choices
    run_load: Path | None
    data_dir: Path | None
    counts: Sequence[int]
    note: Callable[[str], None]
    different: int = DIFFERENT_MAX


def connections(plan: Plan) -> Found:
    """GetItem and PutItem over more and more connections."""
    found: Found = []
    path = run_load.path_of(plan.run_load)
    for count in plan.counts or CONNECTIONS:
        for name in plan.servers:
            with running(name, plan.choices, plan.data_dir) as server:
                loads = run_load.measured(path, server, ("get", "put"), seconds=plan.seconds, connections=count)
            for workload, load in loads.items():
                add(plan, found, "connections", count, name, workload, load)
    return found


def item_sizes(plan: Plan) -> Found:
    """GetItem and PutItem of larger and larger items."""
    found: Found = []
    for size in plan.counts or ITEM_BYTES:
        sample = Sample("sizes", ITEM_BYTES.get(size, 1_000))
        makes: Makes = {"get": sample.get, "put": partial(sample.put, size)}
        for name in plan.servers:
            with running(name, plan.choices, plan.data_dir) as server:
                prepare(server, sample, size)
                measure(plan, found, server, "item bytes", size, makes, size)
    return found


def table_items(plan: Plan) -> Found:
    """Requests of single items in larger and larger tables."""
    found: Found = []
    for count in plan.counts or TABLE_ITEMS:
        sample = Sample("growing", count)
        makes = {"get": sample.get, "query": sample.query, "put": sample.put, "update": sample.update}
        for name in plan.servers:
            with running(name, plan.choices, plan.data_dir) as server:
                plan.note(f"{count:,} items in {name}: stored {prepare(server, sample):,.0f} a second")
                measure(plan, found, server, "items", count, makes)
    return found


def indexes(plan: Plan) -> Found:
    """Writes into tables with more and more global indexes."""
    found: Found = []
    for count in plan.counts or INDEXES:
        sample = Sample("indexed", ITEMS, indexes=count)
        makes = {"get": sample.get, "put": sample.put, "update": sample.update}
        for name in plan.servers:
            with running(name, plan.choices, plan.data_dir) as server:
                prepare(server, sample)
                measure(plan, found, server, "indexes", count, makes)
    return found


def partition_items(plan: Plan) -> Found:
    """Requests in larger and larger partitions of a table that stays the same."""
    found: Found = []
    counts = plan.counts or PARTITION_ITEMS
    for count in counts:
        sample = Sample("partitioned", max(counts), rows=count)
        makes: Makes = {
            "get": sample.get,
            "put": sample.put,
            "query": sample.query,
            "query, last items": partial(sample.query, last=True),
        }
        for name in plan.servers:
            with running(name, plan.choices, plan.data_dir) as server:
                prepare(server, sample)
                measure(plan, found, server, "items in a partition", count, makes)
    return found


def tables(plan: Plan) -> Found:
    """The same items in more and more tables, and the start of a server that has them."""
    found: Found = []
    for count in plan.counts or TABLES:
        samples = [Sample(f"table{number:05d}", max(1, ITEMS // count)) for number in range(count)]
        for name in plan.servers:
            with tempfile.TemporaryDirectory(prefix="magnetodb-bench-", dir=plan.data_dir) as directory:
                found += of_tables(plan, name, Path(directory), samples)
    return found


def of_tables(plan: Plan, name: str, directory: Path, samples: list[Sample]) -> Found:
    """One server with so many tables."""
    found: Found = []
    count = len(samples)
    choose = samples[0].random.choice
    makes = {"get": lambda: choose(samples).get(), "put": lambda: choose(samples).put()}
    server = servers.start(name, directory, plan.choices)
    try:
        for sample in samples:
            prepare(server, sample)
        measure(plan, found, server, "tables", count, makes)
        memory = server.usage().resident_bytes / 1e6
    finally:
        server.stop()
    restarted = servers.start(name, directory, plan.choices)
    restarted.stop()
    plan.note(f"{count:,} tables in {name}: {memory:.0f} MB, starts in {restarted.start_seconds:.2f} s")
    return found


def prepare(server: Server, sample: Sample, size: int = SMALL_ITEM_BYTES) -> float:
    """Make the table and fill it. Returns the items stored in a second."""
    endpoint = Endpoint(server.url)
    endpoint.create(sample)
    endpoint.close()
    return fill(server.url, sample, size)


def measure(
    plan: Plan,
    found: Found,
    server: Server,
    varied: str,
    value: int,
    makes: Makes,
    size: int = SMALL_ITEM_BYTES,
) -> None:
    """Measure all workloads of a prepared server."""
    different = min(plan.different, DIFFERENT_BYTES_MAX // (2 * size))
    for workload, make in makes.items():
        load = wrk.measured(server, make, different=different, seconds=plan.seconds)
        add(plan, found, varied, value, server.name, workload, load._asdict())


def add(plan: Plan, found: Found, varied: str, value: int, server: str, workload: str, load: dict[str, Any]) -> None:
    """Keep a figure and show it."""
    found.append({"varied": varied, "value": value, "server": server, "workload": workload, **load})
    errors = f", {load['errors']} errors" if load["errors"] else ""
    plan.note(
        f"{value:,} {varied}, {server}, {workload}: {load['per_second']:,.0f} a second, "
        f"p99 {load['p99_us'] / 1000:.2f} ms{errors}"
    )


def report(found: Found) -> str:
    """Requests a second and p50 / p99 / p99.9: a line for each server and workload, a column for each value."""
    values = list(dict.fromkeys(figure["value"] for figure in found))
    lines = list(dict.fromkeys((figure["server"], figure["workload"]) for figure in found))
    by_place = {(figure["server"], figure["workload"], figure["value"]): figure for figure in found}
    rows = [
        [f"{server}, {workload}", *(cell(by_place.get((server, workload, value))) for value in values)]
        for server, workload in lines
    ]
    varied = found[0]["varied"] if found else ""
    head = [varied, *(f"{value:,}" for value in values)]
    return f"Requests a second · p50 / p99 / p99.9 in milliseconds:\n\n{table(head, rows)}"


def cell(figure: dict[str, Any] | None) -> str:
    """A figure."""
    if figure is None:
        return ""
    times = " / ".join(f"{figure[name] / 1000:.2f}" for name in ("p50_us", "p99_us", "p999_us"))
    return f"{figure['per_second']:,.0f} · {times}"
