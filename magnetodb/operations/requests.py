"""The request of each operation, member by member, in the names, the order and the bounds of botocore's service model.

A test compares these literals with botocore; where they differ on purpose, the test's table says why. Choices stand
in the order of the service's messages, which is not always that of the model.
"""

from typing import Final

from magnetodb.operations.shapes import Blob, Boolean, Integer, List, Long, Map, Shape, String, Structure, TableName

# ---- names and texts

TABLE_NAME: Final = TableName()
TABLE_TO_MANAGE: Final = TableName(own_words=True)
PLAIN_TABLE_NAME: Final = String(3, 255, "[a-zA-Z0-9_.-]+")
INDEX_NAME: Final = String(3, 255, "[a-zA-Z0-9_.-]+")
KEY_ATTRIBUTE_NAME: Final = String(1, 255)
ATTRIBUTE_NAME: Final = String(None, 65535)
ATTRIBUTE_NAMES: Final = List(ATTRIBUTE_NAME, 1)
EXPRESSION: Final = String()
EXPRESSION_ATTRIBUTE_NAMES: Final = Map(ATTRIBUTE_NAME)

# ---- choices

RETURN_VALUES: Final = String(enum=("ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"))
RETURN_VALUES_ON_FAILURE: Final = String(enum=("ALL_OLD", "NONE"))
RETURN_CONSUMED_CAPACITY: Final = String(enum=("INDEXES", "TOTAL", "NONE"))
RETURN_ITEM_COLLECTION_METRICS: Final = String(enum=("SIZE", "NONE"))
CONDITIONAL_OPERATOR: Final = String(enum=("OR", "AND"))
SELECT: Final = String(enum=("SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"))
COMPARISON_OPERATOR: Final = String(
    enum=(
        "IN",
        "NULL",
        "BETWEEN",
        "LT",
        "NOT_CONTAINS",
        "EQ",
        "GT",
        "NOT_NULL",
        "NE",
        "LE",
        "BEGINS_WITH",
        "GE",
        "CONTAINS",
    )
)
BILLING_MODE: Final = String(enum=("PROVISIONED", "PAY_PER_REQUEST"))
TABLE_CLASS: Final = String(enum=("STANDARD", "STANDARD_INFREQUENT_ACCESS"))
SETTINGS_REPLICATION_MODE: Final = String(enum=("ENABLED", "DISABLED", "ENABLED_WITH_OVERRIDES"))

# ---- attribute values

ATTRIBUTE_VALUE: Final = Structure(
    "AttributeValue",
    {
        "S": String(),
        "N": String(),
        "B": Blob(),
        "SS": List(String()),
        "NS": List(String()),
        "BS": List(Blob()),
    },
    deferred=True,
)
ATTRIBUTE_VALUE.members["M"] = Map(ATTRIBUTE_VALUE)
ATTRIBUTE_VALUE.members["L"] = List(ATTRIBUTE_VALUE)
ATTRIBUTE_VALUE.members["NULL"] = Boolean()
ATTRIBUTE_VALUE.members["BOOL"] = Boolean()

ATTRIBUTE_MAP: Final = Map(ATTRIBUTE_VALUE)
ATTRIBUTE_VALUES: Final = List(ATTRIBUTE_VALUE)

# ---- legacy conditions

EXPECTED: Final = Map(
    Structure(
        "ExpectedAttributeValue",
        {
            "Value": ATTRIBUTE_VALUE,
            "Exists": Boolean(),
            "ComparisonOperator": COMPARISON_OPERATOR,
            "AttributeValueList": ATTRIBUTE_VALUES,
        },
    )
)
CONDITIONS: Final = Map(
    Structure(
        "Condition",
        {"AttributeValueList": ATTRIBUTE_VALUES, "ComparisonOperator": COMPARISON_OPERATOR},
        required=("ComparisonOperator",),
    )
)
ATTRIBUTE_UPDATES: Final = Map(
    Structure(
        "AttributeValueUpdate",
        {"Value": ATTRIBUTE_VALUE, "Action": String(enum=("ADD", "PUT", "DELETE"))},
    )
)

# ---- items

