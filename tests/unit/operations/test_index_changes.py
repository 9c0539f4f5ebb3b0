from dataclasses import replace

import pytest

from magnetodb.errors import LimitExceededException, ResourceNotFoundException, ValidationException
from magnetodb.model.table import Index, KeySchema, Table
from magnetodb.operations.index_changes import (
    gives_up_filling,
    index_changes,
    with_index_leaving,
    with_new_index,
)

INVALID = "One or more parameter values were invalid: "
ONE_AT_A_TIME = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"

TABLE = Table(
    project="p",
    name="orders",
    id="id",
    rows_id="t_1",
    key=KeySchema(("a",), ("s",)),
    attribute_types={"a": "S", "s": "S", "b": "S"},
    indexes={
        "local": Index("local", "LSI", KeySchema(("a",), ("b",)), "ALL", (), "t_2"),
        "global": Index("global", "GSI", KeySchema(("b",)), "INCLUDE", tuple(f"n{each}" for each in range(90)), "t_3"),
    },
    created=0.0,
    billing_mode="PAY_PER_REQUEST",
)


def create(name="new", key="c", **members):
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
        **members,
    }


def types(*names, kind="S"):
    return [{"AttributeName": name, "AttributeType": kind} for name in names]


def filling(backfilling=True):
    """A table with an index that is CREATING."""
    table = with_new_index(TABLE, create(), types("c"), lambda: "id-new")
    return table.with_index(replace(table.indexes["new"], backfilling=backfilling))


def test_a_new_index_is_creating_and_its_table_updating():
    table = with_new_index(TABLE, create(), types("c", kind="N"), lambda: "id-new")
    index = table.indexes["new"]

    assert ("UPDATING", "CREATING", False) == (table.status, index.status, index.backfilling)
    assert {"a": "S", "s": "S", "b": "S", "c": "N"} == table.attribute_types
    assert index == table.changing_index


def test_an_index_that_leaves_is_deleting_and_keeps_its_types():
    table = with_index_leaving(TABLE, "global")

    assert ("UPDATING", "DELETING") == (table.status, table.indexes["global"].status)
    assert TABLE.attribute_types == table.attribute_types
    assert {"a": "S", "s": "S"} == table.without_index("global").without_index("local").attribute_types


def test_actions_are_sorted_by_what_they_do():
    update = {"IndexName": "global"}
    changes = index_changes(TABLE, [{"Update": update}, {"Create": create()}])

    assert ({"global": update}, create(), None) == changes
    assert ({}, None, "global") == index_changes(TABLE, [{"Delete": {"IndexName": "global"}}])


@pytest.mark.parametrize(
    ("requests", "kind", "message"),
    [
        ([{"Create": create()}, {"Create": create("newer")}], LimitExceededException, ONE_AT_A_TIME),
        ([{"Delete": {"IndexName": "local"}}], ResourceNotFoundException, "Requested resource not found"),
        ([{"Create": create("local")}], ValidationException, "Attempting to create an index which already exists"),
        (
            [{}],
            ValidationException,
            INVALID + "One of GlobalSecondaryIndexUpdate's actions Update, Create or Delete must be specified",
        ),
        (
            [{"Create": create(), "Delete": {"IndexName": "global"}}],
            ValidationException,
            INVALID + "Only one of Update, Create or Delete may be specified in a GlobalSecondaryIndexUpdate",
        ),
    ],
)
def test_contradictory_actions_are_refused(requests, kind, message):
    with pytest.raises(kind) as caught:
        index_changes(TABLE, requests)

    assert message == caught.value.message


@pytest.mark.parametrize(
    ("request_", "definitions", "message"),
    [
        (
            create(),
            types("c", "b", kind="N"),
            INVALID + "The type of a key attribute cannot be changed. Attributes: [b]",
        ),
        (
            create(Projection={"ProjectionType": "INCLUDE", "NonKeyAttributes": [f"m{each}" for each in range(11)]}),
            types("c"),
            INVALID + "The total number of NonKeyAttributes of all indexes exceeds the per-table limit of 100."
            " Specified: 101",
        ),
        (
            create(ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}),
            types("c"),
            INVALID
            + "ProvisionedThroughput should not be specified for index: new when BillingMode is PAY_PER_REQUEST",
        ),
    ],
)
def test_a_new_index_must_be_one_that_create_table_would_make(request_, definitions, message):
    with pytest.raises(ValidationException) as caught:
        with_new_index(TABLE, request_, definitions, lambda: "id-new")

    assert message == caught.value.message


def test_an_index_that_is_filled_can_be_given_up():
    assert gives_up_filling(filling(), [{"Delete": {"IndexName": "new"}}])


@pytest.mark.parametrize(
    ("table", "requests"),
    [
        (TABLE, [{"Delete": {"IndexName": "global"}}]),
        (filling(backfilling=False), [{"Delete": {"IndexName": "new"}}]),
        (filling(), [{"Update": {"IndexName": "global"}}]),
        (with_index_leaving(TABLE, "global"), [{"Delete": {"IndexName": "global"}}]),
    ],
)
def test_anything_else_waits_for_the_table(table, requests):
    assert not gives_up_filling(table, requests)


@pytest.mark.parametrize("request_", [{"Create": create("newer")}, {"Delete": {"IndexName": "global"}}])
def test_while_an_index_is_filled_no_other_comes_or_goes(request_):
    with pytest.raises(LimitExceededException) as caught:
        gives_up_filling(filling(), [request_])

    assert ONE_AT_A_TIME == caught.value.message
