"""Black box: real servers on free ports, both fronts, asked by boto3 and by bare sockets.

`pytest tests/dynamodb --url http://host:port` asks another endpoint instead. MAGNETODB_TEST_CASSANDRA=address:port puts
the servers on a Cassandra that runs (`make test-cassandra`); tests that are marked `data_file` are left out then.
"""

import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import uuid
import weakref
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from magnetodb.storage.cassandra.cluster_options import ClusterOptions
from magnetodb.storage.cassandra.driver import CassandraDriver
from magnetodb.storage.sqlite import SqliteDriver
from tests.cassandra_keyspaces import make_keyspace

ROOT = Path(__file__).parents[2]
FRONTS = ("magnetodb-api", "gunicorn")
REGION = "us-east-1"
START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 30

CASSANDRA = os.environ.get("MAGNETODB_TEST_CASSANDRA", "")

LONG_FILES = (
    "test_driver_contract",
    "test_examples",
    "test_expiry_under_writes",
    "test_online_indexes",
    "test_server_resilience",
    "test_servers_on_a_cluster",
    "test_time_to_live",
    "test_transactions_survive_kills",
    "test_update_table",
)
"""They come first on Cassandra, where a process has a file to itself: no other waits for them in the end."""

RUNNING = weakref.WeakSet()
"""All servers that are known to some test."""

OUTPUT_LINES = 40
"""So much of each server's output is shown with a failure."""

ITEMS_PURGED_MAX = 100
"""A table with more items is not used again by another test."""

ACCESS_KEYS = {
    "member": ("AKMEMBER", "member-secret/+="),
    "reader": ("AKREADER", "reader-secret"),
    "stranger": ("AKSTRANGER", "stranger-secret"),
}
ACCESS_KEYS_OPTION = (
    "AKMEMBER:member-secret/+=:orders:member,AKREADER:reader-secret:orders:reader,"
    "AKSTRANGER:stranger-secret:elsewhere:member,AKSESSION:session-secret:orders:member:session-token"
)


def pytest_addoption(parser):
    parser.addoption("--url", help="the endpoint to ask; default: servers that the tests start")


def pytest_configure(config):
    config.addinivalue_line("markers", "data_file: what is tested is the data file of storage = sqlite")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    left = [item for item in items if not is_wanted(item)]
    items[:] = [item for item in items if is_wanted(item)]
    config.hook.pytest_deselected(items=left)
    if CASSANDRA:
        items.sort(key=lambda item: (item.path.stem not in LONG_FILES, item.path.stem))


def is_wanted(item):
    """Whether a test says something about the storage that there is. On Cassandra, where they take longer, half of the
    tests ask one front and half the other: behind their doors both are the same."""
    if item.get_closest_marker("data_file" if CASSANDRA else "cassandra"):
        return False
    front = getattr(item, "callspec", None) and item.callspec.params.get("front")
    return not CASSANDRA or not front or front == FRONTS[zlib.crc32(item.originalname.encode()) % len(FRONTS)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure is shown with what the servers said."""
    report = yield
    if report.failed:
        for server in list(RUNNING):
            said = "".join(server.output[-OUTPUT_LINES:])
            report.sections.append((f"{server.url}, process {server.process.pid}", said))
    return report


class RunningServer:
    """A server process; its address is what it said at its start."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = []
        self._listens = threading.Event()
        self.url = None
        RUNNING.add(self)
        threading.Thread(target=self._read, daemon=True).start()
        if not self._listens.wait(START_SECONDS_MAX) or self.url is None:
            self.stop()
            raise RuntimeError("the server did not start:\n" + "".join(self.output))

    def _read(self):
        for line in self.process.stdout:
            self.output.append(line)
            listens = re.search(r"[Ll]isten(?:s on|ing at:) (http://\S+)", line)
            if listens and self.url is None:
                self.url = listens[1]
                self._listens.set()
        self._listens.set()

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(STOP_SECONDS_MAX)


def start_server(front, data_dir, **options):
    """A server of a front; `options` as in magnetodb.conf. `data_dir`: or a name for what is kept there, if it is not
    on a file system."""
    options = {"bind_port": "0", "region": REGION, **place(data_dir), **options}
    environment = {f"MAGNETODB_{name.upper()}": str(value) for name, value in options.items()}
    if front == "gunicorn":
        command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "etc" / "magnetodb" / "gunicorn.conf.py")]
    else:
        command = [sys.executable, "-m", "magnetodb.commands.api"]
    return RunningServer(command, environment)


