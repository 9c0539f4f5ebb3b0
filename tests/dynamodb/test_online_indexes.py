"""Indexes that come and go under writes and kills: afterwards every index row is as its item says.

MAGNETODB_TEST_ONLINE_ITEMS=100000 takes more items and kills the server twice.
"""

import asyncio
import http.client
import json
import os
import random
import threading
import time

import pytest

from magnetodb.model.items import StoredItem, canonical_item
from magnetodb.model.table import Index, KeySchema, Table
from magnetodb.storage.index_check import check_index
from magnetodb.storage.manager import ItemWrite, StorageManager
from magnetodb.storage.tables import Tables

CASSANDRA = "MAGNETODB_TEST_CASSANDRA" in os.environ
ITEMS = int(os.environ.get("MAGNETODB_TEST_ONLINE_ITEMS", "500" if CASSANDRA else "3000"))
KILLS = 2 if ITEMS >= 20_000 else 1
WRITERS = 4
WRITE_PAUSE_SECONDS = 0.05 if CASSANDRA else 0.0
"""Behind each write. On a cluster it is mostly waited for a server that was killed, and other tests want to go on."""

LOAD_BATCH = 500
STATE_SECONDS_MAX = 30 + ITEMS / 1000 + (120 if CASSANDRA else 0)
"""On a cluster a server that was killed is waited for: for its lease, and for what it may have under way."""

PROJECT = "default"
NAME = "online"

