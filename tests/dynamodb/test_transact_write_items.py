"""TransactWriteItems: all or nothing, the reasons of what was cancelled, and tokens."""

import uuid

import pytest
from botocore.exceptions import ClientError

CANCELLED = "Transaction cancelled, please refer cancellation reasons for specific reasons "


@pytest.fixture
def table(make_table):
    return make_table("pk:S", "sk:N", gsi={"by_g": {"key": ("g:S",)}})


def key(number):
    return {"pk": {"S": "p"}, "sk": {"N": str(number)}}


@pytest.fixture
def actions(table):
    """actions.put(1, x=..), .delete(1), .update(1, expression, **values), .check(1, condition): members of
    TransactItems."""

    class Actions:
        @staticmethod
        def put(number, *, condition=None, **attributes):
            members = {"ConditionExpression": condition} if condition else {}
            return {"Put": {"TableName": table, "Item": {**key(number), **attributes}, **members}}

        @staticmethod
        def delete(number):
            return {"Delete": {"TableName": table, "Key": key(number)}}

        @staticmethod
        def update(number, expression, **values):
            members = {"ExpressionAttributeValues": {f":{name}": value for name, value in values.items()}}
            return {"Update": {"TableName": table, "Key": key(number), "UpdateExpression": expression, **members}}

        @staticmethod
        def check(number, condition, **members):
            request = {"TableName": table, "Key": key(number), "ConditionExpression": condition}
            return {"ConditionCheck": {**request, **members}}

    return Actions


@pytest.fixture
def cancelled(client):
    """cancelled(actions) -> (message, CancellationReasons) of the transaction, which must be cancelled."""

    def reasons(*items, **members):
        with pytest.raises(client.exceptions.TransactionCanceledException) as caught:
            client.transact_write_items(TransactItems=list(items), **members)
        return caught.value.response["Error"]["Message"], caught.value.response["CancellationReasons"]

    return reasons


def stored(client, table):
    return sorted(client.scan(TableName=table, ConsistentRead=True)["Items"], key=lambda item: int(item["sk"]["N"]))


def test_all_actions_happen(client, make_table, table, actions):
    other = make_table("id:S")
    client.put_item(TableName=table, Item=key(1))
    client.put_item(TableName=table, Item={**key(2), "n": {"N": "1"}})
    client.put_item(TableName=table, Item={**key(3), "x": {"S": "y"}})
    client.transact_write_items(
        TransactItems=[
            actions.delete(1),
            actions.update(2, "SET g = :g ADD n :one", g={"S": "a"}, one={"N": "1"}),
            actions.check(3, "attribute_exists(x)"),
            actions.put(4, condition="attribute_not_exists(pk)"),
            {"Put": {"TableName": other, "Item": {"id": {"S": "a"}}}},
        ]
    )

    changed = {**key(2), "n": {"N": "2"}, "g": {"S": "a"}}
    assert [changed, {**key(3), "x": {"S": "y"}}, key(4)] == stored(client, table)
    assert [changed] == client.scan(TableName=table, IndexName="by_g")["Items"]
    assert [{"id": {"S": "a"}}] == client.scan(TableName=other)["Items"]


def test_one_failed_condition_cancels_all(client, table, actions, cancelled):
    item = {**key(1), "x": {"S": "y"}}
    client.put_item(TableName=table, Item=item)
    message, reasons = cancelled(
        actions.put(2),
        actions.check(1, "attribute_not_exists(pk)", ReturnValuesOnConditionCheckFailure="ALL_OLD"),
        actions.check(3, "attribute_exists(pk)", ReturnValuesOnConditionCheckFailure="ALL_OLD"),
        actions.put(4, condition="attribute_exists(pk)"),
    )

    assert CANCELLED + "[None, ConditionalCheckFailed, ConditionalCheckFailed, ConditionalCheckFailed]" == message
    failed = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
    assert [{"Code": "None"}, {**failed, "Item": item}, failed, failed] == reasons
    assert [item] == stored(client, table)


