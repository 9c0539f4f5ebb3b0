"""The load of the soak: clients that know what each of their items may be, and one that makes and deletes tables.

Every client has items of its own and one request under way. A write that got no answer may have happened or not; any
read must find the item as one of its possible states, and then that is the only one.
"""

import asyncio
import json
import random
import time
from collections import Counter
from typing import Any, Final

from benchmarks.http_client import Caller
from benchmarks.sample_items import Body, Item, Sample, key_schema
from benchmarks.signed_requests import raw_request

TABLE: Final = "soak"
CHURNED: Final = "churn_"
ITEMS_PER_CLIENT: Final = 200
PARTITION_ITEMS: Final = 10
FIELD_LENGTHS: Final = (10, 100, 400)
OWNERS: Final = 50
CHURN_PAUSE_SECONDS: Final = 0.3
RECONNECT_SECONDS: Final = 0.02
POLL_SECONDS: Final = 0.05
ANSWER_SECONDS_MAX: Final = 30.0
REPORTS_MAX: Final = 20

OPERATIONS: Final = {"get": 35, "put": 22, "update": 15, "query": 15, "delete": 5, "batch": 8}
"""How often each is chosen, out of 100."""

ABSENT: Final = 0
"""The state of an item that is not there; any other state is its number `n`."""


class Log:
    """What happened: times to the answer since they were last taken, answers, and whatever may not happen."""

    def __init__(self) -> None:
        self.reads: list[float] = []
        self.writes: list[float] = []
        self.answers = 0
        self.unanswered = 0
        self.churned = 0
        self.verified = 0
        self.wrong: Counter[str] = Counter()

    def report(self, what: str) -> None:
        """Something that may not happen."""
        if what in self.wrong or len(self.wrong) < REPORTS_MAX:
            self.wrong[what] += 1

    def take(self) -> tuple[list[float], list[float]]:
        """The seconds that reads and writes took."""
        taken = sorted(self.reads), sorted(self.writes)
        self.reads, self.writes = [], []
        return taken


class Requester:
    """One connection that is made anew whenever it ends, until `stop` is set."""

    def __init__(self, port: int, log: Log, stop: asyncio.Event) -> None:
        self.port = port
        self.log = log
        self.stop = stop
        self._caller: Caller | None = None

    async def call(self, operation: str, body: Body) -> tuple[int, dict[str, Any]]:
        """Status and answer. Raises ConnectionError where there is none: then the server was killed, or it is lost."""
        if self._caller is None:
            raise ConnectionError
        began = time.perf_counter()
        try:
            request = raw_request(f"127.0.0.1:{self.port}", operation, body)
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                status, answer = await self._caller.call(request)
        except (ConnectionError, TimeoutError) as error:
            self.log.unanswered += 1
            if isinstance(error, TimeoutError):
                self.log.report(f"{operation}: no answer")
            self.close()
            raise ConnectionError from error
        taken = time.perf_counter() - began
        self.log.answers += 1
        if operation in ("GetItem", "Query"):
            self.log.reads.append(taken)
        elif operation.endswith("Item"):
            self.log.writes.append(taken)
        return status, json.loads(answer)

    async def connect(self) -> None:
        """Connect as soon as the server listens."""
        while not self.stop.is_set():
            caller = Caller()
            try:
                await caller.connect(self.port)
            except OSError:
                await asyncio.sleep(RECONNECT_SECONDS)
            else:
                self._caller = caller
                return

    def close(self) -> None:
        """Close the connection."""
        if self._caller is not None:
            self._caller.close()
            self._caller = None


