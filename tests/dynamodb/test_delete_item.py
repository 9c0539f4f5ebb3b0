"""DeleteItem: an item goes, under a condition or not."""

import pytest

KEY = {"pk": {"S": "a"}}
ITEM = {**KEY, "color": {"S": "red"}}


@pytest.fixture
def table(client, make_table):
    name = make_table("pk:S")
    client.put_item(TableName=name, Item=ITEM)
    return name


def test_a_deleted_item_is_gone(client, table):
    answer = client.delete_item(TableName=table, Key=KEY)

    assert "Attributes" not in answer
    assert "Item" not in client.get_item(TableName=table, Key=KEY, ConsistentRead=True)


def test_deleting_what_is_not_there_does_nothing(client, table):
    answer = client.delete_item(TableName=table, Key={"pk": {"S": "b"}}, ReturnValues="ALL_OLD")

    assert "Attributes" not in answer


def test_the_old_item_is_returned_when_asked_for(client, table):
    assert ITEM == client.delete_item(TableName=table, Key=KEY, ReturnValues="ALL_OLD")["Attributes"]


@pytest.mark.parametrize("return_values", ["UPDATED_OLD", "UPDATED_NEW", "ALL_NEW"])
def test_other_return_values_are_refused(client, table, refusal, return_values):
    actual = refusal(client.delete_item, TableName=table, Key=KEY, ReturnValues=return_values)

    assert ("ValidationException", "ReturnValues can only be ALL_OLD or NONE") == actual


def test_a_condition_that_fails_leaves_the_item(client, table, refusal):
    actual = refusal(
        client.delete_item,
        TableName=table,
        Key=KEY,
        ConditionExpression="color = :c",
        ExpressionAttributeValues={":c": {"S": "blue"}},
    )

    assert ("ConditionalCheckFailedException", "The conditional request failed") == actual
    assert ITEM == client.get_item(TableName=table, Key=KEY)["Item"]


def test_the_item_that_failed_the_condition_is_returned_when_asked_for(client, table):
    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as caught:
        client.delete_item(
            TableName=table,
            Key=KEY,
            ConditionExpression="attribute_not_exists(color)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    assert ITEM == caught.value.response["Item"]


def test_a_condition_on_an_item_that_is_not_there(client, table, refusal):
    actual = refusal(
        client.delete_item, TableName=table, Key={"pk": {"S": "b"}}, ConditionExpression="attribute_exists(pk)"
    )

    assert actual[0] == "ConditionalCheckFailedException"


def test_a_key_of_another_schema_is_refused(client, table, refusal):
    actual = refusal(client.delete_item, TableName=table, Key={"pk": {"N": "1"}})

    assert ("ValidationException", "The provided key element does not match the schema") == actual
