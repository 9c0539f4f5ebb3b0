"""Operations on tables, black box. `client` is a boto3 client of the service under test."""

import re
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

KEY = [{"AttributeName": "a", "KeyType": "HASH"}]
DEFINITIONS = [{"AttributeName": "a", "AttributeType": "S"}]


def new_name():
    return f"tables-{uuid4()}"


@pytest.fixture
def table(client):
    """The name of a table that is there."""
    name = new_name()
    create(client, name)
    yield name
    client.update_table(TableName=name, DeletionProtectionEnabled=False)
    client.delete_table(TableName=name)


def create(client, name, **members):
    request = {
        "TableName": name,
        "KeySchema": KEY,
        "AttributeDefinitions": DEFINITIONS,
        "BillingMode": "PAY_PER_REQUEST",
        **members,
    }
    created = client.create_table(**request)["TableDescription"]
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    return created


def refused(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_created_table_is_described(client):
    name = new_name()
    created = create(client, name)
    described = client.describe_table(TableName=name)["Table"]
    client.delete_table(TableName=name)

    assert ("CREATING", "ACTIVE") == (created["TableStatus"], described["TableStatus"])
    assert (name, KEY, DEFINITIONS) == (
        described["TableName"],
        described["KeySchema"],
        described["AttributeDefinitions"],
    )
    assert created["TableId"] == described["TableId"]
    assert described["TableArn"].endswith(f":table/{name}")
    assert "PAY_PER_REQUEST" == described["BillingModeSummary"]["BillingMode"]


def test_an_index_is_active_with_its_table(client):
    name = new_name()
    index = {"IndexName": "by-b", "KeySchema": [{"AttributeName": "b", "KeyType": "HASH"}]}
    index["Projection"] = {"ProjectionType": "KEYS_ONLY"}
    created = create(
        client,
        name,
        AttributeDefinitions=[*DEFINITIONS, {"AttributeName": "b", "AttributeType": "N"}],
        GlobalSecondaryIndexes=[index],
    )
    described = client.describe_table(TableName=name)["Table"]
    client.delete_table(TableName=name)

    assert "CREATING" == created["GlobalSecondaryIndexes"][0]["IndexStatus"]
    assert "ACTIVE" == described["GlobalSecondaryIndexes"][0]["IndexStatus"]


def test_a_name_is_taken_once(client, table):
    actual = refused(
        client.create_table,
        TableName=table,
        KeySchema=KEY,
        AttributeDefinitions=DEFINITIONS,
        BillingMode="PAY_PER_REQUEST",
    )

    assert ("ResourceInUseException", f"Table already exists: {table}") == actual


@pytest.mark.parametrize("operation", ["describe_table", "delete_table"])
def test_a_table_that_is_not_there_is_not_found(client, operation):
    name = new_name()
    actual = refused(getattr(client, operation), TableName=name)

    assert ("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found") == actual


def test_a_deleted_table_is_gone(client):
    name = new_name()
    create(client, name)
    deleted = client.delete_table(TableName=name)["TableDescription"]
    client.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    code, _ = refused(client.describe_table, TableName=name)

    assert "DELETING" == deleted["TableStatus"]
    assert "ResourceNotFoundException" == code


def test_a_deleted_tables_name_is_free(client):
    name = new_name()
    first = create(client, name)
    client.delete_table(TableName=name)
    client.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    second = create(client, name)
    client.delete_table(TableName=name)

    assert first["TableId"] != second["TableId"]


def test_a_protected_table_is_not_deleted(client, table):
    client.update_table(TableName=table, DeletionProtectionEnabled=True)
    client.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
    actual = refused(client.delete_table, TableName=table)

    assert (
        "ValidationException",
        "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
    ) == actual


def test_an_updated_table_is_described(client, table):
    updated = client.update_table(
        TableName=table,
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 3, "WriteCapacityUnits": 4},
    )["TableDescription"]
    client.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
    described = client.describe_table(TableName=table)["Table"]["ProvisionedThroughput"]

    assert "UPDATING" == updated["TableStatus"]
    assert (3, 4) == (described["ReadCapacityUnits"], described["WriteCapacityUnits"])


def test_names_are_listed_page_by_page(client):
    prefix = new_name()
    names = [f"{prefix}-{number}" for number in range(5)]
    for name in names:
        create(client, name)
    listed = []
    start = prefix
    while start and start.startswith(prefix):
        page = client.list_tables(ExclusiveStartTableName=start, Limit=2)
        listed += [name for name in page["TableNames"] if name.startswith(prefix)]
        start = page.get("LastEvaluatedTableName")
    for name in names:
        client.delete_table(TableName=name)

    assert names == listed


def test_a_table_is_found_by_its_arn(client, table):
    arn = client.describe_table(TableName=table)["Table"]["TableArn"]
    described = client.describe_table(TableName=arn)["Table"]

    assert table == described["TableName"]


def test_streams_are_refused(client):
    name = new_name()
    code, message = refused(
        client.create_table,
        TableName=name,
        KeySchema=KEY,
        AttributeDefinitions=DEFINITIONS,
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )

    assert "ValidationException" == code
    assert "StreamSpecification" in message
    assert name not in client.list_tables()["TableNames"]


def test_a_short_name_is_refused(client):
    actual = refused(client.describe_table, TableName="ab")

    assert (
        "ValidationException",
        "TableName must be at least 3 characters long and at most 255 characters long",
    ) == actual


def test_limits_are_described(client):
    limits = client.describe_limits()

    assert (80_000, 80_000, 40_000, 40_000) == (
        limits["AccountMaxReadCapacityUnits"],
        limits["AccountMaxWriteCapacityUnits"],
        limits["TableMaxReadCapacityUnits"],
        limits["TableMaxWriteCapacityUnits"],
    )


def test_endpoints_are_described(client):
    endpoints = client.describe_endpoints()["Endpoints"]

    assert re.fullmatch(r"\S+:[0-9]+", endpoints[0]["Address"])
    assert 1440 == endpoints[0]["CachePeriodInMinutes"]


def test_throughput_beyond_all_bounds(client, create_table, refusal):
    throughput = {"ReadCapacityUnits": 10**12 + 1, "WriteCapacityUnits": 1}
    refused = refusal(create_table, BillingMode="PROVISIONED", ProvisionedThroughput=throughput)

    assert ("ValidationException", "Given value 1000000000001 for ReadCapacityUnits is out of bounds") == refused
