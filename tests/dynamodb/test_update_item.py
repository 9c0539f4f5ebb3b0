"""UpdateItem: parts of an item change; an item that is not there is made."""

import pytest

KEY = {"pk": {"S": "a"}}
ITEM = {**KEY, "color": {"S": "red"}, "count": {"N": "1"}, "tags": {"SS": ["x", "y"]}, "m": {"M": {"k": {"N": "1"}}}}


@pytest.fixture
def table(client, make_table):
    name = make_table("pk:S")
    client.put_item(TableName=name, Item=ITEM)
    return name


def stored(client, table, key=KEY):
    return client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")


def test_set_and_remove(client, table):
    client.update_item(
        TableName=table,
        Key=KEY,
        UpdateExpression="SET color = :c, m.k = m.k + :one, fresh = if_not_exists(fresh, :one) REMOVE tags",
        ExpressionAttributeValues={":c": {"S": "blue"}, ":one": {"N": "1"}},
    )

    expected = {
        **KEY,
        "color": {"S": "blue"},
        "count": {"N": "1"},
        "m": {"M": {"k": {"N": "2"}}},
        "fresh": {"N": "1"},
    }
    assert expected == stored(client, table)


def test_add_and_delete(client, table):
    client.update_item(
        TableName=table,
        Key=KEY,
        UpdateExpression="ADD #count :five, visits :five DELETE tags :x",
        ExpressionAttributeNames={"#count": "count"},
        ExpressionAttributeValues={":five": {"N": "5"}, ":x": {"SS": ["x", "absent"]}},
    )

    item = stored(client, table)
    assert ({"N": "6"}, {"N": "5"}, {"SS": ["y"]}) == (item["count"], item["visits"], item["tags"])


def test_an_item_that_is_not_there_is_made(client, table):
    key = {"pk": {"S": "new"}}
    client.update_item(
        TableName=table, Key=key, UpdateExpression="SET color = :c", ExpressionAttributeValues={":c": {"S": "blue"}}
    )

    assert {**key, "color": {"S": "blue"}} == stored(client, table, key)


@pytest.mark.parametrize("update", [{}, {"AttributeUpdates": {}}])
def test_an_update_without_actions_makes_the_item_too(client, table, update):
    key = {"pk": {"S": "new"}}
    client.update_item(TableName=table, Key=key, **update)

    assert key == stored(client, table, key)


@pytest.mark.parametrize(
    "update",
    [
        {"UpdateExpression": "REMOVE color"},
        {"UpdateExpression": "DELETE tags :t", "ExpressionAttributeValues": {":t": {"SS": ["x"]}}},
        {"AttributeUpdates": {"color": {"Action": "DELETE"}}},
    ],
)
def test_an_update_that_only_takes_away_makes_no_item(client, table, update):
    key = {"pk": {"S": "new"}}
    answer = client.update_item(TableName=table, Key=key, ReturnValues="ALL_NEW", **update)

    assert "Attributes" not in answer
    assert stored(client, table, key) is None


def test_a_wrong_key_goes_before_a_wrong_expression(client, table, refusal):
    actual = refusal(client.update_item, TableName=table, Key={"pk": {"SS": []}}, UpdateExpression="")

    assert (
        "ValidationException",
        "One or more parameter values were invalid: An string set  may not be empty",
    ) == actual


def test_a_key_attribute_may_not_change(client, table, refusal):
    actual = refusal(
        client.update_item,
        TableName=table,
        Key=KEY,
        UpdateExpression="SET pk = :c",
        ExpressionAttributeValues={":c": {"S": "blue"}},
    )

    assert (
        "ValidationException",
        "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key",
    ) == actual


def returned(client, table, return_values, key=KEY):
    answer = client.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET color = :c, fresh = :c, m.k = :n, m.j = :n REMOVE #count",
        ExpressionAttributeNames={"#count": "count"},
        ExpressionAttributeValues={":c": {"S": "blue"}, ":n": {"N": "9"}},
        ReturnValues=return_values,
    )
    attributes = answer.get("Attributes")
    if attributes and "tags" in attributes:
        attributes["tags"]["SS"].sort()
    return attributes


NEW = {
    **KEY,
    "color": {"S": "blue"},
    "fresh": {"S": "blue"},
    "tags": {"SS": ["x", "y"]},
    "m": {"M": {"k": {"N": "9"}, "j": {"N": "9"}}},
}


@pytest.mark.parametrize(
    ("return_values", "expected"),
    [
        ("NONE", None),
        ("ALL_OLD", ITEM),
        ("ALL_NEW", NEW),
        ("UPDATED_OLD", {"color": {"S": "red"}, "m": {"M": {"k": {"N": "1"}}}, "count": {"N": "1"}}),
        (
            "UPDATED_NEW",
            {"color": {"S": "blue"}, "fresh": {"S": "blue"}, "m": {"M": {"k": {"N": "9"}, "j": {"N": "9"}}}},
        ),
    ],
)
def test_return_values(client, table, return_values, expected):
    assert expected == returned(client, table, return_values)


def test_an_item_that_was_not_there_has_no_old_values(client, table):
    for return_values in ("ALL_OLD", "UPDATED_OLD"):
        key = {"pk": {"S": return_values}}
        answer = client.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET color = :c",
            ExpressionAttributeValues={":c": {"S": "blue"}},
            ReturnValues=return_values,
        )

        assert "Attributes" not in answer


def test_a_condition_that_fails_leaves_the_item(client, table, refusal):
    actual = refusal(
        client.update_item,
        TableName=table,
        Key=KEY,
        UpdateExpression="REMOVE color",
        ConditionExpression="attribute_not_exists(color)",
    )

    assert ("ConditionalCheckFailedException", "The conditional request failed") == actual
    assert stored(client, table)["color"] == {"S": "red"}


def test_a_condition_that_fails_makes_no_item(client, table, refusal):
    key = {"pk": {"S": "new"}}
    refusal(client.update_item, TableName=table, Key=key, ConditionExpression="attribute_exists(pk)")

    assert stored(client, table, key) is None


def test_a_path_that_is_not_there_is_refused(client, table, refusal):
    actual = refusal(
        client.update_item,
        TableName=table,
        Key=KEY,
        UpdateExpression="SET nothing.k = :n",
        ExpressionAttributeValues={":n": {"N": "1"}},
    )

    assert (
        "ValidationException",
        "The document path provided in the update expression is invalid for update",
    ) == actual


def test_overlapping_paths_are_refused(client, table, refusal):
    code, message = refusal(
        client.update_item,
        TableName=table,
        Key=KEY,
        UpdateExpression="SET m = :n, m.k = :n",
        ExpressionAttributeValues={":n": {"N": "1"}},
    )

    assert code == "ValidationException"
    assert (
        "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these "
        "paths; path one: [m], path two: [m, k]"
    ) == message


def test_arithmetic_on_a_string_is_refused(client, table, refusal):
    actual = refusal(
        client.update_item,
        TableName=table,
        Key=KEY,
        UpdateExpression="SET color = color + :n",
        ExpressionAttributeValues={":n": {"N": "1"}},
    )

    assert ("ValidationException", "An operand in the update expression has an incorrect data type") == actual


def test_updates_from_many_clients_are_all_counted(client, table):
    """A lost race is decided again: no increment gets lost."""
    from concurrent.futures import ThreadPoolExecutor

    def increment(_):
        client.update_item(
            TableName=table,
            Key=KEY,
            UpdateExpression="ADD hits :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(increment, range(80)))

    assert {"N": "80"} == stored(client, table)["hits"]
