"""Pages: where they end, and that long ones leave room for others."""

import pytest

ITEMS = 40
ITEM_BYTES = 50_000
"""21 such items are more than a megabyte."""


@pytest.fixture
def partition(runner, service):
    """40 items of 50 KB under one partition key."""

    async def fill():
        for number in range(ITEMS):
            await service.run("PutItem", TableName="pair", Item=item(number, ITEM_BYTES))

    runner.run(fill())
    return {
        "TableName": "pair",
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": "a"}},
    }


def item(number, size):
    """By AWS's rules: 2 + 1, 2 + 2 (or 1), 1 + the text."""
    key = {"pk": {"S": "a"}, "sk": {"N": str(number)}}
    return {**key, "x": {"S": "x" * (size - 8)}}


async def test_a_page_ends_with_the_item_that_reaches_a_megabyte(service, partition):
    answer = await service.run("Query", **partition)

    assert answer["Count"] == answer["ScannedCount"] == 21
    assert answer["LastEvaluatedKey"] == {"pk": {"S": "a"}, "sk": {"N": "20"}}


async def test_the_megabyte_counts_what_the_filter_drops_and_the_projection_cuts(service, partition):
    filtered = await service.run("Query", **partition, FilterExpression="attribute_exists(nothing)")
    projected = await service.run("Query", **partition, ProjectionExpression="sk")
    counted = await service.run("Query", **partition, Select="COUNT")

    assert [0, 21, 21] == [answer["Count"] for answer in (filtered, projected, counted)]
    assert [21, 21, 21] == [answer["ScannedCount"] for answer in (filtered, projected, counted)]


async def test_the_next_page_goes_on_behind_the_last_item(service, partition):
    first = await service.run("Query", **partition)
    second = await service.run("Query", **partition, ExclusiveStartKey=first["LastEvaluatedKey"])

    assert [number["sk"]["N"] for number in second["Items"]] == [str(number) for number in range(21, ITEMS)]
    assert "LastEvaluatedKey" not in second


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("limit", [20, 21, 22])
async def test_whichever_of_limit_and_megabyte_comes_first(service, partition, limit, forward):
    answer = await service.run("Query", **partition, Limit=limit, ScanIndexForward=forward)

    expected = min(limit, 21)
    assert answer["ScannedCount"] == expected
    assert answer["LastEvaluatedKey"]["sk"] == {"N": str(expected - 1 if forward else ITEMS - expected)}


async def test_a_filter_of_many_operators_lets_others_have_the_loop(service, turns):
    """However small the items are: 400 of them with 299 operators each, in 4 reads."""
    for number in range(400):
        await service.run("PutItem", TableName="pair", Item=item(number, 20))
    answer, count = await turns(
        service.answer(
            "Query",
            TableName="pair",
            KeyConditionExpression="pk = :pk",
            FilterExpression=" OR ".join(["x = :v"] * 150),
            ExpressionAttributeValues={":pk": {"S": "a"}, ":v": {"S": "y"}},
        )
    )

    assert (0, 400) == (answer["Count"], answer["ScannedCount"])
    assert count >= 8


async def test_a_start_key_needs_not_exist(service, partition):
    answer = await service.run("Query", **partition, ExclusiveStartKey={"pk": {"S": "a"}, "sk": {"N": "37.5"}})

    assert [number["sk"]["N"] for number in answer["Items"]] == ["38", "39"]