class Client:
    """Reads and writes its own items until it is stopped."""

    def __init__(self, number: int, requester: Requester) -> None:
        self.number = number
        self.requester = requester
        self.random = random.Random(number)
        self.possible: list[set[int]] = [{ABSENT} for _ in range(ITEMS_PER_CLIENT)]
        self._next = 0

    async def run(self) -> None:
        """Until it is stopped."""
        requester = self.requester
        names, weights = list(OPERATIONS), list(OPERATIONS.values())
        while not requester.stop.is_set():
            try:
                await requester.connect()
                await self.verify()
                while not requester.stop.is_set():
                    (name,) = self.random.choices(names, weights)
                    await getattr(self, name)(self.random.randrange(ITEMS_PER_CLIENT))
            except ConnectionError:
                continue
        requester.close()

    async def verify(self) -> None:
        """Read all items."""
        for place in range(ITEMS_PER_CLIENT):
            await self.get(place)
            self.requester.log.verified += 1

    async def get(self, place: int) -> None:
        """GetItem."""
        status, answer = await self.requester.call(
            "GetItem", {"TableName": TABLE, "Key": self.key(place), "ConsistentRead": True}
        )
        if self.succeeded("GetItem", status, answer):
            self.found(place, answer.get("Item"))

    async def query(self, place: int) -> None:
        """Query of the partition that has the item."""
        key = self.key(place)
        status, answer = await self.requester.call(
            "Query",
            {
                "TableName": TABLE,
                "KeyConditionExpression": "pk = :p",
                "ExpressionAttributeValues": {":p": key["pk"]},
                "ConsistentRead": True,
            },
        )
        if self.succeeded("Query", status, answer):
            items = {item["sk"]["S"]: item for item in answer["Items"]}
            first = place - place % PARTITION_ITEMS
            for each in range(first, first + PARTITION_ITEMS):
                self.found(each, items.get(self.key(each)["sk"]["S"]))

    async def put(self, place: int) -> None:
        """PutItem."""
        state = self.new_state()
        await self.write("PutItem", {"TableName": TABLE, "Item": self.item(place, state)}, {place: state})

    async def update(self, place: int) -> None:
        """UpdateItem, of an index key, too."""
        state = self.new_state()
        body = {
            "TableName": TABLE,
            "Key": self.key(place),
            "UpdateExpression": "SET n = :n, #o = :o",
            "ExpressionAttributeNames": {"#o": "owner"},
            "ExpressionAttributeValues": {":n": {"N": str(state)}, ":o": self.owner()},
        }
        await self.write("UpdateItem", body, {place: state})

    async def delete(self, place: int) -> None:
        """DeleteItem."""
        await self.write("DeleteItem", {"TableName": TABLE, "Key": self.key(place)}, {place: ABSENT})

    async def batch(self, place: int) -> None:
        """BatchWriteItem of a partition."""
        first = place - place % PARTITION_ITEMS
        states = {each: self.new_state() for each in range(first, first + PARTITION_ITEMS)}
        puts = [{"PutRequest": {"Item": self.item(each, state)}} for each, state in states.items()]
        await self.write("BatchWriteItem", {"RequestItems": {TABLE: puts}}, states)

    async def write(self, operation: str, body: Body, states: dict[int, int]) -> None:
        """A write that gives items new states: possible ones until it is acknowledged."""
        for place, state in states.items():
            self.possible[place].add(state)
        status, answer = await self.requester.call(operation, body)
        if self.succeeded(operation, status, answer) and not answer.get("UnprocessedItems"):
            for place, state in states.items():
                self.possible[place] = {state}

    def succeeded(self, operation: str, status: int, answer: dict[str, Any]) -> bool:
        """Whether the answer is none of an error, which none may be."""
        if status != 200:
            words = answer.get("message") or answer.get("Message")
            self.requester.log.report(f"{operation}: {status} {answer.get('__type')} {words}")
        return status == 200

    def found(self, place: int, item: Item | None) -> None:
        """An item was read."""
        state = ABSENT if item is None else int(item["n"]["N"])
        if state not in self.possible[place]:
            expected = "an acknowledged write" if state < max(self.possible[place]) else "nothing that was written"
            self.requester.log.report(f"lost: {expected} is missing ({self.key(place)})")
        self.possible[place] = {state}

    def new_state(self) -> int:
        """Higher than all before."""
        self._next += 1
        return self._next

    def key(self, place: int) -> Item:
        """The key of an item."""
        partition, row = divmod(place, PARTITION_ITEMS)
        return {"pk": {"S": f"client{self.number:03d}#{partition:04d}"}, "sk": {"S": f"{row:04d}"}}

    def owner(self) -> dict[str, str]:
        """A key of the index."""
        return {"S": f"owner{self.random.randrange(OWNERS)}"}

    def item(self, place: int, state: int) -> Item:
        """A whole item."""
        field = {"S": "x" * self.random.choice(FIELD_LENGTHS)}
        return {**self.key(place), "n": {"N": str(state)}, "owner": self.owner(), "field": field}


def create_table() -> Body:
    """The request that makes the table of the clients: two indexes."""
    return {
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "owner")],
        "KeySchema": key_schema("pk", "sk"),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": f"by_owner_{projection.lower()}",
                "KeySchema": key_schema("owner", sort),
                "Projection": {"ProjectionType": projection},
            }
            for projection, sort in (("ALL", "pk"), ("KEYS_ONLY", "sk"))
        ],
    }


class Churner:
    """Makes a table, fills it, deletes it, and so on, until it is stopped."""

    def __init__(self, requester: Requester) -> None:
        self.requester = requester
        self.number = 0

    async def run(self) -> None:
        """Until it is stopped."""
        requester = self.requester
        while not requester.stop.is_set():
            try:
                await requester.connect()
                await self.remove_all()
                while not requester.stop.is_set():
                    await self.one()
                    requester.log.churned += 1
                    await asyncio.sleep(CHURN_PAUSE_SECONDS)
            except ConnectionError:
                continue
        requester.close()

    async def one(self) -> None:
        """One table."""
        self.number += 1
        sample = Sample(f"{CHURNED}{self.number:06d}", 50, indexes=1)
        await self.expect("CreateTable", sample.create_table())
        await self.until(sample.table, "ACTIVE")
        for body in sample.batches():
            await self.expect("BatchWriteItem", body)
        await self.expect("Query", sample.query()[1])
        await self.remove(sample.table)

    async def remove_all(self) -> None:
        """Delete what the connection's end has left."""
        for name in (await self.expect("ListTables", {})).get("TableNames", ()):
            if name.startswith(CHURNED):
                await self.until(name, "ACTIVE", "")
                await self.requester.call("DeleteTable", {"TableName": name})
                await self.until(name, "")

    async def remove(self, name: str) -> None:
        """Delete a table and wait until it is gone."""
        await self.expect("DeleteTable", {"TableName": name})
        await self.until(name, "")

    async def until(self, name: str, *states: str) -> None:
        """Wait for one of these states of a table; "": it is not there."""
        while True:
            status, answer = await self.requester.call("DescribeTable", {"TableName": name})
            if (answer["Table"]["TableStatus"] if status == 200 else "") in states:
                return
            await asyncio.sleep(POLL_SECONDS)

    async def expect(self, operation: str, body: Body) -> dict[str, Any]:
        """The answer, which must be none of an error."""
        status, answer = await self.requester.call(operation, body)
        if status != 200:
            self.requester.log.report(f"tables: {operation}: {status} {answer.get('__type')}")
        return answer
