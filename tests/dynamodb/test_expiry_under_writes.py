"""Items that expire while they are rewritten: whoever was rewritten in time stays, all others go, indexes are in step.

MAGNETODB_TEST_EXPIRING_ITEMS=50000 takes more items.
"""

import asyncio
import http.client
import json
import os
import random
import threading
import time
from pathlib import Path

import pytest

from magnetodb.model.items import StoredItem, canonical_item
from magnetodb.model.rows import TokenRange
from magnetodb.model.table import Index, KeySchema, Table
from magnetodb.storage.index_check import TIME_TO_LIVE, check_index
from magnetodb.storage.manager import ItemWrite, StorageManager
from magnetodb.storage.tables import Tables

CASSANDRA = "MAGNETODB_TEST_CASSANDRA" in os.environ
ITEMS = int(os.environ.get("MAGNETODB_TEST_EXPIRING_ITEMS", "300" if CASSANDRA else "3000"))
WRITERS = 4
LOAD_BATCH = 500
ITEMS_PER_SECOND = 50 if CASSANDRA else 1000
"""So many of the items expire in each second, and half of them are rewritten around that second."""

SPAN_SECONDS = max(3, ITEMS // ITEMS_PER_SECOND)
LEAD_SECONDS = 3 + ITEMS // 3000
"""From the end of loading to the first expiry: time to enable the expiry."""

DRAIN_SECONDS_MAX = 30 + ITEMS / (10 if CASSANDRA else 500)
EXPIRIES_PER_SECOND_MIN = 2000
"""In a second of the processor, so that other work of the machine counts for nothing. Asserted with many items only: a
short run is mostly its beginning."""

LATER_SECONDS = 100_000
PROJECT = "default"
NAME = "expiring"

TABLE = Table(
    project=PROJECT,
    name=NAME,
    id="expiring",
    rows_id="t_expiring",
    key=KeySchema(("pk",), ("sk",)),
    attribute_types={"pk": "S", "sk": "S", "state": "S", "rank": "N"},
    indexes={
        "by_rank": Index("by_rank", "LSI", KeySchema(("pk",), ("rank",)), "KEYS_ONLY", (), "t_expiring_rank"),
        "by_state": Index("by_state", "GSI", KeySchema(("state",)), "ALL", (), "t_expiring_state"),
    },
    created=0.0,
    billing_mode="PAY_PER_REQUEST",
)


def key_of(number):
    return {"pk": {"S": f"p{number % 997}"}, "sk": {"S": f"{number}"}}


def item_of(number, expires):
    return key_of(number) | {
        "state": {"S": "abcde"[number % 5]},
        "rank": {"N": str(number % 1000)},
        "expires": {"N": str(expires)},
        "note": {"S": "x" * (number % 200)},
    }


async def load(open_driver, directory, expiries):
    """Fill the table before any server runs."""
    driver = await open_driver(directory)
    tables = Tables(driver)
    await tables.open()
    await tables.counts.open()
    info = await tables.create(TABLE)
    manager = StorageManager(driver, tables)
    for first in range(0, ITEMS, LOAD_BATCH):
        writes = []
        for number in range(first, min(first + LOAD_BATCH, ITEMS)):
            item, size = canonical_item(item_of(number, expiries[number]))
            new = StoredItem.from_item(item, size)
            writes.append(ItemWrite(info, info.keys.row_key(item), lambda old, new=new: new))
        await manager.write_each(writes)
    await tables.counts.close()
    await driver.close()


async def checked(open_driver, directory):
    """(numbers of the items that are there, differences of indexes, stored sums of items) of the data file."""
    driver = await open_driver(directory)
    tables = Tables(driver)
    await tables.open()
    info = await tables.get(PROJECT, NAME)
    differences = []
    for name in (*info.table.indexes, TIME_TO_LIVE):
        async for step in check_index(driver, info, name):
            differences += step.differences
    rows, after, more = [], None, True
    while more:
        page = await driver.scan(TABLE.rows_id, TokenRange(), limit=1000, after=after)
        rows += page.rows
        after, more = page.rows[-1].key if page.rows else after, page.more
    counts = await tables.counts_of(info.table)
    await driver.close()
    return {int(row.key.sort) for row in rows}, differences, {items for items, _ in counts.values()}


class Endpoint:
    """One kept connection; requests are not signed."""

    def __init__(self, url):
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=DRAIN_SECONDS_MAX)

    def exchange(self, operation, request):
        """(status, body)"""
        headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Content-Type": "application/x-amz-json-1.0"}
        self.connection.request("POST", "/", json.dumps(request).encode(), headers)
        response = self.connection.getresponse()
        return response.status, json.loads(response.read())

    def ask(self, operation, request):
        """The answer."""
        status, body = self.exchange(operation, request)

        assert (200, operation) == (status, operation), body
        return body


