"""Which parameters may stand together, in AWS's words."""

import pytest

from magnetodb.errors import ValidationException
from magnetodb.operations import parameters

VALUES = {":v": {"S": "x"}}


def refusal(rules, request):
    with pytest.raises(ValidationException) as caught:
        rules.placeholders(request)
    return caught.value.message


def test_expressions_with_their_placeholders_are_accepted():
    parameters.UPDATE_ITEM.placeholders(
        {
            "UpdateExpression": "SET #a = :v",
            "ExpressionAttributeNames": {"#a": "a"},
            "ExpressionAttributeValues": VALUES,
        }
    )


def test_a_request_without_any_of_them_has_no_placeholders():
    assert parameters.UPDATE_ITEM.placeholders({"TableName": "t", "Key": {}}) is None


def test_legacy_parameters_alone_are_accepted():
    parameters.UPDATE_ITEM.placeholders({"AttributeUpdates": {}, "Expected": {}, "ConditionalOperator": "AND"})


def test_a_legacy_parameter_beside_an_expression_is_refused():
    message = refusal(parameters.CONDITIONAL_WRITE, {"ConditionExpression": "a = b", "Expected": {}})

    expected = (
        "Can not use both expression and non-expression parameters in the same request: "
        "Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}"
    )
    assert expected == message


def test_all_mixed_parameters_are_listed():
    message = refusal(
        parameters.UPDATE_ITEM,
        {"ConditionExpression": "a = b", "UpdateExpression": "REMOVE a", "Expected": {}, "AttributeUpdates": {}},
    )

    expected = (
        "Can not use both expression and non-expression parameters in the same request: "
        "Non-expression parameters: {AttributeUpdates, Expected} "
        "Expression parameters: {UpdateExpression, ConditionExpression}"
    )
    assert expected == message


def test_key_conditions_may_stand_beside_a_filter_expression():
    parameters.QUERY.placeholders({"KeyConditions": {}, "FilterExpression": "a = b"})


def test_key_conditions_may_not_stand_beside_a_key_condition_expression():
    message = refusal(parameters.QUERY, {"KeyConditions": {}, "KeyConditionExpression": "a = :v"})

    expected = (
        "Can not use both expression and non-expression parameters in the same request: "
        "Non-expression parameters: {KeyConditions} Expression parameters: {KeyConditionExpression}"
    )
    assert expected == message


def test_a_query_filter_may_not_stand_beside_a_key_condition_expression():
    message = refusal(parameters.QUERY, {"QueryFilter": {}, "KeyConditionExpression": "a = :v"})

    expected = (
        "Can not use both expression and non-expression parameters in the same request: "
        "Non-expression parameters: {QueryFilter} Expression parameters: {KeyConditionExpression}"
    )
    assert expected == message


@pytest.mark.parametrize(
    ("rules", "expressions"),
    [
        (parameters.CONDITIONAL_WRITE, "ConditionExpression is null"),
        (parameters.UPDATE_ITEM, "UpdateExpression and ConditionExpression are null"),
        (parameters.QUERY, "FilterExpression and KeyConditionExpression are null"),
        (parameters.SCAN, "FilterExpression is null"),
    ],
)
def test_values_without_an_expression_are_refused(rules, expressions):
    message = refusal(rules, {"ExpressionAttributeValues": VALUES})

    assert f"ExpressionAttributeValues can only be specified when using expressions: {expressions}" == message


def test_names_without_an_expression_are_refused():
    message = refusal(parameters.GET_ITEM, {"ExpressionAttributeNames": {"#a": "a"}})

    assert message == "ExpressionAttributeNames can only be specified when using expressions"


def test_empty_names_are_refused():
    message = refusal(parameters.GET_ITEM, {"ProjectionExpression": "a", "ExpressionAttributeNames": {}})

    assert message == "ExpressionAttributeNames must not be empty"


def test_empty_values_are_refused():
    message = refusal(parameters.SCAN, {"FilterExpression": "a = b", "ExpressionAttributeValues": {}})

    assert message == "ExpressionAttributeValues must not be empty"


def test_a_null_parameter_is_an_absent_one():
    parameters.CONDITIONAL_WRITE.placeholders({"ConditionExpression": "a = b", "Expected": None})
