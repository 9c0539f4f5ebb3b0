"""Several worker processes behind one port: they share the clients, see one another's tables and items at once, and the
service outlives each of them.

The first two digits of a request id say which worker answered.
"""

import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import HTTPClientError

pytestmark = pytest.mark.data_file

ROOT = Path(__file__).parents[2]
WORKERS = 2
CONNECTIONS = 16
SECONDS_MAX = 30
CLIENTS = 4
ITEMS_PER_CLIENT = 20
KILLS = int(os.environ.get("MAGNETODB_TEST_KILLS", "0")) or 3
WRITES_BETWEEN_KILLS = 100

COLOURS = ("red", "green", "blue")

TABLE = {
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}
BY_COLOUR = {
    "AttributeDefinitions": [{"AttributeName": "colour", "AttributeType": "S"}],
    "GlobalSecondaryIndexUpdates": [
        {
            "Create": {
                "IndexName": "by_colour",
                "KeySchema": [{"AttributeName": "colour", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        }
    ],
}


class Connection:
    """One kept connection; where the server closes it, the next request opens another."""

    def __init__(self, url):
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=SECONDS_MAX)
        self.request_id = self.worker = ""

    def ask(self, operation, **parameters):
        """(status, answer); `worker` says who answered."""
        headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Content-Type": "application/x-amz-json-1.0"}
        self._connection.request("POST", "/", json.dumps(parameters).encode(), headers)
        response = self._connection.getresponse()
        body = json.loads(response.read())
        self.request_id = response.getheader("x-amzn-RequestId")
        self.worker = self.request_id[:2]
        return response.status, body

    def close(self):
        self._connection.close()


class Ends:
    """A connection to each worker of a server."""

    def __init__(self, url):
        self.url = url
        self._by_worker = {}
        for worker in range(1, WORKERS + 1):
            self._by_worker[f"{worker:02X}"] = self._connected(f"{worker:02X}")

    def ask(self, number, operation, **parameters):
        """What that worker answers."""
        worker = f"{number:02X}"
        status, body = self._by_worker[worker].ask(operation, **parameters)

        assert worker == self._by_worker[worker].worker
        return status, body

    def close(self):
        for connection in self._by_worker.values():
            connection.close()

    def _connected(self, worker):
        strangers = []
        while True:
            connection = Connection(self.url)
            connection.ask("ListTables")
            if connection.worker == worker:
                break
            strangers.append(connection)
        for stranger in strangers:
            stranger.close()
        return connection


@pytest.fixture(scope="module")
def server(ours, servers):
    """A server with two workers that no test here harms."""
    return servers("magnetodb-api", workers=WORKERS)


@pytest.fixture
def ends(server):
    """A connection to each of its workers."""
    connections = Ends(server.url)
    yield connections
    connections.close()


@pytest.fixture
def new_workers(ours, new_server):
    """new_workers(data_dir=None, **options) -> a server with two workers of its own."""
    return lambda data_dir=None, **options: new_server("magnetodb-api", data_dir, workers=WORKERS, **options)


def children(process):
    """The process ids of the workers."""
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def is_alive(pid):
    """Whether a process runs; a dead one that nobody has reaped does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def wait_until(condition, seconds=SECONDS_MAX):
    """Until it holds; False if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.02)
    return True


def spread(connections):
    """How many connections each worker has, by asking over all of them."""
    for connection in connections:
        assert 200 == connection.ask("ListTables")[0]
    return Counter(connection.worker for connection in connections)


def metrics(server):
    """The samples of /metrics: {name and labels as they are written: value}."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=SECONDS_MAX) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_connections_are_spread_evenly(server):
    connections = [Connection(server.url) for _ in range(CONNECTIONS)]
    try:
        even = wait_until(lambda: set(spread(connections).values()) == {CONNECTIONS // WORKERS})
    finally:
        for connection in connections:
            connection.close()

    assert even


def test_a_table_that_one_made_the_other_has_at_once(ends):
    for number in range(20):
        name = f"seen-{number}"
        one, other = (1, 2) if number % 2 else (2, 1)
        created = ends.ask(one, "CreateTable", TableName=name, **TABLE)
        put = ends.ask(other, "PutItem", TableName=name, Item={"pk": {"S": "a"}})
        got = ends.ask(one, "GetItem", TableName=name, Key={"pk": {"S": "a"}})
        deleted = ends.ask(other, "DeleteTable", TableName=name)
        late = ends.ask(one, "PutItem", TableName=name, Item={"pk": {"S": "b"}})

        assert [200, 200, 200, 200, 400] == [created[0], put[0], got[0], deleted[0], late[0]]
        assert {"Item": {"pk": {"S": "a"}}} == got[1]
        assert late[1]["__type"].endswith("#ResourceNotFoundException")


def test_a_table_of_the_same_name_is_a_new_one_for_both(ends):
    ends.ask(1, "CreateTable", TableName="again", **TABLE)
    ends.ask(2, "PutItem", TableName="again", Item={"pk": {"S": "old"}})
    for number in range(10):
        one, other = (1, 2) if number % 2 else (2, 1)
        ends.ask(one, "DeleteTable", TableName="again")
        ends.ask(one, "CreateTable", TableName="again", **TABLE)
        before = ends.ask(other, "Scan", TableName="again")
        ends.ask(other, "PutItem", TableName="again", Item={"pk": {"S": f"{number}"}})
        after = ends.ask(one, "Scan", TableName="again")

        assert (200, 0) == (before[0], before[1]["Count"])
        assert [{"pk": {"S": f"{number}"}}] == after[1]["Items"]


def test_an_index_that_one_adds_the_other_maintains_at_once(ends):
    """Writes through both while it is being filled; then it has them all."""
    ends.ask(1, "CreateTable", TableName="indexed", **TABLE)
    for number in range(50):
        ends.ask(1, "PutItem", TableName="indexed", Item={"pk": {"S": f"before-{number}"}, "colour": {"S": "red"}})
    assert 200 == ends.ask(1, "UpdateTable", TableName="indexed", **BY_COLOUR)[0]
    for number in range(50):
        item = {"pk": {"S": f"after-{number}"}, "colour": {"S": "red"}}
        assert 200 == ends.ask(1 + number % 2, "PutItem", TableName="indexed", Item=item)[0]

    def is_active():
        described = [ends.ask(number, "DescribeTable", TableName="indexed")[1]["Table"] for number in (1, 2)]
        return all(each["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE" for each in described)

    assert wait_until(is_active)
    query = {
        "IndexName": "by_colour",
        "KeyConditionExpression": "colour = :red",
        "ExpressionAttributeValues": {":red": {"S": "red"}},
    }
    assert [100, 100] == [ends.ask(number, "Query", TableName="indexed", **query)[1]["Count"] for number in (1, 2)]


def test_what_one_wrote_the_other_reads_at_once(ends):
    """By every kind of read, whatever it has in memory."""
    ends.ask(1, "CreateTable", TableName="read", **TABLE)
    key = {"pk": {"S": "a"}}
    for number in range(200):
        one, other = (1, 2) if number % 2 else (2, 1)
        item = {**key, "n": {"N": f"{number}"}}
        ends.ask(one, "PutItem", TableName="read", Item=item)
        got = ends.ask(other, "GetItem", TableName="read", Key=key)
        scanned = ends.ask(other, "Scan", TableName="read")

        assert item == got[1]["Item"]
        assert [item] == scanned[1]["Items"]


def test_a_counter_that_both_raise_loses_no_step(server):
    connections = [Connection(server.url) for _ in range(8)]
    connections[0].ask("CreateTable", TableName="counter", **TABLE)
    update = {
        "TableName": "counter",
        "Key": {"pk": {"S": "a"}},
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    statuses = []

    def count(connection):
        statuses.extend([connection.ask("UpdateItem", **update)[0] for _ in range(50)])
        connection.close()

    run([threading.Thread(target=count, args=(connection,)) for connection in connections])
    with_it = Connection(server.url)
    counted = with_it.ask("GetItem", TableName="counter", Key={"pk": {"S": "a"}})[1]["Item"]["n"]["N"]
    with_it.close()

    assert [200] * 400 == statuses
    assert "400" == counted


def test_one_name_is_created_once(server):
    """By many at once, through both: one has it, the others are told so."""
    connections = [Connection(server.url) for _ in range(8)]
    for number in range(5):
        answers = []

        def create(connection, name=f"once-{number}", answers=answers):
            answers.append(connection.ask("CreateTable", TableName=name, **TABLE))

        run([threading.Thread(target=create, args=(connection,)) for connection in connections])
        refused = {body["__type"].rpartition("#")[2] for status, body in answers if status != 200}

        assert 1 == [status for status, _ in answers].count(200)
        assert {"ResourceInUseException"} == refused
    for connection in connections:
        connection.close()


def run(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_the_figures_are_those_of_all(server, ends):
    name = 'magnetodb_request_seconds_count{error="",operation="DescribeLimits"}'
    before = metrics(server).get(name, 0)
    for number in range(30):
        ends.ask(1 + number % 2, "DescribeLimits")
        shown = metrics(server)

        assert before + number + 1 == shown[name]
    assert WORKERS == shown["magnetodb_worker_processes"]
    assert 2 <= shown["magnetodb_connections"]


def test_the_request_log_has_a_whole_line_for_each_request_of_all(new_workers, tmp_path):
    server = new_workers(request_log=tmp_path / "requests.log")
    Ends(server.url).close()  # Each has answered something.
    ids = []

    def ask():
        connection = Connection(server.url)
        for _ in range(100):
            assert 200 == connection.ask("ListTables")[0]
            ids.append(connection.request_id)
        connection.close()

    run([threading.Thread(target=ask) for _ in range(8)])
    assert 0 == server.stop()
    lines = (tmp_path / "requests.log").read_text().splitlines()
    logged = Counter(json.loads(line)["request_id"] for line in lines)

    assert 800 == len(set(ids) & logged.keys())
    assert {1} == set(logged.values())
    assert {"01", "02"} == {each[:2] for each in logged}


def test_the_health_check_is_answered_and_its_rows_are_no_quarrel(server):
    for _ in range(20):
        with urllib.request.urlopen(f"{server.url}/healthcheck?fullcheck=true", timeout=SECONDS_MAX) as answer:
            assert 200 == answer.status


class Writer:
    """Puts its own items by boto3, and remembers what was acknowledged and what may have happened."""

    def __init__(self, number, client):
        self.client = client
        self.keys = [f"client-{number}/{row}" for row in range(ITEMS_PER_CLIENT)]
        self.acknowledged = {}
        self.doubtful = {}
        self.writes = 0
        self.cut = 0
        self.failure = None

    def write_until(self, ended):
        value = 0
        try:
            while not ended.is_set():
                value += 1
                self.write(random.choice(self.keys), value)
        except BaseException as error:
            self.failure = error

    def write(self, key, value):
        self.doubtful.setdefault(key, set()).add(value)
        try:
            item = {"pk": {"S": key}, "n": {"N": f"{value}"}, "colour": {"S": COLOURS[value % len(COLOURS)]}}
            self.client.put_item(TableName="written", Item=item)
        except HTTPClientError:
            self.cut += 1  # Its worker died; whether this was written is not known.
            return
        self.acknowledged[key] = value
        self.doubtful[key] = set()
        self.writes += 1

    def lost(self, stored):
        """Keys whose items are neither what was acknowledged last nor what may have been written after that."""
        return [
            key
            for key in self.keys
            if stored.get(key) not in {self.acknowledged.get(key), *self.doubtful.get(key, set())}
        ]


def writers_of(server, client_of):
    client = client_of(server.url)
    (index,) = BY_COLOUR["GlobalSecondaryIndexUpdates"]
    attributes = TABLE["AttributeDefinitions"] + BY_COLOUR["AttributeDefinitions"]
    table = {**TABLE, "AttributeDefinitions": attributes, "GlobalSecondaryIndexes": [index["Create"]]}
    client.create_table(TableName="written", **table)
    return [Writer(number, client_of(server.url)) for number in range(CLIENTS)]


def stored_values(client):
    """The values by key; the index has the same ones."""
    paginator = client.get_paginator("scan")
    values, indexed = [
        {item["pk"]["S"]: int(item["n"]["N"]) for page in pages for item in page["Items"]}
        for pages in (
            paginator.paginate(TableName="written", ConsistentRead=True),
            paginator.paginate(TableName="written", IndexName="by_colour"),
        )
    ]

    assert values == indexed
    return values


def written(writers):
    return sum(writer.writes for writer in writers)


@pytest.mark.timeout(240 + 20 * KILLS)
def test_a_killed_worker_loses_nothing_and_the_others_go_on(new_workers, client_of, figures):
    server = new_workers()
    writers = writers_of(server, client_of)
    ended = threading.Event()
    threads = [threading.Thread(target=writer.write_until, args=(ended,)) for writer in writers]
    for thread in threads:
        thread.start()
    went_on = []
    for _ in range(KILLS):
        reached = written(writers) + WRITES_BETWEEN_KILLS
        assert wait_until(lambda reached=reached: written(writers) >= reached)
        victim = random.choice(children(server.process))
        os.kill(victim, signal.SIGKILL)
        reached = written(writers) + WRITES_BETWEEN_KILLS
        went_on.append(wait_until(lambda reached=reached: written(writers) >= reached))
        assert wait_until(lambda victim=victim: len(set(children(server.process)) - {victim}) == WORKERS)
    ended.set()
    for thread in threads:
        thread.join()
    stored = stored_values(client_of(server.url))
    figures(
        f"kill -9 of a worker: {KILLS} kills, {written(writers)} acknowledged writes, "
        f"{sum(writer.cut for writer in writers)} cut off"
    )

    assert [] == [writer.failure for writer in writers if writer.failure]
    assert [True] * KILLS == went_on
    assert [] == [key for writer in writers for key in writer.lost(stored)]
    assert 0 == server.stop()


def test_all_workers_killed_at_once_come_back(new_workers):
    server = new_workers()
    victims = children(server.process)
    for victim in victims:
        os.kill(victim, signal.SIGKILL)

    assert wait_until(lambda: len(set(children(server.process)) - set(victims)) == WORKERS)
    connection = Connection(server.url)
    assert 200 == connection.ask("ListTables")[0]
    connection.close()
    assert 2 == sum(bool(re.search(r"Worker \d \(process \d+\) was ended by SIGKILL", line)) for line in server.output)
    assert 0 == server.stop()


def test_after_a_restart_clients_are_spread_again(new_workers):
    """Those that were cut off have gone to the other worker; some are sent back, without an error."""
    server = new_workers()
    connections = [Connection(server.url) for _ in range(CONNECTIONS)]
    assert wait_until(lambda: len(spread(connections)) == WORKERS)
    (victim, _) = children(server.process)
    os.kill(victim, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(victim))
    for connection in connections:
        connection.close()

    even = wait_until(lambda: set(spread(connections).values()) == {CONNECTIONS // WORKERS})
    for connection in connections:
        connection.close()

    assert even


def test_counters_do_not_go_back_when_a_worker_dies(new_workers):
    server = new_workers()
    connections = Ends(server.url)
    for number in range(20):
        connections.ask(1 + number % 2, "DescribeLimits")
    connections.close()
    name = 'magnetodb_request_seconds_count{error="",operation="DescribeLimits"}'
    before = metrics(server)[name]
    victims = children(server.process)
    os.kill(victims[0], signal.SIGKILL)
    assert wait_until(lambda: not is_alive(victims[0]))
    without = metrics(server)[name]
    assert wait_until(lambda: metrics(server)["magnetodb_worker_processes"] == WORKERS)
    shown = metrics(server)

    assert (20, 20, 20) == (before, without, shown[name])
    assert 1 == shown["magnetodb_worker_restarts_total"]


def test_when_the_supervisor_is_killed_nothing_is_left_running(new_workers, client_of, tmp_path):
    """Nor lost: another server finds all that was acknowledged."""
    server = new_workers(tmp_path)
    writers = writers_of(server, client_of)
    ended = threading.Event()
    threads = [threading.Thread(target=writer.write_until, args=(ended,)) for writer in writers]
    for thread in threads:
        thread.start()
    assert wait_until(lambda: written(writers) >= WRITES_BETWEEN_KILLS)
    workers = children(server.process)
    server.process.kill()
    server.process.wait()

    assert wait_until(lambda: not any(is_alive(worker) for worker in workers), seconds=10)
    ended.set()
    for thread in threads:
        thread.join()
    stored = stored_values(client_of(new_workers(tmp_path).url))
    assert [] == [key for writer in writers for key in writer.lost(stored)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_finishes_the_requests_in_hand(new_workers, wire_of, number):
    """Half of a request has come to each worker when the service is told to stop; the rest is still answered."""
    server = new_workers()
    wire = wire_of(server)
    request = wire.request(body=b"{}" + b" " * 1_000_000)
    connections = []
    asked = set()
    while len(asked) < WORKERS:
        connection = wire.connect()
        connection.sendall(wire.request())
        asked.add(wire.read(connection)[1]["x-amzn-requestid"][:2])
        connection.sendall(request[:500_000])
        connections.append(connection)
    workers = children(server.process)
    server.process.send_signal(number)
    assert wait_until(lambda: refuses(wire))
    for connection in connections:
        connection.sendall(request[500_000:])

    assert {200} == {wire.read(connection)[0] for connection in connections}
    for connection in connections:
        connection.close()
    assert 0 == server.process.wait(SECONDS_MAX)
    assert not any(is_alive(worker) for worker in workers)


def refuses(wire):
    try:
        wire.connect(timeout=5).close()
    except OSError:
        return True
    return False


def test_a_worker_that_hangs_is_no_trap_for_new_clients_and_is_told(new_workers):
    server = new_workers()
    stopped = children(server.process)[1]
    os.kill(stopped, signal.SIGSTOP)
    try:
        connections = [Connection(server.url) for _ in range(CONNECTIONS)]
        workers = spread(connections)
        for connection in connections:
            connection.close()
        unhealthy = wait_until(lambda: "worker 2 has answered nobody for" in health(server))
    finally:
        os.kill(stopped, signal.SIGCONT)

    assert {"01": CONNECTIONS} == workers
    assert unhealthy
    assert wait_until(lambda: health(server).startswith("healthy"))
    assert 0 == server.stop()


def health(server):
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=SECONDS_MAX)
    connection.request("GET", "/healthcheck?fullcheck=true")
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def start(data_dir, port):
    """A server that is expected to end by itself: (exit code, what it wrote to standard error)."""
    command = [sys.executable, "-m", "magnetodb.commands.api", "--workers", str(WORKERS)]
    finished = subprocess.run(
        [*command, "--data-dir", str(data_dir), "--bind-port", str(port)],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        cwd=ROOT,
    )
    return finished.returncode, finished.stderr


def test_a_busy_port_is_told_at_once(ours, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code, message = start(tmp_path, port)

    assert (1, 1) == (code, message.count("\n"))
    assert message.startswith(f"magnetodb-api: cannot listen on 127.0.0.1:{port}: ")
    assert not (tmp_path / "magnetodb.sqlite").exists()


def test_a_directory_in_use_is_told_at_once(new_workers, tmp_path):
    server = new_workers(tmp_path)
    code, message = start(tmp_path, 0)

    assert (1, 1) == (code, message.count("\n"))
    assert f"is in use by another server (process {server.process.pid})" in message


def test_a_file_that_is_not_ours_is_told_once(ours, tmp_path):
    (tmp_path / "magnetodb.sqlite").write_bytes(b"something else entirely, and long enough to be looked at" * 100)

    code, message = start(tmp_path, 0)

    assert (1, 1) == (code, message.count("\n"))
    assert message.startswith("magnetodb-api: ")


def test_data_in_memory_is_served_by_one_process(ours, new_server, client_of):
    server = new_server("magnetodb-api", workers=WORKERS, memory="true")

    assert [] == client_of(server.url).list_tables()["TableNames"]
    assert [] == children(server.process)


def test_request_ids_name_their_worker_and_are_unique(server, wire_of):
    wire = wire_of(server)
    ids = []
    for _ in range(100):
        ids.append(wire.exchange(wire.request(Connection="close"))[1]["x-amzn-requestid"])

    assert 100 == len(set(ids))
    assert [] == [each for each in ids if not re.fullmatch("0[12][0-9A-F]{50}", each)]