class Rewriters:
    """Threads that rewrite items around the moments at which they expire, and note what must come of it."""

    def __init__(self, url, expiries, seed):
        self.url = url
        self.staying = set()
        self.came_late = 0
        self.rewrites = 0
        self.failures = []
        choose = random.Random(seed)
        numbers = choose.sample(range(ITEMS), ITEMS // 2)
        moments = sorted((expiries[number] + choose.uniform(-0.5, 0.3), number) for number in numbers)
        parts = [moments[each::WRITERS] for each in range(WRITERS)]
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=(part, random.Random(f"{seed}/{each}")))
            for each, part in enumerate(parts)
        ]

    def run(self):
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join()

    def _run(self, moments, choose):
        try:
            endpoint = Endpoint(self.url)
            for moment, number in moments:
                threading.Event().wait(max(0.0, moment - time.time()))
                self._rewrite(endpoint, number, choose)
        except BaseException as error:
            self.failures.append(error)

    def _rewrite(self, endpoint, number, choose):
        """A third are put anew, a third prolonged if they are there, a third only by a moment."""
        way = choose.randrange(3)
        later = int(time.time()) + (LATER_SECONDS if way < 2 else 1)
        if way == 0:
            endpoint.ask("PutItem", {"TableName": NAME, "Item": item_of(number, later)})
            came_in_time = True
        else:
            status, body = endpoint.exchange(
                "UpdateItem",
                {
                    "TableName": NAME,
                    "Key": key_of(number),
                    "UpdateExpression": "SET expires = :later",
                    "ConditionExpression": "attribute_exists(pk)",
                    "ExpressionAttributeValues": {":later": {"N": str(later)}},
                },
            )
            came_in_time = status == 200

            assert came_in_time or "ConditionalCheckFailedException" in body["__type"], body
        with self._lock:
            self.rewrites += 1
            self.came_late += not came_in_time
            if way < 2 and came_in_time:
                self.staying.add(number)


def enable(endpoint):
    """Returns when items expire, and how long that took."""
    began = time.monotonic()
    specification = {"Enabled": True, "AttributeName": "expires"}
    endpoint.ask("UpdateTimeToLive", {"TableName": NAME, "TimeToLiveSpecification": specification})
    deadline = time.monotonic() + DRAIN_SECONDS_MAX
    while time.monotonic() < deadline:
        described = endpoint.ask("DescribeTimeToLive", {"TableName": NAME})
        if described["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED":
            return time.monotonic() - began
        threading.Event().wait(0.02)
    raise TimeoutError(described)


def drained(endpoint, count, pause=0.5):
    """Wait until so many items are left; returns how many are left in the end."""
    deadline = time.monotonic() + DRAIN_SECONDS_MAX
    while (left := count_items(endpoint)) != count and time.monotonic() < deadline:
        threading.Event().wait(pause)
    return left


def processor_seconds(server):
    """What the server has used so far, in all its threads."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def emptied(endpoint):
    """Wait until nothing is left; returns whether that came."""
    deadline = time.monotonic() + DRAIN_SECONDS_MAX
    while time.monotonic() < deadline:
        if not endpoint.ask("Scan", {"TableName": NAME, "Limit": 1})["Count"]:
            return True
        threading.Event().wait(0.02)
    return False


def count_items(endpoint):
    count, request = 0, {"TableName": NAME, "Select": "COUNT"}
    while True:
        page = endpoint.ask("Scan", request)
        count += page["Count"]
        if "LastEvaluatedKey" not in page:
            return count
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


@pytest.mark.usefixtures("ours")
@pytest.mark.timeout(DRAIN_SECONDS_MAX + 120 + ITEMS / 100)
def test_items_that_are_rewritten_as_they_expire_stay_and_all_others_go(new_server, open_driver, tmp_path, figures):
    seed = random.randrange(2**32)
    choose = random.Random(seed)
    began = time.time() + ITEMS / 10_000
    expiries = [int(began + LEAD_SECONDS + choose.uniform(0, SPAN_SECONDS)) for _ in range(ITEMS)]
    asyncio.run(load(open_driver, tmp_path, expiries))
    server = new_server("magnetodb-api", tmp_path, expiry_interval="0.05")
    endpoint = Endpoint(server.url)
    enable(endpoint)
    enabled = time.time()
    rewriters = Rewriters(server.url, expiries, seed)
    rewriters.run()
    left = drained(endpoint, len(rewriters.staying))
    seconds = time.time() - max(enabled, min(expiries))
    server.stop()
    there, differences, counts = asyncio.run(checked(open_driver, tmp_path))
    figures(
        f"expiry under writes: {ITEMS} items, {rewriters.rewrites} rewritten as they expired"
        f" ({rewriters.came_late} came too late), {len(rewriters.staying)} stayed, {ITEMS - left} expired in"
        f" {seconds:.1f} s, {len(rewriters.staying - there)} rewritten ones deleted,"
        f" {len(there - rewriters.staying)} left behind, {len(differences)} differences (seed {seed})"
    )

    assert [] == rewriters.failures
    assert set() == rewriters.staying - there
    assert set() == there - rewriters.staying
    assert [] == differences
    assert {left} == counts


@pytest.mark.usefixtures("ours")
@pytest.mark.timeout(DRAIN_SECONDS_MAX + 120 + ITEMS / 100)
def test_what_has_expired_goes_at_thousands_a_second(new_server, open_driver, tmp_path, figures):
    """All at once, on a table with two indexes, while nobody else asks much."""
    seed = random.randrange(2**32)
    asyncio.run(load(open_driver, tmp_path, [int(time.time()) - 1000 + number % 999 for number in range(ITEMS)]))
    server = new_server("magnetodb-api", tmp_path, expiry_interval="0.05")
    endpoint = Endpoint(server.url)
    enable(endpoint)
    began, processor_began = time.monotonic(), processor_seconds(server)
    is_empty = emptied(endpoint)
    seconds, processor = time.monotonic() - began, processor_seconds(server) - processor_began
    server.stop()
    there, differences, counts = asyncio.run(checked(open_driver, tmp_path))
    figures(
        f"expiry: {ITEMS} items gone in {seconds:.1f} s, {ITEMS / seconds:,.0f} a second;"
        f" {processor:.1f} s of the processor, {ITEMS / processor:,.0f} in each (seed {seed})"
    )

    assert is_empty
    assert (set(), [], {0}) == (there, differences, counts)
    if ITEMS >= 20_000:
        assert ITEMS / processor >= EXPIRIES_PER_SECOND_MIN