TABLE = Table(
    project=PROJECT,
    name=NAME,
    id="online",
    rows_id="t_online",
    key=KeySchema(("pk",), ("sk",)),
    attribute_types={"pk": "S", "sk": "S", "old": "S"},
    indexes={"by_old": Index("by_old", "GSI", KeySchema(("old",)), "ALL", (), "t_online_old")},
    created=0.0,
    billing_mode="PAY_PER_REQUEST",
)
CREATED = {
    "by_state": {
        "IndexName": "by_state",
        "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}, {"AttributeName": "rank", "KeyType": "RANGE"}],
        "Projection": {"ProjectionType": "ALL"},
    },
    "by_rank": {
        "IndexName": "by_rank",
        "KeySchema": [{"AttributeName": "rank", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["state"]},
    },
}
TYPES = {
    "by_state": [
        {"AttributeName": "state", "AttributeType": "S"},
        {"AttributeName": "rank", "AttributeType": "N"},
    ],
    "by_rank": [{"AttributeName": "rank", "AttributeType": "N"}],
}


def random_item(choose, number):
    """Not every item belongs in every index."""
    item = {"pk": {"S": f"p{number % 997}"}, "sk": {"S": f"{number}"}, "note": {"S": "x" * choose.randrange(200)}}
    if choose.random() < 0.9:
        item["state"] = {"S": choose.choice(("new", "paid", "sent"))}
    if choose.random() < 0.9:
        item["rank"] = {"N": str(choose.randrange(1000))}
    if choose.random() < 0.5:
        item["old"] = {"S": choose.choice("abc")}
    return item


async def load(open_driver, directory, seed):
    """Fill the table before any server runs. Some items have a key attribute of the wrong type for an index."""
    choose = random.Random(seed)
    driver = await open_driver(directory)
    tables = Tables(driver)
    await tables.open()
    await tables.counts.open()
    info = await tables.create(TABLE)
    manager = StorageManager(driver, tables)
    for first in range(0, ITEMS, LOAD_BATCH):
        writes = []
        for number in range(first, min(first + LOAD_BATCH, ITEMS)):
            item = random_item(choose, number)
            if number % 50 == 0:
                item["rank"] = {"S": "not a number"}
            item, size = canonical_item(item)
            new = StoredItem.from_item(item, size)
            writes.append(ItemWrite(info, info.keys.row_key(item), lambda old, new=new: new))
        await manager.write_each(writes)
    await tables.counts.close()
    await driver.close()


async def checked(open_driver, directory):
    """(differences, rows by index, items) of the data file."""
    driver = await open_driver(directory)
    tables = Tables(driver)
    await tables.open()
    info = await tables.get(PROJECT, NAME)
    differences, rows, items = [], {}, 0
    for name in info.table.indexes:
        rows[name] = items = 0
        async for step in check_index(driver, info, name):
            differences += step.differences
            if step.direction == "items":
                items += step.rows
            else:
                rows[name] += step.rows
    await driver.close()
    return differences, rows, items


class Writers:
    """Threads that write to whichever server runs, until they are stopped."""

    def __init__(self, endpoint, seed):
        self.endpoint = endpoint
        self.url = None
        self.acknowledged = 0
        self.failures = []
        self._stopped = threading.Event()
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._run, args=(f"{seed}/{each}",)) for each in range(WRITERS)]

    def start(self, url):
        self.serve(url)
        for thread in self._threads:
            thread.start()

    def serve(self, url):
        """The server to write to; None: there is none."""
        with self._changed:
            self.url = url
            self._changed.notify_all()

    def stop(self):
        self._stopped.set()
        self.serve(self.url)
        for thread in self._threads:
            thread.join()

    def _run(self, seed):
        choose = random.Random(seed)
        while not self._stopped.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self.url is not None or self._stopped.is_set())
                url = self.url
            if url is None:
                return
            try:
                self._write_to(url, choose)
            except (OSError, http.client.HTTPException):
                with self._changed:
                    if self.url == url:
                        self._changed.wait_for(lambda url=url: self.url != url or self._stopped.is_set())
            except BaseException as error:
                self.failures.append(error)
                return

    def _write_to(self, url, choose):
        endpoint = self.endpoint(url)
        while not self._stopped.is_set():
            item = random_item(choose, choose.randrange(ITEMS * 11 // 10))
            key = {name: item[name] for name in ("pk", "sk")}
            if choose.random() < 0.2:
                endpoint.ask("DeleteItem", {"TableName": NAME, "Key": key})
            else:
                endpoint.ask("PutItem", {"TableName": NAME, "Item": item})
            with self._changed:
                self.acknowledged += 1
            self._stopped.wait(WRITE_PAUSE_SECONDS)


class Endpoint:
    """One kept connection; requests are not signed."""

    def __init__(self, url):
        host = url.removeprefix("http://")
        self.connection = http.client.HTTPConnection(host, timeout=STATE_SECONDS_MAX)

    def ask(self, operation, request):
        """The answer. Raises OSError or HTTPException where the server ended first."""
        status, body = self.exchange(operation, request)

        assert (200, operation) == (status, operation), body
        return body

    def refusal(self, operation, request):
        """(code, message) of the error that must be answered."""
        status, body = self.exchange(operation, request)

        assert 400 == status, body
        return body["__type"].partition("#")[2], body["message"]

    def exchange(self, operation, request):
        """(status, body)"""
        headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Content-Type": "application/x-amz-json-1.0"}
        self.connection.request("POST", "/", json.dumps(request).encode(), headers)
        response = self.connection.getresponse()
        return response.status, json.loads(response.read())


def change(server, update, **members):
    Endpoint(server.url).ask("UpdateTable", {"TableName": NAME, "GlobalSecondaryIndexUpdates": [update], **members})


def wait_for(server, wanted):
    """The first description of the table that is as wanted."""
    endpoint = Endpoint(server.url)
    deadline = time.monotonic() + STATE_SECONDS_MAX
    while time.monotonic() < deadline:
        description = endpoint.ask("DescribeTable", {"TableName": NAME})["Table"]
        if wanted(description):
            return description
    raise TimeoutError(description)


def is_active(description):
    return description["TableStatus"] == "ACTIVE"


def is_backfilling(description):
    return any(index.get("Backfilling") for index in description["GlobalSecondaryIndexes"])


@pytest.mark.usefixtures("ours")
@pytest.mark.timeout(120 + ITEMS / 100 + (300 if CASSANDRA else 0))
def test_indexes_come_and_go_under_writes_and_kills(new_server, open_driver, tmp_path, figures):
    seed = random.randrange(2**32)
    asyncio.run(load(open_driver, tmp_path, seed))
    choose = random.Random(seed)
    server = new_server("magnetodb-api", tmp_path)
    writers = Writers(Endpoint, seed)
    writers.start(server.url)
    began = time.monotonic()
    filled_seconds = []
    killed_while_filling = 0
    for number, name in enumerate(CREATED):
        asked = time.monotonic()
        change(server, {"Create": CREATED[name]}, AttributeDefinitions=TYPES[name])
        if number < KILLS:
            wait_for(server, is_backfilling)
            threading.Event().wait(choose.uniform(0, ITEMS / 100_000))
            writers.serve(None)
            server.process.kill()
            server.process.wait()
            server = new_server("magnetodb-api", tmp_path)
            killed_while_filling += not is_active(wait_for(server, lambda description: True))
            writers.serve(server.url)
        wait_for(server, is_active)
        filled_seconds.append(time.monotonic() - asked)
    change(server, {"Delete": {"IndexName": "by_old"}})
    description = wait_for(server, is_active)
    seconds = time.monotonic() - began
    writers.stop()
    indexes = {index["IndexName"]: index["IndexStatus"] for index in description["GlobalSecondaryIndexes"]}
    counted = settled_counts(server, indexes)
    server.stop()
    differences, rows, items = asyncio.run(checked(open_driver, tmp_path))
    figures(
        f"online indexes: {ITEMS} items, {WRITERS} writers, {writers.acknowledged} writes in {seconds:.1f} s, "
        f"{KILLS} kills ({killed_while_filling} while filling), filled in "
        f"{' and '.join(f'{each:.1f} s' for each in filled_seconds)}, {len(differences)} differences (seed {seed})"
    )

    assert [] == writers.failures
    assert {"by_state": "ACTIVE", "by_rank": "ACTIVE"} == indexes
    assert [] == differences
    assert {"items": items, **rows} == counted
    assert writers.acknowledged > 0


def settled_counts(server, indexes):
    """What the table says of its items after the last write, as soon as that is what scans find."""
    endpoint = Endpoint(server.url)
    deadline = time.monotonic() + STATE_SECONDS_MAX
    found = {"items": scanned(endpoint)} | {name: scanned(endpoint, IndexName=name) for name in indexes}
    counts = None
    while counts != found and time.monotonic() < deadline:
        table = endpoint.ask("DescribeTable", {"TableName": NAME})["Table"]
        counts = {"items": table["ItemCount"]}
        counts |= {index["IndexName"]: index["ItemCount"] for index in table["GlobalSecondaryIndexes"]}
        threading.Event().wait(0.05)
    return counts


def scanned(endpoint, **members):
    count, request = 0, {"TableName": NAME, "Select": "COUNT", **members}
    while True:
        page = endpoint.ask("Scan", request)
        count += page["Count"]
        if "LastEvaluatedKey" not in page:
            return count
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def test_an_index_cannot_be_read_and_no_second_one_comes_while_it_is_filled(ours, new_server, open_driver, tmp_path):
    """Without jobs the index stays as UpdateTable left it; a server with jobs takes over."""
    asyncio.run(load(open_driver, tmp_path, 0))
    server = new_server("magnetodb-api", tmp_path, run_jobs="false")
    endpoint = Endpoint(server.url)
    change(server, {"Create": CREATED["by_state"]}, AttributeDefinitions=TYPES["by_state"])
    second = {
        "TableName": NAME,
        "AttributeDefinitions": TYPES["by_rank"],
        "GlobalSecondaryIndexUpdates": [{"Create": CREATED["by_rank"]}],
    }
    refusals = [
        endpoint.refusal("Scan", {"TableName": NAME, "IndexName": "by_state"}),
        endpoint.refusal("UpdateTable", second),
        endpoint.refusal("DeleteTable", {"TableName": NAME}),
    ]
    server.stop()
    server = new_server("magnetodb-api", tmp_path)
    wait_for(server, is_active)
    server.stop()
    in_use = (
        "ResourceInUseException",
        f"Attempt to change a resource which is still in use: Table is being updated: {NAME}",
    )
    unreadable = ("ValidationException", "Cannot read from backfilling global secondary index: by_state")

    assert [unreadable, in_use, in_use] == refusals
    assert [] == asyncio.run(checked(open_driver, tmp_path))[0]