def place(data_dir):
    """The options that say where the data is: in a directory, or in a keyspace for each directory there would be."""
    if not CASSANDRA:
        return {"data_dir": str(data_dir)}
    address, _, port = CASSANDRA.rpartition(":")
    keyspace = f"test_{hashlib.md5(str(data_dir).encode()).hexdigest()}"
    make_keyspace(address, int(port), keyspace)
    return {
        "storage": "cassandra",
        "cassandra_contact_points": address,
        "cassandra_port": port,
        "cassandra_keyspace": keyspace,
        "cassandra_create_schema": "true",
    }


def shared_place(front, options):
    """The name of the data of all servers that need no data of their own, in all processes of the tests: only what
    runs in the background, or is shared among servers, must not differ."""
    own = {name: options[name] for name in ("expiry_interval", "run_jobs") if name in options}
    if "enforce_throughput" in options:
        own |= {"front": front, "process": os.environ.get("PYTEST_XDIST_WORKER", "")}
    return f"shared {sorted(own.items())}"


@contextlib.contextmanager
def shared_servers(tmp_path_factory):
    """A function that starts a server for each front and options that it was not called with before; they are stopped
    in the end."""
    running = {}

    def server(front, **options):
        key = (front, tuple(sorted(options.items())))
        if key not in running:
            data_dir = shared_place(front, options) if CASSANDRA else tmp_path_factory.mktemp(front)
            running[key] = start_server(front, data_dir, **options)
        return running[key]

    yield server
    stop_all(running.values())


@pytest.fixture(scope="session")
def usual_servers(tmp_path_factory):
    """usual_servers(front) -> RunningServer of the whole session."""
    with shared_servers(tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="module")
def servers(usual_servers, tmp_path_factory):
    """servers(front, **options) -> RunningServer; the same one for the same arguments, until the module ends: one that
    idles takes its share of the machine, too."""
    with shared_servers(tmp_path_factory) as server:
        yield lambda front, **options: server(front, **options) if options else usual_servers(front)


@contextlib.contextmanager
def own_servers(tmp_path_factory):
    """A function that starts servers, which are stopped in the end."""
    running = []

    def server(front, data_dir=None, **options):
        running.append(start_server(front, data_dir or tmp_path_factory.mktemp(front), **options))
        return running[-1]

    yield server
    stop_all(running)


def stop_all(servers):
    """SIGTERM to all, and wait for them."""
    for each in servers:
        each.process.terminate()
    for each in servers:
        each.stop()


@pytest.fixture
def new_server(tmp_path_factory):
    """new_server(front, data_dir=None, **options) -> RunningServer that no other test uses."""
    with own_servers(tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="module")
