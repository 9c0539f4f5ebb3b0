"""UpdateItem on a real data file: what the black-box tests cannot see."""

import asyncio

from magnetodb.model.rows import RowKey

KEY = {"pk": {"S": "a"}}


async def version(service):
    info = await service.cell.tables.get("p", "single")
    (row,) = await service.driver.get([RowKey(info.table.rows_id, b"a", b"")])
    return row.version


async def test_an_update_that_changes_nothing_writes_nothing(service):
    await service.run("PutItem", TableName="single", Item={**KEY, "n": {"N": "1"}})
    before = await version(service)
    answer = await service.run(
        "UpdateItem",
        TableName="single",
        Key=KEY,
        UpdateExpression="SET n = :one REMOVE nothing",
        ExpressionAttributeValues={":one": {"N": "1.0"}},
        ReturnValues="ALL_NEW",
    )

    assert await version(service) == before
    assert answer == {"Attributes": {**KEY, "n": {"N": "1"}}}


async def test_no_increment_of_many_at_once_is_lost(service):
    increment = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    await asyncio.gather(*[service.run("UpdateItem", TableName="single", Key=KEY, **increment) for _ in range(50)])

    assert await service.run("GetItem", TableName="single", Key=KEY) == {"Item": {**KEY, "n": {"N": "50"}}}


async def test_a_removed_attribute_has_no_new_value(service):
    await service.run("PutItem", TableName="single", Item={**KEY, "n": {"N": "1"}})
    answer = await service.run(
        "UpdateItem", TableName="single", Key=KEY, UpdateExpression="REMOVE n", ReturnValues="UPDATED_NEW"
    )

    assert answer == {}


async def test_an_update_without_an_expression_returns_the_item(service):
    answer = await service.run("UpdateItem", TableName="single", Key=KEY, ReturnValues="ALL_NEW")

    assert answer == {"Attributes": KEY}


async def test_the_key_is_checked_before_the_key_attributes_of_the_update(service):
    refusal = await service.refusal(
        "UpdateItem", TableName="single", Key={"other": {"S": "a"}}, UpdateExpression="REMOVE pk"
    )

    assert refusal == ("ValidationException", "The provided key element does not match the schema")
