"""What the writes of one item share: their condition, and what they answer."""

from typing import Any

from magnetodb.errors import ConditionalCheckFailedException, ValidationException
from magnetodb.expressions.conditions import Condition, parse_condition
from magnetodb.expressions.legacy import expected_condition
from magnetodb.expressions.placeholders import Placeholders
from magnetodb.model.capacity import Capacity
from magnetodb.model.derived_rows import projected
from magnetodb.model.items import ITEM_BYTES_MAX, StoredItem
from magnetodb.model.rows import RowKey
from magnetodb.storage.tables import TableInfo


def check_return_values(request: dict[str, Any]) -> bool:
    """Whether the old item is to be returned; raises ValidationException where anything else is asked for, which only
    UpdateItem can return."""
    wanted = request.get("ReturnValues")
    if wanted is None or wanted == "NONE":
        return False
    if wanted != "ALL_OLD":
        raise ValidationException("ReturnValues can only be ALL_OLD or NONE")
    return True


def condition_of(request: dict[str, Any], placeholders: Placeholders) -> Condition | None:
    """The condition of ConditionExpression, or of the legacy Expected; None where there is none."""
    text = request.get("ConditionExpression")
    if text is not None:
        return parse_condition(text, placeholders)
    return expected_condition(request.get("Expected"), request.get("ConditionalOperator"))


def check_condition(condition: Condition, old: StoredItem | None, request: dict[str, Any]) -> None:
    """Raise ConditionalCheckFailedException, with the item if the request asks for it, unless the condition holds."""
    if condition.holds(None if old is None else old.item):
        return
    if old is not None and request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
        raise ConditionalCheckFailedException("The conditional request failed", Item=old.json)
    raise ConditionalCheckFailedException("The conditional request failed")


def check_local_index_sizes(table: TableInfo, new: StoredItem, message: str) -> None:
    """Raise ValidationException where an item and its row in a local index are together larger than an item may be.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html, "Item size for tables with
    LSIs".
    """
    if new.size <= ITEM_BYTES_MAX // 2:
        # No row of an index is larger than its item.
        return
    for codec in table.keys.maintained:
        assert codec.index is not None
        has_row = codec.index.kind == "LSI" and codec.row_key(new.item) is not None
        if has_row and new.size + projected(codec, new).size > ITEM_BYTES_MAX:
            raise ValidationException(message)


def write_answer(
    request: dict[str, Any], table: TableInfo, key: RowKey, old: StoredItem | None, new: StoredItem | None
) -> dict[str, Any]:
    """ConsumedCapacity and ItemCollectionMetrics, where the request asks for them."""
    answer: dict[str, Any] = {}
    wanted = request.get("ReturnConsumedCapacity")
    if wanted is not None and wanted != "NONE":
        capacity = Capacity(table.keys)
        capacity.add_item_write(old, new)
        answer["ConsumedCapacity"] = capacity.consumed(wanted)
    if request.get("ReturnItemCollectionMetrics") == "SIZE" and table.table.local_indexes:
        answer["ItemCollectionMetrics"] = item_collection_metrics(table, key)
    return answer


def item_collection_metrics(table: TableInfo, key: RowKey) -> dict[str, Any]:
    """The estimate is the range that every collection below AWS's limit of 10 GB begins with: sizes of partitions are
    not counted here."""
    [partition] = table.table.key.partition
    return {
        "ItemCollectionKey": {partition: table.keys.base.key_attributes(key)[partition]},
        "SizeEstimateRangeGB": [0.0, 1.0],
    }
