"""The tables and items of our own loads: keys that are numbered, items of a wanted size, as many indexes as wanted."""

import random
import string
from collections.abc import Iterator
from typing import Any, Final

AttributeValue = dict[str, Any]
Item = dict[str, AttributeValue]
Body = dict[str, Any]

ROWS_PER_PARTITION: Final = 10
SMALL_ITEM_BYTES: Final = 400
BATCH_ITEMS: Final = 25
INDEX_VALUES: Final = 500
"""Different keys in each index."""

LETTERS: Final = string.ascii_letters + string.digits
SEED: Final = 1


class Sample:
    """Keys and items of one table of `items` items, `rows` in each partition; always the same ones."""

    def __init__(self, table: str, items: int, *, rows: int = ROWS_PER_PARTITION, indexes: int = 0) -> None:
        self.table = table
        self.items = items
        self.rows = rows
        self.index_names = [f"index{number:02d}" for number in range(indexes)]
        self.random = random.Random(SEED)

    def key(self, number: int) -> Item:
        """The key of an item by its number."""
        return {
            "pk": {"S": f"user#{number // self.rows:08d}"},
            "sk": {"S": f"order#{number % self.rows:08d}"},
        }

    def any_key(self) -> Item:
        """The key of any item."""
        return self.key(self.random.randrange(self.items))

    def item(self, key: Item, size: int = SMALL_ITEM_BYTES) -> Item:
        """About `size` bytes by DynamoDB's count, with an attribute for each index."""
        indexed = {name: {"S": f"value{self.random.randrange(INDEX_VALUES):04d}"} for name in self.index_names}
        fixed = {
            **key,
            **indexed,
            "n": {"N": "0"},
            "active": {"BOOL": True},
            "tags": {"L": [{"S": self.text(8)}, {"S": self.text(8)}]},
            "address": {"M": {"city": {"S": self.text(10)}, "zip": {"N": str(self.random.randrange(10**5))}}},
        }
        length = max(8, (size - 140) // 5)
        return {**fixed, **{f"field{number}": {"S": self.text(length)} for number in range(5)}}

    def text(self, length: int) -> str:
        """Random text; of a long one only the beginning is random."""
        return "".join(self.random.choices(LETTERS, k=min(length, 64))).ljust(length, "x")

    def create_table(self) -> Body:
        """The request that makes the table, its indexes with projection ALL."""
        names = ["pk", "sk", *self.index_names]
        body: Body = {
            "TableName": self.table,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in names],
            "KeySchema": key_schema("pk", "sk"),
        }
        if self.index_names:
            body["GlobalSecondaryIndexes"] = [
                {
                    "IndexName": f"by_{name}",
                    "Projection": {"ProjectionType": "ALL"},
                    "KeySchema": key_schema(name, "pk"),
                }
                for name in self.index_names
            ]
        return body

    def batches(self, size: int = SMALL_ITEM_BYTES) -> Iterator[Body]:
        """The requests that fill the table."""
        for start in range(0, self.items, BATCH_ITEMS):
            yield self.batch(range(start, min(start + BATCH_ITEMS, self.items)), size)

    def batch(self, numbers: range, size: int = SMALL_ITEM_BYTES) -> Body:
        """A BatchWriteItem that puts these items."""
        puts = [{"PutRequest": {"Item": self.item(self.key(number), size)}} for number in numbers]
        return {"RequestItems": {self.table: puts}}

    def get(self) -> tuple[str, Body]:
        """GetItem of any item."""
        return "GetItem", {"TableName": self.table, "Key": self.any_key()}

    def put(self, size: int = SMALL_ITEM_BYTES) -> tuple[str, Body]:
        """PutItem in the place of any item."""
        return "PutItem", {"TableName": self.table, "Item": self.item(self.any_key(), size)}

    def update(self) -> tuple[str, Body]:
        """UpdateItem of an attribute that no index has for its key."""
        return "UpdateItem", {
            "TableName": self.table,
            "Key": self.any_key(),
            "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }

    def query(self, *, last: bool = False) -> tuple[str, Body]:
        """Query of ten items of any partition, from any place in it on; `last`: of its end."""
        key = self.any_key()
        body: Body = {
            "TableName": self.table,
            "KeyConditionExpression": "pk = :p AND sk >= :s",
            "ExpressionAttributeValues": {":p": key["pk"], ":s": key["sk"]},
            "Limit": ROWS_PER_PARTITION,
        }
        if self.rows == ROWS_PER_PARTITION or last:
            body["ExpressionAttributeValues"][":s"] = self.key(0)["sk"]
        if last:
            body["ScanIndexForward"] = False
        return "Query", body


def key_schema(partition: str, sort: str) -> list[dict[str, str]]:
    """A key of two attributes."""
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
