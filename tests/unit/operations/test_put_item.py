"""PutItem on a real data file: what the black-box tests cannot see."""

import asyncio

KEY = {"pk": {"S": "a"}}


async def test_of_many_first_puts_one_wins(service):
    """Each decides from what it reads; the losers decide again and find the winner's item."""

    async def put(number):
        try:
            await service.run(
                "PutItem",
                TableName="single",
                Item={**KEY, "n": {"N": str(number)}},
                ConditionExpression="attribute_not_exists(pk)",
            )
        except Exception as error:
            return type(error).__name__
        return "put"

    outcomes = await asyncio.gather(*map(put, range(20)))

    assert sorted(outcomes) == ["ConditionalCheckFailedException"] * 19 + ["put"]


async def test_the_wrong_value_comes_before_the_wrong_return_values(service):
    refusal = await service.refusal(
        "PutItem", TableName="single", Item={**KEY, "n": {"N": "x"}}, ReturnValues="ALL_NEW"
    )

    assert refusal == ("ValidationException", "The parameter cannot be converted to a numeric value: x")


async def test_a_wrong_condition_comes_before_the_missing_key(service):
    name, message = await service.refusal(
        "PutItem", TableName="single", Item={"x": {"S": "y"}}, ConditionExpression="a ="
    )

    assert name == "ValidationException"
    assert message.startswith("Invalid ConditionExpression: Syntax error")


async def test_a_refused_put_writes_nothing(service):
    await service.refusal("PutItem", TableName="single", Item={**KEY, "s": {"SS": []}})

    assert await service.run("Scan", TableName="single") == {"Count": 0, "ScannedCount": 0, "Items": []}
