"""Failures on demand."""

import pytest

from magnetodb.errors import (
    ProvisionedThroughputExceededException,
    TransactionCanceledException,
    TransactionConflictException,
)
from magnetodb.operations import OPERATIONS
from magnetodb.operations.injected_failures import InjectedFailures


def outcomes(failures, *calls):
    """The names of what the calls fail with."""
    names = []
    for operation, request in calls:
        try:
            failures.check(operation, request)
        except Exception as error:
            names.append(type(error).__name__)
        else:
            names.append("")
    return names


def test_the_next_matching_calls_fail():
    failures = InjectedFailures.parsed(["PutItem:ThrottlingException:2", "*:RequestLimitExceeded:1"], OPERATIONS)
    put, get = ("PutItem", {}), ("GetItem", {})

    assert ["RequestLimitExceeded", "ThrottlingException", "", "ThrottlingException", ""] == outcomes(
        failures, get, put, get, put, put
    )


def test_a_conflict_cancels_a_transaction():
    failures = InjectedFailures.parsed(["TransactWriteItems:TransactionConflict:1"], OPERATIONS)

    with pytest.raises(TransactionCanceledException) as caught:
        failures.check("TransactWriteItems", {"TransactItems": [{}, {}]})
    assert "[TransactionConflict, None]" in caught.value.message
    assert {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"} == (
        caught.value.members["CancellationReasons"][0]
    )


def test_a_conflict_of_a_write_has_its_own_name():
    failures = InjectedFailures.parsed(["PutItem:TransactionConflict:1"], OPERATIONS)

    with pytest.raises(TransactionConflictException):
        failures.check("PutItem", {"TableName": "t"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PutItem",
        "PutItem:ThrottlingException",
        "PutItem:ThrottlingException:x",
        "PutItem:ThrottlingException:-1",
        "PutItem:NoError:1",
        "Put:ThrottlingException:1",
        "Query:TransactionConflict:1",
    ],
)
def test_what_cannot_be_is_refused(text):
    with pytest.raises(ValueError, match=f"^'{text}'"):
        InjectedFailures.parsed([text], OPERATIONS)


async def test_a_call_that_fails_has_no_effect(service):
    failures = InjectedFailures.parsed(["PutItem:ProvisionedThroughputExceededException:1"], OPERATIONS)
    service.cell.settings = service.cell.settings._replace(failures=failures)
    request = {"TableName": "single", "Item": {"pk": {"S": "a"}}}

    refused = await service.refusal("PutItem", **request)
    assert ProvisionedThroughputExceededException.__name__ == refused[0]
    assert {} == await service.run("GetItem", TableName="single", Key=request["Item"])
    await service.run("PutItem", **request)
    assert {"Item": request["Item"]} == await service.run("GetItem", TableName="single", Key=request["Item"])
