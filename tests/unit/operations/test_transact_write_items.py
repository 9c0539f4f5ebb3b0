"""TransactWriteItems on a real data file: tokens, clocks and what runs at the same time."""

import asyncio

import orjson
import pytest

from magnetodb import operations
from magnetodb.context import RequestContext
from magnetodb.errors import IdempotentParameterMismatchException


def add(number=1, pk="a"):
    return {
        "Update": {
            "TableName": "single",
            "Key": {"pk": {"S": pk}},
            "UpdateExpression": "ADD n :n",
            "ExpressionAttributeValues": {":n": {"N": str(number)}},
        }
    }


@pytest.fixture
def transact(service):
    return lambda *actions, **members: service.run("TransactWriteItems", TransactItems=list(actions), **members)


@pytest.fixture
def number(service):
    """number() -> n of the item."""

    async def found(pk="a"):
        answer = await service.run("GetItem", TableName="single", Key={"pk": {"S": pk}})
        return int(answer["Item"]["n"]["N"])

    return found


async def test_the_same_token_at_the_same_time_is_in_progress(transact, number):
    outcomes = await asyncio.gather(
        *(transact(add(), ClientRequestToken="token") for _ in range(5)), return_exceptions=True
    )

    assert ["TransactionInProgressException"] * 4 + ["dict"] == sorted(type(each).__name__ for each in outcomes)
    assert 1 == await number()


async def test_another_request_with_a_running_token_is_another_request(transact):
    outcomes = await asyncio.gather(
        transact(add(1), ClientRequestToken="token"),
        transact(add(2), ClientRequestToken="token"),
        return_exceptions=True,
    )

    assert [dict, IdempotentParameterMismatchException] == [type(each) for each in outcomes]


async def test_a_token_is_forgotten_after_ten_minutes(service, transact, number):
    for now in (1_000_000.0, 1_000_599.0, 1_000_600.0):
        service.cell.settings = service.cell.settings._replace(clock=lambda now=now: now)
        await transact(add(), ClientRequestToken="token")

    assert 2 == await number()


async def test_the_order_of_members_makes_no_other_request(transact, number):
    action = add()
    turned = {"Update": dict(reversed(action["Update"].items()))}
    await transact(action, ClientRequestToken="token")
    await transact(turned, ClientRequestToken="token")

    assert 1 == await number()


async def test_another_project_has_its_own_tokens(service, transact):
    other = RequestContext("r", "q", "somebody", frozenset({"member"}), "eu-west-1", "123456789012")
    await operations.run(
        service.cell,
        other,
        "CreateTable",
        {
            "TableName": "single",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    )
    await transact(add(1), ClientRequestToken="token")

    await operations.run(
        service.cell, other, "TransactWriteItems", {"TransactItems": [add(2)], "ClientRequestToken": "token"}
    )
    found = await operations.run(service.cell, other, "GetItem", {"TableName": "single", "Key": {"pk": {"S": "a"}}})

    assert {"pk": {"S": "a"}, "n": {"N": "2"}} == orjson.loads(orjson.dumps(found["Item"]))


async def test_crossing_transactions_and_snapshots_see_whole_transactions(service, transact):
    """The sum of two items is the same at every moment."""
    sums = []

    async def snapshots():
        gets = [{"Get": {"TableName": "single", "Key": {"pk": {"S": pk}}}} for pk in "ab"]
        for _ in range(50):
            answer = await service.run("TransactGetItems", TransactItems=gets)
            sums.append(sum(int(each["Item"]["n"]["N"]) for each in answer["Responses"]))

    async def transfers(amount):
        for _ in range(50):
            await transact(add(amount, "a"), add(-amount, "b"))

    await transact(add(100, "a"), add(100, "b"))
    await asyncio.gather(snapshots(), transfers(1), transfers(-3), transfers(2))

    assert [200] * 50 == sums


async def test_a_large_transaction_lets_others_have_the_loop(service, turns):
    large = {"L": [{"S": "x" * 10} for _ in range(10_000)]}
    puts = [{"Put": {"TableName": "single", "Item": {"pk": {"S": str(n)}, "x": large}}} for n in range(20)]
    _, count = await turns(service.answer("TransactWriteItems", TransactItems=puts, ClientRequestToken="token"))

    assert 20 <= count


async def test_a_wrong_json_type_goes_before_everything(service):
    put = {"Put": {"TableName": "single", "Item": {"pk": {"S": "a"}}}}
    wrong = {"Put": {"TableName": "single", "Item": {"pk": {"S": 1}}}}
    name, _ = await service.refusal("TransactWriteItems", TransactItems=[put, put, wrong])

    assert "SerializationException" == name
