"""The real Cassandra. With MAGNETODB_TEST_CASSANDRA a node, with MAGNETODB_TEST_FAULTS three of them; both are set to
anything. The first run fetches it."""

import os

import pytest

from tools.cassandra import Cluster, Settings, free_address, probe

QUORUM = 4
SECONDS_MAX = 900

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(SECONDS_MAX)]


def asked(cluster, text, *, node=1):
    """Opcode and body of the answer to a statement at consistency QUORUM."""
    query = text.encode()
    with probe.connected(cluster.contact_points[node - 1], cluster.port) as connection:
        connection.settimeout(60)
        probe.asked(connection, probe.STARTUP, probe.STARTUP_BODY)
        return probe.asked(connection, probe.QUERY, len(query).to_bytes(4) + query + QUORUM.to_bytes(2) + b"\2")


def executed(cluster, *texts, node=1):
    """The last answer's body. A statement is repeated until it succeeds: nodes have to hear of a new table, of a node's
    death and of its return."""
    for text in texts:
        opcode, body = asked(cluster, text, node=node)
        while opcode != probe.RESULT:
            opcode, body = asked(cluster, text, node=node)
    return body


def made_table(cluster):
    """A table with a row."""
    replication = {"class": "SimpleStrategy", "replication_factor": str(len(cluster.nodes))}
    executed(
        cluster,
        f"CREATE KEYSPACE IF NOT EXISTS k WITH replication = {replication}",
        "CREATE TABLE IF NOT EXISTS k.t (p text PRIMARY KEY, v text)",
        "UPDATE k.t SET v = 'before' WHERE p = 'a' IF v = null",
    )


@pytest.mark.skipif("MAGNETODB_TEST_CASSANDRA" not in os.environ, reason="MAGNETODB_TEST_CASSANDRA is not set")
def test_what_a_node_acknowledged_is_there_after_a_kill(tmp_path):
    with Cluster(tmp_path, Settings(address=free_address(), light=True)) as cluster:
        made_table(cluster)
        cluster.kill()
        cluster.start()

        assert executed(cluster, "SELECT v FROM k.t WHERE p = 'a'").endswith(b"before")


@pytest.mark.skipif("MAGNETODB_TEST_FAULTS" not in os.environ, reason="MAGNETODB_TEST_FAULTS is not set")
def test_any_node_of_three_can_be_lost_and_comes_back(tmp_path):
    """Also the first one, and while another one is paused."""
    with Cluster(tmp_path, Settings(nodes=3, address=free_address(3), light=True)) as cluster:
        made_table(cluster)
        for lost in (1, 2, 3):
            cluster.kill(lost)
            other = lost % 3 + 1
            executed(cluster, f"UPDATE k.t SET v = 'without {lost}' WHERE p = 'a' IF EXISTS", node=other)
            cluster.start(lost)

            assert executed(cluster, "SELECT v FROM k.t WHERE p = 'a'", node=lost).endswith(b"without %d" % lost)
        cluster.stop(1)
        cluster.pause(3)
        cluster.start(1)
        cluster.resume(3)
        cluster.wait_ready()

        assert ["serving"] * 3 == [node.state for node in cluster.status()]