VALIDATION_ERRORS = {
    "no attribute": (
        lambda actions: actions.update(1, "SET a = b + :n", n={"N": "1"}),
        "The provided expression refers to an attribute that does not exist in the item",
    ),
    "operand": (
        lambda actions: actions.update(1, "SET a = pk + :n", n={"N": "1"}),
        "An operand in the update expression has an incorrect data type",
    ),
    "path": (
        lambda actions: actions.update(1, "SET a.b = :n", n={"N": "1"}),
        "The document path provided in the update expression is invalid for update",
    ),
    "update index key type": (
        lambda actions: actions.update(1, "SET g = :n", n={"N": "1"}),
        "The update expression attempted to update the secondary index key to unsupported type",
    ),
    "update size": (
        lambda actions: actions.update(1, "SET a = :x, b = :x", x={"S": "x" * 250_000}),
        "Item size to update has exceeded the maximum allowed size",
    ),
    "put index key type": (
        lambda actions: actions.put(1, g={"N": "1"}),
        "One or more parameter values were invalid: "
        "Type mismatch for Index Key g Expected: S Actual: N IndexName: by_g",
    ),
    "put key type": (
        lambda actions: actions.put(1, sk={"S": "1"}),
        "One or more parameter values were invalid: Type mismatch for key sk expected: N actual: S",
    ),
    "key type": (
        lambda actions: {"Delete": {**actions.delete(1)["Delete"], "Key": {"pk": {"S": "p"}, "sk": {"S": "1"}}}},
        "The provided key element does not match the schema",
    ),
    "key attribute": (
        lambda actions: actions.update(1, "SET sk = :n", n={"N": "1"}),
        "One or more parameter values were invalid: Cannot update attribute sk. This attribute is part of the key",
    ),
}


@pytest.mark.parametrize("name", VALIDATION_ERRORS)
def test_what_is_found_when_the_actions_run_is_a_reason(client, table, actions, cancelled, name):
    action, words = VALIDATION_ERRORS[name]
    client.put_item(TableName=table, Item=key(1))
    message, reasons = cancelled(actions.put(2), action(actions), actions.put(3))

    assert CANCELLED + "[None, ValidationError, None]" == message
    assert [{"Code": "None"}, {"Code": "ValidationError", "Message": words}, {"Code": "None"}] == reasons
    assert [key(1)] == stored(client, table)