def module_server(tmp_path_factory):
    """As new_server, for the tests of one module."""
    with own_servers(tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session")
def open_driver():
    """open_driver(data_dir) -> coroutine: the driver on what a server keeps there, while none runs."""

    async def opened(data_dir):
        if not CASSANDRA:
            return SqliteDriver(data_dir)
        options = place(data_dir)
        return await CassandraDriver.open(
            ClusterOptions(
                (options["cassandra_contact_points"],),
                int(options["cassandra_port"]),
                options["cassandra_keyspace"],
                create_schema=True,
            )
        )

    return opened


@pytest.fixture(scope="session", params=FRONTS)
def front(request):
    """Each test runs once for each front; against --url only once."""
    if request.config.getoption("--url") and request.param != FRONTS[0]:
        pytest.skip("one endpoint, one run")
    return request.param


@pytest.fixture(scope="session")
def endpoint(request, front, usual_servers):
    """The URL to ask."""
    return request.config.getoption("--url") or usual_servers(front).url


@pytest.fixture(scope="session")
def ours(request):
    """For tests that need a server which they started themselves."""
    if request.config.getoption("--url"):
        pytest.skip("only for servers that the tests start")


@pytest.fixture(scope="module")
def signed_endpoint(ours, front, servers):
    """The URL of a server that verifies signatures."""
    return servers(front, auth="sigv4", access_keys=ACCESS_KEYS_OPTION).url


def boto3_client(url, *, key_id="any", secret="any", region=REGION, token=None, **config):
    """A DynamoDB client that does not retry."""
    return boto3.session.Session().client(
        "dynamodb",
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=32, **config),
    )


@pytest.fixture(scope="session")
def client(endpoint):
    """boto3's client of the endpoint."""
    return boto3_client(endpoint)


@pytest.fixture(scope="session")
def client_of():
    """client_of(url) -> boto3's client of a server with options of its own."""
    return boto3_client


@pytest.fixture(scope="module")
def signing_client(signed_endpoint):
    """signing_client(who or key_id=.., secret=..) -> boto3's client of the server that verifies signatures."""

    def make(who=None, **arguments):
        if who:
            arguments["key_id"], arguments["secret"] = ACCESS_KEYS[who]
        return boto3_client(signed_endpoint, **arguments)

    return make


class SpareTables:
    """Tables that earlier tests have left as they found them, empty: where making and dropping tables takes long."""

    def __init__(self):
        self._spare = {}
        self._lent = {}

    def take(self, request):
        """The name of a table as the request wants it, or None."""
        spare = self._spare.get(wanted(request))
        if not spare:
            return None
        name, described = spare.pop()
        self._lent[name] = wanted(request), described
        return name

    def made(self, client, request):
        """A table was made as the request wants it."""
        name = request["TableName"]
        self._lent[name] = wanted(request), described(client, name)

    def give_back(self, client, name):
        """Whether the table was taken back, and need not be deleted."""
        key, before = self._lent.pop(name)
        with contextlib.suppress(ClientError):
            if described(client, name) == before and emptied(client, name, before):
                self._spare.setdefault(key, []).append((name, before))
                return True
        return False


def wanted(request):
    """What tables made by equal requests share."""
    return json.dumps(request | {"TableName": ""}, sort_keys=True)


def described(client, name):
    """All that is said of a table, but for figures."""
    table = without_figures(client.describe_table(TableName=name)["Table"])
    for indexes in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
        table[indexes] = [without_figures(index) for index in table.get(indexes, [])]
    time_to_live = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    return table, time_to_live, client.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]


def without_figures(members):
    figures = ("ItemCount", "TableSizeBytes", "IndexSizeBytes")
    return {name: value for name, value in members.items() if name not in figures}


def emptied(client, name, before):
    """Whether the table is empty now; one with many items stays as it is."""
    keys = [element["AttributeName"] for element in before[0]["KeySchema"]]
    page = client.scan(TableName=name, ConsistentRead=True)
    if "LastEvaluatedKey" in page or page["Count"] > ITEMS_PURGED_MAX:
        return False
    for item in page["Items"]:
        client.delete_item(TableName=name, Key={key: item[key] for key in keys})
    return True


@pytest.fixture(scope="session")
def spare_tables(request):
    """SpareTables, or None where making tables takes no time."""
    return SpareTables() if CASSANDRA and not request.config.getoption("--url") else None


