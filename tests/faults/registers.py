"""A few items that all clients write and read at once, for histories that must have an order (linearizability.py).

Half of the items are in a table without indexes, half in one with one. Each client reads, puts with the old value
returned, changes from the value that it saw last, makes what is not there and deletes, through any of the servers.
"""

import itertools
import random
from collections import defaultdict
from typing import Any, Final

from tests.faults.asking import Asked, Clients, Outcome
from tests.faults.linearizability import INFINITY, KEPT, UNSEEN, Operation, TooManyStates, violation

PLAIN: Final = "registers"
INDEXED: Final = "registers_with_an_index"
ITEMS: Final = [(table, f"item-{number}") for table in (PLAIN, INDEXED) for number in (1, 2)]
PAUSE_SECONDS: Final = 0.25
START: Final = None

Item = tuple[str, str]


def tables() -> list[dict[str, Any]]:
    """CreateTable of both."""
    plain = {
        "TableName": PLAIN,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    }
    index = {
        "IndexName": "by_value",
        "KeySchema": [{"AttributeName": "value", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    attributes = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "value")]
    return [
        plain,
        {**plain, "TableName": INDEXED, "AttributeDefinitions": attributes, "GlobalSecondaryIndexes": [index]},
    ]


class RegisterClient:
    """One client. `history`: what it did, by item."""

    def __init__(self, number: int, seed: int, clients: Clients) -> None:
        self.name = f"registers {number}"
        self.history: dict[Item, list[Operation]] = defaultdict(list)
        self.acknowledged = self.unknown = 0
        self.wrong: list[str] = []
        self._random = random.Random(f"{seed}/registers/{number}")
        self._clients = clients
        self._values = (f"{number}-{count}" for count in itertools.count())
        self._seen: dict[Item, object] = dict.fromkeys(ITEMS, START)

    def run(self) -> None:
        """Until all is over."""
        while not self._clients.over.is_set():
            self.step()
            self._clients.over.wait(self._random.expovariate(1 / PAUSE_SECONDS))

    def step(self) -> None:
        """One request."""
        item = self._random.choice(ITEMS)
        steps = (self.read, self.put, self.change, self.delete)
        self._random.choices(steps, weights=(5, 2, 5, 1))[0](item)

    def read(self, item: Item) -> None:
        """A consistent read."""
        asked = self._ask("get_item", item, Key=key(item), ConsistentRead=True)
        if asked.outcome is Outcome.DONE:
            self._note(item, "read", asked, seen=value_of(asked.answer.get("Item")))

    def put(self, item: Item) -> None:
        """Whatever was there."""
        new = next(self._values)
        made = {**key(item), "value": {"S": new}}
        asked = self._ask("put_item", item, Item=made, ReturnValues="ALL_OLD")
        seen = value_of(asked.answer.get("Attributes")) if asked.outcome is Outcome.DONE else UNSEEN
        self._note(item, "put", asked, seen=seen, wrote=new)

    def change(self, item: Item) -> None:
        """Only if it is still what this client saw last."""
        old, new = self._seen[item], next(self._values)
        condition: dict[str, Any] = {
            "ConditionExpression": "#value = :old" if old is not None else "attribute_not_exists(pk)",
            "ExpressionAttributeNames": {"#value": "value"},
            "ExpressionAttributeValues": {":new": {"S": new}, **({":old": {"S": old}} if old is not None else {})},
        }
        asked = self._ask(
            "update_item",
            item,
            Key=key(item),
            UpdateExpression="SET #value = :new",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **condition,
        )
        if asked.outcome is Outcome.REFUSED:
            found = value_of(asked.answer.get("Item"))
            if found == old:
                self.wrong.append(f"refused although its condition holds: {item} {old}")
            self._note(item, "refused change", asked, seen=found)
        else:
            self._note(item, "change", asked, seen=old, wrote=new)

    def delete(self, item: Item) -> None:
        """Whatever was there."""
        asked = self._ask("delete_item", item, Key=key(item), ReturnValues="ALL_OLD")
        seen = value_of(asked.answer.get("Attributes")) if asked.outcome is Outcome.DONE else UNSEEN
        self._note(item, "delete", asked, seen=seen, wrote=None)

    def _ask(self, operation: str, item: Item, **members: object) -> Asked:
        return self._clients.ask(operation, self._random, TableName=item[0], **members)

    def _note(self, item: Item, name: str, asked: Asked, *, seen: object, wrote: object = KEPT) -> None:
        if asked.outcome is Outcome.NOT_DONE:
            return
        answered = asked.answered
        if asked.outcome is Outcome.UNKNOWN:
            self.unknown += 1
            answered = INFINITY
        else:
            self.acknowledged += 1
            self._seen[item] = seen if wrote is KEPT else wrote
        self.history[item].append(Operation(f"{self.name} {name}", asked.sent, answered, seen, wrote))


def key(item: Item) -> dict[str, Any]:
    """Its key in a request."""
    return {"pk": {"S": item[1]}}


def value_of(item: dict[str, Any] | None) -> str | None:
    """The value in an answer."""
    return item["value"]["S"] if item else None


def violations(clients: list[RegisterClient]) -> list[str]:
    """Items whose history has no order, and why."""
    found = [words for client in clients for words in client.wrong]
    for item in ITEMS:
        history = [operation for client in clients for operation in client.history[item]]
        try:
            words = violation(history, START)
        except TooManyStates as error:
            words = str(error)
        if words is not None:
            found.append(f"{item}: {words}")
    return found
