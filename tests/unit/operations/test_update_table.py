from dataclasses import replace

import pytest

from magnetodb.errors import (
    LimitExceededException,
    ResourceInUseException,
    ResourceNotFoundException,
    ValidationException,
)
from magnetodb.model.table import Index, KeySchema, Table, Throughput
from magnetodb.operations.update_table import check_not_in_use, check_something_to_do, updated_table

NOON = 1_753_272_000.0  # 23 July 2025, 12:00 UTC.
INVALID = "One or more parameter values were invalid: "

PROVISIONED = Table(
    project="p",
    name="orders",
    id="id",
    rows_id="t_1",
    key=KeySchema(("a",)),
    attribute_types={"a": "S", "b": "S"},
    indexes={
        "global": Index("global", "GSI", KeySchema(("b",)), "ALL", (), "t_2", throughput=Throughput(1, 1)),
    },
    created=NOON,
    throughput=Throughput(5, 5),
)
ON_DEMAND = replace(
    PROVISIONED,
    billing_mode="PAY_PER_REQUEST",
    throughput=Throughput(),
    indexes={"global": replace(PROVISIONED.indexes["global"], throughput=Throughput())},
)


def new_id():
    return "new"


def units(read, write):
    return {"ReadCapacityUnits": read, "WriteCapacityUnits": write}


def index_units(read, write):
    return [{"Update": {"IndexName": "global", "ProvisionedThroughput": units(read, write)}}]


def refusal(table, kind=ValidationException, now=NOON, **request):
    with pytest.raises(kind) as caught:
        updated_table(table, request, now, new_id)
    return caught.value.message


def test_throughput_goes_up():
    table = updated_table(PROVISIONED, {"ProvisionedThroughput": units(6, 5)}, NOON, new_id)

    assert Throughput(6, 5, last_increase=NOON) == table.throughput


def test_throughput_goes_down():
    table = updated_table(PROVISIONED, {"ProvisionedThroughput": units(4, 5)}, NOON, new_id)

    assert Throughput(4, 5, last_decrease=NOON, decreases_today=1) == table.throughput


def test_the_same_throughput_is_refused():
    actual = refusal(PROVISIONED, ProvisionedThroughput=units(5, 5))

    assert (
        "The provisioned throughput for the table will not change. The requested value equals the current value. "
        "Current ReadCapacityUnits provisioned for the table: 5. Requested ReadCapacityUnits: 5. "
        "Current WriteCapacityUnits provisioned for the table: 5. Requested WriteCapacityUnits: 5. "
        "Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
    ) == actual


def lowered(times, last):
    return replace(PROVISIONED, throughput=Throughput(5, 5, last_decrease=last, decreases_today=times))


def test_the_fifth_decrease_of_a_day_waits_an_hour():
    actual = refusal(lowered(4, NOON - 3599), LimitExceededException, ProvisionedThroughput=units(4, 4))

    assert (
        "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. "
        "After the first 4 decreases, each subsequent decrease in the same UTC day can be performed at most once every "
        "3600 seconds. Number of decreases today: 4. "
        "Last decrease at Wednesday, July 23, 2025 at 11:00:01 AM Coordinated Universal Time. "
        "Next decrease can be made at Wednesday, July 23, 2025 at 12:00:01 PM Coordinated Universal Time"
    ) == actual


def test_a_decrease_is_allowed_after_an_hour():
    table = updated_table(lowered(4, NOON - 3600), {"ProvisionedThroughput": units(4, 4)}, NOON, new_id)

    assert 5 == table.throughput.decreases_today


def test_decreases_are_counted_anew_every_day():
    table = updated_table(lowered(27, NOON - 43_201), {"ProvisionedThroughput": units(4, 4)}, NOON, new_id)

    assert 1 == table.throughput.decreases_today


def test_a_table_becomes_on_demand():
    table = updated_table(PROVISIONED, {"BillingMode": "PAY_PER_REQUEST"}, NOON, new_id)

    assert ("PAY_PER_REQUEST", NOON, Throughput()) == (
        table.billing_mode,
        table.pay_per_request_since,
        table.throughput,
    )
    assert Throughput() == table.indexes["global"].throughput


