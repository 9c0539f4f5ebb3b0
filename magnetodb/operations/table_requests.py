"""The requests of the operations on tables and the whole service: see `requests`."""

from typing import Final

from magnetodb.operations.item_requests import (
    ATTRIBUTE_NAME,
    BILLING_MODE,
    INDEX_NAME,
    KEY_ATTRIBUTE_NAME,
    PLAIN_TABLE_NAME,
    SETTINGS_REPLICATION_MODE,
    TABLE_CLASS,
    TABLE_TO_MANAGE,
)
from magnetodb.operations.shapes import Boolean, Integer, List, Long, Shape, String, Structure

# ---- keys, indexes and settings of tables

ATTRIBUTE_DEFINITIONS: Final = List(
    Structure(
        "AttributeDefinition",
        {"AttributeName": KEY_ATTRIBUTE_NAME, "AttributeType": String(enum=("B", "N", "S"))},
        required=("AttributeName", "AttributeType"),
    )
)
KEY_SCHEMA_ELEMENT: Final = Structure(
    "KeySchemaElement",
    {"AttributeName": KEY_ATTRIBUTE_NAME, "KeyType": String(enum=("HASH", "RANGE"))},
    required=("AttributeName", "KeyType"),
)
KEY_SCHEMA: Final = List(KEY_SCHEMA_ELEMENT, 1, 2)
GLOBAL_KEY_SCHEMA: Final = List(KEY_SCHEMA_ELEMENT, 1)
PROJECTION: Final = Structure(
    "Projection",
    {
        "ProjectionType": String(enum=("ALL", "INCLUDE", "KEYS_ONLY")),
        "NonKeyAttributes": List(String(1, 255), 1, 20),
    },
)
PROVISIONED_THROUGHPUT: Final = Structure(
    "ProvisionedThroughput",
    {"ReadCapacityUnits": Long(1), "WriteCapacityUnits": Long(1)},
    required=("ReadCapacityUnits", "WriteCapacityUnits"),
)
ON_DEMAND_THROUGHPUT: Final = Structure(
    "OnDemandThroughput", {"MaxReadRequestUnits": Long(), "MaxWriteRequestUnits": Long()}
)
WARM_THROUGHPUT: Final = Structure("WarmThroughput", {"ReadUnitsPerSecond": Long(), "WriteUnitsPerSecond": Long()})
STREAM_SPECIFICATION: Final = Structure(
    "StreamSpecification",
    {
        "StreamEnabled": Boolean(),
        "StreamViewType": String(enum=("NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY")),
    },
    required=("StreamEnabled",),
)
SSE_SPECIFICATION: Final = Structure(
    "SSESpecification",
    {"Enabled": Boolean(), "SSEType": String(enum=("AES256", "KMS")), "KMSMasterKeyId": String()},
)
RESOURCE_ARN: Final = String(1, 1283)
TAG_KEY: Final = String(1, 128)
TAGS: Final = List(
    Structure("Tag", {"Key": TAG_KEY, "Value": String(0, 256)}, required=("Key", "Value")),
)
LOCAL_SECONDARY_INDEX: Final = Structure(
    "LocalSecondaryIndex",
    {"IndexName": INDEX_NAME, "KeySchema": KEY_SCHEMA, "Projection": PROJECTION},
    required=("IndexName", "KeySchema", "Projection"),
)
_INDEX_SETTINGS: Final[dict[str, Shape]] = {
    "ProvisionedThroughput": PROVISIONED_THROUGHPUT,
    "OnDemandThroughput": ON_DEMAND_THROUGHPUT,
    "WarmThroughput": WARM_THROUGHPUT,
}
_NEW_GLOBAL_INDEX: Final[dict[str, Shape]] = {
    "IndexName": INDEX_NAME,
    "KeySchema": GLOBAL_KEY_SCHEMA,
    "Projection": PROJECTION,
    **_INDEX_SETTINGS,
}
GLOBAL_SECONDARY_INDEX: Final = Structure(
    "GlobalSecondaryIndex", _NEW_GLOBAL_INDEX, required=("IndexName", "KeySchema", "Projection")
)
GLOBAL_SECONDARY_INDEX_UPDATE: Final = Structure(
    "GlobalSecondaryIndexUpdate",
    {
        "Update": Structure(
            "UpdateGlobalSecondaryIndexAction",
            {"IndexName": INDEX_NAME, **_INDEX_SETTINGS},
            required=("IndexName",),
        ),
        "Create": Structure(
            "CreateGlobalSecondaryIndexAction",
            _NEW_GLOBAL_INDEX,
            required=("IndexName", "KeySchema", "Projection"),
        ),
        "Delete": Structure("DeleteGlobalSecondaryIndexAction", {"IndexName": INDEX_NAME}, required=("IndexName",)),
    },
)

