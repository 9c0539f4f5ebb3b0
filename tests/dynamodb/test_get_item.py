"""GetItem: one item by its key, whole or projected."""

import pytest

KEY = {"pk": {"S": "a"}, "sk": {"N": "1"}}
ITEM = {
    **KEY,
    "color": {"S": "red"},
    "list": {"L": [{"N": "1"}, {"N": "2"}, {"N": "3"}]},
    "map": {"M": {"x": {"S": "y"}, "z": {"M": {"deep": {"BOOL": True}}}}},
}
SCHEMA = ("ValidationException", "The provided key element does not match the schema")


@pytest.fixture
def table(client, make_table):
    name = make_table("pk:S", "sk:N")
    client.put_item(TableName=name, Item=ITEM)
    return name


def test_an_item_that_is_not_there_is_no_member(client, table):
    answer = client.get_item(TableName=table, Key={"pk": {"S": "a"}, "sk": {"N": "2"}})

    assert "Item" not in answer


@pytest.mark.parametrize("consistent", [True, False])
def test_the_item(client, table, consistent):
    assert ITEM == client.get_item(TableName=table, Key=KEY, ConsistentRead=consistent)["Item"]


def test_equal_numbers_are_the_same_key(client, table):
    assert ITEM == client.get_item(TableName=table, Key={"pk": {"S": "a"}, "sk": {"N": "1.0"}})["Item"]


def test_a_projection(client, table):
    answer = client.get_item(
        TableName=table,
        Key=KEY,
        ProjectionExpression="color, #l[1], #l[2], #m.z.deep, nothing",
        ExpressionAttributeNames={"#l": "list", "#m": "map"},
    )

    expected = {
        "color": {"S": "red"},
        "list": {"L": [{"N": "2"}, {"N": "3"}]},
        "map": {"M": {"z": {"M": {"deep": {"BOOL": True}}}}},
    }
    assert expected == answer["Item"]


def test_a_projection_of_nothing_that_is_there_is_an_empty_item(client, table):
    assert client.get_item(TableName=table, Key=KEY, ProjectionExpression="nothing")["Item"] == {}


def test_attributes_to_get(client, table):
    answer = client.get_item(TableName=table, Key=KEY, AttributesToGet=["color", "nothing"])

    assert {"color": {"S": "red"}} == answer["Item"]


def test_an_attribute_to_get_twice_is_refused(client, table, refusal):
    actual = refusal(client.get_item, TableName=table, Key=KEY, AttributesToGet=["color", "color"])

    assert (
        "ValidationException",
        "One or more parameter values were invalid: Duplicate value in attribute name: color",
    ) == actual


@pytest.mark.parametrize(
    "key",
    [
        {"pk": {"S": "a"}},
        {"pk": {"S": "a"}, "sk": {"S": "1"}},
        {"pk": {"S": "a"}, "other": {"N": "1"}},
        {**KEY, "other": {"N": "1"}},
    ],
)
def test_a_key_of_another_schema_is_refused(client, table, refusal, key):
    code, message = refusal(client.get_item, TableName=table, Key=key)

    assert code == "ValidationException"
    assert message in (SCHEMA[1], "The number of conditions on the keys is invalid")


def test_an_empty_key_value_is_refused(client, table, refusal):
    actual = refusal(client.get_item, TableName=table, Key={"pk": {"S": ""}, "sk": {"N": "1"}})

    assert (
        "ValidationException",
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
        "string value. Key: pk",
    ) == actual


def test_a_table_by_its_arn(client, table):
    arn = client.describe_table(TableName=table)["Table"]["TableArn"]

    assert ITEM == client.get_item(TableName=arn, Key=KEY)["Item"]


def test_a_table_that_is_not_there(client, refusal):
    actual = refusal(client.get_item, TableName="no-such-table", Key=KEY)

    assert ("ResourceNotFoundException", "Requested resource not found") == actual


def test_a_reserved_word_is_refused(client, table, refusal):
    actual = refusal(client.get_item, TableName=table, Key=KEY, ProjectionExpression="map")

    assert (
        "ValidationException",
        "Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: map",
    ) == actual
