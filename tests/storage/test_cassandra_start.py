"""A cluster is reached, or whoever starts the server is told in a sentence what to do; and bad days after the start."""

import asyncio
import dataclasses
import socket
import threading
from uuid import uuid4

import pytest

from magnetodb.errors import ClusterError, RowTableNotFound, StorageBusy, StorageUnavailable
from magnetodb.model.rows import ABSENT, ANY, Change, Committed, RowKey, SortRange, TokenRange
from magnetodb.storage.cassandra.driver import CassandraDriver

pytestmark = pytest.mark.cassandra

ANSWER_SECONDS_MAX = 5
"""A cluster without a quorum is known to have none: nobody waits for a timeout."""

THREADS_MAX = 4
"""Of the driver, and of what prepares statements for it; they start when they are needed."""


@pytest.fixture
def options(cassandra_keyspace):
    return cassandra_keyspace[0]


@pytest.fixture
def admin(cassandra_keyspace):
    """A session of cassandra-driver in the keyspace."""
    return cassandra_keyspace[1]


@pytest.fixture
def driver(empty_keyspace, runner):
    driver = runner.run(CassandraDriver.open(empty_keyspace))
    runner.run(driver.create_table("t_items"))
    yield driver
    runner.run(driver.close())


def key(sort=b"s", partition=b"p"):
    return RowKey("t_items", partition, sort)


async def refused(options, error=ClusterError):
    with pytest.raises(error) as raised:
        await CassandraDriver.open(options)
    return str(raised.value)


# ---- the start


async def test_nobody_at_the_contact_points_may_come_later(options):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = await refused(dataclasses.replace(options, contact_points=("127.0.0.1",), port=port), StorageUnavailable)

    assert words.startswith(f"No Cassandra node answers at 127.0.0.1, port {port} (127.0.0.1:{port}: ")
    assert words.endswith("are cassandra_contact_points, cassandra_port and cassandra_tls_ca right?")


async def test_a_contact_point_that_has_no_address(options):
    words = await refused(dataclasses.replace(options, contact_points=("no.such.host.invalid",)), StorageUnavailable)

    assert words == (
        "No address is known of any of the contact points no.such.host.invalid. Set cassandra_contact_points to"
        " addresses of nodes of the cluster."
    )


async def test_a_keyspace_that_is_missing_is_not_made_unless_it_may_be(options):
    words = await refused(dataclasses.replace(options, keyspace="nobodys", create_schema=False))

    assert words == "The cluster has no keyspace nobodys. Make it: magnetodb-manage cassandra setup"


async def test_a_data_centre_that_is_missing(options):
    words = await refused(dataclasses.replace(options, local_dc="elsewhere"))

    assert words == "The cluster has no data centre elsewhere, but datacenter1. Set cassandra_local_dc."


async def test_a_keyspace_of_a_newer_format(options, admin):
    admin.execute("UPDATE magnetodb_format SET version = 99 WHERE id = 'format' IF EXISTS")
    try:
        words = await refused(options)
    finally:
        admin.execute("UPDATE magnetodb_format SET version = 1 WHERE id = 'format' IF EXISTS")

    assert words == (
        f"The keyspace {options.keyspace} has format 99, made by a newer MagnetoDB; this one knows 1."
        " Upgrade this server."
    )


async def test_a_keyspace_without_the_drivers_tables(options, admin):
    keyspace = f"test_{uuid4().hex}"
    replication = "{'class': 'NetworkTopologyStrategy', 'datacenter1': 1}"
    admin.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}", timeout=60)
    try:
        words = await refused(dataclasses.replace(options, keyspace=keyspace, create_schema=False))
    finally:
        admin.execute(f"DROP KEYSPACE {keyspace}", timeout=60)

    assert words == (
        f"The keyspace {keyspace} has no tables of MagnetoDB yet. Make them: magnetodb-manage cassandra setup"
    )


async def test_a_certificate_file_that_is_not_there(options, tmp_path):
    words = await refused(dataclasses.replace(options, tls_ca=str(tmp_path / "missing.pem")))

    assert words.startswith("The certificates in cassandra_tls_ca or cassandra_tls_cert cannot be read: ")


# ---- afterwards


@pytest.fixture
def without_quorum(options, admin):
    """without_quorum(): the keyspace wants more copies than there are nodes, until the test ends or goes on."""

    def copies(number):
        replication = f"{{'class': 'NetworkTopologyStrategy', 'datacenter1': {number}}}"
        admin.execute(f"ALTER KEYSPACE {options.keyspace} WITH replication = {replication}", timeout=60)

    yield lambda: copies(3), lambda: copies(1)
    copies(1)


