"""The lock under which tables are made and dropped, on a fake Cassandra whose clock stands still between pauses; and
whether there is a table."""

import asyncio

import pytest

from magnetodb.errors import RowTableNotFound, StorageBusy
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.cluster import DEFINITION_SECONDS_MAX
from magnetodb.storage.cassandra.schema import LOCK_SECONDS, LOCK_WAIT_SECONDS, Place, RowTables, schema_lock
from magnetodb.storage.cassandra.session import Result
from magnetodb.storage.cassandra.session_errors import OutcomeUnknown, Refused
from tests.storage.cassandra_model.fake_session import FakeCassandra, FakeSession

SDK_READ_SECONDS = 60
PAUSES_A_SECOND = 10


class Waiting(FakeSession):
    """A session that counts its pauses, with each of which a tenth of a second passes."""

    def __init__(self):
        self.pauses = 0
        self.cassandra = FakeCassandra(lambda: self.pauses // PAUSES_A_SECOND)
        self.cassandra.database = self.cassandra.database.defined(cql.CREATE_FORMAT)
        super().__init__(self.cassandra, lambda: self.pauses)

    async def pause(self, seconds):
        self.pauses += 1


@pytest.fixture
def session():
    return Waiting()


async def left_by(session, error):
    """Take the lock and leave it by an error; how long the next one waits, in seconds."""
    with pytest.raises(type(error)):
        async with schema_lock(session):
            raise error
    before = session.pauses
    async with schema_lock(session):
        return (session.pauses - before) / PAUSES_A_SECOND


async def test_the_next_one_has_the_lock_at_once(session):
    async with schema_lock(session):
        pass
    async with schema_lock(session):
        pass

    assert 0 == session.pauses


@pytest.mark.parametrize("error", [Refused("no"), StorageBusy("busy")], ids=lambda error: type(error).__name__)
async def test_a_change_that_was_not_made_frees_the_lock(session, error):
    assert 0 == await left_by(session, error)


@pytest.mark.parametrize(
    "error", [OutcomeUnknown("no answer"), asyncio.CancelledError()], ids=lambda error: type(error).__name__
)
async def test_a_change_that_may_be_under_way_keeps_the_lock_until_its_time_is_over(session, error):
    assert LOCK_SECONDS == pytest.approx(await left_by(session, error), abs=1)


def test_a_lock_outlives_every_change_and_who_waits_outlasts_the_lock():
    assert DEFINITION_SECONDS_MAX < LOCK_SECONDS < LOCK_WAIT_SECONDS < SDK_READ_SECONDS


class Nodes(FakeSession):
    """A session with nodes that have tables, the first of which takes the calls; each is (version of the schema,
    tables)."""

    def __init__(self, *nodes):
        self.nodes = nodes
        cassandra = FakeCassandra(lambda: 0)
        cassandra.database = cassandra.database.defined(cql.OWN_TABLES[cql.LOCAL_TABLES])
        super().__init__(cassandra, lambda: 0)

    async def execute(self, call):
        if call.statements[0].text == cql.SELECT_TABLE:
            return Result(None, self._found(self.nodes[0], call.statements[0]))
        return await super().execute(call)

    async def execute_at_each_node(self, select):
        return [self._found(node, select) for node in self.nodes]

    def _found(self, node, select):
        version, tables = node
        if select.text == cql.SELECT_SCHEMA_VERSION:
            return [(version,)]
        return [(name,) for name in tables if name == select.values[1]]


async def test_a_table_that_the_first_node_does_not_know_yet_is_found():
    tables = RowTables(Nodes((1, ()), (2, ("t",)), (2, ("t",))), "ks")
    await tables.find(["t"])

    assert {"t": Place("t", 0)} == tables.places
    assert set() == await tables.gone(["t"])


async def test_a_table_that_no_node_has_is_gone():
    tables = RowTables(Nodes((1, ()), (1, ()), (1, ())), "ks")
    tables.places["t"] = Place("t", 0)
    gone = await tables.gone(["t"])

    assert ({"t"}, {}) == (gone, tables.places)
    with pytest.raises(RowTableNotFound):
        await tables.find(["t"])


async def test_while_nodes_do_not_agree_nobody_can_tell_that_a_table_is_gone():
    tables = RowTables(Nodes((1, ()), (2, ()), (2, ())), "ks")
    tables.places["t"] = Place("t", 0)

    assert set() == await tables.gone(["t"])
    assert "t" in tables.places
    with pytest.raises(Refused):
        await tables.find(["t", "u"])
