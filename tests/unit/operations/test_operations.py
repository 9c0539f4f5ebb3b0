"""`run`: shape, policy, then the operation; on a real data file."""

import asyncio

import pytest

from magnetodb import operations
from magnetodb.context import RequestContext
from magnetodb.errors import (
    AccessDeniedException,
    ResourceInUseException,
    ResourceNotFoundException,
    SerializationException,
    UnknownOperationException,
    ValidationException,
)
from magnetodb.operations.cell import Cell, Settings
from magnetodb.storage.manager import StorageManager
from magnetodb.storage.sqlite import SqliteDriver
from magnetodb.storage.tables import Tables

NOW = 1_753_272_000.0
ORDERS = {
    "TableName": "orders",
    "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def context(project="p", role="member"):
    return RequestContext("r", project, "somebody", frozenset({role}), "eu-west-1", "123456789012")


@pytest.fixture
def run_all(tmp_path):
    """run_all((operation, request) or (context, operation, request), ...) -> the last response; in a new data file."""

    async def story(steps):
        driver = SqliteDriver(tmp_path)
        tables = Tables(driver)
        await tables.open()
        cell = Cell(StorageManager(driver), tables, Settings("eu-west-1", "123456789012", lambda: NOW, "here:1"))
        response = None
        try:
            for step in steps:
                who, name, request = step if len(step) == 3 else (context(), *step)
                response = await operations.run(cell, who, name, dict(request))
        finally:
            await driver.close()
        return response

    return lambda *steps: asyncio.run(story(steps))


def test_a_table_is_answered_creating_and_found_active(run_all):
    created = run_all(("CreateTable", ORDERS))["TableDescription"]
    described = run_all(("DescribeTable", {"TableName": "orders"}))["Table"]

    assert ("CREATING", "ACTIVE") == (created["TableStatus"], described["TableStatus"])
    assert created["TableId"] == described["TableId"]


def test_a_table_belongs_to_its_project(run_all):
    run_all(("CreateTable", ORDERS), (context("q"), "CreateTable", ORDERS), (context("q"), "DeleteTable", ORDERS))
    mine = run_all(("ListTables", {}))
    theirs = run_all((context("q"), "ListTables", {}))

    assert ({"TableNames": ["orders"]}, {"TableNames": []}) == (mine, theirs)


def test_a_name_is_taken_once(run_all):
    with pytest.raises(ResourceInUseException) as caught:
        run_all(("CreateTable", ORDERS), ("CreateTable", ORDERS))

    assert "Table already exists: orders" == caught.value.message


def test_a_full_page_names_where_to_go_on(run_all):
    run_all(*(("CreateTable", {**ORDERS, "TableName": name}) for name in ("one", "three", "two")))
    first = run_all(("ListTables", {"Limit": 2}))
    second = run_all(("ListTables", {"Limit": 2, "ExclusiveStartTableName": first["LastEvaluatedTableName"]}))

    assert {"TableNames": ["one", "three"], "LastEvaluatedTableName": "three"} == first
    assert {"TableNames": ["two"]} == second


def test_an_update_is_answered_updating_with_the_throughput_from_before(run_all):
    wanted = {"ReadCapacityUnits": 3, "WriteCapacityUnits": 4}
    update = {"TableName": "orders", "BillingMode": "PROVISIONED", "ProvisionedThroughput": wanted}
    answered = run_all(("CreateTable", ORDERS), ("UpdateTable", update))["TableDescription"]
    described = run_all(("DescribeTable", {"TableName": "orders"}))["Table"]

    assert ("UPDATING", 0) == (answered["TableStatus"], answered["ProvisionedThroughput"]["ReadCapacityUnits"])
    assert ("ACTIVE", 3) == (described["TableStatus"], described["ProvisionedThroughput"]["ReadCapacityUnits"])


def test_a_protected_table_is_not_deleted(run_all):
    with pytest.raises(ValidationException) as caught:
        run_all(("CreateTable", {**ORDERS, "DeletionProtectionEnabled": True}), ("DeleteTable", ORDERS))

    assert caught.value.message.endswith("Disable deletion protection first.")


def test_an_arn_is_as_good_as_a_name(run_all):
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders"
    described = run_all(("CreateTable", {**ORDERS, "TableName": arn}), ("DescribeTable", {"TableName": arn}))["Table"]

    assert ("orders", arn) == (described["TableName"], described["TableArn"])


def test_a_table_that_is_not_there_is_not_found(run_all):
    with pytest.raises(ResourceNotFoundException) as caught:
        run_all(("DescribeTable", {"TableName": "orders"}))

    assert "Requested resource not found: Table: orders not found" == caught.value.message


def test_a_reader_does_not_create_tables(run_all):
    with pytest.raises(AccessDeniedException):
        run_all((context(role="reader"), "CreateTable", ORDERS))


def test_an_unknown_operation_is_refused(run_all):
    with pytest.raises(UnknownOperationException):
        run_all(("MakeCoffee", {}))


def test_a_wrong_type_is_refused_before_the_caller_is_judged(run_all):
    with pytest.raises(SerializationException):
        run_all((context(role="nobody"), "DescribeTable", {"TableName": 1}))


def test_the_endpoint_is_ours(run_all):
    actual = run_all(("DescribeEndpoints", {}))

    assert {"Endpoints": [{"Address": "here:1", "CachePeriodInMinutes": 1440}]} == actual