async def test_without_a_quorum_everybody_is_refused_at_once_and_served_again_afterwards(driver, without_quorum):
    take_quorum, give_quorum = without_quorum
    assert isinstance((await driver.commit([(Change(key(), ABSENT, b"1"),)]))[0], Committed)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, take_quorum)

    async def refused(asked):
        with pytest.raises(StorageUnavailable):
            await asyncio.wait_for(asked, ANSWER_SECONDS_MAX)

    threads = []
    for _ in range(20):
        await asyncio.gather(
            *[refused(driver.get([key()])) for _ in range(20)],
            refused(driver.query("t_items", b"p", SortRange(), limit=1)),
            refused(driver.scan("t_items", TokenRange(), limit=1)),
            *[refused(driver.commit([(Change(key(b"%d" % each), ANY, b"2"),)])) for each in range(5)],
        )
        threads.append(threading.active_count())
    assert driver.session.in_flight == 0
    assert max(threads) - min(threads) <= THREADS_MAX
    assert b"1" == (await driver.get([key()], consistent=False))[0].value
    await loop.run_in_executor(None, give_quorum)

    assert b"1" == (await driver.get([key()]))[0].value
    assert isinstance((await driver.commit([(Change(key(), ANY, b"3"),)]))[0], Committed)


async def test_more_than_may_be_under_way_is_refused_and_not_queued(empty_keyspace):
    driver = await CassandraDriver.open(dataclasses.replace(empty_keyspace, in_flight_max=16))
    try:
        await driver.create_table("t_items")
        await driver.get([key()])
        asked = [asyncio.ensure_future(driver.get([key()])) for _ in range(100)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        refusals = [answer for answer in answers if isinstance(answer, StorageBusy)]

        assert [[None]] * 16 == [answer for answer in answers if not isinstance(answer, StorageBusy)]
        assert len(refusals) == 84
        assert [None] == await driver.get([key()])
    finally:
        await driver.close()


async def test_a_table_that_another_process_drops_is_noticed(driver, empty_keyspace):
    await driver.commit([(Change(key(), ABSENT, b"1"),)])
    other = await CassandraDriver.open(empty_keyspace)
    try:
        await other.drop_table("t_items")
        with pytest.raises(RowTableNotFound):
            await driver.get([key()])
        with pytest.raises(RowTableNotFound):
            await driver.commit([(Change(key(), ANY, b"2"),)])
        await other.create_table("t_items")

        assert [None] == await driver.get([key()])
    finally:
        await other.close()


async def test_tables_of_one_name_made_by_two_processes_are_one(empty_keyspace):
    drivers = [await CassandraDriver.open(empty_keyspace) for _ in range(2)]
    table = f"t_{uuid4().hex}"
    try:
        await asyncio.gather(*[driver.create_table(table) for driver in drivers])
        row = RowKey(table, b"p", b"s")
        await drivers[0].commit([(Change(row, ABSENT, b"1"),)])

        assert [b"1"] == [each.value for each in await drivers[1].get([row])]
        await drivers[0].drop_table(table)
    finally:
        for driver in drivers:
            await driver.close()


async def test_local_tables_of_a_table_are_known_to_other_processes(driver, empty_keyspace):
    await driver.create_table("t_first", local_to="t_items")
    await driver.create_table("t_second", local_to="t_items")
    rows = [RowKey(table, b"p", b"s") for table in ("t_items", "t_first", "t_second")]
    await driver.commit([(Change(row, ABSENT, row.table.encode()),) for row in rows])
    other = await CassandraDriver.open(empty_keyspace)
    try:
        scanned = [(await other.scan(row.table, TokenRange(), limit=10)).rows for row in rows]

        assert [[row.table.encode()] for row in rows] == [[each.value for each in found] for found in scanned]
    finally:
        await other.close()


async def test_tokens_are_the_clusters_own(driver, admin):
    partitions = [b"", b"\x00", b"p", b"\xff" * 100, *[b"p%d" % number for number in range(200)]]
    await driver.commit([(Change(key(b"", partition), ANY, b"v"),) for partition in partitions])
    page = await driver.scan("t_items", TokenRange(), limit=1000)

    assert sorted(partitions, key=driver.token) == [row.key.partition for row in page.rows]
    found = admin.execute('SELECT token(p), p FROM "t_items"')
    assert {token for token, _ in found} == {driver.token(partition) for partition in partitions}
