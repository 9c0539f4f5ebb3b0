"""The raw driver: cassandra-driver in one process, `execute_async` with so many requests in flight, the statements that
our own driver sends for one GetItem or PutItem. What it measures goes to standard output, as JSON.

It is as fast as the driver can be: prepared statements, tuples for rows, version 4 of the protocol, each next statement
sent from the callback of the one before, so that no thread waits for another.
"""

import argparse
import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from random import Random, getrandbits
from typing import Any, Final

from cassandra import ConsistencyLevel
from cassandra.cluster import Cluster, ExecutionProfile, Session
from cassandra.policies import DCAwareRoundRobinPolicy, FallthroughRetryPolicy, TokenAwarePolicy
from cassandra.query import BatchStatement, BatchType, PreparedStatement, tuple_factory

from benchmarks.cassandra_writes import (
    RawItem,
    batch_statements,
    intent_statement,
    item_statement,
    stored_rows,
)
from benchmarks.sample_items import Sample
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.cluster_options import ClusterOptions
from magnetodb.storage.cassandra.connection import UNQUALIFIED
from magnetodb.storage.cassandra.equipment import random_uuid
from magnetodb.storage.cassandra.intents import SLOT_INTENTS_MAX, Intent
from magnetodb.storage.cassandra.session import Bound

REQUEST_SECONDS_MAX: Final = 10.0
EVENTUAL: Final = "eventual"
QUORUM: Final = "quorum"


class Raw:
    """A session of the driver, with statements that are prepared at their first use."""

    def __init__(self, session: Session, keyspace: str) -> None:
        self._session = session
        self._keyspace = keyspace
        self._prepared: dict[str, PreparedStatement] = {}

    def prepare(self, text: str) -> PreparedStatement:
        """Waits for the node; not to be called where it may not."""
        qualified = UNQUALIFIED.sub(rf'\1 "{self._keyspace}".\2', text)
        prepared = self._prepared[text] = self._session.prepare(qualified)
        return prepared

    def send(self, bound: Bound, profile: str, then: Callable[[Any], None], failed: Callable[[Any], None]) -> None:
        """One statement."""
        statement = self._prepared[bound.text].bind(bound.values)
        self._session.execute_async(statement, execution_profile=profile).add_callbacks(then, failed)

    def send_batch(
        self, statements: Sequence[Bound], then: Callable[[Any], None], failed: Callable[[Any], None]
    ) -> None:
        """A logged batch."""
        batch = BatchStatement(BatchType.LOGGED)
        for bound in statements:
            batch.add(self._prepared[bound.text].bind(bound.values))
        self._session.execute_async(batch, execution_profile=QUORUM).add_callbacks(then, failed)


class Load:
    """So many operations in flight until `stop`, and the times of those that end while it is `measuring`."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.measuring = False
        self.errors = 0
        self.microseconds: list[float] = []
        self.ended = threading.Semaphore(0)
        self.last_error = ""
        self._stopping = False
        self._clock = 0
        self._slot = getrandbits(62)
        self._in_slot = 0

    def stop(self, chains: int) -> None:
        """Begin no operation any more; return when those in flight have ended. Raises SystemExit where they do not."""
        self._stopping = True
        for _ in range(chains):
            if not self.ended.acquire(timeout=REQUEST_SECONDS_MAX):
                raise SystemExit(f"operations of the raw driver do not end; {self.last_error}")

    def goes_on(self) -> bool:
        """Whether another operation is to be begun; a chain that is told no has ended."""
        if self._stopping:
            self.ended.release()
        return not self._stopping

    def count(self, began: float) -> None:
        """An operation has ended well."""
        if self.measuring:
            self.microseconds.append((time.perf_counter() - began) * 1e6)

    def failed(self, error: Any) -> None:
        """One has not."""
        self.errors += 1
        self.last_error = repr(error)

    def version(self, before: int) -> int:
        """Later than the one before, and than all others of this process."""
        self._clock = max(time.time_ns() // 1000, self._clock + 1, before + 1)
        return self._clock

    def slot(self) -> int:
        """For one more intent. It is nobody else's, and has no more intents than ours have."""
        self._in_slot += 1
        if self._in_slot > SLOT_INTENTS_MAX:
            self._slot, self._in_slot = getrandbits(62), 1
        return self._slot


