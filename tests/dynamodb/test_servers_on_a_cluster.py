"""Several servers on one Cassandra keyspace, and a server whose cluster is not there."""

import os
import socket
import threading
import time
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(300)]

SECONDS_MAX = 120


@pytest.fixture(scope="module")
def clients(module_server, client_of, tmp_path_factory):
    """boto3's clients of two servers on one keyspace."""
    data = tmp_path_factory.mktemp("shared")
    return [client_of(module_server("magnetodb-api", data, expiry_interval="0.2").url) for _ in range(2)]


def table(name=None, **members):
    return {
        "TableName": name or f"t-{uuid.uuid4().hex}",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        **members,
    }


def put(client, name, number, **attributes):
    item = {"pk": {"S": f"{number}"}, **{key: {"S": value} for key, value in attributes.items()}}
    client.put_item(TableName=name, Item=item)


def found(client, name, number):
    return client.get_item(TableName=name, Key={"pk": {"S": f"{number}"}}, ConsistentRead=True).get("Item")


def until(condition, seconds=SECONDS_MAX):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)


def test_a_table_made_through_one_is_used_through_the_other_at_once(clients):
    one, two = clients
    name = one.create_table(**table())["TableDescription"]["TableName"]
    put(two, name, 1)

    assert {"pk": {"S": "1"}} == found(one, name, 1)
    assert name in two.list_tables()["TableNames"]


def test_of_two_who_create_a_name_at_once_one_wins(clients):
    name = f"t-{uuid.uuid4().hex}"

    def create(client):
        try:
            client.create_table(**table(name))
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "made"

    with ThreadPoolExecutor(2) as threads:
        outcomes = sorted(threads.map(create, clients))
    put(clients[0], name, 1)

    assert ["ResourceInUseException", "made"] == outcomes
    assert found(clients[1], name, 1) is not None


def test_a_name_that_is_used_again_is_the_new_table_for_all(clients):
    one, two = clients
    name = one.create_table(**table())["TableDescription"]["TableName"]
    for client in clients:
        put(client, name, 1)
    one.delete_table(TableName=name)
    one.create_table(**table(name))
    before = found(two, name, 1)
    put(two, name, 2)

    assert before is None
    assert [None, {"pk": {"S": "2"}}] == [found(one, name, number) for number in (1, 2)]


def test_an_index_added_through_one_is_kept_in_step_by_the_other(clients):
    """While both write all the time."""
    one, two = clients
    name = one.create_table(**table())["TableDescription"]["TableName"]
    for number in range(50):
        put(one, name, number, state="before")
    stop = threading.Event()
    written = [0, 0]

    def write(which):
        while not stop.is_set():
            put(clients[which], name, f"{which}-{written[which] % 40}", state=f"{written[which]}")
            written[which] += 1

    threads = [threading.Thread(target=write, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    create = {
        "IndexName": "by_state",
        "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    definitions = [*table()["AttributeDefinitions"], {"AttributeName": "state", "AttributeType": "S"}]
    one.update_table(TableName=name, AttributeDefinitions=definitions, GlobalSecondaryIndexUpdates=[{"Create": create}])
    until(lambda: two.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
    stop.set()
    for thread in threads:
        thread.join()
    items = one.scan(TableName=name, ConsistentRead=True)["Items"]
    rows = two.scan(TableName=name, IndexName="by_state")["Items"]

    assert all(written)
    assert sorted(item["pk"]["S"] for item in items) == sorted(row["pk"]["S"] for row in rows)
    assert {row["pk"]["S"]: row["state"] for row in rows} == {item["pk"]["S"]: item["state"] for item in items}


def test_items_expire_once_whoever_deletes_them(clients):
    one, two = clients
    name = one.create_table(**table())["TableDescription"]["TableName"]
    one.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "end"})
    for number in range(20):
        item = {"pk": {"S": f"{number}"}, "end": {"N": f"{int(time.time()) - 10}"}}
        (two if number % 2 else one).put_item(TableName=name, Item=item)
    until(lambda: two.scan(TableName=name, ConsistentRead=True)["Count"] == 0)

    def counts():
        return [client.describe_table(TableName=name)["Table"]["ItemCount"] for client in clients]

    until(lambda: counts() == [0, 0], 30)


def test_a_token_counts_for_all_servers(clients):
    one, two = clients
    name = one.create_table(**table())["TableDescription"]["TableName"]
    add = {
        "Update": {
            "TableName": name,
            "Key": {"pk": {"S": "1"}},
            "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }
    for client in (one, two, two, one):
        client.transact_write_items(TransactItems=[add], ClientRequestToken="token")

    assert {"N": "1"} == found(two, name, 1)["n"]


@pytest.mark.usefixtures("ours")
def test_without_a_cluster_requests_are_refused_at_once_and_the_health_says_so(new_server, client_of, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        server = new_server("magnetodb-api", tmp_path, cassandra_contact_points="127.0.0.1", cassandra_port=port)
        began = time.monotonic()
        with pytest.raises(ClientError) as caught:
            client_of(server.url).list_tables()
        seconds = time.monotonic() - began
        with pytest.raises(urllib.error.HTTPError) as health:
            urllib.request.urlopen(f"{server.url}/healthcheck?fullcheck=true")
        said = health.value.read().decode()

    assert "ServiceUnavailableException" == caught.value.response["Error"]["Code"]
    assert seconds < 5
    assert said.startswith("unhealthy: reading failed: The Cassandra cluster is not reached yet.")
    assert any("Waiting for the Cassandra cluster" in line for line in server.output)
    assert 0 == server.stop()


class Forwarder:
    """A port behind which the node is, from now on."""

    def __init__(self, address, port, node_port):
        self._node = address, node_port
        self._listener = socket.create_server((address, port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            node = socket.create_connection(self._node)
            for source, target in ((client, node), (node, client)):
                threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    @staticmethod
    def _pass(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        target.close()

    def close(self):
        self._listener.close()


@pytest.mark.usefixtures("ours")
def test_a_cluster_that_comes_later_is_served_without_a_restart(new_server, client_of, tmp_path):
    address, _, node_port = os.environ["MAGNETODB_TEST_CASSANDRA"].rpartition(":")
    with socket.socket() as free:
        free.bind((address, 0))
        port = free.getsockname()[1]
    client = client_of(new_server("magnetodb-api", tmp_path, cassandra_port=port).url)
    with pytest.raises(ClientError):
        client.list_tables()
    forwarder = Forwarder(address, port, int(node_port))

    def served():
        try:
            return client.list_tables()["TableNames"] == []
        except ClientError:
            return False

    until(served)
    name = client.create_table(**table())["TableDescription"]["TableName"]
    client.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "end"})

    def status():
        return client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"]

    # Jobs run, too.
    until(lambda: status() == "ENABLED")
    forwarder.close()


@pytest.mark.usefixtures("ours")
def test_one_server_may_have_several_workers(new_server, client_of, tmp_path):
    server = new_server("magnetodb-api", tmp_path, workers="2")
    clients = [client_of(server.url) for _ in range(8)]
    name = clients[0].create_table(**table())["TableDescription"]["TableName"]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: put(clients[number % 8], name, number), range(80)))
    counts = {client.scan(TableName=name, ConsistentRead=True)["Count"] for client in clients}

    assert "workers: 2\n" in server.output
    assert {80} == counts
    assert 0 == server.stop()