# ---- vectors and replicas: declared, so that a wrong request gets AWS's words before it is refused

_VECTOR_INDEX_MEMBERS: Final[dict[str, Shape]] = {
    "IndexName": INDEX_NAME,
    "VectorAttribute": Structure(
        "VectorAttributeDefinition", {"AttributeName": String(1, 255)}, required=("AttributeName",)
    ),
    "SearchSchema": List(
        Structure(
            "SearchSchemaElement",
            {"AttributeName": ATTRIBUTE_NAME, "SearchSchemaElementType": String(enum=("HASH", "INLINE_FILTER"))},
            required=("AttributeName", "SearchSchemaElementType"),
        ),
        1,
    ),
    "Projection": PROJECTION,
    "Dimensions": Long(1),
    "DistanceFunction": String(enum=("COSINE", "DOT_PRODUCT", "EUCLIDEAN")),
}
_VECTOR_INDEX_REQUIRED: Final = ("IndexName", "VectorAttribute", "Projection", "Dimensions", "DistanceFunction")
_READ_OVERRIDES: Final[dict[str, Shape]] = {
    "ProvisionedThroughputOverride": Structure("ProvisionedThroughputOverride", {"ReadCapacityUnits": Long(1)}),
    "OnDemandThroughputOverride": Structure("OnDemandThroughputOverride", {"MaxReadRequestUnits": Long()}),
}
_REPLICA_MEMBERS: Final[dict[str, Shape]] = {
    "RegionName": String(),
    "KMSMasterKeyId": String(),
    **_READ_OVERRIDES,
    "GlobalSecondaryIndexes": List(
        Structure("ReplicaGlobalSecondaryIndex", {"IndexName": INDEX_NAME, **_READ_OVERRIDES}, required=("IndexName",)),
        1,
    ),
    "TableClassOverride": TABLE_CLASS,
}
_REGION: Final[dict[str, Shape]] = {"RegionName": String()}
REPLICA_UPDATES: Final = List(
    Structure(
        "ReplicationGroupUpdate",
        {
            "Create": Structure("CreateReplicationGroupMemberAction", _REPLICA_MEMBERS, required=("RegionName",)),
            "Update": Structure("UpdateReplicationGroupMemberAction", _REPLICA_MEMBERS, required=("RegionName",)),
            "Delete": Structure("DeleteReplicationGroupMemberAction", _REGION, required=("RegionName",)),
            "Disassociate": Structure(
                "DisassociateReplicationGroupMemberAction",
                {**_REGION, "DisassociationMode": String(enum=("WAIT_FOR_REPLICATION",))},
                required=("RegionName", "DisassociationMode"),
            ),
        },
    ),
    1,
)
WITNESS_UPDATES: Final = List(
    Structure(
        "GlobalTableWitnessGroupUpdate",
        {
            "Create": Structure("CreateGlobalTableWitnessGroupMemberAction", _REGION, required=("RegionName",)),
            "Delete": Structure("DeleteGlobalTableWitnessGroupMemberAction", _REGION, required=("RegionName",)),
        },
    ),
    1,
    1,
)
VECTOR_INDEX_UPDATES: Final = List(
    Structure(
        "VectorIndexUpdate",
        {
            "Create": Structure("CreateVectorIndexAction", _VECTOR_INDEX_MEMBERS, required=_VECTOR_INDEX_REQUIRED),
            "Delete": Structure("DeleteVectorIndexAction", {"IndexName": INDEX_NAME}, required=("IndexName",)),
        },
    )
)

# ---- tables

