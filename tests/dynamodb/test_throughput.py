"""Provisioned throughput, where it is enforced and where it is not."""

import time

import pytest
from botocore.exceptions import ClientError

EXCEEDED = (
    "ProvisionedThroughputExceededException",
    "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning "
    "level with the UpdateTable API.",
)
PROVISIONED = {
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "other", "AttributeType": "S"},
    ],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "BillingMode": "PROVISIONED",
    "ProvisionedThroughput": {"ReadCapacityUnits": 3, "WriteCapacityUnits": 5},
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_other",
            "KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
            "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1000},
        }
    ],
}
SECONDS_MAX = 20
REQUESTS_MAX = 1000


@pytest.fixture
def strict(ours, front, servers):
    """boto3's client of a server that enforces throughput."""
    import boto3
    from botocore.config import Config

    return boto3.session.Session().client(
        "dynamodb",
        endpoint_url=servers(front, enforce_throughput="true").url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def table(strict):
    name = "throughput"
    strict.create_table(TableName=name, **PROVISIONED)
    yield name
    strict.delete_table(TableName=name)


def until_refused(call):
    """How often it goes well, and the error."""
    for count in range(REQUESTS_MAX):
        try:
            call()
        except ClientError as error:
            return count, (error.response["Error"]["Code"], error.response["Error"]["Message"])
    raise AssertionError("nothing was refused")


def test_writes_over_the_throughput_are_refused_and_go_on_later(strict, table):
    def put():
        strict.put_item(TableName=table, Item={"pk": {"S": "a"}})

    count, error = until_refused(put)
    deadline = time.monotonic() + SECONDS_MAX
    went_on = False
    while not went_on and time.monotonic() < deadline:
        try:
            put()
            went_on = True
        except strict.exceptions.ProvisionedThroughputExceededException:
            pass

    assert EXCEEDED == error
    assert count >= 5
    assert went_on


def test_reads_and_writes_have_throughput_of_their_own(strict, table):
    count, error = until_refused(lambda: strict.get_item(TableName=table, Key={"pk": {"S": "a"}}, ConsistentRead=True))
    strict.put_item(TableName=table, Item={"pk": {"S": "a"}})

    assert EXCEEDED == error
    assert count >= 3


def test_an_index_is_refused_by_itself(strict, table):
    def query():
        strict.query(
            TableName=table,
            IndexName="by_other",
            KeyConditionExpression="#o = :o",
            ExpressionAttributeNames={"#o": "other"},
            ExpressionAttributeValues={":o": {"S": "x"}},
        )

    count, error = until_refused(query)
    strict.get_item(TableName=table, Key={"pk": {"S": "a"}})

    assert "ProvisionedThroughputExceededException" == error[0]
    assert count >= 2


def test_a_large_page_is_paid_for_afterwards(strict, table):
    strict.put_item(TableName=table, Item={"pk": {"S": "a"}, "x": {"S": "y" * 4000}})
    strict.scan(TableName=table, ConsistentRead=True)

    assert EXCEEDED == until_refused(lambda: strict.scan(TableName=table, ConsistentRead=True))[1]


def test_by_default_nothing_is_refused(client, create_table):
    table = create_table(**PROVISIONED)
    for _ in range(50):
        client.put_item(TableName=table, Item={"pk": {"S": "a"}})
        client.get_item(TableName=table, Key={"pk": {"S": "a"}}, ConsistentRead=True)
