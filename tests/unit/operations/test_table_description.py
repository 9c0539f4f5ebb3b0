from dataclasses import replace

from magnetodb.context import RequestContext
from magnetodb.model.table import Index, KeySchema, Table, Throughput
from magnetodb.operations.table_description import (
    deleted_table_description,
    key_arn,
    table_description,
    throughput_description,
)

CONTEXT = RequestContext("r", "p", "u", frozenset({"admin"}), "eu-west-1", "123456789012")
ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders"
NOON = 1_753_272_000.0  # 23 July 2025, 12:00 UTC.

TABLE = Table(
    project="p",
    name="orders",
    id="the-id",
    rows_id="t_1",
    key=KeySchema(("a",), ("b",)),
    attribute_types={"a": "S", "b": "N"},
    indexes={},
    created=NOON + 0.1234,
    throughput=Throughput(5, 6),
)


def test_a_provisioned_table():
    actual = table_description(CONTEXT, TABLE, NOON)

    assert {
        "AttributeDefinitions": [
            {"AttributeName": "a", "AttributeType": "S"},
            {"AttributeName": "b", "AttributeType": "N"},
        ],
        "TableName": "orders",
        "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "b", "KeyType": "RANGE"}],
        "TableStatus": "ACTIVE",
        "CreationDateTime": NOON + 0.123,
        "ProvisionedThroughput": {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
        "TableSizeBytes": 0,
        "ItemCount": 0,
        "TableArn": ARN,
        "TableId": "the-id",
        "DeletionProtectionEnabled": False,
        "WarmThroughput": {"ReadUnitsPerSecond": 5, "WriteUnitsPerSecond": 6, "Status": "ACTIVE"},
    } == actual


def test_an_on_demand_table_says_since_when_and_what_it_can_serve():
    table = replace(
        TABLE,
        billing_mode="PAY_PER_REQUEST",
        pay_per_request_since=NOON,
        throughput=Throughput(),
        warm={"WriteUnitsPerSecond": 9000},
        on_demand={"MaxReadRequestUnits": 7},
    )
    actual = table_description(CONTEXT, table, NOON)

    assert {
        "BillingMode": "PAY_PER_REQUEST",
        "LastUpdateToPayPerRequestDateTime": NOON,
    } == actual["BillingModeSummary"]
    assert {
        "ReadUnitsPerSecond": 12_000,
        "WriteUnitsPerSecond": 9000,
        "Status": "ACTIVE",
    } == actual["WarmThroughput"]
    assert {"MaxReadRequestUnits": 7, "MaxWriteRequestUnits": -1} == actual["OnDemandThroughput"]


def test_indexes_are_described_by_kind():
    table = replace(
        TABLE,
        indexes={
            "local": Index("local", "LSI", KeySchema(("a",), ("c",)), "INCLUDE", ("x",), "t_2"),
            "global": Index("global", "GSI", KeySchema(("c",)), "ALL", (), "t_3", throughput=Throughput(1, 2)),
        },
    )
    actual = table_description(CONTEXT, table, NOON)

    assert [
        {
            "IndexName": "local",
            "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "c", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x"]},
            "IndexSizeBytes": 0,
            "ItemCount": 0,
            "IndexArn": f"{ARN}/index/local",
        }
    ] == actual["LocalSecondaryIndexes"]
    assert [
        {
            "IndexName": "global",
            "KeySchema": [{"AttributeName": "c", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
            "IndexSizeBytes": 0,
            "ItemCount": 0,
            "IndexArn": f"{ARN}/index/global",
            "IndexStatus": "ACTIVE",
            "ProvisionedThroughput": {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 1, "WriteCapacityUnits": 2},
            "WarmThroughput": {"ReadUnitsPerSecond": 1, "WriteUnitsPerSecond": 2, "Status": "ACTIVE"},
        }
    ] == actual["GlobalSecondaryIndexes"]


def test_encryption_and_class_are_shown():
    table = replace(TABLE, sse={"KMSMasterKeyId": "1-2"}, table_class="STANDARD_INFREQUENT_ACCESS")
    actual = table_description(CONTEXT, table, NOON)

    assert {
        "Status": "ENABLED",
        "SSEType": "KMS",
        "KMSMasterKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1-2",
    } == actual["SSEDescription"]
    assert {"TableClass": "STANDARD_INFREQUENT_ACCESS"} == actual["TableClassSummary"]


def test_a_key_is_named_by_its_arn():
    names = ["1-2", "alias/mine", "arn:aws:kms:eu-west-1:1:key/3"]

    assert [
        "arn:aws:kms:eu-west-1:123456789012:key/1-2",
        "arn:aws:kms:eu-west-1:123456789012:alias/mine",
        "arn:aws:kms:eu-west-1:1:key/3",
    ] == [key_arn(CONTEXT, name) for name in names]


def test_yesterdays_decreases_are_not_counted():
    throughput = Throughput(5, 6, last_decrease=NOON - 86_400, decreases_today=3)
    actual = throughput_description(throughput, NOON)

    assert {
        "NumberOfDecreasesToday": 0,
        "LastDecreaseDateTime": NOON - 86_400,
        "ReadCapacityUnits": 5,
        "WriteCapacityUnits": 6,
    } == actual


def test_a_deleted_table_says_less():
    actual = deleted_table_description(CONTEXT, replace(TABLE, status="DELETING"), NOON)

    assert "DELETING" == actual["TableStatus"]
    assert {"AttributeDefinitions", "KeySchema", "CreationDateTime"}.isdisjoint(actual)
