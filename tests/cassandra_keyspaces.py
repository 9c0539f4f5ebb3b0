"""Keyspaces for tests on a Cassandra that is not killed: without a commit log, so that writes and truncations wait for
no disk, and a table that is dropped does not have all others flushed."""

from functools import cache

from cassandra.cluster import Cluster

DEFINITION_SECONDS_MAX = 60


@cache
def session_of(address, port):
    """A session of cassandra-driver that is used by all of this process, and open until its end."""
    cluster = Cluster(
        [address], port, protocol_version=4, schema_metadata_enabled=False, schema_event_refresh_window=-1
    )
    return cluster.connect()


def make_keyspace(address, port, keyspace):
    """An empty keyspace, unless it is there."""
    session_of(address, port).execute(
        f"CREATE KEYSPACE IF NOT EXISTS {keyspace}"
        " WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1} AND durable_writes = false",
        timeout=DEFINITION_SECONDS_MAX,
    )


def drop_keyspace(address, port, keyspace):
    """The keyspace and all that is in it."""
    session_of(address, port).execute(f"DROP KEYSPACE IF EXISTS {keyspace}", timeout=DEFINITION_SECONDS_MAX)
