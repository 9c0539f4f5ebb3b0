"""Without a cluster; with one, tests/storage and the black box tests are."""

import asyncio
import logging
import socket

import pytest

from magnetodb.errors import ClusterError, ServiceUnavailable
from magnetodb.storage.cassandra.cluster_options import ClusterOptions
from magnetodb.storage.cluster_storage import ClusterStorage


@pytest.fixture
def options():
    """Of a cluster that is not there: a port at which nobody listens, and nobody else will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield ClusterOptions(("127.0.0.1",), taken.getsockname()[1], request_timeout=2.0)


async def test_without_a_cluster_requests_are_refused_at_once_and_it_is_tried_again(options, caplog):
    arrived = []
    storage = ClusterStorage(options, arrived=lambda: arrived.append(True))
    with caplog.at_level(logging.WARNING):
        await storage.open()
        with pytest.raises(ServiceUnavailable, match="The Cassandra cluster is not reached yet"):
            await storage.tables.get("p", "orders")
        async with asyncio.timeout(30):
            while len(caplog.records) < 3:
                await asyncio.sleep(0.01)
        await storage.close()

    assert [] == arrived
    assert "Waiting for the Cassandra cluster; requests are refused until it is reached." in caplog.text


async def test_what_an_operator_has_to_mend_is_told_at_once(tmp_path):
    missing = tmp_path / "missing.pem"
    storage = ClusterStorage(ClusterOptions(tls_ca=str(missing)), arrived=lambda: None)
    with pytest.raises(ClusterError, match="cassandra_tls_ca"):
        await storage.open()
    await storage.close()


async def test_a_change_of_a_table_settles_after_every_commit_that_did_not_know_of_it(options):
    storage = ClusterStorage(options, arrived=lambda: None)

    assert 10.0 + 10.0 + 3 * 2.0 == storage.tables.settle_seconds
    await storage.close()
