"""The Cassandra of values answers as a real node does: the same random calls, through the product's own session."""

import time

import pytest

from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.connection import connect
from magnetodb.storage.cassandra.session import Bound, Call, Consistency, Kind
from tests.storage.cassandra_model.fake_session import FakeCassandra, is_read
from tests.storage.cassandra_model.random_calls import INDEX, ITEMS, RandomCalls
from tests.storage.cassandra_model.statements import parse

SEEDS = 10
CALLS = 150
TABLES = [*cql.CREATE_OWN_TABLES, cql.create_table(ITEMS), cql.create_table(INDEX)]


def whole(text):
    """A read of a whole table, all columns."""
    table = parse(text)
    columns = ", ".join(name for name, _ in table.columns)
    return Call((Bound(f"SELECT {columns} FROM {table.table}", ()),), Kind.SINGLE, Consistency.LOCAL_QUORUM)


def told(result):
    """A result, comparable."""
    return result.applied, [tuple(row) for row in result.rows], list(result.found)


@pytest.mark.cassandra
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_a_real_node_answers_the_same(seed, cassandra_keyspace):
    """After each write all tables are compared, too. TTLs are long, and no two of a test are the same: in which second
    a cell was written must not matter."""
    options, administrator = cassandra_keyspace
    fake = FakeCassandra(lambda: int(time.time()))
    for text in TABLES:
        fake.database = fake.database.defined(text)
        administrator.execute(text)
        administrator.execute(f"TRUNCATE {parse(text).table}", timeout=60)
    session = await connect(options)
    calls = RandomCalls(seed)
    try:
        for _ in range(CALLS):
            call = calls.next()
            now = session.now()
            assert told(await session.execute(call)) == told(fake.serve(call, now)), call
            if not is_read(call):
                reads = [whole(text) for text in TABLES]
                expected = [told(result) for result in await session.execute_together(reads)]
                assert expected == [told(fake.serve(read, 0)) for read in reads], call
    finally:
        await session.close()
