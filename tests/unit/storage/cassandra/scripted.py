"""Processes on one fake Cassandra, in which a test lets single calls fail, or something else happen before them.

Items are b"KEY:REST" in the row table `t_items`: an item has a row in the hidden table `i_one` under its KEY, and one
in `i_all`, which is always there. `l_one` is local to `t_items`.
"""

from collections import deque

from magnetodb.errors import RowTableNotFound
from magnetodb.model.rows import ABSENT, Change, DerivedRow, Row, RowKey
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.clock import HybridClock
from magnetodb.storage.cassandra.commit import Committer
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.crash_points import step_of
from magnetodb.storage.cassandra.partition_keys import partition_of, stored_partition
from magnetodb.storage.cassandra.schema import Place
from magnetodb.storage.cassandra.session import Bound, Call, Consistency, Kind
from magnetodb.storage.cassandra.session_errors import CassandraError
from tests.storage.cassandra_model.fake_session import FakeCassandra, FakeSession

ITEMS, OTHERS, ONE, ALL, LOCAL = "t_items", "t_others", "i_one", "i_all", "l_one"
PLACES = {
    ITEMS: Place(ITEMS, 0),
    OTHERS: Place(OTHERS, 0),
    ONE: Place(ONE, 0),
    ALL: Place(ALL, 0),
    LOCAL: Place(ITEMS, 1),
}

SECOND = 1_700_000_000


class Crash(BaseException):
    """The process is no more."""


class Tables:
    """All row tables, unless they were dropped."""

    def __init__(self):
        self.places = dict(PLACES)
        self.gone_tables = set()

    async def find(self, names):
        for name in names:
            if name in self.gone_tables:
                raise RowTableNotFound(name)
            self.places[name] = PLACES[name]

    async def gone(self, names):
        gone = self.gone_tables & set(names)
        for name in gone:
            self.places.pop(name, None)
        return gone


