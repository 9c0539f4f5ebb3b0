"""TransactGetItems: items as they were at one moment."""

import pytest


@pytest.fixture
def table(make_table):
    return make_table("pk:S", "sk:N")


def key(number):
    return {"pk": {"S": "p"}, "sk": {"N": str(number)}}


@pytest.fixture
def get(table):
    return lambda number, **members: {"Get": {"TableName": table, "Key": key(number), **members}}


def test_answers_come_in_the_order_of_the_request(client, make_table, table, get):
    other = make_table("id:S")
    client.put_item(TableName=table, Item={**key(1), "x": {"M": {"y": {"S": "z"}}}, "more": {"S": "text"}})
    client.put_item(TableName=other, Item={"id": {"S": "a"}})
    answer = client.transact_get_items(
        TransactItems=[
            get(2),
            {"Get": {"TableName": other, "Key": {"id": {"S": "a"}}}},
            get(1, ProjectionExpression="#x.y", ExpressionAttributeNames={"#x": "x"}),
        ]
    )

    assert [{}, {"Item": {"id": {"S": "a"}}}, {"Item": {"x": {"M": {"y": {"S": "z"}}}}}] == answer["Responses"]


def test_reads_cost_double(client, table, get):
    client.put_item(TableName=table, Item={**key(1), "x": {"S": "x" * 5000}})
    answer = client.transact_get_items(TransactItems=[get(1), get(2)], ReturnConsumedCapacity="INDEXES")

    six = {"CapacityUnits": 6.0, "ReadCapacityUnits": 6.0}
    assert [{"TableName": table, **six, "Table": six}] == answer["ConsumedCapacity"]


def test_a_hundred_items_are_the_most(client, get, refusal):
    answer = client.transact_get_items(TransactItems=[get(number) for number in range(100)])
    code, message = refusal(client.transact_get_items, TransactItems=[get(number) for number in range(101)])

    assert [{}] * 100 == answer["Responses"]
    assert "ValidationException" == code
    assert message.endswith("Member must have length less than or equal to 100")


def test_an_item_is_asked_for_once(client, get, refusal):
    assert (
        "ValidationException",
        "Transaction request cannot include multiple operations on one item",
    ) == refusal(client.transact_get_items, TransactItems=[get(1), get("1.0")])


def test_a_key_that_is_none_cancels(client, table, get):
    with pytest.raises(client.exceptions.TransactionCanceledException) as caught:
        client.transact_get_items(TransactItems=[get(1), {"Get": {"TableName": table, "Key": {"pk": {"S": "p"}}}}])

    reason = {"Code": "ValidationError", "Message": "The provided key element does not match the schema"}
    assert [{"Code": "None"}, reason] == caught.value.response["CancellationReasons"]


def test_four_megabytes_are_the_most(client, table, get, refusal):
    for number in range(11):
        client.put_item(TableName=table, Item={**key(number), "x": {"S": "x" * 390_000}})
    answer = client.transact_get_items(TransactItems=[get(number) for number in range(10)])
    refused = refusal(client.transact_get_items, TransactItems=[get(number) for number in range(11)])

    assert 10 == len(answer["Responses"])
    assert ("ValidationException", "The aggregate size of the items in the transaction exceeds 4 MB") == refused


def test_a_table_that_is_not_there_is_not_found(client, get, refusal):
    assert ("ResourceNotFoundException", "Requested resource not found") == refusal(
        client.transact_get_items, TransactItems=[get(1), {"Get": {"TableName": "nowhere", "Key": key(1)}}]
    )