def test_a_table_becomes_provisioned_with_its_indexes():
    table = updated_table(
        ON_DEMAND,
        {
            "BillingMode": "PROVISIONED",
            "ProvisionedThroughput": units(2, 3),
            "GlobalSecondaryIndexUpdates": index_units(4, 5),
        },
        NOON,
        new_id,
    )

    assert ("PROVISIONED", 2, 3) == (table.billing_mode, table.throughput.read, table.throughput.write)
    assert (4, 5) == (table.indexes["global"].throughput.read, table.indexes["global"].throughput.write)


def test_the_throughput_of_an_index_changes_alone():
    table = updated_table(PROVISIONED, {"GlobalSecondaryIndexUpdates": index_units(2, 1)}, NOON, new_id)

    assert Throughput(2, 1, last_increase=NOON) == table.indexes["global"].throughput
    assert PROVISIONED.throughput == table.throughput


def test_settings_change():
    table = updated_table(
        ON_DEMAND,
        {
            "DeletionProtectionEnabled": True,
            "TableClass": "STANDARD_INFREQUENT_ACCESS",
            "OnDemandThroughput": {"MaxReadRequestUnits": 7},
            "WarmThroughput": {"ReadUnitsPerSecond": 13_000},
            "SSESpecification": {"Enabled": True},
        },
        NOON,
        new_id,
    )

    assert table.deletion_protection
    assert ("STANDARD_INFREQUENT_ACCESS", NOON) == (table.table_class, table.table_class_since)
    assert ({"MaxReadRequestUnits": 7}, {"ReadUnitsPerSecond": 13_000}) == (table.on_demand, table.warm)
    assert {"KMSMasterKeyId": None} == table.sse


@pytest.mark.parametrize(
    ("table", "request_", "expected"),
    [
        (
            ON_DEMAND,
            {"ProvisionedThroughput": units(1, 1)},
            INVALID
            + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        ),
        (
            ON_DEMAND,
            {"BillingMode": "PROVISIONED"},
            INVALID + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        ),
        (
            ON_DEMAND,
            {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units(1, 1)},
            INVALID + "ProvisionedThroughput must be specified for index: global",
        ),
        (
            ON_DEMAND,
            {"GlobalSecondaryIndexUpdates": index_units(1, 1)},
            INVALID
            + "ProvisionedThroughput should not be specified for index: global when BillingMode is PAY_PER_REQUEST",
        ),
        (
            PROVISIONED,
            {"AttributeDefinitions": [{"AttributeName": "c", "AttributeType": "S"}]},
            INVALID + "Some AttributeDefinitions are not used. AttributeDefinitions: [c], keys used: [a, b]",
        ),
    ],
)
def test_a_broken_rule_is_refused(table, request_, expected):
    actual = refusal(table, **request_)

    assert expected == actual


def test_an_unknown_index_is_not_found():
    update = [{"Update": {"IndexName": "nothing", "ProvisionedThroughput": units(1, 1)}}]
    actual = refusal(PROVISIONED, ResourceNotFoundException, GlobalSecondaryIndexUpdates=update)

    assert "Requested resource not found" == actual


def test_a_request_must_ask_for_something():
    with pytest.raises(ValidationException) as caught:
        check_something_to_do({"TableName": "orders"})

    assert (
        "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or "
        "SSESpecification or ReplicaUpdates is required"
    ) == caught.value.message


@pytest.mark.parametrize(
    ("status", "state"), [("CREATING", "created"), ("UPDATING", "updated"), ("DELETING", "deleted")]
)
def test_a_table_in_use_is_not_changed(status, state):
    with pytest.raises(ResourceInUseException) as caught:
        check_not_in_use(replace(PROVISIONED, status=status))

    assert (
        f"Attempt to change a resource which is still in use: Table is being {state}: orders"
    ) == caught.value.message


def test_throughput_of_an_index_beyond_all_bounds():
    message = refusal(PROVISIONED, GlobalSecondaryIndexUpdates=index_units(1, 10**12 + 1))

    assert "Given value 1000000000001 for WriteCapacityUnits is out of bounds for index global" == message
