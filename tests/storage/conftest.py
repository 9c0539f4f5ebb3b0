"""A Cassandra for those tests that need one: they run only where MAGNETODB_TEST_CASSANDRA says so.

MAGNETODB_TEST_CASSANDRA=127.0.0.1:9042   a node that runs
MAGNETODB_TEST_CASSANDRA=start            one is started for the tests, and stopped
"""

import os
from uuid import uuid4

import pytest

WANTED = os.environ.get("MAGNETODB_TEST_CASSANDRA", "")


def pytest_collection_modifyitems(config, items):
    if WANTED:
        return
    left = [item for item in items if item.get_closest_marker("cassandra")]
    items[:] = [item for item in items if not item.get_closest_marker("cassandra")]
    config.hook.pytest_deselected(items=left)


@pytest.fixture(scope="session")
def cassandra_node(tmp_path_factory):
    """(address, port) of a node."""
    if WANTED != "start":
        address, _, port = WANTED.partition(":")
        yield address, int(port or 9042)
        return
    from tools.cassandra.cluster import Cluster
    from tools.cassandra.settings import Settings

    settings = Settings(address=f"127.{os.getpid() >> 8 & 127}.{os.getpid() & 255}.1", quick=True)
    with Cluster(tmp_path_factory.mktemp("cassandra"), settings) as cluster:
        yield cluster.contact_points[0], cluster.port


@pytest.fixture(scope="session")
def cassandra_keyspace(cassandra_node):
    """(options, session): a keyspace with the driver's own tables, and a session of cassandra-driver in it."""
    import asyncio

    from cassandra.cluster import Cluster

    from magnetodb.storage.cassandra.cluster_options import ClusterOptions
    from magnetodb.storage.cassandra.driver import CassandraDriver
    from tests.cassandra_keyspaces import make_keyspace

    address, port = cassandra_node
    options = ClusterOptions((address,), port, f"test_{uuid4().hex}", create_schema=True)
    make_keyspace(address, port, options.keyspace)

    async def set_up():
        await (await CassandraDriver.open(options)).close()

    asyncio.run(set_up())
    with Cluster([address], port, protocol_version=4) as cluster:
        session = cluster.connect(options.keyspace)
        yield options, session
        session.execute(f"DROP KEYSPACE {options.keyspace}", timeout=60)


@pytest.fixture
def empty_keyspace(cassandra_keyspace):
    """Options of a keyspace without rows. Tables of earlier tests may be there: making them takes long."""
    options, session = cassandra_keyspace
    tables = session.execute(
        "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", (options.keyspace,)
    )
    for (table,) in tables:
        if not table.startswith("magnetodb_") or table == "magnetodb_local_tables":
            session.execute(f'TRUNCATE "{table}"', timeout=60)
    return options