class Cluster:
    """A fake Cassandra with the schema, and a clock that all its processes share unless they are given another."""

    def __init__(self):
        self.microseconds = SECOND * 1_000_000
        self.cassandra = FakeCassandra(lambda: self.microseconds // 1_000_000)
        for text in cql.CREATE_OWN_TABLES:
            self.define(text)
        for place in PLACES.values():
            self.define(cql.create_table(place.table))

    def define(self, text):
        self.cassandra.database = self.cassandra.database.defined(text)

    def now(self):
        self.microseconds += 1
        return self.microseconds

    def pass_seconds(self, seconds):
        self.microseconds += int(seconds * 1_000_000)

    def process(self, *, derives=True, clock_off=0, **options):
        return Process(self, derives, clock_off, options)

    def select(self, text, *values):
        call = Call((Bound(text, values),), Kind.SINGLE, Consistency.LOCAL_QUORUM)
        return self.cassandra.serve(call, 0).rows

    def row(self, key):
        """All columns of a row."""
        place = PLACES[key.table]
        found = self.select(cql.get(place.table), stored_partition(key.partition), place.x, key.sort)
        return ItemRow(*found[0]) if found else ItemRow()

    def rows(self, table):
        """(partition, sort): value of all rows of a row table that have a value."""
        place = PLACES[table]
        text = f'SELECT p, x, s, v FROM "{place.table}" WHERE token(p) >= ? AND token(p) <= ?'
        found = self.select(text, -(2**63), 2**63 - 1)
        return {(partition_of(p), s): v for p, x, s, v in found if x == place.x and v is not None}

    def intents(self):
        """How many there are."""
        return len(
            self.select(
                f"SELECT slot FROM {cql.INTENTS} WHERE token(slot) >= ? AND token(slot) <= ?", -(2**63), 2**63 - 1
            )
        )

    def wrong(self):
        """Hidden tables that are not as the items say: what they should have, and what they have."""
        wrong = []
        items = self.rows(ITEMS)
        for table in (ONE, ALL):
            wanted = {}
            for (partition, sort), value in items.items():
                for each in derived_rows(RowKey(ITEMS, partition, sort), value):
                    if each.key.table == table:
                        wanted[each.key.partition, each.key.sort] = each.value
            if wanted != self.rows(table):
                wrong.append((table, wanted, self.rows(table)))
        return wrong


class Process:
    """A committer with a session of its own. `calls` are those sent, as (step, call)."""

    def __init__(self, cluster, derives, clock_off, options):
        self.cluster = cluster
        self.session = ScriptedSession(cluster, clock_off)
        self.tables = Tables()
        derive = self._derive if derives else None
        options = {"recovery_age_seconds": 0, **options}
        self.committer = Committer(self.session, HybridClock(self.session.now), self.tables, derive=derive, **options)

    async def _derive(self, key, value):
        return derived_rows(key, value)

    @property
    def steps(self):
        """The steps taken since this was last asked; those sent side by side in brackets."""
        steps, self.session.steps = self.session.steps, []
        return " ".join(steps)

    async def read(self, key):
        """As a driver's get(for_write=True)."""
        pending = self.committer.pending(key)
        if pending is not None:
            return pending
        (row,) = await self.committer.settled([key], [self.cluster.row(key)])
        if row.v is None:
            self.committer.remember(key, row)
            return None
        return Row(key, row.v, row.ver, False, row)

    async def commit(self, *changes):
        (outcome,) = await self.committer.commit([tuple(changes)])
        return outcome

    async def put(self, key, value):
        """As a manager does, without a second try: read, derive, commit. None deletes."""
        return await self.commit(await self.change(key, value))

    async def change(self, key, value):
        row = await self.read(key)
        return Change(key, ABSENT if row is None else row, value, difference(key, row and row.value, value))


class ScriptedSession:
    """See Session."""

    def __init__(self, cluster, clock_off):
        self._cluster = cluster
        self._session = FakeSession(cluster.cassandra, cluster.now)
        self._clock_off = clock_off
        self._script = deque()
        self.steps = []
        self.paused = 0.0

    def on(self, step, what, *, times=1):
        """At the next call of that step `what` happens: a CassandraError instead of the call; `applied(error)`, after
        it; `meanwhile(coroutine)`, before it; Crash()."""
        self._script.extend([(step, what)] * times)

    def now(self):
        return self._cluster.now() + self._clock_off

    async def pause(self, seconds):
        self.paused += seconds
        self._cluster.pass_seconds(seconds)

    async def execute(self, call):
        self.steps.append(step_of(call))
        return await self._one(call)

    async def execute_together(self, calls):
        if calls:
            self.steps.append(f"[{' '.join(step_of(call) for call in calls)}]")
        results = []
        for call in calls:
            try:
                results.append(await self._one(call))
            except CassandraError as error:
                results.append(error)
        return results

    async def _one(self, call):
        for position, (step, what) in enumerate(self._script):
            if step == step_of(call):
                del self._script[position]
                if isinstance(what, BaseException):
                    raise what
                before, error = what
                if before is not None:
                    await before
                    return await self._session.execute(call)
                await self._session.execute(call)
                raise error
        return await self._session.execute(call)


def applied(error):
    """The call is applied, and then the error comes."""
    return None, error


def meanwhile(coroutine):
    """The coroutine runs before the call."""
    return coroutine, None


def item(name=b"a", table=ITEMS, partition=None):
    """The key of an item."""
    return RowKey(table, name if partition is None else partition, b"" if partition is None else name)


def derived_rows(key, value):
    """All derived rows of an item."""
    if key.table != ITEMS or value is None:
        return ()
    rest = key.partition + b"/" + key.sort
    return DerivedRow(RowKey(ONE, value.partition(b":")[0], rest), value), DerivedRow(
        RowKey(ALL, b"all", rest), value[:2]
    )


def difference(key, old, new):
    """What a write of an item from `old` to `new` changes in hidden tables."""
    before = {each.key: each.value for each in derived_rows(key, old)}
    after = {each.key: each.value for each in derived_rows(key, new)}
    return (
        *[DerivedRow(each, None) for each in before if each not in after],
        *[DerivedRow(each, value) for each, value in after.items() if before.get(each) != value],
    )