PUT_ITEM: Final = Structure(
    "PutItemInput",
    {
        "TableName": TABLE_NAME,
        "Item": ATTRIBUTE_MAP,
        "Expected": EXPECTED,
        "ReturnValues": RETURN_VALUES,
        "ReturnConsumedCapacity": RETURN_CONSUMED_CAPACITY,
        "ReturnItemCollectionMetrics": RETURN_ITEM_COLLECTION_METRICS,
        "ConditionalOperator": CONDITIONAL_OPERATOR,
        "ConditionExpression": EXPRESSION,
        "ExpressionAttributeNames": EXPRESSION_ATTRIBUTE_NAMES,
        "ExpressionAttributeValues": ATTRIBUTE_MAP,
        "ReturnValuesOnConditionCheckFailure": RETURN_VALUES_ON_FAILURE,
    },
    required=("TableName", "Item"),
)
GET_ITEM: Final = Structure(
    "GetItemInput",
    {
        "TableName": TABLE_NAME,
        "Key": ATTRIBUTE_MAP,
        "AttributesToGet": ATTRIBUTE_NAMES,
        "ConsistentRead": Boolean(),
        "ReturnConsumedCapacity": RETURN_CONSUMED_CAPACITY,
        "ProjectionExpression": EXPRESSION,
        "ExpressionAttributeNames": EXPRESSION_ATTRIBUTE_NAMES,
    },
    required=("TableName", "Key"),
)
UPDATE_ITEM: Final = Structure(
    "UpdateItemInput",
    {
        "TableName": TABLE_NAME,
        "Key": ATTRIBUTE_MAP,
        "AttributeUpdates": ATTRIBUTE_UPDATES,
        "Expected": EXPECTED,
        "ConditionalOperator": CONDITIONAL_OPERATOR,
        "ReturnValues": RETURN_VALUES,
        "ReturnConsumedCapacity": RETURN_CONSUMED_CAPACITY,
        "ReturnItemCollectionMetrics": RETURN_ITEM_COLLECTION_METRICS,
        "UpdateExpression": EXPRESSION,
        "ConditionExpression": EXPRESSION,
        "ExpressionAttributeNames": EXPRESSION_ATTRIBUTE_NAMES,
        "ExpressionAttributeValues": ATTRIBUTE_MAP,
        "ReturnValuesOnConditionCheckFailure": RETURN_VALUES_ON_FAILURE,
    },
    required=("TableName", "Key"),
)
DELETE_ITEM: Final = Structure(
    "DeleteItemInput",
    {
        "TableName": TABLE_NAME,
        "Key": ATTRIBUTE_MAP,
        "Expected": EXPECTED,
        "ConditionalOperator": CONDITIONAL_OPERATOR,
        "ReturnValues": RETURN_VALUES,
        "ReturnConsumedCapacity": RETURN_CONSUMED_CAPACITY,
        "ReturnItemCollectionMetrics": RETURN_ITEM_COLLECTION_METRICS,
        "ConditionExpression": EXPRESSION,
        "ExpressionAttributeNames": EXPRESSION_ATTRIBUTE_NAMES,
        "ExpressionAttributeValues": ATTRIBUTE_MAP,
        "ReturnValuesOnConditionCheckFailure": RETURN_VALUES_ON_FAILURE,
    },
    required=("TableName", "Key"),
)
QUERY: Final = Structure(
    "QueryInput",
    {
        "TableName": TABLE_NAME,
        "IndexName": INDEX_NAME,
        "Select": SELECT,
        "AttributesToGet": ATTRIBUTE_NAMES,
        "Limit": Integer(1),
        "ConsistentRead": Boolean(),
        "KeyConditions": CONDITIONS,
        "QueryFilter": CONDITIONS,
        "ConditionalOperator": CONDITIONAL_OPERATOR,
        "ScanIndexForward": Boolean(),
        "ExclusiveStartKey": ATTRIBUTE_MAP,
        "ReturnConsumedCapacity": RETURN_CONSUMED_CAPACITY,
        "ProjectionExpression": EXPRESSION,
        "FilterExpression": EXPRESSION,
        "KeyConditionExpression": EXPRESSION,
        "ExpressionAttributeNames": EXPRESSION_ATTRIBUTE_NAMES,
        "ExpressionAttributeValues": ATTRIBUTE_MAP,
    },
    required=("TableName",),
)
SCAN: Final = Structure(
    "ScanInput",
    {
        "TableName": TABLE_NAME,
        "IndexName": INDEX_NAME,
        "AttributesToGet": ATTRIBUTE_NAMES,
        "Limit": Integer(1),
        "Select": SELECT,
        "ScanFilter": CONDITIONS,
        "ConditionalOperator": CONDITIONAL_OPERATOR,
        "ExclusiveStartKey": ATTRIBUTE_MAP,
        "ReturnConsumedCapacity": RETURN_CONSUMED_CAPACITY,
        "TotalSegments": Integer(1, 1_000_000),
        "Segment": Integer(0, 999_999),
        "ProjectionExpression": EXPRESSION,
        "FilterExpression": EXPRESSION,
        "ExpressionAttributeNames": EXPRESSION_ATTRIBUTE_NAMES,
        "ExpressionAttributeValues": ATTRIBUTE_MAP,
        "ConsistentRead": Boolean(),
    },
    required=("TableName",),
)

# ---- batches and transactions

