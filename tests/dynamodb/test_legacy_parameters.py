"""The parameters that came before expressions say the same things."""

import contextlib

import pytest

KEY = {"pk": {"S": "a"}, "sk": {"N": "1"}}
ITEM = {**KEY, "color": {"S": "red"}, "count": {"N": "1"}, "tags": {"SS": ["x", "y"]}}
INVALID = "One or more parameter values were invalid: "


@pytest.fixture
def table(client, make_table):
    name = make_table("pk:S", "sk:N")
    client.put_item(TableName=name, Item=ITEM)
    return name


def stored(client, table):
    return client.get_item(TableName=table, Key=KEY).get("Item")


EXPECTATIONS = [
    ({"color": {"Value": {"S": "red"}}}, True),
    ({"color": {"Value": {"S": "blue"}}}, False),
    ({"color": {"Exists": True, "Value": {"S": "red"}}}, True),
    ({"nothing": {"Exists": False}}, True),
    ({"color": {"Exists": False}}, False),
    ({"count": {"ComparisonOperator": "LT", "AttributeValueList": [{"N": "2"}]}}, True),
    ({"count": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [{"N": "2"}, {"N": "3"}]}}, False),
    ({"color": {"ComparisonOperator": "IN", "AttributeValueList": [{"S": "red"}, {"S": "blue"}]}}, True),
    ({"color": {"ComparisonOperator": "NULL"}}, False),
    ({"color": {"ComparisonOperator": "NOT_NULL"}}, True),
    ({"tags": {"ComparisonOperator": "CONTAINS", "AttributeValueList": [{"S": "x"}]}}, True),
    ({"tags": {"ComparisonOperator": "NOT_CONTAINS", "AttributeValueList": [{"S": "x"}]}}, False),
    ({"color": {"ComparisonOperator": "BEGINS_WITH", "AttributeValueList": [{"S": "r"}]}}, True),
    ({"color": {"ComparisonOperator": "NE", "AttributeValueList": [{"S": "red"}]}}, False),
]


@pytest.mark.parametrize(("expected", "holds"), EXPECTATIONS)
def test_expected(client, table, expected, holds):
    def delete():
        client.delete_item(TableName=table, Key=KEY, Expected=expected)

    if holds:
        delete()
    else:
        with pytest.raises(client.exceptions.ConditionalCheckFailedException):
            delete()

    assert (None if holds else ITEM) == stored(client, table)


@pytest.mark.parametrize(("operator", "holds"), [("AND", False), ("OR", True)])
def test_conditional_operator(client, table, operator, holds):
    expected = {"color": {"Value": {"S": "blue"}}, "nothing": {"Exists": False}}
    with contextlib.suppress(client.exceptions.ConditionalCheckFailedException):
        client.put_item(TableName=table, Item=KEY, Expected=expected, ConditionalOperator=operator)

    assert (KEY if holds else ITEM) == stored(client, table)


def test_attribute_updates(client, table):
    answer = client.update_item(
        TableName=table,
        Key=KEY,
        AttributeUpdates={
            "color": {"Action": "PUT", "Value": {"S": "blue"}},
            "count": {"Action": "ADD", "Value": {"N": "2"}},
            "tags": {"Action": "DELETE", "Value": {"SS": ["x"]}},
            "nothing": {"Action": "DELETE"},
            "fresh": {"Value": {"BOOL": True}},
        },
        ReturnValues="ALL_NEW",
    )

    expected = {
        **KEY,
        "color": {"S": "blue"},
        "count": {"N": "3"},
        "tags": {"SS": ["y"]},
        "fresh": {"BOOL": True},
    }
    assert expected == answer["Attributes"] == stored(client, table)


def test_updated_attributes_are_returned(client, table):
    members = {"TableName": table, "Key": KEY, "AttributeUpdates": {"count": {"Action": "ADD", "Value": {"N": "1"}}}}
    old = client.update_item(**members, ReturnValues="UPDATED_OLD")["Attributes"]
    new = client.update_item(**members, ReturnValues="UPDATED_NEW")["Attributes"]

    assert ({"count": {"N": "1"}}, {"count": {"N": "3"}}) == (old, new)