@pytest.fixture
def create_table(client, spare_tables):
    """create_table(**CreateTable members) -> name of a new table, ACTIVE; it is deleted after the test.

    Without members: partition key `pk` (S), sort key `sk` (S), billed per request.
    """
    names = []

    def create(**members):
        request = {
            "TableName": f"t-{uuid.uuid4().hex}",
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            "BillingMode": "PAY_PER_REQUEST",
            **members,
        }
        spare = spare_tables.take(request) if spare_tables and "TableName" not in members else None
        if spare:
            names.append(spare)
            return spare
        client.create_table(**request)
        names.append(request["TableName"])
        client.get_waiter("table_exists").wait(
            TableName=request["TableName"], WaiterConfig={"Delay": 0.05, "MaxAttempts": 200}
        )
        if spare_tables:
            spare_tables.made(client, request)
        return request["TableName"]

    yield create
    for name in names:
        if not spare_tables or not spare_tables.give_back(client, name):
            client.delete_table(TableName=name)


@pytest.fixture
def make_table(create_table):
    """make_table("pk:S", "sk:N", lsi={name: index}, gsi={name: index}) -> name of a new table with these keys.

    An index is {"key": (partition, sort)} or {"hash": (..), "range": (..)}, with "projection" (ALL) and "attributes".
    """

    def make(*key, lsi=None, gsi=None, **members):
        types = {}

        def key_schema(partition, sort):
            elements = [*((text, "HASH") for text in partition), *((text, "RANGE") for text in sort)]
            types.update(text.split(":") for text, _ in elements)
            return [{"AttributeName": text.split(":")[0], "KeyType": role} for text, role in elements]

        def index(name, key=(), projection="ALL", attributes=None, **parts):
            schema = key_schema(parts.get("hash", key[:1]), parts.get("range", key[1:]))
            given = {"NonKeyAttributes": attributes} if attributes else {}
            return {"IndexName": name, "KeySchema": schema, "Projection": {"ProjectionType": projection, **given}}

        request = {"KeySchema": key_schema(key[:1], key[1:])}
        for member, indexes in (("LocalSecondaryIndexes", lsi), ("GlobalSecondaryIndexes", gsi)):
            if indexes:
                request[member] = [index(name, **parts) for name, parts in indexes.items()]
        definitions = [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]
        return create_table(AttributeDefinitions=definitions, **request, **members)

    return make


@pytest.fixture(scope="session")
def refusal():
    """refusal(call, ...) -> (code, message) of the error that the call must raise."""

    def refused(call, *arguments, **members):
        with pytest.raises(ClientError) as caught:
            call(*arguments, **members)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return refused


class Wire:
    """Bare bytes to and from an endpoint."""

    def __init__(self, url):
        self.url = url
        parts = urlsplit(url)
        self.address = (parts.hostname, parts.port)

    def connect(self, timeout=20):
        return socket.create_connection(self.address, timeout)

    def exchange(self, data):
        """Send, and read one response: (status, headers by lower-case name, body)."""
        with self.connect() as connection:
            connection.sendall(data)
            return self.read(connection)

    @staticmethod
    def read(connection, method="POST"):
        """One response. Reads no byte of the next one only if the server sends none."""
        response = http.client.HTTPResponse(connection, method=method)
        response.begin()
        body = response.read()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, body

    @staticmethod
    def read_until_closed(connection):
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)

    @staticmethod
    def request(operation="ListTables", body=b"{}", **headers):
        """A request of the protocol, unsigned. Headers: names with underscores; None leaves one out."""
        fields = {
            "Host": "localhost",
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Content-Length": str(len(body)),
        }
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{name}: {value}\r\n" for name, value in fields.items() if value is not None]
        return f"POST / HTTP/1.1\r\n{''.join(lines)}\r\n".encode("latin-1") + body


@pytest.fixture(scope="session")
def wire_of():
    """wire_of(server) -> Wire."""
    return lambda server: Wire(server.url)


@pytest.fixture(scope="session")
def wire(endpoint):
    """Bare bytes to the endpoint."""
    return Wire(endpoint)


@pytest.fixture(scope="session")
def wires(ours, usual_servers):
    """Bare bytes to every front, to compare them: {front: Wire}."""
    return {front: Wire(usual_servers(front).url) for front in FRONTS}
