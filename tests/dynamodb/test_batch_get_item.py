"""BatchGetItem: items of several tables by their keys."""

import pytest


@pytest.fixture
def table(make_table):
    return make_table("pk:S", "sk:N")


def key(number, partition="p"):
    return {"pk": {"S": partition}, "sk": {"N": str(number)}}


def put_all(client, table, items):
    for start in range(0, len(items), 25):
        requests = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
        client.batch_write_item(RequestItems={table: requests})


def in_order(items):
    return sorted(items, key=lambda item: int(item["sk"]["N"]))


def test_items_of_several_tables_are_found(client, make_table, table):
    other = make_table("id:S")
    put_all(client, table, [{**key(1), "x": {"S": "one"}}, {**key(2), "x": {"S": "two"}}])
    client.put_item(TableName=other, Item={"id": {"S": "a"}})
    answer = client.batch_get_item(
        RequestItems={
            table: {"Keys": [key(2), key(3), key("1.0")], "ConsistentRead": True},
            other: {"Keys": [{"id": {"S": "a"}}]},
        }
    )

    assert [{**key(1), "x": {"S": "one"}}, {**key(2), "x": {"S": "two"}}] == in_order(answer["Responses"][table])
    assert [{"id": {"S": "a"}}] == answer["Responses"][other]
    assert {} == answer["UnprocessedKeys"]


def test_nothing_found_is_an_empty_list(client, table):
    assert {table: []} == client.batch_get_item(RequestItems={table: {"Keys": [key(1)]}})["Responses"]


@pytest.mark.parametrize(
    "projection",
    [
        {"ProjectionExpression": "#x.y[0], sk", "ExpressionAttributeNames": {"#x": "x"}},
        {"AttributesToGet": ["sk", "x"]},
    ],
)
def test_each_table_has_its_projection(client, table, projection):
    item = {**key(1), "x": {"M": {"y": {"L": [{"S": "z"}]}}}, "more": {"S": "text"}}
    client.put_item(TableName=table, Item=item)
    answer = client.batch_get_item(RequestItems={table: {"Keys": [key(1)], **projection}})

    assert [{"sk": {"N": "1"}, "x": item["x"]}] == answer["Responses"][table]


def test_a_hundred_keys_are_the_most(client, make_table, table, refusal):
    put_all(client, table, [key(number) for number in range(100)])
    keys = [key(number) for number in range(100)]
    answer = client.batch_get_item(RequestItems={table: {"Keys": keys}})
    other = make_table("pk:S", "sk:N")
    code, message = refusal(client.batch_get_item, RequestItems={table: {"Keys": keys}, other: {"Keys": [key(1)]}})

    assert 100 == len(answer["Responses"][table])
    assert ("ValidationException", "Too many items requested for the BatchGetItem call") == (code, message)


def test_what_has_no_room_is_left_for_another_call(client, table):
    large = {"S": "x" * 400_000}
    put_all(client, table, [{**key(number), "x": large} for number in range(45)])
    request = {"Keys": [key(number) for number in range(45)], "ConsistentRead": True, "ProjectionExpression": "pk, sk"}
    first = client.batch_get_item(RequestItems={table: request}, ReturnConsumedCapacity="TOTAL")
    second = client.batch_get_item(RequestItems=first["UnprocessedKeys"])
    found = first["Responses"][table] + second["Responses"][table]

    assert {**request, "Keys": request["Keys"][41:]} == first["UnprocessedKeys"][table]
    assert {} == second["UnprocessedKeys"]
    assert [key(number) for number in range(45)] == in_order(found)
    assert [{"TableName": table, "CapacityUnits": 41 * 98.0}] == first["ConsumedCapacity"]


INVALID = {
    "twice": ({"Keys": [key(1), key("1.0")]}, "Provided list of item keys contains duplicates"),
    "schema": ({"Keys": [{"pk": {"S": "p"}}]}, "The provided key element does not match the schema"),
    "type": ({"Keys": [{"pk": {"S": "p"}, "sk": {"S": "1"}}]}, "The provided key element does not match the schema"),
    "number": (
        {"Keys": [{"pk": {"S": "p"}, "sk": {"N": "x"}}]},
        "The parameter cannot be converted to a numeric value: x",
    ),
    "families": (
        {"Keys": [key(1)], "ProjectionExpression": "a", "AttributesToGet": ["a"]},
        "Can not use both expression and non-expression parameters in the same request: "
        "Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}",
    ),
    "names": (
        {"Keys": [key(1)], "ProjectionExpression": "a", "ExpressionAttributeNames": {"#a": "a"}},
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}",
    ),
}


@pytest.mark.parametrize("invalid", INVALID)
def test_what_is_wrong_is_told(client, table, refusal, invalid):
    request, words = INVALID[invalid]

    assert ("ValidationException", words) == refusal(client.batch_get_item, RequestItems={table: request})


def test_a_table_that_is_not_there_is_not_found(client, table, refusal):
    code, message = refusal(
        client.batch_get_item, RequestItems={table: {"Keys": [key(1)]}, "nowhere": {"Keys": [key(1)]}}
    )

    assert ("ResourceNotFoundException", "Requested resource not found") == (code, message)


def test_reads_cost_by_item(client, table):
    put_all(client, table, [key(1), {**key(2), "x": {"S": "x" * 5000}}])
    request = {"Keys": [key(1), key(2), key(3)]}
    eventual = client.batch_get_item(RequestItems={table: request}, ReturnConsumedCapacity="TOTAL")
    consistent = client.batch_get_item(
        RequestItems={table: {**request, "ConsistentRead": True}}, ReturnConsumedCapacity="INDEXES"
    )

    assert [{"TableName": table, "CapacityUnits": 2.0}] == eventual["ConsumedCapacity"]
    assert [{"TableName": table, "CapacityUnits": 4.0, "Table": {"CapacityUnits": 4.0}}] == consistent[
        "ConsumedCapacity"
    ]
