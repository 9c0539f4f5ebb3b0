"""The request of each operation, member by member, in the names, the order and the bounds of botocore's service model.

A test compares these literals with botocore; where they differ on purpose, the test's table says why. Choices stand
in the order of the service's messages, which is not always that of the model.
"""

from typing import Final

from magnetodb.operations.item_requests import (
    BATCH_GET_ITEM,
    BATCH_WRITE_ITEM,
    DELETE_ITEM,
    GET_ITEM,
    PUT_ITEM,
    QUERY,
    SCAN,
    TRANSACT_GET_ITEMS,
    TRANSACT_WRITE_ITEMS,
    UPDATE_ITEM,
)
from magnetodb.operations.shapes import Structure
from magnetodb.operations.table_requests import (
    CREATE_TABLE,
    DELETE_TABLE,
    DESCRIBE_ENDPOINTS,
    DESCRIBE_LIMITS,
    DESCRIBE_TABLE,
    DESCRIBE_TIME_TO_LIVE,
    LIST_TABLES,
    LIST_TAGS_OF_RESOURCE,
    TAG_RESOURCE,
    UNTAG_RESOURCE,
    UPDATE_TABLE,
    UPDATE_TIME_TO_LIVE,
)

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
