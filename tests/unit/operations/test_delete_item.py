"""DeleteItem on a real data file: what the black-box tests cannot see."""

import asyncio

KEY = {"pk": {"S": "a"}}


async def test_of_many_deletes_one_gets_the_old_item(service):
    await service.run("PutItem", TableName="single", Item=KEY)
    answers = await asyncio.gather(
        *[service.run("DeleteItem", TableName="single", Key=KEY, ReturnValues="ALL_OLD") for _ in range(20)]
    )

    assert sorted(answers, key=len) == [{}] * 19 + [{"Attributes": KEY}]


async def test_a_failed_condition_carries_the_item(service):
    await service.run("PutItem", TableName="single", Item=KEY)
    refusal = await service.refusal(
        "DeleteItem",
        TableName="single",
        Key=KEY,
        ConditionExpression="attribute_not_exists(pk)",
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )

    assert refusal == ("ConditionalCheckFailedException", "The conditional request failed")


async def test_a_wrong_value_in_the_key_is_found_before_wrong_return_values_and_conditions(service):
    request = {"TableName": "single", "Key": {"pk": {"N": "x"}}}
    by_values = await service.refusal("DeleteItem", **request, ReturnValues="ALL_NEW")
    by_condition = await service.refusal("DeleteItem", **request, ConditionExpression="a,")

    wrong_value = ("ValidationException", "The parameter cannot be converted to a numeric value: x")
    assert (wrong_value, wrong_value) == (by_values, by_condition)
