"""What becomes of one request, with a node that says what the test wants. The driver's session is played too."""

import asyncio
import socket
import ssl
import struct
import subprocess
import threading
from types import SimpleNamespace

import pytest
from cassandra import ConsistencyLevel, OperationTimedOut, Unavailable
from cassandra.connection import Connection, ConnectionShutdown
from cassandra.cqltypes import BytesType, LongType
from cassandra.pool import NoConnectionsAvailable
from cassandra.protocol import ColumnMetadata
from cassandra.query import PreparedStatement

from magnetodb.storage.cassandra.cluster_options import ClusterOptions
from magnetodb.storage.cassandra.loop_connection import connection_class
from magnetodb.storage.cassandra.requests import SPECULATE_SECONDS, Requests
from magnetodb.storage.cassandra.session_errors import OutcomeUnknown, Refused

ANSWER_SECONDS_MAX = 30
TIMEOUT = 0.5

HEADER = struct.Struct(">BBhBi")
OPTIONS, STARTUP, EXECUTE = 5, 1, 10
SUPPORTED, READY, RESULT, ERROR = 6, 2, 8, 0

SILENCE = None
VOID = (RESULT, struct.pack(">i", 1))
ROW = (RESULT, struct.pack(">iiiii1si", 2, 4, 2, 1, 1, b"v", -1))
UNAVAILABLE = (ERROR, struct.pack(">ih", 0x1000, 4) + b"gone" + struct.pack(">hii", 6, 2, 1))
UNPREPARED = (ERROR, struct.pack(">ih", 0x2500, 2) + b"no" + struct.pack(">h", 2) + b"id")


class Node:
    """Answers each EXECUTE with what comes next in `script`; hangs up when it is at an end."""

    def __init__(self, tls=None):
        self.script = []
        self._tls = tls
        self.executed = threading.Semaphore(0)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = self._server.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        connection, _ = self._server.accept()
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True)
        with connection, connection.makefile("rb") as incoming:
            while (header := incoming.read(9)) != b"":
                _, _, stream, opcode, length = HEADER.unpack(header)
                incoming.read(length)
                answer = self._answer(opcode)
                if answer == "hang up":
                    connection.shutdown(socket.SHUT_RDWR)
                    return
                if answer is not SILENCE:
                    connection.sendall(HEADER.pack(0x84, 0, stream, answer[0], len(answer[1])) + answer[1])

    def _answer(self, opcode):
        if opcode == OPTIONS:
            lists = {"CQL_VERSION": ["3.4.7"], "COMPRESSION": []}
            body = struct.pack(">h", len(lists))
            for name, values in lists.items():
                body += text(name) + struct.pack(">h", len(values)) + b"".join(map(text, values))
            return SUPPORTED, body
        if opcode == STARTUP:
            return READY, b""
        self.executed.release()
        return self.script.pop(0) if self.script else "hang up"

    def close(self):
        self._server.close()


def text(word):
    return struct.pack(">h", len(word)) + word.encode()


class Pool:
    """The connection to one node, as the driver's pool lends it."""

    is_shutdown = False

    def __init__(self, connection):
        self.connection = connection
        self.returned = []

    def borrow_connection(self, timeout):
        if self.connection is None:
            raise NoConnectionsAvailable
        return self.connection, self.connection.get_request_id()

    def return_connection(self, connection, stream_was_orphaned=False):
        self.returned.append(stream_was_orphaned)


class DriversWay:
    """The driver's session: remembers what it is asked, and says what the test wants."""

    def __init__(self, pools):
        self._pools = pools
        self.asked = []
        self.answers = []

    def execute_async(self, statement, execution_profile, host):
        self.asked.append(host)
        return SimpleNamespace(add_callbacks=lambda succeeded, failed: self.answers.append((succeeded, failed)))


