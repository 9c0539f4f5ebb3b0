"""kill -9 at any moment: the file opens again, no acknowledged write is lost, the indexes are in step.

Several clients write their own items, one request at a time each. After a kill an item must be as its last acknowledged
write left it, or as the one write in flight would have: nothing else. It ends after 30 seconds or 20 kills, or as many
kills as MAGNETODB_TEST_KILLS says, however long they take.
"""

import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.data_file

KILLS_ASKED = int(os.environ.get("MAGNETODB_TEST_KILLS", "0"))
KILLS_MAX = KILLS_ASKED or 10
SECONDS_MAX = float("inf") if KILLS_ASKED else 15
SECONDS_PER_KILL_MAX = 15
CLIENTS = 8
ITEMS_PER_CLIENT = 24
WRITES_BEFORE_KILL_MAX = 1500
START_SECONDS_KILL_MAX = 0.5
PARTITIONS = 5

TABLE = "killed"
CREATE_TABLE = {
    "TableName": TABLE,
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "state", "rank")],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_state",
            "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "LocalSecondaryIndexes": [
        {
            "IndexName": "by_rank",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "rank", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
}
INDEXES = {"by_state": ("state", None), "by_rank": ("rank", ("pk", "sk", "rank"))}
"""Index: its own key attribute, and what it projects (None: everything)."""

Key = tuple[str, str]
Item = dict[str, dict[str, str]]


class Endpoint:
    """One kept connection to the server; requests are not signed."""

    def __init__(self, url):
        parts = urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=SECONDS_PER_KILL_MAX)

    def ask(self, operation, request):
        """The answer. Raises OSError or HTTPException where the server ended first."""
        headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Content-Type": "application/x-amz-json-1.0"}
        self.connection.request("POST", "/", json.dumps(request).encode(), headers)
        response = self.connection.getresponse()
        body = json.loads(response.read())

        assert (200, operation) == (response.status, operation), body
        return body

    def pages(self, operation, request):
        """The items of all pages."""
        items = []
        while True:
            page = self.ask(operation, request)
            items += page["Items"]
            if "LastEvaluatedKey" not in page:
                return items
            request = {**request, "ExclusiveStartKey": page["LastEvaluatedKey"]}


class Writer:
    """Writes its own items, and remembers what the server acknowledged."""

    def __init__(self, number, seed):
        self.random = random.Random(f"{seed}/{number}")
        self.keys: list[Key] = [
            (f"partition-{(number + row) % PARTITIONS}", f"client-{number}/{row}") for row in range(ITEMS_PER_CLIENT)
        ]
        self.acknowledged: dict[Key, Item] = {}
        self.in_flight: tuple[Key, Item | None] | None = None
        self.writes = 0
        self.failure: BaseException | None = None

    def write_until_killed(self, url, kill):
        """Count each acknowledged write; return when the server is gone."""
        endpoint = Endpoint(url)
        try:
            while True:
                self.write(endpoint)
                kill.count()
        except (OSError, http.client.HTTPException):
            return
        except BaseException as error:
            self.failure = error
            kill.reached.set()
        finally:
            endpoint.connection.close()

    def write(self, endpoint):
        key = self.random.choice(self.keys)
        operation, request, after = self.random_write(key)
        self.in_flight = key, after
        endpoint.ask(operation, {"TableName": TABLE, **request})
        self.accept(key, after)
        self.in_flight = None
        self.writes += 1

    def accept(self, key, item):
        if item is None:
            self.acknowledged.pop(key, None)
        else:
            self.acknowledged[key] = item

    def random_write(self, key):
        """(operation, request, the item afterwards)"""
        base = {"pk": {"S": key[0]}, "sk": {"S": key[1]}}
        kind = self.random.choice(("put", "put", "update", "update", "delete"))
        if kind == "delete":
            return "DeleteItem", {"Key": base}, None
        state = {"S": self.random.choice(("new", "paid", "sent"))}
        rank = {"S": f"{self.random.randrange(1000):03d}"}
        note = {"S": self.random.choice("abc") * self.random.randrange(2000)}
        if kind == "put":
            item = {**base, "note": note}
            item |= {"state": state} if self.random.random() < 0.8 else {}
            item |= {"rank": rank} if self.random.random() < 0.8 else {}
            return "PutItem", {"Item": item}, item
        request = {
            "Key": base,
            "UpdateExpression": "SET #state = :state, note = :note REMOVE #rank",
            "ExpressionAttributeNames": {"#state": "state", "#rank": "rank"},
            "ExpressionAttributeValues": {":state": state, ":note": note},
        }
        after = {**self.acknowledged.get(key, base), "state": state, "note": note}
        after.pop("rank", None)
        return "UpdateItem", request, after

    def settle(self, stored):
        """After a kill: the write in flight has happened or not. Returns the keys whose items are neither."""
        if self.in_flight is not None:
            key, after = self.in_flight
            if stored.get(key) == after:
                self.accept(key, after)
            self.in_flight = None
        return [key for key in self.keys if stored.get(key) != self.acknowledged.get(key)]


