"""make bench-cassandra: what we add to the statements that a read or a write needs, and how long recovery takes.

One node, started for this. In alternating rounds the raw driver and our servers do the same on the same tables: what
each of the raw driver's processes sends is what our own driver sends for one request.
"""

import argparse
import contextlib
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import uvloop

from benchmarks import cassandra_profile, cassandra_recovery, machine, wrk
from benchmarks.cassandra_report import ONE, RAW, TWO, WORKLOAD_NAMES, Measured, Rounds, report
from benchmarks.processes import TICKS_PER_SECOND, usage
from benchmarks.sample_items import SMALL_ITEM_BYTES, Sample
from benchmarks.servers import ROOT, Choices, Server, start
from benchmarks.signed_requests import Endpoint, fill, raw_request
from tools.cassandra.addresses import free_address
from tools.cassandra.cluster import Cluster
from tools.cassandra.settings import Settings

ROUNDS: Final = 5
SECONDS: Final = 5
WARM_SECONDS: Final = 1.0
ITEMS: Final = 5_000
ROWS_PER_PARTITION: Final = 5
SETTLE_SECONDS_MAX: Final = 10.0
SETTLE_POLL_SECONDS: Final = 0.5
SETTLED_PERCENT: Final = 20.0
"""Of a core: what an idle node takes at most."""

IN_FLIGHT: Final = 64
DIFFERENT: Final = 6_000
"""Requests of one load. A PutItem that is sent again puts what is there, and changes no index."""

WARM_DIFFERENT: Final = 1_000
WORKLOADS: Final = {"get": ("gets", 0), "put": ("puts", 0), "gsi": ("indexed", 2)}
"""Their tables, and the number of global indexes."""

INDEXED: Final = "indexed"
OTHERS: Final = "_of_others"
"""Behind the name of a table that others than one server of ours write: such a server knows what it has written."""

SERVER_FLAGS: Final[dict[str, tuple[str, ...]]] = {ONE: (), TWO: ("--workers", "2")}


class Bench(NamedTuple):
    """The node, our servers on it, and what is asked of them."""

    options: argparse.Namespace
    cluster: Cluster
    servers: dict[str, Server]
    samples: dict[str, Sample]

    @property
    def node_pid(self) -> int:
        """Cassandra's process."""
        process = self.cluster.nodes[0].process()
        assert process is not None
        return process.pid

    @property
    def contenders(self) -> list[str]:
        """Who is measured."""
        return [RAW, *self.servers]


