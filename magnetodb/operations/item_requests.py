"""The requests of the operations on items, batches and transactions: see `requests`."""

from typing import Final

from magnetodb.operations.shapes import Blob, Boolean, Integer, List, Map, Shape, String, Structure, TableName

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