INVALID = {
    "two actions on one item": (
        lambda actions: [actions.put(1), actions.check("1.0", "attribute_exists(pk)")],
        "Transaction request cannot include multiple operations on one item",
    ),
    "two actions in one member": (
        lambda actions: [{**actions.put(1), **actions.delete(2)}],
        "TransactItems can only contain one of Check, Put, Update or Delete",
    ),
    "no action": (
        lambda actions: [{}],
        "TransactItems can only contain one of Check, Put, Update or Delete",
    ),
    "item size": (
        lambda actions: [actions.put(1, x={"S": "x" * 409_600})],
        "Item size has exceeded the maximum allowed size",
    ),
    "empty key": (
        lambda actions: [actions.put(1, pk={"S": ""})],
        "One or more parameter values are not valid. "
        "The AttributeValue for a key attribute cannot contain an empty string value. Key: pk",
    ),
    "value": (
        lambda actions: [actions.put(1, x={"N": "x"})],
        "The parameter cannot be converted to a numeric value: x",
    ),
    "unused": (
        lambda actions: [actions.update(1, "REMOVE a", n={"N": "1"})],
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:n}",
    ),
    "aggregate size": (
        lambda actions: [actions.put(number, x={"S": "x" * 390_000}) for number in range(11)],
        "The aggregate size of the items in the transaction exceeds 4 MB",
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_what_is_wrong_without_the_items_refuses_the_request(client, table, actions, refusal, name):
    items, words = INVALID[name]
    refused = refusal(client.transact_write_items, TransactItems=[actions.put(99), *items(actions)])

    assert ("ValidationException", words) == refused
    assert [] == stored(client, table)


def test_a_hundred_actions_are_the_most(client, table, actions, refusal):
    client.transact_write_items(TransactItems=[actions.put(number) for number in range(100)])
    code, message = refusal(
        client.transact_write_items, TransactItems=[actions.delete(number) for number in range(101)]
    )

    assert "ValidationException" == code
    assert message.endswith(
        "' at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to 100"
    )
    assert 100 == len(stored(client, table))


def test_a_table_that_is_not_there_is_not_found(client, table, actions, refusal):
    nowhere = {"Put": {"TableName": "nowhere", "Item": key(1)}}
    refused = refusal(client.transact_write_items, TransactItems=[actions.put(1), nowhere])

    assert ("ResourceNotFoundException", "Requested resource not found") == refused
    assert [] == stored(client, table)


# ---- tokens


def test_a_token_has_one_effect(client, table, actions):
    members = {
        "TransactItems": [actions.update(1, "ADD n :one", one={"N": "1"})],
        "ClientRequestToken": str(uuid.uuid4()),
        "ReturnConsumedCapacity": "TOTAL",
    }
    first, second, third = [client.transact_write_items(**members) for _ in range(3)]

    assert [{**key(1), "n": {"N": "1"}}] == stored(client, table)
    assert [{"TableName": table, "CapacityUnits": 2.0, "WriteCapacityUnits": 2.0}] == first["ConsumedCapacity"]
    assert [{"TableName": table, "CapacityUnits": 2.0, "ReadCapacityUnits": 2.0}] == second["ConsumedCapacity"]
    assert second["ConsumedCapacity"] == third["ConsumedCapacity"]


def test_a_token_is_of_one_request(client, table, actions, refusal):
    token = str(uuid.uuid4())
    client.transact_write_items(TransactItems=[actions.put(1)], ClientRequestToken=token)
    code, message = refusal(client.transact_write_items, TransactItems=[actions.put(2)], ClientRequestToken=token)

    assert "IdempotentParameterMismatchException" == code
    assert (
        "DynamoDB rejected the request because you retried a request with a different payload but with an idempotent "
        "token that was already used."
    ) == message
    assert [key(1)] == stored(client, table)


def test_a_cancelled_transaction_leaves_its_token_free(client, table, actions, cancelled):
    token = str(uuid.uuid4())
    action = actions.check(1, "attribute_exists(pk)")
    cancelled(actions.put(2), action, ClientRequestToken=token)
    client.put_item(TableName=table, Item=key(1))
    client.transact_write_items(TransactItems=[actions.put(2), action], ClientRequestToken=token)

    assert [key(1), key(2)] == stored(client, table)


def test_the_token_is_looked_at_before_the_condition(client, table, actions):
    """The retry of a transaction that makes its own condition false is a success."""
    members = {
        "TransactItems": [actions.put(1, condition="attribute_not_exists(pk)")],
        "ClientRequestToken": str(uuid.uuid4()),
    }
    client.transact_write_items(**members)
    client.transact_write_items(**members)

    assert [key(1)] == stored(client, table)


def test_a_token_has_at_most_36_characters(client, actions, refusal):
    code, message = refusal(client.transact_write_items, TransactItems=[actions.put(1)], ClientRequestToken="x" * 37)

    assert "ValidationException" == code
    assert (
        f"1 validation error detected: Value '{'x' * 37}' at 'clientRequestToken' failed to satisfy constraint: "
        "Member must have length less than or equal to 36"
    ) == message


# ---- capacity


def test_capacity_is_doubled(client, make_table, table, actions):
    other = make_table("pk:S", "sk:N", lsi={"by_l": {"key": ("pk:S", "l:S"), "projection": "KEYS_ONLY"}})
    answer = client.transact_write_items(
        TransactItems=[
            actions.put(1, x={"S": "x" * 2000}, g={"S": "a"}),
            actions.check(2, "attribute_not_exists(pk)"),
            {"Put": {"TableName": other, "Item": key(1)}},
        ],
        ReturnConsumedCapacity="INDEXES",
        ReturnItemCollectionMetrics="SIZE",
    )

    two, four, six, ten = [{"CapacityUnits": units, "WriteCapacityUnits": units} for units in (2.0, 4.0, 6.0, 10.0)]
    assert [
        {"TableName": table, **ten, "Table": six, "GlobalSecondaryIndexes": {"by_g": four}},
        {"TableName": other, **two, "Table": two},
    ] == answer["ConsumedCapacity"]
    assert {other: [{"ItemCollectionKey": {"pk": {"S": "p"}}, "SizeEstimateRangeGB": [0.0, 1.0]}]} == answer[
        "ItemCollectionMetrics"
    ]


def test_boto3_gives_every_request_its_token(client, table, actions):
    """Two calls of the same actions are two transactions."""
    for _ in range(2):
        client.transact_write_items(TransactItems=[actions.update(1, "ADD n :one", one={"N": "1"})])

    assert [{**key(1), "n": {"N": "2"}}] == stored(client, table)


def test_a_cancellation_is_an_error_of_the_client(client, actions):
    with pytest.raises(ClientError, match=r"reasons \[ConditionalCheckFailed\]"):
        client.transact_write_items(TransactItems=[actions.check(1, "attribute_exists(pk)")])
