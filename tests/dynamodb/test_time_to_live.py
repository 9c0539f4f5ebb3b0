"""UpdateTimeToLive and DescribeTimeToLive, and items that expire."""

import os
import threading
import time

import pytest

ATTRIBUTE = "expires"
TOO_SOON = "Time to live has been modified multiple times within a fixed interval"
CASSANDRA = "MAGNETODB_TEST_CASSANDRA" in os.environ
WAIT_SECONDS_MAX = 90 if CASSANDRA else 20


@pytest.fixture
def expiring_client(ours, front, servers, client_of):
    """A client of a server that looks for expired items ten times a second."""
    return client_of(servers(front, expiry_interval="0.1").url)


@pytest.fixture
def expiring_table(expiring_client):
    """expiring_table() -> name of a table of that server whose items expire; an index of it by `state`."""
    names = []

    def create():
        names.append(f"expiring-{len(names)}-{time.monotonic_ns()}")
        expiring_client.create_table(
            TableName=names[-1],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "state", "AttributeType": "S"},
            ],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by_state",
                    "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        return names[-1]

    yield create
    for name in names:
        expiring_client.delete_table(TableName=name)


def until(condition):
    """Wait until it holds; returns what it gave."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        threading.Event().wait(0.02)
    raise TimeoutError


def specification(attribute=ATTRIBUTE, *, enabled=True):
    return {"AttributeName": attribute, "Enabled": enabled}


def description(client, table):
    return client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]


def change(client, table, *, enabled=True):
    """Enable or disable, and wait until it is."""
    answer = client.update_time_to_live(TableName=table, TimeToLiveSpecification=specification(enabled=enabled))
    wanted = "ENABLED" if enabled else "DISABLED"
    until(lambda: description(client, table)["TimeToLiveStatus"] == wanted)
    return answer


def item(key, expires=None, **attributes):
    """An item; `expires`: an attribute value, or seconds from now."""
    if isinstance(expires, int):
        expires = {"N": str(int(time.time()) + expires)}
    return {"pk": {"S": key}, "state": {"S": "new"}} | ({} if expires is None else {ATTRIBUTE: expires}) | attributes


def keys(client, table, **arguments):
    return {each["pk"]["S"] for each in client.scan(TableName=table, **arguments)["Items"]}


def test_a_new_table_has_none(client, create_table):
    assert {"TimeToLiveStatus": "DISABLED"} == description(client, create_table())


def test_it_is_enabled_and_disabled(client, create_table):
    table = create_table()
    answers = [change(client, table), change(client, table, enabled=False)]

    assert [True, False] == [answer["TimeToLiveSpecification"]["Enabled"] for answer in answers]
    assert {"TimeToLiveStatus": "DISABLED"} == description(client, table)


def test_it_is_described_with_its_attribute(client, create_table):
    table = create_table()
    client.update_time_to_live(TableName=table, TimeToLiveSpecification=specification())
    first = description(client, table)
    enabled = until(lambda: description(client, table)["TimeToLiveStatus"] == "ENABLED" and description(client, table))

    assert first["TimeToLiveStatus"] in ("ENABLING", "ENABLED")
    assert ATTRIBUTE == first["AttributeName"]
    assert {"TimeToLiveStatus": "ENABLED", "AttributeName": ATTRIBUTE} == enabled


def test_what_is_so_already_is_refused(client, create_table, refusal):
    table = create_table()
    disabled = refusal(
        client.update_time_to_live, TableName=table, TimeToLiveSpecification=specification(enabled=False)
    )
    change(client, table)
    enabled = refusal(client.update_time_to_live, TableName=table, TimeToLiveSpecification=specification())

    assert ("ValidationException", "TimeToLive is already disabled") == disabled
    assert ("ValidationException", "TimeToLive is already enabled") == enabled


@pytest.mark.parametrize("enabled", [True, False])
def test_another_attribute_is_refused(client, create_table, refusal, enabled):
    table = create_table()
    change(client, table)
    refused = refusal(
        client.update_time_to_live, TableName=table, TimeToLiveSpecification=specification("other", enabled=enabled)
    )

    assert (
        "ValidationException",
        f"TimeToLive is active on a different AttributeName: current AttributeName is {ATTRIBUTE}",
    ) == refused


def test_a_second_change_has_to_wait_for_the_first(ours, front, servers, client_of, refusal):
    """Without jobs the first one never ends."""
    client = client_of(servers(front, run_jobs="false").url)
    client.create_table(
        TableName="waiting",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.update_time_to_live(TableName="waiting", TimeToLiveSpecification=specification())
    refusals = [
        refusal(client.update_time_to_live, TableName="waiting", TimeToLiveSpecification=specification(enabled=each))
        for each in (True, False)
    ]
    state = description(client, "waiting")
    client.delete_table(TableName="waiting")

    assert [("ValidationException", TOO_SOON)] * 2 == refusals
    assert {"TimeToLiveStatus": "ENABLING", "AttributeName": ATTRIBUTE} == state


def test_a_table_that_is_not_there(client, refusal):
    message = "Requested resource not found: Table: nowhere not found"

    assert ("ResourceNotFoundException", message) == refusal(client.describe_time_to_live, TableName="nowhere")
    assert ("ResourceNotFoundException", message) == refusal(
        client.update_time_to_live, TableName="nowhere", TimeToLiveSpecification=specification()
    )


def test_a_name_that_is_too_long_is_refused(client, create_table, refusal):
    name = "a" * 256
    refused = refusal(client.update_time_to_live, TableName=create_table(), TimeToLiveSpecification=specification(name))

    assert (
        "ValidationException",
        f"1 validation error detected: Value '{name}' at 'timeToLiveSpecification.attributeName' failed to satisfy "
        "constraint: Member must have length less than or equal to 255",
    ) == refused


def test_a_reader_may_look_but_not_change(signing_client, refusal):
    reader = signing_client("reader")

    assert "ResourceNotFoundException" == refusal(reader.describe_time_to_live, TableName="nowhere")[0]
    assert (
        "AccessDeniedException"
        == refusal(reader.update_time_to_live, TableName="nowhere", TimeToLiveSpecification=specification())[0]
    )


def test_it_is_no_index_of_the_table(client, create_table):
    table = create_table()
    change(client, table)
    shown = client.describe_table(TableName=table)["Table"]

    assert {"GlobalSecondaryIndexes", "LocalSecondaryIndexes"}.isdisjoint(shown)
    assert ["pk", "sk"] == [each["AttributeName"] for each in shown["AttributeDefinitions"]]


def test_it_costs_no_capacity(client, create_table):
    table = create_table()
    change(client, table)
    answer = client.put_item(
        TableName=table,
        Item=item("a", 10_000, sk={"S": "b"}),
        ReturnConsumedCapacity="INDEXES",
    )

    assert {"TableName": table, "CapacityUnits": 1.0, "Table": {"CapacityUnits": 1.0}} == answer["ConsumedCapacity"]


def test_expired_items_go_with_their_index_rows(expiring_client, expiring_table):
    table = expiring_table()
    change(expiring_client, table)
    for each in (item("past", -10), item("soon", 1), item("later", 10_000), item("never")):
        expiring_client.put_item(TableName=table, Item=each)
    until(lambda: keys(expiring_client, table) == {"later", "never"})

    assert {"later", "never"} == keys(expiring_client, table, IndexName="by_state")


def test_items_that_were_there_before_it_was_enabled_expire_too(expiring_client, expiring_table):
    table = expiring_table()
    for number in range(30):
        expiring_client.put_item(TableName=table, Item=item(f"{number}", -10 if number % 2 else 10_000))
    change(expiring_client, table)
    until(lambda: len(keys(expiring_client, table)) <= 15)

    assert {f"{number}" for number in range(0, 30, 2)} == keys(expiring_client, table)


def test_what_says_no_time_stays(expiring_client, expiring_table):
    table = expiring_table()
    change(expiring_client, table)
    past = str(int(time.time()) - 10)
    over_five_years = str(int(time.time()) - 6 * 365 * 86_400)
    values = {
        "string": {"S": past},
        "set": {"NS": [past]},
        "map": {"M": {"N": {"N": past}}},
        "null": {"NULL": True},
        "long ago": {"N": over_five_years},
        "zero": {"N": "0"},
        "negative": {"N": "-1"},
        "huge": {"N": "9" * 38},
        "tiny": {"N": "1e-100"},
    }
    for key, value in values.items():
        expiring_client.put_item(TableName=table, Item=item(key, value))
    expiring_client.put_item(TableName=table, Item=item("expired", {"N": f"{past}.75"}))
    until(lambda: "expired" not in keys(expiring_client, table))

    assert set(values) == keys(expiring_client, table)


def test_a_later_expiry_keeps_an_item(expiring_client, expiring_table):
    table = expiring_table()
    change(expiring_client, table)
    for seconds in (2, 8, 32):
        put = time.time()
        for key in ("prolonged", "freed", "left"):
            expiring_client.put_item(TableName=table, Item=item(key, seconds))
        expiring_client.update_item(
            TableName=table,
            Key={"pk": {"S": "prolonged"}},
            UpdateExpression=f"SET {ATTRIBUTE} = :later",
            ExpressionAttributeValues={":later": {"N": str(int(time.time()) + 10_000)}},
        )
        expiring_client.update_item(TableName=table, Key={"pk": {"S": "freed"}}, UpdateExpression=f"REMOVE {ATTRIBUTE}")
        if time.time() < int(put) + seconds:
            break  # Before any of them was due.
    until(lambda: "left" not in keys(expiring_client, table))
    items = expiring_client.scan(TableName=table)["Items"]

    assert {"prolonged": "new", "freed": "new"} == {each["pk"]["S"]: each["state"]["S"] for each in items}


def test_nothing_expires_while_it_is_disabled(expiring_client, expiring_table):
    """A second table shows that the job has been there."""
    table, witness = expiring_table(), expiring_table()
    change(expiring_client, table)
    change(expiring_client, witness)
    change(expiring_client, table, enabled=False)
    for name in (table, witness):
        expiring_client.put_item(TableName=name, Item=item("past", -10))
    until(lambda: not keys(expiring_client, witness))

    assert {"past"} == keys(expiring_client, table)


def test_it_can_be_enabled_again_with_another_attribute(expiring_client, expiring_table):
    table = expiring_table()
    change(expiring_client, table)
    change(expiring_client, table, enabled=False)
    past = {"N": str(int(time.time()) - 10)}
    expiring_client.put_item(TableName=table, Item=item("first", past))
    expiring_client.put_item(TableName=table, Item=item("second", other=past))
    expiring_client.update_time_to_live(TableName=table, TimeToLiveSpecification=specification("other"))
    until(lambda: "second" not in keys(expiring_client, table))

    assert {"first"} == keys(expiring_client, table)