class Clocks(NamedTuple):
    """Seconds of processor time up to now: of Cassandra, of a contender, of loads that have ended, of everything."""

    wall: float
    cassandra: float
    own: float
    loads: float
    busy: float


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 1 with a message where something is missing."""
    options = parsed(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # So that the node and the servers end with this.
    wrk.check_wrk()
    say(machine.described())
    if options.profile:
        return profiled(options)
    rounds: Rounds = {}
    recovered: list[cassandra_recovery.Recovered] = []
    try:
        measure(options, rounds, recovered)
    finally:  # What was measured before it was ended is worth telling.
        kept = {"rounds": plain(rounds), "recovered": [each._asdict() for each in recovered]}
        say(f"\n{report(rounds, recovered)}\n\nwritten to {machine.kept('cassandra', kept)}")
    return 0


def measure(options: argparse.Namespace, rounds: Rounds, recovered: list[cassandra_recovery.Recovered]) -> None:
    """Fill in what is measured, as it is."""
    with (
        temporary_directory() as directory,
        Cluster(directory / "cassandra", Settings(address=free_address())) as cluster,
    ):
        with benched(options, cluster, directory) as bench:
            if options.rounds:
                measure_rounds(bench, rounds)
        sample = sample_of(options, INDEXED)
        for number in range(options.recoveries):
            found = cassandra_recovery.measured(sample, flags_of(cluster), directory, options.intents)
            recovered.append(found)
            say(f"recovery {number + 1} of {options.recoveries}: {found}")


def profiled(options: argparse.Namespace) -> int:
    """Print the profile. The exit code: 0."""
    samples = {each: sample_of(options, table_of(each, ONE)) for each in options.only}
    with (
        temporary_directory() as directory,
        Cluster(directory / "cassandra", Settings(address=free_address())) as cluster,
    ):
        flags = (*flags_of(cluster), "--cassandra-create-schema")
        found, cost = uvloop.run(cassandra_profile.profile(flags, samples, rounds=options.rounds))
    say(f"\n{cassandra_profile.report(found, cost, WORKLOAD_NAMES)}\n")
    kept = {"layers": cassandra_profile.LAYERS, "workloads": {name: each._asdict() for name, each in found.items()}}
    say(f"written to {machine.kept('cassandra-profile', kept)}")
    return 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make bench-cassandra", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=ROUNDS, help="after one that is not counted; 0: recovery only (%(default)s)")
    add("--seconds", type=int, default=SECONDS, help="of each load (%(default)s)")
    add("--items", type=int, default=ITEMS, help="in each table (%(default)s)")
    add("--only", type=words, default=tuple(WORKLOADS), help="workloads, separated by commas (all)")
    add("--workers", type=int, choices=(1, 2), default=2, help="1: no server of two processes (%(default)s)")
    add("--recoveries", type=int, default=1, help="how often recovery is measured (%(default)s)")
    add("--profile", action="store_true", help="only this: where the time of our process goes, layer by layer")
    add("--intents", type=int, default=cassandra_recovery.INTENTS, help="that a killed server leaves (%(default)s)")
    return parser.parse_args(arguments)


def words(text: str) -> tuple[str, ...]:
    """What stands between commas. Raises ArgumentTypeError."""
    found = tuple(text.split(","))
    if unknown := set(found) - WORKLOADS.keys():
        raise argparse.ArgumentTypeError(f"no workload: {', '.join(sorted(unknown))}")
    return found


@contextlib.contextmanager
def temporary_directory() -> Iterator[Path]:
    """A directory that is removed with the block."""
    with tempfile.TemporaryDirectory(prefix="magnetodb-bench-cassandra-") as directory:
        yield Path(directory)


def say(text: str) -> None:
    """Progress at once, also into a pipe."""
    print(text, flush=True)


def flags_of(cluster: Cluster) -> tuple[str, ...]:
    """How programs of ours find the cluster."""
    return (
        *("--storage", "cassandra"),
        *("--cassandra-contact-points", ",".join(cluster.contact_points)),
        *("--cassandra-port", str(cluster.port)),
    )


@contextlib.contextmanager
def benched(options: argparse.Namespace, cluster: Cluster, directory: Path) -> Iterator[Bench]:
    """The servers, and their tables filled."""
    contenders = [RAW, *SERVER_FLAGS] if options.rounds else []
    tables = {table_of(workload, name) for workload in options.only for name in contenders}
    if options.recoveries:
        tables.add(table_of("gsi", ONE))
    samples = {name: sample_of(options, name) for name in sorted(tables)}
    with contextlib.ExitStack() as undo:
        servers: dict[str, Server] = {}
        for name, more in SERVER_FLAGS.items():
            if name == ONE or (options.workers > 1 and options.rounds):
                own = directory / name.replace(" ", "-")
                own.mkdir()
                flags = (*flags_of(cluster), "--cassandra-create-schema", *more)
                servers[name] = start("ours", own, Choices(flags))
                undo.callback(servers[name].stop)
        endpoint = Endpoint(servers[ONE].url)
        for sample in samples.values():
            endpoint.create(sample)
            rate = fill(servers[ONE].url, sample, SMALL_ITEM_BYTES)
            say(f"table {sample.table} filled: {rate:,.0f} items a second")
        endpoint.close()
        yield Bench(options, cluster, servers, samples)


def table_of(workload: str, contender: str) -> str:
    """The table on which a contender works."""
    name, _ = WORKLOADS[workload]
    return name if workload == "get" or contender == ONE else name + OTHERS


def sample_of(options: argparse.Namespace, table: str) -> Sample:
    """The items of a table."""
    indexes = dict(WORKLOADS.values())[table.removesuffix(OTHERS)]
    return Sample(table, options.items, rows=ROWS_PER_PARTITION, indexes=indexes)


def measure_rounds(bench: Bench, rounds: Rounds) -> None:
    """Run all rounds. The first one lets the JVM compile and is not counted."""
    rounds |= {workload: {name: [] for name in bench.contenders} for workload in bench.options.only}
    for number in range(bench.options.rounds + 1):
        shift = number % len(bench.contenders)
        order = bench.contenders[shift:] + bench.contenders[:shift]
        for workload in bench.options.only:
            found = {name: one(bench, workload, name, number) for name in order}
            if number:
                for name, each in found.items():
                    rounds[workload][name].append(each)
            rates = ", ".join(f"{name} {found[name].per_second:,.0f}" for name in bench.contenders)
            say(f"round {number or '(warm)'} of {bench.options.rounds}, {workload}: {rates}")


def one(bench: Bench, workload: str, name: str, seed: int) -> Measured:
    """One contender under one load."""
    settle(bench)
    if name == RAW:
        return raw(bench, workload, seed)
    return served(bench, workload, name)


def settle(bench: Bench) -> None:
    """Wait until Cassandra has dealt with what the load before has left to it, memtables and compactions: the next one
    shall not pay for them."""
    until = time.monotonic() + SETTLE_SECONDS_MAX
    while time.monotonic() < until:
        before = usage(bench.node_pid).cpu_seconds
        time.sleep(SETTLE_POLL_SECONDS)
        if 100 * (usage(bench.node_pid).cpu_seconds - before) / SETTLE_POLL_SECONDS < SETTLED_PERCENT:
            return


def raw(bench: Bench, workload: str, seed: int) -> Measured:
    """The raw driver, in a process of its own. Raises SystemExit where it fails."""
    sample = bench.samples[table_of(workload, RAW)]
    command = [sys.executable, "-m", "benchmarks.cassandra_raw", workload, "--table", sample.table]
    command += ["--indexes", str(len(sample.index_names)), "--rows", str(sample.rows)]
    command += ["--contact-point", bench.cluster.contact_points[0], "--port", str(bench.cluster.port)]
    command += ["--items", str(bench.options.items), "--seed", str(seed), "--in-flight", str(IN_FLIGHT)]
    command += ["--warm", str(WARM_SECONDS), "--seconds", str(bench.options.seconds)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        began = ended = None
        found: dict[str, Any] = {}
        for line in process.stdout:
            if line == "measuring\n":
                began = clocks(bench, process.pid)
            elif line == "measured\n":
                ended = clocks(bench, process.pid)
            else:
                found = json.loads(line)
        errors = process.stderr.read()
    if process.returncode or began is None or ended is None:
        raise SystemExit(f"the raw driver failed: {errors[-1500:]}")
    if found["errors"]:
        say(f"the raw driver had {found['errors']} errors, the last one {found['last_error']}")
    return of(found, began, ended)


def served(bench: Bench, workload: str, name: str) -> Measured:
    """A server under wrk."""
    server, sample = bench.servers[name], bench.samples[table_of(workload, name)]
    with tempfile.TemporaryDirectory(prefix="requests-") as directory:
        warm, main_file = Path(directory) / "warm", Path(directory) / "measured"
        for path, different in ((warm, WARM_DIFFERENT), (main_file, DIFFERENT)):
            with path.open("wb") as file:
                for _ in range(different):
                    request = raw_request(server.url.removeprefix("http://"), *made(sample, workload))
                    file.write(b"%d\n%b" % (len(request), request))
        wrk.replayed(server.url, str(warm), WARM_SECONDS, IN_FLIGHT)
        began = clocks(bench, server.pid)
        found = wrk.replayed(server.url, str(main_file), bench.options.seconds, IN_FLIGHT)
        ended = clocks(bench, server.pid)
    found["per_second"] = found["requests"] / found["seconds"]
    return of(found, began, ended)


def made(sample: Sample, workload: str) -> Any:
    """The operation and body of one request."""
    return sample.get() if workload == "get" else sample.put()


def clocks(bench: Bench, own: int) -> Clocks:
    """Up to now."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    fields = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return Clocks(
        time.perf_counter(),
        usage(bench.node_pid).cpu_seconds,
        usage(own).cpu_seconds,
        children.ru_utime + children.ru_stime,
        (sum(fields) - fields[3] - fields[4]) / TICKS_PER_SECOND,
    )


def of(found: dict[str, Any], began: Clocks, ended: Clocks) -> Measured:
    """The figures of a load, with what it took of the processor."""
    wall, cassandra, own, loads, busy = (100 * (late - early) for early, late in zip(began, ended, strict=True))
    share = 100 / wall
    return Measured(
        found["per_second"],
        found["p50_us"],
        found["p99_us"],
        found["errors"],
        own * share,
        loads * share,
        cassandra * share,
        (busy - cassandra - own - loads) * share,
    )


def plain(rounds: Rounds) -> dict[str, Any]:
    """As JSON has it."""
    return {
        workload: {name: [each._asdict() for each in some] for name, some in found.items()}
        for workload, found in rounds.items()
    }


if __name__ == "__main__":
    sys.exit(main())
