"""BatchWriteItem: several tables, all validated before anything is written."""

import pytest


@pytest.fixture
def table(make_table):
    return make_table("pk:S", "sk:N", gsi={"by_g": {"key": ("g:S",)}})


def put(number, **attributes):
    return {"PutRequest": {"Item": {**key(number), **attributes}}}


def delete(number):
    return {"DeleteRequest": {"Key": key(number)}}


def key(number):
    return {"pk": {"S": "p"}, "sk": {"N": str(number)}}


def stored(client, table):
    return client.scan(TableName=table, ConsistentRead=True)["Items"]


def test_items_of_several_tables_are_put_and_deleted(client, make_table, table):
    other = make_table("id:B")
    client.put_item(TableName=table, Item=key(1))
    answer = client.batch_write_item(
        RequestItems={
            table: [delete(1), put(2, x={"S": "y"}), delete(3)],
            other: [{"PutRequest": {"Item": {"id": {"B": b"\x00"}}}}],
        }
    )

    assert {} == answer["UnprocessedItems"]
    assert [{**key(2), "x": {"S": "y"}}] == stored(client, table)
    assert [{"id": {"B": b"\x00"}}] == stored(client, other)


def test_indexes_follow(client, table):
    client.batch_write_item(RequestItems={table: [put(1, g={"S": "a"}), put(2, g={"S": "b"}), put(3)]})
    client.batch_write_item(RequestItems={table: [put(1, g={"S": "c"}), delete(2)]})

    assert [{**key(1), "g": {"S": "c"}}] == client.scan(TableName=table, IndexName="by_g")["Items"]


def test_twenty_five_requests_are_the_most(client, make_table, table, refusal):
    client.batch_write_item(RequestItems={table: [put(number) for number in range(25)]})
    other = make_table("pk:S", "sk:N")
    code, message = refusal(
        client.batch_write_item,
        RequestItems={table: [delete(number) for number in range(20)], other: [put(number) for number in range(6)]},
    )

    assert ("ValidationException", "Too many items requested for the BatchWriteItem call") == (code, message)
    assert (25, 0) == (len(stored(client, table)), len(stored(client, other)))


def test_the_number_of_requests_of_a_table_is_bounded(client, table, refusal):
    code, message = refusal(client.batch_write_item, RequestItems={table: [put(number) for number in range(26)]})

    assert "ValidationException" == code
    assert message.startswith(f"1 validation error detected: Value '{{{table}=[")
    assert message.endswith(
        "' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: "
        "[Member must have length less than or equal to 25, Member must have length greater than or equal to 1]"
    )


def test_a_batch_of_nothing_is_refused(client, refusal):
    code, message = refusal(client.batch_write_item, RequestItems={})

    assert "ValidationException" == code
    assert (
        "1 validation error detected: Value '{}' at 'requestItems' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    ) == message


INVALID = {
    "put twice": ([put(1), put(1)], "Provided list of item keys contains duplicates"),
    "put and delete": ([put(1), delete("1.0")], "Provided list of item keys contains duplicates"),
    "key type": (
        [{"DeleteRequest": {"Key": {"pk": {"S": "p"}}}}],
        "The provided key element does not match the schema",
    ),
    "item key type": (
        [{"PutRequest": {"Item": {"pk": {"S": "p"}, "sk": {"S": "1"}}}}],
        "The provided key element does not match the schema",
    ),
    "item without key": (
        [{"PutRequest": {"Item": {"pk": {"S": "p"}}}}],
        "The provided key element does not match the schema",
    ),
    "empty key": (
        [{"PutRequest": {"Item": {"pk": {"S": ""}, "sk": {"N": "1"}}}}],
        "One or more parameter values are not valid. "
        "The AttributeValue for a key attribute cannot contain an empty string value. Key: pk",
    ),
    "number": ([put(1, x={"N": "x"})], "The parameter cannot be converted to a numeric value: x"),
    "empty value": (
        [put(1, x={})],
        "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
    ),
    "size": ([put(1, x={"S": "x" * 409_600})], "Item size has exceeded the maximum allowed size"),
}


@pytest.mark.parametrize("invalid", INVALID)
def test_one_bad_request_refuses_all(client, table, refusal, invalid):
    requests, words = INVALID[invalid]
    code, message = refusal(client.batch_write_item, RequestItems={table: [put(7), *requests, put(8)]})

    assert "ValidationException" == code
    assert message == words
    assert [] == stored(client, table)


def test_a_wrong_type_of_an_index_key_refuses_all(client, table, refusal):
    code, message = refusal(client.batch_write_item, RequestItems={table: [put(1), put(2, g={"N": "1"})]})

    assert "ValidationException" == code
    assert (
        "One or more parameter values were invalid: Type mismatch for Index Key g Expected: S Actual: N IndexName: by_g"
    ) == message
    assert [] == stored(client, table)


def test_a_table_that_is_not_there_refuses_all(client, table, refusal):
    code, message = refusal(client.batch_write_item, RequestItems={table: [put(1)], "nowhere": [put(1)]})

    assert ("ResourceNotFoundException", "Requested resource not found") == (code, message)
    assert [] == stored(client, table)


def test_a_request_is_a_put_or_a_delete(client, table, refusal):
    code, _ = refusal(client.batch_write_item, RequestItems={table: [put(2), {}]})

    assert "ValidationException" == code
    assert [] == stored(client, table)


def test_capacity_is_reported_table_by_table(client, make_table, table):
    other = make_table("pk:S", "sk:N", lsi={"by_l": {"key": ("pk:S", "l:S"), "projection": "KEYS_ONLY"}})
    answer = client.batch_write_item(
        RequestItems={table: [put(1, g={"S": "x"}), put(2, x={"S": "x" * 2000})], other: [delete(1)]},
        ReturnConsumedCapacity="INDEXES",
        ReturnItemCollectionMetrics="SIZE",
    )

    assert [
        {
            "TableName": table,
            "CapacityUnits": 4.0,
            "Table": {"CapacityUnits": 3.0},
            "GlobalSecondaryIndexes": {"by_g": {"CapacityUnits": 1.0}},
        },
        {"TableName": other, "CapacityUnits": 1.0, "Table": {"CapacityUnits": 1.0}},
    ] == answer["ConsumedCapacity"]
    assert {other: [{"ItemCollectionKey": {"pk": {"S": "p"}}, "SizeEstimateRangeGB": [0.0, 1.0]}]} == answer[
        "ItemCollectionMetrics"
    ]
