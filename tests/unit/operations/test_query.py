"""Query on a real data file: the order of its refusals."""

import pytest

QUERY = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "a"}}}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"FilterExpression": "a ="}, "Invalid FilterExpression: Syntax error"),
        ({"ProjectionExpression": "a,"}, "Invalid ProjectionExpression: Syntax error"),
        (
            {"Select": "SPECIFIC_ATTRIBUTES"},
            "1 validation error detected: Must specify the AttributesToGet or ProjectionExpression",
        ),
        ({"ExclusiveStartKey": {"pk": {"N": "x"}}}, "The provided starting key is invalid: The parameter cannot be"),
        ({"ExpressionAttributeNames": {"#a": "a"}}, "Value provided in ExpressionAttributeNames unused in"),
    ],
)
async def test_what_is_wrong_in_the_request_is_found_before_the_missing_table(service, members, message):
    name, actual = await service.refusal("Query", TableName="missing", **QUERY, **members)

    assert name == "ValidationException"
    assert actual.startswith(message)


async def test_the_missing_index_is_found_before_the_wrong_key_condition(service):
    refusal = await service.refusal("Query", TableName="pair", IndexName="missing", **QUERY)

    assert refusal == ("ValidationException", "The table does not have the specified index: missing")


async def test_an_unfiltered_query_never_suspends(service):
    await service.run("PutItem", TableName="pair", Item={"pk": {"S": "a"}, "sk": {"N": "1"}})
    coroutine = service.answer("Query", TableName="pair", **QUERY)
    try:
        coroutine.send(None)
    except StopIteration as stopped:
        answer = stopped.value

    assert answer["Count"] == 1