class World:
    """One node, what reaches it, and what asks."""

    def __init__(self, loop, node, connection, pools):
        self.node = node
        self.pool = pools["first"]
        self.driver = DriversWay(pools)
        options = ClusterOptions(request_timeout=TIMEOUT)
        self.requests = Requests(self.driver, options, type(connection))
        self.connection = connection
        self.plan = ["first"]
        policy = SimpleNamespace(make_query_plan=lambda keyspace, statement: iter(self.plan))
        self.profile = SimpleNamespace(
            load_balancing_policy=policy,
            consistency_level=ConsistencyLevel.LOCAL_QUORUM,
            serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
        )
        columns = [ColumnMetadata("ks", "t", "v", BytesType), ColumnMetadata("ks", "t", "ver", LongType)]
        parameters = [ColumnMetadata("ks", "t", "p", BytesType)]
        self.prepared = PreparedStatement(parameters, b"id", [0], "SELECT", "ks", 4, columns, None)

    def begin(self, *, read):
        return self.requests.begin(self.prepared.bind((b"p",)), self.profile, lambda _, rows: rows, read=read)

    async def ask(self, *script, read=True):
        """What a request comes to, if the node answers by the script."""
        self.node.script = list(script)
        return await asyncio.wait_for(self.begin(read=read), ANSWER_SECONDS_MAX)


@pytest.fixture
def world(runner):
    yield from played(runner, Node())


def played(runner, node, **more):
    """The world of a node."""
    loop = runner.get_loop()

    async def connected():
        connections = connection_class(loop)
        assert issubclass(connections, Connection)
        host, port = node.address
        options = {"port": port, "protocol_version": 4, "compression": False, **more}
        connection = await loop.run_in_executor(None, lambda: connections.factory(host, ANSWER_SECONDS_MAX, **options))
        return World(loop, node, connection, {"first": Pool(connection)})

    world = runner.run(connected())
    yield world
    world.connection.close()
    node.close()


async def test_an_answer_comes_without_the_drivers_way(world):
    rows = await world.ask(ROW)

    assert [(b"v", None)] == list(rows)
    assert ([], 0, [False]) == (world.driver.asked, world.requests.in_flight, world.pool.returned)


async def test_a_write_that_is_done_has_no_rows(world):
    assert await world.ask(VOID, read=False) is None


async def test_many_requests_are_under_way_at_once(world):
    world.node.script = [ROW] * 100
    waiters = [world.begin(read=True) for _ in range(100)]
    assert world.requests.in_flight == 100

    assert [[(b"v", None)]] * 100 == [list(rows) for rows in await asyncio.gather(*waiters)]
    assert world.requests.in_flight == 0


async def test_a_read_that_is_refused_is_asked_for_by_the_driver(world):
    world.node.script = [UNAVAILABLE]
    waiter = world.begin(read=True)
    await until(lambda: world.driver.answers)
    ((succeeded, _),) = world.driver.answers
    succeeded((["v"], [(b"w",)]))

    assert [(b"w",)] == await waiter
    assert ([None], 0) == (world.driver.asked, world.requests.in_flight)


async def test_a_read_that_the_driver_cannot_get_either_fails(world):
    world.node.script = [UNAVAILABLE]
    waiter = world.begin(read=True)
    await until(lambda: world.driver.answers)
    ((_, failed),) = world.driver.answers
    failed(Unavailable("too few"))

    with pytest.raises(Refused, match="too few"):
        await waiter
    assert world.requests.in_flight == 0


async def test_a_write_that_is_refused_is_not_sent_again(world):
    with pytest.raises(Refused):
        await world.ask(UNAVAILABLE, read=False)

    assert [] == world.driver.asked


async def test_a_statement_that_the_node_does_not_know_is_sent_by_the_driver_who_prepares_it(world):
    world.node.script = [UNPREPARED]
    waiter = world.begin(read=False)
    await until(lambda: world.driver.answers)
    ((succeeded, _),) = world.driver.answers
    succeeded(None)

    assert await waiter is None


async def test_a_write_whose_connection_ends_may_have_happened(world):
    with pytest.raises(OutcomeUnknown):
        await world.ask("hang up", read=False)

    assert ([], 0) == (world.driver.asked, world.requests.in_flight)


async def test_a_write_that_is_not_answered_in_time_may_have_happened_and_its_number_is_not_given_again(world):
    with pytest.raises(OutcomeUnknown):
        await world.ask(SILENCE, read=False)

    assert len(world.connection.orphaned_request_ids) == 1
    assert ([True], 0) == (world.pool.returned, world.requests.in_flight)


