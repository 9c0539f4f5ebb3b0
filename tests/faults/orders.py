"""Items of a table with two global indexes and a local one. Each client has items of its own and tries each write again
until it is acknowledged, as SDKs do: so it always knows what must be there.
"""

import random
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tests.faults.asking import Asked, Clients, Outcome

TABLE: Final = "orders"
ITEMS_PER_CLIENT: Final = 24
PARTITIONS: Final = 7
BATCH_ITEMS_MAX: Final = 10
PAUSE_SECONDS: Final = 0.12
SETTLE_SECONDS_MAX: Final = 60.0
"""After all is over a write is tried for so long."""

Key = tuple[str, str]
Item = dict[str, dict[str, str]]


def create_table() -> dict[str, Any]:
    """CreateTable."""

    def index(name: str, *keys: str, projection: str = "ALL") -> dict[str, Any]:
        roles = zip(keys, ("HASH", "RANGE"), strict=False)
        return {
            "IndexName": name,
            "KeySchema": [{"AttributeName": key, "KeyType": role} for key, role in roles],
            "Projection": {"ProjectionType": projection},
        }

    names = ("pk", "sk", "state", "rank")
    return {
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in names],
        "KeySchema": index("", "pk", "sk")["KeySchema"],
        "GlobalSecondaryIndexes": [
            index("by_state", "state", "rank"),
            index("by_rank", "rank", projection="KEYS_ONLY"),
        ],
        "LocalSecondaryIndexes": [index("local_by_rank", "pk", "rank", projection="KEYS_ONLY")],
    }


class Write(NamedTuple):
    """A write that was acknowledged, with all its tries."""

    sent: float
    acknowledged: float
    tries: int


class OrderClient:
    """One client. `items`: what must be there, by key; of keys in `open_` it may be what is there instead."""

    def __init__(self, number: int, seed: int, clients: Clients) -> None:
        self.name = f"orders {number}"
        self.items: dict[Key, Item | None] = {
            (f"partition-{(number + row) % PARTITIONS}", f"client-{number}/{row}"): None
            for row in range(ITEMS_PER_CLIENT)
        }
        self.open_: dict[Key, list[Item | None]] = {}
        self.writes: list[Write] = []
        self.acknowledged = self.unknown = 0
        self.wrong: list[str] = []
        self._random = random.Random(f"{seed}/orders/{number}")
        self._clients = clients
        self._serial = 0

    def run(self) -> None:
        """Until all is over."""
        while not self._clients.over.is_set():
            self.step()
            self._clients.over.wait(self._random.expovariate(1 / PAUSE_SECONDS))

    def step(self) -> None:
        """One write, or a read of what was written."""
        steps = (self.put, self.update, self.delete, self.put_several, self.read)
        self._random.choices(steps, weights=(4, 4, 2, 2, 3))[0]()

    def put(self) -> None:
        """A whole item."""
        key, item = self._new()
        self._until_acknowledged({key: item}, "put_item", Item=item)

    def update(self) -> None:
        """Some attributes, of an item or of none."""
        key, made = self._new()
        values = {f":{name}": made[name] for name in ("state", "serial")}
        after = {**(self.items[key] or keys_of(key)), **{name: made[name] for name in ("state", "serial")}}
        after.pop("rank", None)
        self._until_acknowledged(
            {key: after},
            "update_item",
            Key=keys_of(key),
            UpdateExpression="SET #state = :state, serial = :serial REMOVE #rank",
            ExpressionAttributeNames={"#state": "state", "#rank": "rank"},
            ExpressionAttributeValues=values,
        )

    def delete(self) -> None:
        """An item, or none."""
        key = self._random.choice(list(self.items))
        self._until_acknowledged({key: None}, "delete_item", Key=keys_of(key))

    def put_several(self) -> None:
        """A batch; what it leaves undone is tried again as all else is."""
        keys = self._random.sample(list(self.items), self._random.randint(2, BATCH_ITEMS_MAX))
        items = {key: self._new(key)[1] for key in keys}
        puts = [{"PutRequest": {"Item": item}} for item in items.values()]
        self._until_acknowledged(items, "batch_write_item", RequestItems={TABLE: puts})

    def read(self) -> None:
        """An item must be as its only writer has left it."""
        key = self._random.choice(list(self.items))
        asked = self._ask("get_item", TableName=TABLE, Key=keys_of(key), ConsistentRead=True)
        if asked.outcome is Outcome.DONE:
            self.acknowledged += 1
            if asked.answer.get("Item") not in [self.items[key], *self.open_.get(key, [])]:
                self.wrong.append(f"{key}: {asked.answer.get('Item')} was read, {self.items[key]} was written")

    def _new(self, key: Key | None = None) -> tuple[Key, Item]:
        """A key of this client and an item that never was."""
        key = key or self._random.choice(list(self.items))
        self._serial += 1
        item = {**keys_of(key), "serial": {"S": f"{self.name}-{self._serial}"}}
        if self._random.random() < 0.8:
            item["rank"] = {"S": f"{self._random.randrange(100):02d}"}
        return key, {**item, "state": {"S": self._random.choice(("new", "paid", "sent"))}}

    def _until_acknowledged(self, after: Mapping[Key, Item | None], operation: str, **members: Any) -> None:
        """Try a write until it is done. Where it never is, its items may be as before, or as wanted."""
        members |= {} if "RequestItems" in members else {"TableName": TABLE}
        first, tries = time.monotonic(), 0
        while True:
            asked = self._ask(operation, **members)
            tries += 1
            if asked.timed_out:
                self.wrong.append(f"{operation} was not answered in {asked.answered - asked.sent:.0f} s")
            if asked.outcome is Outcome.DONE and not (left := asked.answer.get("UnprocessedItems")):
                break
            if asked.outcome is Outcome.UNKNOWN:
                self.unknown += 1
            elif asked.outcome is Outcome.DONE:
                members["RequestItems"] = left
            if self._clients.over.is_set() and time.monotonic() - first > SETTLE_SECONDS_MAX:
                for key, item in after.items():
                    self.open_.setdefault(key, []).extend((self.items[key], item))
                return
            self._clients.pause(tries - 1)
        self.acknowledged += 1
        self.writes.append(Write(first, asked.answered, tries))
        for key, item in after.items():
            self.items[key] = item
            self.open_.pop(key, None)

    def _ask(self, operation: str, **members: object) -> Asked:
        return self._clients.ask(operation, self._random, **members)


def keys_of(key: Key) -> Item:
    """The key attributes."""
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def lost(clients: list[OrderClient], stored: dict[Key, Item]) -> list[str]:
    """Items that are not as they were acknowledged."""
    found = []
    for client in clients:
        for key, item in client.items.items():
            if stored.get(key) not in [item, *client.open_.get(key, [])]:
                found.append(f"{key}: {stored.get(key)} is there, {item} was acknowledged")
    return found
