from itertools import count

import pytest

from magnetodb.errors import LimitExceededException, ValidationException
from magnetodb.model.table import KeySchema, Throughput
from magnetodb.operations.table_definition import table_of

INVALID = "One or more parameter values were invalid: "
NOW = 1_700_000_000.5


def key(partition, sort=None):
    elements = [{"AttributeName": partition, "KeyType": "HASH"}]
    return elements + ([{"AttributeName": sort, "KeyType": "RANGE"}] if sort else [])


def definitions(*names):
    return [{"AttributeName": name, "AttributeType": "S"} for name in names]


def index(name, *attributes, projection=None, **members):
    return {
        "IndexName": name,
        "KeySchema": key(*attributes),
        "Projection": projection or {"ProjectionType": "ALL"},
        **members,
    }


def create(**members):
    request = {
        "TableName": "orders",
        "AttributeDefinitions": definitions("a", "b"),
        "KeySchema": key("a", "b"),
        "BillingMode": "PAY_PER_REQUEST",
        **members,
    }
    request = {name: value for name, value in request.items() if value is not None}
    ids = count(1)
    return table_of(request, project="p", now=NOW, new_id=lambda: f"id-{next(ids)}")


def refusal(**members):
    with pytest.raises(ValidationException) as caught:
        create(**members)
    return caught.value.message


THROUGHPUT = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}


def test_a_table_has_what_was_asked_for():
    table = create(DeletionProtectionEnabled=True, TableClass="STANDARD_INFREQUENT_ACCESS")

    assert ("p", "orders", "CREATING", NOW) == (table.project, table.name, table.status, table.created)
    assert KeySchema(("a",), ("b",)) == table.key
    assert {"a": "S", "b": "S"} == table.attribute_types
    assert ("PAY_PER_REQUEST", NOW) == (table.billing_mode, table.pay_per_request_since)
    assert (True, "STANDARD_INFREQUENT_ACCESS") == (table.deletion_protection, table.table_class)


def test_billing_is_provisioned_unless_said_otherwise():
    table = create(BillingMode=None, ProvisionedThroughput=THROUGHPUT)

    assert ("PROVISIONED", Throughput(5, 6), None) == (
        table.billing_mode,
        table.throughput,
        table.pay_per_request_since,
    )


def test_row_tables_have_ids_of_their_own():
    table = create(LocalSecondaryIndexes=[index("by-b", "a", "b")])

    ids = {table.id, table.rows_id, table.indexes["by-b"].rows_id}
    assert 3 == len(ids)


def test_local_indexes_come_first():
    table = create(
        GlobalSecondaryIndexes=[index("global", "b")],
        LocalSecondaryIndexes=[index("local", "a", "b", projection={"ProjectionType": "KEYS_ONLY"})],
    )

    assert ["local", "global"] == list(table.indexes)
    assert ["LSI", "GSI"] == [each.kind for each in table.indexes.values()]


def test_a_global_index_may_have_four_and_four_key_attributes():
    partition, sort = ("a", "b", "c", "d"), ("e", "f", "g", "h")
    elements = [{"AttributeName": name, "KeyType": "HASH"} for name in partition]
    elements += [{"AttributeName": name, "KeyType": "RANGE"} for name in sort]
    table = create(
        AttributeDefinitions=definitions(*partition, *sort),
        GlobalSecondaryIndexes=[
            {"IndexName": "wide", "KeySchema": elements, "Projection": {"ProjectionType": "ALL"}},
        ],
    )

    assert KeySchema(partition, sort) == table.indexes["wide"].key