async def test_a_read_that_takes_long_is_asked_of_the_next_node_and_the_first_answer_counts(world):
    world.plan = ["first", "second"]
    world.node.script = [SILENCE]
    waiter = world.begin(read=True)
    began = asyncio.get_running_loop().time()
    await until(lambda: world.driver.answers)
    assert asyncio.get_running_loop().time() - began >= SPECULATE_SECONDS * 0.9
    ((succeeded, _),) = world.driver.answers
    succeeded((["v"], [(b"w",)]))

    assert [(b"w",)] == await waiter
    assert (["second"], 0) == (world.driver.asked, world.requests.in_flight)


async def test_the_time_of_a_message_that_was_refused_does_not_end_another_that_has_its_number_now(world):
    world.node.script = [UNPREPARED, SILENCE]
    world.connection.request_ids.clear()
    refused = world.begin(read=False)
    await until(lambda: world.driver.answers)
    ended = asyncio.get_running_loop().create_future()
    world.requests.messages.after(TIMEOUT, lambda: ended.set_result(None))
    world.requests.timeout = ANSWER_SECONDS_MAX
    other = world.begin(read=False)
    (number,) = world.connection._requests
    assert number == world.connection.highest_request_id
    await ended

    assert [number] == list(world.connection._requests)
    refused.cancel()
    other.cancel()


async def test_a_second_node_that_fails_leaves_the_first_to_answer(world):
    world.plan = ["first", "second"]
    world.node.script = [SILENCE]
    waiter = world.begin(read=True)
    await until(lambda: world.driver.answers)
    ((_, failed),) = world.driver.answers
    failed(OperationTimedOut())
    assert not waiter.done()

    with pytest.raises(Refused):
        await waiter
    assert world.requests.in_flight == 0


async def test_a_read_without_a_second_node_ends_in_time(world):
    with pytest.raises(Refused):
        await world.ask(SILENCE)

    assert ([], [True], 0) == (world.driver.asked, world.pool.returned, world.requests.in_flight)


async def test_what_cannot_be_sent_goes_the_drivers_way(world):
    world.pool.connection = None
    waiter = world.begin(read=False)
    ((succeeded, _),) = world.driver.answers
    succeeded(None)

    assert await waiter is None


async def test_the_driver_may_answer_in_another_thread(world):
    world.pool.connection = None
    waiter = world.begin(read=True)
    ((_, failed),) = world.driver.answers
    threading.Thread(target=failed, args=(ConnectionShutdown("gone"),)).start()

    with pytest.raises(Refused, match="connection"):
        await asyncio.wait_for(waiter, ANSWER_SECONDS_MAX)


async def test_who_has_given_up_is_not_told(world):
    world.node.script = [ROW]
    waiter = world.begin(read=True)
    waiter.cancel()
    await until(lambda: world.requests.in_flight == 0)

    assert waiter.cancelled()


@pytest.fixture
def encrypted(runner, tmp_path):
    """A world whose connection is encrypted."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=node", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, *subject]
    subprocess.run(made, check=True, capture_output=True)
    node_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    node_side.load_cert_chain(certificate, key)
    yield from played(runner, Node(node_side), ssl_context=ssl.create_default_context(cafile=certificate))


async def test_answers_of_many_records_come_whole_over_an_encrypted_connection(encrypted):
    value = bytes(range(256)) * 2000
    large = (RESULT, struct.pack(">iiiii", 2, 4, 2, 1, len(value)) + value + struct.pack(">i", -1))
    for _ in range(5):
        assert [(value, None)] == list(await encrypted.ask(large))

    assert [(b"v", None)] == list(await encrypted.ask(ROW))


async def test_large_writes_go_out_whole_over_an_encrypted_connection(encrypted):
    encrypted.node.script = [VOID] * 20
    encrypted.requests.timeout = ANSWER_SECONDS_MAX
    statement = encrypted.prepared.bind((bytes(1_000_000),))
    waiters = [encrypted.requests.begin(statement, encrypted.profile, lambda *_: "done", read=False) for _ in range(20)]

    assert ["done"] * 20 == await asyncio.gather(*waiters)


async def until(condition):
    """Wait for a condition that the loop brings about."""
    async with asyncio.timeout(ANSWER_SECONDS_MAX):
        while not condition():
            await asyncio.sleep(0.005)