@pytest.mark.parametrize(
    ("updates", "message"),
    [
        (
            {"sk": {"Value": {"N": "2"}}},
            INVALID + "Cannot update attribute sk. This attribute is part of the key",
        ),
        (
            {"color": {"Action": "PUT"}},
            INVALID + "Only DELETE action is allowed when no attribute value is specified",
        ),
        ({"color": {"Action": "ADD", "Value": {"N": "1"}}}, "Type mismatch for attribute to update"),
        ({"": {"Value": {"N": "1"}}}, INVALID + "An attribute name may not be empty"),
    ],
)
def test_wrong_attribute_updates_are_refused(client, table, refusal, updates, message):
    actual = refusal(client.update_item, TableName=table, Key=KEY, AttributeUpdates=updates)

    assert ("ValidationException", message) == actual


def test_key_conditions(client, table):
    client.put_item(TableName=table, Item={"pk": {"S": "a"}, "sk": {"N": "2"}})
    answer = client.query(
        TableName=table,
        KeyConditions={
            "pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]},
            "sk": {"ComparisonOperator": "GE", "AttributeValueList": [{"N": "2"}]},
        },
    )

    assert [{"pk": {"S": "a"}, "sk": {"N": "2"}}] == answer["Items"]


def test_a_query_filter(client, table):
    client.put_item(TableName=table, Item={"pk": {"S": "a"}, "sk": {"N": "2"}})
    answer = client.query(
        TableName=table,
        KeyConditions={"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]}},
        QueryFilter={"color": {"ComparisonOperator": "NOT_NULL"}},
        AttributesToGet=["sk"],
    )

    assert ([{"sk": {"N": "1"}}], 1, 2) == (answer["Items"], answer["Count"], answer["ScannedCount"])


def test_a_scan_filter(client, table):
    client.put_item(TableName=table, Item={"pk": {"S": "a"}, "sk": {"N": "2"}})
    answer = client.scan(
        TableName=table,
        ScanFilter={
            "color": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "red"}]},
            "sk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"N": "2"}]},
        },
        ConditionalOperator="OR",
    )

    assert (2, 2) == (answer["Count"], answer["ScannedCount"])


def test_a_query_filter_on_a_key_attribute_is_refused(client, table, refusal):
    actual = refusal(
        client.query,
        TableName=table,
        KeyConditions={"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]}},
        QueryFilter={"sk": {"ComparisonOperator": "NOT_NULL"}},
    )

    assert (
        "ValidationException",
        "QueryFilter can only contain non-primary key attributes: Primary key attribute: sk",
    ) == actual


@pytest.mark.parametrize("operator", ["NE", "CONTAINS", "NOT_NULL", "IN"])
def test_a_condition_that_no_key_can_answer_is_refused(client, table, refusal, operator):
    values = [] if operator == "NOT_NULL" else [{"N": "1"}]
    actual = refusal(
        client.query,
        TableName=table,
        KeyConditions={
            "pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]},
            "sk": {"ComparisonOperator": operator, "AttributeValueList": values},
        },
    )

    assert ("ValidationException", "Attempted conditional constraint is not an indexable operation") == actual


@pytest.mark.parametrize(
    ("operation", "members", "mixed"),
    [
        (
            "put_item",
            {"Item": ITEM, "Expected": {}, "ConditionExpression": "attribute_exists(pk)"},
            "{Expected} Expression parameters: {ConditionExpression}",
        ),
        (
            "update_item",
            {"Key": KEY, "AttributeUpdates": {}, "ConditionExpression": "attribute_exists(pk)"},
            "{AttributeUpdates} Expression parameters: {ConditionExpression}",
        ),
        (
            "get_item",
            {"Key": KEY, "AttributesToGet": ["a"], "ProjectionExpression": "a"},
            "{AttributesToGet} Expression parameters: {ProjectionExpression}",
        ),
        (
            "scan",
            {"ScanFilter": {}, "FilterExpression": "attribute_exists(pk)"},
            "{ScanFilter} Expression parameters: {FilterExpression}",
        ),
    ],
)
def test_both_at_once_are_refused(client, table, refusal, operation, members, mixed):
    actual = refusal(getattr(client, operation), TableName=table, **members)

    assert (
        "ValidationException",
        "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: "
        + mixed,
    ) == actual
