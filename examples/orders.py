"""A shop's orders: conditional writes, two global indexes and a local one, pages.

customer  number   an order, whose number the shop gives out: 1, 2, 3 for each customer
customer  total    local index by_total: a customer's largest orders
status    placed   global index by_status: what waits longest for its parcel
article   placed   global index by_article: who bought it; orders that name no article are not in it
"""

import argparse
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import boto3
from boto3.dynamodb.conditions import Attr, Key

TABLE = "shop-orders"
PAGE_ORDERS = 25
NEXT_STATUS = {"new": "paid", "paid": "sent", "sent": "delivered"}


class OrderRefused(Exception):
    """The order is not in the state that the step needs."""


class Orders:
    """The orders of all customers. Every method is one request, but for reads of several pages."""

    def __init__(self, dynamodb: Any) -> None:
        self.dynamodb = dynamodb
        self.table = dynamodb.Table(TABLE)

    def create_table(self) -> None:
        """Make the table, unless it is there."""
        try:
            self.dynamodb.create_table(**table_definition())
        except self.dynamodb.meta.client.exceptions.ResourceInUseException:
            return
        self.table.wait_until_exists()

    def place(self, customer: str, number: int, *, total: Decimal, placed: str, article: str | None = None) -> None:
        """A new order. Raises OrderRefused where the customer has one of that number."""
        order = {"customer": customer, "number": number, "total": total, "placed": placed, "status": "new"}
        if article is not None:
            order["article"] = article
        try:
            self.table.put_item(Item=order, ConditionExpression=Attr("customer").not_exists())
        except self.dynamodb.meta.client.exceptions.ConditionalCheckFailedException:
            raise OrderRefused(f"{customer} has an order {number}") from None

    def advance(self, customer: str, number: int, status: str) -> dict[str, Any]:
        """Take an order that has `status` to the next one, and return it. Of two who try, one is refused."""
        try:
            answer = self.table.update_item(
                Key={"customer": customer, "number": number},
                UpdateExpression="SET #status = :next, history = list_append(if_not_exists(history, :none), :step)"
                " ADD steps :one",
                ConditionExpression=Attr("status").eq(status),
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":next": NEXT_STATUS[status], ":none": [], ":step": [status], ":one": 1},
                ReturnValues="ALL_NEW",
            )
        except self.dynamodb.meta.client.exceptions.ConditionalCheckFailedException:
            raise OrderRefused(f"order {number} of {customer} is not {status}") from None
        return answer["Attributes"]

    def cancel(self, customer: str, number: int) -> dict[str, Any]:
        """Remove an order that was not paid, and return it."""
        try:
            answer = self.table.delete_item(
                Key={"customer": customer, "number": number},
                ConditionExpression=Attr("status").eq("new"),
                ReturnValues="ALL_OLD",
            )
        except self.dynamodb.meta.client.exceptions.ConditionalCheckFailedException:
            raise OrderRefused(f"order {number} of {customer} cannot be cancelled") from None
        return answer["Attributes"]

    def of_customer(self, customer: str, *, since: int = 0) -> Iterator[dict[str, Any]]:
        """In the order of their numbers."""
        return self.pages(KeyConditionExpression=Key("customer").eq(customer) & Key("number").gte(since))

    def largest(self, customer: str, count: int) -> list[dict[str, Any]]:
        """A customer's largest orders, the largest first."""
        answer = self.table.query(
            IndexName="by_total",
            KeyConditionExpression=Key("customer").eq(customer),
            ScanIndexForward=False,
            Limit=count,
        )
        return answer["Items"]

    def waiting(self, status: str) -> Iterator[dict[str, Any]]:
        """Orders of a status, the longest waiting first."""
        return self.pages(IndexName="by_status", KeyConditionExpression=Key("status").eq(status))

    def buyers(self, article: str, *, month: str) -> set[str]:
        """Who ordered an article in a month (2026-02)."""
        found = self.pages(
            IndexName="by_article",
            KeyConditionExpression=Key("article").eq(article) & Key("placed").begins_with(month),
        )
        return {order["customer"] for order in found}

    def pages(self, **query: Any) -> Iterator[dict[str, Any]]:
        """All items of a query, page by page."""
        while True:
            page = self.table.query(Limit=PAGE_ORDERS, **query)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def table_definition() -> dict[str, Any]:
    """What CreateTable is asked for."""
    types = {"customer": "S", "number": "N", "total": "N", "status": "S", "placed": "S", "article": "S"}
    everything = {"ProjectionType": "ALL"}
    names_only = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["total"]}
    return {
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()],
        "KeySchema": key_schema("customer", "number"),
        "LocalSecondaryIndexes": [
            {"IndexName": "by_total", "KeySchema": key_schema("customer", "total"), "Projection": everything},
        ],
        "GlobalSecondaryIndexes": [
            {"IndexName": "by_status", "KeySchema": key_schema("status", "placed"), "Projection": everything},
            {"IndexName": "by_article", "KeySchema": key_schema("article", "placed"), "Projection": names_only},
        ],
    }


def key_schema(partition: str, sort: str) -> list[dict[str, str]]:
    """A partition key and a sort key."""
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def main() -> None:
    """Some days of the shop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint-url", default="http://127.0.0.1:8480")
    endpoint_url = parser.parse_args().endpoint_url
    dynamodb = boto3.resource(
        "dynamodb",
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    orders = Orders(dynamodb)
    orders.create_table()
    try:
        show(orders)
    finally:
        orders.table.delete()


def show(orders: Orders) -> None:
    """Every method once, with what it gives."""
    for number in range(1, 101):
        day = f"2026-02-{(number % 28) + 1:02d}"
        article = "tea" if number % 3 == 0 else None
        orders.place("ada", number, total=Decimal(number * 37 % 101) + Decimal("0.95"), placed=day, article=article)
    orders.place("grace", 1, total=Decimal("12.50"), placed="2026-02-03", article="tea")
    print("orders of ada:", sum(1 for _ in orders.of_customer("ada")))
    print("since number 90:", [int(order["number"]) for order in orders.of_customer("ada", since=90)])
    print("largest:", [str(order["total"]) for order in orders.largest("ada", 3)])
    print("bought tea in February:", sorted(orders.buyers("tea", month="2026-02")))

    orders.advance("ada", 7, "new")
    order = orders.advance("ada", 7, "paid")
    print("order 7:", order["status"], order["history"], int(order["steps"]))
    for refused in (
        lambda: orders.place("ada", 7, total=Decimal(1), placed="2026-03-01"),
        lambda: orders.cancel("ada", 7),
    ):
        try:
            refused()
        except OrderRefused as error:
            print("refused:", error)
    print("cancelled:", int(orders.cancel("ada", 8)["number"]))
    waiting = list(orders.waiting("new"))
    print("waiting:", len(waiting), "the first since", waiting[0]["placed"])


if __name__ == "__main__":
    main()
