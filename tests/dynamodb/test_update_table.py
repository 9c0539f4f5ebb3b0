"""UpdateTable: indexes that come and go, and what it refuses."""

import os
import time

import pytest

ACTIVE_SECONDS_MAX = 90 if "MAGNETODB_TEST_CASSANDRA" in os.environ else 20
INVALID = "One or more parameter values were invalid: "
ONE_AT_A_TIME = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"


def created(name="by_state", key="state", projection="ALL", **members):
    return {
        "Create": {
            "IndexName": name,
            "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
            "Projection": {"ProjectionType": projection},
            **members,
        }
    }


def types(*names, kind="S"):
    return [{"AttributeName": name, "AttributeType": kind} for name in names]


@pytest.fixture
def update(client):
    """update(table, *index updates, **members) -> TableDescription."""

    def update_table(table, *updates, **members):
        if updates:
            members["GlobalSecondaryIndexUpdates"] = list(updates)
        return client.update_table(TableName=table, **members)["TableDescription"]

    return update_table


@pytest.fixture
def active(client):
    """active(table) -> its description, when it is ACTIVE with all its indexes."""

    def wait(table):
        deadline = time.monotonic() + ACTIVE_SECONDS_MAX
        while time.monotonic() < deadline:
            description = client.describe_table(TableName=table)["Table"]
            if description["TableStatus"] == "ACTIVE":
                return description
        raise TimeoutError(description)

    return wait


@pytest.fixture
def put(client):
    """put(table, sort key, **attributes of type S or other values)"""

    def put_item(table, sk, **attributes):
        values = {name: value if isinstance(value, dict) else {"S": value} for name, value in attributes.items()}
        client.put_item(TableName=table, Item={"pk": {"S": "p"}, "sk": {"S": sk}, **values})

    return put_item


@pytest.fixture
def found(client):
    """found(table, index, value of state) -> sort keys in order."""

    def query(table, index, value):
        page = client.query(
            TableName=table,
            IndexName=index,
            KeyConditionExpression="#key = :value",
            ExpressionAttributeNames={"#key": "state"},
            ExpressionAttributeValues={":value": {"S": value}},
        )
        return sorted(item["sk"]["S"] for item in page["Items"])

    return query


def test_a_new_index_has_the_items_that_were_there(create_table, update, active, put, found):
    table = create_table()
    put(table, "1", state="new")
    put(table, "2", state="paid")
    put(table, "3")
    put(table, "4", state="new")
    answer = update(table, created(), AttributeDefinitions=types("state"))
    description = active(table)

    assert ("UPDATING", "CREATING") == (answer["TableStatus"], answer["GlobalSecondaryIndexes"][0]["IndexStatus"])
    assert answer["GlobalSecondaryIndexes"][0]["Backfilling"] is False
    assert "ACTIVE" == description["GlobalSecondaryIndexes"][0]["IndexStatus"]
    assert "Backfilling" not in description["GlobalSecondaryIndexes"][0]
    assert types("pk", "sk", "state") == description["AttributeDefinitions"]
    assert (["1", "4"], ["2"]) == (found(table, "by_state", "new"), found(table, "by_state", "paid"))


def test_items_that_cannot_be_in_the_index_are_left_out(create_table, update, active, put, found, client):
    table = create_table()
    put(table, "number", state={"N": "1"})
    put(table, "empty", state="")
    put(table, "long", state="x" * 2049)
    put(table, "longest", state="x" * 2048)
    update(table, created(), AttributeDefinitions=types("state"))
    active(table)

    assert 1 == client.scan(TableName=table, IndexName="by_state")["Count"]
    assert ["longest"] == found(table, "by_state", "x" * 2048)


def test_an_item_that_was_left_out_can_be_written_as_long_as_its_key_attribute_stays(
    create_table, update, active, put, client, refusal
):
    table = create_table()
    put(table, "1", state={"N": "1"})
    update(table, created(), AttributeDefinitions=types("state"))
    active(table)
    client.update_item(
        TableName=table,
        Key={"pk": {"S": "p"}, "sk": {"S": "1"}},
        UpdateExpression="SET note = :note",
        ExpressionAttributeValues={":note": {"S": "kept"}},
    )

    assert (
        "ValidationException",
        INVALID + "Type mismatch for Index Key state Expected: S Actual: N IndexName: by_state",
    ) == refusal(put, table, "2", state={"N": "1"})


def test_an_index_goes(create_table, update, active, put, refusal, found):
    table = create_table()
    put(table, "1", state="new")
    update(table, created(), AttributeDefinitions=types("state"))
    active(table)
    answer = update(table, {"Delete": {"IndexName": "by_state"}})
    description = active(table)
    put(table, "2", state={"N": "1"})

    assert ("UPDATING", "DELETING") == (answer["TableStatus"], answer["GlobalSecondaryIndexes"][0]["IndexStatus"])
    assert "GlobalSecondaryIndexes" not in description
    assert types("pk", "sk") == description["AttributeDefinitions"]
    assert ("ValidationException", "The table does not have the specified index: by_state") == refusal(
        found, table, "by_state", "new"
    )


