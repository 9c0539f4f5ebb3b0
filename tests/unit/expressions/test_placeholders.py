"""Names and values of a request: their syntax, and that all are used."""

import pytest

from magnetodb.errors import ValidationException
from magnetodb.expressions.conditions import parse_condition
from magnetodb.expressions.placeholders import Placeholders, placeholders_of
from magnetodb.expressions.updates import parse_update

BOTH = ("UpdateExpression", "ConditionExpression")


def error(names, values, *, expressions=("ConditionExpression",), given=True):
    with pytest.raises(ValidationException) as caught:
        placeholders_of(names, values, expressions=expressions, given=given)
    return caught.value.message


@pytest.mark.parametrize(
    ("names", "values", "expected"),
    [
        ({}, None, "ExpressionAttributeNames must not be empty"),
        (None, {}, "ExpressionAttributeValues must not be empty"),
        ({"x": "a"}, None, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "x"'),
        ({"#": "a"}, None, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "#"'),
        ({"#a-b": "a"}, None, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "#a-b"'),
        ({"#é": "a"}, None, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "#é"'),
        (None, {"v": {"N": "1"}}, 'ExpressionAttributeValues contains invalid key: Syntax error; key: "v"'),
        (None, {":v\n": {"N": "1"}}, 'ExpressionAttributeValues contains invalid key: Syntax error; key: ":v\n"'),
        (
            None,
            {":v": {"N": "x"}},
            "ExpressionAttributeValues contains invalid value: "
            "The parameter cannot be converted to a numeric value: x for key :v",
        ),
        (
            None,
            {":v": {}},
            "ExpressionAttributeValues contains invalid value: Supplied AttributeValue is empty, "
            "must contain exactly one of the supported datatypes for key :v",
        ),
    ],
)
def test_wrong_placeholders_are_refused(names, values, expected):
    actual = error(names, values)

    assert expected == actual


def test_placeholders_without_expressions_are_refused():
    values = {":v": {"N": "1"}}

    assert error({"#a": "a"}, None, given=False) == (
        "ExpressionAttributeNames can only be specified when using expressions"
    )
    assert error(None, values, given=False) == (
        "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null"
    )
    assert error(None, values, expressions=BOTH, given=False) == (
        "ExpressionAttributeValues can only be specified when using expressions: "
        "UpdateExpression and ConditionExpression are null"
    )


def test_values_are_canonical():
    placeholders = placeholders_of(None, {":v": {"N": "1.50"}}, expressions=BOTH, given=True)

    assert placeholders.values == {":v": {"N": "1.5"}}


def test_unused_names_and_values_are_refused_after_all_expressions_are_parsed():
    placeholders = Placeholders({"#a": "a", "#b": "b"}, {":v": {"N": "1"}, ":w": {"N": "2"}})
    parse_update("SET #a = :v", placeholders)

    with pytest.raises(ValidationException) as caught:
        placeholders.refuse_unused()
    assert caught.value.message == ("Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}")

    parse_condition("#b = #a", placeholders)
    with pytest.raises(ValidationException) as caught:
        placeholders.refuse_unused()
    assert caught.value.message == ("Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}")

    parse_condition("#b = :w", placeholders)
    placeholders.refuse_unused()
