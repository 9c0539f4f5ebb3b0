"""UpdateTable: billing mode, throughput, limits, protection, class and key of a table; its GSIs, which come and go."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4

from magnetodb.context import RequestContext
from magnetodb.errors import (
    LimitExceededException,
    ResourceInUseException,
    ValidationException,
)
from magnetodb.model.table import Index, Table, Throughput
from magnetodb.operations.cell import Cell
from magnetodb.operations.describe_table import table_named
from magnetodb.operations.index_changes import (
    check_definitions,
    gives_up_filling,
    index_changes,
    with_index_leaving,
    with_new_index,
)
from magnetodb.operations.table_definition import (
    check_billing_mode,
    check_bounds,
    invalid,
    on_demand_of,
    sse_of,
    throughput_of,
    warm_of,
)
from magnetodb.operations.table_description import decreases_today, table_description, utc
from magnetodb.operations.unsupported import refuse_unsupported

DECREASES_AT_ANY_TIME_MAX: Final = 4
DECREASES_PER_DAY_MAX: Final = 27
DECREASE_INTERVAL_SECONDS: Final = 3600

CHANGES: Final = (
    "BillingMode",
    "ProvisionedThroughput",
    "GlobalSecondaryIndexUpdates",
    "StreamSpecification",
    "SSESpecification",
    "TableClass",
    "DeletionProtectionEnabled",
    "OnDemandThroughput",
    "WarmThroughput",
)

Request = dict[str, Any]


async def run(cell: Cell, context: RequestContext, request: Request) -> dict[str, Any]:
    """Answers status UPDATING and the throughput from before, as AWS does; whoever reads the answer finds the table
    ACTIVE and changed, except that an index takes its time to come or go.

    Raises ResourceNotFoundException, ResourceInUseException, ValidationException, LimitExceededException.
    """
    refuse_unsupported("UpdateTable", request)
    check_something_to_do(request)
    check_bounds(request.get("ProvisionedThroughput"))
    table = await table_named(cell, context, request["TableName"])
    if not gives_up_filling(table, request.get("GlobalSecondaryIndexUpdates") or ()):
        check_not_in_use(table)
    now = cell.settings.clock()
    updated = updated_table(table, request, now, lambda: str(uuid4()))
    if updated.changing_index is None:
        await cell.tables.update(updated)
    else:
        await cell.tables.change_index(updated, updated.changing_index.name)
    answered = replace(updated, status="UPDATING", throughput=table.throughput)
    counts = await cell.tables.counts_of(answered)
    return {"TableDescription": table_description(context, answered, now, counts)}


def check_something_to_do(request: Request) -> None:
    """Raise for a request that names a table and no change."""
    if all(request.get(name) is None for name in CHANGES):
        raise ValidationException(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or"
            " SSESpecification or ReplicaUpdates is required"
        )
    if request.get("GlobalSecondaryIndexUpdates") == []:
        raise invalid("List of GlobalSecondaryIndexUpdates is empty")


def check_not_in_use(table: Table) -> None:
    """Raise if the table is in a state in which it cannot be changed."""
    if table.status == "ACTIVE":
        return
    state = {"CREATING": "created", "UPDATING": "updated", "DELETING": "deleted"}[table.status]
    raise ResourceInUseException(
        f"Attempt to change a resource which is still in use: Table is being {state}: {table.name}"
    )


def updated_table(table: Table, request: Request, now: float, new_id: Callable[[], str]) -> Table:
    """The table as the request wants it. Pure, but for `new_id`, which gives a UUID that was never given before."""
    billing_mode = request.get("BillingMode") or table.billing_mode
    updates, created, deleted = index_changes(table, request.get("GlobalSecondaryIndexUpdates") or ())
    definitions = request.get("AttributeDefinitions")
    if created is None:
        check_definitions(table, definitions)
    table = with_billing_mode(table, billing_mode, request.get("ProvisionedThroughput"), updates, now)
    for name, update in updates.items():
        table = table.with_index(updated_index(table, table.indexes[name], update, now))
    on_demand = on_demand_of(request, billing_mode)
    if on_demand is not None:
        table = replace(table, on_demand=(table.on_demand or {}) | on_demand)
    warm = warm_of(request, billing_mode, table.throughput)
    if warm is not None:
        table = replace(table, warm=warmer(table.warm, warm, "table"))
    table = with_settings(table, request, now)
    if created is not None:
        return with_new_index(table, created, definitions, new_id)
    return table if deleted is None else with_index_leaving(table, deleted)


def with_settings(table: Table, request: Request, now: float) -> Table:
    """Protection, class and key."""
    protection = request.get("DeletionProtectionEnabled")
    if protection is not None:
        table = replace(table, deletion_protection=protection)
    table_class = request.get("TableClass")
    if table_class is not None and table_class != table.table_class:
        table = replace(table, table_class=table_class, table_class_since=now)
    if request.get("SSESpecification") is not None:
        table = replace(table, sse=changed_sse(table, request["SSESpecification"]))
    return table


def changed_sse(table: Table, request: Request) -> dict[str, Any] | None:
    """The key asked for. Raises if it is the one that the table has."""
    sse = sse_of(request)
    if sse != table.sse:
        return sse
    if sse is None:
        raise invalid("Table is already encrypted by default")
    raise invalid("Table is already encrypted by given KMSMasterKeyId")


def warmer(current: dict[str, int] | None, wanted: dict[str, int], resource: str) -> dict[str, int]:
    """Warm throughput with the members asked for; it only grows."""
    current = current or {}
    for name, units in wanted.items():
        if units < current.get(name, 0):
            raise invalid(
                f"Requested {name} for WarmThroughput for {resource} is lower than current WarmThroughput,"
                " decreasing WarmThroughput is not supported"
            )
    return current | wanted


# ---- billing mode and throughput


def with_billing_mode(
    table: Table, billing_mode: Any, request: Request | None, updates: dict[str, Request], now: float
) -> Table:
    """The table and its GSIs in a billing mode, with the table's new throughput."""
    if billing_mode == "PAY_PER_REQUEST" or table.billing_mode == "PAY_PER_REQUEST":
        check_billing_mode(billing_mode, request)
    if billing_mode == table.billing_mode:
        if request is None:
            return table
        return replace(table, throughput=changed_throughput(table.throughput, request, "table", now))
    if billing_mode == "PAY_PER_REQUEST":
        table = replace(table, billing_mode=billing_mode, pay_per_request_since=now, throughput=Throughput())
        for index in table.global_indexes:
            table = table.with_index(replace(index, throughput=Throughput()))
        return table
    for index in table.global_indexes:
        if (updates.get(index.name) or {}).get("ProvisionedThroughput") is None:
            raise invalid(f"ProvisionedThroughput must be specified for index: {index.name}")
        table = table.with_index(replace(index, on_demand=None, warm=None))
    return replace(table, billing_mode=billing_mode, throughput=throughput_of(request), on_demand=None, warm=None)


