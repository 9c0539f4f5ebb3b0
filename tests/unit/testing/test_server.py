"""Namespaces of one server."""

import json
import threading
import time
import urllib.request
from datetime import timedelta

import pytest

ANSWER_SECONDS_MAX = 10

TABLE = {
    "TableName": "orders",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.fixture
def namespaces(magnetodb_server):
    """namespaces() -> a new one."""
    opened = []

    def new():
        opened.append(magnetodb_server.open_namespace())
        return opened[-1]

    yield new
    for namespace in opened:
        magnetodb_server.drop_namespace(namespace)


def ask(url, operation, **parameters):
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"DynamoDB_20120810.{operation}"}
    request = urllib.request.Request(url, json.dumps(parameters).encode(), headers)
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS_MAX) as response:
        return json.load(response)


def test_two_namespaces_have_tables_of_the_same_name(namespaces):
    one, other = namespaces(), namespaces()
    ask(one.url, "CreateTable", **TABLE)
    before = ask(other.url, "ListTables")
    ask(other.url, "CreateTable", **TABLE)
    ask(one.url, "PutItem", TableName="orders", Item={"id": {"S": "1"}})

    assert {"TableNames": []} == before
    assert (1, 0) == tuple(ask(each.url, "Scan", TableName="orders")["Count"] for each in (one, other))


def test_what_is_not_dynamodbs_is_answered_too(namespaces):
    with urllib.request.urlopen(f"{namespaces().url}/healthcheck?fullcheck=true", timeout=ANSWER_SECONDS_MAX) as answer:
        status = answer.status

    assert 200 == status


def test_a_namespace_that_was_dropped_refuses_connections(magnetodb_server):
    """Within a moment: it is done in the background."""
    namespace = magnetodb_server.open_namespace()
    ask(namespace.url, "CreateTable", **TABLE)
    magnetodb_server.drop_namespace(namespace)

    with pytest.raises(OSError, match=r"refused|reset"):
        asked_until_refused(namespace.url)


def asked_until_refused(url):
    end = time.monotonic() + ANSWER_SECONDS_MAX
    while time.monotonic() < end:
        ask(url, "ListTables")


def test_namespaces_may_be_opened_by_many_threads(magnetodb_server):
    opened = []
    threads = [threading.Thread(target=lambda: opened.append(magnetodb_server.open_namespace())) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for namespace in opened:
        magnetodb_server.drop_namespace(namespace)

    assert 16 == len({namespace.url for namespace in opened}) == len({namespace.project for namespace in opened})


def test_when_the_clock_has_moved_all_that_is_due_is_done(magnetodb_server, namespaces, dynamodb_clock):
    """A new index is filled, without a wait."""
    url = namespaces().url
    ask(url, "CreateTable", **TABLE)
    for number in range(50):
        ask(url, "PutItem", TableName="orders", Item={"id": {"S": f"{number}"}, "status": {"S": "new"}})
    index = {
        "IndexName": "by_status",
        "KeySchema": [{"AttributeName": "status", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    attributes = [*TABLE["AttributeDefinitions"], {"AttributeName": "status", "AttributeType": "S"}]
    ask(
        url,
        "UpdateTable",
        TableName="orders",
        AttributeDefinitions=attributes,
        GlobalSecondaryIndexUpdates=[{"Create": index}],
    )
    magnetodb_server.move_clock(timedelta(0))

    [described] = ask(url, "DescribeTable", TableName="orders")["Table"]["GlobalSecondaryIndexes"]
    assert ("ACTIVE", 50) == (described["IndexStatus"], described["ItemCount"])