def test_an_index_of_the_same_name_begins_anew(create_table, update, active, put, found):
    table = create_table()
    put(table, "1", state="new", other="new")
    for key in ("other", "state"):
        update(table, created(key=key), AttributeDefinitions=types(key))
        active(table)
        if key == "other":
            update(table, {"Delete": {"IndexName": "by_state"}})
            active(table)

    assert ["1"] == found(table, "by_state", "new")


def test_the_throughput_of_a_new_index_follows_the_billing_mode(create_table, update, active, refusal):
    units = {"ReadCapacityUnits": 2, "WriteCapacityUnits": 3}
    table = create_table(BillingMode="PROVISIONED", ProvisionedThroughput=units)
    without = refusal(update, table, created(), AttributeDefinitions=types("state"))
    update(table, created(ProvisionedThroughput=units), AttributeDefinitions=types("state"))
    throughput = active(table)["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]

    assert ("ValidationException", INVALID + "ProvisionedThroughput must be specified for index: by_state") == without
    assert units == {name: throughput[name] for name in units}


@pytest.mark.parametrize(
    ("updates", "definitions", "code", "message"),
    [
        ([created(), created("other")], ["state"], "LimitExceededException", ONE_AT_A_TIME),
        (
            [created(), {"Delete": {"IndexName": "by_rank"}}],
            ["state"],
            "LimitExceededException",
            ONE_AT_A_TIME,
        ),
        (
            [created("by_rank")],
            ["state"],
            "ValidationException",
            "Attempting to create an index which already exists",
        ),
        ([{"Delete": {"IndexName": "nothing"}}], [], "ResourceNotFoundException", "Requested resource not found"),
        (
            [created()],
            [],
            "ValidationException",
            INVALID + "Some index key attributes are not defined in AttributeDefinitions."
            " Keys: [state], AttributeDefinitions: []",
        ),
        (
            [created()],
            ["state", "unused"],
            "ValidationException",
            INVALID + "Some AttributeDefinitions are not used."
            " AttributeDefinitions: [pk, sk, rank, state, unused], keys used: [pk, sk, rank, state]",
        ),
        (
            [created(), {"Delete": {"IndexName": "by_state"}}],
            ["state"],
            "ValidationException",
            INVALID + "Only one global secondary index update per index is allowed simultaneously. Index: by_state",
        ),
    ],
)
def test_a_wrong_change_is_refused(create_table, update, refusal, updates, definitions, code, message):
    table = create_table(
        AttributeDefinitions=types("pk", "sk", "rank"),
        GlobalSecondaryIndexes=[created("by_rank", "rank")["Create"]],
    )
    members = {"AttributeDefinitions": types(*definitions)} if definitions else {}

    assert (code, message) == refusal(update, table, *updates, **members)


def test_the_twenty_first_index_is_refused(make_table, update, refusal):
    table = make_table("pk:S", gsi={f"index-{number}": {"key": ("pk:S",)} for number in range(20)})

    assert (
        "ValidationException",
        INVALID + "GlobalSecondaryIndex count exceeds the per-table limit of 20",
    ) == refusal(update, table, created(key="pk"), AttributeDefinitions=types("pk"))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"SSESpecification": {"Enabled": False}}, "Table is already encrypted by default"),
        ({"SSESpecification": {"Enabled": True}}, "Table is already encrypted by given KMSMasterKeyId"),
    ],
)
def test_encryption_as_it_is_is_refused(create_table, update, refusal, members, message):
    table = create_table()
    if members["SSESpecification"]["Enabled"]:
        update(table, **members)

    assert ("ValidationException", INVALID + message) == refusal(update, table, **members)


def test_warm_throughput_only_grows(create_table, update, refusal):
    table = create_table()
    update(table, WarmThroughput={"ReadUnitsPerSecond": 13_000})

    assert (
        "ValidationException",
        INVALID + "Requested ReadUnitsPerSecond for WarmThroughput for table is lower than current WarmThroughput,"
        " decreasing WarmThroughput is not supported",
    ) == refusal(update, table, WarmThroughput={"ReadUnitsPerSecond": 12_500})


def test_items_are_counted_with_their_bytes(create_table, update, active, put, client):
    """An item's size: names and values in UTF-8."""
    table = create_table()
    put(table, "1", state="new")
    put(table, "2", state="paid")
    put(table, "1", state="paid")
    put(table, "3")
    client.delete_item(TableName=table, Key={"pk": {"S": "p"}, "sk": {"S": "2"}})
    update(table, created(projection="KEYS_ONLY"), AttributeDefinitions=types("state"))
    deadline = time.monotonic() + ACTIVE_SECONDS_MAX
    counts = None
    while counts != (2, 6 + 9 + 6, 1, 6 + 9) and time.monotonic() < deadline:
        description = active(table)
        (index,) = description["GlobalSecondaryIndexes"]
        counts = (
            description["ItemCount"],
            description["TableSizeBytes"],
            index["ItemCount"],
            index["IndexSizeBytes"],
        )

    assert (2, 6 + 9 + 6, 1, 6 + 9) == counts
