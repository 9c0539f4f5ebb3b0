"""PutItem: a whole item is written, under a condition or not."""

import pytest

ITEM = {"pk": {"S": "a"}, "color": {"S": "red"}, "size": {"N": "7"}}
KEY = {"pk": {"S": "a"}}
FAILED = ("ConditionalCheckFailedException", "The conditional request failed")
INVALID = "One or more parameter values were invalid: "


@pytest.fixture
def table(make_table):
    return make_table("pk:S")


def stored(client, table, key=KEY):
    return client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")


def test_an_item_is_read_as_it_was_put(client, table):
    answer = client.put_item(TableName=table, Item=ITEM)

    assert "Attributes" not in answer
    assert ITEM == stored(client, table)


def test_every_type_comes_back(client, table):
    item = {
        "pk": {"S": "types"},
        "s": {"S": "zażółć 🎈"},
        "n": {"N": "-1.5"},
        "b": {"B": b"\x00\xff"},
        "bool": {"BOOL": False},
        "null": {"NULL": True},
        "list": {"L": [{"S": "x"}, {"L": []}, {"M": {"y": {"N": "1"}}}]},
        "map": {"M": {"k": {"S": ""}}},
        "ss": {"SS": ["a", "b"]},
        "ns": {"NS": ["1", "2.5"]},
        "bs": {"BS": [b"1", b"2"]},
        "empty": {"S": ""},
        "empty_binary": {"B": b""},
    }
    client.put_item(TableName=table, Item=item)

    assert item == stored(client, table, {"pk": {"S": "types"}})


def test_numbers_are_normalised(client, table):
    client.put_item(TableName=table, Item={**KEY, "n": {"N": "0012.500e1"}, "ns": {"NS": ["1e2", "-0.0"]}})

    item = stored(client, table)
    assert {"N": "125"} == item["n"]
    assert {"100", "0"} == set(item["ns"]["NS"])


def test_a_put_replaces_the_whole_item(client, table):
    client.put_item(TableName=table, Item=ITEM)
    client.put_item(TableName=table, Item={**KEY, "other": {"BOOL": True}})

    assert {**KEY, "other": {"BOOL": True}} == stored(client, table)


def test_the_old_item_is_returned_when_asked_for(client, table):
    client.put_item(TableName=table, Item=ITEM)
    answer = client.put_item(TableName=table, Item=KEY, ReturnValues="ALL_OLD")

    assert ITEM == answer["Attributes"]


def test_nothing_is_returned_where_nothing_was(client, table):
    answer = client.put_item(TableName=table, Item=ITEM, ReturnValues="ALL_OLD")

    assert "Attributes" not in answer


@pytest.mark.parametrize("return_values", ["UPDATED_OLD", "UPDATED_NEW", "ALL_NEW"])
def test_other_return_values_are_refused(client, table, refusal, return_values):
    actual = refusal(client.put_item, TableName=table, Item=ITEM, ReturnValues=return_values)

    assert ("ValidationException", "ReturnValues can only be ALL_OLD or NONE") == actual


def test_a_condition_that_holds_lets_the_write_through(client, table):
    client.put_item(TableName=table, Item=ITEM, ConditionExpression="attribute_not_exists(pk)")

    assert ITEM == stored(client, table)


def test_a_condition_that_fails_leaves_the_item(client, table, refusal):
    client.put_item(TableName=table, Item=ITEM)
    actual = refusal(client.put_item, TableName=table, Item=KEY, ConditionExpression="attribute_not_exists(pk)")

    assert FAILED == actual
    assert ITEM == stored(client, table)


def test_the_item_that_failed_the_condition_is_returned_when_asked_for(client, table):
    client.put_item(TableName=table, Item=ITEM)
    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as caught:
        client.put_item(
            TableName=table,
            Item=KEY,
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    assert ITEM == caught.value.response["Item"]


def test_no_item_is_returned_where_there_is_none(client, table):
    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as caught:
        client.put_item(
            TableName=table,
            Item=KEY,
            ConditionExpression="attribute_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    assert "Item" not in caught.value.response


def test_a_table_that_is_not_there(client, refusal):
    actual = refusal(client.put_item, TableName="no-such-table", Item=ITEM)

    assert ("ResourceNotFoundException", "Requested resource not found") == actual


def test_a_wrong_expression_is_found_before_the_missing_table(client, refusal):
    code, message = refusal(client.put_item, TableName="no-such-table", Item=ITEM, ConditionExpression="pk ==")

    assert code == "ValidationException"
    assert message.startswith("Invalid ConditionExpression: Syntax error")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"other": {"S": "a"}}, INVALID + "Missing the key pk in the item"),
        ({"pk": {"N": "1"}}, INVALID + "Type mismatch for key pk expected: S actual: N"),
        (
            {"pk": {"S": ""}},
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
            "empty string value. Key: pk",
        ),
        (
            {"pk": {"S": "x" * 2049}},
            INVALID + "Size of hashkey has exceeded the maximum size limit of2048 bytes",
        ),
    ],
)
def test_a_wrong_key_is_refused(client, table, refusal, item, message):
    actual = refusal(client.put_item, TableName=table, Item=item)

    assert ("ValidationException", message) == actual


def test_a_sort_key_has_its_own_limit(client, make_table, refusal):
    table = make_table("pk:S", "sk:B")
    actual = refusal(client.put_item, TableName=table, Item={**KEY, "sk": {"B": b"x" * 1025}})

    message = INVALID + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
    assert ("ValidationException", message) == actual
    client.put_item(TableName=table, Item={**KEY, "sk": {"B": b"x" * 1024}})


def test_an_unused_value_is_refused(client, table, refusal):
    actual = refusal(
        client.put_item,
        TableName=table,
        Item=ITEM,
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeValues={":v": {"S": "x"}},
    )

    assert (
        "ValidationException",
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}",
    ) == actual


def test_metrics_of_an_item_collection_exist_only_with_local_indexes(client, make_table, table):
    plain = client.put_item(TableName=table, Item=ITEM, ReturnItemCollectionMetrics="SIZE")
    indexed_table = make_table("pk:S", "sk:S", lsi={"by_a": {"key": ("pk:S", "a:S")}})
    indexed = client.put_item(
        TableName=indexed_table, Item={**ITEM, "sk": {"S": "b"}}, ReturnItemCollectionMetrics="SIZE"
    )

    assert "ItemCollectionMetrics" not in plain
    assert {"ItemCollectionKey": KEY, "SizeEstimateRangeGB": [0.0, 1.0]} == indexed["ItemCollectionMetrics"]