def changed_throughput(throughput: Throughput, request: Request, resource: str, now: float) -> Throughput:
    """The throughput asked for, with the times and the number of changes; `resource` is what messages name."""
    wanted = throughput_of(request)
    if (wanted.read, wanted.write) == (throughput.read, throughput.write):
        raise ValidationException(
            f"The provisioned throughput for the {resource} will not change."
            " The requested value equals the current value."
            f" Current ReadCapacityUnits provisioned for the {resource}: {throughput.read}."
            f" Requested ReadCapacityUnits: {wanted.read}."
            f" Current WriteCapacityUnits provisioned for the {resource}: {throughput.write}."
            f" Requested WriteCapacityUnits: {wanted.write}."
            " Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
        )
    changed = replace(throughput, read=wanted.read, write=wanted.write)
    if wanted.read < throughput.read or wanted.write < throughput.write:
        check_decrease(throughput, now)
        changed = replace(changed, last_decrease=now, decreases_today=decreases_today(throughput, now) + 1)
    if wanted.read > throughput.read or wanted.write > throughput.write:
        changed = replace(changed, last_increase=now)
    return changed


def check_decrease(throughput: Throughput, now: float) -> None:
    """Four decreases a UTC day at any time, then one an hour, 27 in all."""
    decreases = decreases_today(throughput, now)
    if decreases < DECREASES_AT_ANY_TIME_MAX or throughput.last_decrease is None:
        return
    allowed = throughput.last_decrease + DECREASE_INTERVAL_SECONDS
    if decreases < DECREASES_PER_DAY_MAX and now >= allowed:
        return
    raise LimitExceededException(
        "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day."
        f" After the first {DECREASES_AT_ANY_TIME_MAX} decreases, each subsequent decrease in the same UTC day can be"
        f" performed at most once every {DECREASE_INTERVAL_SECONDS} seconds."
        f" Number of decreases today: {decreases}."
        f" Last decrease at {dated(throughput.last_decrease)}."
        f" Next decrease can be made at {dated(allowed)}"
    )


def dated(seconds: float) -> str:
    """Wednesday, July 25, 2018 at 1:05:00 PM Coordinated Universal Time."""
    moment = utc(seconds)
    return (
        f"{moment:%A}, {moment:%B} {moment.day}, {moment.year} at {moment.hour % 12 or 12}:{moment:%M:%S %p}"
        " Coordinated Universal Time"
    )


# ---- indexes


def updated_index(table: Table, index: Index, request: Request, now: float) -> Index:
    """A GSI with the throughput and the limits asked for; `table` has its new billing mode already."""
    throughput = request.get("ProvisionedThroughput")
    if throughput is not None:
        if table.billing_mode == "PAY_PER_REQUEST":
            raise invalid(
                f"ProvisionedThroughput should not be specified for index: {index.name}"
                " when BillingMode is PAY_PER_REQUEST"
            )
        check_bounds(throughput, index.name)
        index = replace(index, throughput=changed_throughput(index.throughput, throughput, f"index {index.name}", now))
    on_demand = on_demand_of(request, table.billing_mode)
    if on_demand is not None:
        index = replace(index, on_demand=(index.on_demand or {}) | on_demand)
    warm = warm_of(request, table.billing_mode, index.throughput)
    if warm is not None:
        index = replace(index, warm=warmer(index.warm, warm, f"index {index.name}"))
    return index
