"""Who may do what: with signatures, and without."""

import urllib.error
import urllib.request
import uuid

import pytest
from botocore.exceptions import ClientError

KEYS = {
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def error_of(caught):
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


@pytest.fixture
def orders_table(signing_client):
    """A table of project orders."""
    name = f"t-{uuid.uuid4().hex}"
    client = signing_client("member")
    client.create_table(TableName=name, **KEYS)
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})
    yield name
    client.delete_table(TableName=name)


def test_a_member_reads_and_writes(signing_client, orders_table):
    client = signing_client("member")

    client.put_item(TableName=orders_table, Item={"pk": {"S": "a"}})

    assert {"pk": {"S": "a"}} == client.get_item(TableName=orders_table, Key={"pk": {"S": "a"}})["Item"]


def test_a_reader_reads_and_cannot_write(signing_client, orders_table):
    client = signing_client("reader")

    client.get_item(TableName=orders_table, Key={"pk": {"S": "a"}})
    with pytest.raises(ClientError) as caught:
        client.put_item(TableName=orders_table, Item={"pk": {"S": "a"}})

    code, message = error_of(caught)
    assert "AccessDeniedException" == code
    assert message.startswith(
        "User: arn:aws:iam::000000000000:user/AKREADER is not authorized to perform: dynamodb:PutItem on resource: "
    )


def test_another_project_sees_nothing_of_a_table(signing_client, orders_table):
    stranger = signing_client("stranger")

    assert orders_table in signing_client("member").list_tables()["TableNames"]
    assert orders_table not in stranger.list_tables()["TableNames"]
    with pytest.raises(stranger.exceptions.ResourceNotFoundException):
        stranger.get_item(TableName=orders_table, Key={"pk": {"S": "a"}})
    with pytest.raises(stranger.exceptions.ResourceNotFoundException):
        stranger.delete_table(TableName=orders_table)


def test_two_projects_have_tables_of_the_same_name(signing_client, orders_table):
    stranger, member = signing_client("stranger"), signing_client("member")
    stranger.create_table(TableName=orders_table, **KEYS)
    stranger.get_waiter("table_exists").wait(TableName=orders_table, WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})

    stranger.put_item(TableName=orders_table, Item={"pk": {"S": "mine"}})

    assert 0 == member.scan(TableName=orders_table)["Count"]
    stranger.delete_table(TableName=orders_table)
    assert "ACTIVE" == member.describe_table(TableName=orders_table)["Table"]["TableStatus"]


@pytest.mark.parametrize(
    ("credentials", "code"),
    [
        ({"key_id": "AKNOBODY", "secret": "x"}, "UnrecognizedClientException"),
        ({"key_id": "AKMEMBER", "secret": "guessed"}, "InvalidSignatureException"),
        ({"key_id": "AKMEMBER", "secret": "member-secret/+=", "region": "eu-west-1"}, "InvalidSignatureException"),
        ({"key_id": "AKMEMBER", "secret": "member-secret/+=", "token": "invented"}, "UnrecognizedClientException"),
        ({"key_id": "AKSESSION", "secret": "session-secret"}, "UnrecognizedClientException"),
        ({"key_id": "AKSESSION", "secret": "session-secret", "token": "other"}, "UnrecognizedClientException"),
    ],
)
def test_what_is_not_proved_is_refused(signing_client, credentials, code):
    with pytest.raises(ClientError) as caught:
        signing_client(**credentials).list_tables()

    assert code == error_of(caught)[0]
    assert 400 == caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_session_key_works_with_its_token(signing_client):
    signing_client(key_id="AKSESSION", secret="session-secret", token="session-token").list_tables()


@pytest.mark.parametrize("operation", ["ListTables", "GetItem"])
def test_without_a_signature_nothing_is_answered(signed_endpoint, operation):
    request = urllib.request.Request(
        signed_endpoint,
        b"{}",
        {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Content-Type": "application/x-amz-json-1.0"},
    )

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)

    assert 400 == caught.value.code
    assert (
        b'{"__type":"com.amazon.coral.service#MissingAuthenticationTokenException",'
        b'"message":"Request is missing Authentication Token"}'
    ) == caught.value.read()


def test_health_needs_no_signature(signed_endpoint):
    with urllib.request.urlopen(signed_endpoint + "/healthcheck") as answer:
        assert 200 == answer.status


def test_without_authentication_every_key_and_region_sees_the_same_tables(ours, endpoint, create_table):
    """Strategy none."""
    name = create_table()

    for key_id, region in (("a", "us-east-1"), ("b", "eu-west-1")):
        assert name in connect(endpoint, key_id, region).list_tables()["TableNames"]


def connect(url, key_id, region):
    import boto3

    return boto3.session.Session().client(
        "dynamodb", endpoint_url=url, region_name=region, aws_access_key_id=key_id, aws_secret_access_key="any"
    )