BATCH_GET_ITEM: Final = Structure(
    "BatchGetItemInput",
    {
        "RequestItems": Map(
            Structure(
                "KeysAndAttributes",
                {
                    "Keys": List(ATTRIBUTE_MAP, 1, 100),
                    "AttributesToGet": ATTRIBUTE_NAMES,
                    "ConsistentRead": Boolean(),
                    "ProjectionExpression": EXPRESSION,
                    "ExpressionAttributeNames": EXPRESSION_ATTRIBUTE_NAMES,
                },
                required=("Keys",),
            ),
            1,
            100,
        ),
        "ReturnConsumedCapacity": RETURN_CONSUMED_CAPACITY,
    },
    required=("RequestItems",),
)
BATCH_WRITE_ITEM: Final = Structure(
    "BatchWriteItemInput",
    {
        "RequestItems": Map(
            List(
                Structure(
                    "WriteRequest",
                    {
                        "PutRequest": Structure("PutRequest", {"Item": ATTRIBUTE_MAP}, required=("Item",)),
                        "DeleteRequest": Structure("DeleteRequest", {"Key": ATTRIBUTE_MAP}, required=("Key",)),
                    },
                ),
                1,
                25,
            ),
            1,
            25,
        ),
        "ReturnConsumedCapacity": RETURN_CONSUMED_CAPACITY,
        "ReturnItemCollectionMetrics": RETURN_ITEM_COLLECTION_METRICS,
    },
    required=("RequestItems",),
)
_CONDITION: Final[dict[str, Shape]] = {
    "ConditionExpression": EXPRESSION,
    "ExpressionAttributeNames": EXPRESSION_ATTRIBUTE_NAMES,
    "ExpressionAttributeValues": ATTRIBUTE_MAP,
    "ReturnValuesOnConditionCheckFailure": RETURN_VALUES_ON_FAILURE,
}
TRANSACT_WRITE_ITEMS: Final = Structure(
    "TransactWriteItemsInput",
    {
        "TransactItems": List(
            Structure(
                "TransactWriteItem",
                {
                    "ConditionCheck": Structure(
                        "ConditionCheck",
                        {"Key": ATTRIBUTE_MAP, "TableName": TABLE_NAME, **_CONDITION},
                        required=("Key", "TableName", "ConditionExpression"),
                    ),
                    "Put": Structure(
                        "Put",
                        {"Item": ATTRIBUTE_MAP, "TableName": TABLE_NAME, **_CONDITION},
                        required=("Item", "TableName"),
                    ),
                    "Delete": Structure(
                        "Delete",
                        {"Key": ATTRIBUTE_MAP, "TableName": TABLE_NAME, **_CONDITION},
                        required=("Key", "TableName"),
                    ),
                    "Update": Structure(
                        "Update",
                        {
                            "Key": ATTRIBUTE_MAP,
                            "UpdateExpression": EXPRESSION,
                            "TableName": TABLE_NAME,
                            **_CONDITION,
                        },
                        required=("Key", "UpdateExpression", "TableName"),
                    ),
                },
            ),
            1,
            100,
        ),
        "ReturnConsumedCapacity": RETURN_CONSUMED_CAPACITY,
        "ReturnItemCollectionMetrics": RETURN_ITEM_COLLECTION_METRICS,
        "ClientRequestToken": String(1, 36),
    },
    required=("TransactItems",),
)
TRANSACT_GET_ITEMS: Final = Structure(
    "TransactGetItemsInput",
    {
        "TransactItems": List(
            Structure(
                "TransactGetItem",
                {
                    "Get": Structure(
                        "Get",
                        {
                            "Key": ATTRIBUTE_MAP,
                            "TableName": TABLE_NAME,
                            "ProjectionExpression": EXPRESSION,
                            "ExpressionAttributeNames": EXPRESSION_ATTRIBUTE_NAMES,
                        },
                        required=("Key", "TableName"),
                    )
                },
                required=("Get",),
            ),
            1,
            100,
        ),
        "ReturnConsumedCapacity": RETURN_CONSUMED_CAPACITY,
    },
    required=("TransactItems",),
)

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

REQUESTS: Final[dict[str, Structure]] = {
    "BatchGetItem": BATCH_GET_ITEM,
    "BatchWriteItem": BATCH_WRITE_ITEM,
    "CreateTable": CREATE_TABLE,
    "DeleteItem": DELETE_ITEM,
    "DeleteTable": DELETE_TABLE,
    "DescribeEndpoints": DESCRIBE_ENDPOINTS,
    "DescribeLimits": DESCRIBE_LIMITS,
    "DescribeTable": DESCRIBE_TABLE,
    "DescribeTimeToLive": DESCRIBE_TIME_TO_LIVE,
    "GetItem": GET_ITEM,
    "ListTables": LIST_TABLES,
    "ListTagsOfResource": LIST_TAGS_OF_RESOURCE,
    "PutItem": PUT_ITEM,
    "Query": QUERY,
    "Scan": SCAN,
    "TagResource": TAG_RESOURCE,
    "UntagResource": UNTAG_RESOURCE,
    "TransactGetItems": TRANSACT_GET_ITEMS,
    "TransactWriteItems": TRANSACT_WRITE_ITEMS,
    "UpdateItem": UPDATE_ITEM,
    "UpdateTable": UPDATE_TABLE,
    "UpdateTimeToLive": UPDATE_TIME_TO_LIVE,
}
