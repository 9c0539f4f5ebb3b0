"""TableDescription: a table as CreateTable, DescribeTable, UpdateTable and DeleteTable show it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from magnetodb.context import RequestContext
from magnetodb.model.table import Index, KeySchema, Table, Throughput
from magnetodb.operations.table_names import index_arn, table_arn

ON_DEMAND_WARM_READ_UNITS: Final = 12_000
ON_DEMAND_WARM_WRITE_UNITS: Final = 4_000
"""What every on-demand table and index can serve at once, from its first second."""

AWS_OWNED_KEY: Final = "alias/aws/dynamodb"

Description = dict[str, Any]

Counts = Mapping[str, tuple[int, int]]
"""(items, bytes) by row table, as `storage.counts` gives them; what is not there is empty."""

EMPTY: Final = (0, 0)
NO_COUNTS: Final[Counts] = {}


def table_description(context: RequestContext, table: Table, now: float, counts: Counts = NO_COUNTS) -> Description:
    """The whole description. Members that AWS leaves out where they say nothing are left out."""
    items, size = counts.get(table.rows_id, EMPTY)
    description: Description = {
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in table.attribute_types.items()
        ],
        "TableName": table.name,
        "KeySchema": key_schema_description(table.key),
        "TableStatus": table.status,
        "CreationDateTime": timestamp(table.created),
        "ProvisionedThroughput": throughput_description(table.throughput, now),
        "TableSizeBytes": size,
        "ItemCount": items,
        "TableArn": table_arn(context, table.name),
        "TableId": table.id,
        **billing_mode_description(table),
    }
    if table.local_indexes:
        description["LocalSecondaryIndexes"] = [
            index_description(context, table, index, counts) for index in table.local_indexes
        ]
    if table.global_indexes:
        description["GlobalSecondaryIndexes"] = [
            global_index_description(context, table, index, now, counts) for index in table.global_indexes
        ]
    return description | settings_description(context, table)


def deleted_table_description(context: RequestContext, table: Table, now: float) -> Description:
    """What is left to say of a table that is being deleted."""
    return {
        "TableName": table.name,
        "TableStatus": table.status,
        "ProvisionedThroughput": throughput_description(table.throughput, now),
        "TableSizeBytes": 0,
        "ItemCount": 0,
        "TableArn": table_arn(context, table.name),
        "TableId": table.id,
        **billing_mode_description(table),
        "DeletionProtectionEnabled": table.deletion_protection,
    }


def settings_description(context: RequestContext, table: Table) -> Description:
    """Encryption, class, limits and protection."""
    description: Description = {}
    if table.sse is not None:
        description["SSEDescription"] = {
            "Status": "ENABLED",
            "SSEType": "KMS",
            "KMSMasterKeyArn": key_arn(context, table.sse.get("KMSMasterKeyId") or AWS_OWNED_KEY),
        }
    if table.table_class != "STANDARD" or table.table_class_since is not None:
        description["TableClassSummary"] = {"TableClass": table.table_class}
        if table.table_class_since is not None:
            description["TableClassSummary"]["LastUpdateDateTime"] = timestamp(table.table_class_since)
    description["DeletionProtectionEnabled"] = table.deletion_protection
    if table.on_demand is not None:
        description["OnDemandThroughput"] = on_demand_description(table.on_demand)
    description["WarmThroughput"] = warm_throughput(table, table.throughput, table.warm) | {"Status": table.status}
    return description


def billing_mode_description(table: Table) -> Description:
    """Nothing for a table that has always been provisioned."""
    if table.billing_mode == "PROVISIONED" and table.pay_per_request_since is None:
        return {}
    summary: Description = {"BillingMode": table.billing_mode}
    if table.pay_per_request_since is not None and table.status != "CREATING":
        summary["LastUpdateToPayPerRequestDateTime"] = timestamp(table.pay_per_request_since)
    return {"BillingModeSummary": summary}


def index_description(context: RequestContext, table: Table, index: Index, counts: Counts = NO_COUNTS) -> Description:
    """What local and global indexes have in common."""
    items, size = counts.get(index.rows_id, EMPTY)
    projection: Description = {"ProjectionType": index.projection}
    if index.attributes:
        projection["NonKeyAttributes"] = list(index.attributes)
    return {
        "IndexName": index.name,
        "KeySchema": key_schema_description(index.key),
        "Projection": projection,
        "IndexSizeBytes": size,
        "ItemCount": items,
        "IndexArn": index_arn(context, table.name, index.name),
    }


def global_index_description(
    context: RequestContext, table: Table, index: Index, now: float, counts: Counts = NO_COUNTS
) -> Description:
    """A GSI has a state, capacity and limits of its own."""
    description = index_description(context, table, index, counts)
    description["IndexStatus"] = index.status
    if index.status == "CREATING" and table.status == "UPDATING":
        description["Backfilling"] = index.backfilling
    description["ProvisionedThroughput"] = throughput_description(index.throughput, now)
    if index.on_demand is not None:
        description["OnDemandThroughput"] = on_demand_description(index.on_demand)
    description["WarmThroughput"] = warm_throughput(table, index.throughput, index.warm) | {"Status": index.status}
    return description


def key_schema_description(key: KeySchema) -> list[Description]:
    """HASH elements, then RANGE elements."""
    return [{"AttributeName": name, "KeyType": "HASH"} for name in key.partition] + [
        {"AttributeName": name, "KeyType": "RANGE"} for name in key.sort
    ]


def throughput_description(throughput: Throughput, now: float) -> Description:
    """Decreases count within a UTC day."""
    description: Description = {"NumberOfDecreasesToday": decreases_today(throughput, now)}
    if throughput.last_increase is not None:
        description["LastIncreaseDateTime"] = timestamp(throughput.last_increase)
    if throughput.last_decrease is not None:
        description["LastDecreaseDateTime"] = timestamp(throughput.last_decrease)
    return description | {"ReadCapacityUnits": throughput.read, "WriteCapacityUnits": throughput.write}


def decreases_today(throughput: Throughput, now: float) -> int:
    """How often the throughput was lowered on the UTC day of `now`."""
    if throughput.last_decrease is None or utc(throughput.last_decrease).date() != utc(now).date():
        return 0
    return throughput.decreases_today


def on_demand_description(on_demand: dict[str, int]) -> Description:
    """-1: no limit, which is also what an absent member means."""
    return {
        "MaxReadRequestUnits": on_demand.get("MaxReadRequestUnits", -1),
        "MaxWriteRequestUnits": on_demand.get("MaxWriteRequestUnits", -1),
    }


def warm_throughput(table: Table, throughput: Throughput, warm: dict[str, int] | None) -> dict[str, Any]:
    """What was asked for, and never less than what the billing mode gives anyway."""
    if table.billing_mode == "PROVISIONED":
        read, write = throughput.read, throughput.write
    else:
        read, write = ON_DEMAND_WARM_READ_UNITS, ON_DEMAND_WARM_WRITE_UNITS
    warm = warm or {}
    return {
        "ReadUnitsPerSecond": max(read, warm.get("ReadUnitsPerSecond", 0)),
        "WriteUnitsPerSecond": max(write, warm.get("WriteUnitsPerSecond", 0)),
    }


def key_arn(context: RequestContext, key_id: str) -> str:
    """The ARN of a KMS key that was given as its id, its alias or its ARN."""
    if key_id.startswith("arn:"):
        return key_id
    resource = key_id if key_id.startswith("alias/") else f"key/{key_id}"
    return f"arn:aws:kms:{context.region}:{context.account_id}:{resource}"


def timestamp(seconds: float) -> float:
    """Seconds since the epoch with the milliseconds that AWS gives."""
    return round(seconds, 3)


def utc(seconds: float) -> datetime:
    """The same as a date."""
    return datetime.fromtimestamp(seconds, UTC)