def elements(kinds):
    return [
        {"AttributeName": name, "KeyType": "HASH" if kind == "H" else "RANGE"}
        for name, kind in zip("abcdefghij", kinds, strict=False)
    ]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ("HHHHH", "HASH key attributes are allowed"),
        ("HRRRRR", "RANGE key attributes are allowed"),
        ("HRH", "All HASH KeySchemaElements must come before the RANGE ones"),
        ("RHH", "The first KeySchemaElement is not a HASH key type"),
        ("RH", "The first KeySchemaElement is not a HASH key type"),
    ],
)
def test_the_key_of_a_global_index_has_its_bounds(kinds, expected):
    wide = {"IndexName": "wide", "KeySchema": elements(kinds), "Projection": {"ProjectionType": "ALL"}}
    actual = refusal(AttributeDefinitions=definitions(*"abcdefghij"), GlobalSecondaryIndexes=[wide])

    assert expected in actual


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (
            {"AttributeDefinitions": None, "KeySchema": None},
            "2 validation errors detected: "
            "Value null at 'attributeDefinitions' failed to satisfy constraint: Member must not be null; "
            "Value null at 'keySchema' failed to satisfy constraint: Member must not be null",
        ),
        (
            {"BillingMode": None},
            INVALID + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        ),
        (
            {"ProvisionedThroughput": THROUGHPUT},
            INVALID
            + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        ),
        (
            {"AttributeDefinitions": definitions("b")},
            INVALID + "Some index key attributes are not defined in AttributeDefinitions."
            " Keys: [a, b], AttributeDefinitions: [b]",
        ),
        (
            {"AttributeDefinitions": definitions("a", "b", "c")},
            INVALID + "Number of attributes in KeySchema does not exactly match number of attributes defined in"
            " AttributeDefinitions",
        ),
        (
            {
                "AttributeDefinitions": definitions("a", "b", "c"),
                "LocalSecondaryIndexes": [index("local", "a", "b")],
            },
            INVALID + "Some AttributeDefinitions are not used. AttributeDefinitions: [a, b, c], keys used: [a, b]",
        ),
        (
            {"AttributeDefinitions": definitions("a", "a")},
            INVALID + "Duplicate AttributeName in AttributeDefinitions",
        ),
        (
            {"KeySchema": elements("RH")},
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
        ),
        (
            {"KeySchema": elements("HH")},
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
        ),
        (
            {"KeySchema": key("a", "a")},
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
        ),
        ({"LocalSecondaryIndexes": []}, INVALID + "List of LocalSecondaryIndexes is empty"),
        ({"GlobalSecondaryIndexes": []}, INVALID + "List of GlobalSecondaryIndexes is empty"),
        (
            {"KeySchema": key("a"), "LocalSecondaryIndexes": [index("local", "a", "b")]},
            INVALID
            + "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex",
        ),
        (
            {"LocalSecondaryIndexes": [index("local", "a")]},
            INVALID + "Index KeySchema does not have a range key for index: local",
        ),
        (
            {"LocalSecondaryIndexes": [index("local", "b", "a")]},
            INVALID + "Index KeySchema does not have the same leading hash key as table KeySchema for index: local."
            " index hash key: b, table hash key: a",
        ),
        (
            {"LocalSecondaryIndexes": [index("same", "a", "b")], "GlobalSecondaryIndexes": [index("same", "b")]},
            INVALID + "Duplicate index name: same",
        ),
        (
            {"LocalSecondaryIndexes": [index(f"local{number}", "a", "b") for number in range(6)]},
            INVALID + "Number of LocalSecondaryIndexes exceeds per-table limit of 5",
        ),
        (
            {"GlobalSecondaryIndexes": [index(f"global{number}", "b") for number in range(21)]},
            INVALID + "GlobalSecondaryIndex count exceeds the per-table limit of 20",
        ),
        (
            {"GlobalSecondaryIndexes": [index("global", "b", ProvisionedThroughput=THROUGHPUT)]},
            INVALID
            + "ProvisionedThroughput should not be specified for index: global when BillingMode is PAY_PER_REQUEST",
        ),
        (
            {
                "BillingMode": "PROVISIONED",
                "ProvisionedThroughput": THROUGHPUT,
                "GlobalSecondaryIndexes": [index("global", "b")],
            },
            INVALID + "ProvisionedThroughput must be specified for index: global",
        ),
        (
            {"SSESpecification": {"Enabled": True, "SSEType": "AES256"}},
            INVALID + "SSEType AES256 is not supported",
        ),
        (
            {
                "BillingMode": "PROVISIONED",
                "ProvisionedThroughput": THROUGHPUT,
                "OnDemandThroughput": {"MaxReadRequestUnits": 7},
            },
            INVALID + "OnDemandThroughput can only be specified when BillingMode is PAY_PER_REQUEST",
        ),
        (
            {"OnDemandThroughput": {"MaxReadRequestUnits": 0}},
            INVALID + "MaxReadRequestUnits must be -1 or greater than or equal to 1",
        ),
    ],
)
def test_a_broken_rule_is_refused(members, expected):
    actual = refusal(**members)

    assert expected == actual


@pytest.mark.parametrize(
    ("projection", "expected"),
    [
        ({}, "Unknown ProjectionType: null"),
        (
            {"ProjectionType": "ALL", "NonKeyAttributes": ["x"]},
            "ProjectionType is ALL, but NonKeyAttributes is specified",
        ),
        (
            {"ProjectionType": "KEYS_ONLY", "NonKeyAttributes": ["x"]},
            "ProjectionType is KEYS_ONLY, but NonKeyAttributes is specified",
        ),
        ({"ProjectionType": "INCLUDE"}, "ProjectionType is INCLUDE, but NonKeyAttributes is not specified"),
    ],
)
def test_a_projection_must_fit_its_type(projection, expected):
    actual = refusal(GlobalSecondaryIndexes=[index("global", "b", projection=projection or {"NonKeyAttributes": None})])

    assert INVALID + expected == actual


def included(number, attributes):
    projection = {
        "ProjectionType": "INCLUDE",
        "NonKeyAttributes": [f"attribute{position}" for position in range(attributes)],
    }
    return index(f"global{number}", "b", projection=projection)


def test_a_hundred_attributes_may_be_projected():
    table = create(GlobalSecondaryIndexes=[included(number, 20) for number in range(5)])

    assert 100 == sum(len(each.attributes) for each in table.indexes.values())


def test_no_more_than_a_hundred_attributes_may_be_projected():
    actual = refusal(GlobalSecondaryIndexes=[*(included(number, 20) for number in range(5)), included(5, 1)])

    assert "exceeds the per-table limit of 100" in actual


def test_throughput_is_within_the_quota():
    with pytest.raises(LimitExceededException) as caught:
        create(BillingMode=None, ProvisionedThroughput={"ReadCapacityUnits": 40_001, "WriteCapacityUnits": 1})

    assert caught.value.message.startswith("Subscriber limit exceeded: ")
