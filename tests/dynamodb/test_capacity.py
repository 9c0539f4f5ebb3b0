"""ReturnConsumedCapacity: what each operation costs by AWS's rules."""

import pytest

KEY = {"pk": {"S": "a"}, "sk": {"S": "b"}}


@pytest.fixture
def table(make_table):
    return make_table(
        "pk:S",
        "sk:S",
        lsi={"local": {"key": ("pk:S", "l:S"), "projection": "KEYS_ONLY"}},
        gsi={"global": {"key": ("g:S",), "projection": "KEYS_ONLY"}, "global_all": {"key": ("g:S",)}},
    )


def put(client, table, size, wanted="TOTAL", **attributes):
    """The capacity of putting an item of `size` bytes (and `attributes`, if any)."""
    # "pk" "a" "sk" "b" "x" are 7 bytes.
    item = {**KEY, "x": {"S": "x" * (size - 7)}, **attributes}
    return client.put_item(TableName=table, Item=item, ReturnConsumedCapacity=wanted)["ConsumedCapacity"]


def test_nothing_is_reported_unless_asked_for(client, table):
    assert "ConsumedCapacity" not in client.put_item(TableName=table, Item=KEY)
    assert "ConsumedCapacity" not in client.get_item(TableName=table, Key=KEY, ReturnConsumedCapacity="NONE")


@pytest.mark.parametrize(("size", "units"), [(100, 1.0), (1024, 1.0), (1025, 2.0), (10_240, 10.0)])
def test_a_write_costs_a_unit_per_kilobyte(client, table, size, units):
    assert {"TableName": table, "CapacityUnits": units} == put(client, table, size)


def test_a_write_costs_by_the_larger_of_old_and_new(client, table):
    put(client, table, 5000)

    assert put(client, table, 10)["CapacityUnits"] == 5.0
    assert put(client, table, 10)["CapacityUnits"] == 1.0


def test_a_delete_costs_by_the_old_item(client, table):
    put(client, table, 5000)
    answers = [client.delete_item(TableName=table, Key=KEY, ReturnConsumedCapacity="TOTAL") for _ in range(2)]

    assert [5.0, 1.0] == [answer["ConsumedCapacity"]["CapacityUnits"] for answer in answers]


@pytest.mark.parametrize(
    ("size", "consistent", "units"),
    [(100, False, 0.5), (100, True, 1.0), (4096, True, 1.0), (4097, True, 2.0), (4097, False, 1.0)],
)
def test_a_read_costs_a_unit_per_four_kilobytes(client, table, size, consistent, units):
    put(client, table, size)
    answer = client.get_item(TableName=table, Key=KEY, ConsistentRead=consistent, ReturnConsumedCapacity="TOTAL")

    assert {"TableName": table, "CapacityUnits": units} == answer["ConsumedCapacity"]


def test_reading_nothing_costs_too(client, table):
    answer = client.get_item(TableName=table, Key=KEY, ReturnConsumedCapacity="INDEXES")

    expected = {"TableName": table, "CapacityUnits": 0.5, "Table": {"CapacityUnits": 0.5}}
    assert expected == answer["ConsumedCapacity"]


def test_a_write_costs_in_each_index_that_it_touches(client, table):
    consumed = put(client, table, 2000, "INDEXES", g={"S": "x"})

    expected = {
        "TableName": table,
        "CapacityUnits": 5.0,
        "Table": {"CapacityUnits": 2.0},
        "GlobalSecondaryIndexes": {"global": {"CapacityUnits": 1.0}, "global_all": {"CapacityUnits": 2.0}},
    }
    assert expected == consumed


def test_a_moved_index_row_costs_twice(client, table):
    put(client, table, 100, l={"S": "x"})
    consumed = put(client, table, 100, "INDEXES", l={"S": "y"})

    assert {"local": {"CapacityUnits": 2.0}} == consumed["LocalSecondaryIndexes"]


def test_a_write_that_the_index_does_not_see_costs_nothing_there(client, table):
    put(client, table, 100, l={"S": "x"})
    consumed = put(client, table, 200, "INDEXES", l={"S": "x"})

    assert {"TableName": table, "CapacityUnits": 1.0, "Table": {"CapacityUnits": 1.0}} == consumed


def test_a_query_rounds_once_per_page(client, table):
    for n in range(10):
        client.put_item(TableName=table, Item={"pk": {"S": "a"}, "sk": {"S": str(n)}, "x": {"S": "x" * 1000}})
    members = {
        "TableName": table,
        "KeyConditionExpression": "pk = :a",
        "ExpressionAttributeValues": {":a": {"S": "a"}},
        "ReturnConsumedCapacity": "TOTAL",
    }
    consistent = client.query(**members, ConsistentRead=True)
    eventual = client.query(**members)

    assert (3.0, 1.5) == (
        consistent["ConsumedCapacity"]["CapacityUnits"],
        eventual["ConsumedCapacity"]["CapacityUnits"],
    )


def test_a_filter_does_not_make_it_cheaper(client, table):
    put(client, table, 9000)
    answer = client.scan(TableName=table, FilterExpression="attribute_exists(nothing)", ReturnConsumedCapacity="TOTAL")

    assert (0, 1.5) == (answer["Count"], answer["ConsumedCapacity"]["CapacityUnits"])


def test_a_query_of_a_global_index_costs_there(client, table):
    put(client, table, 100, g={"S": "x"})
    answer = client.query(
        TableName=table,
        IndexName="global",
        KeyConditionExpression="g = :x",
        ExpressionAttributeValues={":x": {"S": "x"}},
        ReturnConsumedCapacity="INDEXES",
    )

    expected = {
        "TableName": table,
        "CapacityUnits": 0.5,
        "Table": {"CapacityUnits": 0.0},
        "GlobalSecondaryIndexes": {"global": {"CapacityUnits": 0.5}},
    }
    assert expected == answer["ConsumedCapacity"]


def test_fetching_for_a_local_index_costs_in_the_table(client, table):
    put(client, table, 5000, l={"S": "x"})
    answer = client.query(
        TableName=table,
        IndexName="local",
        KeyConditionExpression="pk = :a",
        ExpressionAttributeValues={":a": {"S": "a"}},
        Select="ALL_ATTRIBUTES",
        ConsistentRead=True,
        ReturnConsumedCapacity="INDEXES",
    )

    expected = {
        "TableName": table,
        "CapacityUnits": 3.0,
        "Table": {"CapacityUnits": 2.0},
        "LocalSecondaryIndexes": {"local": {"CapacityUnits": 1.0}},
    }
    assert expected == answer["ConsumedCapacity"]


def test_consumed_capacity_names_the_table_as_the_request_does(client, create_table):
    table = create_table()
    arn = client.describe_table(TableName=table)["Table"]["TableArn"]
    item = {"pk": {"S": "a"}, "sk": {"S": "b"}}
    wanted = {"ReturnConsumedCapacity": "TOTAL"}

    put = client.put_item(TableName=arn, Item=item, **wanted)
    read = client.batch_get_item(RequestItems={arn: {"Keys": [item]}}, **wanted)
    written = client.batch_write_item(RequestItems={arn: [{"PutRequest": {"Item": item}}]}, **wanted)

    assert arn == put["ConsumedCapacity"]["TableName"]
    assert arn == read["ConsumedCapacity"][0]["TableName"]
    assert arn == written["ConsumedCapacity"][0]["TableName"]