class Chain:
    """One operation at a time, on partitions that no other chain touches."""

    def __init__(self, load: Load, items: Sequence[RawItem], seed: int) -> None:
        self.load = load
        self.raw = load.raw
        self._items = items
        self._random = Random(seed)
        self.item = items[0]
        self.began = 0.0

    def begin(self) -> None:
        """The next operation, unless the load ends."""
        if self.load.goes_on():
            self.item = self._items[int(self._random.random() * len(self._items))]
            self.began = time.perf_counter()
            self.send()

    def send(self) -> None:
        """The first statement of the operation."""
        raise AssertionError

    def done(self, _rows: Any) -> None:
        """The last one was answered."""
        self.load.count(self.began)
        self.begin()

    def failed(self, error: Any) -> None:
        """A statement was refused."""
        self.load.failed(error)
        self.begin()


class Get(Chain):
    """GetItem: one SELECT."""

    def send(self) -> None:
        """See Chain."""
        position = self.item.position
        self.raw.send(Bound(cql.get_value(position.table), position.key), EVENTUAL, self.done, self.failed)


class Put(Chain):
    """PutItem without indexes: the lightweight transaction, of a row whose version is known."""

    def send(self) -> None:
        """See Chain."""
        item, tok = self.item, random_uuid()
        ver = self.load.version(item.ver)
        statement = item_statement(item, item.next_version(), (item.ver, item.tok), ver, tok)
        item.ver, item.tok = ver, tok
        self.raw.send(statement, QUORUM, self.decided, self.failed)

    def decided(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """The lightweight transaction was answered."""
        if not rows[0][0]:
            raise_for(self, "a lightweight transaction was not applied")
            return
        self.done(rows)


class PutIndexed(Chain):
    """PutItem into a table with indexes: read, intent, lightweight transaction, logged batch."""

    def send(self) -> None:
        """See Chain."""
        position = self.item.position
        self.raw.send(Bound(cql.get(position.table), position.key), QUORUM, self.met, self.failed)

    def met(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """The row was read."""
        item = self.item
        row = cql.ItemRow(*rows[0])
        assert row.ver is not None
        item.ver, item.tok = row.ver, row.tok
        self.tok = random_uuid()
        self.intent = Intent(self.load.slot(), self.load.version(item.ver), self.tok, item.position)
        self.raw.send(intent_statement(self.intent), QUORUM, self.intended, self.failed)

    def intended(self, _rows: Any) -> None:
        """The intent is durable."""
        item = self.item
        self.ver = self.load.version(self.intent.version)
        self.chosen = item.next_version()
        statement = item_statement(item, self.chosen, (item.ver, item.tok), self.ver, self.tok)
        self.raw.send(statement, QUORUM, self.decided, self.failed)

    def decided(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """The lightweight transaction was answered."""
        if not rows[0][0]:
            raise_for(self, "a lightweight transaction was not applied")
            return
        statements = batch_statements(self.item, self.chosen, self.ver, self.intent)
        self.raw.send_batch(statements, self.done, self.failed)


WORKLOADS: Final[dict[str, type[Chain]]] = {"get": Get, "put": Put, "gsi": PutIndexed}


def raise_for(chain: Chain, words: str) -> None:
    """What should not be: an operation that came to nothing."""
    chain.failed(RuntimeError(words))


def texts(workload: str, items: Sequence[RawItem]) -> list[str]:
    """The statements that a workload sends."""
    table = items[0].position.table
    if workload == "get":
        return [cql.get_value(table)]
    if workload == "put":
        return [cql.put(table)]
    indexes = {each.table for version in items[0].versions for each, _ in version.rows.puts}
    hidden = [text(each) for each in sorted(indexes) for text in (cql.put_hidden, cql.delete_hidden)]
    return [cql.get(table), cql.put(table), cql.INSERT_INTENT, cql.DELETE_INTENT, cql.set_done(table), *hidden]


def chains_of(load: Load, kind: type[Chain], items: Sequence[RawItem], in_flight: int) -> list[Chain]:
    """The chains, each with partitions of its own."""
    partitions: dict[bytes, list[RawItem]] = {}
    for item in items:
        partitions.setdefault(item.position.partition, []).append(item)
    parts: list[list[RawItem]] = [[] for _ in range(in_flight)]
    for number, partition in enumerate(partitions.values()):
        parts[number % in_flight] += partition
    return [kind(load, part, seed) for seed, part in enumerate(parts) if part]


def measured(raw: Raw, workload: str, items: Sequence[RawItem], *, in_flight: int, warm: float, seconds: float) -> Any:
    """The figures: per_second, p50_us, p99_us, errors, cpu_seconds, began and ended by the wall clock."""
    for text in texts(workload, items):
        raw.prepare(text)
    load = Load(raw)
    chains = chains_of(load, WORKLOADS[workload], items, in_flight)
    for chain in chains:
        chain.begin()
    time.sleep(warm)
    load.errors = 0
    print("measuring", flush=True)
    began, processor = time.perf_counter(), time.process_time()
    load.measuring = True
    time.sleep(seconds)
    load.measuring = False
    lasted, processor = time.perf_counter() - began, time.process_time() - processor
    print("measured", flush=True)
    load.stop(len(chains))
    times = sorted(load.microseconds)
    if not times:
        raise SystemExit(f"the raw driver has done nothing; {load.last_error}")
    return {
        "per_second": len(times) / lasted,
        "p50_us": times[len(times) // 2],
        "p99_us": times[len(times) * 99 // 100],
        "errors": load.errors,
        "last_error": load.last_error,
        "cpu_percent": 100 * processor / lasted,
    }


@contextlib.contextmanager
def connected(options: ClusterOptions) -> Iterator[Raw]:
    """A session of the driver as it is, in its fastest configuration."""

    def profile(consistency: int) -> ExecutionProfile:
        balancing = TokenAwarePolicy(DCAwareRoundRobinPolicy())
        return ExecutionProfile(
            balancing,
            FallthroughRetryPolicy(),
            consistency,
            ConsistencyLevel.LOCAL_SERIAL,
            REQUEST_SECONDS_MAX,
            tuple_factory,
        )

    cluster = Cluster(
        list(options.contact_points),
        port=options.port,
        protocol_version=4,
        compression=False,
        execution_profiles={
            EVENTUAL: profile(ConsistencyLevel.LOCAL_ONE),
            QUORUM: profile(ConsistencyLevel.LOCAL_QUORUM),
        },
    )
    session = cluster.connect(options.keyspace)
    session.default_fetch_size = None
    session.use_client_timestamp = False
    try:
        yield Raw(session, options.keyspace)
    finally:
        cluster.shutdown()


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cassandra_raw", description=__doc__)
    add = parser.add_argument
    add("workload", choices=list(WORKLOADS))
    add("--contact-point", required=True)
    add("--port", type=int, required=True)
    add("--table", required=True)
    add("--items", type=int, required=True)
    add("--rows", type=int, required=True)
    add("--indexes", type=int, default=0)
    add("--seed", type=int, default=1)
    add("--in-flight", type=int, default=64)
    add("--warm", type=float, default=1.0)
    add("--seconds", type=float, default=5.0)
    chosen = parser.parse_args(arguments)
    options = ClusterOptions(contact_points=(chosen.contact_point,), port=chosen.port)
    sample = Sample(chosen.table, chosen.items, rows=chosen.rows, indexes=chosen.indexes)
    sample.random.seed(chosen.seed)
    items = [RawItem(row) for row in stored_rows(options, sample)]
    with connected(options) as raw:
        found = measured(
            raw, chosen.workload, items, in_flight=chosen.in_flight, warm=chosen.warm, seconds=chosen.seconds
        )
    print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
