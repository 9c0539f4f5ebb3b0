"""Small scenarios on the real write protocol, each explored to its end."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from magnetodb.model.rows import RowKey
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.intents import hour_at
from tests.storage.cassandra_model.database import Database
from tests.storage.cassandra_model.explorer import Scenario
from tests.storage.cassandra_model.invariants import Invariants
from tests.storage.cassandra_model.mutants import DirectPath
from tests.storage.cassandra_model.processes import Main, Program
from tests.storage.cassandra_model.programs import (
    ATTEMPTS_MAX,
    filling,
    reading,
    reading_one,
    recovering,
    undoing,
    writing,
    writing_once,
    written,
)
from tests.storage.cassandra_model.servers import APART, BUILD, INDEXES, KEYS, TOGETHER, Build, empty_database
from tests.storage.cassandra_model.worlds import WITHOUT_END, Rules

NOON: Final = 1_700_000_000_000_000
"""The clocks of processes, in microseconds, are some before or after that."""

HOURS: Final = range(-100, 30)
"""Those that recovery looks at, counted from now."""

Keys = bytes | None


def item(*keys: Keys, items: tuple[RowKey, ...] = APART, local: bool = False) -> Database:
    """A database in which a writer has written the items with these index keys."""
    if not keys:
        return empty_database()
    return written(empty_database(), writing("0", *keys, items=items, local=local), NOON + 10)


def scenario(
    name: str,
    database: Database,
    mains: Sequence[tuple[str, Main, int]],
    *,
    recoverers: int = 0,
    crashes: int = WITHOUT_END,
    faults: int = 0,
    deleters: frozenset[str] = frozenset(),
    items: tuple[RowKey, ...] = APART,
    local: bool = False,
    filler: int | None = None,
    in_order: bool = True,
) -> Scenario:
    """Processes as (name, main, clock); the last `recoverers` of them read intents."""
    programs = tuple([Program(each, main, NOON + clock) for each, main, clock in mains])
    recovery = frozenset(range(len(programs) - recoverers, len(programs)))
    nobody: frozenset[int] = frozenset()
    readers = dict.fromkeys(INDEXES, nobody) | {cql.INTENTS: recovery, cql.INTENT_SLOTS: recovery}
    hour = hour_at(NOON)
    still = frozenset([(cql.INTENT_SLOTS, (hour + each,)) for each in HOURS if each])
    check = Invariants(NOON + 3_000_000, items=items, deleters=deleters, local=local, filler=filler)
    return Scenario(name, database, programs, check, crashes, faults, Rules(readers, still, in_order))


def one_writer(
    before: tuple[Keys, ...],
    keys: Keys,
    clock: int = 50,
    *,
    build: Build = BUILD,
    recovery: int | None = None,
    faults: int = 0,
    local: bool = False,
) -> Scenario:
    """A writer of an item, and perhaps a recovery beside it with a clock of its own."""
    mains = [("writer", writing("1", keys, build=build, local=local), clock)]
    if recovery is not None:
        mains.append(("recovery", recovering(build, local=local), recovery))
    return scenario(
        f"{before} then {keys!r}, recovery {recovery}, faults {faults}, local rows {local}",
        item(*before, local=local),
        mains,
        recoverers=int(recovery is not None),
        faults=faults,
        deleters=frozenset({"1"} if keys is None else ()),
        local=local,
    )


def two_writers(
    before: tuple[Keys, ...],
    first: Keys,
    second: Keys,
    clocks: tuple[int, int] = (5, 50),
    *,
    build: Build = BUILD,
    recovery: int | None = None,
    faults: int = 0,
    attempts: int = ATTEMPTS_MAX,
    in_order: bool = True,
) -> Scenario:
    """Two writers of one item, and perhaps a recovery beside them with a clock of its own."""
    mains = [("writer 1", writing("1", first, build=build, attempts=attempts), clocks[0])]
    mains.append(("writer 2", writing("2", second, build=build, attempts=attempts), clocks[1]))
    if recovery is not None:
        mains.append(("recovery", recovering(build), recovery))
    deleters = frozenset([name for name, keys in (("1", first), ("2", second)) if keys is None])
    return scenario(
        f"{before} then {first!r} and {second!r} by clocks {clocks}, recovery {recovery}, faults {faults}",
        item(*before),
        mains,
        recoverers=int(recovery is not None),
        faults=faults,
        deleters=deleters,
        in_order=in_order,
    )


def transactions(
    *, build: Build = BUILD, undo: bool = False, recovery: bool = False, faults: int = 0, before: bool = True
) -> Scenario:
    """Two transactions that write the same two items, which are there `before` or not."""
    mains = [
        ("first", writing("T1", b"AA", b"AA", build=build, attempts=1), 20),
        ("second", writing("T2", b"BB", b"BB", build=build, attempts=1), 5),
    ]
    if undo:
        mains.append(("undoing", undoing(build), 40))
    if recovery:
        mains.append(("recovery", recovering(build), 30))
    name = f"two transactions, items before {before}, undone {undo}, recovery {recovery}, faults {faults}"
    database = item(b"CC", b"CC") if before else item()
    return scenario(name, database, mains, recoverers=int(recovery), faults=faults)


def transaction_and(
    what: str, *mains: tuple[str, Main, int], build: Build = BUILD, recoverers: int = 0, faults: int = 0
) -> Scenario:
    """A transaction that writes two items, and others that meet it."""
    transaction = ("transaction", writing("T1", b"AA", b"BB", build=build, attempts=1), 20)
    name = f"a transaction and {what}, faults {faults}"
    return scenario(name, item(b"CC", b"CC"), [transaction, *mains], recoverers=recoverers, faults=faults)


def transaction_that_creates_and(what: str, other: Main, *, build: Build = BUILD, faults: int = 0) -> Scenario:
    """A transaction that creates two items, and a server that writes one of them too."""
    mains = [("transaction", writing("T1", b"AA", b"B-", build=build, attempts=1), 20), ("writer", other, 5)]
    return scenario(f"a transaction that creates items and {what}, faults {faults}", item(), mains, faults=faults)


def one_request_twice(*, build: Build = BUILD, faults: int = 0) -> Scenario:
    """Two servers are asked for the same request, with a token."""
    mains = [(f"server {number}", writing_once("T", b"AA", build=build, attempts=1), number) for number in (5, 20)]
    return scenario(f"one request at two servers, faults {faults}", item(b"CC"), mains, faults=faults)


def filled_index(keys: Keys, *, build: Build = BUILD, faults: int = 0) -> Scenario:
    """A writer that maintains an index, while a job fills it with what was there before."""
    database = item(b"AA", b"BB")
    before = {name: partition for name, partition in database.partitions.items() if name[0] != KEYS}
    mains = [("job", filling(build), 60), ("writer", writing("1", keys, build=build), 5)]
    deleters = frozenset({"1"} if keys is None else ())
    name = f"an index is filled, {keys!r} is written, faults {faults}"
    return scenario(name, Database(database.tables, before), mains, faults=faults, deleters=deleters, filler=0)


def one_partition(*, build: Build = BUILD, recovery: int | None = None, faults: int = 0) -> Scenario:
    """Two batches of the same two items, which share a partition."""
    mains = [
        ("first", writing("T1", b"AA", b"AB", build=build, items=TOGETHER, attempts=1), 20),
        ("second", writing("T2", b"BB", b"BA", build=build, items=TOGETHER, attempts=1), 5),
    ]
    if recovery is not None:
        mains.append(("recovery", recovering(build), recovery))
    database = item(b"CC", b"CC", items=TOGETHER)
    name = f"two batches of one partition, recovery {recovery}, faults {faults}"
    recoverers = int(recovery is not None)
    return scenario(name, database, mains, recoverers=recoverers, faults=faults, items=TOGETHER)


def crowd(*, faults: int = 3) -> Scenario:
    """More of everything than can be gone through."""
    mains = [
        ("transaction 1", writing("T1", b"AB", b"BA"), 20),
        ("transaction 2", writing("T2", b"BB", b"AA"), 5),
        ("writer 1", writing("1", b"AB"), 2_000_000),
        ("writer 2", writing("2", b"-A"), -1_000_000),
        ("writer 3", writing("3", b"BB"), 12),
        ("reader", reading(), 0),
        ("undoing", undoing(), 40),
        ("recovery 1", recovering(), 30),
        ("recovery 2", recovering(), 6_000_000),
    ]
    return scenario("a crowd", item(b"AA", b"BB"), mains, recoverers=2, faults=faults)


A: Final = (b"AA",)


def small_scenarios() -> Iterator[Scenario]:
    """Those that every run of the tests goes through to their ends."""
    yield one_writer((), b"AA", recovery=7, faults=1)
    yield one_writer(A, b"BA", recovery=100, faults=1)
    yield one_writer(A, None, recovery=7, faults=1)
    yield one_writer(A, b"BB", recovery=7, local=True)
    yield one_writer(A, b"BB", recovery=7, build=DirectPath(), faults=1)
    yield two_writers((), b"AA", b"AB", (50, 5), faults=1)
    yield two_writers(A, None, b"AB", (50, 5), faults=1)
    yield two_writers(A, b"BB", b"AC", recovery=7, attempts=1)
    yield transaction_and("a reader", ("reader", reading(attempts=1), 5))
    yield transaction_and("a reader of one item", ("reader", reading_one(), 5), faults=1)
    yield transaction_and("a writer of one item", ("writer", writing("1", b"DD", attempts=1), 5))
    yield transaction_and("one who undoes it", ("undoing", undoing(), 40))
    yield transaction_and("recovery", ("recovery", recovering(), 5), recoverers=1)
    yield transaction_that_creates_and("a writer without indexes", writing("1", b"--", attempts=1))
    yield one_request_twice()
    yield filled_index(b"BA", faults=1)
    yield filled_index(None, faults=1)
    yield one_partition()
    yield transactions()


def large_scenarios() -> Iterator[Scenario]:
    """Those for a machine that has the time."""
    keys = (b"AA", b"BB", b"AB", None)
    for before, first, second, clocks in itertools.product(((), A), keys, keys, ((5, 50), (50, 5))):
        yield two_writers(before, first, second, clocks, faults=1)
        yield two_writers(before, first, second, clocks, recovery=7, attempts=1)
    for before, first, second in (((), b"AA", b"AB"), (A, b"BB", b"AC"), (A, None, b"AB")):
        yield two_writers(before, first, second, faults=2)
        yield two_writers(before, first, second, recovery=7)
        yield two_writers(before, first, second, (50, 5), recovery=100, attempts=1, faults=1)
    for before_both in (True, False):
        yield transactions(before=before_both)
        yield transactions(before=before_both, faults=1)
        yield transactions(before=before_both, undo=True)
        yield transactions(before=before_both, recovery=True)
    reader, undoer = ("reader", reading(), 5), ("undoing", undoing(), 40)
    yield transaction_and("a reader and one who undoes it", reader, undoer)
    yield transaction_and("a reader and a writer", reader, ("writer", writing("1", b"DD"), 5), faults=1)
    yield transaction_and("one who undoes it", undoer, faults=2)
    yield transaction_and("recovery", ("recovery", recovering(), 5), recoverers=1, faults=2)
    yield one_request_twice(faults=2)
    yield filled_index(b"BA", faults=2)
    yield one_partition(faults=1)
    yield one_partition(recovery=7)