CREATE_TABLE: Final = Structure(
    "CreateTableInput",
    {
        "AttributeDefinitions": ATTRIBUTE_DEFINITIONS,
        "TableName": TABLE_TO_MANAGE,
        "KeySchema": KEY_SCHEMA,
        "LocalSecondaryIndexes": List(LOCAL_SECONDARY_INDEX),
        "GlobalSecondaryIndexes": List(GLOBAL_SECONDARY_INDEX),
        "BillingMode": BILLING_MODE,
        "ProvisionedThroughput": PROVISIONED_THROUGHPUT,
        "StreamSpecification": STREAM_SPECIFICATION,
        "SSESpecification": SSE_SPECIFICATION,
        "Tags": TAGS,
        "TableClass": TABLE_CLASS,
        "DeletionProtectionEnabled": Boolean(),
        "WarmThroughput": WARM_THROUGHPUT,
        "ResourcePolicy": String(),
        "OnDemandThroughput": ON_DEMAND_THROUGHPUT,
        "GlobalTableSourceArn": String(1, 1024),
        "GlobalTableSettingsReplicationMode": SETTINGS_REPLICATION_MODE,
        "VectorIndexes": List(Structure("VectorIndex", _VECTOR_INDEX_MEMBERS, required=_VECTOR_INDEX_REQUIRED)),
    },
    required=("TableName",),
)
UPDATE_TABLE: Final = Structure(
    "UpdateTableInput",
    {
        "AttributeDefinitions": ATTRIBUTE_DEFINITIONS,
        "TableName": TABLE_TO_MANAGE,
        "BillingMode": BILLING_MODE,
        "ProvisionedThroughput": PROVISIONED_THROUGHPUT,
        "GlobalSecondaryIndexUpdates": List(GLOBAL_SECONDARY_INDEX_UPDATE),
        "StreamSpecification": STREAM_SPECIFICATION,
        "SSESpecification": SSE_SPECIFICATION,
        "ReplicaUpdates": REPLICA_UPDATES,
        "TableClass": TABLE_CLASS,
        "DeletionProtectionEnabled": Boolean(),
        "MultiRegionConsistency": String(enum=("EVENTUAL", "STRONG")),
        "GlobalTableWitnessUpdates": WITNESS_UPDATES,
        "OnDemandThroughput": ON_DEMAND_THROUGHPUT,
        "WarmThroughput": WARM_THROUGHPUT,
        "GlobalTableSettingsReplicationMode": SETTINGS_REPLICATION_MODE,
        "DisassociationProtectionEnabled": Boolean(),
        "VectorIndexUpdates": VECTOR_INDEX_UPDATES,
    },
    required=("TableName",),
)
DESCRIBE_TABLE: Final = Structure("DescribeTableInput", {"TableName": TABLE_TO_MANAGE}, required=("TableName",))
DESCRIBE_TIME_TO_LIVE: Final = Structure(
    "DescribeTimeToLiveInput", {"TableName": TABLE_TO_MANAGE}, required=("TableName",)
)
DELETE_TABLE: Final = Structure("DeleteTableInput", {"TableName": TABLE_TO_MANAGE}, required=("TableName",))
LIST_TABLES: Final = Structure(
    "ListTablesInput", {"ExclusiveStartTableName": PLAIN_TABLE_NAME, "Limit": Integer(1, 100)}
)
LIST_TAGS_OF_RESOURCE: Final = Structure(
    "ListTagsOfResourceInput", {"ResourceArn": RESOURCE_ARN, "NextToken": String()}, required=("ResourceArn",)
)
TAG_RESOURCE: Final = Structure(
    "TagResourceInput", {"ResourceArn": RESOURCE_ARN, "Tags": TAGS}, required=("ResourceArn", "Tags")
)
UNTAG_RESOURCE: Final = Structure(
    "UntagResourceInput",
    {"ResourceArn": RESOURCE_ARN, "TagKeys": List(TAG_KEY)},
    required=("ResourceArn", "TagKeys"),
)
UPDATE_TIME_TO_LIVE: Final = Structure(
    "UpdateTimeToLiveInput",
    {
        "TableName": TABLE_TO_MANAGE,
        "TimeToLiveSpecification": Structure(
            "TimeToLiveSpecification",
            {"Enabled": Boolean(), "AttributeName": String(1, 255)},
            required=("Enabled", "AttributeName"),
        ),
    },
    required=("TableName", "TimeToLiveSpecification"),
)
DESCRIBE_ENDPOINTS: Final = Structure("DescribeEndpointsRequest", {})
DESCRIBE_LIMITS: Final = Structure("DescribeLimitsInput", {})
