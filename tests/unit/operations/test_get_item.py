"""GetItem on a real data file: what the black-box tests cannot see."""

import orjson

KEY = {"pk": {"S": "a"}}


async def test_the_stored_json_is_spliced_in_unparsed(service):
    await service.run("PutItem", TableName="single", Item={**KEY, "n": {"N": "01"}})
    item = (await service.answer("GetItem", TableName="single", Key=KEY))["Item"]

    assert type(item) is orjson.Fragment
    assert orjson.dumps(item) == b'{"pk":{"S":"a"},"n":{"N":"1"}}'


async def test_a_read_never_suspends(service):
    coroutine = service.answer("GetItem", TableName="single", Key=KEY)
    try:
        coroutine.send(None)
    except StopIteration as stopped:
        answer = stopped.value

    assert answer == {}


async def test_a_wrong_value_in_the_key_is_found_before_the_missing_table(service):
    refusal = await service.refusal("GetItem", TableName="missing", Key={"pk": {"N": "x"}})

    assert refusal == ("ValidationException", "The parameter cannot be converted to a numeric value: x")


async def test_a_wrong_projection_is_found_before_the_missing_table(service):
    name, message = await service.refusal("GetItem", TableName="missing", Key=KEY, ProjectionExpression="a,")

    assert name == "ValidationException"
    assert message.startswith("Invalid ProjectionExpression: Syntax error")


async def test_a_null_member_is_an_absent_one(service):
    answer = await service.run(
        "GetItem", TableName="single", Key=KEY, ProjectionExpression=None, ReturnConsumedCapacity=None
    )

    assert answer == {}


async def test_a_wrong_value_in_the_key_is_found_before_a_wrong_projection(service):
    request = {"TableName": "single", "Key": {"pk": {"N": "x"}}}
    by_expression = await service.refusal("GetItem", **request, ProjectionExpression="a,")
    by_names = await service.refusal("GetItem", **request, AttributesToGet=["a", "a"])

    wrong_value = ("ValidationException", "The parameter cannot be converted to a numeric value: x")
    assert (wrong_value, wrong_value) == (by_expression, by_names)