class Kill:
    """When to kill: after so many more acknowledged writes, counted by all clients together."""

    def __init__(self, writes):
        self.left = writes
        self.reached = threading.Event()
        self.lock = threading.Lock()

    def count(self):
        with self.lock:
            self.left -= 1
            if self.left <= 0:
                self.reached.set()


@pytest.mark.usefixtures("ours")
@pytest.mark.timeout(KILLS_MAX * SECONDS_PER_KILL_MAX)
def test_a_kill_loses_no_acknowledged_write_and_leaves_indexes_in_step(new_server, tmp_path, figures):
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    writers = [Writer(number, seed) for number in range(CLIENTS)]
    lost: list[Key] = []
    kills = out_of_step = 0
    server = new_server("magnetodb-api", tmp_path)
    create_table(server)
    end = time.monotonic() + SECONDS_MAX

    while kills < KILLS_MAX and time.monotonic() < end:
        kill_under_load(server, writers, rng.randrange(1, WRITES_BEFORE_KILL_MAX))
        kills += 1
        if kills % 4 == 1:
            kills += 1
            kill_at_start(tmp_path, rng.uniform(0, START_SECONDS_KILL_MAX))
        server = new_server("magnetodb-api", tmp_path)
        endpoint = Endpoint(server.url)
        items = endpoint.pages("Scan", {"TableName": TABLE, "ConsistentRead": True})
        stored = {(item["pk"]["S"], item["sk"]["S"]): item for item in items}
        lost += [key for writer in writers for key in writer.settle(stored)]
        out_of_step += sum(index_rows_out_of_step(endpoint, name, items) for name in INDEXES)
        endpoint.connection.close()

    writes = sum(writer.writes for writer in writers)
    figures(
        f"kill -9: {kills} kills, {writes} acknowledged writes, {len(lost)} lost, "
        f"{out_of_step} index rows out of step (seed {seed})"
    )

    assert ([], 0) == (lost, out_of_step)
    assert writes >= kills > 0


def create_table(server):
    """The table, ACTIVE."""
    endpoint = Endpoint(server.url)
    endpoint.ask("CreateTable", CREATE_TABLE)
    while endpoint.ask("DescribeTable", {"TableName": TABLE})["Table"]["TableStatus"] != "ACTIVE":
        pass


def kill_under_load(server, writers, writes):
    """All clients write until the server is gone."""
    kill = Kill(writes)
    threads = [threading.Thread(target=writer.write_until_killed, args=(server.url, kill)) for writer in writers]
    for thread in threads:
        thread.start()
    reached = kill.reached.wait(SECONDS_PER_KILL_MAX)
    server.process.kill()
    server.process.wait()
    for thread in threads:
        thread.join()

    assert [] == [writer.failure for writer in writers if writer.failure]
    assert reached


def kill_at_start(data_dir, seconds):
    """A server that is killed while it opens the file or soon after."""
    command = [sys.executable, "-m", "magnetodb.commands.api", "--bind-port", "0", "--data-dir", str(data_dir)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def index_rows_out_of_step(endpoint, index, items):
    """Rows that the index lacks, plus those it should not have; by Scan and by Query of each partition."""
    attribute, projected = INDEXES[index]
    expected = counted(
        {name: value for name, value in item.items() if projected is None or name in projected}
        for item in items
        if attribute in item
    )
    scanned = counted(endpoint.pages("Scan", {"TableName": TABLE, "IndexName": index}))
    partition = CREATE_TABLE["KeySchema"][0]["AttributeName"] if projected else attribute
    values = sorted({item[partition]["S"] for item in items if partition in item})
    queried = counted(row for value in values for row in query(endpoint, index, partition, value))
    return difference(expected, scanned) + difference(expected, queried)


def query(endpoint, index, partition, value):
    """All rows of one partition of an index."""
    request = {
        "TableName": TABLE,
        "IndexName": index,
        "KeyConditionExpression": "#partition = :value",
        "ExpressionAttributeNames": {"#partition": partition},
        "ExpressionAttributeValues": {":value": {"S": value}},
    }
    return endpoint.pages("Query", request)


def counted(rows):
    """Rows that can be compared whatever their order."""
    return Counter(json.dumps(row, sort_keys=True) for row in rows)


def difference(expected, actual):
    """How many rows are missing or too many."""
    return (expected - actual).total() + (actual - expected).total()
