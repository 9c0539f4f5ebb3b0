"""How large, deep and long items and their parts may be."""

import pytest

KEY = {"pk": {"S": "a"}}
ITEM_BYTES_MAX = 400 * 1024
INVALID = "One or more parameter values were invalid: "


@pytest.fixture
def table(make_table):
    return make_table("pk:S")


def item_of(size):
    """An item of so many bytes: "pk" "a" "x" are 4 of them."""
    return {**KEY, "x": {"S": "x" * (size - 4)}}


def nested(levels):
    value = {"S": "x"}
    for level in range(levels):
        value = {"L": [value]} if level % 2 else {"M": {"k": value}}
    return value


def test_an_item_of_the_largest_size(client, table):
    client.put_item(TableName=table, Item=item_of(ITEM_BYTES_MAX))

    assert item_of(ITEM_BYTES_MAX) == client.get_item(TableName=table, Key=KEY)["Item"]


def test_a_larger_item_is_refused(client, table, refusal):
    actual = refusal(client.put_item, TableName=table, Item=item_of(ITEM_BYTES_MAX + 1))

    assert ("ValidationException", "Item size has exceeded the maximum allowed size") == actual


def test_an_update_that_makes_the_item_larger_is_refused(client, table, refusal):
    client.put_item(TableName=table, Item=item_of(ITEM_BYTES_MAX))
    actual = refusal(
        client.update_item,
        TableName=table,
        Key=KEY,
        UpdateExpression="SET y = :y",
        ExpressionAttributeValues={":y": {"S": ""}},
    )

    assert ("ValidationException", "Item size to update has exceeded the maximum allowed size") == actual


def test_an_item_and_its_row_in_a_local_index_share_the_limit(client, make_table, refusal):
    table = make_table(
        "pk:S",
        "sk:S",
        lsi={"all": {"key": ("pk:S", "l:S")}, "keys": {"key": ("pk:S", "k:S"), "projection": "KEYS_ONLY"}},
    )
    text = {"x": {"S": "x" * (ITEM_BYTES_MAX // 2)}}
    key = {**KEY, "sk": {"S": "s"}}
    put = refusal(client.put_item, TableName=table, Item={**key, **text, "l": {"S": "l"}})
    client.put_item(TableName=table, Item={**key, **text, "k": {"S": "k"}})
    update = refusal(
        client.update_item,
        TableName=table,
        Key=key,
        UpdateExpression="SET l = :l",
        ExpressionAttributeValues={":l": {"S": "l"}},
    )

    assert ("ValidationException", "Item size has exceeded the maximum allowed size") == put
    assert ("ValidationException", "Item size to update has exceeded the maximum allowed size") == update


def test_32_levels(client, table, refusal):
    client.put_item(TableName=table, Item={**KEY, "x": nested(32)})
    code, message = refusal(client.put_item, TableName=table, Item={**KEY, "x": nested(33)})

    assert nested(32) == client.get_item(TableName=table, Key=KEY)["Item"]["x"]
    assert (
        "ValidationException",
        "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported "
        "limit",
    ) == (code, message)


def test_levels_of_a_transaction_with_a_token(client, table, refusal):
    """They are counted before the request is compared with the one that had the token."""
    action = {"Put": {"TableName": table, "Item": {**KEY, "x": nested(150)}}}
    code, message = refusal(client.transact_write_items, TransactItems=[action], ClientRequestToken="token")

    assert "ValidationException" == code
    assert message.startswith("Nesting Levels have exceeded supported limits")


@pytest.mark.parametrize("number", ["1E-130", "9.9999999999999999999999999999999999999E+125", "-1E-130", "1" * 38])
def test_numbers_at_the_edges(client, table, number):
    from decimal import Decimal

    client.put_item(TableName=table, Item={**KEY, "n": {"N": number}})

    assert Decimal(number) == Decimal(client.get_item(TableName=table, Key=KEY)["Item"]["n"]["N"])


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("1E126", "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        ("1E-131", "Number underflow. Attempting to store a number with magnitude smaller than supported range"),
        ("1" * 39, "Attempting to store more than 38 significant digits in a Number"),
        ("abc", "The parameter cannot be converted to a numeric value: abc"),
        ("", "The parameter cannot be converted to a numeric value"),
        ("NaN", "The parameter cannot be converted to a numeric value: NaN"),
    ],
)
def test_other_numbers_are_refused(client, table, refusal, number, message):
    actual = refusal(client.put_item, TableName=table, Item={**KEY, "n": {"N": number}})

    assert ("ValidationException", message) == actual


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"SS": []}, INVALID + "An string set  may not be empty"),
        ({"SS": ["a", "a"]}, INVALID + "Input collection [a, a] contains duplicates."),
        ({"NS": ["1", "1.0"]}, "Input collection contains duplicates"),
        ({"NULL": False}, INVALID + "Null attribute value types must have the value of true"),
    ],
)
def test_values_that_are_none_are_refused(client, table, refusal, value, message):
    actual = refusal(client.put_item, TableName=table, Item={**KEY, "v": value})

    assert ("ValidationException", message) == actual
    assert "Item" not in client.get_item(TableName=table, Key=KEY)


def test_the_keys_at_their_limits(client, make_table):
    table = make_table("pk:S", "sk:S")
    key = {"pk": {"S": "é" * 1024}, "sk": {"S": "s" * 1024}}
    client.put_item(TableName=table, Item=key)

    assert key == client.get_item(TableName=table, Key=key)["Item"]


def test_sort_keys_in_the_order_of_their_bytes(client, make_table):
    """UTF-8, not UTF-16: U+FF5E sorts before U+1F388, whose surrogates would come first."""
    table = make_table("pk:S", "sk:S")
    sorts = ["A", "a", "ab", "é", "\uff5e", "🎈"]
    for sort in reversed(sorts):
        client.put_item(TableName=table, Item={**KEY, "sk": {"S": sort}})
    answer = client.query(
        TableName=table, KeyConditionExpression="pk = :a", ExpressionAttributeValues={":a": {"S": "a"}}
    )

    assert sorts == [item["sk"]["S"] for item in answer["Items"]]
